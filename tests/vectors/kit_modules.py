# SPDX-License-Identifier: Apache-2.0
"""Envelopes with modules: several images in one manifest, or a module alone."""

from kit_cases import (
    A, B, IMAGE, SMALL, add_trust, case, drop_item, drop_key, edit_parameters, insert, put, set_item,
)
from kit_manifest import LARGE
from kit_matrix import matrix
from kit_shapes import MODULES
from sealing import encode, head, seal, sector_digests, suit_digest, trust_store
from trees import parse

LIB = b"def f():\n    return 1\n" * 400  # 8,800 bytes: three sectors
LIBS = [("lib.py", LIB, "modules/lib.py")]
SEVEN = [(f"m{n}", bytes([n]) * (100 + 4096 * n), f"modules/m{n}") for n in range(7)]
ALONE = {"component": "module/lib.py", "image": LIB, "uri": "modules/lib.py"}

add_trust("modules", trust_store([A, B], 1, names={A: ["app", "module"], B: ["module"]}))
add_trust("modules-by-two", trust_store([A, B], 2, names={A: ["app", "module"], B: ["app"]}))


def modules(name, status, words, libs=None, device="modules", image=SMALL, **more):
    case(name, status, words, device=device, image=image, modules=LIBS if libs is None else libs, **more)


def alone(name, status, words, device="modules", libs=(), **more):
    case(name, status, words, device=device, modules=libs, **{**ALONE, **more})


def named(*names):
    return [(name, b"%d" % n, f"f{n}") for n, name in enumerate(names)]


# ---- accepted ----
modules("good-modules", "ok", "an app and a module", image=IMAGE)
modules("good-modules-seven", "ok", "an app and seven modules", SEVEN)
modules("good-modules-factory", "ok", "a factory app and a module", component="factory", uri="factory.bin")
modules("good-modules-text", "ok", "with a text", text={"en": {1: "x"}})
modules("good-modules-large", "ok", "lists longer than a small workspace", [("lib.py", LARGE[::-1], "lib")], image=LARGE)
modules("good-modules-same-bytes", "ok", "two modules of the same bytes from one place", [("a", LIB, "a"), ("b", LIB, "a")])
modules("good-modules-sorted-otherwise", "ok", "lists lie by length and bytes, not as the components do", named("bb", "a", "ab", "B"))
modules("good-modules-for-device", "ok", "what the device knows of itself fits", image=IMAGE, sequence=6,
        device="modules,sequence=5,ids=sensor,component=app,slot=10240")
alone("good-module-alone", "ok", "a module and no app")
alone("good-module-alone-eight", "ok", "eight modules and no app", libs=SEVEN)
alone("good-module-alone-bundle", "ok", "a module alone, with its bytes", bundle=True)
alone("good-module-alone-for-device", "ok", "neither the component nor the slot of a device is a module's",
      device="modules,component=app,slot=1,ids=sensor")
for name in ("a", "Z", "0", "_", "-", "-.", "a.b-C_9", "a..b", "a.", "module", "app", "x" * 32):
    modules(f"good-module-name-{name}", "ok", f"module {name}", [(name, b"x", "x")])

# ---- what a device and a trust store say of it ----
modules("modules-not-taken", "modules-not-taken", "a device without room for modules", device="-")
alone("module-alone-not-taken", "modules-not-taken", "the same, a module alone", device="-")
modules("modules-not-taken-component-first", "component-mismatch", "another component is told first",
        component="factory", uri="f.bin", device="component=app")
alone("module-alone-component-not-taken", "component-mismatch", "to a device without modules it is another component", device="component=app")
modules("modules-other-component", "component-mismatch", "factory and a module where app is expected", component="factory",
        uri="f.bin", device="modules,component=app")
modules("modules-older", "sequence-too-old", "older than confirmed", sequence=4, device="modules,sequence=5")
modules("modules-other-class", "class-mismatch", "for another class", class_name="lamp", device="modules,ids=sensor")
modules("modules-slot-too-small", "slot-too-small", "the app does not fit its slot", image=IMAGE, device="modules,slot=10239")
modules("good-modules-slot", "ok", "a module larger than the app's slot", device="modules,slot=14")
for word, keys, trust, app, lib in (
        ("a", [A], "modules", "ok", "ok"), ("b", [B], "modules", "key-not-for-component", "ok"),
        ("app-only", [A], "b-only-factory", "key-not-for-component", "key-not-for-component"),
        ("two", [A, B], "modules-by-two", "key-not-for-component", "key-not-for-component"),
        ("two-of-three", [A, B], "two-of-three", "ok", "ok")):
    modules(f"modules-signed-by-{word}", app, "every signer that counts may sign for app and for module", keys=keys, trust=trust)
    alone(f"module-alone-signed-by-{word}", lib, "every signer that counts may sign for module", keys=keys, trust=trust)
