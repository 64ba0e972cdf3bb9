/* SPDX-License-Identifier: Apache-2.0 */
/* URLs taken apart and resolved: tables of what is understood and what is refused. */

#include "check.h"

#include "bulla/transport.h"

static struct bulla_bytes bytes_of(const char *text)
{
    return (struct bulla_bytes){(const uint8_t *)text, strlen(text)};
}

static void test_url_good_urls_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
        const char *path;
    } table[] = {
        {"https://example.org/a/b.suit", "example.org", 443, "/a/b.suit"},
        {"HTTPS://Example.ORG", "example.org", 443, "/"},
        {"https://h:8443/", "h", 8443, "/"},
        {"https://h?x=1", "h", 443, "/?x=1"},
        {"https://h/a?b/../c?d=/.", "h", 443, "/a?b/../c?d=/."},
        {"https://127.0.0.1:65535/x", "127.0.0.1", 65535, "/x"},
        {"https://[2001:DB8::1]/x", "2001:db8::1", 443, "/x"},
        {"https://[::1]:1/x", "::1", 1, "/x"},
        {"https://a-b_c.1x/%20%41/...", "a-b_c.1x", 443, "/%20%41/..."},
        {"https://3d.example/@:!$&'()*+,;=~", "3d.example", 443, "/@:!$&'()*+,;=~"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct bulla_url url;
        assert_status(bulla_url_parse(bytes_of(table[i].text), &url), BULLA_OK);
        assert_string_equal(url.host, table[i].host);
        assert_int_equal(url.port, table[i].port);
        assert_string_equal(url.path, table[i].path);
    }
}

static void test_url_bad_urls_are_refused(void **state)
{
    (void)state;
    static const char *const table[] = {
        "",
        "https:/",
        "https://",
        "http://h/",
        "ftp://h/",
        "//h/",
        "/path",
        "h/path",
        " https://h/",
        "https:///path",
        "https://:443/",
        "https://user@h/",
        "https://user:pw@h/",
        "https://h:/",
        "https://h:0/",
        "https://h:0443/",
        "https://h:65536/",
        "https://h:100000/",
        "https://h:+80/",
        "https://h:8a/",
        "https://h.",
        "https://h./x",
        "https://.h/",
        "https://a..b/",
        "https://a b/",
        "https://%61/",
        "https://h\xc3\xa9/",
        "https://h\\x/",
        "https://1.2.3/",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://01.2.3.4/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.0x1/",
        "https://[::1/",
        "https://[]/",
        "https://[::1]x/",
        "https://[1:2:3:4:5:6:7]/",
        "https://[1:2:3:4:5:6:7:8:9]/",
        "https://[1:2:3:4:5:6:7:8::]/",
        "https://[1::2::3]/",
        "https://[:1::]/",
        "https://[1:]/",
        "https://[12345::]/",
        "https://[::1%25eth0]/",
        "https://[::127.0.0.1]/",
        "https://[v1.x]/",
        "https://[h]/",
        "https://::1/",
        "https://h/a b",
        "https://h/a#b",
        "https://h/%",
        "https://h/%2",
        "https://h/%zz",
        "https://h/%00",
        "https://h/%0d%0aX:y",
        "https://h/%7f",
        "https://h/\x7f",
        "https://h/\xc3\xa9",
        "https://h/<x>",
        "https://h/.",
        "https://h/..",
        "https://h/a/../b",
        "https://h/./b",
        "https://h/a/..?x",
        "https://h/%2e%2E/b",
        "https://h/.%2e/b",
        "https://h/a\r\nX: y",
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct bulla_url url;
        static const struct bulla_url zero;
        memset(&url, 'x', sizeof url);
        if (bulla_url_parse(bytes_of(table[i]), &url) != BULLA_E_URL)
            fail_msg("accepted: %s", table[i]);
        assert_memory_equal(&url, &zero, sizeof url);
    }
    struct bulla_url url;
    assert_status(bulla_url_parse((struct bulla_bytes){(const uint8_t *)"https://h\0/", 11}, &url),
                  BULLA_E_URL);
    assert_status(bulla_url_parse((struct bulla_bytes){(const uint8_t *)"https://h/\0", 11}, &url),
                  BULLA_E_URL);
    assert_status(bulla_url_parse((struct bulla_bytes){0}, &url), BULLA_E_URL);
}

static void test_url_limits_are_exact(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        char text[2048] = "https://";
        struct bulla_url url;
        size_t len = 8;
        for (size_t i = 0; i < BULLA_HOST_MAX + extra; i++)
            text[len++] = i % 4 == 3 ? '.' : 'a';
        assert_status(bulla_url_parse((struct bulla_bytes){(uint8_t *)text, len}, &url),
                      extra ? BULLA_E_URL : BULLA_OK);
        len = 9;
        text[8] = 'h';
        text[len++] = '/';
        for (size_t i = 1; i < BULLA_PATH_MAX + extra; i++)
            text[len++] = 'p';
        assert_status(bulla_url_parse((struct bulla_bytes){(uint8_t *)text, len}, &url),
                      extra ? BULLA_E_URL : BULLA_OK);
        len = 8;
        for (size_t i = 0; i < 63 + extra; i++)
            text[len++] = 'l';
        assert_status(bulla_url_parse((struct bulla_bytes){(uint8_t *)text, len}, &url),
                      extra ? BULLA_E_URL : BULLA_OK);
    }
}

