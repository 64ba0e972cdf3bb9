# SPDX-License-Identifier: Apache-2.0
"""What docs/AUDITING.md promises: its commands work as they stand, and many envelopes are judged in
one run. BULLA_BIN names the directory of the programs. Its JSON: test_auditing_json.py."""

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import sealing
import verify_schema
from sealing import Block, seal
from test_bulla_verify import ALICE, APP, BIN, MALLORY, RAW, Case, Server, run

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/AUDITING.md").read_text()
# a command block, and what it prints if the page shows it
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)
# what differs from run to run: key ids and digests
SAMPLE = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{16})\b")


# ---- the page, done as it says ----


def make_release(folder):
    """Two signers, two releases, a device: what the page's file table lists."""

    def tool(program, *arguments):
        subprocess.run([BIN / program, *map(str, arguments)], cwd=folder, check=True,
                       capture_output=True)  # fmt: skip

    noise = random.Random(11)
    (folder / "releases").mkdir()
    for name in ("release", "second"):
        tool("bulla-key", "generate", name)
    tool("bulla-key", "trust", "--key", "release.pub", "--key", "second.pub", "--threshold", 2,
         "-o", "trust.cbor")  # fmt: skip
    for sequence, version, size in ((1, "1.0.0", 9001), (2, "1.1.0", 10000)):
        image, envelope = f"app-{version}.bin", f"releases/app-{version}.suit"
        (folder / image).write_bytes(b"B" + noise.randbytes(size - 1))
        tool("bulla-sign", "sign", image, "--key", "release.pem", "--vendor", "example.com",
             "--class", "lamp", "--sequence", sequence, "--version", version, "--format", "raw",
             "-o", envelope)  # fmt: skip
        tool("bulla-sign", "cosign", envelope, "--key", "second.pem")
    shutil.copy(folder / "releases/app-1.1.0.suit", folder / "app.suit")
    tool("bulla-device", "provision", "device.bin", "--layout", "two", "--flash-size", "4M", "--app",
         "app-1.1.0.bin", "--envelope", "app.suit", "--format", "raw", "--trust", "trust.cbor",
         "--vendor", "example.com", "--class", "lamp")  # fmt: skip
    tool("bulla-device", "boot", "device.bin")


