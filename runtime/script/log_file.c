#define _GNU_SOURCE
#include "script/log_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

static const uint64_t MAGIC = 0x31474f4c54504e49; /* "INPTLOG1" */

static uint32_t crc_of(const void *bytes, uint64_t length) {
    return (uint32_t)crc32(crc32(0, NULL, 0), bytes, (uInt)length);
}

static uint32_t head_crc(const tl_log_frame *frame) {
    return crc_of(frame, offsetof(tl_log_frame, head_crc));
}

static uint64_t payload_bytes(const tl_log_frame *frame) {
    switch (frame->kind) {
    case TL_LOG_FRAME_SLOTS_OF:
        return frame->count * sizeof(tl_event);
    case TL_LOG_FRAME_DECISIONS:
        return sizeof(tl_log_sample);
    default:
        return 0;
    }
}

/* ---- writing ---- */

static tl_status write_all(int fd, struct iovec *parts, int count) {
    for (int i = 0; i < count;) {
        ssize_t wrote = writev(fd, parts + i, count - i);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return tl_error_set(TL_ERR_IO, "the recording of input logs cannot be written: %s", strerror(errno));
        for (; i < count && (size_t)wrote >= parts[i].iov_len; i++)
            wrote -= (ssize_t)parts[i].iov_len;
        if (i == count) break;
        parts[i].iov_base = (char *)parts[i].iov_base + wrote;
        parts[i].iov_len -= (size_t)wrote;
    }
    return TL_OK;
}

tl_status tl_log_file_begin(int fd, const char *plan, const tl_instruments *instruments, const char *const *names,
                            uint32_t count) {
    tl_log_file_head head = {
        .magic = MAGIC, .plan_bytes = strlen(plan), .instruments = tl_instruments_count(instruments), .strategies = count};
    uint64_t bytes =
        sizeof head + head.plan_bytes + head.instruments * sizeof(tl_instrument) + count * (uint64_t)TL_LOG_NAME_BYTES;
    head.bytes = (bytes + 63) / 64 * 64;
    char *text = calloc(1, head.bytes);
    if (!text) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for the head of a recording");
    char *at = text;
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    memcpy(at, plan, head.plan_bytes);
    at += head.plan_bytes;
    for (uint32_t i = 0; i < head.instruments; i++, at += sizeof(tl_instrument))
        memcpy(at, tl_instruments_at(instruments, i), sizeof(tl_instrument));
    for (uint32_t i = 0; i < count; i++, at += TL_LOG_NAME_BYTES)
        memcpy(at, names[i], strnlen(names[i], TL_LOG_NAME_BYTES - 1));
    struct iovec part = {.iov_base = text, .iov_len = head.bytes};
    tl_status status = write_all(fd, &part, 1);
    free(text);
    return status;
}

tl_status tl_log_file_frame(int fd, tl_log_frame *frame, const void *payload, uint64_t bytes) {
    frame->crc = crc_of(payload, bytes);
    frame->head_crc = head_crc(frame);
    struct iovec parts[2] = {{.iov_base = frame, .iov_len = sizeof *frame}, {.iov_base = (void *)payload, .iov_len = bytes}};
    return write_all(fd, parts, bytes > 0 ? 2 : 1);
}

/* ---- reading ---- */

/* The frame at `at`, NULL when none is whole there. */
static const tl_log_frame *frame_at(const uint8_t *bytes, uint64_t length, uint64_t at) {
    if (length - at < sizeof(tl_log_frame)) return NULL;
    const tl_log_frame *frame = (const tl_log_frame *)(bytes + at);
    if (frame->head_crc != head_crc(frame) || (frame->kind == TL_LOG_FRAME_SLOTS_OF && frame->count > TL_LOG_FRAME_SLOTS))
        return NULL;
    uint64_t payload = payload_bytes(frame);
    if (payload > length - at - sizeof *frame || crc_of(frame + 1, payload) != frame->crc) return NULL;
    return frame;
}

