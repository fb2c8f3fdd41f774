/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "acme/base/nearest_word.h"
#include "gateway/config/config_internal.h"

enum { DAY_S = 24 * 3600, YEAR_S = 365 * DAY_S };

#define TOP(member)      .section = CONFIG_TOP, .offset = offsetof(struct config, member)
#define ISSUER(member)   .section = CONFIG_ISSUER, .offset = offsetof(struct issuer_config, member)
#define PROFILE(member)  .section = CONFIG_PROFILE, .offset = offsetof(struct profile_config, member)
#define ENDPOINT(member) .section = CONFIG_ENDPOINT, .offset = offsetof(struct endpoint_config, member)

/* A section's keys are read in this order: an issuer's type precedes the keys that depend on it. */
const struct config_key config_keys[] = {
    {"base_url", TOP(base_url), .at_once = true, .type = CONFIG_ORIGIN, .required = true,
     .help = "Where clients reach this server: `https://host` or `https://host:port`. The directories lie "
             "below it "
             "at `/acme/<endpoint>/directory`. Clients get URLs without the default port, 443; both forms "
             "are the same URL."},
    {"alternate_names", TOP(alternate_names), .at_once = true,
     .count_offset = offsetof(struct config, alternate_name_count), .type = CONFIG_HOSTS, .fallback = "[]",
     .help = "More `host` or `host:port` that clients may use. A client that used one gets URLs with "
             "it, and the "
             "server's own certificate names it."},
    {"listen", TOP(listen), .count_offset = offsetof(struct config, listen_count), .type = CONFIG_LISTENERS,
     .fallback = "[\"0.0.0.0:9443\", \"[::]:9443\"]",
     .help =
         "Addresses and ports to listen on by HTTPS. Port 0 lets the system choose. Behind a proxy an item "
         "may be an object: `{\"address\": \"10.0.0.2:9443\", \"tls\": true, \"proxy_protocol\": true}` "
         "(see [below](#listeners-behind-a-proxy))."},
    {"trusted_proxies", TOP(trusted_proxies), .count_offset = offsetof(struct config, trusted_proxy_count),
     .at_once = true, .type = CONFIG_NETWORKS, .fallback = "[]",
     .help =
         "Networks of reverse proxies, such as `10.0.0.5/32`, that are believed when they tell a client's "
         "address (see [proxies.md](proxies.md)). Name the proxies alone: a client in these networks could "
         "pass for any other."},
    {"pki_listen", TOP(pki_listen), .count_offset = offsetof(struct config, pki_listen_count),
     .type = CONFIG_LISTEN, .fallback_note = "no such listener",
     .help = "Addresses and ports to listen on with plain HTTP, for `/.well-known/pki/` (CRL and OCSP) and "
             "nothing else: clients fetch the URLs in CDP and AIA without TLS."},
    {"database", TOP(database), .type = CONFIG_TEXT, .fallback = "\"/var/lib/acmegate/acmegate.db\"",
     .help = "The SQLite file. Its folder must be writable: journal, back-ups and the server's own "
             "certificate lie "
             "beside it. Or a PostgreSQL database, as libpq's URI or keywords: "
             "`postgresql://acmegate@db.example.org/acmegate` "
             "([scale-out.md](scale-out.md))."},
    {"database_password_file", TOP(database_password), .type = CONFIG_SECRET_FILE,
     .help = "File with the password for PostgreSQL. Without it libpq looks in its own places: `PGPASSFILE`, "
             "`~/.pgpass`, `PGPASSWORD`."},
    {"state_directory", TOP(state_directory), .type = CONFIG_TEXT, .fallback = "\"/var/lib/acmegate\"",
     .help =
         "With PostgreSQL, the folder of the files that otherwise lie beside the SQLite file: secret key, "
         "own certificate."},
    {"gateway_id", TOP(gateway_id), .type = CONFIG_TEXT, .fallback_note = "the host's name",
     .help = "How this server names itself in events, lists and metrics. Each server on one database needs "
             "its own."},
    {"secret_key_path", TOP(secret_key_path), .type = CONFIG_TEXT,
     .fallback_note = "the database's path with `.secret` after it",
     .help = "File with the key that seals the secrets in the database. Made when it is missing; back it up "
             "apart from "
             "the database."},
    {"loops", TOP(loops), .type = CONFIG_INTEGER, .min = 0, .max = 64, .fallback = "0",
     .help = "Threads that serve HTTP; 0 is one a core, at most 4."},

    {"log.level", TOP(log_level), .at_once = true, .type = CONFIG_LOG_LEVEL, .fallback = "\"info\"",
     .help = "The least level of log lines ([logs.md](logs.md)). `serve --verbose` logs all."},
    {"log.format", TOP(log_format), .at_once = true, .type = CONFIG_LOG_FORMAT, .fallback = "\"text\"",
     .help = "`text`, for people, or one JSON object a line, for programs."},
    {"log.access", TOP(log_access), .at_once = true, .type = CONFIG_BOOLEAN, .fallback = "false",
     .help = "Whether each request is a line too, with its client, answer and duration."},

    {"tls.issuer", TOP(tls_issuer), .type = CONFIG_TEXT,
     .help =
         "The issuer that signs the server's own certificate, which renews itself. This or `tls.cert` with "
         "`tls.key`."},
    {"tls.cert", TOP(tls_cert_path), .at_once = true, .type = CONFIG_TEXT,
     .help = "PEM file with the server's certificate and its chain, leaf first."},
    {"tls.key", TOP(tls_key_path), .at_once = true, .type = CONFIG_TEXT,
     .help = "PEM file with the key of `tls.cert`."},
    {"tls.key_password_file", TOP(tls_key_password), .at_once = true, .type = CONFIG_SECRET_FILE,
     .help =
         "File with the pass phrase of `tls.key`, where that is encrypted; white space at its end does not "
         "count."},

    {"admin.socket", TOP(admin_socket), .type = CONFIG_TEXT,
     .help = "Unix socket for the admin API, such as `/run/acmegate/admin.sock`. For root and the server's "
             "own user; its folder must exist. Without it and `admin.listen` there is no admin API."},
    {"admin.listen", TOP(admin_listen), .count_offset = offsetof(struct config, admin_listen_count),
     .type = CONFIG_LISTEN,
     .help = "Addresses and ports for the admin API by HTTPS, with the server's own certificate. Needs "
             "`admin.token_file`."},
    {"admin.token_file", TOP(admin_token), .at_once = true, .type = CONFIG_SECRET_FILE,
     .help = "File with the token that clients of `admin.listen` send as `Authorization: Bearer …`, at least "
             "16 characters; "
             "white space at its end does not count."},

    {"issuers.*.type", ISSUER(type), .type = CONFIG_ISSUER_TYPE, .required = true,
     .help = "`stepca`: a running step-ca signs. `local`: acmegate signs itself, with a CA in a folder."},
    {"issuers.*.ca_url", ISSUER(ca_url), .at_once = true, .type = CONFIG_ORIGIN, .required = true,
     .only_for = ISSUER_STEPCA, .environment = "STEPCA_URL",
     .help = "The CA, `https://host:port`, by a name that is among its `dnsNames`."},
    {"issuers.*.provisioner_name", ISSUER(provisioner_name), .at_once = true, .type = CONFIG_TEXT,
     .required = true, .only_for = ISSUER_STEPCA, .environment = "STEPCA_PROVISIONER",
     .help = "The JWK provisioner that the one-time tokens are made for."},
    {"issuers.*.provisioner_key_path", ISSUER(provisioner_key_path), .at_once = true, .type = CONFIG_TEXT,
     .required = true, .only_for = ISSUER_STEPCA, .environment = "STEPCA_KEY_PATH",
     .help = "Its private key: the output of `step crypto jwk create`, an `encryptedKey` from `ca.json`, a "
             "plain JWK, or "
             "PEM."},
    {"issuers.*.provisioner_password", ISSUER(provisioner_password), .at_once = true, .type = CONFIG_SECRET,
     .only_for = ISSUER_STEPCA, .environment = "STEPCA_PASSWORD",
     .help = "Password of the key; prefer `provisioner_password_file`."},
    {"issuers.*.provisioner_password_file", ISSUER(provisioner_password), .at_once = true,
     .type = CONFIG_SECRET_FILE, .only_for = ISSUER_STEPCA,
     .help = "File with the password; white space at its end does not count. A warning is logged when others "
             "than the "
             "owner can read it. A password from the environment takes precedence."},
    {"issuers.*.root_cert_path", ISSUER(root_cert_path), .at_once = true, .type = CONFIG_TEXT,
     .required = true, .only_for = ISSUER_STEPCA, .environment = "STEPCA_ROOT",
     .help =
         "PEM file with the CA's root, or several. Nothing else is trusted when talking to the CA, and every "
         "certificate must lead there."},
    {"issuers.*.validity_days", ISSUER(validity_s), .at_once = true, .type = CONFIG_DAYS, .min = 60,
     .max = 10 * (int64_t)YEAR_S, .fallback_note = "the CA's default",
     .help = "How long certificates should live, in days (0.5 is 12 hours). Lowered to what the "
             "profile and the CA "
             "allow; an order's own end takes precedence."},
    {"issuers.*.alternate_chains", ISSUER(alternate_chains), .at_once = true,
     .count_offset = offsetof(struct issuer_config, alternate_chain_count), .type = CONFIG_PATHS,
     .fallback = "[]",
     .help =
         "PEM files with other chains for the CA's certificates, such as an intermediate that another "
         "root has "
         "signed too. Each begins with the certificate that signed the leaf. Clients see those that fit (RFC "
         "8555 §7.4.2)."},
    {"issuers.*.request_timeout", ISSUER(request_timeout_s), .at_once = true, .type = CONFIG_DURATION,
     .min = 1, .max = 600, .only_for = ISSUER_STEPCA, .fallback = "\"30s\"",
     .help = "Time limit of one call to the CA."},
    {"issuers.*.max_concurrent", ISSUER(max_concurrent), .at_once = true, .type = CONFIG_INTEGER, .min = 1,
     .max = 1000, .only_for = ISSUER_STEPCA, .fallback = "16",
     .help = "Calls to the CA at the same time; the others wait."},
    {"issuers.*.ocsp.certificate", ISSUER(ocsp.certificate_path), .at_once = true, .type = CONFIG_TEXT,
     .only_for = ISSUER_STEPCA,
     .help = "PEM file with the certificate that signs OCSP responses (OCSPSigning, by the CA that signs the "
             "leaves), and the chain above it. Read again when it changes."},
    {"issuers.*.ocsp.key", ISSUER(ocsp.key_path), .at_once = true, .type = CONFIG_TEXT,
     .only_for = ISSUER_STEPCA, .help = "PEM file with the key of `ocsp.certificate`."},
    {"issuers.*.ocsp.provisioner_name", ISSUER(ocsp.provisioner_name), .at_once = true, .type = CONFIG_TEXT,
     .only_for = ISSUER_STEPCA,
     .help = "A JWK provisioner of the CA whose template makes certificates for OCSPSigning: the responder's "
             "comes from there and renews itself. Instead of `ocsp.certificate` and `ocsp.key`."},
    {"issuers.*.ocsp.provisioner_key_path", ISSUER(ocsp.provisioner_key_path), .at_once = true,
     .type = CONFIG_TEXT, .only_for = ISSUER_STEPCA,
     .help = "Its private key, in the forms of `provisioner_key_path`."},
    {"issuers.*.ocsp.provisioner_password", ISSUER(ocsp.provisioner_password), .at_once = true,
     .type = CONFIG_SECRET, .only_for = ISSUER_STEPCA,
     .help = "Password of the key; prefer `ocsp.provisioner_password_file`."},
    {"issuers.*.ocsp.provisioner_password_file", ISSUER(ocsp.provisioner_password), .at_once = true,
     .type = CONFIG_SECRET_FILE, .only_for = ISSUER_STEPCA, .help = "File with the password."},
    {"issuers.*.directory", ISSUER(directory), .type = CONFIG_TEXT, .required = true,
     .only_for = ISSUER_LOCAL,
     .help = "Folder of the local CA's certificates and keys. An empty one gets a new CA at the first start; "
             "for a CA of your own put `root_ca.crt`, `intermediate_ca.crt` and `intermediate_ca.key` there "
             "(see [local-ca.md](local-ca.md))."},
    {"issuers.*.key_password", ISSUER(key_password), .type = CONFIG_SECRET, .only_for = ISSUER_LOCAL,
     .help = "Password of the local CA's keys, which are made encrypted when it is set; prefer "
             "`key_password_file`."},
    {"issuers.*.key_password_file", ISSUER(key_password), .type = CONFIG_SECRET_FILE,
     .only_for = ISSUER_LOCAL,
     .help =
         "File with that password; white space at its end does not count. A warning is logged when others "
         "than the owner can read it."},
    {"issuers.*.permitted_names", ISSUER(permitted_names),
     .count_offset = offsetof(struct issuer_config, permitted_name_count), .type = CONFIG_SUBTREES,
     .only_for = ISSUER_LOCAL, .fallback = "[]",
     .help = "Name constraints of the intermediate that is made: domains such as `internal`, with all names "
             "below them, and networks such as `10.0.0.0/8`. Without a network no address is permitted, "
             "without a domain no name. Empty: all."},
    {"issuers.*.crl_url", ISSUER(crl_url), .type = CONFIG_URL, .only_for = ISSUER_LOCAL,
     .help = "CRL distribution point that the local CA's certificates name."},
    {"issuers.*.ocsp_url", ISSUER(ocsp_url), .type = CONFIG_URL, .only_for = ISSUER_LOCAL,
     .help = "OCSP responder that they name."},
    {"issuers.*.ca_issuers_url", ISSUER(ca_issuers_url), .type = CONFIG_URL, .only_for = ISSUER_LOCAL,
     .help = "URL of the intermediate's certificate in them (caIssuers)."},

    {"profiles.*.issuer", PROFILE(issuer), .at_once = true, .type = CONFIG_TEXT, .required = true,
     .help = "The issuer that signs for this profile."},
    {"profiles.*.max_ttl", PROFILE(max_ttl_s), .at_once = true, .type = CONFIG_DURATION, .min = 60,
     .max = 10 * (int64_t)YEAR_S, .fallback = "\"24h\"",
     .help = "No certificate lives longer, whatever is requested. The CA's own maximum applies as well."},
    {"profiles.*.key_types", PROFILE(key_types), .at_once = true,
     .count_offset = offsetof(struct profile_config, key_type_count), .type = CONFIG_KEY_TYPES,
     .fallback = "[]",
     .help =
         "Keys that certificates of this profile may have: `P-256`, `P-384`, `P-521`, `RSA` (2048 bits at "
         "least), `Ed25519`. Empty: all of them."},
    {"profiles.*.extended_key_usages", PROFILE(extended_key_usages), .at_once = true,
     .count_offset = offsetof(struct profile_config, extended_key_usage_count), .type = CONFIG_USAGES,
     .fallback = "[]",
     .help =
         "What certificates of this profile are for: `serverAuth`, `clientAuth` or both. Empty: "
         "both. Only for an issuer of type `local`; with step-ca the template of the provisioner decides."},
    {"profiles.*.names.allow", PROFILE(names.allow), .at_once = true,
     .count_offset = offsetof(struct profile_config, names.allow_count), .type = CONFIG_PATTERNS,
     .fallback = "[]",
     .help = "Names to issue for with this profile, beside the endpoint's own policy. Empty: all."},
    {"profiles.*.names.deny", PROFILE(names.deny), .at_once = true,
     .count_offset = offsetof(struct profile_config, names.deny_count), .type = CONFIG_PATTERNS,
     .fallback = "[]", .help = "Names to refuse with this profile. It wins over `allow`."},
    {"profiles.*.description", PROFILE(description), .at_once = true, .type = CONFIG_TEXT,
     .help = "Shown to clients in the directory."},

    {"endpoints.*.profiles", ENDPOINT(profiles), .at_once = true,
     .count_offset = offsetof(struct endpoint_config, profile_count), .type = CONFIG_TEXTS, .required = true,
     .help = "The profiles that clients may choose from. The first is for those that do not choose."},
    {"endpoints.*.challenges", ENDPOINT(challenges), .at_once = true, .type = CONFIG_CHALLENGES,
     .fallback = "[\"http-01\", \"dns-01\", \"tls-alpn-01\"]",
     .help =
         "How clients may prove that a name is theirs: `http-01`, `dns-01`, `tls-alpn-01`, `dns-account-01` "
         "(draft-ietf-acme-dns-account-label), `dns-persist-01` (draft-ietf-acme-dns-persist)."},
    {"endpoints.*.eab", ENDPOINT(eab), .at_once = true, .type = CONFIG_EAB, .fallback = "\"off\"",
     .help = "External account binding: whether new accounts must (`required`) or may (`optional`) use a key "
             "from `acmegate eab add`, with its limits."},
    {"endpoints.*.without_eab.names.allow", ENDPOINT(without_eab_names.allow), .at_once = true,
     .count_offset = offsetof(struct endpoint_config, without_eab_names.allow_count), .type = CONFIG_PATTERNS,
     .fallback = "[]",
     .help =
         "Names that accounts without an external account key may have, beside the endpoint's own policy. "
         "Empty: all. With `eab` `optional` a client that omits its key has none of the key's limits."},
    {"endpoints.*.without_eab.names.deny", ENDPOINT(without_eab_names.deny), .at_once = true,
     .count_offset = offsetof(struct endpoint_config, without_eab_names.deny_count), .type = CONFIG_PATTERNS,
     .fallback = "[]",
     .help = "Names that accounts without an external account key are refused. It wins over `allow`."},
    {"endpoints.*.without_eab.profiles", ENDPOINT(without_eab_profiles), .at_once = true,
     .count_offset = offsetof(struct endpoint_config, without_eab_profile_count), .type = CONFIG_TEXTS,
     .fallback = "[]",
     .help = "The endpoint's profiles that accounts without an external account key may choose. Empty: all."},
    {"endpoints.*.names.allow", ENDPOINT(names.allow), .at_once = true,
     .count_offset = offsetof(struct endpoint_config, names.allow_count), .type = CONFIG_PATTERNS,
     .fallback = "[]",
     .help = "Names to issue for: `host.example`, `*.example` (everything below it), `*`, an IP address or a "
             "network. "
             "Empty: all."},
    {"endpoints.*.names.deny", ENDPOINT(names.deny), .at_once = true,
     .count_offset = offsetof(struct endpoint_config, names.deny_count), .type = CONFIG_PATTERNS,
     .fallback = "[]", .help = "Names to refuse, in the same forms. It wins over `allow`."},
    {"endpoints.*.names.underscores", ENDPOINT(names.underscores), .at_once = true,
     .count_offset = offsetof(struct endpoint_config, names.underscore_count), .type = CONFIG_PATTERNS,
     .fallback = "[]",
     .help = "Names that may hold underscores, such as `*.svc.internal`, for private zones. Elsewhere no "
             "host name "
             "has one (RFC 1123)."},
    {"endpoints.*.trusted.names", ENDPOINT(trusted_names), .at_once = true,
     .count_offset = offsetof(struct endpoint_config, trusted_name_count), .type = CONFIG_PATTERNS,
     .fallback = "[]",
     .help =
         "Names that every account gets without proving control of them, and without CAA checks. Each such "
         "authorization is an event."},
    {"endpoints.*.trusted.networks", ENDPOINT(trusted_networks), .at_once = true,
     .count_offset = offsetof(struct endpoint_config, trusted_network_count), .type = CONFIG_NETWORKS,
     .fallback = "[]",
     .help = "Networks such as `10.0.0.0/8` whose clients get every name without proof. Every host there, "
             "and every client of a proxy there, can get any name that the policies allow."},
    {"endpoints.*.caa_identities", ENDPOINT(caa_identities), .at_once = true,
     .count_offset = offsetof(struct endpoint_config, caa_identity_count), .type = CONFIG_DOMAINS,
     .fallback = "[]",
     .help = "The domain names that stand for this server in CAA records (RFC 8659, with `accounturi` and "
             "`validationmethods` of RFC 8657), such as `ca.internal`. A malformed record allows nobody. "
             "Empty: CAA is not checked."},
    {"endpoints.*.issuer_domain_names", ENDPOINT(issuer_names), .at_once = true,
     .count_offset = offsetof(struct endpoint_config, issuer_name_count), .type = CONFIG_DOMAINS,
     .fallback_note = "`caa_identities`",
     .help = "The domain names that stand for this server in TXT records of dns-persist-01, at most 10."},
    {"endpoints.*.terms_of_service", ENDPOINT(terms_of_service), .at_once = true, .type = CONFIG_TEXT,
     .help = "URL. When it is set, new accounts must agree to it."},
    {"endpoints.*.website", ENDPOINT(website), .at_once = true, .type = CONFIG_TEXT,
     .help = "URL, shown in the directory."},
    {"endpoints.*.authorization_lifetime", ENDPOINT(authorization_lifetime_s), .at_once = true,
     .type = CONFIG_DURATION, .min = 0, .max = YEAR_S, .fallback = "\"0s\"",
     .help =
         "How long a proven name serves an account's further orders; pre-authorization (newAuthz) is then "
         "offered too. An order ends no later than the first of its proofs. 0s: every order proves its "
         "names."},
    {"endpoints.*.subdomains", ENDPOINT(subdomains), .at_once = true, .type = CONFIG_BOOLEAN,
     .fallback = "false",
     .help = "Whether an account may prove, by the DNS, control of a domain and of all names below it at "
             "once (RFC 9444). "
             "Needs `authorization_lifetime`; not beside `caa_identities`."},

    {"stepca_api.profile", TOP(stepca_api_profile), .at_once = true, .old_path = "native.profile",
     .type = CONFIG_TEXT,
     .help = "Passes step-ca's own API (`step ca certificate`, `renew`, `revoke`…) on to the CA of this "
             "profile, whose names, key types and `max_ttl` apply. Without it nothing is passed on. The old "
             "name `native.profile` is accepted with a warning until 0.3."},

    {"validation.resolvers", TOP(validation.resolvers), .at_once = true,
     .count_offset = offsetof(struct config, validation.resolver_count), .type = CONFIG_RESOLVERS,
     .fallback = "[]",
     .help = "Name servers to ask, as `address` or `address:port`. Empty: the system's. A reload reads those "
             "again, too."},
    {"validation.http_port", TOP(validation.http_port), .at_once = true, .type = CONFIG_PORT, .min = 1,
     .max = 65535, .fallback = "80", .help = "The port http-01 connects to. Clients expect 80."},
    {"validation.tls_port", TOP(validation.tls_port), .at_once = true, .type = CONFIG_PORT, .min = 1,
     .max = 65535, .fallback = "443", .help = "The port tls-alpn-01 connects to. Clients expect 443."},
    {"validation.allow_addresses", TOP(validation.allow_addresses), .at_once = true,
     .count_offset = offsetof(struct config, validation.allow_address_count), .type = CONFIG_NETWORKS,
     .fallback = "[]",
     .help = "Networks such as `127.0.0.0/8` that validations may connect to although they are loopback, "
             "link-local or "
             "reserved ([addresses.md](addresses.md)). Private networks need no mention."},
    {"validation.retry_for", TOP(validation.retry_for_s), .at_once = true, .type = CONFIG_DURATION, .min = 0,
     .max = DAY_S, .fallback = "\"30s\"",
     .help = "How long a challenge is tried again before it is invalid."},
    {"validation.timeout", TOP(validation.timeout_s), .at_once = true, .type = CONFIG_DURATION, .min = 1,
     .max = 600, .fallback = "\"10s\"",
     .help = "Time limit of one try: look-ups, all addresses, redirects and CAA together."},
    {"validation.max_concurrent", TOP(validation.max_concurrent), .at_once = true, .type = CONFIG_INTEGER,
     .min = 1, .max = VALIDATIONS_AT_ONCE_MAX, .fallback = "100",
     .help = "Validations at the same time; the others wait. One account, or one name, holds half of them at "
             "most. The last quarter is for accounts that have had a certificate. 256 is the most."},

    {"orders.lifetime", TOP(order_lifetime_s), .at_once = true, .type = CONFIG_DURATION, .min = 60,
     .max = YEAR_S, .fallback = "\"24h\"",
     .help = "How long a client has from its order to the certificate, at most."},
    {"finalize.give_up_after", TOP(finalize_give_up_after_s), .at_once = true, .type = CONFIG_DURATION,
     .min = 1, .max = 7 * DAY_S, .fallback = "\"15m\"",
     .help = "How long signing is tried again while the CA cannot be reached or is busy, before the order is "
             "invalid."},
    {"finalize.hold_reply", TOP(hold_reply_ms), .at_once = true, .type = CONFIG_DURATION_MS, .min = 0,
     .max = 60 * 1000, .fallback = "\"5s\"",
     .help = "How long the replies to challenges and finalize wait for the outcome, which saves clients from "
             "polling. "
             "0s: not at all."},
    {"accounts.export_path", TOP(account_export_path), .at_once = true, .type = CONFIG_TEXT,
     .help = "File that the server keeps a copy of all accounts in, for `acmegate account import` after the "
             "database was lost. Best on another disk. Not set: no file."},
    {"accounts.export_every", TOP(account_export_every_s), .at_once = true, .type = CONFIG_DURATION, .min = 1,
     .max = 7 * DAY_S, .fallback = "\"1h\"",
     .help =
         "How often the file is brought up to date, where accounts have changed; at start and stop as well."},
    {"retention.orders", TOP(retention_orders_s), .at_once = true, .type = CONFIG_DURATION_OR_OFF, .min = 1,
     .max = 100 * (int64_t)YEAR_S, .fallback = "\"90d\"",
     .help = "How long orders are kept after they ended, with their authorizations and signing attempts; "
             "longer while their "
             "certificate lasts, or the one that it replaced. `off`: for ever."},
    {"retention.certificates", TOP(retention_certificates_s), .at_once = true, .type = CONFIG_DURATION_OR_OFF,
     .min = 1, .max = 100 * (int64_t)YEAR_S, .fallback = "\"400d\"",
     .help = "How long certificates are kept after they expired; longer while their order is kept, their "
             "revocation is not confirmed or "
             "`acmegate migration status` rests on them. `off`: for ever."},
    {"retention.events", TOP(retention_events_s), .at_once = true, .type = CONFIG_DURATION_OR_OFF, .min = 1,
     .max = 100 * (int64_t)YEAR_S, .fallback = "\"400d\"",
     .help = "How long the audit trail reaches back; the newest event always stays. `off`: for ever."},
    {"limits.max_identifiers", TOP(max_identifiers), .at_once = true, .type = CONFIG_INTEGER, .min = 1,
     .max = 1000, .fallback = "100", .help = "Names in one order."},
    {"limits.max_connections", TOP(max_connections), .at_once = true, .type = CONFIG_INTEGER, .min = 1,
     .max = 100000, .fallback = "1000",
     .help = "Clients connected at the same time. Above it the oldest idle connection of the address that "
             "has most "
             "makes room."},
    {"limits.max_waiting_writes", TOP(max_waiting_writes), .at_once = true, .type = CONFIG_INTEGER, .min = 1,
     .max = 1000000, .fallback = "2000",
     .help = "Requests that wait for the database; further ones are answered 503 with Retry-After."},
    {"limits.orders_per_account", TOP(orders_per_account), .at_once = true, .type = CONFIG_RATE,
     .fallback = "\"10000/1h\"",
     .help = "Orders of one account, as `number/duration`: so many at once, and then as they come back over "
             "that time. Above it: "
             "429 with Retry-After."},
    {"limits.orders_per_name", TOP(orders_per_name), .at_once = true, .type = CONFIG_RATE,
     .fallback = "\"100/1h\"",
     .help = "Orders of one account for one name: stops clients that start over and over."},
    {"limits.accounts_per_address", TOP(accounts_per_address), .at_once = true, .type = CONFIG_RATE,
     .fallback = "\"1000/1h\"", .help = "New accounts from one address. An IPv6 client is its /64 network."},
    {"limits.changes_per_account", TOP(changes_per_account), .at_once = true, .type = CONFIG_RATE,
     .fallback = "\"100/1h\"",
     .help = "Changes of one account: contacts, terms and key. Deactivation is not counted."},
    {"limits.refusals", TOP(refusals), .at_once = true, .type = CONFIG_RATE, .fallback = "\"100/1h\"",
     .help = "Refused requests of one account, or of one key at one address where there is no account. Above "
             "it a refusal is 429 with Retry-After; a request that is not refused passes."},
};
const size_t config_key_count = sizeof config_keys / sizeof *config_keys;

