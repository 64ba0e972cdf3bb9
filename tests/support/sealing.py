# SPDX-License-Identifier: Apache-2.0
"""Seals an image into an envelope, for tests: a second implementation of the format.

Written from docs/FORMAT.md and sharing nothing with the C code, so that a mistake in one of the two
shows. Every part can be bent on its way into the envelope: a hook takes the part as it should be
and returns what to use instead, and everything around it (digests, signatures, lengths) is made
to fit, so that exactly one thing is wrong.
"""

import hashlib
import uuid
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SHA_256 = -16
ED25519 = -19
EDDSA = -8
SECTOR = 4096
ENVELOPE_TAG = 107
SIGN1_TAG = 18


# ---- CBOR, with the means to write it wrong ----


@dataclass(frozen=True)
class Tag:
    number: int
    value: object


@dataclass(frozen=True)
class Raw:
    """Bytes that stand where an item should."""

    data: bytes


class Pairs(list):
    """A map as a list of pairs: any order, repeated keys."""


def head(major, value, width=None):
    """Head of an item; width 0, 1, 2, 4, 8 forces that many bytes after the first."""
    if width is None:
        width = 0 if value < 24 else next(w for w in (1, 2, 4, 8) if value < 1 << (8 * w))
    if width == 0:
        return bytes([major << 5 | value])
    info = {1: 24, 2: 25, 4: 26, 8: 27}[width]
    return bytes([major << 5 | info]) + value.to_bytes(width, "big")


