/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgresql/columns.h"

#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum kind { KIND_UNKNOWN, KIND_INTEGER, KIND_REAL, KIND_NUMERIC, KIND_OCTETS, KIND_JSONB };

/* From the catalogue pg_type; the numbers never change. */
static const struct type {
    Oid oid;
    enum kind kind;
    int length; /* of a value; 0: any */
} types[] = {
    {16, KIND_INTEGER, 1},  /* bool */
    {17, KIND_OCTETS, 0},   /* bytea */
    {18, KIND_OCTETS, 0},   /* "char" */
    {19, KIND_OCTETS, 0},   /* name */
    {20, KIND_INTEGER, 8},  /* int8 */
    {21, KIND_INTEGER, 2},  /* int2 */
    {23, KIND_INTEGER, 4},  /* int4 */
    {25, KIND_OCTETS, 0},   /* text */
    {114, KIND_OCTETS, 0},  /* json */
    {700, KIND_REAL, 4},    /* float4 */
    {701, KIND_REAL, 8},    /* float8 */
    {1042, KIND_OCTETS, 0}, /* bpchar */
    {1043, KIND_OCTETS, 0}, /* varchar */
    {1700, KIND_NUMERIC, 0}, {3802, KIND_JSONB, 0},
};

/* A numeric: these four numbers of 16 bits, then as many digits to the base 10000. */
enum {
    NUMERIC_COUNT,
    NUMERIC_WEIGHT, /* the power of the base that the first digit has */
    NUMERIC_SIGN,
    NUMERIC_SCALE, /* decimal digits behind the point */
    NUMERIC_DIGITS,
    NUMERIC_BASE = 10000,
    NUMERIC_NEGATIVE = 0x4000, /* a greater one is not a number, or infinite */
};

/* jsonb begins with its version. */
enum { JSONB_VERSION = 1 };

static const struct type *type_of(const PGresult *result, int column)
{
    static const struct type unknown = {0, KIND_UNKNOWN, 0};
    Oid oid = PQftype(result, column);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].oid == oid)
            return &types[i];
    }
    return &unknown;
}

static const unsigned char *value_of(const PGresult *result, int row, int column)
{
    return (const unsigned char *)PQgetvalue(result, row, column);
}

/* ---- numbers ---- */

