# SPDX-License-Identifier: Apache-2.0
if(BULLA_TOOLS)
  bulla_unit(test_host bulla_host bulla_verify_openssl)
  bulla_unit(test_host_files bulla_host bulla_verify_openssl)
endif()
