/* Signals to and from other strategies, and the names of those and of venues. */
#include <stdlib.h>
#include <string.h>

#include "script/host_inside.h"

bool tl_runtime_signal(tl_host *h, const char *name, double value) {
    size_t length = strlen(name);
    if (length == 0 || length >= TL_SIGNAL_NAME_BYTES || h->phase == TL_PHASE_HISTORY) return false;
    tl_signal *signal = &h->signals[h->signals_sent++ % TL_SIGNALS_KEPT];
    if (h->signals_sent - h->signals_taken > TL_SIGNALS_KEPT) h->signals_taken++;
    *signal = (tl_signal){.input_sequence = h->sequence, .value = value};
    memcpy(signal->name, name, length);
    return true;
}

bool tl_host_take_signal(tl_host *h, tl_signal *signal) {
    if (h->signals_taken == h->signals_sent) return false;
    *signal = h->signals[h->signals_taken++ % TL_SIGNALS_KEPT];
    return true;
}

uint64_t tl_host_signals_sent(const tl_host *h) {
    return h->signals_sent;
}

const char *tl_runtime_signal_name(const tl_host *h) {
    return h->signal_name;
}

static tl_status name_one(known_names *known, uint32_t number, const char *name) {
    known_name *grown = realloc(known->names, (known->count + 1) * sizeof *grown);
    char *copy = strdup(name);
    if (grown != NULL) known->names = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return tl_error_set(TL_ERR_NO_MEMORY, "no memory for the name %s", name);
    }
    grown[known->count++] = (known_name){.number = number, .name = copy};
    return TL_OK;
}

static const char *name_of(const known_names *known, uint32_t number) {
    for (uint32_t i = 0; i < known->count; i++)
        if (known->names[i].number == number) return known->names[i].name;
    return "";
}

tl_status tl_host_name_peer(tl_host *h, uint32_t strategy, const char *name) {
    return name_one(&h->peers, strategy, name);
}

tl_status tl_host_name_venue(tl_host *h, uint32_t venue, const char *name) {
    return name_one(&h->venues, venue, name);
}

const char *tl_runtime_peer_name(const tl_host *h, uint32_t strategy) {
    return name_of(&h->peers, strategy);
}

const char *tl_runtime_venue_name(const tl_host *h, uint32_t venue) {
    return name_of(&h->venues, venue);
}

static void forget(known_names *known) {
    for (uint32_t i = 0; i < known->count; i++)
        free(known->names[i].name);
    free(known->names);
}

void tl_host_signals_close(tl_host *h) {
    free(h->signals);
    forget(&h->peers);
    forget(&h->venues);
}
