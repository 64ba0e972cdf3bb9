# SPDX-License-Identifier: Apache-2.0
"""Signatures that Ed25519 libraries disagree about, made by edwards.py, with the answer of docs/FORMAT.md.

The first twelve have the shapes of the published set that libraries are compared by; the grid puts every
kind of key beside every kind of R.
"""

from edwards import (
    BASE, D, L, P, TORSION, ZERO, Secret, add, encode_point, encode_y, equations, hash_mod_l, negative, times, x_of,
)
from kit_cases import Kit

signatures = Kit("ed25519", None, "key", "message", "signature", "status", "sentence")
SMALL = {encode_y(y, sign) for _, y in TORSION for sign in (0, 1)}


def acceptable(point):
    """Canonical and not of small order; also "minus zero" is not canonical."""
    return int.from_bytes(point, "little") % 2**255 < P and point not in SMALL


def status_of(key, message, signature):
    if not acceptable(key):
        return "trust-key-invalid"
    if not acceptable(signature[:32]) or int.from_bytes(signature[32:], "little") >= L:
        return "signature-not-canonical"
    return "ok" if equations(key, message, signature)[0] else "signature-invalid"


def test(name, sentence, key, message, signature, status):
    assert status_of(key, message, signature) == status, (name, status_of(key, message, signature))
    signatures.add(name, None, key.hex(), message.hex() or "-", signature.hex(), status, sentence)


SECRET = Secret(bytes(range(32)))
KEY = encode_point(SECRET.point)


def solve(key_point, r_part, r_scalar, wanted, key=None, r=None):
    """A message for which the torsion of R + hA is zero (wanted) or not, and the signature. key_point and r_part
    are torsion; the rest of A is the secret's point (none if key is small)."""
    small_key = key == "small"
    a = key_point if small_key else add(SECRET.point, key_point)
    encoded_key = encode_point(a) if key in (None, "small") else key
    point = add(times(r_scalar, BASE), r_part)
    encoded_r = encode_point(point) if r is None else r
    for count in range(10000):
        message = b"edge case %d" % count
        h = hash_mod_l(encoded_r, encoded_key, message)
        rest = add(r_part, times(h % 8, key_point))
        s = r_scalar if small_key else (r_scalar + h * SECRET.scalar) % L
        if (rest == ZERO) == wanted:
            return encoded_key, message, encoded_r + s.to_bytes(32, "little")
    raise AssertionError("no message")


R = hash_mod_l(b"nonce of the edge cases")
T = TORSION


def twelve():
    yield "small-key-small-r-s-0", "key and R of small order, S = 0", solve(T[1], T[1], 0, True, key="small"), "trust-key-invalid"
    yield "small-key-mixed-r", "a key of small order, R of mixed order", solve(T[1], T[3], R, True, key="small"), "trust-key-invalid"
    yield "mixed-key-small-r", "a key of mixed order, R of small order", solve(T[1], T[3], 0, True), "signature-not-canonical"
    yield "mixed-key-mixed-r", "both of mixed order, cofactorless", solve(T[1], T[3], R, True), "ok"
    yield "mixed-key-mixed-r-cofactored", "both of mixed order, cofactored only", solve(T[1], T[3], R, False), "signature-invalid"
    yield "mixed-key-cofactored", "a key of mixed order, cofactored only", solve(T[1], ZERO, R, False), "signature-invalid"
    key, message, good = solve(ZERO, ZERO, R, True)
    s = int.from_bytes(good[32:], "little")
    yield "s-plus-l", "S + L", (key, message, good[:32] + (s + L).to_bytes(32, "little")), "signature-not-canonical"
    yield "s-plus-14-l", "S + 14 L", (key, message, good[:32] + (s + 14 * L).to_bytes(32, "little")), "signature-not-canonical"
    minus_zero = encode_y(1, 1)
    yield ("r-not-canonical", "R is minus zero, hashed as it stands",
           solve(T[1], ZERO, 0, True, r=minus_zero), "signature-not-canonical")
    key, message, reduced = solve(T[1], ZERO, 0, True)
    yield ("r-not-canonical-hashed-reduced", "R is minus zero, hashed as zero",
           (key, message, minus_zero + reduced[32:]), "signature-not-canonical")
    not_canonical = encode_y(P + 1, 0)  # the identity, as p + 1
    yield ("key-not-canonical", "the key is the identity, written p + 1",
           (not_canonical, b"x", encode_point(times(R, BASE)) + R.to_bytes(32, "little")), "trust-key-invalid")
    yield ("key-minus-zero", "the key is minus zero",
           (minus_zero, b"x", encode_point(times(R, BASE)) + R.to_bytes(32, "little")), "trust-key-invalid")


