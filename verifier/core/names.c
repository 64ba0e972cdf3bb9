/* SPDX-License-Identifier: Apache-2.0 */
/* Names of modules and of sector lists. docs/FORMAT.md, "Several images". */

#include "bulla/manifest.h"
#include "bulla/mem.h"

bool bulla_is_module_name(struct bulla_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i], letter = c | 0x20u;
        bool is_inner = c == '.' && i > 0;
        if (!is_inner && (letter < 'a' || letter > 'z') && (c < '0' || c > '9') && c != '_' &&
            c != '-')
            return false;
    }
    return name.len >= 1 && name.len <= BULLA_COMPONENT_NAME_MAX;
}

size_t bulla_list_name(const struct bulla_image *image, uint8_t out[BULLA_LIST_NAME_MAX])
{
    size_t len = 0;
    if (image->component.len + image->name.len > BULLA_LIST_NAME_MAX - 2u)
        return 0; /* of no image that was decoded */
    out[len++] = '#';
    memcpy(out + len, image->component.data, image->component.len);
    len += image->component.len;
    if (image->name.len == 0)
        return len;
    out[len++] = '/';
    memcpy(out + len, image->name.data, image->name.len);
    return len + image->name.len;
}
