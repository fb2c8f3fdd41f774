/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, their other chains (RFC 8555 §7.4.2) and when to renew them (RFC 9773 §4). */
#include <stdlib.h>

#include "acme/renewal.h"
#include "site.h"
#include "store/early_renewals.h"

LEAK_CHECKED_SUITE(route_certificate);

static const char *path_of(const struct site_leaf *leaf, const char *more)
{
    return arena_printf(site.arena, "/certificate/%lld%s", (long long)leaf->row.id, more);
}

static const char *pem_of(const struct site_leaf *leaf, struct bytes chain)
{
    return arena_printf(site.arena, "%s%s", certificate_to_pem(site.arena, leaf->der), (const char *)chain.p);
}

Test(route_certificate, a_certificate_comes_with_its_chain_and_links_to_the_others)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    struct site_leaf leaf = site_leaf(client, "DNS:a.test", NULL, true);
    const char *own =
        arena_printf(site.arena, "<https://acme.test/acme/acme%s>;rel=\"alternate\"", path_of(&leaf, ""));
    const char *other =
        arena_printf(site.arena, "<https://acme.test/acme/acme%s>;rel=\"alternate\"", path_of(&leaf, "/1"));
    for (size_t i = 0; i < 2; i++) {
        struct fake_reply *reply = site_post(client, path_of(&leaf, i == 0 ? "" : "/1"), NULL);
        const char *pem = pem_of(&leaf, i == 0 ? site.ca_pem : site.alternate_pem);
        SITE_EXPECT("download", reply, 200, NULL, pem, NULL);
        cr_expect_eq(reply->body.n, strlen(pem));
        cr_expect_str_eq(reply->content_type, "application/pem-certificate-chain");
        cr_expect_eq(site_has_header(reply, "Link", other), i == 0);
        cr_expect_eq(site_has_header(reply, "Link", own), i == 1);
    }
    SITE_EXPECT("no such chain", site_post(client, path_of(&leaf, "/2"), NULL), 404, "malformed",
                "The certificate has no such alternate chain.", NULL);
    site_end();
}

static const struct {
    const char *sql;
    bool by_another, elsewhere;
    int status;
} downloads[] = {
    {"SELECT 1", false, false, 200},
    {"SELECT 1", true, false, 404},
    {"SELECT 1", false, true, 404},
    {"UPDATE certificates SET status = 'rejected', rejected_because = 'x'", false, false, 404},
    {"UPDATE certificates SET status = 'revoked', revoked_at = 1780272000", false, false, 200},
};

Test(route_certificate, a_certificate_is_its_accounts_and_its_endpoints_alone)
{
    for (size_t i = 0; i < sizeof downloads / sizeof *downloads; i++) {
        site_begin("");
        struct site_client *client = site_account("acme"),
                           *other = site_account(downloads[i].elsewhere ? "brief" : "acme");
        struct site_leaf leaf = site_leaf(client, "DNS:a.test", NULL, true);
        site_run(downloads[i].sql);
        bool by_other = downloads[i].by_another || downloads[i].elsewhere;
        SITE_EXPECT(downloads[i].sql, site_post(by_other ? other : client, path_of(&leaf, ""), NULL),
                    downloads[i].status, downloads[i].status == 404 ? "malformed" : NULL,
                    downloads[i].status == 404 ? "This account has no such certificate." : NULL, NULL);
        site_end();
    }
}

/* ---- renewal-info ---- */

static const char *renewal_target(const char *endpoint, const char *id)
{
    return arena_printf(site.arena, "/acme/%s/renewal-info/%s", endpoint, id);
}

Test(route_certificate, renewal_info_names_a_window_within_the_certificates_life)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    struct site_leaf leaf = site_leaf(client, "DNS:a.test", "77", true),
                     foreign = site_leaf(client, "DNS:a.test", "78", false);
    const char *id = renewal_id_of(site.arena, leaf.der);
    const struct renewal_window window = renewal_window_of(&leaf.row, NULL);
    struct fake_reply *reply = site_get(0, "GET", renewal_target("acme", id));
    const char *body = (const char *)renewal_info_render(site.arena, &window).p;
    site_expect_plain("own", reply, &(struct site_expected){200, NULL, body, NULL});
    cr_expect_eq(strtoll(fake_header(reply, "Retry-After"), NULL, 10), window.retry_after_s);
    static const struct site_expected none = {404, "malformed",
                                              "This certificate was not issued at this endpoint.", NULL};
    site_expect_plain("elsewhere", site_get(0, "GET", renewal_target("brief", id)), &none);
    site_expect_plain(
        "unknown", site_get(0, "GET", renewal_target("acme", renewal_id_of(site.arena, foreign.der))), &none);
    const char *other_key = arena_printf(site.arena, "AAAA.%s", strchr(id, '.') + 1);
    site_expect_plain("another CA's", site_get(0, "GET", renewal_target("acme", other_key)), &none);
    site_expect_plain("no identifier", site_get(0, "GET", renewal_target("acme", "x")),
                      &(struct site_expected){400, "malformed", "not a certificate identifier", NULL});
    const struct early_renewal_order early = {.scope = "all",
                                              .issued_before = NOW + 1,
                                              .window = {NOW, NOW + 60, "https://acme.test/why"},
                                              .created_at = NOW};
    cr_assert_eq(store_early_renewal_insert(site.database.writer, &early), STORE_OK);
    site_expect_plain(
        "early", site_get(0, "GET", renewal_target("acme", id)),
        &(struct site_expected){200, NULL, "\"explanationURL\":\"https://acme.test/why\"", NULL});
    site_run("UPDATE certificates SET status = 'rejected', rejected_because = 'x'");
    site_expect_plain("rejected", site_get(0, "GET", renewal_target("acme", id)), &none);
    site_end();
}

Test(route_certificate, a_failing_statement_is_told)
{
    site_begin("");
    struct site_client *client = site_account("acme");
    struct site_leaf leaf = site_leaf(client, "DNS:a.test", "77", true);
    SITE_EXPECT("download", site_post_past_faults(client, path_of(&leaf, ""), NULL), 200, NULL, NULL, NULL);
    site_end();
}
