/* SPDX-License-Identifier: Apache-2.0 */
/* Which release this is and where it asks for the next. app.ld puts it before the code: with a note
 * of another length nothing lies where it lay in the release before, as after any real change. */

#include "app.h"

extern const char app_note[];

__attribute__((section(".app_note"), used)) const char app_version[] = BULLA_APP_VERSION;
__attribute__((section(".app_note"), used)) const char app_note[] = BULLA_APP_NOTE;
const char app_url[] = BULLA_APP_URL;
