/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SDKCONFIG_H
#define TEST_SDKCONFIG_H

/* What menuconfig would write, with client_fw/port/esp-idf/Kconfig's defaults. */

#define CONFIG_IDF_FIRMWARE_CHIP_ID           0x0000
#define CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE 1
#ifndef CONFIG_BULLA_URL
#define CONFIG_BULLA_URL "https://updates.example.com/app.suit"
#endif
#define CONFIG_BULLA_VENDOR_ID        "cfbff0d1-9375-5685-968c-48ce8b15ae17"
#define CONFIG_BULLA_CLASS_ID         "d9c03f90-568d-5553-b0aa-28b24df90fcc"
#define CONFIG_BULLA_TRUST_STORE_SIZE 1024
#define CONFIG_BULLA_WORKSPACE_SIZE   4096
#define CONFIG_BULLA_TLS_FRAGMENT     4096
#define CONFIG_BULLA_DEADLINE_S       1800
#define CONFIG_BULLA_CRASHES_MAX      5

#endif
