/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request, read strictly (RFC 9112). */
#include "gateway/http/http_framing.h"

#include "acme/base/arena.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(http_framing);

#define LINE   "a line does not end with CR LF"
#define START  "the request line is malformed"
#define SPACES "the request target holds white space or control characters"
#define NAME   "a header's name is malformed"
#define VALUE  "a header's value holds control characters"
#define NUMBER "the Content-Length is not a number"
#define BESIDE "a Transfer-Encoding comes with a Content-Length or in HTTP/1.0"
#define HOST   "the Host is malformed"
#define GET    "GET / HTTP/1.1\r\n"
#define OF_H   "Host: h\r\n"

static const struct {
    const char *what;
    struct bytes head;
    const char *why;
} refused[] = {
    {"nothing", BYTES_LITERAL(""), LINE},
    {"a line without an end", BYTES_LITERAL("GET / HTTP/1.1"), LINE},
    {"a line feed alone", BYTES_LITERAL("\n"), LINE},
    {"an empty line alone", BYTES_LITERAL("\r\n"), LINE},
    {"two empty lines before", BYTES_LITERAL("\r\n\r\n" GET OF_H "\r\n"), START},
    {"bare line feeds", BYTES_LITERAL("GET / HTTP/1.1\nHost: h\n\n"), LINE},
    {"a bare line feed behind a header", BYTES_LITERAL(GET "Host: h\n\r\n"), LINE},
    {"a bare line feed at the end", BYTES_LITERAL(GET OF_H "\n"), LINE},
    {"a bare carriage return in a line", BYTES_LITERAL(GET "Host: a\rb\r\n\r\n"), LINE},
    {"a bare carriage return before the end", BYTES_LITERAL(GET "Host: a\r\r\n\r\n"), LINE},
    {"no empty line at the end", BYTES_LITERAL(GET OF_H), LINE},
    {"no space", BYTES_LITERAL("GET\r\n\r\n"), START},
    {"one space", BYTES_LITERAL("GET /\r\n\r\n"), START},
    {"no method", BYTES_LITERAL(" / HTTP/1.1\r\n\r\n"), START},
    {"a method that is no token", BYTES_LITERAL("G(T / HTTP/1.1\r\n\r\n"), START},
    {"a method with a zero octet", BYTES_LITERAL("G\0T / HTTP/1.1\r\n\r\n"), START},
    {"a method before 'A'", BYTES_LITERAL("@ / HTTP/1.1\r\n\r\n"), START},
    {"a method behind 'Z'", BYTES_LITERAL("[ / HTTP/1.1\r\n\r\n"), START},
    {"a method behind 'z'", BYTES_LITERAL("{ / HTTP/1.1\r\n\r\n"), START},
    {"a method before '0'", BYTES_LITERAL("/ / HTTP/1.1\r\n\r\n"), START},
    {"a method behind '9'", BYTES_LITERAL(": / HTTP/1.1\r\n\r\n"), START},
    {"a space in the target", BYTES_LITERAL("GET /a b HTTP/1.1\r\n\r\n"), SPACES},
    {"a tab in the target", BYTES_LITERAL("GET /a\tb HTTP/1.1\r\n\r\n"), SPACES},
    {"a delete in the target", BYTES_LITERAL("GET /a\x7f HTTP/1.1\r\n\r\n"), SPACES},
    {"another version", BYTES_LITERAL("GET / HTTP/2.0\r\n\r\n"), "the version is not HTTP/1.1"},
    {"a version in lower case", BYTES_LITERAL("GET / http/1.1\r\n\r\n"), "the version is not HTTP/1.1"},
    {"no version", BYTES_LITERAL("GET / \r\n\r\n"), "the version is not HTTP/1.1"},
    {"a folded header", BYTES_LITERAL(GET OF_H " b: c\r\n\r\n"), "a header line is folded"},
    {"a header folded with a tab", BYTES_LITERAL(GET OF_H "\tb: c\r\n\r\n"), "a header line is folded"},
    {"no colon", BYTES_LITERAL(GET OF_H "x\r\n\r\n"), "a header line has no colon"},
    {"no name", BYTES_LITERAL(GET OF_H ": x\r\n\r\n"), NAME},
    {"white space before the colon", BYTES_LITERAL(GET OF_H "x : y\r\n\r\n"), NAME},
    {"a control character in a value", BYTES_LITERAL(GET OF_H "x: a\001b\r\n\r\n"), VALUE},
    {"the last control character", BYTES_LITERAL(GET OF_H "x: a\037b\r\n\r\n"), VALUE},
    {"a zero octet in a value", BYTES_LITERAL(GET OF_H "x: a\0b\r\n\r\n"), VALUE},
    {"a delete in a value", BYTES_LITERAL(GET OF_H "x: a\x7f\r\n\r\n"), VALUE},
    {"two lengths", BYTES_LITERAL(GET OF_H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
     "there is more than one Content-Length"},
    {"the same length twice", BYTES_LITERAL(GET OF_H "Content-Length: 5\r\ncontent-length: 5\r\n\r\n"),
     "there is more than one Content-Length"},
    {"an empty length", BYTES_LITERAL(GET OF_H "Content-Length:\r\n\r\n"), "the Content-Length is empty"},
    {"a list of lengths", BYTES_LITERAL(GET OF_H "Content-Length: 5, 5\r\n\r\n"), NUMBER},
    {"a length with a sign", BYTES_LITERAL(GET OF_H "Content-Length: +5\r\n\r\n"), NUMBER},
    {"a negative length", BYTES_LITERAL(GET OF_H "Content-Length: -5\r\n\r\n"), NUMBER},
    {"an octet before '0'", BYTES_LITERAL(GET OF_H "Content-Length: 5/\r\n\r\n"), NUMBER},
    {"an octet behind '9'", BYTES_LITERAL(GET OF_H "Content-Length: 5:\r\n\r\n"), NUMBER},
    {"two codings",
     BYTES_LITERAL(GET OF_H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
     "there is more than one Transfer-Encoding"},
    {"another coding", BYTES_LITERAL(GET OF_H "Transfer-Encoding: gzip\r\n\r\n"),
     "the Transfer-Encoding is not chunked"},
    {"a coding before chunked", BYTES_LITERAL(GET OF_H "Transfer-Encoding: gzip, chunked\r\n\r\n"),
     "the Transfer-Encoding is not chunked"},
    {"length and coding", BYTES_LITERAL(GET OF_H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
     BESIDE},
    {"a coding in HTTP/1.0", BYTES_LITERAL("GET / HTTP/1.0\r\n" OF_H "Transfer-Encoding: chunked\r\n\r\n"),
     BESIDE},
    {"no host", BYTES_LITERAL(GET "\r\n"), "the Host is missing"},
    {"two hosts", BYTES_LITERAL(GET OF_H OF_H "\r\n"), "there is more than one Host"},
    {"an empty host", BYTES_LITERAL(GET "Host: \r\n\r\n"), HOST},
    {"a host with a path", BYTES_LITERAL(GET "Host: h/x\r\n\r\n"), HOST},
    {"a host with user information", BYTES_LITERAL(GET "Host: u@h\r\n\r\n"), HOST},
    {"a host with a space", BYTES_LITERAL(GET "Host: a b\r\n\r\n"), HOST},
    {"a host above ASCII", BYTES_LITERAL(GET "Host: \xe9\r\n\r\n"), HOST},
    {"a list of hosts", BYTES_LITERAL(GET "Host: a,b\r\n\r\n"), HOST},
};

Test(http_framing, P8_what_may_be_read_in_two_ways_is_refused)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct http_head head;
        const char *why = http_head_read(refused[i].head, &head);
        cr_expect(why != NULL && strcmp(why, refused[i].why) == 0, "%s: %s", refused[i].what,
                  why == NULL ? "taken" : why);
    }
}

static const struct {
    const char *what;
    const char *head; /* octets of a body may follow it */
    size_t bytes;
    const char *target, *host; /* NULL: none */
    bool has_length, is_chunked;
} taken[] = {
    {"the shortest", GET OF_H "\r\n", 27, "/", "h", false, false},
    {"one empty line before", "\r\n" GET OF_H "\r\n", 29, "/", "h", false, false},
    {"HTTP/1.0 without a host", "GET / HTTP/1.0\r\n\r\n", 18, "/", NULL, false, false},
    {"HTTP/1.0 with a host", "GET / HTTP/1.0\r\nHost: h\r\n\r\n", 27, "/", "h", false, false},
    {"a length", "POST /x HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0123456789\r\n\r\n12", 59, "/x", "h:1",
     true, false},
    {"chunks", "POST * HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n", 60, "*", "[::1]",
     false, true},
    {"white space around a value", "GET / HTTP/1.1\r\nHost: \t h\t \r\n\r\n", 31, "/", "h", false, false},
    {"white space in a value", GET OF_H "x: a \tb\r\n\r\n", 36, "/", "h", false, false},
    {"an empty value", GET OF_H "x:\r\n\r\n", 31, "/", "h", false, false},
    {"octets above ASCII", "GET /\xe9 HTTP/1.1\r\nHost: h\r\nx: \xe9\r\n\r\n", 34, "/\xe9", "h", false,
     false},
    {"every octet of a token", "0aAzZ9!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: h\r\n\r\n", 45, "/", "h", false,
     false},
    {"names that only begin alike", GET OF_H "Hosts: a\r\nContent-Lengths: x\r\n\r\n", 57, "/", "h", false,
     false},
};

Test(http_framing, P8_what_can_be_read_in_one_way_is_taken)
{
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        struct http_head head;
        const char *why = http_head_read(bytes_from_string(taken[i].head), &head);
        cr_assert(why == NULL, "%s: %s", taken[i].what, why);
        cr_expect_eq(head.bytes, taken[i].bytes, "%s: %zu", taken[i].what, head.bytes);
        cr_expect(bytes_equal_string(head.target, taken[i].target), "%s", taken[i].what);
        cr_expect(bytes_equal_string(head.host, taken[i].host), "%s", taken[i].what);
        cr_expect((head.host.p == NULL) == (taken[i].host == NULL), "%s", taken[i].what);
        cr_expect(head.has_length == taken[i].has_length && head.is_chunked == taken[i].is_chunked, "%s",
                  taken[i].what);
    }
}

