
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Is what stands behind "xn--" in a label Punycode?  RFC 3492; RFC 5890.
 */


#ifndef _ACME_CA_PUNYCODE_H_INCLUDED_
#define _ACME_CA_PUNYCODE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * text is of a-z, 0-9 and "-".  Right is what encodes one character beyond
 * ASCII at least, and none that no text may have: C1 controls, halves of
 * surrogate pairs, numbers beyond Unicode.  Whether IDNA allows a character is
 * not looked at: that depends on the version of Unicode.
 */
ngx_uint_t acme_ca_punycode_valid(const u_char *text, size_t len);


#endif /* _ACME_CA_PUNYCODE_H_INCLUDED_ */
