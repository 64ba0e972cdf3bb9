/* SPDX-License-Identifier: Apache-2.0 */
/* The sector list and the image checked with it. The input is fields: 4 bytes, little-endian,
 * choose the image's size; 2 say how many edits follow, each of them 1 byte which (list or image),
 * 3 bytes where, 1 byte what is xored in; the rest seeds the image's content. From these the target
 * makes a right image, list and digests, then edits what arrives.
 *
 * Holds: what is released is the right image's bytes, in order, to the first sector that was
 * edited, and all of it when nothing was; whole and grouped keeping, and any cutting, agree. */

#include <stdlib.h>

#include "bulla/sectors.h"
#include "fuzz.h"
#include "sign.h"

struct arrival {
    struct bulla_image image;
    uint8_t *right; /* what was signed */
    uint8_t *sent;
    struct fuzz_out list;
    bool list_edited;
    uint32_t first_edit; /* in the image; its size: none */
};

struct run {
    const struct arrival *a;
    struct bulla_list list;
    struct bulla_list_hashes hashes;
    struct bulla_sectors sectors;
    enum bulla_status status;
    uint32_t released;
    uint8_t *workspace;
    uint8_t *chunk;
};

/* ---- making it ---- */

static void make_list(struct arrival *a)
{
    uint32_t size = a->image.size, count = (size - 1) / BULLA_SECTOR_SIZE + 1;
    uint8_t digest[BULLA_DIGEST_SIZE];

    fuzz_put_head(&a->list, 4, 4);
    fuzz_put_head(&a->list, 1, 15);
    fuzz_put_head(&a->list, 0, BULLA_SECTOR_SIZE);
    fuzz_put_head(&a->list, 0, size);
    fuzz_put_head(&a->list, 2, (uint64_t)count * BULLA_DIGEST_SIZE);
    for (uint32_t at = 0; at < size; at += BULLA_SECTOR_SIZE) {
        uint32_t len = size - at < BULLA_SECTOR_SIZE ? size - at : BULLA_SECTOR_SIZE;
        fuzz_sha256((struct bulla_bytes){a->right + at, len}, digest);
        fuzz_put(&a->list, (struct bulla_bytes){digest, sizeof(digest)});
    }
    FUZZ_CHECK(a->list.len == bulla_list_size(size));
    a->image.list_size = (uint32_t)a->list.len;
    fuzz_sha256((struct bulla_bytes){a->list.data, a->list.len}, a->image.list_digest);
    fuzz_sha256((struct bulla_bytes){a->right, size}, a->image.digest);
}

static void edit(struct arrival *a, uint8_t which, uint32_t at, uint8_t change)
{
    if (change == 0)
        return;
    if (which % 4 == 0) {
        a->list.data[at % a->list.len] ^= change;
        a->list_edited = true;
        return;
    }
    at %= a->image.size;
    a->sent[at] ^= change;
}

/* The two highest bits choose how large it may get: sectors alone, one group, two, three. */
static uint32_t size_from(uint32_t field)
{
    static const uint32_t most[] = {3, 9, 34, 66};

    return 1 + (field & 0x3fffffffu) % (most[field >> 30] * BULLA_SECTOR_SIZE);
}

static void make(struct arrival *a, struct bulla_bytes in)
{
    uint32_t size = size_from(fuzz_u32(&in)), edits = fuzz_u16(&in) % 9;
    struct bulla_bytes changes = fuzz_span(&in, 5 * (size_t)edits);

    memset(a, 0, sizeof(*a));
    a->image.size = size;
    a->right = malloc(size);
    FUZZ_CHECK(a->right != NULL);
    for (uint32_t i = 0; i < size; i++)
        a->right[i] = (uint8_t)((in.len > 0 ? in.data[i % in.len] : 0xff) + i / BULLA_SECTOR_SIZE);
    a->sent = fuzz_copy((struct bulla_bytes){a->right, size});
    make_list(a);
    struct bulla_bytes as_made = {fuzz_copy((struct bulla_bytes){a->list.data, a->list.len}),
                                  a->list.len};
    while (changes.len > 0) {
        uint8_t which = fuzz_u8(&changes);
        uint32_t low = fuzz_u16(&changes), at = low | (uint32_t)fuzz_u8(&changes) << 16;
        edit(a, which, at, fuzz_u8(&changes));
    }
    a->list_edited = memcmp(as_made.data, a->list.data, a->list.len) != 0;
    for (a->first_edit = 0;
         a->first_edit < size && a->sent[a->first_edit] == a->right[a->first_edit];)
        a->first_edit++;
    free((void *)(uintptr_t)as_made.data);
}

/* ---- running it ---- */

static bool take_list(void *ctx, struct bulla_bytes piece)
{
    struct run *run = ctx;

    run->status = bulla_list_feed(&run->list, piece);
    return run->status == BULLA_OK;
}

static void load_group(struct run *run)
{
    uint32_t index = run->released / BULLA_SECTOR_SIZE / BULLA_GROUP_SECTORS, offset, len;
    uint8_t other[BULLA_GROUP_SIZE] = {1};

    bulla_list_group_span(&run->list, index, &offset, &len);
    FUZZ_CHECK(len <= BULLA_GROUP_SIZE && (size_t)offset + len <= run->a->list.len);
    FUZZ_CHECK(bulla_list_load_group(&run->list, index, (struct bulla_bytes){other, len}) ==
               BULLA_E_LIST_DIGEST);
    FUZZ_CHECK(bulla_list_sector(&run->list, index * BULLA_GROUP_SECTORS) == NULL);
    FUZZ_CHECK(bulla_list_load_group(&run->list, index,
                                     (struct bulla_bytes){run->a->list.data + offset, len}) ==
               BULLA_OK);
}

