/* SPDX-License-Identifier: Apache-2.0 */
/* Configure libcurl and OpenSSL: what may be negotiated, whom to trust, who we are, and nothing
 * from the environment. */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "curl_parts.h"

#define PIN_PREFIX "sha256//"
#define PIN_SIZE   (sizeof PIN_PREFIX + 45u) /* base64 of 32 bytes, and a separator */

/* ---- before each connection ---- */

/* All that can differ between machines is said, so that no default decides. */
static bool set_options(struct bulla_curl_transport *curl)
{
    CURL *easy = curl->easy;
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L) == CURLE_OK &&
           /* framing is ours to judge: the body comes as it was sent */
           curl_easy_setopt(easy, CURLOPT_HTTP_TRANSFER_DECODING, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CURL_MAX_WRITE_SIZE) == CURLE_OK;
}

/* The judge of curl_identity.c decides; libcurl's own checks of name and pin are a second lock. */
static bool set_trust(struct bulla_curl_transport *curl)
{
    CURL *easy = curl->easy;
    return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, curl->pins) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           /* a resumed session shows no certificate, so no pin */
           curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, bulla_curl_set_up_tls) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, curl) == CURLE_OK;
}

bool bulla_curl_open(struct bulla_curl_transport *curl)
{
    curl->multi = curl_multi_init();
    curl->easy = curl_easy_init();
    return curl->multi != NULL && curl->easy != NULL &&
           curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, 1L) == CURLM_OK &&
           set_options(curl) && set_trust(curl);
}

/* ---- at each handshake ---- */

static bool restrict_tls(SSL_CTX *context)
{
    /* a record comes whole or not at all: where connections die young, short ones get through */
    if (SSL_CTX_set_tlsext_max_fragment_length(context, TLSEXT_max_fragment_length_4096) != 1)
        return false;
    SSL_CTX_set_security_level(context, 2);
    SSL_CTX_set_options(context,
                        SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_keylog_callback(context, NULL); /* libcurl obeys SSLKEYLOGFILE */
    return SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                            "ECDHE-ECDSA-CHACHA20-POLY1305:"
                                            "ECDHE-ECDSA-AES256-GCM-SHA384:"
                                            "ECDHE-RSA-AES128-GCM-SHA256:"
                                            "ECDHE-RSA-CHACHA20-POLY1305:"
                                            "ECDHE-RSA-AES256-GCM-SHA384") == 1 &&
           SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:"
                                             "TLS_CHACHA20_POLY1305_SHA256:"
                                             "TLS_AES_256_GCM_SHA384") == 1 &&
           SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1 &&
           SSL_CTX_set1_sigalgs_list(context, "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:"
                                              "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
                                              "RSA+SHA256:RSA+SHA384:RSA+SHA512") == 1;
}

static bool show_client(const struct bulla_curl_transport *curl, SSL_CTX *context)
{
    int count = sk_X509_num(curl->client_chain); /* -1 for none */
    if (count <= 0)
        return true;
    if (SSL_CTX_use_certificate(context, sk_X509_value(curl->client_chain, 0)) != 1 ||
        SSL_CTX_use_PrivateKey(context, curl->client_key) != 1)
        return false;
    for (int i = 1; i < count; i++)
        if (SSL_CTX_add1_chain_cert(context, sk_X509_value(curl->client_chain, i)) != 1)
            return false;
    return true;
}

/* TCP is there and TLS begins: nothing of another connection counts any more. */
static void begin_handshake(struct bulla_curl_transport *curl)
{
    curl->is_secure = curl->peer_accepted = curl->is_answered = false;
    curl->said_goodbye = curl->was_alerted = curl->was_disliked = curl->is_closed = false;
    curl->peer_status = curl->record_status = BULLA_OK;
    /* libcurl's own limit was for TCP; ours decides from here */
    (void)curl_easy_setopt(curl->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)INT_MAX);
    bulla_curl_begin_progress(curl);
}

CURLcode bulla_curl_set_up_tls(CURL *easy, void *context, void *ctx)
{
    struct bulla_curl_transport *curl = ctx;
    (void)easy;
    begin_handshake(curl);
    /* in the place of whatever libcurl found to trust */
    SSL_CTX_set1_cert_store(context, curl->anchors);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, bulla_curl_judge_chain, curl);
    bulla_curl_watch(curl, context);
    return restrict_tls(context) && show_client(curl, context) ? CURLE_OK
                                                               : CURLE_ABORTED_BY_CALLBACK;
}

/* ---- once ---- */

static enum bulla_status load_anchors(struct bulla_curl_transport *curl)
{
    const struct bulla_trust *trust = curl->trust;
    curl->anchors = X509_STORE_new();
    /* an anchor need not be signed by itself */
    if (curl->anchors == NULL ||
        X509_STORE_set_flags(curl->anchors, X509_V_FLAG_PARTIAL_CHAIN) != 1)
        return BULLA_E_CRYPTO;
    for (uint32_t i = 0; i < trust->anchor_count; i++) {
        const unsigned char *at = trust->anchors[i].data;
        X509 *anchor = d2i_X509(NULL, &at, (long)trust->anchors[i].len);
        bool whole = anchor != NULL && at == trust->anchors[i].data + trust->anchors[i].len;
        bool added = whole && X509_STORE_add_cert(curl->anchors, anchor) == 1;
        X509_free(anchor);
        if (!added)
            return whole ? BULLA_E_CRYPTO : BULLA_E_TRUST_ANCHOR;
    }
    return BULLA_OK;
}

