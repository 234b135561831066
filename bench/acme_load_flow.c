
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The exchanges of RFC 8555 that a flow consists of, each of them timed.
 */


#include <stdio.h>
#include <string.h>

#include "acme_load.h"


#define ACME_LOAD_RETRIES   20      /* of badNonce, as patient clients do */
#define ACME_LOAD_POLL_MAX  200.0   /* ms */


static int acme_load_nonce(acme_load_worker_t *w);
static int acme_load_refused(acme_load_worker_t *w);
static acme_load_span_t acme_load_body(acme_load_worker_t *w);
static int acme_load_url(acme_load_worker_t *w, acme_load_span_t json,
    const char *name, char *url);
static int acme_load_status(acme_load_worker_t *w, char *status, size_t size);
static int acme_load_await(acme_load_worker_t *w,
    acme_load_account_t *account, acme_load_step_e step, const char *url,
    const char *first, const char *wanted);
static int acme_load_simple(acme_load_worker_t *w);
static int acme_load_order(acme_load_worker_t *w,
    acme_load_account_t *account, const char *name, char *authz,
    char *finalize, char *order);
static int acme_load_authorize(acme_load_worker_t *w,
    acme_load_account_t *account, unsigned flow, const char *authz);
static int acme_load_finalize(acme_load_worker_t *w,
    acme_load_account_t *account, unsigned flow, const char *name,
    const char *finalize, const char *order);
static int acme_load_flow(acme_load_worker_t *w, unsigned flow);


static acme_load_span_t
acme_load_body(acme_load_worker_t *w)
{
    acme_load_span_t  json;

    json.p = w->reply.body;
    json.len = w->reply.body_len;

    return json;
}


static int
acme_load_url(acme_load_worker_t *w, acme_load_span_t json, const char *name,
    char *url)
{
    acme_load_span_t  value;

    if (acme_load_member(json, name, &value) != 0
        || value.len >= ACME_LOAD_URL)
    {
        (void) snprintf(w->why, sizeof(w->why), "no %s", name);
        return -1;
    }

    memcpy(url, value.p, value.len);
    url[value.len] = '\0';

    return 0;
}


int
acme_load_directory(acme_load_worker_t *w)
{
    w->step = "directory";

    if (acme_load_exchange(w, "GET", acme_load.directory, NULL, NULL, 0) != 0)
    {
        return -1;
    }

    if (w->reply.status != 200) {
        return acme_load_refused(w);
    }

    if (acme_load_url(w, acme_load_body(w), "newNonce", acme_load.new_nonce)
        != 0
        || acme_load_url(w, acme_load_body(w), "newAccount",
                         acme_load.new_account) != 0
        || acme_load_url(w, acme_load_body(w), "newOrder",
                         acme_load.new_order) != 0)
    {
        return -1;
    }

    return 0;
}


int
acme_load_register(acme_load_worker_t *w, acme_load_account_t *account)
{
    w->step = "newAccount";

    if (acme_load_post(w, account, ACME_LOAD_STEPS, acme_load.new_account,
                       "{\"termsOfServiceAgreed\":true}", 201) != 0)
    {
        return -1;
    }

    memcpy(account->url, w->reply.location, ACME_LOAD_URL);
    w->account = (unsigned) (account - acme_load.account);
    acme_load_note(w, "account", account->url);

    return 0;
}


static int
acme_load_nonce(acme_load_worker_t *w)
{
    if (w->nonce[0]) {
        return 0;
    }

    if (acme_load_exchange(w, "HEAD", acme_load.new_nonce, NULL, NULL, 0)
        != 0)
    {
        return -1;
    }

    if (w->reply.nonce[0] == '\0') {
        (void) snprintf(w->why, sizeof(w->why), "no nonce");
        return -1;
    }

    memcpy(w->nonce, w->reply.nonce, ACME_LOAD_NONCE);

    return 0;
}


/* always -1, and says why */

static int
acme_load_refused(acme_load_worker_t *w)
{
    size_t             skip;
    acme_load_span_t   type;

    skip = sizeof("urn:ietf:params:acme:error:") - 1;

    if (acme_load_member(acme_load_body(w), "type", &type) == 0
        && type.len > skip && type.len < 100)
    {
        (void) snprintf(w->why, sizeof(w->why), "%d %.*s", w->reply.status,
                        (int) (type.len - skip), type.p + skip);

    } else {
        (void) snprintf(w->why, sizeof(w->why), "status %d",
                        w->reply.status);
    }

    return -1;
}


/* badNonce is tried again; any other status than that expected is -1 */

