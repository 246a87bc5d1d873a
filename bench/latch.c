/* What does it cost to publish a snapshot and to read it? 192 bytes through our latch and under a mutex: an update that nobody reads, and both at once, with an update each 10 us and at
 * full speed, a reader that never rests. Two pinned threads; medians, ns. */
#include "pair.h"

#include "queue/latch.h"

enum { WORDS = 24, BYTES = 8 * WORDS, MAX_SAMPLES = 64, ALONE = 2000000, TIMES = 1 << 18 };
static const int64_t RUN_NS = 200000000;

typedef struct bench {
    uint8_t latch[64 + 2 * BYTES] __attribute__((aligned(128)));
    pthread_mutex_t mutex __attribute__((aligned(128)));
    uint64_t shared[WORDS] __attribute__((aligned(128)));
    bool locked;
    int64_t pause_ns; /* from update to update; 0: full speed */
    uint32_t over __attribute__((aligned(128)));
    uint64_t updates, reads, none;
    double *update_ns, *read_ns; /* TIMES of each, the last ones */
} bench;

static bench b;
static double tick_ns, clock_ticks;

static void update(const uint64_t *value) {
    if (!b.locked) {
        tl_latch_write((tl_latch *)b.latch, value);
        return;
    }
    pthread_mutex_lock(&b.mutex);
    memcpy(b.shared, value, BYTES);
    pthread_mutex_unlock(&b.mutex);
}

static bool read_value(uint64_t *value) {
    if (!b.locked) return tl_latch_read((tl_latch *)b.latch, value, NULL);
    pthread_mutex_lock(&b.mutex);
    memcpy(value, b.shared, BYTES);
    pthread_mutex_unlock(&b.mutex);
    return true;
}

static double since(uint64_t begin) {
    double ticks = (double)(tl_clock_tsc() - begin) - clock_ticks;
    return ticks > 0 ? ticks * tick_ns : 0;
}

static void write_side(void *state) {
    (void)state;
    uint64_t value[WORDS];
    int64_t end_ns = tl_clock_monotonic_ns() + RUN_NS, next_ns = tl_clock_monotonic_ns(), now_ns = next_ns;
    for (uint64_t n = 1; now_ns < end_ns; n++) {
        for (int i = 0; i < WORDS; i++)
            value[i] = n;
        uint64_t begin = tl_clock_tsc();
        update(value);
        b.update_ns[b.updates++ % TIMES] = since(begin);
        if (b.pause_ns == 0) {
            if (n % 64 == 0) now_ns = tl_clock_monotonic_ns();
            continue;
        }
        next_ns += b.pause_ns;
        while (now_ns = tl_clock_monotonic_ns(), now_ns < next_ns)
            pair_relax();
    }
    __atomic_store_n(&b.over, 1, __ATOMIC_RELEASE);
}

static void read_side(void *state) {
    (void)state;
    uint64_t value[WORDS] = {0};
    while (!__atomic_load_n(&b.over, __ATOMIC_ACQUIRE)) {
        uint64_t begin = tl_clock_tsc();
        bool there = read_value(value);
        b.read_ns[b.reads++ % TIMES] = since(begin);
        if (!there) b.none++;
        for (int i = 1; i < WORDS && there; i++)
            if (value[i] != value[0]) {
                fprintf(stderr, "latch: a torn value\n");
                exit(1);
            }
    }
}

/* ns of an update when nobody reads. */
static double alone_ns(bool locked) {
    b.locked = locked;
    uint64_t value[WORDS] = {0};
    int64_t begin_ns = tl_clock_monotonic_ns();
    for (int i = 0; i < ALONE; i++) {
        value[0] = value[WORDS - 1] = (uint64_t)i;
        update(value);
    }
    double took_ns = (double)(tl_clock_monotonic_ns() - begin_ns) / ALONE;
    memset(value, 0, sizeof value);
    update(value); /* a reader that is first finds a whole one */
    return took_ns;
}

typedef struct figures {
    double values[8]; /* update p50, p99, p99.9, read p50, p99, p99.9, M updates/s, M reads/s */
    uint64_t none;
} figures;

static void quantiles(double *times, uint64_t count, double *into) {
    if (count > TIMES) count = TIMES;
    qsort(times, count, sizeof *times, pair_by_value);
    into[0] = times[count / 2];
    into[1] = times[count * 99 / 100];
    into[2] = times[count * 999 / 1000];
}

