/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes of the vector kit, judged as an auditor does: the reader's status, and then the verdict
 * over all facts that need no image. */

#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "scenes.h"

#define PER_STATUS 2u /* of those that are only told: they take the same way through the code */

#define IMAGE_FACTS                                                                                \
    ((uint32_t)BULLA_FACT_DIGEST | BULLA_FACT_FORMAT | BULLA_FACT_CHIP | BULLA_FACT_FLOOR |        \
     BULLA_FACT_STRUCTURE)

static struct kit_case *good; /* what the attacker has shown before */

/* Those that whoever has no signing key can make, or that are not for this device. */
static const char *const bad[] = {
    "digest-other-manifest",
    "digest-without-head",
    "signature-bit-r",
    "signature-bit-s",
    "signature-s-plus-l",
    "signature-zero",
    "signature-r-identity",
    "signature-r-not-canonical",
    "signature-over-manifest",
    "signature-external-aad",
    "signature-double-wrapped",
    "wrong-key",
    "wrong-key-no-kid",
    "bad-after-good",
    "key-twice",
    "key-twice-other-alg",
    "key-twice-no-kid",
    "threshold-one-of-two",
    "threshold-stranger-does-not-count",
    "key-not-for-component",
    "key-not-for-component-counted",
    "factory-rights",
    "text-bit",
    "list-bit",
    "bundle-first-bit",
    "bundle-last-bit",
    "older",
    "older-other-digest",
    "equal-other",
    "equal-strict",
    "other-vendor",
    "other-class",
    "other-component",
    "slot-too-small",
    "older-and-other-vendor",
    "bad-signature-and-older",
    "bad-manifest-and-digest",
};

static bool is_bad(const char *name)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (strcmp(bad[i], name) == 0)
            return true;
    }
    return false;
}

static int judge(const struct kit_case *c, bool *yes)
{
    static struct bulla_reader reader;
    enum bulla_status status =
        kit_judge(&c->run, c->envelope.data, c->envelope.len, SIZE_MAX, KIT_WORKSPACE, &reader);
    uint32_t required = bulla_policy_required(&c->run.device) & ~IMAGE_FACTS;

    *yes = status == BULLA_OK && bulla_policy_verdict(reader.facts, required) == BULLA_YES;
    return (int)status;
}

static int act(void *ctx, bool *yes)
{
    return judge(ctx, yes);
}

/* The genuine release first: its digests and contexts lie on the stack then. */
static void prime(void *ctx)
{
    bool yes;

    (void)ctx;
    (void)judge(good, &yes);
}

static void set_up(struct scene *scene)
{
    (void)scene;
}

size_t scenes_of_kit(struct scene *scenes, size_t count, size_t most)
{
    static uint32_t taken[BULLA_STATUS_COUNT];
    FILE *cases = kit_open(BULLA_TEST_DIR "/vectors", "envelope");
    size_t found = 0;

    for (;;) {
        struct kit_case *c = calloc(1, sizeof(*c));
        if (c == NULL || !kit_next(BULLA_TEST_DIR "/vectors", cases, c)) {
            free(c);
            break;
        }
        enum scene_kind kind = c->expected == BULLA_OK ? SCENE_GOOD
                               : is_bad(c->name)       ? SCENE_BAD
                                                       : SCENE_FORM;
        if (kind == SCENE_GOOD && good == NULL)
            good = c;
        if (kind == SCENE_BAD)
            found++;
        else if (taken[c->expected]++ >= PER_STATUS)
            continue; /* its memory goes with the process */
        if (count == most)
            kit_die("more cases than scenes", c->name);
        struct scene *scene = &scenes[count++];
        *scene = (struct scene){
            .kind = kind, .set_up = set_up, .run = {.prime = prime, .act = act, .ctx = c}};
        (void)snprintf(scene->name, sizeof(scene->name), "kit %.60s", c->name);
    }
    (void)fclose(cases);
    if (found != sizeof(bad) / sizeof(bad[0]))
        kit_die("not all cases that the scenes name are in the kit", "envelope");
    return count;
}
