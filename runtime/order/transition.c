#include "order/transition.h"

/* Rows and cells that are not written are illegal.
 *
 * Two choices that other systems make differently: a fill may come before the acknowledgement (a venue may skip it), and the refusal
 * of a request is legal for a closed order, because a fill or an end can cross a cancel on its way. */
static const uint8_t cells[TL_ORDER_STATUSES][TL_MOVES] = {
    [TL_ORDER_NONE] =
        {
            [TL_MOVE_SEND] = TL_ORDER_PENDING_NEW,
        },
    [TL_ORDER_PENDING_NEW] =
        {
            [TL_MOVE_ASK_CANCEL] = TL_ORDER_PENDING_CANCEL,
            [TL_MOVE_ASK_REPLACE] = TL_ORDER_PENDING_REPLACE,
            [TL_MOVE_ACCEPTED] = TL_ORDER_NEW,
            [TL_MOVE_FILL] = TL_ORDER_PARTIALLY_FILLED,
            [TL_MOVE_LAST_FILL] = TL_ORDER_FILLED,
            [TL_MOVE_CANCELED] = TL_ORDER_CANCELED,
            [TL_MOVE_REJECTED] = TL_ORDER_REJECTED,
            [TL_MOVE_DENIED] = TL_ORDER_DENIED,
            [TL_MOVE_EXPIRED] = TL_ORDER_EXPIRED,
        },
    [TL_ORDER_NEW] =
        {
            [TL_MOVE_ASK_CANCEL] = TL_ORDER_PENDING_CANCEL,
            [TL_MOVE_ASK_REPLACE] = TL_ORDER_PENDING_REPLACE,
            [TL_MOVE_FILL] = TL_ORDER_PARTIALLY_FILLED,
            [TL_MOVE_LAST_FILL] = TL_ORDER_FILLED,
            [TL_MOVE_CANCELED] = TL_ORDER_CANCELED,
            [TL_MOVE_REJECTED] = TL_ORDER_REJECTED,
            [TL_MOVE_EXPIRED] = TL_ORDER_EXPIRED,
            [TL_MOVE_TRIGGERED] = TL_ORDER_TRIGGERED,
            [TL_MOVE_RESTATED] = TL_ORDER_NEW,
        },
    [TL_ORDER_PARTIALLY_FILLED] =
        {
            [TL_MOVE_ASK_CANCEL] = TL_ORDER_PENDING_CANCEL,
            [TL_MOVE_ASK_REPLACE] = TL_ORDER_PENDING_REPLACE,
            [TL_MOVE_FILL] = TL_ORDER_PARTIALLY_FILLED,
            [TL_MOVE_LAST_FILL] = TL_ORDER_FILLED,
            [TL_MOVE_CANCELED] = TL_ORDER_CANCELED,
            [TL_MOVE_EXPIRED] = TL_ORDER_EXPIRED,
            [TL_MOVE_RESTATED] = TL_ORDER_PARTIALLY_FILLED,
        },
    [TL_ORDER_PENDING_CANCEL] =
        {
            [TL_MOVE_ACCEPTED] = TL_CELL_STAY,
            [TL_MOVE_FILL] = TL_CELL_STAY,
            [TL_MOVE_LAST_FILL] = TL_CELL_AS_BEFORE,
            [TL_MOVE_CANCELED] = TL_CELL_AS_BEFORE,
            [TL_MOVE_REJECTED] = TL_CELL_AS_BEFORE,
            [TL_MOVE_DENIED] = TL_CELL_AS_BEFORE,
            [TL_MOVE_EXPIRED] = TL_CELL_AS_BEFORE,
            [TL_MOVE_TRIGGERED] = TL_CELL_STAY,
            [TL_MOVE_CANCEL_REJECTED] = TL_CELL_BACK,
            [TL_MOVE_RESTATED] = TL_CELL_STAY,
        },
    [TL_ORDER_PENDING_REPLACE] =
        {
            [TL_MOVE_ACCEPTED] = TL_CELL_STAY,
            [TL_MOVE_FILL] = TL_CELL_STAY,
            [TL_MOVE_LAST_FILL] = TL_CELL_AS_BEFORE,
            [TL_MOVE_CANCELED] = TL_CELL_AS_BEFORE,
            [TL_MOVE_REPLACED] = TL_CELL_BACK_REPLACED,
            [TL_MOVE_REJECTED] = TL_CELL_AS_BEFORE,
            [TL_MOVE_DENIED] = TL_CELL_AS_BEFORE,
            [TL_MOVE_EXPIRED] = TL_CELL_AS_BEFORE,
            [TL_MOVE_TRIGGERED] = TL_CELL_STAY,
            [TL_MOVE_REPLACE_REJECTED] = TL_CELL_BACK,
            [TL_MOVE_RESTATED] = TL_CELL_STAY,
        },
    [TL_ORDER_REPLACED] =
        {
            [TL_MOVE_ASK_CANCEL] = TL_ORDER_PENDING_CANCEL,
            [TL_MOVE_ASK_REPLACE] = TL_ORDER_PENDING_REPLACE,
            [TL_MOVE_FILL] = TL_ORDER_PARTIALLY_FILLED,
            [TL_MOVE_LAST_FILL] = TL_ORDER_FILLED,
            [TL_MOVE_CANCELED] = TL_ORDER_CANCELED,
            [TL_MOVE_REJECTED] = TL_ORDER_REJECTED,
            [TL_MOVE_EXPIRED] = TL_ORDER_EXPIRED,
            [TL_MOVE_TRIGGERED] = TL_ORDER_TRIGGERED,
            [TL_MOVE_RESTATED] = TL_ORDER_REPLACED,
        },
    [TL_ORDER_TRIGGERED] =
        {
            [TL_MOVE_ASK_CANCEL] = TL_ORDER_PENDING_CANCEL,
            [TL_MOVE_ASK_REPLACE] = TL_ORDER_PENDING_REPLACE,
            [TL_MOVE_FILL] = TL_ORDER_PARTIALLY_FILLED,
            [TL_MOVE_LAST_FILL] = TL_ORDER_FILLED,
            [TL_MOVE_CANCELED] = TL_ORDER_CANCELED,
            [TL_MOVE_REJECTED] = TL_ORDER_REJECTED,
            [TL_MOVE_EXPIRED] = TL_ORDER_EXPIRED,
            [TL_MOVE_RESTATED] = TL_ORDER_TRIGGERED,
        },
    [TL_ORDER_FILLED] =
        {
            [TL_MOVE_CANCEL_REJECTED] = TL_ORDER_FILLED,
            [TL_MOVE_REPLACE_REJECTED] = TL_ORDER_FILLED,
        },
    [TL_ORDER_CANCELED] =
        {
            [TL_MOVE_CANCEL_REJECTED] = TL_ORDER_CANCELED,
            [TL_MOVE_REPLACE_REJECTED] = TL_ORDER_CANCELED,
        },
    [TL_ORDER_REJECTED] =
        {
            [TL_MOVE_CANCEL_REJECTED] = TL_ORDER_REJECTED,
            [TL_MOVE_REPLACE_REJECTED] = TL_ORDER_REJECTED,
        },
    [TL_ORDER_DENIED] =
        {
            [TL_MOVE_CANCEL_REJECTED] = TL_ORDER_DENIED,
            [TL_MOVE_REPLACE_REJECTED] = TL_ORDER_DENIED,
        },
    [TL_ORDER_EXPIRED] =
        {
            [TL_MOVE_CANCEL_REJECTED] = TL_ORDER_EXPIRED,
            [TL_MOVE_REPLACE_REJECTED] = TL_ORDER_EXPIRED,
        },
};

