# SPDX-License-Identifier: Apache-2.0
"""bulla-key from the outside: exit codes, files, JSON, and a real TLS server to pin.

Run with BULLA_BIN set to the directory of the programs:
    BULLA_BIN=build/bin python3 -m unittest tests/e2e/test_bulla_key.py
"""

import base64
import hashlib
import json
import os
import socket
import ssl
import stat
import subprocess
import tempfile
import threading
import time
import unittest

import cbor2

BULLA_KEY = os.path.join(os.path.abspath(os.environ["BULLA_BIN"]), "bulla-key")


def openssl(*args, **kwargs):
    return subprocess.run(["openssl", *args], check=True, capture_output=True, **kwargs).stdout


class BullaKey(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="bulla-key-")
        self.addCleanup(directory.cleanup)
        self.dir = directory.name
        os.umask(0o022)

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def write(self, name, content):
        with open(self.path(name), "wb") as f:
            f.write(content)

    def names(self):
        return sorted(os.listdir(self.dir))

    def run_key(self, *args, **kwargs):
        return subprocess.run([BULLA_KEY, *args], cwd=self.dir, capture_output=True, text=True,
                              timeout=60, **kwargs)

    def good(self, *args):
        done = self.run_key(*args)
        self.assertEqual((done.returncode, ""), (0, done.stderr if "error" in done.stderr else ""))
        return done

    def not_done(self, *args, says, status="usage"):
        """Exit 2, nothing on stdout, one sentence on stderr; and the same as JSON."""
        done = self.run_key(*args)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, "")
        self.assertIn(f"error: {status}: ", done.stderr)
        self.assertIn(says, done.stderr)
        report = self.report(*args, code=2)
        self.assertEqual((report["verdict"], report["status"]), ("not judged", status))
        self.assertIn(says, report["detail"])

    def report(self, *args, code=0):
        done = self.run_key(*args, "--json")
        self.assertEqual(done.returncode, code, done)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.stdout.count("\n"), 1)
        self.assertTrue(done.stdout.isascii())
        report = json.loads(done.stdout)
        self.assertEqual(list(report)[:3], ["verdict", "status", "detail"])
        return report

    def certificate(self, name="server"):
        """NAME.crt and NAME.key, self-signed for localhost; returns the expected pin."""
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.path(name + ".key"), "-out", self.path(name + ".crt"),
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
        spki = openssl("pkey", "-in", self.path(name + ".key"), "-pubout", "-outform", "DER")
        return "sha256//" + base64.b64encode(hashlib.sha256(spki).digest()).decode()


