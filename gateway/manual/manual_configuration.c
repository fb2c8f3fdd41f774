/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/arena.h"
#include "gateway/config/config.h"
#include "gateway/manual/manual.h"
#include "gateway/manual/mdoc.h"

static const char beginning[] = ".Sh NAME\n"
                                ".Nm acmegate.json\n"
                                ".Nd configuration of the ACME server acmegate\n"
                                ".Sh SYNOPSIS\n"
                                ".Pa /etc/acmegate/acmegate.json\n"
                                ".Sh DESCRIPTION\n"
                                "The configuration of\n"
                                ".Xr acmegate 1\n"
                                "is one JSON file.\n"
                                "It may hold comments, as in C and C++.\n"
                                "An unknown key is refused, with the nearest known key.\n"
                                ".Pp\n"
                                ".Dl acmegate check\n"
                                ".Pp\n"
                                "shows whether the file is right, and whether the CA will sign.\n"
                                ".Pp\n"
                                ".Dl acmegate config show\n"
                                ".Pp\n"
                                "shows what is in force, and where each value came from.\n"
                                ".Pp\n"
                                "Durations are texts such as \"90s\", \"15m\", \"1h30m\" or \"14d\".\n"
                                "A key with dots stands for an object in an object:\n"
                                ".Cm tls.issuer\n"
                                "is the key\n"
                                ".Cm issuer\n"
                                "of the object\n"
                                ".Cm tls .\n"
                                "A star stands for a name that the file chooses.\n"
                                ".Sh KEYS\n"
                                ".Bl -tag -width Ds\n";

static const char ending[] = ".El\n"
                             ".Sh ENVIRONMENT\n"
                             "A variable overrides the file.\n"
                             "Most keys name theirs above.\n"
                             "Lists are separated by commas.\n"
                             "An empty variable counts as not set.\n"
                             ".Sh FILES\n"
                             ".Bl -tag -width Ds\n"
                             ".It Pa /etc/acmegate/acmegate.json\n"
                             "The configuration, where neither\n"
                             ".Fl Fl config\n"
                             "nor\n"
                             ".Ev ACMEGATE_CONFIG\n"
                             "names another file.\n"
                             ".El\n"
                             ".Sh EXAMPLES\n"
                             ".Bd -literal\n"
                             "{\n"
                             "  \"base_url\": \"https://acme.internal:9443\",\n"
                             "  \"tls\": {\"issuer\": \"main\"},\n"
                             "  \"issuers\": {\n"
                             "    \"main\": {\n"
                             "      \"type\": \"stepca\",\n"
                             "      \"ca_url\": \"https://ca.internal:9000\",\n"
                             "      \"provisioner_name\": \"acmegate\",\n"
                             "      \"provisioner_key_path\": \"/etc/acmegate/provisioner.json\",\n"
                             "      \"provisioner_password_file\": \"/etc/acmegate/provisioner.password\",\n"
                             "      \"root_cert_path\": \"/etc/acmegate/root_ca.crt\"\n"
                             "    }\n"
                             "  },\n"
                             "  \"profiles\": {\"default\": {\"issuer\": \"main\", \"max_ttl\": \"24h\"}},\n"
                             "  \"endpoints\": {\"acme\": {\"profiles\": [\"default\"]}}\n"
                             "}\n"
                             ".Ed\n"
                             ".Sh SEE ALSO\n"
                             ".Xr acmegate 1\n";

static void write_default(FILE *out, const struct config_key_description *key)
{
    if (key->fallback == NULL) {
        mdoc_text(out, key->fallback_note);
        return;
    }
    fprintf(out, ".Cm");
    mdoc_argument(out, key->fallback);
    fputc('\n', out);
}

static void write_key(FILE *out, const struct config_key_description *key)
{
    fprintf(out, ".It Cm");
    mdoc_argument(out, key->path);
    fputc('\n', out);
    mdoc_text(out, key->help);
    fprintf(out, ".Pp\n.Bl -tag -width Variable: -compact\n.It Type:\n");
    mdoc_text(out, key->type);
    fprintf(out, ".It Default:\n");
    write_default(out, key);
    if (key->environment != NULL)
        fprintf(out, ".It Variable:\n.Ev %s\n", key->environment);
    fprintf(out, ".It Changes:\n%s\n.El\n", key->at_once ? "at once" : "at a restart");
}

void manual_configuration(FILE *out, const char *date)
{
    struct arena *arena = arena_new();
    struct config_key_description key;
    fprintf(out, ".\\\" Written by acmegate_manual from the table of the keys.\n");
    fprintf(out, ".Dd %s\n.Dt ACMEGATE.JSON 5\n.Os\n%s", date, beginning);
    for (size_t i = 0; config_describe(arena, i, &key); i++)
        write_key(out, &key);
    fprintf(out, "%s", ending);
    arena_free(arena);
}
