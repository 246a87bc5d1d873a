#define _GNU_SOURCE
#include "base/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_HIDDEN = 16 };

struct tl_draft {
    int fd;
    bool in_place; /* written straight to the target */
    bool unnamed;  /* O_TMPFILE */
    int failed;    /* the error number of the first write that failed */
    char *path;    /* as it was given, for sentences */
    char *target;  /* with links followed */
    char *hidden;  /* the name that the draft has, or gets for the moment in which it is put in place */
};

/* The hidden files that exist: written by the owner of the draft, read by a signal handler. */
static _Atomic(char *) hidden_files[MOST_HIDDEN];
static atomic_uint serial;

static void remember(char *name) {
    for (int i = 0; i < MOST_HIDDEN; i++) {
        char *none = NULL;
        if (atomic_compare_exchange_strong(&hidden_files[i], &none, name)) return;
    }
}

static void forget(char *name) {
    for (int i = 0; i < MOST_HIDDEN; i++) {
        char *same = name;
        if (atomic_compare_exchange_strong(&hidden_files[i], &same, NULL)) return;
    }
}

void tl_draft_abandon_all(void) {
    for (int i = 0; i < MOST_HIDDEN; i++) {
        char *name = atomic_load(&hidden_files[i]);
        if (name != NULL) unlink(name);
    }
}

static tl_status cannot_write(const char *path, int reason) {
    return tl_error_set(TL_ERR_IO, "cannot write %s: %s", path, strerror(reason));
}

static void release(tl_draft *draft) {
    if (draft->fd >= 0) close(draft->fd);
    free(draft->path);
    free(draft->target);
    free(draft->hidden);
    free(draft);
}

/* Names the draft in the target's folder, whose length is `folder`. */
static bool make_names(tl_draft *draft, int folder) {
    unsigned number = atomic_fetch_add(&serial, 1);
    return asprintf(&draft->hidden, "%.*s.tidelock-%ld-%u.part", folder, draft->target, (long)getpid(), number) >= 0;
}

/* Opens the draft beside the target; the error number, or 0. */
static int open_beside(tl_draft *draft, int folder, mode_t mode) {
    char *name = folder > 0 ? strndup(draft->target, (size_t)folder) : strdup(".");
    if (name == NULL) return ENOMEM;
    draft->fd = open(name, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
    free(name);
    /* Without /proc such a file could not be given its name. */
    if (draft->fd >= 0 && access("/proc/self/fd", X_OK) == 0) {
        draft->unnamed = true;
        return 0;
    }
    if (draft->fd >= 0) close(draft->fd);
    remember(draft->hidden);
    draft->fd = open(draft->hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    int reason = errno;
    if (draft->fd >= 0) return 0;
    forget(draft->hidden);
    return reason;
}

/* The standard stream that goes to this file, or -1: such a file is not replaced, as what is printed would be lost with the old one. */
static int standard_stream(const struct stat *about) {
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        struct stat stream;
        if (fstat(fd, &stream) == 0 && stream.st_dev == about->st_dev && stream.st_ino == about->st_ino) return fd;
    }
    return -1;
}

tl_status tl_draft_open(const char *path, tl_draft **out) {
    tl_draft *draft = calloc(1, sizeof *draft);
    if (draft == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory to write %s", path);
    draft->fd = -1;
    struct stat about;
    bool there = stat(path, &about) == 0;
    draft->path = strdup(path);
    draft->target = there ? realpath(path, NULL) : strdup(path);
    if (draft->path == NULL || (draft->target == NULL && !there)) {
        release(draft);
        return tl_error_set(TL_ERR_NO_MEMORY, "no memory to write %s", path);
    }
    struct stat link;
    bool dangling = !there && lstat(path, &link) == 0;
    int stream = there ? standard_stream(&about) : -1;
    draft->in_place = draft->target == NULL || dangling || stream >= 0 || (there && !S_ISREG(about.st_mode));
    int reason = 0;
    if (!draft->in_place && there && access(draft->target, W_OK) != 0) {
        reason = errno; /* a file that is protected stays, although its folder would let it be replaced */
    } else if (!draft->in_place) {
        const char *slash = strrchr(draft->target, '/');
        int folder = slash == NULL ? 0 : (int)(slash - draft->target) + 1;
        if (*path == 0) {
            reason = ENOENT;
        } else if (slash != NULL && slash[1] == 0) {
            reason = EISDIR;
        } else if (!make_names(draft, folder)) {
            draft->hidden = NULL;
            reason = ENOMEM;
        } else {
            reason = open_beside(draft, folder, 0666);
            draft->in_place = there && (reason == EACCES || reason == EPERM || reason == EROFS);
            if (reason == 0 && there)
                (void)!fchmod(draft->fd, about.st_mode & 0777); /* as it was; at worst as new files are */
        }
    }
    if (draft->in_place) {
        draft->fd = stream >= 0 ? dup(stream) : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        reason = draft->fd < 0 ? errno : 0;
    }
    if (reason != 0) {
        release(draft);
        return cannot_write(path, reason);
    }
    *out = draft;
    return TL_OK;
}

bool tl_draft_replaces(const tl_draft *draft, const char *path) {
    struct stat mine, other;
    return !draft->in_place && stat(draft->target, &mine) == 0 && stat(path, &other) == 0 && mine.st_dev == other.st_dev &&
           mine.st_ino == other.st_ino;
}

bool tl_draft_same_target(const tl_draft *draft, const tl_draft *other) {
    return !draft->in_place && !other->in_place &&
           (strcmp(draft->target, other->target) == 0 || tl_draft_replaces(draft, other->target));
}

tl_status tl_draft_write(tl_draft *draft, const void *bytes, size_t length) {
    const char *from = bytes;
    while (length > 0 && draft->failed == 0) {
        ssize_t n = write(draft->fd, from, length);
        if (n < 0) {
            if (errno != EINTR) draft->failed = errno;
            continue;
        }
        from += n;
        length -= (size_t)n;
    }
    return draft->failed != 0 ? cannot_write(draft->path, draft->failed) : TL_OK;
}

/* Gives the draft the target's name; the error number, or 0. */
static int put_in_place(tl_draft *draft) {
    if (draft->unnamed) {
        char self[64];
        snprintf(self, sizeof self, "/proc/self/fd/%d", draft->fd);
        remember(draft->hidden);
        if (linkat(AT_FDCWD, self, AT_FDCWD, draft->hidden, AT_SYMLINK_FOLLOW) != 0) {
            int reason = errno;
            forget(draft->hidden);
            return reason;
        }
    }
    int reason = rename(draft->hidden, draft->target) == 0 ? 0 : errno;
    if (reason != 0) unlink(draft->hidden);
    forget(draft->hidden);
    return reason;
}

tl_status tl_draft_commit(tl_draft *draft) {
    if (draft->failed != 0) {
        tl_status status = cannot_write(draft->path, draft->failed);
        tl_draft_discard(draft);
        return status;
    }
    int reason = draft->in_place ? 0 : put_in_place(draft);
    if (close(draft->fd) != 0 && reason == 0) reason = errno;
    draft->fd = -1;
    tl_status status = reason == 0 ? TL_OK : cannot_write(draft->path, reason);
    release(draft);
    return status;
}

void tl_draft_discard(tl_draft *draft) {
    if (draft == NULL) return;
    if (draft->hidden != NULL && !draft->unnamed && !draft->in_place) {
        unlink(draft->hidden);
        forget(draft->hidden);
    }
    release(draft);
}
