#define _GNU_SOURCE
#include "sched/control.h"

#include <errno.h>
#include <ev.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct connection {
    ev_io watcher;
    tl_control *control;
    int fd; /* -1 = free */
    uint32_t uid;
    bool ended;     /* the peer sends no more */
    bool closing;   /* ours to close once all is sent */
    uint64_t heard; /* when it said something last, in the order of all */
    size_t length;  /* bytes in `in` */
    char in[TL_CONTROL_LINE_BYTES];
    char *out; /* what is to be sent, from `sent` to `out_length` */
    size_t sent, out_length, out_room;
} connection;

struct tl_control {
    struct ev_loop *loop;
    ev_io listener;
    int fd;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    connection connections[TL_CONTROL_CONNECTIONS];
    uint64_t clock;
    connection *asking; /* whose request was handed out */
    uint32_t turn;
    char line[TL_CONTROL_LINE_BYTES];
};

static void hang_up(connection *c) {
    ev_io_stop(c->control->loop, &c->watcher);
    close(c->fd);
    free(c->out);
    if (c->control->asking == c) c->control->asking = NULL;
    c->fd = -1;
    c->out = NULL;
}

static bool has_line(const connection *c) {
    return memchr(c->in, '\n', c->length) != NULL;
}

/* Listens for what the connection's state has a use for, and closes it when that is nothing. */
static void watch(connection *c) {
    bool unsent = c->out_length > c->sent, room = c->length < sizeof c->in && !c->ended && !c->closing;
    if (!unsent && c->control->asking != c && (c->closing || (c->ended && !has_line(c)))) {
        hang_up(c);
        return;
    }
    int events = (room ? EV_READ : 0) | (unsent ? EV_WRITE : 0);
    if ((c->watcher.events & (EV_READ | EV_WRITE)) == events && ev_is_active(&c->watcher)) return;
    ev_io_stop(c->control->loop, &c->watcher);
    ev_io_set(&c->watcher, c->fd, events);
    if (events != 0) ev_io_start(c->control->loop, &c->watcher);
}

static bool send_some(connection *c) {
    while (c->sent < c->out_length) {
        ssize_t sent = send(c->fd, c->out + c->sent, c->out_length - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) return errno == EAGAIN || errno == EINTR;
        c->sent += (size_t)sent;
    }
    c->sent = c->out_length = 0;
    return true;
}

static bool append(connection *c, const char *text, size_t length) {
    if (length == 0) return true;
    if (c->sent > 0) {
        memmove(c->out, c->out + c->sent, c->out_length - c->sent);
        c->out_length -= c->sent;
        c->sent = 0;
    }
    if (c->out_length + length > c->out_room) {
        size_t room = (c->out_length + length) * 2;
        char *out = realloc(c->out, room);
        if (out == NULL) return false;
        c->out = out;
        c->out_room = room;
    }
    memcpy(c->out + c->out_length, text, length);
    c->out_length += length;
    return true;
}

static void answer(connection *c, const char *text) {
    if (!append(c, text, strlen(text)) || !append(c, "\n", 1) || !send_some(c))
        hang_up(c);
    else
        watch(c);
}

static bool receive_some(connection *c) {
    ssize_t got = recv(c->fd, c->in + c->length, sizeof c->in - c->length, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) c->ended = true;
    c->length += (size_t)got;
    c->heard = ++c->control->clock;
    return true;
}

static void on_connection(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop;
    connection *c = watcher->data;
    if (((events & EV_WRITE) && !send_some(c)) || ((events & EV_READ) && !receive_some(c))) {
        hang_up(c);
    } else if (c->length == sizeof c->in && !has_line(c) && !c->closing) {
        c->closing = true;
        answer(c, "{\"error\":\"a request is a line of up to 4095 bytes\"}");
    } else {
        watch(c);
    }
}

