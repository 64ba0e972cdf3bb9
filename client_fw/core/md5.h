/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CORE_MD5_H
#define BULLA_CORE_MD5_H

/* MD5 (RFC 1321), because ESP-IDF's partition table carries one as its checksum. It finds
 * accidents of flash. No security decision may rest on it. */

#include "bulla/bytes.h"

#define BULLA_MD5_SIZE 16u

void bulla_md5(struct bulla_bytes input, uint8_t digest[BULLA_MD5_SIZE]);

#endif
