/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "config_texts.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(config);

Test(config, the_least_that_is_needed_brings_the_documented_defaults)
{
    struct arena *arena = arena_new();
    const struct config *config = config_text_good(arena, "{" GOOD "}", NULL);
    cr_assert_str_eq(config->base_url, "https://acme.internal:9443");
    cr_assert_str_eq(config->database, "/var/lib/acmegate/acmegate.db");
    cr_assert_eq(config->listen_count, 2);
    cr_assert_str_eq(config->listen[0].host, "0.0.0.0");
    cr_assert_str_eq(config->listen[1].host, "::");
    cr_assert_eq(config->listen[1].port, 9443);
    cr_assert_eq(config->loops, 0);
    cr_assert_eq(config->max_identifiers, 100);
    cr_assert_eq(config->max_connections, 1000);
    cr_assert_eq(config->max_waiting_writes, 2000);
    cr_assert_eq(config->finalize_give_up_after_s, 15 * 60);
    cr_assert_eq(config->hold_reply_ms, 5000);
    cr_assert_eq(config->order_lifetime_s, 24 * 3600);
    cr_assert_eq(config->validation.http_port, 80);
    cr_assert_eq(config->validation.retry_for_s, 30);
    cr_assert_eq(config->validation.timeout_s, 10);
    cr_assert_eq(config->validation.max_concurrent, 100);
    cr_assert_eq(config->validation.resolver_count, 0);
    const struct issuer_config *issuer = config_issuer(config, "main");
    cr_assert_not_null(issuer);
    cr_assert_eq(issuer->type, ISSUER_STEPCA);
    cr_assert(bytes_equal_string(issuer->provisioner_password, "secret"));
    cr_assert_eq(issuer->validity_s, 0);
    cr_assert_eq(issuer->request_timeout_s, 30);
    cr_assert_eq(issuer->max_concurrent, 16);
    cr_assert_eq(config_profile(config, "default")->max_ttl_s, 24 * 3600);
    const struct endpoint_config *endpoint = config_endpoint(config, BYTES_LITERAL("acme"));
    cr_assert_eq(endpoint->challenges, (challenge_set)((1u << CHALLENGE_HTTP_01) | (1u << CHALLENGE_DNS_01) |
                                                       (1u << CHALLENGE_TLS_ALPN_01)));
    cr_assert_eq(endpoint->names.allow_count, 0);
    cr_assert_null(config_issuer(config, "other"));
    cr_assert_null(config_profile(config, "other"));
    cr_assert_null(config_endpoint(config, BYTES_LITERAL("acm")));
    arena_free(arena);
}

