/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate that an order replaces (RFC 9773 §5). */
#include "acme/renewal.h"
#include "gateway/ca/issuer_signers.h"
#include "site.h"

LEAK_CHECKED_SUITE(route_order_replaces);

#define DNS(name) "{\"type\":\"dns\",\"value\":\"" name "\"}"

enum owner { OWN, OTHERS, NOBODYS, UNKNOWN };

static const struct {
    enum owner owner;
    const char *names;   /* of the certificate */
    const char *payload; /* identifiers of the order */
    const char *proven;
    const char *ignored; /* why; NULL: it is replaced */
} replacements[] = {
    {OWN, "DNS:a.test", DNS("a.test"), NULL, NULL},
    {OWN, "DNS:a.test,DNS:b.test", DNS("b.test") "," DNS("c.test"), NULL, NULL},
    {OWN, "DNS:a.test", DNS("b.test"), NULL, "it shares no name with the order"},
    {OTHERS, "DNS:a.test", DNS("a.test"), NULL, "it belongs to another account"},
    {UNKNOWN, "DNS:a.test", DNS("a.test"), NULL, "it was not issued at this endpoint"},
    {NOBODYS, "DNS:a.test", DNS("a.test"), NULL, NULL},
    {NOBODYS, "DNS:a.test", DNS("a.test"), "a.test", NULL},
    {NOBODYS, "DNS:a.test,DNS:b.test", DNS("a.test"), NULL,
     "it belongs to no account, and has names that the order lacks"},
    {NOBODYS, "DNS:zone.test", DNS("zone.test"), NULL,
     "it belongs to no account, and a name of the order needed no proof"},
};

static void check_replacement(size_t i)
{
    struct site_client *client = site_account("acme"), *other = site_account("acme");
    struct site_client *owner = replacements[i].owner == OWN      ? client
                                : replacements[i].owner == OTHERS ? other
                                                                  : NULL;
    const char *serial = arena_printf(site.arena, "A%zu", i);
    struct site_leaf leaf = site_leaf(owner, replacements[i].names, serial, replacements[i].owner != UNKNOWN);
    issuer_learn_signer(issuers_find(site.parts.issuers, "main"), pki_der(site.arena, site.ca), NULL, 0);
    if (replacements[i].proven != NULL)
        site_authorize(client, replacements[i].proven, AUTHORIZATION_PROVEN);
    const char *id = renewal_id_of(site.arena, leaf.der);
    const char *payload =
        arena_printf(site.arena, "{\"identifiers\":[%s],\"replaces\":\"%s\"}", replacements[i].payload, id);
    const char *what = arena_printf(site.arena, "%zu: %s", i, payload);
    struct fake_reply *reply = site_post(client, "/new-order", payload);
    cr_expect_eq(reply->status, 201, "%s: %.*s", what, (int)reply->body.n, (const char *)reply->body.p);
    bool ignored = replacements[i].ignored != NULL;
    cr_expect_eq(site_has_words(reply, arena_printf(site.arena, "\"replaces\":\"%s\"", id)), !ignored, "%s",
                 what);
    const char *told = site_text(
        "SELECT (SELECT detail FROM events WHERE kind = 'order.replaces_ignored' ORDER BY id DESC LIMIT 1)");
    cr_expect_str_eq(told, ignored ? arena_printf(site.arena, "%s: %s", id, replacements[i].ignored) : "",
                     "%s", what);
    site_run("DELETE FROM events");
}

Test(route_order_replaces, an_order_replaces_what_its_account_may_replace)
{
    for (size_t i = 0; i < sizeof replacements / sizeof *replacements; i++) {
        site_begin("");
        check_replacement(i);
        site_end();
    }
}

Test(route_order_replaces, a_certificate_is_replaced_once)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    struct site_leaf leaf = site_leaf(client, "DNS:a.test", NULL, true),
                     next = site_leaf(client, "DNS:a.test", "2", true);
    site_authorize(client, "a.test", AUTHORIZATION_PROVEN);
    const char *id = renewal_id_of(site.arena, leaf.der);
    const char *payload =
        arena_printf(site.arena, "{\"identifiers\":[" DNS("a.test") "],\"replaces\":\"%s\"}", id);
    struct fake_reply *reply = site_post(client, "/new-order", payload);
    SITE_EXPECT("first", reply, 201, NULL, "\"status\":\"ready\"", "order.created");
    SITE_EXPECT("while it is open", site_post(client, "/new-order", payload), 201, NULL, NULL,
                "order.created");
    int64_t order_id = site_location_id(reply);
    site_run(arena_printf(site.arena,
                          "UPDATE orders SET status = 'valid', certificate_id = %lld WHERE id = %lld",
                          (long long)next.row.id, (long long)order_id));
    const char *by = arena_printf(site.arena, "was replaced already, by order %lld.", (long long)order_id);
    SITE_EXPECT("second", site_post(client, "/new-order", payload), 409, "alreadyReplaced", by,
                "order.refused");
    site_end();
}
