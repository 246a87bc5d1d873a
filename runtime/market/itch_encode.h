/* ITCH 5.0 out: the frame of a flat message, the inverse of tl_itch_decode().
 *
 * Every type of the specification. What the flat message does not carry gets the value that is usual on Nasdaq (a directory entry is a
 * common share of the Global Select market, say). Pure: any thread, wait-free.
 */
#ifndef TL_MARKET_ITCH_ENCODE_H
#define TL_MARKET_ITCH_ENCODE_H

#include "market/itch.h"

/* The most that one frame takes. */
enum { TL_ITCH_FRAME_MAX_BYTES = TL_ITCH_FRAME_BYTES + TL_ITCH_LENGTH_MAX };

/* Writes the message with its length in front into out[TL_ITCH_FRAME_MAX_BYTES]; returns the bytes written, 0 for an unknown type. */
unsigned tl_itch_encode(const tl_itch_message *message, uint8_t *out);

#endif
