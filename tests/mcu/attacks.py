# SPDX-License-Identifier: Apache-2.0
"""Releases that do not work, releases that are none, and flash that is not what it was: what a board
does about them. What is refused must not have changed one byte of slots and otadata."""

import hashlib
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor

import rows
from boards import Power
from judge import APP, STARTS, Judge, Wrong, demand
from kit import must
from rows import BIN, NAMES, SUIT, Row
from servers import Nginx

# of an application's code, as board.c has it
ROOM = {"sifive_u": 192 << 10, "emcraft_sf2": 128 << 10}
TITLE = f"{'board':<12} {'':<46} {'what the board did':<92} {'seconds':>7}"


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


# ---- refused before anything is written ----

def refused(device):
    v1, v2 = device.releases["v1"], device.releases["v2"]
    envelope = v2.envelope.read_bytes()
    begin = device.with_v2
    other = "emcraft_sf2" if device.board.name == "sifive_u" else "sifive_u"
    image = v2.bytes
    big = image + bytes(device.kit.layout.slot(1)[1] - len(image) + 1)

    def offer(release):
        return {"release": release, "files": {}}

    return [
        Row("image: first byte flipped", "sector-digest", "same", files={BIN: flipped(image, 0)}),
        Row("image: a byte of its last sector flipped", "sector-digest", "part",
            files={BIN: flipped(image, len(image) - 1)}),
        Row("image of another release", "http-length", "same", files={BIN: v1.bytes[:-4]}),
        Row("envelope: a byte of the signature flipped", "signature-invalid", "same",
            files={SUIT: flipped(envelope, signature_at(device, envelope))}),
        Row("envelope: a byte of the manifest flipped", "manifest-digest", "same",
            files={SUIT: flipped(envelope, envelope.index(image_digest(image)))}),
        Row("older release, signed by the right key", "sequence-too-old", "same", begin=begin(),
            **offer(v1)),
        Row("other release under the confirmed sequence", "sequence-conflict", "same", begin=begin(),
            **offer(device.seal("twin", v1.bytes, 2, "2.0.0"))),
        Row("signed by a key that is not trusted", "signature-unknown-key", "same",
            **offer(device.seal("thief", image, 4, "4.0.0", key="thief"))),
        Row("for the other board", "class-mismatch", "same",
            **offer(device.seal("other", image, 4, "4.0.0", of_class=other))),
        Row("larger than the slot", "slot-too-small", "same",
            **offer(device.seal("big", big, 4, "4.0.0"))),
        Row("larger than what stage 0 has room for", "slot-too-small", "same",
            **offer(device.seal("wide", too_wide(device), 4, "4.0.0"))),
    ]


def too_wide(device):
    """What a slot holds, and the memory that applications are executed from does not."""
    return bytes(ROOM[device.board.name] + 1)


def image_digest(image):
    return hashlib.sha256(image).digest()


def signature_at(device, envelope):
    """Somewhere in the 64 bytes of the only signature: 58 40 is their header."""
    found = [m.start() for m in re.finditer(re.escape(b"\x58\x40"), envelope)]
    demand(found, "the envelope has no signature")
    return found[0] + 10


# ---- releases that do not work ----

def starts(power):
    return [(int(m[1]), int(m[2])) for m in power.find(STARTS)]


def causes(power):
    return [m[1] for m in power.find(r"^stage0: \w+, reset (\S+)")]


