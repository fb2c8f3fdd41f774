/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the listeners: versions, suites, protocols, certificates, and how a handshake ends that fails. */
#include <openssl/ssl.h>

#include "acme/jose/private_key.h"
#include "acme/pki.h"
#include "front.h"
#include "gateway/runtime/log.h"
#include "leaks.h"
#include "log_capture.h"
#include "moving_clock.h"

LEAK_CHECKED_SUITE(http_tls);

#define ASK "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static struct client_handshake shake(const struct client_tls *tls)
{
    struct client *client = front_client();
    struct client_handshake handshake = client_shake(client, tls);
    if (handshake.reason == 0)
        cr_expect_eq(client_ask(client, ASK).status, 200);
    client_close(client);
    return handshake;
}
#define SHAKE(...) shake(&(struct client_tls){__VA_ARGS__})

/* ---- what is agreed on ---- */

static const struct {
    const char *suite; /* of TLS 1.2 */
    bool good;
} suites[] = {
    {"ECDHE-ECDSA-AES128-GCM-SHA256", true},
    {"ECDHE-ECDSA-AES256-GCM-SHA384", true},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", true},
    {"ECDHE-ECDSA-AES128-SHA", false},
    {"ECDHE-ECDSA-AES256-SHA", false},
    {"ECDHE-ECDSA-AES128-SHA256", false},
    {"ECDHE-ECDSA-AES256-SHA384", false},
    {"ECDHE-ECDSA-AES128-CCM8", false},
    {"AES128-GCM-SHA256", false},
};

Test(http_tls, S15_tls_1_2_has_forward_secrecy_and_AEAD_only)
{
    FRONT_START(.tls = true);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        struct client_handshake came = SHAKE(.most_version = TLS1_2_VERSION, .ciphers = suites[i].suite);
        if (suites[i].good) {
            cr_assert_eq(came.reason, 0, "%s: %d", suites[i].suite, came.reason);
            cr_expect_str_eq(came.cipher, suites[i].suite);
            cr_expect_str_eq(came.version, "TLSv1.2");
        } else {
            cr_expect_eq(came.reason, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "%s: %d", suites[i].suite,
                         came.reason);
        }
    }
    front_stop();
}

Test(http_tls, S15_tls_1_3_is_preferred_and_the_server_chooses_the_suite)
{
    FRONT_START(.tls = true);
    cr_expect_str_eq(SHAKE(.server_name = "localhost").version, "TLSv1.3");
    struct client_handshake came =
        SHAKE(.most_version = TLS1_2_VERSION,
              .ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384");
    cr_expect_str_eq(came.cipher, "ECDHE-ECDSA-AES256-GCM-SHA384");
    front_stop();
}

static const struct {
    const char *offered, *chosen; /* chosen NULL: an alert */
} protocols[] = {
    {NULL, ""},
    {"\x08http/1.1", "http/1.1"},
    {"\x02h2\x08http/1.1", "http/1.1"},
    {"\x02h2", NULL},
    {"\x02h2\x0a"
     "acme-tls/1",
     NULL},
};

Test(http_tls, P6_HTTP_1_1_is_the_one_protocol)
{
    FRONT_START(.tls = true);
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            struct client_handshake came = SHAKE(.most_version = version, .protocols = protocols[i].offered);
            if (protocols[i].chosen == NULL)
                cr_expect_eq(came.reason, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "%zu: %d", i,
                             came.reason);
            else
                cr_expect(came.reason == 0 && strcmp(came.protocol, protocols[i].chosen) == 0, "%zu", i);
        }
    }
    front_stop();
}

Test(http_tls, a_name_that_a_client_sends_changes_nothing)
{
    static const char *const names[] = {NULL, "localhost", "elsewhere.test"};
    FRONT_START(.tls = true);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect_str_eq(SHAKE(.server_name = names[i]).common_name, "first");
    front_stop();
}

Test(http_tls, no_session_is_resumed)
{
    FRONT_START(.tls = true);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct client *client = front_client();
        cr_assert_eq(CLIENT_SHAKE(client, .most_version = version).reason, 0);
        cr_expect_eq(client_ask(client, ASK).status, 200);
        SSL_SESSION *session = SSL_get1_session(client->ssl);
        cr_expect_not(SSL_SESSION_is_resumable(session), "%x", version);
        cr_expect_not(SSL_SESSION_has_ticket(session), "%x", version);
        SSL_SESSION_free(session);
        client_close(client);
    }
    front_stop();
}

