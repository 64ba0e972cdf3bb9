/* SPDX-License-Identifier: Apache-2.0 */
/* One large update whose connection is dropped again and again: what it received above what it
 * needed, part by part. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "matrix.h"

#define CALLS_MAX    10u   /* a call may give up when four drops in a row let nothing through */
#define HEAD_SURPLUS 1024u /* headers and frames around an envelope */
#define RECORD_FRAME 29u   /* TLS 1.2 with AES-GCM: header, explicit nonce, tag */

struct sum {
    struct proxy_counts wire;
    uint64_t envelope;
    uint64_t image;
    uint32_t requests;
    uint32_t retries;
    uint32_t calls;
};

static void add(struct sum *sum, struct job *job)
{
    struct proxy_counts counts = proxy_counts(job->proxy);

    sum->wire.connections += counts.connections;
    sum->wire.up += counts.up;
    sum->wire.down += counts.down;
    sum->wire.handshake += counts.handshake;
    sum->wire.records += counts.records;
    sum->envelope += job->bed.envelope_bytes;
    sum->image += job->bed.image_bytes;
    sum->requests += job->bed.requests;
    sum->retries += job->bed.result.retries;
    sum->calls++;
}

/* Drops that let each connection live for a random number of the server's bytes. */
static struct proxy_fault *make_drops(struct job *job, uint64_t mean)
{
    struct proxy_fault *faults = calloc(job->drops, sizeof(*faults));

    if (faults == NULL)
        abort();
    for (uint32_t i = 0; i < job->drops; i++) {
        faults[i].kind = (job_random(job) & 1u) != 0 ? PROXY_FIN : PROXY_RST;
        faults[i].after = job_random(job) % (2u * mean);
    }
    return faults;
}

static bool show(const struct job *job, const struct sum *dropped, const struct sum *clean)
{
    uint64_t image = job->bed.images[0].len;
    uint64_t data = dropped->wire.down - dropped->wire.handshake;
    uint64_t frames = dropped->wire.records * RECORD_FRAME;
    /* of a response without drops; a redirect or an error has none here */
    uint64_t header = (clean->wire.down - clean->wire.handshake - clean->envelope - clean->image -
                       clean->wire.records * RECORD_FRAME) /
                      clean->requests;
    uint64_t headers = header * dropped->requests;
    /* the envelope once a call: one that is read again after a drop is not overhead */
    uint64_t envelope = clean->envelope * dropped->calls;
    uint64_t overhead = dropped->wire.handshake + frames + headers + envelope;
    uint64_t allowed = image + (uint64_t)job->drops * job->per_drop + overhead;

    printf("%-8s %u drops, seed %u: %u connections, %u requests, %u call(s), %u retries\n",
           bed_transport_name(job->bed.kind), job->drops, job->seed, dropped->wire.connections,
           dropped->requests, dropped->calls, dropped->retries);
    printf("  received %" PRIu64 " = handshakes %" PRIu64 " + TLS frames %" PRIu64
           " + headers %" PRIu64 " + envelope %" PRIu64 " + image %" PRIu64 " + lost %" PRId64 "\n",
           dropped->wire.down, dropped->wire.handshake, frames, headers, dropped->envelope,
           dropped->image, (int64_t)(data - frames - headers - dropped->envelope - dropped->image));
    printf("  image %" PRIu64 ", twice or in vain %" PRId64 " = %" PRId64
           " a drop; allowed %" PRIu64 " + %u x %u + overhead %" PRIu64 " = %" PRIu64
           "; without drops %" PRIu64 "\n",
           image, (int64_t)(dropped->wire.down - overhead - image),
           (int64_t)(dropped->wire.down - overhead - image) / (int64_t)job->drops, image,
           job->drops, job->per_drop, overhead, allowed, clean->wire.down);
    if (dropped->wire.down > allowed)
        (void)fprintf(stderr, "more was received than is allowed\n");
    if (dropped->wire.connections < job->drops)
        (void)fprintf(stderr, "only %u connections: fewer drops than ordered\n",
                      dropped->wire.connections);
    return dropped->wire.down <= allowed && dropped->wire.connections >= job->drops;
}

static bool judged(struct job *job, enum bulla_status status)
{
    char booted = '-';
    const char *wrong = bed_judge(&job->bed, status, &booted);

    if (wrong != NULL)
        (void)fprintf(stderr, "%s: %s\n", bulla_status_name(status), wrong);
    return wrong == NULL;
}

bool matrix_drops(struct job *job)
{
    struct sum clean = {0};
    struct sum dropped = {0};
    enum bulla_status status = job_update(job, NULL, 0, false);

    add(&clean, job);
    if (!judged(job, status) || status != BULLA_OK)
        return false;
    /* so that the last one comes near the end of the image */
    struct proxy_fault *faults = make_drops(job, job->bed.images[0].len / job->drops);
    bed_reset(&job->bed);
    /* The first connection of a call brings the envelope, which is judged as one: it is dropped
     * after that. */
    uint64_t head = clean.wire.handshake + clean.envelope + HEAD_SURPLUS;
    do {
        uint32_t used = dropped.wire.connections;
        used = used < job->drops ? used : job->drops;
        if (used < job->drops)
            faults[used].after += head;
        status = job_update(job, faults + used, job->drops - used, false);
        add(&dropped, job);
        if (!judged(job, status))
            break;
    } while (status != BULLA_OK && dropped.calls < CALLS_MAX);
    free(faults);
    if (status != BULLA_OK)
        (void)fprintf(stderr, "the update did not complete: %s\n", bulla_status_name(status));
    return show(job, &dropped, &clean) && status == BULLA_OK;
}
