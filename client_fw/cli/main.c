/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-device: the table of its commands, and dispatch. */

#include <string.h>

#include "device.h"

static const struct command commands[] = {
    {"provision", device_provision,
     " layout flash-size app envelope trust vendor class format chip chip-revision force ", 1,
     "usage: bulla-device provision FLASH --layout single|two|three|FILE.csv --flash-size SIZE\n"
     "         --app APP --trust trust.cbor --vendor DOMAIN --class NAME [--envelope FILE]\n"
     "         [--format esp|raw] [--chip NAME] [--chip-revision N] [--force] [--json]\n"
     "Write the flash of a new device: partition table, app, trust store, identity.\n"
     "  --layout         single: one app, never updated; two: ota_0 and ota_1; three: factory "
     "too;\n"
     "                   or a partition table as CSV\n"
     "  --flash-size     2M, 4M, 8M, 16M for the built-in layouts\n"
     "  --envelope       the app's own envelope: it is judged, and counts as confirmed\n"
     "  --format         images this device class takes (default esp); raw needs --envelope\n"
     "  --chip           default esp32\n"
     "  --chip-revision  major * 100 + minor, default 0\n"
     "  --force          replace an existing flash file\n"},
    {"update", device_update,
     " url client-cert client-key timeout retry recovery memory transport ", 1,
     "usage: bulla-device update FLASH --url https://HOST/PATH/app.suit [--timeout SECONDS]\n"
     "         [--client-cert C.pem --client-key K.pem] [--retry] [--recovery] [--memory SIZE]\n"
     "         [--transport mbedtls|curl] [--json]\n"
     "Fetch a release, verify it while it comes, install it and select it for a trial.\n"
     "  --timeout        of everything, default 1800\n"
     "  --retry          also a release whose trial failed three times\n"
     "  --recovery       as recovery code that runs from none of the slots: replace any of them\n"
     "  --memory         for sector digests; default: for the whole list; at least 2K\n"
     "  --transport      mbedtls, as a microcontroller has it (default); curl, for Linux\n"},
    {"boot", device_boot, " reset trial-boots crashes ", 1,
     "usage: bulla-device boot FLASH [--reset power|crash] [--trial-boots N] [--crashes N] "
     "[--json]\n"
     "What the reset does: choose a slot, verify it, mark a trial. Prints the slot that runs.\n"
     "  --reset          crash: a watchdog or a panic ended what ran; default power, which stands "
     "for\n"
     "                   every other reset, power loss and brown-out among them\n"
     "  --trial-boots    boots before an unconfirmed release is given up, default 1, at most 250\n"
     "  --crashes        in a row, before a confirmed app is left for another slot; default 5, 0: "
     "never\n"},
    {"alive", device_alive, " ", 1,
     "usage: bulla-device alive FLASH [--json]\n"
     "The running app has run long enough: its crashes are forgotten.\n"},
    {"confirm", device_confirm, " reach client-cert client-key timeout transport ", 1,
     "usage: bulla-device confirm FLASH [--reach https://HOST/PATH/app.suit] [--timeout SECONDS]\n"
     "         [--client-cert C.pem --client-key K.pem] [--transport mbedtls|curl] [--json]\n"
     "The running app works: keep it, and refuse what is older from now on.\n"
     "  --reach          only if this envelope can be fetched and those trusted signed it: else "
     "the\n"
     "                   trial goes on, exit 2 for network trouble, 1 for what was refused\n"},
    {"reject", device_reject, " ", 1,
     "usage: bulla-device reject FLASH [--json]\n"
     "The running app does not work: the next boot takes the fall-back.\n"},
    {"status", device_status, " ", 1,
     "usage: bulla-device status FLASH [--json]\n"
     "What runs, what boots next and why, tables, records and last events. Writes nothing.\n"},
    {"set-boot", device_set_boot, " ", 2,
     "usage: bulla-device set-boot FLASH NAME [--json]\n"
     "Boot the slot of this label next.\n"},
};

static const char help[] =
    "usage: bulla-device COMMAND FLASH ...\n"
    "A simulated device: FLASH is a file that holds its whole flash, every command is one "
    "power-on.\n"
    "  provision FLASH   write the flash of a new device\n"
    "  update FLASH      fetch, verify and install a release\n"
    "  boot FLASH        what the reset does; prints the slot that runs\n"
    "  alive FLASH       the running app has run long enough\n"
    "  confirm FLASH     the running app works\n"
    "  reject FLASH      the running app does not work\n"
    "  status FLASH      what runs, what boots next and why\n"
    "  set-boot FLASH NAME\n"
    "                    boot this slot next\n"
    "`bulla-device COMMAND --help` tells the options; --json makes every answer one JSON object.\n"
    "exit: 0 done or nothing newer, 1 judged and refused, 2 could not judge (usage, files, "
    "network)\n";

static int dispatch(struct host_tool *tool, const struct command *command, int argc, char **argv)
{
    struct arguments arguments;
    int code = arguments_parse(tool, command, argc, argv, &arguments);

    return code >= 0 ? code : command->run(tool, &arguments);
}

int main(int argc, char **argv)
{
    struct host_tool tool;

    host_begin(&tool, "bulla-device", argc, argv);
    /* --json may stand before the command, too */
    int first = argc > 1 && strcmp(argv[1], "--json") == 0 ? 2 : 1;
    if (first >= argc)
        return host_usage(&tool, "a command is missing");
    if (strcmp(argv[first], "--help") == 0 || strcmp(argv[first], "-h") == 0) {
        fputs(help, stdout);
        return HOST_EXIT_OK;
    }
    if (strcmp(argv[first], "--version") == 0) {
        puts("bulla-device " BULLA_VERSION);
        return HOST_EXIT_OK;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[first], commands[i].name) == 0)
            return dispatch(&tool, &commands[i], argc - first, argv + first);
    }
    return host_usage(&tool, "unknown command %s", argv[first]);
}
