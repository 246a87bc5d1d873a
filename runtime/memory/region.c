#include "memory/region.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE /* Linux 6.1 */
#define MADV_COLLAPSE 25
#endif

enum { SECTION_ALIGN = 4096, HUGE_BYTES = 2 << 20, LAYOUT_VERSION = 1, BOOT_ID_BYTES = 40 };
static const uint64_t MAGIC = 0x6e6f69676572746cULL; /* "ltregion" */

TL_STATIC_ASSERT(sizeof(tl_region_section) == 64, "part of every layout");
TL_STATIC_ASSERT(sizeof(tl_region_header) == 72 + 64 * TL_REGION_SECTIONS, "part of every layout");

static uint64_t round_up(uint64_t bytes, uint64_t to) {
    return (bytes + to - 1) / to * to;
}

static double mebibytes(uint64_t bytes) {
    return (double)bytes / 1048576.0;
}

/* FNV-1a over the bytes of a value. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ at[i]) * 0x100000001b3ULL;
    return hash;
}

static uint64_t hash_word(uint64_t hash, uint64_t word) {
    return hash_bytes(hash, &word, sizeof word);
}

uint64_t tl_region_layout(const tl_region_section *sections, uint32_t count, uint64_t version) {
    uint64_t hash = 0xcbf29ce484222325ULL;
    hash = hash_word(hash, LAYOUT_VERSION);
    hash = hash_word(hash, version);
    for (uint32_t i = 0; i < count; i++) {
        size_t length = strnlen(sections[i].name, TL_REGION_NAME_BYTES);
        hash = hash_bytes(hash, sections[i].name, length);
        hash = hash_word(hash, length);
        hash = hash_word(hash, sections[i].bytes);
    }
    return hash != 0 ? hash : 1; /* 0 means "any" to tl_region_open() */
}

/* Empty where the kernel does not tell: two empty ones are equal. */
static void read_boot_id(char *into) {
    memset(into, 0, BOOT_ID_BYTES);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t got = read(fd, into, BOOT_ID_BYTES - 1);
    close(fd);
    into[got > 0 ? strcspn(into, "\n") : 0] = '\0';
}

static tl_status lay_out(const char *path, const tl_region_section *sections, uint32_t count, tl_region_header *header) {
    if (count > TL_REGION_SECTIONS)
        return tl_error_set(TL_ERR_ARGUMENT, "cannot create %s: %u sections, at most %d", path, count, TL_REGION_SECTIONS);
    uint64_t offset = round_up(sizeof *header, SECTION_ALIGN);
    for (uint32_t i = 0; i < count; i++) {
        tl_region_section *section = &header->sections[i];
        size_t length = strnlen(sections[i].name, TL_REGION_NAME_BYTES);
        if (length == 0 || length == TL_REGION_NAME_BYTES)
            return tl_error_set(TL_ERR_ARGUMENT, "cannot create %s: the name of section %u must have 1 to %d characters",
                                path, i + 1, TL_REGION_NAME_BYTES - 1);
        for (uint32_t other = 0; other < i; other++)
            if (strcmp(header->sections[other].name, sections[i].name) == 0)
                return tl_error_set(TL_ERR_ARGUMENT, "cannot create %s: two sections are named '%s'", path,
                                    sections[i].name);
        if (sections[i].bytes == 0 || sections[i].bytes > (uint64_t)1 << 46)
            return tl_error_set(TL_ERR_ARGUMENT, "cannot create %s: section '%s' cannot have %llu bytes", path,
                                sections[i].name, (unsigned long long)sections[i].bytes);
        memcpy(section->name, sections[i].name, length);
        section->offset = offset;
        section->bytes = sections[i].bytes;
        offset += round_up(sections[i].bytes, SECTION_ALIGN);
    }
    header->section_count = count;
    /* Whole large pages, so that the last part can be one. */
    header->bytes = offset >= HUGE_BYTES ? round_up(offset, HUGE_BYTES) : offset;
    return TL_OK;
}

/* Maps the file at an address that large pages can be mapped at. MAP_FAILED with errno. */
static void *map_aligned(int fd, uint64_t bytes, int protection) {
    if (bytes < HUGE_BYTES) return mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
    char *room = mmap(NULL, bytes + HUGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) return MAP_FAILED;
    char *base = (char *)round_up((uint64_t)(uintptr_t)room, HUGE_BYTES);
    void *mapped = mmap(base, bytes, protection, MAP_SHARED | MAP_FIXED, fd, 0);
    if (mapped == MAP_FAILED) {
        int reason = errno;
        munmap(room, bytes + HUGE_BYTES);
        errno = reason;
        return MAP_FAILED;
    }
    if (base > room) munmap(room, (size_t)(base - room));
    munmap(base + bytes, (size_t)(room + HUGE_BYTES - base));
    return mapped;
}