static const struct {
    const char *name;
    bool list;
} types[] = {
    [CONFIG_TEXT] = {"text", false},
    [CONFIG_SECRET] = {"secret text", false},
    [CONFIG_SECRET_FILE] = {"file", false},
    [CONFIG_ORIGIN] = {"https URL without a path", false},
    [CONFIG_URL] = {"URL", false},
    [CONFIG_ISSUER_TYPE] = {"`stepca` or `local`", false},
    [CONFIG_EAB] = {"`off`, `optional` or `required`", false},
    [CONFIG_LOG_LEVEL] = {"`debug`, `info`, `warning` or `error`", false},
    [CONFIG_LOG_FORMAT] = {"`text` or `json`", false},
    [CONFIG_BOOLEAN] = {"`true` or `false`", false},
    [CONFIG_INTEGER] = {"integer", false},
    [CONFIG_PORT] = {"port", false},
    [CONFIG_DURATION] = {"duration", false},
    [CONFIG_DURATION_MS] = {"duration", false},
    [CONFIG_DURATION_OR_OFF] = {"duration, or `off`", false},
    [CONFIG_DAYS] = {"number of days", false},
    [CONFIG_RATE] = {"rate, or `off`", false},
    [CONFIG_TEXTS] = {"list of names", true},
    [CONFIG_PATHS] = {"list of files", true},
    [CONFIG_HOSTS] = {"list of hosts", true},
    [CONFIG_DOMAINS] = {"list of domain names", true},
    [CONFIG_SUBTREES] = {"list of domains and networks", true},
    [CONFIG_RESOLVERS] = {"list of addresses", true},
    [CONFIG_USAGES] = {"list of usages", true},
    [CONFIG_KEY_TYPES] = {"list of key types", true},
    [CONFIG_PATTERNS] = {"list of name patterns", true},
    [CONFIG_LISTEN] = {"list of address:port", true},
    [CONFIG_LISTENERS] = {"list of address:port or objects", true},
    [CONFIG_NETWORKS] = {"list of networks", true},
    [CONFIG_CHALLENGES] = {"list of challenge types", true},
};

