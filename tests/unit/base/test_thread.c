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
