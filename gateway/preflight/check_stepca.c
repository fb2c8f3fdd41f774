/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "gateway/preflight/check_stepca.h"
#include "gateway/runtime/clock.h"

enum {
    NAMES_MAX_BYTES = 1024,
    CLOCK_WARN_S = 30,
    CLOCK_FAIL_S = 60, /* step-ca's own leeway */
    ROOT_WARN_S = 30 * 24 * 3600,
    HTTP_NOT_IMPLEMENTED = 501,
};

#define UNKNOWN_HOST "host.acmegate-check.invalid"

/* ---- files ---- */

/* Asks the CA, trusting these roots alone. */
static void trust(struct stepca_check *ca, const struct issuer *roots)
{
    ca->roots = roots;
    ca->client = (struct stepca_client){
        .arena = ca->check->arena,
        .outbound = ca->check->outbound,
        .url = ca->issuer->ca_url,
        .trusted_pem = roots->roots_pem,
        .timeout_ms = ca->issuer->request_timeout_s * 1000,
    };
}

static bool check_roots(struct stepca_check *ca, struct issuer *roots)
{
    struct check *check = ca->check;
    const char *path = ca->issuer->root_cert_path;
    struct fault fault;
    struct bytes pem;
    if (!file_read(check->arena, path, CONFIG_FILE_MAX_BYTES, &pem)) {
        check_fail(check, "issuer %s: root_cert_path %s cannot be read: %s", ca->issuer->id, path,
                   strerror(errno));
        return false;
    }
    if (!issuer_init(roots, NULL, check->arena, ca->issuer->id, pem, &fault)) {
        check_fail(check,
                   "issuer %s: root_cert_path %s: %s; the file must contain the root as PEM, as `step ca "
                   "root` prints it",
                   ca->issuer->id, path, fault.message);
        return false;
    }
    struct bytes *certificates = NULL;
    size_t count = 0;
    if (!certificates_from_pem(check->arena, pem, &certificates, &count))
        return false;
    trust(ca, roots);
    check_ok(check, "issuer %s: root %s, SHA-256 %s", ca->issuer->id, path, roots->root_fingerprint);
    char end[TIME_TEXT_BYTES];
    int64_t not_after = issuer_chain_end(certificates, count);
    time_format(end, not_after);
    if (not_after < clock_now() + ROOT_WARN_S)
        check_warn(check, "issuer %s: a root in %s ends at %s; add its successor", ca->issuer->id, path, end);
    return true;
}

