/* SPDX-License-Identifier: Apache-2.0 */
/* Yes exactly when every fact required was proved and something was required; what is required is
 * never nothing, and what a device knows is among it. All facts, all devices. */

#include "bulla/policy.h"
#include "proof.h"

uint32_t bulla_trust_key_may(const struct bulla_trust_key *key, struct bulla_bytes component)
{
    (void)key;
    (void)component;
    return nondet_u32();
}

int main(void)
{
    uint32_t facts = nondet_u32(), required = nondet_u32();
    enum bulla_verdict verdict = bulla_policy_verdict(facts, required);
    bool all = (required & ~facts) == 0 && required != 0;
    prove(verdict == (all ? BULLA_YES : BULLA_NO), "yes exactly when all is proved");
    if (verdict == BULLA_YES)
        reached("yes");

    struct bulla_device d;
    d.has_ids = nondet_bool();
    d.has_component = nondet_bool();
    d.has_sequence = nondet_bool();
    d.has_slot_size = nondet_bool();
    d.has_format = nondet_bool();
    d.has_chip = nondet_bool();
    d.has_floor = nondet_bool();
    required = bulla_policy_required(&d);
    prove((required & BULLA_FACT_SIGNED) && (required & BULLA_FACT_RIGHTS) &&
              (required & BULLA_FACT_LIST) && (required & BULLA_FACT_DIGEST) &&
              (required & BULLA_FACT_STRUCTURE),
          "signature, rights, list, digest, structure always");
    prove(((required & BULLA_FACT_SEQUENCE) != 0) == d.has_sequence, "sequence");
    prove(((required & BULLA_FACT_VENDOR) != 0) == d.has_ids, "vendor");
    prove(((required & BULLA_FACT_CLASS) != 0) == d.has_ids, "class");
    prove(((required & BULLA_FACT_COMPONENT) != 0) == d.has_component, "component");
    prove(((required & BULLA_FACT_SIZE) != 0) == d.has_slot_size, "size");
    prove(((required & BULLA_FACT_FORMAT) != 0) == d.has_format, "format");
    prove(((required & BULLA_FACT_CHIP) != 0) == d.has_chip, "chip");
    prove(((required & BULLA_FACT_FLOOR) != 0) == d.has_floor, "floor");
}