static bool is_pending_request(int status) {
    return status == TL_ORDER_PENDING_CANCEL || status == TL_ORDER_PENDING_REPLACE;
}

int tl_order_cell(int status, int move) {
    return status >= 0 && status < TL_ORDER_STATUSES && move >= 0 && move < TL_MOVES ? cells[status][move] : TL_ORDER_NONE;
}

static uint8_t after_replace(uint8_t before) {
    return before == TL_ORDER_PENDING_NEW || before == TL_ORDER_NEW ? TL_ORDER_REPLACED : before;
}

bool tl_order_move_apply(int move, uint8_t *status, uint8_t *before) {
    int cell = tl_order_cell(*status, move);
    uint8_t moved;
    switch (cell) {
    case TL_ORDER_NONE:
        return false;
    case TL_CELL_AS_BEFORE:
    case TL_CELL_STAY:
        /* `before` is never a pending request, so that its row holds plain statuses. */
        moved = (uint8_t)(is_pending_request(*before) ? TL_ORDER_NONE : tl_order_cell(*before, move));
        if (moved == TL_ORDER_NONE) return false;
        *before = moved;
        if (cell == TL_CELL_AS_BEFORE) *status = moved;
        return true;
    case TL_CELL_BACK:
        *status = *before;
        return true;
    case TL_CELL_BACK_REPLACED:
        *status = *before = after_replace(*before);
        return true;
    default:
        /* A request leaves in `before` the status that it was asked in. */
        if (!is_pending_request(cell)) *before = (uint8_t)cell;
        *status = (uint8_t)cell;
        return true;
    }
}

