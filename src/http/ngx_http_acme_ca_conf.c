
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The directives, those of "profile" and "rule" blocks apart.  What stands
 * inside a block is an ordinary command under a type of its own, so that
 * nginx's slots, argument checks and error messages with file and line serve
 * it.  A block of many directives has a module and a file of its own.
 */


#include "ngx_http_acme_ca_slots.h"


static char *ngx_http_acme_ca_include(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_conf_num_bounds_t  ngx_http_acme_ca_attempts_bounds = {
    ngx_conf_check_num_bounds, 1, 100
};

static ngx_conf_num_bounds_t  ngx_http_acme_ca_concurrency_bounds = {
    ngx_conf_check_num_bounds, 1, 100000
};

static ngx_conf_num_bounds_t  ngx_http_acme_ca_path_length_bounds = {
    ngx_conf_check_num_bounds, 0, 8
};

ngx_conf_num_bounds_t  ngx_http_acme_ca_identifiers_bounds = {
    ngx_conf_check_num_bounds, 1, 1000
};


#define ngx_http_acme_ca_field(name)                                          \
    offsetof(ngx_acme_ca_t, name)

#define ngx_http_acme_ca_setting(name)                                        \
    offsetof(ngx_acme_ca_t, authority)                                        \
    + offsetof(acme_ca_authority_t, name)


ngx_command_t  ngx_http_acme_ca_commands[] = {

    { ngx_string("acme_ca_client_check"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_acme_ca_loc_conf_t, client_check),
      NULL },

    { ngx_string("acme_ca_trust"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_acme_ca_service,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_acme_ca_trust },

    { ngx_string("acme_ca_ocsp"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_acme_ca_service,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_acme_ca_ocsp },

    { ngx_string("acme_ca_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_acme_ca_service,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_acme_ca_metrics },

    { ngx_string("acme_ca_authority"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_acme_ca_authority,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("acme_ca"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_acme_ca_location,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("acme_ca_admin"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_http_acme_ca_admin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_acme_ca_admin_service },

    { ngx_string("acme_ca_crl"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_acme_ca_service,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_acme_ca_crl_service },

    /* inside acme_ca_authority */

    { ngx_string("path"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_http_acme_ca_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("base_url"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(base_url),
      &ngx_http_acme_ca_base_url_post },

    { ngx_string("resolver"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_1MORE,
      ngx_http_acme_ca_resolver,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dns_require_ad"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(dns_require_ad),
      NULL },

    { ngx_string("issuer"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE2,
      ngx_http_acme_ca_issuer,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("issuer_password_file"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_http_acme_ca_password_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("alternate_chain"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_http_acme_ca_alternate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("issuer_key_type"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_http_acme_ca_issuer_key_type,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(issuer_plan.kind),
      &ngx_http_acme_ca_issuer_key_words },

    { ngx_string("root_lifetime"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(issuer_plan.root_life),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("issuer_lifetime"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(issuer_plan.life),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("issuer_path_length"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(issuer_plan.path_length),
      &ngx_http_acme_ca_path_length_bounds },

    { ngx_string("issuer_name_constraint"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_2MORE,
      ngx_http_acme_ca_name_constraint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("issuer_rotate"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_http_acme_ca_rotate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("issuer_overlap"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(issuer_overlap),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("signer"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_1MORE,
      ngx_http_acme_ca_signer,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("signer_trusted_certificate"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_http_acme_ca_signer_trusted,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("crl_lifetime"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(crl_lifetime),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("crl_overlap"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(crl_overlap),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("crl_interval"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(crl_interval),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("crl_root_lifetime"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(crl_root_lifetime),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("crl_shards"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(crl_shards),
      &ngx_http_acme_ca_crl_parts_post },

    { ngx_string("crl_base_url"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(crl_url),
      &ngx_http_acme_ca_crl_url_post },

    { ngx_string("ocsp_lifetime"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(ocsp_lifetime),
      &ngx_http_acme_ca_ocsp_lifetime_post },

    { ngx_string("challenges"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(challenges),
      &ngx_http_acme_ca_challenge_words },

    { ngx_string("allow"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_2MORE,
      ngx_http_acme_ca_rule,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deny"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_2MORE,
      ngx_http_acme_ca_rule,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rule"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_acme_ca_policy,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("http_01_ports"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_1MORE,
      ngx_http_acme_ca_ports,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(http_01_ports),
      NULL },

    { ngx_string("tls_alpn_01_ports"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_1MORE,
      ngx_http_acme_ca_ports,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(tls_alpn_01_ports),
      NULL },

    { ngx_string("max_identifiers"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(max_identifiers),
      &ngx_http_acme_ca_identifiers_bounds },

    { ngx_string("renewal_info"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(renewal_info),
      NULL },

    { ngx_string("renewal_info_retry_after"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(renewal_retry_after),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("renewal_info_explanation"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(renewal_explanation),
      &ngx_http_acme_ca_url_post },

    { ngx_string("rate_limit"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE23,
      ngx_http_acme_ca_rate_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("order_lifetime"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(order_lifetime),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("authorization_lifetime"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(authz_lifetime),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("authorization_reuse"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(authz_reuse),
      NULL },

    { ngx_string("pre_authorization"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(pre_authorization),
      NULL },

    { ngx_string("subdomain_authorization"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(subdomain_authorization),
      NULL },

    { ngx_string("audit_log"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_http_acme_ca_audit_log,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("audit_checkpoint"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE12,
      ngx_http_acme_ca_audit_checkpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("event_hook"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_1MORE,
      ngx_http_acme_ca_event_hook,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("event_key"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_http_acme_ca_event_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("retention"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(retention),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("validation_timeout"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(validation_timeout),
      &ngx_http_acme_ca_msec_post },

    { ngx_string("validation_deadline"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(validation_deadline),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("validation_attempts"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(validation_attempts),
      &ngx_http_acme_ca_attempts_bounds },

    { ngx_string("validation_concurrency"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(validation_concurrency),
      &ngx_http_acme_ca_concurrency_bounds },

    { ngx_string("zone"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(zone_size),
      &ngx_http_acme_ca_zone_post },

    { ngx_string("nonce_lifetime"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(nonce_lifetime),
      &ngx_http_acme_ca_seconds_post },

    { ngx_string("terms_of_service"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(terms_of_service),
      &ngx_http_acme_ca_url_post },

    { ngx_string("terms_changed"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE12,
      ngx_http_acme_ca_terms,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("website"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(website),
      &ngx_http_acme_ca_url_post },

    { ngx_string("caa_identities"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_1MORE,
      ngx_http_acme_ca_strings,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(caa_identities),
      NULL },

    { ngx_string("caa"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE12,
      ngx_http_acme_ca_caa,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("contact"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE12,
      ngx_http_acme_ca_contact,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("contact_domains"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_1MORE,
      ngx_http_acme_ca_strings,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(contact_domains),
      NULL },

    { ngx_string("external_account_binding"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_setting(eab),
      &ngx_http_acme_ca_eab_words },

    { ngx_string("profile"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_acme_ca_profile,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("default_profile"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_acme_ca_field(profile_name),
      NULL },

    { ngx_string("include"),
      NGX_HTTP_ACME_CA_AUTHORITY|NGX_HTTP_ACME_CA_PROFILE
                                |NGX_HTTP_ACME_CA_RULE|NGX_CONF_TAKE1,
      ngx_http_acme_ca_include,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    ngx_null_command
};


static char *
ngx_http_acme_ca_include(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_conf_include(cf, cmd, conf);
}
