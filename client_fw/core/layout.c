/* SPDX-License-Identifier: Apache-2.0 */
/* Where everything lies, from the partition table on flash. */

#include "parts.h"

enum bulla_status bulla_client_read_layout(struct bulla_client *client)
{
    struct bulla_bytes table = {client->sector, BULLA_PARTITION_TABLE_SIZE};
    enum bulla_status status = client->flash->read(client->flash->ctx, BULLA_PARTITION_TABLE_OFFSET,
                                                   client->sector, BULLA_PARTITION_TABLE_SIZE);
    if (status != BULLA_OK)
        return status;
    status = bulla_layout_decode(table, client->flash->size, &client->layout);
    if (status != BULLA_OK)
        return status;
    if (client->layout.state.size == 0)
        return BULLA_E_PARTITION_NO_STATE;
    if (client->layout.slot_count > 0 && client->layout.otadata.size == 0)
        return BULLA_E_PARTITION_OTADATA;
    return BULLA_OK;
}
