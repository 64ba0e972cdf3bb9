/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-send's answers: of good requests, odd ones, and bytes that are none. */

#include "check.h"

#include <fcntl.h>
#include <unistd.h>

#include "send.h"

#define FILE_SIZE 2500u

struct bench {
    struct send_server server;
    char folder[64];
    uint8_t out[BULLA_COAP_MESSAGE_MAX];
    size_t out_len;
    struct bulla_coap_message answer;
    struct bulla_coap_block block;
    uint32_t size;
    struct bulla_bytes etag;
};

static struct bulla_bytes span(const void *data, size_t len)
{
    return (struct bulla_bytes){data, len};
}

static void write_file(const struct bench *b, const char *name, const void *data, size_t len)
{
    int fd = openat(b->server.folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    close(fd);
}

static int set_up(void **state)
{
    static struct bench b;
    static uint8_t data[FILE_SIZE];

    memset(&b, 0, sizeof(b));
    memcpy(b.folder, "/tmp/bulla-send-XXXXXX", sizeof("/tmp/bulla-send-XXXXXX"));
    assert_non_null(mkdtemp(b.folder));
    b.server.folder = open(b.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(b.server.folder >= 0);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i / 7);
    write_file(&b, "app.bin", data, sizeof(data));
    write_file(&b, "empty", data, 0);
    write_file(&b, ".hidden", data, 5);
    *state = &b;
    return 0;
}

static int tear_down(void **state)
{
    const struct bench *b = *state;

    (void)unlinkat(b->server.folder, "app.bin", 0);
    (void)unlinkat(b->server.folder, "empty", 0);
    (void)unlinkat(b->server.folder, ".hidden", 0);
    (void)unlinkat(b->server.folder, "key", 0);
    (void)unlinkat(b->server.folder, "large", 0);
    close(b->server.folder);
    return rmdir(b->folder);
}

/* Hand over one message; false when there is no answer. */
static bool ask(struct bench *b, struct bulla_bytes message)
{
    struct bulla_coap_cursor c;

    b->out_len = send_answer(&b->server, message, b->out, sizeof(b->out));
    if (b->out_len == 0)
        return false;
    assert_true(bulla_coap_decode(span(b->out, b->out_len), &b->answer));
    c = (struct bulla_coap_cursor){.left = b->answer.options};
    b->etag = span(NULL, 0);
    while (bulla_coap_next(&c)) {
        if (c.number == BULLA_COAP_BLOCK2)
            assert_true(bulla_coap_block(c.value, &b->block));
        if (c.number == BULLA_COAP_SIZE2)
            assert_true(bulla_coap_uint(c.value, &b->size));
        if (c.number == BULLA_COAP_ETAG)
            b->etag = c.value;
    }
    return true;
}

/* GET of a file, with Block2 of these bits if they are not negative. */
static uint8_t get(struct bench *b, const char *name, int32_t bits)
{
    uint8_t data[300];
    struct bulla_coap_writer w;

    bulla_coap_begin(&w, data, sizeof(data), BULLA_COAP_CON, BULLA_COAP_GET, 77, span("tk", 2));
    bulla_coap_put(&w, BULLA_COAP_URI_PATH, span(name, strlen(name)));
    if (bits >= 0)
        bulla_coap_put_uint(&w, BULLA_COAP_BLOCK2, (uint32_t)bits);
    assert_true(ask(b, span(data, w.len)));
    assert_int_equal(b->answer.type, BULLA_COAP_ACK);
    assert_int_equal(b->answer.id, 77);
    assert_memory_equal(b->answer.token.data, "tk", 2);
    return b->answer.code;
}

static void test_send_every_block_of_every_size(void **state)
{
    struct bench *b = *state;
    for (int32_t szx = 0; szx <= 6; szx++) {
        uint32_t size = 16u << szx, count = (FILE_SIZE + size - 1) / size;
        for (uint32_t n = 0; n < count; n++) {
            assert_int_equal(get(b, "app.bin", (int32_t)(n << 4) | szx), BULLA_COAP_CONTENT);
            assert_int_equal(b->block.number, n);
            assert_int_equal(b->block.szx, szx);
            assert_int_equal(b->block.more, n + 1 < count);
            assert_int_equal(b->size, FILE_SIZE);
            assert_int_equal(b->etag.len, 8);
            assert_int_equal(b->answer.payload.len, n + 1 < count ? size : FILE_SIZE - n * size);
            for (size_t i = 0; i < b->answer.payload.len; i++)
                assert_int_equal(b->answer.payload.data[i], (uint8_t)((n * size + i) / 7));
        }
        assert_int_equal(get(b, "app.bin", (int32_t)(count << 4) | szx), BULLA_COAP_BAD_REQUEST);
    }
    assert_int_equal(get(b, "app.bin", -1), BULLA_COAP_CONTENT); /* as large as there is */
    assert_int_equal(b->block.szx, 6);
    assert_int_equal(b->answer.payload.len, 1024);
    assert_int_equal(get(b, "empty", 6), BULLA_COAP_CONTENT);
    assert_int_equal(b->size, 0);
    assert_int_equal(b->answer.payload.len, 0);
}

static void test_send_etag_follows_the_content(void **state)
{
    struct bench *b = *state;
    uint8_t first[8], data[FILE_SIZE] = {1};
    assert_int_equal(get(b, "app.bin", 6), BULLA_COAP_CONTENT);
    memcpy(first, b->etag.data, 8);
    assert_int_equal(get(b, "empty", 6), BULLA_COAP_CONTENT);
    assert_memory_not_equal(b->etag.data, first, 8);
    assert_int_equal(get(b, "app.bin", 0x16), BULLA_COAP_CONTENT);
    assert_memory_equal(b->etag.data, first, 8);
    assert_int_equal(unlinkat(b->server.folder, "app.bin", 0), 0);
    write_file(b, "app.bin", data, sizeof(data));
    assert_int_equal(get(b, "app.bin", 0x26), BULLA_COAP_CONTENT);
    assert_memory_not_equal(b->etag.data, first, 8);
}

static void test_send_refuses_what_it_does_not_serve(void **state)
{
    struct bench *b = *state;
    static const char *const names[] = {"none", ".", "..", ".hidden", "", "/app.bin", "app.bin/x"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(get(b, names[i], 6), BULLA_COAP_NOT_FOUND);
    assert_int_equal(get(b, "update.suit", 6), BULLA_COAP_NOT_FOUND);
    b->server.first = "app.bin";
    assert_int_equal(get(b, "update.suit", 6), BULLA_COAP_CONTENT);
    assert_int_equal(get(b, "app.bin", 7), BULLA_COAP_BAD_REQUEST); /* reserved size */
    assert_int_equal(b->server.refused, 9);

    static const struct {
        const char *message;
        size_t len;
        uint8_t code;
    } others[] = {
        {"\x40\x01\x00\x01\xb7"
         "app.bin"
         "\x60",
         13, BULLA_COAP_BAD_OPTION}, /* option 17, Accept */
        {"\x40\x01\x00\x01\x11x\xa7"
         "app.bin",
         14, BULLA_COAP_BAD_OPTION}, /* option 1, If-Match */
        {"\x40\x01\x00\x01", 4, BULLA_COAP_NOT_FOUND},
        {"\x40\x02\x00\x01\xb7"
         "app.bin",
         12, BULLA_COAP_METHOD_NOT_ALLOWED},
        {"\x40\x1f\x00\x01\xb7"
         "app.bin",
         12, BULLA_COAP_METHOD_NOT_ALLOWED},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_true(ask(b, span(others[i].message, others[i].len)));
        assert_int_equal(b->answer.code, others[i].code);
    }
}

/* Of `size` bytes, with the text `at` a place. */
static uint8_t get_with(struct bench *b, size_t size, size_t at, const void *text, size_t len)
{
    uint8_t *data = calloc(1, size);

    assert_non_null(data);
    memcpy(data + at, text, len);
    (void)unlinkat(b->server.folder, "key", 0);
    write_file(b, "key", data, size);
    free(data);
    return get(b, "key", 6);
}

static void test_send_keeps_private_keys_to_itself(void **state)
{
    struct bench *b = *state;
    static const char armour[] = "-----BEGIN EC PRIVATE KEY-----";
    static const struct {
        const char *start;
        size_t len;
        bool is_key;
    } der[] = {
        {"\x30\x2e\x02\x01\x00\x30\x05", 7, true},              /* PKCS#8 of Ed25519 */
        {"\x30\x2e\x02\x01\x01\x30\x05", 7, true},              /* its version 2 */
        {"\x30\x77\x02\x01\x01\x04\x20", 7, true},              /* SEC1 */
        {"\x30\x81\x87\x02\x01\x00\x30", 7, true},              /* PKCS#8 of P-256 */
        {"\x30\x82\x04\xa4\x02\x01\x00\x02", 8, true},          /* PKCS#1 */
        {"\x30\x83\x01\x00\x00\x02\x01\x00", 8, true},          /* a long one */
        {"\x30\x2e\x02\x01\x02\x30\x05", 7, false},             /* another version */
        {"\x30\x82\x04\xa4\x30\x82\x02\x8c", 8, false},         /* a certificate */
        {"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70", 9, false},     /* a public key */
        {"\x31\x2e\x02\x01\x00", 5, false},                     /* no SEQUENCE */
        {"\x30\x88\x02\x01\x00\x00\x00\x00\x00\x00", 10, false} /* no length of ours */
    };
    for (size_t i = 0; i < sizeof(der) / sizeof(der[0]); i++)
        assert_int_equal(get_with(b, 70, 0, der[i].start, der[i].len),
                         der[i].is_key ? BULLA_COAP_NOT_FOUND : BULLA_COAP_CONTENT);
    for (size_t len = 1; len < 5; len++) /* the start of one is none */
        assert_int_equal(get_with(b, len, 0, der[0].start, len), BULLA_COAP_CONTENT);
    static const size_t places[] = {0, 40, 50, 20000, 65536 - (sizeof(armour) - 1)};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        assert_int_equal(get_with(b, 65536, places[i], armour, sizeof(armour) - 1),
                         BULLA_COAP_NOT_FOUND);
    assert_int_equal(get_with(b, 65536, 9, armour, sizeof(armour) - 2), BULLA_COAP_CONTENT);
    assert_int_equal(get_with(b, 65537, 9, armour, sizeof(armour) - 1), BULLA_COAP_CONTENT);
}

static void test_send_serves_what_devices_can_take(void **state)
{
    struct bench *b = *state;
    write_file(b, "large", "", 0);
    int fd = openat(b->server.folder, "large", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SEND_FILE_MAX + 1L), 0);
    assert_int_equal(get(b, "large", 6), BULLA_COAP_NOT_FOUND);
    assert_int_equal(ftruncate(fd, SEND_FILE_MAX), 0);
    close(fd);
    assert_int_equal(get(b, "large", 6), BULLA_COAP_CONTENT);
    assert_int_equal(b->size, SEND_FILE_MAX);
}

static void test_send_that_is_stopped_reads_no_more(void **state)
{
    struct bench *b = *state;
    volatile sig_atomic_t stopped = 1;
    b->server.stopped = &stopped;
    assert_int_equal(get(b, "app.bin", 6), BULLA_COAP_NOT_FOUND);
    stopped = 0;
    assert_int_equal(get(b, "app.bin", 6), BULLA_COAP_CONTENT);
    b->server.stopped = NULL;
}

static void test_send_serves_a_file_alone(void **state)
{
    struct bench *b = *state;
    b->server.first = "app.bin"; /* no envelope: it names nothing */
    b->server.alone = true;
    assert_false(send_has_release(&b->server));
    assert_int_equal(get(b, "app.bin", 6), BULLA_COAP_CONTENT);
    assert_int_equal(get(b, "update.suit", 6), BULLA_COAP_CONTENT);
    assert_int_equal(get(b, "empty", 6), BULLA_COAP_NOT_FOUND);
    b->server.first = "none";
    assert_int_equal(get(b, "none", 6), BULLA_COAP_NOT_FOUND);
    assert_int_equal(get(b, "app.bin", 6), BULLA_COAP_NOT_FOUND);
}

static void test_send_keeps_to_the_message_layer(void **state)
{
    struct bench *b = *state;
    assert_true(ask(b, span("\x40\x00\x12\x34", 4))); /* a ping */
    assert_int_equal(b->answer.type, BULLA_COAP_RST);
    assert_int_equal(b->answer.id, 0x1234);
    assert_true(ask(b, span("\x40\x45\x12\x34", 4))); /* an answer to nothing */
    assert_int_equal(b->answer.type, BULLA_COAP_RST);
    assert_true(ask(b, span("\x50\x01\x12\x34\xb7"
                            "app.bin",
                            12)));
    assert_int_equal(b->answer.type, BULLA_COAP_NON);
    assert_int_equal(b->answer.code, BULLA_COAP_CONTENT);
    static const char *const silent[] = {"\x60\x00\x12\x34", "\x70\x00\x12\x34", "\x50\x00\x12\x34",
                                         "\x60\x45\x12\x34", "\x50\x45\x12\x34", "\x60\x01\x12\x34",
                                         "\x70\x01\x12\x34"};
    for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
        assert_false(ask(b, span(silent[i], 4)));
    assert_false(ask(b, span("\x40\x01", 2)));
}

static void test_send_random_messages_get_answers_or_none(void **state)
{
    struct bench *b = *state;
    static const uint8_t good[] = "\x44\x01\x00\x01tokn\xb7"
                                  "app.bin\xc1\x06\x50";
    uint32_t random = 3;
    unsigned served = 0;
    for (unsigned round = 0; round < 50000; round++) {
        size_t len = sizeof(good) - 1;
        uint8_t *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, good, len);
        for (unsigned changes = 1 + round % 5; changes > 0; changes--) {
            random = random * 1664525u + 1013904223u;
            copy[(random >> 16) % len] = (uint8_t)(random >> 8);
        }
        if (ask(b, span(copy, len)))
            served += b->answer.code == BULLA_COAP_CONTENT;
        free(copy);
    }
    assert_true(served > 100);
    assert_true(b->server.refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_send_every_block_of_every_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_send_etag_follows_the_content, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_send_refuses_what_it_does_not_serve, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_send_keeps_private_keys_to_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_send_serves_what_devices_can_take, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_send_that_is_stopped_reads_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_send_serves_a_file_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_send_keeps_to_the_message_layer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_send_random_messages_get_answers_or_none, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
