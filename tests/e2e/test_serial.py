#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Updates over a serial line: device and sender at the two ends of a pair of ptys, and between them
a line that loses, damages and cuts. The harm is the same in every run.

    BULLA_BIN=DIRECTORY test_serial.py [unittest arguments]
"""

import hashlib
import json
import os
import pty
import random
import select
import signal
import subprocess
import termios
import threading
import time
import tty
import unittest
from pathlib import Path

import test_bulla_device as base
from test_bulla_device import DEVICE, KEY, SECTOR, SLOT_1, STRANGER, sealing

SEND = str(Path(os.environ.get("BULLA_BIN", ".")) / "bulla-send")
END, ESC = 0xC0, 0xDB
FIRST = hashlib.shake_256(b"first").digest(20 * SECTOR)
IMAGE = hashlib.shake_256(b"second").digest(600 * 1024)

setUpModule = base.setUpModule
tearDownModule = base.tearDownModule


class Line:
    """Two ptys and what lies between: frames pass in both directions, unless harm is done to them.
    `harm(direction, frame)` gives the frames that go on; direction is "up" for what a device says.
    """

    def __init__(self, harm=None):
        self.harm = harm or (lambda direction, frame: [frame])
        self.passed = {"up": 0, "down": 0}
        self.on_bytes = None  # called with the number of bytes that went down
        self.stopping = False
        self.near, self.near_name = self.open()
        self.far, self.far_name = self.open()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def open(self):
        master, slave = pty.openpty()
        tty.setraw(slave)  # stays open: a program that ends does not hang up the line
        name = os.ttyname(slave)
        os.set_blocking(master, False)
        return (master, slave), name

    def run(self):
        held = {"up": b"", "down": b""}
        ends = {self.near[0]: ("up", self.far[0]), self.far[0]: ("down", self.near[0])}
        while not self.stopping:
            ready, _, _ = select.select(list(ends), [], [], 0.05)
            for fd in ready:
                direction, to = ends[fd]
                try:
                    held[direction] += os.read(fd, 65536)
                except OSError:
                    continue
                *frames, held[direction] = held[direction].split(bytes([END]))
                for frame in filter(None, frames):
                    for out in self.harm(direction, frame):
                        self.put(to, bytes([END]) + out + bytes([END]))
                        self.passed[direction] += len(out)
                        if direction == "down" and self.on_bytes:
                            self.on_bytes(self.passed["down"])

    def put(self, fd, data):
        while data and not self.stopping:
            try:
                data = data[os.write(fd, data):]
            except BlockingIOError:
                select.select([], [fd], [], 0.05)

    def close(self):
        self.stopping = True
        self.thread.join()
        for fd in self.near + self.far:
            os.close(fd)


class Noise:
    """Loses one frame in a hundred and damages another one."""

    def __init__(self, seed, lost=0.01, damaged=0.01):
        self.random = random.Random(seed)
        self.share = lost, damaged
        self.lost = self.damaged = 0

    def __call__(self, direction, frame):
        dice = self.random.random()
        if dice < self.share[0]:
            self.lost += 1
            return []
        if dice < sum(self.share):
            self.damaged += 1
            bad = bytearray(frame)
            bad[self.random.randrange(len(bad))] ^= 1 << self.random.randrange(8)
            return [bytes(bad)]
        return [frame]


class Case(base.Case):
    def setUp(self):
        super().setUp()
        self.files = self.folder / "files"
        self.files.mkdir()
        self.provision(FIRST, "--format", "raw", sequence=1)
        self.boot("ota_0")

    def line(self, harm=None):
        line = Line(harm)
        self.addCleanup(line.close)
        return line

    def seal(self, image=IMAGE, keys=(KEY,), name="app", **how):
        how.setdefault("sequence", 2)
        how.setdefault("uri", name + ".bin")
        envelope = self.files / f"{name}.suit"
        envelope.write_bytes(sealing.seal(image, list(keys), **how))
        if not how.get("bundle"):
            (self.files / f"{name}.bin").write_bytes(image)
        return envelope

    def send(self, line, source, *more):
        process = subprocess.Popen([SEND, line.far_name, str(source), *map(str, more)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        if "--json" in more:
            time.sleep(0.3)
        else:
            self.assertIn("serving on", process.stdout.readline())
        return process

    def ended(self, process, code=0):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, code, out + errors)
        return out + errors

    def take(self, line, *more, code=0):
        run = subprocess.run([DEVICE, "update", str(self.flash), "--serial", line.near_name,
                              *map(str, more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             timeout=60, text=True)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return run.stdout + run.stderr

    def installed(self, image=IMAGE):
        self.assertEqual(self.flash.read_bytes()[SLOT_1:SLOT_1 + len(image)], image)
        self.boot("ota_1")


class Serving(Case):
    def test_envelope_with_its_image_beside_it(self):
        line = self.line()
        sender = self.send(line, self.seal(name="release"))
        answer = json.loads(self.take(line, "--json"))
        self.installed()
        self.assertIn("0 of them with an error", self.ended(sender))
        self.assertLess(line.passed["down"],
                        1.08 * len(IMAGE) + 1100 * answer["requests_repeated"])

    def test_bundle_and_folder(self):
        for image, source in ((FIRST[:-1], self.seal(FIRST[:-1], bundle=True)),
                              (FIRST[:-2], self.files)):
            with self.subTest(source=source):
                self.provision(FIRST, "--force", "--format", "raw", sequence=1)
                self.boot("ota_0")
                self.seal(image, bundle=source != self.files)
                line = self.line()
                sender = self.send(line, source)
                self.take(line)
                self.installed(image)
                self.ended(sender)

    def test_path_and_side_file(self):
        self.seal(FIRST[:-1], name="b", uri="sub/b%20c.bin")
        self.seal(name="a")
        (self.files / "sub").mkdir()
        (self.files / "sub" / "b c.bin").write_bytes(FIRST[:-1])
        (self.files / "sub" / "b c.bin.md5").write_text(hashlib.md5(FIRST[:-1]).hexdigest())
        line = self.line()
        sender = self.send(line, self.files)
        # two envelopes, none of which is meant without a path
        self.assertIn("4.04", self.take(line, code=2))
        self.take(line, "--path", "b.suit", "--md5")
        self.installed(FIRST[:-1])
        self.ended(sender)

    def test_once_ends_when_the_device_was_served(self):
        line = self.line()
        sender = self.send(line, self.seal(IMAGE[:100000]), "--once", "--json")
        self.take(line)
        out, errors = sender.communicate(timeout=20)
        self.assertEqual(sender.returncode, 0, errors)
        answer = json.loads(out)
        self.assertEqual(answer["status"], "ok")
        self.assertGreaterEqual(answer["bytes"], 100000)
        self.assertNotIn("verdict", answer)

    def test_nothing_outside_the_folder_and_no_secret_is_served(self):
        (self.folder / "outside").write_bytes(b"x" * 100)
        (self.files / "link").symlink_to(self.folder / "outside")
        (self.files / ".hidden").write_bytes(b"x" * 100)
        (self.files / "key").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n")
        self.seal()
        line = self.line()
        sender = self.send(line, self.files)
        for path in ("link", ".hidden", "key", "none", "files", "%2E%2E%2Foutside"):
            with self.subTest(path=path):
                self.assertIn("http-status", self.take(line, "--path", path, code=2))
        self.take(line, "--path", "../outside", code=2)
        self.ended(sender)

    def test_file_is_served_with_what_its_manifest_names_and_nothing_else(self):
        parts = [(f"m{i}", bytes([i]) * 5000, uri) for i, uri in enumerate(
            ("sub/m%31.mpy", "/sub/m2.mpy?v=1?w", "https://127.0.0.1/elsewhere", "sub%2Fother"))]
        envelope = self.seal(name="a", uri="a%20b.bin", modules=parts)
        sub = self.files / "sub"
        sub.mkdir()
        for path in (self.files / "a b.bin", self.files / "a b.bin.md5", sub / "m1.mpy",
                     sub / "m1.mpy.md5", sub / "m2.mpy", sub / "m2.mpy.md5", sub / "other",
                     self.files / "a.suit.md5", self.files / "elsewhere", self.files / "b.suit",
                     self.files / "notes.txt", self.files / "a b.bin.md5.md5"):
            path.write_bytes(b"0123456789")
        line = self.line()
        sender = self.send(line, envelope)

        def asked(path):
            """Without an envelope at its other end: served is what is judged."""
            text = self.take(line, "--path", path, code=1 if served else 2)
            self.assertEqual("http-status" in text, not served, text)

        served = True
        for path in ("a%20b.bin", "a%20b.bin.md5", "sub/m1.mpy", "sub/m%31.mpy.md5", "sub/m2.mpy",
                     "sub/m2.mpy.md5"):
            with self.subTest(path=path):
                asked(path)
        served = False
        for path in ("sub/other", "a.suit.md5", "elsewhere", "b.suit", "notes.txt", "a.bin", "sub",
                     "a%20b.bin.md5.md5", "a%20b", "sub%2Fm1.mpy", "sub/m1.mpy/x"):
            with self.subTest(path=path):
                asked(path)
        self.ended(sender)

    def test_file_that_is_no_envelope_is_served_alone(self):
        self.seal()
        line = self.line()
        process = subprocess.Popen([SEND, line.far_name, str(self.files / "app.bin")],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        process.stdout.readline()
        self.take(line, code=1)
        self.assertIn("http-status", self.take(line, "--path", "app.suit", code=2))
        self.assertIn("it is served alone", self.ended(process))

    def test_keys_of_every_form_stay_here(self):
        self.seal()
        key = ["openssl", "genpkey", "-algorithm", "ed25519", "-out"]
        for words in (key + ["a.pem"], key + ["b.der", "-outform", "DER"],
                      ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", "c.pem"],
                      ["openssl", "ec", "-in", "c.pem", "-outform", "DER", "-out", "d.der"],
                      ["openssl", "genrsa", "-traditional", "-out", "e.pem", "2048"],
                      ["openssl", "rsa", "-in", "e.pem", "-traditional", "-outform", "DER",
                       "-out", "f.der"],
                      ["openssl", "pkcs8", "-topk8", "-in", "e.pem", "-passout", "pass:x", "-out",
                       "g.pem"]):
            subprocess.run(words, cwd=self.files, check=True, capture_output=True, timeout=60)
        (self.files / "h.pem").write_text("Bag Attributes\n    friendlyName: " + "mine " * 99 +
                                          "\n" + (self.files / "a.pem").read_text())
        subprocess.run(["openssl", "pkey", "-in", "a.pem", "-pubout", "-outform", "DER", "-out",
                        "public.der"], cwd=self.files, check=True, capture_output=True, timeout=60)
        line = self.line()
        sender = self.send(line, self.files)
        for path in ("a.pem", "b.der", "c.pem", "d.der", "e.pem", "f.der", "g.pem", "h.pem"):
            with self.subTest(path=path):
                self.assertIn("http-status", self.take(line, "--path", path, code=2))
        self.take(line, "--path", "public.der", code=1)
        self.ended(sender)

    def test_file_larger_than_any_device_takes_is_not_served(self):
        self.seal()
        with open(self.files / "huge", "wb") as f:
            f.truncate(200 << 30)
        line = self.line()
        sender = self.send(line, self.files)
        started = time.monotonic()
        self.assertIn("http-status", self.take(line, "--path", "huge", code=2))
        self.ended(sender)
        self.assertLess(time.monotonic() - started, 8)
        run = subprocess.run([SEND, line.far_name, str(self.files / "huge")], timeout=20,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(run.returncode, 2)
        self.assertIn("more than 65 MiB", run.stderr)

    def test_no_shortcut_to_trust(self):
        line = self.line()
        envelope = self.seal(keys=[STRANGER])
        sender = self.send(line, envelope)
        before = self.flash.read_bytes()[:-base.STATE_SIZE]
        self.assertIn("signature-unknown-key", self.take(line, code=1))
        self.seal()
        bad = bytearray(IMAGE)
        bad[0] ^= 1
        (self.files / "app.bin").write_bytes(bad)
        self.assertIn("sector-digest", self.take(line, code=1))
        self.assertEqual(self.flash.read_bytes()[:-base.STATE_SIZE], before)
        self.ended(sender)

    def test_new_release_in_the_middle_is_noticed(self):
        line = self.line()
        sender = self.send(line, self.seal())
        other = hashlib.shake_256(b"third").digest(len(IMAGE))

        def replace(count):
            if count > len(IMAGE) // 2:
                line.on_bytes = None
                for name, data in (("app.bin", other), ("app.suit", sealing.seal(
                        other, [KEY], sequence=3, uri="app.bin"))):
                    (self.files / "aside").write_bytes(data)
                    (self.files / "aside").rename(self.files / name)

        line.on_bytes = replace
        self.take(line)
        self.installed(other)
        self.ended(sender)

    def test_wrong_devices_are_told(self):
        plain = self.folder / "plain"
        plain.write_bytes(b"")
        run = self.run_device("update", self.flash, "--serial", plain, code=2)
        self.assertIn("net-connect", run.stderr)
        for arguments in ([plain, self.files], ["/nonexistent", self.files],
                          ["/dev/null", self.folder / "none"], [plain],
                          [plain, self.files, "--baud", "1"], [plain, "/dev/null"],
                          [plain, self.files, "--else"]):
            with self.subTest(arguments=arguments):
                run = subprocess.run([SEND, *map(str, arguments), "--json"], timeout=20,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                self.assertEqual(run.returncode, 2)
                self.assertEqual(json.loads(run.stdout)["verdict"], "not judged")


class Harm(Case):
    def test_losses_and_damage_only_take_time(self):
        noise = Noise(5)
        line = self.line(noise)
        sender = self.send(line, self.seal())
        answer = json.loads(self.take(line, "--json"))
        self.installed()
        self.assertGreater(noise.lost, 5)
        self.assertGreater(noise.damaged, 5)
        self.assertGreaterEqual(answer["requests_repeated"], noise.lost)
        self.assertEqual(answer["retries"], 0)
        text = self.ended(sender)
        if os.environ.get("BULLA_SHOW"):
            print(f"\n600 KiB, {noise.lost} frames lost, {noise.damaged} damaged: "
                  f"{line.passed['down']} bytes down, {answer['requests_repeated']} requests "
                  f"repeated; {text}")

    def test_line_cut_at_20_places_resumes(self):
        dice = random.Random(20)
        envelope = self.seal()
        line = self.line()
        sender = self.send(line, envelope)
        places = sorted(dice.randrange(len(IMAGE)) for _ in range(20))
        for place in places:
            device = subprocess.Popen(
                [DEVICE, "update", str(self.flash), "--serial", line.near_name],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            done = threading.Event()
            line.on_bytes = lambda count: count >= place and done.set()
            self.assertTrue(done.wait(30), f"never came to byte {place}")
            device.kill()  # as a power cut does
            device.communicate()
        line.on_bytes = None
        answer = json.loads(self.take(line, "--json"))
        self.installed()
        again = len(envelope.read_bytes()) + SECTOR + 3 * 1024
        self.assertLess(line.passed["down"], 1.1 * len(IMAGE) + 21 * again)
        self.assertGreater(answer["sectors_kept"], 100)
        self.ended(sender)
        if os.environ.get("BULLA_SHOW"):
            print(f"\n20 cuts: {line.passed['down']} bytes down for {len(IMAGE)} of image; "
                  f"{answer['sectors_kept']} sectors kept in the last call")

    def test_sender_that_dies_is_waited_for_and_taken_up(self):
        line = self.line()
        envelope = self.seal()
        sender = self.send(line, envelope)
        line.on_bytes = lambda count: count > 200000 and sender.kill()
        started = time.monotonic()
        device = subprocess.Popen(
            [DEVICE, "update", str(self.flash), "--serial", line.near_name],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        sender.wait(30)
        line.on_bytes = None
        second = self.send(line, envelope)
        out, errors = device.communicate(timeout=30)
        self.assertEqual(device.returncode, 0, out + errors)
        self.assertLess(time.monotonic() - started, 25)
        self.assertLess(line.passed["down"], 1.2 * len(IMAGE))
        self.installed()
        self.ended(second)

    def test_line_that_is_pulled_out_ends_the_call_and_not_the_update(self):
        envelope = self.seal()
        kept = 0
        for place in (200_000, 400_000):
            line = Line()
            sender = self.send(line, envelope)
            device = subprocess.Popen(
                [DEVICE, "update", str(self.flash), "--serial", line.near_name, "--json"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            done = threading.Event()
            line.on_bytes = lambda count, at=place - kept: count >= at and done.set()
            self.assertTrue(done.wait(30))
            line.close()
            out, errors = device.communicate(timeout=30)
            self.assertEqual(device.returncode, 2, out + errors)
            self.assertIn(json.loads(out)["status"], ("net-connect", "net-closed"))
            self.assertIn("the line is gone", self.ended(sender, code=2))
            kept = place
        line = self.line()
        sender = self.send(line, envelope)
        answer = json.loads(self.take(line, "--json"))
        self.installed()
        self.assertGreater(answer["sectors_kept"], 85)
        self.assertLess(line.passed["down"], 1.08 * (len(IMAGE) - 85 * SECTOR) + 2 * SECTOR +
                        1100 * answer["requests_repeated"])
        self.ended(sender)

    def test_silence_ends_in_time(self):
        line = self.line()
        started = time.monotonic()
        text = self.take(line, code=2)
        self.assertIn("net-stalled", text)
        self.assertIn("bulla-send", text)
        self.assertLess(time.monotonic() - started, 25)
        text = self.take(line, "--timeout", "1", code=2)
        self.assertIn("not done within --timeout: does bulla-send run at its other end", text)
        run = subprocess.run([DEVICE, "update", str(self.flash), "--serial", "/dev/null"],
                             stderr=subprocess.PIPE, timeout=60, text=True)
        self.assertIn("/dev/null: it is no serial line", run.stderr)


if __name__ == "__main__":
    unittest.main()
