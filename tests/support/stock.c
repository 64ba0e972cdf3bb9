/* SPDX-License-Identifier: Apache-2.0 */
#include "stock.h"

#include <sodium.h>
#include <string.h>

#define SECTOR      0x1000u
#define RECORD_SIZE 32u
#define SEQ_NONE    0xffffffffu

/* ---- records ---- */

/* A register that begins with 0: the ROM's routine complements the seed it is given. */
uint32_t stock_crc(uint32_t seq)
{
    uint32_t reg = 0;

    for (unsigned bit = 0; bit < 32; bit++) {
        bool odd = ((reg ^ (seq >> bit)) & 1u) != 0;
        reg = (reg >> 1) ^ (odd ? 0xedb88320u : 0);
    }
    return ~reg;
}

static uint32_t get32(const uint8_t *at)
{
    return at[0] + at[1] * 0x100u + at[2] * 0x10000u + at[3] * 0x1000000u;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++, value /= 0x100u)
        at[i] = (uint8_t)value;
}

bool stock_read(const struct stock *stock, struct stock_record record[2])
{
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t bytes[RECORD_SIZE];
        uint32_t at = stock->otadata + i * SECTOR;
        if (stock->flash->read(stock->flash->ctx, at, bytes, sizeof(bytes)) != BULLA_OK)
            return false;
        record[i].seq = get32(bytes);
        memcpy(record[i].label, bytes + 4, sizeof(record[i].label));
        record[i].state = get32(bytes + 24);
        record[i].crc = get32(bytes + 28);
    }
    return true;
}

/* What it stored is not read back. */
static uint32_t store(const struct stock *stock, uint32_t index, const struct stock_record *record)
{
    uint8_t bytes[RECORD_SIZE];
    uint32_t at = stock->otadata + index * SECTOR;

    put32(bytes, record->seq);
    memcpy(bytes + 4, record->label, sizeof(record->label));
    put32(bytes + 24, record->state);
    put32(bytes + 28, record->crc);
    if (stock->flash->erase_sector(stock->flash->ctx, at) != BULLA_OK ||
        stock->flash->program(stock->flash->ctx, at, bytes, sizeof(bytes)) != BULLA_OK)
        return STOCK_FAIL;
    return STOCK_OK;
}

static bool refused(const struct stock_record *record)
{
    return record->seq == SEQ_NONE || record->state == STOCK_INVALID ||
           record->state == STOCK_ABORTED;
}

static bool whole(const struct stock_record *record)
{
    return record->crc == stock_crc(record->seq);
}

/* -1: neither can be used */
static int active_of(const struct stock_record record[2])
{
    bool usable[2];

    for (unsigned i = 0; i < 2; i++)
        usable[i] = !refused(&record[i]) && whole(&record[i]);
    if (usable[0] && usable[1])
        return record[0].seq >= record[1].seq ? 0 : 1;
    return usable[0] ? 0 : usable[1] ? 1 : -1;
}

static int32_t slot_of(const struct stock *stock, uint32_t seq)
{
    return (int32_t)((seq - 1u) % stock->slot_count);
}

/* ---- the bootloader: it boots, whatever became of its writes ---- */

/* With anti-rollback: a record whose slot is below the fuses selects nothing, and what VALID
 * selects raises them, before its image is looked at. */
static int32_t select_allowed(const struct stock *stock, struct stock_record record[2],
                              bool *initial)
{
    *initial = (record[0].seq == SEQ_NONE || !whole(&record[0])) &&
               (record[1].seq == SEQ_NONE || !whole(&record[1]));
    if (*initial || stock->slot_count == 0)
        return STOCK_FACTORY;
    struct stock_record left[2] = {record[0], record[1]};
    for (unsigned i = 0; i < 2; i++)
        if (left[i].seq != SEQ_NONE && !stock->allowed(stock->ctx, slot_of(stock, left[i].seq)))
            left[i].seq = SEQ_NONE;

    int active = active_of(left);

    if (active < 0)
        return STOCK_FACTORY;
    if (stock->rollback && record[active].state == STOCK_NEW) {
        record[active].state = STOCK_PENDING;
        (void)store(stock, (uint32_t)active, &record[active]);
    }
    if (record[active].state == STOCK_VALID)
        stock->burn(stock->ctx, slot_of(stock, record[active].seq));
    return slot_of(stock, record[active].seq);
}

