# SPDX-License-Identifier: Apache-2.0
"""Networks and servers that fail while a board updates itself. Each trouble has a status of its own,
none hangs, none needs the watchdog, and the next update over a good network takes up what is there."""

import random
import time

import rows
from judge import demand
from records import LargeRecords
from rows import BIN, SUIT, Row
from servers import Nginx

SILENCE = 90  # seconds a silent server waits for the client to give up


def image(answer):
    """The hook of a server that answers the first request for the image so."""
    def make(gate):
        def hook(server, request):
            if request.path != BIN or request.of_image != 1:
                return None
            return answer(server, request, gate)
        return hook
    return make


def every_image(answer):
    return lambda gate: lambda server, request: (
        answer(server, request, gate) if request.path == BIN else None)


def everything(answer):
    return lambda gate: lambda server, request: answer(server, request, gate)


def part_of(server):
    """So much of the image that the board has told of its first 64 KiB when it is there."""
    return len(server.files[BIN]) * 3 // 4


def part_then_wait(server, request, gate):
    """The rest comes when the test says so."""
    server.file(request, upto=part_of(server))
    gate.reached.set()
    gate.go.wait(SILENCE)
    server.send(server.files[BIN][part_of(server):])
    return True


def part_then_gone(server, request, gate):
    server.file(request, upto=part_of(server))
    gate.reached.set()
    gate.go.wait(SILENCE)
    return False


def part_then_silent(server, request, gate):
    server.file(request, upto=part_of(server))
    server.stopping.wait(SILENCE)
    return False


def silent(server, connection):
    server.stopping.wait(SILENCE)


def garbage(server, connection):
    connection.sendall(random.Random(1).randbytes(4096))


def drip(server, request, gate):
    server.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(server.files[BIN]))
    server.trickle(server.files[BIN], 1, 0.1)
    return False


def status(code, *fields):
    return lambda server, request, gate: server.status(code, *fields)


def says(*parts):
    def answer(server, request, gate):
        server.send(*parts)
        return False
    return answer


def longer(server, request, gate):
    """More than was signed, and no length in front."""
    data = server.files[BIN] + bytes(5000)
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(data), data,
                "\r\n0\r\n\r\n")
    return True


def announced_longer(server, request, gate):
    return server.file(request, data=server.files[BIN] + bytes(5000))


def shorter(server, request, gate):
    data = server.files[BIN][:-3000]
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(data), data,
                "\r\n0\r\n\r\n")
    return True


