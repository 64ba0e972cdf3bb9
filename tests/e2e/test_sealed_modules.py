#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Releases with modules as bulla-sign makes and bulla-verify judges them: byte for byte what the independent
implementation in support/sealing.py makes of the same files.

    BULLA_BIN=DIRECTORY test_sealed_modules.py [unittest arguments]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import sealing  # noqa: E402
import verify_schema  # noqa: E402

BIN = Path(os.environ.get("BULLA_BIN", "."))
KEY, APPS_ONLY = sealing.Key("release"), sealing.Key("apps only")
APP = (HERE.parent / "fixtures" / "esp" / "app" / "se32_1.0.0.bin").read_bytes()
LIB, DATA = (bytes(i * k % 251 for i in range(n)) for k, n in ((3, 9000), (7, 300)))
ODD = b"\xe9" + bytes(200)  # begins like an ESP image; of a module nobody asks


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="bulla-sealed-"))
        self.addCleanup(shutil.rmtree, self.dir)
        for name, data in (("app.bin", APP), ("lib.py", LIB), ("data", DATA), ("odd", ODD), ("long", LIB + b"x"),
                           ("trust.cbor", sealing.trust_store([KEY])), ("k.pem", KEY.private_pem())):
            (self.dir / name).write_bytes(data)
        os.chmod(self.dir / "k.pem", 0o600)

    def run_tool(self, tool, *arguments, code=0):
        run = subprocess.run([str(BIN / tool), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             timeout=120, cwd=self.dir, text=True)
        self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout}{run.stderr}")
        return run

    def sign(self, *arguments, out="r.suit", code=0, sequence=7):
        return self.run_tool("bulla-sign", "sign", *arguments, "--key", "k.pem", "--vendor", "example.com", "--class", "sensor",
                             "--sequence", sequence, "--version", "1.2", "-o", out, code=code)

    def verify(self, *arguments, code=0, trust="trust.cbor"):
        return self.run_tool("bulla-verify", "envelope", "r.suit", "--trust", trust, *arguments, code=code)

    def judged(self, *arguments, code=0, trust="trust.cbor"):
        document = json.loads(self.verify(*arguments, "--json", code=code, trust=trust).stdout)
        verify_schema.check(document)
        return document

    def sealed(self, image=APP, modules=(), **more):
        return sealing.seal(image, [KEY], sequence=7, version="1.2", modules=modules, **more)

    def file(self, name):
        return (self.dir / name).read_bytes()


