#include "queue/broadcast.h"

#include "base/words.h"

/* Invariants:
 * 1. A slot at position p is written to only while `intent` > p: it is raised before the first word.
 * 2. `produced` <= `intent`, both only grow, also over a writer's death: what lies between them at a death is torn, and is written again.
 * 3. The slot of position p holds another's words only when `intent` > p + capacity. So what a reader copied is whole if afterwards `intent` <= p + capacity. */

TL_STATIC_ASSERT(sizeof(tl_broadcast_head) % 128 == 0, "slots behind the head are aligned");

/* How far `intent` is raised at least: 16 slots of an event share one store to a line that all readers look at. */
enum { INTENT_STEP = 16 };

enum { RESYNC_TRIES = 64 };

static tl_status check(const tl_broadcast_head *head, uint64_t capacity, uint64_t slot_bytes) {
    if (capacity < 4 || (capacity & (capacity - 1)) != 0)
        return tl_error_set(TL_ERR_ARGUMENT, "a broadcast ring of %llu slots: the number must be a power of two, 4 or more",
                            (unsigned long long)capacity);
    if (slot_bytes == 0 || slot_bytes % 8 != 0)
        return tl_error_set(TL_ERR_ARGUMENT, "a broadcast ring of slots of %llu bytes: must be a multiple of 8",
                            (unsigned long long)slot_bytes);
    uint64_t there = __atomic_load_n(&head->capacity, __ATOMIC_RELAXED);
    uint64_t bytes = __atomic_load_n(&head->slot_bytes, __ATOMIC_RELAXED);
    if ((there != 0 && there != capacity) || (bytes != 0 && bytes != slot_bytes))
        return tl_error_set(TL_ERR_ARGUMENT,
                            "a broadcast ring of %llu slots of %llu bytes is used as one of %llu slots of %llu bytes",
                            (unsigned long long)there, (unsigned long long)bytes, (unsigned long long)capacity,
                            (unsigned long long)slot_bytes);
    return TL_OK;
}

uint64_t tl_broadcast_bytes(uint64_t capacity, uint64_t slot_bytes) {
    return sizeof(tl_broadcast_head) + capacity * slot_bytes;
}

tl_status tl_broadcast_attach_writer(tl_broadcast_writer *writer, void *section, uint64_t capacity, uint64_t slot_bytes) {
    tl_broadcast_head *head = section;
    tl_status status = check(head, capacity, slot_bytes);
    if (status != TL_OK) return status;
    *writer = (tl_broadcast_writer){
        .head = head,
        .slots = (uint8_t *)section + sizeof *head,
        .position = head->produced,
        .intent = head->intent, /* never lowered: a predecessor may have torn what lies below it */
        .mask = capacity - 1,
        .slot_bytes = slot_bytes,
    };
    __atomic_store_n(&head->capacity, capacity, __ATOMIC_RELAXED); /* for whoever looks: no order with anything */
    __atomic_store_n(&head->slot_bytes, slot_bytes, __ATOMIC_RELAXED);
    return TL_OK;
}

tl_status tl_broadcast_attach_reader(tl_broadcast_reader *reader, const void *section, uint64_t capacity,
                                     uint64_t slot_bytes) {
    const tl_broadcast_head *head = section;
    tl_status status = check(head, capacity, slot_bytes);
    if (status != TL_OK) return status;
    *reader = (tl_broadcast_reader){
        .head = head,
        .slots = (const uint8_t *)section + sizeof *head,
        .position = __atomic_load_n(&head->produced, __ATOMIC_ACQUIRE),
        .mask = capacity - 1,
        .slot_bytes = slot_bytes,
    };
    return TL_OK;
}

void tl_broadcast_stage(tl_broadcast_writer *writer, const void *slots, uint32_t count) {
    uint64_t capacity = writer->mask + 1;
    if (writer->staged != 0 && writer->staged + count > capacity / 4) tl_broadcast_publish(writer);
    uint64_t from = writer->position + writer->staged, to = from + count;
    if (to > writer->intent) {
        uint64_t least = writer->intent + INTENT_STEP;
        writer->intent = to > least || capacity < 4 * INTENT_STEP ? to : least;
        /* Each word below releases it; pairs with the acquires of the words in tl_broadcast_copy(). */
        __atomic_store_n(&writer->head->intent, writer->intent, __ATOMIC_RELAXED);
    }
    const uint8_t *slot = slots;
    size_t words = writer->slot_bytes / 8;
    for (uint64_t at = from; at < to; at++, slot += writer->slot_bytes)
        tl_words_store(writer->slots + (at & writer->mask) * writer->slot_bytes, slot, words);
    writer->staged += count;
}

void tl_broadcast_publish(tl_broadcast_writer *writer) {
    if (writer->staged == 0) return;
    writer->position += writer->staged;
    writer->staged = 0;
    /* The slots before their number; pairs with the acquire in tl_broadcast_copy(). */
    __atomic_store_n(&writer->head->produced, writer->position, __ATOMIC_RELEASE);
}

void tl_broadcast_latched(tl_broadcast_writer *writer, uint64_t position) {
    __atomic_store_n(&writer->head->latched, position,
                     __ATOMIC_RELEASE); /* the latches before it; pairs with the acquire in resync() */
}

/* Where a lapped reader goes on: where the latches stand, or at the newest. */
static uint64_t resync(const tl_broadcast_reader *reader) {
    uint64_t produced = 0;
    /* What is gone when it was read just now was overtaken while we looked: a writer that keeps latches is at most one batch ahead of them. Without latches the first
     * look is the last. */
    for (int tries = 0; tries < RESYNC_TRIES; tries++) {
        uint64_t latched =
            __atomic_load_n(&reader->head->latched, __ATOMIC_ACQUIRE); /* pairs with the release in tl_broadcast_latched() */
        produced = __atomic_load_n(&reader->head->produced, __ATOMIC_ACQUIRE);
        uint64_t intent = __atomic_load_n(&reader->head->intent, __ATOMIC_RELAXED);
        if (latched == 0) break;
        if (latched <= produced && latched > reader->position && latched + reader->mask + 1 >= intent) return latched;
    }
    return produced;
}

uint32_t tl_broadcast_copy(tl_broadcast_reader *reader, void *into, uint32_t max_slots, uint64_t *lost) {
    *lost = 0;
    uint64_t position = reader->position;
    /* The slots below it are written; pairs with the release in tl_broadcast_publish(). */
    uint64_t there = __atomic_load_n(&reader->head->produced, __ATOMIC_ACQUIRE) - position;
    if (there == 0) return 0;
    uint32_t count = there < max_slots ? (uint32_t)there : max_slots;
    if (there <= reader->mask + 1) {
        size_t words = reader->slot_bytes / 8;
        uint8_t *to = into;
        for (uint32_t i = 0; i < count; i++, to += reader->slot_bytes)
            tl_words_load(to, reader->slots + ((position + i) & reader->mask) * reader->slot_bytes, words);
        /* If a word was of a later round, this sees at least the intent that came before it: the words were acquired. */
        if (TL_LIKELY(__atomic_load_n(&reader->head->intent, __ATOMIC_RELAXED) <= position + reader->mask + 1)) return count;
    }
    uint64_t next = resync(reader);
    *lost = next - position;
    reader->lost += *lost;
    reader->position = next;
    return 0;
}

void tl_broadcast_take(tl_broadcast_reader *reader, uint32_t slots) {
    reader->position += slots;
}
