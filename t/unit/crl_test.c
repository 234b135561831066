
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * pki/acme_ca_crl.c, store/acme_ca_store_crl.c: lists are read and verified by
 * OpenSSL, and hold what the database says, with each kind of key, of each
 * part, and without memory.
 */


#include "pki.h"
#include "store_fixture.h"

#include "acme_ca_crl.h"
#include "acme_ca_store_crl.h"


#define HOUR  3600


static acme_ca_issuer_t *crl_issuer(acme_ca_ctx_t *ctx, const char *kind);
static X509_CRL *crl_read(ngx_str_t *der);
static void crl_list(acme_ca_crl_list_t *list, acme_ca_issuer_t *issuer,
    u_char *room, size_t size);

static int crl_name(GENERAL_NAMES *names, int i, const char *url);

static void test_empty(void);
static void test_entries(void);
static void test_points(void);
static void test_room(void);
static void test_names(void);
static void test_memory(void);
static void test_claims(void);
static void test_revoked(void);
static void test_due(void);


int
main(void)
{
    test_empty();
    test_entries();
    test_points();
    test_room();
    test_names();
    test_memory();

    fixture_begin();

    test_claims();
    test_revoked();
    test_due();

    fixture_end();

    return done_testing();
}


static acme_ca_issuer_t *
crl_issuer(acme_ca_ctx_t *ctx, const char *kind)
{
    X509              *cert;
    EVP_PKEY          *key;
    ngx_str_t          pem, error;
    acme_ca_issuer_t  *issuer;

    issuer = NULL;
    pem = pki_lit("");
    key = pki_key(kind);

    cert = pki_ca("CRL CA", key, NULL, NULL, PKI_NOW - HOUR,
                  PKI_NOW + 365 * 24 * HOUR, pki_ca_exts);
    pki_pem(ctx->pool, cert, &pem);

    is_int(acme_ca_issuer_load(ctx->pool, &pem, key, PKI_NOW, &issuer, &error),
           NGX_OK, "an issuer with %s", kind);

    X509_free(cert);
    EVP_PKEY_free(key);

    return issuer;
}


static X509_CRL *
crl_read(ngx_str_t *der)
{
    X509_CRL      *crl;
    const u_char  *p;

    p = der->data;
    crl = d2i_X509_CRL(NULL, &p, der->len);

    ok(crl != NULL && p == der->data + der->len, "OpenSSL reads all of it");

    return crl;
}


static void
crl_list(acme_ca_crl_list_t *list, acme_ca_issuer_t *issuer, u_char *room,
    size_t size)
{
    memset(list, 0, sizeof(acme_ca_crl_list_t));

    list->issuer = issuer;
    list->crl.shards = 1;
    list->crl.number = 0x80ff;
    list->crl.this_update = PKI_NOW;
    list->crl.next_update = (time_t) 2524608000 + HOUR;

    acme_ca_crl_start(list, room, size);
}


static void
test_empty(void)
{
    u_char               room[4096];
    X509_CRL            *crl;
    ngx_str_t            der;
    ngx_uint_t           i;
    ASN1_INTEGER        *number;
    acme_ca_ctx_t        ctx;
    AUTHORITY_KEYID     *authority;
    acme_ca_issuer_t    *issuer;
    acme_ca_crl_list_t   list;

    static const char  *kinds[] = { "P-256", "P-384", "P-521", "2048",
                                    "ED25519" };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        pki_start(&ctx);

        issuer = crl_issuer(&ctx, kinds[i]);
        ok(issuer->crl_sign, "may sign CRLs");

        crl_list(&list, issuer, room, sizeof(room));
        is_int(acme_ca_crl_sign(&ctx, &list, &der), NGX_OK, "signed");

        crl = crl_read(&der);

        is_int(X509_CRL_verify(crl, issuer->key), 1, "verified");
        is_int(X509_CRL_get_version(crl), 1, "version 2");
        ok(X509_CRL_get_REVOKED(crl) == NULL, "no list of entries");
        is_int(ASN1_STRING_type(X509_CRL_get0_lastUpdate(crl)),
               V_ASN1_UTCTIME, "thisUpdate until 2049");
        is_int(ASN1_STRING_type(X509_CRL_get0_nextUpdate(crl)),
               V_ASN1_GENERALIZEDTIME, "nextUpdate from 2050 on");
        is_int(X509_CRL_get_ext_count(crl), 2, "two extensions");

        number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
        is_int(ASN1_INTEGER_get(number), 0x80ff, "the number is positive");
        ASN1_INTEGER_free(number);

        authority = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier,
                                         NULL, NULL);
        ok(ASN1_STRING_length(authority->keyid) == (int) issuer->key_id.len
           && memcmp(ASN1_STRING_get0_data(authority->keyid),
                     issuer->key_id.data, issuer->key_id.len)
              == 0,
           "the issuer's key identifier");
        AUTHORITY_KEYID_free(authority);

        X509_CRL_free(crl);
        pki_stop(&ctx);
    }
}


