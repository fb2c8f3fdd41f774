/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/outbound/dns_message.h"
#include "growth.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(dns_message);

#define HEAD(flags, answers, authorities) \
    "\x12\x34" flags "\0\1" answers authorities "\0\0" \
    "\1a\4test\0\0\x10\0\1"
/* The owner is the question's name, at 12. */
#define RECORD(type, length) \
    "\xc0\x0c" type "\0\1" \
    "\0\0\0\x3c" length
#define ANSWERED "\x81\x80"
#define ONE      "\0\1"
#define NONE     "\0\0"
#define NS       "\0\2"
#define SOA      "\0\6"
#define TXT      "\0\x10"
#define CNAME    "\0\5"

static bool read(struct arena *arena, struct bytes octets, struct dns_message *out)
{
    return dns_message_read(arena, octets, DNS_TYPE_TXT, out);
}

/* The content of an answer. */
Test(dns_message, N1_is_read_as_it_is)
{
    static const struct {
        struct bytes octets;
        unsigned rcode;
        bool recurses, referral;
        size_t records;
        const char *alias;
    } cases[] = {
        {BYTES_LITERAL(HEAD(ANSWERED, NONE, NONE)), 0, true, false, 0, NULL},
        {BYTES_LITERAL(HEAD("\x81\x82", NONE, NONE)), 2, true, false, 0, NULL},
        {BYTES_LITERAL(HEAD("\x81\x05", NONE, NONE)), 5, false, false, 0, NULL},
        {BYTES_LITERAL(HEAD("\x81\x00", NONE, ONE) RECORD(NS, "\0\2") "\xc0\x0e"), 0, false, true, 0, NULL},
        {BYTES_LITERAL(HEAD("\x81\x00", NONE, ONE) RECORD(SOA, "\0\2") "\xc0\x0e"), 0, false, false, 0, NULL},
        {BYTES_LITERAL(HEAD("\x85\x00", NONE, ONE) RECORD(NS, "\0\2") "\xc0\x0e"), 0, false, false, 0, NULL},
        {BYTES_LITERAL(HEAD(ANSWERED, NONE, ONE) RECORD(NS, "\0\2") "\xc0\x0e"), 0, true, false, 0, NULL},
        {BYTES_LITERAL(HEAD(ANSWERED, ONE, NONE) RECORD(TXT, "\0\2") "\1x"), 0, true, false, 1, NULL},
        {BYTES_LITERAL(HEAD(ANSWERED, ONE, NONE) RECORD(CNAME, "\0\2") "\xc0\x0e"), 0, true, false, 0,
         "test"},
        {BYTES_LITERAL(HEAD(ANSWERED, "\0\2", NONE)
                           RECORD(CNAME, "\0\2") "\xc0\x0e" RECORD(TXT, "\0\2") "\1x"),
         0, true, false, 1, "test"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dns_message message;
        cr_assert(read(arena, cases[i].octets, &message), "case %zu", i);
        cr_expect_eq(message.rcode, cases[i].rcode, "case %zu", i);
        cr_expect_eq(message.recurses, cases[i].recurses, "case %zu", i);
        cr_expect_eq(message.referral, cases[i].referral, "case %zu", i);
        cr_expect_eq(message.record_count, cases[i].records, "case %zu", i);
        cr_assert_eq(message.alias == NULL, cases[i].alias == NULL, "case %zu", i);
        cr_expect(cases[i].alias == NULL || strcmp(message.alias, cases[i].alias) == 0, "case %zu", i);
    }
    arena_free(arena);
}

/* Cut anywhere, it is malformed; with any one octet changed, it is read or refused, and the sanitizers are
 * content. */
Test(dns_message, N1_every_cut_is_malformed_and_no_change_does_harm)
{
    static const struct bytes whole = {
        (const uint8_t *)HEAD(ANSWERED, "\0\2", NONE)
            RECORD(CNAME, "\0\2") "\xc0\x0e" RECORD(TXT, "\0\2") "\1x",
        sizeof(HEAD(ANSWERED, "\0\2", NONE) RECORD(CNAME, "\0\2") "\xc0\x0e" RECORD(TXT, "\0\2") "\1x") - 1};
    struct arena *arena = arena_new();
    struct dns_message message;
    size_t read_count = 0;
    cr_assert(read(arena, whole, &message));
    for (size_t n = 0; n < whole.n; n++) {
        struct bytes cut = arena_copy(arena, bytes_of(whole.p, n));
        cr_expect_not(read(arena, cut, &message), "%zu octets", n);
    }
    for (size_t at = 0; at < whole.n; at++)
        for (unsigned octet = 0; octet < 256; octet++) {
            struct bytes changed = arena_copy(arena, whole);
            ((uint8_t *)(uintptr_t)changed.p)[at] = (uint8_t)octet;
            read_count += read(arena, changed, &message);
        }
    cr_expect_gt(read_count, whole.n);
    arena_free(arena);
}

static uint8_t *put(uint8_t *at, struct bytes octets)
{
    memcpy(at, octets.p, octets.n);
    return at + octets.n;
}

/* A name of `labels` labels in one record's data; then aliases of that name, which point to it as well. */
static struct bytes chained(struct arena *arena, size_t labels, unsigned aliases)
{
    const struct bytes head = BYTES_LITERAL(HEAD(ANSWERED, NONE, NONE));
    const struct bytes text = BYTES_LITERAL(RECORD(TXT, "\0\0")),
                       alias = BYTES_LITERAL(RECORD(CNAME, "\0\2"));
    const struct bytes label = BYTES_LITERAL("\1a"), end = BYTES_LITERAL("\xc0\x0c");
    uint8_t *octets = arena_alloc(arena, head.n + text.n + 2 * labels + end.n + aliases * (alias.n + 2));
    uint8_t *at = put(put(octets, head), text);
    const uint8_t pointer[] = {0xc0, (uint8_t)(at - octets)};
    at[-2] = (uint8_t)((2 * labels + end.n) >> 8);
    at[-1] = (uint8_t)(2 * labels + end.n);
    for (size_t i = 0; i < labels; i++)
        at = put(at, label);
    at = put(at, end);
    for (unsigned i = 0; i < aliases; i++) {
        uint8_t *owner = at;
        at = put(put(at, alias), bytes_of(pointer, sizeof pointer));
        memcpy(owner, pointer, sizeof pointer);
    }
    octets[6] = (uint8_t)((1 + aliases) >> 8);
    octets[7] = (uint8_t)(1 + aliases);
    return bytes_of(octets, (size_t)(at - octets));
}

static void read_chained(void *context, size_t n)
{
    (void)context;
    struct arena *arena = arena_new();
    struct dns_message message;
    cr_expect_not(read(arena, chained(arena, n, (unsigned)n), &message), "a name has 255 octets at most");
    arena_free(arena);
}

/* With 4,000 labels and as many aliases the message has 64 KiB. */
Test(dns_message, S9_work_grows_with_the_octets_whatever_they_point_to)
{
    cr_expect_lt(growth_of(read_chained, NULL, 250), GROWTH_MOST);
}

/* Pointers lead back (RFC 1035 §4.1.4), labels have 63 octets at most, names 255. */
Test(dns_message, S9_names_that_are_none_are_malformed)
{
    struct arena *arena = arena_new();
    struct dns_message message;
    static const struct bytes names[] = {BYTES_LITERAL("\xc0\x18"), BYTES_LITERAL("\xff\xff"),
                                         BYTES_LITERAL("\x40"), BYTES_LITERAL("\x80")};
    const struct bytes head = BYTES_LITERAL(HEAD(ANSWERED, ONE, NONE)),
                       tail = BYTES_LITERAL(TXT ONE "\0\0\0\0\0\0");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint8_t *octets = arena_alloc(arena, 1024);
        uint8_t *at = put(put(put(octets, head), names[i]), tail);
        cr_expect_not(read(arena, bytes_of(octets, (size_t)(at - octets)), &message), "case %zu", i);
    }
    for (size_t labels = 120; labels <= 140; labels += 20) {
        uint8_t *octets = arena_alloc(arena, 1024);
        uint8_t *at = put(octets, head);
        for (size_t i = 0; i < labels; i++)
            at = put(at, BYTES_LITERAL("\1a"));
        at = put(put(at, BYTES_LITERAL("\0")), tail);
        cr_expect_eq(read(arena, bytes_of(octets, (size_t)(at - octets)), &message), labels == 120, "%zu",
                     labels);
    }
    arena_free(arena);
}

