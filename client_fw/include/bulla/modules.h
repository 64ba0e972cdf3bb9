/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MODULES_H
#define BULLA_MODULES_H

/* Frozen modules: named files in a read-only area of flash (partition `modules`), read where they
 * lie. bulla_client_update brings them, sealed: with an app, or alone.
 *
 * What one envelope brought is a pack: a sector with the envelope's head, then its modules in the
 * envelope's order, each from a sector on and without a gap. The directory, one record of the
 * device state, names the packs; what it does not name is free. A pack that came with an app counts
 * while a slot holds that release, and is looked up while that slot runs; one that came alone
 * counts until its modules were deleted or replaced. docs/FORMAT.md, "Modules area".
 *
 * Who interprets files decides whether one of the file system goes before a module of the same
 * name; where modules are meant to be overridden for a while it does (docs/INTEGRATING.md). */

#include "bulla/client.h"

#define BULLA_PACKS_MAX 12u

enum bulla_pack_kind {
    BULLA_PACK_OF_APP = 0, /* belongs to the release with this manifest digest */
    BULLA_PACK_ALONE = 1,
};

struct bulla_pack {
    uint8_t kind;
    uint8_t count;    /* modules */
    uint8_t gone;     /* bit i: module i was deleted, or replaced by one that came alone later */
    uint16_t at;      /* first sector, from the start of the area */
    uint16_t sectors; /* that of the head among them */
    uint32_t sequence;
    uint8_t digest[BULLA_DIGEST_SIZE]; /* of the manifest */
};

struct bulla_directory {
    uint32_t sequence; /* the highest that ever came alone; its manifest's digest: */
    uint8_t newest[BULLA_DIGEST_SIZE]; /* zeros: none came yet */
    uint32_t count;
    struct bulla_pack packs[BULLA_PACKS_MAX];
};

enum bulla_module_state {
    BULLA_MODULE_LIVE,     /* the one that a lookup finds */
    BULLA_MODULE_SHADOWED, /* another one of this name goes before it */
    BULLA_MODULE_WAITING,  /* of a release in a slot that does not run; not judged */
    BULLA_MODULE_UNFIT,    /* its bytes or its envelope do not verify: not given to anybody */
};
/* "live" */
const char *bulla_module_state_name(enum bulla_module_state state);

struct bulla_module {
    char name[BULLA_COMPONENT_NAME_MAX + 1u];
    uint32_t offset; /* of its first byte on the chip */
    uint32_t size;
    const uint8_t *bytes; /* where flash is mapped; NULL: the port maps nothing, or did not judge */
    uint32_t sequence;    /* of the envelope that brought it */
    bool alone;           /* it came without an app */
    int32_t slot;         /* that holds its release; BULLA_SLOT_NONE: it came alone */
    enum bulla_module_state state;
    uint8_t digest[BULLA_DIGEST_SIZE];
};

/* What was judged at bulla_modules_open; about 620 bytes. `client` must outlive it. Anything that
 * changes modules makes it out of date. */
struct bulla_modules {
    struct bulla_client *client;
    int32_t running;
    struct bulla_directory directory;
    int8_t slots[BULLA_PACKS_MAX];  /* that hold the pack's release */
    bool counts[BULLA_PACKS_MAX];   /* may be looked up: came alone, or of what runs */
    uint8_t whole[BULLA_PACKS_MAX]; /* bit i: module i verified */
};

/* Once after each start. Judges every module that may be looked up as a boot does: signatures of
 * its envelope by the trust store, product, then the digest over all its bytes. BULLA_OK also when
 * some did not verify: those are not found. Reads the modules once, writes nothing; uses the
 * client's working memory, as all functions here do. BULLA_E_MODULES_NOT_TAKEN: no area. */
BULLA_MUST_CHECK enum bulla_status bulla_modules_open(struct bulla_modules *modules,
                                                      struct bulla_client *client);

/* The module of this name: of those that verified, the one whose envelope has the highest sequence;
 * of two alike, the one of the release that runs. Nothing is verified again here: between
 * bulla_modules_open and this call flash is trusted. BULLA_E_MODULE_UNKNOWN when there is none. */
BULLA_MUST_CHECK enum bulla_status bulla_modules_find(struct bulla_modules *modules,
                                                      const char *name, struct bulla_module *out);

/* One after the other, those included that a lookup does not find. *cursor from 0 on. */
BULLA_MUST_CHECK enum bulla_status bulla_modules_next(struct bulla_modules *modules,
                                                      uint32_t *cursor, struct bulla_module *out,
                                                      bool *found);

/* Delete a module that came alone. One of a release cannot be deleted (BULLA_E_MODULE_IN_USE): a
 * release without it removes it. One record is written; at a power cut it is there or not. */
BULLA_MUST_CHECK enum bulla_status bulla_modules_delete(struct bulla_client *client,
                                                        const char *name);

/* Delete all that came alone; those of releases stay. What was refused as older stays refused. */
BULLA_MUST_CHECK enum bulla_status bulla_modules_reset(struct bulla_client *client);

#endif
