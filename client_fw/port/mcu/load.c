/* SPDX-License-Identifier: Apache-2.0 */
/* Copy a slot to where it is executed, and have the client judge what arrived there. */

#include "load.h"

#include <string.h>

#include "board.h"
#include "bulla/crypto.h"

/* The flash, except that what the slot holds is what was copied of it. */
struct view {
    struct bulla_flash flash;
    const struct bulla_flash *under;
    const struct bulla_partition *slot;
    uint32_t held; /* bytes in board_app */
};

static enum bulla_status view_read(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    const struct view *view = ctx;
    uint32_t at = offset - view->slot->offset;

    if (offset < view->slot->offset || at >= view->slot->size)
        return view->under->read(view->under->ctx, offset, buffer, len);
    if (at > view->held || len > view->held - at)
        return BULLA_E_SLOT_TOO_SMALL;
    memcpy(buffer, board_app + at, len);
    return BULLA_OK;
}

/* As much as there is room for: how much of it is the image, only the judgement tells. */
static enum bulla_status copy(struct view *view)
{
    const struct bulla_flash *from = view->under;
    uint32_t size = view->slot->size < board_app_size ? view->slot->size : board_app_size;
    enum bulla_status status = BULLA_OK;

    while (status == BULLA_OK && view->held < size) {
        uint32_t left = size - view->held;
        uint32_t len = left < BULLA_SECTOR_SIZE ? left : BULLA_SECTOR_SIZE;
        status =
            from->read(from->ctx, view->slot->offset + view->held, board_app + view->held, len);
        view->held += len;
    }
    return status;
}

/* Is it what the client chose, and not another one that may be started too? */
static enum bulla_status judge(struct bulla_client *client, const struct bulla_boot_result *chosen,
                               struct bulla_installed *installed)
{
    enum bulla_status status = bulla_slot_judge(client, chosen->slot, installed);

    if (status == BULLA_OK && installed->verdict != BULLA_YES)
        status = BULLA_E_NOT_JUDGED;
    if (status == BULLA_OK &&
        memcmp(installed->manifest_digest, chosen->manifest_digest, BULLA_DIGEST_SIZE) != 0)
        status = BULLA_E_SEQUENCE_CONFLICT;
    if (status == BULLA_OK && installed->size < BOARD_APP_MIN)
        status = BULLA_E_IMAGE_TRUNCATED;
    return status;
}

enum bulla_status load_app(struct bulla_client *client, const struct bulla_boot_result *chosen,
                           struct load *out)
{
    struct bulla_installed installed = {.verdict = BULLA_NO};
    struct view view = {
        .flash = {.read = view_read, .size = client->flash->size, .ctx = &view},
        .under = client->flash,
        .slot = bulla_layout_slot(&client->layout, chosen->slot),
    };

    out->verdict = BULLA_NO;
    if (view.slot == NULL || !chosen->sealed)
        return BULLA_E_SLOT_NOT_SEALED;
    enum bulla_status status = copy(&view);
    if (status == BULLA_OK) {
        client->flash = &view.flash;
        status = judge(client, chosen, &installed);
        client->flash = view.under;
    }
    /* what is behind the image, or was refused, is nothing to execute */
    uint32_t size = status == BULLA_OK ? installed.size : 0;
    memset(board_app + size, 0, board_app_size - size);
    if (status == BULLA_OK)
        out->verdict = installed.verdict;
    return status;
}
