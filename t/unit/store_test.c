
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store: the objects of RFC 8555: every statement, every compare-and-set,
 * uniqueness.  See also store_job_test.c and store_fault_test.c.
 */


#include "store_fixture.h"

#include "acme_ca_store_ocsp.h"


static void test_account(void);
static void test_account_key(void);
static void test_order(void);
static void test_order_states(void);
static void test_order_list(void);
static void test_authz(void);
static void test_identifiers(void);
static void test_challenge(void);
static void test_certificate(void);
static void test_serial(void);
static void test_revocation(void);
static void test_begin_read(void);


int
main(void)
{
    fixture_begin();

    test_account();
    test_account_key();
    test_order();
    test_order_states();
    test_order_list();
    test_authz();
    test_identifiers();
    test_challenge();
    test_certificate();
    test_serial();
    test_revocation();
    test_begin_read();

    fixture_end();

    return done_testing();
}


static void
test_account(void)
{
    ngx_str_t          contact;
    acme_ca_account_t  account, found;

    fixture_start();

    is_int(account_id, 1, "account_add answers the id");

    fixture_account(&account, 1);
    is_int(acme_ca_store_account_add(store, &account), NGX_DECLINED,
           "account_add: the key has one already");
    is_int(shim_logged[0], 0, "which is no error");

    fixture_account(&account, 2);
    account.terms_agreed_at = NOW;
    is_int(acme_ca_store_account_add(store, &account), NGX_OK, "a second one");

    is_int(acme_ca_store_account_find(store, pool, account.id, &found), NGX_OK,
           "account_find");
    is_int(found.id, account.id, "id");
    is_int(found.status, ACME_CA_VALID, "status");
    is_str(&found.jwk, "{\"kty\":\"EC\"}", "jwk");
    is_str(&found.contact, "[]", "contact");
    is_int(found.terms_agreed_at, NOW, "terms_agreed_at");
    is_int(found.created_at, NOW, "created_at");
    ok(memcmp(found.thumbprint, account.thumbprint, 32) == 0, "thumbprint");

    is_int(acme_ca_store_account_find(store, pool, 77, &found), NGX_DECLINED,
           "account_find: absent");
    is_int(acme_ca_store_account_find_key(store, pool, account.thumbprint,
                                          &found), NGX_OK, "account_find_key");
    is_int(found.id, account.id, "the same");

    fixture_str(&contact, "[\"mailto:a@example.com\"]");
    is_int(acme_ca_store_account_set_contact(store, account.id, &contact, 0,
                                             NOW), NGX_OK, "set_contact");
    (void) acme_ca_store_account_find(store, pool, account.id, &found);
    is_str(&found.contact, "[\"mailto:a@example.com\"]", "contact is set");
    is_int(found.terms_agreed_at, NOW, "terms stay agreed to");

    is_int(acme_ca_store_account_set_status(store, account.id, ACME_CA_VALID,
                                            ACME_CA_DEACTIVATED, NOW), NGX_OK,
           "set_status");
    is_int(acme_ca_store_account_set_status(store, account.id, ACME_CA_VALID,
                                            ACME_CA_DEACTIVATED, NOW),
           NGX_DECLINED, "set_status: not any more");
    is_int(acme_ca_store_account_set_contact(store, account.id, &contact, 0,
                                             NOW), NGX_DECLINED,
           "set_contact: deactivated");
    (void) acme_ca_store_account_find(store, pool, account.id, &found);
    is_int(found.status, ACME_CA_DEACTIVATED, "deactivated");

    fixture_stop();
}


