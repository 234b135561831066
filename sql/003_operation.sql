-- Version 3: the CA in operation.

-- The certificates anew.  RFC 5280, 4.1.2.2: a serial number is unique among
-- those of its issuer: two CAs whose certificates are imported may both have
-- begun with 1.  SQLite takes back the UNIQUE of a table only with the table, that
-- of an index alone.  Who knows just the number finds it by the same index.  Ids
-- stay, so does all that refers to them.  What came since version 1 stands where
-- it belongs, der last: who reads less does not read through it.
--
-- invalidity_at: RFC 5280, 5.3.2: since when the key is thought to have been in
-- other hands.  expired_at: since when it is known to have expired: the sweep
-- notes it, so that the indexes of those that live do not grow for ever; whether
-- it has expired is said by the clock alone.  category: what kind of holder it is
-- for: NULL is derived (the CA's own are "internal", its issuers "ca", all others
-- "service").  imported_at: it was signed elsewhere, and is known here since then
CREATE TABLE acme_certificates_anew (
    id                 INTEGER PRIMARY KEY,
    order_id           INTEGER,
    account_id         INTEGER REFERENCES acme_accounts (id),
    issuer_id          INTEGER NOT NULL REFERENCES issuers (id),
    status             TEXT NOT NULL CHECK (status IN ('valid', 'revoked')),
    serial             BLOB NOT NULL CHECK (length(serial) BETWEEN 1 AND 20),
    fingerprint        BLOB NOT NULL CHECK (length(fingerprint) = 32),
    common_name        TEXT,
    sans               TEXT NOT NULL,
    key_type           TEXT NOT NULL,
    profile            TEXT,
    not_before         INTEGER NOT NULL,
    not_after          INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    imported_at        INTEGER,
    expired_at         INTEGER,
    revoked_at         INTEGER,
    revocation_reason  INTEGER CHECK (revocation_reason BETWEEN 0 AND 10),
    invalidity_at      INTEGER,
    first_download_at  INTEGER,
    last_download_at   INTEGER,
    replaced_by        INTEGER REFERENCES acme_certificates (id),
    category           TEXT
                       CHECK (category = 'ca' OR category = 'user'
                              OR category = 'service' OR category = 'device'
                              OR category = 'internal'),
    remarks            TEXT,
    der                BLOB NOT NULL,
    CHECK ((status = 'revoked') = (revoked_at IS NOT NULL))
) STRICT;

INSERT INTO acme_certificates_anew
    (id, order_id, account_id, issuer_id, status, serial, fingerprint,
     common_name, sans, key_type, profile, not_before, not_after, created_at,
     revoked_at, revocation_reason, first_download_at, last_download_at,
     replaced_by, der)
SELECT id, order_id, account_id, issuer_id, status, serial, fingerprint,
       common_name, sans, key_type, profile, not_before, not_after, created_at,
       revoked_at, revocation_reason, first_download_at, last_download_at,
       replaced_by, der
FROM acme_certificates ORDER BY id;

-- a trigger that names a table which is not there would stop the last step
DROP TRIGGER acme_orders_replaced;
DROP TABLE acme_certificates;
ALTER TABLE acme_certificates_anew RENAME TO acme_certificates;

CREATE UNIQUE INDEX acme_certificates_serial
    ON acme_certificates (serial, issuer_id);

CREATE TRIGGER acme_orders_replaced AFTER UPDATE OF certificate_id ON acme_orders
WHEN NEW.certificate_id IS NOT NULL AND NEW.replaces_id IS NOT NULL
BEGIN
    UPDATE acme_certificates SET replaced_by = NEW.certificate_id
    WHERE id = NEW.replaces_id AND replaced_by IS NULL;
END;

-- the entries of a CRL, in the order of their serial numbers, without a look at
-- the certificates themselves.  Only a revocation pays for it
CREATE INDEX acme_certificates_revoked
    ON acme_certificates (issuer_id, serial, not_after, revoked_at,
                          revocation_reason, invalidity_at, status)
    WHERE status = 'revoked';

