#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# A worker does not leave before its threads have.  What OpenSSL keeps for a
# thread is freed by the thread when it ends, and by exit() if it comes first:
# at the same time both free it.  Nginx waits for the last task of a thread,
# not for its end, so a library makes each end late and looks at exit().

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('openssl')
    ->has_daemon('cc');
my $dir = $t->testdir();

# an instrumented nginx brings its own library, which has to be the first
plan(skip_all => 'an instrumented nginx') if $ENV{LD_PRELOAD}
    || $t->has_module('fsanitize');

$t->write_file('late.c', <<'EOF');

#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

static volatile int  late, ended;

void
pthread_exit(void *value)
{
    void  (*next)(void *) = dlsym(RTLD_NEXT, "pthread_exit");

    __sync_fetch_and_add(&late, 1);
    usleep(300000);
    __sync_fetch_and_add(&ended, 1);
    __sync_fetch_and_sub(&late, 1);

    next(value);
    __builtin_unreachable();
}

void
exit(int code)
{
    void  (*next)(int) = dlsym(RTLD_NEXT, "exit");

    if (late || ended) {
        fprintf(stderr, "threads: %d late, %d ended\n", late, ended);
    }

    next(code);
    __builtin_unreachable();
}

EOF

system('cc', '-shared', '-fPIC', '-o', "$dir/late.so", "$dir/late.c", '-ldl')
    == 0 or plan(skip_all => 'no late.so');

# the only thread has run whatever there was to run
acme_ca_conf($t, workers => 1, main => 'thread_pool default threads=1;')
    ->plan(3);

{
    local $ENV{LD_PRELOAD} = "$dir/late.so";
    $t->run();
}

###############################################################################

ok(acme_client($t)->issue([ 'a.example' ]), 'certificate');

$t->stop();

my $log = $t->read_file('error.log');
my @ends = $log =~ /^threads: (.*)$/mg;

is(scalar @ends, 1, 'the worker looked');
is($ends[0], '0 late, 1 ended', 'no thread was late');

###############################################################################
