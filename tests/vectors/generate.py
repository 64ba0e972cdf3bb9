#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the envelope and trust store vectors of this directory, the same bytes in every run.

One file per case, named after the defect; cases.tsv says what every judge must answer. The keys
are made from names and are TEST-ONLY. Run without arguments to rewrite the kit, with --check to
compare it with what is there.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from sealing import (  # noqa: E402
    EDDSA, SHA_256, Block, Key, Pairs, Raw, Tag, class_id, encode, head, seal, sha256,
    suit_digest, trust_store, vendor_id, wrapped,
)

A, B, C, STRANGER = Key("vector key a"), Key("vector key b"), Key("vector key c"), Key("stranger")
IMAGE = bytes(range(256)) * 40  # 10,240 bytes: two whole sectors and a half
SMALL = b"tiny raw image"
L = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19

TRUST = {
    "one": trust_store([A]),
    "two-of-three": trust_store([A, B, C], 2),
    "three": trust_store([A, B, C], 1),
    "b-only-factory": trust_store([A, B], 1, names={A: ["app"], B: ["factory"]}),
    "app-keys": trust_store([A, B], 2, names={A: ["app"], B: ["factory", "app"]}),
    "stranger": trust_store([STRANGER]),
}

cases = []  # (name, trust, device, status, sentence, bytes)


def case(name, status, sentence, data=None, trust="one", device="-", image=IMAGE, keys=(A,), **kw):
    data = seal(image, list(keys), **kw) if data is None else data
    cases.append((name, trust, device, status, sentence, data))


def set_item(index, value):
    def hook(items):
        items = list(items)
        items[index] = value
        return items
    return hook


def drop_item(*indices):
    return lambda items: [i for n, i in enumerate(items) if n not in indices]


def insert(index, *new):
    return lambda items: list(items[:index]) + list(new) + list(items[index:])


def put(key, value):
    return lambda map_: {**map_, key: value}


def drop_key(key):
    return lambda map_: {k: v for k, v in map_.items() if k != key}


def edit_parameters(index, edit):
    return lambda items: set_item(index, edit(items[index]))(items)


def in_order(*keys):
    return lambda map_: Pairs([(k, map_[k]) for k in keys])


def wide(major, value, width):
    return Raw(head(major, value, width))


def file_name(uri):
    """A name for this URI: letters and digits as they are, anything else by its code."""
    name = "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):02x}" for c in uri)
    return f"{name[:20]}-{len(uri)}" if len(name) > 60 else name or "empty"


# ---- accepted ----
case("good", "ok", "a three-sector image, one signature")
case("good-one-sector", "ok", "an image smaller than a sector", image=SMALL)
case("good-sector-exact", "ok", "an image of exactly one sector", image=bytes(4096))
case("good-text", "ok", "with a severed text", text={"en": {1: "demo", 2: "fix"}, "de": {4: "x"}})
case("good-no-version", "ok", "without set-version", version=None)
case("good-version-rc", "ok", "set-version 1.4.2-rc1", version="1.4.2-rc1")
case("good-version-alpha", "ok", "set-version 1-alpha", version=[1, -3])
case("good-bundle", "ok", "the image integrated under its URI", bundle=True)
case("good-bundle-text", "ok", "text, list and image in one file", bundle=True, text={"en": {1: "x"}})
case("good-eddsa", "ok", "alg -8, as older COSE libraries write it", keys=[Block(A, alg=EDDSA)])
case("good-no-kid", "ok", "without kid every key is tried", keys=[Block(A, kid=None)])
case("good-no-kid-third", "ok", "without kid the third key verifies", keys=[Block(C, kid=None)], trust="three")
case("good-threshold", "ok", "two of three signed", keys=[C, A], trust="two-of-three")
case("good-all-three", "ok", "all three signed, two needed", keys=[A, B, C], trust="two-of-three")
case("good-foreign-kid", "ok", "a block of an unknown key beside ours", keys=[STRANGER, A])
case("good-foreign-alg", "ok", "an ESP256 block of another authority beside ours", keys=[Block(STRANGER, alg=-9), A])
case("good-foreign-alg-our-kid", "ok", "another algorithm under our kid is another authority's",
     keys=[Block(A, alg=-7, signature=lambda s: bytes(64)), A])
case("good-foreign-short-signature", "ok", "the shape of foreign signatures is not judged",
     keys=[Block(STRANGER, signature=lambda s: s[:10]), A])
case("good-eight-blocks", "ok", "eight blocks are the most", keys=[A] + [Block(STRANGER)] * 7)
case("good-factory", "ok", "component factory", component="factory", uri="factory.bin")
case("good-sequence-max", "ok", "the highest sequence number", sequence=2**32 - 1)
case("good-sequence-zero", "ok", "sequence number zero", sequence=0)
case("good-newer", "ok", "newer than confirmed", sequence=6, device="sequence=5")
case("good-for-device", "ok", "vendor, class, component and slot match", device="ids=sensor,component=app,slot=10240")
case("good-component-rights", "ok", "both signers may sign for app", keys=[A, B], trust="app-keys")
case("good-reporting-policies", "ok", "any reporting policy up to 15", shared=lambda s: set_item(5, 0)(set_item(7, 14)(s)))
for uri in ("a", "/abs/app.bin", "https://cdn.example.com/x/app.bin", "https://cdn.example.com:8443/a",
            "https://[2001:db8::1]/a", "v1/app%20x.bin", "app.bin?x=1/2", "...", ".hidden", "a" * 255, "https://h"):
    case(f"good-uri-{file_name(uri)}", "ok", "an allowed URI", uri=uri)

