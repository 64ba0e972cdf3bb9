# SPDX-License-Identifier: Apache-2.0
"""Images judged on their own: ESP app images with one thing wrong each, and raw ones. Written from docs/FORMAT.md,
"Images" and "Chips", whose tables are read from there."""

import hashlib
import pathlib
import struct
import zlib

from kit_cases import Kit

images = Kit("image", ".bin", "device", "status", "sentence")
PAGE = 0x10000


def tables():
    """Chips and regions as docs/FORMAT.md prints them."""
    chips, regions = {}, {}
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "FORMAT.md").read_text()
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if len(cells) == 5 and cells[0].startswith("esp32"):
            chips[cells[0]] = {"id": int(cells[1], 0), "boot": int(cells[2], 0), "fuse": int(cells[3]), "pages": cells[4] == "yes"}
        elif len(cells) == 4 and cells[0].startswith("esp32"):
            regions.setdefault(cells[0], []).append((int(cells[1], 0), int(cells[2], 0), cells[3]))
    return chips, regions


CHIPS, REGIONS = tables()
assert len(CHIPS) == 10 and set(CHIPS) == set(REGIONS)


def region(chip, *kinds):
    return next(r for r in REGIONS[chip] if r[2] in kinds)


def descriptor(magic=0xABCD5432, secure=0, version=b"1.0.0", page=0):
    out = struct.pack("<II8x32s32s16s16s32s32x", magic, secure, version, b"vector", b"00:00:00", b"Jan  1 2026", b"v5.5")
    return (out + struct.pack("<HHB", 0, 0xFFFF, page)).ljust(256, b"\0")


def code_segment(chip):
    start, _, _ = region(chip, "load code", "load code and data")
    return [start + 0x400, bytes(range(16))]


def drom(chip, offset=0x20):
    return region(chip, "data", "data and code")[0] + offset


def build(chip="esp32", segments=None, more=(), entry=None, chip_id=None, low=0, high=0xFFFF, hashed=1, count=None, magic=0xE9,
          text=None, checksum=0, digest=0, tail=b"", **words):
    """An app image; segments and more are [address, data]. checksum and digest are XORed onto the right ones."""
    if segments is None:
        segments = [[drom(chip), text or descriptor(**words)], code_segment(chip)]
    segments = [*segments, *more]
    if entry is None:
        entry = code_segment(chip)[0]
    out = struct.pack("<BBBBIB3xHBHH4xB", magic, len(segments) if count is None else count, 2, 0x20, entry, 0xEE,
                      CHIPS[chip]["id"] if chip_id is None else chip_id, 0, low, high, hashed)
    value = 0xEF
    for address, data in segments:
        out += struct.pack("<II", address, len(data)) + data
        for byte in data:
            value ^= byte
    out += bytes(15 - len(out) % 16) + bytes([value ^ checksum])
    sha = bytearray(hashlib.sha256(out).digest())
    sha[-1] ^= digest
    return out + bytes(sha) + tail


def image(name, status, sentence, data, device="-"):
    images.add(name, data, device, status, sentence)


GOOD = build()
DROM = drom("esp32")
IRAM = code_segment("esp32")[0]

# ---- what is accepted, and policy ----
for chip in CHIPS:
    image(f"good-{chip}", "ok", f"a small app for {chip}", build(chip))
    image(f"good-{chip}-secure-version-most", "ok", "a secure version of the fuse's width", build(chip, secure=CHIPS[chip]["fuse"]))
    image(f"secure-version-{chip}", "image-secure-version", "a secure version that the fuse cannot hold",
          build(chip, secure=CHIPS[chip]["fuse"] + 1))
    image(f"for-device-{chip}", "ok", "for this chip", build(chip), f"format=esp,chip={CHIPS[chip]['id']},revision=0")
    other = "esp32" if chip != "esp32" else "esp32c3"
    image(f"for-other-chip-{chip}", "chip-mismatch", "for another chip", build(chip), f"chip={CHIPS[other]['id']},revision=0")
