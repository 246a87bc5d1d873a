#include "script/mirror_inside.h"

static uint32_t home_of(uint32_t instrument, uint32_t side, uint32_t tag) {
    return ((instrument << 1 | (side == TL_SIDE_SELL)) + tag * 0x9E3779B1u) & (QUOTE_INDEX - 1);
}

/* An order that a predecessor quoted and the gateway named in the attach goes on as the quote's. */
static void take_over(tl_mirror *mirror, uint32_t kept) {
    mirror_quote *q = &mirror->quotes[kept];
    for (uint32_t slot = tl_mirror_first(mirror, q->instrument, (int)q->side); slot != 0;
         slot = tl_mirror_next(mirror, slot, q->instrument, (int)q->side)) {
        tl_shown_order *order = &mirror->slots.orders[slot];
        if (!order->adopted_n || order->type_n != TL_TYPE_LIMIT || order->tag_n != q->tag || order->link_n != TL_LINK_NONE ||
            mirror->slots.privates[slot].quote != 0)
            continue;
        order->quoted_n = 1;
        mirror->slots.privates[slot].quote = kept;
        q->slot = slot;
        q->generation = order->generation_n;
        q->asked_quantity = (int64_t)(order->wanted_quantity_n - order->filled_n);
        return;
    }
}

/* The entry of an instrument, side and tag, made at its first use; 0 when there are MAX_QUOTES. */
static uint32_t quote_of(tl_mirror *mirror, uint32_t instrument, uint32_t side, uint32_t tag) {
    uint32_t i = home_of(instrument, side, tag);
    for (; mirror->quote_index[i] != 0; i = (i + 1) & (QUOTE_INDEX - 1)) {
        const mirror_quote *q = &mirror->quotes[mirror->quote_index[i]];
        if (q->instrument == instrument && q->side == side && q->tag == tag) return mirror->quote_index[i];
    }
    if (mirror->quote_count == MAX_QUOTES) return 0;
    uint32_t kept = ++mirror->quote_count;
    mirror->quote_index[i] = kept;
    mirror->quotes[kept] =
        (mirror_quote){.instrument = instrument, .tag = tag, .side = side, .read_quantity = NAN, .read_price = NAN};
    take_over(mirror, kept);
    return kept;
}

void mirror_quote_restore(tl_mirror *mirror, const mirror_quote *quote) {
    if (mirror->quote_count == MAX_QUOTES) return;
    uint32_t i = home_of(quote->instrument, quote->side, quote->tag);
    while (mirror->quote_index[i] != 0)
        i = (i + 1) & (QUOTE_INDEX - 1);
    mirror->quote_index[i] = ++mirror->quote_count;
    mirror->quotes[mirror->quote_count] = *quote;
}

/* Sends the first order of a quote, or the one after a closed one. */
static uint32_t quote_send(tl_mirror *mirror, uint32_t kept, int64_t quantity, int64_t price,
                           const tl_order_options *options) {
    mirror_quote *q = &mirror->quotes[kept];
    mirror_request ask = {.quantity = quantity,
                          .price = price,
                          .stop_price = TL_ABSENT,
                          .offset = TL_ABSENT,
                          .type = TL_TYPE_LIMIT,
                          .time_in_force = options->time_in_force,
                          .flags = options->flags};
    if (!mirror_read_expiry(mirror, options, q->instrument, &ask)) return 0;
    if (!mirror_read_deadline(mirror, options, q->instrument, &ask.deadline_ns)) return 0;
    uint32_t slot = mirror_place(mirror, tl_instruments_at(mirror->instruments, q->instrument), (int)q->side, &ask, options);
    if (slot == 0) return 0;
    mirror->slots.orders[slot].quoted_n = 1;
    mirror->slots.privates[slot].quote = kept;
    q->slot = slot;
    q->generation = mirror->slots.orders[slot].generation_n;
    q->asked_quantity = quantity;
    q->next_quantity = 0;
    return slot;
}

