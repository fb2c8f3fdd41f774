/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations as texts: the parts of a good one, and what is told of a bad one. */
#pragma once

#include "gateway/config/config.h"

#define STEPCA \
    "\"type\": \"stepca\", \"ca_url\": \"https://ca.internal:9000\", \"provisioner_name\": \"acmegate\"," \
    " \"provisioner_key_path\": \"/etc/key.json\", \"provisioner_password\": \"secret\"," \
    " \"root_cert_path\": \"/etc/root.crt\""
#define LOCAL   "\"type\": \"local\", \"directory\": \"ca\""
#define TOP     "\"base_url\": \"https://acme.internal:9443\", \"tls\": {\"issuer\": \"main\"}"
#define ISSUERS "\"issuers\": {\"main\": {" STEPCA "}}"
#define REST \
    "\"profiles\": {\"default\": {\"issuer\": \"main\"}}, \"endpoints\": {\"acme\": {\"profiles\": " \
    "[\"default\"]}}"
#define GOOD TOP ", " ISSUERS ", " REST

/* NULL with `errors`. */
const struct config *config_text_parse(struct arena *arena, const char *text, char *const *environment,
                                       struct config_errors *errors);
/* It must be good. */
const struct config *config_text_good(struct arena *arena, const char *text, char *const *environment);
/* True when some line tells all of it: the path, and the words. */
bool config_text_tells(const struct config_errors *errors, const char *path, const char *words);
