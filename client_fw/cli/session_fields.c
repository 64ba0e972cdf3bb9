/* SPDX-License-Identifier: Apache-2.0 */
/* --auth-file and --header: fields for the server of the command line, and for no other. */

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "session.h"

#define AUTH_MAX   1024u
#define FIELDS_MAX 8192u
#define ROOM       (BULLA_HTTP_EXTRA_SIZE + 1u)

/* -1, or the exit code. */
static int read_secret(struct host_tool *tool, const char *path, size_t max,
                       struct host_buffer *out)
{
    struct stat info;

    if (host_read_file(path, max, out) != BULLA_OK)
        return host_end(tool, BULLA_E_IO, "%s: %s", path, strerror(errno));
    if (stat(path, &info) == 0 && (info.st_mode & 077) != 0)
        host_note(tool, "%s holds a password, and others may read it: chmod 600", path);
    return -1;
}

static void forget(struct host_buffer *secret)
{
    if (secret->data != NULL)
        explicit_bzero(secret->data, secret->len);
    host_buffer_free(secret);
}

/* One line "user:password". -1, or the exit code. */
static int read_auth(struct host_tool *tool, const char *path, struct host_buffer *out)
{
    int code = read_secret(tool, path, AUTH_MAX, out);

    if (code >= 0)
        return code;
    if (out->len > 0 && out->data[out->len - 1] == '\n')
        out->len--;
    if (out->len > 0 && out->data[out->len - 1] == '\r')
        out->len--;
    bool is_line = out->len > 0 && memchr(out->data, ':', out->len) != NULL;
    for (size_t i = 0; i < out->len && is_line; i++)
        is_line = out->data[i] >= 0x20 && out->data[i] != 0x7F;
    return is_line ? -1
                   : host_end(tool, BULLA_E_USAGE, "%s must hold one line, user:password", path);
}

/* RFC 7617 */
static int add_auth(struct host_tool *tool, const char *path, char *lines)
{
    static const char name[] = "Authorization: Basic ";
    struct host_buffer auth = {0};
    int code = read_auth(tool, path, &auth);

    if (code < 0) {
        size_t at = strlen(name);
        memcpy(lines, name, at); /* AUTH_MAX in base64 is far below ROOM */
        at += (size_t)EVP_EncodeBlock((unsigned char *)lines + at, auth.data, (int)auth.len);
        memcpy(lines + at, "\r\n", sizeof "\r\n");
    }
    forget(&auth);
    return code;
}

/* A field may hold a secret: one out of a file is not shown. */
static int refuse_field(struct host_tool *tool, const char *file, const char *field)
{
    static const char rule[] = "must be 'NAME: VALUE', without control characters and none of the "
                               "fields that frame a request or that the transport writes";

    return file != NULL ? host_usage(tool, "each line of %s %s", file, rule)
                        : host_usage(tool, "--header %s, or @FILE; found %s", rule, field);
}

/* What is added must make a request with what is there. */
static int add_field(struct host_tool *tool, const struct arguments *a, const char *file,
                     const char *field, char *lines)
{
    size_t at = strlen(lines);
    size_t len = strlen(field);

    if (a->auth_file != NULL && strncasecmp(field, "authorization:", 14) == 0)
        return host_usage(tool, "--auth-file and --header Authorization exclude each other");
    if (len + 2 > ROOM - 1 - at)
        return host_usage(tool, "the fields of --header have more than %u bytes",
                          BULLA_HTTP_EXTRA_SIZE);
    memcpy(lines + at, field, len);
    memcpy(lines + at + len, "\r\n", sizeof "\r\n");
    /* the check takes several lines: one field must not smuggle in another */
    if (strpbrk(field, "\r\n") == NULL && bulla_http_extra_check(lines + at) == BULLA_OK)
        return -1;
    return refuse_field(tool, file, field);
}

/* One field a line; empty lines mean nothing. */
static int add_file(struct host_tool *tool, const struct arguments *a, const char *path,
                    char *lines)
{
    char field[ROOM];
    struct host_buffer text = {0};
    int code = read_secret(tool, path, FIELDS_MAX, &text);

    for (size_t at = 0, len = 0; code < 0 && at < text.len; at += len + 1) {
        const uint8_t *line = text.data + at;
        const uint8_t *end = memchr(line, '\n', text.len - at);
        len = end != NULL ? (size_t)(end - line) : text.len - at;
        size_t used = len > 0 && line[len - 1] == '\r' ? len - 1 : len;
        if (used == 0)
            continue;
        if (used >= sizeof(field) || memchr(line, '\0', used) != NULL) {
            code = refuse_field(tool, path, NULL);
            break;
        }
        memcpy(field, line, used);
        field[used] = '\0';
        code = add_field(tool, a, path, field, lines);
    }
    explicit_bzero(field, sizeof(field));
    forget(&text);
    return code;
}

int session_fields(struct host_tool *tool, const struct arguments *a, char **lines)
{
    int code = -1;

    if (a->auth_file == NULL && a->headers[0] == NULL)
        return -1;
    *lines = calloc(1, ROOM);
    if (*lines == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    if (a->auth_file != NULL)
        code = add_auth(tool, a->auth_file, *lines);
    /* '@' begins no field's name */
    for (size_t i = 0; i < HEADERS_MAX && a->headers[i] != NULL && code < 0; i++)
        code = a->headers[i][0] == '@' ? add_file(tool, a, a->headers[i] + 1, *lines)
                                       : add_field(tool, a, NULL, a->headers[i], *lines);
    if (code < 0 && bulla_http_extra_check(*lines) != BULLA_OK)
        code =
            host_usage(tool, "at most %u fields, with that of --auth-file", BULLA_HTTP_EXTRA_MAX);
    return code;
}
