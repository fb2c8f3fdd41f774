/* SPDX-License-Identifier: Apache-2.0 */
/* What gateways tell and ask each other, with a channel between them that the test turns. */
#include "gateway/peers/peers.h"

#include "acme/nonce.h"
#include "fakes.h"
#include "gateway/frontend/shared_rates.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(peers);

enum { KEYS_MAX = PEERS_QUESTIONS_MAX + 1 };

/* A gateway. */
struct place {
    struct peers *peers;
    struct nonce_source *nonces;
    size_t others, spend_count, answered_count, settled_count;
    int64_t answered[KEYS_MAX], settled[4];
    size_t taken_count, revoked_count;
    struct shared_rates *rates;
};

static size_t others(void *context)
{
    return ((struct place *)context)->others;
}

static bool spend(void *context, struct bytes nonce)
{
    struct place *place = context;
    place->spend_count++;
    return nonce_spend(place->nonces, nonce);
}

static void answered(void *context, int64_t key)
{
    struct place *place = context;
    cr_assert_lt(place->answered_count, KEYS_MAX);
    place->answered[place->answered_count++] = key;
}

static void settled(void *context, int64_t id)
{
    struct place *place = context;
    cr_assert_lt(place->settled_count, 4);
    place->settled[place->settled_count++] = id;
}

static void revoked(void *context)
{
    ((struct place *)context)->revoked_count++;
}

static void taken(void *context, const struct rate_demand *demand)
{
    struct place *place = context;
    place->taken_count++;
    shared_rates_add(place->rates, demand);
}

static void open_place(struct place *place, unsigned number)
{
    struct fault fault;
    *place = (struct place){.nonces = nonce_source_new(number), .others = 1, .rates = shared_rates_new()};
    place->peers = peers_new(
        &(struct peers_parts){NULL, number, others, spend, answered, settled, revoked, taken, place});
    cr_assert_not_null(place->peers);
    cr_assert(peers_start(place->peers, &fault));
}

static void close_place(struct place *place)
{
    peers_stop(place->peers);
    peers_free(place->peers);
    nonce_source_free(place->nonces);
    shared_rates_free(place->rates);
}

/* ---- a gateway that is no program ---- */

static struct store_channel *stranger;
static char overheard[512];

static void note(void *context, const char *message)
{
    (void)context;
    snprintf(overheard, sizeof overheard, "%s", message);
}

static void open_stranger(void)
{
    *overheard = '\0';
    stranger = store_channel_open(NULL, &(struct store_channel_parts){.heard = note}, NULL);
}

static void say(const char *message)
{
    cr_assert(store_channel_send(stranger, message), "%s", message);
    fakes_settle();
}

/* The word of that number, from 0, in what was overheard last. */
static const char *word(struct arena *arena, size_t i)
{
    const char *at = overheard;
    for (; i > 0; i--)
        at += strcspn(at, " ") + 1;
    return arena_string(arena, bytes_of(at, strcspn(at, " ")));
}

/* ---- nonces ---- */

static struct bytes fresh(const struct place *home)
{
    static char nonce[NONCE_TEXT_BYTES];
    cr_assert(nonce_issue(home->nonces, nonce));
    return bytes_from_string(nonce);
}

static enum peers_answer ask(struct place *place, struct bytes nonce)
{
    cr_assert(peers_have_issued(place->peers, nonce));
    size_t before = place->answered_count;
    int64_t key = peers_ask(place->peers, nonce);
    cr_assert_lt(key, 0);
    fakes_settle();
    if (place->answered_count > before)
        cr_expect_eq(place->answered[before], key);
    peers_note_silence(place->peers, key);
    return peers_take_answer(place->peers, key);
}

Test(peers, a_nonce_is_spent_once_by_its_home_whoever_asks)
{
    struct place first, second, third;
    fake_channels_exist(true);
    open_place(&first, 1);
    open_place(&second, 2);
    open_place(&third, 15);
    for (int i = 0; i < 3; i++) {
        struct bytes nonce = fresh(&second);
        cr_expect_not(peers_have_issued(second.peers, nonce));
        cr_expect_eq(ask(&first, nonce), PEERS_GOOD);
        cr_expect_eq(ask(&first, nonce), PEERS_BAD);
        cr_expect_eq(ask(&third, nonce), PEERS_BAD);
        cr_expect_not(nonce_spend(second.nonces, nonce));
        nonce = fresh(&second);
        cr_expect(nonce_spend(second.nonces, nonce));
        cr_expect_eq(ask(&third, nonce), PEERS_BAD);
    }
    cr_expect_eq(first.spend_count + third.spend_count, 0, "nobody else was asked");
    close_place(&first);
    close_place(&second);
    close_place(&third);
}

