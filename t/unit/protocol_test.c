
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Directory, nonces, the gate, accounts and their keys: RFC 8555, 6 and 7.1
 * to 7.3, by way of whole exchanges.
 */


#include "protocol_client.h"


static void
test_routes(void)
{
    ngx_uint_t               i, j;
    const acme_ca_route_t   *r;
    static const char       *members[] = {
        NULL, NULL, "newNonce", "newAccount", "newAuthz", "newOrder",
        "revokeCert", "keyChange"
    };

    is_str(&acme_ca_routes[ACME_CA_ROUTE_FINALIZE].tail, "/finalize",
           "the rows are in the order of the enum");
    is_str(&acme_ca_routes[ACME_CA_ROUTE_CERTIFICATE].head, "certificate/",
           "to the last one");

    for (i = 0; i < ACME_CA_ROUTE_N; i++) {
        r = &acme_ca_routes[i];

        ok(r->read || r->write, "route %d is served", (int) i);
        ok((r->note == NULL || r->read) && (r->prepare == NULL || r->write),
           "route %d has no step without its main one", (int) i);

        ok(i >= 8 || (r->member == NULL) == (members[i] == NULL),
           "route %d is in the directory or not", (int) i);

        for (j = 0; j < i; j++) {
            if (acme_ca_str_eq(&r->head, &acme_ca_routes[j].head)
                && acme_ca_str_eq(&r->tail, &acme_ca_routes[j].tail))
            {
                ok(0, "routes %d and %d differ", (int) i, (int) j);
            }
        }
    }
}


static void
test_directory(void)
{
    static const struct {
        const char  *name;
        const char  *url;
    } urls[] = {
        { "newNonce", BASE "new-nonce" },
        { "newAccount", BASE "new-account" },
        { "newOrder", BASE "new-order" },
        { "revokeCert", BASE "revoke-cert" },
        { "keyChange", BASE "key-change" }
    };

    ngx_uint_t       i;
    acme_ca_json_t  *meta;

    is_int(get(ACME_CA_GET, "directory"), 200, "GET directory");
    is_int(env.start_rc, NGX_DONE, "writes nothing");
    ok(strcmp(env.x->reply.content_type, "application/json") == 0,
       "is exactly application/json");

    for (i = 0; i < 5; i++) {
        is_member(urls[i].name, urls[i].url, "%s", urls[i].name);
    }

    ok(acme_ca_json_member(env.body, "newAuthz") == NULL, "no newAuthz");
    is_int(env.body->n, 6, "nothing else");
    ok(env.x->reply.links == NULL, "no link to itself");

    meta = acme_ca_json_member(env.body, "meta");
    is_str(acme_ca_json_string(meta, "website"), "https://ca.example/",
           "website");
    ok(acme_ca_json_member(meta, "termsOfService") == NULL, "no terms");
    ok(acme_ca_json_member(meta, "caaIdentities") == NULL, "no CAA");
    is_str(acme_ca_json_string(acme_ca_json_member(meta, "profiles"), "short"),
           "six days", "profiles");

    is_int(get(ACME_CA_HEAD, "directory"), 200, "HEAD directory");
    is_int(get(ACME_CA_GET, ""), 200, "the location itself is one");
    is_member("newNonce", BASE "new-nonce", "the same");

    {
        ngx_str_t    name = ngx_string("ca.example");
        ngx_array_t  names = { &name, 1, sizeof(ngx_str_t), 1, env.pool };

        env.authority.caa_identities = &names;
        get(ACME_CA_GET, "directory");
        meta = acme_ca_json_member(env.body, "meta");
        is_str(&acme_ca_json_member(meta, "caaIdentities")->first->text,
               "ca.example", "caaIdentities");
        env.authority.caa_identities = NULL;
    }

    ngx_str_null(&env.authority.website);
    env.authority.profiles_shown = 0;

    get(ACME_CA_GET, "directory");
    meta = acme_ca_json_member(env.body, "meta");
    ok(meta && meta->type == ACME_CA_JSON_OBJECT && meta->n == 0,
       "\"meta\" is there though it is empty");

    env.authority.profiles_shown = 1;
}