static bool list_pins(struct bulla_curl_transport *curl)
{
    const struct bulla_trust *trust = curl->trust;
    if (trust->pin_count == 0)
        return true;
    curl->pins = calloc(trust->pin_count, PIN_SIZE);
    if (curl->pins == NULL)
        return false;
    char *at = curl->pins;
    for (uint32_t i = 0; i < trust->pin_count; i++) {
        if (i > 0)
            *at++ = ';';
        memcpy(at, PIN_PREFIX, sizeof PIN_PREFIX - 1);
        at += sizeof PIN_PREFIX - 1;
        at += EVP_EncodeBlock((unsigned char *)at, trust->pins[i], BULLA_DIGEST_SIZE);
    }
    return true;
}

static bool is_pem(struct bulla_bytes bytes)
{
    return bytes.len > 0 && bytes.data[bytes.len - 1] == '\0' && bytes.data[0] != 0x30;
}

static BIO *reader(struct bulla_bytes bytes)
{
    return bytes.len <= INT_MAX ? BIO_new_mem_buf(bytes.data, (int)bytes.len) : NULL;
}

/* A key of its own never asks for a passphrase on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *ctx)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

static bool read_chain(struct bulla_curl_transport *curl, struct bulla_bytes bytes)
{
    BIO *in = reader(bytes);
    bool pem = is_pem(bytes);
    X509 *certificate;
    curl->client_chain = sk_X509_new_null();
    while (in != NULL && curl->client_chain != NULL &&
           (certificate = pem ? PEM_read_bio_X509(in, NULL, no_passphrase, NULL)
                              : d2i_X509_bio(in, NULL)) != NULL) {
        if (sk_X509_push(curl->client_chain, certificate) == 0) {
            X509_free(certificate);
            break;
        }
    }
    BIO_free(in);
    ERR_clear_error();
    return sk_X509_num(curl->client_chain) > 0;
}

static bool read_key(struct bulla_curl_transport *curl, struct bulla_bytes bytes)
{
    BIO *in = reader(bytes);
    if (in != NULL)
        curl->client_key = is_pem(bytes) ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL)
                                         : d2i_PrivateKey_bio(in, NULL);
    BIO_free(in);
    ERR_clear_error();
    return curl->client_key != NULL;
}

static enum bulla_status load_client(struct bulla_curl_transport *curl,
                                     const struct bulla_curl_options *options)
{
    if ((options->client_certificate.len == 0) != (options->client_key.len == 0))
        return BULLA_E_USAGE;
    if (options->client_certificate.len == 0)
        return BULLA_OK;
    if (!read_chain(curl, options->client_certificate) || !read_key(curl, options->client_key) ||
        X509_check_private_key(sk_X509_value(curl->client_chain, 0), curl->client_key) != 1)
        return BULLA_E_TLS_CLIENT_CERTIFICATE;
    return BULLA_OK;
}

/* The context that libcurl hands to us must be OpenSSL's. */
static bool is_our_libcurl(void)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    return info->ssl_version != NULL && strncmp(info->ssl_version, "OpenSSL/", 8) == 0;
}

enum bulla_status bulla_curl_transport_init(struct bulla_curl_transport *curl,
                                            const struct bulla_trust *trust,
                                            const struct bulla_curl_options *options)
{
    memset(curl, 0, sizeof *curl);
    curl->trust = trust;
    curl->extra = options->extra;
    curl->enforce_dates = options->has_clock;
    curl->progress_ms = options->progress_ms > 0 ? options->progress_ms : BULLA_CURL_PROGRESS_MS;
    curl->deadline = bulla_curl_now_ms() +
                     (options->deadline_ms > 0 ? options->deadline_ms : BULLA_CURL_DEADLINE_MS);

    if (trust->pin_count == 0 && trust->anchor_count == 0)
        return BULLA_E_TLS_NO_TRUST;
    if (!is_our_libcurl() || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return BULLA_E_CRYPTO;
    curl->is_global = true;
    enum bulla_status status =
        options->extra != NULL ? bulla_http_extra_check(options->extra->lines) : BULLA_OK;
    if (status == BULLA_OK)
        status = load_anchors(curl);
    if (status == BULLA_OK && !list_pins(curl))
        status = BULLA_E_CRYPTO;
    if (status == BULLA_OK)
        status = load_client(curl, options);
    return status;
}

void bulla_curl_transport_free(struct bulla_curl_transport *curl)
{
    struct bulla_transport transport = bulla_curl_transport_view(curl);
    transport.close(curl);
    EVP_PKEY_free(curl->client_key); /* wipes it */
    sk_X509_pop_free(curl->client_chain, X509_free);
    X509_STORE_free(curl->anchors);
    free(curl->pins);
    if (curl->is_global)
        curl_global_cleanup();
    memset(curl, 0, sizeof *curl);
}
