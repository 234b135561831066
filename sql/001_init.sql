-- The registry of one authority, version 1.
--
-- Times are seconds UTC, NULL means never.  Ids are chosen by SQLite; none is
-- given twice, because the sweep never removes a table's newest row.  Statuses
-- are the words of RFC 8555, 7.1.6, checked by OR: IN with three words and more
-- builds a table of them at each insert, a fifth of the cost of an issuance.
-- There are as few indexes as there can be: each is paid for by every issuance.

PRAGMA application_id = 0x41434d45;

CREATE TABLE acme_ca_meta (
    id                 INTEGER PRIMARY KEY CHECK (id = 1),
    id_key             BLOB NOT NULL CHECK (length(id_key) = 16),
    created_at         INTEGER NOT NULL
) STRICT;

-- never removed: what an account did stays explained
CREATE TABLE acme_accounts (
    id                 INTEGER PRIMARY KEY,
    status             TEXT NOT NULL
                       CHECK (status = 'valid' OR status = 'deactivated'
                              OR status = 'revoked'),
    thumbprint         BLOB NOT NULL UNIQUE CHECK (length(thumbprint) = 32),
    jwk                TEXT NOT NULL,
    contact            TEXT NOT NULL,
    terms_agreed_at    INTEGER,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL
) STRICT;

-- never removed: certificates name the one that signed them
CREATE TABLE issuers (
    id                 INTEGER PRIMARY KEY,
    name               TEXT NOT NULL,
    der                BLOB NOT NULL UNIQUE,
    chain_pem          TEXT NOT NULL,
    not_before         INTEGER NOT NULL,
    not_after          INTEGER NOT NULL,
    created_at         INTEGER NOT NULL
) STRICT;

-- never removed.  order_id is no foreign key: orders are swept, certificates
-- stay.  NULL in order_id and account_id: the CA's own
CREATE TABLE acme_certificates (
    id                 INTEGER PRIMARY KEY,
    order_id           INTEGER,
    account_id         INTEGER REFERENCES acme_accounts (id),
    issuer_id          INTEGER NOT NULL REFERENCES issuers (id),
    status             TEXT NOT NULL CHECK (status IN ('valid', 'revoked')),
    serial             BLOB NOT NULL UNIQUE
                       CHECK (length(serial) BETWEEN 1 AND 20),
    fingerprint        BLOB NOT NULL CHECK (length(fingerprint) = 32),
    common_name        TEXT,
    sans               TEXT NOT NULL,
    key_type           TEXT NOT NULL,
    profile            TEXT,
    not_before         INTEGER NOT NULL,
    not_after          INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    revoked_at         INTEGER,
    revocation_reason  INTEGER CHECK (revocation_reason BETWEEN 0 AND 10),
    first_download_at  INTEGER,
    last_download_at   INTEGER,
    der                BLOB NOT NULL,
    CHECK ((status = 'revoked') = (revoked_at IS NOT NULL))
) STRICT;

-- swept.  updated_at is when the order ended, if it did
CREATE TABLE acme_orders (
    id                 INTEGER PRIMARY KEY,
    account_id         INTEGER NOT NULL REFERENCES acme_accounts (id),
    status             TEXT NOT NULL
                       CHECK (status = 'pending' OR status = 'ready'
                              OR status = 'processing' OR status = 'valid'
                              OR status = 'invalid'),
    profile            TEXT,
    profile_asked      INTEGER NOT NULL CHECK (profile_asked IN (0, 1)),
    not_before         INTEGER,
    not_after          INTEGER,
    error              TEXT,
    certificate_id     INTEGER REFERENCES acme_certificates (id),
    created_at         INTEGER NOT NULL,
    expires_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    CHECK (status <> 'valid' OR certificate_id IS NOT NULL)
) STRICT;

-- an account's list of orders
CREATE INDEX acme_orders_account ON acme_orders (account_id);

-- swept.  identifier lacks the "*." of a wildcard
CREATE TABLE acme_authorizations (
    id                 INTEGER PRIMARY KEY,
    account_id         INTEGER NOT NULL REFERENCES acme_accounts (id),
    identifier_type    TEXT NOT NULL CHECK (identifier_type IN ('dns', 'ip')),
    identifier         TEXT NOT NULL,
    wildcard           INTEGER NOT NULL CHECK (wildcard IN (0, 1)),
    status             TEXT NOT NULL
                       CHECK (status = 'pending' OR status = 'valid'
                              OR status = 'invalid' OR status = 'deactivated'
                              OR status = 'expired' OR status = 'revoked'),
    created_at         INTEGER NOT NULL,
    expires_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL
) STRICT;

