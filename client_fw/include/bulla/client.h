/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLIENT_H
#define BULLA_CLIENT_H

/* The update client: everything a device does between "there may be a release" and "it runs".
 * One struct, placed by the caller, opened once per power-on; its ports are const structs of
 * functions. docs/DESIGN.md, "Client", has the state machine and the order of writes. */

#include "bulla/clock.h"
#include "bulla/flash.h"
#include "bulla/otadata.h"
#include "bulla/partition.h"
#include "bulla/policy.h"
#include "bulla/reader.h"
#include "bulla/state.h"
#include "bulla/transport.h"

/* Failed trials of one release before it needs options.retry. */
#define BULLA_TRIALS_MAX 3u
/* Crashes in a row that a port allows, if it has no reason of its own. */
#define BULLA_CRASHES_MAX 5u
/* Retries in a row that each bring less than 1 KiB of new image, and changes of release in one
 * call.
 */
#define BULLA_RETRIES_MAX 3u
/* Bytes asked of the transport at once; holds one list group. */
#define BULLA_RECEIVE_SIZE 1024u

enum bulla_event_kind {
    BULLA_DID_PROVISION = 1,
    BULLA_DID_UPDATE = 2, /* an update was installed and selected; value is its sequence */
    BULLA_DID_BOOT = 3,   /* a trial began; value is its sequence */
    BULLA_DID_CONFIRM = 4,
    BULLA_DID_REJECT = 5,
    BULLA_DID_FALL_BACK = 6, /* slot: the one given up, status: why */
    BULLA_DID_SET_BOOT = 7,
    BULLA_DID_REPAIR = 8,       /* otadata was rewritten to name what runs */
    BULLA_DID_FAIL_UPDATE = 9,  /* an update was refused or failed; value: its sequence, 0: not
                                   known */
    BULLA_DID_NOT_BOOT = 10,    /* no slot could be started; slot: the first choice, status: why */
    BULLA_DID_NOT_CONFIRM = 11, /* a health check failed; status: what it said */
    BULLA_DID_PLACE = 12, /* in place: a bank's release was copied to where it is executed; value:
                             its sequence */
    BULLA_DID_ADD_MODULES = 13, /* modules came alone; value: their sequence */
};

/* "fall-back"; "unknown" for what a newer firmware noted. */
const char *bulla_event_name(uint8_t what);

struct bulla_client {
    const struct bulla_flash *flash;
    struct bulla_layout layout;
    struct bulla_state state;
    struct bulla_otadata otadata;
    struct bulla_identity identity;
    struct bulla_trust trust; /* spans point into trust_store */
    uint8_t *trust_store;     /* caller's buffer */
    size_t trust_store_size;
    bool has_confirmed;
    struct bulla_confirmed confirmed;
    uint32_t floor;
    bool has_running; /* a boot of ours chose `running`; before the first one there is none */
    struct bulla_running running;
    /* The slot that this code is being executed from, where the port can tell (ESP-IDF:
     * esp_ota_get_running_partition): set it after bulla_client_open. bulla_client_boot sets it to
     * what it starts. BULLA_SLOT_NONE: not known, the device state is believed. With a layout in
     * place the port cannot tell: it leaves this alone. */
    int32_t executing;
    /* Modules (bulla/modules.h): does this device take them, and the newest that came alone. */
    bool takes_modules;
    bool has_modules;
    uint32_t modules_sequence;
    uint8_t modules_digest[BULLA_DIGEST_SIZE];

    /* Working memory, meaningless between calls, except that the manifest of an update's result
     * points into head. */
    struct bulla_device device;
    struct bulla_reader reader;
    struct bulla_espimage espimage;
    struct bulla_response response;
    uint8_t head[BULLA_HEAD_MAX];
    union {
        uint8_t sector[BULLA_SECTOR_SIZE];
        struct bulla_url judged_url; /* while the head is judged, before any sector comes */
    };
    union {
        uint8_t received[BULLA_RECEIVE_SIZE];
        struct bulla_url asked_url; /* while an answer is awaited, and nothing received yet */
    };
};

/* Read table, state, trust store, otadata. Writes nothing. */
BULLA_MUST_CHECK enum bulla_status bulla_client_open(struct bulla_client *client,
                                                     const struct bulla_flash *flash,
                                                     uint8_t *trust_store, size_t trust_store_size);

