
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The writers' mutex: robust and process-shared, so that a worker that dies
 * holding it stops nobody.  It only spares SQLite's sleeping back-off: the
 * authority is SQLite's own lock.  Taken on store threads, never in an event
 * loop.
 */


#ifndef _ACME_CA_MUTEX_H_INCLUDED_
#define _ACME_CA_MUTEX_H_INCLUDED_


#include "acme_ca_base.h"

#include <pthread.h>


typedef struct {
    pthread_mutex_t   mutex;
} acme_ca_mutex_t;


ngx_int_t acme_ca_mutex_init(acme_ca_mutex_t *mutex, ngx_log_t *log);

/*
 * Waits at most timeout_ms.  NGX_OK: held.  NGX_DECLINED: not held in time;
 * the caller goes on without (see above).  NGX_ERROR: logged, go on without.
 */
ngx_int_t acme_ca_mutex_lock(acme_ca_mutex_t *mutex, ngx_msec_t timeout_ms,
    ngx_log_t *log);
void acme_ca_mutex_unlock(acme_ca_mutex_t *mutex, ngx_log_t *log);


#endif /* _ACME_CA_MUTEX_H_INCLUDED_ */