static void
test_entries(void)
{
    u_char              *room;
    size_t               size;
    X509_CRL            *crl;
    ngx_str_t            der;
    ngx_uint_t           i;
    X509_REVOKED        *revoked;
    acme_ca_ctx_t        ctx;
    ASN1_ENUMERATED     *reason;
    acme_ca_issuer_t    *issuer;
    acme_ca_revoked_t    entry;
    acme_ca_crl_list_t   list;
    ASN1_GENERALIZEDTIME
                        *invalid;

    static const struct {
        ngx_str_t   serial;
        ngx_int_t   reason;
        time_t      invalidity_at;
        int         extensions;
    } entries[] = {
        { ngx_string("\x01"), -1, 0, 0 },
        { ngx_string("\x80"), 0, 0, 0 },
        { ngx_string("\x7f\xff"), 1, 0, 1 },
        { ngx_string("\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), 6,
          PKI_NOW - HOUR, 2 },
        { ngx_string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\xff\xff\xff\xff\xff\xff\xff"), 10, 1, 2 }
    };

    pki_start(&ctx);
    issuer = crl_issuer(&ctx, "P-256");

    list.issuer = issuer;
    memset(&list.crl, 0, sizeof(acme_ca_crl_t));

    size = acme_ca_crl_size(&list, 5);
    room = malloc(size);
    crl_list(&list, issuer, room, size);

    for (i = 0; i < 5; i++) {
        entry.serial = entries[i].serial;
        entry.revoked_at = PKI_NOW - i;
        entry.reason = entries[i].reason;
        entry.invalidity_at = entries[i].invalidity_at;

        is_int(acme_ca_crl_add(&list, &entry), NGX_OK, "entry %d", (int) i);
    }

    entry.serial.len = 0;
    is_int(acme_ca_crl_add(&list, &entry), NGX_DECLINED, "no serial number");
    entry.serial = pki_lit("123456789012345678901");
    is_int(acme_ca_crl_add(&list, &entry), NGX_DECLINED, "a long one");

    is_int(acme_ca_crl_sign(&ctx, &list, &der), NGX_OK, "signed");
    is_int(list.crl.entries, 5, "five were counted");

    crl = crl_read(&der);
    is_int(X509_CRL_verify(crl, issuer->key), 1, "verified");
    is_int(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 5, "five are read");

    for (i = 0; i < 5; i++) {
        revoked = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), i);

        is_int(X509_REVOKED_get_ext_count(revoked), entries[i].extensions,
               "%d: extensions", (int) i);

        reason = X509_REVOKED_get_ext_d2i(revoked, NID_crl_reason, NULL, NULL);
        is_int(reason ? ASN1_ENUMERATED_get(reason) : 0,
               entries[i].reason > 0 ? entries[i].reason : 0, "%d: reason",
               (int) i);
        ASN1_ENUMERATED_free(reason);

        invalid = X509_REVOKED_get_ext_d2i(revoked, NID_invalidity_date, NULL,
                                           NULL);
        ok((invalid != NULL) == (entries[i].invalidity_at != 0),
           "%d: invalidity date", (int) i);
        ASN1_GENERALIZEDTIME_free(invalid);
    }

    X509_CRL_free(crl);
    free(room);
    pki_stop(&ctx);
}


static int
crl_name(GENERAL_NAMES *names, int i, const char *url)
{
    ASN1_IA5STRING  *name;

    name = sk_GENERAL_NAME_value(names, i)->d.uniformResourceIdentifier;

    return ASN1_STRING_length(name) == (int) strlen(url)
           && memcmp(ASN1_STRING_get0_data(name), url, strlen(url)) == 0;
}


