/* What the Lua side asks of its host: clock, timers, subscriptions, account, mathematics. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/host_inside.h"

void tl_runtime_attach(tl_host *h, const tl_runtime_records *records) {
    h->records = *records;
}

void tl_runtime_handle(tl_host *h, int stage, bool there) {
    if (stage < TL_STAGE_START || stage >= TL_STAGES) return;
    h->handlers = there ? h->handlers | 1u << stage : h->handlers & ~(1u << stage);
    h->wanted = h->handlers | ALWAYS_WANTED;
}

int64_t tl_runtime_now_ns(const tl_host *h) {
    return h->now_ns;
}

int64_t tl_runtime_started_ns(const tl_host *h) {
    return h->started_ns;
}

bool tl_runtime_stopping(const tl_host *h) {
    return h->lua.arena.refused_bytes != 0;
}

const tl_host_config *tl_runtime_config(const tl_host *h) {
    return &h->config;
}

void tl_runtime_scope(tl_host *h, int64_t deadline_ns) {
    h->scoped = deadline_ns != 0;
    tl_mirror_scope(h->mirror, deadline_ns);
}

/* ---- timers and subscriptions ---- */

uint32_t tl_runtime_timer_set(tl_host *h, const tl_timer *timer) {
    uint32_t id = tl_timers_set(h->timers, timer, h->now_ns);
    if (id) h->timer_set = true;
    return id;
}

static const tl_timer *armed(const tl_host *h, uint32_t id, uint32_t place) {
    tl_timers_state state;
    const tl_timer *all = tl_timers_all(h->timers, &state);
    for (uint32_t i = 0, seen = 0; i < state.count; i++)
        if (!all[i].canceled && (id ? all[i].id == id : seen++ == place)) return &all[i];
    return NULL;
}

const tl_timer *tl_runtime_timer_of(const tl_host *h, uint32_t id) {
    return id ? armed(h, id, 0) : NULL;
}

uint32_t tl_runtime_timer_at(const tl_host *h, uint32_t i) {
    const tl_timer *timer = armed(h, 0, i);
    return timer ? timer->id : 0;
}

bool tl_runtime_timer_cancel(tl_host *h, uint32_t id) {
    return tl_timers_cancel(h->timers, id);
}

tl_status tl_runtime_subscribe(tl_host *h, uint32_t instrument, bool wanted) {
    if (instrument >= h->instrument_count) {
        tl_status status = tl_view_ensure(h->view);
        if (status != TL_OK) return status;
        h->instrument_count = tl_instruments_count(h->config.instruments);
        if (instrument >= h->instrument_count)
            return tl_error_set(TL_ERR_NOT_FOUND, "there is no instrument %u", instrument);
    }
    tl_view_instrument *r = tl_view_at(h->view, instrument);
    if ((r->subscribed != 0) == wanted) return TL_OK;
    if (h->changed_count == h->changed_capacity) {
        uint32_t grown = h->changed_capacity ? h->changed_capacity * 2 : 16;
        uint32_t *changed = realloc(h->changed, grown * sizeof *changed);
        if (!changed) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u subscriptions", grown);
        h->changed = changed;
        h->changed_capacity = grown;
    }
    r->subscribed = wanted;
    if (r->place == 0) r->place = ++h->places;
    h->changed[h->changed_count++] = instrument;
    return TL_OK;
}

const double *tl_runtime_data_row(const tl_host *h, uint32_t input) {
    return input < h->data_count ? h->data[input].current : NULL;
}

/* ---- instants ---- */

/* Calendars know the years 1685 to 2255: what is near the ends of 64 bits has no date there. */
static bool has_date(int64_t ts_ns) {
    return ts_ns > -9000000000000000000 && ts_ns < 9000000000000000000;
}

double tl_runtime_time_of_day_ns(const tl_host *h, uint32_t instrument, int64_t ts_ns) {
    if (!h->config.calendars || instrument >= h->instrument_count || !has_date(ts_ns)) {
        int64_t day_ns = 86400000000000, within = ts_ns % day_ns;
        return (double)(within < 0 ? within + day_ns : within);
    }
    uint32_t calendar = tl_instruments_at(h->config.instruments, instrument)->calendar;
    return (double)tl_calendars_time_of_day_ns(h->config.calendars, calendar, ts_ns);
}

