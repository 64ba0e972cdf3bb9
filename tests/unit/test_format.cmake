# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_format bulla_port_sim bulla_client bulla_verify_mbedtls)
target_include_directories(test_format PRIVATE ${PROJECT_SOURCE_DIR}/verifier/core)
