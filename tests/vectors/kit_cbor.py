# SPDX-License-Identifier: Apache-2.0
"""Any one CBOR item: is it deterministic (RFC 8949 4.2.1) and no deeper than 12? rfc8949_appendix_a.json lies beside."""

from kit_cases import Kit

items = Kit("cbor", ".cbor", "status", "sentence")
DEPTH = 12


def item(name, status, sentence, data):
    items.add(name, bytes.fromhex(data) if isinstance(data, str) else data, status, sentence)


def head(major, value, width):
    if width == 0:
        return bytes([major << 5 | value])
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[width]]) + value.to_bytes(width, "big")


# ---- depth: an item inside 12 arrays, maps or tags is read, inside 13 it is not ----
for word, opening, closing in (("arrays", b"\x81", b""), ("tags", b"\xc1", b""), ("map-values", b"\xa1\x00", b""),
                               ("map-keys", b"\xa1", b"\x00"), ("mixed", b"\x81\xc1\xa1\x00", b"")):
    levels = 3 if word == "mixed" else 1
    for depth in (1, 11, 12, 13, 64, 1000):
        count, rest = divmod(depth, levels)
        data = opening * count + b"\x81" * rest + b"\x00" + closing * count
        item(f"depth-{depth}-{word}", "ok" if depth <= DEPTH else "cbor-depth", f"an integer in {depth} {word}", data)
item("depth-13-empty", "cbor-depth", "an empty array in 12 arrays", b"\x81" * DEPTH + b"\x80")
item("depth-12-empty", "ok", "an empty array in 11 arrays", b"\x81" * (DEPTH - 1) + b"\x80")
item("depth-12-cut", "cbor-truncated", "twelve arrays and nothing", b"\x81" * DEPTH)
item("depth-again", "ok", "two deep items side by side", b"\x82" + (b"\x81" * (DEPTH - 1) + b"\x00") * 2)
item("depth-in-bytes", "ok", "what is in a byte string is counted anew", b"\x58\x41" + b"\x81" * 64 + b"\x00")

# ---- heads ----
for major in range(7):
    for value, widths in ((0, (1, 2, 4, 8)), (23, (1, 2, 4, 8)), (24, (2, 4, 8)), (255, (2, 4, 8)), (256, (4, 8)),
                          (65535, (4, 8)), (65536, (8,)), (2**32 - 1, (8,))):
        for width in widths:
            item(f"wide-{major}-{value}-in-{width}", "cbor-not-shortest", f"major type {major}: {value} in {width} bytes",
                 head(major, value, width) + bytes(8))
    for info in (28, 29, 30):
        item(f"reserved-{major}-{info}", "cbor-reserved", f"major type {major}, additional information {info}", bytes([major << 5 | info]))
    for width in (1, 2, 4, 8):
        for have in range(width):
            item(f"cut-{major}-{width}-{have}", "cbor-truncated", f"major type {major}: {have} of {width} argument bytes",
                 head(major, 1 << (8 * width - 1), width)[:1 + have])
    if major in (2, 3, 4, 5):
        item(f"indefinite-{major}", "cbor-indefinite", f"major type {major} of indefinite length", bytes([major << 5 | 31, 0xFF]))
        for name, value in (("2-to-31-less-1", 2**31 - 1), ("2-to-31", 2**31), ("2-to-32-less-1", 2**32 - 1), ("2-to-32", 2**32),
                            ("2-to-32-plus-1", 2**32 + 1), ("2-to-63", 2**63), ("2-to-64-less-1", 2**64 - 1)):
            item(f"long-{major}-{name}", "cbor-truncated", f"major type {major} of length {name}, one byte there",
                 head(major, value, 4 if value < 2**32 else 8) + b"\x00")
for major in (0, 1):
    for value in (0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63, 2**64 - 1):
        width = 0 if value < 24 else next(w for w in (1, 2, 4, 8) if value < 1 << 8 * w)
        item(f"integer-{major}-{value}", "ok", f"major type {major}: {value}", head(major, value, width))

# ---- simple values and floats ----
for value in (0, 1, 19, 20, 21, 22, 23):
    item(f"simple-{value}", "ok", f"simple({value})", bytes([0xE0 | value]))
for value in (0, 20, 22, 23, 24, 31):
    item(f"simple-{value}-in-two-bytes", "cbor-reserved", f"simple({value}) in two bytes", bytes([0xF8, value]))
for value in (32, 255):
    item(f"simple-{value}", "ok", f"simple({value})", bytes([0xF8, value]))
for info in (28, 29, 30):
    item(f"reserved-7-{info}", "cbor-reserved", f"major type 7, additional information {info}", bytes([0xE0 | info]))
