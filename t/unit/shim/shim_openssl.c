
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * OpenSSL's allocations, counted with the others.
 */


#include "shim.h"

#include <openssl/crypto.h>


static void *shim_openssl_malloc(size_t size, const char *file, int line);
static void *shim_openssl_realloc(void *p, size_t size, const char *file,
    int line);
static void shim_openssl_free(void *p, const char *file, int line);


void
shim_openssl(void)
{
    if (CRYPTO_set_mem_functions(shim_openssl_malloc, shim_openssl_realloc,
                                 shim_openssl_free)
        != 1)
    {
        abort();
    }
}


static void *
shim_openssl_malloc(size_t size, const char *file, int line)
{
    return shim_malloc(size);
}


static void *
shim_openssl_realloc(void *p, size_t size, const char *file, int line)
{
    /* a block that shrinks or grows: the count of the first is enough */

    return realloc(p, size);
}


static void
shim_openssl_free(void *p, const char *file, int line)
{
    free(p);
}
