#include "gateway/gateway.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/account.h"
#include "gateway/command.h"
#include "gateway/held.h"
#include "gateway/mark.h"
#include "gateway/order_store.h"
#include "gateway/risk.h"
#include "gateway/saga.h"
#include "gateway/state.h"

static tl_status reserve(tl_vmem *memory, size_t count, size_t bytes, void *array) {
    tl_status status = tl_vmem_reserve(memory, count * bytes);
    if (status == TL_OK) memcpy(array, &memory->base, sizeof memory->base);
    return status;
}

tl_gateway *tl_gateway_create(const tl_instruments *instruments, const tl_calendars *calendars) {
    tl_gateway *g = calloc(1, sizeof *g);
    if (g == NULL) return NULL;
    g->instruments = instruments;
    g->calendars = calendars;
    g->free_orders = calloc(GATEWAY_ORDERS, sizeof *g->free_orders);
    g->free_groups = calloc(GATEWAY_GROUPS, sizeof *g->free_groups);
    g->free_sagas = calloc(GATEWAY_SAGAS, sizeof *g->free_sagas);
    g->free_saga_legs = calloc(GATEWAY_SAGA_LEGS, sizeof *g->free_saga_legs);
    g->closed_orders = calloc(TL_GATEWAY_CLOSED_KEPT, sizeof *g->closed_orders);
    g->closed_groups = calloc(GATEWAY_GROUPS_KEPT, sizeof *g->closed_groups);
    g->fills = calloc(GATEWAY_FILLS_KEPT + 1, sizeof *g->fills);
    g->fill_buckets = calloc(GATEWAY_FILLS_KEPT, sizeof *g->fill_buckets);
    if (g->free_orders == NULL || g->free_groups == NULL || g->closed_orders == NULL || g->closed_groups == NULL ||
        g->fills == NULL || g->fill_buckets == NULL || g->free_sagas == NULL || g->free_saga_legs == NULL ||
        tl_id_map_init(&g->order_index, 2 * TL_GATEWAY_CLOSED_KEPT) != TL_OK ||
        tl_id_map_init(&g->group_index, 2 * GATEWAY_GROUPS_KEPT) != TL_OK || tl_id_map_init(&g->saga_index, 256) != TL_OK ||
        tl_timer_wheel_init(&g->timers, GATEWAY_ORDERS) != TL_OK ||
        tl_timer_wheel_init(&g->saga_timers, GATEWAY_SAGAS) != TL_OK ||
        reserve(&g->market_memory, GATEWAY_INSTRUMENTS, sizeof *g->markets, &g->markets) != TL_OK ||
        reserve(&g->order_memory, GATEWAY_ORDERS, sizeof *g->orders, &g->orders) != TL_OK ||
        reserve(&g->holding_memory, GATEWAY_HOLDINGS, sizeof *g->holdings, &g->holdings) != TL_OK ||
        reserve(&g->stake_memory, GATEWAY_HOLDINGS, sizeof *g->stakes, &g->stakes) != TL_OK ||
        reserve(&g->group_memory, GATEWAY_GROUPS, sizeof *g->groups, &g->groups) != TL_OK ||
        reserve(&g->moved_memory, GATEWAY_INSTRUMENTS, sizeof *g->moved, &g->moved) != TL_OK ||
        reserve(&g->saga_memory, GATEWAY_SAGAS, sizeof *g->sagas, &g->sagas) != TL_OK ||
        reserve(&g->saga_leg_memory, GATEWAY_SAGA_LEGS, sizeof *g->saga_legs, &g->saga_legs) != TL_OK ||
        reserve(&g->held_book_memory, GATEWAY_INSTRUMENTS, sizeof *g->held_books, &g->held_books) != TL_OK ||
        reserve(&g->held_request_memory, GATEWAY_HELD_REQUESTS, sizeof *g->held_requests, &g->held_requests) != TL_OK ||
        reserve(&g->command_memory, GATEWAY_OUTPUT, sizeof *g->commands, &g->commands) != TL_OK ||
        reserve(&g->report_memory, GATEWAY_OUTPUT, sizeof *g->reports, &g->reports) != TL_OK) {
        tl_gateway_destroy(g);
        return NULL;
    }
    return g;
}

