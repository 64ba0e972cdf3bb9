/* SPDX-License-Identifier: Apache-2.0 */
/* The minimal port that docs/PORTING.md shows, on a board of this machine: an SPI NOR that does
 * what data sheets say, and a line at whose other end bulla-send's own answers come from. */

#include "check.h"

#include <fcntl.h>
#include <unistd.h>

#include "bench.h"
#include "coap.h"
#include "port.h"
#include "send.h"

#define APP_SIZE   30000u
#define LINE_ROOM  16384u
#define PAGE       256u
#define ERASE_MS   45u
#define PROGRAM_MS 1u

static struct bench bench;
static uint8_t first[APP_SIZE], second[APP_SIZE];

static struct {
    uint64_t now;
    uint64_t busy_until;
    uint64_t fed_at;
    uint64_t hungry; /* the longest time between two feedings of the watchdog */
    bool write_enabled;
    bool stuck; /* the chip never gets ready again */
    uint32_t while_busy;

    bool deaf; /* nobody at the other end of the line */
    struct send_server sender;
    char folder[64];
    struct bulla_slipmux_reader frames;
    uint8_t frame[BULLA_COAP_MESSAGE_MAX + BULLA_SLIPMUX_OVERHEAD];
    uint8_t to_device[LINE_ROOM];
    size_t filled, used;
} board;

/* ---- the board: chip ---- */

const uint32_t board_flash_size = 0x110000u; /* the bench's */

static bool is_busy(void)
{
    return board.stuck || board.now < board.busy_until;
}

static uint32_t address(const uint8_t *command)
{
    return (uint32_t)command[1] << 16 | (uint32_t)command[2] << 8 | command[3];
}

/* Bytes beyond the page's end go to its start, and of more than a page the last ones win. */
static void program_page(uint32_t at, const uint8_t *bytes, size_t len)
{
    const struct bulla_flash *flash = flash_sim_flash(&bench.sim);

    for (size_t i = 0; i < len; i++) {
        uint32_t offset = at / PAGE * PAGE + (at + (uint32_t)i) % PAGE;
        if (bytes[i] != 0xff)
            assert_status(flash->program(flash->ctx, offset, bytes + i, 1), BULLA_OK);
    }
    board.busy_until = board.now + PROGRAM_MS;
}

static void change(const uint8_t *command, const uint8_t *bytes, size_t len)
{
    const struct bulla_flash *flash = flash_sim_flash(&bench.sim);

    if (!board.write_enabled)
        return; /* as a chip does: nothing happens, and it is not told */
    board.write_enabled = false;
    if (command[0] == 0x02) {
        program_page(address(command), bytes, len);
        return;
    }
    assert_status(
        flash->erase_sector(flash->ctx, address(command) / BULLA_SECTOR_SIZE * BULLA_SECTOR_SIZE),
        BULLA_OK);
    board.busy_until = board.now + ERASE_MS;
}

void board_spi(const uint8_t *command, size_t command_len, const uint8_t *bytes, size_t len,
               uint8_t *in, size_t in_len)
{
    const struct bulla_flash *flash = flash_sim_flash(&bench.sim);

    board_feed_watchdog();
    if (command[0] == 0x05) {
        assert_int_equal(command_len, 1);
        memset(in, is_busy() ? 0x03 : 0x00, in_len);
        return;
    }
    if (is_busy()) { /* anything else is not heard */
        board.while_busy++;
        memset(in, 0xff, in_len);
        return;
    }
    if (command[0] == 0x06) {
        board.write_enabled = true;
        return;
    }
    assert_int_equal(command_len, 4);
    if (command[0] == 0x03)
        assert_status(flash->read(flash->ctx, address(command), in, in_len), BULLA_OK);
    else
        change(command, bytes, len);
}

/* ---- the board: line, time ---- */

uint64_t board_now_ms(void *unused)
{
    (void)unused;
    return board.now++;
}

void board_feed_watchdog(void)
{
    if (board.now - board.fed_at > board.hungry)
        board.hungry = board.now - board.fed_at;
    board.fed_at = board.now;
}

enum bulla_status board_random(void *unused, uint8_t *buffer, size_t len)
{
    (void)unused, (void)buffer, (void)len;
    return BULLA_E_CRYPTO;
}

static void answer(struct bulla_bytes message)
{
    struct bulla_slipmux_writer w;
    uint8_t out[BULLA_COAP_MESSAGE_MAX];
    size_t len = send_answer(&board.sender, message, out, sizeof(out));

    if (len == 0)
        return;
    bulla_slipmux_write_init(&w, (struct bulla_bytes){out, len});
    while ((len = bulla_slipmux_write(&w, board.to_device + board.filled,
                                      LINE_ROOM - board.filled)) > 0)
        board.filled += len;
}

void board_send(const uint8_t *bytes, size_t len)
{
    struct bulla_bytes message;

    for (size_t i = 0; i < len && !board.deaf; i++)
        if (bulla_slipmux_read(&board.frames, bytes[i], &message) == BULLA_FRAME_MESSAGE)
            answer(message);
}

size_t board_receive(uint8_t *buffer, size_t size)
{
    size_t left = board.filled - board.used;
    size_t take = left < size ? left : size;

    take = take < 7 ? take : 7; /* a small FIFO */
    memcpy(buffer, board.to_device + board.used, take);
    board.used += take;
    if (board.used == board.filled)
        board.used = board.filled = 0;
    return take;
}

/* ---- releases ---- */

