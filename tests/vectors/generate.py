#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the vectors of this directory, the same bytes in every run.

One file per case, named after the defect; cases.tsv says what every judge must answer. The keys
are made from names and are TEST-ONLY. Run without arguments to rewrite the kit, with --check to
compare it with what is there. The cases are in the kit_*.py files; none shares code with the C.
"""

import pathlib
import sys

sys.dont_write_bytecode = True

import kit_commands  # noqa: E402, F401
import kit_envelope  # noqa: E402, F401
import kit_manifest  # noqa: E402, F401
import kit_matrix  # noqa: E402, F401
import kit_modules  # noqa: E402, F401
import kit_signatures  # noqa: E402, F401
from kit_cases import envelopes  # noqa: E402
from kit_bundle import bundles  # noqa: E402
from kit_cbor import items  # noqa: E402
from kit_ed25519 import signatures  # noqa: E402
from kit_http import answers  # noqa: E402
from kit_images import images  # noqa: E402
from kit_state import states  # noqa: E402
from kit_tables import otadata, partitions  # noqa: E402
from kit_trust import stores  # noqa: E402
from kit_url import urls  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
KITS = (envelopes, bundles, stores, signatures, items, images, partitions, otadata, states, answers, urls)


def files():
    out = {}
    for kit in KITS:
        out.update(kit.files())
    return out


def counts():
    return ", ".join(f"{len(kit.cases)} {kit.folder}" for kit in KITS)


def main():
    want = files()
    have = {str(p.relative_to(HERE)) for kit in KITS for p in (HERE / kit.folder).glob("*")}
    extra = sorted(have - set(want) - {"cbor/rfc8949_appendix_a.json", "ed25519/rfc8032_ed25519.json"})
    if "--check" in sys.argv[1:]:
        differing = [n for n, d in want.items() if not (HERE / n).is_file() or (HERE / n).read_bytes() != d]
        if differing or extra:
            sys.exit(f"vectors differ from generate.py: {differing} extra: {extra}")
        print(f"as generated: {counts()}")
        return
    for name in extra:
        (HERE / name).unlink()
    for name, data in want.items():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        if not path.is_file() or path.read_bytes() != data:
            path.write_bytes(data)
    print(f"wrote {counts()}")


if __name__ == "__main__":
    main()
