
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * validate/: TXT records of a DNS message (RFC 1035, 4), and what the
 * challenges that use them make of them (RFC 8555, 8.4; drafts
 * ietf-acme-dns-account-label and ietf-acme-dns-persist).
 */


#include "context.h"
#include "tap.h"

#include "acme_ca_dns01.h"
#include "acme_ca_text.h"


#define HEADER(answers)  "\x12\x34\x84\x00\x00\x01\x00" answers "\0\0\0\0"
#define QUESTION         "\1a\1b\0\0\x10\0\1"

/* "a.b" lies at 12; TTL 60 */
#define TXT(len)         "\xc0\x0c\0\x10\0\1\0\0\0\x3c\0" len
#define CNAME(len)       "\xc0\x0c\0\5\0\1\0\0\0\x3c\0" len

#define BYTES(text)      { (u_char *) text, sizeof(text) - 1 }


typedef struct {
    const char  *what;
    struct {
        u_char  *data;
        size_t   len;
    } message;
    const char  *texts;       /* "x|y", NULL: malformed */
    ngx_uint_t   aliases;
    const char  *name;
    time_t       ttl;
} parse_test_t;


typedef struct {
    const char  *record;
    ngx_int_t    problem;     /* -1: right */
    ngx_uint_t   wildcard;
} persist_test_t;


static void test_parse(void);
static void test_parse_cut(void);
static void test_names(void);
static void test_digest(void);
static void test_judge(void);
static void test_persist(void);
static void test_persist_several(void);
static void test_memory(void);
static ngx_int_t test_all(acme_ca_ctx_t *ctx);
static void test_job(acme_ca_job_t *job, acme_ca_challenge_type_e type);
static void test_txt(ngx_pool_t *pool, acme_ca_dns_txt_t *txt,
    const char **text);
static ngx_str_t test_str(const char *text);


static const parse_test_t  parses[] = {
    { "a record", BYTES(HEADER("\1") QUESTION TXT("\4") "\3x y"),
      "x y", 0, "a.b", 60 },
    { "strings are joined",
      BYTES(HEADER("\1") QUESTION TXT("\7") "\1x\0\3yzw"), "xyzw", 0, "a.b",
      60 },
    { "several records, the smallest TTL",
      BYTES(HEADER("\2") QUESTION TXT("\2") "\1x"
            "\xc0\x0c\0\x10\0\1\0\0\0\5\0\2\1y"), "x|y", 0, "a.b", 5 },
    { "an empty one", BYTES(HEADER("\1") QUESTION TXT("\1") "\0"), "", 0,
      "a.b", 60 },
    { "the name in capitals, written out",
      BYTES(HEADER("\1") QUESTION "\1A\1B\0\0\x10\0\1\0\0\0\1\0\2\1x"), "x", 0,
      "a.b", 1 },
    { "a TTL with its first bit set",
      BYTES(HEADER("\1") QUESTION "\xc0\x0c\0\x10\0\1\x80\0\0\1\0\2\1x"), "x",
      0, "a.b", 0 },
    { "no record", BYTES(HEADER("\0") QUESTION), NULL, 0, "a.b", 0 },
    { "of another name",
      BYTES(HEADER("\1") QUESTION "\1c\xc0\x0c\0\x10\0\1\0\0\0\1\0\2\1x"),
      NULL, 0, "a.b", 0 },
    { "of another class",
      BYTES(HEADER("\1") QUESTION "\xc0\x0c\0\x10\0\3\0\0\0\1\0\2\1x"), NULL,
      0, "a.b", 0 },
    { "of another type",
      BYTES(HEADER("\1") QUESTION "\xc0\x0c\0\x01\0\1\0\0\0\1\0\4\1x\0\0"),
      NULL, 0, "a.b", 0 },
    { "an alias and its records, in the wrong order",
      BYTES(HEADER("\2") QUESTION "\1c\0\0\x10\0\1\0\0\0\7\0\2\1x"
            CNAME("\3") "\1C\0"), "x", 1, "c", 7 },
    { "an alias without records",
      BYTES(HEADER("\1") QUESTION CNAME("\6") "\1_\1d\xc0\x0e"), NULL, 1,
      "_.d.b", 0 },
    { "records of the alias itself count for nothing",
      BYTES(HEADER("\2") QUESTION CNAME("\3") "\1c\0" TXT("\2") "\1x"), NULL,
      1, "c", 0 },

    { "an alias of itself", BYTES(HEADER("\1") QUESTION CNAME("\2") "\xc0\x0c"),
      "!", 0, NULL, 0 },
    { "an alias of the root", BYTES(HEADER("\1") QUESTION CNAME("\1") "\0"),
      "!", 0, NULL, 0 },
    { "an alias with an odd byte",
      BYTES(HEADER("\1") QUESTION CNAME("\5") "\3c.d\0"), "!", 0, NULL, 0 },
    { "a pointer forwards",
      BYTES(HEADER("\1") QUESTION CNAME("\5") "\xc0\x23\1c\0"), "!", 0, NULL,
      0 },
    { "a label of an unknown kind",
      BYTES(HEADER("\1") QUESTION CNAME("\3") "\x41" "c\0"), "!", 0, NULL, 0 },
    { "a string longer than its record",
      BYTES(HEADER("\1") QUESTION TXT("\2") "\2x"), "!", 0, NULL, 0 },
    { "a record longer than the message",
      BYTES(HEADER("\1") QUESTION TXT("\3") "\1x"), "!", 0, NULL, 0 },
    { "a record that is not there", BYTES(HEADER("\1") QUESTION), "!", 0, NULL,
      0 },
    { "two questions",
      BYTES("\x12\x34\x84\0\0\2\0\0\0\0\0\0" QUESTION QUESTION), "!", 0, NULL,
      0 },
    { "more records than are sensible",
      BYTES("\x12\x34\x84\0\0\1\x20\0\0\0\0\0" QUESTION), "!", 0, NULL, 0 },
    { "half a header", BYTES("\x12\x34\x84\0\0\1"), "!", 0, NULL, 0 },
    { "nothing", BYTES(""), "!", 0, NULL, 0 }
};


