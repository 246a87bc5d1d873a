/* The mirror: a strategy's private picture of its own orders, and the door through which it sends.
 *
 * Moved only by its own sends (to pending) and by the reports in its input log. Order slots are tl_shown_order records in reserved memory, slot 0 is
 * never used; a handle is (slot, generation) and goes stale when the slot is reused, which is not before 65,536 further orders of the
 * strategy have closed. Prices and quantities come in as doubles, as scripts have them, and are converted as DESIGN §4 says.
 *
 * Single owner; no allocation in the steady state; every call O(1) but those that walk open orders.
 */
#ifndef TL_SCRIPT_MIRROR_H
#define TL_SCRIPT_MIRROR_H

#include "gateway/message.h"
#include "memory/pool.h"
#include "script/image.h"
#include "script/shown.h"
#include "script/view.h"

typedef struct tl_mirror tl_mirror;

/* Why a send was refused by the strategy's own inputs; codes as in tl_reason. Read after a call that returned 0. */
typedef struct tl_send_error {
    double limit;        /* what stood against it; NaN for none */
    double value;        /* the value that broke it; NaN for none */
    uint32_t reason;     /* tl_reason */
    uint32_t field;      /* 0 none, 1 symbol, 2 quantity, 3 price, 4 stop_price, 5 display, 6 deadline, 7 expire, 8 offset */
    uint32_t instrument; /* the order's */
    uint32_t reserved;
} tl_send_error;

/* `strategy` 0..4095 goes into every order id. */
tl_mirror *tl_mirror_create(tl_view *view, const tl_instruments *instruments, uint32_t strategy, uint32_t epoch);
void tl_mirror_destroy(tl_mirror *mirror);

/* Called by the host before each handler runs: the event in hand, the runtime's clock, the deadline of the scope (0 = none). */
void tl_mirror_event(tl_mirror *mirror, uint64_t input_sequence, int64_t now_ns);
void tl_mirror_scope(tl_mirror *mirror, int64_t deadline_ns);

/* While `warming` sends, cancels among them, are refused with TL_REASON_WARMING_UP. */
void tl_mirror_warming(tl_mirror *mirror, bool warming);

/* A new order; the slot, or 0 with tl_mirror_error() set. NaN price: none. */
uint32_t tl_mirror_send(tl_mirror *mirror, uint32_t instrument, int side, double quantity, double price,
                        const tl_order_options *options);

/* Whether tl_mirror_send() would take it, so that orders that belong together are sent all or none. */
bool tl_mirror_check(tl_mirror *mirror, uint32_t instrument, int side, double quantity, double price,
                     const tl_order_options *options);

/* order.quote: keeps exactly one working order per instrument, side and tag. The slot of the working order, 0 when there is none and none is wanted, or
 * UINT32_MAX when refused.
 *
 * `quantity` is what should be open. Asking again for the same price and quantity does nothing, so that a partly filled order keeps its place in the
 * queue; a change of either replaces the order by one of which `quantity` is open (a total of what was filled plus `quantity`). While a request is in flight the
 * latest ask waits; what is filled meanwhile counts against it. After a cancel (quantity 0) in flight a new order is sent when the cancel has
 * been acknowledged. Nothing is sent anew by itself after a fill, a refusal or an expiry. */
uint32_t tl_mirror_quote(tl_mirror *mirror, uint32_t instrument, int side, double quantity, double price,
                         const tl_order_options *options);

/* True when done or already asked; false with the error set (order_closed, off_tick, ...). */
bool tl_mirror_cancel(tl_mirror *mirror, uint32_t slot, uint32_t generation);
bool tl_mirror_replace(tl_mirror *mirror, uint32_t slot, uint32_t generation, double price, double quantity, int rounding);
/* Cancels open orders by instrument (or TL_NO_INSTRUMENT), side (or TL_SIDE_NONE) and tag (or 0); how many were asked. */
uint32_t tl_mirror_cancel_all(tl_mirror *mirror, uint32_t instrument, int side, uint32_t tag);

/* A script's tag as the number that its orders carry, made at its first use, from 1; 0 when there are 65,536 of them. Set-up: it looks through all. */
uint32_t tl_mirror_tag(tl_mirror *mirror, const char *name);
/* The number of a tag that was used before, 0 for none; and the tag of a number, "" for none. */
uint32_t tl_mirror_tag_find(const tl_mirror *mirror, const char *name);
const char *tl_mirror_tag_name(const tl_mirror *mirror, uint32_t tag);

/* A group number for orders that hang together (OCO, bracket). */
uint32_t tl_mirror_new_group(tl_mirror *mirror);

/* ---- sagas (gateway/saga.h) ---- */

/* How a leg is to be undone other than by flattening it. */
typedef struct tl_mirror_undo {
    uint32_t instrument;
    uint32_t side;
    double quantity; /* for the whole leg */
    double price;    /* NaN for a market order */
    const tl_order_options *options;
} tl_mirror_undo;

/* Opens a saga that has to be done by undo_ns, and undone by the deadline; its number, 0 with the error set. `tag` is its name. */
uint32_t tl_mirror_saga(tl_mirror *mirror, int64_t deadline_ns, int64_t undo_ns, uint32_t tag);
/* Whether tl_mirror_saga_leg() would take a leg and its way back (NULL: flatten it). */
bool tl_mirror_saga_check(tl_mirror *mirror, uint32_t saga, uint32_t instrument, int side, double quantity, double price,
                          const tl_order_options *options, const tl_mirror_undo *undo);
