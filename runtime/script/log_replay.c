#include "script/log_replay.h"

#include <stdlib.h>
#include <string.h>

#include "script/image.h"

enum { CHECKPOINTS = 4, IMAGE_BYTES = 64 << 20, SKIPPED = 16, RECENT = 256 };

/* The state behind a CHECKPOINT record. */
typedef struct kept_checkpoint {
    uint64_t sequence; /* 0 = none */
    uint64_t place;    /* of the record behind it */
    tl_decisions_hash decisions;
    uint8_t *image;
    uint64_t length;
} kept_checkpoint;

struct tl_log_replay {
    const tl_log_of *of;
    tl_host *host;
    tl_mirror *mirror;
    uint64_t at;     /* slot to be appended next */
    uint64_t until;  /* of a rerun: samples are not compared before it */
    uint64_t sample; /* to be compared next */
    bool begun;      /* the host has what it begins with */
    bool fresh;      /* a host is needed */
    bool rerunning;
    const tl_event *start; /* the recovery that the next host begins with, NULL for none */
    kept_checkpoint checkpoints[CHECKPOINTS];
    uint64_t checkpoint_count;
    uint64_t skipped[SKIPPED];
    uint32_t skipped_count;
    uint64_t nobody;
    tl_replay_result result;
    tl_command recent[RECENT];
    uint32_t recent_count;
};

tl_status tl_log_replay_create(const tl_log_of *log, tl_log_replay **out) {
    tl_log_replay *r = calloc(1, sizeof *r);
    if (!r) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a replay");
    r->of = log;
    r->fresh = true;
    if (log->sample_count > 0) {
        r->result.live = log->samples[log->sample_count - 1].decisions;
        r->result.live_sequence = log->samples[log->sample_count - 1].sequence;
    }
    *out = r;
    return TL_OK;
}

void tl_log_replay_destroy(tl_log_replay *r) {
    if (!r) return;
    for (int i = 0; i < CHECKPOINTS; i++)
        free(r->checkpoints[i].image);
    free(r);
}

static void sent(void *context) {
    tl_log_replay *r = context;
    uint32_t count;
    const tl_command *commands = tl_mirror_commands(r->mirror, &count);
    for (uint32_t i = 0; i < count; i++) {
        tl_decisions_hash_add(&r->result.decisions, &commands[i]);
        if (r->recent_count < RECENT) r->recent[r->recent_count++] = commands[i];
    }
    tl_mirror_clear_commands(r->mirror);
}

static const tl_event *next_record(const tl_log_replay *r) {
    return r->at < r->of->count ? &r->of->slots[r->at] : NULL;
}

/* A record with which another generation begins: a recovery from a checkpoint, or a fresh strategy. */
static bool begins_generation(const tl_event *event) {
    return (event->kind == TL_EVENT_START && event->w[0] == 2 && event->w[1] != 0) ||
           (event->kind == TL_EVENT_PHASE && event->w[1] == 1);
}

/* Up to the next sample that is to be compared, checkpoint or generation, so that each is met with the log consumed. */
static uint32_t poll(void *context, tl_input_log *log, uint32_t max_records) {
    tl_log_replay *r = context;
    uint32_t appended = 0;
    uint64_t stop = r->sample < r->of->sample_count ? r->of->samples[r->sample].sequence : UINT64_MAX;
    uint64_t sequence = tl_host_sequence(r->host);
    if (!r->rerunning && sequence >= stop && sequence != 0) return 0;
    while (appended < max_records) {
        const tl_event *event = next_record(r);
        if (!event) break;
        if (r->at != r->until && begins_generation(event)) {
            if (!r->rerunning) break;
        }
        if (r->rerunning && r->at == r->until) {
            if (appended > 0) break;
            r->rerunning = false;
        }
        unsigned slots = tl_event_slots(event->kind);
        if (event->kind == TL_EVENT_NONE) {
            r->at += slots;
            continue;
        }
        log->next_sequence = event->sequence;
        if (!tl_input_log_put(log, event, (const tl_event_tail *)(event + 1))) break;
        r->at += slots;
        appended++;
        if (!r->rerunning) r->result.records++;
        if (event->kind == TL_EVENT_CHECKPOINT || (!r->rerunning && event->sequence >= stop)) break;
    }
    return appended;
}

static void hang_in(tl_log_replay *r) {
    tl_host_set_hooks(r->host, &(tl_host_hooks){.context = r,
                                                .sent = sent,
                                                .in_hand = {&r->nobody, &r->nobody},
                                                .skipped = r->skipped,
                                                .skipped_count = r->skipped_count < SKIPPED ? r->skipped_count : SKIPPED,
                                                .live = 1});
    tl_host_set_poll(r->host, poll, r);
}

void tl_log_replay_host(tl_log_replay *r, tl_host *host) {
    r->host = host;
    r->mirror = tl_host_mirror(host);
    r->fresh = r->begun = false;
}

