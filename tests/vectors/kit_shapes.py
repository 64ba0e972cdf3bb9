# SPDX-License-Identifier: Apache-2.0
"""The shape of everything in an envelope and in a trust store, with the answer to each deviation.

Written from docs/FORMAT.md: a code is chosen because its sentence says what is wrong at that place. A code of
the place's own wins over cbor-type where its sentence leaves no room for another type ("the manifest version is
not 1", "is not [X, X '#']", "differs from the profile's template").
"""

from trees import ARRAY, BYTES, MAP, NEGATIVE, SIMPLE, TAG, TEXT, UINT, Place

INT = (UINT, NEGATIVE)


def key(name, wrong="cbor-type", value=None):
    return Place(f"{name}-key", INT, wrong, value, key=True)


def text_key(name, wrong, value=None):
    return Place(f"{name}-key", (TEXT,), wrong, value, key=True)


def within(name, *inside, wrong="cbor-type"):
    """A byte string with one item in it."""
    return Place(name, (BYTES,), wrong, inside=inside)


def exact(name, code):
    """An integer that must have one value."""
    return Place(name, INT, code, code)


def digest(name):
    return within(name, *bare_digest(name))


def bare_digest(name):
    return [Place(f"{name}-array", (ARRAY,), "digest-form", count="digest-form", inside=[
        exact(f"{name}-alg", "digest-algorithm"), Place(f"{name}-bytes", (BYTES,), value="digest-form")])]


# ---- manifest ----


def command(name):
    return exact(name, "command-unexpected")


def policy(name):
    return Place(f"{name}-policy", (UINT,), value="reporting-policy")


def parameters(name, *pairs):
    return Place(name, (MAP,), count="parameter-unexpected", inside=[x for pair in pairs for x in pair])


def parameter(name, value):
    return key(name, "parameter-unexpected", "parameter-unexpected"), value


def condition(name):
    return [command(name), policy(name)]


def index(name):
    return [command(name), command(f"{name}-number")]


def uri_group(name, uri):
    return [*index(f"install-{name}-index"), command(f"install-{name}-override"),
            parameters(f"install-{name}-parameters", parameter(f"install-{name}-uri", uri)),
            *condition(f"install-{name}-fetch"), *condition(f"install-{name}-match")]


SIZE = {"kind": (UINT,), "value": "image-size-form"}
SHARED = Place("shared-items", (ARRAY,), "command-unexpected", count="command-unexpected", inside=[
    *index("shared-image-index"), command("shared-image-override"),
    parameters("shared-image-parameters",
               parameter("vendor", Place("vendor", (BYTES,), value="parameter-form")),
               parameter("class", Place("class", (BYTES,), value="parameter-form")),
               parameter("image-digest", digest("image-digest")),
               parameter("image-size", Place("image-size", **SIZE))),
    *condition("shared-vendor"), *condition("shared-class"),
    *index("shared-list-index"), command("shared-list-override"),
    parameters("shared-list-parameters",
               parameter("list-digest", digest("list-digest")),
               parameter("list-size", Place("list-size", (UINT,), value="image-size-form")))])
COMPONENTS = Place("components", (ARRAY,), "components-form", count="components-form", inside=[
    Place("component-image", (ARRAY,), "components-form", count="components-form",
          inside=[Place("component-image-name", (BYTES,), value="component-unknown")]),
    Place("component-list", (ARRAY,), "components-form", count="components-form",
          inside=[Place("component-list-name", (BYTES,), value="components-form"),
                  Place("component-list-mark", (BYTES,), value="components-form")])])
COMMON = Place("common-map", (MAP,), count="fields", inside=[
    key("components"), COMPONENTS, key("shared"), within("shared", SHARED)])
VALIDATE = Place("validate-items", (ARRAY,), "command-unexpected", count="command-unexpected",
                 inside=[*index("validate-index"), *condition("validate-match")])
INSTALL = Place("install-items", (ARRAY,), "command-unexpected", count="command-unexpected", inside=[
    *uri_group("list", Place("install-list-uri", (TEXT,), value="list-uri")),
    *uri_group("image", Place("install-image-uri", (TEXT,)))])
VERSION = Place("set-version-items", (ARRAY,), inside=[Place(f"set-version-{i}", INT) for i in range(3)])
MANIFEST = Place("manifest-map", (MAP,), count="fields", inside=[
    key("version"), exact("version", "manifest-version"),
    key("sequence"), Place("sequence", (UINT,), "sequence-form"),
    key("common"), within("common", COMMON),
    key("set-version"), within("set-version", VERSION),
    key("validate"), within("validate", VALIDATE),
    key("install"), within("install", INSTALL),
    key("text-digest"), *bare_digest("text-digest")])

# ---- manifest of an app and a module: places of the second pair have "module" in their names ----

MODULE_COMPONENTS = Place("modules-components", (ARRAY,), "components-form", count="components-form", inside=[
    *COMPONENTS.inside,
    Place("module-component", (ARRAY,), "components-form", count="components-form", inside=[
        Place("module-word", (BYTES,), value="components-form"), Place("module-name", (BYTES,), value="module-name")]),
    Place("module-list-component", (ARRAY,), "components-form", count="components-form", inside=[
        Place("module-list-word", (BYTES,), value="components-form"), Place("module-list-name", (BYTES,), value="components-form"),
        Place("module-list-mark", (BYTES,), value="components-form")])])
