#include "gateway/risk.h"

#include <math.h>

#include "gateway/account.h"
#include "gateway/order_store.h"

enum { DUPLICATE_WINDOW_NS = 1000000, SECOND_NS = 1000000000, DENIES_PER_SECOND = 100 };
enum {
    KNOWN_FLAGS = TL_FLAG_POST_ONLY | TL_FLAG_POST_SLIDE | TL_FLAG_REDUCE_ONLY | TL_FLAG_TRIGGER_QUOTE |
                  TL_FLAG_TRIGGER_MARK | TL_FLAG_TRAIL_PERCENT | TL_FLAG_SAGA | TL_FLAG_UNDO | TL_FLAG_HAS_EXPIRE |
                  TL_FLAG_PARTIAL
};

static const refusal passed = {TL_ABSENT, TL_ABSENT, TL_REASON_NONE};

static refusal refuse(int reason, int64_t limit, int64_t value) {
    return (refusal){limit, value, reason};
}

static refusal refuse_plainly(int reason) {
    return refuse(reason, TL_ABSENT, TL_ABSENT);
}

static refusal check_price(const tl_instrument *instrument, int64_t price, bool wanted) {
    if (!wanted) return price == TL_ABSENT ? passed : refuse(TL_REASON_BAD_PRICE, TL_ABSENT, price);
    if (price == TL_ABSENT || price <= 0) return refuse(TL_REASON_BAD_PRICE, 1, price);
    if (price % instrument->tick != 0) return refuse(TL_REASON_OFF_TICK, instrument->tick, price);
    return passed;
}

static refusal check_quantity(const tl_instrument *instrument, int64_t quantity) {
    if (quantity <= 0) return refuse(TL_REASON_BAD_QUANTITY, 1, quantity);
    if (quantity % instrument->lot != 0) return refuse(TL_REASON_BAD_QUANTITY, instrument->lot, quantity);
    if (instrument->min_quantity > 0 && quantity < instrument->min_quantity)
        return refuse(TL_REASON_BAD_QUANTITY, instrument->min_quantity, quantity);
    if (instrument->max_quantity > 0 && quantity > instrument->max_quantity)
        return refuse(TL_REASON_BAD_QUANTITY, instrument->max_quantity, quantity);
    return passed;
}

static bool has_limit_price(int type) {
    return type == TL_TYPE_LIMIT || type == TL_TYPE_STOP_LIMIT || type == TL_TYPE_ICEBERG;
}

refusal risk_check_fields(const tl_gateway *gateway, const gateway_strategy *strategy, const tl_command *c, int64_t now_ns) {
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, c->instrument);
    const refusal bad_field = refuse_plainly(TL_REASON_BAD_FIELD);
    if (c->order_id >> 40 != strategy->id || (c->order_id & 0xffffffffffu) == 0) return bad_field;
    if (c->side != TL_SIDE_BUY && c->side != TL_SIDE_SELL) return bad_field;
    if (c->type >= TL_TYPES || c->time_in_force >= TL_TIFS || c->link > TL_LINK_SAGA_LEG) return bad_field;
    if ((c->flags & ~(uint32_t)KNOWN_FLAGS) != 0 || c->reserved != 0) return bad_field;
    if ((c->flags & TL_FLAG_PARTIAL) && c->link != TL_LINK_SAGA_LEG) return bad_field;
    if (c->account != 0 && c->account != strategy->account) return bad_field;
    if (c->venue != 0 && c->venue >= gateway->venue_count) return bad_field;

    refusal result = check_quantity(instrument, c->quantity);
    if (result.reason == TL_REASON_NONE) result = check_price(instrument, c->price, has_limit_price(c->type));
    if (result.reason != TL_REASON_NONE) return result;
    bool stop = c->type == TL_TYPE_STOP || c->type == TL_TYPE_STOP_LIMIT;
    bool trailing = c->type == TL_TYPE_TRAILING_STOP;
    if (!trailing || c->stop_price != TL_ABSENT) result = check_price(instrument, c->stop_price, stop || trailing);
    if (result.reason != TL_REASON_NONE) return result;

    bool percent = c->flags & TL_FLAG_TRAIL_PERCENT;
    if (trailing ? c->offset <= 0 || (percent && c->offset >= 100000000)
                 : percent || (c->offset != 0 && c->offset != TL_ABSENT))
        return refuse(TL_REASON_BAD_FIELD, percent ? 100000000 : TL_ABSENT, c->offset);
    if (c->type == TL_TYPE_ICEBERG ? c->display <= 0 || c->display > c->quantity || c->display % instrument->lot != 0
                                   : c->display != 0)
        return refuse(TL_REASON_BAD_FIELD, c->quantity, c->display);
    bool post = c->flags & (TL_FLAG_POST_ONLY | TL_FLAG_POST_SLIDE);
    bool now_or_never = c->time_in_force == TL_TIF_IOC || c->time_in_force == TL_TIF_FOK;
    if (post && (!has_limit_price(c->type) || now_or_never)) return bad_field;
    bool expires = c->time_in_force == TL_TIF_GTD || (c->flags & TL_FLAG_HAS_EXPIRE);
    if (expires ? c->expire_ns <= now_ns : c->expire_ns != 0) return refuse(TL_REASON_BAD_FIELD, now_ns, c->expire_ns);
    if (c->deadline_ns < 0) return refuse(TL_REASON_BAD_FIELD, 0, c->deadline_ns);
    if (c->deadline_ns > 0 && now_ns >= c->deadline_ns) return refuse(TL_REASON_DEADLINE_PASSED, c->deadline_ns, now_ns);
    return passed;
}

