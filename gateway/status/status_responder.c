/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The responder that signs an issuer's OCSP responses. It is read from files, or signed by a second
 * provisioner and kept in files beside the database, or made by the local CA. The latter two are renewed when
 * two thirds of their life are over.
 */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "acme/pki/x509_read.h"
#include "gateway/runtime/backoff.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "gateway/status/status_internal.h"

enum {
    CHECK_MS = 60 * 1000,
    RETRY_FIRST_MS = 2 * 1000,
    RETRY_MOST_MS = 60 * 1000,
    UNFIT_RETRY_MS = 3600 * 1000, /* each costs the CA one more certificate */
};

static int64_t renewal_at(const struct ocsp_responder *responder)
{
    return responder->not_before + (responder->not_after - responder->not_before) * 2 / 3;
}

/* Returns the time to the next check, soon enough for a responder that lives for seconds. */
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
    status_warn(source, &source->responder_warning, "OCSP responder", words);
}

/* ---- taking one into use ---- */

static struct bytes issuer_of_leaves(const struct status_source *source)
{
    return source->now.list == NULL ? (struct bytes){0} : source->now.list->crl.signer;
}

/* False with `fault`; the one in use then stays. */
static bool use(struct status_source *source, struct arena *arena, const struct issuer *issuer,
                struct bytes chain_pem, EVP_PKEY *key, struct fault *fault)
{
    struct shared_responder *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL)
        end_without("memory");
    struct ocsp_expectation expected = {.candidates_pem =
                                            status_candidates(source, &source->responder_chains, arena),
                                        .roots = issuer->roots,
                                        .issuer = issuer_of_leaves(source),
                                        .now = clock_now()};
    if (!ocsp_responder_open(arena, chain_pem, key, &expected, &fresh->responder, fault)) {
        free(fresh);
        return false;
    }
    char until[TIME_TEXT_BYTES];
    atomic_init(&fresh->references, 1);
    shared_responder_drop(source->now.responder);
    source->now.responder = fresh;
    source->responder_warning.message[0] = '\0';
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

static bool use_pair(struct status_source *source, struct arena *arena, const struct issuer *issuer,
                     const struct kept_pair *pair, struct fault *fault)
{
    autofree_evp_pkey EVP_PKEY *key = x509_key_read(pair->key_pem);
    if (key == NULL)
        return fault_set(fault, "there is no unencrypted private key");
    return use(source, arena, issuer, pair->chain_pem, key, fault);
}

static bool use_files(struct status_source *source, struct arena *arena, const struct issuer *issuer,
                      const char *chain_path, const char *key_path, struct fault *fault)
{
    struct kept_pair pair;
    return kept_pair_read(arena, chain_path, key_path, &pair, fault) &&
           use_pair(source, arena, issuer, &pair, fault);
}

/* ---- is the one in use fit? ---- */

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
    struct fault fault;
    bool good =
        (certificate_is_in_use(source, arena, issuer->ocsp.certificate_path) &&
         is_of_this_ca(source, &source->now.responder->responder)) ||
        use_files(source, arena, issuer, issuer->ocsp.certificate_path, issuer->ocsp.key_path, &fault);
    if (!good)
        warn(source, fault.message);
    check_later(source, good);
    arena_free(arena);
}

/* ---- made by the local CA ---- */

static void check_made(struct status_source *source, struct issuer *issuer)
{
    struct arena *arena = arena_new();
    struct bytes chain_pem;
    struct fault fault;
    bool good = is_fresh(source);
    if (!good) {
        autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
        good = (key != NULL || fault_set(&fault, "OpenSSL could not make a key")) &&
               issuer->operations->make_responder(issuer, arena, key, &chain_pem, &fault) &&
               use(source, arena, issuer, chain_pem, key, &fault);
    }
    if (!good)
        warn(source, fault.message);
    check_later(source, good);
    arena_free(arena);
}

/* ---- from a second provisioner ---- */

const char *status_responder_path(struct arena *arena, const struct config *config, const char *issuer_id,
                                  const char *ending)
{
    return config_file_beside(arena, config, arena_printf(arena, "ocsp-%s.%s", issuer_id, ending));
}

static const struct issuer *serving(void *context)
{
    return status_issuer(context);
}

static bool use_new(void *context, struct arena *arena, const struct kept_pair *pair, struct fault *fault)
{
    struct status_source *source = context;
    return use_pair(source, arena, status_issuer(source), pair, fault);
}