class Sign(Case):
    def test_app_and_modules_give_the_specified_bytes(self):
        self.sign("app.bin", "--module", "lib.py=lib.py", "--module", "d=data@http/d")
        self.assertEqual(self.file("r.suit"), self.sealed(modules=[("lib.py", LIB, "modules/lib.py"), ("d", DATA, "http/d")]))

    def test_modules_alone_give_the_specified_bytes(self):
        self.sign("--module", "lib=lib.py", "--module", "a=data", "--text", "for all")
        self.assertEqual(self.file("r.suit"), self.sealed(LIB, [("a", DATA, "modules/data")], component="module/lib",
                                                          uri="modules/lib.py", text={"en": {1: "for all"}}))

    def test_eight_images_give_the_specified_bytes(self):
        names = ["bb", "a", "ab", "B", "x.y", "_", "-"]
        self.sign("app.bin", "--component", "factory", *(x for n in names for x in ("--module", f"{n}=data@{n}f")))
        self.assertEqual(self.file("r.suit"), self.sealed(modules=[(n, DATA, f"{n}f") for n in names], component="factory"))
        self.judged("--image", "app.bin", *(x for n in names for x in ("--module", f"{n}=data")))

    def test_module_that_looks_like_an_image_is_only_bytes(self):
        self.sign("app.bin", "--module", "odd=odd")
        self.assertEqual(self.judged("--module", "odd=odd", "--format", "esp")["modules"][0]["judged"], True)

    def test_too_many_or_too_long_says_how_many_fit(self):
        long = [x for n in range(7) for x in ("--module", f"m{n}=data@{'u' * 200}{n}")]
        run = self.sign("app.bin", *long, code=1)
        self.assertRegex(run.stderr, r"refused: envelope-too-large: 8 images make a manifest of \d+ bytes, .* 2048\. .* 5 fit")
        nine = [x for n in range(8) for x in ("--module", f"m{n}=data")]
        self.assertIn("at most 7 fit an envelope beside the app", self.sign("app.bin", *nine, code=2).stderr)
        self.assertFalse((self.dir / "r.suit").exists())
        self.sign(*nine)
        self.assertIn("at most 8 fit", self.sign(*nine, "--module", "m=data", code=2).stderr)

    def test_wrong_modules_are_usage_errors(self):
        for words in (["--module", "lib.py"], ["--module", "=lib.py"], ["--module", ".a=lib.py"], ["--module", "a/b=lib.py"],
                      ["--module", "a="], ["--module", "a=@x"], ["--module", f"{'x' * 33}=lib.py"], [],
                      ["--module", "a=lib.py", "--module", "a=data"], ["--module", "a=lib.py@../x"],
                      ["--module", "a=lib.py", "--uri", "x"], ["--module", "a=lib.py", "--component", "app"],
                      ["--module", "a=lib.py", "--format", "raw"], ["--module", "a=none"]):
            self.assertIn("error: ", self.sign(*words, code=2).stderr, words)
        self.sign("app.bin", "--module", "lib=lib.py", out="lib.py", code=2)
        self.assertEqual(self.file("lib.py"), LIB)

    def test_cosign_keeps_everything_behind_the_head(self):
        (self.dir / "k2.pem").write_bytes(sealing.Key("second").private_pem())
        os.chmod(self.dir / "k2.pem", 0o600)
        self.sign("app.bin", "--module", "lib=lib.py")
        self.run_tool("bulla-sign", "cosign", "r.suit", "--key", "k2.pem")
        self.assertEqual(self.file("r.suit"), sealing.seal(APP, [KEY, sealing.Key("second")], sequence=7, version="1.2",
                                                           modules=[("lib", LIB, "modules/lib.py")]))

    def test_cosign_does_not_sign_a_damaged_list_of_a_module(self):
        self.sign("app.bin", "--module", "lib=lib.py")
        data = bytearray(self.file("r.suit"))
        data[-1] ^= 1
        (self.dir / "r.suit").write_bytes(data)
        (self.dir / "k2.pem").write_bytes(sealing.Key("second").private_pem())
        os.chmod(self.dir / "k2.pem", 0o600)
        self.assertIn("list-digest", self.run_tool("bulla-sign", "cosign", "r.suit", "--key", "k2.pem", code=1).stderr)