static void test_url_references_are_resolved(void **state)
{
    (void)state;
    static const struct {
        const char *base, *uri, *host, *path;
    } table[] = {
        {"https://h/d/e.suit", "app.bin", "h", "/d/app.bin"},
        {"https://h/d/e.suit", "x/app.bin?v=1", "h", "/d/x/app.bin?v=1"},
        {"https://h/d/e.suit?a=/b/c", "app.bin", "h", "/d/app.bin"},
        {"https://h/d/", "app.bin", "h", "/d/app.bin"},
        {"https://h", "app.bin", "h", "/app.bin"},
        {"https://h/d/e.suit?q", "/abs/app.bin", "h", "/abs/app.bin"},
        {"https://h/d/e.suit", "https://other:1/x", "other", "/x"},
        {"https://h/d/e.suit", "a/b:c", "h", "/d/a/b:c"},
        {"https://h/d/e.suit", "a?b:c", "h", "/d/a?b:c"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct bulla_url base;
        struct bulla_url out;
        assert_status(bulla_url_parse(bytes_of(table[i].base), &base), BULLA_OK);
        assert_status(bulla_url_resolve(&base, bytes_of(table[i].uri), &out), BULLA_OK);
        assert_string_equal(out.host, table[i].host);
        assert_string_equal(out.path, table[i].path);
        /* in place */
        assert_status(bulla_url_resolve(&base, bytes_of(table[i].uri), &base), BULLA_OK);
        assert_memory_equal(&base, &out, sizeof base);
    }
}

static void test_url_bad_references_are_refused(void **state)
{
    (void)state;
    static const char *const table[] = {
        "",        "?q",       "#f",        "//other/x", "http://h/x", "file:x", "a:b",
        "../x",    "x/../y",   "./x",       "x/%2e%2e",  "a b",        "a#b",    "/a/..",
        "https:x", "https:/x", "\xc3\xa9x", "a\r\nb",    "%00",
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct bulla_url base;
        struct bulla_url out;
        assert_status(bulla_url_parse(bytes_of("https://h/d/e"), &base), BULLA_OK);
        if (bulla_url_resolve(&base, bytes_of(table[i]), &out) != BULLA_E_URL)
            fail_msg("accepted: %s", table[i]);
        assert_int_equal(out.host[0], 0);
    }
}

static void test_url_resolved_path_too_long_is_refused(void **state)
{
    (void)state;
    struct bulla_url base = {.host = "h", .port = 443, .path = "/"};
    struct bulla_url out;
    memset(base.path + 1, 'd', BULLA_PATH_MAX - 1);
    base.path[BULLA_PATH_MAX - 3] = '/';
    assert_status(bulla_url_resolve(&base, bytes_of("ab"), &out), BULLA_OK);
    assert_int_equal(strlen(out.path), BULLA_PATH_MAX);
    assert_status(bulla_url_resolve(&base, bytes_of("abc"), &out), BULLA_E_URL);
}

static void test_url_addresses_are_recognised(void **state)
{
    (void)state;
    uint8_t address[16];
    size_t len;
    assert_true(bulla_url_address("192.0.2.7", address, &len));
    assert_int_equal(len, 4);
    assert_memory_equal(address, "\xc0\x00\x02\x07", 4);
    assert_true(bulla_url_address("2001:db8::a0:1", address, &len));
    assert_int_equal(len, 16);
    assert_memory_equal(address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\xa0\0\x01", 16);
    assert_true(bulla_url_address("::", address, &len));
    assert_memory_equal(address, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_true(bulla_url_address("1:2:3:4:5:6:7::", address, &len));
    assert_memory_equal(address, "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\0", 16);
    assert_true(bulla_url_address("1:2:3:4:5:6:7:8", address, &len));
    assert_false(bulla_url_address("example.org", address, &len));
    assert_int_equal(len, 0);
    assert_false(bulla_url_address("dead.beef", address, &len));
    assert_false(bulla_url_address("abcd", address, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url_good_urls_are_taken_apart),
        cmocka_unit_test(test_url_bad_urls_are_refused),
        cmocka_unit_test(test_url_limits_are_exact),
        cmocka_unit_test(test_url_references_are_resolved),
        cmocka_unit_test(test_url_bad_references_are_refused),
        cmocka_unit_test(test_url_resolved_path_too_long_is_refused),
        cmocka_unit_test(test_url_addresses_are_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
