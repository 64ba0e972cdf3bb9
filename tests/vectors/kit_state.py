# SPDX-License-Identifier: Apache-2.0
"""The device state as flash holds it (docs/FORMAT.md, "Device state"): which records count, and what is damage."""

import struct
import zlib

from kit_cases import Kit

states = Kit("state", ".bin", "device", "status", "confirmed", "floor", "sentence")
SIZE, HALF = 0x4000, 0x2000
TRUST, IDENTITY, CONFIRMED, FLOOR, HEAD, TRIAL, RUNNING, EVENT, BOOTS, SEAL = range(1, 11)


def half_header(generation=1, half=HALF, crc=0, magic=b"bst1"):
    head = magic + struct.pack("<II", half, generation)
    return head + struct.pack("<I", zlib.crc32(head) ^ crc)


def record(kind, content, counter, slot=0, generation=1, crc=0, header_crc=0, unit=16):
    head = struct.pack("<BBHII", kind, slot, len(content), counter, zlib.crc32(content) ^ crc)
    head += struct.pack("<I", zlib.crc32(head, generation) ^ header_crc)
    return head + content + b"\xff" * (-len(head + content) % unit)


def log(*records, generation=1):
    """Each (kind, content) or (kind, content, {how it is wrong}); counters rise from 1."""
    out = half_header(generation)
    for counter, (kind, content, *how) in enumerate(records, 1):
        out += record(kind, content, **{"counter": counter, "generation": generation, **(how[0] if how else {})})
    return out


def log2(*records, generation=1, unit=16, half=HALF):
    """The same in the second format."""
    out = half_header(generation, half + unit, magic=b"bst2").ljust(unit, b"\xff")
    for counter, (kind, content, *how) in enumerate(records, 1):
        out += record(kind, content, **{"counter": counter, "generation": generation, "unit": unit, **(how[0] if how else {})})
    return out


def state(name, status, sentence, data, confirmed="-", floor="0", size=SIZE):
    """The file is the beginning of the partition, the rest of which is 0xFF."""
    refused = status != "ok"
    states.add(name, data.rstrip(b"\xff") or b"\xff", f"size={size}", status, "-" if refused else str(confirmed),
               "-" if refused else str(floor), sentence)


def turned(data, *bits):
    data = bytearray(data)
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    return bytes(data)


def u32(value):
    return struct.pack("<I", value)


def confirmed(sequence):
    return CONFIRMED, u32(sequence) + bytes(range(32))


LOST = {"crc": 1}
NOTE = (EVENT, struct.pack("<BBHI", 3, 0, 0, 1))

# ---- halves ----
state("blank", "state-empty", "an erased partition", b"")
state("one-bit-programmed", "state-damaged", "one bit in an erased partition", b"\xff" * 100 + b"\xfe")
state("one-bit-in-second-half", "state-damaged", "one bit at the end of the second half", b"\xff" * (SIZE - 1) + b"\x7f")
state("zeros", "state-damaged", "sixteen zero bytes", bytes(16))
state("header-only", "ok", "a header and no record", half_header())
state("header-second-half", "ok", "the same in the second half", b"\xff" * HALF + half_header())
for bit in (0, 31, 32, 63, 64, 95, 96, 127):
    state(f"header-bit-{bit}", "ok", f"bit {bit} of the header turned: mended", turned(log((FLOOR, u32(5))), bit), floor=5)
    state(f"header-bits-{bit}", "state-damaged", f"bit {bit} of the header and another one turned", turned(log((FLOOR, u32(5))), bit, (bit + 9) % 128))
state("header-other-half", "state-damaged", "another size of a half, and a right CRC", half_header(half=0x1000))
state("header-other-magic", "state-damaged", "another magic, and a right CRC", half_header(magic=b"bst3"))
state("newer-second", "ok", "two halves, the second of a higher generation",
      log((FLOOR, u32(5))).ljust(HALF, b"\xff") + log((FLOOR, u32(7)), generation=2), floor=7)
state("newer-first", "ok", "two halves, the first of a higher generation",
      log((FLOOR, u32(7)), generation=9).ljust(HALF, b"\xff") + log((FLOOR, u32(5)), generation=8), floor=7)
