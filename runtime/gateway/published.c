#include "gateway/published.h"

static uint64_t size_of(uint64_t count, uint64_t bytes) {
    return count * tl_latch_size(bytes);
}

uint64_t tl_published_positions_bytes(uint32_t capacity) {
    return size_of(capacity, sizeof(tl_published_position));
}

uint64_t tl_published_orders_bytes(uint32_t capacity) {
    return size_of(capacity, sizeof(tl_published_order));
}

uint64_t tl_published_accounts_bytes(void) {
    return size_of(TL_GATEWAY_ACCOUNTS, sizeof(tl_published_account));
}

uint64_t tl_published_gateway_bytes(void) {
    return size_of(1, sizeof(tl_published_gateway));
}

static bool read_entry(const void *section, uint32_t i, void *value, uint64_t bytes) {
    const tl_latch *latch = (const void *)((const uint8_t *)section + i * tl_latch_size(bytes));
    uint64_t updates = 0;
    return latch->bytes == bytes && tl_latch_read(latch, value, &updates) && updates > 0;
}

bool tl_published_gateway_read(const void *section, tl_published_gateway *gateway) {
    return read_entry(section, 0, gateway, sizeof *gateway);
}

bool tl_published_position_read(const void *section, uint32_t i, tl_published_position *position) {
    return read_entry(section, i, position, sizeof *position);
}

bool tl_published_order_read(const void *section, uint32_t i, tl_published_order *order) {
    return read_entry(section, i, order, sizeof *order);
}

bool tl_published_account_read(const void *section, uint32_t i, tl_published_account *account) {
    return i < TL_GATEWAY_ACCOUNTS && read_entry(section, i, account, sizeof *account);
}