/* What this device demands of a release for `slot`; without the sequence when that is already
 * installed (has_sequence false). Points into *client. */
void bulla_client_device(const struct bulla_client *client, int32_t slot, bool installed,
                         struct bulla_device *out);

/* ---- update.c ---- */

struct bulla_progress {
    /* Called after the head was accepted and after each sector. */
    void (*report)(void *ctx, uint32_t done, uint32_t total);
    void *ctx;
};

struct bulla_update_result {
    int32_t slot;                   /* installed into, BULLA_SLOT_NONE if nothing was */
    int32_t target;                 /* the slot it was meant for, BULLA_SLOT_NONE: none */
    bool nothing_newer;             /* the release offered is confirmed and runs */
    uint32_t sequence;              /* of the manifest, once it was accepted */
    bool has_confirmed;             /* is there a confirmed release to compare with */
    uint32_t confirmed;             /* its sequence */
    struct bulla_manifest manifest; /* valid when manifest_known; spans into client->head */
    bool manifest_known;            /* signed by those trusted, accepted or not */
    bool image_known;               /* format, chip and secure version of the image were judged */
    struct bulla_image_facts image;
    uint32_t sectors_written; /* of the release offered last */
    uint32_t sectors_copied;  /* of those written, from the running slot */
    uint32_t sectors_kept;    /* already on flash with the right digest */
    uint32_t retries;
    uint16_t http_status; /* of the answer that ended it, when the status is http-status */
};

/* What the caller demands of a release besides its seal; it can only refuse. What a member returns
 * ends the update, NULL is not asked. */
struct bulla_approval {
    /* The manifest was accepted; nothing is erased yet. Asked also where there is nothing newer. */
    enum bulla_status (*head)(void *ctx, const struct bulla_manifest *manifest);
    /* Flash holds the whole image as it was signed, `size` bytes from the partition's start;
     * the slot is not selected yet. What is refused is taken away again: its first sector is
     * erased. Where there is nothing newer it is asked of what is in use, and nothing is erased. */
    enum bulla_status (*image)(void *ctx, const struct bulla_partition *where, uint32_t size);
    void *ctx;
};

struct bulla_update_options {
    const struct bulla_transport *transport;
    const struct bulla_progress *progress; /* NULL: none */
    const struct bulla_clock *clock;       /* NULL: a single attempt */
    uint64_t deadline_ms;                  /* of clock->now_ms: no waiting beyond it */
    uint8_t *workspace;                    /* list or group digests; at least BULLA_WORKSPACE_MIN.
                                              What they leave helps to find sectors that moved */
    size_t workspace_len;
    bool retry;    /* install a release that failed its trial three times */
    bool recovery; /* whoever calls runs from none of the slots: each of them may be replaced */
    bool factory;  /* replace the factory app, by a release of that component; it is not selected:
                      bulla_client_set_boot does. Only while an OTA slot runs that verifies, and
                      the factory app is not what boots next */
    const struct bulla_approval *approval; /* NULL: none */
};

/* Workspace with which nothing is fetched twice or without need, for images of up to this size. */
uint32_t bulla_update_workspace(uint32_t image_size);

/* The slot the next update goes to: never the running one, and where there is a choice not the
 * one that holds the confirmed release. BULLA_E_NO_SLOT when there is none. */
BULLA_MUST_CHECK enum bulla_status bulla_client_target(struct bulla_client *client,
                                                       int32_t *target);

/* Fetch, judge, install, commit. On BULLA_OK either nothing_newer or the otadata record of the
 * new slot is NEW. On any failure the running slot, trust store and counters are untouched;
 * the journal says why. */
BULLA_MUST_CHECK enum bulla_status bulla_client_update(struct bulla_client *client,
                                                       const struct bulla_url *url,
                                                       const struct bulla_update_options *options,
                                                       struct bulla_update_result *result);

/* ---- slot.c ---- */

/* What a slot holds, once it was judged. */
struct bulla_installed {
    enum bulla_verdict verdict; /* BULLA_YES when every fact demanded was proved: may run */
    bool sealed;                /* there is an envelope for it; the next two are the manifest's */
    uint32_t sequence;
    uint8_t manifest_digest[BULLA_DIGEST_SIZE];
    uint32_t size; /* of a sealed slot: bytes of the image from its start */
    struct bulla_version version;
    struct bulla_image_facts image;
};

