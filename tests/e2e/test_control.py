#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""set-boot, rollback, update --factory and --restart, on a terminal and without one.

    BULLA_BIN=DIRECTORY test_control.py [unittest arguments]
"""

import fcntl
import os
import pty
import select
import subprocess
import termios
import time
import unittest

import test_bulla_device as device
from test_bulla_device import DEVICE, INVALID, KEY, LARGE, MIDDLE, NEXT, OLD, SLOT_1, records

setUpModule, tearDownModule = device.setUpModule, device.tearDownModule

SEALING = device.sealing
APP_KEY = SEALING.Key("app only")


class Case(device.Case):
    def two_confirmed(self):
        """ota_0 has sequence 1; ota_1 runs, with sequence 2."""
        self.provision(sequence=1)
        self.boot("ota_0")
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)

    def nothing_changes(self, words, *command, code=1):
        before = self.flash.read_bytes()
        run = self.run_device(*command, code=code)
        self.assertIn(words, run.stderr)
        self.assertEqual(self.flash.read_bytes(), before)

    def next_boot(self):
        return self.json("status", self.flash, code=0)["next_boot"]["label"]


class SetBoot(Case):
    def layout(self):
        table = self.folder / "lobo.csv"
        table.write_text("otadata,data,ota,0xd000,0x2000\n"
                         "MicroPython,app,factory,0x10000,0x100000\n"
                         "MicroPython_1,app,ota_0,0x110000,0x100000\n"
                         "MicroPython_2,app,ota_1,0x210000,0x100000\n"
                         "bulla,0x40,0x00,0x3f0000,0x10000\n")
        return table

    def test_slot_is_named_by_label_or_role(self):
        self.provision(layout=self.layout(), sequence=1)
        self.boot("MicroPython")
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("MicroPython_1")
        self.run_device("confirm", self.flash, code=0)
        for name, label in (("MicroPython", "MicroPython"), ("ota_0", "MicroPython_1"),
                            ("factory", "MicroPython"), ("MicroPython_1", "MicroPython_1")):
            self.assertEqual(self.json("set-boot", self.flash, name, code=0)["slot"], label)
            self.boot(label)
        self.nothing_changes("there is no app slot ota_2, the table has MicroPython, "
                             "MicroPython_1, MicroPython_2", "set-boot", self.flash, "ota_2")

    def test_label_goes_before_role(self):
        table = self.folder / "swapped.csv"
        table.write_text("otadata,data,ota,0xd000,0x2000\nota_1,app,ota_0,0x10000,0x100000\n"
                         "ota_0,app,ota_1,0x110000,0x100000\nbulla,0x40,0x00,0x3f0000,0x10000\n")
        self.provision(layout=table, sequence=1)
        self.boot("ota_1")
        self.assertEqual(self.json("set-boot", self.flash, "ota_1", code=0)["slot"], "ota_1")
        self.nothing_changes("ota_0 is empty", "set-boot", self.flash, "ota_0")

    def test_refusals_say_what_the_slot_holds(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        self.nothing_changes("ota_1 is empty", "set-boot", self.flash, "ota_1")
        data = bytearray(self.flash.read_bytes())
        data[SLOT_1:SLOT_1 + len(MIDDLE)] = MIDDLE
        self.flash.write_bytes(data)
        self.nothing_changes("refused: slot-not-sealed: ota_1 holds what no stored envelope speaks "
                             "for", "set-boot", self.flash, "ota_1")
        self.publish(NEXT, sequence=2)
        self.update()
        self.boot("ota_1")
        self.nothing_changes("refused: trial-pending: ota_1 runs unconfirmed: confirm or reject it "
                             "first", "set-boot", self.flash, "ota_0")
        self.run_device("confirm", self.flash, code=0)
        self.nothing_changes("refused: secure-version-too-old: ota_0 holds the release with "
                             "sequence 1: image has secure version 0, device's floor is 1",
                             "set-boot", self.flash, "ota_0")

    def test_damaged_slot_is_refused(self):
        self.two_confirmed()
        data = bytearray(self.flash.read_bytes())
        data[device.SLOT_0 + 300] ^= 1
        self.flash.write_bytes(data)
        self.nothing_changes("refused: image-digest: ota_0 holds the release with sequence 1",
                             "set-boot", self.flash, "ota_0")

    def test_what_was_provisioned_without_an_envelope_may_be_selected(self):
        """It is on record as not sealed: nobody else's app passes for it."""
        self.provision()
        self.boot("ota_0")
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)
        self.run_device("set-boot", self.flash, "ota_0", code=0)
        self.boot("ota_0")


