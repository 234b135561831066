-- name: issuer_find
-- why: at each start the issuer is known and nothing has to be written
SELECT id FROM issuers WHERE name = ?1 AND der = ?2 AND chain_pem = ?3;

-- name: issuer_add
-- why: a chain belongs to its issuer and is stored once.  Another chain for
-- the same certificate replaces it
INSERT INTO issuers (name, der, chain_pem, not_before, not_after, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (der) DO UPDATE
SET name = excluded.name, chain_pem = excluded.chain_pem
RETURNING id;

-- name: issuer_find_chain
-- why: what follows the leaf in a download
SELECT chain_pem FROM issuers WHERE id = ?1;

-- name: issuer_page
-- why: as account_page; with its revocation lists
SELECT i.id, CASE WHEN (?2 IS NULL OR i.name = ?2)
    THEN json_patch('{}', json_object(
        'id', i.id,
        'name', i.name,
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
