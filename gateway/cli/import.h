/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking certificates into the inventory that were not ordered here: out of PEM files, folders and step-ca's
 * request log. What chains to a pinned root of an issuer is taken, once; the rest is said and counted. Writes
 * go in batches, beside a running server or without one. Everything is the calling thread's.
 */
#pragma once

#include "acme/pki/certificate_pool.h"
#include "gateway/ca/issuer.h"
#include "store/objects.h"

enum {
    IMPORT_BATCH = 500, /* certificates in one transaction */
    IMPORT_SAID = 20,   /* skips that are told one by one */
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

/* The reason in words. */
const char *import_skip_name(enum import_skip skip);

struct import_counts {
    size_t taken;
    size_t known; /* in the inventory already, from wherever */
    size_t skipped[IMPORT_SKIPS];
};

struct import;

struct import_setting {
    struct store_command *command;
    struct issuer *const *issuers; /* their pinned roots, and what their CAs sign with */
    size_t issuer_count;
    bool dry_run;                   /* everything but the writing */
    const char *source;             /* for the audit trail: where it all comes from */
    void (*tell)(const char *line); /* a skip or a failure, for people */
};

struct import *import_new(const struct import_setting *setting);
void import_free(struct import *import);

/* Certificates of authorities that paths may lead over; those of the database are there from the beginning.
 */
struct certificate_pool *import_authorities(struct import *import);

/* One DER certificate; `place` says where it was found. */
void import_offer(struct import *import, const char *place, struct bytes der);
void import_skip(struct import *import, const char *place, enum import_skip why, const char *more);
/* Something named could not be read: the import is not whole. */
void import_fail(struct import *import, const char *place, const char *why);

/* Writes what is still to be written, and the event of this run. False when something failed, which was told.
 */
[[gnu::warn_unused_result]] bool import_finish(struct import *import, struct import_counts *counts);

/* ---- import_files.c ---- */

enum import_pass {
    IMPORT_GATHER, /* only authorities: a leaf may come before its intermediate */
    IMPORT_TAKE,
};

/* A PEM file, or a folder with all that is below it. */
void import_path(struct import *import, const char *path, enum import_pass pass);

/* step-ca's request log, to its end; memory does not grow with it. Returns how many certificates stood in it.
 */
size_t import_request_log(struct import *import, const char *name, FILE *log);