/* The open order of a quote, 0 when there is none. */
static uint32_t quote_working(const tl_mirror *mirror, const mirror_quote *q) {
    const tl_shown_order *order = &mirror->slots.orders[q->slot];
    return q->slot != 0 && order->generation_n == q->generation && tl_order_is_open(order->status_n) ? q->slot : 0;
}

/* Reads what is asked of a quote; most say again what they said before, at least the quantity. */
static bool quote_read(tl_mirror *mirror, mirror_quote *q, double quantity, double price, int rounding) {
    const tl_instrument *instrument = tl_instruments_at(mirror->instruments, q->instrument);
    if (quantity != q->read_quantity) {
        if (!mirror_read_quantity(mirror, instrument, FIELD_QUANTITY, quantity, &q->quantity)) return false;
        q->read_quantity = quantity;
    }
    if (price != q->read_price || rounding != q->read_rounding) {
        if (!mirror_read_price(mirror, instrument, FIELD_PRICE, price, rounding, (int)q->side, &q->price)) return false;
        q->read_price = price;
        q->read_rounding = rounding;
    }
    return true;
}

uint32_t tl_mirror_quote(tl_mirror *mirror, uint32_t instrument_id, int side, double quantity, double price,
                         const tl_order_options *options) {
    if (!options) options = &mirror_plain_options;
    if (instrument_id >= tl_instruments_count(mirror->instruments)) {
        mirror_refuse(mirror, TL_REASON_UNKNOWN_SYMBOL, FIELD_SYMBOL, instrument_id, NAN, NAN);
        return UINT32_MAX;
    }
    uint32_t kept = quote_of(mirror, instrument_id, (uint32_t)side, options->tag);
    if (kept == 0) {
        mirror_refuse(mirror, TL_REASON_TOO_MANY_ORDERS, FIELD_NONE, instrument_id, MAX_QUOTES, MAX_QUOTES);
        return UINT32_MAX;
    }
    mirror_quote *q = &mirror->quotes[kept];
    uint32_t slot = quote_working(mirror, q);
    if (quantity == 0) {
        q->asked_quantity = 0;
        return slot != 0 && !mirror_cancel(mirror, slot) ? UINT32_MAX : slot;
    }
    if (!quote_read(mirror, q, quantity, price, options->rounding)) return UINT32_MAX;
    int64_t wanted = q->quantity, at = q->price;
    if (slot == 0) {
        if (!mirror_may_send(mirror, instrument_id)) return UINT32_MAX;
        slot = quote_send(mirror, kept, wanted, at, options);
        return slot ? slot : UINT32_MAX;
    }
    const tl_shown_order *order = &mirror->slots.orders[slot];
    if (order->request_n == TL_COMMAND_CANCEL) {
        q->asked_quantity = wanted;
        q->next_quantity = wanted;
        q->next_price = at;
        q->options = *options;
        return slot;
    }
    if ((double)at == order->wanted_price_n && wanted == q->asked_quantity && order->queued_n != TL_COMMAND_CANCEL)
        return slot;
    int64_t deadline_ns;
    if (!mirror_may_send(mirror, instrument_id) || !mirror_read_deadline(mirror, options, instrument_id, &deadline_ns))
        return UINT32_MAX;
    if (!mirror_ask_replace(mirror, slot, (double)at, order->filled_n + (double)wanted, deadline_ns)) return UINT32_MAX;
    q->asked_quantity = wanted;
    return slot;
}

/* A quote whose cancel was answered while it was asked for again: what is still wanted is sent now. A refusal is silent: the
 * script has the report of the cancel in hand and may ask again. */
void mirror_quote_closed(tl_mirror *mirror, uint32_t kept, const tl_report *report, bool asked) {
    mirror_quote *q = &mirror->quotes[kept];
    int64_t quantity = q->next_quantity;
    q->next_quantity = 0;
    if (quantity <= 0 || !asked || report->kind != TL_REPORT_CANCELED) return;
    tl_send_error kept_error = mirror->error;
    tl_order_options options = q->options;
    if (mirror_may_send(mirror, q->instrument)) quote_send(mirror, kept, quantity, q->next_price, &options);
    mirror->error = kept_error;
}