refusal risk_check_replace_fields(const tl_gateway *gateway, const gateway_order *order, const tl_command *c,
                                  int64_t now_ns) {
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, order->record.last.instrument);
    refusal result = check_quantity(instrument, c->quantity);
    if (result.reason == TL_REASON_NONE && c->quantity <= order->record.filled)
        result = refuse(TL_REASON_BAD_QUANTITY, order->record.filled, c->quantity);
    if (result.reason == TL_REASON_NONE && c->price != TL_ABSENT)
        result = check_price(instrument, c->price, has_limit_price(order->record.last.type));
    if (result.reason == TL_REASON_NONE && c->deadline_ns > 0 && now_ns >= c->deadline_ns)
        result = refuse(TL_REASON_DEADLINE_PASSED, c->deadline_ns, now_ns);
    return result;
}

static int64_t clamp(tl_int128 value) {
    return value > INT64_MAX ? INT64_MAX : value < -INT64_MAX ? -INT64_MAX : (int64_t)value;
}

refusal risk_check_state(tl_gateway *gateway, gateway_strategy *strategy, uint32_t instrument, bool undo, int64_t now_ns) {
    ledger *shared = &gateway->accounts[strategy->account].ledger;
    ledger_day(gateway, &strategy->ledger, now_ns);
    ledger_day(gateway, shared, now_ns);
    const ledger *sums[2] = {shared, &strategy->ledger};
    for (int i = 0; i < 2; i++) {
        if (sums[i]->killed == TL_REASON_NONE) continue;
        if (sums[i]->killed != TL_REASON_RISK_DAILY_LOSS) return refuse_plainly(sums[i]->killed);
        if (!undo)
            return refuse(TL_REASON_RISK_DAILY_LOSS, sums[i]->limits.max_daily_loss_e8,
                          clamp(sums[i]->day_start - ledger_profit(sums[i])));
    }
    uint32_t most = strategy->ledger.limits.denies_per_second;
    if (most == 0) most = DENIES_PER_SECOND;
    if (!undo && strategy->denies >= most && now_ns - strategy->denies_ns < SECOND_NS)
        return refuse(TL_REASON_RISK_RATE, most, strategy->denies);
    const gateway_market *market = gateway_market_of(gateway, instrument);
    if (market->restricted) return refuse_plainly(TL_REASON_RISK_RESTRICTED);
    if (market->state == TL_STATE_HALTED || market->state == TL_STATE_PAUSED) return refuse_plainly(TL_REASON_HALTED);
    return passed;
}

/* A limit in whole units as a mantissa: to the nearest, as 0.29 x 10^8 in doubles is a little less than it says. */
static int64_t limit_mantissa(double units, int exponent) {
    double scaled = nearbyint(units * tl_power_of_ten(-exponent));
    return scaled < 9.2e18 ? (int64_t)scaled : INT64_MAX;
}