static void
test_points(void)
{
    int                  critical;
    u_char               room[4096];
    X509_CRL            *crl;
    ngx_str_t            der;
    GENERAL_NAMES       *names;
    acme_ca_ctx_t        ctx;
    acme_ca_issuer_t    *issuer;
    acme_ca_crl_list_t   list;
    ISSUING_DIST_POINT  *point;

    pki_start(&ctx);
    issuer = crl_issuer(&ctx, "P-256");

    crl_list(&list, issuer, room, sizeof(room));
    list.crl.points = pki_lit("http://a.example/1.crl http://b/2.crl");

    is_int(acme_ca_crl_sign(&ctx, &list, &der), NGX_OK, "signed");

    crl = crl_read(&der);
    is_int(X509_CRL_verify(crl, issuer->key), 1, "verified");

    point = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point,
                                 &critical, NULL);
    is_int(critical, 1, "critical");

    names = point->distpoint->name.fullname;
    is_int(sk_GENERAL_NAME_num(names), 2, "two names");
    ok(crl_name(names, 0, "http://a.example/1.crl"), "the first");
    ok(crl_name(names, 1, "http://b/2.crl"), "the second");

    ISSUING_DIST_POINT_free(point);
    X509_CRL_free(crl);
    pki_stop(&ctx);
}


/* rooms that are too small are never written beyond */

static void
test_room(void)
{
    u_char              *room;
    size_t               size;
    ngx_str_t            der;
    ngx_uint_t           n;
    acme_ca_ctx_t        ctx;
    acme_ca_issuer_t    *issuer;
    acme_ca_revoked_t    entry;
    acme_ca_crl_list_t   list;

    pki_start(&ctx);
    issuer = crl_issuer(&ctx, "P-256");

    memset(&entry, 0, sizeof(acme_ca_revoked_t));

    entry.serial = pki_lit("1234567890123456");
    entry.revoked_at = PKI_NOW;
    entry.reason = 4;

    list.issuer = issuer;
    memset(&list.crl, 0, sizeof(acme_ca_crl_t));

    size = acme_ca_crl_size(&list, 3);
    room = malloc(size);
    crl_list(&list, issuer, room, size);

    for (n = 0; acme_ca_crl_add(&list, &entry) == NGX_OK; n++) { /* void */ }

    ok(n >= 3 && n < 10, "%d entries fit where three are promised", (int) n);
    is_int(acme_ca_crl_sign(&ctx, &list, &der), NGX_OK, "and it is signed");
    X509_CRL_free(crl_read(&der));

    free(room);
    pki_stop(&ctx);
}


static void
test_names(void)
{
    ngx_str_t          url, serial;
    acme_ca_ctx_t      ctx;
    acme_ca_issuer_t   issuer;

    pki_start(&ctx);
    memset(&issuer, 0, sizeof(acme_ca_issuer_t));

    issuer.crl_name = pki_lit("ab12");
    serial = pki_lit("\x7f\x01");

    is_int(acme_ca_crl_url(ctx.pool, &issuer, &serial, &url), NGX_OK, "none");
    is_int(url.len, 0, "without a location");

    issuer.crl_url = pki_lit("http://c/");
    is_int(acme_ca_crl_url(ctx.pool, &issuer, &serial, &url), NGX_OK, "none");
    is_int(url.len, 0, "of an issuer that must not sign one");

    issuer.crl_sign = 1;
    is_int(acme_ca_crl_url(ctx.pool, &issuer, &serial, &url), NGX_OK, "one");
    ok(acme_ca_str_is(&url, "http://c/ab12.crl"), "the whole");

    issuer.crl_shards = 128;
    is_int(acme_ca_crl_url(ctx.pool, &issuer, &serial, &url), NGX_OK, "one");
    ok(acme_ca_str_is(&url, "http://c/ab12-128-127.crl"), "the last part");

    serial = pki_lit("\x01");
    is_int(acme_ca_crl_shard(&serial, 128), 1, "the second of many");
    is_int(acme_ca_crl_shard(&serial, 2), 0, "the first of two");
    serial = pki_lit("\x40");
    is_int(acme_ca_crl_shard(&serial, 2), 1, "the second of two");
    serial = pki_lit("\xff");
    is_int(acme_ca_crl_shard(&serial, 4), 3, "foreign ones are in the last");
    is_int(acme_ca_crl_shard(&serial, 1), 0, "or in the whole");

    pki_stop(&ctx);
}


static void
test_memory(void)
{
    u_char               room[4096];
    ngx_int_t            n, rc;
    ngx_str_t            der;
    acme_ca_ctx_t        ctx, one;
    acme_ca_issuer_t    *issuer;
    acme_ca_crl_list_t   list;

    pki_start(&ctx);
    issuer = crl_issuer(&ctx, "P-256");

    for (n = 0; /* void */ ; n++) {
        pki_start(&one);
        crl_list(&list, issuer, room, sizeof(room));

        shim_fail_at(n);
        rc = acme_ca_crl_sign(&one, &list, &der);

        if (!shim_failed()) {
            shim_fail_at(SHIM_NEVER);
            is_int(rc, NGX_OK, "signed with memory");
            pki_stop(&one);
            break;
        }

        shim_fail_at(SHIM_NEVER);

        if (rc != NGX_ERROR) {
            ok(0, "allocation %d: %d", (int) n, (int) rc);
        }

        pki_stop(&one);
    }

    ok(n > 0, "%d allocations can fail", (int) n);

    pki_stop(&ctx);
}


