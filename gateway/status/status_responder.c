/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The responder that an issuer's OCSP responses are signed by: read from files; or asked of a second
 * provisioner and kept in files beside the database, or made by the local CA, and then renewed when two
 * thirds of its life are over.
 */
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "acme/jose/private_key.h"
#include "acme/x509_read.h"
#include "gateway/issuance/issuance_plan.h"
#include "gateway/keys/certificate_request.h"
#include "gateway/runtime/backoff.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "gateway/status/status_internal.h"
#include "stepca/token.h"

enum {
    CHECK_MS = 60 * 1000,
    RETRY_FIRST_MS = 2 * 1000,
    RETRY_MOST_MS = 60 * 1000,
    SECRET_FILE_MODE = 0600,
    PUBLIC_FILE_MODE = 0644,
};

static int64_t renewal_at(const struct ocsp_responder *responder)
{
    return responder->not_before + (responder->not_after - responder->not_before) * 2 / 3;
}

/* Soon enough to renew one that lives for seconds. */
static int64_t next_check_ms(const struct status_source *source)
{
    if (source->now.responder == NULL)
        return CHECK_MS;
    int64_t left_ms = (renewal_at(&source->now.responder->responder) - clock_now()) * 1000;
    return left_ms > CHECK_MS ? CHECK_MS : left_ms < RETRY_FIRST_MS ? RETRY_FIRST_MS : left_ms;
}

static int64_t retry_ms(const struct status_source *source)
{
    int64_t waits_ms = source->responder_waits_until_ms - clock_now_ms();
    return waits_ms > 0 ? waits_ms
                        : backoff_wait((int64_t)source->responder_failures, RETRY_FIRST_MS, RETRY_MOST_MS);
}

static void check_later(struct status_source *source, bool good)
{
    source->responder_failures = good ? 0 : source->responder_failures + 1;
    outbound_timer_set(source->status->parts.outbound, &source->responder_timer,
                       good ? next_check_ms(source) : retry_ms(source));
}

static void warn(struct status_source *source, const char *words)
{
    status_warn(source, source->responder_warning, "OCSP responder", words);
}

/* ---- taking one into use ---- */

static struct bytes issuer_of_leaves(const struct status_source *source)
{
    return source->now.list == NULL ? (struct bytes){0} : source->now.list->crl.signer;
}

/* False with `why` in the arena, and the one in use stays. */
static bool use(struct status_source *source, struct arena *arena, const struct issuer *issuer,
                struct bytes chain_pem, EVP_PKEY *key, const char **why)
{
    struct shared_responder *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL)
        end_without("memory");
    struct ocsp_expectation expected = {.candidates_pem = status_candidates(source, arena),
                                        .roots = issuer->roots,
                                        .issuer = issuer_of_leaves(source),
                                        .now = clock_now()};
    if (!ocsp_responder_open(arena, chain_pem, key, &expected, &fresh->responder, why)) {
        free(fresh);
        return false;
    }
    char until[TIME_TEXT_BYTES];
    atomic_init(&fresh->references, 1);
    shared_responder_drop(source->now.responder);
    source->now.responder = fresh;
    source->responder_warning[0] = '\0';
    time_format(until, fresh->responder.not_after);
    log_info("issuer %s: OCSP responder, good until %s", source->id, until);
    if (!fresh->responder.nocheck)
        log_warning(
            "issuer %s: the OCSP responder's certificate lacks id-pkix-ocsp-nocheck: clients may want to "
            "check it too",
            source->id);
    status_publish(source);
    return true;
}

