#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The simulated device as its users meet it: a flash file, an nginx with TLS on 127.0.0.1, and
envelopes sealed by the independent implementation in support/sealing.py.

    BULLA_BIN=DIRECTORY test_bulla_device.py [unittest arguments]
"""

import datetime
import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import sealing  # noqa: E402

APPS = HERE.parent / "fixtures" / "esp" / "app"
DEVICE = str(Path(os.environ.get("BULLA_BIN", ".")) / "bulla-device")
VENDOR, CLASS = "example.com", "sensor"
KEY = sealing.Key("release")
STRANGER = sealing.Key("stranger")
SECTOR = 4096
SLOT_0, SLOT_1, OTADATA = 0x10000, 0x190000, 0xD000
STATE_SIZE = 0x10000  # of the bulla partition, at the end of the built-in layouts
VERIFY = str(Path(os.environ.get("BULLA_BIN", ".")) / "bulla-verify")
NEW, PENDING, VALID, INVALID, ABORTED = range(5)


def app(name):
    return (APPS / name).read_bytes()


OLD, MIDDLE, NEXT, LARGE = (
    app("se32_1.0.0.bin"), app("se32_1.1.0.bin"), app("se32_1.2.0.bin"), app("e32.bin"))


class Server:
    """nginx with a certificate of its own, serving one directory."""

    def __init__(self, folder):
        self.root = folder / "www"
        self.root.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device test")])
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]), False)
            .sign(key, hashes.SHA256()))
        pem = serialization.Encoding.PEM
        (folder / "tls.crt").write_bytes(certificate.public_bytes(pem))
        (folder / "tls.key").write_bytes(key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        self.pin = hashlib.sha256(key.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)).digest()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log {folder}/access.log; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  types {{ }} default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{self.port} ssl; ssl_certificate {folder}/tls.crt;
    ssl_certificate_key {folder}/tls.key; root {self.root};
    location /no-range/ {{ max_ranges 0; alias {self.root}/; }}
  }}
}}
""")
        self.log = folder / "access.log"
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf"), "-p",
                                         str(folder)], stderr=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("nginx does not answer")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def url(self, path):
        return f"https://127.0.0.1:{self.port}/{path}"


SERVER = None
FOLDER = None


def setUpModule():
    global SERVER, FOLDER
    FOLDER = Path(tempfile.mkdtemp(prefix="bulla-device-"))
    SERVER = Server(FOLDER)


def tearDownModule():
    SERVER.stop()
    shutil.rmtree(FOLDER)


