#include "gateway/account.h"

#include "gateway/mark.h"
#include "gateway/order_store.h"

#include <string.h>

enum { LEVERAGE_UNIT = 1000000 };
static const int64_t RATE_UNIT = 1000000000000;

gateway_market *gateway_market_of(tl_gateway *gateway, uint32_t instrument) {
    gateway_market *market = &gateway->markets[instrument];
    if (market->ready) return market;
    const tl_instrument *one = tl_instruments_at(gateway->instruments, instrument);
    market->scale = tl_value_scale_of(one);
    market->twice_mark = market->bid = market->ask = market->last = market->mark_price = TL_ABSENT;
    for (uint32_t i = 0; i < gateway->venue_count; i++)
        if (strcmp(gateway->venues[i].name, one->venue) == 0) market->venue = (uint8_t)i;
    market->ready = 1;
    return market;
}

static uint32_t account_stake(tl_gateway *gateway, uint32_t account, uint32_t instrument) {
    gateway_market *market = gateway_market_of(gateway, instrument);
    for (uint32_t i = market->stakes; i != 0; i = gateway->stakes[i].next)
        if (gateway->stakes[i].ledger == account) return i;
    if (gateway->stake_count + 1 == GATEWAY_HOLDINGS) return 0;
    uint32_t i = ++gateway->stake_count;
    gateway->stakes[i] =
        (stake){.instrument = instrument, .ledger = account, .next = market->stakes, .best = {TL_ABSENT, TL_ABSENT}};
    market->stakes = i;
    return i;
}

uint32_t gateway_holding(tl_gateway *gateway, uint32_t strategy, uint32_t instrument, bool make) {
    for (uint32_t i = gateway->markets[instrument].holdings; i != 0; i = gateway->holdings[i].next)
        if (gateway->holdings[i].strategy == strategy) return i;
    if (!make || gateway->holding_count + 1 == GATEWAY_HOLDINGS) return 0;
    uint32_t shared = account_stake(gateway, gateway->strategies[strategy]->account, instrument);
    if (shared == 0) return 0;
    gateway_market *market = gateway_market_of(gateway, instrument);
    uint32_t i = ++gateway->holding_count;
    gateway->holdings[i] = (holding){.strategy = strategy, .account_stake = shared, .next = market->holdings};
    gateway->holdings[i].stake.instrument = instrument;
    market->holdings = i;
    return i;
}

tl_int128 ledger_profit(const ledger *sums) {
    return sums->realized + sums->unrealized - sums->fees - sums->funding;
}

tl_int128 account_equity(const gateway_account *account) {
    return account->config.cash_e8 + ledger_profit(&account->ledger);
}

tl_int128 account_buying_power(const gateway_account *account, tl_int128 bound, tl_int128 margin, tl_int128 fee) {
    const ledger *sums = &account->ledger;
    tl_int128 free = account_equity(account) - sums->margin - margin - sums->open_fee - fee;
    if (account->leverage_e6 != LEVERAGE_UNIT) {
        tl_int128 scaled = free * account->leverage_e6;
        free = scaled / LEVERAGE_UNIT - (scaled % LEVERAGE_UNIT < 0);
    }
    return free - sums->bound_full_value - bound;
}

void ledger_new_day(tl_gateway *gateway, ledger *sums, int64_t now_ns) {
    tl_session session;
    bool inside = false, known = false;
    if (gateway->calendars != NULL &&
        tl_calendars_session_at(gateway->calendars, sums->calendar, now_ns, &session, &inside)) {
        known = !inside || tl_calendars_next(gateway->calendars, sums->calendar, session.open_ns + 1, &session);
        sums->day_end_ns = session.pre_open_ns;
    }
    /* Without a calendar, or one that knows no later session, days are UTC's. */
    if (!known || sums->day_end_ns <= now_ns) {
        const int64_t day_ns = 86400000000000;
        int64_t into = now_ns % day_ns;
        if (__builtin_add_overflow(now_ns - into, into < 0 ? 0 : day_ns, &sums->day_end_ns)) sums->day_end_ns = INT64_MAX;
    }
    sums->day_start = ledger_profit(sums);
    if (sums->killed == TL_REASON_RISK_DAILY_LOSS) sums->killed = TL_REASON_NONE;
}

