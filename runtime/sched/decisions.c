#define _GNU_SOURCE
#include "sched/decisions.h"

#include <stdio.h>
#include <stdlib.h>

struct tl_decisions {
    FILE *file; /* a buffer in front of the draft */
    tl_draft *draft;
    const tl_instruments *instruments;
};

static ssize_t into_draft(void *draft, const char *bytes, size_t length) {
    return tl_draft_write(draft, bytes, length) == TL_OK ? (ssize_t)length : 0;
}

tl_status tl_decisions_open(tl_draft *draft, const tl_instruments *instruments, tl_decisions **out) {
    tl_decisions *decisions = calloc(1, sizeof *decisions);
    FILE *file = fopencookie(draft, "w", (cookie_io_functions_t){.write = into_draft});
    if (decisions == NULL || file == NULL) {
        if (file != NULL) fclose(file);
        free(decisions);
        tl_draft_discard(draft);
        return tl_error_set(TL_ERR_NO_MEMORY, "no memory to write decisions");
    }
    *decisions = (tl_decisions){.file = file, .draft = draft, .instruments = instruments};
    fputs("ts_ns,input_sequence,kind,order_id,symbol,side,type,time_in_force,quantity,price,stop_price\n", file);
    *out = decisions;
    return TL_OK;
}

void tl_decisions_discard(tl_decisions *decisions) {
    if (decisions == NULL) return;
    fclose(decisions->file);
    tl_draft_discard(decisions->draft);
    free(decisions);
}

static void write_number(FILE *file, int64_t number, int exponent) {
    char text[TL_FIXED_TEXT_BYTES] = "";
    if (number != TL_ABSENT) tl_fixed_format(number, exponent, text);
    fprintf(file, ",%s", text);
}

void tl_decisions_write(tl_decisions *d, const tl_command *c, int64_t now_ns) {
    static const char *const kinds[TL_COMMANDS] = {"none",   "new",        "cancel",    "replace", "cancel_all",
                                                   "attach", "saga_begin", "saga_undo", "saga_end"};
    bool known = c->instrument < tl_instruments_count(d->instruments);
    const tl_instrument *one = known ? tl_instruments_at(d->instruments, c->instrument) : NULL;
    fprintf(d->file, "%lld,%llu,%s,%llu,%s,%s,%s,%s", (long long)now_ns, (unsigned long long)c->input_sequence,
            c->kind < TL_COMMANDS ? kinds[c->kind] : "", (unsigned long long)c->order_id, known ? one->symbol : "",
            c->side == TL_SIDE_BUY    ? "buy"
            : c->side == TL_SIDE_SELL ? "sell"
                                      : "",
            tl_order_type_name(c->type), tl_time_in_force_name(c->time_in_force));
    write_number(d->file, c->quantity, known ? one->quantity_exponent : 0);
    write_number(d->file, c->price, known ? one->price_exponent : 0);
    write_number(d->file, c->stop_price, known ? one->price_exponent : 0);
    fputc('\n', d->file);
}

tl_status tl_decisions_finish(tl_decisions *decisions) {
    fclose(decisions->file); /* the draft knows whether a write failed */
    tl_status status = tl_draft_commit(decisions->draft);
    free(decisions);
    return status;
}