int32_t stock_select(const struct stock *stock, bool *initial)
{
    struct stock_record record[2];

    *initial = false;
    if (stock->otadata == 0)
        return STOCK_FACTORY;
    if (!stock_read(stock, record))
        return STOCK_NONE;
    for (uint32_t i = 0; stock->rollback && i < 2; i++) {
        if (record[i].state != STOCK_PENDING)
            continue;
        record[i].state = STOCK_ABORTED;
        (void)store(stock, i, &record[i]);
    }
    if (stock->allowed != NULL)
        return select_allowed(stock, record, initial);
    if (stock->slot_count == 0 || (refused(&record[0]) && refused(&record[1]))) {
        if (stock->has_factory)
            return STOCK_FACTORY;
        *initial = (record[0].seq == SEQ_NONE || !whole(&record[0])) &&
                   (record[1].seq == SEQ_NONE || !whole(&record[1]));
        return 0;
    }

    int active = active_of(record);

    if (active < 0)
        return STOCK_FACTORY;
    if (stock->rollback && record[active].state == STOCK_NEW) {
        record[active].state = STOCK_PENDING;
        (void)store(stock, (uint32_t)active, &record[active]);
    }
    return slot_of(stock, record[active].seq);
}

static bool tries(const struct stock *stock, int32_t slot)
{
    bool exists = slot == STOCK_FACTORY ? stock->has_factory : slot < (int32_t)stock->slot_count;
    return exists && (stock->allowed == NULL || stock->allowed(stock->ctx, slot)) &&
           stock->loads(stock->ctx, slot);
}

/* Downwards to the factory app, then upwards; no state is looked at. */
static int32_t load(const struct stock *stock, int32_t first)
{
    for (int32_t slot = first; slot >= STOCK_FACTORY; slot--)
        if (tries(stock, slot))
            return slot;
    for (int32_t slot = first + 1; slot < (int32_t)stock->slot_count; slot++)
        if (tries(stock, slot))
            return slot;
    return STOCK_NONE;
}

int32_t stock_boot(const struct stock *stock)
{
    bool initial = false;
    int32_t first = stock_select(stock, &initial);

    if (first == STOCK_NONE)
        return STOCK_NONE;

    int32_t slot = load(stock, first);

    if (initial && slot >= 0) {
        struct stock_record record = {.seq = (uint32_t)slot + 1, .state = STOCK_VALID};
        memset(record.label, 0xff, sizeof(record.label));
        record.crc = stock_crc(record.seq);
        (void)store(stock, 0, &record);
        if (stock->burn != NULL)
            stock->burn(stock->ctx, slot);
    }
    return slot;
}

/* ---- the image ---- */

/* Everything from `from` to `to` goes into the hash; the bytes are xored when `xored` is there. */
static bool take(const struct bulla_flash *flash, uint32_t from, uint32_t to,
                 crypto_hash_sha256_state *hash, uint8_t *xored)
{
    uint8_t piece[256];

    while (from < to) {
        uint32_t len = to - from < sizeof(piece) ? to - from : (uint32_t)sizeof(piece);
        if (flash->read(flash->ctx, from, piece, len) != BULLA_OK)
            return false;
        crypto_hash_sha256_update(hash, piece, len);
        for (uint32_t i = 0; xored != NULL && i < len; i++)
            *xored ^= piece[i];
        from += len;
    }
    return true;
}

/* The segments from *at on; *at becomes the offset behind the last one. */
static bool take_segments(const struct bulla_flash *flash, uint32_t count, uint32_t end,
                          uint32_t *at, crypto_hash_sha256_state *hash, uint8_t *checksum)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t head[8];
        if (end - *at < sizeof(head) ||
            flash->read(flash->ctx, *at, head, sizeof(head)) != BULLA_OK)
            return false;
        uint32_t len = get32(head + 4);
        if (len % 4 != 0 || len > end - *at - sizeof(head) ||
            !take(flash, *at, *at + (uint32_t)sizeof(head), hash, NULL))
            return false;
        *at += (uint32_t)sizeof(head);
        if (!take(flash, *at, *at + len, hash, checksum))
            return false;
        *at += len;
    }
    return true;
}

bool stock_image_loads(const struct bulla_flash *flash, uint32_t offset, uint32_t size,
                       uint16_t chip_id)
{
    crypto_hash_sha256_state hash;
    uint8_t head[24], checksum = 0xef, stored = 0, found[32], appended[32];
    uint32_t at = offset + (uint32_t)sizeof(head), end = offset + size;

    crypto_hash_sha256_init(&hash);
    if (size < sizeof(head) || flash->read(flash->ctx, offset, head, sizeof(head)) != BULLA_OK ||
        head[0] != 0xe9 || head[1] > 16 || head[12] + head[13] * 0x100u != chip_id ||
        !take(flash, offset, at, &hash, NULL) ||
        !take_segments(flash, head[1], end, &at, &hash, &checksum))
        return false;

    /* the checksum is the last byte of a 16-byte line, what fills the line is only hashed */
    uint32_t last = offset + ((at - offset) / 16u * 16u + 15u);
    uint32_t appendix = head[23] == 1 ? (uint32_t)sizeof(appended) : 0;

    if (last >= end || end - last - 1 < appendix || !take(flash, at, last + 1, &hash, NULL) ||
        flash->read(flash->ctx, last, &stored, 1) != BULLA_OK || stored != checksum)
        return false;
    if (appendix == 0)
        return true;
    crypto_hash_sha256_final(&hash, found);
    return flash->read(flash->ctx, last + 1, appended, sizeof(appended)) == BULLA_OK &&
           memcmp(found, appended, sizeof(found)) == 0;
}

