-- Version 2: more kinds of challenges.

-- what a validation by DNS compares with: the account as its client knows it
ALTER TABLE jobs ADD COLUMN account_url TEXT;

PRAGMA user_version = 2;
