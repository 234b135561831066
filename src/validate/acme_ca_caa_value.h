
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The value of an "issue" or "issuewild" property; private to CAA.
 */


#ifndef _ACME_CA_CAA_VALUE_H_INCLUDED_
#define _ACME_CA_CAA_VALUE_H_INCLUDED_


#include "acme_ca_caa.h"


/* how near a value comes to a permission */
typedef enum {
    ACME_CA_CAA_MALFORMED = 0,
    ACME_CA_CAA_NOBODY,
    ACME_CA_CAA_OTHER_CA,
    ACME_CA_CAA_OTHER_ACCOUNT,
    ACME_CA_CAA_OTHER_METHOD,
    ACME_CA_CAA_FITS
} acme_ca_caa_fit_e;


acme_ca_caa_fit_e acme_ca_caa_value_fit(const ngx_str_t *value,
    const acme_ca_caa_request_t *request);

const char *acme_ca_caa_fit_text(acme_ca_caa_fit_e fit);


#endif /* _ACME_CA_CAA_VALUE_H_INCLUDED_ */
