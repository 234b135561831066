
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Options, phases (accounts, warm-up, measurement) and the report.
 */


#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <openssl/err.h>

#include "acme_load.h"


static void acme_load_usage_text(FILE *out);
static int acme_load_options(int argc, char **argv);
static int acme_load_mode(const char *name);
static int acme_load_challenge(const char *name);
static int acme_load_prepare(void);
static int acme_load_accounts(void);
static int acme_load_phase(unsigned count, double seconds, unsigned record);
static int acme_load_threads(void *(*run)(void *data));
static double acme_load_own_cpu(void);


acme_load_t  acme_load;


static const char  *acme_load_json;

static const struct option  acme_load_long[] = {
    { "directory",      required_argument, NULL, 'd' },
    { "cacert",         required_argument, NULL, 'C' },
    { "insecure",       no_argument,       NULL, 'k' },
    { "accounts",       required_argument, NULL, 'a' },
    { "concurrency",    required_argument, NULL, 'c' },
    { "count",          required_argument, NULL, 'n' },
    { "seconds",        required_argument, NULL, 's' },
    { "warmup",         required_argument, NULL, 'w' },
    { "mode",           required_argument, NULL, 'm' },
    { "url",            required_argument, NULL, 'u' },
    { "challenge",      required_argument, NULL, 'H' },
    { "http-01-port",   required_argument, NULL, 'p' },
    { "tls-alpn-01-port", required_argument, NULL, 'T' },
    { "dns-port",       required_argument, NULL, 'D' },
    { "domain",         required_argument, NULL, 'N' },
    { "server-pid",     required_argument, NULL, 'P' },
    { "subject-keys",   required_argument, NULL, 'K' },
    { "new-connection", no_argument,       NULL, 'R' },
    { "always-poll",    no_argument,       NULL, 'A' },
    { "poll-ms",        required_argument, NULL, 'l' },
    { "timeout",        required_argument, NULL, 't' },
    { "max-seconds",    required_argument, NULL, 'M' },
    { "log",            required_argument, NULL, 'L' },
    { "recheck",        no_argument,       NULL, 'Z' },
    { "json",           required_argument, NULL, 'j' },
    { "help",           no_argument,       NULL, 'h' },
    { NULL,             0,                 NULL, 0   }
};


static void
acme_load_usage_text(FILE *out)
{
    fputs("usage: acme_load --directory URL [options]\n"
          "  --cacert FILE | --insecure    whom to trust\n"
          "  --mode directory|nonce|order|issue   issue\n"
          "  --url URL            of modes directory (GET), nonce (HEAD)\n"
          "  --accounts K         1\n"
          "  --concurrency N      flows at a time, 1\n"
          "  --count M            flows in all, or --seconds S\n"
          "  --warmup M           flows that are not measured\n"
          "  --challenge TYPE     http-01, dns-01 or tls-alpn-01; http-01\n"
          "  --http-01-port P     answer http-01 on 127.0.0.1:P\n"
          "  --tls-alpn-01-port P answer tls-alpn-01 on 127.0.0.1:P\n"
          "  --dns-port P         answer DNS, dns-01 as well, on 127.0.0.1:P\n"
          "  --domain SUFFIX      of names f<flow>a<account>.SUFFIX\n"
          "  --server-pid PID     CPU and memory of it and its children\n"
          "  --subject-keys N     keys that requests are made with, 64\n"
          "  --new-connection     one for each flow\n"
          "  --always-poll        poll even what is known to be valid\n"
          "  --poll-ms N          first pause of polling, doubled; 1\n"
          "  --timeout S          of an exchange or a status, 30\n"
          "  --max-seconds S      nothing runs longer, 300\n"
          "  --log FILE           what was acknowledged\n"
          "  --recheck            read it all again at the end\n"
          "  --json FILE          the report, stdout\n", out);
}


static int
acme_load_mode(const char *name)
{
    unsigned            i;
    static const char  *modes[] = { "directory", "nonce", "order", "issue" };

    for (i = 0; i < 4; i++) {
        if (strcmp(name, modes[i]) == 0) {
            acme_load.mode = i;
            return 0;
        }
    }

    return -1;
}


static int
acme_load_challenge(const char *name)
{
    unsigned            i;
    static const char  *kinds[] = { "http-01", "dns-01", "tls-alpn-01" };

    for (i = 0; i < 3; i++) {
        if (strcmp(name, kinds[i]) == 0) {
            acme_load.challenge = kinds[i];
            return 0;
        }
    }

    return -1;
}


