#include "venue/exchange_log.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    HEAD_BYTES = 4096,
    SLOT_BYTES = 64,
    LOG_SLOTS = 1 << 16, /* 4 MiB */
    FIRST_ORDERS = 1024,
    FIRST_POSITIONS = 256,
    SPARE_REPORTS = 4096 /* that a checkpoint of the usual size holds */
};

typedef enum record_kind { RECORD_NONE = 0, RECORD_COMMAND, RECORD_REPORT } record_kind;

/* A record of the log: three slots with a command, two with a report. */
typedef struct record {
    uint32_t kind; /* record_kind */
    uint32_t slots;
    uint64_t position; /* COMMAND: in its channel, behind it */
    union {
        tl_command command;
        tl_report report;
        uint8_t bytes[3 * SLOT_BYTES - 16];
    };
} record;

TL_STATIC_ASSERT(sizeof(record) == 3 * SLOT_BYTES, "three slots");
TL_STATIC_ASSERT(sizeof(tl_report) <= 2 * SLOT_BYTES - 16, "two slots");

/* The head of a checkpoint; orders by arrival, positions, reports and prices follow. */
typedef struct checkpoint_head {
    uint64_t sequence; /* stored last; 0 = none */
    uint64_t check;    /* CRC of all that follows */
    uint64_t bytes;    /* of the whole */
    uint64_t position; /* in the log: what lies behind it is not part of this */
    uint64_t commands;
    uint64_t reports;
    uint64_t executions;
    uint32_t order_count;
    uint32_t position_count;
    uint32_t report_count;
    uint32_t price_count;
} checkpoint_head;

/* An order in a checkpoint. */
typedef struct kept_order {
    tl_command command;
    int64_t filled;
    int64_t asked_price;
} kept_order;

uint64_t tl_exchange_log_bytes(void) {
    return HEAD_BYTES + (uint64_t)LOG_SLOTS * SLOT_BYTES;
}

static uint64_t bytes_of(uint64_t orders, uint64_t positions, uint64_t reports, uint64_t prices) {
    return sizeof(checkpoint_head) + orders * sizeof(kept_order) + positions * sizeof(tl_exchange_position) +
           reports * sizeof(tl_report) + prices * sizeof(tl_crowd_price);
}

uint64_t tl_exchange_checkpoint_bytes(uint32_t orders, uint32_t symbols) {
    return bytes_of(orders + orders / 2, orders, SPARE_REPORTS, symbols); /* more than half again is_full() leaves free */
}

/* ---- tables ---- */

static uint64_t position_key(uint32_t strategy, uint32_t instrument) {
    return (uint64_t)strategy << 32 | instrument;
}

tl_exchange_order *tl_exchange_log_find(tl_exchange_log *log, uint64_t order_id) {
    uint32_t slot = tl_id_map_find(&log->order_of, order_id);
    return slot != 0 ? &log->orders[slot] : NULL;
}

static tl_exchange_order *add_order(tl_exchange_log *log, const tl_command *command) {
    uint32_t slot = log->free_order;
    if (slot == 0 && log->order_slots == log->order_capacity) {
        uint32_t capacity = log->order_capacity * 2;
        tl_exchange_order *orders = realloc(log->orders, capacity * sizeof *orders);
        log->no_memory |= orders == NULL;
        if (orders == NULL) return NULL;
        log->orders = orders;
        log->order_capacity = capacity;
    }
    if (!tl_id_map_put(&log->order_of, command->order_id, slot != 0 ? slot : log->order_slots)) {
        log->no_memory = true;
        return NULL;
    }
    if (slot != 0)
        log->free_order = log->orders[slot].next;
    else
        slot = log->order_slots++;
    tl_exchange_order *order = &log->orders[slot];
    *order = (tl_exchange_order){.command = *command, .asked_price = TL_ABSENT, .previous = log->last};
    if (log->last != 0)
        log->orders[log->last].next = slot;
    else
        log->first = slot;
    log->last = slot;
    log->open++;
    return order;
}

