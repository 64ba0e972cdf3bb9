# SPDX-License-Identifier: Apache-2.0
# The installed libraries: core and the chosen crypto back-end as libbulla-verify, the client core as
# libbulla-client; each static and shared; headers, CMake package, pkg-config files.
include(CMakePackageConfigHelpers)

# the installed tree may be moved: paths are relative to the .pc file
file(RELATIVE_PATH BULLA_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})

set(backend bulla_verify_${BULLA_CRYPTO})
if(BULLA_CRYPTO STREQUAL "openssl")
  set(backend_sources crypto/openssl.c crypto/openssl_ed25519.c)
  set(backend_libraries OpenSSL::Crypto)
  set(BULLA_VERIFY_PRIVATE_LIBS "-lcrypto")
else()
  set(backend_sources crypto/mbedtls.c crypto/sodium.c)
  set(backend_libraries ${MBEDCRYPTO_LIBRARY} ${SODIUM_LIBRARY})
  set(BULLA_VERIFY_PRIVATE_LIBS "-lmbedcrypto -lsodium")
endif()
list(TRANSFORM backend_sources PREPEND ${PROJECT_SOURCE_DIR}/verifier/)

add_library(bulla_verify_shared SHARED ${backend_sources} $<TARGET_OBJECTS:bulla_verify_core>)
target_include_directories(bulla_verify_shared PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/verifier/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(bulla_verify_shared PRIVATE $<BUILD_INTERFACE:bulla_flags> ${backend_libraries})

set(installed ${backend} bulla_verify_shared)
set_target_properties(${backend} PROPERTIES OUTPUT_NAME bulla-verify EXPORT_NAME verify_static)
set_target_properties(bulla_verify_shared PROPERTIES OUTPUT_NAME bulla-verify EXPORT_NAME verify
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})

install(DIRECTORY verifier/include/bulla DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
configure_file(cmake/libbulla-verify.pc.in libbulla-verify.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/libbulla-verify.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(BULLA_CLIENT)
  get_target_property(client_sources bulla_client SOURCES)
  list(TRANSFORM client_sources PREPEND ${PROJECT_SOURCE_DIR}/client_fw/)
  add_library(bulla_client_shared SHARED ${client_sources})
  target_include_directories(bulla_client_shared PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/client_fw/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_options(bulla_client_shared PRIVATE -ffreestanding)
  target_link_libraries(bulla_client_shared PUBLIC bulla_verify_shared PRIVATE $<BUILD_INTERFACE:bulla_flags>)
  target_link_libraries(bulla_client INTERFACE $<INSTALL_INTERFACE:bulla::verify_static>)
  set_target_properties(bulla_client PROPERTIES OUTPUT_NAME bulla-client EXPORT_NAME client_static)
  set_target_properties(bulla_client_shared PROPERTIES OUTPUT_NAME bulla-client EXPORT_NAME client
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  list(APPEND installed bulla_client bulla_client_shared)
  install(DIRECTORY client_fw/include/bulla DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  configure_file(cmake/libbulla-client.pc.in libbulla-client.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/libbulla-client.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()

install(TARGETS ${installed} EXPORT bulla-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT bulla-targets NAMESPACE bulla:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/bulla)
configure_package_config_file(cmake/bulla-config.cmake.in bulla-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/bulla)
write_basic_package_version_file(bulla-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bulla-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/bulla-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/bulla)
