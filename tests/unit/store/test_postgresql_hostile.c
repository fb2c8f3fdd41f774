/* SPDX-License-Identifier: Apache-2.0 */
/* A server that answers a question with anything. */
#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "database.h"
#include "store/postgresql/session.h"

LEAK_CHECKED_SUITE(postgresql_hostile);

enum { QUESTION_MAX = 4096, BULK_BYTES = 256 * 1024, PEAK_MAX_KB = 768 * 1024 };

#define OCTETS(text) BYTES_LITERAL(text)

/* After the login and a question: this once, then that without an end. Without that the connection
 * ends. */
struct voice {
    const char *what;
    struct bytes once, forever;
    const char *words;
};

#define ROW_DESCRIPTION \
    "T\0\0\0\x1a\0\x01" \
    "a\0" \
    "\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
#define ROW \
    "D\0\0\0\x10\0\x01\0\0\0\x06" \
    "abcdef"
#define WORDS_64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define WORDS_256 WORDS_64 WORDS_64 WORDS_64 WORDS_64
#define NOTICE    "N\0\0\x01\x16SNOTICE\0C00000\0M" WORDS_256 "\0\0"
#define NOTIFICATION \
    "A\0\0\0\x4b\0\0\0\x01" \
    "a\0" WORDS_64 "\0"
#define LARGER  "the server's answer is larger than 64 MiB"
#define GARBAGE "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6"

static const struct voice voices[] = {
    {"rows without an end", OCTETS(ROW_DESCRIPTION), OCTETS(ROW), LARGER},
    {"rows that nobody described", OCTETS(""), OCTETS(ROW), LARGER},
    {"notices without an end", OCTETS(""), OCTETS(NOTICE), LARGER},
    {"notifications without an end", OCTETS(""), OCTETS(NOTIFICATION), LARGER},
    {"results without an end", OCTETS(""), OCTETS("C\0\0\0\x0dSELECT 0\0"),
     "the server's answer does not end"},
    {"errors without an end", OCTETS(""), OCTETS("E\0\0\0\x1aSERROR\0C00000\0Mwords\0\0"),
     "the server's answer "},
    {"copies without an end", OCTETS("H\0\0\0\x07\0\0\0"), OCTETS("d\0\0\0\x05x"),
     "the server's answer does not end"},
    {"more columns than a row has", OCTETS(ROW_DESCRIPTION "D\0\0\0\x06\0\x02"), OCTETS(""),
     "unexpected field count in \"D\" message"},
    {"a value beyond its row",
     OCTETS(ROW_DESCRIPTION "D\0\0\0\x10\0\x01\0\0\xff\xff"
                            "abcdef"),
     OCTETS(""), "insufficient data in \"D\" message"},
    {"garbage", OCTETS(GARBAGE), OCTETS(GARBAGE), "lost synchronization with server"},
    {"a length below its least", OCTETS("T\0\0\0\0"), OCTETS(""), "lost synchronization with server"},
    {"the end", OCTETS(""), OCTETS(""), "server closed the connection unexpectedly"},
};

/* libpq takes as much of it at once as has arrived. */
static const struct voice long_row = {"a row of a gigabyte",
                                      OCTETS(ROW_DESCRIPTION "D\x3f\xff\xff\xff\0\x01\x3f\xff\xff\xf5"),
                                      OCTETS("abcdefgh"), LARGER};

/* ---- the server ---- */

static const struct voice *present;
static int listener;

static bool say(int connection, struct bytes octets)
{
    size_t said = 0;
    while (said < octets.n) {
        ssize_t n = send(connection, octets.p + said, octets.n - said, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        said += (size_t)n;
    }
    return true;
}

static void hear(int connection)
{
    char question[QUESTION_MAX];
    cr_expect_gt(recv(connection, question, sizeof question, 0), 0);
}

static void say_forever(int connection, struct bytes octets)
{
    static unsigned char bulk[BULK_BYTES];
    size_t n = 0;
    for (; octets.n != 0 && n + octets.n <= sizeof bulk; n += octets.n)
        memcpy(bulk + n, octets.p, octets.n);
    while (octets.n != 0 && say(connection, bytes_of(bulk, n)))
        continue;
}

static void *serve(void *nothing)
{
    static const char login[] = "R\0\0\0\x08\0\0\0\0"
                                "S\0\0\0\x18server_version\0"
                                "15.1\0"
                                "Z\0\0\0\x05I";
    int connection = accept(listener, NULL, NULL);
    hear(connection);
    cr_expect(say(connection, bytes_of(login, sizeof login - 1)));
    hear(connection);
    (void)say(connection, present->once);
    say_forever(connection, present->forever);
    close(connection);
    return nothing;
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, n), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &n), 0);
    return ntohs(address.sin_port);
}

/* ---- the question ---- */

static void ask(const struct postgresql_location *location, struct fault *fault)
{
    PGconn *connection = postgresql_connect(location, fault);
    cr_assert_not_null(connection, "%s", fault->message);
    PGresult *result = postgresql_run(connection, "SELECT 1", "the database", fault);
    cr_expect_null(result, "%s", present->what);
    PQclear(result);
    PQfinish(connection);
}

static void ask_one(struct arena *arena, const struct voice *voice)
{
    struct fault fault;
    pthread_t server;
    present = voice;
    const char *place = arena_printf(
        arena,
        "host=127.0.0.1 port=%d user=u dbname=d sslmode=disable gssencmode=disable target_session_attrs=any",
        listen_anywhere());
    const struct store_location *location = store_location_new(arena, place);
    cr_assert_eq(pthread_create(&server, NULL, serve, NULL), 0);
    ask((const struct postgresql_location *)location, &fault);
    cr_assert_eq(pthread_join(server, NULL), 0);
    close(listener);
    cr_expect_not_null(strstr(fault.message, voice->words), "%s: %s", voice->what, fault.message);
}

Test(postgresql_hostile, an_answer_that_is_none_is_a_fault_and_takes_bounded_memory)
{
    struct arena *arena = arena_new();
    struct rusage usage;
    for (size_t i = 0; i < sizeof voices / sizeof *voices; i++)
        ask_one(arena, &voices[i]);
    cr_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
    cr_expect_lt(usage.ru_maxrss, PEAK_MAX_KB);
    ask_one(arena, &long_row);
    arena_free(arena);
}
