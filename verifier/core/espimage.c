/* SPDX-License-Identifier: Apache-2.0 */
/* Is this stream of bytes an app image that the chip's bootloader would load, and nothing else?
 * docs/FORMAT.md "Images". The stream is a row of pieces of known length (header, segment header,
 * descriptor, data, ...); a piece is gathered or looked at byte by byte as it passes, and judged
 * when its last byte is there. Therefore the input may be cut anywhere and the first defect in
 * the order of the bytes is the one that is told.
 *
 * Whether the image suits this device (chip, revision, floor, slot) is policy.c's question. */

#include "bulla/espimage.h"

#include "bulla/mem.h"
#include "digest.h"
#include "espimage_chips.h"

#define IMAGE_MAGIC      0xe9u
#define DESCRIPTOR_MAGIC 0xabcd5432u
#define BOOTLOADER_MAGIC 0x50u /* of the descriptor that bootloaders carry in the same place */

#define HEADER_SIZE         24u
#define SEGMENT_HEADER_SIZE 8u
#define DESCRIPTOR          (HEADER_SIZE + SEGMENT_HEADER_SIZE) /* where it begins in the file */
#define DESCRIPTOR_SIZE     256u
#define DESCRIPTOR_PIECE    48u /* four of them reach the last field we read */
#define SEGMENT_LEN_LIMIT   (16u << 20)
#define LOWEST_ADDRESS      0x10000000u /* a segment below is padding: neither loaded nor mapped */

/* ESP-IDF's partition table: where it lies in flash, and the most it can hold. */
#define TABLE_OFFSET 0x8000u
#define TABLE_SIZE   0xc00u
#define TABLE_ROW    32u
#define ROW_ENTRY    0xaau /* rows are told by their first byte */
#define ROW_DIGEST   0xebu
#define ROW_END      0xffu
#define ROW_NONE     0u /* no table here */

/* One Secure Boot v2 signature block; up to three stand in one sector behind the image. */
#define BLOCK_MAGIC   0xe7u
#define BLOCK_SIZE    1216u
#define BLOCK_CRC     1196u /* CRC-32 of the bytes before it, then zeros */
#define BLOCK_PADDING 1200u
#define BLOCKS_MAX    3u

/* Pieces. The order matters: see is_hashed, is_gathered. */
enum state {
    AT_FORMAT, /* the first byte */
    AT_HEADER,
    AT_SEGMENT,    /* a segment's header */
    AT_DESCRIPTOR, /* its first 192 bytes in four pieces, the rest is data */
    AT_DATA,
    AT_CHECKSUM, /* padding and the checksum byte */
    AT_DIGEST,
    AT_BLANK_END, /* the byte behind 4096 x 0xFF */
    AT_BLANK,     /* nothing but 0xFF so far */
    AT_TAIL_PADDING,
    AT_SIGNATURE,
    AT_BAD_TAIL, /* refused already; is it a combined flash image? */
    AT_RAW,
    AT_END,
};

static bool is_hashed(uint8_t state)
{
    return state <= AT_CHECKSUM;
}

static bool is_gathered(uint8_t state)
{
    return state <= AT_BLANK_END && state != AT_DATA;
}

/* Not a function for what says which chips it runs on: a call that a fault skips returns 0, and 0
 * is a chip, and no limit. */
#define LE16(p) ((uint16_t)((p)[0] | (p)[1] << 8))

static uint16_t le16(const uint8_t *p)
{
    return LE16(p);
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | (uint32_t)le16(p + 2) << 16;
}

/* Begin a piece that must fit what is left of the file. */
static enum bulla_status enter(struct bulla_espimage *s, enum state state, uint32_t len)
{
    if (len > s->facts.size - s->offset)
        return BULLA_E_IMAGE_CUT;
    s->state = (uint8_t)state;
    s->left = len;
    s->filled = 0;
    return BULLA_OK;
}

static enum bulla_status enter_raw(struct bulla_espimage *s)
{
    s->facts.format = BULLA_FORMAT_RAW;
    s->judged = true;
    return enter(s, AT_RAW, s->facts.size - s->offset);
}

