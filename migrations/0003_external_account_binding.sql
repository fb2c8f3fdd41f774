-- SPDX-License-Identifier: Apache-2.0
-- Schema 3: external account binding (RFC 8555 §7.3.4).

-- Keys that operators hand out: `acmegate eab`. The MAC key is sealed with a key that is not in this file.
-- Lists are words with spaces between; '' is "no limit".
CREATE TABLE eab_keys (
    id INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    kid TEXT NOT NULL,
    sealed_key BLOB NOT NULL,
    comment TEXT,
    names_allow TEXT NOT NULL,
    names_deny TEXT NOT NULL,
    profiles TEXT NOT NULL,
    trusted INTEGER NOT NULL CHECK (trusted IN (0, 1)), -- its accounts' names need no proof
    max_uses INTEGER, -- NULL: any number
    uses INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (endpoint, kid)
) STRICT;

ALTER TABLE accounts ADD COLUMN eab_key_id INTEGER REFERENCES eab_keys;
ALTER TABLE accounts ADD COLUMN eab TEXT; -- the binding as the client sent it, shown in the account

CREATE VIEW v_eab_keys AS
SELECT
    k.id AS id,
    k.endpoint AS endpoint,
    k.kid AS kid,
    CASE
        WHEN k.revoked_at IS NOT NULL THEN 'revoked'
        WHEN k.expires_at <= unixepoch() THEN 'expired'
        WHEN k.uses >= k.max_uses THEN 'used up'
        ELSE 'good'
    END AS state,
    k.uses AS uses,
    k.max_uses AS max_uses,
    strftime('%Y-%m-%dT%H:%M:%SZ', k.expires_at, 'unixepoch') AS expires,
    strftime('%Y-%m-%dT%H:%M:%SZ', k.revoked_at, 'unixepoch') AS revoked,
    k.names_allow AS names_allow,
    k.names_deny AS names_deny,
    k.profiles AS profiles,
    iif(k.trusted, 'yes', 'no') AS trusted,
    k.comment AS comment,
    strftime('%Y-%m-%dT%H:%M:%SZ', k.created_at, 'unixepoch') AS created
FROM eab_keys k;

DROP VIEW v_accounts;
CREATE VIEW v_accounts AS
SELECT
    a.id AS id,
    a.endpoint AS endpoint,
    a.status AS state,
    a.contacts AS contacts,
    iif(a.terms_agreed, 'yes', 'no') AS terms_agreed,
    strftime('%Y-%m-%dT%H:%M:%SZ', a.created_at, 'unixepoch') AS created,
    a.created_from AS address,
    a.user_agent AS user_agent,
    (SELECT count(*) FROM orders WHERE account_id = a.id) AS orders,
    (SELECT count(*) FROM orders WHERE account_id = a.id AND status = 'valid') AS valid_orders,
    (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', o.created_at, 'unixepoch')
     FROM orders o WHERE o.id = (SELECT max(id) FROM orders WHERE account_id = a.id)) AS last_order,
    a.thumbprint AS thumbprint,
    (SELECT kid FROM eab_keys WHERE id = a.eab_key_id) AS eab_kid
FROM accounts a;
