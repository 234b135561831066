
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Name constraints (RFC 5280, 4.2.1.10): those of a chain as rules that names
 * are held against, and rules as the extension of a certificate.
 */


#include "acme_ca_issuer_load.h"
#include "acme_ca_crypto.h"

#include <openssl/x509v3.h>


/* a subtree of addresses has an address and a mask */
#define ACME_CA_CONSTRAINT_IPV4  8
#define ACME_CA_CONSTRAINT_IPV6  32


static ngx_int_t acme_ca_constraints_read(acme_ca_issuer_load_t *load,
    STACK_OF(GENERAL_SUBTREE) *trees, ngx_array_t **dns, ngx_array_t **ip);
static ngx_int_t acme_ca_constraints_read_dns(ngx_pool_t *pool,
    const ASN1_STRING *base, ngx_array_t **list);
static ngx_int_t acme_ca_constraints_read_ip(ngx_pool_t *pool,
    const ASN1_STRING *base, ngx_array_t **list);
static void *acme_ca_constraints_push(ngx_pool_t *pool, ngx_array_t **list,
    size_t size);
static ngx_int_t acme_ca_constraints_write(STACK_OF(GENERAL_SUBTREE) **trees,
    const ngx_array_t *dns, const ngx_array_t *ip);
static ngx_int_t acme_ca_constraints_add(STACK_OF(GENERAL_SUBTREE) **trees,
    int type, const u_char *data, size_t len);
static size_t acme_ca_constraints_subtree(const ngx_cidr_t *cidr,
    u_char subtree[ACME_CA_CONSTRAINT_IPV6]);


