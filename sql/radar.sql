-- name: radar_get_state
-- why: how far the radar looked
SELECT radar_seen, radar_longest, radar_fetched FROM acme_ca_meta WHERE id = 1;

-- name: radar_set_state
-- why: with what it found
UPDATE acme_ca_meta
SET radar_seen = ?1, radar_longest = ?2, radar_fetched = ?3
WHERE id = 1;

-- name: radar_get_longest
-- why: what ends later than a quarter of the longest life is not late
SELECT coalesce(max(id), 0), coalesce(max(not_after - not_before), 0)
FROM acme_certificates WHERE id > ?1;

-- name: radar_get_moved
-- why: whether a window was moved that ended since then
SELECT EXISTS (SELECT 1 FROM acme_renewal_windows
               WHERE window_end <= ?1 AND window_end > ?2);

-- name: radar_list_late
-- why: past three quarters of a life, or the end of a window that was moved;
-- past nine tenths.  Without a successor: clients without RFC 9773 do not say
-- what they replace, so one for the same names counts
SELECT t.id, t.late, t.expiring
FROM (
    SELECT c.id,
        coalesce((SELECT w.window_end FROM acme_renewal_windows AS w
                  WHERE w.id > 0
                        AND coalesce(w.issuer_id, c.issuer_id) = c.issuer_id
                        AND (w.account_id IS NULL
                             OR w.account_id = c.account_id)
                        AND (w.profile IS NULL OR w.profile = c.profile)
                        AND (w.serial IS NULL OR w.serial = c.serial)
                        AND (w.name IS NULL
                             OR instr(' ' || c.sans || ' ',
                                      ' dns:' || w.name || ' ')
                             OR instr(' ' || c.sans || ' ',
                                      ' ip:' || w.name || ' ')
                             OR (w.name LIKE '.%'
                                 AND instr(c.sans || ' ', w.name || ' ')))
                        AND w.window_start < c.not_after
                        AND w.window_end > c.created_at
                  ORDER BY w.id DESC LIMIT 1),
                 c.not_before + (c.not_after - c.not_before) * 3 / 4) <= ?1
        AND NOT EXISTS (SELECT 1 FROM acme_radar AS r
                        WHERE r.kind = 'late' AND r.object_id = c.id) AS late,
        c.not_before + (c.not_after - c.not_before) * 9 / 10 <= ?1
        AND NOT EXISTS (SELECT 1 FROM acme_radar AS r
                        WHERE r.kind = 'expiring' AND r.object_id = c.id)
            AS expiring
    FROM acme_certificates AS c INDEXED BY acme_certificates_end
    WHERE c.status = 'valid' AND c.expired_at IS NULL
          AND c.not_after > ?1 AND c.not_after <= ?2
          AND c.replaced_by IS NULL
          AND (c.account_id IS NOT NULL OR c.imported_at IS NOT NULL)
          AND NOT EXISTS (
            SELECT 1 FROM acme_certificate_names AS m
            CROSS JOIN acme_certificates AS n ON n.id = m.certificate_id
            WHERE m.name = substr(c.sans, instr(c.sans, ':') + 1,
                                  instr(c.sans || ' ', ' ')
                                  - instr(c.sans, ':') - 1)
                  AND m.certificate_id > c.id AND n.status = 'valid'
                  AND n.account_id IS c.account_id AND n.sans = c.sans
                  AND n.profile IS c.profile)) AS t
WHERE t.late OR t.expiring LIMIT ?3;

-- name: radar_list_unfetched
-- why: each certificate is looked at once, when its client had an hour
SELECT c.id, c.created_at,
       c.account_id IS NOT NULL AND c.imported_at IS NULL
       AND c.status = 'valid' AND c.not_after > ?2
       AND c.first_download_at IS NULL
FROM acme_certificates AS c WHERE c.id > ?1 ORDER BY c.id;

-- name: radar_list_issuers
-- why: 90 days, or a quarter of its life, before its end
SELECT i.id, json_object('issuer', i.id, 'name', i.name, 'not_after',
           strftime('%Y-%m-%dT%H:%M:%SZ', i.not_after, 'unixepoch'))
FROM issuers AS i
WHERE i.chain_pem <> '' AND i.not_after > ?1
      AND coalesce(i.state, '') NOT IN ('retired', 'compromised')
      AND i.not_after - ?1 < min(7776000, (i.not_after - i.not_before) / 4)
      AND NOT EXISTS (SELECT 1 FROM acme_radar AS r
                      WHERE r.kind = 'issuer' AND r.object_id = i.id);

-- name: radar_list_over
-- why: what is no trouble any more, or came to its end as it was
SELECT r.kind, r.object_id,
       r.kind IN ('late', 'expiring') AND c.status IS 'valid'
       AND c.replaced_by IS NULL AND NOT EXISTS (
            SELECT 1 FROM acme_certificate_names AS m
            CROSS JOIN acme_certificates AS n ON n.id = m.certificate_id
            WHERE m.name = substr(c.sans, instr(c.sans, ':') + 1,
                                  instr(c.sans || ' ', ' ')
                                  - instr(c.sans, ':') - 1)
                  AND m.certificate_id > c.id AND n.status = 'valid'
                  AND n.account_id IS c.account_id AND n.sans = c.sans
                  AND n.profile IS c.profile)
       AND (r.kind = 'expiring'
            OR NOT EXISTS (SELECT 1 FROM acme_radar AS e
                           WHERE e.kind = 'expiring'
                                 AND e.object_id = r.object_id))
FROM acme_radar AS r
LEFT JOIN acme_certificates AS c ON c.id = r.object_id AND r.kind <> 'issuer'
LEFT JOIN issuers AS i ON i.id = r.object_id AND r.kind = 'issuer'
WHERE CASE r.kind
    WHEN 'issuer' THEN i.id IS NULL OR i.not_after <= ?1
                       OR coalesce(i.state, '') IN ('retired', 'compromised')
    ELSE c.id IS NULL OR c.status <> 'valid' OR c.not_after <= ?1
         OR (r.kind = 'not-fetched' AND c.first_download_at IS NOT NULL)
         OR (r.kind <> 'not-fetched' AND (c.replaced_by IS NOT NULL OR EXISTS (
            SELECT 1 FROM acme_certificate_names AS m
            CROSS JOIN acme_certificates AS n ON n.id = m.certificate_id
            WHERE m.name = substr(c.sans, instr(c.sans, ':') + 1,
                                  instr(c.sans || ' ', ' ')
                                  - instr(c.sans, ':') - 1)
                  AND m.certificate_id > c.id AND n.status = 'valid'
                  AND n.account_id IS c.account_id AND n.sans = c.sans
                  AND n.profile IS c.profile)))
    END
LIMIT ?2;

-- name: radar_add
-- why: once
INSERT INTO acme_radar (kind, object_id, at) VALUES (?1, ?2, ?3)
ON CONFLICT (kind, object_id) DO NOTHING;

-- name: radar_remove
-- why: once
DELETE FROM acme_radar WHERE kind = ?1 AND object_id = ?2;