static void
test_account_key(void)
{
    u_char             one[32], two[32], three[32];
    ngx_str_t          jwk;
    acme_ca_account_t  account, found;

    fixture_start();

    ngx_memset(one, 1, 32);
    ngx_memset(two, 2, 32);
    ngx_memset(three, 3, 32);

    fixture_account(&account, 2);
    (void) acme_ca_store_account_add(store, &account);

    fixture_str(&jwk, "{\"kty\":\"RSA\"}");

    is_int(acme_ca_store_account_set_key(store, account_id, one, two, &jwk,
                                         NOW), NGX_DECLINED,
           "set_key: another account has the new key");
    is_int(acme_ca_store_account_set_key(store, account_id, three, one, &jwk,
                                         NOW), NGX_DECLINED,
           "set_key: the old key is another one");
    is_int(acme_ca_store_account_set_key(store, account_id, one, three, &jwk,
                                         NOW), NGX_OK, "set_key");
    is_int(acme_ca_store_account_find_key(store, pool, three, &found), NGX_OK,
           "the new key finds it");
    is_str(&found.jwk, "{\"kty\":\"RSA\"}", "jwk");
    is_int(acme_ca_store_account_find_key(store, pool, one, &found),
           NGX_DECLINED, "the old one does not");

    fixture_stop();
}


static void
test_order(void)
{
    acme_ca_order_t  order, found;

    fixture_start();

    fixture_order(&order, account_id);
    fixture_str(&order.profile, "default");
    order.profile_asked = 1;
    order.not_before = NOW + 1;
    order.not_after = NOW + 2;

    is_int(acme_ca_store_order_add(store, &order), NGX_OK, "order_add");
    is_int(acme_ca_store_order_find(store, pool, order.id, &found), NGX_OK,
           "order_find");
    is_int(found.account_id, account_id, "account_id");
    is_int(found.status, ACME_CA_PENDING, "status");
    is_str(&found.profile, "default", "profile");
    is_int(found.profile_asked, 1, "profile_asked");
    is_int(found.not_before, NOW + 1, "not_before");
    is_int(found.not_after, NOW + 2, "not_after");
    is_int(found.error.len, 0, "error");
    is_int(found.certificate_id, 0, "certificate_id");
    is_int(found.created_at, NOW, "created_at");
    is_int(found.expires_at, NOW + 86400, "expires_at");

    is_int(acme_ca_store_order_find(store, pool, 77, &found), NGX_DECLINED,
           "order_find: absent");

    fixture_order(&order, 77);
    is_int(acme_ca_store_order_add(store, &order), NGX_ERROR,
           "order_add: no such account");
    ok(strstr(shim_logged, "order_add") != NULL, "the log names the statement");

    fixture_stop();
}


static void
test_order_states(void)
{
    ngx_str_t              error;
    acme_ca_order_t        order, found;
    acme_ca_certificate_t  certificate;

    fixture_start();

    fixture_order(&order, account_id);
    (void) acme_ca_store_order_add(store, &order);

    is_int(acme_ca_store_order_set_status(store, order.id, ACME_CA_READY,
                                          ACME_CA_VALID, NULL, 0, NOW),
           NGX_DECLINED, "set_status: pending, not ready");
    is_int(acme_ca_store_order_set_status(store, order.id, ACME_CA_PENDING,
                                          ACME_CA_READY, NULL, 0, NOW),
           NGX_OK, "pending -> ready");
    is_int(acme_ca_store_order_set_status(store, order.id, ACME_CA_READY,
                                          ACME_CA_VALID, NULL, 0, NOW),
           NGX_ERROR, "valid needs a certificate");
    is_int(acme_ca_store_order_set_status(store, order.id, ACME_CA_READY,
                                          ACME_CA_VALID, NULL, 77, NOW),
           NGX_ERROR, "one that exists");

    fixture_certificate(&certificate, account_id, "s1");
    (void) acme_ca_store_certificate_add(store, &certificate);

    is_int(acme_ca_store_order_set_status(store, order.id, ACME_CA_READY,
                                          ACME_CA_VALID, NULL, certificate.id,
                                          NOW), NGX_OK, "ready -> valid");
    (void) acme_ca_store_order_find(store, pool, order.id, &found);
    is_int(found.certificate_id, certificate.id, "certificate_id");

    fixture_order(&order, account_id);
    (void) acme_ca_store_order_add(store, &order);
    fixture_str(&error, "{\"type\":\"about:blank\"}");

    is_int(acme_ca_store_order_set_status(store, order.id, ACME_CA_PENDING,
                                          ACME_CA_INVALID, &error, 0, NOW),
           NGX_OK, "pending -> invalid");
    (void) acme_ca_store_order_find(store, pool, order.id, &found);
    is_str(&found.error, "{\"type\":\"about:blank\"}", "error");

    fixture_stop();
}


