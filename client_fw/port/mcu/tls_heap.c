/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of Mbed TLS. Its allocator fills the block from the front, so the last byte that was
 * ever written tells the worst case, with its headers and its gaps. */

#include "tls_heap.h"

#include <mbedtls/memory_buffer_alloc.h>
#include <stdint.h>
#include <string.h>

#include "board.h"

#define SIZE   (TLS_HEAP_KIB * 1024u)
#define HEADER 64u /* the first block's is smaller */
#define PAINT  0xA5u

static union {
    uint64_t aligned;
    uint8_t bytes[SIZE];
} heap;

const size_t tls_heap_size = SIZE;

void tls_heap_init(void)
{
    mbedtls_memory_buffer_alloc_init(heap.bytes, SIZE);
    memset(heap.bytes + HEADER, PAINT, SIZE - HEADER);
}

void tls_heap_broken(int status)
{
    (void)status;
    board_restart(BOARD_FAULT);
}

size_t tls_heap_peak(void)
{
    size_t used = SIZE;
    while (used > 0 && heap.bytes[used - 1u] == PAINT)
        used--;
    return used;
}