/* The limits below answer by a bool, and fill in `why` only when they are broken: they run for each order. */
static bool refused(refusal *why, int reason, int64_t limit, int64_t value) {
    *why = refuse(reason, limit, value);
    return false;
}

static bool check_size(const ledger *sums, const tl_instrument *instrument, int64_t quantity, int64_t value, refusal *why) {
    const tl_risk_limits *limits = &sums->limits;
    if (limits->max_order_quantity > 0) {
        int64_t most = limit_mantissa(limits->max_order_quantity, instrument->quantity_exponent);
        if (quantity > most) return refused(why, TL_REASON_RISK_ORDER_QUANTITY, most, quantity);
    }
    if (limits->max_order_notional_e8 > 0 && value > limits->max_order_notional_e8)
        return refused(why, TL_REASON_RISK_ORDER_NOTIONAL, limits->max_order_notional_e8, value);
    return true;
}

static bool check_collar(const ledger *sums, const gateway_market *market, int64_t price, refusal *why) {
    if (sums->limits.price_collar <= 0 || price == TL_ABSENT) return true;
    tl_int128 twice_reference = market->last != TL_ABSENT ? (tl_int128)market->last * 2 : market->twice_mark;
    if (market->last == TL_ABSENT && market->twice_mark == TL_ABSENT) return true;
    tl_int128 distance = (tl_int128)price * 2 - twice_reference;
    double width = sums->limits.price_collar * fabs((double)twice_reference);
    if (fabs((double)distance) <= width + 1e-6) return true;
    /* The farthest price that passes, to the nearest unit: what the order's price is to be compared with. */
    tl_int128 reach = width < 1.8e19 ? (tl_int128)width : INT64_MAX;
    tl_int128 most = (twice_reference + (distance > 0 ? reach : -reach)) / 2;
    return refused(why, TL_REASON_RISK_PRICE_COLLAR, clamp(most), price);
}

static bool check_self_trade(tl_gateway *gateway, const gateway_order *order, int64_t price, refusal *why) {
    const tl_command *c = &order->record.last;
    if (c->type == TL_TYPE_STOP || c->type == TL_TYPE_TRAILING_STOP) return true;
    if (c->type == TL_TYPE_STOP_LIMIT && order->record.before != TL_ORDER_TRIGGERED) return true;
    stake *shared = &gateway->stakes[gateway->holdings[order->holding].account_stake];
    int64_t other = gateway_best_resting(gateway, shared, c->side == TL_SIDE_BUY ? TL_SIDE_SELL : TL_SIDE_BUY);
    if (other == TL_ABSENT) return true;
    bool meets = price == TL_ABSENT || (c->side == TL_SIDE_BUY ? price >= other : price <= other);
    return !meets || refused(why, TL_REASON_RISK_SELF_TRADE, other, price != TL_ABSENT ? price : order->value_price);
}

static bool check_duplicate(const gateway_strategy *strategy, const tl_command *c, int64_t now_ns, refusal *why) {
    uint64_t oldest = strategy->recent_count > RECENT_ORDERS ? strategy->recent_count - RECENT_ORDERS : 0;
    for (uint64_t i = strategy->recent_count; i > oldest; i--) {
        const recent_order *one = &strategy->recent[(i - 1) % RECENT_ORDERS];
        if (now_ns - one->ts_ns >= DUPLICATE_WINDOW_NS) break;
        if (one->instrument == c->instrument && one->side == c->side && one->price == c->price &&
            one->quantity == c->quantity)
            return refused(why, TL_REASON_RISK_DUPLICATE, DUPLICATE_WINDOW_NS, now_ns - one->ts_ns);
    }
    return true;
}

static bool check_reduce_only(const tl_gateway *gateway, const gateway_order *order, int64_t open, refusal *why) {
    int64_t held = gateway->holdings[order->holding].position.quantity;
    int64_t reducible = order->record.last.side == TL_SIDE_BUY ? -held : held;
    if (reducible < 0) reducible = 0;
    return open <= reducible || refused(why, TL_REASON_REDUCE_ONLY, reducible, open);
}

