# SPDX-License-Identifier: Apache-2.0
"""Each place of the format with each way to be wrong: types, heads, lengths, numbers, bytes too many or few.

The manifest, the digest and the text are bent before they are signed, the rest behind: what is wrong there is
refused before a signature is looked at.
"""

import copy

from kit_cases import A, SMALL, case
from kit_shapes import ENVELOPE, MANIFEST, TEXTS, TRUST
from kit_trust import stores
from sealing import Raw, encode, head, seal, sha256, suit_digest, trust_store
from trees import (
    ARRAY, BYTES, MAP, NEGATIVE, SIMPLE, TAG, TEXT, UINT, bent, huge_heads, narrowed, parse, replace, two_to_64_away,
    unknown_heads, walk, wide_heads, wrong_types,
)

LANGUAGES = {"en": {1: "a", 2: "b"}}
BASE = {"text": LANGUAGES, "bundle": True}
PAIRED = ("fields", "members")

# Of these places the length or number decides what is told, not the end of the bytes around it.
LENGTH_FIRST = {
    "wrapper": "envelope-too-large", "manifest": "envelope-too-large", "text": "text-too-large",
    "list": "list-size", "bundle": "image-trailing",
    "list-key": "envelope-member-unknown", "bundle-key": "envelope-member-unknown",
    "envelope-map": "envelope-member-unknown", "set-version-items": "version-form", "text-map": "cbor-truncated",
    "text-language": "text-form",
}
EMPTY_FIRST = {"block": "block-form", "protected": "block-protected"}


def resized(place, item):
    """A string of fixed length, one byte shorter and longer."""
    data = item.content
    yield "one-byte-less", replace(encode(data[:-1])), place.value
    yield "one-byte-more", replace(encode(data + b"\0")), place.value
    yield "empty", replace(encode(b"")), place.value


def contents(place):
    """A byte string whose item ends too early, or is followed by something."""
    def cut(item):
        item.raw = encode(item.inside()[:-1])

    def behind(item):
        item.behind = b"\0"

    def nothing(item):
        item.raw = encode(b"")

    yield "cut", cut, "cbor-truncated"
    yield "trailing", behind, "cbor-trailing"
    yield "nothing-in-it", nothing, EMPTY_FIRST.get(place.name, "cbor-truncated")


def numbers(place, item):
    """Another number of items in an array, or of pairs in a map whose size is fixed."""
    step = 2 if item.major == MAP else 1
    for at in range(0, len(item.children), step):
        def without(edited, at=at):
            del edited.children[at : at + step]

        def twice(edited, at=at):
            edited.children[at:at] = copy.deepcopy(edited.children[at : at + step])

        yield f"without-{at // step}", without, place.count
        yield f"twice-{at // step}", twice, place.count

    def none(edited):
        edited.children = []

    yield "with-nothing", none, place.count


def swapped(place, item):
    """Neighbouring pairs of a map in the wrong order."""
    for at in range(0, len(item.children) - 2, 2):
        def swap(edited, at=at):
            edited.children[at : at + 4] = edited.children[at + 2 : at + 4] + edited.children[at : at + 2]

        yield f"unsorted-{at // 2}", swap, place.count


def deviations(place, item):
    yield from wrong_types(place)
    yield from wide_heads(item)
    if item.major != SIMPLE:
        yield from unknown_heads(item, 28 + len(place.name) % 3)
    is_bytes = item.major in (BYTES, TEXT)
    counted = place.count if place.count and place.count not in PAIRED else "cbor-truncated"
    yield from huge_heads(item, LENGTH_FIRST.get(place.name, "cbor-truncated" if is_bytes else counted))
    if item.major == BYTES and place.inside:
        yield from contents(place)
    elif item.major == BYTES and place.value:
        yield from resized(place, item)
    elif item.major in (UINT, NEGATIVE, TAG) and place.value:
        yield from (n for n in narrowed(item, place.value) if len(place.kind) == 2 or n[0] not in ("other-sign", "2-to-64-away"))
    if item.major in (ARRAY, MAP) and place.count and place.count not in PAIRED:
        yield from numbers(place, item)
        if item.major == MAP:
            yield from swapped(place, item)


WORDS = {
    "head-of": "the head is longer than it has to be", "head-reserved": "reserved additional information",
    "indefinite": "an indefinite length", "length-2": "a length at the edge of 32 or 64 bits", "is": "another type",
    "cut": "the last byte is missing", "trailing": "a byte follows", "nothing": "an empty byte string",
    "one-byte": "one byte too many or few", "one-more": "the next number", "2-to-32": "a number that fits 32 bits when cut",
    "2-to-64": "a number that fits 64 bits when cut",
    "other-sign": "the number with the other sign", "without": "one is missing", "twice": "one is there twice",
    "with-nothing": "none is there", "unsorted": "two pairs are swapped", "empty": "an empty string",
}


