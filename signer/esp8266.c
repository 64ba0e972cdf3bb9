/* SPDX-License-Identifier: Apache-2.0 */
/* ESP8266 images: version 1 (the part for flash 0x00000), version 2, and MicroPython's single file,
 * which is version 1 with the code for flash 0x9000 behind it. They have neither a chip id nor a
 * SHA-256; what they do have is checked completely. docs/FORMAT.md, "ESP8266". */

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signer.h"

#define MAGIC_1       0xe9u
#define MAGIC_2       0xeau
#define MAGIC_2_NEXT  0x04u /* of version 2, where version 1 counts its segments */
#define HEADER_SIZE   8u
#define SEGMENT_SIZE  8u
#define SEGMENTS_MAX  16u
#define CHECKSUM_SEED 0xefu
#define ALIGNMENT     16u
#define CRC_SIZE      4u
#define IMAGE_MAX     0x1000000u /* the largest flash there is for it */

/* MicroPython's single file */
#define LENGTH_AT 0x8ffcu
#define IROM_AT   0x9000u
#define MD5_FROM  4u /* flashing tools change what lies before */
#define MD5_SIZE  16u

struct reading {
    const uint8_t *bytes;
    uint32_t size;
    struct esp8266 *out;
};

static uint32_t read32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* Data and instruction memory, and the memory that deep sleep keeps. */
static bool is_memory(uint32_t address, uint32_t len)
{
    static const struct {
        uint32_t from;
        uint32_t to;
    } regions[] = {
        {0x3ffe8000u, 0x40000000u}, {0x40100000u, 0x4010c000u}, {0x60001000u, 0x60001300u}};

    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        if (address >= regions[i].from && address <= regions[i].to &&
            len <= regions[i].to - address)
            return true;
    return false;
}

/* Of the flash chip; 0: no known value. */
static uint32_t flash_size(uint8_t nibble)
{
    static const uint32_t kib[] = {512, 256, 1024, 2048, 4096, 2048, 4096, 0, 8192, 16384};

    return nibble < sizeof(kib) / sizeof(kib[0]) ? kib[nibble] * 1024u : 0;
}

static enum bulla_status fail(struct reading *r, enum bulla_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum bulla_status fail(struct reading *r, enum bulla_status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(r->out->why, sizeof(r->out->why), format, arguments);
    va_end(arguments);
    return status;
}

/* Header and RAM segments from `at` on; *end is behind the checksum. */
static enum bulla_status judge_segments(struct reading *r, uint32_t at, uint32_t *end)
{
    const uint8_t *header = r->bytes + at;
    uint8_t checksum = CHECKSUM_SEED;

    r->out->segments = header[1];
    if (header[1] == 0 || header[1] > SEGMENTS_MAX)
        return fail(r, BULLA_E_IMAGE_SEGMENT_COUNT, "expected 1 to %u segments, found %u",
                    SEGMENTS_MAX, (unsigned)header[1]);
    at += HEADER_SIZE;
    for (uint32_t i = 0; i < header[1]; i++) {
        if (r->size - at < SEGMENT_SIZE)
            return fail(r, BULLA_E_IMAGE_CUT, "the file ends in the header of segment %" PRIu32, i);
        uint32_t address = read32(r->bytes + at), len = read32(r->bytes + at + 4);
        at += SEGMENT_SIZE;
        if (len > r->size - at)
            return fail(r, BULLA_E_IMAGE_CUT,
                        "segment %" PRIu32 " has %" PRIu32 " bytes, the file has %" PRIu32
                        " for it",
                        i, len, r->size - at);
        if (!is_memory(address, len))
            return fail(r, BULLA_E_IMAGE_SEGMENT_ADDRESS,
                        "segment %" PRIu32 " loads %" PRIu32 " bytes to 0x%08" PRIx32
                        ", which is no memory of an ESP8266",
                        i, len, address);
        for (uint32_t k = 0; k < len; k++)
            checksum ^= r->bytes[at + k];
        at += len;
    }
    at += ALIGNMENT - 1 - at % ALIGNMENT;
    if (at >= r->size)
        return fail(r, BULLA_E_IMAGE_CUT, "the file ends before the checksum at 0x%" PRIx32, at);
    r->out->checksum = checksum;
    if (r->bytes[at] != checksum)
        return fail(r, BULLA_E_IMAGE_CHECKSUM,
                    "expected the checksum 0x%02x at 0x%" PRIx32 ", found 0x%02x",
                    (unsigned)checksum, at, (unsigned)r->bytes[at]);
    *end = at + 1;
    return BULLA_OK;
}

static enum bulla_status judge_header(struct reading *r)
{
    r->out->mode = r->bytes[2];
    r->out->flash_size = flash_size(r->bytes[3] >> 4);
    r->out->entry = read32(r->bytes + 4);
    if (r->out->mode > 3)
        return fail(r, BULLA_E_IMAGE_MAGIC, "expected flash mode 0 to 3, found %u",
                    (unsigned)r->out->mode);
    if (r->out->flash_size == 0)
        return fail(r, BULLA_E_IMAGE_MAGIC,
                    "the flash size in the header is 0x%x, which stands for none",
                    (unsigned)(r->bytes[3] >> 4));
    if (r->size > r->out->flash_size)
        return fail(r, BULLA_E_IMAGE_TOO_LARGE,
                    "the header names a flash of %" PRIu32 " bytes, the file has %" PRIu32,
                    r->out->flash_size, r->size);
    return BULLA_OK;
}

/* ---- version 2 ---- */

static uint32_t crc32_of(const uint8_t *bytes, uint32_t len)
{
    uint32_t crc = 0xffffffffu;

    for (uint32_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1u)));
    }
    crc = ~crc;
    return crc >> 31 != 0 ? ~crc : crc + 1; /* Espressif's tools write it so */
}

