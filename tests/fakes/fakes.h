/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fakes of the threads, the network and the clock of a gateway: one thread, message queues that the harness
 * turns, and a clock in its hand. They define what gateway/http/, gateway/outbound/ and
 * gateway/runtime/clock.h declare, so that the linker takes the rest of the gateway unchanged.
 */
#pragma once

#include "acme/jose/jwk.h"
#include "gateway/http/http.h"
#include "gateway/outbound/outbound.h"
#include "store/store.h"

/* ---- fake_clock.c: time, and what happens at its times ---- */

void fake_clock_set(int64_t unix_ms);
/* The wall clock alone, as when somebody sets it. */
void fake_clock_jump(int64_t by_ms);
/* Milliseconds that no jump changes. */
int64_t fake_clock_steady_ms(void);

/* `run(argument)` in `delay_ms`; what has the same key moves. */
void fake_agenda_put(const void *key, int64_t delay_ms, void (*run)(void *argument), void *argument);
void fake_agenda_drop(const void *key);
void fake_agenda_clear(void);
/* Moves both clocks to the next entry within `within_ms` and runs it; else moves them by `within_ms`, and
 * false. */
bool fake_agenda_advance(int64_t within_ms);

/* ---- fake_turns.c: the queues ---- */

/* Runs one message of a queue that has any, chosen by the dice. False when all are empty. */
bool fakes_turn(void);
/* Turns until all are empty. */
void fakes_settle(void);
/* Turns while time passes. */
void fakes_pass(int64_t ms);

/* fake_wait.c: a timed wait of this thread (thread_wait_until), and one for the outbound thread
 * (outbound_wait), turn them and let time pass, too. */

/* ---- fake_loops.c ---- */

/* Where the reply to one request goes. */
struct fake_reply {
    struct arena *arena; /* the caller's: of what follows */
    bool done;
    int status;
    const char *content_type;
    struct bytes body;
    struct http_header headers[HTTP_MAX_REPLY_HEADERS];
    size_t header_count;
    int64_t done_at_ms; /* by fake_clock_steady_ms */
    bool gone;          /* the client has left */
    bool acme;          /* to a resource of an endpoint */
    bool is_post;       /* of such a one */
};

/* Name servers of a reload cannot be opened from now on, or can again. How often others were put to use. */
void fake_outbound_fail_name_servers(bool fail);
size_t fake_outbound_name_servers_used(void);

/* The servers by the order of their start: the front end, then the one of pki_listen. NULL behind them. */
struct http_server *fake_server(size_t i);
/* The start-th one from now on does not start; 0: each does. */
void fake_servers_refuse(size_t start);
/* Of the i-th: how many connections it tells of, how often it was given a certificate, the key of the last
 * wake. */
void fake_server_set_connections(size_t i, size_t connections);
size_t fake_server_certificates(size_t i);
size_t fake_server_max_connections(size_t i);
/* No certificate is good enough for the i-th from now on. */
void fake_server_refuse_certificates(size_t i);
int64_t fake_server_woken(size_t i);
/* A request that a client sends: its arena is the caller's no more. `arena` of the reply is set. */
void fake_loops_send(struct http_server *server, struct http_request *request, struct fake_reply *reply);
bool fake_loops_turn(void);
size_t fake_loops_waiting(void);
/* Requests that are not answered. */
size_t fake_loops_open_requests(void);

/* ---- fake_load.c ---- */

/* Whether reads wait for the network, so that readers run the loads. True at the beginning. Call it before
 * the server or its parts are made. */
void fake_reads_wait(bool wait);
/* The readers of the location. NULL: reads do not wait. */
struct readers *fake_readers_new(const struct store_location *location);

/* Loads run always at once; false, as at the beginning: by the dice, or when other messages have come
 * between. */
void fake_loads_run_at_once(bool always);
/* The nth load from now on finds its queue full, or the database cannot be opened for it. 0: none. */
enum fake_hindrance { FAKE_LOADS_FULL, FAKE_LOADS_AWAY, FAKE_HINDRANCES };
void fake_loads_hinder(enum fake_hindrance how, size_t nth);
/* Whether one was, since then. */
bool fake_loads_hindered(enum fake_hindrance how);

/* From here on the loads of the outbound thread and of the admin API are read, and what follows is held,
 * until they are released: it is then posted in their order. */
enum { FAKE_LOADS_HELD = 8 };
void fake_loads_hold(void);
/* The same with those of clients. */
void fake_loads_hold_all(void);
size_t fake_loads_held(void);
void fake_loads_release(void);
/* What follows them is never called, as when the outbound thread has stopped. */
void fake_loads_drop(void);

bool fake_loads_turn(void);
size_t fake_loads_waiting(void);
/* True, once, when the message that is posted now ends a load that runs at once: it runs at once, too. */
bool fake_load_ends_at_once(void);

/* ---- fake_outbound.c ---- */

bool fake_outbound_turn(void);
size_t fake_outbound_waiting(void);
/* Sets the reports of outbound_ask_each_server, and the result of outbound_knows_host; borrowed. */
void fake_outbound_set_servers(const struct outbound_server_report *reports, size_t count, bool knows_host);
/* From here on messages run at once, and whatever is asked outside fails at once: before a stop. */
void fake_outbound_end_all(void);

/* To the outbound thread that runs. */
void fake_outbound_post(struct outbound_message *message);

/* What outbound_hurry was told last. */
int64_t fake_outbound_hurried_ms(void);

/* ---- fake_store.c: the committer, in this thread ---- */

/* The database of the next store_open. `committed` hears of each operation that was kept. */
void fake_store_use(const struct store_location *location, void (*committed)(struct store_reader *reader));
/* The writer's connection, opened when it is first used. */
struct store_command *fake_store_command(void);
/* The next `operations` are not kept: STORE_UNAVAILABLE, as with a full disk. */
void fake_store_fail(size_t operations);
bool fake_store_turn(void);
size_t fake_store_waiting(void);
/* The step-th step of a statement from now on, of whatever connection, fails as by an I/O error; 0: none
 * does. */
void fake_store_fail_step(size_t step);
bool fake_store_step_failed(void);
/* Sets the result of store_backlog. */
void fake_store_set_backlog(size_t operations);

/* ---- fake_channel.c: between gateways ---- */

/* Whether the database has a channel. False at the beginning. */
void fake_channels_exist(bool exist);
/* While it is away, no message is taken. When it is back, all hear that messages may have been lost. */
void fake_channels_lose(bool lose);
/* Messages may have been lost: each one is told. */
void fake_channels_miss(void);
bool fake_channels_turn(void);
size_t fake_channels_waiting(void);

/* ---- fake_client.c: what ACME clients sign ---- */

/* The payload, signed, as a flattened JWS. */
struct bytes fake_envelope(struct arena *arena, const char *protected_header, struct bytes payload,
                           const struct jwk *key);
/* An external account binding of the key by HMAC (RFC 8555 §7.3.4); `extra` members behind its own. */
char *fake_binding(struct arena *arena, const struct jwk *account_key, const char *kid, struct bytes mac_key,
                   const char *url, const char *extra);

/* ---- fake_log.c ---- */

void fake_log_to_stderr(bool wanted);
/* Who reads each line. */
void fake_log_listen(void (*listener)(struct bytes line));