/* Position and exposure, as they would be if everything open filled. What does not bring them further passes. */
static bool check_stake(const ledger *sums, const tl_instrument *instrument, int side, const stake *now, const stake *then,
                        refusal *why) {
    const tl_risk_limits *limits = &sums->limits;
    if (limits->max_position > 0) {
        int64_t most = limit_mantissa(limits->max_position, instrument->quantity_exponent);
        tl_int128 reached =
            side == TL_SIDE_BUY ? (tl_int128)then->quantity + then->open[0] : (tl_int128)then->open[1] - then->quantity;
        if (reached > most && then->open[side == TL_SIDE_SELL] > now->open[side == TL_SIDE_SELL])
            return refused(why, TL_REASON_RISK_POSITION, most, reached > INT64_MAX ? INT64_MAX : (int64_t)reached);
    }
    if (limits->max_gross_exposure_e8 > 0 && then->worst > now->worst) {
        tl_int128 reached = sums->worst + then->worst - now->worst;
        if (reached > limits->max_gross_exposure_e8)
            return refused(why, TL_REASON_RISK_EXPOSURE, limits->max_gross_exposure_e8,
                           reached > INT64_MAX ? INT64_MAX : (int64_t)reached);
    }
    return true;
}

static bool check_power(const gateway_account *account, const tl_instrument *instrument, int side, const stake *now,
                        const stake *then, refusal *why) {
    if (side == TL_SIDE_SELL && !account->config.allow_short && then->open[1] > now->open[1]) {
        int64_t held = then->quantity > 0 ? then->quantity : 0;
        if (then->open[1] > held) return refused(why, TL_REASON_RISK_SHORT, held, then->open[1]);
    }
    if (then->bound <= now->bound && then->margin <= now->margin) return true;
    bool margined = instrument->margin_e8 > 0;
    tl_int128 bound = (tl_int128)then->bound - now->bound, fee = (tl_int128)then->open_fee - now->open_fee;
    tl_int128 margin = (tl_int128)then->margin - now->margin;
    if (account_buying_power(account, margined ? 0 : bound, margin, fee) >= 0) return true;
    return refused(why, TL_REASON_RISK_BUYING_POWER, clamp(account_buying_power(account, 0, 0, 0)),
                   clamp((margined ? margin : bound) + fee));
}

static bool check_rate(const ledger *sums, int64_t now_ns, refusal *why) {
    if (sums->rate_interval_ns == 0 || sums->rate_next_ns <= now_ns) return true;
    int64_t ahead = sums->rate_next_ns - now_ns;
    return ahead <= sums->rate_burst_ns || refused(why, TL_REASON_RISK_RATE, sums->rate_burst_ns, ahead);
}

refusal risk_check_limits(tl_gateway *gateway, const gateway_order *order, int64_t quantity, int64_t price, bool is_new,
                          int64_t now_ns, risk_plan *plan) {
    const tl_command *c = &order->record.last;
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, c->instrument);
    const gateway_market *market = &gateway->markets[c->instrument];
    gateway_strategy *strategy = gateway->strategies[order->strategy];
    const gateway_account *account = &gateway->accounts[order->account];
    const ledger *sums[2] = {&strategy->ledger, &account->ledger};
    const stake *now[2] = {&gateway->holdings[order->holding].stake,
                           &gateway->stakes[gateway->holdings[order->holding].account_stake]};
    bool held = order->bits & ORDER_HELD, undo = c->flags & TL_FLAG_UNDO, reverts = order->bits & ORDER_REVERTS;
    refusal why = passed;
    int64_t value, fee;
    if (order->value_price == TL_ABSENT) return refuse_plainly(TL_REASON_BAD_PRICE);
    /* What is open counts: order.quote adds what is filled to the total, and would run into a limit without trading more. */
    int64_t open = quantity - order->record.filled;
    if (!gateway_open_value(gateway, order, open, &value, &fee)) return refuse_plainly(TL_REASON_OVERFLOW);
    /* What a leg closes is worth what it is: smallness is the entry's matter. */
    if (is_new && !held && !undo && instrument->min_notional_e8 > 0 && value < instrument->min_notional_e8)
        return refuse(TL_REASON_BAD_QUANTITY, instrument->min_notional_e8, value);
    for (int i = 0; i < 2; i++) {
        if (!sums[i]->limited) continue;
        if (!reverts && !check_size(sums[i], instrument, open, value, &why)) return why;
        if (!check_collar(sums[i], market, price, &why)) return why;
        uint32_t most = sums[i]->limits.max_open_orders;
        if (is_new && !undo && most > 0 && sums[i]->open_orders >= most)
            return refuse(TL_REASON_RISK_OPEN_ORDERS, most, (int64_t)sums[i]->open_orders + 1);
        if (is_new && !held && !undo && sums[i]->limits.deny_duplicates && !check_duplicate(strategy, c, now_ns, &why))
            return why;
        if (!held && sums[i]->limits.prevent_self_trade && !check_self_trade(gateway, order, price, &why)) return why;
    }
    if (!held && (c->flags & TL_FLAG_REDUCE_ONLY) && !check_reduce_only(gateway, order, open, &why)) return why;

    plan->counted = held ? 0 : gateway_countable(gateway, order, open);
    plan->value = value;
    plan->fee = fee;
    if (plan->counted == 0)
        plan->value = plan->fee = 0;
    else if (plan->counted != open && !gateway_open_value(gateway, order, plan->counted, &plan->value, &plan->fee))
        return refuse_plainly(TL_REASON_OVERFLOW);
    plan->moves = plan->counted != order->counted || plan->value != order->counted_value || plan->fee != order->counted_fee;
    if (plan->moves) {
        if (!gateway_open_stakes(gateway, order, plan->counted, plan->value, plan->fee, plan->stakes))
            return refuse_plainly(TL_REASON_OVERFLOW);
        const stake *then = plan->stakes;
        for (int i = 0; i < 2; i++)
            if (sums[i]->limited && !reverts && !check_stake(sums[i], instrument, c->side, now[i], &then[i], &why))
                return why;
        if (!reverts && !check_power(account, instrument, c->side, now[1], &then[1], &why)) return why;
    }
    for (int i = 0; i < 2 && !undo; i++)
        if (!check_rate(sums[i], now_ns, &why)) return why;
    return passed;
}