int
acme_load_post(acme_load_worker_t *w, acme_load_account_t *account,
    acme_load_step_e step, const char *url, const char *payload, int expect)
{
    int       len;
    char      body[8192];
    double    start;
    unsigned  i;

    for (i = 0; i < ACME_LOAD_RETRIES; i++) {

        if (acme_load_nonce(w) != 0) {
            return -1;
        }

        len = acme_load_jws(body, sizeof(body), account, url, w->nonce,
                            payload);
        w->nonce[0] = '\0';

        if (len < 0) {
            (void) snprintf(w->why, sizeof(w->why), "no JWS");
            return -1;
        }

        start = acme_load_now();

        if (acme_load_exchange(w, "POST", url, "application/jose+json", body,
                               len) != 0)
        {
            return -1;
        }

        if (step < ACME_LOAD_STEPS) {
            acme_load_record(w, step, acme_load_now() - start);
        }

        memcpy(w->nonce, w->reply.nonce, ACME_LOAD_NONCE);

        if (w->reply.status == expect) {
            return 0;
        }

        if (w->reply.status != 400
            || strstr(w->reply.body, "error:badNonce") == NULL)
        {
            break;
        }

        w->retries++;
    }

    return acme_load_refused(w);
}


static int
acme_load_status(acme_load_worker_t *w, char *status, size_t size)
{
    acme_load_span_t  value;

    if (acme_load_member(acme_load_body(w), "status", &value) != 0
        || value.len >= size)
    {
        (void) snprintf(w->why, sizeof(w->why), "no status");
        return -1;
    }

    memcpy(status, value.p, value.len);
    status[value.len] = '\0';

    return 0;
}


/*
 * Polls, doubling the pause, until the object has the wanted status; not at
 * all if the last answer (its status is "first") said so already, unless
 * polls are wanted in any case.
 */

static int
acme_load_await(acme_load_worker_t *w, acme_load_account_t *account,
    acme_load_step_e step, const char *url, const char *first,
    const char *wanted)
{
    char      status[32];
    double    pause, end;
    unsigned  n;

    if (!acme_load.always_poll && strcmp(first, wanted) == 0) {
        return 0;
    }

    (void) snprintf(status, sizeof(status), "%s", first);

    pause = strcmp(first, wanted) == 0 ? 0 : acme_load.poll_ms;
    end = acme_load_now() + acme_load.timeout * 1e3;

    for (n = 0; acme_load_now() < end; n++) {
        if (acme_load_now() > acme_load.deadline) {
            break;
        }

        if (pause > 0) {
            acme_load_sleep(pause);
        }

        if (acme_load_post(w, account, step, url, "", 200) != 0
            || acme_load_status(w, status, sizeof(status)) != 0)
        {
            return -1;
        }

        w->polls++;

        if (strcmp(status, wanted) == 0) {
            return 0;
        }

        if (strcmp(status, "invalid") == 0) {
            (void) snprintf(w->why, sizeof(w->why), "invalid");
            return -1;
        }

        pause = pause > 0 ? pause * 2 : acme_load.poll_ms;
        pause = pause < ACME_LOAD_POLL_MAX ? pause : ACME_LOAD_POLL_MAX;
    }

    (void) snprintf(w->why, sizeof(w->why), "stays %s", status);

    return -1;
}


static int
acme_load_order(acme_load_worker_t *w, acme_load_account_t *account,
    const char *name, char *authz, char *finalize, char *order)
{
    char              payload[512];
    acme_load_span_t  list, value;

    w->step = "newOrder";

    (void) snprintf(payload, sizeof(payload), "{\"identifiers\":"
                    "[{\"type\":\"dns\",\"value\":\"%s\"}]}", name);

    if (acme_load_post(w, account, ACME_LOAD_NEW_ORDER, acme_load.new_order,
                       payload, 201) != 0)
    {
        return -1;
    }

    if (acme_load_url(w, acme_load_body(w), "finalize", finalize) != 0) {
        return -1;
    }

    if (acme_load_member(acme_load_body(w), "authorizations", &list) != 0
        || acme_load_element(&list, &value) != 0
        || value.len >= ACME_LOAD_URL)
    {
        (void) snprintf(w->why, sizeof(w->why), "no authorizations");
        return -1;
    }

    memcpy(authz, value.p, value.len);
    authz[value.len] = '\0';
    memcpy(order, w->reply.location, ACME_LOAD_URL);

    acme_load_note(w, "order", order);

    return 0;
}


static int
acme_load_authorize(acme_load_worker_t *w, acme_load_account_t *account,
    unsigned flow, const char *authz)
{
    char              status[32], url[ACME_LOAD_URL];
    const char       *kind;
    acme_load_span_t  list, item, type, token;

    w->step = "authz";

    if (acme_load_post(w, account, ACME_LOAD_AUTHZ, authz, "", 200) != 0
        || acme_load_status(w, status, sizeof(status)) != 0)
    {
        return -1;
    }

    if (strcmp(status, "valid") == 0) {
        return 0;
    }

    url[0] = '\0';
    kind = acme_load.challenge;

    if (acme_load_member(acme_load_body(w), "challenges", &list) == 0) {
        while (acme_load_element(&list, &item) == 0) {
            if (acme_load_member(item, "type", &type) == 0
                && type.len == strlen(kind)
                && memcmp(type.p, kind, type.len) == 0)
            {
                if (acme_load_url(w, item, "url", url) != 0) {
                    return -1;
                }

                if (acme_load_member(item, "token", &token) == 0) {
                    (void) snprintf(acme_load.token[flow % ACME_LOAD_TOKENS],
                                    ACME_LOAD_TOKEN, "%.*s", (int) token.len,
                                    token.p);
                }

                break;
            }
        }
    }

    if (url[0] == '\0') {
        (void) snprintf(w->why, sizeof(w->why), "no %s", kind);
        return -1;
    }

    w->step = "challenge";

    if (acme_load_post(w, account, ACME_LOAD_CHALLENGE, url, "{}", 200) != 0
        || acme_load_status(w, status, sizeof(status)) != 0)
    {
        return -1;
    }

    w->step = "authzPoll";

    return acme_load_await(w, account, ACME_LOAD_AUTHZ_POLL, authz, status,
                           "valid");
}


