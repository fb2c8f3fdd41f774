/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/statements.h"

const struct statement_table *store_statement_table(enum statement_group group)
{
    static const struct statement_table *const tables[STATEMENT_GROUP_END] = {
        [STATEMENTS_ACCOUNT_IMPORT] = &store_account_import_statements,
        [STATEMENTS_ACCOUNTS] = &store_account_statements,
        [STATEMENTS_ATTEMPTS] = &store_attempt_statements,
        [STATEMENTS_AUTHORIZATIONS] = &store_authorization_statements,
        [STATEMENTS_CERTIFICATES] = &store_certificate_statements,
        [STATEMENTS_EAB_KEYS] = &store_eab_key_statements,
        [STATEMENTS_EARLY_RENEWALS] = &store_early_renewal_statements,
        [STATEMENTS_EVENTS] = &store_event_statements,
        [STATEMENTS_GATEWAYS] = &store_gateway_statements,
        [STATEMENTS_ISSUER_IDENTITIES] = &store_issuer_identity_statements,
        [STATEMENTS_ISSUER_OVERRIDES] = &store_issuer_override_statements,
        [STATEMENTS_LISTING] = &store_listing_statements,
        [STATEMENTS_NAMES] = &store_name_statements,
        [STATEMENTS_ORDERS] = &store_order_statements,
        [STATEMENTS_PAGES] = &store_page_statements,
        [STATEMENTS_RETENTION] = &store_retention_statements,
        [STATEMENTS_REVOCATION_LISTS] = &store_revocation_list_statements,
        [STATEMENTS_TRANSACTIONS] = &store_transaction_statements,
        [STATEMENTS_WAITING] = &store_waiting_statements,
        [STATEMENTS_WRITER] = &store_writer_statements,
    };
    return tables[group];
}
