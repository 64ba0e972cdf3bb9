# SPDX-License-Identifier: Apache-2.0
if(TARGET bulla_port_posix)
  bulla_unit(test_posix bulla_port_posix bulla_client bulla_verify_mbedtls ${CMAKE_DL_LIBS})
  bulla_unit(test_posix_lock bulla_port_posix bulla_client bulla_verify_mbedtls ${CMAKE_DL_LIBS})
  bulla_unit(test_posix_mtd bulla_port_posix bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY} ${CMAKE_DL_LIBS})
  target_sources(test_posix_mtd PRIVATE support/seal.c support/bench.c ${PROJECT_SOURCE_DIR}/client_fw/port/check/check_flash.c)
  target_include_directories(test_posix_mtd PRIVATE ${PROJECT_SOURCE_DIR}/client_fw/port/check)
  foreach(test test_posix test_posix_lock test_posix_mtd)
    target_sources(${test} PRIVATE support/mtd_shim.c)
    # the shim takes the place of functions with 64 bit offsets, on 32 bit too
    target_compile_definitions(${test} PRIVATE _FILE_OFFSET_BITS=64)
  endforeach()

  # the same shim for programs: LD_PRELOAD. Commands that they run get it, too, and have no sanitizer
  add_library(bulla_mtd_shim MODULE support/mtd_shim.c)
  target_compile_definitions(bulla_mtd_shim PRIVATE _GNU_SOURCE)
  target_compile_options(bulla_mtd_shim PRIVATE -fno-sanitize=all)
  target_link_options(bulla_mtd_shim PRIVATE -fno-sanitize=all)
  target_link_libraries(bulla_mtd_shim PRIVATE bulla_flags ${CMAKE_DL_LIBS})
  set_target_properties(bulla_mtd_shim PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endif()