-- the state of a CRL of an issuer: the full one (shards = 1), or a part of it.
-- number is that of the last that was begun; a row is due when due_at has
-- passed, 0 being "at once".  points: the URLs that certificates name a part by,
-- separated by blanks.  asked: the next one is not made for the sake of its age
-- alone, the audit log tells of it
CREATE TABLE acme_crls (
    issuer_id          INTEGER NOT NULL REFERENCES issuers (id),
    shards             INTEGER NOT NULL CHECK (shards BETWEEN 1 AND 128),
    shard              INTEGER NOT NULL CHECK (shard BETWEEN 0 AND 127),
    number             INTEGER NOT NULL,
    this_update        INTEGER NOT NULL,
    next_update        INTEGER NOT NULL,
    due_at             INTEGER NOT NULL,
    lease_until        INTEGER NOT NULL,
    entries            INTEGER NOT NULL,
    points             TEXT NOT NULL,
    asked              INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (issuer_id, shards, shard)
) STRICT, WITHOUT ROWID;

-- whoever revokes, or takes it back, makes the issuer's CRLs due
CREATE TRIGGER acme_certificates_revocation
AFTER UPDATE OF status, revoked_at, revocation_reason, invalidity_at
    ON acme_certificates
WHEN OLD.status = 'revoked' OR NEW.status = 'revoked'
BEGIN
    UPDATE acme_crls SET due_at = 0
    WHERE issuer_id = NEW.issuer_id
          AND shard = min(16 * instr('123456789ABCDEF',
                                     substr(hex(NEW.serial), 1, 1))
                          + instr('123456789ABCDEF',
                                  substr(hex(NEW.serial), 2, 1)),
                          127) * shards / 128;
END;

-- what the tokens of its challenges are made of: a challenge gets its row when
-- the client answers it, the others cost nothing.  NULL: all have their rows
ALTER TABLE acme_authorizations
    ADD COLUMN token_seed BLOB CHECK (length(token_seed) = 32);

-- certificates that are good, and all that the radar asks of them, without a
-- look at them
CREATE INDEX acme_certificates_end
    ON acme_certificates (not_after, not_before, replaced_by)
    WHERE status = 'valid' AND expired_at IS NULL;

-- those that are not, newest first; and those to be looked at again when the
-- clock was ahead.  Issuance pays for neither
CREATE INDEX acme_certificates_ended ON acme_certificates (status)
    WHERE status = 'revoked' OR expired_at IS NOT NULL;
CREATE INDEX acme_certificates_expired ON acme_certificates (not_after)
    WHERE expired_at IS NOT NULL;

-- external accounts that can bind nothing any more and never did
CREATE INDEX acme_eab_credentials_end ON acme_eab_credentials (
        min(coalesce(expires_at, 9223372036854775807),
            coalesce(revoked_at, 9223372036854775807)))
    WHERE accounts = 0;

-- by whom OCSP responses of an issuer are signed: the newest.  The keys of those
-- before are removed
CREATE TABLE acme_ocsp_signers (
    id                 INTEGER PRIMARY KEY,
    issuer_id          INTEGER NOT NULL REFERENCES issuers (id),
    certificate_id     INTEGER NOT NULL REFERENCES acme_certificates (id),
    key_pem            TEXT NOT NULL
) STRICT;

CREATE INDEX acme_ocsp_signers_issuer ON acme_ocsp_signers (issuer_id);

-- the accounts of an external one, when it ends
CREATE INDEX acme_accounts_eab ON acme_accounts (eab_id)
    WHERE eab_id IS NOT NULL;

-- The chain of the audit log: SHA-256 of the hash of the row before, in
-- hexadecimal, and of this row's content.  NULL is a row that the operator's
-- tool, the master or an older release added: the workers chain it soon.
ALTER TABLE acme_audit_logs
    ADD COLUMN hash BLOB CHECK (length(hash) = 32);

CREATE INDEX acme_audit_logs_open ON acme_audit_logs (id) WHERE hash IS NULL;