-- an authorization that a new order can use again
CREATE INDEX acme_authorizations_valid
    ON acme_authorizations (account_id, identifier, wildcard, expires_at)
    WHERE status = 'valid';

-- swept with their order, whose authorizations outlive it where others use them
CREATE TABLE acme_order_identifiers (
    order_id           INTEGER NOT NULL
                       REFERENCES acme_orders (id) ON DELETE CASCADE,
    position           INTEGER NOT NULL,
    identifier_type    TEXT NOT NULL CHECK (identifier_type IN ('dns', 'ip')),
    identifier         TEXT NOT NULL,
    wildcard           INTEGER NOT NULL CHECK (wildcard IN (0, 1)),
    authz_id           INTEGER NOT NULL REFERENCES acme_authorizations (id),
    PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

-- the orders that wait for an authorization, and whether any uses it at all
CREATE INDEX acme_order_identifiers_authz
    ON acme_order_identifiers (authz_id);

-- swept with their authorization.  type: 0 http-01
CREATE TABLE acme_challenges (
    authz_id           INTEGER NOT NULL
                       REFERENCES acme_authorizations (id) ON DELETE CASCADE,
    type               INTEGER NOT NULL CHECK (type BETWEEN 0 AND 15),
    status             TEXT NOT NULL
                       CHECK (status = 'pending' OR status = 'processing'
                              OR status = 'valid' OR status = 'invalid'),
    token              TEXT NOT NULL,
    validated_at       INTEGER,
    error              TEXT,
    id                 INTEGER GENERATED ALWAYS AS (authz_id * 16 + type),
    PRIMARY KEY (authz_id, type)
) STRICT, WITHOUT ROWID;

-- what has to be done; a row goes when it is done, so no index pays
CREATE TABLE jobs (
    authz_id           INTEGER NOT NULL,
    type               INTEGER NOT NULL,
    attempts           INTEGER NOT NULL,
    run_at             INTEGER NOT NULL,
    lease_until        INTEGER NOT NULL,
    deadline_at        INTEGER NOT NULL,
    client_address     TEXT,
    request_id         TEXT,
    PRIMARY KEY (authz_id, type),
    FOREIGN KEY (authz_id, type)
        REFERENCES acme_challenges (authz_id, type) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- the certificates that the CA issued to its own server block
CREATE TABLE acme_server_certificates (
    id                 INTEGER PRIMARY KEY,
    certificate_id     INTEGER NOT NULL REFERENCES acme_certificates (id),
    names              TEXT NOT NULL,
    chain_pem          TEXT NOT NULL,
    key_pem            TEXT NOT NULL,
    not_before         INTEGER NOT NULL,
    not_after          INTEGER NOT NULL
) STRICT;

-- ids are no foreign keys: the log outlives what it tells of.  Rows are never
-- removed, so a plain key is monotonic; AUTOINCREMENT would only cost a write
-- to a second table
CREATE TABLE acme_audit_logs (
    id                 INTEGER PRIMARY KEY,
    at                 INTEGER NOT NULL,
    actor              TEXT NOT NULL,
    action             TEXT NOT NULL,
    outcome            TEXT NOT NULL
                       CHECK (outcome = 'done' OR outcome = 'refused'
                              OR outcome = 'failed'),
    reason             TEXT,
    details            TEXT,
    account_id         INTEGER,
    order_id           INTEGER,
    authz_id           INTEGER,
    challenge_id       INTEGER,
    certificate_id     INTEGER,
    client_address     TEXT,
    user_agent         TEXT,
    request_id         TEXT
) STRICT;

CREATE TRIGGER acme_audit_logs_update BEFORE UPDATE ON acme_audit_logs
BEGIN
    SELECT raise(ABORT, 'audit rows are never changed');
END;

CREATE TRIGGER acme_audit_logs_delete BEFORE DELETE ON acme_audit_logs
BEGIN
    SELECT raise(ABORT, 'audit rows are never removed');
END;

PRAGMA user_version = 1;
