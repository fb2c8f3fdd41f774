/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/crl.h"
#include "leaks.h"
#include "pki.h"

LEAK_CHECKED_SUITE(crl);

enum { NOW = 1800000000, HOUR_S = 3600, DAY_S = 24 * HOUR_S };

/* A root, an intermediate that signs lists, and others that do not. */
struct cast {
    struct arena *arena;
    EVP_PKEY *root_key, *key, *other_key;
    X509 *root, *intermediate, *mute, *over, *foreign_root;
    X509_STORE *roots;
};

static X509 *authority(struct arena *arena, EVP_PKEY *key, X509 *signer, EVP_PKEY *signer_key,
                       const char *usage, int64_t not_after)
{
    struct pki_certificate wanted = {.key = key,
                                     .signer = signer,
                                     .signer_key = signer_key,
                                     .common_name = signer == NULL ? "root" : "intermediate",
                                     .is_ca = true,
                                     .key_usage = usage,
                                     .not_before = NOW - DAY_S,
                                     .not_after = not_after};
    return pki_certificate(arena, &wanted);
}

static struct cast assemble(void)
{
    static const char both[] = "critical,keyCertSign,cRLSign";
    struct cast cast = {.arena = arena_new()};
    cast.root_key = pki_key(cast.arena, "P-256");
    cast.key = pki_key(cast.arena, "P-256");
    cast.other_key = pki_key(cast.arena, "P-256");
    cast.root = authority(cast.arena, cast.root_key, NULL, NULL, both, NOW + DAY_S);
    cast.foreign_root = authority(cast.arena, cast.other_key, NULL, NULL, both, NOW + DAY_S);
    cast.intermediate = authority(cast.arena, cast.key, cast.root, cast.root_key, both, NOW + DAY_S);
    cast.mute =
        authority(cast.arena, cast.key, cast.root, cast.root_key, "critical,keyCertSign", NOW + DAY_S);
    cast.over = authority(cast.arena, cast.key, cast.root, cast.root_key, both, NOW - 1);
    cast.roots = pki_roots(cast.arena, cast.root);
    return cast;
}

struct listed {
    const char *serial_hex;
    int reason; /* CRL_NO_REASON: none */
};

struct list_wanted {
    X509 *issuer; /* NULL: the intermediate */
    EVP_PKEY *key;
    int64_t this_update, next_update; /* next 0: none */
    unsigned number;                  /* 0: none */
    int extension;                    /* NID */
    const char *extension_value;
    const struct listed *entries;
    size_t count;
    int critical_entry_extension; /* NID of the first entry's */
};

static void add_extension(X509_CRL *crl, int nid, const char *value)
{
    if (nid == NID_delta_crl) { /* has no text form */
        ASN1_INTEGER *base = ASN1_INTEGER_new();
        cr_assert_eq(X509_CRL_add1_ext_i2d(crl, nid, base, 1, 0), 1);
        ASN1_INTEGER_free(base);
        return;
    }
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    cr_assert_not_null(made, "%s", value);
    cr_assert_eq(X509_CRL_add_ext(crl, made, -1), 1);
    X509_EXTENSION_free(made);
}

static void add_entry(X509_CRL *crl, const struct listed *listed, int critical_extension)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    BIGNUM *read = NULL;
    cr_assert_gt(BN_hex2bn(&read, listed->serial_hex), 0);
    ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(read, NULL);
    ASN1_TIME *at = ASN1_TIME_set(NULL, NOW - HOUR_S);
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
    X509_REVOKED_set_serialNumber(entry, serial);
    X509_REVOKED_set_revocationDate(entry, at);
    ASN1_ENUMERATED_set(reason, listed->reason);
    if (listed->reason != CRL_NO_REASON)
        cr_assert_eq(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0), 1);
    if (critical_extension != 0) {
        GENERAL_NAMES *names = GENERAL_NAMES_new();
        cr_assert_eq(X509_REVOKED_add1_ext_i2d(entry, critical_extension, names, 1, 0), 1);
        GENERAL_NAMES_free(names);
    }
    cr_assert_eq(X509_CRL_add0_revoked(crl, entry), 1);
    BN_free(read);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(at);
    ASN1_ENUMERATED_free(reason);
}

