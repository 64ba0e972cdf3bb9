# SPDX-License-Identifier: Apache-2.0
"""Trust stores."""

from kit_cases import A, Kit, P, wide
from sealing import Key, encode, sha256

stores = Kit("trust", ".cbor", "status", "sentence")


def store(name, status, sentence, data):
    stores.add(name, data, status, sentence)


KEY = {1: -19, 2: A.public}


def raw_store(version=1, threshold=1, keys=None, pins=(), anchors=(), more=None):
    rows = {1: version, 2: threshold, 3: [KEY] if keys is None else keys, 4: list(pins), 5: list(anchors)}
    return encode({**rows, **(more or {})})


DER = b"\x30\x03\x02\x01\x00"
store("good", "ok", "one key", raw_store())
store("good-full", "ok", "sixteen keys, four pins, four anchors",
      raw_store(threshold=16, keys=[{1: -19, 2: Key(f"k{i}").public} for i in range(16)],
                pins=[sha256(bytes([i])) for i in range(4)], anchors=[DER] * 4))
store("good-names", "ok", "a key for named components", raw_store(keys=[{**KEY, 3: [b"app", b"factory"]}]))
store("empty", "cbor-truncated", "an empty store", b"")
store("not-map", "cbor-type", "an array", encode([1]))
store("version-2", "trust-version", "version 2", raw_store(version=2))
store("member-6", "trust-form", "a sixth member", raw_store(more={6: b""}))
store("member-missing", "trust-form", "no anchors member", encode({1: 1, 2: 1, 3: [KEY], 4: []}))
store("trailing", "cbor-trailing", "a byte after the store", raw_store() + b"\0")
store("truncated", "cbor-truncated", "cut in the last byte", raw_store()[:-1])
store("not-shortest", "cbor-not-shortest", "version 1 in two bytes", raw_store(version=wide(0, 1, 1)))
store("threshold-0", "trust-threshold", "threshold 0", raw_store(threshold=0))
store("threshold-2-of-1", "trust-threshold", "threshold above the number of keys", raw_store(threshold=2))
store("threshold-2-to-32-plus-1", "trust-threshold", "threshold 2^32+1", raw_store(threshold=2**32 + 1))
store("no-keys", "trust-key-count", "no key", raw_store(keys=[]))
store("seventeen-keys", "trust-key-count", "seventeen keys", raw_store(keys=[{1: -19, 2: Key(f"k{i}").public} for i in range(17)]))
store("key-twice", "trust-key-repeated", "a key twice", raw_store(threshold=2, keys=[KEY, KEY]))
store("key-31", "trust-form", "a key of 31 bytes", raw_store(keys=[{1: -19, 2: A.public[:31]}]))
store("key-alg-8", "trust-form", "algorithm -8", raw_store(keys=[{1: -8, 2: A.public}]))
store("key-identity", "trust-key-invalid", "the identity", raw_store(keys=[{1: -19, 2: b"\1" + bytes(31)}]))
store("key-zero", "trust-key-invalid", "y = 0, a point of order 4", raw_store(keys=[{1: -19, 2: bytes(32)}]))
store("key-order-2", "trust-key-invalid", "y = -1, a point of order 2", raw_store(keys=[{1: -19, 2: (P - 1).to_bytes(32, "little")}]))
store("key-order-8", "trust-key-invalid", "a point of order 8", raw_store(keys=[{1: -19, 2: bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")}]))
store("key-order-8-sign", "trust-key-invalid", "the same with the other sign", raw_store(keys=[{1: -19, 2: bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")}]))
store("key-not-canonical", "trust-key-invalid", "y = p + 3", raw_store(keys=[{1: -19, 2: (P + 3).to_bytes(32, "little")}]))
store("names-empty", "trust-names", "an empty list of names", raw_store(keys=[{**KEY, 3: []}]))
store("names-nine", "trust-names", "nine names", raw_store(keys=[{**KEY, 3: [bytes([65 + i]) for i in range(9)]}]))
store("names-repeated", "trust-names", "a name twice", raw_store(keys=[{**KEY, 3: [b"app", b"app"]}]))
store("names-33", "trust-names", "a name of 33 bytes", raw_store(keys=[{**KEY, 3: [b"a" * 33]}]))
store("names-empty-name", "trust-names", "an empty name", raw_store(keys=[{**KEY, 3: [b""]}]))
store("pin-31", "trust-pin", "a pin of 31 bytes", raw_store(pins=[bytes(31)]))
store("pin-twice", "trust-pin", "a pin twice", raw_store(pins=[bytes(32), bytes(32)]))
store("pins-five", "trust-pin", "five pins", raw_store(pins=[sha256(bytes([i])) for i in range(5)]))
store("anchor-not-sequence", "trust-anchor", "an anchor that is no SEQUENCE", raw_store(anchors=[b"\x31\x03\x02\x01\x00"]))
store("anchor-trailing", "trust-anchor", "a byte after the certificate", raw_store(anchors=[DER + b"\0"]))
store("anchor-long-length", "trust-anchor", "a DER length that is not shortest", raw_store(anchors=[b"\x30\x81\x03\x02\x01\x00"]))
store("anchor-2049", "trust-anchor", "an anchor of 2049 bytes", raw_store(anchors=[b"\x30\x82" + (2045).to_bytes(2, "big") + bytes(2045)]))
store("anchors-five", "trust-anchor", "five anchors", raw_store(anchors=[DER] * 5))