#define URI  "accounturi=https://ca.example/acme/account/1"

static const persist_test_t  persists[] = {
    { "ca.example; " URI, -1, 0 },
    { "ca.example;" URI, -1, 0 },
    { " CA.Example. \t; \tAccountURI = https://ca.example/acme/account/1 ", -1,
      0 },
    { "ca2.example; " URI, -1, 0 },
    { "ca.example; " URI "; policy=other; x-1=; y=%20", -1, 0 },
    { "ca.example; " URI "; policy=wildcard", -1, 0 },
    { "ca.example; " URI "; policy=wildcard", -1, 1 },
    { "ca.example; Policy=WildCard; " URI, -1, 1 },
    { "ca.example; " URI "; persistUntil=1700000000", -1, 0 },
    { "ca.example; " URI "; persistuntil=99999999999; policy=wildcard", -1, 1 },

    { "", ACME_CA_UNAUTHORIZED, 0 },
    { ";", ACME_CA_UNAUTHORIZED, 0 },
    { "other.example; " URI, ACME_CA_UNAUTHORIZED, 0 },
    { "ca.example.other; " URI, ACME_CA_UNAUTHORIZED, 0 },
    { "ca.example x; " URI, ACME_CA_UNAUTHORIZED, 0 },
    { "ca.example; accounturi=https://ca.example/acme/account/2",
      ACME_CA_UNAUTHORIZED, 0 },
    { "ca.example; accounturi=HTTPS://ca.example/acme/account/1",
      ACME_CA_UNAUTHORIZED, 0 },
    { "ca.example; " URI "1", ACME_CA_UNAUTHORIZED, 0 },
    { "ca.example; accounturi=", ACME_CA_UNAUTHORIZED, 0 },
    { "ca.example; " URI "; persistUntil=1699999999", ACME_CA_UNAUTHORIZED,
      0 },
    { "ca.example; " URI "; persistUntil=0", ACME_CA_UNAUTHORIZED, 0 },
    { "ca.example; " URI, ACME_CA_UNAUTHORIZED, 1 },
    { "ca.example; " URI "; policy=wildcards", ACME_CA_UNAUTHORIZED, 1 },
    { "ca.example; " URI "; policy=", ACME_CA_UNAUTHORIZED, 1 },

    { "ca.example", ACME_CA_MALFORMED, 0 },
    { "ca.example;", ACME_CA_MALFORMED, 0 },
    { "ca.example; policy=wildcard", ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI ";", ACME_CA_MALFORMED, 0 },
    { "ca.example;; " URI, ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI "; " URI, ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI "; policy=a; Policy=b", ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI "; policy", ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI " x", ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI "; -x=1", ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI "; x_y=1", ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI "; =1", ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI "; x=\xc3\xa4", ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI "; persistUntil=", ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI "; persistUntil=-1", ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI "; persistUntil=1e9", ACME_CA_MALFORMED, 0 },
    { "ca.example; " URI "; persistUntil=99999999999999999999",
      ACME_CA_MALFORMED, 0 }
};