static enum bulla_status judge_format(struct bulla_espimage *s)
{
    if (s->held[0] == 0xff) {
        uint32_t blank = s->facts.size < BULLA_SECTOR_SIZE ? s->facts.size : BULLA_SECTOR_SIZE;
        return enter(s, AT_BLANK, blank - 1);
    }
    if (s->held[0] != IMAGE_MAGIC)
        return enter_raw(s);
    s->facts.format = BULLA_FORMAT_ESP;
    if (s->facts.size > BULLA_ESP_IMAGE_MAX)
        return BULLA_E_IMAGE_TOO_LARGE;
    enum bulla_status status = enter(s, AT_HEADER, HEADER_SIZE - 1);
    s->filled = 1; /* the magic is part of the header */
    return status;
}

/* Blank flash up to where some chips keep their bootloader, then an image: a flash dump. */
static enum bulla_status judge_blank_end(struct bulla_espimage *s)
{
    if (s->held[0] != IMAGE_MAGIC)
        return enter_raw(s);
    s->facts.format = BULLA_FORMAT_ESP;
    return BULLA_E_IMAGE_NOT_AN_APP;
}

static enum bulla_status judge_header(struct bulla_espimage *s)
{
    struct bulla_image_facts *f = &s->facts;
    f->segment_count = s->held[1];
    f->entry = le32(s->held + 4);
    f->chip_id = LE16(s->held + 12);
    f->min_revision = LE16(s->held + 15);
    f->max_revision = LE16(s->held + 17);
    s->chip = bulla_chip_by_id(f->chip_id);
    if (s->chip == NULL)
        return BULLA_E_IMAGE_CHIP_UNKNOWN;
    if (f->segment_count == 0 || f->segment_count > BULLA_ESP_SEGMENTS_MAX)
        return BULLA_E_IMAGE_SEGMENT_COUNT;
    if (f->max_revision != 0 && f->min_revision > f->max_revision)
        return BULLA_E_IMAGE_REVISIONS;
    if (s->held[23] != 1)
        return BULLA_E_IMAGE_NO_SHA256;
    return enter(s, AT_SEGMENT, SEGMENT_HEADER_SIZE);
}

/* May the current segment, whose data begins here in the file, lie where it wants to? */
static enum bulla_status place(struct bulla_espimage *s, uint32_t data_offset)
{
    struct bulla_segment segment = s->current;
    if (segment.address < LOWEST_ADDRESS && s->segment > 0)
        return BULLA_OK;
    unsigned region = bulla_chip_region(s->chip, segment, s->page_size);
    if ((region & BULLA_REGION_MAPPED) != 0 &&
        ((segment.address - data_offset) & (s->page_size - 1)) != 0)
        return BULLA_E_IMAGE_SEGMENT_ALIGNMENT;
    if (segment.len == 0)
        return BULLA_OK;
    if ((region & BULLA_REGION_EXECUTABLE) != 0 && s->facts.entry - segment.address < segment.len)
        s->entry_seen = true;

    segment = bulla_chip_on_data_bus(s->chip, segment, region);
    if (bulla_chip_touches_bootloader(s->chip, segment))
        return BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER;
    if (region == 0 || (s->segment == 0 && (region & BULLA_REGION_DROM) == 0))
        return BULLA_E_IMAGE_SEGMENT_ADDRESS;
    for (size_t i = 0; i < s->placed; i++)
        if (bulla_segments_overlap(segment, s->segments[i]))
            return BULLA_E_IMAGE_SEGMENT_OVERLAP;
    s->segments[s->placed++] = segment;
    return BULLA_OK;
}

/* Place the current segment and let its data come, of which `seen` bytes passed already. */
static enum bulla_status enter_data(struct bulla_espimage *s, uint32_t seen)
{
    enum bulla_status status = place(s, s->offset - seen);
    if (status != BULLA_OK)
        return status;
    if (s->segment + 1u == s->facts.segment_count && !s->entry_seen)
        return BULLA_E_IMAGE_ENTRY;
    return enter(s, AT_DATA, s->current.len - seen);
}

