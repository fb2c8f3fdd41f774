/* SPDX-License-Identifier: Apache-2.0 */
#include "fixtures.h"

#include <stdio.h>

#include "acme/base/file.h"
#include "stepca/request_log.h"

LEAK_CHECKED_SUITE(request_log);

/* ---- lines that step-ca wrote: 0.30.2 and 0.19.0, JSON and text ---- */

/* The line's own field `serial`, decimal. */
static const char *serial_in(struct arena *arena, const char *line)
{
    const char *at = strstr(line, "serial");
    cr_assert_not_null(at, "%s", line);
    at += strcspn(at, "0123456789");
    return arena_string(arena, bytes_of(at, strspn(at, "0123456789")));
}

static const char *serial_of(struct arena *arena, struct bytes der)
{
    const uint8_t *at = der.p;
    autofree_x509 X509 *certificate = d2i_X509(NULL, &at, (long)der.n);
    cr_assert_not_null(certificate);
    cr_assert_eq(at, der.p + der.n);
    autofree_bignum BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *decimal = BN_bn2dec(number);
    const char *copy = arena_duplicate(arena, decimal);
    OPENSSL_free(decimal);
    return copy;
}

static bool is_about_a_certificate(const char *line)
{
    static const char *const paths[] = {"/1.0/sign", "/1.0/renew", "/acme/acme/certificate/"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *at = strstr(line, paths[i]);
        /* `path`, not a URL in the reply to finalize */
        if (at != NULL && (strncmp(at - 5, "path=", 5) == 0 || strncmp(at - 8, "\"path\":\"", 8) == 0))
            return true;
    }
    return false;
}

