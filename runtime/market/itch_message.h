/* The message layouts of NASDAQ TotalView-ITCH 5.0.
 *
 * Numbers are big-endian, text is left-justified and padded with spaces, prices of 4 bytes count 1/10000 and of 8 bytes
 * 1/100000000 of a dollar. Every message starts with type (1 byte), stock locate (2), tracking number (2) and timestamp
 * (6, ns since midnight of the exchange's local day). In the daily files a message is preceded by its length in 2 bytes.
 *
 * Offsets count from the type byte, which is how the specification prints them. Pure declarations: any thread, wait-free.
 */
#ifndef TL_MARKET_ITCH_MESSAGE_H
#define TL_MARKET_ITCH_MESSAGE_H

#include "base/cdef.h"

/* Message types, by their letter. */
enum {
    TL_ITCH_SYSTEM_EVENT = 'S',
    TL_ITCH_STOCK_DIRECTORY = 'R',
    TL_ITCH_TRADING_ACTION = 'H',
    TL_ITCH_REG_SHO = 'Y',
    TL_ITCH_PARTICIPANT_POSITION = 'L',
    TL_ITCH_MWCB_LEVELS = 'V',
    TL_ITCH_MWCB_STATUS = 'W',
    TL_ITCH_IPO_QUOTING = 'K',
    TL_ITCH_AUCTION_COLLAR = 'J',
    TL_ITCH_OPERATIONAL_HALT = 'h',
    TL_ITCH_ADD = 'A',
    TL_ITCH_ADD_ATTRIBUTED = 'F',
    TL_ITCH_EXECUTED = 'E',
    TL_ITCH_EXECUTED_AT_PRICE = 'C',
    TL_ITCH_CANCEL = 'X',
    TL_ITCH_DELETE = 'D',
    TL_ITCH_REPLACE = 'U',
    TL_ITCH_TRADE = 'P',
    TL_ITCH_CROSS = 'Q',
    TL_ITCH_BROKEN_TRADE = 'B',
    TL_ITCH_IMBALANCE = 'I',
    TL_ITCH_RETAIL_INTEREST = 'N',
    TL_ITCH_DIRECT_LISTING = 'O'
};

/* Lengths in bytes, without the two of the framing. */
enum {
    TL_ITCH_LENGTH_SYSTEM_EVENT = 12,
    TL_ITCH_LENGTH_STOCK_DIRECTORY = 39,
    TL_ITCH_LENGTH_TRADING_ACTION = 25,
    TL_ITCH_LENGTH_REG_SHO = 20,
    TL_ITCH_LENGTH_PARTICIPANT_POSITION = 26,
    TL_ITCH_LENGTH_MWCB_LEVELS = 35,
    TL_ITCH_LENGTH_MWCB_STATUS = 12,
    TL_ITCH_LENGTH_IPO_QUOTING = 28,
    TL_ITCH_LENGTH_AUCTION_COLLAR = 35,
    TL_ITCH_LENGTH_OPERATIONAL_HALT = 21,
    TL_ITCH_LENGTH_ADD = 36,
    TL_ITCH_LENGTH_ADD_ATTRIBUTED = 40,
    TL_ITCH_LENGTH_EXECUTED = 31,
    TL_ITCH_LENGTH_EXECUTED_AT_PRICE = 36,
    TL_ITCH_LENGTH_CANCEL = 23,
    TL_ITCH_LENGTH_DELETE = 19,
    TL_ITCH_LENGTH_REPLACE = 35,
    TL_ITCH_LENGTH_TRADE = 44,
    TL_ITCH_LENGTH_CROSS = 40,
    TL_ITCH_LENGTH_BROKEN_TRADE = 19,
    TL_ITCH_LENGTH_IMBALANCE = 50,
    TL_ITCH_LENGTH_RETAIL_INTEREST = 20,
    TL_ITCH_LENGTH_DIRECT_LISTING = 48,
    TL_ITCH_LENGTH_MAX = 50,
    TL_ITCH_FRAME_BYTES = 2,   /* the length in front of each message of a daily file */
    TL_ITCH_HEADER_BYTES = 11, /* type, locate, tracking number, timestamp */
    TL_ITCH_STOCK_BYTES = 8
};