static void
test_nonce(void)
{
    is_int(get(ACME_CA_HEAD, "new-nonce"), 200, "HEAD new-nonce is 200");
    ok(env.x->reply.has_nonce && env.x->reply.no_store, "nonce, no-store");
    ok(env.x->reply.content_type == NULL && env.x->reply.body.len == 0,
       "no body and no type");
    ok(strcmp(link_of("index"), BASE "directory") == 0, "index");

    is_int(get(ACME_CA_GET, "new-nonce"), 204, "GET new-nonce is 204");
    ok(env.x->reply.has_nonce && env.x->reply.content_type == NULL,
       "nonce, no type");
}


static void
test_methods(void)
{
    get(ACME_CA_GET, "new-order");
    refused(405, "malformed", "GET of a signed resource");
    is_int(env.start_rc, NGX_AGAIN, "is audited");
    is_str(&env.x->reply.allow, "POST", "Allow");

    get(ACME_CA_OTHER, "directory");
    refused(405, "malformed", "DELETE of the directory");
    is_str(&env.x->reply.allow, "GET, HEAD, POST", "Allow");

    get(ACME_CA_GET, "order/abcdefghijklmnopqrstuv");
    refused(405, "malformed", "GET of what may be an order");

    get(ACME_CA_GET, "nowhere");
    refused(404, "malformed", "no such path");
    is_int(env.x->reply.allow.len, 0, "no Allow");
    ok(strcmp(link_of("index"), BASE "directory") == 0, "index");

    get(ACME_CA_POST, "order/short");
    refused(404, "malformed", "no such shape");

    get(ACME_CA_POST, "order/abcdefghijk/mnopqrstuv");
    refused(404, "malformed", "an id has no slash");

    get(ACME_CA_POST, "order/abcdefghijk\377mnopqrstuv");
    refused(404, "malformed", "an id is base64url");

    get(ACME_CA_GET, "directory/");
    refused(404, "malformed", "not the directory");
}


