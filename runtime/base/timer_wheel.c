#include "base/timer_wheel.h"

#include <stdlib.h>

enum { DIGIT_BITS = 6, DIGIT = TL_TIMER_WHEEL_SLOTS - 1 };

tl_status tl_timer_wheel_init(tl_timer_wheel *wheel, uint32_t capacity) {
    *wheel = (tl_timer_wheel){.capacity = capacity, .next_ns = INT64_MAX, .known = 1};
    /* calloc leaves untouched pages to the system, so that a large capacity costs what is used of it. */
    wheel->nodes = calloc(capacity, sizeof *wheel->nodes);
    if (wheel->nodes != NULL) return TL_OK;
    return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u timers", capacity);
}

void tl_timer_wheel_close(tl_timer_wheel *wheel) {
    free(wheel->nodes);
    *wheel = (tl_timer_wheel){0};
}

/* The slot of an instant not before the wheel's time. */
static inline uint32_t slot_of(const tl_timer_wheel *wheel, int64_t due_ns) {
    uint64_t differs = (uint64_t)due_ns ^ (uint64_t)wheel->now_ns;
    uint32_t level = differs == 0 ? 0 : (63 - (uint32_t)__builtin_clzll(differs)) / DIGIT_BITS;
    uint32_t digit = (uint32_t)((uint64_t)due_ns >> (level * DIGIT_BITS)) & DIGIT;
    return level * TL_TIMER_WHEEL_SLOTS + digit;
}

static inline void link_last(tl_timer_wheel *wheel, uint32_t id, uint32_t slot) {
    tl_timer_wheel_node *node = &wheel->nodes[id];
    tl_timer_wheel_slot *at = &wheel->slots[slot];
    node->slot = slot + 1;
    node->next = 0;
    node->previous = at->last;
    if (at->last != 0) {
        tl_timer_wheel_node *before = &wheel->nodes[at->last - 1];
        before->next = id + 1;
        if (before->due_ns > node->due_ns)
            wheel->mixed[slot / TL_TIMER_WHEEL_SLOTS] |= (uint64_t)1 << slot % TL_TIMER_WHEEL_SLOTS;
    } else {
        at->first = id + 1;
    }
    at->last = id + 1;
    wheel->used[slot / TL_TIMER_WHEEL_SLOTS] |= (uint64_t)1 << slot % TL_TIMER_WHEEL_SLOTS;
    wheel->levels |= 1u << slot / TL_TIMER_WHEEL_SLOTS;
}

static inline void emptied(tl_timer_wheel *wheel, uint32_t slot) {
    uint32_t level = slot / TL_TIMER_WHEEL_SLOTS;
    wheel->used[level] &= ~((uint64_t)1 << slot % TL_TIMER_WHEEL_SLOTS);
    wheel->mixed[level] &= ~((uint64_t)1 << slot % TL_TIMER_WHEEL_SLOTS);
    if (wheel->used[level] == 0) wheel->levels &= ~(1u << level);
}

static inline void unlink_node(tl_timer_wheel *wheel, uint32_t id) {
    tl_timer_wheel_node *node = &wheel->nodes[id];
    uint32_t slot = node->slot - 1;
    tl_timer_wheel_slot *at = &wheel->slots[slot];
    *(node->previous != 0 ? &wheel->nodes[node->previous - 1].next : &at->first) = node->next;
    *(node->next != 0 ? &wheel->nodes[node->next - 1].previous : &at->last) = node->previous;
    node->slot = 0;
    if (at->first == 0) emptied(wheel, slot);
    wheel->count--;
    /* What is left is not earlier than what was the earliest. */
    if (node->due_ns == wheel->next_ns) wheel->known = 0;
    if (wheel->count == 0) {
        wheel->next_ns = INT64_MAX;
        wheel->known = 1;
    }
}

