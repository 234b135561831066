
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store: issuers, server certificates, jobs, the audit log, savepoints,
 * opaque ids.
 */


#include "store_fixture.h"


static void test_issuer(void);
static void test_server(void);
static void test_job(void);
static void test_job_lease(void);
static void test_job_limit(void);
static void test_audit(void);
static void test_savepoints(void);
static void test_ids(void);
static void test_ids_tampered(void);
static void test_job_clock(void);
static void test_job_owner(void);
static int64_t add_processing(const char *name);
static const acme_ca_due_t *due(time_t at);


int
main(void)
{
    fixture_begin();

    test_issuer();
    test_server();
    test_job();
    test_job_lease();
    test_job_limit();
    test_job_clock();
    test_job_owner();
    test_audit();
    test_savepoints();
    test_ids();
    test_ids_tampered();

    fixture_end();

    return done_testing();
}


static void
test_issuer(void)
{
    int64_t    id;
    ngx_str_t  name, der, chain, found;

    fixture_start();

    fixture_str(&name, "issuer");
    fixture_str(&der, "der");
    fixture_str(&chain, "chain");

    is_int(acme_ca_store_issuer_add(store, &name, &der, &chain, NOW, NOW + 1,
                                    NOW, &id), NGX_OK, "issuer_add");
    is_int(id, issuer_id + 1, "a new one");
    id = 0;
    is_int(acme_ca_store_issuer_add(store, &name, &der, &chain, NOW, NOW + 1,
                                    NOW, &id), NGX_OK, "issuer_add again");
    is_int(id, issuer_id + 1, "is known");

    fixture_str(&chain, "another chain");
    id = 0;
    is_int(acme_ca_store_issuer_add(store, &name, &der, &chain, NOW, NOW + 1,
                                    NOW, &id), NGX_OK, "with another chain");
    is_int(id, issuer_id + 1, "is the same");
    is_int(acme_ca_store_issuer_find_chain(store, pool, id, &found), NGX_OK,
           "find_chain");
    is_str(&found, "another chain", "the chain is the new one");
    is_int(acme_ca_store_issuer_find_chain(store, pool, 77, &found),
           NGX_DECLINED, "find_chain: absent");
    is_int(fixture_count("SELECT count(*) FROM issuers"), 2, "two rows");

    fixture_stop();
}


static void
test_server(void)
{
    time_t                  not_before, not_after;
    int64_t                 id;
    ngx_str_t               names, chain, key;
    acme_ca_certificate_t   certificate;

    fixture_start();

    is_int(acme_ca_store_server_find(store, pool, &id, &names, &chain, &key,
                                     &not_before, &not_after), NGX_DECLINED,
           "server_find: none yet");

    fixture_certificate(&certificate, 0, "s1");
    (void) acme_ca_store_certificate_add(store, &certificate);

    fixture_str(&names, "ca.example");
    fixture_str(&chain, "chain");
    fixture_str(&key, "key");

    is_int(acme_ca_store_server_add(store, certificate.id, &names, &chain,
                                    &key, NOW, NOW + 1), NGX_OK, "server_add");
    fixture_str(&names, "ca2.example");
    (void) acme_ca_store_server_add(store, certificate.id, &names, &chain,
                                    &key, NOW + 2, NOW + 3);

    is_int(acme_ca_store_server_find(store, pool, &id, &names, &chain, &key,
                                     &not_before, &not_after), NGX_OK,
           "server_find");
    is_int(id, certificate.id, "certificate_id");
    is_str(&names, "ca2.example", "the newest");
    is_str(&chain, "chain", "chain");
    is_str(&key, "key", "key");
    ok(not_before == NOW + 2 && not_after == NOW + 3, "times");

    fixture_stop();
}


/* a challenge in "processing" with its job, due at NOW + 30: its id */

