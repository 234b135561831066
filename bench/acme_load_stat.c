
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Figures of a run: latencies by step, failures by kind, and what the
 * server's processes used, from /proc.
 */


#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "acme_load.h"


#define ACME_LOAD_KINDS  64
#define ACME_LOAD_TREE   1024


typedef struct {
    char           name[224];
    unsigned long  n;
} acme_load_kind_t;


static int acme_load_compare(const void *one, const void *two);
static void acme_load_series(FILE *out, acme_load_step_e step);
static unsigned acme_load_tree(const int *pids, unsigned n, int *tree);
static int acme_load_proc_stat(int pid, int *parent, double *ticks,
    double *child_ticks);
static long acme_load_proc_status(int pid, const char *name);


static const char  *acme_load_steps[] = {
    "newOrder", "authz", "challenge", "authzPoll", "finalize", "orderPoll",
    "certificate", "request", "flow"
};

static pthread_mutex_t   acme_load_mutex = PTHREAD_MUTEX_INITIALIZER;
static acme_load_kind_t  acme_load_kinds[ACME_LOAD_KINDS];


double
acme_load_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}


void
acme_load_sleep(double ms)
{
    struct timespec  ts;

    ts.tv_sec = (time_t) (ms / 1e3);
    ts.tv_nsec = (long) ((ms - ts.tv_sec * 1e3) * 1e6);

    (void) nanosleep(&ts, NULL);
}


void
acme_load_record(acme_load_worker_t *w, acme_load_step_e step, double ms)
{
    size_t               size;
    double              *p;
    acme_load_series_t  *s;

    if (!w->record) {
        return;
    }

    s = &w->series[step];

    if (s->n == s->size) {
        size = s->size ? s->size * 2 : 256;
        p = realloc(s->ms, size * sizeof(double));
        if (p == NULL) {
            return;
        }

        s->ms = p;
        s->size = size;
    }

    s->ms[s->n++] = ms;
}


/* the kind is the step and what went wrong, without what varies */

void
acme_load_failure(acme_load_worker_t *w)
{
    char      name[224];
    unsigned  i;

    if (!w->record) {
        return;
    }

    (void) snprintf(name, sizeof(name), "%s: %s", w->step, w->why);

    pthread_mutex_lock(&acme_load_mutex);

    for (i = 0; i < ACME_LOAD_KINDS - 1; i++) {
        if (acme_load_kinds[i].n == 0
            || strcmp(acme_load_kinds[i].name, name) == 0)
        {
            break;
        }
    }

    memcpy(acme_load_kinds[i].name, name, sizeof(name));
    acme_load_kinds[i].n++;

    pthread_mutex_unlock(&acme_load_mutex);
}


/* processes and their children of all generations; a pid may be gone */

void
acme_load_usage(const int *pids, unsigned n, acme_load_usage_t *usage)
{
    int       tree[ACME_LOAD_TREE], parent;
    long      hz;
    double    ticks, child;
    unsigned  i, total;

    memset(usage, 0, sizeof(acme_load_usage_t));
    hz = sysconf(_SC_CLK_TCK);
    total = acme_load_tree(pids, n, tree);

    for (i = 0; i < total; i++) {
        if (acme_load_proc_stat(tree[i], &parent, &ticks, &child) != 0) {
            continue;
        }

        usage->cpu_ms += (ticks + child) * 1e3 / hz;
        usage->rss_kib += acme_load_proc_status(tree[i], "VmRSS:");
        usage->anon_kib += acme_load_proc_status(tree[i], "RssAnon:");
    }
}


static unsigned
acme_load_tree(const int *pids, unsigned n, int *tree)
{
    int             pid, parent, known[ACME_LOAD_TREE][2];
    DIR            *dir;
    double          ticks, child;
    unsigned        i, k, total, nknown;
    struct dirent  *de;

    nknown = 0;

    dir = opendir("/proc");
    if (dir == NULL) {
        return 0;
    }

    for (de = readdir(dir); de; de = readdir(dir)) {
        if (!isdigit((unsigned char) de->d_name[0])) {
            continue;
        }

        pid = (int) strtol(de->d_name, NULL, 10);

        if (nknown < ACME_LOAD_TREE
            && acme_load_proc_stat(pid, &parent, &ticks, &child) == 0)
        {
            known[nknown][0] = pid;
            known[nknown++][1] = parent;
        }
    }

    closedir(dir);

    for (total = 0; total < n; total++) {
        tree[total] = pids[total];
    }

    for (i = 0; i < total; i++) {
        for (k = 0; k < nknown && total < ACME_LOAD_TREE; k++) {
            if (known[k][1] == tree[i]) {
                tree[total++] = known[k][0];
            }
        }
    }

    return total;
}


static int
acme_load_proc_stat(int pid, int *parent, double *ticks, double *child_ticks)
{
    char           name[64], text[1024], *p;
    FILE          *f;
    size_t         n;
    unsigned long  utime, stime, cutime, cstime;

    (void) snprintf(name, sizeof(name), "/proc/%d/stat", pid);

    f = fopen(name, "r");
    if (f == NULL) {
        return -1;
    }

    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';

    /* the command's name may hold anything, ")" too */

    p = strrchr(text, ')');
    if (p == NULL
        || sscanf(p + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
                  " %lu %lu %lu %lu", parent, &utime, &stime, &cutime,
                  &cstime) != 5)
    {
        return -1;
    }

    *ticks = (double) utime + stime;
    *child_ticks = (double) cutime + cstime;

    return 0;
}


