/* SPDX-License-Identifier: Apache-2.0 */
/* Verdict or no verdict. Names and sentences are status_text.c's: a device may leave them out. */

#include "bulla/status.h"

bool bulla_status_is_refusal(enum bulla_status status)
{
    return status > BULLA_OK && status < BULLA_E_NOT_JUDGED;
}
