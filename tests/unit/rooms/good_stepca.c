/* SPDX-License-Identifier: Apache-2.0 */
#include "good_stepca.h"

#include <criterion/criterion.h>

#include "acme/base/file.h"
#include "acme/base/json.h"
#include "gateway/runtime/clock.h"

enum { ROOTS_BYTES = 64 * 1024 };

const char *good_stepca_roots(const struct place *place, const char *file)
{
    struct bytes pem;
    cr_assert(
        file_read(place->arena, arena_printf(place->arena, "%s/%s", place->folder, file), ROOTS_BYTES, &pem));
    struct json_writer *writer = json_writer_new(place->arena, ROOTS_BYTES);
    json_begin_object(writer);
    json_key(writer, "crts");
    json_begin_array(writer);
    json_write_bytes(writer, pem);
    json_end_array(writer);
    json_end_object(writer);
    return arena_string(place->arena, json_writer_finish(writer));
}

void good_stepca_make(const struct place *place, struct world_page pages[static GOOD_STEPCA_PAGES])
{
    const struct world_page good[] = {
        {GOOD_STEPCA_URL "health", .status = 200, .body = "{\"status\":\"ok\"}", .date = clock_now()},
        {GOOD_STEPCA_URL "version", .status = 200, .body = "{\"version\":\"0.28.0\"}"},
        {GOOD_STEPCA_URL "1.0/ssh/check-host", .status = 200, .body = "{\"exists\":false}"},
        {GOOD_STEPCA_URL "roots", .status = 200, .body = good_stepca_roots(place, "root.crt")},
        {GOOD_STEPCA_URL "provisioners?limit=100", .status = 200,
         .body = GOOD_STEPCA_PROVISIONERS(GOOD_STEPCA_OURS)},
        {GOOD_STEPCA_URL "1.0/sign", .status = 403,
         .body = "{\"status\":403,\"message\":\"The names differ.\"}"},
    };
    memset(pages, 0, GOOD_STEPCA_PAGES * sizeof *pages);
    memcpy(pages, good, sizeof good);
    world.pages = pages;
}
