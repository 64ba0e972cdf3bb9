/* SPDX-License-Identifier: Apache-2.0 */
/* A generator over the board's source, so that neither a slow source nor one with a bias shows in
 * what goes over the network. It is seeded when it is first asked, and again as the library says.
 */

#include "random.h"

#include <mbedtls/ctr_drbg.h>
#include <stdbool.h>
#include <string.h>

#include "board.h"

static mbedtls_ctr_drbg_context generator;
static bool is_seeded;

static int source(void *ctx, unsigned char *bytes, size_t len)
{
    (void)ctx;
    return board_random(bytes, len) ? 0 : MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
}

static bool seed(void)
{
    static const unsigned char purpose[] = "bulla";
    mbedtls_ctr_drbg_init(&generator);
    if (mbedtls_ctr_drbg_seed(&generator, source, NULL, purpose, sizeof(purpose)) == 0)
        return true;
    mbedtls_ctr_drbg_free(&generator);
    return false;
}

static size_t at_once(size_t len)
{
    return len < MBEDTLS_CTR_DRBG_MAX_REQUEST ? len : MBEDTLS_CTR_DRBG_MAX_REQUEST;
}

enum bulla_status random_fill(uint8_t *bytes, size_t len)
{
    is_seeded = is_seeded || seed();
    if (!is_seeded)
        return BULLA_E_CRYPTO;
    for (size_t done = 0; done < len; done += at_once(len - done)) {
        if (mbedtls_ctr_drbg_random(&generator, bytes + done, at_once(len - done)) != 0) {
            memset(bytes, 0, len);
            return BULLA_E_CRYPTO;
        }
    }
    return BULLA_OK;
}

uint32_t random_u32(void)
{
    uint8_t bytes[4] = {0};
    (void)random_fill(bytes, sizeof(bytes));
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}
