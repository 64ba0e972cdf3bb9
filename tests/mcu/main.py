# SPDX-License-Identifier: Apache-2.0
"""All tests on the boards, one table each: main.py BUILD_ROOT [--quick|--long] [--only PART]
[--board NAME] [--seed N] [--tree DIR], called by run."""

import argparse
import os
import shutil
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attacks
import cuts
import rows
import stops
import trouble
from boards import BOARDS, Power
from builds import Builds
from device import Device
from kit import ROOT, RUNNING, Kit
from servers import Nginx

SAMPLE = {"quick": 10, "default": 24, "long": None}
KILLS = {"quick": 3, "default": 10, "long": 100}
PARTS = ("cuts", "kills", "trouble", "attacks")


class Tests:
    def __init__(self, folder, arguments):
        self.folder, self.arguments = folder, arguments
        self.size = "long" if arguments.long else "quick" if arguments.quick else "default"
        self.kit = Kit(folder, arguments.root / "gcc/bin")
        name = "mcu" if arguments.tree == ROOT else "mcu-other"
        self.builds = Builds(arguments.root / name, arguments.tree)
        self.devices = {}

    def device(self, board, with_cuts):
        key = (board, with_cuts)
        if key not in self.devices:
            apps = ("v1", "v2") if with_cuts else ("v1", "v2", "crashes", "hangs", "mute")
            firmware = self.builds.get(BOARDS[board], with_cuts, apps)
            name = f"{board}-{'cuts' if with_cuts else 'whole'}"
            self.devices[key] = Device(self.kit, BOARDS[board], firmware, self.folder / name)
        return self.devices[key]

    def over_boards(self, one, with_cuts=False, at_once=True):
        """Both boards at once where most of the time is waiting."""
        def checked(board, call):
            try:
                return call(board)
            except (AssertionError, RuntimeError, OSError) as problem:
                print(f"{board:<12} FAILED: {problem}", flush=True)
                return 0, 1

        def build(board):
            self.device(board, with_cuts)
            return 0, 0

        boards = self.arguments.board or list(BOARDS)
        counts = [checked(board, build) for board in boards]
        built = [board for board in boards if (board, with_cuts) in self.devices]
        with ThreadPoolExecutor(2 if at_once else 1) as pool:
            counts += pool.map(
                lambda board: checked(board, lambda name: one(self.device(name, with_cuts))), built)
        return sum(held for held, _ in counts), sum(failed for _, failed in counts)

    def cuts(self):
        """Power cuts in the flash operations of one update's whole life."""
        wear = {}

        def one(device):
            with Nginx(device.folder, self.kit.www, self.kit.certificates["right"]) as nginx:
                held, failed, wear[device.board.name] = cuts.run(
                    device, nginx, SAMPLE[self.size], self.arguments.seed)
            return held, failed
        print(cuts.TITLE)
        result = self.over_boards(one, with_cuts=True, at_once=False)
        print(f"\nerases of one whole update, by QEMU's trace\n{'board':<12} {'partition':<10} "
              f"{'sectors':>8} {'erases':>7} {'most of one':>12}")
        for board, parts in wear.items():
            for part, row in sorted(parts.items()):
                print(f"{board:<12} {part:<10} {row['sectors']:>8} {row['erases']:>7} {row['most']:>12}")
        return result

    def kills(self):
        """QEMU stopped and killed at random moments of an update."""
        print(stops.TITLE)
        return self.over_boards(
            lambda device: stops.run(device, self.kit, KILLS[self.size], self.arguments.seed))

    def trouble(self):
        """Networks and servers that fail."""
        print(rows.TITLE)
        return self.over_boards(lambda device: trouble.run(device, self.size == "quick"))

    def attacks(self):
        """Releases that are bad or not ours, flash that changed."""
        print(rows.TITLE)
        refused = self.over_boards(attacks.offer)
        print(attacks.TITLE)
        others = self.over_boards(
            lambda device: attacks.run(
                device, self.size == "quick", self.arguments.seed,
                self.builds.get(device.board, apps=("v1",), BULLA_HOST="none")))
        return refused[0] + others[0], refused[1] + others[1]


def stop(folder):
    """Nothing that was started here outlives this."""
    for process in list(RUNNING):
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(143)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--board", action="append", choices=BOARDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tree", type=Path, default=ROOT, help="firmware of another source tree")
    parser.add_argument("--keep", type=Path, help="an empty folder for all files, which stay")
    arguments = parser.parse_args()
    held = failed = 0
    with tempfile.TemporaryDirectory(prefix="bulla-mcu") as folder:
        signal.signal(signal.SIGTERM, lambda *_: stop(folder))
        tests = Tests(arguments.keep or Path(folder), arguments)
        for name in [arguments.only] if arguments.only else PARTS:
            part = getattr(tests, name)
            began = time.monotonic()
            print(f"\n== {name}: {part.__doc__} Seed {arguments.seed}", flush=True)
            good, bad = part()
            held, failed = held + good, failed + bad
            print(f"== {name}: {good} passed, {bad} failed, {time.monotonic() - began:.0f} s",
                  flush=True)
    print(f"\nboards: {held} passed, {failed} failed; {Power.made} power-ons, {Power.wrong} bytes "
          "programmed from 0 to 1")
    return 1 if failed or Power.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
