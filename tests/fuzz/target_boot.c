/* SPDX-License-Identifier: Apache-2.0 */
/* A device with two sealed slots (and maybe a factory app) whose otadata is any bytes, whose images
 * may be damaged, and that is then switched on again and again. The input: 1 byte of choices, two
 * otadata records, then one byte a power-on that says what the device is asked to do.
 *
 * Holds: what boots has a good image; something boots while a slot is good; a slot whose record is
 * INVALID or ABORTED does not run while another good one is not barred so; the confirmed sequence
 * never falls; predicting says what booting then does; no slot's bytes change. */

#include <stdlib.h>

#include "bulla/client.h"
#include "flash_sim.h"
#include "fuzz.h"
#include "seal.h"
#include "sign.h"

#define CHIP      0x50000u
#define OTADATA   0xd000u
#define SLOT_SIZE 0x10000u
#define STATE     0x40000u
#define IMAGE_LEN 5000u
#define RECORD    BULLA_OTADATA_RECORD_SIZE
#define POWER_ONS 6

enum { FIX_CRC_0 = 1, FIX_CRC_1 = 2, DAMAGE_0 = 4, DAMAGE_1 = 8, DAMAGE_F = 16, FACTORY = 32 };

struct device {
    struct flash_sim sim;
    struct bulla_client client;
    uint8_t trust[BULLA_TRUST_SIZE_MAX];
    bool factory;
    bool good[3]; /* slot 0, slot 1, factory */
    uint32_t confirmed;
    uint8_t *provisioned[2]; /* the chip without and with a factory app */
};
static struct device device;

static int32_t slot_of(unsigned index)
{
    return index == 2 ? BULLA_SLOT_FACTORY : (int32_t)index;
}

static uint32_t place_of(unsigned index)
{
    return 0x10000 + index * SLOT_SIZE;
}

/* ---- provisioning, once ---- */

static void lay_table(bool factory)
{
    static const struct bulla_partition all[] = {
        {.type = BULLA_TYPE_DATA,
         .subtype = 0,
         .offset = OTADATA,
         .size = 0x2000,
         .label = "otadata"},
        {.subtype = BULLA_SUBTYPE_OTA_0, .offset = 0x10000, .size = SLOT_SIZE, .label = "ota_0"},
        {.subtype = BULLA_SUBTYPE_OTA_0 + 1,
         .offset = 0x20000,
         .size = SLOT_SIZE,
         .label = "ota_1"},
        {.subtype = BULLA_SUBTYPE_FACTORY,
         .offset = 0x30000,
         .size = SLOT_SIZE,
         .label = "factory"},
        {.type = BULLA_TYPE_BULLA, .offset = STATE, .size = 0x8000, .label = "bulla"},
    };
    uint8_t *table = device.sim.bytes + BULLA_PARTITION_TABLE_OFFSET;
    size_t used = 0;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (i == 3 && !factory)
            continue;
        bulla_partition_row_encode(&all[i], table + used);
        used += BULLA_PARTITION_ROW_SIZE;
    }
    bulla_partition_md5_row((struct bulla_bytes){table, used}, table + used);
}

static void lay_app(const struct seal_key *key, unsigned index)
{
    uint8_t *image = device.sim.bytes + place_of(index);
    struct seal_options how = {.sequence = 3 + index,
                               .vendor_id = device.client.identity.vendor_id,
                               .class_id = device.client.identity.class_id,
                               .component = index == 2 ? "factory" : "app"};
    struct seal_buffer envelope;

    how.sequence = index == 2 ? 1 : how.sequence;
    memset(image, 'a' + (int)index, IMAGE_LEN);
    seal_envelope((struct bulla_bytes){image, IMAGE_LEN}, &how, key, &envelope);
    FUZZ_CHECK(bulla_state_put(&device.client.state, BULLA_RECORD_HEAD,
                               index == 2 ? BULLA_STATE_SLOT_FACTORY : (uint8_t)index,
                               (struct bulla_bytes){envelope.data, seal_head_len(&envelope)}) ==
               BULLA_OK);
    seal_buffer_free(&envelope);
}

