/* SPDX-License-Identifier: Apache-2.0 */
/* Uses one function of each installed library: an empty trust store is refused, an otadata
 * sequence has the checksum that ESP-IDF writes. */

#include <stdio.h>

#include "bulla/otadata.h"
#include "bulla/trust.h"

int main(void)
{
    struct bulla_trust trust;
    enum bulla_status status = bulla_trust_decode((struct bulla_bytes){NULL, 0}, &trust);
    printf("%s, %08x\n", bulla_status_name(status), (unsigned)bulla_ota_crc(1));
    return status == BULLA_E_CBOR_TRUNCATED && bulla_ota_crc(1) == 0x4743989au ? 0 : 1;
}