static bool use_files(struct status_source *source, struct arena *arena, const struct issuer *issuer,
                      const char *chain_path, const char *key_path, const char **why)
{
    struct bytes chain_pem, key_pem;
    if (!file_read(arena, chain_path, CONFIG_FILE_MAX_BYTES, &chain_pem)) {
        *why = arena_printf(arena, "%s: %s", chain_path, strerror(errno));
        return false;
    }
    if (!file_read_secret(arena, key_path, CONFIG_FILE_MAX_BYTES, &key_pem)) {
        *why = arena_printf(arena, "%s: %s", key_path, strerror(errno));
        return false;
    }
    autofree_evp_pkey EVP_PKEY *key = x509_key_read(key_pem);
    *why = arena_printf(arena, "%s holds no unencrypted private key", key_path);
    return key != NULL && use(source, arena, issuer, chain_pem, key, why);
}

/* ---- whether the one in use will do ---- */

static bool is_of_this_ca(const struct status_source *source, const struct ocsp_responder *responder)
{
    struct bytes wanted = issuer_of_leaves(source);
    return wanted.n == 0 || ocsp_responder_is_of(responder, wanted);
}

static bool is_fresh(const struct status_source *source)
{
    if (source->now.responder == NULL)
        return false;
    const struct ocsp_responder *responder = &source->now.responder->responder;
    return clock_now() < renewal_at(responder) && is_of_this_ca(source, responder);
}

/* ---- from files ---- */

