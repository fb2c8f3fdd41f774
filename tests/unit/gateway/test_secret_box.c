/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/config/config.h"
#include "gateway/keys/secret_box.h"
#include "local_files.h"

LEAK_CHECKED_SUITE(secret_box);

enum { KEY_BYTES = 32, NONCE_BYTES = 12, TAG_BYTES = 16 };

struct scratch {
    struct arena *arena;
    const char *directory;
    const char *path; /* of the key file, which is not there yet */
};

static struct scratch scratch_begin(void)
{
    struct arena *arena = arena_new();
    const char *directory = scratch_directory_new(arena);
    return (struct scratch){arena, directory, arena_printf(arena, "%s/key", directory)};
}

static void scratch_end(struct scratch *scratch)
{
    scratch_directory_remove(scratch->directory);
    arena_free(scratch->arena);
}

/* A box with the key that consists of this octet alone. */
static struct secret_box *open_box(struct scratch *scratch, char octet)
{
    struct fault fault;
    char key[KEY_BYTES + 1] = "";
    memset(key, octet, KEY_BYTES);
    scratch_write(scratch->directory, "key", key);
    struct secret_box *box = secret_box_open(scratch->path, &fault);
    cr_assert_not_null(box, "%s", fault.message);
    return box;
}

/* ---- the key file ---- */

Test(secret_box, a_missing_key_is_made_once_and_for_its_owner_alone)
{
    struct scratch scratch = scratch_begin();
    struct fault fault = {.message = "untouched"};
    struct bytes sealed, opened;
    struct stat status;
    struct secret_box *first = secret_box_open(scratch.path, &fault);
    cr_assert_not_null(first, "%s", fault.message);
    cr_assert_eq(stat(scratch.path, &status), 0);
    cr_expect_eq(status.st_size, KEY_BYTES);
    cr_expect_eq(status.st_mode & 07777, 0600);
    struct secret_box *second = secret_box_open(scratch.path, &fault);
    cr_assert_not_null(second, "%s", fault.message);
    cr_expect_str_eq(fault.message, "untouched");
    cr_assert(secret_seal(first, scratch.arena, BYTES_LITERAL("secret"), "place", &sealed));
    cr_expect(secret_unseal(second, scratch.arena, sealed, "place", &opened));
    secret_box_free(first);
    secret_box_free(second);
    scratch_end(&scratch);
}

Test(secret_box, keys_that_are_made_differ)
{
    struct scratch scratch = scratch_begin();
    struct fault fault;
    struct bytes sealed, opened;
    struct secret_box *first = secret_box_open(scratch.path, &fault);
    cr_assert_eq(unlink(scratch.path), 0);
    struct secret_box *second = secret_box_open(scratch.path, &fault);
    cr_assert(secret_seal(first, scratch.arena, BYTES_LITERAL("secret"), "place", &sealed));
    cr_expect_not(secret_unseal(second, scratch.arena, sealed, "place", &opened));
    secret_box_free(first);
    secret_box_free(second);
    scratch_end(&scratch);
}

Test(secret_box, a_key_file_has_32_octets)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"", false},
        {"0123456789abcdef0123456789abcde", false},
        {"0123456789abcdef0123456789abcdef", true},
        {"0123456789abcdef0123456789abcdef0", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scratch scratch = scratch_begin();
        struct fault fault = {.message = "untouched"};
        scratch_write(scratch.directory, "key", cases[i].text);
        struct secret_box *box = secret_box_open(scratch.path, &fault);
        cr_expect_eq(box != NULL, cases[i].good, "%zu", i);
        cr_expect_str_eq(
            fault.message,
            cases[i].good
                ? "untouched"
                : arena_printf(scratch.arena, "%s is not a key file: it must have 32 octets", scratch.path));
        secret_box_free(box);
        scratch_end(&scratch);
    }
}

Test(secret_box, a_key_that_cannot_be_read_or_written_is_told)
{
    static const struct {
        const char *place; /* below the test's directory */
        const char *expected;
    } cases[] = {
        {"", "cannot be read: "},
        {"/none/key", "cannot be written: No such file or directory"},
    };
    struct scratch scratch = scratch_begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {0};
        const char *path = arena_printf(scratch.arena, "%s%s", scratch.directory, cases[i].place);
        const char *expected = arena_printf(scratch.arena, "%s %s", path, cases[i].expected);
        cr_expect_null(secret_box_open(path, &fault), "%zu", i);
        cr_expect_eq(strncmp(fault.message, expected, strlen(expected)), 0, "%s", fault.message);
    }
    scratch_end(&scratch);
}

/* ---- of a configuration ---- */

Test(secret_box, its_file_lies_beside_the_database_unless_the_configuration_says_where)
{
    struct arena *arena = arena_new();
    cr_expect_str_eq(config_secret_path(arena, &(struct config){.database = "/var/a.db"}),
                     "/var/a.db.secret");
    cr_expect_str_eq(
        config_secret_path(arena, &(struct config){.database = "/var/a.db", .secret_key_path = "/etc/key"}),
        "/etc/key");
    arena_free(arena);
}

