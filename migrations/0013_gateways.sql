-- SPDX-License-Identifier: Apache-2.0
-- Schema 13: who serves the database. On PostgreSQL it may be several.

CREATE TABLE gateways (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    version TEXT NOT NULL, -- of acmegate
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL, -- its last write
    batch INTEGER NOT NULL DEFAULT 0, -- the number of its transactions
    fence INTEGER NOT NULL DEFAULT 0 -- the number of its connections that write
) STRICT;
