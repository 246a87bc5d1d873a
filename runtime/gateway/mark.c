#include "gateway/mark.h"

#include "gateway/account.h"
#include "gateway/held.h"
#include "gateway/stops.h"

static bool day_ends(const ledger *sums, int64_t now_ns) {
    return now_ns >= sums->day_end_ns;
}

bool tl_gateway_is_mark(const tl_gateway *gateway, const tl_event *event) {
    if (event->kind == TL_EVENT_ACTION) return false;
    if (event->instrument >= GATEWAY_INSTRUMENTS) return true;
    const gateway_market *market = &gateway->markets[event->instrument];
    if (TL_UNLIKELY(market->held_book != 0) && stops_mind(gateway, event)) return false;
    if (TL_LIKELY(market->held == 0)) return true;
    /* A day begins with what the account is worth by then: that takes the mark before the event. */
    for (uint32_t i = market->holdings; i != 0; i = gateway->holdings[i].next) {
        const gateway_strategy *owner = gateway->strategies[gateway->holdings[i].strategy];
        if (gateway->holdings[i].position.quantity != 0 &&
            (day_ends(&owner->ledger, event->ts_recv_ns) ||
             day_ends(&gateway->accounts[owner->account].ledger, event->ts_recv_ns)))
            return false;
    }
    return true;
}

void gateway_mark_list(tl_gateway *gateway, gateway_market *market) {
    market->moved = MARK_LISTED;
    gateway->moved[gateway->moved_count++] = (uint32_t)(market - gateway->markets);
}

void gateway_follow(tl_gateway *gateway, uint32_t instrument) {
    gateway_market *market = gateway_market_of(gateway, instrument);
    market->followed = 1;
    if (market->moved == MARK_MOVED) gateway_mark_list(gateway, market);
}

const uint32_t *tl_gateway_moved(const tl_gateway *gateway, uint32_t *count) {
    *count = gateway->moved_count;
    return gateway->moved;
}

bool tl_gateway_has_moved(const tl_gateway *gateway, uint32_t instrument) {
    return instrument < GATEWAY_INSTRUMENTS && gateway->markets[instrument].moved != MARK_STILL;
}

void tl_gateway_mark_take(tl_gateway *gateway, uint32_t instrument, tl_gateway_mark *mark) {
    gateway_market *market = &gateway->markets[instrument];
    *mark = (tl_gateway_mark){
        .bid = market->bid,
        .ask = market->ask,
        .last = market->last,
        .mark_price = market->mark_price,
        .twice_mark = market->twice_mark,
        .state = market->state,
        .marked = market->marked,
    };
    if (market->moved == MARK_LISTED && gateway->moved_count > 0 && gateway->moved[gateway->moved_count - 1] == instrument)
        gateway->moved_count--;
    else if (market->moved == MARK_LISTED)
        return; /* stays listed: it is taken again with the others */
    market->moved = MARK_STILL;
}

void tl_gateway_mark_set(tl_gateway *gateway, uint32_t instrument, const tl_gateway_mark *mark) {
    if (instrument >= tl_instruments_count(gateway->instruments)) return;
    gateway_market *market = gateway_market_of(gateway, instrument);
    market->bid = mark->bid;
    market->ask = mark->ask;
    market->last = mark->last;
    market->mark_price = mark->mark_price;
    market->state = mark->state;
    market->marked = mark->marked;
    if (market->twice_mark == mark->twice_mark) return;
    market->twice_mark = mark->twice_mark;
    if (market->held > 0) gateway_value_held(gateway, instrument);
}

void tl_gateway_mark_losses(tl_gateway *gateway, uint32_t instrument, int64_t now_ns) {
    if (instrument < tl_instruments_count(gateway->instruments)) gateway_stop_holders(gateway, instrument, now_ns);
    held_settle(gateway);
}
