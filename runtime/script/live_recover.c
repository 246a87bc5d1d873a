/* Checkpoints and recovery.
 *
 * A checkpoint's section: a head, then the image. The head is cleared first and written last, with length and CRC; two sections take turns, so that one whole checkpoint is always
 * there. Between the record that asks for it and its image nothing is consumed: it is the state behind that record. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/fence.h"
#include "script/image.h"
#include "script/live_inside.h"

static const uint64_t MAGIC = 0x746c2d636b707431;

typedef struct checkpoint_head {
    uint64_t magic; /* 0 while it is written */
    uint64_t number;
    uint64_t position; /* of the log, behind the CHECKPOINT record */
    uint64_t sequence; /* of that record */
    uint64_t length;   /* of the image */
    int64_t ts_ns;     /* of that record */
    tl_decisions_hash decisions;
    int64_t bars_closed_ns;
    uint64_t errors_before; /* as the strategy agent has it */
    uint32_t crc;           /* of the image */
    uint32_t head_crc;
} checkpoint_head;

enum { REFUSED = 2, IMAGE_AT = 256 /* bytes from the section's start */ };

uint64_t tl_live_checkpoint_bytes(uint32_t instruments) {
    enum { STATE = 4 << 20, ORDERS = 4096 };
    return IMAGE_AT + STATE + ORDERS * 512ull + instruments * 8192ull;
}

static uint32_t crc_of(const void *bytes, uint64_t length) {
    uLong crc = crc32(0, NULL, 0);
    for (const uint8_t *at = bytes; length > 0;) {
        uInt part = length < (1u << 30) ? (uInt)length : 1u << 30;
        crc = crc32(crc, at, part);
        at += part;
        length -= part;
    }
    return (uint32_t)crc;
}

static uint32_t head_crc(const checkpoint_head *head) {
    return crc_of(head, offsetof(checkpoint_head, head_crc));
}

/* ---- saving ---- */

bool live_save_due(const tl_live *live, bool idle) {
    uint64_t slots = live->log->mask + 1, gone = live->log->end - live->checkpoint_at;
    if (live->resync_count > 0) return false;
    if (tl_mirror_sagas(live->mirror) > 0)
        return false; /* a function that waits for its legs cannot be kept: they end by themselves */
    if (gone >= slots / 2) return true;
    return idle && (gone >= slots / 4 || (live->checkpoint_number == 0 && live->checkpoint_at == 0));
}

static bool is_skipped(const tl_live *live, uint64_t sequence) {
    const tl_input_log_head *head = live->head;
    for (uint64_t i = 0; i < head->skipped_count && i < TL_INPUT_LOG_SKIPPED; i++)
        if (head->skipped[i] == sequence) return true;
    return false;
}

static tl_status put_bars(tl_live *live, tl_image *image) {
    uint64_t bytes = live->with.bars ? tl_bars_state_bytes(live->with.bars) : 0;
    tl_image_put_u64(image, bytes);
    if (bytes == 0) return TL_OK;
    if (image->broken || bytes > image->capacity - image->at)
        return tl_error_set(TL_ERR_LIMIT, "bars do not fit into the checkpoint");
    tl_bars_state(live->with.bars, image->bytes + image->at);
    image->at += bytes;
    return TL_OK;
}

static tl_status write_down(tl_live *live, uint64_t sequence, const char *text, size_t length) {
    uint64_t number = live->checkpoint_number + 1;
    uint8_t *section = live->checkpoints[number & 1];
    checkpoint_head *place = (checkpoint_head *)section;
    __atomic_store_n(&place->magic, 0, __ATOMIC_RELAXED);
    tl_fence(); /* nothing of the new image before the old one is disowned */
    tl_image image = {.bytes = section + IMAGE_AT, .capacity = live->checkpoint_bytes - IMAGE_AT};
    tl_status status = tl_host_save_image(live->host, text, length, &image);
    if (status == TL_OK) status = put_bars(live, &image);
    if (status != TL_OK) return status;
    checkpoint_head head = {.magic = MAGIC,
                            .number = number,
                            .position = live->log->end,
                            .sequence = sequence,
                            .length = image.at,
                            .ts_ns = live->now_ns,
                            .decisions = live->decisions,
                            .bars_closed_ns = live->bars_closed_ns,
                            .errors_before = live->errors_before,
                            .crc = crc_of(image.bytes, image.at)};
    head.head_crc = head_crc(&head);
    memcpy((uint8_t *)place + sizeof head.magic, (uint8_t *)&head + sizeof head.magic, sizeof head - sizeof head.magic);
    __atomic_store_n(&place->magic, MAGIC, __ATOMIC_RELEASE);
    live->checkpoint_number = number;
    tl_counter_add(live->counters.checkpoints, 1);
    tl_counter_set(live->counters.checkpoint_bytes, image.at);
    return TL_OK;
}