int tl_order_move_of_report(int report_kind, bool last) {
    static const int8_t moves[TL_REPORTS] = {
        [TL_REPORT_NONE] = -1,
        [TL_REPORT_ACCEPTED] = TL_MOVE_ACCEPTED,
        [TL_REPORT_FILL] = TL_MOVE_FILL,
        [TL_REPORT_CANCELED] = TL_MOVE_CANCELED,
        [TL_REPORT_REPLACED] = TL_MOVE_REPLACED,
        [TL_REPORT_REJECTED] = TL_MOVE_REJECTED,
        [TL_REPORT_DENIED] = TL_MOVE_DENIED,
        [TL_REPORT_EXPIRED] = TL_MOVE_EXPIRED,
        [TL_REPORT_TRIGGERED] = TL_MOVE_TRIGGERED,
        [TL_REPORT_CANCEL_REJECTED] = TL_MOVE_CANCEL_REJECTED,
        [TL_REPORT_REPLACE_REJECTED] = TL_MOVE_REPLACE_REJECTED,
        [TL_REPORT_RESTATED] = TL_MOVE_RESTATED,
    };
    if (report_kind < 0 || report_kind >= TL_REPORTS) return -1;
    return report_kind == TL_REPORT_FILL && last ? TL_MOVE_LAST_FILL : moves[report_kind];
}

const char *tl_order_move_name(int move) {
    static const char *const names[TL_MOVES] = {
        [TL_MOVE_SEND] = "send",
        [TL_MOVE_ASK_CANCEL] = "ask_cancel",
        [TL_MOVE_ASK_REPLACE] = "ask_replace",
        [TL_MOVE_ACCEPTED] = "accepted",
        [TL_MOVE_FILL] = "fill",
        [TL_MOVE_LAST_FILL] = "last_fill",
        [TL_MOVE_CANCELED] = "canceled",
        [TL_MOVE_REPLACED] = "replaced",
        [TL_MOVE_REJECTED] = "rejected",
        [TL_MOVE_DENIED] = "denied",
        [TL_MOVE_EXPIRED] = "expired",
        [TL_MOVE_TRIGGERED] = "triggered",
        [TL_MOVE_CANCEL_REJECTED] = "cancel_rejected",
        [TL_MOVE_REPLACE_REJECTED] = "replace_rejected",
        [TL_MOVE_RESTATED] = "restated",
    };
    return move >= 0 && move < TL_MOVES ? names[move] : "unknown";
}
