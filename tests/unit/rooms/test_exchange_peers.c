/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that need another gateway: it issued their nonce, or it works on what they wait for. */
#include "acme/base/base64.h"
#include "acme/nonce.h"
#include "fakes.h"
#include "site.h"

LEAK_CHECKED_SUITE(exchange_peers);

enum { OTHER_NUMBER = 2, DELAY_MS = 700 };

/* ---- the other gateway ---- */

static struct {
    struct peers *peers;
    struct nonce_source *nonces;
    bool is_deaf; /* it answers nothing */
    size_t asked;
} other;

static struct store_channel *ear;
static size_t overheard;

static void note(void *context, const char *message)
{
    (void)context;
    (void)message;
    overheard++;
}

static size_t others(void *context)
{
    (void)context;
    return 1;
}

static bool spend(void *context, struct bytes nonce)
{
    (void)context;
    other.asked++;
    return nonce_spend(other.nonces, nonce);
}

static void heard(void *context, int64_t key)
{
    (void)context;
    (void)key;
}

static void revoked(void *context)
{
    (void)context;
}

static void taken(void *context, const struct rate_demand *demand)
{
    (void)context;
    (void)demand;
}

static void open_other(void)
{
    const struct peers_parts parts = {
        site.database.location, OTHER_NUMBER, others, spend, heard, heard, revoked, taken, NULL};
    other.peers = peers_new(&parts);
    cr_assert(peers_start(other.peers, NULL));
}

static void close_other(void)
{
    peers_stop(other.peers);
    peers_free(other.peers);
    other.peers = NULL;
}

static void begin(void)
{
    fake_channels_exist(true);
    site_begin("");
    other.nonces = nonce_source_new(OTHER_NUMBER);
    other.asked = 0;
    overheard = 0;
    open_other();
    ear = store_channel_open(NULL, &(struct store_channel_parts){.heard = note}, NULL);
}

static void end(void)
{
    close_other();
    store_channel_close(ear);
    nonce_source_free(other.nonces);
    site_end();
}

/* ---- nonces ---- */

static const char *foreign_nonce(void)
{
    char *nonce = arena_alloc(site.arena, NONCE_TEXT_BYTES);
    cr_assert(nonce_issue(other.nonces, nonce));
    return nonce;
}

/* `took_ms` for the answer. */
static struct fake_reply *send_timed(const struct site_post *post, int64_t *took_ms)
{
    int64_t before_ms = fake_clock_steady_ms();
    struct fake_reply *reply = site_send(post);
    *took_ms = reply->done_at_ms - before_ms;
    return reply;
}

static struct site_post post_with(const struct site_client *client, const char *nonce)
{
    return (struct site_post){.client = client, .path = "/new-order", .payload = "{}", .nonce = nonce};
}

Test(exchange_peers, a_nonce_of_another_gateway_is_good_once)
{
    int64_t took_ms;
    begin();
    const char *nonce = foreign_nonce();
    struct site_post post = post_with(site_account("acme"), nonce);
    SITE_EXPECT("first", send_timed(&post, &took_ms), 400, "malformed", "An order needs", NULL);
    cr_expect_lt(took_ms, 10);
    struct fake_reply *reply = send_timed(&post, &took_ms);
    SITE_EXPECT("second", reply, 400, "badNonce", "this reply has a new one", NULL);
    cr_expect_lt(took_ms, 10);
    cr_expect_eq(other.asked, 2);
    cr_expect_eq(nonce_home(bytes_from_string(fake_header(reply, "Replay-Nonce"))), SITE_NUMBER);
    end();
}

Test(exchange_peers, nobody_is_asked_behind_a_bad_signature)
{
    int64_t took_ms;
    begin();
    struct site_client *client = site_account("acme"), *stranger = site_client("acme");
    struct site_post post = post_with(client, foreign_nonce());
    post.signer = &stranger->jwk;
    SITE_EXPECT("signed by another", send_timed(&post, &took_ms), 400, "malformed",
                "The signature does not verify.", NULL);
    cr_expect_eq(overheard, 0);
    post.signer = NULL;
    SITE_EXPECT("signed", send_timed(&post, &took_ms), 400, "malformed", "An order needs", NULL);
    end();
}

