/* A run's decisions as CSV: every command that reached the gateway, a row each, in the order of its time.
 *
 * Columns: ts_ns, input_sequence, kind, order_id, symbol, side, type, time_in_force, quantity, price, stop_price. Single owner.
 */
#ifndef TL_SCHED_DECISIONS_H
#define TL_SCHED_DECISIONS_H

#include "base/draft.h"
#include "market/instrument.h"
#include "order/order.h"

typedef struct tl_decisions tl_decisions;

/* Takes the draft over, also when it fails: the file is in its place when it is finished. TL_ERR_NO_MEMORY. */
tl_status tl_decisions_open(tl_draft *draft, const tl_instruments *instruments, tl_decisions **out);

/* Leaves what was there as it was. NULL is allowed. */
void tl_decisions_discard(tl_decisions *decisions);

void tl_decisions_write(tl_decisions *decisions, const tl_command *command, int64_t now_ns);

/* Puts the file in its place, or fails with TL_ERR_IO when it is not whole; `decisions` is gone, whatever comes back. */
tl_status tl_decisions_finish(tl_decisions *decisions);

#endif
