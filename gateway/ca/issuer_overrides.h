/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers as the admin API wants them: sealed in the database, in the place of the file's sections and of the
 * environment. */
#pragma once

#include "acme/base/fault.h"
#include "gateway/config/config.h"
#include "gateway/keys/secret_box.h"
#include "store/issuer_overrides.h"

/* Reads the overrides in the database, sealed as they are; none when there is no database yet. It uses its
 * own connection. False with `fault`. */
[[gnu::warn_unused_result]] bool issuer_overrides_load(struct arena *arena,
                                                       const struct store_location *location,
                                                       struct issuer_override **out, size_t *count,
                                                       struct fault *fault);

/* Opens one of them. False with `fault`, which names the remedy. */
[[gnu::warn_unused_result]] bool issuer_override_open(struct arena *arena, const struct config *config,
                                                      const struct issuer_override *sealed,
                                                      struct config_override *out, struct fault *fault);

/* Reads an issuer's section from an override, or from the file at `config_path` when its text is empty. NULL
 * with `errors`. */
[[gnu::warn_unused_result]] const struct issuer_config *issuer_section_read(
    struct arena *arena, const char *config_path, const struct config_override *override,
    struct config_errors *errors);

/*
 * Reads and opens the overrides in the database; none when there is no database yet. It uses
 * its own connection, whether a server runs or not. False with `fault`, which names the remedy, when one
 * cannot be opened.
 */
[[gnu::warn_unused_result]] bool issuer_overrides_read(struct arena *arena, const struct config *config,
                                                       const struct store_location *location,
                                                       struct config_override **out, size_t *count,
                                                       struct fault *fault);

/* The issuers of the configuration with those in their places. False with `fault`, as above, also when one of
 * them cannot be used. */
[[gnu::warn_unused_result]] bool issuer_overrides_take(struct arena *arena, const struct config *config,
                                                       const struct store_location *location,
                                                       const struct issuer_config **out, struct fault *fault);

/* Ready for the store. False when OpenSSL fails. */
[[gnu::warn_unused_result]] bool issuer_override_seal(struct arena *arena, const struct secret_box *box,
                                                      const struct config_override *override,
                                                      struct issuer_override *out);