-- what is hashed: each value with its length in front, so that no two rows have
-- the same content
CREATE VIEW acme_audit_contents AS
SELECT id, hash,
       CASE WHEN coalesce(id, '') = '' THEN '-,'
            ELSE length(CAST(id AS BLOB)) || ':' || id || ',' END ||
       CASE WHEN coalesce(at, '') = '' THEN '-,'
            ELSE length(CAST(at AS BLOB)) || ':' || at || ',' END ||
       CASE WHEN coalesce(actor, '') = '' THEN '-,'
            ELSE length(CAST(actor AS BLOB)) || ':' || actor || ',' END ||
       CASE WHEN coalesce(action, '') = '' THEN '-,'
            ELSE length(CAST(action AS BLOB)) || ':' || action || ',' END ||
       CASE WHEN coalesce(outcome, '') = '' THEN '-,'
            ELSE length(CAST(outcome AS BLOB)) || ':' || outcome || ',' END ||
       CASE WHEN coalesce(reason, '') = '' THEN '-,'
            ELSE length(CAST(reason AS BLOB)) || ':' || reason || ',' END ||
       CASE WHEN coalesce(details, '') = '' THEN '-,'
            ELSE length(CAST(details AS BLOB)) || ':' || details || ',' END ||
       CASE WHEN coalesce(account_id, '') = '' THEN '-,'
            ELSE length(CAST(account_id AS BLOB)) || ':' ||
                 account_id || ',' END ||
       CASE WHEN coalesce(order_id, '') = '' THEN '-,'
            ELSE length(CAST(order_id AS BLOB)) || ':' || order_id || ',' END ||
       CASE WHEN coalesce(authz_id, '') = '' THEN '-,'
            ELSE length(CAST(authz_id AS BLOB)) || ':' || authz_id || ',' END ||
       CASE WHEN coalesce(challenge_id, '') = '' THEN '-,'
            ELSE length(CAST(challenge_id AS BLOB)) || ':' ||
                 challenge_id || ',' END ||
       CASE WHEN coalesce(certificate_id, '') = '' THEN '-,'
            ELSE length(CAST(certificate_id AS BLOB)) || ':' ||
                 certificate_id || ',' END ||
       CASE WHEN coalesce(client_address, '') = '' THEN '-,'
            ELSE length(CAST(client_address AS BLOB)) || ':' ||
                 client_address || ',' END ||
       CASE WHEN coalesce(user_agent, '') = '' THEN '-,'
            ELSE length(CAST(user_agent AS BLOB)) || ':' ||
                 user_agent || ',' END ||
       CASE WHEN coalesce(request_id, '') = '' THEN '-,'
            ELSE length(CAST(request_id AS BLOB)) || ':' ||
                 request_id || ',' END AS content
FROM acme_audit_logs;

-- what the CA signed: the log up to the row "id".  Signed is the text
-- "acme-ca audit ID AT HASH", key_id is the SHA-256 of the public key
CREATE TABLE acme_audit_checkpoints (
    id                 INTEGER PRIMARY KEY,
    at                 INTEGER NOT NULL,
    hash               BLOB NOT NULL CHECK (length(hash) = 32),
    key_id             BLOB NOT NULL CHECK (length(key_id) = 32),
    signature          BLOB NOT NULL
) STRICT;

-- rows up to this checkpoint were exported and may be removed
ALTER TABLE acme_ca_meta
    ADD COLUMN audit_sealed INTEGER NOT NULL DEFAULT 0;

DROP TRIGGER acme_audit_logs_update;
DROP TRIGGER acme_audit_logs_delete;

CREATE TRIGGER acme_audit_logs_update BEFORE UPDATE OF
    id, at, actor, action, outcome, reason, details, account_id, order_id,
    authz_id, challenge_id, certificate_id, client_address, user_agent,
    request_id
    ON acme_audit_logs
BEGIN
    SELECT raise(ABORT, 'audit rows are never changed');
END;

CREATE TRIGGER acme_audit_logs_chained BEFORE UPDATE OF hash ON acme_audit_logs
WHEN OLD.hash IS NOT NULL OR NEW.hash IS NULL
BEGIN
    SELECT raise(ABORT, 'audit rows are never changed');
END;

