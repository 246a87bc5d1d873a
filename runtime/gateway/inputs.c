/* What an input does: to the gateway, and to what the agent tells others. The same live and when the log is worked through again. */
#include <string.h>

#include "gateway/agent_inside.h"

void agent_log_marks(tl_gateway_agent *agent, uint32_t instrument) {
    tl_gateway *gateway = agent->gateway;
    uint32_t count;
    const uint32_t *moved = tl_gateway_moved(gateway, &count);
    agent_room(agent, count + AGENT_MARGIN);
    tl_gateway_record record = {.kind = TL_GATEWAY_MARK, .now_ns = agent->now_ns};
    for (; count > 0; count--) {
        record.target = (int32_t)moved[count - 1];
        tl_gateway_mark_take(gateway, moved[count - 1], &record.mark);
        tl_gateway_log_append(&agent->log, &record, NULL, 0);
    }
    if (!tl_gateway_has_moved(gateway, instrument)) return;
    record.target = (int32_t)instrument;
    tl_gateway_mark_take(gateway, instrument, &record.mark);
    tl_gateway_log_append(&agent->log, &record, NULL, 0);
}

void agent_input(tl_gateway_agent *agent, tl_gateway_record *record, const void *payload, uint32_t slots) {
    record->now_ns = agent->now_ns;
    agent_room(agent, slots + AGENT_MARGIN);
    tl_gateway_log_append(&agent->log, record, payload, slots);
    agent_apply(agent, record, payload);
}

bool agent_fits(const tl_gateway_agent *agent, const tl_gateway_record *record) {
    static const uint8_t slots[TL_GATEWAY_RECORDS] = {
        [TL_GATEWAY_COMMAND] = 2, [TL_GATEWAY_REPORT] = 2, [TL_GATEWAY_MARKET] = 2, [TL_GATEWAY_LIMIT] = 1};
    bool of_strategy =
        record->kind == TL_GATEWAY_COMMAND || record->kind == TL_GATEWAY_ENDED || record->kind == TL_GATEWAY_CUT;
    if (record->payload != slots[record->kind]) return false;
    if (record->kind == TL_GATEWAY_LINK) return record->source < agent->gateway->venue_count;
    return !of_strategy || record->source < agent->config.strategy_count;
}

/* What waits is dropped; the last thing that the strategy is told is this. */
static void cut(tl_gateway_agent *agent, const tl_gateway_record *record) {
    logged_strategy *logged = &agent->logged.strategies[record->source];
    agent->strategies[record->source].reports.made = record->input;
    logged->cut = 0;
    agent_tell(agent, record->source, TL_MESSAGE_CUT, (uint32_t)TL_NO_INSTRUMENT, 0, NULL, 0);
    logged->cut = 1;
}

/* Not by agent_apply(): the output that there was no room for is still being drained. */
void agent_cut(tl_gateway_agent *agent, uint32_t place) {
    outlet *out = &agent->strategies[place].reports;
    tl_gateway_record record = {
        .kind = TL_GATEWAY_CUT, .source = (uint16_t)place, .now_ns = agent->now_ns, .input = out->producer.position};
    agent->cut++;
    tl_gateway_log_append(&agent->log, &record, NULL, 0);
    cut(agent, &record);
}

void agent_tell(tl_gateway_agent *agent, uint32_t place, uint32_t kind, uint32_t instrument, int64_t word,
                const void *payload, size_t bytes) {
    if (TL_UNLIKELY(agent->logged.strategies[place].cut)) return;
    const struct {
        uint32_t kind, instrument;
        int64_t word, sent_ns;
        uint64_t reserved;
    } head = {kind, instrument, word, agent->now_ns, 0};
    if (TL_LIKELY(outlet_push(&agent->strategies[place].reports, &head, sizeof head, payload, bytes))) return;
    if (!agent->replaying) agent_cut(agent, place);
}

