/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cost of each part of an issuance, measured alone:
 *
 *   bench_micro FOLDER               every operation, timed: a line of JSON each
 *   bench_micro FOLDER NAME COUNT    one of them COUNT times and nothing else, for callgrind
 * (tests/bench/micro.py)
 *
 * FOLDER takes a database, and must be on the disk whose commits are of interest.
 */
#include <openssl/core_names.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <valgrind/callgrind.h>

#include "acme/base/base64.h"
#include "acme/envelope.h"
#include "acme/pki/certificate.h"
#include "acme/pki/csr.h"
#include "acme/pki/x509_read.h"
#include "stepca/token.h"
#include "store/events.h"

#define URL     "https://acme.internal:9443/acme/acme/new-order"
#define PAYLOAD "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"www.example.org\"}]}"

enum { DAY_S = 86400, TARGET_MS = 500 };

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_micro: %s\n", what);
    exit(EXIT_FAILURE);
}

static void must(bool good, const char *what)
{
    if (!good)
        fail(what);
}

/* ---- what the operations work on ---- */

struct signed_request {
    struct jwk key;
    struct bytes body;      /* a newOrder's flattened JWS */
    struct bytes input;     /* what is signed */
    struct bytes signature; /* as OpenSSL wants it */
};

static struct bench {
    struct arena *arena;
    struct urls urls;
    struct signed_request es256, rs256;
    struct identifier identifier;
    EVP_PKEY *csr_key;
    struct bytes csr;
    X509_REQ *request;
    struct bytes chain[2]; /* leaf and intermediate */
    X509_STORE *roots;
    struct certificate_cache *intermediates;
    struct provisioner_key provisioner_key;
    struct store *store;
} bench;

static const char *encode(const char *text)
{
    return base64url_encode(bench.arena, bytes_from_string(text));
}

static struct bytes raw_signature(struct signed_request *request, EVP_MD_CTX *context)
{
    size_t n = 0;
    must(EVP_DigestSign(context, NULL, &n, request->input.p, request->input.n) == 1, "sign");
    uint8_t *octets = arena_alloc(bench.arena, n);
    must(EVP_DigestSign(context, octets, &n, request->input.p, request->input.n) == 1, "sign");
    return bytes_of(octets, n);
}

/* A JWS carries r and s side by side (RFC 7518 §3.4); OpenSSL signs and verifies DER. */
static struct bytes jose_signature(const struct signed_request *request)
{
    enum { COORDINATE = 32 };
    if (request->key.type == PUBLIC_KEY_RSA)
        return request->signature;
    const unsigned char *der = request->signature.p;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)request->signature.n);
    uint8_t *octets = arena_alloc(bench.arena, (size_t)2 * COORDINATE);
    must(pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), octets, COORDINATE) == COORDINATE &&
             BN_bn2binpad(ECDSA_SIG_get0_s(pair), octets + COORDINATE, COORDINATE) == COORDINATE,
         "signature");
    ECDSA_SIG_free(pair);
    return bytes_of(octets, (size_t)2 * COORDINATE);
}

static void make_request(struct signed_request *request, EVP_PKEY *key, const char *algorithm)
{
    struct jose_error error;
    must(key != NULL && jwk_from_key(bench.arena, key, &request->key, &error), "account key");
    const char *header = encode(arena_printf(
        bench.arena,
        "{\"alg\":\"%s\",\"nonce\":\"%s\",\"url\":\"" URL "\",\"kid\":\"%s/acme/acme/account/1\"}", algorithm,
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", bench.urls.base));
    const char *payload = encode(PAYLOAD);
    request->input = bytes_from_string(arena_printf(bench.arena, "%s.%s", header, payload));
    autofree_evp_md_ctx EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1, "sign");
    request->signature = raw_signature(request, context);
    request->body = bytes_from_string(
        arena_printf(bench.arena, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", header,
                     payload, base64url_encode(bench.arena, jose_signature(request))));
    EVP_PKEY_free(key);
}

static X509_EXTENSION *extension(int type, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, NULL, NULL, NULL, NULL, 0);
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &context, type, value);
    must(made != NULL, value);
    return made;
}

static struct bytes der_of(int n, unsigned char *der)
{
    must(n > 0, "DER");
    struct bytes copy = arena_copy(bench.arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return copy;
}

static void make_csr(void)
{
    autofree_x509_req X509_REQ *request = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(extensions, extension(NID_subject_alt_name, "DNS:www.example.org"));
    must(X509_REQ_set_pubkey(request, bench.csr_key) == 1 &&
             X509_REQ_add_extensions(request, extensions) == 1 &&
             X509_REQ_sign(request, bench.csr_key, EVP_sha256()) > 0,
         "CSR");
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    unsigned char *der = NULL;
    int n = i2d_X509_REQ(request, &der);
    bench.csr = der_of(n, der);
    bench.request = x509_request_read(bench.csr);
}

static X509 *make_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                              int extension_type, const char *extension_value)
{
    X509 *made = X509_new();
    X509_EXTENSION *own = extension(extension_type, extension_value);
    X509_set_version(made, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC, (const unsigned char *)name,
                               -1, -1, 0);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), DAY_S - 60);
    must(X509_set_issuer_name(made, X509_get_subject_name(issuer == NULL ? made : issuer)) == 1 &&
             X509_set_pubkey(made, key) == 1 && X509_add_ext(made, own, -1) == 1 &&
             X509_sign(made, issuer_key, EVP_sha256()) > 0,
         "certificate");
    X509_EXTENSION_free(own);
    return made;
}

