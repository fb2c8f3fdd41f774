/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate explain`: cli_explain.c reads the history of an order, cli_explain_story.c shows it,
 * cli_explain_advice.c its cause and the next step, cli_explain_refused.c a request that was refused before
 * it became an order. cli_explain_json.c writes all of them for programs. */
#pragma once

#include "acme/objects.h"
#include "store/events.h"

/* An order with its account, authorizations, attempts, events and certificate. */
struct story {
    struct arena *arena;
    int64_t now;
    struct order order;
    struct account account;
    struct authorization *authorizations; /* in the identifiers' order */
    struct attempt *attempts;
    size_t attempt_count;
    struct event_row *events;
    size_t event_count;
    bool has_certificate;
    struct certificate certificate;
};

/* A stored problem document; `type` without its prefix. */
struct stored_problem {
    const char *type;
    const char *detail;
};

struct stored_problem story_problem(const struct story *story, const char *problem_json);

/* Returns "2026-06-01T00:00:00Z (3 hours ago)". */
const char *story_when(const struct story *story, int64_t at);

/* True for an order that was not finished in time, even where its row has another state. */
bool story_is_expired(const struct story *story);

/* Prints all sections. */
void story_show(const struct story *story);
/* Prints the last section: the cause, whose turn it is, the next step. */
void story_advise(const struct story *story);
/* Prints the same for a cause alone. */
void story_say_cause(enum cause cause);

/* Returns the cause that stopped the order, or that it waits for. */
enum cause story_cause(const struct story *story);

/* Prints a refused request. */
void show_refused(const struct story *story, const struct event_row *row);
/* Why it was refused. */
enum cause refused_cause(const struct event_row *row);

/* Explains a cause or a type of event from their tables. False for another word. */
[[gnu::warn_unused_result]] bool explain_word(const char *word);

/* ---- as members of a JSON object, cli_explain_json.c ---- */

struct json_writer;
void explain_json_story(struct json_writer *writer, const struct story *story);
void explain_json_refused(struct json_writer *writer, const struct story *story, const struct event_row *row);
/* As explain_word. */
[[gnu::warn_unused_result]] bool explain_json_word(struct json_writer *writer, const char *word);
