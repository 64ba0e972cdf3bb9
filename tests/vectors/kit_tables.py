# SPDX-License-Identifier: Apache-2.0
"""ESP-IDF partition tables as a device judges them, and otadata records with the choice between them."""

import hashlib
import struct
import zlib

from kit_cases import Kit

partitions = Kit("partition", ".bin", "device", "status", "sentence")
otadata = Kit("otadata", ".bin", "device", "status", "active", "choice", "after", "next", "sentence")

# ---- partition tables ----
MIB = 1 << 20
END = b"\xff" * 32
APP, DATA, BOOTLOADER, TABLE, BULLA = 0, 1, 2, 3, 0x40


def row(type_, subtype, offset, size, label, flags=0, magic=b"\xaa\x50"):
    label = label.encode() if isinstance(label, str) else label
    return struct.pack("<2sBBII16sI", magic, type_, subtype, offset, size, label, flags)


def md5(rows, change=0):
    digest = bytearray(hashlib.md5(rows).digest())
    digest[0] ^= change
    return b"\xeb\xeb" + b"\xff" * 14 + bytes(digest)


GOOD = {
    "nvs": (DATA, 2, 0x9000, 0x4000, "nvs"), "otadata": (DATA, 0, 0xD000, 0x2000, "otadata"),
    "ota_0": (APP, 0x10, 0x10000, 0x180000, "ota_0"), "ota_1": (APP, 0x11, 0x190000, 0x180000, "ota_1"),
    "bulla": (BULLA, 0, 0x3F0000, 0x10000, "bulla"),
}


def rows(changes=None, without=(), more=()):
    """The good table's rows with some replaced, left out or added."""
    table = {**GOOD, **(changes or {})}
    return b"".join(row(*table[name]) for name in table if name not in without) + b"".join(row(*r) for r in more)


def table(name, status, sentence, data, flash=4 * MIB):
    partitions.add(name, data, f"flash={flash}", status, sentence)


def changed(name, status, sentence, which, flash=4 * MIB, **fields):
    """The good table with one row's type, subtype, offset, size, label or flags replaced."""
    old = dict(zip(("type", "subtype", "offset", "size", "label"), GOOD[which]))
    new = {**old, **fields}
    table(name, status, sentence, rows({which: tuple(new.values())}) + END, flash)


PLAIN = rows()
table("good", "ok", "nvs, otadata, two slots, state", PLAIN + END)
table("good-md5", "ok", "the same with its MD5", PLAIN + md5(PLAIN) + END)
table("good-filled", "ok", "followed by 0xFF to 0xC00 bytes", (PLAIN + md5(PLAIN)).ljust(0xC00, b"\xff"))
table("good-behind-end", "ok", "what follows the end row is not read", PLAIN + END + row(*GOOD["nvs"]) + bytes(32))
table("good-exact-flash", "ok", "the last partition ends with the flash", PLAIN + END, 0x400000)
table("good-factory", "ok", "a factory app besides", rows({"nvs": (APP, 0, 0x310000, 0x80000, "factory")}) + END)
table("factory-only", "ok", "no slots, a factory app", rows(without=("ota_0", "ota_1", "otadata"), more=[(APP, 0, 0x310000, 0x80000, "factory")]) + END)
table("no-state", "partition-no-state", "no state partition", rows(without=("bulla",)) + END)
changed("state-too-small", "partition-no-state", "0x3000 bytes of type 0x40: somebody else's", "bulla", size=0x3000)
changed("state-smallest", "ok", "0x4000 bytes of state", "bulla", size=0x4000)
changed("state-other-label", "ok", "the state's label does not matter", "bulla", label="memory")
changed("state-other-subtype", "partition-no-state", "type 0x40, subtype 1", "bulla", subtype=1)
changed("label-16", "ok", "a label of all 16 bytes", "nvs", label="abcdefghijklmnop")
changed("label-utf8", "ok", "a label in UTF-8", "nvs", label="Zust\u00e4nde")
changed("label-empty", "ok", "an empty label", "nvs", label="")
changed("label-behind-nul", "ok", "what stands behind a NUL is no part of the label", "nvs", label=b"nvs\0\x01\xff")

# magic, end, MD5
for name, magic in (("other", b"\xaa\x51"), ("swapped", b"\x50\xaa"), ("zero", b"\0\0"), ("ff-50", b"\xff\x50")):
    for at in (0, 2, 5):
        data = bytearray(PLAIN + row(DATA, 6, 0x310000, 0x1000, "last") + END)
        data[32 * at : 32 * at + 2] = magic
        table(f"magic-{name}-row-{at}", "partition-magic", f"row {at} begins {magic.hex()}", bytes(data))