Test(request_log, each_certificate_of_a_real_log_is_found_and_nothing_else)
{
    struct arena *arena = arena_new();
    struct bytes text, der;
    size_t certificates = 0, others = 0;
    cr_assert(file_read(arena, ACMEGATE_TEST_DATA "/step-ca-request-log.txt", 1 << 20, &text));
    char *rest = NULL;
    for (char *line = strtok_r(arena_string(arena, text), "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        enum request_log_line found = request_log_read(arena, bytes_from_string(line), &der);
        if (is_about_a_certificate(line)) {
            cr_expect_eq(found, REQUEST_LOG_CERTIFICATE, "%s", line);
            cr_expect_str_eq(serial_of(arena, der), serial_in(arena, line));
            certificates++;
        } else {
            cr_expect_eq(found, REQUEST_LOG_OTHER, "%s", line);
            others++;
        }
    }
    cr_expect_eq(certificates, 12);
    cr_expect_gt(others, 12);
    arena_free(arena);
}

/* ---- lines that somebody else may have written ---- */

static const struct {
    const char *line;
    enum request_log_line expected;
    const char *der;
} hostile[] = {
    /* as step-ca writes them, as short as can be */
    {"{\"certificate\":\"QUJD\"}", REQUEST_LOG_CERTIFICATE, "ABC"},
    {"time=\"x\" certificate=QUJD path=/sign", REQUEST_LOG_CERTIFICATE, "ABC"},
    {"certificate=\"QUJDRA==\"", REQUEST_LOG_CERTIFICATE, "ABCD"},
    {"certificate=QUJDREU=", REQUEST_LOG_CERTIFICATE, "ABCDE"},
    {"Nov 24 19:13:09 ca step-ca[7]: level=info certificate=QUJD", REQUEST_LOG_CERTIFICATE, "ABC"},
    /* other lines */
    {"", REQUEST_LOG_OTHER, NULL},
    {"{}", REQUEST_LOG_OTHER, NULL},
    {"certificate", REQUEST_LOG_OTHER, NULL},
    {"certificates=QUJD", REQUEST_LOG_OTHER, NULL},
    {"Root certificates are available at https://ca/roots.pem", REQUEST_LOG_OTHER, NULL},
    {"{\"path\":\"/acme/acme/certificate/x\"}", REQUEST_LOG_OTHER, NULL},
    {"{\"response\":{\"certificate\":\"QUJD\"}}", REQUEST_LOG_OTHER, NULL},
    /* what a client chose stands within quotes */
    {"level=info user-agent=\"x certificate=QUJD\"", REQUEST_LOG_OTHER, NULL},
    {"user-agent=\"a\\\" certificate=QUJD \\\"\"", REQUEST_LOG_OTHER, NULL},
    {"{\"user-agent\":\"\\\"certificate\\\":\\\"QUJD\\\"\"}", REQUEST_LOG_OTHER, NULL},
    {"user-agent=\"a\\\\\" certificate=QUJD", REQUEST_LOG_CERTIFICATE, "ABC"},
    /* SSH certificates */
    {"certificate=QUJD certificate-type=ssh-ed25519-cert-v01@openssh.com", REQUEST_LOG_SSH_CERTIFICATE, NULL},
    {"{\"certificate\":\"QUJD\",\"certificate-type\":\"x\"}", REQUEST_LOG_SSH_CERTIFICATE, NULL},
    /* broken ones */
    {"{\"certificate\":\"QUJD", REQUEST_LOG_BROKEN, NULL},
    {"{\"certificate\":7}", REQUEST_LOG_BROKEN, NULL},
    {"{\"certificate\":null}", REQUEST_LOG_BROKEN, NULL},
    {"{\"certificate\":\"QUJD\",\"certificate\":\"QUJD\"}", REQUEST_LOG_BROKEN, NULL},
    {"certificate=QUJD certificate=QUJD", REQUEST_LOG_BROKEN, NULL},
    {"certificate=", REQUEST_LOG_BROKEN, NULL},
    {"certificate=\"", REQUEST_LOG_BROKEN, NULL},
    {"certificate=\"QUJD", REQUEST_LOG_BROKEN, NULL},
    {"certificate=\"QUJD\\", REQUEST_LOG_BROKEN, NULL},
    {"certificate=QUJ", REQUEST_LOG_BROKEN, NULL},
    {"certificate=QU=D", REQUEST_LOG_BROKEN, NULL},
    {"certificate=====", REQUEST_LOG_BROKEN, NULL},
    {"certificate=QU-_", REQUEST_LOG_BROKEN, NULL},
    {"certificate=\"QU D\"", REQUEST_LOG_BROKEN, NULL},
};

Test(request_log, what_somebody_else_wrote_is_no_certificate)
{
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct arena *arena = arena_new();
        struct bytes der = {0};
        /* a copy of exactly its length: reading on is found */
        struct bytes line = bytes_from_string(hostile[i].line);
        uint8_t *exact = malloc(line.n + 1);
        memcpy(exact, line.p, line.n);
        cr_expect_eq(request_log_read(arena, bytes_of(exact, line.n), &der), hostile[i].expected, "%s",
                     hostile[i].line);
        if (hostile[i].der != NULL)
            cr_expect(bytes_equal_string(der, hostile[i].der), "%s", hostile[i].line);
        free(exact);
        arena_free(arena);
    }
}

