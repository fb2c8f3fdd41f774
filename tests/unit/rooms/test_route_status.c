/* SPDX-License-Identifier: Apache-2.0 */
/* CRL and OCSP (RFC 5280 §5, RFC 6960, RFC 5019) of a CA that keeps both, and of one that is away. */
#include <openssl/ocsp.h>
#include <openssl/pem.h>

#include "gateway/status/status.h"
#include "site.h"

LEAK_CHECKED_SUITE(route_status);

/* The local issuer makes its list and its responder; the step-cas cannot be reached. */
static void begin(void)
{
    site_begin("");
    status_begin(site.status);
    fakes_pass(2000);
}

static struct fake_reply *post_ocsp(const char *issuer, const char *content_type, struct bytes der)
{
    struct http_request request = {.method = BYTES_LITERAL("POST"),
                                   .content_type = bytes_from_string(content_type),
                                   .body = der,
                                   .local_user = -1};
    request.target = request.path =
        bytes_from_string(arena_printf(site.arena, "/.well-known/pki/ocsp/%s", issuer));
    struct fake_reply *reply = place_deliver(&site.place, 1, &request);
    fakes_settle();
    cr_assert(reply->done);
    return reply;
}

static void expect_cached(const struct fake_reply *reply, const char *since)
{
    cr_expect(strstr(fake_header(reply, "Cache-Control"), "public, no-transform, must-revalidate") != NULL,
              "%s", fake_header(reply, "Cache-Control"));
    cr_expect_str_eq(fake_header(reply, "Last-Modified"), since);
    cr_expect_eq(*fake_header(reply, "ETag"), '"');
    cr_expect(strstr(fake_header(reply, "Expires"), "2026") != NULL);
}

Test(route_status, a_list_is_given_out_with_how_long_it_is_good)
{
    begin();
    struct fake_reply *reply = site_get(1, "GET", "/.well-known/pki/crl/local");
    cr_assert_eq(reply->status, 200);
    cr_expect_str_eq(reply->content_type, "application/pkix-crl");
    const uint8_t *der = reply->body.p;
    X509_CRL *list = d2i_X509_CRL(NULL, &der, (long)reply->body.n);
    cr_expect_not_null(list);
    X509_CRL_free(list);
    expect_cached(reply, "Mon, 01 Jun 2026 00:00:00 GMT");
    cr_expect_str_eq(fake_header(reply, "Cache-Control"),
                     "max-age=3600, public, no-transform, must-revalidate");
    cr_expect_str_eq(fake_header(site_get(0, "GET", "/.well-known/pki/crl/local"), "ETag"),
                     fake_header(reply, "ETag"));
    site_end();
}

Test(route_status, a_list_that_is_over_is_not_given_out)
{
    begin();
    fake_clock_jump(INT64_C(400) * 86400 * 1000);
    struct fake_reply *reply = site_get(1, "GET", "/.well-known/pki/crl/local");
    site_expect_plain("over", reply,
                      &(struct site_expected){503, "serverInternal",
                                              "The last revocation list of issuer local ended on ", NULL});
    cr_expect_str_eq(fake_header(reply, "Retry-After"), "30");
    site_end();
}

Test(route_status, a_ca_without_a_list_says_why)
{
    begin();
    struct fake_reply *reply = site_get(1, "GET", "/.well-known/pki/crl/main");
    site_expect_plain("main", reply,
                      &(struct site_expected){503, "serverInternal",
                                              "There is no revocation list of issuer main yet", NULL});
    cr_expect_str_eq(fake_header(reply, "Retry-After"), "30");
    site_end();
}

/* ---- OCSP ---- */

