# SPDX-License-Identifier: Apache-2.0
"""The two emulated boards: one object is one power-on, from switch-on to exit or SIGKILL. The flash
is a file. The network ends on this machine: QEMU forwards single addresses to ports of 127.0.0.1 and
nothing else."""

import re
import subprocess
import threading
import time

from kit import ended, start
from qmp import Qmp
from traces import zero_to_one

SERVER = "10.0.2.100"
ZERO_TO_ONE = "m25p80_programming_zero_to_one"
STUCK = 120  # seconds after which a board hangs, whatever it is doing


class Board:
    def __init__(self, name, title, program, start, flash_size):
        self.name, self.title = name, title
        self.program = [program, "-M", name.replace("_", "-") if "emcraft" in name else name]
        self.start = start  # the option that takes stage 0
        self.flash_size = flash_size  # QEMU wants the file of a whole chip


BOARDS = {
    "sifive_u": Board("sifive_u", "RV32IMAC", "qemu-system-riscv32", "-bios", 32 << 20),
    "emcraft_sf2": Board("emcraft_sf2", "Cortex-M3", "qemu-system-arm", "-kernel", 16 << 20),
}


class Hangs(AssertionError):
    pass


class Power:
    """words: what the firmware reads by semihosting, such as cut=17. ports: what the board reaches
    at 10.0.2.100, by port there: port here. once: a reset ends it, as a power cut does."""

    made = 0
    wrong = 0  # bytes programmed from 0 to 1, by all that were made
    counting = threading.Lock()

    def __init__(self, board, stage0, flash, folder, words=(), ports=None, once=False, traces=(),
                 more=()):
        with Power.counting:
            Power.made += 1
            self.name = folder / f"power{Power.made}"
        self.lines, self.ended, self.news = [], False, threading.Condition()
        self.traced = None
        net = "user,id=net,restrict=on" + "".join(
            f",guestfwd=tcp:{SERVER}:{there}-cmd:socat - TCP:127.0.0.1:{here}"
            for there, here in (ports or {}).items())
        command = [
            *board.program, "-m", "128M" if board.name == "sifive_u" else "64M", "-display", "none",
            "-monitor", "none", "-serial", "stdio",
            "-qmp", f"unix:{self.name}.qmp,server=on,wait=off",
            "-semihosting-config",
            ",".join(["enable=on", "target=native", "arg=fw", *(f"arg={word}" for word in words)]),
            "-drive", f"if=mtd,format=raw,file={flash}", "-nic", net, board.start, str(stage0),
            "-D", f"{self.name}.trace", "-trace", ZERO_TO_ONE,
            *(part for name in traces for part in ("-trace", name)),
            *(["-no-reboot"] if once else []), *more]  # fmt: skip
        self.began = time.monotonic()
        self.process = start(*command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        self.qmp = None
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.decode("ascii", "replace").rstrip())
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    # ---- waiting ----

    def wait(self, pattern, seconds=STUCK, after=0):
        """The first line from number `after` on that matches. AssertionError when the board ends
        without it."""
        until = time.monotonic() + seconds
        with self.news:
            while True:
                for line in self.lines[after:]:
                    match = re.search(pattern, line)
                    if match:
                        return match
                after = len(self.lines)
                if self.ended:
                    raise AssertionError(f"ended without {pattern!r}\n{self.text()}")
                if not self.news.wait(max(0.0, until - time.monotonic())):
                    self.hangs(f"no {pattern!r} in {seconds} s")

    def end(self, seconds=STUCK):
        """Until the firmware ends it (or, with once, resets); the exit status."""
        try:
            code = self.process.wait(max(0.1, seconds))
        except subprocess.TimeoutExpired:
            self.hangs(f"still runs after {seconds} s")
        self.seconds = time.monotonic() - self.began
        self.reader.join(5)
        self.close()
        return code

    def hangs(self, why):
        text = self.text()
        self.kill()
        raise Hangs(f"{why}\n{text}")

    # ---- the switch and the plug ----

    def control(self, command, **arguments):
        if self.qmp is None:
            self.qmp = Qmp(f"{self.name}.qmp", self.process)
        return self.qmp.ask(command, **arguments)

    def link(self, up):
        self.control("set_link", name="net", up=up)

    def cut(self):
        """Stop: what the flash was told is in the file. Then SIGKILL. False: it had ended before."""
        try:
            self.control("stop")
        except (OSError, EOFError):
            self.process.wait(5)
        ended = self.process.poll() is not None
        self.kill()
        return not ended

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.seconds = time.monotonic() - self.began
        self.reader.join(5)
        self.close()

    def close(self):
        if self.qmp is not None:
            self.qmp.close()
            self.qmp = None
        if self.traced is not None:
            return
        ended(self.process)
        file = self.name.with_suffix(".trace")
        self.traced = file.read_text("ascii", "replace") if file.exists() else ""
        for path in (file, self.name.with_suffix(".qmp")):
            path.unlink(missing_ok=True)
        with Power.counting:
            Power.wrong += len(zero_to_one(self.traced))

    # ---- what was said ----

    def text(self):
        return "\n".join("    " + line for line in self.lines[-40:])

    def find(self, pattern):
        return [match for line in self.lines if (match := re.search(pattern, line))]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
