/* SPDX-License-Identifier: Apache-2.0 */
/* Read once, consume several times: the caller's thread reads into a small ring of blocks, every
 * consumer walks the ring on a thread of its own. Reading waits for the slowest consumer, so
 * memory is constant whatever the size of the file. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "host.h"

/* Large enough that locking costs nothing beside hashing, small enough that a block is still in
 * the cache when the second consumer comes to it. */
#define BLOCK_SIZE ((size_t)512 * 1024)
#define SLOTS      4u

struct ring;

struct worker {
    struct ring *ring;
    struct host_consumer *consumer;
    pthread_t thread;
    uint64_t taken; /* blocks consumed */
    bool stopped;   /* consumer failed: takes nothing more */
};

/* All members below `lock` are guarded by it; a slot's bytes belong to the reader until `filled`
 * passes the slot, then to the workers until all have taken it. */
struct ring {
    uint8_t *blocks;
    struct worker *workers;
    size_t started;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    size_t lens[SLOTS];
    uint64_t filled; /* blocks read */
    bool ended;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct ring *ring = w->ring;

    pthread_mutex_lock(&ring->lock);
    while (!w->stopped) {
        while (w->taken == ring->filled && !ring->ended)
            pthread_cond_wait(&ring->moved, &ring->lock);
        if (w->taken == ring->filled)
            break;
        size_t slot = (size_t)(w->taken % SLOTS);
        struct bulla_bytes block = {ring->blocks + slot * BLOCK_SIZE, ring->lens[slot]};
        pthread_mutex_unlock(&ring->lock);

        enum bulla_status status = w->consumer->take(w->consumer->ctx, block);

        pthread_mutex_lock(&ring->lock);
        w->consumer->status = status;
        w->stopped = status != BULLA_OK;
        w->taken++;
        pthread_cond_broadcast(&ring->moved);
    }
    pthread_mutex_unlock(&ring->lock);
    return NULL;
}

/* May the next slot be overwritten? All workers that still run must have taken what it held. */
static bool slot_is_free(const struct ring *ring)
{
    for (size_t i = 0; i < ring->started; i++) {
        const struct worker *w = &ring->workers[i];
        if (!w->stopped && ring->filled - w->taken >= SLOTS)
            return false;
    }
    return true;
}

static bool anybody_left(const struct ring *ring)
{
    for (size_t i = 0; i < ring->started; i++) {
        if (!ring->workers[i].stopped)
            return true;
    }
    return false;
}

/* Waits until the next slot is free; false when every consumer has stopped. */
static bool wait_for_slot(struct ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    while (!slot_is_free(ring))
        pthread_cond_wait(&ring->moved, &ring->lock);
    bool wanted = anybody_left(ring);
    pthread_mutex_unlock(&ring->lock);
    return wanted;
}

static void publish_slot(struct ring *ring, size_t len)
{
    pthread_mutex_lock(&ring->lock);
    ring->lens[ring->filled % SLOTS] = len;
    ring->filled++;
    pthread_cond_broadcast(&ring->moved);
    pthread_mutex_unlock(&ring->lock);
}

/* Fills a block unless the input ends first: a pipe hands out less at a time. */
static enum bulla_status read_block(int fd, uint8_t *block, size_t want, size_t *got)
{
    *got = 0;
    while (*got < want) {
        ssize_t n = read(fd, block + *got, want - *got);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return BULLA_E_IO;
        *got += (size_t)n;
    }
    return BULLA_OK;
}

/* The reader. Only this thread writes `filled`, so it may read it without the lock. */
static enum bulla_status read_all(struct ring *ring, int fd, uint64_t limit, uint64_t *total)
{
    while (*total < limit && wait_for_slot(ring)) {
        uint64_t left = limit - *total;
        size_t want = left < BLOCK_SIZE ? (size_t)left : BLOCK_SIZE;
        size_t got;
        uint8_t *block = ring->blocks + (size_t)(ring->filled % SLOTS) * BLOCK_SIZE;

        enum bulla_status status = read_block(fd, block, want, &got);
        if (got > 0)
            publish_slot(ring, got);
        *total += got;
        if (status != BULLA_OK || got < want)
            return status;
    }
    return BULLA_OK;
}

static enum bulla_status start_workers(struct ring *ring, struct host_consumer *consumers,
                                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct worker *w = &ring->workers[i];
        consumers[i].status = BULLA_OK;
        *w = (struct worker){.ring = ring, .consumer = &consumers[i]};
        int error = pthread_create(&w->thread, NULL, work, w);
        if (error != 0) {
            errno = error;
            return BULLA_E_IO;
        }
        ring->started++; /* workers never look at it */
    }
    return BULLA_OK;
}

static void end_workers(struct ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->ended = true;
    pthread_cond_broadcast(&ring->moved);
    pthread_mutex_unlock(&ring->lock);
    for (size_t i = 0; i < ring->started; i++)
        pthread_join(ring->workers[i].thread, NULL);
}

enum bulla_status host_feed(int fd, uint64_t limit, struct host_consumer *consumers, size_t count,
                            uint64_t *total)
{
    struct ring ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
    enum bulla_status status = BULLA_E_IO;
    uint64_t bytes = 0;
    int error = ENOMEM;

    *total = 0;
    ring.blocks = aligned_alloc(4096, SLOTS * BLOCK_SIZE);
    ring.workers = calloc(count > 0 ? count : 1, sizeof *ring.workers);
    if (ring.blocks != NULL && ring.workers != NULL) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint; pipes refuse it */
        status = start_workers(&ring, consumers, count);
        if (status == BULLA_OK)
            status = read_all(&ring, fd, limit, &bytes);
        error = errno;
        end_workers(&ring);
    }
    free(ring.workers);
    free(ring.blocks);
    *total = bytes;
    errno = error; /* joining and freeing may have changed it */
    return status;
}
