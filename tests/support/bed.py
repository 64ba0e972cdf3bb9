# SPDX-License-Identifier: Apache-2.0
"""What the pages of tests/support/pages.py take for granted: firmware files, an HTTPS server on
localhost, a serial line. Every file is made at test time, of data that is nobody's."""

import base64
import contextlib
import http.server
import os
import pty
import re
import select
import shutil
import ssl
import subprocess
import threading
import tty
from pathlib import Path

import firmware
import sealing

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures/esp"
USER = base64.b64encode(b"lamp:secret").decode()


# ---- files ----


def write_apps(folder, apps):
    for name, size, version, *secure in apps:
        (folder / name).write_bytes(firmware.app(size, version, "micropython", *secure))


def write_firmware(folder):
    """Apps, and what people mistake for apps."""
    write_apps(folder, (
        ("old.bin", 98304, "1.0.0"), ("micropython.bin", 131072, "1.1.0"),
        ("next.bin", 131072, "1.2.0"), ("secure.bin", 131072, "2.0.0", 1),
        ("huge.bin", 1800 * 1024, "9.0.0")))  # fmt: skip
    (folder / "bootloader.bin").write_bytes(firmware.bootloader())
    (folder / "bootloader16.bin").write_bytes(firmware.bootloader(16))
    for name, fixture in (
            ("lobo_3p.csv", "partition/lobo_3p.csv"), ("c3.bin", "app/sc3.bin"),
            ("glenn20_ota.csv", "partition/glenn20_ota.csv"),
            ("field.csv", "partition/seed003_16m.csv"),
            ("a8266_inplace.bin", "esp8266/a8266_inplace.bin"),
            ("a8266_v2.bin", "esp8266/a8266_v2.bin"),
            ("combined_c3.bin", "combined/comb_c3_from_0.bin")):  # fmt: skip
        shutil.copy(FIXTURES / fixture, folder / name)
    (folder / "page.html").write_bytes(b"<!DOCTYPE html>\n" + b"no firmware\n" * 20)
    (folder / "modules").mkdir()
    for name in ("urequests", "lamp"):
        (folder / f"modules/{name}.mpy").write_bytes(b"M\x06\x00\x1f" + name.encode() * 700)
    write_mistake(folder, "combined.bin", 126976)


def write_sessions(folder):
    """Apps of the sizes that the sessions of the field show."""
    write_apps(folder, (
        ("factory.bin", 1709104, "ESP32_LoBo_v2.0.0"),
        ("MicroPython.bin", 1709104, "ESP32_LoBo_v2.1.0"),
        ("MicroPython-2.bin", 1709104, "ESP32_LoBo_v2.1.1"),
        ("old.bin", 1558512, "v1.18.0"), ("older.bin", 1558512, "v1.19.0"),
        ("micropython.bin", 1558512, "v1.20.0")))  # fmt: skip
    for name, fixture in (("glenn20_ota.bin", "glenn20_ota.bin"), ("field_table.bin", "seed003_16m.bin"),
                          ("lobo_3p.bin", "lobo_3p.bin"), ("lobo_1p.bin", "lobo_1p.bin"),
                          ("lobo_2p.bin", "lobo_2p.bin")):  # fmt: skip
        shutil.copy(FIXTURES / "partition" / fixture, folder / name)
    write_mistake(folder, "ESP32_GENERIC-OTA.bin", 1541472)


def write_mistake(folder, name, size):
    """A combined image, sealed by a signer that does not look, and a flash that swallowed it."""
    table = (FIXTURES / "partition/seed003_16m.bin").read_bytes()
    app = firmware.app(size - 0xF000, "v1.26.0-preview.1587.df421577a1")
    image = firmware.combined(table, app, 16)
    key = sealing.Key("careless")
    (folder / name).write_bytes(image)
    (folder / "careless.pub").write_bytes(key.pem())
    (folder / "careless.suit").write_bytes(
        sealing.seal(image, [key], sequence=2, class_name="lamp", uri=name))
    flash = bytearray(b"\xff" * (16 << 20))
    for at, data in ((0x1000, image[:0x7000]), (0x8000, table), (0x10000, app), (0x190000, image),
                     (0xD000, (FIXTURES / "otadata/seed003_status.bin").read_bytes())):  # fmt: skip
        flash[at : at + len(data)] = data
    (folder / "field.bin").write_bytes(flash)


# ---- the server ----


def make_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", "server.key", "-out", "server.crt", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder, check=True, capture_output=True)  # fmt: skip


class Handler(http.server.BaseHTTPRequestHandler):
    """Static files. Before the name of a file: /private/ asks for a password, /token/ for a field of
    the request; /moved/ and /away/ redirect, to here and elsewhere; /chunked/ tells no length,
    /whole/ knows no ranges."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        way, name = re.fullmatch(r"/(?:(private|token|moved|away|chunked|whole)/)?(.*)", self.path).groups()
        if way == "private" and self.headers["Authorization"] != f"Basic {USER}":
            return self.answer(401)
        if way == "token" and self.headers["X-Token"] != "42":
            return self.answer(403)
        if way in ("moved", "away"):
            host = "" if way == "moved" else "https://127.0.0.1:1"
            return self.answer(302, fields={"Location": f"{host}/{name}"})
        file = self.server.root / name
        if not file.is_file():
            return self.answer(404)
        data = file.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        if not asked or way in ("chunked", "whole"):
            return self.answer(200, data, chunked=way == "chunked")
        first, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
        field = {"Content-Range": f"bytes {first}-{last}/{len(data)}"}
        return self.answer(206, data[first : last + 1], field)

    def answer(self, status, body=b"", fields=None, chunked=False):
        if chunked:
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            fields = {"Transfer-Encoding": "chunked"}
        else:
            fields = {"Content-Length": str(len(body)), **(fields or {})}
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that leaves early is no error


class Server:
    def __init__(self, folder):
        make_certificate(folder)
        self.certificate = folder / "server.crt"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, folder / "server.key")
        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True,
                                               do_handshake_on_connect=False)  # fmt: skip
        self.port = self.http.server_port
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def serve(self, root):
        self.http.root = root

    def close(self):
        self.http.shutdown()
        self.http.server_close()


# ---- the serial line ----


@contextlib.contextmanager
def serial_line(folder):
    """Two terminals with a wire between them: line-a and line-b."""
    ends = []
    for name in ("line-a", "line-b"):
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        (folder / name).symlink_to(os.ttyname(theirs))
        ends.append((ours, theirs))  # theirs stays open: the line outlives those who use it
    stop_read, stop_write = os.pipe()
    wire = {ends[0][0]: ends[1][0], ends[1][0]: ends[0][0]}

    def carry():
        while True:
            ready, _, _ = select.select([*wire, stop_read], [], [])
            if stop_read in ready:
                return
            for end in ready:
                os.write(wire[end], os.read(end, 4096))

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.write(stop_write, b"x")
        thread.join()
        for fd in (*ends[0], *ends[1], stop_read, stop_write):
            os.close(fd)


# ---- one section ----


def prepare(folder, server, sessions=False):
    """An empty working directory becomes one that a section of a page may begin in."""
    (write_sessions if sessions else write_firmware)(folder)
    shutil.copy(server.certificate, folder / "server.crt")
    shutil.copy(server.certificate.with_name("server.key"), folder / "client.key")
    (folder / "www").mkdir()
    server.serve(folder / "www")
