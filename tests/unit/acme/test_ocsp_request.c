/* SPDX-License-Identifier: Apache-2.0 */
#include "ocsp_cast.h"

LEAK_CHECKED_SUITE(ocsp_request);

struct reading {
    const char *label;
    struct ocsp_asked asked;
    int status;
};

Test(ocsp_request, requests_are_read_within_bounds)
{
    const struct reading readings[] = {
        {"plain", {.serial = "1", .nonce_octets = -1}, OCSP_RESPONSE_STATUS_SUCCESSFUL},
        {"SHA-256",
         {.digest = EVP_sha256(), .serial = "1", .nonce_octets = -1},
         OCSP_RESPONSE_STATUS_SUCCESSFUL},
        {"nonce of 1", {.serial = "1", .nonce_octets = 1}, OCSP_RESPONSE_STATUS_SUCCESSFUL},
        {"nonce of 32", {.serial = "1", .nonce_octets = 32}, OCSP_RESPONSE_STATUS_SUCCESSFUL},
        {"nonce of 0", {.serial = "1", .nonce_octets = 0}, OCSP_RESPONSE_STATUS_MALFORMEDREQUEST},
        {"nonce of 33", {.serial = "1", .nonce_octets = 33}, OCSP_RESPONSE_STATUS_MALFORMEDREQUEST},
        {"most questions", {.serial = "1", .nonce_octets = -1, .times = OCSP_MAX_QUESTIONS}, 0},
        {"too many",
         {.serial = "1", .nonce_octets = -1, .times = OCSP_MAX_QUESTIONS + 1},
         OCSP_RESPONSE_STATUS_MALFORMEDREQUEST},
        {"critical extension",
         {.serial = "1", .nonce_octets = -1, .extension = NID_crl_number},
         OCSP_RESPONSE_STATUS_MALFORMEDREQUEST},
    };
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_request request;
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        int status = ocsp_request_read(cast.arena, ocsp_make_request(&cast, readings[i].asked), &request);
        cr_expect_eq(status, readings[i].status, "%s: %d", readings[i].label, status);
    }
    arena_free(cast.arena);
}

/* OCSPRequest, TBSRequest, list, Request, CertID and its hash each begin with a tag and a length of one
 * octet; then comes the hash's name, and NULL for its parameters. */
Test(ocsp_request, one_question_has_no_endless_spellings)
{
    enum { LENGTHS = 6, NAME_OCTETS = 7, PARAMETERS = 2 * LENGTHS + NAME_OCTETS };
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_request request;
    struct bytes der = ocsp_make_request(&cast, (struct ocsp_asked){.serial = "1", .nonce_octets = -1});
    uint8_t *octets = arena_alloc(cast.arena, der.n);
    memcpy(octets, der.p, der.n);
    cr_assert_eq(octets[PARAMETERS], V_ASN1_NULL);
    octets[PARAMETERS] = V_ASN1_OCTET_STRING;
    cr_expect_eq(ocsp_request_read(cast.arena, bytes_of(octets, der.n), &request),
                 OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
    for (size_t i = 0; i < LENGTHS; i++)
        octets[2 * i + 1] -= 2;
    memmove(octets + PARAMETERS, octets + PARAMETERS + 2, der.n - PARAMETERS - 2);
    cr_expect_eq(ocsp_request_read(cast.arena, bytes_of(octets, der.n - 2), &request),
                 OCSP_RESPONSE_STATUS_SUCCESSFUL);
    arena_free(cast.arena);
}

Test(ocsp_request, a_request_says_which_serial_and_nonce)
{
    struct ocsp_cast cast = ocsp_assemble();
    struct ocsp_request request;
    struct bytes der = ocsp_make_request(&cast, (struct ocsp_asked){.serial = "00FA", .nonce_octets = 3});
    cr_assert_eq(ocsp_request_read(cast.arena, der, &request), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_expect_eq(request.count, 1);
    cr_expect_str_eq(request.questions[0].serial, "fa");
    cr_expect(bytes_equal(request.nonce, BYTES_LITERAL("\7\7\7")));
    der = ocsp_make_request(&cast, (struct ocsp_asked){.serial = "-1", .nonce_octets = -1});
    cr_assert_eq(ocsp_request_read(cast.arena, der, &request), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_expect_str_empty(request.questions[0].serial, "no certificate has a negative one");
    arena_free(cast.arena);
}

/* ---- paths ---- */

struct path {
    const char *text;
    const char *serial;  /* NULL: a request */
    const char *request; /* its octets */
};

static const struct path paths[] = {
    {"1a2b", "1a2b", NULL},
    {"1A:2B", "1a2b", NULL},
    {"00ff", "ff", NULL},
    {"0", "0", NULL},
    {"%31a", "1a", NULL},
    {"0123456789abcdef0123456789abcdef01234567", "123456789abcdef0123456789abcdef01234567", NULL},
    {"MAMCAQE=", NULL, "\x30\x03\x02\x01\x01"},
    {"MAMCAQE", NULL, "\x30\x03\x02\x01\x01"},
    {"MAMCAQE%3D", NULL, "\x30\x03\x02\x01\x01"},
    {"MAMCAQ%45%3d", NULL, "\x30\x03\x02\x01\x01"},
    {"MDA/Pz8+", NULL, "\x30\x30\x3f\x3f\x3f\x3e"},
    {"MDA%2FPz8%2B", NULL, "\x30\x30\x3f\x3f\x3f\x3e"},
    {"", NULL, ""},
    {":", NULL, ""},
    {"M", NULL, ""},
    {"%", NULL, ""},
    {"zz zz", NULL, ""},
};

Test(ocsp_request, a_path_holds_a_serial_or_a_request)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char serial[SERIAL_HEX_BYTES];
        struct bytes request;
        bool is_serial =
            ocsp_path_read(arena, bytes_from_string(paths[i].text), serial, &request) == OCSP_PATH_SERIAL;
        cr_expect_eq(is_serial, paths[i].serial != NULL, "%s", paths[i].text);
        if (is_serial)
            cr_expect_str_eq(serial, paths[i].serial);
        else
            cr_expect(bytes_equal_string(request, paths[i].request), "%s: %zu octets", paths[i].text,
                      request.n);
    }
    arena_free(arena);
}

Test(ocsp_request, no_request_in_base64_reads_as_a_serial)
{
    struct ocsp_cast cast = ocsp_assemble();
    for (size_t times = 1; times <= OCSP_MAX_QUESTIONS; times++) {
        struct bytes der =
            ocsp_make_request(&cast, (struct ocsp_asked){.serial = "1", .times = times, .nonce_octets = -1});
        char *text = arena_alloc(cast.arena, 2 * der.n + 8);
        EVP_EncodeBlock((unsigned char *)text, der.p, (int)der.n);
        char serial[SERIAL_HEX_BYTES];
        struct bytes read;
        cr_expect_eq(ocsp_path_read(cast.arena, bytes_from_string(text), serial, &read), OCSP_PATH_REQUEST);
        cr_expect(bytes_equal(read, der), "%zu", times);
        cr_expect_eq(text[0], 'M');
    }
    arena_free(cast.arena);
}
