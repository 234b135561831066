
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What an authority has for its audit log: where lines go, and the key that
 * signs checkpoints.  On the store thread, a batch of writes collects the lines
 * of its rows and ends the chain before its commit; the event loop writes them
 * to the file, which nginx may open anew at any time.
 */


#ifndef _NGX_ACME_CA_AUDIT_H_INCLUDED_
#define _NGX_ACME_CA_AUDIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "acme_ca_store_audit.h"

#include <openssl/evp.h>


typedef struct {

    /* configuration */
    ngx_open_file_t    *file;          /* of audit_log, or NULL */
    ngx_syslog_peer_t  *syslog;        /* the same */
    ngx_flag_t          log_set;       /* audit_log was written */
    time_t              interval;      /* of checkpoints, seconds */
    ngx_int_t           rows;          /* that do not wait so long */

    /* the master's */
    EVP_PKEY           *key;
    u_char              key_id[ACME_CA_SHA256_LEN];

    /* a worker's, of the batch that is written */
    ngx_pool_t         *pool;
    ngx_str_t           lines;         /* each ends with a line feed */

    time_t              retry_at;      /* after a checkpoint that failed */
    time_t              complained_at;
    unsigned            busy:1;        /* a checkpoint is under way */
} ngx_acme_ca_audit_t;


#endif /* _NGX_ACME_CA_AUDIT_H_INCLUDED_ */
