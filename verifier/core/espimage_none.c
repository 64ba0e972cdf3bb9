/* SPDX-License-Identifier: Apache-2.0 */
/* For devices that take raw images alone, in place of espimage.c and espimage_chips.c: an image as
 * ESP-IDF's chips load it is told by its first byte, as there, and refused whatever else it holds.
 */

#include "bulla/espimage.h"

#include "bulla/mem.h"

#define IMAGE_MAGIC 0xe9u
#define BLANK       0xffu

void bulla_espimage_init(struct bulla_espimage *s, uint32_t size)
{
    memset(s, 0, sizeof *s);
    s->facts.size = size;
    s->failed = size > 0 ? BULLA_OK : BULLA_E_IMAGE_CUT;
}

/* The first byte tells; of a file that begins with a blank sector, the one behind it. */
static enum bulla_status judge_byte(struct bulla_espimage *s, uint32_t at, uint8_t byte)
{
    if (byte == IMAGE_MAGIC && (at == 0 || at == BULLA_SECTOR_SIZE)) {
        s->facts.format = BULLA_FORMAT_ESP;
        return at == 0 ? BULLA_E_IMAGE_FORMAT : BULLA_E_IMAGE_NOT_AN_APP;
    }
    s->judged = byte != BLANK || at == BULLA_SECTOR_SIZE || at + 1u == s->facts.size;
    if (s->judged)
        s->facts.format = BULLA_FORMAT_RAW;
    return BULLA_OK;
}

enum bulla_status bulla_espimage_feed(struct bulla_espimage *s, struct bulla_bytes in)
{
    uint32_t left = s->facts.size - s->offset;
    uint32_t len = in.len < left ? (uint32_t)in.len : left;

    for (uint32_t i = 0; i < len && s->failed == BULLA_OK && !s->judged; i++)
        s->failed = judge_byte(s, s->offset + i, in.data[i]);
    s->offset += len;
    if (s->failed == BULLA_OK && in.len > len)
        s->failed = BULLA_E_IMAGE_TRAILING;
    return s->failed;
}

bool bulla_espimage_ready(const struct bulla_espimage *s)
{
    return s->judged;
}

enum bulla_status bulla_espimage_finish(struct bulla_espimage *s)
{
    if (s->failed == BULLA_OK && s->offset != s->facts.size)
        s->failed = BULLA_E_IMAGE_TRUNCATED;
    return s->failed;
}