static void
test_gate(client_t *a)
{
    char       *url;
    client_t    b;
    ngx_uint_t  i;

    static const struct {
        post_t       p;
        ngx_uint_t   status;
        const char  *type;
        const char  *what;
    } rows[] = {
        { { .type = "application/json" }, 415, "malformed", "content type" },
        { { .type = "application/jose+jsonx" }, 415, "malformed", "longer" },
        { { .type = "" }, 415, "malformed", "no content type" },
        { { .body = "" }, 400, "malformed", "no body" },
        { { .body = "{}" }, 400, "malformed", "no JWS" },
        { { .alg = "none" }, 400, "badSignatureAlgorithm", "alg none" },
        { { .alg = "HS256" }, 400, "badSignatureAlgorithm", "alg HS256" },
        { { .alg = "RS256" }, 400, "badSignatureAlgorithm", "alg of RSA" },
        { { .url = "" }, 400, "malformed", "empty url" },
        { { .url = BASE "new-orde" }, 403, "unauthorized", "shorter url" },
        { { .url = BASE "new-order/" }, 403, "unauthorized", "longer url" },
        { { .url = BASE "new-order?a=b" }, 403, "unauthorized", "query" },
        { { .url = "http://ca.example/acme/new-order" }, 403, "unauthorized",
          "url of another scheme" },
        { { .jwk = 1 }, 400, "malformed", "newOrder signed by jwk" },
        { { .kid = "https://other.example/acme/account/x" }, 400,
          "accountDoesNotExist", "kid of another base" },
        { { .kid = BASE "account/AAAAAAAAAAAAAAAAAAAAAA" }, 400,
          "accountDoesNotExist", "kid that was never given out" },
        { { .kid = BASE "account/" }, 400, "accountDoesNotExist", "no id" },
        { { .forged = 1 }, 403, "unauthorized", "forged signature" },
        { { .nonce = "" }, 400, "badNonce", "no nonce" },
        { { .nonce = "AAAAAAAAAAAAAAAAAAAAAA" }, 400, "badNonce",
          "foreign nonce" },
        { { .nonce = "AAAA" }, 400, "badNonce", "short nonce" },
        { { .nonce = "A+/=" }, 400, "malformed", "nonce not base64url" },
        { { .payload = "" }, 400, "malformed", "POST-as-GET of newOrder" },
        { { .payload = "[]" }, 400, "malformed", "payload is an array" },
        { { .payload = "{\"a\":" }, 400, "malformed", "payload is no JSON" },
        { { .payload = "{\"a\":1,\"a\":2}" }, 400, "malformed",
          "duplicate members" }
    };

    post_t  p;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        p = rows[i].p;
        p.by = a;
        p.path = "new-order";
        p.payload = p.payload ? p.payload : "{}";

        post(&env, &p);

        url = text_of("urn:ietf:params:acme:error:%s", rows[i].type);

        if (!ok(env.x->reply.status == rows[i].status
                && strcmp(member("type"), url) == 0
                && env.x->reply.has_nonce && env.start_rc == NGX_AGAIN,
                "%s", rows[i].what))
        {
            printf("# got %d %.*s\n", (int) env.x->reply.status,
                   (int) env.x->reply.body.len, env.x->reply.body.data);
        }

        free(url);
    }

    POST(.by = a, .path = "new-order", .payload = "{}", .alg = "HS256");
    ok(acme_ca_json_member(env.body, "algorithms") != NULL,
       "says which algorithms there are");

    POST(.by = a, .path = "new-account", .payload = "{}");
    refused(400, "malformed", "newAccount signed by kid");

    is_int(POST(.by = a, .path = "directory"), 200,
           "POST-as-GET of the directory");
    is_int(POST(.by = a, .path = "new-nonce"), 204,
           "POST-as-GET of new-nonce");
    POST(.by = a, .path = "directory", .payload = "{}");
    refused(400, "malformed", "which takes no object");

    is_int(POST(.by = a, .path = "directory",
                .type = "Application/JOSE+json; charset=utf-8"), 200,
           "the content type is a media type");

    is_int(POST(.by = a, .path = "directory", .query = "a=b"), 200,
           "the query is part of the url");
    POST(.by = a, .path = "directory", .query = "a=b", .url = BASE "directory");
    refused(403, "unauthorized", "which must have it");

    /* the key of another account, under its own kid */

    join(&b, "P-256");
    POST(.by = &b, .path = "directory", .kid = a->kid);
    refused(403, "unauthorized", "another's key");
    ok(env.x->audit.account_id != 0 && strcmp(env.x->audit.actor, "client")
       == 0, "audited with the account it aimed at, but not as it");
    client_free(&b);
}


static void
test_replay(client_t *a)
{
    char    nonce[ACME_CA_NONCE_LEN + 1];

    acme_ca_nonce_issue(env.nonces, env.now, (u_char *) nonce);
    nonce[ACME_CA_NONCE_LEN] = '\0';

    POST(.by = a, .path = "directory", .nonce = nonce, .forged = 1);
    refused(403, "unauthorized", "forged");

    is_int(POST(.by = a, .path = "directory", .nonce = nonce), 200,
           "a forged request does not spend the nonce");

    POST(.by = a, .path = "directory", .nonce = nonce);
    refused(400, "badNonce", "a nonce is good once");
    ok(strstr(member("detail"), "JWS has an invalid anti-replay nonce")
       == member("detail"), "in the words that acme.sh looks for");

    acme_ca_nonce_issue(env.nonces, env.now, (u_char *) nonce);
    env.now += LIFETIME + 1;
    POST(.by = a, .path = "directory", .nonce = nonce);
    refused(400, "badNonce", "and not for ever");
    env.now = NOW;

    acme_ca_nonce_issue(env.nonces, env.now, (u_char *) nonce);
    POST(.by = a, .path = "new-order", .nonce = nonce, .payload = "{}");
    refused(400, "malformed", "refused by the endpoint");
    POST(.by = a, .path = "directory", .nonce = nonce);
    refused(400, "badNonce", "spent all the same");
}


