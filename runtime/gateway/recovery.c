/* Checkpoints of the gateway agent, and how a successor takes over what its region holds. */
#include <string.h>

#include "base/fence.h"
#include "gateway/agent_inside.h"
#include "gateway/checkpoint.h"
#include "venue/feed.h"

static const uint64_t MAGIC = 0x3154504b43574754u; /* "TGWCKPT1" */

/* One of the two sections; the body follows. */
typedef struct checkpoint_head {
    uint64_t magic;
    uint64_t sequence; /* 1, 2, ...; 0 while it is being written, stored last */
    uint64_t bytes;    /* of the body */
    uint64_t checksum; /* of the body */
    uint64_t position; /* of the log */
    uint64_t reserved[3];
} checkpoint_head;

TL_STATIC_ASSERT(sizeof(checkpoint_head) == 64, "one cache line");

/* Messages of an outlet that had found no room in the channel follow. */
typedef struct saved_outlet {
    uint64_t first; /* number of the first */
    uint64_t made;
} saved_outlet;

/* Four lanes, as it runs over megabytes in the gateway's own time: about 10 bytes a ns. */
static uint64_t checksum_of(const uint8_t *at, uint64_t bytes) {
    uint64_t lanes[4] = {0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu, bytes};
    for (; bytes >= 32; at += 32, bytes -= 32)
        for (int i = 0; i < 4; i++) {
            uint64_t word;
            memcpy(&word, at + 8 * i, sizeof word);
            lanes[i] = (lanes[i] ^ word) * 0xff51afd7ed558ccdu;
            lanes[i] ^= lanes[i] >> 29;
        }
    for (; bytes > 0; at++, bytes--)
        lanes[0] = (lanes[0] ^ *at) * 0xff51afd7ed558ccdu;
    uint64_t sum = 0;
    for (int i = 0; i < 4; i++)
        sum = (sum ^ lanes[i] ^ lanes[i] >> 32) * 0xc4ceb9fe1a85ec53u;
    return sum ^ sum >> 31;
}

/* ---- writing ---- */

static outlet *outlet_at(tl_gateway_agent *agent, uint32_t i) {
    return i == 0 ? &agent->venue : &agent->strategies[i - 1].reports;
}

static uint64_t queued_bytes(tl_gateway_agent *agent) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i <= agent->config.strategy_count; i++)
        bytes += sizeof(saved_outlet) + outlet_waiting(outlet_at(agent, i)) * outlet_at(agent, i)->slot_bytes;
    return bytes;
}

static uint8_t *save_outlet(const outlet *one, uint8_t *at) {
    saved_outlet head = {.first = one->made - outlet_waiting(one), .made = one->made};
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    for (uint64_t n = head.first; n < head.made; n++, at += one->slot_bytes)
        memcpy(at, one->queue + (n & one->queue_mask) * one->slot_bytes, one->slot_bytes);
    return at;
}

/* Where the mirror of the fills begins, downwards. */
static fill_key *mirror_of(const tl_gateway_agent *agent, uint64_t i) {
    return (fill_key *)(void *)(agent->checkpoint[i] + (agent->checkpoint_bytes[i] & ~(uint64_t)63));
}

static bool write_checkpoint(tl_gateway_agent *agent) {
    uint64_t sequence = agent->checkpoint_sequence + 1;
    checkpoint_head *head = (void *)agent->checkpoint[sequence % 2];
    uint64_t capacity = agent->checkpoint_bytes[sequence % 2] & ~(uint64_t)63;
    uint8_t *body = (uint8_t *)(head + 1), *at = body;
    uint64_t mirror = gateway_mirror_bytes(agent->gateway);
    if (capacity < sizeof *head + sizeof agent->logged + queued_bytes(agent) + mirror) return false;
    capacity -= mirror;
    __atomic_store_n(&head->sequence, 0, __ATOMIC_RELEASE);
    tl_fence(); /* it does not count any more before the first byte changes */
    memcpy(at, &agent->logged, sizeof agent->logged);
    at += sizeof agent->logged;
    for (uint32_t i = 0; i <= agent->config.strategy_count; i++)
        at = save_outlet(outlet_at(agent, i), at);
    agent->mirrored[sequence % 2] =
        gateway_mirror_fills(agent->gateway, mirror_of(agent, sequence % 2), agent->mirrored[sequence % 2]);
    uint64_t image = gateway_save_apart(agent->gateway, at, capacity - (uint64_t)(at - (uint8_t *)head));
    if (image == 0) return false;
    head->magic = MAGIC;
    head->bytes = (uint64_t)(at - body) + image;
    head->checksum = checksum_of(body, head->bytes);
    head->position = agent->log.position;
    __atomic_store_n(&head->sequence, sequence, __ATOMIC_RELEASE); /* after all of it */
    agent->checkpoint_sequence = sequence;
    agent->checkpoint_position = agent->log.kept = agent->log.position;
    agent->checkpoints++;
    return true;
}