def bad_release(device, nginx, name, cause, times):
    """v2 takes a release that fails its trial: back to v2, and the rejection is known. `times`: how
    often it is tried before v2 refuses it by itself."""
    release = device.release(name)
    judge = Judge(device.kit, [device.releases["v1"], device.releases["v2"], release])
    flash = device.flash(name, of=device.with_v2())
    with device.power(flash, nginx.port, [device.url(release)]) as power:
        if times == 1:
            power.wait(rf"^stage0: starts slot \d, sequence {release.sequence}\b")
            at = len(power.lines)
            power.wait(STARTS, after=at)
            power.wait(APP, after=at)
            power.cut()
        else:
            code = power.end()
            demand(code == 1, f"exit {code}\n{power.text()}")
            status = NAMES[int(power.find(r"^app: update status (\d+)")[-1][1])]
            demand(status == "trial-failed-before", f"{status}\n{power.text()}")
    sequences = [sequence for _, sequence in starts(power)]
    demand(sequences == [2] + [release.sequence, 2] * times, f"started {sequences}\n{power.text()}")
    demand(causes(power) == ["power-on"] + ["restart", cause] * times,
           f"resets by {causes(power)}\n{power.text()}")
    judge.runs(power)
    judge.clean(power)
    events = [event for event in judge.status(flash)["events"] if event["event"] == "fall-back"]
    demand(len(events) == times and events[0]["status"] == "trial-not-confirmed",
           f"the journal says {events}")
    slot = judge.confirmed(flash, 2)
    demand(judge.holds(flash, slot, 2), "v2 is not whole")
    flash.unlink()
    told = "then v2 refuses it: trial-failed-before" if times > 1 else "v2 runs again"
    return f"{times} trial{'s' * (times > 1)}, reset by {cause}, journal: {events[0]['status']}; {told}"


def crash_loop(device, nginx, dice):
    """A release that was confirmed, and crashes at each boot since: it is left for the other one."""
    first = device.seal("first", (device.firmware / "crashes.bin").read_bytes(), 1, "3.0.0")
    judge = Judge(device.kit, [first, device.releases["v2"]])
    flash, program = device.folder / "loop.bin", device.kit.bin / "bulla-device"
    device.kit.flash(device.board, first, flash)
    for words in (("update", flash, "--from", device.releases["v2"].folder), ("boot", flash),
                  ("confirm", flash), ("set-boot", flash, "app_0")):
        must(program, *words)
    power = boots_until(device, flash, r"^app 2\.0\.0: ")
    demand(starts(power) == [(0, 1)] * 5 + [(1, 2)], f"started {starts(power)}\n{power.text()}")
    demand(causes(power) == ["power-on"] + ["fault"] * 5, f"resets by {causes(power)}")
    judge.runs(power)
    return "5 resets by fault, then slot 0 is left: slot 1 starts with sequence 2"


def unloadable(device, nginx, dice):
    """A release that cannot be loaded, put in by a client that does not know it: the board gives it
    up by itself."""
    release = device.seal("unloadable", too_wide(device), 4, "4.0.0")
    flash = device.flash("unloadable", of=device.with_v2())
    must(device.kit.bin / "bulla-device", "update", flash, "--from", release.folder)
    power = boots(device, flash)
    demand([sequence for _, sequence in starts(power)] == [2], f"started {starts(power)}")
    demand(causes(power) == ["power-on", "fault"], f"resets by {causes(power)}\n{power.text()}")
    flash.unlink()
    return "not loaded; after the reset v2 starts, within one power-on"


def alone(firmware):
    def attack(device, nginx, dice):
        """Firmware without a host, on a board that has none: a call of it would be a fault."""
        release = device.seal("alone", (firmware / "v1.bin").read_bytes(), 1, "1.0.0")
        flash = device.kit.flash(device.board, release, device.folder / "alone.bin")
        with Power(device.board, firmware / "stage0.elf", flash, device.folder,
                   more=["-semihosting-config", "enable=off"]) as power:
            power.wait(r"^app: no random numbers, so no TLS")
            power.wait(r"^app: cannot begin")
            power.kill()
        demand(starts(power) == [(0, 1)], f"started {starts(power)}\n{power.text()}")
        demand(causes(power) == ["power-on"], f"resets by {causes(power)}\n{power.text()}")
        device.judge.clean(power)
        return "stage 0 starts slot 0; the application says that it has no random numbers"
    return attack


# ---- flash that changed at rest ----

def boots_until(device, flash, pattern):
    """One power-on as far as a line of the application, or until nothing starts."""
    with device.power(flash, None, ["url=https://10.0.2.2/"]) as power:
        try:
            power.wait(pattern)
        except AssertionError as problem:
            if "ended without" not in str(problem):
                raise
        power.kill()
    device.judge.clean(power)
    return power


def boots(device, flash):
    power = boots_until(device, flash, APP)
    device.judge.runs(power)
    return power


