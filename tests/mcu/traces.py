# SPDX-License-Identifier: Apache-2.0
"""QEMU's traces of the flash chip: which sectors were erased, what was programmed, and whether a bit
was programmed from 0 to 1. Of a recorded life the operations can be played again on this side, so
that what a power cut must have left is known to the byte."""

import re
from collections import Counter

SECTOR = 4096
ERASE_TRACE = "m25p80_flash_erase"
RECORD = ("m25p80_complete_collecting", "m25p80_page_program", ERASE_TRACE)
ERASE = re.compile(r"m25p80_flash_erase \[\w+\] offset = 0x(\w+), len = (\d+)")
ZERO_TO_ONE = re.compile(r"m25p80_programming_zero_to_one \[\w+\] .* addr=0x(\w+)")
COMMAND = re.compile(r"m25p80_complete_collecting \[\w+\] decode cmd: 0x(\w+) .* addr 0x(\w+)")
BYTE = re.compile(r"m25p80_page_program \[\w+\] page program cur_addr=0x(\w+) data=0x(\w+)")
PROGRAM = 0x02
ERASES = {0x20: SECTOR, 0xD8: 16 * SECTOR}


def erases(text):
    """How often each sector was erased."""
    return Counter(int(at, 16) // SECTOR + more for at, size in ERASE.findall(text)
                   for more in range(int(size) // SECTOR))


def zero_to_one(text):
    """Addresses of bytes with a bit that was programmed without an erase."""
    return [int(at, 16) for at in ZERO_TO_ONE.findall(text)]


class Operation:
    """One command to the chip; data is None for an erase of `size` bytes."""

    def __init__(self, at, size=0):
        self.at, self.size = at, size
        self.data = None if size else bytearray()

    def erases(self):
        return self.data is None

    def apply(self, flash, count=None):
        """To a bytearray; of a program only the first `count` bytes."""
        if self.erases():
            flash[self.at:self.at + self.size] = b"\xff" * self.size
            return
        for place, byte in enumerate(self.data[:count], self.at):
            flash[place] &= byte

    def __eq__(self, other):
        return (self.at, self.size, self.data) == (other.at, other.size, other.data)

    def __repr__(self):
        what = f"erase of {self.size}" if self.erases() else f"program of {len(self.data)}"
        return f"{what} bytes at {self.at:#x}"


def operations(text):
    """Of a trace with RECORD: all erases and programs, in order."""
    found = []
    for line in text.splitlines():
        command = COMMAND.search(line)
        if command:
            kind, at = int(command[1], 16), int(command[2], 16)
            if kind in ERASES:
                found.append(Operation(at, ERASES[kind]))
            elif kind == PROGRAM:
                found.append(Operation(at))
        elif (byte := BYTE.search(line)) is not None:
            assert found and not found[-1].erases(), line
            found[-1].data.append(int(byte[2], 16))
    return found