/* on_save, and what it leaves. */
static tl_status save(tl_log_replay *r) {
    uint64_t sequence = tl_host_sequence(r->host);
    tl_host_checkpointed(r->host);
    for (uint32_t i = 0; i < r->skipped_count && i < SKIPPED; i++)
        if (r->skipped[i] == sequence) return TL_OK;
    tl_mirror_event(r->mirror, sequence, tl_host_now_ns(r->host));
    const char *text;
    size_t length;
    tl_status status = tl_host_save(r->host, &text, &length);
    sent(r);
    if (status != TL_OK || r->rerunning) return TL_OK; /* the live one went on without this one, too */
    kept_checkpoint *kept = &r->checkpoints[r->checkpoint_count % CHECKPOINTS];
    uint8_t *bytes = malloc(IMAGE_BYTES);
    if (!bytes) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a checkpoint");
    tl_image image = {.bytes = bytes, .capacity = IMAGE_BYTES};
    if (tl_host_save_image(r->host, text, length, &image) != TL_OK) {
        free(bytes);
        return TL_OK;
    }
    free(kept->image);
    uint8_t *fitting = realloc(bytes, image.at);
    *kept = (kept_checkpoint){.sequence = sequence,
                              .place = r->at,
                              .decisions = r->result.decisions,
                              .image = fitting ? fitting : bytes,
                              .length = image.at};
    r->checkpoint_count++;
    return TL_OK;
}

static tl_status recover(tl_log_replay *r) {
    const tl_event *start = r->start;
    uint64_t place = (uint64_t)(start - r->of->slots), sequence = (uint64_t)start->w[1];
    const kept_checkpoint *from = NULL;
    for (int i = 0; i < CHECKPOINTS; i++)
        if (r->checkpoints[i].sequence == sequence) from = &r->checkpoints[i];
    if (!from)
        return tl_error_set(TL_ERR_FORMAT, "event %llu goes on from the checkpoint at event %llu, which the replay has not",
                            (unsigned long long)start->sequence, (unsigned long long)sequence);
    if (start->w[3] != 0) r->skipped[r->skipped_count++ % SKIPPED] = (uint64_t)start->w[3];
    hang_in(r);
    tl_image image = {.bytes = from->image, .capacity = from->length};
    tl_status status = tl_host_restore_image(r->host, &image);
    if (status != TL_OK) return status;
    r->result.decisions = from->decisions;
    r->at = from->place;
    r->until = place;
    r->rerunning = true;
    return tl_host_begin_again(r->host, sequence, start->ts_ns);
}

static tl_status begin(tl_log_replay *r) {
    r->result.generations++;
    r->recent_count = 0;
    if (!r->start) {
        hang_in(r);
        return TL_OK;
    }
    if (r->start->kind == TL_EVENT_START) return recover(r);
    memset(&r->result.decisions, 0, sizeof r->result.decisions);
    hang_in(r);
    r->until = r->at; /* the record itself is this generation's first */
    return TL_OK;
}

/* Compares with the samples as of the last event; false when one differs. */
static bool compare(tl_log_replay *r) {
    uint64_t sequence = tl_host_sequence(r->host);
    for (; r->sample < r->of->sample_count && r->of->samples[r->sample].sequence <= sequence; r->sample++) {
        const tl_log_sample *live = &r->of->samples[r->sample];
        if (live->sequence < sequence) continue; /* of a generation whose end the log does not show */
        if (live->decisions.hash != r->result.decisions.hash || live->decisions.commands != r->result.decisions.commands) {
            r->result.differs_at = sequence;
            r->result.differs_live = live->decisions;
            r->result.differs_replay = r->result.decisions;
            return false;
        }
        r->result.same_sequence = sequence;
        r->result.compared++;
        r->recent_count = 0;
    }
    return true;
}

int tl_log_replay_run(tl_log_replay *r) {
    if (r->fresh) return TL_REPLAY_HOST;
    if (!r->begun && begin(r) != TL_OK) return TL_REPLAY_FAILED;
    r->begun = true;
    for (;;) {
        uint64_t before = r->at;
        if (tl_host_drain(r->host) != TL_OK) return TL_REPLAY_FAILED;
        if (tl_host_checkpoint_due(r->host)) {
            if (save(r) != TL_OK) return TL_REPLAY_FAILED;
            if (!r->rerunning && !compare(r)) return TL_REPLAY_DONE;
            continue;
        }
        if (!r->rerunning && !compare(r)) return TL_REPLAY_DONE;
        const tl_event *event = next_record(r);
        if (!event) return TL_REPLAY_DONE;
        if (!r->rerunning && r->at != r->until && begins_generation(event)) {
            r->start = event;
            r->fresh = true;
            return TL_REPLAY_HOST;
        }
        if (r->at == before && r->sample >= r->of->sample_count) {
            tl_error_set(TL_ERR_FORMAT, "the log cannot be gone on with behind event %llu",
                         (unsigned long long)tl_host_sequence(r->host));
            return TL_REPLAY_FAILED;
        }
    }
}

void tl_log_replay_result(const tl_log_replay *r, tl_replay_result *result) {
    *result = r->result;
}

const tl_command *tl_log_replay_commands(const tl_log_replay *r, uint32_t *count) {
    *count = r->recent_count;
    return r->recent;
}
