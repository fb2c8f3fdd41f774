#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "acme/csr.h"
#include "gateway/cli_call.h"
#include "gateway/cli_check.h"
#include "gateway/issuer.h"
#include "gateway/issuer_stepca_internal.h"
#include "stepca/outcome.h"
#include "stepca/token.h"

enum {
    FILE_MAX_BYTES = 1024 * 1024,
    NAMES_MAX_BYTES = 1024,
    MAX_PAGES = 100,
    CLOCK_WARN_S = 30,
    CLOCK_FAIL_S = 60, /* step-ca's own leeway */
    ROOT_WARN_S = 30 * 24 * 3600,
    CSR_MAX_DER_BYTES = 4096,
};

/* What the later questions need of the earlier ones' answers. */
struct stepca_check {
    struct check *check;
    const struct issuer_config *issuer;
    struct issuer roots; /* only the pinned roots of it */
    struct provisioner_key key;
    struct stepca_provisioner provisioner;
    struct buffer other_provisioners; /* that sign, too */
};

/* ---- files ---- */

static bool check_roots(struct stepca_check *ca)
{
    struct check *check = ca->check;
    const char *path = ca->issuer->root_cert_path;
    char why[ISSUER_WHY_BYTES];
    struct bytes pem;
    if (!file_read(check->arena, path, FILE_MAX_BYTES, &pem)) {
        check_fail(check, "issuer %s: root_cert_path %s cannot be read: %s", ca->issuer->id, path,
                   strerror(errno));
        return false;
    }
    if (!issuer_init(&ca->roots, NULL, check->arena, ca->issuer->id, pem, why)) {
        check_fail(check, "issuer %s: root_cert_path %s: %s; put the CA's root there (PEM)", ca->issuer->id,
                   path, why);
        return false;
    }
    struct bytes *certificates = NULL;
    size_t count = 0;
    if (!certificates_from_pem(check->arena, pem, &certificates, &count))
        return false;
    check_ok(check, "issuer %s: root %s, SHA-256 %s", ca->issuer->id, path, ca->roots.root_fingerprint);
    char end[TIME_TEXT_BYTES];
    int64_t not_after = issuer_chain_end(certificates, count);
    time_format(end, not_after);
    if (not_after < time(NULL) + ROOT_WARN_S)
        check_warn(check, "issuer %s: a root in %s ends at %s; add its successor", ca->issuer->id, path, end);
    return true;
}

static bool check_key(struct stepca_check *ca)
{
    struct check *check = ca->check;
    const char *path = ca->issuer->provisioner_key_path;
    struct bytes text;
    struct jose_error error = {0};
    if (!file_read_secret(check->arena, path, FILE_MAX_BYTES, &text)) {
        check_fail(check, "issuer %s: provisioner_key_path %s cannot be read: %s", ca->issuer->id, path,
                   strerror(errno));
        return false;
    }
    if (!provisioner_key_parse(check->arena, text, ca->issuer->provisioner_password, &ca->key, &error)) {
        check_fail(check, "issuer %s: key %s: %s%s", ca->issuer->id, path, error.detail,
                   error.code == JOSE_WRONG_PASSWORD
                       ? "; put its password into provisioner_password_file or ACMEGATE_STEPCA_PASSWORD"
                       : "");
        return false;
    }
    check_ok(check, "issuer %s: key %s opens (%s)", ca->issuer->id, path, ca->key.form);
    return true;
}

/* ---- the CA ---- */

static struct outbound_http_request request_to(const struct stepca_check *ca, const char *method,
                                               const char *path)
{
    return (struct outbound_http_request){
        .method = method,
        .url = arena_printf(ca->check->arena, "%s/%s", ca->issuer->ca_url, path),
        .trusted_pem = ca->roots.roots_pem,
        .timeout_ms = ca->issuer->request_timeout_s * 1000,
        .max_body_bytes = STEPCA_REPLY_MAX_BYTES,
        .user_agent = STEPCA_USER_AGENT,
    };
}

/* GET; what the reply means goes to `error`. */
static void get(const struct stepca_check *ca, const char *path, struct outbound_http_reply *reply,
                struct stepca_error *error)
{
    struct arena *arena = ca->check->arena;
    struct outbound_http_request request = request_to(ca, "GET", path);
    cli_call(ca->check->outbound, arena, &request, reply);
    stepca_read_outcome(arena, STEPCA_READ, reply->status, reply->body,
                        issuer_stepca_transport_error(arena, reply), error);
}

