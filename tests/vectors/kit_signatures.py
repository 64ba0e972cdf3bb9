# SPDX-License-Identifier: Apache-2.0
"""Signature blocks: what a signature may be, whose it is, and blocks of all kinds in any order."""

import hashlib
import hmac
import itertools

from edwards import L, P, TORSION, Secret, encode_y
from kit_cases import A, B, C, SMALL, STRANGER, add_trust, case
from sealing import EDDSA, Block, Tag, encode, head, sha256, trust_store

SEED = sha256(b"vector key a")  # as sealing.Key makes it
SECRET_A = Secret(SEED)


def signed(name, status, sentence, *keys, trust="one", **hooks):
    case(name, status, sentence, image=SMALL, keys=keys, trust=trust, **hooks)


def forged(name, status, sentence, signature=None, **block):
    signed(name, status, sentence, Block(A, signature=signature, **block))


def scalar(signature):
    return int.from_bytes(signature[32:], "little")


def with_scalar(change):
    return lambda s: s[:32] + change(scalar(s)).to_bytes(32, "little")


def own(**how):
    """The signature of key a over the message, made by edwards.py: Block's message hook keeps the message."""
    kept = []
    return {"message": lambda m: kept.append(m) or m, "signature": lambda _: SECRET_A.sign(kept[-1], **how)[0]}


# ---- S ----
for k in range(2, 15):
    forged(f"signature-s-plus-{k}-l", "signature-not-canonical", f"S + {k} L", with_scalar(lambda s, k=k: s + k * L))
for name, value in (("l", L), ("l-plus-1", L + 1), ("2-to-252-times-8", 2**255), ("ones", 2**256 - 1)):
    forged(f"signature-s-{name}", "signature-not-canonical", f"S is {name}", with_scalar(lambda _, v=value: v))
for name, value in (("zero", 0), ("one", 1), ("l-less-1", L - 1), ("2-to-252", 2**252)):
    forged(f"signature-s-{name}", "signature-invalid", f"S is {name}: in range, and another", with_scalar(lambda _, v=value: v))
forged("signature-s-negated", "signature-invalid", "L - S", with_scalar(lambda s: L - s))

# ---- R ----
SMALL_Y = sorted({y for _, y in TORSION})
for number, y in enumerate([*SMALL_Y, P, P + 1]):  # P - 1 is among the first
    for sign in (0, 1):
        forged(f"signature-r-small-{number}-{sign}", "signature-not-canonical",
               "R is of small order, or the y of such a point and p", lambda s, y=y, g=sign: encode_y(y, g) + s[32:])
for more in (2, 3, 18):
    for sign in (0, 1):
        forged(f"signature-r-p-plus-{more}-{sign}", "signature-not-canonical", f"y of R is p + {more}",
               lambda s, m=more, g=sign: encode_y(P + m, g) + s[32:])
for y in (2, 7, P - 2):
    forged(f"signature-r-off-curve-{y % 100}", "signature-invalid", "R is no point of the curve",
           lambda s, y=y: encode_y(y, 0) + s[32:])
forged("signature-r-sign", "signature-invalid", "the sign of R flipped", lambda s: s[:31] + bytes([s[31] ^ 0x80]) + s[32:])
for number in range(1, 8):
    forged(f"signature-r-mixed-{number}", "signature-invalid", f"R plus {number} times a point of order 8: cofactored only",
           **own(r_plus=TORSION[number]))
for number, y in enumerate(SMALL_Y):
    forged(f"signature-r-small-signed-{number}", "signature-not-canonical",
           "R of small order, S made for it: the cofactored equation holds",
           **own(r=encode_y(y, 0), accept=lambda h: True))
forged("signature-own-arithmetic", "ok", "an ordinary signature, made by the kit's own arithmetic", **own())
forged("signature-two-nonces", "ok", "a second valid signature of the same bytes", **own(accept=lambda h: h % 8 == 3))

# ---- a key that is not of prime order: devices take it, and then it must be cofactorless ----


class MixedKey:
    """Key a plus a point of order 8."""

    def __init__(self, number):
        self.plus = TORSION[number]
        self.public = SECRET_A.sign(b"", key_plus=self.plus)[1]
        self.id = sha256(self.public)[:8]
        self.private = self  # Block asks for .private.sign

    accept = staticmethod(lambda h: True)

    def sign(self, message):
        return SECRET_A.sign(message, key_plus=self.plus, accept=self.accept)[0]


for number in (1, 2, 4):
    order = {1: 8, 2: 4, 4: 2}[number]
    good_key, bad_key = MixedKey(number), MixedKey(number)
    good_key.accept = lambda h: h % 8 == 0
    bad_key.accept = lambda h, o=order: h % o != 0
    add_trust(f"mixed-order-{order}", trust_store([good_key]))
    signed(f"key-mixed-order-{order}-cofactorless", "ok", "a mixed-order key and a challenge that cancels it",
           Block(good_key), trust=f"mixed-order-{order}")
    signed(f"key-mixed-order-{order}-cofactored", "signature-invalid", "a mixed-order key: cofactored only",
           Block(bad_key), trust=f"mixed-order-{order}")

