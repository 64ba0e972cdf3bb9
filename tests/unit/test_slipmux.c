/* SPDX-License-Identifier: Apache-2.0 */
/* Frames and messages of the serial line, made and taken apart, and both against damage. */

#include "check.h"

#include "coap_message.h"
#include "slipmux.h"

#define ROOM (BULLA_COAP_MESSAGE_MAX + BULLA_SLIPMUX_OVERHEAD)

struct line {
    uint8_t bytes[3 * ROOM];
    size_t len;
};

static struct bulla_bytes span(const void *data, size_t len)
{
    return (struct bulla_bytes){data, len};
}

/* The frame of a message, written in pieces of `piece` bytes. */
static void write_frame(struct line *line, struct bulla_bytes message, size_t piece)
{
    struct bulla_slipmux_writer w;
    size_t len;

    bulla_slipmux_write_init(&w, message);
    while ((len = bulla_slipmux_write(&w, line->bytes + line->len, piece)) > 0) {
        assert_true(len <= piece);
        line->len += len;
    }
}

/* Messages and damaged frames among these bytes; the last message into `out`. */
static void read_frames(struct bulla_bytes in, size_t size, unsigned *messages, unsigned *damaged,
                        uint8_t *out, size_t *out_len)
{
    uint8_t *buffer = malloc(size);
    struct bulla_slipmux_reader r;

    assert_non_null(buffer);
    *messages = *damaged = 0;
    *out_len = 0;
    bulla_slipmux_read_init(&r, buffer, size);
    for (size_t i = 0; i < in.len; i++) {
        struct bulla_bytes message;
        enum bulla_frame frame = bulla_slipmux_read(&r, in.data[i], &message);
        *damaged += frame == BULLA_FRAME_DAMAGED;
        if (frame != BULLA_FRAME_MESSAGE)
            continue;
        (*messages)++;
        memcpy(out, message.data, message.len);
        *out_len = message.len;
    }
    free(buffer);
}

static void test_slipmux_frame_is_as_the_draft_writes_it(void **state)
{
    /* GET /bupdate with payload bytes c0 db; FCS by an independent CRC-16/X-25 */
    static const uint8_t message[] = {0x40, 0x01, 0x00, 0x01, 0xb5, 0x62, 0x75, 0x70,
                                      0x64, 0x61, 0x74, 0x65, 0x00, 0xc0, 0xdb};
    static const uint8_t frame[] = {0xc0, 0xa9, 0x40, 0x01, 0x00, 0x01, 0xb5, 0x62,
                                    0x75, 0x70, 0x64, 0x61, 0x74, 0x65, 0x00, 0xdb,
                                    0xdc, 0xdb, 0xdd, 0x96, 0xe0, 0xc0};
    (void)state;
    for (size_t piece = 2; piece < 40; piece++) {
        struct line line = {.len = 0};
        write_frame(&line, span(message, sizeof(message)), piece);
        assert_int_equal(line.len, sizeof(frame));
        assert_memory_equal(line.bytes, frame, sizeof(frame));
    }
}

static void test_slipmux_every_byte_and_length_comes_through(void **state)
{
    uint8_t message[BULLA_COAP_MESSAGE_MAX], out[ROOM];
    unsigned messages, damaged;
    size_t len;
    (void)state;
    for (size_t size = 0; size <= sizeof(message); size = size < 600 ? size + 1 : size + 138) {
        struct line line = {.len = 0};
        for (size_t i = 0; i < size; i++)
            message[i] = (uint8_t)(i * 7 + size);
        write_frame(&line, span(message, size), 64);
        read_frames(span(line.bytes, line.len), ROOM, &messages, &damaged, out, &len);
        assert_int_equal(messages, 1);
        assert_int_equal(damaged, 0);
        assert_int_equal(len, size);
        assert_memory_equal(out, message, size);
    }
}

static void test_slipmux_noise_and_diagnostics_pass_by(void **state)
{
    static const uint8_t between[] = "\xc0\x0aI (312) boot: hello\xc0garbage\xdb\xdb";
    static const uint8_t message[] = {0x60, 0x00, 0x12, 0x34};
    struct line line = {.len = sizeof(between) - 1};
    uint8_t out[ROOM];
    unsigned messages, damaged;
    size_t len;
    (void)state;
    memcpy(line.bytes, between, line.len);
    write_frame(&line, span(message, sizeof(message)), 64);
    read_frames(span(line.bytes, line.len), ROOM, &messages, &damaged, out, &len);
    assert_int_equal(messages, 1);
    assert_int_equal(damaged, 1); /* the garbage, not the diagnostics */
    assert_memory_equal(out, message, sizeof(message));
}