int tl_runtime_iso(int64_t ts_ns, char *text) {
    int64_t ns_per_s = 1000000000, seconds = ts_ns / ns_per_s, rest = ts_ns % ns_per_s;
    if (rest < 0) {
        rest += ns_per_s;
        seconds--;
    }
    int64_t days = seconds / 86400, of_day = seconds % 86400;
    if (of_day < 0) {
        of_day += 86400;
        days--;
    }
    /* Civil date from days since 1970-01-01: eras of 400 years that begin on 1 March. */
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    int month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    long year = (long)(year_of_era + era * 400 + (month <= 2));
    return snprintf(text, 40, "%04ld-%02d-%02dT%02d:%02d:%02d.%09dZ", year, month,
                    (int)(day_of_year - (153 * shifted + 2) / 5 + 1), (int)(of_day / 3600), (int)(of_day / 60 % 60),
                    (int)(of_day % 60), (int)rest);
}

void tl_runtime_session(const tl_host *h, uint32_t instrument, int64_t ts_ns, double *open, double *close,
                        double *next_open) {
    *open = *close = *next_open = NAN;
    if (!h->config.calendars || instrument >= h->instrument_count || !has_date(ts_ns)) return;
    uint32_t calendar = tl_instruments_at(h->config.instruments, instrument)->calendar;
    tl_session session;
    bool inside;
    if (!tl_calendars_session_at(h->config.calendars, calendar, ts_ns, &session, &inside)) return;
    *open = (double)session.open_ns;
    *close = (double)session.close_ns;
    if (tl_calendars_next(h->config.calendars, calendar, ts_ns + 1, &session)) *next_open = (double)session.open_ns;
}

/* ---- the account ---- */

double tl_runtime_fee(const tl_host *h, double quantity, double value) {
    double fee = fabs(value) * h->config.taker_fee + quantity * h->config.fee_per_unit;
    return fee >= 0 && fee < h->config.least_fee ? h->config.least_fee : fee;
}

double tl_runtime_value_price(const tl_host *h, uint32_t instrument, int side) {
    const tl_view_instrument *seen = tl_view_at(h->view, instrument);
    double price = side == TL_SIDE_BUY ? seen->quote.ask_n : seen->quote.bid_n;
    if (isnan(price) && seen->last_price != TL_ABSENT) price = (double)seen->last_price;
    if (isnan(price)) price = seen->position.mark_n;
    return price / seen->price_unit;
}

/* Open orders of one side, as the gateway counts them: those that would trade by themselves. */
typedef struct open_side {
    double quantity;
    double value;
    double at_market; /* the part of the quantity that market orders are for */
    double fees;
} open_side;

static open_side open_of(const tl_host *h, uint32_t instrument, int side, double multiplier) {
    open_side sum = {0, 0, 0, 0};
    const tl_shown_order *orders = tl_mirror_orders(h->mirror);
    for (uint32_t slot = tl_mirror_first(h->mirror, instrument, side); slot != 0;
         slot = tl_mirror_next(h->mirror, slot, instrument, side)) {
        if (!tl_mirror_trades_by_itself(h->mirror, slot)) continue;
        const tl_shown_order *o = &orders[slot];
        double open = (o->quantity_n - o->filled_n) / o->size_unit;
        double price = isnan(o->price_n) ? tl_runtime_value_price(h, instrument, side) : o->price_n / o->price_unit;
        if (isnan(price)) price = 0; /* nothing is known: the gateway denies it */
        double value = open * price * multiplier;
        sum.quantity += open;
        sum.value += value;
        sum.fees += tl_runtime_fee(h, open, value);
        if (o->type_n == TL_TYPE_MARKET) sum.at_market += open;
    }
    return sum;
}

