/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: one JSON file (comments allowed), overridden key by key from the environment. Every key
 * is in one table (config_keys.c), which the parser, `acmegate config show` and docs/configuration.md's test
 * read.
 */
#pragma once

#include <stdatomic.h>

#include "acme/base/fault.h"
#include "acme/base/host_port.h"
#include "acme/eab.h"
#include "acme/objects.h"
#include "acme/rate_limiter.h"
#include "gateway/runtime/address_policy.h"
#include "gateway/runtime/log.h"
#include "store/location.h"

/* The size limit of a file with certificates or a key that the configuration names, or that acmegate keeps
 * beside the database. Every reader, of `check` and of `serve`, uses it. */
enum { CONFIG_FILE_MAX_BYTES = 1024 * 1024 };

enum { VALIDATIONS_AT_ONCE_MAX = 256 };

/* So many accounts from one address hint at a proxy that does not tell its clients' addresses. */
enum { ACCOUNTS_OF_A_CROWD = 10 };

/* Behind the id of an issuer, in that of its OCSP responder's own provisioner. */
#define ISSUER_OCSP_SUFFIX " (ocsp)"

enum issuer_type { ISSUER_STEPCA = 1, ISSUER_LOCAL };

/* The signer of OCSP responses for a step-ca: files, or a second provisioner. All NULL: nobody. */
struct ocsp_config {
    const char *certificate_path; /* PEM: the responder's certificate, then the chain above it */
    const char *key_path;
    const char *provisioner_name;
    const char *provisioner_key_path;
    struct bytes provisioner_password;
};

struct issuer_config {
    const char *id;
    bool overridden; /* set by the admin API instead of the file */
    enum issuer_type type;
    /* stepca */
    const char *ca_url; /* https only, no slash at the end */
    const char *provisioner_name;
    const char *provisioner_key_path;
    /* from provisioner_password, provisioner_password_file or the environment */
    struct bytes provisioner_password;
    const char *root_cert_path;          /* one or several PEM roots */
    int64_t validity_s;                  /* the preferred lifetime, from validity_days; 0 for none */
    const char *const *alternate_chains; /* PEM files */
    size_t alternate_chain_count;
    int64_t request_timeout_s; /* of one call to the CA */
    int64_t max_concurrent;    /* calls at the same time */
    struct ocsp_config ocsp;
    /* local */
    const char *directory;     /* where root, intermediate and keys are kept; filled when empty */
    struct bytes key_password; /* from key_password or key_password_file; empty: keys are not encrypted */
    const char *const *permitted_names; /* for the intermediate that is made: domains and networks */
    size_t permitted_name_count;
    const char *crl_url; /* these stand in its certificates */
    const char *ocsp_url;
    const char *ca_issuers_url;
};

struct profile_config {
    const char *name;
    const char *description;
    const char *issuer;
    int64_t max_ttl_s;
    const char *const *key_types; /* names as csr_key_type returns them; empty: all */
    size_t key_type_count;
    const char *const *extended_key_usages; /* empty: the issuer's own */
    size_t extended_key_usage_count;
    struct name_policy names;
};

struct endpoint_config {
    const char *name;
    const char *const *profiles; /* the first is the default */
    size_t profile_count;
    challenge_set challenges;
    enum eab_mode eab;
    struct name_policy names;
    /* for accounts without an external account key, beside the others */
    struct name_policy without_eab_names;
    const char *const *without_eab_profiles; /* empty: all of the endpoint's profiles */
    size_t without_eab_profile_count;
    /* clients and names that need no proof */
    const char *const *trusted_names;
    size_t trusted_name_count;
    const struct network *trusted_networks; /* of clients */
    size_t trusted_network_count;
    const char *const *caa_identities; /* empty: CAA is not checked */
    size_t caa_identity_count;
    const char *const *issuer_names; /* see config_issuer_names */
    size_t issuer_name_count;
    const char *terms_of_service;
    const char *website;
    int64_t authorization_lifetime_s; /* of a valid authorization; 0 switches reuse off */
    bool subdomains;                  /* RFC 9444 */
};

struct listen_address {
    const char *host;       /* numeric; IPv6 without brackets */
    uint16_t port;          /* 0 lets the system choose: the port is logged */
    bool plain;             /* HTTP without TLS: a proxy ended TLS */
    bool proxy_protocol;    /* connections begin with a header of the PROXY protocol */
    bool forwarded_headers; /* trusted proxies tell of the client in X-Forwarded-For or Forwarded */
};

