/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate.h"
#include "acme/pki/ocsp.h"
#include "leaks.h"
#include "pki.h"

LEAK_CHECKED_SUITE(ocsp);

enum { NOW = 1800000000, HOUR_S = 3600, DAY_S = 24 * HOUR_S };

/* A CA with its responder, and the root above. */
struct cast {
    struct arena *arena;
    EVP_PKEY *root_key, *ca_key, *key;
    X509 *root, *ca;
    struct pki_certificate certificate; /* the responder's, to be changed */
    struct ocsp_expectation expected;
};

static X509 *authority(struct arena *arena, EVP_PKEY *key, X509 *signer, EVP_PKEY *signer_key,
                       const char *name)
{
    struct pki_certificate wanted = {.key = key,
                                     .signer = signer,
                                     .signer_key = signer_key,
                                     .common_name = name,
                                     .is_ca = true,
                                     .not_before = NOW - DAY_S,
                                     .not_after = NOW + 7 * DAY_S};
    return pki_certificate(arena, &wanted);
}

static struct cast assemble(void)
{
    struct cast cast = {.arena = arena_new()};
    cast.root_key = pki_key(cast.arena, "P-256");
    cast.ca_key = pki_key(cast.arena, "P-256");
    cast.key = pki_key(cast.arena, "P-256");
    cast.root = authority(cast.arena, cast.root_key, NULL, NULL, "root");
    cast.ca = authority(cast.arena, cast.ca_key, cast.root, cast.root_key, "intermediate");
    cast.certificate = (struct pki_certificate){.key = cast.key,
                                                .signer = cast.ca,
                                                .signer_key = cast.ca_key,
                                                .common_name = "responder",
                                                .extended_key_usage = "OCSPSigning",
                                                .key_usage = "critical,digitalSignature",
                                                .ocsp_nocheck = true,
                                                .not_before = NOW - HOUR_S,
                                                .not_after = NOW + DAY_S};
    cast.expected = (struct ocsp_expectation){.candidates_pem = pki_pem(cast.arena, cast.ca),
                                              .roots = pki_roots(cast.arena, cast.root),
                                              .issuer = pki_der(cast.arena, cast.ca),
                                              .now = NOW};
    return cast;
}

static bool open_with(const struct cast *cast, EVP_PKEY *key, struct ocsp_responder *out, const char **why)
{
    struct bytes pem = pki_pem(cast->arena, pki_certificate(cast->arena, &cast->certificate));
    return ocsp_responder_open(cast->arena, pem, key, &cast->expected, out, why);
}

static struct ocsp_responder opened(const struct cast *cast)
{
    struct ocsp_responder responder;
    const char *why = "";
    cr_assert(open_with(cast, cast->certificate.key, &responder, &why), "%s", why);
    return responder;
}

/* ---- who may answer ---- */

