#include "acme/base/bytes.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool bytes_equal_ignore_case(struct bytes a, struct bytes b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; ++i)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}