static struct bytes make_list(const struct cast *cast, const struct list_wanted *wanted)
{
    X509_CRL *crl = X509_CRL_new();
    X509 *issuer = wanted->issuer == NULL ? cast->intermediate : wanted->issuer;
    ASN1_TIME *from = ASN1_TIME_set(NULL, wanted->this_update == 0 ? NOW - HOUR_S : wanted->this_update);
    ASN1_TIME *to = wanted->next_update < 0
                        ? NULL
                        : ASN1_TIME_set(NULL, wanted->next_update == 0 ? NOW + DAY_S : wanted->next_update);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
    X509_CRL_set1_lastUpdate(crl, from);
    if (to != NULL)
        X509_CRL_set1_nextUpdate(crl, to);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    if (wanted->number != 0) {
        ASN1_INTEGER *number = ASN1_INTEGER_new();
        ASN1_INTEGER_set(number, (long)wanted->number);
        cr_assert_eq(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0), 1);
        ASN1_INTEGER_free(number);
    }
    if (wanted->extension != 0)
        add_extension(crl, wanted->extension, wanted->extension_value);
    for (size_t i = 0; i < wanted->count; i++)
        add_entry(crl, &wanted->entries[i], i == 0 ? wanted->critical_entry_extension : 0);
    cr_assert_gt(X509_CRL_sign(crl, wanted->key == NULL ? cast->key : wanted->key, EVP_sha256()), 0);
    unsigned char *der = NULL;
    int n = i2d_X509_CRL(crl, &der);
    struct bytes copy = arena_copy(cast->arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    X509_CRL_free(crl);
    return copy;
}

static const char *read_fault(const struct cast *cast, struct bytes der, X509 *candidate, struct crl *out)
{
    struct fault fault = {0};
    struct bytes pem = candidate == NULL ? (struct bytes){0} : pki_pem(cast->arena, candidate);
    return crl_read(cast->arena, der, pem, cast->roots, NOW, out, &fault)
               ? NULL
               : arena_duplicate(cast->arena, fault.message);
}

Test(crl, what_is_in_it_is_found_by_serial)
{
    static const struct listed entries[] = {
        {"ff", 1}, {"0A", CRL_NO_REASON}, {"7f000000000000000000000000000001", 5}};
    struct cast cast = assemble();
    struct crl crl;
    struct bytes der =
        make_list(&cast, &(struct list_wanted){.number = 0x123, .entries = entries, .count = 3});
    const char *fault = read_fault(&cast, der, cast.intermediate, &crl);
    cr_assert_null(fault, "%s", fault);
    cr_expect_str_eq(crl.number, "123");
    cr_expect_eq(crl.this_update, NOW - HOUR_S);
    cr_expect_eq(crl.next_update, NOW + DAY_S);
    cr_expect(bytes_equal(crl.signer, pki_der(cast.arena, cast.intermediate)));
    cr_assert_eq(crl.count, 3);
    cr_expect_eq(crl_find(&crl, "ff")->reason, 1);
    cr_expect_eq(crl_find(&crl, "a")->reason, CRL_NO_REASON);
    cr_expect_eq(crl_find(&crl, "a")->revoked_at, NOW - HOUR_S);
    cr_expect_eq(crl_find(&crl, "7f000000000000000000000000000001")->reason, 5);
    cr_expect_null(crl_find(&crl, "b"));
    cr_expect_null(crl_find(&crl, "7f0000000000000000000000000000017f0000000000000000000000000000017f"));
    cr_expect_not(crl_is_over(&crl, NOW + DAY_S - 1));
    cr_expect(crl_is_over(&crl, NOW + DAY_S));
    arena_free(cast.arena);
}

Test(crl, a_root_that_signs_leaves_itself_signs_their_list)
{
    struct cast cast = assemble();
    struct crl crl;
    struct bytes der = make_list(&cast, &(struct list_wanted){.issuer = cast.root, .key = cast.root_key});
    const char *fault = read_fault(&cast, der, NULL, &crl);
    cr_assert_null(fault, "%s", fault);
    cr_expect(bytes_equal(crl.signer, pki_der(cast.arena, cast.root)));
    cr_expect_str_empty(crl.number);
    arena_free(cast.arena);
}

