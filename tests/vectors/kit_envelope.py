# SPDX-License-Identifier: Apache-2.0
"""Envelopes by hand: what is accepted, framing, signatures."""

from kit_cases import A, B, C, IMAGE, L, P, SMALL, STRANGER, case, drop_item, file_name, put, set_item
from sealing import EDDSA, SHA_256, Block, Tag, encode, head, seal, sha256, suit_digest, wrapped


def with_head_of(total):
    """Wrapper and manifest of this many bytes: a foreign signature fills them up."""
    size = 1600
    for _ in range(4):
        data = seal(IMAGE, [A, Block(STRANGER, signature=lambda s: bytes(size))])
        wrapper_len = int.from_bytes(data[5:7], "big")
        manifest_len = data[7 + wrapper_len + 2]
        size += total - wrapper_len - manifest_len
    return data


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
case("head-2049", "envelope-too-large", "wrapper and manifest have 2049 bytes", data=with_head_of(2049))
case("head-2048", "ok", "wrapper and manifest have 2048 bytes", data=with_head_of(2048))
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
