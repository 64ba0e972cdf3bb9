/* SPDX-License-Identifier: Apache-2.0 */
/* Policy: what the image says of itself against what the device is, and the final verdict. The
 * manifest's side is covered by the vector kit. */

#include "bulla/policy.h"
#include "check.h"

static struct bulla_device esp32(void)
{
    return (struct bulla_device){.has_format = true,
                                 .format = BULLA_FORMAT_ESP,
                                 .has_chip = true,
                                 .chip_id = 0,
                                 .chip_revision = 301,
                                 .has_floor = true,
                                 .floor = 3};
}

static struct bulla_image_facts app(void)
{
    return (struct bulla_image_facts){
        .format = BULLA_FORMAT_ESP, .chip_id = 0, .max_revision = 0xffff, .secure_version = 3};
}

static enum bulla_status judge(struct bulla_device device, struct bulla_image_facts image,
                               uint32_t *facts)
{
    *facts = 0;
    return bulla_policy_image(&device, &image, facts);
}

static void test_policy_fitting_image_proves_its_facts(void **state)
{
    (void)state;
    uint32_t facts;
    assert_status(judge(esp32(), app(), &facts), BULLA_OK);
    assert_int_equal(facts, BULLA_FACT_FORMAT | BULLA_FACT_CHIP | BULLA_FACT_FLOOR);
}

static void test_policy_other_chip_is_refused(void **state)
{
    (void)state;
    uint32_t facts;
    struct bulla_image_facts image = app();
    image.chip_id = 9;
    assert_status(judge(esp32(), image, &facts), BULLA_E_CHIP_MISMATCH);
    assert_int_equal(facts, 0);
}

static void test_policy_revision_outside_range_is_refused(void **state)
{
    (void)state;
    uint32_t facts;
    struct bulla_image_facts image = app();
    image.min_revision = 302;
    assert_status(judge(esp32(), image, &facts), BULLA_E_CHIP_REVISION);
    image.min_revision = 301;
    assert_status(judge(esp32(), image, &facts), BULLA_OK);
    image.max_revision = 300;
    assert_status(judge(esp32(), image, &facts), BULLA_E_CHIP_REVISION);
    image.max_revision = 0;
    assert_status(judge(esp32(), image, &facts), BULLA_OK);
}

static void test_policy_floor_refuses_older_secure_version(void **state)
{
    (void)state;
    uint32_t facts;
    struct bulla_image_facts image = app();
    image.secure_version = 2;
    assert_status(judge(esp32(), image, &facts), BULLA_E_SECURE_VERSION_TOO_OLD);
    image.secure_version = 4;
    assert_status(judge(esp32(), image, &facts), BULLA_OK);
}

static void test_policy_format_must_be_the_devices(void **state)
{
    (void)state;
    uint32_t facts;
    struct bulla_device device = esp32();
    struct bulla_image_facts raw = {.format = BULLA_FORMAT_RAW};
    assert_status(judge(device, raw, &facts), BULLA_E_IMAGE_FORMAT);
    device.format = BULLA_FORMAT_RAW;
    assert_status(judge(device, app(), &facts), BULLA_E_IMAGE_FORMAT);
    assert_status(judge(device, raw, &facts), BULLA_E_SECURE_VERSION_TOO_OLD);
    device.floor = 0;
    assert_status(judge(device, raw, &facts), BULLA_OK);
    raw.format = BULLA_FORMAT_UNKNOWN;
    assert_status(judge(device, raw, &facts), BULLA_E_IMAGE_FORMAT);
}

static void test_policy_verdict_needs_every_fact(void **state)
{
    (void)state;
    struct bulla_device device = esp32();
    device.has_ids = device.has_component = device.has_sequence = device.has_slot_size = true;
    uint32_t required = bulla_policy_required(&device);
    for (uint32_t fact = BULLA_FACT_SIGNED; fact <= BULLA_FACT_STRUCTURE; fact <<= 1) {
        assert_int_equal(required & fact, fact);
        assert_int_equal(bulla_policy_verdict(required & ~fact, required), BULLA_NO);
    }
    assert_int_equal(bulla_policy_verdict(required, required), BULLA_YES);
    assert_int_equal(bulla_policy_verdict(0, 0), BULLA_NO);
    struct bulla_device nobody = {.has_ids = false};
    assert_int_equal(bulla_policy_required(&nobody), BULLA_FACT_SIGNED | BULLA_FACT_RIGHTS |
                                                         BULLA_FACT_LIST | BULLA_FACT_DIGEST |
                                                         BULLA_FACT_STRUCTURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_fitting_image_proves_its_facts),
        cmocka_unit_test(test_policy_other_chip_is_refused),
        cmocka_unit_test(test_policy_revision_outside_range_is_refused),
        cmocka_unit_test(test_policy_floor_refuses_older_secure_version),
        cmocka_unit_test(test_policy_format_must_be_the_devices),
        cmocka_unit_test(test_policy_verdict_needs_every_fact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