class Banner(Case):
    def test_boot_says_from_where_on_stderr_only(self):
        self.provision(sequence=1)
        run = self.run_device("boot", self.flash, code=0)
        self.assertEqual(run.stdout, "ota_0\n")
        self.assertIn("running from partition at 10000, type 10 [ota_0]\n", run.stderr)
        answer = self.json("boot", self.flash, code=0)
        self.assertEqual((answer["offset"], answer["subtype_number"]), (0x10000, 0x10))

    def test_boot_in_place_says_where_the_copy_runs(self):
        self.provision(layout="in-place", sequence=1)
        self.publish(MIDDLE, sequence=2)
        self.update()
        run = self.run_device("boot", self.flash, code=0)
        self.assertEqual(run.stdout, "bank_0\n")
        self.assertIn("running from partition at 10000, type 0 [app], copied from bank_0\n",
                      run.stderr)
        self.run_device("confirm", self.flash, code=0)
        answer = self.json("boot", self.flash, code=0)
        self.assertEqual((answer["slot"], answer["offset"], answer["subtype_number"],
                          answer["placed"]), ("bank_0", 0x10000, 0, False))
        running = self.json("status", self.flash, code=0)["running"]
        self.assertEqual((running["label"], running["offset"], running["executed_at"]),
                         ("bank_0", 0x190000, 0x10000))

    def test_alive_says_what_it_forgot(self):
        self.provision(sequence=1)
        self.assertIn("nothing was booted yet", self.run_device("alive", self.flash).stdout)
        self.boot("ota_0")
        self.assertIn("no crash counts against ota_0, and none did",
                      self.run_device("alive", self.flash).stdout)
        self.run_device("boot", self.flash, "--reset", "crash", code=0)
        self.assertEqual(self.json("alive", self.flash, code=0)["forgotten"], 1)
        self.assertEqual(self.json("alive", self.flash, code=0)["forgotten"], 0)

    def test_nothing_newer_where_nothing_boots_hints_at_recovery(self):
        self.two_confirmed()
        self.assertNotIn("--recovery", self.update().stderr)
        data = bytearray(self.flash.read_bytes())
        data[device.SLOT_0 + 300] ^= 1
        data[SLOT_1 + 300] ^= 1
        self.flash.write_bytes(data)
        run = self.update()
        self.assertIn("nothing newer", run.stdout)
        self.assertIn("nothing boots: `update --recovery`", run.stderr)


    def test_nothing_newer_is_refused_to_who_means_another_release(self):
        self.two_confirmed()
        (self.www / "app.bin.md5").write_text("0" * 32)
        for status, *demand in (("image-not-expected", "--sha256", "0" * 64),
                                ("image-not-expected", "--length", "7"),
                                ("image-md5", "--md5")):
            *before, _ = self.facts()
            self.assertIn(f"refused: {status}: ", self.update(*demand, code=1).stderr)
            *after, _ = self.facts()
            self.assertEqual(after, before)
        self.assertIn("nothing newer", self.update("--length", str(len(MIDDLE))).stdout)


