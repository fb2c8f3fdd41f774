/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/peers/peers.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "acme/base/arena.h"
#include "acme/base/base64.h"
#include "acme/nonce.h"
#include "gateway/runtime/clock.h"

enum { WORDS_MAX = 6 };

/* Of a rate that another gateway may tell of. */
enum { RATE_COUNT_MAX = 1000 * 1000 * 1000, RATE_PERIOD_MAX_S = 366 * 86400 };

struct question {
    int64_t key; /* 0: the place is free */
    unsigned home;
    enum peers_answer answer;
};

struct peers {
    struct peers_parts parts;
    uint64_t first_token;          /* random: an answer to an earlier process fits no question */
    pthread_mutex_t hearing;       /* held while the channel calls; taken before `lock` */
    bool is_deaf;                  /* since the stop */
    pthread_mutex_t lock;          /* protects the fields below */
    struct store_channel *channel; /* NULL: before the start */
    bool asks;                     /* until the stop */
    int64_t asked;                 /* questions so far */
    struct question questions[PEERS_QUESTIONS_MAX];
    struct {
        bool is_silent; /* it was not heard of since a question had no answer */
        int64_t asked_at_ms;
    } others[NONCE_GATEWAYS];
};

/* ---- life ---- */

struct peers *peers_new(const struct peers_parts *parts)
{
    if (parts->number == 0 || !store_channel_exists(parts->location))
        return NULL;
    struct peers *peers = calloc(1, sizeof *peers);
    if (peers == NULL)
        end_without("memory");
    peers->parts = *parts;
    if (getrandom(&peers->first_token, sizeof peers->first_token, 0) != (ssize_t)sizeof peers->first_token)
        end_without("random octets");
    peers->asks = true;
    pthread_mutex_init(&peers->hearing, NULL);
    pthread_mutex_init(&peers->lock, NULL);
    return peers;
}

void peers_stop(struct peers *peers)
{
    if (peers == NULL)
        return;
    pthread_mutex_lock(&peers->hearing);
    peers->is_deaf = true;
    pthread_mutex_unlock(&peers->hearing);
    pthread_mutex_lock(&peers->lock);
    peers->asks = false;
    pthread_mutex_unlock(&peers->lock);
}

void peers_free(struct peers *peers)
{
    if (peers == NULL)
        return;
    store_channel_close(peers->channel);
    pthread_mutex_destroy(&peers->hearing);
    pthread_mutex_destroy(&peers->lock);
    free(peers);
}

bool peers_are_there(const struct peers *peers)
{
    return peers != NULL && peers->parts.others(peers->parts.context) > 0;
}

/* ---- telling ---- */