void tl_timer_wheel_set(tl_timer_wheel *wheel, uint32_t id, int64_t due_ns) {
    tl_timer_wheel_node *node = &wheel->nodes[id];
    if (node->slot != 0) unlink_node(wheel, id);
    node->due_ns = due_ns;
    link_last(wheel, id, slot_of(wheel, due_ns > wheel->now_ns ? due_ns : wheel->now_ns));
    wheel->count++;
    if (due_ns <= wheel->next_ns) {
        wheel->next_ns = due_ns;
        wheel->known = 1;
    }
}

void tl_timer_wheel_clear(tl_timer_wheel *wheel, uint32_t id) {
    if (wheel->nodes[id].slot != 0) unlink_node(wheel, id);
}

/* The first slot that is not empty. Those before the wheel's time are empty, and a level's are before all of the next. */
static inline uint32_t first_slot(const tl_timer_wheel *wheel) {
    uint32_t level = (uint32_t)__builtin_ctz(wheel->levels);
    return level * TL_TIMER_WHEEL_SLOTS + (uint32_t)__builtin_ctzll(wheel->used[level]);
}

int64_t tl_timer_wheel_next_ns(tl_timer_wheel *wheel) {
    if (wheel->known) return wheel->next_ns;
    uint32_t slot = first_slot(wheel);
    bool mixed = wheel->mixed[slot / TL_TIMER_WHEEL_SLOTS] >> slot % TL_TIMER_WHEEL_SLOTS & 1;
    int64_t earliest = INT64_MAX;
    for (uint32_t at = wheel->slots[slot].first; at != 0; at = wheel->nodes[at - 1].next) {
        const tl_timer_wheel_node *node = &wheel->nodes[at - 1];
        if (node->due_ns < earliest) earliest = node->due_ns;
        if (!mixed || earliest <= wheel->next_ns) break;
    }
    wheel->next_ns = earliest;
    wheel->known = 1;
    return earliest;
}

/* When a slot begins. */
static inline int64_t begin_of(const tl_timer_wheel *wheel, uint32_t slot) {
    uint32_t shift = slot / TL_TIMER_WHEEL_SLOTS * DIGIT_BITS;
    uint64_t above = shift + DIGIT_BITS < 64 ? (uint64_t)wheel->now_ns >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS) : 0;
    return (int64_t)(above | (uint64_t)(slot % TL_TIMER_WHEEL_SLOTS) << shift);
}

static void come_down(tl_timer_wheel *wheel, uint32_t slot) {
    uint32_t at = wheel->slots[slot].first;
    wheel->slots[slot] = (tl_timer_wheel_slot){0};
    emptied(wheel, slot);
    while (at != 0) {
        uint32_t id = at - 1;
        at = wheel->nodes[id].next;
        link_last(wheel, id, slot_of(wheel, wheel->nodes[id].due_ns));
    }
}

bool tl_timer_wheel_take(tl_timer_wheel *wheel, int64_t now_ns, uint32_t *id) {
    while (wheel->count > 0) {
        uint32_t slot = first_slot(wheel);
        int64_t begin_ns = begin_of(wheel, slot);
        if (begin_ns > now_ns) break;
        if (begin_ns > wheel->now_ns) wheel->now_ns = begin_ns;
        if (slot >= TL_TIMER_WHEEL_SLOTS) {
            come_down(wheel, slot);
            continue;
        }
        *id = wheel->slots[slot].first - 1;
        unlink_node(wheel, *id);
        return true;
    }
    /* Nothing lies between: no timer has to move. */
    if (now_ns > wheel->now_ns) wheel->now_ns = now_ns;
    return false;
}

uint32_t tl_timer_wheel_after(const tl_timer_wheel *wheel, uint32_t id) {
    uint32_t slot = 0;
    if (id != TL_TIMER_WHEEL_NONE) {
        if (wheel->nodes[id].next != 0) return wheel->nodes[id].next - 1;
        slot = wheel->nodes[id].slot;
    }
    for (; slot < TL_TIMER_WHEEL_LEVELS * TL_TIMER_WHEEL_SLOTS; slot++)
        if (wheel->slots[slot].first != 0) return wheel->slots[slot].first - 1;
    return TL_TIMER_WHEEL_NONE;
}
