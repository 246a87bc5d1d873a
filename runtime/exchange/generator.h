/* The session generator: a synthetic day in ITCH 5.0 that looks like a market, made of simulated participants.
 *
 * The day has what a real one has: start of messages, directory, trading actions, Reg SHO, participant positions, orders before the
 * opening, imbalances and the opening cross, continuous trading, a halt now and then, imbalances and the closing cross, a little after
 * hours, the end messages. It has exactly as many messages as were asked for. Deterministic: the same options give the same bytes on
 * every machine. Single owner.
 */
#ifndef TL_EXCHANGE_GENERATOR_H
#define TL_EXCHANGE_GENERATOR_H

#include "base/status.h"

typedef struct tl_generator_options {
    uint64_t seed;
    uint64_t messages; /* of the whole file; at least tl_generator_least_messages() */
    uint32_t symbols;  /* 1 to 65,535 */
} tl_generator_options;

/* Room that tl_generator_fill() wants. */
enum { TL_GENERATOR_BUFFER_BYTES = 1 << 16 };

typedef struct tl_generator tl_generator;

/* The messages that a day of so many symbols has whatever happens in it. */
uint64_t tl_generator_least_messages(uint32_t symbols);

/* TL_ERR_ARGUMENT names the option that cannot be. */
tl_status tl_generator_create(const tl_generator_options *options, tl_generator **generator);
void tl_generator_destroy(tl_generator *generator);

/* Writes whole frames into a buffer of at least TL_GENERATOR_BUFFER_BYTES; *length is 0 at the end of the day. */
tl_status tl_generator_fill(tl_generator *generator, uint8_t *buffer, size_t capacity, size_t *length);

/* Messages so far. */
uint64_t tl_generator_written(const tl_generator *generator);

#endif