void tl_gateway_destroy(tl_gateway *g) {
    if (g == NULL) return;
    tl_vmem_release(&g->market_memory);
    tl_vmem_release(&g->order_memory);
    tl_vmem_release(&g->holding_memory);
    tl_vmem_release(&g->stake_memory);
    tl_vmem_release(&g->group_memory);
    tl_vmem_release(&g->moved_memory);
    tl_vmem_release(&g->saga_memory);
    tl_vmem_release(&g->saga_leg_memory);
    tl_vmem_release(&g->held_book_memory);
    tl_vmem_release(&g->held_request_memory);
    tl_vmem_release(&g->command_memory);
    tl_vmem_release(&g->report_memory);
    tl_id_map_close(&g->order_index);
    tl_id_map_close(&g->group_index);
    tl_id_map_close(&g->saga_index);
    tl_timer_wheel_close(&g->timers);
    tl_timer_wheel_close(&g->saga_timers);
    for (uint32_t i = 0; i < g->strategy_count; i++)
        free(g->strategies[i]);
    free(g->free_orders);
    free(g->free_groups);
    free(g->free_sagas);
    free(g->free_saga_legs);
    free(g->closed_orders);
    free(g->closed_groups);
    free(g->fills);
    free(g->fill_buckets);
    free(g);
}

static tl_status check_limits(const char *whose, const tl_risk_limits *limits) {
    const double numbers[] = {limits->max_order_quantity, limits->max_position, limits->price_collar,
                              limits->max_orders_per_second, limits->order_burst};
    const int64_t money[] = {limits->max_order_notional_e8, limits->max_gross_exposure_e8, limits->max_daily_loss_e8};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!(numbers[i] >= 0) || isinf(numbers[i]))
            return tl_error_set(TL_ERR_ARGUMENT, "%s: a limit of %g: limits are 0 (none) or more", whose, numbers[i]);
    for (size_t i = 0; i < sizeof money / sizeof *money; i++)
        if (money[i] < 0)
            return tl_error_set(TL_ERR_ARGUMENT, "%s: a limit of %lld e-8: limits are 0 (none) or more", whose,
                                (long long)money[i]);
    return TL_OK;
}

tl_status tl_gateway_add_account(tl_gateway *g, const tl_account_config *config, uint32_t *account) {
    if (g->account_count == TL_GATEWAY_ACCOUNTS)
        return tl_error_set(TL_ERR_LIMIT, "account %.32s: the gateway holds %d", config->name, TL_GATEWAY_ACCOUNTS);
    double leverage = config->leverage == 0 ? 1 : config->leverage;
    if (!(leverage >= 1 && leverage <= 1000))
        return tl_error_set(TL_ERR_ARGUMENT, "account %.32s: leverage %g, and it goes from 1 to 1000", config->name,
                            leverage);
    tl_status status = check_limits(config->name, &config->limits);
    if (status != TL_OK) return status;
    gateway_account *one = &g->accounts[g->account_count];
    one->config = *config;
    one->leverage_e6 = (int64_t)nearbyint(leverage * 1e6);
    one->ledger.day_end_ns = INT64_MIN;
    ledger_limits(&one->ledger, &config->limits);
    *account = g->account_count++;
    return TL_OK;
}

tl_status tl_gateway_add_venue(tl_gateway *g, const char *name, const tl_fee_schedule *fees, uint32_t *venue) {
    if (g->venue_count == TL_GATEWAY_VENUES)
        return tl_error_set(TL_ERR_LIMIT, "venue %s: the gateway holds %d", name, TL_GATEWAY_VENUES);
    if (strlen(name) >= sizeof g->venues->name)
        return tl_error_set(TL_ERR_ARGUMENT, "venue %s: a name has at most %d bytes", name, TL_SYMBOL_BYTES - 1);
    const double rates[3] = {fees->maker, fees->taker, fees->auction};
    for (int i = 0; i < 3; i++)
        if (!(fabs(rates[i]) <= 1))
            return tl_error_set(TL_ERR_ARGUMENT, "venue %s: a fee rate of %g, and rates are fractions from -1 to 1", name,
                                rates[i]);
    if (fees->minimum_e8 < 0) return tl_error_set(TL_ERR_ARGUMENT, "venue %s: a negative least fee", name);
    gateway_venue *one = &g->venues[g->venue_count];
    strcpy(one->name, name);
    one->fees = *fees;
    one->rates_e12[TL_LIQUIDITY_MAKER] = (int64_t)nearbyint(fees->maker * 1e12);
    one->rates_e12[TL_LIQUIDITY_TAKER] = (int64_t)nearbyint(fees->taker * 1e12);
    one->rates_e12[TL_LIQUIDITY_AUCTION] = (int64_t)nearbyint(fees->auction * 1e12);
    one->rates_e12[TL_LIQUIDITY_NONE] = one->rates_e12[TL_LIQUIDITY_TAKER];
    one->is_free = (one->rates_e12[TL_LIQUIDITY_MAKER] | one->rates_e12[TL_LIQUIDITY_TAKER] |
                    one->rates_e12[TL_LIQUIDITY_AUCTION] | fees->per_unit_e8 | fees->minimum_e8) == 0;
    one->supports = TL_SUPPORTS_ALL;
    *venue = g->venue_count++;
    return TL_OK;
}