def records(flash):
    """The two otadata records as (seq, state), None where there is none."""
    out = []
    for sector in range(2):
        at = OTADATA + sector * SECTOR
        seq, state, crc = struct.unpack("<I20xII", flash[at:at + 32])
        good = crc == zlib.crc32(struct.pack("<I", seq), 0xFFFFFFFF)
        out.append((seq, state) if seq != 0xFFFFFFFF and good else None)
    return out


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(dir=FOLDER))
        self.flash = self.folder / "flash.bin"
        self.www = SERVER.root / self.folder.name
        self.www.mkdir()
        self.trust = self.folder / "trust.cbor"
        self.trust.write_bytes(sealing.trust_store([KEY], pins=[SERVER.pin]))

    def run_device(self, *arguments, code=None):
        run = subprocess.run([DEVICE, *map(str, arguments)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=120, text=True)
        if code is not None:
            self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout}{run.stderr}")
        return run

    def json(self, *arguments, code=None):
        run = self.run_device(*arguments, "--json", code=code)
        self.assertEqual(run.stdout.count("\n"), 1, run.stdout)
        self.assertTrue(run.stdout.isascii())
        answer = json.loads(run.stdout)
        verdict = {0: "accepted", 1: "refused", 2: "not judged"}[run.returncode]
        self.assertEqual(answer["verdict"], verdict)
        return answer

    def provision(self, image=OLD, *more, code=0, layout="two", sequence=None, size="4M"):
        app_file = self.folder / "app.bin"
        app_file.write_bytes(image)
        extra = list(more)
        if sequence is not None:
            envelope = self.folder / "app.suit"
            envelope.write_bytes(sealing.seal(image, [KEY], sequence=sequence))
            extra += ["--envelope", envelope]
        return self.run_device(
            "provision", self.flash, "--layout", layout, "--flash-size", size, "--app", app_file,
            "--trust", self.trust, "--vendor", VENDOR, "--class", CLASS, *extra, code=code)

    def publish(self, image, keys=(KEY,), name="app", **how):
        how.setdefault("uri", name + ".bin")
        (self.www / f"{name}.suit").write_bytes(sealing.seal(image, list(keys), **how))
        (self.www / f"{name}.bin").write_bytes(image)

    def update(self, *more, code=0, name="app", prefix=""):
        return self.run_device("update", self.flash, "--url",
                               SERVER.url(f"{prefix}{self.folder.name}/{name}.suit"), *more,
                               code=code)

    def boot(self, slot):
        run = self.run_device("boot", self.flash, code=0)
        self.assertEqual(run.stdout, slot + "\n", run.stderr)
        return run.stderr

    def facts(self):
        """All that a device knows and holds but its journal."""
        answer = self.json("status", self.flash, code=0)
        events = answer.pop("events")
        answer["state"].pop("used")  # the journal lies there
        return answer, self.flash.read_bytes()[:-STATE_SIZE], events

    def refused(self, status, code=1, **how):
        """The update is refused with this status, and nothing changes but that the journal says so."""
        *before, _ = self.facts()
        run = self.update(code=code, **how)
        self.assertIn(f": {status}: ", run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        *after, events = self.facts()
        self.assertEqual(after, before)
        if status not in ("trial-pending", "no-slot", "tls-no-trust"):  # before an attempt
            self.assertEqual((events[0]["event"], events[0]["status"]), ("update-failed", status))


class Life(Case):
    def test_update_boot_confirm_runs_new_release(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        self.publish(MIDDLE, sequence=2, version="1.1.0")
        self.update()
        flash = self.flash.read_bytes()
        self.assertEqual(records(flash), [(1, VALID), (2, NEW)])
        self.assertEqual(flash[SLOT_1:SLOT_1 + len(MIDDLE)], MIDDLE)
        self.assertEqual(set(flash[SLOT_1 + len(MIDDLE):SLOT_1 + SECTOR]), {0xFF})
        self.boot("ota_1")
        self.assertEqual(records(self.flash.read_bytes()), [(1, VALID), (2, PENDING)])
        self.run_device("confirm", self.flash, code=0)
        self.assertEqual(records(self.flash.read_bytes()), [(1, VALID), (2, VALID)])
        self.boot("ota_1")
        status = self.json("status", self.flash, code=0)
        self.assertEqual((status["running"]["label"], status["next_boot"]["label"],
                          status["next_update"]),
                         ("ota_1", "ota_1", "ota_0"))
        self.assertEqual((status["sequence"], status["floor"]), (2, 0))
        self.assertEqual(status["slots"][1]["version"], "1.1.0")

    def test_update_without_any_boot_before_protects_the_first_app(self):
        self.provision()
        for sequence, image in ((1, MIDDLE), (2, NEXT)):
            self.publish(image, sequence=sequence)
            self.update()
        flash = self.flash.read_bytes()
        self.assertEqual(flash[SLOT_0:SLOT_0 + len(OLD)], OLD)
        self.assertEqual(flash[SLOT_1:SLOT_1 + len(NEXT)], NEXT)
        self.boot("ota_1")

    def test_unconfirmed_trial_falls_back_and_may_be_tried_again(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        self.publish(MIDDLE, sequence=2)
        for _ in range(3):
            self.update()
            self.boot("ota_1")
            why = self.boot("ota_0")
            self.assertIn("ended without confirmation", why)
            self.assertEqual(records(self.flash.read_bytes())[1][1], ABORTED)
        self.refused("trial-failed-before")
        self.update("--retry")
        self.boot("ota_1")

    def test_update_during_trial_is_refused(self):
        self.provision(sequence=1)
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("ota_1")
        self.publish(NEXT, sequence=3)
        self.refused("trial-pending")
        self.run_device("confirm", self.flash, code=0)
        self.update()
        self.boot("ota_0")

    def test_confirm_before_trial_is_refused_and_twice_is_fine(self):
        self.provision(sequence=1)
        for prepare in ([], ["boot"], ["update"]):
            if prepare == ["boot"]:
                self.boot("ota_0")
            if prepare == ["update"]:
                self.publish(MIDDLE, sequence=2)
                self.update()
            before = self.flash.read_bytes()
            run = self.run_device("confirm", self.flash, code=1)
            self.assertIn("refused: no-trial: ", run.stderr)
            self.assertEqual(self.flash.read_bytes(), before)
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)
        once = self.flash.read_bytes()
        self.run_device("confirm", self.flash, code=0)
        self.assertEqual(self.flash.read_bytes(), once)

    def test_reject_boots_fallback_and_without_one_is_refused(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        self.run_device("reject", self.flash, code=1)
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("ota_1")
        self.run_device("reject", self.flash, code=0)
        self.assertEqual(records(self.flash.read_bytes())[1], (2, INVALID))
        self.boot("ota_0")
        self.update()
        self.boot("ota_1")

    def test_set_boot_goes_back_and_forth(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)
        self.run_device("set-boot", self.flash, "ota_0", code=0)
        self.boot("ota_0")
        self.boot("ota_0")
        self.run_device("set-boot", self.flash, "ota_1", code=0)
        self.boot("ota_1")
        run = self.run_device("set-boot", self.flash, "ota_7", code=1)
        self.assertIn("the table has ota_0, ota_1", run.stderr)

    def test_damaged_slot_is_given_up_and_repaired_by_the_same_release(self):
        self.provision(sequence=1)
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)
        data = bytearray(self.flash.read_bytes())
        data[SLOT_1 + 300] ^= 1
        self.flash.write_bytes(data)
        self.assertIn("image-digest", self.boot("ota_0"))
        self.update()
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)

    def test_nothing_newer_is_fine_and_changes_nothing(self):
        self.provision(sequence=4)
        self.boot("ota_0")
        before = self.flash.read_bytes()
        self.publish(OLD, sequence=4)
        self.assertIn("nothing newer", self.update().stdout)
        self.assertEqual(self.flash.read_bytes(), before)

    def test_factory_layout_updates_both_slots_in_turn(self):
        self.provision(layout="three", size="16M", sequence=1)
        self.boot("factory")
        for sequence, image, slot in ((2, MIDDLE, "ota_0"), (3, LARGE, "ota_1"),
                                      (4, OLD, "ota_0")):
            self.publish(image, sequence=sequence)
            self.update()
            self.boot(slot)
            self.run_device("confirm", self.flash, code=0)
        self.run_device("set-boot", self.flash, "factory", code=0)
        self.boot("factory")
        self.assertEqual(self.json("status", self.flash)["next_update"], "ota_1")

    def test_floor_rises_with_confirmation_and_shuts_out_what_is_older(self):
        self.provision(sequence=1)
        self.boot("ota_0")
        self.publish(NEXT, sequence=2)
        self.update()
        self.boot("ota_1")
        self.assertEqual(self.json("status", self.flash)["floor"], 0)
        self.run_device("confirm", self.flash, code=0)
        self.assertEqual(self.json("status", self.flash)["floor"], 1)
        self.publish(MIDDLE, sequence=3)
        self.refused("secure-version-too-old")
        run = self.run_device("set-boot", self.flash, "ota_0", code=1)
        self.assertIn("secure-version-too-old", run.stderr)

    def test_single_layout_has_no_slot(self):
        self.provision(layout="single")
        self.boot("factory")
        self.publish(MIDDLE, sequence=2)
        self.refused("no-slot")

    def test_raw_class_takes_raw_and_refuses_esp(self):
        raw = bytes(range(256)) * 40 + b"tail"
        self.provision(raw, "--format", "raw", sequence=1)
        self.boot("ota_0")
        self.publish(raw[::-1], sequence=2)
        self.update()
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)
        self.publish(OLD, sequence=3)
        self.refused("image-format")


