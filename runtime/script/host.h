/* The host: one strategy in one sandboxed Lua state, fed from its input log.
 *
 * The state's memory comes from a jemalloc arena of its own, with a cap and a reserve. The drain loop is Lua (lua/tidelock/runtime/drain.lua), compiled by LuaJIT: it polls for
 * records and calls handlers; C applies each record to the view and the mirror just before its handler. An error in a handler
 * is reported once with its traceback, counted, and ends the strategy only past the error budget. Nothing of the host's is in a script's reach.
 *
 * Single owner. Set-up: create, params, load (the declaration is known then), bind (instruments exist), then records: START, PHASE, events, STOP.
 */
#ifndef TL_SCRIPT_HOST_H
#define TL_SCRIPT_HOST_H

#include "base/histogram.h"
#include "market/calendar.h"
#include "script/input_log.h"
#include "script/kept.h"
#include "script/mirror.h"
#include "script/view.h"

typedef struct tl_host tl_host;

/* Appends up to `max_records` records to the log and returns how many; 0 ends the drain. Called from inside the drain loop. */
typedef uint32_t (*tl_host_poll_function)(void *context, tl_input_log *log, uint32_t max_records);

typedef struct tl_host_config {
    const char *script;   /* path of the file */
    const char *name;     /* of the strategy; NULL = the script's */
    const char *library;  /* folder of lua/ */
    const char *account;  /* name of the account it trades */
    const char *currency; /* of the account */
    const tl_calendars *calendars;
    tl_instruments *instruments; /* may still grow until tl_host_bind() */
    uint64_t seed;               /* of math.random */
    uint64_t memory_bytes;       /* cap; 0 = the tier's default */
    int64_t cash_e8;             /* of the account, for snapshot.account and weights */
    double leverage;
    double taker_fee;    /* of the venue, as a share of the value: what weights and buying power leave room for */
    double fee_per_unit; /* a unit of quantity, besides */
    double least_fee;    /* of a fill */
    uint32_t strategy;   /* id, 0..4095 */
    uint32_t epoch;
    uint32_t batch;         /* records a poll; 0 = 64 */
    uint32_t error_budget;  /* handler errors before it ends; 0 = 100 */
    uint32_t no_jit;        /* 1: interpreted, for the determinism tests */
    uint32_t poison;        /* 1: shown records are poisoned after each handler */
    uint32_t time_handlers; /* 1: the first 256 calls of each handler are timed, then one in 64 */
    uint32_t retract;       /* 1: timers set in a handler cut the batch (a driver that can serve retracted records again) */
} tl_host_config;

typedef enum tl_host_state {
    TL_HOST_NEW = 0,
    TL_HOST_LOADED,
    TL_HOST_BOUND,
    TL_HOST_RUNNING,
    TL_HOST_STOPPED, /* in order */
    TL_HOST_FAILED   /* error budget spent, out of memory: tl_host_failure() says which */
} tl_host_state;

/* Per handler: calls, errors and times. */
typedef struct tl_handler_stats {
    char name[24];
    uint64_t calls;
    uint64_t errors;
    double p50_ns; /* of the timed calls, NaN without any */
    double p99_ns;
    double p999_ns;
    double max_ns;
} tl_handler_stats;

/* Where log lines go: level 0 debug, 1 info, 2 warn, 3 error. */
typedef void (*tl_host_log_function)(void *context, int level, int64_t ts_ns, const char *text);

/* What a live worker hangs into its host. Members may be NULL. */
typedef struct tl_host_hooks {
    void *context;
    /* A handler (or an answer to a request) has sent commands: they are to be taken at once. */
    void (*sent)(void *context);
    uint64_t *in_hand[2];    /* the progress lines: sequence of the event whose handler runs, 0 when none does */
    tl_histogram *handlers;  /* times of handlers: of those that are timed */
    const uint64_t *skipped; /* sequences whose handlers are not called (two generations died in them); on_error is told */
    uint32_t skipped_count;
    uint32_t live; /* 1: no handler runs before START, and a timer is taken when its record is consumed, not when that is
                      appended: what stands before it in the log may cancel it */
} tl_host_hooks;