# ---- framing and CBOR ----
good = seal(IMAGE, [A])
case("empty", "envelope-truncated", "an empty file", data=b"")
case("one-byte", "envelope-truncated", "one byte", data=good[:1])
case("cut-in-head", "envelope-truncated", "cut inside the wrapper", data=good[:60])
case("cut-in-list", "envelope-truncated", "cut inside the sector list", data=good[:-1])
case("zeros", "envelope-not-suit", "zeros", data=bytes(5000))
case("ones", "envelope-not-suit", "0xFF bytes", data=b"\xff" * 5000)
case("untagged", "envelope-not-suit", "without tag 107", envelope=lambda e: e[2:])
case("tag-1070", "envelope-not-suit", "a bare manifest tag", envelope=lambda e: b"\xd9\x04\x2e" + e[2:])
case("tag-not-shortest", "cbor-not-shortest", "tag 107 in three bytes", envelope=lambda e: b"\xd9\x00\x6b" + e[2:])
case("trailing-byte", "envelope-trailing", "one byte after the envelope", envelope=lambda e: e + b"\x00")
case("trailing-bundle", "envelope-trailing", "one byte after a bundle", bundle=True, envelope=lambda e: e + b"\x00")
case("indefinite-map", "cbor-indefinite", "the envelope map has no length", envelope=lambda e: e[:2] + b"\xbf" + e[3:] + b"\xff")
case("reserved-head", "cbor-reserved", "additional information 28", envelope=lambda e: e[:2] + b"\xbc" + e[3:])
case("map-not-shortest", "cbor-not-shortest", "the map's head is too long", envelope=lambda e: e[:2] + b"\xb8\x03" + e[3:])
case("members-few", "envelope-member-missing", "the map says two members", envelope=lambda e: e[:2] + b"\xa2" + e[3:])
case("members-many", "envelope-member-unknown", "the map says 2^64-1 members", envelope=lambda e: e[:2] + b"\xbb" + b"\xff" * 8 + e[3:])
case("deep-array", "envelope-member-missing", "64 nested arrays where the wrapper should be",
     envelope=lambda e: e[:3] + b"\x81" * 64 + e[3:])
case("no-wrapper", "envelope-member-missing", "member 2 is missing", members=drop_item(0), text={"en": {1: "x"}})
case("no-manifest", "envelope-member-missing", "member 3 is missing", members=drop_item(1), text={"en": {1: "x"}})
case("no-list", "envelope-member-unknown", "the list is missing and the image stands in its place",
     members=lambda m: m[:2] + [("zz.bin", encode(IMAGE))])
case("list-missing-text-there", "envelope-member-missing", "text, but no list", text={"en": {1: "x"}}, members=lambda m: m[:3])
case("unknown-member", "envelope-member-unknown", "a delegation chain", members=lambda m: m[:2] + [(16, wrapped(b""))] + m[2:])
case("unknown-text-key", "envelope-member-unknown", "a payload that no command fetches", members=lambda m: m + [("other.bin", encode(b"x"))])
case("long-text-key", "envelope-member-unknown", "a text key of 2^32 bytes", members=lambda m: m[:2],
     envelope=lambda e: e[:2] + b"\xa3" + e[3:] + head(3, 2**32))
case("list-twice", "cbor-key-repeated", "the list stands twice", members=lambda m: m + [m[2]])
case("bundle-twice", "cbor-key-repeated", "the image stands twice", bundle=True, members=lambda m: m + [m[3]])
case("bundle-before-list", "envelope-member-missing", "the image before the list", bundle=True, members=lambda m: m[:2] + [m[3], m[2]])
case("bundle-uri-sorts-first", "cbor-key-order", "a URI that sorts before '#app'", uri="abc", bundle=True,
     members=lambda m: sorted(m[:2], key=lambda x: x[0]) + [x for x in m[2:] if x[0] == "#app"] + [x for x in m[2:] if x[0] == "abc"])
case("wrapper-not-bytes", "cbor-type", "member 2 is an array", members=lambda m: [(2, encode([1])), *m[1:]])
case("wrapper-2-to-31", "envelope-too-large", "member 2 claims 2^31-1 bytes", envelope=lambda e: e[:4] + head(2, 2**31 - 1))
case("wrapper-2-to-32-plus", "envelope-too-large", "member 2 claims 2^32+115 bytes", envelope=lambda e: e[:4] + head(2, 2**32 + 115) + e[6:])
case("wrapper-2-to-64", "envelope-too-large", "member 2 claims 2^64-1 bytes", envelope=lambda e: e[:4] + head(2, 2**64 - 1))
case("head-2049", "envelope-too-large", "wrapper and manifest have 2049 bytes",
     data=b"fitted below")
case("head-2048", "ok", "wrapper and manifest have 2048 bytes", data=b"fitted below")
case("list-not-bytes", "cbor-type", "the list is an array", members=lambda m: m[:2] + [("#app", encode([1]))])
case("text-key-not-shortest", "cbor-not-shortest", "a member key's head is too long",
     members=lambda m: m[:2], envelope=lambda e: e[:2] + b"\xa3" + e[3:] + head(3, 4, 1) + b"#app" + head(2, 5))

