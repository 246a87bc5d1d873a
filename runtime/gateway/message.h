/* What the gateway sends to a strategy: the slot of its "reports" channel, and the structs of an attach.
 *
 * A generation that starts sends TL_COMMAND_ATTACH with its epoch; the gateway refuses older epochs from then on and answers with a POSITION for each position that is not flat or
 * was traded, an ORDER for each open order in order of creation, a VENUE for each venue, and ATTACHED. What was in the channel before stays before it: reports are
 * never dropped and keep their order.
 */
#ifndef TL_GATEWAY_MESSAGE_H
#define TL_GATEWAY_MESSAGE_H

#include "order/order.h"
#include "order/position.h"

typedef enum tl_message_kind {
    TL_MESSAGE_NONE = 0,
    TL_MESSAGE_REPORT,   /* report */
    TL_MESSAGE_POSITION, /* instrument, position */
    TL_MESSAGE_ORDER,    /* adopted */
    TL_MESSAGE_VENUE,    /* venue, link */
    TL_MESSAGE_ATTACHED, /* word: the strategy's report sequence as of the attach */
    TL_MESSAGE_CUT, /* too many messages waited and were dropped; nothing more comes before the strategy has sent ATTACH again */
    TL_MESSAGE_ACTION /* reserved for corporate actions */
} tl_message_kind;

/* An open order as the gateway has it; the payload of a TL_EVENT_ADOPT (w and two tails hold these 160 bytes). */
typedef struct tl_adopted {
    tl_command last; /* as accepted: price and quantity as acknowledged last */
    int64_t filled;  /* mantissa */
    int64_t wanted_price;
    int64_t wanted_quantity;
    uint8_t status;   /* tl_order_status */
    uint8_t before;   /* status to which a refused request returns */
    uint8_t external; /* 1: found at the venue, nobody's */
    uint8_t reserved[5];
} tl_adopted;

TL_STATIC_ASSERT(sizeof(tl_adopted) == 160, "three slots less the head");

typedef struct tl_message {
    uint32_t kind; /* tl_message_kind */
    uint32_t instrument;
    int64_t word;    /* ATTACHED: report sequence; VENUE: venue index | tl_venue_link << 32 */
    int64_t sent_ns; /* runtime time at which the gateway wrote it */
    uint64_t reserved;
    union {
        tl_report report;
        tl_position position;
        tl_adopted adopted;
        uint8_t bytes[224];
    };
} tl_message;

TL_STATIC_ASSERT(sizeof(tl_message) == 256, "four cache lines");

#endif