/* Two requests with one nonce arrive at the same time. */
Test(peers, of_two_questions_about_one_nonce_one_is_good)
{
    struct place first, second, third;
    fake_channels_exist(true);
    open_place(&first, 1);
    open_place(&second, 2);
    open_place(&third, 3);
    struct bytes nonce = fresh(&second);
    int64_t keys[] = {peers_ask(first.peers, nonce), peers_ask(first.peers, nonce),
                      peers_ask(third.peers, nonce)};
    fakes_settle();
    size_t good = 0;
    for (size_t i = 0; i < 3; i++)
        good += peers_take_answer(i == 2 ? third.peers : first.peers, keys[i]) == PEERS_GOOD;
    cr_expect_eq(good, 1);
    cr_expect_eq(first.answered_count, 2);
    cr_expect_eq(third.answered_count, 1);
    close_place(&first);
    close_place(&second);
    close_place(&third);
}

Test(peers, nobody_is_asked_about_what_is_no_nonce)
{
    struct place place;
    fake_channels_exist(true);
    open_place(&place, 1);
    open_stranger();
    static const char *const texts[] = {"", "C", "C AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_expect_not(peers_have_issued(place.peers, bytes_from_string(texts[i])), "%s", texts[i]);
        cr_expect_eq(peers_ask(place.peers, bytes_from_string(texts[i])), 0, "%s", texts[i]);
    }
    fakes_settle();
    cr_expect_str_empty(overheard);
    close_place(&place);
    store_channel_close(stranger);
}

#define FOREIGN BYTES_LITERAL("CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") /* of gateway 2 */

Test(peers, a_gateway_that_does_not_answer_is_waited_for_once_until_it_speaks)
{
    struct arena *arena = arena_new();
    struct place place;
    fake_channels_exist(true);
    open_place(&place, 1);
    open_stranger();
    cr_expect_eq(ask(&place, FOREIGN), PEERS_SILENT);
    cr_expect_str_eq(word(arena, 0), "spend");
    const char *late = word(arena, 3);
    cr_expect_eq(peers_ask(place.peers, FOREIGN), 0);
    fakes_pass(PEERS_PROBE_MS - 1);
    cr_expect_str_eq(word(arena, 3), late, "it was asked just now");
    fakes_pass(1);
    cr_expect_eq(peers_ask(place.peers, FOREIGN), 0);
    fakes_settle();
    cr_expect_str_neq(word(arena, 3), late, "it was asked, but not waited for");
    say(arena_printf(arena, "spent 1 2 %s good", word(arena, 3)));
    cr_expect_eq(place.answered_count, 0);
    int64_t key = peers_ask(place.peers, FOREIGN);
    cr_assert_neq(key, 0);
    fakes_settle();
    say(arena_printf(arena, "spent 1 2 %s good", late));
    cr_expect_eq(place.answered_count, 0, "an answer that came too late fits no other question");
    say(arena_printf(arena, "spent 1 2 %s good", word(arena, 3)));
    cr_expect_eq(place.answered_count, 1);
    say(arena_printf(arena, "spent 1 2 %s bad", late));
    cr_expect_eq(peers_take_answer(place.peers, key), PEERS_GOOD);
    cr_expect_eq(peers_take_answer(place.peers, key), PEERS_SILENT, "it has been taken");
    close_place(&place);
    store_channel_close(stranger);
    arena_free(arena);
}

Test(peers, so_many_questions_wait_at_once_and_no_more)
{
    struct place first, second;
    int64_t keys[PEERS_QUESTIONS_MAX];
    fake_channels_exist(true);
    open_place(&first, 1);
    open_place(&second, 2);
    for (size_t i = 0; i < PEERS_QUESTIONS_MAX; i++)
        cr_assert_neq(keys[i] = peers_ask(first.peers, fresh(&second)), 0);
    cr_expect_eq(peers_ask(first.peers, fresh(&second)), 0);
    fakes_settle();
    cr_expect_eq(first.answered_count, PEERS_QUESTIONS_MAX);
    for (size_t i = 0; i < PEERS_QUESTIONS_MAX; i++)
        cr_expect_eq(peers_take_answer(first.peers, keys[i]), PEERS_GOOD);
    cr_expect_eq(ask(&first, fresh(&second)), PEERS_GOOD);
    close_place(&first);
    close_place(&second);
}

