/* A region: a file in shared memory with one writer, laid out in named sections.
 *
 * The master creates it with all its sections and space (posix_fallocate: no SIGBUS later); the process that owns it opens it for writing, others for
 * reading only, and descriptors are closed at once (a read-only mapping of a writable descriptor could be made writable again). The header names magic,
 * layout, size, boot and writer; what does not fit is refused with a sentence. No pointers are ever stored in one.
 */
#ifndef TL_MEMORY_REGION_H
#define TL_MEMORY_REGION_H

#include "base/status.h"

enum { TL_REGION_SECTIONS = 240, TL_REGION_NAME_BYTES = 48 };

typedef struct tl_region_section {
    char name[TL_REGION_NAME_BYTES]; /* zero-terminated, unique in its region */
    uint64_t offset;                 /* from the region's start, a multiple of 4096; set by tl_region_create() */
    uint64_t bytes;
} tl_region_section;

typedef struct tl_region_header {
    uint64_t magic;
    uint64_t layout; /* hash over names and sizes of the sections, the caller's version and the library's */
    uint64_t bytes;  /* of the whole file */
    uint32_t section_count;
    uint32_t writer; /* process id of who opened it for writing last */
    char boot_id[40];
    tl_region_section sections[TL_REGION_SECTIONS];
} tl_region_header;

typedef struct tl_region {
    tl_region_header *header; /* NULL when it is not open */
    uint64_t bytes;
    uint32_t writable;
    uint32_t huge; /* the kernel gave huge pages */
} tl_region;

/* Creates the file at `path` (mode 0600; it must not exist), zeroed, with these sections (name and bytes are read). TL_ERR_EXISTS, TL_ERR_IO (no space, with what was wanted). */
tl_status tl_region_create(const char *path, const tl_region_section *sections, uint32_t count, uint64_t version);

/* Opens an existing one. TL_ERR_NOT_FOUND; TL_ERR_FORMAT: no region, cut short, or of another layout or boot. `layout` 0 takes any. */
tl_status tl_region_open(tl_region *region, const char *path, bool writable, uint64_t layout);
void tl_region_close(tl_region *region);

/* A section's memory; NULL with the error text set when there is none of that name. `bytes` may be NULL. */
void *tl_region_find(const tl_region *region, const char *name, uint64_t *bytes);

/* The layout that tl_region_create() would write. */
uint64_t tl_region_layout(const tl_region_section *sections, uint32_t count, uint64_t version);

#endif