static struct bytes certificate_der(X509 *certificate)
{
    unsigned char *der = NULL;
    int n = i2d_X509(certificate, &der);
    return der_of(n, der);
}

static void make_chain(void)
{
    autofree_evp_pkey EVP_PKEY *root_key = EVP_EC_gen("P-256");
    autofree_evp_pkey EVP_PKEY *above_key = EVP_EC_gen("P-256");
    autofree_x509 X509 *root =
        make_certificate("root", root_key, NULL, root_key, NID_basic_constraints, "critical,CA:TRUE");
    autofree_x509 X509 *above = make_certificate("intermediate", above_key, root, root_key,
                                                 NID_basic_constraints, "critical,CA:TRUE");
    autofree_x509 X509 *leaf = make_certificate("www.example.org", bench.csr_key, above, above_key,
                                                NID_subject_alt_name, "DNS:www.example.org");
    bench.chain[0] = certificate_der(leaf);
    bench.chain[1] = certificate_der(above);
    bench.roots = X509_STORE_new();
    must(X509_STORE_add_cert(bench.roots, root) == 1, "roots");
    bench.intermediates = certificate_cache_new();
}

static void make_provisioner_key(void)
{
    struct jose_error error;
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    must(jwk_from_key(bench.arena, key, &bench.provisioner_key.jwk, &error), "provisioner key");
    bench.provisioner_key.key_id = bench.provisioner_key.jwk.thumbprint;
}

static void set_up(const char *folder)
{
    struct fault fault;
    bench.arena = arena_new();
    bench.urls = (struct urls){"https://acme.internal:9443", "acme"};
    make_request(&bench.es256, EVP_EC_gen("P-256"), "ES256");
    make_request(&bench.rs256, EVP_RSA_gen(2048), "RS256");
    must(identifier_parse(bench.arena, BYTES_LITERAL("dns"), BYTES_LITERAL("www.example.org"),
                          &bench.identifier) == NULL,
         "identifier");
    bench.csr_key = EVP_EC_gen("P-256");
    make_csr();
    make_chain();
    make_provisioner_key();
    bench.store =
        store_open(store_location_new(bench.arena, arena_printf(bench.arena, "%s/micro.db", folder)),
                   STORE_MIGRATE, &fault);
    must(bench.store != NULL, fault.message);
}

/* ---- the operations: each does its work once, in an arena of its own ---- */

static void verify_alone(const struct signed_request *request)
{
    autofree_evp_md_ctx EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, request->key.key) == 1 &&
             EVP_DigestVerify(context, request->signature.p, request->signature.n, request->input.p,
                              request->input.n) == 1,
         "verify");
}

static void es256_alone(struct arena *arena)
{
    (void)arena;
    verify_alone(&bench.es256);
}

static void rs256_alone(struct arena *arena)
{
    (void)arena;
    verify_alone(&bench.rs256);
}

static void es256_sign_alone(struct arena *arena)
{
    size_t n = 0;
    autofree_evp_md_ctx EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct bytes input = bench.es256.input;
    must(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, bench.es256.key.key) == 1 &&
             EVP_DigestSign(context, NULL, &n, input.p, input.n) == 1 &&
             EVP_DigestSign(context, arena_alloc(arena, n), &n, input.p, input.n) == 1,
         "sign");
}

static void sha256_of_1_kib(struct arena *arena)
{
    static const uint8_t text[1024];
    must(EVP_Digest(text, sizeof text, arena_alloc(arena, 32), NULL, EVP_sha256(), NULL) == 1, "SHA-256");
}

static void verify_envelope(struct arena *arena, const struct signed_request *request)
{
    struct envelope envelope;
    must(envelope_parse(arena, request->body, ENVELOPE_KID, false, URL, &bench.urls, &envelope) == NULL,
         "parse");
    must(envelope_verify(arena, &envelope, &request->key) == NULL, "verify");
}

static void jws_es256(struct arena *arena)
{
    verify_envelope(arena, &bench.es256);
}

static void jws_rs256(struct arena *arena)
{
    verify_envelope(arena, &bench.rs256);
}

static void json(struct arena *arena)
{
    must(json_parse(arena, BYTES_LITERAL(PAYLOAD), &json_limits_request, NULL) != NULL, "JSON");
}

