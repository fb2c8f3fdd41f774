/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol's objects, in the form in which they are decided on, stored and rendered: accounts, orders,
 * authorizations, challenges (RFC 8555 §7.1), certificates, and our attempts to have one signed. Ids are the
 * store's integers. Times are unix seconds, 0 meaning unset. Pointers belong to the arena that the object was
 * loaded into.
 */
#pragma once

#include "acme/identifier.h"

/* ---- states: RFC 8555 §7.1.6. states.c has the legal transitions. ---- */

enum account_status { ACCOUNT_VALID = 1, ACCOUNT_DEACTIVATED, ACCOUNT_REVOKED };
enum order_status { ORDER_PENDING = 1, ORDER_READY, ORDER_PROCESSING, ORDER_VALID, ORDER_INVALID };
enum authorization_status {
    AUTHORIZATION_PENDING = 1,
    AUTHORIZATION_VALID,
    AUTHORIZATION_INVALID,
    AUTHORIZATION_DEACTIVATED,
    AUTHORIZATION_EXPIRED,
    AUTHORIZATION_REVOKED,
};
enum challenge_status { CHALLENGE_PENDING = 1, CHALLENGE_PROCESSING, CHALLENGE_VALID, CHALLENGE_INVALID };

const char *account_status_name(enum account_status status);
const char *order_status_name(enum order_status status);
const char *authorization_status_name(enum authorization_status status);
const char *challenge_status_name(enum challenge_status status);

/* True when the transition is legal. `from` 0: the status of a new object; for a challenge, its status when
 * the client chooses it. */
bool order_may_become(enum order_status from, enum order_status to);
bool authorization_may_become(enum authorization_status from, enum authorization_status to);
bool challenge_may_become(enum challenge_status from, enum challenge_status to);

/*
 * True when the store may write this state; it checks before each write. A state may change as above, or stay
 * while it is not final. A final state is never written again. `was` 0: the row is new. Challenge status 0:
 * no challenge is chosen.
 */
bool order_may_be_written(enum order_status was, enum order_status status);
bool authorization_may_be_written(enum authorization_status was, enum challenge_status challenge_was,
                                  enum authorization_status status, enum challenge_status challenge_status);

/* ---- challenge types: one table, in challenge.c ---- */

enum challenge_type {
    CHALLENGE_HTTP_01 = 1,
    CHALLENGE_DNS_01,
    CHALLENGE_TLS_ALPN_01,
    CHALLENGE_DNS_ACCOUNT_01,
    CHALLENGE_DNS_PERSIST_01, /* last, because uacme 1.7.4 gives up at a challenge without a token before
                               * its own */
    CHALLENGE_TYPE_END,
};

struct challenge_type_info {
    const char *name;
    bool for_wildcard;
    bool for_ip;
};

const struct challenge_type_info *challenge_type_info(enum challenge_type type);
[[gnu::warn_unused_result]] bool challenge_type_from_name(struct bytes name, enum challenge_type *out);

/* A set of challenge types as bits, 1 << type. */
typedef uint32_t challenge_set;

/* Returns the endpoint's challenges that can prove this identifier; 0 when none can. */
/* With `subdomains` they must prove the names below it too (RFC 9444). */
challenge_set challenges_for_identifier(challenge_set of_endpoint, const struct identifier *identifier,
                                        bool subdomains);

/* ---- objects ---- */

struct account {
    int64_t id;
    const char *endpoint;
    enum account_status status;
    struct bytes key; /* canonical JWK, RFC 7638 */
    const char *thumbprint;
    const char *contacts_json; /* an array's text */
    bool terms_agreed;
    int64_t key_changed_at; /* 0: never */
    int64_t created_at;
    const char *created_from; /* client address */
    const char *user_agent;
    int64_t eab_key_id;   /* the external account key that created it; 0: none */
    const char *eab_json; /* its binding as the client sent it, else NULL */
};

/* The reason why an authorization is valid. 0: it never was valid, or the reason is unknown, and it permits
 * nothing. */
enum authorization_basis {
    AUTHORIZATION_PROVEN = 1,      /* by the chosen challenge */
    AUTHORIZATION_INHERITED,       /* from `parent_id`, which holds for the names below its own (RFC 9444) */
    AUTHORIZATION_TRUSTED_NAME,    /* the endpoint trusts the name */
    AUTHORIZATION_TRUSTED_NETWORK, /* the endpoint trusts the network of the client */
    AUTHORIZATION_TRUSTED_KEY,     /* the account's external account key is trusted */
};
const char *authorization_basis_name(enum authorization_basis basis);

