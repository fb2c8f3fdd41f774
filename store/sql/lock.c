/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "acme/base/file.h"

enum { LOCK_TRIES = 20, LOCK_PAUSE_MS = 10 };

/* Reads what the lock's holder wrote there: its process id, for the message. */
static void read_holder(int file, char out[static 32])
{
    ssize_t n = pread(file, out, 31, 0);
    out[n < 0 ? 0 : n] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

/* A process that asks whether a server runs (store_is_served) holds the lock for a moment. */
static bool lock_soon(int file)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    bool locked = flock(file, LOCK_EX | LOCK_NB) == 0;
    for (int i = 0; !locked && i < LOCK_TRIES; i++) {
        nanosleep(&pause, NULL);
        locked = flock(file, LOCK_EX | LOCK_NB) == 0;
    }
    return locked;
}

int lock_take(const struct store_location *location, struct fault *fault)
{
    char name[PATH_MAX];
    if (snprintf(name, sizeof name, "%s.lock", location->state) >= PATH_MAX) {
        fault_set(fault, "%s: the path is too long", location->state);
        return -1;
    }
    int file = file_open_own(name, 0);
    if (file < 0) {
        fault_set(fault, "%s: cannot be opened: %s", name, strerror(errno));
        return -1;
    }
    if (!lock_soon(file)) {
        char holder[32];
        read_holder(file, holder);
        fault_set(fault, "%s is already served by another acmegate (process %s): stop that one first",
                  location->text, holder);
        close(file);
        return -1;
    }
    if (ftruncate(file, 0) != 0 || dprintf(file, "%ld\n", (long)getpid()) < 0) {
        fault_set(fault, "%s: cannot be written: %s", name, strerror(errno));
        close(file);
        return -1;
    }
    return file;
}

/* A record lock over the whole file: F_GETLK tells whose it is. */
static struct flock server_record(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* Closing any other descriptor of the file in this process would end the record, too (fcntl(2)). */
int lock_take_as_server(const struct store_location *location, struct fault *fault)
{
    struct flock record = server_record();
    int lock = lock_take(location, fault);
    if (lock >= 0 && fcntl(lock, F_SETLK, &record) != 0)
        store_log("store: %s.lock cannot tell 'acmegate reload' of this process: %s", location->state,
                  strerror(errno));
    return lock;
}

/* -1 for none. No link is followed: the folder's owner could lead root to another file's holder. */
static int open_lock(const struct store_location *location)
{
    char name[PATH_MAX];
    if (location->state == NULL || snprintf(name, sizeof name, "%s.lock", location->state) >= PATH_MAX)
        return -1;
    return open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

bool lock_is_held(const struct store_location *location)
{
    int file = open_lock(location);
    bool held = file >= 0 && flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (file >= 0)
        close(file);
    return held;
}

/* The text of the file is for people: its owner can write any number there. */
int64_t lock_holder(const struct store_location *location)
{
    struct flock record = server_record();
    int file = open_lock(location);
    bool asked = file >= 0 && fcntl(file, F_GETLK, &record) == 0;
    if (file >= 0)
        close(file);
    return asked && record.l_type != F_UNLCK && record.l_pid > 0 ? record.l_pid : 0;
}
