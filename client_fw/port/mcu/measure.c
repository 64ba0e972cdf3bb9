/* SPDX-License-Identifier: Apache-2.0 */
/* What a run costs: worst stack by painting all that the linker gave, worst TLS heap,
 * instructions. Linked with --wrap for the two functions that are looked into. */

#include "measure.h"

#include "board.h"
#include "bulla/crypto.h"
#include "bulla/reader.h"
#include "nic.h"
#include "print.h"
#include "tls_heap.h"

#define PAINT 0xa5c35a3cu
/* Of painting itself, below the frame that calls it. */
#define MARGIN 64u

extern uint8_t stack_bottom[];
extern uint8_t stack_top[];

static uint64_t verify_instructions;
static uint32_t verify_calls;
static uint64_t update_begin;
static uint64_t update_head;
static uint64_t waited;
static uint64_t last_turn;
static bool something_came;

/* ---- looked into ---- */

enum bulla_verdict __real_bulla_crypto_ed25519_verify(const uint8_t *key, const uint8_t *signature,
                                                      struct bulla_bytes message);
enum bulla_verdict __wrap_bulla_crypto_ed25519_verify(const uint8_t *key, const uint8_t *signature,
                                                      struct bulla_bytes message);
const uint8_t *__real_nic_receive(size_t *len);
const uint8_t *__wrap_nic_receive(size_t *len);

enum bulla_verdict __wrap_bulla_crypto_ed25519_verify(const uint8_t *key, const uint8_t *signature,
                                                      struct bulla_bytes message)
{
    uint64_t begin = board_instructions();
    enum bulla_verdict verdict = __real_bulla_crypto_ed25519_verify(key, signature, message);

    verify_instructions += board_instructions() - begin;
    verify_calls++;
    return verdict;
}

const uint8_t *__wrap_nic_receive(size_t *len)
{
    const uint8_t *frame = __real_nic_receive(len);

    something_came = something_came || frame != NULL;
    return frame;
}

/* ---- stack and heap ---- */

void measure_begin(void)
{
    const uintptr_t end = (uintptr_t)__builtin_frame_address(0) - MARGIN;

    for (volatile uint32_t *word = (uint32_t *)(void *)stack_bottom; (uintptr_t)word < end; word++)
        *word = PAINT;
}

static uint32_t stack_used(void)
{
    const uint32_t *top = (const uint32_t *)(const void *)stack_top;
    const uint32_t *word = (const uint32_t *)(const void *)stack_bottom;

    while (word < top && *word == PAINT)
        word++;
    return (uint32_t)(top - word) * (uint32_t)sizeof(*word);
}

static void say(const char *text, uint32_t value)
{
    print_text(text);
    print_u32(value);
}

void measure_end(void)
{
    say("app: stack ", stack_used());
    say(" of ", (uint32_t)(stack_top - stack_bottom));
    say(", tls heap ", (uint32_t)tls_heap_peak());
    say(" of ", (uint32_t)tls_heap_size);
    print_text("\n");
}

/* ---- instructions ---- */

static void measure_sha256(const struct bulla_client *client)
{
    struct bulla_sha256 hash;
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint64_t begin = board_instructions();

    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, (struct bulla_bytes){client->sector, sizeof(client->sector)});
    if (bulla_sha256_finish(&hash, digest) != BULLA_OK)
        return;
    say("measure: sha256 ", (uint32_t)(board_instructions() - begin));
    say(" instructions for ", sizeof(client->sector));
    print_text(" bytes\n");
}

/* The head that is stored for the slot, once more through the reader that an update has. */
static enum bulla_status judge(struct bulla_client *client, int32_t slot, size_t *len)
{
    struct bulla_reader *reader = &client->reader;
    enum bulla_event event = BULLA_EVENT_MORE;
    bool found = false;
    enum bulla_status status = bulla_state_get_head(&client->state, (uint8_t)slot, client->sector,
                                                    sizeof(client->sector), len, &found);

    if (status != BULLA_OK)
        return status;
    struct bulla_bytes in = {client->sector, *len};
    bulla_client_device(client, slot, true, &client->device);
    verify_instructions = 0;
    verify_calls = 0;
    uint64_t begin = board_instructions();
    bulla_reader_init(reader, &client->trust, &client->device, client->head);
    status = bulla_reader_feed(reader, &in, &event);
    uint64_t end = board_instructions();
    if (status != BULLA_OK || event != BULLA_EVENT_HEAD)
        return status;
    say("measure: head to verdict ", (uint32_t)(end - begin));
    say(" instructions for ", (uint32_t)*len);
    say(" bytes, ", (uint32_t)verify_instructions);
    say(" of them in ed25519, calls ", verify_calls);
    print_text("\n");
    return BULLA_OK;
}

void measure_crypto(struct bulla_client *client, int32_t slot)
{
    size_t len = 0;

    if (slot < 0 || judge(client, slot, &len) != BULLA_OK)
        return;
    measure_sha256(client);
}

/* What an update did since it began, waiting for the network left out. */
static uint64_t worked(void)
{
    return board_instructions() - update_begin - waited;
}

void measure_update_begin(void)
{
    waited = 0;
    update_head = 0;
    something_came = true; /* no turn began yet */
    update_begin = board_instructions();
}

void measure_update_head(void)
{
    update_head = worked();
}

void measure_wait(void)
{
    uint64_t now = board_instructions();

    if (!something_came)
        waited += now - last_turn;
    something_came = false;
    last_turn = now;
}

void measure_update_end(uint32_t size)
{
    uint64_t all = worked();

    if (size == 0)
        return;
    say("measure: update ", (uint32_t)(all / 1000u));
    say(" thousand instructions for ", size);
    say(" bytes, ", (uint32_t)(all / size));
    say(" a byte; to the head ", (uint32_t)(update_head / 1000u));
    say(" thousand, then ", (uint32_t)((all - update_head) / size));
    say(" a byte; waiting besides ", (uint32_t)(waited / 1000u));
    print_text(" thousand\n");
}
