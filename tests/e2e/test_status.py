#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`bulla-device status` on every kind of flash: provisioned ones, damaged ones, and those of tables
without a state partition, which are shown as ESP-IDF's bootloader sees them.

    BULLA_BIN=DIRECTORY test_status.py [unittest arguments]
"""

import struct
import unittest
import zlib

import test_bulla_device as device
from test_bulla_device import LARGE, MIDDLE, OLD, SLOT_1

setUpModule, tearDownModule = device.setUpModule, device.tearDownModule

ESP = device.HERE.parent / "fixtures" / "esp"
NEW, PENDING, VALID, INVALID, ABORTED = range(5)
UNDEFINED = 0xFFFFFFFF
# as the documents of those who made them print it
GLENN20 = """\
Partition table:
# Name       Type     SubType      Offset       Size (bytes)
  nvs        data     nvs          0x9000     0x4000     16,384
  otadata    data     ota          0xd000     0x2000      8,192
  phy_init   data     phy          0xf000     0x1000      4,096
  ota_0      app      ota_0       0x10000   0x180000  1,572,864
  ota_1      app      ota_1      0x190000   0x180000  1,572,864
  vfs        data     fat        0x310000    0xf0000    983,040
"""


def record(seq, state, crc=None):
    crc = zlib.crc32(struct.pack("<I", seq), 0xFFFFFFFF) if crc is None else crc
    return struct.pack("<I20sII", seq, b"\xff" * 20, state, crc)


class Case(device.Case):
    def text(self, *more, code=0):
        return self.run_device("status", self.flash, *more, code=code).stdout

    def told(self, *more, code=0):
        return self.json("status", self.flash, *more, code=code)

    def lay(self, **places):
        """Bytes at addresses: at_0xd000=b"..." """
        data = bytearray(self.flash.read_bytes())
        for place, content in places.items():
            at = int(place.removeprefix("at_"), 16)
            data[at:at + len(content)] = content
        self.flash.write_bytes(data)

    def records(self, first=b"", second=b""):
        blank = b"\xff" * 32
        self.lay(at_0xd000=first or blank, at_0xe000=second or blank)


class Bare(Case):
    """No bulla partition."""

    def bare(self, table="glenn20_ota", size=0x400000, **apps):
        self.flash.write_bytes(b"\xff" * size)
        self.lay(at_0x8000=(ESP / "partition" / f"{table}.bin").read_bytes(), **apps)

    def test_table_of_seed_001_is_shown_column_for_column(self):
        self.bare(at_0x10000=OLD)
        self.assertIn(GLENN20, self.text())
        self.assertEqual(len(self.told()["partitions"]), 6)

    def test_file_that_is_no_flash_is_named(self):
        self.flash.write_bytes(bytes(0x20000))
        run = self.run_device("status", self.flash, code=1)
        self.assertIn(f"refused: partition-magic: {self.flash}: a partition table row", run.stderr)
        self.assertIn("`bulla-device inspect` says what it is", run.stderr)
        self.flash.write_bytes(bytes(5000))
        self.assertIn(f"{self.flash}: a flash chip has a multiple of 4096 bytes",
                      self.run_device("status", self.flash, code=2).stderr)

    def test_missing_state_is_said_with_the_way_out_and_nothing_is_written(self):
        self.bare(at_0x10000=OLD)
        before = self.flash.read_bytes()
        text = self.text()
        self.assertIn("State partition missing", text)
        command = text.split("`")[1].split()
        self.assertEqual(command[:2], ["bulla-device", "layout"])
        run = self.run_device(*command[1:], code=0)
        self.assertIn("bulla,", run.stdout)
        told = self.told()
        self.assertIsNone(told["state"])
        self.assertIn("no bulla partition", told["state_missing"])
        self.assertEqual(self.flash.read_bytes(), before)

    def next_boot(self, first, second, **apps):
        self.bare(**(apps or {"at_0x10000": OLD, "at_0x190000": MIDDLE}))
        self.records(first, second)
        told = self.told()
        return told["next_boot"]["label"], told["next_boot_without_rollback"]

    def test_prediction_is_that_of_espidf(self):
        """docs of the format, outcome table: two slots, no factory app."""
        rows = (
            (b"", b"", "ota_0", "ota_0"),
            (record(1, VALID), record(2, NEW), "ota_1", "ota_1"),
            (record(1, VALID), record(2, UNDEFINED), "ota_1", "ota_1"),
            (record(1, VALID), record(2, PENDING), "ota_0", "ota_1"),
            (record(1, VALID), record(2, ABORTED), "ota_0", "ota_0"),
            (record(1, VALID), record(2, INVALID), "ota_0", "ota_0"),
            (record(1, VALID), record(2, VALID, crc=7), "ota_0", "ota_0"),
            (b"", record(2, VALID), "ota_1", "ota_1"),
            (record(1, ABORTED), record(2, ABORTED), "ota_0", "ota_0"),
            (record(4, VALID), record(4, ABORTED), "ota_1", "ota_1"),
            (record(2, PENDING), record(2, ABORTED), "ota_0", "ota_1"),
        )
        for first, second, rollback, without in rows:
            with self.subTest(first=first[:4], second=second[24:28]):
                self.assertEqual(self.next_boot(first, second), (rollback, without))

    def test_app_that_does_not_verify_is_passed_over(self):
        self.assertEqual(self.next_boot(record(1, VALID), record(2, VALID), at_0x10000=OLD,
                                        at_0x190000=MIDDLE[:-1] + b"x"), ("ota_0", "ota_0"))
        self.assertIn("tries ota_1 first, which does not verify (image-sha256)", self.text())
        self.assertEqual(self.next_boot(b"", b"", at_0x310000=OLD), (None, None))
        self.assertIn("Nothing can boot", self.text())

    def test_factory_layout_of_seed_000(self):
        self.bare("lobo_3p", size=0x1000000, at_0x10000=OLD)
        told = self.told()
        self.assertEqual(told["next_boot"]["label"], "MicroPython")
        self.assertEqual(told["filesystem"], "internalfs")
        self.assertIn("  MicroPython_1 app      ota_0 ", self.text())

    def test_device_may_say_from_where_it_runs(self):
        self.bare(at_0x10000=OLD)
        self.assertIsNone(self.told()["running"])
        running = self.told("--running", "ota_0")["running"]
        self.assertEqual((running["label"], running["offset"], running["subtype"],
                          running["project"]), ("ota_0", 0x10000, "ota_0", "fixture_esp32"))
        self.told("--running", "ota_5", code=1)

    def test_bootloader_without_rollback_is_reported_when_it_shows(self):
        self.bare(at_0x10000=OLD, at_0x190000=MIDDLE)
        self.records(record(1, VALID), record(2, NEW))
        self.assertIsNone(self.told()["bootloader_rollback"])  # perhaps it was not booted yet
        told = self.told("--running", "ota_1")
        self.assertIs(told["bootloader_rollback"], False)
        self.assertIn("ota_1 runs although its record is NEW", " ".join(told["otadata_story"]))
        self.records(record(3, NEW), record(2, NEW))
        told = self.told()
        self.assertIs(told["bootloader_rollback"], False)
        self.assertIn("ota_1 ran although its record is NEW", " ".join(told["otadata_story"]))

    def test_torn_record_is_called_that(self):
        self.bare(at_0x10000=OLD)
        self.records(record(1, VALID), record(2, VALID, crc=1))
        told = self.told()
        self.assertEqual((told["otadata"][1]["crc_ok"], told["otadata"][1]["valid"]),
                         (False, False))
        self.assertIn("crc=1 (0x00000001, BAD)", self.text())
        self.assertIn("Record 1 is torn or damaged", self.text())

    def test_image_larger_than_the_look_is_judged_whole(self):
        self.bare(at_0x10000=LARGE)
        self.assertEqual(self.told()["slots"][0]["status"], "ok")
        self.lay(at_0x10000=LARGE[:60000] + b"!" + LARGE[60001:])
        self.assertIn(self.told()["slots"][0]["status"], ("image-checksum", "image-sha256"))


class Provisioned(Case):
    def test_every_member_is_there(self):
        """The keys that scripts rely on: docs/OPERATIONS.md, "Status"."""
        self.provision(sequence=1)
        told = self.told()
        self.assertEqual(
            set(told) - {"detail", "notes"},
            {"verdict", "status", "running", "trial", "next_boot", "next_update", "slots",
             "filesystem", "filesystems", "modules_area", "partitions", "otadata",
             "otadata_story", "bootloader_rollback", "will_be_copied", "sequence", "floor",
             "trial_boots",
             "crashes", "trial_failures", "state", "events"})
        self.assertIsNone(told["running"])
        self.boot("ota_0")
        told = self.told()
        for key, value in (("label", "ota_0"), ("offset", 0x10000), ("subtype", "ota_0"),
                           ("subtype_number", 16), ("sequence", 1), ("version", "1.0.0"),
                           ("app_version", "1.0.0"), ("project", "fixture_esp32"),
                           ("trial", False), ("sealed", True)):
            self.assertEqual(told["running"][key], value, key)
        for key in ("label", "offset", "subtype", "trial", "why"):
            self.assertIn(key, told["next_boot"])
        self.assertEqual(told["filesystem"], "vfs")
        self.assertIs(told["state"]["healthy"], True)

    def test_trial_says_what_ends_it(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        self.publish(MIDDLE, sequence=2, version="1.1.0")
        self.update()
        text = self.text()
        self.assertIn("Running from partition at 10000, type 10 [ota_0]: app 'fixture_esp32' "
                      "1.0.0, release with sequence 1.", text)
        self.assertIn("Next boot is 'ota_1': a new release has its trial.", text)
        self.assertIn("installed, its trial has not begun", text)
        self.boot("ota_1")
        text = self.text()
        self.assertIn("in a trial that is not confirmed.", text)
        self.assertIn("Next boot is 'ota_0', unless 'ota_1' is confirmed before: the trial of "
                      "ota_1 lasts until the next reset; ", text)
        self.assertIn("The next update goes to 'ota_0', once what runs is confirmed", text)
        self.boot("ota_0")
        self.assertIn("failed 1 trial; after three", self.text())
        self.assertEqual(self.told()["trial_failures"]["slot"], "ota_1")

    def test_what_the_device_says_goes_before_what_is_recorded(self):
        """A bootloader without rollback started the update, and marked nothing."""
        self.provision(sequence=1)
        self.boot("ota_0")
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.assertEqual(self.told()["running"]["label"], "ota_0")
        told = self.told("--running", "ota_1")
        self.assertEqual((told["running"]["label"], told["trial"], told["next_update"],
                          told["bootloader_rollback"]), ("ota_1", True, "ota_0", False))

    def test_prediction_is_what_boots(self):
        """Whatever the records say: no source of otadata is predicted wrongly."""
        self.provision(sequence=1)
        self.boot("ota_0")
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)
        base = self.flash.read_bytes()
        states = (NEW, PENDING, VALID, INVALID, ABORTED, UNDEFINED, 77)
        rows = [(record(1, a), record(2, b)) for a in states for b in states]
        rows += [(b"", record(2, s)) for s in states] + [(record(1, s), b"") for s in states]
        rows += [(record(2, a), record(2, b)) for a in states[:5] for b in states[:5]]
        rows += [(record(1, VALID), record(2, VALID, crc=3)), (b"", b"")]
        for first, second in rows:
            with self.subTest(first=first.hex(), second=second.hex()):
                self.flash.write_bytes(base)
                self.records(first, second)
                told = self.told()["next_boot"]
                booted = self.json("boot", self.flash, code=0)
                self.assertEqual((told["label"], told["trial"]), (booted["slot"], booted["trial"]))

    def test_lost_copy_of_a_record_is_reported(self):
        self.provision(sequence=7)
        envelope = (self.folder / "app.suit").read_bytes()
        at = envelope.index(b"\x82\x2f\x58\x20") + 4  # of the manifest: [-16, bstr of 32]
        confirmed = struct.pack("<I", 7) + envelope[at:at + 32]
        data = bytearray(self.flash.read_bytes())
        first = data.index(confirmed)
        second = data.index(confirmed, first + 1)
        data[first + 8] ^= 1
        self.flash.write_bytes(data)
        told = self.told()
        self.assertIs(told["state"]["healthy"], False)
        self.assertIn("of the confirmed sequence only one copy is left", self.text())
        data[second + 8] ^= 1
        self.flash.write_bytes(data)
        self.assertIn("both copies of a record are lost", self.text())

    def test_damaged_state_is_refused_and_the_rest_shown(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        self.lay(at_0x3f0000=bytes(device.STATE_SIZE))
        run = self.run_device("status", self.flash, code=1)
        self.assertIn("refused: state-", run.stderr)
        self.assertIn("  ota_1      app ", run.stdout)
        self.assertEqual(len(self.told(code=1)["partitions"]), 7)

    def test_modules_partition_is_shown(self):
        table = self.folder / "modules.csv"
        table.write_text("otadata,data,ota,0xd000,0x2000\nota_0,app,ota_0,0x10000,0x180000\n"
                         "ota_1,app,ota_1,0x190000,0x180000\nfrozen,0x40,0x02,0x310000,0x20000\n"
                         "bulla,0x40,0x00,0x3f0000,0x10000\n")
        self.provision(layout=table, sequence=1)
        self.assertIn("Frozen modules lie in 'frozen' (131,072 bytes at 0x310000).", self.text())
        told = self.told()
        self.assertEqual(told["modules_area"]["name"], "frozen")
        self.assertIsNone(told["filesystem"])

    def test_status_writes_nothing(self):
        self.provision(sequence=1)
        self.flash.chmod(0o444)
        before = self.flash.read_bytes()
        self.text()
        self.told()
        self.assertEqual(self.flash.read_bytes(), before)

    def test_slot_that_holds_something_else_is_explained(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        combined = (ESP / "combined" / "comb_esp32_from_1000.bin").read_bytes()
        data = bytearray(self.flash.read_bytes())
        data[SLOT_1:SLOT_1 + len(combined)] = combined
        self.flash.write_bytes(data)
        self.assertIn("Slot 'ota_1': does not verify: image-not-an-app", self.text())
        self.assertIn("`bulla-sign extract` cuts the app out", self.text())
        self.assertIs(self.told()["slots"][1]["empty"], False)


if __name__ == "__main__":
    unittest.main()