table("erased", "partition-magic", "an erased sector is no table", END * 4)
table("end-torn", "partition-magic", "an end row with a bit programmed", PLAIN + END[:20] + b"\xfe" + END[21:])
table("end-missing", "partition-end", "rows up to the end of the bytes", PLAIN)
table("end-missing-md5", "partition-end", "the MD5 row is the last", PLAIN + md5(PLAIN))
table("end-half-a-row", "partition-end", "the end row is cut", PLAIN + END[:31])
table("empty", "partition-end", "no byte at all", b"")
table("one-byte", "partition-end", "one byte", PLAIN[:1])
table("full", "partition-end", "96 rows and no end", b"".join(row(DATA, 6, 0x10000 + 0x1000 * i, 0x1000, f"p{i}") for i in range(96)))
table("full-and-end", "partition-end", "96 rows; the end lies where the signature does",
      b"".join(row(DATA, 6, 0x10000 + 0x1000 * i, 0x1000, f"p{i}") for i in range(96)) + END)
for name, data in {"wrong": PLAIN + md5(PLAIN, 1) + END, "of-less": PLAIN + md5(PLAIN[:-32]) + END,
                   "of-more": PLAIN + md5(PLAIN + END) + END, "then-row": PLAIN + md5(PLAIN) + row(DATA, 6, 0x310000, 0x1000, "late") + END,
                   "twice": PLAIN + md5(PLAIN) + md5(PLAIN) + END, "then-torn-end": PLAIN + md5(PLAIN) + END[:31] + b"\0"}.items():
    table(f"md5-{name}", "partition-md5", f"the MD5 row: {name}", data)
bit = bytearray(PLAIN + md5(PLAIN) + END)
bit[12] ^= 1
table("md5-bit-of-row", "partition-md5", "one bit of a row under an MD5", bytes(bit))
table("md5-first", "partition-slots", "nothing but the MD5 of nothing", md5(b"") + END)

# bounds, alignment, overlap
for name, fields in {"behind-flash": {"offset": 0x400000}, "over-the-end": {"size": 0x11000}, "offset-2-to-32": {"offset": 0xFFFFF000},
                     "size-2-to-32": {"size": 0xFFFFFFFF}, "wraps": {"offset": 0x3F0000, "size": 0xFFC11000}}.items():
    changed(f"bounds-{name}", "partition-bounds", f"state partition: {name}", "bulla", **fields)
changed("bounds-app-size-0", "partition-bounds", "an app of size 0", "ota_1", size=0)
table("bounds-small-flash", "partition-bounds", "a flash of 2 MiB", PLAIN + END, 2 * MIB)
table("bounds-one-byte-less", "partition-bounds", "a flash one byte too small", PLAIN + END, 4 * MIB - 1)
for which, offsets in (("ota_1", (0x191000, 0x198000, 0x190001, 0x190800)), ("nvs", (0x9001, 0x9800, 0x9FFF)), ("bulla", (0x3EF800,))):
    for offset in offsets:
        changed(f"alignment-{which}-{offset:x}", "partition-alignment", f"{which} at {offset:#x}", which, offset=offset)
for size in (0x17F800, 0x17FFFF, 1, 4095):
    changed(f"alignment-app-size-{size:x}", "partition-alignment", f"an app of {size:#x} bytes", "ota_1", size=size)
changed("overlap-same", "partition-overlap", "two slots in one place", "ota_1", offset=0x10000)
changed("overlap-sector", "partition-overlap", "nvs reaches into otadata", "nvs", size=0x5000)
changed("overlap-around", "partition-overlap", "the state lies in a slot", "bulla", offset=0x200000)
for offset, size in ((0, 0x1000), (0x8000, 0x1000), (0x1000, 0x8000), (0x8000, 0)):
    changed(f"overlap-table-{offset:x}-{size:x}", "partition-overlap", "data before the table's end", "nvs", offset=offset, size=size)
table("overlap-bootloader-row", "ok", "a row that stands for the bootloader", rows(more=[(BOOTLOADER, 0, 0x1000, 0x7000, "boot")]) + END)
table("overlap-bootloader-row-long", "partition-overlap", "the bootloader's row reaches into the table",
      rows(more=[(BOOTLOADER, 0, 0x1000, 0x8000, "boot")]) + END)
