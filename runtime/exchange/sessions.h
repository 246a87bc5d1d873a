/* The sessions of the calendars that CSV data lives by, as records on the tape: pre-open, open, close.
 *
 * Internal to the simulator; single owner; no allocation.
 */
#ifndef TL_EXCHANGE_SESSIONS_H
#define TL_EXCHANGE_SESSIONS_H

#include "exchange/fill_models.h"

typedef struct tl_sessions {
    tl_fill_models *models;
    uint32_t calendar;
    int32_t next_phase; /* tl_trading_state that begins at next_ns */
    int64_t next_ns;    /* INT64_MAX when there is none */
    tl_session session; /* that it belongs to */
} tl_sessions;

/* Sessions of a calendar from an instant on: the phase that it falls into begins then. */
void tl_sessions_begin(tl_sessions *sessions, tl_fill_models *models, uint32_t calendar, int64_t from_ns);

/* The phase at next_ns begins: the calendar's instruments get their state. */
void tl_sessions_step(tl_sessions *sessions);

#endif
