/* SPDX-License-Identifier: Apache-2.0 */
#include "config_texts.h"

#include <criterion/criterion.h>

const struct config *config_text_parse(struct arena *arena, const char *text, char *const *environment,
                                       struct config_errors *errors)
{
    return config_parse(arena, "test.json", bytes_from_string(text), environment, errors);
}

const struct config *config_text_good(struct arena *arena, const char *text, char *const *environment)
{
    struct config_errors errors;
    const struct config *config = config_text_parse(arena, text, environment, &errors);
    cr_assert(config != NULL, "%s", errors.count > 0 ? errors.lines[0] : "no error is told");
    cr_assert_eq(errors.count, 0);
    return config;
}

bool config_text_tells(const struct config_errors *errors, const char *path, const char *words)
{
    for (size_t i = 0; i < errors->count; i++)
        if (strstr(errors->lines[i], path) != NULL && strstr(errors->lines[i], words) != NULL)
            return true;
    return false;
}