CREATE TRIGGER acme_audit_logs_delete BEFORE DELETE ON acme_audit_logs
WHEN OLD.id > (SELECT audit_sealed FROM acme_ca_meta WHERE id = 1)
BEGIN
    SELECT raise(ABORT, 'audit rows are never removed before they are sealed');
END;

CREATE TRIGGER acme_ca_meta_sealed BEFORE UPDATE OF audit_sealed ON acme_ca_meta
WHEN NEW.audit_sealed < OLD.audit_sealed
     OR NOT EXISTS (SELECT 1 FROM acme_audit_checkpoints
                    WHERE id = NEW.audit_sealed)
BEGIN
    SELECT raise(ABORT, 'only a checkpoint seals the audit log');
END;

CREATE TRIGGER acme_audit_checkpoints_update
    BEFORE UPDATE ON acme_audit_checkpoints
BEGIN
    SELECT raise(ABORT, 'audit checkpoints are never changed');
END;

CREATE TRIGGER acme_audit_checkpoints_delete
    BEFORE DELETE ON acme_audit_checkpoints
BEGIN
    SELECT raise(ABORT, 'audit checkpoints are never removed');
END;

-- what an external signer has to do: sign for an order, or hear of a
-- revocation.  The id is its object's, so none is ever given twice.  Swept with
-- the order, should nobody have done it by then
CREATE TABLE acme_signer_jobs (
    id                 INTEGER PRIMARY KEY,
    order_id           INTEGER UNIQUE
                       REFERENCES acme_orders (id) ON DELETE CASCADE,
    certificate_id     INTEGER UNIQUE REFERENCES acme_certificates (id),
    account_id         INTEGER REFERENCES acme_accounts (id),
    csr                BLOB,
    attempts           INTEGER NOT NULL,
    run_at             INTEGER NOT NULL,
    lease_until        INTEGER NOT NULL,
    deadline_at        INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    client_address     TEXT,
    request_id         TEXT,
    last_error         TEXT,
    owner              INTEGER,
    CHECK (id = coalesce(order_id * 2, certificate_id * 2 + 1)),
    CHECK ((order_id IS NULL) <> (certificate_id IS NULL)),
    CHECK ((order_id IS NULL) = (csr IS NULL))
) STRICT;

-- those that are due
CREATE INDEX acme_signer_jobs_due ON acme_signer_jobs (run_at);

