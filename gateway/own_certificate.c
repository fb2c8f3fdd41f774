#include "gateway/own_certificate.h"

#include <errno.h>
#include <openssl/pem.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "gateway/log.h"
#include "stepca/token.h"

enum {
    CHECK_MS = 60 * 1000,
    RETRY_FIRST_MS = 1000,
    RETRY_MOST_MS = 60 * 1000,
    FILE_MAX_BYTES = 256 * 1024,
    SECRET_FILE_MODE = 0600,
    PUBLIC_FILE_MODE = 0644,
};

struct own_certificate {
    struct server *server;
    struct issuer *issuer; /* of the request under way */
    struct arena *arena;   /* of the names and paths */
    const char *chain_path;
    const char *key_path;
    struct identifier *names;
    size_t name_count;
    struct outbound_message begin;
    struct outbound_timer timer;
    int64_t retry_ms;
    int64_t not_before; /* of the certificate in use; 0: none */
    int64_t not_after;
    /* One request under way, in an arena of its own. */
    struct arena *work;
    EVP_PKEY *key;
    struct issuer_sign_job job;
};

/* ---- names: those of the base URL and of the alternate names ---- */

static void add_name(struct own_certificate *own, const char *authority)
{
    struct bytes host = bytes_from_string(authority);
    const uint8_t *end = host.n != 0 && host.p[0] == '[' ? memchr(host.p, ']', host.n) : NULL;
    if (end != NULL)
        host = bytes_of(host.p + 1, (size_t)(end - host.p - 1));
    else if ((end = host.n == 0 ? NULL : memchr(host.p, ':', host.n)) != NULL)
        host.n = (size_t)(end - host.p);
    struct identifier name;
    struct arena *scratch = arena_new();
    bool good = identifier_parse(scratch, BYTES_LITERAL("ip"), host, &name) == NULL ||
                identifier_parse(scratch, BYTES_LITERAL("dns"), host, &name) == NULL;
    arena_free(scratch);
    for (size_t i = 0; i < own->name_count && good; ++i)
        good = identifier_compare(&own->names[i], &name) != 0;
    if (good)
        own->names[own->name_count++] = name;
}

static void collect_names(struct own_certificate *own, const struct config *config)
{
    own->names = arena_alloc_array(own->arena, config->alternate_name_count + 1, sizeof(own->names[0]));
    add_name(own, config->base_url + strlen("https://"));
    for (size_t i = 0; i < config->alternate_name_count; ++i)
        add_name(own, config->alternate_names[i]);
}

/* ---- files ---- */

static bool use_pem(struct own_certificate *own, struct bytes chain_pem, struct bytes key_pem,
                    char why[static 256])
{
    return server_set_certificate(own->server, chain_pem, key_pem, why);
}

static bool covers_names(const struct own_certificate *own, const struct certificate_facts *facts)
{
    if (facts->identifier_count != own->name_count)
        return false;
    for (size_t i = 0; i < own->name_count; ++i) {
        bool found = false;
        for (size_t j = 0; j < facts->identifier_count && !found; ++j)
            found = identifier_compare(&own->names[i], &facts->identifiers[j]) == 0;
        if (!found)
            return false;
    }
    return true;
}

/* The stored certificate, when it is ours still: same names, same root, not over. */
static bool use_stored(struct own_certificate *own)
{
    struct arena *arena = arena_new();
    struct bytes chain_pem, key_pem, *certificates = NULL;
    size_t count = 0;
    struct certificate_facts facts;
    char why[256];
    bool good = file_read(arena, own->chain_path, FILE_MAX_BYTES, &chain_pem) &&
                file_read_secret(arena, own->key_path, FILE_MAX_BYTES, &key_pem) &&
                certificates_from_pem(arena, chain_pem, &certificates, &count) &&
                certificate_read_facts(arena, certificates[0], &facts) && facts.not_after > clock_now() &&
                covers_names(own, &facts) &&
                certificate_chains_to(certificates[0], chain_pem, own->issuer->roots) &&
                use_pem(own, chain_pem, key_pem, why);
    if (good) {
        own->not_before = facts.not_before;
        own->not_after = facts.not_after;
        log_info("own TLS certificate from %s", own->chain_path);
    }
    arena_free(arena);
    return good;
}

static struct bytes key_to_pem(struct arena *arena, EVP_PKEY *key)
{
    autofree_bio BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio == NULL || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return (struct bytes){0};
    long length = BIO_get_mem_data(bio, &text);
    struct bytes pem = arena_copy_secret(arena, bytes_of(text, (size_t)length));
    OPENSSL_cleanse(text, (size_t)length);
    return pem;
}

/* ---- asking the issuer ---- */