# ---- length ----
for size in (0, 1, 31, 32, 62, 66, 96, 128):
    signed(f"signature-of-{size}", "signature-form", f"a signature of {size} bytes",
           Block(A, signature=lambda s, n=size: (s * 2)[:n]))
    signed(f"signature-of-{size}-foreign", "ok", f"a signature of {size} bytes in another authority's block",
           Block(STRANGER, signature=lambda s, n=size: (s * 2)[:n]), A)
forged("signature-der", "signature-form", "the signature in a DER OCTET STRING", lambda s: b"\x04\x40" + s)
forged("signature-hex", "signature-form", "the signature as hex digits", lambda s: s.hex().encode())

# ---- algorithms ----
ALGORITHMS = {"es256": -7, "eddsa-448": -53, "es384": -35, "es512": -36, "ps256": -37, "rs256": -257, "hss-lms": -46,
              "ml-dsa-44": -48, "esp256": -9, "hmac-256": 5, "hmac-64": 4, "aes-gcm": 1, "sha-256": -16, "none": 0,
              "19": 19, "18": 18, "8": 8, "7": 7, "minus-20": -20, "minus-18": -18, "minus-9": -9,
              "2-to-32-less-19": 2**32 - 19, "minus-2-to-32-less-19": -(2**32) - 19, "minus-2-to-32-less-8": -(2**32) - 8,
              "2-to-63-less-1": 2**63 - 1, "minus-2-to-63": -(2**63)}
for name, number in ALGORITHMS.items():
    signed(f"alg-{name}", "signature-unknown-key", f"alg {number} over a signature that would hold", Block(A, alg=number))
    signed(f"alg-{name}-unprotected", "block-unprotected", f"alg {number} in the unprotected header as well",
           Block(A, unprotected={1: number, 4: A.id}))
for name, data in (("2-to-64-less-19", head(0, 2**64 - 19)), ("2-to-64-less-8", head(0, 2**64 - 8)), ("2-to-63", head(0, 2**63)),
                   ("minus-2-to-63-less-1", head(1, 2**63)), ("minus-2-to-64", head(1, 2**64 - 1))):
    signed(f"alg-{name}", "cbor-type", "alg outside of int64", Block(A, protected=b"\xa1\x01" + data))
signed("alg-only-unprotected", "block-protected", "alg in the unprotected header only",
       Block(A, protected=encode({}), unprotected={1: -19, 4: A.id}))
signed("alg-zero-length-protected", "block-protected", "no protected header, alg unprotected",
       Block(A, protected=b"", unprotected={1: -19}))
signed("alg-eddsa-tbs-of-other", "signature-invalid", "signed under -19, labelled -8",
       Block(A, alg=EDDSA, message=lambda m: m.replace(b"\x43\xa1\x01\x27", b"\x43\xa1\x01\x32")))
signed("alg-twice", "block-protected", "alg twice", Block(A, protected=bytes.fromhex("a201320132")))
for label, value in ((2, [4]), (2, [1]), (2, []), (3, 0), (4, A.id), (5, bytes(12)), (6, bytes(1)), (7, []), (15, {}),
                     (33, b"x"), (34, [1, b""]), (35, "https://x"), (256, 0), (395, 1), ("alg", -19), (-1, 0)):
    signed(f"protected-with-{label}-{encode(value).hex()}", "block-protected", f"label {label} besides alg",
           Block(A, protected=encode({1: -19, label: value})))
    if label != 4:
        signed(f"unprotected-with-{label}-{encode(value).hex()}", "block-unprotected", f"label {label} besides kid",
               Block(A, unprotected={4: A.id, label: value}))
        signed(f"unprotected-only-{label}-{encode(value).hex()}", "block-unprotected", f"label {label} instead of kid",
               Block(A, unprotected={label: value}))

# ---- MACs and other COSE objects ----
signed("mac-hmac-256-public-key", "signature-form", "HMAC-SHA-256 keyed with the public key where a signature should be",
       Block(A, signature=lambda s: hmac.new(A.public, b"", hashlib.sha256).digest()))
signed("mac-hmac-256-alg-5", "signature-unknown-key", "the same under alg 5, which is not ours",
       Block(A, alg=5, signature=lambda s: hmac.new(A.public, b"", hashlib.sha256).digest()))


def hmac_512(message, in_range):
    for count in range(1000):
        mac = hmac.new(A.public, message + bytes([count]), hashlib.sha512).digest()
        if (scalar(mac) < L) == in_range:
            return mac
    raise AssertionError


for status, in_range in (("signature-not-canonical", False), ("signature-invalid", True)):
    signed(f"mac-hmac-512-{'in' if in_range else 'out-of'}-range", status, "HMAC-SHA-512 keyed with the public key",
           Block(A, signature=lambda s, r=in_range: hmac_512(b"message", r)))
