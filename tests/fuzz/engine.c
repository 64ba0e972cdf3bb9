/* SPDX-License-Identifier: Apache-2.0 */
/* One target for libFuzzer: the build names it FUZZ_TARGET. */

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FUZZ_TARGET((struct bulla_bytes){data, size});
    return 0;
}
