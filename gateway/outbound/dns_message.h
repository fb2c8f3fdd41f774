/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name server's answer (RFC 1035 §4), read from its octets. The octets come from outside: nothing in them
 * is relied on before it is checked.
 */
#pragma once

#include "acme/base/arena.h"
#include "acme/caa.h"

enum dns_type {
    DNS_TYPE_A = 1,
    DNS_TYPE_NS = 2,
    DNS_TYPE_CNAME = 5,
    DNS_TYPE_TXT = 16,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_CAA = 257
};
enum { DNS_CLASS_INTERNET = 1, DNS_NOERROR = 0, DNS_NXDOMAIN = 3, DNS_REFUSED = 5 };

struct dns_message {
    unsigned rcode;
    bool recurses;         /* RA: the server resolves names that are not its own */
    bool referral;         /* it names other servers to ask, and answers nothing itself */
    struct bytes *records; /* the data of the answer's records of the type that was asked for */
    size_t record_count;
    const char *alias; /* printable: where the answer's last CNAME points; NULL when it has none */
};

/* False for a message that is cut short or holds no sense. Records point into `octets`. */
[[gnu::warn_unused_result]] bool dns_message_read(struct arena *arena, struct bytes octets,
                                                  enum dns_type type, struct dns_message *out);

/* "SERVFAIL"; "RCODE 11" for one without a name. In the arena, or static. */
const char *dns_rcode_name(struct arena *arena, unsigned rcode);

/* The strings of a TXT record joined (RFC 7208 §3.3). False when they are cut short. */
[[gnu::warn_unused_result]] bool dns_text_read(struct arena *arena, struct bytes record, struct bytes *out);

/* A CAA record (RFC 8659 §4.1), borrowed from `record`. False when it is cut short. */
[[gnu::warn_unused_result]] bool dns_caa_read(struct bytes record, struct caa_record *out);
