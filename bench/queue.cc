// The spsc ring against its peers: 64-byte messages between two pinned processes, throughput and round trip.
//
// Each sample runs every queue once, in turn, so that all see the same machine; before each sample the distance of the two cores is
// probed (a cache line there and back), as virtual cores are moved apart and together by their host. Messages carry their number
// and are checked. `--json` prints one object; `--samples N`, `--messages N`, `--cpus A,B`.
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

// Memory that both processes see; peers that allocate are made to allocate here.
static char *arena;
static size_t arena_used;
static const size_t ARENA_BYTES = size_t(64) << 20;
static void *arena_take(size_t bytes) {
    arena_used = (arena_used + 127) & ~size_t(127);
    if (arena_used + bytes > ARENA_BYTES) abort();
    void *place = arena + arena_used;
    arena_used += bytes;
    return place;
}
namespace std {
static void *arena_malloc(size_t bytes) {
    return arena_take(bytes);
}
static void arena_free(void *) {}
} // namespace std
#define malloc arena_malloc
#define free   arena_free
#include <readerwriterqueue.h>
#undef malloc
#undef free

#include <boost/lockfree/spsc_queue.hpp>
extern "C" {
#include "base/clock.h"
#include "queue/spsc.h"
#include "peers/ck_queue.h"
}

struct message {
    uint64_t number;
    uint64_t payload[7];
};

static const unsigned CAPACITY = 4096;

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static inline void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// One queue: send() and take() spin until done.
struct ours {
    static const char *name() { return "tidelock"; }
    tl_spsc_cursor produced, consumed;
    message slots[CAPACITY] __attribute__((aligned(128)));
    tl_spsc_producer producer __attribute__((aligned(128)));
    tl_spsc_consumer consumer __attribute__((aligned(128)));
    uint64_t held __attribute__((aligned(128))), polled;
    const message *row;
    ours() : produced(), consumed(), held(0), polled(0), row(nullptr) {
        if (tl_spsc_attach_producer(&producer, slots, CAPACITY, sizeof(message), &produced, &consumed) != TL_OK ||
            tl_spsc_attach_consumer(&consumer, slots, CAPACITY, sizeof(message), &produced, &consumed) != TL_OK)
            abort();
    }
    void send(uint64_t n) {
        uint64_t granted;
        message *m;
        while (m = static_cast<message *>(tl_spsc_reserve(&producer, 1, &granted)), granted == 0)
            relax();
        m->number = n;
        m->payload[6] = n;
        tl_spsc_commit(&producer, 1);
    }
    // All that is there is read in place before the slots are given back.
    uint64_t take() {
        if (held == polled) {
            if (polled != 0) tl_spsc_release(&consumer, polled);
            held = 0;
            while (row = static_cast<const message *>(tl_spsc_poll(&consumer, &polled)), polled == 0)
                relax();
        }
        const message *m = &row[held++];
        if (m->payload[6] != m->number) abort();
        return m->number;
    }
};

struct moodycamel_queue {
    static const char *name() { return "moodycamel"; }
    moodycamel::ReaderWriterQueue<message> queue;
    moodycamel_queue() : queue(CAPACITY) {}
    void send(uint64_t n) {
        message m = {n, {0, 0, 0, 0, 0, 0, n}};
        while (!queue.try_enqueue(m))
            relax();
    }
    uint64_t take() {
        message m;
        while (!queue.try_dequeue(m))
            relax();
        if (m.payload[6] != m.number) abort();
        return m.number;
    }
};

struct boost_queue {
    static const char *name() { return "boost"; }
    boost::lockfree::spsc_queue<message, boost::lockfree::capacity<CAPACITY - 1>> queue;
    void send(uint64_t n) {
        message m = {n, {0, 0, 0, 0, 0, 0, n}};
        while (!queue.push(m))
            relax();
    }
    uint64_t take() {
        message m;
        while (!queue.pop(m))
            relax();
        if (m.payload[6] != m.number) abort();
        return m.number;
    }
};

struct ck_ring_queue {
    static const char *name() { return "ck_ring"; }
    ck_queue *queue;
    ck_ring_queue() : queue(static_cast<ck_queue *>(arena_take(ck_queue_bytes(CAPACITY)))) {
        ck_queue_init(queue, CAPACITY);
    }
    void send(uint64_t n) {
        message m = {n, {0, 0, 0, 0, 0, 0, n}};
        while (!ck_queue_send(queue, &m))
            relax();
    }
    uint64_t take() {
        message m;
        while (!ck_queue_take(queue, &m))
            relax();
        if (m.payload[6] != m.number) abort();
        return m.number;
    }
};

static int cpus[2] = {0, 1};

// Runs `there` here and `other` in a second process, each pinned; returns the seconds that `there` took.
template <typename A, typename B> static double both(A there, B other) {
    static std::atomic<int> *gate = new (arena_take(128)) std::atomic<int>(0);
    gate->store(0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        pin(cpus[1]);
        gate->fetch_add(1);
        while (gate->load() < 2)
            relax();
        other();
        _exit(0);
    }
    pin(cpus[0]);
    gate->fetch_add(1);
    while (gate->load() < 2)
        relax();
    int64_t begin = tl_clock_monotonic_ns();
    there();
    int64_t end = tl_clock_monotonic_ns();
    int status;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "queue: a message was damaged\n");
        exit(1);
    }
    return double(end - begin) / 1e9;
}

