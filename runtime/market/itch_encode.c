#include "market/itch_encode.h"

#include <endian.h>
#include <string.h>

static inline void put16(uint8_t *p, uint64_t v) {
    uint16_t b = htobe16((uint16_t)v);
    memcpy(p, &b, sizeof b);
}

static inline void put32(uint8_t *p, int64_t v) {
    uint32_t b = htobe32((uint32_t)v);
    memcpy(p, &b, sizeof b);
}

static inline void put64(uint8_t *p, uint64_t v) {
    uint64_t b = htobe64(v);
    memcpy(p, &b, sizeof b);
}

static void put_text(uint8_t *p, const char *text, size_t length) {
    size_t n = strnlen(text, length);
    memcpy(p, text, n);
    memset(p + n, ' ', length - n);
}

static void put_stock(uint8_t *p, const tl_itch_message *m) {
    put_text(p, m->stock, TL_ITCH_STOCK_BYTES);
}

static uint8_t letter(uint8_t value, char usual) {
    return value != 0 ? value : (uint8_t)usual;
}

static void put_directory(uint8_t *b, const tl_itch_message *m) {
    put_stock(b + TL_ITCH_AT_STOCK, m);
    b[TL_ITCH_R_AT_CATEGORY] = letter(m->code, 'Q');
    b[TL_ITCH_R_AT_FINANCIAL_STATUS] = 'N';
    put32(b + TL_ITCH_R_AT_ROUND_LOT, m->shares != 0 ? m->shares : 100);
    b[TL_ITCH_R_AT_ROUND_LOTS_ONLY] = 'N';
    b[TL_ITCH_R_AT_CLASSIFICATION] = 'C';
    put_text(b + TL_ITCH_R_AT_SUBTYPE, "Z", 2);
    b[TL_ITCH_R_AT_AUTHENTICITY] = 'P';
    b[TL_ITCH_R_AT_SHORT_SALE_THRESHOLD] = 'N';
    b[TL_ITCH_R_AT_IPO] = 'N';
    b[TL_ITCH_R_AT_LULD_TIER] = '1';
    b[TL_ITCH_R_AT_ETP] = 'N';
    put32(b + TL_ITCH_R_AT_ETP_LEVERAGE, 0);
    b[TL_ITCH_R_AT_INVERSE] = 'N';
}

static void put_order(uint8_t *b, const tl_itch_message *m) {
    put64(b + TL_ITCH_AT_REFERENCE, m->reference);
    b[TL_ITCH_A_AT_SIDE] = m->side == TL_SIDE_SELL ? 'S' : 'B';
    put32(b + TL_ITCH_A_AT_SHARES, m->shares);
    put_stock(b + TL_ITCH_A_AT_STOCK, m);
    put32(b + TL_ITCH_A_AT_PRICE, m->price);
}

