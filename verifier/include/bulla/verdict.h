/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_VERDICT_H
#define BULLA_VERDICT_H

/* What is decided and what it rests on. A status tells a reason; it proves nothing, because a
 * call that a fault skips leaves the zero that BULLA_OK is. What is installed or started is
 * decided by these two types, whose zero means no (docs/decisions/0018-fault-hardening.md). */

/* The decision to install or to boot. Zero means no; yes is a constant no single flipped bit
 * or cleared register produces. Whatever is not yes installs and starts nothing; unknown says that
 * nothing was judged, so that trouble is not told as a refusal. */
enum bulla_verdict {
    BULLA_NO = 0,
    BULLA_UNKNOWN = 0x435a69a5,
    BULLA_YES = 0x3ca5965a,
};

/* Each is added to a set of facts by the comparison itself, never by who asked for it. Bit 0 is
 * none of them: a stray 1 proves nothing either. */
enum bulla_fact {
    BULLA_FACT_SIGNED = 1u << 1,   /* a trusted key signed, and the manifest has that digest */
    BULLA_FACT_SEQUENCE = 1u << 2, /* not older than what is confirmed */
    BULLA_FACT_VENDOR = 1u << 3,
    BULLA_FACT_CLASS = 1u << 4,
    BULLA_FACT_COMPONENT = 1u << 5,  /* a component this device has */
    BULLA_FACT_RIGHTS = 1u << 6,     /* the threshold is reached by signers who may sign for it */
    BULLA_FACT_SIZE = 1u << 7,       /* fits the slot */
    BULLA_FACT_LIST = 1u << 8,       /* sector list has the signed digest */
    BULLA_FACT_DIGEST = 1u << 9,     /* whole image has the signed digest */
    BULLA_FACT_FORMAT = 1u << 10,    /* ESP image or raw, as the device takes */
    BULLA_FACT_CHIP = 1u << 11,      /* chip id and revision */
    BULLA_FACT_FLOOR = 1u << 12,     /* secure version not below the floor */
    BULLA_FACT_STRUCTURE = 1u << 13, /* image structure sound to its last byte */
};

#endif
