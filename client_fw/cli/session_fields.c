/* SPDX-License-Identifier: Apache-2.0 */
/* --auth-file and --header: fields for the server of the command line, and for no other. */

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "session.h"

#define AUTH_MAX 1024u
#define ROOM     (BULLA_HTTP_EXTRA_SIZE + 1u)

/* One line "user:password". -1, or the exit code. */
static int read_auth(struct host_tool *tool, const char *path, struct host_buffer *out)
{
    struct stat info;

    if (host_read_file(path, AUTH_MAX, out) != BULLA_OK)
        return host_end(tool, BULLA_E_IO, "%s: %s", path, strerror(errno));
    if (stat(path, &info) == 0 && (info.st_mode & 077) != 0)
        host_note(tool, "%s holds a password, and others may read it: chmod 600", path);
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
    host_buffer_free(&auth);
    return code;
}

/* What is added must make a request with what is there. */
static int add_header(struct host_tool *tool, const char *header, char *lines)
{
    size_t at = strlen(lines);
    size_t len = strlen(header);

    if (len + 2 > ROOM - 1 - at)
        return host_usage(tool, "the fields of --header have more than %u bytes",
                          BULLA_HTTP_EXTRA_SIZE);
    memcpy(lines + at, header, len);
    memcpy(lines + at + len, "\r\n", sizeof "\r\n");
    /* the check takes several lines: one option must not smuggle in another */
    if (strpbrk(header, "\r\n") == NULL && bulla_http_extra_check(lines + at) == BULLA_OK)
        return -1;
    return host_usage(tool,
                      "--header must be 'NAME: VALUE', without control characters and none of the "
                      "fields that frame a request or that the transport writes, found %s",
                      header);
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
    for (size_t i = 0; i < HEADERS_MAX && a->headers[i] != NULL && code < 0; i++) {
        if (a->auth_file != NULL && strncasecmp(a->headers[i], "authorization:", 14) == 0)
            code = host_usage(tool, "--auth-file and --header Authorization exclude each other");
        else
            code = add_header(tool, a->headers[i], *lines);
    }
    if (code < 0 && bulla_http_extra_check(*lines) != BULLA_OK)
        code =
            host_usage(tool, "at most %u fields, with that of --auth-file", BULLA_HTTP_EXTRA_MAX);
    return code;
}
