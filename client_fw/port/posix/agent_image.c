/* SPDX-License-Identifier: Apache-2.0 */
/* provision: lay a whole flash image, as bulla-device makes one, into the map. dump: the map as
 * such an image, for bulla-verify flash. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

/* ---- dump ---- */

/* What no area has is blank. */
static enum bulla_status read_sector(const struct agent *agent, uint32_t at,
                                     uint8_t bytes[BULLA_SECTOR_SIZE])
{
    const struct bulla_flash *flash = flash_posix_flash(&agent->config.flash);

    memset(bytes, 0xff, BULLA_SECTOR_SIZE);
    if (flash_posix_find(&agent->config.flash, at, BULLA_SECTOR_SIZE) == NULL)
        return BULLA_OK;
    return flash->read(flash->ctx, at, bytes, BULLA_SECTOR_SIZE);
}

static enum bulla_status write_image(struct agent *agent, struct host_writer *writer)
{
    uint8_t bytes[BULLA_SECTOR_SIZE];
    enum bulla_status status = BULLA_OK;

    for (uint32_t at = 0; at < agent->config.flash.size && status == BULLA_OK;
         at += BULLA_SECTOR_SIZE) {
        status = read_sector(agent, at, bytes);
        if (status == BULLA_OK)
            status = host_writer_write(writer, (struct bulla_bytes){bytes, sizeof(bytes)});
        if (status == BULLA_E_IO)
            (void)snprintf(agent->why, sizeof(agent->why), "%.300s: %s", agent->operand,
                           strerror(errno));
    }
    return status;
}

int agent_dump(struct agent *agent)
{
    struct host_writer writer;
    enum bulla_status status =
        flash_posix_open(&agent->config.flash, FLASH_POSIX_READ, AGENT_LOCK_WAIT_MS, agent->why);

    if (status != BULLA_OK)
        return agent_end(agent, status);
    /* trust store and state are nobody's secret, but the image may be */
    status = host_writer_open(&writer, agent->operand, 0600);
    if (status != BULLA_OK) {
        (void)snprintf(agent->why, sizeof(agent->why), "%.300s: %s", agent->operand,
                       strerror(errno));
        return agent_end(agent, status);
    }
    status = write_image(agent, &writer);
    if (status != BULLA_OK) {
        host_writer_abort(&writer);
        return agent_end(agent, status);
    }
    status = host_writer_commit(&writer, agent->force);
    if (status != BULLA_OK)
        (void)snprintf(agent->why, sizeof(agent->why), "%.300s: %s", agent->operand,
                       host_write_reason(errno));
    else
        host_say(agent->tool, "%s: %u bytes", agent->operand, (unsigned)agent->config.flash.size);
    return agent_end(agent, status);
}

/* ---- provision ---- */

static bool is_all(const uint8_t *bytes, uint8_t value)
{
    for (size_t i = 0; i < BULLA_SECTOR_SIZE; i++) {
        if (bytes[i] != value)
            return false;
    }
    return true;
}

/* A path in the map may be a wrong one: what is not blank is somebody's. */
static enum bulla_status need_blank(struct agent *agent)
{
    uint8_t bytes[BULLA_SECTOR_SIZE];

    for (uint32_t at = 0; at < agent->config.flash.size; at += BULLA_SECTOR_SIZE) {
        enum bulla_status status = read_sector(agent, at, bytes);
        if (status != BULLA_OK)
            return status;
        if (is_all(bytes, 0xff) || is_all(bytes, 0))
            continue;
        const struct flash_posix_area *area =
            flash_posix_find(&agent->config.flash, at, BULLA_SECTOR_SIZE);
        (void)snprintf(agent->why, sizeof(agent->why),
                       "%.300s is not blank (flash 0x%x): --force replaces what is there",
                       area != NULL ? area->path : "", (unsigned)at);
        return BULLA_E_PARTITION_CHANGED;
    }
    return BULLA_OK;
}

/* Whole, and of the size of the map. */
static enum bulla_status read_image(struct agent *agent, int fd, uint32_t at, uint8_t *bytes)
{
    ssize_t n = pread(fd, bytes, BULLA_SECTOR_SIZE, (off_t)at);

    if (n == (ssize_t)BULLA_SECTOR_SIZE)
        return BULLA_OK;
    (void)snprintf(agent->why, sizeof(agent->why), "%.300s: %s", agent->operand,
                   n < 0 ? strerror(errno) : "it is not whole");
    return BULLA_E_IO;
}

static enum bulla_status judge_image(struct agent *agent, int fd)
{
    uint8_t bytes[BULLA_SECTOR_SIZE];
    struct stat found;