static int
acme_load_options(int argc, char **argv)
{
    int       c;
    unsigned  n;

    acme_load.mode = ACME_LOAD_MODE_ISSUE;
    acme_load.accounts = 1;
    acme_load.concurrency = 1;
    acme_load.subjects = 64;
    acme_load.timeout = 30;
    acme_load.max_seconds = 300;
    acme_load.poll_ms = 1;
    acme_load.domain = "load.test";
    acme_load.challenge = "http-01";

    for ( ;; ) {
        c = getopt_long(argc, argv, "", acme_load_long, NULL);
        if (c == -1) {
            break;
        }

        n = optarg ? (unsigned) strtoul(optarg, NULL, 10) : 0;

        switch (c) {

        case 'd':
            (void) snprintf(acme_load.directory, ACME_LOAD_URL, "%s", optarg);
            break;

        case 'u':
            (void) snprintf(acme_load.url, ACME_LOAD_URL, "%s", optarg);
            break;

        case 'C':
            acme_load.cacert = optarg;
            break;

        case 'k':
            acme_load.insecure = 1;
            break;

        case 'a':
            acme_load.accounts = n ? n : 1;
            break;

        case 'c':
            acme_load.concurrency = n ? n : 1;
            break;

        case 'n':
            acme_load.count = n;
            break;

        case 's':
            acme_load.seconds = strtod(optarg, NULL);
            break;

        case 'w':
            acme_load.warmup = n;
            break;

        case 'm':
            if (acme_load_mode(optarg) != 0) {
                return -1;
            }

            break;

        case 'H':
            if (acme_load_challenge(optarg) != 0) {
                return -1;
            }

            break;

        case 'p':
            acme_load.http_01_port = (int) n;
            break;

        case 'T':
            acme_load.tls_alpn_01_port = (int) n;
            break;

        case 'D':
            acme_load.dns_port = (int) n;
            break;

        case 'N':
            acme_load.domain = optarg;
            break;

        case 'P':
            if (acme_load.npids < ACME_LOAD_PIDS) {
                acme_load.pids[acme_load.npids++] = (int) n;
            }

            break;

        case 'K':
            acme_load.subjects = n ? n : 1;
            break;

        case 'R':
            acme_load.new_connection = 1;
            break;

        case 'A':
            acme_load.always_poll = 1;
            break;

        case 'l':
            acme_load.poll_ms = strtod(optarg, NULL);
            break;

        case 't':
            acme_load.timeout = strtod(optarg, NULL);
            break;

        case 'M':
            acme_load.max_seconds = strtod(optarg, NULL);
            break;

        case 'L':
            acme_load.log_name = optarg;
            break;

        case 'Z':
            acme_load.recheck = 1;
            break;

        case 'j':
            acme_load_json = optarg;
            break;

        case 'h':
            acme_load_usage_text(stdout);
            exit(0);

        default:
            return -1;
        }
    }

    if (acme_load.count == 0 && acme_load.seconds == 0) {
        acme_load.count = 1;
    }

    return optind == argc
           && (acme_load.directory[0] || acme_load.url[0]) ? 0 : -1;
}


static int
acme_load_prepare(void)
{
    unsigned  i;

    acme_load.account = calloc(acme_load.accounts,
                               sizeof(acme_load_account_t));
    acme_load.subject = calloc(acme_load.subjects,
                               sizeof(acme_load_subject_t));
    acme_load.worker = calloc(acme_load.concurrency,
                              sizeof(acme_load_worker_t));
    acme_load.ssl_ctx = SSL_CTX_new(TLS_client_method());

    if (acme_load.account == NULL || acme_load.subject == NULL
        || acme_load.worker == NULL || acme_load.ssl_ctx == NULL)
    {
        return -1;
    }

    SSL_CTX_set_mode(acme_load.ssl_ctx, SSL_MODE_AUTO_RETRY);

    if (!acme_load.insecure) {
        SSL_CTX_set_verify(acme_load.ssl_ctx, SSL_VERIFY_PEER, NULL);

        if (acme_load.cacert
            ? SSL_CTX_load_verify_file(acme_load.ssl_ctx,
                                       acme_load.cacert) != 1
            : SSL_CTX_set_default_verify_paths(acme_load.ssl_ctx) != 1)
        {
            fprintf(stderr, "acme_load: cannot read %s\n",
                    acme_load.cacert ? acme_load.cacert : "the CAs");
            return -1;
        }
    }

    for (i = 0; i < acme_load.accounts; i++) {
        if (acme_load_account_key(&acme_load.account[i]) != 0) {
            return -1;
        }
    }

    for (i = 0; i < acme_load.subjects; i++) {
        if (acme_load_subject_key(&acme_load.subject[i]) != 0) {
            return -1;
        }
    }

    for (i = 0; i < acme_load.concurrency; i++) {
        acme_load.worker[i].id = i;
    }

    if (acme_load.log_name) {
        acme_load.log = fopen(acme_load.log_name, "a");
        if (acme_load.log == NULL) {
            perror(acme_load.log_name);
            return -1;
        }
    }

    acme_load.token = calloc(ACME_LOAD_TOKENS, ACME_LOAD_TOKEN);
    if (acme_load.token == NULL) {
        return -1;
    }

    if (acme_load.http_01_port
        && acme_load_http_01(acme_load.http_01_port) != 0)
    {
        perror("acme_load: http-01 port");
        return -1;
    }

    if (acme_load.tls_alpn_01_port
        && acme_load_alpn(acme_load.tls_alpn_01_port) != 0)
    {
        perror("acme_load: tls-alpn-01 port");
        return -1;
    }

    if (acme_load.dns_port && acme_load_dns(acme_load.dns_port) != 0) {
        perror("acme_load: DNS port");
        return -1;
    }

    return 0;
}


