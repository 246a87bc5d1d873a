/* When orders expire: a binary heap of (time, sequence), from which any order can be taken out.
 *
 * Entries are the indices of their orders. Equal times come out in order of sequence. Single owner; nothing is allocated after
 * the start.
 */
#ifndef TL_EXCHANGE_EXPIRY_H
#define TL_EXCHANGE_EXPIRY_H

#include "memory/vmem.h"

typedef struct tl_expiry_entry {
    int64_t at_ns;
    uint64_t sequence; /* breaks ties */
    uint32_t order;
    uint32_t reserved;
} tl_expiry_entry;

typedef struct tl_expiry {
    tl_expiry_entry *heap;
    uint32_t *where; /* by order: its place in the heap plus 1, 0 = not in it */
    uint32_t count;
    uint32_t capacity;
    tl_vmem heap_memory;
    tl_vmem where_memory;
} tl_expiry;

/* For orders of indices below `orders`. */
tl_status tl_expiry_init(tl_expiry *expiry, uint32_t orders);
void tl_expiry_close(tl_expiry *expiry);

/* Puts an order in that is not in it. O(log n). */
void tl_expiry_add(tl_expiry *expiry, uint32_t order, int64_t at_ns, uint64_t sequence);

/* Takes an order out; harmless when it is not in it. O(log n). */
void tl_expiry_remove(tl_expiry *expiry, uint32_t order);

/* The earliest time, INT64_MAX when empty; *order (may be NULL) receives whose it is. */
int64_t tl_expiry_first(const tl_expiry *expiry, uint32_t *order);

#endif
