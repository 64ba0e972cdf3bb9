#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`bulla-sign check` on ESP8266 images: whole ones, and each damage with what was expected.

    BULLA_BIN=DIRECTORY test_esp8266.py [unittest arguments]
"""

import hashlib
import json
import os
import struct
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "esp"
TOOL = str(Path(os.environ.get("BULLA_BIN", ".")) / "bulla-sign")


def read(name):
    return (FIXTURES / "esp8266" / name).read_bytes()


ONE, TWO, SINGLE = read("a8266_v1-0x00000.bin"), read("a8266_v2.bin"), read("a8266_inplace.bin")
IROM_END = 16 + 2000  # of version 2: there its second header begins


def put(data, at, new):
    return data[:at] + new + data[at + len(new):]


def crc(data):
    value = zlib.crc32(data)
    return struct.pack("<I", value ^ 0xFFFFFFFF if value >> 31 else value + 1)


def sealed_2(data):
    """Version 2 with a CRC32 that is right again."""
    return data[:-4] + crc(data[:-4])


def sealed_single(data):
    return data[:-16] + hashlib.md5(data[4:-16]).digest()


class Check(unittest.TestCase):
    def check(self, data, *more, code):
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            words = [TOOL, "check", file.name, *more]
            run = subprocess.run(words, capture_output=True, text=True, check=False)
            told = subprocess.run([*words, "--json"], capture_output=True, text=True, check=False)
        self.assertEqual((run.returncode, told.returncode), (code, code), run.stdout + run.stderr)
        return run.stdout + run.stderr, json.loads(told.stdout)

    def refused(self, status, data, *sentences):
        said, answer = self.check(data, code=1)
        self.assertEqual(answer["status"], status, said)
        self.assertIn("not whole", said)
        for sentence in sentences:
            self.assertIn(sentence, said)

    def test_version_1_is_whole_and_cannot_be_sealed(self):
        said, answer = self.check(ONE, code=1)
        self.assertEqual(answer["status"], "image-chip-unknown")
        self.assertIn("ESP8266         version 1, whole\n", said)
        self.assertIn("no chip id and no SHA-256: no device takes it", said)
        facts = answer["image"]["esp8266"]
        self.assertEqual((facts["kind"], facts["whole"], facts["segments"], facts["flash_size"],
                          facts["entry"]), ("version 1", True, 2, 4 << 20, 0x40100000))

    def test_version_2_is_a_raw_image(self):
        said, answer = self.check(TWO, code=0)
        self.assertIn("ESP8266         version 2, whole\n", said)
        self.assertIn("a raw image: only its bytes count", said)
        self.assertEqual(answer["image"]["format"], "raw")
        facts = answer["image"]["esp8266"]
        self.assertEqual((facts["kind"], facts["irom_size"], facts["flash_mode"]),
                         ("version 2", 2000, "DIO"))

    def test_single_file_is_whole_and_cannot_be_sealed(self):
        said, answer = self.check(SINGLE, code=1)
        self.assertEqual(answer["status"], "image-chip-unknown")
        self.assertIn("MicroPython's single file, whole\n", said)
        self.assertEqual(answer["image"]["esp8266"]["irom_size"], 2000)

    def test_irom_part_has_nothing_to_be_known_by(self):
        _, answer = self.check(read("a8266_v1-0x10000.bin"), code=0)
        self.assertNotIn("esp8266", answer["image"])

    def test_damaged_version_2_is_refused(self):
        for at in range(4, len(TWO), 61):
            said, answer = self.check(put(TWO, at, bytes([TWO[at] ^ 0x10])), code=1)
            self.assertIn("expected" if answer["status"] != "image-cut" else "the file", said)
            self.assertFalse(answer["image"]["esp8266"]["whole"])

    def test_damaged_version_2_says_what_was_expected(self):
        self.refused("image-checksum", TWO[:-4] + b"\0\0\0\0", "expected the CRC32 0x5feda17a")
        self.refused("image-checksum", put(TWO, len(TWO) - 5, b"\xdd"),
                     "expected the checksum 0xde", "found 0xdd")
        self.refused("image-cut", TWO[:-1], "expected 4 bytes behind the checksum, found 3")
        self.refused("image-cut", TWO[:1000], "irom segment has 2000 bytes")
        self.refused("image-tail", TWO + b"\0", "found 5")
        self.refused("image-segment-length", put(TWO, 12, struct.pack("<I", 2001)),
                     "expected a multiple of 16")
        self.refused("image-segment-address", put(TWO, 8, b"\1"), "expected 0")
        self.refused("image-magic", put(TWO, IROM_END, b"\xea"), "expected the second header")
        self.refused("image-segment-count", put(TWO, IROM_END + 1, b"\x11"), "found 17")
        self.refused("image-segment-address",
                     sealed_2(put(TWO, IROM_END + 8, struct.pack("<I", 0x40200000))),
                     "no memory of an ESP8266")
        self.refused("image-magic", sealed_2(put(TWO, 3, b"\x70")), "flash size")
        small = put(TWO, 3, b"\x10")  # for a flash of 256 KiB
        self.refused("image-too-large", small[:16] + bytes(0x40000) + small[16:],
                     "names a flash of 262144 bytes")

    def test_damaged_version_1_says_what_was_expected(self):
        self.refused("image-checksum", put(ONE, 20, b"\x77"), "expected the checksum 0x")
        self.refused("image-cut", ONE[:-1], "ends before the checksum at 0xff")
        self.refused("image-cut", ONE[:40], "segment 0 has 224 bytes, the file has 24")
        self.refused("image-tail", ONE + b"\xff", "found 1 more bytes")
        self.refused("image-segment-count", put(ONE, 1, b"\0"), "found 0")
        self.refused("image-magic", put(ONE, 2, b"\4"), "expected flash mode 0 to 3")

    def test_damaged_single_file_says_what_was_expected(self):
        self.refused("image-md5", put(SINGLE, 0x9100, b"\x55"), "expected MD5", "found")
        self.refused("image-md5", SINGLE[:-1] + b"\0", "expected MD5")
        self.refused("image-tail", sealed_single(put(SINGLE, 0x4000, b"\0")),
                     "expected 0xff from the checksum to 0x8ffc, found 0x00 at 0x4000")
        self.refused("image-tail", SINGLE + b"\0", "expected 16 more than the length")
        self.refused("image-cut", SINGLE[:0x9400], "expected 16 more than the length")
        self.refused("image-checksum", sealed_single(put(SINGLE, 20, b"\x77")),
                     "expected the checksum")

    def test_who_demands_raw_is_not_asked_what_it_is(self):
        self.check(TWO[:-1], "--format", "raw", code=0)
        _, answer = self.check(TWO, "--format", "esp", code=1)
        self.assertEqual(answer["status"], "image-format")

    def test_esp32_images_are_what_they_were(self):
        images = sorted((FIXTURES / "app").glob("*.bin")) + sorted((FIXTURES / "combined").glob("*.bin"))
        self.assertGreater(len(images), 20)
        for path in images:
            run = subprocess.run([TOOL, "check", path, "--json"], capture_output=True, text=True,
                                 check=False)
            answer = json.loads(run.stdout)
            self.assertIn(run.returncode, (0, 1))
            self.assertNotIn("esp8266", answer["image"], path)
            self.assertNotIn("ESP8266", answer.get("message", "") + run.stderr, path)


if __name__ == "__main__":
    unittest.main()