static void check_csr(struct arena *arena)
{
    X509_REQ *request = NULL;
    must(csr_check(arena, bench.csr, &bench.identifier, 1, bench.es256.key.key, &request) == NULL, "CSR");
    X509_REQ_free(request);
}

static void check_certificate(struct arena *arena)
{
    int64_t now = time(NULL);
    const struct certificate_expectation expectation = {
        .csr = bench.request,
        .identifiers = &bench.identifier,
        .identifier_count = 1,
        .latest_not_after = now + 2 * DAY_S,
        .roots = bench.roots,
        .intermediates = bench.intermediates,
        .now = now,
    };
    struct certificate_facts facts;
    struct fault fault = {0};
    must(certificate_check(arena, bench.chain, 2, &expectation, &facts, &fault), fault.message);
}

static void make_token(struct arena *arena)
{
    static const char *const sans[] = {"www.example.org"};
    struct stepca_token_request request = {
        .provisioner = "acmegate",
        .key_id = bench.provisioner_key.key_id,
        .ca_url = "https://ca.internal:9000",
        .subject = sans[0],
        .sans = sans,
        .san_count = 1,
        .csr_der = bench.csr,
        .now = time(NULL),
    };
    char *token = NULL;
    must(stepca_token_id_new(request.id) &&
             stepca_token_for_sign(arena, &bench.provisioner_key, &request, &token),
         "token");
}

/* ---- a commit, waited for ---- */

struct write {
    struct store_operation operation; /* first */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
};

static enum store_apply_result write_event(struct store_operation *operation, struct store_writer *writer)
{
    (void)operation;
    const struct event event = {.at = time(NULL), .type = EVENT_ORDER_CREATED, .actor = "client 192.0.2.7"};
    return store_event_insert(writer, &event) == STORE_OK ? STORE_APPLIED : STORE_DISCARD;
}

static void on_written(struct store_operation *operation, enum store_outcome outcome)
{
    struct write *write = (struct write *)operation;
    must(outcome == STORE_COMMITTED, "commit");
    pthread_mutex_lock(&write->lock);
    write->done = true;
    pthread_cond_signal(&write->ended);
    pthread_mutex_unlock(&write->lock);
}

static void commit(struct arena *arena)
{
    struct write *write = arena_alloc(arena, sizeof *write);
    write->operation = (struct store_operation){.apply = write_event, .done = on_written};
    pthread_mutex_init(&write->lock, NULL);
    pthread_cond_init(&write->ended, NULL);
    store_submit(bench.store, &write->operation);
    pthread_mutex_lock(&write->lock);
    while (!write->done)
        pthread_cond_wait(&write->ended, &write->lock);
    pthread_mutex_unlock(&write->lock);
    pthread_cond_destroy(&write->ended);
    pthread_mutex_destroy(&write->lock);
}

static const struct operation {
    const char *name;
    void (*run)(struct arena *arena);
} operations[] = {
    {"es256-verify", es256_alone},
    {"es256-sign", es256_sign_alone},
    {"rs256-verify", rs256_alone},
    {"sha256-1k", sha256_of_1_kib},
    {"jws-es256", jws_es256},
    {"jws-rs256", jws_rs256},
    {"json-new-order", json},
    {"csr-check", check_csr},
    {"certificate-check", check_certificate},
    {"one-time-token", make_token},
    {"commit", commit},
};

/* ---- running ---- */

/* The first time is not counted: caches fill. */
static void repeat(const struct operation *operation, long count)
{
    for (long i = -1; i < count; i++) {
        if (i == 0)
            CALLGRIND_START_INSTRUMENTATION;
        struct arena *arena = arena_new();
        operation->run(arena);
        arena_free(arena);
    }
    CALLGRIND_STOP_INSTRUMENTATION;
}

static double now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Wall and processor time, of all threads; the number of repetitions doubles until it takes long enough to
 * tell. */
static void time_one(const struct operation *operation)
{
    double wall = 0, processor = 0;
    long count = 1;
    for (;; count *= 2) {
        double wall_began = now_ns(CLOCK_MONOTONIC), processor_began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
        repeat(operation, count);
        wall = now_ns(CLOCK_MONOTONIC) - wall_began;
        processor = now_ns(CLOCK_PROCESS_CPUTIME_ID) - processor_began;
        if (wall >= TARGET_MS * 1e6)
            break;
    }
    printf("{\"name\": \"%s\", \"wall_us\": %.2f, \"cpu_us\": %.2f}\n", operation->name,
           wall / 1e3 / (double)count, processor / 1e3 / (double)count);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 4)
        fail("usage: bench_micro FOLDER [NAME COUNT]");
    set_up(argv[1]);
    bool found = argc == 2;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (argc == 2) {
            time_one(&operations[i]);
        } else if (strcmp(operations[i].name, argv[2]) == 0) {
            repeat(&operations[i], strtol(argv[3], NULL, 10));
            found = true;
        }
    }
    store_close(bench.store);
    must(found, "no such operation");
    return EXIT_SUCCESS;
}
