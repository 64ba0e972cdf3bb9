/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_POWER_H
#define BULLA_POWER_H

/* The power-cut sweep: what its files share. README.md says what it does and promises. */

#include "bench.h"
#include "bulla/client.h"
#include "flash_sim.h"
#include "seal.h"

#define RELEASES    8
#define NO_RELEASE  (-1)
#define DEPTH_MAX   3u
#define SECTORS_MAX 192u
#define STEPS_MAX   40u
#define OTADATA     0xd000u
#define FIRST_SLOT  0x10000u
#define STATE_SIZE  0x4000u

/* ---- releases.c ---- */

#define MODULES_MAX 2u
#define PACKS       4u
#define AREA_SIZE   0x10000u

/* What one envelope brings besides an app, or without one. */
struct sealed_modules {
    uint32_t count;
    const char *names[MODULES_MAX];
    uint32_t size[MODULES_MAX];
    uint8_t bytes[MODULES_MAX][2u * BULLA_SECTOR_SIZE];
    struct seal_buffer envelope;
};

struct release {
    uint8_t *image;
    uint32_t size;
    uint32_t sequence;
    uint32_t secure_version;
    struct seal_buffer envelope;
    struct seal_buffer bundle;
    struct sealed_modules modules; /* count 0: none; else its envelope is used */
};

enum kit { KIT_ESP, KIT_RAW, KIT_LARGE, KIT_MODULES, KITS };

/* Releases of one kind. Number 0 is what devices are provisioned with, the last one is what they
 * must still be able to install after everything else. */
struct releases {
    enum bulla_image_format format;
    struct release all[RELEASES];
    struct sealed_modules packs[PACKS]; /* that come alone */
    struct seal_key key;
    uint8_t vendor_id[BULLA_UUID_SIZE];
    uint8_t class_id[BULLA_UUID_SIZE];
};

/* The same bytes for the same seed. */
void releases_make(struct releases *releases, enum kit kit, uint32_t seed);
void releases_free(struct releases *releases);
/* Seal this one again, whose image was changed. */
void releases_seal(struct releases *releases, uint32_t number);

/* ---- device.c ---- */

/* The last two: updates in place, with two banks and with one. */
enum layout { LAYOUT_TWO, LAYOUT_THREE, LAYOUT_FACTORY, LAYOUT_BANKS, LAYOUT_BANK };

/* What kind of device a scenario is about. */
struct kind {
    enum layout layout;
    enum kit kit;
    bool unsealed; /* its first app has no envelope */
    bool bundle;   /* releases come as one file */
    bool rare;     /* not swept by default: its cuts are much like others' */
    uint32_t unit;
    bool blocks;
    const struct releases *releases;
};

enum verb {
    VERB_PROVISION,
    VERB_BOOT,
    VERB_STOCK_BOOT, /* ESP-IDF's own bootloader starts first */
    VERB_UPDATE,
    VERB_CONFIRM,
    VERB_REJECT,
    VERB_SET_BOOT,
    VERB_ADD,
    VERB_DELETE,
    VERB_DAMAGE, /* this and what follows: done to the chip by hand */
    VERB_FILL,
    VERB_NUMBERS,
    VERB_WIPE,
};

/* What is known of a device from its past, and what may be demanded of its future. */
struct facts {
    enum verb verb;          /* what was being done */
    int32_t slot;            /* set-boot's */
    int32_t goal;            /* release that runs when it is done */
    int32_t before;          /* release that ran before */
    uint32_t allowed;        /* releases that may run, one bit each */
    uint32_t sequence;       /* confirmed, and so never less again */
    uint32_t floor;          /* likewise */
    bool in_trial;           /* a trial ran when it was begun */
    uint32_t damaged;        /* slots that were damaged by hand, one bit each, factory last */
    bool faulted;            /* flash failed: RULE "faulted" */
    bool misled;             /* it was told wrong bytes all the time: RULE "noise" */
    bool suspect;            /* a cut left unstable cells: RULE "unstable" */
    uint8_t tried[RELEASES]; /* trials that began */
    uint64_t alone[2];       /* the modules that came alone, before and after */
};

enum operation_kind { OPERATION_PROGRAM, OPERATION_ERASE, OPERATION_ERASE_BLOCK };

struct operation {
    enum operation_kind kind;
    uint32_t number; /* since the cut before, from 1 */
    uint32_t offset;
    const uint8_t *bytes;
    uint32_t len;
};

struct device {
    struct flash_sim sim;
    struct bulla_flash guard;
    const struct kind *kind;
    struct facts facts;
    uint32_t depth; /* cuts it has lived through */

    struct bulla_client client;
    struct bulla_boot_result boot;
    struct bulla_update_result result;
    uint8_t trust_store[512];
    uint8_t workspace[2048];
    struct bench_server server;
    struct bulla_transport transport;

