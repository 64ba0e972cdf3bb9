# SPDX-License-Identifier: Apache-2.0
"""scripts/bulla_ota.py: the examples of the two OTA modules whose calls it has.

The examples are run as their documents have them; only what they are told differs: the import (or
not even that: the file is also used as ota.py), the server, the folder, and digest and length of
the image. Each runs with CPython and with MicroPython: $BULLA_MICROPYTHON, `micropython` in PATH,
or what scripts/micropython installed."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

import sealing
import test_bulla_device as base
from test_bulla_device import CLASS, DEVICE, KEY, LARGE, MIDDLE, NEXT, OLD, VENDOR

ROOT = Path(__file__).resolve().parents[2]
WRAPPER = ROOT / "scripts" / "bulla_ota.py"
PARTITIONS = ROOT / "tests" / "fixtures" / "esp" / "partition"
setUpModule, tearDownModule = base.setUpModule, base.tearDownModule


def micropython():
    """The command that runs MicroPython, None if there is none."""
    if os.environ.get("BULLA_MICROPYTHON"):
        return shlex.split(os.environ["BULLA_MICROPYTHON"])
    if shutil.which("micropython"):
        return ["micropython"]
    if (ROOT / "build/micropython/node_modules").exists() and shutil.which("node"):
        return ["node", str(ROOT / "tests/support/micropython.mjs")]
    return None


MICROPYTHON = micropython()


class Scripts(base.Case):
    python = [sys.executable, "-I", "-B"]
    imports = "import sys; sys.path.insert(0, {folder!r})\n"

    def setUp(self):
        super().setUp()
        self.tmp = self.folder / "tmp"
        self.tmp.mkdir()
        shutil.copy(WRAPPER, self.folder / "bulla_ota.py")
        shutil.copy(WRAPPER, self.folder / "ota.py")

    def script(self, text, *, code=0, flash=True, tool=DEVICE, **more):
        """Run this text; what it printed. Nothing private is left behind, whatever happened."""
        path = self.folder / "script.py"
        path.write_text(self.imports.format(folder=str(self.folder)) + text)
        environment = {**os.environ, "TMPDIR": str(self.tmp), "BULLA_DEVICE": str(tool), **more}
        environment.pop("BULLA_FLASH", None)
        if flash:
            environment["BULLA_FLASH"] = str(self.flash)
        run = subprocess.run([*self.python, str(path)], env=environment, cwd=self.folder, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        self.assertEqual(run.returncode, code, run.stdout)
        self.assertEqual(list(self.tmp.iterdir()), [])
        return run.stdout

    def raised(self, text, kind, *words, **how):
        """Run a text that must end with this exception; its message has these words."""
        out = self.script("import bulla_ota as ota\ntry:\n    "
                          + text.strip().replace("\n", "\n    ")
                          + f"\nexcept {kind} as e:\n    print('raised', e.args[0], e)\n", **how)
        self.assertIn("raised ", out)
        for word in words:
            self.assertIn(word, out[out.index("raised "):])
        self.assertNotIn("updated successfully", out)
        return out

    def lines(self, out, *wanted):
        """These lines are in what was printed, in this order."""
        left = re.split(r"[\r\n]+", out)
        for line in wanted:
            self.assertIn(line, left, out)
            left = left[left.index(line) + 1:]

    def sealed(self, image, sequence=2, name="micropython", folder=None, **how):
        """An image and its envelope, side by side."""
        folder = folder or self.www
        folder.mkdir(exist_ok=True, parents=True)
        (folder / f"{name}.bin").write_bytes(image)
        (folder / f"{name}.suit").write_bytes(
            sealing.seal(image, [KEY], sequence=sequence, uri=f"{name}.bin", **how))

    def bundle(self, image=MIDDLE, sequence=2, name="bundle"):
        path = self.folder / name
        path.write_bytes(sealing.seal(image, [KEY], sequence=sequence, bundle=True))
        return path

    def device(self, image=OLD):
        self.provision(image, sequence=1)
        self.boot("ota_0")

    def runs(self, label):
        self.assertEqual(self.json("status", self.flash, code=0)["running"]["label"], label)

    def installed(self, image=MIDDLE, slot=base.SLOT_1):
        self.assertEqual(self.flash.read_bytes()[slot:slot + len(image)], image)

    def untouched(self):
        self.assertEqual(self.flash.read_bytes()[base.SLOT_1:base.SLOT_1 + 4096], b"\xff" * 4096)
        self.assertEqual(self.json("status", self.flash)["next_boot"]["label"], "ota_0")


def on_micropython(case):
    """The same tests with the other Python."""
    members = {"python": MICROPYTHON, "imports": "import sys; sys.path.insert(0, {folder!r})\n",
               "__module__": case.__module__}
    made = type(case.__name__ + "OnMicroPython", (case,), members)
    return unittest.skipIf(MICROPYTHON is None, "no MicroPython here: scripts/micropython")(made)


class GlennExamples(Scripts):
    """The examples of micropython-esp32-ota's README, imports as they stand there."""

    def example(self, text, image=MIDDLE, **how):
        text = text.replace("http://nas.local", base.SERVER.url(self.folder.name))
        text = text.replace("/sdcard", str(self.folder))
        text = text.replace("7920d527d578e90ce074b23f9050ffe4ebbd8809b79da0b81493f6ba721d110e",
                            hashlib.sha256(image).hexdigest())
        return self.script(text.replace("1558512", str(len(image))), **how)

    INSTALLED = ("OTA Partition 'ota_1' updated successfully.",
                 "Micropython will boot from 'ota_1' partition on next boot.",
                 "Remember to call ota.rollback.cancel() after successful reboot.")

    def test_from_file_writes_and_reboots_then_cancel_keeps_it(self):
        self.device()
        self.sealed(LARGE)
        out = self.example('''
import ota.update
ota.update.from_file("http://nas.local/micropython.bin", reboot=True)
''')
        url = base.SERVER.url(f"{self.folder.name}/micropython.suit")
        self.lines(out, "Writing new micropython image to OTA partition 'ota_1'...",
                   "Device capacity: 384 x 4096 byte blocks.", f"Opening firmware file {url}...",
                   "BLOCK %d + %d bytes" % divmod(len(LARGE), 4096),
                   "Verifying SHA of the written data...Passed.",
                   "SHA256=" + hashlib.sha256(LARGE).hexdigest(), *self.INSTALLED, "Rebooting.",
                   "Running from partition at 190000, type 11 [ota_1].")
        self.assertNotIn("ctrl-C", out)  # nobody is there to press it
        self.installed(LARGE)
        self.assertTrue(self.json("status", self.flash)["running"]["trial"])
        self.example("import ota.rollback\nota.rollback.cancel()\n")
        self.assertFalse(self.json("status", self.flash)["running"]["trial"])
        self.boot("ota_1")
        self.example("import ota.rollback\nota.rollback.cancel()\n")  # on every boot

    def test_not_cancelled_rolls_back(self):
        self.device()
        self.sealed(MIDDLE)
        self.example('''
import ota.update
ota.update.from_file("http://nas.local/micropython.bin", reboot=True)
''')
        self.boot("ota_0")

    def test_status_says_what_the_readme_shows(self):
        self.device()
        out = self.example("import ota.status\nota.status.status()\n")
        self.lines(out, "Micropython firmware v1.0.0 has booted from partition 'ota_0'.",
                   "The next OTA partition is 'ota_1'.", "The / filesystem is in partition 'vfs'.",
                   "Partition table:",
                   "# Name       Type     SubType      Offset       Size (bytes)",
                   "  nvs        data     nvs          0x9000     0x4000     16,384",
                   "  otadata    data     ota          0xd000     0x2000      8,192",
                   "  phy_init   data     phy          0xf000     0x1000      4,096",
                   "  ota_0      app      ota_0       0x10000   0x180000  1,572,864",
                   "  ota_1      app      ota_1      0x190000   0x180000  1,572,864")
        self.assertIn("Will boot from partition 'ota_0' on next reboot: ", out)

    def json_beside(self, image=MIDDLE, sha=None, length=None):
        folder = self.www / "micropython"
        self.sealed(image, folder=folder)
        (folder / "micropython.json").write_text(
            '{"firmware": "micropython.bin", "sha": "%s", "length": %d}'
            % (sha or hashlib.sha256(image).hexdigest(), length or len(image)))

    def test_from_json(self):
        self.device()
        self.json_beside()
        out = self.example('''
import ota.update

# Write firmware from a url provided in a JSON file
ota.update.from_json("http://nas.local/micropython/micropython.json")
''')
        url = base.SERVER.url(f"{self.folder.name}/micropython/micropython.json")
        self.lines(out, f"Opening json file {url}...", *self.INSTALLED)
        self.runs("ota_1")

    def test_from_json_used_without_with_must_be_closed(self):
        self.device()
        self.json_beside()
        text = '''
import ota.update

# Used without the "with" statement - must call close() explicitly
ota = ota.update.OTA()
ota.from_json("http://nas.local/micropython/micropython.json")
'''
        self.example(text)
        self.untouched()
        self.lines(self.example(text + "ota.close()\n"), *self.INSTALLED)
        self.installed()
        self.runs("ota_0")  # reboot=False

    def test_from_firmware_file_with_sha_and_length(self):
        self.device()
        self.sealed(MIDDLE, folder=self.www / "micropython")
        out = self.example('''
import ota.update

# Write firmware from a url or filename and reboot if successful and verified
ota.update.from_firmware_file(
    "http://nas.local/micropython/micropython.bin",
    sha="7920d527d578e90ce074b23f9050ffe4ebbd8809b79da0b81493f6ba721d110e",
    length=1558512)
''')
        self.lines(out, "Writing %d blocks + %d bytes." % divmod(len(MIDDLE), 4096),
                   *self.INSTALLED)
        self.runs("ota_1")

    def test_open_stream(self):
        self.device()
        self.bundle(LARGE, name="micropython.bin")
        out = self.example('''
import ota.update

# Write firmware from an open stream:
with ota.update.OTA() as ota:
    with open("/sdcard/micropython.bin", "rb") as f:
        ota.from_stream(f)
''')
        self.lines(out, *self.INSTALLED)
        self.installed(LARGE)
        self.runs("ota_0")

    def test_serial_uart(self):
        self.device()
        data = self.bundle(LARGE).read_bytes()
        # the README has a colon too much behind readinto(...)
        out = self.example(f"import gc\nuart = open({str(self.folder / 'bundle')!r}, 'rb')\n" + '''
import ota.update

# Read a firmware file from a serial uart
remaining = 1558512
sha = "7920d527d578e90ce074b23f9050ffe4ebbd8809b79da0b81493f6ba721d110e"
with ota.update.OTA(length=remaining, sha=sha) as ota:
    data = memoryview(bytearray(1024))
    gc.collect()
    while remaining > 0:
        n = uart.readinto(data[:min(remaining, len(data))])
        ota.write(data[:n])
        remaining -= n
''', image=data)
        self.lines(out, *self.INSTALLED)
        self.installed(LARGE)