/* Sends a leg of an open saga; the slot, or 0 with the error set. */
uint32_t tl_mirror_saga_leg(tl_mirror *mirror, uint32_t saga, uint32_t instrument, int side, double quantity, double price,
                            const tl_order_options *options, const tl_mirror_undo *undo);
/* Says that a saga is done (TL_REASON_NONE) or is to be undone. False when nothing is known of it, or it was said before. */
bool tl_mirror_saga_end(tl_mirror *mirror, uint32_t saga, int reason);
/* The same of all that are open. */
void tl_mirror_saga_end_all(tl_mirror *mirror, int reason);
/* A TL_REPORT_SAGA from the log: a saga has ended. */
void tl_mirror_saga_ended(tl_mirror *mirror, const tl_report *report);
/* Sagas whose end was not told yet: a hand-over and a checkpoint wait for them, as a running function can be neither moved nor kept. */
uint32_t tl_mirror_sagas(const tl_mirror *mirror);
/* The leg's order after a slot (0: the first) that belongs to a saga; 0 for no more. Looks through all slots: for sagas of an earlier generation. */
uint32_t tl_mirror_saga_next_leg(const tl_mirror *mirror, uint32_t saga, uint32_t slot);

const tl_send_error *tl_mirror_error(const tl_mirror *mirror);

/* A report from the log: moves the order, the position in the view (before the handlers run), sends what was queued behind an answered request. Fills `shown`.
 * The order's slot, 0 when the order is not known. */
uint32_t tl_mirror_report(tl_mirror *mirror, const tl_report *report, int64_t now_ns, uint64_t sequence,
                          tl_shown_report *shown);
/* A TL_EVENT_ACTION from the log: the position in the view follows the gateway's. Orders are the gateway's matter and come as reports. */
void tl_mirror_action(tl_mirror *mirror, const tl_event *event);
/* A TL_EVENT_QUEUE from the log. */
void tl_mirror_queue_place(tl_mirror *mirror, const tl_event *event);

/* A generation's attach (live): what the gateway has goes over what the mirror had. A position sets the view's; an open order is made, or brought to the state of the
 * gateway's, and its slot returned (0 when there is no room); when all are named, open orders that were not are closed, as the gateway does not know them: how many those were. */
void tl_mirror_position(tl_mirror *mirror, uint32_t instrument, const tl_position *position);
uint32_t tl_mirror_adopt(tl_mirror *mirror, const tl_adopted *adopted, int64_t now_ns);
uint32_t tl_mirror_attached(tl_mirror *mirror, int64_t now_ns);
/* The attach is about to be asked for: orders that are sent from now on need not be named by it. */
void tl_mirror_attaching(tl_mirror *mirror);

/* Order ids go on behind this one. */
void tl_mirror_ids_from(tl_mirror *mirror, uint64_t last_id);

/* How many commands were sent and not taken yet, to be looked at often. */
const uint32_t *tl_mirror_sent(const tl_mirror *mirror);

/* Written down, and read into a mirror that has had no order yet; see script/image.h. */
void tl_mirror_save(const tl_mirror *mirror, tl_image *image);
tl_status tl_mirror_restore(tl_mirror *mirror, tl_image *image);

/* The pool that its orders are: closed ones are taken again once 65,536 later ones have closed. */
void tl_mirror_order_pool(const tl_mirror *mirror, tl_pool_counts *counts);

/* The slots. */
tl_shown_order *tl_mirror_orders(tl_mirror *mirror);
/* Slot of the first open order of an instrument and side (chained by next_n), 0 for none; instrument TL_NO_INSTRUMENT: all in order of creation, use tl_mirror_next(). */
uint32_t tl_mirror_first(const tl_mirror *mirror, uint32_t instrument, int side);
uint32_t tl_mirror_next(const tl_mirror *mirror, uint32_t slot, uint32_t instrument, int side);
/* `slot` when it is one of an open order that is no newer than `last_id`, else 0; tl_mirror_next() gives 0 for what is no slot. So a walk may be
 * held by a script. */
uint32_t tl_mirror_visit(const tl_mirror *mirror, uint32_t slot, double last_id);
uint32_t tl_mirror_open_count(const tl_mirror *mirror, uint32_t instrument, int side);
/* The id of the newest order, as order ids are ascending. */
double tl_mirror_last_id(const tl_mirror *mirror);
uint32_t tl_mirror_by_id(const tl_mirror *mirror, double order_id);

/* Sum of what is open of a side and would trade by itself, for order.target: stops that wait, legs of brackets and OCO pairs do not count; what is
 * being cancelled does, until that is certain. */
double tl_mirror_open_quantity(const tl_mirror *mirror, uint32_t instrument, int side);

/* Whether an open order is one of those. */
bool tl_mirror_trades_by_itself(const tl_mirror *mirror, uint32_t slot);

/* Reports that did not fit the order's status (order/transition.h); a fill among them still moved the position. */
uint64_t tl_mirror_illegal_transitions(const tl_mirror *mirror);

/* Commands sent and not taken yet, in order; the driver (or the ring's writer) takes them. */
const tl_command *tl_mirror_commands(const tl_mirror *mirror, uint32_t *count);
void tl_mirror_clear_commands(tl_mirror *mirror);

#endif
