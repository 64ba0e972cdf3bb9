/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 signatures: those of RFC 8032, and those that libraries disagree about. */

#include <stdlib.h>
#include <string.h>

#include "bulla/ed25519.h"
#include "judge.h"

static unsigned nibble(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit == '\0' ? NULL : strchr(digits, digit);
    if (at == NULL)
        kit_die("not hexadecimal", "ed25519");
    return (unsigned)(at - digits);
}

/* Hexadecimal digits up to `end`; returns the number of bytes. */
static size_t unhex(const char *hex, char end, uint8_t *out, size_t size)
{
    size_t len = 0;
    for (; hex[0] != end; hex += 2, len++) {
        if (len == size)
            kit_die("too long", "ed25519");
        out[len] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
    }
    return len;
}

/* The string behind "name": in this piece of JSON. */
static const char *member(const char *json, const char *name)
{
    char wanted[32];
    (void)snprintf(wanted, sizeof(wanted), "\"%s\": \"", name);
    const char *at = strstr(json, wanted);
    if (at == NULL)
        kit_die("no such member", name);
    return at + strlen(wanted);
}

static void judge(const char *part, const char *name, const char *hex[3], char end)
{
    static uint8_t key[BULLA_KEY_SIZE], signature[BULLA_SIGNATURE_SIZE], message[1024];
    size_t len = unhex(hex[1], end, message, sizeof(message));
    if (unhex(hex[0], end, key, sizeof(key)) != sizeof(key) ||
        unhex(hex[2], end, signature, sizeof(signature)) != sizeof(signature))
        kit_die("not a key and a signature", name);
    judge_tell(part, name, bulla_ed25519_verify(key, signature, (struct bulla_bytes){message, len}),
               "");
}

void judge_ed25519(const char *kit)
{
    char line[KIT_LINE], *cells[4];
    FILE *cases = kit_open(kit, "ed25519");
    while (kit_row(cases, line, cells, 4)) {
        const char *message = strcmp(cells[2], "-") == 0 ? "" : cells[2];
        judge("ed25519", cells[0], (const char *[3]){cells[1], message, cells[3]}, '\0');
    }
    (void)fclose(cases);
}

/* rfc8032_ed25519.json: objects with name, public, message and signature, in this order. */
void judge_rfc8032(const char *kit)
{
    struct kit_file file = kit_load(kit, "ed25519", "rfc8032_ed25519", ".json");
    char *json = malloc(file.len + 1);
    if (json == NULL)
        kit_die("no memory", "ed25519");
    memcpy(json, file.data, file.len);
    json[file.len] = '\0';
    for (const char *at = json; strstr(at, "\"name\"") != NULL;) {
        char name[32] = {0};
        at = member(at, "name");
        for (size_t i = 0; i + 1 < sizeof(name) && at[i] != '"'; i++)
            name[i] = (char)(at[i] == ' ' ? '-' : at[i]);
        judge(
            "rfc8032", name,
            (const char *[3]){member(at, "public"), member(at, "message"), member(at, "signature")},
            '"');
    }
    free(json);
    free(file.data);
}
