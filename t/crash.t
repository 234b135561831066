#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# kill -9 of workers, and of the whole nginx, at random moments under load:
# what was acknowledged to a client stays, nothing is issued twice, and every
# validation ends.
#
# TEST_NGINX_CRASH_ROUNDS says how many times something is killed.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Load;
use Time::HiRes qw/ sleep /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $rounds = $ENV{TEST_NGINX_CRASH_ROUNDS} || 200;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3')
    ->has_daemon('openssl');
my $dir = $t->testdir();

# "exited on signal 9" is an alert; what else there is, is looked for below
$t->todo_alerts();

# a job whose worker died is free again after validation_timeout and 3 seconds
acme_ca_conf($t, workers => 3, authority => 'validation_timeout 2s;
    validation_concurrency 1000; validation_deadline 10m;')->plan(14);

# a log of all that debug has to say would be the heaviest load of all
my $conf = $t->read_file('nginx.conf');
$conf =~ s/(error_log \S+) debug;/$1 info;/;
$t->write_file('nginx.conf', $conf);

$t->run();

###############################################################################

my $load = acme_load_start($t, clients => 5);
my ($killed, $restarted) = (0, 0);

for my $round (1 .. $rounds) {
    sleep(rand(0.7));

    if ($round % 20 == 0) {
        acme_ca_kill($t);
        $t->run();
        $restarted++;
        next;
    }

    my @workers = acme_ca_workers($t);

    # one of them, or all at once
    @workers = $workers[rand @workers] if $round % 10 && @workers;
    $killed += kill 'KILL', @workers;
}

my $result = acme_load_end($load);

note("killed $killed workers, the whole nginx $restarted times; "
     . join(', ', map { "$_ $result->{$_}" }
                  qw/ accounts orders certificates revoked broken refused
                      busy /));

###############################################################################

cmp_ok($killed + $restarted, '>=', $rounds * 0.9, 'rounds');
is($result->{done}, 5, 'clients are well');
cmp_ok($result->{broken}, '>', $rounds / 20, 'requests were broken off');
cmp_ok($result->{certificates}, '>', $rounds / 2, 'certificates were issued');

is($result->{odd}, '', 'no answer that the protocol does not foresee');
is($result->{lost}, '', 'all that was acknowledged is there');
is($result->{unended}, 0, 'every order came to its end');
is($result->{serials}, '', 'no serial twice at the clients');

is(acme_ca_faults($t), '', 'nothing that may not be');

# what a client gave up or never saw ends as well
ok(acme_ca_wait(\&no_work_left, 60), 'no validation is left over')
    or diag(json_encode([ acme_ca_sql($t, 'SELECT * FROM jobs') ]));
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_orders
                          WHERE status = 'processing'"), 0,
    'no order is left over');
my $got = acme_client($t)->issue([ 'after.example' ]);
is(chain_verify($got->{chain}, "$dir/ca/root.pem"), 'OK', 'issues again');

is(acme_ca_log($t, qr/\[alert\](?!.*exited on signal 9$)/), '',
    'no other alerts');
is(acme_ca_log($t, qr/\[(?:emerg|crit)\]/), '', 'no faults');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub no_work_left {
    return !acme_ca_sql_value($t, "SELECT (SELECT count(*) FROM jobs)
        + (SELECT count(*) FROM acme_challenges
           WHERE status = 'processing')");
}

###############################################################################
