# SPDX-License-Identifier: Apache-2.0
"""What the tables of troubles and of attacks are made of: one row is one power-on against one server,
what it must end with, and what the flash must hold then."""

import threading
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import kit
from judge import UPDATE, Wrong, demand
from servers import image_bytes
from server import Server  # of tests/network
from traces import SECTOR

NAMES = kit.statuses()
REFUSALS = kit.refusals()
SUIT, BIN = "/d/app.suit", "/d/app.bin"
Identity = namedtuple("Identity", "crt key")


def identity(kit_, name):
    certificate = kit_.certificates[name]
    return Identity(certificate, certificate.with_suffix(".key"))


class Gate:
    """Where a server waits in the middle of an image until the test has done what it does there."""

    def __init__(self):
        self.reached, self.go = threading.Event(), threading.Event()

    def wait(self, seconds=60):
        demand(self.reached.wait(seconds), "nobody asked for the image")


class Row:
    """status: the name that must end the update; flash: "new", v2 is confirmed; "same", no byte of
    slots and otadata changed; "part", only signed sectors came, and nothing is selected."""

    def __init__(self, name, status, flash, **how):
        self.name, self.status, self.flash, self.how = name, status, flash, how


class Outcome:
    def __init__(self, power, code):
        self.power, self.code = power, code
        last = power.find(UPDATE)
        cannot = power.find(r"^app: cannot begin status (\d+)")
        self.status = NAMES[int((cannot or last)[-1][1])] if cannot or last else "none"


def serve(device, row, gate):
    how = row.how
    release = how.get("release") or device.releases["v2"]
    files = {SUIT: release.envelope.read_bytes(), BIN: release.bytes}
    files.update(how.get("files", {}))
    make = how.get("hook")
    return Server(files, [identity(device.kit, how.get("identity", "right"))],
                  hook=make(gate) if make else None, raw=how.get("raw"))


def sectors_of(device, flash, release):
    """How many sectors of the other slot hold this release already, and how many hold anything else
    than it, blank or what was there."""
    first, _ = device.kit.layout.slot(1)
    data, factory = flash.read_bytes(), device.factory.read_bytes()
    there = strange = 0
    for at in range(0, len(release.bytes), SECTOR):
        want = release.bytes[at:at + SECTOR]
        have = data[first + at:first + at + len(want)]
        there += have == want
        strange += have not in (want, b"\xff" * len(want), factory[first + at:first + at + len(want)])
    return there, strange


def untouched(device, before, after, parts):
    a, b = before.read_bytes(), after.read_bytes()
    for part in parts:
        first, size = device.kit.layout.parts[part]
        demand(a[first:first + size] == b[first:first + size], f"{part} was changed")


def check_flash(device, row, before, flash, release):
    judge = device.judge
    there, strange = sectors_of(device, flash, release)
    if row.flash == "new":
        judge.confirmed(flash, release.sequence)
    elif row.flash == "same":
        untouched(device, before, flash, ("otadata", "ota_0", "ota_1"))
        demand(judge.next_slot(flash) == judge.next_slot(before), "another slot boots next")
    else:
        untouched(device, before, flash, ("ota_0",))
        demand(not strange, f"{strange} sectors hold what nobody signed")
        demand(judge.next_slot(flash) == 0, "what is not whole boots next")
    return there


def one(device, row, nginx):
    """The cells of the row's line; raises Wrong."""
    how, gate = row.how, Gate()
    before = how.get("begin") or device.booted
    flash = device.flash("row", of=before)
    release = how.get("release") or device.releases["v2"]
    own = how["server"](device) if "server" in how else serve(device, row, gate)
    with own as server:
        words = [how.get("url") or device.url(how.get("path", SUIT))]
        power = device.power(flash, server.port, [*words, *how.get("words", ())])
        with power:
            if "drive" in how:
                how["drive"](power, server, gate)
            code = power.end(how.get("seconds", 100))
        gate.go.set()
    outcome = Outcome(power, code)
    demand(outcome.status == row.status, f"ended with {outcome.status}\n{power.text()}")
    refused = outcome.status in REFUSALS
    demand(code == (0 if outcome.status == "ok" else 1 if refused else 2),
           f"exit {code}\n{power.text()}")
    demand(not power.find("watchdog|fault"), f"the watchdog was needed\n{power.text()}")
    device.judge.clean(power)
    device.judge.runs(power)
    if "also" in how:
        how["also"](power, server)
    there = check_flash(device, row, before, flash, release)
    after = again(device, row, flash, nginx, there)
    flash.unlink()
    return outcome.status, power.seconds, there, after


def again(device, row, flash, nginx, there):
    """The next power-on, with a server that is well: completes, and asks only for what is missing."""
    if row.flash == "new" or row.how.get("begin") or not nginx:
        return "-"
    release = device.releases["v2"]
    with nginx() as well:
        with device.power(flash, well.port, [device.url(release)]) as power:
            code = power.end()
        sent = image_bytes(well.requests())
    demand(code == 0, f"the next update: exit {code}\n{power.text()}")
    device.judge.confirmed(flash, release.sequence)
    device.judge.clean(power)
    most = len(release.bytes) - there * SECTOR
    demand(sent <= max(most, 0) + SECTOR, f"{sent} bytes sent although {there} sectors were there")
    return f"{sent}"


TITLE = (f"{'board':<12} {'':<46} {'status':<22} {'seconds':>7} {'sectors kept':>12} "
         f"{'next update asks':>16}")


def table(device, rows, nginx, workers):
    """(held, failed)"""
    failed = 0

    def timed(row):
        began = time.monotonic()
        try:
            return one(device, row, nginx)
        except (Wrong, AssertionError, RuntimeError, OSError) as problem:
            return problem, time.monotonic() - began

    with ThreadPoolExecutor(workers) as pool:
        for row, cells in zip(rows, pool.map(timed, rows)):
            if isinstance(cells[0], Exception):
                failed += 1
                print(f"{device.board.name:<12} {row.name:<46} FAILED after {cells[1]:.1f} s: "
                      f"{cells[0]}", flush=True)
                continue
            print(f"{device.board.name:<12} {row.name:<46} {cells[0]:<22} {cells[1]:>7.1f} "
                  f"{cells[2]:>12} {cells[3]:>16}", flush=True)
    return len(rows) - failed, failed
