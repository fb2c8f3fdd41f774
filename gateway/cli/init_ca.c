/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acme/base/file.h"
#include "acme/base/host_port.h"
#include "gateway/ca/issuer.h"
#include "gateway/cli/init.h"
#include "gateway/config/config.h"

enum {
    SHA256_DIGITS = 64,
    SHA1_DIGITS = 40,
    NAMES_MAX_BYTES = 2048,
};

#define HTTPS "https://"

/* ---- answers ---- */

static const char *without_slashes(struct arena *arena, const char *url)
{
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/')
        n--;
    return arena_string(arena, bytes_of(url, n));
}

bool init_ca_set_url(struct init_ca *ca, const char *answer, struct fault *fault)
{
    struct arena *arena = ca->client.arena;
    const char *scheme = strstr(answer, "://");
    const char *rest = scheme == NULL ? answer : scheme + strlen("://");
    if (*rest == '\0')
        return fault_set(fault, "the URL of the CA is empty; it is such as https://ca.internal:9000");
    if (strncasecmp(answer, HTTPS, strlen(HTTPS)) != 0)
        return fault_set(
            fault, "the URL must begin with https://, because step-ca speaks TLS; did you mean " HTTPS "%s?",
            rest);
    const struct config_draft draft = {.ca_url = without_slashes(arena, answer)};
    if (!config_draft_fits(arena, &draft, fault))
        return false;
    ca->client.url = draft.ca_url;
    return true;
}

/* openssl prints "sha256 Fingerprint=AB:CD:…", and step the digits alone. */
bool init_ca_set_fingerprint(struct init_ca *ca, const char *answer, struct fault *fault)
{
    const char *equals = strchr(answer, '=');
    const char *at = equals == NULL ? answer : equals + 1;
    char *digits = arena_alloc(ca->client.arena, strlen(at) + 1);
    size_t n = 0;
    for (; *at != '\0'; at++) {
        if (*at == ':' || *at == ' ')
            continue;
        if (!isxdigit((unsigned char)*at))
            return fault_set(fault, "'%s' is not a fingerprint: it has %d hexadecimal digits", answer,
                             SHA256_DIGITS);
        digits[n++] = (char)tolower((unsigned char)*at);
    }
    if (n == SHA1_DIGITS)
        return fault_set(fault, "'%s' is a SHA-1; the fingerprint is a SHA-256, of %d hexadecimal digits",
                         answer, SHA256_DIGITS);
    if (n != SHA256_DIGITS)
        return fault_set(fault, "'%s' has %zu hexadecimal digits; a fingerprint has %d", answer, n,
                         SHA256_DIGITS);
    ca->fingerprint = digits;
    return true;
}

bool init_ca_set_root_file(struct init_ca *ca, const char *path, struct fault *fault)
{
    struct issuer_config config = {.id = "main", .type = ISSUER_STEPCA, .root_cert_path = path};
    struct issuer roots = {0};
    ca->fingerprint = NULL;
    if (!issuer_open_roots(&roots, &config, ca->client.arena, fault))
        return false;
    ca->client.trusted_pem = roots.roots_pem;
    issuer_clear(&roots);
    return true;
}

/* ---- the CA ---- */

static const char *host_of(struct arena *arena, const char *url)
{
    struct host_port parts;
    if (!host_port_parse(bytes_from_string(url + strlen(HTTPS)), &parts))
        return url;
    return arena_string(arena, parts.host);
}

static bool take_root(struct init_ca *ca, struct fault *fault)
{
    struct bytes root;
    if (ca->fingerprint == NULL)
        return true;
    if (!stepca_client_root(&ca->client, ca->fingerprint, &root, fault))
        return false;
    ca->client.trusted_pem = bytes_from_string(certificate_to_pem(ca->client.arena, root));
    return true;
}

static bool reach(const struct init_ca *ca, struct fault *fault)
{
    const struct stepca_client *client = &ca->client;
    struct outbound_http_reply reply;
    struct stepca_error error;
    switch (stepca_client_reach(client, &reply, &error)) {
    case STEPCA_REACHED:
        return reply.date == 0 || stepca_clock_fits(reply.date, fault);
    case STEPCA_CLOCK_IS_OFF:
        return fault_set(fault, "%s answers, but %s; set both clocks by NTP", client->url, error.message);
    case STEPCA_OTHER_NAME:
        return fault_set(fault,
                         "%s answers, but its certificate does not name %s: use a name of `dnsNames` in its "
                         "ca.json, or add this one there and restart the CA (%s)",
                         client->url, host_of(client->arena, client->url), reply.transport_error);
    case STEPCA_UNTRUSTED:
        return fault_set(fault,
                         "%s answers, but the root does not vouch for its certificate: is it the root of "
                         "this CA? (%s)",
                         client->url, reply.transport_error);
    case STEPCA_UNREACHABLE:
        return fault_set(fault, "cannot connect to %s: %s; is the URL right, and does the CA run?",
                         client->url, error.message);
    case STEPCA_UNWELL:
        break;
    }
    return fault_set(fault, "%s answers %d to /health: %s; is it a step-ca, and is it healthy?", client->url,
                     reply.status, error.message);
}

