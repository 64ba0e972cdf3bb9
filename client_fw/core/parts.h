/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLIENT_PARTS_H
#define BULLA_CLIENT_PARTS_H

/* What the files of the update client share among themselves. */

#include "bulla/client.h"

/* ---- client.c ---- */

/* A slot as records of the device state name it. */
uint8_t bulla_slot_code(int32_t slot);

/* Read sequence and floor again, from flash: they only rise. A single read
 * that went wrong when the device was opened does not lower what an image is held against. */
void bulla_client_recall(struct bulla_client *client);

/* Was *used what this device demands for the slot? `fact` when it is, byte for byte, else 0. */
BULLA_MUST_CHECK uint32_t bulla_client_demanded(const struct bulla_client *client, int32_t slot,
                                                bool installed, const struct bulla_device *used,
                                                uint32_t fact);

/* Record what runs, if that is not what is recorded already. */
BULLA_MUST_CHECK enum bulla_status bulla_client_put_running(struct bulla_client *client,
                                                            const struct bulla_running *running);

/* Slot that the last boot started, BULLA_SLOT_NONE before the first one. */
int32_t bulla_client_last_started(const struct bulla_client *client);

/* ---- layout.c; or layout_none.c in a device without a partition table ---- */

/* Fills client->layout: state, slots, and otadata if there are slots. Uses client->sector. */
BULLA_MUST_CHECK enum bulla_status bulla_client_read_layout(struct bulla_client *client);

/* ---- journal.c; or journal_none.c in a device without ---- */

/* Append an event. Events inform; losing one changes nothing, so a failure is not told. */
void bulla_client_note(struct bulla_client *client, enum bulla_event_kind what, int32_t slot,
                       enum bulla_status status, uint32_t value);

/* The same, unless the newest event of this kind says it already and nothing else happened since:
 * what fails again and again does not wear flash. */
void bulla_client_note_once(struct bulla_client *client, enum bulla_event_kind what, int32_t slot,
                            enum bulla_status status, uint32_t value);

/* ---- slot.c ---- */

/* Bytes of the partition, none beyond its end. */
BULLA_MUST_CHECK enum bulla_status bulla_slot_read(const struct bulla_client *client,
                                                   const struct bulla_partition *partition,
                                                   uint32_t offset, uint8_t *buffer, uint32_t len);

/* The stored envelope head of a slot; *len 0 when there is none. */
BULLA_MUST_CHECK enum bulla_status bulla_slot_head(const struct bulla_client *client, int32_t slot,
                                                   uint8_t *buffer, size_t size, size_t *len);

/* Manifest digest of the slot's stored head, as the head claims it; nothing is verified. Uses
 * client->sector. */
BULLA_MUST_CHECK enum bulla_status bulla_slot_claim(struct bulla_client *client, int32_t slot,
                                                    uint8_t digest[BULLA_DIGEST_SIZE], bool *found);

/* Does the sector at this offset of the partition hold exactly these bytes, and 0xff after? */
BULLA_MUST_CHECK enum bulla_status bulla_slot_holds(const struct bulla_client *client,
                                                    const struct bulla_partition *partition,
                                                    uint32_t offset, struct bulla_bytes bytes,
                                                    bool *same);

/* Erase the sector unless it is `erased`, program the bytes, read back. BULLA_E_FLASH_READBACK when
 * they differ. */
BULLA_MUST_CHECK enum bulla_status bulla_slot_write(const struct bulla_client *client,
                                                    const struct bulla_partition *partition,
                                                    uint32_t offset, struct bulla_bytes bytes,
                                                    bool erased);

/* SHA-256 over the first `size` bytes of the partition, as flash holds them now. Uses
 * client->sector. */
BULLA_MUST_CHECK enum bulla_status bulla_slot_digest(struct bulla_client *client,
                                                     const struct bulla_partition *partition,
                                                     uint32_t size,
                                                     uint8_t digest[BULLA_DIGEST_SIZE]);

/* Hash the image, and hold its structure against the rules on the way. A failure of the structure
 * waits in client->espimage: that the digest differs says more. Uses client->sector. */
BULLA_MUST_CHECK enum bulla_status bulla_slot_stream(struct bulla_client *client,
                                                     const struct bulla_partition *partition,
                                                     uint32_t size, bool with_structure,
                                                     uint8_t digest[BULLA_DIGEST_SIZE]);

/* Structure, format, chip, revision and floor of the image that was streamed last. */
BULLA_MUST_CHECK enum bulla_status
bulla_slot_judge_image(struct bulla_client *client, struct bulla_installed *out, uint32_t *facts);

/* ---- unsealed.c; or unsealed_none.c in a device that starts nothing without an envelope ---- */

