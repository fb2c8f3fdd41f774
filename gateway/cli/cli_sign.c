#include "gateway/cli/cli_sign.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "gateway/cli/cli.h"
#include "gateway/issuer/issuer_overrides.h"
#include "gateway/log.h"

enum { CERTIFICATE_MODE = 0644 };

struct arguments {
    const char *config_path;
    const char *profile;
    const char *endpoint;
    const char *out;
    const char *csr_path;
};

[[gnu::format(printf, 1, 2)]] static int fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "acmegate sign: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    return CLI_FAILED;
}

/* ---- the request ---- */

/* PEM, in either of the names that it has, or DER. */
static struct bytes csr_octets(struct arena *arena, struct bytes text)
{
    autofree_bio BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    char *name = NULL, *header = NULL;
    uint8_t *data = NULL;
    long n = 0;
    struct bytes der = text;
    if (bio != NULL && PEM_read_bio(bio, &name, &header, &data, &n) == 1 &&
        (strcmp(name, PEM_STRING_X509_REQ) == 0 || strcmp(name, PEM_STRING_X509_REQ_OLD) == 0))
        der = arena_copy(arena, bytes_of(data, (size_t)n));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, n > 0 ? (size_t)n : 0); /* another file than was meant may hold a key */
    ERR_clear_error();
    return der;
}

static bool is_profile_of(const struct endpoint_config *endpoint, const char *profile)
{
    for (size_t i = 0; i < endpoint->profile_count; i++)
        if (strcmp(endpoint->profiles[i], profile) == 0)
            return true;
    return false;
}

/* As newOrder and finalize hold it to them. */
static const struct problem *check_policies(struct sign_request *request)
{
    struct arena *arena = request->arena;
    const struct profile_config *profile = request->profile;
    const struct subject_names *names = &request->names;
    const struct problem *problem = csr_read(arena, request->csr_der, &request->names, &request->csr);
    if (problem == NULL && names->count == 0)
        problem = problem_new(arena, PROBLEM_BAD_CSR, "CSR: it names nothing");
    if (problem == NULL && names->count > (size_t)request->config->max_identifiers)
        problem = problem_new(arena, PROBLEM_BAD_CSR, "CSR: it has %zu names, limits.max_identifiers is %lld",
                              names->count, (long long)request->config->max_identifiers);
    if (problem == NULL)
        problem = csr_check_key_type(arena, request->csr, profile->key_types, profile->key_type_count);
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

static int read_request(const struct arguments *arguments, struct sign_request *request)
{
    struct arena *arena = request->arena;
    struct bytes text;
    request->profile = config_profile(request->config, arguments->profile);
    if (request->profile == NULL)
        return fail("there is no profile named %s", arguments->profile);
    if (arguments->endpoint != NULL) {
        request->endpoint = config_endpoint(request->config, bytes_from_string(arguments->endpoint));
        if (request->endpoint == NULL)
            return fail("there is no endpoint named %s", arguments->endpoint);
        if (!is_profile_of(request->endpoint, request->profile->name))
            return fail("the endpoint %s has no profile named %s", arguments->endpoint, arguments->profile);
    }
    if (!file_read(arena, arguments->csr_path, 2 * CSR_MAX_BYTES, &text))
        return fail("%s: %s", arguments->csr_path, strerror(errno));
    request->csr_der = csr_octets(arena, text);
    const struct problem *problem = check_policies(request);
    return problem == NULL ? CLI_OK : fail("%s: %s", arguments->csr_path, problem->detail);
}

/* ---- the certificate ---- */

/* A place for it before it is asked for. Nothing is overwritten. */
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

static int issue(const struct arguments *arguments, struct sign_request *request)
{
    struct sign_result result;
    int file = arguments->out == NULL ? STDOUT_FILENO : open_out(arguments->out);
    if (file < 0)
        return fail("--out %s: %s; nothing was asked for", arguments->out, strerror(errno));
    sign_issue(request, &result);
    bool given = result.chain_pem != NULL;
    if (given && arguments->out == NULL)
        given = fputs(result.chain_pem, stdout) >= 0 && fflush(stdout) == 0;
    else if (given)
        given = write_out(file, result.chain_pem);
    if (result.chain_pem != NULL && !given)
        fail("certificate %s cannot be written: %s; it stands in the database", result.serial,
             strerror(errno));
    if (arguments->out != NULL) {
        close(file);
        if (!given)
            unlink(arguments->out);
    }
    if (result.problem != NULL)
        return fail("%s", result.problem);
    return given ? CLI_OK : CLI_FAILED;
}

/* ---- the command ---- */

static int read_arguments(int argc, char **argv, struct arguments *out)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"profile", required_argument, NULL, 'p'},
                                            {"endpoint", required_argument, NULL, 'e'},
                                            {"out", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    *out = (struct arguments){0};
    for (int option; (option = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
        if (option == 'c')
            out->config_path = optarg;
        else if (option == 'p')
            out->profile = optarg;
        else if (option == 'e')
            out->endpoint = optarg;
        else if (option == 'o')
            out->out = optarg;
        else
            return CLI_USAGE;
    }
    if (out->config_path == NULL || out->profile == NULL || optind + 1 != argc)
        return CLI_USAGE;
    out->csr_path = argv[optind];
    return CLI_OK;
}

static int sign(struct arena *arena, const struct arguments *arguments)
{
    struct config_errors errors = {0};
    struct sign_request request = {
        .arena = arena, .config = config_load_in_force(arena, arguments->config_path, environ, &errors)};
    for (size_t i = 0; request.config == NULL && i < errors.count; i++)
        fprintf(stderr, "acmegate: %s\n", errors.lines[i]);
    int status = request.config == NULL ? CLI_FAILED : read_request(arguments, &request);
    if (status == CLI_OK)
        status = issue(arguments, &request);
    X509_REQ_free(request.csr);
    return status;
}

int cli_sign(int argc, char **argv)
{
    struct arguments arguments;
    int status = read_arguments(argc, argv, &arguments);
    if (status != CLI_OK)
        return status;
    log_set_level(LOG_LEVEL_WARNING);
    struct arena *arena = arena_new();
    status = sign(arena, &arguments);
    arena_free(arena);
    return status;
}