static void *longer(struct arena *arena, const void *items, size_t count, const void *more, size_t more_count,
                    size_t item_bytes)
{
    char *all = arena_alloc_array(arena, count + more_count, item_bytes);
    if (count != 0)
        memcpy(all, items, count * item_bytes);
    if (more_count != 0)
        memcpy(all + count * item_bytes, more, more_count * item_bytes);
    return all;
}

static void take_page(void *context, const struct stepca_provisioner_page *page)
{
    struct init_ca *ca = context;
    struct arena *arena = ca->client.arena;
    ca->provisioners =
        longer(arena, ca->provisioners, ca->count, page->provisioners, page->count, sizeof *ca->provisioners);
    ca->others =
        longer(arena, ca->others, ca->other_count, page->others, page->other_count, sizeof *ca->others);
    ca->count += page->count;
    ca->other_count += page->other_count;
}

bool init_ca_connect(struct init_ca *ca, struct fault *fault)
{
    ca->count = ca->other_count = 0;
    if (!take_root(ca, fault) || !reach(ca, fault))
        return false;
    if (!stepca_client_provisioners(&ca->client, take_page, ca, fault))
        return false;
    if (ca->count != 0)
        return true;
    return fault_set(fault,
                     "the CA has no JWK provisioner, which acmegate needs; it has: %s; make one on the CA: "
                     "`step ca provisioner add acmegate --type JWK --create`",
                     init_ca_provisioners_text(ca));
}

/* ---- the provisioner ---- */

const char *init_ca_provisioners_text(const struct init_ca *ca)
{
    struct buffer names;
    buffer_init(&names, ca->client.arena, NAMES_MAX_BYTES);
    for (size_t i = 0; i < ca->count; i++)
        buffer_printf(&names, "%s%s", names.n == 0 ? "" : ", ", ca->provisioners[i].name);
    for (size_t i = 0; i < ca->other_count; i++)
        buffer_printf(&names, "%s%s (%s)", names.n == 0 ? "" : ", ", ca->others[i].name, ca->others[i].type);
    return names.n == 0 ? "none" : buffer_string(&names);
}

static size_t number_of(const char *text)
{
    char *end = NULL;
    errno = 0;
    unsigned long number = isdigit((unsigned char)text[0]) ? strtoul(text, &end, 10) : 0;
    return end != NULL && *end == '\0' && errno == 0 ? number : 0;
}

const struct stepca_provisioner *init_ca_provisioner(const struct init_ca *ca, const char *name,
                                                     struct fault *fault)
{
    for (size_t i = 0; i < ca->count; i++)
        if (strcmp(ca->provisioners[i].name, name) == 0)
            return &ca->provisioners[i];
    size_t number = number_of(name);
    if (number >= 1 && number <= ca->count)
        return &ca->provisioners[number - 1];
    for (size_t i = 0; i < ca->other_count; i++)
        if (strcmp(ca->others[i].name, name) == 0) {
            fault_set(fault,
                      "the provisioner %s is of type %s, and acmegate needs one of type JWK; the CA has: %s",
                      name, ca->others[i].type, init_ca_provisioners_text(ca));
            return NULL;
        }
    fault_set(fault, "the CA has no provisioner named %s; it has: %s", name, init_ca_provisioners_text(ca));
    return NULL;
}

enum init_key_state init_ca_try_key(const struct init_ca *ca, const struct stepca_provisioner *provisioner,
                                    const struct init_key *key, struct fault *fault)
{
    struct provisioner_key opened;
    struct jose_error error = {0};
    if (!provisioner_key_parse(ca->client.arena, key->text, key->password, &opened, &error)) {
        if (error.code != JOSE_WRONG_PASSWORD) {
            fault_set(fault, "%s", error.detail);
            return INIT_KEY_IS_WRONG;
        }
        fault_set(fault, "the password does not open the key of %s", provisioner->name);
        return INIT_KEY_NEEDS_PASSWORD;
    }
    if (provisioner->public_thumbprint != NULL &&
        strcmp(provisioner->public_thumbprint, opened.jwk.thumbprint) == 0)
        return INIT_KEY_OPENS;
    fault_set(fault, "it is not the key that the CA knows for %s (kid %s): use the provisioner's own key",
              provisioner->name, provisioner->key_id);
    return INIT_KEY_IS_WRONG;
}
