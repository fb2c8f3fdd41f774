/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca_answers.h"

#include "acme/base/base64.h"

static struct issuer_operations operations;
static struct issuer_api api;
struct stepca_answer stepca_says;
const char *stepca_asked, *stepca_asked_body;

static void call(struct issuer *issuer, struct issuer_api_request *request)
{
    stepca_asked = arena_printf(site.arena, "%s %s", request->method, request->path);
    stepca_asked_body = arena_string(site.arena, request->body);
    request->issuer = issuer;
    request->outcome = stepca_says.outcome;
    request->status = stepca_says.status;
    request->reply = bytes_from_string(stepca_says.reply);
    request->error = stepca_says.outcome == ISSUER_API_ANSWERED ? NULL : "no route to host";
    request->entered_at = request->asked_at = NOW;
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
}

struct fake_reply *stepca_ask(const char *method, const char *target, const char *body,
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
    struct fake_reply *reply = place_deliver(&site.place, 0, &request);
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
