-- Version 3: the CA in operation.

-- what the tokens of its challenges are made of: a challenge gets its row when
-- the client answers it, the others cost nothing.  NULL: all have their rows
ALTER TABLE acme_authorizations
    ADD COLUMN token_seed BLOB CHECK (length(token_seed) = 32);

-- the accounts of an external one, when it ends
CREATE INDEX acme_accounts_eab ON acme_accounts (eab_id)
    WHERE eab_id IS NOT NULL;

PRAGMA user_version = 3;
