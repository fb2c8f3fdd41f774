/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <unistd.h>

#include "acme/base/buffer.h"
#include "acme/base/unconst.h"
#include "gateway/outbound/outbound_internal.h"
#include "gateway/runtime/address_policy.h"
#include "gateway/runtime/crash_record.h"

enum {
    CONNECT_TO_BYTES = INET6_ADDRSTRLEN + 8,
    REUSE_IDLE_MOST_S = 10, /* step-ca ends connections that have been idle for 15 s */
};

/* A request in progress. It owns its arena, which it is in. */
struct transfer {
    struct transfer *next, **link;
    struct outbound *outbound;
    struct arena *arena;
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    bool pinned;
    bool for_client;
    int64_t owner; /* the object that it works for (crash_record.h) */
    struct sockaddr_storage address;
    struct bytes sending; /* the rest of the request's body */
    struct buffer body;
    bool body_cut;
    char error[CURL_ERROR_SIZE];
    void (*done)(void *context, const struct outbound_http_reply *reply);
    void *context;
};

/* ---- callbacks of curl ---- */

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t n = size * count;
    size_t room = transfer->body.max_bytes - transfer->body.n;
    buffer_append(&transfer->body, bytes_of(data, n < room ? n : room));
    if (n <= room)
        return n;
    transfer->body_cut = true;
    return CURL_WRITEFUNC_ERROR;
}

/*
 * Gives the body to curl once. curl would repeat a request when a kept connection ends without an answer,
 * although the server may have carried it out. The caller has to decide what to do then.
 */
static size_t on_send(char *room, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t n = size * count < transfer->sending.n ? size * count : transfer->sending.n;
    if (n != 0)
        memcpy(room, transfer->sending.p, n);
    transfer->sending = bytes_of(transfer->sending.p + n, transfer->sending.n - n);
    return n;
}

static int on_rewind(void *context, curl_off_t offset, int origin)
{
    (void)context;
    (void)offset;
    (void)origin;
    return CURL_SEEKFUNC_FAIL;
}

static bool same_host(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family)
        return false;
    if (a->sa_family == AF_INET6)
        return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                      &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
    return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
           ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

/* The last check: if curl dials another address than the one that was checked, it gets no socket. */
static curl_socket_t on_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    const struct transfer *transfer = context;
    (void)purpose;
    if (!same_host((const struct sockaddr *)&transfer->address, &address->addr))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- setting a request up ---- */

static void pin_address(struct transfer *transfer)
{
    char text[INET6_ADDRSTRLEN];
    char connect_to[CONNECT_TO_BYTES];
    address_format(text, (const struct sockaddr *)&transfer->address);
    snprintf(connect_to, sizeof connect_to,
             transfer->address.ss_family == AF_INET6 ? "::[%s]:" : "::%s:", text);
    transfer->connect_to = curl_slist_append(NULL, connect_to);
    curl_easy_setopt(transfer->easy, CURLOPT_CONNECT_TO, transfer->connect_to);
    curl_easy_setopt(transfer->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(transfer->easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, 1L);
}

static CURLcode on_trusting_context(CURL *easy, void *context, void *unused)
{
    (void)easy;
    (void)unused;
    outbound_tls_trust_anybody(context);
    return CURLE_OK;
}

/*
 * curl reads the first error of the handshake. OpenSSL puts a bad signature before its own verdict: a CA that
 * was made anew under its old name would count as one that cannot speak TLS, not as one without trust.
 */
static int verify(X509_STORE_CTX *verification, void *unused)
{
    (void)unused;
    int result = X509_verify_cert(verification);
    if (result != 1)
        ERR_clear_error();
    return result;
}

static CURLcode on_verifying_context(CURL *easy, void *context, void *unused)
{
    (void)easy;
    (void)unused;
    SSL_CTX_set_cert_verify_callback(context, verify, NULL);
    return CURLE_OK;
}

/* Trusts these roots only, neither curl's nor the system's (trust fails closed). */
static void set_trust(CURL *easy, struct bytes trusted_pem)
{
    bool verifies = trusted_pem.n != 0;
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verifies ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verifies ? 2L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, verifies ? on_verifying_context : on_trusting_context);
    struct curl_blob roots = {UNCONST(void *, trusted_pem.p), trusted_pem.n, CURL_BLOB_COPY};
    if (verifies)
        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &roots);
}

static void set_body(struct transfer *transfer, struct bytes body)
{
    transfer->sending = arena_copy(transfer->arena, body);
    curl_easy_setopt(transfer->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    curl_easy_setopt(transfer->easy, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(transfer->easy, CURLOPT_READDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_SEEKFUNCTION, on_rewind);
    transfer->headers = curl_slist_append(transfer->headers, "Content-Type: application/json");
    transfer->headers = curl_slist_append(transfer->headers, "Expect:");
}

static void set_authorization(struct transfer *transfer, const char *value)
{
    const char *line = arena_printf(transfer->arena, "Authorization: %s", value);
    transfer->headers = curl_slist_append(transfer->headers, line);
}

static void set_options(struct transfer *transfer, const struct outbound_http_request *request)
{
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bool too_late = request->for_client && transfer->outbound->hurried;
    long timeout_ms = too_late ? 1 : (long)request->timeout_ms;
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)REUSE_IDLE_MOST_S);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, request->user_agent == NULL ? "acmegate" : request->user_agent);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    set_trust(easy, request->trusted_pem);
    if (transfer->pinned)
        pin_address(transfer);
    if (strcmp(request->method, "POST") == 0)
        set_body(transfer, request->body);
    if (request->authorization != NULL)
        set_authorization(transfer, request->authorization);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static CURL *take_handle(struct outbound *outbound)
{
    return outbound->idle_count != 0 ? outbound->idle[--outbound->idle_count] : curl_easy_init();
}

