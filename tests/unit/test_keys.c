/* SPDX-License-Identifier: Apache-2.0 */
/* Private and public key files, signatures, prime order, pins; openssl's program on the other
 * side where files are exchanged. */

#include "keyfiles.h"

#include <dlfcn.h>
#include <errno.h>
#include <jansson.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bulla/ed25519.h"
#include "keys.h"

static char why[256];

static void shell(const char *command)
{
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* ---- faults: these calls of the libraries under test end here; 0: none fails ---- */

static unsigned rename_to_fail; /* 1: the next one */
static unsigned fsync_to_fail;
static bool sign_with_a_fault;

static bool is_due(unsigned *countdown)
{
    return *countdown > 0 && --*countdown == 0;
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    if (is_due(&rename_to_fail)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int fsync(int fd)
{
    if (is_due(&fsync_to_fail)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int EVP_DigestSign(EVP_MD_CTX *ctx, unsigned char *signature, size_t *signature_len,
                   const unsigned char *message, size_t message_len)
{
    int (*real)(EVP_MD_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "EVP_DigestSign");
    int result = real(ctx, signature, signature_len, message, message_len);
    if (sign_with_a_fault)
        signature[40] ^= 1;
    return result;
}

/* PKCS#8 of a seed, as openssl writes it. */
static void private_pem_text(const uint8_t seed[32], char out[2048])
{
    uint8_t der[48];
    (void)from_hex("302e020100300506032b657004220420", der, sizeof der);
    memcpy(der + 16, seed, 32);
    pem_text("PRIVATE KEY", der, sizeof der, 64, out);
}

/* ---- private keys ---- */

static void test_keys_rfc8032_vectors_public_and_signature_are_theirs(void **state)
{
    json_t *root = json_load_file(BULLA_TEST_DIR "/vectors/ed25519/rfc8032_ed25519.json", 0, NULL);
    const json_t *tests = json_object_get(root, "tests");
    const json_t *vector;
    size_t i;
    (void)state;
    assert_int_equal(json_array_size(tests), 5);
    json_array_foreach(tests, i, vector)
    {
        uint8_t seed[32], public_key[32], expected[64], found[64];
        uint8_t message[1100];
        char pem[2048];
        struct keys_private *key = NULL;
        (void)from_hex(json_string_value(json_object_get(vector, "secret")), seed, 32);
        (void)from_hex(json_string_value(json_object_get(vector, "public")), public_key, 32);
        (void)from_hex(json_string_value(json_object_get(vector, "signature")), expected, 64);
        size_t len = from_hex(json_string_value(json_object_get(vector, "message")), message,
                              sizeof message);
        private_pem_text(seed, pem);
        write_text("k.pem", pem);
        assert_status(keys_private_load("k.pem", NULL, &key, why), BULLA_OK);
        keys_private_public(key, found);
        assert_memory_equal(found, public_key, 32);
        assert_status(keys_private_sign(key, (struct bulla_bytes){message, len}, found), BULLA_OK);
        assert_memory_equal(found, expected, 64);
        keys_private_free(key);
    }
    json_decref(root);
}

static void assert_private_refused(const char *path, const char *passphrase_file,
                                   enum bulla_status expected, const char *part)
{
    struct keys_private *key = (struct keys_private *)why; /* must become NULL */
    why[0] = '\0';
    assert_status(keys_private_load(path, passphrase_file, &key, why), expected);
    assert_null(key);
    if (strstr(why, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why, part);
}

static void test_keys_openssl_plain_key_is_read_and_its_signature_verifies(void **state)
{
    struct keys_private *key = NULL;
    uint8_t signature[64];
    (void)state;
    shell("openssl genpkey -algorithm ed25519 -out k.pem 2>/dev/null");
    shell("openssl pkey -in k.pem -pubout -out k.pub");
    assert_status(keys_private_load("k.pem", NULL, &key, why), BULLA_OK);
    write_text("m", "message");
    assert_status(
        keys_private_sign(key, (struct bulla_bytes){(const uint8_t *)"message", 7}, signature),
        BULLA_OK);
    keys_private_free(key);
    assert_status(host_write_file("s", (struct bulla_bytes){signature, 64}, 0600, true), BULLA_OK);
    shell("openssl pkeyutl -verify -pubin -inkey k.pub -rawin -in m -sigfile s >/dev/null");
}

static void test_keys_sign_faulty_signature_never_leaves(void **state)
{
    const uint8_t zero[64] = {0};
    struct bulla_bytes message = {(const uint8_t *)"message", 7};
    struct keys_private *key = NULL;
    uint8_t signature[64];
    (void)state;
    assert_status(keys_generate("k", NULL, why), BULLA_OK);
    assert_status(keys_private_load("k.pem", NULL, &key, why), BULLA_OK);
    sign_with_a_fault = true;
    enum bulla_status status = keys_private_sign(key, message, signature);
    sign_with_a_fault = false;
    assert_status(status, BULLA_E_CRYPTO);
    assert_memory_equal(signature, zero, 64);
    assert_status(keys_private_sign(key, message, signature), BULLA_OK);
    keys_private_free(key);
}

static void test_keys_openssl_encrypted_key_is_read_with_its_passphrase_only(void **state)
{
    struct keys_private *key = NULL;
    uint8_t from_private[32];
    uint8_t from_public[32];
    (void)state;
    write_text("right", "correct horse\nsecond line\n");
    write_text("crlf", "correct horse\r\n");
    write_text("wrong", "correct horsf\n");
    write_text("empty", "\nsecond\n");
    shell(
        "openssl genpkey -algorithm ed25519 -aes-256-cbc -pass file:right -out k.pem 2>/dev/null");
    shell("openssl pkey -in k.pem -passin file:right -pubout -out k.pub");
    assert_status(keys_public_load("k.pub", from_public, why), BULLA_OK);
    assert_status(keys_private_load("k.pem", "right", &key, why), BULLA_OK);
    keys_private_public(key, from_private);
    keys_private_free(key);
    assert_memory_equal(from_private, from_public, 32);
    assert_status(keys_private_load("k.pem", "crlf", &key, why), BULLA_OK);
    keys_private_free(key);
    assert_private_refused("k.pem", NULL, BULLA_E_USAGE, "encrypted");
    assert_private_refused("k.pem", "wrong", BULLA_E_USAGE, "another passphrase");
    assert_private_refused("k.pem", "empty", BULLA_E_USAGE, "empty");
    assert_private_refused("k.pem", "missing", BULLA_E_IO, "missing");
}

static void test_keys_private_file_of_another_kind_is_refused(void **state)
{
    (void)state;
    shell("openssl genpkey -algorithm ed25519 -out k.pem 2>/dev/null");
    shell("openssl pkey -in k.pem -pubout -out k.pub");
    shell("openssl pkey -in k.pem -outform DER -out k.der");
    shell("cat k.pem k.pem >two.pem; cat k.pem k.pub >both.pem; head -c 60 k.pem >cut.pem");
    shell("openssl genpkey -algorithm x25519 -out x.pem 2>/dev/null");
    shell("openssl ecparam -name prime256v1 -genkey -noout -out ec.pem");
    shell("head -c 70000 /dev/zero >large.pem");
    shell(": >empty.pem");
    assert_private_refused("k.pub", NULL, BULLA_E_USAGE, "found PUBLIC KEY");
    assert_private_refused("k.der", NULL, BULLA_E_USAGE, "48 bytes without -----BEGIN");
    assert_private_refused("two.pem", NULL, BULLA_E_USAGE, "more");
    assert_private_refused("both.pem", NULL, BULLA_E_USAGE, "more");
    assert_private_refused("cut.pem", NULL, BULLA_E_USAGE, "broken");
    assert_private_refused("x.pem", NULL, BULLA_E_USAGE, "expected an Ed25519 key, found X25519");
    assert_private_refused("ec.pem", NULL, BULLA_E_USAGE, "found EC PRIVATE KEY");
    assert_private_refused("large.pem", NULL, BULLA_E_IO, "too large");
    assert_private_refused("empty.pem", NULL, BULLA_E_USAGE, "0 bytes");
    assert_private_refused("missing.pem", NULL, BULLA_E_IO, "No such file");
}

static void test_keys_private_key_with_odd_encoding_is_refused(void **state)
{
    static const char *const odd[] = {
        /* trailing byte; 31-byte seed; NULL parameters */
        "302e020100300506032b657004220420"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00",
        "302d020100300506032b65700421041f"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
        "3030020100300706032b6570050004220420"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    };
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        uint8_t der[64];
        char pem[2048];
        size_t len = from_hex(odd[i], der, sizeof der);
        pem_text("PRIVATE KEY", der, len, 64, pem);
        write_text("k.pem", pem);
        assert_private_refused("k.pem", NULL, BULLA_E_USAGE, "k.pem");
    }
}

static void test_keys_private_file_open_to_others_is_noticed(void **state)
{
    (void)state;
    write_text("k.pem", "x");
    assert_false(keys_private_exposed("k.pem"));
    assert_int_equal(chmod("k.pem", 0640), 0);
    assert_true(keys_private_exposed("k.pem"));
    assert_int_equal(chmod("k.pem", 0604), 0);
    assert_true(keys_private_exposed("k.pem"));
}

/* ---- generate ---- */

static void test_keys_generate_files_are_openssls_and_private(void **state)
{
    struct stat st;
    (void)state;
    assert_status(keys_generate("k", NULL, why), BULLA_OK);
    assert_int_equal(stat("k.pem", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    shell("openssl pkey -in k.pem -pubout | cmp - k.pub");
    shell("test $(ls -A | wc -l) = 2");
}

static void test_keys_generate_encrypted_is_read_by_openssl_and_us(void **state)
{
    struct keys_private *key = NULL;
    (void)state;
    write_text("pass", "correct horse\n");
    assert_status(keys_generate("k", "pass", why), BULLA_OK);
    shell("grep -q 'BEGIN ENCRYPTED PRIVATE KEY' k.pem");
    shell("openssl pkey -in k.pem -passin file:pass -pubout | cmp - k.pub");
    assert_status(keys_private_load("k.pem", "pass", &key, why), BULLA_OK);
    keys_private_free(key);
    assert_private_refused("k.pem", NULL, BULLA_E_USAGE, "encrypted");
}

static void test_keys_generate_two_keys_differ(void **state)
{
    uint8_t a[32];
    uint8_t b[32];
    (void)state;
    assert_status(keys_generate("a", NULL, why), BULLA_OK);
    assert_status(keys_generate("b", NULL, why), BULLA_OK);
    assert_status(keys_public_load("a.pub", a, why), BULLA_OK);
    assert_status(keys_public_load("b.pub", b, why), BULLA_OK);
    assert_memory_not_equal(a, b, 32);
}

static void test_keys_generate_never_overwrites(void **state)
{
    (void)state;
    write_text("a.pem", "mine");
    write_text("b.pub", "mine");
    assert_int_equal(symlink("nowhere", "c.pem"), 0);
    assert_status(keys_generate("a", NULL, why), BULLA_E_USAGE);
    assert_non_null(strstr(why, "a.pem exists"));
    assert_status(keys_generate("b", NULL, why), BULLA_E_USAGE);
    assert_non_null(strstr(why, "b.pub exists"));
    assert_status(keys_generate("c", NULL, why), BULLA_E_USAGE);
    assert_false(exists("a.pub"));
    assert_false(exists("b.pem"));
    assert_false(exists("nowhere"));
    shell("test $(cat a.pem) = mine && test $(cat b.pub) = mine && test $(ls -A | wc -l) = 3");
}

static void test_keys_generate_failure_leaves_nothing(void **state)
{
    char name[260];
    (void)state;
    write_text("empty", "");
    assert_status(keys_generate("no/such/k", NULL, why), BULLA_E_IO);
    assert_status(keys_generate("", NULL, why), BULLA_E_USAGE);
    assert_status(keys_generate("./", NULL, why), BULLA_E_USAGE);
    assert_status(keys_generate("k", "missing", why), BULLA_E_IO);
    assert_status(keys_generate("k", "empty", why), BULLA_E_USAGE);
    memset(name, 'k', sizeof name); /* above NAME_MAX: fails when the files get their names */
    name[sizeof name - 1] = '\0';
    assert_status(keys_generate(name, NULL, why), BULLA_E_IO);
    shell("test $(ls -A) = empty");
}

/* Two files are synced, named and their directory synced, one after the other: whichever of these
 * steps fails, there is no half pair. */
static void test_keys_generate_any_step_failing_leaves_nothing(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 2; i++) {
        rename_to_fail = i;
        assert_status(keys_generate("k", NULL, why), BULLA_E_IO);
        assert_int_equal(rename_to_fail, 0);
        shell("test -z \"$(ls -A)\"");
    }
    for (unsigned i = 1; i <= 4; i++) {
        fsync_to_fail = i;
        assert_status(keys_generate("k", NULL, why), BULLA_E_IO);
        assert_int_equal(fsync_to_fail, 0);
        shell("test -z \"$(ls -A)\"");
    }
    fsync_to_fail = 5; /* there are four */
    assert_status(keys_generate("k", NULL, why), BULLA_OK);
    fsync_to_fail = 0;
}

/* ---- public keys ---- */

static void assert_public_refused(const char *path, enum bulla_status expected, const char *part)
{
    uint8_t key[32];
    const uint8_t zero[32] = {0};
    memset(key, 0xaa, sizeof key);
    why[0] = '\0';
    assert_status(keys_public_load(path, key, why), expected);
    assert_memory_equal(key, zero, 32);
    if (strstr(why, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why, part);
}

static void test_keys_public_pem_variants_are_taken(void **state)
{
    static const char *const variants[] = {
        "sed 's/$/\\r/' k.pub >v",
        "printf '%s' \"$(cat k.pub)\" >v",
        "(echo 'the release key'; echo; cat k.pub) >v",
        "(openssl pkey -pubin -in k.pub -text -noout; cat k.pub; echo 'and after') >v",
        "(printf '\\357\\273\\277'; cat k.pub) >v",
        "(head -1 k.pub; sed -n 2p k.pub | fold -w 13; tail -1 k.pub) >v",
    };
    uint8_t expected[32];
    uint8_t found[32];
    (void)state;
    assert_status(keys_generate("k", NULL, why), BULLA_OK);
    assert_status(keys_public_load("k.pub", expected, why), BULLA_OK);
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        shell(variants[i]);
        if (keys_public_load("v", found, why) != BULLA_OK)
            fail_msg("%s: %s", variants[i], why);
        assert_memory_equal(found, expected, 32);
    }
}

static void test_keys_public_file_of_another_kind_is_refused(void **state)
{
    (void)state;
    assert_status(keys_generate("k", NULL, why), BULLA_OK);
    assert_status(keys_generate("l", NULL, why), BULLA_OK);
    shell("cat k.pub l.pub >two; cat k.pub k.pem >mixed; head -c 70 k.pub >cut");
    shell("(cat k.pub; echo '-----BEGIN PUBLIC KEY-----'; echo 'AAAA') >half");
    shell("openssl pkey -pubin -in k.pub -outform DER -out der; tail -c 32 der >raw; : >empty");
    shell("openssl genpkey -algorithm x25519 2>/dev/null | openssl pkey -pubout -out x25519");
    shell("openssl ecparam -name prime256v1 -genkey -noout | openssl pkey -pubout -out p256");
    shell("openssl req -x509 -key k.pem -subj /CN=x -out certificate");
    assert_public_refused("two", BULLA_E_USAGE, "expected one public key, found more");
    assert_public_refused("mixed", BULLA_E_USAGE, "found more");
    assert_public_refused("half", BULLA_E_USAGE, "found more");
    assert_public_refused("cut", BULLA_E_USAGE, "broken");
    assert_public_refused("k.pem", BULLA_E_USAGE, "found a private one");
    assert_public_refused("der", BULLA_E_USAGE, "44 bytes without -----BEGIN");
    assert_public_refused("raw", BULLA_E_USAGE, "32 bytes without -----BEGIN");
    assert_public_refused("empty", BULLA_E_USAGE, "0 bytes");
    assert_public_refused("x25519", BULLA_E_USAGE, "expected an Ed25519 key, found X25519");
    assert_public_refused("p256", BULLA_E_USAGE, "found id-ecPublicKey");
    assert_public_refused("certificate", BULLA_E_USAGE, "found CERTIFICATE");
    assert_public_refused("missing", BULLA_E_IO, "No such file");
}

/* OpenSSL alone skips what is not quite a block and takes the next one. */
static void test_keys_public_second_key_in_any_form_is_refused(void **state)
{
    static const char *const files[] = {
        "(head -n 2 b.pub; cat a.pub) >v",
        "(sed 's/^/ /' b.pub; cat a.pub) >v",
        "(sed 's/^/ /' b.pem; cat a.pub) >v",
        "(cat a.pub; sed 's/^/ /' b.pub) >v",
        "(cat a.pub; sed 's/^/> /' b.pub) >v",
        "(cat a.pub; echo; echo 'see -----BEGIN') >v",
        "(sed 's/KEY-----$/KEY----- x/' b.pub; cat a.pub) >v",
        "(head -n 2 a.pub; echo '-anything at all'; tail -n 1 a.pub) >v",
        "(head -n 2 a.pub; echo 'a comment!'; tail -n 1 a.pub) >v",
        "(head -n 1 a.pub; echo 'Comment: x'; echo; tail -n 2 a.pub) >v",
        "(head -n 2 a.pub; tail -n 1 a.pub | sed 's/^/ /'; tail -n 1 a.pub) >v",
        "sed 's/^/ /' a.pub >v",
    };
    (void)state;
    assert_status(keys_generate("a", NULL, why), BULLA_OK);
    assert_status(keys_generate("b", NULL, why), BULLA_OK);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        uint8_t key[32];
        shell(files[i]);
        if (keys_public_load("v", key, why) != BULLA_E_USAGE)
            fail_msg("taken: %s", files[i]);
    }
    shell("(sed 's/^/ /' b.pem; cat a.pem) >v");
    assert_private_refused("v", NULL, BULLA_E_USAGE, "v");
    shell("(cat a.pem; sed 's/^/ /' b.pem) >v");
    assert_private_refused("v", NULL, BULLA_E_USAGE, "more");
}

static void test_keys_public_spki_with_trailing_or_odd_bytes_is_refused(void **state)
{
    uint8_t der[64];
    uint8_t key[32];
    char pem[2048];
    (void)state;
    public_of_seed(1, key);
    (void)from_hex("302a300506032b6570032100", der, sizeof der);
    memcpy(der + 12, key, 32);
    der[44] = 0;
    pem_text("PUBLIC KEY", der, 45, 64, pem);
    write_text("trailing", pem);
    assert_public_refused("trailing", BULLA_E_USAGE, "1 bytes follow");
    (void)from_hex("302c300706032b65700500032100", der, sizeof der); /* NULL parameters */
    memcpy(der + 14, key, 32);
    pem_text("PUBLIC KEY", der, 46, 64, pem);
    write_text("odd", pem);
    assert_public_refused("odd", BULLA_E_USAGE, "RFC 8410");
    pem_text("PUBLIC KEY", der, 20, 64, pem);
    write_text("short", pem);
    assert_public_refused("short", BULLA_E_USAGE, "20 bytes that are no public key");
}

/* K08: the private halves are printed in RFC 8032. */
static void test_keys_public_published_test_key_is_refused(void **state)
{
    json_t *root = json_load_file(BULLA_TEST_DIR "/vectors/ed25519/rfc8032_ed25519.json", 0, NULL);
    const json_t *vector;
    size_t i;
    (void)state;
    json_array_foreach(json_object_get(root, "tests"), i, vector)
    {
        uint8_t key[32];
        char pem[2048];
        (void)from_hex(json_string_value(json_object_get(vector, "public")), key, 32);
        public_pem_text(key, pem);
        write_text("k.pub", pem);
#ifdef BULLA_ALLOW_TEST_KEYS
        assert_status(keys_public_load("k.pub", key, why), BULLA_OK);
#else
        assert_public_refused("k.pub", BULLA_E_TRUST_TEST_KEY, "published test key");
#endif
    }
    json_decref(root);
}

static void test_keys_id_is_the_start_of_the_keys_sha256(void **state)
{
    uint8_t key[32], id[8], expected[8];
    (void)state;
    (void)from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", key, 32);
    (void)from_hex("21fe31dfa154a261", expected, 8);
    keys_id(key, id);
    assert_memory_equal(id, expected, 8);
}

/* ---- prime order ---- */

static void test_keys_prime_order_real_keys_have_it(void **state)
{
    uint8_t key[32];
    (void)state;
    for (uint8_t n = 1; n <= 40; n++) {
        public_of_seed(n, key);
        assert_true(keys_prime_order(key));
    }
}

static void assert_not_prime(const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t key[32];
        (void)from_hex(list[i], key, 32);
        if (keys_prime_order(key))
            fail_msg("%s was taken for a point of prime order", list[i]);
    }
}

static void test_keys_prime_order_small_order_points_lack_it(void **state)
{
    static const char *const points[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    };
    (void)state;
    assert_not_prime(points, sizeof points / sizeof points[0]);
}

/* The public key of RFC 8032 TEST 1 plus each of the seven other points of small order, computed
 * in affine coordinates by another program: order 8L, 4L, 8L, 2L, 8L, 4L, 8L. The cheap checks of
 * a device let them pass, so only this one can stop them. */
static const char *const mixed_order[] = {
    "9158312a9a8d6e3b34c891d6d61444f8b8211c5117ebad15bdb0bd68b07e0245",
    "ad38a8f0b22ab7ca46ecee7bbef12b5f336c182652fac34392f859dbd9666a7d",
    "3b5b475c4b82dd1572799fc546f4c6c03e478c6654aa4c7f945b347ea32af60d",
    "16a567fe7d4ef5482ab4012c369bf8c5f11e8d0c2559dcda50fde59708f8aee5",
    "5ca7ced5657291c4cb376e2929ebbb0747dee3aee81452ea424f42974f81fdba",
    "40c7570f4dd54835b9131184410ed4a0cc93e7d9ad053cbc6d07a62426999582",
    "b2a4b8a3b47d22ea8d86603ab90b393fc1b87399ab55b3806ba4cb815cd509f2",
};

static void test_keys_prime_order_mixed_order_points_lack_it(void **state)
{
    (void)state;
    assert_not_prime(mixed_order, sizeof mixed_order / sizeof mixed_order[0]);
}

static void test_keys_prime_order_no_point_or_not_canonical_lacks_it(void **state)
{
    static const char *const others[] = {
        /* y = 2 is on no point; y = p, p + 1: not canonical; x = 0 with the sign bit */
        "0200000000000000000000000000000000000000000000000000000000000000",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    (void)state;
    assert_not_prime(others, sizeof others / sizeof others[0]);
}

static void test_keys_public_mixed_order_point_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mixed_order / sizeof mixed_order[0]; i++) {
        uint8_t key[32];
        char pem[2048];
        (void)from_hex(mixed_order[i], key, 32);
        assert_status(bulla_ed25519_key_check(key), BULLA_OK);
        public_pem_text(key, pem);
        write_text("k.pub", pem);
        assert_public_refused("k.pub", BULLA_E_TRUST_KEY_INVALID, "prime order");
    }
}

/* ---- pins ---- */

static void test_keys_pin_of_certificate_and_key_is_openssls(void **state)
{
    static const char *const files[] = {"c.pem", "c.der", "chain.pem", "k.pub"};
    struct host_buffer expected;
    uint8_t pin[32];
    (void)state;
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem "
          "-subj /CN=localhost -out c.pem 2>/dev/null");
    shell("openssl x509 -in c.pem -outform DER -out c.der; openssl pkey -in k.pem -pubout -out "
          "k.pub");
    shell("openssl req -x509 -newkey ed25519 -nodes -keyout o.pem -subj /CN=ca -out o.crt "
          "2>/dev/null; cat c.pem o.crt >chain.pem");
    shell("openssl pkey -pubin -in k.pub -outform DER | openssl dgst -sha256 -binary >expected");
    assert_status(host_read_file("expected", 32, &expected), BULLA_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_status(keys_pin_of_file(files[i], pin, why), BULLA_OK);
        assert_memory_equal(pin, expected.data, 32);
    }
    host_buffer_free(&expected);
}

static void test_keys_pin_of_anything_else_is_refused(void **state)
{
    uint8_t pin[32];
    (void)state;
    assert_status(keys_generate("k", NULL, why), BULLA_OK);
    shell("openssl req -x509 -key k.pem -subj /CN=x -outform DER -out c.der; printf x >>c.der");
    assert_status(keys_pin_of_file("k.pem", pin, why), BULLA_E_USAGE);
    assert_status(keys_pin_of_file("c.der", pin, why), BULLA_E_USAGE);
    assert_status(keys_pin_of_file("missing", pin, why), BULLA_E_IO);
}

static void test_keys_pin_text_goes_both_ways_and_has_one_spelling(void **state)
{
    static const char good[] = "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    static const char *const bad[] = {
        "",
        "sha256//",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "sha1//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", /* stray bits */
        "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh==",
        "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= ",
        "sha256// AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_",
    };
    uint8_t pin[32];
    char text[64];
    (void)state;
    assert_true(keys_pin_parse(good, pin));
    for (uint8_t i = 0; i < 32; i++)
        assert_int_equal(pin[i], i);
    keys_pin_text(pin, text);
    assert_string_equal(text, good);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (keys_pin_parse(bad[i], pin))
            fail_msg("\"%s\" was taken for a pin", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_directory(test_keys_rfc8032_vectors_public_and_signature_are_theirs),
        in_directory(test_keys_openssl_plain_key_is_read_and_its_signature_verifies),
        in_directory(test_keys_sign_faulty_signature_never_leaves),
        in_directory(test_keys_openssl_encrypted_key_is_read_with_its_passphrase_only),
        in_directory(test_keys_private_file_of_another_kind_is_refused),
        in_directory(test_keys_private_key_with_odd_encoding_is_refused),
        in_directory(test_keys_private_file_open_to_others_is_noticed),
        in_directory(test_keys_generate_files_are_openssls_and_private),
        in_directory(test_keys_generate_encrypted_is_read_by_openssl_and_us),
        in_directory(test_keys_generate_two_keys_differ),
        in_directory(test_keys_generate_never_overwrites),
        in_directory(test_keys_generate_failure_leaves_nothing),
        in_directory(test_keys_generate_any_step_failing_leaves_nothing),
        in_directory(test_keys_public_pem_variants_are_taken),
        in_directory(test_keys_public_file_of_another_kind_is_refused),
        in_directory(test_keys_public_second_key_in_any_form_is_refused),
        in_directory(test_keys_public_spki_with_trailing_or_odd_bytes_is_refused),
        in_directory(test_keys_public_published_test_key_is_refused),
        in_directory(test_keys_id_is_the_start_of_the_keys_sha256),
        in_directory(test_keys_prime_order_real_keys_have_it),
        in_directory(test_keys_prime_order_small_order_points_lack_it),
        in_directory(test_keys_prime_order_mixed_order_points_lack_it),
        in_directory(test_keys_prime_order_no_point_or_not_canonical_lacks_it),
        in_directory(test_keys_public_mixed_order_point_is_refused),
        in_directory(test_keys_pin_of_certificate_and_key_is_openssls),
        in_directory(test_keys_pin_of_anything_else_is_refused),
        in_directory(test_keys_pin_text_goes_both_ways_and_has_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