Test(ocsp, a_delegated_responder_of_the_ca_is_taken)
{
    struct cast cast = assemble();
    struct ocsp_responder responder = opened(&cast);
    cr_expect(responder.nocheck);
    cr_expect_not(responder.is_slow);
    cr_expect_eq(responder.not_after, NOW + DAY_S);
    cr_expect(ocsp_responder_is_of(&responder, pki_der(cast.arena, cast.ca)));
    cr_expect_not(ocsp_responder_is_of(&responder, pki_der(cast.arena, cast.root)));
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

static void refuse(struct cast *cast, EVP_PKEY *key, const char *words)
{
    struct ocsp_responder responder;
    const char *why = "";
    cr_expect_not(open_with(cast, key, &responder, &why), "%s", words);
    cr_expect(strstr(why, words) != NULL, "%s does not say %s", why, words);
    cr_expect_null(responder.certificate);
}

Test(ocsp, any_other_certificate_is_refused)
{
    struct cast cast = assemble();
    struct pki_certificate good = cast.certificate;
    refuse(&cast, cast.ca_key, "private key");
    cast.certificate.extended_key_usage = "serverAuth";
    refuse(&cast, cast.key, "OCSPSigning");
    cast.certificate.extended_key_usage = NULL;
    refuse(&cast, cast.key, "OCSPSigning");
    cast.certificate = good;
    cast.certificate.key_usage = "critical,keyEncipherment";
    refuse(&cast, cast.key, "keyUsage");
    cast.certificate = good;
    cast.certificate.not_after = NOW;
    refuse(&cast, cast.key, "not in force");
    cast.certificate = good;
    cast.certificate.signer_key = cast.root_key; /* signed by another than the CA whose name it has */
    refuse(&cast, cast.key, "not known");
    cast.certificate = good;
    cast.certificate.signer = cast.root;
    cast.certificate.signer_key = cast.root_key;
    refuse(&cast, cast.key, "another CA");
    arena_free(cast.arena);
}

Test(ocsp, a_responder_of_another_root_is_refused)
{
    struct cast cast = assemble();
    EVP_PKEY *key = pki_key(cast.arena, "P-256");
    X509 *foreign = authority(cast.arena, key, NULL, NULL, "intermediate");
    cast.certificate.signer = foreign;
    cast.certificate.signer_key = key;
    cast.expected.candidates_pem = pki_pem(cast.arena, foreign);
    cast.expected.issuer = (struct bytes){0};
    refuse(&cast, cast.key, "pinned root");
    arena_free(cast.arena);
}

Test(ocsp, a_renewed_ca_certificate_is_the_same_ca)
{
    struct cast cast = assemble();
    struct ocsp_responder responder;
    const char *why = "";
    cast.expected.issuer =
        pki_der(cast.arena, authority(cast.arena, cast.ca_key, cast.root, cast.root_key, "intermediate"));
    cr_assert(open_with(&cast, cast.key, &responder, &why), "%s", why);
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

/* ---- requests ---- */

struct asked {
    const EVP_MD *digest; /* NULL: SHA-1 */
    X509 *issuer;         /* NULL: the CA */
    const char *serial;
    size_t times;     /* the question is repeated; 0: once */
    X509 *also_of;    /* and one about this CA */
    int nonce_octets; /* -1: none */
    int extension;    /* NID of a critical one beside it */
};

static void add_question(OCSP_REQUEST *request, const EVP_MD *digest, X509 *issuer, const char *serial)
{
    BIGNUM *number = NULL;
    cr_assert_gt(BN_hex2bn(&number, serial), 0);
    ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
    OCSP_CERTID *id = OCSP_cert_id_new(digest == NULL ? EVP_sha1() : digest, X509_get_subject_name(issuer),
                                       X509_get0_pubkey_bitstr(issuer), integer);
    cr_assert_not_null(OCSP_request_add0_id(request, id));
    ASN1_INTEGER_free(integer);
    BN_free(number);
}

/* OpenSSL takes this extension's value as it is: the OCTET STRING in it is written here. */
static void add_nonce(OCSP_REQUEST *request, int octets)
{
    unsigned char value[66] = {V_ASN1_OCTET_STRING, (unsigned char)octets};
    memset(value + 2, 7, sizeof value - 2);
    ASN1_OCTET_STRING *nonce = ASN1_OCTET_STRING_new();
    cr_assert_eq(ASN1_OCTET_STRING_set(nonce, value, 2 + octets), 1);
    cr_assert_eq(OCSP_REQUEST_add1_ext_i2d(request, NID_id_pkix_OCSP_Nonce, nonce, 0, 0), 1);
    ASN1_OCTET_STRING_free(nonce);
}

static struct bytes make_request(const struct cast *cast, struct asked asked)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    for (size_t i = 0; i < (asked.times == 0 ? 1 : asked.times); i++)
        add_question(request, asked.digest, asked.issuer == NULL ? cast->ca : asked.issuer, asked.serial);
    if (asked.also_of != NULL)
        add_question(request, asked.digest, asked.also_of, asked.serial);
    if (asked.nonce_octets >= 0)
        add_nonce(request, asked.nonce_octets);
    if (asked.extension != 0) {
        ASN1_INTEGER *value = ASN1_INTEGER_new();
        cr_assert_eq(OCSP_REQUEST_add1_ext_i2d(request, asked.extension, value, 1, 0), 1);
        ASN1_INTEGER_free(value);
    }
    unsigned char *der = NULL;
    int n = i2d_OCSP_REQUEST(request, &der);
    struct bytes copy = arena_copy(cast->arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    OCSP_REQUEST_free(request);
    return copy;
}

struct reading {
    const char *label;
    struct asked asked;
    int status;
};

Test(ocsp, requests_are_read_within_bounds)
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
    struct cast cast = assemble();
    struct ocsp_request request;
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        int status = ocsp_request_read(cast.arena, make_request(&cast, readings[i].asked), &request);
        cr_expect_eq(status, readings[i].status, "%s: %d", readings[i].label, status);
    }
    arena_free(cast.arena);
}

