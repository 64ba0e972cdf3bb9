# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_espimage bulla_verify_mbedtls)
