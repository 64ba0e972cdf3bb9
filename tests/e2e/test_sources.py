#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where an update may come from: files, a bundle, standard input, a server that wants credentials,
the JSON of micropython-esp32-ota; and what may be demanded of it beside the signature. Whatever the
way, a device takes the same releases and refuses the same ones.

    BULLA_BIN=DIRECTORY test_sources.py [unittest arguments]
"""

import base64
import hashlib
import http.server
import json
import os
import pty
import re
import ssl
import subprocess
import threading
import unittest
from pathlib import Path

import test_bulla_device as base
from test_bulla_device import (APPS, DEVICE, KEY, MIDDLE, NEXT, OLD, SECTOR, SLOT_1, STRANGER,
                               VERIFY, sealing)

# raw images, so that they may have any size
FIRST, SECOND = (hashlib.shake_256(name).digest(100 * SECTOR + 100) for name in (b"1", b"2"))
SIGN = str(Path(os.environ.get("BULLA_BIN", ".")) / "bulla-sign")


class Handler(http.server.BaseHTTPRequestHandler):
    """Files with ranges, and a note of every request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.split("?")[0]
        self.server.seen.append((path, dict(self.headers.items())))
        if path.startswith("/locked/"):
            if self.headers.get("Authorization") != self.server.expected:
                return self.answer(401, b"")
            path = path[len("/locked"):]
        if path in self.server.redirects:
            return self.answer(302, b"", ("Location", self.server.redirects[path]))
        file = self.server.root / path[1:]
        if not file.is_file():
            return self.answer(404, b"")
        data = file.read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not wanted:
            return self.answer(200, data)
        first = int(wanted[1])
        last = min(int(wanted[2] or len(data)), len(data) - 1)
        self.answer(206, data[first:last + 1],
                    ("Content-Range", f"bytes {first}-{last}/{len(data)}"))

    def answer(self, code, body, *fields):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Noting:
    """A server that keeps what it was asked; with the certificate of the nginx beside it."""

    def __init__(self, root):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.root, self.http.seen, self.http.redirects = root, [], {}
        self.http.expected = "Basic " + base64.b64encode(b"otto:s:cret").decode()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(base.FOLDER / "tls.crt", base.FOLDER / "tls.key")
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def url(self, path):
        return f"https://127.0.0.1:{self.port}/{path}"

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


setUpModule = base.setUpModule
tearDownModule = base.tearDownModule


