/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the parts of the configuration: the table of keys (config_keys.c), one reader for each type of
 * value (config_values.c), the environment (config_environment.c), rules over several keys (config_rules.c),
 * and config.c, which reads a file by the table.
 */
#pragma once

#include "acme/base/json.h"
#include "gateway/config/config.h"

/* The structure that a key's field belongs to. All but the first occur once for each name in the file. */
enum config_section { CONFIG_TOP, CONFIG_ISSUER, CONFIG_PROFILE, CONFIG_ENDPOINT, CONFIG_SECTION_END };

enum config_type {
    CONFIG_TEXT,            /* const char * */
    CONFIG_SECRET,          /* struct bytes */
    CONFIG_SECRET_FILE,     /* struct bytes, the file's content without the newline at its end */
    CONFIG_ORIGIN,          /* const char *: https://host[:port] */
    CONFIG_URL,             /* const char *: http or https */
    CONFIG_ISSUER_TYPE,     /* enum issuer_type */
    CONFIG_EAB,             /* enum eab_mode */
    CONFIG_LOG_LEVEL,       /* enum log_level */
    CONFIG_LOG_FORMAT,      /* enum log_format */
    CONFIG_BOOLEAN,         /* bool */
    CONFIG_INTEGER,         /* int64_t */
    CONFIG_PORT,            /* uint16_t */
    CONFIG_DURATION,        /* int64_t, seconds */
    CONFIG_DURATION_MS,     /* int64_t, milliseconds */
    CONFIG_DURATION_OR_OFF, /* seconds; 0 for "off" */
    CONFIG_DAYS,            /* int64_t, seconds, from days with a fraction */
    CONFIG_RATE,            /* struct rate */
    CONFIG_TEXTS,           /* const char *const *, and so for the lists below */
    CONFIG_PATHS,           /* files; the text unchanged */
    CONFIG_HOSTS,           /* host[:port] */
    CONFIG_DOMAINS,         /* lower-case domain names */
    CONFIG_SUBTREES,        /* lower-case domain names and networks */
    CONFIG_RESOLVERS,       /* address[:port] */
    CONFIG_USAGES,          /* extended key usages as openssl.cnf names them */
    CONFIG_KEY_TYPES,       /* some of public_key_type_names */
    CONFIG_PATTERNS,        /* name_pattern_is_valid */
    CONFIG_LISTEN,          /* const struct listen_address *: addresses and ports */
    CONFIG_LISTENERS,       /* the same, from texts or objects */
    CONFIG_NETWORKS,        /* const struct network * */
    CONFIG_CHALLENGES,      /* challenge_set */
};

struct config_key {
    const char *path;     /* "*" stands for the name of an issuer, a profile or an endpoint */
    const char *old_path; /* its path in an older version, accepted with a warning; NULL: none. Without "*" */
    enum config_section section;
    enum config_type type;
    size_t offset;             /* of the field in its section's structure */
    size_t count_offset;       /* of a list's count */
    int64_t min, max;          /* in the unit that is stored */
    const char *fallback;      /* the default as JSON; NULL for none */
    const char *fallback_note; /* the meaning of an absent value without a default */
    bool required;
    bool at_once;              /* SIGHUP puts a change in force; the others wait for a restart */
    enum issuer_type only_for; /* 0: any issuer */
    const char *environment;   /* the second part of ACMEGATE_… for an issuer's key */
    const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* Keys of an issuer of type local wait, whatever the table says. */
bool config_key_is_at_once(const struct config_key *key);

/* The key's path with a name for "*". */
const char *config_key_path(struct arena *arena, const struct config_key *key, const char *name);

/* Finds a key by its path or its old path. */
const struct config_key *config_key_find(const char *path);

/* True when keys lie below `path`: "validation", "issuers", "issuers.*". */
bool config_key_is_section(const char *path);

/* "nearest known one" or the known ones beside it, as the end of a sentence about the unknown `path`. */
const char *config_key_suggest(struct arena *arena, const char *path);

const char *config_type_name(enum config_type type);
bool config_type_is_list(enum config_type type);
bool config_type_is_text(enum config_type type); /* one `const char *` */

/* The source of a value in force, for `acmegate config show`. */
struct config_setting {
    struct config_setting *next;
    const struct config_key *key;
    const char *path;         /* with names for "*" */
    const struct json *value; /* NULL: not set */
    const char *origin;       /* "file", "override", "default" or the variable's name */
};

struct config_reader {
    struct arena *arena;
    const char *name; /* of the file */
    char *const *environment;
    const struct json *root;
    bool leaves_secrets; /* reads no file of a secret */
    const struct config_override *overrides;
    size_t override_count;
    const struct json **override_roots; /* of each: a file that holds its section and nothing else */
    const char *stepca_issuer;          /* the only one of type stepca, which ACMEGATE_STEPCA_… fill; NULL */
    struct config *config;
    struct config_errors *errors;
    size_t error_capacity;
    struct config_setting *settings;
    struct config_setting **last_setting;
};

/* "<file>: <path>: <what>". A NULL `path` leaves it out. */
[[gnu::format(printf, 3, 4)]] void config_error(struct config_reader *reader, const char *path,
                                                const char *format, ...);

/* Stores `value` in the key's field of `section`. False with `fault`. With `leaves_secrets` a text stands for
 * the content of a secret's file. */
[[gnu::warn_unused_result]] bool config_value_set(struct arena *arena, const struct config_key *key,
                                                  const struct json *value, bool leaves_secrets,
                                                  void *section, struct fault *fault);

/* The variable that overrides the key (of the issuer `name`), as a value; NULL when none is set. Empty is not
 * set. */
const struct json *config_environment_value(const struct config_reader *reader, const struct config_key *key,
                                            const char *name, const char **variable);

/* The variable that gives a value under the key's old path; NULL when none is set. */
const char *config_environment_old_name(const struct config_reader *reader, const struct config_key *key);

/* "ACMEGATE_BASE_URL", for a key without "*"; for an issuer's "ACMEGATE_STEPCA_URL"; NULL for the others. */
const char *config_environment_name(struct arena *arena, const struct config_key *key);

/* Selects the issuer of the ACMEGATE_STEPCA_… variables, and warns about unused variables. */
void config_environment_prepare(struct config_reader *reader);

/* True for a file that systemd handed to its service: below CREDENTIALS_DIRECTORY or /run/credentials. */
bool config_is_credential(const struct config_reader *reader, const char *path);

/* config_check_rules of a configuration that was put together. */
void config_check_whole(struct arena *arena, const struct config *config, struct config_errors *errors);

/* References between sections, and keys that exclude or need each other. */
void config_check_rules(struct config_reader *reader);

/* Checks the rules of one issuer. */
void config_check_issuer(struct config_reader *reader, const struct issuer_config *issuer);

/* config_load's first part, with the settings kept, and overrides in their places. NULL with the errors
 * filled. */
const struct config_reader *config_read(struct arena *arena, const char *path, char *const *environment,
                                        const struct config_override *overrides, size_t override_count,
                                        struct config_errors *errors);
