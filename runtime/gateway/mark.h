/* Marks: what a gateway knows of the market of an instrument, as one value.
 *
 * Most market events do nothing but move a mark, and only the newest mark counts for what is decided next. So a log of the gateway's inputs need not hold all events: it holds the marks that
 * a decision was made on, those that moved since they were logged last, of the instruments that are held or followed and of the one that the decision is about. Setting the
 * same marks before the same inputs gives the same state.
 *
 * Single owner, O(1).
 */
#ifndef TL_GATEWAY_MARK_H
#define TL_GATEWAY_MARK_H

#include "gateway/gateway.h"
#include "gateway/state.h"

typedef struct tl_gateway_mark {
    int64_t bid, ask;   /* TL_ABSENT for an empty side */
    int64_t last;       /* of a trade or a bar's close; TL_ABSENT before any */
    int64_t mark_price; /* as its venue says */
    int64_t twice_mark; /* at which it is valued; TL_ABSENT before any */
    uint8_t state;      /* tl_trading_state */
    uint8_t marked;     /* 1: its venue sends marks */
    uint8_t reserved[6];
} tl_gateway_mark;

TL_STATIC_ASSERT(sizeof(tl_gateway_mark) == 48, "a slot of the log less its head");

/* True when an event can do nothing but move a mark, or stop who loses too much by it (counts.kills tells). False for a corporate action, for one that moves or triggers a stop that
 * waits at the gateway, and for the first event in a new day of somebody who holds
 * the instrument. */
bool tl_gateway_is_mark(const tl_gateway *gateway, const tl_event *event);

/* Instruments that are held or followed, and whose marks moved since they were taken; emptied by taking each. */
const uint32_t *tl_gateway_moved(const tl_gateway *gateway, uint32_t *count);
/* True when the mark of any instrument moved since it was taken. */
bool tl_gateway_has_moved(const tl_gateway *gateway, uint32_t instrument);
/* Takes an instrument's mark: it counts as not moved from then on. All those of the list are to be taken, the last one first. */
void tl_gateway_mark_take(tl_gateway *gateway, uint32_t instrument, tl_gateway_mark *mark);
/* Sets it as it was taken; stops nobody. */
void tl_gateway_mark_set(tl_gateway *gateway, uint32_t instrument, const tl_gateway_mark *mark);
/* Stops who has lost too much among those that hold an instrument, as the mark that was set would have. */
void tl_gateway_mark_losses(tl_gateway *gateway, uint32_t instrument, int64_t now_ns);

#ifndef TL_CDEF
/* Decisions of the gateway's own (not on the order at hand) will depend on an instrument's mark from now on. Used by the gateway's own files only. */
void gateway_follow(tl_gateway *gateway, uint32_t instrument);

void gateway_mark_list(tl_gateway *gateway, gateway_market *market);
static inline void gateway_mark_moved(tl_gateway *gateway, gateway_market *market) {
    if (TL_UNLIKELY(market->moved < MARK_MOVED)) market->moved = MARK_MOVED;
    if (TL_UNLIKELY(market->moved == MARK_MOVED && (market->held > 0 || market->followed)))
        gateway_mark_list(gateway, market);
}
#endif

#endif