static connection *place(tl_control *control) {
    connection *oldest = &control->connections[0];
    for (uint32_t i = 0; i < TL_CONTROL_CONNECTIONS; i++) {
        connection *c = &control->connections[i];
        if (c->fd < 0) return c;
        if (c->heard < oldest->heard) oldest = c;
    }
    hang_up(oldest);
    return oldest;
}

static void on_listener(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop;
    (void)events;
    tl_control *control = watcher->data;
    int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || (peer.uid != geteuid() && peer.uid != 0)) {
        close(fd);
        return;
    }
    connection *c = place(control);
    *c = (connection){.control = control, .fd = fd, .uid = peer.uid, .heard = ++control->clock};
    ev_io_init(&c->watcher, on_connection, fd, EV_READ);
    c->watcher.data = c;
    watch(c);
}

/* The mode is right from the first moment on. */
static int bind_privately(int fd, const struct sockaddr_un *address) {
    mode_t before = umask(0177);
    int failed = bind(fd, (const struct sockaddr *)address, sizeof *address);
    umask(before);
    return failed;
}

tl_status tl_control_open(struct ev_loop *loop, const char *path, tl_control **out) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return tl_error_set(TL_ERR_ARGUMENT, "control socket %s: a path of %zu bytes, a socket's has up to %zu", path,
                            strlen(path), sizeof address.sun_path - 1);
    tl_control *control = calloc(1, sizeof *control);
    if (control == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "control socket %s: no memory", path);
    memcpy(address.sun_path, path, strlen(path));
    memcpy(control->path, address.sun_path, sizeof control->path);
    control->loop = loop;
    for (uint32_t i = 0; i < TL_CONTROL_CONNECTIONS; i++)
        control->connections[i].fd = -1;
    unlink(path);
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (control->fd < 0 || bind_privately(control->fd, &address) != 0 || listen(control->fd, 16) != 0) {
        tl_status status = tl_error_set(TL_ERR_IO, "control socket %s: %s", path, strerror(errno));
        if (control->fd >= 0) close(control->fd);
        free(control);
        return status;
    }
    ev_io_init(&control->listener, on_listener, control->fd, EV_READ);
    control->listener.data = control;
    ev_io_start(loop, &control->listener);
    *out = control;
    return TL_OK;
}

void tl_control_close(tl_control *control) {
    if (control == NULL) return;
    for (uint32_t i = 0; i < TL_CONTROL_CONNECTIONS; i++)
        if (control->connections[i].fd >= 0) hang_up(&control->connections[i]);
    ev_io_stop(control->loop, &control->listener);
    close(control->fd);
    unlink(control->path);
    free(control);
}

static bool take_line(connection *c, char *line) {
    const char *end = memchr(c->in, '\n', c->length);
    if (end == NULL) return false;
    size_t length = (size_t)(end - c->in);
    memcpy(line, c->in, length);
    line[length > 0 && line[length - 1] == '\r' ? length - 1 : length] = 0;
    c->length -= length + 1;
    memmove(c->in, end + 1, c->length);
    return true;
}

const char *tl_control_next(tl_control *control) {
    connection *unanswered = control->asking;
    control->asking = NULL;
    if (unanswered != NULL) watch(unanswered);
    for (uint32_t i = 0; i < TL_CONTROL_CONNECTIONS; i++) {
        connection *c = &control->connections[control->turn++ % TL_CONTROL_CONNECTIONS];
        if (c->fd < 0 || c->closing || c->out_length - c->sent > TL_CONTROL_UNSENT) continue;
        if (!take_line(c, control->line)) continue;
        control->asking = c;
        watch(c);
        return control->line;
    }
    return NULL;
}

uint32_t tl_control_uid(const tl_control *control) {
    return control->asking != NULL ? control->asking->uid : UINT32_MAX;
}

void tl_control_reply(tl_control *control, const char *text) {
    connection *c = control->asking;
    control->asking = NULL;
    if (c != NULL) answer(c, text);
}
