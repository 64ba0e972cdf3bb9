# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_in_place bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_in_place PRIVATE support/seal.c support/bench.c)
