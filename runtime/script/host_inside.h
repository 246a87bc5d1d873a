/* The host's own state, shared by host.c (its life) and host_next.c (its records). Nobody else includes this. */
#ifndef TL_SCRIPT_HOST_INSIDE_H
#define TL_SCRIPT_HOST_INSIDE_H

#ifndef TL_CDEF
#include "base/random.h"
#include "script/kept.h"
#include "script/runtime.h"
#include "script/state.h"

enum {
    TIME_OCTAVES = 40,
    TIME_STEPS = 16,
    MAX_DATA_INPUTS = 64,
    TEXT_BYTES = 256,
    UNTOLD_SAGAS = 64,
    TIMED_AT_FIRST = 256,
    TIMED_ONE_IN = 64
};

/* Times of one handler: counts by octave and sixteenths of it. The first calls are all timed, then one in 64, which counts for 64. */
typedef struct handler_times {
    uint64_t buckets[TIME_OCTAVES * TIME_STEPS];
    uint64_t count;
    uint64_t max; /* in ticks */
} handler_times;

/* Outside data: rows that were set and not consumed yet, first in first out. */
typedef struct data_input {
    char *name;
    char **columns;
    uint32_t column_count;
    double *rows; /* capacity x column_count */
    uint64_t begin;
    uint64_t end;
    uint32_t capacity; /* rows, a power of two */
    double *current;   /* column_count values of the record in hand */
} data_input;

/* A name by number. */
typedef struct known_name {
    uint32_t number;
    char *name;
} known_name;

typedef struct known_names {
    known_name *names;
    uint32_t count;
} known_names;

typedef struct override {
    char *symbol; /* NULL: for all */
    char *name;
    char *text;
} override;

/* Stages that go to Lua whether or not the script has a handler. */
enum {
    ALWAYS_WANTED = 1 << TL_STAGE_TIMER | 1 << TL_STAGE_PHASE | 1 << TL_STAGE_PARAM | 1 << TL_STAGE_SAGA | 1 << TL_STAGE_STEP
};

/* Where things stand on the Lua stack. */
enum { AT_ON_ERROR = 1, AT_BOOT, AT_DRAIN, AT_REPORT };

struct tl_host {
    /* what tl_runtime_next() touches for each record */
    tl_input_log log;
    tl_view *view;
    tl_mirror *mirror;
    tl_timers *timers;
    tl_host_poll_function poll;
    void *poll_context;
    tl_runtime_records records;
    int64_t now_ns;
    int64_t started_ns;
    uint64_t sequence;
    uint64_t handled;
    uint64_t begun_at; /* tick at which the handler in hand began; 0 = it is not timed */
    uint32_t wanted;   /* bit per stage that goes to Lua */
    uint32_t handlers; /* bit per stage that has a handler */
    uint32_t instrument_count;
    int in_hand;                    /* stage whose handler runs */
    int pending;                    /* the next stage of the same record */
    uint32_t untold_count;          /* sagas that ended before the start: on_saga is told behind it */
    tl_report untold[UNTOLD_SAGAS]; /* the first of them */
    uint32_t step;                  /* saga of which the record in hand closed a leg: its step comes last */
    bool
        seldom; /* one of `untold_count`, `step`, `checkpoint_due` may be set, or the host is stopped: looked at before the next record */
    bool timer_set;
    bool scoped;
    bool started;
    bool checkpoint_due;
    int skipping;               /* stage of the event that is skipped, until on_error has been told */
    const uint32_t *sent_count; /* of the mirror */
    tl_host_hooks hooks;        /* in_hand never NULL */
    uint64_t nowhere;           /* where progress goes that nobody watches */
    uint64_t calls[TL_STAGES];
    uint64_t errors[TL_STAGES];

    tl_state lua;
    tl_host_config config;
    tl_kept *kept;
    tl_random random;
    handler_times *times; /* TL_STAGES */
    double ns_per_tick;
    int state;
    int phase;
    uint64_t error_count;
    char failure[TL_STATE_MESSAGE_BYTES + TEXT_BYTES];
    char first_error[TL_STATE_MESSAGE_BYTES + TL_STATE_TRACEBACK_BYTES + 64];
    tl_host_log_function log_to;
    void *log_context;
    override *params;
    uint32_t param_count;
    char **symbols; /* replacing the script's */
    uint32_t symbol_count;
    data_input data[MAX_DATA_INPUTS];
    uint32_t data_count;
    uint32_t *traded; /* instruments with a report, for the account */
    uint32_t traded_count;
    uint32_t traded_capacity;
    uint32_t *changed; /* subscriptions that handlers changed */
    uint32_t changed_count;
    uint32_t changed_capacity;
    tl_signal *signals; /* TL_SIGNALS_KEPT */
    uint64_t signals_taken, signals_sent;
    char signal_name[TL_SIGNAL_NAME_BYTES]; /* of the one in hand */
    known_names peers, venues;
    uint32_t places; /* given out to instruments that were subscribed */
    /* the declaration, as text of C's own: Lua strings may move out of reach */
    char *strategy_name;
    char *tier;
    char **declared;
    uint32_t declared_count;
    int64_t *intervals;
    uint32_t *warmups; /* beside intervals */
    uint32_t interval_count;
    char **param_names;
    char **param_texts;
    uint32_t param_text_count;
    uint32_t depth;
    bool wants_all;
    bool wants_flow;
    bool fills_bars;
};

/* host_signal.c */
void tl_host_signals_close(tl_host *host);
/* host.c: boot[name](...), for the other files of the host. */
tl_status tl_host_boot_save(tl_host *host, const char *name, const char **text, size_t *length);
tl_status tl_host_boot_restore(tl_host *host, const char *name, const char *text, size_t length, uint32_t version);
/* host.c */
void tl_host_data_retracted(tl_host *host);
/* host_next.c: the account looks at this instrument from now on. */
void tl_host_note_traded(tl_host *host, uint32_t instrument);
/* The progress lines, watched from outside: nothing else depends on them, so that no order is needed. */
static inline void show_progress(const tl_host *h, uint64_t sequence) {
    __atomic_store_n(h->hooks.in_hand[0], sequence, __ATOMIC_RELAXED);
    __atomic_store_n(h->hooks.in_hand[1], sequence, __ATOMIC_RELAXED);
}

#endif

#endif