class Page:
    """The page's blocks, run one after the other in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.blocks = BLOCK.findall(DOCUMENT)
        self.meant = {}  # a sample on the page: what it was in this run

    def run(self, commands):
        path = f"{BIN.resolve()}:/usr/bin:{os.environ['PATH']}"  # the system's python3 has cbor2
        return subprocess.run(
            ["sh", "-eu", "-c", commands], cwd=self.folder, env={**os.environ, "PATH": path},
            capture_output=True, text=True, timeout=60)  # fmt: skip

    def find(self, words):
        """The one block that has these words."""
        found = [commands for commands, _ in self.blocks if words in commands]
        assert len(found) == 1, (words, len(found))
        return found[0]

    def same(self, shown, printed):
        """Is this what the page shows, with the samples replaced, one by one always the same?"""
        samples, values = SAMPLE.findall(shown), SAMPLE.findall(printed)
        if SAMPLE.sub("*", shown) != SAMPLE.sub("*", printed):
            return False
        return all(self.meant.setdefault(s, v) == v for s, v in zip(samples, values))

    def compare(self, shown, printed):
        """The first line of the page that is not printed; None: all are, in this order. A line
        "..." stands for any lines."""
        lines = iter(printed.splitlines())
        skipping = False
        for line in shown.splitlines():
            if line == "...":
                skipping = True
                continue
            for found in lines:
                if self.same(line, found):
                    break
                if not skipping:
                    return f"{line!r} is shown, {found!r} printed"
            else:
                return f"{line!r} is shown, nothing printed"
            skipping = False
        left = list(lines)
        return None if skipping or not left else f"{left[0]!r} is printed and not shown"


@unittest.skipUnless((BIN / "bulla-device").exists(), "bulla-device is not built")
class Document(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="bulla-auditing-"))
        self.addCleanup(shutil.rmtree, self.dir)
        make_release(self.dir)
        self.page = Page(self.dir)

    def run_all(self):
        printed = []
        for commands, shown in self.page.blocks:
            done = self.page.run(commands)
            with self.subTest(commands[:60]):
                self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
                if shown:
                    self.assertIsNone(self.page.compare(shown, done.stdout))
            printed.append(done.stdout)
        return printed

    def after(self, *words):
        """Runs the blocks with these words; the last one's result, whatever it is."""
        done = None
        for word in words:
            done = self.page.run(self.page.find(word))
        return done

    def test_page_every_block_prints_what_is_shown(self):
        self.assertGreater(len(self.page.blocks), 12)
        self.run_all()
        meant = self.page.meant
        image = (self.dir / "app-1.1.0.bin").read_bytes()
        # the samples mean what the text around them says
        self.assertIn(hashlib.sha256(image).hexdigest(), meant.values())
        self.assertIn(hashlib.sha256(image[:4096]).hexdigest(), meant.values())
        self.assertEqual(len(set(meant.values())), len(meant), "two samples are one thing")
        self.assertEqual((self.dir / "block1.signed").read_bytes()[:16], b"\x84\x6aSignature1\x43\xa1\x01\x32")  # fmt: skip

    def test_page_by_hand_uses_nothing_of_ours(self):
        by_hand = DOCUMENT[DOCUMENT.index("## By hand") :]
        ours = [c for c, _ in BLOCK.findall(by_hand) if "bulla-" in c]
        self.assertEqual(len(ours), 1)  # shows that both refuse the changed manifest
        self.assertIn("changed.suit", ours[0])

    def test_page_signature_of_another_key_is_found_by_hand(self):
        shutil.copy(self.dir / "second.pub", self.dir / "release.pub")
        done = self.after("cat >takeapart.py", "openssl pkeyutl")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("Signature Verification Failure", done.stdout + done.stderr)

    def test_page_changed_signature_is_found_by_hand(self):
        envelope = bytearray((self.dir / "app.suit").read_bytes())
        self.after("cat >takeapart.py")
        at = envelope.index((self.dir / "block1.signature").read_bytes())
        envelope[at + 40] ^= 1
        (self.dir / "app.suit").write_bytes(envelope)
        done = self.after("cat >takeapart.py", "openssl pkeyutl")
        self.assertNotEqual(done.returncode, 0)

    def test_page_tampered_image_is_found_by_hand(self):
        self.after("cat >takeapart.py")
        image = bytearray((self.dir / "app-1.1.0.bin").read_bytes())
        image[9000] ^= 1
        (self.dir / "app-1.1.0.bin").write_bytes(image)
        shown = next(s for c, s in self.page.blocks if "cat >takeapart.py" in c)
        self.assertIsNone(self.page.compare(shown, self.after("cat >takeapart.py").stdout))
        commands = self.page.find("openssl dgst -sha256 -r app-1.1.0.bin")
        shown = dict(self.page.blocks)[commands]
        self.assertIsNotNone(self.page.compare(shown, self.page.run(commands).stdout))
        done = self.after("cmp - sectors")
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("every sector as listed", done.stdout)

    def test_page_changed_manifest_is_found_by_hand(self):
        self.after("tampered.bin bs=1")
        envelope = (self.dir / "app.suit").read_bytes()
        vendor = sealing.vendor_id("example.com")
        (self.dir / "app.suit").write_bytes(envelope.replace(vendor, bytes(16)))
        done = self.after("cat >takeapart.py", "tail -c 32 digest")
        signed, found = done.stdout.split()
        self.assertNotEqual(signed, found)


# ---- many in one run ----


