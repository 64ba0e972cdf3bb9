/* SPDX-License-Identifier: Apache-2.0 */
/* SPI NOR with 3-byte addresses and 4 KiB erase: the commands that all makers share. What they
 * report of a failed program or erase they do not share: the client reads back what it wrote. */

#include "nor.h"

#include <string.h>

#include "board.h"
#include "bulla/limits.h"

#define CMD_READ         0x03u
#define CMD_PROGRAM      0x02u
#define CMD_STATUS       0x05u
#define CMD_WRITE_ENABLE 0x06u
#define CMD_ERASE_SECTOR 0x20u
#define CMD_ERASE_BLOCK  0xd8u
#define CMD_ID           0x9fu
#define CMD_WAKE         0xabu /* from deep power-down */
#define CMD_3_BYTES      0xe9u /* of addresses */
#define CMD_RESET_ENABLE 0x66u
#define CMD_RESET        0x99u

#define STATUS_BUSY          0x01u
#define STATUS_WRITE_ENABLED 0x02u

#define PAGE_SIZE 256u
#define READ_SIZE 4096u /* a transfer: what every controller counts */
/* Of the id, as a power of two; the board says how much of it is reached. */
#define CAPACITY_MAX 0x20u

/* Generous: the longest that data sheets of such parts give are 5 ms, 400 ms and 2 s. */
#define PROGRAM_MS      20u
#define ERASE_SECTOR_MS 1000u
#define ERASE_BLOCK_MS  5000u
#define WAKE_MS         2u /* some 30 us */

static void address(uint8_t command[4], uint8_t code, uint32_t offset)
{
    command[0] = code;
    command[1] = (uint8_t)(offset >> 16);
    command[2] = (uint8_t)(offset >> 8);
    command[3] = (uint8_t)offset;
}

static uint8_t get_status(void)
{
    const uint8_t command = CMD_STATUS;
    uint8_t status = 0;

    board_spi(&command, 1, NULL, 0, &status, 1);
    return status;
}

static bool is_done(uint32_t ms)
{
    uint64_t end = board_now_ms() + ms;

    for (;;) {
        bool late = board_now_ms() > end; /* asked before the status: an interruption is not it */
        if ((get_status() & STATUS_BUSY) == 0)
            return true;
        if (late)
            return false;
    }
}

static void send(uint8_t command)
{
    board_spi(&command, 1, NULL, 0, NULL, 0);
}

static bool enable(void)
{
    send(CMD_WRITE_ENABLE);
    return (get_status() & (STATUS_BUSY | STATUS_WRITE_ENABLED)) == STATUS_WRITE_ENABLED;
}

static bool is_inside(uint32_t offset, size_t len)
{
    return offset <= board_nor_size && len <= board_nor_size - offset;
}

static enum bulla_status nor_read(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    uint8_t *to = buffer;
    uint8_t command[4];

    (void)ctx;
    /* what was not done in time may go on, and the chip reads as anything meanwhile */
    if (!is_inside(offset, len) || !is_done(PROGRAM_MS))
        return BULLA_E_FLASH_READ;
    while (len > 0) {
        size_t size = len < READ_SIZE ? len : READ_SIZE;
        address(command, CMD_READ, offset);
        board_spi(command, sizeof(command), NULL, 0, to, size);
        offset += (uint32_t)size;
        to += size;
        len -= size;
    }
    return BULLA_OK;
}

/* Within one page: at its end the chip would go on at its start. */
static bool program_page(uint32_t offset, const uint8_t *bytes, size_t len)
{
    uint8_t command[4];
    size_t size = nor_begin(len);
    bool done = true;

    address(command, CMD_PROGRAM, offset);
    if (size > 0) {
        done = enable();
        if (done) {
            board_spi(command, sizeof(command), bytes, size, NULL, 0);
            done = is_done(PROGRAM_MS);
        }
    }
    nor_end();
    return done;
}

static enum bulla_status nor_program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;

    (void)ctx;
    if (!is_inside(offset, len))
        return BULLA_E_FLASH_PROGRAM;
    while (len > 0) {
        size_t room = PAGE_SIZE - offset % PAGE_SIZE;
        size_t size = len < room ? len : room;
        if (!program_page(offset, from, size))
            return BULLA_E_FLASH_PROGRAM;
        offset += (uint32_t)size;
        from += size;
        len -= size;
    }
    return BULLA_OK;
}

static enum bulla_status erase(uint8_t code, uint32_t offset, uint32_t len, uint32_t ms)
{
    uint8_t command[4];
    bool done = true;

    if (!is_inside(offset, len) || offset % len != 0)
        return BULLA_E_FLASH_ERASE;
    address(command, code, offset);
    if (nor_begin(len) == len) {
        done = enable();
        if (done) {
            board_spi(command, sizeof(command), NULL, 0, NULL, 0);
            done = is_done(ms);
        }
    }
    nor_end();
    return done ? BULLA_OK : BULLA_E_FLASH_ERASE;
}

static enum bulla_status nor_erase_sector(void *ctx, uint32_t offset)
{
    (void)ctx;
    return erase(CMD_ERASE_SECTOR, offset, BULLA_SECTOR_SIZE, ERASE_SECTOR_MS);
}

static enum bulla_status nor_erase_block(void *ctx, uint32_t offset)
{
    (void)ctx;
    return erase(CMD_ERASE_BLOCK, offset, BULLA_BLOCK_SIZE, ERASE_BLOCK_MS);
}

static void wait(uint32_t ms)
{
    uint64_t end = board_now_ms() + ms;

    while (board_now_ms() <= end) {
    }
}

/* A reset of the processor is none of the chip: it ends what was interrupted, and it may sleep or
 * want longer addresses since an application told it so. What a maker does not know of these is
 * not heard. Of four data lines no command leads back that is safe for all. */
static bool begin(void)
{
    send(CMD_WAKE);
    wait(WAKE_MS);
    if (!is_done(ERASE_BLOCK_MS))
        return false;
    send(CMD_3_BYTES);
    send(CMD_RESET_ENABLE);
    send(CMD_RESET);
    wait(WAKE_MS);
    return is_done(PROGRAM_MS);
}

enum bulla_status nor_open(struct bulla_flash *flash)
{
    const uint8_t command = CMD_ID;
    uint8_t id[3] = {0};

    memset(flash, 0, sizeof(*flash));
    if (!begin())
        return BULLA_E_FLASH_READ;
    board_spi(&command, 1, NULL, 0, id, sizeof(id));
    uint32_t capacity = id[2];
    /* a bus with nothing on it gives all zeros or all ones */
    if (id[0] == 0 || id[0] == 0xffu || capacity > CAPACITY_MAX ||
        (uint64_t)1 << capacity < board_nor_size)
        return BULLA_E_FLASH_READ;
    *flash = (struct bulla_flash){
        .read = nor_read,
        .program = nor_program,
        .erase_sector = nor_erase_sector,
        .erase_block = nor_erase_block,
        .size = board_nor_size,
    };
    return BULLA_OK;
}
