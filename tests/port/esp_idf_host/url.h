/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_ESP_URL_H
#define BULLA_TEST_ESP_URL_H

extern const char *test_url; /* what CONFIG_BULLA_URL is here */

#endif
