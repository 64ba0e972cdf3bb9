# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_modules bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_modules PRIVATE support/seal.c support/bench.c)
# A device that leaves them out.
bulla_unit_again(test_update_without_modules test_update bulla_port_sim bulla_client
  bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_update_without_modules PRIVATE support/seal.c support/bench.c
  ${PROJECT_SOURCE_DIR}/client_fw/core/modules_none.c)
