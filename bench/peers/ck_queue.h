/* Concurrency Kit's single-producer, single-consumer ring of 64-byte messages, in caller's memory. */
#include <stdbool.h>
#include <stddef.h>

struct ck_queue;
size_t ck_queue_bytes(unsigned capacity);
void ck_queue_init(struct ck_queue *queue, unsigned capacity);
bool ck_queue_send(struct ck_queue *queue, const void *item);
bool ck_queue_take(struct ck_queue *queue, void *item);