def sentence(place, defect):
    word = next(w for n, w in sorted(WORDS.items(), reverse=True) if defect.startswith(n))
    return f"{place}: {word}"


# What the general rule does not say right: another status, or None where the result is well-formed.
EXCEPTIONS = {
    "unprotected-without-0": None, "unprotected-with-nothing": None,  # no kid: fine
    "wrapper-array-twice-0": "block-form", "wrapper-array-twice-1": "signature-key-repeated",
    "text-map-twice-0": "cbor-key-repeated", "text-language-without-0": None, "text-language-without-1": None,
    "text-language-twice-0": "cbor-key-repeated", "text-language-twice-1": "cbor-key-repeated",
    "text-language-unsorted-0": "cbor-key-order",
    "install-list-fetch-policy-one-more": None, "install-image-fetch-policy-one-more": None,  # 3 is as good as 2
    "text-key-2-to-64-away": "envelope-member-unknown",  # no key of either sign belongs there
    "image-size-one-more": None, "list-size-one-more": None,  # kit_manifest.py has them
    # the same of a module
    "install-module-list-fetch-policy-one-more": None, "install-module-image-fetch-policy-one-more": None,
    "module-image-size-one-more": "list-form", "module-list-size-one-more": "list-size",
    "module-name-one-byte-less": "components-form",
    # trust store
    "keys-twice-0": "trust-key-repeated", "key-without-2": None, "pins-without-0": None, "pins-with-nothing": None,
    "anchors-without-0": None, "anchors-with-nothing": None, "anchors-twice-0": None,
}


def matrix(shape, tree, add):
    for place, item, path in walk(shape, tree):
        for defect, edit, status in deviations(place, item):
            name = f"{place.name}-{defect}"
            status = EXCEPTIONS.get(name, status)
            if status is not None:
                add(f"at-{name}", status, sentence(place.name, defect), bent(tree, path, edit))


def path_of(shape, tree, name):
    return next(path for place, _, path in walk(shape, tree) if place.name == name)


# ---- envelope: bent behind the signature ----

envelope_tree = parse(seal(SMALL, [A], **BASE))[0]
matrix(ENVELOPE, envelope_tree, lambda name, status, words, data: case(name, status, words, data=data))
for word, data in {"true": "f5", "false": "f4", "undefined": "f7", "a-float": "f93e00", "simple-0": "e0"}.items():
    payload = bent(envelope_tree, path_of(ENVELOPE, envelope_tree, "payload"), replace(bytes.fromhex(data)))
    case(f"at-payload-is-{word}", "cbor-type", "payload: a simple value that is not nil", data=payload)


# ---- manifest: bent before it is signed ----

def manifest_case(name, status, words, data):
    case(name, status, words, image=SMALL, text=LANGUAGES, manifest_bytes=lambda _: data)


manifests = []
seal(SMALL, [A], text=LANGUAGES, manifest_bytes=lambda data: manifests.append(data) or data)
manifest_tree = parse(manifests[0])[0]
matrix(MANIFEST, manifest_tree, manifest_case)


def fields(place, names):
    """Each pair of a map with optional members: removed, repeated, out of order, its key narrowed."""
    path = path_of(MANIFEST, manifest_tree, place)
    for number, (name, key, gone, narrow) in enumerate(names):
        def without(item, at=2 * number):
            del item.children[at : at + 2]

        def twice(item, at=2 * number):
            item.children[at:at] = copy.deepcopy(item.children[at : at + 2])

        def wider(item, at=2 * number, key=key):
            item.children[at].raw = head(0, 2**32 + key)

        def aliased(item, at=2 * number):
            item.children[at].raw = two_to_64_away(item.children[at])

        manifest_case(f"at-{name}-key-2-to-64-away", "cbor-type", f"the key of {name} less 2^64",
                      bent(manifest_tree, path, aliased))
        if gone:
            manifest_case(f"at-{place}-without-{name}", gone, f"{name} is missing", bent(manifest_tree, path, without))
        manifest_case(f"at-{place}-{name}-twice", "cbor-key-repeated", f"{name} is there twice",
                      bent(manifest_tree, path, twice))
        manifest_case(f"at-{name}-key-2-to-32-more", narrow, f"the key of {name} and 2^32",
                      bent(manifest_tree, path, wider))
    for number, (name, key, gone, _) in enumerate(names[:-1]):
        def swap(item, at=2 * number):
            item.children[at : at + 4] = item.children[at + 2 : at + 4] + item.children[at : at + 2]

        status = "cbor-key-order" if name == "set-version" else "manifest-field-missing"
        manifest_case(f"at-{place}-{name}-late", status, f"{name} stands behind the next field",
                      bent(manifest_tree, path, swap))


