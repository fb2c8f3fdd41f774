/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by acme/certificate*.c only. */
#pragma once

#include "acme/pki/certificate.h"
#include "acme/pki/subject_names.h"

/* Reads the names. False when subjectAltName cannot be read, or appears twice. */
[[gnu::warn_unused_result]] bool certificate_names_read(struct arena *arena, const X509 *certificate,
                                                        struct subject_names *out);

[[gnu::warn_unused_result]] bool certificate_facts_read(struct arena *arena, const X509 *certificate,
                                                        struct certificate_facts *out);
