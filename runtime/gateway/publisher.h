/* The writing side of published.h: what changed goes into its latches a few at a time, none more often than once a millisecond. Used by the gateway agent only. */
#ifndef TL_GATEWAY_PUBLISHER_H
#define TL_GATEWAY_PUBLISHER_H

#include "base/id_map.h"
#include "gateway/published.h"
#include "gateway/state.h"

#ifndef TL_CDEF

enum { PUBLISHER_TOUCHED = 1 << 16 };

typedef struct publisher {
    const tl_gateway *gateway;
    uint8_t *positions, *orders, *accounts, *page; /* sections */
    uint32_t position_capacity, order_capacity;

    /* Orders: each open one has a place. */
    tl_id_map places; /* of an order's id, + 1 */
    uint32_t *free_places;
    uint32_t free_count, place_top;
    int64_t *order_written_ns; /* by place */
    uint64_t *touched;         /* ring of the ids of orders that changed */
    uint64_t touched_first, touched_count;
    uint32_t rescan; /* more changed than the ring holds */

    tl_published_position *position_shadows; /* as written last, by place */
    int64_t *position_written_ns;
    uint32_t next_position, positions_left; /* to be looked at */
    tl_published_account account_shadows[TL_GATEWAY_ACCOUNTS];
    tl_published_gateway shadow;
    int64_t page_written_ns;
    bool dirty; /* something may have changed since the accounts and the page were written */
} publisher;

tl_status publisher_init(publisher *one, const tl_gateway *gateway, uint8_t *const sections[4], uint32_t position_capacity,
                         uint32_t order_capacity);
void publisher_close(publisher *one);

/* An order changed. */
static inline void publisher_touch(publisher *one, uint64_t order_id) {
    one->dirty = true;
    uint64_t last = one->touched_first + one->touched_count - 1;
    if (one->touched_count > 0 && one->touched[last % PUBLISHER_TOUCHED] == order_id) return;
    if (TL_UNLIKELY(one->touched_count == PUBLISHER_TOUCHED)) {
        one->rescan = 1;
        return;
    }
    one->touched[++last % PUBLISHER_TOUCHED] = order_id;
    one->touched_count++;
}

/* What the page tells that is not the gateway's own. */
typedef struct publisher_facts {
    uint64_t as_of, orders, fills, recovered;
} publisher_facts;

/* Writes up to `most` positions and orders, and once a millisecond the rest. True while something is left to be written. */
bool publisher_work(publisher *one, const publisher_facts *facts, uint32_t most, int64_t now_ns);
/* Writes everything, whatever it was. */
void publisher_all(publisher *one, const publisher_facts *facts, int64_t now_ns);

#endif

#endif