/* on_save runs under the record's sequence: its death counts as that record's, what it sends is sent before the state that knows of it is whole. In a rerun on_save runs for what
 * it does; the state is written down when the rerun is over and all is sent. */
void live_save(tl_live *live) {
    uint64_t sequence = live->rerun ? tl_host_sequence(live->host) : live->save_sequence;
    tl_host_checkpointed(live->host);
    live->saving = false;
    uint64_t at = live->checkpoint_at;
    live->checkpoint_at = live->log->end;
    if (is_skipped(live, sequence)) return;
    __atomic_store_n(&live->page->in_hand, sequence, __ATOMIC_RELAXED);
    __atomic_store_n(&live->head->in_hand, sequence, __ATOMIC_RELAXED);
    tl_mirror_event(live->mirror, sequence, tl_host_now_ns(live->host));
    const char *text;
    size_t length;
    tl_status status = tl_host_save(live->host, &text, &length);
    uint32_t count;
    tl_mirror_commands(live->mirror, &count);
    if (count > 0) live_send(live);
    /* A saga that began between the record and its turn: the next checkpoint is near. */
    bool whole_state = tl_mirror_sagas(live->mirror) == 0;
    if (!whole_state) live->checkpoint_at = at;
    if (status == TL_OK && !live->rerun && whole_state) status = write_down(live, sequence, text, length);
    __atomic_store_n(&live->page->in_hand, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&live->head->in_hand, 0, __ATOMIC_RELAXED);
    if (status == TL_OK) return;
    tl_counter_add(live->counters.checkpoint_failures, 1);
    char line[512];
    snprintf(line, sizeof line, "no checkpoint: %s", tl_error_text());
    live_line(live, 2, line);
}

/* ---- finding and reading ---- */

static const checkpoint_head *whole(const tl_live *live, int i) {
    const checkpoint_head *head = live->checkpoints[i];
    if (head->magic != MAGIC || head->head_crc != head_crc(head)) return NULL;
    if (head->length > live->checkpoint_bytes - IMAGE_AT) return NULL;
    return crc_of((const uint8_t *)head + IMAGE_AT, head->length) == head->crc ? head : NULL;
}

/* Whether the log has kept all that came behind it. */
static bool is_reached(const tl_live *live, const checkpoint_head *head) {
    uint64_t end = live->log->end, slots = live->log->mask + 1;
    return head->position <= end && end + tl_input_log_margin(slots) - head->position <= slots;
}

static tl_status get_bars(tl_live *live, tl_image *image) {
    uint64_t bytes = tl_image_get_count(image, 1);
    if (image->broken) return tl_error_set(TL_ERR_FORMAT, "the checkpoint is cut short");
    if (bytes == 0 || !live->with.bars) return TL_OK;
    return tl_bars_restore(live->with.bars, image->bytes + image->at, bytes);
}

tl_status live_find_checkpoint(tl_live *live) {
    if (!live->recovered) return TL_OK;
    const checkpoint_head *best = NULL;
    for (int i = 0; i < 2; i++) {
        const checkpoint_head *head = whole(live, i);
        if (!head) continue;
        if (head->number > live->checkpoint_number) live->checkpoint_number = head->number;
        if (!best || head->number > best->number) best = head;
    }
    live->checkpoint_at = live->log->end; /* a cold start saves when it has gone on for a while */
    live->errors_before = live->page->errors;
    if (!best) live->checkpoint_at = 0;
    if (live->head->refused >= REFUSED || !best || !is_reached(live, best)) {
        live->head->refused = 0;
        return TL_OK;
    }
    tl_image image = {.bytes = (uint8_t *)best + IMAGE_AT, .capacity = best->length};
    live->head->refused++; /* should reading it kill this process twice, the next one starts cold */
    tl_status status = tl_host_restore_image(live->host, &image);
    if (status == TL_OK) status = get_bars(live, &image);
    if (status != TL_OK) {
        live->head->refused = REFUSED;
        return status;
    }
    live->head->refused = 0;
    live->restored = best->sequence;
    live->restored_at = best->position;
    live->decisions = best->decisions;
    live->bars_closed_ns = best->bars_closed_ns;
    live->errors_before = best->errors_before;
    live->checkpoint_at = best->position;
    live->now_ns = best->ts_ns;
    return TL_OK;
}

