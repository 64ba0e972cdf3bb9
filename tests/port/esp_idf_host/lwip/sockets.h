/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_LWIP_SOCKETS_H
#define TEST_LWIP_SOCKETS_H

/* The host's sockets: the same calls. */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>

#endif
