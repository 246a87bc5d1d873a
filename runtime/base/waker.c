#include "base/waker.h"

#include <errno.h>
#include <unistd.h>

uint32_t tl_waker_flush(tl_waker *wakers, uint32_t count) {
    uint32_t written = 0;
    bool fenced = false;
    for (uint32_t i = 0; i < count; i++) {
        tl_waker *waker = &wakers[i];
        if (!waker->marked) continue;
        waker->marked = 0;
        if (waker->fd < 0) continue;
        if (!fenced)
            tl_fence(); /* what was committed before the look at `sleeping`; pairs with the fence in tl_waker_park() */
        fenced = true;
        if (__atomic_load_n(waker->sleeping, __ATOMIC_RELAXED) == 0) continue;
        uint64_t one = 1;
        ssize_t done;
        do {
            done = write(waker->fd, &one, sizeof one);
        } while (done < 0 && errno == EINTR);
        written++; /* EAGAIN: it is full of wake-ups that nobody has read, which wakes as well */
    }
    return written;
}
