/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/dns_challenge.h"
#include "acme/urls.h"

#include <openssl/evp.h>

#include "acme/authorization.h"
#include "acme/issue_value.h"

enum { LABEL_HASH_BYTES = 10, LABEL_CHARACTERS = LABEL_HASH_BYTES * 8 / 5, SHA256_BYTES = 32 };

size_t dns_challenge_name_count(const struct dns_challenge *challenge)
{
    return challenge->type == CHALLENGE_DNS_ACCOUNT_01 ? challenge->account_url_count : 1;
}

/* Writes RFC 4648 §6 base32, lower case, of a whole number of 40-bit groups: no padding. */
static void base32(char *out, const uint8_t *octets, size_t n)
{
    for (size_t bit = 0; bit < n * 8; bit += 5) {
        unsigned next = bit / 8 + 1 < n ? octets[bit / 8 + 1] : 0;
        unsigned pair = (unsigned)octets[bit / 8] << 8 | next;
        *out++ = "abcdefghijklmnopqrstuvwxyz234567"[pair >> (11 - bit % 8) & 31];
    }
    *out = '\0';
}

/* Returns "_" and base32 of the first ten octets of the URL's SHA-256. */
static char *account_label(struct arena *arena, const char *account_url)
{
    uint8_t digest[SHA256_BYTES] = {0};
    char label[LABEL_CHARACTERS + 1];
    EVP_Digest(account_url, strlen(account_url), digest, NULL, EVP_sha256(), NULL);
    base32(label, digest, LABEL_HASH_BYTES);
    return arena_printf(arena, "_%s", label);
}

char *dns_challenge_name(struct arena *arena, const struct dns_challenge *challenge, size_t n)
{
    if (challenge->type == CHALLENGE_DNS_PERSIST_01)
        return arena_printf(arena, "_validation-persist.%s", challenge->name);
    if (challenge->type == CHALLENGE_DNS_ACCOUNT_01)
        return arena_printf(arena, "%s._acme-challenge.%s", account_label(arena, challenge->account_urls[n]),
                            challenge->name);
    return arena_printf(arena, "_acme-challenge.%s", challenge->name);
}

/* Without policy=wildcard a record covers only its own name (draft-ietf-acme-dns-persist-01). */
static bool needs_wide_policy(const struct dns_challenge *challenge)
{
    return challenge->wildcard || challenge->subdomains;
}

char *dns_challenge_expected(struct arena *arena, const struct dns_challenge *challenge)
{
    if (challenge->type != CHALLENGE_DNS_PERSIST_01)
        return key_authorization_digest(arena, challenge->key_authorization);
    return arena_printf(arena, "%s; accounturi=%s%s", challenge->issuer_names[0], challenge->account_urls[0],
                        needs_wide_policy(challenge) ? "; policy=wildcard" : "");
}

/* Reads a base-10 unix time; false for anything else. */
static bool read_time(struct bytes text, int64_t *out)
{
    enum { DIGITS_MAX = 18 };
    *out = 0;
    if (text.n == 0 || text.n > DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        *out = *out * 10 + (text.p[i] - '0');
    }
    return true;
}

struct persist_record {
    struct issue_value value;
    struct bytes account_url;
    size_t account_url_count;
    bool wildcard;
    size_t policy_count;
    bool bounded;
    int64_t until;
};

/* Returns NULL, or the fault of the record. Unknown parameters change nothing. */
static const char *read_persist_record(struct bytes text, struct persist_record *out)
{
    *out = (struct persist_record){0};
    if (!issue_value_read(text, &out->value))
        return "it is not of the form \"domain; name=value; name=value\" (RFC 8659 §4.2)";
    struct issue_value rest = out->value;
    struct issue_parameter parameter;
    while (issue_value_take_parameter(&rest, &parameter)) {
        if (bytes_equal_ignore_case(parameter.name, BYTES_LITERAL("accounturi"))) {
            out->account_url = parameter.value;
            out->account_url_count++;
        } else if (bytes_equal_ignore_case(parameter.name, BYTES_LITERAL("policy"))) {
            out->policy_count++;
            out->wildcard = bytes_equal_ignore_case(parameter.value, BYTES_LITERAL("wildcard"));
        } else if (bytes_equal_ignore_case(parameter.name, BYTES_LITERAL("persistUntil"))) {
            if (out->bounded || !read_time(parameter.value, &out->until))
                return "its persistUntil is not one time in seconds";
            out->bounded = true;
        }
    }
    return out->policy_count > 1 ? "it has more than one policy" : NULL;
}

static bool is_account_url(const struct dns_challenge *challenge, struct bytes url)
{
    for (size_t i = 0; i < challenge->account_url_count; i++)
        if (url_equals(url, challenge->account_urls[i]))
            return true;
    return false;
}

static const char *persist_fault(const struct dns_challenge *challenge, struct bytes text)
{
    struct persist_record record;
    const char *fault = read_persist_record(text, &record);
    if (fault != NULL)
        return fault;
    if (!issue_value_names(&record.value, challenge->issuer_names, challenge->issuer_name_count))
        return "it names another issuer";
    if (record.account_url_count != 1)
        return "it needs one accounturi";
    if (!is_account_url(challenge, record.account_url))
        return "its accounturi is another account's";
    if (record.bounded && challenge->now > record.until)
        return "its persistUntil has passed";
    if (needs_wide_policy(challenge) && !record.wildcard)
        return "it needs policy=wildcard";
    return NULL;
}

const char *dns_challenge_fault(struct arena *arena, const struct dns_challenge *challenge,
                                struct bytes record)
{
    if (challenge->type == CHALLENGE_DNS_PERSIST_01)
        return persist_fault(challenge, record);
    const char *expected = dns_challenge_expected(arena, challenge);
    return expected != NULL && bytes_equal_string(record, expected) ? NULL : "";
}
