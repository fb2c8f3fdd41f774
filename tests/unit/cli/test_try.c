/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate try`: what would come of a name, by policy, trust, each challenge and CAA. */
#include "gateway/cli/cli.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_try);

#define PATH "/.well-known/acme-challenge/acmegate-try"
#define TXT  "_acme-challenge.www.test"

static const struct world_host hosts[] = {{"www.test", .addresses = "10.0.0.1"}, {0}};
static const struct world_page not_there[] = {{"http://www.test:80" PATH, .status = 404}, {0}};
static const struct world_page away[] = {
    {"http://www.test:80" PATH, .error = "Connection refused", .fault = OUTBOUND_UNREACHABLE}, {0}};
static const struct world_texts no_record[] = {{TXT, .records = {NULL}}, {0}};
static const struct world_texts failing[] = {{TXT, .error = "SERVFAIL", .fault = OUTBOUND_DNS_FAILED}, {0}};
static const struct world_peer no_alpn[] = {{"10.0.0.1", .connected = true}, {0}};

static const struct {
    const char *name, *line; /* of the command */
    const char *endpoint;    /* more members of "acme" */
    struct world world;
    int status;
    const char *words; /* '|' between them; one that begins with '!' is not told */
} trials[] = {
    {"all is reached",
     "try www.test",
     "",
     {.hosts = hosts, .pages = not_there, .texts = no_record, .peers = no_alpn},
     CLI_OK,
     "www.test at endpoint acme, now\n|profile default  allows the name|profile inside   allows the name|"
     "http-01          reached; the client has to put its answer there\n    GET http://www.test:80" PATH
     " at 10.0.0.1 port 80: status 404|dns-01           reached; the client has to set the TXT record|"
     "tls-alpn-01      reached; the client has to answer there with acme-tls/1|!fails"},
    {"one works",
     "try www.test",
     "",
     {.hosts = hosts, .pages = away, .texts = no_record},
     CLI_OK,
     "http-01          fails\n|Connection refused|next: See that the client listens|dns-01           reached|"
     "tls-alpn-01      fails|!tried:"},
    {"for programs",
     "try www.test --json",
     ",\"challenges\":[\"http-01\",\"dns-01\",\"dns-account-01\"]",
     {.hosts = hosts, .pages = away, .texts = no_record},
     CLI_OK,
     "{\"name\":\"www.test\",\"endpoint\":\"acme\",\"what\":\"profile "
     "default\",\"result\":\"allows\",\"detail\":\"allows the name\"}\n|"
     "\"what\":\"http-01\",\"result\":\"fails\",\"detail\":\"|\",\"cause\":\"connection-failed\",\"next\":"
     "\"See that the client listens|"
     "\"what\":\"dns-01\",\"result\":\"reached\",\"detail\":\"reached; the client has to set the TXT "
     "record\",\"tried\":\"|"
     "\"what\":\"dns-account-01\",\"result\":\"not-tried\"|!www.test at endpoint"},
    {"none works",
     "try www.test",
     "",
     {.hosts = hosts, .pages = away, .texts = failing},
     CLI_FAILED,
     "http-01          fails|dns-01           fails|tls-alpn-01      fails"},
    {"a wildcard",
     "try *.www.test",
     "",
     {.texts = no_record},
     CLI_OK,
     "*.www.test at endpoint acme|dns-01           reached|!http-01|!tls-alpn-01"},
    {"no challenge fits",
     "try *.www.test",
     ",\"challenges\":[\"http-01\"]",
     {0},
     CLI_FAILED,
     "challenges       none that the endpoint offers can prove this name"},
    {"of the account",
     "try www.test",
     ",\"challenges\":[\"dns-account-01\",\"dns-persist-01\"],\"issuer_domain_names\":[\"ca.test\"]",
     {0},
     CLI_FAILED,
     "dns-account-01   not tried: its record depends on the account|dns-persist-01   not tried"},
    {"trusted",
     "try www.test",
     ",\"trusted\":{\"names\":[\"*.test\"]}",
     {0},
     CLI_OK,
     "proof            is not asked for: the endpoint trusts the name|!http-01"},
    {"a trusted client",
     "try www.test --from 10.9.0.1",
     ",\"trusted\":{\"networks\":[\"10.9.0.0/16\"]}",
     {0},
     CLI_OK,
     "proof            is not asked for|!http-01"},
    {"another client",
     "try www.test --from 10.8.0.1",
     ",\"trusted\":{\"networks\":[\"10.9.0.0/16\"]}",
     {.hosts = hosts, .pages = not_there},
     CLI_OK,
     "http-01          reached|!proof"},
    {"denied",
     "try www.test",
     ",\"names\":{\"deny\":[\"www.test\"]}",
     {.hosts = hosts, .pages = not_there},
     CLI_FAILED,
     "profile default  refuses the name\n    www.test is refused|next: Change \"names\"|http-01          "
     "reached"},
    {"CAA allows",
     "try www.test",
     ",\"caa_identities\":[\"ca.test\"]",
     {.hosts = hosts,
      .pages = not_there,
      .caa = (const struct world_caa[]){{"www.test", .issue = "ca.test"}, {0}}},
     CLI_OK,
     "CAA              allows this server"},
    {"CAA forbids",
     "try www.test",
     ",\"caa_identities\":[\"ca.test\"]",
     {.hosts = hosts,
      .pages = not_there,
      .caa = (const struct world_caa[]){{"www.test", .issue = "other.test"}, {0}}},
     CLI_FAILED,
     "http-01          reached|CAA              fails"},
    {"another endpoint",
     "try www.test --endpoint other",
     "",
     {.hosts = hosts, .pages = not_there},
     CLI_OK,
     "www.test at endpoint other|profile inside   allows|!default"},
};

static void expect_told(const char *name, const struct output *output, const char *words)
{
    char *rest = arena_duplicate(shell.arena, words), *word;
    while ((word = strsep(&rest, "|")) != NULL) {
        bool is_absent = word[0] == '!';
        bool is_there = strstr(output->text, word + is_absent) != NULL;
        cr_expect_neq(is_there, is_absent, "%s: %s\n%s", name, word, output->text);
    }
}

Test(cli_try, tells_what_would_come_of_a_name)
{
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        shell_begin();
        shell_configure(&(struct shell_configuration){.acme = trials[i].endpoint});
        world_clear();
        world.hosts = trials[i].world.hosts;
        world.pages = trials[i].world.pages;
        world.peers = trials[i].world.peers;
        world.texts = trials[i].world.texts;
        world.caa = trials[i].world.caa;
        struct output output = run("%s", trials[i].line);
        cr_expect_eq(output.status, trials[i].status, "%s: %s%s", trials[i].name, output.text, output.errors);
        expect_told(trials[i].name, &output, trials[i].words);
        shell_end();
    }
}

Test(cli_try, refuses_what_it_cannot_try)
{
    static const struct {
        const char *line;
        int status;
        const char *errors;
    } cases[] = {
        {"try", CLI_USAGE, "NAME is missing"},
        {"try 'a b'", CLI_USAGE, "a label may only hold letters, digits and hyphens"},
        {"try www.test --endpoint none", CLI_FAILED, "the configuration has no endpoint 'none'"},
        {"try www.test --config /nowhere.json", CLI_FAILED, "/nowhere.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        shell_begin();
        shell_configure(&(struct shell_configuration){0});
        struct output output = run("%s", cases[i].line);
        cr_expect_eq(output.status, cases[i].status, "%s: %s%s", cases[i].line, output.text, output.errors);
        cr_expect_neq(strstr(output.errors, cases[i].errors), NULL, "%s: %s", cases[i].line, output.errors);
        shell_end();
    }
}
