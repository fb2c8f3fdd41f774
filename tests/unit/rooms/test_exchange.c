/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of every request: its route, its envelope and signature, its nonce, its limits; and the
 * resources that need no account. */
#include <unistd.h>

#include "acme/base/base64.h"
#include "acme/nonce.h"
#include "disk.h"
#include "fakes.h"
#include "gateway/loads/readers.h"
#include "log_capture.h"
#include "site.h"

LEAK_CHECKED_SUITE(exchange);

/* ---- routes ---- */

static const struct {
    size_t listener; /* 1: the one of pki_listen */
    const char *method, *target;
    struct site_expected expected;
    const char *allow;
} routes[] = {
    {0,
     "GET",
     "/acme/acme/directory",
     {200, NULL,
      "\"newNonce\":\"https://acme.test/acme/acme/new-nonce\"|\"newAuthz\":|\"profiles\":{\"default\":\"The "
      "usual one\"|\"subdomainAuthAllowed\":true",
      NULL},
     ""},
    {0, "HEAD", "/acme/acme/directory", {200, NULL, NULL, NULL}, ""},
    {0,
     "GET",
     "/acme/net/directory",
     {200, NULL,
      "\"termsOfService\":\"https://acme.test/terms\"|\"website\":\"https://acme.test/"
      "about\"|\"caaIdentities\":[\"ca.test\"]",
      NULL},
     ""},
    {0,
     "GET",
     "/acme/keyed/directory",
     {200, NULL, "\"externalAccountRequired\":true|\"profiles\":{\"twin\":", NULL},
     ""},
    {0,
     "GET",
     "/acme/acme/limits",
     {200, NULL,
      "Orders of one account for one name: |New accounts from one address: |in 1h|limits in the "
      "configuration",
      NULL},
     ""},
    {0, "GET", "/acme/acme/new-nonce", {204, NULL, NULL, NULL}, ""},
    {0, "HEAD", "/acme/acme/new-nonce", {200, NULL, NULL, NULL}, ""},
    {0,
     "PUT",
     "/acme/acme/new-nonce",
     {405, "malformed", "This resource accepts GET, HEAD, POST.", NULL},
     "GET, HEAD, POST"},
    {0, "GET", "/acme/acme/new-order", {405, "malformed", "This resource accepts POST.", NULL}, "POST"},
    {0, "POST,", "/acme/acme/new-order", {405, "malformed", NULL, NULL}, "POST"},
    {0, "", "/acme/acme/new-order", {405, "malformed", NULL, NULL}, "POST"},
    {0, "OST", "/acme/acme/new-order", {405, "malformed", NULL, NULL}, "POST"},
    {0, "GE", "/acme/acme/new-nonce", {405, "malformed", NULL, NULL}, "GET, HEAD, POST"},
    {0, "GET", "/acme/none/directory", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "/acme/acme", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "/acme/", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "/acme/acme/", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "/acme/acme/directory/", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "/acme/acme/directory/x", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "/directory", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "/acme/acme/health", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "POST", "/acme/acme/order/0", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "POST", "/acme/acme/order/x", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "POST", "/acme/acme/certificate/1/0", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "/", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "/acme/acme/renewal-info/", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "/.well-known/pki/crl/", {404, "malformed", "No such resource.", NULL}, ""},
    {0, "GET", "/.well-known/pki/crl/nobody", {404, "malformed", "No issuer with this id.", NULL}, ""},
    {0, "GET", "/1.0/version", {404, "malformed", "No such resource.", NULL}, ""},
    {1, "GET", "/.well-known/pki/crl/nobody", {404, "malformed", "No issuer with this id.", NULL}, ""},
    {1,
     "GET",
     "/acme/acme/directory",
     {404, "malformed", "the rest is served with TLS, at https://acme.test.", NULL},
     ""},
    {1, "GET", "/health", {404, "malformed", "the rest is served with TLS", NULL}, ""},
};