/* A head that was cut anywhere is none. */
Test(http_framing, P8_no_octet_behind_the_input_is_read)
{
    static const char text[] = "\r\nPOST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nx: \t\r\n\r\n";
    for (size_t n = 0; n <= strlen(text); n++) {
        struct arena *arena = arena_new();
        uint8_t *exact = arena_alloc(arena, n == 0 ? 1 : n);
        struct http_head head;
        memcpy(exact, text, n);
        const char *why = http_head_read(bytes_of(n == 0 ? NULL : exact, n), &head);
        cr_expect_eq(why == NULL, n == strlen(text), "%zu: %s", n, why == NULL ? "taken" : why);
        arena_free(arena);
    }
}

/* ---- the target ---- */

static const struct {
    const char *target;
    const char *scheme;
    const char *authority; /* NULL: of the origin form */
    const char *origin, *path, *query;
} targets[] = {
    {"/", "https", NULL, "/", "/", ""},
    {"/a/b", "https", NULL, "/a/b", "/a/b", ""},
    {"/a?", "https", NULL, "/a?", "/a", ""},
    {"/a?b=c?d", "https", NULL, "/a?b=c?d", "/a", "b=c?d"},
    {"//h/a", "https", NULL, "//h/a", "//h/a", ""},
    {"https://h", "https", "h", "/", "/", ""},
    {"https://h/", "https", "h", "/", "/", ""},
    {"https://h:1/a?b/c", "https", "h:1", "/a?b/c", "/a", "b/c"},
    {"HTTPS://H/a", "https", "H", "/a", "/a", ""},
    {"https://h?b", "https", "h", "/", "/", ""},
    {"http://h/a", "http", "h", "/a", "/a", ""},
};

