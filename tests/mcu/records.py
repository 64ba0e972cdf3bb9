# SPDX-License-Identifier: Apache-2.0
"""A TLS server that answers in records of 16 KiB although the client asked for smaller ones. OpenSSL
obeys a client that asks, so the handshake and the envelope are OpenSSL's, and the records of the
image are sealed here with the keys of the same session (RFC 5246, RFC 5288)."""

import hashlib
import hmac
import socket
import ssl
import threading

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LARGEST = 16384
CHANGE_CIPHER_SPEC, APPLICATION_DATA = 20, 23


def prf(secret, label_and_seed, count):
    out, a = b"", label_and_seed
    while len(out) < count:
        a = hmac.digest(secret, a, hashlib.sha256)
        out += hmac.digest(secret, a + label_and_seed, hashlib.sha256)
    return out[:count]


class LargeRecords:
    def __init__(self, certificate, folder, www):
        self.www, self.keys = www, folder / "keylog"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        self.context.options |= ssl.OP_NO_TICKET
        self.context.keylog_filename = str(self.keys)
        self.sent_large = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.quietly, args=(connection,), daemon=True).start()

    def quietly(self, connection):
        try:
            with connection:
                Session(self, connection).serve()
        except (OSError, EOFError):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Session:
    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = server.context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.sent = b""  # by OpenSSL, to count its records and find its random
        self.large = 0

    def flush(self):
        data = self.outgoing.read()
        self.sent += data
        self.connection.sendall(data)

    def drive(self, call):
        while True:
            try:
                result = call()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.connection.recv(65536)
                if not data:
                    raise EOFError from None
                self.incoming.write(data)

    def serve(self):
        self.drive(self.tls.do_handshake)
        while True:
            request = b""
            while b"\r\n\r\n" not in request:
                request += self.drive(lambda: self.tls.read(4096))
            path = request.split(b" ")[1].decode()
            body = (self.server.www / path.lstrip("/")).read_bytes()
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            if not path.endswith(".bin"):
                self.drive(lambda: self.tls.write(answer))
                continue
            for at in range(0, len(answer), LARGEST):
                self.connection.sendall(self.sealed(answer[at:at + LARGEST]))
                self.server.sent_large += 1

    def sealed(self, text):
        """One record of the server's side, behind those that OpenSSL sent."""
        random, encrypted, at = b"", None, 0
        while at < len(self.sent):
            kind, size = self.sent[at], int.from_bytes(self.sent[at + 3:at + 5], "big")
            random = random or self.sent[at + 11:at + 43]  # of the ServerHello, which is first
            if kind == CHANGE_CIPHER_SPEC:
                encrypted = 0
            elif encrypted is not None:
                encrypted += 1
            at += 5 + size
        client, master = self.secrets()
        block = prf(master, b"key expansion" + random + client, 40)
        number = (encrypted + self.large).to_bytes(8, "big")
        self.large += 1
        header = bytes([APPLICATION_DATA, 3, 3])
        nonce = b"\xfe" + number[1:]  # far from where OpenSSL counts
        body = AESGCM(block[16:32]).encrypt(block[36:40] + nonce, text,
                                            number + header + len(text).to_bytes(2, "big"))
        return header + (len(nonce) + len(body)).to_bytes(2, "big") + nonce + body

    def secrets(self):
        """Client random and master secret: of this session the last line, one board at a time."""
        line = self.server.keys.read_text().split("\n")[-2].split()
        return bytes.fromhex(line[1]), bytes.fromhex(line[2])