static tl_status map(int fd, const uint8_t **bytes, uint64_t *length, const char *path) {
    struct stat about;
    if (fstat(fd, &about) != 0) return tl_error_set(TL_ERR_IO, "%s: %s", path, strerror(errno));
    *length = (uint64_t)about.st_size;
    if (*length < sizeof(tl_log_file_head)) return tl_error_set(TL_ERR_FORMAT, "%s: is no recording of input logs", path);
    void *mapped = mmap(NULL, *length, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return tl_error_set(TL_ERR_IO, "%s: %s", path, strerror(errno));
    *bytes = mapped;
    const tl_log_file_head *head = mapped;
    if (head->magic == MAGIC && head->bytes <= *length && head->plan_bytes <= head->bytes) return TL_OK;
    munmap(mapped, *length);
    return tl_error_set(TL_ERR_FORMAT, "%s: is no recording of input logs", path);
}

tl_status tl_log_file_resume(int fd) {
    const uint8_t *bytes;
    uint64_t length;
    tl_status status = map(fd, &bytes, &length, "the recording");
    if (status != TL_OK) return status;
    uint64_t at = ((const tl_log_file_head *)bytes)->bytes;
    for (const tl_log_frame *frame; (frame = frame_at(bytes, length, at)) != NULL;)
        at += sizeof *frame + payload_bytes(frame);
    munmap((void *)bytes, length);
    if (ftruncate(fd, (off_t)at) != 0 || lseek(fd, (off_t)at, SEEK_SET) < 0)
        return tl_error_set(TL_ERR_IO, "the recording cannot be gone on with: %s", strerror(errno));
    return TL_OK;
}

static bool grow(void **list, uint64_t count, uint64_t more, size_t bytes) {
    uint64_t before = count ? 1 : 0, wanted = 1;
    while (before && before < count)
        before *= 2;
    while (wanted < count + more)
        wanted *= 2;
    if (wanted <= before) return true;
    void *wider = realloc(*list, wanted * bytes);
    if (wider) *list = wider;
    return wider != NULL;
}

static bool take_frame(tl_log_of *of, const tl_log_frame *frame) {
    uint64_t first = of->count; /* positions count from 0 */
    if (frame->kind == TL_LOG_FRAME_DECISIONS) {
        if (!grow((void **)&of->samples, of->sample_count, 1, sizeof *of->samples)) return false;
        memcpy(&of->samples[of->sample_count++], frame + 1, sizeof(tl_log_sample));
    } else if (frame->kind == TL_LOG_FRAME_LOST || frame->position > first) {
        of->lost += frame->kind == TL_LOG_FRAME_LOST ? frame->count : frame->position - first;
    } else if (of->lost == 0 && frame->position + frame->count > first) {
        uint64_t skip = first - frame->position, count = frame->count - skip;
        if (!grow((void **)&of->slots, of->count, count, sizeof(tl_event))) return false;
        memcpy(of->slots + of->count, (const tl_event *)(frame + 1) + skip, count * sizeof(tl_event));
        of->count += count;
    }
    return true;
}

/* A record whose tail is not there is none. */
static void cut_to_whole(tl_log_of *of) {
    uint64_t at = 0;
    while (at < of->count && at + tl_event_slots(of->slots[at].kind) <= of->count)
        at += tl_event_slots(of->slots[at].kind);
    of->count = at;
}

static tl_status fill(tl_log_file *file, const uint8_t *bytes, uint64_t length, const char *path) {
    const tl_log_file_head *head = (const tl_log_file_head *)bytes;
    uint64_t needed = sizeof *head + head->plan_bytes + head->instruments * (uint64_t)sizeof(tl_instrument) +
                      head->strategies * (uint64_t)TL_LOG_NAME_BYTES;
    if (needed > head->bytes) return tl_error_set(TL_ERR_FORMAT, "%s: its head is damaged", path);
    const char *at = (const char *)(head + 1);
    file->plan = calloc(1, head->plan_bytes + 1);
    file->instruments = calloc(head->instruments + 1, sizeof(tl_instrument));
    file->strategies = calloc(head->strategies + 1, sizeof *file->strategies);
    if (!file->plan || !file->instruments || !file->strategies)
        return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %s", path);
    memcpy(file->plan, at, head->plan_bytes);
    at += head->plan_bytes;
    memcpy(file->instruments, at, head->instruments * sizeof(tl_instrument));
    at += head->instruments * sizeof(tl_instrument);
    file->instrument_count = head->instruments;
    file->strategy_count = head->strategies;
    for (uint32_t i = 0; i < head->strategies; i++, at += TL_LOG_NAME_BYTES)
        memcpy(file->strategies[i].name, at, TL_LOG_NAME_BYTES - 1);
    uint64_t place = head->bytes;
    for (const tl_log_frame *frame; (frame = frame_at(bytes, length, place)) != NULL;) {
        if (frame->strategy >= head->strategies)
            return tl_error_set(TL_ERR_FORMAT, "%s: a frame at byte %llu is of no strategy", path,
                                (unsigned long long)place);
        if (!take_frame(&file->strategies[frame->strategy], frame))
            return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %s", path);
        place += sizeof *frame + payload_bytes(frame);
    }
    file->cut_bytes = length - place;
    for (uint32_t i = 0; i < file->strategy_count; i++)
        cut_to_whole(&file->strategies[i]);
    return TL_OK;
}

tl_status tl_log_file_read(const char *path, tl_log_file **out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return tl_error_set(TL_ERR_IO, "%s: %s", path, strerror(errno));
    const uint8_t *bytes;
    uint64_t length;
    tl_status status = map(fd, &bytes, &length, path);
    close(fd);
    if (status != TL_OK) return status;
    tl_log_file *file = calloc(1, sizeof *file);
    status = file ? fill(file, bytes, length, path) : tl_error_set(TL_ERR_NO_MEMORY, "no memory for %s", path);
    munmap((void *)bytes, length);
    if (status == TL_OK)
        *out = file;
    else
        tl_log_file_close(file);
    return status;
}

void tl_log_file_close(tl_log_file *file) {
    if (!file) return;
    for (uint32_t i = 0; i < file->strategy_count; i++) {
        free(file->strategies[i].slots);
        free(file->strategies[i].samples);
    }
    free(file->plan);
    free(file->instruments);
    free(file->strategies);
    free(file);
}
