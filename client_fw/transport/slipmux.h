/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRANSPORT_SLIPMUX_H
#define BULLA_TRANSPORT_SLIPMUX_H

/* Frames on a serial line: Slipmux (draft-bormann-t2trg-slipmux-03), that is SLIP (RFC 1055) whose
 * first byte tells what is inside. Only CoAP messages are made and taken: 0xA9, the message, and
 * the 16-bit FCS of RFC 1662 over both. Diagnostic text of a device (0x0A) on the same line is
 * passed over, so an app may go on printing. Needs no memory of its own. */

#include "bulla/bytes.h"

#define BULLA_SLIPMUX_OVERHEAD 3u /* type and FCS, in the reader's buffer */

enum bulla_frame {
    BULLA_FRAME_NONE,    /* go on */
    BULLA_FRAME_MESSAGE, /* a whole message with the right FCS */
    BULLA_FRAME_DAMAGED, /* something ended that cannot be read */
};

struct bulla_slipmux_reader {
    uint8_t *buffer;
    size_t size;
    size_t len;
    bool escaped;
    bool damaged;
};

/* `buffer` holds the longest message and BULLA_SLIPMUX_OVERHEAD. */
void bulla_slipmux_read_init(struct bulla_slipmux_reader *r, uint8_t *buffer, size_t size);

/* One byte off the line. *message spans the buffer, until the next byte. */
enum bulla_frame bulla_slipmux_read(struct bulla_slipmux_reader *r, uint8_t byte,
                                    struct bulla_bytes *message);

struct bulla_slipmux_writer {
    struct bulla_bytes message;
    size_t at;
    uint16_t fcs;
};

void bulla_slipmux_write_init(struct bulla_slipmux_writer *w, struct bulla_bytes message);

/* The next bytes of the frame, at most `size` (at least 2); 0: all of it was written. */
size_t bulla_slipmux_write(struct bulla_slipmux_writer *w, uint8_t *out, size_t size);

#endif
