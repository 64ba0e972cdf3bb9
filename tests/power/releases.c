/* SPDX-License-Identifier: Apache-2.0 */
/* What the devices of the sweep are given to install: images that ESP-IDF's bootloader would load,
 * or raw ones, sealed with a key that is made for the run. Neighbours share sectors, so that
 * updates keep and copy some. */

#include "power.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ESP_DROM 0x3f400020u
#define ESP_IRAM 0x40080000u

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* The same for the same two numbers. */
static void noise(uint8_t *bytes, size_t len, uint32_t seed)
{
    uint32_t state = seed * 2654435761u | 1u;

    for (size_t i = 0; i < len; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes[i] = (uint8_t)(state >> 13);
    }
}

/* Sectors of release `number`: the first and every third are its own, the rest is what its
 * predecessor has, too. */
static void fill(uint8_t *bytes, size_t len, uint32_t number)
{
    for (size_t at = 0; at < len; at += BULLA_SECTOR_SIZE) {
        size_t sector = at / BULLA_SECTOR_SIZE;
        size_t n = len - at < BULLA_SECTOR_SIZE ? len - at : BULLA_SECTOR_SIZE;
        uint32_t of = sector == 0 || (sector + number) % 3 == 0 ? number : number / 2 + 100;
        noise(bytes + at, n, of * 1000u + (uint32_t)sector);
    }
}

/* Two segments, checksum and SHA-256 behind: what ESP-IDF's tools make, without their program. */
static void make_esp(struct release *release, uint32_t number, uint32_t room)
{
    uint32_t data = (room - 24u - 8u - 8u - 4u - 16u - 32u) / 16u * 16u - 4u;
    uint8_t *image = calloc(room, 1);
    uint8_t checksum = 0xef;
    uint32_t at = 24;

    if (image == NULL)
        abort();
    memcpy(image, "\xe9\x02\x02\x20", 4);
    put32(image + 4, ESP_IRAM);
    image[8] = 0xee;
    put32(image + 17, 0xffff);
    image[23] = 1;
    put32(image + at, ESP_DROM);
    put32(image + at + 4, data);
    at += 8;
    fill(image + at, data, number);
    memset(image + at, 0, 256);
    put32(image + at, 0xabcd5432u);
    put32(image + at + 4, release->secure_version);
    image[at + 16] = (uint8_t)('0' + number);
    at += data;
    put32(image + at, ESP_IRAM);
    put32(image + at + 4, 4);
    put32(image + at + 8, number);
    for (uint32_t i = 32; i < 32 + data; i++)
        checksum ^= image[i];
    for (uint32_t i = 0; i < 4; i++)
        checksum ^= image[at + 8 + i];
    at += 12;
    at += 15u - at % 16u;
    image[at++] = checksum;
    crypto_hash_sha256(image + at, image, at);
    release->image = image;
    release->size = at + 32u;
}

static void make_raw(struct release *release, uint32_t number, uint32_t size)
{
    release->image = malloc(size);
    release->size = size;
    if (release->image == NULL)
        abort();
    fill(release->image, size, number);
    release->image[0] = (uint8_t)number; /* no ESP image, whatever chance says */
}

void releases_seal(struct releases *r, uint32_t number)
{
    struct release *release = &r->all[number];
    const struct bulla_bytes image = {release->image, release->size};
    struct seal_options how = {.sequence = release->sequence,
                               .vendor_id = r->vendor_id,
                               .class_id = r->class_id,
                               .text = number % 2 == 1};

    if (release->modules.count > 0)
        modules_seal(r, release, release->sequence, &release->modules);
    seal_buffer_free(&release->envelope);
    seal_buffer_free(&release->bundle);
    seal_envelope(image, &how, &r->key, &release->envelope);
    how.bundle = true;
    seal_envelope(image, &how, &r->key, &release->bundle);
}

static void make_release(struct releases *r, enum kit kit, uint32_t number)
{
    static const uint32_t room[] = {5000, 9000, 4096, 12000, 3000, 8192, 10000, 6000};
    struct release *release = &r->all[number];

    release->sequence = number + 1;
    release->secure_version = r->format == BULLA_FORMAT_ESP && number >= 3 ? 1 : 0;
    if (kit == KIT_ESP)
        make_esp(release, number, room[number]);
    else
        make_raw(release, number, kit == KIT_LARGE ? 66u * BULLA_SECTOR_SIZE - 100u : room[number]);
    if (kit == KIT_MODULES)
        modules_of_release(number, &release->modules);
    releases_seal(r, number);
}

void releases_make(struct releases *releases, enum kit kit, uint32_t seed)
{
    uint8_t key_seed[32] = "power cuts, key of this run";

    memset(releases, 0, sizeof(*releases));
    put32(key_seed + 28, seed);
    if (sodium_init() < 0 ||
        crypto_sign_seed_keypair(releases->key.public_key, releases->key.secret, key_seed) != 0)
        abort();
    releases->format = kit == KIT_ESP ? BULLA_FORMAT_ESP : BULLA_FORMAT_RAW;
    memset(releases->vendor_id, 0x11, sizeof(releases->vendor_id));
    memset(releases->class_id, 0x22, sizeof(releases->class_id));
    for (uint32_t i = 0; i < RELEASES; i++)
        make_release(releases, kit, i);
    if (kit == KIT_MODULES)
        modules_of_packs(releases);
}

void releases_free(struct releases *releases)
{
    for (uint32_t i = 0; i < RELEASES; i++) {
        free(releases->all[i].image);
        seal_buffer_free(&releases->all[i].envelope);
        seal_buffer_free(&releases->all[i].bundle);
        seal_buffer_free(&releases->all[i].modules.envelope);
    }
    for (uint32_t i = 0; i < PACKS; i++)
        seal_buffer_free(&releases->packs[i].envelope);
}