class AfterTheUpdate(Case):
    """Trials of several boots, crash loops, the health check, nothing that boots, the journal."""

    def setUp(self):
        super().setUp()
        self.provision(sequence=1)
        self.boot("ota_0")
        self.publish(MIDDLE, sequence=2)
        self.update()

    def confirmed(self):
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)

    def crash(self, slot, *more):
        answer = self.json("boot", self.flash, "--reset", "crash", *more, code=0)
        self.assertEqual(answer["slot"], slot)
        return answer

    def audit(self):
        public = self.folder / "release.pub"
        public.write_bytes(KEY.pem())
        run = subprocess.run([VERIFY, "flash", self.flash, "--trust", public, "--json"],
                             stdout=subprocess.PIPE, timeout=120, text=True)
        return json.loads(run.stdout)

    def events(self):
        """The journal as both programs tell it."""
        told = [(e["event"], e["slot"], e["status"])
                for e in self.json("status", self.flash, code=0)["events"]]
        self.assertEqual([(e["what"], e["slot"].replace("none", "nothing"), e["status"])
                          for e in self.audit()["events"]], told)
        return told

    def test_trial_has_as_many_boots_as_the_port_allows(self):
        for number in (1, 2, 3):
            answer = self.json("boot", self.flash, "--trial-boots", 3, code=0)
            self.assertEqual((answer["slot"], answer["trial"], answer["trial_boot"]),
                             ("ota_1", True, number))
        self.assertIn("has used 3 boots", self.run_device("status", self.flash, code=0).stdout)
        run = self.run_device("boot", self.flash, "--trial-boots", 3, code=0)
        self.assertEqual(run.stdout, "ota_0\n")
        self.assertIn("ended without confirmation", run.stderr)
        self.assertIn(("fall-back", "ota_1", "trial-not-confirmed"), self.events())

    def test_crash_loop_of_a_confirmed_release_falls_back_and_says_why(self):
        self.confirmed()
        for number in (1, 2, 3, 4):
            self.assertEqual(self.crash("ota_1")["crashes"], number)
        self.boot("ota_1")  # a power loss is no crash
        self.assertIn("It crashed 4 times in a row", self.run_device("status", self.flash).stdout)
        self.assertEqual(self.audit()["last_boot"], {"slot": "ota_1", "trial": False, "crashes": 4})
        answer = self.crash("ota_0")
        self.assertTrue(answer["crash_loop"])
        self.assertIn("ota_1 crashed 5 times in a row", answer["why"])
        self.assertEqual(records(self.flash.read_bytes()), [(1, VALID), (2, ABORTED)])
        self.assertEqual(self.json("status", self.flash)["sequence"], 2)
        self.assertEqual(self.events()[0], ("fall-back", "ota_1", "crash-loop"))
        self.update()  # the same release, as a trial
        self.boot("ota_1")

    def test_crash_loop_that_ends_in_time_is_forgotten(self):
        self.confirmed()
        for _ in range(3):
            for _ in range(2):
                self.crash("ota_1", "--crashes", 3)
            self.assertIn("no crash counts", self.run_device("alive", self.flash, code=0).stdout)
            before = self.flash.read_bytes()
            self.run_device("alive", self.flash, code=0)
            self.assertEqual(self.flash.read_bytes(), before)

    def test_crashes_count_nothing_where_the_port_wants_none(self):
        self.confirmed()
        before = self.flash.read_bytes()
        for _ in range(8):
            self.crash("ota_1", "--crashes", 0)
        self.assertEqual(self.flash.read_bytes(), before)

    def test_confirm_waits_until_the_server_is_reached(self):
        self.boot("ota_1")
        url = SERVER.url(f"{self.folder.name}/app.suit")
        for bad, code, words in (
                (SERVER.url(f"{self.folder.name}/gone.suit"), 2, "http-status: not confirmed: "),
                ("https://127.0.0.1:1/app.suit", 2, "net-connect: not confirmed: 127.0.0.1 port 1"),
                ("http://127.0.0.1/app.suit", 2, "url: ")):
            run = self.run_device("confirm", self.flash, "--reach", bad, code=code)
            self.assertIn("error: " + words, run.stderr)
        self.publish(MIDDLE, keys=[STRANGER], sequence=2)
        run = self.run_device("confirm", self.flash, "--reach", url, code=1)
        self.assertIn("refused: signature-unknown-key: not confirmed: ", run.stderr)
        self.assertEqual(records(self.flash.read_bytes())[1], (2, PENDING))
        self.assertEqual(self.events()[:3],
                         [("not-confirmed", "ota_1", "signature-unknown-key"),
                          ("not-confirmed", "ota_1", "net-connect"),
                          ("not-confirmed", "ota_1", "http-status")])
        self.publish(MIDDLE, sequence=2)
        for transport in ("mbedtls", "curl"):
            self.assertIn("sequence 2", self.run_device(
                "confirm", self.flash, "--reach", url, "--transport", transport, "--timeout", 20,
                code=0).stdout)
        self.assertEqual(records(self.flash.read_bytes())[1], (2, VALID))

    def test_nothing_bootable_is_explained_and_recovery_code_can_repair_it(self):
        self.confirmed()
        data = bytearray(self.flash.read_bytes())
        data[SLOT_0 + 300] ^= 1
        data[SLOT_1 + 300] ^= 1
        self.flash.write_bytes(data)
        for _ in range(2):
            run = self.run_device("boot", self.flash, code=1)
            self.assertIn("refused: nothing-bootable: ", run.stderr)
        self.assertEqual([e for e in self.events() if e[0] == "nothing-boots"],
                         [("nothing-boots", "ota_1", "image-digest")])
        text = self.run_device("status", self.flash, code=0).stdout
        self.assertIn("Nothing can boot: no slot verifies", text)
        self.assertIn("To repair it: recovery code can still install a release", text)
        for label in ("ota_0", "ota_1"):
            self.assertIn(f"Slot '{label}': does not verify: image-digest (", text)
        self.update("--recovery")
        slot = self.json("boot", self.flash, code=0)["slot"]
        self.run_device("confirm", self.flash, code=0)
        self.boot(slot)

    def test_words_that_a_reset_does_not_know_are_usage_errors(self):
        for words in (["boot", "--reset", "fire"], ["boot", "--trial-boots", 0],
                      ["boot", "--trial-boots", 251], ["boot", "--crashes", 256],
                      ["boot", "--crashes", "-1"], ["confirm", "--timeout", 3],
                      ["confirm", "--transport", "curl"], ["alive", "--crashes", 1]):
            before = self.flash.read_bytes()
            self.run_device(words[0], self.flash, *words[1:], code=2)
            self.assertEqual(self.flash.read_bytes(), before)


