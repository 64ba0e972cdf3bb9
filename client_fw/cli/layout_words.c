/* SPDX-License-Identifier: Apache-2.0 */
/* Partition types and subtypes by name. */

#include "layout_words.h"

#include <string.h>
#include <strings.h>

struct keyword {
    uint8_t type;
    uint8_t value;
    const char *word;
};
static const struct keyword types[] = {
    {0, BULLA_TYPE_APP, "app"},
    {0, BULLA_TYPE_DATA, "data"},
    {0, BULLA_TYPE_BOOTLOADER, "bootloader"},
    {0, BULLA_TYPE_PARTITION_TABLE, "partition_table"},
};
static const struct keyword subtypes[] = {
    {BULLA_TYPE_APP, 0x00, "factory"},
    {BULLA_TYPE_APP, 0x10, "ota_0"},
    {BULLA_TYPE_APP, 0x11, "ota_1"},
    {BULLA_TYPE_APP, 0x12, "ota_2"},
    {BULLA_TYPE_APP, 0x13, "ota_3"},
    {BULLA_TYPE_APP, 0x14, "ota_4"},
    {BULLA_TYPE_APP, 0x15, "ota_5"},
    {BULLA_TYPE_APP, 0x16, "ota_6"},
    {BULLA_TYPE_APP, 0x17, "ota_7"},
    {BULLA_TYPE_APP, 0x18, "ota_8"},
    {BULLA_TYPE_APP, 0x19, "ota_9"},
    {BULLA_TYPE_APP, 0x1a, "ota_10"},
    {BULLA_TYPE_APP, 0x1b, "ota_11"},
    {BULLA_TYPE_APP, 0x1c, "ota_12"},
    {BULLA_TYPE_APP, 0x1d, "ota_13"},
    {BULLA_TYPE_APP, 0x1e, "ota_14"},
    {BULLA_TYPE_APP, 0x1f, "ota_15"},
    {BULLA_TYPE_APP, 0x20, "test"},
    {BULLA_TYPE_APP, 0x30, "tee_0"},
    {BULLA_TYPE_APP, 0x31, "tee_1"},
    {BULLA_TYPE_DATA, 0x00, "ota"},
    {BULLA_TYPE_DATA, LAYOUT_DATA_PHY, "phy"},
    {BULLA_TYPE_DATA, LAYOUT_DATA_NVS, "nvs"},
    {BULLA_TYPE_DATA, LAYOUT_DATA_COREDUMP, "coredump"},
    {BULLA_TYPE_DATA, 0x04, "nvs_keys"},
    {BULLA_TYPE_DATA, 0x05, "efuse"},
    {BULLA_TYPE_DATA, LAYOUT_DATA_UNDEFINED, "undefined"},
    {BULLA_TYPE_DATA, 0x80, "esphttpd"},
    {BULLA_TYPE_DATA, LAYOUT_DATA_FAT, "fat"},
    {BULLA_TYPE_DATA, LAYOUT_DATA_SPIFFS, "spiffs"},
    {BULLA_TYPE_DATA, LAYOUT_DATA_LITTLEFS, "littlefs"},
    {BULLA_TYPE_DATA, LAYOUT_DATA_TEE_OTA, "tee_ota"},
    {BULLA_TYPE_BOOTLOADER, 0x00, "primary"},
    {BULLA_TYPE_BOOTLOADER, 0x01, "ota"},
    {BULLA_TYPE_BOOTLOADER, 0x02, "recovery"},
    {BULLA_TYPE_PARTITION_TABLE, 0x00, "primary"},
    {BULLA_TYPE_PARTITION_TABLE, 0x01, "ota"},
};
#define TYPES    (sizeof(types) / sizeof(types[0]))
#define SUBTYPES (sizeof(subtypes) / sizeof(subtypes[0]))

static bool find(const struct keyword *list, size_t count, uint8_t type, const char *text,
                 size_t len, uint8_t *value)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].type == type && strlen(list[i].word) == len &&
            strncasecmp(list[i].word, text, len) == 0) {
            *value = list[i].value;
            return true;
        }
    }
    return false;
}

static const char *word(const struct keyword *list, size_t count, uint8_t type, uint8_t value)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].type == type && list[i].value == value)
            return list[i].word;
    return NULL;
}

bool layout_find_type(const char *text, size_t len, uint8_t *type)
{
    return find(types, TYPES, 0, text, len, type);
}

bool layout_find_subtype(uint8_t type, const char *text, size_t len, uint8_t *subtype)
{
    return find(subtypes, SUBTYPES, type, text, len, subtype);
}

const char *layout_type_word(uint8_t type)
{
    return word(types, TYPES, 0, type);
}

const char *layout_subtype_word(uint8_t type, uint8_t subtype)
{
    return word(subtypes, SUBTYPES, type, subtype);
}

static bool is_called(const struct keyword *k, const struct bulla_partition *row)
{
    return strcmp(k->word, row->label) == 0;
}

bool layout_name_misleads(const struct bulla_partition *row)
{
    bool known = false;

    for (size_t i = 0; i < TYPES; i++)
        if (is_called(&types[i], row) && types[i].value != row->type)
            return true;
    for (size_t i = 0; i < SUBTYPES; i++) {
        if (!is_called(&subtypes[i], row))
            continue;
        if (subtypes[i].type == row->type && subtypes[i].value == row->subtype)
            return false;
        known = true;
    }
    return known;
}