for name, status, words, low, high, revision in (
        ("revision-below", "chip-revision", "needs revision 3.0, the device has 2.99", 300, 0xFFFF, 299),
        ("revision-equal-low", "ok", "needs revision 3.0", 300, 0xFFFF, 300),
        ("revision-above", "chip-revision", "up to 3.99, the device has 4.0", 0, 399, 400),
        ("revision-equal-high", "ok", "up to 3.99", 0, 399, 399),
        ("revision-max-0", "ok", "maximum 0 is none", 0, 0, 999), ("revision-max-ffff", "ok", "maximum 0xFFFF is none", 0, 0xFFFF, 65534),
        ("revision-max-0-min-above", "ok", "maximum 0 is none, minimum 300", 300, 0, 300)):
    image(name, status, words, build(low=low, high=high), f"chip=0,revision={revision}")
image("revisions-crossed", "image-revisions", "minimum above maximum", build(low=400, high=399))
image("revisions-equal", "ok", "minimum is maximum", build(low=399, high=399))
image("floor-equal", "ok", "secure version is the floor", build(secure=3), "floor=3")
image("floor-above", "secure-version-too-old", "secure version below the floor", build(secure=3), "floor=4")
image("floor-raw", "secure-version-too-old", "a raw image has secure version 0", b"raw", "floor=1")
image("floor-raw-0", "ok", "a raw image, floor 0", b"raw", "format=raw,floor=0")
image("format-raw-wanted", "image-format", "an ESP image where raw ones are taken", GOOD, "format=raw")
image("format-esp-wanted", "image-format", "a raw image where ESP ones are taken", b"raw", "format=esp")
image("format-before-chip", "image-format", "two defects: the format is judged before the chip", GOOD, "format=raw,chip=5,revision=0")
image("chip-before-floor", "chip-mismatch", "two defects: the chip is judged before the floor", GOOD, "chip=5,revision=0,floor=1")
image("raw-names-no-chip", "ok", "a raw image names no chip", b"raw", "format=raw,chip=5,revision=0")

# ---- raw, or not ----
for name, data in {"one-byte": b"\0", "text": b"MZ", "blank": b"\xff" * 4096, "blank-short": b"\xff" * 100, "blank-long": b"\xff" * 9000,
                   "e8": b"\xe8" + GOOD[1:], "ea": b"\xea" + GOOD[1:], "one-blank-byte-before": b"\xff" + GOOD,
                   "blank-4095-before": b"\xff" * 4095 + GOOD, "blank-4097-before": b"\xff" * 4097 + GOOD,
                   "blank-then-other": b"\xff" * 4096 + b"\xe8" + GOOD[1:], "zeros": bytes(64)}.items():
    image(f"raw-{name}", "ok", f"no ESP image: {name}", data, "format=raw")
image("blank-sector-before", "image-not-an-app", "a blank sector before the image: a flash dump", b"\xff" * 4096 + GOOD)
image("blank-sector-and-magic", "image-not-an-app", "a blank sector and 0xE9", b"\xff" * 4096 + b"\xe9")
image("empty", "image-cut", "an empty file", b"")

# ---- header ----
for chip_id in (1, 3, 4, 6, 0xA, 0xB, 0xE, 0x11, 0x19, 0x1C, 0x1F, 0x20, 0x100, 0xFFFF):
    image(f"chip-id-{chip_id:x}", "image-chip-unknown", f"chip id {chip_id:#x}", build(chip_id=chip_id))
for count in (0, 17, 32, 255):
    image(f"segments-{count}", "image-segment-count", f"{count} segments", build(count=count))
image("segments-16", "ok", "sixteen segments", build(more=[[IRAM + 64 * i, bytes(4)] for i in range(1, 15)]))
image("segments-one-more", "image-segment-length", "one segment more counted: the checksum is read as its header",
      build(count=3))
image("segments-one-less", "image-entry", "one segment less counted: the entry lies in the other", build(count=1))
for hashed in (0, 2, 255):
    image(f"hash-flag-{hashed}", "image-no-sha256", f"the hash flag is {hashed}", build(hashed=hashed))

# ---- descriptor ----
image("descriptor-none", "image-no-descriptor", "no descriptor", build(text=bytes(256)))
image("descriptor-other-magic", "image-no-descriptor", "another magic", build(magic=0xE9, text=descriptor(0xABCD5433)))
image("descriptor-not-at-start", "image-no-descriptor", "the descriptor 4 bytes later", build(text=bytes(4) + descriptor()))
bootloader = struct.pack("<B3xI32s24s", 0x50, 1, b"v5.5", b"Jan  1 2026 00:00:00").ljust(256, b"\0")
image("descriptor-of-bootloader", "image-not-an-app", "a bootloader's descriptor", build(text=bootloader))
image("descriptor-of-bootloader-not-text", "image-no-descriptor", "0x50, and a version that is no text",
      build(text=bootloader[:8] + b"\x01\x02" + bootloader[10:]))