static void
test_account(void)
{
    char      *path, *location, *full;
    client_t   a, b;

    client_new(&a, "P-256");

    POST(.by = &a, .jwk = 1, .path = "new-account",
         .payload = "{\"onlyReturnExisting\":true}");
    refused(400, "accountDoesNotExist", "onlyReturnExisting, unknown key");
    ok(strcmp(env.x->audit.action, "new-account") == 0, "audited as such");

    POST(.by = &a, .jwk = 1, .path = "new-account",
         .payload = "{\"contact\":[\"tel:+1\"]}");
    refused(400, "unsupportedContact", "contact by telephone");

    POST(.by = &a, .jwk = 1, .path = "new-account",
         .payload = "{\"contact\":[\"mailto:a@b.example,c@d.example\"]}");
    refused(400, "invalidContact", "two addresses in one contact");

    is_int(POST(.by = &a, .jwk = 1, .path = "new-account",
                .payload = "{\"contact\":[\"mailto:a@b.example\"],"
                           "\"status\":\"\",\"orders\":\"\",\"x\":null,"
                           "\"onlyReturnExisting\":false}"),
           201, "a new account, superfluous members and all");

    location = text_of("%.*s", (int) env.x->reply.location.len,
                       env.x->reply.location.data);
    path = path_of(&env.x->reply.location);
    strcpy(a.kid, location);

    is_member("status", "valid", "status");
    full = text_of("%s/orders", location);
    is_member("orders", full, "orders URL");
    free(full);
    is_str(&element("contact", 0)->text, "mailto:a@b.example", "contact");
    is_int(env.body->n, 3, "nothing else");
    ok(env.x->reply.has_nonce && env.x->reply.no_store, "nonce, no-store");
    ok(strcmp(link_of("index"), BASE "directory") == 0, "index");

    is_int(POST(.by = &a, .jwk = 1, .path = "new-account",
                .payload = "{\"contact\":[],\"status\":\"deactivated\"}"),
           200, "the same key again: 200");
    is_str(&env.x->reply.location, location, "its Location");
    is_member("status", "valid", "not deactivated by it");
    is_str(&element("contact", 0)->text, "mailto:a@b.example", "unchanged");

    is_int(POST(.by = &a, .jwk = 1, .path = "new-account",
                .payload = "{\"onlyReturnExisting\":true}"), 200,
           "found by onlyReturnExisting");

    /* reading and updating */

    is_int(POST(.by = &a, .path = path), 200, "POST-as-GET of the account");
    is_str(&element("contact", 0)->text, "mailto:a@b.example", "as it is");
    is_int(env.x->reply.location.len, 0, "no Location there");
    is_int(env.start_rc, NGX_DONE, "a read writes nothing");

    is_int(POST(.by = &a, .path = path, .payload = "{}"), 200, "{} reads too");

    is_int(POST(.by = &a, .path = path, .payload = "{\"key\":{},"
                "\"status\":\"valid\",\"termsOfServiceAgreed\":true,"
                "\"contact\":[\"mailto:new@b.example\"]}"),
           200, "an update");
    is_str(&element("contact", 0)->text, "mailto:new@b.example", "is seen");
    ok(acme_ca_json_member(env.body, "termsOfServiceAgreed") == NULL,
       "an agreement is not updated");
    POST(.by = &a, .path = path);
    is_str(&element("contact", 0)->text, "mailto:new@b.example", "stays");

    POST(.by = &a, .path = path, .payload = "{\"contact\":[\"x\"]}");
    ok(env.x->reply.status == 400, "an update is checked");

    /* others' accounts do not exist */

    join(&b, "RSA");
    POST(.by = &b, .path = path);
    refused(404, "malformed", "another's account");
    POST(.by = &b, .path = path, .payload = "{\"status\":\"deactivated\"}");
    refused(404, "malformed", "is not deactivated by others");

    /* the end */

    is_int(POST(.by = &a, .path = path,
                .payload = "{\"status\":\"deactivated\"}"), 200, "the end");
    is_member("status", "deactivated", "status");
    ok(strcmp(env.x->audit.action, "deactivate-account") == 0, "audited");

    POST(.by = &a, .path = path);
    refused(401, "unauthorized", "no more requests");
    POST(.by = &a, .jwk = 1, .path = "new-account", .payload = "{}");
    refused(401, "unauthorized", "nor a new account with the key");
    POST(.by = &a, .path = path, .forged = 1);
    ok(strstr(member("detail"), "deactivated") == NULL,
       "who has not the key is not told");

    client_free(&a);
    client_free(&b);
    free(location);
    free(path);
}


