
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * protocol/acme_ca_renewal.c and acme_ca_replaces.c (RFC 9773): windows of
 * certificates, orders that replace them, and both with each allocation
 * failing once.
 */


#include "protocol_order.h"


#define NAME_C     "{\"type\":\"dns\",\"value\":\"c.example\"}"

/* NOW as text: all of these are of one length, and compared as text */
#define NOW_TEXT   "2027-01-15T08:00:00Z"


static char  id[256];          /* certID of the certificate */
static char  path[300];


/* base64url(AKI) "." base64url(serial): RFC 9773, 4.1 */

static void
cert_id(const char *der)
{
    char          *aki, *serial;
    X509          *cert;
    u_char         buf[64], *p;
    ngx_str_t      text, bytes;
    const u_char  *q;

    text.data = (u_char *) der;
    text.len = strlen(der);
    acme_ca_base64url_parse(env.pool, &text, &bytes);

    q = bytes.data;
    cert = d2i_X509(NULL, &q, (long) bytes.len);

    aki = base64url(ASN1_STRING_get0_data(X509_get0_authority_key_id(cert)),
                    ASN1_STRING_length(X509_get0_authority_key_id(cert)));

    /* i2d: a tag and a length of a byte each */

    p = buf;
    serial = base64url(buf + 2, i2d_ASN1_INTEGER(X509_get0_serialNumber(cert),
                                                 &p) - 2);

    snprintf(id, sizeof(id), "%s.%s", aki, serial);
    snprintf(path, sizeof(path), "renewal-info/%s", id);

    X509_free(cert);
    free(serial);
    free(aki);
}


static const char *
window(const char *end)
{
    ngx_str_t  *text;

    text = acme_ca_json_string(acme_ca_json_member(env.body,
                                                   "suggestedWindow"), end);

    return text ? (char *) text->data : "(none)";
}


/* RFC 9773, 4.2: the end is behind the start, whatever happened */

static void
window_is(const char *what, int past)
{
    is_int(get(ACME_CA_GET, path), 200, "%s", what);
    ok(strlen(window("start")) == sizeof(NOW_TEXT) - 1
       && strcmp(window("start"), window("end")) < 0, "a window: %s %s",
       window("start"), window("end"));
    is_int(strcmp(window("end"), NOW_TEXT) < 0, past, "over or not");
}


static void
starve_get(const char *what, const char *where, ngx_uint_t good)
{
    ngx_int_t   n;
    ngx_uint_t  status, odd;

    odd = 0;

    for (n = 0; n < 2000; n++) {
        env.fail_at = n;
        status = get(ACME_CA_GET, where);
        odd += (status != good && status != 500);

        if (env.fail_at == SHIM_NEVER) {
            break;
        }
    }

    env.fail_at = SHIM_NEVER;

    ok(odd == 0 && n < 2000, "%s: %d allocations", what, (int) n);
    is_int(status, good, "%s: done in the end", what);
}


static void
test_window(void)
{
    get(ACME_CA_GET, "directory");
    is_member("renewalInfo", BASE "renewal-info", "in the directory");

    window_is("a new one", 0);
    is_int(env.x->reply.retry_after, 21600, "Retry-After");
    ok(!env.x->reply.has_nonce, "no nonce");
    is_int(env.start_rc, NGX_DONE, "nothing is written");
    starve_get("a window", path, 200);

    ngx_str_set(&env.authority.renewal_explanation, "https://ca.example/why");
    window_is("why", 0);
    is_member("explanationURL", "https://ca.example/why", "is told");

    /* the operator moves it, with a reason of his own */

    sql("INSERT INTO acme_renewal_windows (name, window_start, window_end,"
        " explanation_url, created_at) VALUES ('.example', 1800000100,"
        " 1900000000, 'https://ca.example/now', 1)");

    window_is("moved", 0);
    ok(strcmp(window("start"), "2027-01-15T08:01:40Z") == 0, "to there");
    is_member("explanationURL", "https://ca.example/now", "for that reason");
    ok(strcmp(window("end"), "2027-05-01T00:00:00Z") < 0,
       "not beyond the certificate");
    starve_get("a moved one", path, 200);

    sql("DELETE FROM acme_renewal_windows");
    ngx_str_null(&env.authority.renewal_explanation);
}


