-- name: issuer_find
-- why: at each start the issuer is known and nothing has to be written
SELECT id FROM issuers WHERE name = ?1 AND der = ?2 AND chain_pem = ?3;

-- name: issuer_add
-- why: a chain belongs to its issuer and is stored once.  Another chain for
-- the same certificate replaces it
INSERT INTO issuers (name, der, chain_pem, not_before, not_after, created_at)
VALUES (?1, ?2, coalesce(?3, ''), ?4, ?5, ?6)
ON CONFLICT (der) DO UPDATE
SET name = excluded.name, chain_pem = excluded.chain_pem
RETURNING id;

-- name: issuer_set_certificate
-- why: a CA whose certificate was renewed with its key: what it signed before
-- is still its own, in its CRLs as well
UPDATE issuers
SET name = ?2, der = ?3, chain_pem = ?4, not_before = ?5, not_after = ?6
WHERE id = ?1;

-- name: issuer_list_named
-- why: whom the operator means; there are few
SELECT id FROM issuers WHERE name = ?1 OR CAST(id AS TEXT) = ?1 ORDER BY id;

-- name: issuer_find_chain
-- why: what follows the leaf in a download
SELECT chain_pem FROM issuers WHERE id = ?1;

-- name: issuer_find_active
-- why: each issuance: who signs, whatever a worker remembers
SELECT id FROM issuers WHERE state = 'active';

-- name: issuer_list
-- why: each second, by each worker, and at start: whose turn it is
SELECT id, name, state, not_before, not_after, published_at, signs_until
FROM issuers WHERE state IS NOT NULL ORDER BY id;

-- name: issuer_set_next
-- why: a new one, whose key nginx has; known states stay
UPDATE issuers SET state = 'next' WHERE id = ?1 AND state IS NULL;

-- name: issuer_set_published
-- why: its turn comes some time after this; NULL, the key being gone: never
UPDATE issuers SET published_at = ?2
WHERE id = ?1 AND state = 'next' AND published_at IS NOT ?2;

-- name: issuer_set_active
-- why: one worker makes the change, all others follow
UPDATE issuers SET state = 'active', activated_at = ?2
WHERE id = ?1 AND state = 'next';

-- name: issuer_set_retired
-- why: it signs no leaf any more
UPDATE issuers SET state = 'retired', retired_at = ?2
WHERE id = ?1 AND (state IS NULL OR state IN ('next', 'active'));

-- name: issuer_set_compromised
-- why: the operator knows; it is never taken back
UPDATE issuers
SET state = 'compromised', retired_at = coalesce(retired_at, ?2)
WHERE id = ?1 AND state IS NOT NULL AND state <> 'compromised';

-- name: issuer_set_wanted
-- why: the master makes one when it is reloaded
UPDATE acme_ca_meta SET issuer_wanted = coalesce(issuer_wanted, ?1)
WHERE id = 1;

-- name: issuer_find_wanted
-- why: at start: the operator waits for a new one
SELECT issuer_wanted FROM acme_ca_meta WHERE issuer_wanted IS NOT NULL;

-- name: issuer_remove_wanted
-- why: it was made
UPDATE acme_ca_meta SET issuer_wanted = NULL;

-- name: issuer_page
-- why: as account_page; with its revocation lists
SELECT i.id, CASE WHEN (?2 IS NULL OR i.name = ?2)
    THEN json_patch('{}', json_object(
        'id', i.id,
        'name', i.name,
        'state', i.state,
        'published_at', strftime('%Y-%m-%dT%H:%M:%SZ', i.published_at,
                                 'unixepoch'),
        'activated_at', strftime('%Y-%m-%dT%H:%M:%SZ', i.activated_at,
                                 'unixepoch'),
        'retired_at', strftime('%Y-%m-%dT%H:%M:%SZ', i.retired_at, 'unixepoch'),
        'signs_until', strftime('%Y-%m-%dT%H:%M:%SZ', i.signs_until,
                                'unixepoch'),
        'not_before', strftime('%Y-%m-%dT%H:%M:%SZ', i.not_before, 'unixepoch'),
        'not_after', strftime('%Y-%m-%dT%H:%M:%SZ', i.not_after, 'unixepoch'),
        'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', i.created_at, 'unixepoch'),
        'chain', nullif(i.chain_pem, ''),
        'crls', (SELECT json_group_array(json_object(
                'shard', l.shard, 'shards', l.shards, 'number', l.number,
                'entries', l.entries,
                'this_update', strftime('%Y-%m-%dT%H:%M:%SZ',
                                        l.this_update, 'unixepoch'),
                'next_update', strftime('%Y-%m-%dT%H:%M:%SZ',
                                        l.next_update, 'unixepoch')))
            FROM acme_crls AS l WHERE l.issuer_id = i.id)))
    END
FROM issuers AS i WHERE i.id < ?1 ORDER BY i.id DESC;
