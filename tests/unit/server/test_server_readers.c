/* SPDX-License-Identifier: Apache-2.0 */
/* The whole server with its threads, as if reads waited for the network: readers run the loads. The test
 * holds reads, and lets them go (by --wrap). */
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/loads/readers.h"
#include "gateway/runtime/clock.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "threads_house.h"

LEAK_CHECKED_SUITE(server_readers);

#define RENEWAL_INFO "/acme/acme/renewal-info/AQ.AQ"
#define NOTHING      "This certificate was not issued at this endpoint."

/* ---- what the test holds ---- */

static atomic_bool holds_clients, holds_looks;
static atomic_size_t to_let_go_at_the_end;
static sem_t begun, let_go;
static atomic_int_least64_t clock_ahead_ms;

/* The linker's names. */
bool __wrap_store_reads_wait(const struct store_location *location);
int64_t __wrap_clock_now_ms(void);
int64_t __real_clock_now_ms(void);
enum store_result __wrap_store_certificates_by_serial(struct store_reader *reader, struct arena *arena,
                                                      const char *serial, struct certificate **out,
                                                      size_t *count);
enum store_result __real_store_certificates_by_serial(struct store_reader *reader, struct arena *arena,
                                                      const char *serial, struct certificate **out,
                                                      size_t *count);
enum store_result __wrap_store_validation_queue_after(struct store_reader *reader, int64_t after,
                                                      int64_t *account_id);
enum store_result __real_store_validation_queue_after(struct store_reader *reader, int64_t after,
                                                      int64_t *account_id);
void __wrap_outbound_stop(struct outbound *outbound);
void __real_outbound_stop(struct outbound *outbound);

static bool reads_wait;

bool __wrap_store_reads_wait(const struct store_location *location)
{
    (void)location;
    return reads_wait;
}

int64_t __wrap_clock_now_ms(void)
{
    return __real_clock_now_ms() + atomic_load(&clock_ahead_ms);
}

static void hold(const atomic_bool *wanted)
{
    if (!atomic_load(wanted))
        return;
    sem_post(&begun);
    sem_wait(&let_go);
}

enum store_result __wrap_store_certificates_by_serial(struct store_reader *reader, struct arena *arena,
                                                      const char *serial, struct certificate **out,
                                                      size_t *count)
{
    hold(&holds_clients);
    return __real_store_certificates_by_serial(reader, arena, serial, out, count);
}

enum store_result __wrap_store_validation_queue_after(struct store_reader *reader, int64_t after,
                                                      int64_t *account_id)
{
    hold(&holds_looks);
    return __real_store_validation_queue_after(reader, after, account_id);
}

static void let(size_t count)
{
    while (count-- > 0)
        sem_post(&let_go);
}

/* The loops have ended by then. */
void __wrap_outbound_stop(struct outbound *outbound)
{
    __real_outbound_stop(outbound);
    let(atomic_load(&to_let_go_at_the_end));
}

/* ---- the tests ---- */

static void begin(void)
{
    reads_wait = true;
    cr_assert(sem_init(&begun, 0, 0) == 0 && sem_init(&let_go, 0, 0) == 0);
    house_begin();
    house_start();
    client_close(house_client());
}

static void end(void)
{
    server_stop(house.server);
    house_end();
}

static struct client *ask_and_hold(void)
{
    struct client *client = house_client();
    client_send(client, "GET " RENEWAL_INFO " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    sem_wait(&begun);
    return client;
}

Test(server_readers, they_read_for_every_loop)
{
    begin();
    cr_expect_not_null(house.server->readers);
    struct client *client = house_client();
    struct client_reply reply = house_ask(client, RENEWAL_INFO);
    cr_expect_eq(reply.status, 404);
    cr_expect_not_null(strstr(reply.body, NOTHING), "%s", reply.body);
    cr_expect_eq(house_ask(client, "/ready").status, 200);
    cr_expect_eq(house_metric("acmegate_validations_waiting"), 0);
    client_close(client);
    end();
}

Test(server_readers, a_client_may_leave_while_its_load_runs)
{
    begin();
    atomic_store(&holds_clients, true);
    for (int i = 0; i < 3; i++) {
        client_close(ask_and_hold());
        let(1);
    }
    atomic_store(&holds_clients, false);
    struct client *client = house_client();
    cr_expect_eq(house_ask(client, RENEWAL_INFO).status, 404);
    client_close(client);
    while (http_server_connections(house.server->http) != 0)
        sched_yield();
    end();
}

Test(server_readers, a_loop_serves_while_every_reader_hangs)
{
    struct client *held[READERS_FOR_CLIENTS];
    begin();
    atomic_store(&holds_clients, true);
    atomic_store(&holds_looks, true);
    sem_wait(&begun); /* the look of each second */
    for (size_t i = 0; i < READERS_FOR_CLIENTS; i++)
        held[i] = ask_and_hold();
    struct client *client = house_client();
    cr_expect_eq(house_ask(client, "/acme/acme/directory").status, 200);
    cr_expect_eq(house_ask(client, "/ready").status, 200);
    atomic_store(&clock_ahead_ms, READERS_SILENT_MS);
    struct client_reply reply = house_ask(client, "/ready");
    cr_expect_eq(reply.status, 503);
    cr_expect_not_null(strstr(reply.body, "the database does not answer"), "%s", reply.body);
    cr_expect_eq(house_ask(client, "/health").status, 200);
    atomic_store(&holds_clients, false);
    atomic_store(&holds_looks, false);
    let(READERS_FOR_CLIENTS + 1);
    for (size_t i = 0; i < READERS_FOR_CLIENTS; i++) {
        reply = client_read(held[i]);
        cr_expect_eq(reply.status, 404);
        cr_expect_not_null(strstr(reply.body, NOTHING), "%s", reply.body);
        client_close(held[i]);
    }
    cr_expect_eq(house_ask(client, "/ready").status, 200);
    client_close(client);
    end();
}

/* What follows it does not run any more, and is freed. */
Test(server_readers, a_look_may_come_back_after_the_outbound_thread_has_stopped)
{
    begin();
    atomic_store(&to_let_go_at_the_end, 1);
    atomic_store(&holds_looks, true);
    sem_wait(&begun);
    atomic_store(&holds_looks, false);
    end();
}

/* A server that did not end in time leaves memory behind: its process ends right after, as here. */
Test(server_readers, a_load_may_come_back_after_its_loop_has_stopped)
{
    int status = -1;
    pid_t process = fork();
    cr_assert_neq(process, -1);
    if (process == 0) {
        begin();
        atomic_store(&to_let_go_at_the_end, 1);
        atomic_store(&holds_clients, true);
        ask_and_hold();
        server_stop(house.server);
        house_end();
        _exit(sem_trywait(&let_go) == 0 ? 2 : 0);
    }
    cr_assert_eq(waitpid(process, &status, 0), process);
    cr_expect_eq(status, 0, "%#x", (unsigned)status);
}
