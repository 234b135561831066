
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * An issuance as the store sees it: a new order with one name and one
 * challenge, the client's answer, the verdict, finalize with a DER of 600
 * bytes, the note of the download, and an audit row with each.  Each step is
 * for a transaction of its own, which others may share.
 */


#ifndef _STORE_FLOW_H_INCLUDED_
#define _STORE_FLOW_H_INCLUDED_


#include "shim.h"

#include "acme_ca_store.h"
#include "acme_ca_text.h"


#define FLOW_STEPS  5


typedef struct {
    acme_ca_account_t      account;
    acme_ca_order_t        order;
    acme_ca_authz_t        authz;
    acme_ca_certificate_t  certificate;
    acme_ca_job_t          job;
    ngx_uint_t             host;
    u_char                 name[64];
    u_char                 sans[64];
    u_char                 serial[16];
    u_char                 der[600];
} flow_t;


typedef void (*flow_step_pt)(acme_ca_store_t *store, flow_t *flow);


static time_t       flow_now = 1800000000;
static time_t       flow_reuse = 2592000;   /* of an authorization */
static int64_t      flow_issuer;
static ngx_pool_t  *flow_pool;


static inline void
must(ngx_int_t rc, const char *what)
{
    if (rc != NGX_OK) {
        fprintf(stderr, "%s: %d %s\n", what, (int) rc, shim_logged);
        exit(1);
    }
}


static inline void
flow_audit(acme_ca_store_t *store, flow_t *flow, const char *action,
    const char *details)
{
    acme_ca_audit_t  row;

    static ngx_str_t  address = ngx_string("10.11.12.13");
    static ngx_str_t  request = ngx_string("0123456789abcdef0123456789abcdef");
    static ngx_str_t  agent = ngx_string("lego-cli/4.9.1 xenolf-acme/4.9.1 "
                                         "(release; linux; amd64)");

    ngx_memzero(&row, sizeof(acme_ca_audit_t));

    row.action = action;
    row.actor = "account";
    row.account_id = flow->account.id;
    row.order_id = flow->order.id;
    row.authz_id = flow->authz.id;
    row.challenge_id = flow->authz.id * ACME_CA_CHALLENGE_SLOTS;
    row.certificate_id = flow->certificate.id;
    row.client_address = address;
    row.user_agent = agent;
    row.request_id = request;

    if (details) {
        row.details.data = (u_char *) details;
        row.details.len = strlen(details);
    }

    must(acme_ca_store_audit_add(store, &row, flow_now), "audit");
}


static inline void
flow_order(acme_ca_store_t *store, flow_t *flow)
{
    int64_t               id;
    acme_ca_challenge_t   challenge;

    static ngx_str_t  token = ngx_string("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-"
                                         "PCt92wr-oA");

    flow->authz.account_id = flow->account.id;
    flow->authz.status = ACME_CA_PENDING;
    flow->authz.created_at = flow_now;
    flow->authz.expires_at = flow_now + 86400;
    flow->authz.identifier.value.data = flow->name;
    flow->authz.identifier.value.len =
        ngx_sprintf(flow->name, "host-%ui.corp.example.com", flow->host)
        - flow->name;

    flow->order.account_id = flow->account.id;
    flow->order.status = ACME_CA_PENDING;
    flow->order.created_at = flow_now;
    flow->order.expires_at = flow_now + 86400;

    (void) acme_ca_store_authz_find_valid(store, flow->account.id,
                                          &flow->authz.identifier, 0, flow_now,
                                          &id);

    must(acme_ca_store_order_add(store, &flow->order), "order");
    must(acme_ca_store_authz_add(store, &flow->authz), "authz");
    must(acme_ca_store_order_add_identifier(store, flow->order.id, 0,
                                            &flow->authz.identifier,
                                            flow->authz.id), "identifier");

    ngx_memzero(&challenge, sizeof(acme_ca_challenge_t));

    challenge.id = flow->authz.id * ACME_CA_CHALLENGE_SLOTS;
    challenge.status = ACME_CA_PENDING;
    challenge.token = token;

    must(acme_ca_store_challenge_add(store, &challenge), "challenge");

    flow_audit(store, flow, "new-order", NULL);
}


static inline void
flow_answer(acme_ca_store_t *store, flow_t *flow)
{
    acme_ca_job_t        *job;
    acme_ca_authz_t       authz;
    acme_ca_challenge_t   challenge;

    static ngx_str_t  address = ngx_string("10.11.12.13");
    static ngx_str_t  request = ngx_string("0123456789abcdef0123456789abcdef");

    job = &flow->job;

    ngx_memzero(job, sizeof(acme_ca_job_t));

    job->challenge_id = flow->authz.id * ACME_CA_CHALLENGE_SLOTS;
    job->deadline_at = flow_now + 60;
    job->client_address = address;
    job->request_id = request;

    must(acme_ca_store_challenge_find(store, flow_pool, job->challenge_id,
                                      &challenge), "challenge");
    must(acme_ca_store_authz_find(store, flow_pool, flow->authz.id, &authz),
         "authz");
    must(acme_ca_store_challenge_set_status(store, job->challenge_id,
                                            ACME_CA_PENDING, ACME_CA_PROCESSING,
                                            NULL, flow_now), "processing");
    must(acme_ca_store_job_add(store, job, flow_now + 30), "job");

    flow_audit(store, flow, "answer", NULL);
}