static void
test_order_list(void)
{
    int64_t          *id;
    ngx_uint_t        i;
    ngx_array_t      *ids;
    acme_ca_order_t   order;

    fixture_start();

    for (i = 0; i < 5; i++) {
        fixture_order(&order, account_id);
        (void) acme_ca_store_order_add(store, &order);
    }

    (void) acme_ca_store_order_set_status(store, 4, ACME_CA_PENDING,
                                          ACME_CA_INVALID, NULL, 0, NOW);

    is_int(acme_ca_store_order_list(store, pool, account_id, 0, 2, &ids),
           NGX_OK, "order_list");
    id = ids->elts;
    ok(ids->nelts == 2 && id[0] == 5 && id[1] == 3,
       "newest first, without the invalid one");

    is_int(acme_ca_store_order_list(store, pool, account_id, 3, 9, &ids),
           NGX_OK, "the next page");
    id = ids->elts;
    ok(ids->nelts == 2 && id[0] == 2 && id[1] == 1, "the rest");

    is_int(acme_ca_store_order_list(store, pool, 77, 0, 9, &ids), NGX_OK,
           "nobody's list");
    is_int(ids->nelts, 0, "is empty");

    fixture_stop();
}


static void
test_authz(void)
{
    int64_t          id;
    acme_ca_authz_t  authz, found;

    fixture_start();

    fixture_authz(&authz, account_id, "a.example");
    authz.identifier.wildcard = 1;

    is_int(acme_ca_store_authz_add(store, &authz), NGX_OK, "authz_add");
    is_int(acme_ca_store_authz_find(store, pool, authz.id, &found), NGX_OK,
           "authz_find");
    is_int(found.account_id, account_id, "account_id");
    is_int(found.identifier.type, ACME_CA_IDENTIFIER_DNS, "type");
    is_str(&found.identifier.value, "a.example", "value");
    is_int(found.identifier.wildcard, 1, "wildcard");
    is_int(found.status, ACME_CA_PENDING, "status");
    is_int(found.expires_at, NOW + 86400, "expires_at");
    is_int(acme_ca_store_authz_find(store, pool, 77, &found), NGX_DECLINED,
           "authz_find: absent");

    is_int(acme_ca_store_authz_find_valid(store, account_id, &authz.identifier,
                                          0, NOW, &id), NGX_DECLINED,
           "find_valid: pending");
    is_int(acme_ca_store_authz_set_status(store, authz.id, ACME_CA_PENDING,
                                          ACME_CA_VALID, NOW + 99, NOW),
           NGX_OK, "pending -> valid");
    is_int(acme_ca_store_authz_set_status(store, authz.id, ACME_CA_PENDING,
                                          ACME_CA_INVALID, 0, NOW),
           NGX_DECLINED, "not pending any more");
    is_int(acme_ca_store_authz_find_valid(store, account_id, &authz.identifier,
                                          0, NOW, &id), NGX_OK, "find_valid");
    is_int(id, authz.id, "id");
    is_int(acme_ca_store_authz_find_valid(store, account_id, &authz.identifier,
                                          0, NOW + 99, &id), NGX_DECLINED,
           "find_valid: expired");
    is_int(acme_ca_store_authz_find_valid(store, 77, &authz.identifier, 0,
                                          NOW, &id), NGX_DECLINED,
           "find_valid: another account");

    authz.identifier.wildcard = 0;
    is_int(acme_ca_store_authz_find_valid(store, account_id, &authz.identifier,
                                          0, NOW, &id), NGX_DECLINED,
           "find_valid: a wildcard's is not the name's");

    authz.identifier.wildcard = 1;
    authz.identifier.type = ACME_CA_IDENTIFIER_IP;
    is_int(acme_ca_store_authz_find_valid(store, account_id, &authz.identifier,
                                          0, NOW, &id), NGX_DECLINED,
           "find_valid: another type");

    is_int(acme_ca_store_authz_set_status(store, authz.id, ACME_CA_VALID,
                                          ACME_CA_DEACTIVATED, 0, NOW),
           NGX_OK, "valid -> deactivated");
    (void) acme_ca_store_authz_find(store, pool, authz.id, &found);
    is_int(found.expires_at, NOW + 99, "expires_at stays");

    fixture_stop();
}


