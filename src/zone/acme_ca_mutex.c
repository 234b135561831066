
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The writers' mutex.  A holder that died leaves it to the next one, who only
 * has to say that the state is sound: there is none behind it, SQLite's own
 * journal repairs what a dead writer left.
 */


#include "acme_ca_mutex.h"


static void acme_ca_mutex_deadline(struct timespec *ts, ngx_msec_t timeout_ms);


ngx_int_t
acme_ca_mutex_init(acme_ca_mutex_t *mutex, ngx_log_t *log)
{
    int                  rc;
    pthread_mutexattr_t  attr;

    rc = pthread_mutexattr_init(&attr);

    if (rc != 0) {
        ngx_log_error(NGX_LOG_EMERG, log, rc,
                      "pthread_mutexattr_init() failed");
        return NGX_ERROR;
    }

    rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);

    if (rc == 0) {
        rc = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    }

    if (rc == 0) {
        rc = pthread_mutex_init(&mutex->mutex, &attr);
    }

    (void) pthread_mutexattr_destroy(&attr);

    if (rc != 0) {
        ngx_log_error(NGX_LOG_EMERG, log, rc,
                      "could not make a robust process-shared mutex");
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
acme_ca_mutex_lock(acme_ca_mutex_t *mutex, ngx_msec_t timeout_ms,
    ngx_log_t *log)
{
    int              rc;
    struct timespec  ts;

    rc = pthread_mutex_trylock(&mutex->mutex);

    if (rc == EBUSY) {

        if (timeout_ms == 0) {
            return NGX_DECLINED;
        }

        acme_ca_mutex_deadline(&ts, timeout_ms);
        rc = pthread_mutex_timedlock(&mutex->mutex, &ts);
    }

    if (rc == 0) {
        return NGX_OK;
    }

    if (rc == ETIMEDOUT) {
        return NGX_DECLINED;
    }

    if (rc == EOWNERDEAD) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "a worker died while it held the writers' mutex");

        rc = pthread_mutex_consistent(&mutex->mutex);

        if (rc == 0) {
            return NGX_OK;
        }

        /* unlocked without this repair it is lost to everybody */

        (void) pthread_mutex_unlock(&mutex->mutex);
    }

    ngx_log_error(NGX_LOG_ERR, log, rc, "could not lock the writers' mutex");

    return NGX_ERROR;
}


void
acme_ca_mutex_unlock(acme_ca_mutex_t *mutex, ngx_log_t *log)
{
    int  rc;

    rc = pthread_mutex_unlock(&mutex->mutex);

    if (rc != 0) {
        ngx_log_error(NGX_LOG_ERR, log, rc,
                      "could not unlock the writers' mutex");
    }
}


/* a deadline of the mutex is in the realtime clock; nothing else is read */

static void
acme_ca_mutex_deadline(struct timespec *ts, ngx_msec_t timeout_ms)
{
    (void) clock_gettime(CLOCK_REALTIME, ts);

    ts->tv_sec += timeout_ms / 1000;
    ts->tv_nsec += timeout_ms % 1000 * 1000000;

    if (ts->tv_nsec >= 1000000000) {
        ts->tv_sec++;
        ts->tv_nsec -= 1000000000;
    }
}
