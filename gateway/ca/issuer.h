/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issuers: who signs. issuer_stepca and issuer_local implement this interface; the rest of the gateway knows
 * no other. Calls are made and answered on the outbound thread.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "acme/base/fault.h"
#include "acme/ca_knowledge.h"
#include "acme/cause.h"
#include "acme/expiry.h"
#include "acme/pki/certificate.h"
#include "acme/pki/crl.h"
#include "acme/validity.h"
#include "gateway/ca/issuer_health.h"
#include "gateway/ca/issuer_root_list.h"
#include "gateway/config/config.h"
#include "gateway/outbound/outbound.h"

enum { ISSUER_KEY_ID_BYTES = 128, ISSUER_SIGNERS_MAX = 16 };

enum issuer_outcome {
    ISSUER_OK,
    ISSUER_REFUSED,         /* refused for good; the order fails with `message` */
    ISSUER_ALREADY_REVOKED, /* revocation only */
    ISSUER_UNAUTHORIZED, /* the CA does not accept us: the operator must act; nothing else will fare better */
    ISSUER_UNAVAILABLE,  /* try again later */
    ISSUER_UNKNOWN,      /* the request may have been carried out, its answer is lost or unreadable */
    ISSUER_NOT_ASKED,    /* no call was made: the issuer is failing, or the request's deadline has passed */
};

/* Who has to act after a refusal to sign. */
enum issuer_refusal {
    ISSUER_REFUSAL_CSR,      /* the client's: another request */
    ISSUER_REFUSAL_NAMES,    /* the client's: other names */
    ISSUER_REFUSAL_DURATION, /* `duration` has the numbers; the next request may differ */
    ISSUER_REFUSAL_CA, /* the CA's operator's: policy, name constraints, template, webhook; its log has the
                          reason */
};

struct issuer_result {
    enum issuer_outcome outcome;
    int http_status;     /* 0 when no reply came or none is involved */
    const char *message; /* the CA's words or the transport's error; "" when OK */
    enum cause cause;    /* CAUSE_NONE when OK, already revoked or not asked */
    enum issuer_refusal refusal;
    struct ca_refusal duration;
    bool not_reached;      /* unavailable: nothing can have arrived there */
    int64_t retry_after_s; /* the CA's wish; 0: none */
    struct bytes *chain;   /* sign: DER, leaf first */
    size_t chain_count;
};

struct issuer_sign_request {
    struct arena *arena; /* the caller's; lives until done was called */
    X509_REQ *csr;
    struct bytes csr_der;
    /* from issuer_admit; none: sent whatever the room, unless the issuer is failing */
    struct issuer_permit permit;
    int64_t deadline;     /* unix seconds; the call is not made then or later; 0: none */
    const char *token_id; /* jti, committed before */
    struct validity_request validity;
    /* in the form of openssl.cnf; NULL: the issuer's own. issuer_local only */
    const char *extended_key_usages;
    /* Outbound thread, when the request's turn has come. Its owner calls `go_on`, at once or later: false
     * withdraws the request (ISSUER_NOT_ASKED). NULL: it goes on. */
    void (*take_turn)(struct issuer_sign_request *request);
    void (*go_on)(struct issuer_sign_request *request, bool may); /* the issuer's, set before take_turn */
    void *call;                                                   /* the issuer's, during its turn */
    void (*done)(struct issuer_sign_request *request);
    void *owner;
    struct issuer_result result;
    struct issuer_sign_request *next; /* the issuer's, while waiting for its turn */
};

struct issuer_revoke_request {
    struct arena *arena;
    struct issuer_permit permit; /* as above */
    const char *serial;          /* canonical hexadecimal */
    struct bytes leaf;
    int reason;
    void (*done)(struct issuer_revoke_request *request);
    void *owner;
    struct issuer_result result;
    struct issuer_revoke_request *next;
};