static long
acme_load_proc_status(int pid, const char *name)
{
    char   line[256];
    long   value;
    FILE  *f;

    (void) snprintf(line, sizeof(line), "/proc/%d/status", pid);

    f = fopen(line, "r");
    if (f == NULL) {
        return 0;
    }

    value = 0;

    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, name, strlen(name)) == 0) {
            value = strtol(line + strlen(name), NULL, 10);
            break;
        }
    }

    fclose(f);

    return value;
}


static int
acme_load_compare(const void *one, const void *two)
{
    double  a, b;

    a = *(const double *) one;
    b = *(const double *) two;

    return (a > b) - (a < b);
}


static void
acme_load_series(FILE *out, acme_load_step_e step)
{
    size_t               n;
    double              *all, sum;
    unsigned             i;
    acme_load_series_t  *s;

    n = 0;
    sum = 0;

    for (i = 0; i < acme_load.concurrency; i++) {
        n += acme_load.worker[i].series[step].n;
    }

    all = n ? malloc(n * sizeof(double)) : NULL;
    if (all == NULL) {
        return;
    }

    n = 0;

    for (i = 0; i < acme_load.concurrency; i++) {
        s = &acme_load.worker[i].series[step];
        memcpy(all + n, s->ms, s->n * sizeof(double));
        n += s->n;
    }

    qsort(all, n, sizeof(double), acme_load_compare);

    for (i = 0; i < n; i++) {
        sum += all[i];
    }

    fprintf(out, ",\n  \"%s\": { \"n\": %zu, \"mean_ms\": %.3f, "
            "\"p50_ms\": %.3f, \"p95_ms\": %.3f, \"p99_ms\": %.3f, "
            "\"max_ms\": %.3f }",
            acme_load_steps[step], n, sum / n, all[n / 2],
            all[(size_t) (n * 0.95)], all[(size_t) (n * 0.99)], all[n - 1]);

    free(all);
}


void
acme_load_report(FILE *out, double seconds, const acme_load_usage_t *before,
    const acme_load_usage_t *after, double own_cpu_ms)
{
    double          done;
    unsigned        i;
    unsigned long   failed, polls, retries, handshakes, flows, rechecked;
    unsigned long   missing, unfinished;

    flows = failed = polls = retries = handshakes = rechecked = missing = 0;
    unfinished = 0;

    for (i = 0; i < acme_load.concurrency; i++) {
        flows += acme_load.worker[i].done;
        failed += acme_load.worker[i].failed;
        polls += acme_load.worker[i].polls;
        retries += acme_load.worker[i].retries;
        handshakes += acme_load.worker[i].handshakes;
        unfinished += acme_load.worker[i].unfinished;
        rechecked += acme_load.worker[i].rechecked;
        missing += acme_load.worker[i].missing;
    }

    done = flows ? (double) flows : 1;

    fprintf(out, "{\n  \"concurrency\": %u,\n  \"accounts\": %u,\n"
            "  \"seconds\": %.3f,\n  \"flows\": %lu,\n  \"failed\": %lu,\n"
            "  \"unfinished\": %lu,\n  \"flows_per_second\": %.1f,\n"
            "  \"polls\": %lu,\n  \"bad_nonce_retries\": %lu,\n"
            "  \"handshakes\": %lu,\n  \"client_cpu_ms_per_flow\": %.3f",
            acme_load.concurrency, acme_load.accounts, seconds, flows,
            failed, unfinished, flows / (seconds > 0 ? seconds : 1), polls,
            retries, handshakes, own_cpu_ms / done);

    if (acme_load.npids) {
        fprintf(out, ",\n  \"server_cpu_ms\": %.0f,\n"
                "  \"server_cpu_ms_per_flow\": %.4f,\n"
                "  \"server_cores_used\": %.2f,\n"
                "  \"server_rss_kib\": [ %ld, %ld ],\n"
                "  \"server_anon_kib\": [ %ld, %ld ]",
                after->cpu_ms - before->cpu_ms,
                (after->cpu_ms - before->cpu_ms) / done,
                (after->cpu_ms - before->cpu_ms) / 1e3
                / (seconds > 0 ? seconds : 1),
                before->rss_kib, after->rss_kib, before->anon_kib,
                after->anon_kib);
    }

    if (acme_load.recheck) {
        fprintf(out, ",\n  \"rechecked\": %lu,\n  \"missing\": %lu",
                rechecked, missing);
    }

    for (i = 0; i < ACME_LOAD_STEPS; i++) {
        acme_load_series(out, i);
    }

    fprintf(out, ",\n  \"failures\": {");

    for (i = 0; i < ACME_LOAD_KINDS && acme_load_kinds[i].n; i++) {
        fprintf(out, "%s\n    \"%s\": %lu", i ? "," : "",
                acme_load_kinds[i].name, acme_load_kinds[i].n);
    }

    fprintf(out, "%s}\n}\n", i ? "\n  " : "");
}