/* Part of a side's open value that would add to the position: what is behind the quantity that reduces it. */
static int64_t opening_value(const stake *one, int side, int64_t reduces, int64_t *quantity) {
    *quantity = one->open[side] > reduces ? one->open[side] - reduces : 0;
    if (*quantity == one->open[side]) return one->open_value[side];
    if (*quantity == 0) return 0;
    return (int64_t)tl_share_half_even(one->open_value[side], *quantity, one->open[side]);
}

/* The size of the position that market orders leave. */
static int64_t kept_quantity(const stake *one) {
    int64_t held = one->quantity < 0 ? -one->quantity : one->quantity;
    int64_t leaving = one->at_market[one->quantity > 0];
    return held > leaving ? held - leaving : 0;
}

static inline bool worse_side(const stake *one, int64_t exposure, int64_t *worse) {
    int64_t up, down;
    if (__builtin_add_overflow(one->quantity > 0 ? exposure : 0, one->adds[0], &up) ||
        __builtin_add_overflow(one->quantity < 0 ? exposure : 0, one->adds[1], &down))
        return false;
    *worse = up > down ? up : down;
    return true;
}

/* The worse side at an exposure. */
static inline bool derive_worst(stake *one) {
    if (!worse_side(one, one->exposure, &one->worst)) return false;
    one->bound = one->worst;
    if (TL_LIKELY(one->quantity == 0 || one->at_market[one->quantity > 0] == 0)) return true;
    int64_t held = one->quantity < 0 ? -one->quantity : one->quantity;
    return worse_side(one, (int64_t)tl_share_half_even(one->exposure, kept_quantity(one), held), &one->bound);
}

bool stake_derive(const tl_instrument *instrument, stake *one) {
    int64_t held = one->quantity, buys, sells;
    one->adds[0] = opening_value(one, 0, held < 0 ? -held : 0, &buys);
    one->adds[1] = opening_value(one, 1, held > 0 ? held : 0, &sells);
    if (instrument->margin_e8 > 0) {
        if (__builtin_add_overflow(buys, held > 0 ? kept_quantity(one) : 0, &buys)) return false;
        if (__builtin_add_overflow(sells, held < 0 ? kept_quantity(one) : 0, &sells)) return false;
        tl_int128 margin = tl_divide_half_even((tl_int128)(buys > sells ? buys : sells) * instrument->margin_e8,
                                               tl_power_of_ten_i64(-instrument->quantity_exponent));
        one->margin = (int64_t)margin;
        if (one->margin != margin) return false;
    }
    return derive_worst(one);
}

void stake_change(ledger *sums, const tl_instrument *instrument, stake *one, const stake *next) {
    sums->exposure += (tl_int128)next->exposure - one->exposure;
    sums->worst += (tl_int128)next->worst - one->worst;
    if (instrument->margin_e8 > 0)
        sums->margin += (tl_int128)next->margin - one->margin;
    else
        sums->bound_full_value += (tl_int128)next->bound - one->bound;
    sums->open_fee += (tl_int128)next->open_fee - one->open_fee;
    *one = *next;
}

int64_t gateway_value_price(const gateway_market *market, const tl_command *command, int64_t price) {
    int64_t pays = command->side == TL_SIDE_BUY ? market->ask : market->bid;
    if (pays == TL_ABSENT) pays = market->last;
    if (pays == TL_ABSENT && market->twice_mark != TL_ABSENT) pays = market->twice_mark / 2;
    if (price == TL_ABSENT) price = command->stop_price;
    if (price == TL_ABSENT) return pays;
    return command->side == TL_SIDE_SELL && pays != TL_ABSENT && pays > price ? pays : price;
}

