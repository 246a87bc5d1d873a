/* A run's decisions as CSV: every command that reached the gateway, a row each, in the order of its time.
 *
 * Columns: ts_ns, input_sequence, kind, order_id, symbol, side, type, time_in_force, quantity, price, stop_price. Single owner.
 */
#ifndef TL_SCHED_DECISIONS_H
#define TL_SCHED_DECISIONS_H

#include "market/instrument.h"
#include "order/order.h"

typedef struct tl_decisions tl_decisions;

/* Writes over what is at `path`. TL_ERR_IO with the system's reason. */
tl_status tl_decisions_open(const char *path, const tl_instruments *instruments, tl_decisions **out);
void tl_decisions_close(tl_decisions *decisions);

void tl_decisions_write(tl_decisions *decisions, const tl_command *command, int64_t now_ns);

/* TL_ERR_IO when something could not be written: the file is not whole. */
tl_status tl_decisions_flush(tl_decisions *decisions);

#endif