/* one maker at a time, and numbers that rise */

static void
test_claims(void)
{
    acme_ca_crl_t  crl, other;

    fixture_start();

    is_int(acme_ca_store_crl_find(store, issuer_id, 1, 0, &crl), NGX_DECLINED,
           "none");
    is_int(acme_ca_store_crl_add(store, issuer_id, 1, 0, NULL), NGX_OK,
           "added");
    is_int(acme_ca_store_crl_add(store, issuer_id, 1, 0, NULL), NGX_OK,
           "again");
    is_int(acme_ca_store_crl_find_due(store, issuer_id, NOW, NOW - 10, NOW,
                                      &crl),
           NGX_OK, "is due");

    other = crl;
    is_int(acme_ca_store_crl_claim(store, pool, &crl, NOW, NOW + 60), NGX_OK,
           "claimed");
    is_int(crl.number, NOW, "a number above all that there were");
    is_int(acme_ca_store_crl_claim(store, pool, &other, NOW, NOW + 60),
           NGX_DECLINED, "once");
    is_int(acme_ca_store_crl_find_due(store, issuer_id, NOW, NOW - 10, NOW,
                                      &other),
           NGX_DECLINED, "nothing is due");

    is_int(acme_ca_store_crl_claim(store, pool, &other, NOW + 60, NOW + 120),
           NGX_OK, "again when the lease has ended");
    is_int(other.number, NOW + 60, "with a number of its own");
    is_int(other.asked, 1, "it is asked for still");
    is_int(acme_ca_store_crl_set_made(store, &crl, NOW + 500), NGX_DECLINED,
           "who was late does not count");

    other.this_update = NOW;
    other.next_update = NOW + 1000;
    other.entries = 7;
    is_int(acme_ca_store_crl_set_made(store, &other, NOW + 500), NGX_OK,
           "made");
    is_int(acme_ca_store_crl_find(store, issuer_id, 1, 0, &crl), NGX_OK,
           "found");
    is_int(crl.next_update, NOW + 1000, "its end");
    is_int(crl.entries, 7, "its entries");
    is_int(acme_ca_store_crl_find_due(store, issuer_id, NOW + 499, NOW + 499,
                                      NOW + 500, &crl), NGX_DECLINED,
           "not due yet");
    is_int(acme_ca_store_crl_find_due(store, issuer_id, NOW + 500, NOW - 1,
                                      NOW + 500, &crl), NGX_DECLINED,
           "not so soon");
    is_int(acme_ca_store_crl_find_due(store, issuer_id, NOW + 500, NOW,
                                      NOW + 500, &crl), NGX_OK, "due");
    is_int(acme_ca_store_crl_find_due(store, issuer_id, NOW + 500, NOW - 10,
                                      NOW - 1, &crl), NGX_OK,
           "due, as its clock was ahead");
    is_int(acme_ca_store_crl_find_due(store, issuer_id, NOW + 499, NOW - 10,
                                      NOW - 1, &crl), NGX_DECLINED,
           "if there is something new");
    is_int(acme_ca_store_crl_claim(store, pool, &crl, NOW - 10000, NOW),
           NGX_OK, "at once with a clock that was set back");

    is_int(acme_ca_store_crl_set_due(store, &crl, NOW - 10000), NGX_OK,
           "made due");
    is_int(acme_ca_store_crl_claim(store, pool, &crl, NOW - 10000, NOW),
           NGX_OK, "with it, too");
    is_int(crl.number, NOW + 62, "and the number rises");
    is_int(crl.asked, 0, "nobody has asked for it");

    fixture_stop();
}


typedef struct {
    ngx_uint_t   n;
    ngx_int_t    rc;
    u_char       last[20];
    size_t       len;
    ngx_uint_t   unsorted;
} seen_t;


static ngx_int_t
see(void *data, const acme_ca_revoked_t *entry)
{
    seen_t  *seen = data;

    size_t   n;
    int      rc;

    n = ngx_min(seen->len, entry->serial.len);
    rc = memcmp(seen->last, entry->serial.data, n);

    if (rc > 0 || (rc == 0 && seen->len >= entry->serial.len && seen->n)) {
        seen->unsorted++;
    }

    memcpy(seen->last, entry->serial.data, entry->serial.len);
    seen->len = entry->serial.len;
    seen->n++;

    return seen->rc;
}


/* pages, parts, and what ended */

