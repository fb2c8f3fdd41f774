/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/outbound/dns_message.h"

#include <ares.h>
#include <limits.h>

enum {
    HEADER_BYTES = 12,
    QUESTION_TAIL_BYTES = 4, /* type and class */
    RECORD_HEAD_BYTES = 10,  /* type, class, TTL, length of the data */
    FLAG_AUTHORITATIVE = 0x0400,
    FLAG_RECURSION_AVAILABLE = 0x0080,
    RCODE_MASK = 0x000f,

    CAA_HEAD_BYTES = 2, /* flags, length of the tag */
    CAA_CRITICAL = 0x80,
    ALIAS_MAX_BYTES = 255,

    NAME_MAX_BYTES = 255, /* RFC 1035 §2.3.4 */
    LABEL_MAX_BYTES = 63,
    POINTER = 0xc0, /* RFC 1035 §4.1.4 */
    POINTER_BYTES = 2,
    POINTER_TARGET = 0x3fff,
};

struct reader {
    struct bytes octets;
    size_t at;
};

static unsigned number_at(struct bytes octets, size_t at)
{
    return (unsigned)octets.p[at] << 8 | octets.p[at + 1];
}

/* Skips a name without following it: a message may have thousands, each a pointer to a chain of thousands. */
static bool skip_name(struct reader *reader)
{
    size_t begin = reader->at;
    while (reader->at < reader->octets.n && reader->at - begin < NAME_MAX_BYTES) {
        uint8_t length = reader->octets.p[reader->at];
        if (length >= POINTER) {
            size_t pointer = reader->at;
            reader->at += POINTER_BYTES;
            return reader->at <= reader->octets.n &&
                   (number_at(reader->octets, pointer) & POINTER_TARGET) < begin;
        }
        if (length > LABEL_MAX_BYTES)
            return false;
        reader->at += 1u + length;
        if (length == 0)
            return true;
    }
    return false;
}

static bool take_octets(struct reader *reader, size_t n, struct bytes *out)
{
    if (reader->octets.n - reader->at < n)
        return false;
    *out = bytes_of(reader->octets.p + reader->at, n);
    reader->at += n;
    return true;
}

static bool skip_questions(struct reader *reader, unsigned count)
{
    struct bytes tail;
    for (unsigned i = 0; i < count; i++)
        if (!skip_name(reader) || !take_octets(reader, QUESTION_TAIL_BYTES, &tail))
            return false;
    return true;
}

struct record {
    unsigned type; /* 0 for a class other than the Internet's */
    struct bytes data;
    struct reader reader; /* at the data: names in it may point elsewhere in the message */
};

static bool take_record(struct reader *reader, struct record *out)
{
    struct bytes head;
    if (!skip_name(reader) || !take_octets(reader, RECORD_HEAD_BYTES, &head))
        return false;
    out->type = number_at(head, 2) == DNS_CLASS_INTERNET ? number_at(head, 0) : 0;
    out->reader = *reader;
    return take_octets(reader, number_at(head, 8), &out->data);
}

/* True for a name of a legal length. Newer versions of c-ares refuse a longer one, and older ones expand it.
 */
static bool is_legal_name(struct bytes octets, size_t at)
{
    size_t n = 0;
    while (at < octets.n && n < NAME_MAX_BYTES) {
        uint8_t length = octets.p[at];
        if (length >= POINTER) {
            size_t target = at + 1 < octets.n ? number_at(octets, at) & POINTER_TARGET : at;
            if (target >= at)
                return false;
            at = target;
            continue;
        }
        n += 1u + length;
        at += 1u + length;
        if (length == 0)
            return n <= NAME_MAX_BYTES;
    }
    return false;
}

/* Expands the name at the reader, to its end. Once a message. */
static bool expand_alias(struct arena *arena, const struct reader *reader, const char **out)
{
    char *name = NULL;
    long taken = 0;
    if (!is_legal_name(reader->octets, reader->at) ||
        ares_expand_name(reader->octets.p + reader->at, reader->octets.p, (int)reader->octets.n, &name,
                         &taken) != ARES_SUCCESS)
        return false;
    *out = arena_printable(arena, bytes_from_string(name), ALIAS_MAX_BYTES);
    ares_free_string(name);
    return true;
}

static bool take_answers(struct arena *arena, struct reader *reader, unsigned count, enum dns_type type,
                         struct dns_message *out)
{
    struct record alias = {0};
    /* Each record takes at least 11 octets. A larger count is false, which shows when they end. */
    out->records = arena_alloc_array(arena, (reader->octets.n - reader->at) / (1 + RECORD_HEAD_BYTES),
                                     sizeof out->records[0]);
    for (unsigned i = 0; i < count; i++) {
        struct record record;
        if (!take_record(reader, &record))
            return false;
        if (record.type == DNS_TYPE_CNAME)
            alias = record;
        if (record.type == (unsigned)type)
            out->records[out->record_count++] = record.data;
    }
    return alias.type == 0 || expand_alias(arena, &alias.reader, &out->alias);
}

/* Reads the authorities. A referral names the servers of a zone below. A negative answer has the zone's SOA
 * instead. */
static bool take_authorities(struct reader *reader, unsigned count, bool *name_servers)
{
    *name_servers = false;
    for (unsigned i = 0; i < count; i++) {
        struct record record;
        if (!take_record(reader, &record))
            return false;
        *name_servers = *name_servers || record.type == DNS_TYPE_NS;
    }
    return true;
}

bool dns_message_read(struct arena *arena, struct bytes octets, enum dns_type type, struct dns_message *out)
{
    struct reader reader = {octets, HEADER_BYTES};
    bool name_servers;
    *out = (struct dns_message){0};
    if (octets.n < HEADER_BYTES || octets.n > INT_MAX)
        return false;
    unsigned flags = number_at(octets, 2), answers = number_at(octets, 6);
    out->rcode = flags & RCODE_MASK;
    out->recurses = (flags & FLAG_RECURSION_AVAILABLE) != 0;
    if (!skip_questions(&reader, number_at(octets, 4)) || !take_answers(arena, &reader, answers, type, out) ||
        !take_authorities(&reader, number_at(octets, 8), &name_servers))
        return false;
    out->referral = out->rcode == DNS_NOERROR && answers == 0 && name_servers && !out->recurses &&
                    (flags & FLAG_AUTHORITATIVE) == 0;
    return true;
}

const char *dns_rcode_name(struct arena *arena, unsigned rcode)
{
    static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
                                        "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE"};
    return rcode < sizeof names / sizeof names[0] ? names[rcode] : arena_printf(arena, "RCODE %u", rcode);
}

bool dns_text_read(struct arena *arena, struct bytes record, struct bytes *out)
{
    uint8_t *text = arena_alloc(arena, record.n + 1);
    size_t n = 0;
    for (size_t at = 0; at < record.n;) {
        size_t length = record.p[at++];
        if (record.n - at < length)
            return false;
        memcpy(text + n, record.p + at, length);
        n += length;
        at += length;
    }
    *out = bytes_of(text, n);
    return record.n != 0;
}

bool dns_caa_read(struct bytes record, struct caa_record *out)
{
    if (record.n < CAA_HEAD_BYTES || record.p[1] == 0 || record.n - CAA_HEAD_BYTES < record.p[1])
        return false;
    size_t tag = record.p[1];
    const uint8_t *p = record.p + CAA_HEAD_BYTES;
    *out = (struct caa_record){.critical = (record.p[0] & CAA_CRITICAL) != 0,
                               .tag = bytes_of(p, tag),
                               .value = bytes_of(p + tag, record.n - CAA_HEAD_BYTES - tag)};
    return true;
}
