/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_BEHAVIOUR_H
#define BULLA_MCU_BEHAVIOUR_H

/* How a release behaves before it could be confirmed. behaviour_works.c is the product; the others
 * are what updates must survive, and a build takes one of them (BULLA_APP_BEHAVIOUR). */

/* Called before the client is opened. The address that this release asks for updates. */
const char *behaviour(const char *url);

#endif
