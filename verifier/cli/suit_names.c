/* SPDX-License-Identifier: Apache-2.0 */
/* Tables only. */

#include "suit_names.h"

static const struct suit_name envelope_names[] = {
    {1, "delegation", SHAPE_ANY, true, false},
    {2, "authentication-wrapper", SHAPE_WRAPPER, true, true},
    {3, "manifest", SHAPE_MANIFEST, true, true},
    {14, "coswid", SHAPE_ANY, true, false},
    {15, "dependency-resolution", SHAPE_SEQUENCE, true, false},
    {16, "payload-fetch", SHAPE_SEQUENCE, true, false},
    {18, "candidate-verification", SHAPE_SEQUENCE, true, false},
    {20, "install", SHAPE_SEQUENCE, true, false},
    {23, "text", SHAPE_TEXT, true, true},
};

static const struct suit_name header_names[] = {
    {1, "alg", SHAPE_ALGORITHM, false, true},     {2, "crit", SHAPE_ANY, false, false},
    {3, "content-type", SHAPE_ANY, false, false}, {4, "kid", SHAPE_ANY, false, true},
    {5, "iv", SHAPE_ANY, false, false},           {33, "x5chain", SHAPE_ANY, false, false},
};

static const struct suit_name algorithm_names[] = {
    {-8, "EdDSA", SHAPE_ANY, false, true},
    {-19, "Ed25519", SHAPE_ANY, false, true},
    {-7, "ES256", SHAPE_ANY, false, false},
    {-9, "ESP256", SHAPE_ANY, false, false},
    {-16, "SHA-256", SHAPE_ANY, false, true},
    {-18, "SHAKE128", SHAPE_ANY, false, false},
    {-43, "SHA-384", SHAPE_ANY, false, false},
    {-44, "SHA-512", SHAPE_ANY, false, false},
    {-45, "SHAKE256", SHAPE_ANY, false, false},
    {-46, "HSS-LMS", SHAPE_ANY, false, false},
    {5, "HMAC-256", SHAPE_ANY, false, false},
    {-35, "ES384", SHAPE_ANY, false, false},
    {-29, "ECDH-ES+A128KW", SHAPE_ANY, false, false},
};

static const struct suit_name manifest_names[] = {
    {1, "manifest-version", SHAPE_ANY, false, true},
    {2, "manifest-sequence-number", SHAPE_ANY, false, true},
    {3, "common", SHAPE_COMMON, true, true},
    {4, "reference-uri", SHAPE_ANY, false, false},
    {5, "manifest-component-id", SHAPE_ANY, false, false},
    {6, "set-version", SHAPE_VERSION, true, true},
    {7, "validate", SHAPE_SEQUENCE, true, true},
    {8, "load", SHAPE_SEQUENCE, true, false},
    {9, "invoke", SHAPE_SEQUENCE, true, false},
    {14, "coswid", SHAPE_ANY, true, false},
    {15, "dependency-resolution", SHAPE_SEQUENCE, true, false},
    {16, "payload-fetch", SHAPE_SEQUENCE, true, false},
    {18, "candidate-verification", SHAPE_SEQUENCE, true, false},
    {20, "install", SHAPE_SEQUENCE, true, true},
    {23, "text", SHAPE_TEXT, true, true},
    {24, "uninstall", SHAPE_SEQUENCE, true, false},
};

static const struct suit_name common_names[] = {
    {1, "dependencies", SHAPE_ANY, false, false},
    {2, "components", SHAPE_COMPONENTS, false, true},
    {4, "shared-sequence", SHAPE_SEQUENCE, true, true},
};