static void check_clock(const struct stepca_check *ca, int64_t date)
{
    if (date == 0) {
        check_warn(ca->check, "issuer %s: the CA does not tell the time; see that its clock agrees",
                   ca->issuer->id);
        return;
    }
    long long ahead_s = (long long)(date - time(NULL));
    const char *way = ahead_s > 0 ? "ahead of" : "behind";
    if (llabs(ahead_s) > CLOCK_FAIL_S)
        check_fail(ca->check,
                   "issuer %s: the CA's clock is %lld s %s ours: set both by NTP, the CA refuses tokens so",
                   ca->issuer->id, llabs(ahead_s), way);
    else if (llabs(ahead_s) > CLOCK_WARN_S)
        check_warn(
            ca->check,
            "issuer %s: the CA's clock is %lld s %s ours; over %d s it refuses tokens: set both by NTP",
            ca->issuer->id, llabs(ahead_s), way, CLOCK_FAIL_S);
    else
        check_ok(ca->check, "issuer %s: the clock agrees with the CA's", ca->issuer->id);
}

static bool check_reached(const struct stepca_check *ca)
{
    const struct issuer_config *issuer = ca->issuer;
    struct outbound_http_reply reply;
    struct stepca_error error;
    get(ca, "health", &reply, &error);
    if (reply.untrusted)
        check_fail(ca->check,
                   "issuer %s: %s is there, but not trusted: %s; root_cert_path must hold this CA's root, "
                   "and ca_url name "
                   "it as its certificate does",
                   issuer->id, issuer->ca_url, error.message);
    else if (reply.status == 0)
        check_fail(ca->check, "issuer %s: cannot connect to %s: %s; is ca_url right, and does the CA run?",
                   issuer->id, issuer->ca_url, error.message);
    else if (error.outcome != STEPCA_OK)
        check_fail(ca->check, "issuer %s: %s answers %d to /health: %s; is ca_url a step-ca, and is it well?",
                   issuer->id, issuer->ca_url, reply.status, error.message);
    else
        check_ok(ca->check, "issuer %s: %s is there and trusted", issuer->id, issuer->ca_url);
    if (reply.status != 0)
        check_clock(ca, reply.date);
    return reply.status != 0 && error.outcome == STEPCA_OK;
}

static void check_version(const struct stepca_check *ca)
{
    struct outbound_http_reply reply;
    struct stepca_error error;
    get(ca, "version", &reply, &error);
    const char *version =
        error.outcome == STEPCA_OK ? stepca_parse_version(ca->check->arena, reply.body) : NULL;
    if (version != NULL)
        check_ok(ca->check, "issuer %s: step-ca %s", ca->issuer->id, version);
    else
        check_warn(ca->check, "issuer %s: the CA does not tell its version; is ca_url really a step-ca?",
                   ca->issuer->id);
}

/* ---- the provisioner ---- */

static bool has_our_key(const struct stepca_check *ca, const struct stepca_provisioner *provisioner)
{
    return provisioner->public_thumbprint != NULL &&
           strcmp(provisioner->public_thumbprint, ca->key.jwk.thumbprint) == 0;
}

/* One page: the provisioner of our name, with our key if there is one, and the names of all for the message.
 */
static void look_through(struct stepca_check *ca, const struct stepca_provisioner_page *page,
                         struct buffer *names)
{
    check_bypass_collect(&ca->other_provisioners, page, ca->issuer->provisioner_name);
    for (size_t i = 0; i < page->count; i++) {
        const struct stepca_provisioner *provisioner = &page->provisioners[i];
        buffer_printf(names, "%s%s", names->n == 0 ? "" : ", ", provisioner->name);
        if (strcmp(provisioner->name, ca->issuer->provisioner_name) == 0 && !has_our_key(ca, &ca->provisioner))
            ca->provisioner = *provisioner;
    }
}

/* False when the CA could not be asked, which has been told. */
static bool find_provisioner(struct stepca_check *ca, struct buffer *names)
{
    struct arena *arena = ca->check->arena;
    const char *path = "provisioners?limit=100";
    for (size_t pages = 0; pages < MAX_PAGES; pages++) {
        struct outbound_http_reply reply;
        struct stepca_error error;
        struct stepca_provisioner_page page;
        get(ca, path, &reply, &error);
        if (error.outcome != STEPCA_OK || !stepca_parse_provisioners(arena, reply.body, &page)) {
            check_fail(
                ca->check, "issuer %s: the CA does not list its provisioners: %s; is ca_url a step-ca?",
                ca->issuer->id, error.outcome == STEPCA_OK ? "the reply cannot be read" : error.message);
            return false;
        }
        look_through(ca, &page, names);
        if (*page.next_cursor == '\0')
            break;
        path = arena_printf(arena, "provisioners?limit=100&cursor=%s", page.next_cursor);
    }
    return true;
}

