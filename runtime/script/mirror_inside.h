/* The mirror's own state, shared by mirror.c (sends and requests), mirror_quote.c (order.quote) and mirror_report.c (what comes
 * back). Nobody else includes this. */
#ifndef TL_SCRIPT_MIRROR_INSIDE_H
#define TL_SCRIPT_MIRROR_INSIDE_H

#ifndef TL_CDEF
#include <math.h>
#include <string.h>

#include "order/position.h"
#include "order/ticks.h"
#include "order/transition.h"
#include "script/mirror.h"
#include "script/order_slots.h"

enum {
    MAX_COMMANDS = 1 << 17, /* sent by one batch and not taken yet */
    MAX_QUOTES = 1 << 16,   /* distinct (instrument, side, tag) that order.quote ever kept */
    MAX_TAGS = 65536,
    MAX_SAGAS = 1024, /* open; the gateway takes as many */
    QUOTE_INDEX = MAX_QUOTES * 2
};

enum {
    FIELD_NONE,
    FIELD_SYMBOL,
    FIELD_QUANTITY,
    FIELD_PRICE,
    FIELD_STOP_PRICE,
    FIELD_DISPLAY,
    FIELD_DEADLINE,
    FIELD_EXPIRE,
    FIELD_OFFSET
};

/* What order.quote keeps for one instrument, side and tag. */
typedef struct mirror_quote {
    uint32_t instrument;
    uint32_t tag;
    uint32_t side;
    uint32_t slot;         /* of its last order, 0 before any */
    uint32_t generation;   /* of that slot */
    int32_t read_rounding; /* of the price read last */
    double read_quantity;  /* quantity and price as the script gave them last, NaN before, and what was read of them */
    double read_price;
    int64_t quantity;
    int64_t price;
    int64_t asked_quantity;   /* open quantity last asked; -1 when the order was changed by other means since */
    int64_t next_quantity;    /* to be sent when the cancel in flight is answered; 0 = nothing */
    int64_t next_price;       /* its price */
    tl_order_options options; /* of the order to be sent then */
} mirror_quote;

/* A saga whose end was not told yet. */
typedef struct mirror_saga {
    int64_t undo_ns;
    uint32_t number;
    uint32_t said; /* 1: that it is done or is to be undone */
} mirror_saga;

struct tl_mirror {
    tl_order_slots slots;
    tl_view *view;
    const tl_instruments *instruments;
    tl_position *positions; /* by instrument */
    tl_command *commands;
    uint32_t command_count;
    uint32_t index; /* of the next command among those of the event in hand */
    uint64_t input_sequence;
    int64_t now_ns;
    int64_t scope_ns;
    uint64_t last_id;
    uint32_t strategy;
    uint32_t epoch;
    uint32_t last_group;
    uint32_t tag_count;
    char **tags; /* by number - 1 */
    uint32_t quote_count;
    mirror_quote *quotes;  /* from 1 */
    uint32_t *quote_index; /* open addressed, nothing is ever removed */
    uint64_t illegal_transitions;
    mirror_saga sagas[MAX_SAGAS]; /* in order of their beginning */
    uint32_t saga_count;
    bool warming;
    uint32_t attach;      /* counts attaches, from 1 */
    uint64_t attach_from; /* later orders were sent behind the attach */
    tl_send_error error;
    tl_vmem memory[4];
};

static inline int64_t mirror_mantissa(double numerator) {
    return isnan(numerator) ? TL_ABSENT : (int64_t)numerator;
}

static inline double mirror_numerator(int64_t mantissa) {
    return mantissa == TL_ABSENT ? NAN : (double)mantissa;
}

/* What is asked, in mantissas. */
typedef struct mirror_request {
    int64_t quantity;
    int64_t price; /* TL_ABSENT for none, as the next three */
    int64_t stop_price;
    int64_t offset;
    int64_t display; /* 0 for none */
    int64_t expire_ns;
    int64_t deadline_ns;
    uint8_t type;
    uint8_t time_in_force;
    uint32_t flags;
} mirror_request;

static inline bool mirror_same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

/* Options of a plain limit order for the day. */
extern const tl_order_options mirror_plain_options;

/* mirror.c: checks. Each returns false with the error set. */
bool mirror_refuse(tl_mirror *mirror, int reason, int field, uint32_t instrument, double limit, double value);
bool mirror_read_quantity(tl_mirror *mirror, const tl_instrument *instrument, int field, double quantity, int64_t *mantissa);
bool mirror_read_price(tl_mirror *mirror, const tl_instrument *instrument, int field, double price, int rounding, int side,
                       int64_t *mantissa);
/* Refuses what may not be sent to an instrument whatever the order is. */
bool mirror_may_send(tl_mirror *mirror, uint32_t instrument);
/* The nearest of the scope's and the options' deadlines; refused when it has passed. */
bool mirror_read_deadline(tl_mirror *mirror, const tl_order_options *options, uint32_t instrument, int64_t *deadline_ns);
/* An expiry makes a day order GTD; one that has passed is refused. */
bool mirror_read_expiry(tl_mirror *mirror, const tl_order_options *options, uint32_t instrument, mirror_request *ask);

/* mirror.c: checks a new order and turns it into mantissas. */
bool mirror_read_request(tl_mirror *mirror, uint32_t instrument, int side, double quantity, double price,
                         const tl_order_options *options, mirror_request *ask);

/* mirror.c: a command of the event in hand; its caller knows that there is room. */
tl_command *mirror_command(tl_mirror *mirror, int kind);

/* mirror_saga.c: a TL_REPORT_UNDO: the gateway's order gets a slot. */
void mirror_saga_undo(tl_mirror *mirror, const tl_report *report);

/* mirror.c: sending. A slot and a command for a checked request; 0 with the error set. */
uint32_t mirror_place(tl_mirror *mirror, const tl_instrument *instrument, int side, const mirror_request *ask,
                      const tl_order_options *options);
/* Cancels an open order. Does not wait for the acknowledgement of the order itself: a cancel that waits costs money. */
bool mirror_cancel(tl_mirror *mirror, uint32_t slot);
/* Asks for a price and a total, given as numerators; in place of whatever waits. */
bool mirror_ask_replace(tl_mirror *mirror, uint32_t slot, double price_n, double quantity_n, int64_t deadline_ns);
/* The same at once: nothing is in flight, there is room. */
void mirror_send_cancel(tl_mirror *mirror, tl_shown_order *order);
void mirror_send_replace(tl_mirror *mirror, uint32_t slot, int64_t deadline_ns);

/* mirror_report.c: what scripts see of a position that has moved. */
void mirror_show_position(tl_mirror *mirror, const tl_instrument *instrument);

/* mirror_quote.c: a quote as it was, the next in number. */
void mirror_quote_restore(tl_mirror *mirror, const mirror_quote *quote);
/* mirror_quote.c: a quote's order was closed by `report`; `asked` tells that its cancel was in flight. */
void mirror_quote_closed(tl_mirror *mirror, uint32_t kept, const tl_report *report, bool asked);

#endif
#endif
