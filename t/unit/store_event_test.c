
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * src/store: the audit log as events, and the places of hooks.
 */


#include "store_fixture.h"
#include "acme_ca_store_event.h"


static void test_list(void);
static void test_pages(void);
static void test_hooks(void);
static void test_seal(void);
static void test_memory(void);

static void log_row(const char *action, ngx_uint_t refused, const char *reason,
    const char *details);
static void checkpoint(void);
static ngx_int_t list(acme_ca_event_page_t *page, const char *types,
    int64_t log_id, int64_t checkpoint_id);
static acme_ca_event_t *event(acme_ca_event_page_t *page, ngx_uint_t i);
static acme_ca_event_hook_t *hook(void);


int
main(void)
{
    fixture_begin();

    test_list();
    test_pages();
    test_hooks();
    test_seal();
    test_memory();

    fixture_end();

    return done_testing();
}


static void
log_row(const char *action, ngx_uint_t refused, const char *reason,
    const char *details)
{
    acme_ca_audit_t  audit;

    ngx_memzero(&audit, sizeof(acme_ca_audit_t));

    audit.action = action;
    audit.actor = "client";
    audit.refused = refused;
    fixture_str(&audit.reason, reason);
    fixture_str(&audit.details, details);

    (void) acme_ca_store_audit_add(store, &audit, NOW);
}


static void
checkpoint(void)
{
    acme_ca_audit_checkpoint_t  c;

    if (acme_ca_store_audit_find_end(store, pool, NOW, &c) == NGX_OK) {
        ngx_memzero(c.key_id, ACME_CA_SHA256_LEN);
        fixture_str(&c.signature, "seal");
        (void) acme_ca_store_audit_add_checkpoint(store, &c);
    }
}


static ngx_int_t
list(acme_ca_event_page_t *page, const char *types, int64_t log_id,
    int64_t checkpoint_id)
{
    ngx_memzero(page, sizeof(acme_ca_event_page_t));

    page->after.log_id = log_id;
    page->after.checkpoint_id = checkpoint_id;
    fixture_str(&page->types, types);
    page->rows = 1000;
    page->limit = 100;
    page->size = 100000;

    return acme_ca_store_event_list(store, pool, page);
}


static acme_ca_event_t *
event(acme_ca_event_page_t *page, ngx_uint_t i)
{
    return (acme_ca_event_t *) page->events->elts + i;
}


static void
test_list(void)
{
    ngx_uint_t            i;
    acme_ca_event_page_t  page;

    static const char *const  want[] = {
        "issued", "refused", "checkpoint", "refused", "refused", "revoked",
        "revoked", "unrevoked"
    };

    fixture_start();

    log_row("new-order", 0, "", "");
    log_row("issue", 0, "", "{\"a\":1}");
    log_row("new-order", 1, "badNonce: too old", "");
    log_row("new-order", 1, "rejectedIdentifier: no", "{\"b\":[null,1]}");
    checkpoint();
    log_row("validate", 2, "dns: no", "{\"next_at\":\"2027\"}");
    log_row("validate", 2, "dns: no", "{\"tried\":[]}");
    log_row("validate", 1, "was finished before", "");
    log_row("issue", 2, "serverInternal: late", "");
    log_row("revoke", 0, "", "");
    log_row("revoke", 1, "alreadyRevoked: so", "");
    log_row("certificate-revoke", 0, "", "");
    log_row("unrevoke", 0, "", "");

    is_int(list(&page, " issued refused revoked unrevoked checkpoint ", 0, 0),
           NGX_OK, "list");
    is_int(page.events->nelts, 8, "events");

    for (i = 0; i < page.events->nelts && i < 8; i++) {
        is_str(&event(&page, i)->type, want[i], "event %d", (int) i);
    }

    is_int(page.more, 0, "no more");
    is_int(page.place.log_id, 12, "up to the last row");
    is_int(page.place.checkpoint_id, 4, "and checkpoint");
    is_int(event(&page, 1)->id, 4, "the row");
    is_int(event(&page, 2)->id, 4, "the checkpoint behind it");
    is_int(event(&page, 2)->checkpoint, 1, "which is one");
    is_str(&event(&page, 0)->data, "{\"action\":\"issue\",\"actor\":\"client\","
           "\"outcome\":\"done\"}", "what there is, without details");
    is_str(&event(&page, 1)->data, "{\"action\":\"new-order\",\"actor\":"
           "\"client\",\"outcome\":\"refused\",\"reason\":\"rejectedIdentifier:"
           " no\",\"details\":{\"b\":[null,1]}}", "and with them");

    is_int(list(&page, " revoked ", 4, 0), NGX_OK, "list some");
    is_int(page.events->nelts, 2, "of a type");
    is_int(event(&page, 0)->id, 9, "behind the place");
    is_int(page.place.checkpoint_id, 4, "past the others");

    is_int(list(&page, " evoked ", 0, 0), NGX_OK, "list none");
    is_int(page.events->nelts, 0, "no part of a word");
    is_int(page.place.log_id, 12, "past all");

    fixture_stop();
}


