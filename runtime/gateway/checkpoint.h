/* The whole state of a gateway as bytes: an exact image, for a successor of the same binary and configuration.
 *
 * Not for another version: a hash over the sizes of what is in it, and over accounts, venues and strategies, stands at its start. Restoring goes into a gateway that was set up
 * as the one that was saved, and to which nothing has happened yet.
 */
#ifndef TL_GATEWAY_CHECKPOINT_H
#define TL_GATEWAY_CHECKPOINT_H

#include "gateway/gateway.h"
#include "gateway/state.h"

/* Bytes that tl_gateway_save() writes now; and at most, with so many instruments and so many orders open at a time. */
uint64_t tl_gateway_image_bytes(tl_gateway *gateway);
uint64_t tl_gateway_image_bytes_most(uint32_t instruments, uint32_t strategies, uint32_t orders);

/* How much was written, 0 when it does not fit. */
uint64_t tl_gateway_save(tl_gateway *gateway, void *into, uint64_t capacity);

/* TL_ERR_FORMAT: of another configuration, or no image; TL_ERR_STATE: the gateway is not a new one. */
tl_status tl_gateway_restore(tl_gateway *gateway, const void *from, uint64_t bytes);

#ifndef TL_CDEF
/* The same with the fills that are remembered apart, which are most of it on a long day, and of which only the new ones need to be written again where an older image was: a mirror of the gateway's
 * ring that grows downwards from `end`. Used by the gateway agent. */
uint64_t gateway_save_apart(tl_gateway *gateway, void *into, uint64_t capacity);
tl_status gateway_restore_apart(tl_gateway *gateway, const void *from, uint64_t bytes, const fill_key *end);
/* Mirrors the fills from number `from` on; how many there have been. */
uint64_t gateway_mirror_fills(const tl_gateway *gateway, fill_key *end, uint64_t from);
static inline uint64_t gateway_mirror_bytes(const tl_gateway *gateway) {
    return (gateway->fill_count < GATEWAY_FILLS_KEPT ? gateway->fill_count : GATEWAY_FILLS_KEPT) * sizeof(fill_key);
}
#endif

#endif