def change(device, flash, slot, count, dice):
    first, _ = device.kit.layout.slot(slot)
    data = bytearray(flash.read_bytes())
    size = len(device.releases["v2"].bytes)
    for _ in range(count):
        data[first + dice.randrange(size)] ^= 1 << dice.randrange(8)
    flash.write_bytes(data)


def rotten_slot(device, nginx, dice):
    """Bits of the running slot flip: stage 0 starts the other one."""
    flash = device.flash("rot", of=device.with_v2())
    slot = device.judge.next_slot(flash)
    change(device, flash, slot, 1, dice)
    before = device.flash("rot", of=flash)
    power = boots(device, flash)
    got = device.judge.started(power, before)
    demand(got == (1 - slot, 1), f"started {got}")
    return f"slot {slot} is passed over, slot {got[0]} starts with sequence 1"


def both_rotten(device, nginx, dice):
    flash = device.flash("rot", of=device.with_v2())
    for slot in (0, 1):
        change(device, flash, slot, 1, dice)
    power = boots(device, flash)
    demand(not power.find(STARTS) and not power.find(APP), f"something started\n{power.text()}")
    demand(power.lines, "stage 0 did not say a word")
    return f"nothing starts: {power.lines[-1]}"


def random_rot(count):
    def attack(device, nginx, dice):
        """Bits anywhere: whatever starts is sealed, and starts at all as long as one slot is."""
        first, second, nothing = 0, 0, 0
        for _ in range(count):
            flash = device.flash("rot", of=device.with_v2())
            data = bytearray(flash.read_bytes())
            for _ in range(dice.choice((1, 2, 5, 20))):
                at = dice.randrange(0x8000, device.kit.layout.end)
                data[at] ^= 1 << dice.randrange(8)
            flash.write_bytes(data)
            before = device.flash("rot", of=flash)
            code, answer = device.judge.verify(flash)
            power = boots(device, flash)
            if power.find(STARTS):
                slot, sequence = device.judge.started(power, before)
                first, second = first + (sequence == 1), second + (sequence == 2)
                demand(code == 0 and answer["boot"]["slot"] == f"app_{slot}",
                       f"slot {slot} started, bulla-verify: {answer['boot']}")
            else:
                demand(not power.find(APP), "an application without stage 0's word")
                demand(code == 1, f"nothing started, bulla-verify: {answer.get('boot')}")
                nothing += 1
            flash.unlink()
            before.unlink()
        return f"{count} flashes: v2 {second}, v1 {first}, nothing {nothing}; never anything else"
    return attack


def table(device, attacks, nginx, seed):
    def one(name, attack):
        began, good = time.monotonic(), True
        try:
            told = attack(device, nginx, random.Random(f"{seed} {name}"))
        except (Wrong, AssertionError, RuntimeError, OSError) as problem:
            told, good = f"FAILED: {problem}", False
        print(f"{device.board.name:<12} {name:<46} {told:<92} {time.monotonic() - began:>7.1f}",
              flush=True)
        return good

    with ThreadPoolExecutor(3) as pool:
        held = sum(pool.map(lambda row: one(*row), attacks))
    return held, len(attacks) - held


def offer(device):
    return rows.table(device, refused(device), None, workers=3)


def run(device, quick, seed, firmware):
    """firmware: of a build for boards without a host."""
    kit, long = device.kit, not quick
    bad = [("release that crashes", "crashes", "fault", 3)]
    if long:
        bad += [("release that hangs", "hangs", "watchdog", 1),
                ("release that cannot reach its server", "mute", "restart", 1)]
    attacks = [(title, lambda d, n, _, name=name, cause=cause, times=times:
                bad_release(d, n, name, cause, times)) for title, name, cause, times in bad]
    attacks += [("confirmed release that crashes each time", crash_loop),
                ("release that stage 0 has no room for", unloadable),
                ("board without a host", alone(firmware)),
                ("a bit of the running slot flipped", rotten_slot),
                ("a bit of each slot flipped", both_rotten),
                ("bits flipped anywhere", random_rot(30 if long else 8))]
    with Nginx(device.folder, kit.www, kit.certificates["right"]) as nginx:
        return table(device, attacks, nginx, seed)
