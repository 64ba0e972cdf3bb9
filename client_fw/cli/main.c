/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-device: the table of its commands, and dispatch. */

#include <string.h>

#include "device.h"

static const struct command commands[] = {
    {"provision", device_provision,
     " layout flash-size app envelope trust vendor class format chip chip-revision force erase "
     "app-size fs-size modules style otadata factory-app factory-envelope bootloader fs ",
     1,
     "usage: bulla-device provision FLASH --layout single|two|three|in-place|FILE.csv\n"
     "         --flash-size SIZE --app APP --trust trust.cbor --vendor DOMAIN --class NAME\n"
     "         [--envelope FILE] [--factory-app APP [--factory-envelope FILE]]\n"
     "         [--otadata blank|set] [--bootloader FILE] [--fs IMAGE] [--format esp|raw]\n"
     "         [--app-size SIZE] [--fs-size SIZE] [--modules SIZE] [--style glenn20|lobo]\n"
     "         [--chip NAME] [--chip-revision N] [--force [--erase]] [--json]\n"
     "Write the flash of a new device, from offset 0: partition table, app, trust store, "
     "identity.\n"
     "  --layout         single: one app, never updated; two: ota_0 and ota_1; three: factory "
     "too;\n"
     "                   in-place: one app, replaced from banks; or a partition table as CSV\n"
     "  --flash-size     2M, 4M, 8M, 16M for the built-in layouts\n"
     "  --app-size, --fs-size, --modules, --style\n"
     "                   of a built-in layout, as `bulla-device layout` takes them\n"
     "  --factory-app    for the factory partition of three; --app goes to ota_0 then\n"
     "  --otadata        blank: factory, or the first slot, boots first (default); set: ota_0\n"
     "  --bootloader     laid where the chip looks for it; its header must fit the flash\n"
     "  --fs             image of the file system; default: left erased\n"
     "  --envelope       the app's own envelope: it is judged, and counts as confirmed\n"
     "  --format         images this device class takes (default esp); raw needs --envelope\n"
     "  --chip           default esp32\n"
     "  --chip-revision  major * 100 + minor, default 0\n"
     "  --force          replace an existing flash file; what is lost is said\n"
     "  --erase          also one with another partition table or none that can be read, whose "
     "data\n"
     "                   is lost\n"},
    {"layout", device_layout,
     " single two three in-place flash-size app-size fs-size firmware modules style no-state "
     "add-state against erase force output ",
     -1,
     "usage: bulla-device layout [--single|--two|--three|--in-place] --flash-size SIZE\n"
     "         [--app-size SIZE] [--firmware FILE] [--fs-size SIZE] [--modules SIZE]\n"
     "         [--style glenn20|lobo] [--no-state] [--force] [--against FLASH [--erase]]\n"
     "         [-o OUT.csv|OUT.bin] [--json]\n"
     "       bulla-device layout FILE [--flash-size SIZE [--add-state]]\n"
     "         [--against FLASH [--erase]] [-o OUT.csv|OUT.bin] [--json]\n"
     "Make a partition table, or convert one: FILE is CSV, a binary table or a flash image.\n"
     "Without -o the table is printed as CSV.\n"
     "  --flash-size     2M, 4M, 8M or 16M; default kind: single, two, two, three\n"
     "  --app-size       of each app, multiple of 64K; at least 1M, unless --force\n"
     "  --firmware       apps are enlarged until they hold it\n"
     "  --fs-size        lowered to what fits; default: all that is left, 0: none\n"
     "  --modules        a partition for frozen modules, multiple of 64K\n"
     "  --style          labels and sizes of glenn20's tables (default) or of LoBo's\n"
     "  --no-state       without the bulla partition that every device of ours needs\n"
     "  --add-state      convert a table that has none\n"
     "  --against        refuse a table other than the one on this flash, whose data would be "
     "lost;\n"
     "                   --erase: that is meant\n"},
    {"inspect", device_inspect, " ", 1,
     "usage: bulla-device inspect IMAGE [--json]\n"
     "What is in a combined flash image or a dump of any tool: chip, bootloader, partition table, "
     "apps,\n"
     "otadata, device state, and what it is good for. Writes nothing.\n"},
    {"update", device_update,
     " url client-cert client-key timeout retry recovery memory transport factory restart "
     "countdown from serial baud path sha256 length auth-file header md5 ",
     1,
     "usage: bulla-device update FLASH --url https://HOST/PATH/app.suit [--timeout SECONDS]\n"
     "         [--client-cert C.pem --client-key K.pem] [--auth-file FILE] [--header 'NAME: "
     "VALUE']\n"
     "         [--transport mbedtls|curl]\n"
     "         [--sha256 HEX] [--length N] [--md5] [--retry] [--recovery] [--memory SIZE]\n"
     "         [--factory] [--restart [--countdown SECONDS]] [--json]\n"
     "       bulla-device update FLASH --from DIR|ENVELOPE|BUNDLE|- ...\n"
     "       bulla-device update FLASH --serial DEVICE [--baud N] [--path PATH] ...\n"
     "Fetch a release, verify it while it comes, install it and select it for a trial.\n"
     "  --url            https server; a name in .json is read as {firmware, sha, length}, and "
     "the\n"
     "                   envelope is beside the firmware\n"
     "  --from           files: a folder with one *.suit, an envelope with its image beside it, a\n"
     "                   bundle, such a .json; -: a bundle on standard input\n"
     "  --serial         a line at whose other end bulla-send runs; --baud (default 115200),\n"
     "                   --path (default update.suit)\n"
     "  --sha256, --length, --md5\n"
     "                   checked beside the signature: digest and size of the image; MD5 in the\n"
     "                   file IMAGE.md5 beside it\n"
     "  --auth-file      one line user:password, sent to the server of --url and no other\n"
     "  --header         a field for the same server; may be repeated; @FILE: one in each line "
     "of it,\n"
     "                   so that secrets are not on the command line\n"
     "  --timeout        of everything, default 1800\n"
     "  --retry          also a release whose trial failed three times\n"
     "  --recovery       as recovery code that runs from none of the slots: replace any of them\n"
     "  --memory         for sector digests; default: for the whole list; at least 2K\n"
     "  --transport      mbedtls, as a microcontroller has it (default); curl, for Linux\n"
     "  --factory        replace the factory app instead, by a release sealed for it; it boots\n"
     "                   after `set-boot FLASH factory`\n"
     "  --restart        boot afterwards, as `boot` does; --countdown SECONDS before (default 10\n"
     "                   on a terminal, else 0), Ctrl-C leaves it to the next reset\n"},
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
    {"confirm", device_confirm, " reach client-cert client-key timeout transport auth-file header ",
     1,
     "usage: bulla-device confirm FLASH [--reach https://HOST/PATH/app.suit] [--timeout SECONDS]\n"
     "         [--client-cert C.pem --client-key K.pem] [--auth-file FILE] [--header 'NAME: "
     "VALUE']\n"
     "         [--transport mbedtls|curl] [--json]\n"
     "The running app works: keep it, and refuse what is older from now on.\n"
     "  --reach          only if this envelope can be fetched and those trusted signed it: else "
     "the\n"
     "                   trial goes on, exit 2 for network trouble, 1 for what was refused\n"},
    {"reject", device_reject, " ", 1,
     "usage: bulla-device reject FLASH [--json]\n"
     "The running app does not work: the next boot takes the fall-back.\n"},
    {"status", device_status, " running ", 1,
     "usage: bulla-device status FLASH [--running NAME] [--json]\n"
     "What runs, what boots next and why, tables, records and last events. Writes nothing.\n"
     "  --running        the slot that the device itself says it runs from, for the flash of a\n"
     "                   real one\n"},
    {"set-boot", device_set_boot, " restart countdown ", 2,
     "usage: bulla-device set-boot FLASH NAME [--restart [--countdown SECONDS]] [--json]\n"
     "Boot this slot next: its label, or factory, ota_0, ota_1, ... It must verify.\n"},
    {"rollback", device_rollback, " cancel restart countdown ", 1,
     "usage: bulla-device rollback FLASH [--cancel] [--restart [--countdown SECONDS]] [--json]\n"
     "Boot next what ran before: another slot that verifies, is not below the floor and needs no\n"
     "trial. An app in its trial is rejected.\n"
     "  --cancel         what runs stays selected, whatever was selected instead\n"},
    {"modules", device_modules,
     " url client-cert client-key timeout memory transport from serial baud path sha256 length "
     "auth-file header output ",
     3,
     "usage: bulla-device modules FLASH ls [--json]\n"
     "       bulla-device modules FLASH add --url URL | --from FILES | --serial DEVICE ...\n"
     "       bulla-device modules FLASH del NAME [--json]\n"
     "       bulla-device modules FLASH reset [--json]\n"
     "       bulla-device modules FLASH cat NAME -o FILE [--json]\n"
     "Frozen modules: read-only files in an area of flash of their own.\n"
     "  ls               what is there, from which release, and what a lookup finds\n"
     "  add              modules without an app; the same as `update`, with its sources and\n"
     "                   options. Nothing restarts; an older sequence than the last is refused\n"
     "  del              one that came without an app; those of a release go with it\n"
     "  reset            all that came without an app\n"
     "  cat              what a lookup of NAME finds, as a file\n"},
};

static const char help[] =
    "usage: bulla-device COMMAND FLASH ...\n"
    "A simulated device: FLASH is a file that holds its whole flash, every command is one "
    "power-on.\n"
    "  provision FLASH   write the flash of a new device\n"
    "  layout [FILE]     make or convert a partition table\n"
    "  inspect IMAGE     what is in a combined flash image\n"
    "  update FLASH      fetch, verify and install a release\n"
    "  boot FLASH        what the reset does; prints the slot that runs\n"
    "  alive FLASH       the running app has run long enough\n"
    "  confirm FLASH     the running app works\n"
    "  reject FLASH      the running app does not work\n"
    "  status FLASH      what runs, what boots next and why\n"
    "  set-boot FLASH NAME\n"
    "                    boot this slot next\n"
    "  rollback FLASH    boot next what ran before; --cancel takes it back\n"
    "  modules FLASH ls|add|del|reset|cat\n"
    "                    frozen modules\n"
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
