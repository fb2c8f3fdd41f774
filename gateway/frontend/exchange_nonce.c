/* SPDX-License-Identifier: Apache-2.0 */
/* The nonce of a request: this gateway's, or another one's, which alone can spend it. */
#include "gateway/frontend/exchange_internal.h"

static void refuse(struct exchange *exchange)
{
    METRICS_COUNT(METRIC_NONCES_REFUSED);
    exchange->problem =
        problem_new(exchange->arena, PROBLEM_BAD_NONCE,
                    "The nonce is unknown, too old or already used; this reply has a new one.");
}

/* ---- another gateway's ---- */

_Static_assert((int)PEERS_GOOD == METRIC_FOREIGN_SPENT && (int)PEERS_BAD == METRIC_FOREIGN_REFUSED &&
                   (int)PEERS_SILENT == METRIC_FOREIGN_UNANSWERED,
               "they are in one order");

static void on_answer(struct http_request *request)
{
    struct exchange *exchange = request->application;
    enum peers_answer answer = peers_take_answer(exchange->frontend->parts.peers, exchange->question);
    METRICS_COUNT(METRIC_NONCES_FOREIGN, (size_t)answer);
    if (answer != PEERS_GOOD)
        refuse(exchange);
    exchange->behind_nonce(exchange);
}

static void on_silence(struct http_request *request)
{
    const struct exchange *exchange = request->application;
    peers_note_silence(exchange->frontend->parts.peers, exchange->question);
    on_answer(request);
}

/* The request waits as one whose reply is held does: for a wake, the end of HTTP_LOOK_MS, or the stop. */
static void ask(struct exchange *exchange)
{
    exchange->question = peers_ask(exchange->frontend->parts.peers, exchange->envelope.nonce);
    if (exchange->question == 0)
        on_answer(exchange->request);
    else
        http_park_with_looks(exchange->request, exchange->question, on_answer, on_silence);
}

/* ---- all ---- */

void exchange_spend_nonce(struct exchange *exchange, void (*then)(struct exchange *exchange))
{
    struct frontend *frontend = exchange->frontend;
    if (peers_have_issued(frontend->parts.peers, exchange->envelope.nonce)) {
        exchange->behind_nonce = then;
        ask(exchange);
        return;
    }
    if (!frontend_spend_nonce(frontend, exchange->envelope.nonce))
        refuse(exchange);
    then(exchange);
}
