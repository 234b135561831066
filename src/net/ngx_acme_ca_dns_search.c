
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
#define NGX_ACME_CA_DNS_OPT        11        /* RFC 6891, at the very end */
#define NGX_ACME_CA_DNS_CLASS_IN   1
#define NGX_ACME_CA_DNS_AD         0x20      /* of the header's fourth byte */
#define NGX_ACME_CA_DNS_RCODE      0x0f
#define NGX_ACME_CA_DNS_FORMERR    1
#define NGX_ACME_CA_DNS_NXDOMAIN   3

/* each byte of a name can be written as "\ddd" */
#define NGX_ACME_CA_DNS_TEXT       (4 * NGX_ACME_CA_DNS_NAME)


static int ngx_acme_ca_dns_question(ngx_acme_ca_dns_query_t *query,
    ngx_str_t *name, ngx_uint_t type);
static void ngx_acme_ca_dns_answered(void *arg, int status, int timeouts,
    u_char *message, int len);
static ngx_uint_t ngx_acme_ca_dns_plain(ngx_acme_ca_dns_query_t *query,
    u_char *message, size_t len);
static int ngx_acme_ca_dns_answer(ngx_acme_ca_dns_query_t *query,
    u_char *message, size_t len);


ngx_acme_ca_dns_query_t *
ngx_acme_ca_dns_search(ngx_acme_ca_dns_t *dns, ngx_str_t *name,
    ngx_uint_t type, ngx_acme_ca_dns_search_pt handler, void *data)
{
    int                       rc;
    ngx_acme_ca_dns_query_t  *query;

    query = ngx_acme_ca_dns_query(dns, name, data);

    if (query == NULL) {
        return NULL;
    }

    query->search = handler;

    rc = ngx_acme_ca_dns_question(query, name, type);

    if (rc != ARES_SUCCESS) {
        ngx_acme_ca_dns_finish(query, rc);
        return query;
    }

    ares_send(query->dns->channel, query->question, query->question_len,
              ngx_acme_ca_dns_answered, query);
    query->starting = 0;

    ngx_acme_ca_dns_schedule(query->dns);

    return query;
}


static int
ngx_acme_ca_dns_question(ngx_acme_ca_dns_query_t *query, ngx_str_t *name,
    ngx_uint_t type)
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
                           &query->question, &query->question_len,
                           NGX_ACME_CA_DNS_EDNS);

    if (rc == ARES_SUCCESS) {
        query->question[3] |= NGX_ACME_CA_DNS_AD;
    }

    return rc;
}


static void
ngx_acme_ca_dns_answered(void *arg, int status, int timeouts, u_char *message,
    int len)
{
    ngx_acme_ca_dns_query_t  *query = arg;

    if (status == ARES_SUCCESS
        && ngx_acme_ca_dns_plain(query, message, (size_t) len))
    {
        return;
    }

    if (status == ARES_SUCCESS) {
        status = ngx_acme_ca_dns_answer(query, message, (size_t) len);
    }

    ngx_acme_ca_dns_finish(query, status);
}


/* a server that knows no EDNS is asked without it (RFC 6891, 7), once */

static ngx_uint_t
ngx_acme_ca_dns_plain(ngx_acme_ca_dns_query_t *query, u_char *message,
    size_t len)
{
    u_char  *question;

    question = query->question;

    if (question == NULL
        || query->dns->channel == NULL
        || len < NGX_ACME_CA_DNS_HEADER
        || (message[3] & NGX_ACME_CA_DNS_RCODE) != NGX_ACME_CA_DNS_FORMERR)
    {
        return 0;
    }

    question[3] = 0;
    question[11] = 0;

    query->question = NULL;

    ares_send(query->dns->channel, question,
              query->question_len - NGX_ACME_CA_DNS_OPT,
              ngx_acme_ca_dns_answered, query);

    ares_free_string(question);

    return 1;
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

    if (rcode != 0 && rcode != NGX_ACME_CA_DNS_NXDOMAIN) {
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

    if (rcode == NGX_ACME_CA_DNS_NXDOMAIN) {
        return ARES_ENOTFOUND;
    }

    return (message[6] == 0 && message[7] == 0) ? ARES_ENODATA : ARES_SUCCESS;
}