/* Records it under the name of the serving issuer: the second provisioner is of the same CA. */
static void reject(void *context, const struct issuer *asked, const struct bytes *chain, size_t count,
                   const char *why)
{
    const struct status_source *source = context;
    const struct status_parts *parts = &source->status->parts;
    (void)asked;
    parts->rejected(parts->context, status_issuer(source), chain, count, why);
}

/* Unless the next request differs, its certificate would be no better until the CA or the configuration
 * changes. */
static void on_ended(void *context, const struct kept_end *end)
{
    struct status_source *source = context;
    struct arena *arena = source->kept.work;
    bool waits = end->rejected && !end->taught;
    const char *why = end->problem;
    if (waits)
        source->responder_waits_until_ms = clock_now_ms() + UNFIT_RETRY_MS;
    if (end->rejected && end->serial[0] != '\0')
        why = arena_printf(arena, "%s (certificate %s, which is being revoked%s)", why, end->serial,
                           waits ? "; another is requested in an hour" : "");
    if (!end->taken)
        warn(source, why);
    check_later(source, end->taken);
}

/* Requests a certificate for the host of base_url: step-ca accepts no request without a name. A template may
 * leave the name out. */
void status_responder_prepare(struct status_source *source)
{
    const struct config *config = source->status->parts.config;
    struct arena *arena = source->status->arena;
    size_t count = 0;
    struct kept_parts *parts = &source->kept.parts;
    *parts = (struct kept_parts){.what = arena_printf(arena, "issuer %s: OCSP responder", source->id),
                                 .chain_path = status_responder_path(arena, config, source->id, "crt"),
                                 .key_path = status_responder_path(arena, config, source->id, "key"),
                                 .any_names = true,
                                 .serving = serving,
                                 .use = use_new,
                                 .rejected = reject,
                                 .ended = on_ended,
                                 .context = source};
    parts->names = config_own_names(arena, config, &count);
    parts->name_count = count == 0 ? 0 : 1;
}

static void check_provisioned(struct status_source *source, struct issuer *issuer)
{
    const struct kept_parts *parts = &source->kept.parts;
    struct arena *arena = arena_new();
    struct fault fault;
    if (source->now.responder == NULL &&
        !use_files(source, arena, issuer, parts->chain_path, parts->key_path, &fault))
        log_debug("issuer %s: no stored OCSP responder: %s", source->id, fault.message);
    arena_free(arena);
    if (is_fresh(source))
        check_later(source, true);
    else if (clock_now_ms() < source->responder_waits_until_ms)
        check_later(source, false);
    else
        kept_certificate_ask(&source->kept, issuer->ocsp.issuer);
}

/* ---- from time to time ---- */

static void check_wanted(struct status_source *source, struct issuer *issuer)
{
    if (issuer->ocsp.certificate_path != NULL)
        check_files(source, issuer);
    else if (issuer->ocsp.issuer != NULL)
        check_provisioned(source, issuer);
    else if (issuer->operations->make_responder != NULL)
        check_made(source, issuer);
    else
        check_later(source, true);
}

/* The issuer may be another since the chains were asked for. */
static void check_with_chains(struct status_source *source)
{
    bool again = source->responder_again;
    source->responder_checked = source->responder_again = false;
    check_wanted(source, status_issuer(source));
    if (again)
        status_responder_begin(source);
}

/* Makes one check at a time: one that is wanted meanwhile follows. */
static void check(void *argument)
{
    struct status_source *source = argument;
    const struct issuer *issuer = status_issuer(source);
    bool wanted = issuer->ocsp.certificate_path != NULL || issuer->ocsp.issuer != NULL ||
                  issuer->operations->make_responder != NULL;
    if (source->kept.work != NULL)
        return;
    if (wanted != source->now.wants_responder) {
        source->now.wants_responder = wanted;
        status_publish(source);
    }
    if (source->responder_checked) {
        source->responder_again = true;
        return;
    }
    source->responder_checked = true;
    status_load_chains(source, &source->responder_chains, check_with_chains);
}

void status_responder_begin(struct status_source *source)
{
    source->responder_timer.run = check;
    source->responder_timer.argument = source;
    outbound_timer_set(source->status->parts.outbound, &source->responder_timer, 0);
}
