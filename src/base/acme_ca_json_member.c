
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Members of a parsed object by name.  Absent and of another type is the same
 * to whoever asks for a string; who has to tell them apart takes the member.
 */


#include "acme_ca_json.h"


acme_ca_json_t *
acme_ca_json_member(acme_ca_json_t *value, const char *name)
{
    size_t           len;
    acme_ca_json_t  *member;

    if (value == NULL || value->type != ACME_CA_JSON_OBJECT) {
        return NULL;
    }

    len = ngx_strlen(name);

    for (member = value->first; member; member = member->next) {

        if (member->name.len == len
            && ngx_memcmp(member->name.data, name, len) == 0)
        {
            return member;
        }
    }

    return NULL;
}


ngx_str_t *
acme_ca_json_string(acme_ca_json_t *value, const char *name)
{
    acme_ca_json_t  *member;

    member = acme_ca_json_member(value, name);

    if (member == NULL || member->type != ACME_CA_JSON_STRING) {
        return NULL;
    }

    return &member->text;
}


ngx_uint_t
acme_ca_json_true(acme_ca_json_t *value, const char *name)
{
    acme_ca_json_t  *member;

    member = acme_ca_json_member(value, name);

    return member != NULL && member->type == ACME_CA_JSON_BOOLEAN
           && member->boolean;
}