Test(exchange, a_request_finds_its_route_by_path_and_method)
{
    site_begin("");
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const char *what = arena_printf(site.arena, "%s %s", routes[i].method, routes[i].target);
        struct fake_reply *reply = site_get(routes[i].listener, routes[i].method, routes[i].target);
        bool nonce = strstr(routes[i].target, "new-nonce") != NULL && routes[i].expected.status < 300;
        bool post = strcmp(routes[i].method, "POST") == 0;
        site_expect_plain(what, reply, &routes[i].expected);
        cr_expect_str_eq(fake_header(reply, "Allow"), routes[i].allow, "%s", what);
        cr_expect_str_eq(fake_header(reply, "Cache-Control"), "no-store", "%s", what);
        if (nonce || post)
            cr_expect_neq(*fake_header(reply, "Replay-Nonce"), '\0', "%s", what);
        else if (routes[i].expected.status < 300)
            cr_expect_str_eq(fake_header(reply, "Replay-Nonce"), "", "%s", what);
        bool index = routes[i].listener == 0 && strncmp(routes[i].target, "/acme/acme/", 11) == 0 &&
                     strcmp(routes[i].target, "/acme/acme/directory") != 0;
        cr_expect_str_eq(fake_header(reply, "Link"),
                         !index ? "" : "<https://acme.test/acme/acme/directory>;rel=\"index\"", "%s", what);
    }
    site_end();
}

Test(exchange, health_tells_whether_the_database_is_in_its_place)
{
    fake_reads_wait(false);
    site_begin("");
    struct fake_reply *reply = site_get(0, "GET", "/health");
    site_expect_plain("well", reply, &(struct site_expected){200, NULL, "{\"status\":\"ok\"}", NULL});
    cr_expect_str_eq(fake_header(reply, "Cache-Control"), "no-store");
    cr_expect_str_eq(fake_header(reply, "Access-Control-Allow-Origin"), "");
    cr_assert_eq(unlink(site.config->database), 0);
    reply = site_get(0, "GET", "/health");
    cr_expect_eq(reply->status, 503);
    cr_expect(site_has_words(reply, "\"status\":\"failed\"|the database file was removed or replaced"));
    site_end();
}

/* A start anew does not bring back a database that is elsewhere. */
Test(exchange, health_is_good_when_the_readers_cannot_read)
{
    site_begin("");
    cr_assert_eq(unlink(site.config->database), 0);
    fake_loads_hinder(FAKE_LOADS_FULL, 1);
    site_expect_plain("well", site_get(0, "GET", "/health"),
                      &(struct site_expected){200, NULL, "{\"status\":\"ok\"}", NULL});
    site_end();
}

/* ---- ready ---- */

static void expect_ready(const char *what, int status, const char *words)
{
    struct fake_reply *reply = site_get(0, "GET", "/ready");
    site_expect_plain(what, reply, &(struct site_expected){status, NULL, NULL, NULL});
    cr_expect(site_has_words(reply, words), "%s: %.*s", what, (int)reply->body.n,
              (const char *)reply->body.p);
    cr_expect_str_eq(fake_header(reply, "Cache-Control"), "no-store", "%s", what);
}

Test(exchange, ready_tells_whether_certificates_can_be_had)
{
    static const char *const issuers[] = {"main", "twin", "local"};
    fake_reads_wait(false);
    site_begin("");
    expect_ready("well", 200,
                 "\"status\":\"ready\"|\"database\":\"ok\"|\"issuers\":{\"main\":\"healthy\",\"twin\":"
                 "\"healthy\",\"local\":"
                 "\"healthy\"}");
    disk_leave(STORE_FREE_LEAST_BYTES - 1024);
    expect_ready("full", 503,
                 "\"status\":\"failed\"|\"database\":\"failed\"|the disk of the database is full");
    disk_leave(STORE_FREE_LEAST_BYTES);
    expect_ready("not full", 200, "\"status\":\"ready\"");
    for (size_t i = 0; i < 3; i++) {
        expect_ready(issuers[i], 200, "\"status\":\"ready\"");
        site_break_issuer(issuers[i]);
    }
    expect_ready("no issuer", 503, "no certificate authority can be used|\"database\":\"ok\"|\"main\":\"d");
    cr_assert_eq(unlink(site.config->database), 0);
    expect_ready("removed", 503, "the database file was removed or replaced");
    site_end();
}