static OCSP_CERTID *certificate_id(const char *serial)
{
    const char *path = arena_printf(site.arena, "%s/local", site.place.folder);
    BIO *file = BIO_new_file(arena_printf(site.arena, "%s/intermediate_ca.crt", path), "r");
    cr_assert_not_null(file, "no intermediate at %s", path);
    X509 *issuer = PEM_read_bio_X509(file, NULL, NULL, NULL);
    BIO_free(file);
    BIGNUM *number = NULL;
    BN_hex2bn(&number, serial);
    ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
    OCSP_CERTID *id =
        OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(issuer), X509_get0_pubkey_bitstr(issuer), integer);
    ASN1_INTEGER_free(integer);
    BN_free(number);
    X509_free(issuer);
    return id;
}

static struct bytes question(const char *serial, size_t count)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    for (size_t i = 0; i < count; i++)
        OCSP_request_add0_id(request, certificate_id(serial));
    unsigned char *der = NULL;
    int n = i2d_OCSP_REQUEST(request, &der);
    struct bytes copy = arena_copy(site.arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    OCSP_REQUEST_free(request);
    return copy;
}

static int status_of_response(const struct fake_reply *reply)
{
    const uint8_t *der = reply->body.p;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &der, (long)reply->body.n);
    int status = response == NULL ? -1 : OCSP_response_status(response);
    OCSP_RESPONSE_free(response);
    return status;
}

Test(route_status, ocsp_answers_by_post_and_by_get_and_the_same_again)
{
    begin();
    struct bytes der = question("AB", 1);
    struct fake_reply *posted = post_ocsp("local", "application/ocsp-request", der);
    cr_assert_eq(posted->status, 200, "%.*s", (int)posted->body.n, (const char *)posted->body.p);
    cr_expect_str_eq(posted->content_type, "application/ocsp-response");
    cr_expect_eq(status_of_response(posted), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    expect_cached(posted, "Sun, 31 May 2026 23:59:02 GMT");
    struct fake_reply *again = post_ocsp("local", "application/ocsp-request; x=y", der);
    cr_expect_str_eq(fake_header(again, "ETag"), fake_header(posted, "ETag"));
    char text[512];
    cr_assert_lt(der.n, sizeof text / 2);
    EVP_EncodeBlock((unsigned char *)text, der.p, (int)der.n);
    const char *get = arena_printf(site.arena, "/.well-known/pki/ocsp/local/%s", text);
    cr_expect_eq(status_of_response(site_get(1, "GET", get)), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    cr_expect_eq(status_of_response(post_ocsp("local", "application/ocsp-request", question("AB", 2))),
                 OCSP_RESPONSE_STATUS_SUCCESSFUL);
    struct fake_reply *bad = post_ocsp("local", "application/ocsp-request", BYTES_LITERAL("no DER"));
    cr_expect_eq(status_of_response(bad), OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
    cr_expect_str_eq(fake_header(bad, "Cache-Control"), "no-store");
    site_end();
}

Test(route_status, ocsp_refuses_what_is_not_a_question)
{
    begin();
    static const char *const types[] = {"", "application/ocsp-requests", "text/plain", "application/ocsp"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        site_expect_plain(
            types[i], post_ocsp("local", types[i], question("AB", 1)),
            &(struct site_expected){415, "malformed", "must be application/ocsp-request.", NULL});
    site_expect_plain("no responder", post_ocsp("main", "application/ocsp-request", question("AB", 1)),
                      &(struct site_expected){404, "malformed",
                                              "Issuer main has no OCSP responder|/.well-known/pki/crl/main",
                                              NULL});
    site_expect_plain("no issuer", post_ocsp("nobody", "application/ocsp-request", question("AB", 1)),
                      &(struct site_expected){404, "malformed", "No issuer with this id.", NULL});
    site_end();
}

Test(route_status, ocsp_asks_to_come_back_while_there_is_no_responder_yet)
{
    site_begin("");
    struct fake_reply *reply = post_ocsp("local", "application/ocsp-request", BYTES_LITERAL("x"));
    cr_expect_eq(reply->status, 200);
    cr_expect_eq(status_of_response(reply), OCSP_RESPONSE_STATUS_TRYLATER);
    cr_expect_str_eq(fake_header(reply, "Cache-Control"), "no-store");
    site_end();
}
