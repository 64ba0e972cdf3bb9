# SPDX-License-Identifier: Apache-2.0
"""Firmware files of any size for the ESP32: apps, a bootloader, the combined file that release pages
offer. Valid in every field and without a line of anybody's code."""

import hashlib
import random
import struct

APP, RODATA, CODE = 0xE9, 0x3F400020, 0x40080400
SIZES = {4: 2, 8: 3, 16: 4}  # MiB of flash: high nibble of the header's fourth byte


def image(segments, entry, flash=4):
    """An image of these [address, data] with checksum and SHA-256."""
    out = struct.pack("<BBBBIB3xHBHH4xB", APP, len(segments), 2, SIZES[flash] << 4, entry, 0xEE, 0,
                      0, 0, 0xFFFF, 1)  # fmt: skip
    checksum = 0xEF
    for address, data in segments:
        out += struct.pack("<II", address, len(data)) + data
        for byte in data:
            checksum ^= byte
    out += bytes(15 - len(out) % 16) + bytes([checksum])
    return out + hashlib.sha256(out).digest()


def descriptor(version, name, secure):
    head = struct.pack("<II8x32s32s16s16s32s", 0xABCD5432, secure, version.encode(), name.encode(),
                       b"12:00:00", b"Jan  1 2026", b"v5.5")  # fmt: skip
    return head.ljust(176, b"\0") + struct.pack("<HHB", 0, 0xFFFF, 16).ljust(80, b"\0")


def app(size, version, name="micropython", secure=0):
    """An app of exactly this many bytes; another version shares nothing with it."""
    room = size - 24 - 8 - 256 - 8 - 16 - 16 - 32
    assert size % 16 == 0 and room >= 0
    noise = random.Random(version).randbytes(room)
    made = image([[RODATA, descriptor(version, name, secure) + noise], [CODE, bytes(range(16))]],
                 CODE)  # fmt: skip
    assert len(made) == size
    return made


def bootloader(flash=4):
    """With the segments of the one whose log is in an issue: it loads where bootloaders load."""
    noise = random.Random("bootloader")
    return image([[0x3FFF0030, noise.randbytes(4112)], [0x40078000, noise.randbytes(15084)],
                  [0x40080400, noise.randbytes(4)], [0x40080404, noise.randbytes(3332)]],
                 0x400805AC, flash)  # fmt: skip


def combined(table, app_image, flash=4):
    """Bootloader, table and app for 0x1000, as MicroPython's build puts them together."""
    return (bootloader(flash).ljust(0x7000, b"\xff") + table).ljust(0xF000, b"\xff") + app_image
