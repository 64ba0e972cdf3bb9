/* SPDX-License-Identifier: Apache-2.0 */
/* Configure Mbed TLS: what may be negotiated, whom to trust, who we are. The only file that
 * knows of differences between 2.28 and 3.6. */

#include <string.h>

#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/version.h>

#include "mbedtls_parts.h"

static const int ciphersuites[] = {
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    0,
};

/* The handshake's list does not bind the chain: both say the same. */
static const mbedtls_x509_crt_profile profile = {
    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
    .allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSA) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSASSA_PSS),
    .allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) |
                      MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1),
    .rsa_min_bitlen = 2048,
};

#if MBEDTLS_VERSION_MAJOR >= 3
static const uint16_t groups[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
};
static const uint16_t signature_algorithms[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
    MBEDTLS_TLS1_3_SIG_NONE,
};

static void restrict_versions(mbedtls_ssl_config *config)
{
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_groups(config, groups);
    mbedtls_ssl_conf_sig_algs(config, signature_algorithms);
}

static int parse_key(struct bulla_tls_transport *tls, struct bulla_bytes key,
                     int (*random)(void *, unsigned char *, size_t))
{
    return mbedtls_pk_parse_key(&tls->client_key, key.data, key.len, NULL, 0, random, tls);
}
#else
/* 2.28 takes a curve that it was built without for a broken configuration, and offers hashes that
 * it cannot compute; 3.6 looks by itself. */
static const mbedtls_ecp_group_id groups[] = {
#if defined(MBEDTLS_ECP_DP_CURVE25519_ENABLED)
    MBEDTLS_ECP_DP_CURVE25519,
#endif
    MBEDTLS_ECP_DP_SECP256R1,
#if defined(MBEDTLS_ECP_DP_SECP384R1_ENABLED)
    MBEDTLS_ECP_DP_SECP384R1,
#endif
    MBEDTLS_ECP_DP_NONE,
};
static const int signature_hashes[] = {
    MBEDTLS_MD_SHA256,
#if defined(MBEDTLS_SHA512_C)
    MBEDTLS_MD_SHA384,
    MBEDTLS_MD_SHA512,
#endif
    MBEDTLS_MD_NONE,
};

static void restrict_versions(mbedtls_ssl_config *config)
{
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_max_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_curves(config, groups);
    mbedtls_ssl_conf_sig_hashes(config, signature_hashes);
}

static int parse_key(struct bulla_tls_transport *tls, struct bulla_bytes key,
                     int (*random)(void *, unsigned char *, size_t))
{
    (void)random;
    return mbedtls_pk_parse_key(&tls->client_key, key.data, key.len, NULL, 0);
}
#endif

static int random_bytes(void *ctx, unsigned char *buffer, size_t len)
{
    const struct bulla_tls_transport *tls = ctx;
    if (tls->stream->random(tls->stream->ctx, buffer, len) == BULLA_OK)
        return 0;
    return MBEDTLS_ERR_SSL_NO_RNG;
}

static enum bulla_status load_anchors(struct bulla_tls_transport *tls)
{
    const struct bulla_trust *trust = tls->trust;
    for (uint32_t i = 0; i < trust->anchor_count; i++)
        if (mbedtls_x509_crt_parse_der(&tls->anchors, trust->anchors[i].data,
                                       trust->anchors[i].len) != 0)
            return BULLA_E_TRUST_ANCHOR;
    return BULLA_OK;
}

static enum bulla_status load_client(struct bulla_tls_transport *tls,
                                     const struct bulla_tls_options *options)
{
    const struct bulla_bytes certificate = options->client_certificate;
    if ((certificate.len == 0) != (options->client_key.len == 0))
        return BULLA_E_USAGE;
    if (certificate.len == 0)
        return BULLA_OK;
    if (mbedtls_x509_crt_parse(&tls->client_certificate, certificate.data, certificate.len) != 0 ||
        parse_key(tls, options->client_key, random_bytes) != 0 ||
        mbedtls_ssl_conf_own_cert(&tls->config, &tls->client_certificate, &tls->client_key) != 0)
        return BULLA_E_TLS_CLIENT_CERTIFICATE;
    return BULLA_OK;
}

static enum bulla_status limit_fragments(mbedtls_ssl_config *config, uint16_t size)
{
    unsigned char code = 0;
    if (size == 0)
        return BULLA_OK;
    while (code < 4 && 256u << ++code != size)
        continue;
    if (256u << code != size)
        return BULLA_E_USAGE;
    return mbedtls_ssl_conf_max_frag_len(config, code) == 0 ? BULLA_OK : BULLA_E_USAGE;
}

/* Required makes the library refuse by itself. It demands anchors for that; under pins alone
 * the verify callback, which ends the handshake, is the judge. */
static enum bulla_status configure(struct bulla_tls_transport *tls)
{
    mbedtls_ssl_config *config = &tls->config;
    if (mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0)
        return BULLA_E_CRYPTO;
    bool has_anchors = tls->trust->anchor_count > 0;
    mbedtls_ssl_conf_authmode(config, has_anchors ? MBEDTLS_SSL_VERIFY_REQUIRED
                                                  : MBEDTLS_SSL_VERIFY_OPTIONAL);
    if (has_anchors)
        mbedtls_ssl_conf_ca_chain(config, &tls->anchors, NULL);
    mbedtls_ssl_conf_verify(config, bulla_tls_judge_certificate, tls);
    mbedtls_ssl_conf_cert_profile(config, &profile);
    mbedtls_ssl_conf_rng(config, random_bytes, tls);
    mbedtls_ssl_conf_ciphersuites(config, ciphersuites);
    restrict_versions(config);
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
    /* a resumed session shows no certificate, so no pin */
    mbedtls_ssl_conf_session_tickets(config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#endif
#if defined(MBEDTLS_SSL_RENEGOTIATION)
    mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
#if defined(MBEDTLS_SSL_EXTENDED_MASTER_SECRET)
    mbedtls_ssl_conf_extended_master_secret(config, MBEDTLS_SSL_EXTENDED_MS_ENABLED);
#endif
    return BULLA_OK;
}

enum bulla_status bulla_tls_transport_init(struct bulla_tls_transport *tls,
                                           const struct bulla_trust *trust,
                                           const struct bulla_stream *stream,
                                           const struct bulla_tls_options *options)
{
    memset(tls, 0, sizeof *tls);
    mbedtls_ssl_config_init(&tls->config);
    mbedtls_x509_crt_init(&tls->anchors);
    mbedtls_x509_crt_init(&tls->client_certificate);
    mbedtls_pk_init(&tls->client_key);
    tls->trust = trust;
    tls->stream = stream;
    tls->extra = options->extra;
    tls->enforce_dates = options->has_clock;
    tls->progress_ms = options->progress_ms > 0 ? options->progress_ms : BULLA_TLS_PROGRESS_MS;
    tls->deadline = stream->now_ms(stream->ctx) +
                    (options->deadline_ms > 0 ? options->deadline_ms : BULLA_TLS_DEADLINE_MS);

    if (trust->pin_count == 0 && trust->anchor_count == 0)
        return BULLA_E_TLS_NO_TRUST;
    enum bulla_status status =
        options->extra != NULL ? bulla_http_extra_check(options->extra->lines) : BULLA_OK;
    if (status == BULLA_OK)
        status = load_anchors(tls);
    if (status == BULLA_OK)
        status = configure(tls);
    if (status == BULLA_OK)
        status = limit_fragments(&tls->config, options->max_fragment);
    if (status == BULLA_OK)
        status = load_client(tls, options);
    return status;
}
