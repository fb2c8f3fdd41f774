/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/kept/kept_certificate.h"

#include <errno.h>

#include "acme/base/file.h"
#include "acme/jose/private_key.h"
#include "gateway/issuance/issuance_plan.h"
#include "gateway/issuance/issuance_sign.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"

enum { SECRET_FILE_MODE = 0600, PUBLIC_FILE_MODE = 0644 };

/* ---- files ---- */

bool kept_pair_read(struct arena *arena, const char *chain_path, const char *key_path, struct kept_pair *out,
                    struct fault *fault)
{
    *out = (struct kept_pair){0};
    if (!file_read(arena, chain_path, CONFIG_FILE_MAX_BYTES, &out->chain_pem))
        return fault_set(fault, "%s: %s", chain_path, strerror(errno));
    if (!file_read_secret(arena, key_path, CONFIG_FILE_MAX_BYTES, &out->key_pem))
        return fault_set(fault, "%s: %s", key_path, strerror(errno));
    if (!certificates_from_pem(arena, out->chain_pem, &out->certificates, &out->count) ||
        !certificate_read_facts(arena, out->certificates[0], &out->facts))
        return fault_set(fault, "%s contains no certificate, or a damaged one", chain_path);
    return true;
}

/* Writes the key first: a certificate without its key would be useless. */
static void keep(const struct kept_parts *parts, const struct kept_pair *pair)
{
    if (!file_replace(parts->key_path, pair->key_pem, SECRET_FILE_MODE) ||
        !file_replace(parts->chain_path, pair->chain_pem, PUBLIC_FILE_MODE))
        log_warning("%s: cannot be written to %s: %s; the next start requests a new one", parts->what,
                    parts->chain_path, strerror(errno));
}

/* ---- a request ---- */

static void end_with(struct kept_certificate *kept, const struct kept_end *end)
{
    kept->parts.ended(kept->parts.context, end);
    kept_certificate_end(kept);
}

/* Returns NULL when it is in use and on disk. */
static const char *take(struct kept_certificate *kept, const struct issued *issued)
{
    const struct kept_parts *parts = &kept->parts;
    const struct issuer_result *result = &kept->sign_request.result;
    struct kept_pair pair = {.chain_pem = certificates_to_pem(kept->work, result->chain, result->chain_count),
                             .key_pem = private_key_to_pem(kept->work, kept->request.key, (struct bytes){0}),
                             .certificates = result->chain,
                             .count = result->chain_count,
                             .facts = issued->facts};
    struct fault fault;
    if (!parts->use(parts->context, kept->work, &pair, &fault))
        return arena_duplicate(kept->work, fault.message);
    keep(parts, &pair);
    return NULL;
}

/* Rejects the certificate. Unless the rejection has taught another request, the next one would be no better
 * until the CA or the configuration changes. */
static void reject(struct kept_certificate *kept, const struct issued *issued, struct kept_end *end)
{
    const struct issuer_result *result = &kept->sign_request.result;
    const struct issuance_wanted wanted = {0};
    end->rejected = true;
    end->taught = issuance_plan_bounds(kept->work, kept->issuer, &wanted, &kept->sign_request.validity,
                                       clock_now(), issued->facts.not_after);
    kept->parts.rejected(kept->parts.context, kept->issuer, result->chain, result->chain_count, end->problem);
}

static void on_signed(struct issuer_sign_request *request)
{
    struct kept_certificate *kept = request->owner;
    const struct kept_parts *parts = &kept->parts;
    const struct issuer_result *result = &request->result;
    struct issued issued = {0};
    struct kept_end end = {.serial = issued.facts.serial, .problem = result->message};
    if (result->outcome == ISSUER_OK) {
        const struct issuance_terms terms = {.issuer = kept->issuer,
                                             .serving = parts->serving(parts->context),
                                             .csr = request->csr,
                                             .identifiers = parts->names,
                                             .identifier_count = parts->name_count,
                                             .any_names = parts->any_names,
                                             .validity = &request->validity,
                                             .actor = "gateway"};
        enum issuance_verdict verdict =
            issuance_check(kept->work, &terms, result->chain, result->chain_count, clock_now(), &issued);
        end.problem = verdict == ISSUANCE_FITS ? take(kept, &issued) : issued.why;
        end.taken = end.problem == NULL;
        if (!end.taken)
            reject(kept, &issued, &end);
    }
    end_with(kept, &end);
}

void kept_certificate_ask(struct kept_certificate *kept, struct issuer *issuer)
{
    const struct issuance_wanted wanted = {0};
    struct validity_request validity;
    struct arena *arena = kept->work = arena_new();
    kept->issuer = issuer;
    kept->request = (struct certificate_request){0};
    issuer_ref_with(issuer, arena);
    const struct problem *problem = issuance_plan(arena, issuer, &wanted, clock_now(), &validity);
    const char *why = problem == NULL ? "OpenSSL cannot make a request" : problem->detail;
    bool good = problem == NULL &&
                certificate_request_make(arena, kept->parts.names, kept->parts.name_count, &kept->request);
    kept->sign_request = (struct issuer_sign_request){
        .csr = kept->request.csr, .csr_der = kept->request.csr_der, .done = on_signed, .owner = kept};
    if (good && issuance_sign_prepare(arena, NULL, &validity, &kept->sign_request)) {
        issuer_sign(issuer, &kept->sign_request);
        return;
    }
    const struct kept_end end = {.serial = "", .problem = why};
    end_with(kept, &end);
}

void kept_certificate_end(struct kept_certificate *kept)
{
    arena_free(kept->work);
    kept->work = NULL;
}