bool agent_checkpoint(tl_gateway_agent *agent) {
    if (write_checkpoint(agent)) return true;
    /* A strategy that takes no messages must not keep the gateway from writing down its state. */
    uint32_t longest = 0;
    for (uint32_t i = 1; i < agent->config.strategy_count; i++)
        if (outlet_waiting(&agent->strategies[i].reports) > outlet_waiting(&agent->strategies[longest].reports)) longest = i;
    if (agent->config.strategy_count > 0 && outlet_waiting(&agent->strategies[longest].reports) > 0 &&
        tl_gateway_log_room(&agent->log) > 1) {
        agent_cut(agent, longest);
        if (write_checkpoint(agent)) return true;
    }
    agent_fail(agent, tl_error_set(TL_ERR_LIMIT, "the gateway's state of %llu bytes does not fit its checkpoint of %llu",
                                   (unsigned long long)tl_gateway_image_bytes(agent->gateway),
                                   (unsigned long long)agent->checkpoint_bytes[0]));
    return false;
}

void agent_make_room(tl_gateway_agent *agent) {
    agent_checkpoint(agent);
}

/* ---- taking over ---- */

static bool restore_outlet(outlet *one, const uint8_t **at, const uint8_t *end) {
    saved_outlet head;
    if ((uint64_t)(end - *at) < sizeof head) return false;
    memcpy(&head, *at, sizeof head);
    *at += sizeof head;
    if (head.first > head.made || head.made - head.first > one->queue_mask + 1 ||
        (uint64_t)(end - *at) < (head.made - head.first) * one->slot_bytes)
        return false;
    one->made = head.made;
    for (uint64_t n = head.first; n < head.made; n++, *at += one->slot_bytes)
        memcpy(one->queue + (n & one->queue_mask) * one->slot_bytes, *at, one->slot_bytes);
    return true;
}

/* The newest whole one of the two that the log goes on from; NULL for none. */
static const checkpoint_head *newest(const tl_gateway_agent *agent) {
    const checkpoint_head *best = NULL;
    for (int i = 0; i < 2; i++) {
        const checkpoint_head *head = (const void *)agent->checkpoint[i];
        uint64_t sequence = __atomic_load_n(&head->sequence, __ATOMIC_ACQUIRE);
        if (sequence == 0 || head->magic != MAGIC || head->bytes > agent->checkpoint_bytes[i] - sizeof *head ||
            head->position > agent->log.position || agent->log.position - head->position > agent->log.mask + 1 ||
            checksum_of((const uint8_t *)(head + 1), head->bytes) != head->checksum)
            continue;
        if (best == NULL || sequence > best->sequence) best = head;
    }
    return best;
}

static tl_status restore(tl_gateway_agent *agent, const checkpoint_head *head) {
    const uint8_t *at = (const uint8_t *)(head + 1), *end = at + head->bytes;
    if (head->bytes < sizeof agent->logged) return tl_error_set(TL_ERR_FORMAT, "the gateway's checkpoint is cut short");
    memcpy(&agent->logged, at, sizeof agent->logged);
    at += sizeof agent->logged;
    for (uint32_t i = 0; i <= agent->config.strategy_count; i++)
        if (!restore_outlet(outlet_at(agent, i), &at, end))
            return tl_error_set(TL_ERR_FORMAT, "the gateway's checkpoint is not one of these strategies");
    agent->checkpoint_sequence = head->sequence;
    agent->checkpoint_position = head->position;
    return gateway_restore_apart(agent->gateway, at, (uint64_t)(end - at), mirror_of(agent, head->sequence % 2));
}

/* Stands behind the last input that was logged, though its predecessor may not have come to say so. */
static void go_on_behind(tl_spsc_consumer *consumer, uint64_t input) {
    if (consumer->position < input) tl_spsc_release(consumer, input - consumer->position);
    consumer->limit = consumer->position;
}

