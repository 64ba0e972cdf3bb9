/* SPDX-License-Identifier: Apache-2.0 */
/* Is this the server we trust? The TLS rule of docs/DESIGN.md over the very certificates the
 * library uses; nothing is parsed a second time. Runs inside the handshake, so a server that is
 * refused never sees an HTTP byte.
 *
 * The library builds the chain and compares DNS names. It does not compare IP addresses (2.28),
 * falls back to the common name when there are no alternative names, and knows no pins: those
 * three are here. */

#include <string.h>

#include <mbedtls/asn1.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>

#include "mbedtls_parts.h"

#define FLAGS_DATE ((uint32_t)MBEDTLS_X509_BADCERT_EXPIRED | (uint32_t)MBEDTLS_X509_BADCERT_FUTURE)
#define FLAGS_NAME ((uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH)
#define FLAGS_PATH ((uint32_t)MBEDTLS_X509_BADCERT_NOT_TRUSTED)
#define FLAGS_USE  ((uint32_t)MBEDTLS_X509_BADCERT_EXT_KEY_USAGE)

/* Under pins alone the key is what we trust: neither who vouches for it nor until when matters.
 * Every other flag (weak digest, weak key, wrong use, wrong name) still counts. */
static uint32_t ignored_flags(const struct bulla_tls_transport *tls)
{
    if (tls->trust->anchor_count == 0)
        return FLAGS_PATH | FLAGS_DATE;
    return tls->enforce_dates ? 0 : FLAGS_DATE;
}

/* SHA-256 of the SubjectPublicKeyInfo as it came (RFC 7469). Looks at every pin before it
 * answers. */
static bool is_pinned(const struct bulla_trust *trust, const mbedtls_x509_crt *certificate)
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    bool found = trust->pin_count == 0;
    if (mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), certificate->pk_raw.p,
                   certificate->pk_raw.len, digest) != 0)
        return false;
    for (uint32_t i = 0; i < trust->pin_count; i++)
        found |= bulla_digest_equal(digest, trust->pins[i]);
    return found;
}

static bool has_address(const mbedtls_x509_crt *certificate, const uint8_t *address, size_t len)
{
    const mbedtls_x509_sequence *name = &certificate->subject_alt_names;
    for (; name != NULL; name = name->next)
        if (name->buf.tag == (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_X509_SAN_IP_ADDRESS) &&
            name->buf.len == len && memcmp(name->buf.p, address, len) == 0)
            return true;
    return false;
}

/* The library's answer, replaced for IP literals: it would take a dNSName that reads like one. */
static bool is_named(const struct bulla_tls_transport *tls, const mbedtls_x509_crt *certificate,
                     uint32_t flags)
{
    if (certificate->subject_alt_names.buf.p == NULL)
        return false; /* a common name is not a host name */
    if (tls->address_len > 0)
        return has_address(certificate, tls->address, tls->address_len);
    return (flags & FLAGS_NAME) == 0;
}

/* The library asks too, after this callback and only when it was built to; a build that cannot
 * does not compile here. */
static bool may_serve(const mbedtls_x509_crt *certificate)
{
    return mbedtls_x509_crt_check_extended_key_usage(certificate, MBEDTLS_OID_SERVER_AUTH,
                                                     MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)) ==
           0;
}

static enum bulla_status verdict(uint32_t flags, bool pinned)
{
    if ((flags & ~(FLAGS_NAME | FLAGS_DATE)) != 0)
        return BULLA_E_TLS_CHAIN;
    if (!pinned)
        return BULLA_E_TLS_PIN;
    if ((flags & FLAGS_NAME) != 0)
        return BULLA_E_TLS_HOST_NAME;
    return flags == 0 ? BULLA_OK : BULLA_E_TLS_EXPIRED;
}

int bulla_tls_judge_certificate(void *ctx, mbedtls_x509_crt *certificate, int depth,
                                uint32_t *flags)
{
    struct bulla_tls_transport *tls = ctx;
    *flags &= ~ignored_flags(tls);
    if (depth > 0) { /* the leaf comes last */
        tls->chain_flags |= *flags;
        return 0;
    }
    if (is_named(tls, certificate, *flags))
        *flags &= ~FLAGS_NAME;
    else
        *flags |= FLAGS_NAME;
    if (!may_serve(certificate))
        *flags |= FLAGS_USE;
    tls->peer_status = verdict(*flags | tls->chain_flags, is_pinned(tls->trust, certificate));
    tls->peer_accepted = tls->peer_status == BULLA_OK;
    /* fatal in every verification mode of the library, unlike a flag */
    return tls->peer_accepted ? 0 : MBEDTLS_ERR_X509_FATAL_ERROR;
}
