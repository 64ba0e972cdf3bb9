/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_SECTORS_H
#define BULLA_SECTORS_H

/* Check a payload while it arrives, before any byte of it is used: the signed sector list
 * (struct bulla_list), then the image sector by sector (struct bulla_sectors).
 *
 * The caller owns all memory, which must outlive the structs. Nothing allocates or blocks.
 * Fields are private, their size is not. Any split of the input gives the same result; the
 * first failure is sticky; outputs are empty unless BULLA_OK. docs/FORMAT.md, "Sector list". */

#include "bulla/crypto.h"
#include "bulla/manifest.h"

/* The list `[-16, 4096, image-size, h'H0..Hn']`. When the workspace holds all digests it is
 * kept whole; else one digest per group of 32 is kept, and the caller loads a group again
 * (BULLA_GROUP_SIZE bytes) whenever bulla_sectors_feed asks for it. */
struct bulla_list_hashes {
    struct bulla_sha256 list;  /* over the whole list */
    struct bulla_sha256 group; /* over the current group */
};

struct bulla_list {
    enum bulla_status failed;
    bool whole;
    uint8_t head_len;  /* bytes before the digests */
    uint32_t verified; /* BULLA_FACT_LIST once it has the signed digest */
    const struct bulla_image *image;
    uint8_t *store; /* whole: 32 * count bytes; grouped: group digests, then one group */
    uint32_t count; /* sectors of the image */
    uint32_t seen;  /* list bytes fed */
    uint32_t group; /* grouped: index of the group loaded + 1, 0 for none */
    uint8_t head[BULLA_LIST_HEAD_MAX];
    struct bulla_list_hashes *hashes; /* caller's; not used any more once the list is finished */
};

/* Bytes of workspace to hold the list of an image whole, and the least that works. */
uint32_t bulla_list_workspace_whole(uint32_t image_size);
uint32_t bulla_list_workspace_min(uint32_t image_size);

/* BULLA_E_WORKSPACE_TOO_SMALL when not even group digests fit. */
BULLA_MUST_CHECK enum bulla_status bulla_list_init(struct bulla_list *list,
                                                   struct bulla_list_hashes *hashes,
                                                   const struct bulla_image *image,
                                                   uint8_t *workspace, size_t workspace_len);

/* Consume list bytes (content of the byte string), any split. */
BULLA_MUST_CHECK enum bulla_status bulla_list_feed(struct bulla_list *list, struct bulla_bytes in);

/* BULLA_OK when all bytes came and the list has the signed digest. */
BULLA_MUST_CHECK enum bulla_status bulla_list_finish(struct bulla_list *list);

/* Grouped only: where group `index` lies in the list's bytes, and its length. */
void bulla_list_group_span(const struct bulla_list *list, uint32_t index, uint32_t *offset,
                           uint32_t *len);

/* Grouped only: take a group fetched again (not lying in the workspace itself);
 * BULLA_E_LIST_DIGEST when it is not the signed one. */
BULLA_MUST_CHECK enum bulla_status bulla_list_load_group(struct bulla_list *list, uint32_t index,
                                                         struct bulla_bytes group);

/* Digest of sector `index`, or NULL when its group is not loaded (grouped) or the list is not
 * verified. */
const uint8_t *bulla_list_sector(const struct bulla_list *list, uint32_t index);

struct bulla_sectors {
    const struct bulla_list *list;
    uint8_t *chunk;    /* workspace, BULLA_SECTOR_SIZE bytes */
    uint32_t filled;   /* bytes of the current sector held */
    uint32_t released; /* bytes already handed out as verified, always whole sectors or the end */
    enum bulla_status failed;
};

BULLA_MUST_CHECK enum bulla_status bulla_sectors_init(struct bulla_sectors *s,
                                                      const struct bulla_list *list, uint8_t *chunk,
                                                      size_t chunk_len);

/* Consume from *in (advanced past what was taken). When a sector completes and its digest
 * matches, *out spans it until the next call; otherwise *out is empty. Call until in->len is 0.
 * BULLA_E_GROUP_NEEDED (not sticky, nothing consumed): load the group of sector
 * released / BULLA_SECTOR_SIZE and call again. */
BULLA_MUST_CHECK enum bulla_status
bulla_sectors_feed(struct bulla_sectors *s, struct bulla_bytes *in, struct bulla_bytes *out);

/* BULLA_OK only if every byte the manifest declares was released. */
BULLA_MUST_CHECK enum bulla_status bulla_sectors_finish(const struct bulla_sectors *s);

#endif
