/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/issuance/issuance_write.h"
#include "store/certificates.h"
#include "store/events.h"

static void note(const struct issuance_record *record)
{
    const struct issued *issued = record->issued;
    const struct certificate *certificate = &issued->certificate;
    bool rejected = issued->verdict == ISSUANCE_MISFIT;
    if (record->notes == NULL)
        return;
    if (record->profile != NULL)
        METRICS_NOTE(record->notes, rejected ? METRIC_CERTIFICATES_REJECTED : METRIC_CERTIFICATES_ISSUED,
                     metrics_profile(record->profile), certificate->origin);
    if (rejected)
        METRICS_NOTE(record->notes, METRIC_REVOCATIONS_REQUESTED, metrics_issuer(certificate->issuer));
}

static enum store_result write_event(struct store_writer *writer, const struct issuance_record *record)
{
    const struct issued *issued = record->issued;
    struct event event = record->event;
    event.certificate_id = issued->certificate.id;
    event.known.serial = issued->certificate.serial;
    event.known.issuer = issued->certificate.issuer;
    if (issued->verdict == ISSUANCE_MISFIT) {
        event.type = EVENT_CERTIFICATE_REJECTED;
        event.cause = CAUSE_CERTIFICATE_MISFIT;
        event.detail = event.detail == NULL ? issued->why : event.detail;
    }
    return record->write_event(record->context, writer, &event);
}

enum store_result issuance_write(struct store_writer *writer, const struct issuance_record *record)
{
    struct certificate *certificate = &record->issued->certificate;
    const struct certificate_facts *facts = &record->issued->facts;
    enum store_result result =
        store_certificate_insert(writer, certificate, facts->identifiers, facts->identifier_count);
    if (result != STORE_OK) {
        certificate->id = 0;
        return result;
    }
    note(record);
    return write_event(writer, record);
}
