/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_H
#define PROFILE_H

/* Is an envelope inside our profile, whoever signed it? */

#include "bulla/manifest.h"

/* BULLA_OK, or the first reason why not; *where names the part that is outside. A bundled image
 * is held against its declared length only. */
BULLA_MUST_CHECK enum bulla_status profile_check(struct bulla_bytes envelope, const char **where,
                                                 struct bulla_manifest *manifest);

#endif
