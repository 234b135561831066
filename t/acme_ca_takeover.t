#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What waits is done as soon as it can be: what killed workers had leased is
# taken over at once, long before its lease ends, and what a clock wrote that
# was ahead does not wait for that time to come again.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Jose;
use Test::Nginx::AcmeCa::Csr;
use Test::Nginx::AcmeCa::Daemon;
use Test::Nginx::AcmeCa::Receiver;
use Test::Nginx::AcmeCa::Signer;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

# "exited on signal 9" is an alert; what else there is, is looked for below
$t->todo_alerts();

signer_start($t, 8090);
receiver_start($t, 8091);

# leases of an hour: who waits for one of them to end is not done here
acme_ca_conf($t, workers => 3, authority => 'validation_timeout 1h;
        validation_deadline 1d; audit_checkpoint 2s;
        signer /sign timeout=1h deadline=1d;'
        . " signer_trusted_certificate $dir/signer/root.pem;"
        . ' event_hook /told issued timeout=1h;',
    server => 'location = /sign { internal;'
        . ' proxy_pass http://127.0.0.1:%%PORT_8090%%; }'
        . ' location = /told { internal;'
        . ' proxy_pass http://127.0.0.1:%%PORT_8091%%; }')->plan(15)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# a validation, a signature and an event whose answers do not come

my %one = ask('killed');
is(leases('> unixepoch() + 3000'), 3, 'leased for an hour');
kill 'KILL', acme_ca_workers($t);
done('killed workers', %one);

# the clock is set back by a day: leases of a process that lives

my %two = ask('clock');
acme_ca_kill($t);
later('lease_until = unixepoch() + 86400');
is(leases('> unixepoch() + 80000'), 3, 'leased for a day');
$t->run();
done('leases of the future', %two);

# and by hours, while what failed waits for its next attempt

my %three = ask('waits');
acme_ca_kill($t);
later('lease_until = 0');
$t->run();
done('attempts of the future', %three);

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\](?!.*exited on signal 9$)/), '',
    'no other alerts');

undef $t;

###############################################################################

# what is asked and gets no answer: of each the last one

sub ask {
    my ($what) = @_;
    my %what = (name => $what, file => "$dir/$what.go");

    put_receiver($t, '/told', hold => $what{file});
    $acme->issue([ "told.$what.example" ]);
    put_signer($t, "sign.$what.example", hold => $what{file});
    my $ready = $acme->ready_order([ "sign.$what.example" ]);
    $acme->finalize($ready, acme_csr(key => acme_key('ES256'),
        dns => [ "sign.$what.example" ]));
    $what{signed} = $ready->location();

    my $order = $acme->new_order([ "test.$what.example" ]);
    my $url = $order->json()->{authorizations}[0];
    my $token = $acme->challenge($acme->post($url))->{token};

    $acme->respond($url, hold => $what{file});
    $what{tested} = $order->location();

    ok(acme_ca_wait(sub { signer_requests($t, "sign.$what.example")
        && http_01_log($t, qr/\Q$token\E/) && leases('> 0') == 3 }),
        "$what: all are asked");

    return %what;
}


# all answers come from now on
sub done {
    my ($text, %what) = @_;

    put_receiver($t, '/told');
    $t->write_file("$what{name}.go", '');

    is($acme->poll($what{tested})->json()->{status}, 'ready',
        "$text: a validation");
    is($acme->poll($what{signed})->json()->{status}, 'valid',
        "$text: a signature");
    ok(acme_ca_wait(sub { grep { $_->{data}{certificate}{names}[0]
        eq "dns:told.$what{name}.example" } receiver_events($t, '/told') }),
        "$text: an event");
}


sub leases {
    my ($when) = @_;

    return acme_ca_sql_value($t, 'SELECT ' . join ' + ', map {
        "(SELECT count(*) FROM $_ WHERE lease_until $when)"
    } qw/ jobs acme_signer_jobs acme_event_hooks /);
}


# nginx is down; this process is not

sub later {
    my ($set) = @_;

    acme_ca_sql($t, "UPDATE $_ SET $set, run_at = unixepoch() + 86400,
        owner = $$; SELECT 1") foreach qw/ jobs acme_signer_jobs
                                           acme_event_hooks /;
}

###############################################################################
