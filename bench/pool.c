/* What does an object from the pool cost against one from malloc? Orders of 256 bytes come and go at 10,000 and at 1,000,000 a second, 10,000 live, each living until a random later one takes
 * its place; each is zeroed. The time of one release with the acquire that follows: p50, p99, p99.9, in ns, medians. One pinned thread. The malloc is the one that tidelock is linked
 * with (jemalloc), and the C library's own. */
#include "pair.h"

#include "base/random.h"
#include "memory/pool.h"

enum { BYTES = 256, LIVE = 10000, MAX_SAMPLES = 64, KINDS = 3, RATES = 2, QUANTILES = 4 };

extern void *__libc_malloc(size_t bytes);
extern void __libc_free(void *memory);

static const char *const names[KINDS] = {"pool", "malloc", "malloc of the C library"};
static const int rates[RATES] = {10000, 1000000};
static const int counts[RATES] = {5000, 300000};

typedef struct object {
    void *memory;
    tl_pool_handle handle;
} object;

static object live[LIVE];
static double *times, tick_ns, clock_ticks;

static void take(tl_pool *pool, int kind, object *o) {
    if (kind == 0)
        o->memory = tl_pool_acquire(pool, &o->handle, "bench");
    else {
        o->memory = kind == 1 ? malloc(BYTES) : __libc_malloc(BYTES);
        if (o->memory != NULL) memset(o->memory, 0, BYTES);
    }
    if (o->memory == NULL) exit(1);
    *(volatile uint64_t *)o->memory = 1;
}

static void give(tl_pool *pool, int kind, object *o) {
    if (kind == 0)
        tl_pool_release(pool, o->handle);
    else if (kind == 1)
        free(o->memory);
    else
        __libc_free(o->memory);
}

static void measure(int kind, int rate, int count, double *into) {
    tl_pool *pool;
    if (tl_pool_create(BYTES, LIVE, &pool) != TL_OK) exit(1);
    tl_random random;
    tl_random_seed(&random, 7, (uint64_t)kind);
    for (int i = 0; i < LIVE; i++)
        take(pool, kind, &live[i]);
    int warm = count / 10;
    uint64_t pause = (uint64_t)(1e9 / rate / tick_ns), next = tl_clock_tsc();
    for (int i = -warm; i < count; i++) {
        object *o = &live[tl_random_below(&random, LIVE)];
        while ((int64_t)(tl_clock_tsc() - next) < 0)
            pair_relax();
        next += pause;
        uint64_t begin = tl_clock_tsc();
        give(pool, kind, o);
        take(pool, kind, o);
        double ticks = (double)(tl_clock_tsc() - begin) - clock_ticks;
        if (i >= 0) times[i] = ticks > 0 ? ticks * tick_ns : 0;
    }
    for (int i = 0; i < LIVE; i++)
        give(pool, kind, &live[i]);
    tl_pool_destroy(pool);
    qsort(times, (size_t)count, sizeof *times, pair_by_value);
    into[0] = times[count / 2];
    into[1] = times[(int64_t)count * 99 / 100];
    into[2] = times[(int64_t)count * 999 / 1000];
    into[3] = times[count - 1];
}

int main(int argc, char **argv) {
    bool json;
    int samples = pair_arguments(argc, argv, 5, &json);
    if (samples > MAX_SAMPLES) samples = MAX_SAMPLES;
    pair_pin(pair_cpus[1]);
    times = malloc((size_t)counts[RATES - 1] * sizeof *times);
    tick_ns = tl_clock_ns_per_tsc();
    clock_ticks = pair_clock_ticks();
    static double of[RATES][KINDS][QUANTILES][MAX_SAMPLES];
    for (int s = 0; s < samples; s++)
        for (int r = 0; r < RATES; r++)
            for (int kind = 0; kind < KINDS; kind++) {
                double q[QUANTILES];
                measure(kind, rates[r], counts[r], q);
                for (int i = 0; i < QUANTILES; i++)
                    of[r][kind][i][s] = q[i];
            }
    if (json)
        printf("{\"benchmark\":\"pool\",\"object_bytes\":%d,\"live\":%d,\"results\":[", BYTES, LIVE);
    else
        printf("objects of %d bytes, %d live, %d samples\n  %-26s %12s %8s %8s %8s %10s\n", BYTES, LIVE, samples, "ns",
               "a second", "p50", "p99", "p99.9", "max");
    for (int r = 0; r < RATES; r++)
        for (int kind = 0; kind < KINDS; kind++) {
            double m[QUANTILES];
            for (int i = 0; i < QUANTILES; i++)
                m[i] = pair_median(of[r][kind][i], samples);
            if (json)
                printf(
                    "%s{\"name\":\"%s\",\"per_second\":%d,\"p50_ns\":%.0f,\"p99_ns\":%.0f,\"p999_ns\":%.0f,\"max_ns\":%.0f}",
                    r + kind ? "," : "", names[kind], rates[r], m[0], m[1], m[2], m[3]);
            else
                printf("  %-26s %12d %8.0f %8.0f %8.0f %10.0f\n", names[kind], rates[r], m[0], m[1], m[2], m[3]);
        }
    if (json) puts("]}");
    return 0;
}