class Generate(BullaKey):
    def test_generate_makes_two_files_with_the_right_modes(self):
        self.good("generate", "release")
        self.assertEqual(self.names(), ["release.pem", "release.pub"])
        self.assertEqual(stat.S_IMODE(os.stat(self.path("release.pem")).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("release.pub")).st_mode), 0o644)
        self.assertEqual(openssl("pkey", "-in", self.path("release.pem"), "-pubout"),
                         self.read("release.pub"))
        self.assertIn(b"ED25519", openssl("pkey", "-in", self.path("release.pem"), "-noout", "-text"))

    def test_generate_json_names_files_and_id(self):
        report = self.report("generate", "release")
        raw = openssl("pkey", "-pubin", "-in", self.path("release.pub"), "-outform", "DER")[-32:]
        self.assertEqual(report["key_id"], hashlib.sha256(raw).hexdigest()[:16])
        self.assertEqual(report["private_key"], "release.pem")
        self.assertEqual(report["public_key"], "release.pub")
        self.assertIs(report["encrypted"], False)
        self.assertNotIn("PRIVATE", json.dumps(report))

    def test_generate_never_overwrites_either_file(self):
        for taken in ("a.pem", "a.pub"):
            with self.subTest(taken=taken):
                self.write(taken, b"mine")
                self.not_done("generate", "a", says=f"{taken} exists already")
                self.assertEqual(self.names(), [taken])
                self.assertEqual(self.read(taken), b"mine")
                os.unlink(self.path(taken))

    def test_generate_into_a_missing_directory_changes_nothing(self):
        self.not_done("generate", "missing/release", says="No such file or directory", status="io")
        self.assertEqual(self.names(), [])

    def test_generate_where_nothing_may_be_written_leaves_nothing(self):
        self.write("plain", b"")
        self.not_done("generate", "plain/release", says="Not a directory", status="io")
        self.assertEqual(self.names(), ["plain"])

    def test_generate_with_passphrase_is_encrypted_and_openssl_reads_it(self):
        self.write("pass", b"correct horse\n")
        report = self.report("generate", "release", "--passphrase-file", "pass")
        self.assertIs(report["encrypted"], True)
        self.assertIn(b"BEGIN ENCRYPTED PRIVATE KEY", self.read("release.pem"))
        self.assertEqual(openssl("pkey", "-in", self.path("release.pem"), "-passin",
                                 "file:" + self.path("pass"), "-pubout"), self.read("release.pub"))

    def test_generate_takes_the_passphrase_from_a_pipe(self):
        done = self.run_key("generate", "release", "--passphrase-file", "/dev/stdin",
                            input="correct horse\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"BEGIN ENCRYPTED PRIVATE KEY", self.read("release.pem"))

    def test_generate_with_unusable_passphrase_file_makes_nothing(self):
        self.write("empty", b"")
        self.write("long", b"x" * 2000)
        self.write("utf16", "secret\n".encode("utf-16-le"))
        before = self.names()
        for name, says, status in (("missing", "No such file", "io"), ("empty", "empty", "usage"),
                                   ("long", "at most 1023", "usage"), ("utf16", "zero byte", "usage")):
            with self.subTest(name=name):
                self.not_done("generate", "k", "--passphrase-file", name, says=says, status=status)
                self.assertEqual(self.names(), before)

    def test_generate_two_at_once_one_wins_and_the_pair_fits(self):
        runs = [subprocess.Popen([BULLA_KEY, "generate", "k"], cwd=self.dir,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for _ in range(6)]
        codes = sorted(run.wait(timeout=60) for run in runs)
        self.assertEqual(codes, [0, 2, 2, 2, 2, 2])
        self.assertEqual(self.names(), ["k.pem", "k.pub"])
        self.assertEqual(openssl("pkey", "-in", self.path("k.pem"), "-pubout"), self.read("k.pub"))


class Id(BullaKey):
    def test_id_is_the_hash_of_the_raw_key(self):
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.path("k.pem"))
        openssl("pkey", "-in", self.path("k.pem"), "-pubout", "-out", self.path("k.pub"))
        raw = openssl("pkey", "-in", self.path("k.pem"), "-pubout", "-outform", "DER")[-32:]
        expected = hashlib.sha256(raw).hexdigest()[:16]
        self.assertEqual(self.good("id", "k.pub").stdout, expected + "\n")
        report = self.report("id", "k.pub")
        self.assertEqual((report["key_id"], report["public_key"]), (expected, raw.hex()))

    def test_id_of_anything_else_is_not_done(self):
        self.good("generate", "k")
        self.write("twice", self.read("k.pub") * 2)
        self.not_done("id", "k.pem", says="found a private one")
        self.not_done("id", "twice", says="found more")
        self.not_done("id", "missing", says="No such file", status="io")
        self.not_done("id", ".", says="Is a directory", status="io")

    def test_id_with_a_name_full_of_control_characters_prints_one_clean_line(self):
        done = self.run_key("id", "a\nrefused: ok\x1b[2J")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertNotIn("\x1b", done.stderr)


class Trust(BullaKey):
    def setUp(self):
        super().setUp()
        for name in ("a", "b"):
            self.good("generate", name)
        self.raw = {name: openssl("pkey", "-pubin", "-in", self.path(name + ".pub"), "-outform",
                                  "DER")[-32:] for name in ("a", "b")}

    def test_trust_threshold_that_no_component_reaches_is_refused(self):
        both = ("--key", "a.pub:app", "--key", "b.pub:factory")
        self.not_done("trust", *both, "--threshold", "2", "-o", "t",
                      says="1 keys may sign for app, 1 for factory and 0 for module")
        self.good("trust", *both, "--threshold", "1", "-o", "t")

    def test_trust_of_modules_alone(self):
        run = self.good("trust", "--key", "a.pub:module", "-o", "t")
        self.assertNotIn("no release", run.stdout + run.stderr)
        self.not_done("trust", "--key", "a.pub:module", "--key", "b.pub:app", "--threshold", "2", "-o", "u",
                      says="1 for module")

    def test_trust_holds_what_was_given_and_is_deterministic(self):
        pins = [self.certificate("s1"), self.certificate("s2")]
        self.good("trust", "--key", "a.pub", "--key", "b.pub:app,factory", "--threshold", "2",
                  "--pin", pins[0], "--pin", pins[1], "--anchor", "s1.crt", "-o", "t.cbor")
        der = openssl("x509", "-in", self.path("s1.crt"), "-outform", "DER")
        expected = {1: 1, 2: 2,
                    3: [{1: -19, 2: self.raw["a"]},
                        {1: -19, 2: self.raw["b"], 3: [b"app", b"factory"]}],
                    4: [base64.b64decode(pin[8:]) for pin in pins], 5: [der]}
        self.assertEqual(cbor2.loads(self.read("t.cbor")), expected)
        self.assertEqual(self.read("t.cbor"), cbor2.dumps(expected, canonical=True))

    def test_trust_without_servers_still_has_every_member_and_says_so(self):
        done = self.good("trust", "--key", "a.pub", "-o", "t.cbor")
        self.assertIn("neither pin nor anchor", done.stderr)
        self.assertEqual(cbor2.loads(self.read("t.cbor")),
                         {1: 1, 2: 1, 3: [{1: -19, 2: self.raw["a"]}], 4: [], 5: []})

    def test_trust_warns_about_a_single_pin_only(self):
        one, two = self.certificate("s1"), self.certificate("s2")
        notes = self.report("trust", "--key", "a.pub", "--pin", one, "-o", "t")["notes"]
        self.assertTrue(any("one pin only" in note for note in notes))
        self.assertNotIn("notes", self.report("trust", "--key", "a.pub", "--pin", one, "--pin", two,
                                              "-o", "t"))

    def test_trust_anchor_in_der_is_the_same_as_in_pem(self):
        self.certificate()
        openssl("x509", "-in", self.path("server.crt"), "-outform", "DER", "-out",
                self.path("server.der"))
        self.good("trust", "--key", "a.pub", "--anchor", "server.crt", "-o", "pem.cbor")
        self.good("trust", "--key", "a.pub", "--anchor", "server.der", "-o", "der.cbor")
        self.assertEqual(self.read("pem.cbor"), self.read("der.cbor"))

    def test_trust_component_list_is_split_from_the_path_at_the_last_colon(self):
        os.mkdir(self.path("x:y"))
        self.write("x:y/a.pub", self.read("a.pub"))
        self.good("trust", "--key", "x:y/a.pub", "-o", "every")
        self.good("trust", "--key", "x:y/a.pub:app", "-o", "app")
        self.assertNotIn(3, cbor2.loads(self.read("every"))[3][0])
        self.assertEqual(cbor2.loads(self.read("app"))[3][0][3], [b"app"])

    def test_trust_that_would_be_wrong_writes_nothing(self):
        pin = self.certificate()
        self.write("large.pem", b"")
        key = ("--key", "a.pub")
        stray_bits = pin[:-2] + "B="
        before = self.names()
        cases = (
            (("-o", "t"), "at least one --key"),
            (key, "expected -o FILE"),
            ((*key, "--key", "a.pub", "-o", "t"), "given twice"),
            ((*key, "--threshold", "2", "-o", "t"), "the threshold is 2 signatures, there is 1 key"),
            ((*key, "--threshold", "0", "-o", "t"), "1 to 16"),
            ((*key, "--threshold", "17", "-o", "t"), "1 to 16"),
            ((*key, "--threshold", "0x1", "-o", "t"), "1 to 16"),
            (("--key", "a.pub:", "-o", "t"), "component names"),
            (("--key", "a.pub:app,", "-o", "t"), "component names"),
            (("--key", "a.pub:" + "x" * 33, "-o", "t"), "component names"),
            (("--key", "a.pub:app,app", "-o", "t"), "component name"),
            (("--key", "a.pem", "-o", "t"), "found a private one"),
            ((*key, "--pin", "sha256//AAAA", "-o", "t"), "sha256//BASE64"),
            ((*key, "--pin", stray_bits, "-o", "t"), "sha256//BASE64"),
            ((*key, "--pin", pin, "--pin", pin, "-o", "t"), "given twice"),
            ((*key, *("--pin", pin) * 5, "-o", "t"), "at most 4 pins"),
            ((*key, "--anchor", "a.pub", "-o", "t"), "expected one CERTIFICATE"),
            ((*key, "--anchor", "a.pem", "-o", "t"), "expected one CERTIFICATE"),
            ((*key, "--anchor", "large.pem", "-o", "t"), "X.509"),
            ((*key, "--anchor", "server.crt", "--anchor", "server.crt", "-o", "t"), "given twice"),
            ((*key, "-o", "t", "extra"), "unexpected argument extra"),
        )
        for args, says in cases:
            with self.subTest(args=args):
                self.not_done("trust", *args, says=says)
                self.assertEqual(self.names(), before)
        self.not_done("trust", "--key", "missing", "-o", "t", says="No such file", status="io")
        self.not_done("trust", *key, "-o", "missing/t", says="No such file", status="io")
        self.not_done("trust", *key, "-o", ".", says="Is a directory", status="io")
        self.assertEqual(self.names(), before)

    def test_trust_never_overwrites_what_it_reads_or_a_private_key(self):
        self.certificate()
        key = ("--key", "a.pub:app", "--anchor", "server.crt", "-o")
        before = {name: self.read(name) for name in self.names()}
        for out, says, status in (("a.pub", "would overwrite a.pub", "usage"),
                                  ("server.crt", "would overwrite server.crt", "usage"),
                                  ("a.pem", "holds a private key", "io"),
                                  ("server.key", "holds a private key", "io")):
            with self.subTest(out=out):
                self.not_done("trust", *key, out, says=says, status=status)
                self.assertEqual({name: self.read(name) for name in self.names()}, before)

    def test_trust_failing_keeps_the_old_store(self):
        self.good("trust", "--key", "a.pub", "-o", "t")
        old = self.read("t")
        self.not_done("trust", "--key", "b.pub", "--threshold", "2", "-o", "t", says="threshold")
        self.assertEqual(self.read("t"), old)
        self.good("trust", "--key", "b.pub", "-o", "t")
        self.assertNotEqual(self.read("t"), old)


class Show(BullaKey):
    def setUp(self):
        super().setUp()
        self.key = self.report("generate", "a")["key_id"]

    def test_show_tells_every_field(self):
        pin = self.certificate()
        self.good("trust", "--key", "a.pub:factory", "--pin", pin, "--anchor", "server.crt", "-o", "t")
        report = self.report("show", "t")
        raw = openssl("pkey", "-pubin", "-in", self.path("a.pub"), "-outform", "DER")[-32:]
        der = openssl("x509", "-in", self.path("server.crt"), "-outform", "DER")
        self.assertEqual((report["form"], report["threshold"]), ("store", 1))
        self.assertEqual(report["keys"], [{"id": self.key, "algorithm": "Ed25519",
                                           "public_key": raw.hex(), "components": ["factory"]}])
        self.assertEqual(report["pins"], [pin])
        anchor = report["anchors"][0]
        self.assertEqual((anchor["subject"], anchor["size"]), ("CN=localhost", len(der)))
        self.assertEqual(anchor["sha256"], hashlib.sha256(der).hexdigest())
        text = self.good("show", "t").stdout
        for word in ("threshold: 1 of 1", self.key, raw.hex(), "factory", pin, "CN=localhost"):
            self.assertIn(word, text)

    def test_show_pem_key(self):
        report = self.report("show", "a.pub")
        self.assertEqual((report["form"], report["keys"][0]["id"]), ("pem", self.key))
        self.assertIsNone(report["keys"][0]["components"])

    def test_show_subject_with_control_characters_is_escaped(self):
        openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", self.path("k"), "-out",
                self.path("c.crt"), "-utf8", "-subj", "/CN=a\u202eb\u0007c")
        self.good("trust", "--key", "a.pub", "--anchor", "c.crt", "-o", "t")
        done = self.good("show", "t")
        self.assertNotIn("\u202e", done.stdout)
        self.assertNotIn("\u0007", done.stdout)
        self.assertIn("u{202E}", done.stdout)

    def test_show_damaged_store_is_not_done(self):
        self.good("trust", "--key", "a.pub", "-o", "t")
        store = self.read("t")
        for length in range(len(store)):
            self.write("cut", store[:length])
            self.assertEqual(self.run_key("show", "cut").returncode, 2, length)
        self.write("long", store + b"\0")
        self.not_done("show", "long", says="cbor-trailing")
        good = cbor2.loads(store)
        for change, says in (({2: 0}, "trust-threshold"), ({2: 2}, "trust-threshold"),
                             ({1: 2}, "trust-version"), ({3: []}, "trust-key-count"),
                             ({6: 0}, "trust-form"), ({5: [b"\x30\x02\x05\x00"]}, "trust-anchor"),
                             ({3: good[3] * 2}, "trust-key-repeated")):
            with self.subTest(change=change):
                self.write("bad", cbor2.dumps({**good, **change}, canonical=True))
                self.not_done("show", "bad", says=says)

    def test_show_to_a_full_disk_is_not_done(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BULLA_KEY, "show", "a.pub"], cwd=self.dir, stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("standard output", done.stderr)


