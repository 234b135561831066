-- name: window_add
-- why: the operator moves renewals; NULL selects any
INSERT INTO acme_renewal_windows
    (issuer_id, account_id, profile, serial, name, window_start, window_end,
     explanation_url, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);

-- name: window_remove
-- why: the usual windows again
DELETE FROM acme_renewal_windows WHERE id = ?1;

-- name: window_page
-- why: as account_page
SELECT w.id, CASE WHEN (?2 IS NULL OR w.name = ?2)
    THEN json_patch('{}', json_object(
        'id', w.id,
        'name', w.name,
        'profile', w.profile,
        'account', w.account_id,
        'issuer', w.issuer_id,
        'serial', nullif(lower(hex(w.serial)), ''),
        'start', strftime('%Y-%m-%dT%H:%M:%SZ', w.window_start, 'unixepoch'),
        'end', strftime('%Y-%m-%dT%H:%M:%SZ', w.window_end, 'unixepoch'),
        'explanation_url', w.explanation_url,
        'created_at', strftime('%Y-%m-%dT%H:%M:%SZ',
                               w.created_at, 'unixepoch')))
    END
FROM acme_renewal_windows AS w WHERE w.id < ?1 ORDER BY w.id DESC;
