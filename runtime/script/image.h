/* An image: a state written down as bytes, one value behind the other, in memory that the caller gives. Reading takes them in the same order.
 *
 * What does not fit, or is not there, sets `broken` and does nothing more: the caller looks once, at the end. Only the same build reads what it wrote.
 */
#ifndef TL_SCRIPT_IMAGE_H
#define TL_SCRIPT_IMAGE_H

#include "base/cdef.h"

typedef struct tl_image {
    uint8_t *bytes;
    uint64_t capacity; /* of a writer; of a reader what there is */
    uint64_t at;
    bool broken;
} tl_image;

#ifndef TL_CDEF
#include <string.h>

static inline void tl_image_put(tl_image *image, const void *value, uint64_t bytes) {
    if (image->broken || bytes > image->capacity - image->at) {
        image->broken = true;
        return;
    }
    if (bytes > 0) memcpy(image->bytes + image->at, value, bytes);
    image->at += bytes;
}

/* Zeroes what is not there. */
static inline void tl_image_get(tl_image *image, void *value, uint64_t bytes) {
    if (image->broken || bytes > image->capacity - image->at) {
        image->broken = true;
        memset(value, 0, bytes);
        return;
    }
    if (bytes > 0) memcpy(value, image->bytes + image->at, bytes);
    image->at += bytes;
}

static inline void tl_image_put_u64(tl_image *image, uint64_t value) {
    tl_image_put(image, &value, sizeof value);
}

static inline uint64_t tl_image_get_u64(tl_image *image) {
    uint64_t value;
    tl_image_get(image, &value, sizeof value);
    return value;
}

/* A count of things of so many bytes at least: 0 and broken when they cannot all be there. */
static inline uint64_t tl_image_get_count(tl_image *image, uint64_t bytes) {
    uint64_t count = tl_image_get_u64(image);
    if (count <= (image->capacity - image->at) / bytes) return count;
    image->broken = true;
    return 0;
}
#endif

#endif