Test(http_framing, P7_a_target_in_origin_or_absolute_form)
{
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct http_target target;
        const char *why = http_target_read(bytes_from_string(targets[i].target), targets[i].scheme, &target);
        cr_assert(why == NULL, "%s: %s", targets[i].target, why);
        cr_expect(bytes_equal_string(target.authority, targets[i].authority), "%s", targets[i].target);
        cr_expect((target.authority.p == NULL) == (targets[i].authority == NULL), "%s", targets[i].target);
        cr_expect(bytes_equal_string(target.origin, targets[i].origin), "%s", targets[i].target);
        cr_expect(bytes_equal_string(target.path, targets[i].path), "%s", targets[i].target);
        cr_expect(bytes_equal_string(target.query, targets[i].query), "%s", targets[i].target);
    }
}

#define NEITHER "the request target is neither a path nor a URL of this scheme"
#define NO_HOST "the request target has no host, or more than a host"

static const struct {
    struct bytes target;
    const char *why;
} no_targets[] = {
    {BYTES_LITERAL(""), NEITHER},
    {BYTES_LITERAL("*"), NEITHER},
    {BYTES_LITERAL("a/b"), NEITHER},
    {BYTES_LITERAL("h:443"), NEITHER},
    {BYTES_LITERAL("https"), NEITHER},
    {BYTES_LITERAL("https:"), NEITHER},
    {BYTES_LITERAL("https:/h"), NEITHER},
    {BYTES_LITERAL("http://h/"), NEITHER},
    {BYTES_LITERAL("ftps.://h/"), NEITHER},
    {BYTES_LITERAL("https://"), NO_HOST},
    {BYTES_LITERAL("https:///a"), NO_HOST},
    {BYTES_LITERAL("https://?a"), NO_HOST},
    {BYTES_LITERAL("https://#a"), NO_HOST},
    {BYTES_LITERAL("https://u@h/"), NO_HOST},
    {BYTES_LITERAL("https://h\0/"), NO_HOST},
    {BYTES_LITERAL("https://h\\/"), NO_HOST},
};

Test(http_framing, P7_every_other_target_is_refused)
{
    for (size_t i = 0; i < sizeof no_targets / sizeof *no_targets; i++) {
        struct http_target target;
        const char *why = http_target_read(no_targets[i].target, "https", &target);
        cr_expect(why != NULL && strcmp(why, no_targets[i].why) == 0, "%s: %s",
                  (const char *)no_targets[i].target.p, why == NULL ? "taken" : why);
    }
}
