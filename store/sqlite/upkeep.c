/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/upkeep.h"

#include "acme/base/monotonic.h"

static void keep_mark(struct mark *mark, struct store_reader *reader)
{
    int64_t now_ms = monotonic_ms(), newest_event;
    if (!atomic_load(&mark->kept) || now_ms - mark->written_ms < MARK_EVERY_MS ||
        !reader_newest_event(reader, INT64_MAX, &newest_event))
        return;
    mark->written_ms = now_ms;
    mark_write(mark, newest_event);
}

/* Looks once a minute, and tells once until there is room again. */
static void watch_disk(struct upkeep *upkeep)
{
    struct store_size size;
    int64_t now_ms = monotonic_ms();
    if (now_ms < upkeep->disk_due_ms)
        return;
    upkeep->disk_due_ms = now_ms + DISK_EVERY_MS;
    sqlite_read_size(upkeep->location, &size);
    bool low = size.free != STORE_SIZE_UNKNOWN && size.free < STORE_FREE_LOW_BYTES;
    if (low && !upkeep->disk_is_low)
        store_log("store: the disk of the database has only %lld MiB left: free some, or writes will fail",
                  (long long)size.free / (1024 * 1024));
    upkeep->disk_is_low = low;
}

void upkeep_look_after(void *upkeep, struct store_reader *reader)
{
    struct upkeep *own = upkeep;
    keep_mark(&own->mark, reader);
    watch_disk(own);
}