state("newer-torn", "ok", "the second half's header is torn: it does not count",
      log((FLOOR, u32(5))).ljust(HALF, b"\xff") + half_header(2)[:8], floor=5)
state("larger", "ok", "a partition of 0x10000 bytes", half_header(half=0x8000) + record(FLOOR, u32(3), 1), floor=3, size=0x10000)

# ---- records ----
state("floor", "ok", "a floor", log((FLOOR, u32(0x01020304))), floor=0x01020304)
state("floor-twice", "ok", "the same twice", log((FLOOR, u32(4)), (FLOOR, u32(4))), floor=4)
state("floor-newest", "ok", "the newest counts, not the highest", log((FLOOR, u32(9)), (FLOOR, u32(4))), floor=4)
state("confirmed", "ok", "a confirmed sequence", log(confirmed(7), confirmed(7)), confirmed=7)
state("confirmed-most", "ok", "the highest sequence", log(confirmed(2**32 - 1)), confirmed=2**32 - 1)
state("both", "ok", "both, and others between", log(confirmed(1), NOTE, (FLOOR, u32(2)), (HEAD, b"", {"slot": 1}), confirmed(3)), confirmed=3, floor=2)
state("unknown-kind", "ok", "a kind of a later version", log((99, b"whatever"), (FLOOR, u32(2))), floor=2)
for name, kind, content in (("floor-3", FLOOR, bytes(3)), ("floor-5", FLOOR, bytes(5)), ("floor-0", FLOOR, b""), ("confirmed-35", CONFIRMED, bytes(35)),
                            ("confirmed-37", CONFIRMED, bytes(37)), ("identity-36", IDENTITY, b"\x01" * 36), ("identity-38", IDENTITY, b"\x01" * 38),
                            ("running-5", RUNNING, bytes(5)), ("running-7", RUNNING, bytes(7)), ("trial-32", TRIAL, bytes(32)),
                            ("trial-34", TRIAL, bytes(34)), ("running-trial-2", RUNNING, b"\0\2" + bytes(4))):
    state(f"length-{name}", "state-damaged", f"a whole record of another form: {name}", log((kind, content)))

# ---- torn, lost, out of order ----
state("torn-last", "ok", "the last record's content is torn: it never was there", log((FLOOR, u32(5)), (FLOOR, u32(6), LOST)), floor=5)
state("torn-header", "ok", "the last record's header is torn", log((FLOOR, u32(5)), (FLOOR, u32(6)))[:-32 + 8], floor=5)
state("lost-one", "ok", "one copy lost behind a whole one", log((FLOOR, u32(5)), (FLOOR, u32(5), LOST), NOTE), floor=5)
state("lost-two", "state-damaged", "two lost behind a whole one", log((FLOOR, u32(5)), (FLOOR, u32(6), LOST), (FLOOR, u32(6), LOST), NOTE))
state("lost-only", "state-damaged", "the only one lost", log((FLOOR, u32(5), LOST), NOTE))
state("lost-first", "ok", "the first copy lost, the second whole", log((FLOOR, u32(5), LOST), (FLOOR, u32(5)), NOTE), floor=5)
state("lost-confirmed", "state-damaged", "the confirmed sequence lost", log((FLOOR, u32(5)), (*confirmed(3), LOST), NOTE))
state("lost-trust", "state-damaged", "the trust store lost", log((TRUST, b"x" * 40, LOST), NOTE))
state("lost-identity", "state-damaged", "the identity lost", log((IDENTITY, bytes(32) + b"\x01" + bytes(4), LOST), NOTE))
state("lost-running", "state-damaged", "what runs was lost", log((RUNNING, bytes(6)), (RUNNING, bytes(6), LOST), NOTE))
state("lost-event", "ok", "a lost event is passed over", log((FLOOR, u32(5)), (*NOTE, LOST), NOTE), floor=5)
state("lost-trial", "ok", "a lost trial count: the one before is taken", log((TRIAL, bytes(33)), (TRIAL, b"\1" * 33, LOST), NOTE))
state("counter-equal", "ok", "a record whose counter does not rise is not read", log((FLOOR, u32(5)), (FLOOR, u32(6), {"counter": 1})), floor=5)
state("counter-lower", "ok", "a copy of an older record behind a newer one",
      log((FLOOR, u32(5), {"counter": 7}), (FLOOR, u32(6), {"counter": 3})), floor=5)
