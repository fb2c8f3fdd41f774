/* SPDX-License-Identifier: Apache-2.0 */
/* The text that Prometheus reads: what stands around the series, and how much there may be. */
#include <stdio.h>
#include <time.h>

#include "gateway/metrics/metrics.h"
#include "gateway/metrics/metrics_internal.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(metrics_text);

static size_t count_routes(void)
{
    return 1;
}

static const char *label_route(struct arena *arena, const struct config *config, size_t i)
{
    (void)arena, (void)config, (void)i;
    return "(none)";
}

static const struct metric_routes routes = {count_routes, label_route};
static const struct config empty;

static const char *rendered(struct arena *arena)
{
    struct metric_gauges gauges = {.arena = arena};
    METRICS_SET(&gauges, METRIC_BUILD, 1);
    return arena_string(arena, metrics_render(arena, &gauges));
}

Test(metrics_text, each_metric_has_its_help_and_its_type)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    struct arena *arena = arena_new();
    metrics_start(&empty, &routes, "edge");
    const char *at = rendered(arena);
    for (enum metric metric = 0; metric < METRICS; metric++) {
        const struct metric_info *info = &metric_infos[metric];
        const char *head = arena_printf(arena, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help,
                                        info->name, types[info->type]);
        cr_assert_eq(strncmp(at, head, strlen(head)), 0, "%s: %.100s", head, at);
        for (at += strlen(head); *at != '#' && *at != '\0'; at = strchr(at, '\n') + 1)
            cr_expect_eq(strncmp(at, info->name, strlen(info->name)), 0, "%s: %.100s", info->name, at);
    }
    cr_expect_str_empty(at);
    metrics_stop();
    arena_free(arena);
}

Test(metrics_text, numbers_are_whole_or_have_all_their_digits)
{
    static const struct {
        double value;
        const char *line;
    } values[] = {{0, " 0\n"},
                  {1795694400, " 1795694400\n"},
                  {1795694400.25, " 1795694400.25\n"},
                  {4503599627370497, " 4.5035996273705e+15\n"}};
    struct arena *arena = arena_new();
    metrics_start(&empty, &routes, "edge");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct metric_gauges gauges = {.arena = arena};
        METRICS_SET(&gauges, METRIC_PROCESS_START, values[i].value);
        const char *text = arena_string(arena, metrics_render(arena, &gauges));
        cr_expect_not_null(
            strstr(text, arena_printf(arena, "\nprocess_start_time_seconds%s", values[i].line)), "%f",
            values[i].value);
    }
    metrics_stop();
    arena_free(arena);
}

Test(metrics_text, the_value_of_a_label_is_escaped)
{
    static const struct {
        const char *name, *shown;
    } cases[] = {
        {"edge", "gateway=\"edge\"} 1\n"},
        {"a \"b\", {c}", "gateway=\"a \\\"b\\\", {c}\"} 1\n"},
        {"a\\n", "gateway=\"a\\\\n\"} 1\n"},
        {"a\nb", "gateway=\"a\\nb\"} 1\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new();
        metrics_start(&empty, &routes, cases[i].name);
        cr_expect_not_null(strstr(rendered(arena), cases[i].shown), "%s", cases[i].name);
        metrics_stop();
        arena_free(arena);
    }
}

Test(metrics_text, without_labels_a_series_has_no_braces)
{
    struct arena *arena = arena_new();
    metrics_start(&empty, &routes, "edge");
    METRICS_OBSERVE(METRIC_BATCH_OPERATIONS, 3);
    const char *text = rendered(arena);
    cr_expect_not_null(strstr(text, "\nacmegate_nonces_refused_total 0\n"));
    cr_expect_not_null(strstr(text, "\nacmegate_committer_batch_operations_bucket{le=\"+Inf\"} 1\n"));
    cr_expect_not_null(strstr(text, "\nacmegate_committer_batch_operations_sum 3\n"));
    metrics_stop();
    arena_free(arena);
}

/* A sum alone is no count: what took no time at all is shown, too. */
Test(metrics_text, what_is_not_configured_is_shown_once_anything_was_observed)
{
    struct arena *arena = arena_new();
    metrics_start(&empty, &routes, "edge");
    cr_expect_null(strstr(rendered(arena), METRICS_NOT_CONFIGURED));
    METRICS_CALL("gone", METRIC_CALL_SIGN, 0);
    cr_expect_not_null(strstr(rendered(arena), "acmegate_ca_call_duration_seconds_count{issuer=\"(not "
                                               "configured)\",kind=\"sign\"} 1\n"));
    metrics_stop();
    metrics_start(&empty, &routes, "edge");
    METRICS_CALL("gone", METRIC_CALL_REVOKE, INT64_C(3600000000));
    cr_expect_not_null(strstr(rendered(arena), "acmegate_ca_call_duration_seconds_bucket{issuer=\"(not "
                                               "configured)\",kind=\"revoke\",le=\"+Inf\"} 1\n"));
    metrics_stop();
    arena_free(arena);
}

Test(metrics_text, there_is_no_text_where_it_would_be_too_long)
{
    enum { MANY = 30000 };
    struct arena *arena = arena_new();
    struct endpoint_config *endpoints = arena_alloc_array(arena, MANY, sizeof *endpoints);
    for (size_t i = 0; i < MANY; i++)
        endpoints[i].name = arena_printf(arena, "%0100zu", i);
    const struct config config = {.endpoints = endpoints, .endpoint_count = MANY};
    metrics_start(&config, &routes, "edge");
    struct metric_gauges gauges = {.arena = arena};
    cr_expect_eq(metrics_render(arena, &gauges).n, 0);
    metrics_stop();
    arena_free(arena);
}

Test(metrics_text, the_clock_counts_microseconds)
{
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    int64_t told = metrics_clock_us();
    clock_gettime(CLOCK_MONOTONIC, &after);
    cr_expect_geq(told, (int64_t)before.tv_sec * 1000000 + before.tv_nsec / 1000);
    cr_expect_leq(told, (int64_t)after.tv_sec * 1000000 + after.tv_nsec / 1000);
}