# ---- authentication ----
manifests = []
seal(IMAGE, [A], manifest_bytes=lambda b: manifests.append(b) or b)
WITHOUT_HEAD = sha256(manifests[0])
case("wrapper-trailing", "cbor-trailing", "a byte after the wrapper array",
     members=lambda m: [(2, encode(m[0][1][2:] + b"\x00")), *m[1:]])
case("digest-sha384", "digest-algorithm", "a SHA-384 digest", digest=lambda d: [-43, d[1]])
case("digest-31", "digest-form", "a digest of 31 bytes", digest=lambda d: [d[0], d[1][:31]])
case("digest-33", "digest-form", "a digest of 33 bytes", digest=lambda d: [d[0], d[1] + b"\0"])
case("digest-three-items", "digest-form", "a digest of three elements", digest=lambda d: d + [0])
case("digest-other-manifest", "manifest-digest", "signed, but for another manifest", digest=lambda d: [d[0], sha256(b"x")])
case("digest-without-head", "manifest-digest", "the digest leaves out the byte string's head",
     digest=lambda d: [SHA_256, WITHOUT_HEAD])
case("no-blocks", "block-count", "a wrapper without signature", keys=[])
case("nine-blocks", "block-count", "nine blocks", keys=[A] + [Block(STRANGER)] * 8)
case("block-untagged", "block-form", "an untagged COSE_Sign1", keys=[Block(A, tag=None)])
case("block-cose-sign", "block-form", "a COSE_Sign block", keys=[Block(A, tag=98)])
case("block-mac0", "block-form", "a COSE_Mac0 block", keys=[Block(A, tag=17)])
case("block-three-items", "block-form", "a block of three elements", blocks=lambda b: [encode(Tag(18, [encode({1: -19}), {4: A.id}, None]))])
case("block-empty", "block-form", "an empty byte string where a block should be", blocks=lambda b: [b""])
case("block-trailing", "cbor-trailing", "a byte after the block", blocks=lambda b: [b[0] + b"\0"])
case("block-foreign-shape", "block-form", "a second block that is no COSE_Sign1", keys=[A], wrapper=lambda w: w + [encode([1, 2])])
case("alg-missing", "block-protected", "an empty protected header", keys=[Block(A, protected=b"")])
case("alg-empty-map", "block-protected", "a protected header with an empty map", keys=[Block(A, protected=encode({}))])
case("alg-and-kid-protected", "block-protected", "a kid in the protected header", keys=[Block(A, protected=encode({1: -19, 4: A.id}))])
case("alg-wrong-label", "block-protected", "label 3 instead of alg", keys=[Block(A, protected=encode({3: -19}))])
case("alg-text", "cbor-type", "alg as text", keys=[Block(A, protected=encode({1: "EdDSA"}))])
case("alg-unprotected", "block-unprotected", "alg in the unprotected header too", keys=[Block(A, unprotected={1: -19})])
case("crit", "block-protected", "a crit header", keys=[Block(A, protected=encode({1: -19, 2: [99], 99: 0}))])
case("kid-empty", "block-unprotected", "an empty kid", keys=[Block(A, kid=b"")])
case("kid-seven", "block-unprotected", "a kid of seven bytes", keys=[Block(A, kid=A.id[:7])])
case("kid-and-more", "block-unprotected", "a second unprotected label", keys=[Block(A, unprotected={4: A.id, 33: b"x"})])
case("kid-of-stranger", "signature-unknown-key", "a kid that names no trusted key, though a trusted key signed", keys=[Block(A, kid=STRANGER.id)])
case("kid-of-other-key", "signature-invalid", "kid names key b, key a signed", keys=[Block(A, kid=B.id)], trust="three")
case("payload-attached", "block-payload", "an attached payload", keys=[Block(A, payload=suit_digest(b"x"))])
case("signature-bit-r", "signature-invalid", "one bit of R flipped", keys=[Block(A, signature=lambda s: bytes([s[0] ^ 1]) + s[1:])])
case("signature-bit-s", "signature-invalid", "one bit of S flipped", keys=[Block(A, signature=lambda s: s[:32] + bytes([s[32] ^ 1]) + s[33:])])
case("signature-s-plus-l", "signature-not-canonical", "S + L", keys=[Block(A, signature=lambda s: s[:32] + (int.from_bytes(s[32:], "little") + L).to_bytes(32, "little"))])
case("signature-zero", "signature-not-canonical", "64 zero bytes", keys=[Block(A, signature=lambda s: bytes(64))])
case("signature-r-identity", "signature-not-canonical", "R is the identity", keys=[Block(A, signature=lambda s: b"\1" + bytes(31) + s[32:])])
case("signature-r-not-canonical", "signature-not-canonical", "R is y = p + 1", keys=[Block(A, signature=lambda s: (P + 1).to_bytes(32, "little") + s[32:])])
case("signature-63", "signature-form", "63 bytes", keys=[Block(A, signature=lambda s: s[:63])])
case("signature-65", "signature-form", "65 bytes", keys=[Block(A, signature=lambda s: s + b"\0")])
case("signature-63-no-kid", "signature-form", "63 bytes, no kid", keys=[Block(A, kid=None, signature=lambda s: s[:63])])
case("signature-over-manifest", "signature-invalid", "signed without the Sig_structure", keys=[Block(A, message=lambda m: m[-36:])])
case("signature-external-aad", "signature-invalid", "signed with an external_aad", keys=[Block(A, message=lambda m: m.replace(b"\x40\x58\x24", b"\x41\x00\x58\x24"))])
case("signature-double-wrapped", "signature-invalid", "the payload is wrapped twice", keys=[Block(A, message=lambda m: m[:-38] + encode(encode(m[-36:])))])
case("wrong-key", "signature-unknown-key", "signed by a stranger", keys=[STRANGER])
case("wrong-key-no-kid", "signature-invalid", "signed by a stranger, without kid", keys=[Block(STRANGER, kid=None)])
case("good-after-bad", "signature-invalid", "a bad block of a trusted key before a good one",
     keys=[Block(A, signature=lambda s: bytes([s[0] ^ 1]) + s[1:]), B], trust="three")
