/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a statement, from the form that store/sql writes to PostgreSQL's. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/base/arena.h"
#include "store/postgresql/session.h"

/* Returns the number of the name, a new one for a new name; 0 when there are too many. */
static int number_of(struct postgresql_statement *statement, const char *name, size_t n)
{
    for (int i = 0; i < statement->parameters; i++) {
        if (strlen(statement->names[i]) == n && memcmp(statement->names[i], name, n) == 0)
            return i + 1;
    }
    if (statement->parameters == PARAMETERS_MAX)
        return 0;
    char *copy = strndup(name, n);
    if (copy == NULL)
        end_without("memory");
    statement->names[statement->parameters] = copy;
    return ++statement->parameters;
}

static size_t name_length(const char *dollar)
{
    size_t n = 1;
    while (isalnum((unsigned char)dollar[n]) || dollar[n] == '_')
        n++;
    return n;
}

bool statement_translate(const char *sql, struct postgresql_statement *out)
{
    static const char cross[] = "CROSS JOIN";
    size_t length = 0;
    FILE *text = open_memstream(&out->forms[FORM_PLAIN].sql, &length);
    int number = 1;
    if (text == NULL)
        end_without("memory");
    while (*sql != '\0' && number != 0) {
        if (*sql == '$') {
            size_t n = name_length(sql);
            number = number_of(out, sql, n);
            fprintf(text, "$%d", number);
            sql += n;
        } else if (strncmp(sql, cross, sizeof cross - 1) == 0) {
            fputs("JOIN", text);
            sql += sizeof cross - 1;
        } else {
            fputc(*sql++, text);
        }
    }
    if (fclose(text) != 0)
        end_without("memory");
    return number != 0;
}

struct form_text *statement_form(struct postgresql_statement *statement, enum form form)
{
    struct form_text *text = &statement->forms[form];
    if (text->name[0] == '\0')
        snprintf(text->name, sizeof text->name, "s%u", statement->owner->next_name++);
    if (text->sql == NULL &&
        asprintf(&text->sql, "WITH changed AS (%s RETURNING 1) SELECT 1 / count(*) FROM changed",
                 statement->forms[FORM_PLAIN].sql) < 0)
        end_without("memory");
    return text;
}

void statement_free(struct postgresql_statement *statement)
{
    if (statement == NULL)
        return;
    PQclear(statement->result);
    for (int i = 0; i < statement->parameters; i++) {
        free(statement->names[i]);
        free(statement->copies[i]);
    }
    for (int i = 0; i < FORMS; i++)
        free(statement->forms[i].sql);
    free(statement);
}
