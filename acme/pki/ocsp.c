/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/ocsp.h"

#include <openssl/err.h>

#include "acme/base/unconst.h"
#include "acme/revocation.h"

static void free_basic(OCSP_BASICRESP *basic)
{
    OCSP_BASICRESP_free(basic);
}

static void free_response(OCSP_RESPONSE *response)
{
    OCSP_RESPONSE_free(response);
}

static void free_time(ASN1_GENERALIZEDTIME *time)
{
    ASN1_GENERALIZEDTIME_free(time);
}

ACMEGATE_DEFINE_AUTOFREE(basic, OCSP_BASICRESP, free_basic);
ACMEGATE_DEFINE_AUTOFREE(response, OCSP_RESPONSE, free_response);
ACMEGATE_DEFINE_AUTOFREE(generalized_time, ASN1_GENERALIZEDTIME, free_time);

#define autofree_basic            [[gnu::cleanup(autofree_basic_release)]]
#define autofree_response         [[gnu::cleanup(autofree_response_release)]]
#define autofree_generalized_time [[gnu::cleanup(autofree_generalized_time_release)]]

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- the decision ---- */

static void rest_on_list(const struct crl *crl, int64_t now, struct ocsp_answer *out)
{
    out->this_update = earlier(crl->this_update, now);
    out->next_update = earlier(crl->next_update, now + OCSP_LISTED_S);
}

static void rest_on_own(int64_t now, struct ocsp_answer *out)
{
    out->this_update = now - OCSP_BACKDATE_S;
    out->next_update = now + OCSP_OWN_S;
}

/* Returns the reason to publish. The CA's list may keep a reason that was corrected later: step-ca changes
 * none. For a revoked certificate, a reason that does not revoke is never published, except a hold. */
static int listed_reason(const struct ocsp_knowledge *known, const struct crl_entry *entry)
{
    enum { HOLD = 6 };
    int own = known->reason == 0 ? CRL_NO_REASON : known->reason;
    int listed = entry->reason == CRL_NO_REASON ? 0 : entry->reason;
    if (known->revoked_at != 0 && revocation_reason_may_become(listed, known->reason))
        return own;
    return listed == HOLD || revocation_reason_revokes(listed) ? entry->reason : CRL_NO_REASON;
}

bool ocsp_decide(const struct ocsp_knowledge *known, const char *serial, int64_t now, struct ocsp_answer *out)
{
    *out = (struct ocsp_answer){.status = V_OCSP_CERTSTATUS_UNKNOWN, .reason = CRL_NO_REASON};
    const struct crl *crl = known->crl == NULL || crl_is_over(known->crl, now) ? NULL : known->crl;
    /* A revocation does not end with the list that showed it. */
    const struct crl_entry *entry = known->crl == NULL ? NULL : crl_find(known->crl, serial);
    rest_on_own(now, out);
    if (entry != NULL) {
        out->status = V_OCSP_CERTSTATUS_REVOKED;
        out->revoked_at = entry->revoked_at;
        out->reason = listed_reason(known, entry);
        if (crl != NULL)
            rest_on_list(crl, now, out);
    } else if (known->revoked_at != 0) {
        /* The CA has confirmed it; its list is older. */
        out->status = V_OCSP_CERTSTATUS_REVOKED;
        out->revoked_at = known->revoked_at;
        out->reason = known->reason == 0 ? CRL_NO_REASON : known->reason;
    } else if (crl == NULL && known->crl_is_kept) {
        return false;
    } else if (known->is_ours) {
        out->status = V_OCSP_CERTSTATUS_GOOD;
        if (crl != NULL)
            rest_on_list(crl, now, out);
    }
    return true;
}

/* ---- the certificate in question ---- */

static bool octets_are(const ASN1_OCTET_STRING *octets, const uint8_t *expected, size_t n)
{
    return ASN1_STRING_length(octets) == (int)n && memcmp(ASN1_STRING_get0_data(octets), expected, n) == 0;
}

static bool is_of_issuer(const struct ocsp_issuer *issuer, const struct ocsp_question *question)
{
    ASN1_OCTET_STRING *name = NULL, *key = NULL;
    ASN1_OBJECT *digest = NULL;
    /* OpenSSL's reader takes a pointer that is not const, and changes nothing. */
    if (OCSP_id_get0_info(&name, &digest, &key, NULL, UNCONST(OCSP_CERTID *, question->id)) != 1)
        return false;
    switch (OBJ_obj2nid(digest)) {
    case NID_sha1:
        return octets_are(name, issuer->name_sha1, sizeof issuer->name_sha1) &&
               octets_are(key, issuer->key_sha1, sizeof issuer->key_sha1);
    case NID_sha256:
        return octets_are(name, issuer->name_sha256, sizeof issuer->name_sha256) &&
               octets_are(key, issuer->key_sha256, sizeof issuer->key_sha256);
    default:
        return false;
    }
}

/* ---- the response ---- */

