/* Text for a descriptor whose reader may be slow, stuck, or gone: a terminal that was stopped, a pipe that nobody empties. A thread of the speaker's own does the
 * writing; who says something never waits for it. What finds no room is dropped as a whole and counted.
 *
 * One thread says, one speaker a descriptor. A process that speaks to pipes ignores SIGPIPE: after a write that fails nothing more is written.
 */
#ifndef TL_BASE_SPEAKER_H
#define TL_BASE_SPEAKER_H

#include "base/status.h"

typedef struct tl_speaker tl_speaker;

/* `capacity`: bytes that may wait. The descriptor stays the caller's. TL_ERR_NO_MEMORY, TL_ERR_IO. */
tl_status tl_speaker_create(int32_t fd, uint64_t capacity, tl_speaker **out);

/* Waits up to `patience_ns` for what was said to be written. A reader that is stuck for longer costs the thread and its memory, which are left behind. */
void tl_speaker_destroy(tl_speaker *speaker, int64_t patience_ns);

/* Says all of it or, when there is no room, nothing: false. Never waits. */
bool tl_speaker_say(tl_speaker *speaker, const char *text, uint64_t length);

/* How often there was no room since this was asked last. */
uint64_t tl_speaker_dropped(tl_speaker *speaker);

#endif