static void write_file(const char *name, const void *data, size_t len)
{
    int fd = openat(board.sender.folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    close(fd);
}

static void publish(const uint8_t *image, uint32_t sequence)
{
    const struct seal_options how = {
        .sequence = sequence, .vendor_id = bench.vendor_id, .class_id = bench.class_id};
    struct seal_buffer envelope;

    seal_envelope((struct bulla_bytes){image, APP_SIZE}, &how, &bench.key, &envelope);
    write_file("update.suit", envelope.data, envelope.len);
    write_file("app.bin", image, APP_SIZE);
    seal_buffer_free(&envelope);
}

static int set_up(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < APP_SIZE; i++) {
        first[i] = (uint8_t)(i * 7919u >> 5);
        second[i] = (uint8_t)(i * 104729u >> 7);
    }
    memset(&board, 0, sizeof(board));
    memcpy(board.folder, "/tmp/bulla-port-XXXXXX", sizeof("/tmp/bulla-port-XXXXXX"));
    assert_non_null(mkdtemp(board.folder));
    board.sender.folder = open(board.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bulla_slipmux_read_init(&board.frames, board.frame, sizeof(board.frame));
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_RAW, (struct bulla_bytes){first, sizeof(first)},
                    1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(bench.sim.violations, 0);
    assert_int_equal(bench.sim.bytes_reprogrammed, 0);
    assert_int_equal(board.while_busy, 0);
    bench_close(&bench);
    (void)unlinkat(board.sender.folder, "update.suit", 0);
    (void)unlinkat(board.sender.folder, "app.bin", 0);
    close(board.sender.folder);
    return rmdir(board.folder);
}

static void assert_starts(bool crashed, int32_t slot)
{
    uint32_t offset = 0;

    assert_true(port_start(crashed, &offset));
    assert_int_equal(offset, bench_slot(&bench, slot));
}

static void install(const uint8_t *image, uint32_t sequence)
{
    bool restart = false;

    publish(image, sequence);
    assert_status(port_update(&restart), BULLA_OK);
    assert_true(restart);
}

/* ---- tests ---- */

static void test_port_minimal_new_release_is_installed_tried_and_kept(void **state)
{
    bool restart = true;

    (void)state;
    assert_starts(false, 0);
    install(second, 2);
    assert_memory_equal(bench.sim.bytes + bench_slot(&bench, 1), second, sizeof(second));
    assert_starts(false, 1);
    assert_status(port_update(&restart), BULLA_E_TRIAL_PENDING);
    assert_false(restart);
    assert_status(port_keep(), BULLA_OK);
    assert_starts(false, 1);
    assert_status(port_update(&restart), BULLA_OK); /* nothing newer */
    assert_false(restart);
}

static void test_port_minimal_release_that_is_not_kept_falls_back(void **state)
{
    (void)state;
    assert_starts(false, 0);
    install(second, 2);
    assert_starts(false, 1);
    assert_starts(false, 0);
}

static void test_port_minimal_release_that_cannot_reach_the_sender_is_not_kept(void **state)
{
    (void)state;
    assert_starts(false, 0);
    install(second, 2);
    assert_starts(false, 1);
    board.deaf = true;
    assert_status(port_keep(), BULLA_E_NET_STALLED);
    assert_starts(false, 0);
}

static void test_port_minimal_crash_loop_after_keeping_goes_back(void **state)
{
    (void)state;
    assert_starts(false, 0);
    install(second, 2);
    assert_starts(false, 1);
    assert_status(port_keep(), BULLA_OK);
    for (uint32_t i = 1; i < BULLA_CRASHES_MAX; i++)
        assert_starts(true, 1);
    assert_status(port_keep(), BULLA_OK); /* it ran long enough: they are forgotten */
    for (uint32_t i = 1; i < BULLA_CRASHES_MAX; i++)
        assert_starts(true, 1);
    assert_starts(true, 0);
}

static void test_port_minimal_tampered_image_is_refused_and_not_written(void **state)
{
    bool restart = true;
    uint64_t programmed;

    (void)state;
    assert_starts(false, 0);
    publish(second, 2);
    second[0] ^= 1;
    write_file("app.bin", second, sizeof(second));
    programmed = bench.sim.sectors_erased;
    assert_status(port_update(&restart), BULLA_E_SECTOR_DIGEST);
    assert_false(restart);
    assert_int_equal(bench.sim.sectors_erased, programmed);
    assert_starts(false, 0);
}

static void test_port_minimal_chip_that_never_gets_ready_is_told(void **state)
{
    uint32_t offset = 1;
    bool restart = true;

    (void)state;
    board.stuck = true;
    assert_false(port_start(false, &offset));
    assert_status(port_update(&restart), BULLA_E_FLASH_READ);
    assert_false(restart);
}

/* A watchdog resets the processor, not the chip. */
static void test_port_minimal_chip_still_erasing_at_reset_is_waited_for(void **state)
{
    (void)state;
    board.busy_until = 400;
    assert_starts(false, 0);
    assert_true(board.now >= 400);
}

static void test_port_minimal_dead_line_ends_in_time_and_feeds_the_watchdog(void **state)
{
    bool restart = true;

    (void)state;
    assert_starts(false, 0);
    board.deaf = true;
    uint64_t since = board.now;
    assert_status(port_update(&restart), BULLA_E_NET_STALLED);
    assert_true(board.now - since < 2 * BULLA_COAP_PROGRESS_MS);
    assert_true(board.hungry < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_port_minimal_new_release_is_installed_tried_and_kept,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_port_minimal_release_that_is_not_kept_falls_back,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_port_minimal_release_that_cannot_reach_the_sender_is_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_port_minimal_crash_loop_after_keeping_goes_back,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_port_minimal_tampered_image_is_refused_and_not_written,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_port_minimal_chip_that_never_gets_ready_is_told,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_port_minimal_chip_still_erasing_at_reset_is_waited_for,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_port_minimal_dead_line_ends_in_time_and_feeds_the_watchdog, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
