#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Frozen modules as users of bulla-device meet them, with envelopes sealed by the independent
implementation in support/sealing.py.

    BULLA_BIN=DIRECTORY test_modules.py [unittest arguments]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import sealing  # noqa: E402

APPS = HERE.parent / "fixtures" / "esp" / "app"
BIN = Path(os.environ.get("BULLA_BIN", "."))
VENDOR, CLASS = "example.com", "sensor"
KEY = sealing.Key("release")
STRANGER = sealing.Key("stranger")
OLD, MIDDLE, NEXT = ((APPS / f"se32_{v}.bin").read_bytes() for v in ("1.0.0", "1.1.0", "1.2.0"))
LIB, LIB_2, DATA = (bytes(i * k % 251 for i in range(n)) for k, n in ((3, 9000), (5, 5000), (7, 300)))


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="bulla-modules-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.flash = self.folder / "flash.bin"
        self.trust = self.folder / "trust.cbor"
        self.trust.write_bytes(sealing.trust_store([KEY]))
        app = self.folder / "old.bin"
        app.write_bytes(OLD)
        envelope = self.folder / "old.suit"
        envelope.write_bytes(sealing.seal(OLD, [KEY], sequence=1))
        self.start(app, envelope, "--modules", "256K")

    def start(self, app, envelope, *more):
        self.run_program("bulla-device", "provision", self.flash, "--layout", "two", "--flash-size", "4M", "--app", app,
                         "--envelope", envelope, "--trust", self.trust, "--vendor", VENDOR, "--class", CLASS, "--force",
                         "--erase", *more, code=0)
        self.device("boot", self.flash, code=0)

    def run_program(self, program, *arguments, code=None):
        run = subprocess.run([str(BIN / program), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             timeout=120, text=True)
        if code is not None:
            self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout}{run.stderr}")
        return run

    def device(self, *arguments, code=None):
        return self.run_program("bulla-device", *arguments, code=code)

    def json(self, *arguments, code=0):
        run = self.device(*arguments, "--json", code=code)
        self.assertEqual(run.stdout.count("\n"), 1, run.stdout)
        self.assertTrue(run.stdout.isascii())
        return json.loads(run.stdout)

    def publish(self, image, modules=(), name="app", key=KEY, **how):
        """A folder with an envelope and its images; an image of None: modules alone."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        further = [(n, data, n) for n, data in modules]
        if image is None:
            first, data, uri = further.pop(0)
            envelope = sealing.seal(data, [key], component=f"module/{first}", uri=uri, modules=further, **how)
        else:
            envelope = sealing.seal(image, [key], modules=further, **how)
            (folder / "app.bin").write_bytes(image)
        for n, data in modules:
            (folder / n).write_bytes(data)
        (folder / "app.suit").write_bytes(envelope)
        return folder

    def listed(self):
        answer = self.json("modules", self.flash, "ls")
        return [(m["name"], m["size"], m["from"], m["state"]) for m in answer["modules"]]

    def found(self, name):
        out = self.folder / "out"
        self.device("modules", self.flash, "cat", name, "-o", out, code=0)
        return out.read_bytes()

    def test_modules_of_a_release_live_and_fall_back_with_it(self):
        self.device("update", self.flash, "--from", self.publish(MIDDLE, [("lib", LIB), ("data", DATA)], sequence=2), code=0)
        self.assertEqual(self.listed(), [("lib", 9000, "ota_1", "waiting"), ("data", 300, "ota_1", "waiting")])
        self.device("boot", self.flash, code=0)
        self.device("confirm", self.flash, code=0)
        self.assertEqual((self.found("lib"), self.found("data")), (LIB, DATA))
        self.device("update", self.flash, "--from", self.publish(NEXT, [("lib", LIB_2)], sequence=3), code=0)
        self.device("boot", self.flash, code=0)
        self.assertEqual(self.found("lib"), LIB_2)
        self.device("boot", self.flash, code=0)  # nobody confirmed it
        self.assertEqual(self.found("lib"), LIB)

    def test_modules_alone_are_added_replaced_and_deleted(self):
        self.json("modules", self.flash, "add", "--from", self.publish(None, [("lib", LIB), ("data", DATA)], "a", sequence=1))
        self.assertEqual(self.found("lib"), LIB)
        answer = self.json("update", self.flash, "--from", self.publish(None, [("lib", LIB_2)], "b", sequence=2))
        self.assertEqual((answer["slot"], answer["modules"], answer["nothing_newer"]), (None, 1, False))
        self.assertEqual(self.found("lib"), LIB_2)
        answer = self.json("modules", self.flash, "add", "--from", self.folder / "a", code=1)
        self.assertEqual(answer["status"], "sequence-too-old")
        self.assertIn("have sequence 1, the newest that came alone 2", answer["detail"])
        self.device("modules", self.flash, "del", "lib", code=0)
        self.assertEqual(self.json("modules", self.flash, "cat", "lib", "-o", "x", code=1)["status"], "module-unknown")
        self.assertEqual(self.found("data"), DATA)
        self.device("modules", self.flash, "reset", code=0)
        self.assertEqual(self.listed(), [])
        self.assertEqual(self.json("modules", self.flash, "ls")["newest_alone"], 2)

    def test_modules_refusals_say_what_to_do(self):
        self.device("update", self.flash, "--from", self.publish(MIDDLE, [("lib", LIB)], sequence=2), code=0)
        before = self.flash.read_bytes()
        answer = self.json("modules", self.flash, "del", "lib", code=1)
        self.assertEqual(answer["status"], "module-in-use")
        self.assertEqual(self.flash.read_bytes(), before)
        answer = self.json("modules", self.flash, "add", "--from", self.publish(NEXT, [("lib", LIB)], "b", sequence=3), code=1)
        self.assertIn("`update` installs it", answer["detail"])
        answer = self.json("modules", self.flash, "add", "--from",
                           self.publish(None, [("huge", bytes(300_000))], "c", sequence=1), code=1)
        self.assertEqual(answer["status"], "modules-full")
        answer = self.json("modules", self.flash, "add", "--from",
                           self.publish(None, [("x", DATA)], "d", key=STRANGER, sequence=1), code=1)
        self.assertEqual(answer["status"], "signature-unknown-key")
        self.start(self.folder / "old.bin", self.folder / "old.suit")
        answer = self.json("modules", self.flash, "ls", code=1)
        self.assertEqual(answer["status"], "modules-not-taken")
        self.assertIn("layout --modules", answer["detail"])

    def test_modules_envelope_seals_no_app(self):
        flash, envelope = self.folder / "new.bin", self.folder / "evil.suit"
        self.trust.write_bytes(sealing.trust_store([KEY], names={KEY: ["module"]}))
        for component, status in (("module/lib", "component-mismatch"), ("app", "key-not-for-component")):
            envelope.write_bytes(sealing.seal(OLD, [KEY], component=component, sequence=9))
            for layout in ("two", "single"):
                answer = self.json("provision", flash, "--layout", layout, "--flash-size", "4M", "--modules", "128K", "--app",
                                   self.folder / "old.bin", "--envelope", envelope, "--trust", self.trust, "--vendor", VENDOR,
                                   "--class", CLASS, code=1)
                self.assertEqual(answer["status"], status, (component, layout))
                self.assertFalse(flash.exists())
        (self.folder / "data").write_bytes(DATA)  # the envelope is judged before the app is
        envelope.write_bytes(sealing.seal(DATA, [KEY], component="module/lib", sequence=9))
        answer = self.json("provision", flash, "--layout", "two", "--flash-size", "4M", "--modules", "128K", "--app", self.folder / "data",
                           "--envelope", envelope, "--trust", self.trust, "--vendor", VENDOR, "--class", CLASS, code=1)
        self.assertEqual(answer["status"], "component-mismatch")
        table = self.folder / "table.csv"
        table.write_text("otadata,data,ota,0xd000,0x2000\nbulla,0x40,0x00,0x10000,0x10000\nfactory,app,factory,0x20000,1M\n"
                         "ota_0,app,ota_0,,1M\nota_1,app,ota_1,,1M\nmodules,0x40,0x02,,128K\n")
        envelope.write_bytes(sealing.seal(OLD, [KEY], component="module/lib", sequence=9))
        answer = self.json("provision", flash, "--layout", table, "--flash-size", "4M", "--app", self.folder / "old.bin",
                           "--factory-app", self.folder / "old.bin", "--factory-envelope", envelope, "--trust", self.trust,
                           "--vendor", VENDOR, "--class", CLASS, code=1)
        self.assertEqual(answer["status"], "component-mismatch", answer)
        self.assertFalse(flash.exists())

    def test_modules_release_whose_pack_lost_its_head_is_told_and_comes_again(self):
        folder = self.publish(MIDDLE, [("lib", LIB)], sequence=2)
        self.device("update", self.flash, "--from", folder, code=0)
        self.device("boot", self.flash, code=0)
        self.device("confirm", self.flash, code=0)
        at = self.json("modules", self.flash, "ls")["modules"][0]["offset"] - 4096
        flash = bytearray(self.flash.read_bytes())
        flash[at + 40] ^= 1
        self.flash.write_bytes(flash)
        run = self.run_program("bulla-verify", "flash", self.flash, "--trust", self.trust)
        self.assertIn("module-digest", run.stdout)
        self.assertFalse(self.json("update", self.flash, "--from", folder)["nothing_newer"])
        self.device("boot", self.flash, code=0)
        self.assertEqual(self.found("lib"), LIB)

    def test_modules_usage(self):
        for arguments in ((), ("list",), ("del",), ("ls", "x"), ("cat", "x"), ("ls", "-o", "x"), ("ls", "--from", "x"),
                          ("add", "x", "--from", "y"), ("add",), ("del", "x", "y")):
            run = self.device("modules", self.flash, *arguments, code=2)
            self.assertIn("usage", run.stderr, arguments)

    def test_modules_are_judged_in_an_audit(self):
        self.json("modules", self.flash, "add", "--from", self.publish(None, [("lib", LIB), ("data", DATA)], "a", sequence=1))
        run = self.run_program("bulla-verify", "flash", self.flash, "--trust", self.trust, "--json", code=0)
        modules = json.loads(run.stdout)["modules"]
        self.assertEqual([(m["name"], m["state"], m["from"]) for m in modules], [("lib", "live", "alone"), ("data", "live", "alone")])
        flash = bytearray(self.flash.read_bytes())
        flash[modules[0]["offset"] + 8999] ^= 1
        self.flash.write_bytes(flash)
        run = self.run_program("bulla-verify", "flash", self.flash, "--trust", self.trust, "--json", code=1)
        answer = json.loads(run.stdout)
        self.assertEqual((answer["status"], answer["modules"][0]["state"]), ("module-digest", "unfit"))
        self.assertEqual(self.json("modules", self.flash, "cat", "lib", "-o", "x", code=1)["status"], "module-unknown")
        self.assertEqual(self.found("data"), DATA)


if __name__ == "__main__":
    unittest.main()