class Publish(Case):
    def setUp(self):
        super().setUp()
        (self.dir / "web").mkdir()
        self.sign("app.bin", "--module", "lib=lib.py", "--module", "d=data@x/y/d")
        self.all = ["app.bin", "--module", "lib=lib.py", "--module", "d=data"]

    def publish(self, *arguments, code=0):
        return self.run_tool("bulla-sign", "publish", "r.suit", *arguments, "--to", "web", "--json", code=code)

    def tree(self):
        return sorted(str(p.relative_to(self.dir / "web")) for p in (self.dir / "web").rglob("*"))

    def test_all_files_are_laid_out(self):
        answer = json.loads(self.publish(*self.all, "--trust", "trust.cbor").stdout)
        self.assertEqual([m["name"] for m in answer["modules"]], ["lib", "d"])
        self.assertTrue(answer["changed"])
        for name, data in (("app.bin", APP), ("modules/lib.py", LIB), ("x/y/d", DATA), ("r.suit", self.file("r.suit"))):
            self.assertEqual((self.dir / "web" / name).read_bytes(), data)
        self.assertFalse(json.loads(self.publish(*self.all).stdout)["changed"])

    def test_nothing_is_laid_out_when_one_is_missing_or_wrong(self):
        for words, code in ((self.all[:3], 2), (self.all[1:], 2), (["app.bin"], 2), ([*self.all, "--module", "e=data"], 2),
                            (["app.bin", "--module", "lib=data", "--module", "d=data"], 1),
                            (["app.bin", "--module", "lib=lib.py", "--module", "d=lib.py"], 1),
                            (["lib.py", *self.all[1:]], 1)):
            self.publish(*words, code=code)
            self.assertEqual(self.tree(), [], words)

    def test_modules_alone_need_no_image(self):
        self.sign("--module", "lib=lib.py")
        self.publish("--module", "lib=lib.py")
        self.assertEqual(self.tree(), ["modules", "modules/lib.py", "r.suit"])
        self.publish("app.bin", "--module", "lib=lib.py", code=2)

    def test_other_bytes_under_a_uri_in_use_are_refused(self):
        self.publish(*self.all)
        before = self.tree()
        (self.dir / "lib.py").write_bytes(LIB[::-1])
        self.sign("app.bin", "--module", "lib=lib.py", sequence=8)
        self.assertIn("image-digest", self.publish("app.bin", "--module", "lib=lib.py", code=1).stdout)
        self.assertEqual(self.tree(), before)

    def test_two_modules_of_one_uri_must_be_the_same_bytes(self):
        self.sign("--module", "a=lib.py@m", "--module", "b=lib.py@m")
        self.publish("--module", "a=lib.py", "--module", "b=lib.py")
        self.assertEqual(self.tree(), ["m", "r.suit"])
        (self.dir / "web" / "r.suit").unlink()
        (self.dir / "web" / "m").unlink()
        self.sign("--module", "a=lib.py@m", "--module", "b=data@m", sequence=8)
        self.assertIn("fetched from web/m", self.publish("--module", "a=lib.py", "--module", "b=data", code=1).stdout)
        self.assertEqual(self.tree(), [])


