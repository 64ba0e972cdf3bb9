/* SPDX-License-Identifier: Apache-2.0 */
/* The finished envelope, judged by the device's own reader before anybody else sees it. */

#include <stdlib.h>
#include <string.h>

#include "signer.h"

void judge_begin_trust(struct judge *j, const struct bulla_trust *trust,
                       const struct bulla_device *device, const uint8_t *digests)
{
    memset(j, 0, sizeof(*j));
    j->trust = *trust;
    j->device = *device;
    j->digests = digests;
    bulla_reader_init(&j->reader, &j->trust, &j->device, j->head);
}

void judge_begin(struct judge *j, const struct key_ring *ring, const struct bulla_device *device,
                 const uint8_t *digests)
{
    struct bulla_trust trust;

    ring_trust(ring, &trust);
    judge_begin_trust(j, &trust, device, digests);
}

/* The least a device has: digests of groups, not the whole list, so that judging a large image
 * takes little beside its list. */
static enum bulla_status give_workspace(struct judge *j)
{
    size_t need = bulla_list_workspace_min(j->reader.image.size);

    if (need < BULLA_WORKSPACE_MIN)
        need = BULLA_WORKSPACE_MIN;
    j->workspace = malloc(need);
    if (j->workspace == NULL)
        return BULLA_E_IO;
    bulla_reader_workspace(&j->reader, j->workspace, need);
    return BULLA_OK;
}

/* The digests the reader would check sectors against are those computed from the image. */
static enum bulla_status compare_list(struct judge *j)
{
    struct bulla_list *list = &j->reader.list;

    for (uint32_t i = 0; i < list->count; i++) {
        const uint8_t *expected = j->digests + (size_t)i * BULLA_DIGEST_SIZE;
        const uint8_t *found = bulla_list_sector(list, i);
        if (found == NULL) {
            uint32_t left = list->count - i;
            size_t sectors = left < BULLA_GROUP_SECTORS ? left : BULLA_GROUP_SECTORS;
            struct bulla_bytes group = {expected, sectors * BULLA_DIGEST_SIZE};
            enum bulla_status status = bulla_list_load_group(list, i / BULLA_GROUP_SECTORS, group);
            if (status != BULLA_OK)
                return status;
            found = bulla_list_sector(list, i);
        }
        if (found == NULL || !bulla_digest_equal(found, expected))
            return BULLA_E_LIST_DIGEST;
    }
    return BULLA_OK;
}

enum bulla_status judge_feed(struct judge *j, struct bulla_bytes bytes)
{
    while (j->failed == BULLA_OK && bytes.len > 0) {
        enum bulla_event event = BULLA_EVENT_MORE;
        j->failed = bulla_reader_feed(&j->reader, &bytes, &event);
        if (j->failed == BULLA_OK && event == BULLA_EVENT_HEAD)
            j->failed = give_workspace(j);
        if (j->failed == BULLA_OK && event == BULLA_EVENT_LIST && j->digests != NULL)
            j->failed = compare_list(j);
    }
    return j->failed;
}

enum bulla_status judge_end(struct judge *j)
{
    if (j->failed == BULLA_OK)
        j->failed = bulla_reader_finish(&j->reader);
    return j->failed;
}

void judge_free(struct judge *j)
{
    free(j->workspace);
    j->workspace = NULL;
}
