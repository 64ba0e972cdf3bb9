/* SPDX-License-Identifier: Apache-2.0 */
/* An app image or a raw one. As given, then with checksum, appended SHA-256 and signature block
 * CRCs made right where the structure allows, so that what lies behind them is reached.
 *
 * Holds: any cutting gives the same answer and the same facts; a longer or shorter declared size
 * than what comes is never accepted; failure is sticky; facts of an accepted image fit its bytes.
 */

#include <stdlib.h>

#include "bulla/espimage.h"
#include "fuzz.h"
#include "sign.h"

#define HEADER 24u

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

struct outcome {
    enum bulla_status status;
    bool ready;
    struct bulla_image_facts facts;
};

static bool take(void *ctx, struct bulla_bytes piece)
{
    struct bulla_espimage *s = ctx;
    bool was_ready = bulla_espimage_ready(s);
    enum bulla_status status = bulla_espimage_feed(s, piece);

    FUZZ_CHECK(!was_ready || bulla_espimage_ready(s));
    FUZZ_CHECK(status == s->failed);
    return status == BULLA_OK;
}

static struct outcome judge(struct bulla_bytes in, uint32_t size, uint32_t way)
{
    static const uint8_t byte[1] = {0xff};
    struct bulla_espimage *s = malloc(sizeof(*s));
    struct outcome out;

    FUZZ_CHECK(s != NULL);
    memset(&out, 0, sizeof(out));
    bulla_espimage_init(s, size);
    fuzz_feed(in, way, take, s);
    out.status = bulla_espimage_finish(s);
    out.ready = bulla_espimage_ready(s);
    memcpy(&out.facts, &s->facts, sizeof(out.facts));
    if (out.status != BULLA_OK) {
        FUZZ_CHECK(bulla_espimage_feed(s, (struct bulla_bytes){byte, 1}) == out.status);
        FUZZ_CHECK(bulla_espimage_finish(s) == out.status);
    }
    free(s);
    return out;
}

/* ---- an accepted image ---- */

/* End of the checksum byte, by the header and segment headers; 0: they do not fit. */
static size_t end_of_checksum(struct bulla_bytes in)
{
    size_t at = HEADER;

    if (in.len < HEADER)
        return 0;
    for (unsigned i = 0; i < in.data[1]; i++) {
        if (in.len - at < 8)
            return 0;
        uint32_t len = le32(in.data + at + 4);
        at += 8;
        if (len > in.len - at)
            return 0;
        at += len;
    }
    at += 16 - at % 16;
    return at <= in.len ? at : 0;
}

static uint8_t checksum_of(struct bulla_bytes in)
{
    uint8_t sum = 0xef;
    size_t at = HEADER;

    for (unsigned i = 0; i < in.data[1]; i++) {
        size_t end = at + 8 + le32(in.data + at + 4);
        for (at += 8; at < end; at++)
            sum ^= in.data[at];
    }
    return sum;
}

static void check_esp(struct bulla_bytes in, const struct bulla_image_facts *f)
{
    size_t end = end_of_checksum(in);
    uint8_t digest[BULLA_DIGEST_SIZE];

    FUZZ_CHECK(end > 0 && f->image_len == end + BULLA_DIGEST_SIZE && f->image_len <= in.len);
    FUZZ_CHECK(in.data[end - 1] == checksum_of(in));
    fuzz_sha256((struct bulla_bytes){in.data, end}, digest);
    FUZZ_CHECK(memcmp(digest, in.data + end, sizeof(digest)) == 0);
    FUZZ_CHECK(in.len == f->image_len ? f->signature_blocks == 0 : in.len % BULLA_SECTOR_SIZE == 0);
    FUZZ_CHECK(f->signature_blocks <= 3);
    FUZZ_CHECK(f->segment_count == in.data[1] && f->entry == le32(in.data + 4));
    FUZZ_CHECK(bulla_chip_by_id(f->chip_id) != NULL);
    FUZZ_CHECK(f->secure_version <= bulla_chip_by_id(f->chip_id)->fuse_width);
}

static void check_texts(const struct bulla_image_facts *f)
{
    FUZZ_CHECK(memchr(f->version, '\0', sizeof(f->version)) != NULL);
    FUZZ_CHECK(memchr(f->project, '\0', sizeof(f->project)) != NULL);
    FUZZ_CHECK(memchr(f->idf_version, '\0', sizeof(f->idf_version)) != NULL);
    FUZZ_CHECK(memchr(f->time, '\0', sizeof(f->time)) != NULL);
    FUZZ_CHECK(memchr(f->date, '\0', sizeof(f->date)) != NULL);
}

static bool looks_like_esp(struct bulla_bytes in)
{
    size_t blank = 0;

    while (blank < in.len && blank < BULLA_SECTOR_SIZE && in.data[blank] == 0xff)
        blank++;
    return (blank == 0 || blank == BULLA_SECTOR_SIZE) && blank < in.len && in.data[blank] == 0xe9;
}

static void check(struct bulla_bytes in)
{
    uint32_t size = (uint32_t)in.len;
    struct outcome whole = judge(in, size, 0);

    for (uint32_t way = 1; way < FUZZ_WAYS; way++) {
        struct outcome cut = judge(in, size, way);
        FUZZ_CHECK(cut.status == whole.status && cut.ready == whole.ready);
        FUZZ_CHECK(memcmp(&cut.facts, &whole.facts, sizeof(cut.facts)) == 0);
    }
    check_texts(&whole.facts);
    if (whole.status != BULLA_OK) {
        FUZZ_CHECK(in.len == 0 || looks_like_esp(in));
        return;
    }
    FUZZ_CHECK(whole.ready && whole.facts.size == size);
    FUZZ_CHECK((whole.facts.format == BULLA_FORMAT_ESP) == looks_like_esp(in));
    if (whole.facts.format == BULLA_FORMAT_ESP)
        check_esp(in, &whole.facts);
    FUZZ_CHECK(judge(in, size + 1, 0).status != BULLA_OK);
    FUZZ_CHECK(judge(in, size - 1, 0).status != BULLA_OK);
}

/* ---- making it right ---- */

static uint32_t crc32_of(const uint8_t *bytes, size_t len)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

static void make_right(uint8_t *image, size_t len)
{
    struct bulla_bytes in = {image, len};
    size_t end = end_of_checksum(in);

    if (end == 0 || len - end < BULLA_DIGEST_SIZE)
        return;
    image[end - 1] = checksum_of(in);
    fuzz_sha256((struct bulla_bytes){image, end}, image + end);
    size_t sector =
        (end + BULLA_DIGEST_SIZE + BULLA_SECTOR_SIZE - 1) & ~(size_t)(BULLA_SECTOR_SIZE - 1);
    for (size_t at = sector; at + 1216 <= len && at < sector + BULLA_SECTOR_SIZE; at += 1216) {
        uint32_t crc = crc32_of(image + at, 1196);
        for (unsigned i = 0; image[at] == 0xe7 && i < 4; i++)
            image[at + 1196 + i] = (uint8_t)(crc >> 8 * i);
    }
}

void fuzz_espimage(struct bulla_bytes in)
{
    check(in);
    uint8_t *copy = fuzz_copy(in);
    make_right(copy, in.len);
    if (in.len > 0 && memcmp(copy, in.data, in.len) != 0)
        check((struct bulla_bytes){copy, in.len});
    free(copy);
}