Test(request_log, every_beginning_of_a_real_line_is_read_without_harm)
{
    struct arena *arena = arena_new();
    struct bytes text, der;
    cr_assert(file_read(arena, ACMEGATE_TEST_DATA "/step-ca-request-log.txt", 1 << 20, &text));
    char *rest = NULL;
    for (char *line = strtok_r(arena_string(arena, text), "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        bool whole = is_about_a_certificate(line);
        for (size_t n = 0; n < strlen(line); n += 7) {
            struct arena *scratch = arena_new();
            enum request_log_line found = request_log_read(scratch, bytes_of(line, n), &der);
            cr_expect(whole || found != REQUEST_LOG_CERTIFICATE);
            cr_expect(line[0] != '{' || found != REQUEST_LOG_CERTIFICATE, "%.*s", (int)n, line);
            arena_free(scratch);
        }
    }
    arena_free(arena);
}

/* ---- wrapped by who collects them ---- */

static const char *in_json(struct arena *arena, const char *member, const char *line, const char *end)
{
    struct json_writer *writer = json_writer_new(arena, 1 << 20);
    json_begin_object(writer);
    json_put_string(writer, "stream", "stdout");
    json_put_string(writer, member, arena_printf(arena, "%s%s", line, end));
    json_end_object(writer);
    return arena_string(arena, json_writer_finish(writer));
}

static const char *wrap(struct arena *arena, size_t how, const char *line)
{
    static const char *const prefixes[] = {
        "Nov 26 13:34:01 ca step-ca[4711]: ",                  /* journalctl, syslog's file */
        "2026-11-26T13:34:01.123456+00:00 ca step-ca[4711]: ", /* rsyslog */
        "<30>1 2026-11-26T13:34:01Z ca step-ca 4711 - - ",     /* RFC 5424 */
        "step-ca-1  | ",                                       /* compose */
        "2026-11-26T13:34:01.123456789Z stdout F ",            /* CRI */
        "2026-11-26T13:34:01.123456789Z ",                     /* docker logs -t */
    };
    enum { PREFIXES = sizeof prefixes / sizeof *prefixes };
    if (how < PREFIXES)
        return arena_printf(arena, "%s%s", prefixes[how], line);
    switch (how - PREFIXES) {
    case 0:
        return in_json(arena, "log", line, "\n"); /* docker's json-file */
    case 1:
        return in_json(arena, "MESSAGE", line, ""); /* journalctl -o json */
    case 2:
        return in_json(arena, "MESSAGE", in_json(arena, "log", line, "\n"), "");
    case 3:
        return in_json(arena, "message", arena_printf(arena, "step-ca  | %s", line), "");
    case 4:
        return arena_printf(arena, "%s\r", line);
    default:
        return NULL;
    }
}

Test(request_log, C14_a_line_is_read_however_it_is_wrapped)
{
    struct arena *arena = arena_new();
    struct bytes text, der, inner;
    size_t read = 0;
    cr_assert(file_read(arena, ACMEGATE_TEST_DATA "/step-ca-request-log.txt", 1 << 20, &text));
    char *rest = NULL;
    for (char *line = strtok_r(arena_string(arena, text), "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        enum request_log_line bare = request_log_read(arena, bytes_from_string(line), &der);
        const char *wrapped;
        for (size_t how = 0; (wrapped = wrap(arena, how, line)) != NULL; how++) {
            enum request_log_line found = request_log_read(arena, bytes_from_string(wrapped), &inner);
            cr_expect_eq(found, bare, "%s", wrapped);
            if (found == REQUEST_LOG_CERTIFICATE && bare == found) {
                cr_expect(bytes_equal(inner, der), "%s", wrapped);
                read++;
            }
        }
    }
    cr_expect_gt(read, 50);
    arena_free(arena);
}

Test(request_log, C14_a_wrapped_line_that_is_cut_off_is_broken)
{
    struct arena *arena = arena_new();
    struct bytes der;
    static const char *const lines[] = {
        "step-ca-1  | {\"certificate\":\"MIIB",
        "2026-11-26T13:34:01.1Z stdout P {\"path\":\"/1.0/sign\",\"certificate\":\"MIIB",
        "{\"log\":\"{\\\"certificate\\\":\\\"MIIB\",\"stream\":\"stdout\"}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect_eq(request_log_read(arena, bytes_from_string(lines[i]), &der), REQUEST_LOG_BROKEN, "%s",
                     lines[i]);
    /* A client's own words are not a line of the log. */
    cr_expect_eq(
        request_log_read(
            arena,
            BYTES_LITERAL("{\"path\":\"/health\",\"user-agent\":\"{\\\"certificate\\\":\\\"MIIB\\\"}\"}"),
            &der),
        REQUEST_LOG_OTHER);
    arena_free(arena);
}
