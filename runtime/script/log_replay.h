/* A strategy's recorded input log run again through the same script: the same decisions, or the event behind which they differ.
 *
 * The caller makes hosts, as the log may hold several generations: tl_log_replay_run() returns TL_REPLAY_HOST when it needs a fresh one (loaded and bound), at the start and at each
 * recovery. Checkpoints are taken where the log says that they were, and a recovery goes on from the one it names, as the live one did. Nothing waits: it is as fast as the script.
 */
#ifndef TL_SCRIPT_LOG_REPLAY_H
#define TL_SCRIPT_LOG_REPLAY_H

#include "script/host.h"
#include "script/log_file.h"

typedef struct tl_log_replay tl_log_replay;

typedef enum tl_replay_step {
    TL_REPLAY_HOST = 1, /* tl_log_replay_host() is due */
    TL_REPLAY_DONE,     /* the log is at its end, or decisions differ */
    TL_REPLAY_FAILED    /* the strategy failed, or the log cannot be gone on with: tl_error_text() */
} tl_replay_step;

typedef struct tl_replay_result {
    tl_decisions_hash decisions; /* of the replay */
    tl_decisions_hash live;      /* recorded last */
    uint64_t live_sequence;      /* as of this event */
    uint64_t records;
    uint64_t generations;
    uint64_t compared;      /* samples that agreed */
    uint64_t same_sequence; /* the last event as of which decisions agreed */
    uint64_t differs_at;    /* the first sample that differs is as of this event; 0 = none does */
    tl_decisions_hash differs_live, differs_replay;
} tl_replay_result;

/* Of one strategy of a file, which is borrowed. TL_ERR_NO_MEMORY. */
tl_status tl_log_replay_create(const tl_log_of *log, tl_log_replay **out);
void tl_log_replay_destroy(tl_log_replay *replay);

/* A host in place of the one before, which may be destroyed afterwards. */
void tl_log_replay_host(tl_log_replay *replay, tl_host *host);
/* A tl_replay_step. */
int tl_log_replay_run(tl_log_replay *replay);
void tl_log_replay_result(const tl_log_replay *replay, tl_replay_result *result);
/* What was sent behind the last sample that agreed, up to 256: where decisions differ, the first of them are it. */
const tl_command *tl_log_replay_commands(const tl_log_replay *replay, uint32_t *count);

#endif