static enum bulla_status judge_2(struct reading *r)
{
    const uint32_t irom = HEADER_SIZE;
    uint32_t end = 0;

    if (r->size < 2 * HEADER_SIZE + SEGMENT_SIZE)
        return fail(r, BULLA_E_IMAGE_CUT, "the file has %" PRIu32 " bytes and ends in its headers",
                    r->size);
    enum bulla_status status = judge_header(r);
    if (status != BULLA_OK)
        return status;
    r->out->irom_size = read32(r->bytes + irom + 4);
    if (read32(r->bytes + irom) != 0)
        return fail(r, BULLA_E_IMAGE_SEGMENT_ADDRESS,
                    "the irom segment has address 0x%08" PRIx32 ", expected 0",
                    read32(r->bytes + irom));
    if (r->out->irom_size % ALIGNMENT != 0)
        return fail(r, BULLA_E_IMAGE_SEGMENT_LENGTH,
                    "the irom segment has %" PRIu32 " bytes, expected a multiple of %u",
                    r->out->irom_size, ALIGNMENT);
    uint32_t at = irom + SEGMENT_SIZE;
    if (r->out->irom_size > r->size - at || r->size - at - r->out->irom_size < HEADER_SIZE)
        return fail(r, BULLA_E_IMAGE_CUT,
                    "the irom segment has %" PRIu32 " bytes, the file has %" PRIu32 " behind it",
                    r->out->irom_size, r->size - at);
    at += r->out->irom_size;
    if (r->bytes[at] != MAGIC_1)
        return fail(r, BULLA_E_IMAGE_MAGIC,
                    "expected the second header at 0x%" PRIx32 " to begin with 0xe9, found 0x%02x",
                    at, (unsigned)r->bytes[at]);
    status = judge_segments(r, at, &end);
    if (status != BULLA_OK)
        return status;
    if (r->size - end != CRC_SIZE)
        return fail(r, r->size - end < CRC_SIZE ? BULLA_E_IMAGE_CUT : BULLA_E_IMAGE_TAIL,
                    "expected %u bytes behind the checksum, found %" PRIu32, CRC_SIZE,
                    r->size - end);
    r->out->crc = crc32_of(r->bytes, end);
    if (read32(r->bytes + end) != r->out->crc)
        return fail(r, BULLA_E_IMAGE_CHECKSUM,
                    "expected the CRC32 0x%08" PRIx32 " at the end, found 0x%08" PRIx32,
                    r->out->crc, read32(r->bytes + end));
    return BULLA_OK;
}

