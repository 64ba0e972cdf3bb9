/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: options into facts about a device, and the trust stores. Everything wrong here
 * is found before any envelope is opened, and ends with exit code 2. */

#include <stdarg.h>
#include <string.h>

#include "verify.h"

static const struct option long_options[] = {
    {"trust", required_argument, NULL, 't'},
    {"threshold", required_argument, NULL, 'm'},
    {"image", required_argument, NULL, 'i'},
    {"module", required_argument, NULL, 'M'},
    {"no-modules", no_argument, NULL, 'N'},
    {"vendor", required_argument, NULL, 'v'},
    {"class", required_argument, NULL, 'c'},
    {"component", required_argument, NULL, 'k'},
    {"newer-than", required_argument, NULL, 'n'},
    {"floor", required_argument, NULL, 'f'},
    {"slot-size", required_argument, NULL, 's'},
    {"format", required_argument, NULL, 'o'},
    {"chip", required_argument, NULL, 'p'},
    {"chip-revision", required_argument, NULL, 'r'},
    {"pin", required_argument, NULL, 'P'},
    {"second-reading", no_argument, NULL, '2'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

HOST_PRINTF(2, 3)
static bool wrong(char why[VERIFY_WHY_MAX], const char *message, ...)
{
    va_list args;
    va_start(args, message);
    (void)vsnprintf(why, VERIFY_WHY_MAX, message, args);
    va_end(args);
    return false;
}

static bool number(const char *option, const char *text, uint32_t max, bool suffix, uint32_t *out,
                   char why[VERIFY_WHY_MAX])
{
    uint64_t value = 0;
    if (!host_parse_number(text, max, suffix, &value))
        return wrong(why, "%s takes a number from 0 to %lu, not '%s'", option, (unsigned long)max,
                     text);
    *out = (uint32_t)value;
    return true;
}

static bool set_device_number(int letter, const char *text, struct verify_options *o,
                              char why[VERIFY_WHY_MAX])
{
    struct bulla_device *device = &o->device;
    if (letter == 'n') {
        device->has_sequence = true;
        return number("--newer-than", text, UINT32_MAX, false, &device->sequence, why);
    }
    if (letter == 'f') {
        device->has_floor = true;
        return number("--floor", text, UINT32_MAX, false, &device->floor, why);
    }
    if (letter == 's') {
        device->has_slot_size = true;
        if (!number("--slot-size", text, UINT32_MAX, true, &device->slot_size, why))
            return false;
        return device->slot_size > 0 || wrong(why, "--slot-size 0: no image fits such a slot");
    }
    uint32_t revision = 0;
    if (!number("--chip-revision", text, UINT16_MAX, false, &revision, why))
        return false;
    o->has_revision = true;
    device->chip_revision = (uint16_t)revision;
    return true;
}

static bool set_device_name(int letter, const char *text, struct verify_options *o,
                            char why[VERIFY_WHY_MAX])
{
    struct bulla_device *device = &o->device;
    if (letter == 'o') {
        device->has_format = true;
        device->format = strcmp(text, "esp") == 0 ? BULLA_FORMAT_ESP : BULLA_FORMAT_RAW;
        return strcmp(text, "esp") == 0 || strcmp(text, "raw") == 0 ||
               wrong(why, "--format takes esp or raw, not '%s'", text);
    }
    if (letter == 'k') {
        device->has_component = true;
        device->component = verify_text(text);
        return strcmp(text, "app") == 0 || strcmp(text, "factory") == 0 ||
               wrong(why, "--component takes app or factory, not '%s'", text);
    }
    o->chip = bulla_chip_by_name(text);
    if (o->chip == NULL)
        return wrong(why, "--chip: '%s' is not a chip this program knows (esp32, esp32c3, ...)",
                     text);
    device->has_chip = true;
    device->chip_id = o->chip->id;
    return true;
}

static bool add_module(const char *text, struct verify_options *o, char why[VERIFY_WHY_MAX])
{
    char name[BULLA_COMPONENT_NAME_MAX + 1u], other[BULLA_COMPONENT_NAME_MAX + 1u];
    if (host_named_file(text, name) == NULL)
        return wrong(why, "--module takes NAME=FILE, not '%s'", text);
    for (size_t i = 0; i < o->module_count; i++) {
        (void)host_named_file(o->modules[i], other);
        if (strcmp(name, other) == 0)
            return wrong(why, "--module %s is given twice", name);
    }
    if (o->module_count == BULLA_IMAGES_MAX)
        return wrong(why, "--module is given more than %u times", BULLA_IMAGES_MAX);
    o->modules[o->module_count++] = text;
    return true;
}

static bool set_option(int letter, const char *text, struct verify_options *o,
                       char why[VERIFY_WHY_MAX])
{
    if (strchr("nfsr", letter) != NULL)
        return set_device_number(letter, text, o, why);
    if (strchr("okp", letter) != NULL)
        return set_device_name(letter, text, o, why);
    if (letter == 'M')
        return add_module(text, o, why);
    if (letter == 't') {
        if (o->trust_count == VERIFY_TRUST_MAX)
            return wrong(why, "--trust is given more than %u times", VERIFY_TRUST_MAX);
        o->trust[o->trust_count++] = text;
    } else if (letter == 'P') {
        uint8_t pin[BULLA_DIGEST_SIZE];
        if (o->pin_count == VERIFY_PINS_MAX)
            return wrong(why, "--pin is given more than %u times", VERIFY_PINS_MAX);
        if (!keys_pin_parse(text, pin))
            return wrong(why, "--pin takes sha256//BASE64, not '%s'", text);
        o->pins[o->pin_count++] = text;
    } else if (letter == 'm') {
        if (!number("--threshold", text, BULLA_TRUST_KEYS_MAX, false, &o->threshold, why))
            return false;
        return o->threshold > 0 || wrong(why, "--threshold 0 would accept what nobody signed");
    } else if (letter == 'i')
        o->image = text;
    else if (letter == 'v')
        o->vendor = text;
    else if (letter == 'c')
        o->class_name = text;
    else if (letter == 'N')
        o->device.takes_modules = false;
    else if (letter == '2')
        o->second_reading = true;
    else if (letter == 'h')
        o->help = true;
    return true;
}

/* Options that only make sense together, and names that can be no id. */
static bool check_together(struct verify_options *o, char why[VERIFY_WHY_MAX])
{
    if ((o->vendor == NULL) != (o->class_name == NULL))
        return wrong(why, "--vendor and --class go together: a class id is made from both");
    if (o->has_revision && o->chip == NULL)
        return wrong(why, "--chip-revision needs --chip");
    if (o->vendor == NULL)
        return true;
    const char *problem = host_id_name_problem(o->vendor);
    if (problem != NULL)
        return wrong(why, "--vendor '%s': %s", o->vendor, problem);
    problem = host_id_name_problem(o->class_name);
    if (problem != NULL)
        return wrong(why, "--class '%s': %s", o->class_name, problem);
    o->device.has_ids = true;
    host_vendor_id(o->vendor, o->device.vendor_id);
    host_class_id(o->device.vendor_id, o->class_name, o->device.class_id);
    return true;
}

static bool parse(int argc, char **argv, const char *allowed, struct verify_options *o,
                  char why[VERIFY_WHY_MAX])
{
    opterr = 0;
    optind = 1;
    int letter;
    while ((letter = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (letter == ':')
            return wrong(why, "%s needs a value", argv[optind - 1]);
        if (letter == '?' || (strchr("jh", letter) == NULL && strchr(allowed, letter) == NULL))
            return wrong(why, "'%s' is not an option of %s",
                         optind > 1 ? argv[optind - 1] : argv[0], argv[0]);
        if (!set_option(letter, optarg, o, why))
            return false;
    }
    if (o->help)
        return true;
    if (optind >= argc)
        return wrong(why, "%s needs the name of a file", argv[0]);
    if (argc - optind > 1 && strchr(allowed, VERIFY_SEVERAL) == NULL)
        return wrong(why, "one file is expected, '%s' is one too many", argv[optind + 1]);
    o->file = argv[optind];
    o->files = argv + optind;
    o->file_count = (size_t)(argc - optind);
    return check_together(o, why);
}

enum bulla_status verify_options_parse(int argc, char **argv, const char *allowed,
                                       struct verify_options *out, char why[VERIFY_WHY_MAX])
{
    *out = (struct verify_options){.device.takes_modules = true};
    return parse(argc, argv, allowed, out, why) ? BULLA_OK : BULLA_E_USAGE;
}

bool verify_trust_load(struct host_tool *tool, const struct verify_options *options,
                       struct keys_trust *trust, int *exit_code)
{
    if (options->trust_count == 0) {
        *exit_code = host_usage(tool, "--trust is missing: a public key (PEM) or a trust store");
        return false;
    }
    char why[256] = "";
    enum bulla_status status =
        keys_trust_load(options->trust, options->trust_count, options->threshold, trust, why);
    if (status == BULLA_OK)
        return true;
    *exit_code = host_end(tool, status, "%s", why);
    return false;
}