static enum bulla_status judge_segment(struct bulla_espimage *s)
{
    s->current.address = le32(s->held);
    s->current.len = le32(s->held + 4);
    if (s->current.len % 4 != 0 || s->current.len >= SEGMENT_LEN_LIMIT)
        return BULLA_E_IMAGE_SEGMENT_LENGTH;
    if (s->segment == 0 && s->current.len < DESCRIPTOR_SIZE)
        return BULLA_E_IMAGE_SEGMENT_LENGTH;
    if (s->current.len > s->facts.size - s->offset)
        return BULLA_E_IMAGE_CUT;
    /* segment 0 waits for the descriptor, which holds the page size and tells apps from
     * bootloaders */
    if (s->segment == 0)
        return enter(s, AT_DESCRIPTOR, DESCRIPTOR_PIECE);
    return enter_data(s, 0);
}

/* Segment 0 has no app descriptor: say so, or say better what it is instead. */
static enum bulla_status judge_no_descriptor(const struct bulla_espimage *s)
{
    unsigned region = bulla_chip_region(s->chip, s->current, 0x10000);
    if ((region & BULLA_REGION_DROM) == 0)
        return BULLA_E_IMAGE_NOT_AN_APP; /* bootloaders load, apps begin with mapped data */
    const uint8_t *idf_version = s->held + 8;
    size_t len = 0;
    while (len < 32 && idf_version[len] >= 0x20 && idf_version[len] < 0x7f)
        len++;
    bool text = len == 32 || (len > 0 && idf_version[len] == '\0');
    return s->held[0] == BOOTLOADER_MAGIC && text ? BULLA_E_IMAGE_NOT_AN_APP
                                                  : BULLA_E_IMAGE_NO_DESCRIPTOR;
}

static enum bulla_status judge_identity(struct bulla_espimage *s)
{
    const uint8_t *version = s->held + 16;
    if (le32(s->held) != DESCRIPTOR_MAGIC)
        return judge_no_descriptor(s);
    s->facts.secure_version = le32(s->held + 4);
    /* the fuse counts in bits burnt: such a version could never be burnt, so the floor of
     * ESP-IDF's bootloader would stay where it is for ever */
    if (s->facts.secure_version > s->chip->fuse_width)
        return BULLA_E_IMAGE_SECURE_VERSION;
    size_t len = 0;
    while (len < 32 && version[len] != '\0')
        len++;
    if (len == 32)
        return BULLA_E_IMAGE_VERSION_TEXT;
    memcpy(s->facts.version, version, len);
    return BULLA_OK;
}

/* The texts stay NUL-terminated: their last byte is never written. */
static enum bulla_status judge_descriptor(struct bulla_espimage *s)
{
    enum bulla_status status = BULLA_OK;
    switch (s->offset) {
    case DESCRIPTOR + DESCRIPTOR_PIECE: /* magic, secure_version, reserved, version */
        status = judge_identity(s);
        break;
    case DESCRIPTOR + 2u * DESCRIPTOR_PIECE:
        memcpy(s->facts.project, s->held, 32);
        memcpy(s->facts.time, s->held + 32, 16);
        break;
    case DESCRIPTOR + 3u * DESCRIPTOR_PIECE:
        memcpy(s->facts.date, s->held, 16);
        memcpy(s->facts.idf_version, s->held + 16, 32);
        break;
    default: /* ELF digest, fuse block revisions, page size */
        s->page_size = bulla_chip_page_size(s->chip, s->held[36]);
        if (s->page_size == 0)
            return BULLA_E_IMAGE_SEGMENT_ALIGNMENT;
        status = enter_data(s, 4u * DESCRIPTOR_PIECE);
        s->judged = status == BULLA_OK;
        return status;
    }
    return status == BULLA_OK ? enter(s, AT_DESCRIPTOR, DESCRIPTOR_PIECE) : status;
}

static enum bulla_status next_segment(struct bulla_espimage *s)
{
    s->segment++;
    if (s->segment < s->facts.segment_count)
        return enter(s, AT_SEGMENT, SEGMENT_HEADER_SIZE);
    return enter(s, AT_CHECKSUM, 16u - s->offset % 16u);
}

