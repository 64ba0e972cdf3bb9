# SPDX-License-Identifier: Apache-2.0
"""costs.py BUILD_ROOT: one update and its trial on each board, by firmware that measures itself
(client_fw/port/mcu/measure.c) under an emulator that counts instructions. The worst of the two boots
counts: of stack and heap, and of the instructions of one Ed25519 verification, which depend on the
signature."""

import re
import sys
import tempfile
from pathlib import Path

from figures import Figures

sys.path.append(str(Path(__file__).resolve().parents[1] / "mcu"))

from boards import BOARDS  # noqa: E402
from builds import Builds  # noqa: E402
from device import Device  # noqa: E402
from kit import Kit  # noqa: E402
from servers import Nginx  # noqa: E402

NAMES = {"emcraft_sf2": "cortex-m3", "sifive_u": "rv32imac"}
HEAD = r"^measure: head to verdict (\d+) instructions for (\d+) bytes, (\d+) of them in ed25519, calls 1$"
HASH = r"^measure: sha256 (\d+) instructions for (\d+) bytes"
UPDATE = (r"^measure: update (\d+) thousand instructions for (\d+) bytes, (\d+) a byte; "
          r"to the head (\d+) thousand, then (\d+) a byte; waiting besides (\d+) thousand")
MEMORY = r"^app: stack (\d+) of (\d+), tls heap (\d+) of (\d+)"
VERDICT_GOAL = 1.05


def numbers(power, pattern, count):
    """The numbers of each such line; there must be `count` of them."""
    found = [[int(number) for number in match.groups()] for match in power.find(pattern)]
    if len(found) != count:
        sys.exit(f"{len(found)} lines {pattern}, not {count}\n{power.text()}")
    return found


def measure(board, builds, kit, folder):
    """What a board said of one life: it gets v2, restarts, has its trial, finds nothing newer."""
    firmware = builds.get(board, apps=("v1", "v2"), BULLA_MEASURE="ON")
    device = Device(kit, board, firmware, folder / board.name)
    flash = device.flash("measured")
    with Nginx(device.folder, kit.www, kit.certificates["right"]) as nginx:
        with device.power(flash, nginx.port, [device.url(device.releases["v2"])],
                          more=["-icount", "shift=0"]) as power:
            code = power.end()
    if code != 0:
        sys.exit(f"{board.name} ended with {code}\n{power.text()}")
    device.judge.confirmed(flash, 2)
    return power


def report(board, power, figures):
    name = f"{NAMES[board.name]} board"
    heads, memory = numbers(power, HEAD, 2), numbers(power, MEMORY, 2)
    (update,) = numbers(power, UPDATE, 1)
    sha256 = max(cost / size for cost, size in numbers(power, HASH, 2))
    ratio = max(whole / verify for whole, _, verify in heads)
    ed25519 = figures.add(f"{name} ed25519-instructions", max(verify for _, _, verify in heads))
    figures.add(f"{name} sha256-instructions-per-byte", round(sha256, 1))
    figures.add(f"{name} head-to-verdict-in-ed25519", round(ratio, 3))
    figures.add(f"{name} update-instructions-per-byte", update[2])
    figures.add(f"{name} image-instructions-per-byte", update[4])
    stack = figures.add(f"{name} stack", max(row[0] for row in memory))
    heap = figures.add(f"{name} tls-heap", max(row[2] for row in memory))
    print(f"{board.name}, {NAMES[board.name]}, -Os, measured through an update of {update[1]:,} bytes and "
          f"its trial")
    print(f"  worst stack                 {stack:>11,} bytes of {memory[0][1]:,}")
    print(f"  TLS heap, peak              {heap:>11,} bytes of {memory[0][3]:,}")
    print(f"  Ed25519 verification        {ed25519:>11,} instructions")
    print(f"  SHA-256                     {sha256:>11.1f} instructions a byte")
    print(f"  head of {heads[0][1]} bytes to verdict  {max(row[0] for row in heads):>8,} instructions, "
          f"{ratio:.3f} of Ed25519; goal {VERDICT_GOAL}: {'met' if ratio <= VERDICT_GOAL else 'missed'}")
    print(f"  update, TLS and envelope    {update[3] / 1000:>11,.1f} million instructions")
    print(f"  then fetched, judged, written {update[4]:>9,} instructions a byte")
    print(f"  both together               {update[2]:>11,} instructions a byte; waiting besides, "
          f"{update[5] / 1000:,.0f} million\n", flush=True)


def main():
    root = Path(sys.argv[1])
    figures = Figures({"board"})
    builds = Builds(root / "mcu")
    with tempfile.TemporaryDirectory(prefix="bulla-budget") as folder:
        kit = Kit(Path(folder), root / "gcc/bin")
        for board in BOARDS.values():
            report(board, measure(board, builds, kit, Path(folder)), figures)
    return figures.verdict()


if __name__ == "__main__":
    sys.exit(main())
