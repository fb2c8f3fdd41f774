/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli_sign.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "acme/jose/pem.h"
#include "acme/pki/x509_read.h"
#include "gateway/ca/issuer_overrides.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_json.h"
#include "gateway/runtime/log.h"

enum { CERTIFICATE_MODE = 0644, PEM_NAME_MAX_BYTES = 64 };

/* ---- the request ---- */

/* Reads PEM under either of its labels, or DER. NULL, or a sentence about a file that is not a request. */
static const char *read_csr(struct arena *arena, struct bytes text, struct bytes *der)
{
    struct pem_block block;
    const char *why = NULL;
    *der = text;
    if (pem_first(arena, text, &block)) {
        *der = block.der;
        if (!pem_is_request(&block))
            why = arena_printf(arena, "it holds a PEM block %s, not CERTIFICATE REQUEST: give the CSR",
                               arena_printable(arena, bytes_from_string(block.label), PEM_NAME_MAX_BYTES));
    }
    autofree_x509_req X509_REQ *request = why == NULL ? x509_request_read(*der) : NULL;
    if (why == NULL && request == NULL)
        why = "it is not a certificate request (CSR) in PEM or DER";
    ERR_clear_error();
    return why;
}

static bool is_profile_of(const struct endpoint_config *endpoint, const char *profile)
{
    for (size_t i = 0; i < endpoint->profile_count; i++)
        if (strcmp(endpoint->profiles[i], profile) == 0)
            return true;
    return false;
}

/* Applies the policies of newOrder and finalize. */
static const struct problem *check_policies(struct sign_request *request)
{
    struct arena *arena = request->arena;
    const struct profile_config *profile = request->profile;
    const struct subject_names *names = &request->names;
    const struct problem *problem = csr_read(arena, request->csr_der, &request->names, &request->csr);
    if (problem == NULL && names->count == 0)
        problem = problem_new(arena, PROBLEM_BAD_CSR, "CSR: it has no names");
    if (problem == NULL && names->count > (size_t)request->config->max_identifiers)
        problem = problem_new(arena, PROBLEM_BAD_CSR, "CSR: it has %zu names, limits.max_identifiers is %lld",
                              names->count, (long long)request->config->max_identifiers);
    if (problem == NULL)
        problem = csr_check_key_type(arena, request->csr, profile->key_types, profile->key_type_count);
    if (problem == NULL)
        problem = name_underscores_check(arena, request->endpoint == NULL ? NULL : &request->endpoint->names,
                                         names->identifiers, names->count);
    if (problem == NULL)
        problem = name_policy_check(arena, &profile->names,
                                    arena_printf(arena, "the profile \"%s\"", profile->name),
                                    names->identifiers, names->count);
    if (problem == NULL && request->endpoint != NULL)
        problem = name_policy_check(arena, &request->endpoint->names,
                                    arena_printf(arena, "the endpoint \"%s\"", request->endpoint->name),
                                    names->identifiers, names->count);
    return problem;
}

static int read_request(const struct cli_arguments *arguments, struct sign_request *request)
{
    struct arena *arena = request->arena;
    const char *profile = cli_value(arguments, "profile"), *endpoint = cli_value(arguments, "endpoint");
    const char *csr_path = arguments->words[0];
    struct bytes text;
    request->profile = config_profile(request->config, profile);
    if (request->profile == NULL)
        return cli_fail(arguments, CLI_FAILED, "the configuration has no profile named %s", profile);
    if (endpoint != NULL) {
        request->endpoint = config_endpoint(request->config, bytes_from_string(endpoint));
        if (request->endpoint == NULL)
            return cli_fail(arguments, CLI_FAILED, "the configuration has no endpoint named %s", endpoint);
        if (!is_profile_of(request->endpoint, request->profile->name))
            return cli_fail(arguments, CLI_FAILED, "the endpoint %s has no profile named %s", endpoint,
                            profile);
    }
    if (!file_read(arena, csr_path, 2 * CSR_MAX_BYTES, &text))
        return cli_fail(arguments, CLI_FAILED, "%s: %s", csr_path, strerror(errno));
    const char *why = read_csr(arena, text, &request->csr_der);
    if (why != NULL)
        return cli_fail(arguments, CLI_FAILED, "%s: %s", csr_path, why);
    const struct problem *problem = check_policies(request);
    return problem == NULL ? CLI_OK : cli_fail(arguments, CLI_FAILED, "%s: %s", csr_path, problem->detail);
}