/* May it run? The answer is out->verdict; the status tells why not. A caller who acts on it sets
 * it to BULLA_NO before the call. Is what lies in the slot the image its stored envelope names, for
 * this device, signed, and not below the floor? Reads the whole slot. A slot without a stored
 * envelope is judged by its own structure. BULLA_OK: may run. `sealed` is set, and what was decoded
 * filled, on refusal too. */
BULLA_MUST_CHECK enum bulla_status bulla_slot_judge(struct bulla_client *client, int32_t slot,
                                                    struct bulla_installed *out);

/* The same for those who want less. */
BULLA_MUST_CHECK enum bulla_status bulla_slot_verify(struct bulla_client *client, int32_t slot,
                                                     bool *sealed, struct bulla_image_facts *image);

/* ---- boot.c ---- */

struct bulla_boot_result {
    enum bulla_verdict verdict; /* start `slot` only on BULLA_YES */
    int32_t slot;               /* BULLA_SLOT_NONE: nothing may run */
    bool trial;                 /* runs unconfirmed */
    bool sealed;
    uint32_t sequence; /* of a sealed slot; so is the next */
    uint8_t manifest_digest[BULLA_DIGEST_SIZE];
    bool fell_back;       /* another slot than otadata's choice */
    bool last_resort;     /* its record says INVALID or ABORTED, but nothing else verifies */
    bool initial;         /* otadata was never written */
    bool unnamed;         /* no otadata record named it */
    int32_t ended_trial;  /* slot whose trial ended without confirmation, BULLA_SLOT_NONE */
    int32_t refused_slot; /* first slot that did not verify, BULLA_SLOT_NONE */
    enum bulla_status refused_why;
    bool repaired;      /* otadata was rewritten to name what runs */
    bool crash_loop;    /* refused_slot was left because its app crashed too often in a row */
    uint8_t crashes;    /* in a row, of the app that ran before this reset */
    uint8_t trial_boot; /* which boot of its trial this is, from 1; 0: no trial */
    bool placed;        /* in place: was copied to where it is executed; of predict: will be */
};

/* What came before this boot, and what the port allows. The same port always gives the same limits.
 *
 * Trial. A release that is not confirmed runs for `trial_boots` boots; the reset after the last one
 * takes the fall-back, whatever caused it. With 1 that is ESP-IDF's meaning, and flash holds the
 * same as with a stock bootloader. With more, each boot after the first is counted before it
 * begins; a power cut in the counting costs at most that boot. A stock bootloader knows one boot
 * only.
 *
 * Crashes of what needs no trial. A crash is a reset that the app did not ask for and power did not
 * cause: watchdog, panic, abort. Power-on, brown-out, deep sleep, and a restart that was asked for
 * are none: they neither count nor clear. Crashes are counted until bulla_client_alive. At
 * `crashes_max` the slot is left:
 *   - for another one that verifies, is not below the floor, needs no trial, is not barred by its
 *     record, and was not left for its own crashes since a release was last confirmed: OTA slots in
 *     the order of the choice at reset, the factory app among them;
 *   - if there is none and an OTA slot crashed: for the one with the release confirmed last;
 *   - else it goes on, and no further crash is written down.
 * Each slot is left once, so this ends: with two slots that both crash in the factory app, or where
 * there is none in the release confirmed last. The record of the slot that is left becomes ABORTED,
 * so that a stock bootloader agrees. Confirmed sequence and floor stay, so the same release may be
 * installed again, as a trial; for BULLA_TRIALS_MAX a crash loop is a failed trial, also after the
 * release was confirmed once more. */
struct bulla_reset {
    bool crashed;
    uint8_t trial_boots; /* 1 to 250, 0 is 1 */
    uint8_t crashes_max; /* 0: crashes are not counted */
};

/* What the reset does: choose, verify, mark the trial, record what runs. The caller gives *result
 * as zeros and starts a slot only if verdict is BULLA_YES then: a call that a fault skips leaves no
 * verdict. On BULLA_E_NOTHING_BOOTABLE refused_slot and refused_why are filled. A trial has one
 * boot, crashes are not counted. */