static void
test_identifiers(void)
{
    int64_t                     *id;
    ngx_uint_t                   n;
    ngx_array_t                 *list;
    acme_ca_authz_t              dns, ip, found;
    acme_ca_order_t              order;
    acme_ca_order_identifier_t  *oi;

    fixture_start();

    fixture_order(&order, account_id);
    (void) acme_ca_store_order_add(store, &order);

    fixture_authz(&dns, account_id, "b.example");
    (void) acme_ca_store_authz_add(store, &dns);
    fixture_authz(&ip, account_id, "10.0.0.1");
    ip.identifier.type = ACME_CA_IDENTIFIER_IP;
    (void) acme_ca_store_authz_add(store, &ip);

    is_int(acme_ca_store_order_add_identifier(store, order.id, 0,
                                              &ip.identifier, ip.id),
           NGX_OK, "add_identifier: ip");
    is_int(acme_ca_store_order_add_identifier(store, order.id, 1,
                                              &dns.identifier, dns.id),
           NGX_OK, "add_identifier: dns");
    is_int(acme_ca_store_order_add_identifier(store, order.id, 2,
                                              &dns.identifier, 77),
           NGX_ERROR, "add_identifier: no such authorization");

    is_int(acme_ca_store_order_list_identifiers(store, pool, order.id, &list),
           NGX_OK, "list_identifiers");
    oi = list->elts;
    is_int(list->nelts, 2, "two");
    is_str(&oi[0].identifier.value, "10.0.0.1", "the order's order");
    is_int(oi[0].identifier.address_len, 4, "an address has its bytes");
    ok(memcmp(oi[0].identifier.address, "\012\0\0\001", 4) == 0, "these");
    is_int(oi[1].authz_id, dns.id, "authz_id");
    is_int(oi[1].authz_status, ACME_CA_PENDING, "authz_status");
    is_int(oi[1].authz_expires_at, NOW + 86400, "authz_expires_at");

    (void) acme_ca_store_authz_find(store, pool, ip.id, &found);
    is_int(found.identifier.address_len, 4, "authz_find: address");

    is_int(acme_ca_store_order_get_open(store, order.id, &n), NGX_OK,
           "get_open");
    is_int(n, 2, "both are open");
    (void) acme_ca_store_authz_set_status(store, dns.id, ACME_CA_PENDING,
                                          ACME_CA_VALID, 0, NOW);
    (void) acme_ca_store_order_get_open(store, order.id, &n);
    is_int(n, 1, "one is open");

    is_int(acme_ca_store_order_list_by_authz(store, pool, dns.id,
                                             ACME_CA_PENDING, &list),
           NGX_OK, "list_by_authz");
    id = list->elts;
    ok(list->nelts == 1 && id[0] == order.id, "the order");
    (void) acme_ca_store_order_list_by_authz(store, pool, dns.id,
                                             ACME_CA_READY, &list);
    is_int(list->nelts, 0, "none that is ready");

    is_int(acme_ca_store_order_list_stale(store, pool, order.id, 0, &list),
           NGX_OK, "list_stale");
    is_int(list->nelts, 0, "nothing is proven");

    is_int(fixture_count("PRAGMA foreign_keys"), 1, "keys are on");

    fixture_stop();
}


