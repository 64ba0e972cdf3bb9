# SPDX-License-Identifier: Apache-2.0
"""What bulla-verify prints with --json is what docs/bulla-verify.schema.json and docs/AUDITING.md say:
no member less, none more. BULLA_BIN names the directory of the programs."""

import copy
import json
import re
import unittest
from pathlib import Path

import jsonschema
import sealing
import verify_schema
from sealing import Block, seal
from test_bulla_verify import ALICE, APP, BIN, BOB, ESP, MALLORY, RAW, Case, run

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/AUDITING.md").read_text()
VECTORS = ROOT / "tests/vectors/envelope"


def objects_in(value):
    """Every object inside, itself included."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from objects_in(each)


def properties_in(schema):
    for each in objects_in(schema):
        properties = each.get("properties")
        if isinstance(properties, dict) and all(isinstance(v, (dict, bool)) for v in properties.values()):  # fmt: skip
            yield from properties


@unittest.skipUnless((BIN / "bulla-device").exists(), "bulla-device is not built")
class Schema(Case):
    def outputs(self):
        """Real ones of every kind, as (kind, object)."""
        trust = ("--trust", self.dir / "alice.pub")
        text = {"en": {1: "a", 2: "b", 3: "{}", 4: "-"}}
        facts = ("--vendor", "example.com", "--class", "sensor", "--component", "app",
                 "--newer-than", 0, "--slot-size", "1M", "--format", "esp", "--chip", "esp32",
                 "--chip-revision", 100, "--floor", 0)  # fmt: skip
        full = self.write("full.suit", seal(APP, [ALICE, Block(MALLORY, kid=None, alg=-9)],
                                            text=text, bundle=True))  # fmt: skip
        plain = self.write("plain.suit", seal(RAW, [ALICE], version=None))
        app = self.write("app.bin", APP)
        modules = self.write("modules.suit", seal(APP, [ALICE], modules=[("lib", APP, "lib")]))
        cut = self.write("cut", seal(APP, [ALICE])[:200])
        self.write("trust.cbor", sealing.trust_store([ALICE, BOB]))
        flash, old = self.dir / "flash.bin", self.dir / "old.bin"
        sealed = self.write("app.suit", seal(APP, [ALICE], sequence=7))
        run("provision", flash, "--layout", "two", "--flash-size", "4M", "--app", app, "--trust",
            self.dir / "trust.cbor", "--vendor", "example.com", "--class", "sensor", "--envelope",
            sealed, program="bulla-device")  # fmt: skip
        run("boot", flash, program="bulla-device")
        frozen = self.dir / "frozen.bin"
        run("provision", frozen, "--layout", "two", "--flash-size", "4M", "--modules", "64K", "--app", app, "--trust",
            self.dir / "trust.cbor", "--vendor", "example.com", "--class", "sensor", "--envelope", sealed,
            program="bulla-device")  # fmt: skip
        run("boot", frozen, program="bulla-device")
        self.write("lib.bin", RAW)
        run("modules", frozen, "add", "--from",
            self.write("lib.suit", seal(RAW, [ALICE], component="module/lib", uri="lib.bin")),
            program="bulla-device")  # fmt: skip
        old.write_bytes(b"\xff" * 0x8000 + (ESP / "partition/glenn20_ota.bin").read_bytes()
                        .ljust(0x408000 - 0x8000, b"\xff"))  # fmt: skip
        for kind, *arguments in (
            ("envelope", "envelope", full, *trust, *facts),
            ("envelope", "envelope", sealed, *trust, "--image", app),
            ("envelope", "envelope", plain, *trust),
            ("envelope", "envelope", plain, *trust, "--image", app),
            ("envelope", "envelope", plain, *trust, "--image", self.write("raw.bin", RAW)),
            ("envelope", "envelope", modules, *trust, "--module", f"lib={app}"),
            ("failure", "envelope", modules, *trust, "--no-modules"),
            ("failure", "envelope", plain, *trust, "--newer-than", 9),
            ("failure", "envelope", plain, "--trust", self.dir / "bob.pub"),
            ("failure", "envelope", self.dir / "gone", *trust),
            ("failure", "envelope", plain),
            ("failure", "judge"),
            ("show", "show", full),
            ("show", "show", plain),
            ("show", "show", cut),
            ("failure", "show", app),
            ("failure", "show", self.dir / "gone"),
            ("flash", "flash", flash, *trust),
            ("flash", "flash", old, *trust),
            ("flash", "flash", frozen, *trust),
            ("flash", "flash", self.write("empty.bin", b""), *trust),
            ("failure", "flash", app, *trust),
            (None, "envelope", full, plain, cut, self.dir / "gone", *trust),
        ):
            for line in run(*arguments, "--json")[1].splitlines():
                yield kind, json.loads(line)

    def test_json_blocks_without_key_id_are_given_to_their_signers(self):
        blocks = [Block(BOB, kid=None), Block(ALICE, kid=None), MALLORY]
        envelope = self.write("e.suit", seal(RAW, blocks))
        trust = ("--trust", self.dir / "alice.pub", "--trust", self.dir / "bob.pub")
        code, out, _ = run("envelope", envelope, *trust, "--json")
        document = json.loads(out)
        self.assertEqual([(b["key_id"], b["standing"]) for b in document["blocks"]],
                         [(BOB.id.hex(), "valid"), (ALICE.id.hex(), "valid"),
                          (MALLORY.id.hex(), "foreign")])  # fmt: skip
        self.assertEqual((code, len(document["signers"])), (0, 2))

    def test_schema_is_one_of_draft_2020_12(self):
        jsonschema.Draft202012Validator.check_schema(verify_schema.SCHEMA)

    def test_schema_every_output_is_of_its_kind(self):
        seen = set()
        for kind, document in self.outputs():
            kinds = verify_schema.kinds_of(document)
            with self.subTest(kind=kind, status=document["status"]):
                self.assertEqual(len(kinds), 1, document)
                self.assertIn(kind, (None, *kinds))
            seen.update(kinds)
        self.assertEqual(seen, set(verify_schema.KINDS))

    def test_schema_every_documented_member_is_seen(self):
        seen = {name for _, d in self.outputs() for o in objects_in(d) for name in o}
        self.assertEqual(set(properties_in(verify_schema.SCHEMA)) - seen, {"failed_trials", "count", "crashes"})

    def test_schema_undocumented_member_is_refused_anywhere(self):
        tried = 0
        for _, document in self.outputs():
            for i, inner in enumerate(objects_in(document)):
                if inner is document.get("text"):  # any language may stand there
                    continue
                changed = copy.deepcopy(document)
                list(objects_in(changed))[i]["undocumented"] = 1
                tried += 1
                with self.assertRaises(AssertionError, msg=changed):
                    verify_schema.check(changed)
        self.assertGreater(tried, 100)

    def test_schema_missing_verdict_or_another_word_is_refused(self):
        for kind, document in self.outputs():
            if "verdict" not in document:
                continue
            self.assertEqual(document["verdict"] == "accepted", document["status"] == "ok")
            for change in ({"verdict": "shown"}, {"status": "Not Kebab"}, {"detail": None},
                           {"status": "ok" if document["status"] != "ok" else "io"}):  # fmt: skip
                with self.assertRaises(AssertionError, msg=(kind, change)):
                    verify_schema.check({**document, **change})

    def test_schema_members_are_all_explained_on_the_page(self):
        explained = set(re.findall(r"`([\w-]+)`", DOCUMENT))
        self.assertEqual(set(properties_in(verify_schema.SCHEMA)) - explained, set())

    def test_schema_fits_every_vector_and_statuses_are_the_formats(self):
        codes = set(re.findall(r"^\| [^|]+ \| ([a-z0-9-]+) \| [012] \|",
                               (ROOT / "docs/FORMAT.md").read_text(), re.M))  # fmt: skip
        code, out, _ = run("envelope", VECTORS, "--trust", VECTORS / "one.trust", "--no-modules", "--json")
        documents = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(code, 1)
        self.assertGreater(len(documents), 300)
        self.assertEqual({d["status"] for d in documents} - codes, set())
        expected = {}
        for row in (VECTORS / "cases.tsv").read_text().splitlines()[1:]:
            name, trust, device, status = row.split("\t")[:4]
            if (trust, device) == ("one", "-"):
                expected[name] = status
        found = {Path(d["file"]).stem: d["status"] for d in documents if "file" in d}
        self.assertGreater(len(expected), 200)
        self.assertEqual({name: found[name] for name in expected}, expected)


if __name__ == "__main__":
    unittest.main()