static int
acme_load_accounts(void)
{
    unsigned             i;
    acme_load_worker_t  *w;

    w = &acme_load.worker[0];

    if (acme_load.url[0] && acme_load.mode < ACME_LOAD_MODE_ORDER) {
        return 0;
    }

    if (acme_load_directory(w) != 0) {
        return -1;
    }

    for (i = 0;
         acme_load.mode >= ACME_LOAD_MODE_ORDER && i < acme_load.accounts;
         i++)
    {
        if (acme_load_register(w, &acme_load.account[i]) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
acme_load_phase(unsigned count, double seconds, unsigned record)
{
    double               now;
    unsigned             i;
    acme_load_worker_t  *w;

    now = acme_load_now();

    acme_load.limit = count ? acme_load.next + count : (unsigned) -1;
    acme_load.end = acme_load.deadline;

    if (seconds > 0 && now + seconds * 1e3 < acme_load.end) {
        acme_load.end = now + seconds * 1e3;
    }

    for (i = 0; i < acme_load.concurrency; i++) {
        w = &acme_load.worker[i];

        w->record = record;
        w->done = w->failed = w->unfinished = 0;
        w->polls = w->retries = w->handshakes = 0;
    }

    if (acme_load_threads(acme_load_run) != 0) {
        return -1;
    }

    /* each worker took one number that it did not use */

    if (count) {
        acme_load.next = acme_load.limit;
    }

    return 0;
}


static int
acme_load_threads(void *(*run)(void *data))
{
    unsigned             i;
    acme_load_worker_t  *w;

    for (i = 0; i < acme_load.concurrency; i++) {
        w = &acme_load.worker[i];

        if (pthread_create(&w->thread, NULL, run, w) != 0) {
            return -1;
        }
    }

    for (i = 0; i < acme_load.concurrency; i++) {
        (void) pthread_join(acme_load.worker[i].thread, NULL);
    }

    return 0;
}


static double
acme_load_own_cpu(void)
{
    struct rusage  ru;

    (void) getrusage(RUSAGE_SELF, &ru);

    return ru.ru_utime.tv_sec * 1e3 + ru.ru_utime.tv_usec / 1e3
           + ru.ru_stime.tv_sec * 1e3 + ru.ru_stime.tv_usec / 1e3;
}


int
main(int argc, char **argv)
{
    FILE                *out;
    double               start, seconds, own;
    unsigned             i;
    unsigned long        failed;
    acme_load_usage_t    before, after;

    if (acme_load_options(argc, argv) != 0) {
        acme_load_usage_text(stderr);
        return 2;
    }

    signal(SIGPIPE, SIG_IGN);

    acme_load.deadline = acme_load_now() + acme_load.max_seconds * 1e3;

    if (acme_load_prepare() != 0) {
        ERR_print_errors_fp(stderr);
        return 1;
    }

    if (acme_load_accounts() != 0) {
        fprintf(stderr, "acme_load: %s: %s\n", acme_load.worker[0].step,
                acme_load.worker[0].why);
        return 1;
    }

    if (acme_load.warmup && acme_load_phase(acme_load.warmup, 0, 0) != 0) {
        return 1;
    }

    acme_load_usage(acme_load.pids, acme_load.npids, &before);
    own = acme_load_own_cpu();
    start = acme_load_now();

    if (acme_load_phase(acme_load.count, acme_load.seconds, 1) != 0) {
        return 1;
    }

    seconds = (acme_load_now() - start) / 1e3;
    own = acme_load_own_cpu() - own;
    acme_load_usage(acme_load.pids, acme_load.npids, &after);

    if (acme_load.recheck && acme_load_threads(acme_load_recheck) != 0) {
        return 1;
    }

    out = acme_load_json ? fopen(acme_load_json, "w") : stdout;
    if (out == NULL) {
        perror(acme_load_json);
        return 1;
    }

    acme_load_report(out, seconds, &before, &after, own);
    fflush(out);

    failed = 0;

    for (i = 0; i < acme_load.concurrency; i++) {
        failed += acme_load.worker[i].failed + acme_load.worker[i].missing;
    }

    return failed ? 3 : 0;
}
