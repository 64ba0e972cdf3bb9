# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_crash bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_crash PRIVATE support/seal.c support/bench.c)
