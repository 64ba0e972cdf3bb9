# SPDX-License-Identifier: Apache-2.0
"""bulla-sign as its users see it. The reader on this side is independent: cbor2 and cryptography
rebuild every envelope from docs/FORMAT.md, and the bytes must be equal.

Binaries: the directory named by BULLA_BIN."""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import uuid
import zlib

import cbor2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

HERE = os.path.dirname(os.path.abspath(__file__))
ESP = os.path.join(HERE, "..", "fixtures", "esp")
TOOL = os.path.join(os.environ["BULLA_BIN"], "bulla-sign")


# ---- the format, written down a second time ----


def dumps(item):
    return cbor2.dumps(item, canonical=True)


def sha256(data):
    return hashlib.sha256(data).digest()


def digest_of(data):
    return [-16, sha256(data)]


def key_id(key):
    return sha256(raw_public(key))[:8]


def raw_public(key):
    return key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )


def sector_list(image):
    sectors = [sha256(image[i : i + 4096]) for i in range(0, len(image), 4096)]
    return dumps([-16, 4096, len(image), b"".join(sectors)])


def ids(vendor, name):
    vendor_id = uuid.uuid5(uuid.NAMESPACE_DNS, vendor)
    return vendor_id.bytes, uuid.uuid5(vendor_id, name).bytes


def manifest_of(image, sequence, version, uri, component, text, vendor, name):
    sectors = sector_list(image)
    vendor_id, class_id = ids(vendor, name)
    x = component.encode()
    shared = [12, 0, 20, {1: vendor_id, 2: class_id, 3: dumps(digest_of(image)), 14: len(image)},
              1, 15, 2, 15, 12, 1, 20, {3: dumps(digest_of(sectors)), 14: len(sectors)}]
    install = [12, 1, 20, {21: "#" + component}, 21, 2, 3, 15,
               12, 0, 20, {21: uri}, 21, 2, 3, 15]
    manifest = {1: 1, 2: sequence,
                3: dumps({2: [[x], [x, b"#"]], 4: dumps(shared)}),
                6: dumps(version),
                7: dumps([12, 0, 3, 15]),
                20: dumps(install)}
    if text is not None:
        manifest[23] = digest_of(dumps(dumps({"en": {1: text}})))
    return dumps(manifest)


def block_of(key, signed_digest, kid=True):
    protected = dumps({1: -19})
    signature = key.sign(dumps(["Signature1", protected, b"", signed_digest]))
    unprotected = {4: key_id(key)} if kid else {}
    return dumps(cbor2.CBORTag(18, [protected, unprotected, None, signature]))


def envelope_of(image, keys, sequence=7, version=(1, 4, 2), uri="app.bin", component="app",
                text=None, vendor="example.com", name="lamp", bundle=None, kid=True):
    manifest = manifest_of(image, sequence, list(version), uri, component, text, vendor, name)
    signed_digest = dumps(digest_of(dumps(manifest)))
    wrapper = dumps([signed_digest] + [block_of(key, signed_digest, kid) for key in keys])
    members = {2: wrapper, 3: manifest, "#" + component: sector_list(image)}
    if text is not None:
        members[23] = dumps({"en": {1: text}})
    if bundle is not None:
        members[uri] = bundle
    return dumps(cbor2.CBORTag(107, members))


def esp(*path):
    with open(os.path.join(ESP, *path), "rb") as f:
        return f.read()