/* ---- the rerun ---- */

/* Bars in the making follow the records, as they did when those were taken. */
static void rerun_bars(tl_live *live, const tl_event *event) {
    if (!live->with.bars) return;
    if (event->kind == TL_EVENT_TRADE && event->source == TL_SOURCE_MARKET) live_feed_bars(live, event);
    if (event->kind != TL_EVENT_BAR || event->source != TL_SOURCE_BAR) return;
    tl_event bar;
    tl_event_tail tail;
    while (tl_bars_take(live->with.bars, event->ts_ns, &bar, &tail)) {
    }
    live->bars_closed_ns = event->ts_ns;
}

/* What the log says was denied for lack of room is not sent again. */
static void rerun_denied(tl_live *live, const tl_event *event) {
    tl_report report;
    memcpy(&report, event->w, sizeof event->w);
    memcpy((char *)&report + sizeof event->w, event + 1, sizeof report - sizeof event->w);
    if (report.reason != TL_REASON_RING_FULL || report.report_sequence != 0) return;
    int kind = report.kind == TL_REPORT_DENIED            ? TL_COMMAND_NEW
               : report.kind == TL_REPORT_CANCEL_REJECTED ? TL_COMMAND_CANCEL
                                                          : TL_COMMAND_REPLACE;
    for (uint32_t i = 0; i < live->held_count; i++) {
        if (live->held[i].order_id != report.order_id || live->held[i].kind != kind) continue;
        memmove(&live->held[i], &live->held[i + 1], (--live->held_count - i) * sizeof *live->held);
        return;
    }
}

static void follow_records(tl_live *live) {
    const tl_input_log *log = live->log;
    for (uint64_t at = live->restored_at; at < log->end;) {
        const tl_event *event = &log->slots[at & log->mask];
        rerun_bars(live, event);
        if (event->kind == TL_EVENT_REPORT) rerun_denied(live, event);
        at += tl_event_slots(event->kind);
    }
}

/* on_start, then all that came behind the checkpoint. */
static tl_status rerun(tl_live *live) {
    uint64_t handled = tl_host_handled(live->host);
    tl_status status = tl_host_begin_again(live->host, live->restored, live->now_ns);
    live->log->begin = live->restored_at;
    live->quiet = true;
    while (status == TL_OK && live->log->begin != live->log->end) {
        status = tl_host_drain(live->host);
        if (status == TL_OK && tl_host_checkpoint_due(live->host)) live_save(live);
    }
    if (status != TL_OK) return status;
    tl_counter_add(live->counters.rerun, tl_host_handled(live->host) - handled);
    follow_records(live);
    return TL_OK;
}

tl_status live_recover(tl_live *live) {
    const uint32_t none = (uint32_t)TL_NO_INSTRUMENT;
    if (!live->recovered) return TL_OK;
    if (live->restored == 0) { /* so that whoever replays the log knows that a fresh strategy goes on */
        live->now_ns = tl_runtime_clock_ns(live->with.clock);
        tl_event fresh = {.ts_ns = live->now_ns, .instrument = none, .kind = TL_EVENT_PHASE, .w = {TL_PHASE_HISTORY, 1}};
        live_own(live, &fresh);
        live_commit(live);
        return TL_OK;
    }
    live->rerun = true;
    int64_t begun_ns = live->now_ns; /* the time of its on_start */
    tl_status status = rerun(live);
    if (status != TL_OK) return status;
    tl_input_log_head *head = live->head;
    uint64_t skipped = head->skipped_count ? head->skipped[(head->skipped_count - 1) % TL_INPUT_LOG_SKIPPED] : 0;
    live->now_ns = tl_runtime_clock_ns(live->with.clock);
    tl_event start = {.ts_ns = begun_ns, .instrument = none, .kind = TL_EVENT_START};
    start.w[0] = 2;
    start.w[1] = (int64_t)live->restored;
    start.w[2] = (int64_t)head->last_order_id;
    start.w[3] = skipped > live->restored ? (int64_t)skipped : 0;
    live_own(live, &start);
    live_commit(live);
    live->started = true;
    status = tl_host_drain(live->host);
    live->rerun = live->quiet = false;
    if (status != TL_OK) return status;
    live_send_held(live);
    for (uint32_t i = 0; i < live->instrument_count; i++)
        live->wanted[i] = tl_host_subscribed(live->host, i);
    if (live->page->skip_at == skipped && skipped != 0)
        live->checkpoint_at = 0; /* so that nobody comes by that event again */
    return TL_OK;
}