static void
test_pages(void)
{
    int64_t               at, seal, key, last;
    ngx_uint_t            i, n, pages, disorder;
    acme_ca_event_page_t  page;

    fixture_start();

    for (i = 0; i < 10; i++) {
        log_row(i % 3 ? "new-order" : "issue", 0, "", "");
        checkpoint();
    }

    at = 0;
    seal = 0;
    last = 0;
    n = 0;
    disorder = 0;

    for (pages = 0; pages < 50; pages++) {
        ngx_memzero(&page, sizeof(acme_ca_event_page_t));

        page.after.log_id = at;
        page.after.checkpoint_id = seal;
        fixture_str(&page.types, " issued checkpoint ");
        page.rows = 5;
        page.limit = 2;
        page.size = 100000;

        if (acme_ca_store_event_list(store, pool, &page) != NGX_OK) {
            break;
        }

        for (i = 0; i < page.events->nelts; i++, n++) {
            key = event(&page, i)->id * 2
                  + (int64_t) event(&page, i)->checkpoint;

            disorder += (key <= last);
            last = key;
        }

        at = page.place.log_id;
        seal = page.place.checkpoint_id;

        if (!page.more) {
            break;
        }
    }

    is_int(n, 14, "all of them, a few at a time");
    is_int(disorder, 0, "in their order");
    is_int(at, 10, "to the end");
    ok(pages >= 6, "in pages");

    ngx_memzero(&page, sizeof(acme_ca_event_page_t));
    fixture_str(&page.types, " issued ");
    page.rows = 100;
    page.limit = 100;
    page.size = 1;

    is_int(acme_ca_store_event_list(store, pool, &page), NGX_OK, "a small one");
    is_int(page.events->nelts, 1, "one at least");
    is_int(page.more, 1, "and more");

    fixture_stop();
}


/* the only one */

static acme_ca_event_hook_t *
hook(void)
{
    ngx_array_t  *hooks;

    if (acme_ca_store_event_hook_list(store, pool, &hooks) != NGX_OK
        || hooks->nelts != 1)
    {
        return NULL;
    }

    return hooks->elts;
}