static void
test_challenge(void)
{
    ngx_str_t             error;
    ngx_array_t          *list;
    acme_ca_authz_t       authz;
    acme_ca_challenge_t   challenge, found, *c;

    fixture_start();

    fixture_authz(&authz, account_id, "a.example");
    (void) acme_ca_store_authz_add(store, &authz);
    fixture_challenge(&challenge, authz.id);

    is_int(acme_ca_store_challenge_add(store, &challenge), NGX_OK,
           "challenge_add");
    is_int(acme_ca_store_challenge_find(store, pool, challenge.id, &found),
           NGX_OK, "challenge_find");
    is_int(found.id, challenge.id, "id");
    is_int(found.type, ACME_CA_HTTP_01, "type");
    is_int(found.status, ACME_CA_PENDING, "status");
    is_str(&found.token, "token", "token");
    is_int(found.validated_at, 0, "validated_at");
    is_int(fixture_count("SELECT id FROM acme_challenges"),
           challenge.id, "SQL sees the same id");
    is_int(acme_ca_store_challenge_find(store, pool, challenge.id + 1, &found),
           NGX_DECLINED, "challenge_find: another type");

    is_int(acme_ca_store_challenge_set_status(store, challenge.id,
               ACME_CA_PROCESSING, ACME_CA_VALID, NULL, NOW), NGX_DECLINED,
           "set_status: pending, not processing");
    (void) acme_ca_store_challenge_set_status(store, challenge.id,
               ACME_CA_PENDING, ACME_CA_PROCESSING, NULL, NOW);
    (void) acme_ca_store_challenge_find(store, pool, challenge.id, &found);
    is_int(found.validated_at, 0, "processing is not validated");
    is_int(acme_ca_store_challenge_set_status(store, challenge.id,
               ACME_CA_PROCESSING, ACME_CA_VALID, NULL, NOW + 5), NGX_OK,
           "processing -> valid");

    is_int(acme_ca_store_challenge_list(store, pool, authz.id, &list), NGX_OK,
           "challenge_list");
    c = list->elts;
    is_int(list->nelts, 1, "one");
    is_int(c[0].status, ACME_CA_VALID, "valid");
    is_int(c[0].validated_at, NOW + 5, "validated_at");

    fixture_authz(&authz, account_id, "b.example");
    (void) acme_ca_store_authz_add(store, &authz);
    fixture_challenge(&challenge, authz.id);
    (void) acme_ca_store_challenge_add(store, &challenge);
    (void) acme_ca_store_challenge_set_status(store, challenge.id,
               ACME_CA_PENDING, ACME_CA_PROCESSING, NULL, NOW);
    fixture_str(&error, "{}");
    (void) acme_ca_store_challenge_set_status(store, challenge.id,
               ACME_CA_PROCESSING, ACME_CA_INVALID, &error, NOW);
    (void) acme_ca_store_challenge_find(store, pool, challenge.id, &found);
    is_str(&found.error, "{}", "error");
    is_int(found.validated_at, 0, "an invalid one was not validated");

    fixture_stop();
}