BULLA_MUST_CHECK enum bulla_status bulla_client_boot(struct bulla_client *client,
                                                     struct bulla_boot_result *result);
/* The same for ports that tell resets apart: use it for every reset, then. That nothing was
 * bootable is noted, once. */
BULLA_MUST_CHECK enum bulla_status bulla_client_boot_after(struct bulla_client *client,
                                                           const struct bulla_reset *reset,
                                                           struct bulla_boot_result *result);
/* The app runs for as long as the port thinks a crash loop would not: crashes are forgotten. Writes
 * only when there are any. */
BULLA_MUST_CHECK enum bulla_status bulla_client_alive(struct bulla_client *client);
/* The same without writing: what would boot next and why (status, audit). */
BULLA_MUST_CHECK enum bulla_status bulla_client_predict(struct bulla_client *client,
                                                        struct bulla_boot_result *result);
/* What runs: what the last boot started; before the first one, what it would start. */
BULLA_MUST_CHECK enum bulla_status bulla_client_running(struct bulla_client *client, int32_t *slot);
/* Does it run as a trial, whichever bootloader started it? */
bool bulla_client_in_trial(const struct bulla_client *client);

/* ---- confirm.c ---- */

/* The running slot works: VALID, then sequence, then floor. BULLA_E_NO_TRIAL before any trial
 * and for a slot that never ran; BULLA_OK when it is confirmed already. */
BULLA_MUST_CHECK enum bulla_status bulla_client_confirm(struct bulla_client *client);

/* What the app holds against itself before it confirms. BULLA_OK: healthy; BULLA_E_UNHEALTHY, or
 * whatever says more, if not. */
struct bulla_health {
    enum bulla_status (*check)(void *ctx);
    void *ctx;
};
/* Confirm if a trial runs and is healthy. If it is not, the check's status is returned, nothing but
 * an event is written, and the trial goes on until its boots are used. Without a trial the check is
 * not asked: as bulla_client_confirm. */
BULLA_MUST_CHECK enum bulla_status bulla_client_confirm_when(struct bulla_client *client,
                                                             const struct bulla_health *health);

/* A check that is ready-made: can the next update still be had? Fetches the head of the envelope
 * from the URL: the server's identity by the transport, signatures and threshold by this device's
 * trust store; whether it is new or for this device is not asked. Reads at most a few KiB, writes
 * nothing, uses the client's working memory. */
BULLA_MUST_CHECK enum bulla_status bulla_client_reach(struct bulla_client *client,
                                                      const struct bulla_transport *transport,
                                                      const struct bulla_url *url);
/* The same as a health check: {bulla_reach_check, &reach}. */
struct bulla_reach {
    struct bulla_client *client;
    const struct bulla_transport *transport;
    const struct bulla_url *url;
};
BULLA_MUST_CHECK enum bulla_status bulla_reach_check(void *reach);

/* The running slot does not work: INVALID; the next boot takes the fall-back. */
BULLA_MUST_CHECK enum bulla_status bulla_client_reject(struct bulla_client *client);
/* Boot this slot next (it must verify and not be below the floor): as a trial, unless it is known
 * that its release was confirmed before and has not failed since. BULLA_E_TRIAL_FAILED_BEFORE: it
 * would be a trial, and its release failed BULLA_TRIALS_MAX of them. */
BULLA_MUST_CHECK enum bulla_status bulla_client_set_boot(struct bulla_client *client, int32_t slot);

/* ---- select.c ---- */

/* Boot next what ran before: another slot that verifies, is not below the floor, is not barred by
 * its record and needs no trial. What runs as a trial is rejected (bulla_client_reject). *slot is
 * what boots next. BULLA_E_NO_FALLBACK: there is none, nothing is written. From the factory app,
 * for which no record stays, a release that is not the one confirmed last has a trial. */
BULLA_MUST_CHECK enum bulla_status bulla_client_rollback(struct bulla_client *client,
                                                         int32_t *slot);
/* Take a rollback back, or any other choice: what runs stays selected. Writes nothing when it is.
 * BULLA_E_NO_TRIAL: what runs was rejected, and that stays. */
BULLA_MUST_CHECK enum bulla_status bulla_client_rollback_cancel(struct bulla_client *client,
                                                                int32_t *slot);

#endif