Test(secret_box, administration_and_external_accounts_need_it)
{
    static const struct {
        const char *socket;
        size_t listen_count;
        enum eab_mode first, second;
        bool needed;
    } cases[] = {
        {NULL, 0, EAB_OFF, EAB_OFF, false},     {"/run/admin", 0, EAB_OFF, EAB_OFF, true},
        {NULL, 1, EAB_OFF, EAB_OFF, true},      {NULL, 0, EAB_OPTIONAL, EAB_OFF, true},
        {NULL, 0, EAB_OFF, EAB_REQUIRED, true}, {"/run/admin", 1, EAB_OPTIONAL, EAB_REQUIRED, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct endpoint_config endpoints[] = {{.eab = cases[i].first}, {.eab = cases[i].second}};
        const struct config config = {.admin_socket = cases[i].socket,
                                      .admin_listen_count = cases[i].listen_count,
                                      .endpoints = endpoints,
                                      .endpoint_count = 2};
        cr_expect_eq(config_needs_secrets(&config), cases[i].needed, "%zu", i);
    }
}

Test(secret_box, a_key_that_must_exist_is_not_made)
{
    static const struct {
        enum secret_box_use use;
        bool present, good;
    } cases[] = {
        {SECRET_BOX_MUST_EXIST, false, false},
        {SECRET_BOX_MUST_EXIST, true, true},
        {SECRET_BOX_MAKE, false, true},
        {SECRET_BOX_MAKE, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scratch scratch = scratch_begin();
        struct fault fault = {.message = "untouched"};
        const struct config config = {.secret_key_path = scratch.path};
        if (cases[i].present)
            scratch_write(scratch.directory, "key", "0123456789abcdef0123456789abcdef");
        struct secret_box *box = config_open_secrets(&config, cases[i].use, &fault);
        cr_expect_eq(box != NULL, cases[i].good, "%zu", i);
        cr_expect_eq(access(scratch.path, F_OK) == 0, cases[i].good, "%zu", i);
        cr_expect_str_eq(fault.message,
                         cases[i].good
                             ? "untouched"
                             : arena_printf(scratch.arena, "%s: No such file or directory", scratch.path));
        secret_box_free(box);
        scratch_end(&scratch);
    }
}

/* ---- sealing ---- */

Test(secret_box, what_is_sealed_opens_and_is_never_the_same)
{
    static const char *const secrets[] = {"", "x", "a longer secret of more than one AES block"};
    struct scratch scratch = scratch_begin();
    struct secret_box *box = open_box(&scratch, 'k');
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        struct bytes secret = bytes_from_string(secrets[i]), first, second, opened = {0};
        cr_assert(secret_seal(box, scratch.arena, secret, "place", &first));
        cr_assert(secret_seal(box, scratch.arena, secret, "place", &second));
        cr_expect_eq(first.n, NONCE_BYTES + secret.n + TAG_BYTES, "%zu", i);
        cr_expect_not(bytes_equal(first, second), "%zu", i);
        cr_expect(secret_unseal(box, scratch.arena, first, "place", &opened), "%zu", i);
        cr_expect(bytes_equal(opened, secret), "%zu", i);
    }
    secret_box_free(box);
    scratch_end(&scratch);
}

Test(secret_box, another_key_or_another_place_does_not_open_it)
{
    static const struct {
        char key;
        const char *place;
        bool opens;
    } cases[] = {
        {'k', "place", true},  {'l', "place", false}, {'k', "plac", false},
        {'k', "placf", false}, {'k', "", false},
    };
    struct scratch scratch = scratch_begin();
    struct secret_box *box = open_box(&scratch, 'k');
    struct bytes sealed;
    cr_assert(secret_seal(box, scratch.arena, BYTES_LITERAL("secret"), "place", &sealed));
    secret_box_free(box);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes opened = BYTES_LITERAL("untouched");
        box = open_box(&scratch, cases[i].key);
        cr_expect_eq(secret_unseal(box, scratch.arena, sealed, cases[i].place, &opened), cases[i].opens,
                     "%zu", i);
        cr_expect(bytes_equal(opened, cases[i].opens ? BYTES_LITERAL("secret") : BYTES_LITERAL("untouched")));
        secret_box_free(box);
    }
    scratch_end(&scratch);
}

Test(secret_box, no_octet_of_it_may_change_or_be_missing)
{
    struct scratch scratch = scratch_begin();
    struct secret_box *box = open_box(&scratch, 'k');
    struct bytes sealed, opened;
    cr_assert(secret_seal(box, scratch.arena, BYTES_LITERAL("secret"), "place", &sealed));
    for (size_t i = 0; i < sealed.n; i++) {
        uint8_t changed[64];
        cr_assert_leq(sealed.n, sizeof changed);
        memcpy(changed, sealed.p, sealed.n);
        changed[i] ^= 1;
        cr_expect_not(secret_unseal(box, scratch.arena, bytes_of(changed, sealed.n), "place", &opened), "%zu",
                      i);
        cr_expect_not(secret_unseal(box, scratch.arena, bytes_of(sealed.p, i), "place", &opened), "%zu", i);
    }
    secret_box_free(box);
    scratch_end(&scratch);
}

Test(secret_box, none_is_freed)
{
    secret_box_free(NULL);
}