bool gateway_fee(const tl_gateway *gateway, uint32_t venue, int liquidity, const tl_instrument *instrument, int64_t quantity,
                 int64_t value_e8, int64_t *fee_e8) {
    const gateway_venue *at = &gateway->venues[venue];
    if (TL_LIKELY(at->is_free)) {
        *fee_e8 = 0;
        return true;
    }
    tl_int128 value = value_e8 < 0 ? -(tl_int128)value_e8 : value_e8;
    tl_int128 fee =
        tl_divide_half_even(value * at->rates_e12[liquidity], RATE_UNIT) +
        tl_divide_half_even((tl_int128)quantity * at->fees.per_unit_e8, tl_power_of_ten_i64(-instrument->quantity_exponent));
    if (fee >= 0 && fee < at->fees.minimum_e8) fee = at->fees.minimum_e8;
    *fee_e8 = (int64_t)fee;
    return *fee_e8 == fee;
}

int64_t gateway_countable(const tl_gateway *gateway, const gateway_order *order, int64_t open) {
    if (order->group == 0 || order->record.last.link == TL_LINK_BRACKET_ENTRY) return open;
    int64_t before = 0;
    for (uint32_t slot = gateway->groups[order->group].first; slot != 0; slot = gateway->orders[slot].group_next) {
        const gateway_order *member = &gateway->orders[slot];
        if (member == order) break;
        const tl_command *last = &member->record.last;
        if (last->link != TL_LINK_BRACKET_ENTRY && last->instrument == order->record.last.instrument &&
            last->side == order->record.last.side && !(member->bits & ORDER_HELD)) {
            int64_t left = last->quantity - member->record.filled;
            if (left > before) before = left;
        }
    }
    return open > before ? open - before : 0;
}

/* A stake after a change of what is open; false when a figure does not fit. */
static bool open_stake(const tl_instrument *instrument, const stake *one, int side, int64_t quantity, int64_t value,
                       int64_t fee, bool at_market, stake *next) {
    *next = *one;
    if (at_market && __builtin_add_overflow(one->at_market[side], quantity, &next->at_market[side])) return false;
    return !__builtin_add_overflow(one->open[side], quantity, &next->open[side]) &&
           !__builtin_add_overflow(one->open_value[side], value, &next->open_value[side]) &&
           !__builtin_add_overflow(one->open_fee, fee, &next->open_fee) && stake_derive(instrument, next);
}

bool gateway_open_stakes(const tl_gateway *gateway, const gateway_order *order, int64_t quantity, int64_t value, int64_t fee,
                         stake next[2]) {
    const holding *mine = &gateway->holdings[order->holding];
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, order->record.last.instrument);
    int side = order->record.last.side == TL_SIDE_SELL;
    bool at_market = order->record.last.type == TL_TYPE_MARKET;
    return open_stake(instrument, &mine->stake, side, quantity - order->counted, value - order->counted_value,
                      fee - order->counted_fee, at_market, &next[0]) &&
           open_stake(instrument, &gateway->stakes[mine->account_stake], side, quantity - order->counted,
                      value - order->counted_value, fee - order->counted_fee, at_market, &next[1]);
}

bool gateway_open_value(const tl_gateway *gateway, const gateway_order *order, int64_t quantity, int64_t *value,
                        int64_t *fee) {
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, order->record.last.instrument);
    return tl_value_e8(gateway->markets[order->record.last.instrument].scale, (tl_int128)quantity * order->value_price,
                       false, value) &&
           gateway_fee(gateway, order->venue, TL_LIQUIDITY_TAKER, instrument, quantity, *value, fee);
}

