#include "base/stages.h"

const char *tl_latency_stage_name(int stage) {
    static const char *const names[TL_LATENCY_STAGES] = {
        [TL_LATENCY_FEED] = "feed",     [TL_LATENCY_DELIVER] = "deliver", [TL_LATENCY_HANDLER] = "handler",
        [TL_LATENCY_ORDER] = "order",   [TL_LATENCY_GATEWAY] = "gateway", [TL_LATENCY_VENUE] = "venue",
        [TL_LATENCY_REPORT] = "report",
    };
    return stage >= 0 && stage < TL_LATENCY_STAGES ? names[stage] : "";
}
