/* The life of an order as one table: status x move -> status.
 *
 * The gateway's order of record and the strategy's mirror are moved by this table and by nothing else. An order with a request in
 * flight (pending_cancel, pending_replace) remembers in `before` what it is besides: reports of its work move `before`, the answer
 * to the request ends the pending status. Requests that the gateway makes by itself (deadlines, groups) leave the status alone, so that both
 * sides agree. docs/ORDERS.md prints the table; a test compares the two.
 *
 * Pure: any thread, wait-free.
 */
#ifndef TL_ORDER_TRANSITION_H
#define TL_ORDER_TRANSITION_H

#include "order/order.h"

/* What moves an order: its sender's requests, and reports. A fill is two moves: one that leaves some open and one that does not. */
typedef enum tl_order_move {
    TL_MOVE_SEND = 0,
    TL_MOVE_ASK_CANCEL,
    TL_MOVE_ASK_REPLACE,
    TL_MOVE_ACCEPTED,
    TL_MOVE_FILL,
    TL_MOVE_LAST_FILL,
    TL_MOVE_CANCELED,
    TL_MOVE_REPLACED,
    TL_MOVE_REJECTED,
    TL_MOVE_DENIED,
    TL_MOVE_EXPIRED,
    TL_MOVE_TRIGGERED,
    TL_MOVE_CANCEL_REJECTED,
    TL_MOVE_REPLACE_REJECTED,
    TL_MOVE_RESTATED,
    TL_MOVES
} tl_order_move;

/* What a cell holds besides a tl_order_status. TL_ORDER_NONE is a move that is illegal. */
enum {
    TL_CELL_AS_BEFORE = 64, /* the status that the move gives `before`; illegal where it is so for `before` */
    TL_CELL_STAY = 65, /* the pending status stays, the move is applied to `before`; illegal where it is so for `before` */
    TL_CELL_BACK = 66, /* `before` again */
    TL_CELL_BACK_REPLACED = 67 /* `before` again, `replaced` where that is pending_new or new */
};

/* The cell of the table itself. */
int tl_order_cell(int status, int move);

/* Moves an order. False when the move is illegal; nothing is changed then. `before` is the status without the request that is in
 * flight, and equals `status` when none is. */
bool tl_order_move_apply(int move, uint8_t *status, uint8_t *before);

/* The move of a report; `last` tells that a fill leaves nothing open. -1 for a kind that is none. */
int tl_order_move_of_report(int report_kind, bool last);

/* "ask_cancel", "last_fill": as the table in the docs names it. */
const char *tl_order_move_name(int move);

#endif
