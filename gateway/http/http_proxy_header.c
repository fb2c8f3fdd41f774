/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/http_proxy_header.h"

enum { V1_MAX_BYTES = 107, PORT_MAX = 65535 };

/* Version 2: 12 octets of signature, one of version and command, one of family and transport, two of
 * length. */
enum { V2_COMMAND_AT = 12, V2_FAMILY_AT = 13, V2_LENGTH_AT = 14, V2_ADDRESSES_AT = 16 };
enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };
enum { TLV_CRC32C = 0x03, TLV_HEAD_BYTES = 3, CRC_BYTES = 4 };

static const struct bytes v1_signature = BYTES_LITERAL("PROXY ");
static const struct bytes v2_signature = BYTES_LITERAL("\r\n\r\n\0\r\nQUIT\n");

static enum proxy_header_state bad(const char **why, const char *words)
{
    *why = words;
    return PROXY_HEADER_BAD;
}

/* ---- version 1 ---- */

/* Takes what is before the next space, or all that is left. */
static struct bytes take_word(struct bytes *rest)
{
    const uint8_t *space = rest->n == 0 ? NULL : memchr(rest->p, ' ', rest->n);
    size_t n = space == NULL ? rest->n : (size_t)(space - rest->p);
    struct bytes word = bytes_of(rest->p, n);
    n += space == NULL ? 0 : 1;
    *rest = bytes_of(rest->p + n, rest->n - n);
    return word;
}

static bool is_port(struct bytes word)
{
    unsigned port = 0;
    if (word.n == 0 || word.n > 5 || (word.n > 1 && word.p[0] == '0'))
        return false;
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] < '0' || word.p[i] > '9')
            return false;
        port = port * 10 + (unsigned)(word.p[i] - '0');
    }
    return port <= PORT_MAX;
}

static bool is_of_family(struct bytes word, bool is_v6, struct address *out)
{
    return (word.n != 0 && memchr(word.p, ':', word.n) != NULL) == is_v6 && address_parse(out, word);
}

/* Reads "TCP4 source destination port port". */
static bool read_v1_addresses(struct bytes rest, struct proxy_header *out)
{
    struct address own;
    struct bytes family = take_word(&rest);
    bool is_v6 = bytes_equal_string(family, "TCP6");
    if (!is_v6 && !bytes_equal_string(family, "TCP4"))
        return false;
    struct bytes from = take_word(&rest), to = take_word(&rest), from_port = take_word(&rest);
    out->has_client = true;
    return is_of_family(from, is_v6, &out->client) && is_of_family(to, is_v6, &own) && is_port(from_port) &&
           is_port(rest);
}

static enum proxy_header_state read_v1(struct bytes input, struct proxy_header *out, const char **why)
{
    static const struct bytes unknown = BYTES_LITERAL("UNKNOWN");
    const uint8_t *end = memchr(input.p, '\n', input.n);
    size_t n = end == NULL ? input.n : (size_t)(end + 1 - input.p);
    if (n > V1_MAX_BYTES || (end == NULL && n == V1_MAX_BYTES))
        return bad(why, "its PROXY line is longer than 107 octets");
    if (end == NULL)
        return PROXY_HEADER_BEGUN;
    *out = (struct proxy_header){.bytes = n};
    struct bytes words = bytes_of(input.p + v1_signature.n, n - v1_signature.n - 1);
    if (words.n == 0 || words.p[words.n - 1] != '\r')
        return bad(why, "its PROXY line does not end with CR LF");
    words.n--;
    bool is_unknown = bytes_has_prefix(words, unknown) && (words.n == unknown.n || words.p[unknown.n] == ' ');
    if (is_unknown || read_v1_addresses(words, out))
        return PROXY_HEADER_WHOLE;
    return bad(why, "its PROXY line is malformed");
}

/* ---- version 2 ---- */

static size_t read_u16(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* CRC32C (RFC 9260, appendix A) of the header, with zeros for the checksum itself. */
static uint32_t checksum(struct bytes header, const uint8_t *zeros)
{
    static const uint32_t polynomial = 0x82f63b78;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < header.n; i++) {
        const uint8_t *at = header.p + i;
        crc ^= at >= zeros && at < zeros + CRC_BYTES ? 0 : *at;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? polynomial : 0);
    }
    return ~crc;
}

