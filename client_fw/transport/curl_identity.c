/* SPDX-License-Identifier: Apache-2.0 */
/* Is this the server we trust? The TLS rule of docs/DESIGN.md over the very certificates OpenSSL
 * uses. Runs inside the handshake, so a server that is refused never sees an HTTP byte, and
 * says why, which libcurl would not.
 *
 * OpenSSL builds the chain and tells everything it dislikes; what matters is decided here.
 * Names, pins and what algorithms are allowed are judged here too. */

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "curl_parts.h"

#define RSA_BITS_MIN 2048

#define FLAG_DATE 1u /* expired, or not yet valid */
#define FLAG_PATH 2u /* nobody we trust vouches for it */
#define FLAG_USE  4u /* unreadable, not for servers, weak */

static uint32_t flag_of(int error, int depth)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return FLAG_DATE;
    case X509_V_ERR_INVALID_PURPOSE:
        return depth == 0 ? 0 : FLAG_PATH; /* may_serve asks */
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
    case X509_V_ERR_INVALID_EXTENSION:
        return FLAG_USE;
    default:
        return FLAG_PATH;
    }
}

/* Go on after every error, to see them all. */
static int note_error(int ok, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct bulla_curl_transport *curl = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (ok == 0)
        curl->peer_flags |=
            flag_of(X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_error_depth(store));
    return 1;
}

/* Both functions answer with all bits when the certificate does not say. */
static bool may_serve(X509 *certificate)
{
    return (X509_get_extended_key_usage(certificate) & (XKU_SSL_SERVER | XKU_ANYEKU)) != 0 &&
           (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) != 0;
}

/* Under pins alone the key is what we trust: neither who vouches for it nor until when matters. */
static uint32_t ignored_flags(const struct bulla_curl_transport *curl)
{
    if (curl->trust->anchor_count == 0)
        return FLAG_PATH | FLAG_DATE;
    return curl->enforce_dates ? 0 : FLAG_DATE;
}

static bool is_strong_key(X509 *certificate)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    char group[32];
    if (key == NULL)
        return false;
    if (EVP_PKEY_is_a(key, "RSA"))
        return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1)
        return false;
    int curve = OBJ_txt2nid(group);
    return curve == NID_X9_62_prime256v1 || curve == NID_secp384r1;
}

static bool is_strong_signature(X509 *certificate)
{
    int digest = NID_undef;
    if (X509_get_signature_info(certificate, &digest, NULL, NULL, NULL) != 1)
        return false;
    return digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512;
}

/* The handshake's lists do not bind the chain: both say the same. Nobody checks what an anchor
 * is signed with. */
static bool is_strong_chain(X509_STORE_CTX *store, bool has_anchor)
{
    const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
    int count = sk_X509_num(chain);
    for (int i = 0; i < count; i++) {
        X509 *certificate = sk_X509_value(chain, i);
        bool is_anchor = has_anchor && i == count - 1;
        if (!is_strong_key(certificate) || (!is_anchor && !is_strong_signature(certificate)))
            return false;
    }
    return count > 0;
}

/* An anchor is an authority: it does not become a server because it is in the store, unless it
 * stands for itself alone. */
static bool is_own_anchor(X509_STORE_CTX *store, X509 *leaf)
{
    return sk_X509_num(X509_STORE_CTX_get0_chain(store)) == 1 &&
           X509_check_issued(leaf, leaf) != X509_V_OK;
}

static uint32_t find_flags(struct bulla_curl_transport *curl, X509_STORE_CTX *store, X509 *leaf)
{
    bool has_anchors = curl->trust->anchor_count > 0;
    curl->peer_flags = 0;
    X509_STORE_CTX_set_verify_cb(store, note_error);
    if (X509_verify_cert(store) != 1)
        curl->peer_flags |= FLAG_USE; /* it did not come to an end */
    if (has_anchors && is_own_anchor(store, leaf))
        curl->peer_flags |= FLAG_PATH;
    if (!may_serve(leaf) ||
        !is_strong_chain(store, has_anchors && (curl->peer_flags & FLAG_PATH) == 0))
        curl->peer_flags |= FLAG_USE;
    return curl->peer_flags & ~ignored_flags(curl);
}

/* SHA-256 of the SubjectPublicKeyInfo as it came (RFC 7469). Looks at every pin before it
 * answers. */
static bool is_pinned(const struct bulla_trust *trust, X509 *certificate)
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    bool found = trust->pin_count == 0;
    unsigned char *info = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &info);
    bool hashed = len > 0 && EVP_Digest(info, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(info);
    if (!hashed)
        return false;
    for (uint32_t i = 0; i < trust->pin_count; i++)
        found |= bulla_digest_equal(digest, trust->pins[i]);
    return found;
}

/* A common name is not a host name; an IP literal needs an IP name. */
static bool is_named(const struct bulla_curl_transport *curl, X509 *certificate)
{
    uint8_t address[16];
    size_t len;
    if (bulla_url_address(curl->host, address, &len))
        return X509_check_ip(certificate, address, len, 0) == 1;
    return X509_check_host(certificate, curl->host, 0,
                           X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                           NULL) == 1;
}

static enum bulla_status verdict(uint32_t flags, bool pinned, bool named)
{
    if ((flags & ~FLAG_DATE) != 0)
        return BULLA_E_TLS_CHAIN;
    if (!pinned)
        return BULLA_E_TLS_PIN;
    if (!named)
        return BULLA_E_TLS_HOST_NAME;
    return flags == 0 ? BULLA_OK : BULLA_E_TLS_EXPIRED;
}

int bulla_curl_judge_chain(X509_STORE_CTX *store, void *ctx)
{
    struct bulla_curl_transport *curl = ctx;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    curl->peer_status = BULLA_E_TLS_CHAIN;
    if (leaf != NULL)
        curl->peer_status = verdict(find_flags(curl, store, leaf), is_pinned(curl->trust, leaf),
                                    is_named(curl, leaf));
    curl->peer_accepted = curl->peer_status == BULLA_OK;
    /* what OpenSSL found and the rule ignores must not be found again by libcurl */
    X509_STORE_CTX_set_error(store,
                             curl->peer_accepted ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return curl->peer_accepted ? 1 : 0;
}
