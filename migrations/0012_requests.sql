-- SPDX-License-Identifier: Apache-2.0
-- Schema 12: an event says which request caused it. The reply, the log and a problem document have the same identifier.

ALTER TABLE events ADD COLUMN request TEXT; -- NULL: no request, or one of an older version

-- As in schema 10 but for the last column.
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
    e.request AS request
FROM events e;
