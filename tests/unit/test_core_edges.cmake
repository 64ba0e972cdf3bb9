# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_core_edges bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_core_edges PRIVATE support/seal.c)
target_include_directories(test_core_edges PRIVATE ${PROJECT_SOURCE_DIR}/verifier/core)
