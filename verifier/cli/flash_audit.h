/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLASH_AUDIT_H
#define FLASH_AUDIT_H

/* A whole flash, taken apart by the device's own code over a copy in memory. */

#include "bulla/client.h"
#include "host.h"

#define AUDIT_SLOTS_MAX (BULLA_SLOTS_MAX + 1u) /* and factory */

/* One app slot. */
struct audited_slot {
    int32_t slot;
    const struct bulla_partition *partition;
    bool blank;                   /* all 0xff */
    enum bulla_status status;     /* what the device's code says of it, with our trust */
    struct bulla_installed found; /* what it judged */
    bool has_envelope;            /* a head is stored for this slot */
    bool decoded;                 /* ... and its manifest could be read (proves nothing) */
    struct bulla_manifest claim;
    uint8_t head[BULLA_HEAD_MAX]; /* claim points into it */
    uint32_t matches;             /* bit i: has the image that the envelope of slots[i] names */
};

struct flash_audit {
    uint8_t *bytes; /* the dump, and behind it room for an empty state if it has none */
    size_t dump_len;
    size_t len;
    struct bulla_flash flash;
    enum bulla_status table_status;
    enum bulla_status open_status;  /* what a device's start would end with */
    enum bulla_status state_status; /* of the bulla partition; PARTITION_NO_STATE: none */
    bool assumed_identity;          /* chip and format are taken from the images */
    struct bulla_client client;     /* trust: ours */
    uint8_t trust_store[BULLA_TRUST_SIZE_MAX];
    bool has_device_trust;
    struct bulla_trust device_trust; /* spans point into trust_store */
    struct audited_slot slots[AUDIT_SLOTS_MAX];
    uint32_t slot_count;
    /* what the device's code would do, with the device's own trust if it has one */
    enum bulla_status boot_status;
    struct bulla_boot_result boot;
    int32_t idf_slot; /* what ESP-IDF's bootloader would select, with rollback */
    uint32_t idf_rewrites;
};

/* Takes over `dump` (malloc'ed). BULLA_E_IO: out of memory. Everything else is told by the members;
 * table_status other than BULLA_OK leaves the rest empty. Large: allocate it. */
BULLA_MUST_CHECK enum bulla_status flash_audit_run(struct flash_audit *audit,
                                                   struct host_buffer *dump,
                                                   const struct bulla_trust *trust);
void flash_audit_free(struct flash_audit *audit);

/* A device of ours, and it would not start anything: open_status says why. */
BULLA_MUST_CHECK bool flash_audit_refuses(const struct flash_audit *audit);

/* The audited slot of this index; NULL: none. */
const struct audited_slot *flash_audit_slot(const struct flash_audit *audit, int32_t slot);
struct bulla_bytes flash_audit_table(const struct flash_audit *audit);

/* Do both stores trust the same keys for the same components at the same threshold? */
BULLA_MUST_CHECK bool flash_audit_same_trust(const struct bulla_trust *a,
                                             const struct bulla_trust *b);

/* ---- flash_names.c ---- */

/* "app, ota_0"; "VALID". Never empty. */
void flash_kind_text(const struct bulla_partition *partition, char *buf, size_t size);
const char *flash_ota_state_name(uint32_t state);
/* Label of a slot, escaped; "none" if there is no such slot. */
void flash_label(const struct flash_audit *audit, int32_t slot, char *buf, size_t size);
#define LABEL_TEXT_MAX 160u /* 16 bytes, each escaped to at most 8 characters */

/* ---- flash_state.c ---- */

void flash_report_state(struct host_tool *tool, const struct flash_audit *audit);

/* ---- flash_modules.c ---- */

/* BULLA_E_MODULE_DIGEST: some that a lookup could ask for do not verify. */
BULLA_MUST_CHECK enum bulla_status flash_report_modules(struct host_tool *tool,
                                                        struct flash_audit *audit);

/* ---- flash_report.c ---- */

void flash_report(struct host_tool *tool, const struct flash_audit *audit);
/* One sentence: what boots next and why. */
void flash_boot_sentence(const struct flash_audit *audit, char *buf, size_t size);

#endif
