/* The region of a strategy, as the benchmarks that run its agent lay it out. */
#ifndef TIDELOCK_BENCH_STRATEGY_REGION_H
#define TIDELOCK_BENCH_STRATEGY_REGION_H

#include <string.h>

#include "base/stages.h"
#include "base/worker_page.h"
#include "memory/region.h"
#include "order/order.h"
#include "queue/channel.h"
#include "script/input_log.h"
#include "script/live.h"

enum { STRATEGY_SECTIONS = 10 };

/* Its sections, with so many slots in its commands and in its input log. */
static inline void strategy_sections(tl_region_section sections[STRATEGY_SECTIONS], uint64_t ring, uint64_t log) {
    const tl_region_section all[STRATEGY_SECTIONS] = {{"worker", 0, sizeof(tl_worker_page)},
                                                      {"counters", 0, 256 * 64},
                                                      {"stages", 0, sizeof(tl_stages)},
                                                      {"out:commands", 0, tl_channel_out_bytes(ring, sizeof(tl_command))},
                                                      {"in:reports", 0, tl_channel_in_bytes()},
                                                      {"input_log", 0, tl_input_log_bytes(log)},
                                                      {"checkpoint.0", 0, 1 << 20},
                                                      {"checkpoint.1", 0, 1 << 20},
                                                      {"signals", 0, tl_live_signals_bytes()},
                                                      {"log", 0, tl_live_lines_bytes()}};
    memcpy(sections, all, sizeof all);
}

#endif
