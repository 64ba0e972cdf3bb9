# SPDX-License-Identifier: Apache-2.0
# Of the firmware for microcontrollers, what can be judged without a board: its flash driver against
# a chip that does what data sheets say, and what stage 0 does with a flash that is exchanged.
set(mcu_dir ${PROJECT_SOURCE_DIR}/client_fw/port/mcu)
bulla_unit(test_mcu_nor bulla_client bulla_verify_mbedtls)
target_sources(test_mcu_nor PRIVATE ${mcu_dir}/nor.c ${mcu_dir}/nor_whole.c)
target_include_directories(test_mcu_nor PRIVATE ${mcu_dir})
bulla_unit(test_mcu_load bulla_port_sim bulla_client bulla_verify_mbedtls ${SODIUM_LIBRARY})
target_sources(test_mcu_load PRIVATE support/seal.c support/bench.c ${mcu_dir}/load.c)
target_include_directories(test_mcu_load PRIVATE ${mcu_dir})
