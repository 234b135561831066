
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Public files of an authority.  The page has no script and loads nothing, so
 * that it works where nobody trusts the authority yet.
 */


#include "acme_ca_trust.h"
#include "acme_ca_bundle.h"
#include "acme_ca_issuer.h"
#include "acme_ca_leaf.h"
#include "acme_ca_text.h"


typedef struct {
    const acme_ca_authority_t  *authority;
    const acme_ca_issuer_t     *issuer;
    ngx_pool_t                 *pool;
    ngx_array_t                 list;      /* DER: the issuer, those above it,
                                              other issuers, the root */
    ngx_str_t                  *root;
} acme_ca_trust_ctx_t;

typedef struct {
    ngx_str_t      name;
    const char    *type;
    ngx_int_t    (*write)(acme_ca_trust_ctx_t *ctx, ngx_str_t *body);
} acme_ca_trust_file_t;

typedef struct {
    const char  *where;
    const char  *what;             /* HTML; %V, twice at most, is the name */
} acme_ca_trust_advice_t;


static const acme_ca_issuer_t *acme_ca_trust_issuer(
    const acme_ca_authority_t *authority, const ngx_str_t *name,
    ngx_str_t *file);
static ngx_int_t acme_ca_trust_read(acme_ca_trust_ctx_t *ctx);
static ngx_int_t acme_ca_trust_others(acme_ca_trust_ctx_t *ctx);
static ngx_int_t acme_ca_trust_page(acme_ca_trust_ctx_t *ctx,
    ngx_str_t *body);
static ngx_int_t acme_ca_trust_fingerprint(acme_ca_trust_ctx_t *ctx,
    u_char text[3 * ACME_CA_SHA256_LEN]);
static ngx_int_t acme_ca_trust_root_pem(acme_ca_trust_ctx_t *ctx,
    ngx_str_t *body);
static ngx_int_t acme_ca_trust_root_der(acme_ca_trust_ctx_t *ctx,
    ngx_str_t *body);
static ngx_int_t acme_ca_trust_issuer_pem(acme_ca_trust_ctx_t *ctx,
    ngx_str_t *body);
static ngx_int_t acme_ca_trust_issuer_der(acme_ca_trust_ctx_t *ctx,
    ngx_str_t *body);
static ngx_int_t acme_ca_trust_chain_pem(acme_ca_trust_ctx_t *ctx,
    ngx_str_t *body);
static ngx_int_t acme_ca_trust_chain_p7c(acme_ca_trust_ctx_t *ctx,
    ngx_str_t *body);


static const char  acme_ca_trust_pem[] = "application/x-pem-file";

/* what browsers and Windows offer to install */
static const char  acme_ca_trust_der[] = "application/x-x509-ca-cert";


static const acme_ca_trust_file_t  acme_ca_trust_files[] = {

    { ngx_string(""), "text/html; charset=utf-8", acme_ca_trust_page },

    { ngx_string("root.pem"), acme_ca_trust_pem, acme_ca_trust_root_pem },
    { ngx_string("root.der"), acme_ca_trust_der, acme_ca_trust_root_der },
    { ngx_string("root.crt"), acme_ca_trust_der, acme_ca_trust_root_der },

    { ngx_string("issuer.pem"), acme_ca_trust_pem, acme_ca_trust_issuer_pem },
    { ngx_string("issuer.der"), acme_ca_trust_der, acme_ca_trust_issuer_der },

    { ngx_string("chain.pem"), acme_ca_trust_pem, acme_ca_trust_chain_pem },
    { ngx_string("chain.p7c"), "application/pkcs7-mime; smime-type=certs-only",
      acme_ca_trust_chain_p7c },

    { ngx_null_string, NULL, NULL }
};


static const char  acme_ca_trust_head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>Certificate authority %V</title>\n"
    "<style>body { max-width: 50em; margin: 2em auto; padding: 0 1em;"
    " font-family: sans-serif; line-height: 1.4 }\n"
    "pre { background: #eee; padding: .6em; overflow: auto }</style>\n"
    "</head>\n"
    "<body>\n"
    "<h1>Certificate authority %V</h1>\n"
    "<p>Root: <a href=\"root.pem\">root.pem</a>,\n"
    "<a href=\"root.crt\">root.crt</a> (DER).\n"
    "Issuer: <a href=\"issuer.pem\">issuer.pem</a>,\n"
    "<a href=\"issuer.der\">issuer.der</a>.\n"
    "All, with the issuers before and after it:"
    " <a href=\"chain.pem\">chain.pem</a>,\n"
    "<a href=\"chain.p7c\">chain.p7c</a> (PKCS #7).</p>\n"
    "<p>Who trusts this root trusts every certificate that this authority"
    " signs.\n"
    "Compare its SHA-256 fingerprint first, with somebody who can look at the"
    " authority's machine:</p>\n"
    "<pre>%*s</pre>\n"
    "<pre>openssl x509 -in root.pem -noout -fingerprint -sha256</pre>\n";

static const char  acme_ca_trust_tail[] = "</body>\n</html>\n";


