# SPDX-License-Identifier: Apache-2.0
"""Updates from servers that misbehave on purpose: each row is one server, one update over each
transport, and how it must end. Whole updates are judged here: what the status is, whether flash was
changed, what boots. What the transports make of single answers is tests/e2e/test_transport.py's."""

import os
import ssl
import subprocess

from hooks import *  # noqa: F403
from place import Identity, free_port, noise
from server import Server

BASE = noise("base", 4000)
FAST = ("--progress", "400")


class Row:
    """flash: "same" not one byte changed outside of the journal, "old" the old image boots, "new"
    the new one does."""

    def __init__(self, name, hook, status, flash, options=(), check=None, **server):
        self.name, self.hook, self.status, self.flash = name, hook, status, flash
        self.options, self.check, self.server = options, check, server


BIG = "X: " + "y" * 65536
MANY = ["X-%d: y" % n for n in range(10000)]
LENGTH = "Content-Length: %d"

ANSWERS = [
    # ranges and resumption (W01, W03, R07)
    Row("drop in mid-image, good answer", dropped(), "ok", "new", check=resumed),
    Row("200 to a Range request, whole file again", dropped(file(partial=False)), "ok", "new"),
    Row("200 to a Range request, another file", dropped(file(data=OTHER[:1] * 18000, partial=False)),
        "sector-digest", "old"),
    Row("200 to a Range request, another length", dropped(file(data=OTHER, partial=False)),
        "http-length", "old"),
    Row("206 with a later range", dropped(asked(shift=1)), "http-range", "old"),
    Row("206 with an earlier range", dropped(asked(shift=-1)), "http-range", "old"),
    Row("206 with a shorter range", dropped(asked(fewer=1)), "http-range http-length image-truncated",
        "old"),
    Row("206 of a file of another length", dropped(file(data=NEW + b"x", careless=True)),
        "http-length", "old"),
    Row("206 whose range and total disagree", dropped(asked(total=18001)), "http-range", "old"),
    Row("206 without total", dropped(asked(total="*")), "http-range", "old"),
    Row("206 without Content-Range", dropped(headed(LENGTH % 18000, code="206 Part")), "http-range",
        "old"),
    Row("206 from the start", dropped(part(0, 17999, 18000)), "http-range", "old"),
    Row("206 to a request for the whole", on(SUIT, headed("Content-Range: bytes 0-9/10", LENGTH % 10,
                                                          code="206 Part")), "http-range", "same"),
    Row("multipart/byteranges", dropped(multipart), "http-range", "old"),
    Row("416", dropped(status(416, "Content-Range: bytes */18000")), "http-status", "old"),
    Row("ETag changed, same bytes in a 206", dropped(file(etag='"z"', careless=True)), "ok", "new",
        check=if_range),
    Row("ETag changed, other bytes in a 206", dropped(file(etag='"z"', careless=True,
                                                           data=noise("x", 18000))),
        "sector-digest", "old"),
    Row("ETag changed, whole file", dropped(file(etag='"z"')), "ok", "new", check=if_range),
    Row("wrong bytes before the drop, the right file after it", image(spoilt_first), "ok", "new",
        check=retried(1)),
    Row("another ETag each time, three drops", image(changing_etag), "ok", "new"),
    Row("weak ETag", dropped(file(etag='W/"1"', careless=True), drops=0), "ok", "new",
        check=no_if_range),
    Row("weak ETag, drop", image(lambda s, r: s.file(r, etag='W/"1"', careless=True,
                                                     upto=HALF if r.of_image == 1 else None)),
        "ok", "new", check=no_if_range),
    Row("no ETag, drop", image(lambda s, r: s.file(r, etag=None,
                                                   upto=HALF if r.of_image == 1 else None)),
        "ok", "new", check=no_if_range),
    Row("ETag of 250 bytes, drop", image(lambda s, r: s.file(r, etag='"%s"' % ("e" * 248),
                                                             upto=HALF if r.of_image == 1 else None,
                                                             careless=True)), "ok", "new"),
    Row("three drops that each bring something", dropped(drops=3), "ok", "new"),
    Row("newer release in mid-download", published(3), "ok", "new", check=installed(3)),
    Row("older release in mid-download", published(0), "sequence-too-old", "old"),
    Row("other release of the confirmed number in mid-download", published(1), "sequence-conflict",
        "old"),
    Row("release of a stranger in mid-download", published(3, STRANGER), "signature-unknown-key",
        "old"),
    Row("another release after every part of the image", None,
        "http-length net-closed", "old", check=at_most(24), make=churning),
    Row("image of another release in mid-download", dropped(file(data=noise("y", 18000),
                                                                 etag='"z"')), "sector-digest", "old"),
    # lengths (W05)
    Row("declared length above the manifest's", image(file(data=NEW + b"x")), "http-length", "same"),
    Row("declared length below the manifest's", image(file(data=NEW[:-1])), "http-length", "same"),
    Row("longer body, chunked", image(chunked(NEW + OTHER)), "ok", "new"),
    Row("longer body, until close", image(until_close(NEW + OTHER, True)), "ok", "new"),
    Row("shorter body, chunked", image(chunked(NEW[:HALF])), "image-truncated", "old"),
    Row("shorter body, until close", image(until_close(NEW[:HALF], True)), "image-truncated", "old"),
    Row("body breaks off every time", image(lambda s, r: s.file(r, upto=100)), "net-closed", "same",
        check=at_most(16)),
    Row("empty image", image(status(200)), "http-length", "same"),
    Row("empty envelope", on(SUIT, status(200)), "envelope-truncated", "same"),
    Row("envelope of 2^62 bytes", on(SUIT, lambda s, r: s.send(
        "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 2 ** 62, bytes(65536)) or False),
        "envelope-not-suit envelope-truncated cbor-type", "same"),
    # endless (W14)
    Row("endless zeros as envelope", on(SUIT, endless(b"")), "envelope-not-suit cbor-type", "same"),
    Row("endless zeros after the envelope", on(SUIT, endless(envelope(NEW, 2))), "envelope-trailing",
        "same"),
    Row("endless zeros after the image", image(endless(NEW)), "ok", "new"),
    # header (W08)
    Row("header line of 64 KiB", always("HTTP/1.1 200 OK\r\n", BIG, "\r\n\r\n"),
        "http-header-too-large", "same"),
    Row("10000 header lines", always("HTTP/1.1 200 OK\r\n", "\r\n".join(MANY), "\r\n\r\n"),
        "http-header-too-large", "same"),
    Row("header line of 64 KiB in mid-download", dropped(headed(BIG, LENGTH % 18000)),
        "http-header-too-large", "old"),
    Row("not HTTP", always("SSH-2.0-OpenSSH_9.2\r\n"), "http-malformed", "same"),
    Row("gzip envelope", on(SUIT, headed("Content-Encoding: gzip", LENGTH % 18000)), "http-coding",
        "same"),
    Row("gzip image", image(headed("Content-Encoding: gzip", LENGTH % 18000)), "http-coding", "same"),
    # redirects (W10)
    Row("redirect to http", redirect("http://127.0.0.1/d/app.suit"), "http-redirect", "same"),
    Row("redirect to another host", redirect("https://localhost:PORT/d/app.suit"), "http-redirect",
        "same"),
    Row("redirect to another port", redirect("https://127.0.0.1:1/d/app.suit"), "http-redirect",
        "same"),
    Row("redirect in a loop", redirect("/d/app.suit"), "http-redirect", "same"),
    Row("redirect of the image to another host", image(redirect("https://localhost:PORT/d/app.bin")),
        "http-redirect", "same"),
    Row("redirect on the same server", moved, "ok", "new"),
    # time (W12)
    Row("body one byte per 20 ms", image(slowly(1, 0.02)), "net-stalled", "same", FAST),
    Row("header one byte per 20 ms", slowly(1, 0.02, head=True), "net-stalled", "same", FAST),
    Row("rate is met, deadline is not", image(slowly(1500, 0.1)), "net-deadline", "old",
        ("--deadline", "700")),
    Row("connects, handshakes, never answers", silent, "net-stalled", "same", FAST),
    # refusals of the server (W16)
    Row("404", status(404), "http-status", "same", check=retried(0)),
    Row("404 for the image", image(status(404)), "http-status", "same", check=retried(1)),
    Row("403 in mid-download", dropped(status(403)), "http-status", "old"),
    Row("500 once", first_only(500), "ok", "new", check=retried(1)),
    Row("500 always", status(500), "http-status", "same", check=retried(3, 1750, 3500)),
    Row("503 once, Retry-After 7", first_only(503, "Retry-After: 7"), "ok", "new",
        check=retried(1, 7000, 8000)),
    Row("503, Retry-After 10^9", status(503, "Retry-After: 1000000000"), "http-status", "same",
        check=retried(0, 0, 0)),
    Row("503, Retry-After 10^30", status(503, "Retry-After: 1" + "0" * 30), "http-status", "same",
        check=lambda s, r: None if int(r["slept_ms"]) <= 60000 else "slept beyond the deadline"),
    Row("503, Retry-After negative", first_only(503, "Retry-After: -5"), "ok", "new",
        check=retried(1, 250, 1000)),
    Row("503, Retry-After a date",
        first_only(503, "Retry-After: Wed, 21 Oct 2099 07:28:00 GMT"), "ok", "new",
        check=retried(1, 250, 1000)),
    Row("429 once", first_only(429, "Retry-After: 3"), "ok", "new", check=retried(1, 3000, 4000)),
    Row("503 in mid-download, once",
        dropped(lambda s, r: s.status(503) if r.of_image == 2 else None), "ok", "new"),
    # connections
    Row("close after every answer", lambda s, r: s.file(r, fields=["Connection: close"]) and False,
        "ok", "new", check=one_connection_each),
    Row("kept connection closed in silence", say_goodbye, "ok", "new", check=retried(0)),
    Row("FIN without close_notify in mid-body, once", dropped(), "ok", "new"),
    Row("FIN without close_notify after an image until close", image(until_close(NEW, False)), "ok",
        "new"),
    Row("FIN without close_notify in an image until close, once",
        image(until_close(NEW[:HALF], False), most=1), "ok", "new"),
    Row("FIN without close_notify after an envelope until close",
        on(SUIT, until_close(envelope(NEW, 2), False)), "net-closed", "same"),
    Row("FIN without close_notify before an envelope's end until close",
        on(SUIT, until_close(envelope(NEW, 2)[:-1], False)), "net-closed", "same", check=retried(3)),
]


# ---- TLS and pins (8.4), and servers that are not there ----

class Identities:
    def __init__(self, place):
        folder = place.folder
        self.tls = place.identity
        self.stranger = Identity(folder / "stranger")
        self.named = Identity(folder / "named", names=("other.example",))
        self.old = Identity(folder / "old", days=(-9, -2))
        self.ca = Identity(folder / "ca", names=("ca",), ca=True)
        self.good = Identity(folder / "good", issuer=self.ca)
        self.expired = Identity(folder / "expired", issuer=self.ca, days=(-9, -2))
        self.misnamed = Identity(folder / "misnamed", issuer=self.ca, names=("other.example",))
        pins = lambda *who: dict(pins=[w.pin for w in who])  # noqa: E731
        self.stores = {
            "tls": pins(self.tls),
            "backup": pins(self.stranger, self.tls),
            "named": pins(self.named),
            "old": pins(self.old),
            "anchor": dict(anchors=[self.ca.der]),
            "both": dict(anchors=[self.ca.der], pins=[self.stranger.pin]),
        }
        self.flash = {name: place.provision(name, BASE, True, place.make_trust(name, **store))
                      for name, store in self.stores.items()}


def old_tls(context):
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def rsa_only(context):
    context.set_ciphers("AES128-GCM-SHA256:@SECLEVEL=0")


def demand_certificate(context):
    context.verify_mode = ssl.CERT_REQUIRED


def vanish(server, connection):
    """A server that accepts and says nothing."""
    server.stopping.wait(5)


def hang_up(server, connection):
    """Not even TLS."""
    connection.recv(1000)


def babble(server, connection):
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def tls_rows(who):
    """Keywords: who answers, and which trust store the device has (TRUST)."""
    def row(name, identities, store, status, flash, hook=None, **how):
        made = Row(name, hook, status, flash, how.pop("options", ()), how.pop("check", None), **how)
        made.identities, made.store = identities, store
        made.host = how.get("host", "127.0.0.1")
        made.server.pop("host", None)
        return made

    return [
        row("key that is not pinned", [who.stranger], "tls", "tls-pin", "same", check=no_request),
        row("another key on the second connection", [who.tls, who.stranger], "tls", "tls-pin", "old",
            hook=dropped()),
        row("backup pin only", [who.tls], "backup", "ok", "new"),
        row("right pin, other name", [who.named], "named", "tls-host-name", "same", check=no_request),
        row("right CA, other name", [who.misnamed], "anchor", "tls-host-name", "same",
            check=no_request),
        row("right name, self-signed", [who.tls], "anchor", "tls-chain", "same", check=no_request),
        row("right CA", [who.good], "anchor", "ok", "new"),
        row("right CA, leaf not pinned", [who.good], "both", "tls-pin", "same", check=no_request),
        row("expired, under a pin only", [who.old], "old", "ok", "new"),
        row("expired, under an anchor", [who.expired], "anchor", "tls-expired", "same",
            check=no_request),
        row("upper-case host name", [who.tls], "tls", "ok", "new", host="LocalHost"),
        row("TLS 1.1 at most", [who.tls], "tls", "tls-protocol net-closed", "same", prepare=old_tls),
        row("RSA key exchange only", [who.tls], "tls", "tls-protocol net-closed", "same",
            prepare=rsa_only),
        row("client certificate demanded", [who.tls], "tls", "tls-client-certificate", "same",
            prepare=demand_certificate),
        row("accepts and never answers", [who.tls], "tls", "net-stalled", "same", raw=vanish,
            options=FAST),
        row("accepts and hangs up", [who.tls], "tls", "net-closed", "same", raw=hang_up,
            check=at_most(4)),
        row("plain HTTP on the TLS port", [who.tls], "tls", "tls-protocol", "same", raw=babble),
        row("port closed", [who.tls], "tls", "net-connect", "same", check=retried(3, 1750, 3500),
            port=0),
        row("name that does not resolve", [who.tls], "tls", "net-resolve", "same",
            host="no-such-host.invalid", check=retried(3, 1750, 3500)),
    ]


# ---- running ----

def update(place, row, flash, transport, then):
    """One update; NAME=VALUE of the driver, and the server it met."""
    server = dict(row.server)
    closed = server.pop("port", None) is not None
    hook = server.pop("make")() if "make" in server else row.hook
    with Server({SUIT: envelope(NEW, 2), BIN: NEW}, row.identities, hook, **server) as met:
        port = free_port() if closed else met.port
        run = subprocess.run(
            [place.driver, "update", "--direct", "--transport", transport, "--flash", flash,
             *place.images,
             "--url", f"https://{row.host}:{port}{SUIT}", "--then", then, *row.options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
            env={**os.environ, "RES_OPTIONS": "timeout:1 attempts:1"})
    line = run.stdout.strip()
    if not line.startswith("status="):
        raise RuntimeError(run.stdout + run.stderr)
    before, _, wrong = line.partition(" wrong=")
    return {**dict(pair.split("=", 1) for pair in before.split()), "wrong": wrong}, met


def flash_of(result):
    return ("new" if result["boots"] == "new" else
            "same" if result["unchanged"] == "1" else result["boots"])


def judge(row, result, server):
    """None, or what is not as it must be."""
    code = {"ok": "0"}.get(result["status"], "1" if result["status"] in REFUSALS else "2")
    if result["wrong"]:
        return result["wrong"]
    if result["status"] not in row.status.split():
        return f"status {result['status']}, expected {row.status}"
    if result["exit"] != code:
        return f"exit {result['exit']}, expected {code}"
    if flash_of(result) != row.flash:
        return f"flash {flash_of(result)}, expected {row.flash}"
    if result["then"] not in ("-", "ok"):
        return f"the repeated update from a good server ended with {result['then']}"
    if int(result["real_ms"]) > 15000:
        return f"took {result['real_ms']} ms"
    return row.check(server, result) if row.check else None


REFUSALS = {
    "sector-digest", "http-length", "http-redirect", "image-truncated", "sequence-too-old",
    "sequence-conflict", "signature-unknown-key", "envelope-truncated", "envelope-not-suit",
    "envelope-trailing", "cbor-type", "tls-pin", "tls-chain", "tls-host-name", "tls-expired",
}


def run(place, transports, only=None):
    """The table; the number of rows that went wrong."""
    who = Identities(place)
    place.images = []
    for number, data in enumerate([NEW, OTHER, *CHURN]):
        path = place.folder / f"{number}.image"
        path.write_bytes(data)
        place.images += ["--image", path]
    place.publish("good", NEW, 2)
    for row in ANSWERS:
        row.identities, row.store, row.host = [who.tls], "tls", "127.0.0.1"
    rows = [r for r in ANSWERS + tls_rows(who) if not only or only in r.name]
    wrong = 0
    print(f"{'server':<56} {'flash':<5} " + " ".join(f"{t:<22}" for t in transports))
    for row in rows:
        then = place.url("good") if row.store in ("tls", "backup") else "none"
        ends, problems = [], []
        for transport in transports:
            result, server = update(place, row, who.flash[row.store], transport, then)
            problem = judge(row, result, server)
            ends.append(f"{result['status']:<22}")
            if problem:
                problems.append(f"{transport}: {problem}")
        wrong += len(problems)
        line = f"{row.name:<56} {row.flash:<5} {' '.join(ends)} {'; '.join(problems)}"
        print(line.rstrip(), flush=True)
    print(f"{len(rows)} servers, {len(rows) * len(transports)} updates, {wrong} wrong")
    return wrong
