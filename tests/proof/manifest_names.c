/* SPDX-License-Identifier: Apache-2.0 */
/* Names of any length: a module's is judged without reading beyond it, and a sector list's stays
 * within its room whatever the image claims. */

#include "bulla/manifest.h"
#include "proof.h"

int main(void)
{
    struct bulla_image image;
    image.component = any_bytes(N);
    image.name = any_bytes(N);
    uint8_t *list = malloc(BULLA_LIST_NAME_MAX);
    size_t len = bulla_list_name(&image, list);
    prove(len <= BULLA_LIST_NAME_MAX, "the name has room");
    if (image.component.len == 6 && image.name.len == BULLA_COMPONENT_NAME_MAX) {
        prove(len == BULLA_LIST_NAME_MAX, "a module's longest name fits");
        reached("the longest");
    }
    if (bulla_is_module_name(image.name)) {
        prove(image.name.len >= 1 && image.name.len <= BULLA_COMPONENT_NAME_MAX, "1 to 32");
        prove(image.name.data[0] != '.', "no dot in front");
        reached("a name is allowed");
    }
    return 0;
}