static enum bulla_status power_on(void)
{
    flash_sim_power_on(&device.sim);
    return bulla_client_open(&device.client, flash_sim_flash(&device.sim), device.trust,
                             sizeof(device.trust));
}

static void provision(bool factory)
{
    struct bulla_identity identity = {
        .format = BULLA_FORMAT_RAW, .vendor_id = {1}, .class_id = {2}};
    struct bulla_confirmed confirmed = {.sequence = 3};
    struct bulla_state state;
    struct seal_buffer trust;
    struct seal_key key;
    struct bulla_layout layout;

    memset(device.sim.bytes, 0xff, CHIP);
    lay_table(factory);
    FUZZ_CHECK(
        bulla_layout_decode((struct bulla_bytes){device.sim.bytes + BULLA_PARTITION_TABLE_OFFSET,
                                                 BULLA_PARTITION_TABLE_SIZE},
                            CHIP, &layout) == BULLA_OK);
    memcpy(key.public_key, fuzz_signer(0)->public_key, sizeof(key.public_key));
    memcpy(key.secret, fuzz_signer(0)->secret, sizeof(key.secret));
    seal_trust(&key, &trust);
    FUZZ_CHECK(bulla_state_format(&state, flash_sim_flash(&device.sim), &layout.state) == BULLA_OK);
    FUZZ_CHECK(bulla_state_put_twice(&state, BULLA_RECORD_TRUST,
                                     (struct bulla_bytes){trust.data, trust.len}) == BULLA_OK);
    FUZZ_CHECK(bulla_state_put_identity(&state, &identity) == BULLA_OK);
    FUZZ_CHECK(bulla_state_put_floor(&state, 0) == BULLA_OK);
    FUZZ_CHECK(power_on() == BULLA_OK);
    for (unsigned i = 0; i < (factory ? 3u : 2u); i++)
        lay_app(&key, i);
    struct bulla_installed installed = {.sealed = false};
    FUZZ_CHECK(bulla_slot_judge(&device.client, 0, &installed) == BULLA_OK && installed.sealed);
    memcpy(confirmed.manifest_digest, installed.manifest_digest, BULLA_DIGEST_SIZE);
    FUZZ_CHECK(bulla_state_put_confirmed(&device.client.state, &confirmed) == BULLA_OK);
    seal_buffer_free(&trust);
    device.provisioned[factory] = fuzz_copy((struct bulla_bytes){device.sim.bytes, CHIP});
}

static void provision_once(void)
{
    char why[FLASH_SIM_WHY_SIZE];

    if (device.provisioned[0] != NULL)
        return;
    FUZZ_CHECK(flash_sim_create(&device.sim, NULL, CHIP, why) == BULLA_OK);
    provision(true);
    provision(false);
}

/* ---- what the input says ---- */

static void lay_record(unsigned index, struct bulla_bytes bytes, bool right)
{
    uint8_t *at = device.sim.bytes + OTADATA + index * BULLA_SECTOR_SIZE;

    if (bytes.len > 0)
        memcpy(at, bytes.data, bytes.len);
    if (right) {
        uint32_t crc = bulla_ota_crc(bulla_ota_record_decode(at).seq);
        for (unsigned i = 0; i < 4; i++)
            at[28 + i] = (uint8_t)(crc >> 8 * i);
    }
}

static void prepare(struct bulla_bytes *in)
{
    uint8_t choices = fuzz_u8(in);

    device.factory = (choices & FACTORY) != 0;
    memcpy(device.sim.bytes, device.provisioned[device.factory], CHIP);
    lay_record(0, fuzz_span(in, RECORD), (choices & FIX_CRC_0) != 0);
    lay_record(1, fuzz_span(in, RECORD), (choices & FIX_CRC_1) != 0);
    for (unsigned i = 0; i < 3; i++) {
        device.good[i] = (choices & (unsigned)DAMAGE_0 << i) == 0 && (i < 2 || device.factory);
        if (!device.good[i])
            device.sim.bytes[place_of(i) + 4097] ^= 1;
    }
    device.confirmed = 0;
}