/* The tail is wrong from here on, but a partition table may still come and tell why: read on as
 * far as one can lie. `ahead`: bytes that were looked through already. */
static enum bulla_status enter_bad_tail(struct bulla_espimage *s, uint32_t ahead)
{
    uint32_t end = TABLE_OFFSET + TABLE_SIZE;
    if (end > s->facts.size)
        end = s->facts.size;
    if (s->offset + ahead >= end)
        return BULLA_E_IMAGE_TAIL;
    return enter(s, AT_BAD_TAIL, end - s->offset);
}

static enum bulla_status judge_digest(struct bulla_espimage *s)
{
    uint32_t proved = bulla_digest_end(&s->hash, s->held, BULLA_YES);
    if (proved != BULLA_YES)
        return bulla_digest_why(proved, BULLA_E_IMAGE_SHA256);
    s->facts.image_len = s->offset;
    uint32_t tail = s->facts.size - s->offset;
    if (tail == 0)
        return enter(s, AT_END, 0);
    uint32_t padding = -s->offset % BULLA_SECTOR_SIZE;
    if (tail != padding + BULLA_SECTOR_SIZE)
        return enter_bad_tail(s, 0);
    return enter(s, AT_TAIL_PADDING, padding);
}

/* The current piece is whole. */
static enum bulla_status judge(struct bulla_espimage *s)
{
    switch ((enum state)s->state) {
    case AT_FORMAT:
        return judge_format(s);
    case AT_HEADER:
        return judge_header(s);
    case AT_SEGMENT:
        return judge_segment(s);
    case AT_DESCRIPTOR:
        return judge_descriptor(s);
    case AT_DATA:
        return next_segment(s);
    case AT_CHECKSUM:
        if (s->held[s->filled - 1u] != s->checksum)
            return BULLA_E_IMAGE_CHECKSUM;
        return enter(s, AT_DIGEST, BULLA_DIGEST_SIZE);
    case AT_DIGEST:
        return judge_digest(s);
    case AT_BLANK:
        /* blank to its end: raw */
        return s->offset == s->facts.size ? enter_raw(s) : enter(s, AT_BLANK_END, 1);
    case AT_BLANK_END:
        return judge_blank_end(s);
    case AT_TAIL_PADDING:
        return enter(s, AT_SIGNATURE, BULLA_SECTOR_SIZE);
    case AT_BAD_TAIL:
        return BULLA_E_IMAGE_TAIL;
    case AT_SIGNATURE:
    case AT_RAW:
    case AT_END:
        break;
    }
    return enter(s, AT_END, 0);
}

/* Bit by bit: it runs over one sector, and only of images for Secure Boot. */
static uint32_t crc32_step(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = (crc >> 1) ^ (0xedb88320u & -(crc & 1u));
    return crc;
}

/* One byte of the signature sector; false when it has no business there. */
static bool signature_byte(struct bulla_espimage *s, uint8_t byte)
{
    uint32_t column = s->column;
    if (column == 0) {
        if (s->facts.signature_blocks == BLOCKS_MAX ||
            (s->facts.signature_blocks > 0 && byte == 0xff))
            s->blocks_ended = true;
        s->crc = 0xffffffff;
    }
    if (s->blocks_ended)
        return byte == 0xff;

    s->column++;
    if (column < BLOCK_CRC) {
        s->crc = crc32_step(s->crc, byte);
        return column > 1 || (column == 0 ? byte == BLOCK_MAGIC : byte == 2 || byte == 3);
    }
    if (column < BLOCK_PADDING)
        return byte == (uint8_t)(~s->crc >> 8 * (column - BLOCK_CRC));
    if (s->column == BLOCK_SIZE) {
        s->column = 0;
        s->facts.signature_blocks++;
    }
    return byte == 0;
}

/* Does a partition table end in these bytes? Then the file is a flash image, whatever stands at
 * its beginning. Looked for at the table's place when the file is the flash from 0 and when it is
 * the flash from the bootloader on: rows that begin AA 50, then one that begins EB EB (MD5 row)
 * or FF FF (end). */