image("first-segment-loaded", "image-not-an-app", "the first segment is loaded and has no descriptor: a bootloader",
      build(segments=[[IRAM, bytes(256)]]))
image("first-segment-loaded-with-descriptor", "image-segment-address", "the descriptor in a loaded segment",
      build(segments=[[0x3FFB0000, descriptor()], code_segment("esp32")]))
image("version-without-end", "image-version-text", "32 bytes of version", build(version=b"v" * 32))
image("version-of-31", "ok", "31 bytes of version", build(version=b"v" * 31))
image("version-empty", "ok", "an empty version", build(version=b""))
for chip, good in (("esp32", {0, 16}), ("esp32c3", {0, 16}), ("esp32c6", {0, 13, 14, 15, 16}), ("esp32c2", {0, 13, 14, 15, 16}),
                   ("esp32c5", {0, 16})):
    for log2 in (0, 1, 12, 13, 14, 15, 16, 17, 32, 255):
        image(f"page-{chip}-{log2}", "ok" if log2 in good else "image-segment-alignment", f"MMU pages of 2^{log2} on {chip}",
              build(chip, page=log2))

# ---- segments: length ----
for size in (0, 4, 252):
    image(f"first-segment-of-{size}", "image-segment-length", f"a first segment of {size} bytes",
          build(segments=[[DROM, descriptor()[:size]], code_segment("esp32")]))
for extra in (1, 2, 3):
    image(f"segment-odd-{extra}", "image-segment-length", "a length that is no multiple of 4", build(more=[[0x3FFB0000, bytes(4 + extra)]]))
for name, length, status in (("16-mib", 1 << 24, "image-segment-length"), ("16-mib-less-4", (1 << 24) - 4, "image-cut"),
                             ("2-to-31", 1 << 31, "image-segment-length"), ("2-to-32-less-4", 2**32 - 4, "image-segment-length"),
                             ("64-kib", 1 << 16, "image-cut")):
    data = GOOD[:24 + 8 + 256 + 4] + struct.pack("<I", length) + GOOD[24 + 8 + 256 + 8:]
    image(f"segment-of-{name}", status, f"a second segment of {name} in a small file", data)

# ---- segments: where they lie (regions of docs/FORMAT.md) ----


def placed(name, status, words, chip, address, size=16):
    data = bytes(size)
    if any(address <= a + n and a <= address + size for a, n in [(code_segment(chip)[0], 16)]):
        return
    image(name, status, words, build(chip, more=[[address, data]]))


def touches(chip, address, size, kinds):
    return [r for r in REGIONS[chip] if r[2] in kinds and address < r[1] and r[0] < address + size]


LOADS = ("load", "load code", "load code and data")
for chip in CHIPS:
    for start, end, kind in REGIONS[chip]:
        if kind not in ("load", "load code and data"):
            continue  # of code with an alias docs/FORMAT.md does not say where the data bus shows it
        for where, address in (("first", start), ("last", end - 16), ("before", start - 4), ("behind", end - 12), ("next", end)):
            inside = any(r[0] <= address and address + 16 <= r[1] for r in REGIONS[chip] if r[2] in LOADS)
            if touches(chip, address, 16, ("bootloader",)) or (not inside and touches(chip, address, 16, ("data", "code", "data and code"))):
                continue
            placed(f"at-{chip}-{start:x}-{where}", "ok" if inside else "image-segment-address",
                   f"16 bytes at the {where} of {start:#x}..{end:#x}", chip, address)
    for start, end, kind in REGIONS[chip]:
        if kind == "bootloader":
            for where, address in (("first", start), ("last", end - 16), ("into", start - 12), ("out-of", end - 4)):
                placed(f"boot-{chip}-{start:x}-{where}", "image-loads-over-bootloader", "over the bootloader's memory", chip, address)
for address in (0x10000000, 0x3F3FFFF0, 0x60000000, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFC):
    image(f"segment-at-{address:x}", "image-segment-address", f"16 bytes at {address:#x}", build(more=[[address, bytes(16)]]))