/* bulla_slot_judge of a slot without an envelope; `declared`: a record says that it has none. */
BULLA_MUST_CHECK enum bulla_status
bulla_slot_judge_unsealed(struct bulla_client *client, int32_t slot,
                          const struct bulla_partition *partition, bool declared,
                          struct bulla_installed *out);

/* ---- records.c: the rules for rewriting otadata ---- */

/* Has this record a number and the CRC for it? */
bool bulla_record_whole(const struct bulla_ota_record *record);

/* Newest whole record that names the slot (larger number, then sector 0); -1: none. With
 * `selectable`, only records that a bootloader would follow. */
int32_t bulla_record_find(const struct bulla_otadata *otadata, uint32_t slot_count, int32_t slot,
                          bool selectable);

/* The record of what runs, never to be given up for another slot's: one that a bootloader would
 * follow before any other; -1: none. */
int32_t bulla_record_of_running(const struct bulla_client *client, int32_t running);

/* The sector whose record is needed least. */
uint32_t bulla_record_spare(const struct bulla_otadata *otadata);

/* Rewrite one sector: same number, another state. */
BULLA_MUST_CHECK enum bulla_status bulla_record_mark(struct bulla_client *client, uint32_t index,
                                                     uint32_t state);

/* Erase one sector. */
BULLA_MUST_CHECK enum bulla_status bulla_record_drop(struct bulla_client *client, uint32_t index);

/* Make `slot` the one that boots: a new record in sector `into`, with a number above the other
 * record's. The other sector is not touched, except when numbers have run out: then `into` first
 * takes over what the other one says under a small number. */
BULLA_MUST_CHECK enum bulla_status bulla_record_name(struct bulla_client *client, uint32_t into,
                                                     int32_t slot, uint32_t state);

/* The number that bulla_record_name would give. */
BULLA_MUST_CHECK enum bulla_status bulla_record_number(const struct bulla_client *client,
                                                       uint32_t into, int32_t slot, uint32_t *seq);

/* Make the record at `index` VALID without a moment in which only worse records exist; `again`:
 * also if it reads VALID, because a power cut may have ended that write. */
BULLA_MUST_CHECK enum bulla_status bulla_record_confirm(struct bulla_client *client, uint32_t index,
                                                        bool again);

/* Give the running OTA slot a record if none names it. */
BULLA_MUST_CHECK enum bulla_status bulla_record_keep_running(struct bulla_client *client,
                                                             int32_t running);

/* ---- boot_running.c ---- */

/* Slots that decide must pass over: one bit per OTA slot, and this one. */
#define BULLA_SKIP_FACTORY (1u << 31)
uint32_t bulla_boot_skip(int32_t slot);

/* Is what lies in the slot newer than the confirmed release, or another one of the same sequence?
 */
bool bulla_boot_unconfirmed(const struct bulla_client *client,
                            const struct bulla_installed *installed);

/* Slot of a RUNNING record. */
int32_t bulla_running_slot(const struct bulla_running *running);

/* What runs, as far as flash tells: what our last boot started, or a trial that another bootloader
 * started since. False: no boot is known, or what it started has ended. */
bool bulla_boot_started(const struct bulla_client *client, struct bulla_running *running);

/* Is there another slot than `slot` that verifies and is not barred by its record? */
BULLA_MUST_CHECK enum bulla_status bulla_boot_fallback(struct bulla_client *client, int32_t slot);

/* ---- confirm.c ---- */

/* Has this release failed too many trials? BULLA_E_TRIAL_FAILED_BEFORE: yes. */
BULLA_MUST_CHECK enum bulla_status
bulla_client_judge_trials(const struct bulla_client *client,
                          const uint8_t manifest_digest[BULLA_DIGEST_SIZE]);

/* A sealed slot counts as confirmed: raise sequence, then floor, as far as they are behind. */
BULLA_MUST_CHECK enum bulla_status bulla_client_raise(struct bulla_client *client,
                                                      const struct bulla_installed *installed);

/* ---- fetch.c: client->response has the answer, client->received the bytes ---- */

/* Ask for a whole file. */
BULLA_MUST_CHECK enum bulla_status bulla_fetch_whole(struct bulla_client *client,
                                                     const struct bulla_transport *transport,
                                                     const struct bulla_url *url);

/* The next bytes of the body, at most `want`; *len 0: it ended. */
BULLA_MUST_CHECK enum bulla_status bulla_fetch_read(struct bulla_client *client,
                                                    const struct bulla_transport *transport,
                                                    uint32_t want, size_t *len);

