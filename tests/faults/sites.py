#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""List what a fault may skip in a program: every call in its section bulla_text (also calls that the
compiler made jumps, at the end of a function) and every conditional jump.

    sites.py PROGRAM > SITES

One line each: address, length, kind (c call, t call by jump, j conditional jump), function, what is
called. x86-64 as objdump prints it."""
import re
import subprocess
import sys

LINE = re.compile(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*(?:\t(?:notrack |bnd |rep )*(\S+)\s*(.*))?$")
START = re.compile(r"^([0-9a-f]+) <([^>]+)>:$")


def sites(program):
    dump = subprocess.run(["objdump", "-d", "-w", "-j", "bulla_text", program],
                          check=True, capture_output=True, text=True).stdout
    function = None
    for line in dump.splitlines():
        start = START.match(line)
        if start:
            function = start.group(2)
            continue
        found = LINE.match(line)
        if not found or not found.group(3):
            continue
        at, raw, name, operand = found.groups()
        length = len(raw.split())
        target = re.search(r"<([^>+]+)(\+0x[0-9a-f]+)?>", operand)
        if name.startswith("call"):
            yield at, length, "c", function, target.group(1) if target else operand.split("#")[0].strip()
        elif name == "jmp":
            if target is None:  # through a pointer: with -fno-jump-tables always a call
                yield at, length, "t", function, operand.strip()
            elif target.group(1) != function and target.group(2) is None:
                yield at, length, "t", function, target.group(1)
        elif name.startswith("j"):
            yield at, length, "j", function, name


def main():
    for at, length, kind, function, target in sites(sys.argv[1]):
        print(at, length, kind, function, target.replace(" ", ""))


if __name__ == "__main__":
    main()