static void remove_order(tl_exchange_log *log, tl_exchange_order *order) {
    uint32_t slot = (uint32_t)(order - log->orders);
    tl_id_map_remove(&log->order_of, order->command.order_id);
    if (order->previous != 0)
        log->orders[order->previous].next = order->next;
    else
        log->first = order->next;
    if (order->next != 0)
        log->orders[order->next].previous = order->previous;
    else
        log->last = order->previous;
    order->next = log->free_order;
    log->free_order = slot;
    log->open--;
}

static void add_position(tl_exchange_log *log, uint32_t strategy, uint32_t instrument, int64_t quantity) {
    uint64_t key = position_key(strategy, instrument);
    uint32_t slot = tl_id_map_find(&log->position_of, key);
    if (slot == 0) {
        if (log->position_count + 1 == log->position_capacity) {
            uint32_t capacity = log->position_capacity * 2;
            tl_exchange_position *positions = realloc(log->positions, capacity * sizeof *positions);
            log->no_memory |= positions == NULL;
            if (positions == NULL) return;
            log->positions = positions;
            log->position_capacity = capacity;
        }
        slot = log->position_count + 1;
        if (!tl_id_map_put(&log->position_of, key, slot)) {
            log->no_memory = true;
            return;
        }
        log->position_count = slot;
        log->positions[slot] = (tl_exchange_position){.strategy = strategy, .instrument = instrument};
    }
    log->positions[slot].quantity += quantity;
}

/* ---- the state as a function of what was logged ---- */

static void fold_command(tl_exchange_log *log, const tl_command *command, uint64_t position) {
    log->commands = position;
    tl_exchange_order *order = tl_exchange_log_find(log, command->order_id);
    if (command->kind == TL_COMMAND_NEW && order == NULL)
        add_order(log, command);
    else if (command->kind == TL_COMMAND_REPLACE && order != NULL)
        order->asked_price = command->price;
}

static void adopt_terms(tl_exchange_order *order, const tl_report *report) {
    order->command.quantity = report->quantity;
    if (report->price != TL_ABSENT) order->command.price = report->price;
}

static void fold_fill(tl_exchange_log *log, tl_exchange_order *order, const tl_report *report) {
    if (report->execution_id > log->executions) log->executions = report->execution_id;
    if (order == NULL) return;
    bool buys = order->command.side == TL_SIDE_BUY;
    add_position(log, order->command.strategy, order->command.instrument, buys ? report->quantity : -report->quantity);
    order->filled = report->filled;
    if (order->filled >= order->command.quantity) remove_order(log, order);
}

static void fold_report(tl_exchange_log *log, const tl_report *report) {
    log->reports++;
    tl_exchange_order *order = tl_exchange_log_find(log, report->order_id);
    if (report->kind == TL_REPORT_FILL) {
        fold_fill(log, order, report);
        return;
    }
    if (order == NULL) return;
    switch (report->kind) {
    case TL_REPORT_ACCEPTED:
    case TL_REPORT_RESTATED:
        adopt_terms(order, report);
        break;
    case TL_REPORT_REPLACED:
        adopt_terms(order, report);
        if (order->command.type == TL_TYPE_STOP && order->asked_price != TL_ABSENT)
            order->command.stop_price = order->asked_price; /* the price of a waiting stop is that */
        break;
    case TL_REPORT_TRIGGERED:
        order->command.type = order->command.type == TL_TYPE_STOP_LIMIT ? TL_TYPE_LIMIT : TL_TYPE_MARKET;
        break;
    case TL_REPORT_REJECTED:
        if (report->reason != TL_REASON_DUPLICATE_ID) remove_order(log, order); /* else the one that has the id goes on */
        break;
    case TL_REPORT_CANCELED:
    case TL_REPORT_EXPIRED:
        remove_order(log, order);
        break;
    default:
        break;
    }
}

static void hold_report(tl_exchange_log *log, const tl_report *report, int64_t due_ns) {
    tl_report *place = tl_delay_line_push(&log->reporting, due_ns);
    if (place != NULL)
        *place = *report;
    else
        log->no_memory = true;
}

/* ---- the log ---- */

