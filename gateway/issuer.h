/*
 * Issuers: who signs. issuer_stepca and issuer_local implement this interface; the rest of the gateway knows
 * no other. Calls are made and answered on the outbound thread.
 */
#pragma once

#include <pthread.h>

#include "acme/certificate.h"
#include "acme/validity.h"
#include "gateway/config.h"
#include "gateway/issuer_health.h"
#include "gateway/issuer_roots.h"
#include "gateway/outbound.h"

enum { ISSUER_WHY_BYTES = 256 };

enum issuer_outcome {
    ISSUER_OK,
    ISSUER_REFUSED,         /* for good; the order fails with `message` */
    ISSUER_ALREADY_REVOKED, /* revocation only */
    ISSUER_UNAUTHORIZED, /* the CA does not accept us: the operator must act; nothing else will fare better */
    ISSUER_UNAVAILABLE,  /* try again later */
    ISSUER_UNKNOWN,      /* the request may have been carried out, its answer is lost or unreadable */
    ISSUER_NOT_ASKED,    /* no call was made: the issuer is failing, or the job's deadline has passed */
};

struct issuer_result {
    enum issuer_outcome outcome;
    int http_status;     /* 0 when no reply came or none is involved */
    const char *message; /* the CA's words or the transport's error; "" when OK */
    bool about_names;    /* a refusal for the names */
    bool not_reached;    /* unavailable: nothing can have arrived there */
    int64_t retry_after_s; /* the CA's wish; 0: none */
    struct bytes *chain; /* sign: DER, leaf first */
    size_t chain_count;
};

struct issuer_sign_job {
    struct arena *arena; /* the caller's; lives until done was called */
    X509_REQ *csr;
    struct bytes csr_der;
    struct issuer_permit permit; /* from issuer_admit; none: whatever the room, unless the issuer is failing */
    int64_t deadline;            /* unix seconds; the call is not made then or later; 0: none */
    const char *token_id;        /* jti, committed before */
    struct validity_request validity;
    const char *extended_key_usages; /* as openssl.cnf writes them; NULL: the issuer's own. issuer_local only */
    void (*done)(struct issuer_sign_job *job);
    void *owner;
    struct issuer_result result;
    struct issuer_sign_job *next; /* the issuer's, while waiting for its turn */
};

struct issuer_revoke_job {
    struct arena *arena;
    struct issuer_permit permit; /* as above */
    const char *serial; /* canonical hexadecimal */
    struct bytes leaf;
    int reason;
    void (*done)(struct issuer_revoke_job *job);
    void *owner;
    struct issuer_result result;
    struct issuer_revoke_job *next;
};

/* What is known of the issuer; refreshed by it, read by any thread through issuer_read_status. */
struct issuer_status {
    struct validity_limits limits; /* issuer_min/max/default, chain end and wish; profile_max_s is 0 */
    bool usable;                   /* false while it has been failing for a minute or does not accept us */
    bool well;                     /* nothing is held back */
    int64_t failing_since;         /* 0 while well */
    char last_error[ISSUER_ERROR_BYTES];
    struct issuer_root_differences roots; /* between the pinned ones and those that the CA lists */
};

struct issuer;

struct issuer_operations {
    void (*sign)(struct issuer *issuer, struct issuer_sign_job *job);
    void (*revoke)(struct issuer *issuer, struct issuer_revoke_job *job);
    /* Outbound thread: it serves no new orders; what it does by itself (refreshing) ends. NULL: nothing to
     * do. */
    void (*retire)(struct issuer *issuer);
    /* Frees it and answers nobody any more. Only once outbound_stop has returned: until then a reply to one
     * of its calls may still come. */
    void (*stop)(struct issuer *issuer);
};

/* The part that every issuer begins with. */
struct issuer {
    const struct issuer_operations *operations;
    const char *id;
    const char *root_fingerprint; /* SHA-256 of the (first) root: with the id, the issuer's identity */
    X509_STORE *roots;            /* the pinned ones */
    struct bytes roots_pem;
    struct arena *alternates_arena;
    struct bytes *alternates; /* other chains for its certificates, as PEM; never changed */
    size_t alternate_count;
    struct certificate_cache *intermediates; /* for certificate_check, on the outbound thread */
    pthread_mutex_t health_mutex;            /* short: the outbound thread writes, every thread reads */
    struct issuer_health health;
    struct issuer_root_differences root_differences; /* under the same lock */
    struct outbound *outbound;
    struct outbound_message retire_message;
};