case("app-signed-by-b-of-modules", "key-not-for-component", "a key for modules signs an app", keys=[B], trust="modules", image=SMALL)

# ---- modules alone, counted apart ----
APART = "modules-apart,sequence=9,confirmed=other"
alone("good-modules-apart-first", "ok", "the first that come alone have nothing to be newer than", device=APART, sequence=4)
alone("good-modules-apart-newer", "ok", "newer than those before, older than the app", device=APART + ",modules-sequence=3,modules-confirmed=other", sequence=4)
alone("good-modules-apart-same", "ok", "those that came last", device=APART + ",modules-sequence=4,modules-confirmed=same", sequence=4)
alone("modules-apart-older", "sequence-too-old", "older than those that came last", device=APART + ",modules-sequence=5,modules-confirmed=other", sequence=4)
alone("modules-apart-older-above-app", "sequence-too-old", "newer than the app does not help", device=APART + ",modules-sequence=50,modules-confirmed=other", sequence=40)
alone("modules-apart-equal", "sequence-conflict", "another one has the number", device=APART + ",modules-sequence=4,modules-confirmed=other", sequence=4)
alone("modules-together-older", "sequence-too-old", "a device that counts all together", device="modules,sequence=9", sequence=4)
modules("modules-with-app-older", "sequence-too-old", "with an app it is the app's count", device=APART + ",modules-sequence=3,modules-confirmed=other", sequence=4)
modules("good-modules-with-app-newer", "ok", "with an app it is the app's count only", device=APART + ",modules-sequence=50,modules-confirmed=other", sequence=10)

# ---- components ----
for number in (8, 9, 16, 30):
    further = [x for n in range(number) for x in ([b"module", b"m%d" % n], [b"module", b"m%d" % n, b"#"])]
    modules(f"modules-{number}", "components-form", f"an app and {number} modules", components=lambda c, f=further: c[:2] + f)
modules("modules-nine-alone", "components-form", "nine modules", named(*(f"m{n}" for n in range(8))), component="module/m9", uri="m9")
modules("modules-twice", "module-repeated", "two modules of one name", named("a", "b", "a"))
modules("modules-last-as-second", "module-repeated", "the last of seven has the second's name", named("a", "b", "c", "d", "e", "f", "b"))
modules("modules-neighbours", "module-repeated", "the same name in a row", named("a", "a"))
alone("module-alone-again", "module-repeated", "a further module with the first one's name", libs=LIBS)
modules("good-modules-case", "ok", "names that differ in case are two", named("a", "A"))
for word, name in {"empty": "", "33": "x" * 33, "dot-first": ".a", "dot": ".", "dots": "..", "blank": "a b", "nul": "a\0",
                   "utf-8": "\u00e9", "hash": "a#", "tilde": "~", "colon": "a:b", "backslash": "a\\b", "at": "@", "bracket": "[",
                   "grave": "`", "brace": "{", "slash-before-0": "a" + chr(0x2f), "comma": "a,b", "newline": "a\n", "del": "a\x7f",
                   "path": "../a", "deeper": "a/b", "256": "x" * 256}.items():
    data = name.encode()
    form = [[b"module", data], [b"module", data, b"#"]]
    if "/" in name:
        modules(f"module-name-{word}", "module-name", f"a module's name: {word}", components=lambda c, f=form: c[:2] + f)
        alone(f"module-alone-name-{word}", "module-name", f"a module's name: {word}", components=lambda c, f=form: f)
    else:
        modules(f"module-name-{word}", "module-name", f"a module's name: {word}", [(name, b"x", "x")])
        alone(f"module-alone-name-{word}", "module-name", f"a module's name: {word}", component=f"module/{name}")
