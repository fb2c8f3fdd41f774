-- Schema 4: authorizations that hold for the names below theirs (RFC 9444).

ALTER TABLE authorizations ADD COLUMN subdomains INTEGER NOT NULL DEFAULT 0 CHECK (subdomains IN (0, 1));
