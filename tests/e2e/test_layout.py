#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Partition layouts, first flashing and combined flash images: bulla-device layout, provision and
inspect, bulla-sign extract.

    BULLA_BIN=DIRECTORY test_layout.py [unittest arguments]
"""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
sys.path.insert(0, str(HERE.parent / "vectors"))
import kit_images  # noqa: E402
import sealing  # noqa: E402

ESP = HERE.parent / "fixtures" / "esp"
BIN = Path(os.environ.get("BULLA_BIN", "."))
KEY = sealing.Key("release")
MIB = 1 << 20
OTADATA = 0xD000
STATE = [(0x40, 0x00, 0x3F0000, 0x10000, b"bulla")]
OTA = [(1, 0, OTADATA, 0x2000, b"otadata")]
SLOTS = [(0, 0x10, 0x10000, 0x10000, b"ota_0"), (0, 0x11, 0x20000, 0x10000, b"ota_1")]
FACTORY = [(0, 0x00, 0x30000, 0x10000, b"factory")]


def rows_of(name, folder="partition"):
    """expected.tsv as dictionaries."""
    lines = (ESP / folder / name).read_text().splitlines()
    head = lines[0].split("\t")
    return [dict(zip(head, line.split("\t"))) for line in lines[1:]]


def csv_rows(text):
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def partition_table(rows):
    table = b"".join(struct.pack("<HBBII16sI", 0x50AA, *row, 0) for row in rows)
    table += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(table).digest()
    return table.ljust(0xC00, b"\xff")


def bootloader(chip, nibble=2):
    """What stands for a bootloader: an image that is loaded whole, for this size of flash."""
    image = bytearray(kit_images.build(chip, segments=[kit_images.code_segment(chip)]))
    image[3] = nibble << 4
    image[-32:] = hashlib.sha256(image[:-32]).digest()
    return bytes(image)


def flash_of(chip, rows, apps, table_at=0x8000, size=0x40000, nibble=2, boot=None):
    """A flash from offset 0; apps: {offset: bytes}."""
    flash = bytearray(b"\xff" * size)
    start = kit_images.CHIPS[chip]["boot"]
    boot = bootloader(chip, nibble) if boot is None else boot
    flash[start:start + len(boot)] = boot
    flash[table_at:table_at + 0xC00] = partition_table(rows)
    for offset, app in apps.items():
        flash[offset:offset + len(app)] = app
    return bytes(flash)


def otadata(*records):
    area = bytearray(b"\xff" * 0x2000)
    for i, (seq, state) in enumerate(records):
        crc = zlib.crc32(struct.pack("<I", seq), 0xFFFFFFFF)
        area[i * 4096:i * 4096 + 32] = struct.pack("<I20sII", seq, b"\xff" * 20, state, crc)
    return bytes(area)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="bulla-layout-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.flash = self.folder / "flash.bin"

    def run_tool(self, *words, tool="bulla-device", code=0):
        run = subprocess.run([str(BIN / tool), *map(str, words)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=120, text=True, cwd=self.folder)
        self.assertEqual(run.returncode, code, f"{words}: {run.stdout}{run.stderr}")
        return run

    def json(self, *words, code=0, tool="bulla-device"):
        run = self.run_tool(*words, "--json", code=code, tool=tool)
        self.assertEqual(run.stdout.count("\n"), 1, run.stdout)
        self.assertTrue(run.stdout.isascii())
        answer = json.loads(run.stdout)
        self.assertEqual(answer["verdict"], {0: "accepted", 1: "refused", 2: "not judged"}[code])
        return answer

    def refused(self, status, *words, code=1):
        """Exit code and status in words and in JSON; no file is made or changed."""
        before = {p: p.read_bytes() for p in self.folder.iterdir()}
        run = self.run_tool(*words, code=code)
        said = [x for x in run.stderr.splitlines() if x.startswith(("refused: ", "error: "))]
        self.assertEqual(len(said), 1, run.stderr)
        self.assertIn(f": {status}: ", said[0])
        self.assertEqual(self.json(*words, code=code)["status"], status)
        self.assertEqual({p: p.read_bytes() for p in self.folder.iterdir()}, before)
        return said[0]

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def layout(self, *words):
        """The rows as CSV lines."""
        return csv_rows(self.run_tool("layout", *words).stdout)


# ---- conversion ----


class Convert(Case):
    def test_layout_every_fixture_converts_as_gen_esp32part(self):
        accepted = refused = 0
        for row in rows_of("expected.tsv"):
            source = ESP / "partition" / row["file"]
            if row["exit"] != "0":
                self.refused("usage", "layout", source, "-o", "out.bin", code=2)
                refused += 1
                continue
            self.run_tool("layout", source, "-o", "out.bin")
            made = (self.folder / "out.bin").read_bytes()
            self.assertEqual(made, source.with_suffix(".bin").read_bytes(), row["file"])
            self.assertEqual(self.layout("out.bin"), row["round-trip CSV rows"].split(" ; "))
            self.run_tool("layout", "out.bin", "-o", "again.csv")
            self.run_tool("layout", "again.csv", "-o", "again.bin")
            self.assertEqual((self.folder / "again.bin").read_bytes(), made)
            accepted += 1
            (self.folder / "out.bin").unlink()
        self.assertEqual((accepted, refused), (8, 12))

    def test_layout_damaged_binary_tables_are_refused_by_name(self):
        status = {"md5_mismatch_entry.bin": "partition-md5", "bad_magic_row1.bin": "partition-magic",
                  "no_end_marker.bin": "partition-end", "truncated_33.bin": "partition-end",
                  "empty_ff.bin": "partition-magic"}
        for row in rows_of("expected.tsv", "partition_bin"):
            source = ESP / "partition_bin" / row["file"]
            if row["gen_esp32part exit"] == "0":
                self.assertEqual(len(self.layout(source)), 6)
            else:
                self.refused(status.pop(row["file"]), "layout", source, "-o", "out.csv")
        self.assertEqual(status, {})
        good = (ESP / "partition" / "lobo_2p.bin").read_bytes()
        self.refused("partition-end", "layout", self.write("longer.bin", good + b"\xff"))
        self.refused("partition-end", "layout", self.write("shorter.bin", good[:-1]))

    def test_layout_of_a_flash_image_is_found_wherever_it_begins(self):
        expected = csv_rows(self.run_tool("layout", ESP / "partition" / "glenn20_ota.bin").stdout)
        for name in ("comb_esp32_from_1000.bin", "comb_c3_from_0.bin"):
            self.assertEqual(self.layout(ESP / "combined" / name), expected)
        moved = flash_of("esp32", SLOTS + OTA, {}, table_at=0xA000)
        self.assertEqual(len(self.layout(self.write("moved.bin", moved))), 3)
        self.assertEqual(len(self.layout(self.write("moved.bin", moved[0x1000:]))), 3)
        broken = moved[:0xA010] + b"x" + moved[0xA011:]  # elsewhere it must be whole
        self.refused("partition-magic", "layout", self.write("moved.bin", broken))

    def test_layout_rows_beyond_94_are_refused(self):
        lines = [f"p{i},data,fat,,4K\n" for i in range(93)]
        table = "f,app,factory,0x10000,1M\n" + "".join(lines)
        self.run_tool("layout", self.write("most.csv", table), "-o", "most.bin")
        self.assertEqual(len(self.layout("most.bin")), 94)
        more = self.write("more.csv", table + "q,data,fat,,4K\n")
        self.assertIn("94 rows", self.refused("usage", "layout", more, code=2))

    def test_layout_table_no_device_takes_is_shown_and_never_written(self):
        for status, table in (
                ("partition-slots", "v,data,fat,0x9000,4K\n"),
                ("partition-otadata", "a,app,ota_0,0x10000,1M\nb,app,ota_1,,1M\n"),
                ("partition-slots", "o,data,ota,0x9000,8K\na,app,ota_0,0x10000,1M\n"
                                    "b,app,ota_2,,1M\n"),
                ("partition-duplicate", "a,app,factory,0x10000,1M\nb,app,factory,,1M\n"),
                ("partition-bounds", "a,app,factory,0x10000,0\n"),
                ("partition-duplicate", "a,app,factory,0x10000,1M\nm,64,2,,64K\nn,64,2,,64K\n"
                                        "s,64,0,,64K\n"),
                ("partition-slots", "o,data,ota,0xd000,8K\na,app,factory,0x10000,1M\n"
                                    "b,64,0x11,,1M\ns,64,0,,64K\n")):
            source = self.write("table.csv", table)
            self.refused(status, "layout", source, "-o", "out.bin")
            run = self.run_tool("layout", source, code=1)
            self.assertEqual(len(csv_rows(run.stdout)), table.count("\n"))
        twice = self.write("table.csv", "a,app,factory,0x10000,1M\nm,64,2,,64K\nn,64,2,,64K\n"
                                        "s,64,0,,64K\n")
        said = self.refused("partition-duplicate", "layout", twice, "-o", "out.bin")
        self.assertIn("partition 'm' (0x110000, size 0x10000) and 'n' (0x120000,", said)
        ended = self.write("table.csv", "a,app,factory,0x10000,5M\n")
        self.run_tool("layout", ended)
        self.refused("partition-bounds", "layout", ended, "--flash-size", "4M")

    def test_layout_what_nobody_wants_is_warned_of(self):
        table = ("o,data,ota,0x9000,8K\nvfs,data,fat,,4K,\nfat2,data,fat,,4K,\n,data,undefined,,0\n"
                 "a_name_of_19_bytes_,data,spiffs,,4K\nnvs,data,phy,,4K\n"
                 "f,app,factory,0x10000,1M,readonly\n")
        warned = self.json("layout", self.write("t.csv", table))["warnings"]
        for words in ("'vfs'", "cut to 16 bytes", "has no name", "has no room", "is called like",
                      "readonly app", "no OTA slot"):
            self.assertEqual(len([w for w in warned if words in w]), 1, (words, warned))
        said = self.run_tool("layout", "t.csv").stderr
        self.assertEqual(said.count("warning: "), len(warned))

    def test_layout_state_partition_is_added_when_asked(self):
        source = ESP / "partition" / "lobo_2p.csv"
        self.assertIn("--add-state", self.run_tool("layout", source).stderr)
        rows = self.layout(source, "--flash-size", "4M", "--add-state")
        self.assertEqual(rows[-2:], ["internalfs,data,fat,0x370000,512K,",
                                     "bulla,64,0,0x3f0000,64K,"])
        self.refused("usage", "layout", source, "--add-state", code=2)
        full = self.write("full.csv", "f,app,factory,0x10000,-4M\n")
        self.refused("partition-no-state", "layout", full, "--flash-size", "4M", "--add-state")

    def test_layout_files_out_of_form_are_refused(self):
        source = ESP / "partition" / "lobo_2p.csv"
        self.refused("usage", "layout", source, "-o", "out.txt", code=2)
        self.refused("usage", "layout", source, "--two", code=2)
        self.refused("usage", "layout", source, "a", code=2)
        self.refused("io", "layout", "missing.csv", code=2)
        own = self.write("own.csv", source.read_bytes())
        self.refused("usage", "layout", own, "-o", own, code=2)
        self.refused("usage", "layout", self.write("empty.csv", b""), code=2)
        self.refused("partition-magic", "layout", self.write("zeros.bin", bytes(0x20000)))


# ---- layouts of our own ----


class Generate(Case):
    SEEDS = {
        "lobo_1p": "--style lobo --single --flash-size 4M --fs-size 1M --no-state",
        "lobo_2p": "--style lobo --two --flash-size 4M --no-state",
        "lobo_3p": "--style lobo --three --flash-size 16M --fs-size 8M --no-state",
        "glenn20_ota": "--two --flash-size 4M --no-state",
        "seed003_16m": "--two --flash-size 16M --no-state",
    }

    def test_layout_tables_in_the_field_are_made_byte_for_byte(self):
        for name, words in self.SEEDS.items():
            self.run_tool("layout", *words.split(), "-o", "out.bin")
            self.assertEqual((self.folder / "out.bin").read_bytes(),
                             (ESP / "partition" / f"{name}.bin").read_bytes(), name)

    def test_layout_with_state_keeps_the_offsets_in_the_field(self):
        rows = self.layout("--style", "lobo", "--three", "--flash-size", "16M")
        self.assertEqual(rows[3:], ["MicroPython,app,factory,0x10000,1728K,",
                                    "MicroPython_1,app,ota_0,0x1c0000,1728K,",
                                    "MicroPython_2,app,ota_1,0x370000,1728K,",
                                    "internalfs,data,fat,0x520000,11072K,",
                                    "bulla,64,0,0xff0000,64K,"])
        rows = self.layout("--two", "--flash-size", "4M")
        self.assertEqual(rows[3:], ["ota_0,app,ota_0,0x10000,1536K,",
                                    "ota_1,app,ota_1,0x190000,1536K,",
                                    "vfs,data,fat,0x310000,896K,", "bulla,64,0,0x3f0000,64K,"])

    def test_layout_kind_follows_the_flash(self):
        for size, slots in (("2M", 0), ("4M", 2), ("8M", 2), ("16M", 3)):
            rows = self.layout("--flash-size", size)
            self.assertEqual(len([r for r in rows if ",app," in r]), max(slots, 1), size)

    def test_layout_apps_are_enlarged_to_the_firmware(self):
        firmware = self.write("firmware.bin", bytes(1709104))
        run = self.run_tool("layout", "--two", "--flash-size", "4M", "--app-size", "1M",
                            "--firmware", firmware)
        self.assertIn("ota_1,app,ota_1,0x1c0000,1728K,", run.stdout)
        self.assertIn("enlarged from 1024K to 1728K", run.stderr)
        exact = self.write("firmware.bin", bytes(MIB))
        run = self.run_tool("layout", "--two", "--flash-size", "4M", "--app-size", "1M",
                            "--firmware", exact)
        self.assertIn("ota_1,app,ota_1,0x110000,1M,", run.stdout)
        self.assertEqual(run.stderr, "")
        large = self.write("firmware.bin", bytes(2 * MIB))
        said = self.refused("usage", "layout", "--two", "--flash-size", "4M", "--firmware", large,
                            code=2)
        self.assertIn("at most 1984K, not 2048K", said)

    def test_layout_file_system_is_lowered_to_what_fits(self):
        for asked, size, said in (("8M", "896K", True), ("1000", None, True), ("100K", "100K", False),
                                  ("0", None, False), ("101000", "96K", True)):
            run = self.run_tool("layout", "--two", "--flash-size", "4M", "--fs-size", asked)
            found = [r for r in csv_rows(run.stdout) if r.startswith("vfs,")]
            self.assertEqual(found, [f"vfs,data,fat,0x310000,{size},"] if size else [])
            self.assertEqual("is lowered from" in run.stderr, said, asked)

    def test_layout_modules_lie_before_the_state(self):
        rows = self.layout("--two", "--flash-size", "4M", "--modules", "128K")
        self.assertEqual(rows[-3:], ["vfs,data,fat,0x310000,768K,", "modules,64,2,0x3d0000,128K,",
                                     "bulla,64,0,0x3f0000,64K,"])
        for bad in ("100K", "4M"):
            self.refused("usage", "layout", "--two", "--flash-size", "4M", "--modules", bad, code=2)
        self.refused("usage", "layout", "--two", "--flash-size", "4M", "--modules", "64K",
                     "--no-state", code=2)

    def test_layout_in_place_has_two_banks_where_they_fit(self):
        rows = self.layout("--in-place", "--flash-size", "8M")
        self.assertEqual(rows[3:6], ["app,app,factory,0x10000,1536K,", "bank_0,64,16,0x190000,1536K,",
                                     "bank_1,64,17,0x310000,1536K,"])
        for words in (["4M"], ["8M", "--fs-size", "4M"]):
            run = self.run_tool("layout", "--in-place", "--flash-size", *words)
            self.assertIn("bank_0", run.stdout)
            self.assertNotIn("bank_1", run.stdout)
            self.assertIn("one bank only", run.stderr)
        rows = self.layout("--in-place", "--flash-size", "4M", "--app-size", "1M")
        self.assertIn("bank_1,64,17,0x210000,1M,", rows)
        self.refused("usage", "layout", "--in-place", "--flash-size", "4M", "--no-state", code=2)

    def test_layout_that_would_not_work_is_refused(self):
        for words, because in (
                ("--three --flash-size 4M", "larger than 4M"),
                ("--three --flash-size 2M --force", "larger than 4M"),
                ("--two --flash-size 2M", "leaves apps 896K on a flash of 2M, which is smaller than "
                 "1M: 4M and more have room, or one app (--single); --force"),
                ("--two --flash-size 4M --app-size 960K", "smaller than 1M; --force"),
                ("--two --flash-size 4M --app-size 1000K", "multiple of 64K"),
                ("--two --flash-size 4M --app-size 0", "more than 0"),
                ("--two --flash-size 4M --app-size 2M", "at most 1984K"),
                ("--two --flash-size 32M", "2M, 4M, 8M, 16M"),
                ("--two --three --flash-size 16M", "exclude each other"),
                ("--two", "--flash-size"),
                ("--two --flash-size 4M --style idf", "glenn20 or lobo"),
                ("--two --flash-size 4M --firmware missing", "cannot be read"),
                ("--two --flash-size 4M --erase", "--against"),
                ("--two --flash-size 4M --add-state", "--add-state")):
            run = self.run_tool("layout", *words.split(), code=2)
            self.assertIn(because, run.stderr)
        rows = self.layout("--two", "--flash-size", "2M", "--force")
        self.assertIn("ota_1,app,ota_1,0xf0000,896K,", rows)

    def test_layout_every_one_of_them_is_accepted_again(self):
        made = 0
        for kind in ("single", "two", "three", "in-place"):
            for size in ("2M", "4M", "8M", "16M"):
                for style in ("glenn20", "lobo"):
                    if kind == "three" and size in ("2M", "4M"):
                        continue
                    self.run_tool("layout", f"--{kind}", "--flash-size", size, "--style", style,
                                  "--modules", "64K", "--force", "-o", "out.csv")
                    self.run_tool("layout", "out.csv", "--flash-size", size, "-o", "out.bin")
                    self.assertEqual(self.layout("out.bin"),
                                     csv_rows((self.folder / "out.csv").read_text()))
                    made += 1
        self.assertEqual(made, 28)


# ---- first flashing ----


class Provision(Case):
    OLD, NEXT = kit_images.build("esp32"), kit_images.build("esp32", version=b"2.0.0")

    def setUp(self):
        super().setUp()
        self.trust = self.write("trust.cbor", sealing.trust_store([KEY]))
        self.app = self.write("app.bin", self.OLD)

    def words(self, *more, layout="two", size="4M"):
        return ["provision", self.flash, "--layout", layout, "--flash-size", size, "--app",
                self.app, "--trust", self.trust, "--vendor", "example.com", "--class", "sensor",
                *more]

    def provision(self, *more, **how):
        return self.run_tool(*self.words(*more, **how))

    def boots(self, slot):
        self.assertEqual(self.run_tool("boot", self.flash).stdout, slot + "\n")

    def test_layout_other_than_the_flashed_one_needs_erase(self):
        self.provision()
        before = self.flash.read_bytes()
        other = ["layout", "--two", "--flash-size", "4M", "--app-size", "1M", "-o", "new.csv",
                 "--against", self.flash]
        self.refused("partition-changed", *other)
        answer = self.json(*other, code=1)
        self.assertEqual(len(answer["differences"]), 3, answer)
        self.assertIn("'ota_1' moves from 0x190000", "".join(answer["differences"]))
        self.assertIn("'ota_0' at 0x10000 has size 0x100000", "".join(answer["differences"]))
        run = self.run_tool(*other, "--erase")
        self.assertIn("erase the whole flash", run.stderr)
        self.run_tool("layout", "--two", "--flash-size", "4M", "--against", self.flash)
        added = ["layout", "--two", "--flash-size", "4M", "--modules", "64K"]
        said = self.run_tool(*added, "--against", self.flash, code=1).stderr
        self.assertIn("'modules' (0x3e0000, size 0x10000) is new", said)
        self.refused("partition-changed", *self.words("--force", "--app-size", "1M"))
        self.refused("partition-changed", *self.words("--force", layout="single"))
        self.refused("usage", *self.words("--erase"), code=2)
        self.assertEqual(self.flash.read_bytes(), before)
        self.provision("--force")
        self.provision("--force", "--erase", layout="single")
        self.boots("factory")
        self.refused("partition-magic", "layout", "--two", "--flash-size", "4M", "--against",
                     self.trust)

    def test_what_force_replaces_is_told(self):
        sealed = self.write("app.suit", sealing.seal(self.OLD, [KEY], sequence=7))
        self.assertNotIn("lost", self.provision("--envelope", sealed).stderr)
        self.assertIn("lost: its device state (confirmed sequence 7, floor 0)\n",
                      self.provision("--force").stderr)
        self.assertIn("lost: its device state (no sequence confirmed, floor 0)\n",
                      self.provision("--force").stderr)
        data = bytearray(self.flash.read_bytes())
        data[0x310000] = data[0x9000] = 0
        self.flash.write_bytes(data)
        answer = self.json(*self.words("--force"))
        self.assertIn("floor 0), what was in 'nvs', 'vfs'", " ".join(answer["notes"]))
        self.flash.write_bytes(data[:-0x10000] + b"\xff" * 0x10000)
        self.assertIn("lost: what was in 'nvs', 'vfs'\n", self.provision("--force").stderr)

    def test_flash_whose_table_cannot_be_read_needs_erase(self):
        self.provision()
        data = bytearray(self.flash.read_bytes())
        data[0x8000 + 5] ^= 1  # one bit that rotted
        for kept in (bytes(data), b"no flash", bytes(4 * MIB)):
            self.flash.write_bytes(kept)
            said = self.refused("partition-changed", *self.words("--force"))
            self.assertIn("cannot be told", said)
            self.assertEqual(self.flash.read_bytes(), kept)
            run = self.provision("--force", "--erase")
            self.assertIn("erase the whole flash", run.stderr)
            self.boots("ota_0")
        with open(self.flash, "wb") as f:
            f.truncate(300 * MIB)
        self.refused("partition-changed", *self.words("--force"))
        for blank in (b"", b"\xff" * 4 * MIB):
            self.flash.write_bytes(blank)
            self.assertEqual(self.provision("--force").stderr, "")

    def test_otadata_blank_or_set(self):
        self.provision("--otadata", "blank")
        self.assertEqual(self.flash.read_bytes()[OTADATA:OTADATA + 0x2000], b"\xff" * 0x2000)
        self.boots("ota_0")
        self.flash.unlink()
        self.provision("--otadata", "set")
        self.assertEqual(self.flash.read_bytes()[OTADATA:OTADATA + 0x2000], otadata((1, 2)))
        self.boots("ota_0")
        self.flash.unlink()
        self.refused("usage", *self.words("--otadata", "on"), code=2)
        self.refused("usage", *self.words("--otadata", "set", layout="single"), code=2)
        self.refused("usage", *self.words("--otadata", "set", layout="three", size="16M"), code=2)
        self.refused("usage", *self.words("--otadata", "set", layout="in-place"), code=2)

    def test_factory_app_and_first_slot(self):
        newer = self.write("next.bin", self.NEXT)
        sealed = {}
        for name, image, sequence in (("app", self.NEXT, 7), ("factory", self.OLD, 3)):
            sealed[name] = self.write(f"{name}.suit", sealing.seal(image, [KEY], sequence=sequence))
        factory, self.app = self.app, newer
        more = ["--factory-app", factory, "--factory-envelope", sealed["factory"], "--envelope",
                sealed["app"]]
        for chosen, slot, sequence in (("blank", "factory", 3), ("set", "ota_0", 7)):
            words = self.words(*more, "--otadata", chosen, layout="three", size="16M")
            answer = self.json(*words)
            self.assertEqual((answer["slot"], answer["sequence"]), (slot, sequence))
            data = self.flash.read_bytes()
            self.assertEqual(data[0x10000:0x10000 + len(self.OLD)], self.OLD)
            self.assertEqual(data[0x1C0000:0x1C0000 + len(self.NEXT)], self.NEXT)
            self.boots(slot)
            self.flash.unlink()
        self.refused("usage", *self.words("--factory-app", factory), code=2)
        self.refused("usage", *self.words("--factory-envelope", sealed["app"], layout="three",
                                          size="16M"), code=2)
        swapped = ["--factory-app", factory, "--factory-envelope", sealed["app"]]
        self.refused("image-digest", *self.words(*swapped, layout="three", size="16M"))
        combined = ESP / "combined" / "comb_esp32_from_1000.bin"
        said = self.refused("image-not-an-app",
                            *self.words("--factory-app", combined, layout="three", size="16M"))
        self.assertIn("bulla-sign extract", said)

    def test_in_place_app_runs_where_it_is_and_lies_in_the_first_of_two_banks(self):
        self.provision("--modules", "64K", layout="in-place", size="8M")
        data = self.flash.read_bytes()
        self.assertEqual(data[0x10000:0x10000 + len(self.OLD)], self.OLD)
        self.assertEqual(data[0x190000:0x190000 + len(self.OLD)], self.OLD)
        self.assertEqual(data[0x310000:0x490000], b"\xff" * 0x180000)
        rows = {p["name"]: p for p in self.json("inspect", self.flash)["partitions"]}
        self.assertEqual((rows["bank_0"]["content"], rows["bank_1"]["content"]), ("image", "blank"))
        self.assertEqual(rows["app"]["content"], "image")
        self.assertEqual(rows["modules"]["offset"], 0x7E0000)

    def test_bootloader_lies_where_the_chip_looks_for_it(self):
        boots = {"esp32": 0x1000, "esp32c3": 0, "esp32p4": 0x2000}
        for chip, offset in boots.items():
            self.app = self.write("app.bin", kit_images.build(chip))
            boot = self.write("boot.bin", bootloader(chip))
            self.provision("--bootloader", boot, "--chip", chip)
            data = self.flash.read_bytes()
            self.assertEqual(data[offset:offset + len(bootloader(chip))], bootloader(chip))
            answer = self.json("inspect", self.flash)
            self.assertEqual((answer["chip"], answer["offset"], answer["warnings"]), (chip, 0, []))
            self.assertEqual(answer["state"], "provisioned")
            self.assertIn("flash it whole at 0x0", answer["purpose"])
            self.flash.unlink()

    def test_bootloader_that_does_not_fit_is_refused(self):
        def refused(status, data, **how):
            path = self.write("boot.bin", data)
            return self.refused(status, *self.words("--bootloader", path, **how))

        # a header for 4M under a table of 16M: what stops a stock bootloader in the field
        said = refused("partition-bounds", bootloader("esp32", 2), size="16M")
        self.assertIn("was built for 4M", said)
        refused("partition-bounds", bootloader("esp32", 4))  # 16M on a chip of 4M
        refused("partition-bounds", bootloader("esp32", 9))
        refused("chip-mismatch", bootloader("esp32c3"))
        refused("image-checksum", bootloader("esp32")[:-40])
        refused("image-checksum", bootloader("esp32")[:-1] + b"\0")
        refused("image-magic", b"no bootloader")
        refused("partition-overlap", bootloader("esp32").ljust(0x7001, b"\xff"))

    def test_file_system_is_erased_or_the_image(self):
        self.provision()
        self.assertEqual(self.flash.read_bytes()[0x310000:0x3F0000], b"\xff" * 0xE0000)
        self.flash.unlink()
        files = self.write("fs.bin", b"files" * 1000)
        self.provision("--fs", files)
        self.assertEqual(self.flash.read_bytes()[0x310000:0x310000 + 5000], b"files" * 1000)
        self.flash.unlink()
        self.refused("usage", *self.words("--fs", files, "--fs-size", "0"), code=2)
        large = self.write("fs.bin", bytes(0xE0001))
        self.refused("partition-bounds", *self.words("--fs", large))

    def test_sizes_of_built_in_layouts(self):
        self.provision("--style", "lobo", "--app-size", "1M", "--fs-size", "512K", "--modules",
                       "128K")
        self.assertEqual(self.layout(self.flash)[3:],
                         ["MicroPython_1,app,ota_0,0x10000,1M,", "MicroPython_2,app,ota_1,0x110000,1M,",
                          "internalfs,data,fat,0x210000,512K,", "modules,64,2,0x3d0000,128K,",
                          "bulla,64,0,0x3f0000,64K,"])
        self.flash.unlink()
        table = self.write("table.csv", "f,app,factory,0x10000,1M\nbulla,64,0,,64K\n")
        self.refused("usage", *self.words("--app-size", "1M", layout=table), code=2)
        self.refused("usage", *self.words("--app-size", "512K"), code=2)


# ---- combined images ----


class Inspect(Case):
    def warnings(self, data):
        return self.json("inspect", self.write("image.bin", data))["warnings"]

    def test_inspect_fixtures_are_told_whole(self):
        for name, chip, offset, length in (("comb_esp32_from_1000.bin", "esp32", 0x1000, 65648),
                                           ("comb_c3_from_0.bin", "esp32c3", 0, 448)):
            answer = self.json("inspect", ESP / "combined" / name)
            self.assertEqual((answer["chip"], answer["offset"]), (chip, offset))
            self.assertEqual(answer["table_offset"], 0x8000)
            self.assertEqual(answer["warnings"], [])
            self.assertEqual(answer["bootloader"]["flash_size"], 4 * MIB)
            self.assertTrue(answer["bootloader"]["checksum_ok"])
            app = answer["partitions"][3]
            self.assertEqual((app["name"], app["offset"], app["size"]), ("ota_0", 0x10000, 0x180000))
            self.assertEqual((app["image"]["length"], app["image"]["sha256"]), (length, "good"))
            self.assertEqual(app["image"]["status"], "ok")
            self.assertEqual(answer["partitions"][4]["content"], "not in the file")
            self.assertEqual(answer["otadata"], [None, None])
            self.assertIn(f"flash it whole at {offset:#x}", answer["purpose"])
            self.assertIn("bulla-sign extract", answer["purpose"])
        self.assertEqual(answer["bootloader"]["idf_version"], "v5.5-fixture")
        text = self.run_tool("inspect", ESP / "combined" / "comb_c3_from_0.bin").stdout
        self.assertIn("  ota_0      app      ota_0       0x10000   0x180000  1,572,864", text)

    def test_inspect_every_chip_from_its_bootloader_and_from_0(self):
        for chip, facts in kit_images.CHIPS.items():
            flash = flash_of(chip, FACTORY, {0x30000: kit_images.build(chip)})
            for start in {0, facts["boot"]}:
                answer = self.json("inspect", self.write("image.bin", flash[start:]))
                self.assertEqual((answer["chip"], answer["offset"]), (chip, start))
                self.assertEqual(answer["partitions"][0]["image"]["chip"], chip)
                self.assertEqual(answer["warnings"], [], chip)

    def test_inspect_table_beyond_what_the_bootloader_believes_is_warned_of(self):
        rows = FACTORY + [(1, 0x81, 0x310000, 0xCF0000, b"vfs")]  # seed 003: ends at 16M
        app = {0x30000: kit_images.build("esp32")}
        warned = self.warnings(flash_of("esp32", rows, app, nibble=2)[0x1000:])
        self.assertEqual(len(warned), 1)
        self.assertIn("0x1000000 bytes of flash, the bootloader's header says 4M", warned[0])
        self.assertEqual(self.warnings(flash_of("esp32", rows, app, nibble=4)[0x1000:]), [])

    def test_inspect_what_would_not_work_is_warned_of(self):
        app = kit_images.build("esp32")
        flipped = app[:300] + bytes([app[300] ^ 4]) + app[301:]
        good = bootloader("esp32")
        for words, data in (
                ("image-checksum", flash_of("esp32", FACTORY, {0x30000: flipped})),
                ("image-cut", flash_of("esp32", FACTORY, {0x30000: app})[:0x30000 + 200]),
                ("for another chip", flash_of("esp32", FACTORY, {0x30000: kit_images.build("esp32c3")})),
                ("bootloader is damaged", flash_of("esp32", FACTORY, {0x30000: app},
                                                   boot=good[:-1] + bytes([good[-1] ^ 1]))),
                ("moved to 0xa000", flash_of("esp32", FACTORY, {0x30000: app}, table_at=0xA000)),
                ("an app lies at 0x20000", flash_of("esp32", FACTORY, {0x20000: app, 0x30000: app})),
                ("no device takes this table", flash_of("esp32", SLOTS, {0x10000: app})),
                ("same type and subtype", flash_of("esp32", FACTORY + [
                    (1, 2, 0x9000, 0x1000, b"a"), (1, 2, 0xA000, 0x1000, b"b")], {0x30000: app}))):
            warned = self.warnings(data)
            self.assertEqual(len([w for w in warned if words in w]), 1, (words, warned))
        self.assertEqual(self.warnings(flash_of("esp32", FACTORY, {0x30000: app})), [])

    def test_inspect_reads_no_byte_of_many_rows_twice(self):
        app = kit_images.build("esp32")
        for rows, skipped in (
                ([(0, 0x10, 0x10000, 0x20000, b"a"), (0, 0x11, 0x20000, 0x10000, b"b")], True),
                ([(0, 0x10, 0x10000, 0x10000, b"a"), (0, 0x11, 0x20000, 0x10000, b"b")], False),
                ([(0, 0x10, 0x10000, 0x20000, b"a"), (0x40, 0x10, 0x20000, 0x1000, b"b")], True),
                ([(0, 0x10, 0x10000, 0xFFFF0000, b"a"), (0, 0x11, 0x20000, 0x1000, b"b")], True)):
            data = flash_of("esp32", rows, {0x10000: app, 0x20000: app})
            answer = self.json("inspect", self.write("image.bin", data))
            found = {row["content"] for row in answer["partitions"]}
            self.assertEqual(found, {"not looked at"} if skipped else {"image"}, rows)
            self.assertEqual("not looked at" in " ".join(answer["warnings"]), skipped)

    def test_inspect_of_an_app_ends_where_the_largest_one_does(self):
        for size, word in ((15 * MIB, "none"), (16 * MIB, "cut")):
            image = bytearray(kit_images.build("esp32")[:24])
            image[1], image[23] = 1, 0  # one segment, no SHA-256
            image += struct.pack("<II", 0x3F400020, size) + bytes(size + 16)
            rows = [(0, 0x10, 0x10000, 32 * MIB, b"a")]
            data = flash_of("esp32", rows, {0x10000: image}, size=18 * MIB)
            row = self.json("inspect", self.write("image.bin", data))["partitions"][0]
            self.assertEqual(row["image"]["sha256"], word)

    def test_inspect_otadata_and_state(self):
        flash = flash_of("esp32", OTA + SLOTS + STATE, {OTADATA: otadata((1, 2), (2, 1))}, size=4 * MIB)
        answer = self.json("inspect", self.write("image.bin", flash))
        self.assertEqual([(r["seq"], r["state"], r["slot"], r["crc_ok"]) for r in answer["otadata"]],
                         [(1, "VALID", "ota_0", True), (2, "PENDING_VERIFY", "ota_1", True)])
        self.assertEqual(answer["state"], "blank")
        torn = flash[:OTADATA + 28] + b"\0\0\0\0" + flash[OTADATA + 32:-0x10000] + bytes(0x10000)
        answer = self.json("inspect", self.write("image.bin", torn))
        self.assertFalse(answer["otadata"][0]["crc_ok"])
        self.assertEqual(answer["state"], "damaged")
        answer = self.json("inspect", self.write("image.bin", flash[:0x100000]))
        self.assertEqual(answer["state"], "not in the file")

    def test_inspect_what_is_no_flash_image_is_refused(self):
        app = self.refused("partition-magic", "inspect", ESP / "app" / "e32.bin")
        self.assertIn("is an app image and no flash image", app)
        boot = self.refused("partition-magic", "inspect",
                            self.write("boot.bin", bootloader("esp32")))
        self.assertIn("a bootloader perhaps", boot)
        self.refused("partition-magic", "inspect", self.write("zeros", bytes(0x20000)))
        self.refused("partition-magic", "inspect", self.write("empty", b""))
        self.refused("io", "inspect", "missing", code=2)
        self.refused("usage", "inspect", code=2)
        self.refused("usage", "inspect", "a", "-o", "b", code=2)
        table = flash_of("esp32", FACTORY, {})
        self.refused("partition-md5", "inspect", self.write(
            "bad", table[:0x8010] + b"x" + table[0x8011:]))


class Extract(Case):
    def extract(self, data, *more, code=0):
        words = ["extract", self.write("flash.bin", data), "-o", "app.bin", *more]
        answer = self.json(*words, tool="bulla-sign", code=code)
        return answer, (self.folder / "app.bin").read_bytes() if code == 0 else None

    def test_extract_every_chip_from_its_bootloader_and_from_0(self):
        for chip, facts in kit_images.CHIPS.items():
            app = kit_images.build(chip)
            flash = flash_of(chip, OTA + SLOTS, {0x10000: app + b"old remains" * 99})
            for start in {0, facts["boot"]}:
                answer, found = self.extract(flash[start:])
                self.assertEqual(found, app, chip)
                self.assertEqual((answer["partition"], answer["offset"]), ("ota_0", 0x10000 - start))
                self.assertEqual(answer["image"]["chip"], chip)

    def test_extract_moved_table(self):
        app = kit_images.build("esp32")
        for at in (0x9000, 0xA000, 0xF000):
            flash = flash_of("esp32", SLOTS + OTA[:0], {0x10000: app}, table_at=at)
            for start in (0, 0x1000):
                self.assertEqual(self.extract(flash[start:])[1], app)
        # one that is not whole is no table
        broken = bytearray(flash)
        broken[0xF010] ^= 1
        self.assertEqual(self.extract(bytes(broken), code=1)[0]["status"], "partition-magic")

    def test_extract_named_partition(self):
        one, two, three = (kit_images.build("esp32c3", version=v) for v in (b"1", b"2", b"3"))
        bank = [(0x40, 0x10, 0x50000, 0x10000, b"bank_0"), (1, 0x81, 0x60000, 0x10000, b"vfs")]
        flash = flash_of("esp32c3", OTA + SLOTS + FACTORY + bank,
                         {0x10000: one, 0x20000: two, 0x30000: three, 0x50000: one},
                         size=0x70000)
        self.assertEqual(self.extract(flash)[1], three)
        for name, app in (("ota_0", one), ("ota_1", two), ("factory", three), ("bank_0", one)):
            self.assertEqual(self.extract(flash, "--partition", name)[1], app)
        for name in ("ota_2", "otadata", "vfs", ""):
            answer, _ = self.extract(flash, "--partition", name, code=1)
            self.assertEqual(answer["status"], "slot-unknown")

    def test_extract_flash_without_bootloader(self):
        app = kit_images.build("esp32")
        flash = flash_of("esp32", FACTORY, {0x30000: app}, boot=b"")
        self.assertEqual(self.extract(flash)[1], app)
        self.assertEqual(self.extract(flash[:0x8000] + b"\xff" * 0xC00 + flash[0x8C00:], code=1)[0]
                         ["status"], "image-magic")


if __name__ == "__main__":
    unittest.main()
