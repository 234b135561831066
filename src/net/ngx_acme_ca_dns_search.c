
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Records of any type: the question is made here, so that it can ask for the
 * AD bit (RFC 6840, 5.7), and the answer is told apart by its header alone
 * (RFC 1035, 4.1.1).  What the records say is for validate/.
 */


#include "ngx_acme_ca_dns_channel.h"

#include "acme_ca_text.h"


#define NGX_ACME_CA_DNS_HEADER     12
#define NGX_ACME_CA_DNS_CLASS_IN   1
#define NGX_ACME_CA_DNS_AD         0x20      /* of the header's fourth byte */
#define NGX_ACME_CA_DNS_RCODE      0x0f

/* each byte of a name can be written as "\ddd" */
#define NGX_ACME_CA_DNS_TEXT       (4 * NGX_ACME_CA_DNS_NAME)


static int ngx_acme_ca_dns_question(ngx_acme_ca_dns_query_t *query,
    ngx_str_t *name, ngx_uint_t type, u_char **question, int *len);
static void ngx_acme_ca_dns_answered(void *arg, int status, int timeouts,
    u_char *message, int len);
static int ngx_acme_ca_dns_answer(ngx_acme_ca_dns_query_t *query,
    u_char *message, size_t len);


ngx_acme_ca_dns_query_t *
ngx_acme_ca_dns_search(ngx_acme_ca_dns_t *dns, ngx_str_t *name,
    ngx_uint_t type, ngx_acme_ca_dns_search_pt handler, void *data)
{
    int                       rc, len;
    u_char                   *question;
    ngx_acme_ca_dns_query_t  *query;

    query = ngx_acme_ca_dns_query(dns, name, data);

    if (query == NULL) {
        return NULL;
    }

    query->search = handler;

    rc = ngx_acme_ca_dns_question(query, name, type, &question, &len);

    if (rc != ARES_SUCCESS) {
        ngx_acme_ca_dns_finish(query, rc);
        return query;
    }

    ares_send(query->dns->channel, question, len, ngx_acme_ca_dns_answered,
              query);
    query->starting = 0;

    ares_free_string(question);

    ngx_acme_ca_dns_schedule(query->dns);

    return query;
}


static int
ngx_acme_ca_dns_question(ngx_acme_ca_dns_query_t *query, ngx_str_t *name,
    ngx_uint_t type, u_char **question, int *len)
{
    int     rc;
    u_char  text[NGX_ACME_CA_DNS_TEXT + 1], id[2];

    if (name->len > NGX_ACME_CA_DNS_TEXT) {
        return ARES_EBADNAME;
    }

    /* guessing the id is one half of a forged answer */

    if (acme_ca_random(id, sizeof(id)) != NGX_OK) {
        return ARES_ENOMEM;
    }

    (void) ngx_cpystrn(text, name->data, name->len + 1);

    rc = ares_create_query((char *) text, NGX_ACME_CA_DNS_CLASS_IN,
                           (int) type, (u_short) (id[0] << 8 | id[1]), 1,
                           question, len, NGX_ACME_CA_DNS_EDNS);

    if (rc == ARES_SUCCESS) {
        (*question)[3] |= NGX_ACME_CA_DNS_AD;
    }

    return rc;
}


static void
ngx_acme_ca_dns_answered(void *arg, int status, int timeouts, u_char *message,
    int len)
{
    ngx_acme_ca_dns_query_t  *query = arg;

    if (status == ARES_SUCCESS) {
        status = ngx_acme_ca_dns_answer(query, message, (size_t) len);
    }

    ngx_acme_ca_dns_finish(query, status);
}


/* ares_send() does not read the header for us */

static int
ngx_acme_ca_dns_answer(ngx_acme_ca_dns_query_t *query, u_char *message,
    size_t len)
{
    ngx_uint_t  rcode;

    if (message == NULL || len < NGX_ACME_CA_DNS_HEADER) {
        return ARES_EBADRESP;
    }

    rcode = message[3] & NGX_ACME_CA_DNS_RCODE;

    if (rcode != 0 && rcode != 3) {
        return ARES_ESERVFAIL;
    }

    if (query->dns->require_ad && !(message[3] & NGX_ACME_CA_DNS_AD)) {
        query->unproven = 1;
        return ARES_SUCCESS;
    }

    query->message = ngx_alloc(len, query->dns->log);

    if (query->message == NULL) {
        return ARES_ENOMEM;
    }

    ngx_memcpy(query->message, message, len);
    query->len = len;

    if (rcode == 3) {
        return ARES_ENOTFOUND;
    }

    return (message[6] == 0 && message[7] == 0) ? ARES_ENODATA : ARES_SUCCESS;
}