Test(http_tls, no_handshake_follows_the_first)
{
    FRONT_START(.tls = true);
    struct client *client = front_client();
    cr_assert_eq(CLIENT_SHAKE(client, .most_version = TLS1_2_VERSION).reason, 0);
    cr_expect_eq(SSL_renegotiate(client->ssl), 1);
    cr_expect_neq(SSL_do_handshake(client->ssl), 1);
    front_await_connections(0);
    client_close(client);
    front_stop();
}

/* ---- handshakes that fail ---- */

static const struct {
    const char *what;
    struct client_tls client;
    bool distrusts;
    int reason;
    enum http_event event;
    const char *line;
} failures[] = {
    {"TLS 1.1",
     {.least_version = TLS1_1_VERSION, .most_version = TLS1_1_VERSION},
     false,
     SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
     HTTP_HANDSHAKE_PROTOCOL_VERSION,
     "the client offers no TLS 1.2 or 1.3"},
    {"another suite",
     {.most_version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA"},
     false,
     SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     HTTP_HANDSHAKE_NO_SHARED_CIPHER,
     "no cipher suite in common"},
    {"another protocol",
     {.protocols = "\x02h2"},
     false,
     SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL,
     HTTP_HANDSHAKE_NO_APPLICATION_PROTOCOL,
     "the client offers protocols, but not http/1.1"},
    {"distrust, TLS 1.3",
     {.server_name = "localhost"},
     true,
     SSL_R_CERTIFICATE_VERIFY_FAILED,
     HTTP_HANDSHAKE_REFUSED_BY_CLIENT,
     "the client refused with an alert; does it trust the certificate?"},
    {"distrust, TLS 1.2",
     {.most_version = TLS1_2_VERSION},
     true,
     SSL_R_CERTIFICATE_VERIFY_FAILED,
     HTTP_HANDSHAKE_REFUSED_BY_CLIENT,
     "the client refused with an alert; does it trust the certificate?"},
};

static void expect_told(const char *what, enum http_event event)
{
    front_await_told(event, 1);
    front_pass(0);
    for (enum http_event other = 0; other < HTTP_EVENTS; other++)
        cr_expect_eq(front_told(other), other == event ? 1 : 0, "%s: %d", what, other);
}

Test(http_tls, P6_a_handshake_that_fails_ends_with_its_alert_and_is_told)
{
    struct arena *arena = arena_new();
    log_set_level(LOG_LEVEL_DEBUG);
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        log_capture_begin();
        FRONT_START(.tls = true);
        struct client_tls tls = failures[i].client;
        struct front_identity stranger = front_identity("stranger");
        tls.root = failures[i].distrusts ? stranger.certificate : NULL;
        struct client_handshake came = shake(&tls);
        cr_expect_eq(came.reason, failures[i].reason, "%s: %d", failures[i].what, came.reason);
        expect_told(failures[i].what, failures[i].event);
        front_stop();
        const char *log = log_capture_end(arena);
        cr_expect_eq(count_of(log, "a TLS handshake failed: "), 1, "%s: %s", failures[i].what, log);
        cr_expect_eq(count_of(log, failures[i].line), 1, "%s: %s", failures[i].what, log);
    }
    arena_free(arena);
}

/* A client's first message, as octets. */
static struct bytes hello_of(SSL *ssl)
{
    cr_expect_neq(SSL_do_handshake(ssl), 1);
    char *octets;
    long n = BIO_get_mem_data(SSL_get_wbio(ssl), &octets);
    return arena_copy(front.arena, bytes_of(octets, (size_t)n));
}

static SSL *unconnected(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
    return ssl;
}

enum { RECORD_HEADER = 5, ALERT = 21, APPLICATION = 23 };

/* The types of the records, a letter each: a for an alert. */
static const char *records(struct bytes came)
{
    char *types = arena_alloc(front.arena, came.n + 1);
    for (size_t at = 0, n = 0; at + RECORD_HEADER <= came.n; n++) {
        types[n] = came.p[at] == ALERT ? 'a' : came.p[at] == APPLICATION ? 'd' : '.';
        at += RECORD_HEADER + (size_t)came.p[at + 3] * 256 + came.p[at + 4];
    }
    return types;
}

