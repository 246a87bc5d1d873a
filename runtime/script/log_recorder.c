#define _GNU_SOURCE
#include "script/log_recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fence.h"
#include "base/worker_page.h"
#include "queue/latch.h"
#include "script/input_log.h"
#include "script/log_file.h"

enum { WAIT_NS = 1000000 /* a frame holds what came in a millisecond */ };

typedef struct followed {
    const tl_input_log_head *head;
    const tl_event *slots;
    uint64_t *position; /* in our region */
    uint64_t sampled;   /* sequence of the last sample */
} followed;

struct tl_log_recorder {
    followed *all;
    tl_event *copy; /* TL_LOG_FRAME_SLOTS */
    uint32_t count;
    int fd;
    tl_worker_page *page;
    bool failed;
    int64_t next_ns;
};

static tl_status open_file(tl_log_recorder *r, const tl_log_recorder_config *config) {
    r->fd = open(config->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct stat about;
    if (r->fd < 0 || fstat(r->fd, &about) != 0) return tl_error_set(TL_ERR_IO, "%s: %s", config->path, strerror(errno));
    if (about.st_size > 0) return tl_log_file_resume(r->fd);
    return tl_log_file_begin(r->fd, config->plan, config->instruments, config->names, config->count);
}

tl_status tl_log_recorder_create(const tl_log_recorder_config *config, tl_log_recorder **out) {
    tl_log_recorder *r = calloc(1, sizeof *r);
    if (!r) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a recorder of input logs");
    r->fd = -1;
    r->count = config->count;
    r->page = tl_region_find(config->own, "worker", NULL);
    r->all = calloc(config->count + 1, sizeof *r->all);
    r->copy = calloc(TL_LOG_FRAME_SLOTS, sizeof *r->copy);
    tl_status status = r->all && r->copy ? TL_OK : tl_error_set(TL_ERR_NO_MEMORY, "no memory for a recorder of input logs");
    for (uint32_t i = 0; i < config->count && status == TL_OK; i++) {
        char name[96];
        snprintf(name, sizeof name, "recorded:%s", config->names[i]);
        const void *log = tl_region_find(config->regions[i], "input_log", NULL);
        r->all[i].position = tl_region_find(config->own, name, NULL);
        if (!log || !r->all[i].position) {
            status = TL_ERR_NOT_FOUND;
            break;
        }
        r->all[i].head = log;
        r->all[i].slots = tl_input_log_slots(log);
    }
    if (status == TL_OK) status = open_file(r, config);
    if (status == TL_OK)
        *out = r;
    else
        tl_log_recorder_destroy(r);
    return status;
}

void tl_log_recorder_destroy(tl_log_recorder *r) {
    if (!r) return;
    if (r->fd >= 0) close(r->fd);
    free(r->all);
    free(r->copy);
    free(r);
}

static void move_on(followed *f, uint64_t position) {
    __atomic_store_n(f->position, position, __ATOMIC_RELEASE); /* behind the write; pairs with the strategy's acquire */
}

/* Nothing waits for a recorder that cannot write; the process's page says why. */
static void give_up(tl_log_recorder *r) {
    r->failed = true;
    for (uint32_t i = 0; i < r->count; i++)
        move_on(&r->all[i], TL_LOG_RECORDER_GAVE_UP);
    if (r->page == NULL) return;
    char *note = r->page->note;
    size_t length = strnlen(note, sizeof r->page->note);
    snprintf(note + length, sizeof r->page->note - length, "%sthe recording has ended, %s", length > 0 ? "; " : "",
             tl_error_text());
}

static uint32_t put(tl_log_recorder *r, uint32_t i, uint32_t kind, uint64_t position, uint64_t count, const void *payload,
                    uint64_t bytes) {
    tl_log_frame frame = {.kind = kind, .strategy = i, .position = position, .count = count};
    if (tl_log_file_frame(r->fd, &frame, payload, bytes) != TL_OK) give_up(r);
    return 1;
}

static void sample(tl_log_recorder *r, uint32_t i) {
    followed *f = &r->all[i];
    tl_log_sample now;
    if (!tl_latch_read(&f->head->decided, &now, NULL) || now.sequence <= f->sampled || now.sequence == 0) return;
    f->sampled = now.sequence;
    put(r, i, TL_LOG_FRAME_DECISIONS, *f->position, 1, &now, sizeof now);
}

/* What is committed and not read, up to a frame; slots are copied out and used only when nothing can have been written over them. */
static uint32_t follow(tl_log_recorder *r, uint32_t i) {
    followed *f = &r->all[i];
    uint64_t capacity = __atomic_load_n(&f->head->capacity, __ATOMIC_ACQUIRE), position = *f->position;
    uint64_t end = __atomic_load_n(&f->head->end, __ATOMIC_ACQUIRE); /* pairs with the commit's release */
    if (capacity == 0 || end <= position) return 0;
    uint64_t count = end - position < TL_LOG_FRAME_SLOTS ? end - position : TL_LOG_FRAME_SLOTS;
    for (uint64_t k = 0; k < count; k++)
        r->copy[k] = f->slots[(position + k) & (capacity - 1)];
    tl_fence(); /* the copy before the look at how far the writer is */
    uint64_t now = __atomic_load_n(&f->head->end, __ATOMIC_RELAXED);
    if (now + tl_input_log_margin(capacity) - position > capacity) {
        uint64_t lost = now - capacity / 2 - position;
        put(r, i, TL_LOG_FRAME_LOST, position, lost, NULL, 0);
        if (!r->failed) move_on(f, position + lost);
        return 1;
    }
    put(r, i, TL_LOG_FRAME_SLOTS_OF, position, count, r->copy, count * sizeof *r->copy);
    if (!r->failed) move_on(f, position + count);
    return (uint32_t)count;
}

static uint32_t write_all(tl_log_recorder *r) {
    uint32_t did = 0;
    for (uint32_t i = 0; i < r->count && !r->failed; i++) {
        did += follow(r, i);
        if (!r->failed) sample(r, i);
    }
    return did;
}

static uint32_t work(void *context, int64_t now_ns) {
    tl_log_recorder *r = context;
    if (r->failed || now_ns < r->next_ns) return 0;
    uint32_t did = write_all(r);
    r->next_ns = now_ns + WAIT_NS;
    return did;
}

static int64_t next_ns(void *context) {
    const tl_log_recorder *r = context;
    return r->failed ? INT64_MAX : r->next_ns;
}

static bool stop(void *context, int why, int64_t now_ns) {
    (void)why;
    (void)now_ns;
    return write_all(context) == 0;
}

void tl_log_recorder_agent(tl_log_recorder *r, tl_agent *agent) {
    *agent = (tl_agent){.name = "recorder", .state = r, .work = work, .next_ns = next_ns, .stop = stop};
}
