/* SPDX-License-Identifier: Apache-2.0 */
#include "house.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "dice.h"
#include "fakes.h"
#include "gateway/runtime/clock.h"
#include "oracle.h"
#include "store/eab_keys.h"
#include "verdict.h"
#include "world.h"

enum { PATH_BYTES = 256, FILE_MAX_BYTES = 256 * 1024 * 1024, OPEN_FILES_MAX = 8 };

/* A Thursday in November, later than any build. */
#define BEGIN_MS INT64_C(1795694400000)

static const char configuration[] =
    "{\"base_url\":\"https://acme.test\",\"alternate_names\":[\"acme2.test\"],\"listen\":[\"127.0.0.1:1\"],"
    "\"pki_listen\":[\"127.0.0.1:2\"],\"database\":\"%s/"
    "acmegate.db\",\"loops\":2,\"tls\":{\"issuer\":\"one\"},"
    "\"issuers\":{"
    "\"one\":{\"type\":\"stepca\",\"ca_url\":\"https://ca-one.test:9000\",\"provisioner_name\":\"acmegate\","
    "\"provisioner_key_path\":\"%s/provisioner.json\",\"root_cert_path\":\"%s/root.crt\"},"
    "\"two\":{\"type\":\"stepca\",\"ca_url\":\"https://ca-two.test:9000\",\"provisioner_name\":\"acmegate\","
    "\"provisioner_key_path\":\"%s/provisioner.json\",\"root_cert_path\":\"%s/"
    "root.crt\",\"max_concurrent\":2},"
    "\"local\":{\"type\":\"local\",\"directory\":\"%s/local\"}},"
    "\"profiles\":{\"one\":{\"issuer\":\"one\"},\"two\":{\"issuer\":\"two\"},"
    "\"local\":{\"issuer\":\"local\",\"max_ttl\":\"1h\",\"key_types\":[\"P-256\"]}},"
    "\"endpoints\":{"
    "\"open\":{\"profiles\":[\"one\",\"local\"],\"challenges\":[\"http-01\",\"dns-01\",\"tls-alpn-01\","
    "\"dns-account-01\",\"dns-persist-01\"],\"issuer_domain_names\":[\"ca.test\"],\"subdomains\":true,"
    "\"authorization_lifetime\":\"%dh\",\"trusted\":{\"names\":[\"zone.test\"]},\"names\":{\"deny\":[\"never."
    "test\"%s]}},"
    "\"keyed\":{\"profiles\":[\"two\"],\"eab\":\"required\",\"challenges\":[\"http-01\",\"dns-01\","
    "\"dns-persist-01\"],\"issuer_domain_names\":[\"ca.test\"],\"names\":{\"deny\":[\"never.test\"%s]}},"
    "\"net\":{\"profiles\":[\"two\",\"local\"],\"eab\":\"optional\",\"caa_identities\":[\"ca.test\"],"
    "\"authorization_lifetime\":\"2h\",\"terms_of_service\":\"https://acme.test/terms\","
    "\"trusted\":{\"networks\":[\"10.9.0.0/16\"]},\"names\":{\"deny\":[\"never.test\"%s]}}},"
    "\"stepca_api\":{\"profile\":\"one\"},\"orders\":{\"lifetime\":\"1h\"},"
    "\"limits\":{\"orders_per_name\":\"%d/1h\",\"orders_per_account\":\"%d/1h\",\"refusals\":\"%d/1h\"},"
    "\"validation\":{\"retry_for\":\"%ds\"}}";

struct file_copy {
    const char *suffix;
    struct bytes text;
    bool there;
};

static const char *const kept_files[] = {"", "-wal", ".mark"};
enum { KEPT_FILES = sizeof kept_files / sizeof kept_files[0] };

struct copy {
    struct arena *arena;
    struct file_copy files[KEPT_FILES];
};

static char folder[PATH_BYTES], run_folder[PATH_BYTES];
static struct arena *arena;
static const struct config *config;
static struct server *server;
static struct copy kept;
static bool denies;
static int retry_for_s, lifetime_h;

/* ---- files ---- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, OPEN_FILES_MAX, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *suffix)
{
    static char path[PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/acmegate.db%s", run_folder, suffix);
    return path;
}

static void take_copy(struct copy *copy)
{
    arena_free(copy->arena);
    copy->arena = arena_new();
    for (size_t i = 0; i < KEPT_FILES; i++) {
        struct file_copy *file = &copy->files[i];
        file->suffix = kept_files[i];
        file->there = file_read(copy->arena, path_of(file->suffix), FILE_MAX_BYTES, &file->text);
    }
}

/* Into the very files, so that the mark still knows its own. */
static void put_back(const struct copy *copy, bool with_mark)
{
    unlink(path_of("-shm"));
    for (size_t i = 0; i < KEPT_FILES; i++) {
        const struct file_copy *file = &copy->files[i];
        if (!with_mark && strcmp(file->suffix, ".mark") == 0)
            continue;
        if (!file->there) {
            unlink(path_of(file->suffix));
            continue;
        }
        FILE *out = fopen(path_of(file->suffix), access(path_of(file->suffix), F_OK) == 0 ? "r+e" : "we");
        if (out == NULL || fwrite(file->text.p, 1, file->text.n, out) != file->text.n ||
            ftruncate(fileno(out), (off_t)file->text.n) != 0 || fclose(out) != 0)
            verdict("%s cannot be written", path_of(file->suffix));
    }
}

