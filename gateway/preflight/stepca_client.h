/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to a step-ca by a thread that may wait: by `acmegate check`, and by `acmegate init` before there
 * is a configuration. A server asks in its own way (gateway/ca).
 */
#pragma once

#include "acme/base/fault.h"
#include "gateway/outbound/outbound.h"
#include "stepca/messages.h"
#include "stepca/outcome.h"

struct stepca_client {
    struct arena *arena; /* of requests and replies */
    struct outbound *outbound;
    const char *url;          /* https://host[:port], no slash at the end */
    struct bytes trusted_pem; /* the roots; empty: the CA's certificate is not looked at */
    int64_t timeout_ms;
};

/* A request for `path`, which has no leading slash, and the meaning of its reply. */
struct outbound_http_request stepca_client_request(const struct stepca_client *client, const char *method,
                                                   const char *path);
void stepca_client_call(const struct stepca_client *client, enum stepca_call call,
                        const struct outbound_http_request *request, struct outbound_http_reply *reply,
                        struct stepca_error *error);
void stepca_client_get(const struct stepca_client *client, const char *path,
                       struct outbound_http_reply *reply, struct stepca_error *error);

/* Whether the CA answers, is trusted and is well. */
enum stepca_reach {
    STEPCA_REACHED,
    STEPCA_UNREACHABLE,
    STEPCA_CLOCK_IS_OFF, /* its certificate is not valid at our time */
    STEPCA_OTHER_NAME,   /* its certificate has other names than the URL's host */
    STEPCA_UNTRUSTED,    /* its certificate is not the roots' */
    STEPCA_UNWELL,       /* it answers /health with something else than step-ca does */
};
enum stepca_reach stepca_client_reach(const struct stepca_client *client, struct outbound_http_reply *reply,
                                      struct stepca_error *error);

/* Compares the CA's time, from a reply, with ours. False when it refuses our tokens because of it. `date` is
 * not 0. */
[[gnu::warn_unused_result]] bool stepca_clock_fits(int64_t date, struct fault *fault);

/* Gives each page of the CA's provisioners to `take`. The pages live in the arena. False when the CA could
 * not be asked to the end. */
[[gnu::warn_unused_result]] bool stepca_client_provisioners(
    const struct stepca_client *client,
    void (*take)(void *context, const struct stepca_provisioner_page *page), void *context,
    struct fault *fault);

/* Reads the root with this fingerprint, as DER. The CA is not trusted for it: the fingerprint decides. False
 * with a sentence: the CA does not answer, knows no such root, or answers with another. */
[[gnu::warn_unused_result]] bool stepca_client_root(const struct stepca_client *client,
                                                    const char *fingerprint_hex, struct bytes *der,
                                                    struct fault *fault);
