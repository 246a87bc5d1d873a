/* The recorder of input logs: an agent of the house process that follows each strategy's log and writes it to a file (log_file.h).
 *
 * How far it has read stands in its region ("recorded:NAME"), so that a strategy does not overwrite what is not read yet; it moves on behind the write. Between frames it notes how far
 * a strategy's decisions are. When it is stopped, the strategies have ended: it writes what is left. Single owner.
 */
#ifndef TL_SCRIPT_LOG_RECORDER_H
#define TL_SCRIPT_LOG_RECORDER_H

#include "base/agent.h"
#include "market/instrument.h"
#include "memory/region.h"

/* How far "recorded:NAME" says it has read once the file could not be written. */
#define TL_LOG_RECORDER_GAVE_UP ((uint64_t)INT64_MAX)

typedef struct tl_log_recorder tl_log_recorder;

typedef struct tl_log_recorder_config {
    const char *path;
    const char *plan; /* text, for whoever replays it */
    const tl_instruments *instruments;
    const tl_region *own;            /* house: recorded:NAME */
    const char *const *names;        /* of the strategies */
    const tl_region *const *regions; /* theirs: input_log */
    uint32_t count;
    uint32_t reserved;
} tl_log_recorder_config;

/* A file that is there and holds anything is gone on with. TL_ERR_IO. */
tl_status tl_log_recorder_create(const tl_log_recorder_config *config, tl_log_recorder **out);
void tl_log_recorder_destroy(tl_log_recorder *recorder);
void tl_log_recorder_agent(tl_log_recorder *recorder, tl_agent *agent);

#endif