void gateway_count_as(tl_gateway *gateway, gateway_order *order, int64_t quantity, int64_t value, int64_t fee,
                      const stake next[2]) {
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, order->record.last.instrument);
    holding *mine = &gateway->holdings[order->holding];
    stake_change(&gateway->strategies[order->strategy]->ledger, instrument, &mine->stake, &next[0]);
    stake_change(&gateway->accounts[order->account].ledger, instrument, &gateway->stakes[mine->account_stake], &next[1]);
    order->counted = quantity;
    order->counted_value = value;
    order->counted_fee = fee;
    order->counted_price = order->value_price;
}

static void recount(tl_gateway *gateway, gateway_order *order) {
    const tl_command *last = &order->record.last;
    int64_t open = 0, value = 0, fee = 0;
    stake next[2];
    if (tl_order_is_open(order->record.status) && !(order->bits & ORDER_HELD)) {
        int64_t total = last->quantity;
        if ((order->bits & ORDER_REPLACE_IN_FLIGHT) && order->record.wanted_quantity > total)
            total = order->record.wanted_quantity;
        open = gateway_countable(gateway, order, total - order->record.filled);
    }
    if (open == order->counted && (open == 0 || order->value_price == order->counted_price)) return;
    /* Only a venue that restates an order to absurd figures gets here with some that do not fit: it counts as it did. */
    if ((open != 0 && !gateway_open_value(gateway, order, open, &value, &fee)) ||
        !gateway_open_stakes(gateway, order, open, value, fee, next)) {
        gateway->counts.overflows++;
        return;
    }
    gateway_count_as(gateway, order, open, value, fee, next);
}

void gateway_recount(tl_gateway *gateway, gateway_order *order) {
    recount(gateway, order);
    if (order->group == 0) return;
    for (uint32_t slot = gateway->groups[order->group].first; slot != 0; slot = gateway->orders[slot].group_next)
        recount(gateway, &gateway->orders[slot]);
}

/* The absolute value of a quantity at the mark; false when it does not fit. */
static bool exposure_of(const gateway_market *market, int64_t quantity, int64_t *exposure) {
    int64_t value;
    if (!tl_value_e8(market->scale, (tl_int128)market->twice_mark * quantity, true, &value) || value == INT64_MIN)
        return false;
    *exposure = value < 0 ? -value : value;
    return true;
}

/* A stake after its position became `quantity`, valued at the mark. False when a figure does not fit. */
static bool position_stake(const gateway_market *market, const tl_instrument *instrument, const stake *one, int64_t quantity,
                           stake *next) {
    *next = *one;
    next->quantity = quantity;
    int64_t value;
    if (!tl_value_e8(market->scale, (tl_int128)market->twice_mark * quantity, true, &value) || value == INT64_MIN)
        return false;
    next->exposure = value < 0 ? -value : value;
    return stake_derive(instrument, next);
}

static inline bool unrealized_of(const gateway_market *market, const tl_position *position, int64_t *value) {
    tl_int128 cost = tl_money_get(position->cost), twice, profit;
    return !__builtin_add_overflow(cost, cost, &twice) &&
           !__builtin_sub_overflow((tl_int128)market->twice_mark * position->quantity, twice, &profit) &&
           tl_value_e8(market->scale, profit, true, value);
}

static void begin_days(tl_gateway *gateway, uint32_t strategy, int64_t now_ns) {
    gateway_strategy *owner = gateway->strategies[strategy];
    ledger_day(gateway, &owner->ledger, now_ns);
    ledger_day(gateway, &gateway->accounts[owner->account].ledger, now_ns);
}

static bool lost_too_much(const ledger *sums) {
    return sums->limits.max_daily_loss_e8 > 0 && sums->killed == TL_REASON_NONE &&
           sums->day_start - ledger_profit(sums) > sums->limits.max_daily_loss_e8;
}

void gateway_stop_losses(tl_gateway *gateway, uint32_t strategy, int64_t now_ns) {
    gateway_strategy *owner = gateway->strategies[strategy];
    if (TL_UNLIKELY(lost_too_much(&owner->ledger))) gateway_kill_strategy(gateway, owner, TL_REASON_RISK_DAILY_LOSS, now_ns);
    if (TL_UNLIKELY(lost_too_much(&gateway->accounts[owner->account].ledger)))
        gateway_kill_account(gateway, owner->account, TL_REASON_RISK_DAILY_LOSS, now_ns);
}

