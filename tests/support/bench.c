/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "bench.h"

#define FLASH_SIZE 0x110000u

/* ---- the guard ---- */

static bool is_in_place(const struct bench *b)
{
    return b->layout == BENCH_BANKS || b->layout == BENCH_BANK;
}

static bool has_factory(const struct bench *b)
{
    return b->layout == BENCH_FACTORY || b->layout == BENCH_SINGLE || is_in_place(b);
}

/* Partitions that hold apps. */
static uint32_t app_count(const struct bench *b)
{
    switch (b->layout) {
    case BENCH_TWO:
    case BENCH_BANK:
        return 2;
    case BENCH_SINGLE:
        return 1;
    case BENCH_THREE:
    case BENCH_FACTORY:
    case BENCH_BANKS:
        break;
    }
    return 3;
}

static bool in_slots(const struct bench *b, uint32_t offset, int32_t *slot)
{
    uint32_t count = app_count(b);

    if (offset < BENCH_FIRST_SLOT || offset >= BENCH_FIRST_SLOT + count * BENCH_SLOT_SIZE)
        return false;
    *slot = (int32_t)((offset - BENCH_FIRST_SLOT) / BENCH_SLOT_SIZE);
    if (has_factory(b))
        *slot -= 1;
    return true;
}

/* In place: what a bank has there may be copied. */
static bool is_in_bank(const struct bench *b, int32_t slot, uint32_t at, const void *bytes,
                       size_t len)
{
    for (int32_t i = 0; is_in_place(b) && slot < 0 && i + 1 < (int32_t)app_count(b); i++)
        if (memcmp(b->sim.bytes + bench_slot(b, i) + at, bytes, len) == 0)
            return true;
    return false;
}

static enum bulla_status guard_read(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    struct bench *b = ctx;
    const struct bulla_flash *flash = flash_sim_flash(&b->sim);

    if (b->unreadable_size > 0 && offset >= b->unreadable &&
        offset - b->unreadable < b->unreadable_size &&
        (b->unreadable_len == 0 || b->unreadable_len == len))
        return BULLA_E_FLASH_READ;
    return flash->read(flash->ctx, offset, buffer, len);
}

static const uint8_t *guard_map(void *ctx, uint32_t offset, size_t len)
{
    struct bench *b = ctx;
    const struct bulla_flash *flash = flash_sim_flash(&b->sim);

    return flash->map(flash->ctx, offset, len);
}

/* Into a slot goes only what was sealed for it, at its place. */
static enum bulla_status guard_program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    struct bench *b = ctx;
    const struct bulla_flash *flash = flash_sim_flash(&b->sim);
    int32_t slot;

    if (in_slots(b, offset, &slot)) {
        uint32_t at = offset - bench_slot(b, slot);
        bool is_sealed = at + len <= b->sealed.len && memcmp(b->sealed.data + at, bytes, len) == 0;
        if (!is_sealed && !is_in_bank(b, slot, at, bytes, len))
            b->unverified_writes++;
    }
    return flash->program(flash->ctx, offset, bytes, len);
}

/* A slot that is erased must not be named by a record any more. */
static bool judge_erase(struct bench *b, uint32_t offset)
{
    int32_t slot;

    if (!in_slots(b, offset, &slot))
        return false;
    for (uint32_t i = 0; i < 2; i++) {
        struct bulla_ota_record record = bench_read_record(b, i);
        uint32_t count = app_count(b) - (has_factory(b) ? 1u : 0u);
        if (record.seq != BULLA_OTA_SEQ_NONE &&
            (int32_t)bulla_ota_slot_of(record.seq, count) == slot)
            b->erases_while_named++;
    }
    return true;
}

static enum bulla_status guard_erase(void *ctx, uint32_t offset)
{
    struct bench *b = ctx;
    const struct bulla_flash *flash = flash_sim_flash(&b->sim);

    if (judge_erase(b, offset))
        b->slot_erases++;
    return flash->erase_sector(flash->ctx, offset);
}

