# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_boot bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_boot PRIVATE support/seal.c support/bench.c)
bulla_unit(test_boot_trouble bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_boot_trouble PRIVATE support/seal.c support/bench.c)
target_link_options(test_boot_trouble PRIVATE -Wl,--wrap=bulla_sha256_finish,--wrap=bulla_crypto_ed25519_verify)
