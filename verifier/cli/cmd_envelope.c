/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-verify envelope: opens what it was given, has it judged, tells. */

#include <unistd.h>

#include "verify.h"

const char verify_envelope_help[] =
    "Usage: bulla-verify envelope FILE --trust T [OPTIONS]\n"
    "Judges a sealed release as a device would. FILE is a file or an https URL.\n"
    "\n"
    "  --trust T            a public key (PEM) or a trust store; may be repeated\n"
    "  --threshold M        at least M trusted keys must have signed\n"
    "  --image F            the image the envelope was made for; without it, and when the\n"
    "                       envelope does not carry its image, the image, --floor, --format\n"
    "                       and --chip are not judged\n"
    "\n"
    "What a device would know of itself; whatever is not given is not judged:\n"
    "  --vendor D --class C vendor domain and class name of the device\n"
    "  --component NAME     app or factory\n"
    "  --newer-than S       refuse a sequence number of S or below\n"
    "  --slot-size N        bytes (K and M are understood)\n"
    "  --format esp|raw     the kind of image it takes\n"
    "  --chip NAME          esp32, esp32c3, ...\n"
    "  --chip-revision N    major * 100 + minor; 0 when not given\n"
    "  --floor N            refuse a secure version below N\n"
    "\n"
    "  --pin sha256//B64    for a URL: trust the server with this key instead of the\n"
    "                       system's certificate authorities; may be repeated\n"
    "  --json               one JSON object on stdout\n"
    "\n"
    "Exit codes: 0 accepted, 1 judged and refused, 2 could not judge.\n";

/* All options of this command, by their letters in options.c. */
#define ALLOWED "tmivckmnfsoprP"

static enum bulla_status open_inputs(const struct verify_options *options, int *envelope,
                                     int *image, char why[VERIFY_WHY_MAX])
{
    *envelope = -1;
    *image = -1;
    if (options->image != NULL) {
        enum bulla_status status = verify_file_open(options->image, image, why);
        if (status != BULLA_OK)
            return status;
    }
    return verify_source_open(options, envelope, why);
}

static void close_input(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

static int judge(struct host_tool *tool, const struct verify_options *options,
                 const struct bulla_trust *trust)
{
    struct judgement j;
    char why[VERIFY_WHY_MAX] = "";
    int envelope;
    int image;
    enum bulla_status status = open_inputs(options, &envelope, &image, why);
    bool opened = status == BULLA_OK;
    if (opened) {
        status = judgement_run(&j, trust, &options->device, envelope, image, why);
        if (status == BULLA_OK || j.authenticated)
            report_judgement(tool, &j, options, status);
    }
    int code = host_end(tool, status, "%s", why[0] != '\0' ? why : bulla_status_sentence(status));
    if (opened)
        judgement_free(&j);
    close_input(envelope);
    close_input(image);
    return code;
}

int verify_envelope(struct host_tool *tool, int argc, char **argv)
{
    struct verify_options options;
    char why[VERIFY_WHY_MAX];
    if (verify_options_parse(argc, argv, ALLOWED, &options, why) != BULLA_OK)
        return host_usage(tool, "%s", why);
    if (options.help) {
        (void)fputs(verify_envelope_help, stdout);
        return HOST_EXIT_OK;
    }
    struct keys_trust trust;
    int code;
    if (!verify_trust_load(tool, &options, &trust, &code))
        return code;
    code = judge(tool, &options, &trust.trust);
    keys_trust_free(&trust);
    return code;
}