    int32_t running;         /* slot, BULLA_SLOT_NONE: nothing was started yet */
    int32_t running_release; /* NO_RELEASE: nothing we know */
    int32_t installing;      /* release that may be written into slots */
    bool trusted;            /* the guard is off: somebody else writes */
    uint32_t operations;     /* since power-on */
    uint32_t reads;
    uint32_t numbered;              /* operations since the cut, or since the step began */
    struct flash_sim_fault lasting; /* what the next power-on does not end */
    void *log;
    void (*on_operation)(struct device *device, const struct operation *operation);
    void *sweep;
    bool unsettled;
    bool told; /* each operation and command is printed: replays */

    const char *broken; /* first promise that the guard saw broken, NULL: none */
    char why[200];

    uint64_t hashes[SECTORS_MAX];
    uint64_t stamps[SECTORS_MAX]; /* of the sectors when they were hashed */
    bool hashed[SECTORS_MAX];
};

/* A blank chip for this kind of device. */
void device_make(struct device *device, const struct kind *kind);
void device_free(struct device *device);
/* The same chip and facts, powered on anew. */
void device_copy(struct device *to, const struct device *from);
void device_power_on(struct device *device);
void device_break(struct device *device, const char *promise, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

uint32_t device_slots(const struct kind *kind);
bool device_has_factory(const struct kind *kind);
/* What runs is executed from the factory partition, whichever slot it came from. */
bool device_is_in_place(const struct kind *kind);
/* Where the code of this slot is executed. */
int32_t device_executed(const struct kind *kind, int32_t slot);
uint32_t device_slot_size(const struct kind *kind);
uint32_t device_slot_offset(const struct kind *kind, int32_t slot);
uint32_t device_state_offset(const struct kind *kind);
uint32_t device_modules_offset(const struct kind *kind);
/* The slot that this offset lies in, BULLA_SLOT_NONE. */
int32_t device_slot_at(const struct kind *kind, uint32_t offset);
/* The release that a slot holds to its last byte, NO_RELEASE. */
int32_t device_release_in(const struct device *device, int32_t slot);
/* Has this stretch of the chip bits that are neither 0 nor 1? */
bool device_is_unstable(const struct device *device, uint32_t from, uint32_t to);
struct bulla_ota_record device_record(const struct device *device, uint32_t index);
void device_put_record(struct device *device, uint32_t index, uint32_t seq, uint32_t state);
/* Content of the chip, unstable bits included. */
uint64_t device_hash(struct device *device);
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len);
uint64_t hash_mix(uint64_t a, uint64_t b);

/* Open the client, as each command does. */
enum bulla_status device_open(struct device *device);
/* provision.c */
enum bulla_status device_provision(struct device *device);
/* Commands, each from a closed client on, as after a power-on. */
enum bulla_status device_boot(struct device *device);
enum bulla_status device_update(struct device *device, int32_t release, uint32_t drop_after,
                                bool retry);
enum bulla_status device_confirm(struct device *device);
enum bulla_status device_reject(struct device *device);
enum bulla_status device_set_boot(struct device *device, int32_t slot);
/* An envelope of modules alone; what device_update does. */
enum bulla_status device_fetch(struct device *device, const struct sealed_modules *modules);
/* modules.c */
enum bulla_status device_add(struct device *device, uint32_t pack);
/* Delete the module of this number, or all that came alone. */
enum bulla_status device_delete(struct device *device, uint32_t name);
/* ESP-IDF's bootloader, and that it started this slot. */
int32_t device_stock_boot(struct device *device, bool rollback);

/* ---- modules.c ---- */

void modules_of_release(uint32_t number, struct sealed_modules *modules);
void modules_of_packs(struct releases *releases);
/* Seal them, behind the app of a release or (NULL) alone. */
void modules_seal(const struct releases *releases, const struct release *release, uint32_t sequence,
                  struct sealed_modules *modules);
void modules_serve(struct device *device, const struct sealed_modules *modules);
/* A number for all that came alone; 0: it cannot be read. */
uint64_t modules_alone(struct device *device);
/* P10. */
void modules_check(struct device *device);
void modules_judge_program(struct device *device, uint32_t offset, const uint8_t *bytes,
                           size_t len);

/* ---- life.c ---- */

struct step {
    enum verb verb;
    uint32_t argument; /* release, slot + 1, events left, distance */
    uint32_t drop_after;
    enum bulla_status expected;
    char text[40];
};

struct scenario {
    const char *name;
    struct kind kind;
    const char *life;
};

extern const struct scenario scenarios[];
extern const uint32_t scenario_count;