static bool check_provisioner(struct stepca_check *ca)
{
    const struct issuer_config *issuer = ca->issuer;
    struct buffer names;
    buffer_init(&names, ca->check->arena, NAMES_MAX_BYTES);
    buffer_init(&ca->other_provisioners, ca->check->arena, NAMES_MAX_BYTES);
    if (!find_provisioner(ca, &names))
        return false;
    if (ca->provisioner.name == NULL) {
        check_fail(ca->check, "issuer %s: the CA has no JWK provisioner named %s; it has: %s", issuer->id,
                   issuer->provisioner_name, names.n == 0 ? "none" : buffer_string(&names));
        return false;
    }
    check_ok(ca->check, "issuer %s: the CA has the JWK provisioner %s, kid %s", issuer->id,
             ca->provisioner.name, ca->provisioner.key_id);
    return true;
}

static bool check_key_is_the_provisioners(const struct stepca_check *ca)
{
    const char *path = ca->issuer->provisioner_key_path;
    if (has_our_key(ca, &ca->provisioner)) {
        check_ok(ca->check, "issuer %s: the key is the one that the CA knows for %s", ca->issuer->id,
                 ca->provisioner.name);
        ca->check->key_id = ca->provisioner.key_id;
        return true;
    }
    check_fail(ca->check,
               "issuer %s: %s is not the key that the CA knows for %s (kid %s): take the provisioner's own, "
               "or give the CA "
               "this one's public half",
               ca->issuer->id, path, ca->provisioner.name, ca->provisioner.key_id);
    return false;
}

/* ---- a token ---- */

/* A request for `name` alone, with a new key. */
static bool make_csr(struct arena *arena, const char *name, struct bytes *out)
{
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    autofree_x509_req X509_REQ *csr = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *san =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, arena_printf(arena, "DNS:%s", name));
    bool good = key != NULL && csr != NULL && extensions != NULL && san != NULL &&
                sk_X509_EXTENSION_push(extensions, san) > 0;
    if (!good)
        X509_EXTENSION_free(san);
    good = good && X509_REQ_add_extensions(csr, extensions) == 1 && X509_REQ_set_pubkey(csr, key) == 1 &&
           X509_REQ_sign(csr, key, EVP_sha256()) > 0;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    uint8_t *der = NULL;
    int n = good ? i2d_X509_REQ(csr, &der) : -1;
    if (n > 0 && n <= CSR_MAX_DER_BYTES)
        *out = arena_copy(arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return n > 0;
}

/*
 * The token is for one name and the request for another: step-ca first checks and consumes the token (401
 * when it does not accept it) and only then compares the names (403), so the answer tells whether tokens are
 * accepted without a certificate being made. Should a CA sign all the same, it is asked for the shortest life
 * that it grants.
 */
static bool make_trial(const struct stepca_check *ca, const char *audience, struct bytes *body)
{
    static const char *const sans[] = {"token.acmegate-check.invalid"};
    struct arena *arena = ca->check->arena;
    struct stepca_token_request token = {
        .provisioner = ca->provisioner.name,
        .key_id = ca->provisioner.key_id,
        .ca_url = audience,
        .subject = sans[0],
        .sans = sans,
        .san_count = 1,
        .root_fingerprint_hex = ca->roots.root_fingerprint,
        .now = time(NULL),
    };
    char *text = NULL;
    char life[DURATION_TEXT_BYTES];
    duration_format(life, ca->provisioner.min_s);
    if (!make_csr(arena, "csr.acmegate-check.invalid", &token.csr_der) || !stepca_token_id_new(token.id) ||
        !stepca_token_for_sign(arena, &ca->key, &token, &text))
        return false;
    struct stepca_sign_request sign = {.csr_der = token.csr_der, .token = text, .not_after = life};
    *body = stepca_sign_body(arena, &sign);
    return body->p != NULL;
}

static void tell_of_certificate(const struct stepca_check *ca, struct bytes body)
{
    struct stepca_chain chain;
    struct certificate_facts facts;
    const char *serial = "unknown";
    if (stepca_parse_chain(ca->check->arena, body, &chain) &&
        certificate_read_facts(ca->check->arena, chain.certificates[0], &facts))
        serial = facts.serial;
    check_fail(
        ca->check,
        "issuer %s: the CA accepts our token, but signed for a name that is not in it; a short-lived "
        "certificate "
        "for csr.acmegate-check.invalid is left behind (serial %s). See why the provisioner's templates or "
        "webhooks let that pass",
        ca->issuer->id, serial);
}

/* Asks with a token that is made for `audience`. False when there is no token to ask with, which has been told. */
static bool try_token(const struct stepca_check *ca, const char *audience, struct outbound_http_reply *reply,
                      struct stepca_error *error)
{
    struct arena *arena = ca->check->arena;
    struct outbound_http_request request = request_to(ca, "POST", "1.0/sign");
    if (!make_trial(ca, audience, &request.body)) {
        check_fail(ca->check, "issuer %s: OpenSSL could not make a token with this key", ca->issuer->id);
        return false;
    }
    cli_call(ca->check->outbound, arena, &request, reply);
    stepca_read_outcome(arena, STEPCA_SIGN, reply->status, reply->body,
                        issuer_stepca_transport_error(arena, reply), error);
    return true;
}

