# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_update bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_update PRIVATE support/seal.c support/bench.c)
bulla_unit(test_update_trust bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_update_trust PRIVATE support/seal.c support/bench.c)
bulla_unit(test_resume bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_resume PRIVATE support/seal.c support/bench.c)