case("bad-after-good", "signature-invalid", "a bad block of a trusted key after a good one",
     keys=[B, Block(A, signature=lambda s: bytes([s[0] ^ 1]) + s[1:])], trust="three")
case("key-twice", "signature-key-repeated", "one key signed twice", keys=[A, A], trust="two-of-three")
case("key-twice-other-alg", "signature-key-repeated", "one key under both algorithm numbers", keys=[A, Block(A, alg=EDDSA)], trust="two-of-three")
case("key-twice-no-kid", "signature-key-repeated", "one key with and without kid", keys=[A, Block(A, kid=None)], trust="two-of-three")
case("threshold-one-of-two", "threshold-not-met", "one of two needed signatures", keys=[A], trust="two-of-three")
case("threshold-stranger-does-not-count", "threshold-not-met", "the second signature is a stranger's", keys=[A, STRANGER], trust="two-of-three")
case("key-not-for-component", "key-not-for-component", "key b may sign for factory only", keys=[B], trust="b-only-factory")
case("key-not-for-component-counted", "threshold-not-met", "one signer where two are needed", keys=[A], trust="app-keys")
case("factory-rights", "key-not-for-component", "only one of two signers may sign for factory", keys=[A, B], trust="app-keys", component="factory", uri="factory.bin")

# ---- manifest ----
case("manifest-empty", "manifest-field-missing", "an empty map", manifest=lambda m: {})
case("manifest-not-map", "cbor-type", "an array", manifest=lambda m: [1])
case("manifest-trailing", "cbor-trailing", "a byte after the manifest", manifest_bytes=lambda b: b + b"\0")
case("manifest-truncated", "cbor-truncated", "the manifest ends early", manifest_bytes=lambda b: b[:-1])
case("manifest-version-2", "manifest-version", "version 2", manifest=put(1, 2))
for key, word in ((1, "version"), (2, "sequence"), (3, "common"), (7, "validate"), (20, "install")):
    case(f"manifest-no-{word}", "manifest-field-missing", f"field {key} is missing", manifest=drop_key(key))
    case(f"manifest-{word}-wrong-type", {1: "manifest-version", 2: "sequence-form"}.get(key, "cbor-type"),
         f"field {key} is text", manifest=put(key, "x"))
for key in (4, 5, 8, 9, 14, 15, 16, 18, 24, -257):
    case(f"manifest-field-{key}", "manifest-field-unknown", f"field {key}", manifest=lambda m, key=key: Pairs(sorted({**m, key: b""}.items(), key=lambda p: encode(p[0]))))
case("manifest-key-order", "manifest-field-missing", "field 2 before field 1", manifest=in_order(2, 1, 3, 6, 7, 20))
case("manifest-key-order-later", "cbor-key-order", "field 7 before field 6", manifest=in_order(1, 2, 3, 7, 6, 20))
case("manifest-key-twice", "cbor-key-repeated", "field 2 twice", manifest=lambda m: Pairs([(1, 1), (2, 5), (2, 6), (3, m[3]), (6, m[6]), (7, m[7]), (20, m[20])]))
case("manifest-key-not-shortest", "cbor-not-shortest", "key 1 in two bytes", manifest=lambda m: Pairs([(wide(0, 1, 1), 1)] + [(k, v) for k, v in m.items() if k != 1]))
case("sequence-not-shortest", "cbor-not-shortest", "sequence 1 in five bytes", manifest=put(2, wide(0, 1, 4)))
case("sequence-2-to-32", "sequence-form", "sequence 2^32", sequence=2**32)
case("sequence-2-to-64", "sequence-form", "sequence 2^64-1", sequence=2**64 - 1)
case("sequence-negative", "sequence-form", "sequence -1", sequence=-1)
case("common-no-components", "manifest-field-missing", "no component list", common=drop_key(2))
case("common-no-shared", "manifest-field-missing", "no shared sequence", common=drop_key(4))
case("common-dependencies", "manifest-field-unknown", "dependencies", common=put(1, {}))
case("component-bootloader", "component-unknown", "component 'bootloader'", components=lambda c: [[b"bootloader"], [b"bootloader", b"#"]])
case("component-keys", "component-unknown", "component 'keys'", components=lambda c: [[b"keys"], [b"keys", b"#"]])
case("component-one", "components-form", "only the image's component", components=lambda c: c[:1])
case("component-three", "components-form", "a third component", components=lambda c: c + [[b"x"]])
case("component-longer-path", "components-form", "component app/running", components=lambda c: [[b"app", b"running"], c[1]])
case("component-list-other", "components-form", "the list belongs to another component", components=lambda c: [c[0], [b"factory", b"#"]])
case("component-list-unmarked", "components-form", "the list's last segment is not '#'", components=lambda c: [c[0], [b"app", b"$"]])
case("component-twice", "components-form", "two components with one id", components=lambda c: [c[0], c[0]])
case("component-text", "cbor-type", "a component as text", components=lambda c: [["app"], c[1]])
shared_commands = ((0, "index"), (2, "parameters"), (4, "vendor"), (6, "class"), (8, "second-index"), (10, "second-parameters"))
for at, word in shared_commands:
    case(f"shared-other-{word}", "command-unexpected", f"item {at} is another command", shared=set_item(at, 14))
    case(f"shared-without-{word}", "command-unexpected", f"items {at} and {at + 1} are missing", shared=drop_item(at, at + 1))