/* While writes fail, a look is a write: it finds out when they work again. */
Test(exchange, ready_returns_when_writes_work_again)
{
    site_begin("");
    fake_store_fail(3);
    site_post(site_client("acme"), "/new-account", "{}");
    for (int i = 0; i < 2; i++) {
        struct fake_reply *reply = site_get(0, "GET", "/ready");
        cr_expect_eq(reply->status, 503);
        cr_expect(site_has_words(reply, "could not record the request"));
    }
    expect_ready("again", 200, "\"status\":\"ready\"");
    site_end();
}

static struct fake_reply *renewal_info(void)
{
    return site_get(0, "GET", "/acme/acme/renewal-info/AQ.AQ");
}

/* It tells so at once: it waits for no read, and writes nothing. */
Test(exchange, ready_tells_whether_the_readers_have_an_answer)
{
    site_begin("");
    const char *away = arena_printf(site.arena, "%s.away", site.config->database);
    disk_leave(STORE_FREE_LEAST_BYTES - 1024);
    expect_ready("a disk that is not the database's", 200, "\"status\":\"ready\"");
    disk_leave(STORE_FREE_LEAST_BYTES);
    cr_assert_eq(rename(site.config->database, away), 0);
    fakes_pass(READERS_SILENT_MS);
    expect_ready("nothing was read", 200, "\"status\":\"ready\"");
    for (size_t i = 0; i <= READERS_COUNT; i++)
        renewal_info();
    expect_ready("not for long", 200, "\"status\":\"ready\"");
    fakes_pass(READERS_SILENT_MS);
    fake_store_fail(1);
    fake_loads_hinder(FAKE_LOADS_FULL, 1);
    expect_ready("silent", 503, "\"database\":\"failed\"|the database does not answer");
    fake_loads_hinder(FAKE_LOADS_FULL, 0);
    fake_store_fail(0);
    cr_assert_eq(rename(away, site.config->database), 0);
    cr_expect_eq(renewal_info()->status, 404);
    expect_ready("again", 200, "\"status\":\"ready\"|\"database\":\"ok\"");
    site_end();
}

/* ---- loads that do not run ---- */

static const struct site_expected busy = {503, "serverInternal", "too many requests wait for the database",
                                          NULL},
                                  away = {503, "serverInternal", "The database is not available", NULL};

static void expect_refused(const char *what, const struct fake_reply *reply,
                           const struct site_expected *expected)
{
    site_expect_plain(what, reply, expected);
    cr_expect_str_eq(fake_header(reply, "Retry-After"), "5", "%s", what);
}

static struct fake_reply *look_at_order(const struct site_client *client, const struct order *order)
{
    return site_post(client, arena_printf(site.arena, "/order/%lld", (long long)order->id), NULL);
}

/* Of a signed request there are two: of the account, then of what the route needs. */
Test(exchange, a_load_that_cannot_run_is_told)
{
    static const struct {
        const char *what;
        enum fake_hindrance how;
        const struct site_expected *expected;
    } cases[] = {{"too many wait", FAKE_LOADS_FULL, &busy}, {"no database", FAKE_LOADS_AWAY, &away}};
    site_begin("");
    struct site_client *client = site_account("acme");
    struct order order = site_ready_order(client, "a.test");
    site_skip_events();
    for (size_t i = 0; i < 2; i++) {
        fake_loads_hinder(cases[i].how, 1);
        expect_refused(cases[i].what, renewal_info(), cases[i].expected);
        fake_loads_hinder(cases[i].how, 1);
        expect_refused(cases[i].what, look_at_order(client, &order), cases[i].expected);
        cr_expect_eq(renewal_info()->status, 404, "%s", cases[i].what);
        cr_expect_eq(look_at_order(client, &order)->status, 200, "%s", cases[i].what);
    }
    site_end();
}

/* ---- the identifier of a request ---- */

static const char *identifier_of(struct fake_reply *reply)
{
    const char *identifier = fake_header(reply, "X-Request-Id");
    cr_expect_eq(strspn(identifier, "0123456789abcdef"), 16);
    cr_expect_eq(strlen(identifier), 16);
    return arena_duplicate(site.arena, identifier);
}