static inline void
flow_verdict(acme_ca_store_t *store, flow_t *flow)
{
    int64_t      *id;
    ngx_uint_t    n;
    ngx_array_t  *orders;

    must(acme_ca_store_job_remove(store, flow->job.id), "job");
    must(acme_ca_store_challenge_set_status(store, flow->job.id,
                                            ACME_CA_PROCESSING, ACME_CA_VALID,
                                            NULL, flow_now), "valid");
    must(acme_ca_store_authz_set_status(store, flow->authz.id, ACME_CA_PENDING,
                                        ACME_CA_VALID, flow_now + flow_reuse,
                                        flow_now),
         "authz");
    must(acme_ca_store_order_list_by_authz(store, flow_pool, flow->authz.id,
                                           ACME_CA_PENDING, &orders),
         "orders");

    id = orders->elts;

    must(acme_ca_store_order_get_open(store, id[0], &n), "open");
    must(acme_ca_store_order_set_status(store, id[0], ACME_CA_PENDING,
                                        ACME_CA_READY, NULL, 0, flow_now),
         "ready");

    flow_audit(store, flow, "validate",
               "{\"tried\":[{\"address\":\"10.11.12.13\",\"port\":80,"
               "\"status\":200}]}");
}


static inline void
flow_finalize(acme_ca_store_t *store, flow_t *flow)
{
    ngx_array_t            *identifiers;
    acme_ca_order_t         order;
    acme_ca_certificate_t  *certificate;

    static ngx_str_t  key = ngx_string("EC P-256");

    certificate = &flow->certificate;

    must(acme_ca_store_order_find(store, flow_pool, flow->order.id, &order),
         "order");
    must(acme_ca_store_order_list_identifiers(store, flow_pool, flow->order.id,
                                              &identifiers), "identifiers");

    must(acme_ca_random(flow->serial, sizeof(flow->serial)), "random");

    certificate->order_id = flow->order.id;
    certificate->account_id = flow->account.id;
    certificate->issuer_id = flow_issuer;
    certificate->status = ACME_CA_VALID;
    certificate->serial.data = flow->serial;
    certificate->serial.len = sizeof(flow->serial);
    certificate->common_name = flow->authz.identifier.value;
    certificate->sans.data = flow->sans;
    certificate->sans.len = ngx_sprintf(flow->sans, "dns:%V",
                                        &flow->authz.identifier.value)
                            - flow->sans;
    certificate->key_type = key;
    certificate->not_before = flow_now;
    certificate->not_after = flow_now + 7776000;
    certificate->der.data = flow->der;
    certificate->der.len = sizeof(flow->der);
    certificate->created_at = flow_now;

    must(acme_ca_store_certificate_add(store, certificate), "certificate");
    must(acme_ca_store_order_set_status(store, flow->order.id, ACME_CA_READY,
                                        ACME_CA_VALID, NULL, certificate->id,
                                        flow_now), "valid");

    flow_audit(store, flow, "issue",
               "{\"serial\":\"0123456789abcdef0123456789abcdef\"}");
}


static inline void
flow_download(acme_ca_store_t *store, flow_t *flow)
{
    must(acme_ca_store_certificate_set_download(store, flow->certificate.id,
                                                flow_now), "download");
    flow_audit(store, flow, "certificate", NULL);
}


static const flow_step_pt  flow_steps[FLOW_STEPS] = {
    flow_order, flow_answer, flow_verdict, flow_finalize, flow_download
};


/* accounts and an issuer */

static inline void
flow_start(acme_ca_store_t *store, int64_t *ids, ngx_uint_t n)
{
    ngx_uint_t         i;
    acme_ca_account_t  account;

    static ngx_str_t  jwk = ngx_string(
        "{\"crv\":\"P-256\",\"kty\":\"EC\","
        "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
    static ngx_str_t  contact = ngx_string("[\"mailto:a@example.com\"]");
    static ngx_str_t  name = ngx_string("issuer");

    ngx_memzero(&account, sizeof(acme_ca_account_t));

    account.status = ACME_CA_VALID;
    account.jwk = jwk;
    account.contact = contact;
    account.created_at = flow_now;

    must(acme_ca_store_begin(store), "begin");

    for (i = 0; i < n; i++) {
        must(acme_ca_random(account.thumbprint, ACME_CA_SHA256_LEN), "random");
        must(acme_ca_store_account_add(store, &account), "account");
        ids[i] = account.id;
    }

    must(acme_ca_store_issuer_add(store, &name, &jwk, &jwk, flow_now,
                                  flow_now, flow_now, &flow_issuer),
         "issuer");
    must(acme_ca_store_commit(store), "commit");
}


/* flows that go their steps together, a transaction for each */

static inline void
flow_run(acme_ca_store_t *store, flow_t *flow, ngx_uint_t n)
{
    flow_t      *f;
    ngx_uint_t   i;

    flow_pool = ngx_create_pool(4096, &shim_log);

    for (i = 0; i < FLOW_STEPS; i++) {
        must(acme_ca_store_begin(store), "begin");

        for (f = flow; f < flow + n; f++) {
            must(acme_ca_store_savepoint(store), "savepoint");
            flow_steps[i](store, f);
            must(acme_ca_store_release(store), "release");
        }

        must(acme_ca_store_commit(store), "commit");
        acme_ca_store_checkpoint(store);
    }

    ngx_destroy_pool(flow_pool);
}


#endif /* _STORE_FLOW_H_INCLUDED_ */