class Rollback(Case):
    def test_rollback_goes_back_and_cancel_takes_it_back(self):
        self.two_confirmed()
        self.assertEqual(self.json("rollback", self.flash, code=0)["slot"], "ota_0")
        self.assertEqual(self.next_boot(), "ota_0")
        run = self.run_device("rollback", self.flash, "--cancel", code=0)
        self.assertEqual(run.stdout, "ota_1 stays selected\n")
        self.boot("ota_1")
        self.run_device("rollback", self.flash, code=0)
        self.boot("ota_0")

    def test_rejected_release_is_selected_again_for_a_trial(self):
        self.two_confirmed()
        self.run_device("reject", self.flash, code=0)
        self.boot("ota_0")
        run = self.run_device("set-boot", self.flash, "ota_1", code=0)
        self.assertEqual(run.stdout, "ota_1 boots next for a trial: confirm it once it works\n")
        self.assertTrue(self.json("boot", self.flash, code=0)["trial"])
        self.boot("ota_0")

    def test_release_that_failed_three_trials_is_not_selected(self):
        self.two_confirmed()
        self.publish(NEXT, sequence=3)
        for _ in range(3):
            self.update()
            self.boot("ota_0")
            self.boot("ota_1")
        self.nothing_changes("refused: trial-failed-before: the release in ota_0 failed its trial "
                             "three times: install it again with `update --retry`",
                             "set-boot", self.flash, "ota_0")
        self.update("--retry")
        self.boot("ota_0")

    def test_rollback_without_a_way_back_changes_nothing(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        self.nothing_changes("refused: no-fallback: there is nothing to go back to",
                             "rollback", self.flash)
        self.publish(NEXT, sequence=2)
        self.update()
        self.nothing_changes("no-fallback", "rollback", self.flash)  # it has not run yet
        self.run_device("rollback", self.flash, "--cancel", code=0)
        self.assertEqual(self.next_boot(), "ota_0")
        self.update()
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)
        self.nothing_changes("no-fallback", "rollback", self.flash)  # below the floor

    def test_rollback_in_a_trial_is_reject(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("ota_1")
        run = self.run_device("rollback", self.flash, "--cancel", code=0)
        self.assertEqual(run.stdout, "ota_1 stays selected; it still has to be confirmed\n")
        run = self.run_device("rollback", self.flash, code=0)
        self.assertEqual(run.stdout, "ota_0 boots next; what runs is rejected\n")
        self.assertEqual(records(self.flash.read_bytes())[1], (2, INVALID))
        self.nothing_changes("refused: no-trial: ota_1 was rejected, and that stays",
                             "rollback", self.flash, "--cancel")
        self.boot("ota_0")

    def test_rejected_trial_is_told_alike_everywhere_until_the_reset(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("ota_1")
        self.run_device("reject", self.flash, code=0)
        says = "ota_1 was rejected and runs until the next reset: boot first"
        self.nothing_changes(f"refused: no-trial: {says}", "confirm", self.flash)
        self.nothing_changes(f"refused: trial-pending: {says}", "set-boot", self.flash, "ota_0")
        self.assertIn(f"refused: trial-pending: {says}", self.update(code=1).stderr)
        text = self.run_device("status", self.flash, code=0).stdout
        self.assertIn("sequence 2, rejected: it runs until the next reset.", text)
        self.assertIn("Next boot is 'ota_0': ", text)
        self.assertIn("The next update goes to 'ota_1', after a boot.", text)
        self.boot("ota_0")
        self.update()
        self.boot("ota_1")


class Factory(Case):
    def three(self, keys=(KEY,), names=None):
        self.trust.write_bytes(SEALING.trust_store(list(keys), pins=[device.SERVER.pin],
                                                   names=names))
        self.provision(layout="three", size="16M", sequence=1)
        self.boot("factory")
        self.publish(MIDDLE, sequence=2)

    def running_ota_0(self):
        self.update()
        self.boot("ota_0")
        self.run_device("confirm", self.flash, code=0)

    def refuse(self, status, words, *more):
        *before, _ = self.facts()
        run = self.update("--factory", *more, code=1)
        self.assertIn(f"refused: {status}: ", run.stderr)
        self.assertIn(words, run.stderr)
        *after, _ = self.facts()
        self.assertEqual(after, before)

    def test_factory_app_is_replaced_and_boots_when_selected(self):
        self.three()
        self.running_ota_0()
        self.publish(LARGE, sequence=3, component="factory")
        run = self.update("--factory")
        self.assertIn("installed in factory, the factory app; what runs stays selected", run.stdout)
        self.assertEqual(self.flash.read_bytes()[0x10000:0x10000 + len(LARGE)], LARGE)
        self.boot("ota_0")
        self.run_device("set-boot", self.flash, "factory", code=0)
        self.boot("factory")
        told = self.json("status", self.flash)
        self.assertEqual((told["running"]["sequence"], told["sequence"]), (3, 2))
        self.run_device("confirm", self.flash, code=0)
        self.assertEqual(self.json("status", self.flash)["sequence"], 3)

    def test_running_factory_app_is_never_replaced(self):
        self.three()
        self.publish(LARGE, sequence=3, component="factory")
        self.refuse("no-slot", "the factory app is what runs: boot an OTA slot first")

    def test_factory_app_stays_when_what_runs_does_not_verify(self):
        self.three()
        self.running_ota_0()
        at = self.json("status", self.flash)["running"]["offset"]
        data = bytearray(self.flash.read_bytes())
        data[at + 300] ^= 1
        self.flash.write_bytes(data)
        self.publish(LARGE, sequence=3, component="factory")
        self.refuse("image-digest", "what runs, ota_0, does not verify any more")
        self.boot("factory")

    def test_factory_app_that_boots_next_is_not_replaced(self):
        self.three()
        self.running_ota_0()
        self.publish(LARGE, sequence=3, component="factory")
        self.assertFalse(self.json("set-boot", self.flash, "factory", code=0)["trial"])
        self.refuse("no-slot", "the factory app is what boots next: `rollback --cancel` keeps")
        self.assertEqual(self.next_boot(), "factory")
        self.run_device("rollback", self.flash, "--cancel", code=0)
        self.update("--factory")

    def test_rollback_from_a_newer_factory_app_says_that_it_is_a_trial(self):
        self.three()
        self.running_ota_0()
        self.publish(LARGE, sequence=3, component="factory")
        self.update("--factory")
        self.run_device("set-boot", self.flash, "factory", code=0)
        self.boot("factory")
        self.run_device("confirm", self.flash, code=0)
        run = self.run_device("rollback", self.flash, code=0)
        self.assertEqual(run.stdout, "ota_0 boots next for a trial; rollback --cancel takes it back\n")
        self.run_device("rollback", self.flash, "--cancel", code=0)
        answer = self.json("rollback", self.flash, code=0)
        self.assertEqual((answer["slot"], answer["trial"]), ("ota_0", True))
        self.boot("ota_0")
        self.boot("factory")

    def test_refused_factory_app_cannot_boot(self):
        self.three()
        self.running_ota_0()
        self.publish(LARGE, sequence=3, component="factory")
        side = self.www / "app.bin.md5"
        side.write_text("0" * 32)
        run = self.update("--factory", "--md5", code=1)
        self.assertIn("refused: image-md5: ", run.stderr)
        slot = self.flash.read_bytes()[0x10000:0x11000]
        self.assertEqual(slot, b"\xff" * 0x1000)
        self.run_device("set-boot", self.flash, "factory", code=1)
        self.boot("ota_0")
        side.unlink()
        self.update("--factory")

    def test_release_of_the_other_component_is_refused_before_it_is_fetched(self):
        self.three()
        self.running_ota_0()
        self.publish(LARGE, sequence=3)
        self.refuse("component-mismatch", "manifest is for component app, device has factory")
        self.assertNotIn("/app.bin HTTP", device.SERVER.log.read_text().split(self.folder.name)[-1])

    def test_numbers_of_app_and_factory_are_one_row(self):
        self.three()
        self.running_ota_0()
        self.publish(LARGE, sequence=2, component="factory")
        self.refuse("sequence-conflict", "manifest has 2")
        self.publish(LARGE, sequence=1, component="factory")
        self.refuse("sequence-too-old", "manifest has 1, device confirmed 2")

    def test_key_for_apps_alone_may_not_sign_the_factory_app(self):
        self.three(keys=(KEY, APP_KEY), names={APP_KEY: ["app"]})
        self.running_ota_0()
        self.publish(LARGE, keys=[APP_KEY], sequence=3, component="factory")
        self.refuse("key-not-for-component",
                    "too few of the keys that signed may sign for component factory")
        self.publish(LARGE, keys=[APP_KEY], sequence=3)
        self.update()

    def test_layouts_without_it_and_recovery_are_refused(self):
        self.three()
        self.running_ota_0()
        self.publish(LARGE, sequence=3, component="factory")
        self.refuse("no-slot", "not with --recovery", "--recovery")
        table = self.folder / "one.csv"
        table.write_text("otadata,data,ota,0xd000,0x2000\nfactory,app,factory,0x10000,0x100000\n"
                         "ota_0,app,ota_0,0x110000,0x100000\nbulla,0x40,0x00,0x3f0000,0x10000\n")
        for layout in ("two", table):
            self.flash.unlink()
            self.provision(layout=layout, sequence=1)
            self.boot("ota_0" if layout == "two" else "factory")
            if layout == table:
                self.publish(MIDDLE, sequence=2)
                self.running_ota_0()
                self.publish(LARGE, sequence=3, component="factory")
            self.refuse("no-slot", "--factory needs a layout with a factory app and two OTA slots")

    def test_layout_in_place_has_no_factory_app_of_its_own(self):
        self.provision(layout="in-place", sequence=1)
        self.boot("app")
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("bank_0")
        self.run_device("confirm", self.flash, code=0)
        self.publish(LARGE, sequence=3, component="factory")
        self.refuse("no-slot", "the factory partition is where every release is run from")

    def test_factory_waits_for_the_trial(self):
        self.three()
        self.update()
        self.boot("ota_0")
        self.publish(LARGE, sequence=3, component="factory")
        self.refuse("trial-pending", "confirm or reject it first")


class Terminal:
    """A program whose stderr is a terminal of its own."""

    def __init__(self, *arguments):
        self.master, slave = pty.openpty()
        self.started = time.monotonic()
        self.process = subprocess.Popen([DEVICE, *map(str, arguments)], stdin=slave,
                                        stdout=subprocess.PIPE, stderr=slave, text=True,
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.seen = ""

    def read_until(self, words, seconds=20):
        end = time.monotonic() + seconds
        while words not in self.seen and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 4096).decode(errors="replace")
                except OSError:
                    break
        return words in self.seen

    def finish(self):
        out = self.process.communicate(timeout=30)[0]
        self.read_until("\0", 0.3)
        os.close(self.master)
        return self.process.returncode, out, time.monotonic() - self.started


class Restart(Case):
    def setUp(self):
        super().setUp()
        self.two_confirmed()

    def test_restart_boots_at_once_without_a_terminal(self):
        begin = time.monotonic()
        run = self.run_device("set-boot", self.flash, "ota_0", "--restart", code=0)
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(run.stdout, "ota_0 boots next\nota_0\n")
        self.assertIn("ota_0 runs: otadata names it\n", run.stderr)
        self.assertIn("running from partition at 10000, type 10 [ota_0]\n", run.stderr)
        self.assertNotIn("Rebooting", run.stderr)
        self.assertEqual(self.json("status", self.flash)["running"]["label"], "ota_0")

    def test_restart_after_an_update_starts_the_trial(self):
        self.publish(LARGE, sequence=3)
        answer = self.json("update", self.flash, "--url",
                           device.SERVER.url(f"{self.folder.name}/app.suit"), "--restart", code=0)
        self.assertIs(answer["restarted"], True)
        self.assertEqual((answer["slot"], answer["boot"]["slot"], answer["boot"]["trial"]),
                         ("ota_0", "ota_0", True))
        self.run_device("confirm", self.flash, code=0)
        run = self.update("--restart")
        self.assertIn("nothing newer", run.stdout)
        self.assertIn("no restart: nothing has changed", run.stderr)

    def test_refused_update_does_not_restart(self):
        self.publish(LARGE, sequence=1)
        run = self.update("--restart", code=1)
        self.assertEqual(run.stdout, "")
        self.assertNotIn("running from", run.stderr)

    def test_countdown_without_a_terminal_waits_when_it_is_asked_to(self):
        begin = time.monotonic()
        run = self.run_device("rollback", self.flash, "--restart", "--countdown", 1, code=0)
        self.assertGreaterEqual(time.monotonic() - begin, 1)
        self.assertIn("Rebooting in 1 seconds (Ctrl-C to cancel)\n", run.stderr)
        self.assertEqual(run.stdout.splitlines()[-1], "ota_0")

    def test_countdown_runs_out_on_a_terminal(self):
        terminal = Terminal("set-boot", self.flash, "ota_0", "--restart", "--countdown", 2)
        self.assertTrue(terminal.read_until("Rebooting in  2 seconds (Ctrl-C to cancel)"))
        self.assertTrue(terminal.read_until("Rebooting in  1 seconds"))
        code, out, _ = terminal.finish()
        self.assertEqual((code, out), (0, "ota_0 boots next\nota_0\n"))

    def test_ctrl_c_stops_the_countdown_and_loses_nothing(self):
        self.publish(LARGE, sequence=3)
        url = device.SERVER.url(f"{self.folder.name}/app.suit")
        terminal = Terminal("update", self.flash, "--url", url, "--restart")
        self.assertTrue(terminal.read_until("Rebooting in 10 seconds (Ctrl-C to cancel)"))
        os.write(terminal.master, b"\x03")
        code, out, seconds = terminal.finish()
        self.assertEqual(code, 0, terminal.seen)
        self.assertLess(seconds, 9)
        self.assertIn("sequence 3 is installed in ota_0", out)
        self.assertIn("restart cancelled: what is selected boots at the next reset", terminal.seen)
        self.assertEqual(self.json("status", self.flash)["running"]["label"], "ota_1")
        self.boot("ota_0")

    def test_words_that_restart_does_not_know_are_usage_errors(self):
        for words in (["--countdown", 3], ["--restart", "--countdown", "soon"],
                      ["--restart", "--countdown", 3601], ["--restart", "--countdown", "-1"]):
            self.nothing_changes("usage", "set-boot", self.flash, "ota_0", *words, code=2)


if __name__ == "__main__":
    unittest.main()
