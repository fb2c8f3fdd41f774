/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "store/listing.h"
#include "store/sql/query.h"

enum { COLUMNS_MAX = 40 };

/* Beside one for each listing, from its newest row on: those that begin at the index of a filter. */
enum {
    ORDERS_BY_ACCOUNT = LISTING_GATEWAYS + 1,
    ORDERS_BY_NAME,
    CERTIFICATES_BY_ACCOUNT,
    CERTIFICATES_BY_NAME,
    CERTIFICATES_BY_SERIAL,
    CERTIFICATES_BY_END,
};

/* The filters of every listing; each has others of its own. */
#define LISTING_OF_ANY "id < $before AND id > $after AND ($state IS NULL OR state = $state)"
#define LISTING_WHERE  LISTING_OF_ANY " AND ($endpoint IS NULL OR endpoint = $endpoint)"
#define LISTING_ORDER  " ORDER BY id DESC LIMIT $max"

#define BY_ACCOUNT "account = $account AND "
#define BY_SERIAL  "serial = $serial AND "
#define BY_END     "id IN (SELECT id FROM certificates WHERE not_after BETWEEN unixepoch() AND $until) AND "

#define ORDER_HAS_NAME \
    "id IN (SELECT oa.order_id FROM authorizations z" \
    " CROSS JOIN order_authorizations oa ON oa.authorization_id = z.id" \
    " WHERE z.identifier = CASE WHEN substr($name, 1, 2) = '*.' THEN substr($name, 3) ELSE $name END" \
    " AND z.wildcard = CASE WHEN substr($name, 1, 2) = '*.' THEN 1 ELSE 0 END)"
#define CERTIFICATE_HAS_NAME "id IN (SELECT certificate_id FROM certificate_names WHERE name = $name)"

#define ORDERS(first) \
    "SELECT * FROM v_orders WHERE " first LISTING_WHERE " AND ($account IS NULL OR account = $account)" \
    " AND ($failed IS NULL OR state IN ('invalid', 'expired'))" \
    " AND ($name IS NULL OR " ORDER_HAS_NAME ")" LISTING_ORDER
#define CERTIFICATES(first) \
    "SELECT * FROM v_certificates WHERE " first LISTING_WHERE \
    " AND ($account IS NULL OR account = $account) AND ($serial IS NULL OR serial = $serial)" \
    " AND ($until IS NULL OR (not_after <= $until AND state = 'good' AND renewed_by IS NULL))" \
    " AND ($name IS NULL OR " CERTIFICATE_HAS_NAME ")" LISTING_ORDER

static const struct statement statements[] = {
    [LISTING_ACCOUNTS] = {"listing_accounts", "SELECT * FROM v_accounts WHERE " LISTING_WHERE LISTING_ORDER},
    [LISTING_EAB_KEYS] = {"listing_eab_keys", "SELECT * FROM v_eab_keys WHERE " LISTING_WHERE LISTING_ORDER},
    [LISTING_ORDERS] = {"listing_orders", ORDERS("")},
    [ORDERS_BY_ACCOUNT] = {"listing_orders_by_account", ORDERS(BY_ACCOUNT)},
    [ORDERS_BY_NAME] = {"listing_orders_by_name", ORDERS(ORDER_HAS_NAME " AND ")},
    [LISTING_CERTIFICATES] = {"listing_certificates", CERTIFICATES("")},
    [CERTIFICATES_BY_ACCOUNT] = {"listing_certificates_by_account", CERTIFICATES(BY_ACCOUNT)},
    [CERTIFICATES_BY_NAME] = {"listing_certificates_by_name", CERTIFICATES(CERTIFICATE_HAS_NAME " AND ")},
    [CERTIFICATES_BY_SERIAL] = {"listing_certificates_by_serial", CERTIFICATES(BY_SERIAL)},
    [CERTIFICATES_BY_END] = {"listing_certificates_by_end", CERTIFICATES(BY_END)},
    [LISTING_GATEWAYS] =
        {"listing_gateways",
         "SELECT * FROM v_gateways WHERE " LISTING_OF_ANY " AND ($within IS NULL OR state = 'serving'"
         " OR id IN (SELECT id FROM gateways WHERE seen_at >= unixepoch() - $within))" LISTING_ORDER},
};

const struct statement_table store_listing_statements = {statements, sizeof statements / sizeof *statements};

/* Selects the statement by the filter that leaves the fewest rows. */
static size_t statement_for(enum listing listing, const struct listing_filter *filter)
{
    if (listing == LISTING_ORDERS)
        return filter->name != NULL ? ORDERS_BY_NAME : filter->account != 0 ? ORDERS_BY_ACCOUNT : listing;
    if (listing == LISTING_CERTIFICATES)
        return filter->serial != NULL        ? CERTIFICATES_BY_SERIAL
               : filter->name != NULL        ? CERTIFICATES_BY_NAME
               : filter->account != 0        ? CERTIFICATES_BY_ACCOUNT
               : filter->expiring_until != 0 ? CERTIFICATES_BY_END
                                             : listing;
    return listing;
}

static void bind_filter(struct query *query, enum listing listing, const struct listing_filter *filter)
{
    int64_t before = filter->before == 0 ? INT64_MAX : filter->before;
    if (filter->id != 0 && filter->id < before)
        before = filter->id + 1;
    query_bind_integer(query, "$before", before);
    query_bind_integer(query, "$after", filter->id == 0 ? 0 : filter->id - 1);
    query_bind_text(query, "$state", filter->state);
    if (listing == LISTING_GATEWAYS) {
        query_bind_optional(query, "$within", filter->seen_within_s);
        return;
    }
    query_bind_text(query, "$endpoint", filter->endpoint);
    if (listing == LISTING_ACCOUNTS || listing == LISTING_EAB_KEYS)
        return;
    query_bind_optional(query, "$account", filter->account);
    query_bind_text(query, "$name", filter->name);
    if (listing == LISTING_ORDERS)
        query_bind_optional(query, "$failed", filter->failed);
    if (listing == LISTING_CERTIFICATES) {
        query_bind_text(query, "$serial", filter->serial);
        query_bind_optional(query, "$until", filter->expiring_until);
    }
}

static size_t take_row(struct query *query, struct listing_value *values)
{
    size_t count = query_column_count(query);
    if (count > COLUMNS_MAX)
        count = COLUMNS_MAX;
    for (size_t i = 0; i < count; i++) {
        values[i].column = query_column_name(query);
        values[i].is_number = query_column_is_number(query);
        values[i].text = query_take_text(query);
    }
    return count;
}

enum store_result store_listing(struct store_reader *reader, enum listing listing,
                                const struct listing_filter *filter, size_t max,
                                void (*each)(void *context, const struct listing_value *values, size_t count),
                                void *context)
{
    struct listing_value values[COLUMNS_MAX];
    enum store_result result;
    QUERY(query, reader, NULL, STATEMENTS_LISTING, statement_for(listing, filter));
    bind_filter(&query, listing, filter);
    query_bind_integer(&query, "$max", (int64_t)max);
    while ((result = query_next(&query)) == STORE_OK) {
        query.arena = arena_new();
        size_t count = take_row(&query, values);
        each(context, values, count);
        arena_free(query.arena);
    }
    return result == STORE_FAILED ? STORE_FAILED : query_finish(&query);
}
