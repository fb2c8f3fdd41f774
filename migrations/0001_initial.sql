-- SPDX-License-Identifier: Apache-2.0
-- Schema 1.
--
-- Ids are handed out by the committer: in time order, unique over accounts, authorizations, orders, attempts, certificates and
-- events, the same number in URLs, log and tables. (Rows of issuer_identities and chains are never named outside: theirs
-- are small, because they stand in every certificate.)
-- Times are unix seconds; NULL is "not set". In the next_attempt_at columns 0 is "at once".
-- A problem's detail has a column of its own, because SQLite forbids its JSON functions in views under some settings.
-- The endpoint of an order, authorization or certificate is its account's.

PRAGMA application_id = 0x61636d67;

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    thumbprint TEXT NOT NULL, -- RFC 7638
    status TEXT NOT NULL CHECK (status IN ('valid', 'deactivated', 'revoked')),
    key TEXT NOT NULL, -- the public JWK
    contacts TEXT NOT NULL, -- a JSON array
    terms_agreed INTEGER NOT NULL CHECK (terms_agreed IN (0, 1)),
    created_at INTEGER NOT NULL,
    created_from TEXT,
    user_agent TEXT,
    UNIQUE (endpoint, thumbprint)
) STRICT;

CREATE TABLE authorizations (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts,
    identifier_type TEXT NOT NULL CHECK (identifier_type IN ('dns', 'ip')),
    identifier TEXT NOT NULL, -- without "*."
    wildcard INTEGER NOT NULL CHECK (wildcard IN (0, 1)),
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    token TEXT NOT NULL,
    offered INTEGER NOT NULL, -- challenge types as bits: 2 http-01, 4 dns-01, 8 tls-alpn-01, 16 dns-account-01, 32 dns-persist-01
    challenge_type TEXT, -- the one that the client chose
    challenge_status TEXT CHECK (challenge_status IN ('pending', 'processing', 'valid', 'invalid')),
    validated_at INTEGER,
    attempt_count INTEGER NOT NULL DEFAULT 0,
    first_attempt_at INTEGER,
    next_attempt_at INTEGER NOT NULL DEFAULT 0,
    error TEXT, -- a problem document
    error_detail TEXT, -- its detail
    CHECK ((challenge_type IS NULL) = (challenge_status IS NULL))
) STRICT;

CREATE INDEX authorizations_by_identifier ON authorizations (identifier, account_id, status, expires_at);
CREATE INDEX authorizations_due ON authorizations (next_attempt_at)
    WHERE challenge_status = 'processing' AND status = 'pending';

CREATE TABLE issuer_identities (
    id INTEGER PRIMARY KEY,
    issuer TEXT NOT NULL, -- its id in the configuration
    root_fingerprint TEXT NOT NULL,
    UNIQUE (issuer, root_fingerprint)
) STRICT;

CREATE TABLE chains (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE, -- SHA-256 of the text below
    pem TEXT NOT NULL
) STRICT;

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts,
    profile TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'ready', 'processing', 'valid', 'invalid')),
    status_since INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    not_before INTEGER, -- the client's wish
    not_after INTEGER,
    processing_since INTEGER,
    next_attempt_at INTEGER NOT NULL DEFAULT 0,
    attempt_count INTEGER NOT NULL DEFAULT 0,
    certificate_id INTEGER REFERENCES certificates,
    error TEXT, -- a problem document
    error_detail TEXT, -- its detail
    client_address TEXT,
    user_agent TEXT,
    csr BLOB,
    CHECK (status <> 'processing' OR csr IS NOT NULL),
    CHECK (status <> 'valid' OR certificate_id IS NOT NULL)
) STRICT;

CREATE INDEX orders_by_account ON orders (account_id);
CREATE INDEX orders_due ON orders (next_attempt_at) WHERE status = 'processing';

-- The identifiers of an order, in the client's order, are those of its authorizations.
CREATE TABLE order_authorizations (
    order_id INTEGER NOT NULL REFERENCES orders,
    position INTEGER NOT NULL,
    authorization_id INTEGER NOT NULL REFERENCES authorizations,
    PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX order_authorizations_by_authorization ON order_authorizations (authorization_id);

CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES orders,
    issuer_identity_id INTEGER NOT NULL REFERENCES issuer_identities,
    token_id TEXT NOT NULL, -- the one-time token's jti
    csr_hash BLOB NOT NULL, -- SHA-256
    asked_validity TEXT NOT NULL, -- '' when left to the CA
    status TEXT NOT NULL
        CHECK (status IN ('started', 'signed', 'refused', 'failed', 'unknown', 'rejected')),
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    http_status INTEGER NOT NULL DEFAULT 0,
    message TEXT
) STRICT;

CREATE INDEX attempts_by_order ON attempts (order_id);
CREATE INDEX attempts_started ON attempts (status) WHERE status = 'started';

