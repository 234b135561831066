
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Words that directives take, for nginx's own slots.
 */


#include "ngx_http_acme_ca_slots.h"


ngx_conf_bitmask_t  ngx_http_acme_ca_challenge_words[] = {
    { ngx_string("http-01"), 1 << ACME_CA_HTTP_01 },
    { ngx_string("tls-alpn-01"), 1 << ACME_CA_TLS_ALPN_01 },
    { ngx_string("dns-01"), 1 << ACME_CA_DNS_01 },
    { ngx_string("dns-account-01"), 1 << ACME_CA_DNS_ACCOUNT_01 },
    { ngx_string("dns-persist-01"), 1 << ACME_CA_DNS_PERSIST_01 },
    { ngx_null_string, 0 }
};


ngx_conf_bitmask_t  ngx_http_acme_ca_key_type_words[] = {
    { ngx_string("rsa2048"), ACME_CA_KEY_RSA_2048 },
    { ngx_string("rsa3072"), ACME_CA_KEY_RSA_3072 },
    { ngx_string("rsa4096"), ACME_CA_KEY_RSA_4096 },
    { ngx_string("p256"), ACME_CA_KEY_EC_P256 },
    { ngx_string("p384"), ACME_CA_KEY_EC_P384 },
    { ngx_string("p521"), ACME_CA_KEY_EC_P521 },
    { ngx_string("ed25519"), ACME_CA_KEY_ED25519 },
    { ngx_null_string, 0 }
};


ngx_conf_bitmask_t  ngx_http_acme_ca_eku_words[] = {
    { ngx_string("server"), ACME_CA_EKU_SERVER },
    { ngx_string("client"), ACME_CA_EKU_CLIENT },
    { ngx_null_string, 0 }
};


ngx_conf_enum_t  ngx_http_acme_ca_issuer_key_words[] = {
    { ngx_string("p256"), ACME_CA_KEY_EC_P256 },
    { ngx_string("p384"), ACME_CA_KEY_EC_P384 },
    { ngx_string("rsa2048"), ACME_CA_KEY_RSA_2048 },
    { ngx_string("rsa3072"), ACME_CA_KEY_RSA_3072 },
    { ngx_string("rsa4096"), ACME_CA_KEY_RSA_4096 },
    { ngx_string("ed25519"), ACME_CA_KEY_ED25519 },
    { ngx_string("mldsa44"), ACME_CA_KEY_ML_DSA_44 },
    { ngx_string("mldsa65"), ACME_CA_KEY_ML_DSA_65 },
    { ngx_string("mldsa87"), ACME_CA_KEY_ML_DSA_87 },
    { ngx_null_string, 0 }
};


ngx_conf_enum_t  ngx_http_acme_ca_common_name_words[] = {
    { ngx_string("none"), ACME_CA_CN_NONE },
    { ngx_string("first"), ACME_CA_CN_FIRST },
    { ngx_string("csr"), ACME_CA_CN_CSR },
    { ngx_null_string, 0 }
};


ngx_conf_enum_t  ngx_http_acme_ca_eab_words[] = {
    { ngx_string("off"), ACME_CA_EAB_OFF },
    { ngx_string("optional"), ACME_CA_EAB_OPTIONAL },
    { ngx_string("required"), ACME_CA_EAB_REQUIRED },
    { ngx_null_string, 0 }
};


ngx_conf_enum_t  ngx_http_acme_ca_staple_words[] = {
    { ngx_string("off"), ACME_CA_STAPLE_OFF },
    { ngx_string("on"), ACME_CA_STAPLE_ON },
    { ngx_string("csr"), ACME_CA_STAPLE_CSR },
    { ngx_null_string, 0 }
};
