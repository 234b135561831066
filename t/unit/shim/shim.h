
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The handful of nginx functions that the pure rooms call, written anew over
 * malloc(): every ngx_palloc() is a block of its own, so that the address
 * sanitizer sees each byte too many, and any of them can be made to fail.
 */


#ifndef _SHIM_H_INCLUDED_
#define _SHIM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* never fails */
#define SHIM_NEVER  (-1)


/*
 * Counting starts anew: the n-th allocation from now on answers NULL (0 is
 * the next one), those after it succeed again.
 */
void shim_fail_at(ngx_int_t n);

/* allocations since shim_fail_at(), the failed one included */
ngx_int_t shim_allocations(void);

/* 1 when the allocation that had to fail was asked for */
ngx_uint_t shim_failed(void);

/*
 * Lets OpenSSL allocate through the same counter.  To be called before any
 * other function of OpenSSL.
 */
void shim_openssl(void);

/* like malloc(), counted */
void *shim_malloc(size_t size);

/* a log that keeps its last line; threads share it */
extern ngx_log_t  shim_log;

/* the last line logged at "error" or above; empty: none */
extern char  shim_logged[1024];


#endif /* _SHIM_H_INCLUDED_ */
