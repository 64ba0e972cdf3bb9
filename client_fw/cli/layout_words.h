/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_LAYOUT_WORDS_H
#define BULLA_CLI_LAYOUT_WORDS_H

/* The names that ESP-IDF gives to partition types and subtypes (gen_esp32part.py 1.5). */

#include "bulla/partition.h"

enum {
    LAYOUT_DATA_PHY = 0x01,
    LAYOUT_DATA_NVS = 0x02,
    LAYOUT_DATA_COREDUMP = 0x03,
    LAYOUT_DATA_UNDEFINED = 0x06,
    LAYOUT_DATA_FAT = 0x81,
    LAYOUT_DATA_SPIFFS = 0x82,
    LAYOUT_DATA_LITTLEFS = 0x83,
    LAYOUT_DATA_TEE_OTA = 0x90,
};
#define LAYOUT_FLAG_ENCRYPTED 1u
#define LAYOUT_FLAG_READONLY  2u

/* In any case of letters; false when the word is not known. */
bool layout_find_type(const char *text, size_t len, uint8_t *type);
bool layout_find_subtype(uint8_t type, const char *text, size_t len, uint8_t *subtype);

/* NULL when the number has no name. */
const char *layout_type_word(uint8_t type);
const char *layout_subtype_word(uint8_t type, uint8_t subtype);

/* The partition is called like a type or subtype that it is not of. */
bool layout_name_misleads(const struct bulla_partition *row);

#endif
