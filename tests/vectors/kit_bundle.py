# SPDX-License-Identifier: Apache-2.0
"""Bundles whose image is judged as well: structure, what the device takes, and the whole against its digest."""

from kit_cases import A, Kit, drop_item, set_item
from kit_images import BLOCK, CHIPS, build, secured
from sealing import encode, seal, sector_digests, sha256, suit_digest

bundles = Kit("bundle", ".suit", "trust", "device", "status", "sentence")


def bundle(name, status, sentence, image, device="format=esp", **hooks):
    bundles.add(name, seal(image, [A], bundle=True, **hooks), "one", device, status, sentence)


def image_parameter(key, value):
    return lambda s: [{**i, key: value} if isinstance(i, dict) and 1 in i else i for i in s]


def carried(data):
    return lambda members: [(k, encode(data) if k == "app.bin" else v) for k, v in members]


APP = build(more=[[0x3FFB0000, bytes(i % 251 for i in range(5000))]])
RAW = b"".join(sha256(bytes([i, i // 256])) for i in range(160))[:4600] + b"end " * 100
bundle("good-esp", "ok", "an app of two sectors", APP)
bundle("good-esp-device", "ok", "for this chip, revision and floor", build(secure=2, low=100, high=300), "format=esp,chip=0,revision=200,floor=2")
bundle("good-esp-signed", "ok", "with a Secure Boot sector", secured(BLOCK))
bundle("good-raw", "ok", "a raw image", RAW, "format=raw")
bundle("good-raw-chip", "ok", "a raw image names no chip", RAW, "format=raw,chip=0,revision=0,floor=0")
for chip in CHIPS:
    bundle(f"good-{chip}", "ok", f"an app for {chip}", build(chip), f"format=esp,chip={CHIPS[chip]['id']},revision=0,floor=0")
for name, status, device, image in (
        ("raw-for-esp", "image-format", "format=esp", RAW), ("esp-for-raw", "image-format", "format=raw", APP),
        ("other-chip", "chip-mismatch", "format=esp,chip=5,revision=0", APP),
        ("revision-low", "chip-revision", "format=esp,chip=0,revision=99", build(low=100)),
        ("revision-high", "chip-revision", "format=esp,chip=0,revision=301", build(high=300)),
        ("floor", "secure-version-too-old", "format=esp,floor=3", build(secure=2)),
        ("floor-raw", "secure-version-too-old", "format=raw,floor=1", RAW),
        ("format-first", "image-format", "format=raw,chip=5,revision=0,floor=9", APP),
        ("checksum", "image-checksum", "format=esp", build(checksum=1)), ("sha256", "image-sha256", "format=esp", build(digest=1)),
        ("no-sha256", "image-no-sha256", "format=esp", build(hashed=0)), ("tail", "image-tail", "format=esp", APP + b"\0"),
        ("cut", "image-cut", "format=esp", APP[:-1]), ("entry", "image-entry", "format=esp", build(entry=0)),
        ("bootloader", "image-not-an-app", "format=esp", build(segments=[[0x40080400, bytes(256)]])),
        ("blank-sector", "image-not-an-app", "format=esp", b"\xff" * 4096 + APP)):
    bundle(f"image-{name}", status, f"a sealed image with something wrong: {name}", image, device)
bundle("digest-of-image", "image-digest", "a right list, and another digest for the whole image", RAW, "format=raw",
       shared=image_parameter(3, suit_digest(b"another")))
bundle("digest-of-image-esp", "image-digest", "the same with an app", APP, shared=image_parameter(3, suit_digest(b"another")))
bundle("sector-before-structure", "sector-digest", "two defects: a sector is judged before what is in it",
       build(chip_id=1), members=carried(b"\xe9" + bytes(len(build()) - 1)))
bundle("sector-list-of-other", "sector-digest", "the list and digest of another image", RAW, "format=raw",
       members=carried(bytes(len(RAW))))
bundle("sector-last", "sector-digest", "one bit of the last sector", RAW, "format=raw", members=carried(RAW[:-1] + b"\0"))
bundle("short", "image-truncated", "the image ends early", RAW, "format=raw", members=carried(RAW[:-1]))
bundle("long", "image-trailing", "the image is longer", RAW, "format=raw", members=carried(RAW + b"\0"))
bundle("list-other", "list-digest", "a list of the same form for another image", RAW, "format=raw",
       members=lambda m: [(k, encode(encode([-16, 4096, len(RAW), b"".join(sector_digests(bytes(5000)))])) if k == "#app" else v)
                          for k, v in m])
bundle("list-missing", "envelope-member-missing", "the image without its list", RAW, "format=raw", members=drop_item(2))
bundle("without-image", "ok", "no image: nothing to judge of it", RAW, "format=esp,chip=0,revision=0,floor=9", members=drop_item(3))
bundle("list-swapped", "sector-digest", "a signed list with two sectors swapped", RAW, "format=raw",
       sector_list=set_item(3, b"".join(sha256(RAW[4096 * i : 4096 * (i + 1)]) for i in (1, 0))))