for tag in (16, 17, 19, 61, 96, 97, 98, 107, 2**32 + 18):
    signed(f"block-tag-{tag}", "block-form", f"tag {tag}", Block(A, tag=tag))
signed("block-cose-sign-whole", "block-form", "a whole COSE_Sign with our signature in it",
       blocks=lambda _: [encode(Tag(98, [b"", {}, None, [[encode({1: -19}), {4: A.id}, bytes(64)]]]))])
signed("block-mac0-whole", "block-form", "a whole COSE_Mac0",
       blocks=lambda _: [encode(Tag(17, [encode({1: 5}), {}, None, bytes(32)]))])
signed("block-tagged-twice", "block-form", "tag 18 in tag 18", blocks=lambda _: [encode(Tag(18, Tag(18, [])))])
signed("block-not-wrapped", "cbor-type", "a block without its byte string", A, wrapper=lambda w: [w[0], Tag(18, [b"", {}, None, b""])])
for name, payload in (("empty", b""), ("the-digest", None), ("text", "x"), ("an-integer", 0), ("an-array", [])):
    value = payload if payload is not None else encode([-16, bytes(32)])
    signed(f"payload-is-{name}", "block-payload", "a payload of the block's own", Block(A, payload=value))
signed("kid-of-32-bytes", "block-unprotected", "the whole digest of the key as kid", Block(A, kid=sha256(A.public)))
signed("kid-is-the-key", "block-unprotected", "the public key as kid", Block(A, kid=A.public))
signed("kid-in-other-order", "signature-unknown-key", "the kid's bytes backwards", Block(A, kid=A.id[::-1]))
signed("kid-of-the-wrong-end", "signature-unknown-key", "the last 8 bytes of the key's digest", Block(A, kid=sha256(A.public)[-8:]))
signed("kid-zeros", "signature-unknown-key", "eight zero bytes as kid", Block(A, kid=bytes(8)))

# ---- blocks of every kind in every order ----


def bad(block):
    block.signature = lambda s: s[:32] + bytes([s[32] ^ 1]) + s[33:]
    return block


# name: what to sign with, and the rule of docs/FORMAT.md "Signatures": a key, None (another authority's) or a status
KINDS = {
    "a": (lambda: Block(A), "a"), "b": (lambda: Block(B), "b"), "a-no-kid": (lambda: Block(A, kid=None), "a"),
    "c-eddsa": (lambda: Block(C, alg=EDDSA), "c"), "a-second": (lambda: Block(A, **own(accept=lambda h: h % 8 == 1)), "a"),
    "bad-a": (lambda: bad(Block(A)), "signature-invalid"),
    "short-a": (lambda: Block(A, signature=lambda s: s[:63]), "signature-form"),
    "s-plus-l-b": (lambda: Block(B, signature=with_scalar(lambda s: s + L)), "signature-not-canonical"),
    "a-as-b": (lambda: Block(A, kid=B.id), "signature-invalid"),
    "stranger": (lambda: Block(STRANGER), None), "stranger-no-kid": (lambda: Block(STRANGER, kid=None), "signature-invalid"),
    "es256-of-a": (lambda: Block(A, alg=-7), None), "no-kid-es256": (lambda: Block(A, alg=-7, kid=None), None),
}


def verdict(kinds, threshold):
    keys = []
    for kind in kinds:
        answer = KINDS[kind][1]
        if answer is None:
            continue
        if len(answer) > 1:
            return answer
        if answer in keys:
            return "signature-key-repeated"
        keys.append(answer)
    if not keys:
        return "signature-unknown-key"
    return "ok" if len(keys) >= threshold else "threshold-not-met"


def order_case(trust, threshold, kinds):
    signed(f"blocks-{trust}-{'-then-'.join(kinds)}", verdict(kinds, threshold), ", then ".join(kinds),
           *(KINDS[kind][0]() for kind in kinds), trust=trust)


for kind in KINDS:
    order_case("three", 1, (kind,))
for pair in itertools.product(("a", "b", "bad-a", "stranger", "stranger-no-kid", "es256-of-a"), repeat=2):
    order_case("three", 1, pair)
for pair in itertools.product(KINDS, repeat=2):
    order_case("two-of-three", 2, pair)
for triple in itertools.permutations(("a", "b", "bad-a", "stranger", "es256-of-a"), 3):
    order_case("two-of-three", 2, triple)
add_trust("three-of-three", trust_store([A, B, C], 3))
signed("threshold-three-of-three", "ok", "all three signed", A, B, C, trust="three-of-three")
signed("threshold-two-of-three-needed-three", "threshold-not-met", "two signed, three needed", A, C, trust="three-of-three")
signed("threshold-one-key-three-times", "signature-key-repeated", "one key three times", A, A, A, trust="three-of-three")
for count in (2, 7):
    signed(f"blocks-{count}-identical", "signature-key-repeated", "the same block again", *([A] * count))