static void
test_terms(void)
{
    client_t         a;
    acme_ca_json_t  *meta;

    ngx_str_set(&env.authority.terms_of_service, "https://ca.example/terms");

    get(ACME_CA_GET, "directory");
    meta = acme_ca_json_member(env.body, "meta");
    is_str(acme_ca_json_string(meta, "termsOfService"),
           "https://ca.example/terms", "the directory says where they are");

    client_new(&a, "ED25519");
    POST(.by = &a, .jwk = 1, .path = "new-account", .payload = "{}");
    refused(400, "malformed", "not agreed");
    POST(.by = &a, .jwk = 1, .path = "new-account",
         .payload = "{\"termsOfServiceAgreed\":false}");
    refused(400, "malformed", "disagreed");
    is_int(POST(.by = &a, .jwk = 1, .path = "new-account",
                .payload = "{\"termsOfServiceAgreed\":true}"), 201, "agreed");
    ok(acme_ca_json_true(env.body, "termsOfServiceAgreed"), "and told so");

    ngx_str_null(&env.authority.terms_of_service);
    client_free(&a);
}


/* an exchange that is past the gate, and no further */

static acme_ca_exchange_t *
pending(client_t *by, const char *kid, const char *path, const char *payload)
{
    char                *jws, *url;
    u_char               nonce[ACME_CA_NONCE_LEN + 1];
    acme_ca_exchange_t  *x;

    acme_ca_nonce_issue(env.nonces, env.now, nonce);
    nonce[ACME_CA_NONCE_LEN] = '\0';

    x = env_exchange(ACME_CA_POST, path, NULL);
    env.x = NULL;

    url = text_of(BASE "%s", path);
    jws = jws_new(by, NULL, kid, (char *) nonce, url, payload);

    ngx_str_set(&x->request.content_type, "application/jose+json");
    acme_ca_copy(x->ctx.pool, &x->request.body, (u_char *) jws, strlen(jws));

    free(jws);
    free(url);

    is_int(acme_ca_protocol_start(x), NGX_AGAIN, "%s at the gate", path);

    return x;
}


static void
resume(acme_ca_exchange_t *x)
{
    env_drop();

    acme_ca_protocol_finish(x, env_write(x));
    env.x = x;
    env_parse();
}


static void
test_races(void)
{
    char                *path, *inner, *account;
    client_t             a, fresh;
    const char          *order = "{\"identifiers\":[{\"type\":\"dns\","
                                 "\"value\":\"a.example\"}]}";
    acme_ca_exchange_t  *first, *second;

    client_new(&a, "P-256");
    client_new(&fresh, "P-256");

    /* two newAccounts with one key */

    first = pending(&a, NULL, "new-account", "{}");
    second = pending(&a, NULL, "new-account", "{}");

    resume(first);
    is_int(first->reply.status, 201, "the first makes the account");
    account = text_of("%.*s", (int) first->reply.location.len,
                      first->reply.location.data);
    strcpy(a.kid, account);
    path = path_of(&first->reply.location);

    resume(second);
    is_int(second->reply.status, 200, "the second finds it");
    is_str(&second->reply.location, account, "it is one");

    /* an order that meets a change of the key, and the account's end */

    first = pending(&a, a.kid, "new-order", order);

    inner = text_of("{\"account\":\"%s\",\"oldKey\":%s}", a.kid, a.jwk);
    free(account);
    account = jws_new(&fresh, NULL, NULL, NULL, BASE "key-change", inner);
    is_int(POST(.by = &a, .path = "key-change", .payload = account), 200,
           "the key changes meanwhile");
    strcpy(fresh.kid, a.kid);

    resume(first);
    refused(403, "unauthorized", "the order of the old key is not made");

    first = pending(&fresh, fresh.kid, "new-order", order);
    is_int(POST(.by = &fresh, .path = path,
                .payload = "{\"status\":\"deactivated\"}"), 200,
           "the account ends meanwhile");

    resume(first);
    refused(401, "unauthorized", "the order is not made");

    client_free(&a);
    client_free(&fresh);
    free(account);
    free(inner);
    free(path);
}


