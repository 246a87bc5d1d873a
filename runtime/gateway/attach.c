/* What a generation that begins is told: all that the gateway has of its strategy (message.h). */
#include "gateway/agent_inside.h"

static void tell_positions(tl_gateway_agent *agent, uint32_t place, uint32_t index) {
    const tl_gateway *gateway = agent->gateway;
    for (uint32_t i = 1; i <= gateway->holding_count; i++) {
        const holding *one = &gateway->holdings[i];
        if (one->strategy == index && (one->position.quantity != 0 || one->position.fills > 0))
            agent_tell(agent, place, TL_MESSAGE_POSITION, one->stake.instrument, 0, &one->position, sizeof one->position);
    }
}

static void tell_orders(tl_gateway_agent *agent, uint32_t place, const gateway_strategy *strategy) {
    for (uint32_t slot = strategy->first; slot != 0; slot = agent->gateway->orders[slot].next) {
        const tl_order_record *record = &agent->gateway->orders[slot].record;
        tl_adopted adopted = {
            .last = record->last,
            .filled = record->filled,
            .wanted_price = record->wanted_price,
            .wanted_quantity = record->wanted_quantity,
            .status = record->status,
            .before = record->before,
        };
        agent_tell(agent, place, TL_MESSAGE_ORDER, record->last.instrument, 0, &adopted, sizeof adopted);
    }
}

void agent_attach(tl_gateway_agent *agent, uint32_t place, uint32_t epoch) {
    tl_gateway *gateway = agent->gateway;
    uint32_t id = agent->strategies[place].config.id;
    if (!tl_gateway_attach(gateway, id, epoch)) {
        gateway->counts.commands_repeated++;
        return;
    }
    uint32_t index = gateway->strategy_index[id] - 1u;
    const gateway_strategy *strategy = gateway->strategies[index];
    agent->logged.strategies[place].attached = 1;
    agent->logged.strategies[place].cut = 0;
    tell_positions(agent, place, index);
    tell_orders(agent, place, strategy);
    for (uint32_t i = 0; i < gateway->venue_count; i++)
        agent_tell(agent, place, TL_MESSAGE_VENUE, (uint32_t)TL_NO_INSTRUMENT, i | (int64_t)agent->logged.links[i] << 32,
                   NULL, 0);
    agent_tell(agent, place, TL_MESSAGE_ATTACHED, (uint32_t)TL_NO_INSTRUMENT, strategy->report_sequence, NULL, 0);
}
