-- SPDX-License-Identifier: Apache-2.0
-- Schema 7: why an authorization is valid.

-- NULL: it never was valid, or nobody knows why it was. Such a one permits nothing.
ALTER TABLE authorizations ADD COLUMN basis TEXT
    CHECK (basis IN ('proven', 'inherited', 'trusted name', 'trusted network', 'trusted key'));
-- Of an inherited one: the authorization of a domain above its name. It may be gone, so this is no foreign key.
ALTER TABLE authorizations ADD COLUMN parent_id INTEGER;
CREATE INDEX authorizations_by_parent ON authorizations (parent_id) WHERE parent_id IS NOT NULL;

-- A challenge that is valid is a proof. Without one the audit trail says why the authorization was valid; where
-- retention has deleted that event, the basis stays NULL and the client proves the name again.
UPDATE authorizations SET basis = 'proven' WHERE challenge_status = 'valid';
UPDATE authorizations
SET basis = 'inherited',
    parent_id = (SELECT CAST(substr(e.detail, length('authorization ') + 1) AS INTEGER)
                 FROM events e WHERE e.authorization_id = authorizations.id AND e.kind = 'authorization.inherited')
WHERE basis IS NULL
  AND EXISTS (SELECT 1 FROM events e
              WHERE e.authorization_id = authorizations.id AND e.kind = 'authorization.inherited');
UPDATE authorizations
SET basis = (SELECT CASE
                        WHEN e.detail LIKE 'the endpoint trusts the name %' THEN 'trusted name'
                        WHEN e.detail LIKE 'the endpoint trusts the network %' THEN 'trusted network'
                        WHEN e.detail LIKE 'the external account key %' THEN 'trusted key'
                    END
             FROM events e WHERE e.authorization_id = authorizations.id AND e.kind = 'authorization.trusted')
WHERE basis IS NULL
  AND EXISTS (SELECT 1 FROM events e
              WHERE e.authorization_id = authorizations.id AND e.kind = 'authorization.trusted');

-- Only a proof by the DNS holds for the names below. Earlier versions gave that to trusted names too, and took
-- records of dns-persist-01 without their policy=wildcard for it.
UPDATE authorizations SET subdomains = 0
WHERE subdomains = 1 AND status <> 'pending'
  AND NOT (basis IS 'proven' AND challenge_type IN ('dns-01', 'dns-account-01'));

CREATE VIEW v_authorizations AS
SELECT
    z.id AS id,
    iif(z.wildcard, '*.', '') || z.identifier AS name,
    iif(z.status IN ('pending', 'valid') AND z.expires_at <= unixepoch(), 'expired', z.status) AS state,
    z.basis AS basis,
    z.parent_id AS parent,
    iif(z.subdomains, 'yes', 'no') AS subdomains,
    z.challenge_type AS challenge,
    z.challenge_status AS challenge_state,
    z.error_detail AS error,
    strftime('%Y-%m-%dT%H:%M:%SZ', z.validated_at, 'unixepoch') AS validated,
    strftime('%Y-%m-%dT%H:%M:%SZ', z.created_at, 'unixepoch') AS created,
    strftime('%Y-%m-%dT%H:%M:%SZ', z.expires_at, 'unixepoch') AS expires,
    a.endpoint AS endpoint,
    z.account_id AS account
FROM authorizations z
JOIN accounts a ON a.id = z.account_id;
