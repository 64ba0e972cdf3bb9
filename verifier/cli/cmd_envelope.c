/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-verify envelope: opens what it was given, has it judged, tells. More than one: several.c.
 */

#include <unistd.h>

#include "verify.h"

const char verify_envelope_help[] =
    "Usage: bulla-verify envelope FILE... --trust T [OPTIONS]\n"
    "Judges a sealed release as a device would. FILE is a file, an https URL, or a folder: all\n"
    "files below it that are named *.suit. Several are told on a line each, then counted.\n"
    "\n"
    "  --trust T            a public key (PEM) or a trust store; may be repeated\n"
    "  --threshold M        at least M trusted keys must have signed\n"
    "  --image F            the image the (one) envelope was made for; without it, and when\n"
    "                       the envelope does not carry its image, the image, --floor,\n"
    "                       --format and --chip are not judged\n"
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
    "  --second-reading     of several: read each once more with other code, as is done with\n"
    "                       one envelope anyway; takes a third longer\n"
    "  --json               one JSON object on stdout; of several, one a line and a summary\n"
    "\n"
    "Exit codes: 0 accepted, 1 judged and refused, 2 could not judge. Of several: 1 when one\n"
    "was refused, else 2 when one could not be judged.\n";

/* All options of this command, by their letters in options.c. */
#define ALLOWED "tmivckmnfsoprP2+"

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
    return verify_source_open(options, options->file, envelope, why);
}

static void close_input(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

static int judge(struct host_tool *tool, const struct verify_options *options,
                 const struct bulla_trust *trust, const struct tree_trust *second)
{
    struct judgement j = {.workspace = NULL};
    char why[VERIFY_WHY_MAX] = "";
    int envelope;
    int image;
    host_member(tool, "file", options->file);
    enum bulla_status status = open_inputs(options, &envelope, &image, why);
    bool opened = status == BULLA_OK;
    if (opened) {
        bool agrees = false;
        status = judgement_run(&j, trust, &options->device, envelope, image, why);
        const struct second_question question = {.j = &j,
                                                 .trust = second,
                                                 .fd = envelope,
                                                 .effort = TREE_EVERYTHING,
                                                 .other_image = options->image != NULL};
        status = second_ask(tool, &question, status, why, &agrees);
        if (status == BULLA_OK || j.authenticated)
            report_judgement(tool, &j, options, status);
        if (status == BULLA_OK)
            report_line(tool, "second reading", agrees ? "agrees" : "not compared");
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
    bool several = verify_is_several(&options);
    if (several && options.image != NULL)
        return host_usage(tool, "--image goes with one envelope: an image belongs to one of them");
    struct keys_trust trust;
    int code;
    if (!verify_trust_load(tool, &options, &trust, &code))
        return code;
    struct tree_trust second = {.threshold = 0};
    if (second_trust_load(tool, &options, &trust, &second, &code))
        code = several ? verify_several(tool, &options, &trust.trust, &second)
                       : judge(tool, &options, &trust.trust, &second);
    tree_trust_free(&second);
    keys_trust_free(&trust);
    return code;
}
