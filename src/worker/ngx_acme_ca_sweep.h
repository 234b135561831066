
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * What ended is forgotten, what expired is noted, free pages are given back.
 */


#ifndef _NGX_ACME_CA_SWEEP_H_INCLUDED_
#define _NGX_ACME_CA_SWEEP_H_INCLUDED_


#include "ngx_acme_ca.h"


void ngx_acme_ca_sweep_init(ngx_acme_ca_t *ca);

/* of the chores */
void ngx_acme_ca_sweep_tick(ngx_acme_ca_t *ca);


#endif /* _NGX_ACME_CA_SWEEP_H_INCLUDED_ */