static void
test_hooks(void)
{
    ngx_str_t               uri, types, error;
    acme_ca_event_hook_t   *h, old;
    acme_ca_event_place_t   place;

    fixture_start();

    log_row("issue", 0, "", "");
    checkpoint();
    log_row("issue", 0, "", "");

    fixture_str(&uri, "/e");
    fixture_str(&types, " issued ");
    fixture_str(&error, "status 500");

    is_int(acme_ca_store_event_hook_set(store, &uri, &types, NOW), NGX_OK,
           "a new hook");
    h = hook();
    is_str(&h->uri, "/e", "its name");
    is_int(h->place.log_id, 2, "at the end of the log");
    is_int(h->place.checkpoint_id, 1, "and of checkpoints");

    log_row("issue", 0, "", "");
    is_int(acme_ca_store_event_hook_set(store, &uri, &types, NOW), NGX_OK,
           "again");
    is_int(hook()->place.log_id, 2, "it stays where it was");

    old = *h;
    place.log_id = 3;
    place.checkpoint_id = 1;

    is_int(acme_ca_store_event_hook_claim(store, h, NOW + 10), NGX_OK,
           "claimed");
    is_int(acme_ca_store_event_hook_claim(store, h, NOW + 10),
           NGX_DECLINED, "by one");
    h = hook();
    is_int(acme_ca_store_event_hook_claim(store, h, NOW + 20),
           NGX_OK, "and by one that finds its lease over");

    is_int(acme_ca_store_event_hook_set_failed(store, h, NOW + 2, NOW, &error),
           NGX_OK, "failed");
    h = hook();
    is_int(h->attempts, 1, "an attempt");
    is_int(h->run_at, NOW + 2, "again then");
    is_int(h->lease_until, 0, "for anybody");
    is_int(h->place.log_id, 2, "where it was");

    is_int(acme_ca_store_event_hook_set_delivered(store, h, &place, 1, NOW,
                                                  NOW + 5), NGX_OK, "taken");
    h = hook();
    is_int(h->place.log_id, 3, "it moved");
    is_int(h->attempts, 0, "no attempt");
    is_int(h->lease_until, NOW + 5, "there is more");
    is_int(fixture_count("SELECT delivered FROM acme_event_hooks WHERE error"
                         " IS NULL AND delivered_at IS NOT NULL"), 1,
           "counted");

    is_int(acme_ca_store_event_hook_set_delivered(store, &old, &place, 1, NOW,
                                                  0), NGX_DECLINED,
           "not by who is late");
    is_int(acme_ca_store_event_hook_set_failed(store, &old, NOW, NOW, &error),
           NGX_DECLINED, "nor failed");
    is_int(acme_ca_store_event_hook_claim(store, &old, NOW + 100),
           NGX_DECLINED, "nor claimed");
    is_int(acme_ca_store_event_hook_set_passed(store, &old, &place),
           NGX_DECLINED, "nor passed");

    place.log_id = 9;
    is_int(acme_ca_store_event_hook_set_passed(store, h, &place), NGX_OK,
           "passed");
    is_int(hook()->place.log_id, 9, "it moved");
    is_int(hook()->lease_until, 0, "and is free");

    is_int(acme_ca_store_event_hook_remove(store, h->id), NGX_OK, "removed");
    is_int(acme_ca_store_event_hook_remove(store, h->id), NGX_DECLINED,
           "once");

    fixture_stop();
}


static void
test_seal(void)
{
    ngx_str_t  uri, types;

    fixture_start();

    fixture_str(&uri, "/e");
    fixture_str(&types, " issued ");

    (void) acme_ca_store_event_hook_set(store, &uri, &types, NOW);
    log_row("issue", 0, "", "");
    checkpoint();

    is_int(fixture_sql("UPDATE acme_ca_meta SET audit_sealed = 1"),
           -SQLITE_CONSTRAINT, "rows that a hook has not had stay");
    is_int(acme_ca_store_event_hook_remove(store, hook()->id), NGX_OK,
           "without it");
    is_int(fixture_sql("UPDATE acme_ca_meta SET audit_sealed = 1"), 0,
           "they may go");

    fixture_stop();
}


static void
test_memory(void)
{
    ngx_int_t              n, rc;
    ngx_array_t           *hooks;
    acme_ca_event_page_t   page;

    fixture_start();

    log_row("issue", 0, "", "");
    checkpoint();

    for (n = 0; /* void */ ; n++) {
        shim_fail_at(n);

        rc = list(&page, " issued checkpoint ", 0, 0);

        if (rc == NGX_OK) {
            rc = acme_ca_store_event_hook_list(store, pool, &hooks);
        }

        if (!shim_failed() || rc != NGX_ERROR) {
            break;
        }
    }

    shim_fail_at(SHIM_NEVER);
    is_int(rc, NGX_OK, "fails cleanly at each of %d allocations", (int) n);

    fixture_stop();
}
