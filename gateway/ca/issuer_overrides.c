/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/issuer_overrides.h"

#include <stdio.h>
#include <unistd.h>

#include "gateway/runtime/log.h"
#include "store/issuer_overrides.h"

static const char *place_of(struct arena *arena, const char *issuer)
{
    return arena_printf(arena, "issuer override %s", issuer);
}

static bool refuse(const char *issuer, const char *reason, struct fault *fault)
{
    return fault_set(fault,
                     "issuers.%s: the section that the admin API has set cannot be used: %s. Repair it, or "
                     "return to the file's section with `acmegate issuer reset %s`",
                     issuer, reason, issuer);
}

static bool open_all(struct arena *arena, const struct secret_box *box, const struct issuer_override *sealed,
                     size_t count, struct config_override *out, struct fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        out[i].issuer = sealed[i].issuer;
        if (!secret_unseal(box, arena, sealed[i].sealed, place_of(arena, sealed[i].issuer), &out[i].text))
            return refuse(sealed[i].issuer,
                          "it was sealed with another secret key file; restore it from its back-up", fault);
    }
    return true;
}

bool issuer_overrides_load(struct arena *arena, const struct store_location *location,
                           struct issuer_override **out, size_t *count, struct fault *fault)
{
    *count = 0;
    if (!store_exists(location))
        return true;
    struct store_reader *reader = store_reader_open(location, fault);
    if (reader == NULL)
        return false;
    bool read = store_issuer_overrides(reader, arena, out, count) == STORE_OK;
    if (!read)
        fault_set(fault, "the database %s cannot be read", store_location_text(location));
    store_reader_close(reader);
    return read;
}

/* NULL with `fault`. */
static struct secret_box *open_secrets(struct arena *arena, const struct config *config, const char *issuer,
                                       struct fault *fault)
{
    struct secret_box *box = config_open_secrets(config, SECRET_BOX_MUST_EXIST, fault);
    if (box == NULL)
        refuse(issuer,
               arena_printf(arena, "the secret key file cannot be read: %s; restore it from its back-up",
                            fault->message),
               fault);
    return box;
}

bool issuer_override_open(struct arena *arena, const struct config *config,
                          const struct issuer_override *sealed, struct config_override *out,
                          struct fault *fault)
{
    struct secret_box *box = open_secrets(arena, config, sealed->issuer, fault);
    bool opened = box != NULL && open_all(arena, box, sealed, 1, out, fault);
    secret_box_free(box);
    return opened;
}

bool issuer_overrides_read(struct arena *arena, const struct config *config,
                           const struct store_location *location, struct config_override **out, size_t *count,
                           struct fault *fault)
{
    struct issuer_override *sealed = NULL;
    *out = NULL;
    if (!issuer_overrides_load(arena, location, &sealed, count, fault))
        return false;
    if (*count == 0)
        return true;
    struct secret_box *box = open_secrets(arena, config, sealed[0].issuer, fault);
    if (box == NULL)
        return false;
    *out = arena_alloc_array(arena, *count, sizeof **out);
    bool opened = open_all(arena, box, sealed, *count, *out, fault);
    secret_box_free(box);
    return opened;
}

static bool apply_one(struct arena *arena, const struct config_override *override,
                      struct issuer_config *section, struct fault *fault)
{
    struct config_errors errors = {0};
    const struct issuer_config *fresh = config_parse_override(arena, "override", override, &errors);
    if (fresh == NULL)
        return refuse(override->issuer, errors.lines[0], fault);
    if (fresh->type != section->type)
        return refuse(override->issuer, "the issuer has another type in the file now", fault);
    *section = *fresh;
    log_info("issuer %s follows the admin API, not the file", override->issuer);
    return true;
}

bool issuer_overrides_take(struct arena *arena, const struct config *config,
                           const struct store_location *location, const struct issuer_config **out,
                           struct fault *fault)
{
    struct issuer_config *sections = arena_alloc_array(arena, config->issuer_count, sizeof sections[0]);
    struct config_override *overrides = NULL;
    size_t count = 0;
    if (!issuer_overrides_read(arena, config, location, &overrides, &count, fault))
        return false;
    memcpy(sections, config->issuers, config->issuer_count * sizeof sections[0]);
    *out = sections;
    for (size_t i = 0; i < count; i++) {
        const struct issuer_config *section = config_issuer(config, overrides[i].issuer);
        if (section == NULL)
            log_warning("the section that the admin API has set for issuer %s has no effect: the file has no "
                        "such issuer",
                        overrides[i].issuer);
        else if (!apply_one(arena, &overrides[i], &sections[section - config->issuers], fault))
            return false;
    }
    return true;
}

const struct issuer_config *issuer_section_read(struct arena *arena, const char *config_path,
                                                const struct config_override *override,
                                                struct config_errors *errors)
{
    if (override->text.n != 0)
        return config_parse_override(arena, "request", override, errors);
    const struct config *file = config_load(arena, config_path, environ, errors);
    const struct issuer_config *section = file == NULL ? NULL : config_issuer(file, override->issuer);
    if (file != NULL && section == NULL) {
        static const char *gone = "the file no longer has this issuer";
        *errors = (struct config_errors){&gone, 1};
    }
    return section;
}

bool issuer_override_seal(struct arena *arena, const struct secret_box *box,
                          const struct config_override *override, struct issuer_override *out)
{
    out->issuer = override->issuer;
    return secret_seal(box, arena, override->text, place_of(arena, override->issuer), &out->sealed);
}
