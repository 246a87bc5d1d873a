#include "exchange/expiry.h"

tl_status tl_expiry_init(tl_expiry *expiry, uint32_t orders) {
    *expiry = (tl_expiry){.capacity = orders};
    tl_status status = tl_vmem_reserve(&expiry->heap_memory, (size_t)orders * sizeof(tl_expiry_entry));
    if (status == TL_OK) status = tl_vmem_reserve(&expiry->where_memory, (size_t)orders * sizeof(uint32_t));
    if (status != TL_OK) {
        tl_expiry_close(expiry);
        return status;
    }
    expiry->heap = expiry->heap_memory.base;
    expiry->where = expiry->where_memory.base;
    return TL_OK;
}

void tl_expiry_close(tl_expiry *expiry) {
    tl_vmem_release(&expiry->heap_memory);
    tl_vmem_release(&expiry->where_memory);
}

static inline bool before(const tl_expiry_entry *a, const tl_expiry_entry *b) {
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static inline void put(tl_expiry *expiry, uint32_t place, tl_expiry_entry entry) {
    expiry->heap[place] = entry;
    expiry->where[entry.order] = place + 1;
}

static void rise(tl_expiry *expiry, uint32_t place, tl_expiry_entry entry) {
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;
        if (!before(&entry, &expiry->heap[parent])) break;
        put(expiry, place, expiry->heap[parent]);
        place = parent;
    }
    put(expiry, place, entry);
}

static void sink(tl_expiry *expiry, uint32_t place, tl_expiry_entry entry) {
    for (uint32_t child; (child = place * 2 + 1) < expiry->count; place = child) {
        if (child + 1 < expiry->count && before(&expiry->heap[child + 1], &expiry->heap[child])) child++;
        if (!before(&expiry->heap[child], &entry)) break;
        put(expiry, place, expiry->heap[child]);
    }
    put(expiry, place, entry);
}

void tl_expiry_add(tl_expiry *expiry, uint32_t order, int64_t at_ns, uint64_t sequence) {
    rise(expiry, expiry->count++, (tl_expiry_entry){.at_ns = at_ns, .sequence = sequence, .order = order});
}

void tl_expiry_remove(tl_expiry *expiry, uint32_t order) {
    uint32_t place = expiry->where[order];
    if (place-- == 0) return;
    expiry->where[order] = 0;
    tl_expiry_entry last = expiry->heap[--expiry->count];
    if (place == expiry->count) return;
    if (place > 0 && before(&last, &expiry->heap[(place - 1) / 2]))
        rise(expiry, place, last);
    else
        sink(expiry, place, last);
}

int64_t tl_expiry_first(const tl_expiry *expiry, uint32_t *order) {
    if (expiry->count == 0) return INT64_MAX;
    if (order != NULL) *order = expiry->heap[0].order;
    return expiry->heap[0].at_ns;
}
