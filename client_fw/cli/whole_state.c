/* SPDX-License-Identifier: Apache-2.0 */
/* The device state in a flash that is a file, read with the device's code. */

#include <string.h>

#include "whole.h"

static enum bulla_status read_file(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    struct bulla_bytes bytes = whole_span(ctx, offset, (uint32_t)len);

    if (bytes.len != len)
        return BULLA_E_FLASH_READ;
    memcpy(buffer, bytes.data, len);
    return BULLA_OK;
}

static enum bulla_status refuse_program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    (void)ctx;
    (void)offset;
    (void)bytes;
    (void)len;
    return BULLA_E_FLASH_PROGRAM;
}

static enum bulla_status refuse_erase(void *ctx, uint32_t offset)
{
    (void)ctx;
    (void)offset;
    return BULLA_E_FLASH_ERASE;
}

const struct bulla_partition *whole_state_row(const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->count; i++)
        if (bulla_partition_is_state(&layout->rows[i]))
            return &layout->rows[i];
    return NULL;
}

enum bulla_status whole_open_state(struct whole *whole, const struct bulla_partition *row,
                                   struct whole_state *out)
{
    out->flash = (struct bulla_flash){.read = read_file,
                                      .program = refuse_program,
                                      .erase_sector = refuse_erase,
                                      .size = row->offset + row->size,
                                      .ctx = whole};
    if (row->size > UINT32_MAX - row->offset)
        return BULLA_E_STATE_DAMAGED;
    if (whole_span(whole, row->offset, row->size).len != row->size)
        return BULLA_E_FLASH_READ;
    return bulla_state_open(&out->state, &out->flash, row);
}
