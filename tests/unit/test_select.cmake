# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_select bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_select PRIVATE support/seal.c support/bench.c)