static bool add_san(X509_REQ *csr, const struct own_certificate *own)
{
    struct buffer text;
    buffer_init(&text, own->work, FILE_MAX_BYTES);
    for (size_t i = 0; i < own->name_count; ++i)
        buffer_printf(&text, "%s%s:%s", i == 0 ? "" : ",", own->names[i].type == IDENTIFIER_IP ? "IP" : "DNS",
                      own->names[i].value);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, buffer_string(&text));
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    bool good = extension != NULL && extensions != NULL && sk_X509_EXTENSION_push(extensions, extension) > 0;
    if (good)
        extension = NULL;
    good = good && X509_REQ_add_extensions(csr, extensions) == 1;
    X509_EXTENSION_free(extension);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return good;
}

static void free_csr(void *csr)
{
    X509_REQ_free(csr);
}

static bool make_csr(struct own_certificate *own)
{
    own->key = EVP_EC_gen("P-256");
    X509_REQ *csr = X509_REQ_new();
    uint8_t *der = NULL;
    arena_on_free(own->work, free_csr, csr);
    if (own->key == NULL || csr == NULL || X509_REQ_set_pubkey(csr, own->key) != 1 || !add_san(csr, own) ||
        X509_REQ_sign(csr, own->key, EVP_sha256()) == 0)
        return false;
    int length = i2d_X509_REQ(csr, &der);
    if (length <= 0)
        return false;
    own->job.csr = csr;
    own->job.csr_der = arena_copy(own->work, bytes_of(der, (size_t)length));
    OPENSSL_free(der);
    return true;
}

static void end_request(struct own_certificate *own, bool good)
{
    EVP_PKEY_free(own->key);
    own->key = NULL;
    arena_free(own->work);
    own->work = NULL;
    if (good)
        own->retry_ms = RETRY_FIRST_MS;
    else
        own->retry_ms = own->retry_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : own->retry_ms * 2;
    outbound_timer_set(own->server->outbound, &own->timer, good ? CHECK_MS : own->retry_ms);
}

/* The key first: a certificate whose key was lost would be of no use. */
static bool store_and_use(struct own_certificate *own, const struct issuer_result *result,
                          const char **problem)
{
    static char why[256];
    const char *chain_pem = "";
    for (size_t i = 0; i < result->chain_count; ++i)
        chain_pem =
            arena_printf(own->work, "%s%s", chain_pem, certificate_to_pem(own->work, result->chain[i]));
    struct bytes chain = bytes_from_string(chain_pem);
    struct bytes key_pem = key_to_pem(own->work, own->key);
    *problem = why;
    if (!use_pem(own, chain, key_pem, why))
        return false;
    if (!file_replace(own->key_path, key_pem, SECRET_FILE_MODE) ||
        !file_replace(own->chain_path, chain, PUBLIC_FILE_MODE))
        log_warning("own TLS certificate: cannot keep it in %s: %s; the next start asks for a new one",
                    own->chain_path, strerror(errno));
    return true;
}

static void on_signed(struct issuer_sign_job *job)
{
    struct own_certificate *own = job->owner;
    const struct issuer_result *result = &job->result;
    const char *problem = result->message;
    struct certificate_facts facts;
    bool good = result->outcome == ISSUER_OK && result->chain_count != 0;
    if (good) {
        struct certificate_expectation expectation = {.csr = job->csr,
                                                      .identifiers = own->names,
                                                      .identifier_count = own->name_count,
                                                      .latest_not_after = job->validity.latest_not_after,
                                                      .roots = own->issuer->roots,
                                                      .now = clock_now()};
        good = certificate_check(own->work, result->chain, result->chain_count, &expectation, &facts,
                                 &problem) &&
               store_and_use(own, result, &problem);
    }
    if (good) {
        char until[TIME_TEXT_BYTES];
        time_format(until, facts.not_after);
        log_info("own TLS certificate from issuer %s, good until %s", own->issuer->id, until);
        own->not_before = facts.not_before;
        own->not_after = facts.not_after;
    } else {
        log_error("own TLS certificate: issuer %s did not provide one: %s", own->issuer->id, problem);
    }
    end_request(own, good);
}

static void request_certificate(struct own_certificate *own)
{
    own->work = arena_new();
    own->issuer = server_issuer(own->server, own->server->config->tls_issuer);
    issuer_hold_with(own->issuer, own->work);
    own->job = (struct issuer_sign_job){.arena = own->work, .done = on_signed, .owner = own};
    char *token_id = arena_alloc(own->work, STEPCA_TOKEN_ID_BYTES);
    struct issuer_status status;
    issuer_read_status(own->issuer, &status);
    struct validity_limits limits = status.limits;
    limits.profile_max_s = limits.issuer_max_s > 0 ? limits.issuer_max_s : INT32_MAX;
    own->job.token_id = token_id;
    const struct problem *problem = validity_plan(own->work, &limits, clock_now(), 0, 0, &own->job.validity);
    if (problem != NULL || !make_csr(own) || !stepca_token_id_new(token_id)) {
        log_error("own TLS certificate: %s",
                  problem == NULL ? "OpenSSL cannot make a request" : problem->detail);
        end_request(own, false);
        return;
    }
    issuer_sign(own->issuer, &own->job);
}

