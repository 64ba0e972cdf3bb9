/* SPDX-License-Identifier: Apache-2.0 */
/* Status code to name and sentence, for whoever talks to people. A switch without default: the
 * compiler finds the forgotten code. */

#include "bulla/status.h"

const char *bulla_status_name(enum bulla_status status)
{
    switch (status) {
    case BULLA_OK:
        return "ok";
    case BULLA_E_CBOR_TRUNCATED:
        return "cbor-truncated";
    case BULLA_E_CBOR_NOT_SHORTEST:
        return "cbor-not-shortest";
    case BULLA_E_CBOR_INDEFINITE:
        return "cbor-indefinite";
    case BULLA_E_CBOR_RESERVED:
        return "cbor-reserved";
    case BULLA_E_CBOR_TYPE:
        return "cbor-type";
    case BULLA_E_CBOR_KEY_ORDER:
        return "cbor-key-order";
    case BULLA_E_CBOR_KEY_REPEATED:
        return "cbor-key-repeated";
    case BULLA_E_CBOR_TRAILING:
        return "cbor-trailing";
    case BULLA_E_CBOR_DEPTH:
        return "cbor-depth";
    case BULLA_E_CBOR_UTF8:
        return "cbor-utf8";
    case BULLA_E_ENVELOPE_TRUNCATED:
        return "envelope-truncated";
    case BULLA_E_ENVELOPE_NOT_SUIT:
        return "envelope-not-suit";
    case BULLA_E_ENVELOPE_MEMBER_MISSING:
        return "envelope-member-missing";
    case BULLA_E_ENVELOPE_MEMBER_UNKNOWN:
        return "envelope-member-unknown";
    case BULLA_E_ENVELOPE_TOO_LARGE:
        return "envelope-too-large";
    case BULLA_E_ENVELOPE_TRAILING:
        return "envelope-trailing";
    case BULLA_E_DIGEST_FORM:
        return "digest-form";
    case BULLA_E_DIGEST_ALGORITHM:
        return "digest-algorithm";
    case BULLA_E_BLOCK_COUNT:
        return "block-count";
    case BULLA_E_BLOCK_FORM:
        return "block-form";
    case BULLA_E_BLOCK_PROTECTED:
        return "block-protected";
    case BULLA_E_BLOCK_UNPROTECTED:
        return "block-unprotected";
    case BULLA_E_BLOCK_PAYLOAD:
        return "block-payload";
    case BULLA_E_SIGNATURE_FORM:
        return "signature-form";
    case BULLA_E_SIGNATURE_NOT_CANONICAL:
        return "signature-not-canonical";
    case BULLA_E_SIGNATURE_INVALID:
        return "signature-invalid";
    case BULLA_E_SIGNATURE_UNKNOWN_KEY:
        return "signature-unknown-key";
    case BULLA_E_SIGNATURE_KEY_REPEATED:
        return "signature-key-repeated";
    case BULLA_E_THRESHOLD_NOT_MET:
        return "threshold-not-met";
    case BULLA_E_MANIFEST_DIGEST:
        return "manifest-digest";
    case BULLA_E_MANIFEST_VERSION:
        return "manifest-version";
    case BULLA_E_MANIFEST_FIELD_MISSING:
        return "manifest-field-missing";
    case BULLA_E_MANIFEST_FIELD_UNKNOWN:
        return "manifest-field-unknown";
    case BULLA_E_SEQUENCE_FORM:
        return "sequence-form";
    case BULLA_E_COMPONENTS_FORM:
        return "components-form";
    case BULLA_E_COMPONENT_UNKNOWN:
        return "component-unknown";
    case BULLA_E_COMMAND_UNEXPECTED:
        return "command-unexpected";
    case BULLA_E_PARAMETER_UNEXPECTED:
        return "parameter-unexpected";
    case BULLA_E_PARAMETER_FORM:
        return "parameter-form";
    case BULLA_E_REPORTING_POLICY:
        return "reporting-policy";
    case BULLA_E_IMAGE_SIZE_FORM:
        return "image-size-form";
    case BULLA_E_LIST_SIZE:
        return "list-size";
    case BULLA_E_LIST_URI:
        return "list-uri";
    case BULLA_E_URI_FORM:
        return "uri-form";
    case BULLA_E_VERSION_FORM:
        return "version-form";
    case BULLA_E_TEXT_MISSING:
        return "text-missing";
    case BULLA_E_TEXT_UNSIGNED:
        return "text-unsigned";
    case BULLA_E_TEXT_TOO_LARGE:
        return "text-too-large";
    case BULLA_E_TEXT_DIGEST:
        return "text-digest";
    case BULLA_E_TEXT_FORM:
        return "text-form";
    case BULLA_E_MODULE_NAME:
        return "module-name";
    case BULLA_E_MODULE_REPEATED:
        return "module-repeated";
    case BULLA_E_SEQUENCE_TOO_OLD:
        return "sequence-too-old";
    case BULLA_E_SEQUENCE_CONFLICT:
        return "sequence-conflict";
    case BULLA_E_VENDOR_MISMATCH:
        return "vendor-mismatch";
    case BULLA_E_CLASS_MISMATCH:
        return "class-mismatch";
    case BULLA_E_COMPONENT_MISMATCH:
        return "component-mismatch";
    case BULLA_E_KEY_NOT_FOR_COMPONENT:
        return "key-not-for-component";
    case BULLA_E_SLOT_TOO_SMALL:
        return "slot-too-small";
    case BULLA_E_IMAGE_FORMAT:
        return "image-format";
    case BULLA_E_CHIP_MISMATCH:
        return "chip-mismatch";
    case BULLA_E_CHIP_REVISION:
        return "chip-revision";
    case BULLA_E_SECURE_VERSION_TOO_OLD:
        return "secure-version-too-old";
    case BULLA_E_MODULES_NOT_TAKEN:
        return "modules-not-taken";
    case BULLA_E_LIST_FORM:
        return "list-form";
    case BULLA_E_LIST_DIGEST:
        return "list-digest";
    case BULLA_E_SECTOR_DIGEST:
        return "sector-digest";
    case BULLA_E_IMAGE_DIGEST:
        return "image-digest";
    case BULLA_E_IMAGE_TRUNCATED:
        return "image-truncated";
    case BULLA_E_IMAGE_TRAILING:
        return "image-trailing";
    case BULLA_E_WORKSPACE_TOO_SMALL:
        return "workspace-too-small";
    case BULLA_E_GROUP_NEEDED:
        return "group-needed";
    case BULLA_E_TRUST_FORM:
        return "trust-form";
    case BULLA_E_TRUST_VERSION:
        return "trust-version";
    case BULLA_E_TRUST_THRESHOLD:
        return "trust-threshold";
    case BULLA_E_TRUST_KEY_COUNT:
        return "trust-key-count";
    case BULLA_E_TRUST_KEY_INVALID:
        return "trust-key-invalid";
    case BULLA_E_TRUST_KEY_REPEATED:
        return "trust-key-repeated";
    case BULLA_E_TRUST_NAMES:
        return "trust-names";
    case BULLA_E_TRUST_PIN:
        return "trust-pin";
    case BULLA_E_TRUST_ANCHOR:
        return "trust-anchor";
    case BULLA_E_TRUST_TEST_KEY:
        return "trust-test-key";
    case BULLA_E_IMAGE_MAGIC:
        return "image-magic";
    case BULLA_E_IMAGE_NOT_AN_APP:
        return "image-not-an-app";
    case BULLA_E_IMAGE_NO_DESCRIPTOR:
        return "image-no-descriptor";
    case BULLA_E_IMAGE_VERSION_TEXT:
        return "image-version-text";
    case BULLA_E_IMAGE_CHIP_UNKNOWN:
        return "image-chip-unknown";
    case BULLA_E_IMAGE_REVISIONS:
        return "image-revisions";
    case BULLA_E_IMAGE_SECURE_VERSION:
        return "image-secure-version";
    case BULLA_E_IMAGE_SEGMENT_COUNT:
        return "image-segment-count";
    case BULLA_E_IMAGE_SEGMENT_LENGTH:
        return "image-segment-length";
    case BULLA_E_IMAGE_SEGMENT_ADDRESS:
        return "image-segment-address";
    case BULLA_E_IMAGE_SEGMENT_OVERLAP:
        return "image-segment-overlap";
    case BULLA_E_IMAGE_SEGMENT_ALIGNMENT:
        return "image-segment-alignment";
    case BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER:
        return "image-loads-over-bootloader";
    case BULLA_E_IMAGE_ENTRY:
        return "image-entry";
    case BULLA_E_IMAGE_CHECKSUM:
        return "image-checksum";
    case BULLA_E_IMAGE_NO_SHA256:
        return "image-no-sha256";
    case BULLA_E_IMAGE_SHA256:
        return "image-sha256";
    case BULLA_E_IMAGE_TAIL:
        return "image-tail";
    case BULLA_E_IMAGE_CUT:
        return "image-cut";
    case BULLA_E_IMAGE_TOO_LARGE:
        return "image-too-large";
    case BULLA_E_PARTITION_MAGIC:
        return "partition-magic";
    case BULLA_E_PARTITION_MD5:
        return "partition-md5";
    case BULLA_E_PARTITION_END:
        return "partition-end";
    case BULLA_E_PARTITION_BOUNDS:
        return "partition-bounds";
    case BULLA_E_PARTITION_OVERLAP:
        return "partition-overlap";
    case BULLA_E_PARTITION_ALIGNMENT:
        return "partition-alignment";
    case BULLA_E_PARTITION_DUPLICATE:
        return "partition-duplicate";
    case BULLA_E_PARTITION_OTADATA:
        return "partition-otadata";
    case BULLA_E_PARTITION_SLOTS:
        return "partition-slots";
    case BULLA_E_PARTITION_NO_STATE:
        return "partition-no-state";
    case BULLA_E_PARTITION_LABEL:
        return "partition-label";
    case BULLA_E_OTADATA_FULL:
        return "otadata-full";
    case BULLA_E_PARTITION_CHANGED:
        return "partition-changed";
    case BULLA_E_STATE_EMPTY:
        return "state-empty";
    case BULLA_E_STATE_DAMAGED:
        return "state-damaged";
    case BULLA_E_STATE_FULL:
        return "state-full";
    case BULLA_E_TRIAL_PENDING:
        return "trial-pending";
    case BULLA_E_TRIAL_FAILED_BEFORE:
        return "trial-failed-before";
    case BULLA_E_TRIAL_NOT_CONFIRMED:
        return "trial-not-confirmed";
    case BULLA_E_CRASH_LOOP:
        return "crash-loop";
    case BULLA_E_UNHEALTHY:
        return "unhealthy";
    case BULLA_E_NO_TRIAL:
        return "no-trial";
    case BULLA_E_NO_FALLBACK:
        return "no-fallback";
    case BULLA_E_NO_SLOT:
        return "no-slot";
    case BULLA_E_NOTHING_BOOTABLE:
        return "nothing-bootable";
    case BULLA_E_SLOT_UNKNOWN:
        return "slot-unknown";
    case BULLA_E_SLOT_NOT_SEALED:
        return "slot-not-sealed";
    case BULLA_E_FLASH_READBACK:
        return "flash-readback";
    case BULLA_E_IMAGE_NOT_EXPECTED:
        return "image-not-expected";
    case BULLA_E_IMAGE_MD5:
        return "image-md5";
    case BULLA_E_MODULES_FULL:
        return "modules-full";
    case BULLA_E_MODULE_UNKNOWN:
        return "module-unknown";
    case BULLA_E_MODULE_IN_USE:
        return "module-in-use";
    case BULLA_E_MODULE_MISSING:
        return "module-missing";
    case BULLA_E_MODULE_DIGEST:
        return "module-digest";
    case BULLA_E_TLS_NO_TRUST:
        return "tls-no-trust";
    case BULLA_E_TLS_PIN:
        return "tls-pin";
    case BULLA_E_TLS_CHAIN:
        return "tls-chain";
    case BULLA_E_TLS_HOST_NAME:
        return "tls-host-name";
    case BULLA_E_TLS_EXPIRED:
        return "tls-expired";
    case BULLA_E_HTTP_LENGTH:
        return "http-length";
    case BULLA_E_HTTP_REDIRECT:
        return "http-redirect";
    case BULLA_E_NOT_JUDGED:
        return "not-judged";
    case BULLA_E_FLASH_READ:
        return "flash-read";
    case BULLA_E_FLASH_PROGRAM:
        return "flash-program";
    case BULLA_E_FLASH_ERASE:
        return "flash-erase";
    case BULLA_E_CRYPTO:
        return "crypto";
    case BULLA_E_URL:
        return "url";
    case BULLA_E_NET_RESOLVE:
        return "net-resolve";
    case BULLA_E_NET_CONNECT:
        return "net-connect";
    case BULLA_E_NET_CLOSED:
        return "net-closed";
    case BULLA_E_NET_STALLED:
        return "net-stalled";
    case BULLA_E_NET_DEADLINE:
        return "net-deadline";
    case BULLA_E_TLS_PROTOCOL:
        return "tls-protocol";
    case BULLA_E_TLS_CLIENT_CERTIFICATE:
        return "tls-client-certificate";
    case BULLA_E_TLS_RECORD_TOO_LARGE:
        return "tls-record-too-large";
    case BULLA_E_HTTP_MALFORMED:
        return "http-malformed";
    case BULLA_E_HTTP_HEADER_TOO_LARGE:
        return "http-header-too-large";
    case BULLA_E_HTTP_STATUS:
        return "http-status";
    case BULLA_E_HTTP_CODING:
        return "http-coding";
    case BULLA_E_HTTP_RANGE:
        return "http-range";
    case BULLA_E_COAP_MALFORMED:
        return "coap-malformed";
    case BULLA_E_IO:
        return "io";
    case BULLA_E_USAGE:
        return "usage";
    case BULLA_STATUS_COUNT:
        break;
    }
    return "unknown";
}