static void test_slipmux_no_damaged_frame_is_a_message(void **state)
{
    uint8_t message[40], out[ROOM];
    unsigned messages, damaged;
    struct line line = {.len = 0};
    size_t len;
    (void)state;
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)(0xA0 + 3 * i);
    write_frame(&line, span(message, sizeof(message)), 64);
    for (size_t at = 0; at < line.len; at++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            line.bytes[at] ^= (uint8_t)flip;
            read_frames(span(line.bytes, line.len), ROOM, &messages, &damaged, out, &len);
            /* what stands before the first END may be anything */
            if (messages > 0 && (len != sizeof(message) || memcmp(out, message, len) != 0))
                fail_msg("byte %zu changed by %02x is another message", at, flip);
            line.bytes[at] ^= (uint8_t)flip;
        }
    }
    for (size_t cut = 1; cut < line.len; cut++) { /* and none that was cut */
        read_frames(span(line.bytes, line.len - cut), ROOM, &messages, &damaged, out, &len);
        assert_int_equal(messages, 0);
    }
    /* an END after an escape breaks a frame off */
    static const uint8_t broken[] = {0xc0, 0xa9, 0x60, 0x00, 0x12, 0x34, 0xdb, 0xc0};
    read_frames(span(broken, sizeof(broken)), ROOM, &messages, &damaged, out, &len);
    assert_int_equal(messages, 0);
    assert_int_equal(damaged, 1);
}

static void test_slipmux_frame_longer_than_the_buffer_is_damaged(void **state)
{
    uint8_t message[100] = {1}, out[ROOM];
    unsigned messages, damaged;
    struct line line = {.len = 0};
    size_t len;
    (void)state;
    write_frame(&line, span(message, sizeof(message)), 64);
    for (size_t size = 1; size < sizeof(message) + BULLA_SLIPMUX_OVERHEAD; size++) {
        read_frames(span(line.bytes, line.len), size, &messages, &damaged, out, &len);
        assert_int_equal(messages, 0);
        assert_int_equal(damaged, 1);
    }
    read_frames(span(line.bytes, line.len), sizeof(message) + BULLA_SLIPMUX_OVERHEAD, &messages,
                &damaged, out, &len);
    assert_int_equal(messages, 1);
}

/* ---- messages ---- */

static void test_coap_message_round_trip(void **state)
{
    static const uint8_t token[] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t data[BULLA_COAP_MESSAGE_MAX], long_value[300] = {9};
    struct bulla_coap_writer w;
    struct bulla_coap_message m;
    (void)state;
    bulla_coap_begin(&w, data, sizeof(data), BULLA_COAP_ACK, BULLA_COAP_CONTENT, 0xBEEF,
                     span(token, sizeof(token)));
    const struct bulla_coap_block block = {.number = 0xFFFFF, .more = true, .szx = 6};
    bulla_coap_put(&w, BULLA_COAP_ETAG, span("\x11\x22", 2));
    bulla_coap_put(&w, BULLA_COAP_URI_PATH, span(long_value, sizeof(long_value)));
    bulla_coap_put(&w, BULLA_COAP_URI_PATH, span(long_value, 13));
    bulla_coap_put_block(&w, &block);
    bulla_coap_put_uint(&w, BULLA_COAP_SIZE2, 0x12345678);
    bulla_coap_put_uint(&w, 5000, 0);
    bulla_coap_put_payload(&w, span("body", 4));
    assert_false(w.full);

    assert_true(bulla_coap_decode(span(data, w.len), &m));
    assert_int_equal(m.type, BULLA_COAP_ACK);
    assert_int_equal(m.code, BULLA_COAP_CONTENT);
    assert_int_equal(m.id, 0xBEEF);
    assert_int_equal(m.token.len, 8);
    assert_memory_equal(m.payload.data, "body", 4);
    struct bulla_coap_cursor c = {.left = m.options};
    const struct {
        uint32_t number;
        size_t len;
    } expected[] = {{4, 2}, {11, 300}, {11, 13}, {23, 3}, {28, 4}, {5000, 0}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(bulla_coap_next(&c));
        assert_int_equal(c.number, expected[i].number);
        assert_int_equal(c.value.len, expected[i].len);
        struct bulla_coap_block found;
        if (c.number == BULLA_COAP_BLOCK2) {
            assert_true(bulla_coap_block(c.value, &found));
            assert_int_equal(found.number, block.number);
            assert_true(found.more);
            assert_int_equal(found.szx, 6);
        }
        uint32_t size;
        if (c.number == BULLA_COAP_SIZE2) {
            assert_true(bulla_coap_uint(c.value, &size));
            assert_int_equal(size, 0x12345678);
        }
    }
    assert_false(bulla_coap_next(&c));
    for (size_t size = 0; size < w.len; size++) { /* room for less: full, never beyond */
        struct bulla_coap_writer small;
        uint8_t *room = malloc(size + 1);
        assert_non_null(room);
        bulla_coap_begin(&small, room, size, BULLA_COAP_ACK, BULLA_COAP_CONTENT, 1,
                         span(token, sizeof(token)));
        bulla_coap_put(&small, BULLA_COAP_ETAG, span(long_value, sizeof(long_value)));
        bulla_coap_put_payload(&small, span(long_value, sizeof(long_value)));
        assert_true(small.full);
        assert_true(small.len <= size);
        free(room);
    }
}