static void
test_certificate(void)
{
    acme_ca_certificate_t  certificate, found;

    fixture_start();

    fixture_certificate(&certificate, account_id, "serial-1");
    fixture_str(&certificate.profile, "default");
    certificate.order_id = 5;

    is_int(acme_ca_store_certificate_add(store, &certificate), NGX_OK,
           "certificate_add");
    is_int(acme_ca_store_certificate_find(store, pool, certificate.id, &found),
           NGX_OK, "certificate_find");
    is_int(found.order_id, 5, "order_id");
    is_int(found.account_id, account_id, "account_id");
    is_int(found.issuer_id, issuer_id, "issuer_id");
    is_int(found.status, ACME_CA_VALID, "status");
    is_str(&found.serial, "serial-1", "serial");
    is_int(found.fingerprint[31], 7, "fingerprint");
    is_str(&found.common_name, "a.example", "common_name");
    is_str(&found.sans, "dns:a.example", "sans");
    is_str(&found.key_type, "EC P-256", "key_type");
    is_str(&found.profile, "default", "profile");
    is_int(found.not_before, NOW, "not_before");
    is_int(found.not_after, NOW + 7776000, "not_after");
    is_int(found.der.len, 4, "der");
    is_int(found.created_at, NOW, "created_at");
    is_int(found.revoked_at, 0, "revoked_at");
    is_int(found.revocation_reason, -1, "revocation_reason");
    is_int(found.first_download_at, 0, "first_download_at");

    is_int(acme_ca_store_certificate_add(store, &certificate), NGX_DECLINED,
           "certificate_add: the serial exists");

    (void) acme_ca_store_certificate_set_download(store, certificate.id, NOW);
    is_int(acme_ca_store_certificate_set_download(store, certificate.id,
                                                  NOW + 9), NGX_OK,
           "set_download");
    (void) acme_ca_store_certificate_find(store, pool, certificate.id, &found);
    is_int(found.first_download_at, NOW, "the first one stays");
    is_int(found.last_download_at, NOW + 9, "the last one moves");

    fixture_certificate(&certificate, 0, "serial-3");
    is_int(acme_ca_store_certificate_add(store, &certificate), NGX_OK,
           "the CA's own");
    (void) acme_ca_store_certificate_find(store, pool, certificate.id, &found);
    ok(found.account_id == 0 && found.order_id == 0, "has no account or order");

    fixture_stop();
}


/* RFC 5280, 4.1.2.2: each issuer has its own */

static void
test_serial(void)
{
    time_t                 revoked_at;
    int64_t                other_id;
    ngx_int_t              reason;
    ngx_str_t              serial, name;
    ngx_array_t           *ids;
    acme_ca_status_e       status;
    acme_ca_certificate_t  ours, other, found;

    fixture_start();

    fixture_str(&name, "other");
    (void) acme_ca_store_issuer_add(store, &name, &name, &name, NOW, NOW, NOW,
                                    &other_id);

    fixture_certificate(&ours, account_id, "serial-1");
    fixture_certificate(&other, 0, "serial-1");
    other.issuer_id = other_id;
    other.fingerprint[31] = 8;

    is_int(acme_ca_store_certificate_add(store, &ours), NGX_OK, "one");
    is_int(acme_ca_store_certificate_add(store, &other), NGX_OK,
           "the same of another issuer");
    is_int(acme_ca_store_certificate_add(store, &other), NGX_DECLINED,
           "and no third one");

    fixture_str(&serial, "serial-1");

    is_int(acme_ca_store_certificate_find_serial(store, pool, &serial,
                                                 issuer_id, &found),
           NGX_OK, "find_serial");
    is_int(found.id, ours.id, "of the one");
    is_int(acme_ca_store_certificate_find_serial(store, pool, &serial,
                                                 other_id, &found),
           NGX_OK, "find_serial");
    is_int(found.id, other.id, "of the other");
    is_int(acme_ca_store_certificate_find_serial(store, pool, &serial, 99,
                                                 &found),
           NGX_DECLINED, "find_serial: no such issuer");

    is_int(acme_ca_store_certificate_find_exact(store, pool, &serial,
                                                other.fingerprint, &found),
           NGX_OK, "find_exact");
    is_int(found.id, other.id, "by its bytes");
    other.fingerprint[31] = 9;
    is_int(acme_ca_store_certificate_find_exact(store, pool, &serial,
                                                other.fingerprint, &found),
           NGX_DECLINED, "find_exact: absent");

    is_int(acme_ca_store_certificate_list_serial(store, pool, &serial, &ids),
           NGX_OK, "list_serial");
    is_int(ids->nelts, 2, "both");

    (void) acme_ca_store_certificate_set_revoked(store, other.id, 1, NOW);
    is_int(acme_ca_store_ocsp_find_status(store, serial.data, serial.len,
                                          issuer_id, &status, &revoked_at,
                                          &reason),
           NGX_OK, "OCSP");
    is_int(status, ACME_CA_VALID, "the one is good");
    (void) acme_ca_store_ocsp_find_status(store, serial.data, serial.len,
                                          other_id, &status, &revoked_at,
                                          &reason);
    is_int(status, ACME_CA_REVOKED, "the other one is revoked");

    fixture_str(&serial, "serial-2");
    is_int(acme_ca_store_certificate_list_serial(store, pool, &serial, &ids),
           NGX_OK, "list_serial: absent");
    is_int(ids->nelts, 0, "nobody's");

    is_int(acme_ca_store_issuer_list_named(store, pool, &name, &ids), NGX_OK,
           "issuer_list_named");
    ok(ids->nelts == 1 && *(int64_t *) ids->elts == other_id, "by its name");

    fixture_stop();
}


