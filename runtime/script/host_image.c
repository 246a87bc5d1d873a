/* A host written down and read back. */
#include <stdlib.h>
#include <string.h>

#include "script/host_inside.h"
#include "script/image.h"

/* What stands in the host itself. */
typedef struct host_numbers {
    tl_random random;
    int64_t now_ns;
    int64_t started_ns;
    uint64_t sequence;
    uint64_t handled;
    uint64_t error_count;
    uint32_t places;
    uint32_t started;
} host_numbers;

/* ---- the view ---- */

static bool is_known(const tl_view_instrument *r) {
    return r->place != 0 || r->traded;
}

static void put_view(tl_host *h, tl_image *image) {
    uint64_t known = 0;
    for (uint32_t id = 0; id < h->instrument_count; id++)
        known += is_known(tl_view_at(h->view, id));
    tl_image_put_u64(image, known);
    for (uint32_t id = 0; id < h->instrument_count; id++) {
        const tl_view_instrument *r = tl_view_at(h->view, id);
        if (!is_known(r)) continue;
        tl_image_put_u64(image, id);
        tl_image_put(image, r, sizeof *r); /* its pointers mean nothing to a reader */
        for (int side = 0; side < 2; side++)
            tl_image_put(image, r->sides[side].levels, r->sides[side].count * sizeof *r->sides[side].levels);
        for (uint32_t i = 0; i < h->interval_count; i++) {
            const tl_view_bars *bars = tl_view_bars_of(h->view, id, h->intervals[i]);
            uint64_t kept = !bars ? 0 : bars->total <= bars->mask ? bars->total : bars->mask + 1;
            tl_image_put_u64(image, kept);
            tl_image_put_u64(image, bars ? bars->total : 0);
            for (uint64_t at = bars ? bars->total - kept : 0; bars && at < bars->total; at++)
                tl_image_put(image, &bars->bars[at & bars->mask], sizeof *bars->bars);
        }
    }
}

static void get_levels(tl_image *image, tl_view_side *side, uint32_t count) {
    if (count > (image->capacity - image->at) / sizeof *side->levels) image->broken = true;
    if (image->broken) return;
    if (count > side->capacity) {
        tl_view_level *levels = realloc(side->levels, count * sizeof *levels);
        if (!levels) {
            image->broken = true;
            return;
        }
        side->levels = levels;
        side->capacity = count;
    }
    tl_image_get(image, side->levels, count * sizeof *side->levels);
    side->count = count;
}

static void get_bars(tl_host *h, tl_image *image, uint32_t id, int64_t interval_ns) {
    uint64_t kept = tl_image_get_count(image, sizeof(tl_shown_bar)), total = tl_image_get_u64(image);
    if (kept == 0 || image->broken) return;
    if (tl_view_keep_bars(h->view, id, interval_ns, (uint32_t)kept) != TL_OK) image->broken = true;
    tl_view_bars *bars = tl_view_bars_of(h->view, id, interval_ns);
    if (image->broken || !bars) return;
    tl_shown_bar bar;
    bars->total = total - kept;
    for (uint64_t i = 0; i < kept; i++) {
        tl_image_get(image, &bar, sizeof bar);
        bars->bars[bars->total++ & bars->mask] = bar;
    }
}

static void get_view(tl_host *h, tl_image *image) {
    uint64_t known = tl_image_get_count(image, sizeof(tl_view_instrument));
    for (uint32_t id = 0; id < h->instrument_count; id++)
        tl_view_at(h->view, id)->subscribed = tl_view_at(h->view, id)->place = 0; /* as the image has it */
    for (uint64_t i = 0; i < known && !image->broken; i++) {
        uint64_t id = tl_image_get_u64(image);
        tl_view_instrument saved;
        tl_image_get(image, &saved, sizeof saved);
        if (id >= h->instrument_count) image->broken = true;
        if (image->broken) return;
        tl_view_instrument *r = tl_view_at(h->view, (uint32_t)id);
        uint32_t counts[2] = {saved.sides[0].count, saved.sides[1].count};
        memcpy(saved.sides, r->sides, sizeof saved.sides);
        saved.kept_bars = r->kept_bars;
        *r = saved;
        for (int side = 0; side < 2; side++)
            get_levels(image, &r->sides[side], counts[side]);
        for (uint32_t k = 0; k < h->interval_count; k++)
            get_bars(h, image, (uint32_t)id, h->intervals[k]);
    }
}

/* ---- the rest ---- */

static void put_timers(const tl_host *h, tl_image *image) {
    tl_timers_state state;
    const tl_timer *all = tl_timers_all(h->timers, &state);
    tl_image_put(image, &state, sizeof state);
    tl_image_put(image, all, state.count * sizeof *all);
}

static void get_timers(tl_host *h, tl_image *image) {
    tl_timers_state state;
    tl_image_get(image, &state, sizeof state);
    if (state.count > (image->capacity - image->at) / sizeof(tl_timer)) image->broken = true;
    if (image->broken) return;
    if (tl_timers_restore(h->timers, &state, (const tl_timer *)(image->bytes + image->at)) != TL_OK) image->broken = true;
    image->at += state.count * sizeof(tl_timer);
}

