-- Version 2: more kinds of challenges, external account bindings.

-- what a validation by DNS compares with: the account as its client knows it
ALTER TABLE jobs ADD COLUMN account_url TEXT;

-- RFC 9773: which certificate an order replaces, in the client's words too, and
-- which one replaced it in the end, whoever finalized the order
ALTER TABLE acme_orders
    ADD COLUMN replaces_id INTEGER REFERENCES acme_certificates (id);
ALTER TABLE acme_orders ADD COLUMN replaces TEXT;
ALTER TABLE acme_certificates
    ADD COLUMN replaced_by INTEGER REFERENCES acme_certificates (id);

CREATE INDEX acme_orders_replaces ON acme_orders (replaces_id)
    WHERE replaces_id IS NOT NULL;

CREATE TRIGGER acme_orders_replaced AFTER UPDATE OF certificate_id ON acme_orders
WHEN NEW.certificate_id IS NOT NULL AND NEW.replaces_id IS NOT NULL
BEGIN
    UPDATE acme_certificates SET replaced_by = NEW.certificate_id
    WHERE id = NEW.replaces_id AND replaced_by IS NULL;
END;

-- the operator's hand on renewals: of the certificates that all columns of the
-- first group select (NULL: any), the newest row wins.  name: "a.example", or
-- ".example" for all below it, or an address
CREATE TABLE acme_renewal_windows (
    id                 INTEGER PRIMARY KEY,
    issuer_id          INTEGER REFERENCES issuers (id),
    account_id         INTEGER REFERENCES acme_accounts (id),
    profile            TEXT,
    serial             BLOB,
    name               TEXT,
    window_start       INTEGER NOT NULL,
    window_end         INTEGER NOT NULL,
    explanation_url    TEXT,
    created_at         INTEGER NOT NULL,
    CHECK (window_end > window_start)
) STRICT;

-- never removed: accounts name the one that they are bound to.  names are
-- patterns as those of "allow dns" and address ranges, profiles are names, each
-- separated by blanks; empty is any.  accounts: that were bound so far
CREATE TABLE acme_eab_credentials (
    id                 INTEGER PRIMARY KEY,
    kid                TEXT NOT NULL UNIQUE,
    hmac_key           BLOB NOT NULL CHECK (length(hmac_key) >= 32),
    label              TEXT NOT NULL,
    names              TEXT NOT NULL,
    profiles           TEXT NOT NULL,
    max_accounts       INTEGER CHECK (max_accounts > 0),
    accounts           INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    expires_at         INTEGER,
    revoked_at         INTEGER
) STRICT;

-- which credential an account was bound by, and the JWS that bound it
ALTER TABLE acme_accounts ADD COLUMN eab_id INTEGER
    REFERENCES acme_eab_credentials (id);
ALTER TABLE acme_accounts ADD COLUMN eab_binding TEXT;

-- RFC 9444: it holds for all names below its identifier, too
ALTER TABLE acme_authorizations
    ADD COLUMN subdomains INTEGER NOT NULL DEFAULT 0
               CHECK (subdomains IN (0, 1));

-- the rule that made it valid without a challenge
ALTER TABLE acme_authorizations ADD COLUMN trusted_by TEXT;

-- the few of an account that a new order for a name below them can use
CREATE INDEX acme_authorizations_subdomains
    ON acme_authorizations (account_id, expires_at)
    WHERE status = 'valid' AND subdomains = 1;

PRAGMA user_version = 2;