static int64_t
add_processing(const char *name)
{
    acme_ca_job_t        job;
    acme_ca_authz_t      authz;
    acme_ca_challenge_t  challenge;

    fixture_authz(&authz, account_id, name);
    (void) acme_ca_store_authz_add(store, &authz);
    fixture_challenge(&challenge, authz.id);
    (void) acme_ca_store_challenge_add(store, &challenge);

    ngx_memzero(&job, sizeof(acme_ca_job_t));

    job.challenge_id = challenge.id;
    job.deadline_at = NOW + 600;
    fixture_str(&job.client_address, "10.0.0.9");
    fixture_str(&job.request_id, "request");

    is_int(acme_ca_store_job_add(store, &job, NOW + 30), NGX_OK, "job_add");
    is_int(job.id, challenge.id, "a job's id is its challenge's");

    return job.id;
}


static void
test_job(void)
{
    int64_t         id;
    ngx_uint_t      n;
    ngx_array_t    *jobs;
    acme_ca_job_t   job, *j;

    fixture_start();

    id = add_processing("a.example");

    ngx_memzero(&job, sizeof(acme_ca_job_t));
    job.challenge_id = id;
    is_int(acme_ca_store_job_add(store, &job, NOW), NGX_DECLINED,
           "job_add: it is there");
    job.challenge_id = 77 * 16;
    is_int(acme_ca_store_job_add(store, &job, NOW), NGX_ERROR,
           "job_add: no such challenge");

    is_int(acme_ca_store_job_claim(store, pool, due(30), 9, &jobs),
           NGX_OK, "job_claim");
    is_int(jobs->nelts, 1, "one");
    j = jobs->elts;
    is_int(j->id, id, "id");
    is_int(j->challenge_id, id, "challenge_id");
    is_int(j->authz_id, id / 16, "authz_id");
    is_int(j->account_id, account_id, "account_id");
    is_str(&j->identifier.value, "a.example", "identifier");
    is_int(j->type, ACME_CA_HTTP_01, "type");
    is_str(&j->token, "token", "token");
    is_int(j->thumbprint[0], 1, "thumbprint");
    is_int(j->attempts, 0, "attempts");
    is_int(j->deadline_at, NOW + 600, "deadline_at");
    is_str(&j->client_address, "10.0.0.9", "client_address");
    is_str(&j->request_id, "request", "request_id");

    is_int(acme_ca_store_job_set_retry(store, id, 1, NOW + 40, NULL), NGX_OK,
           "set_retry");
    (void) acme_ca_store_job_find_due(store, due(39), &n);
    is_int(n, 0, "not yet due");
    (void) acme_ca_store_job_claim(store, pool, due(40), 9, &jobs);
    is_int(jobs->nelts, 1, "due again");
    j = jobs->elts;
    is_int(j->attempts, 1, "an attempt was counted");

    is_int(acme_ca_store_job_remove(store, id), NGX_OK, "job_remove");
    is_int(acme_ca_store_job_remove(store, id), NGX_DECLINED, "once");
    is_int(acme_ca_store_job_set_retry(store, id, 2, NOW, NULL), NGX_DECLINED,
           "set_retry: it is gone");

    id = add_processing("b.example");
    is_int(acme_ca_store_job_remove_authz(store, id / 16), NGX_OK,
           "remove_authz");
    is_int(fixture_count("SELECT count(*) FROM jobs"), 0, "no job is left");
    is_int(acme_ca_store_job_remove_authz(store, 77), NGX_OK,
           "remove_authz: nothing to remove");

    fixture_stop();
}


static void
test_job_lease(void)
{
    ngx_uint_t    n;
    ngx_array_t  *jobs;

    fixture_start();

    (void) add_processing("a.example");

    is_int(acme_ca_store_job_find_due(store, due(29), &n), NGX_OK,
           "find_due");
    is_int(n, 0, "who added it has until run_at");
    (void) acme_ca_store_job_claim(store, pool, due(29), 9, &jobs);
    is_int(jobs->nelts, 0, "nobody else gets it");

    (void) acme_ca_store_job_find_due(store, due(30), &n);
    is_int(n, 1, "then it is due");
    (void) acme_ca_store_job_claim(store, pool, due(30), 9, &jobs);
    is_int(jobs->nelts, 1, "one worker claims it");
    (void) acme_ca_store_job_claim(store, pool, due(30), 9, &jobs);
    is_int(jobs->nelts, 0, "a second one does not");
    (void) acme_ca_store_job_find_due(store, due(59), &n);
    is_int(n, 0, "nor sees it");
    (void) acme_ca_store_job_claim(store, pool, due(60), 9, &jobs);
    is_int(jobs->nelts, 1, "after the lease it is free again");

    fixture_stop();
}


