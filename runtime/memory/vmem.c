#include "memory/vmem.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LARGE_PAGE_BYTES = 2 << 20 };

static size_t page_bytes(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

tl_status tl_vmem_reserve(tl_vmem *memory, size_t bytes) {
    size_t page = page_bytes();
    size_t rounded = (bytes + page - 1) & ~(page - 1);
    if (rounded == 0 || rounded < bytes) return tl_error_set(TL_ERR_ARGUMENT, "cannot reserve %zu bytes of memory", bytes);
    void *base = mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        int reason = errno;
        struct rlimit limit;
        if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
            return tl_error_set(
                TL_ERR_NO_MEMORY,
                "cannot reserve %zu bytes of memory: the process may have no more than %llu bytes of address "
                "space (ulimit -v), most of which stays unused",
                rounded, (unsigned long long)limit.rlim_cur);
        return tl_error_set(TL_ERR_NO_MEMORY, "cannot reserve %zu bytes of memory: %s", rounded, strerror(reason));
    }
    /* Tables of millions of records are walked at random: without large pages each access pays for a page walk. The first stretch keeps small
     * ones, so that a table that stays small costs neither clearing two megabytes nor the kernel's search for them. */
    if (rounded >= 2 * LARGE_PAGE_BYTES) madvise((char *)base + LARGE_PAGE_BYTES, rounded - LARGE_PAGE_BYTES, MADV_HUGEPAGE);
    memory->base = base;
    memory->bytes = rounded;
    return TL_OK;
}

void tl_vmem_release(tl_vmem *memory) {
    if (memory->base != NULL) munmap(memory->base, memory->bytes);
    memory->base = NULL;
    memory->bytes = 0;
}