case("shared-try-each", "command-unexpected", "a try-each at the end", shared=lambda s: s + [15, [encode([14, 15])]])
case("shared-parameters-twice", "command-unexpected", "parameters overridden after their condition ran", shared=lambda s: s + [20, {14: 1}])
case("shared-index-true", "command-unexpected", "component index true", shared=set_item(1, True))
case("shared-index-2", "command-unexpected", "component index 2", shared=set_item(1, 2))
case("shared-policy-16", "reporting-policy", "reporting policy 16", shared=set_item(5, 16))
case("shared-policy-negative", "cbor-type", "reporting policy -1", shared=set_item(5, -1))
case("shared-indefinite", "cbor-indefinite", "the sequence has no length", common=lambda c: put(4, b"\x9f" + c[4][1:] + b"\xff")(c))
for key, word in ((1, "vendor"), (2, "class"), (3, "digest"), (14, "size")):
    case(f"parameter-no-{word}", "parameter-unexpected", f"parameter {key} is missing", shared=edit_parameters(3, drop_key(key)))
case("parameter-slot", "parameter-unexpected", "parameter 5 besides", shared=edit_parameters(3, put(5, 0)))
case("parameter-content", "parameter-unexpected", "parameter 18 behind the size", shared=edit_parameters(3, put(18, b"")))
case("parameter-content-of-list", "parameter-unexpected", "parameter 18 behind the list's size", shared=edit_parameters(11, put(18, b"")))
case("parameter-fetch-arguments", "parameter-unexpected", "fetch arguments behind the URI", install=edit_parameters(11, put(25, b"")))
case("parameter-unknown-instead", "parameter-unexpected", "parameter 24 instead of 14", shared=edit_parameters(3, lambda p: put(24, bytes(16))(drop_key(14)(p))))
case("parameter-order", "parameter-unexpected", "parameters unsorted", shared=edit_parameters(3, in_order(2, 1, 3, 14)))
case("parameter-twice", "parameter-unexpected", "parameter 1 twice", shared=edit_parameters(3, lambda p: Pairs([(1, p[1]), (1, p[1]), (3, p[3]), (14, p[14])])))
case("vendor-15", "parameter-form", "a vendor id of 15 bytes", shared=edit_parameters(3, put(1, bytes(15))))
case("class-17", "parameter-form", "a class id of 17 bytes", shared=edit_parameters(3, put(2, bytes(17))))
case("vendor-text", "cbor-type", "a vendor id as text", shared=edit_parameters(3, put(1, "x" * 16)))
case("image-digest-unwrapped", "cbor-type", "an image digest without its byte string", shared=edit_parameters(3, put(3, [SHA_256, bytes(32)])))
case("image-digest-sha512", "digest-algorithm", "a SHA-512 image digest", shared=edit_parameters(3, put(3, encode([-44, bytes(32)]))))
case("image-digest-31", "digest-form", "an image digest of 31 bytes", shared=edit_parameters(3, put(3, encode([SHA_256, bytes(31)]))))
case("image-digest-trailing", "cbor-trailing", "a byte after the image digest", shared=edit_parameters(3, put(3, suit_digest(IMAGE) + b"\0")))
case("image-size-0", "image-size-form", "image size 0", shared=edit_parameters(3, put(14, 0)))
case("image-size-2-to-32", "image-size-form", "image size 2^32", shared=edit_parameters(3, put(14, 2**32)))
case("image-size-not-shortest", "cbor-not-shortest", "image size in five bytes", shared=edit_parameters(3, put(14, wide(0, len(IMAGE), 4))))
case("image-size-other", "list-size", "an image size whose list would be longer", shared=edit_parameters(3, put(14, len(IMAGE) + 4096)))
case("list-size-other", "list-size", "a list size off by one", shared=edit_parameters(11, put(14, 110)))
case("list-digest-none", "parameter-unexpected", "no list digest", shared=edit_parameters(11, drop_key(3)))
for at, word in ((0, "index"), (2, "parameters"), (4, "fetch"), (6, "match"), (8, "second-index"), (10, "second-parameters"), (12, "second-fetch"), (14, "second-match")):
    case(f"install-other-{word}", "command-unexpected", f"item {at} is another command", install=set_item(at, 18))
