# SPDX-License-Identifier: Apache-2.0
"""The switch is thrown at a random moment of a running update: QEMU stops, what the chip was told is
in the file, SIGKILL. The moments are real time, so a seed repeats the choice and not the result."""

import random
import time

from judge import Wrong
from servers import Nginx

# so slow that most of an update's time is the download
SLOW = "limit_rate 250k;"
TITLE = (f"{'board':<12} {'kills':>6} {'before writing':>15} {'in download':>12} {'selected':>9} "
         f"{'in trial':>9} {'confirmed':>10} {'boots':>6} {'seconds':>8} {'failures':>8}")


def stage(device, power, flash):
    """How far it had come."""
    end = device.kit.layout.end
    if power.find(r"^app: confirmed"):
        return "confirmed"
    if power.find(r"^stage0: starts .*trial"):
        return "in trial"
    if device.judge.next_slot(flash) == 1:
        return "selected"
    if flash.read_bytes()[:end] != device.factory.read_bytes()[:end]:
        return "in download"
    return "before writing"


def one(device, nginx, after, line):
    """Killed so long after it was switched on, or after it said this."""
    flash = device.flash("kill")
    with device.power(flash, nginx.port, [device.url(device.releases["v2"])]) as power:
        power.control("query-status")  # connected, so that the switch works at once
        if line:
            power.wait(line)
        time.sleep(after)
        if not power.cut():
            return None, 0
    device.judge.clean(power)
    stopped = stage(device, power, flash)
    _, boots = device.recovers(flash, nginx.port, stopped == "confirmed")
    flash.unlink()
    return stopped, boots


def whole_update(device, nginx):
    began = time.monotonic()
    device.updated(nginx)
    return time.monotonic() - began


def run(device, kit, count, seed):
    dice, row, failures, killed = random.Random(seed), {}, [], 0
    began = time.monotonic()
    with Nginx(device.folder, kit.www, kit.certificates["right"], more=SLOW) as nginx:
        seconds = whole_update(device, nginx)
        while killed < count:
            # every third one while the image comes, however fast the machine is
            line = r"^app: 0 of" if killed % 3 == 0 else None
            after = dice.uniform(0, 0.3 if line else seconds)
            try:
                stopped, boots = one(device, nginx, after, line)
                if stopped is None:  # it was faster this time
                    seconds *= 0.95
                    continue
                row[stopped] = row.get(stopped, 0) + 1
                row["boots"] = row.get("boots", 0) + boots
            except (Wrong, AssertionError, RuntimeError) as problem:
                failures.append(f"{device.board.name}, kill {killed}, after {after:.3f} s: {problem}")
            killed += 1
    if not row.get("in download"):
        failures.append(f"{device.board.name}: no kill hit a download: this proved nothing")
    print(f"{device.board.name:<12} {count:>6} {row.get('before writing', 0):>15} "
          f"{row.get('in download', 0):>12} {row.get('selected', 0):>9} {row.get('in trial', 0):>9} "
          f"{row.get('confirmed', 0):>10} {row.get('boots', 0):>6} "
          f"{time.monotonic() - began:>8.1f} {len(failures):>8}", flush=True)
    for problem in failures[:10]:
        print(problem)
    return count - len(failures), len(failures)
