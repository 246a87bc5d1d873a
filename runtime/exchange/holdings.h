/* What each owner of orders holds of each instrument, as the matching engine knows it from its own fills: the position that
 * reduce-only looks at, and the reduce-only orders that a change of it may touch.
 *
 * A record's index is found once, when an order comes in, and stays for life; 0 is nobody's. Single owner; nothing is allocated
 * but when the index doubles.
 */
#ifndef TL_EXCHANGE_HOLDINGS_H
#define TL_EXCHANGE_HOLDINGS_H

#include "memory/vmem.h"

typedef struct tl_holding {
    uint64_t key;        /* owner << 32 | instrument */
    int64_t quantity;    /* signed mantissa; stays at the ends of int64 rather than wrap */
    uint32_t resting[2]; /* the owner's orders in the book: buy, sell */
    uint32_t reducers;   /* first of its resting reduce-only orders, 0 = none */
    uint32_t reserved;
} tl_holding;

TL_STATIC_ASSERT(sizeof(tl_holding) == 32, "two a cache line");

typedef struct tl_holdings {
    tl_holding *all; /* from 1 */
    uint32_t *slots; /* open-addressed: index of a record, 0 = free; at most half full */
    uint32_t count;  /* records, with the unused first */
    uint32_t mask;
    tl_vmem memory;
    tl_vmem slot_memory;
} tl_holdings;

tl_status tl_holdings_init(tl_holdings *holdings);
void tl_holdings_close(tl_holdings *holdings);

/* The record of an owner and an instrument, made when there is none; 0 when there is no memory. */
uint32_t tl_holdings_of(tl_holdings *holdings, uint32_t owner, uint32_t instrument);

/* The same when there is one; 0 otherwise. */
uint32_t tl_holdings_find(const tl_holdings *holdings, uint32_t owner, uint32_t instrument);

#endif