static unsigned good_slots(void)
{
    return device.good[0] + device.good[1] + (unsigned)device.good[2];
}

/* Does a whole record say INVALID or ABORTED of this slot, and none speaks for it? With `pending`,
 * also that its trial was not confirmed before this reset, which makes it ABORTED now. */
static bool is_barred(const struct bulla_otadata *o, int32_t slot, bool pending)
{
    bool barred = false;

    for (unsigned i = 0; i < 2; i++) {
        const struct bulla_ota_record *r = &o->record[i];
        bool whole = r->seq != BULLA_OTA_SEQ_NONE && r->crc == bulla_ota_crc(r->seq);
        if (!whole || (int32_t)bulla_ota_slot_of(r->seq, 2) != slot)
            continue;
        if (r->state != BULLA_OTA_INVALID && r->state != BULLA_OTA_ABORTED &&
            !(pending && r->state == BULLA_OTA_PENDING_VERIFY))
            return false;
        barred = true;
    }
    return barred;
}

/* ---- power-ons ---- */

static void check_boot(void)
{
    struct bulla_boot_result predicted = {.slot = BULLA_SLOT_NONE},
                             result = {.slot = BULLA_SLOT_NONE};
    struct bulla_otadata before = device.client.otadata;
    enum bulla_status expected = bulla_client_predict(&device.client, &predicted);

    FUZZ_CHECK(power_on() == BULLA_OK);
    enum bulla_status status = bulla_client_boot(&device.client, &result);
    FUZZ_CHECK(status == expected && result.slot == predicted.slot);
    FUZZ_CHECK((status == BULLA_OK) == (good_slots() > 0));
    if (status != BULLA_OK) {
        FUZZ_CHECK(status == BULLA_E_NOTHING_BOOTABLE && result.slot == BULLA_SLOT_NONE);
        return;
    }
    unsigned index = result.slot == BULLA_SLOT_FACTORY ? 2 : (unsigned)result.slot;
    FUZZ_CHECK(index < 3 && slot_of(index) == result.slot && device.good[index]);
    for (unsigned other = 0; other < 2 && is_barred(&before, result.slot, false); other++)
        FUZZ_CHECK(other == index || !device.good[other] ||
                   is_barred(&before, slot_of(other), true));
}

static void ask(uint8_t what)
{
    switch (what % 6) {
    case 0:
        (void)!bulla_client_confirm(&device.client);
        break;
    case 1:
        (void)!bulla_client_reject(&device.client);
        break;
    case 2:
        (void)!bulla_client_set_boot(&device.client, slot_of(what / 6u % 3u));
        break;
    default:
        check_boot();
        break;
    }
}

static void check_kept(void)
{
    const uint8_t *first = device.provisioned[device.factory];

    for (unsigned i = 0; i < 3; i++) {
        device.sim.bytes[place_of(i) + 4097] ^= device.good[i] ? 0 : 1;
        FUZZ_CHECK(memcmp(device.sim.bytes + place_of(i), first + place_of(i), SLOT_SIZE) == 0);
    }
    FUZZ_CHECK(memcmp(device.sim.bytes, first, OTADATA) == 0);
    FUZZ_CHECK(device.sim.violations == 0);
}

void fuzz_boot(struct bulla_bytes in)
{
    provision_once();
    prepare(&in);
    for (int i = 0; i < POWER_ONS; i++) {
        FUZZ_CHECK(power_on() == BULLA_OK);
        FUZZ_CHECK(device.client.has_confirmed &&
                   device.client.confirmed.sequence >= device.confirmed);
        device.confirmed = device.client.confirmed.sequence;
        ask(i == 0 ? 5 : fuzz_u8(&in));
    }
    check_kept();
}