struct validation_config {
    const char *const *resolvers; /* "ip" or "ip:port"; none: those of the system */
    size_t resolver_count;
    uint16_t http_port;
    uint16_t tls_port;
    const struct network *allow_addresses; /* networks lifted from the ban on loopback, link-local… */
    size_t allow_address_count;
    int64_t retry_for_s; /* how long passing faults are retried before a challenge is invalid */
    int64_t timeout_s;   /* of one try */
    int64_t max_concurrent;
};

struct config;

/* Shared by all configurations that replaced each other. */
struct config_versions {
    _Atomic(const struct config *) newest;
};

struct config {
    struct config_versions *versions;   /* NULL: it is the only one */
    const char *base_url;               /* https://host[:port], no slash at the end */
    const char *const *alternate_names; /* more host[:port]s that URLs may contain */
    size_t alternate_name_count;
    const struct listen_address *listen;
    size_t listen_count;
    const struct listen_address *pki_listen; /* plain HTTP, for CRL and OCSP only */
    size_t pki_listen_count;
    const struct network *trusted_proxies; /* who may tell of a client at another address */
    size_t trusted_proxy_count;
    const char *database;           /* config_location reads it */
    struct bytes database_password; /* empty: not set */
    const char *gateway_id;         /* NULL: the host's name */
    const char *state_directory;    /* of files that lie beside a database that is a file */
    /* seals the secrets in the database; NULL: config_file_beside, with ".secret" */
    const char *secret_key_path;
    enum log_level log_level;
    enum log_format log_format;
    bool log_access;           /* a line for each request */
    const char *tls_issuer;    /* own certificate from this issuer… */
    const char *tls_cert_path; /* …or from files */
    const char *tls_key_path;
    struct bytes tls_key_password; /* from tls.key_password_file; empty: the key is not encrypted */
    const char *admin_socket;      /* the admin API: on a Unix socket… */
    const struct listen_address *admin_listen; /* …and on TCP, with TLS and a token */
    size_t admin_listen_count;
    struct bytes admin_token;
    const struct issuer_config *issuers;
    size_t issuer_count;
    const struct profile_config *profiles;
    size_t profile_count;
    const struct endpoint_config *endpoints;
    size_t endpoint_count;
    const char *const *warnings; /* warnings: sentences about the file that are not errors; without
                                  * duplicates */
    size_t warning_count;
    const char *stepca_api_profile; /* profile of the requests that are passed on to the CA's own API;
                                     * NULL: none are */
    struct validation_config validation;
    int64_t finalize_give_up_after_s;
    int64_t hold_reply_ms; /* how long challenge and finalize replies wait for the final state */
    int64_t order_lifetime_s;
    int64_t loops; /* HTTP threads; 0: one per core, at most 4 */
    int64_t max_identifiers;
    int64_t max_connections;
    int64_t max_waiting_writes;      /* above it new requests are answered 503 */
    const char *account_export_path; /* NULL: no export */
    int64_t account_export_every_s;
    int64_t retention_orders_s; /* 0: kept for ever, and so for the others */
    int64_t retention_certificates_s;
    int64_t retention_events_s;
    struct rate orders_per_account;
    struct rate orders_per_name;
    struct rate accounts_per_address;
    struct rate changes_per_account;
    struct rate refusals;
};

/* All errors of a configuration, one line each, with the path of the key. */
struct config_errors {
    const char **lines;
    size_t count;
};

/* Makes versions for a configuration that is a copy of another and is changed separately. */
struct config_versions *config_versions_new(struct arena *arena, const struct config *first);

/* The environment's variable that names the file, for commands without `--config`. */
extern const char config_path_variable[];

/*
 * Reads, overrides from `environment` ("NAME=value" strings, NULL-terminated; NULL for none) and validates.
 * References between sections (profile → issuer…) are checked; files named by it are not opened, save the
 * password file. NULL with `errors` filled (in the arena).
 */
[[gnu::warn_unused_result]] const struct config *config_load(struct arena *arena, const char *path,
                                                             char *const *environment,
                                                             struct config_errors *errors);

/* Does as config_load does, from text. Messages contain `name` instead of the path. */
[[gnu::warn_unused_result]] const struct config *config_parse(struct arena *arena, const char *name,
                                                              struct bytes text, char *const *environment,
                                                              struct config_errors *errors);

/* Does as config_parse does, but reads no file of a secret, which the caller may have no right to. Such keys
 * hold a text in its place. For checks; the result must not serve. */
