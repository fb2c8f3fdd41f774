-- SPDX-License-Identifier: Apache-2.0
-- Schema 15: gateways of one database notice when they do not seal with the same key.

-- A text that the gateway has sealed with its secret key. NULL: it seals nothing, or has not started since.
ALTER TABLE gateways ADD COLUMN seal bytea;
