/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/objects.h"

static const struct challenge_type_info types[] = {
    [CHALLENGE_HTTP_01] = {.name = "http-01", .for_wildcard = false, .for_ip = true},
    [CHALLENGE_DNS_01] = {.name = "dns-01", .for_wildcard = true, .for_ip = false},
    [CHALLENGE_TLS_ALPN_01] = {.name = "tls-alpn-01", .for_wildcard = false, .for_ip = true},
    [CHALLENGE_DNS_ACCOUNT_01] = {.name = "dns-account-01", .for_wildcard = true, .for_ip = false},
    [CHALLENGE_DNS_PERSIST_01] = {.name = "dns-persist-01", .for_wildcard = true, .for_ip = false},
};

const struct challenge_type_info *challenge_type_info(enum challenge_type type)
{
    return &types[type];
}

bool challenge_type_from_name(struct bytes name, enum challenge_type *out)
{
    for (int type = 1; type < CHALLENGE_TYPE_END; type++) {
        if (bytes_equal_string(name, types[type].name)) {
            *out = (enum challenge_type)type;
            return true;
        }
    }
    return false;
}

challenge_set challenges_for_identifier(challenge_set of_endpoint, const struct identifier *identifier,
                                        bool subdomains)
{
    bool wide = subdomains || identifier_is_wildcard(identifier);
    challenge_set set = 0;
    for (int type = 1; type < CHALLENGE_TYPE_END; type++) {
        bool fits =
            identifier->type == IDENTIFIER_IP ? types[type].for_ip : !wide || types[type].for_wildcard;
        if (fits)
            set |= of_endpoint & 1U << type;
    }
    return set;
}
