-- SPDX-License-Identifier: Apache-2.0
-- Schema 6: CRL and OCSP of every issuer; indexes for retention; possible orphans counted.

-- No acmegate has kept a list in the table that schema 5 made.
DROP TABLE revocation_lists;
CREATE TABLE revocation_lists (
    issuer_identity_id INTEGER PRIMARY KEY REFERENCES issuer_identities,
    fetched_at INTEGER NOT NULL,
    next_update INTEGER NOT NULL,
    crl BLOB NOT NULL, -- DER
    chain BLOB NOT NULL -- PEM: the certificate that signed it, and what is above it
) STRICT;

-- For retention: an order goes when no certificate needs it, and a certificate when no order does.
CREATE INDEX certificates_by_order ON certificates (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX orders_by_certificate ON orders (certificate_id) WHERE certificate_id IS NOT NULL;

-- For whoever measures: they are few, and their table is long.
CREATE INDEX attempts_unknown ON attempts (issuer_identity_id) WHERE status = 'unknown';

-- For listings of one account's certificates.
CREATE INDEX certificates_by_account ON certificates (account_id) WHERE account_id IS NOT NULL;

-- Tells which of two keys of an account is the newer one, when an export comes back.
ALTER TABLE accounts ADD COLUMN key_changed_at INTEGER;
