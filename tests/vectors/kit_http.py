# SPDX-License-Identifier: Apache-2.0
"""Answers of an HTTP server as bytes, read without RFC 9112's leniencies."""

from kit_cases import Kit

answers = Kit("http", ".http", "request", "status", "code", "body", "behind", "sentence")
OK = b"HTTP/1.1 200 OK\r\n"
ALL = "end=cut"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def good(name, sentence, data, body=0, code=200, behind=0, request=ALL):
    answers.add(name, data, request, "ok", str(code), str(body), str(behind), sentence)


def bad(name, status, sentence, data, request=ALL):
    answers.add(name, data, request, status, "-", "-", "-", sentence)


def malformed(name, sentence, data, request=ALL):
    bad(name, "http-malformed", sentence, data, request)


def lengthy(*lines, body=b"hello"):
    return OK + b"".join(line + b"\r\n" for line in (*lines, b"Content-Length: %d" % len(body))) + b"\r\n" + body


# ---- whole answers ----
good("good-length", "a body with a length", lengthy(), 5)
good("good-empty", "a body of no bytes", lengthy(body=b""), 0)
good("good-reason-empty", "an empty reason", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n")
good("good-behind", "bytes behind the message are not taken", lengthy() + b"HTTP/1.1", 5, behind=8)
good("good-case", "field names in any case", OK + b"cOnTeNt-LeNgTh:5\r\n\r\nhello", 5)
good("good-blanks", "blanks and tabs around a value", OK + b"Content-Length: \t 5 \t\r\n\r\nhello", 5)
good("good-leading-zeros", "a length with zeros before it", OK + b"Content-Length: 005\r\n\r\nhello", 5)
good("good-high-bytes", "field bytes 0x80 to 0xFF", lengthy(b"X: \x80\xff"), 5)
good("good-empty-value", "a field without value", lengthy(b"X:"), 5)
good("good-token", "every character of a name", lengthy(b"!#$%&'*+-.^_`|~09azAZ: x"), 5)
good("good-identity", "content coding identity", lengthy(b"Content-Encoding: identity"), 5)
good("good-http-1-0", "HTTP/1.0 with a length", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 2)
good("good-close", "a body that ends with the connection", OK + b"\r\nhello", 5, request="end=clean")
good("good-204", "204 has no body", b"HTTP/1.1 204 No Content\r\n\r\n", code=204)
good("good-304-length", "304 has no body, whatever its length says", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", code=304)
good("good-404", "an error page", b"HTTP/1.1 404 No\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 1, code=404)
good("good-302", "a redirect", b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", code=302)
good("good-interim", "an interim answer first", b"HTTP/1.1 103 Early\r\nLink: x\r\nContent-Length: 7\r\n\r\n" + lengthy(), 5)
good("good-interim-8", "eight interim answers", b"HTTP/1.1 100 C\r\n\r\n" * 8 + lengthy(), 5)
good("good-64-fields", "64 fields", lengthy(*[b"X: a"] * 63), 5)
good("good-header-8192", "a header of 8192 bytes", lengthy(b"X: " + b"a" * (8192 - len(lengthy(b"X: ", body=b"")))  , body=b""))
good("good-chunked", "two chunks", CHUNKED + b"4\r\nwiki\r\n005\r\npedia\r\n0\r\n\r\n", 9)
good("good-chunked-case", "the coding in any case", OK + b"Transfer-Encoding: CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n", 1)
good("good-chunked-extension", "an extension of 63 bytes", CHUNKED + b"1;" + b"a" * 63 + b"\r\nx\r\n0\r\n\r\n", 1)
good("good-chunked-trailer", "a trailer", CHUNKED + b"A\r\n0123456789\r\n0\r\nExpires: never\r\nContent-Length: 3\r\n\r\n", 10)
good("good-chunked-empty", "no chunk but the last", CHUNKED + b"0\r\n\r\n")
good("good-chunked-16-digits", "a size of 16 digits", CHUNKED + b"0000000000000001\r\nx\r\n0\r\n\r\n", 1)

# ---- ranges ----
PART = b"HTTP/1.1 206 Partial Content\r\n"


def part(value, *lines, body=b"llo"):
    return PART + b"Content-Range: " + value + b"\r\n" + b"".join(x + b"\r\n" for x in lines) + b"\r\n" + body


THREE = b"Content-Length: 3"
good("range-exact", "the part that was asked for", part(b"bytes 2-4/9", THREE), 3, 206, request="from=2,to=4,end=cut")
good("range-to-the-end", "asked to the end", part(b"bytes 2-4/5", THREE), 3, 206, request="from=2,end=cut")
good("range-end-behind-file", "asked beyond the end", part(b"bytes 2-4/5", THREE), 3, 206, request="from=2,to=4095,end=cut")
good("range-unit-case", "the unit in any case", part(b"BYTES 2-4/9", THREE), 3, 206, request="from=2,to=4,end=cut")
good("range-chunked", "a part in chunks", part(b"bytes 2-4/9", b"Transfer-Encoding: chunked", body=b"3\r\nllo\r\n0\r\n\r\n"), 3, 206,
     request="from=2,to=4,end=cut")
good("range-no-length", "a part ends by its range", part(b"bytes 2-4/9"), 3, 206, request="from=2,to=4,end=cut")
good("range-answered-whole", "200 to a range request is the whole file", lengthy(), 5, request="from=2,to=4,end=cut")
good("range-416", "416 is an answer", b"HTTP/1.1 416 No\r\nContent-Range: bytes */9\r\nContent-Length: 0\r\n\r\n", 0, 416, request="from=9,end=cut")
for name, value, lines, request in (
        ("not-asked", b"bytes 0-2/3", (THREE,), ""), ("other-start", b"bytes 3-5/9", (THREE,), "from=2,to=4,"),
        ("short", b"bytes 2-3/9", (b"Content-Length: 2",), "from=2,to=4,"), ("long", b"bytes 2-5/9", (b"Content-Length: 4",), "from=2,to=4,"),
        ("length-differs", b"bytes 2-4/9", (b"Content-Length: 4",), "from=2,to=4,"), ("total-star", b"bytes 2-4/*", (THREE,), "from=2,to=4,"),
        ("total-small", b"bytes 2-4/4", (THREE,), "from=2,to=4,"), ("backwards", b"bytes 4-2/9", (THREE,), "from=4,to=2,"),
        ("other-unit", b"lines 2-4/9", (THREE,), "from=2,to=4,"), ("two", b"bytes 2-4/9, 5-6/9", (THREE,), "from=2,to=4,"),
        ("blank", b"bytes 2 -4/9", (THREE,), "from=2,to=4,"), ("sign", b"bytes +2-4/9", (THREE,), "from=2,to=4,"),
        ("empty", b"", (THREE,), "from=2,to=4,"), ("hex", b"bytes 0x2-4/9", (THREE,), "from=2,to=4,"),
        ("2-to-64", b"bytes 18446744073709551618-4/9", (THREE,), "from=2,to=4,"), ("2-to-32", b"bytes 4294967298-4294967300/4294967305", (THREE,), "from=2,to=4,"),
        ("no-unit", b"2-4/9", (THREE,), "from=2,to=4,"), ("no-total", b"bytes 2-4", (THREE,), "from=2,to=4,")):
    bad(f"range-{name}", "http-range", f"a range that is not the one asked for: {name}", part(value, *lines), request + "end=cut")
bad("range-missing", "http-range", "206 without Content-Range", PART + THREE + b"\r\n\r\nllo", "from=2,to=4,end=cut")
malformed("range-twice", "Content-Range twice", part(b"bytes 2-4/9", b"Content-Range: bytes 2-4/9", THREE), "from=2,to=4,end=cut")
for name, chunks in (("long", b"4\r\nllo!\r\n0\r\n\r\n"), ("short", b"2\r\nll\r\n0\r\n\r\n"), ("huge", b"FFFFFFFFFFFFFFFF\r\nllo"),
                     ("wraps", b"2\r\nll\r\nFFFFFFFFFFFFFFFF\r\no")):
    bad(f"range-chunks-{name}", "http-range", f"chunks that do not add up to the range: {name}",
        part(b"bytes 2-4/9", b"Transfer-Encoding: chunked", body=chunks), "from=2,to=4,end=cut")

# ---- status line ----
for name, data in {
        "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "bare-cr": b"HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n",
        "blank-line-first": b"\r\n" + lengthy(), "blank-first": b" " + lengthy(), "http-2": b"HTTP/2 200 OK\r\n\r\n",
        "http-1-2": b"HTTP/1.2 200 OK\r\n\r\n", "http-0-9": b"hello", "lower-case": b"http/1.1 200 OK\r\n\r\n", "icy": b"ICY 200 OK\r\n\r\n",
        "two-blanks": b"HTTP/1.1  200 OK\r\n\r\n", "two-digits": b"HTTP/1.1 20 OK\r\n\r\n", "four-digits": b"HTTP/1.1 2000 OK\r\n\r\n",
        "sign": b"HTTP/1.1 +20 OK\r\n\r\n", "no-blank": b"HTTP/1.1 200\r\n\r\n", "nul": b"HTTP/1.1 200 O\0K\r\n\r\n",
        "delete": b"HTTP/1.1 200 O\x7fK\r\n\r\n", "code-000": b"HTTP/1.1 000 X\r\n\r\n", "code-099": b"HTTP/1.1 099 X\r\n\r\n",
        "code-600": b"HTTP/1.1 600 X\r\n\r\n", "code-999": b"HTTP/1.1 999 X\r\n\r\n", "code-101": b"HTTP/1.1 101 X\r\n\r\n",
        "letters": b"HTTP/1.1 2OO OK\r\n\r\n", "tls-alert": b"\x15\x03\x03\x00\x02\x02\x28", "zeros": bytes(100)}.items():
    malformed(f"line-{name}", f"a status line with something wrong: {name}", data)
malformed("interim-9", "nine interim answers", b"HTTP/1.1 100 C\r\n\r\n" * 9 + lengthy())

# ---- fields ----
for name, line in {
        "bare-lf": b"X: a\nY: b", "folded": b"X: a\r\n folded", "folded-tab": b"X: a\r\n\tfolded", "blank-before-colon": b"X : a",
        "no-name": b": a", "no-colon": b"nocolon", "blank-in-name": b"no colon: a", "high-name": b"X\x80: a", "bracket": b"X(: a",
        "slash": b"X/Y: a", "quote": b'X": a', "nul": b"X: a\0b", "nul-in-name": b"X\0: a", "control": b"X: a\x01", "escape": b"X: \x1b[2J",
        "delete": b"X: a\x7f", "bare-cr": b"X: a\rb", "two-cr": b"X: a\r"}.items():
    malformed(f"field-{name}", f"a field with something wrong: {name}", lengthy(line))
malformed("field-end-bare-lf", "the header ends with a bare LF", OK + b"X: a\r\n\n")
malformed("field-end-cr-x", "the header ends with CR and something else", OK + b"X: a\r\n\rx")

# ---- length and coding: one framing, once ----
for name, value in {"sign": b"+5", "minus": b"-5", "hex": b"0x5", "two": b"5 5", "list": b"5, 5", "empty": b"", "2-to-64": b"18446744073709551616",
                    "nines": b"9" * 20, "long": b"0" * 80 + b"5", "letters": b"five", "point": b"5.0", "semicolon": b"5;", "quoted": b'"5"',
                    "underscore": b"1_0"}.items():
    malformed(f"length-{name}", f"Content-Length: {name}", OK + b"Content-Length: " + value + b"\r\n\r\nhello")
malformed("length-twice-equal", "two equal lengths", lengthy(b"Content-Length: 5"))
malformed("length-twice-other", "two lengths", lengthy(b"content-length: 6"))
malformed("length-and-chunked", "length and chunked", OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
malformed("chunked-and-length", "chunked and length", OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")
malformed("chunked-twice", "chunked twice", OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
malformed("chunked-http-1-0", "chunked in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
malformed("etag-twice", "two entity tags", lengthy(b'ETag: "a"', b'ETag: "b"'))
malformed("location-twice", "two locations", lengthy(b"Location: /a", b"Location: /b"))
for name, value in {"gzip-chunked": b"gzip, chunked", "identity": b"identity", "gzip": b"gzip", "chunkedx": b"chunkedx", "xchunked": b"xchunked",
                    "empty": b"", "quoted": b'"chunked"', "parameter": b"chunked;q=1", "comma": b"chunked,"}.items():
    bad(f"transfer-{name}", "http-coding", f"transfer coding {name}", OK + b"Transfer-Encoding: " + value + b"\r\n\r\n0\r\n\r\n")
for name, value in {"gzip": b"gzip", "br": b"br", "list": b"identity, br", "empty": b"", "long": b"identity" * 20}.items():
    bad(f"content-{name}", "http-coding", f"content coding {name}", lengthy(b"Content-Encoding: " + value))

# ---- chunks ----
for name, data in {
        "no-size": b"\r\n", "hex-prefix": b"0x5\r\nhello\r\n", "sign": b"+5\r\nhello\r\n", "letter": b"g\r\n", "blank-first": b" 5\r\nhello\r\n",
        "blank-behind": b"5 \r\nhello\r\n", "17-digits": b"00000000000000005\r\nhello\r\n", "bare-lf": b"5\nhello\r\n",
        "data-long": b"5\r\nhello!\r\n", "data-short": b"5\r\nhell\r\n0\r\n\r\n", "no-cr": b"5\r\nhello\n0\r\n\r\n", "extension-64": b"5;" + b"a" * 64 + b"\r\n",
        "extension-nul": b"5;a\0\r\nhello\r\n", "extension-lf": b"5;a\nb\r\nhello\r\n", "trailer-folded": b"0\r\n X: a\r\n\r\n",
        "trailer-bare-lf": b"0\r\nX: a\n\r\n", "trailer-no-colon": b"0\r\nXa\r\n\r\n"}.items():
    malformed(f"chunk-{name}", f"a chunk with something wrong: {name}", CHUNKED + data)

# ---- too large ----
bad("header-8193", "http-header-too-large", "a header of 8193 bytes", lengthy(b"X: " + b"a" * (8193 - len(lengthy(b"X: ", body=b""))), body=b""))
bad("header-64-kib-line", "http-header-too-large", "a line of 64 KiB", OK + b"X: " + b"a" * 65536)
bad("header-reason-long", "http-header-too-large", "a reason of 9000 bytes", b"HTTP/1.1 200 " + b"a" * 9000)
bad("header-65-fields", "http-header-too-large", "65 fields", lengthy(*[b"X: a"] * 64))
bad("header-10000-fields", "http-header-too-large", "very many fields", lengthy(*[b"X: a"] * 1500))
bad("header-fields-in-interim", "http-header-too-large", "65 fields, some in interim answers",
    (b"HTTP/1.1 100 C\r\n" + b"X: a\r\n" * 10 + b"\r\n") * 6 + lengthy(*[b"X: a"] * 5))
bad("header-fields-in-trailer", "http-header-too-large", "65 fields, most in the trailer", CHUNKED + b"0\r\n" + b"X: a\r\n" * 64 + b"\r\n")

# ---- the connection ends ----
WHOLE = lengthy(b'ETag: "x"')
for size in (0, 1, 8, 12, 17, 20, len(WHOLE) - 6, len(WHOLE) - 5, len(WHOLE) - 1):
    for end in ("cut", "clean"):
        bad(f"cut-to-{size}-{end}", "net-closed", f"the connection ends after {size} bytes", WHOLE[:size], f"end={end}")
bad("cut-close-delimited", "net-closed", "a body without length, and no close_notify", OK + b"\r\nhello", "end=cut")
CHUNKS = CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"
for less in (1, 2, 3, 5, 7, 10, 12):
    bad(f"cut-chunks-{less}", "net-closed", f"chunked, {less} bytes missing", CHUNKS[:-less], "end=clean")
bad("cut-interim", "net-closed", "an interim answer and nothing", b"HTTP/1.1 100 C\r\n\r\n", "end=clean")
