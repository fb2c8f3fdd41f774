/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements of SQL, private to store/. Every file of SQL has one table of named statements. A connection
 * prepares each of them once, when it is first run (store/sql/query.h).
 */
#pragma once

#include <stddef.h>

struct statement {
    const char *name; /* for the log */
    const char *sql;
};

struct statement_table {
    const struct statement *statements;
    size_t count;
};

enum statement_group {
    STATEMENTS_ACCOUNT_IMPORT,
    STATEMENTS_ACCOUNTS,
    STATEMENTS_ATTEMPTS,
    STATEMENTS_AUTHORIZATIONS,
    STATEMENTS_CERTIFICATES,
    STATEMENTS_EAB_KEYS,
    STATEMENTS_EARLY_RENEWALS,
    STATEMENTS_EVENTS,
    STATEMENTS_GATEWAYS,
    STATEMENTS_ISSUER_IDENTITIES,
    STATEMENTS_ISSUER_OVERRIDES,
    STATEMENTS_LISTING,
    STATEMENTS_NAMES,
    STATEMENTS_ORDERS,
    STATEMENTS_PAGES,
    STATEMENTS_RETENTION,
    STATEMENTS_REVOCATION_LISTS,
    STATEMENTS_TRANSACTIONS,
    STATEMENTS_WAITING,
    STATEMENTS_WRITER,
    STATEMENT_GROUP_END,
};

enum { STATEMENTS_IN_GROUP_MAX = 16 };

/* Of the objects, in store/sql. */
extern const struct statement_table store_account_import_statements;
extern const struct statement_table store_account_statements;
extern const struct statement_table store_attempt_statements;
extern const struct statement_table store_authorization_statements;
extern const struct statement_table store_certificate_statements;
extern const struct statement_table store_eab_key_statements;
extern const struct statement_table store_early_renewal_statements;
extern const struct statement_table store_event_statements;
extern const struct statement_table store_gateway_statements;
extern const struct statement_table store_issuer_identity_statements;
extern const struct statement_table store_issuer_override_statements;
extern const struct statement_table store_listing_statements;
extern const struct statement_table store_name_statements;
extern const struct statement_table store_order_statements;
extern const struct statement_table store_retention_statements;
extern const struct statement_table store_revocation_list_statements;
extern const struct statement_table store_waiting_statements;
extern const struct statement_table store_writer_statements;

/* Of the engine. */
extern const struct statement_table store_page_statements;
extern const struct statement_table store_transaction_statements;

const struct statement_table *store_statement_table(enum statement_group group);