Test(config, every_kind_of_value_is_read)
{
    struct arena *arena = arena_new();
    const struct config *config = config_text_good(
        arena,
        "{ // a comment\n \"base_url\": \"https://[2001:db8::1]/\", \"alternate_names\": [\"acme\", "
        "\"10.0.0.1:444\"],"
        " /* another */ \"listen\": [\"127.0.0.1:0\", \"[::1]:8443\"], \"database\": \"x.db\", \"loops\": 3,"
        " \"tls\": {\"cert\": \"c.pem\", \"key\": \"k.pem\"},"
        " \"issuers\": {\"main\": {\"type\": \"local\", \"directory\": \"ca\", \"validity_days\": 0.5}},"
        " \"profiles\": {\"a\": {\"issuer\": \"main\", \"max_ttl\": \"1h30m\", \"description\": \"Short\"},"
        " \"b\": {\"issuer\": \"main\"}},"
        " \"endpoints\": {\"acme\": {\"profiles\": [\"b\", \"a\"], \"challenges\": [\"dns-01\"],"
        " \"names\": {\"allow\": [\"*.internal\"], \"deny\": [\"ca.internal\", \"10.0.0.0/8\"]},"
        " \"terms_of_service\": \"https://t\", \"website\": \"https://w\", \"authorization_lifetime\": "
        "\"2h\"}},"
        " \"validation\": {\"resolvers\": [\"192.0.2.1\", \"192.0.2.1:5353\", \"2001:db8::53\", "
        "\"[::1]:53\"],"
        " \"http_port\": 8080, \"allow_addresses\": [\"127.0.0.0/8\", \"::1/128\"]},"
        " \"finalize\": {\"give_up_after\": \"20m\", \"hold_reply\": \"0s\"}, \"orders\": {\"lifetime\": "
        "\"14d\"}}",
        NULL);
    cr_assert_str_eq(config->base_url, "https://[2001:db8::1]");
    cr_assert_eq(config->alternate_name_count, 2);
    cr_assert_str_eq(config->alternate_names[1], "10.0.0.1:444");
    cr_assert_eq(config->listen[0].port, 0);
    cr_assert_str_eq(config->listen[1].host, "::1");
    cr_assert_eq(config->loops, 3);
    cr_assert_null(config->tls_issuer);
    cr_assert_str_eq(config->tls_key_path, "k.pem");
    cr_assert_eq(config->issuers[0].type, ISSUER_LOCAL);
    cr_assert_str_eq(config->issuers[0].directory, "ca");
    cr_assert_eq(config->issuers[0].validity_s, 12 * 3600);
    cr_assert_eq(config_profile(config, "a")->max_ttl_s, 5400);
    cr_assert_str_eq(config_profile(config, "a")->description, "Short");
    const struct endpoint_config *endpoint = &config->endpoints[0];
    cr_assert_eq(endpoint->profile_count, 2);
    cr_assert_str_eq(endpoint->profiles[0], "b");
    cr_assert_eq(endpoint->challenges, (challenge_set)1 << CHALLENGE_DNS_01);
    cr_assert_str_eq(endpoint->names.allow[0], "*.internal");
    cr_assert_eq(endpoint->names.deny_count, 2);
    cr_assert_str_eq(endpoint->terms_of_service, "https://t");
    cr_assert_str_eq(endpoint->website, "https://w");
    cr_assert_eq(endpoint->authorization_lifetime_s, 7200);
    cr_assert_eq(config->validation.resolver_count, 4);
    cr_assert_str_eq(config->validation.resolvers[3], "[::1]:53");
    cr_assert_eq(config->validation.http_port, 8080);
    cr_assert_eq(config->validation.allow_address_count, 2);
    cr_assert_eq(config->validation.allow_addresses[0].prefix_bits, 96 + 8);
    cr_assert_eq(config->validation.allow_addresses[1].address[15], 1);
    cr_assert_eq(config->finalize_give_up_after_s, 20 * 60);
    cr_assert_eq(config->hold_reply_ms, 0);
    cr_assert_eq(config->order_lifetime_s, 14 * 24 * 3600);
    arena_free(arena);
}

