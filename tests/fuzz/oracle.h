/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants that must hold whatever the clients do. They are checked after each transaction for the rows
 * that it changed, and after each reply. A broken one ends the run (verdict.h).
 */
#pragma once

#include "client.h"

/* Of a fresh database. */
void oracle_begin(void);
/* After a start: what the database says now is where things go on from. */
void oracle_restarted(struct store_reader *reader);
/* After each transaction of the writer's. */
void oracle_committed(struct store_reader *reader);
/* After each reply. */
void oracle_replied(const struct fake_reply *reply);
/* Each line of the log. */
void oracle_logged(struct bytes line);

/* ---- what the story knows and the oracles cannot see ---- */

/* Somebody who may revoke this certificate is about to ask for it. */
void oracle_may_revoke(const char *serial);
/* Whether the account may: its own, or all names proven. */
bool oracle_account_may_revoke(int64_t account_id, struct bytes leaf);
/* The key that accounts were made with is no longer good. */
void oracle_eab_revoked(int64_t eab_key_id);
/* From now on the configuration denies the name at all endpoints. */
void oracle_denied(const char *name, bool denied);
/* The account is answered 429. */
void oracle_rate_limited(const struct client_account *account, const struct fake_reply *reply);
/* Events that one account may cause with `requests` refused requests. */
size_t oracle_event_count(void);

/* The CA was asked to revoke. */
void oracle_ca_revokes(const char *serial);
bool oracle_eab_is_revoked(int64_t eab_key_id);
/* The external account key that the account was made with; 0: none. */
int64_t oracle_eab_key_of(int64_t account_id);
/* Whether an order of the account says that it replaces the certificate of this identifier. */
bool oracle_has_order_replacing(int64_t account_id, const char *renewal_id);