static ngx_str_t  issuers[] = {
    ngx_string("ca2.example"), ngx_string("ca.example")
};

static ngx_array_t  issuer_array = { issuers, 2, sizeof(ngx_str_t), 2, NULL };


int
main(void)
{
    test_parse();
    test_parse_cut();
    test_names();
    test_digest();
    test_judge();
    test_persist();
    test_persist_several();
    test_memory();

    return done_testing();
}


static void
test_parse(void)
{
    char                 texts[256];
    ngx_int_t            rc;
    ngx_str_t            name, *text;
    ngx_uint_t           i, j;
    acme_ca_ctx_t        ctx;
    const parse_test_t  *p;
    acme_ca_dns_txt_t    txt;

    name = test_str("A.b");

    for (i = 0; i < sizeof(parses) / sizeof(parses[0]); i++) {
        p = &parses[i];
        test_context(&ctx);

        rc = acme_ca_dns_txt_parse(ctx.pool, p->message.data, p->message.len,
                                   &name, &txt);

        if (p->name == NULL) {
            is_int(rc, NGX_DECLINED, "%s: malformed", p->what);

        } else if (is_int(rc, NGX_OK, "%s", p->what)) {

            texts[0] = '\0';
            text = txt.texts->elts;

            for (j = 0; j < txt.texts->nelts; j++) {
                snprintf(texts + strlen(texts), sizeof(texts) - strlen(texts),
                         "%s%.*s", j ? "|" : "", (int) text[j].len,
                         (char *) text[j].data);
            }

            is_int(txt.texts->nelts != 0, p->texts != NULL, "%s: any",
                   p->what);
            ok(strcmp(texts, p->texts ? p->texts : "") == 0, "%s: \"%s\"",
               p->what, texts);
            is_str(&txt.name, p->name, "%s: name", p->what);
            is_int(txt.aliases, p->aliases, "%s: aliases", p->what);
            is_int(txt.ttl, p->ttl, "%s: TTL", p->what);
        }

        ngx_destroy_pool(ctx.pool);
    }
}


/* a message that ends too early is read no further, and never right */

static void
test_parse_cut(void)
{
    size_t               n;
    u_char              *copy;
    ngx_int_t            rc;
    ngx_str_t            name;
    ngx_uint_t           i, wrong;
    acme_ca_ctx_t        ctx;
    acme_ca_dns_txt_t    txt;
    const parse_test_t  *p;

    name = test_str("a.b");
    wrong = 0;

    for (i = 0; i < sizeof(parses) / sizeof(parses[0]); i++) {
        p = &parses[i];

        for (n = 0; n < p->message.len; n++) {
            test_context(&ctx);

            copy = ngx_pnalloc(ctx.pool, n);
            memcpy(copy, p->message.data, n);

            rc = acme_ca_dns_txt_parse(ctx.pool, copy, n, &name, &txt);
            wrong += (rc != NGX_DECLINED);

            ngx_destroy_pool(ctx.pool);
        }
    }

    is_int(wrong, 0, "a message that was cut is malformed");
}