template <typename Q> static double throughput(uint64_t messages) {
    size_t mark = arena_used;
    Q *q = new (arena_take(sizeof(Q))) Q;
    double seconds = both(
        [&] {
            for (uint64_t i = 1; i <= messages; i++)
                if (q->take() != i) abort();
        },
        [&] {
            for (uint64_t i = 1; i <= messages; i++)
                q->send(i);
        });
    arena_used = mark;
    return double(messages) / seconds / 1e6;
}

template <typename Q> static double round_trip(uint64_t trips) {
    size_t mark = arena_used;
    Q *out = new (arena_take(sizeof(Q))) Q;
    Q *back = new (arena_take(sizeof(Q))) Q;
    double seconds = both(
        [&] {
            for (uint64_t i = 1; i <= trips; i++) {
                out->send(i);
                if (back->take() != i) abort();
            }
        },
        [&] {
            for (uint64_t i = 1; i <= trips; i++)
                back->send(out->take());
        });
    arena_used = mark;
    return seconds * 1e9 / double(trips);
}

// A cache line there and back, ns: the floor of a round trip.
static double line_round_trip() {
    size_t mark = arena_used;
    auto *line = new (arena_take(128)) std::atomic<uint64_t>(0);
    const uint64_t trips = 20000;
    double seconds = both(
        [&] {
            for (uint64_t i = 0; i < trips; i++) {
                line->store(2 * i + 1, std::memory_order_release);
                while (line->load(std::memory_order_acquire) != 2 * i + 2)
                    ;
            }
        },
        [&] {
            for (uint64_t i = 0; i < trips; i++) {
                while (line->load(std::memory_order_acquire) != 2 * i + 1)
                    ;
                line->store(2 * i + 2, std::memory_order_release);
            }
        });
    arena_used = mark;
    return seconds * 1e9 / double(trips);
}

static double median(std::vector<double> v) {
    if (v.empty()) return 0;
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

struct result {
    const char *name;
    std::vector<double> rate[2], trip[2]; // by regime: near, far
};

template <typename Q> static void measure(result &r, int regime, uint64_t messages) {
    r.name = Q::name();
    r.rate[regime].push_back(throughput<Q>(messages));
    r.trip[regime].push_back(round_trip<Q>(messages / 50));
}

int main(int argc, char **argv) {
    bool json = false;
    unsigned samples = 7;
    uint64_t messages = 2000000;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json"))
            json = true;
        else if (!strcmp(argv[i], "--samples") && i + 1 < argc)
            samples = unsigned(atoi(argv[++i]));
        else if (!strcmp(argv[i], "--messages") && i + 1 < argc)
            messages = strtoull(argv[++i], nullptr, 10);
        else if (!strcmp(argv[i], "--cpus") && i + 1 < argc)
            sscanf(argv[++i], "%d,%d", &cpus[0], &cpus[1]);
        else {
            fprintf(stderr, "usage: queue [--json] [--samples N] [--messages N] [--cpus A,B]\n");
            return 2;
        }
    }
    arena = static_cast<char *>(mmap(nullptr, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (arena == MAP_FAILED) return 1;
    result results[4];
    unsigned count[2] = {0, 0};
    std::vector<double> lines[2];
    for (unsigned s = 0; s < samples; s++) {
        double line = line_round_trip();
        int regime = line > 160; // about three times what near cores take
        measure<ours>(results[0], regime, messages);
        measure<moodycamel_queue>(results[1], regime, messages);
        measure<boost_queue>(results[2], regime, messages);
        measure<ck_ring_queue>(results[3], regime, messages);
        count[regime]++;
        lines[regime].push_back(line);
    }
    static const char *const regimes[] = {"near", "far"};
    if (json) printf("{\"benchmark\":\"queue\",\"message_bytes\":64,\"messages\":%llu", (unsigned long long)messages);
    for (int g = 0; g < 2; g++) {
        if (count[g] == 0) continue;
        if (json)
            printf(",\"%s\":{\"samples\":%u,\"line_round_trip_ns\":%.1f,\"queues\":[", regimes[g], count[g],
                   median(lines[g]));
        else
            printf("cores %s: %u samples, a cache line there and back %.0f ns\n  %-12s %14s %8s %14s %8s\n", regimes[g],
                   count[g], median(lines[g]), "queue", "M messages/s", "ratio", "round trip ns", "ratio");
        double rate0 = median(results[0].rate[g]), trip0 = median(results[0].trip[g]);
        for (int i = 0; i < 4; i++) {
            double rate = median(results[i].rate[g]), trip = median(results[i].trip[g]);
            if (json)
                printf("%s{\"name\":\"%s\",\"million_per_second\":%.2f,\"round_trip_ns\":%.1f,\"rate_ratio\":%.3f,\"round_"
                       "trip_ratio\":%.3f}",
                       i ? "," : "", results[i].name, rate, trip, rate0 / rate, trip / trip0);
            else
                printf("  %-12s %14.1f %8.2f %14.0f %8.2f\n", results[i].name, rate, rate0 / rate, trip, trip / trip0);
        }
        if (json) printf("]}");
    }
    puts(json ? "}" : "ratio: how many times better tidelock is");
    return 0;
}
