# SPDX-License-Identifier: Apache-2.0
"""Every status code has a vector or, where bytes cannot produce it, a named test that does; the tables are well-formed."""

import pathlib
import re
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
KIT = TESTS / "vectors"
HEADER = TESTS.parent / "verifier" / "include" / "bulla" / "status.h"
NOT_CODES = {"BULLA_OK", "BULLA_STATUS_COUNT"}
ENDINGS = {"envelope": ".suit", "bundle": ".suit", "trust": ".cbor", "cbor": ".cbor", "image": ".bin", "partition": ".bin",
           "otadata": ".bin", "state": ".bin", "http": ".http", "url": ".url", "ed25519": None}


def codes():
    """Kebab-case name: constant, as status.h declares them."""
    body = re.search(r"enum bulla_status \{(.*?)\n\};", HEADER.read_text(), re.S).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    constants = [line.split("=")[0].strip() for line in body.split(",") if line.strip()]
    return {c.removeprefix("BULLA_E_").lower().replace("_", "-"): c for c in constants if c not in NOT_CODES}


def table(path):
    title, *rows = path.read_text().splitlines()
    names = title.split("\t")
    return names, [row.split("\t") for row in rows]


def produced():
    """Status: its first vector."""
    out = {}
    for path in sorted(KIT.glob("*/cases.tsv")):
        names, rows = table(path)
        for row in rows:
            out.setdefault(row[names.index("status")], f"{path.parent.name}/{row[0]}")
    return out


def bodies_of_tests():
    """Name: (text of the test's function, the file) for every C and Python test."""
    out = {}
    for path in sorted(TESTS.glob("unit/*.c")):
        for match in re.finditer(r"^static void (test_\w+)\(void \*\*\w+\)\n\{\n(.*?)^\}", path.read_text(), re.S | re.M):
            out[match[1]] = match[2]
    for path in sorted(TESTS.glob("e2e/test_*.py")):
        for match in re.finditer(r"^( *)def (test_\w+)\(.*?(?=^\1\S|^\S|\Z)", path.read_text(), re.S | re.M):
            out[match[2]] = match[0]
    return out


def mentions(body, name, constant):
    """The constant, or the name as a whole word ("io" is not in "version")."""
    return re.search(rf"\b{constant}\b", body) or re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", body)


class Coverage(unittest.TestCase):
    def test_vectors_every_status_has_a_vector_or_a_scene(self):
        names, rows = table(KIT / "scenes.tsv")
        self.assertEqual(names, ["status", "test", "why no vector can"])
        scenes = [row[0] for row in rows]
        self.assertEqual(len(scenes), len(set(scenes)), "a status stands twice in scenes.tsv")
        vectors = set(produced()) - {"ok"}
        known = set(codes())
        self.assertGreater(len(known), 140)
        self.assertEqual(sorted(vectors - known), [], "vectors expect what status.h does not have")
        self.assertEqual(sorted(set(scenes) - known), [], "scenes.tsv names what status.h does not have")
        self.assertEqual(sorted(known - vectors - set(scenes)), [], "no vector and no scene produces these")
        self.assertEqual(sorted(vectors & set(scenes)), [], "a vector produces these: they are no scenes")

    def test_vectors_every_scene_names_a_test_that_produces_it(self):
        bodies, constants = bodies_of_tests(), codes()
        _, rows = table(KIT / "scenes.tsv")
        self.assertGreater(len(rows), 20)
        for status, test, why in rows:
            with self.subTest(status=status):
                self.assertTrue(test in bodies, f"no test is named {test}")
                self.assertTrue(mentions(bodies[test], status, constants[status]), f"{test} does not mention {status}")
                self.assertGreater(len(why), 10)


class Tables(unittest.TestCase):
    def test_vectors_every_table_is_plain(self):
        self.assertEqual({p.parent.name for p in KIT.glob("*/cases.tsv")}, set(ENDINGS))
        for folder in ENDINGS:
            data = (KIT / folder / "cases.tsv").read_bytes()
            self.assertTrue(data.isascii() and data.endswith(b"\n") and b"\r" not in data and b'"' not in data, folder)
            names, rows = table(KIT / folder / "cases.tsv")
            self.assertEqual((names[0], names[-1]), ("file", "sentence"))
            self.assertEqual({len(row) for row in rows}, {len(names)}, folder)
            self.assertTrue(all(cell for row in rows for cell in row), folder)
            self.assertEqual(len({row[0] for row in rows}), len(rows), folder)
            for row in rows:
                self.assertRegex(row[0], r"^[A-Za-z0-9._-]{1,100}$")

    def test_vectors_every_case_has_its_file(self):
        for folder, ending in ENDINGS.items():
            _, rows = table(KIT / folder / "cases.tsv")
            have = {p.name for p in (KIT / folder).iterdir()} - {"cases.tsv"}
            want = {row[0] + ending for row in rows} if ending else set()
            self.assertEqual(sorted(want - have), [], folder)
            extra = {name for name in have - want if not name.endswith((".trust", ".ids", ".json"))}
            self.assertEqual(sorted(extra), [], folder)

    def test_vectors_kit_is_as_large_as_promised(self):
        sizes = {folder: len(table(KIT / folder / "cases.tsv")[1]) for folder in ENDINGS}
        self.assertGreaterEqual(sizes["envelope"], 450)
        self.assertGreaterEqual(min(sizes.values()), 40, sizes)

    def test_vectors_every_folder_is_explained(self):
        text = (KIT / "README.md").read_text()
        for folder in ENDINGS:
            names, rows = table(KIT / folder / "cases.tsv")
            self.assertIn(f"\n## {folder}\n", text)
            section = re.split(r"^## ", text.split(f"\n## {folder}\n")[1], flags=re.M)[0]
            for name in set(names) - {"file", "sentence", "status"}:
                self.assertIn(f"`{name}`", section, f"{folder}: column {name}")
            column = next((names.index(n) for n in ("device", "request") if n in names), None)
            if column is not None:
                words = {w.split("=")[0] for row in rows for w in row[column].split(",")} - {"-"}
                for word in words:
                    self.assertRegex(section, rf"`{word}\b", f"{folder}: word {word}")


if __name__ == "__main__":
    unittest.main()