const char *bulla_status_sentence(enum bulla_status status)
{
    switch (status) {
    case BULLA_OK:
        return "accepted";
    case BULLA_E_CBOR_TRUNCATED:
        return "an item runs past the end of its container";
    case BULLA_E_CBOR_NOT_SHORTEST:
        return "an integer, length, tag or float is not in its shortest form";
    case BULLA_E_CBOR_INDEFINITE:
        return "an indefinite length is used";
    case BULLA_E_CBOR_RESERVED:
        return "a reserved head or simple value is used";
    case BULLA_E_CBOR_TYPE:
        return "an item has another type than the format demands here";
    case BULLA_E_CBOR_KEY_ORDER:
        return "map keys are not in deterministic order";
    case BULLA_E_CBOR_KEY_REPEATED:
        return "a map key appears twice";
    case BULLA_E_CBOR_TRAILING:
        return "bytes follow the item that should end here";
    case BULLA_E_CBOR_DEPTH:
        return "items are nested too deeply";
    case BULLA_E_CBOR_UTF8:
        return "a text string is not UTF-8";
    case BULLA_E_ENVELOPE_TRUNCATED:
        return "the envelope ends too early";
    case BULLA_E_ENVELOPE_NOT_SUIT:
        return "this is not a SUIT envelope (tag 107)";
    case BULLA_E_ENVELOPE_MEMBER_MISSING:
        return "a mandatory envelope member is missing";
    case BULLA_E_ENVELOPE_MEMBER_UNKNOWN:
        return "the envelope has a member that the profile does not allow here";
    case BULLA_E_ENVELOPE_TOO_LARGE:
        return "wrapper and manifest together are larger than 2048 bytes";
    case BULLA_E_ENVELOPE_TRAILING:
        return "bytes follow the end of the envelope";
    case BULLA_E_DIGEST_FORM:
        return "a SUIT digest is not [-16, 32 bytes]";
    case BULLA_E_DIGEST_ALGORITHM:
        return "a digest uses another algorithm than SHA-256 (-16)";
    case BULLA_E_BLOCK_COUNT:
        return "the wrapper does not hold 1 to 8 signature blocks";
    case BULLA_E_BLOCK_FORM:
        return "a signature block is not COSE_Sign1 (tag 18) of the profile's shape";
    case BULLA_E_BLOCK_PROTECTED:
        return "a protected header is not exactly {1: alg}";
    case BULLA_E_BLOCK_UNPROTECTED:
        return "an unprotected header is neither empty nor {4: 8-byte key id}";
    case BULLA_E_BLOCK_PAYLOAD:
        return "a signature block carries a payload of its own";
    case BULLA_E_SIGNATURE_FORM:
        return "a signature is not 64 bytes";
    case BULLA_E_SIGNATURE_NOT_CANONICAL:
        return "a signature is outside the range that every library accepts";
    case BULLA_E_SIGNATURE_INVALID:
        return "a signature does not verify";
    case BULLA_E_SIGNATURE_UNKNOWN_KEY:
        return "no trusted key signed this";
    case BULLA_E_SIGNATURE_KEY_REPEATED:
        return "one key signed twice";
    case BULLA_E_THRESHOLD_NOT_MET:
        return "fewer trusted keys signed than the threshold demands";
    case BULLA_E_MANIFEST_DIGEST:
        return "the manifest is not the one that was signed";
    case BULLA_E_MANIFEST_VERSION:
        return "the manifest version is not 1";
    case BULLA_E_MANIFEST_FIELD_MISSING:
        return "a mandatory manifest field is missing";
    case BULLA_E_MANIFEST_FIELD_UNKNOWN:
        return "the manifest has a field that the profile does not allow";
    case BULLA_E_SEQUENCE_FORM:
        return "the sequence number is not an unsigned 32-bit integer";
    case BULLA_E_COMPONENTS_FORM:
        return "the component list is not [X, X '#'] and the same for up to 7 modules";
    case BULLA_E_COMPONENT_UNKNOWN:
        return "the component is neither 'app' nor 'factory' nor a module";
    case BULLA_E_COMMAND_UNEXPECTED:
        return "a command sequence differs from the profile's template";
    case BULLA_E_PARAMETER_UNEXPECTED:
        return "a parameter is missing, unknown or misplaced";
    case BULLA_E_PARAMETER_FORM:
        return "a parameter has a wrong length";
    case BULLA_E_REPORTING_POLICY:
        return "a reporting policy is above 15";
    case BULLA_E_IMAGE_SIZE_FORM:
        return "the image size is not 1 to 2^32-1";
    case BULLA_E_LIST_SIZE:
        return "the sector list's length does not follow from the image size";
    case BULLA_E_LIST_URI:
        return "the sector list is not fetched from '#' and the component name";
    case BULLA_E_URI_FORM:
        return "the image URI is outside the allowed form";
    case BULLA_E_VERSION_FORM:
        return "the version is not 1 to 3 numbers with an optional pre-release";
    case BULLA_E_TEXT_MISSING:
        return "the manifest names a text that the envelope does not carry";
    case BULLA_E_TEXT_UNSIGNED:
        return "the envelope carries a text that the manifest does not name";
    case BULLA_E_TEXT_TOO_LARGE:
        return "the text is larger than 2048 bytes";
    case BULLA_E_TEXT_DIGEST:
        return "the text is not the one that was signed";
    case BULLA_E_TEXT_FORM:
        return "the text is not {language: {1..4: text}}";
    case BULLA_E_MODULE_NAME:
        return "a module's name is not 1 to 32 of A-Z a-z 0-9 _ . - without a dot in front";
    case BULLA_E_MODULE_REPEATED:
        return "two modules have the same name";
    case BULLA_E_SEQUENCE_TOO_OLD:
        return "the release is older than the confirmed one";
    case BULLA_E_SEQUENCE_CONFLICT:
        return "another manifest was confirmed under the same sequence number";
    case BULLA_E_VENDOR_MISMATCH:
        return "the release is for another vendor";
    case BULLA_E_CLASS_MISMATCH:
        return "the release is for another device class";
    case BULLA_E_COMPONENT_MISMATCH:
        return "the release is for another component";
    case BULLA_E_KEY_NOT_FOR_COMPONENT:
        return "too few of the signing keys may sign for this component";
    case BULLA_E_SLOT_TOO_SMALL:
        return "the image does not fit the slot";
    case BULLA_E_IMAGE_FORMAT:
        return "the image is ESP where raw is taken, or raw where ESP is taken";
    case BULLA_E_CHIP_MISMATCH:
        return "the image is for another chip";
    case BULLA_E_CHIP_REVISION:
        return "the image does not run on this chip revision";
    case BULLA_E_SECURE_VERSION_TOO_OLD:
        return "the image's secure version is below the floor";
    case BULLA_E_MODULES_NOT_TAKEN:
        return "the release brings modules and the device has no room for any";
    case BULLA_E_LIST_FORM:
        return "the sector list is not [-16, 4096, image-size, digests]";
    case BULLA_E_LIST_DIGEST:
        return "the sector list is not the one that was signed";
    case BULLA_E_SECTOR_DIGEST:
        return "a sector of the image is not the one that was signed";
    case BULLA_E_IMAGE_DIGEST:
        return "the image is not the one that was signed";
    case BULLA_E_IMAGE_TRUNCATED:
        return "the image is shorter than the manifest says";
    case BULLA_E_IMAGE_TRAILING:
        return "the image is longer than the manifest says";
    case BULLA_E_WORKSPACE_TOO_SMALL:
        return "the workspace cannot hold the digests of an image of this size";
    case BULLA_E_GROUP_NEEDED:
        return "the digests of the next sectors must be loaded again";
    case BULLA_E_TRUST_FORM:
        return "the trust store is not of the form version 1 prescribes";
    case BULLA_E_TRUST_VERSION:
        return "the trust store has an unknown version";
    case BULLA_E_TRUST_THRESHOLD:
        return "the threshold is not between 1 and the number of keys";
    case BULLA_E_TRUST_KEY_COUNT:
        return "the trust store does not hold 1 to 16 keys";
    case BULLA_E_TRUST_KEY_INVALID:
        return "a public key is not a canonical point of prime order";
    case BULLA_E_TRUST_KEY_REPEATED:
        return "the trust store names a key twice";
    case BULLA_E_TRUST_NAMES:
        return "a key's component names are not 1 to 8 distinct names";
    case BULLA_E_TRUST_PIN:
        return "a pin is not 32 bytes, repeated, or one too many";
    case BULLA_E_TRUST_ANCHOR:
        return "an anchor is not one DER certificate of at most 2 KiB";
    case BULLA_E_TRUST_TEST_KEY:
        return "a key marked TEST-ONLY is not accepted by a release build";
    case BULLA_E_IMAGE_MAGIC:
        return "the image does not begin with 0xE9";
    case BULLA_E_IMAGE_NOT_AN_APP:
        return "this is a bootloader or a combined flash image, not an app";
    case BULLA_E_IMAGE_NO_DESCRIPTOR:
        return "the image has no application descriptor";
    case BULLA_E_IMAGE_VERSION_TEXT:
        return "the descriptor's version text has no end";
    case BULLA_E_IMAGE_CHIP_UNKNOWN:
        return "the header names an unknown chip";
    case BULLA_E_IMAGE_REVISIONS:
        return "the header's minimum chip revision is above its maximum";
    case BULLA_E_IMAGE_SECURE_VERSION:
        return "the secure version is above what the chip's fuse can hold";
    case BULLA_E_IMAGE_SEGMENT_COUNT:
        return "the header does not count 1 to 16 segments";
    case BULLA_E_IMAGE_SEGMENT_LENGTH:
        return "a segment's length is no multiple of 4, is 16 MiB or more, or holds no descriptor";
    case BULLA_E_IMAGE_SEGMENT_ADDRESS:
        return "a segment loads where the chip has no memory for it";
    case BULLA_E_IMAGE_SEGMENT_OVERLAP:
        return "two segments overlap";
    case BULLA_E_IMAGE_SEGMENT_ALIGNMENT:
        return "a mapped segment's address does not match its place in the file";
    case BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER:
        return "a segment loads over the bootloader's memory";
    case BULLA_E_IMAGE_ENTRY:
        return "the entry address lies in no executable segment";
    case BULLA_E_IMAGE_CHECKSUM:
        return "the image checksum is wrong";
    case BULLA_E_IMAGE_NO_SHA256:
        return "the image has no appended SHA-256";
    case BULLA_E_IMAGE_SHA256:
        return "the appended SHA-256 is wrong";
    case BULLA_E_IMAGE_TAIL:
        return "bytes follow the image's end that are no Secure Boot signature";
    case BULLA_E_IMAGE_CUT:
        return "the image's structure runs past the end of the file";
    case BULLA_E_IMAGE_TOO_LARGE:
        return "an ESP image is larger than 16 MiB";
    case BULLA_E_PARTITION_MAGIC:
        return "a partition table row has no magic and is not the end";
    case BULLA_E_PARTITION_MD5:
        return "the partition table's MD5 is wrong";
    case BULLA_E_PARTITION_END:
        return "the partition table has no end";
    case BULLA_E_PARTITION_BOUNDS:
        return "a partition lies outside the flash";
    case BULLA_E_PARTITION_OVERLAP:
        return "two partitions overlap or cover the table";
    case BULLA_E_PARTITION_ALIGNMENT:
        return "a partition is not aligned as its type demands";
    case BULLA_E_PARTITION_DUPLICATE:
        return "two partitions have one name, or one role";
    case BULLA_E_PARTITION_OTADATA:
        return "otadata is missing, not 0x2000 bytes, or there twice";
    case BULLA_E_PARTITION_SLOTS:
        return "the OTA slots have a gap, or there is none";
    case BULLA_E_PARTITION_NO_STATE:
        return "the partition table has no bulla state partition";
    case BULLA_E_PARTITION_LABEL:
        return "a partition label is not printable or not UTF-8";
    case BULLA_E_OTADATA_FULL:
        return "the otadata sequence cannot grow further";
    case BULLA_E_PARTITION_CHANGED:
        return "the partition table is another one than the one on flash";
    case BULLA_E_STATE_EMPTY:
        return "the device state has never been provisioned";
    case BULLA_E_STATE_DAMAGED:
        return "no whole copy of the device state can be found";
    case BULLA_E_STATE_FULL:
        return "the device state partition is too small";
    case BULLA_E_TRIAL_PENDING:
        return "the running release has not been confirmed yet";
    case BULLA_E_TRIAL_FAILED_BEFORE:
        return "this release failed its trial three times";
    case BULLA_E_TRIAL_NOT_CONFIRMED:
        return "the trial ended without a confirmation";
    case BULLA_E_CRASH_LOOP:
        return "the app crashed again and again";
    case BULLA_E_UNHEALTHY:
        return "the app's own health check failed";
    case BULLA_E_NO_TRIAL:
        return "nothing runs that could be confirmed";
    case BULLA_E_NO_FALLBACK:
        return "there is no other slot to fall back to";
    case BULLA_E_NO_SLOT:
        return "the partition table has no slot for this component that is not running";
    case BULLA_E_NOTHING_BOOTABLE:
        return "no slot holds an image that may run";
    case BULLA_E_SLOT_UNKNOWN:
        return "there is no app slot of this name";
    case BULLA_E_SLOT_NOT_SEALED:
        return "no envelope is stored for the image in the slot";
    case BULLA_E_FLASH_READBACK:
        return "flash does not hold what was written";
    case BULLA_E_IMAGE_NOT_EXPECTED:
        return "the release is not the one that was asked for";
    case BULLA_E_IMAGE_MD5:
        return "the image's MD5 is not the one in its side file";
    case BULLA_E_MODULES_FULL:
        return "no stretch of the modules area that is free is long enough for the modules, or "
               "its directory is full";
    case BULLA_E_MODULE_UNKNOWN:
        return "there is no module of this name";
    case BULLA_E_MODULE_IN_USE:
        return "the module belongs to a release; a release without it removes it";
    case BULLA_E_MODULE_MISSING:
        return "the release has modules, and the modules area does not hold them";
    case BULLA_E_MODULE_DIGEST:
        return "a module on flash is not what was signed";
    case BULLA_E_TLS_NO_TRUST:
        return "the trust store has neither pin nor anchor, so no server can be trusted";
    case BULLA_E_TLS_PIN:
        return "the server's key is not pinned";
    case BULLA_E_TLS_CHAIN:
        return "the server's certificate does not chain to an anchor";
    case BULLA_E_TLS_HOST_NAME:
        return "the server's certificate is for another host";
    case BULLA_E_TLS_EXPIRED:
        return "the server's certificate is not valid at this time";
    case BULLA_E_HTTP_LENGTH:
        return "the server announces another length than the manifest";
    case BULLA_E_HTTP_REDIRECT:
        return "the server redirects to another scheme, host or port, or too often";
    case BULLA_E_NOT_JUDGED:
        return "no judgement was possible";
    case BULLA_E_FLASH_READ:
        return "flash could not be read";
    case BULLA_E_FLASH_PROGRAM:
        return "flash could not be programmed";
    case BULLA_E_FLASH_ERASE:
        return "flash could not be erased";
    case BULLA_E_CRYPTO:
        return "the crypto library failed";
    case BULLA_E_URL:
        return "the URL is not https://HOST[:PORT]/PATH";
    case BULLA_E_NET_RESOLVE:
        return "the host name could not be resolved";
    case BULLA_E_NET_CONNECT:
        return "the server could not be reached";
    case BULLA_E_NET_CLOSED:
        return "the connection was cut";
    case BULLA_E_NET_STALLED:
        return "the connection made no progress";
    case BULLA_E_NET_DEADLINE:
        return "the deadline passed";
    case BULLA_E_TLS_PROTOCOL:
        return "the TLS handshake failed";
    case BULLA_E_TLS_CLIENT_CERTIFICATE:
        return "the server refused our client certificate, or demands one";
    case BULLA_E_TLS_RECORD_TOO_LARGE:
        return "the server sends larger TLS records than the buffer holds";
    case BULLA_E_HTTP_MALFORMED:
        return "the server's answer is not HTTP/1.1";
    case BULLA_E_HTTP_HEADER_TOO_LARGE:
        return "the answer has more than 64 header fields or 8 KiB of header";
    case BULLA_E_HTTP_STATUS:
        return "the server answered with an error status";
    case BULLA_E_HTTP_CODING:
        return "the answer uses an unknown transfer or content coding";
    case BULLA_E_HTTP_RANGE:
        return "the server's range is not the one asked for";
    case BULLA_E_COAP_MALFORMED:
        return "the answer on the serial line is not the block that was asked for";
    case BULLA_E_IO:
        return "a file could not be read or written";
    case BULLA_E_USAGE:
        return "the command line is not understood";
    case BULLA_STATUS_COUNT:
        break;
    }
    return "unknown status";
}