static bool take_image(void *ctx, struct bulla_bytes piece)
{
    struct run *run = ctx;

    while (piece.len > 0) {
        size_t before = piece.len;
        struct bulla_bytes out;
        run->status = bulla_sectors_feed(&run->sectors, &piece, &out);
        if (run->status == BULLA_E_GROUP_NEEDED) {
            FUZZ_CHECK(piece.len == before && out.len == 0);
            load_group(run);
            continue;
        }
        FUZZ_CHECK(run->status == BULLA_OK || out.len == 0);
        if (run->status != BULLA_OK)
            return false;
        FUZZ_CHECK(out.len <= run->a->image.size - run->released);
        FUZZ_CHECK(out.len == 0 || memcmp(out.data, run->a->right + run->released, out.len) == 0);
        run->released += (uint32_t)out.len;
    }
    return true;
}

static enum bulla_status run_list(struct run *run, uint32_t way, size_t workspace_len)
{
    struct bulla_bytes list = {run->a->list.data, run->a->list.len};

    run->status =
        bulla_list_init(&run->list, &run->hashes, &run->a->image, run->workspace, workspace_len);
    FUZZ_CHECK(run->status == BULLA_OK);
    fuzz_feed(list, way, take_list, run);
    enum bulla_status status = bulla_list_finish(&run->list);
    FUZZ_CHECK(run->status == BULLA_OK || status == run->status);
    FUZZ_CHECK((status == BULLA_OK) == (run->list.verified != 0));
    FUZZ_CHECK(status == BULLA_OK || bulla_list_sector(&run->list, 0) == NULL);
    return status;
}

static void run_image(struct run *run, uint32_t way)
{
    const struct arrival *a = run->a;
    struct bulla_bytes sent = {a->sent, a->image.size}, more = {a->sent, 1}, out;
    uint32_t good = a->first_edit / BULLA_SECTOR_SIZE * BULLA_SECTOR_SIZE;

    FUZZ_CHECK(bulla_sectors_init(&run->sectors, &run->list, run->chunk, BULLA_SECTOR_SIZE) ==
               BULLA_OK);
    fuzz_feed(sent, way, take_image, run);
    if (a->first_edit == a->image.size) {
        FUZZ_CHECK(run->released == a->image.size &&
                   bulla_sectors_finish(&run->sectors) == BULLA_OK);
        FUZZ_CHECK(bulla_sectors_feed(&run->sectors, &more, &out) == BULLA_E_IMAGE_TRAILING);
    } else {
        FUZZ_CHECK(run->released == good);
        FUZZ_CHECK(bulla_sectors_feed(&run->sectors, &more, &out) == BULLA_E_SECTOR_DIGEST);
        FUZZ_CHECK(bulla_sectors_finish(&run->sectors) == BULLA_E_SECTOR_DIGEST);
    }
    FUZZ_CHECK(out.len == 0 && more.len == 1);
}

static enum bulla_status check(const struct arrival *a, uint32_t way, size_t workspace_len)
{
    struct run run = {
        .a = a, .workspace = malloc(workspace_len), .chunk = malloc(BULLA_SECTOR_SIZE)};

    FUZZ_CHECK(run.workspace != NULL && run.chunk != NULL);
    enum bulla_status status = run_list(&run, way, workspace_len);
    if (status == BULLA_OK)
        run_image(&run, way);
    else
        FUZZ_CHECK(bulla_sectors_init(&run.sectors, &run.list, run.chunk, BULLA_SECTOR_SIZE) ==
                   BULLA_E_LIST_DIGEST);
    free(run.workspace);
    free(run.chunk);
    return status;
}

void fuzz_sectors(struct bulla_bytes in)
{
    struct arrival a;

    make(&a, in);
    size_t whole = bulla_list_workspace_whole(a.image.size);
    size_t least = bulla_list_workspace_min(a.image.size);
    enum bulla_status status = check(&a, 0, whole);

    FUZZ_CHECK((status == BULLA_OK) == !a.list_edited);
    for (uint32_t way = 0; way < FUZZ_WAYS; way++)
        FUZZ_CHECK(check(&a, way, way == 3 ? whole : least) == status);

    /* signed all the same: only its form can refuse it */
    fuzz_sha256((struct bulla_bytes){a.list.data, a.list.len}, a.image.list_digest);
    if (a.list_edited && a.image.size > BULLA_SECTOR_SIZE) {
        struct run run = {.a = &a, .workspace = malloc(whole)};
        FUZZ_CHECK(run.workspace != NULL);
        status = run_list(&run, 1, whole);
        size_t digests = (size_t)((a.image.size - 1) / BULLA_SECTOR_SIZE + 1) * BULLA_DIGEST_SIZE;
        FUZZ_CHECK(status == BULLA_OK || status != BULLA_E_LIST_DIGEST);
        FUZZ_CHECK(run.list.head_len == a.list.len - digests);
        free(run.workspace);
    }
    free(a.right);
    free(a.sent);
    fuzz_out_free(&a.list);
}
