/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own certificate from configured files. */
#include <sys/stat.h>
#include <unistd.h>

#include "acme/jose/private_key.h"
#include "acme/pki.h"
#include "gateway/runtime/clock.h"
#include "own_place.h"

LEAK_CHECKED_SUITE(own_certificate_files);

/* ---- from configured files ---- */

/* The files of one that an issuer signed. */
static void configure_files(void)
{
    own_place_begin_with_one();
    own_place_stop();
    scene.config.tls_issuer = NULL;
    scene.config.tls_cert_path = own_place_path("crt");
    scene.config.tls_key_path = own_place_path("key");
}

Test(own_certificate_files, configured_files_are_used_and_nobody_is_asked)
{
    struct fault fault = {0};
    configure_files();
    cr_assert(own_place_start(&fault), "%s", fault.message);
    cr_expect_eq(scene.published, 2);
    cr_expect(own_place_ends_at() > clock_now());
    cr_expect_eq(own_certificate_intermediates(scene.own, scene.place.place.arena).n, 0);
    own_certificate_issuer_changed(scene.own);
    own_certificate_revoked(scene.own, own_place_leaf());
    fakes_pass((own_place_ends_at() + 3600 - clock_now()) * 1000);
    cr_expect(scene.place.main.signs == 1 && scene.published == 2);
    struct own_certificate_files files;
    cr_assert(own_certificate_files_read(scene.place.place.arena, &scene.config, &files, &fault), "%s",
              fault.message);
    own_certificate_note_files(scene.own, &files);
    cr_expect_eq(scene.published, 2, "it has been told that the listeners have them");
    own_place_end();
}

Test(own_certificate_files, without_a_listener_that_takes_them_nothing_starts)
{
    struct fault fault = {0};
    configure_files();
    scene.publish_fails = true;
    cr_expect_not(own_place_start(&fault));
    cr_expect_str_eq(fault.message, "no listener takes it");
    scene.publish_fails = false;
    cr_assert(own_place_start(&fault), "%s", fault.message);
    own_place_end();
}

static const struct {
    const char *chain, *key; /* NULL: as it was; "-": there is none */
    const char *words;
    const char *pass_phrase; /* NULL: none is configured */
} broken[] = {
    {"-", NULL, "cannot be read: No such file", NULL},
    {"no certificate", NULL, "contains no certificate, or a damaged one", NULL},
    {NULL, "-", "cannot be read: No such file", NULL},
    {NULL, "no key", "contains no private key", NULL},
    {NULL, "other", "is not the key of the first certificate", NULL},
    {NULL, "encrypted", "is encrypted; name a file with its pass phrase in tls.key_password_file", NULL},
    {NULL, "encrypted", "the pass phrase in tls.key_password_file does not open it", "wrong"},
    {NULL, "encrypted", "is not the key of the first certificate", "right"},
};

static void break_file(const char *ending, const char *text)
{
    if (text == NULL)
        return;
    unlink(own_place_path(ending));
    if (strcmp(text, "other") == 0)
        text = "-----BEGIN PRIVATE KEY-----\n"
               "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
               "-----END PRIVATE KEY-----\n";
    if (strcmp(text, "encrypted") == 0)
        text = arena_string(scene.place.place.arena,
                            private_key_to_pem(scene.place.place.arena,
                                               pki_key(scene.place.place.arena, "P-256"),
                                               BYTES_LITERAL("right")));
    if (strcmp(text, "-") != 0) {
        place_write(&scene.place.place, arena_printf(scene.place.place.arena, "acmegate.db.tls.%s", ending),
                    text);
        cr_assert_eq(chmod(own_place_path(ending), 0600), 0);
    }
}

Test(own_certificate_files, files_that_cannot_be_used_end_the_start_with_a_sentence)
{
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct fault fault = {0};
        configure_files();
        break_file("crt", broken[i].chain);
        break_file("key", broken[i].key);
        scene.config.tls_key_password = bytes_from_string(broken[i].pass_phrase);
        cr_expect_not(own_place_start(&fault), "%zu", i);
        cr_expect(strstr(fault.message, broken[i].words) != NULL, "%zu: %s", i, fault.message);
        own_place_end();
    }
}

/* Every handshake would fail at OpenSSL's security level. */
Test(own_certificate_files, a_pair_that_is_too_weak_for_tls_ends_the_start)
{
    static const struct {
        const char *key, *words; /* words NULL: it is used */
    } cases[] = {{"RSA-1024", "cannot be used for TLS: ee key too small; make a pair with a stronger key"},
                 {"RSA-2048", NULL},
                 {"P-384", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {0};
        configure_files();
        struct arena *arena = scene.place.place.arena;
        EVP_PKEY *key = pki_key(arena, cases[i].key);
        const struct pki_certificate wanted = {.key = key,
                                               .common_name = "acme.test",
                                               .names = "DNS:acme.test",
                                               .not_before = clock_now() - 60,
                                               .not_after = clock_now() + 86400};
        break_file("crt", arena_string(arena, pki_pem(arena, pki_certificate(arena, &wanted))));
        break_file("key", arena_string(arena, private_key_to_pem(arena, key, (struct bytes){0})));
        bool started = own_place_start(&fault);
        cr_expect_eq(started, cases[i].words == NULL, "%s: %s", cases[i].key, fault.message);
        if (cases[i].words != NULL)
            cr_expect_not_null(strstr(fault.message, cases[i].words), "%s", fault.message);
        own_place_end();
    }
}
