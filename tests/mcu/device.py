# SPDX-License-Identifier: Apache-2.0
"""One board with its firmware and releases: what every part of these tests begins from."""

import shutil
import threading
from pathlib import Path

from boards import SERVER, Power
from builds import APPS
from judge import STARTS, Judge, demand
from servers import Nginx
from traces import ERASE_TRACE, SECTOR, erases

SEQUENCES = {"v1": 1, "v2": 2, "crashes": 3, "hangs": 3, "mute": 3}


class Device:
    def __init__(self, kit, board, firmware, folder):
        self.kit, self.board, self.folder = kit, board, Path(folder)
        self.firmware = self.folder / "firmware"  # a copy: a build may go on meanwhile
        shutil.copytree(firmware, self.firmware)
        self.stage0 = self.firmware / "stage0.elf"
        self.lock, self.making, self.count = threading.Lock(), threading.Lock(), 0
        self.releases, self.second = {}, None
        for name in ("v1", "v2"):
            self.release(name)
        self.judge = Judge(kit, self.releases.values())
        self.factory = kit.flash(board, self.releases["v1"], self.folder / "factory.bin")
        self.booted = self.boot_once()

    def boot_once(self):
        """The first boot writes which slot runs; after it a device at rest writes nothing more."""
        flash = self.flash("booted")
        with self.power(flash, None, ["url=https://10.0.2.2/"]) as power:
            power.end()
        return flash

    def release(self, name):
        """Sealed and published under its name, with what the build gave it."""
        if name not in self.releases:
            image = (self.firmware / f"{name}.bin").read_bytes()
            self.releases[name] = self.kit.seal(self.board, f"{self.folder.name}-{name}", image,
                                                SEQUENCES[name], APPS[name][0])
        return self.releases[name]

    def seal(self, name, image, sequence, version, **how):
        return self.kit.seal(self.board, f"{self.folder.name}-{name}", image, sequence, version, **how)

    def flash(self, name, of=None):
        """A flash file of its own: a copy."""
        with self.lock:
            self.count += 1
            path = self.folder / f"{name}-{self.count}.bin"
        shutil.copyfile(of or self.factory, path)
        return path

    def url(self, release, host=SERVER, port=None):
        path = release if isinstance(release, str) else release.path
        return f"url=https://{host}{f':{port}' if port else ''}{path}"

    def power(self, flash, port=None, words=(), **how):
        """Switch on; port: the server's, of this machine."""
        ports = {443: port} if port else None
        return Power(self.board, self.stage0, flash, self.folder, words, ports, **how)

    def with_v2(self):
        """The flash of a device that got v2 and confirmed it; made once."""
        with self.making:
            if self.second is None:
                with Nginx(self.folder, self.kit.www, self.kit.certificates["right"]) as nginx:
                    self.second = self.updated(nginx)
            return self.second

    def updated(self, nginx, name="v2"):
        """A flash file with this release installed and confirmed, by the board itself."""
        flash = self.flash(f"with-{name}")
        with self.power(flash, nginx.port, [self.url(self.release(name))]) as power:
            code = power.end()
        demand(code == 0, f"the update to {name} ended with {code}\n{power.text()}")
        self.judge.confirmed(flash, self.releases[name].sequence)
        return flash

    def whole_sectors(self, flash):
        """Of slot 1, as numbers on the chip: those that hold their part of v2."""
        first, image, data = self.kit.layout.slot(1)[0], self.releases["v2"].bytes, flash.read_bytes()
        return {(first + at) // SECTOR for at in range(0, len(image), SECTOR)
                if data[first + at:first + at + SECTOR] == image[at:at + SECTOR].ljust(SECTOR, b"\xff")}

    def recovers(self, flash, port, was_confirmed):
        """The power comes back, and what was begun is completed. (sequence started first, boots)"""
        before = self.flash("before", of=flash)
        try:
            foreseen = self.judge.next_slot(flash)
            self.judge.selected(flash)
            there = self.whole_sectors(before)
            with self.power(flash, port, [self.url(self.releases["v2"])],
                            traces=[ERASE_TRACE]) as power:  # fmt: skip
                code = power.end()
            slot, sequence = self.judge.started(power, before)
        finally:
            before.unlink()
        demand(slot == foreseen, f"slot {slot} started, bulla-verify said slot {foreseen}")
        demand(sequence == 2 or not was_confirmed, "v2 was confirmed and is gone")
        again = there & set(erases(power.traced))
        demand(not again, f"sectors that held v2 already were erased again: {sorted(again)}")
        self.judge.runs(power)
        self.judge.clean(power)
        demand(code == 0, f"exit {code}\n{power.text()}")
        demand(not power.find("watchdog|fault"), f"the watchdog was needed\n{power.text()}")
        self.judge.confirmed(flash, 2)
        return sequence, len(power.find(STARTS))
