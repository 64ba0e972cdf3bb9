/* SPDX-License-Identifier: Apache-2.0 */
/* Images on their own: the structure of an ESP-IDF app image, and what a device demands of one. */

#include <stdlib.h>
#include <string.h>

#include "bulla/espimage.h"
#include "judge.h"

struct image_case {
    struct bulla_device device;
    uint32_t size; /* as a manifest would declare it */
};

static void read_words(struct image_case *c, char *words)
{
    for (char *word = strtok(words, ","); word != NULL; word = strtok(NULL, ",")) {
        if (!judge_number(word, "size", &c->size) && !kit_device_word(&c->device, word))
            kit_die("no such device word", word);
    }
}

/* What the device demands is judged as soon as it can be. */
static enum bulla_status judge(const struct image_case *c, struct kit_file file, size_t step)
{
    static struct bulla_espimage s;
    bool judged = false;
    uint32_t facts = 0;
    bulla_espimage_init(&s, c->size);
    enum bulla_status status = BULLA_OK;
    for (size_t at = 0; at < file.len && status == BULLA_OK; at += step) {
        size_t n = file.len - at < step ? file.len - at : step;
        status = bulla_espimage_feed(&s, (struct bulla_bytes){file.data + at, n});
        if (status == BULLA_OK && !judged && bulla_espimage_ready(&s)) {
            status = bulla_policy_image(&c->device, &s.facts, &facts);
            judged = true;
        }
    }
    if (status == BULLA_OK)
        status = bulla_espimage_finish(&s);
    if (status == BULLA_OK && !judged)
        status = bulla_policy_image(&c->device, &s.facts, &facts);
    return status;
}

void judge_image(const char *kit)
{
    static const size_t steps[] = {1, 7, 64};
    char line[KIT_LINE], *cells[2];
    FILE *cases = kit_open(kit, "image");
    while (kit_row(cases, line, cells, 2)) {
        struct kit_file file = kit_load(kit, "image", cells[0], ".bin");
        struct image_case c = {.size = (uint32_t)file.len};
        read_words(&c, cells[1]);
        enum bulla_status status = judge(&c, file, BULLA_SECTOR_SIZE);
        bool same = true;
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
            same = same && judge(&c, file, steps[i]) == status;
        if (same)
            judge_tell("image", cells[0], status, "");
        else
            judge_tell_differs("image", cells[0]);
        free(file.data);
    }
    (void)fclose(cases);
}
