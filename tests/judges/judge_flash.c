/* SPDX-License-Identifier: Apache-2.0 */
/* What a device finds in its flash: the partition table, otadata, its own records. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bulla/otadata.h"
#include "bulla/state.h"
#include "judge.h"

void judge_partition(const char *kit)
{
    static struct bulla_layout layout;
    char line[KIT_LINE], *cells[2];
    FILE *cases = kit_open(kit, "partition");
    while (kit_row(cases, line, cells, 2)) {
        struct kit_file table = kit_load(kit, "partition", cells[0], ".bin");
        uint32_t flash_size = 0;
        if (!judge_number(cells[1], "flash", &flash_size))
            kit_die("no such device word", cells[1]);
        enum bulla_status status =
            bulla_layout_decode((struct bulla_bytes){table.data, table.len}, flash_size, &layout);
        if (status == BULLA_OK && layout.state.size == 0)
            status = BULLA_E_PARTITION_NO_STATE;
        judge_tell("partition", cells[0], status, "");
        free(table.data);
    }
    (void)fclose(cases);
}

struct choice_case {
    uint32_t slots;
    uint32_t next;
    bool factory;
    bool rollback;
};

static void read_choice(struct choice_case *c, char *words)
{
    *c = (struct choice_case){.slots = 0};
    for (char *word = strtok(words, ","); word != NULL; word = strtok(NULL, ",")) {
        if (strcmp(word, "factory") == 0)
            c->factory = true;
        else if (strcmp(word, "rollback") == 0)
            c->rollback = true;
        else if (!judge_number(word, "slots", &c->slots) && !judge_number(word, "next", &c->next))
            kit_die("no such device word", word);
    }
}

/* The columns active, choice, after and next. */
static enum bulla_status choose(const struct choice_case *c, const uint8_t *bytes, char *more,
                                size_t size)
{
    struct bulla_otadata records;
    uint32_t rewrites = 0, next = 0;
    bool initial = false;
    char slot[16] = "factory", number[16] = "-";
    for (size_t i = 0; i < 2; i++)
        records.record[i] = bulla_ota_record_decode(bytes + i * BULLA_OTADATA_RECORD_SIZE);
    int32_t active = bulla_ota_active(&records);
    enum bulla_status status =
        bulla_ota_next_seq(active < 0 ? 0 : records.record[active].seq, c->next, c->slots, &next);
    int32_t chosen =
        bulla_ota_idf_select(&records, c->slots, c->factory, c->rollback, &rewrites, &initial);
    if (chosen != BULLA_SLOT_FACTORY)
        (void)snprintf(slot, sizeof(slot), "ota_%" PRId32, chosen);
    if (status == BULLA_OK)
        (void)snprintf(number, sizeof(number), "%" PRIu32, next);
    (void)snprintf(more, size, " %" PRId32 " %s %" PRIx32 ":%" PRIx32 ":%" PRIx32 ":%d %s", active,
                   slot, records.record[0].state, records.record[1].state, rewrites, initial,
                   number);
    return status;
}

void judge_otadata(const char *kit)
{
    char line[KIT_LINE], *cells[2], more[128];
    FILE *cases = kit_open(kit, "otadata");
    while (kit_row(cases, line, cells, 2)) {
        struct kit_file file = kit_load(kit, "otadata", cells[0], ".bin");
        struct choice_case c;
        if (file.len != 2 * BULLA_OTADATA_RECORD_SIZE)
            kit_die("not two records", cells[0]);
        read_choice(&c, cells[1]);
        enum bulla_status status = choose(&c, file.data, more, sizeof(more));
        judge_tell("otadata", cells[0], status, more);
        free(file.data);
    }
    (void)fclose(cases);
}

/* ---- device state: a flash that can only be read, blank behind the file ---- */

static enum bulla_status read_flash(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    const struct kit_file *file = (const struct kit_file *)ctx;
    memset(buffer, 0xff, len);
    if (offset < file->len)
        memcpy(buffer, file->data + offset, len < file->len - offset ? len : file->len - offset);
    return BULLA_OK;
}

static enum bulla_status refuse_program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    (void)ctx, (void)offset, (void)bytes, (void)len;
    return BULLA_E_FLASH_PROGRAM;
}

static enum bulla_status refuse_erase(void *ctx, uint32_t offset)
{
    (void)ctx, (void)offset;
    return BULLA_E_FLASH_ERASE;
}

/* Everything a device reads at start, in this order; the columns confirmed and floor. */
static enum bulla_status read_state(const struct bulla_flash *flash, char *more, size_t size)
{
    const struct bulla_partition partition = {.size = flash->size};
    struct bulla_state state;
    struct bulla_identity identity;
    struct bulla_confirmed confirmed = {.sequence = 0};
    struct bulla_trial trial;
    struct bulla_running running;
    uint32_t floor = 0;
    bool found, has_confirmed = false;
    char sequence[16] = "-";
    (void)snprintf(more, size, " - -");
    enum bulla_status status = bulla_state_open(&state, flash, &partition);
    if (status == BULLA_OK && state.damaged)
        status = BULLA_E_STATE_DAMAGED;
    if (status == BULLA_OK)
        status = bulla_state_get_identity(&state, &identity, &found);
    if (status == BULLA_OK)
        status = bulla_state_get_confirmed(&state, &confirmed, &has_confirmed);
    if (status == BULLA_OK)
        status = bulla_state_get_floor(&state, &floor);
    if (status == BULLA_OK)
        status = bulla_state_get_trial(&state, &trial, &found);
    if (status == BULLA_OK)
        status = bulla_state_get_running(&state, &running, &found);
    if (status != BULLA_OK)
        return status;
    if (has_confirmed)
        (void)snprintf(sequence, sizeof(sequence), "%" PRIu32, confirmed.sequence);
    (void)snprintf(more, size, " %s %" PRIu32, sequence, floor);
    return BULLA_OK;
}

void judge_state(const char *kit)
{
    char line[KIT_LINE], *cells[2], more[64];
    FILE *cases = kit_open(kit, "state");
    while (kit_row(cases, line, cells, 2)) {
        struct kit_file file = kit_load(kit, "state", cells[0], ".bin");
        struct bulla_flash flash = {.read = read_flash,
                                    .program = refuse_program,
                                    .erase_sector = refuse_erase,
                                    .ctx = &file};
        if (!judge_number(cells[1], "size", &flash.size))
            kit_die("no such device word", cells[1]);
        enum bulla_status status = read_state(&flash, more, sizeof(more));
        judge_tell("state", cells[0], status, more);
        free(file.data);
    }
    (void)fclose(cases);
}