class Download(Case):
    def setUp(self):
        super().setUp()
        self.provision(sequence=1)
        self.boot("ota_0")

    def installed(self, image, slot=SLOT_1):
        self.assertEqual(self.flash.read_bytes()[slot:slot + len(image)], image)

    def test_large_image_arrives_whole(self):
        self.publish(LARGE, sequence=2, text={"en": {1: "a larger one"}})
        self.update()
        self.installed(LARGE)

    def test_bundled_image_arrives_from_the_envelope_alone(self):
        self.publish(LARGE, sequence=2, bundle=True)
        (self.www / "app.bin").unlink()
        self.update()
        self.installed(LARGE)

    def grouped(self, prefix="", **how):
        """An image whose list is larger than the memory for it: 70 sectors, 2 KiB."""
        image = bytes((i * 7 + i // 4096) & 255 for i in range(70 * SECTOR - 100))
        self.provision(OLD, "--format", "raw", "--force", sequence=1)
        self.boot("ota_0")
        self.publish(image, sequence=2, **how)
        self.update("--memory", "2K", prefix=prefix)
        self.installed(image)

    def test_list_in_groups_arrives_whole(self):
        self.provision = lambda image, *more, **how: Case.provision(
            self, b"raw app" * 100, *more, **how)
        self.grouped()

    def test_list_in_groups_from_a_bundle(self):
        self.provision = lambda image, *more, **how: Case.provision(
            self, b"raw app" * 100, *more, **how)
        self.grouped(bundle=True)

    def test_list_in_groups_from_a_server_without_ranges(self):
        self.provision = lambda image, *more, **how: Case.provision(
            self, b"raw app" * 100, *more, **how)
        self.grouped(prefix="no-range/")

    def test_sectors_on_flash_are_not_fetched_again(self):
        self.publish(LARGE, sequence=2)
        self.update()
        log = SERVER.log.read_text().count("app.bin")
        answer = self.json("update", self.flash, "--url",
                           SERVER.url(f"{self.folder.name}/app.suit"), code=0)
        self.assertEqual((answer["sectors_written"], answer["sectors_kept"]), (0, 17))
        self.assertEqual(SERVER.log.read_text().count("app.bin"), log)

    def test_missing_sectors_are_fetched_with_one_range_for_each_run(self):
        self.publish(LARGE, sequence=2)
        self.update()
        data = bytearray(self.flash.read_bytes())
        for sector in 3, 9, 10:
            data[SLOT_1 + sector * SECTOR + 5] ^= 0x10
        self.flash.write_bytes(data)
        answer = self.json("update", self.flash, "--url",
                           SERVER.url(f"{self.folder.name}/app.suit"), code=0)
        self.assertEqual((answer["sectors_written"], answer["sectors_kept"]), (3, 14))
        self.installed(LARGE)
        lines = [line for line in SERVER.log.read_text().splitlines() if "app.bin" in line]
        self.assertIn(f" 206 {SECTOR} ", lines[-2])
        self.assertIn(f" 206 {2 * SECTOR} ", lines[-1])

    def test_sectors_of_the_running_slot_are_not_fetched(self):
        self.publish(LARGE, sequence=2)
        self.update()
        self.boot("ota_1")
        self.run_device("confirm", self.flash, code=0)
        self.publish(LARGE, sequence=3)
        lines = SERVER.log.read_text().count("app.bin")
        answer = self.json("update", self.flash, "--url",
                           SERVER.url(f"{self.folder.name}/app.suit"), code=0)
        self.assertEqual((answer["sectors_written"], answer["sectors_copied"]), (17, 17))
        self.assertEqual(SERVER.log.read_text().count("app.bin"), lines)

    def test_refusals_change_nothing(self):
        rows = [
            ("signature-invalid", dict(keys=[sealing.Block(STRANGER, kid=KEY.id)])),
            ("signature-unknown-key", dict(keys=[STRANGER])),
            ("sequence-too-old", dict(sequence=0)),
            ("sequence-conflict", dict(sequence=1)),
            ("vendor-mismatch", dict(vendor="example.org")),
            ("class-mismatch", dict(class_name="lamp")),
            ("component-mismatch", dict(component="factory")),
            ("envelope-trailing", dict(envelope=lambda data: data + b"\0")),
            ("envelope-truncated", dict(envelope=lambda data: data[:-1])),
        ]
        for status, how in rows:
            with self.subTest(status):
                self.publish(MIDDLE, **{"sequence": 2, **how})
                self.refused(status)
        self.publish(app("sc3.bin"), sequence=2)
        self.refused("chip-mismatch")
        self.publish(bytes(0x190000), sequence=2)
        self.refused("slot-too-small")
        self.publish(MIDDLE, sequence=2)
        (self.www / "app.bin").write_bytes(MIDDLE + b"\0")
        self.refused("http-length")
        (self.www / "app.bin").write_bytes(MIDDLE[:-1])
        self.refused("http-length")
        (self.www / "app.bin").write_bytes(MIDDLE[:200] + b"\1" + MIDDLE[201:])
        self.refused("sector-digest")
        self.publish(MIDDLE, sequence=2)
        self.update()
        self.boot("ota_1")

    def test_refusal_says_what_was_expected_and_found(self):
        self.publish(MIDDLE, sequence=0)
        run = self.update(code=1)
        self.assertEqual(run.stderr, "refused: sequence-too-old: manifest has 0, device "
                                     "confirmed 1\n")
        self.assertEqual(run.stdout, "")

    def test_signed_uri_that_leads_nowhere_is_refused(self):
        self.publish(MIDDLE, sequence=2, uri="https://[::::]/app.bin")
        self.refused("uri-form")

    def test_no_network_is_not_a_verdict(self):
        self.refused("http-status", code=2, name="nothing-here")
        before = self.flash.read_bytes()[:-STATE_SIZE]
        run = self.run_device("update", self.flash, "--url", "https://127.0.0.1:1/app.suit",
                              code=2)
        self.assertIn("error: net-connect: 127.0.0.1 port 1", run.stderr)
        self.assertEqual(self.flash.read_bytes()[:-STATE_SIZE], before)

    def test_server_with_another_key_is_refused(self):
        self.trust.write_bytes(sealing.trust_store([KEY], pins=[bytes(32)]))
        self.provision(OLD, "--force", sequence=1)
        self.publish(MIDDLE, sequence=2)
        self.refused("tls-pin")

    def test_store_without_pin_and_anchor_allows_no_download(self):
        self.trust.write_bytes(sealing.trust_store([KEY]))
        self.provision(OLD, "--force", sequence=1)
        self.publish(MIDDLE, sequence=2)
        self.refused("tls-no-trust")


class DownloadWithCurl(Download):
    def update(self, *more, **how):
        return super().update("--transport", "curl", *more, **how)


class Provision(Case):
    def test_provision_published_test_key_is_refused(self):
        published = type("Key", (), {"public": bytes.fromhex(
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")})()  # RFC 8032 TEST 1
        self.trust.write_bytes(sealing.trust_store([published]))
        self.assertIn("trust-test-key", self.provision(code=2).stderr)
        self.assertFalse(self.flash.exists())

    def test_provision_key_of_mixed_order_is_refused(self):
        # the key plus the point of order 2: (-x, -y) is canonical and not of small order
        p = 2**255 - 19
        raw = int.from_bytes(KEY.public, "little")
        y, sign = raw & (2**255 - 1), raw >> 255
        mixed = type("Key", (), {"public": (p - y | (1 - sign) << 255).to_bytes(32, "little")})()
        self.trust.write_bytes(sealing.trust_store([mixed]))
        self.assertIn("prime order", self.provision(code=2).stderr)

    def test_existing_file_is_kept_without_force(self):
        self.provision()
        before = self.flash.read_bytes()
        self.assertIn("--force replaces it", self.provision(NEXT, code=2).stderr)
        self.assertEqual(self.flash.read_bytes(), before)
        self.provision(NEXT, "--force")
        self.boot("ota_0")

    def no_flash(self, run, words):
        self.assertIn(words, run.stderr)
        self.assertFalse(self.flash.exists())

    def test_force_replaces_regular_files_only(self):
        target = self.folder / "target.bin"
        target.write_bytes(b"precious")
        fifo, link = self.folder / "fifo", self.folder / "link"
        os.mkfifo(fifo)
        link.symlink_to(target)
        for path in (fifo, link):
            self.flash = path
            run = self.provision(OLD, "--force", code=2)
            self.assertIn("only a regular file is replaced", run.stderr)
        self.assertTrue(fifo.is_fifo() and link.is_symlink())
        self.assertEqual(target.read_bytes(), b"precious")

    def test_force_never_replaces_what_the_flash_is_made_from(self):
        before = self.trust.read_bytes()
        self.flash = self.trust
        self.assertIn("is the same file as", self.provision(OLD, "--force", code=2).stderr)
        self.assertEqual(self.trust.read_bytes(), before)
        self.flash = self.folder / "other-name"
        os.link(self.trust, self.flash)
        self.assertIn("is the same file as", self.provision(OLD, "--force", code=2).stderr)

    def table(self, state):
        path = self.folder / "table.csv"
        path.write_text("otadata,data,ota,0xd000,0x2000\nota_0,app,ota_0,0x10000,0x180000\n"
                        "ota_1,app,ota_1,0x190000,0x180000\nbulla,0x40,0x00," + state + "\n")
        return path

    def test_state_partition_must_hold_all_that_will_come(self):
        self.provision(layout=self.table("0x3f0000,0x4000"))
        self.flash.unlink()
        self.no_flash(self.provision(layout=self.table("0x3f0000,0x4800"), code=2), "multiples")
        self.no_flash(self.provision(layout=self.table("0x3f0800,0x4000"), code=2), "multiple of")
        keys = [sealing.Key(f"key{i}") for i in range(16)]
        names = ["n" * 28 + f"{i:02}" for i in range(8)]
        self.trust.write_bytes(sealing.trust_store(keys, names={key: names for key in keys}))
        run = self.provision(layout=self.table("0x3f0000,0x4000"), code=2)
        self.no_flash(run, "must hold")

    def test_lost_head_is_not_the_same_as_not_sealed(self):
        self.provision(sequence=1)
        data = bytearray(self.flash.read_bytes())
        envelope = (self.folder / "app.suit").read_bytes()
        at = data.index(envelope[:64])
        data[at + 70] ^= 1
        self.flash.write_bytes(data)
        self.assertIn("no envelope is stored", self.run_device("boot", self.flash, code=1).stderr)

    def test_unusable_input_leaves_no_file(self):
        self.no_flash(self.provision(b"", code=1), "image-truncated")
        self.no_flash(self.provision(app("m_bad_sha.bin"), code=1), "image-sha256")
        self.no_flash(self.provision(app("sc3.bin"), code=1), "chip-mismatch")
        self.no_flash(self.provision(b"no image", code=1), "image-format")
        self.no_flash(self.provision(b"raw", "--format", "raw", code=2), "--envelope")
        self.no_flash(self.provision(OLD, "--chip", "z80", code=2), "--chip")
        self.no_flash(self.provision(OLD, layout="four", code=2), "four")
        self.no_flash(self.provision(OLD, size="5", code=2), "--flash-size")
        self.trust.write_bytes(KEY.pem())
        self.no_flash(self.provision(code=2), "bulla-key trust")
        self.trust.unlink()
        self.no_flash(self.provision(code=2), "cannot be read")

    def test_combined_image_is_refused_with_advice(self):
        combined = HERE.parent / "fixtures" / "esp" / "combined" / "comb_esp32_from_1000.bin"
        self.no_flash(self.provision(combined.read_bytes(), code=1), "bulla-sign extract")

    def test_envelope_of_another_image_is_refused(self):
        other = self.folder / "other.suit"
        other.write_bytes(sealing.seal(NEXT, [KEY], sequence=1))
        self.no_flash(self.provision(OLD, "--envelope", other, code=1), "image-digest")

    def test_table_without_state_is_offered_converted(self):
        table = HERE.parent / "fixtures" / "esp" / "partition" / "glenn20_ota.csv"
        run = self.provision(layout=str(table), code=1)
        self.no_flash(run, "partition-no-state")
        converted = self.folder / "converted.csv"
        converted.write_text(run.stdout)
        self.provision(layout=str(converted))
        self.boot("ota_0")

    def test_missing_flash_is_exit_2_everywhere(self):
        for command in (["boot"], ["alive"], ["confirm"], ["reject"], ["status"], ["set-boot"]):
            more = ["ota_0"] if command == ["set-boot"] else []
            run = self.run_device(*command, self.flash, *more, code=2)
            self.assertIn("error: io: ", run.stderr)
            self.assertFalse(self.flash.exists())

    def test_usage_errors_are_exit_2_also_as_json(self):
        for words in ([], ["fly"], ["boot"], ["boot", "a", "b"], ["boot", "a", "--force"],
                      ["update", "a"], ["update", "a", "--url", "http://x/"]):
            self.run_device(*words, code=2)
            self.json(*words, code=2)
        for words in (["--help"], ["--version"], ["update", "--help"]):
            self.assertNotEqual(self.run_device(*words, code=0).stdout, "")

    def test_file_that_is_no_flash_is_refused(self):
        self.flash.write_bytes(bytes(0x400000))
        self.run_device("boot", self.flash, code=1)
        self.flash.write_bytes(b"\xff" * 0x400000)
        self.run_device("status", self.flash, code=1)


if __name__ == "__main__":
    unittest.main()
