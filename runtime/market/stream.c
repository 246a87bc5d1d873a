#include "market/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { INPUT_BYTES = 128 * 1024, MAGIC_BYTES = 4 };

typedef enum packing { PLAIN, GZIP, ZSTD } packing;

struct tl_stream {
    int fd;
    packing kind;
    bool ended;     /* the file has no more bytes */
    bool in_member; /* a compressed member has begun and not ended */
    tl_status failed;
    uint64_t consumed;
    uint64_t size;
    size_t at;     /* next unused byte of the input */
    size_t length; /* bytes in the input */
    z_stream gzip;
    ZSTD_DStream *zstd;
    uint8_t input[INPUT_BYTES];
};

/* Up to `capacity` bytes of the file; 0 at its end and when reading fails. */
static size_t read_some(tl_stream *stream, uint8_t *out, size_t capacity) {
    ssize_t n;
    do
        n = read(stream->fd, out, capacity);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        stream->failed = tl_error_set(TL_ERR_IO, "cannot read: %s", strerror(errno));
        return 0;
    }
    stream->consumed += (uint64_t)n;
    stream->ended = n == 0;
    return (size_t)n;
}

static tl_status refill(tl_stream *stream) {
    if (stream->at < stream->length || stream->ended) return TL_OK;
    stream->at = 0;
    stream->length = read_some(stream, stream->input, sizeof stream->input);
    return stream->failed;
}

/* The first bytes, enough of them to tell the kind: a pipe may bring them one by one. */
static tl_status fill_head(tl_stream *stream) {
    while (stream->length < MAGIC_BYTES && !stream->ended && stream->failed == TL_OK)
        stream->length += read_some(stream, stream->input + stream->length, sizeof stream->input - stream->length);
    stream->ended = false; /* asked again when what is here is used up */
    return stream->failed;
}

tl_status tl_stream_open(const char *path, tl_stream **out) {
    tl_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory to read %s", path);
    stream->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (stream->fd < 0) {
        free(stream);
        return tl_error_set(TL_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    }
    struct stat about;
    if (fstat(stream->fd, &about) == 0) {
        if (S_ISDIR(about.st_mode)) {
            tl_stream_close(stream);
            return tl_error_set(TL_ERR_IO, "cannot read %s: it is a folder", path);
        }
        if (S_ISREG(about.st_mode)) stream->size = (uint64_t)about.st_size;
    }
    tl_status status = fill_head(stream);
    if (status != TL_OK) {
        tl_stream_close(stream);
        return tl_error_prefix(status, "%s", path);
    }
    if (stream->length >= 2 && stream->input[0] == 0x1f && stream->input[1] == 0x8b) {
        stream->kind = GZIP;
        if (inflateInit2(&stream->gzip, 15 + 16) != Z_OK) {
            stream->kind = PLAIN;
            tl_stream_close(stream);
            return tl_error_set(TL_ERR_NO_MEMORY, "no memory to unpack %s", path);
        }
    } else if (stream->length >= MAGIC_BYTES && memcmp(stream->input, "\x28\xb5\x2f\xfd", 4) == 0) {
        stream->kind = ZSTD;
        stream->zstd = ZSTD_createDStream();
        if (stream->zstd == NULL) {
            tl_stream_close(stream);
            return tl_error_set(TL_ERR_NO_MEMORY, "no memory to unpack %s", path);
        }
    }
    *out = stream;
    return TL_OK;
}

void tl_stream_close(tl_stream *stream) {
    if (stream == NULL) return;
    if (stream->kind == GZIP) inflateEnd(&stream->gzip);
    if (stream->zstd != NULL) ZSTD_freeDStream(stream->zstd);
    close(stream->fd);
    free(stream);
}

static tl_status inflate_some(tl_stream *stream, uint8_t *out, size_t capacity, size_t *length) {
    if (!stream->in_member) {
        inflateReset(&stream->gzip);
        stream->in_member = true;
    }
    stream->gzip.next_in = stream->input + stream->at;
    stream->gzip.avail_in = (uInt)(stream->length - stream->at);
    stream->gzip.next_out = out;
    stream->gzip.avail_out = capacity > (1u << 30) ? 1u << 30 : (uInt)capacity;
    uInt before = stream->gzip.avail_out;
    int result = inflate(&stream->gzip, Z_NO_FLUSH);
    stream->at = stream->length - stream->gzip.avail_in;
    *length = before - stream->gzip.avail_out;
    if (result == Z_STREAM_END)
        stream->in_member = false;
    else if (result != Z_OK && result != Z_BUF_ERROR)
        return stream->failed =
                   tl_error_set(TL_ERR_FORMAT, "broken gzip data: %s", stream->gzip.msg ? stream->gzip.msg : "?");
    return TL_OK;
}

static tl_status unzstd_some(tl_stream *stream, uint8_t *out, size_t capacity, size_t *length) {
    ZSTD_inBuffer in = {.src = stream->input, .size = stream->length, .pos = stream->at};
    ZSTD_outBuffer target = {.dst = out, .size = capacity};
    size_t result = ZSTD_decompressStream(stream->zstd, &target, &in);
    stream->at = in.pos;
    *length = target.pos;
    if (ZSTD_isError(result))
        return stream->failed = tl_error_set(TL_ERR_FORMAT, "broken zstd data: %s", ZSTD_getErrorName(result));
    stream->in_member = result != 0;
    return TL_OK;
}

tl_status tl_stream_read(tl_stream *stream, void *buffer, size_t capacity, size_t *length) {
    uint8_t *out = buffer;
    *length = 0;
    while (*length < capacity && stream->failed == TL_OK) {
        if (stream->kind == PLAIN && stream->at == stream->length && capacity - *length >= INPUT_BYTES && !stream->ended) {
            *length += read_some(stream, out + *length, capacity - *length); /* no need to go through the buffer */
            continue;
        }
        if (refill(stream) != TL_OK) break;
        size_t have = stream->length - stream->at, n = 0;
        if (stream->kind == PLAIN) {
            if (have == 0) break;
            n = have < capacity - *length ? have : capacity - *length;
            memcpy(out + *length, stream->input + stream->at, n);
            stream->at += n;
        } else {
            if (have == 0 && !stream->in_member) break;
            if (stream->kind == GZIP && have > 0 && !stream->in_member && stream->input[stream->at] != 0x1f) {
                while (stream->at < stream->length && stream->input[stream->at] == 0)
                    stream->at++; /* padding behind the last member, as tape blocks have it */
                if (stream->at < stream->length && stream->input[stream->at] != 0x1f)
                    stream->failed = tl_error_set(TL_ERR_FORMAT, "what stands behind the gzip data is no gzip data");
                continue;
            }
            (void)(stream->kind == GZIP ? inflate_some : unzstd_some)(stream, out + *length, capacity - *length, &n);
            if (have == 0 && n == 0 && stream->failed == TL_OK)
                stream->failed = tl_error_set(TL_ERR_FORMAT, "the compressed data is cut off");
        }
        *length += n;
    }
    return stream->failed;
}

uint64_t tl_stream_consumed(const tl_stream *stream) {
    return stream->consumed - (stream->length - stream->at);
}

uint64_t tl_stream_size(const tl_stream *stream) {
    return stream->size;
}

bool tl_stream_is_pipe(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode));
}
