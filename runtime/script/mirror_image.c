/* The mirror written down and read back: orders, quotes, positions, tags. Slots may be others afterwards; ids, order and what hangs together are the same. */
#include <stdlib.h>

#include "script/mirror_inside.h"

enum { KEPT_CLOSED = 256 /* closed orders that a state may still name */ };

typedef struct mirror_numbers {
    uint64_t last_id;
    uint64_t illegal_transitions;
    uint64_t attach_from;
    uint32_t last_group;
    uint32_t attach;
} mirror_numbers;

static void put_order(const tl_mirror *mirror, tl_image *image, uint32_t slot) {
    tl_image_put(image, &mirror->slots.orders[slot], sizeof(tl_shown_order));
    tl_image_put(image, &mirror->slots.privates[slot], sizeof(tl_order_private));
}

static void put_orders(const tl_mirror *mirror, tl_image *image) {
    const tl_order_slots *slots = &mirror->slots;
    uint64_t closed = slots->closed_end - slots->closed_begin, first = slots->closed_begin;
    if (closed > KEPT_CLOSED) first = slots->closed_end - KEPT_CLOSED;
    tl_image_put_u64(image, slots->closed_end - first);
    for (uint64_t i = first; i < slots->closed_end; i++)
        put_order(mirror, image, tl_order_slots_closed(slots, i));
    tl_image_put_u64(image, slots->all.count);
    for (uint32_t slot = slots->all.first; slot != 0; slot = slots->privates[slot].next_all)
        put_order(mirror, image, slot);
}

void tl_mirror_save(const tl_mirror *mirror, tl_image *image) {
    mirror_numbers numbers = {.last_id = mirror->last_id,
                              .illegal_transitions = mirror->illegal_transitions,
                              .attach_from = mirror->attach_from,
                              .last_group = mirror->last_group,
                              .attach = mirror->attach};
    tl_image_put(image, &numbers, sizeof numbers);
    tl_image_put_u64(image, mirror->tag_count);
    for (uint32_t i = 0; i < mirror->tag_count; i++) {
        tl_image_put_u64(image, strlen(mirror->tags[i]) + 1);
        tl_image_put(image, mirror->tags[i], strlen(mirror->tags[i]) + 1);
    }
    static const tl_position flat;
    uint32_t count = tl_instruments_count(mirror->instruments), held = 0;
    for (uint32_t i = 0; i < count; i++)
        held += memcmp(&mirror->positions[i], &flat, sizeof flat) != 0;
    tl_image_put_u64(image, held);
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(&mirror->positions[i], &flat, sizeof flat) == 0) continue;
        tl_image_put_u64(image, i);
        tl_image_put(image, &mirror->positions[i], sizeof flat);
    }
    put_orders(mirror, image);
    tl_image_put_u64(image, mirror->quote_count);
    for (uint32_t i = 1; i <= mirror->quote_count; i++) {
        const mirror_quote *q = &mirror->quotes[i];
        const tl_shown_order *order = &mirror->slots.orders[q->slot];
        tl_image_put(image, q, sizeof *q);
        tl_image_put_u64(image, q->slot != 0 && order->generation_n == q->generation ? (uint64_t)order->id_n : 0);
    }
}

/* Tags that the script made while it was loaded must be those that it made then: orders name them by number. */
static tl_status get_tags(tl_mirror *mirror, tl_image *image) {
    uint64_t count = tl_image_get_count(image, sizeof(uint64_t));
    if (count < mirror->tag_count)
        return tl_error_set(TL_ERR_FORMAT, "the checkpoint knows %llu tags, and the script has made %u already",
                            (unsigned long long)count, mirror->tag_count);
    for (uint32_t i = 0; i < count && !image->broken; i++) {
        uint64_t length = tl_image_get_count(image, 1);
        const char *name = (const char *)image->bytes + image->at;
        if (image->broken || length == 0 || name[length - 1] != 0)
            return tl_error_set(TL_ERR_FORMAT, "the checkpoint's tags are damaged");
        image->at += length;
        if (tl_mirror_tag(mirror, name) != i + 1)
            return tl_error_set(TL_ERR_FORMAT, "the checkpoint's tag %u is '%s', and the script's is another", i + 1, name);
    }
    return TL_OK;
}

static void get_order(tl_mirror *mirror, tl_image *image, bool open) {
    tl_shown_order shown;
    tl_order_private private;
    tl_image_get(image, &shown, sizeof shown);
    tl_image_get(image, &private, sizeof private);
    if (image->broken || shown.instrument_n >= tl_instruments_count(mirror->instruments)) {
        image->broken = true;
        return;
    }
    uint32_t slot = tl_order_slots_acquire(&mirror->slots, (uint64_t)shown.id_n);
    if (slot == 0) return;
    tl_shown_order *order = &mirror->slots.orders[slot];
    tl_order_private *mine = &mirror->slots.privates[slot];
    shown.generation_n = order->generation_n;
    shown.next_n = shown.previous_n = 0;
    private.next_all = private.previous_all = private.next_of = private.previous_of = 0;
    private.next_same = mine->next_same;
    *order = shown;
    *mine = private;
    tl_order_slots_open(&mirror->slots, slot);
    if (!open) tl_order_slots_retire(&mirror->slots, slot);
}

tl_status tl_mirror_restore(tl_mirror *mirror, tl_image *image) {
    mirror_numbers numbers;
    tl_image_get(image, &numbers, sizeof numbers);
    tl_status status = get_tags(mirror, image);
    if (status != TL_OK) return status;
    uint64_t held = tl_image_get_count(image, sizeof(tl_position));
    for (uint64_t i = 0; i < held && !image->broken; i++) {
        tl_position position;
        uint64_t id = tl_image_get_u64(image);
        tl_image_get(image, &position, sizeof position);
        tl_mirror_position(mirror, (uint32_t)id, &position);
    }
    for (int open = 0; open < 2; open++) {
        uint64_t orders = tl_image_get_count(image, sizeof(tl_shown_order));
        for (uint64_t i = 0; i < orders && !image->broken; i++)
            get_order(mirror, image, open);
    }
    uint64_t quotes = tl_image_get_count(image, sizeof(mirror_quote));
    for (uint64_t i = 0; i < quotes && !image->broken; i++) {
        mirror_quote quote;
        tl_image_get(image, &quote, sizeof quote);
        uint64_t id = tl_image_get_u64(image);
        quote.slot = id != 0 ? tl_order_slots_find(&mirror->slots, id) : 0;
        quote.generation = mirror->slots.orders[quote.slot].generation_n;
        mirror_quote_restore(mirror, &quote);
    }
    if (image->broken) return tl_error_set(TL_ERR_FORMAT, "the checkpoint's orders are damaged");
    mirror->last_id = numbers.last_id;
    mirror->illegal_transitions = numbers.illegal_transitions;
    mirror->attach_from = numbers.attach_from;
    mirror->attach = numbers.attach;
    mirror->last_group = numbers.last_group;
    return TL_OK;
}
