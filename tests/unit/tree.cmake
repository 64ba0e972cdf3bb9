# SPDX-License-Identifier: Apache-2.0
# The second reading of an envelope: as a judge of the vector kit, linked without the core; and held
# against the core.
if(BULLA_TOOLS)
  find_library(CBOR_LIBRARY cbor REQUIRED)
  set(tree_dir ${PROJECT_SOURCE_DIR}/verifier/cli)
  add_library(bulla_tree STATIC ${tree_dir}/tree_reading.c ${tree_dir}/tree_cbor.c ${tree_dir}/tree_crypto.c
    ${tree_dir}/tree_wrapper.c ${tree_dir}/tree_manifest.c ${tree_dir}/tree_uri.c ${tree_dir}/tree_members.c
    ${tree_dir}/tree_trust.c)
  target_compile_definitions(bulla_tree PRIVATE _GNU_SOURCE)
  target_include_directories(bulla_tree PUBLIC ${tree_dir} ${PROJECT_SOURCE_DIR}/verifier/include)
  target_link_libraries(bulla_tree PRIVATE bulla_flags OpenSSL::Crypto ${CBOR_LIBRARY})

  add_executable(judge_tree judges/tree_main.c)
  target_compile_definitions(judge_tree PRIVATE _GNU_SOURCE)
  target_link_libraries(judge_tree PRIVATE bulla_flags bulla_tree)

  bulla_unit(test_tree_reading bulla_tree bulla_kit bulla_verify_openssl ${CBOR_LIBRARY})
  target_sources(test_tree_reading PRIVATE ${tree_dir}/tree_agree.c)
  bulla_unit(test_tree_parts bulla_tree bulla_kit bulla_verify_openssl ${CBOR_LIBRARY})
  bulla_unit(test_second bulla_tree bulla_kit bulla_keys bulla_host bulla_verify_openssl ${CBOR_LIBRARY})
  target_sources(test_second PRIVATE ${tree_dir}/tree_agree.c ${tree_dir}/second.c)
  set_tests_properties(test_tree_reading PROPERTIES TIMEOUT 300)
endif()
