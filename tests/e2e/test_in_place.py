#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Updates in place as their users see them: bulla-device and the auditor over the same flash.

    BULLA_BIN=DIRECTORY test_in_place.py [unittest arguments]
"""

import json
import os
import subprocess
import unittest

import test_bulla_device as device
from test_bulla_device import KEY, LARGE, MIDDLE, NEXT, OLD, VERIFY

setUpModule, tearDownModule = device.setUpModule, device.tearDownModule

AREA, BANK_0, BANK_1 = 0x10000, 0x190000, 0x310000


class Case(device.Case):
    def holds(self, at, image):
        return self.flash.read_bytes()[at:at + len(image)] == image

    def audit(self, code=0):
        key = self.folder / "key.pub"
        key.write_bytes(KEY.pem())
        run = subprocess.run([VERIFY, "flash", self.flash, "--trust", key, "--json"],
                             capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return json.loads(run.stdout)

    def file_system(self):
        rows = self.audit()["partition_table"]["rows"]
        row = next(row for row in rows if row["label"] == "vfs")
        return row["offset"], row["size"]

    def release(self, image, sequence):
        self.publish(image, sequence=sequence)
        self.update()


class TwoBanks(Case):
    def setUp(self):
        super().setUp()
        self.provision(layout="in-place", sequence=1, size="8M")
        self.boot("bank_0")

    def test_release_waits_in_its_bank_until_the_boot(self):
        self.release(MIDDLE, 2)
        self.assertTrue(self.holds(AREA, OLD))
        self.assertTrue(self.holds(BANK_1, MIDDLE))
        said = self.run_device("status", self.flash, code=0).stdout
        self.assertIn("It will be copied into 'app' at the next boot.\n", said)
        self.assertTrue(self.json("status", self.flash, code=0)["will_be_copied"])
        boot = self.audit()["boot"]
        self.assertEqual((boot["slot"], boot["trial"], boot["copied_first"]), ("bank_1", True, True))
        self.assertIn("it is copied into app first, where it is executed", boot["why"])

        answer = self.json("boot", self.flash, code=0)
        self.assertEqual((answer["slot"], answer["trial"], answer["placed"]), ("bank_1", True, True))
        self.assertTrue(self.holds(AREA, MIDDLE))
        self.run_device("confirm", self.flash, code=0)
        self.assertFalse(self.json("status", self.flash, code=0)["will_be_copied"])
        boot = self.audit()["boot"]
        self.assertFalse(boot["copied_first"])
        self.assertIn("app, where it is executed, holds it", boot["why"])
        self.assertEqual(self.audit()["idf_boot"], {"slot": "app", "rewrites": False})
        self.assertFalse(self.json("boot", self.flash, code=0)["placed"])

    def test_failed_trial_goes_back(self):
        self.release(MIDDLE, 2)
        self.boot("bank_1")
        boot = self.audit()["boot"]
        self.assertEqual((boot["slot"], boot["copied_first"]), ("bank_0", True))
        self.boot("bank_0")
        self.assertTrue(self.holds(AREA, OLD))

    def test_auditor_sees_a_torn_area(self):
        data = bytearray(self.flash.read_bytes())
        data[AREA + len(OLD) // 2] ^= 1
        self.flash.write_bytes(data)
        answer = self.audit()
        slots = {slot["label"]: slot["standing"] for slot in answer["slots"]}
        self.assertEqual((slots["app"], slots["bank_0"]), ("damaged", "sealed"))
        self.assertTrue(answer["boot"]["copied_first"])
        self.boot("bank_0")
        self.assertTrue(self.holds(AREA, OLD))


class CutCopy(Case):
    def test_copy_that_was_interrupted_is_seen_and_made_again(self):
        images = [bytes([0x7F, i]) + os.urandom(0x170000) for i in range(8)]
        self.provision(images[0], "--format", "raw", layout="in-place", sequence=1, size="8M")
        self.boot("bank_0")
        for i in range(1, len(images)):
            self.release(images[i], i + 1)
            with subprocess.Popen([device.DEVICE, "boot", self.flash], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as run:
                while run.poll() is None and not self.begins(images[i]):
                    pass
                run.kill()  # as a power cut: what was written to the file is there
            if not self.holds(AREA, images[i]):
                break
            # it came through, to its trial or just not: the next one
            if self.run_device("confirm", self.flash).returncode != 0:
                self.run_device("boot", self.flash, code=0)
                self.run_device("confirm", self.flash, code=0)
        self.assertIn("a copy into app, where it is executed, was interrupted, and is made again "
                      "first", self.audit()["boot"]["why"])
        self.assertTrue(self.json("boot", self.flash, code=0)["placed"])
        self.assertTrue(self.holds(AREA, images[i]))

    def begins(self, image):
        with open(self.flash, "rb") as file:
            file.seek(AREA)
            return file.read(64) == image[:64]


class OneBank(Case):
    def setUp(self):
        super().setUp()
        self.provision(layout="in-place", sequence=1, size="4M")
        self.boot("app")

    def test_whole_life_leaves_the_file_system_alone(self):
        at, size = self.file_system()
        data = bytearray(self.flash.read_bytes())
        data[at:at + size] = files = os.urandom(size)
        self.flash.write_bytes(data)
        for sequence, image in enumerate((LARGE, MIDDLE, NEXT), 2):
            self.release(image, sequence)
            self.boot("bank_0")
            self.assertTrue(self.holds(AREA, image))
            self.run_device("confirm", self.flash, code=0)
        self.assertEqual(self.flash.read_bytes()[at:at + size], files)
        events = [e["event"] for e in self.json("status", self.flash, code=0)["events"]]
        self.assertEqual(events.count("place"), 3)

    def test_failed_trial_goes_on_and_says_so(self):
        self.release(MIDDLE, 2)
        self.boot("bank_0")
        answer = self.json("boot", self.flash, code=0)
        self.assertEqual(answer["slot"], "bank_0")
        self.assertFalse(answer["trial"])
        self.assertIn("no other", answer["why"])
        self.run_device("confirm", self.flash, code=0)
        self.assertFalse(self.json("boot", self.flash, code=0)["fell_back"])

    def test_only_whole_copy_is_kept(self):
        self.release(MIDDLE, 2)
        self.boot("bank_0")
        self.run_device("confirm", self.flash, code=0)
        data = bytearray(self.flash.read_bytes())
        data[AREA + len(MIDDLE) // 2] ^= 1
        self.flash.write_bytes(data)
        self.publish(NEXT, sequence=3)
        self.assertIn("its bank is the only whole copy", self.update(code=1).stderr)
        self.assertTrue(self.holds(BANK_0, MIDDLE))
        self.boot("bank_0")
        self.assertTrue(self.holds(AREA, MIDDLE))
        self.update()
        self.assertTrue(self.holds(BANK_0, NEXT))

    def test_wrong_ones_are_refused_before_the_first_erase(self):
        before = self.flash.read_bytes()[:0x310000]
        self.publish(MIDDLE, sequence=2, class_name="another")
        self.assertEqual(self.json("update", self.flash, "--url",
                                   device.SERVER.url(f"{self.folder.name}/app.suit"), code=1)["status"],
                         "class-mismatch")
        self.publish(b"\x7f" * 0x180001, sequence=2)
        self.assertEqual(self.json("update", self.flash, "--url",
                                   device.SERVER.url(f"{self.folder.name}/app.suit"), code=1)["status"],
                         "slot-too-small")
        self.assertEqual(self.flash.read_bytes()[:0x310000], before)


if __name__ == "__main__":
    unittest.main()
