# SPDX-License-Identifier: Apache-2.0
"""Commands, parameters, components and lists that the SUIT drafts allow and the profile does not."""

from kit_cases import SMALL, case, drop_item, insert, set_item
from sealing import Raw, sector_digests, sha256, suit_digest

# draft-ietf-suit-manifest, -trust-domains, -update-management, -firmware-encryption: every number, and some of nobody
COMMANDS = {
    0: "unused", 1: "vendor-identifier", 2: "class-identifier", 3: "image-match", 4: "use-before", 5: "component-slot",
    6: "check-content", 7: "dependency-integrity", 8: "is-dependency", 11: "process-dependency",
    12: "set-component-index", 13: "set-dependency-index", 14: "abort", 15: "try-each", 18: "write", 20: "override",
    21: "fetch", 22: "copy", 23: "invoke", 24: "device-identifier", 25: "image-not-match", 26: "minimum-battery",
    27: "update-authorized", 28: "version", 29: "wait", 30: "fetch-uri-list", 31: "swap", 32: "run-sequence",
    33: "unlink", -1: "custom", -256: "custom-last",
}
TEMPLATE = {
    "shared": {0: 12, 2: 20, 4: 1, 6: 2, 8: 12, 10: 20},
    "validate": {0: 12, 2: 3},
    "install": {0: 12, 2: 20, 4: 21, 6: 3, 8: 12, 10: 20, 12: 21, 14: 3},
}
for sequence, places in TEMPLATE.items():
    for at, right in places.items():
        for number, word in COMMANDS.items():
            if number != right:
                case(f"command-{sequence}-{at}-{word}", "command-unexpected", f"{sequence}: item {at} is {number} ({word})",
                     image=SMALL, **{sequence: set_item(at, number)})
    length = {"shared": 12, "validate": 4, "install": 16}[sequence]
    for at in range(0, length + 1, 2):
        for words, extra in (("image-match", (3, 15)), ("index", (12, 0)), ("abort", (14, 0)), ("try-each", (15, [b""])),
                             ("override-size", (20, {14: 1}))):
            case(f"command-{sequence}-{words}-inserted-at-{at}", "command-unexpected", f"{sequence}: {words} before item {at}",
                 image=SMALL, **{sequence: insert(at, *extra)})
        if at < length:
            case(f"command-{sequence}-pair-{at}-missing", "command-unexpected", f"{sequence}: items {at} and {at + 1} are missing",
                 image=SMALL, **{sequence: drop_item(at, at + 1)})
            case(f"command-{sequence}-item-{at}-missing", "command-unexpected", f"{sequence}: item {at} is missing",
                 image=SMALL, **{sequence: drop_item(at)})

# ---- component indices: another one, every one, a list of them ----
for sequence, places in {"shared": (1, 9), "validate": (1,), "install": (1, 9)}.items():
    for at in places:
        right = {("shared", 1): 0, ("shared", 9): 1, ("validate", 1): 0, ("install", 1): 1, ("install", 9): 0}[sequence, at]
        for word, value in (("other", 1 - right), ("2", 2), ("255", 255), ("true", True), ("false", False), ("list", [right]),
                            ("both", [0, 1]), ("2-to-32-more", 2**32 + right), ("negative", -1)):
            case(f"index-{sequence}-{at}-{word}", "command-unexpected", f"{sequence}: component index {word}", image=SMALL,
                 **{sequence: set_item(at, value)})

# ---- parameters: every other number in each place, and besides ----
PARAMETERS = {1: "vendor-id", 2: "class-id", 3: "image-digest", 4: "use-before", 5: "component-slot", 12: "strict-order",
              13: "soft-failure", 14: "image-size", 18: "content", 19: "encryption-info", 21: "uri",
              22: "source-component", 23: "invoke-args", 24: "device-id", 25: "fetch-args", 26: "minimum-battery",
              27: "update-priority", 28: "version", 29: "wait-info", 30: "uri-list", -1: "custom", -256: "custom-last"}
MAPS = {("shared", 3): (1, 2, 3, 14), ("shared", 11): (3, 14), ("install", 3): (21,), ("install", 11): (21,)}


def edited(sequence, at, edit):
    return {sequence: lambda items: [edit(i) if n == at else i for n, i in enumerate(items)]}


for (sequence, at), rights in MAPS.items():
    for number, word in PARAMETERS.items():
        if number in rights:
            continue
        case(f"parameter-{sequence}-{at}-{word}-besides", "parameter-unexpected", f"parameter {number} ({word}) besides",
             image=SMALL, **edited(sequence, at, lambda p, n=number: {**p, n: 0}))
        for right in rights:
            case(f"parameter-{sequence}-{at}-{word}-for-{right}", "parameter-unexpected",
                 f"parameter {number} ({word}) in place of {right}", image=SMALL,
                 **edited(sequence, at, lambda p, n=number, r=right: {n if k == r else k: v for k, v in p.items()}))

# ---- parameters overridden behind their condition ----
for word, again in (("vendor", {1: bytes(16)}), ("class", {2: bytes(16)}), ("digest", {3: suit_digest(b"x")}), ("size", {14: 1}),
                    ("uri", {21: "x"}), ("nothing", {})):
    for sequence, at in (("shared", 8), ("shared", 12), ("validate", 2), ("validate", 4), ("install", 8), ("install", 14),
                         ("install", 16)):
        case(f"override-again-{word}-{sequence}-{at}", "command-unexpected", f"{word} overridden in {sequence}, behind its use",
             image=SMALL, **{sequence: insert(at, 20, again)})