static void seen(tl_gateway_agent *agent, tl_event *event, int kind, int64_t first, int64_t second) {
    event->kind = (uint8_t)kind;
    event->w[0] = first;
    event->w[1] = second;
    tl_gateway_agent_market(agent, event, NULL);
}

/* Marks that no decision had been made on are in no log: they are those of the feed's latches. */
static void see_market(tl_gateway_agent *agent) {
    const void *latches = tl_region_find(agent->config.own, "latches", NULL);
    if (latches == NULL) return; /* no feed in this process */
    uint32_t count = tl_instruments_count(agent->config.instruments);
    tl_feed_market market;
    for (uint32_t i = 0; i < count; i++) {
        if (!tl_feed_latch_read(latches, i, &market) || market.position == 0) continue;
        tl_event event = {.instrument = i, .ts_recv_ns = tl_runtime_clock_ns(agent->config.clock), .ts_ns = market.ts_ns};
        seen(agent, &event, TL_EVENT_STATUS, market.state, 0);
        seen(agent, &event, TL_EVENT_TRADE, market.last_price, market.last_size);
        seen(agent, &event, TL_EVENT_MARK, market.mark, market.index);
        seen(agent, &event, TL_EVENT_QUOTE, market.bid, market.ask);
    }
}

tl_status agent_recover(tl_gateway_agent *agent) {
    uint32_t instruments = tl_instruments_count(agent->config.instruments);
    if (agent->log.mask + 1 < 4 * AGENT_MARGIN + 2 * (uint64_t)instruments)
        return tl_error_set(TL_ERR_LIMIT, "a gateway's log of %llu slots: too small for %u instruments",
                            (unsigned long long)agent->log.mask + 1, instruments);
    const checkpoint_head *head = newest(agent);
    tl_status status = TL_OK;
    if (head != NULL)
        status = restore(agent, head);
    else if (agent->log.position > agent->log.mask + 1)
        status = tl_error_set(TL_ERR_FORMAT, "the gateway left a log of %llu slots and no checkpoint that it goes on from",
                              (unsigned long long)agent->log.position);
    if (status != TL_OK) return tl_error_prefix(status, "the gateway's recovery");
    for (uint32_t i = 0; i <= agent->config.strategy_count; i++)
        outlet_at(agent, i)->closed = true;
    agent->replaying = true;
    agent->log.kept = agent->checkpoint_position;
    for (uint64_t position = agent->checkpoint_position; position < agent->log.position;) {
        tl_gateway_record record;
        uint8_t payload[TL_GATEWAY_PAYLOAD_SLOTS * TL_GATEWAY_SLOT_BYTES] TL_ALIGNED(16);
        uint64_t next = tl_gateway_log_read(&agent->log, position, &record, payload);
        if (next == 0 || !agent_fits(agent, &record))
            return tl_error_set(TL_ERR_FORMAT, "the gateway's recovery: the log's record at %llu is none",
                                (unsigned long long)position);
        agent_apply(agent, &record, payload);
        agent->recovered++;
        position = next;
    }
    agent->replaying = false;
    for (uint32_t i = 0; i <= agent->config.strategy_count; i++) {
        outlet *one = outlet_at(agent, i);
        one->closed = false;
        if (one->made < one->producer.position)
            return tl_error_set(TL_ERR_FORMAT, "the gateway's recovery: a channel holds more than the log tells of");
    }
    for (uint32_t i = 0; i < agent->config.strategy_count; i++)
        go_on_behind(&agent->strategies[i].commands, agent->logged.strategies[i].input);
    go_on_behind(&agent->venue_reports, agent->logged.venue_input);
    agent->now_ns = agent->logged.now_ns;
    see_market(agent);
    return TL_OK;
}

/* ---- sizes ---- */

uint64_t tl_gateway_agent_log_bytes(uint32_t instruments) {
    return tl_gateway_log_bytes(131072 + 2 * (uint64_t)instruments);
}

uint64_t tl_gateway_agent_checkpoint_bytes(uint32_t instruments, uint32_t strategies, uint32_t order_capacity,
                                           uint32_t position_capacity) {
    uint64_t waiting = ((uint64_t)strategies * AGENT_HELD_BACK + order_capacity + position_capacity) * sizeof(tl_message) +
                       4 * (uint64_t)order_capacity * sizeof(tl_command);
    return sizeof(checkpoint_head) + sizeof(logged_state) + waiting +
           tl_gateway_image_bytes_most(instruments, strategies, order_capacity);
}
