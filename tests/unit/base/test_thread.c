/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "acme/base/thread.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(thread);

static void *tell_blocked(void *out)
{
    pthread_sigmask(SIG_SETMASK, NULL, out);
    return NULL;
}

Test(thread, faults_of_its_own_reach_it_and_no_other_signals)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    static const int others[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM};
    pthread_t thread;
    sigset_t before, blocked, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    cr_assert_eq(thread_start(&thread, tell_blocked, &blocked), 0);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        cr_expect_not(sigismember(&blocked, faults[i]), "signal %d", faults[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_expect(sigismember(&blocked, others[i]), "signal %d", others[i]);
    for (int number = 1; number < SIGRTMIN; number++)
        cr_expect_eq(sigismember(&before, number), sigismember(&after, number), "signal %d", number);
}

/* ---- waits that end by themselves ---- */

struct wait {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool signalled;
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_for_signal(struct wait *wait, int64_t ms)
{
    const struct timespec deadline = thread_deadline(ms);
    pthread_mutex_lock(&wait->mutex);
    while (!wait->signalled && thread_wait_until(&wait->changed, &wait->mutex, &deadline))
        ;
    pthread_mutex_unlock(&wait->mutex);
}

static void *signal_it(void *argument)
{
    struct wait *wait = argument;
    pthread_mutex_lock(&wait->mutex);
    wait->signalled = true;
    pthread_cond_signal(&wait->changed);
    pthread_mutex_unlock(&wait->mutex);
    return NULL;
}

Test(thread, a_deadline_is_on_the_monotonic_clock)
{
    static const int64_t waits_ms[] = {0, 1, 999, 1000, 1500, 15 * 1000, 24 * 3600 * 1000};
    for (size_t i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++) {
        int64_t before_ms = monotonic_ms();
        struct timespec deadline = thread_deadline(waits_ms[i]);
        int64_t left_ms = (int64_t)deadline.tv_sec * 1000 + deadline.tv_nsec / 1000000 - waits_ms[i];
        cr_expect(left_ms >= before_ms && left_ms <= monotonic_ms(), "%lld ms", (long long)waits_ms[i]);
        cr_expect(deadline.tv_nsec >= 0 && deadline.tv_nsec < 1000000000, "%lld ms", (long long)waits_ms[i]);
    }
}

Test(thread, a_wait_ends_at_its_deadline)
{
    struct wait wait = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    int64_t before_ms = monotonic_ms();
    wait_for_signal(&wait, 30);
    cr_expect_geq(monotonic_ms() - before_ms, 30);
}

Test(thread, a_wait_ends_with_its_signal, .timeout = 60)
{
    struct wait wait = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    cr_assert_eq(thread_start(&thread, signal_it, &wait), 0);
    wait_for_signal(&wait, INT64_C(3600) * 1000);
    pthread_join(thread, NULL);
    cr_expect(wait.signalled);
}