/* A stretch of a file. */
struct bulla_stretch {
    const struct bulla_transport *transport;
    const struct bulla_url *url;
    const struct bulla_bytes *uri; /* of the file, as seen from `url`; NULL: that one itself */
    uint32_t from;
    uint32_t to;      /* first byte not wanted */
    uint32_t size;    /* of the whole file, 0: not known */
    const char *etag; /* only of this file: any other comes whole. NULL: none */
    uint32_t skip;    /* body bytes that still come before it: private */
};

/* Ask for it. A declared length that cannot be right is refused before the first body byte. */
BULLA_MUST_CHECK enum bulla_status bulla_stretch_open(struct bulla_client *client,
                                                      struct bulla_stretch *s);

/* Does the server send the whole file, instead of the stretch? */
bool bulla_stretch_is_whole(const struct bulla_client *client);

/* The next bytes of it, at least one, at most `want`. BULLA_E_IMAGE_TRUNCATED when it ended. */
BULLA_MUST_CHECK enum bulla_status bulla_stretch_read(struct bulla_client *client,
                                                      struct bulla_stretch *s, uint32_t want,
                                                      size_t *len);

/* All of it was read: keep the connection if the response ended with it, else drop it. */
void bulla_stretch_close(struct bulla_client *client, const struct bulla_stretch *s);

/* ---- target.c ---- */

/* The slot that the next update goes to while `running` runs. BULLA_E_NO_SLOT: there is none. */
BULLA_MUST_CHECK enum bulla_status bulla_target_choose(struct bulla_client *client, int32_t running,
                                                       int32_t *target);

/* The factory slot, if it may be replaced: an OTA slot runs, verifies, and the factory app is not
 * what boots next. BULLA_E_NO_SLOT, or what is wrong with the running slot: it may not. */
BULLA_MUST_CHECK enum bulla_status bulla_target_factory(struct bulla_client *client,
                                                        int32_t running, int32_t *target);

/* ---- place.c ---- */

/* Did the last copy into the execution area end, as far as can be read? A record that says so and
 * rots leaves the one before: then only what differs is copied. */
bool bulla_place_settled(const struct bulla_client *client);

/* In place: does the area claim another release than this one, which its bank holds? Then a copy
 * began after it was started. Uses client->sector. */
BULLA_MUST_CHECK enum bulla_status bulla_place_replaced(struct bulla_client *client, int32_t bank,
                                                        const struct bulla_installed *installed,
                                                        bool *replaced);

/* In place: before the bank of what runs is changed. From here on the execution area runs by
 * itself. Uses none of the client's working memory. */
BULLA_MUST_CHECK enum bulla_status bulla_place_part(struct bulla_client *client, int32_t bank);

/* ---- install.c ---- */

/* An image on its way into a slot. The first five members are the caller's; client->reader and
 * client->head hold the judged envelope, client->device what was demanded of it. */
struct bulla_install {
    struct bulla_client *client;
    int32_t target;
    int32_t running;
    struct bulla_update_result *result;
    const struct bulla_approval *approval; /* NULL: none is asked for */

    const struct bulla_partition *partition; /* the slot, or: */
    struct bulla_partition place;            /* where a module goes */
    bool alone;                              /* modules without an app */
    bool rewrites; /* what reads right already is written all the same: cells that a power cut left
                      weak would be found out by a boot, but modules alone have none */
    uint32_t size;
    uint32_t done;
    uint32_t facts;          /* about the image */
    bool judged;             /* format, chip, revision, floor */
    bool held_blank;         /* the first sector is 0xff and waits for the judgement */
    bool head_stored;        /* the slot's stored head is this envelope's */
    bool prepared;           /* from now on the slot may be changed */
    uint32_t replaced_until; /* nothing in the slot up to here (of the image) is worth keeping */
    uint32_t erased_until;   /* the sectors up to here are erased already */
};

/* Call once the list is verified; uses client->sector. The image is the one the reader wanted. */
BULLA_MUST_CHECK enum bulla_status bulla_install_begin(struct bulla_install *install);

/* Take the next verified bytes: a whole sector, or the last one. Erases and programs only where
 * flash does not hold them already. */
BULLA_MUST_CHECK enum bulla_status bulla_install_take(struct bulla_install *install,
                                                      struct bulla_bytes bytes);

/* Everything came: judge the whole, then let its modules count, then select the slot. */
BULLA_MUST_CHECK enum bulla_status bulla_install_finish(struct bulla_install *install);

/* Nothing is to be installed: does what runs meet what is demanded of the image? */
BULLA_MUST_CHECK enum bulla_status bulla_install_approve(const struct bulla_install *install);

/* ---- modules.c and modules_install.c; or modules_none.c in a device without modules ----
 * client->reader and client->head hold the judged envelope, all but the first two need it. All use
 * client->sector. */

