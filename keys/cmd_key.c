/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-key generate and id. */

#include <stdlib.h>

#include "bulla_key.h"

int end_unusable(struct host_tool *tool, enum bulla_status status, const char *why)
{
    return host_end(tool, bulla_status_is_refusal(status) ? BULLA_E_USAGE : status, "%s", why);
}

/* Reads the public key back from the file just written, with all checks of a trust file. */
static int tell_generated(struct host_tool *tool, const struct arguments *args,
                          const char *private_path, const char *public_path)
{
    bool encrypted = args->passphrase_file != NULL;
    uint8_t key[BULLA_KEY_SIZE];
    uint8_t id[BULLA_KEY_ID_SIZE];
    char id_text[2 * BULLA_KEY_ID_SIZE + 1];
    char why[256];

    enum bulla_status status = keys_public_load(public_path, key, why);
    if (status != BULLA_OK)
        return end_unusable(tool, status, why);
    keys_id(key, id);
    host_hex((struct bulla_bytes){id, sizeof id}, id_text);
    host_say(tool, "private key: %s (%s)", private_path, encrypted ? "encrypted" : "not encrypted");
    host_say(tool, "public key: %s", public_path);
    host_say(tool, "key id: %s", id_text);
    host_member(tool, "private_key", private_path);
    host_member(tool, "public_key", public_path);
    host_member(tool, "key_id", id_text);
    if (tool->json)
        (void)json_object_set_new(tool->doc, "encrypted", json_boolean(encrypted));
    return host_end(tool, BULLA_OK, NULL);
}

int run_generate(struct host_tool *tool, const struct arguments *args)
{
    char *private_path = NULL;
    char *public_path = NULL;
    char why[256];

    enum bulla_status status = keys_generate(args->operand, args->passphrase_file, why);
    if (status != BULLA_OK)
        return end_unusable(tool, status, why);
    if (asprintf(&private_path, "%s.pem", args->operand) < 0)
        return host_end(tool, BULLA_E_IO, "out of memory");
    if (asprintf(&public_path, "%s.pub", args->operand) < 0) {
        free(private_path);
        return host_end(tool, BULLA_E_IO, "out of memory");
    }
    int code = tell_generated(tool, args, private_path, public_path);
    free(private_path);
    free(public_path);
    return code;
}

int run_id(struct host_tool *tool, const struct arguments *args)
{
    uint8_t key[BULLA_KEY_SIZE];
    uint8_t id[BULLA_KEY_ID_SIZE];
    char id_text[2 * BULLA_KEY_ID_SIZE + 1];
    char key_text[2 * BULLA_KEY_SIZE + 1];
    char why[256];

    enum bulla_status status = keys_public_load(args->operand, key, why);
    if (status != BULLA_OK)
        return end_unusable(tool, status, why);
    keys_id(key, id);
    host_hex((struct bulla_bytes){id, sizeof id}, id_text);
    host_hex((struct bulla_bytes){key, sizeof key}, key_text);
    host_say(tool, "%s", id_text);
    host_member(tool, "key_id", id_text);
    host_member(tool, "public_key", key_text);
    return host_end(tool, BULLA_OK, NULL);
}