static enum bulla_status guard_erase_block(void *ctx, uint32_t offset)
{
    struct bench *b = ctx;
    const struct bulla_flash *flash = flash_sim_flash(&b->sim);

    for (uint32_t at = 0; at < BULLA_BLOCK_SIZE; at += BULLA_SECTOR_SIZE)
        (void)judge_erase(b, offset + at);
    b->block_erases++;
    return flash->erase_block(flash->ctx, offset);
}

/* ---- the server ---- */

static enum bulla_status serve_get(void *ctx, const struct bulla_request *request,
                                   struct bulla_response *response)
{
    struct bench_server *s = ctx;

    s->open = NULL;
    s->ready = 0;
    s->gets++;
    if (s->etag_alternates)
        s->etag = s->gets % 2 == 0 ? "\"even\"" : "\"odd\"";
    memset(response, 0, sizeof(*response));
    for (size_t i = 0; i < BENCH_FILES; i++) {
        if (s->files[i].path != NULL && strcmp(s->files[i].path, request->url->path) == 0)
            s->open = &s->files[i];
    }
    response->status = s->status != 0 ? s->status : s->open == NULL ? 404 : 200;
    if (s->gets > 1 && s->open == &s->files[0] && s->unavailable > 0) {
        s->unavailable--;
        response->status = 503;
    }
    if (response->status != 200)
        return BULLA_E_HTTP_STATUS;
    bool other = request->etag != NULL && !s->etag_ignored &&
                 (s->etag == NULL || strcmp(request->etag, s->etag) != 0);
    bool part = (request->from != 0 || request->to != UINT64_MAX) && !s->no_ranges && !other;
    s->body = part && s->open == &s->files[0] && s->later.len > 0 ? s->later : s->open->bytes;
    s->at = part ? request->from : 0;
    s->end = part && request->to != UINT64_MAX ? request->to + 1 : s->open->bytes.len;
    if (s->end > s->open->bytes.len)
        s->end = s->open->bytes.len;
    if (s->open == &s->files[1]) {
        s->last_from = request->from;
        s->last_to = request->to;
    }
    if (part && s->at >= s->end) {
        response->status = 416;
        return BULLA_E_HTTP_STATUS;
    }
    if (s->etag != NULL)
        memcpy(response->etag, s->etag, strlen(s->etag) + 1);
    response->status = part ? 206 : 200;
    response->from = s->at + (uint64_t)s->from_error;
    response->has_length = !s->no_length;
    response->length = s->end - s->at + (uint64_t)s->length_error;
    response->has_total = !s->no_length;
    response->total = s->open->bytes.len + (uint64_t)(s->length_error + s->total_error);
    return BULLA_OK;
}

/* The next record, if the connection lives long enough for all of it. */
static bool receive_record(struct bench_server *s)
{
    uint64_t left = s->end - s->at;

    if (s->ready > 0 || left == 0)
        return true;
    s->ready = left < s->record ? (uint32_t)left : s->record;
    s->spent += s->ready;
    return s->spent <= s->life;
}

static enum bulla_status serve_read(void *ctx, uint8_t *buffer, size_t size, size_t *len)
{
    struct bench_server *s = ctx;
    bool image = s->open == &s->files[s->cut_any ? 0 : 1];

    *len = 0;
    if (s->open == NULL)
        return BULLA_E_NET_CLOSED;
    if (s->at > s->end)
        s->at = s->end;
    if (image && s->life > 0 && !receive_record(s)) {
        s->open = NULL;
        return BULLA_E_NET_CLOSED;
    }
    size_t take = s->end - s->at < size ? (size_t)(s->end - s->at) : size;
    if (s->piece != 0 && take > s->piece)
        take = s->piece;
    if (image && s->cut_count > 0 && s->at + (take > 0 ? take : 1u) > s->cut_after) {
        if (s->at >= s->cut_after) {
            s->cut_count--;
            s->open = NULL;
            return BULLA_E_NET_CLOSED;
        }
        take = (size_t)(s->cut_after - s->at);
    }
    if (image && s->life > 0 && take > s->ready)
        take = s->ready;
    if (take > 0)
        memcpy(buffer, s->body.data + s->at, take);
    s->at += take;
    s->ready -= s->ready > take ? (uint32_t)take : s->ready;
    s->delivered[s->open - s->files] += take;
    s->image_bytes += image ? take : 0;
    *len = take;
    return BULLA_OK;
}