static void test_coap_malformed_messages_are_none(void **state)
{
    static const struct {
        const char *what;
        const char *bytes;
        size_t len;
    } bad[] = {
        {"header cut", "\x40\x01\x00", 3},
        {"version 0", "\x00\x01\x00\x01", 4},
        {"version 2", "\x80\x01\x00\x01", 4},
        {"token of 9",
         "\x49\x01\x00\x01"
         "123456789",
         13},
        {"token cut",
         "\x44\x01\x00\x01"
         "123",
         7},
        {"empty with a token", "\x61\x00\x00\x01\x07", 5},
        {"empty with an option", "\x60\x00\x00\x01\x40", 5},
        {"marker alone", "\x40\x01\x00\x01\xff", 5},
        {"delta 15", "\x40\x01\x00\x01\xf0", 5},
        {"length 15", "\x40\x01\x00\x01\x1f", 5},
        {"extended delta cut", "\x40\x01\x00\x01\xd0", 5},
        {"extended delta of two cut", "\x40\x01\x00\x01\xe0\x00", 6},
        {"extended length cut", "\x40\x01\x00\x01\x1e\x00", 6},
        {"value cut", "\x40\x01\x00\x01\x12\x00", 6},
        {"number above 65535", "\x40\x01\x00\x01\xe0\xff\xff", 7},
        {"numbers together above 65535", "\x40\x01\x00\x01\xe0\xfe\xf2\x10", 8},
    };
    struct bulla_coap_message m;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (bulla_coap_decode(span(bad[i].bytes, bad[i].len), &m))
            fail_msg("%s is taken for a message", bad[i].what);
    assert_true(bulla_coap_decode(span("\x40\x01\x00\x01\xe0\xfe\xf2", 7), &m)); /* 65535 */
    uint32_t number;
    struct bulla_coap_block block;
    assert_false(bulla_coap_uint(span("12345", 5), &number));
    assert_false(bulla_coap_block(span("\x01\x02\x03\x04", 4), &block));
    assert_false(bulla_coap_block(span("\x07", 1), &block)); /* size exponent 7 is reserved */
}

/* Whatever the bytes: no read beyond them (each message is a block of its own, so that a sanitizer
 * sees it), and what is taken is made of them. */
static void test_coap_random_damage_is_survived(void **state)
{
    uint32_t random = 1;
    uint8_t data[64];
    struct bulla_coap_writer w;
    unsigned taken = 0;
    (void)state;
    bulla_coap_begin(&w, data, sizeof(data), BULLA_COAP_CON, BULLA_COAP_GET, 7, span("tokn", 4));
    bulla_coap_put(&w, BULLA_COAP_URI_PATH, span("images", 6));
    bulla_coap_put(&w, BULLA_COAP_URI_PATH, span("application.bin", 15));
    bulla_coap_put_uint(&w, BULLA_COAP_BLOCK2, 0x1236);
    bulla_coap_put_payload(&w, span("xyz", 3));
    for (unsigned round = 0; round < 200000; round++) {
        size_t len = w.len;
        uint8_t *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, data, len);
        for (unsigned changes = 1 + round % 4; changes > 0; changes--) {
            random = random * 1664525u + 1013904223u;
            copy[(random >> 16) % len] = (uint8_t)(random >> 8);
        }
        random = random * 1664525u + 1013904223u;
        len -= (random >> 20) % len;
        copy = realloc(copy, len);
        assert_non_null(copy);
        struct bulla_coap_message m;
        if (bulla_coap_decode(span(copy, len), &m)) {
            struct bulla_coap_cursor c = {.left = m.options};
            size_t options = 0;
            taken++;
            while (bulla_coap_next(&c)) {
                options += c.value.len;
                assert_true(c.value.len == 0 ||
                            (c.value.data >= copy && c.value.data + c.value.len <= copy + len));
            }
            assert_int_equal(c.left.len, 0);
            assert_true(options + m.payload.len + m.token.len + 4 <= len);
        }
        free(copy);
    }
    assert_true(taken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slipmux_frame_is_as_the_draft_writes_it),
        cmocka_unit_test(test_slipmux_every_byte_and_length_comes_through),
        cmocka_unit_test(test_slipmux_noise_and_diagnostics_pass_by),
        cmocka_unit_test(test_slipmux_no_damaged_frame_is_a_message),
        cmocka_unit_test(test_slipmux_frame_longer_than_the_buffer_is_damaged),
        cmocka_unit_test(test_coap_message_round_trip),
        cmocka_unit_test(test_coap_malformed_messages_are_none),
        cmocka_unit_test(test_coap_random_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
