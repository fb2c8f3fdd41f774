-- SPDX-License-Identifier: Apache-2.0
-- Schema 10: events say the cause of what did not go on, as a name of the catalogue (docs/troubleshooting.md), and refused
-- requests the names that they asked for.

ALTER TABLE events ADD COLUMN cause TEXT;
ALTER TABLE events ADD COLUMN names TEXT; -- of requests that made no order or authorization: ", " between them

CREATE INDEX events_with_names ON events (id) WHERE names IS NOT NULL;

-- As in schema 1 but for the names of refused requests and the last column.
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
    e.cause AS cause
FROM events e;
