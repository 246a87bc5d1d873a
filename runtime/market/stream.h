/* Streams: the bytes of a file, plain or compressed, read once from front to back.
 *
 * The kind is seen from the first bytes (gzip, zstd, else plain), never from the name; "-" is standard input. Files that are
 * several compressed members one after another are read through. Single owner; one buffer, no allocation after opening.
 */
#ifndef TL_MARKET_STREAM_H
#define TL_MARKET_STREAM_H

#include "base/status.h"

typedef struct tl_stream tl_stream;

/* Opens a file. TL_ERR_IO with the system's reason, TL_ERR_NO_MEMORY. */
tl_status tl_stream_open(const char *path, tl_stream **stream);
void tl_stream_close(tl_stream *stream);

/* Fills up to `capacity` bytes; *length < capacity only at the end, 0 there from then on. TL_ERR_IO, or TL_ERR_FORMAT when the
 * compressed data is broken or cut: *length bytes before it are good. */
tl_status tl_stream_read(tl_stream *stream, void *buffer, size_t capacity, size_t *length);

/* Bytes taken from the file so far, and its size (0 when not known, as for a pipe): what progress is shown from. */
uint64_t tl_stream_consumed(const tl_stream *stream);
uint64_t tl_stream_size(const tl_stream *stream);

/* Whether what is read at `path` is gone once it was read: a pipe or a socket. Does not open it, as that would wait for a writer. */
bool tl_stream_is_pipe(const char *path);

#endif
