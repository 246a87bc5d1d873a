#include "gateway/publisher.h"

#include <stdlib.h>
#include <string.h>

enum { INTERVAL_NS = 1000000 };

tl_status publisher_init(publisher *one, const tl_gateway *gateway, uint8_t *const sections[4], uint32_t position_capacity,
                         uint32_t order_capacity) {
    *one = (publisher){.gateway = gateway,
                       .positions = sections[0],
                       .orders = sections[1],
                       .accounts = sections[2],
                       .page = sections[3],
                       .position_capacity = position_capacity,
                       .order_capacity = order_capacity};
    one->free_places = calloc(order_capacity + 1, sizeof *one->free_places);
    one->order_written_ns = calloc(order_capacity + 1, sizeof *one->order_written_ns);
    one->touched = calloc(PUBLISHER_TOUCHED, sizeof *one->touched);
    one->position_shadows = calloc(position_capacity + 1, sizeof *one->position_shadows);
    one->position_written_ns = calloc(position_capacity + 1, sizeof *one->position_written_ns);
    if (one->free_places == NULL || one->order_written_ns == NULL || one->touched == NULL || one->position_shadows == NULL ||
        one->position_written_ns == NULL)
        return tl_error_set(TL_ERR_NO_MEMORY, "no memory to publish %u orders and %u positions", order_capacity,
                            position_capacity);
    for (uint32_t i = 0; i < position_capacity; i++)
        tl_latch_init((void *)(one->positions + i * tl_latch_size(sizeof(tl_published_position))),
                      sizeof(tl_published_position));
    for (uint32_t i = 0; i < order_capacity; i++)
        tl_latch_init((void *)(one->orders + i * tl_latch_size(sizeof(tl_published_order))), sizeof(tl_published_order));
    for (uint32_t i = 0; i < TL_GATEWAY_ACCOUNTS; i++)
        tl_latch_init((void *)(one->accounts + i * tl_latch_size(sizeof(tl_published_account))),
                      sizeof(tl_published_account));
    tl_latch_init((void *)one->page, sizeof(tl_published_gateway));
    return tl_id_map_init(&one->places, order_capacity);
}

void publisher_close(publisher *one) {
    free(one->free_places);
    free(one->order_written_ns);
    free(one->touched);
    free(one->position_shadows);
    free(one->position_written_ns);
    if (one->places.entries != NULL) tl_id_map_close(&one->places);
}

static void write_entry(uint8_t *section, uint32_t i, const void *value, uint64_t bytes) {
    tl_latch_write((tl_latch *)(void *)(section + i * tl_latch_size(bytes)), value);
}

static void write_order(publisher *one, uint32_t place, const gateway_order *order, uint64_t as_of) {
    tl_published_order shown = {.as_of = as_of};
    if (order != NULL) {
        const tl_order_record *record = &order->record;
        shown.last = record->last;
        shown.filled = record->filled;
        shown.created_ns = record->created_ns;
        shown.updated_ns = record->updated_ns;
        shown.status = record->status;
        shown.held = (order->bits & ORDER_HELD) != 0;
    }
    write_entry(one->orders, place, &shown, sizeof shown);
}

static uint32_t place_of_new(publisher *one, uint64_t order_id) {
    uint32_t place;
    if (one->free_count > 0)
        place = one->free_places[--one->free_count];
    else if (one->place_top < one->order_capacity)
        place = one->place_top++;
    else
        return UINT32_MAX;
    if (!tl_id_map_put(&one->places, order_id, place + 1)) return UINT32_MAX;
    one->order_written_ns[place] = INT64_MIN;
    return place;
}

/* False when it was written less than a millisecond ago. */
static bool publish_order(publisher *one, uint64_t order_id, uint64_t as_of, int64_t now_ns) {
    uint32_t slot = tl_id_map_find(&one->gateway->order_index, order_id);
    const gateway_order *order = slot != 0 ? &one->gateway->orders[slot] : NULL;
    bool open = order != NULL && tl_order_is_open(order->record.status);
    uint32_t found = tl_id_map_find(&one->places, order_id), place = found - 1;
    if (found == 0) {
        if (!open) return true; /* gone before anybody saw it */
        place = place_of_new(one, order_id);
        if (place == UINT32_MAX) return true;
    }
    if (now_ns < one->order_written_ns[place] + INTERVAL_NS && one->order_written_ns[place] != INT64_MIN) return false;
    write_order(one, place, order, as_of);
    one->order_written_ns[place] = now_ns;
    if (!open) {
        tl_id_map_remove(&one->places, order_id);
        one->free_places[one->free_count++] = place;
    }
    return true;
}