Test(http_tls, P6_an_alert_that_must_be_encrypted_is_not_sent_in_clear)
{
    static const uint8_t bogus[RECORD_HEADER + 32] = {APPLICATION, 3, 3, 0, 32};
    FRONT_START(.tls = true);
    SSL *ssl = unconnected();
    struct client *client = front_client();
    client_send_bytes(client, hello_of(ssl));
    (void)client_read_some(client, 100);
    client_send_bytes(client, bytes_of(bogus, sizeof bogus));
    struct bytes rest = client_read_bytes_to_end(client);
    cr_expect_null(strchr(records(rest), 'a'), "%s", records(rest));
    expect_told("bogus", HTTP_HANDSHAKE_OTHER);
    client_close(client);
    SSL_free(ssl);
    front_stop();
}

Test(http_tls, P6_an_alert_in_clear_is_one_record)
{
    FRONT_START(.tls = true);
    SSL *ssl = unconnected();
    cr_assert_eq(SSL_set_alpn_protos(ssl, (const uint8_t *)"\x02h2", 3), 0);
    struct client *client = front_client();
    client_send_bytes(client, hello_of(ssl));
    struct bytes came = client_read_bytes_to_end(client);
    static const uint8_t alert[] = {ALERT, 3, 3, 0, 2, SSL3_AL_FATAL, SSL_AD_NO_APPLICATION_PROTOCOL};
    cr_expect(bytes_equal(came, bytes_of(alert, sizeof alert)), "%zu octets", came.n);
    client_close(client);
    SSL_free(ssl);
    front_stop();
}

static void leave(struct client *client)
{
    front_await_connections(1);
    client_end(client);
    cr_expect(client_has_ended(client));
}

static void be_silent(struct client *client)
{
    front_await_connections(1);
    front_pass(9999);
    cr_expect(client_has_nothing(client));
    front_pass(1);
    cr_expect(client_has_ended(client));
}

static void begin_a_record(struct client *client)
{
    client_send(client, "\x16\x03\x01");
    be_silent(client);
}

static void speak_HTTP(struct client *client)
{
    client_send(client, ASK);
    cr_expect(client_has_ended(client));
}

static const struct {
    const char *what;
    void (*act)(struct client *client);
    enum http_event event;
} silent[] = {
    {"one that leaves", leave, HTTP_HANDSHAKE_UNFINISHED},
    {"one that says nothing", be_silent, HTTP_HANDSHAKE_UNFINISHED},
    {"one that does not go on", begin_a_record, HTTP_HANDSHAKE_UNFINISHED},
    {"one that speaks HTTP", speak_HTTP, HTTP_HANDSHAKE_UNFINISHED},
};

Test(http_tls, P6_a_client_that_speaks_no_TLS_has_no_alert_and_is_told)
{
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        FRONT_START(.tls = true);
        struct client *client = front_client();
        silent[i].act(client);
        expect_told(silent[i].what, silent[i].event);
        client_close(client);
        front_stop();
    }
}

Test(http_tls, P6_the_log_has_a_line_in_ten_seconds_of_failures)
{
    struct arena *arena = arena_new();
    log_set_level(LOG_LEVEL_DEBUG);
    log_capture_begin();
    FRONT_START(.tls = true);
    for (size_t i = 1; i <= 12; i++) {
        cr_expect_eq(SHAKE(.protocols = "\x02h2").reason, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
        front_await_told(HTTP_HANDSHAKE_NO_APPLICATION_PROTOCOL, i);
        front_pass(1000);
    }
    front_stop();
    cr_expect_eq(count_of(log_capture_end(arena), "a TLS handshake failed: "), 2);
    arena_free(arena);
}

Test(http_tls, a_handshake_that_is_done_is_not_told)
{
    FRONT_START(.tls = true);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
        cr_expect_eq(SHAKE(.most_version = version).reason, 0);
    front_await_connections(0);
    for (enum http_event event = 0; event < HTTP_EVENTS; event++)
        cr_expect_eq(front_told(event), 0, "%d", event);
    front_stop();
}
