/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of a served database that a test waits for. */
#pragma once

#include "database.h"

struct write {
    struct store_operation operation; /* first: the operation is the write */
    enum store_apply_result (*body)(struct write *write, struct store_writer *writer);
    int number; /* of the event that it inserts: its order's */
    enum store_outcome outcome;
    size_t place; /* among the answers, from 1 */
};

void writes_submit(struct database *database, struct write *write);
/* Until so many of the whole test were answered. */
void writes_wait(size_t count);
size_t writes_answered(void);

/* Holds the committer inside an operation, so that what is submitted meanwhile makes one batch with it. */
void writes_submit_at_gate(struct database *database, struct write *gate);
void writes_open_gate(void);

int64_t writes_events_of(const struct database *database, int number);

/* For store_set_log. */
void writes_keep_quiet(const char *message);
/* The same, and keeps the first 64 lines. */
void writes_hear(const char *message);
/* The number of lines with these words. */
size_t writes_heard(const char *words);
/* NULL behind the last one. */
const char *writes_heard_line(size_t index);
void writes_forget_heard(void);

/* ---- bodies ---- */

enum store_apply_result write_insert(struct write *write, struct store_writer *writer);
enum store_apply_result write_insert_and_refuse(struct write *write, struct store_writer *writer);
/* Its second statement breaks a rule of the schema, but it returns "keep". PostgreSQL may put the failure
 * off. */
enum store_apply_result write_insert_and_fail(struct write *write, struct store_writer *writer);
/* 200,000 octets. */
enum store_apply_result write_insert_big(struct write *write, struct store_writer *writer);
/* The file may grow by three pages from here on. */
enum store_apply_result write_limit_pages(struct write *write, struct store_writer *writer);
enum store_apply_result write_lift_limit(struct write *write, struct store_writer *writer);
/* Another process that writes is not waited for. */
enum store_apply_result write_hurry(struct write *write, struct store_writer *writer);
