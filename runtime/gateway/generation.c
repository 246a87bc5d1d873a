/* What the beginning and the end of a strategy's generation do to its orders. */
#include "gateway/held.h"
#include "gateway/order_store.h"
#include "gateway/saga.h"

static gateway_strategy *strategy_of(const tl_gateway *gateway, uint32_t strategy) {
    if (strategy >= STRATEGY_IDS || gateway->strategy_index[strategy] == 0) return NULL;
    return gateway->strategies[gateway->strategy_index[strategy] - 1];
}

bool tl_gateway_attach(tl_gateway *gateway, uint32_t strategy, uint32_t epoch) {
    gateway_strategy *one = strategy_of(gateway, strategy);
    if (one == NULL || epoch < one->last_epoch) return false;
    one->last_epoch = epoch;
    return true;
}

void tl_gateway_strategy_ended(tl_gateway *gateway, uint32_t strategy, uint32_t epoch, bool cancel, int64_t now_ns) {
    gateway_strategy *one = strategy_of(gateway, strategy);
    if (one == NULL) return;
    if (epoch == 0) epoch = one->last_epoch;
    if (epoch < UINT32_MAX && one->last_epoch <= epoch) one->last_epoch = epoch + 1;
    saga_strategy_ended(gateway, gateway->strategy_index[strategy] - 1u, epoch < UINT32_MAX ? epoch + 1 : epoch, now_ns);
    if (!cancel) return;
    /* A successor may have sent orders already: they are its own. A held order that is cancelled takes itself, and perhaps others of its group, off the list: the
     * walk starts again after such a one. */
    for (uint32_t slot = one->first; slot != 0;) {
        gateway_order *order = &gateway->orders[slot];
        bool held = order->bits & ORDER_HELD;
        slot = order->next;
        if (order->record.last.epoch > epoch || (order->record.last.flags & TL_FLAG_UNDO)) continue;
        gateway_order_cancel(gateway, order, TL_REASON_STOP, now_ns);
        if (held) slot = one->first;
    }
    held_settle(gateway);
}

uint32_t tl_gateway_open_orders(const tl_gateway *gateway, uint32_t strategy) {
    const gateway_strategy *one = strategy_of(gateway, strategy);
    return one != NULL ? one->ledger.open_orders : 0;
}
