/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_LWIP_NETDB_H
#define TEST_LWIP_NETDB_H

#include <netdb.h>

#endif
