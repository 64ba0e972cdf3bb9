/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that must never be trusted because everybody can sign with them: RFC 8032 section 7.1
 * prints both halves. A build with BULLA_ALLOW_TEST_KEYS has published_keys_allowed.c instead. */

#include <string.h>

#include "keys.h"

/* Key ids: the first 8 bytes of SHA-256(public key). */
static const uint8_t published[][BULLA_KEY_ID_SIZE] = {
    {0x21, 0xfe, 0x31, 0xdf, 0xa1, 0x54, 0xa2, 0x61}, /* TEST 1 */
    {0x39, 0xf7, 0x13, 0xd0, 0xa6, 0x44, 0x25, 0x3f}, /* TEST 2 */
    {0xda, 0xc0, 0x73, 0xe0, 0x12, 0x3b, 0xde, 0xa5}, /* TEST 3 */
    {0x91, 0x38, 0x4c, 0x41, 0x1e, 0x5a, 0xf2, 0x96}, /* TEST 1024 */
    {0x5f, 0x9b, 0x24, 0x7e, 0x2a, 0x65, 0x47, 0x19}, /* TEST SHA(abc) */
};

bool keys_is_test_key(const uint8_t public_key[32])
{
    uint8_t id[BULLA_KEY_ID_SIZE];

    keys_id(public_key, id);
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        if (memcmp(id, published[i], sizeof id) == 0)
            return true;
    }
    return false;
}