class GlennExamplesRenamed(GlennExamples):
    """The same with `import bulla_ota as ota`, the one change that the documents ask for."""

    def example(self, text, **how):
        text, changed = re.subn(r"^import ota\.\w+$", "import bulla_ota as ota", text, flags=re.M)
        self.assertEqual(changed, 1)
        return super().example(text, **how)


class LoboExamples(Scripts):
    """The examples of the LoBo wiki, on its layout with three partitions on 16 MiB."""

    change = ("import ota, machine", "import ota\nfrom ota import machine")

    def device(self):
        app_file = self.folder / "app.bin"
        app_file.write_bytes(OLD)
        # its own table, with the device state at the end
        arguments = ["--flash-size", "16M", "--app", app_file, "--trust", self.trust,
                     "--vendor", VENDOR, "--class", CLASS]
        table = self.folder / "lobo.csv"
        table.write_text(self.run_device("provision", self.flash, "--layout",
                                         PARTITIONS / "lobo_3p.csv", *arguments, code=1).stdout)
        self.run_device("provision", self.flash, "--layout", table, *arguments, code=0)
        self.boot("MicroPython")

    def example(self, text):
        text = text.replace("http://loboris.eu", base.SERVER.url(self.folder.name))
        return re.sub(r" \(\d+\)", "", self.script(text.replace(*self.change)))

    def place(self, label):
        for row in self.json("status", self.flash)["partitions"]:
            if row["name"] == label:
                return row["offset"]

    def test_start_with_md5(self):
        self.device()
        self.sealed(LARGE, name="MicroPython", folder=self.www / "ESP32")
        md5 = self.www / "ESP32" / "MicroPython.bin.md5"
        md5.write_text(hashlib.md5(LARGE).hexdigest() + "\n")
        out = self.example('''
import ota
print(ota.start(url="http://loboris.eu/ESP32/MicroPython.bin", md5=True))
''')
        self.lines(
            out,
            "I OTA_UPDATE: Starting OTA update from 'MicroPython' to 'MicroPython_1' partition",
            f"I OTA_UPDATE: Update image size: {len(LARGE)} bytes",
            "I OTA_UPDATE: Written to 'MicroPython_1' partition at offset "
            + hex(self.place("MicroPython_1")),
            f"I OTA_UPDATE: Image written, total length = {len(LARGE)} bytes",
            "I OTA_UPDATE: MD5 Checksum check PASSED.",
            "W OTA_UPDATE: On next reboot the system will be started from 'MicroPython_1' "
            "partition", "True")
        self.installed(LARGE, self.place("MicroPython_1"))
        self.runs("MicroPython")

    def test_start_takes_the_url_apart_as_the_wiki_says(self):
        self.device()
        self.sealed(MIDDLE, name="MicroPython")
        port = base.SERVER.port
        out = self.example(f'''
import ota
print(ota.start(url="https://127.0.0.1", port={port}, file="{self.folder.name}/MicroPython.bin",
                certificate="server.crt", restart=True))
''')
        self.assertIn("W OTA_UPDATE: certificate 'server.crt' is not used", out)
        self.lines(out, "True")
        self.runs("MicroPython_1")

    def test_md5_of_something_else_is_an_error_that_returns_false(self):
        self.device()
        self.sealed(MIDDLE, name="MicroPython")
        text = '''
import ota
print(ota.start(url="http://loboris.eu/MicroPython.bin", md5=True))
'''
        out = self.example(text)  # there is none
        self.lines(out, "False")
        (self.www / "MicroPython.bin.md5").write_text(hashlib.md5(LARGE).hexdigest())
        out = self.example(text)
        self.assertIn("E OTA_UPDATE: image-md5: ", out)
        self.lines(out, "False")
        self.assertNotIn("PASSED", out)
        self.assertNotIn("On next reboot", out)
        self.assertEqual(self.json("status", self.flash)["next_boot"]["label"], "MicroPython")

    def test_fromfile_and_set_bootpart(self):
        self.device()
        self.sealed(MIDDLE, name="MicroPython", folder=self.folder)
        out = self.example('''
import ota
ota.fromfile('MicroPython.bin', restart=True)
''')
        self.lines(
            out, "I OTA_UPDATE: MD5 file NOT found",
            "I OTA_UPDATE: Starting OTA update from 'MicroPython' to 'MicroPython_1' partition",
            "W OTA_UPDATE: On next reboot the system will be started from 'MicroPython_1' "
            "partition",
            "Running from partition at %x, type 10 [MicroPython_1]." % self.place("MicroPython_1"))
        self.run_device("confirm", self.flash, code=0)
        out = self.example('''
import ota, machine
ota.set_bootpart('MicroPython')
machine.reset()
''')
        self.lines(
            out, "W OTA_UPDATE: On next reboot the system will be started from 'MicroPython' "
            "partition", "Running from partition at 10000, type 0 [MicroPython].")
        self.runs("MicroPython")
        out = self.example("import ota\nprint(ota.set_bootpart('MicroPython_2'))\n")
        self.assertIn("E OTA_UPDATE: ", out)  # there is no app in it
        self.lines(out, "False")

    def test_fromfile_uses_the_md5_file_that_is_there(self):
        self.device()
        self.sealed(MIDDLE, name="MicroPython", folder=self.folder)
        md5 = self.folder / "MicroPython.bin.md5"
        md5.write_text(hashlib.md5(NEXT).hexdigest())
        text = "import ota\nprint(ota.fromfile('MicroPython.bin'))\n"
        out = self.example(text)
        self.lines(out, "I OTA_UPDATE: MD5 file found", "False")
        md5.write_text(hashlib.md5(MIDDLE).hexdigest())
        self.lines(self.example(text), "I OTA_UPDATE: MD5 Checksum check PASSED.", "True")

    def test_force_factory(self):
        self.device()
        self.sealed(MIDDLE, name="MicroPython")
        self.example('''
import ota
ota.start(url="http://loboris.eu/MicroPython.bin", restart=True)
''')
        self.run_device("confirm", self.flash, code=0)
        self.sealed(NEXT, sequence=3, name="MicroPython", component="factory")
        out = self.example('''
import ota
print(ota.start(url="http://loboris.eu/MicroPython.bin", forceFactory=True))
''')
        self.lines(
            out,
            "I OTA_UPDATE: Starting OTA update from 'MicroPython_1' to 'MicroPython' partition",
            "W OTA_UPDATE: On next reboot the system will be started from 'MicroPython' partition",
            "True")
        self.installed(NEXT, 0x10000)


class LoboExamplesRenamed(LoboExamples):
    change = ("import ota, machine", "import bulla_ota as ota\nfrom bulla_ota import machine")

    def example(self, text):
        return super().example(re.sub(r"^import ota$", "import bulla_ota as ota", text, flags=re.M))


GlennExamplesOnMicroPython = on_micropython(GlennExamples)
GlennExamplesRenamedOnMicroPython = on_micropython(GlennExamplesRenamed)
LoboExamplesOnMicroPython = on_micropython(LoboExamples)
LoboExamplesRenamedOnMicroPython = on_micropython(LoboExamplesRenamed)

if __name__ == "__main__":
    unittest.main()