tl_status tl_gateway_venue_supports(tl_gateway *g, uint32_t venue, uint32_t supports) {
    if (venue >= g->venue_count) return tl_error_set(TL_ERR_NOT_FOUND, "there is no venue %u", venue);
    if ((supports & ~(uint32_t)TL_SUPPORTS_ALL) != 0 || !(supports & TL_SUPPORTS_LIMIT))
        return tl_error_set(TL_ERR_ARGUMENT, "venue %s: supports 0x%x, and the least is limit orders", g->venues[venue].name,
                            supports);
    g->venues[venue].supports = supports;
    return TL_OK;
}

tl_status tl_gateway_add_strategy(tl_gateway *g, uint32_t strategy, uint32_t account, const tl_risk_limits *limits) {
    if (strategy >= STRATEGY_IDS)
        return tl_error_set(TL_ERR_ARGUMENT, "strategy %u: ids go from 0 to %d", strategy, STRATEGY_IDS - 1);
    if (account >= g->account_count)
        return tl_error_set(TL_ERR_NOT_FOUND, "strategy %u: there is no account %u", strategy, account);
    if (g->strategy_index[strategy] != 0) return tl_error_set(TL_ERR_EXISTS, "strategy %u is already there", strategy);
    if (g->strategy_count == TL_GATEWAY_STRATEGIES)
        return tl_error_set(TL_ERR_LIMIT, "strategy %u: the gateway holds %d", strategy, TL_GATEWAY_STRATEGIES);
    const tl_risk_limits none = {0};
    tl_status status = check_limits("a strategy", limits != NULL ? limits : &none);
    if (status != TL_OK) return status;
    gateway_strategy *one = calloc(1, sizeof *one);
    if (one == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for strategy %u", strategy);
    one->id = strategy;
    one->account = account;
    one->ledger.day_end_ns = INT64_MIN;
    ledger_limits(&one->ledger, limits != NULL ? limits : &none);
    g->strategies[g->strategy_count++] = one;
    g->strategy_index[strategy] = (uint8_t)g->strategy_count;
    return TL_OK;
}

static gateway_strategy *strategy_of(const tl_gateway *g, uint32_t strategy) {
    if (strategy >= STRATEGY_IDS || g->strategy_index[strategy] == 0) return NULL;
    return g->strategies[g->strategy_index[strategy] - 1];
}

tl_status tl_gateway_limit_strategy(tl_gateway *g, uint32_t strategy, const tl_risk_limits *limits) {
    gateway_strategy *one = strategy_of(g, strategy);
    if (one == NULL) return tl_error_set(TL_ERR_NOT_FOUND, "there is no strategy %u", strategy);
    tl_status status = check_limits("a strategy", limits);
    if (status == TL_OK) ledger_limits(&one->ledger, limits);
    return status;
}

tl_status tl_gateway_limit_account(tl_gateway *g, uint32_t account, const tl_risk_limits *limits) {
    if (account >= g->account_count) return tl_error_set(TL_ERR_NOT_FOUND, "there is no account %u", account);
    tl_status status = check_limits(g->accounts[account].config.name, limits);
    if (status == TL_OK) ledger_limits(&g->accounts[account].ledger, limits);
    return status;
}

void tl_gateway_restrict(tl_gateway *g, uint32_t instrument, bool restricted) {
    if (instrument < tl_instruments_count(g->instruments)) gateway_market_of(g, instrument)->restricted = restricted;
}

void tl_gateway_kill(tl_gateway *g, int account, bool on, int64_t now_ns) {
    for (uint32_t i = 0; i < g->account_count; i++) {
        if (account >= 0 && (uint32_t)account != i) continue;
        if (on) {
            gateway_kill_account(g, i, TL_REASON_RISK_KILL_SWITCH, now_ns);
            continue;
        }
        g->accounts[i].ledger.killed = TL_REASON_NONE;
        g->accounts[i].ledger.day_start = ledger_profit(&g->accounts[i].ledger);
        for (uint32_t s = 0; s < g->strategy_count; s++) {
            if (g->strategies[s]->account != i) continue;
            g->strategies[s]->ledger.killed = TL_REASON_NONE;
            g->strategies[s]->ledger.day_start = ledger_profit(&g->strategies[s]->ledger);
        }
    }
    held_settle(g);
}

/* The mark: its venue's own where it sends one, else the middle, else the last price. A quote so wide that its middle says nothing (the stub quotes before
 * an opening) is none. */
static inline int64_t twice_mark_of(const gateway_market *market) {
    int64_t sum, spread, twice;
    if (market->marked && !__builtin_add_overflow(market->mark_price, market->mark_price, &twice)) return twice;
    if (market->bid != TL_ABSENT && market->ask != TL_ABSENT && !__builtin_add_overflow(market->bid, market->ask, &sum) &&
        !__builtin_sub_overflow(market->ask, market->bid, &spread) && (spread <= sum / 4 || market->last == TL_ABSENT))
        return sum;
    if (market->last != TL_ABSENT && !__builtin_add_overflow(market->last, market->last, &twice)) return twice;
    return market->twice_mark;
}

void tl_gateway_market(tl_gateway *g, const tl_event *event, const tl_event_tail *tail) {
    uint32_t instrument = event->instrument;
    if (instrument >= GATEWAY_INSTRUMENTS) return;
    gateway_market *market = &g->markets[instrument];
    if (TL_UNLIKELY(!market->ready)) {
        if (instrument >= tl_instruments_count(g->instruments)) return;
        gateway_market_of(g, instrument);
    }
    switch (event->kind) {
    case TL_EVENT_QUOTE:
        market->bid = event->w[0];
        market->ask = event->w[1];
        break;
    case TL_EVENT_TRADE:
        if (event->w[0] != TL_ABSENT) market->last = event->w[0];
        break;
    case TL_EVENT_BAR:
        if (event->w[3] != TL_ABSENT) market->last = event->w[3];
        break;
    case TL_EVENT_STATUS:
        market->state = event->w[0] >= 0 && event->w[0] <= TL_STATE_CLOSED ? (uint8_t)event->w[0] : TL_STATE_UNKNOWN;
        gateway_mark_moved(g, market);
        if (TL_UNLIKELY(market->held_book != 0)) held_market(g, event, tail);
        return;
    case TL_EVENT_MARK:
        if (event->w[0] == TL_ABSENT) return;
        market->marked = 1;
        market->mark_price = event->w[0];
        break;
    case TL_EVENT_ACTION:
        gateway_action(g, event, event->ts_recv_ns);
        held_settle(g);
        return;
    default:
        return;
    }
    gateway_mark_moved(g, market);
    if (TL_UNLIKELY(market->held_book != 0)) held_market(g, event, tail);
    int64_t twice = twice_mark_of(market);
    if (twice == market->twice_mark) return;
    if (TL_UNLIKELY(market->held > 0)) {
        gateway_revalue(g, instrument, twice, event->ts_recv_ns);
        held_settle(g);
    } else {
        market->twice_mark = twice;
    }
}

uint32_t tl_gateway_waiting(const tl_gateway *g) {
    return g->held_waiting;
}

int64_t tl_gateway_next_timer_ns(tl_gateway *g) {
    int64_t order_ns = tl_timer_wheel_next_ns(&g->timers), saga_ns = saga_next_timer_ns(g);
    return order_ns < saga_ns ? order_ns : saga_ns;
}

void tl_gateway_time(tl_gateway *g, int64_t now_ns) {
    uint32_t slot;
    while (tl_timer_wheel_take(&g->timers, now_ns, &slot)) {
        gateway_order *order = &g->orders[slot];
        /* Armed again before anything is sent: an order that is held may be gone afterwards. */
        bool deadline = gateway_order_deadline_ns(order) <= now_ns, expired = held_expire_ns(g, order) <= now_ns;
        if (deadline) order->bits |= ORDER_DEADLINE_DONE;
        if (expired) order->bits |= ORDER_EXPIRE_DONE;
        gateway_order_arm(g, order);
        if (deadline)
            gateway_order_cancel(g, order, TL_REASON_DEADLINE_PASSED, now_ns);
        else if (expired)
            gateway_order_cancel(g, order, held_expire_reason(order), now_ns);
        held_settle(g);
    }
    saga_time(g, now_ns);
    held_settle(g);
}

uint32_t tl_gateway_sagas(const tl_gateway *g, uint32_t strategy) {
    const gateway_strategy *one = strategy_of(g, strategy);
    return one != NULL ? one->sagas : 0;
}

const tl_command *tl_gateway_venue_commands(const tl_gateway *g, uint32_t *count) {
    *count = g->command_count;
    return g->commands;
}

const tl_report *tl_gateway_reports(const tl_gateway *g, uint32_t *count) {
    *count = g->report_count;
    return g->reports;
}

void tl_gateway_clear_output(tl_gateway *g) {
    g->command_count = g->report_count = 0;
}

/* Sums of 64-bit figures may exceed 64 bits only with absurd positions; the state then shows the nearest that it can. */
static int64_t shown(tl_int128 value) {
    return value > INT64_MAX ? INT64_MAX : value < -INT64_MAX ? -INT64_MAX : (int64_t)value;
}

static tl_account_worth worth_of(const gateway_account *one) {
    const ledger *sums = &one->ledger;
    tl_int128 paid = one->config.cash_e8 + sums->realized - sums->fees - sums->funding;
    return (tl_account_worth){.equity_e8 = shown(paid + sums->unrealized),
                              .cash_e8 = shown(paid - sums->cost),
                              .gross_exposure_e8 = shown(sums->exposure)};
}

void tl_gateway_worth(const tl_gateway *g, uint32_t account, tl_account_worth *worth) {
    *worth = account < g->account_count ? worth_of(&g->accounts[account]) : (tl_account_worth){0};
}

void tl_gateway_account(const tl_gateway *g, uint32_t account, tl_account_state *state) {
    *state = (tl_account_state){0};
    if (account >= g->account_count) return;
    const gateway_account *one = &g->accounts[account];
    const ledger *sums = &one->ledger;
    tl_int128 full_value = tl_divide_half_even(sums->bound_full_value * 1000000, one->leverage_e6);
    tl_account_worth worth = worth_of(one);
    state->cash_e8 = worth.cash_e8;
    state->equity_e8 = worth.equity_e8;
    state->margin_used_e8 = shown(full_value + sums->margin + sums->open_fee);
    state->buying_power_e8 = shown(account_buying_power(one, 0, 0, 0));
    state->gross_exposure_e8 = worth.gross_exposure_e8;
    state->realized_e8 = shown(sums->realized);
    state->unrealized_e8 = shown(sums->unrealized);
    state->fees_e8 = shown(sums->fees);
    state->open_orders = sums->open_orders;
    state->killed = sums->killed != TL_REASON_NONE;
}

const tl_position *tl_gateway_position(const tl_gateway *g, uint32_t strategy, uint32_t instrument) {
    static const tl_position flat = {0};
    if (instrument >= tl_instruments_count(g->instruments) || strategy_of(g, strategy) == NULL) return &flat;
    uint32_t index = g->strategy_index[strategy] - 1u;
    for (uint32_t i = g->markets[instrument].holdings; i != 0; i = g->holdings[i].next)
        if (g->holdings[i].strategy == index) return &g->holdings[i].position;
    return &flat;
}

const tl_order_record *tl_gateway_order(const tl_gateway *g, uint64_t order_id) {
    uint32_t slot = tl_id_map_find(&g->order_index, order_id);
    return slot != 0 ? &g->orders[slot].record : NULL;
}

uint64_t tl_gateway_denied(const tl_gateway *g, int reason) {
    return reason >= 0 && reason < TL_REASONS ? g->denied[reason] : 0;
}

uint64_t tl_gateway_illegal_transitions(const tl_gateway *g) {
    return g->counts.illegal_transitions;
}

void tl_gateway_count(const tl_gateway *g, tl_gateway_counts *counts) {
    *counts = g->counts;
}

void tl_gateway_order_pool(const tl_gateway *g, tl_pool_counts *counts) {
    *counts = (tl_pool_counts){
        .hits = g->order_hits,
        .fresh = g->order_top,
        .misses = g->order_misses,
        .live = g->order_top - g->free_order_count,
        .high_water = g->order_most,
        .capacity = GATEWAY_ORDERS - 1,
        .object_bytes = sizeof(gateway_order),
    };
}
