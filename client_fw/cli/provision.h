/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_PROVISION_H
#define BULLA_CLI_PROVISION_H

/* The parts of `provision`: command line and report (provision.c), what goes into the flash
 * (provision_files.c), and the flash itself (provision_build.c). */

#include "device.h"
#include "layout.h"

#define FACTORY_WHY_SIZE 1024u
/* The list is only verified here; digests of its groups are enough, up to 256 MiB. */
#define FACTORY_WORKSPACE_SIZE 67584u
#define FACTORY_PIECES         2u

/* An app, where it goes, and what the device says of it. */
struct piece {
    const char *app_path, *envelope_path;
    struct host_buffer app, envelope;
    int32_t slot;
    struct bulla_installed installed;
};

struct factory {
    const struct arguments *arguments;
    uint32_t flash_size;
    struct bulla_identity identity;
    const struct bulla_chip *chip;
    struct layout layout;
    bool otadata_set;
    struct host_buffer trust;
    bool trust_twice;                    /* there is room for a second copy */
    struct piece pieces[FACTORY_PIECES]; /* --app, then --factory-app */
    uint32_t piece_count;
    struct host_buffer bootloader, file_system;
    struct bulla_partition file_system_row; /* size 0: nothing goes there */
    struct flash_sim sim;
    struct bulla_client client;
    uint8_t trust_store[BULLA_TRUST_SIZE_MAX];
    uint8_t workspace[FACTORY_WORKSPACE_SIZE];
    const struct piece *judged; /* the piece that was judged last */
    bool manifest_known;        /* client.reader.manifest was signed by somebody trusted */
    char why[FACTORY_WHY_SIZE];
    char lost[FACTORY_WHY_SIZE]; /* what the flash that is replaced held; empty: nothing */
};

/* What would be lost is said, or refused: -1, or the exit code. (provision_lost.c) */
int provision_check_replaced(struct host_tool *tool, struct factory *f);

/* Read and judge all files; -1, or the exit code after the reason was told. */
int provision_read(struct host_tool *tool, struct factory *f);

/* Lay out the flash in f->sim and judge it with the code that will run it. f->why says more than
 * the status, if it says anything. */
enum bulla_status provision_build(struct factory *f);

/* The piece that boots first. */
const struct piece *provision_first(const struct factory *f);

#endif