for address in (0, 4, 0x0FFFFFFC):
    image(f"padding-at-{address:x}", "ok", f"a padding segment at {address:#x}", build(more=[[address, bytes(16)]]))
image("first-segment-as-padding", "image-not-an-app", "the first segment at 0: no mapped data", build(segments=[[0, bytes(256)], code_segment("esp32")]))

# ---- segments: mapped ones ----
for chip, at in (("esp32", 0x400D0000), ("esp32c3", 0x42000000), ("esp32s3", 0x42000000), ("esp32s2", 0x40080000)):
    offset = 0x20 + 256 + 8 + 16 + 8
    image(f"mapped-code-{chip}", "ok", "code mapped from flash", build(chip, more=[[at + offset, bytes(16)]]))
    image(f"mapped-code-{chip}-entry", "ok", "the entry in mapped code", build(chip, more=[[at + offset, bytes(16)]], entry=at + offset + 4))
    for shift in (-4, 4, 0x1000, 0x8000):
        image(f"mapped-code-{chip}-shift-{shift}", "image-segment-alignment" if at + offset + shift >= at else "image-segment-address",
              "address and file offset disagree", build(chip, more=[[at + offset + shift, bytes(16)]]))
for shift in (4, -4, 0x100, 0x8000):
    image(f"first-segment-shift-{shift}", "image-segment-alignment", "address and file offset of the first segment disagree",
          build(segments=[[DROM + shift, descriptor()], code_segment("esp32")]))
image("first-segment-in-code", "image-segment-address", "the descriptor in mapped code",
      build(segments=[[0x400D0020, descriptor()], code_segment("esp32")]))
for log2, status in ((13, "ok"), (16, "image-segment-alignment")):
    image(f"small-pages-{log2}", status, "an address that agrees modulo 8 KiB only",
          build("esp32c6", segments=[[0x42000000 + 0x2000 + 0x20, descriptor(page=log2)], code_segment("esp32c6")]))

# ---- segments: overlap, entry ----
for name, status, more in (
        ("same", "image-segment-overlap", [[0x3FFB0000, bytes(16)], [0x3FFB0000, bytes(16)]]),
        ("last-word", "image-segment-overlap", [[0x3FFB0000, bytes(16)], [0x3FFB000C, bytes(16)]]),
        ("first-word", "image-segment-overlap", [[0x3FFB0010, bytes(16)], [0x3FFB0004, bytes(16)]]),
        ("inside", "image-segment-overlap", [[0x3FFB0000, bytes(64)], [0x3FFB0010, bytes(4)]]),
        ("around", "image-segment-overlap", [[0x3FFB0010, bytes(4)], [0x3FFB0000, bytes(64)]]),
        ("next-to", "ok", [[0x3FFB0000, bytes(16)], [0x3FFB0010, bytes(16)]]),
        ("empty-inside", "ok", [[0x3FFB0000, bytes(16)], [0x3FFB0004, b""]]),
        ("padding-twice", "ok", [[0, bytes(16)], [0, bytes(16)]]),
        ("not-neighbours", "image-segment-overlap", [[0x3FFB0000, bytes(16)], [0x3FFC0000, bytes(16)], [0x3FFB0008, bytes(4)]])):
    image(f"overlap-{name}", status, f"two segments: {name}", build(more=more))
for name, entry, status in (("first", IRAM, "ok"), ("last", IRAM + 15, "ok"), ("behind", IRAM + 16, "image-entry"),
                            ("before", IRAM - 1, "image-entry"), ("zero", 0, "image-entry"), ("in-data", DROM, "image-entry"),
                            ("ones", 0xFFFFFFFF, "image-entry")):
    image(f"entry-{name}", status, f"entry {name}", build(entry=entry))
image("entry-in-loaded-data", "image-entry", "the entry in loaded data", build(more=[[0x3FFB0000, bytes(16)]], entry=0x3FFB0000))
image("entry-in-empty-segment", "image-entry", "the entry at a segment of no length", build(more=[[0x40081000, b""]], entry=0x40081000))

# ---- checksum, SHA-256, ends ----
for bit in (1, 0x80):
    image(f"checksum-{bit}", "image-checksum", "the checksum is wrong, the SHA-256 covers it", build(checksum=bit))
    image(f"sha256-{bit}", "image-sha256", "the SHA-256 is wrong", build(digest=bit))