static void put(tl_exchange_log *log, const record *one) {
    if (log->staged + one->slots - log->floor > log->mask + 1) {
        log->spilled = true;
        return;
    }
    for (uint32_t i = 0; i < one->slots; i++, log->staged++)
        memcpy(log->slots + (log->staged & log->mask) * SLOT_BYTES, (const uint8_t *)one + i * SLOT_BYTES, SLOT_BYTES);
}

void tl_exchange_log_command(tl_exchange_log *log, const tl_command *command, uint64_t position) {
    record one = {.kind = RECORD_COMMAND, .slots = 3, .position = position, .command = *command};
    put(log, &one);
    fold_command(log, command, position);
}

void tl_exchange_log_report(tl_exchange_log *log, const tl_report *report, int64_t due_ns) {
    record one = {.kind = RECORD_REPORT, .slots = 2, .report = *report};
    put(log, &one);
    fold_report(log, report);
    hold_report(log, report, due_ns);
}

bool tl_exchange_log_commit(tl_exchange_log *log, const tl_crowd *crowd) {
    if (TL_UNLIKELY(log->spilled)) {
        log->staged = log->head->committed; /* the checkpoint holds it all */
        if (!tl_exchange_log_checkpoint(log, crowd)) return false;
        log->spilled = false;
    } else if (log->staged != log->head->committed) {
        __atomic_store_n(&log->head->committed, log->staged, __ATOMIC_RELEASE); /* after everything in the slots */
    }
    log->reporting_committed = log->reporting.tail;
    return true;
}

const tl_report *tl_exchange_log_due(const tl_exchange_log *log, int64_t now_ns) {
    const tl_delay_line *line = &log->reporting;
    if (line->head == log->reporting_committed || tl_delay_line_next_ns(line) > now_ns) return NULL;
    return tl_delay_line_at(line, line->head);
}

void tl_exchange_log_sent(tl_exchange_log *log) {
    log->reporting.head++;
}

int64_t tl_exchange_log_due_ns(const tl_exchange_log *log) {
    return log->reporting.head == log->reporting_committed ? INT64_MAX : tl_delay_line_next_ns(&log->reporting);
}

bool tl_exchange_log_is_long(const tl_exchange_log *log) {
    return log->staged - log->floor > (log->mask + 1) / 2;
}

static uint64_t bytes_now(const tl_exchange_log *log, uint64_t prices) {
    return bytes_of(log->open, log->position_count, log->reporting.tail - log->reporting.head, prices);
}

bool tl_exchange_log_is_full(const tl_exchange_log *log) {
    return log->no_memory || bytes_now(log, log->price_count) > log->checkpoint_bytes / 4 * 3;
}

/* ---- checkpoints ---- */

static uint64_t check_of(const checkpoint_head *head) {
    const uint8_t *from = (const uint8_t *)&head->bytes;
    return crc32_z(0, from, head->bytes - offsetof(checkpoint_head, bytes));
}

bool tl_exchange_log_checkpoint(tl_exchange_log *log, const tl_crowd *crowd) {
    uint32_t prices = crowd != NULL ? tl_crowd_symbols(crowd) : 0;
    if (bytes_now(log, prices) > log->checkpoint_bytes) prices = 0; /* orders before prices */
    if (bytes_now(log, prices) > log->checkpoint_bytes) return false;
    uint64_t sequence = log->checkpoints + 1;
    checkpoint_head *head = (checkpoint_head *)log->checkpoint[sequence & 1];
    __atomic_store_n(&head->sequence, 0, __ATOMIC_RELEASE);
    kept_order *orders = (kept_order *)(head + 1);
    uint32_t count = 0;
    for (uint32_t slot = log->first; slot != 0; slot = log->orders[slot].next) {
        const tl_exchange_order *order = &log->orders[slot];
        orders[count++] =
            (kept_order){.command = order->command, .filled = order->filled, .asked_price = order->asked_price};
    }
    tl_exchange_position *positions = (tl_exchange_position *)(orders + count);
    memcpy(positions, log->positions + 1, log->position_count * sizeof *positions);
    tl_report *reports = (tl_report *)(positions + log->position_count);
    uint32_t held = 0;
    for (uint64_t i = log->reporting.head; i < log->reporting.tail; i++)
        reports[held++] = *(const tl_report *)tl_delay_line_at(&log->reporting, i);
    tl_crowd_price *kept = (tl_crowd_price *)(reports + held);
    for (uint32_t i = 0; i < prices; i++)
        kept[i] = tl_crowd_price_at(crowd, i);
    head->bytes = bytes_of(count, log->position_count, held, prices);
    head->position = log->staged;
    head->commands = log->commands;
    head->reports = log->reports;
    head->executions = log->executions;
    head->order_count = count;
    head->position_count = log->position_count;
    head->report_count = held;
    head->price_count = prices;
    head->check = check_of(head);
    __atomic_store_n(&head->sequence, sequence, __ATOMIC_RELEASE); /* after everything in it */
    log->checkpoints = sequence;
    log->floor = log->staged;
    log->price_count = prices;
    return true;
}

