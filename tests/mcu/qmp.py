# SPDX-License-Identifier: Apache-2.0
"""QEMU's machine protocol, as far as a power switch and a network plug need it."""

import json
import socket
import time


class Qmp:
    def __init__(self, path, process, seconds=10):
        self.socket = socket.socket(socket.AF_UNIX)
        until = time.monotonic() + seconds
        while True:
            try:
                self.socket.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("QEMU did not open its control socket") from None
                time.sleep(0.005)
        self.socket.settimeout(seconds)
        self.file = self.socket.makefile("r")
        self.file.readline()  # the greeting
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        text = json.dumps({"execute": command, "arguments": arguments}) + "\n"
        self.socket.sendall(text.encode())
        for line in self.file:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise EOFError("QEMU is gone")

    def close(self):
        self.file.close()
        self.socket.close()
