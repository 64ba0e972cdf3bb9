/* SPDX-License-Identifier: Apache-2.0 */
/* A board that stands alone: there is nothing that machine mode does for the application. */

#include "trap.h"

int32_t trap_call(uint32_t operation, uint32_t *parameters, uint32_t cause)
{
    (void)operation;
    (void)parameters;
    (void)cause;
    return -1;
}
