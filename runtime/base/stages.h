/* The stages at which latency is measured, and the section of a region that holds their histograms ("stages"). */
#ifndef TL_BASE_STAGES_H
#define TL_BASE_STAGES_H

#include "base/histogram.h"

typedef enum tl_latency_stage {
    TL_LATENCY_FEED = 0, /* feed agent: venue's time of an event to its publication */
    TL_LATENCY_DELIVER,  /* strategy: publication to its place in the input log */
    TL_LATENCY_HANDLER,  /* strategy: how long handlers run */
    TL_LATENCY_ORDER,   /* gateway: from the event in the strategy's log to its command being taken (the handler included) */
    TL_LATENCY_GATEWAY, /* gateway: how long it works on a command */
    TL_LATENCY_VENUE,   /* gateway: from the send to the venue to its answer */
    TL_LATENCY_REPORT,  /* strategy: from the venue's time of a report to its place in the input log */
    TL_LATENCY_STAGES
} tl_latency_stage;

typedef struct tl_stages {
    tl_histogram of[TL_LATENCY_STAGES]; /* those that the region's writer measures; the others stay empty */
} tl_stages;

/* "feed", "deliver", ...; "" past the last. */
const char *tl_latency_stage_name(int stage);

#endif