static bool publish_position(publisher *one, uint32_t place, uint64_t as_of, int64_t now_ns) {
    const tl_gateway *g = one->gateway;
    const holding *from = &g->holdings[place + 1];
    tl_published_position *shadow = &one->position_shadows[place];
    const gateway_strategy *strategy = g->strategies[from->strategy];
    tl_published_position shown = {.strategy = strategy->id,
                                   .account = strategy->account,
                                   .instrument = from->stake.instrument,
                                   .open_orders = from->open_orders,
                                   .unrealized_e8 = from->unrealized,
                                   .twice_mark = g->markets[from->stake.instrument].twice_mark,
                                   .as_of = shadow->as_of,
                                   .position = from->position};
    if (memcmp(&shown, shadow, sizeof shown) == 0) return true;
    if (now_ns < one->position_written_ns[place] + INTERVAL_NS) return false;
    shown.as_of = as_of;
    *shadow = shown;
    one->position_written_ns[place] = now_ns;
    write_entry(one->positions, place, &shown, sizeof shown);
    return true;
}

static uint32_t positions_of(const publisher *one) {
    return one->gateway->holding_count < one->position_capacity ? one->gateway->holding_count : one->position_capacity;
}

static void publish_page(publisher *one, const publisher_facts *facts, bool whatever, int64_t now_ns) {
    const tl_gateway *g = one->gateway;
    tl_published_gateway page = {.counts = g->counts,
                                 .orders = facts->orders,
                                 .fills = facts->fills,
                                 .expired_orders = g->denied[TL_REASON_DEADLINE_PASSED],
                                 .as_of = facts->as_of,
                                 .recovered = facts->recovered,
                                 .position_count = positions_of(one),
                                 .order_count = one->place_top,
                                 .account_count = g->account_count};
    memcpy(page.denied, g->denied, sizeof page.denied);
    for (uint32_t i = 0; i < g->account_count; i++) {
        tl_published_account account = {.as_of = one->account_shadows[i].as_of}, *shadow = &one->account_shadows[i];
        memcpy(account.name, g->accounts[i].config.name, sizeof account.name);
        memcpy(account.currency, g->accounts[i].config.currency, sizeof account.currency);
        tl_gateway_account(g, i, &account.state);
        page.killed |= account.state.killed;
        if (!whatever && memcmp(&account, shadow, sizeof account) == 0) continue;
        account.as_of = facts->as_of;
        *shadow = account;
        write_entry(one->accounts, i, &account, sizeof account);
    }
    one->page_written_ns = now_ns;
    if (!whatever && memcmp(&page, &one->shadow, sizeof page) == 0) return;
    one->shadow = page;
    write_entry(one->page, 0, &page, sizeof page);
}

/* Every order that has a place or should have one. */
static void rescan(publisher *one, uint64_t as_of, int64_t now_ns) {
    one->rescan = 0;
    for (uint32_t i = 0; i <= one->places.mask; i++)
        if (one->places.entries[i].slot != 0) one->order_written_ns[one->places.entries[i].slot - 1] = INT64_MIN;
    for (uint32_t slot = 1; slot <= one->gateway->order_top; slot++)
        if (one->gateway->orders[slot].record.last.order_id != 0)
            publish_order(one, one->gateway->orders[slot].record.last.order_id, as_of, now_ns);
}

bool publisher_work(publisher *one, const publisher_facts *facts, uint32_t most, int64_t now_ns) {
    bool left = false;
    if (TL_UNLIKELY(one->rescan)) rescan(one, facts->as_of, now_ns);
    uint64_t touched = one->touched_count < most ? one->touched_count : most;
    for (uint64_t i = 0; i < touched; i++) {
        uint64_t id = one->touched[one->touched_first++ % PUBLISHER_TOUCHED];
        one->touched_count--;
        if (!publish_order(one, id, facts->as_of, now_ns)) publisher_touch(one, id);
    }
    left = one->touched_count > 0;
    if (one->dirty && one->positions_left == 0) one->positions_left = positions_of(one);
    for (uint32_t i = 0; i < most && one->positions_left > 0; i++) {
        if (one->next_position >= positions_of(one)) one->next_position = 0;
        if (publish_position(one, one->next_position, facts->as_of, now_ns))
            one->positions_left--;
        else
            left = true; /* looked at again when its turn comes */
        one->next_position++;
    }
    if (one->positions_left > 0) left = true;
    if (now_ns < one->page_written_ns + INTERVAL_NS) return left || one->dirty;
    if (one->dirty) {
        one->dirty = false;
        publish_page(one, facts, false, now_ns);
    }
    return left;
}

void publisher_all(publisher *one, const publisher_facts *facts, int64_t now_ns) {
    for (uint32_t i = 0; i < positions_of(one); i++) {
        one->position_written_ns[i] = 0;
        one->position_shadows[i].strategy = UINT32_MAX;
        publish_position(one, i, facts->as_of, now_ns);
    }
    uint32_t top = one->place_top;
    rescan(one, facts->as_of, now_ns);
    /* What a predecessor left behind the places in use. */
    for (uint32_t i = one->place_top > top ? one->place_top : top; i < one->order_capacity; i++) {
        const tl_latch *latch = (const void *)(one->orders + i * tl_latch_size(sizeof(tl_published_order)));
        if (latch->sequence == 0) break;
        write_order(one, i, NULL, facts->as_of);
    }
    publish_page(one, facts, true, now_ns);
    one->dirty = false;
}
