
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The end of threads.  Nginx waits for the last task of a pool's thread, not
 * for the thread: that one may still free what OpenSSL keeps for it when the
 * worker's exit() frees the same.  So a thread that runs tasks of ours gives
 * back OpenSSL's part itself and counts itself out, and the worker waits.
 */


#include "ngx_acme_ca.h"

#include <openssl/crypto.h>


#define NGX_ACME_CA_THREAD_MS  10000     /* a hanging thread is left behind */


static void ngx_acme_ca_thread_leave(void *data);


static pthread_key_t  ngx_acme_ca_thread_key;
static ngx_uint_t     ngx_acme_ca_thread_known;
static ngx_atomic_t   ngx_acme_ca_threads;


ngx_int_t
ngx_acme_ca_thread_init(ngx_log_t *log)
{
    int  rc;

    if (ngx_acme_ca_thread_known) {
        return NGX_OK;
    }

    rc = pthread_key_create(&ngx_acme_ca_thread_key, ngx_acme_ca_thread_leave);

    if (rc != 0) {
        ngx_log_error(NGX_LOG_EMERG, log, rc, "pthread_key_create() failed");
        return NGX_ERROR;
    }

    ngx_acme_ca_thread_known = 1;

    return NGX_OK;
}


void
ngx_acme_ca_thread_enter(void)
{
    if (pthread_getspecific(ngx_acme_ca_thread_key) != NULL) {
        return;
    }

    /* the value only has to be one: without it there is no destructor */

    if (pthread_setspecific(ngx_acme_ca_thread_key,
                            (void *) &ngx_acme_ca_threads)
        == 0)
    {
        (void) ngx_atomic_fetch_add(&ngx_acme_ca_threads, 1);
    }
}


/* runs in the thread; what OpenSSL has freed already is not there any more */

static void
ngx_acme_ca_thread_leave(void *data)
{
    OPENSSL_thread_stop();

    (void) ngx_atomic_fetch_add(&ngx_acme_ca_threads, -1);
}


void
ngx_acme_ca_thread_wait(ngx_log_t *log)
{
    ngx_uint_t  ms;

    for (ms = 0; ngx_acme_ca_threads != 0; ms++) {

        if (ms == NGX_ACME_CA_THREAD_MS) {
            ngx_log_error(NGX_LOG_ERR, log, 0, "%uA threads do not end",
                          ngx_acme_ca_threads);
            return;
        }

        ngx_msleep(1);
    }
}
