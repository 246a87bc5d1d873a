#include "gateway/checkpoint.h"

#include <string.h>

#include "gateway/command.h"
#include "gateway/state.h"

/* One walk over the state serves all three: counting (no memory), writing it down, reading it back. */
typedef struct image {
    uint8_t *at;
    uint64_t position;
    uint64_t capacity;
    enum { IMAGE_COUNT, IMAGE_SAVE, IMAGE_RESTORE } way;
    bool failed;
    bool apart;             /* the fills are not in it ... */
    const fill_key *mirror; /* ... but below here, where they are read from */
} image;

static void part(image *one, void *memory, uint64_t bytes) {
    if (one->way == IMAGE_COUNT) {
        one->position += bytes;
        return;
    }
    if (one->failed || bytes > one->capacity - one->position) {
        one->failed = true;
        return;
    }
    if (one->way == IMAGE_SAVE)
        memcpy(one->at + one->position, memory, bytes);
    else
        memcpy(memory, one->at + one->position, bytes);
    one->position += bytes;
}

/* A count that the image states, which must be no more than its table holds. */
static void counted(image *one, uint32_t *count, uint32_t most) {
    part(one, count, sizeof *count);
    if (*count > most) {
        one->failed = true;
        *count = 0;
    }
}

static uint64_t fold(uint64_t hash, const void *memory, size_t bytes) {
    const uint8_t *at = memory;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t configuration(const tl_gateway *g) {
    const uint64_t sizes[] = {sizeof(tl_gateway),
                              sizeof(gateway_order),
                              sizeof(holding),
                              sizeof(stake),
                              sizeof(order_group),
                              sizeof(order_saga),
                              sizeof(held_book),
                              sizeof(saga_leg),
                              sizeof(fill_key),
                              sizeof(gateway_market),
                              sizeof(gateway_strategy),
                              sizeof(tl_risk_limits),
                              GATEWAY_ORDERS,
                              GATEWAY_FILLS_KEPT,
                              TL_REASONS,
                              g->account_count,
                              g->venue_count,
                              g->strategy_count,
                              tl_instruments_count(g->instruments)};
    uint64_t hash = fold(0xcbf29ce484222325u, sizes, sizeof sizes);
    for (uint32_t i = 0; i < g->account_count; i++)
        hash = fold(hash, g->accounts[i].config.name, sizeof g->accounts[i].config.name);
    for (uint32_t i = 0; i < g->venue_count; i++)
        hash = fold(fold(hash, g->venues[i].name, strlen(g->venues[i].name)), &g->venues[i].supports,
                    sizeof g->venues[i].supports);
    for (uint32_t i = 0; i < g->strategy_count; i++) {
        hash = fold(hash, &g->strategies[i]->id, sizeof g->strategies[i]->id);
        hash = fold(hash, &g->strategies[i]->account, sizeof g->strategies[i]->account);
    }
    return hash;
}

static void markets(image *one, tl_gateway *g) {
    uint32_t count = 0, most = tl_instruments_count(g->instruments);
    for (uint32_t i = 0; i < most; i++)
        count += g->markets[i].ready;
    counted(one, &count, most);
    for (uint32_t i = 0, id = 0; i < count && !one->failed; i++, id++) {
        if (one->way != IMAGE_RESTORE)
            while (!g->markets[id].ready)
                id++;
        part(one, &id, sizeof id);
        if (id >= most) {
            one->failed = true;
            return;
        }
        part(one, &g->markets[id], sizeof g->markets[id]);
    }
}

static void orders(image *one, tl_gateway *g) {
    counted(one, &g->order_top, GATEWAY_ORDERS - 1);
    counted(one, &g->free_order_count, GATEWAY_ORDERS);
    part(one, &g->orders[1], g->order_top * sizeof *g->orders);
    part(one, g->free_orders, g->free_order_count * sizeof *g->free_orders);
    part(one, &g->closed_order_count, sizeof g->closed_order_count);
    part(one, g->closed_orders, TL_GATEWAY_CLOSED_KEPT * sizeof *g->closed_orders);

    counted(one, &g->group_top, GATEWAY_GROUPS - 1);
    counted(one, &g->free_group_count, GATEWAY_GROUPS);
    part(one, &g->groups[1], g->group_top * sizeof *g->groups);
    part(one, g->free_groups, g->free_group_count * sizeof *g->free_groups);
    part(one, &g->closed_group_count, sizeof g->closed_group_count);
    part(one, g->closed_groups, GATEWAY_GROUPS_KEPT * sizeof *g->closed_groups);
}

static void ledgers(image *one, tl_gateway *g) {
    counted(one, &g->holding_count, GATEWAY_HOLDINGS - 1);
    counted(one, &g->stake_count, GATEWAY_HOLDINGS - 1);
    part(one, &g->holdings[1], g->holding_count * sizeof *g->holdings);
    part(one, &g->stakes[1], g->stake_count * sizeof *g->stakes);
    for (uint32_t i = 0; i < g->account_count; i++)
        part(one, &g->accounts[i].ledger, sizeof g->accounts[i].ledger);
    for (uint32_t i = 0; i < g->strategy_count; i++)
        part(one, g->strategies[i], sizeof *g->strategies[i]);
}

static void fills(image *one, tl_gateway *g) {
    part(one, &g->fill_count, sizeof g->fill_count);
    uint64_t kept = g->fill_count < GATEWAY_FILLS_KEPT ? g->fill_count : GATEWAY_FILLS_KEPT;
    if (!one->apart)
        part(one, &g->fills[1], kept * sizeof *g->fills);
    else if (one->way == IMAGE_RESTORE && !one->failed)
        for (uint64_t i = 0; i < kept; i++)
            g->fills[i + 1] = one->mirror[-1 - (int64_t)i];
    part(one, g->days, sizeof g->days);
}

static void sagas(image *one, tl_gateway *g) {
    counted(one, &g->saga_top, GATEWAY_SAGAS - 1);
    counted(one, &g->free_saga_count, GATEWAY_SAGAS);
    part(one, &g->sagas[1], g->saga_top * sizeof *g->sagas);
    part(one, g->free_sagas, g->free_saga_count * sizeof *g->free_sagas);
    counted(one, &g->saga_leg_top, GATEWAY_SAGA_LEGS - 1);
    counted(one, &g->free_saga_leg_count, GATEWAY_SAGA_LEGS);
    part(one, &g->saga_legs[1], g->saga_leg_top * sizeof *g->saga_legs);
    part(one, g->free_saga_legs, g->free_saga_leg_count * sizeof *g->free_saga_legs);
}

static void held(image *one, tl_gateway *g) {
    counted(one, &g->held_book_count, GATEWAY_INSTRUMENTS - 1);
    part(one, &g->held_books[1], g->held_book_count * sizeof *g->held_books);
    part(one, &g->held_waiting, sizeof g->held_waiting);
    part(one, &g->held_serial, sizeof g->held_serial);
}

/* Set again in the order in which they stand, timers stand as they stood. */
static void timers(image *one, tl_timer_wheel *wheel) {
    uint32_t count = wheel->count;
    part(one, &wheel->now_ns, sizeof wheel->now_ns);
    counted(one, &count, wheel->capacity);
    uint32_t id = TL_TIMER_WHEEL_NONE;
    for (uint32_t i = 0; i < count && !one->failed; i++) {
        int64_t due_ns = 0;
        if (one->way != IMAGE_RESTORE) {
            id = tl_timer_wheel_after(wheel, id);
            due_ns = wheel->nodes[id].due_ns;
        }
        part(one, &id, sizeof id);
        part(one, &due_ns, sizeof due_ns);
        if (one->way != IMAGE_RESTORE) continue;
        if (one->failed || id >= wheel->capacity || wheel->nodes[id].slot != 0)
            one->failed = true;
        else
            tl_timer_wheel_set(wheel, id, due_ns);
    }
}

static void walk(image *one, tl_gateway *g) {
    uint64_t mine = configuration(g), hash = mine;
    part(one, &hash, sizeof hash);
    if (hash != mine) {
        one->failed = true;
        return;
    }
    markets(one, g);
    orders(one, g);
    ledgers(one, g);
    fills(one, g);
    sagas(one, g);
    held(one, g);
    timers(one, &g->timers);
    timers(one, &g->saga_timers);
    part(one, g->denied, sizeof g->denied);
    part(one, &g->counts, sizeof g->counts);
    counted(one, &g->moved_count, GATEWAY_INSTRUMENTS);
    part(one, g->moved, g->moved_count * sizeof *g->moved);
}

uint64_t tl_gateway_image_bytes(tl_gateway *g) {
    image one = {.way = IMAGE_COUNT};
    walk(&one, g);
    return one.position;
}

uint64_t tl_gateway_image_bytes_most(uint32_t instruments, uint32_t strategies, uint32_t open) {
    uint64_t kept = (uint64_t)open + TL_GATEWAY_CLOSED_KEPT, groups = (uint64_t)open + GATEWAY_GROUPS_KEPT;
    uint64_t held = (uint64_t)instruments * (strategies < 4 ? strategies : 4);
    return 65536 + instruments * (sizeof(gateway_market) + sizeof(held_book) + 8) +
           kept * (sizeof(gateway_order) + sizeof(tl_timer_wheel_node) + 8) + groups * (sizeof(order_group) + 8) +
           held * (sizeof(holding) + sizeof(stake)) +
           open * (sizeof(order_saga) + 2 * sizeof(saga_leg) + sizeof(tl_timer_wheel_node) + 24) +
           GATEWAY_FILLS_KEPT * sizeof(fill_key) + strategies * sizeof(gateway_strategy);
}

uint64_t tl_gateway_save(tl_gateway *g, void *into, uint64_t capacity) {
    image one = {.at = into, .capacity = capacity, .way = IMAGE_SAVE};
    walk(&one, g);
    return one.failed ? 0 : one.position;
}

/* What is a function of the rest: where ids and keys are found. */
static bool derive(tl_gateway *g) {
    for (uint32_t i = 0; i < g->free_order_count; i++)
        if (g->free_orders[i] == 0 || g->free_orders[i] > g->order_top)
            return false;
        else
            g->orders[g->free_orders[i]].record.last.order_id = 0;
    for (uint32_t slot = 1; slot <= g->order_top; slot++)
        if (g->orders[slot].record.last.order_id != 0 &&
            !tl_id_map_put(&g->order_index, g->orders[slot].record.last.order_id, slot))
            return false;
    for (uint32_t i = 0; i < g->free_group_count; i++)
        if (g->free_groups[i] == 0 || g->free_groups[i] > g->group_top)
            return false;
        else
            g->groups[g->free_groups[i]].key = 0;
    for (uint32_t place = 1; place <= g->group_top; place++)
        if (g->groups[place].key != 0 && !tl_id_map_put(&g->group_index, g->groups[place].key, place)) return false;
    for (uint32_t place = 1; place <= g->saga_top; place++)
        if (g->sagas[place].key != 0 && !tl_id_map_put(&g->saga_index, g->sagas[place].key, place)) return false;
    return true;
}

static tl_status restore(tl_gateway *g, const void *from, uint64_t bytes, const fill_key *mirror) {
    if (g->order_top != 0 || g->holding_count != 0 || g->counts.commands != 0)
        return tl_error_set(TL_ERR_STATE, "the gateway has worked already: an image goes into a new one");
    image one = {.at = (uint8_t *)(uintptr_t)from,
                 .capacity = bytes,
                 .way = IMAGE_RESTORE,
                 .apart = mirror != NULL,
                 .mirror = mirror};
    walk(&one, g);
    if (one.failed || one.position != bytes || !derive(g))
        return tl_error_set(TL_ERR_FORMAT, "an image of a gateway of %llu bytes: not one of this configuration",
                            (unsigned long long)bytes);
    gateway_fills_index(g);
    return TL_OK;
}

tl_status tl_gateway_restore(tl_gateway *g, const void *from, uint64_t bytes) {
    return restore(g, from, bytes, NULL);
}

uint64_t gateway_save_apart(tl_gateway *g, void *into, uint64_t capacity) {
    image one = {.at = into, .capacity = capacity, .way = IMAGE_SAVE, .apart = true};
    walk(&one, g);
    return one.failed ? 0 : one.position;
}

tl_status gateway_restore_apart(tl_gateway *g, const void *from, uint64_t bytes, const fill_key *end) {
    return restore(g, from, bytes, end);
}

uint64_t gateway_mirror_fills(const tl_gateway *g, fill_key *end, uint64_t from) {
    if (g->fill_count > GATEWAY_FILLS_KEPT && from < g->fill_count - GATEWAY_FILLS_KEPT)
        from = g->fill_count - GATEWAY_FILLS_KEPT;
    for (; from < g->fill_count; from++) {
        int64_t place = (int64_t)(from % GATEWAY_FILLS_KEPT);
        end[-1 - place] = g->fills[place + 1];
    }
    return g->fill_count;
}