def raw_image(size, seed=b"raw"):
    """Bytes that look like nothing else."""
    blocks = [sha256(seed + struct.pack("<I", i)) for i in range((size + 31) // 32)]
    return (b"R" + b"".join(blocks))[:size]


class Case(unittest.TestCase):
    keys = [ed25519.Ed25519PrivateKey.from_private_bytes(sha256(b"signer %d" % i))
            for i in range(9)]

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="bulla-sign-")
        self.addCleanup(shutil.rmtree, self.dir)
        for i, key in enumerate(self.keys):
            self.write("k%d.pem" % i, key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))
            os.chmod(self.path("k%d.pem" % i), 0o600)

    def path(self, *name):
        return os.path.join(self.dir, *name)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def read(self, *name):
        with open(self.path(*name), "rb") as f:
            return f.read()

    def tree(self):
        found = {}
        for folder, folders, files in os.walk(self.dir):
            for name in files:
                with open(os.path.join(folder, name), "rb") as f:
                    found[os.path.relpath(os.path.join(folder, name), self.dir)] = f.read()
            for name in folders:
                found[os.path.relpath(os.path.join(folder, name), self.dir) + "/"] = None
        return found

    def run_tool(self, *args):
        return subprocess.run([TOOL, *args], cwd=self.dir, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120)

    def ok(self, *args):
        done = self.run_tool(*args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def refused(self, code, status, *args):
        """Exit code and status as said, in words and in JSON; no file made or changed."""
        before = self.tree()
        done = self.run_tool(*args)
        self.assertEqual(done.returncode, code, (args, done.stderr))
        start = b"refused: " if code == 1 else b"error: "
        line = [x for x in done.stderr.splitlines() if x.startswith(start)]
        self.assertEqual(len(line), 1, done.stderr)
        self.assertTrue(line[0].startswith(start + status.encode() + b": "), line[0])
        report = self.run_tool("--json", *args)
        self.assertEqual(report.returncode, code)
        self.assertEqual(len(report.stdout.splitlines()), 1)
        self.assertTrue(report.stdout.isascii())
        answer = json.loads(report.stdout)
        self.assertEqual(answer["verdict"], "refused" if code == 1 else "not judged")
        self.assertEqual(answer["status"], status)
        self.assertEqual(self.tree(), before)
        return line[0].decode()

    release = ["--vendor", "example.com", "--class", "lamp", "--sequence", "7",
               "--version", "1.4.2"]

    def seal(self, image, out="out.suit", keys=(0,), extra=(), uri="app.bin", release=None):
        options = [x for i in keys for x in ("--key", "k%d.pem" % i)]
        return self.ok("sign", image, *options, *(release or self.release), "--uri", uri,
                       *extra, "-o", out)


class Words(Case):
    def test_help_and_version_are_json_when_asked(self):
        for args, member in ((["--help"], "help"), (["--version"], "version"),
                             (["publish", "--help"], "help"), (["check", "--version"], "version")):
            for line in ([*args, "--json"], ["--json", *args], ["--js", *args]):
                done = self.ok(*line)
                answer = json.loads(done.stdout)
                self.assertEqual(answer["verdict"], "accepted")
                self.assertIn("bulla-sign", answer[member])
                self.assertEqual(self.ok(*args).stdout.decode(), answer[member])

    def test_options_before_the_command(self):
        self.write("app.bin", b"x")
        for word in ("--json", "--jso", "--j"):
            self.assertEqual(json.loads(self.ok(word, "check", "app.bin").stdout)["status"], "ok")
        for word in ("--jsonx", "--jx", "-x", "--key"):
            self.assertIn("unknown option " + word, self.refused(2, "usage", word, "check", "app.bin"))


class Sign(Case):
    def test_sign_any_image_gives_the_specified_bytes(self):
        images = {"one byte": b"x", "one sector": raw_image(4096), "a byte more": raw_image(4097),
                  "many sectors": raw_image(300001), "two groups": raw_image(33 * 4096),
                  "small app": esp("app", "se32_1.0.0.bin"), "app": esp("app", "e32.bin"),
                  "c3": esp("app", "sc3.bin"), "s3": esp("app", "ss3.bin")}
        for name, image in images.items():
            with self.subTest(name):
                self.write("app.bin", image)
                self.seal("app.bin")
                self.assertEqual(self.read("out.suit"), envelope_of(image, [self.keys[0]]))

    def test_sign_every_option_gives_the_specified_bytes(self):
        image = esp("app", "se32_1.1.0.bin")
        self.write("app.bin", image)
        variants = [
            (["--text", "Grüße: \u202eevil"], {"text": "Grüße: \u202eevil"}),
            (["--component", "factory"], {"component": "factory"}),
            (["--component", "factory", "--text", "t"], {"component": "factory", "text": "t"}),
            (["--format", "esp"], {}),
        ]
        for extra, told in variants:
            with self.subTest(extra):
                self.seal("app.bin", extra=extra)
                self.assertEqual(self.read("out.suit"),
                                 envelope_of(image, [self.keys[0]], **told))

    def test_sign_numbers_at_their_limits(self):
        image = raw_image(10)
        self.write("app.bin", image)
        versions = {"1": [1], "1.0": [1, 0], "1.4.2-rc1": [1, 4, 2, -1, 1], "2.0-beta": [2, 0, -2],
                    "3.4.5-alpha": [3, 4, 5, -3], "4294967295.0.65536": [4294967295, 0, 65536]}
        for sequence in (0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1):
            for text, parts in versions.items():
                self.seal("app.bin", release=[*self.release[:4], "--sequence", str(sequence),
                                              "--version", text])
                self.assertEqual(
                    self.read("out.suit"),
                    envelope_of(image, [self.keys[0]], sequence=sequence, version=parts))

    def test_sign_last_sequence_warns(self):
        self.write("app.bin", b"x")
        done = self.seal("app.bin", release=[*self.release[:4], "--sequence", "4294967295",
                                             "--version", "1"])
        self.assertIn(b"4294967295", done.stderr)
        self.assertNotIn(b"sequence", self.seal("app.bin").stderr)

    def test_sign_unasked_raw_image_is_told(self):
        self.write("app.bin", b"no ESP image")
        note = self.seal("app.bin").stderr
        self.assertIn(b"is no ESP image: sealed as raw", note)
        self.assertIn(b"those of ESP devices refuse it", note)
        self.assertEqual(self.seal("app.bin", extra=("--format", "raw")).stderr, b"")

    def test_sign_twice_gives_the_same_bytes(self):
        self.write("app.bin", raw_image(100000))
        self.seal("app.bin", "a.suit", keys=(0, 1))
        self.seal("app.bin", "b.suit", keys=(0, 1))
        self.assertEqual(self.read("a.suit"), self.read("b.suit"))

    def test_sign_three_keys_sign_one_digest_in_order(self):
        image = raw_image(5000)
        self.write("app.bin", image)
        self.seal("app.bin", keys=(2, 0, 1))
        self.assertEqual(self.read("out.suit"),
                         envelope_of(image, [self.keys[i] for i in (2, 0, 1)]))
        self.seal("app.bin", keys=range(8))
        self.assertEqual(self.read("out.suit"), envelope_of(image, self.keys[:8]))

    def test_sign_result_decodes_and_encodes_to_itself(self):
        self.write("app.bin", raw_image(9000))
        self.seal("app.bin", extra=["--text", "hello"])
        data = self.read("out.suit")
        envelope = cbor2.loads(data)
        self.assertEqual(dumps(envelope), data)
        self.assertEqual(list(envelope.value), [2, 3, 23, "#app"])
        for part in (*envelope.value.values(), *cbor2.loads(envelope.value[2])):
            self.assertEqual(dumps(cbor2.loads(part)), part)

    def test_sign_signature_verifies_with_cryptography_and_openssl(self):
        self.write("app.bin", raw_image(9000))
        self.seal("app.bin")
        wrapper = cbor2.loads(cbor2.loads(self.read("out.suit")).value[2])
        block = cbor2.loads(wrapper[1])
        tbs = (bytes.fromhex("846a5369676e61747572653143a10132405824822f5820")
               + cbor2.loads(wrapper[0])[1])
        self.assertEqual(len(tbs), 55)
        self.assertEqual(block.value[1], {4: key_id(self.keys[0])})
        self.keys[0].public_key().verify(block.value[3], tbs)
        self.write("tbs", tbs)
        self.write("signature", block.value[3])
        self.write("k0.pub", self.keys[0].public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
        verify = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "k0.pub",
                  "-sigfile", "signature", "-in"]
        self.assertEqual(subprocess.run([*verify, "tbs"], cwd=self.dir,
                                        capture_output=True).returncode, 0)
        self.write("other", tbs[:-1] + bytes([tbs[-1] ^ 1]))
        self.assertNotEqual(subprocess.run([*verify, "other"], cwd=self.dir,
                                           capture_output=True).returncode, 0)

    def test_sign_envelope_is_small(self):
        image = raw_image(1 << 20)
        self.write("app.bin", image)
        self.seal("app.bin")
        sectors = sector_list(image)
        self.assertLessEqual(len(self.read("out.suit")) - len(sectors), 420)
        self.assertLessEqual(len(sectors), 0.0080 * len(image))
        self.seal("app.bin", keys=range(8), uri="u" * 255,
                  extra=["--component", "factory", "--text", "t" * 2030])
        head = cbor2.loads(self.read("out.suit")).value
        self.assertLessEqual(len(head[2]) + len(head[3]), 2048)

    def test_sign_default_uri_is_the_file_name_encoded(self):
        image = raw_image(3)
        names = {"app.bin": "app.bin", "my app+1%.bin": "my%20app%2B1%25.bin", "a:b": "a%3Ab",
                 "~x_y-z.1": "~x_y-z.1", "#?": "%23%3F", "f\u00fc.bin": "f%C3%BC.bin",
                 "n" * 255: "n" * 255}
        for name, uri in names.items():
            with self.subTest(name):
                self.write(name, image)
                self.ok("sign", self.path(name), "--key", "k0.pem", *self.release, "-o", "out.suit")
                self.assertEqual(self.read("out.suit"),
                                 envelope_of(image, [self.keys[0]], uri=uri))
        name = self.write("line\nfeed", image)
        self.refused(2, "usage", "sign", name, "--key", "k0.pem", *self.release, "-o", "no.suit")
        name = self.write("\u00fc" * 127, image)
        self.refused(2, "usage", "sign", name, "--key", "k0.pem", *self.release, "-o", "no.suit")

    def test_sign_encrypted_key_needs_its_passphrase(self):
        self.write("app.bin", b"image")
        self.write("locked.pem", self.keys[0].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame")))
        self.write("right", b"open sesame\n")
        self.write("wrong", b"open barley\n")
        args = ["sign", "app.bin", "--key", "locked.pem", *self.release, "-o", "out.suit"]
        self.ok(*args, "--passphrase-file", "right")
        self.assertEqual(self.read("out.suit"), envelope_of(b"image", [self.keys[0]]))
        self.refused(2, "usage", *args, "--passphrase-file", "wrong")

    def test_sign_keeps_the_old_output_until_the_new_one_is_whole(self):
        self.write("app.bin", raw_image(5))
        self.write("out.suit", b"old")
        self.refused(1, "image-size-form", "sign", self.write("empty", b""), "--key", "k0.pem",
                     *self.release, "-o", "out.suit")
        self.seal("app.bin")
        self.assertEqual(self.read("out.suit"), envelope_of(raw_image(5), [self.keys[0]]))
        self.assertEqual(sorted(os.listdir(self.dir)),
                         sorted(["k%d.pem" % i for i in range(9)] + ["app.bin", "empty", "out.suit"]))

    def test_sign_json_tells_what_was_sealed(self):
        self.write("app.bin", esp("app", "e32.bin"))
        answer = json.loads(self.seal("app.bin", extra=["--json"]).stdout)
        envelope = cbor2.loads(self.read("out.suit")).value
        self.assertEqual(answer["verdict"], "accepted")
        self.assertEqual(answer["status"], "ok")
        self.assertEqual(answer["manifest_digest"], sha256(dumps(envelope[3])).hex())
        self.assertEqual(answer["keys"], [key_id(self.keys[0]).hex()])
        self.assertEqual(answer["output_size"], len(self.read("out.suit")))
        self.assertEqual(answer["image"]["chip"], "esp32")
        self.assertEqual(answer["image"]["sha256"], sha256(esp("app", "e32.bin")).hex())


class SignRefuses(Case):
    def setUp(self):
        super().setUp()
        self.write("app.bin", esp("app", "se32_1.0.0.bin"))
        self.write("raw.bin", raw_image(5000))
        self.write("out.suit", b"what was there")

    def sign(self, image="app.bin", keys=("k0.pem",), **changes):
        words = {"vendor": "example.com", "class": "lamp", "sequence": "7", "version": "1.4.2"}
        words.update(changes)
        args = ["sign", image] + [x for key in keys for x in ("--key", key)]
        for name, value in words.items():
            if value is not None:
                args += ["--" + name, value]
        return [*args, "-o", "out.suit"]

    def test_sign_images_no_device_takes_are_refused(self):
        expected = {
            ("app", "m_bad_checksum.bin"): "image-checksum",
            ("app", "m_bad_sha.bin"): "image-sha256",
            ("app", "m_flipped_code_bit.bin"): "image-sha256",
            ("app", "m_truncated_half.bin"): "image-cut",
            ("app", "m_truncated_no_sha.bin"): "image-cut",
            ("app", "m_trailing_garbage.bin"): "image-tail",
            ("app", "m_segs_17.bin"): "image-segment-count",
            ("app", "m_seg_len_unaligned.bin"): "image-segment-length",
            ("app", "m_chip_id_s3.bin"): "image-segment-address",
            ("app", "m_dram_in_bootloader_data.bin"): "image-loads-over-bootloader",
            ("app", "m_no_appdesc_magic.bin"): "image-no-descriptor",
            ("app", "se32_nodigest.bin"): "image-no-sha256",
            ("esp8266", "a8266_inplace.bin"): "image-chip-unknown",
            ("combined", "comb_esp32_from_1000.bin"): "image-not-an-app",
            ("combined", "comb_c3_from_0.bin"): "image-not-an-app",
        }
        for fixture, status in expected.items():
            with self.subTest(fixture):
                image = os.path.join(ESP, *fixture)
                self.refused(1, status, *self.sign(image))
                self.refused(1, status, "check", image)

    def test_sign_combined_flash_image_says_what_to_do(self):
        for fixture, table, app in (("comb_esp32_from_1000.bin", "0x7000", "0xf000"),
                                    ("comb_c3_from_0.bin", "0x8000", "0x10000")):
            image = os.path.join(ESP, "combined", fixture)
            said = self.refused(1, "image-not-an-app", *self.sign(image))
            self.assertIn("bulla-sign extract %s -o app.bin" % image, said)
            self.assertIn("table lies at file offset %s," % table, said)
            self.assertIn("at %s;" % app, said)

    def test_sign_bare_bootloader_is_refused(self):
        self.write("boot.bin", esp("combined", "comb_esp32_from_1000.bin")[:22624])
        self.assertNotIn("extract", self.refused(1, "image-not-an-app", *self.sign("boot.bin")))

    def test_sign_format_must_be_the_one_demanded(self):
        self.refused(1, "image-format", *self.sign("raw.bin", format="esp"))
        self.refused(1, "image-format", *self.sign("app.bin", format="raw"))
        self.ok(*self.sign("raw.bin", format="raw"))

    def test_sign_image_sizes_outside_the_format_are_refused(self):
        self.refused(1, "image-size-form", *self.sign(self.write("empty", b"")))
        with open(self.path("huge"), "wb") as f:
            f.truncate(1 << 32)
        args = self.sign("huge")
        done = self.run_tool(*args)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"image-size-form", done.stderr)
        self.assertEqual(self.read("out.suit"), b"what was there")
        os.unlink(self.path("huge"))

    def test_sign_large_esp_image_is_refused(self):
        with open(self.path("big"), "wb") as f:
            f.write(b"\xe9")
            f.truncate((16 << 20) + 1)
        self.refused(1, "image-too-large", *self.sign("big"))

    def test_sign_unreadable_files_are_not_judged(self):
        self.refused(2, "io", *self.sign("missing.bin"))
        self.refused(2, "io", *self.sign(self.dir))
        self.refused(2, "io", *self.sign("/dev/null"))
        self.refused(2, "io", *self.sign(keys=["missing.pem"]))
        self.refused(2, "io", *[*self.sign()[:-1], "no/such/dir/out.suit"])
        self.refused(2, "io", *[*self.sign()[:-1], self.dir])

    def test_sign_keys_that_cannot_sign_are_not_judged(self):
        public = self.keys[0].public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())
        for content in (public, elliptic, b"", b"no key\n", self.read("k0.pem")[:60]):
            said = self.refused(2, "usage", *self.sign(keys=[self.write("odd.pem", content)]))
            self.assertEqual(said.count("odd.pem"), 1, said)

    def test_sign_published_test_key_is_not_judged(self):
        seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        name = self.write("rfc8032.pem", key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        self.refused(2, "usage", *self.sign(keys=[name]))

    def test_sign_same_key_twice_is_a_usage_error(self):
        self.write("copy.pem", self.read("k0.pem"))
        self.refused(2, "usage", *self.sign(keys=["k0.pem", "k0.pem"]))
        self.refused(2, "usage", *self.sign(keys=["k0.pem", "k1.pem", "copy.pem"]))

    def test_sign_number_of_keys_is_limited(self):
        self.refused(2, "usage", *self.sign(keys=[]))
        self.refused(2, "usage", *self.sign(keys=["k%d.pem" % i for i in range(9)]))

    def test_sign_options_out_of_form_are_usage_errors(self):
        wrong = {
            "vendor": [None, "", "Example.com", "example.com.", "exa mple.com"],
            "class": [None, "", "Lamp", "la mp", "lamp."],
            "sequence": [None, "", "-1", "4294967296", "0x10", "1K", "7 ", "1.0"],
            "version": [None, "", "1.2.3.4", "v1", "1..2", "1.2-gamma1", "1.-1"],
            "component": ["", "App", "bootloader", "app#"],
            "uri": ["", "http://x/y", "ftp://x", "//host/x", "a b", "a\tb", "../x", "a/%2e%2e/x",
                    "x#y", "%", "%4", "%00", "https://", "https://u@h/x", "https://h:0/x", "\u00e4",
                    "u" * 256, "https://[::::]/x", "https://localhost:0443/x", "https://h./x",
                    "https://a..b/x", "https://1.2.3.04/x", "https://h:65536/x"],
            "text": ["t" * 2040],
            "format": ["", "ESP", "elf"],
        }
        for name, values in wrong.items():
            for value in values:
                with self.subTest(name, value=value):
                    self.refused(2, "usage", *self.sign(**{name: value}))
        args = self.sign()
        self.refused(2, "usage", *args, "--text", b"\xff\xfe")

    def test_sign_command_lines_out_of_form_are_usage_errors(self):
        args = self.sign()
        self.refused(2, "usage", *args[:-2])
        self.refused(2, "usage", *args, "--sequence", "8")
        self.refused(2, "usage", *args, "second.bin")
        self.refused(2, "usage", *args, "--no-such-option")
        self.refused(2, "usage", *args, "--text")
        self.refused(2, "usage", "sign")
        self.refused(2, "usage", "seal")

    def test_help_and_version_everywhere(self):
        for command in ([], ["sign"], ["check"], ["extract"], ["cosign"], ["publish"]):
            done = self.ok(*command, "--help")
            self.assertTrue(done.stdout.startswith(b"usage: bulla-sign"))
            if command != ["sign"]:
                self.assertRegex(self.ok(*command, "--version").stdout, rb"^bulla-sign \d+\.\d+")


class Check(Case):
    def test_check_tells_the_facts(self):
        answer = json.loads(self.ok("check", os.path.join(ESP, "app", "e32.bin"), "--json").stdout)
        facts = answer["image"]
        self.assertEqual(answer["status"], "ok")
        self.assertEqual(
            (facts["format"], facts["chip"], facts["size"], facts["segments"], facts["version"]),
            ("esp", "esp32", 65648, 5, "1.0.0"))
        self.assertEqual(facts["sha256"], sha256(esp("app", "e32.bin")).hex())
        self.assertEqual(facts["signature_blocks"], 0)
        self.write("raw", raw_image(77))
        facts = json.loads(self.ok("check", "raw", "--json").stdout)["image"]
        self.assertEqual((facts["format"], facts["size"]), ("raw", 77))
        self.assertNotIn("chip", facts)

    def test_check_compares_with_the_slot(self):
        image = os.path.join(ESP, "app", "e32.bin")
        for size in ("65648", "65K", "1M"):
            self.ok("check", image, "--slot-size", size)
        for size in ("65647", "64K", "1"):
            self.refused(1, "slot-too-small", "check", image, "--slot-size", size)
        for size in ("0", "x", "-1", "4G", ""):
            self.refused(2, "usage", "check", image, "--slot-size", size)

    def test_check_demands_the_format(self):
        image = os.path.join(ESP, "app", "e32.bin")
        self.ok("check", image, "--format", "esp")
        self.refused(1, "image-format", "check", image, "--format", "raw")
        self.refused(1, "image-format", "check", self.write("raw", b"abc"), "--format", "esp")

    def test_check_counts_secure_boot_blocks(self):
        image = self.write("signed.bin", secure_boot(esp("app", "sc3.bin"), 2))
        facts = json.loads(self.ok("check", image, "--json").stdout)["image"]
        self.assertEqual(facts["signature_blocks"], 2)

    def test_check_empty_or_missing_file(self):
        self.refused(1, "image-size-form", "check", self.write("empty", b""))
        self.refused(2, "io", "check", "missing")


# ---- combined flash images ----


def secure_boot(image, blocks):
    """The image with a Secure Boot v2 signature sector behind it."""
    padded = image + b"\xff" * (-len(image) % 4096)
    block = b"\xe7\x02\x00\x00" + sha256(padded) + b"\x11" * 1160
    block += struct.pack("<I", zlib.crc32(block)) + bytes(16)
    assert len(block) == 1216
    return padded + (block * blocks).ljust(4096, b"\xff")


def partition_table(rows, md5=True):
    table = b"".join(struct.pack("<HBBII16sI", 0x50AA, *row, 0) for row in rows)
    if md5:
        table += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(table).digest()
    return table.ljust(0xC00, b"\xff")


def otadata(*records):
    area = bytearray(b"\xff" * 0x2000)
    for i, (seq, state) in enumerate(records):
        crc = zlib.crc32(struct.pack("<I", seq), 0xFFFFFFFF)
        area[i * 4096 : i * 4096 + 32] = struct.pack("<I20sII", seq, b"\xff" * 20, state, crc)
    return bytes(area)


class Extract(Case):
    OTA = [(1, 0, 0xD000, 0x2000, b"otadata")]
    SLOTS = [(0, 0x10, 0x10000, 0x10000, b"ota_0"), (0, 0x11, 0x20000, 0x10000, b"ota_1")]
    FACTORY = [(0, 0x00, 0x30000, 0x10000, b"factory")]

    def flash(self, rows, apps, records=None, size=0x40000, table=None):
        """An ESP32-C3 flash from offset 0."""
        flash = bytearray(b"\xff" * size)
        boot = esp("combined", "comb_c3_from_0.bin")[:17296]
        flash[: len(boot)] = boot
        table = table or partition_table(rows)
        flash[0x8000 : 0x8000 + len(table)] = table
        if records is not None:
            flash[0xD000:0xF000] = otadata(*records)
        for offset, app in apps.items():
            flash[offset : offset + len(app)] = app
        return self.write("flash.bin", bytes(flash))

    def extract(self, flash):
        done = self.ok("extract", flash, "-o", "app.bin", "--json")
        return json.loads(done.stdout)["partition"], self.read("app.bin")

    def test_extract_fixtures_give_their_apps(self):
        for fixture, app in (("comb_esp32_from_1000.bin", "e32.bin"),
                             ("comb_c3_from_0.bin", "sc3.bin")):
            label, data = self.extract(os.path.join(ESP, "combined", fixture))
            self.assertEqual((label, data), ("ota_0", esp("app", app)))
        self.seal("app.bin")

    def test_extract_image_from_zero_with_blank_before_the_bootloader(self):
        flash = b"\xff" * 0x1000 + esp("combined", "comb_esp32_from_1000.bin")
        _, data = self.extract(self.write("flash.bin", flash))
        self.assertEqual(data, esp("app", "e32.bin"))
        self.refused(1, "image-not-an-app", "check", "flash.bin")

    def test_extract_chooses_as_the_bootloader_does(self):
        one, two, three = (esp("app", "sc3.bin"), secure_boot(esp("app", "sc3.bin"), 1),
                           secure_boot(esp("app", "sc3.bin"), 3))
        apps = {0x10000: one, 0x20000: two, 0x30000: three}
        every = self.OTA + self.SLOTS + self.FACTORY
        self.assertEqual(self.extract(self.flash(every, apps)), ("factory", three))
        self.assertEqual(self.extract(self.flash(every, apps, [(1, 2)])), ("ota_0", one))
        self.assertEqual(self.extract(self.flash(every, apps, [(1, 2), (2, 2)])), ("ota_1", two))
        self.assertEqual(self.extract(self.flash(every, apps, [(3, 2), (2, 2)])), ("ota_0", one))
        self.assertEqual(self.extract(self.flash(every, apps, [(1, 2), (2, 3)])), ("ota_0", one))
        self.assertEqual(self.extract(self.flash(self.OTA + self.SLOTS, apps)), ("ota_0", one))
        self.assertEqual(self.extract(self.flash(self.FACTORY, apps)), ("factory", three))
        no_md5 = partition_table(self.FACTORY, md5=False)
        self.assertEqual(self.extract(self.flash(None, apps, table=no_md5)), ("factory", three))

    def test_extract_cuts_exactly(self):
        app = esp("app", "sc3.bin")
        for tail in (b"\x00", b"\xe7", b"old app's remains" * 500):
            _, data = self.extract(self.flash(self.FACTORY, {0x30000: app + tail}))
            self.assertEqual(data, app)

    def refused_extract(self, status, flash):
        self.write("app.bin", b"kept")
        said = self.refused(1, status, "extract", flash, "-o", "app.bin")
        os.unlink(self.path("app.bin"))
        self.refused(1, status, "extract", flash, "-o", "app.bin")
        return said

    def test_extract_damaged_app_is_refused(self):
        app = esp("app", "sc3.bin")
        flipped = app[:300] + bytes([app[300] ^ 4]) + app[301:]
        # the checksum is 8 bits wide; the SHA-256 tells what it cannot
        said = self.refused_extract("image-checksum", self.flash(self.FACTORY, {0x30000: flipped}))
        self.assertIn("factory", said)
        twice = app[:300] + bytes([app[300] ^ 4, app[301] ^ 4]) + app[302:]
        self.refused_extract("image-sha256", self.flash(self.FACTORY, {0x30000: twice}))
        self.refused_extract("image-magic", self.flash(self.FACTORY, {}))
        self.refused_extract("image-magic", self.flash(self.FACTORY, {0x30000: b"\x00" + app[1:]}))
        whole = self.read(self.flash(self.FACTORY, {0x30000: app}))
        half = self.write("flash.bin", whole[: 0x30000 + 224])
        self.refused_extract("image-cut", half)

    def test_extract_file_without_table_or_app_is_refused(self):
        app = esp("app", "sc3.bin")
        self.refused_extract("partition-magic", os.path.join(ESP, "app", "e32.bin"))
        self.refused_extract("partition-magic", self.flash(None, {}, table=b"\xff" * 32))
        self.refused_extract("image-magic", self.write("raw", raw_image(0x20000)))
        self.refused_extract("image-size-form", self.write("empty", b""))
        self.refused_extract("image-cut", self.flash(self.FACTORY, {}, size=0x30000))
        self.refused_extract("partition-slots", self.flash(self.OTA, {0x10000: app}))
        table = partition_table(self.FACTORY)
        broken = table[:20] + bytes([table[20] ^ 1]) + table[21:]
        self.refused_extract("partition-md5", self.flash(None, {0x30000: app}, table=broken))
        endless = partition_table(self.SLOTS * 48, md5=False)
        self.refused_extract("partition-end", self.flash(None, {0x30000: app}, table=endless))
        self.refused(2, "io", "extract", "missing", "-o", "app.bin")
        self.refused(2, "usage", "extract", os.path.join(ESP, "combined", "comb_c3_from_0.bin"))


class Cosign(Case):
    def setUp(self):
        super().setUp()
        self.image = raw_image(40 * 4096 + 5)
        self.write("app.bin", self.image)

    def test_cosign_equals_signing_with_both_keys(self):
        for extra in ([], ["--text", "for both"]):
            self.seal("app.bin", "one.suit", keys=(0,), extra=extra)
            self.seal("app.bin", "both.suit", keys=(0, 1), extra=extra)
            one = self.read("one.suit")
            self.ok("cosign", "one.suit", "--key", "k1.pem", "-o", "new.suit")
            self.assertEqual(self.read("one.suit"), one)
            self.assertEqual(self.read("new.suit"), self.read("both.suit"))
            self.ok("cosign", "one.suit", "--key", "k1.pem")
            self.assertEqual(self.read("one.suit"), self.read("both.suit"))

    def test_cosign_up_to_eight_signatures(self):
        self.seal("app.bin", keys=(0,))
        for i in range(1, 8):
            self.ok("cosign", "out.suit", "--key", "k%d.pem" % i)
        self.assertEqual(self.read("out.suit"), envelope_of(self.image, self.keys[:8]))
        self.refused(1, "block-count", "cosign", "out.suit", "--key", "k8.pem")

    def test_cosign_key_that_signed_is_refused(self):
        self.seal("app.bin", keys=(0, 1))
        for i in (0, 1):
            self.refused(1, "signature-key-repeated", "cosign", "out.suit", "--key", "k%d.pem" % i)
        self.write("nameless.suit", envelope_of(self.image, [self.keys[0]], kid=False))
        self.refused(1, "signature-key-repeated", "cosign", "nameless.suit", "--key", "k0.pem")
        self.ok("cosign", "nameless.suit", "--key", "k1.pem")
        wrapper = cbor2.loads(cbor2.loads(self.read("nameless.suit")).value[2])
        self.assertEqual(wrapper[1], block_of(self.keys[0], wrapper[0], kid=False))
        self.assertEqual(wrapper[2], block_of(self.keys[1], wrapper[0]))

    def test_cosign_keeps_a_bundled_image(self):
        for image in (self.image, esp("app", "e32.bin")):
            self.write("bundle.suit", envelope_of(image, [self.keys[0]], bundle=image))
            self.ok("cosign", "bundle.suit", "--key", "k1.pem")
            self.assertEqual(self.read("bundle.suit"),
                             envelope_of(image, self.keys[:2], bundle=image))

    def test_cosign_bundle_that_is_not_the_image_is_refused(self):
        other = bytes([self.image[0] ^ 1]) + self.image[1:]
        for bundle, status in ((other, "image-digest"), (self.image + b"x", "image-trailing"),
                               (self.image[:-1], "image-truncated")):
            self.write("bad.suit", envelope_of(self.image, [self.keys[0]], bundle=bundle))
            self.refused(1, status, "cosign", "bad.suit", "--key", "k1.pem")

    def test_cosign_bundle_no_device_takes_is_refused(self):
        image = esp("combined", "comb_esp32_from_1000.bin")
        self.write("bad.suit", envelope_of(image, [self.keys[0]], bundle=image))
        self.refused(1, "image-not-an-app", "cosign", "bad.suit", "--key", "k1.pem")

    def damaged(self, status, **changes):
        """An envelope with members changed after it was signed."""
        envelope = cbor2.loads(envelope_of(self.image, [self.keys[0]], text="text"))
        for key, value in changes.items():
            key = {"wrapper": 2, "manifest": 3, "text": 23, "list": "#app"}.get(key, key)
            envelope.value.pop(key, None)
            if value is not None:
                envelope.value[key] = value
        self.write("bad.suit", dumps(envelope))
        self.refused(1, status, "cosign", "bad.suit", "--key", "k1.pem")

    def test_cosign_what_a_reader_refuses_is_not_signed(self):
        good = cbor2.loads(envelope_of(self.image, [self.keys[0]], text="text")).value
        other = envelope_of(self.image, [self.keys[0]], sequence=8, text="text")
        self.damaged("manifest-digest", manifest=cbor2.loads(other).value[3])
        self.damaged("list-digest", list=good["#app"][:-1] + bytes([good["#app"][-1] ^ 1]))
        self.damaged("list-size", list=good["#app"][:-32])
        self.damaged("envelope-member-missing", list=None)
        self.damaged("text-digest", text=dumps({"en": {1: "tex!"}}))
        self.damaged("text-too-large", text=dumps({"en": {1: "t" * 2100}}))
        self.damaged("text-missing", text=None)
        self.damaged("envelope-member-unknown", more=b"x")
        wrapper = cbor2.loads(good[2])
        self.damaged("block-form", wrapper=dumps([wrapper[0], dumps([b"", {}, None, b""])]))
        self.damaged("block-count", wrapper=dumps(wrapper[:1]))

    def test_cosign_manifest_out_of_profile_is_not_signed(self):
        """Rightly hashed and signed, but no device would take it."""
        good = cbor2.loads(envelope_of(self.image, [self.keys[0]])).value
        manifest = cbor2.loads(good[3])
        for change, status in (({1: 2}, "manifest-version"), ({2: -1}, "sequence-form"),
                               ({7: None}, "manifest-field-missing"),
                               ({8: b""}, "manifest-field-unknown")):
            odd = {**manifest, **change}
            odd = dumps({k: v for k, v in odd.items() if v is not None})
            signed_digest = dumps(digest_of(dumps(odd)))
            wrapper = dumps([signed_digest, block_of(self.keys[0], signed_digest)])
            self.write("odd.suit", dumps(cbor2.CBORTag(107, {**good, 2: wrapper, 3: odd})))
            self.refused(1, status, "cosign", "odd.suit", "--key", "k1.pem")

    def test_cosign_half_an_envelope_is_refused(self):
        self.seal("app.bin", "good.suit", extra=["--text", "text"])
        good = self.read("good.suit")
        for end in (1, 2, 3, 60, 130, 300, 380, 400, 500, len(good) - 1):
            self.write("half.suit", good[:end])
            self.refused(1, "envelope-truncated", "cosign", "half.suit", "--key", "k1.pem")
        self.write("empty.suit", b"")
        self.refused(1, "envelope-truncated", "cosign", "empty.suit", "--key", "k1.pem")
        self.write("more.suit", good + b"\x00")
        self.refused(1, "envelope-trailing", "cosign", "more.suit", "--key", "k1.pem")
        self.write("zeros", bytes(1 << 20))
        self.refused(1, "envelope-not-suit", "cosign", "zeros", "--key", "k1.pem")

    def test_cosign_files_and_keys_missing(self):
        self.seal("app.bin")
        self.refused(2, "io", "cosign", "missing.suit", "--key", "k1.pem")
        self.refused(2, "io", "cosign", "out.suit", "--key", "missing.pem")
        self.refused(2, "usage", "cosign", "out.suit")
        self.refused(2, "io", "cosign", "out.suit", "--key", "k1.pem", "-o", "no/dir/x")


    def bundle(self, size):
        """A large envelope, so that reading it takes a while."""
        image = b"R" + bytes(size - 1)
        return envelope_of(image, [self.keys[0]], bundle=image)

    def test_cosign_file_that_changes_between_its_readings_is_refused(self):
        good = self.bundle(64 << 20)
        os.mkdir(self.path("out"))
        for position, byte in ((len(good) - 1, b"!"), (len(good), b"more")):
            path = self.write("big.suit", good)
            run = subprocess.Popen([TOOL, "cosign", "big.suit", "--key", "k1.pem", "-o", "out/x"],
                                   cwd=self.dir, stderr=subprocess.PIPE)
            # the file aside appears after the first reading
            while not os.listdir(self.path("out")):
                self.assertIsNone(run.poll())
            run.send_signal(signal.SIGSTOP)
            with open(path, "r+b") as f:
                f.seek(position)
                f.write(byte)
            run.send_signal(signal.SIGCONT)
            said = run.communicate(timeout=60)[1]
            self.assertEqual(run.returncode, 2, said)
            self.assertIn(b"changed while it was read", said)
            self.assertEqual(os.listdir(self.path("out")), [])

    def test_cosign_at_once_in_place_keeps_every_signature(self):
        whole = self.bundle(4 << 20)
        for _ in range(3):
            self.write("lamp.suit", whole)
            runs = [subprocess.Popen([TOOL, "cosign", "lamp.suit", "--key", "k%d.pem" % i],
                                     cwd=self.dir, stdout=subprocess.DEVNULL) for i in range(1, 8)]
            self.assertEqual([run.wait(timeout=60) for run in runs], [0] * 7)
            wrapper = cbor2.loads(cbor2.loads(self.read("lamp.suit")).value[2])
            signers = {cbor2.loads(block).value[1][4] for block in wrapper[1:]}
            self.assertEqual(signers, {key_id(key) for key in self.keys[:8]})

    def test_cosign_waits_for_who_holds_the_envelope(self):
        self.seal("app.bin")
        with open(self.path("out.suit"), "rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            run = subprocess.Popen([TOOL, "cosign", "out.suit", "--key", "k1.pem"], cwd=self.dir,
                                   stdout=subprocess.DEVNULL)
            time.sleep(0.3)
            self.assertIsNone(run.poll())
            # meanwhile the name was given to another file: that one is to be signed
            self.write("new.suit", envelope_of(self.image, [self.keys[2]]))
            os.rename(self.path("new.suit"), self.path("out.suit"))
        self.assertEqual(run.wait(timeout=60), 0)
        self.assertEqual(self.read("out.suit"),
                         envelope_of(self.image, [self.keys[2], self.keys[1]]))


class Output(Case):
    """Whatever -o names: inputs and private keys survive."""

    def setUp(self):
        super().setUp()
        self.write("app.bin", raw_image(5000))
        self.write("pass", b"open sesame\n")
        self.seal("app.bin")
        os.link(self.path("app.bin"), self.path("hard.bin"))
        os.symlink("k0.pem", self.path("soft.pem"))

    def test_output_that_is_an_input_is_refused(self):
        sign = ["sign", "app.bin", "--key", "k0.pem", "--key", "k1.pem", "--passphrase-file",
                "pass", *self.release, "-o"]
        for out in ("app.bin", "./app.bin", "hard.bin", "k0.pem", "k1.pem", "soft.pem", "pass"):
            self.assertIn("would overwrite", self.refused(2, "usage", *sign, out))
        flash = self.write("flash.bin", esp("combined", "comb_c3_from_0.bin"))
        self.assertIn("would overwrite",
                      self.refused(2, "usage", "extract", flash, "-o", "flash.bin"))
        cosign = ["cosign", "out.suit", "--key", "k1.pem", "--passphrase-file", "pass", "-o"]
        for out in ("k1.pem", "pass"):
            self.assertIn("would overwrite", self.refused(2, "usage", *cosign, out))

    def test_output_over_any_private_key_is_refused(self):
        self.write("locked.pem", self.keys[0].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame")))
        flash = self.write("flash.bin", esp("combined", "comb_c3_from_0.bin"))
        for out in ("k5.pem", "locked.pem"):
            for args in (["sign", "app.bin", "--key", "k0.pem", *self.release],
                         ["cosign", "out.suit", "--key", "k1.pem"], ["extract", flash]):
                self.assertIn("holds a private key", self.refused(2, "io", *args, "-o", out))

    def test_output_name_that_is_no_utf8_is_told(self):
        name = os.fsencode(self.dir) + b"/\xff.suit"
        for args in (["sign", "app.bin", "--key", "k0.pem", *self.release],
                     ["cosign", "out.suit", "--key", "k1.pem"],
                     ["extract", os.path.join(ESP, "combined", "comb_c3_from_0.bin")]):
            answer = json.loads(self.ok("--json", *args, "-o", name).stdout)
            self.assertTrue(answer["output"].endswith("/\\xFF.suit"), answer)


class Publish(Case):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("www"))

    def make(self, number, uri=None, size=9000, name="lamp.suit", **told):
        """lamp.suit and image.bin of release `number`."""
        image = raw_image(size, b"release %d" % number)
        self.write("image.bin", image)
        uri = uri or "app-%d.bin" % number
        data = envelope_of(image, told.pop("keys", [self.keys[0]]), sequence=number, uri=uri,
                           version=[number], **told)
        self.write(name, data)
        return data, image

    def publish(self, *extra):
        return self.ok("publish", "lamp.suit", "image.bin", "--to", "www", *extra)

    def refused_publish(self, code, status):
        return self.refused(code, status, "publish", "lamp.suit", "image.bin", "--to", "www")

    def test_publish_lays_out_envelope_and_image(self):
        for number in (1, 2, 9):
            data, image = self.make(number)
            self.publish()
            self.assertEqual(self.read("www", "lamp.suit"), data)
            self.assertEqual(self.read("www", "app-%d.bin" % number), image)
        self.assertEqual(sorted(os.listdir(self.path("www"))),
                         ["app-1.bin", "app-2.bin", "app-9.bin", "lamp.suit"])
        self.assertEqual(os.stat(self.path("www", "lamp.suit")).st_mode & 0o777, 0o644)

    def test_publish_twice_changes_nothing(self):
        self.make(1)
        self.assertTrue(json.loads(self.publish("--json").stdout)["changed"])
        before = {name: os.stat(self.path("www", name)).st_ino
                  for name in os.listdir(self.path("www"))}
        self.assertFalse(json.loads(self.publish("--json").stdout)["changed"])
        self.assertEqual(before, {name: os.stat(self.path("www", name)).st_ino
                                  for name in os.listdir(self.path("www"))})

    def test_publish_older_or_other_release_is_refused(self):
        self.make(5)
        self.publish()
        self.make(4)
        self.assertIn("sequence 4", self.refused_publish(1, "sequence-too-old"))
        self.make(5, uri="app-5b.bin")
        self.refused_publish(1, "sequence-conflict")
        # nor does it help to carry the published signature along
        old = cbor2.loads(self.read("www", "lamp.suit")).value
        new = cbor2.loads(self.read("lamp.suit")).value
        mixed = dumps(cbor2.loads(new[2]) + cbor2.loads(old[2])[1:])
        self.write("lamp.suit", dumps(cbor2.CBORTag(107, {**new, 2: mixed})))
        self.refused_publish(1, "sequence-conflict")
        self.make(6, vendor="example.org")
        self.refused_publish(1, "vendor-mismatch")
        self.make(6)
        data, _ = self.make(6)
        image = self.read("image.bin")
        for told, status in (({"name": "torch"}, "class-mismatch"),
                             ({"component": "factory"}, "component-mismatch")):
            self.write("lamp.suit", envelope_of(image, [self.keys[0]], sequence=6,
                                                uri="app-6.bin", version=[6], **told))
            self.refused_publish(1, status)
        self.write("lamp.suit", data)
        self.publish()

    def test_publish_adds_signatures_but_never_drops_one(self):
        one, _ = self.make(5)
        self.publish()
        self.ok("cosign", "lamp.suit", "--key", "k1.pem")
        self.publish()
        self.assertEqual(self.read("www", "lamp.suit"), self.read("lamp.suit"))
        self.write("lamp.suit", one)
        self.refused_publish(1, "sequence-conflict")

    def test_publish_image_that_is_not_the_signed_one_is_refused(self):
        _, image = self.make(1)
        for other, status in ((image[:-1], "image-truncated"), (image + b"x", "image-trailing"),
                              (image[:-1] + b"!", "image-digest"), (b"", "image-size-form")):
            self.write("image.bin", other)
            self.refused_publish(1, status)
        os.unlink(self.path("image.bin"))
        self.refused_publish(2, "io")
        self.assertEqual(os.listdir(self.path("www")), [])

    def test_publish_list_of_other_sectors_is_refused(self):
        """A list rightly signed, but of another image."""
        _, image = self.make(1)
        envelope = envelope_of(image, [self.keys[0]])
        sectors = sector_list(image)
        odd = sectors[:-1] + bytes([sectors[-1] ^ 1])
        manifest = cbor2.loads(envelope).value[3].replace(sha256(sectors), sha256(odd))
        signed_digest = dumps(digest_of(dumps(manifest)))
        wrapper = dumps([signed_digest, block_of(self.keys[0], signed_digest)])
        self.write("lamp.suit",
                   dumps(cbor2.CBORTag(107, {2: wrapper, 3: manifest, "#app": odd})))
        self.refused_publish(1, "sector-digest")

    def test_publish_image_no_device_takes_is_refused(self):
        image = esp("combined", "comb_esp32_from_1000.bin")
        self.write("image.bin", image)
        self.write("lamp.suit", envelope_of(image, [self.keys[0]]))
        self.assertIn("extract", self.refused_publish(1, "image-not-an-app"))

    def test_publish_other_image_under_a_uri_in_use_is_refused(self):
        self.make(1, uri="app.bin")
        self.publish()
        self.make(2, uri="app.bin")
        self.assertIn("--uri", self.refused_publish(1, "image-digest"))
        self.make(2, uri="app.bin?v=2")
        self.refused_publish(1, "image-digest")
        self.make(2)
        self.publish()

    def test_publish_again_repairs_a_damaged_image(self):
        _, image = self.make(1)
        self.publish()
        self.write("www/app-1.bin", image[:100])
        self.publish()
        self.assertEqual(self.read("www", "app-1.bin"), image)

    def test_publish_damaged_envelopes_are_refused(self):
        data, _ = self.make(1)
        for bad, status in ((b"", "envelope-truncated"), (data[:-1], "envelope-truncated"),
                            (data + b"x", "envelope-trailing"),
                            (data[:-1] + bytes([data[-1] ^ 1]), "list-digest")):
            self.write("lamp.suit", bad)
            self.refused_publish(1, status)
        good = cbor2.loads(data).value
        told = cbor2.loads(envelope_of(self.read("image.bin"), [self.keys[0]], text="text")).value
        other = cbor2.loads(envelope_of(b"other", [self.keys[0]])).value
        for members, status in (({**good, 3: other[3]}, "manifest-digest"),
                                ({**told, 23: dumps({"en": {1: "tex!"}})}, "text-digest"),
                                ({k: v for k, v in told.items() if k != 23}, "text-missing"),
                                ({2: told[2], 3: told[3], 23: told[23]}, "envelope-member-missing"),
                                ({2: told[2], 3: told[3]}, "envelope-member-missing"),
                                ({**good, 23: told[23]}, "text-unsigned"),
                                ({**good, "other": b""}, "envelope-member-unknown")):
            self.write("lamp.suit", dumps(cbor2.CBORTag(107, members)))
            self.refused_publish(1, status)
        self.write("lamp.suit", data)
        self.write("www/lamp.suit", b"something else")
        self.assertIn("move it away", self.refused_publish(1, "envelope-not-suit"))

    def test_publish_uri_decides_the_place(self):
        for uri, place in (("releases/1/app.bin", "releases/1/app.bin"),
                           ("a%20b/c%2Bd.bin?x=y", "a b/c+d.bin")):
            shutil.rmtree(self.path("www"))
            os.mkdir(self.path("www"))
            _, image = self.make(1, uri=uri)
            self.publish()
            self.assertEqual(self.read("www", *place.split("/")), image)

    def test_publish_refused_release_leaves_no_directories(self):
        _, image = self.make(1, uri="releases/1/app.bin")
        self.write("image.bin", image[:-1] + b"!")
        self.refused_publish(1, "image-digest")
        os.mkdir(self.path("www", "releases"))
        self.refused_publish(1, "image-digest")
        self.assertEqual(os.listdir(self.path("www", "releases")), [])

    def test_publish_uri_that_names_no_file_is_refused(self):
        for uri in ("a%2F..%2Fb", "a%2Fb", "a//b", "dir/", "?x", "lamp.suit"):
            self.make(1, uri=uri)
            self.refused_publish(1, "uri-form")

    def test_publish_image_elsewhere_is_checked_only(self):
        for number, uri in ((1, "https://cdn.example.com/app.bin"), (2, "/images/app.bin")):
            data, image = self.make(number, uri=uri)
            self.assertIn(uri.encode(), self.publish().stderr)
            self.assertEqual(os.listdir(self.path("www")), ["lamp.suit"])
            self.assertEqual(self.read("www", "lamp.suit"), data)
        self.write("image.bin", image + b"x")
        self.refused_publish(1, "image-trailing")

    def test_publish_bundle_lays_out_both(self):
        image = raw_image(50000)
        self.write("image.bin", image)
        data = envelope_of(image, [self.keys[0]], bundle=image)
        self.write("lamp.suit", data)
        self.publish()
        self.assertEqual(self.read("www", "lamp.suit"), data)
        self.assertEqual(self.read("www", "app.bin"), image)

    def trust(self, name, *keys, threshold=1):
        return self.write(name, dumps({
            1: 1, 2: threshold, 3: [{1: -19, 2: raw_public(key)} for key in keys], 4: [], 5: []}))

    def test_publish_with_trust_judges_signatures_first(self):
        self.trust("one.cbor", self.keys[0])
        self.trust("two.cbor", self.keys[0], self.keys[1], threshold=2)
        self.make(1)
        done = self.publish("--trust", "one.cbor")
        self.assertNotIn(b"not judged", done.stderr)
        data, image = self.make(2)
        signature = cbor2.loads(cbor2.loads(cbor2.loads(data).value[2])[1]).value[3]
        for bad, trust, status in (
                (data.replace(signature, bytes([signature[0] ^ 1]) + signature[1:]), "one.cbor",
                 "signature-invalid"),
                (data, "two.cbor", "threshold-not-met"),
                (envelope_of(image, [self.keys[3]], sequence=2, version=[2], uri="app-2.bin"),
                 "one.cbor", "signature-unknown-key")):
            self.write("lamp.suit", bad)
            self.refused(1, status, "publish", "lamp.suit", "image.bin", "--to", "www",
                         "--trust", trust)
        self.make(2, keys=self.keys[:2])
        self.publish("--trust", "one.cbor", "--trust", "two.cbor")
        self.make(3)
        answer = json.loads(self.publish("--trust", "one.cbor", "--json").stdout)
        self.assertIs(answer["signatures_judged"], True)
        self.assertNotIn("notes", answer)

    def test_publish_with_trust_judges_bundles_too(self):
        self.trust("one.cbor", self.keys[0])
        image = raw_image(50000)
        self.write("image.bin", image)
        self.write("lamp.suit", envelope_of(image, [self.keys[0]], bundle=image))
        self.publish("--trust", "one.cbor")

    def test_publish_without_trust_says_that_signatures_were_not_judged(self):
        self.make(1)
        self.assertIn(b"signatures were not judged", self.publish().stderr)
        answer = json.loads(self.publish("--json").stdout)
        self.assertIs(answer["signatures_judged"], False)
        self.assertIn("not judged", answer["notes"][0])

    def test_publish_unusable_trust_is_not_judged(self):
        self.make(1)
        self.trust("no.cbor", self.keys[0], threshold=2)
        for name, status in (("no.cbor", "usage"), ("k0.pem", "usage"), ("missing", "io")):
            self.refused(2, status, "publish", "lamp.suit", "image.bin", "--to", "www", "--trust",
                         name)

    def test_publish_image_below_the_envelopes_name_is_refused(self):
        for uri in ("lamp.suit/x.bin", "lamp%2Esuit/a/b.bin"):
            self.make(1, uri=uri)
            self.assertIn("directory", self.refused_publish(1, "uri-form"))
        self.make(1, uri="lamp.suits/x.bin")
        self.publish()

    def test_publish_usage(self):
        self.make(1)
        self.refused(2, "usage", "publish", "lamp.suit", "image.bin")
        self.refused(2, "usage", "publish", "lamp.suit", "--to", "www")
        self.refused(2, "io", "publish", "lamp.suit", "image.bin", "--to", "nowhere")
        self.refused(2, "io", "publish", "missing.suit", "image.bin", "--to", "www")

    def test_publish_readers_never_see_half_a_release(self):
        self.make(1)
        self.publish()
        problems, rounds, done = [], [0], threading.Event()

        def read_as_a_device_does():
            while not done.is_set():
                manifest = cbor2.loads(cbor2.loads(self.read("www", "lamp.suit")).value[3])
                install = cbor2.loads(manifest[20])
                shared = cbor2.loads(cbor2.loads(manifest[3])[4])
                uri, expected = install[11][21], cbor2.loads(shared[3][3])[1]
                try:
                    if sha256(self.read("www", uri)) != expected:
                        problems.append("other image at " + uri)
                except OSError as error:
                    problems.append(str(error))
                rounds[0] += 1

        reader = threading.Thread(target=read_as_a_device_does)
        reader.start()
        try:
            for number in range(2, 30):
                self.make(number, size=200000)
                self.publish()
        finally:
            done.set()
            reader.join()
        self.assertEqual(problems, [])
        self.assertGreater(rounds[0], 28)

    def test_publish_concurrent_publishers_never_go_back(self):
        for number in range(1, 9):
            self.make(number, name="lamp.suit")
            os.makedirs(self.path("from", str(number)))
            for name in ("lamp.suit", "image.bin"):
                shutil.copy(self.path(name), self.path("from", str(number), name))
        runs = [subprocess.Popen([TOOL, "publish", "from/%d/lamp.suit" % n, "from/%d/image.bin" % n,
                                  "--to", "www"], cwd=self.dir, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL) for n in range(8, 0, -1)]
        codes = [run.wait() for run in runs]
        self.assertLessEqual(set(codes), {0, 1})
        self.assertEqual(self.read("www", "lamp.suit"), self.read("from", "8", "lamp.suit"))
        self.assertEqual([x for x in os.listdir(self.path("www")) if x.endswith(".tmp")], [])


if __name__ == "__main__":
    unittest.main()