struct authorization {
    int64_t id;
    int64_t account_id;
    const char *endpoint;
    struct identifier identifier; /* without "*." */
    bool wildcard;
    bool subdomains; /* holds for the names below as well (RFC 9444) */
    enum authorization_status status;
    enum authorization_basis basis;
    int64_t parent_id; /* of an inherited one, else 0 */
    int64_t created_at;
    int64_t expires_at;
    const char *token;     /* of all its challenges: base64url of 32 random bytes */
    challenge_set offered; /* the client may choose from these */
    /* The challenge that the client chose; type 0 while there is none. The others stay pending and disappear
     * when the chosen one is final (RFC 8555 §7.1.4). */
    enum challenge_type chosen;
    enum challenge_status challenge_status;
    int64_t validated_at;
    const char *error_json; /* the challenge's problem, else NULL */
    int64_t attempt_count;
    int64_t first_attempt_at;
    int64_t next_attempt_at; /* set while processing */
};

struct order {
    int64_t id;
    int64_t account_id;
    const char *endpoint;
    const char *profile;
    enum order_status status;
    int64_t status_since;
    int64_t created_at;
    int64_t expires_at;
    int64_t not_before; /* requested by the client; 0: not requested */
    int64_t not_after;
    struct identifier *identifiers;
    size_t identifier_count;
    int64_t *authorization_ids; /* in the identifiers' order */
    struct bytes csr;           /* DER, set by finalize */
    int64_t processing_since;
    int64_t next_attempt_at;
    int64_t attempt_count;
    int64_t certificate_id;
    const char *error_json;
    const char *client_address;
    const char *user_agent;
    const char *replaces; /* the certificate identifier (RFC 9773 §4.1) that newOrder named, else NULL */
};

enum certificate_status {
    CERTIFICATE_GOOD = 1,
    CERTIFICATE_REVOKED,  /* confirmed by the CA */
    CERTIFICATE_REJECTED, /* failed the check or came too late: never handed out, its revocation is due */
};
const char *certificate_status_name(enum certificate_status status);

/* The way in which a certificate came into the inventory. */
enum certificate_origin {
    CERTIFICATE_FROM_ACME = 1, /* ordered by a client */
    CERTIFICATE_EXTERNAL,      /* signed by the CA's own API, through this server or without it */
    CERTIFICATE_IMPORTED,      /* read from files or the CA's log */
};
const char *certificate_origin_name(enum certificate_origin origin);

enum {
    SERIAL_HEX_BYTES = 48
}; /* 20 octets at most (RFC 5280 §4.1.2.2), lower-case hexadecimal without leading zeros */

struct certificate {
    int64_t id;
    int64_t account_id;
    int64_t order_id;
    const char *endpoint;
    const char *issuer;           /* the issuer's id in the configuration */
    const char *root_fingerprint; /* SHA-256, hexadecimal */
    const char *serial;           /* the one canonical form: lower-case hexadecimal, no leading zeros */
    struct bytes leaf;            /* DER */
    struct bytes chain_pem;       /* intermediates as PEM, stored once per chain */
    struct bytes key_hash;        /* SHA-256 of the SubjectPublicKeyInfo */
    int64_t not_before;
    int64_t not_after;
    enum certificate_status status;
    enum certificate_origin origin;
    const char *rejected_because;
    int64_t revocation_requested_at;
    int revocation_reason;
    const char *revocation_requested_by; /* "account", "certificate key", "gateway"… */
    int64_t revocation_next_attempt_at;
    int64_t revocation_attempt_count;
    const char *revocation_error; /* the CA's last words while unconfirmed */
    int64_t revoked_at;           /* confirmed by the CA */
    /* For a revoked certificate: a new reason replaces revocation_reason. It is set until the CA has
     * answered. */
    bool correction_asked;
    int correction_reason;
    int64_t created_at;
};

enum attempt_status {
    ATTEMPT_STARTED = 1, /* committed before /sign is called */
    ATTEMPT_SIGNED,
    ATTEMPT_REFUSED,  /* the CA refused for good */
    ATTEMPT_FAILED,   /* the CA refused for now, or no connection was made */
    ATTEMPT_UNKNOWN,  /* the outcome is unknown: the CA may have issued a certificate that nobody has
                       * (possible orphan) */
    ATTEMPT_REJECTED, /* signed, but the certificate failed the check */
};
const char *attempt_status_name(enum attempt_status status);

/* One call of /sign. */
struct attempt {
    int64_t id;
    int64_t order_id;
    const char *issuer;
    const char *root_fingerprint;
    const char *token_id;       /* jti */
    struct bytes csr_hash;      /* SHA-256 */
    const char *asked_validity; /* as sent, "" when left to the CA */
    enum attempt_status status;
    int64_t started_at;
    int64_t ended_at;
    int http_status;
    const char *message; /* the CA's words or the transport's error */
};
