/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts (RFC 8555 §7.3): the changes that a client may request, and their representation. */
#pragma once

#include "acme/urls.h"

struct account_request {
    const char *contacts_json; /* a checked array's text; NULL when the member is absent */
    bool terms_agreed;
    bool only_return_existing;
    const struct json *eab; /* `externalAccountBinding`; NULL when absent. newAccount only */
    bool deactivate;        /* updates only */
};

enum { ACCOUNT_MAX_CONTACTS = 10 };

/* Reads newAccount's payload. unsupportedContact / invalidContact / malformed. */
[[gnu::warn_unused_result]] const struct problem *account_parse_new(struct arena *arena,
                                                                    const struct json *payload,
                                                                    struct account_request *out);

/* Reads an update of an account (§7.3.2, §7.3.6). `status` may only be "deactivated", or "valid", which
 * changes nothing. Unknown members are ignored. */
[[gnu::warn_unused_result]] const struct problem *account_parse_update(struct arena *arena,
                                                                       const struct json *payload,
                                                                       struct account_request *out);

/* Refuses with 403 unauthorized unless the account is valid. */
[[gnu::warn_unused_result]] const struct problem *account_check_usable(struct arena *arena,
                                                                       const struct account *account);

struct bytes account_render(struct arena *arena, const struct urls *urls, const struct account *account);

/* Writes the `orders` list (§7.1.2.1). */
struct bytes account_render_orders(struct arena *arena, const struct urls *urls, const int64_t *order_ids,
                                   size_t count);