static bool is_whole(const checkpoint_head *head, uint64_t bytes) {
    return head->sequence != 0 && head->bytes >= sizeof *head && head->bytes <= bytes && check_of(head) == head->check &&
           bytes_of(head->order_count, head->position_count, head->report_count, head->price_count) == head->bytes;
}

/* The newest checkpoint into the state. */
static void load(tl_exchange_log *log, const checkpoint_head *head) {
    log->checkpoints = head->sequence;
    log->floor = head->position;
    log->commands = head->commands;
    log->reports = head->reports;
    log->executions = head->executions;
    const kept_order *orders = (const kept_order *)(head + 1);
    for (uint32_t i = 0; i < head->order_count; i++) {
        tl_exchange_order *order = add_order(log, &orders[i].command);
        if (order == NULL) return;
        order->filled = orders[i].filled;
        order->asked_price = orders[i].asked_price;
    }
    const tl_exchange_position *positions = (const tl_exchange_position *)(orders + head->order_count);
    for (uint32_t i = 0; i < head->position_count; i++)
        add_position(log, positions[i].strategy, positions[i].instrument, positions[i].quantity);
    const tl_report *reports = (const tl_report *)(positions + head->position_count);
    for (uint32_t i = 0; i < head->report_count; i++)
        hold_report(log, &reports[i], INT64_MIN);
    if (head->price_count == 0) return;
    log->prices = malloc(head->price_count * sizeof *log->prices);
    log->no_memory |= log->prices == NULL;
    if (log->prices == NULL) return;
    memcpy(log->prices, reports + head->report_count, head->price_count * sizeof *log->prices);
    log->price_count = head->price_count;
}

static tl_status work_through(tl_exchange_log *log) {
    uint64_t end = log->head->committed;
    if (end < log->floor || end - log->floor > log->mask + 1)
        return tl_error_set(TL_ERR_FORMAT, "the exchange's log: %llu slots are committed, and its checkpoint is as of %llu",
                            (unsigned long long)end, (unsigned long long)log->floor);
    for (uint64_t at = log->floor; at < end;) {
        record one;
        memcpy(&one, log->slots + (at & log->mask) * SLOT_BYTES, SLOT_BYTES);
        bool known = (one.kind == RECORD_COMMAND && one.slots == 3) || (one.kind == RECORD_REPORT && one.slots == 2);
        if (!known || end - at < one.slots)
            return tl_error_set(TL_ERR_FORMAT, "the exchange's log: no record at slot %llu", (unsigned long long)at);
        for (uint32_t i = 1; i < one.slots; i++)
            memcpy((uint8_t *)&one + i * SLOT_BYTES, log->slots + ((at + i) & log->mask) * SLOT_BYTES, SLOT_BYTES);
        at += one.slots;
        if (one.kind == RECORD_COMMAND) {
            fold_command(log, &one.command, one.position);
        } else {
            fold_report(log, &one.report);
            hold_report(log, &one.report, INT64_MIN);
        }
    }
    log->staged = end;
    return log->no_memory ? tl_error_set(TL_ERR_NO_MEMORY, "no memory for the exchange's orders") : TL_OK;
}

