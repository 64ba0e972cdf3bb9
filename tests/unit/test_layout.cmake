bulla_unit(test_layout bulla_client bulla_verify_mbedtls)
target_sources(test_layout PRIVATE
  ${PROJECT_SOURCE_DIR}/client_fw/cli/layout.c ${PROJECT_SOURCE_DIR}/client_fw/cli/layout_csv.c
  ${PROJECT_SOURCE_DIR}/client_fw/cli/layout_print.c ${PROJECT_SOURCE_DIR}/client_fw/cli/layout_text.c
  ${PROJECT_SOURCE_DIR}/client_fw/cli/layout_words.c ${PROJECT_SOURCE_DIR}/client_fw/cli/layout_make.c
  ${PROJECT_SOURCE_DIR}/client_fw/cli/layout_diff.c)
target_include_directories(test_layout PRIVATE ${PROJECT_SOURCE_DIR}/client_fw/cli)
