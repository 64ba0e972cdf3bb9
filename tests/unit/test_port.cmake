# SPDX-License-Identifier: Apache-2.0
# The ports that are shown and not run on a board: the minimal one, and what ESP-IDF's adds to the core.
if(BULLA_TOOLS) # the line's other end is the sender's half of bulla-send
  bulla_unit(test_port_minimal bulla_port_sim bulla_transport_serial bulla_client bulla_transport_file bulla_host
    bulla_verify_mbedtls ${SODIUM_LIBRARY})
  target_sources(test_port_minimal PRIVATE support/seal.c support/bench.c
    ${PROJECT_SOURCE_DIR}/client_fw/port/minimal/port.c
    ${PROJECT_SOURCE_DIR}/client_fw/cli/send_answer.c ${PROJECT_SOURCE_DIR}/client_fw/cli/send_files.c)
  target_include_directories(test_port_minimal PRIVATE
    ${PROJECT_SOURCE_DIR}/client_fw/port/minimal ${PROJECT_SOURCE_DIR}/client_fw/cli)
endif()
bulla_unit(test_port_check bulla_port_sim bulla_client bulla_verify_mbedtls)
target_sources(test_port_check PRIVATE ${PROJECT_SOURCE_DIR}/client_fw/port/check/check_flash.c)
target_include_directories(test_port_check PRIVATE ${PROJECT_SOURCE_DIR}/client_fw/port/check)

# ESP-IDF's own functions stand in tests/port: see the README there.
set(esp_dir ${PROJECT_SOURCE_DIR}/client_fw/port/esp-idf)
set(esp_host ${CMAKE_CURRENT_SOURCE_DIR}/port/esp_idf_host)
add_library(bulla_port_esp OBJECT ${esp_dir}/client_esp.c ${esp_dir}/crash_esp.c ${esp_dir}/flash_esp.c
  ${esp_dir}/provision_esp.c ${esp_dir}/stream_esp.c ${esp_dir}/floor_efuse.c ${esp_dir}/trial_esp.c
  ${esp_host}/fakes.c)
target_compile_definitions(bulla_port_esp PRIVATE _GNU_SOURCE)
target_include_directories(bulla_port_esp PUBLIC ${esp_host} ${CMAKE_CURRENT_SOURCE_DIR}/port/esp_idf_headers
  ${esp_dir}/include ${MBEDTLS_INCLUDE_DIR})
target_link_libraries(bulla_port_esp PUBLIC bulla_transport_mbedtls bulla_port_sim bulla_client PRIVATE bulla_flags)

add_executable(bulla-esp-device ${esp_host}/device.c ${esp_dir}/examples/update/main/main.c support/stock.c)
target_compile_definitions(bulla-esp-device PRIVATE _GNU_SOURCE "CONFIG_BULLA_URL=test_url")
target_compile_options(bulla-esp-device PRIVATE -include ${esp_host}/url.h)
target_include_directories(bulla-esp-device PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/support)
target_link_libraries(bulla-esp-device PRIVATE bulla_flags bulla_port_esp bulla_client bulla_verify_mbedtls)

bulla_unit(test_port_esp bulla_port_esp bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_port_esp PRIVATE support/seal.c support/bench.c)
bulla_unit(test_port_esp_stream bulla_port_esp bulla_port_sim bulla_client bulla_verify_mbedtls)
