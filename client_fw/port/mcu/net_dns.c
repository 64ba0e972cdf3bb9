/* SPDX-License-Identifier: Apache-2.0 */
/* Host names, asked of the name server that came with the address. */

#include <lwip/dns.h>
#include <stdint.h>

#include "net_parts.h"

static struct question {
    uintptr_t number;
    bool is_answered;
    bool is_found;
    ip4_addr_t address;
} question;

/* The answer to a question that was given up may come during the next one. */
static void take_answer(const char *name, const ip_addr_t *address, void *ctx)
{
    (void)name;
    if ((uintptr_t)ctx != question.number)
        return;
    question.is_answered = true;
    question.is_found = address != NULL;
    if (address != NULL)
        question.address = *ip_2_ip4(address);
}

enum bulla_status net_resolve(const char *name, ip4_addr_t *address, uint64_t until)
{
    ip_addr_t known;
    question = (struct question){.number = question.number + 1u};
    err_t error = dns_gethostbyname(name, &known, take_answer, (void *)question.number);
    if (error == ERR_OK)
        *address = *ip_2_ip4(&known);
    if (error != ERR_INPROGRESS)
        return error == ERR_OK ? BULLA_OK : BULLA_E_NET_RESOLVE;
    while (!question.is_answered)
        if (!net_turn(until))
            return BULLA_E_NET_STALLED;
    *address = question.address;
    return question.is_found ? BULLA_OK : BULLA_E_NET_RESOLVE;
}
