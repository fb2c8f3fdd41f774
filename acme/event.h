/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of events, the rows of the audit trail. The database and the view v_events hold a type's name.
 * docs/sql.md holds this table for people. Names never change. An event's cause tells who has to act
 * (acme/cause.h).
 */
#pragma once

#include "acme/base/bytes.h"

enum event_type {
    EVENT_UNKNOWN, /* of rows that another version wrote */
    /* accounts and external account keys */
    EVENT_ACCOUNT_CREATED,
    EVENT_ACCOUNT_UPDATED,
    EVENT_ACCOUNT_KEY_CHANGED,
    EVENT_ACCOUNT_DEACTIVATED,
    EVENT_ACCOUNT_REVOKED,
    EVENT_ACCOUNT_IMPORTED,
    EVENT_EAB_ADDED,
    EVENT_EAB_REVOKED,
    EVENT_EAB_IMPORTED,
    /* orders */
    EVENT_ORDER_CREATED,
    EVENT_ORDER_REFUSED,
    EVENT_ORDER_REPLACES_IGNORED,
    EVENT_ORDER_READY,
    EVENT_ORDER_FINALIZED,
    EVENT_FINALIZE_REFUSED,
    EVENT_ATTEMPT_FAILED,
    EVENT_ATTEMPT_UNKNOWN,
    EVENT_ORDER_VALID,
    EVENT_ORDER_INVALID,
    /* authorizations and their challenges */
    EVENT_AUTHORIZATION_CREATED,
    EVENT_AUTHORIZATION_REFUSED,
    EVENT_AUTHORIZATION_TRUSTED,
    EVENT_AUTHORIZATION_INHERITED,
    EVENT_AUTHORIZATION_DEACTIVATED,
    EVENT_CHALLENGE_REQUESTED,
    EVENT_CHALLENGE_RETRIED,
    EVENT_CHALLENGE_VALID,
    EVENT_CHALLENGE_INVALID,
    /* certificates without an order: step-ca's own API, `acmegate sign` */
    EVENT_SIGN_REQUESTED,
    EVENT_SIGN_ISSUED,
    EVENT_SIGN_RENEWED,
    EVENT_SIGN_REFUSED,
    EVENT_SIGN_FAILED,
    EVENT_SIGN_UNKNOWN,
    /* certificates */
    EVENT_CERTIFICATE_REJECTED,
    EVENT_CERTIFICATE_IMPORTED,
    EVENT_CERTIFICATE_FOUND,
    EVENT_RENEWAL_EARLY,
    EVENT_REVOCATION_REQUESTED,
    EVENT_REVOCATION_FAILED,
    EVENT_REVOCATION_REFUSED,
    EVENT_REVOCATION_CORRECTED,
    EVENT_CERTIFICATE_REVOKED,
    /* the server */
    EVENT_ISSUER_CHANGED,
    EVENT_ISSUER_RESET,
    EVENT_CONFIGURATION_LOADED,
    EVENT_CONFIGURATION_REJECTED,
    EVENT_DATABASE_RESTORED,
    EVENT_GATEWAY_TAKEN_OVER,
    EVENT_WORK_SET_ASIDE,
    EVENT_TYPE_COUNT
};

enum event_severity {
    SEVERITY_INFO = 1, /* expected */
    SEVERITY_WARNING,  /* something was refused, or failed and will be tried again */
    SEVERITY_ERROR,    /* something failed for good, or waits for an operator */
};

enum event_subject {
    SUBJECT_ACCOUNT = 1, /* or its external account key */
    SUBJECT_ORDER,
    SUBJECT_AUTHORIZATION,
    SUBJECT_CERTIFICATE,
    SUBJECT_ISSUER,
    SUBJECT_SERVER,
};

struct event_type_info {
    const char *name; /* as the database has it: EVENT_ORDER_REFUSED */
    enum event_subject subject;
    enum event_severity severity;
    bool notify;         /* a person who did not cause it should hear of it */
    bool is_refusal;     /* a client can cause it at will: recorded as acme/refusal_register.h allows */
    const char *meaning; /* when the event is recorded, and the content of its detail */
};

/* Returns the row of a type; NULL for EVENT_UNKNOWN and for a value beyond the enumeration. */
const struct event_type_info *event_type_info(enum event_type type);

/* Returns the name; NULL for EVENT_UNKNOWN. */
const char *event_type_name(enum event_type type);

/* Finds a type by name. EVENT_UNKNOWN for a name that is not in the table. */
enum event_type event_type_find(struct bytes name);

/* Returns "info", "warning" or "error". */
const char *event_severity_name(enum event_severity severity);
/* Returns "account", "order", "authorization", "certificate", "issuer" or "server". */
const char *event_subject_name(enum event_subject subject);
