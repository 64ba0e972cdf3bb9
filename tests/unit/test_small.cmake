# SPDX-License-Identifier: Apache-2.0
# A device that leaves out whatever may be left out.
bulla_unit(test_small bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_small PRIVATE support/seal.c support/bench.c
  ${PROJECT_SOURCE_DIR}/verifier/core/espimage_none.c)
foreach(part crash journal layout modules place reuse unsealed)
  target_sources(test_small PRIVATE ${PROJECT_SOURCE_DIR}/client_fw/core/${part}_none.c)
endforeach()

# An app of it, which a stage 0 starts.
bulla_unit(test_small_app bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_small_app PRIVATE support/seal.c support/bench.c
  ${PROJECT_SOURCE_DIR}/verifier/core/espimage_none.c)
foreach(part boot crash journal modules place reuse unsealed)
  target_sources(test_small_app PRIVATE ${PROJECT_SOURCE_DIR}/client_fw/core/${part}_none.c)
endforeach()
