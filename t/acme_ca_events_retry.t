#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Event hooks whose receivers answer badly or not at all: all stays queued, is
# told in its order and once; other hooks do not wait.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Receiver;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy cryptx /)
    ->has_daemon('sqlite3');

my %hooks = (
    '/all'     => 'issued revoked retry=1s batch=3',
    '/hang'    => 'revoked retry=1s timeout=1s',
    '/revoked' => 'revoked',
    '/slow'    => 'revoked retry=1h',
);

receiver_start($t, 8090);

acme_ca_conf($t, workers => 3,
    authority => join('', 'audit_checkpoint 1s;',
        map { "event_hook $_ $hooks{$_};\n" } keys %hooks),
    server => 'location = /metrics { acme_ca_metrics; }'
        . ' location /admin/ { acme_ca_admin default full; allow 127.0.0.1; deny all; }'
        . ' location ~ ^/(all|hang|revoked|slow)$ { internal;'
        . ' proxy_pass http://127.0.0.1:%%PORT_8090%%; }');

$t->plan(36)->run();
acme_ca_tool($t);

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

put_receiver($t, '/all', status => 500);
put_receiver($t, '/hang', hang => 1);
put_receiver($t, '/slow', status => 429, retry_after => 600);

my @names = map { "n$_.example" } 1 .. 7;
my @chains = map { $acme->issue([ $_ ])->{chain} } @names;
$acme->revoke($chains[0]);

is(scalar receiver_wait($t, '/revoked', 1), 1, 'the other hook goes on');
ok(tried('/all', 500, 2), 'status 500: told again');
is(receiver_hook($t, '/all')->{error}, 'status 500', 'the error');
cmp_ok(receiver_hook($t, '/all')->{attempts}, '>', 0, 'attempts');

foreach my $status (410, 301) {
    put_receiver($t, '/all', status => $status);
    ok(tried('/all', $status, 1), "status $status: told again");
}

put_receiver($t, '/all', drop => 1);
ok(tried('/all', 0, 1), 'no answer: told again');
is(scalar receiver_events($t, '/all'), 0, 'nothing was taken');

put_receiver($t, '/all', status => 204);
is(join(' ', receiver_names($t, '/all', 8)), join(' ', @names, $names[0]),
    'then all of it, in order');
ok(acme_ca_wait(sub { my $hook = receiver_hook($t, '/all');
    $hook->{attempts} == 0 && !defined $hook->{error}
        && $hook->{delivered} == 8 }), 'and no error');
is(scalar(grep { @{json_decode($_->{body})->{events}} > 3 }
    receiver_log($t, '/all')), 0, 'three at most at a time');
is(receiver_twice($t, $_), '', "$_: each once") foreach qw( /all /revoked );

# it takes the location's answer for none

ok(tried('/hang', 0, 2), 'hangs: told again');

# an answer that comes too late: taken twice, under the same id

my $attempts = receiver_hook($t, '/hang')->{attempts} + 2;
put_receiver($t, '/hang', hold => $t->testdir() . '/answer');
ok(acme_ca_wait(sub { receiver_hook($t, '/hang')->{attempts} >= $attempts }),
    'waits');
$t->write_file('answer', '');
cmp_ok(scalar receiver_wait($t, '/hang', 2), '>=', 2, 'too late: told again');
is(scalar(keys %{{ map { $_->{id} => 1 } receiver_events($t, '/hang') }}), 1,
    'the same');
put_receiver($t, '/hang');
is((receiver_names($t, '/hang', 1))[0], $names[0], 'and taken');

# how far they are: the tool, the admin location, the metrics

ok(acme_ca_wait(sub { receiver_hook($t, '/slow')->{attempts} }),
    'later, it said');

my ($slow) = grep { $_->{uri} eq '/slow' } @{json('events', 'list')};
is("$slow->{error} $slow->{attempts} $slow->{delivered} $slow->{types}",
    'status 429 1 0 revoked', 'events list');
cmp_ok($slow->{behind}, '>', 0, 'it is behind');

($slow) = grep { $_->{uri} eq '/slow' } @{admin_json('events', 'list')};
is("$slow->{error} $slow->{attempts} $slow->{delivered} $slow->{types}",
    'status 429 1 0 revoked', 'the same by the admin location');

my $metrics = $acme->get('http://127.0.0.1:' . port(8080) . '/metrics')
    ->{body};
like($metrics, qr/^acme_ca_event_backlog\{.*hook="\/slow"\} [1-9]/m, 'backlog');
like($metrics, qr/^acme_ca_event_backlog_age_seconds\{.*hook="\/slow"\} \d/m,
    'its age');
like($metrics, qr/^acme_ca_event_failures\{.*hook="\/slow"\} 1$/m, 'failures');
like($metrics, qr/^acme_ca_events_delivered_total\{.*hook="\/all"\} 8$/m,
    'delivered');

# what it did not have yet stays in the log.  What is in front of that may go

my $n = 0;
ok(acme_ca_wait(sub {
    # the newest row is never sealed
    $acme->new_order([ 'newer.example' ]);

    return (tool('audit', 'seal', '--before', '1s', '--to',
        $t->testdir() . '/sealed' . $n++))[0]
        =~ /rows up to \d+ are not told yet to: .*\/slow/;
}), 'audit seal refuses') or diag($text);
is($status, 1, 'its status');
is(sql("SELECT count(*) FROM acme_audit_logs WHERE action = 'revoke'
    AND outcome = 'done'"), 1, 'the row is there');

put_receiver($t, '/slow');
is((tool('events', 'retry', '/slow'))[1], 0, 'events retry');
is((receiver_names($t, '/slow', 1))[0], $names[0], 'told at once');
is((tool('events', 'retry', '/none'))[1], 3, 'there is no such hook');
is((admin('events', 'retry', '/slow'))[1], 0, 'by the admin location');
is((admin('events', 'retry', '99'))[1], 3, 'no such hook there');
is(sql("SELECT count(*) FROM acme_audit_logs WHERE action = 'event-retry'"
    . " AND outcome = 'done'"), 2, 'audited');

my $log = $t->read_file('error.log');
ok($log =~ /events\ were\ not\ taken:\ status\ 500;\ again\ in\ \d+\ seconds,
    \ authority:\ default,\ event_hook:\ \/all/x
    && $log =~ /not taken: timed out/ && $log =~ /events are taken again/,
    'the log says so');

undef $t;

###############################################################################

# whether a hook was answered so, or not at all, so often

sub tried {
    my ($uri, $status, $n) = @_;

    return acme_ca_wait(sub {
        $n <= grep { $_->{status} == $status } receiver_log($t, $uri)
    });
}

###############################################################################
