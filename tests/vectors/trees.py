# SPDX-License-Identifier: Apache-2.0
"""CBOR as a tree that can be bent at one place and written again, everything around it made to fit."""

import copy

from sealing import encode, head

UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)


class Item:
    """One data item. A byte string may hold another item; written lengths follow what is inside."""

    def __init__(self, major, argument=0, content=b"", children=()):
        self.major = major
        self.argument = argument  # of integers, tags and simple values
        self.content = content  # of strings
        self.children = list(children)  # of arrays, maps (keys and values in turn), tags, and inside byte strings
        self.raw = None  # bytes to write instead
        self.head = None  # bytes to write instead of the head
        self.behind = b""  # bytes in the byte string, behind the item inside

    def inside(self):
        if self.major in (BYTES, TEXT) and not self.children:
            return self.content
        return b"".join(child.encode() for child in self.children) + self.behind

    def count(self):
        """The argument of the head."""
        if self.major in (BYTES, TEXT):
            return len(self.inside())
        if self.major == ARRAY:
            return len(self.children)
        return len(self.children) // 2 if self.major == MAP else self.argument

    def encode(self):
        if self.raw is not None:
            return self.raw
        inside = self.inside()
        return (head(self.major, self.count()) if self.head is None else self.head) + inside


def parse(data, at=0):
    """The item at this offset, and the offset behind it. Of deterministic CBOR without floats."""
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    argument = info
    if info > 23:
        width = 1 << (info - 24)
        argument, at = int.from_bytes(data[at : at + width], "big"), at + width
    if major in (BYTES, TEXT):
        return Item(major, content=data[at : at + argument]), at + argument
    children = []
    for _ in range({ARRAY: argument, MAP: 2 * argument, TAG: 1}.get(major, 0)):
        child, at = parse(data, at)
        children.append(child)
    return Item(major, argument, children=children), at


class Place:
    """What the format has at one place, and the answer to what does not belong there.

    kind: the major types that fit. wrong: status of another type. value: status of another value of the
    right type (None: every value fits, or a case of its own says). count: status of another number of items.
    """

    def __init__(self, name, kind, wrong="cbor-type", value=None, count=None, inside=(), key=False):
        self.name, self.kind, self.wrong, self.value, self.count = name, kind, wrong, value, count
        self.inside, self.key = list(inside), key


def walk(place, item, path=()):
    """Every place with its item and its path of child numbers; byte strings are opened on the way."""
    if place.inside and BYTES in place.kind and item.major == BYTES and not item.children:
        item.children = [parse(item.content)[0]]
    yield place, item, path
    assert not place.inside or len(place.inside) == len(item.children), place.name
    for number, below in enumerate(place.inside):
        yield from walk(below, item.children[number], (*path, number))


def item_at(tree, path):
    for number in path:
        tree = tree.children[number]
    return tree


def bent(tree, path, edit):
    """A copy of the tree in which edit(item) was done to the item at this path, as bytes."""
    tree = copy.deepcopy(tree)
    edit(item_at(tree, path))
    return tree.encode()


# ---- one way to be wrong each: name, words, edit(item) ----


def replace(data):
    def edit(item):
        item.raw = data
    return edit


def rehead(data):
    def edit(item):
        item.head = data
    return edit


OTHER_TYPES = {
    UINT: ("an-integer", encode(11)),
    NEGATIVE: ("a-negative-integer", encode(-12)),
    BYTES: ("bytes", encode(b"x")),
    TEXT: ("text", encode("x")),
    ARRAY: ("an-array", encode([])),
    MAP: ("a-map", encode({})),
    TAG: ("tagged", head(6, 1) + encode(11)),
}
OTHER_SIMPLE = {"a-bool": encode(True), "null": encode(None), "a-float": bytes.fromhex("f93e00")}


def wrong_types(place):
    """Every type that does not fit: (name, edit, status)."""
    for major, (word, data) in OTHER_TYPES.items():
        if major not in place.kind:
            yield f"is-{word}", replace(data), place.wrong
    if SIMPLE not in place.kind:
        for word, data in OTHER_SIMPLE.items():
            yield f"is-{word}", replace(data), place.wrong


def wide_heads(item):
    """The head in its next longer form and in the longest."""
    if item.major == SIMPLE:
        return
    value = item.count()
    wider = [w for w in (1, 2, 4, 8) if w >= len(head(item.major, value))]
    for width in dict.fromkeys((wider[0], wider[-1])):
        yield f"head-of-{width + 1}-bytes", rehead(head(item.major, value, width)), "cbor-not-shortest"


def unknown_heads(item, info):
    """Reserved additional information (28 to 30), and 31 where it means an indefinite length."""
    first = item.major << 5
    yield f"head-reserved-{info}", rehead(bytes([first | info])), "cbor-reserved"
    if item.major in (BYTES, TEXT, ARRAY, MAP):
        data = bytes([first | 31]) + (item.inside() if item.major in (ARRAY, MAP) else item.encode()) + b"\xff"
        yield "indefinite", replace(data), "cbor-indefinite"


def huge_heads(item, status):
    """Lengths at the edges of 32 and 64 bits, where a narrowed one would fit again."""
    if item.major not in (BYTES, TEXT, ARRAY, MAP):
        return
    count = item.count()
    for name, value in (("2-to-31", 2**31 - 1), ("2-to-32-less-1", 2**32 - 1), ("2-to-32-more", 2**32 + count),
                        ("2-to-63", 2**63), ("2-to-64-less-1", 2**64 - 1)):
        yield f"length-{name}", rehead(head(item.major, value)), status


def two_to_64_away(item):
    """The integer of the other sign that is the same in 64 bits; outside of int64, so of no type the format has."""
    return head(1 - item.major, 2**64 - 1 - item.argument, 8)


def narrowed(item, status):
    """The right number and 2^32, and its neighbours."""
    value = item.argument
    for name, other in (("2-to-32-more", 2**32 + value), ("one-more", value + 1)):
        yield name, replace(head(item.major, other)), status
    if item.major in (UINT, NEGATIVE):
        yield "other-sign", replace(head(1 - item.major, value)), status
        yield "2-to-64-away", replace(two_to_64_away(item)), "cbor-type"
