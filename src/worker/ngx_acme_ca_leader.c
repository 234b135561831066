
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Chores that one worker does for all: which one.  A word of the shared zone
 * has its pid and until when it leads; whoever finds that time over, or no such
 * process, takes its place.  It spares work and decides nothing: what must
 * happen once is claimed in the database.
 */


#include "ngx_acme_ca_chores.h"
#include "ngx_acme_ca_event.h"


#define NGX_ACME_CA_LEADER  5        /* seconds */


/* the clock that is not set: all workers have the same */

ngx_uint_t
ngx_acme_ca_leads(ngx_acme_ca_t *ca)
{
    uint64_t       word, now, pid, until;
    ngx_atomic_t  *leader;

    leader = &ca->shared->leader;
    word = *leader;

    now = ngx_current_msec / 1000;
    pid = word >> 32;
    until = word & 0xffffffff;

    if (ngx_exiting) {

        if (pid == (uint64_t) ngx_pid) {
            (void) ngx_atomic_cmp_set(leader, word, 0);
        }

        return 0;
    }

    if (pid != (uint64_t) ngx_pid && until > now
        && !ngx_acme_ca_is_gone((ngx_pid_t) pid))
    {
        return 0;
    }

    return ngx_atomic_cmp_set(leader, word,
                              (uint64_t) ngx_pid << 32
                              | ((now + NGX_ACME_CA_LEADER) & 0xffffffff));
}
