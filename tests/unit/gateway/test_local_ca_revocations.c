/* SPDX-License-Identifier: Apache-2.0 */
/* The register in which a local CA keeps its revocations. */
#include "scratch_ca.h"

LEAK_CHECKED_SUITE(local_ca_revocations);

/* ---- revocation ---- */

static enum local_ca_outcome revoke_serial(struct scratch_ca *ca, const char *serial)
{
    struct fault fault = {0};
    return local_ca_revoke(ca->arena, ca->ca, serial, 1, NOW + 3600, NOW, &fault);
}

Test(local_ca_revocations, a_revocation_is_remembered_across_starts)
{
    struct scratch_ca ca = scratch_ca_make();
    cr_expect_eq(revoke_serial(&ca, "b0"), LOCAL_CA_DONE);
    cr_expect_eq(revoke_serial(&ca, "a0"), LOCAL_CA_DONE);
    cr_expect_eq(revoke_serial(&ca, "c0"), LOCAL_CA_DONE);
    cr_expect_eq(revoke_serial(&ca, "a0"), LOCAL_CA_ALREADY_REVOKED);
    scratch_ca_reopen(&ca);
    cr_expect_eq(revoke_serial(&ca, "a0"), LOCAL_CA_ALREADY_REVOKED);
    cr_expect_eq(revoke_serial(&ca, "b0"), LOCAL_CA_ALREADY_REVOKED);
    cr_expect_eq(revoke_serial(&ca, "c0"), LOCAL_CA_ALREADY_REVOKED);
    cr_expect_eq(revoke_serial(&ca, "d0"), LOCAL_CA_DONE);
    scratch_ca_drop(&ca);
}

Test(local_ca_revocations, many_revocations_are_all_found_again)
{
    struct scratch_ca ca = scratch_ca_make();
    for (unsigned i = 1; i <= 200; i++) {
        cr_assert_eq(revoke_serial(&ca, arena_printf(ca.arena, "%x", i * 7919)), LOCAL_CA_DONE);
    }
    scratch_ca_reopen(&ca);
    for (unsigned i = 1; i <= 200; i++) {
        cr_assert_eq(revoke_serial(&ca, arena_printf(ca.arena, "%x", i * 7919)), LOCAL_CA_ALREADY_REVOKED);
    }
    scratch_ca_drop(&ca);
}

Test(local_ca_revocations, a_torn_last_line_was_never_confirmed_and_is_cut_off)
{
    struct scratch_ca ca = scratch_ca_make();
    scratch_write(ca.directory, "revoked", "a0 1800000000 1\nb0 18000");
    scratch_ca_reopen(&ca);
    cr_expect_eq(revoke_serial(&ca, "a0"), LOCAL_CA_ALREADY_REVOKED);
    cr_expect_eq(revoke_serial(&ca, "b0"), LOCAL_CA_DONE);
    scratch_ca_reopen(&ca);
    cr_expect_eq(revoke_serial(&ca, "b0"), LOCAL_CA_ALREADY_REVOKED);
    scratch_ca_drop(&ca);
}

Test(local_ca_revocations, a_register_that_cannot_be_read_is_an_error)
{
    static const char *const texts[] = {"hello\n",           "a0\nhello world 1\n", "0a 1800000000 1\n",
                                        "A0 1800000000 1\n", " 1800000000 1\n",     "a0 1800000000\n",
                                        "a0 1800000000 x\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct scratch_ca ca = scratch_ca_make();
        struct fault fault = {0};
        scratch_write(ca.directory, "revoked", texts[i]);
        cr_expect_null(scratch_ca_open(ca.directory, &fault), "%zu", i);
        cr_expect(strstr(fault.message, "line ") != NULL, "%s", fault.message);
        scratch_ca_drop(&ca);
    }
}

Test(local_ca_revocations, only_canonical_serials_are_recorded)
{
    static const char *const serials[] = {"", "0a", "A0", "a0 1", "a0\n"};
    struct scratch_ca ca = scratch_ca_make();
    for (size_t i = 0; i < sizeof serials / sizeof serials[0]; i++) {
        cr_expect_eq(revoke_serial(&ca, serials[i]), LOCAL_CA_FAILED, "%zu", i);
    }
    scratch_ca_reopen(&ca);
    scratch_ca_drop(&ca);
}
