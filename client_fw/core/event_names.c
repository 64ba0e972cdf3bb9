/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of events and states of modules as words, for whoever talks to people. */

#include "bulla/client.h"
#include "bulla/modules.h"

const char *bulla_event_name(uint8_t what)
{
    static const char *const names[] = {
        [BULLA_DID_PROVISION] = "provision",
        [BULLA_DID_UPDATE] = "update",
        [BULLA_DID_BOOT] = "boot",
        [BULLA_DID_CONFIRM] = "confirm",
        [BULLA_DID_REJECT] = "reject",
        [BULLA_DID_FALL_BACK] = "fall-back",
        [BULLA_DID_SET_BOOT] = "set-boot",
        [BULLA_DID_REPAIR] = "repair",
        [BULLA_DID_FAIL_UPDATE] = "update-failed",
        [BULLA_DID_NOT_BOOT] = "nothing-boots",
        [BULLA_DID_NOT_CONFIRM] = "not-confirmed",
        [BULLA_DID_PLACE] = "place",
        [BULLA_DID_ADD_MODULES] = "modules",
    };
    bool known = what < sizeof(names) / sizeof(names[0]) && names[what] != NULL;

    return known ? names[what] : "unknown";
}

const char *bulla_module_state_name(enum bulla_module_state state)
{
    switch (state) {
    case BULLA_MODULE_LIVE:
        return "live";
    case BULLA_MODULE_SHADOWED:
        return "shadowed";
    case BULLA_MODULE_WAITING:
        return "waiting";
    case BULLA_MODULE_UNFIT:
        break;
    }
    return "unfit";
}