static void use_rate(ledger *sums, int64_t now_ns) {
    if (sums->rate_interval_ns == 0) return;
    sums->rate_next_ns = (sums->rate_next_ns > now_ns ? sums->rate_next_ns : now_ns) + sums->rate_interval_ns;
}

void risk_passed(tl_gateway *gateway, const gateway_order *order, bool is_new, int64_t now_ns) {
    const tl_command *c = &order->record.last;
    gateway_strategy *strategy = gateway->strategies[order->strategy];
    if (c->flags & TL_FLAG_UNDO) return;
    use_rate(&strategy->ledger, now_ns);
    use_rate(&gateway->accounts[order->account].ledger, now_ns);
    if (!is_new || (order->bits & ORDER_HELD)) return;
    strategy->recent[strategy->recent_count++ % RECENT_ORDERS] = (recent_order){
        .ts_ns = now_ns, .price = c->price, .quantity = c->quantity, .instrument = c->instrument, .side = c->side};
}

void risk_denied(gateway_strategy *strategy, int64_t now_ns) {
    if (strategy->denies == 0 || now_ns - strategy->denies_ns >= SECOND_NS) {
        strategy->denies = 0;
        strategy->denies_ns = now_ns;
    }
    strategy->denies++;
}

void ledger_limits(ledger *sums, const tl_risk_limits *limits) {
    sums->limits = *limits;
    sums->limited = limits->max_order_quantity > 0 || limits->max_position > 0 || limits->max_order_notional_e8 > 0 ||
                    limits->max_gross_exposure_e8 > 0 || limits->price_collar > 0 || limits->max_open_orders > 0 ||
                    limits->deny_duplicates || limits->prevent_self_trade;
    sums->rate_interval_ns = sums->rate_burst_ns = 0;
    if (limits->max_orders_per_second <= 0) return;
    double interval = nearbyint(1e9 / limits->max_orders_per_second);
    double burst = limits->order_burst > 0 ? limits->order_burst : limits->max_orders_per_second;
    if (burst < 1) burst = 1;
    sums->rate_interval_ns = interval < 1 ? 1 : interval < 9e17 ? (int64_t)interval : 900000000000000000;
    /* The bucket is full when the next order's time has come; each order within it moves that time on by one interval. */
    double ahead = (floor(burst) - 1) * (double)sums->rate_interval_ns;
    sums->rate_burst_ns = ahead < 9e17 ? (int64_t)ahead : 900000000000000000;
}