for number, (name, sentence, (key, message, signature), status) in enumerate(twelve()):
    if name not in ("s-plus-l", "s-plus-14-l", "r-not-canonical-hashed-reduced"):
        assert equations(key, message, signature)[1], name  # a cofactored verifier takes it
    test(f"edge-{number:02}-{name}", sentence, key, message, signature, status)

# ---- ordinary signatures ----
for size in (0, 1, 2, 63, 64, 111, 112, 127, 128, 200):
    text = bytes(i * 7 % 256 for i in range(size))
    signature, key = SECRET.sign(text)
    test(f"good-{size}", f"an ordinary signature of {size} bytes", key, text, signature, "ok")
    test(f"good-{size}-other-message", "for another message", key, text + b"\0", signature, "signature-invalid")
TEXT = b"one message"
SIGNATURE = SECRET.sign(TEXT)[0]
for bit in range(0, 512, 19):
    data = bytearray(SIGNATURE)
    data[bit // 8] ^= 1 << bit % 8
    test(f"signature-bit-{bit}", "one bit of the signature", KEY, TEXT, bytes(data), status_of(KEY, TEXT, bytes(data)))
for bit in range(0, 256, 17):
    data = bytearray(KEY)
    data[bit // 8] ^= 1 << bit % 8
    test(f"key-bit-{bit}", "one bit of the key", bytes(data), TEXT, SIGNATURE, status_of(bytes(data), TEXT, SIGNATURE))
S = int.from_bytes(SIGNATURE[32:], "little")
for k in range(1, 15):
    test(f"s-plus-{k:02}-l", f"S + {k} L", KEY, TEXT, SIGNATURE[:32] + (S + k * L).to_bytes(32, "little"), "signature-not-canonical")
for name, value, status in (("0", 0, "signature-invalid"), ("1", 1, "signature-invalid"), ("l-less-1", L - 1, "signature-invalid"),
                            ("l", L, "signature-not-canonical"), ("l-plus-1", L + 1, "signature-not-canonical"),
                            ("2-to-252", 2**252, "signature-invalid"), ("2-to-253", 2**253, "signature-not-canonical"),
                            ("ones", 2**256 - 1, "signature-not-canonical"), ("minus", L - S, "signature-invalid")):
    test(f"s-is-{name}", f"S is {name}", KEY, TEXT, SIGNATURE[:32] + value.to_bytes(32, "little"), status)

# ---- R and keys that are not canonical, of small order, or no points ----
YS = {y: "small order" for _, y in T} | {P + k: "not canonical" for k in range(19)}
for y, what in YS.items():
    for sign in (0, 1):
        point = encode_y(y, sign)
        word = f"{'p-plus-' + str(y - P) if y >= P else 'y-' + format(y, 'x')[:12]}-sign-{sign}"
        test(f"key-{word}", f"key: {what}", point, TEXT, SIGNATURE, "trust-key-invalid")
        test(f"r-{word}", f"R: {what}", KEY, TEXT, point + SIGNATURE[32:], "signature-not-canonical")
for y in (2, 7, 8, P - 2, P - 7, 2**254 + 3):
    what = "no point" if x_of(y % P, 0) is None else "a point"
    for sign in (0, 1):
        test(f"key-y-{format(y, 'x')[-6:]}-{sign}", f"key: canonical, {what}", encode_y(y, sign), TEXT, SIGNATURE, "signature-invalid")
        test(f"r-y-{format(y, 'x')[-6:]}-{sign}", f"R: canonical, {what}", KEY, TEXT, encode_y(y, sign) + SIGNATURE[32:], "signature-invalid")

# ---- the grid: torsion of the key and of R, zero together or not ----
for i in range(8):
    for j in range(8):
        for wanted in (True, False):
            reachable = any((j + h * i) % 8 == 0 for h in range(8)) if wanted else any((j + h * i) % 8 for h in range(8))
            if not reachable:
                continue
            for small_r in (False, True):
                key, message, signature = solve(T[i], T[j], 0 if small_r else R, wanted)
                status = "signature-not-canonical" if small_r else "ok" if wanted else "signature-invalid"
                holds = equations(key, message, signature)
                assert holds == (wanted, True)
                test(f"grid-key-{i}-r-{j}-{'small-' if small_r else ''}{'zero' if wanted else 'rest'}",
                     f"key + {i} T, R {'=' if small_r else '+'} {j} T; torsion {'cancels' if wanted else 'stays'}",
                     key, message, signature, status)
    if i:
        key, message, signature = solve(T[i], negative(T[i]), R, True, key="small")
        test(f"grid-small-key-{i}", "a key of small order", key, message, signature, "trust-key-invalid")
assert (BASE[0] ** 2 * (D * BASE[1] ** 2 + 1) - BASE[1] ** 2 + 1) % P == 0
