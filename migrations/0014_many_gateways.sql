-- SPDX-License-Identifier: Apache-2.0
-- Schema 14: several gateways on one database. Work that is due belongs to one of them.

ALTER TABLE gateways ADD COLUMN number INTEGER CHECK (number >= 1 AND number <= 15); -- its part in ids and nonces
ALTER TABLE gateways ADD COLUMN state TEXT NOT NULL DEFAULT 'gone' CHECK (state IN ('serving', 'stopped', 'gone'));
CREATE UNIQUE INDEX gateways_by_number ON gateways (number) WHERE state = 'serving';

-- These name the gateway that works on the row while it is due, and afterwards the last one that did. NULL: none so far.
ALTER TABLE authorizations ADD COLUMN gateway_id INTEGER;
ALTER TABLE orders ADD COLUMN gateway_id INTEGER;
ALTER TABLE attempts ADD COLUMN gateway_id INTEGER;
ALTER TABLE certificates ADD COLUMN gateway_id INTEGER;
DROP INDEX authorizations_due;
CREATE INDEX authorizations_due ON authorizations (account_id, gateway_id, next_attempt_at)
    WHERE challenge_status = 'processing' AND status = 'pending';
DROP INDEX orders_due;
CREATE INDEX orders_due ON orders (profile, gateway_id, next_attempt_at) WHERE status = 'processing';
DROP INDEX certificates_revocation_due;
CREATE INDEX certificates_revocation_due ON certificates (issuer_identity_id, gateway_id, revocation_next_attempt_at)
    WHERE (revocation_requested_at IS NOT NULL AND revoked_at IS NULL) OR revocation_correction IS NOT NULL;

-- The gateway that wrote the event. NULL: a command, or an older version.
ALTER TABLE events ADD COLUMN gateway_id INTEGER;

-- As in schema 12 but for the last column.
DROP VIEW v_events;
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
                                               WHERE certificate_id = e.certificate_id ORDER BY name)),
        e.names) AS names,
    (SELECT endpoint FROM accounts WHERE id = e.account_id) AS endpoint,
    e.account_id AS account,
    e.order_id AS order_id,
    e.authorization_id AS authorization_id,
    e.certificate_id AS certificate_id,
    e.cause AS cause,
    e.request AS request,
    (SELECT name FROM gateways WHERE id = e.gateway_id) AS gateway
FROM events e;

CREATE VIEW v_gateways AS
SELECT
    g.id AS id,
    g.name AS name,
    g.version AS version,
    g.state AS state,
    g.number AS number,
    strftime('%Y-%m-%dT%H:%M:%SZ', g.started_at, 'unixepoch') AS started,
    strftime('%Y-%m-%dT%H:%M:%SZ', g.seen_at, 'unixepoch') AS seen
FROM gateways g;