enum issuer_list_outcome {
    ISSUER_LIST_READ,
    ISSUER_LIST_UNCHANGED, /* the current one is as good as any */
    ISSUER_LIST_NONE,      /* the CA keeps no list: `message` has its words */
    ISSUER_LIST_FAILED,
};

/* The CA's revocation list (RFC 5280 §5). */
struct issuer_list_request {
    struct arena *arena;       /* the caller's; lives until done was called */
    const struct crl *current; /* the one in use, NULL for none */
    void (*done)(struct issuer_list_request *request);
    void *owner;
    enum issuer_list_outcome outcome;
    struct bytes crl;               /* DER, not checked */
    struct bytes intermediates_pem; /* the CA's, when it lists them; set whatever the outcome */
    const char *message;            /* why there is no list */
};

/* The source of an issuer's OCSP signatures. All NULL: only `make_responder`, if it has one. */
struct issuer_ocsp {
    const char *certificate_path;
    const char *key_path;
    struct issuer *issuer; /* the issuer of a second provisioner, which signs the responder's certificate */
};

/* The state of the issuer. The issuer refreshes it; any thread reads it through issuer_read_status. */
struct issuer_status {
    struct validity_limits
        limits; /* issuer_min/max/default, chain end and preferred lifetime; profile_max_s is 0 */
    struct ca_knowledge knowledge; /* the sources of the limits */
    bool usable;                   /* false while it has been failing for a minute or does not accept us */
    bool well;                     /* no work is held back */
    enum issuer_state state;
    int64_t failing_since; /* 0 while well */
    char last_error[ISSUER_ERROR_BYTES];
    int64_t last_success_at; /* a call that the CA answered well; 0: none yet */
    int64_t last_failure_at;
    char key_id[ISSUER_KEY_ID_BYTES]; /* of the key in use, cut when longer; "" without a key */
    size_t calls_running;
    size_t calls_waiting;
    struct issuer_root_differences roots; /* between the pinned ones and those that the CA lists */
};

struct issuer;
struct issuer_api;

struct issuer_operations {
    /* Implements issuer_csr_fault; any thread. NULL: it can sign every CSR. */
    const char *(*csr_fault)(struct arena *arena, X509_REQ *csr);
    void (*sign)(struct issuer *issuer, struct issuer_sign_request *request);
    void (*revoke)(struct issuer *issuer, struct issuer_revoke_request *request);
    void (*list)(struct issuer *issuer, struct issuer_list_request *request);
    /* Makes a certificate for OCSPSigning, with the chain above it, as PEM in the arena. False with `fault`.
     * NULL: this type of CA cannot. */
    bool (*make_responder)(struct issuer *issuer, struct arena *arena, EVP_PKEY *key, struct bytes *chain_pem,
                           struct fault *fault);
    /* Called on the outbound thread when the issuer takes no new orders: its own activity (refreshing) ends.
     * NULL: nothing to do. */
    void (*stop_refreshing)(struct issuer *issuer);
    /* Frees it and answers nobody any more. On the outbound thread, when none of its calls is under way; or
     * once outbound_stop has returned. */
    void (*free)(struct issuer *issuer);
    const struct issuer_api *api; /* NULL: the CA has no API of its own */
};

/* The issuers that exist: made and not yet freed. */
struct issuer_list {
    pthread_mutex_t lock;
    struct issuer *first;
};

struct issuer_signer {
    struct bytes der; /* of malloc */
    uint64_t seen;    /* the issuer's count of sightings when it was seen last */
};

