/* SPDX-License-Identifier: Apache-2.0 */
/* judge KITDIR [OUTPUT]: the verdict of this build on every case of the vector kit, one line each.
 *
 * The same source is built for every kind of machine and crypto library (README.md), so it takes
 * only what a board with semihosting has: files, standard output, memory. What the right answers
 * are is not its business; tests/judges/run compares. */

#include <stdlib.h>
#include <string.h>

#include "judge.h"

static FILE *output;

void judge_tell(const char *part, const char *name, enum bulla_status status, const char *more)
{
    (void)fprintf(output, "%s/%s\t%s%s\n", part, name, bulla_status_name(status), more);
}

void judge_tell_differs(const char *part, const char *name)
{
    (void)fprintf(output, "%s/%s\tsplit-differs\n", part, name);
}

bool judge_number(const char *word, const char *name, uint32_t *number)
{
    size_t len = strlen(name);
    if (strncmp(word, name, len) != 0 || word[len] != '=')
        return false;
    *number = (uint32_t)strtoul(word + len + 1, NULL, 0);
    return true;
}

int main(int argc, char *argv[])
{
    static void (*const parts[])(const char *kit) = {
        judge_envelope,  judge_bundle,  judge_trust, judge_ed25519, judge_cbor, judge_image,
        judge_partition, judge_otadata, judge_state, judge_http,    judge_url,  judge_rfc8032,
    };
    if (argc != 2 && argc != 3)
        kit_die("usage", "judge KITDIR [OUTPUT]");
    output = argc == 3 ? fopen(argv[2], "wb") : stdout;
    if (output == NULL)
        kit_die("cannot write", argv[2]);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        parts[i](argv[1]);
    /* an answer that did not arrive must not pass for a shorter kit */
    if (fflush(output) != 0 || ferror(output))
        kit_die("cannot write", "the verdicts");
    return 0;
}
