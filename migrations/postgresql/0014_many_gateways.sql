-- SPDX-License-Identifier: Apache-2.0
-- Schema 14: several gateways on one database. Work that is due belongs to one of them.

ALTER TABLE gateways ADD COLUMN number bigint CHECK (number >= 1 AND number <= 15); -- its part in ids and nonces
ALTER TABLE gateways ADD COLUMN state text COLLATE "C" NOT NULL DEFAULT 'gone' CHECK (state IN ('serving', 'stopped', 'gone'));
CREATE UNIQUE INDEX gateways_by_number ON gateways (number) WHERE state = 'serving';

-- These name the gateway that works on the row while it is due, and afterwards the last one that did. NULL: none so far.
ALTER TABLE authorizations ADD COLUMN gateway_id bigint;
ALTER TABLE orders ADD COLUMN gateway_id bigint;
ALTER TABLE attempts ADD COLUMN gateway_id bigint;
ALTER TABLE certificates ADD COLUMN gateway_id bigint;
DROP INDEX authorizations_due;
CREATE INDEX authorizations_due ON authorizations (account_id, gateway_id, next_attempt_at)
    WHERE challenge_status = 'processing' AND status = 'pending';
DROP INDEX orders_due;
CREATE INDEX orders_due ON orders (profile, gateway_id, next_attempt_at) WHERE status = 'processing';
DROP INDEX certificates_revocation_due;
CREATE INDEX certificates_revocation_due ON certificates (issuer_identity_id, gateway_id, revocation_next_attempt_at)
    WHERE (revocation_requested_at IS NOT NULL AND revoked_at IS NULL) OR revocation_correction IS NOT NULL;

-- The gateway that wrote the event. NULL: a command, or an older version.
ALTER TABLE events ADD COLUMN gateway_id bigint;

-- As in schema 12 but for the last column.
DROP VIEW v_events;
CREATE VIEW v_events AS
SELECT
    e.id AS id,
    time_text(e.at) AS at,
    e.kind AS kind,
    e.who AS who,
    e.detail AS detail,
    coalesce(
        (SELECT CASE z.wildcard WHEN 0 THEN '' ELSE '*.' END || z.identifier
         FROM authorizations z
         WHERE z.id = e.authorization_id),
        (SELECT string_agg(CASE z.wildcard WHEN 0 THEN '' ELSE '*.' END || z.identifier, ', ' ORDER BY oa.position)
         FROM order_authorizations oa
         JOIN authorizations z ON z.id = oa.authorization_id
         WHERE oa.order_id = e.order_id),
        (SELECT string_agg(name, ', ' ORDER BY name) FROM certificate_names WHERE certificate_id = e.certificate_id),
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
    time_text(g.started_at) AS started,
    time_text(g.seen_at) AS seen
FROM gateways g;

COMMENT ON VIEW v_events IS 'The audit trail: each change of state, and each refusal';
COMMENT ON VIEW v_gateways IS 'The gateways that serve this database, and those that have';