bool gateway_book(tl_gateway *gateway, holding *mine, const tl_position *next) {
    uint32_t id = mine->stake.instrument;
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, id);
    gateway_market *market = &gateway->markets[id];
    gateway_strategy *owner = gateway->strategies[mine->strategy];
    ledger *sums[2] = {&owner->ledger, &gateway->accounts[owner->account].ledger};
    stake *stakes[2] = {&mine->stake, &gateway->stakes[mine->account_stake]};
    stake after[2];
    int64_t unrealized, cost = 0, shared;
    if (!unrealized_of(market, next, &unrealized) ||
        (instrument->margin_e8 == 0 && !tl_value_e8(market->scale, tl_money_get(next->cost), false, &cost)) ||
        __builtin_add_overflow(stakes[1]->quantity, next->quantity - mine->position.quantity, &shared) ||
        shared == INT64_MIN || !position_stake(market, instrument, stakes[0], next->quantity, &after[0]) ||
        !position_stake(market, instrument, stakes[1], shared, &after[1]))
        return false;
    for (int i = 0; i < 2; i++) {
        sums[i]->realized += tl_money_get(next->realized_e8) - tl_money_get(mine->position.realized_e8);
        sums[i]->fees += tl_money_get(next->fees_e8) - tl_money_get(mine->position.fees_e8);
        sums[i]->funding += tl_money_get(next->funding_e8) - tl_money_get(mine->position.funding_e8);
        sums[i]->unrealized += (tl_int128)unrealized - mine->unrealized;
        sums[i]->cost += (tl_int128)cost - mine->cost;
        stake_change(sums[i], instrument, stakes[i], &after[i]);
    }
    market->held += (next->quantity != 0) - (mine->position.quantity != 0);
    if (market->moved == MARK_MOVED) gateway_mark_moved(gateway, market);
    mine->position = *next;
    mine->unrealized = unrealized;
    mine->cost = cost;
    return true;
}

bool gateway_book_fill(tl_gateway *gateway, gateway_order *order, int64_t quantity, int64_t price, int liquidity,
                       int64_t now_ns, int64_t *fee_e8) {
    uint32_t id = order->record.last.instrument;
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, id);
    gateway_market *market = &gateway->markets[id];
    holding *mine = &gateway->holdings[order->holding];
    begin_days(gateway, order->strategy, now_ns);
    int64_t value, mark = market->twice_mark;
    tl_position next = mine->position;
    if (!tl_value_e8(market->scale, (tl_int128)quantity * price, false, &value) ||
        !gateway_fee(gateway, order->venue, liquidity, instrument, quantity, value, fee_e8) ||
        tl_position_fill(&next, instrument, order->record.last.side, quantity, price, *fee_e8) != TL_OK)
        return false;
    /* What was never quoted nor traded is worth what it was bought for. */
    if (mark == TL_ABSENT && __builtin_mul_overflow(price, 2, &market->twice_mark)) {
        market->twice_mark = TL_ABSENT;
        return false;
    }
    if (!gateway_book(gateway, mine, &next)) {
        market->twice_mark = mark;
        return false;
    }
    return true;
}

/* Moves a stake's exposure, and what follows from it, in place: this runs for each quote of what is held. */
static inline bool expose(ledger *sums, const tl_instrument *instrument, stake *one, int64_t exposure) {
    int64_t exposed = one->exposure, worst = one->worst, bound = one->bound;
    one->exposure = exposure;
    if (!derive_worst(one)) {
        one->exposure = exposed;
        one->worst = worst;
        one->bound = bound;
        return false;
    }
    sums->exposure += (tl_int128)exposure - exposed;
    sums->worst += (tl_int128)one->worst - worst;
    if (instrument->margin_e8 == 0) sums->bound_full_value += (tl_int128)one->bound - bound;
    return true;
}

