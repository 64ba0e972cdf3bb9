#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is spoken on a serial line is CoAP: libcoap's programs understand it, at either end. Between
their UDP and our line stands a bridge that knows frames and nothing of what is in them.

    BULLA_BIN=DIRECTORY test_coap_peers.py [unittest arguments]
"""

import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
import tty
import unittest

import test_bulla_device as base
from test_bulla_device import DEVICE, KEY, SLOT_1, sealing
from test_serial import FIRST, SEND

CLIENT, SERVER = shutil.which("coap-client-notls"), shutil.which("coap-server-notls")
IMAGE = base.hashlib.shake_256(b"peers").digest(150_000)
END = b"\xc0"

setUpModule = base.setUpModule
tearDownModule = base.tearDownModule


def fcs(data):
    """RFC 1662, bit by bit."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
    return value


def framed(message):
    data = b"\xa9" + message
    data += (fcs(data) ^ 0xFFFF).to_bytes(2, "little")
    return END + data.replace(b"\xdb", b"\xdb\xdd").replace(END, b"\xdb\xdc") + END


def unframed(frame):
    data = frame.replace(b"\xdb\xdc", END).replace(b"\xdb\xdd", b"\xdb")
    assert data[0] == 0xA9 and fcs(data) == 0xF0B8, data
    return data[1:-2]


class Bridge:
    """A pty on one side, UDP on the other: of whoever asks, or of the peer."""

    def __init__(self, peer=None):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.name = os.ttyname(self.slave)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.port, self.peer, self.stopping = self.udp.getsockname()[1], peer, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        held = b""
        while not self.stopping:
            ready, _, _ = select.select([self.master, self.udp], [], [], 0.1)
            if self.udp in ready:
                message, self.peer = self.udp.recvfrom(65536)
                os.write(self.master, framed(message))
            if self.master in ready:
                *frames, held = (held + os.read(self.master, 65536)).split(END)
                for frame in filter(None, frames):
                    self.udp.sendto(unframed(frame), self.peer)

    def close(self):
        self.stopping = True
        self.thread.join()
        self.udp.close()
        os.close(self.master)
        os.close(self.slave)


@unittest.skipUnless(CLIENT and SERVER, "libcoap3-bin is not installed")
class Peers(base.Case):
    def bridge(self, peer=None):
        bridge = Bridge(peer)
        self.addCleanup(bridge.close)
        return bridge

    def ask(self, port, path, *more):
        run = subprocess.run([CLIENT, *more, f"coap://127.0.0.1:{port}/{path}"], timeout=60,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return run.stdout

    def start(self, *command):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def test_client_of_libcoap_fetches_from_bulla_send(self):
        (self.folder / "files").mkdir()
        (self.folder / "files" / "app 1.bin").write_bytes(IMAGE)
        bridge = self.bridge()
        sender = self.start(SEND, bridge.name, str(self.folder / "files"))
        time.sleep(0.3)
        out = self.folder / "out"
        for size in ("1024", "256", "16"):
            with self.subTest(size=size):
                text = self.ask(bridge.port, "app%201.bin", "-b", size, "-o", str(out), "-m", "get")
                self.assertEqual(out.read_bytes(), IMAGE, text)
                out.unlink()
        self.assertIn("4.04", self.ask(bridge.port, "none", "-m", "get"))
        self.assertIn("4.05", self.ask(bridge.port, "app%201.bin", "-m", "put", "-e", "x"))
        sender.send_signal(signal.SIGINT)
        self.assertEqual(sender.wait(10), 0)

    def test_device_updates_from_a_server_of_libcoap(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.start(SERVER, "-A", "127.0.0.1", "-p", str(port), "-d", "10")
        time.sleep(0.5)
        for name, data in (("update.suit", sealing.seal(IMAGE, [KEY], sequence=2, uri="app.bin")),
                           ("app.bin", IMAGE)):
            (self.folder / name).write_bytes(data)
            self.ask(port, name, "-b", "1024", "-m", "put", "-f", str(self.folder / name))
        self.provision(FIRST, "--format", "raw", sequence=1)
        self.boot("ota_0")
        bridge = self.bridge(("127.0.0.1", port))
        run = subprocess.run([DEVICE, "update", str(self.flash), "--serial", bridge.name],
                             timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual(self.flash.read_bytes()[SLOT_1:SLOT_1 + len(IMAGE)], IMAGE)
        self.boot("ota_1")


if __name__ == "__main__":
    unittest.main()
