/* SPDX-License-Identifier: Apache-2.0 */
/* The layouts of our own: one app, two slots, factory and two slots, or one app that is replaced
 * in place from banks. App offsets are those of the layouts in the field. */

#include "layout.h"
#include "layout_words.h"

#include <stdarg.h>
#include <string.h>

#define KIB       0x400u
#define MIB       0x100000u
#define APPS_AT   0x10000u
#define STEP      0x10000u /* what the flash cache maps: apps and modules are whole pages */
#define SECTOR    0x1000u
#define IMAGE_MAX (16u * MIB)
#define BANKS_MAX 2u

struct kind {
    const char *name;
    bool factory;
    uint32_t slots;
    uint32_t banks; /* most of them */
};
static const struct kind kinds[] = {
    {"single", true, 0, 0},
    {"two", false, 2, 0},
    {"three", true, 2, 0},
    {"in-place", true, 0, BANKS_MAX},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct style {
    const char *name;
    const char *factory, *slots[2], *file_system;
    uint32_t single_size, slots_size; /* of an app */
};
static const struct style styles[] = {
    {"glenn20", "factory", {"ota_0", "ota_1"}, "vfs", 1536 * KIB, 1536 * KIB},
    {"lobo", "MicroPython", {"MicroPython_1", "MicroPython_2"}, "internalfs", MIB, 1728 * KIB},
};
#define STYLES (sizeof(styles) / sizeof(styles[0]))

/* What is settled on the way to the rows. */
struct making {
    const struct layout_plan *plan;
    const struct kind *kind;
    const struct style *style;
    struct layout_notes *notes;
    uint32_t app_size;
    uint32_t end;    /* behind the file system: modules, state, or the end of the flash */
    uint32_t copies; /* partitions of the app's size */
};

static void note(struct layout_notes *notes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void note(struct layout_notes *notes, const char *format, ...)
{
    va_list args;

    if (notes->count == LAYOUT_NOTES_MAX)
        return;
    va_start(args, format);
    vsnprintf(notes->text[notes->count++], LAYOUT_WHY_SIZE, format, args);
    va_end(args);
}

/* ---- what was asked for ---- */

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

bool layout_is_kind(const char *name)
{
    return find_kind(name) != NULL;
}

static const char *kind_for(uint32_t flash_size)
{
    if (flash_size >= 16 * MIB)
        return "three";
    return flash_size >= 4 * MIB ? "two" : "single";
}

static const struct style *find_style(const char *name)
{
    for (size_t i = 0; i < STYLES; i++)
        if (strcmp(styles[i].name, name) == 0)
            return &styles[i];
    return NULL;
}

static bool take_names(struct making *m, char why[LAYOUT_WHY_SIZE])
{
    const char *kind = m->plan->kind != NULL ? m->plan->kind : kind_for(m->plan->flash_size);
    const char *style = m->plan->style != NULL ? m->plan->style : styles[0].name;
    char shown[LAYOUT_SHOWN_SIZE];

    m->kind = find_kind(kind);
    m->style = find_style(style);
    layout_show(m->kind == NULL ? kind : style, strlen(m->kind == NULL ? kind : style), shown);
    if (m->kind == NULL)
        return layout_refuse(why, "the layout is one of single, two, three, in-place, not '%s'",
                             shown);
    return m->style != NULL || layout_refuse(why, "the style is glenn20 or lobo, not '%s'", shown);
}

static bool judge_flash(const struct making *m, char why[LAYOUT_WHY_SIZE])
{
    uint32_t size = m->plan->flash_size;

    if (size != 2 * MIB && size != 4 * MIB && size != 8 * MIB && size != 16 * MIB)
        return layout_refuse(why, "the flash size is one of 2M, 4M, 8M, 16M, not 0x%x bytes",
                             (unsigned)size);
    if (m->kind->factory && m->kind->slots > 0 && size <= 4 * MIB)
        return layout_refuse(why,
                             "layout %s needs a flash larger than 4M (8M or 16M), this one has %uM",
                             m->kind->name, (unsigned)(size / MIB));
    if (m->plan->no_state && (m->kind->banks > 0 || m->plan->modules_size > 0))
        return layout_refuse(why, "%s without a state partition would mean nothing to a device",
                             m->kind->banks > 0 ? "layout in-place" : "a modules partition");
    return true;
}

/* Modules and state at the end of the flash. */
static bool settle_end(struct making *m, char why[LAYOUT_WHY_SIZE])
{
    uint32_t end = m->plan->flash_size - (m->plan->no_state ? 0 : LAYOUT_STATE_SIZE);

    if (m->plan->modules_size % STEP != 0 || m->plan->modules_size > end - APPS_AT)
        return layout_refuse(why,
                             "the modules partition is a multiple of 64K inside the flash, not "
                             "0x%x bytes",
                             (unsigned)m->plan->modules_size);
    m->end = end - m->plan->modules_size;
    return true;
}

/* ---- sizes ---- */

/* Where the flash is too small for what is usual, as much as leaves 128K to the file system. */
static uint32_t default_app_size(const struct making *m)
{
    if (m->plan->flash_size > 2 * MIB && m->kind->factory && m->kind->slots > 0)
        return 1728 * KIB;
    if (m->plan->flash_size > 2 * MIB)
        return m->kind->slots > 0 ? m->style->slots_size : m->style->single_size;
    return m->kind->slots > 0 || m->kind->banks > 0 ? 896 * KIB : MIB;
}

static bool settle_app_size(struct making *m, char why[LAYOUT_WHY_SIZE])
{
    uint32_t size = m->plan->app_size != 0 ? m->plan->app_size : default_app_size(m);
    uint64_t firmware = ((uint64_t)m->plan->firmware_size + STEP - 1) / STEP * STEP;

    if (firmware > IMAGE_MAX)
        return layout_refuse(why, "the firmware has %u bytes, an app has at most 16M",
                             (unsigned)m->plan->firmware_size);
    if (size % STEP != 0 || size > IMAGE_MAX)
        return layout_refuse(why, "the app size is a multiple of 64K, at most 16M, not 0x%x bytes",
                             (unsigned)size);
    if (firmware > size) {
        note(m->notes, "app partitions are enlarged from %uK to %uK: the firmware has %u bytes",
             (unsigned)(size / KIB), (unsigned)(firmware / KIB), (unsigned)m->plan->firmware_size);
        size = (uint32_t)firmware;
    }
    if (size < LAYOUT_APP_MIN && !m->plan->small && m->plan->app_size == 0)
        return layout_refuse(
            why,
            "layout %s leaves apps %uK on a flash of %uM, which is smaller than 1M: "
            "4M and more have room, or one app (--single); --force allows it",
            m->kind->name, (unsigned)(size / KIB), (unsigned)(m->plan->flash_size / MIB));
    if (size < LAYOUT_APP_MIN && !m->plan->small)
        return layout_refuse(why, "an app partition of %uK is smaller than 1M; --force allows it",
                             (unsigned)(size / KIB));
    m->app_size = size;
    return true;
}

/* The second bank is what a fall-back needs; it gives way only where there is no room, or to a file
 * system whose size was asked for. */
static void settle_copies(struct making *m)
{
    uint64_t wanted = m->plan->fs_given ? m->plan->fs_size : 0;
    uint64_t room = m->end - APPS_AT;

    m->copies = m->kind->slots + (m->kind->factory ? 1 : 0) + m->kind->banks;
    if (m->kind->banks == BANKS_MAX && (uint64_t)m->copies * m->app_size + wanted > room) {
        m->copies--;
        note(m->notes, "there is room for one bank only: no release stays behind to fall back to");
    }
}

static bool judge_app_size(const struct making *m, char why[LAYOUT_WHY_SIZE])
{
    uint32_t most = (m->end - APPS_AT) / m->copies;

    if (m->app_size <= most)
        return true;
    return layout_refuse(
        why, "layout %s on %uM has room for %u app partition%s of at most %uK, not %uK",
        m->kind->name, (unsigned)(m->plan->flash_size / MIB), (unsigned)m->copies,
        m->copies == 1 ? "" : "s", (unsigned)(most / STEP * 64), (unsigned)(m->app_size / KIB));
}

/* Bytes for the file system that begins at `at`. */
static uint32_t fit_file_system(const struct making *m, uint32_t at)
{
    uint32_t room = m->end - at, size = room;

    if (!m->plan->fs_given)
        return room;
    if (m->plan->fs_size < room)
        size = m->plan->fs_size / SECTOR * SECTOR;
    if (size != m->plan->fs_size)
        note(m->notes, "the file system is lowered from %u to %u bytes, the nearest that fits",
             (unsigned)m->plan->fs_size, (unsigned)size);
    return size;
}

/* ---- rows ---- */

static void append_apps(const struct making *m, struct layout *out, uint32_t *at)
{
    static const char *const banks[] = {"bank_0", "bank_1"};

    if (m->kind->factory) {
        layout_append(out, BULLA_TYPE_APP, BULLA_SUBTYPE_FACTORY, *at, m->app_size,
                      m->kind->banks > 0 ? "app" : m->style->factory);
        *at += m->app_size;
    }
    for (uint32_t i = 0; i < m->kind->slots; i++, *at += m->app_size)
        layout_append(out, BULLA_TYPE_APP, (uint8_t)(BULLA_SUBTYPE_OTA_0 + i), *at, m->app_size,
                      m->style->slots[i]);
    for (uint32_t i = 0; m->kind->banks > 0 && i + 1 < m->copies; i++, *at += m->app_size)
        layout_append(out, BULLA_TYPE_BULLA, (uint8_t)(BULLA_SUBTYPE_BANK_0 + i), *at, m->app_size,
                      banks[i]);
}

static void append_all(const struct making *m, struct layout *out)
{
    bool otadata = m->kind->slots > 0 || m->kind->banks > 0;
    uint32_t at = APPS_AT;

    layout_append(out, BULLA_TYPE_DATA, LAYOUT_DATA_NVS, 0x9000, otadata ? 0x4000 : 0x6000, "nvs");
    if (otadata)
        layout_append(out, BULLA_TYPE_DATA, BULLA_SUBTYPE_DATA_OTA, 0xd000, 0x2000, "otadata");
    layout_append(out, BULLA_TYPE_DATA, LAYOUT_DATA_PHY, 0xf000, 0x1000, "phy_init");
    append_apps(m, out, &at);

    uint32_t size = fit_file_system(m, at);

    if (size > 0)
        layout_append(out, BULLA_TYPE_DATA, LAYOUT_DATA_FAT, at, size, m->style->file_system);
    if (m->plan->modules_size > 0)
        layout_append(out, BULLA_TYPE_BULLA, BULLA_SUBTYPE_MODULES, m->end, m->plan->modules_size,
                      "modules");
    if (!m->plan->no_state)
        layout_append(out, BULLA_TYPE_BULLA, BULLA_SUBTYPE_STATE,
                      m->plan->flash_size - LAYOUT_STATE_SIZE, LAYOUT_STATE_SIZE, "bulla");
}

bool layout_make(const struct layout_plan *plan, struct layout *out, struct layout_notes *notes,
                 char why[LAYOUT_WHY_SIZE])
{
    struct making m = {.plan = plan, .notes = notes};

    memset(out, 0, sizeof(*out));
    notes->count = 0;
    if (!take_names(&m, why) || !judge_flash(&m, why) || !settle_end(&m, why) ||
        !settle_app_size(&m, why))
        return false;
    settle_copies(&m);
    if (!judge_app_size(&m, why))
        return false;
    append_all(&m, out);
    return true;
}

bool layout_generate(const char *kind, uint32_t flash_size, uint32_t app_size, struct layout *out,
                     char why[LAYOUT_WHY_SIZE])
{
    const struct layout_plan plan = {
        .kind = kind, .flash_size = flash_size, .app_size = app_size, .small = true};
    struct layout_notes ignored;

    return layout_make(&plan, out, &ignored, why);
}
