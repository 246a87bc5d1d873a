/* Stands in for the mirror until it is there: weak, so that mirror.c takes its place. */
#include <math.h>
#include <stdlib.h>

#include "script/mirror.h"

#define ABSENT __attribute__((weak))

ABSENT tl_mirror *tl_mirror_create(tl_view *view, const tl_instruments *instruments, uint32_t strategy, uint32_t epoch) {
    (void)view, (void)instruments, (void)strategy, (void)epoch;
    return malloc(1);
}
ABSENT void tl_mirror_destroy(tl_mirror *mirror) {
    free(mirror);
}
ABSENT void tl_mirror_event(tl_mirror *mirror, uint64_t input_sequence, int64_t now_ns) {
    (void)mirror, (void)input_sequence, (void)now_ns;
}
ABSENT void tl_mirror_scope(tl_mirror *mirror, int64_t deadline_ns) {
    (void)mirror, (void)deadline_ns;
}
ABSENT void tl_mirror_warming(tl_mirror *mirror, bool warming) {
    (void)mirror, (void)warming;
}
ABSENT uint32_t tl_mirror_report(tl_mirror *mirror, const tl_report *report, int64_t now_ns, uint64_t sequence,
                                 tl_shown_report *shown) {
    (void)mirror, (void)report, (void)now_ns, (void)sequence, (void)shown;
    return 0;
}
ABSENT void tl_mirror_queue_place(tl_mirror *mirror, const tl_event *event) {
    (void)mirror, (void)event;
}
ABSENT double tl_mirror_open_quantity(const tl_mirror *mirror, uint32_t instrument, int side) {
    (void)mirror, (void)instrument, (void)side;
    return 0;
}
