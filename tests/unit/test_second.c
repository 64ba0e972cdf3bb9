/* SPDX-License-Identifier: Apache-2.0 */
/* What the auditor makes of the second reading's answer. */

#include "check.h"

#include <unistd.h>

#include "kit.h"
#include "verify.h"

#define KIT BULLA_TEST_DIR "/vectors"

static struct judgement judgement;
static struct tree_trust second;
static struct kit_case good;
static int fd;

/* An envelope of the kit that the core accepts, and its bytes in a file. */
static int set_up(void **state)
{
    (void)state;
    FILE *cases = kit_open(KIT, "envelope");
    const char *why;
    assert_true(kit_next(KIT, cases, &good));
    while (strcmp(good.name, "good") != 0) {
        kit_end(&good);
        assert_true(kit_next(KIT, cases, &good));
    }
    (void)fclose(cases);
    assert_status(kit_judge(&good.run, good.envelope.data, good.envelope.len, SIZE_MAX,
                            KIT_WORKSPACE, &judgement.reader),
                  BULLA_OK);
    assert_true(
        tree_trust_add(&second, (struct bulla_bytes){good.store.data, good.store.len}, &why));
    FILE *file = tmpfile();
    assert_non_null(file);
    fd = fileno(file);
    assert_int_equal(write(fd, good.envelope.data, good.envelope.len), good.envelope.len);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)close(fd);
    tree_trust_free(&second);
    second = (struct tree_trust){.threshold = 0};
    kit_end(&good);
    return 0;
}

static enum bulla_status ask(enum bulla_status status, char why[VERIFY_WHY_MAX], bool *agrees)
{
    struct host_tool tool = {.name = "test"};
    const struct second_question question = {
        .j = &judgement, .trust = &second, .fd = fd, .effort = TREE_EVERYTHING};
    why[0] = '\0';
    return second_ask(&tool, &question, status, why, agrees);
}

static void test_second_same_verdict_and_fields_agree(void **state)
{
    (void)state;
    char why[VERIFY_WHY_MAX];
    bool agrees = false;
    assert_status(ask(BULLA_OK, why, &agrees), BULLA_OK);
    assert_true(agrees);
    assert_string_equal(why, "");
}

static void test_second_other_field_is_not_judged(void **state)
{
    (void)state;
    char why[VERIFY_WHY_MAX];
    bool agrees = true;
    judgement.reader.manifest.sequence++;
    assert_status(ask(BULLA_OK, why, &agrees), BULLA_E_NOT_JUDGED);
    assert_false(agrees);
    assert_non_null(strstr(why, "sequence"));
}

static void test_second_other_verdict_is_not_judged(void **state)
{
    (void)state;
    char why[VERIFY_WHY_MAX];
    bool agrees = true;
    judgement.reader.failed = BULLA_E_SIGNATURE_INVALID;
    assert_status(ask(BULLA_E_SIGNATURE_INVALID, why, &agrees), BULLA_E_NOT_JUDGED);
    assert_false(agrees);
    assert_non_null(strstr(why, "signature-invalid"));
    assert_non_null(strstr(why, "accepts"));
}

static void test_second_no_file_is_not_compared(void **state)
{
    (void)state;
    char why[VERIFY_WHY_MAX];
    bool agrees = true;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int file = fd;
    fd = ends[0];
    assert_status(ask(BULLA_OK, why, &agrees), BULLA_OK);
    fd = file;
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_false(agrees);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_second_same_verdict_and_fields_agree, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_second_other_field_is_not_judged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_second_other_verdict_is_not_judged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_second_no_file_is_not_compared, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
