# SPDX-License-Identifier: Apache-2.0
"""Envelopes by hand: manifest, text, sector list, bundle, policy."""

from kit_cases import (
    A, IMAGE, SMALL, case, drop_item, drop_key, edit_parameters, file_name, in_order, put, set_item, wide,
)
from sealing import SHA_256, Block, Pairs, Raw, encode, head, sha256, suit_digest


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
case("text-unsigned-after-list", "cbor-key-order", "a text that nobody names, after the list", text=T, manifest=drop_key(23),
     members=lambda m: m[:2] + [m[3], m[2]])
for word, data in (("2-to-64-less-1", head(0, 2**64 - 1)), ("2-to-64-less-3", head(0, 2**64 - 3)), ("minus-2-to-64", head(1, 2**64 - 1))):
    case(f"version-marker-{word}", "cbor-type", "a marker outside of int64", version=[1, Raw(data)])
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
LARGE = b"".join(bytes([n]) * 4096 for n in range(66))
case("good-grouped", "ok", "more sectors than a small workspace holds digests of", image=LARGE)
case("good-grouped-bundle", "ok", "the same with its image", image=LARGE, bundle=True)
case("grouped-list-bit", "list-digest", "one bit of a long list flipped", image=LARGE,
     members=lambda m: m[:2] + [("#app", m[2][1][:-1] + bytes([m[2][1][-1] ^ 1]))])
case("grouped-sector-bit", "sector-digest", "one bit of the last of many sectors flipped", image=LARGE, bundle=True,
     envelope=lambda e: e[:-1] + bytes([e[-1] ^ 1]))
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
