/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_NET_HOOKS_H
#define BULLA_NET_HOOKS_H

/* Where lwIP asks us. */

#include "arch/cc.h"

#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) random_u32()

#endif