/* What the machine can still give, by its own reckoning; UINT64_MAX where it does not say. A tmpfs may be larger than that, and using it up ends in the OOM killer. */
static uint64_t memory_available(void) {
    uint64_t kib = 0;
    FILE *info = fopen("/proc/meminfo", "re");
    if (info == NULL) return UINT64_MAX;
    char line[128];
    bool found = false;
    while (!found && fgets(line, sizeof line, info) != NULL)
        found = sscanf(line, "MemAvailable: %lu", &kib) == 1;
    fclose(info);
    return found ? kib * 1024 : UINT64_MAX;
}

/* TL_ERR_IO, with what was wanted and what there is, when fewer bytes are free, or the kernel said so (`short_of`). */
static tl_status check_space(const char *path, int fd, uint64_t bytes, bool short_of) {
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0) return TL_OK;
    uint64_t there = fs.f_blocks == 0 ? UINT64_MAX : (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize; /* 0: without a limit */
    if (fs.f_type == TMPFS_MAGIC) {
        uint64_t memory = memory_available();
        if (memory < there) there = memory;
    }
    if (!short_of && there >= bytes) return TL_OK;
    return tl_error_set(
        TL_ERR_IO,
        "cannot create %s: %.1f MiB of shared memory are wanted and %.1f MiB are free; make room there or set "
        "shm_dir to another file system",
        path, mebibytes(bytes), mebibytes(there));
}

/* Gives the file its space and header. */
static tl_status fill(const char *path, int fd, tl_region_header *header) {
    /* Before a page is taken: what is too much would first use up all there is. */
    tl_status status = check_space(path, fd, header->bytes, false);
    if (status != TL_OK) return status;
    if (ftruncate(fd, (off_t)header->bytes) != 0)
        return tl_error_set(TL_ERR_IO, "cannot create %s of %.1f MiB: %s", path, mebibytes(header->bytes), strerror(errno));
    void *base = map_aligned(fd, header->bytes, PROT_READ | PROT_WRITE);
    if (base == MAP_FAILED)
        return tl_error_set(TL_ERR_IO, "cannot map %s of %.1f MiB: %s", path, mebibytes(header->bytes), strerror(errno));
    if (header->bytes >= HUGE_BYTES && madvise(base, header->bytes, MADV_HUGEPAGE) == 0) {
        /* Large pages come by touching only; this way of touching reports a lack of memory instead of raising SIGBUS. What it
         * leaves, posix_fallocate() takes, and says when there is none. */
        madvise(base, header->bytes, MADV_POPULATE_WRITE);
    }
    int reason = posix_fallocate(fd, 0, (off_t)header->bytes);
    if (reason == 0) {
        read_boot_id(header->boot_id);
        uint64_t magic = header->magic;
        header->magic = 0;
        memcpy(base, header, sizeof *header);
        __atomic_store_n(&((tl_region_header *)base)->magic, magic, __ATOMIC_RELEASE); /* last: before it, it is no region */
    }
    munmap(base, header->bytes);
    if (reason == ENOSPC) status = check_space(path, fd, header->bytes, true);
    if (status != TL_OK) return status;
    if (reason != 0)
        return tl_error_set(TL_ERR_IO, "cannot create %s of %.1f MiB: %s", path, mebibytes(header->bytes), strerror(reason));
    return TL_OK;
}

tl_status tl_region_create(const char *path, const tl_region_section *sections, uint32_t count, uint64_t version) {
    tl_region_header *header = calloc(1, sizeof *header);
    if (header == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory to lay out %s", path);
    tl_status status = lay_out(path, sections, count, header);
    if (status == TL_OK) {
        header->magic = MAGIC;
        header->layout = tl_region_layout(sections, count, version);
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            status = errno == EEXIST ? tl_error_set(TL_ERR_EXISTS, "cannot create %s: it is there already", path)
                                     : tl_error_set(TL_ERR_IO, "cannot create %s: %s", path, strerror(errno));
        } else {
            status = fill(path, fd, header);
            close(fd);
            if (status != TL_OK) unlink(path);
        }
    }
    free(header);
    return status;
}

