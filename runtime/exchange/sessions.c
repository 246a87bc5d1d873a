#include "exchange/sessions.h"

static void follow_with(tl_sessions *s, int phase, int64_t at_ns) {
    s->next_phase = phase;
    s->next_ns = at_ns;
}

void tl_sessions_begin(tl_sessions *s, tl_fill_models *models, uint32_t calendar, int64_t from_ns) {
    *s = (tl_sessions){.models = models, .calendar = calendar, .next_ns = INT64_MAX};
    bool inside;
    if (!tl_calendars_session_at(models->calendars, calendar, from_ns, &s->session, &inside)) return;
    if (!inside)
        follow_with(s, TL_STATE_PRE_OPEN, s->session.pre_open_ns);
    else if (from_ns < s->session.open_ns)
        follow_with(s, TL_STATE_PRE_OPEN, from_ns);
    else if (from_ns < s->session.close_ns)
        follow_with(s, TL_STATE_TRADING, from_ns);
    else
        follow_with(s, TL_STATE_CLOSED, from_ns);
}

void tl_sessions_step(tl_sessions *s) {
    tl_fill_models *m = s->models;
    tl_venue *v = m->venue;
    int phase = s->next_phase;
    int64_t now_ns = s->next_ns;
    const tl_session ended = s->session;
    s->next_ns = INT64_MAX;
    bool goes_on = false; /* the next session begins where this one ends: a market that never closes */
    if (phase == TL_STATE_PRE_OPEN) {
        follow_with(s, TL_STATE_TRADING, s->session.open_ns);
    } else if (phase == TL_STATE_TRADING) {
        follow_with(s, TL_STATE_CLOSED, s->session.close_ns);
    } else if (tl_calendars_next(m->calendars, s->calendar, ended.close_ns, &s->session)) {
        goes_on = s->session.pre_open_ns <= ended.close_ns;
        follow_with(s, s->session.pre_open_ns < s->session.open_ns ? TL_STATE_PRE_OPEN : TL_STATE_TRADING,
                    goes_on ? now_ns : s->session.pre_open_ns);
    }
    for (uint32_t i = 0; i < v->prepared; i++) {
        if (v->of[i].model == TL_FILL_ORDERS || tl_instruments_at(v->instruments, i)->calendar != s->calendar) continue;
        if (!goes_on && v->of[i].model != TL_FILL_NONE) tl_venue_set_state(v, i, phase, -1, "");
        if (phase == TL_STATE_TRADING) tl_fill_models_open(m, i);
        if (phase == TL_STATE_CLOSED && now_ns == ended.close_ns) tl_fill_models_close_session(m, i);
    }
}