/* The part that every issuer begins with. */
struct issuer {
    const struct issuer_operations *operations;
    atomic_size_t references;
    struct outbound_message free_message;
    bool counted;             /* in issuer_objects() */
    struct issuer_list *list; /* the list that holds it; NULL: none */
    struct issuer *next;
    const char *id;
    const char *root_fingerprint; /* SHA-256 of the (first) root: with the id, the issuer's identity */
    X509_STORE *roots;            /* the pinned ones */
    int64_t roots_first_end;      /* the first end among them */
    int64_t roots_last_end;
    struct bytes roots_pem;
    const char **root_fingerprints; /* of all roots */
    size_t root_count;
    const char *key_thumbprint;         /* of the key that it authenticates to the CA with (RFC 7638);
                                         * NULL: none */
    const struct issuer_config *config; /* its configuration, in its own memory; without the password */
    struct arena *alternates_arena;
    struct bytes *alternates; /* other chains for its certificates, as PEM; never changed */
    size_t alternate_count;
    struct issuer_ocsp ocsp;
    struct certificate_cache *intermediates; /* for certificate_check, on the outbound thread */
    pthread_mutex_t health_mutex;            /* short: the outbound thread writes, every thread reads */
    struct issuer_health health;
    struct expiry_watch intermediates_watch; /* the outbound thread's */
    struct expiry_watch roots_watch;
    int64_t last_success_at;
    char *key_id; /* of the key in use; NULL: no key */
    atomic_size_t calls_running;
    atomic_size_t calls_waiting;
    struct issuer_root_differences root_differences; /* under the same lock */
    /* The certificates that its CA is known to sign with (issuer_signers.h); under the same lock. */
    struct issuer_signer signers[ISSUER_SIGNERS_MAX];
    size_t signer_count;
    uint64_t signer_sightings; /* so far */
    struct outbound *outbound;
    struct outbound_message stop_message;
    const char
        *last_queue; /* the outbound thread's: the profile whose orders were taken up last; NULL: none */
};

/*
 * Opens the issuer of a configuration: its roots, keys and files are read and checked here, on the caller's
 * thread (a provisioner key may take hundreds of milliseconds). NULL with a sentence in `fault`; trust fails
 * closed, so roots that cannot be read are an error.
 */
[[gnu::warn_unused_result]] struct issuer *issuer_new(const struct issuer_config *config,
                                                      struct outbound *outbound, struct fault *fault);

/* Opens the OCSP part (`ocsp` of the configuration) of an issuer that is open already, in the same way. False
 * with `fault`. The issuer is then unusable, but the outbound thread may still work for it. */
[[gnu::warn_unused_result]] bool issuer_open_ocsp(struct issuer *issuer, const struct issuer_config *config,
                                                  struct fault *fault);

/* Returns the OCSP responder's provisioner as an issuer of its own; false when there is none. Borrows from
 * `config`. */
bool issuer_ocsp_config(struct arena *arena, const struct issuer_config *config, struct issuer_config *out);

/* Frees the issuer, whatever references exist. Call it after outbound_stop. */
void issuer_free(struct issuer *issuer);

/*
 * Reference counts. An issuer from issuers_find may be used while the caller's thread handles the same
 * request, message or operation. Work that continues later takes a reference. The maker has the first
 * reference. After the last one is returned, the outbound thread frees the issuer, later. Any thread.
 */
void issuer_ref(struct issuer *issuer);
void issuer_unref(struct issuer *issuer);
/* A reference for as long as the arena lives. */
void issuer_ref_with(struct issuer *issuer, struct arena *arena);

/* Returns the n-th alternate chain, from 1. False when there is none or it does not belong to this leaf. */
[[gnu::warn_unused_result]] bool issuer_alternate_chain(const struct issuer *issuer, struct bytes leaf,
                                                        size_t n, struct bytes *chain_pem);

/* Ends the issuer's refreshing, because another has replaced it. Its jobs in progress end normally. Any
 * thread. */
void issuer_stop_refreshing(struct issuer *issuer);

/* `done` is called once, on the outbound thread, in a later turn than this call. A request that has to wait
 * is never dropped. */
void issuer_sign(struct issuer *issuer, struct issuer_sign_request *request);
/* Any thread. Returns why this type of CA cannot sign a CSR that csr_check has accepted, and what to do.
 * NULL: it can. */
