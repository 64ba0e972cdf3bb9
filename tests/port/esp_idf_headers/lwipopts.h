/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_LWIPOPTS_H
#define TEST_LWIPOPTS_H

/* lwIP's own headers as ESP-IDF sets them, as far as sockets go. */

#define NO_SYS                      0
#define LWIP_SOCKET                 1
#define LWIP_DNS                    1
#define LWIP_IPV4                   1
#define LWIP_IPV6                   1
#define LWIP_POSIX_SOCKETS_IO_NAMES 1
#define LWIP_ERRNO_STDINCLUDE
#define LWIP_TIMEVAL_PRIVATE 0

#endif