Test(crl, an_entry_that_can_be_of_no_certificate_is_left_out)
{
    static const struct listed entries[] = {
        {"-1", 1}, {"0A", 1}, {"7f00000000000000000000000000000000000000001", 5}, {"ff", 4}};
    struct cast cast = assemble();
    struct crl crl;
    struct bytes der = make_list(&cast, &(struct list_wanted){.entries = entries, .count = 4});
    const char *fault = read_fault(&cast, der, cast.intermediate, &crl);
    cr_assert_null(fault, "%s", fault);
    cr_expect_eq(crl.count, 2);
    cr_expect_eq(crl.left_out, 2);
    cr_expect_eq(crl_find(&crl, "a")->reason, 1);
    cr_expect_eq(crl_find(&crl, "ff")->reason, 4);
    cr_expect_null(crl_find(&crl, "1"));
    cr_expect_null(crl_find(&crl, ""));
    arena_free(cast.arena);
}

/* Where `candidate` is 'n' for none, 'i'ntermediate, 'm'ute, 'o'ver or 'f'oreign root. */
struct refusal {
    const char *label;
    char candidate;
    bool foreign_key;
    bool foreign_issuer;
    struct list_wanted list;
    const char *words;
};

static const struct listed one[] = {{"01", 1}};

static const struct refusal refusals[] = {
    {"nobody known", 'n', .words = "no certificate of the CA"},
    {"another key", 'i', .foreign_key = true, .words = "signature is not by"},
    {"no cRLSign", 'm', .words = "cRLSign"},
    {"signer over", 'o', .words = "has expired"},
    {"another root", 'f', .foreign_issuer = true, .foreign_key = true, .words = "signature is not by"},
    {"no end", 'i', .list = {.next_update = -1}, .words = "has no validity period"},
    {"delta", 'i', .list = {.extension = NID_delta_crl}, .words = "delta"},
    {"indirect", 'i',
     .list = {.extension = NID_issuing_distribution_point, .extension_value = "critical,indirectCRL:TRUE"},
     .words = "indirect"},
    {"CAs only", 'i',
     .list = {.extension = NID_issuing_distribution_point, .extension_value = "critical,onlyCA:TRUE"},
     .words = "some certificates"},
    {"some reasons", 'i',
     .list = {.extension = NID_issuing_distribution_point,
              .extension_value = "critical,onlysomereasons:keyCompromise"},
     .words = "some reasons"},
    {"a distribution point that cannot be read", 'i',
     .list = {.extension = NID_issuing_distribution_point, .extension_value = "critical,DER:0500"},
     .words = "cannot be read"},
    {"unknown critical", 'i',
     .list = {.extension = NID_subject_alt_name, .extension_value = "critical,DNS:a.example"},
     .words = "unknown critical"},
    {"another CA's entry", 'i',
     .list = {.entries = one, .count = 1, .critical_entry_extension = NID_certificate_issuer},
     .words = "entries cannot be read"},
};

static X509 *candidate_of(const struct cast *cast, char which)
{
    switch (which) {
    case 'i':
        return cast->intermediate;
    case 'm':
        return cast->mute;
    case 'o':
        return cast->over;
    case 'f':
        return cast->foreign_root;
    default:
        return NULL;
    }
}

Test(crl, what_is_no_whole_list_of_the_pinned_ca_is_refused)
{
    struct cast cast = assemble();
    struct crl crl;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct list_wanted wanted = refusals[i].list;
        wanted.key = refusals[i].foreign_key ? cast.other_key : NULL;
        wanted.issuer = refusals[i].foreign_issuer ? cast.foreign_root : NULL;
        const char *fault =
            read_fault(&cast, make_list(&cast, &wanted), candidate_of(&cast, refusals[i].candidate), &crl);
        cr_expect(fault != NULL && strstr(fault, refusals[i].words) != NULL, "%s: %s", refusals[i].label,
                  fault);
    }
    arena_free(cast.arena);
}

Test(crl, a_distribution_point_alone_is_no_reason_to_refuse)
{
    struct cast cast = assemble();
    struct crl crl;
    struct list_wanted wanted = {.extension = NID_issuing_distribution_point,
                                 .extension_value = "critical,fullname:URI:https://ca.internal/1.0/crl"};
    const char *fault = read_fault(&cast, make_list(&cast, &wanted), cast.intermediate, &crl);
    cr_expect_null(fault, "%s", fault);
    arena_free(cast.arena);
}

