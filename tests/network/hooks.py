# SPDX-License-Identifier: Apache-2.0
"""What a hostile server's rows are put together from: hooks that answer requests wrongly, and
demands on what the client did."""

from place import KEY, noise, sealing

NEW = noise("new", 18000)
OTHER = noise("other", 17000)
SUIT, BIN = "/d/app.suit", "/d/app.bin"
CHURN = [noise(f"churn {n}", 17000 + n) for n in range(12)]
HALF = 10000  # two sectors and a part of the third


STRANGER = sealing.Key("stranger")


def envelope(image, sequence, *keys):
    return sealing.seal(image, list(keys) or [KEY], sequence=sequence, uri="app.bin")


def always(*parts):
    """Every request gets these bytes, then the connection ends."""
    def hook(server, request):
        server.send(*parts)
        return False
    return hook


def on(path, answer, least=1, most=10 ** 9):
    """Only requests for this file, and of those for the image only these."""
    def hook(server, request):
        if request.path != path or (path == BIN and not least <= request.of_image <= most):
            return None
        return answer(server, request)
    return hook


def image(answer, **which):
    return on(BIN, answer, **which)


def dropped(answer=None, drops=1):
    """The image's first response breaks off half way; what follows is the answer."""
    def hook(server, request):
        if request.path != BIN:
            return None
        if request.of_image <= drops:
            return server.file(request, upto=HALF // drops)
        return answer(server, request) if answer else None
    return hook


def file(**how):
    return lambda server, request: server.file(request, **how)


def status(code, *fields):
    return lambda server, request: server.status(code, *fields)


def headed(*fields, code="200 OK"):
    """The whole file with exactly these fields."""
    def answer(server, request):
        server.send("HTTP/1.1 %s\r\n" % code, *[field + "\r\n" for field in fields], "\r\n",
                    server.files[request.path])
        return False
    return answer


def part(first, last, total, data=NEW, etag=True):
    """206 with this range, whatever was asked for."""
    def answer(server, request):
        fields = ["Content-Range: bytes %s-%s/%s" % (first, last, total)]
        if etag:
            fields.append("ETag: " + server.etags[BIN])
        body = data[first:last + 1]
        server.send("HTTP/1.1 206 Part\r\n", *[field + "\r\n" for field in fields],
                    "Content-Length: %d\r\n\r\n" % len(body), body)
        return True
    return answer


def asked(shift=0, total=len(NEW), fewer=0):
    """206 for what was asked for, moved or shortened."""
    def answer(server, request):
        last = request.range[1] if request.range[1] is not None else len(NEW) - 1
        return part(request.range[0] + shift, last - fewer, total)(server, request)
    return answer


def chunked(data, clean=True):
    def answer(server, request):
        server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "%x\r\n" % len(data), data, "\r\n", "0\r\n\r\n" if clean else "")
        return True
    return answer


def until_close(data, clean):
    def answer(server, request):
        server.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", data)
        return server.goodbye() if clean else False
    return answer


def endless(first):
    """Chunks for ever after these bytes."""
    def answer(server, request):
        server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "%x\r\n" % len(first) if first else "", first, "\r\n" if first else "")
        while not server.stopping.is_set():
            server.send("1000\r\n", bytes(4096), "\r\n")
        return False
    return answer


def slowly(piece, seconds, head=False):
    def answer(server, request):
        data = server.files[request.path]
        text = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data)
        if not head:
            server.send(text)
        server.trickle(text + data if head else data, piece, seconds)
        return True
    return answer


def spoilt_first(server, request):
    """What came of the third sector before the drop was of another file than what follows."""
    if request.of_image == 1:
        return server.file(request, data=NEW[:8192] + bytes(9808), etag='"spoilt"', upto=HALF)
    return server.file(request)


def changing_etag(server, request):
    server.etags[BIN] = '"%d-%d"' % (request.number, len(NEW))
    return server.file(request, careless=True, upto=HALF // 2 if request.of_image <= 3 else None)


def published(sequence, *keys):
    """While half of the image is there, another release takes the place of this one."""
    def hook(server, request):
        if request.path != BIN or request.of_image != 1:
            return None
        try:
            return server.file(request, upto=HALF)
        finally:
            server.files.update({SUIT: envelope(OTHER, sequence, *keys), BIN: OTHER})
            server.etags.update({SUIT: '"s3"', BIN: '"b3"'})
    return hook


def churning():
    """Each time a part of the image was sent, another release takes its place."""
    sequence = 2

    def hook(server, request):
        nonlocal sequence
        if request.path != BIN:
            return None
        try:
            return server.file(request, upto=5000)
        finally:
            sequence += 1
            data = CHURN[sequence % len(CHURN)]
            server.files.update({SUIT: envelope(data, sequence), BIN: data})
            server.etags.update({SUIT: '"s%d"' % sequence, BIN: '"b%d"' % sequence})
    return hook


def first_only(code, *fields):
    """The first request of all fails so, the others do not."""
    def hook(server, request):
        return server.status(code, *fields) if request.number == 1 else None
    return hook


def redirect(target, code=302):
    return lambda server, request: server.status(
        code, "Location: " + target.replace("PORT", str(server.port)))


def moved(server, request):
    if request.path.startswith("/d/"):
        return server.status(307, "Location: /e/" + request.path[3:])
    request.path = request.path.replace("/e/", "/d/")
    return None


def multipart(server, request):
    server.send("HTTP/1.1 206 Part\r\nContent-Type: multipart/byteranges; boundary=x\r\n"
                "Content-Length: 20000\r\n\r\n--x\r\nContent-Range: bytes 0-17999/18000\r\n\r\n", NEW)
    return False


def silent(server, request):
    server.stopping.wait(5)
    return False


def say_goodbye(server, request):
    """Serve, then close the kept connection as an idle server does."""
    server.file(request)
    return server.goodbye()


# ---- what a row may demand besides ----

def no_if_range(server, result):
    return None if not any(r.if_range for r in server.requests) else "If-Range was sent"


def if_range(server, result):
    return None if any(r.if_range for r in server.requests) else "no If-Range was sent"


def retried(count, least_ms=0, most_ms=10 ** 9):
    def check(server, result):
        if int(result["retries"]) != count:
            return "%s retries instead of %d" % (result["retries"], count)
        if not least_ms <= int(result["slept_ms"]) <= most_ms:
            return "slept %s ms" % result["slept_ms"]
        return None
    return check


def installed(sequence):
    return lambda server, result: (None if result["sequence"] == str(sequence) else
                                   "installed sequence %s" % result["sequence"])


def one_connection_each(server, result):
    return None if server.connections == len(server.requests) else "%d connections for %d requests" % (
        server.connections, len(server.requests))


def no_request(server, result):
    return "a request was sent" if server.requests else None


def at_most(connections):
    return lambda server, result: (None if server.connections <= connections else
                                   "%d connections" % server.connections)


def resumed(server, result):
    """Nothing before the point where the connection dropped was asked for again."""
    later = [r.range[0] for r in server.requests if r.of_image > 1 and r.range]
    return None if later and min(later) >= 8192 else "asked again from %s" % later
