# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_http bulla_client bulla_verify_mbedtls)
