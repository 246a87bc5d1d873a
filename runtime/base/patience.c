#include "base/patience.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/draft.h"

static char sentence[TL_PATIENCE_TEXT_BYTES];

static void out_of_patience(int number) {
    (void)number;
    tl_draft_abandon_all();
    ssize_t written = write(STDERR_FILENO, sentence, strlen(sentence));
    (void)written; /* there is nobody else to tell */
    _exit(1);
}

static void set_timer(int64_t cpu_ns) {
    struct itimerval left = {.it_value = {.tv_sec = cpu_ns / TL_NS_PER_S, .tv_usec = cpu_ns % TL_NS_PER_S / TL_NS_PER_US}};
    setitimer(ITIMER_VIRTUAL, &left, NULL);
}

void tl_patience_begin(int64_t cpu_ns, const char *text) {
    strncpy(sentence, text, sizeof sentence - 1);
    struct sigaction action = {.sa_handler = out_of_patience};
    sigaction(SIGVTALRM, &action, NULL);
    set_timer(cpu_ns);
}

void tl_patience_end(void) {
    set_timer(0);
    signal(SIGVTALRM, SIG_DFL);
}
