/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `acmegate init`: the CA (init_ca.c), the questions (init_questions.c), and the files
 * (cli_init.c). */
#pragma once

#include "gateway/cli/cli_arguments.h"
#include "gateway/cli/config_draft.h"
#include "gateway/preflight/stepca_client.h"

/* ---- the CA ---- */

struct init_ca {
    struct stepca_client client; /* its url and roots are set step by step */
    const char *fingerprint;     /* of the root that is still to be read; NULL: it was a file */
    struct stepca_provisioner *provisioners;
    size_t count;
    struct stepca_other_provisioner *others; /* of other types */
    size_t other_count;
};

/* The provisioner's key, as text that is kept, and what opens it. */
struct init_key {
    struct bytes text;
    struct bytes password; /* empty: the key is not encrypted */
};

/* Reads an answer. False with a sentence. */
[[nodiscard]] bool init_ca_set_url(struct init_ca *ca, const char *answer, struct fault *fault);
/* A SHA-256 in hexadecimal digits, which may have colons between them. */
[[nodiscard]] bool init_ca_set_fingerprint(struct init_ca *ca, const char *answer, struct fault *fault);
[[nodiscard]] bool init_ca_set_root_file(struct init_ca *ca, const char *path, struct fault *fault);

/* Takes the root by its fingerprint, and reads the provisioners over a connection that the root vouches
 * for. False with a sentence. */
[[nodiscard]] bool init_ca_connect(struct init_ca *ca, struct fault *fault);

/* "acmegate, admin", or "none"; with "acme (ACME)" for other types. */
const char *init_ca_provisioners_text(const struct init_ca *ca);
/* Finds a JWK provisioner by its name, or by its place in the list, counted from 1. NULL with a sentence. */
const struct stepca_provisioner *init_ca_provisioner(const struct init_ca *ca, const char *name,
                                                     struct fault *fault);

enum init_key_state { INIT_KEY_OPENS, INIT_KEY_NEEDS_PASSWORD, INIT_KEY_IS_WRONG };
/* Opens the key and compares it with the provisioner's. It takes a second. Not INIT_KEY_OPENS: with a
 * sentence. */
enum init_key_state init_ca_try_key(const struct init_ca *ca, const struct stepca_provisioner *provisioner,
                                    const struct init_key *key, struct fault *fault);

/* ---- the questions ---- */

struct init {
    const struct cli_arguments *arguments;
    struct arena *arena;
    bool asks; /* at a terminal */
    struct config_draft draft;
    struct init_ca ca;
    const struct stepca_provisioner *provisioner;
    struct init_key key;
    int status; /* the exit status after a failure, which has its message */
};

/* Each takes the options' values, and asks for the others at a terminal. False with `status` set. */
[[nodiscard]] bool init_ask_ca(struct init *init);
[[nodiscard]] bool init_ask_server(struct init *init);

/* Checks that files can be made in the folder, which may be missing itself. False with a sentence. */
[[nodiscard]] bool init_folder_fits(struct arena *arena, const char *folder, struct fault *fault);
