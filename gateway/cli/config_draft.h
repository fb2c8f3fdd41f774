/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration that `acmegate init` writes: the answers, and the commented text that they make. */
#pragma once

#include "acme/base/arena.h"
#include "acme/base/fault.h"

/* Lists are texts, with commas between their items. NULL: not answered yet. */
struct config_draft {
    const char *base_url;
    const char *listen;
    const char *state; /* the folder of the database */
    const char *names; /* that may be issued */
    const char *eab;
    bool local; /* a local CA in the state folder, else the step-ca of these: */
    const char *ca_url;
    const char *provisioner;
    const char *key_path;
    const char *password_path; /* NULL: the key is not encrypted */
    const char *root_path;
};

/* The names of the issuer and the folder of a local CA. */
const char *config_draft_issuer(const struct config_draft *draft);
const char *config_draft_ca_folder(struct arena *arena, const struct config_draft *draft);
const char *config_draft_database(struct arena *arena, const struct config_draft *draft);

/* Writes the file. Everything is answered. */
struct bytes config_draft_text(struct arena *arena, const struct config_draft *draft);

/* Checks the answers that there are, by the rules of the configuration. It opens no file. False with a
 * sentence that begins with the key. */
[[gnu::warn_unused_result]] bool config_draft_fits(struct arena *arena, const struct config_draft *draft,
                                                   struct fault *fault);

/* The text as a JSON string. */
const char *config_draft_quoted(struct arena *arena, const char *text);