void agent_drain(tl_gateway_agent *agent) {
    tl_gateway *gateway = agent->gateway;
    for (uint32_t i = 0; i < gateway->command_count; i++) {
        const tl_command *command = &gateway->commands[i];
        if (TL_UNLIKELY(!outlet_push(&agent->venue, command, sizeof *command, NULL, 0)))
            agent_fail(agent, tl_error_set(TL_ERR_LIMIT, "the venue does not take commands: more than %llu wait",
                                           (unsigned long long)agent->venue.queue_mask));
        publisher_touch(&agent->published, gateway_id_of(command->order_id));
    }
    for (uint32_t i = 0; i < gateway->report_count; i++) {
        const tl_report *report = &gateway->reports[i];
        uint32_t place = agent->place_of[report->strategy];
        agent->logged.fills += report->kind == TL_REPORT_FILL;
        agent->logged.orders -= report->kind == TL_REPORT_DENIED;
        if (TL_LIKELY(place != 0))
            agent_tell(agent, place - 1, TL_MESSAGE_REPORT, report->instrument, 0, report, sizeof *report);
        publisher_touch(&agent->published, report->order_id);
    }
    tl_gateway_clear_output(gateway);
}

static void apply_command(tl_gateway_agent *agent, const tl_gateway_record *record, const tl_command *command) {
    tl_gateway *gateway = agent->gateway;
    agent->logged.strategies[record->source].input = record->input;
    if (TL_UNLIKELY(command->kind == TL_COMMAND_ATTACH && command->strategy < STRATEGY_IDS)) {
        agent_attach(agent, record->source, command->epoch);
        return;
    }
    uint64_t taken = gateway->counts.commands;
    if (TL_UNLIKELY(record->reason != TL_REASON_NONE))
        tl_gateway_refuse(gateway, command, record->reason, record->limit, record->value, record->now_ns);
    else
        tl_gateway_command(gateway, command, record->now_ns);
    /* One that is denied is taken off again as its report comes by. */
    agent->logged.orders += command->kind == TL_COMMAND_NEW && gateway->counts.commands != taken;
}

static void apply_link(tl_gateway_agent *agent, const tl_gateway_record *record) {
    agent->logged.links[record->source] = (uint8_t)record->word;
    for (uint32_t i = 0; i < agent->config.strategy_count; i++)
        if (agent->logged.strategies[i].attached)
            agent_tell(agent, i, TL_MESSAGE_VENUE, (uint32_t)TL_NO_INSTRUMENT, record->source | record->word << 32, NULL, 0);
}

void agent_apply(tl_gateway_agent *agent, const tl_gateway_record *record, const void *payload) {
    tl_gateway *gateway = agent->gateway;
    int64_t now_ns = record->now_ns;
    agent->logged.now_ns = now_ns;
    switch (record->kind) {
    case TL_GATEWAY_COMMAND:
        apply_command(agent, record, payload);
        break;
    case TL_GATEWAY_REPORT:
        agent->logged.venue_input = record->input;
        tl_gateway_report(gateway, payload, now_ns);
        break;
    case TL_GATEWAY_TIME:
        tl_gateway_time(gateway, now_ns);
        break;
    case TL_GATEWAY_MARKET:
        tl_gateway_market(gateway, payload, (const tl_event_tail *)((const tl_event *)payload + 1));
        break;
    case TL_GATEWAY_MARK: /* live it is so already */
        tl_gateway_mark_set(gateway, (uint32_t)record->target, &record->mark);
        break;
    case TL_GATEWAY_LOSSES:
        tl_gateway_mark_losses(gateway, (uint32_t)record->target, now_ns);
        break;
    case TL_GATEWAY_KILL:
        tl_gateway_kill(gateway, record->target, record->word != 0, now_ns);
        break;
    case TL_GATEWAY_FILE:
        agent->logged.file = record->word != 0;
        if (agent->logged.file) tl_gateway_kill(gateway, -1, true, now_ns);
        break;
    case TL_GATEWAY_LIMIT:
        if (tl_gateway_limit_named(gateway, record->target, payload, record->number) != TL_OK) agent->refused++;
        break;
    case TL_GATEWAY_RESTRICT:
        tl_gateway_restrict(gateway, (uint32_t)record->target, record->word != 0);
        break;
    case TL_GATEWAY_ENDED:
        tl_gateway_strategy_ended(gateway, agent->strategies[record->source].config.id, (uint32_t)record->word,
                                  record->target != 0, now_ns);
        break;
    case TL_GATEWAY_LINK:
        apply_link(agent, record);
        break;
    default: /* CUT */
        cut(agent, record);
    }
    agent_drain(agent);
}