state("counter-gap", "ok", "counters may leave numbers out", log((FLOOR, u32(5)), (FLOOR, u32(6), {"counter": 900})), floor=6)
state("other-generation", "ok", "a record of another generation: what an erase left behind", log((FLOOR, u32(5)), (FLOOR, u32(6), {"generation": 2})), floor=5)
state("header-bit-of-record", "ok", "one bit of a record's header turned: mended", turned(log((FLOOR, u32(5)), (FLOOR, u32(6))), 8 * 48 + 70), floor=6)
state("header-bits-of-record", "ok", "two bits: not read, the one behind is found",
      turned(log((FLOOR, u32(5)), (FLOOR, u32(6)), (FLOOR, u32(7))), 8 * 48 + 70, 8 * 48 + 3), floor=7)
state("behind-garbage", "ok", "sixteen other bytes are stepped over", log((FLOOR, u32(5))) + bytes(16) + record(FLOOR, u32(8), 9), floor=8)
state("in-content", "ok", "a record inside another one's content is not read",
      log((FLOOR, u32(5)), (HEAD, record(FLOOR, u32(6), 9)), NOTE), floor=5)
state("too-long", "ok", "a length that leaves the half", log((FLOOR, u32(5))) + record(HEAD, bytes(0x2000), 2)[:16], floor=5)

# ---- the second format ----
SEALED = (SEAL, b"")
for unit in (16, 32):
    state(f"second-unit-{unit}", "ok", f"units of {unit} bytes", log2((FLOOR, u32(5)), confirmed(3), confirmed(3), NOTE, SEALED, unit=unit), confirmed=3, floor=5)
    state(f"second-blank-unit-{unit}", "ok", "a blank unit between two records",
          log2((FLOOR, u32(5)), unit=unit) + b"\xff" * unit + record(FLOOR, u32(6), 2, unit=unit), floor=6)
state("second-unit-0", "state-damaged", "no unit", log2(unit=16, half=HALF - 16))
state("second-unit-48", "state-damaged", "a unit of 48 bytes", half_header(half=HALF + 48, magic=b"bst2"))
state("second-unit-in-first", "state-damaged", "the first format, with a unit", half_header(half=HALF + 16))
state("second-newer-sealed", "ok", "of two halves the higher generation counts when it has a SEAL",
      log2((FLOOR, u32(5))).ljust(HALF, b"\xff") + log2((FLOOR, u32(7), {"counter": 2}), (SEAL, b"", {"counter": 3}), generation=2), floor=7)
state("second-newer-unsealed", "ok", "without a SEAL the other one counts",
      log2((FLOOR, u32(5))).ljust(HALF, b"\xff") + log2((FLOOR, u32(7), {"counter": 2}), generation=2), floor=5)
state("second-newer-outvoted", "ok", "written to the other half since: that one counts",
      log2((FLOOR, u32(5)), (SEAL, b"", {"counter": 4})).ljust(HALF, b"\xff")
      + log2((FLOOR, u32(7), {"counter": 2}), (SEAL, b"", {"counter": 3}), generation=2), floor=5)
state("second-newer-alone", "ok", "without a SEAL, and no other half", log2((FLOOR, u32(7)), generation=2), floor=7)
state("second-over-first", "ok", "the second format over the first",
      log((FLOOR, u32(5))).ljust(HALF, b"\xff") + log2((FLOOR, u32(7), {"counter": 2}), (SEAL, b"", {"counter": 3}), generation=2, unit=32), floor=7)
state("second-torn-sealed", "ok", "torn content with a SEAL behind: it never was there", log2((FLOOR, u32(5)), (FLOOR, u32(6), LOST), SEALED), floor=5)
state("second-torn-again", "state-damaged", "two torn copies behind one whole", log2((FLOOR, u32(5)), (FLOOR, u32(6), LOST), (FLOOR, u32(6), LOST), NOTE))
state("second-torn-running", "ok", "torn, and written once more", log2((RUNNING, bytes(6), LOST), (RUNNING, bytes(6)), SEALED))