/*
 * Opens the issuer of a configuration: its roots, keys and files are read and checked here, on the caller's
 * thread (a provisioner key may take hundreds of milliseconds). NULL with a sentence in `why`; trust fails
 * closed, so roots that cannot be read are an error.
 */
[[gnu::warn_unused_result]] struct issuer *issuer_new(const struct issuer_config *config,
                                                      struct outbound *outbound,
                                                      char why[static ISSUER_WHY_BYTES]);

void issuer_stop(struct issuer *issuer);

/* The n-th, from 1, of the alternate chains; false when there is none or it is not one of this leaf. */
[[gnu::warn_unused_result]] bool issuer_alternate_chain(const struct issuer *issuer, struct bytes leaf,
                                                        size_t n, struct bytes *chain_pem);

/* Any thread: another has taken its place. Jobs under way end as they would. */
void issuer_retire(struct issuer *issuer);

/* `done` is called once, on the outbound thread, in a later turn than this call. A job that has to wait is
 * never dropped. */
void issuer_sign(struct issuer *issuer, struct issuer_sign_job *job);
void issuer_revoke(struct issuer *issuer, struct issuer_revoke_job *job);

/*
 * Outbound thread. While an issuer is failing, work waits for it in the database, untouched: only what is admitted is
 * taken up (issuer_health.h). The permit goes into the job; the issuer gives the place back when the job is done.
 */
size_t issuer_room(struct issuer *issuer, enum issuer_work work);
[[gnu::warn_unused_result]] bool issuer_admit(struct issuer *issuer, enum issuer_work work,
                                              struct issuer_permit *out);

/* A copy, from any thread. */
void issuer_read_status(struct issuer *issuer, struct issuer_status *out);

/* ---- for the implementations ---- */

/*
 * Fills the part that every issuer begins with; `roots_pem` and `id` are borrowed for the issuer's life.
 * False with `why` when the text holds no certificate, a broken one, or one that is not a CA's.
 */
[[gnu::warn_unused_result]] bool issuer_init(struct issuer *issuer,
                                             const struct issuer_operations *operations, struct arena *arena,
                                             const char *id, struct bytes roots_pem,
                                             char why[static ISSUER_WHY_BYTES]);
/* Only the pinned roots of a configured issuer, from its files: it cannot sign. Undone by issuer_release, unless it failed. */
[[gnu::warn_unused_result]] bool issuer_open_roots(struct issuer *issuer, const struct issuer_config *config,
                                                   struct arena *arena, char why[static ISSUER_WHY_BYTES]);
/* Undoes issuer_init, also one that failed. */
void issuer_release(struct issuer *issuer);

/* The health's changes under its lock, each change for better or worse logged once; `permit` is NULL for a question. */
void issuer_report_success(struct issuer *issuer, enum issuer_contact contact, const struct issuer_permit *permit);
void issuer_report_failure(struct issuer *issuer, struct issuer_failure failure, const struct issuer_permit *permit);
/* A signature's or revocation's result. */
void issuer_report_result(struct issuer *issuer, const struct issuer_result *result,
                          const struct issuer_permit *permit);
/* False when the call is not to be made, because the issuer is failing. */
[[gnu::warn_unused_result]] bool issuer_allows(struct issuer *issuer, const struct issuer_permit *permit);
size_t issuer_calls_at_once(struct issuer *issuer);
/* The job is done, with or without a call. */
void issuer_end(struct issuer *issuer, const struct issuer_permit *permit);
/* ISSUER_NOT_ASKED, with why. */
void issuer_set_not_asked(struct issuer *issuer, struct arena *arena, struct issuer_result *result);
/* Our standing may have changed: the next call is let through even though the CA did not accept us. */
void issuer_probe_now(struct issuer *issuer);
void issuer_set_limits(struct issuer *issuer, const struct validity_limits *limits);

/* What the CA lists, each change logged once. */
void issuer_report_roots(struct issuer *issuer, const struct issuer_root_differences *differences);

/* The earliest end among DER certificates; 0 when one cannot be read or there are none. */
int64_t issuer_chain_end(const struct bytes *certificates, size_t count);