/* ---- version 1, and the single file ---- */

static enum bulla_status judge_md5(struct reading *r, uint32_t length)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char expected[2 * MD5_SIZE + 1], found[2 * MD5_SIZE + 1];
    unsigned len = 0;

    if (EVP_Digest(r->bytes + MD5_FROM, length - MD5_FROM, digest, &len, EVP_md5(), NULL) != 1 ||
        len != MD5_SIZE)
        return fail(r, BULLA_E_CRYPTO, "MD5 is not to be had from OpenSSL");
    if (memcmp(digest, r->bytes + length, MD5_SIZE) == 0)
        return BULLA_OK;
    host_hex((struct bulla_bytes){digest, MD5_SIZE}, expected);
    host_hex((struct bulla_bytes){r->bytes + length, MD5_SIZE}, found);
    return fail(r, BULLA_E_IMAGE_MD5, "expected MD5 %s at the end, found %s", expected, found);
}

static enum bulla_status judge_single(struct reading *r, uint32_t end)
{
    uint32_t length = read32(r->bytes + LENGTH_AT);

    for (uint32_t i = end; i < LENGTH_AT; i++)
        if (r->bytes[i] != 0xff)
            return fail(r, BULLA_E_IMAGE_TAIL,
                        "expected 0xff from the checksum to 0x8ffc, found 0x%02x at 0x%" PRIx32,
                        (unsigned)r->bytes[i], i);
    r->out->kind = ESP8266_SINGLE;
    if (length < IROM_AT || r->size < MD5_SIZE || length != r->size - MD5_SIZE)
        return fail(r, length > r->size ? BULLA_E_IMAGE_CUT : BULLA_E_IMAGE_TAIL,
                    "the length at 0x8ffc is %" PRIu32 ", the file has %" PRIu32
                    " bytes, expected 16 more than the length",
                    length, r->size);
    r->out->irom_size = length - IROM_AT;
    return judge_md5(r, length);
}

static enum bulla_status judge_1(struct reading *r)
{
    uint32_t end = 0;
    enum bulla_status status = judge_header(r);

    if (status == BULLA_OK)
        status = judge_segments(r, 0, &end);
    if (status != BULLA_OK || end == r->size)
        return status;
    if (r->size > IROM_AT && end <= LENGTH_AT)
        return judge_single(r, end);
    return fail(r, BULLA_E_IMAGE_TAIL,
                "expected the file to end behind the checksum, found %" PRIu32 " more bytes",
                r->size - end);
}

/* ---- what it is ---- */

/* Where an ESP32 image has pins, chip id and revision, this one has the first segment: an address
 * in the ESP8266's memory, which they never look like. */
static bool is_1(const uint8_t *bytes, uint32_t size)
{
    return size >= HEADER_SIZE + SEGMENT_SIZE && bytes[0] == MAGIC_1 &&
           is_memory(read32(bytes + HEADER_SIZE), 0);
}

static bool is_2(const uint8_t *bytes, uint32_t size)
{
    return size >= HEADER_SIZE && bytes[0] == MAGIC_2 && bytes[1] == MAGIC_2_NEXT && bytes[2] <= 3;
}

static bool read_file(int fd, uint8_t *bytes, uint32_t size)
{
    for (uint32_t at = 0; at < size;) {
        ssize_t n = pread(fd, bytes + at, size - at, (off_t)at);
        if (n <= 0)
            return false;
        at += (uint32_t)n;
    }
    return true;
}

enum bulla_status esp8266_look(int fd, const struct image_scan *scan, struct esp8266 *out)
{
    struct reading r = {.size = scan->facts.size, .out = out};

