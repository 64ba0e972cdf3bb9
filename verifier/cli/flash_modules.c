/* SPDX-License-Identifier: Apache-2.0 */
/* The frozen modules of a flash: what a lookup would find once the slot that boots next runs,
 * judged by the device's code with our trust. Those of a release that waits in another slot were
 * judged with that slot. */

#include <inttypes.h>

#include "bulla/modules.h"
#include "flash_audit.h"
#include "verify.h"

static void report_module(struct host_tool *tool, const struct flash_audit *audit,
                          const struct bulla_module *m, json_t *list)
{
    char label[LABEL_TEXT_MAX] = "alone";
    char hex[2 * BULLA_DIGEST_SIZE + 1];
    const char *name = m->name[0] != '\0' ? m->name : "?";

    if (!m->alone)
        flash_label(audit, m->slot, label, sizeof label);
    host_hex((struct bulla_bytes){m->digest, BULLA_DIGEST_SIZE}, hex);
    host_say(tool, "module %s at 0x%" PRIx32 ", %" PRIu32 " bytes: %s", name, m->offset, m->size,
             bulla_module_state_name(m->state));
    report_line(tool, "from", "%s, sequence %" PRIu32, m->alone ? "an envelope of modules" : label,
                m->sequence);
    report_line(tool, "", "sha-256 %s", hex);
    (void)json_array_append_new(
        list, json_pack("{s:s, s:I, s:I, s:s, s:b, s:I, s:s, s:o}", "name", name, "offset",
                        (json_int_t)m->offset, "size", (json_int_t)m->size, "from", label, "alone",
                        (int)m->alone, "sequence", (json_int_t)m->sequence, "state",
                        bulla_module_state_name(m->state), "sha256",
                        report_hex_json((struct bulla_bytes){m->digest, BULLA_DIGEST_SIZE})));
}

enum bulla_status flash_report_modules(struct host_tool *tool, struct flash_audit *audit)
{
    struct bulla_modules modules;
    struct bulla_module each;
    uint32_t cursor = 0;
    uint32_t unfit = 0;
    bool more = true;

    audit->client.executing = audit->boot.slot;
    enum bulla_status status = bulla_modules_open(&modules, &audit->client);
    if (status == BULLA_E_MODULES_NOT_TAKEN)
        return BULLA_OK; /* there is no area */
    json_t *list = json_array();
    while (status == BULLA_OK && more) {
        status = bulla_modules_next(&modules, &cursor, &each, &more);
        if (status != BULLA_OK || !more)
            break;
        report_module(tool, audit, &each, list);
        unfit += each.state == BULLA_MODULE_UNFIT ? 1 : 0;
    }
    if (tool->json)
        (void)json_object_set(tool->doc, "modules", list);
    json_decref(list);
    return status == BULLA_OK && unfit > 0 ? BULLA_E_MODULE_DIGEST : status;
}
