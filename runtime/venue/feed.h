/* The feed agent: takes a venue's market data and broadcasts it to all strategies, with latches beside it for late joiners.
 *
 * Lives in the io process with the gateway. From the channel "market" (the paper exchange; later decoders of real feeds) it takes whole records, stamps ts_recv_ns with the
 * runtime's time, delays them by the feed latency if one is configured, stages them into the broadcast ring "feed" and publishes once a duty cycle (at most 64 records
 * later). It never waits for a reader. Books by level are kept for the latches ("latches": one tl_feed_latch an instrument), which are brought up to date in a
 * cycle that finds nothing else to do, and when they are 1024 slots behind; `latched` in the ring's head tells up to where. A silent feed is told with TL_EVENT_FEED (0 stale, 1 fresh).
 *
 * Single owner; no allocation in the steady state.
 */
#ifndef TL_VENUE_FEED_H
#define TL_VENUE_FEED_H

#include "base/agent.h"
#include "base/runtime_clock.h"
#include "base/stages.h"
#include "base/waker.h"
#include "exchange/latency.h"
#include "market/event.h"
#include "market/instrument.h"
#include "memory/region.h"

typedef struct tl_feed tl_feed;

enum { TL_FEED_LATCH_LEVELS = 32 }; /* of a side, the best ones */

/* The market of one instrument as of a position of the ring: the value in its latch. */
typedef struct tl_feed_level {
    int64_t price;
    int64_t size;
    int64_t count; /* orders; 0 when not known */
} tl_feed_level;

typedef struct tl_feed_market {
    uint64_t position;  /* of the ring behind the last event of this instrument; 0 before any */
    int64_t ts_ns;      /* venue's time of that */
    int64_t ts_recv_ns; /* its receipt */
    int64_t bid, ask;   /* the others' best, TL_ABSENT for an empty side */
    int64_t bid_size, ask_size;
    int64_t last_price, last_size; /* TL_ABSENT before any trade */
    int64_t mark, index;           /* TL_ABSENT where the venue sends none */
    uint64_t events, trades;
    int64_t volume;          /* mantissa, since the start */
    uint32_t level_count[2]; /* that stand here, bid and ask */
    uint8_t state;           /* tl_trading_state */
    uint8_t stale;
    uint8_t cut; /* 1: the book has more levels */
    uint8_t reserved[5];
    tl_feed_level levels[2 * TL_FEED_LATCH_LEVELS]; /* bids from the best, then asks from the best at TL_FEED_LATCH_LEVELS */
} tl_feed_market;

typedef struct tl_feed_config {
    const tl_runtime_clock *clock;
    const tl_instruments *instruments;
    const tl_region *own;         /* io: sections in:market, feed, latches, counters, stages */
    const tl_region *source;      /* house: section out:market */
    uint64_t market_capacity;     /* slots of the channel */
    uint64_t feed_capacity;       /* slots of the ring */
    uint32_t instrument_capacity; /* latches that there is room for */
    int64_t stale_ns;             /* silence of the whole feed after which its instruments are stale; 0 = never */
    tl_latency *latency;          /* of the feed leg; NULL for none */
    /* Called with each record as it is published (tl_gateway_agent_market and its agent). NULL for nobody. */
    void (*market)(void *context, const tl_event *event, const tl_event_tail *tail);
    void *market_context;
    tl_waker *wakers; /* of the readers of the ring; may be shared with other agents of the process */
    uint32_t waker_count;
} tl_feed_config;

/* TL_ERR_NO_MEMORY, TL_ERR_NOT_FOUND (a section). A successor goes on behind what was published, and tells TL_EVENT_GAP to all readers when events may have been lost. */
tl_status tl_feed_create(const tl_feed_config *config, tl_feed **out);
void tl_feed_destroy(tl_feed *feed);
void tl_feed_agent(tl_feed *feed, tl_agent *agent);

/* The head of the section "latches"; the latches follow at 4096, each on lines of its own. Written by the feed agent. */
typedef struct tl_feed_head {
    uint64_t count;  /* latches that are there */
    uint64_t stride; /* bytes from one to the next */
    uint64_t
        pictures; /* how often whole books were asked for: the venue sends them again when this moves (a successor's own end at the latches' depth) */
    /* What is on its way into the ring: once `produced` stands at going_ring, the channel is taken up to going_source, whether or not the cursor says so yet. */
    uint64_t going_ring; /* 0 = nothing */
    uint64_t going_source;
} tl_feed_head;

/* Size of the section "latches" for so many instruments, and one instrument's value out of it; false when there is none. Any process. */
uint64_t tl_feed_latches_bytes(uint32_t instruments);
bool tl_feed_latch_read(const void *latches, uint32_t instrument, tl_feed_market *market);

#endif
