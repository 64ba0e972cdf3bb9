/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-verify show: every field of an envelope, also of one that would be refused. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump.h"
#include "profile.h"
#include "verify.h"

const char verify_show_help[] =
    "Usage: bulla-verify show FILE [--json]\n"
    "Explains every field of a SUIT envelope or manifest, of any profile, and says where ours\n"
    "ends. Nothing is verified: what is shown may be a lie. FILE is a file or an https URL.\n"
    "\n"
    "  --pin sha256//B64    for a URL: trust the server with this key instead of the\n"
    "                       system's certificate authorities; may be repeated\n"
    "  --json               one JSON object on stdout, the fields as {depth, name, value}; what\n"
    "                       could be shown has no verdict\n"
    "\n"
    "Exit codes: 0 it could be shown, 1 the bytes are not CBOR or not SUIT, 2 no bytes.\n";

#define ALLOWED   "P"
#define GROW_FROM 65536u

/* All of a descriptor, which may be a pipe. */
static enum bulla_status read_all(int fd, struct host_buffer *out, char why[VERIFY_WHY_MAX])
{
    size_t room = 0;
    for (;;) {
        if (out->len == room) {
            room = room == 0 ? GROW_FROM : room * 2;
            uint8_t *grown = realloc(out->data, room);
            if (grown == NULL) {
                (void)snprintf(why, VERIFY_WHY_MAX, "out of memory after %zu bytes", out->len);
                return BULLA_E_IO;
            }
            out->data = grown;
        }
        ssize_t got = read(fd, out->data + out->len, room - out->len);
        if (got == 0)
            return BULLA_OK;
        if (got < 0 && errno != EINTR) {
            (void)snprintf(why, VERIFY_WHY_MAX, "%s", strerror(errno));
            return BULLA_E_IO;
        }
        out->len += got > 0 ? (size_t)got : 0;
    }
}

static void tell_profile(struct host_tool *tool, struct bulla_bytes bytes)
{
    struct bulla_manifest manifest;
    const char *where;
    enum bulla_status status = profile_check(bytes, &where, &manifest);
    if (tool->json) {
        (void)json_object_set_new(tool->doc, "inside_profile", json_boolean(status == BULLA_OK));
        (void)json_object_set_new(tool->doc, "profile_status",
                                  json_string(bulla_status_name(status)));
        (void)json_object_set_new(tool->doc, "profile_field",
                                  status == BULLA_OK ? json_null() : json_string(where));
    }
    if (status == BULLA_OK)
        host_say(tool, "inside the profile; who signed it was not asked");
    else
        host_say(tool, "outside the profile: %s: %s: %s", where, bulla_status_name(status),
                 bulla_status_sentence(status));
}

static int show(struct host_tool *tool, const struct verify_options *options)
{
    tool->judges_nothing = true;
    struct host_buffer buffer = {.data = NULL};
    char why[VERIFY_WHY_MAX] = "";
    int fd;
    enum bulla_status status = verify_source_open(options, options->file, &fd, why);
    if (status == BULLA_OK) {
        status = read_all(fd, &buffer, why);
        (void)close(fd);
    }
    if (status == BULLA_OK) {
        struct bulla_bytes bytes = {buffer.data, buffer.len};
        status = dump_suit(tool, bytes);
        if (status != BULLA_E_ENVELOPE_NOT_SUIT)
            tell_profile(tool, bytes);
    }
    host_buffer_free(&buffer);
    if (status == BULLA_OK)
        return host_end(tool, status, "shown; nothing was verified");
    return host_end(tool, status, "%s", why[0] != '\0' ? why : bulla_status_sentence(status));
}

int verify_show(struct host_tool *tool, int argc, char **argv)
{
    struct verify_options options;
    char why[VERIFY_WHY_MAX];
    if (verify_options_parse(argc, argv, ALLOWED, &options, why) != BULLA_OK)
        return host_usage(tool, "%s", why);
    if (options.help) {
        (void)fputs(verify_show_help, stdout);
        return HOST_EXIT_OK;
    }
    return show(tool, &options);
}
