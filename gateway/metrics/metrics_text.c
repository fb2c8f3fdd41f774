/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus' text format, version 0.0.4. */
#include <inttypes.h>
#include <math.h>

#include "acme/base/buffer.h"
#include "gateway/metrics/metrics_internal.h"

/* ---- gauges ---- */

void metrics_set(struct metric_gauges *gauges, enum metric metric, double value,
                 const size_t labels[static METRIC_MAX_LABELS])
{
    const struct metric_info *info = &metric_infos[metric];
    size_t place, count = metric_series_count(info);
    if (!metric_series_place(info, labels, &place))
        return;
    if (gauges->values[metric] == NULL) {
        gauges->values[metric] = arena_alloc_array(gauges->arena, count, sizeof(double));
        for (size_t i = 0; i < count; i++)
            gauges->values[metric][i] = NAN;
    }
    gauges->values[metric][place] = value;
}

/* ---- writing ---- */

static void append_escaped(struct buffer *out, const char *text, bool quoted)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            buffer_append_string(out, "\\n");
        else if (*text == '\\' || (quoted && *text == '"'))
            buffer_printf(out, "\\%c", *text);
        else
            buffer_append(out, bytes_of((const uint8_t *)text, 1));
    }
}

static void append_label(struct buffer *out, const char *name, const char *value)
{
    buffer_printf(out, "%s%s=\"", out->n == 0 ? "" : ",", name);
    append_escaped(out, value, true);
    buffer_append_string(out, "\"");
}

/* Writes the labels of a series, the text between the braces. False for a combination that is not shown. */
static bool read_labels(struct buffer *out, const struct metric_info *info, size_t place, bool is_zero)
{
    const char *values[METRIC_MAX_LABELS] = {NULL};
    for (size_t i = METRIC_MAX_LABELS; i-- > 0;) {
        const struct metric_label *label = info->labels[i];
        if (label == NULL)
            continue;
        values[i] = label->value(out->arena, place % label->count());
        place /= label->count();
        if (values[i] == NULL || (is_zero && strcmp(values[i], METRICS_NOT_CONFIGURED) == 0))
            return false;
    }
    for (size_t i = 0; i < METRIC_MAX_LABELS && info->labels[i] != NULL; i++)
        append_label(out, info->labels[i]->name, values[i]);
    return true;
}

static void append_name(struct buffer *out, const struct metric_info *info, const char *suffix,
                        const char *labels)
{
    if (labels[0] == '\0')
        buffer_printf(out, "%s%s ", info->name, suffix);
    else
        buffer_printf(out, "%s%s{%s} ", info->name, suffix, labels);
}

static uint64_t load(const atomic_uint_fast64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

/* The count is the sum of the buckets, also while other threads count. */
static void append_histogram(struct buffer *out, const struct metric_info *info, const char *labels,
                             const atomic_uint_fast64_t *cells)
{
    const struct metric_buckets *buckets = info->buckets;
    const char *comma = labels[0] == '\0' ? "" : ",";
    uint64_t count = 0;
    for (size_t i = 0; i < buckets->count; i++) {
        count += load(&cells[i]);
        buffer_printf(out, "%s_bucket{%s%sle=\"%.15g\"} %" PRIu64 "\n", info->name, labels, comma,
                      (double)buckets->bounds[i] / buckets->unit, count);
    }
    count += load(&cells[buckets->count]);
    buffer_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", info->name, labels, comma, count);
    append_name(out, info, "_sum", labels);
    buffer_printf(out, "%.15g\n", (double)load(&cells[buckets->count + 1]) / buckets->unit);
    append_name(out, info, "_count", labels);
    buffer_printf(out, "%" PRIu64 "\n", count);
}

static bool nothing_counted(const struct metric_info *info, const atomic_uint_fast64_t *cells)
{
    size_t counts = info->buckets == NULL ? 1 : info->buckets->count + 1;
    for (size_t i = 0; i < counts; i++)
        if (load(&cells[i]) != 0)
            return false;
    return true;
}

static void append_series(struct buffer *out, enum metric metric, size_t place,
                          const struct metric_gauges *gauges)
{
    const struct metric_info *info = &metric_infos[metric];
    const double *values = gauges->values[metric];
    const atomic_uint_fast64_t *cells = metric_cells(metric, place);
    struct buffer labels;
    buffer_init(&labels, out->arena, METRICS_MAX_BYTES);
    bool is_set = values != NULL && !isnan(values[place]);
    if (info->type == METRIC_GAUGE && !is_set)
        return;
    if (!read_labels(&labels, info, place, is_set ? values[place] == 0 : nothing_counted(info, cells)))
        return;
    if (info->type == METRIC_HISTOGRAM) {
        append_histogram(out, info, buffer_string(&labels), cells);
        return;
    }
    append_name(out, info, "", buffer_string(&labels));
    if (is_set)
        buffer_printf(out, "%.15g\n", values[place]);
    else
        buffer_printf(out, "%" PRIu64 "\n", load(cells));
}

struct bytes metrics_render(struct arena *arena, const struct metric_gauges *gauges)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    struct buffer out;
    buffer_init(&out, arena, METRICS_MAX_BYTES);
    for (enum metric metric = 0; metric < METRICS; metric++) {
        const struct metric_info *info = &metric_infos[metric];
        size_t count = metric_series_count(info);
        buffer_printf(&out, "# HELP %s ", info->name);
        append_escaped(&out, info->help, false);
        buffer_printf(&out, "\n# TYPE %s %s\n", info->name, types[info->type]);
        for (size_t place = 0; place < count; place++)
            append_series(&out, metric, place, gauges);
    }
    return buffer_overflowed(&out) ? (struct bytes){0} : buffer_bytes(&out);
}
