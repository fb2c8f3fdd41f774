/* SPDX-License-Identifier: Apache-2.0 */
#include <semaphore.h>

#include "gateway/ca/issuer.h"
#include "local_files.h"

LEAK_CHECKED_SUITE(issuer_local);

/* Work for the outbound thread, which posts `answered` when a job is done. */
struct trial {
    struct outbound_message message; /* first */
    struct arena *arena;
    const char *directory;
    struct outbound *outbound;
    struct issuer *issuer;
    struct issuer_sign_request sign;
    struct issuer_revoke_request revoke;
    bool inside_call;
    bool answered_inside_call;
    sem_t answered;
};

static struct trial *start_trial(void)
{
    struct arena *arena = arena_new();
    struct trial *trial = arena_alloc(arena, sizeof *trial);
    trial->arena = arena;
    trial->directory = scratch_directory_new(arena);
    cr_assert_eq(sem_init(&trial->answered, 0, 0), 0);
    struct fault fault;
    trial->outbound = outbound_start(&(struct outbound_config){0}, &fault);
    cr_assert(trial->outbound != NULL, "%s", fault.message);
    struct issuer_config config = {
        .id = "dev", .type = ISSUER_LOCAL, .directory = trial->directory, .validity_s = 3600};
    trial->issuer = issuer_new(&config, trial->outbound, &fault);
    cr_assert(trial->issuer != NULL, "%s", fault.message);
    return trial;
}

static void end_trial(struct trial *trial)
{
    outbound_stop(trial->outbound);
    issuer_free(trial->issuer);
    outbound_free(trial->outbound);
    sem_destroy(&trial->answered);
    scratch_directory_remove(trial->directory);
    arena_free(trial->arena);
}

static void note_answer(struct trial *trial)
{
    trial->answered_inside_call = trial->inside_call;
    sem_post(&trial->answered);
}

static void signed_now(struct issuer_sign_request *request)
{
    note_answer(request->owner);
}

static void revoked_now(struct issuer_revoke_request *request)
{
    note_answer(request->owner);
}

static void call_sign(struct outbound_message *message)
{
    struct trial *trial = (struct trial *)(void *)message;
    trial->inside_call = true;
    issuer_sign(trial->issuer, &trial->sign);
    trial->inside_call = false;
}

static void call_revoke(struct outbound_message *message)
{
    struct trial *trial = (struct trial *)(void *)message;
    trial->inside_call = true;
    issuer_revoke(trial->issuer, &trial->revoke);
    trial->inside_call = false;
}

static void run(struct trial *trial, void (*call)(struct outbound_message *message))
{
    trial->message.run = call;
    outbound_post(trial->outbound, &trial->message);
    cr_assert_eq(sem_wait(&trial->answered), 0);
    cr_expect_not(trial->answered_inside_call);
}

Test(issuer_local, signs_and_answers_in_a_later_turn)
{
    struct trial *trial = start_trial();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, "DNS:a.internal");
    trial->sign = (struct issuer_sign_request){
        .arena = trial->arena, .csr = csr, .token_id = "", .done = signed_now, .owner = trial};
    run(trial, call_sign);
    cr_expect_eq(trial->sign.result.outcome, ISSUER_OK);
    cr_assert_eq(trial->sign.result.chain_count, 2);
    cr_expect_str_eq(trial->sign.result.message, "");
    struct bytes intermediate =
        bytes_from_string(certificate_to_pem(trial->arena, trial->sign.result.chain[1]));
    cr_expect(certificate_chains_to(trial->sign.result.chain[0], intermediate, trial->issuer->roots));
    end_trial(trial);
}

Test(issuer_local, refuses_what_cannot_be)
{
    struct trial *trial = start_trial();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, NULL);
    trial->sign = (struct issuer_sign_request){
        .arena = trial->arena, .csr = csr, .token_id = "", .done = signed_now, .owner = trial};
    run(trial, call_sign);
    cr_expect_eq(trial->sign.result.outcome, ISSUER_REFUSED);
    cr_expect_eq(trial->sign.result.chain_count, 0);
    cr_expect(trial->sign.result.message[0] != '\0');
    end_trial(trial);
}

Test(issuer_local, revokes_once)
{
    struct trial *trial = start_trial();
    trial->revoke = (struct issuer_revoke_request){
        .arena = trial->arena, .serial = "a1", .reason = 1, .done = revoked_now, .owner = trial};
    run(trial, call_revoke);
    cr_expect_eq(trial->revoke.result.outcome, ISSUER_OK);
    run(trial, call_revoke);
    cr_expect_eq(trial->revoke.result.outcome, ISSUER_ALREADY_REVOKED);
    end_trial(trial);
}

Test(issuer_local, is_well_and_tells_its_limits_and_root)
{
    struct trial *trial = start_trial();
    struct issuer_status status;
    issuer_read_status(trial->issuer, &status);
    cr_expect(status.usable);
    cr_expect_eq(status.failing_since, 0);
    cr_expect_eq(status.limits.issuer_default_s, 24 * 3600);
    cr_expect_eq(status.limits.preferred_s, 3600);
    cr_expect(status.limits.chain_not_after > 0);
    cr_expect_str_eq(trial->issuer->id, "dev");
    cr_expect_eq(strlen(trial->issuer->root_fingerprint), 64);
    cr_expect(trial->issuer->roots_pem.n > 0);
    end_trial(trial);
}

/* A key's id decides what of the CA's keys is handed out: one that were cut off would be another's. */
Test(issuer_local, S15_the_id_of_its_key_is_told_whole)
{
    enum { LONG_BYTES = 1000 };
    struct trial *trial = start_trial();
    char key_id[LONG_BYTES + 1];
    struct issuer_status status;
    cr_expect_null(issuer_copy_key_id(trial->issuer, trial->arena));
    issuer_read_status(trial->issuer, &status);
    cr_expect_str_eq(status.key_id, "");
    memset(key_id, 'k', LONG_BYTES);
    for (size_t n = ISSUER_KEY_ID_BYTES - 2; n <= LONG_BYTES; n = n < ISSUER_KEY_ID_BYTES ? n + 1 : 2 * n) {
        char *text = arena_string(trial->arena, bytes_of((const uint8_t *)key_id, n));
        issuer_set_key_id(trial->issuer, text);
        cr_expect_str_eq(issuer_copy_key_id(trial->issuer, trial->arena), text);
        issuer_read_status(trial->issuer, &status);
        cr_expect_eq(strlen(status.key_id), n < ISSUER_KEY_ID_BYTES ? n : ISSUER_KEY_ID_BYTES - 1);
    }
    end_trial(trial);
}

Test(issuer_local, a_directory_that_cannot_be_made_is_an_error)
{
    struct issuer_config config = {
        .id = "dev", .type = ISSUER_LOCAL, .directory = "/nonexistent/directory/ca"};
    struct fault fault = {0};
    cr_expect_null(issuer_new(&config, NULL, &fault));
    cr_expect(strstr(fault.message, "/nonexistent/directory/ca") != NULL, "%s", fault.message);
}
