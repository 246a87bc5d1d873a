#include "gateway/command.h"

#include "gateway/account.h"
#include "gateway/order_store.h"

static const int64_t UNIT_E8 = 100000000;

/* Twice a price after a split. */
static int64_t split_price(int64_t price, int64_t ratio_e8) {
    if (price == TL_ABSENT) return TL_ABSENT;
    tl_int128 after = tl_divide_half_even((tl_int128)price * UNIT_E8, ratio_e8);
    return after == (int64_t)after ? (int64_t)after : TL_ABSENT;
}

static void split(tl_gateway *gateway, uint32_t instrument, int64_t ratio_e8, int64_t now_ns) {
    gateway_market *market = &gateway->markets[instrument];
    /* Orders at prices of before are not valid any more; a venue that keeps them restates them itself, and answers this cancel first. */
    for (uint32_t i = market->stakes; i != 0; i = gateway->stakes[i].next)
        for (int side = 0; side < 2; side++)
            for (uint32_t slot = gateway->stakes[i].first[side]; slot != 0;) {
                gateway_order *order = &gateway->orders[slot];
                bool held = order->bits & ORDER_HELD;
                slot = order->stake_next;
                gateway_order_cancel(gateway, order, TL_REASON_UNSUPPORTED, now_ns);
                if (held) slot = gateway->stakes[i].first[side];
            }
    int64_t twice = market->twice_mark;
    tl_position next;
    for (uint32_t i = market->holdings; i != 0; i = gateway->holdings[i].next) {
        holding *mine = &gateway->holdings[i];
        if (mine->position.quantity == 0) continue;
        next = mine->position;
        bool fits = tl_position_split(&next, tl_instruments_at(gateway->instruments, instrument), ratio_e8, twice) == TL_OK;
        market->twice_mark = split_price(twice, ratio_e8);
        if (!fits || !gateway_book(gateway, mine, &next)) gateway->counts.overflows++;
    }
    market->twice_mark = split_price(twice, ratio_e8);
    market->last = split_price(market->last, ratio_e8);
    market->mark_price = split_price(market->mark_price, ratio_e8);
    market->bid = market->ask = TL_ABSENT;
}

void gateway_action(tl_gateway *gateway, const tl_event *event, int64_t now_ns) {
    int64_t kind = event->w[0], ratio_e8 = event->w[1], amount_e8 = event->w[2];
    if (kind == TL_ACTION_SPLIT) {
        if (ratio_e8 > 0) split(gateway, event->instrument, ratio_e8, now_ns);
        return;
    }
    if ((kind != TL_ACTION_DIVIDEND && kind != TL_ACTION_FUNDING) || amount_e8 == TL_ABSENT) return;
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, event->instrument);
    tl_position next;
    for (uint32_t i = gateway->markets[event->instrument].holdings; i != 0; i = gateway->holdings[i].next) {
        holding *mine = &gateway->holdings[i];
        if (mine->position.quantity == 0) continue;
        next = mine->position;
        if (tl_position_pay(&next, instrument, kind == TL_ACTION_DIVIDEND ? -amount_e8 : amount_e8) != TL_OK ||
            !gateway_book(gateway, mine, &next))
            gateway->counts.overflows++;
    }
}
