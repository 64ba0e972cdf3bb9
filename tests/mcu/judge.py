# SPDX-License-Identifier: Apache-2.0
"""What must hold whatever happened to a board: it starts nothing but a release, bit for bit, the one
that the auditor's program names for the same flash; and it never programs a bit from 0 to 1."""

import json
import re
import subprocess

from traces import zero_to_one

STARTS = r"^stage0: starts slot (\d+), sequence (\d+)"
APP = r"^app (\S+): "
UPDATE = r"^app: update status (\d+) "


class Wrong(AssertionError):
    pass


def demand(holds, why):
    if not holds:
        raise Wrong(why)


class Judge:
    def __init__(self, kit, releases):
        """releases: all that were ever sealed for this board and may run."""
        self.kit = kit
        self.releases = {release.sequence: release for release in releases}

    def slot_bytes(self, flash, slot, count):
        first, _ = self.kit.layout.slot(slot)
        with flash.open("rb") as file:
            file.seek(first)
            return file.read(count)

    def verify(self, flash):
        """(exit code, answer) of the auditor's program."""
        run = subprocess.run(
            [str(self.kit.bin / "bulla-verify"), "flash", str(flash), "--trust",
             str(self.kit.trust), "--json"], stdout=subprocess.PIPE, text=True, timeout=60)
        return run.returncode, json.loads(run.stdout)

    def status(self, flash):
        run = subprocess.run([str(self.kit.bin / "bulla-device"), "status", str(flash), "--json"],
                             stdout=subprocess.PIPE, text=True, timeout=60)
        return json.loads(run.stdout)

    def next_slot(self, flash):
        """By the auditor's program, for a flash that must boot something sealed."""
        code, answer = self.verify(flash)
        demand(code == 0, f"bulla-verify: exit {code}: {answer.get('detail')} {answer.get('boot')}")
        return self.slot_of(answer, "boot")

    def slot_of(self, answer, who):
        label = answer[who]["slot"]
        offset = next(row["offset"] for row in answer["slots"] if row["label"] == label)
        return next(slot for slot in (0, 1) if self.kit.layout.slot(slot)[0] == offset)

    def selected(self, flash):
        """What a bootloader takes that believes otadata is a whole release as well."""
        _, answer = self.verify(flash)
        # null: no record is whole, and it tries all, slot 0 first
        slot = self.slot_of(answer, "idf_boot") if answer["idf_boot"]["slot"] else 0
        demand(any(self.holds(flash, slot, sequence) for sequence in self.releases),
               f"otadata selects slot {slot}, which holds no release")

    def holds(self, flash, slot, sequence):
        """Is the slot this release, byte for byte?"""
        release = self.releases.get(sequence)
        return (release is not None and
                self.slot_bytes(flash, slot, len(release.bytes)) == release.bytes)

    def started(self, power, flash_before):
        """The first start of this power-on, against the flash as it was before."""
        starts = power.find(STARTS)
        demand(starts, f"stage 0 started nothing\n{power.text()}")
        slot, sequence = int(starts[0][1]), int(starts[0][2])
        demand(self.holds(flash_before, slot, sequence),
               f"started slot {slot} as sequence {sequence}: that is not what was sealed")
        return slot, sequence

    def runs(self, power):
        """Each version that reported itself is the release that stage 0 said it starts."""
        sequence = None
        for line in power.lines:
            if (start := re.search(STARTS, line)) is not None:
                sequence = int(start[2])
            elif (app := re.search(APP, line)) is not None:
                release = self.releases.get(sequence)
                demand(release is not None and app[1] == release.version,
                       f"stage 0 started sequence {sequence}, {app[1]} runs")

    def clean(self, power):
        wrong = zero_to_one(power.traced)
        demand(not wrong, f"{len(wrong)} bytes programmed from 0 to 1, the first at {wrong[:1]}")

    def confirmed(self, flash, sequence):
        """This release runs next, is confirmed, and is in its slot byte for byte."""
        slot = self.next_slot(flash)
        demand(self.holds(flash, slot, sequence), f"slot {slot} boots next, not sequence {sequence}")
        status = self.status(flash)
        demand(status["sequence"] == sequence and not status["next_boot"]["trial"],
               f"confirmed is {status['sequence']}, next boot {status['next_boot']}")
        demand(status["state"]["healthy"], f"device state: {status['state']}")
        return slot