static int64_t read_integer(const unsigned char *value, int length)
{
    uint64_t number = (value[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (int i = 0; i < length; i++)
        number = number << 8 | value[i];
    return (int64_t)number;
}

static double read_real(const unsigned char *value, int length)
{
    uint64_t octets = (uint64_t)read_integer(value, length);
    if (length == 4) {
        uint32_t half = (uint32_t)octets;
        float number;
        memcpy(&number, &half, sizeof number);
        return (double)number;
    }
    double number;
    memcpy(&number, &octets, sizeof number);
    return number;
}

static int numeric_part(const unsigned char *value, int index)
{
    return value[2 * index] << 8 | value[2 * index + 1];
}

static bool is_negative(const unsigned char *value)
{
    return numeric_part(value, NUMERIC_SIGN) == NUMERIC_NEGATIVE;
}

/* The power of the base that the digit has. */
static int power_of(const unsigned char *value, int digit)
{
    return (int16_t)numeric_part(value, NUMERIC_WEIGHT) - digit;
}

static double read_numeric(const unsigned char *value)
{
    const long double base = (int)NUMERIC_BASE;
    long double number = 0;
    int count = numeric_part(value, NUMERIC_COUNT), power = power_of(value, count - 1);
    for (int i = 0; i < count; i++)
        number = number * base + numeric_part(value, NUMERIC_DIGITS + i);
    for (; power > 0; power--)
        number *= base;
    for (; power < 0; power++)
        number /= base;
    return (double)(is_negative(value) ? -number : number);
}

/* True for a whole number that fits. */
static bool numeric_to_integer(const unsigned char *value, int64_t *out)
{
    int64_t number = 0;
    int count = numeric_part(value, NUMERIC_COUNT);
    if (numeric_part(value, NUMERIC_SCALE) != 0)
        return false;
    for (int i = 0; i < count || (count > 0 && power_of(value, i) >= 0); i++) {
        int digit = i < count ? numeric_part(value, NUMERIC_DIGITS + i) : 0;
        if (power_of(value, i) < 0 || __builtin_mul_overflow(number, NUMERIC_BASE, &number) ||
            __builtin_sub_overflow(number, digit, &number))
            return false;
    }
    *out = number; /* negative: there is one more of those */
    return is_negative(value) || !__builtin_sub_overflow(0, number, out);
}

static double real_of(const PGresult *result, int row, int column)
{
    const unsigned char *value = value_of(result, row, column);
    return type_of(result, column)->kind == KIND_NUMERIC ? read_numeric(value)
                                                         : read_real(value, PQgetlength(result, row, column));
}

/* True for one without a fraction's type. */
static bool integer_of(const PGresult *result, int row, int column, int64_t *out)
{
    const unsigned char *value = value_of(result, row, column);
    switch (type_of(result, column)->kind) {
    case KIND_INTEGER:
        *out = read_integer(value, PQgetlength(result, row, column));
        return true;
    case KIND_NUMERIC:
        return numeric_to_integer(value, out);
    default:
        return false;
    }
}

static int64_t nearest_integer(double number)
{
    if (number >= 0x1p63)
        return INT64_MAX;
    return number < -0x1p63 ? INT64_MIN : (int64_t)number;
}

/* With a point, as SQLite writes it. */
static void write_real(double number, char out[static NUMBER_BYTES])
{
    char text[NUMBER_BYTES - 2];
    snprintf(text, sizeof text, "%.15g", number);
    int whole = (int)strspn(text, "-0123456789");
    snprintf(out, NUMBER_BYTES, "%.*s%s%s", whole, text, text[whole] == '.' ? "" : ".0", text + whole);
}

/* ---- a row ---- */

static bool is_whole_numeric(const unsigned char *value, int length)
{
    return length >= 2 * NUMERIC_DIGITS &&
           length == 2 * (NUMERIC_DIGITS + numeric_part(value, NUMERIC_COUNT)) &&
           numeric_part(value, NUMERIC_SIGN) <= NUMERIC_NEGATIVE;
}

static bool fits_type(const struct type *type, const unsigned char *value, int length)
{
    switch (type->kind) {
    case KIND_INTEGER:
        return length == type->length;
    case KIND_REAL:
        return length == type->length && isfinite(read_real(value, length));
    case KIND_NUMERIC:
        return is_whole_numeric(value, length) && isfinite(read_numeric(value));
    case KIND_JSONB:
        return length > 0 && value[0] == JSONB_VERSION;
    default:
        return true;
    }
}

bool columns_are_readable(const PGresult *result, int row, char why[static WHY_BYTES])
{
    int count = PQnfields(result);
    if (count > COLUMNS_MAX) {
        snprintf(why, WHY_BYTES, "a row has more than %d columns", COLUMNS_MAX);
        return false;
    }
    for (int i = 0; i < count; i++) {
        const struct type *type = type_of(result, i);
        if (type->kind == KIND_UNKNOWN) {
            snprintf(why, WHY_BYTES, "the column %.64s has the type %u, which acmegate does not read",
                     PQfname(result, i), PQftype(result, i));
            return false;
        }
        if (!PQgetisnull(result, row, i) &&
            !fits_type(type, value_of(result, row, i), PQgetlength(result, row, i))) {
            snprintf(why, WHY_BYTES, "the column %.64s has a value that acmegate does not read",
                     PQfname(result, i));
            return false;
        }
    }
    return true;
}

int64_t column_integer(const PGresult *result, int row, int column)
{
    int64_t number = 0;
    if (!column_is_number(result, row, column))
        return 0;
    return integer_of(result, row, column, &number) ? number : nearest_integer(real_of(result, row, column));
}

bool column_octets(const PGresult *result, int row, int column, char number[static NUMBER_BYTES],
                   struct bytes *out)
{
    int64_t integer;
    size_t version = type_of(result, column)->kind == KIND_JSONB ? 1 : 0;
    if (PQgetisnull(result, row, column))
        return false;
    if (!column_is_number(result, row, column)) {
        *out = bytes_of(value_of(result, row, column) + version,
                        (size_t)PQgetlength(result, row, column) - version);
        return true;
    }
    if (integer_of(result, row, column, &integer))
        snprintf(number, NUMBER_BYTES, "%" PRId64, integer);
    else
        write_real(real_of(result, row, column), number);
    *out = bytes_of(number, strlen(number));
    return true;
}

bool column_is_number(const PGresult *result, int row, int column)
{
    enum kind kind = type_of(result, column)->kind;
    return !PQgetisnull(result, row, column) && kind != KIND_OCTETS && kind != KIND_JSONB;
}