class Server:
    """Accepts TLS connections one after the other until closed."""

    def __init__(self, certificate, key, client_ca=None):
        self.names = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        if client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(connection, server_side=True) as tls:
                    tls.settimeout(5)
                    tls.recv(1)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


class Pin(BullaKey):
    def server(self, **kwargs):
        server = Server(self.path("server.crt"), self.path("server.key"), **kwargs)
        self.addCleanup(server.close)
        return server

    def test_pin_of_files_is_the_spkis_hash(self):
        pin = self.certificate()
        openssl("x509", "-in", self.path("server.crt"), "-outform", "DER", "-out", self.path("der"))
        openssl("pkey", "-in", self.path("server.key"), "-pubout", "-out", self.path("pub"))
        for name in ("server.crt", "der", "pub"):
            with self.subTest(name=name):
                self.assertEqual(self.good("pin", name).stdout, pin + "\n")
        self.assertEqual(self.report("pin", "server.crt")["pin"], pin)

    def test_pin_of_anything_else_is_not_done(self):
        self.certificate()
        self.not_done("pin", "server.key", says="expected a certificate")
        self.not_done("pin", "missing", says="No such file", status="io")

    def test_pin_of_a_server_is_its_certificates_and_says_what_it_is_worth(self):
        pin = self.certificate()
        server = self.server()
        done = self.good("pin", f"https://localhost:{server.port}/path?x")
        self.assertEqual(done.stdout, pin + "\n")
        self.assertIn("compare", done.stderr)
        self.assertEqual(server.names, ["localhost"])
        report = self.report("pin", f"https://127.0.0.1:{server.port}")
        self.assertEqual((report["pin"], report["source"]), (pin, "server"))
        self.assertEqual(server.names[1], None)

    def test_pin_of_a_server_that_wants_client_certificates_works(self):
        pin = self.certificate()
        server = self.server(client_ca=self.path("server.crt"))
        self.assertEqual(self.good("pin", f"https://localhost:{server.port}").stdout, pin + "\n")

    def test_pin_of_unusable_addresses_is_not_done(self):
        for url in ("https://", "https://:443", "https://user@host", "https://host:0",
                    "https://host:65536", "https://host:", "https://host:4x", "https://[::1",
                    "https://[::1]x"):
            with self.subTest(url=url):
                self.not_done("pin", url, says="expected https://HOST")
        self.not_done("pin", "http://host", says="expected https://HOST")
        self.not_done("pin", "https://host", "--connect-timeout", "0", says="1 to 600")

    def test_pin_of_nobody_is_a_connection_error(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.not_done("pin", f"https://127.0.0.1:{port}", says="refused", status="net-connect")

    def test_pin_of_a_server_without_tls_is_a_protocol_error(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def answer():
                for _ in range(2):
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            thread = threading.Thread(target=answer)
            thread.start()
            self.not_done("pin", f"https://127.0.0.1:{listener.getsockname()[1]}",
                          says="no TLS handshake", status="tls-protocol")
            thread.join()

    def test_pin_of_a_silent_server_ends_in_time(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            start = time.monotonic()
            done = self.run_key("pin", f"https://127.0.0.1:{listener.getsockname()[1]}",
                                "--connect-timeout", "1")
            self.assertEqual(done.returncode, 2)
            self.assertIn("net-deadline", done.stderr)
            self.assertLess(time.monotonic() - start, 10)


class CommandLine(BullaKey):
    def test_help_and_version_are_everywhere(self):
        for command in ((), ("generate",), ("id",), ("pin",), ("trust",), ("show",)):
            with self.subTest(command=command):
                self.assertIn("usage: bulla-key", self.good(*command, "--help").stdout)
                self.assertRegex(self.good(*command, "--version").stdout, r"^bulla-key \d+\.\d+\.\d+$")
                self.assertIn("help", self.report(*command, "--help"))

    def test_usage_errors_are_two_and_point_to_help(self):
        for args, says in (((), "expected a command"), (("sign",), "found sign"),
                           (("--bogus",), "--bogus"), (("id",), "expected FILE.pub"),
                           (("id", "a", "b"), "unexpected argument b"),
                           (("id", "--key", "x"), "--key"), (("id", "-x"), "-x"),
                           (("trust", "--key"), "--key needs a value"),
                           (("show", "--json=1"), "--json=1")):
            with self.subTest(args=args):
                done = self.run_key(*args)
                self.assertEqual((done.returncode, done.stdout if "--json=1" not in args else ""),
                                 (2, ""))
                self.assertIn(says, done.stderr)
                self.assertIn("try bulla-key --help", done.stderr)
        self.assertEqual(self.names(), [])

    def test_json_may_stand_anywhere(self):
        for args in (("--json", "id", "x"), ("id", "--json", "x"), ("id", "x", "--json"),
                     ("--json",), ("id", "--bogus", "--json")):
            with self.subTest(args=args):
                done = self.run_key(*args)
                self.assertEqual((done.returncode, done.stderr), (2, ""))
                self.assertEqual(json.loads(done.stdout)["verdict"], "not judged")


if __name__ == "__main__":
    unittest.main()
