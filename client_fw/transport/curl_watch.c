/* SPDX-License-Identifier: Apache-2.0 */
/* What libcurl does not tell: how the connection ended (close_notify, an alert, TCP alone), that
 * the server began to answer, that a record is too long. OpenSSL's callbacks do. */

#include "curl_parts.h"

#define RECORD_HEADER_SIZE 5
#define RECORD_MAX         (SSL3_RT_MAX_PLAIN_LENGTH + 2048) /* RFC 5246 6.2.3 */

/* We took its certificate and the cipher is chosen: what it dislikes is ours. In TLS 1.3 it says
 * so after the handshake. */
static void see_alert(struct bulla_curl_transport *curl, const unsigned char *alert, const SSL *ssl)
{
    bool is_late = SSL_version(ssl) >= TLS1_3_VERSION && !curl->is_answered;
    if (alert[1] == SSL_AD_CLOSE_NOTIFY) {
        curl->said_goodbye = true;
    } else if (alert[0] == SSL3_AL_FATAL) {
        curl->was_alerted = true;
        curl->was_disliked = curl->peer_accepted && (!curl->is_secure || is_late);
    }
}

/* In TLS 1.3 every record says application data outside and the truth inside. */
static void see_message(int sent, int version, int type, const void *data, size_t len, SSL *ssl,
                        void *ctx)
{
    struct bulla_curl_transport *curl = ctx;
    const unsigned char *bytes = data;
    (void)version;
    if (sent != 0 || len == 0)
        return;
    /* OpenSSL passes over any number of these within one call */
    if (type == SSL3_RT_HANDSHAKE && bytes[0] == SSL3_MT_HELLO_REQUEST && !curl->is_secure)
        curl->record_status = BULLA_E_TLS_PROTOCOL;
    if (type == SSL3_RT_ALERT && len == 2) {
        see_alert(curl, bytes, ssl);
    } else if (type == SSL3_RT_HEADER && len == RECORD_HEADER_SIZE) {
        bool is_tls = bytes[0] >= SSL3_RT_CHANGE_CIPHER_SPEC &&
                      bytes[0] <= SSL3_RT_APPLICATION_DATA && bytes[1] == SSL3_VERSION_MAJOR;
        if (is_tls && (bytes[3] << 8 | bytes[4]) > RECORD_MAX)
            curl->record_status = BULLA_E_TLS_RECORD_TOO_LARGE;
        if (bytes[0] == SSL3_RT_APPLICATION_DATA && SSL_version(ssl) < TLS1_3_VERSION)
            curl->is_answered = true;
    } else if (type == SSL3_RT_INNER_CONTENT_TYPE && bytes[0] == SSL3_RT_APPLICATION_DATA) {
        curl->is_answered = true;
    }
}

/* Bytes below TLS: they are progress until the handshake ends; later only what the server says
 * inside TLS counts. */
static long see_bytes(BIO *bio, int operation, const char *data, size_t size, int number,
                      long argument, int result, size_t *len)
{
    struct bulla_curl_transport *curl =
        (struct bulla_curl_transport *)(void *)BIO_get_callback_arg(bio);
    (void)data;
    (void)size;
    (void)number;
    (void)argument;
    if (operation == BIO_CB_READ && curl->record_status != BULLA_OK)
        return -1;
    if (operation == BIO_CB_READ && bulla_curl_now_ms() >= curl->until) {
        BIO_set_retry_read(bio); /* back to where time is looked at */
        return -1;
    }
    if (operation != (BIO_CB_READ | BIO_CB_RETURN) && operation != (BIO_CB_WRITE | BIO_CB_RETURN))
        return result;
    if (result <= 0 && !BIO_should_retry(bio))
        curl->is_closed = true;
    if (result > 0 && operation == (BIO_CB_READ | BIO_CB_RETURN) && !curl->is_secure)
        bulla_curl_count_progress(curl, *len);
    return result;
}

static void see_state(const SSL *ssl, int where, int value)
{
    BIO *bio = SSL_get_rbio(ssl);
    (void)value;
    if ((where & SSL_CB_HANDSHAKE_START) == 0 || bio == NULL)
        return;
    BIO_set_callback_arg(bio, SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    BIO_set_callback_ex(bio, see_bytes);
}

void bulla_curl_watch(struct bulla_curl_transport *curl, SSL_CTX *context)
{
    SSL_CTX_set_app_data(context, curl);
    SSL_CTX_set_msg_callback(context, see_message);
    SSL_CTX_set_msg_callback_arg(context, curl);
    SSL_CTX_set_info_callback(context, see_state);
}