tl_status tl_host_create(const tl_host_config *config, tl_host **out);
void tl_host_destroy(tl_host *host);

/* Overrides a param (symbol NULL: for all). `text` is a number, true, false, or a string; it is checked against the declaration by load. */
tl_status tl_host_param(tl_host *host, const char *symbol, const char *name, const char *text);
/* Replaces the script's symbols. */
tl_status tl_host_symbol(tl_host *host, const char *symbol);
/* Outside data that the run has: its name and columns, in order (TL_EVENT_DATA's w[0] is the index). */
tl_status tl_host_data(tl_host *host, const char *name, uint32_t columns, const char *const *column_names);

/* Runs the file; checks declaration, params and handler names. */
tl_status tl_host_load(tl_host *host);

/* The declaration, after load. */
const char *tl_host_name(const tl_host *host);
const char *tl_host_tier(const tl_host *host);
uint32_t tl_host_symbols(const tl_host *host); /* count; 0 with tl_host_wants_all() = "*" */
const char *tl_host_symbol_at(const tl_host *host, uint32_t i);
bool tl_host_wants_all(const tl_host *host);
bool tl_host_has_handler(const tl_host *host, const char *name);
uint32_t tl_host_depth(const tl_host *host);
bool tl_host_wants_flow(const tl_host *host); /* orders = true */
bool tl_host_fills_bars(const tl_host *host); /* bars = { ..., fill = true }: intervals without a trade have bars too */
uint32_t tl_host_intervals(const tl_host *host);
int64_t tl_host_interval_at(const tl_host *host, uint32_t i);      /* ns */
uint32_t tl_host_warmup(const tl_host *host, int64_t interval_ns); /* bars wanted before the first live event */
uint32_t tl_host_param_count(const tl_host *host);
const char *tl_host_param_name(const tl_host *host, uint32_t i);
const char *tl_host_param_text(const tl_host *host, uint32_t i); /* the effective value */

/* Resolves symbols; an unknown one is an error that names the nearest. Afterwards tl_host_subscribed() tells which instruments. */
tl_status tl_host_bind(tl_host *host);
bool tl_host_subscribed(const tl_host *host, uint32_t instrument);

uint32_t tl_host_instruments(const tl_host *host); /* that its view holds */

/* Place of an instrument among those that were ever subscribed: the declared symbols in their order, then those of handlers; 0 for one that never was. Bars of
 * one close come in this order. */
uint32_t tl_host_place(const tl_host *host, uint32_t instrument);

/* Subscriptions that handlers changed since the last call (self:subscribe): the next instrument, -1 for none; *wanted tells which way. */
int64_t tl_host_next_subscription(tl_host *host, bool *wanted);

tl_input_log *tl_host_log(tl_host *host);
tl_mirror *tl_host_mirror(tl_host *host);
tl_view *tl_host_view(tl_host *host);

/* Where records come from; without one the drain consumes what is in the log. */
void tl_host_set_poll(tl_host *host, tl_host_poll_function poll, void *context);
void tl_host_set_log(tl_host *host, tl_host_log_function log, void *context);
void tl_host_set_hooks(tl_host *host, const tl_host_hooks *hooks);
/* Another log in place of its own, which must be empty; taken over. */
void tl_host_use_log(tl_host *host, const tl_input_log *log);
/* Consumes records that stand in no log: the start of a generation that goes on from a checkpoint. They are shown `sequence` as theirs. */
tl_status tl_host_inject(tl_host *host, const tl_event *events, uint32_t count, uint64_t sequence);

/* Values of the row that a DATA record is, set by the driver before the record is consumed. */
void tl_host_set_data_row(tl_host *host, uint32_t input, const double *values);

/* Runs the drain loop until a poll returns 0. TL_OK, or TL_ERR_SCRIPT once the state is FAILED. */
tl_status tl_host_drain(tl_host *host);