Test(exchange_peers, an_account_that_may_not_is_refused_behind_the_answer)
{
    begin();
    struct site_client *client = site_account("acme");
    site_run("UPDATE accounts SET status = 'revoked'");
    struct site_post post = post_with(client, foreign_nonce());
    SITE_EXPECT("revoked", site_send(&post), 403, "unauthorized", NULL, NULL);
    cr_expect_eq(other.asked, 1);
    end();
}

Test(exchange_peers, a_gateway_without_an_answer_is_waited_for_a_second_and_once)
{
    int64_t took_ms;
    begin();
    struct site_client *client = site_account("acme");
    close_other();
    struct site_post post = post_with(client, foreign_nonce());
    SITE_EXPECT("away", send_timed(&post, &took_ms), 400, "badNonce", NULL, NULL);
    cr_expect_eq(took_ms, HTTP_LOOK_MS);
    SITE_EXPECT("still away", send_timed(&post, &took_ms), 400, "badNonce", NULL, NULL);
    cr_expect_lt(took_ms, 10);
    open_other();
    fakes_pass(PEERS_PROBE_MS);
    SITE_EXPECT("not known to be back", send_timed(&post, &took_ms), 400, "badNonce", NULL, NULL);
    post.nonce = foreign_nonce();
    SITE_EXPECT("back", send_timed(&post, &took_ms), 400, "malformed", "An order needs", NULL);
    end();
}

static void hold_loads(void *argument)
{
    (void)argument;
    fake_loads_hold_all();
}

static void release_loads(void *argument)
{
    (void)argument;
    fake_loads_release();
}

/* Nobody waits for the answer then: that it does not come says nothing of the other gateway. */
Test(exchange_peers, a_client_that_left_makes_no_gateway_silent)
{
    int64_t took_ms;
    begin();
    struct site_client *client = site_account("acme");
    close_other();
    hold_loads(NULL);
    site.leaves_in_ms = 1;
    fake_agenda_put(&release_loads, 2, release_loads, NULL);
    struct site_post post = post_with(client, foreign_nonce());
    (void)send_timed(&post, &took_ms);
    cr_expect_eq(took_ms, 2, "%lld", (long long)took_ms);
    open_other();
    post.nonce = foreign_nonce();
    SITE_EXPECT("another client", send_timed(&post, &took_ms), 400, "malformed", "An order needs", NULL);
    end();
}

Test(exchange_peers, without_a_channel_a_foreign_nonce_is_bad_at_once)
{
    int64_t took_ms;
    begin();
    struct site_post post = post_with(site_account("acme"), foreign_nonce());
    fake_channels_lose(true);
    SITE_EXPECT("away", send_timed(&post, &took_ms), 400, "badNonce", NULL, NULL);
    cr_expect_lt(took_ms, 10);
    fake_channels_lose(false);
    SITE_EXPECT("back", send_timed(&post, &took_ms), 400, "malformed", "An order needs", NULL);
    end();
}

Test(exchange_peers, a_gateway_that_is_alone_asks_nobody)
{
    int64_t took_ms;
    fake_channels_exist(false);
    site_begin("");
    other.nonces = nonce_source_new(OTHER_NUMBER);
    struct site_post post = post_with(site_account("acme"), foreign_nonce());
    SITE_EXPECT("foreign", send_timed(&post, &took_ms), 400, "badNonce", NULL, NULL);
    cr_expect_lt(took_ms, 10);
    nonce_source_free(other.nonces);
    site_end();
}

static void stop_channel(void *argument)
{
    (void)argument;
    peers_stop(site.parts.peers);
}