class Case(base.Case):
    def setUp(self):
        super().setUp()
        self.files = self.folder / "card"
        self.files.mkdir()

    def provisioned(self):
        self.provision(sequence=1)
        self.boot("ota_0")

    def provisioned_raw(self):
        self.provision(FIRST, "--format", "raw", sequence=1)
        self.boot("ota_0")

    def seal(self, image=MIDDLE, keys=(KEY,), name="app", folder=None, **how):
        how.setdefault("sequence", 2)
        how.setdefault("uri", name + ".bin")
        folder = folder or self.files
        envelope = folder / f"{name}.suit"
        envelope.write_bytes(sealing.seal(image, list(keys), **how))
        if not how.get("bundle"):
            (folder / f"{name}.bin").write_bytes(image)
        return envelope

    def take(self, *more, code=0, stdin=None):
        run = subprocess.run([DEVICE, "update", str(self.flash), *map(str, more)], input=stdin,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        text = run.stdout.decode() + run.stderr.decode()
        self.assertEqual(run.returncode, code, f"{more}: {text}")
        return text

    def installed(self, image=MIDDLE):
        flash = self.flash.read_bytes()
        self.assertEqual(flash[SLOT_1:SLOT_1 + len(image)], image)
        self.boot("ota_1")

    def untouched(self, before):
        """Nothing but the journal was written."""
        after = self.flash.read_bytes()
        self.assertEqual(after[:-base.STATE_SIZE], before[:-base.STATE_SIZE])
        self.boot("ota_0")

    def refuses(self, status, *more, code=1, stdin=None):
        before = self.flash.read_bytes()
        text = self.take(*more, code=code, stdin=stdin)
        self.assertIn(f": {status}: ", text)
        self.assertEqual(text.count("\n"), 1, text)
        self.untouched(before)
        return text


class Files(Case):
    def test_folder_with_one_envelope(self):
        self.provisioned()
        self.seal()
        self.take("--from", self.files)
        self.installed()

    def test_envelope_by_its_name(self):
        self.provisioned()
        envelope = self.seal(name="other name+%41")
        self.seal(NEXT, name="x")
        self.refuses("uri-form", "--from", envelope)  # the URI has blanks
        envelope = self.seal(name="näme 1", uri="img/app%201.bin")
        (self.files / "img").mkdir()
        (self.files / "img" / "app 1.bin").write_bytes(MIDDLE)
        self.take("--from", envelope)
        self.installed()

    def test_absolute_path_is_beneath_the_folder(self):
        self.provisioned()
        self.seal(uri="/images/app.bin")
        (self.files / "app.bin").unlink()
        (self.files / "images").mkdir()
        (self.files / "images" / "app.bin").write_bytes(MIDDLE)
        self.take("--from", self.files)
        self.installed()

    def test_bundle(self):
        self.provisioned()
        self.take("--from", self.seal(bundle=True))
        self.installed()

    def test_small_memory_reads_the_list_in_groups(self):
        self.provisioned_raw()
        for bundle in (False, True):
            self.take("--from", self.seal(SECOND, bundle=bundle), "--memory", "2K")
        self.installed(SECOND)

    def test_several_envelopes_are_named_and_none_is_chosen(self):
        self.provisioned()
        self.seal(name="a")
        self.seal(name="b")
        text = self.refuses("io", "--from", self.files, code=2)
        self.assertIn("2 envelopes", text)
        self.assertIn("a.suit", text)
        self.assertIn("b.suit", text)

    def test_folder_without_envelope(self):
        self.provisioned()
        self.assertIn("no file in .suit", self.refuses("io", "--from", self.files, code=2))
        self.refuses("io", "--from", self.files / "nothing", code=2)

    def test_link_out_of_the_folder_is_not_followed(self):
        self.provisioned()
        self.seal()
        (self.folder / "outside.bin").write_bytes(MIDDLE)
        (self.files / "app.bin").unlink()
        (self.files / "app.bin").symlink_to(self.folder / "outside.bin")
        self.assertIn("links", self.refuses("io", "--from", self.files, code=2))
        self.seal(name="deep", uri="sub/app.bin")
        (self.files / "sub").symlink_to(self.folder)
        (self.folder / "app.bin").write_bytes(MIDDLE)
        self.refuses("io", "--from", self.files / "deep.suit", code=2)

    def test_special_file_is_no_image(self):
        self.provisioned()
        self.seal()
        (self.files / "app.bin").unlink()
        os.mkfifo(self.files / "app.bin")
        self.assertIn("not a regular file", self.refuses("io", "--from", self.files, code=2))
        os.mkfifo(self.folder / "pipe")
        self.refuses("io", "--from", self.folder / "pipe", code=2)

    def test_image_elsewhere_is_told(self):
        self.provisioned()
        self.seal(uri="https://example.com/app.bin")
        text = self.refuses("url", "--from", self.files, code=2)
        self.assertIn("https://example.com", text)
        self.assertIn("--url", text)

    def test_missing_image_is_named(self):
        self.provisioned()
        self.seal()
        (self.files / "app.bin").unlink()
        text = self.refuses("io", "--from", self.files, code=2)
        self.assertIn(f"app.bin: No such file or directory; app.suit names it, beneath {self.files}\n", text)

    def test_no_shortcut_to_trust(self):
        self.provisioned()
        for how, status in (
                ({"keys": [STRANGER]}, "signature-unknown-key"), ({"sequence": 0}, "sequence-too-old"),
                ({"vendor": "example.org"}, "vendor-mismatch"),
                ({"class_name": "other"}, "class-mismatch")):
            with self.subTest(status=status):
                self.seal(**how)
                self.refuses(status, "--from", self.files)
                self.refuses(status, "--from", self.seal(bundle=True, **how))
                self.refuses(status, "--from", "-", stdin=(self.files / "app.suit").read_bytes())

    def test_changed_sector_is_not_written(self):
        self.provisioned_raw()
        self.seal(SECOND)
        bad = bytearray(SECOND)
        bad[5 * SECTOR + 17] ^= 1
        (self.files / "app.bin").write_bytes(bad)
        self.assertIn("sector-digest", self.take("--from", self.files, code=1))
        flash = self.flash.read_bytes()
        self.assertNotEqual(flash[SLOT_1 + 5 * SECTOR:SLOT_1 + 6 * SECTOR],
                            bytes(bad[5 * SECTOR:6 * SECTOR]))
        (self.files / "app.bin").write_bytes(SECOND)
        answer = json.loads(self.take("--from", self.files, "--json"))
        self.assertEqual(answer["sectors_kept"], 5)  # what the first attempt wrote
        self.installed(SECOND)

    def test_image_of_another_size_is_refused_before_its_first_byte(self):
        self.provisioned()
        self.seal()
        (self.files / "app.bin").write_bytes(MIDDLE + b"x")
        self.refuses("http-length", "--from", self.files)

    def test_one_source_is_needed(self):
        self.provisioned()
        self.seal()
        for arguments in ([], ["--from", self.files, "--url", "https://localhost/a"],
                          ["--from", self.files, "--serial", "/dev/null"],
                          ["--from", self.files, "--auth-file", "x"],
                          ["--from", self.files, "--transport", "curl"],
                          ["--from", self.files, "--baud", "9600"],
                          ["--from", "https://localhost/a"], ["--from", "-", "--md5"],
                          ["--serial", "/dev/null", "--baud", "9601"],
                          ["--serial", "/dev/null", "--path", "https://localhost/a"],
                          ["--from", self.files, "--sha256", "12"],
                          ["--from", self.files, "--length", "0"]):
            with self.subTest(arguments=arguments):
                self.assertIn("error: usage: ", self.take(*arguments, code=2))


class Input(Case):
    def test_bundle_on_standard_input(self):
        self.provisioned()
        self.take("--from", "-", stdin=self.seal(bundle=True).read_bytes())
        self.installed()

    def test_envelope_alone_is_told_what_is_missing(self):
        self.provisioned()
        text = self.refuses("url", "--from", "-", code=2, stdin=self.seal().read_bytes())
        self.assertIn("bulla-sign bundle", text)

    def test_what_was_read_is_not_asked_for_again(self):
        self.provisioned_raw()
        text = self.refuses("io", "--from", "-", "--memory", "2K", code=2,
                            stdin=self.seal(SECOND, bundle=True).read_bytes())
        self.assertIn("cannot go back", text)

    def test_cut_bundle_is_refused_and_taken_up(self):
        self.provisioned_raw()
        data = self.seal(SECOND, bundle=True).read_bytes()
        self.assertIn("envelope-truncated: standard input is empty",
                      self.take("--from", "-", code=1, stdin=b""))
        (self.folder / "cut.suit").write_bytes(data[:-3 * SECTOR])
        self.assertIn(f"envelope-truncated: cut.suit ends after {len(data) - 3 * SECTOR} bytes",
                      self.take("--from", self.folder / "cut.suit", code=1))
        text = self.take("--from", "-", code=1, stdin=data[:-3 * SECTOR])
        self.assertIn(f"envelope-truncated: standard input ends after {len(data) - 3 * SECTOR} "
                      "bytes", text)
        answer = json.loads(self.take("--from", "-", "--json", stdin=data))
        self.assertEqual(answer["sectors_kept"], 97)
        self.installed(SECOND)

    def test_silent_pipe_and_terminal_end_in_time(self):
        self.provisioned()
        with subprocess.Popen([DEVICE, "update", str(self.flash), "--from", "-", "--timeout", "1"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as run:
            self.assertEqual(run.wait(10), 2)
            self.assertIn(b"net-deadline", run.stderr.read())
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        run = subprocess.run([DEVICE, "update", str(self.flash), "--from", "-"], stdin=slave,
                             timeout=10, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(slave)
        self.assertEqual(run.returncode, 2)
        self.assertIn(b"is a terminal", run.stderr)

    def test_byte_behind_the_bundle_is_refused(self):
        self.provisioned()
        data = self.seal(bundle=True).read_bytes()
        self.assertIn("envelope-trailing", self.take("--from", "-", code=1, stdin=data + b"\0"))
        self.boot("ota_0")


class Demands(Case):
    def test_digest_by_hand_is_checked_beside_the_signature(self):
        self.provisioned()
        self.seal()
        digest = hashlib.sha256(MIDDLE).hexdigest()
        text = self.refuses("image-not-expected", "--from", self.files, "--sha256", "0" * 64)
        self.assertIn(digest, text)
        text = self.refuses("image-not-expected", "--from", self.files, "--length",
                            len(MIDDLE) + 1)
        self.assertIn(str(len(MIDDLE)), text)
        self.seal(keys=[STRANGER])
        self.refuses("signature-unknown-key", "--from", self.files, "--sha256", digest)
        self.seal()
        self.take("--from", self.files, "--sha256", digest.upper(), "--length", len(MIDDLE))
        self.installed()

    def test_md5_beside_the_image_is_checked(self):
        self.provisioned()
        self.seal()
        side = self.files / "app.bin.md5"
        self.assertIn("io: --md5: app.bin.md5: No such file",
                      self.refuses("io", "--from", self.files, "--md5", code=2))
        side.write_text("not a digest\n")
        self.refuses("image-md5", "--from", self.files, "--md5")
        side.write_text(hashlib.md5(MIDDLE).hexdigest() + "  app.bin\n")
        self.take("--from", self.files, "--md5")
        self.installed()

    def test_md5_of_another_image_is_refused(self):
        self.provisioned()
        self.seal()
        (self.files / "app.bin.md5").write_text(hashlib.md5(NEXT).hexdigest())
        text = self.take("--from", self.files, "--md5", code=1)
        self.assertIn("image-md5", text)
        self.assertIn(hashlib.md5(MIDDLE).hexdigest(), text)
        self.boot("ota_0")  # it lies there, and was not selected

    def test_md5_never_replaces_the_signature(self):
        self.provisioned()
        self.seal(keys=[STRANGER])
        (self.files / "app.bin.md5").write_text(hashlib.md5(MIDDLE).hexdigest())
        self.refuses("signature-unknown-key", "--from", self.files, "--md5")
        _, _, events = self.facts()  # and the journal tells
        self.assertIn("signature-unknown-key", [event["status"] for event in events])
        self.seal()
        bad = bytearray(MIDDLE)
        bad[-1] ^= 1
        (self.files / "app.bin").write_bytes(bad)
        (self.files / "app.bin.md5").write_text(hashlib.md5(bad).hexdigest())
        self.assertIn("sector-digest", self.take("--from", self.files, "--md5", code=1))
        self.boot("ota_0")

    def test_md5_over_https(self):
        self.provisioned()
        self.seal(folder=self.www)
        url = base.SERVER.url(f"{self.folder.name}/app.suit")
        text = self.refuses("http-status", "--url", url, "--md5", code=2)
        self.assertIn("app.bin.md5", text)
        self.assertIn("404", text)
        (self.www / "app.bin.md5").write_text(hashlib.md5(MIDDLE).hexdigest())
        self.take("--url", url, "--md5")
        self.installed()


class Json(Case):
    def write(self, folder=None, **keys):
        (folder or self.files).joinpath("x.json").write_text(json.dumps(keys))
        return (folder or self.files) / "x.json"

    def test_json_leads_to_the_envelope(self):
        self.provisioned()
        self.seal()
        file = self.write(firmware="app.bin", sha=hashlib.sha256(MIDDLE).hexdigest(),
                          length=len(MIDDLE))
        self.take("--from", file)
        self.installed()

    def test_json_over_https(self):
        self.provisioned()
        (self.www / "fw").mkdir()
        self.seal(folder=self.www / "fw")
        self.write(self.www, firmware="fw/app.bin", sha="", length=0, other=[1])
        self.take("--url", base.SERVER.url(f"{self.folder.name}/x.json"))
        self.installed()

    def test_json_may_name_the_envelope(self):
        self.provisioned()
        self.seal(name="release")
        self.take("--from", self.write(firmware="release.bin", envelope="release.suit"))
        self.installed()

    def test_json_of_another_image_is_refused_before_the_first_erase(self):
        self.provisioned()
        self.seal()
        text = self.refuses("image-not-expected", "--from",
                            self.write(firmware="app.bin", sha=hashlib.sha256(NEXT).hexdigest()))
        self.assertIn("x.json", text)
        self.refuses("image-not-expected", "--from",
                     self.write(firmware="app.bin", length=len(MIDDLE) - 1))

    def test_json_vouches_for_nothing(self):
        self.provisioned()
        self.seal(keys=[STRANGER])
        self.refuses("signature-unknown-key", "--from",
                     self.write(firmware="app.bin", sha=hashlib.sha256(MIDDLE).hexdigest(),
                                length=len(MIDDLE)))

    def test_what_is_no_such_json_is_told(self):
        self.provisioned()
        self.seal()
        file = self.files / "x.json"
        for text, reason in (("{", "not JSON"), ("[]", "not a JSON object"), ("{}", "firmware"),
                             ('{"firmware": 1}', "firmware"),
                             ('{"firmware": "../app.bin"}', "no relative or https"),
                             ('{"firmware": "http://h/app.bin"}', "no relative or https"),
                             ('{"firmware": "app.bin", "sha": "12"}', "sha"),
                             ('{"firmware": "app.bin", "length": "12"}', "length"),
                             ('{"firmware": "app.bin", "length": -1}', "length"),
                             ('{"firmware": "a", "firmware": "app.bin"}', "not JSON"),
                             ('{"firmware": "app.bin", "x": "' + "x" * 4096 + '"}', "4096")):
            with self.subTest(text=text[:40]):
                file.write_text(text)
                self.assertIn(reason, self.refuses("io", "--from", file, code=2))


class Credentials(Case):
    """Both transports, through Server below."""

    def setUp(self):
        super().setUp()
        self.noting = Noting(self.www)
        self.addCleanup(self.noting.stop)
        self.other = Noting(self.www)
        self.addCleanup(self.other.stop)
        self.auth = self.folder / "auth"
        self.auth.write_text("otto:s:cret\n")
        self.auth.chmod(0o600)

    def seen(self, server, name):
        return [fields.get(name) for _, fields in server.http.seen]

    def test_password_and_fields_reach_the_server(self):
        for transport in ("mbedtls", "curl"):
            with self.subTest(transport=transport):
                self.noting.http.seen.clear()
                self.provision(OLD, "--force", sequence=1)
                self.boot("ota_0")
                self.seal(folder=self.www)
                url = self.noting.url("locked/app.suit")
                arguments = ["--url", url, "--transport", transport]
                self.assertIn("401", self.take(*arguments, code=2))
                text = self.take(*arguments, "--auth-file", self.auth, "--header",
                                 "X-Device: a b;c", "--header", "Accept: application/suit")
                self.assertNotIn("chmod", text)
                requests = self.noting.http.seen[1:]
                self.assertGreaterEqual(len(requests), 2)
                for _, fields in requests:
                    self.assertEqual(fields["X-Device"], "a b;c")
                    self.assertEqual(fields["Accept"], "application/suit")
                    self.assertEqual(fields["Authorization"], self.noting.http.expected)
                    self.assertEqual(fields["User-Agent"], "bulla")
                self.installed()

    def test_fields_may_come_from_a_file(self):
        fields = self.folder / "fields"
        fields.write_text("X-Device: a b;c\r\n\nAuthorization: Bearer s:cret\nX-Last: 1")
        fields.chmod(0o600)
        self.provisioned()
        self.seal(folder=self.www)
        url = self.noting.url("app.suit")
        text = self.take("--url", url, "--header", "@" + str(fields), "--header", "X-More: 2")
        self.assertNotIn("chmod", text)
        for _, sent in self.noting.http.seen:
            self.assertEqual([sent[name] for name in ("X-Device", "Authorization", "X-Last",
                                                      "X-More")],
                             ["a b;c", "Bearer s:cret", "1", "2"])
        self.assertGreaterEqual(len(self.noting.http.seen), 2)
        self.installed()
        fields.chmod(0o640)
        self.assertIn("chmod 600", self.take("--url", url, "--header", f"@{fields}", code=1))

    def test_bad_file_of_fields_never_leaves_and_is_not_shown(self):
        self.provisioned()
        fields = self.folder / "fields"
        url = self.noting.url("app.suit")
        for data in (b"secret", b"A: 1\nHost: secret\n", b"A: secret\rB: 1\n", b"A: secret\0\n",
                     b"A: " + b"secret" * 800, b"A: 1\n" * 9 + b"secret", b"@secret\n",
                     b"A: 1\nB: secret\x01\n", b"A: secret\n" * 1000):
            with self.subTest(data=data[:20]):
                fields.write_bytes(data)
                text = self.take("--url", url, "--header", f"@{fields}", code=2)
                self.assertNotIn("secret", text)
        fields.write_bytes(b"\nauthorization: secret\n")
        text = self.take("--url", url, "--header", f"@{fields}", "--auth-file", self.auth, code=2)
        self.assertIn("exclude each other", text)
        self.take("--url", url, "--header", f"@{self.folder}/none", code=2)
        self.take("--url", url, "--header", "@", code=2)
        self.assertEqual(self.noting.http.seen, [])

    def test_another_server_gets_none_of_them(self):
        for transport in ("mbedtls", "curl"):
            with self.subTest(transport=transport):
                self.provision(OLD, "--force", sequence=1)
                self.boot("ota_0")
                self.other.http.seen.clear()
                self.seal(folder=self.www, uri=self.other.url("app.bin"))
                self.take("--url", self.noting.url("locked/app.suit"), "--transport", transport,
                          "--auth-file", self.auth, "--header", "X-Device: 1")
                self.assertGreaterEqual(len(self.other.http.seen), 1)
                self.assertEqual(set(self.seen(self.other, "Authorization")), {None})
                self.assertEqual(set(self.seen(self.other, "X-Device")), {None})
                self.installed()

    def test_redirect_elsewhere_gets_nothing(self):
        self.provisioned()
        self.seal(folder=self.www)
        self.noting.http.redirects["/moved"] = self.other.url("app.suit")
        self.refuses("http-redirect", "--url", self.noting.url("moved"), "--auth-file", self.auth)
        self.assertEqual(self.other.http.seen, [])

    def test_confirmation_may_ask_a_server_that_wants_them(self):
        self.provisioned()
        self.seal(folder=self.www)
        url = self.noting.url("locked/app.suit")
        self.take("--url", url, "--auth-file", self.auth)
        self.installed()
        run = self.run_device("confirm", self.flash, "--reach", url, code=2)
        self.assertIn("401", run.stderr)
        self.run_device("confirm", self.flash, "--auth-file", self.auth, code=2)
        self.run_device("confirm", self.flash, "--reach", url, "--auth-file", self.auth, code=0)

    def test_open_password_file_is_mentioned(self):
        self.provisioned()
        self.seal(folder=self.www)
        self.auth.chmod(0o644)
        self.assertIn("chmod 600", self.take("--url", self.noting.url("locked/app.suit"),
                                             "--auth-file", self.auth))

    def test_bad_fields_never_leave(self):
        self.provisioned()
        self.seal(folder=self.www)
        url = self.noting.url("app.suit")
        bad = ["Host: x", "range: bytes=0-1", "If-Range: x", "User-Agent: me",
               "Accept-Encoding: gzip", "Connection: close", "Content-Length: 0",
               "Transfer-Encoding: chunked", "Expect: 100-continue", "Name", ": value", "Name:",
               "Name: ", "Name:value", "Na me: x", "Name: a\r\nX: b", "Name: a\nb", "Name: a ",
               "Name:  a", "Näme: a", "Name: \u00e4", "Name: a\x7f", "Name: \x01",
               "Name: " + "x" * 4096]
        for header in bad:
            with self.subTest(header=header[:40]):
                self.assertIn("error: usage: ", self.take("--url", url, "--header", header, code=2))
        self.take("--url", url, *["--header", "A: 1"] * 9, code=2)
        self.take("--url", url, *["--header", "A: 1"] * 8, "--auth-file", self.auth, code=2)
        self.take("--url", url, "--header", "Authorization: x", "--auth-file", self.auth, code=2)
        for text in ("", "otto", "otto:\x01x", "otto:x\notto:y\n"):
            self.auth.write_text(text)
            self.take("--url", url, "--auth-file", self.auth, code=2)
        self.take("--url", url, "--auth-file", self.folder / "none", code=2)
        self.assertEqual(self.noting.http.seen, [])

    def test_plain_http_is_refused_with_a_sentence(self):
        self.provisioned()
        text = self.refuses("url", "--url", "http://127.0.0.1/app.suit", code=2)
        self.assertIn("without TLS", text)


class Bundle(Case):
    def bundle(self, *more, code=0):
        run = subprocess.run([SIGN, "bundle", *map(str, more)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return run.stdout + run.stderr

    def setUp(self):
        super().setUp()
        self.out = self.folder / "app.bundle"
        self.pub = self.folder / "release.pub"
        self.pub.write_bytes(KEY.pem())

    def test_bundle_is_what_an_independent_writer_makes(self):
        for text in (None, {"en": {1: "release notes"}}):
            envelope = self.seal(text=text)
            self.bundle(envelope, self.files / "app.bin", "-o", self.out)
            self.assertEqual(self.out.read_bytes(),
                             sealing.seal(MIDDLE, [KEY], sequence=2, uri="app.bin", text=text,
                                          bundle=True))
        run = subprocess.run([VERIFY, "envelope", self.out, "--trust", self.pub], timeout=60,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.provisioned()
        self.take("--from", self.out)
        self.installed()

    def test_bundle_again_is_the_same(self):
        envelope = self.seal()
        self.bundle(envelope, self.files / "app.bin", "-o", self.out)
        again = self.folder / "again"
        text = self.bundle(self.out, self.files / "app.bin", "-o", again)
        self.assertIn("was a bundle already", text)
        self.assertEqual(again.read_bytes(), self.out.read_bytes())

    def test_another_image_is_refused_and_nothing_is_written(self):
        envelope = self.seal()
        self.out.write_bytes(b"before")
        (self.files / "app.bin").write_bytes(NEXT)
        self.bundle(envelope, self.files / "app.bin", "-o", self.out, code=1)
        (self.files / "app.bin").write_bytes(MIDDLE[:-1])
        self.bundle(envelope, self.files / "app.bin", "-o", self.out, code=1)
        self.assertEqual(self.out.read_bytes(), b"before")
        self.assertEqual({p.name for p in self.folder.iterdir()} & {".bulla"}, set())
        self.assertFalse([p for p in self.folder.iterdir() if p.name.startswith(".bulla-")])

    def test_signatures_are_judged_when_there_is_somebody_to_trust(self):
        envelope = self.seal(keys=[STRANGER])
        text = self.bundle(envelope, self.files / "app.bin", "-o", self.out, "--trust", self.pub,
                           code=1)
        self.assertIn("signature-unknown-key", text)
        self.assertFalse(self.out.exists())
        self.seal()
        self.bundle(envelope, self.files / "app.bin", "-o", self.out, "--trust", self.pub)

    def test_uri_that_sorts_before_the_list_has_no_place(self):
        envelope = self.seal(name="a", uri="a.b")
        text = self.bundle(envelope, self.files / "a.bin", "-o", self.out, code=1)
        self.assertIn("sorts before '#app'", text)
        self.assertFalse(self.out.exists())

    def test_inputs_are_never_overwritten(self):
        envelope = self.seal()
        self.bundle(envelope, self.files / "app.bin", "-o", envelope, code=2)
        self.bundle(envelope, self.files / "app.bin", "-o", self.files / "app.bin", code=2)
        self.bundle(envelope, self.files / "app.bin", code=2)
        other = self.folder / "other.pub"
        other.write_bytes(STRANGER.pem())
        for trust in (self.pub, other):
            before = trust.read_bytes()
            text = self.bundle(envelope, self.files / "app.bin", "-o", trust, "--trust", self.pub,
                               "--trust", other, code=2)
            self.assertIn("which is read", text)
            self.assertEqual(trust.read_bytes(), before)
        self.bundle(envelope, self.files / "none", "-o", self.out, code=2)
        self.assertEqual((self.files / "app.bin").read_bytes(), MIDDLE)


if __name__ == "__main__":
    unittest.main()