/* OCSPRequest, TBSRequest, list, Request, CertID and its hash each begin with a tag and a length of one
 * octet; then comes the hash's name, and NULL for its parameters. */
Test(ocsp, one_question_has_no_endless_spellings)
{
    enum { LENGTHS = 6, NAME_OCTETS = 7, PARAMETERS = 2 * LENGTHS + NAME_OCTETS };
    struct cast cast = assemble();
    struct ocsp_request request;
    struct bytes der = make_request(&cast, (struct asked){.serial = "1", .nonce_octets = -1});
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

Test(ocsp, a_request_says_which_serial_and_nonce)
{
    struct cast cast = assemble();
    struct ocsp_request request;
    struct bytes der = make_request(&cast, (struct asked){.serial = "00FA", .nonce_octets = 3});
    cr_assert_eq(ocsp_request_read(cast.arena, der, &request), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_expect_eq(request.count, 1);
    cr_expect_str_eq(request.questions[0].serial, "fa");
    cr_expect(bytes_equal(request.nonce, BYTES_LITERAL("\7\7\7")));
    der = make_request(&cast, (struct asked){.serial = "-1", .nonce_octets = -1});
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

Test(ocsp, a_path_holds_a_serial_or_a_request)
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

Test(ocsp, no_request_in_base64_reads_as_a_serial)
{
    struct cast cast = assemble();
    for (size_t times = 1; times <= OCSP_MAX_QUESTIONS; times++) {
        struct bytes der =
            make_request(&cast, (struct asked){.serial = "1", .times = times, .nonce_octets = -1});
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

/* ---- decisions ---- */

static struct crl_entry listed_entry = {.serial = "aa", .reason = 4, .revoked_at = NOW - 100};
static const struct crl good_list = {
    .this_update = NOW - HOUR_S, .next_update = NOW + DAY_S, .entries = &listed_entry, .count = 1};
static const struct crl short_list = {
    .this_update = NOW - HOUR_S, .next_update = NOW + 10, .entries = &listed_entry, .count = 1};
static const struct crl over_list = {
    .this_update = NOW - DAY_S, .next_update = NOW, .entries = &listed_entry, .count = 1};

/* As step-ca lists what older versions asked for. */
static struct crl_entry odd_entries[] = {{.serial = "c6", .reason = 6, .revoked_at = NOW - 100},
                                         {.serial = "c8", .reason = 8, .revoked_at = NOW - 100}};
static const struct crl odd_list = {
    .this_update = NOW - HOUR_S, .next_update = NOW + DAY_S, .entries = odd_entries, .count = 2};

struct decision {
    const char *label;
    struct ocsp_knowledge known;
    const char *serial;
    struct ocsp_answer answer; /* status -1: nobody can say */
};

static const struct decision decisions[] = {
    {"listed",
     {.crl = &good_list, .crl_is_kept = true},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"the list goes before our own record",
     {.crl = &good_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 5},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: our own record was corrected to keyCompromise",
     {.crl = &good_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 1},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 1, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: the list says removeFromCRL, our own record superseded",
     {.crl = &odd_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 4},
     "c8",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: …and our own record no reason",
     {.crl = &odd_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1},
     "c8",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, CRL_NO_REASON, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: the list says removeFromCRL, and so does our own record",
     {.crl = &odd_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 8},
     "c8",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, CRL_NO_REASON, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: the list says removeFromCRL, and we know nothing",
     {.crl = &odd_list, .crl_is_kept = true, .is_ours = true},
     "c8",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, CRL_NO_REASON, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"P1: the list says certificateHold",
     {.crl = &odd_list, .crl_is_kept = true, .is_ours = true},
     "c6",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 6, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"no longer than the list",
     {.crl = &short_list, .crl_is_kept = true},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - HOUR_S, NOW + 10}},
    {"ours and not listed",
     {.crl = &good_list, .crl_is_kept = true, .is_ours = true},
     "bb",
     {V_OCSP_CERTSTATUS_GOOD, 0, CRL_NO_REASON, NOW - HOUR_S, NOW + OCSP_LISTED_S}},
    {"confirmed and not listed yet",
     {.crl = &good_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 1},
     "bb",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 1, 1, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"confirmed without a reason",
     {.crl = &good_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1},
     "bb",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 1, CRL_NO_REASON, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"neither ours nor listed",
     {.crl = &good_list, .crl_is_kept = true},
     "bb",
     {V_OCSP_CERTSTATUS_UNKNOWN, 0, CRL_NO_REASON, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"the list is over", {.crl = &over_list, .crl_is_kept = true, .is_ours = true}, "bb", {.status = -1}},
    {"no list yet", {.crl_is_kept = true, .is_ours = true}, "bb", {.status = -1}},
    {"the list is over, but it is confirmed",
     {.crl = &over_list, .crl_is_kept = true, .is_ours = true, .revoked_at = NOW - 1, .reason = 1},
     "bb",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 1, 1, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"listed, and the list is over",
     {.crl = &over_list, .crl_is_kept = true, .is_ours = true},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"listed, the list is over, and the CA keeps none any more",
     {.crl = &over_list, .is_ours = true},
     "aa",
     {V_OCSP_CERTSTATUS_REVOKED, NOW - 100, 4, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"a CA without lists: ours",
     {.is_ours = true},
     "bb",
     {V_OCSP_CERTSTATUS_GOOD, 0, CRL_NO_REASON, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
    {"a CA without lists: not ours",
     {.is_ours = false},
     "bb",
     {V_OCSP_CERTSTATUS_UNKNOWN, 0, CRL_NO_REASON, NOW - OCSP_BACKDATE_S, NOW + OCSP_OWN_S}},
};

Test(ocsp, the_status_follows_from_the_list_and_our_records)
{
    for (size_t i = 0; i < sizeof decisions / sizeof decisions[0]; i++) {
        const struct decision *given = &decisions[i];
        struct ocsp_answer answer;
        bool said = ocsp_decide(&given->known, given->serial, NOW, &answer);
        cr_expect_eq(said, given->answer.status != -1, "%s", given->label);
        if (!said)
            continue;
        cr_expect_eq(answer.status, given->answer.status, "%s", given->label);
        cr_expect_eq(answer.revoked_at, given->answer.revoked_at, "%s", given->label);
        cr_expect_eq(answer.reason, given->answer.reason, "%s", given->label);
        cr_expect_eq(answer.this_update, given->answer.this_update, "%s", given->label);
        cr_expect_eq(answer.next_update, given->answer.next_update, "%s", given->label);
    }
}

/* ---- responses ---- */

static bool know(void *context, const char *serial, struct ocsp_knowledge *out)
{
    const bool *store_is_well = context;
    *out =
        (struct ocsp_knowledge){.crl = &good_list, .crl_is_kept = true, .is_ours = strcmp(serial, "bb") == 0};
    return store_is_well == NULL || *store_is_well;
}

static int respond(const struct cast *cast, const struct ocsp_responder *responder, struct bytes der,
                   void *context, struct ocsp_response *out)
{
    struct ocsp_request request;
    int status = ocsp_request_read(cast->arena, der, &request);
    if (status == OCSP_RESPONSE_STATUS_SUCCESSFUL)
        ocsp_respond(cast->arena, responder, &request, know, context, NOW, out);
    else
        ocsp_refuse(cast->arena, status, out);
    return out->status;
}

/* The status of the n-th answer. */
static int status_of(const struct ocsp_response *response, int n)
{
    const unsigned char *at = response->der.p;
    OCSP_RESPONSE *read = d2i_OCSP_RESPONSE(NULL, &at, (long)response->der.n);
    cr_assert_not_null(read);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(read);
    cr_assert_not_null(basic);
    int status = OCSP_single_get0_status(OCSP_resp_get0(basic, n), NULL, NULL, NULL, NULL);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(read);
    return status;
}

/* The status of the only answer, after the response has been verified as a client would. */
static int verified_status(const struct cast *cast, const struct ocsp_response *response, int *reason)
{
    const unsigned char *at = response->der.p;
    OCSP_RESPONSE *read = d2i_OCSP_RESPONSE(NULL, &at, (long)response->der.n);
    cr_assert_not_null(read);
    cr_assert_eq(OCSP_response_status(read), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(read);
    STACK_OF(X509) *others = sk_X509_new_null();
    sk_X509_push(others, cast->ca);
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(cast->expected.roots), NOW);
    cr_expect_eq(OCSP_basic_verify(basic, others, cast->expected.roots, 0), 1);
    struct tm produced;
    cr_expect_eq(ASN1_TIME_to_tm(OCSP_resp_get0_produced_at(basic), &produced), 1);
    cr_expect_eq(timegm(&produced), NOW);
    int status = OCSP_single_get0_status(OCSP_resp_get0(basic, 0), reason, NULL, NULL, NULL);
    sk_X509_free(others);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(read);
    return status;
}

Test(ocsp, responses_verify_and_say_what_is_known)
{
    struct cast cast = assemble();
    struct ocsp_responder responder = opened(&cast);
    struct ocsp_response response;
    const struct {
        const char *serial;
        int status, reason;
    } cases[] = {{"aa", V_OCSP_CERTSTATUS_REVOKED, 4},
                 {"bb", V_OCSP_CERTSTATUS_GOOD, -1},
                 {"cc", 2, -1},
                 {"-1", 2, -1}};
    const EVP_MD *digests[] = {EVP_sha1(), EVP_sha256()};
    for (size_t i = 0; i < 8; i++) {
        int reason = -1;
        struct bytes der = make_request(
            &cast,
            (struct asked){.serial = cases[i / 2].serial, .digest = digests[i % 2], .nonce_octets = -1});
        cr_assert_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
        cr_expect_eq(verified_status(&cast, &response, &reason), cases[i / 2].status, "%s",
                     cases[i / 2].serial);
        cr_expect_eq(reason, cases[i / 2].reason);
        cr_expect(response.is_for_anyone);
        cr_expect_lt(response.this_update, NOW);
        cr_expect_gt(response.next_update, NOW);
    }
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

static bool echoes_nonce(struct bytes request_der, const struct ocsp_response *response)
{
    const unsigned char *at = response->der.p;
    OCSP_RESPONSE *read = d2i_OCSP_RESPONSE(NULL, &at, (long)response->der.n);
    at = request_der.p;
    OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)request_der.n);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(read);
    bool same = OCSP_check_nonce(request, basic) == 1;
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(read);
    OCSP_REQUEST_free(request);
    return same;
}

Test(ocsp, the_nonce_comes_back)
{
    struct cast cast = assemble();
    struct ocsp_responder responder = opened(&cast);
    struct ocsp_response response;
    for (int n = 1; n <= OCSP_NONCE_MAX_OCTETS; n += 31) {
        struct bytes der = make_request(&cast, (struct asked){.serial = "bb", .nonce_octets = n});
        cr_assert_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
        cr_expect(echoes_nonce(der, &response), "%d octets", n);
        cr_expect_not(response.is_for_anyone);
    }
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

Test(ocsp, a_slow_responder_answers_for_everyone_instead)
{
    struct cast cast = assemble();
    cast.certificate.key = pki_key(cast.arena, "RSA-2048");
    struct ocsp_responder responder = opened(&cast);
    struct ocsp_response response;
    struct bytes der = make_request(&cast, (struct asked){.serial = "bb", .nonce_octets = 16});
    cr_expect(responder.is_slow);
    cr_assert_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_expect_eq(verified_status(&cast, &response, NULL), V_OCSP_CERTSTATUS_GOOD);
    cr_expect_not(echoes_nonce(der, &response));
    cr_expect(response.is_for_anyone);
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

Test(ocsp, of_other_cas_nothing_is_said)
{
    struct cast cast = assemble();
    struct ocsp_responder responder = opened(&cast);
    struct ocsp_response response;
    struct bytes der =
        make_request(&cast, (struct asked){.serial = "bb", .issuer = cast.root, .nonce_octets = -1});
    cr_expect_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
    der = make_request(&cast, (struct asked){.serial = "bb", .digest = EVP_sha512(), .nonce_octets = -1});
    cr_expect_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
    der = make_request(&cast, (struct asked){.serial = "bb", .also_of = cast.root, .nonce_octets = -1});
    cr_assert_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_expect_eq(status_of(&response, 0), V_OCSP_CERTSTATUS_GOOD);
    cr_expect_eq(status_of(&response, 1), V_OCSP_CERTSTATUS_UNKNOWN);
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

Test(ocsp, when_nobody_can_say_the_client_is_to_come_again)
{
    struct cast cast = assemble();
    struct ocsp_responder responder = opened(&cast);
    struct ocsp_response response;
    bool store_is_well = false;
    struct bytes der = make_request(&cast, (struct asked){.serial = "bb", .nonce_octets = -1});
    cr_expect_eq(respond(&cast, &responder, der, &store_is_well, &response), OCSP_RESPONSE_STATUS_TRYLATER);
    cr_expect(bytes_equal(response.der, BYTES_LITERAL("\x30\x03\x0a\x01\x03")));
    responder.not_after = NOW;
    cr_expect_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_TRYLATER);
    responder.not_after = NOW + 5;
    cr_expect_eq(respond(&cast, &responder, der, NULL, &response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_expect_eq(response.next_update, NOW + 5, "no answer outlives its responder");
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

Test(ocsp, asked_by_serial_it_is_the_same_question)
{
    struct cast cast = assemble();
    struct ocsp_responder responder = opened(&cast);
    struct ocsp_request by_serial, sent;
    uint8_t a[OCSP_ID_MAX_BYTES], b[OCSP_ID_MAX_BYTES];
    size_t a_bytes = 0, b_bytes = 0;
    struct bytes der = make_request(&cast, (struct asked){.serial = "bb", .nonce_octets = -1});
    cr_assert(ocsp_request_for_serial(cast.arena, &responder, "bb", &by_serial));
    cr_assert_eq(ocsp_request_read(cast.arena, der, &sent), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_assert(ocsp_question_key(&by_serial.questions[0], a, &a_bytes));
    cr_assert(ocsp_question_key(&sent.questions[0], b, &b_bytes));
    cr_expect(bytes_equal(bytes_of(a, a_bytes), bytes_of(b, b_bytes)));
    cr_expect_str_eq(by_serial.questions[0].serial, "bb");
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}

/* ---- whatever comes, there is an answer ---- */

static void expect_answer(const struct cast *cast, const struct ocsp_responder *responder, struct bytes der)
{
    struct ocsp_response response;
    respond(cast, responder, der, NULL, &response);
    const unsigned char *at = response.der.p;
    OCSP_RESPONSE *read = d2i_OCSP_RESPONSE(NULL, &at, (long)response.der.n);
    cr_assert_not_null(read);
    cr_assert_eq(OCSP_response_status(read), response.status);
    OCSP_RESPONSE_free(read);
}

Test(ocsp, truncated_requests_are_malformed)
{
    struct cast cast = assemble();
    struct ocsp_response response;
    struct bytes der = make_request(&cast, (struct asked){.serial = "bb", .nonce_octets = 16});
    for (size_t n = 0; n < der.n; n++) {
        struct bytes cut = arena_copy(cast.arena, bytes_of(der.p, n));
        cr_expect_eq(respond(&cast, NULL, cut, NULL, &response), OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, "%zu",
                     n);
    }
    uint8_t *longer = arena_alloc(cast.arena, der.n + 1);
    memcpy(longer, der.p, der.n);
    cr_expect_eq(respond(&cast, NULL, bytes_of(longer, der.n + 1), NULL, &response),
                 OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
    arena_free(cast.arena);
}

Test(ocsp, damaged_requests_are_answered)
{
    struct cast cast = assemble();
    struct ocsp_responder responder = opened(&cast);
    struct bytes der = make_request(&cast, (struct asked){.serial = "bb", .nonce_octets = 16, .times = 2});
    for (size_t bit = 0; bit < 8 * der.n; bit++) {
        uint8_t *damaged = arena_alloc(cast.arena, der.n);
        memcpy(damaged, der.p, der.n);
        damaged[bit / 8] = (uint8_t)(damaged[bit / 8] ^ 1 << bit % 8);
        expect_answer(&cast, &responder, bytes_of(damaged, der.n));
    }
    ocsp_responder_close(&responder);
    arena_free(cast.arena);
}
