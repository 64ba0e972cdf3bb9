/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-send: an update at the other end of a serial line. It serves files and judges nothing: the
 * device does. */

#include "send.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "slipmux.h"
#include "uart_posix.h"

#define TICK_MS  200u  /* how soon a signal is heard */
#define QUIET_MS 5000u /* with --once: a device that was served and is silent is done */

static const char help[] =
    "usage: bulla-send DEVICE FILE|DIR [--baud N] [--once] [--json]\n"
    "Serve an update on a serial line, for `bulla-device update FLASH --serial` or any device "
    "with\n"
    "the same transport: CoAP with Block2 in Slipmux frames, 8N1. FILE is an envelope or a "
    "bundle;\n"
    "a device that asks for update.suit gets it. Beside it the images are served that its "
    "manifest\n"
    "names, and their .md5, and nothing else. Of DIR every file is served by its name, also "
    "below;\n"
    "its only *.suit answers to update.suit, too.\n"
    "Never served: hidden files, links, files of more than 65 MiB, and files of up to 64 KiB "
    "that\n"
    "look like a private key (\"PRIVATE KEY-----\" anywhere, or DER of PKCS#8, PKCS#1, SEC1).\n"
    "Ends with Ctrl-C.\n"
    "  --baud   default 115200\n"
    "  --once   end when a device was served and has been silent for 5 s\n";

struct sending {
    const char *device;
    uint32_t baud;
    bool once;
    char first[256];
    struct send_server server;
    struct bulla_posix_uart uart;
    struct bulla_stream line;
    uint64_t damaged;
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

/* ---- what is served ---- */

static bool is_envelope(const char *name)
{
    size_t len = strlen(name);

    return len > 5 && name[0] != '.' && strcmp(name + len - 5, ".suit") == 0;
}

/* The folder's envelope, if there is exactly one and none has the well-known name. */
static void choose_first(struct sending *s, const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);

    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, &SEND_WELL_KNOWN[1]) == 0)
            count = 2;
        if (is_envelope(entry->d_name) && count++ == 0)
            (void)snprintf(s->first, sizeof s->first, "%s", entry->d_name);
    }
    if (dir != NULL)
        (void)closedir(dir);
    s->server.first = count == 1 ? s->first : NULL;
}

/* -1, or the exit code. */
static int open_source(struct host_tool *tool, struct sending *s, const char *path)
{
    struct stat info;
    char *folder = realpath(path, NULL);

    if (folder == NULL || stat(folder, &info) != 0) {
        int error = errno;
        free(folder);
        return host_end(tool, BULLA_E_IO, "%s: %s", path, strerror(error));
    }
    if (S_ISDIR(info.st_mode)) {
        choose_first(s, folder);
    } else if (S_ISREG(info.st_mode) && info.st_size > (off_t)SEND_FILE_MAX) {
        free(folder);
        return host_end(tool, BULLA_E_IO, "%s has more than %u MiB, which no device takes", path,
                        SEND_FILE_MAX >> 20);
    } else if (S_ISREG(info.st_mode)) {
        char *slash = strrchr(folder, '/');
        (void)snprintf(s->first, sizeof s->first, "%s", slash + 1);
        s->server.first = s->first;
        s->server.alone = true;
        slash[slash == folder ? 1 : 0] = '\0';
    } else {
        free(folder);
        return host_end(tool, BULLA_E_IO, "%s is neither a folder nor a regular file", path);
    }
    s->server.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    free(folder);
    return s->server.folder >= 0 ? -1 : host_end(tool, BULLA_E_IO, "%s: %s", path, strerror(error));
}

/* ---- the line ---- */

static enum bulla_status send_frame(struct sending *s, struct bulla_bytes message)
{
    struct bulla_slipmux_writer writer;
    uint8_t out[512];
    size_t len;

    bulla_slipmux_write_init(&writer, message);
    while ((len = bulla_slipmux_write(&writer, out, sizeof out)) > 0) {
        for (size_t at = 0; at < len && !stopped;) {
            size_t sent = 0;
            enum bulla_status status = s->line.send(s->line.ctx, out + at, len - at,
                                                    s->line.now_ms(s->line.ctx) + TICK_MS, &sent);
            if (status != BULLA_OK && status != BULLA_E_NET_STALLED)
                return status;
            at += sent;
        }
    }
    return BULLA_OK;
}

/* Serve until a signal, the end of the line, or silence with --once. */
static enum bulla_status serve(struct sending *s)
{
    uint8_t buffer[BULLA_COAP_MESSAGE_MAX + BULLA_SLIPMUX_OVERHEAD];
    uint8_t out[BULLA_COAP_MESSAGE_MAX];
    uint8_t held[512];
    struct bulla_slipmux_reader frames;
    uint64_t heard = 0;