/* pauses and leases of 30 seconds */

static const acme_ca_due_t *
due(time_t at)
{
    static acme_ca_due_t  d;

    d.now = NOW + at;
    d.pause = 30;
    d.lease = 30;

    return &d;
}


/* a clock that is set back makes times of the future: nobody waits for them */

static void
test_job_clock(void)
{
    int64_t        id;
    ngx_uint_t     n;
    ngx_array_t   *jobs;
    acme_ca_due_t  d;

    fixture_start();

    id = add_processing("a.example");

    (void) acme_ca_store_job_find_due(store, due(-60), &n);
    is_int(n, 0, "a minute ahead is believed");
    (void) acme_ca_store_job_find_due(store, due(-61), &n);
    is_int(n, 1, "more is not: run_at and a lease");
    (void) acme_ca_store_job_claim(store, pool, due(-3600), 9, &jobs);
    is_int(jobs->nelts, 1, "it is claimed");
    (void) acme_ca_store_job_claim(store, pool, due(-3600), 9, &jobs);
    is_int(jobs->nelts, 0, "once");

    (void) acme_ca_store_job_set_retry(store, id, 1, NOW + 30, NULL);
    (void) acme_ca_store_job_find_due(store, due(-60), &n);
    is_int(n, 0, "a retry, a minute ahead");
    (void) acme_ca_store_job_find_due(store, due(-61), &n);
    is_int(n, 1, "a retry, further ahead");

    d = *due(-3600);
    d.pause = 7200;
    (void) acme_ca_store_job_find_due(store, &d, &n);
    is_int(n, 0, "but where pauses are as long as that");

    (void) acme_ca_store_job_set_retry(store, id, 2, NOW - 7200, NULL);
    (void) acme_ca_store_job_claim(store, pool, due(0), 9, &jobs);
    (void) acme_ca_store_job_find_due(store, &d, &n);
    is_int(n, 1, "a lease is never so long");

    fixture_stop();
}


/* who is gone has no leases */

static void
test_job_owner(void)
{
    int64_t       *owner;
    ngx_uint_t     n;
    ngx_array_t   *owners, *jobs;

    fixture_start();

    (void) add_processing("a.example");
    is_int(acme_ca_store_lease_list_owners(store, pool, &owners), NGX_OK,
           "list_owners");
    is_int(owners->nelts, 0, "a lease of nobody");

    acme_ca_store_set_owner(store, 77);
    (void) add_processing("b.example");
    acme_ca_store_set_owner(store, 78);
    (void) acme_ca_store_job_set_retry(store, add_processing("c.example"), 1,
                                       NOW + 20, NULL);
    (void) add_processing("d.example");

    (void) acme_ca_store_lease_list_owners(store, pool, &owners);
    is_int(owners->nelts, 2, "two owners");
    owner = owners->elts;
    ok(owner[0] == 77 && owner[1] == 78, "which ones");

    is_int(acme_ca_store_lease_free(store, 77, NOW), NGX_OK, "free");
    (void) acme_ca_store_job_claim(store, pool, due(0), 9, &jobs);
    is_int(jobs->nelts, 1, "its job is due at once");
    (void) acme_ca_store_lease_list_owners(store, pool, &owners);
    is_int(owners->nelts, 1, "it is the other's now");

    is_int(acme_ca_store_lease_free(store, 78, NOW), NGX_OK, "free it, too");
    (void) acme_ca_store_job_claim(store, pool, due(0), 9, &jobs);
    is_int(jobs->nelts, 2, "but for one that waits for its next attempt");
    (void) acme_ca_store_job_find_due(store, due(20), &n);
    is_int(n, 1, "and is due then");

    fixture_stop();
}


