/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_SCENES_H
#define BULLA_TEST_SCENES_H

/* What an attacker can present: envelopes of the vector kit to an auditor, and servers and flash
 * contents to a device. */

#include "skip.h"

enum scene_kind {
    SCENE_GOOD, /* must be admitted, with all calls made */
    SCENE_BAD,  /* whoever has no signing key can make it: never to be admitted */
    SCENE_FORM, /* needs a signing key, or changes nothing that is installed: told only */
    SCENE_KINDS,
};

struct scene {
    char name[80];
    enum scene_kind kind;
    void (*set_up)(struct scene *scene); /* leaves `run` filled */
    struct skip_scene run;
    const void *about; /* the set-up's own */
};

/* Append scenes; returns how many there are then. */
size_t scenes_of_kit(struct scene *scenes, size_t count, size_t most);
size_t scenes_of_device(struct scene *scenes, size_t count, size_t most);
size_t scenes_of_modules(struct scene *scenes, size_t count, size_t most);

#endif
