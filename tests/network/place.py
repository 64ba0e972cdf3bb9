# SPDX-License-Identifier: Apache-2.0
"""What every network test stands on: one temporary folder with certificates, an nginx, devices and
releases. Devices are provisioned by bulla-device, envelopes sealed by the independent
implementation in tests/support/sealing.py. Everything listens on 127.0.0.1, on free ports."""

import datetime
import hashlib
import ipaddress
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import sealing  # noqa: E402

NGINX = "/usr/sbin/nginx"
SECTOR = 4096
LARGE = 0x180000  # 1.5 MiB: all of a slot of the layout "two" on 4 MiB
KEY = sealing.Key("release")

# Small enough that a copy of the chip costs nothing.
SMALL_LAYOUT = """nvs, data, nvs, 0x9000, 16K,
otadata, data, ota, 0xd000, 8K,
phy_init, data, phy, 0xf000, 4K,
ota_0, app, ota_0, 0x10000, 64K,
ota_1, app, ota_1, , 64K,
bulla, 0x40, 0x00, , 32K,
"""

CONFIGURATION = """daemon off; master_process off; pid nginx.pid; error_log error.log;
events {{ worker_connections 128; }}
http {{
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp;
  scgi_temp_path tmp; types {{ }} default_type application/octet-stream; access_log off;
  ssl_certificate tls.crt; ssl_certificate_key tls.key; ssl_protocols TLSv1.2;
  keepalive_requests 10000; root www;
  server {{ listen 127.0.0.1:{port} ssl; ssl_buffer_size 4k; }}
  server {{ listen 127.0.0.1:{port_16k} ssl; }}
}}
"""


class Identity:
    """A P-256 key and its certificate; signed by itself unless there is an issuer."""

    def __init__(self, path, names=("localhost",), issuer=None, days=(-1, 2), ca=False):
        self.private = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, path.name)])
        self.subject = subject
        addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))] if "localhost" in names else []
        certificate = (
            x509.CertificateBuilder().subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(self.private.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(
                [x509.DNSName(name) for name in names] + addresses), False)
            .sign(issuer.private if issuer else self.private, hashes.SHA256()))
        self.crt, self.key = path.with_suffix(".crt"), path.with_suffix(".key")
        self.crt.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        self.pin = hashlib.sha256(self.private.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)).digest()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Place:
    def __init__(self, folder, binaries):
        self.folder = Path(folder)
        self.device = str(Path(binaries) / "bulla-device")
        self.driver = str(Path(binaries) / "bulla-network")
        self.identity = Identity(self.folder / "tls")
        self.trust = self.make_trust("tls", pins=[self.identity.pin])
        self.www = self.folder / "www"
        self.www.mkdir()
        (self.folder / "small.csv").write_text(SMALL_LAYOUT)
        self.process = None

    # ---- nginx ----

    def start(self):
        self.port, self.port_16k = free_port(), free_port()
        (self.folder / "nginx.conf").write_text(
            CONFIGURATION.format(port=self.port, port_16k=self.port_16k))
        self.process = subprocess.Popen(
            [NGINX, "-p", str(self.folder), "-c", "nginx.conf", "-e", "error.log"],
            stderr=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("nginx does not answer: " + (self.folder / "error.log").read_text())

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()

    def url(self, name, port=None):
        """Of a release; TLS records hold 4 KiB, or what nginx packs into them on port_16k."""
        return f"https://127.0.0.1:{port or self.port}/{name}.suit"

    # ---- releases and devices ----

    def publish(self, name, image, sequence, **how):
        """www/NAME.suit and www/NAME.bin; the path of the image."""
        (self.www / f"{name}.suit").write_bytes(
            sealing.seal(image, [KEY], sequence=sequence, uri=f"{name}.bin", **how))
        path = self.www / f"{name}.bin"
        path.write_bytes(image)
        return path

    def run_device(self, *arguments):
        return subprocess.run([self.device, *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, text=True)

    def must(self, *arguments):
        run = self.run_device(*arguments)
        if run.returncode != 0:
            raise RuntimeError(f"{arguments}: {run.stdout}{run.stderr}")
        return run

    def make_trust(self, name, pins=(), anchors=()):
        path = self.folder / f"{name}.trust"
        path.write_bytes(sealing.trust_store([KEY], pins=list(pins), anchors=list(anchors)))
        return path

    def provision(self, name, image, small, trust=None):
        """A flash file with this raw image running and confirmed as sequence 1."""
        flash, app, envelope = (self.folder / f"{name}.{end}" for end in ("flash", "app", "suit"))
        app.write_bytes(image)
        envelope.write_bytes(sealing.seal(image, [KEY], sequence=1))
        layout = (self.folder / "small.csv", "256K") if small else ("two", "4M")
        self.must("provision", flash, "--layout", layout[0], "--flash-size", layout[1], "--app", app,
                  "--envelope", envelope, "--format", "raw", "--trust", trust or self.trust,
                  "--vendor", "example.com", "--class", "sensor")
        self.must("boot", flash)
        return flash


def noise(seed, size):
    """An image of a raw class: whatever begins with 0xE9 would be judged as an ESP image."""
    return b"raw " + random.Random(seed).randbytes(size - 4)
