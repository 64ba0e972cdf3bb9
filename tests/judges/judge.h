/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JUDGE_H
#define JUDGE_H

/* A judge: takes the vector kit through the public functions and prints a line per case. */

#include "kit.h"

/* PART/NAME, a tab, the name of the status, and `more` ("" or a blank and words) where the kit asks
 * for more than a status. */
void judge_tell(const char *part, const char *name, enum bulla_status status, const char *more);

/* The answer depends on how the input was cut, or on how much memory was lent. */
void judge_tell_differs(const char *part, const char *name);

/* The number behind "name=" in this word; false when the word is another one. */
bool judge_number(const char *word, const char *name, uint32_t *number);

/* One sub-kit each. */
void judge_envelope(const char *kit);
void judge_bundle(const char *kit);
void judge_trust(const char *kit);
void judge_cbor(const char *kit);
void judge_ed25519(const char *kit);
void judge_rfc8032(const char *kit);
void judge_image(const char *kit);
void judge_partition(const char *kit);
void judge_otadata(const char *kit);
void judge_state(const char *kit);
void judge_http(const char *kit);
void judge_url(const char *kit);

#endif
