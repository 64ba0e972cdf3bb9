# SPDX-License-Identifier: Apache-2.0
# The driver of tests/e2e/test_transport.py.
if(BULLA_TOOLS)
  add_executable(bulla-fetch support/fetch_main.c)
  target_compile_definitions(bulla-fetch PRIVATE _GNU_SOURCE)
  target_link_libraries(bulla-fetch PRIVATE bulla_flags bulla_port_sim bulla_transport_mbedtls
    bulla_transport_curl bulla_client bulla_verify_mbedtls)
endif()
