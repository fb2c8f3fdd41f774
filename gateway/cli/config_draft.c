/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/config_draft.h"

#include <string.h>

#include "acme/base/buffer.h"
#include "acme/base/json.h"
#include "gateway/config/config.h"

enum {
    TEXT_MAX_BYTES = 256 * 1024,
    ESCAPED_BYTES = 6, /* of one octet, at most */
    QUOTES_BYTES = 2,
};

const char *config_draft_quoted(struct arena *arena, const char *text)
{
    struct json_writer *writer = json_writer_new(arena, ESCAPED_BYTES * strlen(text) + QUOTES_BYTES + 1);
    json_write_string(writer, text);
    return (const char *)json_writer_finish(writer).p;
}

const char *config_draft_issuer(const struct config_draft *draft)
{
    return draft->local ? "local" : "main";
}

const char *config_draft_ca_folder(struct arena *arena, const struct config_draft *draft)
{
    return arena_printf(arena, "%s/ca", draft->state);
}

const char *config_draft_database(struct arena *arena, const struct config_draft *draft)
{
    return arena_printf(arena, "%s/acmegate.db", draft->state);
}

/* ---- the text ---- */

/* ["a", "b"] from "a, b". An item without a character is kept, to be refused. */
static const char *quoted_list(struct arena *arena, const char *items)
{
    struct buffer list;
    buffer_init(&list, arena, TEXT_MAX_BYTES);
    buffer_append_string(&list, "[");
    for (const char *at = items;; at++) {
        at += strspn(at, " ");
        size_t n = strcspn(at, ",");
        size_t end = n;
        while (end > 0 && at[end - 1] == ' ')
            end--;
        buffer_printf(&list, "%s%s", list.n == 1 ? "" : ", ",
                      config_draft_quoted(arena, arena_string(arena, bytes_of(at, end))));
        at += n;
        if (*at == '\0')
            break;
    }
    buffer_append_string(&list, "]");
    return buffer_string(&list);
}

static const char *stepca_section(struct arena *arena, const struct config_draft *draft)
{
    const char *password = "";
    if (draft->password_path != NULL)
        password = arena_printf(arena, "      \"provisioner_password_file\": %s,\n",
                                config_draft_quoted(arena, draft->password_path));
    return arena_printf(
        arena,
        "    // A step-ca (docs/step-ca.md). Certificates are requested with tokens of this JWK\n"
        "    // provisioner. The root is pinned: nothing else is trusted.\n"
        "    \"main\": {\n"
        "      \"type\": \"stepca\",\n"
        "      \"ca_url\": %s,\n"
        "      \"provisioner_name\": %s,\n"
        "      \"provisioner_key_path\": %s,\n"
        "%s"
        "      \"root_cert_path\": %s\n"
        "    }\n",
        config_draft_quoted(arena, draft->ca_url), config_draft_quoted(arena, draft->provisioner),
        config_draft_quoted(arena, draft->key_path), password, config_draft_quoted(arena, draft->root_path));
}

static const char *local_section(struct arena *arena, const struct config_draft *draft)
{
    return arena_printf(
        arena,
        "    // A CA of this server's own (docs/local-ca.md). The first start makes it: clients\n"
        "    // trust root_ca.crt of this folder. Back the folder up.\n"
        "    \"local\": {\n"
        "      \"type\": \"local\",\n"
        "      \"directory\": %s\n"
        "    }\n",
        config_draft_quoted(arena, config_draft_ca_folder(arena, draft)));
}

struct bytes config_draft_text(struct arena *arena, const struct config_draft *draft)
{
    const char *issuer = config_draft_issuer(draft);
    struct buffer text;
    buffer_init(&text, arena, TEXT_MAX_BYTES);
    buffer_printf(
        &text,
        "// The configuration of acmegate, made by `acmegate init`. Comments may stand anywhere.\n"
        "// docs/configuration.md has every key, and `acmegate config show` the values in force.\n"
        "// After a change: `acmegate check`, then reload or restart the server.\n"
        "{\n"
        "  // The name of this server in URLs. An ACME directory is BASE_URL/acme/ENDPOINT/directory.\n"
        "  \"base_url\": %s,\n"
        "  \"listen\": %s,\n"
        "\n"
        "  // All state is in this file and in those beside it. docs/recovery.md: back-ups.\n"
        "  \"database\": %s,\n"
        "\n"
        "  // The certificate of the server itself: from this issuer, and renewed by the server.\n"
        "  \"tls\": { \"issuer\": \"%s\" },\n"
        "\n"
        "  // Who signs.\n"
        "  \"issuers\": {\n",
        config_draft_quoted(arena, draft->base_url), quoted_list(arena, draft->listen),
        config_draft_quoted(arena, config_draft_database(arena, draft)), issuer);
    buffer_append_string(&text, draft->local ? local_section(arena, draft) : stepca_section(arena, draft));
    buffer_printf(
        &text,
        "  },\n"
        "\n"
        "  // No certificate of a profile lives longer than its max_ttl.\n"
        "  \"profiles\": { \"default\": { \"issuer\": \"%s\", \"max_ttl\": \"24h\" } },\n"
        "\n"
        "  // The ACME directories, each with its rules.\n"
        "  \"endpoints\": {\n"
        "    \"acme\": {\n"
        "      \"profiles\": [\"default\"],\n"
        "      // The names that may be issued: \"host.example\", \"*.example\" (everything below it),\n"
        "      // \"*\" (every name), addresses and networks.\n"
        "      \"names\": { \"allow\": %s },\n"
        "      // Whether a new account needs a key from `acmegate eab add`: off, optional or\n"
        "      // required.\n"
        "      \"eab\": %s\n"
        "    }\n"
        "  }\n"
        "}\n",
        issuer, quoted_list(arena, draft->names), config_draft_quoted(arena, draft->eab));
    return buffer_bytes(&text);
}

/* ---- the rules ---- */

static const char *or_else(const char *answer, const char *sample)
{
    return answer != NULL ? answer : sample;
}

bool config_draft_fits(struct arena *arena, const struct config_draft *draft, struct fault *fault)
{
    static const char name[] = "answer";
    const struct config_draft whole = {
        .base_url = or_else(draft->base_url, "https://acme.internal"),
        .listen = or_else(draft->listen, "127.0.0.1:443"),
        .state = or_else(draft->state, "/var/lib/acmegate"),
        .names = or_else(draft->names, "*"),
        .eab = or_else(draft->eab, "off"),
        .local = draft->local,
        .ca_url = or_else(draft->ca_url, "https://ca.internal"),
        .provisioner = or_else(draft->provisioner, "acmegate"),
        .key_path = or_else(draft->key_path, "/key"),
        .root_path = or_else(draft->root_path, "/root"),
    };
    struct config_errors errors = {0};
    if (config_parse(arena, name, config_draft_text(arena, &whole), NULL, &errors) != NULL)
        return true;
    const char *line = errors.count == 0 ? name : errors.lines[0];
    size_t prefix = strlen(name) + strlen(": ");
    return fault_set(fault, "%s", strlen(line) > prefix ? line + prefix : line);
}
