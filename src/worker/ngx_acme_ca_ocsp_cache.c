
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Signed OCSP responses by the CertID that they are asked for with.  The least
 * recently used go when there is no room.
 */


#include "ngx_acme_ca_ocsp.h"


static void ngx_acme_ca_ocsp_cache_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_int_t ngx_acme_ca_ocsp_cache_cmp(
    const ngx_acme_ca_ocsp_entry_t *entry, const u_char *id, size_t n);
static ngx_acme_ca_ocsp_entry_t *ngx_acme_ca_ocsp_cache_search(
    ngx_acme_ca_ocsp_cache_t *cache, const u_char *id, size_t n);
static void ngx_acme_ca_ocsp_cache_remove(ngx_acme_ca_ocsp_cache_t *cache,
    ngx_acme_ca_ocsp_entry_t *entry);


void
ngx_acme_ca_ocsp_cache_init(ngx_acme_ca_ocsp_cache_t *cache, size_t max)
{
    ngx_rbtree_init(&cache->tree, &cache->sentinel,
                    ngx_acme_ca_ocsp_cache_insert);
    ngx_queue_init(&cache->queue);

    cache->used = 0;
    cache->max = max;
}


void
ngx_acme_ca_ocsp_cache_clear(ngx_acme_ca_ocsp_cache_t *cache)
{
    while (!ngx_queue_empty(&cache->queue)) {
        ngx_acme_ca_ocsp_cache_remove(cache,
                                   ngx_queue_data(ngx_queue_last(&cache->queue),
                                                  ngx_acme_ca_ocsp_entry_t,
                                                  queue));
    }
}


static void
ngx_acme_ca_ocsp_cache_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t        **p;
    ngx_acme_ca_ocsp_entry_t  *entry, *other;

    entry = (ngx_acme_ca_ocsp_entry_t *) node;

    for ( ;; ) {
        other = (ngx_acme_ca_ocsp_entry_t *) temp;

        if (node->key != temp->key) {
            p = (node->key < temp->key) ? &temp->left : &temp->right;

        } else {
            p = (ngx_acme_ca_ocsp_cache_cmp(other, entry->id.data,
                                            entry->id.len)
                 < 0)
                ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


static ngx_int_t
ngx_acme_ca_ocsp_cache_cmp(const ngx_acme_ca_ocsp_entry_t *entry,
    const u_char *id, size_t n)
{
    return ngx_memn2cmp((u_char *) id, entry->id.data, n, entry->id.len);
}


static ngx_acme_ca_ocsp_entry_t *
ngx_acme_ca_ocsp_cache_search(ngx_acme_ca_ocsp_cache_t *cache,
    const u_char *id, size_t n)
{
    uint32_t                   hash;
    ngx_int_t                  rc;
    ngx_rbtree_node_t         *node;
    ngx_acme_ca_ocsp_entry_t  *entry;

    hash = ngx_murmur_hash2((u_char *) id, n);

    for (node = cache->tree.root; node != &cache->sentinel; /* void */ ) {

        if (hash != node->key) {
            node = (hash < node->key) ? node->left : node->right;
            continue;
        }

        entry = (ngx_acme_ca_ocsp_entry_t *) node;

        rc = ngx_acme_ca_ocsp_cache_cmp(entry, id, n);

        if (rc == 0) {
            return entry;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


ngx_acme_ca_ocsp_entry_t *
ngx_acme_ca_ocsp_cache_find(ngx_acme_ca_ocsp_cache_t *cache,
    const acme_ca_der_t *id)
{
    ngx_acme_ca_ocsp_entry_t  *entry;

    entry = ngx_acme_ca_ocsp_cache_search(cache, id->p, id->last - id->p);

    if (entry != NULL) {
        ngx_queue_remove(&entry->queue);
        ngx_queue_insert_head(&cache->queue, &entry->queue);
    }

    return entry;
}


/* one without room is not kept: it is signed again */

void
ngx_acme_ca_ocsp_cache_add(ngx_acme_ca_ocsp_cache_t *cache,
    const ngx_acme_ca_ocsp_query_t *query)
{
    size_t                     len, size;
    const acme_ca_der_t       *id;
    ngx_acme_ca_ocsp_entry_t  *entry;

    id = &query->request.ids[0].whole;
    len = id->last - id->p;

    size = sizeof(ngx_acme_ca_ocsp_entry_t) + len + query->response.len;

    entry = ngx_acme_ca_ocsp_cache_search(cache, id->p, len);

    if (entry != NULL) {
        ngx_acme_ca_ocsp_cache_remove(cache, entry);
    }

    while (cache->used + size > cache->max && !ngx_queue_empty(&cache->queue)) {
        ngx_acme_ca_ocsp_cache_remove(cache,
                                   ngx_queue_data(ngx_queue_last(&cache->queue),
                                                  ngx_acme_ca_ocsp_entry_t,
                                                  queue));
    }

    entry = ngx_alloc(size, ngx_cycle->log);
    if (entry == NULL) {
        return;
    }

    entry->issuer = query->issuer;
    entry->size = size;
    entry->version = query->version;
    entry->signer_id = query->signer_id;
    entry->single = query->singles[0];
    entry->this_update = query->this_update;
    entry->fresh_until = query->fresh_until;

    entry->id.data = (u_char *) entry + sizeof(ngx_acme_ca_ocsp_entry_t);
    entry->id.len = len;
    ngx_memcpy(entry->id.data, id->p, len);

    entry->response.data = entry->id.data + len;
    entry->response.len = query->response.len;
    ngx_memcpy(entry->response.data, query->response.data,
               query->response.len);

    entry->node.key = ngx_murmur_hash2(entry->id.data, len);

    ngx_rbtree_insert(&cache->tree, &entry->node);
    ngx_queue_insert_head(&cache->queue, &entry->queue);
    cache->used += size;

    ngx_queue_insert_head(&entry->issuer->ages, &entry->age);
    entry->issuer->kept++;
}


/* all have the same lifetime: the oldest is the first to go */

void
ngx_acme_ca_ocsp_cache_expire(ngx_acme_ca_ocsp_cache_t *cache,
    ngx_acme_ca_ocsp_issuer_t *issuer, ngx_uint_t n)
{
    ngx_acme_ca_ocsp_entry_t  *entry;

    while (n-- != 0 && issuer->kept != 0) {
        entry = ngx_queue_data(ngx_queue_last(&issuer->ages),
                               ngx_acme_ca_ocsp_entry_t, age);

        if (entry->signer_id == issuer->signer_id
            && ngx_time() < entry->fresh_until)
        {
            break;
        }

        ngx_acme_ca_ocsp_cache_remove(cache, entry);
    }
}


static void
ngx_acme_ca_ocsp_cache_remove(ngx_acme_ca_ocsp_cache_t *cache,
    ngx_acme_ca_ocsp_entry_t *entry)
{
    ngx_rbtree_delete(&cache->tree, &entry->node);
    ngx_queue_remove(&entry->queue);

    ngx_queue_remove(&entry->age);
    entry->issuer->kept--;

    cache->used -= entry->size;

    ngx_free(entry);
}
