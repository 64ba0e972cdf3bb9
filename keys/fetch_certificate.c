/* SPDX-License-Identifier: Apache-2.0 */
/* One TLS handshake, to see which certificate a server shows. Nothing is verified and nothing is
 * sent after the handshake: the answer is only good for comparing. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bulla_key.h"

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* True when the socket is ready; false when the deadline came first. */
static bool wait_ready(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (;;) {
        int64_t left = deadline - now_ms();
        if (left <= 0)
            return false;
        int n = poll(&p, 1, (int)left);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

/* A connected, non-blocking socket, or -1 with errno. */
static int connect_address(const struct addrinfo *address, int64_t deadline)
{
    int error = 0;
    socklen_t len = sizeof error;
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    address->ai_protocol);

    if (fd < 0)
        return -1;
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    if (errno != EINPROGRESS)
        error = errno;
    else if (!wait_ready(fd, POLLOUT, deadline))
        error = ETIMEDOUT;
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

static enum bulla_status open_connection(const char *host, const char *port, int64_t deadline,
                                         int *fd, char why[256])
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;

    *fd = -1;
    /* "localhost" is the loopback address whatever a resolver thinks of it (RFC 6761 6.3) */
    const char *node = strcmp(host, "localhost") == 0 ? NULL : host;
    int error = getaddrinfo(node, port, &hints, &list);
    if (error != 0) {
        (void)snprintf(why, 256, "%.100s: %s", host, gai_strerror(error));
        return BULLA_E_NET_RESOLVE;
    }
    for (const struct addrinfo *a = list; a != NULL && *fd < 0; a = a->ai_next)
        *fd = connect_address(a, deadline);
    int reason = errno;
    freeaddrinfo(list);
    if (*fd >= 0)
        return BULLA_OK;
    (void)snprintf(why, 256, "%.100s port %s: %s", host, port, strerror(reason));
    return reason == ETIMEDOUT ? BULLA_E_NET_DEADLINE : BULLA_E_NET_CONNECT;
}

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static enum bulla_status handshake(SSL *ssl, int fd, int64_t deadline, char why[256])
{
    for (;;) {
        int n = SSL_connect(ssl);
        if (n == 1)
            return BULLA_OK;
        int error = SSL_get_error(ssl, n);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            const char *reason = ERR_reason_error_string(ERR_peek_last_error());
            (void)snprintf(why, 256, "no TLS handshake: %s",
                           reason != NULL ? reason : "the connection was closed");
            return BULLA_E_TLS_PROTOCOL;
        }
        if (!wait_ready(fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) {
            (void)snprintf(why, 256, "no TLS handshake within the time allowed");
            return BULLA_E_NET_DEADLINE;
        }
    }
}

static enum bulla_status copy_certificate(const SSL *ssl, struct host_buffer *der, char why[256])
{
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    unsigned char *encoded = NULL;
    int len = certificate != NULL ? i2d_X509(certificate, &encoded) : -1;

    X509_free(certificate);
    if (len > 0)
        der->data = malloc((size_t)len);
    if (der->data == NULL) {
        OPENSSL_free(encoded);
        (void)snprintf(why, 256, "the server showed no certificate");
        return BULLA_E_TLS_PROTOCOL;
    }
    memcpy(der->data, encoded, (size_t)len);
    der->len = (size_t)len;
    OPENSSL_free(encoded);
    return BULLA_OK;
}

static enum bulla_status shake_and_look(SSL *ssl, const char *host, int fd, int64_t deadline,
                                        struct host_buffer *der, char why[256])
{
    bool ready = SSL_set_fd(ssl, fd) == 1;

    if (ready && !is_address(host))
        ready = SSL_set_tlsext_host_name(ssl, host) == 1;
    if (!ready) {
        (void)snprintf(why, 256, "%.100s cannot be a server's name", host);
        return BULLA_E_URL;
    }
    enum bulla_status status = handshake(ssl, fd, deadline, why);
    if (status != BULLA_OK)
        return status;
    return copy_certificate(ssl, der, why);
}

enum bulla_status fetch_certificate(const char *host, const char *port, uint32_t timeout,
                                    struct host_buffer *der, char why[256])
{
    int64_t deadline = now_ms() + (int64_t)timeout * 1000;
    int fd;

    *der = (struct host_buffer){0};
    (void)signal(SIGPIPE, SIG_IGN); /* a server that hangs up is an error, not an end */
    enum bulla_status status = open_connection(host, port, deadline, &fd, why);
    if (status != BULLA_OK)
        return status;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    if (ctx != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        ssl = SSL_new(ctx);
    }
    if (ssl != NULL) {
        status = shake_and_look(ssl, host, fd, deadline, der, why);
    } else {
        (void)snprintf(why, 256, "OpenSSL cannot start TLS");
        status = BULLA_E_CRYPTO;
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    ERR_clear_error();
    return status;
}
