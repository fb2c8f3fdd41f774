/* SPDX-License-Identifier: Apache-2.0 */
/* A CA with an intermediate, and what each asker has it sign: a certificate for dns:a.example, a day long. */
#pragma once

#include "acme/pki.h"
#include "acme/pki/csr.h"
#include "gateway/issuance/issuance_plan.h"
#include "gateway/issuance/issuance_sign.h"
#include "gateway/issuance/issuance_write.h"
#include "store/database.h"

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, MINUTE_S = 60 };

struct issuance_scene {
    struct arena *arena;
    struct issuer issuer; /* of a CA with an intermediate, ten days long */
    struct issuer other;  /* has taken its place, with another root */
    struct pki_ca ca;
    X509_REQ *csr;
    struct identifier *names;
    size_t name_count;
    struct name_policy policy;
    struct validity_request validity;
};

void issuance_scene_begin(struct issuance_scene *scene);
void issuance_scene_end(struct issuance_scene *scene);

/* ---- who asks ---- */

enum asker { ORDER, API_SIGN, API_RENEWAL, COMMAND, OWN_CERTIFICATE, RESPONDER, ASKERS };

struct issuance_terms issuance_terms_of(const struct issuance_scene *scene, enum asker asker);

/* ---- certificates that came ---- */

enum signer { BY_INTERMEDIATE, BY_ROOT, BY_STRANGER };
enum key { ITS_KEY, ANOTHER_KEY };

/* In the place of what was asked for. */
struct came {
    enum signer signer;
    enum key key;
    const char *names; /* NULL: the one that was asked for; "": none */
    bool is_ca;
    bool unknown_critical;
    int64_t begins, ends; /* from now; 0: a minute ago, in a day */
};

struct chain {
    struct bytes certificates[2];
    size_t count;
};

/* `number` is in its serial number. */
struct chain issuance_chain_of(const struct issuance_scene *scene, const struct came *came, size_t number);