class Several(Case):
    def setUp(self):
        super().setUp()
        self.trust = ("--trust", self.dir / "alice.pub")
        self.tree = self.dir / "tree"
        self.tree.mkdir()

    def put(self, name, data):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def put_three(self):
        """Good, refused, and not there."""
        good = self.put("good.suit", seal(RAW, [ALICE], sequence=3))
        bad = self.put("bad.suit", seal(RAW, [MALLORY]))
        return good, bad, self.tree / "gone.suit"

    def text(self, *arguments):
        code, out, err = run("envelope", *arguments, *self.trust)
        self.assertEqual(err, "")
        return code, out.splitlines()

    def lines(self, *arguments):
        """(exit code, objects of the envelopes, closing object)"""
        code, out, err = run("envelope", *arguments, *self.trust, "--json")
        self.assertEqual(err, "")
        self.assertTrue(out.isascii())
        documents = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([verify_schema.kinds_of(d) for d in documents[-1:]], [["summary"]])
        self.assertEqual([d for d in documents[:-1] if "file" not in d], [])
        return code, documents[:-1], documents[-1]

    def names(self, *arguments):
        root = str(self.tree) + "/"
        return [d["file"].removeprefix(root) for d in self.lines(*arguments)[1]]

    def test_several_files_are_told_line_by_line_in_order(self):
        good, bad, gone = self.put_three()
        code, lines = self.text(gone, good, bad)
        self.assertEqual(code, 1)
        self.assertEqual(lines, [
            f"{gone}: not judged: io: No such file or directory",
            f"{good}: accepted: sequence 3, component app, release 1.0.0, signed by 1 of 1; "
            "image not judged",
            f"{bad}: refused: signature-unknown-key: no trusted key signed this; its blocks name "
            + MALLORY.id.hex(),
            "3: 1 accepted, 1 refused, 1 not judged",
        ])  # fmt: skip

    def test_several_exit_code_refused_outweighs_not_judged(self):
        good, bad, gone = self.put_three()
        for names, code, verdict, status in (
            ((good, good), 0, "accepted", "ok"),
            ((good, bad), 1, "refused", "signature-unknown-key"),
            ((good, gone), 2, "not judged", "io"),
            ((gone, bad), 1, "refused", "signature-unknown-key"),
            ((bad, gone), 1, "refused", "signature-unknown-key"),
        ):
            with self.subTest([n.name for n in names]):
                self.assertEqual(self.text(*names)[0], code)
                found, documents, last = self.lines(*names)
                self.assertEqual((found, last["verdict"], last["status"]), (code, verdict, status))
                self.assertEqual(len(documents), len(names))

    def test_several_json_lines_are_those_of_single_runs(self):
        good, bad, gone = self.put_three()
        _, documents, last = self.lines(good, bad, gone, "--second-reading")
        for name, document in zip((good, bad, gone), documents):
            single = json.loads(run("envelope", name, *self.trust, "--json")[1])
            if name == gone:  # a single run puts the name before the reason
                single["detail"] = single["detail"].removeprefix(f"{gone}: ")
            self.assertEqual(single, document)
        self.assertEqual(last["summary"], {"accepted": 1, "refused": 1, "not_judged": 1})
        self.assertEqual(last["detail"], "3: 1 accepted, 1 refused, 1 not judged")

    def test_several_nothing_of_one_envelope_is_left_in_the_next(self):
        text = {"en": {1: "hello"}}
        self.put("1.suit", seal(RAW, [ALICE], text=text, bundle=True, version="2.0"))
        self.put("2.suit", seal(APP, [ALICE], version=None, sequence=9))
        self.put("3.suit", b"")
        self.put("4.suit", seal(RAW[:9], [Block(ALICE, kid=None), MALLORY], bundle=True))
        _, documents, _ = self.lines(self.tree, "--second-reading")
        for document in documents:
            single = json.loads(run("envelope", document["file"], *self.trust, "--json")[1])
            self.assertEqual(single, document)
        self.assertEqual([d.get("text") for d in documents],
                         [{"en": {"manifest-description": "hello"}}, None, None, None])  # fmt: skip

    def test_several_name_cannot_pass_for_an_answer(self):
        evil = 'good.suit: accepted: sequence 9, "image" intact .suit'
        self.put(evil, seal(RAW, [MALLORY]))
        code, lines = self.text(self.tree)
        self.assertEqual(code, 1)
        self.assertTrue(lines[0].startswith('"') and "intact .suit\": refused: " in lines[0], lines)
        self.assertEqual(lines[0].count('"'), 2)

    def test_several_two_names_are_never_told_alike(self):
        raw = os.fsencode(self.tree)
        for name in (b"b\xff.suit", b"b\\xFF.suit"):
            with open(raw + b"/" + name, "wb") as f:
                f.write(seal(RAW, [ALICE]))
        names = self.names(self.tree)
        self.assertEqual(len(set(names)), 2, names)

    def test_several_second_reading_is_made_when_asked_for(self):
        good, bad, gone = self.put_three()
        _, documents, _ = self.lines(good, bad, gone)
        self.assertFalse(any("second_reading" in d for d in documents))
        _, documents, _ = self.lines(good, bad, gone, "--second-reading")
        self.assertEqual([d.get("second_reading") for d in documents], ["agrees", "agrees", None])

    def test_second_reading_of_one_envelope_is_told(self):
        good, bad, _ = self.put_three()
        for name, answer in ((good, "agrees"), (bad, "agrees")):
            document = json.loads(run("envelope", name, *self.trust, "--json")[1])
            self.assertEqual(document["second_reading"], answer)
        with open(good, "rb") as f:  # a pipe cannot be read twice
            document = json.loads(run("envelope", "/dev/stdin", *self.trust, "--json",
                                      stdin=f.read())[1])
        self.assertEqual((document["verdict"], document["second_reading"]),
                         ("accepted", "not compared"))

    def test_several_bundles_are_judged_with_their_images(self):
        good = self.put("good.suit", seal(RAW, [ALICE], bundle=True))
        cut = self.put("cut.suit", seal(RAW, [ALICE], bundle=True)[:-1])
        code, lines = self.text(good, cut)
        self.assertEqual(code, 1)
        self.assertTrue(lines[0].endswith("signed by 1 of 1, image intact"), lines)
        self.assertIn("refused: envelope-truncated: ", lines[1])

    def test_several_device_facts_are_asked_of_each(self):
        old = self.put("1.suit", seal(RAW, [ALICE], sequence=6))
        new = self.put("2.suit", seal(RAW, [ALICE], sequence=7))
        code, documents, _ = self.lines(old, new, "--newer-than", "6")
        self.assertEqual([d["status"] for d in documents], ["sequence-too-old", "ok"])
        self.assertEqual(code, 1)

    def test_several_image_option_is_a_usage_error(self):
        good, _, _ = self.put_three()
        for names in ((good, good), (self.tree,)):
            code, out, err = run("envelope", *names, *self.trust, "--image", good)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("--image goes with one envelope", err)

    def test_several_json_of_a_usage_error_is_one_object(self):
        code, out, _ = run("envelope", self.tree, self.tree, "--json")
        self.assertEqual((code, json.loads(out)["status"]), (2, "usage"))

    def test_several_names_cannot_start_a_line_or_steer_a_terminal(self):
        self.put("a\n0: 9 accepted\x1b[2J.suit", b"")
        self.put("\udcff.suit", b"")
        code, lines = self.text(self.tree)
        self.assertEqual((code, len(lines)), (1, 3))
        self.assertTrue(all(line.isprintable() for line in lines), lines)
        self.assertEqual(len(self.lines(self.tree)[1]), 2)

    def test_several_urls_are_fetched(self):
        server = Server(self.dir, {"/a.suit": (200, {}, seal(RAW, [ALICE], sequence=4))})
        self.addCleanup(server.close)
        url = f"https://localhost:{server.port}"
        good, _, _ = self.put_three()
        names = (f"{url}/a.suit", good, f"{url}/gone.suit")
        code, documents, _ = self.lines(*names, "--pin", server.pin)
        self.assertEqual([d["status"] for d in documents], ["ok", "ok", "http-status"])
        self.assertEqual([d["file"] for d in documents], list(map(str, names)))
        self.assertEqual(code, 2)

    def test_several_stdout_that_cannot_be_written_is_not_success(self):
        self.put("good.suit", seal(RAW, [ALICE]))
        for more in ((), ("--json",)):
            with open("/dev/full", "w") as full:
                done = subprocess.run([BIN / "bulla-verify", "envelope", self.tree, *self.trust, *more],
                                      stdout=full, stderr=subprocess.PIPE)  # fmt: skip
            self.assertEqual(done.returncode, 2, more)

    # ---- folders ----

    def test_walk_finds_every_suit_file_in_the_order_of_names(self):
        for name in ("b.suit", "a/z.suit", "a/b/c.suit", "a.suit", "B.suit", ".hidden/x.suit",
                     "a/.suit", "folder.suit/y.suit"):  # fmt: skip
            self.put(name, b"")
        for name in ("c.SUIT", "d.suit.bak", "suit", "a/e.bin"):
            self.put(name, b"")
        self.assertEqual(self.names(self.tree), [
            ".hidden/x.suit", "B.suit", "a/.suit", "a/b/c.suit", "a/z.suit", "a.suit", "b.suit",
            "folder.suit/y.suit"])  # fmt: skip

    def test_walk_folder_named_with_slash_or_through_a_link_is_the_same(self):
        self.put("a.suit", b"")
        (self.dir / "link").symlink_to("tree")
        for name in (f"{self.tree}/", self.dir / "link"):
            code, documents, _ = self.lines(name)
            self.assertEqual([Path(d["file"]).name for d in documents], ["a.suit"])
            self.assertNotIn("//", documents[0]["file"])

    def test_walk_links_do_not_go_in_circles_or_out(self):
        self.put("a.suit", b"")
        self.put("deep/b.suit", b"")
        outside = self.write("outside.bin", seal(RAW, [ALICE]))
        (self.tree / "deep/up").symlink_to("..")
        (self.tree / "deep/self").symlink_to(".")
        (self.tree / "root").symlink_to("/")
        (self.tree / "latest.suit").symlink_to(outside)
        self.assertEqual(self.names(self.tree), ["a.suit", "deep/b.suit", "latest.suit"])

    def test_walk_what_is_no_file_is_told_and_not_waited_for(self):
        self.put("good.suit", seal(RAW, [ALICE]))
        os.mkfifo(self.tree / "pipe.suit")
        (self.tree / "dangling.suit").symlink_to("nowhere")
        (self.tree / "loop.suit").symlink_to("loop.suit")
        (self.tree / "folder.suit").symlink_to(".")
        code, documents, last = self.lines(self.tree)
        self.assertEqual({Path(d["file"]).stem: d["verdict"] for d in documents},
                         {"dangling": "not judged", "folder": "not judged", "good": "accepted",
                          "loop": "not judged", "pipe": "not judged"})  # fmt: skip
        self.assertEqual(code, 2)
        self.assertEqual(last["summary"], {"accepted": 1, "refused": 0, "not_judged": 4})

    def test_walk_folder_without_envelopes_is_not_judged(self):
        self.put("app.bin", b"")
        code, lines = self.text(self.tree)
        self.assertEqual(code, 2)
        self.assertEqual(lines, [f"{self.tree}: not judged: not-judged: no file below it ends in "
                                 ".suit", "1: 0 accepted, 0 refused, 1 not judged"])  # fmt: skip

    def test_walk_deeper_than_paths_may_be_is_told(self):
        self.put("a.suit", seal(RAW, [ALICE]))
        here = os.open(self.tree, os.O_RDONLY)
        for _ in range(60):  # 60 * 101 bytes: no path to the end is short enough
            os.mkdir("d" * 100, dir_fd=here)
            there = os.open("d" * 100, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = there
        os.close(os.open("deep.suit", os.O_CREAT, dir_fd=here))
        os.close(here)
        code, documents, _ = self.lines(self.tree)
        self.assertEqual([d["verdict"] for d in documents], ["accepted", "not judged"])
        self.assertEqual((code, documents[1]["detail"]), (2, "File name too long"))

    def test_walk_twenty_thousand_envelopes_in_constant_memory(self):
        first = self.put("0.suit", seal(RAW, [MALLORY]))
        peaks = []
        for count in (100, 20000):
            for i in range(len(peaks) and 100 or 1, count):
                os.link(first, self.tree / f"{i}.suit")
            done = subprocess.run(
                ["/usr/bin/python3", "-c", "import resource, subprocess, sys\n"
                 "code = subprocess.call(sys.argv[1:], stdout=sys.stderr)\n"
                 "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
                 BIN / "bulla-verify", "envelope", self.tree, *self.trust],
                capture_output=True, text=True,
                # what was freed is free: a sanitizer would hold it back
                env={**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=1"})  # fmt: skip
            code, peak = map(int, done.stdout.split())
            self.assertEqual(code, 1)
            self.assertEqual(done.stderr.splitlines()[-1],
                             f"{count}: 0 accepted, {count} refused, 0 not judged")  # fmt: skip
            peaks.append(peak)
        # names and links of one folder; an envelope that were kept would be 400 bytes and more
        self.assertLess(peaks[1] - peaks[0], 20000 * 256 // 1024, peaks)


if __name__ == "__main__":
    unittest.main()