/* ---- the app ---- */

/* Sequence and state anew, the label carried along, the CRC recomputed. */
static uint32_t rewrite(const struct stock *stock, uint32_t index, struct stock_record record,
                        uint32_t seq, uint32_t state)
{
    record.seq = seq;
    record.state = state;
    record.crc = stock_crc(seq);
    return store(stock, index, &record);
}

uint32_t stock_state_of(const struct stock *stock, int32_t slot, uint32_t *state)
{
    struct stock_record record[2];

    if (stock_read(stock, record)) {
        for (unsigned i = 0; i < 2; i++) {
            if (record[i].seq == SEQ_NONE || !whole(&record[i]) ||
                slot_of(stock, record[i].seq) != slot)
                continue;
            *state = record[i].state;
            return STOCK_OK;
        }
    }
    return STOCK_E_NOT_FOUND;
}

uint32_t stock_begin(const struct stock *stock, int32_t running, int32_t slot)
{
    struct stock_record record[2];
    uint32_t state = STOCK_UNDEFINED;

    if (slot == running)
        return STOCK_E_CONFLICT;
    if (!stock->rollback)
        return STOCK_OK;
    if (stock_state_of(stock, running, &state) == STOCK_OK && state == STOCK_PENDING)
        return STOCK_E_ROLLBACK_INVALID_NOW;
    if (!stock_read(stock, record))
        return STOCK_FAIL;

    int active = active_of(record);
    uint32_t idle = active == 0 ? 1 : 0;

    if (active < 0 || record[idle].seq == SEQ_NONE || !whole(&record[idle]) ||
        slot_of(stock, record[idle].seq) == running)
        return STOCK_OK;
    uint32_t at = stock->otadata + idle * SECTOR;
    return stock->flash->erase_sector(stock->flash->ctx, at) == BULLA_OK ? STOCK_OK : STOCK_FAIL;
}

/* The first number from `seq` on that means the slot, in 32 bits. */
static uint32_t number_for(const struct stock *stock, uint32_t seq, int32_t slot)
{
    uint32_t n = stock->slot_count;
    uint32_t base = ((uint32_t)slot + 1u) % n;

    return seq <= base ? base : seq + (base + n - seq % n) % n;
}

static uint32_t set_boot_factory(const struct stock *stock)
{
    for (uint32_t i = 0; i < 2; i++)
        if (stock->flash->erase_sector(stock->flash->ctx, stock->otadata + i * SECTOR) != BULLA_OK)
            return STOCK_FAIL;
    return STOCK_OK;
}

uint32_t stock_set_boot(const struct stock *stock, int32_t slot, bool old)
{
    struct stock_record record[2];
    uint32_t state = stock->rollback ? STOCK_NEW : STOCK_UNDEFINED;

    if (!stock->loads(stock->ctx, slot))
        return STOCK_E_VALIDATE_FAILED;
    if (slot == STOCK_FACTORY)
        return set_boot_factory(stock);
    if (slot >= (int32_t)stock->slot_count)
        return STOCK_E_INVALID_ARG;
    if (!stock_read(stock, record))
        return STOCK_FAIL;

    int active = active_of(record);

    if (active < 0)
        return rewrite(stock, 0, record[0], (uint32_t)slot + 1, state);

    uint32_t seq = number_for(stock, record[active].seq, slot);
    bool in_place = seq == record[active].seq && !old;
    int into = in_place ? active : 1 - active;

    return rewrite(stock, (uint32_t)into, record[into], seq, state);
}

uint32_t stock_mark_valid(const struct stock *stock)
{
    struct stock_record record[2];
    int active = stock_read(stock, record) ? active_of(record) : -1;

    if (active < 0 || stock->slot_count == 0)
        return STOCK_FAIL;
    if (record[active].state == STOCK_VALID)
        return STOCK_OK;
    return rewrite(stock, (uint32_t)active, record[active], record[active].seq, STOCK_VALID);
}

uint32_t stock_mark_invalid(const struct stock *stock)
{
    struct stock_record record[2];
    int active = stock_read(stock, record) ? active_of(record) : -1;

    if (active < 0 || stock->slot_count == 0)
        return STOCK_FAIL;

    const struct stock_record *other = &record[1 - active];
    bool usable = !refused(other) && whole(other);

    if (!(usable ? tries(stock, slot_of(stock, other->seq)) : tries(stock, STOCK_FACTORY)))
        return STOCK_E_ROLLBACK_FAILED;
    return rewrite(stock, (uint32_t)active, record[active], record[active].seq, STOCK_INVALID);
}
