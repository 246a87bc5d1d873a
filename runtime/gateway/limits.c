/* One limit by its name, as an operator sets it. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "gateway/state.h"

typedef enum member_kind { MEMBER_DOUBLE, MEMBER_MONEY, MEMBER_COUNT } member_kind;

static const struct {
    const char *name;
    uint16_t offset;
    uint16_t kind;
} members[] = {
    {"max_order_quantity", offsetof(tl_risk_limits, max_order_quantity), MEMBER_DOUBLE},
    {"max_position", offsetof(tl_risk_limits, max_position), MEMBER_DOUBLE},
    {"max_order_notional", offsetof(tl_risk_limits, max_order_notional_e8), MEMBER_MONEY},
    {"max_gross_exposure", offsetof(tl_risk_limits, max_gross_exposure_e8), MEMBER_MONEY},
    {"max_daily_loss", offsetof(tl_risk_limits, max_daily_loss_e8), MEMBER_MONEY},
    {"price_collar", offsetof(tl_risk_limits, price_collar), MEMBER_DOUBLE},
    {"max_orders_per_second", offsetof(tl_risk_limits, max_orders_per_second), MEMBER_DOUBLE},
    {"order_burst", offsetof(tl_risk_limits, order_burst), MEMBER_DOUBLE},
    {"max_open_orders", offsetof(tl_risk_limits, max_open_orders), MEMBER_COUNT},
    {"deny_duplicates", offsetof(tl_risk_limits, deny_duplicates), MEMBER_COUNT},
    {"prevent_self_trade", offsetof(tl_risk_limits, prevent_self_trade), MEMBER_COUNT},
    {"denies_per_second", offsetof(tl_risk_limits, denies_per_second), MEMBER_COUNT},
};

static tl_status set(tl_risk_limits *limits, const char *name, double value) {
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (strcmp(members[i].name, name) != 0) continue;
        uint8_t *member = (uint8_t *)limits + members[i].offset;
        double most = members[i].kind == MEMBER_COUNT ? 4294967295.0 : members[i].kind == MEMBER_MONEY ? 9.2e10 : 1e300;
        if (!(value >= 0 && value <= most))
            return tl_error_set(TL_ERR_ARGUMENT, "%s of %g: limits go from 0 (none) to %g", name, value, most);
        if (members[i].kind == MEMBER_DOUBLE) {
            memcpy(member, &value, sizeof value);
        } else if (members[i].kind == MEMBER_MONEY) {
            int64_t money = (int64_t)nearbyint(value * 1e8);
            memcpy(member, &money, sizeof money);
        } else {
            uint32_t count = (uint32_t)nearbyint(value);
            memcpy(member, &count, sizeof count);
        }
        return TL_OK;
    }
    return tl_error_set(TL_ERR_NOT_FOUND, "there is no limit %s", name);
}

tl_status tl_gateway_limit_check(const char *name, double value) {
    tl_risk_limits limits;
    return set(&limits, name, value);
}

tl_status tl_gateway_limit_named(tl_gateway *gateway, int64_t target, const char *name, double value) {
    const ledger *sums = NULL;
    if (target >= 0 && target < STRATEGY_IDS && gateway->strategy_index[target] != 0)
        sums = &gateway->strategies[gateway->strategy_index[target] - 1]->ledger;
    else if (target < 0 && -1 - target < (int64_t)gateway->account_count)
        sums = &gateway->accounts[-1 - target].ledger;
    if (sums == NULL) return tl_error_set(TL_ERR_NOT_FOUND, "a limit's target of %lld: there is none", (long long)target);
    tl_risk_limits limits = sums->limits;
    tl_status status = set(&limits, name, value);
    if (status != TL_OK) return status;
    return target >= 0 ? tl_gateway_limit_strategy(gateway, (uint32_t)target, &limits)
                       : tl_gateway_limit_account(gateway, (uint32_t)(-1 - target), &limits);
}
