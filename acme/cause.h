/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue of causes: why a request, an order, a challenge, an issuance or a revocation stopped, who has
 * to act, and the next step. Problems (acme/problem.h) and events carry the name of a cause. `acmegate
 * explain` prints its row. docs/troubleshooting.md holds the same table for people. Names never change.
 */
#pragma once

#include "acme/base/bytes.h"

enum turn {
    TURN_CLIENT = 1,
    TURN_OPERATOR, /* of acmegate */
    TURN_CA,       /* the CA's operator */
    TURN_NOBODY,   /* nobody has to act: it continues by itself, or it has ended */
};

enum cause {
    CAUSE_NONE, /* of rows that older versions wrote */
    /* requests */
    CAUSE_REQUEST_MALFORMED,
    CAUSE_NONCE_USED,
    CAUSE_SIGNATURE_ALGORITHM_REFUSED,
    CAUSE_NOT_PERMITTED,
    CAUSE_RATE_LIMITED,
    CAUSE_SERVER_FAULT,
    /* accounts */
    CAUSE_ACCOUNT_KEY_REFUSED,
    CAUSE_ACCOUNT_UNKNOWN,
    CAUSE_ACCOUNT_ENDED,
    CAUSE_TERMS_NOT_AGREED,
    CAUSE_CONTACT_REFUSED,
    CAUSE_EAB_REQUIRED,
    CAUSE_EAB_KEY_UNKNOWN,
    CAUSE_EAB_KEY_EXPIRED,
    CAUSE_EAB_KEY_USED_UP,
    CAUSE_EAB_KEY_REVOKED,
    CAUSE_EAB_SIGNATURE_WRONG,
    CAUSE_EAB_NAME_REFUSED,
    CAUSE_EAB_PROFILE_REFUSED,
    CAUSE_KEYLESS_REFUSED,
    /* orders and authorizations */
    CAUSE_NAME_REFUSED,
    CAUSE_IDENTIFIER_UNSUPPORTED,
    CAUSE_NO_CHALLENGE_FITS,
    CAUSE_PROFILE_UNKNOWN,
    CAUSE_PROFILE_GONE,
    CAUSE_VALIDITY_REFUSED,
    CAUSE_ALREADY_REPLACED,
    CAUSE_ORDER_NOT_READY,
    CAUSE_ORDER_EXPIRED,
    CAUSE_AUTHORIZATION_EXPIRED,
    CAUSE_AUTHORIZATION_DEACTIVATED,
    CAUSE_AUTHORIZATION_LAPSED,
    CAUSE_WAITING_FOR_CHALLENGE,
    CAUSE_WAITING_FOR_FINALIZE,
    /* CSRs */
    CAUSE_CSR_MALFORMED,
    CAUSE_CSR_NAMES_DIFFER,
    CAUSE_CSR_KEY_REFUSED,
    CAUSE_CSR_KEY_TYPE_REFUSED,
    CAUSE_CSR_KEY_IS_ACCOUNT_KEY,
    CAUSE_CSR_SIGNATURE_REFUSED,
    /* validation: name servers */
    CAUSE_NAME_SERVER_FAILED,
    CAUSE_NAME_SERVER_REFUSED,
    CAUSE_NAME_SERVER_SILENT,
    CAUSE_NAME_SERVER_UNREACHABLE,
    CAUSE_NAME_SERVER_NOT_RECURSIVE,
    CAUSE_NAME_SERVER_MALFORMED,
    CAUSE_NO_ADDRESS,
    CAUSE_NO_ADDRESS_BEHIND_ALIAS,
    CAUSE_NO_TXT_RECORD,
    CAUSE_NO_TXT_RECORD_BEHIND_ALIAS,
    CAUSE_WRONG_TXT_RECORD,
    CAUSE_CAA_FORBIDS,
    CAUSE_CAA_LOOKUP_FAILED,
    /* validation: the server at the name */
    CAUSE_ADDRESS_FORBIDDEN,
    CAUSE_CONNECTION_FAILED,
    CAUSE_CONNECTION_TIMED_OUT,
    CAUSE_CONNECTION_BROKEN,
    CAUSE_HTTP_WRONG_STATUS,
    CAUSE_HTTP_SERVER_ERROR,
    CAUSE_HTTP_WRONG_CONTENT,
    CAUSE_REDIRECT_REFUSED,
    CAUSE_REDIRECT_LOOP,
    CAUSE_TLS_FAILED,
    CAUSE_TLS_ALPN_NOT_AGREED,
    CAUSE_TLS_ALPN_WRONG_CERTIFICATE,
    CAUSE_VALIDATION_UNDER_WAY,
    CAUSE_WORK_SET_ASIDE,
    /* the CA: signatures and revocations */
    CAUSE_ISSUANCE_UNDER_WAY,
    CAUSE_CA_UNAVAILABLE,
    CAUSE_CA_UNREACHABLE,
    CAUSE_CA_UNTRUSTED,
    CAUSE_CA_CLOCK_DIFFERS,
    CAUSE_CA_TOKEN_REFUSED,
    CAUSE_CA_PROVISIONER_GONE,
    CAUSE_CA_BUSY,
    CAUSE_CA_FAILED,
    CAUSE_CA_NOT_FOUND,
    CAUSE_CA_ANSWER_LOST,
    CAUSE_CA_ANSWER_STRANGE,
    CAUSE_CA_POLICY,
    CAUSE_CA_NAME_CONSTRAINTS,
    CAUSE_CA_WEBHOOK,
    CAUSE_CA_TEMPLATE,
    CAUSE_CA_REFUSED,
    CAUSE_CA_CSR_REFUSED,
    CAUSE_CA_NAMES_REFUSED,
    CAUSE_CA_DURATION_REFUSED,
    CAUSE_CA_VALIDITY_REFUSED,
    CAUSE_CA_CHAIN_ENDED,
    CAUSE_CA_TOO_SLOW,
    CAUSE_CERTIFICATE_MISFIT,
    CAUSE_CERTIFICATE_OF_BEFORE,
    CAUSE_LOCAL_CA_FAILED,
    /* certificates */
    CAUSE_CERTIFICATE_GOOD,
    CAUSE_CERTIFICATE_EXPIRED,
    CAUSE_CERTIFICATE_REVOKED,
    CAUSE_CERTIFICATE_UNKNOWN,
    CAUSE_ALREADY_REVOKED,
    CAUSE_REVOCATION_REASON_REFUSED,
    CAUSE_REVOCATION_REASON_KEPT,
    CAUSE_REVOCATION_UNDER_WAY,
    CAUSE_REVOCATION_REFUSED,
    CAUSE_CA_WITHOUT_DATABASE,
    CAUSE_ISSUER_GONE,
    CAUSE_COUNT
};

struct cause_info {
    const char *name; /* lower-case words joined by "-" */
    enum turn turn;
    const char *next_step; /* one or two sentences */
};

/* Returns the row of a cause; NULL for CAUSE_NONE and for a value beyond the enumeration. */
const struct cause_info *cause_info(enum cause cause);

/* Returns the name; NULL for CAUSE_NONE. */
const char *cause_name(enum cause cause);

/* Finds a cause by name. CAUSE_NONE for a name that is not in the catalogue. */
enum cause cause_find(struct bytes name);

/* Returns "the client", "the operator of acmegate", "the operator of the CA" or "nobody". */
const char *turn_name(enum turn turn);