table("overlap-table-row", "ok", "a row that stands for the table", rows(more=[(TABLE, 0, 0x8000, 0x1000, "table")]) + END)
table("overlap-table-row-elsewhere", "partition-overlap", "the table's row lies below it", rows(more=[(TABLE, 0, 0x7000, 0x1000, "table")]) + END)

# roles and names
table("duplicate-label", "partition-duplicate", "two partitions of one name", rows(more=[(DATA, 6, 0x310000, 0x1000, "nvs")]) + END)
table("duplicate-label-16", "partition-duplicate", "two labels of 16 bytes",
      rows(more=[(DATA, 6, 0x310000, 0x1000, "a" * 16), (DATA, 6, 0x311000, 0x1000, "a" * 16)]) + END)
table("duplicate-label-prefix", "ok", "one name begins like the other", rows(more=[(DATA, 6, 0x310000, 0x1000, "nvs2")]) + END)
table("duplicate-slot", "partition-duplicate", "two ota_0", rows({"ota_1": (APP, 0x10, 0x190000, 0x180000, "ota_1")}) + END)
table("duplicate-factory", "partition-duplicate", "two factory apps",
      rows(more=[(APP, 0, 0x310000, 0x10000, "f1"), (APP, 0, 0x320000, 0x10000, "f2")]) + END)
table("duplicate-state", "partition-duplicate", "two state partitions", rows(more=[(BULLA, 0, 0x310000, 0x4000, "more")]) + END)
for size in (0, 0x1000, 0x3000, 0x1FFF, 0x2001):
    changed(f"otadata-of-{size:x}", "partition-otadata", f"otadata of {size:#x} bytes", "otadata", size=size)
table("otadata-twice", "partition-otadata", "two otadata", rows(more=[(DATA, 0, 0x310000, 0x2000, "more")]) + END)
table("otadata-missing", "partition-otadata", "slots without otadata", rows(without=("otadata",)) + END)
table("slots-gap", "partition-slots", "ota_0 and ota_2", rows({"ota_1": (APP, 0x12, 0x190000, 0x180000, "ota_2")}) + END)
table("slots-first-missing", "partition-slots", "ota_1 alone", rows(without=("ota_0",)) + END)
table("slots-none", "partition-slots", "no app at all", rows(without=("ota_0", "ota_1")) + END)
table("slots-test-app-only", "partition-slots", "a test app alone", rows({"ota_0": (APP, 0x20, 0x10000, 0x10000, "test")}, without=("ota_1",)) + END)
table("slots-sixteen", "ok", "sixteen slots",
      rows(without=("ota_0", "ota_1"), more=[(APP, 0x10 + i, 0x10000 * (i + 1), 0x10000, f"ota_{i}") for i in range(16)]) + END)
for name, label in (("control", b"a\x01"), ("delete", b"a\x7f"), ("c1", b"a\xc2\x85"), ("not-utf8", b"a\xff"), ("overlong", b"\xc0\xaf"),
                    ("cut", b"aaaaaaaaaaaaaaa\xc3"), ("line-separator", "a\u2028b".encode()), ("rtl-override", "a\u202eb".encode()),
                    ("rtl-mark", "a\u200fb".encode()), ("isolate", "a\u2066b".encode()), ("arabic-mark", "a\u061cb".encode()),
                    ("newline", b"a\nb"), ("surrogate", b"\xed\xa0\x80")):
    changed(f"label-{name}", "partition-label", f"a label with something in it: {name}", "nvs", label=label)

# ---- otadata: two records ----
NEW, PENDING, VALID, INVALID, ABORTED, UNDEFINED, NONE = 0, 1, 2, 3, 4, 0xFFFFFFFF, 0xFFFFFFFF
BLANK = b"\xff" * 32


def record(seq, state=UNDEFINED, crc=0, label=b"\xff" * 20):
    return struct.pack("<I20sII", seq, label, state, zlib.crc32(struct.pack("<I", seq), 0xFFFFFFFF) ^ crc)


def read(data):
    seq, _, state, crc = struct.unpack("<I20sII", data)
    return seq, state, crc == zlib.crc32(struct.pack("<I", seq), 0xFFFFFFFF)


def out_of_use(seq, state):
    return seq == NONE or state in (INVALID, ABORTED)


