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
    "  --module NAME=F      the module's file, which is raw bytes; may be repeated\n"
    "\n"
    "What a device would know of itself; whatever is not given is not judged:\n"
    "  --vendor D --class C vendor domain and class name of the device\n"
    "  --component NAME     app or factory\n"
    "  --no-modules         it has no room for modules: refuse a release with any\n"
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
#define ALLOWED "tmiMNvckmnfsoprP2+"

static void close_input(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

static enum bulla_status open_inputs(const struct verify_options *options, int *envelope,
                                     struct judgement_files *files, char why[VERIFY_WHY_MAX])
{
    enum bulla_status status = BULLA_OK;
    *envelope = -1;
    *files = (struct judgement_files){.image = -1};
    if (options->image != NULL)
        status = verify_file_open(options->image, &files->image, why);
    for (size_t i = 0; status == BULLA_OK && i < options->module_count; i++) {
        const char *path = host_named_file(options->modules[i], files->modules[i].name);
        status = verify_file_open(path, &files->modules[i].fd, why);
        if (status == BULLA_OK)
            files->module_count++;
    }
    return status == BULLA_OK ? verify_source_open(options, options->file, envelope, why) : status;
}

static void close_inputs(int envelope, const struct judgement_files *files)
{
    close_input(envelope);
    close_input(files->image);
    for (uint32_t i = 0; i < files->module_count; i++)
        close_input(files->modules[i].fd);
}

static int judge(struct host_tool *tool, const struct verify_options *options,
                 const struct bulla_trust *trust, const struct tree_trust *second)
{
    struct judgement j = {.workspace = NULL};
    struct judgement_files files;
    char why[VERIFY_WHY_MAX] = "";
    int envelope;
    host_member(tool, "file", options->file);
    enum bulla_status status = open_inputs(options, &envelope, &files, why);
    bool opened = status == BULLA_OK;
    if (opened) {
        bool agrees = false;
        status = judgement_run(&j, trust, &options->device, envelope, &files, why);
        const struct second_question question = {.j = &j,
                                                 .trust = second,
                                                 .fd = envelope,
                                                 .effort = TREE_EVERYTHING,
                                                 .other_image = options->image != NULL ||
                                                                options->module_count > 0};
        status = second_ask(tool, &question, status, why, &agrees);
        if (status == BULLA_OK || j.authenticated)
            report_judgement(tool, &j, options, status);
        if (status == BULLA_OK)
            report_line(tool, "second reading", agrees ? "agrees" : "not compared");
    }
    int code = host_end(tool, status, "%s", why[0] != '\0' ? why : bulla_status_sentence(status));
    if (opened)
        judgement_free(&j);
    close_inputs(envelope, &files);
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
    if (several && (options.image != NULL || options.module_count > 0))
        return host_usage(tool, "%s goes with one envelope: an image belongs to one of them",
                          options.image != NULL ? "--image" : "--module");
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