/* Checks the fields behind the addresses. NULL, or what is wrong. */
static const char *check_tlvs(struct bytes header, size_t at)
{
    while (at < header.n) {
        size_t left = header.n - at;
        const uint8_t *tlv = header.p + at;
        size_t n = left < TLV_HEAD_BYTES ? 0 : read_u16(tlv + 1);
        if (left < TLV_HEAD_BYTES || n > left - TLV_HEAD_BYTES)
            return "a field of its PROXY header goes past the end";
        if (tlv[0] == TLV_CRC32C &&
            (n != CRC_BYTES || read_u32(tlv + TLV_HEAD_BYTES) != checksum(header, tlv + TLV_HEAD_BYTES)))
            return "the checksum of its PROXY header is wrong";
        at += TLV_HEAD_BYTES + n;
    }
    return NULL;
}

/* Families and transports that version 2 defines, with the octets of their two addresses and ports. */
static const struct family {
    uint8_t code;
    uint8_t address_bytes; /* of the client; 0: it has no IP address */
    uint8_t bytes;
} families[] = {
    {0x00, 0, 0},   {0x11, 4, 12},  {0x12, 4, 12},  {0x21, 16, 36},
    {0x22, 16, 36}, {0x31, 0, 216}, {0x32, 0, 216},
};

static const struct family *family_of(uint8_t code)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (families[i].code == code)
            return &families[i];
    return NULL;
}

static enum proxy_header_state read_v2_proxy(struct bytes header, struct proxy_header *out, const char **why)
{
    const struct family *family = family_of(header.p[V2_FAMILY_AT]);
    if (family == NULL)
        return bad(why, "its PROXY header has an unknown family or transport");
    if (header.n - V2_ADDRESSES_AT < family->bytes)
        return bad(why, "its PROXY header is too short for its addresses");
    if (family->address_bytes != 0) {
        const uint8_t *client = header.p + V2_ADDRESSES_AT;
        out->has_client = true;
        if (family->address_bytes == sizeof out->client.octets)
            memcpy(out->client.octets, client, sizeof out->client.octets);
        else
            out->client = address_of_v4(client);
    }
    *why = check_tlvs(header, V2_ADDRESSES_AT + (size_t)family->bytes);
    return *why == NULL ? PROXY_HEADER_WHOLE : PROXY_HEADER_BAD;
}

static enum proxy_header_state read_v2(struct bytes input, struct proxy_header *out, const char **why)
{
    if (input.n < V2_ADDRESSES_AT)
        return PROXY_HEADER_BEGUN;
    uint8_t command = input.p[V2_COMMAND_AT];
    size_t n = V2_ADDRESSES_AT + read_u16(input.p + V2_LENGTH_AT);
    if (command != V2_LOCAL && command != V2_PROXY)
        return bad(why, "its PROXY header has an unknown version or command");
    if (n > PROXY_HEADER_MAX_BYTES)
        return bad(why, "its PROXY header is longer than 4096 octets");
    if (input.n < n)
        return PROXY_HEADER_BEGUN;
    *out = (struct proxy_header){.bytes = n};
    /* The rest of a LOCAL header means nothing. */
    return command == V2_LOCAL ? PROXY_HEADER_WHOLE : read_v2_proxy(bytes_of(input.p, n), out, why);
}

/* ---- either ---- */

/* True when `input` begins with the signature, or is the beginning of it. */
static bool may_be(struct bytes input, struct bytes signature)
{
    size_t n = input.n < signature.n ? input.n : signature.n;
    return n == 0 || memcmp(input.p, signature.p, n) == 0;
}

enum proxy_header_state proxy_header_read(struct bytes input, struct proxy_header *out, const char **why)
{
    *why = NULL;
    if (bytes_has_prefix(input, v1_signature))
        return read_v1(input, out, why);
    if (bytes_has_prefix(input, v2_signature))
        return read_v2(input, out, why);
    if (may_be(input, v1_signature) || may_be(input, v2_signature))
        return PROXY_HEADER_BEGUN;
    return bad(why, "it does not begin with a PROXY header");
}
