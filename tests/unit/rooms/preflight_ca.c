/* SPDX-License-Identifier: Apache-2.0 */
#include "preflight_ca.h"

#include <stdio.h>

struct place preflight_place;
struct config preflight_config;
struct ocsp_config preflight_ocsp;
char preflight_told[LINES_BYTES];
static struct world_page pages[GOOD_STEPCA_PAGES];

static void print(const char *verdict, const char *line)
{
    size_t n = strlen(preflight_told);
    snprintf(preflight_told + n, sizeof preflight_told - n, "%s: %s\n", verdict, line);
}

void preflight_expect_told(const char *name, const char *words)
{
    cr_expect(strstr(preflight_told, words) != NULL, "%s: \"%s\" is not told:\n%s", name, words,
              preflight_told);
}

void preflight_make_ca(void)
{
    good_stepca_make(&preflight_place, pages);
}

void preflight_change_page(const struct world_page *page)
{
    size_t i = 0;
    while (pages[i].url != NULL && strcmp(pages[i].url, page->url) != 0)
        i++;
    cr_assert_not_null(pages[i].url, "%s", page->url);
    if (page->status == 0 && page->error == NULL)
        pages[i].url = "https://nobody.test/";
    else
        pages[i] = *page;
}

struct preflight_outcome preflight_run(int64_t validity_s, int64_t max_ttl_s)
{
    struct fault fault = {0};
    struct outbound *outbound = outbound_start(NULL, &fault);
    const struct profile_config profile = {.name = "p", .issuer = "one", .max_ttl_s = max_ttl_s};
    struct config config = preflight_config;
    config.base_url = "https://acme.test";
    config.profiles = &profile;
    config.profile_count = 1;
    struct issuer_config issuer = stepca_world_issuer(&preflight_place);
    issuer.validity_s = validity_s;
    issuer.ocsp = preflight_ocsp;
    struct check check = {
        .arena = preflight_place.arena, .config = &config, .outbound = outbound, .print = print};
    preflight_told[0] = '\0';
    check_stepca(&check, &issuer);
    cr_expect_eq(check.failed, check.failure_count != 0);
    outbound_stop(outbound);
    outbound_free(outbound);
    return (struct preflight_outcome){check.failed, check.key_id};
}
