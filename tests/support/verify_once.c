/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 verification remembers its last answers: a property test judges one envelope hundreds of
 * thousands of times, and asks the crypto library about the same signature each time. Linked with
 * --wrap=bulla_crypto_ed25519_verify. Nothing but the repetition is left out: an answer is given
 * again for exactly the same key, signature and message. */

#include <string.h>

#include "bulla/crypto.h"

#define MESSAGE_MAX 64u
#define ANSWERS     16u

__typeof__(bulla_crypto_ed25519_verify) __real_bulla_crypto_ed25519_verify;
__typeof__(bulla_crypto_ed25519_verify) __wrap_bulla_crypto_ed25519_verify;

struct question {
    size_t len;
    uint8_t key[BULLA_KEY_SIZE];
    uint8_t signature[BULLA_SIGNATURE_SIZE];
    uint8_t message[MESSAGE_MAX];
};

enum bulla_verdict __wrap_bulla_crypto_ed25519_verify(const uint8_t key[BULLA_KEY_SIZE],
                                                      const uint8_t signature[BULLA_SIGNATURE_SIZE],
                                                      struct bulla_bytes message)
{
    static struct question asked[ANSWERS];
    static enum bulla_verdict answers[ANSWERS];
    static size_t count, next;
    struct question q;
    if (message.len > MESSAGE_MAX)
        return __real_bulla_crypto_ed25519_verify(key, signature, message);
    memset(&q, 0, sizeof(q));
    q.len = message.len;
    memcpy(q.key, key, sizeof(q.key));
    memcpy(q.signature, signature, sizeof(q.signature));
    if (message.len > 0)
        memcpy(q.message, message.data, message.len);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&asked[i], &q, sizeof(q)) == 0)
            return answers[i];
    }
    asked[next] = q;
    answers[next] = __real_bulla_crypto_ed25519_verify(key, signature, message);
    enum bulla_verdict answer = answers[next];
    next = (next + 1) % ANSWERS;
    count = count < ANSWERS ? count + 1 : count;
    return answer;
}
