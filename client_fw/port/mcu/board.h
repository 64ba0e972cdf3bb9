/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_BOARD_H
#define BULLA_MCU_BOARD_H

/* The thin layer between a board and the firmware on it: serial line, time, SPI NOR, randomness,
 * watchdog, reset. boards/<name>/board.c implements it; nic.h has the network. One thread, and no
 * interrupt but the watchdog's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why the processor started. Kept in memory that a reset does not clear; anything else that is
 * found there means that the power was off. */
enum board_reset {
    BOARD_POWER_ON = 0, /* given to board_restart: in a test the power was off */
    BOARD_RESTART = 1,  /* the software asked for it */
    BOARD_WATCHDOG = 2, /* it was not fed in time */
    BOARD_FAULT = 3,    /* an exception that nobody handles; or what is started is no good */
};

extern const char board_name[]; /* as its folder is called */

/* First of all; also after stage 0 did it. */
void board_init(void);
/* In reset.c, for all boards. */
_Noreturn void board_restart(enum board_reset cause);

/* Waits until there is room, but not for ever. */
void board_put(char c);

/* Since board_init, never goes back. */
uint64_t board_now_ms(void);
/* Instructions executed; true only of an emulator that counts them, else some clock. */
uint64_t board_instructions(void);

/* One transfer to the NOR, chip selected from first to last byte: `command` is sent, then `bytes`,
 * then `in_len` bytes are received. Lengths may be 0. */
void board_spi(const uint8_t *command, size_t command_len, const uint8_t *bytes, size_t len,
               uint8_t *in, size_t in_len);
extern const uint32_t board_nor_size; /* bytes that 3-byte addresses reach */

/* False: the generator has none to give. */
bool board_random(uint8_t *bytes, size_t len);

/* A reset with BOARD_WATCHDOG unless it is fed again within `ms`; 0 stops it. */
void board_watchdog(uint32_t ms);

/* Stage 0 only: make the loaded application executable and, where the board can, unwritable; then
 * start it. */
_Noreturn void board_start(const uint8_t *image);
/* Shorter ones cannot even say where they begin. */
#define BOARD_APP_MIN 8u
/* Where applications are linked to and how large they may be (the board's app.ld says the same). */
extern uint8_t *const board_app;
extern const uint32_t board_app_size;

#endif
