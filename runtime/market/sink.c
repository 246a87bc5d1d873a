#include "market/sink.h"

#include "base/draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { OUTPUT_BYTES = 1 << 18, GZIP_LEVEL = 4, ZSTD_LEVEL = 3, MOST_INPUT = 1 << 30 };

typedef enum packing { PLAIN, GZIP, ZSTD } packing;

struct tl_sink {
    int fd;          /* of standard output, else -1 */
    tl_draft *draft; /* of a file, else NULL */
    packing kind;
    tl_status failed;
    char *path;
    z_stream gzip;
    ZSTD_CStream *zstd;
    size_t length; /* bytes in the output */
    uint8_t output[OUTPUT_BYTES];
};

static tl_status flush(tl_sink *sink) {
    size_t done = 0;
    if (sink->draft != NULL) {
        sink->failed = tl_draft_write(sink->draft, sink->output, sink->length);
        sink->length = 0;
        return sink->failed;
    }
    while (done < sink->length) {
        ssize_t n = write(sink->fd, sink->output + done, sink->length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return sink->failed = tl_error_set(TL_ERR_IO, "cannot write %s: %s", sink->path, strerror(errno));
        done += (size_t)n;
    }
    sink->length = 0;
    return TL_OK;
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void release(tl_sink *sink) {
    if (sink->kind == GZIP) deflateEnd(&sink->gzip);
    if (sink->zstd != NULL) ZSTD_freeCStream(sink->zstd);
    if (sink->fd >= 0) close(sink->fd);
    tl_draft_discard(sink->draft);
    free(sink->path);
    free(sink);
}

tl_status tl_sink_open(const char *path, tl_sink **out) {
    tl_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory to write %s", path);
    bool standard = strcmp(path, "-") == 0;
    sink->fd = standard ? dup(STDOUT_FILENO) : -1;
    tl_status status = TL_OK;
    if (!standard)
        status = tl_draft_open(path, &sink->draft);
    else if (sink->fd < 0)
        status = tl_error_set(TL_ERR_IO, "cannot write standard output: %s", strerror(errno));
    if (status != TL_OK) {
        free(sink);
        return status;
    }
    bool ready = (sink->path = strdup(path)) != NULL;
    if (ready && ends_with(path, ".gz")) {
        ready = deflateInit2(&sink->gzip, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK;
        if (ready) sink->kind = GZIP;
    } else if (ready && ends_with(path, ".zst")) {
        sink->kind = ZSTD;
        sink->zstd = ZSTD_createCStream();
        ready = sink->zstd != NULL && !ZSTD_isError(ZSTD_initCStream(sink->zstd, ZSTD_LEVEL));
    }
    if (!ready) {
        release(sink);
        return tl_error_set(TL_ERR_NO_MEMORY, "no memory to write %s", path);
    }
    *out = sink;
    return TL_OK;
}

/* Compresses until the input is used up or, at the end, until all is out. */
static tl_status deflate_all(tl_sink *sink, const void *bytes, size_t length, int mode) {
    sink->gzip.next_in = (Bytef *)(uintptr_t)bytes;
    sink->gzip.avail_in = (uInt)length;
    for (int result = Z_OK;;) {
        sink->gzip.next_out = sink->output + sink->length;
        sink->gzip.avail_out = (uInt)(OUTPUT_BYTES - sink->length);
        result = deflate(&sink->gzip, mode);
        sink->length = OUTPUT_BYTES - sink->gzip.avail_out;
        bool full = sink->gzip.avail_out == 0;
        if (full && flush(sink) != TL_OK) return sink->failed;
        if (result == Z_STREAM_END || (mode == Z_NO_FLUSH && !full)) return TL_OK;
    }
}

static tl_status zstd_all(tl_sink *sink, const void *bytes, size_t length, ZSTD_EndDirective mode) {
    ZSTD_inBuffer in = {.src = bytes, .size = length};
    for (;;) {
        ZSTD_outBuffer out = {.dst = sink->output, .size = OUTPUT_BYTES, .pos = sink->length};
        size_t left = ZSTD_compressStream2(sink->zstd, &out, &in, mode);
        sink->length = out.pos;
        if (ZSTD_isError(left))
            return sink->failed = tl_error_set(TL_ERR_IO, "cannot compress %s: %s", sink->path, ZSTD_getErrorName(left));
        if (sink->length == OUTPUT_BYTES && flush(sink) != TL_OK) return sink->failed;
        if (mode == ZSTD_e_end ? left == 0 : in.pos == in.size) return TL_OK;
    }
}

static tl_status plain_all(tl_sink *sink, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        size_t n = OUTPUT_BYTES - sink->length;
        if (n > length) n = length;
        memcpy(sink->output + sink->length, bytes, n);
        sink->length += n;
        bytes += n;
        length -= n;
        if (sink->length == OUTPUT_BYTES && flush(sink) != TL_OK) return sink->failed;
    }
    return TL_OK;
}

tl_status tl_sink_write(tl_sink *sink, const void *bytes, size_t length) {
    const uint8_t *from = bytes;
    while (length > 0 && sink->failed == TL_OK) {
        size_t n = length < MOST_INPUT ? length : MOST_INPUT;
        if (sink->kind == GZIP)
            deflate_all(sink, from, n, Z_NO_FLUSH);
        else if (sink->kind == ZSTD)
            zstd_all(sink, from, n, ZSTD_e_continue);
        else
            plain_all(sink, from, n);
        from += n;
        length -= n;
    }
    return sink->failed;
}

tl_status tl_sink_close(tl_sink *sink) {
    if (sink->failed == TL_OK && sink->kind == GZIP) deflate_all(sink, "", 0, Z_FINISH);
    if (sink->failed == TL_OK && sink->kind == ZSTD) zstd_all(sink, "", 0, ZSTD_e_end);
    if (sink->failed == TL_OK) flush(sink);
    tl_status status = sink->failed;
    if (sink->draft != NULL && status == TL_OK) {
        status = tl_draft_commit(sink->draft);
        sink->draft = NULL;
    }
    if (sink->fd >= 0 && close(sink->fd) != 0 && status == TL_OK)
        status = tl_error_set(TL_ERR_IO, "cannot write %s: %s", sink->path, strerror(errno));
    sink->fd = -1;
    release(sink);
    return status;
}

void tl_sink_discard(tl_sink *sink) {
    release(sink);
}