static void
test_revocation(void)
{
    acme_ca_certificate_t  certificate, found;

    fixture_start();

    fixture_certificate(&certificate, account_id, "s1");
    (void) acme_ca_store_certificate_add(store, &certificate);

    is_int(acme_ca_store_certificate_set_revoked(store, certificate.id, 7,
                                                 NOW), NGX_OK, "reason 7");
    fixture_certificate(&certificate, account_id, "s2");
    (void) acme_ca_store_certificate_add(store, &certificate);
    is_int(acme_ca_store_certificate_set_revoked(store, certificate.id, 99,
                                                 NOW), NGX_ERROR,
           "no such reason");
    is_int(acme_ca_store_certificate_set_revoked(store, certificate.id, -1,
                                                 NOW), NGX_OK, "set_revoked");
    is_int(acme_ca_store_certificate_set_revoked(store, certificate.id, 1,
                                                 NOW), NGX_DECLINED, "once");
    (void) acme_ca_store_certificate_find(store, pool, certificate.id, &found);
    is_int(found.status, ACME_CA_REVOKED, "status");
    is_int(found.revoked_at, NOW, "revoked_at");
    is_int(found.revocation_reason, -1, "none given");

    (void) acme_ca_store_certificate_find(store, pool, 1, &found);
    is_int(found.revocation_reason, 7, "the reason");

    fixture_stop();
}


static void
test_begin_read(void)
{
    acme_ca_store_t    *reader;
    acme_ca_account_t   account, found;

    fixture_start();

    reader = fixture_open(ACME_CA_STORE_READ);

    acme_ca_store_begin_read(reader);
    is_int(acme_ca_store_account_find(reader, pool, account_id, &found),
           NGX_OK, "begin_read: the first read");

    fixture_account(&account, 2);
    is_int(acme_ca_store_account_add(store, &account), NGX_OK,
           "does not stop a writer");
    is_int(acme_ca_store_account_find(reader, pool, account.id, &found),
           NGX_DECLINED, "the second one sees what the first one saw");

    acme_ca_store_end_read(reader);
    is_int(acme_ca_store_account_find(reader, pool, account.id, &found),
           NGX_OK, "end_read: what was written meanwhile");
    is_int(sqlite3_wal_checkpoint_v2(store->db, NULL,
                                     SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
           SQLITE_OK, "and no checkpoint is stopped");
    is_int(shim_logged[0], 0, "nothing is logged");

    acme_ca_store_close(reader);

    fixture_stop();
}