def cut_envelope(server, request, gate):
    if request.path != SUIT:
        return None
    data = server.files[SUIT][:len(server.files[SUIT]) // 2]
    return server.status(200, body=data)


# ---- what is done to the board meanwhile ----

def half_way(power, gate):
    gate.wait()
    power.wait(r"^app: 65536 of")


def lose_link(seconds):
    def drive(power, server, gate):
        half_way(power, gate)
        power.link(False)
        gate.go.set()
        if seconds is not None:
            time.sleep(seconds)
            power.link(True)
    return drive


def without_link(seconds):
    def drive(power, server, gate):
        power.link(False)
        if seconds is not None:
            time.sleep(seconds)
            power.link(True)
    return drive


def server_away(seconds):
    """The connection drops, and for a while each new one is closed at once."""
    def drive(power, server, gate):
        half_way(power, gate)
        server.raw = lambda server, connection: None
        gate.go.set()
        if seconds is not None:
            time.sleep(seconds)
            server.raw = None
    return drive


def reset(power, server, gate):
    half_way(power, gate)
    power.control("system_reset")
    gate.go.set()


def taken_up(power, server):
    """What had arrived whole was not asked for again."""
    asked = [r.range[0] for r in server.requests if r.path == BIN and r.of_image > 1 and r.range]
    demand(asked and min(asked) >= 65536, f"asked again from {asked}")


def retried(power, server):
    demand(len([r for r in server.requests if r.path == SUIT]) > 0, "nothing was asked for")
    demand(power.find(r"^app: update status \d+ .*retries [1-9]"), "no retry")


def large_records(device):
    return LargeRecords(device.kit.certificates["right"], device.folder, device.kit.www)


def were_large(power, server):
    demand(server.sent_large > 0, "no large record was sent")


def nginx_16k(device):
    return Nginx(device.folder, device.kit.www, device.kit.certificates["right"], records="16k")


def table(device):
    v2 = device.releases["v2"].path
    return [
        Row("link lost for 5 s in mid-download", "ok", "new", hook=image(part_then_wait),
            drive=lose_link(5)),
        Row("link lost for good in mid-download", "net-stalled", "part", hook=image(part_then_wait),
            drive=lose_link(None)),
        Row("no link at switch-on, there after 5 s", "ok", "new", drive=without_link(5)),
        Row("no link at all", "net-stalled", "same", drive=without_link(None)),
        Row("server drops the connection, away for 1 s", "ok", "new", hook=image(part_then_gone),
            drive=server_away(1), also=taken_up),
        Row("server gone for good in mid-download", "net-closed", "part", hook=image(part_then_gone),
            drive=server_away(None)),
        Row("reset in mid-download, then resumed", "ok", "new", hook=image(part_then_wait),
            drive=reset, also=taken_up),
        Row("server silent after accept", "net-stalled", "same", raw=silent),
        Row("server silent in mid-download", "net-stalled", "part", hook=every_image(part_then_silent)),
        Row("server sends 10 bytes a second", "net-stalled", "same", hook=every_image(drip)),
        Row("port closed", "net-connect", "same", url=device.url(v2, port=444)),
        Row("address where nobody is", "net-stalled", "same",
            url=device.url(v2, host="10.0.2.77")),
        Row("name that cannot be resolved", "net-resolve", "same",
            url=device.url(v2, host="nobody.example")),
        Row("wrong key: not the pin", "tls-pin", "same", identity="wrong-key"),
        Row("pinned key, another host's name", "tls-host-name", "same", identity="wrong-name"),
        Row("pinned key, expired (not judged under pins)", "ok", "new", identity="expired"),
        Row("no TLS but noise", "tls-protocol", "same", raw=garbage),
        Row("TLS records of 16 KiB", "tls-record-too-large", "same", server=large_records,
            path=v2, also=were_large),
        Row("nginx with 16 KiB records, asked for 2 KiB", "ok", "new", server=nginx_16k, path=v2),
        Row("404", "http-status", "same", hook=everything(status(404))),
        Row("500 each time", "http-status", "same", hook=everything(status(500)), also=retried),
        Row("503 once, Retry-After: 1", "ok", "new",
            hook=image(status(503, "Retry-After: 1")), also=retried),
        Row("redirect to another host", "http-redirect", "same",
            hook=everything(status(302, "Location: https://elsewhere.example/app.suit"))),
        Row("no HTTP", "http-malformed", "same", hook=everything(says("HELO\r\n\r\n"))),
        Row("header of 20 KiB", "http-header-too-large", "same",
            hook=everything(says("HTTP/1.1 200 OK\r\n", *["X: %s\r\n" % ("y" * 200)] * 100))),
        Row("envelope cut in half", "envelope-truncated", "same",
            hook=everything(cut_envelope)),
        Row("image announced longer than signed", "http-length", "same",
            hook=every_image(announced_longer)),
        Row("image longer than signed, length not said", "ok", "new", hook=every_image(longer)),
        Row("image shorter than signed, length not said", "image-truncated", "part",
            hook=every_image(shorter)),
    ]


QUICK = ("link lost for 5 s in mid-download", "reset in mid-download, then resumed",
         "wrong key: not the pin", "TLS records of 16 KiB", "404", "server gone for good in mid-download")


def run(device, quick):
    kit = device.kit
    chosen = [row for row in table(device) if not quick or row.name in QUICK]
    well = lambda: Nginx(device.folder, kit.www, kit.certificates["right"])  # noqa: E731
    return rows.table(device, chosen, well, workers=4)