static void check(void *argument)
{
    struct own_certificate *own = argument;
    int64_t lifetime = own->not_after - own->not_before;
    if (own->not_after == 0 || clock_now() > own->not_before + lifetime * 2 / 3)
        request_certificate(own);
    else
        outbound_timer_set(own->server->outbound, &own->timer, CHECK_MS);
}

static void run_begin(struct outbound_message *message)
{
    check((struct own_certificate *)((char *)message - offsetof(struct own_certificate, begin)));
}

struct changed_message {
    struct outbound_message message; /* first */
    struct own_certificate *own;
};

static void run_changed(struct outbound_message *message)
{
    struct own_certificate *own = ((struct changed_message *)message)->own;
    free(message);
    /* One that is asked for just now is looked at when it is there. */
    if (own->work != NULL)
        return;
    own->issuer = server_issuer(own->server, own->server->config->tls_issuer);
    if (use_stored(own))
        return;
    log_info("own TLS certificate: issuer %s has other roots now", own->issuer->id);
    own->not_after = 0;
    outbound_timer_set(own->server->outbound, &own->timer, 0);
}

void own_certificate_issuer_changed(struct own_certificate *own)
{
    if (own == NULL)
        return;
    struct changed_message *changed = malloc(sizeof(*changed));
    if (changed == NULL)
        abort();
    *changed = (struct changed_message){{.run = run_changed}, own};
    outbound_post(own->server->outbound, &changed->message);
}

/* ---- life ---- */

static bool use_configured_files(struct server *server, char why[static 256])
{
    const struct config *config = server->config;
    struct arena *arena = arena_new();
    struct bytes chain_pem, key_pem;
    bool good = false;
    if (!file_read(arena, config->tls_cert_path, FILE_MAX_BYTES, &chain_pem))
        snprintf(why, 256, "tls.cert: cannot read %.180s: %s", config->tls_cert_path, strerror(errno));
    else if (!file_read_secret(arena, config->tls_key_path, FILE_MAX_BYTES, &key_pem))
        snprintf(why, 256, "tls.key: cannot read %.180s: %s", config->tls_key_path, strerror(errno));
    else
        good = server_set_certificate(server, chain_pem, key_pem, why);
    arena_free(arena);
    return good;
}

bool own_certificate_start(struct server *server, char why[static 256])
{
    const struct config *config = server->config;
    if (config->tls_issuer == NULL)
        return use_configured_files(server, why);
    struct own_certificate *own = calloc(1, sizeof(*own));
    if (own == NULL)
        abort();
    own->server = server;
    own->arena = arena_new();
    own->issuer = server_issuer(server, config->tls_issuer);
    own->chain_path = own_certificate_path(own->arena, config);
    own->key_path = arena_printf(own->arena, "%s.tls.key", config->database);
    own->retry_ms = RETRY_FIRST_MS / 2;
    own->timer = (struct outbound_timer){.run = check, .argument = own};
    own->begin.run = run_begin;
    collect_names(own, config);
    server->own_certificate = own;
    if (!use_stored(own))
        log_info("asking issuer %s for the own TLS certificate", own->issuer->id);
    outbound_post(server->outbound, &own->begin);
    return true;
}

bool own_certificate_reload(struct server *server, char why[static 256])
{
    return server->config->tls_issuer != NULL || use_configured_files(server, why);
}

void own_certificate_free(struct own_certificate *own)
{
    if (own == NULL)
        return;
    EVP_PKEY_free(own->key);
    arena_free(own->work);
    arena_free(own->arena);
    free(own);
}

const char *own_certificate_path(struct arena *arena, const struct config *config)
{
    return arena_printf(arena, "%s.tls.crt", config->database);
}

struct bytes own_certificate_intermediates(const struct server *server, struct arena *arena)
{
    const struct own_certificate *own = server->own_certificate;
    struct bytes chain_pem, *certificates = NULL;
    size_t count = 0;
    const char *pem = "";
    if (own == NULL || own->chain_path == NULL ||
        !file_read(arena, own->chain_path, FILE_MAX_BYTES, &chain_pem) ||
        !certificates_from_pem(arena, chain_pem, &certificates, &count))
        return (struct bytes){0};
    for (size_t i = 1; i < count; ++i)
        pem = arena_printf(arena, "%s%s", pem, certificate_to_pem(arena, certificates[i]));
    return bytes_from_string(pem);
}
