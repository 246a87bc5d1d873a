/* The strategy agent's own state, shared by live.c (its life and what it sends), live_poll.c (its inputs), live_resync.c (the market as of now) and live_recover.c (checkpoints and
 * recovery). Nobody else includes this. */
#ifndef TL_SCRIPT_LIVE_INSIDE_H
#define TL_SCRIPT_LIVE_INSIDE_H

#ifndef TL_CDEF
#include "base/clock.h"
#include "base/counters.h"
#include "gateway/message.h"
#include "memory/pool_counters.h"
#include "queue/broadcast.h"
#include "queue/channel.h"
#include "script/live.h"
#include "venue/feed.h"

enum {
    LIVE_RECORDS = 64,  /* of a source in a pass */
    LIVE_OPERATED = 64, /* records of the operator's that may wait */
    LIVE_COUNTERS = 256 /* in the section */
};

/* Its way through life, in this order. */
typedef enum live_phase {
    LIVE_NEW = 0,
    LIVE_ASKING,    /* the gateway is to be asked what there is */
    LIVE_ATTACHING, /* the gateway was asked what there is */
    LIVE_LOOKING,   /* the market is read from the latches */
    LIVE_RUNNING,
    LIVE_STOPPING, /* on_stop is in the log */
    LIVE_STOPPED,
    LIVE_FAILED
} live_phase;

/* An instrument whose market is to be read from its latch. */
typedef struct live_resync {
    uint32_t instrument;
    uint32_t why; /* RESYNC_* */
    uint64_t lost;
} live_resync;

enum { RESYNC_START = 0, RESYNC_SUBSCRIBED, RESYNC_GAP };

typedef struct live_counters {
    tl_counter *records, *market, *messages, *timers, *commands, *repeated, *ring_full, *gaps, *lost, *waits, *checkpoints,
        *checkpoint_failures, *checkpoint_bytes, *rerun, *signals;
    tl_pool_counters pool;
} live_counters;

struct tl_live {
    tl_live_config with;
    tl_host *host;
    tl_mirror *mirror;
    tl_view *view;
    tl_input_log *log;
    tl_input_log_head *head;
    tl_worker_page *page;
    tl_stages *stages;
    live_counters counters;

    tl_spsc_producer commands;
    tl_spsc_consumer messages;
    tl_broadcast_reader feed;
    tl_broadcast_writer lines;
    tl_broadcast_writer signals;
    tl_broadcast_reader *peers;
    tl_live_peer *peer_list;
    uint64_t signal_sequence; /* of the event in whose handler the last published signal was sent */
    const void *latches;

    live_phase phase;
    bool started;   /* START is in the log */
    bool recovered; /* this generation goes on from a predecessor's log */
    bool stop_asked;
    bool saving; /* a CHECKPOINT record was appended */
    bool rerun;  /* records of the predecessor's are worked through */
    bool quiet;  /* what is logged was logged before */
    bool wants_flow;
    int64_t now_ns;
    uint64_t messages_taken; /* in this pass */
    uint32_t batch;          /* records of a source in the next pass */
    uint32_t batch_records;  /* appended by the last pass */
    uint64_t batch_began;    /* ticks */
    uint64_t budget_ticks;
    uint64_t busy_ticks; /* of handlers in this drain */
    uint64_t appended;   /* records, in this drain */
    tl_decisions_hash decisions;
    uint64_t errors_before; /* handlers that raised before the state that this generation began from was a fresh one */
    uint64_t sampled;       /* sequence as of which they were published last */

    uint8_t *wanted;      /* by instrument */
    uint64_t *skip_until; /* by instrument: ring positions below it are in what was read from its latch */
    uint64_t skip_most;
    uint32_t instrument_count;
    live_resync *resyncs;
    uint32_t resync_count, resync_capacity;
    int64_t bars_closed_ns; /* bars up to here were closed: later trades belong behind it */

    tl_operator operated[LIVE_OPERATED];
    uint32_t operated_count;
    uint8_t links[256]; /* by venue: tl_venue_link + 1, told before START; 0 = none was */
    tl_command *denied; /* did not fit into the ring: their reports are due */
    uint32_t denied_count, denied_capacity;
    tl_command *held; /* sent while rerunning */
    uint32_t held_count, held_capacity;
    uint64_t sent_sequence; /* what the predecessor had sent last */
    uint32_t sent_index;
    bool sent_any;

    /* checkpoints */
    void *checkpoints[2];
    uint64_t checkpoint_bytes;
    uint64_t checkpoint_number;
    uint64_t checkpoint_at; /* position of the log that the last whole one reaches, or of the last try */
    uint64_t restored;      /* sequence of the checkpoint that this generation began from, 0 = none */
    uint64_t restored_at;   /* its position */
    uint64_t save_sequence; /* of the CHECKPOINT record */
};

/* live.c */
void live_send(tl_live *live);
void live_send_held(tl_live *live);
void live_ask_attach(tl_live *live);
void live_line(tl_live *live, int level, const char *text);
void live_wake(tl_live *live);
void live_signal(tl_live *live);
/* live_poll.c */
uint32_t live_poll(void *live, tl_input_log *log, uint32_t max_records);
/* Appends a record of one slot that comes from within. */
bool live_own(tl_live *live, const tl_event *event);
void live_commit(tl_live *live);
void live_feed_bars(tl_live *live, const tl_event *trade);
/* live_resync.c: reads the market of one instrument that waits; false when none can be read now. */
void live_resync_ask(tl_live *live, uint32_t instrument, uint32_t why, uint64_t lost);
void live_resync_all(tl_live *live, uint32_t why, uint64_t lost);
bool live_resync_next(tl_live *live);
/* live_recover.c */
tl_status live_find_checkpoint(tl_live *live);
tl_status live_recover(tl_live *live);
void live_save(tl_live *live);
bool live_save_due(const tl_live *live, bool idle);
#endif

#endif