static void serve_close(void *ctx)
{
    struct bench_server *s = ctx;

    s->open = NULL;
    s->spent = 0;
}

void bench_transport(struct bench_server *server, struct bulla_transport *out)
{
    *out = (struct bulla_transport){
        .get = serve_get, .read = serve_read, .close = serve_close, .ctx = server};
}

static void report(void *ctx, uint32_t done, uint32_t total)
{
    struct bench *b = ctx;

    if (b->on_progress != NULL)
        b->on_progress(b, done, total);
}

static uint64_t clock_now(void *ctx)
{
    const struct bench *b = ctx;

    return b->slept_ms;
}

static void clock_sleep(void *ctx, uint32_t ms)
{
    struct bench *b = ctx;

    b->slept_ms += ms;
}

static uint32_t clock_random(void *ctx)
{
    (void)ctx;
    return 12345;
}

/* ---- provisioning ---- */

static void lay_row(uint8_t *table, size_t *used, uint8_t type, uint8_t subtype, uint32_t offset,
                    uint32_t size, const char *label)
{
    struct bulla_partition row = {.type = type, .subtype = subtype, .offset = offset, .size = size};

    strncpy(row.label, label, sizeof(row.label) - 1);
    bulla_partition_row_encode(&row, table + *used);
    *used += BULLA_PARTITION_ROW_SIZE;
}

static void lay_table(struct bench *b)
{
    static const char *const names[] = {"ota_0", "ota_1", "ota_2"};
    static const char *const banks[] = {"bank_0", "bank_1"};
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    size_t used = 0;
    uint32_t at = BENCH_FIRST_SLOT;
    uint32_t count = app_count(b) - (has_factory(b) ? 1u : 0u);

    memset(table, 0xff, sizeof(table));
    if (b->layout != BENCH_SINGLE)
        lay_row(table, &used, BULLA_TYPE_DATA, BULLA_SUBTYPE_DATA_OTA, BENCH_OTADATA, 0x2000,
                "otadata");
    if (has_factory(b)) {
        lay_row(table, &used, BULLA_TYPE_APP, BULLA_SUBTYPE_FACTORY, at,
                b->layout == BENCH_BANK ? BENCH_SMALL_AREA : BENCH_SLOT_SIZE, "factory");
        at += BENCH_SLOT_SIZE;
    }
    for (uint32_t i = 0; i < count && !is_in_place(b); i++, at += BENCH_SLOT_SIZE)
        lay_row(table, &used, BULLA_TYPE_APP, (uint8_t)(BULLA_SUBTYPE_OTA_0 + i), at,
                BENCH_SLOT_SIZE, names[i]);
    for (uint32_t i = 0; i < count && is_in_place(b); i++, at += BENCH_SLOT_SIZE)
        lay_row(table, &used, BULLA_TYPE_BULLA, (uint8_t)(BULLA_SUBTYPE_BANK_0 + i), at,
                BENCH_SLOT_SIZE, banks[i]);
    if (is_in_place(b)) /* a file system: littlefs */
        lay_row(table, &used, BULLA_TYPE_DATA, 0x83, at, FLASH_SIZE - 0x8000 - at, "vfs");
    if (b->modules > 0)
        lay_row(table, &used, BULLA_TYPE_BULLA, BULLA_SUBTYPE_MODULES, BENCH_MODULES, b->modules,
                "modules");
    lay_row(table, &used, BULLA_TYPE_BULLA, 0, FLASH_SIZE - 0x8000, 0x8000, "bulla");
    bulla_partition_md5_row((struct bulla_bytes){table, used}, table + used);
    memcpy(b->sim.bytes + BULLA_PARTITION_TABLE_OFFSET, table, sizeof(table));
    assert_status(bulla_layout_decode((struct bulla_bytes){table, sizeof(table)}, FLASH_SIZE,
                                      &b->client.layout),
                  BULLA_OK);
}

