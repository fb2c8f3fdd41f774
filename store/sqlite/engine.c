/* SPDX-License-Identifier: Apache-2.0 */
/* All that SQLite does for the store. */
#include "store/sql/copy.h"
#include "store/sql/lock.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/upkeep.h"

static struct library library(void)
{
    return (struct library){"SQLite", SQLITE_VERSION, sqlite3_libversion()};
}

static size_t schema(void)
{
    return store_migrations.count;
}

const struct engine sqlite_engine = {
    .transactions = &sqlite_transactions,
    .library = library,
    .schema = schema,
    .locate = sqlite_locate,
    .exists = sqlite_exists,
    .read_size = sqlite_read_size,
    .place_is_usable = sqlite_place_is_usable,
    .was_lost = sqlite_was_lost,
    .is_older = sqlite_is_older,
    .is_served = lock_is_held,
    .server_process = lock_holder,
    .migrate = sqlite_migrate,
    .check = sqlite_check,
    .backup = sqlite_backup,
    .restore = sqlite_restore,
    .vacuum = sqlite_vacuum,
    .copy = &sqlite_copy,
    .open_reader = sqlite_open_reader,
    .close_reader = sqlite_close_reader,
    .reader_is_in_place = sqlite_reader_is_in_place,
    .open_writer = sqlite_open_writer,
    .serve = sqlite_serve,
    .stop_serving = sqlite_stop_serving,
    .look_after = upkeep_look_after,
    .take_as_it_is = sqlite_take_as_it_is,
    .probe = sqlite_probe,
    .give_back = sqlite_give_back,
};