/* As a stop of the server has it: the answer does not come any more. */
Test(exchange_peers, a_question_whose_channel_is_stopped_ends)
{
    int64_t took_ms;
    begin();
    struct site_post post = post_with(site_account("acme"), foreign_nonce());
    close_other();
    fake_agenda_put(&other, DELAY_MS, stop_channel, NULL);
    SITE_EXPECT("stopped", send_timed(&post, &took_ms), 400, "badNonce", NULL, NULL);
    cr_expect_eq(took_ms, HTTP_LOOK_MS);
    end();
}

Test(exchange_peers, this_gateway_answers_for_its_own_nonces)
{
    begin();
    char nonce[NONCE_TEXT_BYTES];
    cr_assert(nonce_issue(site.frontend->nonces, nonce));
    for (int i = 0; i < 2; i++) {
        int64_t key = peers_ask(other.peers, bytes_from_string(nonce));
        cr_assert_neq(key, 0);
        fakes_settle();
        cr_expect_eq(peers_take_answer(other.peers, key), i == 0 ? PEERS_GOOD : PEERS_BAD);
    }
    struct site_post post = post_with(site_account("acme"), nonce);
    SITE_EXPECT("spent", site_send(&post), 400, "badNonce", NULL, NULL);
    end();
}

/* ---- waiting ---- */

/* The other gateway ends the work for the order, and may say so. */
struct work {
    struct order order;
    bool tells;
    const char *status; /* then; NULL: it has not ended */
    int64_t at_ms;
    bool fails_from_here; /* the next load of this gateway does */
};

static void end_work(void *argument)
{
    const struct work *work = argument;
    if (work->status != NULL)
        site_run(arena_printf(site.arena, "UPDATE orders SET status = '%s' WHERE id = %lld", work->status,
                              (long long)work->order.id));
    if (work->fails_from_here)
        fake_loads_hinder(FAKE_LOADS_AWAY, 1);
    if (work->tells)
        peers_tell_settled(other.peers, work->order.id);
}

static const struct {
    const char *what;
    bool tells;
    const char *status, *shown;
    int64_t took_ms;
} waits[] = {
    {"it says so", true, "invalid", "invalid", DELAY_MS},
    {"its message is lost", false, "invalid", "invalid", HTTP_LOOK_MS},
    {"a try failed, and another one follows", true, NULL, "processing", DELAY_MS},
    {"it goes on working", false, NULL, "processing", 5 * HTTP_LOOK_MS},
};

static const char *hexadecimal(struct bytes octets)
{
    size_t room = octets.n * 2 + 1;
    char *text = arena_alloc(site.arena, room);
    cr_assert_eq(OPENSSL_buf2hexstr_ex(text, room, NULL, octets.p, octets.n, '\0'), 1);
    return text;
}

/* The order is in processing, by another gateway, when this one commits. */
static struct fake_reply *finalize(struct work *work, const struct site_client *client, int64_t *took_ms)
{
    work->order = site_ready_order(client, "a.test");
    const struct pki_csr asked = {.key = pki_key(site.arena, "P-256"), .names = "DNS:a.test"};
    struct bytes csr = pki_csr(site.arena, &asked);
    const struct site_post post = {
        .client = client,
        .path = arena_printf(site.arena, "/order/%lld/finalize", (long long)work->order.id),
        .payload = arena_printf(site.arena, "{\"csr\":\"%s\"}", base64url_encode(site.arena, csr))};
    site.meanwhile = arena_printf(
        site.arena, "UPDATE orders SET status = 'processing', processing_since = 1780272000, csr = x'%s'",
        hexadecimal(csr));
    fake_agenda_put(work, work->at_ms, end_work, work);
    return send_timed(&post, took_ms);
}