    if (fstat(fd, &found) != 0 || found.st_size != (off_t)agent->config.flash.size) {
        (void)snprintf(agent->why, sizeof(agent->why),
                       "%.300s is no image of a flash of %u bytes, as flash-size says",
                       agent->operand, (unsigned)agent->config.flash.size);
        return BULLA_E_IO;
    }
    for (uint32_t at = 0; at < agent->config.flash.size; at += BULLA_SECTOR_SIZE) {
        enum bulla_status status = read_image(agent, fd, at, bytes);
        if (status != BULLA_OK)
            return status;
        if (is_all(bytes, 0xff) ||
            flash_posix_find(&agent->config.flash, at, BULLA_SECTOR_SIZE) != NULL)
            continue;
        (void)snprintf(agent->why, sizeof(agent->why),
                       "%.300s has something at 0x%x, where no area is", agent->operand,
                       (unsigned)at);
        return BULLA_E_PARTITION_BOUNDS;
    }
    return BULLA_OK;
}

/* Blocks where an area has whole ones: on a disk each call waits for the medium. */
static enum bulla_status erase_all(const struct agent *agent)
{
    const struct flash_posix *map = &agent->config.flash;
    const struct bulla_flash *flash = flash_posix_flash(map);
    enum bulla_status status = BULLA_OK;

    for (uint32_t at = 0, step = 0; at < map->size && status == BULLA_OK; at += step) {
        bool block =
            at % BULLA_BLOCK_SIZE == 0 && flash_posix_find(map, at, BULLA_BLOCK_SIZE) != NULL;
        step = block ? BULLA_BLOCK_SIZE : BULLA_SECTOR_SIZE;
        if (flash_posix_find(map, at, step) != NULL)
            status =
                block ? flash->erase_block(flash->ctx, at) : flash->erase_sector(flash->ctx, at);
        host_progress("erase", at, map->size);
    }
    return status;
}

static enum bulla_status lay(struct agent *agent, int fd, uint32_t at)
{
    const struct bulla_flash *flash = flash_posix_flash(&agent->config.flash);
    uint8_t bytes[BULLA_SECTOR_SIZE];
    enum bulla_status status = read_image(agent, fd, at, bytes);

    if (status != BULLA_OK || is_all(bytes, 0xff))
        return status;
    return flash->program(flash->ctx, at, bytes, sizeof(bytes));
}

/* The table comes last: before it is there, nobody takes the flash for a whole one. */
static enum bulla_status lay_all(struct agent *agent, int fd)
{
    enum bulla_status status = erase_all(agent);

    for (uint32_t at = 0; at < agent->config.flash.size && status == BULLA_OK;
         at += BULLA_SECTOR_SIZE) {
        if (at != BULLA_PARTITION_TABLE_OFFSET)
            status = lay(agent, fd, at);
        host_progress("provision", at, agent->config.flash.size);
    }
    return status == BULLA_OK ? lay(agent, fd, BULLA_PARTITION_TABLE_OFFSET) : status;
}

/* Does this device start? Its own code says so, from what was read back. */
static enum bulla_status prove(struct agent *agent)
{
    struct bulla_boot_result next = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};
    enum bulla_status status = agent_open(agent, FLASH_POSIX_WRITE);

    if (status == BULLA_OK)
        status = bulla_client_predict(&agent->client, &next);
    if (status != BULLA_OK)
        return status;
    host_say(agent->tool, "provisioned: %s boots first", agent_label(agent, next.slot));
    agent_set(agent, "slot", json_string(agent_label(agent, next.slot)));
    return BULLA_OK;
}

int agent_provision(struct agent *agent)
{
    int fd = open(agent->operand, O_RDONLY | O_CLOEXEC);
    enum bulla_status status = BULLA_E_IO;

    if (fd < 0) {
        (void)snprintf(agent->why, sizeof(agent->why), "%.300s: %s", agent->operand,
                       strerror(errno));
        return agent_end(agent, status);
    }
    status =
        flash_posix_open(&agent->config.flash, FLASH_POSIX_WRITE, AGENT_LOCK_WAIT_MS, agent->why);
    if (status == BULLA_OK)
        status = judge_image(agent, fd);
    if (status == BULLA_OK && !agent->force)
        status = need_blank(agent);
    if (status == BULLA_OK)
        status = lay_all(agent, fd);
    (void)close(fd);
    if (status == BULLA_OK) {
        agent_close(agent);
        status = prove(agent);
    }
    return agent_end(agent, status);
}