Test(peers, without_a_channel_nothing_is_asked_and_a_revocation_may_be_missed)
{
    struct place first, second;
    fake_channels_exist(true);
    open_place(&first, 1);
    open_place(&second, 2);
    struct bytes nonce = fresh(&second);
    fake_channels_lose(true);
    cr_expect_eq(peers_ask(first.peers, nonce), 0);
    peers_tell_settled(first.peers, 7);
    fake_channels_lose(false);
    fakes_settle();
    cr_expect_eq(second.spend_count + second.settled_count, 0);
    cr_expect(first.revoked_count == 1 && second.revoked_count == 1, "a revocation may have been missed");
    close_place(&first);
    close_place(&second);
}

/* What it could wake or free is gone then. Its last work may be told. */
Test(peers, behind_a_stop_nothing_is_heard_and_nothing_asked)
{
    struct place first, second;
    fake_channels_exist(true);
    open_place(&first, 1);
    open_place(&second, 2);
    struct bytes nonce = fresh(&second);
    int64_t key = peers_ask(first.peers, nonce);
    peers_stop(first.peers);
    peers_tell_settled(second.peers, 7);
    fake_channels_miss();
    fakes_settle();
    cr_expect_eq(first.answered_count + first.settled_count + first.revoked_count, 0);
    cr_expect_eq(second.revoked_count, 1, "a revocation may be among what was missed");
    cr_expect_eq(peers_take_answer(first.peers, key), PEERS_SILENT);
    cr_expect_eq(second.spend_count, 1);
    cr_expect_eq(peers_ask(first.peers, nonce), 0);
    peers_tell_settled(first.peers, 8);
    fakes_settle();
    cr_expect_eq(second.spend_count, 1);
    cr_expect_eq(second.settled_count, 1);
    cr_expect_eq(second.settled[0], 8);
    close_place(&first);
    close_place(&second);
}

Test(peers, a_gateway_that_is_alone_has_none)
{
    fake_channels_exist(false);
    cr_expect_null(peers_new(&(struct peers_parts){.number = 1}));
    fake_channels_exist(true);
    cr_expect_null(peers_new(&(struct peers_parts){.number = 0}));
    cr_expect(peers_start(NULL, NULL));
    cr_expect_not(peers_are_there(NULL));
    cr_expect_not(peers_have_issued(NULL, FOREIGN));
    peers_tell_settled(NULL, 7);
    peers_stop(NULL);
    peers_free(NULL);
}

/* ---- objects ---- */

Test(peers, the_others_hear_what_is_settled)
{
    struct place first, second;
    fake_channels_exist(true);
    open_place(&first, 1);
    open_place(&second, 2);
    cr_expect(peers_are_there(first.peers));
    peers_tell_settled(first.peers, INT64_C(9007199254740991));
    fakes_settle();
    cr_expect_eq(first.settled_count, 0);
    cr_expect_eq(second.settled_count, 1);
    cr_expect_eq(second.settled[0], INT64_C(9007199254740991));
    peers_tell_revoked(first.peers);
    fakes_settle();
    cr_expect(first.revoked_count == 0 && second.revoked_count == 1);
    first.others = 0;
    cr_expect_not(peers_are_there(first.peers));
    peers_tell_settled(first.peers, 7);
    peers_tell_revoked(first.peers);
    fakes_settle();
    cr_expect_eq(second.settled_count, 1, "nobody is told where nobody is known of");
    cr_expect_eq(second.revoked_count, 2, "one may have started just now");
    close_place(&first);
    close_place(&second);
}

/* ---- rate limits ---- */

static bool may_take(struct place *place, struct rate_limiter *limiter, struct arena *arena,
                     const struct rate_demand *demand)
{
    size_t refused;
    shared_rates_count(place->rates, limiter, arena, 1000);
    return rate_limiter_take(limiter, arena, demand, 1, 1000, &refused) == NULL;
}

Test(peers, the_others_count_the_tokens_that_one_takes)
{
    static const struct rate two_an_hour = {2, 3600};
    static const struct {
        const char *key, *owner;
        bool left;
    } others_keys[] = {{"xn--bcher-kva.example", "7", true},
                       {"xn--bcher-kva.example", "7", false},
                       {"xn--bcher-kva.example", "8", true},
                       {"xn--bcher-kva.example", NULL, true},
                       {"other.example", "7", true}};
    struct place first, second;
    struct arena *arena = arena_new();
    struct rate_limiter *limiter = rate_limiter_new();
    fake_channels_exist(true);
    open_place(&first, 1);
    open_place(&second, 2);
    peers_tell_taken(first.peers,
                     &(struct rate_demand){&two_an_hour, "orders for", "xn--bcher-kva.example", "7"});
    fakes_settle();
    cr_expect_eq(first.taken_count, 0);
    cr_expect_eq(second.taken_count, 1);
    for (size_t i = 0; i < sizeof others_keys / sizeof *others_keys; i++) {
        const struct rate_demand demand = {&two_an_hour, "orders for", others_keys[i].key,
                                           others_keys[i].owner};
        cr_expect_eq(may_take(&second, limiter, arena, &demand), others_keys[i].left, "%zu", i);
    }
    first.others = 0;
    peers_tell_taken(first.peers, &(struct rate_demand){&two_an_hour, "orders for", "a", NULL});
    fakes_settle();
    cr_expect_eq(second.taken_count, 1, "nobody is told where nobody is known of");
    rate_limiter_free(limiter);
    arena_free(arena);
    close_place(&first);
    close_place(&second);
}