for at, status in ((-33, "image-checksum"), (-40, "image-sha256"), (-1, "image-sha256"), (-32, "image-sha256"),
                   (0x100, "image-checksum"), (0x60, "image-checksum")):
    data = bytearray(GOOD)
    data[at] ^= 1
    image(f"bit-at-{at}", status, f"one bit at byte {at}", bytes(data))
for size in sorted({1, 2, 8, 23, 24, 28, 31, 32, 100, 0xD4, 0x11F, 0x120, 0x124, 0x128, 0x130, len(GOOD) - 48, len(GOOD) - 33,
             len(GOOD) - 32, len(GOOD) - 31, len(GOOD) - 1}):
    image(f"cut-to-{size}", "image-cut", f"the first {size} bytes", GOOD[:size])
image("size-declared-larger", "image-truncated", "one byte more declared: the stream ends too early", b"raw", "size=4")
image("size-declared-smaller", "image-trailing", "one byte less declared", b"raw!", "size=3")
image("size-16-mib", "image-truncated", "16 MiB declared: allowed, and not there", GOOD[:300], f"size={1 << 24}")
image("size-16-mib-and-1", "image-too-large", "an ESP image of 16 MiB and one byte", GOOD[:300], f"size={(1 << 24) + 1}")
image("size-2-to-32", "image-too-large", "an ESP image of 2^32-1 bytes", GOOD[:300], f"size={2**32 - 1}")
image("size-raw-2-to-32", "image-truncated", "a raw image may be as large as that", b"raw", f"size={2**32 - 1}")

# ---- behind the image ----
for name, tail in {"one-byte": b"\0", "blank-byte": b"\xff", "sixteen": bytes(16), "blank-sector": b"\xff" * 4096,
                   "second-image": GOOD, "to-the-sector": b"\xff" * (-len(GOOD) % 4096)}.items():
    image(f"tail-{name}", "image-tail", f"behind the image: {name}", GOOD + tail)


def signature_block(magic=0xE7, version=2, crc=0, end=bytes(16)):
    out = bytes([magic, version]) + bytes(range(256)) * 4 + bytes(1196 - 2 - 1024)
    return out + struct.pack("<I", zlib.crc32(out) ^ crc) + end


def secured(*blocks, padding=b"\xff", rest=b"\xff", more=b""):
    sector = b"".join(blocks)
    return GOOD + padding * (-len(GOOD) % 4096) + sector + rest * (4096 - len(sector)) + more


BLOCK = signature_block()
for count in (1, 2, 3):
    image(f"secure-boot-{count}", "ok", f"{count} Secure Boot v2 blocks", secured(*([BLOCK] * count)))
image("secure-boot-version-3", "ok", "a block of version 3", secured(signature_block(version=3)))
for name, data in {
        "magic": secured(signature_block(magic=0xE6)), "version-1": secured(signature_block(version=1)),
        "version-4": secured(signature_block(version=4)), "crc": secured(signature_block(crc=1)),
        "end": secured(signature_block(end=bytes(15) + b"\1")), "gap": secured(BLOCK, b"\xff" * 1216, BLOCK),
        "second-bad": secured(BLOCK, signature_block(crc=1)), "none": secured(), "zeros": secured(BLOCK, rest=b"\0"),
        "padding": secured(BLOCK, padding=b"\0"), "one-more": secured(BLOCK, more=b"\xff"),
        "sector-more": secured(BLOCK, more=b"\xff" * 4096), "cut": secured(BLOCK)[:-1],
        "fourth": secured(BLOCK, BLOCK, BLOCK, b"\xe7")}.items():
    image(f"secure-boot-{name}", "image-tail", f"a signature sector with something wrong: {name}", data)

# ---- a whole flash: a partition table where one lies ----
ROW = struct.pack("<2sBBII16sI", b"\xaa\x50", 0, 0, 0x10000, 0x100000, b"factory", 0)
for chip, base in (("esp32c3", 0x8000), ("esp32", 0x7000)):
    first = build(chip)
    table = ROW + b"\xff" * 32
    image(f"flash-image-{chip}", "image-not-an-app", "a partition table behind the image", first.ljust(base, b"\xff") + table)
