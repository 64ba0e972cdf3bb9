# SPDX-License-Identifier: Apache-2.0
"""An HTTPS server that serves two files well, except where a row of hostile.py says otherwise."""

import re
import socket
import ssl
import threading
import time


class Request:
    def __init__(self, text, number, connection):
        lines = text.split("\r\n")
        self.path = lines[0].split(" ")[1]
        self.fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        self.number = number          # of all requests, from 1 on
        self.connection = connection  # on which connection, from 1 on
        self.of_image = 0             # this is the so manieth for the image
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.fields.get("range", ""))
        self.range = (int(wanted[1]), int(wanted[2]) if wanted[2] else None) if wanted else None
        self.if_range = self.fields.get("if-range")


class Server:
    """hook(server, request) returns True when it answered and this connection goes on, False when
    it is over, None to have the file served. identities: of each connection, the last one for all
    that follow."""

    def __init__(self, files, identities, hook=None, prepare=None, raw=None):
        self.files = dict(files)
        self.etags = {path: '"%d"' % len(data) for path, data in files.items()}
        self.hook, self.raw = hook, raw
        self.requests, self.connections, self.image_requests = [], 0, 0
        self.stopping = threading.Event()
        self.contexts = []
        for identity in identities:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(identity.crt, identity.key)
            if prepare:
                prepare(context)
            self.contexts.append(context)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection, self.connections),
                             daemon=True).start()

    def serve(self, connection, number):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.raw:
                self.raw(self, connection)
                return
            context = self.contexts[min(number, len(self.contexts)) - 1]
            connection = context.wrap_socket(connection, server_side=True,
                                             do_handshake_on_connect=False)
            self.handshake(connection)
            while self.answer(connection, number):
                pass
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    @staticmethod
    def handshake(connection):
        """On failure read on until the client closes: a reset would overtake the alert."""
        try:
            connection.do_handshake()
        except ssl.SSLError:
            raw = socket.socket(fileno=connection.detach())
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4096):
                pass
            raw.close()
            raise

    def answer(self, connection, number):
        text = b""
        while b"\r\n\r\n" not in text:
            more = connection.recv(4096)
            if not more:
                return False
            text += more
        self.requests.append(Request(text.decode("latin-1"), len(self.requests) + 1, number))
        request = self.requests[-1]
        if request.path.endswith(".bin"):
            self.image_requests += 1
            request.of_image = self.image_requests
        self.connection = connection
        told = self.hook(self, request) if self.hook else None
        return self.file(request) if told is None else told

    # ---- for hooks ----

    def send(self, *parts):
        for part in parts:
            self.connection.sendall(part if isinstance(part, bytes) else part.encode())

    def status(self, code, *fields, body=b""):
        """A whole answer."""
        self.send("HTTP/1.1 %d Status\r\n" % code, *[field + "\r\n" for field in fields],
                  "Content-Length: %d\r\n\r\n" % len(body), body)
        return True

    def file(self, request, data=None, etag=True, partial=True, careless=False, fields=(), upto=None):
        """The file, or of `data`, as a good server sends it; only `upto` bytes of the body."""
        data = self.files.get(request.path) if data is None else data
        if data is None:
            return self.status(404)
        if etag is True:
            etag = self.etags[request.path]
        wanted = request.range if partial else None
        if request.if_range and not careless and request.if_range != (etag or "").lower():
            wanted = None
        first, last = 0, len(data) - 1
        if wanted:
            first = wanted[0]
            last = min(last, wanted[1]) if wanted[1] is not None else last
            if first > last:
                return self.status(416, "Content-Range: bytes */%d" % len(data))
            fields = [*fields, "Content-Range: bytes %d-%d/%d" % (first, last, len(data))]
        if etag:
            fields = [*fields, "ETag: " + etag]
        body = data[first:last + 1]
        self.send("HTTP/1.1 %s\r\n" % ("206 Part" if wanted else "200 OK"),
                  *[field + "\r\n" for field in fields],
                  "Content-Length: %d\r\n\r\n" % len(body), body[:upto])
        return upto is None

    def goodbye(self):
        """close_notify, then the end of TCP."""
        self.connection.settimeout(5)
        self.connection.unwrap().close()
        return False

    def trickle(self, data, piece, seconds):
        for at in range(0, len(data), piece):
            if self.stopping.is_set():
                return
            self.send(data[at:at + piece])
            time.sleep(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
