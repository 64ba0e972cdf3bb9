/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host programs: read whole, written aside, fed to several consumers at once. */

#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulla/crypto.h"
#include "host.h"

#define BLOCK ((size_t)512 * 1024) /* of feed.c: sizes around it are the interesting ones */

/* Every test works in an empty directory of its own. */
static int enter_directory(void **state)
{
    char *path = strdup("/tmp/bulla-test-XXXXXX");
    *state = path;
    return mkdtemp(path) != NULL && chdir(path) == 0 ? 0 : -1;
}

static int leave_directory(void **state)
{
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf %s", (char *)*state);
    free(*state);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static unsigned entries(void)
{
    unsigned count = 0;
    DIR *directory = opendir(".");
    assert_non_null(directory);
    for (const struct dirent *e = readdir(directory); e != NULL; e = readdir(directory))
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(directory);
    return count;
}

static struct bulla_bytes span(const char *text)
{
    return (struct bulla_bytes){(const uint8_t *)text, strlen(text)};
}

static void assert_file_holds(const char *path, const char *expected)
{
    struct host_buffer file;
    assert_status(host_read_file(path, 1000, &file), BULLA_OK);
    assert_int_equal(file.len, strlen(expected));
    assert_memory_equal(file.data, expected, file.len);
    host_buffer_free(&file);
}

static void test_host_read_unusable_files_give_errno(void **state)
{
    struct host_buffer file;
    (void)state;
    errno = 0;
    assert_status(host_read_file("missing", 10, &file), BULLA_E_IO);
    assert_int_equal(errno, ENOENT);
    assert_status(host_read_file(".", 10, &file), BULLA_E_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_status(host_read_file("pipe", 10, &file), BULLA_E_IO); /* and does not hang */
    assert_int_equal(errno, EINVAL);
    assert_null(file.data);
}

static void test_host_read_up_to_the_maximum_is_fine_one_more_is_not(void **state)
{
    struct host_buffer file;
    (void)state;
    assert_status(host_write_file("f", span("0123456789"), 0600, false), BULLA_OK);
    assert_status(host_read_file("f", 10, &file), BULLA_OK);
    assert_int_equal(file.len, 10);
    host_buffer_free(&file);
    assert_null(file.data);
    assert_status(host_read_file("f", 9, &file), BULLA_E_IO);
    assert_int_equal(errno, EFBIG);
    assert_int_equal(file.len, 0);
}

static void test_host_read_empty_file_is_empty(void **state)
{
    struct host_buffer file;
    (void)state;
    assert_status(host_write_file("f", span(""), 0600, false), BULLA_OK);
    assert_status(host_read_file("f", 9, &file), BULLA_OK);
    assert_int_equal(file.len, 0);
    host_buffer_free(&file);
}

static void test_host_write_has_mode_and_content_and_nothing_else_remains(void **state)
{
    struct stat st;
    (void)state;
    umask(022);
    assert_status(host_write_file("f", span("one"), 0600, false), BULLA_OK);
    assert_int_equal(stat("f", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_file_holds("f", "one");
    assert_int_equal(entries(), 1);
}

static void test_host_write_never_replaces_a_private_key(void **state)
{
    static const char *const kept[] = {
        "-----BEGIN PRIVATE KEY-----\nMC4CAQ==\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
        "the release key\n\n-----BEGIN EC PRIVATE KEY-----\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "f%zu", i);
        assert_status(host_write_file(name, span(kept[i]), 0600, false), BULLA_OK);
        assert_status(host_write_file(name, span("two"), 0600, true), BULLA_E_IO);
        assert_int_equal(errno, EKEYREJECTED);
        assert_non_null(strstr(host_write_reason(errno), "private key"));
        assert_file_holds(name, kept[i]);
    }
    assert_int_equal(entries(), 3);
    assert_status(host_write_file("p", span("-----BEGIN PUBLIC KEY-----\n"), 0600, true), BULLA_OK);
    assert_status(host_write_file("p", span("two"), 0600, true), BULLA_OK);
    assert_file_holds("p", "two");
}

static void test_host_same_file_knows_links(void **state)
{
    (void)state;
    assert_status(host_write_file("f", span("x"), 0600, false), BULLA_OK);
    assert_status(host_write_file("g", span("x"), 0600, false), BULLA_OK);
    assert_int_equal(link("f", "hard"), 0);
    assert_int_equal(symlink("f", "soft"), 0);
    assert_true(host_same_file("f", "./f"));
    assert_true(host_same_file("f", "hard"));
    assert_true(host_same_file("soft", "f"));
    assert_false(host_same_file("f", "g"));
    assert_false(host_same_file("f", "missing"));
    assert_false(host_same_file("missing", "missing"));
}

static void test_host_write_replaces_only_when_asked(void **state)
{
    (void)state;
    assert_status(host_write_file("f", span("one"), 0600, false), BULLA_OK);
    assert_status(host_write_file("f", span("two"), 0600, false), BULLA_E_IO);
    assert_int_equal(errno, EEXIST);
    assert_file_holds("f", "one");
    assert_status(host_write_file("f", span("two"), 0600, true), BULLA_OK);
    assert_file_holds("f", "two");
    assert_int_equal(entries(), 1);
}

static void test_host_write_until_commit_the_old_file_stands(void **state)
{
    struct host_writer w;
    (void)state;
    assert_status(host_write_file("f", span("old"), 0600, false), BULLA_OK);
    assert_status(host_writer_open(&w, "f", 0600), BULLA_OK);
    assert_status(host_writer_write(&w, span("new")), BULLA_OK);
    assert_file_holds("f", "old");
    assert_status(host_writer_commit(&w, true), BULLA_OK);
    assert_file_holds("f", "new");
}

static void test_host_write_aborted_leaves_nothing(void **state)
{
    struct host_writer w;
    (void)state;
    assert_status(host_writer_open(&w, "f", 0600), BULLA_OK);
    assert_status(host_writer_write(&w, span("half")), BULLA_OK);
    host_writer_abort(&w);
    assert_int_equal(entries(), 0);
    host_writer_abort(&w); /* harmless */
}

static void test_host_write_commit_that_fails_leaves_nothing(void **state)
{
    struct host_writer w;
    (void)state;
    assert_status(host_writer_open(&w, "f", 0600), BULLA_OK);
    assert_status(host_writer_write(&w, span("data")), BULLA_OK);
    assert_int_equal(mkdir("f", 0700), 0); /* nothing can be renamed over it */
    assert_status(host_writer_commit(&w, true), BULLA_E_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(entries(), 1);
    assert_int_equal(rmdir("f"), 0);
}

/* A file size limit of the process stands for the full disk: write() fails half way. */
static void test_host_write_that_fails_half_way_leaves_nothing(void **state)
{
    static uint8_t data[100000];
    struct rlimit old;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit small = {50000, old.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum bulla_status status =
        host_write_file("f", (struct bulla_bytes){data, sizeof data}, 0600, true);
    int error = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    assert_status(status, BULLA_E_IO);
    assert_int_equal(error, EFBIG);
    assert_int_equal(entries(), 0);
}

static void test_host_write_to_what_is_no_file_is_refused(void **state)
{
    (void)state;
    assert_status(host_write_file("no/such/f", span("x"), 0600, true), BULLA_E_IO);
    assert_int_equal(errno, ENOENT);
    assert_status(host_write_file(".", span("x"), 0600, true), BULLA_E_IO);
    assert_int_equal(errno, EISDIR);
    assert_status(host_write_file("", span("x"), 0600, true), BULLA_E_IO);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_status(host_write_file("pipe", span("x"), 0600, true), BULLA_E_IO);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(entries(), 1);
}

/* ---- feed ---- */

struct sink {
    struct bulla_sha256 hash;
    uint64_t bytes;
    uint64_t stop_at; /* fail when as many bytes came; UINT64_MAX: never */
};

static enum bulla_status take(void *ctx, struct bulla_bytes block)
{
    struct sink *sink = ctx;
    bulla_sha256_update(&sink->hash, block);
    sink->bytes += block.len;
    return sink->bytes >= sink->stop_at ? BULLA_E_IMAGE_DIGEST : BULLA_OK;
}

static struct host_consumer consumer(struct sink *sink, uint64_t stop_at)
{
    *sink = (struct sink){.stop_at = stop_at};
    bulla_sha256_init(&sink->hash);
    return (struct host_consumer){.take = take, .ctx = sink, .status = BULLA_E_USAGE};
}

static void assert_digest(struct sink *sink, struct bulla_bytes data)
{
    struct bulla_sha256 hash;
    uint8_t expected[32];
    uint8_t found[32];
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, data);
    assert_status(bulla_sha256_finish(&hash, expected), BULLA_OK);
    assert_status(bulla_sha256_finish(&sink->hash, found), BULLA_OK);
    assert_memory_equal(found, expected, 32);
}

static uint8_t *sample(size_t len)
{
    uint8_t *data = malloc(len + 1);
    uint32_t x = 1;
    assert_non_null(data);
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        data[i] = (uint8_t)(x >> 24);
    }
    return data;
}

static void test_host_feed_every_consumer_sees_every_byte_in_order(void **state)
{
    static const size_t sizes[] = {0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK, 13 * BLOCK + 7};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *data = sample(sizes[i]);
        struct bulla_bytes all = {data, sizes[i]};
        struct sink sinks[3];
        struct host_consumer consumers[3];
        uint64_t total = 99;
        for (size_t c = 0; c < 3; c++)
            consumers[c] = consumer(&sinks[c], UINT64_MAX);
        assert_status(host_write_file("f", all, 0600, true), BULLA_OK);
        int fd = open("f", O_RDONLY);
        assert_status(host_feed(fd, UINT64_MAX, consumers, 3, &total), BULLA_OK);
        close(fd);
        assert_true(total == sizes[i]);
        for (size_t c = 0; c < 3; c++) {
            assert_status(consumers[c].status, BULLA_OK);
            assert_digest(&sinks[c], all);
        }
        free(data);
    }
}

struct writer_job {
    int fd;
    struct bulla_bytes data;
};

/* Odd pieces, as a network or a slow program would write. */
static void *write_pieces(void *arg)
{
    struct writer_job *job = arg;
    for (size_t done = 0, piece = 1; done < job->data.len; piece = piece * 3 % 40009 + 1) {
        size_t left = job->data.len - done;
        ssize_t n = write(job->fd, job->data.data + done, piece < left ? piece : left);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    close(job->fd);
    return NULL;
}

static void test_host_feed_pipe_in_pieces_gives_the_same(void **state)
{
    uint8_t *data = sample(3 * BLOCK + 11);
    struct bulla_bytes all = {data, 3 * BLOCK + 11};
    struct sink sinks[2];
    struct host_consumer consumers[2] = {consumer(&sinks[0], UINT64_MAX),
                                         consumer(&sinks[1], UINT64_MAX)};
    pthread_t thread;
    uint64_t total = 0;
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    struct writer_job job = {ends[1], all};
    assert_int_equal(pthread_create(&thread, NULL, write_pieces, &job), 0);
    assert_status(host_feed(ends[0], UINT64_MAX, consumers, 2, &total), BULLA_OK);
    pthread_join(thread, NULL);
    close(ends[0]);
    assert_true(total == all.len);
    assert_digest(&sinks[0], all);
    assert_digest(&sinks[1], all);
    free(data);
}

static void test_host_feed_starts_at_the_offset_and_stops_at_the_limit(void **state)
{
    uint8_t *data = sample(2 * BLOCK);
    struct sink sink;
    struct host_consumer one = consumer(&sink, UINT64_MAX);
    uint64_t total = 0;
    (void)state;
    assert_status(host_write_file("f", (struct bulla_bytes){data, 2 * BLOCK}, 0600, true),
                  BULLA_OK);
    int fd = open("f", O_RDONLY);
    assert_int_equal(lseek(fd, 5, SEEK_SET), 5);
    assert_status(host_feed(fd, BLOCK + 3, &one, 1, &total), BULLA_OK);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 5 + (off_t)BLOCK + 3);
    close(fd);
    assert_true(total == BLOCK + 3);
    assert_digest(&sink, (struct bulla_bytes){data + 5, BLOCK + 3});
    free(data);
}

static void test_host_feed_consumer_that_fails_stops_alone(void **state)
{
    size_t len = 9 * BLOCK;
    uint8_t *data = sample(len);
    struct sink sinks[2];
    struct host_consumer consumers[2] = {consumer(&sinks[0], BLOCK),
                                         consumer(&sinks[1], UINT64_MAX)};
    uint64_t total = 0;
    (void)state;
    assert_status(host_write_file("f", (struct bulla_bytes){data, len}, 0600, true), BULLA_OK);
    int fd = open("f", O_RDONLY);
    assert_status(host_feed(fd, UINT64_MAX, consumers, 2, &total), BULLA_OK);
    close(fd);
    assert_true(total == len);
    assert_status(consumers[0].status, BULLA_E_IMAGE_DIGEST);
    assert_true(sinks[0].bytes == BLOCK);
    assert_status(consumers[1].status, BULLA_OK);
    assert_digest(&sinks[1], (struct bulla_bytes){data, len});
    free(data);
}

static void test_host_feed_without_consumers_left_stops_reading(void **state)
{
    size_t len = 40 * BLOCK;
    uint8_t *data = sample(len);
    struct sink sink;
    struct host_consumer one = consumer(&sink, 1);
    uint64_t total = 0;
    (void)state;
    assert_status(host_write_file("f", (struct bulla_bytes){data, len}, 0600, true), BULLA_OK);
    int fd = open("f", O_RDONLY);
    assert_status(host_feed(fd, UINT64_MAX, &one, 1, &total), BULLA_OK);
    close(fd);
    assert_status(one.status, BULLA_E_IMAGE_DIGEST);
    assert_true(total < len);
    free(data);
}

static void test_host_feed_read_error_is_told(void **state)
{
    struct sink sink;
    struct host_consumer one = consumer(&sink, UINT64_MAX);
    uint64_t total = 5;
    (void)state;
    int fd = open(".", O_RDONLY);
    assert_status(host_feed(fd, UINT64_MAX, &one, 1, &total), BULLA_E_IO);
    assert_int_equal(errno, EISDIR);
    assert_true(total == 0);
    close(fd);
}

#define in_directory(test) cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_directory(test_host_read_unusable_files_give_errno),
        in_directory(test_host_read_up_to_the_maximum_is_fine_one_more_is_not),
        in_directory(test_host_read_empty_file_is_empty),
        in_directory(test_host_write_has_mode_and_content_and_nothing_else_remains),
        in_directory(test_host_write_never_replaces_a_private_key),
        in_directory(test_host_same_file_knows_links),
        in_directory(test_host_write_replaces_only_when_asked),
        in_directory(test_host_write_until_commit_the_old_file_stands),
        in_directory(test_host_write_aborted_leaves_nothing),
        in_directory(test_host_write_commit_that_fails_leaves_nothing),
        in_directory(test_host_write_that_fails_half_way_leaves_nothing),
        in_directory(test_host_write_to_what_is_no_file_is_refused),
        in_directory(test_host_feed_every_consumer_sees_every_byte_in_order),
        in_directory(test_host_feed_pipe_in_pieces_gives_the_same),
        in_directory(test_host_feed_starts_at_the_offset_and_stops_at_the_limit),
        in_directory(test_host_feed_consumer_that_fails_stops_alone),
        in_directory(test_host_feed_without_consumers_left_stops_reading),
        in_directory(test_host_feed_read_error_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