MODULE = [[b"module", b"lib.py"], [b"module", b"lib.py", b"#"]]
for word, pair in {
        "app": [[b"app"], [b"app", b"#"]], "factory": [[b"factory"], [b"factory", b"#"]], "no-name": [[b"module"], [b"module", b"#"]],
        "bare-list": [MODULE[0], [b"#"]], "of-app": [[b"app", b"lib.py"], [b"app", b"lib.py", b"#"]],
        "other-word": [[b"modules", b"lib.py"], [b"modules", b"lib.py", b"#"]], "deeper": [[b"module", b"lib.py", b"a"], MODULE[1]],
        "list-of-app": [MODULE[0], [b"app", b"#"]], "list-of-other": [MODULE[0], [b"module", b"other", b"#"]],
        "list-of-all": [MODULE[0], [b"module", b"#"]], "list-unmarked": [MODULE[0], MODULE[0]],
        "list-marked-twice": [MODULE[0], [*MODULE[1], b"#"]], "list-other-word": [MODULE[0], [b"modules", b"lib.py", b"#"]],
        "list-other-mark": [MODULE[0], [b"module", b"lib.py", b"$"]], "list-first": MODULE[::-1], "empty": [[], MODULE[1]]}.items():
    modules(f"module-component-{word}", "components-form", f"a further component: {word}", components=lambda c, p=pair: c[:2] + p)
for word, pair in {"of-app": [[b"app", b"lib.py"], [b"app", b"lib.py", b"#"]], "deeper": [[b"module", b"lib.py", b"a"], MODULE[1]],
                   "of-factory": [[b"factory", b"a"], [b"factory", b"a", b"#"]], "list-of-all": [MODULE[0], [b"module", b"#"]]}.items():
    alone(f"module-alone-component-{word}", "components-form", f"the first component: {word}", components=lambda c, p=pair: p)
for word in ("factory", "app"):
    form = [[word.encode()], [word.encode(), b"#"]]
    modules(f"module-component-{word}-everywhere", "components-form", f"a further image that is {word}, in every place", components=lambda c, f=form: c[:2] + f,
            component="factory" if word == "app" else "app", uri="f.bin", install=edit_parameters(19, put(21, f"#{word}")),
            members=lambda m, w=word: sorted([(f"#{w}" if "module" in str(k) else k, v) for k, v in m], key=lambda x: encode(x[0])))
    alone(f"module-alone-component-{word}-everywhere", "components-form", f"{word} behind a module, in every place", libs=named("x"),
          components=lambda c, f=form: c[:2] + f, install=edit_parameters(19, put(21, f"#{word}")),
          members=lambda m, w=word: sorted([(f"#{w}" if "/x" in str(k) else k, v) for k, v in m], key=lambda x: encode(x[0])))
modules("modules-eight-whole", "components-form", "an app and eight modules, with all their commands and lists", named(*"abcdefgh"), image=b"x", version=None)
modules("modules-before-app", "components-form", "the app behind a module", components=lambda c: c[2:] + c[:2])
modules("modules-components-odd", "components-form", "five components", components=lambda c: [*c, [b"module", b"a"]])
modules("modules-one-pair-only", "command-unexpected", "commands for a pair that no component has", components=lambda c: c[:2])
case("modules-pair-without-commands", "command-unexpected", "a pair that no command has", image=SMALL, device="modules",
     components=lambda c: c + MODULE)

