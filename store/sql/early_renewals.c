/* SPDX-License-Identifier: Apache-2.0 */
#include "store/early_renewals.h"
#include "store/sql/query.h"

enum { EARLY_RENEWAL_INSERT, EARLY_RENEWAL_OF };

static const struct statement statements[] = {
    [EARLY_RENEWAL_INSERT] =
        {"early_renewal_insert",
         "INSERT INTO early_renewals (id, scope, issued_before, renew_from, renew_until, explanation_url,"
         " created_at)"
         " VALUES ($id, $scope, $issued_before, $renew_from, $renew_until, $explanation_url, $created_at)"},
    [EARLY_RENEWAL_OF] = {"early_renewal_of",
                          "SELECT renew_from, renew_until, explanation_url FROM early_renewals"
                          " WHERE scope IN ('all', 'issuer:' || $issuer, 'serial:' || $serial)"
                          " AND issued_before >= $issued ORDER BY id DESC LIMIT 1"},
};

const struct statement_table store_early_renewal_statements = {statements,
                                                               sizeof statements / sizeof *statements};

enum store_result store_early_renewal_insert(struct store_writer *writer,
                                             const struct early_renewal_order *order)
{
    CHANGE(query, writer, STATEMENTS_EARLY_RENEWALS, EARLY_RENEWAL_INSERT);
    query_bind_integer(&query, "$id", store_next_id(writer, order->created_at * 1000));
    query_bind_text(&query, "$scope", order->scope);
    query_bind_integer(&query, "$issued_before", order->issued_before);
    query_bind_integer(&query, "$renew_from", order->window.renew_from);
    query_bind_integer(&query, "$renew_until", order->window.renew_until);
    query_bind_text(&query, "$explanation_url", order->window.explanation_url);
    query_bind_integer(&query, "$created_at", order->created_at);
    return query_send(&query);
}

enum store_result store_early_renewal_of(struct store_reader *reader, struct arena *arena,
                                         const struct certificate *certificate, struct early_renewal *out)
{
    QUERY(query, reader, arena, STATEMENTS_EARLY_RENEWALS, EARLY_RENEWAL_OF);
    query_bind_text(&query, "$issuer", certificate->issuer);
    query_bind_text(&query, "$serial", certificate->serial);
    query_bind_integer(&query, "$issued", certificate->created_at);
    enum store_result result = query_next(&query);
    if (result != STORE_OK)
        return result;
    *out = (struct early_renewal){.renew_from = query_take_integer(&query)};
    out->renew_until = query_take_integer(&query);
    out->explanation_url = query_take_text(&query);
    return query_finish(&query);
}