static void
test_names(void)
{
    u_char         name[253];
    ngx_str_t      got;
    acme_ca_job_t  job;
    acme_ca_ctx_t  ctx;

    test_context(&ctx);

    test_job(&job, ACME_CA_DNS_01);
    is_int(acme_ca_dns01_name(&ctx, &job, &got), NGX_OK, "dns-01");
    is_str(&got, "_acme-challenge.a.example", "its name");

    test_job(&job, ACME_CA_DNS_PERSIST_01);
    is_int(acme_ca_dns01_name(&ctx, &job, &got), NGX_OK, "dns-persist-01");
    is_str(&got, "_validation-persist.a.example", "its name");

    /* the example of the draft */

    test_job(&job, ACME_CA_DNS_ACCOUNT_01);
    job.account_url = test_str("https://example.com/acme/acct/ExampleAccount");
    is_int(acme_ca_dns01_name(&ctx, &job, &got), NGX_OK, "dns-account-01");
    is_str(&got, "_ujmmovf2vn55tgye._acme-challenge.a.example", "its name");

    memset(name, 'a', sizeof(name));
    job.identifier.value.data = name;
    job.identifier.value.len = sizeof(name);
    is_int(acme_ca_dns01_name(&ctx, &job, &got), NGX_ABORT, "too long");
    is_int(ctx.problem->type, ACME_CA_DNS, "is a problem of DNS");

    ngx_destroy_pool(ctx.pool);
}


/* the key authorization of RFC 8555, 8.1; the value by openssl(1) */

static void
test_digest(void)
{
    ngx_str_t      text, digest;
    acme_ca_ctx_t  ctx;

    test_context(&ctx);

    text = test_str("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA."
                    "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI");

    is_int(acme_ca_dns01_digest(ctx.pool, &text, &digest), NGX_OK, "digest");
    is_str(&digest, "lCM7cZyQXcVHK2nnW3jjAhNT3Fvm18UN-kWZZknKoYM",
           "its value");

    ngx_destroy_pool(ctx.pool);
}


static void
test_judge(void)
{
    const char         *none[] = { NULL };
    const char         *right[] = { "x", "digest", "", NULL };
    const char         *wrong[] = { "digest ", "Digest", "SECRET", NULL };
    ngx_str_t           digest;
    acme_ca_ctx_t       ctx;
    acme_ca_dns_txt_t   txt;

    test_context(&ctx);
    digest = test_str("digest");

    test_txt(ctx.pool, &txt, right);
    is_int(acme_ca_dns01_judge(&ctx, &txt, &digest), NGX_OK, "one is right");

    test_txt(ctx.pool, &txt, wrong);
    is_int(acme_ca_dns01_judge(&ctx, &txt, &digest), NGX_ABORT, "none is");
    is_int(ctx.problem->type, ACME_CA_INCORRECT_RESPONSE, "a wrong answer");
    is_str(&ctx.problem->detail, "none of 3 TXT records at n.example has the "
           "value of this challenge", "which says how many");

    test_txt(ctx.pool, &txt, none);
    is_int(acme_ca_dns01_judge(&ctx, &txt, &digest), NGX_ABORT, "no record");
    is_int(ctx.problem->type, ACME_CA_DNS, "a problem of DNS");

    ngx_destroy_pool(ctx.pool);
}


static void
test_persist(void)
{
    const char            *text[2];
    ngx_int_t              rc;
    ngx_uint_t             i;
    acme_ca_job_t          job;
    acme_ca_ctx_t          ctx;
    acme_ca_dns_txt_t      txt;
    const persist_test_t  *p;

    for (i = 0; i < sizeof(persists) / sizeof(persists[0]); i++) {
        p = &persists[i];
        test_context(&ctx);

        test_job(&job, ACME_CA_DNS_PERSIST_01);
        job.identifier.wildcard = p->wildcard;

        text[0] = p->record;
        text[1] = NULL;
        test_txt(ctx.pool, &txt, text);

        rc = acme_ca_dns_persist_judge(&ctx, &txt, &job, &issuer_array);

        if (p->problem == -1) {
            is_int(rc, NGX_OK, "\"%s\"", p->record);

        } else if (is_int(rc, NGX_ABORT, "not \"%s\"", p->record)) {
            is_int(ctx.problem->type, p->problem, "its type");
        }

        ngx_destroy_pool(ctx.pool);
    }
}