static void
test_refused(void)
{
    char        where[300];
    ngx_uint_t  i;

    static const struct {
        const char  *id;
        ngx_uint_t   status;
    } rows[] = {
        { "", 400 }, { ".", 400 }, { "AA", 400 }, { "AA.", 400 },
        { ".AQ", 400 }, { "AA.AQ.AQ", 400 }, { "AA.AQ==", 400 },
        { "A.AQ", 400 }, { "AA.gA", 400 }, { "AA.AA", 400 }, { "AA.AAE", 400 },
        { "AA.AQ", 404 }, { "AA.AIA", 404 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(where, sizeof(where), "renewal-info/%s", rows[i].id);
        is_int(get(ACME_CA_GET, where), rows[i].status, "certID \"%s\"",
               rows[i].id);
        ok(env.x->audit.action == NULL, "no audit row");
    }

    /* of another issuer */

    snprintf(where, sizeof(where), "renewal-info/AA%s", strchr(id, '.'));
    is_int(get(ACME_CA_GET, where), 404, "another key identifier");

    starve_get("malformed", "renewal-info/AA", 400);
    starve_get("absent", where, 404);
}


static char *
wanted(const char *names, const char *replaces)
{
    return text_of("{\"identifiers\":[%s],\"replaces\":%s}", names, replaces);
}


static void
order_is(client_t *by, const char *names, const char *replaces,
    ngx_uint_t status, const char *what)
{
    char  *payload;

    payload = wanted(names, replaces);
    is_int(POST(.by = by, .path = "new-order", .payload = payload), status,
           "%s", what);
    free(payload);
}


static void
test_replaces(client_t *a, client_t *b)
{
    char     *quoted, *payload;
    order_t   o;

    quoted = text_of("\"%s\"", id);

    order_is(a, NAME_A, "7", 400, "a number");
    order_is(a, NAME_A, "\"AA\"", 400, "no certID");
    order_is(a, NAME_A, "\"AA.AQ\"", 404, "of nothing");
    order_is(a, NAME_C, quoted, 400, "shares no name");
    order_is(b, NAME_A, quoted, 403, "another account's");

    /* "b.example" is neither "a.b.example" nor "*.b.example" */

    env.authority.challenges |= 1 << ACME_CA_DNS_01;
    env.authority.wildcard = 1;
    order_is(a, "{\"type\":\"dns\",\"value\":\"*.b.example\"}", quoted, 400,
             "a wildcard");
    order_is(a, "{\"type\":\"dns\",\"value\":\"a.b.example\"}", quoted, 400,
             "a longer name");
    order_is(a, "{\"type\":\"dns\",\"value\":\"xample\"}", quoted, 400,
             "a shorter name");
    env.authority.challenges = 1 << ACME_CA_HTTP_01;
    env.authority.wildcard = 0;

    env.authority.renewal_info = 0;
    order_is(a, NAME_C, "7", 201, "passed over where it is off");
    env.authority.renewal_info = 1;

    payload = wanted(NAME_C, quoted);
    starve("shares no name", &(post_t) { .by = a, .path = "new-order",
           .payload = payload }, 400);
    free(payload);

    /* one order at a time */

    payload = wanted(NAME_C "," NAME_B, quoted);
    order_new(a, payload, &o);

    POST(.by = a, .path = o.path);
    is_member("replaces", id, "is shown");
    order_is(a, NAME_A, quoted, 409, "a second order");
    starve("a second order", &(post_t) { .by = a, .path = "new-order",
           .payload = payload }, 409);

    POST(.by = a, .path = o.authz[0],
         .payload = "{\"status\":\"deactivated\"}");
    POST(.by = a, .path = o.path);
    is_member("status", "invalid", "an order that came to nothing");
    order_free(&o);

    order_is(a, NAME_A, quoted, 201, "is none");

    free(payload);
    free(quoted);
}


static void
test_revoked(client_t *a, const char *der)
{
    char  *payload;

    payload = text_of("{\"certificate\":\"%s\"}", der);
    is_int(POST(.by = a, .path = "revoke-cert", .payload = payload), 200,
           "revoked");
    free(payload);

    env.now++;
    window_is("of a revoked one", 1);
    env.now = NOW + 100 * 86400;
    window_is("whatever the time", 1);
    env.now = NOW;
}


/* each life has a window inside of it, if it lasts at all */

static void
test_lives(void)
{
    char        *text;
    ngx_uint_t   i;

    static const int  lives[] = {
        1, 2, 3, 30, 60, 3600, 86400, 864000, 864001, 7776000, 315360000
    };

    for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        text = text_of("UPDATE acme_certificates SET not_before = %d,"
                       " created_at = %d, not_after = %d WHERE account_id"
                       " IS NOT NULL", NOW, NOW, NOW + lives[i]);
        is_int(sql(text), 0, "a life of %d seconds", lives[i]);
        free(text);

        window_is("its window", 0);
        ok(env.x->reply.retry_after >= 60
           && env.x->reply.retry_after <= 21600, "a sane Retry-After");
    }
}


int
main(void)
{
    char      *der;
    order_t    o;
    client_t   a, b, key;

    env_open();

    env.authority.renewal_info = 1;
    env.authority.renewal_retry_after = 21600;

    join(&a, "P-256");
    join(&b, "P-256");
    client_new(&key, "P-256");

    der = issue(&a, ORDER(NAME_A "," NAME_B), "DNS:a.example,DNS:b.example",
                key.key, &o);
    cert_id(der);

    test_window();
    test_refused();
    test_replaces(&a, &b);
    test_lives();
    test_revoked(&a, der);

    free(der);
    order_free(&o);
    client_free(&a);
    client_free(&b);
    client_free(&key);
    env_close();

    return done_testing();
}
