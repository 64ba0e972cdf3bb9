#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bulla-agent and bulla-boot on the flash of a Linux device: files, a loop device, and a file that
answers as MTD (tests/support/mtd_shim.h), against an nginx with TLS on 127.0.0.1.

    BULLA_BIN=DIRECTORY [BULLA_KILLS=8] test_agent.py [unittest arguments]
"""

import contextlib
import fcntl
import hashlib
import json
import os
import random
import re
import secrets
import shutil
import signal
import stat
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import sealing
import test_bulla_device as base
from test_bulla_device import CLASS, DEVICE, KEY, STRANGER, VENDOR, VERIFY

BIN = Path(os.environ.get("BULLA_BIN", ".")).resolve()
AGENT, BOOT = str(BIN / "bulla-agent"), str(BIN / "bulla-boot")
SHIM = BIN / "libbulla_mtd_shim.so"
PORT = Path(__file__).resolve().parents[2] / "client_fw/port/posix"
SECTOR, SLOT_SIZE = 4096, 0x180000
ROUNDS = int(os.environ.get("BULLA_KILLS", "8"))
# every write waits for its medium: let that be memory where there is some
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# 0xE9 as the first byte would be an ESP image
OLD, NEW = b"raw" + secrets.token_bytes(100_001), b"raw" + secrets.token_bytes(700_000)


def setUpModule():
    os.umask(0o077)  # what everybody may open is refused
    base.setUpModule()


def tearDownModule():
    base.tearDownModule()


class Case(unittest.TestCase):
    """A device with two slots in two files, table, otadata and state in a third one."""

    environment = {}
    starts = {"ota_0": 0, "ota_1": 0}  # of the slots in what holds them

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="bulla-agent-", dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.folder)
        self.run_folder = self.folder / "run"
        self.www = base.SERVER.root / self.folder.name
        self.www.mkdir()
        self.trust = self.folder / "trust.cbor"
        self.trust.write_bytes(sealing.trust_store([KEY], pins=[base.SERVER.pin]))
        self.whole = self.folder / "whole.bin"
        self.conf = self.folder / "agent.conf"
        self.slots = {name: str(self.folder / name) for name in ("ota_0", "ota_1")}
        self.restarted = self.folder / "restarted"
        self.make_image()
        self.make_flash()
        self.configure()

    def make_image(self, layout="two", size="4M"):
        """What a factory has: the image of a whole flash."""
        (self.folder / "app.bin").write_bytes(OLD)
        (self.folder / "app.suit").write_bytes(sealing.seal(OLD, [KEY], sequence=1))
        subprocess.run(
            [DEVICE, "provision", self.whole, "--layout", layout, "--flash-size", size, "--format", "raw",
             "--app", self.folder / "app.bin", "--envelope", self.folder / "app.suit", "--trust", self.trust,
             "--vendor", VENDOR, "--class", CLASS], check=True, capture_output=True)  # fmt: skip

    def make_flash(self):
        (self.folder / "chip").write_bytes(bytes(0x18000))
        for path in self.slots.values():
            Path(path).write_bytes(bytes(SLOT_SIZE))

    def areas(self):
        return (f"area = 0x8000 0x8000 {self.folder}/chip\n"
                f"area = 0x3f0000 64K {self.folder}/chip 0x8000\n"
                f"area = 0x10000 1536K {self.slots['ota_0']}\n"
                f"area = 0x190000 1536K {self.slots['ota_1']}\n")  # fmt: skip

    def configure(self, more="", name="app", restart=True, url=None):
        url = url or base.SERVER.url(f"{self.folder.name}/{name}.suit")
        restart = f"restart = touch {self.restarted}\n" if restart else ""
        self.conf.write_text(f"# a device\n\nflash-size = 4M\n{self.areas()}url = {url}\n"
                             f"run-folder = {self.run_folder}\n{restart}{more}\n")  # fmt: skip

    def run_agent(self, *arguments, code=None, program=AGENT, **more):
        run = subprocess.run([program, "--config", self.conf, *map(str, arguments)], capture_output=True,
                             timeout=120, text=True, env={**os.environ, **self.environment, **more})  # fmt: skip
        if code is not None:
            self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout}{run.stderr}")
        return run

    def provision(self):
        self.run_agent("provision", self.whole, code=0)

    def status(self):
        return json.loads(self.run_agent("status", "--json").stdout)

    def reset(self):
        """Of what was in memory nothing stays."""
        shutil.rmtree(self.run_folder, ignore_errors=True)

    def boot(self, *more):
        """A reset, and the label of the slot that the boot chose, as a script reads it."""
        self.reset()
        run = self.run_agent("boot", *more, code=0, program=BOOT)
        path, start, size, label = run.stdout.rstrip("\n").split(" ", 3)
        self.assertEqual(path, self.slots[label])
        self.assertEqual((int(start), int(size)), (self.starts[label], SLOT_SIZE))
        return label

    def publish(self, image, keys=(KEY,), name="app", **how):
        (self.www / f"{name}.suit").write_bytes(sealing.seal(image, list(keys), uri=f"{name}.bin", **how))
        (self.www / f"{name}.bin").write_bytes(image)

    def slot_bytes(self, label):
        return Path(self.slots[label]).read_bytes()

    def ready(self):
        """Provisioned, the first release runs, a second one is out."""
        self.provision()
        self.assertEqual(self.boot(), "ota_0")
        self.publish(NEW, sequence=2, version="2.0.0")

    def in_trial(self):
        self.ready()
        self.run_agent("update", code=0)
        self.restarted.unlink()
        self.assertEqual(self.boot(), "ota_1")

    def audit(self, code=0):
        """What the auditor says of this device."""
        dump = self.folder / "dump.bin"
        self.run_agent("dump", dump, "--force", code=0)
        run = subprocess.run([VERIFY, "flash", dump, "--trust", self.trust, "--json"], capture_output=True, text=True)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return json.loads(run.stdout)


class Life(Case):
    def test_release_is_installed_tried_confirmed_and_audited(self):
        self.ready()
        run = self.run_agent("update", code=0)
        self.assertIn("sequence 2 is installed in ota_1", run.stdout)
        self.assertTrue(self.restarted.exists())
        self.assertEqual(self.slot_bytes("ota_1")[: len(NEW)], NEW)
        self.assertEqual(self.slot_bytes("ota_0")[: len(OLD)], OLD)
        self.audit()
        self.assertEqual(self.boot(), "ota_1")
        self.assertIs(self.status()["trial"], True)
        run = self.run_agent("confirm", code=0)
        self.assertIn("ota_1 is confirmed; sequence 2", run.stdout)
        self.assertEqual(self.boot(), "ota_1")
        status = self.status()
        self.assertEqual((status["running"], status["trial"], status["confirmed"], status["next"]),
                         ("ota_1", False, 2, "ota_1"))  # fmt: skip
        self.assertEqual([slot["sequence"] for slot in status["slots"]], [1, 2])
        self.audit()
        self.run_agent("confirm", code=0)

    def test_nothing_newer_is_fine_and_restarts_nothing(self):
        self.provision()
        self.boot()
        self.publish(OLD, sequence=1)
        run = self.run_agent("update", code=0)
        self.assertIn("nothing newer: sequence 1", run.stdout)
        self.assertFalse(self.restarted.exists())

    def test_stay_does_not_restart(self):
        self.ready()
        self.run_agent("update", "--stay", code=0)
        self.assertFalse(self.restarted.exists())

    def test_restart_that_fails_is_told(self):
        self.ready()
        self.configure("restart = /bin/false", restart=False)
        run = self.run_agent("update", code=2)
        self.assertIn("installed, but the restart failed: /bin/false ended with exit code 1", run.stderr)
        self.assertEqual(self.boot(), "ota_1")

    def test_stranger_is_refused_and_slots_stay(self):
        self.ready()
        before = self.slot_bytes("ota_0"), self.slot_bytes("ota_1")
        self.publish(NEW, [STRANGER], sequence=2)
        run = self.run_agent("update", code=1)
        self.assertIn("refused: signature-unknown-key: ", run.stderr)
        self.assertEqual((self.slot_bytes("ota_0"), self.slot_bytes("ota_1")), before)
        self.assertFalse(self.restarted.exists())
        self.assertEqual(self.status()["events"][0], {"what": "update-failed", "status": "signature-unknown-key", "value": 0})

    def test_server_with_another_key_is_refused(self):
        self.trust.write_bytes(sealing.trust_store([KEY], pins=[bytes(32)]))
        self.whole.unlink()
        self.make_image()
        self.ready()
        self.assertIn("refused: tls-pin: ", self.run_agent("update", code=1).stderr)

    def test_server_that_is_not_there_or_has_nothing(self):
        self.ready()
        self.configure(name="gone")
        self.assertIn("answered 404, expected 200", self.run_agent("update", code=2).stderr)
        self.configure("timeout = 2", url="https://127.0.0.1:1/app.suit")
        run = self.run_agent("update", "--json", code=2)
        self.assertEqual(json.loads(run.stdout)["status"], "net-connect")

    def test_downgrade_is_refused(self):
        self.in_trial()
        self.run_agent("confirm", code=0)
        self.publish(OLD, sequence=1)
        self.assertIn("refused: sequence-too-old: ", self.run_agent("update", code=1).stderr)

    def test_update_in_trial_is_refused(self):
        self.in_trial()
        self.publish(OLD, sequence=3)
        self.assertIn("refused: trial-pending: ", self.run_agent("update", code=1).stderr)

    def test_crash_loop_is_left(self):
        self.in_trial()
        self.run_agent("confirm", code=0)
        self.configure("crashes-max = 2")
        self.assertEqual(self.boot("--crashed"), "ota_1")
        self.run_agent("alive", code=0)
        self.assertEqual(self.boot("--crashed"), "ota_1")
        self.assertEqual(self.boot("--crashed"), "ota_0")

    def test_two_boots_of_a_trial(self):
        self.configure("trial-boots = 2")
        self.in_trial()
        self.assertEqual([self.boot(), self.boot()], ["ota_1", "ota_0"])

    def test_damaged_slot_is_not_chosen(self):
        self.in_trial()
        self.run_agent("confirm", code=0)
        with open(self.slots["ota_1"], "r+b") as slot:
            slot.seek(200_000)
            slot.write(b"rot")
        self.assertEqual(self.boot(), "ota_0")

    def test_second_boot_of_one_start_is_refused_and_changes_nothing(self):
        """It would end the trial, and the next update would erase what runs."""
        self.in_trial()
        chip = (self.folder / "chip").read_bytes()
        run = self.run_agent("boot", code=2, program=BOOT)
        self.assertEqual(run.stdout, "")
        self.assertIn("ota_1 was chosen since this kernel started", run.stderr)
        self.assertEqual((self.folder / "chip").read_bytes(), chip)
        self.assertIn("unknown command boot", self.run_agent("boot", code=2).stderr)
        self.run_agent("confirm", code=0)
        (self.run_folder / "booted").write_text("another start of the kernel\n1\n")
        self.run_agent("boot", code=0, program=BOOT)

    def test_slot_that_runs_is_not_written_whatever_the_state_says(self):
        """What boot noted as running may be gone: its mark in memory is not."""
        self.in_trial()
        self.run_agent("confirm", code=0)
        mark = (self.run_folder / "booted").read_text()
        self.publish(OLD, sequence=3)
        self.run_agent("update", code=0)
        self.assertEqual(self.boot(), "ota_0")
        self.run_agent("confirm", code=0)
        self.publish(b"raw" + secrets.token_bytes(50_000), sequence=4)
        self.run_folder.joinpath("booted").write_text(mark)  # ota_1 runs, the state says ota_0
        before = self.slot_bytes("ota_1")
        self.run_agent("update")
        self.assertEqual(self.slot_bytes("ota_1"), before)

    def test_label_with_blanks_moves_no_word(self):
        """The table is not signed: its labels must not become the path of a script."""
        self.provision()
        chip = bytearray((self.folder / "chip").read_bytes())
        at = chip.index(b"ota_0".ljust(16, b"\0"))
        chip[at : at + 16] = b"a /dev/evil *".ljust(16, b"\0")
        digest = next(i for i in range(0, 0xC00, 32) if chip[i : i + 2] == b"\xeb\xeb")
        chip[digest + 16 : digest + 32] = hashlib.md5(bytes(chip[:digest])).digest()
        (self.folder / "chip").write_bytes(chip)
        run = self.run_agent("boot", code=0, program=BOOT)
        self.assertEqual(run.stdout, f"{self.slots['ota_0']} 0 {SLOT_SIZE} a /dev/evil *\n")

    def test_nothing_bootable_is_refused(self):
        self.provision()
        with open(self.slots["ota_0"], "r+b") as slot:
            slot.write(b"rot")
        run = self.run_agent("boot", code=1, program=BOOT)
        self.assertEqual(run.stdout, "")
        self.assertIn("refused: nothing-bootable: no slot verifies; ota_0: ", run.stderr)


class Confirming(Case):
    def test_unhealthy_release_is_given_up(self):
        self.in_trial()
        self.assertTrue((self.run_folder / "trial").exists())
        self.configure("health = /bin/false\nconfirm-within = 1\nconfirm-every = 1")
        run = self.run_agent("confirm", code=1)
        self.assertIn("refused: unhealthy: /bin/false ended with exit code 1", run.stderr)
        self.assertIn("restarting, to take the fall-back", run.stderr)
        self.assertTrue(self.restarted.exists())
        self.assertEqual(self.status()["events"][0]["what"], "not-confirmed")
        self.assertEqual(self.boot(), "ota_0")

    def test_health_that_comes_late_is_waited_for(self):
        self.in_trial()
        script = self.www / "healthy"
        script.write_text(f"#!/bin/sh\necho asked >>{self.folder}/asked\n"
                          f"test $(wc -l <{self.folder}/asked) -ge 3 && {AGENT} --config {self.conf} alive && echo fine\n")  # fmt: skip
        script.chmod(0o755)
        self.configure(f"health = {script} with words\nconfirm-within = 20\nconfirm-every = 1")
        run = self.run_agent("confirm", code=0)
        self.assertEqual((self.folder / "asked").read_text(), "asked\n" * 3)
        self.assertEqual(run.stdout, "ota_1 is confirmed; sequence 2, floor 0\n")
        self.assertFalse(self.restarted.exists())

    def test_health_that_never_ends_is_ended_with_its_children(self):
        self.in_trial()
        script = self.www / "hangs"
        script.write_text(f"#!/bin/sh\nsleep 60 >/dev/null 2>&1 &\necho $! >{self.folder}/child\nwait\n")
        script.chmod(0o755)
        self.configure(f"health = {script}\nhealth-timeout = 1\nconfirm-within = 0")
        run = self.run_agent("confirm", code=1)
        self.assertIn("took longer than 1 seconds", run.stderr)
        child = Path(f"/proc/{int((self.folder / 'child').read_text())}/stat")
        for _ in range(50):
            if not child.exists() or child.read_text().split()[2] == "Z":
                break
            time.sleep(0.02)
        else:
            self.fail("the child of the health command runs on")

    def test_server_out_of_reach_is_not_confirmed(self):
        self.in_trial()
        self.configure("health = /bin/true\nconfirm-within = 0", url="https://127.0.0.1:1/app.suit")
        self.assertIn("error: net-connect: 127.0.0.1 port 1", self.run_agent("confirm", code=2).stderr)
        self.assertIs(self.status()["trial"], True)
        self.configure("reach = no", url="https://127.0.0.1:1/app.suit")
        self.run_agent("confirm", code=0)

    def test_without_trial_health_is_not_asked(self):
        self.provision()
        self.configure(f"health = touch {self.folder}/asked")
        self.assertIn("no trial: there is nothing to confirm", self.run_agent("confirm", code=0).stdout)
        self.boot()
        self.assertFalse((self.run_folder / "trial").exists())
        self.run_agent("confirm", code=0)
        self.assertFalse((self.folder / "asked").exists())
        self.assertFalse(self.restarted.exists())


    def test_failed_health_fails_whatever_is_inherited(self):
        """SIGCHLD ignored is inherited, and hides how children end."""
        self.in_trial()
        self.configure("health = /bin/false\nreach = no\nconfirm-within = 0")
        run = subprocess.run([AGENT, "--config", self.conf, "confirm"], capture_output=True, text=True, timeout=60,
                             preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))  # fmt: skip
        self.assertIn("/bin/false ended with exit code 1", run.stderr)
        self.assertEqual(run.returncode, 1)
        self.assertIs(self.status()["trial"], True)

    def test_commands_inherit_no_environment(self):
        self.in_trial()
        (self.www / "bin").mkdir()
        script = self.www / "bin" / "env"
        script.write_text("#!/bin/sh\nexit 1\n")
        script.chmod(0o755)
        health = self.www / "healthy"
        health.write_text(f"#!/bin/sh\nenv >{self.folder}/environment\n")
        health.chmod(0o755)
        self.configure(f"health = {health}\nreach = no")
        self.run_agent("confirm", code=0, PATH=f"{self.www}/bin", SECRET="1", LD_PRELOAD="")
        lines = (self.folder / "environment").read_text().splitlines()
        self.assertIn("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", lines)
        self.assertEqual({line.split("=")[0] for line in lines} - {"PATH", "PWD", "SHLVL", "_", "OLDPWD"}, set())

    def test_trial_that_cannot_be_judged_is_given_up(self):
        """The release broke the way to the flash: only the mark in memory says that it is on trial."""
        self.in_trial()
        self.configure("reach = no\nconfirm-within = 1\nconfirm-every = 1")
        os.rename(self.slots["ota_0"], self.slots["ota_0"] + ".gone")
        run = self.run_agent("confirm", code=2)
        self.assertIn("not confirmed yet: ", run.stderr)
        self.assertIn("restarting, to take the fall-back", run.stderr)
        self.assertTrue(self.restarted.exists())
        os.rename(self.slots["ota_0"] + ".gone", self.slots["ota_0"])
        self.assertEqual(self.boot(), "ota_0")

    def test_what_is_on_no_trial_is_never_restarted(self):
        self.in_trial()
        self.configure("reach = no\nconfirm-within = 1\nconfirm-every = 1")
        self.run_agent("confirm", code=0)
        self.assertFalse((self.run_folder / "trial").exists())
        os.unlink(self.slots["ota_0"])
        self.assertNotIn("not confirmed yet", self.run_agent("confirm", code=2).stderr)
        self.reset()
        self.assertIn("not confirmed yet", self.run_agent("confirm", code=2).stderr)
        self.assertFalse(self.restarted.exists())

    def test_trial_of_more_boots_does_not_promise_the_fall_back(self):
        self.configure("trial-boots = 2")
        self.in_trial()
        self.configure("trial-boots = 2\nhealth = /bin/false\nconfirm-within = 0")
        self.assertIn("restarting, to use up a boot of the trial", self.run_agent("confirm", code=1).stderr)
        self.assertEqual(self.boot(), "ota_1")

    def test_alive_waits_for_an_update(self):
        self.in_trial()
        self.run_agent("confirm", code=0)
        with open(self.slots["ota_1"], "rb") as slot:
            fcntl.flock(slot, fcntl.LOCK_EX)
            alive = subprocess.Popen([AGENT, "--config", self.conf, "alive"], env={**os.environ, **self.environment})
            with self.assertRaises(subprocess.TimeoutExpired):
                alive.wait(timeout=6)
        self.assertEqual(alive.wait(timeout=10), 0)


class Files(Case):
    def test_slot_that_everybody_may_open_is_refused(self):
        """Whoever opens it can lock it."""
        self.ready()
        os.chmod(self.slots["ota_1"], 0o604)
        self.assertIn("ota_1 may be opened by everybody", self.run_agent("update", code=2).stderr)

    def test_flash_in_use_is_waited_for_and_then_left(self):
        self.ready()
        with open(self.slots["ota_1"], "rb") as slot:
            fcntl.flock(slot, fcntl.LOCK_EX)
            began = time.monotonic()
            self.assertIn("is in use by another program", self.run_agent("update", code=2).stderr)
            self.assertGreater(time.monotonic() - began, 4)
        self.run_agent("update", code=0)

    def test_provision_overwrites_only_when_told(self):
        self.provision()
        run = self.run_agent("provision", self.whole, code=1)
        self.assertIn("is not blank (flash 0x8000): --force replaces", run.stderr)
        self.run_agent("provision", self.whole, "--force", code=0)
        self.run_agent("dump", self.folder / "back.bin", code=0)
        self.assertEqual((self.folder / "back.bin").read_bytes(), self.whole.read_bytes())
        self.assertIn("exists", self.run_agent("dump", self.folder / "back.bin", code=2).stderr)

    def test_provision_refuses_an_image_that_the_map_cannot_hold(self):
        image = bytearray(self.whole.read_bytes())
        image[0x320000] = 0
        self.whole.write_bytes(image)
        run = self.run_agent("provision", self.whole, code=1)
        self.assertIn("has something at 0x320000, where no area is", run.stderr)
        self.whole.write_bytes(image[:-SECTOR])
        self.assertIn("no image of a flash of 4194304 bytes", self.run_agent("provision", self.whole, code=2).stderr)
        self.assertEqual(set(self.slot_bytes("ota_0")), {0})

    def test_partition_beside_the_map_is_told(self):
        self.provision()
        self.conf.write_text(self.conf.read_text().replace("0x190000 1536K", "0x190000 1532K"))
        run = self.run_agent("status", code=2)
        self.assertIn("partition ota_1 (0x190000, 0x180000 bytes) does not lie in one area", run.stderr)

    def test_device_that_was_not_provisioned_is_told(self):
        self.assertIn("no partition table", self.run_agent("boot", code=1, program=BOOT).stderr)

    def test_configuration_mistakes_are_told_with_their_line(self):
        good = "flash-size = 4M\narea = 0 4M /x\n"
        for text, says in (
                ("", "at least one area"), ("area = 0 4M /x\n", "line 1: area must be OFFSET SIZE PATH"),
                ("flash-size = 100\n", "line 1: flash-size must be"), ("flash-size = 4G\n", "line 1: flash-size must be"),
                (good + "flash-size = 4M\n", "line 3: a key is given twice"),
                (good + "area = 0x3ff000 4K /y\n", "line 3: the area at 0x3ff000 (/y) overlaps"),
                (good + "area = 0 4M\n", "line 3: area must be"), (good + "area = 0 4M /x 0 0\n", "line 3: area must be"),
                (good + "area = 0x 4M /x\n", "line 3: area must be"), (good + "area = 0x-1 4M /x\n", "line 3: area must be"),
                ("flash-size = 4M\narea = 0 4M x\n", "line 2: the PATH of an area begins with /"),
                (good + "colour = red\n", "line 3: expected a key that there is, found colour"),
                (good + "timeout\n", "line 3: expected key = value"), (good + "url =\n", "line 3: a key has no value"),
                (good + "timeout = 0\n", "line 3: timeout must be 1 to 604800 seconds, found 0"),
                (good + "timeout = soon\n", "line 3: timeout must be"), (good + "reach = maybe\n", "line 3: reach must be yes or no"),
                (good + "trial-boots = 251\n", "trial-boots must be 1 to 250"), (good + "crashes-max = 256\n", "must be 0 to 255"),
                (good + "url = a\nurl = b\n", "line 4: a key is given twice"),
                (good + "client-key = /k\n", "go together"), (good + "\0", "a NUL")):  # fmt: skip
            with self.subTest(text=text):
                self.conf.write_text(text)
                self.assertIn(says, self.run_agent("status", code=2).stderr)

    def test_configuration_that_others_may_change_is_refused(self):
        self.provision()
        self.conf.chmod(0o620)
        self.assertIn("may be changed by others", self.run_agent("status", code=2).stderr)
        self.conf.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(self.conf, 1234, 0)
            self.assertIn("belongs to somebody else", self.run_agent("status", code=2).stderr)
        self.conf.unlink()
        self.assertIn("No such file", self.run_agent("status", code=2).stderr)

    def test_command_line_mistakes(self):
        self.provision()
        for words, says in (((), "command is missing"), (("dance",), "unknown command dance"), (("dump",), "needs one FILE"),
                            (("status", "x"), "takes no operand"), (("status", "--force"), "does not take"),
                            (("status", "--wrong"), "there is no option --wrong")):  # fmt: skip
            with self.subTest(words=words):
                self.assertIn(says, self.run_agent(*words, code=2).stderr)
        self.assertIn("unknown command update", self.run_agent("update", code=2, program=BOOT).stderr)
        self.assertIn("bulla-boot ", self.run_agent("--version", code=0, program=BOOT).stdout)

    def test_url_that_is_none_is_told(self):
        self.ready()
        self.configure(url="http://127.0.0.1/app.suit")
        self.assertIn("error: url: ", self.run_agent("update", code=2).stderr)

    @unittest.skipUnless(os.geteuid() == 0, "mounting needs root")
    def test_disk_without_room_is_told_and_survived(self):
        """A sparse file promises bytes that the file system does not have."""
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk], check=True)
        try:
            self.slots["ota_1"] = str(disk / "ota_1")
            with open(self.slots["ota_1"], "wb") as slot:
                slot.truncate(SLOT_SIZE)
            self.configure()
            self.whole_without_slot_1()
            self.publish(NEW, sequence=2)
            run = self.run_agent("update", code=2)
            self.assertRegex(run.stderr, "error: flash-(erase|program): .*ota_1 cannot be .*No space left on device")
            self.assertEqual(self.boot(), "ota_0")
            self.assertIs(self.status()["trial"], False)
        finally:
            subprocess.run(["umount", disk], check=True)

    def whole_without_slot_1(self):
        """Provision all but the second slot, which stays as it is."""
        areas = [line for line in self.areas().splitlines() if "0x190000" not in line]
        conf = self.conf.read_text()
        self.conf.write_text("flash-size = 4M\n" + "\n".join(areas))
        self.run_agent("provision", self.whole, code=2)  # it ends with: ota_1 lies in no area
        self.conf.write_text(conf)
        self.assertEqual(self.boot(), "ota_0")


@contextlib.contextmanager
def loop_device(path, *options):
    run = subprocess.run(["losetup", *options, "-f", "--show", path], capture_output=True, text=True)
    if run.returncode != 0:
        raise unittest.SkipTest("no loop device: " + run.stderr)
    device = run.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


@unittest.skipUnless(os.geteuid() == 0 and os.path.exists("/dev/loop-control"), "loop devices need root")
class Blocks(Case):
    """The slots are block devices."""

    def setUp(self):
        super().setUp()
        for label, path in list(self.slots.items()):
            self.slots[label] = self.enterContext(loop_device(path))
        self.configure()

    def test_release_is_installed_on_a_block_device(self):
        self.in_trial()
        self.assertEqual((self.folder / "ota_1").read_bytes()[: len(NEW)], NEW)
        self.run_agent("confirm", code=0)
        self.audit()
        self.assertEqual(self.boot(), "ota_1")

    def test_device_that_somebody_claimed_is_read_and_never_written(self):
        """O_EXCL is what a mount asks for, too."""
        self.ready()
        claim = os.open(self.slots["ota_1"], os.O_RDONLY | os.O_EXCL)
        before = self.slot_bytes("ota_1")
        run = self.run_agent("update", code=2)
        self.assertIn("is open for reading only", run.stderr)
        self.assertIn("Device or resource busy", run.stderr)
        self.assertEqual(self.slot_bytes("ota_1"), before)
        self.assertEqual(self.boot(), "ota_0")
        os.close(claim)
        claim = os.open(self.slots["ota_0"], os.O_RDONLY | os.O_EXCL)
        self.run_agent("update", code=0)
        os.close(claim)

    def test_one_place_by_two_names_is_refused(self):
        """A loop device and its file: each has a memory of its own in the kernel."""
        self.ready()
        device, self.slots["ota_1"] = self.slots["ota_1"], str(self.folder / "ota_1")
        self.run_agent("status", code=0)
        self.configure()
        self.run_agent("status", code=0)
        text = self.conf.read_text()
        for first, second in ((device, self.slots["ota_1"]), (self.slots["ota_1"], device)):
            with self.subTest(first=first):
                more = f"area = 0x320000 4K {second}\n"
                self.conf.write_text(text.replace(f"1536K {self.slots['ota_1']}\n", f"1536K {first}\n{more}"))
                self.assertIn("lies in the same disk or file as the one at 0x190000", self.run_agent("status", code=2).stderr)

    def test_disk_and_its_partition_are_refused(self):
        table = bytearray(4 << 20)
        table[446:462] = struct.pack("<4xB3xII", 0x83, 2048, 4096)
        table[510:512] = b"\x55\xaa"
        (self.folder / "whole-disk").write_bytes(table)
        with loop_device(self.folder / "whole-disk", "-P") as disk:
            number = Path(f"/sys/class/block/{Path(disk).name}p1/dev")
            if not number.exists():
                self.skipTest("no partitions of loop devices")
            part = self.folder / "part"
            os.mknod(part, 0o600 | stat.S_IFBLK, os.makedev(*map(int, number.read_text().split(":"))))
            for first, second in ((disk, part), (part, disk)):
                with self.subTest(first=first):
                    self.conf.write_text(f"flash-size = 4M\narea = 0x8000 4K {first}\narea = 0x10000 4K {second}\n")
                    self.assertIn("lies in the same disk or file as the one at 0x8000", self.run_agent("status", code=2).stderr)

    def test_device_that_is_too_small_is_told(self):
        self.ready()
        (self.folder / "small").write_bytes(bytes(SLOT_SIZE - SECTOR))
        with loop_device(self.folder / "small") as device:
            self.slots["ota_1"] = device
            self.configure()
            self.assertIn("needs 1572864 bytes from 0 on, and it has 1568768", self.run_agent("status", code=2).stderr)


class Kills(Case):
    """SIGKILL in the middle of an update on file slots."""

    def test_killed_update_is_completed_by_the_next_one(self):
        self.ready()
        pristine = {path: Path(path).read_bytes() for path in (f"{self.folder}/chip", *self.slots.values())}
        mark = (self.run_folder / "booted").read_text()
        chance = random.Random(6)
        landed = 0
        for round_ in range(ROUNDS):
            with self.subTest(round=round_):
                for path, data in pristine.items():
                    Path(path).write_bytes(data)
                (self.run_folder / "booted").write_text(mark)
                self.kill_one(0, chance.uniform(0, 0.1))
                # also updates that go on where a killed one ended
                for sector in sorted(chance.sample(range(1, len(NEW) // SECTOR), 3)):
                    landed += self.kill_one(sector, chance.uniform(0, 0.002))
                self.assertEqual(self.next_slot_runs(), "ota_0")
                self.run_agent("update", code=0)
                self.assertEqual(self.slot_bytes("ota_1")[: len(NEW)], NEW)
                self.audit()
                self.assertEqual(self.boot(), "ota_1")
        self.assertGreaterEqual(landed, ROUNDS, f"{landed} of {3 * ROUNDS} kills came in the middle")

    def kill_one(self, sector, after):
        """Once this sector is written, and a moment later. 1 if it was still at work."""
        process = subprocess.Popen([AGENT, "--config", self.conf, "update", "--stay"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        with open(self.slots["ota_1"], "rb", buffering=0) as slot:
            while sector and process.poll() is None:
                if os.pread(slot.fileno(), 16, sector * SECTOR) == NEW[sector * SECTOR : sector * SECTOR + 16]:
                    break
        time.sleep(after)
        process.kill()
        return 1 if process.wait() == -signal.SIGKILL else 0

    def next_slot_runs(self):
        """An update that was whole before the kill is given up again: its trial ends unconfirmed."""
        slot = self.boot()
        self.audit()
        return slot if slot == "ota_0" else self.boot()


class Mtd(Case):
    """One NOR chip behind MTD, all of it."""

    starts = {"ota_0": 0x10000, "ota_1": 0x190000}

    def setUp(self):
        if not SHIM.exists():
            self.skipTest("the shim is not built")
        super().setUp()
        preload = [str(SHIM)]
        linked = subprocess.run(["ldd", AGENT], capture_output=True, text=True).stdout
        sanitizer = re.search(r"(/\S*libasan\S*)", linked)
        self.environment = {
            "LD_PRELOAD": " ".join([sanitizer[1], *preload] if sanitizer else preload),
            "ASAN_OPTIONS": "verify_asan_link_order=0",
            "BULLA_MTD_FILE": str(self.folder / "nor"),
            "BULLA_MTD_LOG": str(self.folder / "log"),
        }

    def make_flash(self):
        (self.folder / "nor").write_bytes(b"\xff" * (4 << 20))
        self.slots = dict.fromkeys(("ota_0", "ota_1"), str(self.folder / "nor"))

    def areas(self):
        return f"area = 0 4M {self.folder}/nor\n"

    def log(self):
        log = self.folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        self.assertEqual([line for line in lines if line.startswith("violation")], [])
        return lines

    def test_life_on_nor_breaks_no_rule_of_it(self):
        for unit, locked in (("1", None), ("16", "1")):
            with self.subTest(unit=unit):
                self.make_flash()
                self.restarted.unlink(missing_ok=True)
                self.environment["BULLA_MTD_UNIT"] = unit
                if locked:
                    self.environment["BULLA_MTD_LOCKED"] = locked
                self.in_trial()
                self.run_agent("confirm", code=0)
                self.assertEqual(self.boot(), "ota_1")
                self.audit()
                self.assertGreater(len(self.log()), 100)

    def test_nand_is_refused_by_name(self):
        run = self.run_agent("boot", code=2, program=BOOT, BULLA_MTD_TYPE="4")
        self.assertIn("is NAND flash (SLC), and NOR flash is needed", run.stderr)
        run = self.run_agent("boot", code=2, program=BOOT, BULLA_MTD_ERASE="65536")
        self.assertIn("is erased 65536 bytes at once, and 4096 are needed", run.stderr)

    def test_kill_inside_every_operation_is_survived(self):
        """Half of a program, half of an erase: each operation of one update in turn."""
        small = b"raw" + secrets.token_bytes(5 * SECTOR - 77)
        self.ready()
        self.publish(small, sequence=2)
        pristine = (self.folder / "nor").read_bytes()
        mark = (self.run_folder / "booted").read_text()
        self.log()
        self.run_agent("update", code=0)
        count = len(self.log())
        self.assertGreater(count, 10)
        for cut in range(1, count + 1):
            with self.subTest(cut=cut):
                (self.folder / "nor").write_bytes(pristine)
                (self.run_folder / "booted").write_text(mark)
                run = self.run_agent("update", "--stay", BULLA_MTD_KILL_AT=str(cut))
                self.assertEqual(run.returncode, -signal.SIGKILL)
                self.log()
                slot = self.boot()
                self.audit()
                if slot == "ota_1":  # the record was whole already
                    self.assertEqual(self.boot(), "ota_0")
                self.run_agent("update", code=0)
                self.assertEqual(self.boot(), "ota_1")
                self.run_agent("confirm", code=0)
                self.audit()
                self.log()


class Integration(Case):
    """What is installed beside the programs."""

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is missing")
    def test_units_are_good_and_shut_in(self):
        made = sorted(BIN.parent.glob("client_fw/port/posix/*.service"))
        self.assertEqual([unit.stem for unit in made], ["bulla-alive", "bulla-confirm", "bulla-deadline", "bulla-update"])
        for unit in made:
            text = re.sub(r"ExecStart=\S*/bulla-agent", f"ExecStart={AGENT}", unit.read_text())
            text = re.sub(r"Documentation=.*", "Documentation=man:ls(1)", text)
            (self.folder / unit.name).write_text(text)
        timers = [shutil.copy(timer, self.folder) for timer in (PORT / "systemd").glob("*.timer")]
        self.assertEqual(len(timers), 4)
        units = [str(self.folder / unit.name) for unit in made] + timers
        run = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
        ours = [line for line in run.stderr.splitlines() if "bulla" in line]
        self.assertEqual((run.returncode, ours), (0, []), run.stderr)
        for name, most in (("update", 25), ("alive", 20), ("confirm", 70), ("deadline", 60)):  # exposure, 100 is worst
            run = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={most}",
                                  str(self.folder / f"bulla-{name}.service")], capture_output=True, text=True)  # fmt: skip
            self.assertEqual(run.returncode, 0, run.stdout[-300:] + run.stderr)

    def test_timers_reach_devices_that_are_on_briefly(self):
        """systemd.timer(5): RandomizedDelaySec is added to what Persistent catches up, too, and with
        FixedRandomDelay it is the same each time: whoever drew more than it is on would never ask."""
        timers = {path.stem: path.read_text() for path in (PORT / "systemd").glob("*.timer")}
        for name, text in timers.items():
            if "FixedRandomDelay" in text:
                self.assertNotRegex(text, "(?m)^(Persistent|OnBootSec)", name)
        asks = timers["bulla-update-start"]
        self.assertRegex(asks, "(?m)^OnBootSec=10min\nRandomizedDelaySec=20min$")
        self.assertIn("Unit=bulla-update.service", asks)

    def test_end_of_a_trial_needs_nothing_of_the_release(self):
        """Neither a target that may hang nor a configuration that may be missing."""
        units = [PORT / "systemd" / f"bulla-deadline.{kind}" for kind in ("service.in", "timer")]
        for unit in units:
            text = unit.read_text()
            self.assertIn("DefaultDependencies=no\n", text)
            self.assertNotRegex(text, "(?m)^(After|Wants|Requires|ExecCondition)|agent.conf$")
        self.assertIn("ConditionPathExists=/run/bulla/trial\n", units[0].read_text())
        self.assertIn("WantedBy=sysinit.target\n", units[1].read_text())
        header = (PORT / "agent.h").read_text()
        self.assertRegex(header, 'AGENT_RUN_FOLDER +"/run/bulla"')

    def test_example_configuration_is_one(self):
        self.conf = self.folder / "example.conf"
        shutil.copy(PORT / "examples/agent.conf", self.conf)
        self.conf.chmod(0o644)
        self.assertIn("/dev/mtd2 cannot be found", self.run_agent("status", code=2).stderr)

    # What Debian's panic does: with panic= it restarts and ends the script, else it returns when its
    # shell ends. A stub that ends the script would hide what goes on behind it.
    PANIC = """panic() {
    echo "panic: $1"
    if [ -n "${panic}" ]; then sleep 0; reboot -f; exit; fi
}
"""
    PANIC_RETURNS = 'panic() { echo "panic: $1"; }\n'

    def local_top(self, watchdog="0", panic=PANIC):
        """A reset, and the initial RAM disk's script, its absolute paths turned to our folder: what it
        leaves in ROOT for the next script, and how many restarts it asked for. The second one works."""
        self.reset()
        script = (PORT / "examples/initramfs-local-top").read_text()
        (self.folder / "functions").write_text(panic)
        (self.folder / "bootstatus").write_text(watchdog)
        for old, new in (("/scripts/functions", f"{self.folder}/functions"), ("/conf/param.conf", f"{self.folder}/param.conf"),
                         ("/sbin/bulla-boot", f"{BOOT} --config {self.conf}"), ("/sys/fs/pstore", f"{self.folder}/pstore"),
                         ("/sys/class/watchdog/watchdog0/bootstatus", f"{self.folder}/bootstatus")):  # fmt: skip
            self.assertIn(old, script)
            script = script.replace(old, new)
        (self.folder / "param.conf").write_text("")
        restarts = self.folder / "restarts"
        restarts.write_text("")
        tools = self.folder / "tools"
        tools.mkdir(exist_ok=True)
        (tools / "reboot").write_text(f"#!/bin/sh\necho \"$*\" >>{restarts}\n"
                                      f"[ $(wc -l <{restarts}) -lt 2 ] || kill -9 $PPID\n")  # fmt: skip
        (tools / "reboot").chmod(0o755)
        run = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60,
                             env={**os.environ, "panic": "", "PATH": f"{tools}:{os.environ['PATH']}"})  # fmt: skip
        root = subprocess.run(["sh", "-c", f"ROOT=/dev/command-line; . {self.folder}/param.conf; printf %s \"$ROOT\""],
                              capture_output=True, text=True, check=True).stdout  # fmt: skip
        return run.returncode, run.stdout, root, len(restarts.read_text().splitlines())

    def test_initial_ram_disk_takes_the_slot_that_was_chosen(self):
        self.configure("crashes-max = 1")
        self.in_trial()
        self.run_agent("confirm", code=0)
        self.assertEqual(self.local_top(), (0, "", self.slots["ota_1"], 0))
        (self.folder / "pstore").mkdir()
        (self.folder / "pstore" / "console-0").touch()
        self.assertEqual(self.local_top("16"), (0, "", self.slots["ota_1"], 0))
        self.assertEqual(self.local_top("32"), (0, "", self.slots["ota_0"], 0))

    def test_initial_ram_disk_tells_a_panic_by_its_dump(self):
        self.configure("crashes-max = 1")
        self.in_trial()
        self.run_agent("confirm", code=0)
        (self.folder / "pstore").mkdir()
        (self.folder / "pstore" / "dmesg-ramoops-0").touch()
        self.assertEqual(self.local_top(), (0, "", self.slots["ota_0"], 0))

    def test_initial_ram_disk_goes_nowhere_when_no_slot_may_be_started(self):
        self.provision()
        for path in self.slots.values():
            Path(path).write_bytes(bytes(SLOT_SIZE))
        told = "panic: bulla-boot: no slot may be started\n"
        self.assertEqual(self.local_top(panic=self.PANIC_RETURNS), (-signal.SIGKILL, told * 2, "/dev/null", 2))
        # the restart fails, and panic ends the script: what comes next finds nothing to mount
        self.assertEqual(self.local_top(), (0, told, "/dev/null", 1))


class InitialRamDiskOfOneDisk(Case):
    """Both slots in one device: what is mounted begins at its start, and that is the other slot."""

    starts = {"ota_0": 0, "ota_1": SLOT_SIZE}
    local_top, PANIC, PANIC_RETURNS = Integration.local_top, Integration.PANIC, Integration.PANIC_RETURNS

    def make_flash(self):
        (self.folder / "chip").write_bytes(bytes(0x18000))
        self.slots = dict.fromkeys(("ota_0", "ota_1"), str(self.folder / "disk"))
        (self.folder / "disk").write_bytes(bytes(2 * SLOT_SIZE))

    def areas(self):
        return super().areas().replace(f"0x190000 1536K {self.folder}/disk", f"0x190000 1536K {self.folder}/disk 1536K")

    def test_slot_that_cannot_be_mounted_is_not_started(self):
        self.provision()
        self.assertEqual(self.local_top(), (0, "", f"{self.folder}/disk", 0))
        self.in_trial_from_there()
        told = f"panic: bulla-boot: ota_1 begins at {SLOT_SIZE} of {self.folder}/disk, and a root file system cannot\n"
        self.assertEqual(self.local_top(panic=self.PANIC_RETURNS), (-signal.SIGKILL, told * 2, "/dev/null", 2))

    def in_trial_from_there(self):
        self.publish(NEW, sequence=2)
        self.run_agent("update", code=0)


if __name__ == "__main__":
    unittest.main()
