# SPDX-License-Identifier: Apache-2.0
"""What the documents point at exists: sections that comments name, files, links, tests, vectors."""

import importlib
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE_FOLDERS = ("verifier", "client_fw", "signer", "keys", "tests", "scripts", "cmake")
SOURCE_ENDINGS = {".c", ".h", ".py", ".txt", ".cmake", ".md", ""}
# docs/FORMAT.md, section "Trust store" and docs/FORMAT.md "Images"; a comment may break the line
REFERENCE = re.compile(r'docs/(\w+\.md)(?:[,;]?\s+(?:section\s+)?"([^"]{1,60})")?')
DECISION = re.compile(r"\b(\d{4}-[a-z][a-z0-9-]+\.md)")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def documents():
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("tests/**/*.md")]
    return sorted(found + list(ROOT.glob("keys/*.md")))


def sources():
    for folder in SOURCE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in SOURCE_ENDINGS and "fixtures" not in path.parts:
                try:
                    yield path, path.read_text()
                except UnicodeDecodeError:
                    continue


def joined(text):
    """Comments as running text: a reference may go on in the next line."""
    return re.sub(r"\n\s*(?:\*|#|//)?[ \t]*", " ", text)


def sections(path):
    return {title.strip() for title in re.findall(r"^#{1,4} (.+)$", path.read_text(), re.M)}


class References(unittest.TestCase):
    def test_documents_named_in_sources_have_the_section(self):
        count = 0
        for path, text in sources():
            for name, title in REFERENCE.findall(joined(text)):
                target = ROOT / "docs" / name
                with self.subTest(source=str(path.relative_to(ROOT)), document=name, section=title):
                    self.assertTrue(target.is_file(), "no such document")
                    if title:
                        self.assertIn(" ".join(title.split()), sections(target))
                count += 1
        self.assertGreater(count, 20)

    def test_decisions_named_anywhere_exist(self):
        count = 0
        for path, text in [*sources(), *((p, p.read_text()) for p in documents())]:
            for name in DECISION.findall(text):
                with self.subTest(source=str(path.relative_to(ROOT)), decision=name):
                    self.assertTrue((ROOT / "docs/decisions" / name).is_file())
                count += 1
        self.assertGreater(count, 3)

    def test_links_between_documents_resolve(self):
        for path in documents():
            for target in LINK.findall(path.read_text()):
                if "://" not in target:
                    with self.subTest(document=str(path.relative_to(ROOT)), link=target):
                        self.assertTrue((path.parent / target).exists())


def test_names():
    """Functions of the C tests, and methods of the Python tests, generated ones included."""
    names = set()
    for path in (ROOT / "tests/unit").glob("test_*.c"):
        names |= set(re.findall(r"^static void (test_\w+)\(", path.read_text(), re.M))
    for path in (ROOT / "tests/e2e").glob("test_*.py"):
        if path.stem == "test_documents":
            continue
        module = importlib.import_module(path.stem)
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, unittest.TestCase):
                names |= {name for name in dir(kind) if name.startswith("test_")}
    return names


def vectors(folder):
    rows = (ROOT / "tests/vectors" / folder / "cases.tsv").read_text().splitlines()[1:]
    return {row.split("\t")[0] for row in rows}


class Cases(unittest.TestCase):
    def test_tests_named_in_documents_exist(self):
        known = test_names()
        modules = {p.stem for p in (ROOT / "tests").rglob("test_*.*")}
        named = 0
        for path in documents():
            for name in set(re.findall(r"\btest_[a-z0-9_]+\b", path.read_text())) - modules:
                with self.subTest(document=str(path.relative_to(ROOT)), test=name):
                    self.assertTrue(name in known, "no such test")
                named += 1
        self.assertGreater(named, 40)

    def test_vectors_named_in_the_threats_exist(self):
        text = (ROOT / "docs/THREATS.md").read_text()
        for kind, name in re.findall(r"(trust )?vector `([a-z0-9-]+)`", text):
            with self.subTest(vector=name):
                self.assertTrue(name in vectors("trust" if kind else "envelope"), "no such vector")


if __name__ == "__main__":
    unittest.main()