/* In base64url, a message that is cut in the midst of the owner is one of another owner. */
Test(peers, a_message_that_is_too_long_is_not_sent)
{
    enum { KEY_OCTETS = 300, OWNER_OCTETS = 60 }; /* a whole group of base64url ends at the limit */
    static const struct rate rate = {2, 600};
    char key[KEY_OCTETS + 1], owner[OWNER_OCTETS + 1];
    struct place first, second;
    fake_channels_exist(true);
    open_place(&first, 1);
    open_place(&second, 2);
    memset(key, 'k', sizeof key);
    memset(owner, 'o', sizeof owner);
    key[KEY_OCTETS] = owner[OWNER_OCTETS] = '\0';
    const struct rate_demand demand = {&rate, "orders for", key, owner};
    peers_tell_taken(first.peers, &demand);
    fakes_settle();
    cr_expect_eq(second.taken_count, 0);
    owner[OWNER_OCTETS / 2] = '\0';
    peers_tell_taken(first.peers, &demand);
    fakes_settle();
    cr_expect_eq(second.taken_count, 1);
    close_place(&first);
    close_place(&second);
}

/* ---- messages that are none ---- */

#define TOKEN "0123456789abcdef"
#define NONCE "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const char *const strange[] = {
    "x",
    " ",
    "settled",
    "settled ",
    "settled 0",
    "settled -1",
    "settled +1",
    "settled 1x",
    "settled 0x1",
    "settled 9999999999999999999",
    "settled 1 2",
    " settled 1",
    "SETTLED 1",
    "spend",
    "spend 1 2 " TOKEN,
    "spend 1 2 " TOKEN " " NONCE " more",
    "spend 3 2 " TOKEN " " NONCE,
    "spend 1 1 " TOKEN " " NONCE,
    "spend 1 16 " TOKEN " " NONCE,
    "spend 1 -2 " TOKEN " " NONCE,
    "spend 1 2 0123456789ABCDEF " NONCE,
    "spend 1 2 0123 " NONCE,
    "spend  2 " TOKEN " " NONCE,
    "spent 1 2 " TOKEN " perhaps",
    "spent 1 2 " TOKEN " ",
    "spent 1 2 " TOKEN " good",
    "spent 1 2 ffffffffffffffff good",
    "spent 1 2 0000000000000000 bad",
    "revoked 1",
    "revoked ",
    "taken 1 60 YQ YQ",
    "taken 0 60 YQ YQ -",
    "taken 1 0 YQ YQ -",
    "taken -1 60 YQ YQ -",
    "taken 1000000001 60 YQ YQ -",
    "taken 1 31622401 YQ YQ -",
    "taken 1 60 Y YQ -",
    "taken 1 60 YQ Y= -",
    "taken 1 60 YQ AAAA -",
    "taken 1 60 YQ YQ !",
    "%s%n%s%n",
};

Test(peers, a_message_that_is_none_is_ignored)
{
    struct place place;
    char longest[STORE_CHANNEL_MESSAGE_MAX + 1];
    fake_channels_exist(true);
    open_place(&place, 1);
    open_stranger();
    int64_t key = peers_ask(place.peers, FOREIGN);
    fakes_settle();
    *overheard = '\0';
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        say(strange[i]);
        cr_expect_eq(place.spend_count + place.answered_count + place.settled_count + place.taken_count +
                         place.revoked_count,
                     0, "%s", strange[i]);
        cr_expect_str_empty(overheard, "%s", strange[i]);
    }
    memset(longest, ' ', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    say(longest);
    say("spend 1 2 " TOKEN " " NONCE);
    cr_expect_eq(place.spend_count, 1);
    cr_expect_str_eq(overheard, "spent 2 1 " TOKEN " bad");
    cr_expect_eq(peers_take_answer(place.peers, key), PEERS_SILENT);
    close_place(&place);
    store_channel_close(stranger);
}