# ---- components ----
for word, name in {"bootloader": "bootloader", "partition-table": "partition_table", "partitions": "partitions",
                   "otadata": "otadata", "ota-0": "ota_0", "ota-1": "ota_1", "nvs": "nvs", "phy": "phy_init", "keys": "keys",
                   "trust": "trust", "trust-store": "bulla", "state": "state", "hash": "#", "module": "module",
                   "flash": "flash", "empty": "", "prefix": "ap", "longer": "apps", "upper-case": "APP", "nul": "app\0",
                   "blank": "app ", "factory-prefix": "factor", "path": "app/app", "dots": "../app", "dot": ".",
                   "mark-first": "#app", "long": "a" * 40}.items():
    data = name.encode()
    case(f"component-is-{word}", "component-unknown", f"component {word}", image=SMALL,
         components=lambda _, d=data: [[d], [d, b"#"]])
for word, components in {
        "twice-image": [[b"app"], [b"app"]], "twice-list": [[b"app", b"#"], [b"app", b"#"]],
        "swapped": [[b"app", b"#"], [b"app"]], "none": [], "empty-first": [[], [b"app", b"#"]],
        "empty-second": [[b"app"], []], "list-of-factory": [[b"app"], [b"factory", b"#"]], "mark-empty": [[b"app"], [b"app", b""]],
        "mark-twice": [[b"app"], [b"app", b"##"]], "mark-and-more": [[b"app"], [b"app", b"#", b"#"]],
        "mark-first": [[b"app"], [b"#", b"app"]], "four": [[b"app"], [b"app", b"#"], [b"factory"], [b"factory", b"#"]],
        "factory-second": [[b"app"], [b"factory"]], "deeper": [[b"app", b"0"], [b"app", b"#"]]}.items():
    case(f"components-{word}", "components-form", f"components: {word}", image=SMALL, components=lambda _, c=components: c)

# ---- sizes: every length of head, and lists that belong to another size ----
for size in (1, 2, 23, 24, 255, 256, 4095, 4097, 8192, 28672, 28673, 32768, 65535, 65536, 131072, 131073):
    case(f"good-size-{size}", "ok", f"an image of {size} bytes", image=bytes([size % 251]) * size)
THREE = b"\1" * 4096 + b"\2" * 4096 + b"\3" * 2048
DIGESTS = sector_digests(THREE)
for word, digests in {"two-for-three": DIGESTS[:2], "four-for-three": [*DIGESTS, DIGESTS[0]], "none": []}.items():
    case(f"list-{word}", "list-size", f"a signed list with {len(digests)} digests for three sectors",
         sector_list=set_item(3, b"".join(digests)), image=THREE)
for word, digests in {"swapped": [DIGESTS[1], DIGESTS[0], DIGESTS[2]], "first-for-all": [DIGESTS[0]] * 3,
                      "last-padded": [*DIGESTS[:2], sha256(THREE[8192:].ljust(4096, b"\0"))],
                      "last-filled": [*DIGESTS[:2], sha256(THREE[8192:].ljust(4096, b"\xff"))]}.items():
    case(f"list-{word}-bundle", "sector-digest", "a signed list of other sectors than the image's",
         sector_list=set_item(3, b"".join(digests)), image=THREE, bundle=True)
for chunk in (1, 2048, 4095, 4097, 8192, 65535):
    status = "list-form" if chunk >= 256 else "list-size"
    case(f"list-of-chunks-{chunk}", status, f"sectors of {chunk} bytes", sector_list=set_item(1, chunk))
for size in (10239, 10241, 8193, 12288, 10240 + 2**16, 10240 + 2**32):
    status = "list-form" if size < 2**16 else "list-size"
    case(f"list-for-size-{size}", status, f"the list counts {size} bytes", sector_list=set_item(2, size))
for word, items in {"three": lambda i: i[:3], "five": lambda i: [*i, 0]}.items():
    case(f"list-of-{word}-items", "list-size", "a list of another length", sector_list=items)
for size in (1, 10239, 10241, 12288, 12289, 2**32 - 1):
    same = (size + 4095) // 4096 == 3
    case(f"image-size-{size}-signed", "list-form" if same else "list-size", f"image size {size} for a list of 10240 bytes",
         shared=lambda s, n=size: [{**i, 14: n} if isinstance(i, dict) and 1 in i else i for i in s])

# ---- depth ----
for word, opening in {"arrays": b"\x81", "maps": b"\xa1\x00", "tags": b"\xc1"}.items():
    nested = Raw(opening * 64 + b"\x00")
    for where, status, hooks in (
            ("manifest", "manifest-field-unknown" if word == "maps" else "cbor-type", {"manifest": lambda _, n=nested: n}),
            ("components", "components-form", {"components": lambda _, n=nested: n}),
            ("shared", "command-unexpected", {"shared": lambda _, n=nested: n}),
            ("install", "command-unexpected", {"install": lambda _, n=nested: n}),
            ("uri", "cbor-type", edited("install", 11, lambda _, n=nested: {21: n})),
            ("image-digest", "cbor-type", edited("shared", 3, lambda p, n=nested: {**p, 3: n}))):
        case(f"depth-64-{word}-{where}", status, f"64 nested {word} as {where}", image=SMALL, **hooks)