item("break", "cbor-indefinite", "a break and nothing to end", "ff")
item("simple-cut", "cbor-truncated", "a simple value without its byte", "f8")
for name, status, data in (
        ("half-1", "ok", "f93c00"), ("half-nan", "ok", "f97e00"), ("half-least", "ok", "f90001"), ("half-minus-zero", "ok", "f98000"),
        ("single-1", "cbor-not-shortest", "fa3f800000"), ("single-100000", "ok", "fa47c35000"), ("single-zero", "cbor-not-shortest", "fa00000000"),
        ("single-infinity", "cbor-not-shortest", "fa7f800000"), ("single-nan", "cbor-not-shortest", "fa7fc00000"),
        ("single-nan-payload", "ok", "fa7fc00001"), ("single-2-to-minus-24", "cbor-not-shortest", "fa33800000"),
        ("single-2-to-minus-25", "ok", "fa33000000"), ("single-65504", "cbor-not-shortest", "fa477fe000"),
        ("single-65505", "ok", "fa477fe100"), ("single-subnormal", "ok", "fa00000001"),
        ("double-1", "cbor-not-shortest", "fb3ff0000000000000"), ("double-pi", "ok", "fb400921fb54442d18"),
        ("double-zero", "cbor-not-shortest", "fb0000000000000000"), ("double-1.1", "ok", "fb3ff199999999999a"),
        ("double-largest-single", "cbor-not-shortest", "fb47efffffe0000000"), ("double-above-single", "ok", "fb47f0000000000000"),
        ("double-least-single", "cbor-not-shortest", "fb36a0000000000000"), ("double-below-single", "ok", "fb3690000000000000"),
        ("double-subnormal", "ok", "fb0000000000000001"), ("double-infinity", "cbor-not-shortest", "fb7ff0000000000000"),
        ("half-cut", "cbor-truncated", "f93c"), ("single-cut", "cbor-truncated", "fa3f8000"), ("double-cut", "cbor-truncated", "fb3ff00000000000")):
    item(f"float-{name}", status, f"a float: {name}", data)

# ---- text ----
for name, status, data in (
        ("ascii", "ok", "61"), ("two", "ok", "c3a9"), ("three", "ok", "e282ac"), ("four", "ok", "f09f9880"), ("last", "ok", "f48fbfbf"),
        ("nul", "ok", "00"), ("least-two", "ok", "c280"), ("least-three", "ok", "e0a080"), ("least-four", "ok", "f0908080"),
        ("before-surrogates", "ok", "ed9fbf"), ("behind-surrogates", "ok", "ee8080"), ("overlong-two", "cbor-utf8", "c080"),
        ("overlong-two-last", "cbor-utf8", "c1bf"), ("overlong-three", "cbor-utf8", "e09fbf"), ("overlong-four", "cbor-utf8", "f08fbfbf"),
        ("surrogate-first", "cbor-utf8", "eda080"), ("surrogate-last", "cbor-utf8", "edbfbf"), ("above-last", "cbor-utf8", "f4908080"),
        ("f5", "cbor-utf8", "f5808080"), ("f8", "cbor-utf8", "f888808080"), ("ff", "cbor-utf8", "ff"), ("continuation", "cbor-utf8", "80"),
        ("cut-two", "cbor-utf8", "c3"), ("cut-three", "cbor-utf8", "e282"), ("cut-four", "cbor-utf8", "f09f98"),
        ("broken-two", "cbor-utf8", "c361"), ("broken-three", "cbor-utf8", "e28261"), ("latin-1", "cbor-utf8", "6de96d")):
    data = bytes.fromhex(data)
    item(f"utf8-{name}", status, f"text: {name}", bytes([0x60 | len(data)]) + data)
    item(f"utf8-{name}-as-bytes", "ok", "the same as bytes", bytes([0x40 | len(data)]) + data)

# ---- maps ----
for name, status, data in (
        ("sorted", "ok", "a3010002001901 0000"), ("empty", "ok", "a0"), ("unsorted", "cbor-key-order", "a202000100"),
        ("repeated", "cbor-key-repeated", "a201000100"), ("repeated-later", "cbor-key-order", "a3010002000100"),
        ("long-key-first", "cbor-key-order", "a2616100 6000"), ("shorter-first", "ok", "a26000616100"),
        ("length-first-is-bytewise", "ok", "a2617a0062616100"), ("negative-behind-positive", "ok", "a218ff002000"),
        ("negative-before-positive", "cbor-key-order", "a220000100"), ("text-before-bytes", "cbor-key-order", "a2616100416100"),
        ("arrays-as-keys", "ok", "a28000810000"), ("arrays-as-keys-unsorted", "cbor-key-order", "a28101008000"),
        ("bools", "ok", "a2f400f500"), ("bools-unsorted", "cbor-key-order", "a2f500f400"), ("value-missing", "cbor-truncated", "a101"),
        ("inner-unsorted", "cbor-key-order", "a100a202000100"), ("inner-repeated-in-array", "cbor-key-repeated", "81a201000100"),
        ("key-not-shortest", "cbor-not-shortest", "a1180100")):
    data = data.replace(" ", "")
    item(f"map-{name}", status, f"a map: {name}", data)

# ---- ends ----
for name, data in (("integer", "0000"), ("array", "8000"), ("bytes", "4000"), ("map", "a0a0"), ("tag", "c10000"), ("break", "00ff")):
    item(f"trailing-{name}", "cbor-trailing", f"a byte behind an item: {name}", data)
item("empty", "cbor-truncated", "no byte at all", "")
for name, data in (("array", "8200"), ("bytes", "420000"[:4]), ("text", "6261"), ("tag", "c1"), ("map", "a20000")):
    item(f"short-{name}", "cbor-truncated", f"an item that ends too early: {name}", data)
