/* Bars built from trades or from shorter bars, per instrument and interval.
 *
 * Intervals up to a day lie on the grid of the instrument's calendar: intraday ones start at local midnight, a day is a session (its regular
 * hours: trades before the open and after the close are in no daily bar). No trade, no bar, unless `fill` is set. Crosses and hidden trades
 * count as trades; broken ones do not exist here. A bar holds [open, close): a trade at the close belongs to the next one. A volume,
 * trade count or vwap that is not known of every part, or does not fit, is TL_ABSENT. Single owner; no allocation after tl_bars_ask();
 * feeding and taking cost O(log n) in the number of series.
 */
#ifndef TL_MARKET_BARS_H
#define TL_MARKET_BARS_H

#include "market/calendar.h"
#include "market/event.h"
#include "market/instrument.h"

typedef struct tl_bars tl_bars;

/* NULL when there is no memory. Both tables outlive the bars. */
tl_bars *tl_bars_create(const tl_instruments *instruments, const tl_calendars *calendars);
void tl_bars_destroy(tl_bars *bars);

/* Asks for bars of an interval (ns; a day is 86,400 s) of an instrument. Order of asking is the order of equal closes: shorter intervals
 * first, then by this order. Asking twice is asking once. With `fill`, a series that has begun goes on through the session's hours
 * with bars of volume 0 at the last close. TL_ERR_ARGUMENT for an interval that is not within a day, TL_ERR_NO_MEMORY. */
tl_status tl_bars_ask(tl_bars *bars, uint32_t instrument, int64_t interval_ns, bool fill);

/* Feeds a TRADE or a shorter BAR that happened at event->ts_ns; other kinds are ignored, and so are bars where trades or shorter bars were fed before: nothing
 * counts twice. All bars that close before it must have been
 * taken; those that close at the same time are taken after it (market data come before bars), or before it where it is a trade. */
void tl_bars_feed(tl_bars *bars, const tl_event *event, const tl_event_tail *tail);

/* What is open, written into `into` and read back into bars that were asked for the same series. TL_ERR_FORMAT for another state. */
uint64_t tl_bars_state_bytes(const tl_bars *bars);
void tl_bars_state(const tl_bars *bars, void *into);
tl_status tl_bars_restore(tl_bars *bars, const void *state, uint64_t bytes);

/* When the next open bar closes, INT64_MAX when none is open. A series with `fill` always has one. */
int64_t tl_bars_next_close_ns(const tl_bars *bars);

/* When the last of the bars in which something traded so far closes, INT64_MIN when there is none. */
int64_t tl_bars_last_close_ns(const tl_bars *bars);

/* Takes the next bar that closes at or before `now_ns`: fills `event` (ts_ns = the close) and `tail`, returns true. After the last bar of one
 * interval's close it returns a TL_EVENT_BARS record for that interval. False when nothing is due. */
bool tl_bars_take(tl_bars *bars, int64_t now_ns, tl_event *event, tl_event_tail *tail);

#endif
