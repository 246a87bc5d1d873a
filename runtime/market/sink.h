/* Sinks: bytes into a file, plain or compressed, from front to back; the counterpart of market/stream.h.
 *
 * The name tells the kind: ".gz" and ".zst" are compressed, anything else is plain; "-" is standard output, plain. The same bytes give
 * the same file. Single owner.
 */
#ifndef TL_MARKET_SINK_H
#define TL_MARKET_SINK_H

#include "base/status.h"

typedef struct tl_sink tl_sink;

/* Begins the file, which appears when it is closed (base/draft.h). TL_ERR_IO with the system's reason, TL_ERR_NO_MEMORY. */
tl_status tl_sink_open(const char *path, tl_sink **sink);

/* Writes all of the bytes, or fails with TL_ERR_IO. */
tl_status tl_sink_write(tl_sink *sink, const void *bytes, size_t length);

/* Writes what is held back and closes: the file is there, whole, unless this or a write failed. The sink is gone, whatever comes back. */
tl_status tl_sink_close(tl_sink *sink);

/* Closes without a file. */
void tl_sink_discard(tl_sink *sink);

#endif
