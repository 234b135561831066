-- name: audit_add
-- why: who did what and how it ended, in the transaction that did it
INSERT INTO acme_audit_logs
    (at, actor, action, outcome, reason, details, account_id, order_id,
     authz_id, challenge_id, certificate_id, client_address, user_agent,
     request_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14);
