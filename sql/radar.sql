-- name: radar_list_late
-- why: past the window of its renewal; past nine tenths of its life.  What an
-- index tells of most of them is asked first
SELECT t.id, t.late, t.expiring
FROM (
    SELECT r.id,
        r.due <= ?1
        AND NOT EXISTS (SELECT 1 FROM acme_radar AS m
                        WHERE m.kind = 'late' AND m.object_id = r.id) AS late,
        r.not_before + (r.not_after - r.not_before) * 9 / 10 <= ?1
        AND NOT EXISTS (SELECT 1 FROM acme_radar AS m
                        WHERE m.kind = 'expiring' AND m.object_id = r.id)
            AS expiring
    FROM acme_renewals AS r
    WHERE r.expired_at IS NULL AND r.not_after > ?1 AND r.soonest <= ?1) AS t
WHERE t.late OR t.expiring LIMIT ?2;

-- name: radar_list_unfetched
-- why: its client had an hour
SELECT u.id FROM acme_unfetched AS u
WHERE u.not_after > ?1 AND u.due <= ?1
      AND NOT EXISTS (SELECT 1 FROM acme_radar AS m
                      WHERE m.kind = 'not-fetched' AND m.object_id = u.id)
LIMIT ?2;

-- name: radar_list_issuers
-- why: there are few
SELECT i.id, json_object('issuer', i.id, 'name', i.name, 'not_after',
           strftime('%Y-%m-%dT%H:%M:%SZ', i.not_after, 'unixepoch'))
FROM acme_issuer_ends AS i
WHERE i.not_after > ?1 AND i.due <= ?1
      AND NOT EXISTS (SELECT 1 FROM acme_radar AS m
                      WHERE m.kind = 'issuer' AND m.object_id = i.id);

-- name: radar_list_over
-- why: what is no trouble any more, or came to its end as it was: that is told
-- once, of the worse of two marks
SELECT t.kind, t.object_id,
       t.ends IS NOT NULL
       AND (t.kind = 'expiring'
            OR (t.kind = 'late'
                AND NOT EXISTS (SELECT 1 FROM acme_radar AS e
                                WHERE e.kind = 'expiring'
                                      AND e.object_id = t.object_id)))
FROM (
    SELECT m.kind, m.object_id, CASE m.kind
        WHEN 'issuer' THEN
            (SELECT i.not_after FROM acme_issuer_ends AS i
             WHERE i.id = m.object_id AND i.due <= ?1)
        WHEN 'not-fetched' THEN
            (SELECT u.not_after FROM acme_unfetched AS u
             WHERE u.id = m.object_id)
        ELSE
            (SELECT r.not_after FROM acme_renewals AS r
             WHERE r.id = m.object_id AND (m.kind = 'expiring' OR r.due <= ?1))
        END AS ends
    FROM acme_radar AS m) AS t
WHERE coalesce(t.ends, 0) <= ?1 LIMIT ?2;

-- name: radar_add
-- why: once
INSERT INTO acme_radar (kind, object_id, at) VALUES (?1, ?2, ?3)
ON CONFLICT (kind, object_id) DO NOTHING;

-- name: radar_remove
-- why: once
DELETE FROM acme_radar WHERE kind = ?1 AND object_id = ?2;