static void lay_state(struct bench *b)
{
    struct bulla_identity identity = {.format = (uint8_t)b->format, .chip_id = 0};
    struct bulla_state state;
    struct seal_buffer trust;

    memcpy(identity.vendor_id, b->vendor_id, sizeof(identity.vendor_id));
    memcpy(identity.class_id, b->class_id, sizeof(identity.class_id));
    seal_trust(&b->key, &trust);
    assert_status(bulla_state_format(&state, flash_sim_flash(&b->sim), &b->client.layout.state),
                  BULLA_OK);
    assert_status(
        bulla_state_put(&state, BULLA_RECORD_TRUST, 0, (struct bulla_bytes){trust.data, trust.len}),
        BULLA_OK);
    assert_status(bulla_state_put_identity(&state, &identity), BULLA_OK);
    seal_buffer_free(&trust);
}

static void lay_app(struct bench *b, struct bulla_bytes app, uint32_t sequence)
{
    bool factory = has_factory(b);
    int32_t slot = factory ? BULLA_SLOT_FACTORY : 0;
    struct seal_options how = {
        .sequence = sequence, .vendor_id = b->vendor_id, .class_id = b->class_id};
    struct seal_buffer envelope;
    struct bulla_installed installed;
    struct bulla_confirmed confirmed = {.sequence = sequence};

    memcpy(b->sim.bytes + BENCH_FIRST_SLOT, app.data, app.len);
    /* every slot is said not to be sealed, so that tests can lay apps anywhere */
    for (int32_t i = BULLA_SLOT_FACTORY; i < (int32_t)b->client.layout.slot_count; i++)
        assert_status(
            bulla_state_put(&b->client.state, BULLA_RECORD_HEAD,
                            i == BULLA_SLOT_FACTORY ? BULLA_STATE_SLOT_FACTORY : (uint8_t)i,
                            (struct bulla_bytes){NULL, 0}),
            BULLA_OK);
    if (sequence == 0)
        return;
    seal_envelope(app, &how, &b->key, &envelope);
    assert_status(bulla_state_put(&b->client.state, BULLA_RECORD_HEAD,
                                  factory ? BULLA_STATE_SLOT_FACTORY : 0,
                                  (struct bulla_bytes){envelope.data, seal_head_len(&envelope)}),
                  BULLA_OK);
    if (b->layout == BENCH_BANKS) {
        memcpy(b->sim.bytes + bench_slot(b, 0), app.data, app.len);
        assert_status(
            bulla_state_put(&b->client.state, BULLA_RECORD_HEAD, 0,
                            (struct bulla_bytes){envelope.data, seal_head_len(&envelope)}),
            BULLA_OK);
    }
    seal_buffer_free(&envelope);
    assert_status(bulla_slot_judge(&b->client, slot, &installed), BULLA_OK);
    memcpy(confirmed.manifest_digest, installed.manifest_digest, BULLA_DIGEST_SIZE);
    assert_status(bulla_state_put_confirmed(&b->client.state, &confirmed), BULLA_OK);
}

void bench_provision(struct bench *b, enum bench_layout layout, enum bulla_image_format format,
                     struct bulla_bytes app, uint32_t sequence)
{
    char why[FLASH_SIM_WHY_SIZE];

