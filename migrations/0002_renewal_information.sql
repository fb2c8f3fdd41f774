-- SPDX-License-Identifier: Apache-2.0
-- Schema 2: ACME Renewal Information (RFC 9773).

-- The certificate identifier (§4.1) of what an order said it replaces.
ALTER TABLE orders ADD COLUMN replaces TEXT;
CREATE INDEX orders_by_replaces ON orders (replaces) WHERE replaces IS NOT NULL;

-- What operators want to see renewed before its time: `acmegate cert renew-early`.
CREATE TABLE early_renewals (
    id INTEGER PRIMARY KEY,
    scope TEXT NOT NULL, -- 'all', 'issuer:' and an issuer's id, 'serial:' and a serial
    issued_before INTEGER NOT NULL,
    renew_from INTEGER NOT NULL,
    renew_until INTEGER NOT NULL,
    explanation_url TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX early_renewals_by_scope ON early_renewals (scope, issued_before);
