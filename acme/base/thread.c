/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/thread.h"

#include <errno.h>
#include <signal.h>

int thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int failed = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

struct timespec thread_deadline(int64_t ms)
{
    enum { NS_IN_MS = 1000 * 1000, NS_IN_S = 1000 * NS_IN_MS };
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    moment.tv_sec += ms / 1000;
    moment.tv_nsec += ms % 1000 * NS_IN_MS;
    if (moment.tv_nsec >= NS_IN_S) {
        moment.tv_nsec -= NS_IN_S;
        moment.tv_sec++;
    }
    return moment;
}

bool thread_wait_until(pthread_cond_t *changed, pthread_mutex_t *mutex, const struct timespec *deadline)
{
    return pthread_cond_clockwait(changed, mutex, CLOCK_MONOTONIC, deadline) != ETIMEDOUT;
}