    memset(b, 0, sizeof(*b));
    b->layout = layout;
    b->format = format;
    memset(b->vendor_id, 0x11, sizeof(b->vendor_id));
    memset(b->class_id, 0x22, sizeof(b->class_id));
    seal_key_make(&b->key);
    b->workspace_len = sizeof(b->workspace);
    bench_transport(&b->server, &b->transport);
    static const char url[] = "https://updates.example/r/app.suit";
    assert_status(
        bulla_url_parse((struct bulla_bytes){(const uint8_t *)url, sizeof(url) - 1}, &b->url),
        BULLA_OK);
    assert_status(flash_sim_create(&b->sim, NULL, FLASH_SIZE, why), BULLA_OK);
    b->flash = (struct bulla_flash){.read = guard_read,
                                    .program = guard_program,
                                    .erase_sector = guard_erase,
                                    .map = guard_map,
                                    .size = FLASH_SIZE,
                                    .ctx = b};
    lay_table(b);
    lay_state(b);
    assert_status(bench_open(b), BULLA_OK);
    lay_app(b, app, sequence);
}

void bench_add_modules(struct bench *b, uint32_t sectors)
{
    b->modules = sectors * BULLA_SECTOR_SIZE;
    lay_table(b);
    assert_status(bench_open(b), BULLA_OK);
    assert_int_equal(b->client.layout.modules.size, b->modules);
}

void bench_publish_images(struct bench *b, const struct seal_image *images, size_t count,
                          uint32_t sequence, struct seal_buffer *envelope)
{
    const struct seal_options how = {
        .sequence = sequence, .vendor_id = b->vendor_id, .class_id = b->class_id};

    assert_true(count < BENCH_FILES);
    seal_images(images, count, &how, &b->key, envelope);
    memset(b->server.files, 0, sizeof(b->server.files));
    b->server.files[0] = (struct bench_file){"/r/app.suit", {envelope->data, envelope->len}};
    for (size_t i = 0; i < count; i++)
        b->server.files[i + 1] = (struct bench_file){images[i].uri, images[i].bytes};
    if (images[0].name == NULL)
        b->sealed = images[0].bytes;
}

void bench_close(struct bench *b)
{
    flash_sim_close(&b->sim);
}

enum bulla_status bench_open(struct bench *b)
{
    return bulla_client_open(&b->client, &b->flash, b->trust_store, sizeof(b->trust_store));
}

void bench_publish(struct bench *b, struct bulla_bytes image, const struct seal_options *how,
                   struct seal_buffer *envelope)
{
    struct seal_options whole = *how;

    if (whole.vendor_id == NULL)
        whole.vendor_id = b->vendor_id;
    if (whole.class_id == NULL)
        whole.class_id = b->class_id;
    seal_envelope(image, &whole, &b->key, envelope);
    b->server.files[0] = (struct bench_file){"/r/app.suit", {envelope->data, envelope->len}};
    b->server.files[1] = (struct bench_file){"/r/app.bin", image};
    b->sealed = image;
}

enum bulla_status bench_update(struct bench *b)
{
    const struct bulla_clock clock = {
        .now_ms = clock_now, .sleep_ms = clock_sleep, .random = clock_random, .ctx = b};
    const struct bulla_progress progress = {.report = report, .ctx = b};
    const struct bulla_update_options options = {
        .transport = &b->transport,
        .progress = &progress,
        .clock = b->has_clock ? &clock : NULL,
        .deadline_ms = 60000,
        .workspace = b->workspace,
        .workspace_len = b->workspace_len,
        .retry = b->retry,
        .recovery = b->recovery,
        .factory = b->factory,
        .approval = b->approval,
    };
    b->flash.erase_block = b->sim.blocks ? guard_erase_block : NULL;
    b->flash.unit = b->sim.unit;
    enum bulla_status status = bench_open(b);

    return status == BULLA_OK ? bulla_client_update(&b->client, &b->url, &options, &b->result)
                              : status;
}

enum bulla_status bench_boot(struct bench *b, struct bulla_boot_result *result)
{
    enum bulla_status status = bench_open(b);

    return status == BULLA_OK ? bulla_client_boot(&b->client, result) : status;
}

enum bulla_status bench_confirm(struct bench *b)
{
    enum bulla_status status = bench_open(b);

