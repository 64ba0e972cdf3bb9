bulla_unit(test_whole bulla_client bulla_verify_mbedtls)
target_sources(test_whole PRIVATE
  ${PROJECT_SOURCE_DIR}/client_fw/cli/whole.c ${PROJECT_SOURCE_DIR}/client_fw/cli/whole_image.c
  ${PROJECT_SOURCE_DIR}/client_fw/cli/layout.c)
target_include_directories(test_whole PRIVATE ${PROJECT_SOURCE_DIR}/client_fw/cli)