Test(crl, cut_or_damaged_it_is_refused)
{
    struct cast cast = assemble();
    struct crl crl;
    struct bytes der = make_list(&cast, &(struct list_wanted){.number = 7, .entries = one, .count = 1});
    for (size_t n = 0; n < der.n; n++)
        cr_expect_not_null(read_fault(&cast, bytes_of(der.p, n), cast.intermediate, &crl), "%zu octets", n);
    uint8_t *damaged = arena_alloc(cast.arena, der.n + 1);
    memcpy(damaged, der.p, der.n);
    cr_expect_not_null(read_fault(&cast, bytes_of(damaged, der.n + 1), cast.intermediate, &crl), "one more");
    for (size_t i = 0; i < der.n; i++) {
        damaged[i] = (uint8_t)(der.p[i] ^ 1 << i % 8);
        cr_expect_not_null(read_fault(&cast, bytes_of(damaged, der.n), cast.intermediate, &crl), "octet %zu",
                           i);
        damaged[i] = der.p[i];
    }
    arena_free(cast.arena);
}

struct succession {
    const char *label;
    struct crl current, fresh;
    const char *words; /* NULL: it may */
};

static const struct succession successions[] = {
    {"newer",
     {.number = "9", .this_update = NOW - 60, .next_update = NOW + 60},
     {.number = "a", .this_update = NOW, .next_update = NOW + 120},
     NULL},
    {"same number, made again",
     {.number = "9", .this_update = NOW - 60, .next_update = NOW + 60},
     {.number = "9", .this_update = NOW - 60, .next_update = NOW + 120},
     NULL},
    {"a longer number is greater",
     {.number = "ff", .this_update = NOW - 60, .next_update = NOW + 60},
     {.number = "100", .this_update = NOW, .next_update = NOW + 120},
     NULL},
    {"made earlier",
     {.number = "9", .this_update = NOW - 60, .next_update = NOW + 60},
     {.number = "a", .this_update = NOW - 61, .next_update = NOW + 120},
     "before the known one"},
    {"lower number",
     {.number = "10", .this_update = NOW - 60, .next_update = NOW + 60},
     {.number = "f", .this_update = NOW, .next_update = NOW + 120},
     "lower"},
    {"no number after one",
     {.number = "10", .this_update = NOW - 60, .next_update = NOW + 60},
     {.number = "", .this_update = NOW, .next_update = NOW + 120},
     "lower"},
    {"counting again, while the one before holds",
     {.number = "10", .this_update = NOW - 60, .next_update = NOW + 1},
     {.number = "0", .this_update = NOW, .next_update = NOW + 120},
     "lower"},
    {"counting again, when the one before is over",
     {.number = "10", .this_update = NOW - 60, .next_update = NOW},
     {.number = "0", .this_update = NOW, .next_update = NOW + 120},
     NULL},
    {"made earlier, though the one before is over",
     {.number = "10", .this_update = NOW - 60, .next_update = NOW},
     {.number = "0", .this_update = NOW - 61, .next_update = NOW + 120},
     "before the known one"},
    {"after one of the future",
     {.number = "10", .this_update = NOW + CRL_SKEW_S + 1, .next_update = NOW + DAY_S},
     {.number = "9", .this_update = NOW, .next_update = NOW + 120},
     NULL},
    {"after one that the CA's clock may have made",
     {.number = "10", .this_update = NOW + CRL_SKEW_S, .next_update = NOW + DAY_S},
     {.number = "9", .this_update = NOW, .next_update = NOW + 120},
     "before the known one"},
    {"over",
     {.number = "9", .this_update = NOW - 60, .next_update = NOW + 60},
     {.number = "a", .this_update = NOW - 30, .next_update = NOW},
     "ended"},
    {"of the future",
     {.number = "9", .this_update = NOW - 60, .next_update = NOW + 60},
     {.number = "a", .this_update = NOW + CRL_SKEW_S + 1, .next_update = NOW + DAY_S},
     "begins"},
};

Test(crl, an_older_list_does_not_take_the_place_of_a_newer_one)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof successions / sizeof successions[0]; i++) {
        const struct succession *given = &successions[i];
        struct fault fault = {0};
        bool may = crl_may_replace(arena, &given->current, &given->fresh, NOW, &fault);
        cr_expect_eq(may, given->words == NULL, "%s: %s", given->label, fault.message);
        cr_expect(may || strstr(fault.message, given->words) != NULL, "%s: %s", given->label, fault.message);
    }
    arena_free(arena);
}

Test(crl, the_first_one_needs_no_other)
{
    struct arena *arena = arena_new();
    struct crl fresh = {.this_update = NOW, .next_update = NOW + 1};
    struct fault fault = {0};
    cr_expect(crl_may_replace(arena, NULL, &fresh, NOW, &fault));
    cr_expect_not(crl_may_replace(arena, NULL, &fresh, NOW + 1, &fault));
    arena_free(arena);
}
