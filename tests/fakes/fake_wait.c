/* SPDX-License-Identifier: Apache-2.0 */
/* A wait of this thread for another one, which is a queue here: the queues turn and the fakes' time passes
 * (linked in by --wrap). So does an errand of the outbound thread. Threads that a test makes wait as they do.
 */
#include <semaphore.h>
#include <unistd.h>

#include "acme/base/thread.h"
#include "fakes.h"
#include "surroundings.h"

bool __wrap_thread_wait_until(pthread_cond_t *changed, pthread_mutex_t *mutex,
                              const struct timespec *deadline);
bool __real_thread_wait_until(pthread_cond_t *changed, pthread_mutex_t *mutex,
                              const struct timespec *deadline);

enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };

/* Of the wait under way: as far away on the fakes' clock as it was on the system's. */
static struct timespec known;
static int64_t end_ms;

static int64_t time_left_ms(const struct timespec *deadline)
{
    struct timespec now;
    if (deadline->tv_sec != known.tv_sec || deadline->tv_nsec != known.tv_nsec) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        known = *deadline;
        end_ms = fake_clock_steady_ms() + (deadline->tv_sec - now.tv_sec) * MS_PER_S +
                 (deadline->tv_nsec - now.tv_nsec) / NS_PER_MS;
    }
    return end_ms - fake_clock_steady_ms();
}

bool __wrap_thread_wait_until(pthread_cond_t *changed, pthread_mutex_t *mutex,
                              const struct timespec *deadline)
{
    if (gettid() != getpid())
        return __real_thread_wait_until(changed, mutex, deadline);
    int64_t left_ms = time_left_ms(deadline);
    pthread_mutex_unlock(mutex);
    bool turned = left_ms > 0 && (fakes_turn() || fake_agenda_advance(left_ms));
    pthread_mutex_lock(mutex);
    return turned;
}

/* ---- errands of the outbound thread (gateway/outbound/outbound_wait.h) ---- */

int __wrap_sem_wait(sem_t *ended);
int __real_sem_wait(sem_t *ended);

enum { ERRAND_MOST_MS = 3600 * MS_PER_S };

int __wrap_sem_wait(sem_t *ended)
{
    if (gettid() != getpid())
        return __real_sem_wait(ended);
    while (sem_trywait(ended) != 0)
        if (!fakes_turn() && !fake_agenda_advance(ERRAND_MOST_MS))
            verdict("an errand does not end");
    return 0;
}
