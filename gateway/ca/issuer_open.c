/* SPDX-License-Identifier: Apache-2.0 */
/* Makes an issuer from its configuration. */
#include <errno.h>
#include <stdio.h>

#include "acme/base/file.h"
#include "gateway/ca/issuer_local.h"
#include "gateway/ca/issuer_stepca.h"

enum { CHAIN_MAX_BYTES = 256 * 1024 };

static struct issuer *open_issuer(const struct issuer_config *config, struct outbound *outbound,
                                  struct fault *fault)
{
    switch (config->type) {
    case ISSUER_STEPCA:
        return issuer_stepca_new(config, outbound, fault);
    case ISSUER_LOCAL:
        return issuer_local_new(config, outbound, fault);
    }
    fault_set(fault, "it has no type");
    return NULL;
}

static bool read_chain_file(struct arena *arena, const char *path, struct bytes *pem, struct fault *fault)
{
    struct bytes *certificates = NULL;
    size_t count = 0;
    if (!file_read(arena, path, CHAIN_MAX_BYTES, pem))
        fault_set(fault, "alternate_chains %s: %s", path, strerror(errno));
    else if (!certificates_from_pem(arena, *pem, &certificates, &count))
        fault_set(fault, "alternate_chains %s: it contains no certificate, or a damaged one", path);
    else
        return true;
    return false;
}

static const char **copy_texts(struct arena *arena, const char *const *texts, size_t count)
{
    const char **copies = arena_alloc_array(arena, count, sizeof copies[0]);
    for (size_t i = 0; i < count; i++)
        copies[i] = arena_duplicate(arena, texts[i]);
    return copies;
}

static const struct issuer_config *copy_config(struct arena *arena, const struct issuer_config *config)
{
    struct issuer_config *copy = arena_alloc(arena, sizeof *copy);
    *copy = *config;
    copy->id = arena_duplicate(arena, config->id);
    copy->ca_url = arena_duplicate(arena, config->ca_url);
    copy->provisioner_name = arena_duplicate(arena, config->provisioner_name);
    copy->provisioner_key_path = arena_duplicate(arena, config->provisioner_key_path);
    copy->provisioner_password = copy->key_password = (struct bytes){0};
    copy->ocsp = (struct ocsp_config){0};
    copy->root_cert_path = arena_duplicate(arena, config->root_cert_path);
    copy->alternate_chains = copy_texts(arena, config->alternate_chains, config->alternate_chain_count);
    copy->directory = arena_duplicate(arena, config->directory);
    return copy;
}

/* The files are read first: once an issuer exists, the outbound thread may work for it. */
struct issuer *issuer_new(const struct issuer_config *config, struct outbound *outbound, struct fault *fault)
{
    struct arena *arena = arena_new();
    struct bytes *alternates = arena_alloc_array(arena, config->alternate_chain_count, sizeof alternates[0]);
    bool good = true;
    for (size_t i = 0; good && i < config->alternate_chain_count; i++)
        good = read_chain_file(arena, config->alternate_chains[i], &alternates[i], fault);
    struct issuer *issuer = good ? open_issuer(config, outbound, fault) : NULL;
    if (issuer == NULL) {
        arena_free(arena);
        return NULL;
    }
    issuer->alternates_arena = arena;
    issuer->alternates = alternates;
    issuer->alternate_count = config->alternate_chain_count;
    issuer->config = copy_config(arena, config);
    return issuer;
}

bool issuer_alternate_chain(const struct issuer *issuer, struct bytes leaf, size_t n, struct bytes *chain_pem)
{
    if (n == 0 || n > issuer->alternate_count)
        return false;
    *chain_pem = issuer->alternates[n - 1];
    return certificate_is_signed_along(leaf, *chain_pem);
}

bool issuer_ocsp_config(struct arena *arena, const struct issuer_config *config, struct issuer_config *out)
{
    *out = *config;
    if (config->ocsp.provisioner_name == NULL)
        return false;
    out->id = arena_printf(arena, "%s" ISSUER_OCSP_SUFFIX, config->id);
    out->provisioner_name = config->ocsp.provisioner_name;
    out->provisioner_key_path = config->ocsp.provisioner_key_path;
    out->provisioner_password = config->ocsp.provisioner_password;
    out->validity_s = 0;
    out->ocsp = (struct ocsp_config){0};
    return true;
}

bool issuer_open_ocsp(struct issuer *issuer, const struct issuer_config *config, struct fault *fault)
{
    struct arena *arena = issuer->alternates_arena;
    struct issuer_config second;
    issuer->ocsp.certificate_path = arena_duplicate(arena, config->ocsp.certificate_path);
    issuer->ocsp.key_path = arena_duplicate(arena, config->ocsp.key_path);
    if (!issuer_ocsp_config(arena, config, &second))
        return true;
    issuer->ocsp.issuer = issuer_new(&second, issuer->outbound, fault);
    if (issuer->ocsp.issuer == NULL)
        fault_prefix(fault, "ocsp.");
    return issuer->ocsp.issuer != NULL;
}

bool issuer_open_roots(struct issuer *issuer, const struct issuer_config *config, struct arena *arena,
                       struct fault *fault)
{
    const char *path = config->type == ISSUER_STEPCA
                           ? config->root_cert_path
                           : arena_printf(arena, "%s/" LOCAL_CA_ROOT, config->directory);
    struct bytes pem;
    if (!file_read(arena, path, CHAIN_MAX_BYTES, &pem))
        return fault_set(fault, "%s: %s", path, strerror(errno));
    if (issuer_init(issuer, NULL, arena, config->id, pem, fault))
        return true;
    issuer_clear(issuer);
    return fault_prefix(fault, "%s: ", path);
}