def active_of(records):
    valid = [i for i, (seq, state, whole) in enumerate(records) if whole and not out_of_use(seq, state)]
    return max(valid, key=lambda i: (records[i][0], -i)) if valid else -1


def choice_of(records, slots, factory):
    """ESP-IDF's bootloader with rollback: choice, states, sectors it rewrites, whether it starts otadata anew."""
    records = [list(r) for r in records]
    rewrites = 0
    for i in (0, 1):
        if records[i][1] == PENDING:
            records[i][1] = ABORTED
            rewrites |= 1 << i
    initial, active = 0, active_of(records)
    if slots == 0 or all(out_of_use(seq, state) for seq, state, _ in records):
        choice = "factory" if factory else "ota_0"
        initial = int(not factory and all(seq == NONE or not whole for seq, _, whole in records))
    elif active < 0:
        choice = "factory"
    else:
        if records[active][1] == NEW:
            records[active][1] = PENDING
            rewrites |= 1 << active
        choice = f"ota_{(records[active][0] - 1) % 2**32 % slots}"
    return choice, f"{records[0][1]:x}:{records[1][1]:x}:{rewrites}:{initial}"


def next_of(current, slot, slots):
    seq = current + 1
    while (seq - 1) % slots != slot:
        seq += 1
    return seq if seq < NONE else None


def choose(name, sentence, first, second, slots=2, factory=False, slot=0):
    records = [read(first), read(second)]
    active = active_of(records)
    choice, after = choice_of(records, slots, factory)
    seq = next_of(0 if active < 0 else records[active][0], slot, slots)
    words = f"slots={slots},rollback,next={slot}" + (",factory" if factory else "")
    otadata.add(name, first + second, words, "ok" if seq else "otadata-full", str(active), choice, after, str(seq) if seq else "-", sentence)


for count, factory in ((1, False), (2, False), (2, True), (3, False), (16, True)):
    choose(f"blank-{count}-slots{'-factory' if factory else ''}", "both sectors erased", BLANK, BLANK, count, factory)
STATES = {"new": NEW, "pending": PENDING, "valid": VALID, "invalid": INVALID, "aborted": ABORTED, "undefined": UNDEFINED, "other": 7}
for left, a in STATES.items():
    for right, b in STATES.items():
        choose(f"states-{left}-{right}", f"seq 1 {left}, seq 2 {right}", record(1, a), record(2, b), slot=1)
    choose(f"alone-{left}", f"seq 2 {left}, the other sector erased", record(2, a), BLANK)
    choose(f"alone-{left}-second-sector-factory", f"seq 2 {left} in sector 1, a factory app", BLANK, record(2, a), factory=True)
    choose(f"bad-crc-{left}", f"seq 2 {left} with a wrong CRC, seq 1 valid", record(2, a, crc=1), record(1, VALID))
for one, other in ((1, 1), (5, 5), (3, 4), (4, 3), (0, 1), (1, 0), (0x7FFFFFFF, 0x80000000), (0x80000000, 1), (255, 256), (65536, 65535),
                   (0xFFFFFFFE, 1), (0xFFFFFFFD, 0xFFFFFFFE)):
    for count in (1, 2, 3):
        choose(f"seq-{one:x}-{other:x}-of-{count}", f"seq {one} and {other}, {count} slots", record(one, VALID), record(other, VALID), count)
for slot in range(4):
    choose(f"next-of-4-slot-{slot}", "the next number for each slot", record(6, VALID), record(5, VALID), 4, slot=slot)
    choose(f"full-of-4-slot-{slot}", "the last numbers", record(0xFFFFFFFB, VALID), record(5, VALID), 4, slot=slot)
choose("both-crc-wrong", "both CRCs wrong", record(1, VALID, crc=1), record(2, VALID, crc=0x80000000))
choose("both-crc-wrong-factory", "both CRCs wrong, a factory app", record(1, VALID, crc=1), record(2, VALID, crc=1), factory=True)
choose("seq-none-with-crc", "seq 0xFFFFFFFF with its CRC is no record", record(NONE, VALID), record(1, VALID))
choose("torn-seq", "only the number was programmed", struct.pack("<I", 2) + b"\xff" * 28, record(1, VALID))
choose("label-does-not-matter", "any label", record(2, VALID, label=b"x" * 20), record(1, VALID, label=bytes(20)))
for bits in range(32):
    choose(f"crc-bit-{bits}", "one bit of the CRC", record(2, VALID, crc=1 << bits), record(1, VALID))
