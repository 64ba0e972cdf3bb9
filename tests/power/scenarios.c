/* SPDX-License-Identifier: Apache-2.0 */
/* The lives that are swept: word by word one power-on each, life.c. */

#include "power.h"

#define TWO     .layout = LAYOUT_TWO
#define THREE   .layout = LAYOUT_THREE
#define FACTORY .layout = LAYOUT_FACTORY
#define BANKS   .layout = LAYOUT_BANKS
#define BANK    .layout = LAYOUT_BANK
#define ESP     .kit = KIT_ESP
#define RAW     .kit = KIT_RAW
#define MODULES .kit = KIT_MODULES

const struct scenario scenarios[] = {
    {"whole-life-esp",
     {TWO, ESP},
     "provision boot update:1 boot confirm boot update:2 boot confirm update:3 boot confirm boot"},
    {"whole-life-raw",
     {TWO, RAW},
     "provision boot update:1 boot confirm boot update:2 boot confirm update:3 boot confirm boot"},
    {"first-app-unsealed",
     {TWO, ESP, .unsealed = true},
     "provision boot update:1 boot confirm boot"},
    {"not-confirmed-esp", {TWO, ESP}, "provision boot update:1 boot boot update:2 boot confirm"},
    {"not-confirmed-raw", {TWO, RAW}, "provision boot update:1 boot boot update:2 boot confirm"},
    {"rejected", {TWO, ESP}, "provision boot update:1 boot reject boot update:2 boot confirm"},
    {"confirmed-then-rejected",
     {TWO, RAW},
     "provision boot update:1 boot confirm reject boot update:2 boot confirm"},
    {"update-before-boot",
     {TWO, RAW},
     "provision boot update:1 update:2 boot confirm update:4 update:3 boot confirm"},
    {"update-in-trial",
     {TWO, ESP},
     "provision boot update:1 boot update:2!trial-pending boot update:2 boot confirm"},
    {"three-trials-fail",
     {TWO, RAW},
     "provision boot update:1 boot boot update:1 boot boot update:1 boot boot "
     "update:1!trial-failed-before update:2 boot confirm"},
    {"factory-esp",
     {FACTORY, ESP},
     "provision boot update:1 boot confirm boot update:2 boot confirm update:3 boot boot"},
    {"factory-raw",
     {FACTORY, RAW},
     "provision boot update:1 boot boot update:1 boot confirm update:2 boot reject boot"},
    {"factory-chosen",
     {FACTORY, ESP},
     "provision boot update:1 boot confirm set-boot:f boot set-boot:0 boot update:2 boot confirm"},
    {"three-slots",
     {THREE, RAW},
     "provision boot update:1 boot confirm update:2 boot confirm update:3 boot boot update:4 boot "
     "confirm update:5 boot confirm"},
    {"there-and-back",
     {TWO, RAW},
     "provision boot update:1 boot confirm set-boot:0 boot set-boot:1 boot update:2 boot confirm"},
    {"download-resumed",
     {TWO, RAW},
     "provision boot update:3/5000!net-closed update:3/9000!net-closed update:3 boot confirm"},
    {"other-release-in-between",
     {TWO, ESP},
     "provision boot update:3/5000!net-closed update:1 boot confirm update:3 boot confirm"},
    {"bundle",
     {TWO, ESP, .bundle = true},
     "provision boot update:1 boot confirm update:2 boot confirm"},
    {"bundle-dropped",
     {THREE, RAW, .bundle = true},
     "provision boot update:3 boot confirm update:4 boot confirm"},
    {"list-in-groups",
     {TWO, .kit = KIT_LARGE},
     "provision boot update:1/230000!net-closed update:1 boot confirm"},
    {"floor-rises",
     {TWO, ESP},
     "provision boot update:2 boot confirm update:3 boot confirm boot update:4 boot"},
    {"log-full-in-update",
     {TWO, ESP},
     "provision boot fill:6 update:1 boot fill:1 confirm fill:0 boot update:2 fill:2 boot confirm"},
    {"log-full-in-boot",
     {TWO, RAW},
     "provision boot update:1 fill:0 boot fill:4 confirm fill:3 update:2 fill:1 boot boot"},
    {"log-full-twice",
     {FACTORY, RAW},
     "provision fill:0 boot update:1 fill:3 boot fill:0 confirm update:2 fill:0 boot fill:0 "
     "reject"},
    {"numbers-end",
     {TWO, RAW},
     "provision boot update:1 boot confirm numbers:0 boot update:2 boot confirm update:3 boot "
     "confirm"},
    {"numbers-end-three",
     {THREE, ESP},
     "provision boot update:1 boot confirm numbers:1 boot update:2 boot confirm update:3 boot "
     "confirm"},
    {"numbers-end-factory",
     {FACTORY, RAW},
     "provision boot update:1 boot confirm numbers:0 boot update:2 boot boot update:2 boot "
     "confirm"},
    {"slot-damaged",
     {TWO, RAW},
     "provision boot update:1 boot confirm damage:1 boot update:1 boot confirm boot"},
    {"fall-back-damaged",
     {TWO, ESP},
     "provision boot update:1 boot confirm damage:0 boot update:2 boot confirm"},
    {"trial-damaged", {TWO, RAW}, "provision boot update:1 damage:1 boot update:1 boot confirm"},
    {"otadata-wiped",
     {TWO, RAW},
     "provision boot update:1 boot confirm wipe-otadata update:2 boot confirm wipe-otadata boot"},
    {"otadata-wiped-three",
     {THREE, ESP},
     "provision boot update:1 boot confirm wipe-otadata set-boot:0 boot confirm update:2 boot "
     "confirm"},
    {"in-place",
     {BANKS, RAW},
     "provision boot update:1 boot confirm boot update:2 boot confirm update:3 boot boot boot"},
    {"in-place-esp",
     {BANKS, ESP, .rare = true},
     "provision boot update:2 boot confirm update:3 boot boot update:3 boot confirm"},
    {"in-place-rejected",
     {BANKS, ESP, .rare = true},
     "provision boot update:1 boot reject boot update:1 boot confirm update:2 boot confirm reject "
     "boot"},
    {"in-place-chosen",
     {BANKS, RAW, .rare = true},
     "provision boot update:1 boot confirm set-boot:0 boot confirm set-boot:1 boot update:2 boot "
     "confirm"},
    {"in-place-damaged",
     {BANKS, RAW},
     "provision boot update:1 boot confirm damage:f boot damage:1 boot update:1 boot confirm boot"},
    {"in-place-log-full",
     {BANKS, RAW, .rare = true},
     "provision boot update:1 fill:1 boot fill:0 confirm update:2 fill:2 boot fill:0 boot"},
    {"one-bank",
     {BANK, RAW},
     "provision boot update:1 boot confirm boot update:2 boot confirm update:3 boot boot confirm "
     "boot"},
    {"one-bank-esp",
     {BANK, ESP, .rare = true},
     "provision boot update:2 boot confirm update:3 boot boot update:4 boot confirm"},
    {"one-bank-resumed",
     {BANK, RAW},
     "provision boot update:3/5000!net-closed boot update:3/9000!net-closed update:3 boot confirm "
     "update:4 update:5 boot confirm"},
    {"one-bank-damaged",
     {BANK, RAW, .rare = true},
     "provision boot update:1 boot confirm damage:f boot damage:0 boot update:2 boot confirm"},
    {"one-bank-log-full",
     {BANK, RAW, .rare = true},
     "provision boot update:1 fill:1 boot fill:0 confirm fill:3 update:2 fill:2 boot confirm"},
    {"one-bank-wiped",
     {BANK, RAW, .rare = true},
     "provision boot update:1 boot confirm wipe-otadata boot update:2 wipe-otadata boot confirm"},
    {"modules-with-app",
     {TWO, MODULES},
     "provision boot update:1 boot confirm update:3 boot confirm update:4 boot boot update:4 boot "
     "reject boot update:5 boot confirm"},
    {"modules-alone",
     {TWO, MODULES},
     "provision boot add:0 add:0 add:1 boot delete:0 add:2 add:1!sequence-too-old delete:2 add:3 "
     "delete:9 add:3 boot"},
    {"modules-of-both-kinds",
     {TWO, MODULES, .rare = true},
     "provision boot add:0 update:1 boot add:1!trial-pending confirm add:1 update:2 boot boot "
     "delete:3 update:3 boot confirm delete:3!module-in-use add:2 set-boot:1 boot update:4 boot "
     "confirm add:3"},
    {"modules-log-full",
     {TWO, MODULES, .rare = true},
     "provision boot fill:1 update:1 fill:0 boot fill:2 confirm fill:1 add:0 fill:2 add:1 fill:0 "
     "delete:0"},
    {"modules-three-slots",
     {THREE, MODULES, .rare = true},
     "provision boot update:1 boot confirm update:2 boot confirm add:1 update:3 boot boot update:4 "
     "boot confirm delete:0"},
    {"modules-in-place",
     {BANKS, MODULES, .rare = true},
     "provision boot update:1 boot confirm add:0 update:2 boot boot update:3 boot confirm "
     "delete:0"},
    {"modules-one-bank",
     {BANK, MODULES, .rare = true},
     "provision boot update:1 boot confirm add:1 update:2 boot confirm update:4 boot confirm"},
    {"stock-bootloader",
     {TWO, ESP},
     "provision stock-boot boot update:1 stock-boot confirm stock-boot update:2 stock-boot "
     "confirm"},
};
const uint32_t scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);
