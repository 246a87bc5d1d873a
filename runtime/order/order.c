#include "order/order.h"

static const char *word(const char *const *words, int count, int i) {
    return i >= 0 && i < count ? words[i] : "unknown";
}

const char *tl_reason_code(int reason) {
    static const char *const codes[TL_REASONS] = {
        [TL_REASON_NONE] = "",
        [TL_REASON_UNKNOWN_SYMBOL] = "unknown_symbol",
        [TL_REASON_OFF_TICK] = "off_tick",
        [TL_REASON_BAD_QUANTITY] = "bad_quantity",
        [TL_REASON_BAD_PRICE] = "bad_price",
        [TL_REASON_BAD_FIELD] = "bad_field",
        [TL_REASON_DEADLINE_PASSED] = "deadline_passed",
        [TL_REASON_HALTED] = "halted",
        [TL_REASON_CLOSED] = "closed",
        [TL_REASON_ORDER_CLOSED] = "order_closed",
        [TL_REASON_WARMING_UP] = "warming_up",
        [TL_REASON_OVERFLOW] = "overflow",
        [TL_REASON_TOO_MANY_ORDERS] = "too_many_orders",
        [TL_REASON_RISK_ORDER_QUANTITY] = "risk_order_quantity",
        [TL_REASON_RISK_ORDER_NOTIONAL] = "risk_order_notional",
        [TL_REASON_RISK_POSITION] = "risk_position",
        [TL_REASON_RISK_EXPOSURE] = "risk_exposure",
        [TL_REASON_RISK_OPEN_ORDERS] = "risk_open_orders",
        [TL_REASON_RISK_PRICE_COLLAR] = "risk_price_collar",
        [TL_REASON_RISK_RATE] = "risk_rate",
        [TL_REASON_RISK_DUPLICATE] = "risk_duplicate",
        [TL_REASON_RISK_SELF_TRADE] = "risk_self_trade",
        [TL_REASON_RISK_DAILY_LOSS] = "risk_daily_loss",
        [TL_REASON_RISK_RESTRICTED] = "risk_restricted",
        [TL_REASON_RISK_BUYING_POWER] = "risk_buying_power",
        [TL_REASON_RISK_SHORT] = "risk_short",
        [TL_REASON_RISK_KILL_SWITCH] = "risk_kill_switch",
        [TL_REASON_RING_FULL] = "ring_full",
        [TL_REASON_GATEWAY_DOWN] = "gateway_down",
        [TL_REASON_REPORTS_BEHIND] = "reports_behind",
        [TL_REASON_UNKNOWN_ORDER] = "unknown_order",
        [TL_REASON_DUPLICATE_ID] = "duplicate_id",
        [TL_REASON_POST_ONLY] = "post_only",
        [TL_REASON_REDUCE_ONLY] = "reduce_only",
        [TL_REASON_FOK] = "fok",
        [TL_REASON_NO_LIQUIDITY] = "no_liquidity",
        [TL_REASON_SELF_TRADE] = "self_trade",
        [TL_REASON_ILLEGAL_STATE] = "illegal_state",
        [TL_REASON_UNSUPPORTED] = "unsupported",
        [TL_REASON_REQUESTED] = "requested",
        [TL_REASON_IOC] = "ioc",
        [TL_REASON_OCO] = "oco",
        [TL_REASON_END_OF_DAY] = "end_of_day",
        [TL_REASON_EXPIRE_TIME] = "expire_time",
        [TL_REASON_STOP] = "stop",
        [TL_REASON_SAGA] = "saga",
        [TL_REASON_SCRIPT_ERROR] = "script_error",
        [TL_REASON_GENERATION_ENDED] = "generation_ended",
    };
    return word(codes, TL_REASONS, reason);
}

const char *tl_order_status_name(int status) {
    static const char *const names[TL_ORDER_STATUSES] = {
        [TL_ORDER_NONE] = "none",
        [TL_ORDER_PENDING_NEW] = "pending_new",
        [TL_ORDER_NEW] = "new",
        [TL_ORDER_PARTIALLY_FILLED] = "partially_filled",
        [TL_ORDER_PENDING_CANCEL] = "pending_cancel",
        [TL_ORDER_PENDING_REPLACE] = "pending_replace",
        [TL_ORDER_REPLACED] = "replaced",
        [TL_ORDER_TRIGGERED] = "triggered",
        [TL_ORDER_FILLED] = "filled",
        [TL_ORDER_CANCELED] = "canceled",
        [TL_ORDER_REJECTED] = "rejected",
        [TL_ORDER_DENIED] = "denied",
        [TL_ORDER_EXPIRED] = "expired",
    };
    return word(names, TL_ORDER_STATUSES, status);
}

const char *tl_report_kind_name(int kind) {
    static const char *const names[TL_REPORTS] = {
        [TL_REPORT_NONE] = "none",
        [TL_REPORT_ACCEPTED] = "accepted",
        [TL_REPORT_FILL] = "fill",
        [TL_REPORT_CANCELED] = "canceled",
        [TL_REPORT_REPLACED] = "replaced",
        [TL_REPORT_REJECTED] = "rejected",
        [TL_REPORT_DENIED] = "denied",
        [TL_REPORT_EXPIRED] = "expired",
        [TL_REPORT_TRIGGERED] = "triggered",
        [TL_REPORT_CANCEL_REJECTED] = "cancel_rejected",
        [TL_REPORT_REPLACE_REJECTED] = "replace_rejected",
        [TL_REPORT_RESTATED] = "restated",
    };
    if (kind == TL_REPORT_UNDO) return "undo";
    return kind == TL_REPORT_SAGA ? "saga" : word(names, TL_REPORTS, kind);
}

const char *tl_order_type_name(int type) {
    static const char *const names[TL_TYPES] = {
        [TL_TYPE_LIMIT] = "limit",
        [TL_TYPE_MARKET] = "market",
        [TL_TYPE_STOP] = "stop",
        [TL_TYPE_STOP_LIMIT] = "stop_limit",
        [TL_TYPE_TRAILING_STOP] = "trailing_stop",
        [TL_TYPE_ICEBERG] = "iceberg",
    };
    return word(names, TL_TYPES, type);
}

const char *tl_time_in_force_name(int tif) {
    static const char *const names[TL_TIFS] = {
        [TL_TIF_DAY] = "day", [TL_TIF_GTC] = "gtc",         [TL_TIF_IOC] = "ioc",           [TL_TIF_FOK] = "fok",
        [TL_TIF_GTD] = "gtd", [TL_TIF_AT_OPEN] = "at_open", [TL_TIF_AT_CLOSE] = "at_close",
    };
    return word(names, TL_TIFS, tif);
}