Test(exchange, reply_event_and_problem_have_the_identifier_of_the_request)
{
    site_begin("");
    const struct site_client *client = site_account("acme");
    struct fake_reply *reply =
        site_post(client, "/new-order", "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"never.test\"}]}");
    const char *refused = identifier_of(reply);
    cr_expect_eq(reply->status, 403);
    cr_expect(site_has_words(reply, arena_printf(site.arena, "\"request\":\"%s\"", refused)));
    cr_expect_str_eq(site_text("SELECT request FROM v_events WHERE kind = 'order.refused'"), refused);
    cr_expect_str_neq(identifier_of(site_get(0, "GET", "/acme/acme/directory")), refused);
    site_end();
}

/* ---- the access log ---- */

static const char *heard;

static void hear(struct bytes line)
{
    heard = arena_printf(site.arena, "%s%.*s", heard, (int)line.n, (const char *)line.p);
}

Test(exchange, each_request_is_a_line_of_the_access_log)
{
    site_begin(",\"log\":{\"access\":true}");
    const struct site_client *client = site_account("acme");
    heard = "";
    fake_log_listen(hear);
    const char *refused = identifier_of(site_post(client, "/new-order", "{}"));
    const char *read = identifier_of(site_get(0, "GET", "/acme/acme/directory?token=1"));
    fake_log_listen(NULL);
    const char *text = heard, *account = arena_printf(site.arena, " account=%lld ", (long long)client->id);
    cr_expect_eq(
        count_of(text, "info request method=POST path=/acme/acme/new-order status=400 problem=malformed "),
        1);
    cr_expect_eq(count_of(text, account), 1);
    cr_expect_eq(count_of(text, arena_printf(site.arena, " request=%s", refused)), 1);
    cr_expect_eq(count_of(text, "info request method=GET path=/acme/acme/directory status=200 client="), 1);
    cr_expect_eq(count_of(text, arena_printf(site.arena, " request=%s", read)), 1);
    cr_expect_eq(count_of(text, "token"), 0, "a query may hold a secret");
    site_end();
}

Test(exchange, there_is_no_access_log_unless_it_is_asked_for)
{
    site_begin("");
    heard = "";
    fake_log_listen(hear);
    site_get(0, "GET", "/acme/acme/directory");
    fake_log_listen(NULL);
    cr_expect_str_empty(heard);
    site_end();
}

/* ---- envelopes ---- */

#define HOST "https://acme.test"

static const struct {
    const char *what;
    struct site_post post; /* of an account, to /new-order unless it says otherwise */
    struct site_expected expected;
} envelopes[] = {
    {"good", {.payload = "{}"}, {400, "malformed", "An order needs", NULL}},
    {"no content type",
     {.content_type = ""},
     {415, "malformed", "The Content-Type of a POST must be application/jose+json.", NULL}},
    {"another content type", {.content_type = "application/jose+jsonp"}, {415, "malformed", NULL, NULL}},
    {"content type in capitals",
     {.content_type = "Application/JOSE+json", .payload = "{}"},
     {400, "malformed", "An order needs", NULL}},
    {"content type with a parameter",
     {.content_type = "application/jose+json; charset=utf-8", .payload = "{}"},
     {400, "malformed", "An order needs", NULL}},
    {"content type and a blank",
     {.content_type = "application/jose+json ;x", .payload = "{}"},
     {400, "malformed", "An order needs", NULL}},
    {"too long", {.too_long = true}, {413, "malformed", "The request body is over 65536 bytes.", NULL}},
    {"no JSON", {.body = "x"}, {400, "malformed", NULL, NULL}},
    {"another url", {.url = HOST "/acme/acme/new-authz", .payload = "{}"}, {403, "unauthorized", NULL, NULL}},
    {"http url",
     {.url = "http://acme.test/acme/acme/new-order", .payload = "{}"},
     {403, "unauthorized", NULL, NULL}},
    {"the other name",
     {.url = "https://acme2.test:8443/acme/acme/new-order", .host = "acme2.test:8443", .payload = "{}"},
     {400, "malformed", "An order needs", NULL}},
    {"the other name in capitals",
     {.url = "https://acme2.test:8443/acme/acme/new-order", .host = "ACME2.test:8443", .payload = "{}"},
     {400, "malformed", "An order needs", NULL}},
    {"the other name for this",
     {.url = "https://acme2.test:8443/acme/acme/new-order", .payload = "{}"},
     {403, "unauthorized", NULL, NULL}},
    {"a key where an account is due", {.with_key = true, .payload = "{}"}, {400, "malformed", NULL, NULL}},
    {"a payload where none is due", {.path = "/order/1", .payload = "{}"}, {400, "malformed", NULL, NULL}},
    {"unknown nonce",
     {.nonce = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", .payload = "{}"},
     {400, "badNonce", NULL, NULL}},
    {"empty nonce", {.nonce = "", .payload = "{}"}, {400, "badNonce", NULL, NULL}},
};

Test(exchange, an_envelope_is_for_its_url_and_its_time)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    for (size_t i = 0; i < sizeof envelopes / sizeof *envelopes; i++) {
        struct site_post post = envelopes[i].post;
        post.client = client;
        post.path = post.path == NULL ? "/new-order" : post.path;
        site_expect(envelopes[i].what, site_send(&post), &envelopes[i].expected);
    }
    site_end();
}