bool gateway_value_held(tl_gateway *gateway, uint32_t id) {
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, id);
    const gateway_market *market = &gateway->markets[id];
    int64_t of = 0, exposure = 0;
    for (uint32_t i = market->holdings; i != 0; i = gateway->holdings[i].next) {
        holding *mine = &gateway->holdings[i];
        if (mine->position.quantity == 0) continue;
        ledger *own = &gateway->strategies[mine->strategy]->ledger;
        ledger *shared = &gateway->accounts[gateway->strategies[mine->strategy]->account].ledger;
        int64_t unrealized;
        if (!unrealized_of(market, &mine->position, &unrealized) || !exposure_of(market, mine->position.quantity, &exposure))
            return false;
        of = mine->position.quantity;
        tl_int128 change = (tl_int128)unrealized - mine->unrealized;
        mine->unrealized = unrealized;
        own->unrealized += change;
        shared->unrealized += change;
        if (!expose(own, instrument, &mine->stake, exposure)) return false;
    }
    for (uint32_t i = market->stakes; i != 0; i = gateway->stakes[i].next) {
        stake *shared = &gateway->stakes[i];
        if (shared->quantity == 0) continue;
        /* An account with one strategy holds what that holds. */
        int64_t exposed = exposure;
        if (shared->quantity != of && !exposure_of(market, shared->quantity, &exposed)) return false;
        if (!expose(&gateway->accounts[shared->ledger].ledger, instrument, shared, exposed)) return false;
    }
    return true;
}

void gateway_stop_holders(tl_gateway *gateway, uint32_t id, int64_t now_ns) {
    for (uint32_t i = gateway->markets[id].holdings; i != 0; i = gateway->holdings[i].next)
        if (gateway->holdings[i].position.quantity != 0) gateway_stop_losses(gateway, gateway->holdings[i].strategy, now_ns);
}

void gateway_revalue(tl_gateway *gateway, uint32_t id, int64_t twice_mark, int64_t now_ns) {
    gateway_market *market = &gateway->markets[id];
    bool limited = false;
    for (uint32_t i = market->holdings; i != 0; i = gateway->holdings[i].next) {
        const holding *mine = &gateway->holdings[i];
        if (mine->position.quantity == 0) continue;
        ledger *own = &gateway->strategies[mine->strategy]->ledger;
        ledger *shared = &gateway->accounts[gateway->strategies[mine->strategy]->account].ledger;
        ledger_day(gateway, own, now_ns);
        ledger_day(gateway, shared, now_ns);
        limited |= (own->limits.max_daily_loss_e8 | shared->limits.max_daily_loss_e8) != 0;
    }
    int64_t before = market->twice_mark;
    market->twice_mark = twice_mark;
    if (TL_UNLIKELY(!gateway_value_held(gateway, id))) {
        /* What the mark says is then a function of the mark alone, which is what a replay of the log has of it. */
        gateway->counts.overflows++;
        market->twice_mark = before;
        gateway_value_held(gateway, id);
        return;
    }
    if (TL_UNLIKELY(limited)) gateway_stop_holders(gateway, id, now_ns);
}

void gateway_kill_strategy(tl_gateway *gateway, gateway_strategy *strategy, int reason, int64_t now_ns) {
    strategy->ledger.killed = (uint16_t)reason;
    gateway->counts.kills++;
    gateway_order_cancel_strategy(gateway, strategy, reason, now_ns);
}

void gateway_kill_account(tl_gateway *gateway, uint32_t account, int reason, int64_t now_ns) {
    gateway->accounts[account].ledger.killed = (uint16_t)reason;
    gateway->counts.kills++;
    for (uint32_t i = 0; i < gateway->strategy_count; i++)
        if (gateway->strategies[i]->account == account)
            gateway_order_cancel_strategy(gateway, gateway->strategies[i], reason, now_ns);
}