CREATE TABLE certificates (
    id INTEGER PRIMARY KEY,
    account_id INTEGER REFERENCES accounts,
    order_id INTEGER REFERENCES orders,
    issuer_identity_id INTEGER NOT NULL REFERENCES issuer_identities,
    chain_id INTEGER REFERENCES chains, -- NULL when the leaf hangs on the root itself
    serial TEXT NOT NULL, -- lower-case hexadecimal without leading zeros
    key_hash BLOB NOT NULL, -- SHA-256 of the SubjectPublicKeyInfo
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('good', 'revoked', 'rejected')),
    rejected_because TEXT,
    revocation_requested_at INTEGER,
    revocation_reason INTEGER NOT NULL DEFAULT 0,
    revocation_requested_by TEXT,
    revocation_next_attempt_at INTEGER NOT NULL DEFAULT 0,
    revocation_attempt_count INTEGER NOT NULL DEFAULT 0,
    revocation_error TEXT,
    revoked_at INTEGER, -- when the CA confirmed it
    created_at INTEGER NOT NULL,
    leaf BLOB NOT NULL, -- DER
    UNIQUE (serial, issuer_identity_id),
    CHECK (status <> 'revoked' OR revoked_at IS NOT NULL)
) STRICT;

CREATE INDEX certificates_by_not_after ON certificates (not_after);
CREATE INDEX certificates_revocation_due ON certificates (revocation_next_attempt_at)
    WHERE revocation_requested_at IS NOT NULL AND revoked_at IS NULL;

CREATE TABLE certificate_names (
    certificate_id INTEGER NOT NULL REFERENCES certificates,
    name TEXT NOT NULL, -- with "*."
    PRIMARY KEY (certificate_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX certificate_names_by_name ON certificate_names (name);

-- The audit trail. It outlives what it speaks of, so nothing here is a foreign key.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    account_id INTEGER,
    order_id INTEGER,
    authorization_id INTEGER,
    certificate_id INTEGER,
    who TEXT NOT NULL,
    detail TEXT
) STRICT;

CREATE INDEX events_by_order ON events (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX events_by_authorization ON events (authorization_id) WHERE authorization_id IS NOT NULL;
CREATE INDEX events_by_certificate ON events (certificate_id) WHERE certificate_id IS NOT NULL;

-- The views for people. Their columns are described in docs/sql.md and stay as they are in later schemas.

CREATE VIEW v_certificates AS
SELECT
    c.id AS id,
    (SELECT group_concat(name, ', ') FROM (SELECT name FROM certificate_names WHERE certificate_id = c.id
                                           ORDER BY name)) AS names,
    c.serial AS serial,
    CASE
        WHEN c.revoked_at IS NOT NULL THEN 'revoked'
        WHEN c.status <> 'good' THEN c.status
        WHEN c.not_after < unixepoch() THEN 'expired'
        ELSE 'good'
    END AS state,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.created_at, 'unixepoch') AS issued,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.not_after, 'unixepoch') AS expires,
    round((c.not_after - unixepoch()) / 3600.0, 1) AS hours_left,
    (SELECT max(n.id)
     FROM certificate_names shared
     CROSS JOIN certificates n ON n.id = shared.certificate_id
     WHERE shared.name = (SELECT min(name) FROM certificate_names WHERE certificate_id = c.id)
       AND n.id > c.id AND n.status = 'good' AND n.not_after > c.not_after
       AND NOT EXISTS (SELECT name FROM certificate_names WHERE certificate_id = c.id
                       EXCEPT SELECT name FROM certificate_names WHERE certificate_id = n.id)) AS renewed_by,
    CASE
        WHEN c.revoked_at IS NOT NULL THEN 'confirmed by the CA'
        WHEN c.revocation_requested_at IS NOT NULL THEN 'not confirmed yet'
    END AS revocation,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.revocation_requested_at, 'unixepoch') AS revocation_requested,
    c.revocation_requested_by AS revocation_requested_by,
    CASE WHEN c.revocation_requested_at IS NOT NULL THEN c.revocation_reason END AS revocation_reason,
    c.revocation_attempt_count AS revocation_attempts,
    c.revocation_error AS revocation_error,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.revoked_at, 'unixepoch') AS revoked_at,
    c.rejected_because AS rejected_because,
    i.issuer AS issuer,
    i.root_fingerprint AS root_fingerprint,
    iif(c.order_id IS NULL, 'gateway', 'acme') AS origin,
    a.endpoint AS endpoint,
    o.profile AS profile,
    c.account_id AS account,
    c.order_id AS order_id,
    o.client_address AS address,
    o.user_agent AS user_agent,
    c.not_after AS not_after
FROM certificates c
JOIN issuer_identities i ON i.id = c.issuer_identity_id
LEFT JOIN accounts a ON a.id = c.account_id
LEFT JOIN orders o ON o.id = c.order_id;

