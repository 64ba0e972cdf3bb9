/* SPDX-License-Identifier: Apache-2.0 */
/* For devices without modules, in place of modules.c, modules_install.c and modules_find.c: they
 * take none. */

#include "parts.h"

enum bulla_status bulla_modules_recall(struct bulla_client *client)
{
    client->takes_modules = false;
    return BULLA_OK;
}

enum bulla_status bulla_modules_judge(struct bulla_client *client,
                                      const struct bulla_envelope *envelope,
                                      const struct bulla_manifest *manifest,
                                      const uint8_t manifest_digest[BULLA_DIGEST_SIZE],
                                      enum bulla_verdict *verdict)
{
    (void)verdict;
    (void)client;
    (void)envelope;
    (void)manifest;
    (void)manifest_digest;
    return BULLA_E_MODULES_NOT_TAKEN;
}

enum bulla_status bulla_modules_plan(struct bulla_client *client, int32_t target)
{
    (void)client;
    (void)target;
    return BULLA_E_MODULES_NOT_TAKEN;
}

enum bulla_status bulla_modules_begin(struct bulla_install *install)
{
    (void)install;
    return BULLA_E_MODULES_NOT_TAKEN;
}

enum bulla_status bulla_modules_commit(struct bulla_install *install)
{
    (void)install;
    return BULLA_E_MODULES_NOT_TAKEN;
}

enum bulla_status bulla_modules_finish(struct bulla_install *install)
{
    (void)install;
    return BULLA_E_MODULES_NOT_TAKEN;
}

enum bulla_status bulla_modules_approve(struct bulla_client *client,
                                        const struct bulla_approval *approval)
{
    (void)client;
    (void)approval;
    return BULLA_E_MODULES_NOT_TAKEN;
}

bool bulla_modules_hold(struct bulla_client *client, int32_t slot)
{
    (void)client;
    (void)slot;
    return false;
}