/* What `quantity` held and the open orders bind, as the gateway counts it (docs/ORDERS.md, Value, exposure, buying power): the worse side. */
static void add_bound(const tl_host *h, uint32_t id, double quantity, double mark, double *bound, double *margin,
                      double *fees) {
    const tl_instrument *instrument = tl_instruments_at(h->config.instruments, id);
    double multiplier = (double)instrument->multiplier_e8 / 1e8, held = fabs(quantity);
    open_side sides[2] = {open_of(h, id, TL_SIDE_BUY, multiplier), open_of(h, id, TL_SIDE_SELL, multiplier)};
    double worst_value = 0, worst_quantity = 0;
    for (int side = 0; side < 2; side++) {
        bool holds = side == 0 ? quantity > 0 : quantity < 0;
        double leaving = sides[!side].at_market, reduces = holds ? 0 : held;
        double kept = holds ? held - fmin(held, leaving) : 0;
        double adds = fmax(0, sides[side].quantity - reduces);
        double adds_value = sides[side].quantity > 0 ? sides[side].value * adds / sides[side].quantity : 0;
        worst_quantity = fmax(worst_quantity, kept + adds);
        worst_value = fmax(worst_value, (kept > 0 ? kept * mark * multiplier : 0) + adds_value);
    }
    if (instrument->margin_e8 > 0)
        *margin += worst_quantity * (double)instrument->margin_e8 / 1e8;
    else
        *bound += worst_value;
    *fees += sides[0].fees + sides[1].fees;
}

void tl_runtime_account_state(tl_host *h, tl_runtime_account *account) {
    const tl_shown_order *orders = tl_mirror_orders(h->mirror);
    uint32_t none = (uint32_t)TL_NO_INSTRUMENT;
    for (uint32_t slot = tl_mirror_first(h->mirror, none, TL_SIDE_NONE); slot != 0;
         slot = tl_mirror_next(h->mirror, slot, none, TL_SIDE_NONE))
        tl_host_note_traded(h, orders[slot].instrument_n);
    double start = (double)h->config.cash_e8 / 1e8, equity = start, cash = start, bound = 0, margin = 0, fees = 0;
    for (uint32_t i = 0; i < h->traded_count; i++) {
        uint32_t id = h->traded[i];
        const tl_instrument *instrument = tl_instruments_at(h->config.instruments, id);
        const tl_shown_position *p = &tl_view_at(h->view, id)->position;
        double quantity = p->quantity_n / p->size_unit;
        double mark = isnan(p->mark_n) ? p->average : p->mark_n / p->price_unit;
        double settled = p->realized - p->fees - p->funding;
        double open_value = quantity * mark * p->multiplier, cost = quantity * p->average * p->multiplier;
        if (quantity != 0) equity += open_value - cost;
        equity += settled;
        cash += instrument->margin_e8 > 0 || quantity == 0 ? settled : settled - cost;
        add_bound(h, id, quantity, mark, &bound, &margin, &fees);
    }
    account->equity = equity;
    account->cash = cash;
    account->margin_used = bound / h->config.leverage + margin + fees;
    double left = (equity - margin - fees) * h->config.leverage - bound;
    account->buying_power = left > 0 ? left : 0;
}

/* ---- random numbers and the C library's functions ---- */

double tl_runtime_random(tl_host *h) {
    return tl_random_uniform(&h->random);
}

void tl_runtime_random_seed(tl_host *h, double seed) {
    uint64_t bits;
    memcpy(&bits, &seed, sizeof bits);
    tl_random_seed(&h->random, bits, 1);
}

double tl_math_exp(double x) {
    return exp(x);
}

double tl_math_log(double x) {
    return log(x);
}

double tl_math_log2(double x) {
    return log2(x);
}

double tl_math_log10(double x) {
    return log10(x);
}

double tl_math_pow(double x, double y) {
    return pow(x, y);
}

double tl_math_sin(double x) {
    return sin(x);
}

double tl_math_cos(double x) {
    return cos(x);
}

double tl_math_tan(double x) {
    return tan(x);
}

double tl_math_asin(double x) {
    return asin(x);
}

double tl_math_acos(double x) {
    return acos(x);
}

double tl_math_atan(double x) {
    return atan(x);
}

double tl_math_atan2(double y, double x) {
    return atan2(y, x);
}

double tl_math_sinh(double x) {
    return sinh(x);
}

double tl_math_cosh(double x) {
    return cosh(x);
}

double tl_math_tanh(double x) {
    return tanh(x);
}

/* ---- what is kept ---- */

tl_kept *tl_runtime_kept(tl_host *h) {
    return h->kept;
}

void tl_runtime_log(tl_host *h, int level, const char *text) {
    tl_kept_log(h->kept, level, h->now_ns, text);
    if (h->log_to) h->log_to(h->log_context, level, h->now_ns, text);
}
