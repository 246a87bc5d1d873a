#include "order/position.h"

#include "order/value.h"

static const int64_t UNIT_E8 = 100000000;

static tl_status overflow(const tl_instrument *instrument, const char *what) {
    return tl_error_set(TL_ERR_OVERFLOW, "%s: %s does not fit into 64 bits of 1e-8", instrument->symbol, what);
}

tl_status tl_notional_e8(const tl_instrument *instrument, int64_t quantity, int64_t price, int64_t *value_e8) {
    if (!tl_value_e8(tl_value_scale_of(instrument), (tl_int128)quantity * price, false, value_e8))
        return overflow(instrument, "a notional value");
    return TL_OK;
}

static bool add(tl_money *sum, tl_int128 more) {
    tl_int128 total;
    if (__builtin_add_overflow(tl_money_get(*sum), more, &total)) return false;
    *sum = tl_money_of(total);
    return true;
}

tl_status tl_position_fill(tl_position *position, const tl_instrument *instrument, int side, int64_t quantity, int64_t price,
                           int64_t fee_e8) {
    if ((side != TL_SIDE_BUY && side != TL_SIDE_SELL) || quantity <= 0 || price == TL_ABSENT)
        return tl_error_set(TL_ERR_ARGUMENT, "%s: a fill of side %d, quantity %lld", instrument->symbol, side,
                            (long long)quantity);
    tl_value_scale scale = tl_value_scale_of(instrument);
    int64_t held = position->quantity, held_size, value_e8, realized_e8 = 0;
    if (held == INT64_MIN) return overflow(instrument, "a position");
    held_size = held < 0 ? -held : held;
    int64_t signed_quantity = side == TL_SIDE_BUY ? quantity : -quantity;
    int64_t closing = (held < 0) == (signed_quantity < 0) ? 0 : quantity < held_size ? quantity : held_size;

    tl_position next = *position;
    if (__builtin_add_overflow(held, signed_quantity, &next.quantity)) return overflow(instrument, "a position");
    tl_int128 cost = tl_money_get(position->cost);
    if (closing > 0) {
        tl_int128 closed_cost = tl_share_half_even(cost, closing, held_size), profit;
        tl_int128 proceeds = (tl_int128)price * (held < 0 ? -closing : closing);
        if (__builtin_sub_overflow(proceeds, closed_cost, &profit) || !tl_value_e8(scale, profit, false, &realized_e8))
            return overflow(instrument, "a realised profit");
        cost -= closed_cost;
    }
    int64_t opening = signed_quantity < 0 ? signed_quantity + closing : signed_quantity - closing;
    if (__builtin_add_overflow(cost, (tl_int128)price * opening, &cost)) return overflow(instrument, "a cost");
    next.cost = tl_money_of(cost);
    if (!tl_value_e8(scale, (tl_int128)quantity * price, false, &value_e8)) return overflow(instrument, "a fill's value");
    if (!add(&next.realized_e8, realized_e8) || !add(&next.fees_e8, fee_e8) ||
        !add(&next.traded_e8, value_e8 < 0 ? -(tl_int128)value_e8 : value_e8))
        return overflow(instrument, "a sum");
    next.fills++;
    *position = next;
    return TL_OK;
}

tl_status tl_position_split(tl_position *position, const tl_instrument *instrument, int64_t ratio_e8, int64_t twice_mark) {
    if (ratio_e8 <= 0)
        return tl_error_set(TL_ERR_ARGUMENT, "%s: a split by %lld in 1e-8", instrument->symbol, (long long)ratio_e8);
    tl_int128 exact = (tl_int128)position->quantity * ratio_e8, whole = exact / UNIT_E8, rest = exact % UNIT_E8;
    tl_position next = *position;
    next.quantity = (int64_t)whole;
    if (next.quantity != whole || next.quantity == INT64_MIN) return overflow(instrument, "a position");
    if (rest != 0) {
        tl_int128 cost = tl_money_get(position->cost), rest_cost;
        if (__builtin_mul_overflow(cost, rest, &rest_cost)) return overflow(instrument, "a cost");
        rest_cost = tl_divide_half_even(exact < 0 ? -rest_cost : rest_cost, exact < 0 ? -exact : exact);
        int64_t profit;
        tl_int128 proceeds = tl_divide_half_even((tl_int128)twice_mark * rest, (tl_int128)2 * ratio_e8);
        if (!tl_value_e8(tl_value_scale_of(instrument), proceeds - rest_cost, false, &profit) ||
            !add(&next.realized_e8, profit))
            return overflow(instrument, "a realised profit");
        next.cost = tl_money_of(cost - rest_cost);
    }
    *position = next;
    return TL_OK;
}

tl_status tl_position_pay(tl_position *position, const tl_instrument *instrument, int64_t amount_e8) {
    tl_int128 due =
        tl_divide_half_even((tl_int128)position->quantity * amount_e8, tl_power_of_ten_i64(-instrument->quantity_exponent));
    if (due != (int64_t)due || !add(&position->funding_e8, due)) return overflow(instrument, "what a position pays");
    return TL_OK;
}

tl_status tl_position_unrealized_e8(const tl_position *position, const tl_instrument *instrument, int64_t twice_price,
                                    int64_t *value_e8) {
    tl_int128 cost = tl_money_get(position->cost), twice_cost, profit;
    if (__builtin_add_overflow(cost, cost, &twice_cost) ||
        __builtin_sub_overflow((tl_int128)twice_price * position->quantity, twice_cost, &profit) ||
        !tl_value_e8(tl_value_scale_of(instrument), profit, true, value_e8))
        return overflow(instrument, "an unrealised profit");
    return TL_OK;
}

double tl_position_average_price(const tl_position *position, const tl_instrument *instrument) {
    if (position->quantity == 0) return 0;
    tl_int128 cost = tl_money_get(position->cost);
    tl_int128 whole = cost / position->quantity, rest = cost % position->quantity;
    return ((double)whole + (double)rest / (double)position->quantity) / tl_power_of_ten(-instrument->price_exponent);
}