static char *
key_change(client_t *from, client_t *to, const char *account,
    const char *old, const char *url)
{
    char  *payload, *jws;

    payload = text_of("{\"account\":\"%s\",\"oldKey\":%s}", account, old);
    jws = jws_new(to, NULL, NULL, NULL, url, payload);
    free(payload);

    (void) from;

    return jws;
}


static void
test_key_change(void)
{
    char        *inner, *location;
    client_t     a, b, c, fresh;
    const char  *url = BASE "key-change";

    join(&a, "P-256");
    join(&b, "P-256");
    client_new(&c, "RSA");
    client_new(&fresh, "P-256");

    POST(.by = &a, .path = "key-change", .payload = "{}");
    refused(400, "malformed", "no inner JWS");

    inner = key_change(&a, &fresh, b.kid, a.jwk, url);
    POST(.by = &a, .path = "key-change", .payload = inner);
    refused(400, "malformed", "another account inside");
    free(inner);

    inner = key_change(&a, &fresh, a.kid, b.jwk, url);
    POST(.by = &a, .path = "key-change", .payload = inner);
    refused(400, "malformed", "another old key inside");
    free(inner);

    inner = key_change(&a, &fresh, a.kid, "\"x\"", url);
    POST(.by = &a, .path = "key-change", .payload = inner);
    refused(400, "malformed", "no JWK for an old key");
    free(inner);

    inner = key_change(&a, &fresh, a.kid, a.jwk, BASE "new-order");
    POST(.by = &a, .path = "key-change", .payload = inner);
    refused(400, "malformed", "another url inside");
    free(inner);

    inner = key_change(&a, &fresh, a.kid, a.jwk, url);
    inner[strlen(inner) - 12] = (inner[strlen(inner) - 12] == 'A') ? 'B' : 'A';
    POST(.by = &a, .path = "key-change", .payload = inner);
    ok(env.x->reply.status == 403 || env.x->reply.status == 400,
       "the inner signature is verified");
    free(inner);

    inner = jws_new(&fresh, NULL, a.kid, NULL, url, "{}");
    POST(.by = &a, .path = "key-change", .payload = inner);
    refused(400, "malformed", "kid inside");
    free(inner);

    inner = jws_new(&fresh, NULL, NULL, "AAAAAAAAAAAAAAAAAAAAAA", url, "{}");
    POST(.by = &a, .path = "key-change", .payload = inner);
    refused(400, "malformed", "a nonce inside");
    free(inner);

    inner = key_change(&a, &b, a.kid, a.jwk, url);
    POST(.by = &a, .path = "key-change", .payload = inner);
    refused(409, "malformed", "a key that is taken");
    is_str(&env.x->reply.location, b.kid, "and by whom");
    free(inner);

    inner = key_change(&a, &a, a.kid, a.jwk, url);
    POST(.by = &a, .path = "key-change", .payload = inner);
    refused(409, "malformed", "the key that it has");
    free(inner);

    /* EC to EC to RSA */

    inner = key_change(&a, &fresh, a.kid, a.jwk, url);
    is_int(POST(.by = &a, .path = "key-change", .payload = inner), 200,
           "EC to EC");
    is_member("status", "valid", "the account");
    free(inner);

    POST(.by = &a, .path = "directory");
    refused(403, "unauthorized", "the old key is out, cache or not");

    strcpy(fresh.kid, a.kid);
    is_int(POST(.by = &fresh, .path = "directory"), 200, "the new key is in");

    inner = key_change(&fresh, &c, a.kid, fresh.jwk, url);
    is_int(POST(.by = &fresh, .path = "key-change", .payload = inner), 200,
           "EC to RSA");
    free(inner);

    strcpy(c.kid, a.kid);
    is_int(POST(.by = &c, .path = "directory"), 200, "RSA is in");

    POST(.by = &a, .jwk = 1, .path = "new-account",
         .payload = "{\"onlyReturnExisting\":true}");
    refused(400, "accountDoesNotExist", "the old key has no account");

    POST(.by = &c, .jwk = 1, .path = "new-account",
         .payload = "{\"onlyReturnExisting\":true}");
    location = path_of(&env.x->reply.location);
    ok(strstr(c.kid, location) != NULL, "the new one has the same");
    free(location);

    client_free(&a);
    client_free(&b);
    client_free(&c);
    client_free(&fresh);
}


