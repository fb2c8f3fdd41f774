/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The known lifetimes of a CA, with the source of each value. A CA states some (a provisioner's claims),
 * shows some in its certificates, and names some in refusals. The rest is assumed: step-ca does not publish
 * the claims of the whole authority. Pure: `now` is an argument. Durations in seconds, times in unix seconds.
 */
#pragma once

#include "acme/validity.h"

enum ca_fact_source {
    CA_FACT_ASSUMED,  /* step-ca's usual value; no request is refused because of it */
    CA_FACT_TOLD,     /* stated by the CA: binding until it states another */
    CA_FACT_OBSERVED, /* seen in a certificate that it signed */
    CA_FACT_LEARNED,  /* from the words of a refusal; forgotten after CA_FACT_LEARNED_FOR_S */
};

/* A limit learned from a refusal is tried again after this time. Nothing else shows that the CA has lifted
 * it. */
enum { CA_FACT_LEARNED_FOR_S = 3600 };

struct ca_fact {
    int64_t seconds; /* 0: no such limit */
    enum ca_fact_source source;
    int64_t at; /* when it became known; 0: assumed from the beginning */
};

/* The durations that the CA states; 0: it does not state it. */
struct ca_claims {
    int64_t min_s, max_s, default_s;
};

struct ca_knowledge {
    struct ca_fact min, max; /* `max` observed: the CA has granted this much; its maximum is not known */
    struct ca_fact usual;    /* the lifetime of a certificate whose end is left to the CA */
    struct ca_fact backdate; /* how long before its signing a certificate's validity begins */
    struct ca_claims told;   /* the last claims */
};

/* Starts with assumed values: 5 minutes, 24 hours, 24 hours and a minute. */
void ca_knowledge_init(struct ca_knowledge *knowledge);

/* Takes `claims`, which the CA has stated, again or for the first time. An unchanged value does not restore
 * what a certificate or a refusal has contradicted since. */
void ca_knowledge_tell(struct ca_knowledge *knowledge, const struct ca_claims *claims, int64_t now);

struct ca_signed {
    int64_t signed_at; /* when the CA was called */
    int64_t not_before, not_after;
    bool begin_left, end_left; /* notBefore, notAfter were left to the CA */
};

/* Learns from a certificate that the CA has signed; values that it contradicts are forgotten. True when
 * something has changed. */
bool ca_knowledge_observe(struct ca_knowledge *knowledge, const struct ca_signed *certificate);

enum ca_refusal_kind { CA_REFUSAL_OTHER, CA_REFUSAL_TOO_LONG, CA_REFUSAL_TOO_SHORT };

/* A refusal because of the duration, in the CA's numbers: from notBefore to notAfter. */
struct ca_refusal {
    enum ca_refusal_kind kind;
    int64_t requested_s;
    int64_t limit_s; /* a maximum includes the CA's backdate */
};

/* Learns from a refusal of the request `asked`, made at `now`. CA_REFUSAL_OTHER teaches nothing. */
void ca_knowledge_refused(struct ca_knowledge *knowledge, const struct ca_refusal *refusal,
                          const struct validity_request *asked, int64_t now);

/* Sets the issuer_… and learned_… members; the others stay. */
void ca_knowledge_limits(const struct ca_knowledge *knowledge, struct validity_limits *out);

/* Returns "assumed", "told", "observed" or "learned". */
const char *ca_fact_source_name(enum ca_fact_source source);

/* Returns words to follow a value, such as " (assumed: step-ca does not publish authority-wide claims)". */
const char *ca_fact_source_words(enum ca_fact_source source);
