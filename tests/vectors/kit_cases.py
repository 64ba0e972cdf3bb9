# SPDX-License-Identifier: Apache-2.0
"""What all parts of the kit share: the register of cases, the TEST-ONLY keys, ways to bend an envelope."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from edwards import L, P  # noqa: E402
from sealing import Key, Pairs, Raw, class_id, encode, head, seal, trust_store, vendor_id  # noqa: E402


class Kit:
    """A folder of cases: one file each, and cases.tsv. Without an ending all is in the table."""

    def __init__(self, folder, ending, *columns):
        self.folder, self.ending, self.columns = folder, ending, columns
        self.cases = {}  # name: (bytes, cells)
        self.others = {}  # further files of the folder

    def add(self, name, data, *cells):
        assert name not in self.cases, f"{self.folder}/{name} twice"
        assert len(cells) == len(self.columns), name
        line = "\t".join(cells)
        assert line.isascii() and "\n" not in line and line.count("\t") == len(cells) - 1, name
        self.cases[name] = (data, cells)

    def files(self):
        out = {}
        if self.ending:
            out = {f"{self.folder}/{name}{self.ending}": data for name, (data, _) in self.cases.items()}
        rows = ["\t".join(("file", *self.columns))]
        rows += ["\t".join((name, *cells)) for name, (_, cells) in self.cases.items()]
        out[f"{self.folder}/cases.tsv"] = ("\n".join(rows) + "\n").encode()
        return {**out, **{f"{self.folder}/{name}": data for name, data in self.others.items()}}


envelopes = Kit("envelope", ".suit", "trust", "device", "status", "sentence")

A, B, C, STRANGER = Key("vector key a"), Key("vector key b"), Key("vector key c"), Key("stranger")
IMAGE = bytes(range(256)) * 40  # 10,240 bytes: two whole sectors and a half
SMALL = b"tiny raw image"


def add_trust(name, data):
    envelopes.others[f"{name}.trust"] = data


add_trust("one", trust_store([A]))
add_trust("two-of-three", trust_store([A, B, C], 2))
add_trust("three", trust_store([A, B, C], 1))
add_trust("b-only-factory", trust_store([A, B], 1, names={A: ["app"], B: ["factory"]}))
add_trust("app-keys", trust_store([A, B], 2, names={A: ["app"], B: ["factory", "app"]}))
add_trust("stranger", trust_store([STRANGER]))
envelopes.others["sensor.ids"] = vendor_id("example.com") + class_id("example.com", "sensor")


def case(name, status, sentence, data=None, trust="one", device="-", image=IMAGE, keys=(A,), **hooks):
    data = seal(image, list(keys), **hooks) if data is None else data
    assert f"{trust}.trust" in envelopes.others
    envelopes.add(name, data, trust, device, status, sentence)


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