MODULE_SHARED = Place("modules-shared-items", (ARRAY,), "command-unexpected", count="command-unexpected", inside=[
    *SHARED.inside,
    *index("module-image-index"), command("module-image-override"),
    parameters("module-image-parameters", parameter("module-image-digest", digest("module-image-digest")),
               parameter("module-image-size", Place("module-image-size", **SIZE))),
    *index("module-list-index"), command("module-list-override"),
    parameters("module-list-parameters", parameter("module-list-digest", digest("module-list-digest")),
               parameter("module-list-size", Place("module-list-size", **SIZE)))])
MODULE_VALIDATE = Place("modules-validate-items", (ARRAY,), "command-unexpected", count="command-unexpected", inside=[
    *VALIDATE.inside, *index("module-validate-index"), *condition("module-validate-match")])
MODULE_INSTALL = Place("modules-install-items", (ARRAY,), "command-unexpected", count="command-unexpected", inside=[
    *INSTALL.inside, *uri_group("module-list", Place("module-list-uri", (TEXT,), value="list-uri")),
    *uri_group("module-image", Place("module-uri", (TEXT,)))])
MODULES = Place("manifest-map", (MAP,), count="fields", inside=[
    key("version"), exact("version", "manifest-version"), key("sequence"), Place("sequence", (UINT,), "sequence-form"),
    key("common"), within("common", Place("common-map", (MAP,), count="fields", inside=[
        key("components"), MODULE_COMPONENTS, key("shared"), within("shared", MODULE_SHARED)])),
    key("set-version"), within("set-version", VERSION), key("validate"), within("validate", MODULE_VALIDATE),
    key("install"), within("install", MODULE_INSTALL)])

# ---- envelope ----

BLOCK = Place("block-tag", (TAG,), "block-form", "block-form", inside=[
    Place("block-array", (ARRAY,), "block-form", count="block-form", inside=[
        within("protected", Place("protected-map", (MAP,), count="block-protected", inside=[
            key("alg", "block-protected", "block-protected"), Place("alg", INT)])),
        Place("unprotected", (MAP,), count="block-unprotected", inside=[
            key("kid", "block-unprotected", "block-unprotected"),
            Place("kid", (BYTES,), value="block-unprotected")]),
        Place("payload", (SIMPLE,), "block-payload"),
        Place("signature", (BYTES,), value="signature-form")])])
WRAPPER = Place("wrapper-array", (ARRAY,), count="block-count", inside=[
    digest("manifest-digest"), within("block", BLOCK)])
ENVELOPE = Place("envelope-tag", (TAG,), "envelope-not-suit", "envelope-not-suit", inside=[
    Place("envelope-map", (MAP,), count="members", inside=[
        key("wrapper", "envelope-member-missing", "envelope-member-missing"), within("wrapper", WRAPPER),
        key("manifest", "envelope-member-missing", "envelope-member-missing"), Place("manifest", (BYTES,)),
        key("text", "envelope-member-unknown", "envelope-member-unknown"), Place("text", (BYTES,)),
        text_key("list", "envelope-member-unknown", "envelope-member-unknown"), Place("list", (BYTES,)),
        text_key("bundle", "envelope-member-unknown", "envelope-member-unknown"), Place("bundle", (BYTES,))])])
TEXTS = Place("text-map", (MAP,), count="text-form", inside=[
    text_key("text-language", "cbor-type"),
    Place("text-language", (MAP,), count="text-form", inside=[
        Place("text-1-key", (UINT,), key=True), Place("text-1", (TEXT,)),
        Place("text-2-key", (UINT,), key=True), Place("text-2", (TEXT,))])])

# ---- trust store ----

TRUST_KEY = Place("key", (MAP,), count="trust-form", inside=[
    key("key-alg", "trust-form", "trust-form"), exact("key-alg", "trust-form"),
    key("key-bytes", "trust-form", "trust-form"), Place("key-bytes", (BYTES,), value="trust-form"),
    key("key-names", "trust-form", "trust-form"),
    Place("key-names", (ARRAY,), count="trust-names", inside=[Place("key-name", (BYTES,))])])
TRUST = Place("map", (MAP,), count="trust-form", inside=[
    key("version", "trust-form", "trust-form"), exact("version", "trust-version"),
    key("threshold", "trust-form", "trust-form"), Place("threshold", (UINT,), value="trust-threshold"),
    key("keys", "trust-form", "trust-form"), Place("keys", (ARRAY,), count="trust-key-count", inside=[TRUST_KEY]),
    key("pins", "trust-form", "trust-form"),
    Place("pins", (ARRAY,), count="trust-pin", inside=[Place("pin", (BYTES,), value="trust-pin")]),
    key("anchors", "trust-form", "trust-form"),
    Place("anchors", (ARRAY,), count="trust-anchor",
          inside=[Place("anchor", (BYTES,), value="trust-anchor")])])
