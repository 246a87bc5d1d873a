/* The control socket: lines from operators, a line of answer each.
 *
 * A unix stream socket of mode 0600; the peer's credentials must be those of the master's user or root. Several connections at once, requests are handed out one at a time, in turn. A
 * connection that sends no end of line within TL_CONTROL_LINE_BYTES, or does not take its answers, harms only itself: nothing here waits. Owned by the master's loop.
 */
#ifndef TL_SCHED_CONTROL_H
#define TL_SCHED_CONTROL_H

#include "base/status.h"

enum {
    TL_CONTROL_LINE_BYTES = 4096,
    TL_CONTROL_CONNECTIONS = 16, /* one more replaces the one that was silent for longest */
    TL_CONTROL_UNSENT = 1 << 20  /* with more unsent than this, a connection's further requests wait */
};

struct ev_loop;
typedef struct tl_control tl_control;

/* Makes the socket at `path` (a dead one there is replaced) and listens on `loop`. TL_ERR_IO, TL_ERR_ARGUMENT (a path too long). */
tl_status tl_control_open(struct ev_loop *loop, const char *path, tl_control **out);
/* Removes it. NULL is allowed. */
void tl_control_close(tl_control *control);

/* The next request: its line without the end, NULL when there is none; valid until the next call. What was not answered goes unanswered. */
const char *tl_control_next(tl_control *control);
/* Who asked. */
uint32_t tl_control_uid(const tl_control *control);
/* Answers it; a line end is added. Once a request. */
void tl_control_reply(tl_control *control, const char *text);

#endif
