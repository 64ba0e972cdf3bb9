# SPDX-License-Identifier: Apache-2.0
"""bulla-device update, killed at random moments: a device on a flash file lives through releases
while every update of it may be ended by SIGKILL. After each: what runs was not touched, the device
boots the old or the new image, and that bit for bit."""

import random
import struct
import subprocess
import time
import zlib

from place import SECTOR, noise

SLOTS = {"ota_0": 0x10000, "ota_1": 0x190000}
OTADATA = 0xD000
NEW = 0  # otadata's state of a slot that was selected and did not run yet
IMAGE_SIZE = 0x100000
KEPT = 4  # every so manieth sector of a release is the running one's


def is_committed(flash):
    for sector in range(2):
        at = OTADATA + sector * SECTOR
        seq, state, crc = struct.unpack("<I20xII", flash[at:at + 32])
        if (seq != 0xFFFFFFFF and state == NEW and
                crc == zlib.crc32(struct.pack("<I", seq), 0xFFFFFFFF)):
            return True
    return False


def next_image(running, sequence):
    """Other bytes, but some sectors of what runs, at other places."""
    image = bytearray(noise(f"release {sequence}", IMAGE_SIZE))
    for at in range(0, IMAGE_SIZE - SECTOR, KEPT * SECTOR):
        image[at:at + SECTOR] = running[at + SECTOR:at + 2 * SECTOR]
    return bytes(image)


class Life:
    def __init__(self, place, transports, seed):
        self.place = place
        told = place.run_device("update", "--help")
        self.choice = transports if "--transport" in told.stdout + told.stderr else []
        self.random = random.Random(seed)
        self.sequence, self.slot = 1, "ota_0"
        self.image = noise("kill", IMAGE_SIZE)
        self.flash = place.provision("kill", self.image, small=False)
        self.died = {"before the first write": 0, "while writing": 0, "after the commit": 0}
        self.finished = self.boots = 0
        self.release()
        self.seconds = self.measure()

    def release(self):
        self.sequence += 1
        self.offered = next_image(self.image, self.sequence)
        self.place.publish("kill", self.offered, self.sequence)

    def command(self, transport):
        more = ["--transport", transport] if transport else []
        return [self.place.device, "update", str(self.flash), "--url", self.place.url("kill"), *more]

    def measure(self):
        """How long one whole update takes, on a copy."""
        copy = self.place.folder / "measure.flash"
        copy.write_bytes(self.flash.read_bytes())
        began = time.monotonic()
        self.place.must("update", copy, "--url", self.place.url("kill"))
        copy.unlink()
        return time.monotonic() - began

    def kill_one(self):
        """One update, killed unless it is faster."""
        before = self.flash.read_bytes()
        process = subprocess.Popen(self.command(self.random.choice(self.choice or [None])),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _, errors = process.communicate(timeout=self.random.uniform(0, 1.2 * self.seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
        after = self.flash.read_bytes()
        if process.returncode == 0:
            self.finished += 1
        elif process.returncode != -9:
            raise AssertionError(f"exit {process.returncode}: {errors.decode()}")
        elif after == before:
            self.died["before the first write"] += 1
        elif is_committed(after):
            self.died["after the commit"] += 1
        else:
            self.died["while writing"] += 1
        at = SLOTS[self.slot]
        if before[at:at + IMAGE_SIZE] != after[at:at + IMAGE_SIZE]:
            raise AssertionError("the running slot was changed")
        self.boot(is_committed(after))

    def boot(self, committed):
        other = "ota_1" if self.slot == "ota_0" else "ota_0"
        run = self.place.must("boot", self.flash)
        self.boots += 1
        slot = run.stdout.strip()
        if slot != (other if committed else self.slot):
            raise AssertionError(f"{slot} boots, committed: {committed}: {run.stderr}")
        if committed:
            self.slot, self.image = slot, self.offered
        data = self.flash.read_bytes()[SLOTS[slot]:SLOTS[slot] + IMAGE_SIZE]
        if data != self.image:
            raise AssertionError(f"{slot} boots something else than was published")
        if committed:
            self.place.must("confirm", self.flash)
            self.release()

    def finish(self):
        """What was begun is completed by the next update that nobody kills."""
        self.place.must("update", self.flash, "--url", self.place.url("kill"))
        self.boot(True)


def run(place, transports, count, seed):
    """The table; the number of failures (the first one ends it)."""
    began = time.monotonic()
    life = Life(place, transports, seed)
    print(f"kill -9 of bulla-device update, seed {seed}; an update takes "
          f"{life.seconds * 1000:.0f} ms")
    try:
        while sum(life.died.values()) < count:
            life.kill_one()
        life.finish()
    except (AssertionError, RuntimeError) as problem:
        print(f"after {sum(life.died.values())} kills: {problem}")
        return 1
    finally:
        for stage, number in life.died.items():
            print(f"  died {stage:<24} {number:>5}")
        print(f"  ended before it was killed    {life.finished:>5}")
        print(f"  {sum(life.died.values())} killed, {life.boots} boots of old or new, "
              f"{life.sequence - 2} releases lived through, "
              f"{time.monotonic() - began:.1f} s")
    if not life.died["before the first write"] or not life.died["while writing"]:
        print("no update died before or while it wrote: this proved nothing")
        return 1
    return 0