const char *config_type_name(enum config_type type)
{
    return types[type].name;
}

bool config_type_is_list(enum config_type type)
{
    return types[type].list;
}

bool config_type_is_text(enum config_type type)
{
    return type == CONFIG_TEXT || type == CONFIG_ORIGIN || type == CONFIG_URL;
}

bool config_key_is_at_once(const struct config_key *key)
{
    return key->at_once && key->only_for != ISSUER_LOCAL;
}

const struct config_key *config_key_find(const char *path)
{
    for (size_t i = 0; i < config_key_count; i++)
        if (strcmp(config_keys[i].path, path) == 0 ||
            (config_keys[i].old_path != NULL && strcmp(config_keys[i].old_path, path) == 0))
            return &config_keys[i];
    return NULL;
}

/* True when `path` is below `section`. False for NULL. */
static bool is_below(const char *path, const char *section)
{
    size_t n = strlen(section);
    return path != NULL && strncmp(path, section, n) == 0 && path[n] == '.';
}

bool config_key_is_section(const char *path)
{
    for (size_t i = 0; i < config_key_count; i++)
        if (is_below(config_keys[i].path, path) || is_below(config_keys[i].old_path, path))
            return true;
    return false;
}

/* Returns the name in `path` directly below `section` ("" is the top), as the table writes it; NULL when
 * there is none. */
