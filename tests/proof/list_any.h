/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROOF_LIST_ANY_H
#define PROOF_LIST_ANY_H

/* A sector list of any image in any workspace, and the invariant that its functions keep. One
 * harness shows that it holds at the start, the other that each feed keeps it. */

#include "bulla/sectors.h"
#include "proof.h"

static struct bulla_image image;
static uint8_t *workspace;
static size_t workspace_len;

static bool holds(const struct bulla_list *l)
{
    uint32_t count = image.size / 4096u + (image.size % 4096u != 0);
    bool fits = l->whole ? workspace_len >= 32u * (size_t)count
                         : workspace_len >= bulla_list_workspace_min(image.size);
    return l->image == &image && l->store == workspace && l->count == count && fits &&
           image.list_size == bulla_list_size(image.size) &&
           l->head_len == image.list_size - 32u * count && l->head_len <= BULLA_LIST_HEAD_MAX &&
           l->seen <= image.list_size && (l->verified == 0 || l->verified == BULLA_FACT_LIST) &&
           (l->verified == 0 || (l->failed == BULLA_OK && l->seen == image.list_size));
}

#endif
