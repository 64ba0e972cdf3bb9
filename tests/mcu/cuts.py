# SPDX-License-Identifier: Apache-2.0
"""The power sweep on the board. Its NOR driver does `bytes` of operation `cut` and the board is off;
what lies in the flash file then is compared with the recorded life, and a half-finished erase, which
no emulated chip leaves, is written here. Then the power comes back."""

import hashlib
import random
import time
from concurrent.futures import ThreadPoolExecutor

import life
from judge import Wrong, demand

WORKERS = 2
TITLE = (f"{'board':<12} {'phase':<9} {'operations':>10} {'cuts':>6} {'by host':>8} {'flashes':>8} "
         f"{'boots':>6} {'v1 first':>9} {'v2 first':>9} {'seconds':>8} {'failures':>8}")


class Cut:
    """Operation `number` of a phase ends early: `count` bytes of it are done. For an erase that is
    all or nothing, or `mixture` names what the host leaves in the sector."""

    def __init__(self, phase, number, count=None, mixture=None):
        self.phase, self.number, self.count, self.mixture = phase, number, count, mixture
        self.operation = phase.operations[number - 1]

    def __repr__(self):
        how = self.mixture or f"{self.count} bytes"
        return f"{self.phase.name} cut={self.number} ({self.operation}): {how}"


def half_erased(old, how, dice):
    """What was to be erased, when the erase did not end."""
    half = len(old) // 2
    noise = dice.randbytes(len(old))
    if how == "first half":
        return b"\xff" * half + old[half:]
    if how == "second half":
        return old[:half] + b"\xff" * half
    if how == "some bits":
        return bytes(a | b for a, b in zip(old, noise))
    return b"\xff" * half + noise[half:]  # "noise"


MIXTURES = ("first half", "second half", "some bits", "noise")


def ways(phase, number):
    """How operation `number` can end."""
    operation = phase.operations[number - 1]
    if operation.erases():
        return [Cut(phase, number, count) for count in (0, operation.size)] + [
            Cut(phase, number, mixture=mixture) for mixture in MIXTURES]
    size = len(operation.data)
    return [Cut(phase, number, count) for count in sorted({0, size // 2, max(size - 1, 0)})]


def plan(device, phases, sample, dice):
    """What is cut. All: of what names and remembers things every way, of each page of the image one.
    A sample: in turn from both phases and from each partition."""
    cuts = []
    for phase in phases:
        for number, operation in enumerate(phase.operations, 1):
            found = ways(phase, number)
            is_image = device.kit.layout.place(operation.at).startswith("ota_")
            cuts += [found[number % len(found)]] if is_image and not operation.erases() else found
    if sample is None:
        return cuts
    groups = {}
    for cut in cuts:
        kind = "erase" if cut.operation.erases() else "program"
        key = (cut.phase.name, device.kit.layout.place(cut.operation.at), kind, cut.mixture is None)
        groups.setdefault(key, []).append(cut)
    for group in groups.values():
        dice.shuffle(group)
    chosen = []
    while len(chosen) < min(sample, len(cuts)):
        chosen += [group.pop() for group in groups.values() if group]
    return chosen[:sample]


class Sweep:
    def __init__(self, device, nginx, phases, seed):
        self.device, self.nginx, self.phases, self.seed = device, nginx, phases, seed
        self.end = device.kit.layout.end
        self.words = [device.url(device.releases["v2"])]
        self.seen, self.failures, self.rows = {}, [], {}
        for phase in phases:
            self.rows[phase.name] = dict.fromkeys(
                ("cuts", "by host", "flashes", "boots", "v1", "v2", "failures"), 0)
            self.rows[phase.name]["seconds"] = 0.0

    def note(self, phase, key, more=1):
        with self.device.lock:
            self.rows[phase.name][key] += more

    def expected(self, cut):
        """The partitions' bytes right after the cut."""
        flash = cut.phase.flash_at(cut.number, self.end)
        if cut.mixture:
            dice = random.Random(f"{self.seed} {cut}")
            part = slice(cut.operation.at, cut.operation.at + cut.operation.size)
            flash[part] = half_erased(bytes(flash[part]), cut.mixture, dice)
        elif not cut.operation.erases() or cut.count > 0:
            cut.operation.apply(flash, cut.count)
        return bytes(flash)

    def make(self, cut):
        """The flash file that the cut leaves, and whether the board said before that v2 is
        confirmed."""
        flash = self.device.flash("cut", of=cut.phase.before)
        expected = self.expected(cut)
        if cut.mixture:
            with flash.open("r+b") as file:
                file.write(expected)
            self.note(cut.phase, "by host")
            return flash, False
        words = [*self.words, f"cut={cut.number}", f"bytes={cut.count}"]
        with self.device.power(flash, self.nginx.port, words, once=True) as power:
            code = power.end()
        self.device.judge.clean(power)
        demand(code == 0 and flash.read_bytes()[:self.end] == expected,
               f"exit {code}; the cut left another flash than it must\n{power.text()}")
        self.note(cut.phase, "cuts")
        return flash, bool(power.find(r"^app: confirmed"))

    def one(self, cut):
        began = time.monotonic()
        flash = None
        try:
            flash, was_confirmed = self.make(cut)
            digest = hashlib.sha256(flash.read_bytes()[:self.end]).digest()
            with self.device.lock:
                is_new = (digest, was_confirmed) not in self.seen
                self.seen[digest, was_confirmed] = cut
            if is_new:
                sequence, boots = self.device.recovers(flash, self.nginx.port, was_confirmed)
                self.note(cut.phase, "flashes")
                self.note(cut.phase, f"v{sequence}")
                self.note(cut.phase, "boots", boots)
            flash.unlink()
        except (Wrong, AssertionError, RuntimeError) as problem:
            self.note(cut.phase, "failures")
            self.failures.append(f"{self.device.board.name}, {cut}: {problem}; flash: {flash}")
        self.note(cut.phase, "seconds", time.monotonic() - began)

    def run(self, cuts):
        with ThreadPoolExecutor(WORKERS) as workers:
            list(workers.map(self.one, cuts))
        for phase in self.phases:
            row = self.rows[phase.name]
            print(f"{self.device.board.name:<12} {phase.name:<9} {len(phase.operations):>10} "
                  f"{row['cuts']:>6} {row['by host']:>8} {row['flashes']:>8} {row['boots']:>6} "
                  f"{row['v1']:>9} {row['v2']:>9} {row['seconds'] / WORKERS:>8.1f} "
                  f"{row['failures']:>8}", flush=True)
        for problem in self.failures[:10]:
            print(problem)
        return len(self.failures)


def run(device, nginx, sample, seed):
    """(checks that held, failures)"""
    phases, power = life.record(device, nginx)
    dice = random.Random(seed)
    sweep = Sweep(device, nginx, phases, seed)
    cuts = plan(device, phases, sample, dice)
    failed = sweep.run(cuts)
    return len(cuts) - failed, failed, life.wear(device, power)
