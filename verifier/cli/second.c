/* SPDX-License-Identifier: Apache-2.0 */
/* Behind each verdict of `envelope`: what does a reading say that shares no code with the first?
 * Where the two differ nothing is accepted and nothing refused. */

#include "verify.h"

bool second_trust_load(struct host_tool *tool, const struct verify_options *options,
                       const struct keys_trust *trust, struct tree_trust *second, int *exit_code)
{
    const char *why = "";
    for (size_t i = 0; i < trust->file_count; i++) {
        struct bulla_bytes file = {trust->files[i].data, trust->files[i].len};
        if (tree_trust_add(second, file, &why))
            continue;
        *exit_code =
            host_end(tool, BULLA_E_NOT_JUDGED, "%s: the second reading does not take it: %s",
                     options->trust[i], why);
        return false;
    }
    if (options->threshold > second->threshold)
        second->threshold = options->threshold;
    return true;
}

enum bulla_status second_ask(struct host_tool *tool, const struct second_question *question,
                             enum bulla_status status, char why[VERIFY_WHY_MAX], bool *agrees)
{
    static const char *const answers[] = {
        [TREE_NOT_COMPARED] = "not compared", [TREE_AGREES] = "agrees", [TREE_DIFFERS] = "differs"};
    const struct tree_first first = {
        .reader = &question->j->reader, .status = status, .other_image = question->other_image};
    char detail[TREE_WHY_MAX];
    enum tree_agreement agreement =
        tree_agree_file(question->fd, question->trust, &first, question->effort, detail);
    *agrees = agreement == TREE_AGREES;
    host_member(tool, "second_reading", answers[agreement]);
    if (agreement != TREE_DIFFERS)
        return status;
    (void)snprintf(why, VERIFY_WHY_MAX, "the first reading says %s, but %s",
                   bulla_status_name(status), detail);
    return BULLA_E_NOT_JUDGED;
}