void outbound_http(struct outbound *outbound, const struct outbound_http_request *request,
                   void (*done)(void *context, const struct outbound_http_reply *reply), void *context)
{
    struct arena *arena = arena_new();
    struct transfer *transfer = arena_alloc(arena, sizeof *transfer);
    *transfer = (struct transfer){.outbound = outbound,
                                  .arena = arena,
                                  .easy = take_handle(outbound),
                                  .pinned = request->address != NULL,
                                  .for_client = request->for_client,
                                  .owner = crash_record_owner(),
                                  .done = done,
                                  .context = context};
    if (transfer->easy == NULL)
        end_without("memory");
    if (transfer->pinned)
        transfer->address = *request->address;
    buffer_init(&transfer->body, arena, request->max_body_bytes);
    set_options(transfer, request);
    transfer->next = outbound->transfers;
    transfer->link = &outbound->transfers;
    if (transfer->next != NULL)
        transfer->next->link = &transfer->next;
    outbound->transfers = transfer;
    curl_multi_add_handle(outbound->multi, transfer->easy);
}

/* ---- the end of one ---- */

/*
 * Only the handle of a request that went well serves again. curl 8 keeps in the handle that the body of a
 * lost request is still to be rewound, also past curl_easy_reset(): each later request of the handle would
 * fail.
 */
static void release(struct transfer *transfer, bool went_well)
{
    struct outbound *outbound = transfer->outbound;
    *transfer->link = transfer->next;
    if (transfer->next != NULL)
        transfer->next->link = transfer->link;
    curl_multi_remove_handle(outbound->multi, transfer->easy);
    if (went_well && outbound->idle_count < OUTBOUND_IDLE_HANDLES) {
        curl_easy_reset(transfer->easy);
        outbound->idle[outbound->idle_count++] = transfer->easy;
    } else {
        curl_easy_cleanup(transfer->easy);
    }
    curl_slist_free_all(transfer->headers);
    curl_slist_free_all(transfer->connect_to);
    arena_free(transfer->arena);
}

static const char *header(CURL *easy, const char *name)
{
    struct curl_header *found = NULL;
    return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value : NULL;
}

static const char *error_words(const struct transfer *transfer, CURLcode result)
{
    if (result == CURLE_SEND_FAIL_REWIND)
        return "the connection was closed before an answer came";
    return transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(result);
}

static enum outbound_fault fault_of(CURLcode result)
{
    switch (result) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return OUTBOUND_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return OUTBOUND_TIMED_OUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return OUTBOUND_TLS_FAILED;
    default:
        return OUTBOUND_BROKEN;
    }
}

static void read_reply(struct transfer *transfer, CURLcode result, struct outbound_http_reply *reply)
{
    CURL *easy = transfer->easy;
    long status = 0, request_bytes = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    curl_off_t took_us = 0;
    curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &took_us);
    *reply = (struct outbound_http_reply){.connected = request_bytes > 0, .took_us = took_us};
    if (result != CURLE_OK && !transfer->body_cut) {
        reply->transport_error = error_words(transfer, result);
        reply->fault = fault_of(result);
        reply->untrusted = result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE;
        return;
    }
    const char *date = header(easy, "Date");
    time_t when = date == NULL ? -1 : curl_getdate(date, NULL);
    reply->status = (int)status;
    reply->body = buffer_bytes(&transfer->body);
    reply->body_cut = transfer->body_cut;
    reply->location = header(easy, "Location");
    reply->date = when == -1 ? 0 : (int64_t)when;
    curl_off_t retry_after_s = 0; /* curl reads both forms, RFC 9110 §10.2.3 */
    if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s) == CURLE_OK && retry_after_s > 0)
        reply->retry_after_s = (int64_t)retry_after_s;
}

static void tell(struct transfer *transfer, CURLcode result, const char *error)
{
    struct outbound_http_reply reply;
    int64_t before = crash_record_set_owner(transfer->owner);
    read_reply(transfer, result, &reply);
    if (error != NULL)
        reply.transport_error = error;
    transfer->done(transfer->context, &reply);
    release(transfer, result == CURLE_OK);
    crash_record_set_owner(before);
}

void outbound_http_finish(struct outbound *outbound)
{
    int left = 0;
    for (CURLMsg *message;
         !outbound->stop && (message = curl_multi_info_read(outbound->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct transfer *transfer = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        tell(transfer, message->data.result, NULL);
    }
}

static struct transfer *first_for_client(const struct outbound *outbound)
{
    struct transfer *transfer = outbound->transfers;
    while (transfer != NULL && !transfer->for_client)
        transfer = transfer->next;
    return transfer;
}

void outbound_http_end_for_clients(struct outbound *outbound)
{
    outbound->hurried = true;
    for (struct transfer *transfer; (transfer = first_for_client(outbound)) != NULL;)
        tell(transfer, CURLE_ABORTED_BY_CALLBACK, "acmegate stops and cannot wait for the answer");
}

void outbound_http_drop_all(struct outbound *outbound)
{
    while (outbound->transfers != NULL)
        release(outbound->transfers, false);
    while (outbound->idle_count != 0)
        curl_easy_cleanup(outbound->idle[--outbound->idle_count]);
}