static void
test_job_limit(void)
{
    int64_t         first;
    ngx_array_t    *jobs;
    acme_ca_job_t  *j;

    fixture_start();

    first = add_processing("a.example");
    (void) add_processing("b.example");
    (void) add_processing("c.example");
    (void) acme_ca_store_job_set_retry(store, first, 1, NOW + 35, NULL);

    (void) acme_ca_store_job_claim(store, pool, due(50), 2, &jobs);
    is_int(jobs->nelts, 2, "not more than the limit");
    j = jobs->elts;
    ok(j[0].id != first && j[1].id != first, "the longest due ones");
    (void) acme_ca_store_job_claim(store, pool, due(50), 2, &jobs);
    is_int(jobs->nelts, 1, "then the rest");

    fixture_stop();
}


static void
test_audit(void)
{
    char             *error;
    acme_ca_audit_t   audit;

    fixture_start();

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));

    audit.actor = "client";
    audit.action = "new-order";
    audit.refused = ACME_CA_AUDIT_REFUSED;
    fixture_str(&audit.reason, "rejectedIdentifier");
    audit.account_id = 5;
    fixture_str(&audit.user_agent, "certbot \377 \033[2J");

    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "audit_add");
    audit.refused = ACME_CA_AUDIT_FAILED;
    is_int(acme_ca_store_audit_add(store, &audit, NOW), NGX_OK, "failed");

    is_int(fixture_count("SELECT count(*) FROM acme_audit_logs WHERE at = "
                         "1800000000 AND actor = 'client' AND action = "
                         "'new-order' AND outcome = 'refused' AND reason = "
                         "'rejectedIdentifier' AND account_id = 5 AND order_id "
                         "IS NULL AND details IS NULL"), 1, "the row");

    is_int(sqlite3_exec(store->db, "UPDATE acme_audit_logs SET at = 1", NULL,
                        NULL, &error), SQLITE_CONSTRAINT_TRIGGER,
           "no row is changed");
    sqlite3_free(error);
    is_int(sqlite3_exec(store->db, "DELETE FROM acme_audit_logs", NULL, NULL,
                        &error), SQLITE_CONSTRAINT_TRIGGER,
           "no row is removed");
    sqlite3_free(error);

    fixture_stop();
}


static void
test_savepoints(void)
{
    acme_ca_account_t  account;

    fixture_start();

    is_int(acme_ca_store_begin(store), NGX_OK, "begin");

    is_int(acme_ca_store_savepoint(store), NGX_OK, "savepoint");
    fixture_account(&account, 2);
    (void) acme_ca_store_account_add(store, &account);
    is_int(acme_ca_store_release(store), NGX_OK, "release");

    (void) acme_ca_store_savepoint(store);
    fixture_account(&account, 3);
    (void) acme_ca_store_account_add(store, &account);
    is_int(acme_ca_store_rollback_to(store), NGX_OK, "rollback_to");
    is_int(acme_ca_store_release(store), NGX_OK, "a release too many is none");

    (void) acme_ca_store_savepoint(store);
    fixture_account(&account, 4);
    (void) acme_ca_store_account_add(store, &account);
    (void) acme_ca_store_savepoint(store);
    fixture_account(&account, 5);
    (void) acme_ca_store_account_add(store, &account);
    is_int(acme_ca_store_rollback_to(store), NGX_OK, "inside another");
    is_int(acme_ca_store_release(store), NGX_OK, "which is released");

    is_int(acme_ca_store_commit(store), NGX_OK, "commit");
    is_int(fixture_count("SELECT sum(substr(hex(thumbprint), 2, 1)) FROM "
                         "acme_accounts"), 1 + 2 + 4, "1, 2 and 4 are there");

    (void) acme_ca_store_begin(store);
    fixture_account(&account, 6);
    (void) acme_ca_store_account_add(store, &account);
    acme_ca_store_rollback(store);
    acme_ca_store_rollback(store);
    is_int(fixture_count("SELECT count(*) FROM acme_accounts"), 3,
           "rollback, and one too many");

    (void) acme_ca_store_begin(store);
    fixture_account(&account, 7);
    (void) acme_ca_store_account_add(store, &account);
    acme_ca_store_close(store);
    store = fixture_open(ACME_CA_STORE_WRITE);
    is_int(fixture_count("SELECT count(*) FROM acme_accounts"), 3,
           "close rolls back");

    fixture_stop();
}


