/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_LAYOUT_H
#define BULLA_CLI_LAYOUT_H

/* Partition tables on the host: CSV as ESP-IDF's gen_esp32part.py reads and writes it, the
 * layouts of `bulla-device provision`, and the conversion of a table that has no room for the
 * device state. What a device accepts is judged by bulla/partition.h; layout_check asks it.
 *
 * Functions that can refuse return false and leave one sentence without a full stop in `why`;
 * *out is then empty. No function prints unless its name says so. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bulla/partition.h"

#define LAYOUT_WHY_SIZE   256u
#define LAYOUT_STATE_SIZE 0x10000u /* the bulla partition of our own layouts */
/* With its MD5 row a table holds one row less than without. */
#define LAYOUT_ROWS_MAX (BULLA_PARTITIONS_MAX - 1u)

struct layout {
    struct bulla_partition rows[BULLA_PARTITIONS_MAX];
    uint32_t count;
    bool name_cut[BULLA_PARTITIONS_MAX]; /* the CSV's name was longer than a label */
};

/* CSV text (UTF-8, or UTF-16/32 with a byte order mark) to rows, with gen_esp32part.py's rules
 * and refusals. Says nothing about a flash size; layout_check does. */
bool layout_from_csv(const char *text, size_t len, struct layout *out, char why[LAYOUT_WHY_SIZE]);

/* ---- layout_make.c: layouts of our own ---- */

#define LAYOUT_APP_MIN   0x100000u /* less room than this is not given by mistake */
#define LAYOUT_NOTES_MAX 4u

struct layout_plan {
    const char *kind;       /* single, two, three, in-place; NULL: what suits the flash */
    const char *style;      /* glenn20 (NULL) or lobo: whose labels and sizes */
    uint32_t flash_size;    /* 2M, 4M, 8M or 16M */
    uint32_t app_size;      /* of each app, multiple of 64 KiB; 0: the kind's default */
    uint32_t firmware_size; /* apps are enlarged until they hold it; 0: nothing to hold */
    uint32_t fs_size;       /* of the file system, lowered to what fits */
    uint32_t modules_size;  /* multiple of 64 KiB; 0: no frozen modules */
    bool fs_given;          /* else the file system takes all that is left */
    bool small;             /* apps below LAYOUT_APP_MIN are meant */
    bool no_state;          /* without the bulla partition: tables as others make them */
};

/* What was not made as it was asked for, one sentence each without a full stop. */
struct layout_notes {
    uint32_t count;
    char text[LAYOUT_NOTES_MAX][LAYOUT_WHY_SIZE];
};

/* The bulla partition lies at the end of the flash, frozen modules before it; the file system
 * (data/fat) takes what is left behind the apps and is absent when nothing is. */
bool layout_make(const struct layout_plan *plan, struct layout *out, struct layout_notes *notes,
                 char why[LAYOUT_WHY_SIZE]);

/* single, two, three or in-place? */
bool layout_is_kind(const char *name);

/* layout_make with nothing but these, apps as small as they are. */
bool layout_generate(const char *kind, uint32_t flash_size, uint32_t app_size, struct layout *out,
                     char why[LAYOUT_WHY_SIZE]);

/* ---- layout.c ---- */

void layout_append(struct layout *layout, uint8_t type, uint8_t subtype, uint32_t offset,
                   uint32_t size, const char *label);

/* Would a device with this much flash take the table? Everything bulla_layout_decode judges.
 * A missing bulla partition is not refused here: see layout_has_state and layout_convert. */
bool layout_check(const struct layout *layout, uint32_t flash_size, char why[LAYOUT_WHY_SIZE]);
/* The same as a status: the reason. */
enum bulla_status layout_judge(const struct layout *layout, uint32_t flash_size,
                               char why[LAYOUT_WHY_SIZE]);

/* Is there a partition that can hold the device state (0x40/0x00, at least 0x4000 bytes)? */
bool layout_has_state(const struct layout *layout);

/* data/fat, spiffs or littlefs. */
bool layout_is_file_system(const struct bulla_partition *row);

/* The table with a bulla partition at the end of the flash: in free room if there is some,
 * else the file system that lies there gives it up. A table that has one is copied. */
bool layout_convert(const struct layout *layout, uint32_t flash_size, struct layout *out,
                    char why[LAYOUT_WHY_SIZE]);

/* Binary form with MD5 row, padded with 0xff. False when there are more than LAYOUT_ROWS_MAX
 * rows: a table read from a flash without MD5 row can hold one more. */
bool layout_encode(const struct layout *layout, uint8_t table[BULLA_PARTITION_TABLE_SIZE],
                   char why[LAYOUT_WHY_SIZE]);

/* Rows of a binary table, for showing and converting. Row form, labels, end and MD5 are
 * checked; where the partitions lie is not: layout_check. BULLA_OK or the reason. */
enum bulla_status layout_decode(struct bulla_bytes table, struct layout *out,
                                char why[LAYOUT_WHY_SIZE]);

/* Write the sentence; always false. */
bool layout_refuse(char why[LAYOUT_WHY_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Text of others in a message of ours: printable ASCII as it is, the rest as \xNN, cut when
 * long. */
#define LAYOUT_SHOWN_SIZE 84u
void layout_show(const char *text, size_t len, char shown[LAYOUT_SHOWN_SIZE]);

/* One CSV line a row, as gen_esp32part.py prints them. A character of a name that a CSV line
 * cannot carry is printed as \xNN. */
void layout_print_csv(FILE *out, const struct layout *layout);

/* The rows as a table for people, with sizes in bytes; labels are escaped. */
void layout_print_table(FILE *out, const struct layout *layout);

/* One line "warning: ..." for each thing that devices and ESP-IDF's tools let through and nobody
 * wants: names cut or misleading, one slot only, otadata without slots, read-only apps, empty names
 * and partitions, a kind of data that is there twice. Returns how many. */
uint32_t layout_print_warnings(FILE *out, const struct layout *layout);

/* One line for each partition that is not where and what it was: moved, resized, gone, new.
 * Returns how many; 0 means that all data stays where it is looked for. */
uint32_t layout_print_differences(FILE *out, const struct layout *flashed,
                                  const struct layout *wanted);

#endif