static const acme_ca_trust_advice_t  acme_ca_trust_advices[] = {

    { "Debian, Ubuntu",
      "<pre>sudo cp root.pem /usr/local/share/ca-certificates/%V.crt\n"
      "sudo update-ca-certificates</pre>\n" },

    { "RHEL, Fedora, Rocky, Alma",
      "<pre>sudo cp root.pem /etc/pki/ca-trust/source/anchors/%V.pem\n"
      "sudo update-ca-trust</pre>\n" },

    { "Windows",
      "<p>In a PowerShell of an administrator:</p>\n"
      "<pre>Import-Certificate -FilePath root.crt"
      " -CertStoreLocation Cert:\\LocalMachine\\Root</pre>\n"
      "<p>Or without it:</p>\n"
      "<pre>certutil -addstore -f Root root.crt</pre>\n"
      "<p>For a domain: Group Policy, Computer Configuration, Windows Settings,"
      " Security Settings, Public Key Policies, Trusted Root Certification"
      " Authorities.</p>\n" },

    { "macOS",
      "<pre>sudo security add-trusted-cert -d -r trustRoot"
      " -k /Library/Keychains/System.keychain root.pem</pre>\n" },

    { "Firefox",
      "<p>Settings, Privacy &amp; Security, Certificates, View Certificates,"
      " Authorities, Import: <a href=\"root.crt\">root.crt</a>, \"Trust this CA"
      " to identify websites\".\nOn Windows and macOS it trusts what the system"
      " does. For all users of another machine, in"
      " <code>/etc/firefox/policies/policies.json</code>:</p>\n"
      "<pre>{ \"policies\": { \"Certificates\": { \"Install\":"
      " [ \"/usr/local/share/ca-certificates/%V.crt\" ] } } }</pre>\n"
      "<p>Programs with a database of NSS, as Chromium:</p>\n"
      "<pre>certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n %V"
      " -i root.pem</pre>\n" },

    { "Java",
      "<pre>sudo keytool -importcert -noprompt -cacerts -storepass changeit"
      " -alias %V -file root.pem</pre>\n" },

    { "One program",
      "<pre>curl --cacert root.pem ...\n"
      "SSL_CERT_FILE=root.pem ...           # OpenSSL, Go, Python\n"
      "REQUESTS_CA_BUNDLE=root.pem ...      # Python requests, certbot\n"
      "NODE_EXTRA_CA_CERTS=root.pem ...     # Node.js</pre>\n" },

    { NULL, NULL }
};