/* Offsets of the fields, in bytes from the type. */
enum {
    TL_ITCH_AT_TYPE = 0,
    TL_ITCH_AT_LOCATE = 1,
    TL_ITCH_AT_TRACKING = 3,
    TL_ITCH_AT_TIMESTAMP = 5,
    /* S */
    TL_ITCH_AT_EVENT_CODE = 11,
    /* R, H, Y, h, K, J, N, O and, after the participant, L */
    TL_ITCH_AT_STOCK = 11,
    TL_ITCH_R_AT_CATEGORY = 19,
    TL_ITCH_R_AT_FINANCIAL_STATUS = 20,
    TL_ITCH_R_AT_ROUND_LOT = 21,
    TL_ITCH_R_AT_ROUND_LOTS_ONLY = 25,
    TL_ITCH_R_AT_CLASSIFICATION = 26,
    TL_ITCH_R_AT_SUBTYPE = 27,
    TL_ITCH_R_AT_AUTHENTICITY = 29,
    TL_ITCH_R_AT_SHORT_SALE_THRESHOLD = 30,
    TL_ITCH_R_AT_IPO = 31,
    TL_ITCH_R_AT_LULD_TIER = 32,
    TL_ITCH_R_AT_ETP = 33,
    TL_ITCH_R_AT_ETP_LEVERAGE = 34,
    TL_ITCH_R_AT_INVERSE = 38,
    TL_ITCH_H_AT_STATE = 19,
    TL_ITCH_H_AT_REASON = 21,
    TL_ITCH_Y_AT_ACTION = 19,
    TL_ITCH_L_AT_PARTICIPANT = 11,
    TL_ITCH_L_AT_STOCK = 15,
    TL_ITCH_L_AT_PRIMARY = 23,
    TL_ITCH_L_AT_MODE = 24,
    TL_ITCH_L_AT_STATE = 25,
    TL_ITCH_V_AT_LEVEL1 = 11,
    TL_ITCH_V_AT_LEVEL2 = 19,
    TL_ITCH_V_AT_LEVEL3 = 27,
    TL_ITCH_W_AT_LEVEL = 11,
    TL_ITCH_K_AT_RELEASE_S = 19,
    TL_ITCH_K_AT_QUALIFIER = 23,
    TL_ITCH_K_AT_PRICE = 24,
    TL_ITCH_J_AT_REFERENCE_PRICE = 19,
    TL_ITCH_J_AT_UPPER = 23,
    TL_ITCH_J_AT_LOWER = 27,
    TL_ITCH_J_AT_EXTENSION = 31,
    TL_ITCH_h_AT_MARKET = 19,
    TL_ITCH_h_AT_ACTION = 20,
    /* A F E C X D U P: the order's reference */
    TL_ITCH_AT_REFERENCE = 11,
    TL_ITCH_A_AT_SIDE = 19, /* A, F, P */
    TL_ITCH_A_AT_SHARES = 20,
    TL_ITCH_A_AT_STOCK = 24,
    TL_ITCH_A_AT_PRICE = 32,
    TL_ITCH_F_AT_ATTRIBUTION = 36,
    TL_ITCH_P_AT_MATCH = 36,
    TL_ITCH_E_AT_SHARES = 19, /* E, C, X */
    TL_ITCH_E_AT_MATCH = 23,  /* E, C */
    TL_ITCH_C_AT_PRINTABLE = 31,
    TL_ITCH_C_AT_PRICE = 32,
    TL_ITCH_U_AT_NEW_REFERENCE = 19,
    TL_ITCH_U_AT_SHARES = 27,
    TL_ITCH_U_AT_PRICE = 31,
    TL_ITCH_Q_AT_SHARES = 11, /* 8 bytes */
    TL_ITCH_Q_AT_STOCK = 19,
    TL_ITCH_Q_AT_PRICE = 27,
    TL_ITCH_Q_AT_MATCH = 31,
    TL_ITCH_Q_AT_CROSS_TYPE = 39,
    TL_ITCH_B_AT_MATCH = 11,
    TL_ITCH_I_AT_PAIRED = 11,
    TL_ITCH_I_AT_IMBALANCE = 19,
    TL_ITCH_I_AT_DIRECTION = 27,
    TL_ITCH_I_AT_STOCK = 28,
    TL_ITCH_I_AT_FAR = 36,
    TL_ITCH_I_AT_NEAR = 40,
    TL_ITCH_I_AT_REFERENCE_PRICE = 44,
    TL_ITCH_I_AT_CROSS_TYPE = 48,
    TL_ITCH_I_AT_VARIATION = 49,
    TL_ITCH_N_AT_INTEREST = 19,
    TL_ITCH_O_AT_ELIGIBILITY = 19,
    TL_ITCH_O_AT_MINIMUM = 20,
    TL_ITCH_O_AT_MAXIMUM = 24,
    TL_ITCH_O_AT_NEAR = 28,
    TL_ITCH_O_AT_NEAR_TIME = 32, /* 8 bytes, ns since midnight */
    TL_ITCH_O_AT_LOWER_COLLAR = 40,
    TL_ITCH_O_AT_UPPER_COLLAR = 44
};

#ifndef TL_CDEF
/* The length of a message of this type, without the framing; 0 for a letter that the specification does not know. */
static inline unsigned tl_itch_length(uint8_t type) {
    static const uint8_t lengths[256] = {
        ['S'] = TL_ITCH_LENGTH_SYSTEM_EVENT,
        ['R'] = TL_ITCH_LENGTH_STOCK_DIRECTORY,
        ['H'] = TL_ITCH_LENGTH_TRADING_ACTION,
        ['Y'] = TL_ITCH_LENGTH_REG_SHO,
        ['L'] = TL_ITCH_LENGTH_PARTICIPANT_POSITION,
        ['V'] = TL_ITCH_LENGTH_MWCB_LEVELS,
        ['W'] = TL_ITCH_LENGTH_MWCB_STATUS,
        ['K'] = TL_ITCH_LENGTH_IPO_QUOTING,
        ['J'] = TL_ITCH_LENGTH_AUCTION_COLLAR,
        ['h'] = TL_ITCH_LENGTH_OPERATIONAL_HALT,
        ['A'] = TL_ITCH_LENGTH_ADD,
        ['F'] = TL_ITCH_LENGTH_ADD_ATTRIBUTED,
        ['E'] = TL_ITCH_LENGTH_EXECUTED,
        ['C'] = TL_ITCH_LENGTH_EXECUTED_AT_PRICE,
        ['X'] = TL_ITCH_LENGTH_CANCEL,
        ['D'] = TL_ITCH_LENGTH_DELETE,
        ['U'] = TL_ITCH_LENGTH_REPLACE,
        ['P'] = TL_ITCH_LENGTH_TRADE,
        ['Q'] = TL_ITCH_LENGTH_CROSS,
        ['B'] = TL_ITCH_LENGTH_BROKEN_TRADE,
        ['I'] = TL_ITCH_LENGTH_IMBALANCE,
        ['N'] = TL_ITCH_LENGTH_RETAIL_INTEREST,
        ['O'] = TL_ITCH_LENGTH_DIRECT_LISTING,
    };
    return lengths[type];
}
#endif

#endif
