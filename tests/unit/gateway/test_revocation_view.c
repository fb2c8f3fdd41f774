#include <criterion/criterion.h>

#include "gateway/revocation/revocation_internal.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(revocation_view);

enum { NOW = 1000, MORE_THAN_ENOUGH = 1000 };

static size_t sign(struct revocation_reader *reader, int64_t now, bool known, size_t times)
{
    size_t signed_ones = 0;
    for (size_t i = 0; i < times; i++)
        signed_ones += revocation_may_sign_slowly(reader, now, known);
    return signed_ones;
}

Test(revocation_view, numbers_that_are_made_up_leave_slow_signatures_to_certificates)
{
    struct revocation revocation = {0};
    struct revocation_reader *reader = revocation_reader_new(&revocation);
    size_t all = sign(reader, NOW, true, MORE_THAN_ENOUGH);
    cr_expect_eq(sign(reader, NOW, false, MORE_THAN_ENOUGH), 0);
    size_t unknown = sign(reader, NOW + 1, false, MORE_THAN_ENOUGH);
    cr_expect_gt(unknown, 0);
    cr_expect_geq(all - unknown, 20, "%zu of %zu", unknown, all);
    cr_expect_eq(sign(reader, NOW + 1, true, MORE_THAN_ENOUGH), all - unknown);
    cr_expect_eq(sign(reader, NOW + 2, true, all), all, "the next second begins anew");
    revocation_reader_free(reader);
}