static figures together(bool locked, int64_t pause_ns) {
    b.locked = locked;
    b.pause_ns = pause_ns;
    b.over = 0;
    b.updates = b.reads = b.none = 0;
    double seconds = (double)pair_run(write_side, read_side, NULL) / 1e9;
    figures f = {.values = {[6] = (double)b.updates / seconds / 1e6, [7] = (double)b.reads / seconds / 1e6}, .none = b.none};
    quantiles(b.update_ns, b.updates, f.values);
    quantiles(b.read_ns, b.reads, f.values + 3);
    return f;
}

int main(int argc, char **argv) {
    bool json;
    int samples = pair_arguments(argc, argv, 5, &json);
    if (samples > MAX_SAMPLES) samples = MAX_SAMPLES;
    b.update_ns = malloc(TIMES * sizeof(double));
    b.read_ns = malloc(TIMES * sizeof(double));
    pthread_mutex_init(&b.mutex, NULL);
    tl_latch_init((tl_latch *)b.latch, BYTES);
    tick_ns = tl_clock_ns_per_tsc();
    clock_ticks = pair_clock_ticks();
    static double alone[2][MAX_SAMPLES], distance[MAX_SAMPLES], of[2][2][8][MAX_SAMPLES];
    uint64_t none = 0;
    static const int64_t pauses[2] = {10000, 0};
    for (int s = 0; s < samples; s++) {
        distance[s] = pair_distance_ns();
        for (int locked = 0; locked < 2; locked++) {
            alone[locked][s] = alone_ns(locked);
            for (int speed = 0; speed < 2; speed++) {
                figures f = together(locked, pauses[speed]);
                for (int i = 0; i < 8; i++)
                    of[locked][speed][i][s] = f.values[i];
                none += f.none;
            }
        }
    }
    double m[2][2][8], line_ns = pair_median(distance, samples), alone_median[2];
    for (int locked = 0; locked < 2; locked++) {
        alone_median[locked] = pair_median(alone[locked], samples);
        for (int speed = 0; speed < 2; speed++)
            for (int i = 0; i < 8; i++)
                m[locked][speed][i] = pair_median(of[locked][speed][i], samples);
    }
    static const char *const kinds[2] = {"latch", "mutex"}, *const speeds[2] = {"100,000 updates/s", "full speed"};
    if (json) {
        printf("{\"benchmark\":\"latch\",\"bytes\":%d,\"line_round_trip_ns\":%.1f,\"reads_without_value\":%llu", BYTES,
               line_ns, (unsigned long long)none);
        for (int locked = 0; locked < 2; locked++) {
            printf(",\"%s\":{\"update_alone_ns\":%.1f", kinds[locked], alone_median[locked]);
            for (int speed = 0; speed < 2; speed++) {
                const double *v = m[locked][speed];
                printf(",\"%s\":{\"update_p50_ns\":%.0f,\"update_p99_ns\":%.0f,\"update_p999_ns\":%.0f,\"read_p50_ns\":%.0f,"
                       "\"read_p99_ns\":%.0f,\"read_p999_ns\":%.0f,"
                       "\"million_updates_per_second\":%.2f,\"million_reads_per_second\":%.2f}",
                       speed ? "full_speed" : "paced", v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
            }
            printf("}");
        }
        puts("}");
        return 0;
    }
    printf("%d bytes, %d samples; a cache line there and back %.0f ns\n  an update that nobody reads: latch %.1f ns, mutex "
           "%.1f ns\n",
           BYTES, samples, line_ns, alone_median[0], alone_median[1]);
    printf("  %-26s %23s %23s %12s %12s\n", "ns", "update p50/p99/p99.9", "read p50/p99/p99.9", "M updates/s", "M reads/s");
    for (int speed = 0; speed < 2; speed++)
        for (int locked = 0; locked < 2; locked++) {
            const double *v = m[locked][speed];
            printf("  %-5s, %-19s %8.0f %6.0f %7.0f %8.0f %6.0f %7.0f %12.2f %12.2f\n", kinds[locked], speeds[speed], v[0],
                   v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
        }
    printf("  reads that found no whole value in %d tries: %llu\n", TL_LATCH_TRIES, (unsigned long long)none);
    return 0;
}