    return status == BULLA_OK ? bulla_client_confirm(&b->client) : status;
}

enum bulla_status bench_reject(struct bench *b)
{
    enum bulla_status status = bench_open(b);

    return status == BULLA_OK ? bulla_client_reject(&b->client) : status;
}

enum bulla_status bench_set_boot(struct bench *b, int32_t slot)
{
    enum bulla_status status = bench_open(b);

    return status == BULLA_OK ? bulla_client_set_boot(&b->client, slot) : status;
}

uint32_t bench_slot(const struct bench *b, int32_t slot)
{
    return BENCH_FIRST_SLOT + (uint32_t)(slot + (has_factory(b) ? 1 : 0)) * BENCH_SLOT_SIZE;
}

void bench_record(struct bench *b, uint32_t sector, uint32_t seq, uint32_t state, bool bad_crc)
{
    struct bulla_ota_record record = {.seq = seq, .state = state, .crc = bulla_ota_crc(seq)};
    uint8_t *at = b->sim.bytes + BENCH_OTADATA + sector * BULLA_SECTOR_SIZE;

    memset(record.label, 0xff, sizeof(record.label));
    if (bad_crc)
        record.crc ^= 0x100;
    memset(at, 0xff, BULLA_SECTOR_SIZE);
    bulla_ota_record_encode(&record, at);
}

struct bulla_ota_record bench_read_record(const struct bench *b, uint32_t sector)
{
    return bulla_ota_record_decode(b->sim.bytes + BENCH_OTADATA + sector * BULLA_SECTOR_SIZE);
}

uint8_t *bench_snapshot(const struct bench *b)
{
    uint8_t *copy = malloc(b->sim.size);

    assert_non_null(copy);
    memcpy(copy, b->sim.bytes, b->sim.size);
    return copy;
}

bool bench_same(const struct bench *b, const uint8_t *snapshot)
{
    return memcmp(b->sim.bytes, snapshot, b->sim.size) == 0;
}

/* ---- two flashes, record by record ---- */

static enum bulla_status read_snapshot(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    memcpy(buffer, (const uint8_t *)ctx + offset, len);
    return BULLA_OK;
}

static bool same_record(const struct bulla_state *a, const struct bulla_state *b,
                        enum bulla_record_kind kind, uint8_t slot)
{
    static uint8_t bytes[2][BULLA_TRUST_SIZE_MAX];
    size_t len[2] = {0, 0};

    return bulla_state_get(a, kind, slot, bytes[0], sizeof(bytes[0]), &len[0]) ==
               bulla_state_get(b, kind, slot, bytes[1], sizeof(bytes[1]), &len[1]) &&
           len[0] == len[1] && memcmp(bytes[0], bytes[1], len[0]) == 0;
}

bool bench_same_but_events(const struct bench *b, const uint8_t *snapshot)
{
    static const uint8_t slots[] = {0, 1, 2, BULLA_STATE_SLOT_FACTORY};
    const struct bulla_partition *records = &b->client.layout.state;
    uint32_t end = records->offset + records->size;
    struct bulla_flash then = b->flash;
    struct bulla_state state[2];

    then.read = read_snapshot;
    then.ctx = (void *)(uintptr_t)snapshot;
    bool same = memcmp(b->sim.bytes, snapshot, records->offset) == 0 &&
                memcmp(b->sim.bytes + end, snapshot + end, b->sim.size - end) == 0 &&
                bulla_state_open(&state[0], &b->flash, records) == BULLA_OK &&
                bulla_state_open(&state[1], &then, records) == BULLA_OK;
    for (uint8_t kind = BULLA_RECORD_TRUST; same && kind <= BULLA_RECORD_MODULES; kind++) {
        for (size_t i = 0; same && i < sizeof(slots); i++)
            same = kind == BULLA_RECORD_EVENT || kind == BULLA_RECORD_SEAL ||
                   same_record(&state[0], &state[1], (enum bulla_record_kind)kind, slots[i]);
    }
    return same;
}