ngx_int_t
acme_ca_trust_get(ngx_pool_t *pool, const acme_ca_authority_t *authority,
    const ngx_str_t *name, acme_ca_trust_t *file)
{
    ngx_str_t                    what;
    acme_ca_trust_ctx_t          ctx;
    const acme_ca_trust_file_t  *row;

    ctx.authority = authority;
    ctx.pool = pool;
    ctx.issuer = acme_ca_trust_issuer(authority, name, &what);

    for (row = acme_ca_trust_files; row->type != NULL; row++) {
        if (acme_ca_str_eq(&row->name, &what)) {
            break;
        }
    }

    if (row->type == NULL) {
        return NGX_DECLINED;
    }

    if (ctx.issuer == NULL || acme_ca_trust_read(&ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    file->type = row->type;

    return row->write(&ctx, &file->body);
}


/*
 * "KEYID.pem" is the file "issuer.pem" of this one, whatever its state; all
 * other names are of the one that signs, or, if nobody does, of any.
 */

static const acme_ca_issuer_t *
acme_ca_trust_issuer(const acme_ca_authority_t *authority,
    const ngx_str_t *name, ngx_str_t *file)
{
    ngx_uint_t          i, form;
    acme_ca_issuer_t  **issuer;
    const ngx_str_t    *id;

    static const ngx_str_t  forms[][2] = {
        { ngx_string(".pem"), ngx_string("issuer.pem") },
        { ngx_string(".der"), ngx_string("issuer.der") }
    };

    *file = *name;
    issuer = authority->issuers.elts;

    for (i = 0; i < authority->issuers.nelts; i++) {
        id = &issuer[i]->crl_name;

        for (form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
            if (name->len == id->len + forms[form][0].len
                && ngx_memcmp(name->data, id->data, id->len) == 0
                && ngx_memcmp(name->data + id->len, forms[form][0].data,
                              forms[form][0].len)
                   == 0)
            {
                *file = forms[form][1];
                return issuer[i];
            }
        }
    }

    return (authority->issuer == NULL && authority->issuers.nelts != 0)
           ? issuer[0] : authority->issuer;
}


static ngx_int_t
acme_ca_trust_read(acme_ca_trust_ctx_t *ctx)
{
    ngx_str_t   *der;
    ngx_uint_t   n;

    if (ngx_array_init(&ctx->list, ctx->pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || acme_ca_bundle_read(ctx->pool, &ctx->issuer->chain, &ctx->list)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    n = ctx->list.nelts;

    /* an issuer that is the root itself stands there once */

    if (acme_ca_bundle_read(ctx->pool, &ctx->issuer->root, &ctx->list)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    der = ctx->list.elts;

    if (acme_ca_str_eq(&der[n - 1], &der[ctx->list.nelts - 1])) {
        ctx->list.nelts = n;
    }

    return acme_ca_trust_others(ctx);
}


/*
 * Those before and after it, between it and the root, so that who keeps
 * intermediates has the next one in time.
 */

static ngx_int_t
acme_ca_trust_others(acme_ca_trust_ctx_t *ctx)
{
    ngx_str_t           *der, root;
    ngx_uint_t           i;
    acme_ca_issuer_t   **issuer;

    issuer = ctx->authority->issuers.elts;

    for (i = 0; i < ctx->authority->issuers.nelts; i++) {

        if (issuer[i] == ctx->issuer
            || issuer[i]->state == ACME_CA_ISSUER_COMPROMISED)
        {
            continue;
        }

        der = ngx_array_push(&ctx->list);
        if (der == NULL) {
            return NGX_ERROR;
        }

        /* the root stays the last one */

        root = der[-1];
        der[-1] = issuer[i]->der;
        *der = root;
    }

    der = ctx->list.elts;
    ctx->root = &der[ctx->list.nelts - 1];

    return NGX_OK;
}


static ngx_int_t
acme_ca_trust_page(acme_ca_trust_ctx_t *ctx, ngx_str_t *body)
{
    u_char                        *p, *last;
    size_t                         size;
    u_char                         hex[3 * ACME_CA_SHA256_LEN];
    const ngx_str_t               *name;
    const acme_ca_trust_advice_t  *advice;

    if (acme_ca_trust_fingerprint(ctx, hex) != NGX_OK) {
        return NGX_ERROR;
    }

    name = &ctx->authority->name;

    size = sizeof(acme_ca_trust_head) + 2 * name->len + sizeof(hex)
           + sizeof(acme_ca_trust_tail);

    for (advice = acme_ca_trust_advices; advice->where != NULL; advice++) {
        size += ngx_strlen(advice->where) + ngx_strlen(advice->what)
                + 2 * name->len + sizeof("<h2></h2>\n");
    }

    p = ngx_pnalloc(ctx->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;
    last = p + size;

    p = ngx_slprintf(p, last, acme_ca_trust_head, name, name,
                     sizeof(hex) - 1, hex);

    for (advice = acme_ca_trust_advices; advice->where != NULL; advice++) {
        p = ngx_slprintf(p, last, "<h2>%s</h2>\n", advice->where);
        p = ngx_slprintf(p, last, advice->what, name, name);
    }

    p = ngx_cpymem(p, acme_ca_trust_tail, sizeof(acme_ca_trust_tail) - 1);

    body->len = p - body->data;

    return NGX_OK;
}


/* as openssl shows it: "AB:CD:..." */

static ngx_int_t
acme_ca_trust_fingerprint(acme_ca_trust_ctx_t *ctx,
    u_char text[3 * ACME_CA_SHA256_LEN])
{
    u_char      digest[ACME_CA_SHA256_LEN];
    ngx_uint_t  i;

    if (acme_ca_sha256(ctx->root->data, ctx->root->len, digest) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < ACME_CA_SHA256_LEN; i++) {
        (void) ngx_sprintf(&text[3 * i], "%02Xd:", (int) digest[i]);
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_trust_root_pem(acme_ca_trust_ctx_t *ctx, ngx_str_t *body)
{
    return acme_ca_pem_write(ctx->pool, ctx->root, body);
}


static ngx_int_t
acme_ca_trust_root_der(acme_ca_trust_ctx_t *ctx, ngx_str_t *body)
{
    *body = *ctx->root;

    return NGX_OK;
}


static ngx_int_t
acme_ca_trust_issuer_pem(acme_ca_trust_ctx_t *ctx, ngx_str_t *body)
{
    ngx_str_t  der;

    der = ctx->issuer->der;

    return acme_ca_pem_write(ctx->pool, &der, body);
}


static ngx_int_t
acme_ca_trust_issuer_der(acme_ca_trust_ctx_t *ctx, ngx_str_t *body)
{
    *body = ctx->issuer->der;

    return NGX_OK;
}


static ngx_int_t
acme_ca_trust_chain_pem(acme_ca_trust_ctx_t *ctx, ngx_str_t *body)
{
    ngx_str_t   *der, pem, before;
    ngx_uint_t   i;

    der = ctx->list.elts;

    ngx_str_null(body);

    for (i = 0; i < ctx->list.nelts; i++) {
        before = *body;

        if (acme_ca_pem_write(ctx->pool, &der[i], &pem) != NGX_OK
            || acme_ca_format(ctx->pool, body, before.len + pem.len, "%V%V",
                              &before, &pem)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
acme_ca_trust_chain_p7c(acme_ca_trust_ctx_t *ctx, ngx_str_t *body)
{
    return acme_ca_bundle_write(ctx->pool, &ctx->list, body);
}