/* The steps of a life; how many. */
uint32_t life_parse(const struct scenario *scenario, struct step steps[STEPS_MAX]);
/* Is this a power-on, and not done by hand? */
bool life_is_power_on(const struct step *step);
enum bulla_status life_do(struct device *device, struct device *scratch, const struct step *step);
/* Live it undisturbed, `facts` set for a cut inside. False: it ended otherwise than it says. */
bool life_step(struct device *device, struct device *scratch, const struct step *step, bool facts);

/* ---- promises.c: each sets device->broken when it does not hold ---- */

/* Power on, boot: P1 to P4, P8. False: broken. */
bool promise_boot(struct device *device);
/* P1 and P4 alone. */
bool promise_choice(struct device *device);
/* P5: do what was interrupted again, and go on to where it leads. */
bool promise_settle(struct device *device);
/* P5: the newest release can be installed. */
bool promise_goes_on(struct device *device);
/* P7: ESP-IDF's bootloader on a copy. `after`: what ours started. */
bool promise_stock(struct device *copy, const struct device *cut, const struct device *after,
                   bool rollback);

/* ---- sweep.c ---- */

enum way { WAY_BEFORE, WAY_CLEAN, WAY_GARBAGE, WAY_UNSTABLE, WAY_AFTER, WAYS };

struct cut {
    uint32_t operation;
    enum way way;
    uint32_t bytes;
};

enum level { LEVEL_QUICK, LEVEL_DEFAULT, LEVEL_LONG };

struct options {
    enum level level;
    uint32_t jobs;
    uint32_t seed;
    const char *scenario;
    const char *replay;
    bool strict; /* unstable cells of the device state are held to every promise */
};

struct counts {
    uint64_t power_ons;
    uint64_t operations;
    uint64_t cuts[DEPTH_MAX + 1]; /* distinct, by depth; [0] unused */
    uint64_t repeated;            /* made again, not counted */
    uint64_t not_cut;             /* the chip lived on: the sweep is broken */
    uint64_t faults;
    uint64_t states; /* that were looked at after a cut */
    uint64_t boots;
    uint64_t unsettled; /* RULE "unstable": went on failing for as long as we tried */
    uint64_t failures;
};

/* One row of the table, written by all workers. */
struct shared;

struct path {
    uint32_t scenario, unit, step, depth;
    bool blocks;
    uint32_t fault; /* kind of fault, 0: none, FAULT_... */
    uint32_t fault_at;
    struct cut cut[DEPTH_MAX + 1]; /* [1] is the first */
};

#define ALL_STEPS UINT32_MAX

struct job {
    uint32_t scenario;
    uint32_t step;
    uint32_t unit;
    bool blocks;
};

struct sweep {
    const struct options *options;
    const struct releases *releases; /* KITS of them */
    struct shared *shared;
    struct counts *counts; /* of the scenario */
    struct path *path;     /* where this worker is */
    const struct path *replay;
    const struct scenario *scenario;
    struct kind kind;
    struct device *device[DEPTH_MAX + 1]; /* [n] has lived through n cuts */
    struct device *cut[DEPTH_MAX + 1];    /* as the cut left it */
    struct device *scratch;
    uint32_t reported;
};

void sweep_job(struct sweep *sweep, const struct job *job);
/* Something broke on this device: tell, with a line to do it again. */
void sweep_report(struct sweep *sweep, struct device *device);
bool sweep_stopped(const struct sweep *sweep);
/* What follows a cut: boot, look, repeat, go on. */
void sweep_recover(struct sweep *sweep, struct device *device, bool deeper);
/* The power fails in this operation, in every way. */
void sweep_explore(struct device *device, const struct operation *operation);

/* cuts.c: the next cut to be made of this operation; begin with *index 0. False: no more. */
bool cuts_next(const struct operation *operation, enum level level, uint32_t depth,
               const struct kind *kind, uint32_t *index, struct cut *cut);
extern const char *const way_names[WAYS];

/* ---- faults.c: what else a flash does ---- */

void faults_step(struct sweep *sweep, const struct step *step, const struct device *before);
extern const char *const fault_names[];
extern const uint32_t fault_name_count;

/* ---- workers.c ---- */

/* Count `key` once among all workers. True: it is new. */
bool shared_first(struct shared *shared, uint64_t key);
void shared_stop(struct shared *shared);
bool shared_stopped(const struct shared *shared);
int workers_run(const struct options *options, const struct releases *releases);
int workers_replay(const struct options *options, const struct releases *releases);
void path_print(const struct path *path, uint32_t seed, char *text, size_t size);
bool path_parse(const char *text, struct path *path, uint32_t *seed);

/* ---- wear.c ---- */

/* Changes the releases. 1: more than 1.02 of an image was erased or programmed. */
int wear_print(struct releases *releases);

#endif