ngx_int_t
acme_ca_issuer_fill_constraints(acme_ca_issuer_load_t *load)
{
    int                i, found;
    ngx_int_t          rc;
    ngx_array_t       *list;
    acme_ca_rules_t   *rules;
    NAME_CONSTRAINTS  *names;

    list = ngx_array_create(load->pool, 1, sizeof(acme_ca_rules_t));
    if (list == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < sk_X509_num(load->certs); i++) {

        /* one that is malformed was found by check_ca() */

        names = X509_get_ext_d2i(sk_X509_value(load->certs, i),
                                 NID_name_constraints, &found, NULL);

        if (names == NULL) {
            if (found != -1) {
                return NGX_ERROR;
            }

            continue;
        }

        rules = ngx_array_push(list);
        rc = NGX_ERROR;

        if (rules != NULL) {
            ngx_memzero(rules, sizeof(acme_ca_rules_t));

            rc = acme_ca_constraints_read(load, names->permittedSubtrees,
                                          &rules->allow_dns, &rules->allow_ip);
        }

        if (rc == NGX_OK) {
            rc = acme_ca_constraints_read(load, names->excludedSubtrees,
                                          &rules->deny_dns, &rules->deny_ip);
        }

        NAME_CONSTRAINTS_free(names);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    load->issuer->constraints = list;

    return NGX_OK;
}


/* those of other kinds are about what our leaves do not have */

static ngx_int_t
acme_ca_constraints_read(acme_ca_issuer_load_t *load,
    STACK_OF(GENERAL_SUBTREE) *trees, ngx_array_t **dns, ngx_array_t **ip)
{
    int            i;
    ngx_int_t      rc;
    GENERAL_NAME  *base;

    for (i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        base = sk_GENERAL_SUBTREE_value(trees, i)->base;

        rc = (base->type == GEN_DNS)
             ? acme_ca_constraints_read_dns(load->pool, base->d.dNSName, dns)
             : (base->type == GEN_IPADD)
             ? acme_ca_constraints_read_ip(load->pool, base->d.iPAddress, ip)
             : NGX_OK;

        if (rc == NGX_DECLINED) {
            ngx_str_set(load->error, "its name constraints have an address "
                        "range that is none");
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/*
 * A name stands for itself and all below it; with a dot before it, which
 * OpenSSL and others know, for those only.
 */

static ngx_int_t
acme_ca_constraints_read_dns(ngx_pool_t *pool, const ASN1_STRING *base,
    ngx_array_t **list)
{
    size_t      len;
    ngx_str_t  *name, below;

    len = ASN1_STRING_length(base);

    name = acme_ca_constraints_push(pool, list, sizeof(ngx_str_t));
    if (name == NULL) {
        return NGX_ERROR;
    }

    if (len == 0) {
        ngx_str_set(name, "*");
        return NGX_OK;
    }

    if (acme_ca_copy(pool, name, ASN1_STRING_get0_data(base), len) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_strlow(name->data, name->data, len);

    if (name->data[0] == '.') {
        return NGX_OK;
    }

    if (acme_ca_format(pool, &below, len + 1, ".%V", name) != NGX_OK) {
        return NGX_ERROR;
    }

    name = acme_ca_constraints_push(pool, list, sizeof(ngx_str_t));
    if (name == NULL) {
        return NGX_ERROR;
    }

    *name = below;

    return NGX_OK;
}


static ngx_int_t
acme_ca_constraints_read_ip(ngx_pool_t *pool, const ASN1_STRING *base,
    ngx_array_t **list)
{
    ngx_uint_t     i;
    ngx_cidr_t    *cidr;
    const u_char  *p;

    cidr = acme_ca_constraints_push(pool, list, sizeof(ngx_cidr_t));
    if (cidr == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(cidr, sizeof(ngx_cidr_t));

    p = ASN1_STRING_get0_data(base);

    switch (ASN1_STRING_length(base)) {

    case ACME_CA_CONSTRAINT_IPV4:
        cidr->family = AF_INET;
        ngx_memcpy(&cidr->u.in.addr, p, 4);
        ngx_memcpy(&cidr->u.in.mask, p + 4, 4);
        cidr->u.in.addr &= cidr->u.in.mask;
        return NGX_OK;

    case ACME_CA_CONSTRAINT_IPV6:
        cidr->family = AF_INET6;
        ngx_memcpy(&cidr->u.in6.addr, p, 16);
        ngx_memcpy(&cidr->u.in6.mask, p + 16, 16);

        for (i = 0; i < 16; i++) {
            cidr->u.in6.addr.s6_addr[i] &= p[16 + i];
        }

        return NGX_OK;

    default:
        return NGX_DECLINED;
    }
}


static void *
acme_ca_constraints_push(ngx_pool_t *pool, ngx_array_t **list, size_t size)
{
    if (*list == NULL) {
        *list = ngx_array_create(pool, 2, size);
        if (*list == NULL) {
            return NULL;
        }
    }

    return ngx_array_push(*list);
}


ngx_int_t
acme_ca_constraints_extend(X509 *cert, const acme_ca_rules_t *rules)
{
    ngx_int_t          rc;
    NAME_CONSTRAINTS  *names;

    if (rules->allow_dns == NULL && rules->deny_dns == NULL
        && rules->allow_ip == NULL && rules->deny_ip == NULL)
    {
        return NGX_OK;
    }

    names = NAME_CONSTRAINTS_new();
    if (names == NULL) {
        return NGX_ERROR;
    }

    rc = acme_ca_constraints_write(&names->permittedSubtrees,
                                   rules->allow_dns, rules->allow_ip);

    if (rc == NGX_OK) {
        rc = acme_ca_constraints_write(&names->excludedSubtrees,
                                       rules->deny_dns, rules->deny_ip);
    }

    if (rc == NGX_OK
        && X509_add1_ext_i2d(cert, NID_name_constraints, names, 1,
                             X509V3_ADD_DEFAULT)
           != 1)
    {
        rc = NGX_ERROR;
    }

    NAME_CONSTRAINTS_free(names);

    return rc;
}


static ngx_int_t
acme_ca_constraints_write(STACK_OF(GENERAL_SUBTREE) **trees,
    const ngx_array_t *dns, const ngx_array_t *ip)
{
    size_t       len;
    u_char       subtree[ACME_CA_CONSTRAINT_IPV6];
    ngx_str_t   *name;
    ngx_uint_t   i;
    ngx_cidr_t  *cidr;

    for (i = 0; dns != NULL && i < dns->nelts; i++) {
        name = dns->elts;

        if (acme_ca_constraints_add(trees, GEN_DNS, name[i].data, name[i].len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; ip != NULL && i < ip->nelts; i++) {
        cidr = ip->elts;
        len = acme_ca_constraints_subtree(&cidr[i], subtree);

        if (acme_ca_constraints_add(trees, GEN_IPADD, subtree, len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_constraints_add(STACK_OF(GENERAL_SUBTREE) **trees, int type,
    const u_char *data, size_t len)
{
    ASN1_STRING      *value;
    GENERAL_SUBTREE  *tree;

    if (*trees == NULL) {
        *trees = sk_GENERAL_SUBTREE_new_null();
    }

    tree = GENERAL_SUBTREE_new();
    value = ASN1_STRING_type_new((type == GEN_DNS) ? V_ASN1_IA5STRING
                                                   : V_ASN1_OCTET_STRING);

    if (*trees == NULL || tree == NULL || value == NULL
        || !ASN1_STRING_set(value, data, (int) len))
    {
        GENERAL_SUBTREE_free(tree);
        ASN1_STRING_free(value);
        return NGX_ERROR;
    }

    GENERAL_NAME_set0_value(tree->base, type, value);

    if (!sk_GENERAL_SUBTREE_push(*trees, tree)) {
        GENERAL_SUBTREE_free(tree);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static size_t
acme_ca_constraints_subtree(const ngx_cidr_t *cidr,
    u_char subtree[ACME_CA_CONSTRAINT_IPV6])
{
    if (cidr->family == AF_INET6) {
        ngx_memcpy(subtree, &cidr->u.in6.addr, 16);
        ngx_memcpy(subtree + 16, &cidr->u.in6.mask, 16);
        return ACME_CA_CONSTRAINT_IPV6;
    }

    ngx_memcpy(subtree, &cidr->u.in.addr, 4);
    ngx_memcpy(subtree + 4, &cidr->u.in.mask, 4);

    return ACME_CA_CONSTRAINT_IPV4;
}
