# SPDX-License-Identifier: Apache-2.0
bulla_unit(test_state_power bulla_port_sim bulla_client bulla_verify_mbedtls)
set_tests_properties(test_state_power PROPERTIES COST 90)