static const struct suit_name command_names[] = {
    {1, "condition-vendor-identifier", SHAPE_POLICY, false, true},
    {2, "condition-class-identifier", SHAPE_POLICY, false, true},
    {3, "condition-image-match", SHAPE_POLICY, false, true},
    {4, "condition-use-before", SHAPE_POLICY, false, false},
    {5, "condition-component-slot", SHAPE_POLICY, false, false},
    {6, "condition-check-content", SHAPE_POLICY, false, false},
    {7, "condition-dependency-integrity", SHAPE_POLICY, false, false},
    {8, "condition-is-dependency", SHAPE_POLICY, false, false},
    {11, "directive-process-dependency", SHAPE_POLICY, false, false},
    {12, "directive-set-component-index", SHAPE_ANY, false, true},
    {14, "condition-abort", SHAPE_POLICY, false, false},
    {15, "directive-try-each", SHAPE_TRY_EACH, false, false},
    {18, "directive-write", SHAPE_POLICY, false, false},
    {19, "directive-set-parameters", SHAPE_PARAMETERS, false, false},
    {20, "directive-override-parameters", SHAPE_PARAMETERS, false, true},
    {21, "directive-fetch", SHAPE_POLICY, false, true},
    {22, "directive-copy", SHAPE_POLICY, false, false},
    {23, "directive-invoke", SHAPE_POLICY, false, false},
    {24, "condition-device-identifier", SHAPE_POLICY, false, false},
    {25, "condition-image-not-match", SHAPE_POLICY, false, false},
    {26, "condition-minimum-battery", SHAPE_POLICY, false, false},
    {27, "condition-update-authorized", SHAPE_POLICY, false, false},
    {28, "condition-version", SHAPE_POLICY, false, false},
    {29, "directive-wait", SHAPE_POLICY, false, false},
    {31, "directive-swap", SHAPE_POLICY, false, false},
    {32, "directive-run-sequence", SHAPE_SEQUENCE, true, false},
    {33, "directive-unlink", SHAPE_POLICY, false, false},
    {34, "directive-override-multiple", SHAPE_MULTIPLE, false, false},
    {35, "directive-copy-params", SHAPE_ANY, false, false},
};

static const struct suit_name parameter_names[] = {
    {1, "vendor-identifier", SHAPE_UUID, false, true},
    {2, "class-identifier", SHAPE_UUID, false, true},
    {3, "image-digest", SHAPE_DIGEST, true, true},
    {4, "use-before", SHAPE_ANY, false, false},
    {5, "component-slot", SHAPE_ANY, false, false},
    {12, "strict-order", SHAPE_ANY, false, false},
    {13, "soft-failure", SHAPE_ANY, false, false},
    {14, "image-size", SHAPE_ANY, false, true},
    {18, "content", SHAPE_ANY, false, false},
    {19, "encryption-info", SHAPE_ANY, true, false},
    {21, "uri", SHAPE_ANY, false, true},
    {22, "source-component", SHAPE_ANY, false, false},
    {23, "invoke-args", SHAPE_ANY, false, false},
    {24, "device-identifier", SHAPE_UUID, false, false},
    {25, "fetch-arguments", SHAPE_ANY, false, false},
    {26, "minimum-battery", SHAPE_ANY, false, false},
    {27, "update-priority", SHAPE_ANY, false, false},
    {28, "version", SHAPE_ANY, true, false},
    {29, "wait-info", SHAPE_ANY, true, false},
    {30, "component-metadata", SHAPE_ANY, true, false},
};

static const struct suit_name text_names[] = {
    {1, "manifest-description", SHAPE_ANY, false, true},
    {2, "update-description", SHAPE_ANY, false, true},
    {3, "json-source", SHAPE_ANY, false, true},
    {4, "yaml-source", SHAPE_ANY, false, true},
};

#define TABLE(names) names, sizeof names / sizeof names[0]

static const struct {
    enum suit_shape shape;
    const struct suit_name *names;
    size_t count;
} tables[] = {
    {SHAPE_ENVELOPE, TABLE(envelope_names)},    {SHAPE_HEADERS, TABLE(header_names)},
    {SHAPE_ALGORITHM, TABLE(algorithm_names)},  {SHAPE_MANIFEST, TABLE(manifest_names)},
    {SHAPE_COMMON, TABLE(common_names)},        {SHAPE_SEQUENCE, TABLE(command_names)},
    {SHAPE_PARAMETERS, TABLE(parameter_names)}, {SHAPE_TEXT_LANGUAGE, TABLE(text_names)},
};

const struct suit_name *suit_name_of(enum suit_shape shape, int64_t number)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        if (tables[t].shape != shape)
            continue;
        for (size_t i = 0; i < tables[t].count; i++)
            if (tables[t].names[i].number == number)
                return &tables[t].names[i];
    }
    return NULL;
}