static void put_text(tl_image *image, const char *text, size_t length) {
    tl_image_put_u64(image, length);
    tl_image_put(image, text, length);
}

/* Points into the image. */
static const char *get_text(tl_image *image, size_t *length) {
    *length = tl_image_get_count(image, 1);
    const char *text = (const char *)image->bytes + image->at;
    image->at += *length;
    return text;
}

tl_status tl_host_save_image(tl_host *h, const char *text, size_t length, tl_image *image) {
    put_text(image, text, length); /* first: the next call of Lua may move it */
    host_numbers numbers = {.random = h->random,
                            .now_ns = h->now_ns,
                            .started_ns = h->started_ns,
                            .sequence = h->sequence,
                            .handled = h->handled,
                            .error_count = h->error_count,
                            .places = h->places,
                            .started = h->started};
    tl_image_put(image, &numbers, sizeof numbers);
    tl_mirror_save(h->mirror, image);
    put_view(h, image);
    tl_image_put_u64(image, h->traded_count);
    tl_image_put(image, h->traded, h->traded_count * sizeof *h->traded);
    put_timers(h, image);
    tl_image_put_u64(image, tl_kept_metric_count(h->kept));
    for (uint32_t i = 0; i < tl_kept_metric_count(h->kept); i++)
        tl_image_put(image, tl_kept_metric_at(h->kept, i), sizeof(tl_kept_metric));
    tl_status status = tl_host_boot_save(h, "save_runtime", &text, &length);
    if (status != TL_OK) return status;
    put_text(image, text, length);
    if (!image->broken) return TL_OK;
    return tl_error_set(TL_ERR_LIMIT, "the state is larger than the %llu bytes that there are for it",
                        (unsigned long long)image->capacity);
}

static void get_traded(tl_host *h, tl_image *image) {
    uint64_t count = tl_image_get_count(image, sizeof *h->traded);
    for (uint64_t i = 0; i < count && !image->broken; i++) {
        uint32_t id;
        tl_image_get(image, &id, sizeof id);
        if (id >= h->instrument_count) {
            image->broken = true;
            return;
        }
        tl_view_at(h->view, id)->traded = 0; /* the list is made anew, in its order */
        tl_host_note_traded(h, id);
    }
}

tl_status tl_host_restore_image(tl_host *h, tl_image *image) {
    if (h->state != TL_HOST_BOUND)
        return tl_error_set(TL_ERR_STATE, "a state is read into a host that is bound and has not run");
    size_t state_length, runtime_length;
    const char *state = get_text(image, &state_length);
    host_numbers numbers;
    tl_image_get(image, &numbers, sizeof numbers);
    tl_status status = tl_mirror_restore(h->mirror, image);
    if (status != TL_OK) return status;
    get_view(h, image);
    h->traded_count = 0;
    get_traded(h, image);
    get_timers(h, image);
    uint64_t metrics = tl_image_get_count(image, sizeof(tl_kept_metric));
    for (uint64_t i = 0; i < metrics && !image->broken; i++) {
        tl_kept_metric metric;
        tl_image_get(image, &metric, sizeof metric);
        tl_kept_metric_restore(h->kept, &metric);
    }
    const char *runtime = get_text(image, &runtime_length);
    if (image->broken)
        return tl_error_set(TL_ERR_FORMAT, "the checkpoint is damaged at byte %llu", (unsigned long long)image->at);
    h->random = numbers.random;
    h->now_ns = numbers.now_ns;
    h->started_ns = numbers.started_ns;
    h->sequence = numbers.sequence;
    h->handled = numbers.handled;
    h->error_count = numbers.error_count;
    h->places = numbers.places;
    h->started = numbers.started;
    h->seldom = true; /* it is looked at */
    h->changed_count = 0;
    tl_mirror_event(h->mirror, numbers.sequence, numbers.now_ns);
    status = tl_host_boot_restore(h, "restore_runtime", runtime, runtime_length, 1);
    if (status != TL_OK) return status;
    tl_mirror_warming(h->mirror, true); /* on_load may look, and sends nothing */
    return tl_host_boot_restore(h, "restore", state, state_length, 1);
}

tl_status tl_host_begin_again(tl_host *h, uint64_t sequence, int64_t now_ns) {
    tl_random random = h->random;
    uint32_t none = (uint32_t)TL_NO_INSTRUMENT;
    tl_event events[] = {
        {.ts_ns = now_ns, .ts_recv_ns = now_ns, .instrument = none, .kind = TL_EVENT_PHASE, .w = {TL_PHASE_HISTORY}},
        {.ts_ns = now_ns, .ts_recv_ns = now_ns, .instrument = none, .kind = TL_EVENT_START, .w = {2, (int64_t)sequence}},
        {.ts_ns = now_ns, .ts_recv_ns = now_ns, .instrument = none, .kind = TL_EVENT_PHASE, .w = {TL_PHASE_LIVE}},
    };
    tl_timers_apart(h->timers, true);
    tl_status status = tl_host_inject(h, events, sizeof events / sizeof *events, sequence);
    tl_timers_apart(h->timers, false);
    h->random = random;
    return status;
}
