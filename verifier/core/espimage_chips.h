/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CORE_ESPIMAGE_CHIPS_H
#define BULLA_CORE_ESPIMAGE_CHIPS_H

/* Questions to a chip's memory map. Shared by the espimage files only. */

#include "bulla/espimage.h"

#define BULLA_CHIP_COUNT 10
extern const struct bulla_chip bulla_chips[BULLA_CHIP_COUNT];

/* What a region of the address space is, as flags: on newer chips one region is several. */
#define BULLA_REGION_DROM  0x01u /* flash mapped for data */
#define BULLA_REGION_IROM  0x02u /* flash mapped for code */
#define BULLA_REGION_IRAM  0x04u /* code is loaded here */
#define BULLA_REGION_DATA  0x08u /* data is loaded here: DRAM and RTC memory */
#define BULLA_REGION_BOOT  0x10u /* the second-stage bootloader's own memory */
#define BULLA_REGION_PAGED 0x20u /* 256 MMU pages long, and their size may be chosen */

#define BULLA_REGION_MAPPED     (BULLA_REGION_DROM | BULLA_REGION_IROM)
#define BULLA_REGION_EXECUTABLE (BULLA_REGION_IROM | BULLA_REGION_IRAM)

/* Size of an MMU page for this log2 of the descriptor (0: an image from before the field existed,
 * 64 KiB); 0 when the chip's MMU cannot do that. */
uint32_t bulla_chip_page_size(const struct bulla_chip *chip, uint8_t log2);

/* Flags of the first region that holds all of the segment (bootloader regions come last, and lie
 * in others mostly); 0 when none does. */
unsigned bulla_chip_region(const struct bulla_chip *chip, struct bulla_segment segment,
                           uint32_t page_size);

/* The segment's place as the data bus sees it: the same memory has one name then, whichever of
 * two buses the image uses. `region` as bulla_chip_region gave it. */
struct bulla_segment bulla_chip_on_data_bus(const struct bulla_chip *chip,
                                            struct bulla_segment segment, unsigned region);

/* Does the segment, named as on the data bus, touch the bootloader's data, loader or stack? */
bool bulla_chip_touches_bootloader(const struct bulla_chip *chip, struct bulla_segment segment);

/* Neither is empty. */
bool bulla_segments_overlap(struct bulla_segment a, struct bulla_segment b);

#endif
