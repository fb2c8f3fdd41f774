/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/preflight/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "acme/base/time_text.h"

enum { LINE_MAX_BYTES = 2048 };

/* ---- lines ---- */

[[gnu::format(printf, 3, 0)]] static void tell(const struct check *check, const char *verdict,
                                               const char *format, va_list arguments)
{
    char line[LINE_MAX_BYTES];
    vsnprintf(line, sizeof line, format, arguments);
    check->print(verdict, line);
}

void check_ok(struct check *check, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(check, "ok", format, arguments);
    va_end(arguments);
}

void check_warn(struct check *check, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(check, "warn", format, arguments);
    va_end(arguments);
}

static void keep_failure(struct check *check, const char *line)
{
    const char **longer = arena_alloc_array(check->arena, check->failure_count + 1, sizeof *longer);
    if (check->failure_count != 0)
        memcpy(longer, check->failures, check->failure_count * sizeof *longer);
    longer[check->failure_count++] = arena_duplicate(check->arena, line);
    check->failures = longer;
}

void check_fail(struct check *check, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    check->failed = true;
    keep_failure(check, line);
    check->print("FAIL", line);
}

/* ---- lifetimes of certificates ---- */

/* Returns "12h (learned …)". A value that the CA states needs no source. */
static const char *fact_words(const struct check *check, const struct ca_fact *fact)
{
    char duration[DURATION_TEXT_BYTES];
    duration_format(duration, fact->seconds);
    return arena_printf(check->arena, "%s%s", duration,
                        fact->source == CA_FACT_TOLD ? "" : ca_fact_source_words(fact->source));
}

/* An assumed limit refuses nothing: acmegate asks, and learns from the CA's refusal. */
static bool is_bound(const struct ca_fact *fact)
{
    return fact->seconds != 0 && fact->source != CA_FACT_ASSUMED;
}

static void check_wish(struct check *check, const struct issuer_config *issuer,
                       const struct ca_knowledge *known)
{
    char preferred[DURATION_TEXT_BYTES];
    int64_t preferred_s = issuer->validity_s;
    duration_format(preferred, preferred_s);
    if (preferred_s == 0)
        check_ok(check, "issuer %s: no validity_days: certificates live for the CA's default", issuer->id);
    else if (is_bound(&known->min) && preferred_s < known->min.seconds)
        check_fail(check,
                   "issuer %s: validity_days is %s, the CA's minimum %s: nothing could be signed; raise it",
                   issuer->id, preferred, fact_words(check, &known->min));
    else if (is_bound(&known->max) && preferred_s > known->max.seconds)
        check_warn(check,
                   "issuer %s: validity_days is %s, the CA's maximum %s: certificates will live no longer "
                   "than that; "
                   "lower validity_days, or raise the provisioner's maxTLSCertDuration",
                   issuer->id, preferred, fact_words(check, &known->max));
    else if (known->max.seconds != 0 && preferred_s > known->max.seconds)
        check_warn(check,
                   "issuer %s: validity_days is %s, the CA's maximum is assumed to be %s; acmegate requests "
                   "%s, and less when the CA refuses",
                   issuer->id, preferred, fact_words(check, &known->max), preferred);
    else
        check_ok(check, "issuer %s: validity_days, %s, is within the CA's limits%s", issuer->id, preferred,
                 is_bound(&known->max) || known->max.seconds == 0 ? ""
                                                                  : ca_fact_source_words(known->max.source));
}

static void check_profile(struct check *check, const struct profile_config *profile, int64_t preferred_s,
                          const struct ca_knowledge *known)
{
    char ttl[DURATION_TEXT_BYTES];
    char preferred[DURATION_TEXT_BYTES];
    duration_format(ttl, profile->max_ttl_s);
    duration_format(preferred, preferred_s);
    if (is_bound(&known->min) && profile->max_ttl_s < known->min.seconds)
        check_fail(check, "profile %s: max_ttl is %s, the CA's minimum %s: nothing could be signed; raise it",
                   profile->name, ttl, fact_words(check, &known->min));
    else if (is_bound(&known->max) && profile->max_ttl_s > known->max.seconds)
        check_warn(check, "profile %s: max_ttl is %s, the CA's maximum %s: that is the limit", profile->name,
                   ttl, fact_words(check, &known->max));
    else if (preferred_s > profile->max_ttl_s)
        check_warn(check,
                   "profile %s: max_ttl, %s, is less than the issuer's validity_days, %s: that is the limit",
                   profile->name, ttl, preferred);
    else if (known->max.seconds != 0 && profile->max_ttl_s > known->max.seconds)
        check_warn(check, "profile %s: max_ttl is %s, the CA's maximum is assumed to be %s", profile->name,
                   ttl, fact_words(check, &known->max));
    else
        check_ok(check, "profile %s: max_ttl, %s, is within the CA's limits%s", profile->name, ttl,
                 is_bound(&known->max) || known->max.seconds == 0 ? ""
                                                                  : ca_fact_source_words(known->max.source));
}

void check_validity(struct check *check, const struct issuer_config *issuer, const struct ca_knowledge *known)
{
    check_wish(check, issuer, known);
    for (size_t i = 0; i < check->config->profile_count; i++)
        if (strcmp(check->config->profiles[i].issuer, issuer->id) == 0)
            check_profile(check, &check->config->profiles[i], issuer->validity_s, known);
}
