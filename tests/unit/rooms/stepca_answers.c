/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca_answers.h"

#include "acme/base/base64.h"
#include "acme/pki/certificate.h"

static struct issuer_operations operations;
static struct issuer_api api;
struct stepca_answer stepca_says;
const char *stepca_asked, *stepca_asked_body;
int64_t stepca_waited_s;

static void call(struct issuer *issuer, struct issuer_api_request *request)
{
    stepca_asked = arena_printf(site.arena, "%s %s", request->method, request->path);
    stepca_asked_body = arena_string(site.arena, request->body);
    request->issuer = issuer;
    request->outcome = stepca_says.outcome;
    request->status = stepca_says.status;
    request->reply = bytes_from_string(stepca_says.reply);
    request->error = stepca_says.outcome == ISSUER_API_ANSWERED ? NULL : "no route to host";
    request->entered_at = NOW;
    request->asked_at = NOW + stepca_waited_s;
    request->done(request);
}

void stepca_api_begin(void)
{
    site_begin(",\"stepca_api\":{\"profile\":\"default\"}");
    struct issuer *issuer = issuers_find(site.parts.issuers, "main");
    operations = *issuer->operations;
    api = *operations.api;
    api.call = call;
    operations.api = &api;
    issuer->operations = &operations;
    issuer_set_key_id(issuer, "own-kid");
    stepca_asked = stepca_asked_body = NULL;
    stepca_waited_s = 0;
}

struct fake_reply *stepca_send(const char *method, const char *target, const char *body,
                               const char *authorization)
{
    const char *query = strchr(target, '?');
    struct http_request request = {.method = bytes_from_string(method),
                                   .target = bytes_from_string(target),
                                   .query = bytes_from_string(query == NULL ? NULL : query + 1),
                                   .body = bytes_from_string(body),
                                   .authorization = bytes_from_string(authorization),
                                   .client_address = "192.0.2.7",
                                   .client_network = "192.0.2.7",
                                   .local_user = -1};
    request.path = query == NULL ? request.target : bytes_of(request.target.p, (size_t)(query - target));
    return place_deliver(&site.place, 0, &request);
}

struct fake_reply *stepca_ask(const char *method, const char *target, const char *body,
                              const char *authorization)
{
    struct fake_reply *reply = stepca_send(method, target, body, authorization);
    fakes_settle();
    cr_assert(reply->done, "%s: no answer", target);
    return reply;
}

/* Refusals have step-ca's form. */
void stepca_expect(const char *what, const struct fake_reply *reply, int status, const char *words,
                   const char *events)
{
    const struct site_expected expected = {status, NULL, words, events};
    site_expect_plain(what, reply, &expected);
    cr_expect_str_eq(reply->content_type, "application/json", "%s", what);
    if (status >= 400)
        cr_expect(site_has_words(reply, arena_printf(site.arena, "{\"status\":%d,\"message\":\"", status)),
                  "%s", what);
}

const char *stepca_text(const char *text)
{
    return base64url_encode(site.arena, bytes_from_string(text));
}

const char *stepca_token(const char *name)
{
    const char *claims = arena_printf(
        site.arena, "{\"iss\":\"people\",\"sub\":\"%s\",\"sans\":[\"%s\"],\"jti\":\"j1\"}", name, name);
    return arena_printf(site.arena, "%s.%s.%s",
                        stepca_text("{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"),
                        stepca_text(claims), stepca_text("signature"));
}

/* ---- certificates ---- */

static const char *escaped(struct bytes pem)
{
    char *text = arena_alloc(site.arena, pem.n * 2 + 1), *to = text;
    for (size_t i = 0; i < pem.n; i++)
        if (pem.p[i] == '\n')
            to = stpcpy(to, "\\n");
        else
            *to++ = (char)pem.p[i];
    *to = '\0';
    return text;
}

static const char *base64(struct bytes der)
{
    char *text = arena_alloc(site.arena, der.n * 2);
    EVP_EncodeBlock((unsigned char *)text, der.p, (int)der.n);
    return text;
}

const char *stepca_csr(EVP_PKEY *key, const char *names)
{
    const struct pki_csr csr = {.key = key, .names = names};
    const char *pem = "-----BEGIN CERTIFICATE REQUEST-----\\n";
    for (const char *text = base64(pki_csr(site.arena, &csr)); *text != '\0'; text += strnlen(text, 64))
        pem = arena_printf(site.arena, "%s%.64s\\n", pem, text);
    return arena_printf(site.arena, "%s-----END CERTIFICATE REQUEST-----\\n", pem);
}

struct bytes stepca_leaf(EVP_PKEY *key, const char *names, const char *serial, int64_t begin, int64_t end)
{
    const struct pki_certificate made = {.key = key,
                                         .signer_key = site.ca_key,
                                         .signer = site.ca,
                                         .names = names,
                                         .serial_hex = serial,
                                         .authority_key = site.ca_key,
                                         .not_before = begin,
                                         .not_after = end};
    return pki_der(site.arena, pki_certificate(site.arena, &made));
}

const char *stepca_chain_of(struct bytes der)
{
    const char *leaf = escaped(bytes_from_string(certificate_to_pem(site.arena, der))),
               *ca = escaped(site.ca_pem);
    return arena_printf(site.arena, "{\"crt\":\"%s\",\"ca\":\"%s\",\"certChain\":[\"%s\",\"%s\"]}", leaf, ca,
                        leaf, ca);
}

const char *stepca_chain(EVP_PKEY *key, const char *names, const char *serial)
{
    return stepca_chain_of(stepca_leaf(key, names, serial, NOW - 60, NOW + 86400));
}

const char *stepca_renewal_token(struct bytes der)
{
    const char *header = arena_printf(site.arena, "{\"alg\":\"ES256\",\"x5cInsecure\":[\"%s\",\"%s\"]}",
                                      base64(der), base64(pki_der(site.arena, site.ca)));
    return arena_printf(site.arena, "Bearer %s.%s.%s", stepca_text(header), stepca_text("{}"),
                        stepca_text("signature"));
}
