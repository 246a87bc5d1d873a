/* Time zones: an IANA zone's offsets from UTC, read from the system's TZif files (RFC 8536).
 *
 * Reads the folder that TZDIR names, else /usr/share/zoneinfo; takes no notice of TZ and leaves the C library's zone alone, so that
 * any thread may use a zone while others do. Read-only after loading; a look-up is O(log n) and allocates nothing.
 */
#ifndef TL_MARKET_ZONE_H
#define TL_MARKET_ZONE_H

#include "base/status.h"

typedef struct tl_zone tl_zone;

/* TL_ERR_NOT_FOUND for a name that is no zone (or when the zone database is missing: the text names the package), TL_ERR_FORMAT for a
 * file that is no TZif. */
tl_status tl_zone_load(const char *name, tl_zone **zone);
void tl_zone_free(tl_zone *zone);
const char *tl_zone_name(const tl_zone *zone);

/* Seconds east of UTC at an instant (seconds since the Unix epoch). */
int32_t tl_zone_offset_s(const tl_zone *zone, int64_t at_s);

/* The instant of a local time, given as seconds that the local clock shows since 1970-01-01 00:00. A time that a change of the clock
 * skips is read with the offset before the change, so that it lies as far behind the gap as it was into it; a repeated one is its
 * first. */
int64_t tl_zone_from_local_s(const tl_zone *zone, int64_t local_s);

#endif