const char *issuer_csr_fault(const struct issuer *issuer, struct arena *arena, X509_REQ *csr);
void issuer_revoke(struct issuer *issuer, struct issuer_revoke_request *request);
void issuer_list(struct issuer *issuer, struct issuer_list_request *request);

/*
 * Outbound thread. While an issuer is failing, work waits for it in the database, unchanged: only admitted
 * work is taken up (issuer_health.h). The permit goes into the request. The issuer gives the place back when
 * the request ends.
 */
size_t issuer_room(struct issuer *issuer, enum issuer_work work);
[[gnu::warn_unused_result]] bool issuer_admit(struct issuer *issuer, enum issuer_work work,
                                              struct issuer_permit *out);

/* A copy, from any thread. */
void issuer_read_status(struct issuer *issuer, struct issuer_status *out);

/* Returns the number of issuers in memory: those that serve, and those not yet freed. */
size_t issuer_objects(void);

/* ---- for the implementations ---- */

/*
 * Fills the part that every issuer begins with; `roots_pem` and `id` are borrowed for the issuer's life.
 * False with `fault` when the text holds no certificate, a broken one, or one that is not a CA's.
 */
[[gnu::warn_unused_result]] bool issuer_init(struct issuer *issuer,
                                             const struct issuer_operations *operations, struct arena *arena,
                                             const char *id, struct bytes roots_pem, struct fault *fault);
/* Opens only the pinned roots of a configured issuer, from its files: it cannot sign. issuer_clear undoes it,
 * unless it failed. */
[[gnu::warn_unused_result]] bool issuer_open_roots(struct issuer *issuer, const struct issuer_config *config,
                                                   struct arena *arena, struct fault *fault);
/* Undoes issuer_init, also one that failed. */
void issuer_clear(struct issuer *issuer);

/* The health's changes under its lock, each change for better or worse logged once; `permit` is NULL for a
 * question. */
void issuer_report_success(struct issuer *issuer, enum issuer_contact contact,
                           const struct issuer_permit *permit);
void issuer_report_failure(struct issuer *issuer, struct issuer_failure failure,
                           const struct issuer_permit *permit);
/* A signature's or revocation's result. */
void issuer_report_result(struct issuer *issuer, const struct issuer_result *result,
                          const struct issuer_permit *permit);
/* False when the call is not to be made, because the issuer is failing. */
[[gnu::warn_unused_result]] bool issuer_allows(struct issuer *issuer, const struct issuer_permit *permit);
size_t issuer_calls_at_once(struct issuer *issuer);
/* The request is done, with or without a call. */
void issuer_permit_end(struct issuer *issuer, const struct issuer_permit *permit);
/* ISSUER_NOT_ASKED, with why. */
void issuer_set_not_asked(struct issuer *issuer, struct arena *arena, struct issuer_result *result);
/* Our standing may have changed: the next call is let through even though the CA did not accept us. */
void issuer_probe_now(struct issuer *issuer);
/* Sets the limits. The chain ends with its roots at the latest. The lifetimes in `knowledge` go into the
 * limits. */
void issuer_set_limits(struct issuer *issuer, const struct validity_limits *limits,
                       const struct ca_knowledge *knowledge);
/* Returns the whole id by which the CA knows the key in use. NULL: there is no key. */
char *issuer_copy_key_id(struct issuer *issuer, struct arena *arena);
void issuer_set_key_id(struct issuer *issuer, const char *key_id);

/* Outbound thread, now and then: warns well before the issuer's intermediates (DER) or its roots end. */
void issuer_watch_ends(struct issuer *issuer, const struct bytes *intermediates, size_t count);

/* Compares the roots that the CA lists with the pinned ones (issuer_root_list.c); each change is logged
 * once. */
void issuer_report_root_list(struct issuer *issuer, const struct issuer_root_differences *differences);

/* Returns the earliest end among DER certificates; 0 when one cannot be read or there are none. */
int64_t issuer_chain_end(const struct bytes *certificates, size_t count);
