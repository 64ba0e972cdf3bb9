# SPDX-License-Identifier: Apache-2.0
"""What a test of the boards begins with: keys, certificates, sealed releases, devices fresh from the
factory. Made anew for each run by the programs that a user has; nothing of it is kept."""

import csv
import random
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENDOR = "example.com"


def must(*command, code=0, **how):
    run = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True,
                         stderr=subprocess.STDOUT, timeout=120, **how)
    if run.returncode != code:
        end = "\n".join(line[:200] for line in run.stdout.splitlines()[-12:])
        raise RuntimeError(f"{str(command)[:300]}: exit {run.returncode}\n{end}")
    return run.stdout


RUNNING = set()  # what this run started and has not ended


def start(*command, **how):
    """Of what must not outlive the tests."""
    process = subprocess.Popen([str(word) for word in command], **how)
    RUNNING.add(process)
    return process


def ended(process):
    RUNNING.discard(process)


def statuses():
    """Number to name, read from where the product has them."""
    enum = (ROOT / "verifier/include/bulla/status.h").read_text()
    text = (ROOT / "verifier/core/status_text.c").read_text()
    order = re.findall(r"^    (BULLA_\w+)(?: = 0)?,?$", enum, re.M)
    names = {}
    for code, name in re.findall(r'case (BULLA_\w+):\n\s+return "([a-z0-9-]+)";', text):
        names.setdefault(code, name)  # the sentences come after the names
    return {number: names.get(code, code) for number, code in enumerate(order)}


def refusals():
    """Names of verdicts: the numbers below not-judged."""
    names = statuses()
    first = next(number for number, name in names.items() if name == "not-judged")
    return {names[number] for number in range(1, first)}


def number(text):
    units = {"K": 1 << 10, "M": 1 << 20}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text, 0)


class Layout:
    """Where the partitions of the boards lie: by what they are, otadata, ota_0, ota_1 and state."""

    def __init__(self, path):
        self.path = path
        self.parts, end = {}, 0x9000
        rows = csv.reader(line for line in path.read_text().splitlines()
                          if line.strip() and not line.lstrip().startswith("#"))
        for row in rows:
            _, kind, subtype, at, size = (field.strip() for field in row[:5])
            align = 0x10000 if kind == "app" else 0x1000
            first = number(at) if at else -(-end // align) * align
            end = first + number(size)
            name = {"0x40": "state", "app": subtype, "data": f"{subtype}data"}[kind]
            self.parts[name] = (first, number(size))
        self.end = end

    def slot(self, index):
        return self.parts[f"ota_{index}"]

    def place(self, address):
        """Which partition an address is in."""
        for name, (first, size) in self.parts.items():
            if first <= address < first + size:
                return name
        return "outside"


class Release:
    """A folder of the web server: app.suit and app.bin, as `bulla-sign publish` would lay them."""

    def __init__(self, folder, path, sequence, version):
        self.folder, self.path = folder, path
        self.envelope, self.image = folder / "app.suit", folder / "app.bin"
        self.sequence, self.version = sequence, version
        self.bytes = self.image.read_bytes()


class Kit:
    def __init__(self, folder, binaries, layout=ROOT / "client_fw/port/mcu/partitions.csv"):
        self.folder, self.bin = Path(folder), Path(binaries)
        self.layout = Layout(layout)
        self.www = self.folder / "www"
        for name in ("release", "thief"):
            must(self.bin / "bulla-key", "generate", name, cwd=self.folder)
        self.certificates = {
            "right": self.certificate("right", "IP:10.0.2.100"),
            "wrong-key": self.certificate("wrong-key", "IP:10.0.2.100"),
            "wrong-name": self.certificate("wrong-name", "IP:10.0.2.101,DNS:elsewhere.example"),
            "expired": self.certificate("expired", "IP:10.0.2.100", ended=True),
        }
        pins = [part for name in ("right", "wrong-name", "expired")
                for part in ("--pin", self.pin(self.certificates[name]))]  # fmt: skip
        self.trust = self.folder / "trust.cbor"
        must(self.bin / "bulla-key", "trust", "--key", "release.pub", *pins, "-o", self.trust,
             cwd=self.folder)

    # ---- certificates ----

    def certificate(self, name, san, ended=False):
        """NAME.crt and NAME.key, P-256, signed by itself."""
        dates = ("-not_before", "20200101000000Z", "-not_after", "20200201000000Z")
        key, path = self.folder / f"{name}.key", self.folder / f"{name}.crt"
        request = self.folder / f"{name}.csr"
        options = ["-subj", "/CN=bulla", "-addext", f"subjectAltName={san}"]
        must("openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", key)
        if not ended:
            must("openssl", "req", "-x509", "-new", "-key", key, "-days", "2", "-out", path, *options)
            return path
        must("openssl", "req", "-new", "-key", key, "-out", request, *options)
        (self.folder / "index").touch()
        (self.folder / "ca.conf").write_text(
            f"[ca]\ndefault_ca=x\n[x]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\n"
            "default_md=sha256\npolicy=p\nrand_serial=yes\ncopy_extensions=copy\n[p]\n"
            "commonName=supplied\n")
        must("openssl", "ca", "-batch", "-notext", "-config", self.folder / "ca.conf", "-selfsign",
             "-keyfile", key, "-in", request, "-out", path,
             "-startdate", dates[1], "-enddate", dates[3])
        return path

    def pin(self, certificate):
        return must(self.bin / "bulla-key", "pin", certificate).strip()

    # ---- releases and devices ----

    def seal(self, board, name, image, sequence, version, key="release", of_class=None):
        """An image sealed and published: the board finds it at /BOARD/NAME/app.suit."""
        folder = self.www / board.name / name
        folder.mkdir(parents=True)
        (folder / "app.bin").write_bytes(image)
        must(self.bin / "bulla-sign", "sign", folder / "app.bin", "--key",
             self.folder / f"{key}.pem", "--vendor", VENDOR, "--class", of_class or board.name,
             "--sequence", sequence, "--version", version, "--format", "raw", "-o",
             folder / "app.suit")
        return Release(folder, f"/{board.name}/{name}/app.suit", sequence, version)

    def flash(self, board, release, path):
        """A device with its first release confirmed. In the other slot is what nobody knows: an
        erase that is forgotten shows."""
        path.unlink(missing_ok=True)
        must(self.bin / "bulla-device", "provision", path, "--layout", self.layout.path,
             "--flash-size", "16M", "--app", release.image, "--envelope", release.envelope,
             "--format", "raw", "--trust", self.trust, "--vendor", VENDOR, "--class", board.name)
        first, size = self.layout.slot(1)
        with path.open("r+b") as file:
            file.seek(first)
            file.write(random.Random(board.name).randbytes(size))
            file.seek(0, 2)
            file.write(b"\xff" * (board.flash_size - file.tell()))
        return path
