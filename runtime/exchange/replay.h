/* Replay of a NASDAQ TotalView-ITCH 5.0 day, order by order, in the venue's books with own orders among history's.
 *
 * Only instruments that somebody asked for have a book; messages of others are counted and passed over. docs/FILLS.md states every rule by which
 * own orders trade. Internal to the simulator; single owner; no allocation in the steady state.
 */
#ifndef TL_EXCHANGE_REPLAY_H
#define TL_EXCHANGE_REPLAY_H

#include "exchange/venue.h"
#include "market/itch.h"

typedef struct tl_replay tl_replay;

/* Opens a file whose day begins at `midnight_ns` and, if it holds no system events, closes at `close_ns` (INT64_MAX: never); the instruments that its head names join the venue's table. `number` (from 1, below 64) tells
 * the replays of a venue apart. */
tl_status tl_replay_open(tl_venue *venue, const char *path, int64_t midnight_ns, int64_t close_ns, uint32_t number,
                         tl_replay **out);
void tl_replay_close(tl_replay *replay);

/* Where messages come from that no file holds: up to `capacity` of them, 0 at the end. Their times are exchange time. */
typedef unsigned (*tl_replay_source)(void *context, tl_itch_message *messages, unsigned capacity);

/* Opens such a source, which is read once, from front to back: all instruments that it names are played from their first message on. */
tl_status tl_replay_open_source(tl_venue *venue, tl_replay_source source, void *context, uint32_t number, tl_replay **out);

/* Exchange time of the next message that matters, never before an earlier one; INT64_MAX at the end. */
int64_t tl_replay_next_ns(tl_replay *replay);

/* Plays that message, whose time tl_replay_next_ns() must have told; returns the time of the next. */
int64_t tl_replay_step(tl_replay *replay);

/* An instrument becomes wanted: from now on it is played. In mid-file it gets the book that it would have by now; for that the file is read
 * again up to here. */
tl_status tl_replay_follow(tl_replay *replay, uint32_t instrument);

/* Whether the end of messages (system event C) was met: nothing of this day comes behind it. */
bool tl_replay_complete(const tl_replay *replay);

/* Messages played or passed over, problems by kind, broken trades of wanted instruments, bytes of the file. */
uint64_t tl_replay_messages(const tl_replay *replay);
void tl_replay_problems(const tl_replay *replay, tl_itch_problem_counts *counts);
uint64_t tl_replay_broken_trades(const tl_replay *replay);
uint64_t tl_replay_consumed(const tl_replay *replay);
uint64_t tl_replay_size(const tl_replay *replay);
const char *tl_replay_path(const tl_replay *replay);

#endif
