/* SPDX-License-Identifier: Apache-2.0 */
/* What the numbers on a flash are called. */

#include <stdlib.h>

#include "flash_audit.h"
#include "verify.h"

struct kind {
    int type;
    int subtype;
    const char *name;
};

static const struct kind kinds[] = {
    {0, 0x00, "app, factory"},
    {0, 0x20, "app, test"},
    {1, 0x00, "data, ota"},
    {1, 0x01, "data, phy"},
    {1, 0x02, "data, nvs"},
    {1, 0x03, "data, coredump"},
    {1, 0x04, "data, nvs_keys"},
    {1, 0x05, "data, efuse"},
    {1, 0x06, "data, undefined"},
    {1, 0x80, "data, esphttpd"},
    {1, 0x81, "data, fat"},
    {1, 0x82, "data, spiffs"},
    {1, 0x83, "data, littlefs"},
    {2, 0x00, "bootloader, primary"},
    {2, 0x01, "bootloader, ota"},
    {3, 0x00, "partition_table, primary"},
    {BULLA_TYPE_BULLA, 0x00, "bulla, state"},
    {BULLA_TYPE_BULLA, 0x10, "bulla, bank_0"},
    {BULLA_TYPE_BULLA, 0x11, "bulla, bank_1"},
};

void flash_kind_text(const struct bulla_partition *p, char *buf, size_t size)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].type == p->type && kinds[i].subtype == p->subtype) {
            (void)snprintf(buf, size, "%s", kinds[i].name);
            return;
        }
    if (p->type == BULLA_TYPE_APP && (p->subtype & 0xf0u) == BULLA_SUBTYPE_OTA_0)
        (void)snprintf(buf, size, "app, ota_%u", p->subtype & 0x0fu);
    else
        (void)snprintf(buf, size, "type 0x%02x, subtype 0x%02x", p->type, p->subtype);
}

const char *flash_ota_state_name(uint32_t state)
{
    static const char *const names[] = {"NEW", "PENDING_VERIFY", "VALID", "INVALID", "ABORTED"};
    if (state < sizeof names / sizeof names[0])
        return names[state];
    return state == BULLA_OTA_UNDEFINED ? "UNDEFINED" : "unknown";
}

void flash_label(const struct flash_audit *audit, int32_t slot, char *buf, size_t size)
{
    const struct bulla_partition *p = bulla_layout_slot(&audit->client.layout, slot);
    char *label = p != NULL ? host_escape(verify_text(p->label)) : NULL;
    (void)snprintf(buf, size, "%s", label != NULL ? label : "none");
    free(label);
}