static int
acme_load_finalize(acme_load_worker_t *w, acme_load_account_t *account,
    unsigned flow, const char *name, const char *finalize, const char *order)
{
    int                   n;
    char                  status[32], url[ACME_LOAD_URL], payload[2048];
    acme_load_subject_t  *subject;

    w->step = "finalize";

    subject = &acme_load.subject[flow % acme_load.subjects];
    n = snprintf(payload, sizeof(payload), "{\"csr\":\"");
    n += acme_load_csr(payload + n, sizeof(payload) - n - 4, subject, name);
    (void) snprintf(payload + n, 4, "\"}");

    if (acme_load_post(w, account, ACME_LOAD_FINALIZE, finalize, payload,
                       200) != 0
        || acme_load_status(w, status, sizeof(status)) != 0)
    {
        return -1;
    }

    w->step = "orderPoll";

    if (acme_load_await(w, account, ACME_LOAD_ORDER_POLL, order, status,
                        "valid") != 0
        || acme_load_url(w, acme_load_body(w), "certificate", url) != 0)
    {
        return -1;
    }

    acme_load_note(w, "certificate", url);

    w->step = "certificate";

    if (acme_load_post(w, account, ACME_LOAD_CERTIFICATE, url, "", 200) != 0)
    {
        return -1;
    }

    if (strstr(w->reply.body, "-----BEGIN CERTIFICATE-----") == NULL) {
        (void) snprintf(w->why, sizeof(w->why), "no PEM");
        return -1;
    }

    return 0;
}


static int
acme_load_flow(acme_load_worker_t *w, unsigned flow)
{
    char                  name[ACME_LOAD_NAME], authz[ACME_LOAD_URL];
    char                  finalize[ACME_LOAD_URL], order[ACME_LOAD_URL];
    unsigned              n;
    acme_load_account_t  *account;

    n = acme_load.accounts > acme_load.concurrency ? flow : w->id;
    n %= acme_load.accounts;
    account = &acme_load.account[n];
    w->account = n;

    (void) snprintf(name, sizeof(name), "f%ua%u.%s", flow, n,
                    acme_load.domain);

    if (acme_load_order(w, account, name, authz, finalize, order) != 0) {
        return -1;
    }

    if (acme_load.mode == ACME_LOAD_MODE_ORDER) {
        return 0;
    }

    if (acme_load_authorize(w, account, flow, authz) != 0) {
        return -1;
    }

    return acme_load_finalize(w, account, flow, name, finalize, order);
}


static int
acme_load_simple(acme_load_worker_t *w)
{
    double       start;
    const char  *method, *url;

    w->step = "request";
    start = acme_load_now();

    if (acme_load.mode == ACME_LOAD_MODE_NONCE) {
        method = "HEAD";
        url = acme_load.url[0] ? acme_load.url : acme_load.new_nonce;

    } else {
        method = "GET";
        url = acme_load.url[0] ? acme_load.url : acme_load.directory;
    }

    if (acme_load_exchange(w, method, url, NULL, NULL, 0) != 0) {
        return -1;
    }

    if (w->reply.status != 200) {
        return acme_load_refused(w);
    }

    acme_load_record(w, ACME_LOAD_REQUEST, acme_load_now() - start);

    return 0;
}


/* a worker: flows until none is left or time is up */

void *
acme_load_run(void *data)
{
    int                  rc;
    double               start;
    unsigned             flow;
    acme_load_worker_t  *w;

    w = data;

    while (acme_load_now() < acme_load.end) {

        flow = __atomic_fetch_add(&acme_load.next, 1, __ATOMIC_RELAXED);
        if (flow >= acme_load.limit) {
            break;
        }

        start = acme_load_now();

        rc = acme_load.mode < ACME_LOAD_MODE_ORDER ? acme_load_simple(w)
                                                   : acme_load_flow(w, flow);
        if (rc == 0) {
            acme_load_record(w, ACME_LOAD_FLOW, acme_load_now() - start);
            w->done++;

        } else if (acme_load_now() > acme_load.deadline) {
            w->unfinished++;

        } else {
            acme_load_failure(w);
            w->failed++;
            acme_load_sleep(ACME_LOAD_PAUSE);
        }

        if (acme_load.new_connection) {
            acme_load_close(w);
        }
    }

    return NULL;
}