Test(exchange, a_nonce_is_good_once_and_is_not_spent_by_a_bad_signature)
{
    site_begin("");
    struct site_client *client = site_account("acme"), *other = site_client("acme");
    char *nonce = arena_alloc(site.arena, NONCE_TEXT_BYTES);
    cr_assert(nonce_issue(site.frontend->nonces, nonce));
    struct site_post post = {
        .client = client, .path = "/new-order", .payload = "{}", .nonce = nonce, .signer = &other->jwk};
    SITE_EXPECT("signed by another", site_send(&post), 400, "malformed", "The signature does not verify.",
                NULL);
    post.signer = NULL;
    SITE_EXPECT("first", site_send(&post), 400, "malformed", "An order needs", NULL);
    SITE_EXPECT("second", site_send(&post), 400, "badNonce", "this reply has a new one", NULL);
    site_end();
}

Test(exchange, an_account_signs_at_its_endpoint_alone)
{
    site_begin("");
    struct site_client *client = site_account("acme"), stranger = *client, elsewhere = *client;
    stranger.id = 7;
    elsewhere.endpoint = "brief";
    SITE_EXPECT("unknown", site_post(&stranger, "/new-order", "{}"), 400, "accountDoesNotExist",
                "There is no account 7 at this endpoint; register first.", NULL);
    SITE_EXPECT("elsewhere", site_post(&elsewhere, "/new-order", "{}"), 400, "accountDoesNotExist",
                "at this endpoint", NULL);
    site_run("UPDATE accounts SET key = '{}'");
    SITE_EXPECT("unreadable", site_post(client, "/new-order", "{}"), 500, "serverInternal",
                "The account's key cannot be read.", NULL);
    site_run("UPDATE accounts SET status = 'revoked'");
    site_end();
}

Test(exchange, a_post_as_get_reads_what_a_get_reads)
{
    site_begin("");
    struct site_client *client = site_account("acme"), *stranger = site_client("acme");
    SITE_EXPECT("directory", site_post(client, "/directory", NULL), 200, NULL, "\"newNonce\":", NULL);
    struct fake_reply *reply = site_post(stranger, "/new-nonce", NULL);
    SITE_EXPECT("nonce", reply, 200, NULL, NULL, NULL);
    cr_expect(site_has_header(reply, "Link", "<https://acme.test/acme/acme/directory>;rel=\"index\""));
    site_end();
}

/* ---- limits ---- */

Test(exchange, refusals_of_an_account_have_a_limit)
{
    site_begin(",\"limits\":{\"refusals\":\"2/1h\"}");
    struct site_client *client = site_account("acme"), *other = site_account("acme");
    const char *denied = "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"never.test\"}]}";
    for (size_t i = 0; i < 2; i++)
        cr_expect_eq(site_post(client, "/new-order", denied)->status, 403);
    struct fake_reply *reply = site_post(client, "/new-order", denied);
    site_skip_events();
    SITE_EXPECT("third", reply, 429, "rateLimited",
                "refused requests from account|This one: never.test is refused|\"cause\":\"name-refused\"",
                NULL);
    cr_expect_str_eq(fake_header(reply, "Retry-After"), "1800");
    cr_expect(site_has_header(reply, "Link", "<https://acme.test/acme/acme/limits>;rel=\"help\""));
    cr_expect_eq(site_post(other, "/new-order", denied)->status, 403);
    cr_expect_eq(
        site_post(client, "/new-order", "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]}")
            ->status,
        201);
    site_end();
}