void house_make(void)
{
    snprintf(folder, sizeof folder, "%s/acmegate-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(folder) == NULL)
        verdict("no folder can be made at %s", folder);
    if ((size_t)snprintf(run_folder, sizeof run_folder, "%.*s/run", PATH_BYTES - 8, folder) >=
        sizeof run_folder)
        verdict("the path of %s is too long", folder);
    fake_clock_set(BEGIN_MS);
    world_ca_make(folder);
}

void house_remove(void)
{
    arena_free(kept.arena);
    kept.arena = NULL;
    remove_tree(folder);
}

/* ---- the server's life ---- */

const struct config *house_config(void)
{
    return config;
}

static void read_configuration(void)
{
    const char *deny = denies ? ",\"denied.test\",\"*.denied.test\"" : "";
    struct config_errors errors;
    arena_free(arena);
    arena = arena_new();
    const char *text = arena_printf(arena, configuration, run_folder, folder, folder, folder, folder,
                                    run_folder, lifetime_h, deny, deny, deny, HOUSE_ORDERS_PER_NAME,
                                    HOUSE_ORDERS_PER_ACCOUNT, HOUSE_REFUSALS, retry_for_s);
    config = config_parse(arena, "the harness", bytes_from_string(text), NULL, &errors);
    if (config == NULL)
        verdict("the harness's configuration is refused: %s", errors.lines[0]);
}

static void start(void)
{
    struct fault fault;
    read_configuration();
    fake_reads_wait(dice_chance(25));
    fake_store_use(store_location_new(arena, config->database), oracle_committed);
    server = server_start(config, "the harness", &fault);
    if (server == NULL)
        finding("S2", "the server does not start: %s", fault.message);
    oracle_denied("denied.test", denies);
    oracle_restarted(store_command_reader(fake_store_command()));
    for (size_t i = 0; i < CLIENTS * ENDPOINTS; i++)
        clients.accounts[i / ENDPOINTS][i % ENDPOINTS].order_requests =
            clients.accounts[i / ENDPOINTS][i % ENDPOINTS].requests = 0;
    fakes_pass(2000);
}

static void stop(void)
{
    fake_outbound_end_all();
    server_stop(server);
    server = NULL;
    fake_agenda_clear();
}

void house_begin(void)
{
    denies = false;
    retry_for_s = dice_chance(50) ? 4 : 30;
    lifetime_h = dice_chance(80) ? 24 : 2;
    fake_clock_set(BEGIN_MS);
    char local[PATH_BYTES + 8];
    snprintf(local, sizeof local, "%s/local", run_folder);
    mkdir(run_folder, 0700);
    mkdir(local, 0700);
    start();
}

void house_end(void)
{
    stop();
    arena_free(arena);
    arena = NULL;
    arena_free(kept.arena);
    kept = (struct copy){0};
    remove_tree(run_folder);
}

struct server *house_server(void)
{
    return server;
}

void house_keep_copy(void)
{
    take_copy(&kept);
}

void house_restart(enum house_stop how)
{
    struct copy now = {0};
    if (how == HOUSE_CRASH)
        take_copy(&now);
    stop();
    if (how == HOUSE_CRASH)
        put_back(&now, true);
    else if (how == HOUSE_RESTORE && kept.arena != NULL)
        put_back(&kept, false);
    arena_free(now.arena);
    start();
}

void house_deny(bool denied)
{
    denies = denied;
}

bool house_denies(void)
{
    return denies;
}

void house_set_clock(int64_t by_ms)
{
    if (clock_now_ms() + by_ms > BEGIN_MS)
        fake_clock_jump(by_ms);
}

/* ---- external account keys ---- */

static enum store_apply_result insert_key(void *context, struct store_writer *writer)
{
    struct eab_key *key = context;
    struct arena *scratch = arena_new();
    enum store_result result = store_eab_key_insert(writer, scratch, key);
    arena_free(scratch);
    return store_applied(result);
}

void house_add_eab_key(struct arena *into, const char *endpoint, bool trusted, struct house_eab_key *out)
{
    struct fault fault;
    *out = (struct house_eab_key){.kid = arena_printf(into, "k%llu", (unsigned long long)dice_next()),
                                  .trusted = trusted};
    for (size_t i = 0; i < sizeof out->mac_key; i++)
        out->mac_key[i] = (uint8_t)dice_next();
    struct eab_key key = {
        .endpoint = endpoint, .kid = out->kid, .trusted = trusted, .created_at = clock_now()};
    if (!secret_seal(server->secrets, into, bytes_of(out->mac_key, sizeof out->mac_key),
                     eab_key_place(into, endpoint, out->kid), &key.sealed_key) ||
        !store_write_now(fake_store_command(), insert_key, &key, &fault))
        verdict("the harness cannot add an external account key");
    out->id = key.id;
}

static enum store_apply_result revoke_key(void *context, struct store_writer *writer)
{
    const struct house_eab_key *key = context;
    return store_applied(store_eab_key_revoke(writer, key->id, clock_now()));
}

void house_revoke_eab_key(const struct house_eab_key *key)
{
    struct fault fault;
    if (store_write_now(fake_store_command(), revoke_key, (void *)(uintptr_t)key, &fault))
        oracle_eab_revoked(key->id);
}