static bool certificate_is_in_use(const struct status_source *source, struct arena *arena, const char *path)
{
    struct bytes pem, *certificates = NULL;
    size_t count = 0;
    unsigned char *der = NULL;
    if (source->now.responder == NULL || !file_read(arena, path, CONFIG_FILE_MAX_BYTES, &pem) ||
        !certificates_from_pem(arena, pem, &certificates, &count))
        return false;
    int n = i2d_X509(source->now.responder->responder.certificate, &der);
    bool same = n > 0 && bytes_equal(certificates[0], bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return same;
}

static void check_files(struct status_source *source, const struct issuer *issuer)
{
    struct arena *arena = arena_new();
    const char *why = NULL;
    bool good = (certificate_is_in_use(source, arena, issuer->ocsp.certificate_path) &&
                 is_of_this_ca(source, &source->now.responder->responder)) ||
                use_files(source, arena, issuer, issuer->ocsp.certificate_path, issuer->ocsp.key_path, &why);
    if (!good)
        warn(source, why);
    check_later(source, good);
    arena_free(arena);
}

/* ---- made by the local CA ---- */

static void check_made(struct status_source *source, struct issuer *issuer)
{
    struct arena *arena = arena_new();
    struct bytes chain_pem;
    const char *why = "OpenSSL could not make a key";
    bool good = is_fresh(source);
    autofree_evp_pkey EVP_PKEY *key = good ? NULL : EVP_EC_gen("P-256");
    if (!good && key != NULL)
        good = issuer->operations->make_responder(issuer, arena, key, &chain_pem, &why) &&
               use(source, arena, issuer, chain_pem, key, &why);
    if (!good)
        warn(source, why);
    check_later(source, good);
    arena_free(arena);
}

/* ---- from a second provisioner ---- */

const char *status_responder_path(struct arena *arena, const struct config *config, const char *issuer_id,
                                  const char *ending)
{
    return arena_printf(arena, "%s.ocsp-%s.%s", config->database, issuer_id, ending);
}

static const char *kept_path(const struct status_source *source, struct arena *arena, const char *ending)
{
    return status_responder_path(arena, source->status->parts.config, source->id, ending);
}

/* The key first: a certificate whose key was lost would be of no use. */
static void keep(const struct status_source *source, struct arena *arena, struct bytes chain_pem)
{
    const char *path = kept_path(source, arena, "crt");
    struct bytes key_pem = private_key_to_pem(arena, source->responder_key, (struct bytes){0});
    if (key_pem.n == 0 || !file_replace(kept_path(source, arena, "key"), key_pem, SECRET_FILE_MODE) ||
        !file_replace(path, chain_pem, PUBLIC_FILE_MODE))
        log_warning(
            "issuer %s: the OCSP responder's certificate cannot be kept in %s: %s; the next start asks for a "
            "new one",
            source->id, path, strerror(errno));
}

void status_responder_end(struct status_source *source)
{
    source->responder_key = NULL;
    arena_free(source->responder_work);
    source->responder_work = NULL;
}

static void end_request(struct status_source *source, bool good, const char *why)
{
    if (!good)
        warn(source, why);
    status_responder_end(source);
    check_later(source, good);
}

static void on_signed(struct issuer_sign_request *request)
{
    struct status_source *source = request->owner;
    struct arena *arena = source->responder_work;
    const struct issuer *issuer = status_issuer(source);
    const char *why = request->result.message;
    struct bytes pem = certificates_to_pem(arena, request->result.chain, request->result.chain_count);
    bool good =
        request->result.outcome == ISSUER_OK && use(source, arena, issuer, pem, source->responder_key, &why);
    if (good)
        keep(source, arena, pem);
    else if (request->result.outcome == ISSUER_OK && request->result.chain_count != 0)
        why = status_responder_unusable(source, arena, &request->result, why);
    end_request(source, good, why);
}

/* For the host of base_url: step-ca takes no request without a name. A template may leave it out. */
static bool make_request(struct status_source *source)
{
    struct arena *arena = source->responder_work;
    struct certificate_request made;
    size_t count = 0;
    const struct identifier *names = config_own_names(arena, source->status->parts.config, &count);
    if (!certificate_request_make(arena, names, count == 0 ? 0 : 1, &made))
        return false;
    source->responder_key = made.key;
    source->responder_request.csr = made.csr;
    source->responder_request.csr_der = made.csr_der;
    return true;
}

static void request(struct status_source *source, struct issuer *second)
{
    struct arena *arena = source->responder_work = arena_new();
    source->responder_issuer = second;
    issuer_ref_with(second, arena);
    struct issuer_sign_request *request = &source->responder_request;
    const struct issuance_wanted wanted = {0};
    char *token_id = arena_alloc(arena, STEPCA_TOKEN_ID_BYTES);
    *request = (struct issuer_sign_request){
        .arena = arena, .token_id = token_id, .done = on_signed, .owner = source};
    const struct problem *problem = issuance_plan(arena, second, &wanted, clock_now(), &request->validity);
    if (problem != NULL)
        end_request(source, false, problem->detail);
    else if (!make_request(source) || !stepca_token_id_new(token_id))
        end_request(source, false, "OpenSSL cannot make a request");
    else
        issuer_sign(second, request);
}

static void check_provisioned(struct status_source *source, struct issuer *issuer)
{
    struct arena *arena = arena_new();
    const char *why;
    if (source->now.responder == NULL && !use_files(source, arena, issuer, kept_path(source, arena, "crt"),
                                                    kept_path(source, arena, "key"), &why))
        log_debug("issuer %s: no OCSP responder kept: %s", source->id, why);
    arena_free(arena);
    if (is_fresh(source))
        check_later(source, true);
    else if (clock_now_ms() < source->responder_waits_until_ms)
        check_later(source, false);
    else
        request(source, issuer->ocsp.issuer);
}

/* ---- from time to time ---- */

static void check(void *argument)
{
    struct status_source *source = argument;
    struct issuer *issuer = status_issuer(source);
    bool wanted = issuer->ocsp.certificate_path != NULL || issuer->ocsp.issuer != NULL ||
                  issuer->operations->make_responder != NULL;
    if (source->responder_work != NULL)
        return;
    if (wanted != source->now.wants_responder) {
        source->now.wants_responder = wanted;
        status_publish(source);
    }
    if (issuer->ocsp.certificate_path != NULL)
        check_files(source, issuer);
    else if (issuer->ocsp.issuer != NULL)
        check_provisioned(source, issuer);
    else if (issuer->operations->make_responder != NULL)
        check_made(source, issuer);
    else
        check_later(source, true);
}

void status_responder_begin(struct status_source *source)
{
    source->responder_timer.run = check;
    source->responder_timer.argument = source;
    outbound_timer_set(source->status->parts.outbound, &source->responder_timer, 0);
}
