/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRANSPORT_COAP_MESSAGE_H
#define BULLA_TRANSPORT_COAP_MESSAGE_H

/* CoAP messages (RFC 7252 section 3) and the block option (RFC 7959), read and written. Shared by
 * the device and by whoever serves it. No memory of its own; spans point into the message. */

#include "bulla/bytes.h"

#define BULLA_COAP_MESSAGE_MAX 1152u /* RFC 7252 4.6; a block of 1024 fits */
#define BULLA_COAP_TOKEN_MAX   8u
#define BULLA_COAP_ETAG_MAX    8u
#define BULLA_COAP_SEGMENT_MAX 255u
#define BULLA_COAP_SZX_MAX     6u /* blocks of 1024 bytes */

enum bulla_coap_type {
    BULLA_COAP_CON = 0,
    BULLA_COAP_NON = 1,
    BULLA_COAP_ACK = 2,
    BULLA_COAP_RST = 3,
};

/* c.dd as one byte */
#define BULLA_COAP_CODE(c, dd)        ((uint8_t)((c) << 5 | (dd)))
#define BULLA_COAP_EMPTY              BULLA_COAP_CODE(0, 0)
#define BULLA_COAP_GET                BULLA_COAP_CODE(0, 1)
#define BULLA_COAP_CONTENT            BULLA_COAP_CODE(2, 5)
#define BULLA_COAP_BAD_REQUEST        BULLA_COAP_CODE(4, 0)
#define BULLA_COAP_BAD_OPTION         BULLA_COAP_CODE(4, 2)
#define BULLA_COAP_NOT_FOUND          BULLA_COAP_CODE(4, 4)
#define BULLA_COAP_METHOD_NOT_ALLOWED BULLA_COAP_CODE(4, 5)
#define BULLA_COAP_INTERNAL_ERROR     BULLA_COAP_CODE(5, 0)

enum bulla_coap_option {
    BULLA_COAP_URI_HOST = 3,
    BULLA_COAP_ETAG = 4,
    BULLA_COAP_URI_PORT = 7,
    BULLA_COAP_URI_PATH = 11,
    BULLA_COAP_MAX_AGE = 14,
    BULLA_COAP_URI_QUERY = 15,
    BULLA_COAP_ACCEPT = 17,
    BULLA_COAP_BLOCK2 = 23,
    BULLA_COAP_SIZE2 = 28,
};

struct bulla_coap_message {
    enum bulla_coap_type type;
    uint8_t code;
    uint16_t id;
    struct bulla_bytes token;
    struct bulla_bytes options; /* checked: bulla_coap_next never fails on them */
    struct bulla_bytes payload;
};

/* False when it is no message: another version, reserved lengths, an option beyond its end, a
 * payload marker with nothing behind it. */
bool bulla_coap_decode(struct bulla_bytes in, struct bulla_coap_message *out);

struct bulla_coap_cursor {
    struct bulla_bytes left;
    uint32_t number;
    struct bulla_bytes value;
};

/* `struct bulla_coap_cursor c = {message.options}`; each call fills number and value of one option.
 */
bool bulla_coap_next(struct bulla_coap_cursor *cursor);

/* An unsigned integer of at most four bytes; false when it is longer. */
bool bulla_coap_uint(struct bulla_bytes value, uint32_t *out);

/* The block option: bytes from number << (szx + 4) on. */
struct bulla_coap_block {
    uint32_t number;
    bool more;
    uint8_t szx;
};
bool bulla_coap_block(struct bulla_bytes value, struct bulla_coap_block *out);

struct bulla_coap_writer {
    uint8_t *data;
    size_t size;
    size_t len;
    uint32_t number; /* of the option before: they come in order */
    bool full;       /* sticky: it did not fit, or the options were out of order */
};

void bulla_coap_begin(struct bulla_coap_writer *w, uint8_t *data, size_t size,
                      enum bulla_coap_type type, uint8_t code, uint16_t id,
                      struct bulla_bytes token);
void bulla_coap_put(struct bulla_coap_writer *w, uint32_t number, struct bulla_bytes value);
void bulla_coap_put_uint(struct bulla_coap_writer *w, uint32_t number, uint32_t value);
void bulla_coap_put_block(struct bulla_coap_writer *w, const struct bulla_coap_block *block);
/* Last; nothing for an empty one. */
void bulla_coap_put_payload(struct bulla_coap_writer *w, struct bulla_bytes payload);

#endif