case("install-image-first", "command-unexpected", "the image before its list", install=lambda i: i[8:] + i[:8])
case("install-no-match", "command-unexpected", "no image match", install=lambda i: i[:14])
case("install-severed", "cbor-type", "a severed install sequence", manifest=lambda m: {**m, 20: [SHA_256, sha256(m[20])]})
case("install-list-uri", "list-uri", "the list comes from '#factory'", install=edit_parameters(3, put(21, "#factory")))
case("install-list-remote", "list-uri", "the list comes from a file", install=edit_parameters(3, put(21, "list.cbor")))
case("install-uri-bytes", "cbor-type", "the URI as bytes", install=edit_parameters(11, put(21, b"app.bin")))
case("install-uri-not-utf8", "cbor-utf8", "the URI is not UTF-8", install=edit_parameters(11, put(21, Raw(b"\x63\xc3\x28\x41"))))
case("validate-none", "command-unexpected", "an empty validate sequence", validate=lambda v: [])
case("validate-other", "command-unexpected", "validate checks a version", validate=set_item(2, 28))
case("validate-invoke", "command-unexpected", "validate invokes", validate=lambda v: v + [23, 2])
case("version-empty", "version-form", "no number", version=[])
case("version-four", "version-form", "four release numbers", version=[1, 2, 3, 4])
case("version-two-markers", "version-form", "two pre-release markers", version=[1, -1, -2])
case("version-marker-first", "version-form", "a marker first", version=[-1, 1])
case("version-minus-4", "version-form", "marker -4", version=[1, -4])
case("version-two-numbers-after", "version-form", "two numbers after the marker", version=[1, -1, 1, 2])
case("version-2-to-32", "version-form", "a number of 2^32", version=[2**32])
case("version-six", "version-form", "six elements", version=[1, 2, 3, -1, 1, 1])
for uri in ("", "http://h/a", "ftp://h/a", "//h/a", "https:///a", "https://u@h/a", "https://h:0/a", "https://h:65536/a", "https://h:/a",
            "a b", "a\nb", "a\x7fb", "ä", "../a", "a/../b", "a/.", ".", "%2e%2E/a", ".%2e", "a%0ab", "a%7f", "a%4", "a%zz", "a#b", "#app",
            "?q", "a:b", "https:a", "https://h/a#b", "https://h/../a", "a\\b", "a|b", "a\"b", "<a>", "a^b", "a`b", "{a}", "a" * 256, "https://[::1", "https://h[1]/a"):
    case(f"uri-{file_name(uri)}", "uri-form", "a URI that is not allowed", uri=uri)

# ---- text ----
T = {"en": {1: "a"}}
def text_member(data):
    """The text member and its digest replaced together."""
    return {"text": T, "manifest": put(23, Raw(suit_digest(encode(data)))),
            "members": lambda m: [(k, encode(data) if k == 23 else v) for k, v in m]}

case("text-missing", "text-missing", "the manifest names a text, the envelope has none", text=T, members=drop_item(2))
case("text-unsigned", "text-unsigned", "the envelope has a text, the manifest names none", text=T, manifest=drop_key(23))
case("text-bit", "text-digest", "one bit of the text flipped", text=T, members=lambda m: [(k, v[:-1] + b"b" if k == 23 else v) for k, v in m])
case("text-digest-no-head", "text-digest", "the digest leaves out the byte string's head", text=T, manifest=put(23, Raw(suit_digest(encode(T)))))
case("text-unsevered", "digest-form", "the text stands in the manifest", text=T, manifest=put(23, encode(T)), members=drop_item(2))
case("text-after-list", "text-missing", "the text after the list", text=T, members=lambda m: m[:2] + [m[3], m[2]])
case("text-twice", "cbor-key-repeated", "the text twice", text=T, members=lambda m: m[:3] + m[2:])
case("text-64k", "text-too-large", "a text of 64 KiB", **text_member(encode({"en": {1: "a" * 65536}})))
case("text-2049", "text-too-large", "a text of 2049 bytes", **text_member(encode({"en": {1: "a" * 2040}})))
case("text-2048", "ok", "a text of 2048 bytes", **text_member(encode({"en": {1: "a" * 2039}})))
case("text-not-utf8", "cbor-utf8", "a text that is not UTF-8", **text_member(b"\xa1\x62en\xa1\x01\x62\xc0\xaf"))
case("text-surrogate", "cbor-utf8", "a surrogate half", **text_member(b"\xa1\x62en\xa1\x01\x63\xed\xa0\x80"))
case("text-key-5", "text-form", "key 5", **text_member(encode({"en": {5: "a"}})))
case("text-no-language", "text-form", "no language", **text_member(encode({})))
case("text-empty-language", "text-form", "a language without text", **text_member(encode({"en": {}})))
case("text-per-component", "cbor-type", "text per component", **text_member(b"\xa1\x62en\xa1\x81\x43app\xa1\x01\x61x"))
case("text-languages-unsorted", "cbor-key-order", "languages unsorted", **text_member(encode(Pairs([("fr", {1: "a"}), ("en", {1: "a"})]))))
case("text-key-twice", "cbor-key-repeated", "key 1 twice", **text_member(encode(Pairs([("en", Pairs([(1, "a"), (1, "b")]))]))))
case("text-trailing", "cbor-trailing", "a byte after the text", **text_member(encode(T) + b"\0"))
case("text-controls", "ok", "control and bidi characters are accepted", text={"en": {1: "a\x1b[2J\u202eb"}})

# ---- sector list and bundle ----
case("list-chunk-8192", "list-form", "chunks of 8192 bytes", sector_list=set_item(1, 8192))
case("list-alg", "list-form", "another digest algorithm", sector_list=set_item(0, -15))
case("list-image-size", "list-form", "the list counts another image size", sector_list=set_item(2, len(IMAGE) - 1))
case("list-digests-text", "cbor-type", "the digests as text", list_bytes=lambda b: b.replace(b"\x58\x60", b"\x78\x60"))
case("list-bit", "list-digest", "one bit of the list flipped", members=lambda m: m[:2] + [("#app", m[2][1][:-1] + bytes([m[2][1][-1] ^ 1]))])
case("list-short", "list-size", "one digest is missing", members=lambda m: m[:2] + [("#app", encode(encode([SHA_256, 4096, len(IMAGE), bytes(64)])))])
case("list-long", "list-size", "one byte more", members=lambda m: m[:2] + [("#app", encode(bytes(111)))])
case("list-one-sector-other-digest", "list-digest", "one sector, and the list disagrees with the image digest", image=SMALL,
     sector_list=set_item(3, sha256(b"other")))