/* Does this device take modules, and which came alone last? */
BULLA_MUST_CHECK enum bulla_status bulla_modules_recall(struct bulla_client *client);

/* Are the modules of a slot's release there and whole? The answer is *verdict, which the caller
 * sets to BULLA_NO before. The envelope lies in client->head. BULLA_E_MODULE_MISSING,
 * BULLA_E_MODULE_DIGEST: no. */
BULLA_MUST_CHECK enum bulla_status
bulla_modules_judge(struct bulla_client *client, const struct bulla_envelope *envelope,
                    const struct bulla_manifest *manifest,
                    const uint8_t manifest_digest[BULLA_DIGEST_SIZE], enum bulla_verdict *verdict);

/* Would they find room, if what `target` holds goes? */
BULLA_MUST_CHECK enum bulla_status bulla_modules_plan(struct bulla_client *client, int32_t target);

/* Are the modules of this manifest all there and whole? `slot` holds the release, if they did not
 * come alone. */
bool bulla_modules_hold(struct bulla_client *client, int32_t slot);

/* The image that the reader wants is a module: where does it go? Fills the install. */
BULLA_MUST_CHECK enum bulla_status bulla_modules_begin(struct bulla_install *install);

/* All modules are on flash: hold them against their digests once more, then let them count. */
BULLA_MUST_CHECK enum bulla_status bulla_modules_commit(struct bulla_install *install);

/* The same of modules alone, which ends their update. */
BULLA_MUST_CHECK enum bulla_status bulla_modules_finish(struct bulla_install *install);

/* Nothing is to be installed: do the modules alone that are there meet what is demanded? */
BULLA_MUST_CHECK enum bulla_status bulla_modules_approve(struct bulla_client *client,
                                                         const struct bulla_approval *approval);

/* ---- reuse.c; or reuse_none.c in a device that fetches every sector ---- */

/* Where on flash a sector may lie that a release needs: in the target slot at its place, or
 * anywhere in the running one. */
struct bulla_reuse {
    const struct bulla_partition *target;
    const struct bulla_partition *running; /* NULL: no slot runs */
    uint8_t *index;                        /* 4 bytes of each sector's digest of the running slot */
    uint32_t count;                        /* sectors it has room for */
    bool filled;
};

/* `spare` becomes the index, as far as it reaches; beyond it, the running slot is looked at in the
 * same place only. Reads nothing yet. */
void bulla_reuse_init(struct bulla_reuse *reuse, const struct bulla_partition *target,
                      const struct bulla_partition *running, uint8_t *spare, size_t spare_len);

/* Is the sector at `offset` of the image, `len` bytes, on flash? *at is its place on the chip. Uses
 * client->received. */
BULLA_MUST_CHECK enum bulla_status bulla_reuse_find(struct bulla_client *client,
                                                    struct bulla_reuse *reuse, uint32_t offset,
                                                    uint32_t len, const uint8_t *expected,
                                                    uint32_t *at, bool *found);

/* ---- payload.c ---- */

/* An image on its way from a server, or from flash, through the sector check into a slot. The first
 * members are the caller's. */
struct bulla_payload {
    struct bulla_install install;
    const struct bulla_transport *transport;
    const struct bulla_progress *progress; /* NULL: none */
    const struct bulla_url *envelope_url;
    uint8_t *workspace; /* the reader's: what its list leaves becomes the index */
    size_t workspace_len;

    struct bulla_sectors sectors;
    struct bulla_reuse reuse;
    bool bundled;           /* it lies in the envelope, ... */
    uint32_t base;          /* ... from here on */
    bool end_seen;          /* the response with the bundle's last byte ended there */
    uint32_t window;        /* sectors to ask for at once, 0: as many as are missing */
    uint32_t missing_until; /* sectors from `released` up to here must be fetched */
    uint32_t reached;       /* the furthest byte of it that ever came */
    char etag[BULLA_ETAG_MAX + 1u];
};

/* Call once the list is verified. Does not touch `reached`. */
BULLA_MUST_CHECK enum bulla_status bulla_payload_begin(struct bulla_payload *payload);

/* Bytes of the image, from wherever they come: sector by sector into the slot. */
BULLA_MUST_CHECK enum bulla_status bulla_payload_feed(struct bulla_payload *payload,
                                                      struct bulla_bytes in);

/* The answer just received is of the file in which the image lies: remember which one. */
void bulla_payload_etag(struct bulla_payload *payload);

/* Everything that did not come yet. Call again after a failure of the network: it goes on where it
 * was. */
BULLA_MUST_CHECK enum bulla_status bulla_payload_fetch(struct bulla_payload *payload);

#endif
