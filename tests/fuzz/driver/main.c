/* Runs a fuzz target where there is no libFuzzer: FILES with -seconds N of random harm done to them.
 *
 *   target [-seconds N] [-seed N] FILE...
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 1 << 16, MOST_FILES = 256 };

static uint8_t *files[MOST_FILES];
static size_t sizes[MOST_FILES];
static uint64_t state;

static uint32_t below(uint32_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * n >> 32);
}

static size_t harm(uint8_t *bytes, size_t size) {
    for (uint32_t times = 1 + below(8); times > 0 && size > 0; times--) {
        size_t at = below((uint32_t)size), length = below((uint32_t)(size - at) + 1);
        switch (below(4)) {
        case 0:
            bytes[at] = (uint8_t)below(256);
            break;
        case 1: /* a piece taken out */
            memmove(bytes + at, bytes + at + length, size - at - length);
            size -= length;
            break;
        case 2: /* a piece said twice */
            if (size + length > MOST_BYTES) break;
            memmove(bytes + at + length, bytes + at, size - at);
            size += length;
            break;
        default: /* cut */
            size = at;
            break;
        }
    }
    return size;
}

int main(int argc, char **argv) {
    unsigned seconds = 10, count = 0;
    state = 88172645463325252u;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-seconds") == 0 && i + 1 < argc)
            seconds = (unsigned)atoi(argv[++i]);
        else if (strcmp(argv[i], "-seed") == 0 && i + 1 < argc)
            state ^= strtoull(argv[++i], NULL, 10) * 0x9e3779b97f4a7c15u;
        else if (count < MOST_FILES) {
            FILE *file = fopen(argv[i], "rb");
            if (file == NULL) return perror(argv[i]), 1;
            files[count] = malloc(MOST_BYTES);
            sizes[count] = fread(files[count], 1, MOST_BYTES, file);
            count++;
            fclose(file);
        }
    }
    static uint8_t bytes[MOST_BYTES];
    unsigned long long runs = 0;
    for (time_t end = time(NULL) + seconds; time(NULL) < end; runs++) {
        size_t size = 0;
        if (count > 0) {
            uint32_t i = below(count);
            memcpy(bytes, files[i], size = sizes[i]);
        } else {
            size = below(512);
            for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)below(256);
        }
        size = harm(bytes, size);
        LLVMFuzzerTestOneInput(bytes, size);
    }
    printf("%llu runs\n", runs);
    return 0;
}