static void
test_ids(void)
{
    u_char      text[ACME_CA_ID_LEN], again[ACME_CA_ID_LEN];
    int64_t     id;
    ngx_str_t   s;
    ngx_uint_t  i, kind, other;

    static const int64_t  ids[] = { 1, 2, 255, 65536, 1LL << 40, INT64_MAX };

    fixture_start();

    s.data = text;
    s.len = ACME_CA_ID_LEN;

    for (kind = ACME_CA_ID_ACCOUNT; kind <= ACME_CA_ID_CERTIFICATE; kind++) {
        for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
            (void) acme_ca_store_id_write(store, kind, ids[i], text);
            id = 0;
            ok(acme_ca_store_id_parse(store, kind, &s, &id) == NGX_OK
               && id == ids[i], "kind %d, id %lld", (int) kind,
               (long long) ids[i]);
        }

        for (other = 0; other < 256; other++) {
            if (other != kind
                && acme_ca_store_id_parse(store, other, &s, &id)
                   != NGX_DECLINED)
            {
                break;
            }
        }

        is_int(other, 256, "no other kind takes it");
    }

    /* the same after a restart, another in another database */

    acme_ca_store_close(store);
    store = fixture_open(ACME_CA_STORE_READ);
    (void) acme_ca_store_id_write(store, ACME_CA_ID_CERTIFICATE, INT64_MAX,
                                  again);
    ok(memcmp(text, again, ACME_CA_ID_LEN) == 0, "a key of the database");
    acme_ca_store_close(store);
    store = fixture_new();
    is_int(acme_ca_store_id_parse(store, ACME_CA_ID_CERTIFICATE, &s, &id),
           NGX_DECLINED, "and of no other one");

    fixture_stop();
}


static void
test_ids_tampered(void)
{
    u_char      text[ACME_CA_ID_LEN], block[16], bytes[18];
    int64_t     id;
    ngx_str_t   s, b;
    ngx_uint_t  i, taken;

    fixture_start();

    s.data = text;
    taken = 0;

    for (i = 0; i < 22 * 255; i++) {
        (void) acme_ca_store_id_write(store, ACME_CA_ID_ORDER, 1, text);
        text[i / 255] ^= (u_char) (i % 255 + 1);
        s.len = ACME_CA_ID_LEN;
        taken += acme_ca_store_id_parse(store, ACME_CA_ID_ORDER, &s, &id)
                 != NGX_DECLINED;
    }

    is_int(taken, 0, "no change of one byte is taken");

    (void) acme_ca_store_id_write(store, ACME_CA_ID_ORDER, 1, text);

    for (s.len = 0; s.len < ACME_CA_ID_LEN; s.len++) {
        taken += acme_ca_store_id_parse(store, ACME_CA_ID_ORDER, &s, &id)
                 != NGX_DECLINED;
    }

    is_int(taken, 0, "nor a shorter one");

    for (i = 0; i < 20000; i++) {
        (void) acme_ca_random(block, 16);
        (void) acme_ca_base64url_write(text, block, 16);
        s.len = ACME_CA_ID_LEN;
        taken += acme_ca_store_id_parse(store, ACME_CA_ID_ORDER, &s, &id)
                 != NGX_DECLINED;
    }

    is_int(taken, 0, "nor a guessed one");

    (void) acme_ca_store_id_write(store, ACME_CA_ID_ORDER, 0, text);
    is_int(acme_ca_store_id_parse(store, ACME_CA_ID_ORDER, &s, &id),
           NGX_DECLINED, "nor id 0");
    (void) acme_ca_store_id_write(store, ACME_CA_ID_ORDER, -1, text);
    is_int(acme_ca_store_id_parse(store, ACME_CA_ID_ORDER, &s, &id),
           NGX_DECLINED, "nor a negative one");

    b.data = bytes;
    (void) acme_ca_store_id_write(store, ACME_CA_ID_ORDER, 1, text);
    is_int(ngx_decode_base64url(&b, &s), NGX_OK, "(base64url)");

    fixture_stop();
}