class Verify(Case):
    def setUp(self):
        super().setUp()
        self.sign("app.bin", "--module", "lib=lib.py", "--module", "d=data")

    def test_every_image_is_judged(self):
        answer = self.judged("--image", "app.bin", "--module", "lib=lib.py", "--module", "d=data")
        self.assertEqual([(m["name"], m["size"], m["judged"]) for m in answer["modules"]], [("lib", 9000, True), ("d", 300, True)])
        self.assertEqual(answer["second_reading"], "agrees")
        self.assertNotIn("modules", answer["not_judged"])

    def test_what_was_not_given_is_told(self):
        answer = self.judged("--module", "d=data")
        self.assertEqual([m["judged"] for m in answer["modules"]], [False, True])
        self.assertLessEqual({"image", "modules"}, set(answer["not_judged"]))

    def test_list_of_a_module_is_judged_without_its_file(self):
        data = bytearray(self.file("r.suit"))
        data[-1] ^= 1  # of the last list
        (self.dir / "r.suit").write_bytes(data)
        answer = self.judged(code=1)
        self.assertEqual((answer["status"], answer["second_reading"]), ("list-digest", "agrees"))
        self.assertIn("module lib", answer["detail"])

    def test_wrong_module_is_refused_by_name(self):
        for file, status in (("data", "image-truncated"), ("long", "image-trailing")):
            answer = self.judged("--module", f"lib={file}", code=1)
            self.assertEqual(answer["status"], status)
            self.assertIn("module lib: ", answer["detail"])
        (self.dir / "lib.py").write_bytes(LIB[:5000] + b"x" + LIB[5001:])
        answer = self.judged("--module", "lib=lib.py", code=1)
        self.assertEqual((answer["status"], answer["second_reading"]), ("sector-digest", "agrees"))
        self.assertIn("module lib: sector 1", answer["detail"])

    def test_device_without_modules_refuses(self):
        self.assertEqual(self.judged("--no-modules", code=1)["status"], "modules-not-taken")
        self.assertEqual(self.judged("--component", "factory", code=1)["status"], "component-mismatch")

    def test_module_alone_is_for_any_component(self):
        self.sign("--module", "lib=lib.py")
        answer = self.judged("--component", "app", "--slot-size", "1", "--format", "esp", "--module", "lib=lib.py")
        self.assertEqual(answer["component"], "module")
        self.assertIn("format", answer["not_judged"])
        self.verify("--image", "app.bin", code=2)

    def test_key_for_apps_may_not_sign_modules(self):
        (self.dir / "apps.cbor").write_bytes(sealing.trust_store([KEY], names={KEY: ["app"]}))
        self.assertEqual(self.judged(code=1, trust="apps.cbor")["status"], "key-not-for-component")

    def test_file_of_no_module_is_a_usage_error(self):
        for words in (["--module", "x=data"], ["--module", "d=none"], ["--module", "d"],
                      ["--module", "d=data", "--module", "d=data"], ["r.suit", "--module", "d=data"]):
            self.verify(*words, code=2)

    def test_pipe_cannot_be_read_again(self):
        run = subprocess.run(f"cat r.suit | {BIN / 'bulla-verify'} envelope /dev/stdin --trust trust.cbor", shell=True, cwd=self.dir,
                             stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(run.returncode, 2)
        self.assertIn("a file is needed", run.stderr)

    def test_envelope_that_changes_between_passes_is_not_judged(self):
        image = b"raw" * 70000  # more than a pipe holds
        (self.dir / "raw.bin").write_bytes(image)
        os.mkfifo(self.dir / "fifo")
        self.sign("raw.bin", "--module", "lib=lib.py", sequence=8)
        other = self.file("r.suit")
        self.sign("raw.bin", "--module", "lib=lib.py")
        self.judged("--image", "raw.bin", "--module", "lib=lib.py")
        tool = subprocess.Popen([str(BIN / "bulla-verify"), "envelope", "r.suit", "--trust", "trust.cbor", "--image", "fifo", "--json"],
                                cwd=self.dir, stdout=subprocess.PIPE, text=True)
        with open(self.dir / "fifo", "wb", buffering=0) as fifo:
            fifo.write(image[:150000])  # returns when some of it was read: the first pass over the envelope is done
            with open(self.dir / "r.suit", "r+b") as envelope:
                envelope.write(other)
            fifo.write(image[150000:])
        answer = json.loads(tool.communicate(timeout=60)[0])
        self.assertEqual((tool.returncode, answer["verdict"]), (2, "not judged"))
        self.assertIn("changed while it was read", answer["detail"])

    def test_several_envelopes_are_judged_with_all_their_lists(self):
        (self.dir / "bad.suit").write_bytes(self.file("r.suit")[:-1] + b"\0")
        run = self.run_tool("bulla-verify", "envelope", "r.suit", "bad.suit", "--trust", "trust.cbor", "--second-reading", code=1)
        self.assertIn("bad.suit: refused: list-digest", run.stdout)
        self.assertIn("r.suit: accepted", run.stdout)

    def test_show_misses_a_list(self):
        kit = HERE.parent / "vectors" / "envelope"
        for name in ("modules-first-list-missing", "modules-second-list-missing", "modules-middle-list-missing"):
            run = self.run_tool("bulla-verify", "show", kit / f"{name}.suit")
            self.assertIn("outside the profile: envelope: envelope-member-missing", run.stdout)

    def test_show_tells_every_list(self):
        run = self.run_tool("bulla-verify", "show", "r.suit")
        for word in ('"#app"', '"#module/d"', '"#module/lib"', "inside the profile"):
            self.assertIn(word, run.stdout)
        (self.dir / "r.suit").write_bytes(self.file("r.suit")[:-1] + b"\0")
        self.assertIn("outside the profile: sector list: list-digest", self.run_tool("bulla-verify", "show", "r.suit").stdout)


if __name__ == "__main__":
    unittest.main()