    bulla_slipmux_read_init(&frames, buffer, sizeof buffer);
    while (!stopped) {
        size_t len = 0;
        uint64_t now = s->line.now_ms(s->line.ctx);
        enum bulla_status status =
            s->line.recv(s->line.ctx, held, sizeof held, now + TICK_MS, &len);
        if (status != BULLA_OK && status != BULLA_E_NET_STALLED)
            return status;
        for (size_t i = 0; i < len; i++) {
            struct bulla_bytes message;
            enum bulla_frame frame = bulla_slipmux_read(&frames, held[i], &message);
            s->damaged += frame == BULLA_FRAME_DAMAGED;
            if (frame != BULLA_FRAME_MESSAGE)
                continue;
            heard = now;
            size_t answer = send_answer(&s->server, message, out, sizeof out);
            if (answer > 0 &&
                send_frame(s, (struct bulla_bytes){out, answer}) == BULLA_E_NET_CLOSED)
                return BULLA_E_NET_CLOSED;
        }
        if (s->once && s->server.bytes > 0 && now - heard >= QUIET_MS)
            break;
    }
    return BULLA_OK;
}

static int send_all(struct host_tool *tool, struct sending *s)
{
    struct sigaction action = {.sa_handler = stop};

    s->uart = (struct bulla_posix_uart){.path = s->device, .baud = s->baud};
    s->line = bulla_posix_uart_stream(&s->uart);
    if (s->line.connect(s->line.ctx, "", 0, 0) != BULLA_OK)
        return host_end(tool, BULLA_E_NET_CONNECT, "%s: %s", s->device,
                        bulla_posix_uart_reason(&s->uart));
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    host_say(tool, "serving on %s at %u baud%s%s", s->device, (unsigned)s->baud,
             s->server.first != NULL ? ", update.suit is " : "",
             s->server.first != NULL ? s->server.first : "");
    if (s->server.alone && !send_has_release(&s->server))
        host_note(tool, "the manifest of %s cannot be read: it is served alone", s->first);
    (void)fflush(stdout); /* who waits for it may read a pipe */
    enum bulla_status status = serve(s);
    s->line.close(s->line.ctx);
    if (tool->json) {
        json_object_set_new(tool->doc, "requests", json_integer((json_int_t)s->server.requests));
        json_object_set_new(tool->doc, "refused", json_integer((json_int_t)s->server.refused));
        json_object_set_new(tool->doc, "bytes", json_integer((json_int_t)s->server.bytes));
        json_object_set_new(tool->doc, "damaged_frames", json_integer((json_int_t)s->damaged));
    }
    host_say(tool,
             "%llu requests answered, %llu of them with an error; %llu bytes, %llu damaged "
             "frames",
             (unsigned long long)s->server.requests, (unsigned long long)s->server.refused,
             (unsigned long long)s->server.bytes, (unsigned long long)s->damaged);
    if (status != BULLA_OK)
        return host_end(tool, status, "%s: the line is gone", s->device);
    return host_end(tool, BULLA_OK, NULL);
}

/* ---- the command line ---- */

/* -1, or the exit code. */
static int parse(struct host_tool *tool, int argc, char **argv, struct sending *s)
{
    static const struct option options[] = {
        {"baud", required_argument, NULL, 'b'}, {"once", no_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},       {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},    {NULL, 0, NULL, 0},
    };
    uint64_t baud = BULLA_UART_BAUD_DEFAULT;
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'h')
            return host_tell(tool, "help", help);
        if (option == 'V')
            return host_tell(tool, "version", "bulla-send " BULLA_VERSION "\n");
        if (option == ':')
            return host_usage(tool, "%s needs an argument", argv[optind - 1]);
        if (option == '?')
            return host_usage(tool, "unknown option %s", argv[optind - 1]);
        if (option == 'o')
            s->once = true;
        if (option == 'b' && (!host_parse_number(optarg, UINT32_MAX, false, &baud) ||
                              !bulla_posix_uart_has_baud((uint32_t)baud)))
            return host_usage(
                tool, "--baud must be a rate such as 9600, 115200 or 921600, found %s", optarg);
    }
    if (argc - optind != 2)
        return host_usage(tool, "DEVICE and FILE or DIR expected, %d operands given",
                          argc - optind);
    s->device = argv[optind];
    s->baud = (uint32_t)baud;
    return open_source(tool, s, argv[optind + 1]);
}

int main(int argc, char **argv)
{
    struct sending s = {.server = {.folder = -1, .stopped = &stopped}};
    struct host_tool tool;

    host_begin(&tool, "bulla-send", argc, argv);
    tool.judges_nothing = true;
    int code = parse(&tool, argc, argv, &s);
    if (code < 0)
        code = send_all(&tool, &s);
    if (s.server.folder >= 0)
        close(s.server.folder);
    return code;
}