CREATE VIEW v_orders AS
SELECT
    o.id AS id,
    (SELECT group_concat(name, ', ')
     FROM (SELECT iif(z.wildcard, '*.', '') || z.identifier AS name
           FROM order_authorizations oa
           CROSS JOIN authorizations z ON z.id = oa.authorization_id
           WHERE oa.order_id = o.id
           ORDER BY oa.position)) AS names,
    iif(o.status IN ('pending', 'ready') AND o.expires_at < unixepoch(), 'expired', o.status) AS state,
    strftime('%Y-%m-%dT%H:%M:%SZ',
             iif(o.status IN ('pending', 'ready') AND o.expires_at < unixepoch(), o.expires_at, o.status_since),
             'unixepoch') AS since,
    CASE o.status
        WHEN 'ready' THEN 'the client: it has not sent its CSR yet'
        WHEN 'processing' THEN
            coalesce('issuer ' || li.issuer || ': attempt ' || l.status || coalesce(': ' || nullif(l.message, ''), ''),
                     'the issuer has not been asked yet')
        WHEN 'valid' THEN NULL
        ELSE coalesce(
            (SELECT iif(z.wildcard, '*.', '') || z.identifier || ': '
                    || CASE
                           WHEN z.status IN ('deactivated', 'expired', 'revoked') THEN 'authorization ' || z.status
                           WHEN z.challenge_type IS NULL THEN 'the client has not asked for a challenge yet'
                           ELSE z.challenge_type || ' ' || z.challenge_status
                       END
                    || coalesce(': ' || z.error_detail, '')
             FROM order_authorizations oa
             CROSS JOIN authorizations z ON z.id = oa.authorization_id
             WHERE oa.order_id = o.id AND z.status <> 'valid' AND (z.status = 'invalid' OR o.error IS NULL)
             ORDER BY z.status = 'pending', oa.position
             LIMIT 1),
            o.error_detail)
    END AS blocked_on,
    o.error_detail AS error,
    strftime('%Y-%m-%dT%H:%M:%SZ', o.created_at, 'unixepoch') AS created,
    strftime('%Y-%m-%dT%H:%M:%SZ', o.expires_at, 'unixepoch') AS expires,
    (SELECT count(*) FROM attempts WHERE order_id = o.id) AS attempts,
    strftime('%Y-%m-%dT%H:%M:%SZ', l.started_at, 'unixepoch') AS last_attempt,
    l.status AS last_outcome,
    l.message AS ca_message,
    (SELECT count(*) FROM attempts WHERE order_id = o.id AND status = 'unknown') AS possible_orphans,
    o.certificate_id AS certificate_id,
    c.serial AS serial,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.not_after, 'unixepoch') AS certificate_expires,
    round((c.not_after - unixepoch()) / 3600.0, 1) AS hours_left,
    CASE
        WHEN c.revoked_at IS NOT NULL THEN 'confirmed by the CA'
        WHEN c.revocation_requested_at IS NOT NULL THEN 'not confirmed yet'
    END AS revocation,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.revoked_at, 'unixepoch') AS revoked_at,
    'acme' AS origin,
    a.endpoint AS endpoint,
    o.profile AS profile,
    o.account_id AS account,
    a.contacts AS contacts,
    o.client_address AS address,
    o.user_agent AS user_agent
FROM orders o
JOIN accounts a ON a.id = o.account_id
LEFT JOIN attempts l ON l.id = (SELECT max(id) FROM attempts WHERE order_id = o.id)
LEFT JOIN issuer_identities li ON li.id = l.issuer_identity_id
LEFT JOIN certificates c ON c.id = o.certificate_id;

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
    a.thumbprint AS thumbprint
FROM accounts a;

CREATE VIEW v_events AS
SELECT
    e.id AS id,
    strftime('%Y-%m-%dT%H:%M:%SZ', e.at, 'unixepoch') AS at,
    e.kind AS kind,
    e.who AS who,
    e.detail AS detail,
    coalesce(
        (SELECT iif(z.wildcard, '*.', '') || z.identifier FROM authorizations z WHERE z.id = e.authorization_id),
        (SELECT group_concat(name, ', ')
         FROM (SELECT iif(z.wildcard, '*.', '') || z.identifier AS name
               FROM order_authorizations oa
               CROSS JOIN authorizations z ON z.id = oa.authorization_id
               WHERE oa.order_id = e.order_id
               ORDER BY oa.position)),
        (SELECT group_concat(name, ', ') FROM (SELECT name FROM certificate_names
                                               WHERE certificate_id = e.certificate_id ORDER BY name))) AS names,
    (SELECT endpoint FROM accounts WHERE id = e.account_id) AS endpoint,
    e.account_id AS account,
    e.order_id AS order_id,
    e.authorization_id AS authorization_id,
    e.certificate_id AS certificate_id
FROM events e;
