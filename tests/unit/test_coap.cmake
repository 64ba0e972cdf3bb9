# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_slipmux bulla_transport_serial bulla_client bulla_verify_mbedtls)
bulla_unit(test_coap bulla_transport_serial bulla_client bulla_verify_mbedtls)
if(BULLA_TOOLS) # the sender's half, which is no library
  bulla_unit(test_send bulla_transport_serial bulla_transport_file bulla_host bulla_verify_openssl)
  target_sources(test_send PRIVATE ${PROJECT_SOURCE_DIR}/client_fw/cli/send_answer.c
    ${PROJECT_SOURCE_DIR}/client_fw/cli/send_files.c)
  target_include_directories(test_send PRIVATE ${PROJECT_SOURCE_DIR}/client_fw/cli)
endif()
