/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/kept/own_certificate_internal.h"

#include "acme/base/file.h"
#include "gateway/outbound/outbound_wait.h"
#include "gateway/runtime/log.h"

enum { CHECK_MS = 60 * 1000 };

static void check(void *argument)
{
    struct own_certificate *own = argument;
    if (own->stopped)
        return;
    if (own_certificate_is_issued(own)) {
        own_certificate_check_issued(own);
        return;
    }
    own_certificate_warn_of_end(own, "replace the files of tls.cert and tls.key, and send SIGHUP");
    outbound_timer_set(own->parts.outbound, &own->timer, CHECK_MS);
}

static void run_begin(struct outbound_message *message)
{
    check((struct own_certificate *)((char *)message - offsetof(struct own_certificate, begin)));
}

struct changed_message {
    struct outbound_message message; /* first */
    struct own_certificate *own;
};

static void run_changed(struct outbound_message *message)
{
    struct own_certificate *own = ((struct changed_message *)message)->own;
    free(message);
    if (own_certificate_is_issued(own))
        own_certificate_change_issued(own);
}

void own_certificate_issuer_changed(struct own_certificate *own)
{
    if (own == NULL)
        return;
    struct changed_message *changed = malloc(sizeof *changed);
    if (changed == NULL)
        end_without("memory");
    *changed = (struct changed_message){{.run = run_changed}, own};
    outbound_post(own->parts.outbound, &changed->message);
}

void own_certificate_revoked(struct own_certificate *own, struct bytes leaf)
{
    struct arena *arena = arena_new();
    if (own != NULL && !own->stopped && own_certificate_is_in_use(own, arena, leaf)) {
        if (own_certificate_is_issued(own))
            own_certificate_replace_issued(own);
        else
            log_error("server TLS certificate was revoked: replace the files of tls.cert and tls.key, and "
                      "send SIGHUP");
    }
    arena_free(arena);
}

/* ---- life ---- */

void own_certificate_note_files(struct own_certificate *own, const struct own_certificate_files *files)
{
    struct arena *arena = arena_new();
    struct certificate_facts facts;
    if (certificate_read_facts(arena, files->certificates[0], &facts))
        own_certificate_note_ends(own, &facts, files->certificates, files->count);
    arena_free(arena);
}

static bool use_configured_files(struct own_certificate *own, struct fault *fault)
{
    struct arena *arena = arena_new();
    struct own_certificate_files files;
    bool good = own_certificate_files_read(arena, own->parts.config, &files, fault) &&
                own_certificate_use_pem(own, files.chain_pem, files.key_pem, fault);
    if (good)
        own_certificate_note_files(own, &files);
    arena_free(arena);
    return good;
}

struct own_certificate *own_certificate_start(const struct own_certificate_parts *parts, struct fault *fault)
{
    struct own_certificate *own = calloc(1, sizeof *own);
    if (own == NULL)
        end_without("memory");
    own->parts = *parts;
    own->arena = arena_new();
    own->timer = (struct outbound_timer){.run = check, .argument = own};
    own->begin.run = run_begin;
    if (own_certificate_is_issued(own)) {
        own_certificate_prepare_issued(own);
    } else if (!use_configured_files(own, fault)) {
        own_certificate_free(own);
        return NULL;
    }
    outbound_post(parts->outbound, &own->begin);
    return own;
}

static void run_stop(void *argument)
{
    struct own_certificate *own = argument;
    own->stopped = true;
    outbound_timer_cancel(own->parts.outbound, &own->timer);
}

void own_certificate_stop(struct own_certificate *own)
{
    if (own != NULL)
        outbound_run_and_wait(own->parts.outbound, run_stop, own);
}

void own_certificate_free(struct own_certificate *own)
{
    if (own == NULL)
        return;
    kept_certificate_end(&own->kept);
    arena_free(own->arena);
    free(own);
}

const char *own_certificate_path(struct arena *arena, const struct config *config)
{
    return config_file_beside(arena, config, "tls.crt");
}

void own_certificate_read_expiry(const struct own_certificate *own, struct own_certificate_expiry *out)
{
    const char *id = own == NULL ? NULL : own->parts.config->tls_issuer;
    const struct issuer *issuer = id == NULL ? NULL : issuers_find(own->parts.issuers, id);
    *out = (struct own_certificate_expiry){
        .leaf = own == NULL ? 0 : atomic_load(&own->not_after),
        .intermediates = own == NULL ? 0 : atomic_load(&own->intermediates_end),
        .roots = issuer == NULL ? 0 : issuer->roots_first_end,
    };
}

struct bytes own_certificate_intermediates(const struct own_certificate *own, struct arena *arena)
{
    struct bytes chain_pem, *certificates = NULL;
    size_t count = 0;
    if (own == NULL || !own_certificate_is_issued(own) ||
        !file_read(arena, own->kept.parts.chain_path, CONFIG_FILE_MAX_BYTES, &chain_pem) ||
        !certificates_from_pem(arena, chain_pem, &certificates, &count))
        return (struct bytes){0};
    return certificates_to_pem(arena, certificates + 1, count - 1);
}