/* Nothing was done, so nothing counts. */
Test(exchange, what_was_not_committed_takes_nothing_from_the_limits)
{
    site_begin(",\"limits\":{\"accounts_per_address\":\"1/1h\"}");
    struct site_client *client = site_client("acme");
    static const char order[] = "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]}";
    fake_store_fail(1);
    cr_expect_eq(site_post(client, "/new-account", "{}")->status, 503);
    cr_expect_eq(site_post(client, "/new-account", "{}")->status, 201);
    client = site_client("acme");
    cr_expect_eq(site_post(client, "/new-account", "{}")->status, 429);
    site_end();
    site_begin(",\"limits\":{\"orders_per_name\":\"1/1h\"}");
    client = site_account("acme");
    fake_store_fail(2);
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(site_post(client, "/new-order", order)->status,
                     i < 2    ? 503
                     : i == 2 ? 201
                              : 429,
                     "%zu", i);
    site_end();
}

Test(exchange, refusals_of_a_key_without_an_account_are_its_own)
{
    site_begin(",\"limits\":{\"refusals\":\"1/1h\"}");
    struct site_client *client = site_client("net"), *neighbour = site_client("net"),
                       *asks = site_client("net");
    for (size_t i = 0; i < 2; i++) {
        cr_expect_eq(site_post(client, "/new-account", "{}")->status, i == 0 ? 403 : 429);
        cr_expect_eq(site_post(asks, "/new-account", "{\"onlyReturnExisting\":true}")->status, 400);
    }
    cr_expect_eq(site_post(neighbour, "/new-account", "{}")->status, 403);
    site_end();
}

Test(exchange, a_server_with_too_much_to_write_says_so)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    fake_store_set_backlog((size_t)site.config->max_waiting_writes - 1);
    cr_expect_eq(
        site_post(client, "/new-order", "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]}")
            ->status,
        201);
    site_skip_events();
    fake_store_set_backlog((size_t)site.config->max_waiting_writes);
    struct fake_reply *reply =
        site_post(client, "/new-order", "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]}");
    SITE_EXPECT("overloaded", reply, 503, "serverInternal", "The server is overloaded; nothing was done.",
                NULL);
    cr_expect_str_eq(fake_header(reply, "Retry-After"), "5");
    fake_store_set_backlog(0);
    site_end();
}

static const struct {
    int status;
    bool is_post;
    const char *type, *words;
} refused[] = {
    {400, true, "malformed", "The request is not well-formed HTTP/1.1."},
    {413, false, "malformed", "The request body is over 65536 bytes."},
    {500, false, "serverInternal", "The request is not well-formed HTTP/1.1."},
    {499, false, "malformed", "The request is not well-formed HTTP/1.1."},
};

Test(exchange, what_http_refuses_by_itself_is_a_problem_too)
{
    const char *last = "";
    site_begin("");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct http_reply sent = {0};
        const struct http_refusal refusal = {.loop = http_server_loop(fake_server(0), 0),
                                             .status = refused[i].status,
                                             .method = bytes_from_string(refused[i].is_post ? "POST" : "GET"),
                                             .target = BYTES_LITERAL("/acme/x?secret=1"),
                                             .client_address = "192.0.2.7"};
        exchange_render_refusal(site.frontend, site.arena, &refusal, &sent);
        struct fake_reply reply = {.status = sent.status,
                                   .content_type = sent.content_type,
                                   .body = sent.body,
                                   .header_count = sent.header_count};
        memcpy(reply.headers, sent.headers, sizeof sent.headers);
        site_expect_plain(
            refused[i].words, &reply,
            &(struct site_expected){refused[i].status, refused[i].type, refused[i].words, NULL});
        cr_expect_eq(*fake_header(&reply, "Replay-Nonce") != '\0', refused[i].is_post);
        const char *name = fake_header(&reply, "X-Request-Id");
        cr_expect_eq(strlen(name), 16);
        cr_expect_str_neq(name, last, "no two requests share it");
        cr_expect_not_null(memmem(sent.body.p, sent.body.n, name, 16));
        last = name;
        cr_expect_str_eq(fake_header(&reply, "Cache-Control"), "no-store");
    }
    site_end();
}