static bool table_ends(struct bulla_espimage *s, struct bulla_bytes piece)
{
    if (s->chip == NULL || s->offset >= TABLE_OFFSET + TABLE_SIZE)
        return false;
    for (size_t i = 0; i < piece.len; i++) {
        uint32_t at = s->offset + (uint32_t)i;
        uint32_t start = at < TABLE_OFFSET ? TABLE_OFFSET - s->chip->boot_offset : TABLE_OFFSET;
        if (at < start || at - start >= TABLE_SIZE)
            continue;
        uint32_t column = (at - start) % TABLE_ROW;
        uint8_t byte = piece.data[i];
        if (column == 0) {
            bool follows = at == start ? byte == ROW_ENTRY : s->table_row == ROW_ENTRY;
            s->table_row = follows ? byte : ROW_NONE;
        } else if (column == 1 && s->table_row == ROW_ENTRY) {
            s->table_row = byte == 0x50 ? ROW_ENTRY : ROW_NONE;
        } else if (column == 1 && (s->table_row == ROW_DIGEST || s->table_row == ROW_END)) {
            if (byte == s->table_row)
                return true;
        }
    }
    return false;
}

/* Look at bytes that are not gathered. */
static enum bulla_status pass(struct bulla_espimage *s, struct bulla_bytes piece)
{
    uint32_t len = (uint32_t)piece.len; /* at most `left` */
    for (uint32_t i = 0; i < len; i++) {
        uint8_t byte = piece.data[i];
        bool fits = s->state == AT_SIGNATURE ? signature_byte(s, byte) : byte == 0xff;
        if (!fits)
            return s->state == AT_BLANK ? enter_raw(s) : enter_bad_tail(s, len);
    }
    return BULLA_OK;
}

/* Take in bytes of the current piece, at most what is left of it. */
static enum bulla_status consume(struct bulla_espimage *s, struct bulla_bytes piece)
{
    if (table_ends(s, piece))
        return BULLA_E_IMAGE_NOT_AN_APP;
    if (is_hashed(s->state))
        bulla_sha256_update(&s->hash, piece);
    if (s->state == AT_DESCRIPTOR || s->state == AT_DATA)
        for (size_t i = 0; i < piece.len; i++)
            s->checksum ^= piece.data[i];
    if (is_gathered(s->state)) {
        memcpy(s->held + s->filled, piece.data, piece.len);
        s->filled = (uint8_t)(s->filled + piece.len);
    }
    enum bulla_status status = BULLA_OK;
    if (s->state == AT_BLANK || s->state == AT_TAIL_PADDING || s->state == AT_SIGNATURE)
        status = pass(s, piece);
    s->offset += (uint32_t)piece.len;
    s->left -= (uint32_t)piece.len;
    while (status == BULLA_OK && s->left == 0 && s->state != AT_END)
        status = judge(s);
    return status;
}

void bulla_espimage_init(struct bulla_espimage *s, uint32_t size)
{
    memset(s, 0, sizeof *s);
    bulla_sha256_init(&s->hash);
    s->facts.size = size;
    s->checksum = 0xef;
    s->failed = enter(s, AT_FORMAT, 1);
}

enum bulla_status bulla_espimage_feed(struct bulla_espimage *s, struct bulla_bytes in)
{
    while (s->failed == BULLA_OK && in.len > 0) {
        if (s->left == 0) { /* only at the end of the file */
            s->failed = BULLA_E_IMAGE_TRAILING;
            break;
        }
        size_t len = in.len < s->left ? in.len : s->left;
        s->failed = consume(s, (struct bulla_bytes){in.data, len});
        in.data += len;
        in.len -= len;
    }
    return s->failed;
}

bool bulla_espimage_ready(const struct bulla_espimage *s)
{
    return s->judged;
}

enum bulla_status bulla_espimage_finish(struct bulla_espimage *s)
{
    if (s->failed == BULLA_OK && s->state != AT_END)
        s->failed = BULLA_E_IMAGE_TRUNCATED;
    return s->failed;
}