/* step makes tokens for the host that it is pointed at: the CA must know the gateway's names as its own. */
static void check_native_name(const struct stepca_check *ca, const char *url)
{
    struct outbound_http_reply reply;
    struct stepca_error error;
    if (!try_token(ca, url, &reply, &error))
        return;
    if (error.outcome == STEPCA_OK || error.outcome == STEPCA_GARBAGE)
        tell_of_certificate(ca, reply.body);
    else if (reply.status == 403)
        check_ok(ca->check, "native: the CA accepts tokens that step makes for %s", url);
    else
        check_fail(ca->check,
                   "native: the CA does not accept tokens that step makes for %s: %s; put that host among the "
                   "dnsNames in "
                   "its ca.json",
                   url, error.message);
}

static void check_native(const struct stepca_check *ca)
{
    const struct config *config = ca->check->config;
    const struct profile_config *profile =
        config->native_profile == NULL ? NULL : config_profile(config, config->native_profile);
    if (profile == NULL || strcmp(profile->issuer, ca->issuer->id) != 0)
        return;
    check_native_name(ca, config->base_url);
    for (size_t i = 0; i < config->alternate_name_count; i++)
        check_native_name(ca, arena_printf(ca->check->arena, "https://%s", config->alternate_names[i]));
}

/* True when it is accepted. */
static bool check_token(const struct stepca_check *ca)
{
    struct outbound_http_reply reply;
    struct stepca_error error;
    if (!try_token(ca, ca->issuer->ca_url, &reply, &error))
        return false;
    if (error.outcome == STEPCA_OK || error.outcome == STEPCA_GARBAGE)
        tell_of_certificate(ca, reply.body);
    else if (reply.status == 403)
        check_ok(ca->check,
                 "issuer %s: a one-time token is accepted (for a request that is refused after it)",
                 ca->issuer->id);
    else if (error.outcome == STEPCA_UNAUTHORIZED)
        check_fail(ca->check,
                   "issuer %s: the CA refuses our token: %s; the host of ca_url must be among the CA's "
                   "dnsNames and its "
                   "clock agree with ours; the CA's log says more",
                   ca->issuer->id, error.message);
    else
        check_fail(ca->check,
                   "issuer %s: the CA does not say whether it accepts our token: %s; the CA's log says more",
                   ca->issuer->id, error.message);
    return reply.status == 403;
}

static void check_ca(struct stepca_check *ca, bool key_opens)
{
    if (!check_reached(ca))
        return;
    check_version(ca);
    struct outbound_http_request roots = request_to(ca, "GET", "roots");
    check_root_list(ca->check, ca->issuer, ca->roots.roots_pem, &roots);
    if (!check_provisioner(ca))
        return;
    check_validity(ca->check, ca->issuer, ca->provisioner.min_s, ca->provisioner.max_s);
    check_bypass(ca->check, ca->issuer, &ca->provisioner, &ca->other_provisioners);
    if (key_opens && check_key_is_the_provisioners(ca) && check_token(ca))
        check_native(ca);
}

void check_stepca(struct check *check, const struct issuer_config *issuer)
{
    struct stepca_check ca = {.check = check, .issuer = issuer};
    bool trusted = check_roots(&ca);
    bool key_opens = check_key(&ca);
    if (trusted)
        check_ca(&ca, key_opens);
    if (ca.roots.id != NULL)
        issuer_release(&ca.roots);
}

bool check_stepca_intermediates(struct check *check, const struct issuer_config *issuer,
                                struct bytes **certificates, size_t *count, const char **why)
{
    struct stepca_check ca = {.check = check, .issuer = issuer};
    char *reason = arena_alloc(check->arena, ISSUER_WHY_BYTES);
    struct outbound_http_reply reply;
    struct stepca_error error;
    struct stepca_chain chain = {0};
    *why = reason;
    if (!issuer_open_roots(&ca.roots, issuer, check->arena, reason))
        return false;
    get(&ca, "1.0/intermediates", &reply, &error);
    if (reply.status == 404)
        *why = "it is of a version that does not tell";
    else if (error.outcome != STEPCA_OK)
        *why = error.message;
    else if (!stepca_parse_certificates(check->arena, reply.body, &chain))
        *why = "its answer cannot be read";
    issuer_release(&ca.roots);
    *certificates = chain.certificates;
    *count = chain.count;
    return chain.count != 0;
}
