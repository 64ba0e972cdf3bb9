# SPDX-License-Identifier: Apache-2.0
if(BULLA_TOOLS)
  bulla_unit(test_keys bulla_keys bulla_host bulla_verify_openssl OpenSSL::Crypto)
  bulla_unit(test_keys_trust bulla_keys bulla_host bulla_verify_openssl OpenSSL::Crypto)
  if(BULLA_ALLOW_TEST_KEYS)
    target_compile_definitions(test_keys PRIVATE BULLA_ALLOW_TEST_KEYS)
    target_compile_definitions(test_keys_trust PRIVATE BULLA_ALLOW_TEST_KEYS)
  endif()
endif()
