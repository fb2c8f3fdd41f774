/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/renewal.h"

#include "acme/base/base64.h"
#include "acme/base/json.h"
#include "acme/pki/certificate.h"
#include "acme/pki/x509_read.h"

enum {
    RENEWAL_INFO_MAX_BYTES = 4096,
    SERIAL_MAX_OCTETS = 21, /* 20, and a zero before a high bit */
    RETRY_MIN_S = 60,
    RETRY_MAX_S = 6 * 3600,
    REVOKED_WINDOW_S = 3600,
    SPREAD_LEAST_S = 60,
};

bool renewal_id_parse(struct arena *arena, struct bytes text, char serial[static SERIAL_HEX_BYTES])
{
    struct bytes key_identifier, number;
    const uint8_t *dot = text.n == 0 ? NULL : memchr(text.p, '.', text.n);
    if (dot == NULL)
        return false;
    size_t before = (size_t)(dot - text.p);
    if (!base64url_decode(arena, bytes_of(text.p, before), &key_identifier) ||
        !base64url_decode(arena, bytes_of(dot + 1, text.n - before - 1), &number) || key_identifier.n == 0 ||
        number.n == 0 || number.n > SERIAL_MAX_OCTETS)
        return false;
    return serial_from_octets(number, serial);
}

char *renewal_id_of(struct arena *arena, struct bytes leaf)
{
    autofree_x509 X509 *certificate = x509_read(leaf);
    const ASN1_OCTET_STRING *key_identifier =
        certificate == NULL ? NULL : X509_get0_authority_key_id(certificate);
    if (key_identifier == NULL)
        return NULL;
    unsigned char *der = NULL;
    int n = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &der);
    char *text = NULL;
    /* Tag and length, an octet each, precede the contents of so short an INTEGER. */
    if (n > 2)
        text = arena_printf(arena, "%s.%s",
                            base64url_encode(arena, bytes_of(ASN1_STRING_get0_data(key_identifier),
                                                             (size_t)ASN1_STRING_length(key_identifier))),
                            base64url_encode(arena, bytes_of(der + 2, (size_t)n - 2)));
    OPENSSL_free(der);
    return text;
}

static int64_t between(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Draws a number below `range` that is always the same for a certificate. */
static int64_t draw(const struct certificate *certificate, int64_t range)
{
    uint64_t number = 0;
    for (const char *digit = certificate->serial; *digit != '\0'; digit++)
        number = (number ^ (uint8_t)*digit) * UINT64_C(0x100000001b3);
    return range <= 0 ? 0 : (int64_t)(number % (uint64_t)range);
}

struct early_renewal early_renewal_within(int64_t now, int64_t spread_s, const char *explanation_url)
{
    if (spread_s < SPREAD_LEAST_S)
        return (struct early_renewal){now - (int64_t)2 * REVOKED_WINDOW_S, now, explanation_url};
    return (struct early_renewal){now, now + spread_s, explanation_url};
}

struct renewal_window renewal_window_of(const struct certificate *certificate,
                                        const struct early_renewal *early)
{
    int64_t life = certificate->not_after - certificate->not_before;
    int64_t width = life / 12;
    struct renewal_window window = {.retry_after_s = between(life / 24, RETRY_MIN_S, RETRY_MAX_S)};
    if (certificate->revocation_requested_at != 0) {
        window.end = certificate->revocation_requested_at;
        window.start = window.end - REVOKED_WINDOW_S;
        return window;
    }
    window.start = certificate->not_before + life * 5 / 8 + draw(certificate, width);
    if (early != NULL && early->renew_from < window.start) {
        width = (early->renew_until - early->renew_from) / 2;
        window.start = early->renew_from + draw(certificate, width);
        window.explanation_url = early->explanation_url;
    }
    window.end = window.start + (width < 1 ? 1 : width);
    return window;
}

struct bytes renewal_info_render(struct arena *arena, const struct renewal_window *window)
{
    struct json_writer *writer = json_writer_new(arena, RENEWAL_INFO_MAX_BYTES);
    json_begin_object(writer);
    json_key(writer, "suggestedWindow");
    json_begin_object(writer);
    json_put_time(writer, "start", window->start);
    json_put_time(writer, "end", window->end);
    json_end_object(writer);
    json_put_string(writer, "explanationURL", window->explanation_url);
    json_end_object(writer);
    return json_writer_finish(writer);
}
