/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_FLASH_SIM_H
#define BULLA_FLASH_SIM_H

/* A whole NOR flash chip: in memory, and in a file when it has one. Every program and erase goes
 * to the file before it returns and nothing is kept back until the end, so a killed process
 * leaves what a power cut would leave. The file is the chip's content and nothing else.
 *
 * It refuses what real NOR refuses: a program that would turn a 0 bit into a 1, an erase that is
 * not one whole sector or block, anything outside of the chip, and where its smallest program unit
 * is larger than a byte, a program that begins inside a unit or comes to a unit that was programmed
 * since its last erase. It counts, and it can be told to fail. */

#include "bulla/flash.h"

#define FLASH_SIM_SIZE_MAX 0x10000000u /* 256 MiB: the largest SPI NOR made */
#define FLASH_SIM_WHY_SIZE 256u

/* Order them in flash_sim.fault; all zero: the chip works. Programs and erases are numbered from
 * 1 on (`operations` holds how many there were), reads likewise (`reads`). */
struct flash_sim_fault {
    /* The power fails during operation cut_at (0: never). Of a program the first cut_bytes bytes
     * arrive, of an erase the first cut_bytes of the sector or block become 0xFF: 0 is a cut before
     * the operation, its length or more one after it. Every later call of any kind fails until
     * flash_sim_power_on. */
    uint32_t cut_at;
    uint32_t cut_bytes;
    /* What the cut did not reach in an erase is garbage instead of the old content; of a program
     * some of the bits are cleared. The garbage depends on the operation's number and the seed. */
    bool cut_garbage;
    /* Every bit that the cut did not reach and that was to change is neither 0 nor 1: each read
     * gives it anew one way or the other (all as erased, all as programmed, or mixed), until the
     * sector is erased or the bit is programmed. Over cut_garbage. */
    bool cut_unstable;

    /* Operation fail_at (0: none) reports failure, and those after it work again; with
     * fail_but_done it has been carried out all the same. */
    uint32_t fail_at;
    bool fail_but_done;
    uint32_t fail_read_at; /* the same for a read */
    uint32_t misread_at;   /* this read succeeds with the lowest bit of its first byte wrong */
    uint32_t noise_every;  /* every so manieth read has one bit wrong, anywhere in it (0: none) */

    /* From operation lie_from on (0: never), a program covering byte lie_offset stores it xored
     * with lie_mask, reports success, and is read back as stored. */
    uint32_t lie_from;
    uint32_t lie_offset;
    uint8_t lie_mask;

    /* The sector at this offset cannot be erased any more, alone or in a block: the erase fails, or
     * with worn_silently reports success; the sector stays what it was. */
    bool worn;
    bool worn_silently;
    uint32_t worn_sector;
};

struct flash_sim {
    uint8_t *bytes; /* the content; tests may look and damage it, see flash_sim_touch */
    uint32_t size;
    uint32_t unit;  /* smallest program, set before flash_sim_flash; 0 is 1 */
    bool blocks;    /* whole blocks can be erased; set before flash_sim_flash */
    uint32_t seed;  /* another one: other garbage, noise and unstable reads */
    int fd;         /* -1: in memory only */
    bool read_only; /* its file may only be read: programs and erases fail */
    bool dead;
    struct flash_sim_fault fault;

    uint32_t reads;
    uint32_t operations; /* programs and erases */
    uint64_t bytes_programmed;
    uint64_t sectors_erased;
    /* Bytes programmed a second time without an erase between: allowed by NOR where only bits
     * are cleared, but not by flash with ECC. The core promises 0. */
    uint64_t bytes_reprogrammed;
    uint32_t violations;           /* refused: bits set, bounds, alignment, units */
    uint32_t *wear;                /* erases per sector, size / BULLA_SECTOR_SIZE of them */
    char note[FLASH_SIM_WHY_SIZE]; /* the last refusal, in words; empty: none */

    /* Its own business. Two sectors with the same stamp hold the same. */
    uint64_t *stamps;    /* per sector */
    uint8_t *programmed; /* a bit per unit; NULL: none yet, or unit 1 */
    uint8_t *unstable;   /* the bits of each byte that are; NULL: none */
    uint32_t unstable_from, unstable_to;

    struct bulla_flash flash;
};

/* All return BULLA_OK or BULLA_E_IO with one sentence in `why` and nothing left open, allocated
 * or written. flash_sim_close is allowed after any of them. */

/* The chip in an existing file, for this process alone. Its size, a multiple of the sector size,
 * is the chip's. A file that may not be written is opened for reading. */
BULLA_MUST_CHECK enum bulla_status flash_sim_open(struct flash_sim *sim, const char *path,
                                                  char why[FLASH_SIM_WHY_SIZE]);

/* A blank chip: in memory (path NULL), or in a new file, which must not exist. */
BULLA_MUST_CHECK enum bulla_status flash_sim_create(struct flash_sim *sim, const char *path,
                                                    uint32_t size, char why[FLASH_SIM_WHY_SIZE]);

/* A copy in memory, powered, without faults, with counts of 0. */
BULLA_MUST_CHECK enum bulla_status
flash_sim_copy(struct flash_sim *sim, const struct flash_sim *source, char why[FLASH_SIM_WHY_SIZE]);

/* Write the content to a file, aside and renamed: the path holds the old chip or the new one. An
 * existing file is kept unless `replace`, and never taken from a process that has it open; what is
 * not a regular file (a device, a pipe, a symbolic link) is never replaced. The sim stays what it
 * was. */
BULLA_MUST_CHECK enum bulla_status flash_sim_save(const struct flash_sim *sim, const char *path,
                                                  bool replace, char why[FLASH_SIM_WHY_SIZE]);

/* Make an open chip what flash_sim_copy would make of the snapshot, a chip of the same size, at the
 * cost of the sectors in which they differ. Any two chips may be used in any order; only damage
 * done to `bytes` by hand goes unnoticed without flash_sim_touch. BULLA_E_IO: the sizes differ, the
 * file cannot be written or memory is short; the sim is dead then. */
BULLA_MUST_CHECK enum bulla_status flash_sim_restore(struct flash_sim *sim,
                                                     const struct flash_sim *snapshot);

/* These bytes of the chip, at least one, have been changed by hand. */
void flash_sim_touch(struct flash_sim *sim, uint32_t offset, uint32_t len);

/* The seam for the core. Valid while *sim stays where it is. */
const struct bulla_flash *flash_sim_flash(struct flash_sim *sim);

/* After a cut: the content as it is, no faults. */
void flash_sim_power_on(struct flash_sim *sim);

void flash_sim_close(struct flash_sim *sim);

#endif
