# SPDX-License-Identifier: Apache-2.0
"""scripts/bulla_ota.py: what it refuses, its other calls, names that a shell could misread, and
what a person at a terminal can stop. With CPython and MicroPython, as test_python_wrapper.py."""

import hashlib
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

import test_bulla_device as base
import test_python_wrapper as wrapper
from test_bulla_device import DEVICE, KEY, LARGE, MIDDLE, OLD

setUpModule, tearDownModule = base.setUpModule, base.tearDownModule


class Refused(wrapper.Scripts):
    def url(self, name):
        return base.SERVER.url(f"{self.folder.name}/{name}")

    def test_exception_in_the_block_leaves_everything_as_it_was(self):
        self.device()
        before = self.flash.read_bytes()
        data = self.bundle()
        self.sealed(MIDDLE)
        for what in (f"f.write(open({str(data)!r}, 'rb').read())",
                     f"f.from_stream(open({str(data)!r}, 'rb'))",
                     f"f.from_firmware_file({self.url('micropython.bin')!r})"):
            with self.subTest(what):
                self.raised("with ota.update.OTA() as f:\n"
                            f"    {what}\n    raise RuntimeError('no more')", "RuntimeError",
                            "no more")
                self.assertEqual(self.flash.read_bytes(), before)

    def test_wrong_sha_and_length_are_value_errors(self):
        self.device()
        data = self.bundle()
        size = data.stat().st_size
        digest = hashlib.sha256(data.read_bytes()).hexdigest()
        stream = f"with ota.update.OTA() as f:\n    f.from_stream(open({str(data)!r}, 'rb'), "
        self.raised(stream + f"{'0' * 64!r})", "ValueError",
                    f"SHA mismatch recv={digest} expect={'0' * 64}")
        self.raised(stream + f"length={size + 1})", "ValueError",
                    f"Received {size} bytes (expect {size + 1})")
        self.sealed(MIDDLE)
        for argument in (f"sha={'0' * 64!r}", f"length={len(MIDDLE) + 1}"):
            self.raised(f"ota.update.from_file({self.url('micropython.bin')!r}, {argument})",
                        "ValueError", "image-not-expected: ")
        self.untouched()
        out = self.script("import bulla_ota as ota\n" + stream + f"{digest.upper()!r}, {size})")
        self.assertIn("updated successfully", out)  # the same words, and nothing wrong

    def test_length_above_the_slot_is_refused_at_once(self):
        self.device()
        self.raised("ota.update.OTA(length=0x200000)", "ValueError", "is > size of partition")
        self.raised("f = ota.update.OTA()\nf.from_firmware_file('nothing.bin', length=0x180001)",
                    "ValueError", "is > size of partition")

    def test_image_that_is_not_sealed_is_refused_with_advice(self):
        self.device()
        (self.folder / "micropython.bin").write_bytes(MIDDLE)
        (self.www / "micropython.bin").write_bytes(MIDDLE)
        advice = "bulla-sign sign"
        self.raised("ota.update.from_file('micropython.bin')", "OSError", "-5379",
                    "no envelope beside it", advice)
        self.raised(f"ota.update.from_file({self.url('micropython.bin')!r})", "ValueError",
                    "HTTP Error: http-status", "404", "stands for its envelope", advice)
        self.raised("with ota.update.OTA() as f:\n"
                    "    f.from_stream(open('micropython.bin', 'rb'))", "OSError", "-5379", advice,
                    "bulla-sign bundle")
        self.assertIn("no envelope beside it", self.script(
            "import bulla_ota as ota\nprint(ota.fromfile('micropython.bin'))\n"))
        self.untouched()

    def test_what_the_advice_says_helps(self):
        self.device()
        (self.folder / "micropython.bin").write_bytes(MIDDLE)
        (self.folder / "key.pem").write_bytes(KEY.private_pem())
        (self.folder / "key.pem").chmod(0o600)
        out = self.raised("ota.update.from_file('micropython.bin')", "OSError")
        sign = re.search(r"bulla-sign (sign micropython.bin -o micropython.suit)", out).group(1)

        def bulla_sign(*words):
            subprocess.run([Path(DEVICE).with_name("bulla-sign"), *words], cwd=self.folder,
                           check=True, capture_output=True, timeout=60)

        given = {"--key": "key.pem", "--vendor": base.VENDOR, "--class": base.CLASS,
                 "--sequence": "2", "--version": "1.1.0"}
        options = re.findall(r"--[a-z]+", out[out.index("micropython.suit, with"):])
        bulla_sign(*sign.split(), *(word for name in options for word in (name, given[name])))
        bulla_sign("bundle", "micropython.suit", "micropython.bin", "-o", "bundle")
        flash = self.flash.read_bytes()
        self.script("import bulla_ota as ota\nota.update.from_file('micropython.bin')\n")
        self.installed()
        self.flash.write_bytes(flash)
        self.script("import bulla_ota as ota\nwith ota.update.OTA() as f:\n"
                    "    f.from_stream(open('bundle', 'rb'))\n")
        self.installed()

    def test_bundle_cut_short_is_refused(self):
        self.device()
        data = self.bundle(LARGE).read_bytes()
        for size in (0, 1, 100, len(data) // 2, len(data) - 1):
            with self.subTest(size):
                (self.folder / "cut").write_bytes(data[:size])
                self.raised("with ota.update.OTA() as f:\n"
                            "    f.from_stream(open('cut', 'rb'))", "OSError", "-5379")
                self.assertEqual(self.json("status", self.flash)["next_boot"]["label"], "ota_0")

    def test_changed_image_is_minus_5379(self):
        self.device()
        self.sealed(MIDDLE)
        (self.www / "micropython.bin").write_bytes(MIDDLE[:200] + b"\1" + MIDDLE[201:])
        self.raised(f"ota.update.from_file({self.url('micropython.bin')!r})", "OSError",
                    "raised -5379 ", "sector-digest")

    def test_plain_http_is_refused(self):
        self.device()
        self.raised("ota.update.from_file('http://127.0.0.1:1/micropython.bin')", "ValueError",
                    "http")

    def test_network_trouble_is_an_os_error(self):
        self.device()
        self.raised("ota.update.from_file('https://127.0.0.1:1/micropython.bin')", "OSError",
                    "net-connect")

    def test_unknown_device_and_tool(self):
        self.device()
        self.raised("ota.status.status()", "ValueError", "BULLA_FLASH", flash=False)
        self.raised("ota.status.status()", "OSError", "BULLA_DEVICE", tool="/nowhere/bulla-device")
        self.raised("ota.configure(device='x')", "ValueError", "device")
        self.raised("ota.configure(flash='nowhere.bin')\nota.status.status()", "OSError", "io: ",
                    flash=False)
        out = self.script(f"import bulla_ota as ota\nota.configure(flash={str(self.flash)!r})\n"
                          "print(ota.status.ready())\n", flash=False)
        self.assertEqual(out, "True\n")

    def test_unconfirmed_trial_is_minus_5382(self):
        self.device()
        self.sealed(MIDDLE)
        text = f"ota.update.from_file({self.url('micropython.bin')!r}, verbose=False)"
        self.script("import bulla_ota as ota\n" + text)
        self.raised(text, "OSError", "raised -5382 ", "trial-pending")

    def test_nothing_newer_is_not_called_an_update(self):
        self.device()
        self.sealed(OLD, sequence=1, name="app")
        out = self.script("import bulla_ota as ota\n"
                          f"ota.update.from_file({self.url('app.bin')!r})\n")
        self.assertIn("Nothing newer: sequence 1 is confirmed and runs.", out)
        self.assertNotIn("updated successfully", out)
        self.assertNotIn("Rebooting", out)

    def test_one_app_layout_has_no_ota_support(self):
        self.provision(layout="single")
        self.boot("factory")
        self.raised("ota.update.OTA()", "OSError", "raised -261 ")
        self.raised("ota.rollback.force()", "OSError")
        out = self.script("import bulla_ota as ota\nota.rollback.cancel()\nota.status.status()\n"
                          "print(ota.start('https://127.0.0.1/'))\n")
        self.assertIn("There are no OTA partitions available.", out)
        self.assertIn("OTA_UPDATE: there is no partition for this update\nFalse\n", out)
        self.assertEqual(self.script("import bulla_ota as ota\nprint(ota.status.ready())\n"),
                         "False\n")

    def test_wrong_use_is_told(self):
        self.device()
        self.bundle()
        for text in ("f = ota.update.OTA()\nf.from_firmware_file('bundle')\nf.write(b'x')",
                     "f = ota.update.OTA()\nf.abort()\nf.from_firmware_file('bundle')",
                     "f = ota.update.OTA()\nf.from_firmware_file('bundle')\n"
                     "f.from_firmware_file('bundle')",
                     "ota.update.from_json('https://127.0.0.1/x.bin')"):
            with self.subTest(text):
                self.raised(text, "ValueError")
        self.raised("ota.update.from_file('bundle', proxies={})", "TypeError")
        self.raised("ota.update.from_file('nothing.bin')", "OSError", "nothing.bin")
        self.raised("ota.fromfile('nothing.bin')", "OSError", "no such file")
        self.raised("ota.update.OTA().close()", "OSError", "nothing was written")


class Calls(wrapper.Scripts):
    def call(self, text, **how):
        return self.script("import bulla_ota as ota\n" + text, **how)

    def test_status_functions(self):
        self.device()
        out = self.call('''
print(ota.status.ready())
print(ota.status.boot_ota().info())
print([p.info()[4] for p in ota.status.ota_partitions()])
for row in ota.status.partition_table(): print(row)
''')
        rows = [f"({'1' if name in ('nvs', 'otadata', 'phy_init', 'vfs') else '0'}, "
                for name in ("nvs", "otadata", "phy_init", "ota_0", "ota_1", "vfs")]
        printed = out.splitlines()
        self.assertEqual(printed[:3], ["True", "(0, 16, 65536, 1572864, 'ota_0', False)",
                                       "['ota_0', 'ota_1']"])
        self.assertEqual([line[:4] for line in printed[3:9]], rows)
        self.assertEqual(printed[-1][:8], "(64, 0, ")  # the device state

    def test_force_and_cancel_force(self):
        self.device()
        self.sealed(MIDDLE)
        self.call(f"ota.update.from_file({base.SERVER.url(self.folder.name)!r} "
                  "+ '/micropython.bin')\nota.rollback.cancel()\n")
        self.runs("ota_1")
        self.call("ota.rollback.force()\nprint(ota.status.boot_ota().info()[4])\n")
        self.assertEqual(self.json("status", self.flash)["next_boot"]["label"], "ota_0")
        self.call("ota.rollback.cancel_force()\n")
        self.boot("ota_1")
        self.call("ota.rollback.force()\nota.machine.reset()\n")
        self.runs("ota_0")

    def test_force_without_another_app_is_an_error(self):
        self.device()
        self.raised("ota.rollback.force()", "OSError")
        self.boot("ota_0")

    def test_partition_set_boot(self):
        self.device()
        self.raised("ota.status.ota_partitions()[1].set_boot()", "OSError", "raised -5379 ")

    def test_hostile_words_reach_the_shell_as_they_are(self):
        words = ["a b", "'", "''", "\"", "$HOME", "`id`", "$(touch pwned)", "a'; touch pwned; '",
                 "\\", "\\'", "*", "~", "-x", "--help", "line\nbreak", "\t", "!", "#", "&", "|",
                 "\N{GREEK SMALL LETTER ALPHA}", "", "%s", "{x}"]
        out = self.call("import os, json\n"
                        f"words = json.loads({json.dumps(words)!r})\n"
                        "os.system('printf \"<%s>\\n\" ' + ' '.join(map(ota.quote, words)))\n")
        self.assertEqual(out, "".join(f"<{word}>\n" for word in words))
        self.assertFalse((self.folder / "pwned").exists())
        self.raised("ota.quote('a\\0b')", "ValueError", "NUL")

    def test_hostile_names_of_files_and_slots(self):
        self.flash = self.folder / "it's $HOME; touch pwned `id`\n \"flash\".bin"
        self.device()
        for name in ("-", "-rf", "a'; touch pwned; '.bin", "$(touch pwned)", "a b\n.bin"):
            with self.subTest(name):
                self.provision(OLD, "--force", sequence=1)
                self.boot("ota_0")
                self.bundle(name=name)
                self.call(f"ota.update.from_file({name!r})\n")
                self.installed()
        for name in ("'; touch pwned; '", "--help", "$(touch pwned)"):
            out = self.call(f"print(ota.set_bootpart({name!r}))\n")
            self.assertIn("OTA_UPDATE: slot-unknown: ", out)
            self.assertTrue(out.endswith("False\n"))
        self.assertFalse((self.folder / "pwned").exists())

    def test_request_arguments_go_to_the_tool_in_private_files(self):
        self.device()
        self.sealed(MIDDLE)
        seen = self.folder / "seen"
        tool = self.folder / "tool"
        tool.write_text(f'''#!/bin/sh
for word; do
    [ "$before" != --auth-file ] || {{ stat -c %a "$word"; cat "$word"; }} >>{seen}
    [ "$before" != --header ] || {{ stat -c %a "${{word#@}}"; cat "${{word#@}}"; }} >>{seen}
    before=$word
    echo "[$word]" >>{seen}
done
exec {shlex.quote(DEVICE)} "$@"
''')
        tool.chmod(0o755)
        out = self.call(f"ota.update.from_file({base.SERVER.url(self.folder.name)!r} "
                        "+ '/micropython.bin', headers={'X-Site': \"o'hara $HOME\", 'X-Token': 42}, "
                        "auth=('me', \"pa:ss'word\"), timeout=5)\n", tool=tool)
        self.assertIn("updated successfully", out)
        told = seen.read_text()
        self.assertIn("[--header]\n600\n", told)
        self.assertEqual(told.count("--header"), 1)
        for field in ("X-Site: o'hara $HOME", "X-Token: 42"):
            self.assertIn(f"\n{field}\n", told)
        self.assertIn("\n600\nme:pa:ss'word\n", told)
        for secret in ("[me:pa", "[X-"):
            self.assertNotIn(secret, told)  # never on a command line
        for header in ("{'A': '1\\nB: 2'}", "{'A\\rB': '1'}"):
            self.raised(f"ota.update.from_file('https://127.0.0.1/x.bin', headers={header})",
                        "ValueError", "line break")
        self.raised("ota.update.from_file('https://127.0.0.1/x.bin', auth=('a:b', 'c'))",
                    "ValueError", "auth")

    def test_json_on_a_local_file(self):
        self.device()
        self.sealed(MIDDLE, folder=self.folder)
        text = "ota.update.from_json('m.json', reboot=False)\n"
        told = self.folder / "m.json"
        told.write_text('{"firmware": "micropython.bin", "sha": "%s", "length": %d}'
                        % ("0" * 64, len(MIDDLE)))
        self.raised(text, "ValueError", "image-not-expected")
        told.write_text(told.read_text().replace("0" * 64, hashlib.sha256(MIDDLE).hexdigest()))
        self.assertIn("Opening json file m.json...", self.call(text))
        self.installed()

    def test_device_where_nothing_boots_is_told(self):
        self.device()
        data = bytearray(self.flash.read_bytes())
        data[base.SLOT_0 + 300] ^= 1
        self.flash.write_bytes(data)
        self.assertIn("\nNothing can boot: ", self.call("ota.status.status()\n"))
        self.raised("ota.status.boot_ota()", "OSError", "nothing can boot")
        self.raised("ota.machine.reset()", "OSError", "raised -5379 ", "nothing-bootable")

    def test_envelope_may_have_another_name(self):
        self.device()
        self.sealed(MIDDLE, folder=self.folder)
        shutil.move(self.folder / "micropython.suit", self.folder / "app.suit")
        out = self.call("ota.update.from_file('micropython.bin', envelope='app.suit')\n")
        self.assertIn("Opening firmware file app.suit...", out)
        self.installed()

    def test_quiet_update_says_the_result_only(self):
        self.device()
        self.sealed(MIDDLE, folder=self.folder)
        out = self.call("ota.update.from_file('micropython.bin', verbose=False, reboot=False)\n")
        self.assertEqual(out.splitlines(), list(wrapper.GlennExamples.INSTALLED))


class OnTerminal(wrapper.Scripts):
    """CPython only: the countdown and Ctrl-C, as a person sees them."""

    def start(self, tool=DEVICE, until=b"Rebooting in 10 seconds (ctrl-C to cancel)"):
        self.device()
        self.sealed(MIDDLE, folder=self.folder)
        path = self.folder / "script.py"
        path.write_text(self.imports.format(folder=str(self.folder)) +
                        "import bulla_ota as ota\nota.update.from_file('micropython.bin')\n")
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.environ.update(BULLA_FLASH=str(self.flash), BULLA_DEVICE=str(tool),
                              TMPDIR=str(self.tmp))
            os.execv(self.python[0], [*self.python, str(path)])
        self.addCleanup(os.close, terminal)
        out = b""
        while until not in out:
            out += os.read(terminal, 4096)
        return child, terminal, out

    def interrupt(self, child, terminal):
        """Ctrl-C, again if nothing happens; the script ends as KeyboardInterrupt ends one."""
        ended = 0
        for tick in range(100):
            if tick % 20 == 0:
                os.write(terminal, b"\x03")
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                break
            time.sleep(0.05)
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            self.fail("it goes on")
        self.assertEqual(os.waitstatus_to_exitcode(status), -signal.SIGINT)
        self.assertEqual(list(self.tmp.iterdir()), [])

    def test_control_c_stops_the_countdown_and_keeps_the_update(self):
        child, terminal, out = self.start()
        self.assertIn(b"updated successfully", out)
        self.interrupt(child, terminal)
        self.runs("ota_0")
        self.assertEqual(self.json("status", self.flash)["next_boot"]["label"], "ota_1")

    def test_control_c_stops_the_update(self):
        tool = self.folder / "slow"
        tool.write_text(f"""#!/bin/sh
[ "$1" != update ] || {{ echo slow; sleep 30; }} >&2
exec {shlex.quote(DEVICE)} "$@"
""")
        tool.chmod(0o755)
        child, terminal, _ = self.start(tool, b"slow")
        self.interrupt(child, terminal)
        self.untouched()

    def test_countdown_ends_with_the_reboot(self):
        child, terminal, out = self.start()
        begin = time.monotonic()
        try:
            while True:
                out += os.read(terminal, 4096)
        except OSError:  # the other end is closed
            pass
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertGreater(time.monotonic() - begin, 8)
        self.assertIn(b"Rebooting in  1 seconds (ctrl-C to cancel)", out)
        self.runs("ota_1")


RefusedOnMicroPython = wrapper.on_micropython(Refused)
CallsOnMicroPython = wrapper.on_micropython(Calls)

if __name__ == "__main__":
    unittest.main()
