#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bulla-verify as a program: what it accepts, what it refuses and with which status, its exit
codes, its JSON. The envelopes are made by support/sealing.py, which shares no code with it.

BULLA_BIN names the directory of the programs.
"""

import datetime
import hashlib
import http.server
import json
import os
import random
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
from base64 import b64encode
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "support"))

import cbor2  # noqa: E402
import sealing  # noqa: E402
import verify_schema  # noqa: E402
from sealing import Block, Key, Pairs, Raw, Tag, encode, head, seal, suit_digest  # noqa: E402

BIN = Path(os.environ.get("BULLA_BIN", "build/bin"))
ESP = TESTS / "fixtures" / "esp"
SUIT = TESTS / "vectors" / "suit"

ALICE, BOB, CAROL, MALLORY = (Key(name) for name in ("alice", "bob", "carol", "mallory"))
APP = (ESP / "app" / "se32_1.0.0.bin").read_bytes()
RAW = bytes(random.Random(7).randbytes(3 * 4096 + 100))
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def run(*arguments, program="bulla-verify", stdin=None):
    """(exit code, stdout, stderr) of one run; JSON is held against the schema."""
    done = subprocess.run(
        [str(BIN / program), *map(str, arguments)], capture_output=True, input=stdin, timeout=60
    )
    out = done.stdout.decode()
    if program == "bulla-verify" and out.startswith("{"):
        for line in out.splitlines():
            verify_schema.check(json.loads(line))
    return done.returncode, out, done.stderr.decode()


class Case(unittest.TestCase):
    """A folder of its own, and the ways of asking."""

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="bulla-verify-"))
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ("alice", "bob", "carol", "mallory"):
            self.write(name + ".pub", globals()[name.upper()].pem())

    def write(self, name, data):
        path = self.dir / name
        path.write_bytes(data)
        return path

    def verify(self, envelope, *options, trust=("alice.pub",), image=None):
        """Judge envelope bytes; (exit code, JSON object)."""
        arguments = ["envelope", self.write("e.suit", envelope), "--json"]
        for name in trust:
            arguments += ["--trust", self.dir / name]
        if image is not None:
            arguments += ["--image", self.write("image.bin", image)]
        code, out, err = run(*arguments, *options)
        self.assertEqual(err, "")
        self.assertEqual(out.count("\n"), 1)
        self.assertTrue(out.isascii())
        return code, json.loads(out)

    def assert_accepted(self, envelope, *options, **more):
        code, doc = self.verify(envelope, *options, **more)
        self.assertEqual((code, doc["verdict"], doc["status"]), (0, "accepted", "ok"), doc)
        return doc

    def assert_refused(self, status, envelope, *options, **more):
        code, doc = self.verify(envelope, *options, **more)
        self.assertEqual((code, doc["verdict"], doc["status"]), (1, "refused", status), doc)
        self.assertTrue(doc["detail"])
        return doc


# ---- accepted ----


class Accepted(Case):
    def test_envelope_esp_image_is_accepted_with_all_facts(self):
        doc = self.assert_accepted(
            seal(APP, [ALICE], sequence=7, version="1.4.2-rc1"),
            *("--vendor", "example.com", "--class", "sensor", "--component", "app"),
            *("--newer-than", 6, "--floor", 0, "--slot-size", "1M", "--format", "esp"),
            *("--chip", "esp32", "--chip-revision", 100),
            image=APP,
        )
        self.assertEqual(doc["sequence"], 7)
        self.assertEqual(doc["version"], "1.4.2-rc1")
        self.assertEqual(doc["component"], "app")
        self.assertEqual(doc["vendor_id"].replace("-", ""), sealing.vendor_id("example.com").hex())
        self.assertEqual(
            doc["class_id"].replace("-", ""), sealing.class_id("example.com", "sensor").hex()
        )
        self.assertEqual(doc["image"]["size"], len(APP))
        self.assertEqual(doc["image"]["sha256"], hashlib.sha256(APP).hexdigest())
        self.assertEqual(doc["image"]["uri"], "app.bin")
        self.assertEqual(doc["image"]["esp"]["chip"], "esp32")
        self.assertEqual(doc["image"]["esp"]["project"], "fixture_esp32")
        self.assertEqual(doc["signers"], [ALICE.id.hex()])
        self.assertEqual(doc["threshold"], 1)
        self.assertEqual(doc["not_judged"], [])
        self.assertIsNone(doc["text"])

    def test_envelope_every_good_esp_fixture_is_accepted(self):
        for name in ("se32_1.0.0", "se32_1.1.0", "se32_1.2.0", "se32_other", "sc3", "ss3", "e32"):
            with self.subTest(name):
                image = (ESP / "app" / f"{name}.bin").read_bytes()
                doc = self.assert_accepted(seal(image, [ALICE]), image=image)
                self.assertEqual(doc["image"]["format"], "esp")

    def test_envelope_raw_images_around_sector_sizes_are_accepted(self):
        for size in (1, 4095, 4096, 4097, 8192, len(RAW)):
            with self.subTest(size):
                image = RAW[:size]
                doc = self.assert_accepted(seal(image, [ALICE]), image=image)
                self.assertEqual(doc["image"]["format"], "raw")

    def test_envelope_without_image_says_what_was_not_judged(self):
        doc = self.assert_accepted(
            seal(APP, [ALICE]), "--floor", 3, "--format", "raw", "--chip", "esp32c3"
        )
        for what in ("image", "floor", "format", "chip"):
            self.assertIn(what, doc["not_judged"])
        code, out, _ = run("envelope", self.dir / "e.suit", "--trust", self.dir / "alice.pub")
        self.assertEqual(code, 0)
        self.assertTrue(out.startswith("accepted: "))
        self.assertRegex(out, r"not judged +.*image, format, chip, floor")

    def test_envelope_bundle_is_judged_without_image_option(self):
        doc = self.assert_accepted(
            seal(APP, [ALICE], bundle=True), "--floor", 0, "--format", "esp", "--chip", "esp32"
        )
        self.assertTrue(doc["image"]["bundled"])
        for what in ("image", "floor", "format", "chip"):
            self.assertNotIn(what, doc["not_judged"])

    def test_envelope_bundle_length_above_32_bits_is_refused(self):
        # the largest image there is, and a bundle head that claims 2^63 bytes
        size = 2**32 - 1
        sectors = sealing.sha256(bytes(4096)) * (2**20 - 1) + sealing.sha256(bytes(4095))

        def largest(shared):
            shared[3] = {**shared[3], 14: size}
            return shared

        for claimed, status in ((2**63, "image-trailing"), (2**32, "image-trailing"),
                                (size - 1, "image-truncated"), (size, "envelope-truncated")):
            envelope = seal(
                RAW, [ALICE], bundle=True, shared=largest,
                sector_list=lambda s: [s[0], s[1], size, sectors],
                members=lambda m: m[:-1] + [(m[-1][0], sealing.head(2, claimed))])  # fmt: skip
            self.assert_refused(status, envelope)

    def test_envelope_uri_no_device_can_use_is_refused(self):
        for uri in ("https://[::::]/x", "https://localhost:0443/x", "https://h./x", "https://a..b/x"):
            self.assert_refused("uri-form", seal(RAW, [ALICE], uri=uri))

    def test_envelope_bundle_and_image_are_both_judged(self):
        envelope = seal(RAW, [ALICE], bundle=True)
        self.assert_accepted(envelope, image=RAW)
        self.assert_refused("image-truncated", envelope, image=RAW[:-1])

    def test_envelope_text_is_shown_escaped(self):
        text = {"en": {1: "Fixes\x1b[31m the \u202epump", 4: "a\\b"}, "sq": {2: "Përditësim"}}
        doc = self.assert_accepted(seal(APP, [ALICE], text=text))
        self.assertEqual(
            doc["text"]["en"]["manifest-description"], "Fixes\\u{001B}[31m the \\u{202E}pump"
        )
        self.assertEqual(doc["text"]["sq"]["update-description"], "Përditësim")
        code, out, _ = run("envelope", self.dir / "e.suit", "--trust", self.dir / "alice.pub")
        self.assertEqual(code, 0)
        self.assertIn("Fixes\\u{001B}[31m the \\u{202E}pump", out)
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\u202e", out)

    def test_envelope_threshold_two_of_three_is_met(self):
        doc = self.assert_accepted(
            seal(APP, [ALICE, CAROL]),
            *("--threshold", 2),
            trust=("alice.pub", "bob.pub", "carol.pub"),
        )
        self.assertEqual(sorted(doc["signers"]), sorted([ALICE.id.hex(), CAROL.id.hex()]))
        self.assertEqual(doc["threshold"], 2)

    def test_envelope_trust_store_is_taken(self):
        self.write("trust.cbor", sealing.trust_store([ALICE, BOB], threshold=2))
        self.assert_accepted(seal(APP, [ALICE, BOB]), trust=("trust.cbor",))
        self.assert_refused("threshold-not-met", seal(APP, [ALICE]), trust=("trust.cbor",))

    def test_envelope_cosigned_by_untrusted_key_is_accepted(self):
        doc = self.assert_accepted(seal(APP, [ALICE, MALLORY]))
        self.assertEqual([b["standing"] for b in doc["blocks"]], ["valid", "foreign"])
        self.assertEqual(doc["signers"], [ALICE.id.hex()])

    def test_envelope_foreign_algorithm_block_is_skipped(self):
        foreign = Block(MALLORY, alg=-9, signature=lambda s: s + s)
        self.assert_accepted(seal(APP, [foreign, ALICE]))

    def test_envelope_eddsa_and_blocks_without_key_id_are_accepted(self):
        self.assert_accepted(seal(APP, [Block(ALICE, alg=sealing.EDDSA)]))
        self.assert_accepted(seal(APP, [Block(ALICE, kid=None)]), trust=("bob.pub", "alice.pub"))

    def test_envelope_version_forms_are_shown_as_written(self):
        for version in ("1", "1.2", "0.0.0", "1.4.2-rc1", "2.0-beta", "3-alpha7"):
            with self.subTest(version):
                doc = self.assert_accepted(seal(APP, [ALICE], version=version))
                self.assertEqual(doc["version"], version)
        self.assertIsNone(self.assert_accepted(seal(APP, [ALICE], version=None))["version"])

    def test_envelope_largest_sequence_is_accepted(self):
        envelope = seal(APP, [ALICE], sequence=2**32 - 1)
        doc = self.assert_accepted(envelope, "--newer-than", 2**32 - 2)
        self.assertEqual(doc["sequence"], 2**32 - 1)

    def test_envelope_uris_of_the_allowed_forms_are_accepted(self):
        for uri in ("a", "dir/app.bin", "/abs/app.bin", "https://h:8443/x?y=%20z", "a" * 255):
            with self.subTest(uri[:20]):
                doc = self.assert_accepted(seal(APP, [ALICE], uri=uri))
                self.assertEqual(doc["image"]["uri"], uri)

    def test_envelope_from_a_pipe_is_judged(self):
        envelope = seal(RAW, [ALICE], bundle=True)
        code, out, _ = run(
            "envelope", "/dev/stdin", "--trust", self.dir / "alice.pub", stdin=envelope
        )
        self.assertEqual(code, 0)
        self.assertIn("image intact", out)

    def test_envelope_key_rights_allow_the_named_component(self):
        self.write("t.cbor", sealing.trust_store([ALICE], names={ALICE: ["factory"]}))
        self.assert_accepted(seal(APP, [ALICE], component="factory"), trust=("t.cbor",))

    def test_envelope_abbreviated_json_option_gives_json(self):
        code, out, _ = run("--json", "envelope", self.write("e", b""), "--trust", "missing.pub")
        self.assertEqual(code, 2)
        self.assertEqual(json.loads(out)["verdict"], "not judged")

    def test_sealed_envelopes_are_deterministic_cbor_for_an_independent_reader(self):
        envelope = seal(RAW, [ALICE, BOB], text={"en": {1: "x"}}, bundle=True)
        tree = cbor2.loads(envelope)
        self.assertEqual(tree.tag, 107)
        self.assertEqual(list(tree.value), [2, 3, 23, "#app", "app.bin"])
        self.assertEqual(cbor2.dumps(tree), envelope)

    def test_envelope_size_without_key_id_list_and_text_is_small(self):
        envelope = seal(APP, [Block(ALICE, kid=None)], version=None)
        list_member = len(encode("#app")) + len(encode(bytes(42)))
        self.assertLessEqual(len(envelope) - list_member, 420)


# ---- refused: one defect each, everything around it made to fit ----


def flip(data, at, bit=1):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def small_order_r(signature):
    return bytes(32) + signature[32:]


def plus_group_order(signature):
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    return signature[:32] + s.to_bytes(32, "little")


def deep(levels):
    return b"\x81" * levels + b"\x00"


def without(key):
    return lambda part: {k: v for k, v in part.items() if k != key}


def with_pair(key, value):
    return lambda part: {**part, key: value}


def replaced(index, value):
    def change(part):
        part = list(part)
        part[index] = value
        return part

    return change


def parameter(which, key, value):
    """Set (or with None remove) a parameter of the which-th override-parameters."""

    def change(sequence):
        sequence = list(sequence)
        index = [i for i in range(0, len(sequence), 2) if sequence[i] == 20][which] + 1
        parameters = dict(sequence[index])
        parameters.pop(key, None)
        if value is not None:
            parameters[key] = value
        sequence[index] = parameters
        return sequence

    return change


def drop_member(key):
    return lambda members: [m for m in members if m[0] != key]


def add_member(key, value, at=None):
    def change(members):
        members = list(members)
        members.insert(len(members) if at is None else at, (key, value))
        return members

    return change


def manifest_pairs(change):
    """Rewrite the manifest as a list of pairs, in any order."""
    return lambda manifest: change(Pairs(sorted(manifest.items())))


def resign_free(envelope, find, put):
    """Change bytes after signing."""
    assert envelope.count(find) == 1
    return envelope.replace(find, put)


def bad_payload_message(message):
    """The payload wrapped once more, as a loose reading of the draft would have it."""
    digest = message[-36:]
    return message[: -36 - 2] + encode(encode(digest))


TEXT = {"en": {1: "hello"}}


def text_of(data):
    """Put these bytes as the text member, signed."""

    def hooks():
        return {
            "manifest": with_pair(23, Raw(suit_digest(encode(data)))),
            "members": add_member(23, encode(data), at=2),
        }

    return hooks()


def refusals():
    """name -> (status, arguments of seal, options of verify)"""
    cases = {}

    def case(name, status, keys=(ALICE,), image=APP, options=(), trust=("alice.pub",), **arguments):
        assert name not in cases
        cases[name] = (status, image, list(keys), arguments, options, trust)

    def envelope_bytes(name, status, change):
        case(name, status, envelope=change)

    # bytes of the file (E16, E18, E20, E36)
    envelope_bytes("empty_file", "envelope-truncated", lambda e: b"")
    envelope_bytes("one_byte", "envelope-truncated", lambda e: e[:1])
    envelope_bytes("mib_of_zeros", "envelope-not-suit", lambda e: bytes(1 << 20))
    envelope_bytes("mib_of_ff", "envelope-not-suit", lambda e: b"\xff" * (1 << 20))
    envelope_bytes("cut_in_wrapper", "envelope-truncated", lambda e: e[:60])
    envelope_bytes("cut_in_manifest", "envelope-truncated", lambda e: e[:200])
    envelope_bytes("cut_before_list", "envelope-truncated", lambda e: e[:-50])
    envelope_bytes("cut_by_one_byte", "envelope-truncated", lambda e: e[:-1])
    envelope_bytes("one_trailing_byte", "envelope-trailing", lambda e: e + b"\x00")
    envelope_bytes("twice", "envelope-trailing", lambda e: e + e)
    envelope_bytes("untagged", "envelope-not-suit", lambda e: e[2:])
    envelope_bytes("other_tag", "envelope-not-suit", lambda e: b"\xd9\x04\x2e" + e[2:])
    envelope_bytes("long_tag_head", "cbor-not-shortest", lambda e: b"\xd9\x00\x6b" + e[2:])
    envelope_bytes("indefinite_map", "cbor-indefinite", lambda e: e[:2] + b"\xbf" + e[3:] + b"\xff")
    envelope_bytes("two_members", "envelope-member-missing", lambda e: e[:2] + b"\xa2" + e[3:])
    envelope_bytes("six_members", "envelope-member-unknown", lambda e: e[:2] + b"\xa6" + e[3:])
    envelope_bytes(
        "wrapper_longer_than_input", "envelope-truncated", lambda e: e[:4] + b"\x59\x07\xf0" + e[6:]
    )
    envelope_bytes(
        "wrapper_length_of_2_to_64", "envelope-too-large", lambda e: e[:4] + b"\x5b" + b"\xff" * 8
    )

    # members
    def is_list(members):
        return next(m for m in members if m[0] == "#app")

    case("no_wrapper", "envelope-member-missing", members=add_and_drop(2))
    case("no_manifest", "envelope-member-missing", members=add_and_drop(3))
    case("no_list", "envelope-member-missing", members=lambda m: m[:2] + [("app.bin", encode(APP))])
    case("delegation_member", "envelope-member-missing", members=add_member(1, encode(b""), at=0))
    case("severed_install", "envelope-member-unknown",
         members=add_member(20, encode(b"\x80"), at=2))  # fmt: skip
    case("unfetched_payload", "envelope-member-unknown",
         members=add_member("other.bin", encode(b"x")))  # fmt: skip
    case("unfetched_list", "envelope-member-unknown",
         members=add_member("#two", encode(b"x"), at=2))  # fmt: skip
    case("list_twice", "cbor-key-repeated", members=lambda m: m + [is_list(m)])
    case("bundle_twice", "cbor-key-repeated", bundle=True, members=lambda m: m + [m[-1]])
    case("bundle_before_list", "envelope-member-missing", bundle=True,
         members=lambda m: m[:2] + [m[3], m[2]])  # fmt: skip
    case("bundle_shorter", "image-truncated", members=add_member("app.bin", encode(APP[:-1])))
    case("bundle_longer", "image-trailing", members=add_member("app.bin", encode(APP + b"\x00")))
    case("bundle_bit_flipped", "sector-digest",
         members=add_member("app.bin", encode(flip(APP, 99))))  # fmt: skip
    case("wrapper_too_large", "envelope-too-large", wrapper=lambda w: w + [bytes(2048)])

    # digest (I04)
    case("digest_of_31_bytes", "digest-form", digest=lambda d: [d[0], d[1][:31]])
    case("digest_of_33_bytes", "digest-form", digest=lambda d: [d[0], d[1] + b"\0"])
    case("digest_sha_384", "digest-algorithm", digest=lambda d: [-43, d[1]])
    case("digest_three_elements", "digest-form", digest=lambda d: d + [0])
    case("digest_of_other_manifest", "manifest-digest", digest=lambda d: [d[0], bytes(32)])
    case("manifest_changed_after_signing", "manifest-digest",
         envelope=lambda e: resign_free(e, b"\x67app.bin", b"\x67app.bim"))  # fmt: skip

    # blocks (E01, E04, E05, E09, E11, E13, E24)
    case("no_block", "block-count", keys=())
    case("nine_blocks", "block-count", keys=[Key(str(i)) for i in range(9)])
    case("untagged_block", "block-form", keys=[Block(ALICE, tag=None)])
    case("cose_sign_block", "block-form", keys=[Block(ALICE, tag=98)])
    case("block_of_three", "block-form", blocks=lambda b: [encode(Tag(18, [b"", {}, None]))])
    case("block_with_trailing_byte", "cbor-trailing", blocks=lambda b: [b[0] + b"\0"])
    case("protected_empty_map", "block-protected", keys=[Block(ALICE, protected=encode({}))])
    case("protected_empty_bytes", "block-protected", keys=[Block(ALICE, protected=b"")])
    case("protected_crit", "block-protected",
         keys=[Block(ALICE, protected=encode({1: -19, 2: [99]}))])  # fmt: skip
    case("protected_kid", "block-protected",
         keys=[Block(ALICE, protected=encode({1: -19, 4: ALICE.id}))])  # fmt: skip
    case("protected_not_shortest", "cbor-not-shortest",
         keys=[Block(ALICE, protected=b"\xa1\x18\x01\x32")])  # fmt: skip
    case("alg_in_unprotected", "block-unprotected", keys=[Block(ALICE, unprotected={1: -19})])
    case("kid_of_7_bytes", "block-unprotected", keys=[Block(ALICE, kid=ALICE.id[:7])])
    case("kid_empty", "block-unprotected", keys=[Block(ALICE, kid=b"")])
    case("attached_payload", "block-payload", keys=[Block(ALICE, payload=b"x")])
    case("signature_of_63_bytes", "signature-form", keys=[Block(ALICE, signature=lambda s: s[:63])])
    case("signature_of_65_bytes", "signature-form",
         keys=[Block(ALICE, signature=lambda s: s + b"\0")])  # fmt: skip
    case("signature_r_flipped", "signature-invalid",
         keys=[Block(ALICE, signature=lambda s: flip(s, 3))])  # fmt: skip
    case("signature_s_flipped", "signature-invalid",
         keys=[Block(ALICE, signature=lambda s: flip(s, 35))])  # fmt: skip
    case("signature_all_zero", "signature-not-canonical",
         keys=[Block(ALICE, signature=lambda s: bytes(64))])  # fmt: skip
    case("signature_s_plus_order", "signature-not-canonical",
         keys=[Block(ALICE, signature=plus_group_order)])  # fmt: skip
    case("signature_r_small_order", "signature-not-canonical",
         keys=[Block(ALICE, signature=small_order_r)])  # fmt: skip
    case("signature_over_doubly_wrapped_digest", "signature-invalid",
         keys=[Block(ALICE, message=bad_payload_message)])  # fmt: skip
    case("unknown_kid_of_trusted_key", "signature-unknown-key",
         keys=[Block(ALICE, kid=b"12345678")])  # fmt: skip
    case("kid_of_another_trusted_key", "signature-invalid", keys=[Block(ALICE, kid=BOB.id)],
         trust=("alice.pub", "bob.pub"))  # fmt: skip
    case("wrong_key", "signature-unknown-key", keys=[MALLORY])
    case("wrong_key_without_kid", "signature-invalid", keys=[Block(MALLORY, kid=None)])
    case("good_block_and_bad_block_of_trusted_keys", "signature-invalid",
         keys=[ALICE, Block(BOB, signature=lambda s: flip(s, 40))],
         trust=("alice.pub", "bob.pub"))  # fmt: skip
    case("same_key_twice", "signature-key-repeated", keys=[ALICE, ALICE])
    case("same_key_twice_for_threshold", "signature-key-repeated",
         keys=[ALICE, Block(ALICE, kid=None)],
         trust=("alice.pub", "bob.pub"), options=("--threshold", 2))  # fmt: skip
    case("threshold_not_met", "threshold-not-met", trust=("alice.pub", "bob.pub", "carol.pub"),
         options=("--threshold", 2))  # fmt: skip

    # manifest (E22, E26, E28)
    case("manifest_version_2", "manifest-version", manifest=with_pair(1, 2))
    for key in (1, 2, 3, 7, 20):
        case(f"manifest_without_{key}", "manifest-field-missing", manifest=without(key))
    for key in (2, 4):
        case(f"common_without_{key}", "manifest-field-missing", common=without(key))
    case("manifest_reference_uri", "manifest-field-unknown", manifest=with_pair(4, "https://x"))
    case("manifest_invoke", "manifest-field-unknown", manifest=with_pair(9, encode([23, 2])))
    case("manifest_uninstall", "manifest-field-unknown", manifest=with_pair(24, encode([])))
    case("manifest_sequence_before_version", "manifest-field-missing",
         manifest=manifest_pairs(lambda p: Pairs([p[1], p[0], *p[2:]])))  # fmt: skip
    case("manifest_set_version_after_validate", "cbor-key-order",
         manifest=manifest_pairs(lambda p: Pairs([*p[:3], p[4], p[3], p[5]])))  # fmt: skip
    case("manifest_key_repeated", "cbor-key-repeated",
         manifest=manifest_pairs(lambda p: Pairs([p[0], p[1], p[1], *p[2:]])))  # fmt: skip
    case("manifest_trailing_byte", "cbor-trailing", manifest_bytes=lambda m: m + b"\0")
    case("manifest_not_a_map", "cbor-type", manifest_bytes=lambda m: b"\x80")
    case("manifest_sequence_not_shortest", "cbor-not-shortest",
         manifest=with_pair(2, Raw(head(0, 1, 4))))  # fmt: skip
    case("manifest_sequence_negative", "sequence-form", manifest=with_pair(2, -1))
    case("manifest_sequence_2_to_32", "sequence-form", manifest=with_pair(2, 2**32))
    case("manifest_sequence_text", "sequence-form", manifest=with_pair(2, "1"))
    case("common_dependencies", "manifest-field-unknown", common=with_pair(1, {}))

    # components and commands (E33)
    case("component_unknown", "component-unknown", component="modem")
    case("component_list_without_list", "components-form", components=lambda c: c[:1])
    case("component_list_of_three", "components-form", components=lambda c: c + [[b"x"]])
    case("component_list_name_differs", "components-form", components=replaced(1, [b"fac", b"#"]))
    case("component_index_out_of_range", "command-unexpected", shared=replaced(1, 2))
    case("component_index_true", "command-unexpected", shared=replaced(1, True))
    case("command_custom", "command-unexpected", install=lambda s: s + [-257, 0])
    case("command_try_each", "command-unexpected", install=replaced(0, 15))
    case("command_missing_class_check", "command-unexpected", shared=lambda s: s[:6] + s[8:])
    case("command_missing_image_match", "command-unexpected", install=lambda s: s[:6] + s[8:])
    case("command_order", "command-unexpected", install=lambda s: s[8:] + s[:8])
    case("validate_empty", "command-unexpected", validate=lambda s: [])
    case("validate_abort", "command-unexpected", validate=lambda s: s + [14, 15])
    case("reporting_policy_16", "reporting-policy", validate=replaced(3, 16))
    case("reporting_policy_negative", "cbor-type", validate=replaced(3, -1))
    case("common_nested_64_deep", "cbor-type", manifest=with_pair(3, encode(Raw(deep(64)))))

    # parameters
    case("parameter_vendor_missing", "parameter-unexpected", shared=parameter(0, 1, None))
    case("parameter_slot", "parameter-unexpected", shared=parameter(0, 5, 0))
    case("parameter_vendor_15_bytes", "parameter-form", shared=parameter(0, 1, bytes(15)))
    case("parameter_vendor_pen", "cbor-type", shared=parameter(0, 1, Tag(112, bytes(16))))
    case("parameter_digest_31_bytes", "digest-form",
         shared=parameter(0, 3, encode([-16, bytes(31)])))  # fmt: skip
    case("parameter_digest_sha_512", "digest-algorithm",
         shared=parameter(0, 3, encode([-44, bytes(64)])))  # fmt: skip
    case("image_size_0", "image-size-form", shared=parameter(0, 14, 0))
    case("image_size_2_to_32", "image-size-form", shared=parameter(0, 14, 2**32))
    case("image_size_negative", "cbor-type", shared=parameter(0, 14, -1))
    case("encryption_info", "parameter-unexpected", install=parameter(1, 19, b"x"))

    # list, URI, version
    case("list_size_of_other_image", "list-size", shared=parameter(1, 14, 43))
    case("list_uri_of_other_component", "list-uri", install=parameter(0, 21, "#factory"))
    case("list_uri_remote", "list-uri", install=parameter(0, 21, "list.bin"))
    case("list_bit_flipped", "list-digest",
         members=lambda m: m[:2] + [("#app", flip(m[2][1], 30))])  # fmt: skip
    case("list_chunk_size_8192", "list-form", sector_list=replaced(1, 8192))
    case("list_of_other_size", "list-form", sector_list=replaced(2, 449))
    case("list_digest_shake_128", "list-form", sector_list=replaced(0, -18))
    case("list_sector_is_not_image", "list-digest", sector_list=replaced(3, bytes(32)))
    for name, uri in {
        "http": "http://example.com/app.bin",
        "file": "file:///app.bin",
        "network_path": "//example.com/app.bin",
        "user": "https://user@example.com/app.bin",
        "fragment": "app.bin#x",
        "blank": "app bin",
        "control": "app\nbin",
        "non_ascii": "äpp.bin",
        "dot_dot": "../app.bin",
        "dot_dot_encoded": "%2e%2e/app.bin",
        "percent": "app%2",
        "percent_control": "app%00",
        "no_host": "https:///app.bin",
        "port_0": "https://example.com:0/app.bin",
        "empty": "",
        "256_bytes": "a" * 256,
    }.items():
        case(f"uri_{name}", "uri-form", uri=uri)
    case("version_empty", "version-form", version=[])
    case("version_of_four", "version-form", version=[1, 2, 3, 4])
    case("version_begins_with_rc", "version-form", version=[-1, 1])
    case("version_unknown_pre_release", "version-form", version=[1, -4])

    # text (E29)
    case("text_missing", "text-missing", text=TEXT, members=drop_member(23))
    case("text_unsigned", "text-unsigned", members=add_member(23, encode(encode(TEXT)), at=2))
    case("text_changed", "text-digest", text=TEXT,
         envelope=lambda e: resign_free(e, b"hello", b"jello"))  # fmt: skip
    case("text_of_64_kib", "text-too-large", text={"en": {1: "x" * 65536}})
    case("text_invalid_utf8", "cbor-utf8", **text_of(b"\xa1\x62en\xa1\x01\x62\xc3\x28"))
    case("text_key_5", "text-form", text={"en": {5: "x"}})
    case("text_empty", "text-form", text={})
    case("text_trailing_byte", "cbor-trailing", **text_of(encode(TEXT) + b"\0"))
    case("text_after_list", "text-missing", text=TEXT, members=lambda m: [m[0], m[1], m[3], m[2]])
    case("text_inside_manifest", "digest-form", manifest=with_pair(23, encode(TEXT)))

    # policy (D01, D09, I06)
    case("sequence_older", "sequence-too-old", sequence=6, options=("--newer-than", 7))
    case("sequence_equal", "sequence-too-old", sequence=7, options=("--newer-than", 7))
    case("sequence_older_with_newer_version_text", "sequence-too-old", sequence=6, version="9.9.9",
         options=("--newer-than", 7))  # fmt: skip
    ids = ("--vendor", "example.com", "--class", "sensor")
    case("other_vendor", "vendor-mismatch", vendor="example.org", options=ids)
    case("other_class", "class-mismatch", class_name="actor", options=ids)
    case("other_component", "component-mismatch",
         component="factory", options=("--component", "app"))  # fmt: skip
    case("slot_too_small", "slot-too-small", options=("--slot-size", len(APP) - 1))
    bundled = {"bundle": True}
    case("esp_where_raw_is_taken", "image-format", options=("--format", "raw"), **bundled)
    case("raw_where_esp_is_taken", "image-format",
         image=RAW, options=("--format", "esp"), **bundled)  # fmt: skip
    case("other_chip", "chip-mismatch", options=("--chip", "esp32c3"), **bundled)
    case("below_floor", "secure-version-too-old", options=("--floor", 1), **bundled)
    case("raw_below_floor", "secure-version-too-old", image=RAW, options=("--floor", 1), **bundled)
    min_rev = (ESP / "app" / "m_min_rev_900.bin").read_bytes()
    case("chip_revision_too_low", "chip-revision", image=min_rev,
         options=("--chip", "esp32", "--chip-revision", 301), **bundled)  # fmt: skip

    # ESP images that the signer would not have sealed
    for name, status in {
        "m_bad_checksum": "image-checksum",
        "m_bad_sha": "image-sha256",
        "m_flipped_code_bit": "image-sha256",
        "m_no_appdesc_magic": "image-no-descriptor",
        "m_segs_17": "image-segment-count",
        "m_seg_len_unaligned": "image-segment-length",
        "m_trailing_garbage": "image-tail",
        "m_truncated_half": "image-cut",
        "m_truncated_no_sha": "image-cut",
        "m_dram_in_bootloader_data": "image-loads-over-bootloader",
        "se32_nodigest": "image-no-sha256",
    }.items():
        case(f"esp_{name}", status, image=(ESP / "app" / f"{name}.bin").read_bytes(), **bundled)
    combined = (ESP / "combined" / "comb_esp32_from_1000.bin").read_bytes()
    case("esp_combined_flash_image", "image-not-an-app", image=combined, **bundled)
    return cases


def add_and_drop(key):
    """Without this member, but with as many as before."""
    return lambda m: [x for x in m if x[0] != key] + [("app.bin", encode(APP))]


class Refused(Case):
    """One method a row of refusals()."""

    def test_envelope_two_defects_give_the_first_step_of_the_order(self):
        bent = Block(ALICE, signature=lambda s: flip(s, 1))
        old = ("--newer-than", 7)
        self.assert_refused("signature-invalid", seal(APP, [bent], manifest=with_pair(1, 2)), *old)
        self.assert_refused("manifest-version", seal(APP, [ALICE], manifest=with_pair(1, 2)), *old)
        both = seal(APP, [ALICE], vendor="example.org", sector_list=replaced(1, 8192))
        device = ("--vendor", "example.com", "--class", "sensor")
        self.assert_refused("sequence-too-old", both, *old, *device)
        self.assert_refused("vendor-mismatch", both, *device)
        self.assert_refused("list-form", both)


def add_refusals():
    for name, (status, image, keys, arguments, options, trust) in refusals().items():

        def method(self, status=status, image=image, keys=keys, arguments=arguments,
                   options=options, trust=trust):  # fmt: skip
            self.assert_refused(status, seal(image, keys, **arguments), *options, trust=trust)

        setattr(Refused, f"test_envelope_{name}_is_refused", method)


add_refusals()


class RefusedImage(Case):
    """--image beside an envelope that is fine (I01, I02, V07)."""

    def test_image_bit_flipped_in_any_sector_is_refused(self):
        envelope = seal(RAW, [ALICE])
        for at in (0, 4095, 4096, 6000, len(RAW) - 1):
            with self.subTest(at):
                doc = self.assert_refused("sector-digest", envelope, image=flip(RAW, at, 0x80))
                self.assertIn(f"sector {at // 4096},", doc["detail"])

    def test_image_of_another_length_is_refused(self):
        envelope = seal(RAW, [ALICE])
        doc = self.assert_refused("image-truncated", envelope, image=RAW[:-1])
        self.assertIn(f"manifest says {len(RAW)} bytes, image has", doc["detail"])
        self.assert_refused("image-truncated", envelope, image=b"")
        self.assert_refused("image-trailing", envelope, image=RAW + b"\xff")

    def test_image_length_is_judged_before_content(self):
        envelope = seal(RAW, [ALICE])
        self.assert_refused("image-truncated", envelope, image=flip(RAW, 0)[:-1])
        self.assert_refused("image-trailing", envelope, image=flip(RAW, 0) + b"x")

    def test_image_file_not_for_this_device_is_refused(self):
        envelope = seal(APP, [ALICE])
        self.assert_refused("secure-version-too-old", envelope, "--floor", 1, image=APP)
        self.assert_refused("image-format", envelope, "--format", "raw", image=APP)
        doc = self.assert_refused("chip-mismatch", envelope, "--chip", "esp32c3", image=APP)
        self.assertIn("image is for esp32 (id 0), device is esp32c3 (id 5)", doc["detail"])
        combined = (ESP / "combined" / "comb_esp32_from_1000.bin").read_bytes()
        self.assert_refused("image-not-an-app", seal(combined, [ALICE]), image=combined)

    def test_image_of_another_length_from_a_pipe_is_refused(self):
        envelope = self.write("e.suit", seal(RAW, [ALICE]))
        for image, status in ((RAW[:-1], "image-truncated"), (RAW + b"x", "image-trailing")):
            code, out, _ = run(
                *("envelope", envelope, "--trust", self.dir / "alice.pub"),
                *("--image", "/dev/stdin", "--json"),
                stdin=image,
            )
            self.assertEqual((code, json.loads(out)["status"]), (1, status))

    def test_image_of_another_release_is_refused(self):
        other = (ESP / "app" / "se32_1.1.0.bin").read_bytes()
        self.assertEqual(len(other), len(APP))
        self.assert_refused("sector-digest", seal(APP, [ALICE]), image=other)

    def test_image_list_that_contradicts_the_image_digest_is_refused(self):
        # list and sectors agree with each other, the signed image digest is another one's
        envelope = seal(RAW, [ALICE], shared=parameter(0, 3, suit_digest(RAW + b"x")))
        self.assert_refused("image-digest", envelope, image=RAW)

    def test_image_key_without_right_for_component_is_refused(self):
        self.write("t.cbor", sealing.trust_store([ALICE, BOB], names={ALICE: ["factory"]}))
        self.assert_refused("key-not-for-component", seal(APP, [ALICE]), trust=("t.cbor",))
        self.assert_accepted(seal(APP, [ALICE, BOB]), trust=("t.cbor",))

    def test_refused_image_still_tells_what_was_signed(self):
        envelope = seal(RAW, [ALICE], sequence=9)
        doc = self.assert_refused("sector-digest", envelope, image=flip(RAW, 1))
        self.assertEqual(doc["sequence"], 9)
        self.assertEqual(doc["signers"], [ALICE.id.hex()])

    def test_refused_signature_tells_nothing_of_the_envelope(self):
        doc = self.assert_refused("signature-unknown-key", seal(RAW, [MALLORY], sequence=9))
        self.assertEqual(set(doc), {"verdict", "status", "detail", "file", "second_reading"})
        self.assertIn(MALLORY.id.hex(), doc["detail"])

    def test_refusal_for_people_names_expected_and_found_on_stderr(self):
        envelope = self.write("e.suit", seal(APP, [ALICE], sequence=7))
        code, out, err = run(
            "envelope", envelope, "--trust", self.dir / "alice.pub", "--newer-than", 9
        )
        self.assertEqual((code, out), (1, ""))
        self.assertEqual(err, "refused: sequence-too-old: manifest has 7, device confirmed 9\n")


# ---- could not judge ----


class NotJudged(Case):
    """Everything wrong before the envelope is looked at is exit 2 (and nothing else is)."""

    def setUp(self):
        super().setUp()
        self.envelope = self.write("e.suit", seal(APP, [ALICE]))
        self.trust = ("--trust", self.dir / "alice.pub")

    def assert_not_judged(self, status, *arguments):
        code, out, err = run("--json", *arguments)
        self.assertEqual(code, 2, (out, err))
        doc = json.loads(out)
        self.assertEqual((doc["verdict"], doc["status"]), ("not judged", status), doc)
        self.assertTrue(doc["detail"])
        code, out, err = run(*arguments)
        self.assertEqual((code, out), (2, ""))
        self.assertTrue(err.startswith(f"error: {status}: "), err)

    def test_options_wrong_are_not_judged(self):
        e, t = self.envelope, self.trust
        for arguments in (
            [],
            ["judge"],
            ["envelope"],
            ["envelope", e],
            ["envelope", *t],
            ["envelope", e, e, *t, "--image", e],
            ["envelope", self.dir, *t, "--image", e],
            ["envelope", e, *t, "--bogus"],
            ["envelope", e, *t, "--image"],
            ["envelope", e, *t, "--threshold", "0"],
            ["envelope", e, *t, "--threshold", "2"],
            ["envelope", e, *t, "--threshold", "17"],
            ["envelope", e, *t, "--threshold", "x"],
            ["envelope", e, *t, "--vendor", "example.com"],
            ["envelope", e, *t, "--class", "sensor"],
            ["envelope", e, *t, "--vendor", "Example.com", "--class", "sensor"],
            ["envelope", e, *t, "--vendor", "example.com.", "--class", "sensor"],
            ["envelope", e, *t, "--vendor", "example.com", "--class", ""],
            ["envelope", e, *t, "--slot-size", "0"],
            ["envelope", e, *t, "--slot-size", "4G"],
            ["envelope", e, *t, "--slot-size", "0x1000"],
            ["envelope", e, *t, "--slot-size", "-1"],
            ["envelope", e, *t, "--newer-than", "4294967296"],
            ["envelope", e, *t, "--newer-than", "1K"],
            ["envelope", e, *t, "--floor", "one"],
            ["envelope", e, *t, "--format", "elf"],
            ["envelope", e, *t, "--component", "modem"],
            ["envelope", e, *t, "--chip", "esp33"],
            ["envelope", e, *t, "--chip-revision", "100"],
            ["envelope", e, *t, "--chip", "esp32", "--chip-revision", "65536"],
            ["envelope", e, *t, "--pin", "sha256//short"],
            ["show"],
            ["show", e, *t],
            ["show", e, e],
            ["flash", e],
            ["flash", e, *t, "--image", e],
        ):
            with self.subTest(arguments[1:]):
                self.assert_not_judged("usage", *arguments)

    def test_files_missing_or_unreadable_are_not_judged(self):
        e, t, gone = self.envelope, self.trust, self.dir / "gone"
        for arguments in (
            ["envelope", gone, *t],
            ["envelope", e, *t, "--image", gone],
            ["envelope", e, *t, "--image", self.dir],
            ["envelope", e, "--trust", gone],
            ["envelope", e, *t, "--trust", gone],
            ["show", gone],
            ["show", self.dir],
            ["flash", gone, *t],
            ["flash", self.dir, *t],
        ):
            with self.subTest(arguments[1:]):
                self.assert_not_judged("io", *arguments)

    def test_trust_files_unusable_are_not_judged(self):
        store = sealing.trust_store
        identity = b"\x01" + bytes(31)
        bad = {
            "empty": b"",
            "private_key": ALICE.private_pem(),
            "two_keys": ALICE.pem() + BOB.pem(),
            "raw_key": ALICE.public,
            "half_a_pem": ALICE.pem()[:60],
            "store_threshold_0": store([ALICE], threshold=0),
            "store_threshold_above_keys": store([ALICE], threshold=2),
            "store_without_keys": store([], threshold=1),
            "store_with_trailing_byte": store([ALICE]) + b"\0",
            "store_cut": store([ALICE])[:-1],
            "store_key_twice": store([ALICE, ALICE]),
            "store_of_version_2": b"\xa5\x01\x02" + store([ALICE])[3:],
            "store_with_identity_key": store([ALICE]).replace(ALICE.public, identity),
            "store_with_zero_key": store([ALICE]).replace(ALICE.public, bytes(32)),
        }
        for name, data in bad.items():
            path = self.write(name, data)
            with self.subTest(name):
                self.assert_not_judged("usage", "envelope", self.envelope, "--trust", path)
                both = (*self.trust, "--trust", path)
                self.assert_not_judged("usage", "envelope", self.envelope, *both)

    def test_trust_pem_with_odd_but_fine_armour_is_taken(self):
        pem = ALICE.pem()
        for name, data in {
            "crlf": pem.replace(b"\n", b"\r\n"),
            "no_last_newline": pem.rstrip(b"\n"),
            "text_before": b"the release key\n" + pem,
        }.items():
            path = self.write(name, data)
            with self.subTest(name):
                self.assertEqual(run("envelope", self.envelope, "--trust", path)[0], 0)

    def test_bytes_of_an_envelope_never_cause_exit_2(self):
        envelope = seal(APP, [ALICE], text=TEXT, bundle=True)
        noise = random.Random(1)
        for _ in range(150):
            data = bytearray(envelope)
            for _ in range(noise.choice((1, 1, 2, 8))):
                data[noise.randrange(len(data))] = noise.randrange(256)
            code, doc = self.verify(bytes(data[: noise.choice((len(data), noise.randrange(999)))]))
            self.assertIn(code, (0, 1), doc)
            self.assertEqual(code == 0, bytes(data) == envelope and doc["status"] == "ok")

    def test_help_and_version_are_on_stdout(self):
        for arguments in (["--help"], ["--version"], ["envelope", "--help"], ["show", "--help"],
                          ["flash", "--help"]):  # fmt: skip
            with self.subTest(arguments):
                code, out, err = run(*arguments)
                self.assertEqual((code, err), (0, ""))
                self.assertIn("bulla-verify", out)
        self.assertIn("slot-not-sealed", run("flash", "--help")[1])


# ---- show ----


class Show(Case):
    def show(self, data):
        path = self.write("shown", data)
        code, out, err = run("show", path)
        return code, out + err

    def test_show_own_envelope_names_every_field(self):
        code, out = self.show(
            seal(RAW, [ALICE], sequence=4711, version="1.4.2-rc1", text=TEXT, bundle=True)
        )
        self.assertEqual(code, 0)
        for words in (
            "authentication-wrapper", "protected", "alg: -19 (Ed25519)", ALICE.id.hex(),
            "manifest-sequence-number: 4711", "'app'", "vendor-identifier", "class-identifier",
            "image-digest", "SHA-256 (-16) " + hashlib.sha256(RAW).hexdigest(), "image-size",
            "condition-vendor-identifier", "condition-class-identifier", "directive-fetch",
            "condition-image-match", "directive-override-parameters", "uri: #app", "1.4.2-rc1",
            "manifest-description: hello", "sector list", "chunk size: 4096",
            'integrated payload "app.bin"', "inside the profile",
        ):  # fmt: skip
            self.assertIn(words, out)
        self.assertNotIn("outside the profile", out)

    def test_show_foreign_suit_examples_names_commands_and_parameters(self):
        expected = {
            0: ("condition-image-match", "directive-invoke [outside the profile]"),
            1: ("directive-fetch", "uri: http://example.com/file.bin", "image-size: 34768"),
            5: ("directive-set-component-index: 1", "uri: http://example.com/file2.bin"),
        }
        for number, words in expected.items():
            for kind in ("signed", "unsigned"):
                with self.subTest(number=number, kind=kind):
                    data = (SUIT / f"example{number}.{kind}.suit").read_bytes()
                    code, out = self.show(data)
                    self.assertEqual(code, 0, out)
                    self.assertRegex(out, "(?m)^outside the profile: ")
                    for word in (*words, "vendor-identifier: fa6b4a53-d5ad-5fdf-be9d-e663e4d41ffe",
                                 "condition-class-identifier"):  # fmt: skip
                        self.assertIn(word, out)
                    if kind == "signed":
                        self.assertIn("alg: -7 (ES256) [outside the profile]", out)

    def test_show_refused_envelopes_still_shows_them(self):
        for name, change in {
            "trailing": dict(envelope=lambda e: e + b"\0"),
            "bad_signature": dict(blocks=lambda b: [flip(b[0], -1)]),
            "other_command": dict(install=lambda s: s + [23, 2]),
            "no_list": dict(members=lambda m: m[:2]),
            "indefinite": dict(manifest_bytes=lambda m: b"\xbf" + m[1:] + b"\xff"),
        }.items():
            with self.subTest(name):
                code, out = self.show(seal(APP, [ALICE], **change))
                self.assertEqual(code, 0, out)
                self.assertIn("manifest-sequence-number: 1", out)
                self.assertEqual(name != "bad_signature", "outside the profile" in out)

    def test_show_says_at_which_field_the_profile_ends(self):
        for where, change in {
            "envelope: envelope-trailing": dict(envelope=lambda e: e + b"\0"),
            "authentication-wrapper: block-payload": dict(keys=[Block(ALICE, payload=b"x")]),
            "manifest: command-unexpected": dict(install=lambda s: s + [23, 2]),
            "text: text-digest": dict(
                text=TEXT, envelope=lambda e: resign_free(e, b"hello", b"jello")),
            "sector list: list-digest": dict(envelope=lambda e: flip(e, -1)),
            "manifest: manifest-digest": dict(
                envelope=lambda e: resign_free(e, b"\x67app.bin", b"\x67app.bim")),
            "text: text-form": dict(text={"en": {5: "x"}}),
            "sector list: list-form": dict(sector_list=replaced(1, 8192)),
            "integrated payload: envelope-member-unknown":
                dict(members=add_member("other.bin", encode(b"x"))),
        }.items():  # fmt: skip
            with self.subTest(where):
                code, out = self.show(seal(APP, change.pop("keys", [ALICE]), **change))
                self.assertEqual(code, 0, out)
                self.assertIn("outside the profile: " + where, out)

    def test_show_what_is_not_suit_is_exit_1(self):
        for name, data in {
            "empty": b"",
            "zeros": bytes(4096),
            "ff": b"\xff" * 4096,
            "text": b"hello world",
            "pem": ALICE.pem(),
            "cbor_array": encode([1, 2, 3]),
            "trust_store": sealing.trust_store([ALICE]),
            "image": APP,
        }.items():
            with self.subTest(name):
                code, out = self.show(data)
                self.assertEqual(code, 1, out)
                self.assertIn("refused: ", out)

    def test_show_hostile_bytes_never_crash_and_stay_printable(self):
        envelope = seal(RAW[:5000], [ALICE], text={"en": {1: "\x1b]0;x\x07\u202e"}}, bundle=True)
        foreign = (SUIT / "example5.signed.suit").read_bytes()
        noise = random.Random(2)
        samples = [envelope[:n] for n in range(0, 700, 7)] + [foreign[:n] for n in range(0, 382, 5)]
        samples += [b"\xd8\x6b" + noise.randbytes(noise.randrange(300)) for _ in range(60)]
        for _ in range(120):
            data = bytearray(noise.choice((envelope, foreign)))
            for _ in range(noise.choice((1, 3, 9))):
                data[noise.randrange(len(data))] = noise.randrange(256)
            samples.append(bytes(data))
        samples += [
            b"\xd8\x6b" + deep(5000),
            b"\xd8\x6b" + b"\x9f" * 5000,
            b"\xd8\x6b" + b"\x5f" * 5000,
            b"\xd8\x6b" + b"\xd2" * 5000,
            b"\xd8\x6b\xbb" + b"\xff" * 8 + b"\x02\x40" * 3,
            b"\xd8\x6b\xa1\x02\x5b" + b"\xff" * 8,
            b"\xa1\x03" + encode(b"\xa1\x14" + encode(b"\x9b" + b"\xff" * 8 + b"\x15\x02" * 9)),
        ]
        for i, data in enumerate(samples):
            with self.subTest(i):
                code, out = self.show(data)
                self.assertIn(code, (0, 1), out)
                self.assertTrue(all(c == "\n" or c.isprintable() for c in out), out)

    def test_show_json_is_one_object_with_fields(self):
        path = self.write("e", seal(APP, [ALICE], sequence=4711))
        code, out, err = run("show", path, "--json")
        doc = json.loads(out)
        self.assertEqual((code, err, doc["status"]), (0, "", "ok"))
        self.assertNotIn("verdict", doc)  # nothing was judged
        self.assertTrue(doc["inside_profile"])
        field = {"depth": 3, "name": "2 manifest-sequence-number", "value": "4711"}
        self.assertIn(field, doc["fields"])
        code, out, _ = run("show", self.write("x", b"x"), "--json")
        self.assertEqual((code, json.loads(out)["status"]), (1, "envelope-not-suit"))


# ---- an envelope from a server ----


class Server:
    """An HTTPS server with a self-signed certificate on loopback."""

    def __init__(self, folder, files):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.utcnow()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        chain = folder / "server.pem"
        chain.write_bytes(
            certificate.public_bytes(pem)
            + key.private_bytes(
                pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.pin = "sha256//" + b64encode(hashlib.sha256(spki).digest()).decode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, headers, body = files.get(self.path, (404, {}, b"gone"))
                self.send_response(status)
                for field, value in headers.items():
                    self.send_header(field, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Fetched(Case):
    def setUp(self):
        super().setUp()
        envelope = seal(APP, [ALICE], sequence=5)
        self.files = {
            "/app.suit": (200, {}, envelope),
            "/cut.suit": (200, {}, envelope[:-1]),
            "/moved": (302, {"Location": "/app.suit"}, b""),
            "/away": (302, {"Location": "https://localhost:1/app.suit"}, b""),
            "/round": (302, {"Location": "/round"}, b""),
            "/error": (503, {}, b"busy"),
        }
        self.server = Server(self.dir, self.files)
        self.addCleanup(self.server.close)

    def fetch(self, path, *options, host="localhost", command="envelope"):
        trust = () if command == "show" else ("--trust", self.dir / "alice.pub")
        url = f"https://{host}:{self.server.port}{path}"
        code, out, err = run(command, url, *trust, *options, "--json")
        self.assertEqual(err, "")
        return code, json.loads(out)

    def test_fetch_pinned_server_is_judged(self):
        code, doc = self.fetch("/app.suit", "--pin", self.server.pin)
        self.assertEqual((code, doc["sequence"]), (0, 5))
        code, doc = self.fetch("/moved", "--pin", self.server.pin)
        self.assertEqual((code, doc["sequence"]), (0, 5))
        self.assertEqual(self.fetch("/app.suit", "--pin", self.server.pin, command="show")[0], 0)

    def test_fetch_one_of_several_pins_is_enough(self):
        other = "sha256//" + b64encode(bytes(32)).decode()
        pins = ("--pin", other, "--pin", self.server.pin)
        self.assertEqual(self.fetch("/app.suit", *pins)[0], 0)

    def test_fetch_other_identity_is_refused(self):
        other = "sha256//" + b64encode(bytes(32)).decode()
        for status, answer in {
            "tls-pin": self.fetch("/app.suit", "--pin", other),
            "tls-chain": self.fetch("/app.suit"),
            "tls-host-name": self.fetch("/app.suit", "--pin", self.server.pin, host="127.0.0.1"),
            "http-redirect": self.fetch("/away", "--pin", self.server.pin),
        }.items():
            code, doc = answer
            self.assertEqual((code, doc["status"]), (1, status), doc)
        code, doc = self.fetch("/round", "--pin", self.server.pin)
        self.assertEqual((code, doc["status"]), (1, "http-redirect"))

    def test_fetch_cut_envelope_is_refused(self):
        code, doc = self.fetch("/cut.suit", "--pin", self.server.pin)
        self.assertEqual((code, doc["status"]), (1, "envelope-truncated"))

    def test_fetch_network_trouble_is_not_judged(self):
        pin = ("--pin", self.server.pin)
        for path in ("/gone.suit", "/error"):
            code, doc = self.fetch(path, *pin)
            self.assertEqual((code, doc["status"]), (2, "http-status"), doc)
        trust = ("--trust", self.dir / "alice.pub", "--json")
        code, out, _ = run("envelope", "https://localhost:1/app.suit", *trust)
        self.assertEqual((code, json.loads(out)["status"]), (2, "net-connect"))
        code, out, _ = run("envelope", "http://localhost/app.suit", *trust)
        self.assertEqual((code, json.loads(out)["verdict"]), (2, "not judged"))


# ---- flash ----


class FlashWithoutState(Case):
    """Dumps of devices that never heard of us: everything is still explained."""

    def dump(self, otadata="s0_1valid_s1_2valid", slots=(APP, APP), table="glenn20_ota"):
        flash = bytearray(b"\xff" * (4 << 20))

        def put(offset, data):
            flash[offset : offset + len(data)] = data

        put(0x8000, (ESP / "partition" / f"{table}.bin").read_bytes())
        put(0xD000, (ESP / "otadata" / f"{otadata}.bin").read_bytes())
        for offset, image in zip((0x10000, 0x190000), slots):
            put(offset, image)
        return bytes(flash)

    def audit(self, flash, *options):
        path = self.write("flash.bin", flash)
        code, out, err = run("flash", path, "--trust", self.dir / "alice.pub", "--json", *options)
        self.assertEqual(err, "")
        self.assertEqual(path.read_bytes(), flash)
        return code, json.loads(out)

    def test_flash_unsealed_is_explained_and_refused(self):
        code, doc = self.audit(self.dump())
        self.assertEqual((code, doc["status"]), (1, "slot-not-sealed"))
        self.assertEqual(doc["boot"]["slot"], "ota_1")
        self.assertEqual(doc["idf_boot"]["slot"], "ota_1")
        self.assertEqual(doc["partition_table"]["md5"], "ok")
        self.assertEqual(len(doc["partition_table"]["rows"]), 6)
        self.assertEqual([r["state"] for r in doc["otadata"]], ["VALID", "VALID"])
        self.assertEqual([r["crc"] for r in doc["otadata"]], ["ok", "ok"])
        self.assertEqual([s["standing"] for s in doc["slots"]], ["not sealed", "not sealed"])
        self.assertEqual(doc["slots"][0]["image"]["esp"]["version"], "1.0.0")
        self.assertEqual(doc["state"], "partition-no-state")

    def test_flash_otadata_fixtures_select_what_esp_idf_selects(self):
        rows = (ESP / "otadata" / "expected_boot.tsv").read_text().splitlines()
        header = rows[0].split("\t")
        seen = 0
        for row in (dict(zip(header, r.split("\t"))) for r in rows[1:]):
            cells = list(row.values())
            if cells[1:4] != ["1", "2", "0"] or not (ESP / "otadata" / cells[0]).exists():
                continue
            code, doc = self.audit(self.dump(otadata=cells[0][:-4]))
            index = int(cells[5])
            with self.subTest(cells[0]):
                expected = None if index == -1 else f"ota_{index}"
                self.assertEqual(doc["idf_boot"]["slot"], expected)
            seen += 1
        self.assertGreaterEqual(seen, 10)

    def test_flash_pending_trial_falls_back_and_says_why(self):
        code, doc = self.audit(self.dump("s0_1valid_s1_2pending"))
        self.assertEqual(doc["boot"]["slot"], "ota_0")
        self.assertIn("the trial of ota_1 ended without a confirmation", doc["boot"]["why"])

    def test_flash_new_record_starts_a_trial(self):
        code, doc = self.audit(self.dump("s0_1valid_s1_2new"))
        self.assertEqual((doc["boot"]["slot"], doc["boot"]["trial"]), ("ota_1", True))
        self.assertIn("for a trial", doc["boot"]["why"])

    def test_flash_both_records_on_one_slot_is_explained(self):
        # PENDING and ABORTED, both with sequence 2: what a device in the field once printed
        code, doc = self.audit(self.dump("seed003_status"))
        self.assertEqual([r["seq"] for r in doc["otadata"]], [2, 2])
        self.assertEqual([r["slot"] for r in doc["otadata"]], ["ota_1", "ota_1"])
        self.assertEqual(doc["boot"]["slot"], "ota_0")
        self.assertEqual(doc["idf_boot"]["slot"], "ota_0")

    def test_flash_damaged_slot_is_passed_over(self):
        bad = (ESP / "app" / "m_bad_sha.bin").read_bytes()
        code, doc = self.audit(self.dump(slots=(APP, bad)))
        self.assertEqual((code, doc["boot"]["slot"]), (1, "ota_0"))
        self.assertIn("ota_1 comes first but does not verify (image-sha256)", doc["boot"]["why"])
        self.assertEqual(doc["slots"][1]["standing"], "damaged")

    def test_flash_nothing_bootable_is_refused(self):
        code, doc = self.audit(self.dump(slots=()))
        self.assertEqual((code, doc["status"]), (1, "nothing-bootable"))
        self.assertIsNone(doc["boot"]["slot"])
        self.assertEqual([s["standing"] for s in doc["slots"]], ["empty", "empty"])

    def test_flash_damaged_tables_are_refused(self):
        good = self.dump()
        for name, status in {
            "md5_mismatch_entry": "partition-md5",
            "empty_ff": "partition-magic",
            "bad_magic_row1": "partition-magic",
        }.items():
            table = (ESP / "partition_bin" / f"{name}.bin").read_bytes()
            flash = good[:0x8000] + table + good[0x8000 + len(table) :]
            with self.subTest(name):
                code, doc = self.audit(flash)
                self.assertEqual((code, doc["status"]), (1, status))
        for size in (1, 0x8020, (4 << 20) - 1):
            with self.subTest(size):
                code, doc = self.audit(good[:size])
                self.assertEqual((code, doc["verdict"]), (2, "not judged"))
        for size in (0, 0x8000, 0x9000, 1 << 20):
            with self.subTest(size):
                code, doc = self.audit(good[:size])
                self.assertEqual(code, 1)
                self.assertTrue(doc["status"].startswith("partition-"), doc)

    def test_flash_random_bytes_never_crash(self):
        good = self.dump()
        noise = random.Random(3)
        for i in range(40):
            flash = bytearray(good)
            for _ in range(noise.choice((1, 4, 40))):
                at = noise.choice((0x8000, 0xD000, 0xE000, 0x10000, 0x190000))
                flash[at + noise.randrange(512)] = noise.randrange(256)
            with self.subTest(i):
                self.assertEqual(self.audit(bytes(flash))[0], 1)

    def test_flash_labels_are_shown_escaped(self):
        flash = bytearray(self.dump())
        row = flash.find(b"vfs\0", 0x8000)
        flash[row : row + 4] = b"\x1b[2J"
        rows = flash[0x8000 : flash.find(b"\xeb\xeb", 0x8000)]
        digest = 0x8000 + len(rows) + 16
        flash[digest : digest + 16] = hashlib.md5(rows).digest()
        path = self.write("flash.bin", bytes(flash))
        code, out, err = run("flash", path, "--trust", self.dir / "alice.pub")
        self.assertEqual(code, 1)
        self.assertNotIn("\x1b", out + err)
        self.assertIn("\\u{001B}[2J", out)


@unittest.skipUnless((BIN / "bulla-device").exists(), "bulla-device is not built")
class FlashOfDevice(Case):
    """Dumps that the simulated device wrote."""

    def setUp(self):
        super().setUp()
        self.write("trust.cbor", sealing.trust_store([ALICE]))
        self.flash = self.dir / "flash.bin"

    def provision(self, sealed=True, image=APP):
        arguments = ["provision", self.flash, "--layout", "two", "--flash-size", "4M"]
        arguments += ["--app", self.write("app.bin", image), "--trust", self.dir / "trust.cbor"]
        arguments += ["--vendor", "example.com", "--class", "sensor"]
        if sealed:
            arguments += ["--envelope", self.write("app.suit", seal(image, [ALICE], sequence=7))]
        code, out, err = run(*arguments, program="bulla-device")
        self.assertEqual(code, 0, out + err)

    def audit(self, *options, trust="alice.pub"):
        before = self.flash.read_bytes()
        code, out, err = run("flash", self.flash, "--trust", self.dir / trust, "--json", *options)
        self.assertEqual(err, "")
        self.assertEqual(self.flash.read_bytes(), before)
        return code, json.loads(out)

    def running(self, doc):
        return next(s for s in doc["slots"] if s["label"] == doc["boot"]["slot"])

    def test_flash_provisioned_sealed_is_accepted(self):
        self.provision()
        code, doc = self.audit()
        self.assertEqual((code, doc["status"]), (0, "ok"), doc)
        slot = self.running(doc)
        self.assertEqual(slot["standing"], "sealed")
        self.assertEqual(slot["envelope"]["sequence"], 7)
        self.assertEqual(slot["envelope"]["version"], "1.0.0")
        self.assertEqual(slot["envelope"]["image_sha256"], hashlib.sha256(APP).hexdigest())
        self.assertEqual(slot["matches"], [slot["label"]])
        self.assertEqual((doc["confirmed"], doc["floor"], doc["state"]), (7, 0, "ok"))
        self.assertTrue(doc["device_trust"]["same_as_given"])
        self.assertEqual(doc["device_trust"]["keys"], [ALICE.id.hex()])
        self.assertEqual(doc["device_start"], "ok")
        self.assertNotIn("last_boot", doc)
        self.assertEqual(run("boot", self.flash, program="bulla-device")[0], 0)
        _, doc = self.audit()
        self.assertEqual(doc["last_boot"], {"slot": slot["label"], "trial": False})
        code, out, err = run("flash", self.flash, "--trust", self.dir / "alice.pub")
        self.assertEqual((code, err), (0, ""))
        self.assertIn(" boots next: ", out.splitlines()[0])

    def test_flash_provisioned_unsealed_is_slot_not_sealed(self):
        self.provision(sealed=False)
        code, doc = self.audit()
        self.assertEqual((code, doc["status"]), (1, "slot-not-sealed"))
        self.assertEqual(self.running(doc)["standing"], "not sealed")

    def test_flash_judged_by_other_trust_is_refused_and_says_so(self):
        self.provision()
        code, doc = self.audit(trust="bob.pub")
        self.assertEqual((code, doc["status"]), (1, "signature-unknown-key"))
        self.assertFalse(doc["device_trust"]["same_as_given"])
        self.assertEqual(self.running(doc)["status"], "signature-unknown-key")

    def test_flash_changed_image_is_found(self):
        self.provision()
        _, doc = self.audit()
        flash = bytearray(self.flash.read_bytes())
        flash[self.running(doc)["offset"] + 100] ^= 1
        self.flash.write_bytes(flash)
        code, doc = self.audit()
        self.assertEqual((code, doc["status"]), (1, "nothing-bootable"))
        damaged = [s for s in doc["slots"] if s["standing"] == "damaged"]
        self.assertEqual(len(damaged), 1)
        self.assertEqual(damaged[0]["matches"], [])

    def test_flash_slots_that_match_another_slots_envelope_are_named(self):
        self.provision()
        _, doc = self.audit()
        first, second = doc["slots"]
        flash = bytearray(self.flash.read_bytes())
        flash[second["offset"] : second["offset"] + len(APP)] = APP
        self.flash.write_bytes(flash)
        _, doc = self.audit()
        self.assertEqual(doc["slots"][1]["matches"], [first["label"]])
        self.assertEqual(doc["slots"][1]["standing"], "not sealed")

    def test_flash_damaged_state_is_explained(self):
        self.provision()
        _, doc = self.audit()
        row = next(r for r in doc["partition_table"]["rows"] if r["type"] == 0x40)
        flash = bytearray(self.flash.read_bytes())
        flash[row["offset"] : row["offset"] + row["size"]] = bytes(row["size"])
        self.flash.write_bytes(flash)
        code, doc = self.audit()
        self.assertEqual((code, doc["state"]), (1, "state-damaged"))
        self.assertEqual(doc["device_start"], "state-damaged")
        self.assertEqual((doc["boot"]["slot"], doc["status"]), (None, "state-damaged"))
        self.assertIn("refuses to start", doc["boot"]["why"])
        self.assertEqual(doc["slots"][0]["standing"], "not sealed")

    def test_flash_random_state_never_crashes(self):
        self.provision()
        _, doc = self.audit()
        row = next(r for r in doc["partition_table"]["rows"] if r["type"] == 0x40)
        good = self.flash.read_bytes()
        noise = random.Random(4)
        for i in range(40):
            flash = bytearray(good)
            for _ in range(noise.choice((1, 2, 30))):
                flash[row["offset"] + noise.randrange(2048)] = noise.randrange(256)
            self.flash.write_bytes(flash)
            with self.subTest(i):
                self.assertIn(self.audit()[0], (0, 1))


if __name__ == "__main__":
    unittest.main()
