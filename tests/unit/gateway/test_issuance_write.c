/* SPDX-License-Identifier: Apache-2.0 */
#include "issuance_scene.h"
#include "store/events.h"

LEAK_CHECKED_SUITE(issuance_write);

static enum store_result write_event(void *context, struct store_writer *writer, struct event *event)
{
    (void)context;
    event->at = NOW;
    event->actor = "gateway";
    return store_event_insert(writer, event);
}

static const struct {
    const char *what;
    struct came came;
    const char *detail; /* the asker's own words */
    const char *profile;
    const char *row;   /* of the database: status, who wants it revoked */
    const char *event; /* kind, cause, detail */
    enum metric metrics[2];
    size_t metric_count;
} written[] = {
    {"accepted", {0}, "remarks", "default", "good|", "order.valid||remarks", {METRIC_CERTIFICATES_ISSUED}, 1},
    {"accepted without words",
     {0},
     NULL,
     "default",
     "good|",
     "order.valid||",
     {METRIC_CERTIFICATES_ISSUED},
     1},
    {"rejected",
     {.key = ANOTHER_KEY},
     NULL,
     "default",
     "rejected|gateway",
     "certificate.rejected|certificate-misfit|the certificate's public key is not that of the CSR",
     {METRIC_CERTIFICATES_REJECTED, METRIC_REVOCATIONS_REQUESTED},
     2},
    {"rejected with words",
     {.key = ANOTHER_KEY},
     "profile x: another key",
     "default",
     "rejected|gateway",
     "certificate.rejected|certificate-misfit|profile x: another key",
     {METRIC_CERTIFICATES_REJECTED, METRIC_REVOCATIONS_REQUESTED},
     2},
    {"rejected for the server itself",
     {.key = ANOTHER_KEY},
     NULL,
     NULL,
     "rejected|gateway",
     "certificate.rejected|certificate-misfit|the certificate's public key is not that of the CSR",
     {METRIC_REVOCATIONS_REQUESTED},
     1},
};

static void expect_written(struct issuance_scene *scene, size_t i)
{
    struct database database;
    struct issued issued;
    struct metric_notes notes = {0};
    database_begin(&database);
    database_connect(&database);
    struct chain chain = issuance_chain_of(scene, &written[i].came, i);
    struct issuance_terms terms = issuance_terms_of(scene, ORDER);
    issuance_check(scene->arena, &terms, chain.certificates, chain.count, NOW, &issued);
    const struct issuance_record record = {.issued = &issued,
                                           .profile = written[i].profile,
                                           .notes = &notes,
                                           .event = {.type = EVENT_ORDER_VALID, .detail = written[i].detail},
                                           .write_event = write_event};
    cr_expect_eq(issuance_write(database.writer, &record), STORE_OK, "%s", written[i].what);
    cr_expect(issued.certificate.id > 0, "%s", written[i].what);
    cr_expect_str_eq(
        database_text(&database,
                      "SELECT status || '|' || ifnull(revocation_requested_by, '') FROM certificates"),
        written[i].row, "%s", written[i].what);
    cr_expect_str_eq(database_text(&database, "SELECT kind || '|' || ifnull(cause, '') || '|' || "
                                              "ifnull(detail, '') FROM events e JOIN certificates c ON "
                                              "c.id = e.certificate_id"),
                     written[i].event, "%s", written[i].what);
    cr_expect_eq(notes.count, written[i].metric_count, "%s", written[i].what);
    for (size_t n = 0; n < written[i].metric_count && n < notes.count; n++)
        cr_expect_eq(notes.note[n].metric, written[i].metrics[n], "%s", written[i].what);
    /* Issued before: whoever asks again gets nothing, and nothing is written. */
    notes.count = 0;
    cr_expect_eq(issuance_write(database.writer, &record), STORE_KNOWN, "%s", written[i].what);
    cr_expect_eq(issued.certificate.id, 0, "%s", written[i].what);
    cr_expect_eq(notes.count, 0, "%s", written[i].what);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM certificates"), 1, "%s", written[i].what);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM events"), 1, "%s", written[i].what);
    database_end(&database);
}

Test(issuance_write, a_certificate_is_written_once_with_its_event)
{
    struct issuance_scene scene;
    issuance_scene_begin(&scene);
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        expect_written(&scene, i);
    issuance_scene_end(&scene);
}

Test(issuance_write, a_command_counts_nothing)
{
    struct issuance_scene scene;
    struct database database;
    struct issued issued;
    issuance_scene_begin(&scene);
    database_begin(&database);
    database_connect(&database);
    struct chain chain = issuance_chain_of(&scene, &(struct came){0}, 0);
    cr_assert(issuance_read(scene.arena, &scene.issuer, chain.certificates, chain.count, NOW, &issued));
    const struct issuance_record record = {
        .issued = &issued, .event = {.type = EVENT_SIGN_ISSUED}, .write_event = write_event};
    cr_expect_eq(issuance_write(database.writer, &record), STORE_OK);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM certificates"), 1);
    database_end(&database);
    issuance_scene_end(&scene);
}