def encode(item):
    """Deterministic CBOR of plain Python values; dicts are written sorted, Pairs as they are."""
    if item is None or isinstance(item, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[item]
    if isinstance(item, Raw):
        return item.data
    if isinstance(item, Tag):
        return head(6, item.number) + encode(item.value)
    if isinstance(item, int):
        return head(0, item) if item >= 0 else head(1, -1 - item)
    if isinstance(item, bytes):
        return head(2, len(item)) + item
    if isinstance(item, str):
        text = item.encode()
        return head(3, len(text)) + text
    if isinstance(item, dict):
        item = Pairs(sorted(item.items(), key=lambda pair: encode(pair[0])))
    if isinstance(item, Pairs):
        return head(5, len(item)) + b"".join(encode(k) + encode(v) for k, v in item)
    return head(4, len(item)) + b"".join(encode(i) for i in item)


def wrapped(item):
    """bstr .cbor item"""
    return encode(encode(item))


# ---- keys ----


class Key:
    """An Ed25519 key made from a name: the same one in every run."""

    def __init__(self, name):
        self.private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        self.public = self.private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        self.id = hashlib.sha256(self.public).digest()[:8]

    def pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def private_pem(self):
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


@dataclass
class Block:
    """How one key signs: what its COSE_Sign1 block looks like."""

    key: Key
    alg: int = ED25519
    kid: object = True  # True: the key's id, None: no kid, bytes: these
    protected: object = None  # encoded protected header instead of {1: alg}
    unprotected: object = None  # map instead of {4: kid}
    payload: object = None
    signature: object = None  # function of the signature
    message: object = None  # function of the bytes to be signed
    tag: object = SIGN1_TAG  # None: untagged

    def sealed(self, digest):
        protected = encode({1: self.alg}) if self.protected is None else self.protected
        unprotected = self.unprotected
        if unprotected is None:
            kid = self.key.id if self.kid is True else self.kid
            unprotected = {} if kid is None else {4: kid}
        message = encode(["Signature1", protected, b"", digest])
        if self.message:
            message = self.message(message)
        signature = self.key.private.sign(message)
        if self.signature:
            signature = self.signature(signature)
        block = [protected, unprotected, self.payload, signature]
        return encode(block if self.tag is None else Tag(self.tag, block))


def trust_store(keys, threshold=1, pins=(), anchors=(), names=None):
    """A store of the form devices hold; names: {key: [component, ...]}."""
    rows = []
    for key in keys:
        row = {1: ED25519, 2: key.public}
        if names and key in names:
            row[3] = [name.encode() for name in names[key]]
        rows.append(row)
    return encode({1: 1, 2: threshold, 3: rows, 4: list(pins), 5: list(anchors)})


# ---- envelope ----


def vendor_id(domain):
    return uuid.uuid5(uuid.NAMESPACE_DNS, domain).bytes


def class_id(domain, name):
    return uuid.uuid5(uuid.UUID(bytes=vendor_id(domain)), name).bytes


def sha256(data):
    return hashlib.sha256(data).digest()


def suit_digest(data):
    return encode([SHA_256, sha256(data)])


def sector_digests(image):
    return [sha256(image[at : at + SECTOR]) for at in range(0, len(image), SECTOR)]


def version_parts(text):
    """ "1.4.2-rc1" is [1, 4, 2, -1, 1]"""
    release, _, pre = text.partition("-")
    parts = [int(n) for n in release.split(".")]
    if pre:
        word = pre.rstrip("0123456789")
        parts.append({"rc": -1, "beta": -2, "alpha": -3}[word])
        if pre != word:
            parts.append(int(pre[len(word) :]))
    return parts


def _same(part):
    return part


def _segments(component):
    """ "app", or "module/NAME": two segments."""
    return [segment.encode() for segment in component.split("/")]


def _content(data):
    return {3: suit_digest(data), 14: len(data)}


def _fetch(list_index, list_uri, image_index, uri):
    return [12, list_index, 20, {21: list_uri}, 21, 2, 3, 15, 12, image_index, 20, {21: uri}, 21, 2, 3, 15]


def seal(
    image,
    keys,
    sequence=1,
    version="1.0.0",
    vendor="example.com",
    class_name="sensor",
    component="app",
    uri="app.bin",
    text=None,
    bundle=False,
    modules=(),
    **hooks,
):
    """Envelope of this image. keys: Key or Block each. text: {language: {1..4: str}}.
    component: "app", "factory" or "module/NAME". modules: (name, bytes, URI) of each further image.

    Hooks, in the order in which they are called: sector_list (list), list_bytes, module_lists
    (encoded lists of the modules), components, shared (list), install, validate (lists), common (dict), manifest (dict), manifest_bytes,
    digest ([alg, bytes]), blocks (list of encoded blocks), wrapper (list of encoded items),
    members (list of (key, encoded value)), envelope (bytes).
    """
    unknown = set(hooks) - set(HOOKS)
    if unknown:
        raise TypeError(f"no such hook: {unknown}")

    def bend(name, part):
        return hooks.get(name, _same)(part)

    sectors = [SHA_256, SECTOR, len(image), b"".join(sector_digests(image))]
    sector_list = bend("list_bytes", encode(bend("sector_list", sectors)))
    module_lists = bend("module_lists", [
        encode([SHA_256, SECTOR, len(data), b"".join(sector_digests(data))]) for _, data, _ in modules])
    images = [(component, image, uri, sector_list)]
    images += [(f"module/{name}", data, uri, list_) for (name, data, uri), list_ in zip(modules, module_lists)]
    components, shared, install, validate = [], [], [], []
    for index, (name, data, uri_, list_) in enumerate(images):
        components += [_segments(name), [*_segments(name), b"#"]]
        ids = {1: vendor_id(vendor), 2: class_id(vendor, class_name)} if index == 0 else {}
        shared += [12, 2 * index, 20, {**ids, **_content(data)}]
        shared += [1, 15, 2, 15] if index == 0 else []
        shared += [12, 2 * index + 1, 20, _content(list_)]
        install += _fetch(2 * index + 1, "#" + name, 2 * index, uri_)
        validate += [12, 2 * index, 3, 15]
    components = bend("components", components)
    shared = bend("shared", shared)
    install = bend("install", install)
    validate = bend("validate", validate)
    common = bend("common", {2: components, 4: encode(shared)})
    manifest = {1: 1, 2: sequence, 3: encode(common), 7: encode(validate), 20: encode(install)}
    if version is not None:
        manifest[6] = encode(version if isinstance(version, list) else version_parts(version))
    text_bytes = None if text is None else encode(text)
    if text is not None:
        manifest[23] = Raw(suit_digest(encode(text_bytes)))
    manifest = bend("manifest_bytes", encode(bend("manifest", manifest)))

    digest = encode(bend("digest", [SHA_256, sha256(encode(manifest))]))
    blocks = [(k if isinstance(k, Block) else Block(k)).sealed(digest) for k in keys]
    wrapper = bend("wrapper", [digest] + bend("blocks", blocks))
    members = [(2, wrapped(wrapper)), (3, encode(manifest))]
    if text is not None:
        members.append((23, encode(text_bytes)))
    members += [("#" + name, encode(list_)) for name, _, _, list_ in images]
    if bundle:
        members.append((uri, encode(image)))
    members = bend("members", sorted(members, key=lambda m: encode(m[0])))
    body = Pairs((key, Raw(value)) for key, value in members)
    return bend("envelope", encode(Tag(ENVELOPE_TAG, body)))


HOOKS = (
    "sector_list",
    "list_bytes",
    "module_lists",
    "components",
    "shared",
    "install",
    "validate",
    "common",
    "manifest",
    "manifest_bytes",
    "digest",
    "blocks",
    "wrapper",
    "members",
    "envelope",
)