/* Do what is said of the file in its header and what it is agree? */
static tl_status check(const char *path, const tl_region_header *header, uint64_t bytes, uint64_t layout) {
    char boot_id[BOOT_ID_BYTES];
    read_boot_id(boot_id);
    if (__atomic_load_n(&header->magic, __ATOMIC_ACQUIRE) != MAGIC) /* pairs with the release in fill() */
        return tl_error_set(TL_ERR_FORMAT, "%s is no region of tidelock, or one whose making was broken off", path);
    if (header->bytes != bytes)
        return tl_error_set(TL_ERR_FORMAT, "%s is cut short or grown: it has %llu bytes and was made with %llu", path,
                            (unsigned long long)bytes, (unsigned long long)header->bytes);
    if (memcmp(header->boot_id, boot_id, BOOT_ID_BYTES) != 0)
        return tl_error_set(TL_ERR_FORMAT, "%s was left by an earlier boot of this machine", path);
    if (layout != 0 && header->layout != layout)
        return tl_error_set(
            TL_ERR_FORMAT,
            "%s has another layout (%016llx) than wanted (%016llx): it was made with another configuration or "
            "another version of tidelock",
            path, (unsigned long long)header->layout, (unsigned long long)layout);
    if (header->section_count > TL_REGION_SECTIONS) return tl_error_set(TL_ERR_FORMAT, "%s has a damaged header", path);
    return TL_OK;
}

/* Does the kernel map it by large pages? It says so in smaps only. */
static bool maps_huge(const void *base) {
    FILE *smaps = fopen("/proc/self/smaps", "re");
    if (smaps == NULL) return false;
    char line[512], start[32];
    snprintf(start, sizeof start, "%lx-", (unsigned long)(uintptr_t)base);
    bool ours = false, huge = false;
    while (fgets(line, sizeof line, smaps) != NULL) {
        unsigned long kib;
        if (!ours)
            ours = strncmp(line, start, strlen(start)) == 0;
        else if (sscanf(line, "ShmemPmdMapped: %lu", &kib) == 1 || sscanf(line, "FilePmdMapped: %lu", &kib) == 1)
            huge = huge || kib > 0;
        else if (strncmp(line, "VmFlags:", 8) == 0)
            break;
    }
    fclose(smaps);
    return huge;
}

static tl_status map(tl_region *region, const char *path, int fd, bool writable, uint64_t layout) {
    struct stat file;
    if (fstat(fd, &file) != 0) return tl_error_set(TL_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    uint64_t bytes = (uint64_t)file.st_size;
    if (!S_ISREG(file.st_mode) || bytes < sizeof(tl_region_header))
        return tl_error_set(TL_ERR_FORMAT, "%s is no region of tidelock, or one whose making was broken off", path);
    tl_region_header *header = map_aligned(fd, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ);
    if (header == MAP_FAILED)
        return tl_error_set(TL_ERR_IO, "cannot map %s of %.1f MiB: %s", path, mebibytes(bytes), strerror(errno));
    tl_status status = check(path, header, bytes, layout);
    if (status != TL_OK) {
        munmap(header, bytes);
        return status;
    }
    if (writable) header->writer = (uint32_t)getpid();
    bool huge = false;
    if (bytes >= HUGE_BYTES) {
        madvise(header, bytes, MADV_HUGEPAGE);
        /* Works where the mount gives no large pages by itself, as /dev/shm mostly does not. A hint: it may fail. */
        huge = madvise(header, bytes, MADV_COLLAPSE) == 0 || maps_huge(header);
    }
    *region = (tl_region){.header = header, .bytes = bytes, .writable = writable, .huge = huge};
    return TL_OK;
}

tl_status tl_region_open(tl_region *region, const char *path, bool writable, uint64_t layout) {
    *region = (tl_region){0};
    int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        if (errno == ENOENT) return tl_error_set(TL_ERR_NOT_FOUND, "there is no %s", path);
        return tl_error_set(TL_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    }
    tl_status status = map(region, path, fd, writable, layout);
    close(fd); /* at once: /proc/self/fd would open the file again, for writing too */
    return status;
}

void tl_region_close(tl_region *region) {
    if (region->header != NULL) munmap(region->header, region->bytes);
    *region = (tl_region){0};
}

void *tl_region_find(const tl_region *region, const char *name, uint64_t *bytes) {
    if (bytes != NULL) *bytes = 0;
    if (region->header == NULL) {
        tl_error_set(TL_ERR_STATE, "section '%s' of a region that is not open", name);
        return NULL;
    }
    uint32_t count = region->header->section_count;
    if (count > TL_REGION_SECTIONS) count = TL_REGION_SECTIONS;
    for (uint32_t i = 0; i < count; i++) {
        const tl_region_section *section = &region->header->sections[i];
        if (strncmp(section->name, name, TL_REGION_NAME_BYTES) != 0) continue;
        /* Copied, then checked: its writer may be hostile. */
        uint64_t offset = __atomic_load_n(&section->offset, __ATOMIC_RELAXED);
        uint64_t size = __atomic_load_n(&section->bytes, __ATOMIC_RELAXED);
        if (offset % SECTION_ALIGN != 0 || offset > region->bytes || size > region->bytes - offset) break;
        if (bytes != NULL) *bytes = size;
        return (uint8_t *)region->header + offset;
    }
    tl_error_set(TL_ERR_NOT_FOUND, "the region has no section '%s'", name);
    return NULL;
}