/* ---- the certificate ---- */

/* Makes the file before the CA is asked. Nothing is overwritten. */
static int open_out(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, CERTIFICATE_MODE);
}

static bool write_out(int file, const char *text)
{
    size_t n = strlen(text);
    for (ssize_t written; n != 0; text += written, n -= (size_t)written)
        if ((written = write(file, text, n)) < 0)
            return false;
    return fsync(file) == 0;
}

/* The chain is in the object, or in the file that it names. */
static bool print_json(const struct cli_arguments *arguments, const struct sign_request *request,
                       const struct sign_result *result)
{
    struct json_writer *writer = cli_json_begin(request->arena);
    const char *out = cli_value(arguments, "out");
    json_put_string(writer, "serial", result->serial);
    json_put_string(writer, "issuer", request->profile->issuer);
    json_put_string(writer, "profile", request->profile->name);
    json_key(writer, "names");
    json_begin_array(writer);
    for (size_t i = 0; i < request->names.count; i++)
        json_write_string(writer, request->names.identifiers[i].value);
    json_end_array(writer);
    json_put_time(writer, "begins", result->not_before);
    json_put_time(writer, "expires", result->not_after);
    json_put_string(writer, "file", out);
    json_put_string(writer, "chain", out == NULL ? result->chain_pem : NULL);
    return cli_json_print(writer);
}

/* Gives out the chain: to the new file, to standard output, or within JSON there. False with errno. */
static bool give_out(const struct cli_arguments *arguments, const struct sign_request *request,
                     const struct sign_result *result, int file)
{
    if (file != STDOUT_FILENO && !write_out(file, result->chain_pem))
        return false;
    if (cli_wants_json(arguments))
        return print_json(arguments, request, result);
    return file != STDOUT_FILENO || (fputs(result->chain_pem, stdout) >= 0 && fflush(stdout) == 0);
}

static int issue(const struct cli_arguments *arguments, struct sign_request *request)
{
    const char *out = cli_value(arguments, "out");
    struct sign_result result;
    int file = out == NULL ? STDOUT_FILENO : open_out(out);
    if (file < 0)
        return cli_fail(arguments, CLI_FAILED, "--out %s: %s; the CA was not asked", out, strerror(errno));
    sign_issue(request, &result);
    bool given = result.chain_pem != NULL && give_out(arguments, request, &result, file);
    if (result.chain_pem != NULL && !given)
        cli_fail(arguments, CLI_FAILED, "certificate %s cannot be written: %s; the database has it",
                 result.serial, strerror(errno));
    if (out != NULL) {
        close(file);
        if (!given)
            unlink(out);
    }
    if (result.problem != NULL)
        return cli_fail(arguments, CLI_FAILED, "%s", result.problem);
    return given ? CLI_OK : CLI_FAILED;
}

/* ---- the command ---- */

static int sign(const struct cli_arguments *arguments)
{
    if (cli_value(arguments, "profile") == NULL)
        return cli_fail(arguments, CLI_USAGE, "--profile NAME is missing");
    log_set_level(LOG_LEVEL_WARNING);
    struct sign_request request = {.arena = arguments->arena, .config = cli_config_in_force(arguments)};
    int status = request.config == NULL ? CLI_FAILED : read_request(arguments, &request);
    if (status == CLI_OK)
        status = issue(arguments, &request);
    X509_REQ_free(request.csr);
    return status;
}

static const struct cli_option options[] = {
    {"profile", "NAME", "the profile whose issuer signs and whose limits apply", NULL, 0},
    {"endpoint", "NAME", "the endpoint whose name policy applies, too", NULL, 0},
    {"out", "FILE", "writes the certificate and its chain to a new file instead of standard output", NULL, 0},
    CLI_JSON_OPTION,
    {0}};

static const struct cli_action actions[] = {
    {.words = "CSR",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_CONFIG,
     .options = options,
     .help = "Has the CA sign a certificate request (PEM or DER) under a profile's policies.",
     .run = sign}};

const struct cli_command cli_sign = {"sign", "have a certificate signed for a host that cannot speak ACME",
                                     actions, 1};
