/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-verify flash: what is on a device, what boots next, and is that what was signed? */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flash_audit.h"
#include "verify.h"

const char verify_flash_help[] =
    "Usage: bulla-verify flash DUMP --trust T [--threshold M] [--json]\n"
    "Explains a dump of a whole NOR flash: partition table, otadata, app slots and the envelopes\n"
    "stored for them, device state; what boots next and why. The dump is not changed.\n"
    "\n"
    "  --trust T       a public key (PEM) or a trust store to judge by; may be repeated.\n"
    "                  What the device itself trusts is compared with it\n"
    "  --threshold M   at least M trusted keys must have signed\n"
    "  --json          one JSON object on stdout\n"
    "\n"
    "Exit codes: 0 what boots next is sealed and verifies against --trust; 1 it does not, or\n"
    "nothing boots, or it is an image without an envelope (slot-not-sealed); 2 no dump of a whole\n"
    "flash (a multiple of 4096 bytes).\n";

#define ALLOWED  "tm"
#define DUMP_MAX ((size_t)256 << 20) /* twice the largest NOR flash ESP-IDF knows */

static enum bulla_status verdict(const struct flash_audit *audit, char *why, size_t size)
{
    const char *sentence = "";
    enum bulla_status status = audit->table_status;
    if (status == BULLA_OK)
        status = audit->boot_status;
    if (audit->table_status == BULLA_OK && status != BULLA_OK) {
        flash_boot_sentence(audit, why, size);
        return status;
    }
    const struct audited_slot *s = flash_audit_slot(audit, audit->boot.slot);
    if (status == BULLA_OK && s != NULL)
        status = s->status;
    if (status == BULLA_OK && s != NULL && !s->found.sealed) {
        status = BULLA_E_SLOT_NOT_SEALED;
        sentence = "what boots next is structurally sound, but no envelope is stored for it";
    }
    if (status == BULLA_OK && audit->open_status != BULLA_OK)
        status = audit->open_status;
    if (status == BULLA_OK && audit->state_status == BULLA_E_STATE_DAMAGED) {
        status = audit->state_status;
        sentence = "it boots, but takes no update: what it confirmed or its floor cannot be read";
    }
    (void)snprintf(why, size, "%s", sentence[0] != '\0' ? sentence : bulla_status_sentence(status));
    return status;
}

static int audit_dump(struct host_tool *tool, struct host_buffer *dump,
                      const struct bulla_trust *trust)
{
    char why[VERIFY_WHY_MAX];
    struct flash_audit *audit = malloc(sizeof *audit);
    enum bulla_status status = BULLA_E_IO;
    if (audit != NULL)
        status = flash_audit_run(audit, dump, trust);
    (void)snprintf(why, sizeof why, "%s", bulla_status_sentence(status));
    if (status == BULLA_OK) {
        flash_report(tool, audit);
        enum bulla_status modules = flash_report_modules(tool, audit);
        status = verdict(audit, why, sizeof why);
        if (status == BULLA_OK && modules != BULLA_OK) {
            status = modules;
            (void)snprintf(why, sizeof why, "it boots, but %s",
                           modules == BULLA_E_MODULE_DIGEST
                               ? "modules in their area do not verify, and no lookup finds them"
                               : bulla_status_sentence(modules));
        }
    }
    if (audit != NULL)
        flash_audit_free(audit);
    free(audit);
    return host_end(tool, status, "%s", why);
}

int verify_flash(struct host_tool *tool, int argc, char **argv)
{
    struct verify_options options;
    char why[VERIFY_WHY_MAX];
    if (verify_options_parse(argc, argv, ALLOWED, &options, why) != BULLA_OK)
        return host_usage(tool, "%s", why);
    if (options.help) {
        (void)fputs(verify_flash_help, stdout);
        return HOST_EXIT_OK;
    }
    struct keys_trust trust;
    int code;
    if (!verify_trust_load(tool, &options, &trust, &code))
        return code;
    struct host_buffer dump;
    enum bulla_status status = host_read_file(options.file, DUMP_MAX, &dump);
    if (status == BULLA_OK && dump.len % BULLA_SECTOR_SIZE != 0)
        code = host_end(tool, BULLA_E_IO,
                        "%s is no dump of a whole flash: that has a multiple of %u bytes, not %zu",
                        options.file, BULLA_SECTOR_SIZE, dump.len);
    else if (status == BULLA_OK)
        code = audit_dump(tool, &dump, &trust.trust);
    else
        code = host_end(tool, status, "%s: %s", options.file, strerror(errno));
    if (status == BULLA_OK)
        host_buffer_free(&dump);
    keys_trust_free(&trust);
    return code;
}
