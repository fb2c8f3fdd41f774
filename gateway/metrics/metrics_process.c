/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/metrics/metrics_process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    STAT_MAX_BYTES = 4096,
    FIELD_AFTER_NAME = 3,
    FIELD_START_TIME = 22,
    FIELD_VIRTUAL = 23,
    FIELD_RESIDENT = 24
};

static bool read_text(const char *path, char text[static STAT_MAX_BYTES])
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t n = fread(text, 1, STAT_MAX_BYTES - 1, file);
    fclose(file);
    text[n] = '\0';
    return n != 0;
}

/* Returns a field of /proc/self/stat by number (proc(5)). The second field is a name in parentheses that may
 * hold anything. */
static unsigned long long stat_field(const char *text, int field)
{
    const char *at = strrchr(text, ')');
    for (int i = FIELD_AFTER_NAME; at != NULL && i <= field; i++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

/* Returns the unix time at which the system began. */
static unsigned long long boot_time(void)
{
    char line[STAT_MAX_BYTES];
    unsigned long long at = 0;
    FILE *file = fopen("/proc/stat", "re");
    while (file != NULL && at == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "btime ", 6) == 0)
            at = strtoull(line + 6, NULL, 10);
    if (file != NULL)
        fclose(file);
    return at;
}

static void read_stat(struct metric_gauges *gauges)
{
    char text[STAT_MAX_BYTES];
    if (!read_text("/proc/self/stat", text))
        return;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    METRICS_SET(gauges, METRIC_PROCESS_VIRTUAL, stat_field(text, FIELD_VIRTUAL));
    METRICS_SET(gauges, METRIC_PROCESS_RESIDENT,
                (long long)stat_field(text, FIELD_RESIDENT) * sysconf(_SC_PAGESIZE));
    METRICS_SET(gauges, METRIC_PROCESS_START,
                (double)boot_time() + (double)stat_field(text, FIELD_START_TIME) / ticks);
}

/* "." and "..", and the descriptor that reads the directory. */
static void read_open_files(struct metric_gauges *gauges)
{
    long count = -3;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    METRICS_SET(gauges, METRIC_PROCESS_OPEN_FILES, count);
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void metrics_read_process(struct metric_gauges *gauges)
{
    struct rusage usage;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        METRICS_SET(gauges, METRIC_PROCESS_CPU, seconds(usage.ru_utime) + seconds(usage.ru_stime));
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        METRICS_SET(gauges, METRIC_PROCESS_MAX_FILES, limit.rlim_cur);
    read_open_files(gauges);
    read_stat(gauges);
}