static const char *child_of(struct arena *arena, const char *section, const char *path)
{
    size_t n = strlen(section);
    if (n > 0 && (strncmp(path, section, n) != 0 || path[n] != '.'))
        return NULL;
    const char *name = path + n + (n > 0);
    const char *end = strchrnul(name, '.');
    return arena_string(arena, bytes_of(name, (size_t)(end - name)));
}

static const char *list_children(struct arena *arena, const char *section)
{
    struct buffer list;
    buffer_init(&list, arena, 4096);
    const char *last = "";
    for (size_t i = 0; i < config_key_count; i++) {
        const char *child = child_of(arena, section, config_keys[i].path);
        if (child == NULL || strcmp(child, last) == 0)
            continue;
        buffer_printf(&list, "%s%s", *last == '\0' ? "" : ", ", child);
        last = child;
    }
    return buffer_string(&list);
}

const char *config_key_suggest(struct arena *arena, const char *path)
{
    const char *dot = strrchr(path, '.');
    const char *name = dot == NULL ? path : dot + 1;
    const char *section = dot == NULL ? "" : arena_string(arena, bytes_of(path, (size_t)(dot - path)));
    const char **children = arena_alloc_array(arena, config_key_count, sizeof children[0]);
    size_t count = 0;
    for (size_t i = 0; i < config_key_count; i++) {
        const char *child = child_of(arena, section, config_keys[i].path);
        if (child != NULL)
            children[count++] = child;
    }
    const char *nearest = nearest_word(name, children, count);
    if (nearest != NULL)
        return arena_printf(arena, "did you mean %s?", nearest);
    for (size_t i = 0; i < config_key_count; i++)
        if (strcmp(name,
                   strrchr(config_keys[i].path, '.') == NULL ? "" : strrchr(config_keys[i].path, '.') + 1) ==
            0)
            return arena_printf(arena, "did you mean %s?", config_keys[i].path);
    return arena_printf(arena, "known keys: %s", list_children(arena, section));
}
