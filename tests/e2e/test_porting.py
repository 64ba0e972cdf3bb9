# SPDX-License-Identifier: Apache-2.0
"""docs/PORTING.md: the port it shows is the one in the tree, is short, compiles for microcontrollers
without a C library and needs nothing but its board; the commands of its checklist do what it says."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import pages

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("BULLA_BIN", ".")).resolve()
PORT = ROOT / "client_fw/port/minimal"
PAGE = (ROOT / "docs/PORTING.md").read_text()
FLAGS = """-std=c11 -Os -ffreestanding -ffunction-sections -fdata-sections -Wall -Wextra -Wpedantic
    -Wconversion -Wshadow -Wswitch-enum -Werror""".split()
INCLUDES = [f"-I{ROOT / name}" for name in ("verifier/include", "client_fw/include", "client_fw/transport")]
MACHINES = {
    "arm-none-eabi": ["-mcpu=cortex-m3", "-mthumb"],
    "riscv64-unknown-elf": ["-march=rv32imac", "-mabi=ilp32"],
    "xtensa-lx106-elf": ["-mlongcalls"],
}
# programs that talk to people have them, devices do not
FOR_PEOPLE = {"status_text.c", "cbor_skip.c", "espimage_names.c", "event_names.c"}
BOARD = {"board_flash_size", "board_spi", "board_send", "board_receive", "board_feed_watchdog",
         "board_now_ms", "board_random"}  # fmt: skip
COMPILER = {"memcpy", "memset", "memcmp"}
CRYPTO = {"bulla_sha256_init", "bulla_sha256_update", "bulla_sha256_finish", "bulla_crypto_ed25519_verify"}


class MinimalPort(unittest.TestCase):
    def test_page_shows_the_files_as_they_are(self):
        shown = re.findall(r"^```c\n(.*?)^```$", PAGE, re.M | re.S)
        self.assertEqual(shown, [(PORT / "port.h").read_text(), (PORT / "port.c").read_text()])

    def test_port_has_less_than_150_lines(self):
        self.assertLess(len((PORT / "port.c").read_text().splitlines()), 150)

    def compile(self, machine, flags, source, out):
        done = subprocess.run([f"{machine}-gcc", *flags, *FLAGS, *INCLUDES, "-c", str(source), "-o", str(out)],
                              capture_output=True, text=True)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_port_and_check_compile_without_a_c_library(self):
        count = 0
        for machine, flags in MACHINES.items():
            if shutil.which(f"{machine}-gcc") is None:
                continue
            for source in (PORT / "port.c", ROOT / "client_fw/port/check/check_flash.c"):
                with self.subTest(machine=machine, source=source.name), tempfile.TemporaryDirectory() as folder:
                    self.compile(machine, flags, source, Path(folder) / "out.o")
                    count += 1
        if count == 0:
            self.skipTest("no cross compiler here")

    @unittest.skipUnless(shutil.which("arm-none-eabi-gcc"), "no arm-none-eabi-gcc here")
    def test_port_with_the_core_needs_only_board_and_crypto(self):
        sources = [*(ROOT / "verifier/core").glob("*.c"), *(ROOT / "client_fw/core").glob("*.c"), PORT / "port.c",
                   *(ROOT / "client_fw/transport" / f"{name}.c" for name in
                     ("coap", "coap_line", "coap_message", "slipmux"))]  # fmt: skip
        sources = [source for source in sources  # *_none.c: for devices that leave something out
                   if source.name not in FOR_PEOPLE and not source.stem.endswith("_none")]  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            objects = [Path(folder) / f"{source.stem}.o" for source in sources]
            self.assertEqual(len(set(objects)), len(sources))
            for source, out in zip(sources, objects):
                self.compile("arm-none-eabi", MACHINES["arm-none-eabi"], source, out)
            whole = Path(folder) / "whole.elf"
            subprocess.run(["arm-none-eabi-ld", "-r", *map(str, objects), "-o", str(whole)], check=True)
            told = subprocess.run(["arm-none-eabi-nm", "-u", str(whole)], check=True, capture_output=True, text=True)
        self.assertEqual({line.split()[-1] for line in told.stdout.splitlines()}, BOARD | COMPILER | CRYPTO)


@unittest.skipUnless((BIN / "bulla-device").exists(), "bulla-device is not built")
class Checklist(unittest.TestCase):
    def test_commands_do_what_is_shown(self):
        title, text = pages.sections(PAGE)[-1]
        self.assertEqual(title, "From a blank board to a fleet")
        steps, _ = pages.read_section(text)
        self.assertGreaterEqual(len(steps), 3)
        with tempfile.TemporaryDirectory(prefix="bulla-page-") as folder:
            for number in (1, 2):
                (Path(folder) / f"app-{number}.bin").write_bytes(bytes(
                    (i * (7919 if number == 1 else 104729) >> 5) & 0xFF for i in range(30000)))  # fmt: skip
            before = None
            runner = pages.Runner(folder, BIN)
            for step in steps:
                with self.subTest(step=repr(step)[:60]):
                    self.assertIsNone(runner.judge(step))
                before = before or (Path(folder) / "board.bin").read_bytes()
            # what was refused has left no trace in the slots: the one that runs is as it was
            after = (Path(folder) / "board.bin").read_bytes()
            self.assertEqual(before[0x10000:0x50000], after[0x10000:0x50000])

    def test_steps_are_numbered_without_a_gap(self):
        numbers = [int(n) for n in re.findall(r"^\| (\d+) \| ", PAGE, re.M)]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.assertGreater(len(numbers), 15)


if __name__ == "__main__":
    unittest.main()
