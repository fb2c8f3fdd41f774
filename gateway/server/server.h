/* SPDX-License-Identifier: Apache-2.0 */
/* The running server: state that its parts share. server_start makes it; afterwards it is read-only, except
 * for the parts' own state. */
#pragma once

#include <stdatomic.h>

#include "gateway/ca/issuers.h"
#include "gateway/config/config_changes.h"
#include "gateway/http/http.h"
#include "gateway/keys/secret_box.h"
#include "gateway/outbound/outbound.h"
#include "store/store.h"

struct account_exporter;
struct retention_work;
struct jobs;
struct loads;
struct readers;
struct frontend;
struct own_certificate;
struct peers;
struct admin;
struct background;
struct status;
struct issuer_follow;

struct server {
    const struct config *config;
    const char *config_path; /* where it was read */
    struct arena *arena;     /* what lives as long as the server */
    const struct store_location *location;
    struct store *store;
    struct outbound_message revoked_elsewhere;
    atomic_bool hears_revoked; /* that message is on its way */
    struct peers *peers;       /* NULL: this gateway is alone with its database */
    struct outbound *outbound;
    struct readers *readers; /* NULL: loops and outbound thread read themselves */
    struct loads *loads;
    struct issuers *issuers;
    struct issuer_follow *issuer_follow; /* NULL: no other gateway can change them */
    struct jobs *jobs;
    struct background *background;
    struct own_certificate *own_certificate;
    struct status *status;
    struct retention_work *retention;
    struct account_exporter *account_exporter; /* NULL: no configuration has asked for it yet */
    struct frontend *frontend;
    struct http_server *http;
    struct http_server *pki_http; /* without TLS; NULL when it is not wanted */
    struct admin *admin;          /* NULL when there is no admin API */
    struct secret_box *secrets;   /* NULL while nothing needs any; the background thread may add them */
    /* The one that a reload is about to publish, for its preflights; the background thread's. Else NULL. */
    const struct config *next_config;
    atomic_bool started; /* all of the above exists: for the admin API, which answers earlier */
};

/* Starts everything in order; NULL with `fault` filled. `config`, read from `path`, stays the caller's and
 * must outlive the server. */
[[gnu::warn_unused_result]] struct server *server_start(const struct config *config, const char *path,
                                                        struct fault *fault);

/*
 * Takes over the changes of a newly read configuration, as its keys allow (config_changes.h). The log names
 * each change, and whether it is in force or waits for a restart; `changes` has them all. The issuers pass
 * their preflight first: never on a loop, the committer or the outbound thread. False with `fault`; nothing
 * has then changed. When config_now() returns another configuration afterwards, `arena` holds it and is kept
 * until the server has stopped.
 */
[[gnu::warn_unused_result]] bool server_reload(struct server *server, struct arena *arena,
                                               const struct config *fresh, struct config_changes *changes,
                                               struct fault *fault);

/*
 * Reads the configuration file and the environment again and takes them in (server_reload). The log and an
 * event have the verdict, with every change or every reason. True when the file was taken in. A configuration
 * that serves from now on is freed with `taken`. Background thread.
 */
bool server_reload_file(struct server *server, struct arena *taken);

/* The event's detail is one line: the file with its digest, then each change or reason, with this between
 * them. */
#define SERVER_VERDICT_SEPARATOR " | "

/* The SHA-256 of a configuration file, in hexadecimal, as the event's detail has it. In the
 * arena. */
const char *server_digest_of(struct arena *arena, struct bytes text);

/* Says of a change whether it is in force, in one line without "configuration: ". */
const char *server_change_text(const struct server *server, struct arena *arena,
                               const struct config_change *change);

/* True once clients can connect: the server has its own certificate. Any thread. */
bool server_has_certificate(const struct server *server);

enum { SERVER_SUMMARY_MAX_BYTES = 4096 };

/* One line of plain English about what the server does now: whether it serves, and which issuers do not sign.
 * In the arena. Any thread. */
const char *server_summary(const struct server *server, struct arena *arena);

/* Logs what has started: version, configuration, database, listeners, issuers and directories. */
void server_log_start(const struct server *server);

/* Ends work in progress within bounds, closes the database, frees. */
void server_stop(struct server *server);
