/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes certificates that were not ordered here into the inventory: from PEM files, folders and step-ca's
 * request log. A certificate that chains to a pinned root of an issuer is taken once; others are reported and
 * counted. Certificates are written in batches, beside a running server or without one. All runs on the
 * calling thread.
 */
#pragma once

#include "acme/pki/certificate_pool.h"
#include "gateway/ca/issuer.h"
#include "store/store.h"

enum {
    IMPORT_BATCH = 500, /* certificates in one transaction */
    IMPORT_SAID = 20,   /* skips that are reported one by one */
    IMPORT_LINE_MAX_BYTES = 256 * 1024,
    IMPORT_FILE_MAX_BYTES = 256 * 1024 * 1024,
    IMPORT_CERTIFICATE_MAX_BYTES = 64 * 1024,
};

enum import_skip {
    IMPORT_NO_PEM,
    IMPORT_OTHER_PEM,
    IMPORT_BROKEN,
    IMPORT_AUTHORITY,
    IMPORT_FOREIGN,
    IMPORT_DISPUTED,
    IMPORT_SERIAL_TAKEN,
    IMPORT_SSH,
    IMPORT_LINE_TOO_LONG,
    IMPORT_NO_FILE,
    IMPORT_SKIPS,
};

/* Returns the reason in words. */
const char *import_skip_name(enum import_skip skip);

struct import_counts {
    size_t taken;
    size_t known; /* already in the inventory */
    size_t skipped[IMPORT_SKIPS];
};

struct import;

struct import_setting {
    struct store_command *command;
    struct issuer *const *issuers; /* their pinned roots and intermediates */
    size_t issuer_count;
    bool dry_run;                   /* reads and checks, but writes nothing */
    const char *source;             /* for the audit trail: the files and folders */
    void (*tell)(const char *line); /* a skip or a failure, for people */
};

struct import *import_new(const struct import_setting *setting);
void import_free(struct import *import);

/* Certificates of authorities for building paths; those of the database are in it from the beginning. */
struct certificate_pool *import_authorities(struct import *import);

/* Takes one DER certificate that was found at `place`. */
void import_offer(struct import *import, const char *place, struct bytes der);
void import_skip(struct import *import, const char *place, enum import_skip why, const char *more);
/* Reports that an argument could not be read: the import is incomplete. */
void import_fail(struct import *import, const char *place, const char *why);

/* Writes the last batch and the event of this run. False when something failed, which was reported. */
[[gnu::warn_unused_result]] bool import_finish(struct import *import, struct import_counts *counts);

/* ---- import_files.c ---- */

enum import_pass {
    IMPORT_GATHER, /* only authorities: a leaf may come before its intermediate */
    IMPORT_TAKE,
};

/* Reads a PEM file, or a folder with all that is below it. */
void import_path(struct import *import, const char *path, enum import_pass pass);

/* Reads step-ca's request log to its end, in constant memory. Returns the number of its certificates. */
size_t import_request_log(struct import *import, const char *name, FILE *log);