Test(dns_message, N1_text_is_its_strings_joined)
{
    static const struct {
        struct bytes record;
        const char *text; /* NULL: malformed */
    } cases[] = {
        {BYTES_LITERAL("\3abc"), "abc"}, {BYTES_LITERAL("\1a\2bc"), "abc"}, {BYTES_LITERAL("\0"), ""},
        {BYTES_LITERAL("\1a\0"), "a"},   {BYTES_LITERAL(""), NULL},         {BYTES_LITERAL("\1"), NULL},
        {BYTES_LITERAL("\3ab"), NULL},   {BYTES_LITERAL("\1a\1"), NULL},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes text = {0};
        cr_assert_eq(dns_text_read(arena, arena_copy(arena, cases[i].record), &text), cases[i].text != NULL,
                     "case %zu", i);
        cr_expect(cases[i].text == NULL || bytes_equal_string(text, cases[i].text), "case %zu", i);
    }
    arena_free(arena);
}

Test(dns_message, N1_caa_has_flags_tag_and_value)
{
    static const struct {
        struct bytes record;
        bool critical;
        const char *tag, *value; /* NULL: malformed */
    } cases[] = {
        {BYTES_LITERAL("\0\5issueca.test"), false, "issue", "ca.test"},
        {BYTES_LITERAL("\x80\3new"), true, "new", ""},
        {BYTES_LITERAL("\x7f\3new;"), false, "new", ";"},
        {BYTES_LITERAL("\0\0x"), false, NULL, NULL},
        {BYTES_LITERAL("\0\4new"), false, NULL, NULL},
        {BYTES_LITERAL("\0"), false, NULL, NULL},
        {BYTES_LITERAL(""), false, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct caa_record record = {0};
        cr_assert_eq(dns_caa_read(cases[i].record, &record), cases[i].tag != NULL, "case %zu", i);
        if (cases[i].tag == NULL)
            continue;
        cr_expect_eq(record.critical, cases[i].critical, "case %zu", i);
        cr_expect(bytes_equal_string(record.tag, cases[i].tag), "case %zu", i);
        cr_expect(bytes_equal_string(record.value, cases[i].value), "case %zu", i);
    }
}
