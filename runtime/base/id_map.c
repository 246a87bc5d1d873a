#include "base/id_map.h"

#include <stdlib.h>

tl_status tl_id_map_init(tl_id_map *map, uint32_t capacity) {
    uint32_t size = 16, bits = 4;
    while (size / 2 < capacity && bits < 31)
        size *= 2, bits++;
    *map = (tl_id_map){.mask = size - 1, .shift = 64 - bits};
    map->entries = calloc(size, sizeof *map->entries);
    return map->entries != NULL ? TL_OK : tl_error_set(TL_ERR_NO_MEMORY, "no memory for a map of %u ids", capacity);
}

void tl_id_map_close(tl_id_map *map) {
    free(map->entries);
    *map = (tl_id_map){0};
}

static uint32_t home_of(const tl_id_map *map, uint64_t id) {
    return (uint32_t)((id * 0x9e3779b97f4a7c15u) >> map->shift);
}

/* Where an id is, or the free place where it would be. */
static uint32_t place_of(const tl_id_map *map, uint64_t id) {
    uint32_t i = home_of(map, id);
    while (map->entries[i].slot != 0 && map->entries[i].id != id)
        i = (i + 1) & map->mask;
    return i;
}

uint32_t tl_id_map_find(const tl_id_map *map, uint64_t id) {
    return map->entries[place_of(map, id)].slot;
}

static bool grow(tl_id_map *map) {
    tl_id_map wider;
    if (tl_id_map_init(&wider, map->mask + 1) != TL_OK) return false;
    for (uint32_t i = 0; i <= map->mask; i++)
        if (map->entries[i].slot != 0) wider.entries[place_of(&wider, map->entries[i].id)] = map->entries[i];
    wider.count = map->count;
    free(map->entries);
    *map = wider;
    return true;
}

bool tl_id_map_put(tl_id_map *map, uint64_t id, uint32_t slot) {
    if (map->count >= (map->mask + 1) / 2 && !grow(map)) return false;
    uint32_t i = place_of(map, id);
    map->count += map->entries[i].slot == 0;
    map->entries[i] = (tl_id_map_entry){.id = id, .slot = slot};
    return true;
}

void tl_id_map_remove(tl_id_map *map, uint64_t id) {
    uint32_t hole = place_of(map, id);
    if (map->entries[hole].slot == 0) return;
    map->count--;
    /* Entries behind the hole move into it unless their home lies between the hole and them: no tombstones are left. */
    for (uint32_t i = (hole + 1) & map->mask; map->entries[i].slot != 0; i = (i + 1) & map->mask) {
        uint32_t home = home_of(map, map->entries[i].id);
        if (((i - home) & map->mask) < ((i - hole) & map->mask)) continue;
        map->entries[hole] = map->entries[i];
        hole = i;
    }
    map->entries[hole].slot = 0;
}
