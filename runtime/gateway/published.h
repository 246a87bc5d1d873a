/* What the gateway publishes of its state for everybody else: `tidelock status`, `top`, metrics, the console. Copies, never the record: the gateway's state is private.
 *
 * Sections of its region: "positions" (tl_published_position), "orders" (tl_published_order), "accounts" (tl_published_account), "gateway" (tl_published_gateway); each entry is a
 * latch (queue/latch.h), the first entry of each array is at its start, entries beyond `count` of the gateway's page do not exist. One writer, any readers.
 */
#ifndef TL_GATEWAY_PUBLISHED_H
#define TL_GATEWAY_PUBLISHED_H

#include "gateway/gateway.h"
#include "queue/latch.h"

typedef struct tl_published_position {
    uint32_t strategy;
    uint32_t account; /* index */
    uint32_t instrument;
    uint32_t open_orders;
    int64_t unrealized_e8;
    int64_t twice_mark; /* TL_ABSENT before any */
    uint64_t as_of;     /* position of the gateway's log */
    tl_position position;
} tl_published_position;

typedef struct tl_published_order {
    tl_command last;
    int64_t filled;
    int64_t created_ns;
    int64_t updated_ns;
    uint64_t as_of;
    uint8_t status; /* tl_order_status; TL_ORDER_NONE or closed: the place is free */
    uint8_t held;   /* 1: the gateway keeps it (a stop that the venue lacks, a leg that waits) */
    uint8_t reserved[6];
} tl_published_order;

typedef struct tl_published_account {
    char name[32];
    char currency[TL_CURRENCY_BYTES];
    tl_account_state state;
    uint64_t as_of;
} tl_published_account;

typedef struct tl_published_gateway {
    tl_gateway_counts counts;
    uint64_t denied[TL_REASONS]; /* by tl_reason */
    uint64_t orders;             /* new orders taken */
    uint64_t fills;
    uint64_t expired_orders; /* refused as their deadline had passed: never reached a venue */
    uint64_t as_of;
    uint64_t recovered; /* log records worked through by this generation at its start */
    uint32_t position_count;
    uint32_t order_count; /* places in use, free ones among them */
    uint32_t account_count;
    uint32_t killed; /* 1: the switch is on for an account at least */
} tl_published_gateway;

/* Sizes of the sections. */
uint64_t tl_published_positions_bytes(uint32_t capacity);
uint64_t tl_published_orders_bytes(uint32_t capacity);
uint64_t tl_published_accounts_bytes(void);
uint64_t tl_published_gateway_bytes(void);

/* Reading an entry; false when it does not exist. Any process. */
bool tl_published_gateway_read(const void *section, tl_published_gateway *gateway);
bool tl_published_position_read(const void *section, uint32_t i, tl_published_position *position);
bool tl_published_order_read(const void *section, uint32_t i, tl_published_order *order);
bool tl_published_account_read(const void *section, uint32_t i, tl_published_account *account);

#endif
