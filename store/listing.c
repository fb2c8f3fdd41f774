#include <stdio.h>

#include "store/query.h"

enum { COLUMNS_MAX = 40 };

/* What every listing filters by; the others are its own. */
#define LISTING_WHERE \
    " WHERE id < $before AND ($id IS NULL OR id = $id) AND ($endpoint IS NULL OR endpoint = $endpoint)" \
    " AND ($state IS NULL OR state = $state)"
#define LISTING_ORDER " ORDER BY id DESC LIMIT $max"

static const struct statement statements[] = {
    [LISTING_ACCOUNTS] = {"listing_accounts", "SELECT * FROM v_accounts" LISTING_WHERE LISTING_ORDER},
    [LISTING_EAB_KEYS] = {"listing_eab_keys", "SELECT * FROM v_eab_keys" LISTING_WHERE LISTING_ORDER},
    [LISTING_ORDERS] = {"listing_orders",
                        "SELECT * FROM v_orders" LISTING_WHERE " AND ($account IS NULL OR account = $account)"
                        " AND ($name IS NULL OR id IN (SELECT oa.order_id FROM authorizations z"
                        " CROSS JOIN order_authorizations oa ON oa.authorization_id = z.id"
                        " WHERE z.identifier = iif(substr($name, 1, 2) = '*.', substr($name, 3), $name)"
                        " AND z.wildcard = (substr($name, 1, 2) = '*.')))" LISTING_ORDER},
    [LISTING_CERTIFICATES] =
        {"listing_certificates",
         "SELECT * FROM v_certificates" LISTING_WHERE
         " AND ($account IS NULL OR account = $account) AND ($serial IS NULL OR serial = $serial)"
         " AND ($name IS NULL OR id IN (SELECT certificate_id FROM certificate_names WHERE name = "
         "$name))" LISTING_ORDER},
};

const struct statement_table store_listing_statements = {statements, sizeof statements / sizeof *statements};

static void bind_filter(struct query *query, enum listing listing, const struct listing_filter *filter)
{
    query_bind_integer(query, "$before", filter->before == 0 ? INT64_MAX : filter->before);
    query_bind_optional(query, "$id", filter->id);
    query_bind_text(query, "$endpoint", filter->endpoint);
    query_bind_text(query, "$state", filter->state);
    if (listing == LISTING_ACCOUNTS || listing == LISTING_EAB_KEYS)
        return;
    query_bind_optional(query, "$account", filter->account);
    query_bind_text(query, "$name", filter->name);
    if (listing == LISTING_CERTIFICATES)
        query_bind_text(query, "$serial", filter->serial);
}

static size_t take_row(struct query *query, struct listing_value *values)
{
    int count = sqlite3_column_count(query->prepared);
    for (int i = 0; i < count && i < COLUMNS_MAX; i++) {
        int type = sqlite3_column_type(query->prepared, i);
        values[i].column = sqlite3_column_name(query->prepared, i);
        values[i].text = query_take_text(query);
        values[i].is_number = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
    }
    return count < COLUMNS_MAX ? (size_t)count : COLUMNS_MAX;
}

enum store_result store_listing(struct store_session *session, enum listing listing,
                                const struct listing_filter *filter, size_t max,
                                void (*each)(void *context, const struct listing_value *values, size_t count),
                                void *context)
{
    struct listing_value values[COLUMNS_MAX];
    enum store_result result;
    QUERY(query, session, NULL, STATEMENTS_LISTING, listing);
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
