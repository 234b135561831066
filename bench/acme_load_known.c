
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What the server acknowledged, noted and read again: for tests that kill the
 * server meanwhile.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme_load.h"


void
acme_load_note(acme_load_worker_t *w, const char *what, const char *url)
{
    size_t              size;
    acme_load_known_t  *p;

    if (acme_load.log) {
        fprintf(acme_load.log, "%s %s\n", what, url);
        fflush(acme_load.log);
    }

    if (!acme_load.recheck) {
        return;
    }

    if (w->nknown == w->known_size) {
        size = w->known_size ? w->known_size * 2 : 64;
        p = realloc(w->known, size * sizeof(acme_load_known_t));
        if (p == NULL) {
            return;
        }

        w->known = p;
        w->known_size = size;
    }

    p = &w->known[w->nknown++];
    p->account = w->account;
    (void) snprintf(p->url, ACME_LOAD_URL, "%s", url);
}


/*
 * Reads again what the server acknowledged to this worker; waits for a server
 * that is just being started.
 */

void *
acme_load_recheck(void *data)
{
    int                  rc;
    size_t               i;
    acme_load_known_t   *known;
    acme_load_worker_t  *w;

    w = data;
    w->step = "recheck";

    for (i = 0; i < w->nknown; i++) {
        known = &w->known[i];

        for ( ;; ) {
            w->reply.status = 0;

            rc = acme_load_post(w, &acme_load.account[known->account],
                                ACME_LOAD_STEPS, known->url, "", 200);

            if (rc == 0 || w->reply.status != 0
                || acme_load_now() > acme_load.deadline)
            {
                break;
            }

            acme_load_sleep(ACME_LOAD_PAUSE);
        }

        w->rechecked++;

        if (rc != 0) {
            w->missing++;
            acme_load_failure(w);
        }
    }

    return NULL;
}
