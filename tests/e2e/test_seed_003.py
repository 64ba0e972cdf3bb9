#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The update that was not possible: a combined flash image, given to an updater as if it were an
app. It was written, its SHA-256 was right, the bootloader refused it, and two otadata records with
one number remained. Here it is refused at every door, and such a device becomes healthy again.

    BULLA_BIN=DIRECTORY test_seed_003.py [unittest arguments]
"""

import os
import subprocess
import unittest
from pathlib import Path

import test_bulla_device as device
from test_bulla_device import (ABORTED, KEY, LARGE, MIDDLE, NEW, NEXT, PENDING, SLOT_1, VALID,
                               records)

setUpModule, tearDownModule = device.setUpModule, device.tearDownModule

ESP = device.HERE.parent / "fixtures" / "esp"
SIGN = str(Path(os.environ.get("BULLA_BIN", ".")) / "bulla-sign")
COMBINED = {name: (ESP / "combined" / f"{name}.bin").read_bytes()
            for name in ("comb_esp32_from_1000", "comb_c3_from_0")}
USED = COMBINED["comb_esp32_from_1000"]  # chip and geometry as in the report
SIZE = 0x1000000


class Case(device.Case):
    def sign(self, *arguments, code):
        run = subprocess.run([SIGN, *map(str, arguments)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=120, text=True)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return run

    def key_file(self):
        path = self.folder / "release.pem"
        path.write_bytes(KEY.private_pem())
        path.chmod(0o600)
        return path

    def as_reported(self):
        """The flash of the report: table, records, a good app in ota_0, the combined image in
        ota_1."""
        data = bytearray(b"\xff" * SIZE)
        for at, content in ((0x8000, (ESP / "partition" / "seed003_16m.bin").read_bytes()),
                            (0xD000, (ESP / "otadata" / "seed003_status.bin").read_bytes()),
                            (device.SLOT_0, LARGE), (SLOT_1, USED)):
            data[at:at + len(content)] = content
        self.flash.write_bytes(data)

    def converted(self):
        """The same with a state partition, as provisioned for us."""
        self.as_reported()
        run = self.run_device("layout", self.flash, "--flash-size", "16M", "--add-state", code=0)
        table = self.folder / "converted.csv"
        table.write_text(run.stdout)
        self.provision(LARGE, "--force", "--erase", layout=table, size="16M")
        data = bytearray(self.flash.read_bytes())
        seen = (ESP / "otadata" / "seed003_status.bin").read_bytes()
        data[0xD000:0xD000 + len(seen)] = seen
        data[SLOT_1:SLOT_1 + len(USED)] = USED
        self.flash.write_bytes(data)


class Doors(Case):
    def test_sealing_is_refused(self):
        for name, image in COMBINED.items():
            path = self.folder / f"{name}.bin"
            path.write_bytes(image)
            run = self.sign("sign", path, "--key", self.key_file(), "--vendor", device.VENDOR,
                            "--class", device.CLASS, "--sequence", 2, "--version", "1.1.0", "-o",
                            self.folder / "x.suit", code=1)
            self.assertIn("refused: image-not-an-app: ", run.stderr)
            self.assertIn(f"cut the app out first: bulla-sign extract {path} -o app.bin",
                          run.stderr)
            self.assertFalse((self.folder / "x.suit").exists())

    def test_provisioning_is_refused(self):
        for image in COMBINED.values():
            run = self.provision(image, code=1)
            self.assertIn("refused: image-not-an-app: ", run.stderr)
            self.assertIn("`bulla-sign extract`", run.stderr)
            self.assertFalse(self.flash.exists())

    def test_update_is_refused_before_the_first_erase(self):
        """Sealed by somebody whose tools did not look."""
        self.provision(sequence=1)
        self.boot("ota_0")
        data = bytearray(self.flash.read_bytes())
        data[SLOT_1:SLOT_1 + len(MIDDLE)] = MIDDLE  # would be gone after an erase
        self.flash.write_bytes(data)
        for name, image in COMBINED.items():
            for how in ({}, {"bundle": True}):
                with self.subTest(name, **how):
                    self.publish(image, sequence=2, **how)
                    *before, _ = self.facts()
                    run = self.update(code=1)
                    *after, events = self.facts()
                    self.assertEqual(after, before)
                    self.assertEqual(events[0]["status"], "image-not-an-app")
                    self.assertIn("refused: image-not-an-app: ", run.stderr)
                    self.assertIn("cut the app out with `bulla-sign extract`, then seal that",
                                  run.stderr)
        self.boot("ota_0")


class Status(Case):
    def test_flash_of_the_report_is_explained(self):
        self.as_reported()
        before = self.flash.read_bytes()
        run = self.run_device("status", self.flash, code=0)
        for words in (
                "Next boot is 'ota_0': neither otadata record selects a slot any more",
                "OTA record 0: state=PENDING_VERIFY (0x1), seq=2, crc=1442199412 (0x55f63774, "
                "good), names 'ota_1'",
                "OTA record 1: state=ABORTED (0x4), seq=2, crc=1442199412 (0x55f63774, good)",
                "Both records have number 2: ota_1 was installed twice while ota_0 ran, and the "
                "second time its record was written over that of ota_0",
                "ota_1 cannot boot: what it holds does not verify (image-not-an-app)",
                "At the next reset neither record selects a slot: ota_0 boots because it verifies",
                "  vfs        data     fat        0x310000   0xcf0000 13,565,952\n"):
            self.assertIn(words, run.stdout)
        told = self.json("status", self.flash, "--running", "ota_0", code=0)
        self.assertEqual((told["running"]["label"], told["next_boot"]["label"]),
                         ("ota_0", "ota_0"))
        self.assertEqual([r["state"] for r in told["otadata"]], ["PENDING_VERIFY", "ABORTED"])
        self.assertIn("ota_0 runs without a record of its own; the next boot or update writes one.",
                      told["otadata_story"])
        self.assertEqual(self.flash.read_bytes(), before)


class Recovery(Case):
    def test_such_a_device_becomes_healthy_again(self):
        self.converted()
        told = self.json("status", self.flash, code=0)
        self.assertIsNone(told["running"])
        self.assertEqual((told["next_boot"]["label"], told["next_update"]), ("ota_0", "ota_1"))
        self.assertEqual(records(self.flash.read_bytes()), [(2, PENDING), (2, ABORTED)])

        self.publish(MIDDLE, sequence=2)
        self.assertIn("another bootloader started ota_1 for a trial: boot,",
                      self.update(code=1).stderr)
        self.assertIn("the trial of ota_1 ended without confirmation", self.boot("ota_0"))
        self.assertEqual(records(self.flash.read_bytes()), [(3, VALID), (2, ABORTED)])

        self.publish(USED, sequence=2)
        self.update(code=1)
        self.update(code=1)  # twice, as the user did: the record of what runs stays
        self.assertEqual(records(self.flash.read_bytes()), [(3, VALID), (2, ABORTED)])

        combined = self.folder / "combined.bin"
        combined.write_bytes(USED)
        app = self.folder / "extracted.bin"
        self.sign("extract", combined, "-o", app, code=0)
        self.assertEqual(app.read_bytes(), LARGE)
        self.sign("sign", app, "--key", self.key_file(), "--vendor", device.VENDOR, "--class",
                  device.CLASS, "--sequence", 2, "--version", "1.1.0", "--uri", "app.bin", "-o",
                  self.www / "signed.suit", code=0)
        (self.www / "app.bin").write_bytes(LARGE)
        self.update(name="signed")
        self.assertEqual(records(self.flash.read_bytes()), [(3, VALID), (4, NEW)])
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)
        told = self.json("status", self.flash, code=0)
        self.assertEqual((told["running"]["label"], told["next_boot"]["label"],
                          told["next_update"], told["otadata_story"]),
                         ("ota_1", "ota_1", "ota_0", []))
        self.assertEqual([(r["state"], r["valid"], r["slot"]) for r in told["otadata"]],
                         [("VALID", True, "ota_0"), ("VALID", True, "ota_1")])
        self.assertEqual({s["status"] for s in told["slots"]}, {"ok"})

    def test_a_second_update_never_takes_the_record_of_what_runs(self):
        """What happened in the report with a good image: installed twice while ota_0 runs."""
        self.provision(sequence=1)
        self.boot("ota_0")
        for sequence, image in ((2, MIDDLE), (3, NEXT)):
            self.publish(image, sequence=sequence)
            self.update()
            self.assertEqual(records(self.flash.read_bytes()), [(1, VALID), (2, NEW)])


if __name__ == "__main__":
    unittest.main()
