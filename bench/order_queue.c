/* What does a zero-copy queue bring? Commands of 128 bytes from a strategy to the gateway, checked there: through our ring, written and read in place, against a queue
 * with a lock, a malloc and a copy a message. One message at a time, and as a strategy's duty cycle sends them: those of a batch of events at once. Two pinned threads; medians. */
#include "pair.h"
#include "queue/spsc.h"

enum { CAPACITY = 4096, WORDS = 16, MESSAGES = 1000000, BATCH = 16, MAX_SAMPLES = 64, KINDS = 3 };

static const char *const names[KINDS] = {"ring, one at a time", "ring, 16 at a time", "lock, malloc, copy"};

typedef struct message {
    uint64_t words[WORDS];
} message;

typedef struct node {
    struct node *next;
    message body;
} node;

typedef struct bench {
    tl_spsc_cursor produced, consumed;
    message slots[CAPACITY] __attribute__((aligned(128)));
    uint64_t batch;
    pthread_mutex_t mutex __attribute__((aligned(128)));
    pthread_cond_t filled, emptied;
    node *head, *tail;
    uint32_t length;
} bench;

static bench b;

static void compose(message *m, uint64_t number) {
    for (int i = 0; i < WORDS; i++)
        m->words[i] = number + (uint64_t)i;
}

static void check(const message *m, uint64_t number) {
    if (m->words[0] != number || m->words[WORDS - 1] != number + WORDS - 1) {
        fprintf(stderr, "order_queue: message %llu is damaged\n", (unsigned long long)number);
        exit(1);
    }
}

static void ring_send(void *state) {
    (void)state;
    tl_spsc_producer producer;
    if (tl_spsc_attach_producer(&producer, b.slots, CAPACITY, sizeof(message), &b.produced, &b.consumed) != TL_OK) exit(1);
    for (uint64_t sent = 0; sent < MESSAGES;) {
        uint64_t granted;
        message *m = tl_spsc_reserve(&producer, b.batch, &granted);
        if (granted == 0) pair_relax();
        for (uint64_t i = 0; i < granted; i++)
            compose(&m[i], sent + i);
        if (granted != 0) tl_spsc_commit(&producer, granted);
        sent += granted;
    }
}

static void ring_take(void *state) {
    (void)state;
    tl_spsc_consumer consumer;
    if (tl_spsc_attach_consumer(&consumer, b.slots, CAPACITY, sizeof(message), &b.produced, &b.consumed) != TL_OK) exit(1);
    for (uint64_t taken = 0; taken < MESSAGES;) {
        uint64_t count;
        const message *m = tl_spsc_poll(&consumer, &count);
        if (count == 0) {
            pair_relax();
            continue;
        }
        for (uint64_t i = 0; i < count; i++)
            check(&m[i], taken + i);
        tl_spsc_release(&consumer, count);
        taken += count;
    }
}

static void lock_send(void *state) {
    (void)state;
    for (uint64_t sent = 0; sent < MESSAGES; sent++) {
        message composed;
        compose(&composed, sent);
        node *n = malloc(sizeof *n);
        if (n == NULL) exit(1);
        n->next = NULL;
        n->body = composed;
        pthread_mutex_lock(&b.mutex);
        while (b.length == CAPACITY)
            pthread_cond_wait(&b.emptied, &b.mutex);
        if (b.tail != NULL)
            b.tail->next = n;
        else
            b.head = n;
        b.tail = n;
        if (b.length++ == 0) pthread_cond_signal(&b.filled);
        pthread_mutex_unlock(&b.mutex);
    }
}

static void lock_take(void *state) {
    (void)state;
    for (uint64_t taken = 0; taken < MESSAGES; taken++) {
        pthread_mutex_lock(&b.mutex);
        while (b.head == NULL)
            pthread_cond_wait(&b.filled, &b.mutex);
        node *n = b.head;
        b.head = n->next;
        if (b.head == NULL) b.tail = NULL;
        if (b.length-- == CAPACITY) pthread_cond_signal(&b.emptied);
        pthread_mutex_unlock(&b.mutex);
        message copy = n->body;
        free(n);
        check(&copy, taken);
    }
}

static double measure(int kind) {
    b.produced.position = b.consumed.position = 0;
    b.batch = kind == 1 ? BATCH : 1;
    int64_t ns = kind == 2 ? pair_run(lock_take, lock_send, NULL) : pair_run(ring_take, ring_send, NULL);
    return MESSAGES * 1e3 / (double)ns;
}

int main(int argc, char **argv) {
    bool json;
    int samples = pair_arguments(argc, argv, 7, &json);
    if (samples > MAX_SAMPLES) samples = MAX_SAMPLES;
    pthread_mutex_init(&b.mutex, NULL);
    pthread_cond_init(&b.filled, NULL);
    pthread_cond_init(&b.emptied, NULL);
    double rate[KINDS][MAX_SAMPLES], distance[MAX_SAMPLES], median[KINDS];
    for (int s = 0; s < samples; s++) {
        distance[s] = pair_distance_ns();
        for (int kind = 0; kind < KINDS; kind++)
            rate[kind][s] = measure(kind);
    }
    double line_ns = pair_median(distance, samples);
    for (int kind = 0; kind < KINDS; kind++)
        median[kind] = pair_median(rate[kind], samples);
    if (json) {
        printf("{\"benchmark\":\"order_queue\",\"message_bytes\":%zu,\"line_round_trip_ns\":%.1f,\"ring_million_per_"
               "second\":%.2f,\"ring_batched_million_per_second\":%.2f,"
               "\"locked_million_per_second\":%.3f,\"ratio\":%.1f}\n",
               sizeof(message), line_ns, median[0], median[1], median[2], median[0] / median[2]);
        return 0;
    }
    printf("%d samples of %d messages of %zu bytes; a cache line there and back %.0f ns\n  %-22s %14s %8s %10s\n", samples,
           MESSAGES, sizeof(message), line_ns, "queue", "M messages/s", "ratio", "spread");
    for (int kind = 0; kind < KINDS; kind++)
        printf("  %-22s %14.2f %8.1f %4.1f-%.1f\n", names[kind], median[kind], median[kind] / median[2], rate[kind][0],
               rate[kind][samples - 1]);
    return 0;
}