    memset(out, 0, sizeof(*out));
    if (r.size > IMAGE_MAX ||
        (scan->facts.format == BULLA_FORMAT_ESP && scan->structure == BULLA_OK))
        return BULLA_OK; /* an ESP32's */
    uint8_t *bytes = malloc(r.size);
    if (bytes == NULL || !read_file(fd, bytes, r.size)) {
        free(bytes);
        return BULLA_E_IO;
    }
    r.bytes = bytes;
    if (is_2(bytes, r.size)) {
        out->kind = ESP8266_2;
        out->status = judge_2(&r);
    } else if (is_1(bytes, r.size)) {
        out->kind = ESP8266_1;
        out->status = judge_1(&r);
    }
    free(bytes);
    return BULLA_OK;
}

static const char *kind_text(enum esp8266_kind kind)
{
    switch (kind) {
    case ESP8266_1:
        return "version 1";
    case ESP8266_2:
        return "version 2";
    case ESP8266_SINGLE:
        return "MicroPython's single file";
    case ESP8266_NONE:
        break;
    }
    return "none";
}

void esp8266_report(struct host_tool *tool, const struct image_scan *scan,
                    const struct esp8266 *image)
{
    static const char *const modes[] = {"QIO", "QOUT", "DIO", "DOUT"};
    const char *mode = image->mode < 4 ? modes[image->mode] : "unknown";
    const char *format = scan->facts.format == BULLA_FORMAT_ESP ? "esp" : "raw";
    char digest[2 * BULLA_DIGEST_SIZE + 1];

    host_hex((struct bulla_bytes){scan->digest, BULLA_DIGEST_SIZE}, digest);
    host_say(tool, "  %-15s %s", "format", format);
    host_say(tool, "  %-15s %" PRIu32, "size", scan->facts.size);
    host_say(tool, "  %-15s %s", "SHA-256", digest);
    host_say(tool, "  %-15s %s, %s", "ESP8266", kind_text(image->kind),
             image->status == BULLA_OK ? "whole" : "not whole");
    host_say(tool, "  %-15s %" PRIu32 " bytes, %s", "flash", image->flash_size, mode);
    host_say(tool, "  %-15s 0x%08" PRIx32, "entry", image->entry);
    host_say(tool, "  %-15s %u, checksum 0x%02x", "segments", (unsigned)image->segments,
             (unsigned)image->checksum);
    if (image->kind != ESP8266_1)
        host_say(tool, "  %-15s %" PRIu32 " bytes", "irom", image->irom_size);
    host_say(tool, "  %-15s none: no chip id, no version and no SHA-256 of its own", "identity");
    if (!tool->json)
        return;
    json_t *facts =
        json_pack("{s:s, s:b, s:I, s:s, s:I, s:I, s:I}", "kind", kind_text(image->kind), "whole",
                  (int)(image->status == BULLA_OK), "flash_size", (json_int_t)image->flash_size,
                  "flash_mode", mode, "entry", (json_int_t)image->entry, "segments",
                  (json_int_t)image->segments, "irom_size", (json_int_t)image->irom_size);
    (void)json_object_set_new(tool->doc, "image",
                              json_pack("{s:s, s:I, s:s, s:o}", "format", format, "size",
                                        (json_int_t)scan->facts.size, "sha256", digest, "esp8266",
                                        facts));
}

enum bulla_status esp8266_verdict(const struct esp8266 *image, enum bulla_status judged,
                                  char why[WHY_SIZE])
{
    why[0] = '\0';
    if (image->status != BULLA_OK) {
        (void)snprintf(why, WHY_SIZE, "an ESP8266 image, %s, that is not whole: %s",
                       kind_text(image->kind), image->why);
        return image->status;
    }
    if (image->kind == ESP8266_2)
        return BULLA_OK;
    (void)snprintf(why, WHY_SIZE,
                   "an ESP8266 image, %s, and it is whole; but a file that begins with 0xe9 is "
                   "judged as an ESP32 image, and this one has no application descriptor, no chip "
                   "id and no SHA-256: no device takes it. Version 2 (esptool elf2image --version "
                   "2) begins with 0xea and is sealed as a raw image",
                   kind_text(image->kind));
    return judged != BULLA_OK ? judged : BULLA_E_IMAGE_NO_DESCRIPTOR;
}