/* With the lock held. False when it is not told: a message that is too long would say something else. */
[[gnu::format(printf, 2, 3)]] static bool tell(struct peers *peers, const char *format, ...)
{
    char message[STORE_CHANNEL_MESSAGE_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    bool is_whole = n > 0 && n <= STORE_CHANNEL_MESSAGE_MAX;
    return is_whole && peers->channel != NULL && store_channel_send(peers->channel, message);
}

void peers_tell_settled(struct peers *peers, int64_t id)
{
    if (!peers_are_there(peers))
        return;
    pthread_mutex_lock(&peers->lock);
    (void)tell(peers, "settled %" PRId64, id);
    pthread_mutex_unlock(&peers->lock);
}

/* Also while no other one is known of: it may have started just now. */
void peers_tell_revoked(struct peers *peers)
{
    if (peers == NULL)
        return;
    pthread_mutex_lock(&peers->lock);
    (void)tell(peers, "revoked");
    pthread_mutex_unlock(&peers->lock);
}

static const char *encode(struct arena *arena, const char *text)
{
    return text == NULL ? "-" : base64url_encode(arena, bytes_from_string(text));
}

void peers_tell_taken(struct peers *peers, const struct rate_demand *demand)
{
    if (!peers_are_there(peers))
        return;
    struct arena *arena = arena_new();
    pthread_mutex_lock(&peers->lock);
    (void)tell(peers, "taken %" PRId64 " %" PRId64 " %s %s %s", demand->rate->count, demand->rate->period_s,
               encode(arena, demand->what), encode(arena, demand->key), encode(arena, demand->owner));
    pthread_mutex_unlock(&peers->lock);
    arena_free(arena);
}

/* ---- asking ---- */

static struct question *find_question(struct peers *peers, int64_t key)
{
    for (size_t i = 0; i < PEERS_QUESTIONS_MAX; i++)
        if (peers->questions[i].key == key)
            return &peers->questions[i];
    return NULL;
}

static uint64_t token_of(const struct peers *peers, int64_t key)
{
    return peers->first_token - (uint64_t)key;
}

bool peers_have_issued(const struct peers *peers, struct bytes nonce)
{
    int home = nonce_home(nonce);
    return peers != NULL && home > 0 && (unsigned)home != peers->parts.number;
}

static bool may_ask(const struct peers *peers, unsigned home)
{
    int64_t ago_ms = clock_now_ms() - peers->others[home].asked_at_ms;
    return !peers->others[home].is_silent || ago_ms < 0 || ago_ms >= PEERS_PROBE_MS;
}

static int64_t ask(struct peers *peers, unsigned home, struct bytes nonce)
{
    struct question *question = find_question(peers, 0);
    int64_t key = -(++peers->asked);
    if (question == NULL || !peers->asks || !may_ask(peers, home) ||
        !tell(peers, "spend %u %u %016" PRIx64 " %.*s", home, peers->parts.number, token_of(peers, key),
              (int)nonce.n, (const char *)nonce.p))
        return 0;
    peers->others[home].asked_at_ms = clock_now_ms();
    if (peers->others[home].is_silent)
        return 0;
    *question = (struct question){.key = key, .home = home, .answer = PEERS_SILENT};
    return key;
}

int64_t peers_ask(struct peers *peers, struct bytes nonce)
{
    int home = nonce_home(nonce);
    if (!peers_have_issued(peers, nonce))
        return 0;
    pthread_mutex_lock(&peers->lock);
    int64_t key = ask(peers, (unsigned)home, nonce);
    pthread_mutex_unlock(&peers->lock);
    return key;
}

void peers_note_silence(struct peers *peers, int64_t key)
{
    pthread_mutex_lock(&peers->lock);
    const struct question *question = find_question(peers, key);
    if (question != NULL && question->answer == PEERS_SILENT)
        peers->others[question->home].is_silent = true;
    pthread_mutex_unlock(&peers->lock);
}

enum peers_answer peers_take_answer(struct peers *peers, int64_t key)
{
    enum peers_answer answer = PEERS_SILENT;
    pthread_mutex_lock(&peers->lock);
    struct question *question = key == 0 ? NULL : find_question(peers, key);
    if (question != NULL) {
        answer = question->answer;
        *question = (struct question){0};
    }
    pthread_mutex_unlock(&peers->lock);
    return answer;
}

/* ---- hearing ---- */

static bool read_number(const char *word, unsigned *out)
{
    size_t n = strlen(word);
    if (n == 0 || n > 2 || strspn(word, "0123456789") != n)
        return false;
    *out = (unsigned)strtoul(word, NULL, 10);
    return *out < NONCE_GATEWAYS;
}

static bool read_token(const char *word, uint64_t *out)
{
    if (strlen(word) != 16 || strspn(word, "0123456789abcdef") != 16)
        return false;
    *out = strtoull(word, NULL, 16);
    return true;
}

static bool read_id(const char *word, int64_t *out)
{
    size_t n = strlen(word);
    if (n == 0 || n > 18 || strspn(word, "0123456789") != n)
        return false;
    *out = strtoll(word, NULL, 10);
    return *out > 0;
}

static void hear_revoked(struct peers *peers, char *const *words)
{
    (void)words;
    peers->parts.revoked(peers->parts.context);
}

static bool read_text(struct arena *arena, const char *word, const char **out)
{
    struct bytes text;
    if (!base64url_decode(arena, bytes_from_string(word), &text) || !bytes_is_text(text))
        return false;
    *out = arena_string(arena, text);
    return true;
}

static bool read_demand(struct arena *arena, char *const *words, struct rate *rate, struct rate_demand *out)
{
    *out = (struct rate_demand){.rate = rate};
    bool no_owner = strcmp(words[5], "-") == 0;
    return read_id(words[1], &rate->count) && rate->count <= RATE_COUNT_MAX &&
           read_id(words[2], &rate->period_s) && rate->period_s <= RATE_PERIOD_MAX_S &&
           read_text(arena, words[3], &out->what) && read_text(arena, words[4], &out->key) &&
           (no_owner || read_text(arena, words[5], &out->owner));
}

static void hear_taken(struct peers *peers, char *const *words)
{
    struct arena *arena = arena_new();
    struct rate rate;
    struct rate_demand demand;
    if (read_demand(arena, words, &rate, &demand))
        peers->parts.taken(peers->parts.context, &demand);
    arena_free(arena);
}

static void hear_settled(struct peers *peers, char *const *words)
{
    int64_t id;
    if (read_id(words[1], &id))
        peers->parts.settled(peers->parts.context, id);
}

/* Reads the beginning of both messages about nonces. False when it is not for this gateway. */
static bool read_address(const struct peers *peers, char *const *words, unsigned *from, uint64_t *token)
{
    unsigned to;
    return read_number(words[1], &to) && to == peers->parts.number && read_number(words[2], from) &&
           *from != to && read_token(words[3], token);
}

static void hear_spend(struct peers *peers, char *const *words)
{
    unsigned from;
    uint64_t token;
    if (!read_address(peers, words, &from, &token))
        return;
    bool good = peers->parts.spend(peers->parts.context, bytes_from_string(words[4]));
    pthread_mutex_lock(&peers->lock);
    (void)tell(peers, "spent %u %u %016" PRIx64 " %s", from, peers->parts.number, token,
               good ? "good" : "bad");
    pthread_mutex_unlock(&peers->lock);
}

/* Returns the key of the question that has its answer now; 0 when nobody waits for it. */
static int64_t note_answer(struct peers *peers, unsigned home, uint64_t token, bool good)
{
    pthread_mutex_lock(&peers->lock);
    int64_t key = (int64_t)(peers->first_token - token);
    struct question *question = key < 0 ? find_question(peers, key) : NULL;
    bool is_awaited = question != NULL && question->home == home && question->answer == PEERS_SILENT;
    if (is_awaited)
        question->answer = good ? PEERS_GOOD : PEERS_BAD;
    peers->others[home].is_silent = false;
    pthread_mutex_unlock(&peers->lock);
    return is_awaited ? key : 0;
}

static void hear_spent(struct peers *peers, char *const *words)
{
    unsigned from;
    uint64_t token;
    bool good = strcmp(words[4], "good") == 0;
    if (!read_address(peers, words, &from, &token) || (!good && strcmp(words[4], "bad") != 0))
        return;
    int64_t key = note_answer(peers, from, token, good);
    if (key != 0)
        peers->parts.answered(peers->parts.context, key);
}

static const struct {
    const char *word;
    size_t words;
    void (*hear)(struct peers *peers, char *const *words);
} messages[] = {
    {"spend", 5, hear_spend},     {"spent", 5, hear_spent}, {"settled", 2, hear_settled},
    {"revoked", 1, hear_revoked}, {"taken", 6, hear_taken},
};

/* Splits it at single blanks. Returns the number of words; more than WORDS_MAX when there are more. */
static size_t split(char *text, char *words[static WORDS_MAX])
{
    size_t count = 0;
    for (char *word; (word = strsep(&text, " ")) != NULL; count++)
        if (count < WORDS_MAX)
            words[count] = word;
    return count;
}

static void heard(void *context, const char *message)
{
    struct peers *peers = context;
    char text[STORE_CHANNEL_MESSAGE_MAX + 1], *words[WORDS_MAX];
    snprintf(text, sizeof text, "%s", message);
    size_t count = split(text, words);
    pthread_mutex_lock(&peers->hearing);
    for (size_t i = 0; !peers->is_deaf && i < sizeof messages / sizeof *messages; i++)
        if (messages[i].words == count && strcmp(messages[i].word, words[0]) == 0)
            messages[i].hear(peers, words);
    pthread_mutex_unlock(&peers->hearing);
}

/* A revocation may be among them, and old answers would stay in use. The others need nothing (peers.h). */
static void missed(void *context)
{
    struct peers *peers = context;
    pthread_mutex_lock(&peers->hearing);
    if (!peers->is_deaf)
        peers->parts.revoked(peers->parts.context);
    pthread_mutex_unlock(&peers->hearing);
}

bool peers_start(struct peers *peers, struct fault *fault)
{
    if (peers == NULL)
        return true;
    const struct store_channel_parts parts = {.heard = heard, .missed = missed, .context = peers};
    struct store_channel *channel = store_channel_open(peers->parts.location, &parts, fault);
    pthread_mutex_lock(&peers->lock);
    peers->channel = channel;
    pthread_mutex_unlock(&peers->lock);
    return channel != NULL;
}
