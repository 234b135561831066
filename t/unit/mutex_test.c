
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * zone/acme_ca_mutex.c: turns, time limits, and holders that die.
 */


#include "shim.h"
#include "tap.h"

#include "acme_ca_mutex.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>


#define ROUNDS  2000


typedef struct {
    acme_ca_mutex_t   mutex;
    volatile long     counter;
} test_shared_t;


static void test_turns(test_shared_t *shared);
static void test_limit(test_shared_t *shared);
static void test_death(test_shared_t *shared);


int
main(void)
{
    test_shared_t  *shared;

    shared = mmap(NULL, sizeof(test_shared_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    is_int(acme_ca_mutex_init(&shared->mutex, &shim_log), NGX_OK, "made");

    test_turns(shared);
    test_limit(shared);
    test_death(shared);

    (void) munmap(shared, sizeof(test_shared_t));

    return done_testing();
}


static void
test_turns(test_shared_t *shared)
{
    int    i, n, status, bad;
    long   counter;
    pid_t  pids[3];

    for (i = 0; i < 3; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            for (n = 0; n < ROUNDS; n++) {
                if (acme_ca_mutex_lock(&shared->mutex, 10000, &shim_log)
                    != NGX_OK)
                {
                    _exit(1);
                }

                counter = shared->counter;
                ngx_sched_yield();
                shared->counter = counter + 1;
                acme_ca_mutex_unlock(&shared->mutex, &shim_log);
            }

            _exit(0);
        }
    }

    for (bad = 0, i = 0; i < 3; i++) {
        (void) waitpid(pids[i], &status, 0);
        bad += status != 0;
    }

    is_int(bad, 0, "three processes took turns");
    is_int(shared->counter, 3 * ROUNDS, "and none lost a count");
}


static void
test_limit(test_shared_t *shared)
{
    int              fds[2], status;
    char             c;
    pid_t            pid;
    struct timespec  from, to;

    if (pipe(fds) != 0) {
        abort();
    }

    pid = fork();

    if (pid == 0) {
        (void) acme_ca_mutex_lock(&shared->mutex, 1000, &shim_log);
        status = (int) write(fds[1], "x", 1);
        (void) pause();
        _exit(status);
    }

    status = (int) read(fds[0], &c, 1);

    is_int(acme_ca_mutex_lock(&shared->mutex, 0, &shim_log), NGX_DECLINED,
           "held by another: not at once");

    (void) clock_gettime(CLOCK_MONOTONIC, &from);
    is_int(acme_ca_mutex_lock(&shared->mutex, 1100, &shim_log), NGX_DECLINED,
           "nor in time");
    (void) clock_gettime(CLOCK_MONOTONIC, &to);

    ok((to.tv_sec - from.tv_sec) * 1000
       + (to.tv_nsec - from.tv_nsec) / 1000000 >= 1000, "after waiting");

    /* it dies holding the mutex, as a worker that is killed */

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, &status, 0);

    is_int(acme_ca_mutex_lock(&shared->mutex, 1000, &shim_log), NGX_OK,
           "its death sets it free");
    acme_ca_mutex_unlock(&shared->mutex, &shim_log);
    is_int(acme_ca_mutex_lock(&shared->mutex, 0, &shim_log), NGX_OK,
           "for good");
    acme_ca_mutex_unlock(&shared->mutex, &shim_log);

    (void) close(fds[0]);
    (void) close(fds[1]);
}


static void
test_death(test_shared_t *shared)
{
    int    i, n, status, bad;
    pid_t  pid;

    for (bad = 0, i = 0; i < 50; i++) {
        pid = fork();

        if (pid == 0) {
            for ( ;; ) {
                (void) acme_ca_mutex_lock(&shared->mutex, 1000, &shim_log);
                acme_ca_mutex_unlock(&shared->mutex, &shim_log);
            }
        }

        for (n = 0; n < i * 10; n++) {
            ngx_sched_yield();
        }

        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, &status, 0);

        if (acme_ca_mutex_lock(&shared->mutex, 1000, &shim_log) != NGX_OK) {
            bad++;
            continue;
        }

        acme_ca_mutex_unlock(&shared->mutex, &shim_log);
    }

    is_int(bad, 0, "killed anywhere, fifty times");
}