bool stepca_check_key(struct stepca_check *ca)
{
    struct check *check = ca->check;
    const char *path = ca->issuer->provisioner_key_path;
    struct bytes text;
    struct jose_error error = {0};
    if (!file_read_secret(check->arena, path, CONFIG_FILE_MAX_BYTES, &text)) {
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

static void get(const struct stepca_check *ca, const char *path, struct outbound_http_reply *reply,
                struct stepca_error *error)
{
    stepca_client_get(&ca->client, path, reply, error);
}

static void check_clock(const struct stepca_check *ca, int64_t date)
{
    if (date == 0) {
        check_warn(ca->check, "issuer %s: the CA does not send its time; check that its clock agrees",
                   ca->issuer->id);
        return;
    }
    long long ahead_s = (long long)(date - clock_now());
    const char *id = ca->issuer->id;
    struct fault fault;
    if (!stepca_clock_fits(date, &fault))
        check_fail(ca->check, "issuer %s: %s", id, fault.message);
    else if (ahead_s < -CLOCK_WARN_S)
        check_warn(
            ca->check,
            "issuer %s: the CA's clock is %lld s behind ours; over %d s it refuses tokens: set both by NTP",
            id, -ahead_s, CLOCK_FAIL_S);
    else if (ahead_s > CLOCK_WARN_S)
        check_warn(ca->check,
                   "issuer %s: the CA's clock is %lld s ahead of ours; certificates that begin in our future "
                   "are rejected: "
                   "set both by NTP",
                   id, ahead_s);
    else
        check_ok(ca->check, "issuer %s: the clock agrees with the CA's", id);
}

static bool check_reached(const struct stepca_check *ca)
{
    const struct issuer_config *issuer = ca->issuer;
    struct outbound_http_reply reply;
    struct stepca_error error;
    enum stepca_reach reach = stepca_client_reach(&ca->client, &reply, &error);
    switch (reach) {
    case STEPCA_CLOCK_IS_OFF:
        check_fail(ca->check, "issuer %s: %s answers, but %s; set both clocks by NTP", issuer->id,
                   issuer->ca_url, error.message);
        break;
    case STEPCA_OTHER_NAME:
    case STEPCA_UNTRUSTED:
        check_fail(ca->check,
                   "issuer %s: %s answers, but is not trusted: %s; root_cert_path must contain this CA's "
                   "root, and ca_url must use a name of its certificate",
                   issuer->id, issuer->ca_url, error.message);
        break;
    case STEPCA_UNREACHABLE:
        check_fail(ca->check, "issuer %s: cannot connect to %s: %s; is ca_url right, and does the CA run?",
                   issuer->id, issuer->ca_url, error.message);
        break;
    case STEPCA_UNWELL:
        check_fail(ca->check,
                   "issuer %s: %s answers %d to /health: %s; is ca_url a step-ca, and is it healthy?",
                   issuer->id, issuer->ca_url, reply.status, error.message);
        break;
    case STEPCA_REACHED:
        check_ok(ca->check, "issuer %s: %s answers and is trusted", issuer->id, issuer->ca_url);
        break;
    }
    if (reply.status != 0)
        check_clock(ca, reply.date);
    return reach == STEPCA_REACHED;
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
        check_warn(ca->check, "issuer %s: the CA does not send its version; is ca_url really a step-ca?",
                   ca->issuer->id);
}

/* Asks for SSH hosts. Without a database the CA has none and answers so. The query needs no token and changes
 * nothing. */
static void check_database(const struct stepca_check *ca)
{
    struct outbound_http_reply reply;
    struct stepca_error error;
    struct outbound_http_request request = stepca_client_request(&ca->client, "POST", "1.0/ssh/check-host");
    request.body = BYTES_LITERAL("{\"type\":\"host\",\"principal\":\"" UNKNOWN_HOST "\"}");
    stepca_client_call(&ca->client, STEPCA_READ, &request, &reply, &error);
    if (reply.status == HTTP_NOT_IMPLEMENTED)
        check_warn(ca->check,
                   "issuer %s: the CA has no database and revokes nothing: add a `db` to its ca.json, and "
                   "restart it",
                   ca->issuer->id);
    else if (error.outcome == STEPCA_OK)
        check_ok(ca->check, "issuer %s: the CA has a database, which revocations need", ca->issuer->id);
}

/* ---- the provisioner ---- */

static bool has_our_key(const struct stepca_check *ca, const struct stepca_provisioner *provisioner)
{
    return provisioner->public_thumbprint != NULL &&
           strcmp(provisioner->public_thumbprint, ca->key.jwk.thumbprint) == 0;
}

struct look {
    struct stepca_check *ca;
    struct buffer *names;
};

/* Reads one page: the provisioner of our name, with our key if there is one, and all names for the
 * message. */
static void look_through(void *context, const struct stepca_provisioner_page *page)
{
    struct look *look = context;
    struct stepca_check *ca = look->ca;
    struct buffer *names = look->names;
    check_bypass_collect(&ca->other_provisioners, page, ca->issuer);
    for (size_t i = 0; i < page->count; i++) {
        const struct stepca_provisioner *provisioner = &page->provisioners[i];
        buffer_printf(names, "%s%s", names->n == 0 ? "" : ", ", provisioner->name);
        if (strcmp(provisioner->name, ca->issuer->provisioner_name) == 0 &&
            !has_our_key(ca, &ca->provisioner))
            ca->provisioner = *provisioner;
    }
}

bool stepca_check_provisioner(struct stepca_check *ca)
{
    const struct issuer_config *issuer = ca->issuer;
    struct buffer names;
    struct fault fault;
    buffer_init(&names, ca->check->arena, NAMES_MAX_BYTES);
    buffer_init(&ca->other_provisioners, ca->check->arena, NAMES_MAX_BYTES);
    if (!stepca_client_provisioners(&ca->client, look_through, &(struct look){ca, &names}, &fault)) {
        check_fail(ca->check, "issuer %s: %s", issuer->id, fault.message);
        return false;
    }
    if (ca->provisioner.name == NULL) {
        check_fail(ca->check, "issuer %s: the CA has no JWK provisioner named %s; it has: %s", issuer->id,
                   issuer->provisioner_name, names.n == 0 ? "none" : buffer_string(&names));
        return false;
    }
    check_ok(ca->check, "issuer %s: the CA has the JWK provisioner %s, kid %s", issuer->id,
             ca->provisioner.name, ca->provisioner.key_id);
    return true;
}

bool stepca_check_key_is_the_provisioners(const struct stepca_check *ca)
{
    const char *path = ca->issuer->provisioner_key_path;
    if (has_our_key(ca, &ca->provisioner)) {
        check_ok(ca->check, "issuer %s: the key is the one that the CA knows for %s", ca->issuer->id,
                 ca->provisioner.name);
        return true;
    }
    check_fail(ca->check,
               "issuer %s: %s is not the key that the CA knows for %s (kid %s): use the provisioner's own "
               "key, or give the CA the public half of this one",
               ca->issuer->id, path, ca->provisioner.name, ca->provisioner.key_id);
    return false;
}

bool stepca_check_intermediates(const struct stepca_check *ca, struct bytes **certificates, size_t *count,
                                struct fault *fault)
{
    struct outbound_http_reply reply;
    struct stepca_error error;
    struct stepca_chain chain = {0};
    get(ca, "1.0/intermediates", &reply, &error);
    *certificates = NULL;
    *count = 0;
    if (reply.status == 404)
        return fault_set(fault, "its version does not list them");
    if (error.outcome != STEPCA_OK)
        return fault_set(fault, "%s", error.message);
    if (!stepca_parse_certificates(ca->check->arena, reply.body, &chain) || chain.count == 0)
        return fault_set(fault, "its answer cannot be read");
    *certificates = chain.certificates;
    *count = chain.count;
    return true;
}

static void check_ca(struct stepca_check *ca, bool key_opens)
{
    if (!check_reached(ca))
        return;
    check_version(ca);
    check_database(ca);
    stepca_check_root_list(ca);
    if (!stepca_check_provisioner(ca))
        return;
    const struct ca_claims claims = issuer_stepca_claims(&ca->provisioner);
    ca_knowledge_init(&ca->known);
    ca_knowledge_tell(&ca->known, &claims, clock_now());
    if (key_opens && stepca_check_key_is_the_provisioners(ca)) {
        ca->check->key_id = ca->provisioner.key_id;
        if (stepca_check_token(ca)) {
            stepca_check_limits(ca);
            stepca_check_tokens(ca);
        }
    }
    check_validity(ca->check, ca->issuer, &ca->known);
    check_bypass(ca->check, ca->issuer, &ca->provisioner, &ca->other_provisioners);
    stepca_check_ocsp(ca);
}

void check_stepca(struct check *check, const struct issuer_config *issuer)
{
    struct stepca_check ca = {.check = check, .issuer = issuer};
    struct issuer roots = {0};
    bool trusted = check_roots(&ca, &roots);
    bool key_opens = stepca_check_key(&ca);
    if (trusted)
        check_ca(&ca, key_opens);
    if (roots.id != NULL)
        issuer_clear(&roots);
}

bool check_stepca_intermediates(struct check *check, const struct issuer_config *issuer,
                                struct bytes **certificates, size_t *count, struct fault *fault)
{
    struct issuer roots;
    if (!issuer_open_roots(&roots, issuer, check->arena, fault))
        return false;
    struct stepca_check ca = {.check = check, .issuer = issuer};
    trust(&ca, &roots);
    bool told = stepca_check_intermediates(&ca, certificates, count, fault);
    issuer_clear(&roots);
    return told;
}