-- which certificates a name is in; who looks for one does not read them all
CREATE TABLE acme_certificate_names (
    name               TEXT NOT NULL,
    certificate_id     INTEGER NOT NULL,
    PRIMARY KEY (name, certificate_id)
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO acme_certificate_names (name, certificate_id)
SELECT substr(n.value, instr(n.value, ':') + 1), c.id
FROM acme_certificates AS c,
     json_each('["' || replace(c.sans, ' ', '","') || '"]') AS n
WHERE c.sans <> '';

-- most have one: it needs no JSON
CREATE TRIGGER acme_certificate_names_one AFTER INSERT ON acme_certificates
WHEN NEW.sans <> '' AND NOT instr(NEW.sans, ' ')
BEGIN
    INSERT INTO acme_certificate_names (name, certificate_id)
    VALUES (substr(NEW.sans, instr(NEW.sans, ':') + 1), NEW.id);
END;

CREATE TRIGGER acme_certificate_names_add AFTER INSERT ON acme_certificates
WHEN instr(NEW.sans, ' ')
BEGIN
    INSERT OR IGNORE INTO acme_certificate_names (name, certificate_id)
    SELECT substr(n.value, instr(n.value, ':') + 1), NEW.id
    FROM json_each('["' || replace(NEW.sans, ' ', '","') || '"]') AS n;
END;

CREATE TRIGGER acme_certificate_names_remove AFTER DELETE ON acme_certificates
WHEN OLD.sans <> ''
BEGIN
    DELETE FROM acme_certificate_names
    WHERE certificate_id = OLD.id
          AND name IN (
              SELECT substr(n.value, instr(n.value, ':') + 1)
              FROM json_each('["' || replace(OLD.sans, ' ', '","') || '"]')
                   AS n);
END;

-- what was replaced by a certificate, when that one is deleted
CREATE INDEX acme_certificates_replaced ON acme_certificates (replaced_by)
    WHERE replaced_by IS NOT NULL;

-- what the last attempt of a validation failed by
ALTER TABLE jobs ADD COLUMN last_error TEXT;

-- the process that has the lease: if it ends, nobody waits for the lease's end
ALTER TABLE jobs ADD COLUMN owner INTEGER;

-- What an issuer may do.  "next" waits for its turn, its certificate is shown
-- already; "active" signs leaves, and there is one of it; "retired" and
-- "compromised" sign their CRLs and OCSP responses, as long as a leaf of theirs
-- lives: signs_until, known when they end.  NULL: it signs no leaves here, as a
-- root.  published_at: since when nginx has its key and shows its certificate
ALTER TABLE issuers ADD COLUMN state TEXT
    CHECK (state IN ('next', 'active', 'retired', 'compromised'));
ALTER TABLE issuers ADD COLUMN published_at INTEGER;
ALTER TABLE issuers ADD COLUMN activated_at INTEGER;
ALTER TABLE issuers ADD COLUMN retired_at INTEGER;
ALTER TABLE issuers ADD COLUMN signs_until INTEGER;

CREATE UNIQUE INDEX issuers_active ON issuers (state) WHERE state = 'active';

CREATE TRIGGER issuers_state BEFORE UPDATE OF state ON issuers
WHEN NOT (OLD.state IS NULL
          OR NEW.state IS OLD.state
          OR (NEW.state IS 'active' AND OLD.state = 'next')
          OR (NEW.state IS 'retired' AND OLD.state IN ('next', 'active'))
          OR NEW.state IS 'compromised')
BEGIN
    SELECT raise(ABORT, 'an issuer does not come back');
END;

-- the last leaf is found by indexes alone
CREATE TRIGGER issuers_end AFTER UPDATE OF state ON issuers
WHEN NEW.state IN ('retired', 'compromised') AND NEW.signs_until IS NULL
BEGIN
    UPDATE issuers
    SET signs_until = max(
            coalesce((SELECT c.not_after
                      FROM acme_certificates AS c
                           INDEXED BY acme_certificates_end
                      WHERE c.status = 'valid' AND c.expired_at IS NULL
                            AND c.issuer_id = NEW.id
                      ORDER BY c.not_after DESC LIMIT 1), 0),
            coalesce((SELECT max(c.not_after)
                      FROM acme_certificates AS c
                           INDEXED BY acme_certificates_revoked
                      WHERE c.status = 'revoked' AND c.issuer_id = NEW.id), 0))
    WHERE id = NEW.id;
END;

-- since when the operator waits for a new issuer: the master makes it
ALTER TABLE acme_ca_meta ADD COLUMN issuer_wanted INTEGER;

-- who is told of events: a location of nginx.  The audit log is the queue:
-- log_id and checkpoint_id are the last row and the last checkpoint that it had
-- or does not want; attempts: that failed since it last took something
CREATE TABLE acme_event_hooks (
    id                 INTEGER PRIMARY KEY,
    uri                TEXT NOT NULL UNIQUE,
    types              TEXT NOT NULL,
    log_id             INTEGER NOT NULL,
    checkpoint_id      INTEGER NOT NULL,
    delivered          INTEGER NOT NULL,
    attempts           INTEGER NOT NULL,
    run_at             INTEGER NOT NULL,
    lease_until        INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    delivered_at       INTEGER,
    failed_at          INTEGER,
    error              TEXT,
    owner              INTEGER
) STRICT;

CREATE TRIGGER acme_ca_meta_delivered BEFORE UPDATE OF audit_sealed
    ON acme_ca_meta
WHEN NEW.audit_sealed > (SELECT min(log_id) FROM acme_event_hooks)
BEGIN
    SELECT raise(ABORT, 'an event hook did not have these audit rows yet');
END;

-- seconds that an external signer is told of a revocation for; 0: it wants to
-- hear of none.  The master writes it down for the operator's tool
ALTER TABLE acme_ca_meta
    ADD COLUMN signer_deadline INTEGER NOT NULL DEFAULT 0;

-- the last checkpoint that was ever made: who removes them all is found out
ALTER TABLE acme_ca_meta
    ADD COLUMN audit_signed INTEGER NOT NULL DEFAULT 0;

UPDATE acme_ca_meta
SET audit_signed = coalesce((SELECT max(id) FROM acme_audit_checkpoints), 0);

CREATE TRIGGER acme_audit_checkpoints_add AFTER INSERT ON acme_audit_checkpoints
BEGIN
    UPDATE acme_ca_meta SET audit_signed = NEW.id WHERE id = 1;
END;

CREATE TRIGGER acme_ca_meta_signed BEFORE UPDATE OF audit_signed ON acme_ca_meta
WHEN NEW.audit_signed < OLD.audit_signed
BEGIN
    SELECT raise(ABORT, 'checkpoints of the audit log are never taken back');
END;

-- what the operator asks for, newest first.  The second finds those of an issuer
-- as well, profile by profile: there are few of them
CREATE INDEX acme_certificates_account ON acme_certificates (account_id);
CREATE INDEX acme_certificates_kind ON acme_certificates (profile, issuer_id);
CREATE INDEX acme_certificates_category ON acme_certificates (category)
    WHERE category IS NOT NULL;

-- certificates that their clients have not fetched yet
CREATE INDEX acme_certificates_unfetched ON acme_certificates (
        created_at + 3600)
    WHERE first_download_at IS NULL AND account_id IS NOT NULL
          AND status = 'valid' AND expired_at IS NULL;

-- RFC 9773, 4.2: when each certificate is to be renewed, as renewalInfo tells:
-- the newest window that the operator moved it to (moved_by), or about half of
-- its life, two thirds of one above ten days, scattered by its id over a
-- fifteenth, so that what was issued together is not renewed together.  A
-- certificate is in use from when it was made here; a moved window that was over
-- by then is not its own, nor is one that begins after its end.  A window ends
-- with its certificate.  It is never over before soonest, which the indexes of
-- what lives and of moved windows tell alone.  A name stands for itself, one with
-- a dot in front for all below it
CREATE VIEW acme_suggested_windows AS
SELECT u.id, u.issuer_id, u.account_id, u.profile, u.status, u.serial, u.sans,
       u.not_before, u.not_after, u.expired_at, u.imported_at, u.replaced_by,
       w.id AS moved_by, w.explanation_url,
       min(coalesce(w.window_start, u.window_start), u.not_after - 1)
           AS window_start,
       min(coalesce(w.window_end, u.window_start + max(u.life / 45, 1)),
           u.not_after) AS window_end,
       min(max(u.not_before + (u.not_after - u.not_before) * 14 / 30,
               min(u.not_before + (u.not_after - u.not_before) * 19 / 30,
                   u.not_after - 460800)),
           coalesce((SELECT min(e.window_end) FROM acme_renewal_windows AS e
                     WHERE e.window_end > u.not_before), u.not_after))
           AS soonest
FROM (SELECT l.*, l.begin + l.life * iif(l.life <= 864000, 14, 19) / 30
                  + l.id * 2654435761 % 4294967296 % max(l.life / 15, 1)
                  AS window_start
      FROM (SELECT b.*, b.not_after - b.begin AS life
            FROM (SELECT c.*, iif(c.imported_at IS NULL,
                                  min(max(c.not_before, c.created_at),
                                      c.not_after),
                                  c.not_before) AS begin
                  FROM acme_certificates AS c) AS b) AS l) AS u
LEFT JOIN acme_renewal_windows AS w
    ON w.id = (SELECT v.id FROM acme_renewal_windows AS v
               WHERE v.id > 0 AND v.window_end > u.begin
                     AND v.window_start < u.not_after
                     AND coalesce(v.issuer_id, u.issuer_id) = u.issuer_id
                     AND (v.account_id IS NULL OR v.account_id = u.account_id)
                     AND (v.profile IS NULL OR v.profile = u.profile)
                     AND (v.serial IS NULL OR v.serial = u.serial)
                     AND (v.name IS NULL
                          OR instr(' ' || u.sans || ' ',
                                   ' dns:' || v.name || ' ')
                          OR instr(' ' || u.sans || ' ',
                                   ' ip:' || v.name || ' ')
                          OR (v.name LIKE '.%'
                              AND instr(u.sans || ' ', v.name || ' ')))
               ORDER BY v.id DESC LIMIT 1);

CREATE INDEX acme_renewal_windows_end ON acme_renewal_windows (window_end);

-- What will be trouble soon is late from due on; "acme-ca radar", the metrics and
-- the events ask these three.  Certificates without a successor, when the window
-- of their renewal is over.  Clients without RFC 9773 do not say what they
-- replace: a newer one of the same account with the same names and profile is a
-- successor as well.  The CA renews its own by itself
CREATE VIEW acme_renewals AS
SELECT c.id, c.serial, c.sans, c.account_id, c.not_before, c.not_after,
       c.expired_at, c.soonest, c.window_end AS due
FROM acme_suggested_windows AS c
WHERE c.status = 'valid' AND c.replaced_by IS NULL
      AND (c.account_id IS NOT NULL OR c.imported_at IS NOT NULL)
      AND NOT EXISTS (
          SELECT 1 FROM acme_certificate_names AS n
          CROSS JOIN acme_certificates AS s ON s.id = n.certificate_id
          WHERE n.name = substr(c.sans, instr(c.sans, ':') + 1,
                                instr(c.sans || ' ', ' ')
                                - instr(c.sans, ':') - 1)
                AND n.certificate_id > c.id AND s.status = 'valid'
                AND s.account_id IS c.account_id AND s.sans = c.sans
                AND s.profile IS c.profile);

-- certificates that their client has not fetched, an hour after it could.  The
-- plus: they are not looked for by their end
CREATE VIEW acme_unfetched AS
SELECT c.id, c.serial, c.sans, c.account_id, c.created_at,
       +c.not_after AS not_after, c.created_at + 3600 AS due
FROM acme_certificates AS c
WHERE c.first_download_at IS NULL AND c.account_id IS NOT NULL
      AND c.status = 'valid' AND c.expired_at IS NULL;

-- issuers, 90 days or a quarter of their life before their end.  What signs no
-- leaves any more may end
CREATE VIEW acme_issuer_ends AS
SELECT i.id, i.name, i.not_before, i.not_after,
       i.not_after - min(7776000, (i.not_after - i.not_before) / 4) AS due
FROM issuers AS i
WHERE i.chain_pem <> ''
      AND coalesce(i.state, '') NOT IN ('retired', 'compromised');

-- what will be trouble soon, and was told: a certificate whose renewal is late,
-- that is about to end, that nobody fetched; an issuer that ends
CREATE TABLE acme_radar (
    kind               TEXT NOT NULL CHECK (kind IN ('late', 'expiring',
                                                     'not-fetched', 'issuer')),
    object_id          INTEGER NOT NULL,
    at                 INTEGER NOT NULL,
    PRIMARY KEY (kind, object_id)
) STRICT, WITHOUT ROWID;

-- what a start follows: "no stop" while nginx runs, so that the audit log tells
-- one that was killed from one that was stopped
ALTER TABLE acme_ca_meta
    ADD COLUMN start_after TEXT NOT NULL DEFAULT 'nothing';

UPDATE acme_ca_meta SET start_after = 'older release'
WHERE EXISTS (SELECT 1 FROM acme_audit_logs);

-- what the sweep has removed since the audit log told of it
CREATE TABLE acme_sweeps (
    id                 INTEGER PRIMARY KEY CHECK (id = 1),
    told_at            INTEGER NOT NULL,
    orders             INTEGER NOT NULL,
    authorizations     INTEGER NOT NULL,
    external_accounts  INTEGER NOT NULL,
    server_keys        INTEGER NOT NULL
) STRICT;

INSERT INTO acme_sweeps VALUES (1, 0, 0, 0, 0, 0);

PRAGMA user_version = 3;
