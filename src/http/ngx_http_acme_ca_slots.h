
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Setters of directives, for the tables of commands.
 */


#ifndef _NGX_HTTP_ACME_CA_SLOTS_H_INCLUDED_
#define _NGX_HTTP_ACME_CA_SLOTS_H_INCLUDED_


#include "ngx_http_acme_ca.h"


/* contexts of inner directives; nginx uses none of these bits */

#define NGX_HTTP_ACME_CA_AUTHORITY  0x00100000
#define NGX_HTTP_ACME_CA_PROFILE    0x00200000
#define NGX_HTTP_ACME_CA_RULE       0x00400000


/* ngx_http_acme_ca_authority.c */
char *ngx_http_acme_ca_authority(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_http_acme_ca_profile.c: one block; all of them, and the default */
char *ngx_http_acme_ca_profile(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_acme_ca_profiles_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca);

/* parses a block whose commands are of one type of ours and fill conf */
char *ngx_http_acme_ca_block(ngx_conf_t *cf, ngx_uint_t type, void *conf);
ngx_uint_t ngx_http_acme_ca_is_name(const ngx_str_t *name);

/* ngx_http_acme_ca_policy.c */
char *ngx_http_acme_ca_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_acme_ca_policy_check(ngx_conf_t *cf, ngx_acme_ca_t *ca);

/* what a location can be beside ACME: for the commands' post */
extern ngx_http_acme_ca_service_t  ngx_http_acme_ca_metrics;
extern ngx_http_acme_ca_service_t  ngx_http_acme_ca_ocsp;
extern ngx_http_acme_ca_service_t  ngx_http_acme_ca_trust;

/* ngx_http_acme_ca_ocsp.c: of its directive */
extern ngx_conf_post_t  ngx_http_acme_ca_ocsp_lifetime_post;

/* ngx_http_acme_ca_location.c */
char *ngx_http_acme_ca_location(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_acme_ca_service(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_http_acme_ca_guard.c */
char *ngx_http_acme_ca_admin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
extern ngx_http_acme_ca_service_t  ngx_http_acme_ca_admin_service;

/* ngx_http_acme_ca_word.c: what words of a directive stand for */
extern ngx_conf_bitmask_t  ngx_http_acme_ca_challenge_words[];
extern ngx_conf_bitmask_t  ngx_http_acme_ca_key_type_words[];
extern ngx_conf_bitmask_t  ngx_http_acme_ca_eku_words[];
extern ngx_conf_enum_t     ngx_http_acme_ca_issuer_key_words[];
extern ngx_conf_enum_t     ngx_http_acme_ca_common_name_words[];
extern ngx_conf_enum_t     ngx_http_acme_ca_eab_words[];
extern ngx_conf_enum_t     ngx_http_acme_ca_staple_words[];

/* ngx_http_acme_ca_crl.c */
extern ngx_http_acme_ca_service_t  ngx_http_acme_ca_crl_service;
extern ngx_conf_post_t  ngx_http_acme_ca_crl_parts_post;
extern ngx_conf_post_t  ngx_http_acme_ca_crl_url_post;
char *ngx_http_acme_ca_crl_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca);

/* ngx_http_acme_ca_public.c: whether it is a location by prefix; and with a
   slash at its end, the one that is being merged (NGX_DECLINED: an if's, or
   such); what others call it, or empty */
ngx_uint_t ngx_http_acme_ca_is_prefix(ngx_http_core_loc_conf_t *clcf);
ngx_int_t ngx_http_acme_ca_public_folder(ngx_conf_t *cf,
    const char *directive, const char *example);
ngx_int_t ngx_http_acme_ca_public_url(ngx_conf_t *cf, ngx_str_t *url);

/* ngx_http_acme_ca_issuer_plan.c; finish: what is left out, and what does not
   go together */
char *ngx_http_acme_ca_issuer_plan_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca);
char *ngx_http_acme_ca_issuer_key_type(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_acme_ca_name_constraint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_http_acme_ca_issuer.c */
char *ngx_http_acme_ca_issuer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_acme_ca_rotate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_http_acme_ca_rule.c */
char *ngx_http_acme_ca_rule(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_acme_ca_rule_dns(ngx_conf_t *cf, ngx_array_t *list,
    ngx_str_t *value);
char *ngx_http_acme_ca_rule_cidr(ngx_conf_t *cf, ngx_array_t *list,
    ngx_str_t *value);

/* ngx_http_acme_ca_caa.c: the directive, and what all of them come to */
char *ngx_http_acme_ca_caa(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_acme_ca_caa_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca);

/* ngx_http_acme_ca_audit.c: directives, and their defaults */
char *ngx_http_acme_ca_audit_log(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_acme_ca_audit_checkpoint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_acme_ca_audit_finish(ngx_acme_ca_t *ca);
/* ngx_http_acme_ca_terms.c */
char *ngx_http_acme_ca_terms(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_acme_ca_terms_check(ngx_conf_t *cf,
    const acme_ca_authority_t *a);

/* ngx_http_acme_ca_signer.c: the directives, and what they come to */
char *ngx_http_acme_ca_signer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_acme_ca_signer_trusted(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_acme_ca_signer_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca);
/* of a location, without arguments */
ngx_uint_t ngx_http_acme_ca_is_uri(const ngx_str_t *uri);

/* ngx_http_acme_ca_event.c: the directives, and whether they go together */
char *ngx_http_acme_ca_event_hook(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_acme_ca_event_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_acme_ca_event_finish(ngx_conf_t *cf, ngx_acme_ca_t *ca);

/* ngx_http_acme_ca_limit.c */
char *ngx_http_acme_ca_rate_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_http_acme_ca_slots.c */
char *ngx_http_acme_ca_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_acme_ca_resolver(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_acme_ca_password_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_acme_ca_alternate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_acme_ca_ports(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_acme_ca_strings(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_acme_ca_contact(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* a name of labels of a-z, 0-9, "-" and "_", without a dot at an end */
ngx_uint_t ngx_http_acme_ca_is_zone(const ngx_str_t *name);

/* what a value must be, after nginx's own slot took it */
extern ngx_conf_post_t  ngx_http_acme_ca_url_post;
extern ngx_conf_post_t  ngx_http_acme_ca_plain_url_post;
extern ngx_conf_post_t  ngx_http_acme_ca_base_url_post;
extern ngx_conf_post_t  ngx_http_acme_ca_seconds_post;
extern ngx_conf_post_t  ngx_http_acme_ca_msec_post;
extern ngx_conf_post_t  ngx_http_acme_ca_zone_post;

/* of max_identifiers, which an authority, a profile and a rule have */
extern ngx_conf_num_bounds_t  ngx_http_acme_ca_identifiers_bounds;


#endif /* _NGX_HTTP_ACME_CA_SLOTS_H_INCLUDED_ */