static tl_status recover(tl_exchange_log *log, uint64_t reports_sent) {
    const checkpoint_head *newest = NULL;
    for (int i = 0; i < 2; i++) {
        const checkpoint_head *head = (const checkpoint_head *)log->checkpoint[i];
        if (is_whole(head, log->checkpoint_bytes) && (newest == NULL || head->sequence > newest->sequence)) newest = head;
    }
    if (newest != NULL) load(log, newest);
    tl_status status = work_through(log);
    if (status != TL_OK) return status;
    uint64_t held = log->reporting.tail - log->reporting.head;
    if (reports_sent > log->reports || log->reports - held > reports_sent)
        return tl_error_set(TL_ERR_FORMAT, "the exchange's log: %llu reports were sent, and it knows of %llu to %llu",
                            (unsigned long long)reports_sent, (unsigned long long)(log->reports - held),
                            (unsigned long long)log->reports);
    log->reporting.head += reports_sent - (log->reports - held);
    log->reporting_committed = log->reporting.tail;
    return TL_OK;
}

/* ---- life ---- */

static tl_status make_tables(tl_exchange_log *log) {
    log->order_capacity = FIRST_ORDERS;
    log->position_capacity = FIRST_POSITIONS;
    log->order_slots = 1;
    log->orders = calloc(FIRST_ORDERS, sizeof *log->orders);
    log->positions = calloc(FIRST_POSITIONS, sizeof *log->positions);
    tl_status status = tl_id_map_init(&log->order_of, FIRST_ORDERS);
    if (status == TL_OK) status = tl_id_map_init(&log->position_of, FIRST_POSITIONS);
    if (status == TL_OK) status = tl_delay_line_init(&log->reporting, sizeof(tl_report));
    if (status == TL_OK && (log->orders == NULL || log->positions == NULL))
        status = tl_error_set(TL_ERR_NO_MEMORY, "no memory for the exchange's orders");
    return status;
}

tl_status tl_exchange_log_open(tl_exchange_log *log, const tl_region *region, uint64_t reports_sent) {
    *log = (tl_exchange_log){0};
    uint64_t bytes = 0, other = 0;
    uint8_t *section = tl_region_find(region, "exchange.log", &bytes);
    log->checkpoint[0] = tl_region_find(region, "exchange.checkpoint.0", &log->checkpoint_bytes);
    log->checkpoint[1] = tl_region_find(region, "exchange.checkpoint.1", &other);
    if (section == NULL || log->checkpoint[0] == NULL || log->checkpoint[1] == NULL)
        return tl_error_prefix(TL_ERR_NOT_FOUND, "the exchange's log");
    if (other < log->checkpoint_bytes) log->checkpoint_bytes = other;
    uint64_t capacity = 1;
    while (HEAD_BYTES + 2 * capacity * SLOT_BYTES <= bytes)
        capacity *= 2;
    if (capacity < 16 || log->checkpoint_bytes < bytes_of(16, 16, 16, 0))
        return tl_error_set(TL_ERR_ARGUMENT, "the exchange's log: sections of %llu and %llu bytes are too small",
                            (unsigned long long)bytes, (unsigned long long)log->checkpoint_bytes);
    log->head = (tl_exchange_log_head *)section;
    log->slots = section + HEAD_BYTES;
    log->mask = capacity - 1;
    if (log->head->capacity != 0 && log->head->capacity != capacity)
        return tl_error_set(TL_ERR_FORMAT, "the exchange's log has %llu slots, and %llu were expected",
                            (unsigned long long)log->head->capacity, (unsigned long long)capacity);
    log->head->capacity = capacity;
    tl_status status = make_tables(log);
    if (status == TL_OK) status = recover(log, reports_sent);
    if (status != TL_OK) tl_exchange_log_close(log);
    return status;
}

void tl_exchange_log_close(tl_exchange_log *log) {
    free(log->orders);
    free(log->positions);
    free(log->prices);
    tl_id_map_close(&log->order_of);
    tl_id_map_close(&log->position_of);
    tl_delay_line_close(&log->reporting);
    *log = (tl_exchange_log){0};
}