# ---- sequences ----
for sequence, first in {"shared": 12, "install": 16, "validate": 4}.items():
    modules(f"modules-{sequence}-one-only", "command-unexpected", f"{sequence}: nothing for the module", **{sequence: lambda s, n=first: s[:n]})
    modules(f"modules-{sequence}-again", "command-unexpected", f"{sequence}: the module's group twice", **{sequence: lambda s, n=first: s + s[n:]})
    modules(f"modules-{sequence}-module-first", "command-unexpected", f"{sequence}: the module before the app",
            **{sequence: lambda s, n=first: s[n:] + s[:n]})
    modules(f"modules-{sequence}-swapped", "command-unexpected", f"{sequence}: the second module before the first", SEVEN,
            **{sequence: lambda s, n=first: s[:n] + s[-(len(s) - n) // 7:] + s[n:-(len(s) - n) // 7]})
    modules(f"modules-{sequence}-trailing-command", "command-unexpected", f"{sequence}: an abort at the end", **{sequence: lambda s: [*s, 14, 0]})
    for at in range(first, {"shared": 20, "install": 32, "validate": 8}[sequence], 2):
        modules(f"modules-{sequence}-without-{at}", "command-unexpected", f"{sequence}: items {at} and {at + 1} are missing",
                **{sequence: drop_item(at, at + 1)})
        modules(f"modules-{sequence}-other-{at}", "command-unexpected", f"{sequence}: item {at} is another command", **{sequence: set_item(at, 15)})
for sequence, places in {"shared": {13: 2, 17: 3}, "install": {17: 3, 25: 2}, "validate": {5: 2}}.items():
    for at, right in places.items():
        for word, value in (("0", 0), ("1", 1), ("2", 2), ("3", 3), ("4", 4), ("16", 16), ("255", 255), ("true", True), ("negative", -1), ("list", [right]),
                            ("2-to-32-more", 2**32 + right)):
            if value != right or value is True:
                modules(f"modules-index-{sequence}-{at}-{word}", "command-unexpected", f"{sequence}: component index {word}",
                        **{sequence: set_item(at, value)})
for word, at, extra in (("vendor", 16, (1, 15)), ("class", 16, (2, 15)), ("both", 16, (1, 15, 2, 15)), ("match", 16, (3, 15)), ("both-at-the-end", 20, (1, 15, 2, 15))):
    modules(f"modules-shared-condition-{word}", "command-unexpected", f"a condition in the module's part: {word}", shared=insert(at, *extra))
modules("modules-shared-conditions-moved", "command-unexpected", "the conditions stand behind the module's parameters",
        shared=lambda s: s[:4] + s[8:16] + s[4:8] + s[16:])
for key, word, value in ((1, "vendor", bytes(16)), (2, "class", bytes(16)), (21, "uri", "x"), (18, "content", b"")):
    for at, of in ((15, "image"), (19, "list")):
        modules(f"modules-parameter-{word}-of-{of}", "parameter-unexpected", f"parameter {key} besides", shared=edit_parameters(at, put(key, value)))
for key, word in ((3, "digest"), (14, "size")):
    for at, of in ((15, "image"), (19, "list")):
        modules(f"modules-parameter-no-{word}-of-{of}", "parameter-unexpected", f"parameter {key} is missing", shared=edit_parameters(at, drop_key(key)))
modules("modules-ids-with-the-second", "parameter-unexpected", "vendor and class stand with the module",
        shared=lambda s: set_item(15, {**s[15], 1: s[3][1], 2: s[3][2]})(set_item(3, {k: v for k, v in s[3].items() if k > 2})(s)))
modules("modules-image-size-0", "image-size-form", "a module of no byte", shared=edit_parameters(15, put(14, 0)))
modules("modules-image-size-other", "list-size", "a module's size whose list would be longer", shared=edit_parameters(15, put(14, len(LIB) + 4096)))
modules("modules-list-size-other", "list-size", "a module's list size off by one", shared=edit_parameters(19, put(14, 111)))
modules("modules-list-size-of-app", "list-size", "the app's list size for the module's", shared=lambda s: edit_parameters(19, put(14, s[11][14]))(s))
modules("modules-last-list-size", "list-size", "the last of eight list sizes is wrong", SEVEN, shared=edit_parameters(67, put(14, 1)))
modules("modules-image-digest-31", "digest-form", "a module's digest of 31 bytes", shared=edit_parameters(15, put(3, encode([-16, bytes(31)]))))
modules("modules-image-digest-sha512", "digest-algorithm", "a module's digest by SHA-512", shared=edit_parameters(15, put(3, encode([-44, bytes(32)]))))
for word, uri in {"app": "#app", "other": "#module/lib", "longer": "#module/lib.pyc", "without-name": "#module/", "bare-name": "#lib.py",
                  "slash": "#module//lib.py", "unmarked": "module/lib.py", "upper-case": "#MODULE/lib.py", "file": "list"}.items():
    modules(f"modules-list-uri-{word}", "list-uri", f"the module's list comes from {uri}", install=edit_parameters(19, put(21, uri)))
modules("modules-list-uri-of-app", "list-uri", "the app's list is the module's", install=edit_parameters(3, put(21, "#module/lib.py")))
modules("modules-list-uri-swapped", "list-uri", "the lists of two modules are swapped", SEVEN,
        install=lambda i: set_item(35, i[51])(set_item(51, i[35])(i)))
modules("modules-last-list-uri", "list-uri", "the last of eight list names is wrong", SEVEN, install=edit_parameters(115, put(21, "#module/m5")))
for word, uri in {"empty": "", "parent": "../a", "list": "#app", "http": "http://h/a"}.items():
    modules(f"modules-uri-{word}", "uri-form", f"the module's URI: {word}", install=edit_parameters(27, put(21, uri)))
modules("modules-first-defect-is-first", "list-uri", "two defects: wire order, not the order of images",
        install=edit_parameters(3, put(21, "#factory")), shared=lambda s: s, manifest=lambda m: {**m, 99: 0})
modules("modules-component-before-list-size", "module-repeated", "two defects: components stand before the sizes", named("a", "a"),
        shared=edit_parameters(11, put(14, 1)))
modules("modules-too-much-head", "envelope-too-large", "seven modules with long URIs",
        [(f"m{n}", b"x", f"m{n}/" + "u" * 240) for n in range(7)])

# ---- members ----
modules("modules-first-list-missing", "envelope-member-missing", "the app's list is missing", members=drop_item(2))
modules("modules-second-list-missing", "envelope-member-missing", "the module's list is missing", members=drop_item(3))
modules("modules-all-lists-missing", "envelope-member-missing", "no list, but a text", members=drop_item(3, 4), text={"en": {1: "x"}})
modules("modules-middle-list-missing", "envelope-member-missing", "the fourth of eight lists is missing", SEVEN, members=drop_item(5))
modules("modules-list-twice", "cbor-key-repeated", "the module's list twice", members=lambda m: [*m, m[3]])
modules("modules-list-twice-for-other", "cbor-key-repeated", "the module's list twice, another one missing", SEVEN, members=lambda m: [*m[:5], m[4], *m[6:]])
modules("modules-lists-swapped", "cbor-key-order", "the module's list before the app's", members=lambda m: [*m[:2], m[3], m[2]])
modules("modules-lists-bytewise", "cbor-key-order", "lists of equal length in the wrong order", SEVEN, members=lambda m: [*m[:4], m[5], m[4], *m[6:]])
modules("modules-lists-as-components", "cbor-key-order", "lists in the order of the components", named("bb", "a"),
        members=lambda m: [*m[:3], m[4], m[3]])
modules("modules-list-of-nobody", "envelope-member-unknown", "the list of a module that is not signed",
        members=lambda m: [*m[:3], ("#module/lib.px", m[3][1])])
modules("modules-list-under-bare-name", "envelope-member-unknown", "the module's list as '#lib.py'", members=lambda m: [*m[:3], ("#lib.py", m[3][1])])
modules("modules-list-besides", "envelope-member-unknown", "a third list", members=lambda m: [*m, ("#module/other", m[3][1])])
case("modules-list-beside-an-app", "envelope-member-unknown", "a module's list in an envelope of the app alone", image=SMALL, device="modules",
     members=lambda m: [*m, ("#module/lib.py", m[2][1])])
for word, change in {"short": lambda b: b[:-1], "long": lambda b: b + b"\0", "empty": lambda b: b""}.items():
    for index, of in ((2, "app"), (3, "module")):
        modules(f"modules-list-{word}-of-{of}", "list-size", f"the list of the {of} is {word}", image=IMAGE,
                members=lambda m, i=index, c=change: set_item(i, (m[i][0], encode(c(parse(m[i][1])[0].content))))(m))
for index, of in ((2, "app"), (3, "module")):
    modules(f"modules-list-bit-of-{of}", "list-digest", f"one bit of the {of}'s list flipped", image=IMAGE,
            members=lambda m, i=index: set_item(i, (m[i][0], m[i][1][:-1] + bytes([m[i][1][-1] ^ 1])))(m))
    modules(f"modules-list-claims-2-to-32-of-{of}", "list-size", f"the {of}'s list claims 2^32 bytes more", image=IMAGE,
            members=lambda m, i=index: set_item(i, (m[i][0], head(2, 2**32 + 110) + bytes(110)))(m))
    modules(f"modules-list-not-bytes-of-{of}", "cbor-type", f"the {of}'s list as text", members=lambda m, i=index: set_item(i, (m[i][0], b"\x60"))(m))
modules("modules-lists-of-each-other", "list-form", "the lists of app and module are swapped, equally long", image=IMAGE,
        members=lambda m: [*m[:2], (m[2][0], m[3][1]), (m[3][0], m[2][1])])
modules("modules-lists-of-each-other-same-size", "list-digest", "the lists of two modules of one size are swapped",
        [("a", LIB, "a"), ("b", LIB[::-1], "b")], members=lambda m: [*m[:3], (m[3][0], m[4][1]), (m[4][0], m[3][1])])
modules("modules-last-list-bit", "list-digest", "one bit of the last of eight lists flipped", SEVEN, envelope=lambda e: e[:-1] + bytes([e[-1] ^ 1]))
modules("modules-signed-list-form", "list-form", "a signed list of a module with other chunks",
        module_lists=lambda _: [encode([-16, 8192, len(LIB), b"".join(sector_digests(LIB))])])
modules("modules-signed-list-of-other-size", "list-form", "a signed list of a module of another size",
        module_lists=lambda _: [encode([-16, 4096, len(LIB) - 1, b"".join(sector_digests(LIB))])])
modules("modules-one-sector-other-digest", "list-digest", "a module of one sector, and its list disagrees with its digest",
        [("a", b"one", "a")], module_lists=lambda _: [encode([-16, 4096, 3, bytes(32)])])
modules("modules-bundle", "envelope-member-unknown", "the app besides, where there is a module", bundle=True)
modules("modules-bundle-of-both", "envelope-member-unknown", "app and module are the same bytes, and these besides", [("lib.py", SMALL, "sorts-behind-the-lists.bin")],
        bundle=True, uri="sorts-behind-the-lists.bin")
modules("modules-bundle-of-module", "envelope-member-unknown", "the module besides", members=lambda m: [*m, ("modules/lib.py", encode(LIB))])
alone("module-alone-bundle-bit", "sector-digest", "one bit of a module in its envelope", bundle=True,
      envelope=lambda e: e[:-1] + bytes([e[-1] ^ 1]))
alone("module-alone-bundle-short", "image-truncated", "the module in its envelope is short", bundle=True,
      members=lambda m: [*m[:3], (m[3][0], encode(LIB[:-1]))])
alone("module-alone-bundle-first", "cbor-key-order", "a URI that sorts before '#module/lib.py'", bundle=True, uri="lib.py",
      members=lambda m: [*m[:2], m[3], m[2]] if m[2][0] != "lib.py" else [*m[:2], m[3], m[2]])
modules("modules-text-between", "cbor-key-order", "a text that nobody names between the lists", text={"en": {1: "x"}}, manifest=drop_key(23),
        members=lambda m: [*m[:2], m[3], m[2], m[4]])
modules("modules-text-missing", "text-missing", "the manifest names a text, the envelope has none", text={"en": {1: "x"}}, members=drop_item(2))
modules("modules-cut", "envelope-truncated", "the last list ends early", envelope=lambda e: e[:-1])
modules("modules-cut-before-list", "envelope-truncated", "the envelope ends before the last list",
        envelope=lambda e: e[:-len(encode("#module/lib.py")) - 114])
modules("modules-trailing", "envelope-trailing", "a byte after the envelope", envelope=lambda e: e + b"\0")
modules("modules-members-less", "envelope-member-missing", "the map says one member less", envelope=lambda e: e[:2] + b"\xa3" + e[3:])
modules("modules-members-seven", "envelope-member-unknown", "the map says seven members, of two images", envelope=lambda e: e[:2] + b"\xa7" + e[3:])
modules("modules-members-12", "envelope-member-unknown", "the map says twelve members", envelope=lambda e: e[:2] + b"\xac" + e[3:])
modules("modules-members-more", "envelope-truncated", "the map says one member more", envelope=lambda e: e[:2] + b"\xa5" + e[3:])
case("members-six", "envelope-member-unknown", "an app's envelope says six members", image=SMALL, envelope=lambda e: e[:2] + b"\xa6" + e[3:])

# ---- each place of the second pair with each way to be wrong ----
manifests = []
seal(SMALL, [A], modules=LIBS, manifest_bytes=lambda data: manifests.append(data) or data)
matrix(MODULES, parse(manifests[0])[0], lambda name, status, words, data: "module" in name and modules(
    name, status, words, manifest_bytes=lambda _: data))