Test(exchange_peers, a_held_reply_ends_when_another_gateway_has_settled_its_object)
{
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        int64_t took_ms;
        struct work work = {.tells = waits[i].tells, .status = waits[i].status, .at_ms = DELAY_MS};
        begin();
        struct fake_reply *reply = finalize(&work, site_account("acme"), &took_ms);
        cr_expect_eq(reply->status, 200, "%s", waits[i].what);
        cr_expect(site_has_words(reply, arena_printf(site.arena, "\"status\":\"%s\"", waits[i].shown)), "%s",
                  waits[i].what);
        cr_expect_eq(took_ms, waits[i].took_ms, "%s: %lld", waits[i].what, (long long)took_ms);
        end();
    }
}

/* Nobody else can work on it, so nobody looks. */
Test(exchange_peers, a_gateway_that_is_alone_does_not_look)
{
    struct work work = {.status = "invalid", .at_ms = DELAY_MS};
    int64_t took_ms;
    begin();
    site.is_alone = true;
    struct fake_reply *reply = finalize(&work, site_account("acme"), &took_ms);
    cr_expect(site_has_words(reply, "\"status\":\"invalid\""));
    cr_expect_eq(took_ms, site.config->hold_reply_ms, "%lld", (long long)took_ms);
    cr_expect_eq(overheard, 0);
    end();
}

/* From the first look on, readers give nothing back until then. */
static void hold_loads_until(int64_t until_ms)
{
    fake_agenda_put(&hold_loads, HTTP_LOOK_MS - 1, hold_loads, NULL);
    fake_agenda_put(&release_loads, until_ms, release_loads, NULL);
}

/* The look has read the order before that was settled. */
Test(exchange_peers, a_wake_during_a_look_is_not_missed)
{
    enum { AT_MS = HTTP_LOOK_MS + 100, UNTIL_MS = HTTP_LOOK_MS + 200 };
    struct work work = {.tells = true, .status = "invalid", .at_ms = AT_MS};
    int64_t took_ms;
    begin();
    hold_loads_until(UNTIL_MS);
    struct fake_reply *reply = finalize(&work, site_account("acme"), &took_ms);
    cr_expect(site_has_words(reply, "\"status\":\"invalid\""));
    cr_expect_eq(took_ms, UNTIL_MS, "%lld", (long long)took_ms);
    end();
}

Test(exchange_peers, a_look_that_takes_long_is_no_end_of_the_wait)
{
    enum { UNTIL_MS = 3 * HTTP_LOOK_MS + 300 };
    struct work work = {.at_ms = DELAY_MS};
    int64_t took_ms;
    begin();
    hold_loads_until(UNTIL_MS);
    struct fake_reply *reply = finalize(&work, site_account("acme"), &took_ms);
    cr_expect(site_has_words(reply, "\"status\":\"processing\""));
    cr_expect_eq(took_ms, 5 * HTTP_LOOK_MS, "%lld", (long long)took_ms);
    end();
}

/* It ends with the look, which the request does not outlive. */
Test(exchange_peers, a_client_that_left_meanwhile_is_looked_for_once)
{
    struct work work = {.at_ms = DELAY_MS};
    int64_t took_ms;
    begin();
    site.leaves_in_ms = DELAY_MS;
    (void)finalize(&work, site_account("acme"), &took_ms);
    cr_expect_eq(took_ms, HTTP_LOOK_MS, "%lld", (long long)took_ms);
    end();
}

/* A load that fails is no outcome. */
Test(exchange_peers, a_look_that_fails_is_followed_by_another_one)
{
    struct work work = {.status = "invalid", .at_ms = HTTP_LOOK_MS + DELAY_MS, .fails_from_here = true};
    int64_t took_ms;
    begin();
    struct fake_reply *reply = finalize(&work, site_account("acme"), &took_ms);
    cr_expect_eq(reply->status, 200);
    cr_expect(site_has_words(reply, "\"status\":\"invalid\""));
    cr_expect_eq(took_ms, 3 * HTTP_LOOK_MS, "%lld", (long long)took_ms);
    end();
}