static void
test_revoked(void)
{
    char           text[1024];
    seen_t         seen;
    ngx_uint_t     n, all;
    acme_ca_crl_t  crl;

    fixture_start();
    memset(&crl, 0, sizeof(acme_ca_crl_t));

    snprintf(text, sizeof(text),
        "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i "
        "WHERE n < 10000) INSERT INTO acme_certificates (issuer_id, status, "
        "serial, fingerprint, sans, key_type, not_before, not_after, "
        "created_at, revoked_at, der) SELECT %d, 'revoked', "
        "CAST(char(n %% 128) || printf('%%04x', n) AS BLOB), zeroblob(32), '', "
        "'', 0, n, 0, 1, x'' FROM i WHERE n %% 128", (int) issuer_id);
    is_int(fixture_sql(text), 0, "many are revoked");

    crl.issuer_id = issuer_id;
    crl.shards = 1;

    is_int(acme_ca_store_crl_count_revoked(store, &crl, 0, &all), NGX_OK,
           "counted");

    memset(&seen, 0, sizeof(seen_t));
    is_int(acme_ca_store_crl_list_revoked(store, &crl, 0, see, &seen), NGX_OK,
           "listed");
    is_int(seen.n, all, "all of them, over pages");
    is_int(seen.n, 9922, "which are so many");
    is_int(seen.unsorted, 0, "in the order of their serial numbers");

    memset(&seen, 0, sizeof(seen_t));
    is_int(acme_ca_store_crl_list_revoked(store, &crl, 9900, see, &seen),
           NGX_OK, "listed");
    is_int(seen.n, 100, "without those that ended");

    n = 0;
    crl.shards = 16;

    for (crl.shard = 0; crl.shard < 16; crl.shard++) {
        memset(&seen, 0, sizeof(seen_t));

        if (acme_ca_store_crl_list_revoked(store, &crl, 0, see, &seen)
            != NGX_OK
            || acme_ca_store_crl_count_revoked(store, &crl, 0, &all) != NGX_OK
            || all != seen.n
            || seen.last[0] / 8 != crl.shard)
        {
            ok(0, "part %d", (int) crl.shard);
        }

        n += seen.n;
    }

    is_int(n, 9922, "each is in one part");

    crl.shards = 1;
    crl.shard = 0;
    memset(&seen, 0, sizeof(seen_t));
    seen.rc = NGX_DECLINED;
    is_int(acme_ca_store_crl_list_revoked(store, &crl, 0, see, &seen),
           NGX_DECLINED, "the handler ends it");
    is_int(seen.n, 1, "at once");

    fixture_stop();
}


/* the trigger: all lists that have the serial number, and no other */

static void
test_due(void)
{
    char        text[512];
    ngx_uint_t  i, shards;

    fixture_start();

    for (shards = 1; shards <= 128; shards *= 2) {
        for (i = 0; i < shards; i++) {
            (void) acme_ca_store_crl_add(store, issuer_id, shards, i, NULL);
        }
    }

    for (i = 1; i < 256; i += 6) {
        (void) fixture_sql("UPDATE acme_crls SET due_at = 99");

        snprintf(text, sizeof(text),
            "INSERT INTO acme_certificates (id, issuer_id, status, serial, "
            "fingerprint, sans, key_type, not_before, not_after, created_at, "
            "der) VALUES (%d, %d, 'valid', x'%02x01', zeroblob(32), '', '', 0, "
            "1, 0, x'')", 1000 + (int) i, (int) issuer_id, (int) i);
        (void) fixture_sql(text);

        snprintf(text, sizeof(text),
            "UPDATE acme_certificates SET status = 'revoked', revoked_at = 1 "
            "WHERE id = %d", 1000 + (int) i);
        (void) fixture_sql(text);

        snprintf(text, sizeof(text),
            "SELECT count(*) = 8 AND sum(shard = min(%d, 127) * shards / 128) "
            "= 8 FROM acme_crls WHERE due_at = 0", (int) i);

        if (fixture_sql(text) != 1) {
            ok(0, "serial number %02xh", (int) i);
        }
    }

    (void) fixture_sql("UPDATE acme_crls SET due_at = 99");
    (void) fixture_sql("UPDATE acme_certificates SET last_download_at = 1");
    is_int(fixture_sql("SELECT count(*) FROM acme_crls WHERE due_at = 0"), 0,
           "a download makes none due");
    (void) fixture_sql("UPDATE acme_certificates SET revoked_at = NULL, "
                       "status = 'valid'");
    ok(fixture_sql("SELECT count(*) FROM acme_crls WHERE due_at = 0") > 80,
       "what is taken back does");

    fixture_stop();
}
