-- SPDX-License-Identifier: Apache-2.0
-- Schema 11: 'native' had two meanings. The origin of a certificate that was not ordered here is 'external': signed by the
-- CA's own API, through this server or without it. Events of a certificate without an order are 'sign.…'.

DROP VIEW v_certificates;
DROP VIEW v_migration;

-- The column's CHECK knows the values: another column takes its place.
ALTER TABLE certificates ADD COLUMN origin_11 TEXT NOT NULL DEFAULT 'acme'
    CHECK (origin_11 IN ('acme', 'external', 'imported'));
UPDATE certificates SET origin_11 = iif(origin = 'native', 'external', origin) WHERE origin <> 'acme';
ALTER TABLE certificates DROP COLUMN origin;
ALTER TABLE certificates RENAME COLUMN origin_11 TO origin;

UPDATE events SET kind = 'sign.' || substr(kind, length('native.') + 1) WHERE kind LIKE 'native.%';

-- As in schema 9.
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
    c.origin AS origin,
    a.endpoint AS endpoint,
    o.profile AS profile,
    c.account_id AS account,
    c.order_id AS order_id,
    o.client_address AS address,
    o.user_agent AS user_agent,
    c.not_after AS not_after,
    c.revocation_correction AS revocation_correction
FROM certificates c
JOIN issuer_identities i ON i.id = c.issuer_identity_id
LEFT JOIN accounts a ON a.id = c.account_id
LEFT JOIN orders o ON o.id = c.order_id;

-- As in schema 5.
CREATE VIEW v_migration AS
SELECT
    d.name AS name,
    CASE
        WHEN c.not_after < unixepoch() THEN 'over'
        WHEN c.origin = 'acme' THEN 'moved'
        WHEN EXISTS (SELECT 1
                     FROM certificate_names s
                     CROSS JOIN certificates x ON x.id = s.certificate_id
                     WHERE s.name = d.name AND x.origin = 'acme' AND x.status <> 'rejected') THEN 'went back'
        ELSE 'old way'
    END AS state,
    c.origin AS path,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.not_before, 'unixepoch') AS begins,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.not_after, 'unixepoch') AS expires,
    round((c.not_after - unixepoch()) / 3600.0, 1) AS hours_left,
    c.id AS certificate_id
FROM (SELECT DISTINCT name FROM certificate_names) d
JOIN certificates c
    ON c.id = (SELECT x.id
               FROM certificate_names s
               CROSS JOIN certificates x ON x.id = s.certificate_id
               WHERE s.name = d.name AND x.status <> 'rejected'
               ORDER BY x.not_before DESC, x.not_after DESC, x.id DESC
               LIMIT 1);
