/* The door of the Lua side: what lua/tidelock/runtime/ calls of its host through FFI, and nobody else.
 *
 * tl_runtime_next() is the drain loop's one call a handled event: it applies records to view and mirror up to and including the next one with
 * a handler, fills the record that the handler is shown, and says which handler (a stage). Everything else is set-up or what a handler asks for.
 * Single owner; none of these may be called but from the host's own Lua state.
 */
#ifndef TL_SCRIPT_RUNTIME_H
#define TL_SCRIPT_RUNTIME_H

#include "script/host.h"
#include "script/timers.h"

/* What the drain loop does next. From TL_STAGE_START on these are handlers, in the order of tl_stage_name(). */
typedef enum tl_stage {
    TL_STAGE_DONE = 0, /* no more records */
    TL_STAGE_YIELD,    /* back to C: collect garbage, then again */
    TL_STAGE_PHASE,    /* self.phase changes; no handler */
    TL_STAGE_START,
    TL_STAGE_STOP,
    TL_STAGE_QUOTE,
    TL_STAGE_TRADE,
    TL_STAGE_BOOK,
    TL_STAGE_BAR,
    TL_STAGE_BARS,
    TL_STAGE_MARK,
    TL_STAGE_ACTION,
    TL_STAGE_DATA,
    TL_STAGE_FILL,
    TL_STAGE_ORDER,
    TL_STAGE_TIMER,
    TL_STAGE_STATUS,
    TL_STAGE_FEED,
    TL_STAGE_GAP,
    TL_STAGE_PARAM,
    TL_STAGE_SIGNAL,
    TL_STAGE_VENUE,
    TL_STAGE_SAGA, /* one ended: other.a_n its number, b_n its tl_saga_status, c_n its tl_reason, d_n its tag */
    TL_STAGE_STEP, /* an order of a saga's leg has closed, and its report was handled: other.a_n the saga's number */
    TL_STAGE_ERROR,
    TL_STAGE_SAVE,
    TL_STAGE_LOAD,
    TL_STAGES
} tl_stage;

/* "on_quote"; "" for what is no handler. */
const char *tl_stage_name(int stage);

/* The records that handlers are shown: memory of the Lua side, filled by C. */
typedef struct tl_runtime_records {
    tl_shown_quote *quote;
    tl_shown_trade *trade;
    tl_shown_bar *bar;
    tl_shown_other *other;
    tl_shown_report *report;
} tl_runtime_records;

void tl_runtime_attach(tl_host *host, const tl_runtime_records *records);
/* A handler exists (or no longer does). */
void tl_runtime_handle(tl_host *host, int stage, bool there);
int tl_runtime_next(tl_host *host);

/* The runtime's clock: the time of the record in hand. */
int64_t tl_runtime_now_ns(const tl_host *host);
/* The first record's time. */
int64_t tl_runtime_started_ns(const tl_host *host);
/* True once the host wants the script to end, whatever it catches. */
bool tl_runtime_stopping(const tl_host *host);

/* The configuration and the agents. */
const tl_host_config *tl_runtime_config(const tl_host *host);

/* The deadline of the scope that the handler in hand is in, 0 for none; it ends with the handler at the latest. */
void tl_runtime_scope(tl_host *host, int64_t deadline_ns);

/* Timers: an id, 0 with the error text set; cancelling one that is not armed returns false. */
uint32_t tl_runtime_timer_set(tl_host *host, const tl_timer *timer);
/* An armed timer by id, NULL when there is none; and the id of the i-th that is armed, 0 past the last. */
const tl_timer *tl_runtime_timer_of(const tl_host *host, uint32_t id);
uint32_t tl_runtime_timer_at(const tl_host *host, uint32_t i);
bool tl_runtime_timer_cancel(tl_host *host, uint32_t id);

/* Subscriptions of a bound host. */
tl_status tl_runtime_subscribe(tl_host *host, uint32_t instrument, bool wanted);

/* A signal for other strategies. False when `name` is empty or longer than TL_SIGNAL_NAME_BYTES - 1, or history is played. */
bool tl_runtime_signal(tl_host *host, const char *name, double value);
/* The name of the signal in hand; of a strategy by its id, and of a venue by its index: "" for what is not known. */
const char *tl_runtime_signal_name(const tl_host *host);
const char *tl_runtime_peer_name(const tl_host *host, uint32_t strategy);
const char *tl_runtime_venue_name(const tl_host *host, uint32_t venue);

/* Values of the DATA record in hand; NULL for an input that has none. */
const double *tl_runtime_data_row(const tl_host *host, uint32_t input);

/* Instants: ns since midnight in the instrument's zone, and all digits in ISO 8601 (UTC) into text[40]. */
double tl_runtime_time_of_day_ns(const tl_host *host, uint32_t instrument, int64_t ts_ns);
int tl_runtime_iso(int64_t ts_ns, char *text);

/* Sessions: opening and closing of the one that an instant is in (else the next), and the opening after it; NaN where there is none. */
void tl_runtime_session(const tl_host *host, uint32_t instrument, int64_t ts_ns, double *open, double *close,
                        double *next_open);

/* The account as the strategy's own view has it, in its currency. */
typedef struct tl_runtime_account {
    double equity;
    double cash;
    double buying_power;
    double margin_used;
} tl_runtime_account;
void tl_runtime_account_state(tl_host *host, tl_runtime_account *account);

/* The estimated taker fee of a quantity (absolute) and its value. */
double tl_runtime_fee(const tl_host *host, double quantity, double value);

/* The price at which the gateway values a market order: the other side of the quote, else the last price, else the mark; NaN when there is none. */
double tl_runtime_value_price(const tl_host *host, uint32_t instrument, int side);

/* math.random's stream, and the functions of the C library that scripts use: called by both interpreter and compiled code. */
double tl_runtime_random(tl_host *host);
void tl_runtime_random_seed(tl_host *host, double seed);
double tl_math_exp(double x);
double tl_math_log(double x);
double tl_math_log2(double x);
double tl_math_log10(double x);
double tl_math_pow(double x, double y);
double tl_math_sin(double x);
double tl_math_cos(double x);
double tl_math_tan(double x);
double tl_math_asin(double x);
double tl_math_acos(double x);
double tl_math_atan(double x);
double tl_math_atan2(double y, double x);
double tl_math_sinh(double x);
double tl_math_cosh(double x);
double tl_math_tanh(double x);

/* Where log lines, series, results and metrics go. */
tl_kept *tl_runtime_kept(tl_host *host);
void tl_runtime_log(tl_host *host, int level, const char *text);

#endif
