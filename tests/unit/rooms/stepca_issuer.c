/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca_issuer.h"

void stepca_issuer_prepare(struct stepca_issuer *at, const char *provisioners)
{
    place_begin(&at->place);
    memset(at->pages, 0, sizeof at->pages);
    at->pages[PAGE_PROVISIONERS] =
        (struct world_page){.url = CA "1.0/provisioners?limit=100", .status = 200, .body = provisioners};
    at->pages[PAGE_INTERMEDIATES] = (struct world_page){.url = CA "1.0/intermediates", .status = 404};
    at->pages[PAGE_ROOTS] = (struct world_page){.url = CA "1.0/roots", .status = 404};
    world.pages = at->pages;
    at->config = stepca_world_issuer(&at->place);
}

void stepca_issuer_open(struct stepca_issuer *at)
{
    struct fault fault;
    at->outbound = outbound_start(NULL, NULL);
    at->issuer = issuer_new(&at->config, at->outbound, &fault);
    cr_assert(at->issuer != NULL, "%s", fault.message);
    fakes_pass(100);
}

void stepca_issuer_begin(struct stepca_issuer *at, const char *provisioners, int64_t max_concurrent)
{
    stepca_issuer_prepare(at, provisioners);
    at->config.max_concurrent = max_concurrent;
    stepca_issuer_open(at);
}

void stepca_issuer_end(struct stepca_issuer *at)
{
    fake_outbound_end_all();
    outbound_stop(at->outbound);
    issuer_free(at->issuer);
    outbound_free(at->outbound);
    place_end(&at->place);
}

struct issuer_status stepca_issuer_status(const struct stepca_issuer *at)
{
    struct issuer_status status;
    issuer_read_status(at->issuer, &status);
    return status;
}

size_t stepca_issuer_asked(const char *what)
{
    size_t count = 0;
    for (const char *found = world.asked; (found = strstr(found, what)) != NULL; found++)
        count++;
    return count;
}
