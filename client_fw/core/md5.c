/* SPDX-License-Identifier: Apache-2.0 */
/* MD5 of one piece of memory, RFC 1321 section 3. Small rather than fast: its only input is a
 * partition table of at most 3 KiB. */

#include "md5.h"

#include "bulla/mem.h"

#define BLOCK_SIZE 64u

/* floor(2^32 * |sin(i + 1)|), section 3.4 */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const uint8_t shifts[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static uint32_t word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* The round's function of b, c, d, and in *index which word of the block step i takes. */
static uint32_t mix(unsigned i, uint32_t b, uint32_t c, uint32_t d, unsigned *index)
{
    switch (i / 16) {
    case 0:
        *index = i;
        return (b & c) | (~b & d);
    case 1:
        *index = (5 * i + 1) % 16;
        return (b & d) | (c & ~d);
    case 2:
        *index = (3 * i + 5) % 16;
        return b ^ c ^ d;
    default:
        *index = 7 * i % 16;
        return c ^ (b | ~d);
    }
}

static void absorb(uint32_t state[4], const uint8_t block[BLOCK_SIZE])
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];

    for (unsigned i = 0; i < 64; i++) {
        unsigned index = 0;
        uint32_t sum = a + mix(i, b, c, d, &index) + sines[i];
        unsigned shift = shifts[i / 16][i % 4];

        sum += word(block + 4u * index);
        a = d;
        d = c;
        c = b;
        b += sum << shift | sum >> (32 - shift);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void bulla_md5(struct bulla_bytes input, uint8_t digest[BULLA_MD5_SIZE])
{
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint64_t bits = (uint64_t)input.len * 8;
    uint8_t tail[2 * BLOCK_SIZE] = {0};
    size_t at = 0;

    for (; input.len - at >= BLOCK_SIZE; at += BLOCK_SIZE)
        absorb(state, input.data + at);

    size_t rest = input.len - at;
    size_t padded = rest + 1 + 8 <= BLOCK_SIZE ? BLOCK_SIZE : 2 * BLOCK_SIZE;

    if (rest > 0)
        memcpy(tail, input.data + at, rest);
    tail[rest] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        tail[padded - 8 + i] = (uint8_t)(bits >> 8 * i);
    for (at = 0; at < padded; at += BLOCK_SIZE)
        absorb(state, tail + at);
    for (unsigned i = 0; i < BULLA_MD5_SIZE; i++)
        digest[i] = (uint8_t)(state[i / 4] >> 8 * (i % 4));
}
