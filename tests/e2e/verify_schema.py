# SPDX-License-Identifier: Apache-2.0
"""Holds what bulla-verify prints with --json against docs/bulla-verify.schema.json: with Debian's
python3-jsonschema, because the promise is that any validator of draft 2020-12 can."""

import json
from pathlib import Path

import jsonschema

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs/bulla-verify.schema.json").read_text()
)
KINDS = [each["$ref"].rpartition("/")[2] for each in SCHEMA["anyOf"]]

_WHOLE = jsonschema.Draft202012Validator(SCHEMA)
_KIND = {kind: _WHOLE.evolve(schema={**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{kind}"}]}) for kind in KINDS}  # fmt: skip


def kinds_of(document):
    """The kinds of object that this one is."""
    return [kind for kind in KINDS if _KIND[kind].is_valid(document)]


def check(document):
    """AssertionError, with every complaint about the likeliest kind, when it is none of them."""
    if _WHOLE.is_valid(document):
        return
    found = min((list(_KIND[kind].iter_errors(document))[0].context for kind in KINDS), key=len)
    raise AssertionError(
        "\n".join(f"{list(e.absolute_path)}: {e.message[:300]}" for e in found) + f"\n{document}"
    )