[[gnu::warn_unused_result]] const struct config *config_parse_without_secrets(struct arena *arena,
                                                                              const char *name,
                                                                              struct bytes text,
                                                                              char *const *environment,
                                                                              struct config_errors *errors);

/* Reads the file of a password, as keys such as provisioner_password_file do: without the white space at its
 * end. The octets are cleansed with the arena. False with a sentence. */
[[gnu::warn_unused_result]] bool config_read_secret_file(struct arena *arena, const char *path,
                                                         struct bytes *out, struct fault *fault);
/* Removes white space at the end, which is no part of a password: an editor may add it. step does the same.
 * U+0085 and U+00A0 count. */
void config_trim_secret(struct bytes *text);

/* A replacement for the file's section of an issuer, and for the environment: the same keys, as JSON. */
struct config_override {
    const char *issuer;
    struct bytes text;
};

/*
 * Reads one issuer from an override, by the same table and rules. `name` appears in messages. NULL with
 * `errors` filled.
 */
[[gnu::warn_unused_result]] const struct issuer_config *config_parse_override(
    struct arena *arena, const char *name, const struct config_override *override,
    struct config_errors *errors);

/* The one that serves now in the place of `config` (config_changes.h). It is good until the server stops. Any
 * thread. The three look-ups below ask it, too. */
const struct config *config_now(const struct config *config);

const struct issuer_config *config_issuer(const struct config *config, const char *id);
const struct profile_config *config_profile(const struct config *config, const char *name);
const struct endpoint_config *config_endpoint(const struct config *config, struct bytes name);

/* The host and the port of base_url; borrowed from it. */
struct host_port config_base_authority(const struct config *config);

/* Where the data is. In the arena, and as long as the configuration. */
const struct store_location *config_location(struct arena *arena, const struct config *config);

/* The path that the server's own files begin with: the database's file, or acmegate in the state directory.
 * In the arena. */
const char *config_state_path(struct arena *arena, const struct config *config);

/* The same for a database that is no file, whichever is configured. */
const char *config_state_prefix(struct arena *arena, const struct config *config);

/* The path of a file that the server keeps for itself: config_state_path, a dot, and `ending`. In the arena.
 */
const char *config_file_beside(struct arena *arena, const struct config *config, const char *ending);

/* Returns the hosts of the base URL and of the alternate names, without duplicates: the names of the server's
 * own certificate. In the arena. */
struct identifier *config_own_names(struct arena *arena, const struct config *config, size_t *count);

/* Returns whether accounts without an external account key have more restrictions than others of the
 * endpoint. */
bool config_restricts_without_eab(const struct endpoint_config *endpoint);

/* The names by which the records of dns-persist-01 mean this endpoint; at least one where that is offered. */
const char *const *config_issuer_names(const struct endpoint_config *endpoint, size_t *count);

/* An account's URL by each name of this server, the base URL's first. */
const char *const *config_account_urls(struct arena *arena, const struct config *config, const char *endpoint,
                                       int64_t account_id, size_t *count);

/* The reference: every key with type, default and help, and for a loaded file the value in force and where it
 * came from (file, environment, default, override). Secrets show as "(set)". */
struct bytes config_show(struct arena *arena, const char *path, char *const *environment,
                         const struct config_override *overrides, size_t override_count,
                         struct config_errors *errors);
/* The same for programs: a JSON object a line for each key, with `key`, `type`, `value` (null when it is not
 * set, and for a secret), `set` and `origin`. */
struct bytes config_show_json(struct arena *arena, const char *path, char *const *environment,
                              const struct config_override *overrides, size_t override_count,
                              struct config_errors *errors);
struct bytes config_reference(struct arena *arena);

/* A key as documents describe it. */
struct config_key_description {
    const char *path; /* "*" stands for the name of an issuer, a profile or an endpoint */
    const char *type;
    const char *fallback;      /* the default as JSON; NULL: fallback_note says what an absent value means */
    const char *fallback_note; /* "required", or words for the meaning; NULL with a fallback */
    const char *environment;   /* the variable that overrides the file; NULL: none */
    bool at_once;              /* a reload puts a change in force; else a restart does */
    const char *help;          /* sentences in Markdown, with `code` and [text](link) */
};

/* Describes the key of that index, in the order of the reference. False for an index beyond the last. */
[[nodiscard]] bool config_describe(struct arena *arena, size_t index, struct config_key_description *out);