MISSING = "manifest-field-missing"
fields("manifest-map", [("version", 1, MISSING, MISSING), ("sequence", 2, MISSING, MISSING),
                        ("common", 3, MISSING, MISSING), ("set-version", 6, None, MISSING),
                        ("validate", 7, MISSING, MISSING), ("install", 20, MISSING, MISSING),
                        ("text-digest", 23, "text-unsigned", "manifest-field-unknown")])
fields("common-map", [("components", 2, MISSING, MISSING), ("shared", 4, MISSING, MISSING)])

# ---- text ----


def text_case(name, status, words, data):
    digest = Raw(suit_digest(encode(data)))
    case(name, status, words, image=SMALL, text=LANGUAGES, manifest=lambda m: {**m, 23: digest},
         members=lambda m: [(k, encode(data) if k == 23 else v) for k, v in m])


matrix(TEXTS, parse(encode(LANGUAGES))[0], text_case)
text_case("at-text-1-key-2-to-32-more", "text-form", "key 2^32+1", encode({"en": {2**32 + 1: "a"}}))
text_case("at-text-0-key", "text-form", "key 0", encode({"en": {0: "a"}}))
for name, bad in {"overlong": b"\xc0\x80", "overlong-3": b"\xe0\x80\xaf", "overlong-4": b"\xf0\x80\x80\x80",
                  "above-10ffff": b"\xf4\x90\x80\x80", "f5": b"\xf5\x80\x80\x80", "lone-continuation": b"\x80",
                  "cut": b"\xe2\x82", "surrogate-high": b"\xed\xa0\x80", "surrogate-low": b"\xed\xbf\xbf",
                  "latin-1": b"\xe9", "fe": b"\xfe", "ff": b"\xff"}.items():
    text_case(f"text-utf8-{name}", "cbor-utf8", "not UTF-8 (RFC 3629)", b"\xa1\x62en\xa1\x01" + head(3, len(bad)) + bad)
    text_case(f"text-language-utf8-{name}", "cbor-utf8", "a language that is not UTF-8",
              b"\xa1" + head(3, len(bad)) + bad + b"\xa1\x01\x61a")

# ---- sector list: its length is signed and judged first, so only bytes of the same number can be wrong ----


def list_case(name, status, words, at, new):
    case(name, status, words, image=SMALL, list_bytes=lambda b: b[:at] + new + b[at + len(new):])


for at, place, major, wrong in ((0, "array", ARRAY, "list-form"), (1, "alg", NEGATIVE, "list-form"),
                                (2, "sector", UINT, "list-form"), (5, "size", UINT, "cbor-type"),
                                (6, "digests", BYTES, "cbor-type")):
    first = encode([-16, 4096, len(SMALL), bytes(32)])[at]
    for other in range(8):
        if other != major and not (wrong == "list-form" and {major, other} == {UINT, NEGATIVE}):
            list_case(f"at-sectors-{place}-of-type-{other}", wrong, f"list {place}: major type {other}", at,
                      bytes([first & 31 | other << 5]))
    for info in (28, 29, 30):
        list_case(f"at-sectors-{place}-head-reserved-{info}", "cbor-reserved", f"list {place}: reserved head", at,
                  bytes([first & 0xE0 | info]))
for at, place, first in ((0, "array", 0x9F), (6, "digests", 0x5F)):
    list_case(f"at-sectors-{place}-indefinite", "cbor-indefinite", f"list {place}: indefinite length", at, bytes([first]))
for name, status, at, new in (
        ("array-of-3", "list-form", 0, b"\x83"), ("array-of-5", "list-form", 0, b"\x85"),
        ("alg-minus-15", "list-form", 1, b"\x2e"), ("alg-16", "list-form", 1, b"\x10"),
        ("sector-4095", "list-form", 2, b"\x19\x0f\xff"), ("sector-minus-4097", "list-form", 2, b"\x39\x10\x00"),
        ("sector-not-shortest", "cbor-not-shortest", 2, b"\x19\x00\x10"), ("size-13", "list-form", 5, b"\x0d"),
        ("size-15", "list-form", 5, b"\x0f"), ("size-0", "list-form", 5, b"\x00"),
        ("digests-31", "list-form", 6, b"\x58\x1f"), ("digests-33", "list-form", 6, b"\x58\x21"),
        ("digests-255", "list-form", 6, b"\x58\xff"), ("digests-not-shortest", "cbor-not-shortest", 6, b"\x58\x17")):
    list_case(f"at-sectors-{name}", status, "a sector list of the right length and the wrong form", at, new)

# ---- trust store ----

trust_tree = parse(trust_store([A], pins=[sha256(b"pin")], anchors=[b"\x30\x03\x02\x01\x00"], names={A: ["app"]}))[0]
matrix(TRUST, trust_tree, lambda name, status, words, data: stores.add(name, data, status, words))
