# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_images bulla_kit bulla_verify_mbedtls ${SODIUM_LIBRARY})
