/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request on its way: prepare → load → check (loop) → apply (committer's transaction) → render (loop). A
 * route fills the steps in; exchange.c carries it through them. Of the steps outside of apply, load alone has
 * a reader of the database.
 */
#pragma once

#include "acme/account.h"
#include "acme/envelope.h"
#include "acme/objects.h"
#include "acme/rate_limiter.h"
#include "gateway/frontend/frontend.h"
#include "gateway/metrics/metrics.h"
#include "store/events.h"

struct exchange;

enum {
    REQUEST_ID_BYTES = 17,  /* 16 hexadecimal digits, and a NUL */
    EXCHANGE_TAKES_MAX = 4, /* times that one `apply` takes tokens of rate limits */
};

/*
 * Reads what a route needs into the route's own struct (exchange->state), in the exchange's arena. Sets
 * exchange->problem when that is not there, or not this client's. It may run on another thread than the loop:
 * it uses nothing that is the loop's own, and no issuer (readers.h).
 */
typedef void exchange_load_step(struct exchange *exchange, struct store_reader *reader);

/* The authentication of a route's requests. */
enum route_authentication {
    ROUTE_OPEN, /* GET, HEAD, or a POST-as-GET that anyone with an account key may make */
    ROUTE_JWK,  /* signed with the key in the header */
    ROUTE_KID,  /* signed by an account */
    ROUTE_EITHER,
    ROUTE_PLAIN, /* no envelope: the route reads the body itself */
};

struct route {
    const char *pattern; /* {id}, {chain}, {type}, {certificate}, {name}, {issuer} and {rest} are parsed into
                            the exchange */
    const char *methods; /* for the Allow header */
    enum route_authentication authentication;
    bool post_as_get_only; /* any payload is refused */
    /* Each step but render may be NULL. The first three set exchange->problem to refuse; the loop's set
     * exchange->answered when `render` can follow at once. */
    /* Parses what came. Sets exchange->away when exchange_answer follows. */
    void (*prepare)(struct exchange *exchange);
    exchange_load_step *load;
    /* Sends for what `load` reads (store_read_ahead_end). For routes signed by an account whose `load` needs
     * the path alone: it is read with the account, and again in `apply`. */
    exchange_load_step *ask;
    /* Makes the checks that need both, and costly ones. */
    void (*check)(struct exchange *exchange);
    /* Loads, decides, writes. A problem set here is answered after the COMMIT. It may run again from the
     * beginning (store.h): the exchange is then as it was before, except for what `state` points to. NULL for
     * routes that only read. */
    enum store_apply_result (*apply)(struct exchange *exchange, struct store_writer *writer);
    /* Fills exchange->reply. */
    void (*render)(struct exchange *exchange);
    /* Before `render` when the reply had to wait (hold_key): what the database says now. */
    exchange_load_step *reload;
    /* Behind `reload`: true when that is an outcome, and not worth a wait any more. With `reload`. */
    bool (*is_over)(const struct exchange *exchange);
    /* Sends the reply, or the problem in a format of the route's own. NULL: the format of ACME. */
    void (*finish)(struct exchange *exchange);
    bool gives_nonce; /* whatever the method */
    bool is_index;    /* the target of Link rel="index" in the replies of other routes */
};

struct route_table {
    const struct route *routes;
    size_t count;
    const char *prefix;                                    /* the path before the patterns; "" for none */
    bool (*is_served)(const struct config *configuration); /* NULL: always */
    bool of_endpoints; /* below an endpoint's path; other routes may also be used without their prefix */
};

/* Changes that an operation makes in the memory of the process. Private to exchange*.c: they are undone
 * before `apply` runs again, and when nothing is committed. */
struct exchange_tries {
    bool began;             /* `apply` has run before */
    struct account account; /* exchange->account before that */
    size_t header_count;    /* the reply's, before that */
    struct {
        const struct rate_demand *demands;
        size_t count;
    } taken[EXCHANGE_TAKES_MAX]; /* tokens of rate limits */
    size_t taken_count;
    /* The refusal that was counted last, with its words. */
    const char *refused_what, *refused_detail, *refused_words;
    bool limit_counted; /* a refusal by a limit is in the metrics */
};

struct exchange {
    struct store_operation operation; /* first */
    struct http_message message;
    struct http_request *request;
    struct frontend *frontend;
    struct arena *arena;                    /* of the request */
    const struct route *route;              /* NULL: no route for this path */
    size_t route_number;                    /* for the metrics; 0: none */
    const struct endpoint_config *endpoint; /* NULL outside /acme/{endpoint} */
    struct urls urls;
    int64_t now;
    int64_t began_us; /* metrics_clock_us */
    /* In the reply, the log, the events and a problem document, for whoever compares them. */
    char request_id[REQUEST_ID_BYTES];

    /* from the path */
    int64_t id;
    size_t alternate_chain; /* of a certificate, from 1; 0: its own */
    enum challenge_type challenge_type;
    struct bytes certificate_identifier; /* RFC 9773 §4.1, unchecked */
    struct bytes name;                   /* undecoded */
    struct bytes issuer;                 /* unchecked */
    struct bytes rest;                   /* of the path, slashes and all */

    /* from the signed envelope */
    struct envelope envelope;
    struct jwk signer;      /* signed with a jwk: that key */
    struct account account; /* signed with a kid: the account when it was read; read again in `apply` */

    /* between the steps */
    void *state;                        /* belongs to the route */
    bool loaded;                        /* `load` has run, with the account */
    const struct problem *load_problem; /* of it: told to the account's own client alone */
    bool answered;
    bool away;        /* set by `prepare`: other threads have it until one calls exchange_answer */
    int64_t question; /* to another gateway, about the nonce; 0: none that waits for its answer */
    void (*behind_nonce)(struct exchange *exchange);
    int64_t hold_key;          /* set by `apply`: the reply waits, bounded, for this object's outcome */
    int64_t looks;             /* at that object, which are left of the wait; the end is none of them */
    bool is_looking;           /* the load of a look runs */
    bool is_woken;             /* meanwhile: it does not wait any more */
    unsigned jobs_due;         /* set by `apply`: enum jobs_due, the outbound work in what was committed */
    struct metric_notes notes; /* set by `apply`: counted once it is committed */
    struct job *draft;         /* exchange_keep_draft: the work that comes with this request */
    bool hand_over;            /* set by `apply`: the outbound thread takes the draft over after the COMMIT */
    struct exchange_tries tries;

    /* the outcome */
    const struct problem *problem;
    enum store_outcome outcome;
    struct http_reply reply;
};

/* The HTTP front end's `loop_started` and `loop_stopped`: what each loop has of its own, a reader of the
 * database among it. False, and logged, when that cannot be opened. */
bool exchange_loop_started(void *frontend, struct http_loop *loop);
void exchange_loop_stopped(void *frontend, struct http_loop *loop);

/* Takes over a request: finds its route and starts it. The HTTP front end's `handle`. */
void exchange_begin(void *frontend, struct http_request *request);
/* Does as exchange_begin does, for listeners without TLS: only /.well-known/pki/ exists there. */
void exchange_begin_pki(void *frontend, struct http_request *request);
void exchange_render_refusal(void *frontend, struct arena *arena, const struct http_refusal *refusal,
                             struct http_reply *reply);

/* Keeps the draft of a job for exchange->hand_over, in the place of the one before. NULL keeps none. It is
 * dropped with the exchange unless it is handed over. */
void exchange_keep_draft(struct exchange *exchange, struct job *draft);

/* Answers an exchange that is away; its problem or its reply is set. Any thread, once. */
void exchange_answer(struct exchange *exchange);

/* The loop's own, for steps on the loop. */
struct status_reader *exchange_status(const struct exchange *exchange);
struct known_authorities *exchange_authorities(const struct exchange *exchange);
/* False when the loop reads what is no longer the database of the configuration
 * (store_reader_is_in_place). Costs no read. */
[[gnu::warn_unused_result]] bool exchange_database_is_in_place(const struct exchange *exchange);
/* False when reads wait, and the database does not answer (readers_answer). Costs no read. */
[[gnu::warn_unused_result]] bool exchange_database_answers(const struct exchange *exchange);

/* The key that verified the request. Borrowed from the loop's cache until the step ends. NULL with the
 * problem set when the account's stored key cannot be read. */
const struct jwk *exchange_key(struct exchange *exchange);

/* True when the exchange may continue. Else it refuses with serverInternal: 503 when the store failed or
 * another request was faster, 500 when it refused a transition. */
bool exchange_store_ok(struct exchange *exchange, enum store_result result);

/* Sets the problem. Returns STORE_DISCARD, for use in `apply`. */
enum store_apply_result exchange_refuse(struct exchange *exchange, const struct problem *problem);

/* Sets the time and the actor ("client 192.0.2.7") of the event, and inserts it. */
[[gnu::warn_unused_result]] enum store_result exchange_record(struct exchange *exchange,
                                                              struct store_writer *writer,
                                                              struct event *event);

/* ---- exchange_refusals.c: within `apply` ---- */

/* Inserts the event of a refusal. Some of the types that are refusals (acme/event.h) are only counted
 * (acme/refusal_register.h). Sets the time, the actor, the detail and the cause. */
[[gnu::warn_unused_result]] enum store_result exchange_record_refusal(struct exchange *exchange,
                                                                      struct store_writer *writer,
                                                                      struct event *event,
                                                                      const struct problem *problem);

/* Refuses as exchange_refuse does, and records it with exchange_record_refusal: the audit trail contains the
 * refusals of authenticated clients. */
enum store_apply_result exchange_refuse_and_record(struct exchange *exchange, struct store_writer *writer,
                                                   struct event *event, const struct problem *problem);

/* Refuses as exchange_refuse does, and writes a log line that begins with `what`: a client without an account
 * causes no rows. */
enum store_apply_result exchange_refuse_and_log(struct exchange *exchange, const char *what,
                                                const struct problem *problem);

/* Turns a refusal above limits.refusals into rateLimited, with the refusal's words. Called after `apply`, for
 * every route. */
void exchange_limit_refusals(struct exchange *exchange);

/* Takes a token from each bucket and returns NULL. When one is empty it takes none and returns rateLimited;
 * `refused` is that one. The tokens are given back when nothing is committed. */
const struct problem *exchange_take_rates(struct exchange *exchange, const struct rate_demand *demands,
                                          size_t count, size_t *refused);
/* Tells other gateways of the tokens that `apply` has taken, once it is committed. */
void exchange_tell_rates(const struct exchange *exchange);
/* Gives back all that this exchange has taken, for an operation that runs again or was not committed. */
void exchange_give_back_rates(struct exchange *exchange);
/* Counts a refusal by this limit in the metrics. */
void exchange_count_limit(struct exchange *exchange, enum metric_limit limit);
/* Takes a token from the bucket and returns NULL. Without a token it returns rateLimited, counted under
 * `limit`. */
const struct problem *exchange_take_rate(struct exchange *exchange, const struct rate_demand *demand,
                                         enum metric_limit limit);

/* Reloads exchange->account, within `apply`. The account that signed must still exist, be valid, and have the
 * key that verified. Else the problem is set. */
[[gnu::warn_unused_result]] bool exchange_reload_account(struct exchange *exchange,
                                                         struct store_reader *reader);

/* Returns the User-Agent for storage: printable, of bounded length. */
const char *exchange_user_agent(const struct exchange *exchange);

/* Replies 200 (or `status`) with a JSON body. A body that could not be written (p is NULL) becomes a
 * problem. */
void exchange_reply_json(struct exchange *exchange, int status, struct bytes body);
void exchange_add_header(struct exchange *exchange, const char *name, const char *value);
void exchange_add_retry_after(struct exchange *exchange, int64_t seconds);

/* Refuses with 404 malformed an object that is missing, of another endpoint or none (NULL), or another
 * account's. The answer is the same for all, so that nobody learns which ids exist. */
const struct problem *exchange_check_owner(struct exchange *exchange, enum store_result result,
                                           const char *what, const char *endpoint, int64_t account_id);

/* ---- router.c ---- */

/* Finds the route for a path, below the endpoint when the exchange has one, with id and type parsed into the
 * exchange. False when there is none. */
[[gnu::warn_unused_result]] bool routes_find(struct exchange *exchange, struct bytes path);

/* Returns the number of routes, for the metrics. Routes are numbered in the order of the tables; 0 is
 * none. */
size_t routes_count(const struct route_table *const *tables);
/* Returns the route's pattern with its prefix; "(none)" for 0. NULL for a route that this configuration does
 * not serve. */
const char *routes_label(struct arena *arena, const struct route_table *const *tables, size_t number,
                         const struct config *config);

/* ---- account_key_cache.c: parsed account keys by their canonical bytes, one cache a loop ---- */

struct account_key_cache *account_key_cache_new(void);
void account_key_cache_free(struct account_key_cache *cache);
/* Returns the parsed key, borrowed until the next call. NULL when the stored text is not a key. */
const struct jwk *account_key_cache_get(struct account_key_cache *cache, struct bytes canonical);