static void
test_fault(void)
{
    static const struct {
        ngx_uint_t   status;
        ngx_uint_t   answer;
        const char  *type;
    } rows[] = {
        { 400, 400, "malformed" }, { 404, 404, "malformed" },
        { 401, 401, "unauthorized" }, { 403, 403, "unauthorized" },
        { 429, 429, "rateLimited" },
        { 405, 405, "malformed" }, { 411, 400, "malformed" },
        { 413, 413, "malformed" }, { 414, 400, "malformed" },
        { 415, 415, "malformed" }, { 418, 400, "malformed" },
        { 500, 500, "serverInternal" }, { 502, 500, "serverInternal" },
        { 503, 503, "serverInternal" }
    };

    char                *urn;
    ngx_int_t            rc;
    ngx_uint_t           i, kept;
    acme_ca_exchange_t  *x;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        x = env_exchange(ACME_CA_POST, "new-order", NULL);
        rc = acme_ca_protocol_fault(x, rows[i].status);
        kept = rows[i].status == 401 || rows[i].status == 403
               || rows[i].status == 429 || rows[i].status >= 500;
        is_int(rc, kept ? NGX_DONE : NGX_AGAIN,
               "a client's fault is recorded, once it was let in");
        acme_ca_protocol_finish(x, NGX_OK);
        env_parse();

        urn = text_of("urn:ietf:params:acme:error:%s", rows[i].type);
        is_int(x->reply.status, rows[i].answer, "fault %d",
               (int) rows[i].status);
        is_member("type", urn, "its type");
        ok(x->reply.has_nonce, "its nonce");
        free(urn);
    }

    x = env_exchange(ACME_CA_POST, "new-order", NULL);
    x->nonces = NULL;
    (void) acme_ca_protocol_fault(x, 503);
    ok(x->reply.status == 503 && !x->reply.has_nonce, "without a zone");

    x = env_exchange(ACME_CA_OTHER, "new-order", NULL);
    (void) acme_ca_protocol_fault(x, 405);
    acme_ca_protocol_finish(x, NGX_OK);
    is_str(&x->reply.allow, "POST", "Allow");
    ok(x->reply.has_nonce, "a nonce, for nginx may have hidden a POST");
}


/* the database said no: what the endpoint had answered did not happen */

static void
test_store_failed(client_t *a)
{
    acme_ca_exchange_t  *x;

    POST(.by = a, .path = "new-order", .payload = "{\"identifiers\":"
         "[{\"type\":\"dns\",\"value\":\"a.example\"}]}");
    is_int(env.x->reply.status, 201, "an order");

    x = env.x;
    x->finished = 0;
    x->job_id = 7;
    acme_ca_protocol_finish(x, NGX_BUSY);
    env_parse();
    refused(503, "serverInternal", "busy");
    is_int(x->reply.location.len, 0, "no Location is left");
    ok(x->reply.retry_after > 0, "Retry-After");
    is_int(x->job_id, 0, "no validation is started");

    x->finished = 0;
    acme_ca_protocol_finish(x, NGX_ERROR);
    env_parse();
    refused(500, "serverInternal", "failed");
}


int
main(void)
{
    client_t  a;

    env_open();

    test_routes();
    test_directory();
    test_nonce();
    test_methods();

    join(&a, "P-256");
    test_gate(&a);
    test_replay(&a);
    test_store_failed(&a);
    client_free(&a);

    test_account();
    test_terms();
    test_races();
    test_key_change();
    test_fault();

    env_close();

    return done_testing();
}