Test(config, what_is_wrong_is_told_with_its_path)
{
    static const struct {
        const char *text;
        const char *path;
        const char *words;
    } cases[] = {
        {"[", "test.json", "line 1"},
        {"[]", "test.json", "one object"},
        {"{" TOP ", " ISSUERS ", " REST ", \"validation\": {\"http_prot\": 80}}", "validation.http_prot",
         "did you mean http_port?"},
        {"{" GOOD ", \"finalise\": {}}", "finalise", "did you mean finalize?"},
        {"{" GOOD ", \"http_port\": 80}", "http_port", "validation.http_port"},
        {"{" GOOD ", \"limits\": {\"colour\": 1}}", "limits.colour", "max_identifiers, max_connections"},
        {"{" GOOD ", \"tls.key\": \"k\"}", "tls.key", "unknown key"},
        {"{" GOOD ", \"limits\": 5}", "limits", "object"},
        {"{" GOOD ", \"limits\": {\"max_identifiers\": 0}}", "limits.max_identifiers", "1 to 1000"},
        {"{" GOOD ", \"limits\": {\"max_identifiers\": \"5\"}}", "limits.max_identifiers", "integer"},
        {"{" GOOD ", \"limits\": {\"max_identifiers\": 1.5}}", "limits.max_identifiers", "integer"},
        {"{" GOOD ", \"validation\": {\"http_port\": 65536}}", "validation.http_port", "port"},
        {"{" GOOD ", \"validation\": {\"max_concurrent\": 257}}", "validation.max_concurrent", "1 to 256"},
        {"{" GOOD ", \"validation\": {\"timeout\": 10}}", "validation.timeout", "duration"},
        {"{" GOOD ", \"validation\": {\"timeout\": \"10\"}}", "validation.timeout", "duration"},
        {"{" GOOD ", \"validation\": {\"timeout\": \"0s\"}}", "validation.timeout", "\"1s\" to \"10m\""},
        {"{" GOOD ", \"validation\": {\"resolvers\": [\"dns.example\"]}}", "validation.resolvers",
         "dns.example"},
        {"{" GOOD ", \"validation\": {\"resolvers\": [\"1.1.1.1:x\"]}}", "validation.resolvers", "1.1.1.1:x"},
        {"{" GOOD ", \"validation\": {\"allow_addresses\": [\"10.0.0.0/33\"]}}", "validation.allow_addresses",
         "/33"},
        {"{" GOOD ", \"validation\": {\"allow_addresses\": \"10.0.0.0/8\"}}", "validation.allow_addresses",
         "list"},
        {"{" GOOD ", \"listen\": []}", "listen", "empty"},
        {"{" GOOD ", \"listen\": [\"localhost:9443\"]}", "listen", "localhost:9443"},
        {"{" GOOD ", \"listen\": [\"0.0.0.0\"]}", "listen", "0.0.0.0"},
        {"{" GOOD ", \"listen\": [\"::1:9443\"]}", "listen", "::1:9443"},
        {"{" GOOD ", \"listen\": [\"127.0.0.1:70000\"]}", "listen", "70000"},
        {"{" GOOD ", \"alternate_names\": [\"a b\"]}", "alternate_names", "a b"},
        {"{" GOOD ", \"database\": \"\"}", "database", "non-empty"},
        {"{" GOOD ", \"database\": \"a\\u0000b\"}", "database", "string"},
        {"{" ISSUERS ", " REST "}", "base_url", "missing"},
        {"{" ISSUERS ", " REST "}", "tls", "missing"},
        {"{\"base_url\": \"http://acme\", " ISSUERS ", " REST "}", "base_url", "https://"},
        {"{\"base_url\": \"https://acme/x\", " ISSUERS ", " REST "}", "base_url", "without a path"},
        {"{\"base_url\": \"https://u@acme\", " ISSUERS ", " REST "}", "base_url", "https://host"},
        {"{\"base_url\": \"https://acme:0\", " ISSUERS ", " REST "}", "base_url", "https://host"},
        {"{\"base_url\": \"https://\", " ISSUERS ", " REST "}", "base_url", "https://host"},
        {"{\"tls\": {\"issuer\": \"main\", \"cert\": \"c\", \"key\": \"k\"}, " ISSUERS ", " REST "}", "tls",
         "either"},
        {"{\"tls\": {\"cert\": \"c\"}, " ISSUERS ", " REST "}", "tls.key", "missing"},
        {"{\"tls\": {\"key\": \"k\"}, " ISSUERS ", " REST "}", "tls.cert", "missing"},
        {"{\"tls\": {\"issuer\": \"other\"}, " ISSUERS ", " REST "}", "tls.issuer", "\"other\""},
        {"{" TOP ", " REST "}", "issuers", "at least one"},
        {"{" TOP ", " ISSUERS "}", "profiles", "at least one"},
        {"{" TOP ", " ISSUERS "}", "endpoints", "at least one"},
        {"{" TOP ", \"issuers\": {\"main\": {}}, " REST "}", "issuers.main.type", "missing"},
        {"{" TOP ", \"issuers\": {\"main\": {\"type\": \"acme\"}}, " REST "}", "issuers.main.type",
         "\"stepca\""},
        {"{" TOP ", \"issuers\": {\"main\": {\"type\": \"local\"}}, " REST "}", "issuers.main.directory",
         "missing"},
        {"{" TOP ", \"issuers\": {\"main\": {\"type\": \"stepca\"}}, " REST "}",
         "issuers.main.root_cert_path", "missing"},
        {"{" TOP ", \"issuers\": {\"main\": {" STEPCA ", \"directory\": \"x\"}}, " REST "}",
         "issuers.main.directory", "does not apply to"},
        {"{" TOP ", \"issuers\": {\"main\": {" STEPCA ", \"key_password\": \"x\"}}, " REST "}",
         "issuers.main.key_password", "does not apply to"},
        {"{" TOP ", \"issuers\": {\"main\": {" LOCAL
         ", \"key_password\": \"x\", \"key_password_file\": \"/x\"}}, " REST "}",
         "issuers.main.key_password_file", "this or key_password, not both"},
        {"{" TOP ", \"issuers\": {\"main\": {" LOCAL ", \"permitted_names\": [\"*.internal\"]}}, " REST "}",
         "issuers.main.permitted_names", "*.internal"},
        {"{" TOP ", \"issuers\": {\"main\": {" LOCAL ", \"permitted_names\": [\"10.0.0.0/33\"]}}, " REST "}",
         "issuers.main.permitted_names", "/33"},
        {"{" TOP ", \"issuers\": {\"main\": {" LOCAL ", \"crl_url\": \"ldap://a/b\"}}, " REST "}",
         "issuers.main.crl_url", "http://"},
        {"{" TOP ", \"issuers\": {\"main\": {" LOCAL ", \"ocsp_url\": \"http://a/b,URI:c\"}}, " REST "}",
         "issuers.main.ocsp_url", "commas"},
        {"{" TOP ", \"issuers\": {\"main\": {" LOCAL ", \"ca_issuers_url\": \"https:///b\"}}, " REST "}",
         "issuers.main.ca_issuers_url", "https://"},
        {"{" TOP ", \"issuers\": {\"main\": {" STEPCA ", \"validity_days\": 0}}, " REST "}",
         "issuers.main.validity_days", "days"},
        {"{" TOP ", \"issuers\": {\"main\": {" STEPCA ", \"provisioner_password_file\": \"/x\"}}, " REST "}",
         "issuers.main.provisioner_password_file", "not both"},
        {"{" TOP ", \"issuers\": {\"main\": {" STEPCA ", \"ocsp\": {\"certificate\": \"x\"}}}, " REST "}",
         "issuers.main.ocsp", "need each other"},
        {"{" TOP ", \"issuers\": {\"main\": {" STEPCA ", \"ocsp\": {\"provisioner_key_path\": \"x\"}}}, " REST
         "}",
         "issuers.main.ocsp", "need each other"},
        {"{" TOP ", \"issuers\": {\"main\": {" STEPCA ", \"ocsp\": {\"certificate\": \"x\", \"key\": \"y\","
         " \"provisioner_name\": \"z\"}}}, " REST "}",
         "issuers.main.ocsp", "either"},
        {"{" TOP ", \"issuers\": {\"main\": {" STEPCA ", \"ocsp\": {\"provisioner_password\": \"x\","
         " \"provisioner_password_file\": \"/y\"}}}, " REST "}",
         "issuers.main.ocsp.provisioner_password_file", "not both"},
        {"{" TOP ", \"issuers\": {\"a.b\": {" STEPCA "}}, " REST "}", "issuers.a.b", "letters"},
        {"{" TOP ", \"issuers\": {\"main\": {" STEPCA ", \"ca_ulr\": 1}}, " REST "}", "issuers.main.ca_ulr",
         "ca_url"},
        {"{" TOP ", " ISSUERS ", \"profiles\": {\"p\": {\"issuer\": \"nobody\"}}}", "profiles.p.issuer",
         "nobody"},
        {"{" TOP ", " ISSUERS ", \"profiles\": {\"p\": {\"issuer\": \"main\", \"max_ttl\": \"1s\"}}}",
         "profiles.p.max_ttl", "duration"},
        {"{" TOP ", " ISSUERS ", \"endpoints\": {\"e\": {}}}", "endpoints.e.profiles", "missing"},
        {"{" TOP ", " ISSUERS ", \"endpoints\": {\"e\": {\"profiles\": []}}}", "endpoints.e.profiles",
         "empty"},
        {"{" TOP ", " ISSUERS ", \"endpoints\": {\"e\": {\"profiles\": [\"gold\"]}}}", "endpoints.e.profiles",
         "gold"},
        {"{" TOP ", " ISSUERS ", \"endpoints\": {\"e\": {\"profiles\": [\"g\", \"g\"]}}}",
         "endpoints.e.profiles", "twice"},
        {"{" TOP ", " ISSUERS ", \"endpoints\": {\"e\": {\"challenges\": [\"tls-sni-01\"]}}}",
         "endpoints.e.challenges", "supported: http-01, dns-01"},
        {"{" TOP ", " ISSUERS ", \"endpoints\": {\"e\": {\"challenges\": []}}}", "endpoints.e.challenges",
         "http-01"},
        {"{" TOP ", " ISSUERS ", \"endpoints\": {\"e\": {\"names\": {\"allow\": [\"a..b\"]}}}}",
         "endpoints.e.names.allow", "a..b"},
        {"{" TOP ", " ISSUERS ", \"endpoints\": {\"e\": {\"color\": \"red\"}}}", "endpoints.e.color",
         "known keys: "},
        {"{" TOP ", " ISSUERS ", \"endpoints\": {\"e\": {\"profiles\": [\"p\"], \"eab\": \"optional\","
         " \"without_eab\": {\"profiles\": [\"q\"]}}}}",
         "endpoints.e.without_eab.profiles", "\"q\" is not among the profiles"},
        {"{" TOP ", " ISSUERS ", \"endpoints\": {\"e\": {\"profiles\": [\"p\"],"
         " \"without_eab\": {\"names\": {\"deny\": [\"a.internal\"]}}}}}",
         "endpoints.e.without_eab", "while eab is off"},
        {"{" TOP ", " ISSUERS ", \"endpoints\": {\"e\": {\"profiles\": [\"p\"], \"eab\": \"off\","
         " \"without_eab\": {\"profiles\": [\"p\"]}}}}",
         "endpoints.e.without_eab", "while eab is off"},
        {"{" TOP ", " ISSUERS
         ", \"endpoints\": {\"e\": {\"without_eab\": {\"names\": {\"allow\": [\"a..b\"]}}}}}",
         "endpoints.e.without_eab.names.allow", "a..b"},
        {"{" GOOD ", \"stepca_api\": {\"profile\": \"gold\"}}", "stepca_api.profile",
         "no profile named \"gold\""},
        {"{" GOOD ", \"stepca_api\": {\"issuer\": \"main\"}}", "stepca_api.issuer", "unknown key"},
        {"{" TOP ", \"issuers\": {\"main\": {\"type\": \"local\", \"directory\": \"d\"}}, " REST
         ", \"stepca_api\": {\"profile\": \"default\"}}",
         "stepca_api.profile", "must be of type stepca"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new();
        struct config_errors errors;
        cr_expect_null(config_text_parse(arena, cases[i].text, NULL, &errors), "%s is taken", cases[i].text);
        cr_expect(config_text_tells(&errors, cases[i].path, cases[i].words), "%s: %s; but: %s", cases[i].path,
                  cases[i].words, errors.count > 0 ? errors.lines[0] : "nothing");
        arena_free(arena);
    }
}

Test(config, everything_wrong_is_told_at_once)
{
    struct arena *arena = arena_new();
    struct config_errors errors;
    cr_assert_null(config_text_parse(
        arena,
        "{\"base_url\": 5, \"nonsense\": 1, \"tls\": {\"issuer\": \"x\"}, \"loops\": -1, " ISSUERS
        ", \"profiles\": {\"p\": {\"issuer\": \"y\"}}, \"endpoints\": {\"e\": {\"profiles\": [\"z\"]}}}",
        NULL, &errors));
    cr_assert_eq(errors.count, 6);
    cr_assert(config_text_tells(&errors, "base_url", "https://"));
    cr_assert(config_text_tells(&errors, "nonsense", "unknown key"));
    cr_assert(config_text_tells(&errors, "tls.issuer", "\"x\""));
    cr_assert(config_text_tells(&errors, "loops", "integer"));
    cr_assert(config_text_tells(&errors, "profiles.p.issuer", "\"y\""));
    cr_assert(config_text_tells(&errors, "endpoints.e.profiles", "\"z\""));
    arena_free(arena);
}

Test(config, the_environment_goes_before_the_file)
{
    char *environment[] = {"ACMEGATE_BASE_URL=https://other:1",
                           "ACMEGATE_VALIDATION_HTTP_PORT=5002",
                           "ACMEGATE_LISTEN=127.0.0.1:1, [::1]:2",
                           "ACMEGATE_VALIDATION_TIMEOUT=3s",
                           "ACMEGATE_DATABASE=",
                           "BASE_URL=https://not",
                           NULL};
    struct arena *arena = arena_new();
    const struct config *config = config_text_good(
        arena, "{" GOOD ", \"database\": \"kept.db\", \"validation\": {\"timeout\": \"9s\"}}", environment);
    cr_assert_str_eq(config->base_url, "https://other:1");
    cr_assert_eq(config->validation.http_port, 5002);
    cr_assert_eq(config->validation.timeout_s, 3);
    cr_assert_eq(config->listen_count, 2);
    cr_assert_str_eq(config->listen[1].host, "::1");
    cr_assert_eq(config->listen[1].port, 2);
    cr_assert_str_eq(config->database, "kept.db", "an empty variable is not set");
    arena_free(arena);
}

Test(config, a_bad_variable_is_named)
{
    char *environment[] = {"ACMEGATE_VALIDATION_HTTP_PORT=eighty", NULL};
    struct arena *arena = arena_new();
    struct config_errors errors;
    cr_assert_null(config_text_parse(arena, "{" GOOD "}", environment, &errors));
    cr_assert(config_text_tells(&errors, "validation.http_port", "ACMEGATE_VALIDATION_HTTP_PORT"));
    arena_free(arena);
}

#define EMPTY_STEPCA "{" TOP ", \"issuers\": {\"main\": {\"type\": \"stepca\"}}, " REST "}"

static void assert_issuer_from_environment(char *const *environment)
{
    struct arena *arena = arena_new();
    const struct config *config = config_text_good(arena, EMPTY_STEPCA, environment);
    const struct issuer_config *issuer = &config->issuers[0];
    cr_assert_str_eq(issuer->ca_url, "https://ca:9000");
    cr_assert_str_eq(issuer->provisioner_name, "jwk");
    cr_assert_str_eq(issuer->provisioner_key_path, "/k");
    cr_assert(bytes_equal_string(issuer->provisioner_password, "5"));
    cr_assert_str_eq(issuer->root_cert_path, "/r");
    arena_free(arena);
}

/* One release long: the key and its variable were called native before. */
Test(config, an_old_name_is_taken_with_a_warning)
{
    static const struct {
        const char *member, *variable, *profile, *warning;
    } cases[] = {
        {", \"stepca_api\": {\"profile\": \"default\"}", NULL, "default", NULL},
        {", \"native\": {\"profile\": \"default\"}", NULL, "default",
         "native.profile was renamed to stepca_api.profile"},
        {", \"native\": {\"profile\": \"gold\"}, \"stepca_api\": {\"profile\": \"default\"}", NULL, "default",
         "native.profile was renamed to stepca_api.profile"},
        {"", "ACMEGATE_STEPCA_API_PROFILE=default", "default", NULL},
        {"", "ACMEGATE_NATIVE_PROFILE=default", "default",
         "ACMEGATE_NATIVE_PROFILE was renamed to ACMEGATE_STEPCA_API_PROFILE"},
        {", \"stepca_api\": {\"profile\": \"gold\"}", "ACMEGATE_NATIVE_PROFILE=default", "default",
         "ACMEGATE_NATIVE_PROFILE was renamed to ACMEGATE_STEPCA_API_PROFILE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new();
        char *environment[] = {cases[i].variable == NULL ? NULL : arena_duplicate(arena, cases[i].variable),
                               NULL};
        const struct config *config =
            config_text_good(arena, arena_printf(arena, "{" GOOD "%s}", cases[i].member), environment);
        cr_expect_str_eq(config->stepca_api_profile, cases[i].profile, "case %zu", i);
        cr_assert_eq(config->warning_count, cases[i].warning != NULL, "case %zu", i);
        if (cases[i].warning != NULL)
            cr_expect_not_null(strstr(config->warnings[0], cases[i].warning), "case %zu: %s", i,
                               config->warnings[0]);
        arena_free(arena);
    }
}

/* The names of issuers' variables begin in the same way. */
Test(config, the_variable_of_the_passed_on_api_is_not_an_issuers)
{
    struct arena *arena = arena_new();
    char *environment[] = {"ACMEGATE_STEPCA_API_PROFILE=default", NULL};
    const char *text = "{" TOP ", \"issuers\": {\"main\": {" STEPCA "}, \"two\": {" STEPCA "}}, " REST "}";
    cr_expect_str_eq(config_text_good(arena, text, environment)->stepca_api_profile, "default");
    arena_free(arena);
}

Test(config, the_environment_fills_the_step_ca_issuer)
{
    char *ours[] = {"ACMEGATE_STEPCA_URL=https://ca:9000/",
                    "ACMEGATE_STEPCA_PROVISIONER=jwk",
                    "ACMEGATE_STEPCA_KEY_PATH=/k",
                    "ACMEGATE_STEPCA_PASSWORD=5",
                    "ACMEGATE_STEPCA_ROOT=/r",
                    "CERTCTL_STEPCA_URL=https://not:1",
                    NULL};
    char *certctl[] = {
        "CERTCTL_STEPCA_URL=https://ca:9000", "CERTCTL_STEPCA_PROVISIONER=jwk", "CERTCTL_STEPCA_KEY_PATH=/k",
        "CERTCTL_STEPCA_PASSWORD=5",          "CERTCTL_STEPCA_ROOT=/r",         NULL};
    char *root_cert[] = {"CERTCTL_STEPCA_URL=https://ca:9000", "CERTCTL_STEPCA_PROVISIONER=jwk",
                         "CERTCTL_STEPCA_KEY_PATH=/k",         "CERTCTL_STEPCA_PASSWORD=5",
                         "CERTCTL_STEPCA_ROOT_CERT=/r",        NULL};
    assert_issuer_from_environment(ours);
    assert_issuer_from_environment(certctl);
    assert_issuer_from_environment(root_cert);
}

Test(config, a_variable_that_may_mean_two_issuers_is_refused)
{
    char *environment[] = {"ACMEGATE_STEPCA_URL=https://ca:9000", NULL};
    struct arena *arena = arena_new();
    struct config_errors errors;
    const char *text = "{" TOP ", \"issuers\": {\"main\": {" STEPCA "}, \"second\": {" STEPCA "}}, " REST "}";
    config_text_good(arena, text, NULL);
    cr_assert_null(config_text_parse(arena, text, environment, &errors));
    cr_assert(config_text_tells(&errors, "ACMEGATE_STEPCA_URL", "2 issuers"));
    arena_free(arena);
}
