# SPDX-License-Identifier: Apache-2.0
"""Arithmetic on edwards25519, written from RFC 8032: slow, plain, for making signatures no library makes.

Points are (x, y). Scalars are not clamped and not reduced unless a function says so. Nothing here is
fit for a secret.
"""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ZERO = (0, 1)


def add(a, b):
    product = D * a[0] * b[0] * a[1] * b[1] % P
    over = pow(1 - product * product, P - 2, P)
    x = (a[0] * b[1] + a[1] * b[0]) * (1 - product) * over % P
    y = (a[1] * b[1] + a[0] * b[0]) * (1 + product) * over % P
    return x, y


def negative(a):
    return -a[0] % P, a[1]


def add_projective(a, b):
    """The same on (X : Y : Z), which needs no division."""
    z = a[2] * b[2] % P
    xx, yy, zz = a[0] * b[0] % P, a[1] * b[1] % P, z * z % P
    product = D * xx * yy % P
    x = z * (zz - product) * ((a[0] + a[1]) * (b[0] + b[1]) - xx - yy) % P
    y = z * (zz + product) * (yy + xx) % P
    return x, y, (zz - product) * (zz + product) % P


def times(n, point):
    total, power = (0, 1, 1), (*point, 1)
    while n > 0:
        if n & 1:
            total = add_projective(total, power)
        power = add_projective(power, power)
        n >>= 1
    over = pow(total[2], P - 2, P)
    return total[0] * over % P, total[1] * over % P


def x_of(y, sign):
    """The x of this y with this lowest bit, or None when the curve has none."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return None
    return x if x % 2 == sign else -x % P


BASE = (x_of(4 * pow(5, P - 2, P) % P, 0), 4 * pow(5, P - 2, P) % P)


def encode_y(y, sign):
    """32 bytes, whether or not they are canonical."""
    return (y | sign << 255).to_bytes(32, "little")


def encode_point(point):
    return encode_y(point[1], point[0] % 2)


def torsion():
    """The eight points whose order divides 8, as the multiples 0 to 7 of one of order 8."""
    y = 2
    while True:
        x = x_of(y, 0)
        if x is not None:
            small = times(L, (x, y))
            if times(4, small) != ZERO:
                return [times(i, small) for i in range(8)]
        y += 1


TORSION = torsion()


def hash_mod_l(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


class Secret:
    """The scalar and prefix of an RFC 8032 secret key."""

    def __init__(self, seed):
        half = hashlib.sha512(seed).digest()
        self.scalar = int.from_bytes(half[:32], "little") & ~7 & (1 << 254) - 1 | 1 << 254
        self.prefix = half[32:]
        self.point = times(self.scalar, BASE)

    def sign(self, message, key_plus=ZERO, r_plus=ZERO, key=None, r=None, accept=lambda h: True):
        """A signature and its key. key_plus and r_plus are added to the points, key and r replace their
        encodings; the nonce is changed until accept(h) holds for the challenge h."""
        key = encode_point(add(self.point, key_plus)) if key is None else key
        count = 0
        while True:
            nonce = hash_mod_l(self.prefix, message, bytes([count]))
            encoded = encode_point(add(times(nonce, BASE), r_plus)) if r is None else r
            challenge = hash_mod_l(encoded, key, message)
            if accept(challenge):
                s = (nonce + challenge * self.scalar) % L
                return encoded + s.to_bytes(32, "little"), key
            count += 1


def decode_point(encoded):
    """Leniently: y is reduced, and "minus zero" is zero. None: not on the curve."""
    number = int.from_bytes(encoded, "little")
    y, sign = (number & (1 << 255) - 1) % P, number >> 255
    x = x_of(y, sign)
    if x == P:
        x = 0
    return None if x is None else (x % P, y)


def equations(key, message, signature):
    """Whether the signature satisfies SB = R + hA, and 8SB = 8R + 8hA, over leniently read points."""
    a, r = decode_point(key), decode_point(signature[:32])
    if a is None or r is None:
        return False, False
    s = int.from_bytes(signature[32:], "little")
    h = hash_mod_l(signature[:32], key, message)
    difference = add(times(s, BASE), negative(add(r, times(h, a))))
    return difference == ZERO, times(8, difference) == ZERO