static void put_body(uint8_t *b, const tl_itch_message *m) {
    switch (m->type) {
    case TL_ITCH_ADD_ATTRIBUTED:
        put_order(b, m);
        put_text(b + TL_ITCH_F_AT_ATTRIBUTION, m->attribution, 4);
        break;
    case TL_ITCH_ADD:
        put_order(b, m);
        break;
    case TL_ITCH_TRADE:
        put_order(b, m);
        put64(b + TL_ITCH_P_AT_MATCH, m->match);
        break;
    case TL_ITCH_EXECUTED:
    case TL_ITCH_EXECUTED_AT_PRICE:
        put64(b + TL_ITCH_AT_REFERENCE, m->reference);
        put32(b + TL_ITCH_E_AT_SHARES, m->shares);
        put64(b + TL_ITCH_E_AT_MATCH, m->match);
        if (m->type == TL_ITCH_EXECUTED) break;
        b[TL_ITCH_C_AT_PRINTABLE] = letter(m->printable, 'Y');
        put32(b + TL_ITCH_C_AT_PRICE, m->price);
        break;
    case TL_ITCH_CANCEL:
        put64(b + TL_ITCH_AT_REFERENCE, m->reference);
        put32(b + TL_ITCH_E_AT_SHARES, m->shares);
        break;
    case TL_ITCH_DELETE:
        put64(b + TL_ITCH_AT_REFERENCE, m->reference);
        break;
    case TL_ITCH_REPLACE:
        put64(b + TL_ITCH_AT_REFERENCE, m->reference);
        put64(b + TL_ITCH_U_AT_NEW_REFERENCE, m->new_reference);
        put32(b + TL_ITCH_U_AT_SHARES, m->shares);
        put32(b + TL_ITCH_U_AT_PRICE, m->price);
        break;
    case TL_ITCH_CROSS:
        put64(b + TL_ITCH_Q_AT_SHARES, (uint64_t)m->shares);
        put_stock(b + TL_ITCH_Q_AT_STOCK, m);
        put32(b + TL_ITCH_Q_AT_PRICE, m->price);
        put64(b + TL_ITCH_Q_AT_MATCH, m->match);
        b[TL_ITCH_Q_AT_CROSS_TYPE] = letter(m->code, 'O');
        break;
    case TL_ITCH_BROKEN_TRADE:
        put64(b + TL_ITCH_B_AT_MATCH, m->match);
        break;
    case TL_ITCH_SYSTEM_EVENT:
        b[TL_ITCH_AT_EVENT_CODE] = letter(m->code, 'O');
        break;
    case TL_ITCH_STOCK_DIRECTORY:
        put_directory(b, m);
        break;
    case TL_ITCH_TRADING_ACTION:
        put_stock(b + TL_ITCH_AT_STOCK, m);
        b[TL_ITCH_H_AT_STATE] = letter(m->code, 'T');
        b[TL_ITCH_H_AT_STATE + 1] = ' ';
        put_text(b + TL_ITCH_H_AT_REASON, m->attribution, 4);
        break;
    case TL_ITCH_REG_SHO:
        put_stock(b + TL_ITCH_AT_STOCK, m);
        b[TL_ITCH_Y_AT_ACTION] = letter(m->code, '0');
        break;
    case TL_ITCH_PARTICIPANT_POSITION:
        put_text(b + TL_ITCH_L_AT_PARTICIPANT, m->attribution, 4);
        put_stock(b + TL_ITCH_L_AT_STOCK, m);
        b[TL_ITCH_L_AT_PRIMARY] = 'Y';
        b[TL_ITCH_L_AT_MODE] = letter(m->printable, 'N');
        b[TL_ITCH_L_AT_STATE] = letter(m->code, 'A');
        break;
    case TL_ITCH_MWCB_LEVELS:
        put64(b + TL_ITCH_V_AT_LEVEL1, (uint64_t)m->price);
        put64(b + TL_ITCH_V_AT_LEVEL2, (uint64_t)m->price2);
        put64(b + TL_ITCH_V_AT_LEVEL3, (uint64_t)m->price3);
        break;
    case TL_ITCH_MWCB_STATUS:
        b[TL_ITCH_W_AT_LEVEL] = letter(m->code, '1');
        break;
    case TL_ITCH_IPO_QUOTING:
        put_stock(b + TL_ITCH_AT_STOCK, m);
        put32(b + TL_ITCH_K_AT_RELEASE_S, m->shares);
        b[TL_ITCH_K_AT_QUALIFIER] = letter(m->code, 'A');
        put32(b + TL_ITCH_K_AT_PRICE, m->price);
        break;
    case TL_ITCH_AUCTION_COLLAR:
        put_stock(b + TL_ITCH_AT_STOCK, m);
        put32(b + TL_ITCH_J_AT_REFERENCE_PRICE, m->price);
        put32(b + TL_ITCH_J_AT_UPPER, m->price2);
        put32(b + TL_ITCH_J_AT_LOWER, m->price3);
        put32(b + TL_ITCH_J_AT_EXTENSION, m->shares);
        break;
    case TL_ITCH_OPERATIONAL_HALT:
        put_stock(b + TL_ITCH_AT_STOCK, m);
        b[TL_ITCH_h_AT_MARKET] = letter(m->printable, 'Q');
        b[TL_ITCH_h_AT_ACTION] = letter(m->code, 'H');
        break;
    case TL_ITCH_IMBALANCE:
        put64(b + TL_ITCH_I_AT_PAIRED, (uint64_t)m->shares);
        put64(b + TL_ITCH_I_AT_IMBALANCE, (uint64_t)m->imbalance);
        b[TL_ITCH_I_AT_DIRECTION] = letter(m->printable, 'N');
        put_stock(b + TL_ITCH_I_AT_STOCK, m);
        put32(b + TL_ITCH_I_AT_FAR, m->price3);
        put32(b + TL_ITCH_I_AT_NEAR, m->price2);
        put32(b + TL_ITCH_I_AT_REFERENCE_PRICE, m->price);
        b[TL_ITCH_I_AT_CROSS_TYPE] = letter(m->code, 'O');
        b[TL_ITCH_I_AT_VARIATION] = 'L';
        break;
    case TL_ITCH_RETAIL_INTEREST:
        put_stock(b + TL_ITCH_AT_STOCK, m);
        b[TL_ITCH_N_AT_INTEREST] = letter(m->code, 'N');
        break;
    case TL_ITCH_DIRECT_LISTING:
        put_stock(b + TL_ITCH_AT_STOCK, m);
        b[TL_ITCH_O_AT_ELIGIBILITY] = letter(m->code, 'N');
        put32(b + TL_ITCH_O_AT_MINIMUM, m->price2);
        put32(b + TL_ITCH_O_AT_MAXIMUM, m->price3);
        put32(b + TL_ITCH_O_AT_NEAR, m->price);
        put64(b + TL_ITCH_O_AT_NEAR_TIME, 0);
        put32(b + TL_ITCH_O_AT_LOWER_COLLAR, 0);
        put32(b + TL_ITCH_O_AT_UPPER_COLLAR, 0);
        break;
    default:
        break;
    }
}

unsigned tl_itch_encode(const tl_itch_message *m, uint8_t *out) {
    unsigned length = tl_itch_length(m->type);
    if (length == 0) return 0;
    put16(out, length);
    uint8_t *b = out + TL_ITCH_FRAME_BYTES;
    /* The time takes six bytes: written as eight, whose first two are the tracking number's place, which comes after. */
    put64(b + TL_ITCH_AT_TIMESTAMP - 2, (uint64_t)m->ts_ns);
    b[TL_ITCH_AT_TYPE] = m->type;
    put16(b + TL_ITCH_AT_LOCATE, m->locate);
    put16(b + TL_ITCH_AT_TRACKING, m->tracking);
    put_body(b, m);
    return TL_ITCH_FRAME_BYTES + length;
}