int tl_host_state_of(const tl_host *host);
const char *tl_host_failure(const tl_host *host);     /* a sentence; "" when it has not failed */
const char *tl_host_first_error(const tl_host *host); /* message and traceback of the first handler error; "" for none */
uint64_t tl_host_errors(const tl_host *host);
uint64_t tl_host_handled(const tl_host *host);  /* records consumed */
uint64_t tl_host_sequence(const tl_host *host); /* of the last one, and its time */
int64_t tl_host_now_ns(const tl_host *host);

/* When the next timer fires (runtime time), INT64_MAX for none; the driver then appends a TL_EVENT_TIMER made by tl_host_take_timer(). */
int64_t tl_host_next_timer_ns(const tl_host *host);
/* The timer that is due at or before now_ns as a record (source TIMER, ts_ns its deadline); false when none is. */
bool tl_host_take_timer(tl_host *host, int64_t now_ns, tl_event *event);

/* The same without taking it, for a host whose hooks say live. */
bool tl_host_due_timer(const tl_host *host, int64_t now_ns, tl_event *event);

/* Signals (signal.send) that wait to be taken, first in first out; the last TL_SIGNALS_KEPT are kept. `sent` counts all. Whoever runs several strategies takes them after each
 * drain, and appends them to the others' logs as TL_EVENT_SIGNAL; in a backtest there is nobody to take them. */
enum { TL_SIGNAL_NAME_BYTES = 64, TL_SIGNALS_KEPT = 1024 };
typedef struct tl_signal {
    uint64_t input_sequence; /* the event in whose handler it was sent */
    double value;
    char name[TL_SIGNAL_NAME_BYTES]; /* zero-terminated */
} tl_signal;
bool tl_host_take_signal(tl_host *host, tl_signal *signal);
uint64_t tl_host_signals_sent(const tl_host *host);

/* The names that on_signal's `from` and on_venue's `venue` have. TL_ERR_NO_MEMORY. */
tl_status tl_host_name_peer(tl_host *host, uint32_t strategy, const char *name);
tl_status tl_host_name_venue(tl_host *host, uint32_t venue, const char *name);

/* What the strategy logged, recorded and counted (see kept.h). */
const tl_kept *tl_host_kept(const tl_host *host);

/* Handlers that exist or were called, and what is known of each. */
uint32_t tl_host_handlers(const tl_host *host);
void tl_host_handler_stats(const tl_host *host, uint32_t i, tl_handler_stats *stats);
uint64_t tl_host_memory_bytes(const tl_host *host); /* the most at a time */
uint64_t tl_host_used_bytes(const tl_host *host);   /* now */
/* Traces that the compiler holds now: a number that falls means that all were thrown away since (too many, or no room for machine code), which is alarming
 * after warm-up. 0 with no_jit. Between two drains. */
uint32_t tl_host_traces(tl_host *host);

/* True once a CHECKPOINT record was consumed: its owner ends the drain, saves, and says so by tl_host_checkpointed(). */
bool tl_host_checkpoint_due(const tl_host *host);
void tl_host_checkpointed(tl_host *host);

/* Checkpoints, between two drains: on_save (or self.state) as text, valid until the next call, and on_load with such a text. TL_ERR_SCRIPT when a handler raises or
 * refuses, or the state is no plain data. */
tl_status tl_host_save(tl_host *host, const char **text, size_t *length);
tl_status tl_host_restore(tl_host *host, const char *text, size_t length, uint32_t version);

/* The whole host written down between two drains (orders, view, timers, random stream, metrics, params, and the text that tl_host_save() gave), and read into a fresh one that is
 * bound; on_load is called. Functions as timers are gone afterwards. TL_ERR_LIMIT when it does not fit, TL_ERR_FORMAT, TL_ERR_SCRIPT. */
tl_status tl_host_save_image(tl_host *host, const char *text, size_t length, tl_image *image);
tl_status tl_host_restore_image(tl_host *host, tl_image *image);
/* The start of a generation that goes on from a checkpoint, which is event `sequence`: on_start("recovery") with sends refused. It leaves random stream and timers' ids as they were, so
 * that the log behind the checkpoint finds what it found before. */
tl_status tl_host_begin_again(tl_host *host, uint64_t sequence, int64_t now_ns);

#endif
