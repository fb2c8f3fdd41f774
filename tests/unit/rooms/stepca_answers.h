/* SPDX-License-Identifier: Apache-2.0 */
/* A site that passes step-ca's API on, to a CA that answers as a test says. */
#pragma once

#include "gateway/ca/issuer_api.h"
#include "site.h"

struct stepca_answer {
    enum issuer_api_outcome outcome;
    int status;
    const char *reply;
};
#define ANSWERED(status, reply) {ISSUER_API_ANSWERED, status, reply}

/* The answers of issuer main's CA. */
extern struct stepca_answer stepca_says;
/* The last request, "GET /1.0/…"; NULL: none. */
extern const char *stepca_asked, *stepca_asked_body;

/* The API is passed on for the profile "default"; the key that its issuer signs with has the id "own-kid". */
void stepca_api_begin(void);

struct fake_reply *stepca_ask(const char *method, const char *target, const char *body,
                              const char *authorization);
/* Refusals must have step-ca's form; `events` as site_expect has them. */
void stepca_expect(const char *what, const struct fake_reply *reply, int status, const char *words,
                   const char *events);

/* base64url. */
const char *stepca_text(const char *text);
/* A one-time token of the provisioner "people" for this name. */
const char *stepca_token(const char *name);
