/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TREE_AGREE_H
#define TREE_AGREE_H

/* Does the second reading say what the first one said? The auditor asks behind its own verdict. */

#include "bulla/reader.h"
#include "tree_reading.h"

/* Larger envelopes (bundles) are not read a second time: the tree holds them in memory twice. */
#define TREE_ENVELOPE_MAX ((size_t)16 << 20)
#define TREE_WHY_MAX      160u

enum tree_agreement {
    TREE_NOT_COMPARED, /* could not be, or the first verdict is about something else */
    TREE_AGREES,
    TREE_DIFFERS,
};

/* What the first reading left behind. */
struct tree_first {
    const struct bulla_reader *reader;
    enum bulla_status status; /* the verdict: the reader's, or of an image judged after it */
    bool other_image;         /* an image from another file was judged, too */
};

/* With the same trust, and the device that the reader has. `why` says more unless they agree. */
enum tree_agreement tree_agree(struct bulla_bytes envelope, const struct tree_trust *trust,
                               const struct tree_first *first, enum tree_effort effort,
                               char why[TREE_WHY_MAX]);

/* The same for an open regular file of at most TREE_ENVELOPE_MAX bytes, from its beginning; its
 * offset stays. */
enum tree_agreement tree_agree_file(int fd, const struct tree_trust *trust,
                                    const struct tree_first *first, enum tree_effort effort,
                                    char why[TREE_WHY_MAX]);

#endif
