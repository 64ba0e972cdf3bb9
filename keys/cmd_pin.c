/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-key pin: of a certificate file, of a public key file, or of what a server shows. */

#include <string.h>

#include "bulla_key.h"

#define SCHEME "https://"

struct target {
    char host[256];
    char port[6];
};

/* HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT; a path after it does not matter for TLS. */
static bool parse_target(const char *url, struct target *out)
{
    const char *authority = url + strlen(SCHEME);
    size_t len = strcspn(authority, "/?#");
    bool bracketed = authority[0] == '[';
    const char *host = bracketed ? authority + 1 : authority;
    size_t host_len = strcspn(host, bracketed ? "]" : ":/?#");
    const char *rest = host + host_len + (bracketed ? 1 : 0);
    const char *end = authority + len;
    uint64_t port = 443;

    if (host_len == 0 || host_len >= sizeof out->host || rest > end ||
        memchr(authority, '@', len) != NULL)
        return false;
    if (rest < end) {
        char digits[6] = {0};
        size_t digits_len = (size_t)(end - rest) - 1;
        if (*rest != ':' || digits_len == 0 || digits_len >= sizeof digits)
            return false;
        memcpy(digits, rest + 1, digits_len);
        if (!host_parse_number(digits, 65535, false, &port) || port == 0)
            return false;
    }
    memcpy(out->host, host, host_len);
    out->host[host_len] = '\0';
    (void)snprintf(out->port, sizeof out->port, "%u", (unsigned)(uint16_t)port);
    return true;
}

static enum bulla_status pin_of_server(struct host_tool *tool, const struct arguments *args,
                                       uint8_t pin[32], char why[256])
{
    struct target target;
    struct host_buffer der;

    if (!parse_target(args->operand, &target)) {
        (void)snprintf(why, 256, "expected https://HOST[:PORT], found %.100s", args->operand);
        return BULLA_E_USAGE;
    }
    enum bulla_status status =
        fetch_certificate(target.host, target.port, args->connect_timeout, &der, why);
    if (status != BULLA_OK)
        return status;
    status = keys_pin_of_certificate((struct bulla_bytes){der.data, der.len}, pin);
    host_buffer_free(&der);
    if (status != BULLA_OK) {
        (void)snprintf(why, 256, "the certificate that %.100s shows cannot be read", target.host);
        return BULLA_E_TLS_PROTOCOL;
    }
    host_note(tool,
              "this is what %s shows now, and nothing proves who answered: compare the pin "
              "with one made from the server's certificate file before you rely on it",
              target.host);
    return BULLA_OK;
}

int run_pin(struct host_tool *tool, const struct arguments *args)
{
    bool server = strncmp(args->operand, SCHEME, strlen(SCHEME)) == 0;
    enum bulla_status status;
    uint8_t pin[32];
    char text[64];
    char why[256];

    if (!server && strstr(args->operand, "://") != NULL)
        return host_usage(tool, "expected https://HOST or a file, found %s", args->operand);
    if (server)
        status = pin_of_server(tool, args, pin, why);
    else
        status = keys_pin_of_file(args->operand, pin, why);
    if (status != BULLA_OK)
        return end_unusable(tool, status, why);

    keys_pin_text(pin, text);
    host_say(tool, "%s", text);
    if (tool->json) {
        (void)json_object_set_new(tool->doc, "pin", json_string(text));
        (void)json_object_set_new(tool->doc, "source", json_string(server ? "server" : "file"));
    }
    return host_end(tool, BULLA_OK, NULL);
}
