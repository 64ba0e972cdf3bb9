#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Envelopes per second of `bulla-verify envelope DIRECTORY`, next to what its crypto library needs for
the same signatures alone, in the same run. Prints; asserts nothing but that all are accepted.

Usage: envelopes.py DIRECTORY-OF-PROGRAMS [COUNT]. Processor time of one process on one core, start
included. Key and envelopes are made for the run; the key is TEST-ONLY.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import sealing  # noqa: E402

ROUNDS = 7
SIGNED_BYTES = 55


def seal_many(count, image_size, folder):
    """COUNT envelopes with rising sequence numbers, and what verify_rate.c takes: the public key,
    then the signature and the signed bytes of each."""
    key = sealing.Key("bulla bench TEST-ONLY")
    image = bytes(image_size)
    hashing = sealing.sector_digests, sealing.suit_digest
    sectors, image_digest = hashing[0](image), hashing[1](image)
    sealing.sector_digests = lambda _: sectors  # one image for all, hashed once
    sealing.suit_digest = lambda data: image_digest if data is image else hashing[1](data)
    (folder / "envelopes").mkdir(parents=True)
    (folder / "release.pub").write_bytes(key.pem())
    record = bytearray(key.public)

    def keep(message):
        assert len(message) == SIGNED_BYTES
        record.extend(key.private.sign(message) + message)
        return message

    for sequence in range(1, count + 1):
        envelope = sealing.seal(image, [sealing.Block(key, message=keep)], sequence=sequence)
        (folder / "envelopes" / f"{sequence:06}.suit").write_bytes(envelope)
    (folder / "signed").write_bytes(record)
    sealing.sector_digests, sealing.suit_digest = hashing
    return (folder / "envelopes" / "000001.suit").stat().st_size


def processor_seconds(command, output):
    """User and system time of one run; its standard output goes to a file."""

    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    with output.open("w") as out:
        subprocess.run(command, stdout=out, check=True)
    return used() - before


def library_seconds(program, library, folder):
    out = subprocess.run([program, library, folder / "signed"], capture_output=True, check=True)
    return float(out.stdout.split()[0])


def spread(values):
    return f"{statistics.median(values):.3f} ({min(values):.3f}..{max(values):.3f})"


def measure(verify, rate, folder, count, what):
    """Three measurements in turn, so that what else the machine does meets all of them."""
    command = [verify, "envelope", folder / "envelopes", "--trust", folder / "release.pub"]
    sodium, openssl, ours = [], [], []
    for _ in range(ROUNDS):
        sodium.append(library_seconds(rate, "libsodium", folder))
        ours.append(processor_seconds(command, folder / "out"))
        assert (folder / "out").read_text().endswith(f"\n{count}: {count} accepted, 0 refused, "
                                                     "0 not judged\n")  # fmt: skip
        openssl.append(library_seconds(rate, "openssl", folder))
    per_second = {
        name: f"{count / statistics.median(values):.0f}/s"
        for name, values in (("ours", ours), ("sodium", sodium), ("openssl", openssl))
    }
    print(f"{what}: {per_second['ours']} on one core; Ed25519 alone, same signatures:"
          f" libsodium {per_second['sodium']}, OpenSSL {per_second['openssl']}")  # fmt: skip
    print(f"  envelopes per verification of libsodium {spread([s / o for s, o in zip(sodium, ours)])},"
          f" of OpenSSL {spread([s / o for s, o in zip(openssl, ours)])}")  # fmt: skip


def main(programs, count):
    with tempfile.TemporaryDirectory(prefix="bulla-bench-") as name:
        folder = Path(name)
        rate = folder / "verify_rate"
        subprocess.run(["cc", "-O2", HERE / "verify_rate.c", "-o", rate, "-lsodium", "-lcrypto"],
                       check=True)  # fmt: skip
        for image_size in (448, 1 << 20):
            kind = folder / str(image_size)
            size = seal_many(count, image_size, kind)
            what = f"verify {count} envelopes of {size} bytes (image of {image_size})"
            measure(programs / "bulla-verify", rate, kind, count, what)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 20000)
