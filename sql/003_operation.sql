-- Version 3: the CA in operation.

-- what the tokens of its challenges are made of: a challenge gets its row when
-- the client answers it, the others cost nothing.  NULL: all have their rows
ALTER TABLE acme_authorizations
    ADD COLUMN token_seed BLOB CHECK (length(token_seed) = 32);

PRAGMA user_version = 3;
