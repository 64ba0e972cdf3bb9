/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRANSPORT_CURL_PARTS_H
#define BULLA_TRANSPORT_CURL_PARTS_H

/* What the files of this transport share. Not installed. */

#include "curl.h"

/* ---- curl.c ---- */

uint64_t bulla_curl_now_ms(void);

/* The time for the next BULLA_CURL_PROGRESS_SIZE bytes begins. */
void bulla_curl_begin_progress(struct bulla_curl_transport *curl);
void bulla_curl_count_progress(struct bulla_curl_transport *curl, size_t len);

/* ---- curl_request.c ---- */

/* Start the transfer of the request that bulla_http_request wrote into curl->text, `len` bytes;
 * false when there is no memory. */
bool bulla_curl_send(struct bulla_curl_transport *curl, const struct bulla_request *request,
                     size_t len);

/* ---- curl_setup.c ---- */

/* New handles without a connection; false when there is no memory or an option is not known. */
bool bulla_curl_open(struct bulla_curl_transport *curl);

/* CURLOPT_SSL_CTX_FUNCTION: what may be negotiated, who we are, who is asked. */
CURLcode bulla_curl_set_up_tls(CURL *easy, void *context, void *ctx);

/* ---- curl_identity.c ---- */

/* Instead of OpenSSL's own verification: 1 accepts. The verdict is in peer_accepted and
 * peer_status. */
int bulla_curl_judge_chain(X509_STORE_CTX *store, void *ctx);

/* ---- curl_watch.c ---- */

/* See what passes below libcurl and OpenSSL; only looks. */
void bulla_curl_watch(struct bulla_curl_transport *curl, SSL_CTX *context);

#endif