void ocsp_refuse(struct arena *arena, int status, struct ocsp_response *out)
{
    /* OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, … } (RFC 6960 §4.2.1) */
    const uint8_t der[] = {0x30, 3, 0x0a, 1, (uint8_t)status};
    *out = (struct ocsp_response){.der = arena_copy(arena, bytes_of(der, sizeof der)), .status = status};
}

static bool add_answer(OCSP_BASICRESP *basic, const struct ocsp_question *question,
                       const struct ocsp_answer *answer)
{
    autofree_generalized_time ASN1_GENERALIZEDTIME *this_update =
        ASN1_GENERALIZEDTIME_set(NULL, answer->this_update);
    autofree_generalized_time ASN1_GENERALIZEDTIME *next_update =
        ASN1_GENERALIZEDTIME_set(NULL, answer->next_update);
    autofree_generalized_time ASN1_GENERALIZEDTIME *revoked_at =
        ASN1_GENERALIZEDTIME_set(NULL, answer->revoked_at);
    return this_update != NULL && next_update != NULL && revoked_at != NULL &&
           OCSP_basic_add1_status(basic, UNCONST(OCSP_CERTID *, question->id), answer->status, answer->reason,
                                  answer->status == V_OCSP_CERTSTATUS_REVOKED ? revoked_at : NULL,
                                  this_update, next_update) != NULL;
}

/* OpenSSL would write its own clock's time, and has no function to write another. */
static bool set_produced_at(const OCSP_BASICRESP *basic, int64_t now)
{
    ASN1_GENERALIZEDTIME *produced_at = UNCONST(ASN1_GENERALIZEDTIME *, OCSP_resp_get0_produced_at(basic));
    return ASN1_GENERALIZEDTIME_set(produced_at, now) != NULL;
}

static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    bool has_its_own = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
    return has_its_own ? NULL : EVP_sha256();
}

static bool sign(struct arena *arena, const struct ocsp_responder *responder, OCSP_BASICRESP *basic,
                 int64_t now, struct bytes *out)
{
    if (!set_produced_at(basic, now) ||
        OCSP_basic_sign(basic, responder->certificate, responder->key, digest_for(responder->key), NULL,
                        OCSP_RESPID_KEY | OCSP_NOTIME) != 1)
        return false;
    autofree_response OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    unsigned char *der = NULL;
    int n = response == NULL ? -1 : i2d_OCSP_RESPONSE(response, &der);
    if (n <= 0)
        return false;
    *out = arena_copy(arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return true;
}

/* Adds the answers to `basic`. Returns a response status. */
static int add_answers(const struct ocsp_responder *responder, const struct ocsp_request *request,
                       ocsp_look_up *look_up, void *context, int64_t now, OCSP_BASICRESP *basic,
                       struct ocsp_response *out)
{
    size_t ours = 0;
    out->next_update = INT64_MAX;
    for (size_t i = 0; i < request->count; i++) {
        const struct ocsp_question *question = &request->questions[i];
        struct ocsp_knowledge known = {0};
        struct ocsp_answer answer;
        bool is_ours = is_of_issuer(&responder->issuer, question);
        if (is_ours && question->serial[0] != '\0' && !look_up(context, question->serial, &known))
            return OCSP_RESPONSE_STATUS_TRYLATER;
        if (!ocsp_decide(&known, question->serial, now, &answer))
            return OCSP_RESPONSE_STATUS_TRYLATER;
        answer.next_update = earlier(answer.next_update, responder->not_after);
        if (!add_answer(basic, question, &answer))
            return OCSP_RESPONSE_STATUS_INTERNALERROR;
        out->this_update = later(out->this_update, answer.this_update);
        out->next_update = earlier(out->next_update, answer.next_update);
        ours += is_ours;
    }
    return ours == 0 ? OCSP_RESPONSE_STATUS_UNAUTHORIZED : OCSP_RESPONSE_STATUS_SUCCESSFUL;
}

void ocsp_respond(struct arena *arena, const struct ocsp_responder *responder,
                  const struct ocsp_request *request, ocsp_look_up *look_up, void *context, int64_t now,
                  struct ocsp_response *out)
{
    *out = (struct ocsp_response){.status = OCSP_RESPONSE_STATUS_INTERNALERROR};
    bool with_nonce = request->nonce.n != 0 && !responder->is_slow;
    autofree_basic OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    /* Neither an expired response nor an expired responder proves anything. */
    if (responder->not_after <= now)
        out->status = OCSP_RESPONSE_STATUS_TRYLATER;
    else if (basic != NULL)
        out->status = add_answers(responder, request, look_up, context, now, basic, out);
    if (out->status == OCSP_RESPONSE_STATUS_SUCCESSFUL &&
        ((with_nonce && OCSP_basic_add1_nonce(basic, UNCONST(unsigned char *, request->nonce.p),
                                              (int)request->nonce.n) != 1) ||
         !sign(arena, responder, basic, now, &out->der)))
        out->status = OCSP_RESPONSE_STATUS_INTERNALERROR;
    ERR_clear_error();
    if (out->status == OCSP_RESPONSE_STATUS_SUCCESSFUL)
        out->is_for_anyone = !with_nonce;
    else
        ocsp_refuse(arena, out->status, out);
}
