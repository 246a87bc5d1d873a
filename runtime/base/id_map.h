/* A map from 64-bit ids to 32-bit slots: open addressing, deletion without tombstones.
 *
 * Look-up, insertion and removal are O(1) whatever was removed before. It doubles when half full, so that nothing is allocated once it has
 * reached its working size. Single owner.
 */
#ifndef TL_BASE_ID_MAP_H
#define TL_BASE_ID_MAP_H

#include "base/status.h"

typedef struct tl_id_map_entry {
    uint64_t id;
    uint32_t slot; /* 0 = free */
    uint32_t reserved;
} tl_id_map_entry;

typedef struct tl_id_map {
    tl_id_map_entry *entries;
    uint32_t mask; /* entries - 1 */
    uint32_t shift;
    uint32_t count;
    uint32_t reserved;
} tl_id_map;

/* Room for `capacity` ids before it grows. TL_ERR_NO_MEMORY. */
tl_status tl_id_map_init(tl_id_map *map, uint32_t capacity);
void tl_id_map_close(tl_id_map *map);

/* The slot of an id, 0 when it is not there. */
uint32_t tl_id_map_find(const tl_id_map *map, uint64_t id);

/* Sets the slot (not 0) of an id. False when there is no memory to grow. */
bool tl_id_map_put(tl_id_map *map, uint64_t id, uint32_t slot);

/* Harmless when the id is not there. */
void tl_id_map_remove(tl_id_map *map, uint64_t id);

#endif
