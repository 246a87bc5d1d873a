/* Deadlines of numbered things: at most one instant for each, the earliest first.
 *
 * The peer of the timing wheel: a binary heap. The earliest is read in O(1); setting, moving and clearing one are O(log n). Equal instants come in the
 * order in which they were set. Single owner; no allocation after init.
 */
#ifndef BENCH_PEERS_TIMER_HEAP_H
#define BENCH_PEERS_TIMER_HEAP_H

#include <stdlib.h>

#include "base/status.h"

typedef struct tl_timer_heap_entry {
    int64_t due_ns;
    uint64_t serial; /* order of setting */
    uint32_t id;
    uint32_t reserved;
} tl_timer_heap_entry;

typedef struct tl_timer_heap {
    tl_timer_heap_entry *entries; /* a binary heap */
    uint32_t *places;             /* by id: place in the heap + 1, 0 = none */
    uint64_t next_serial;
    uint32_t count;
    uint32_t capacity; /* ids go from 0 to capacity - 1 */
} tl_timer_heap;

static void tl_timer_heap_close(tl_timer_heap *heap) {
    free(heap->entries);
    free(heap->places);
    *heap = (tl_timer_heap){0};
}

static tl_status tl_timer_heap_init(tl_timer_heap *heap, uint32_t capacity) {
    *heap = (tl_timer_heap){.capacity = capacity};
    /* calloc leaves untouched pages to the system, so that a large capacity costs what is used of it. */
    heap->entries = calloc(capacity, sizeof *heap->entries);
    heap->places = calloc(capacity, sizeof *heap->places);
    if (heap->entries != NULL && heap->places != NULL) return TL_OK;
    tl_timer_heap_close(heap);
    return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u timers", capacity);
}

static bool earlier(const tl_timer_heap_entry *a, const tl_timer_heap_entry *b) {
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->serial < b->serial);
}

static void put(tl_timer_heap *heap, uint32_t place, tl_timer_heap_entry entry) {
    heap->entries[place] = entry;
    heap->places[entry.id] = place + 1;
}

/* Finds the place for an entry whose hole is at `place`. */
static void settle(tl_timer_heap *heap, uint32_t place, tl_timer_heap_entry entry) {
    while (place > 0 && earlier(&entry, &heap->entries[(place - 1) / 2])) {
        put(heap, place, heap->entries[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (uint32_t child; (child = 2 * place + 1) < heap->count; place = child) {
        if (child + 1 < heap->count && earlier(&heap->entries[child + 1], &heap->entries[child])) child++;
        if (!earlier(&heap->entries[child], &entry)) break;
        put(heap, place, heap->entries[child]);
    }
    put(heap, place, entry);
}

static void tl_timer_heap_set(tl_timer_heap *heap, uint32_t id, int64_t due_ns) {
    uint32_t place = heap->places[id] != 0 ? heap->places[id] - 1 : heap->count++;
    settle(heap, place, (tl_timer_heap_entry){.due_ns = due_ns, .serial = heap->next_serial++, .id = id});
}

static void tl_timer_heap_clear(tl_timer_heap *heap, uint32_t id) {
    if (heap->places[id] == 0) return;
    uint32_t place = heap->places[id] - 1;
    heap->places[id] = 0;
    tl_timer_heap_entry last = heap->entries[--heap->count];
    if (place < heap->count) settle(heap, place, last);
}

static int64_t tl_timer_heap_next_ns(const tl_timer_heap *heap) {
    return heap->count > 0 ? heap->entries[0].due_ns : INT64_MAX;
}

static bool tl_timer_heap_take(tl_timer_heap *heap, int64_t now_ns, uint32_t *id) {
    if (tl_timer_heap_next_ns(heap) > now_ns || heap->count == 0) return false;
    *id = heap->entries[0].id;
    tl_timer_heap_clear(heap, *id);
    return true;
}

#endif
