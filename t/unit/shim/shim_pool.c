
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Memory: pools, arrays, lists, and the allocation that fails.
 */


#include "shim.h"


static void *shim_pool_block(ngx_pool_t *pool, size_t size);


static ngx_int_t  shim_count;
static ngx_int_t  shim_fail = SHIM_NEVER;

ngx_uint_t  ngx_pagesize = 4096;
ngx_uint_t  ngx_pagesize_shift = 12;
ngx_uint_t  ngx_cacheline_size = 64;


void
shim_fail_at(ngx_int_t n)
{
    __atomic_store_n(&shim_count, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&shim_fail, n, __ATOMIC_SEQ_CST);
}


ngx_int_t
shim_allocations(void)
{
    return __atomic_load_n(&shim_count, __ATOMIC_SEQ_CST);
}


ngx_uint_t
shim_failed(void)
{
    return shim_fail != SHIM_NEVER && shim_allocations() > shim_fail;
}


void *
shim_malloc(size_t size)
{
    ngx_int_t  n;

    n = __atomic_fetch_add(&shim_count, 1, __ATOMIC_SEQ_CST);

    if (n == __atomic_load_n(&shim_fail, __ATOMIC_SEQ_CST)) {
        return NULL;
    }

    return malloc(size ? size : 1);
}


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    return shim_malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    void  *p;

    p = shim_malloc(size);

    if (p) {
        ngx_memzero(p, size);
    }

    return p;
}


ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    ngx_pool_t  *pool;

    pool = ngx_calloc(sizeof(ngx_pool_t), log);

    if (pool) {
        pool->log = log;
        pool->current = pool;
    }

    return pool;
}


void
ngx_destroy_pool(ngx_pool_t *pool)
{
    ngx_reset_pool(pool);
    free(pool);
}


void
ngx_reset_pool(ngx_pool_t *pool)
{
    ngx_pool_large_t    *large;
    ngx_pool_cleanup_t  *cleanup;

    for (cleanup = pool->cleanup; cleanup; cleanup = cleanup->next) {
        if (cleanup->handler) {
            cleanup->handler(cleanup->data);
        }
    }

    pool->cleanup = NULL;

    while (pool->large) {
        large = pool->large;
        pool->large = large->next;
        free(large->alloc);
        free(large);
    }
}


static void *
shim_pool_block(ngx_pool_t *pool, size_t size)
{
    void              *p;
    ngx_pool_large_t  *large;

    p = shim_malloc(size);
    if (p == NULL) {
        return NULL;
    }

    large = malloc(sizeof(ngx_pool_large_t));
    if (large == NULL) {
        abort();
    }

    large->alloc = p;
    large->next = pool->large;
    pool->large = large;

    return p;
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    return shim_pool_block(pool, size);
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return shim_pool_block(pool, size);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = shim_pool_block(pool, size);

    if (p) {
        ngx_memzero(p, size);
    }

    return p;
}


void *
ngx_pmemalign(ngx_pool_t *pool, size_t size, size_t alignment)
{
    void  *p, *aligned;

    /* the same block under an aligned address */

    p = shim_pool_block(pool, 0);
    if (p == NULL) {
        return NULL;
    }

    if (posix_memalign(&aligned, alignment, size) != 0) {
        abort();
    }

    free(p);
    pool->large->alloc = aligned;

    return aligned;
}


ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    ngx_pool_large_t  *large, **next;

    for (next = &pool->large; *next; next = &(*next)->next) {
        large = *next;

        if (large->alloc == p) {
            *next = large->next;
            free(large->alloc);
            free(large);
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_pool_cleanup_t *
ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size)
{
    ngx_pool_cleanup_t  *cleanup;

    cleanup = ngx_pcalloc(pool, sizeof(ngx_pool_cleanup_t));
    if (cleanup == NULL) {
        return NULL;
    }

    if (size) {
        cleanup->data = ngx_palloc(pool, size);
        if (cleanup->data == NULL) {
            return NULL;
        }
    }

    cleanup->next = pool->cleanup;
    pool->cleanup = cleanup;

    return cleanup;
}


ngx_array_t *
ngx_array_create(ngx_pool_t *pool, ngx_uint_t n, size_t size)
{
    ngx_array_t  *array;

    array = ngx_palloc(pool, sizeof(ngx_array_t));

    if (array == NULL || ngx_array_init(array, pool, n, size) != NGX_OK) {
        return NULL;
    }

    return array;
}


void
ngx_array_destroy(ngx_array_t *array)
{
    /* goes with its pool */
}


void *
ngx_array_push(ngx_array_t *array)
{
    return ngx_array_push_n(array, 1);
}


void *
ngx_array_push_n(ngx_array_t *array, ngx_uint_t n)
{
    void        *elts;
    ngx_uint_t   nalloc;

    if (array->nelts + n > array->nalloc) {
        nalloc = 2 * (array->nalloc > n ? array->nalloc : n);

        elts = ngx_palloc(array->pool, nalloc * array->size);
        if (elts == NULL) {
            return NULL;
        }

        if (array->nelts) {
            ngx_memcpy(elts, array->elts, array->nelts * array->size);
        }

        array->elts = elts;
        array->nalloc = nalloc;
    }

    elts = (u_char *) array->elts + array->nelts * array->size;
    array->nelts += n;

    return elts;
}


ngx_list_t *
ngx_list_create(ngx_pool_t *pool, ngx_uint_t n, size_t size)
{
    ngx_list_t  *list;

    list = ngx_palloc(pool, sizeof(ngx_list_t));

    if (list == NULL || ngx_list_init(list, pool, n, size) != NGX_OK) {
        return NULL;
    }

    return list;
}


void *
ngx_list_push(ngx_list_t *list)
{
    ngx_list_part_t  *part;

    part = list->last;

    if (part->nelts == list->nalloc) {
        part = ngx_pcalloc(list->pool, sizeof(ngx_list_part_t));
        if (part == NULL) {
            return NULL;
        }

        part->elts = ngx_palloc(list->pool, list->nalloc * list->size);
        if (part->elts == NULL) {
            return NULL;
        }

        list->last->next = part;
        list->last = part;
    }

    return (u_char *) part->elts + list->size * part->nelts++;
}