case("list-2-to-32-plus", "list-size", "a list that claims 2^32 bytes more", members=lambda m: m[:2],
     envelope=lambda e: e[:2] + b"\xa3" + e[3:] + encode("#app") + head(2, 2**32 + 110) + bytes(200))
case("bundle-short", "image-truncated", "the bundled image is a byte short", bundle=True, members=lambda m: m[:3] + [(m[3][0], encode(IMAGE[:-1]))])
case("bundle-long", "image-trailing", "the bundled image is a byte long", bundle=True, members=lambda m: m[:3] + [(m[3][0], encode(IMAGE + b"\0"))])
case("bundle-first-bit", "sector-digest", "one bit of the first sector", bundle=True, members=lambda m: m[:3] + [(m[3][0], encode(b"\1" + IMAGE[1:]))])
case("bundle-last-bit", "sector-digest", "one bit of the last sector", bundle=True, members=lambda m: m[:3] + [(m[3][0], encode(IMAGE[:-1] + b"\0"))])
case("bundle-cut", "envelope-truncated", "the bundle ends early", bundle=True, envelope=lambda e: e[:-1])

# ---- policy ----
case("older", "sequence-too-old", "older than confirmed", sequence=4, device="sequence=5")
case("older-other-digest", "sequence-too-old", "older, and the confirmed manifest is known", sequence=4, device="sequence=5,confirmed=other")
case("older-text-newer", "sequence-too-old", "a newer version text on an older sequence", sequence=4, version="9.9.9", device="sequence=5")
case("equal-other", "sequence-conflict", "confirmed sequence, another manifest", sequence=5, device="sequence=5,confirmed=other")
case("equal-same", "ok", "the confirmed release itself", sequence=5, device="sequence=5,confirmed=same")
case("equal-strict", "sequence-too-old", "equal where newer is demanded", sequence=5, device="sequence=5")
case("other-vendor", "vendor-mismatch", "another vendor", vendor="example.org", device="ids=sensor")
case("other-class", "class-mismatch", "another class", class_name="lamp", device="ids=sensor")
case("other-component", "component-mismatch", "factory where app is expected", component="factory", uri="factory.bin", device="component=app")
case("slot-too-small", "slot-too-small", "one byte larger than the slot", device="slot=10239")
case("older-and-other-vendor", "sequence-too-old", "two defects: the sequence is judged first", sequence=4, vendor="example.org", device="ids=sensor,sequence=5")
case("bad-signature-and-older", "signature-invalid", "two defects: the signature is judged first", sequence=4, device="sequence=5",
     keys=[Block(A, signature=lambda s: bytes([s[0] ^ 1]) + s[1:])])
case("bad-manifest-and-digest", "manifest-digest", "two defects: the digest is judged before the manifest", manifest=put(1, 2), digest=lambda d: [d[0], sha256(b"x")])


def fit_head():
    """The cases head-2048 and head-2049 carry a foreign signature that fills the head exactly."""
    for name, total in (("head-2048", 2048), ("head-2049", 2049)):
        size = 1600
        for _ in range(4):
            data = seal(IMAGE, [A, Block(STRANGER, signature=lambda s: bytes(size))])
            wrapper_len = int.from_bytes(data[5:7], "big")
            at = 7 + wrapper_len + 1
            manifest_len = data[at + 1]
            size += total - wrapper_len - manifest_len
        index = next(i for i, c in enumerate(cases) if c[0] == name)
        cases[index] = (*cases[index][:5], data)


# ---- trust stores ----
stores = []


def store(name, status, sentence, data):
    stores.append((name, status, sentence, data))


KEY = {1: -19, 2: A.public}


def raw_store(version=1, threshold=1, keys=None, pins=(), anchors=(), more=None):
    rows = {1: version, 2: threshold, 3: [KEY] if keys is None else keys, 4: list(pins), 5: list(anchors)}
    return encode({**rows, **(more or {})})


DER = b"\x30\x03\x02\x01\x00"
store("good", "ok", "one key", raw_store())
store("good-full", "ok", "sixteen keys, four pins, four anchors",
      raw_store(threshold=16, keys=[{1: -19, 2: Key(f"k{i}").public} for i in range(16)],
                pins=[sha256(bytes([i])) for i in range(4)], anchors=[DER] * 4))