static void
test_persist_several(void)
{
    const char         *none[] = { NULL };
    const char         *right[] = {
        "other.example; accounturi=x", "ca.example; x", "ca.example; " URI,
        NULL
    };
    const char         *wrong[] = {
        "ca.example; x", "ca.example; accounturi=https://SECRET/",
        "other.example; " URI, NULL
    };
    acme_ca_job_t       job;
    acme_ca_ctx_t       ctx;
    acme_ca_dns_txt_t   txt;

    test_context(&ctx);
    test_job(&job, ACME_CA_DNS_PERSIST_01);

    test_txt(ctx.pool, &txt, right);
    is_int(acme_ca_dns_persist_judge(&ctx, &txt, &job, &issuer_array), NGX_OK,
           "one is enough");
    is_int(acme_ca_dns_persist_judge(&ctx, &txt, &job, NULL), NGX_ABORT,
           "without names of ours there is none");

    test_txt(ctx.pool, &txt, wrong);
    is_int(acme_ca_dns_persist_judge(&ctx, &txt, &job, &issuer_array),
           NGX_ABORT, "none of three");
    is_int(ctx.problem->type, ACME_CA_UNAUTHORIZED, "the nearest is told");
    is_str(&ctx.problem->detail, "none of 3 TXT records at n.example that "
           "names this authority is for this account", "in these words");

    test_txt(ctx.pool, &txt, none);
    is_int(acme_ca_dns_persist_judge(&ctx, &txt, &job, &issuer_array),
           NGX_ABORT, "there is none");
    is_int(ctx.problem->type, ACME_CA_DNS, "a problem of DNS");

    ngx_destroy_pool(ctx.pool);
}


static void
test_memory(void)
{
    ngx_int_t      rc, n;
    acme_ca_ctx_t  ctx;

    rc = NGX_ERROR;

    for (n = 0; rc == NGX_ERROR; n++) {
        test_context(&ctx);
        shim_fail_at(n);

        rc = test_all(&ctx);

        shim_fail_at(SHIM_NEVER);
        ngx_destroy_pool(ctx.pool);
    }

    is_int(rc, NGX_OK, "%d allocations failed", (int) n - 1);
}


static ngx_int_t
test_all(acme_ca_ctx_t *ctx)
{
    ngx_int_t           rc;
    ngx_str_t           name, digest;
    acme_ca_job_t       job;
    acme_ca_dns_txt_t   txt;

    test_job(&job, ACME_CA_DNS_ACCOUNT_01);
    rc = acme_ca_dns01_name(ctx, &job, &name);

    if (rc == NGX_OK) {
        rc = acme_ca_dns01_digest(ctx->pool, &job.account_url, &digest);
    }

    name = test_str("a.b");

    if (rc == NGX_OK) {
        rc = acme_ca_dns_txt_parse(ctx->pool, parses[0].message.data,
                                   parses[0].message.len, &name, &txt);
    }

    if (rc == NGX_OK) {
        rc = acme_ca_dns01_judge(ctx, &txt, &digest);
        rc = (rc == NGX_ABORT) ? NGX_OK : rc;
    }

    if (rc == NGX_OK) {
        rc = acme_ca_dns_persist_judge(ctx, &txt, &job, &issuer_array);
        rc = (rc == NGX_ABORT) ? NGX_OK : rc;
    }

    return rc;
}


static void
test_job(acme_ca_job_t *job, acme_ca_challenge_type_e type)
{
    memset(job, 0, sizeof(acme_ca_job_t));
    job->type = type;
    job->identifier.value = test_str("a.example");
    job->account_url = test_str("https://ca.example/acme/account/1");
}


static void
test_txt(ngx_pool_t *pool, acme_ca_dns_txt_t *txt, const char **text)
{
    ngx_str_t  *record;

    memset(txt, 0, sizeof(acme_ca_dns_txt_t));
    txt->name = test_str("n.example");
    txt->texts = ngx_array_create(pool, 4, sizeof(ngx_str_t));

    while (*text != NULL) {
        record = ngx_array_push(txt->texts);
        *record = test_str(*text++);
    }
}


static ngx_str_t
test_str(const char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = strlen(text);

    return s;
}
