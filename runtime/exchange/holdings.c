#include "exchange/holdings.h"

enum { MAX_HOLDINGS = 1 << 26, FIRST_SLOTS = 1 << 10 };

static inline uint32_t place_of(const tl_holdings *holdings, uint64_t key) {
    uint64_t h = key * 0x9e3779b97f4a7c15u;
    uint32_t at = (uint32_t)(h >> 32) & holdings->mask;
    while (holdings->slots[at] != 0 && holdings->all[holdings->slots[at]].key != key)
        at = (at + 1) & holdings->mask;
    return at;
}

static tl_status reserve_slots(tl_holdings *holdings, uint32_t slots) {
    tl_vmem fresh;
    tl_status status = tl_vmem_reserve(&fresh, (size_t)slots * sizeof(uint32_t));
    if (status != TL_OK) return status;
    tl_vmem_release(&holdings->slot_memory);
    holdings->slot_memory = fresh;
    holdings->slots = fresh.base;
    holdings->mask = slots - 1;
    for (uint32_t i = 1; i < holdings->count; i++)
        holdings->slots[place_of(holdings, holdings->all[i].key)] = i;
    return TL_OK;
}

tl_status tl_holdings_init(tl_holdings *holdings) {
    *holdings = (tl_holdings){.count = 1};
    tl_status status = tl_vmem_reserve(&holdings->memory, (size_t)MAX_HOLDINGS * sizeof(tl_holding));
    if (status == TL_OK) {
        holdings->all = holdings->memory.base;
        status = reserve_slots(holdings, FIRST_SLOTS);
    }
    if (status != TL_OK) tl_holdings_close(holdings);
    return status;
}

void tl_holdings_close(tl_holdings *holdings) {
    tl_vmem_release(&holdings->memory);
    tl_vmem_release(&holdings->slot_memory);
}

uint32_t tl_holdings_of(tl_holdings *holdings, uint32_t owner, uint32_t instrument) {
    uint64_t key = (uint64_t)owner << 32 | instrument;
    uint32_t at = place_of(holdings, key);
    if (TL_LIKELY(holdings->slots[at] != 0)) return holdings->slots[at];
    if (holdings->count == MAX_HOLDINGS) return 0;
    if ((holdings->count + 1) * 2 > holdings->mask) {
        if (reserve_slots(holdings, (holdings->mask + 1) * 2) != TL_OK) return 0;
        at = place_of(holdings, key);
    }
    holdings->all[holdings->count].key = key;
    holdings->slots[at] = holdings->count;
    return holdings->count++;
}

uint32_t tl_holdings_find(const tl_holdings *holdings, uint32_t owner, uint32_t instrument) {
    return holdings->slots[place_of(holdings, (uint64_t)owner << 32 | instrument)];
}