store("good-names", "ok", "a key for named components", raw_store(keys=[{**KEY, 3: [b"app", b"factory"]}]))
store("empty", "cbor-truncated", "an empty store", b"")
store("not-map", "cbor-type", "an array", encode([1]))
store("version-2", "trust-version", "version 2", raw_store(version=2))
store("member-6", "trust-form", "a sixth member", raw_store(more={6: b""}))
store("member-missing", "trust-form", "no anchors member", encode({1: 1, 2: 1, 3: [KEY], 4: []}))
store("trailing", "cbor-trailing", "a byte after the store", raw_store() + b"\0")
store("truncated", "cbor-truncated", "cut in the last byte", raw_store()[:-1])
store("not-shortest", "cbor-not-shortest", "version 1 in two bytes", raw_store(version=wide(0, 1, 1)))
store("threshold-0", "trust-threshold", "threshold 0", raw_store(threshold=0))
store("threshold-2-of-1", "trust-threshold", "threshold above the number of keys", raw_store(threshold=2))
store("threshold-2-to-32-plus-1", "trust-threshold", "threshold 2^32+1", raw_store(threshold=2**32 + 1))
store("no-keys", "trust-key-count", "no key", raw_store(keys=[]))
store("seventeen-keys", "trust-key-count", "seventeen keys", raw_store(keys=[{1: -19, 2: Key(f"k{i}").public} for i in range(17)]))
store("key-twice", "trust-key-repeated", "a key twice", raw_store(threshold=2, keys=[KEY, KEY]))
store("key-31", "trust-form", "a key of 31 bytes", raw_store(keys=[{1: -19, 2: A.public[:31]}]))
store("key-alg-8", "trust-form", "algorithm -8", raw_store(keys=[{1: -8, 2: A.public}]))
store("key-identity", "trust-key-invalid", "the identity", raw_store(keys=[{1: -19, 2: b"\1" + bytes(31)}]))
store("key-zero", "trust-key-invalid", "y = 0, a point of order 4", raw_store(keys=[{1: -19, 2: bytes(32)}]))
store("key-order-2", "trust-key-invalid", "y = -1, a point of order 2", raw_store(keys=[{1: -19, 2: (P - 1).to_bytes(32, "little")}]))
store("key-order-8", "trust-key-invalid", "a point of order 8", raw_store(keys=[{1: -19, 2: bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")}]))
store("key-order-8-sign", "trust-key-invalid", "the same with the other sign", raw_store(keys=[{1: -19, 2: bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")}]))
store("key-not-canonical", "trust-key-invalid", "y = p + 3", raw_store(keys=[{1: -19, 2: (P + 3).to_bytes(32, "little")}]))
store("names-empty", "trust-names", "an empty list of names", raw_store(keys=[{**KEY, 3: []}]))
store("names-nine", "trust-names", "nine names", raw_store(keys=[{**KEY, 3: [bytes([65 + i]) for i in range(9)]}]))
store("names-repeated", "trust-names", "a name twice", raw_store(keys=[{**KEY, 3: [b"app", b"app"]}]))
store("names-33", "trust-names", "a name of 33 bytes", raw_store(keys=[{**KEY, 3: [b"a" * 33]}]))
store("names-empty-name", "trust-names", "an empty name", raw_store(keys=[{**KEY, 3: [b""]}]))
store("pin-31", "trust-pin", "a pin of 31 bytes", raw_store(pins=[bytes(31)]))
store("pin-twice", "trust-pin", "a pin twice", raw_store(pins=[bytes(32), bytes(32)]))
store("pins-five", "trust-pin", "five pins", raw_store(pins=[sha256(bytes([i])) for i in range(5)]))
store("anchor-not-sequence", "trust-anchor", "an anchor that is no SEQUENCE", raw_store(anchors=[b"\x31\x03\x02\x01\x00"]))
store("anchor-trailing", "trust-anchor", "a byte after the certificate", raw_store(anchors=[DER + b"\0"]))
store("anchor-long-length", "trust-anchor", "a DER length that is not shortest", raw_store(anchors=[b"\x30\x81\x03\x02\x01\x00"]))
store("anchor-2049", "trust-anchor", "an anchor of 2049 bytes", raw_store(anchors=[b"\x30\x82" + (2045).to_bytes(2, "big") + bytes(2045)]))
store("anchors-five", "trust-anchor", "five anchors", raw_store(anchors=[DER] * 5))


def files():
    fit_head()
    out = {}
    rows = ["file\ttrust\tdevice\tstatus\tsentence"]
    names = set()
    for name, trust, device, status, sentence, data in cases:
        assert name not in names, name
        names.add(name)
        out[f"envelope/{name}.suit"] = data
        rows.append(f"{name}\t{trust}\t{device}\t{status}\t{sentence}")
    out["envelope/cases.tsv"] = ("\n".join(rows) + "\n").encode()
    for name, data in TRUST.items():
        out[f"envelope/{name}.trust"] = data
    rows = ["file\tstatus\tsentence"]
    for name, status, sentence, data in stores:
        out[f"trust/{name}.cbor"] = data
        rows.append(f"{name}\t{status}\t{sentence}")
    out["trust/cases.tsv"] = ("\n".join(rows) + "\n").encode()
    ids = vendor_id("example.com") + class_id("example.com", "sensor")
    out["envelope/sensor.ids"] = ids
    return out


def main():
    want = files()
    if "--check" in sys.argv[1:]:
        differing = [n for n, d in want.items() if not (HERE / n).is_file() or (HERE / n).read_bytes() != d]
        have = {str(p.relative_to(HERE)) for d in ("envelope", "trust") for p in (HERE / d).iterdir()}
        extra = sorted(have - set(want))
        if differing or extra:
            sys.exit(f"vectors differ from generate.py: {differing} extra: {extra}")
        print(f"{len(cases)} envelopes and {len(stores)} trust stores as generated")
        return
    for name, data in want.items():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    print(f"wrote {len(cases)} envelopes and {len(stores)} trust stores")


if __name__ == "__main__":
    main()
