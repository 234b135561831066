#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The external signer, when something ends in between: a signer that hangs, is
# absent or says too much, workers that are killed or leave, restarts, accounts
# that go, deadlines.  Each order comes to one end, with at most one
# certificate.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Signer;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

# "exited on signal 9" is an alert; what else there is, is looked for below
$t->todo_alerts();

signer_start($t, 8090);
configure('timeout=1s deadline=2s');
$t->plan(37)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# an answer that does not come, and the deadline

put_signer($t, 'hung.example', hang => 99);
put_signer($t, 'never.example', later => 99);
put_signer($t, 'big.example', after => 'x' x 70000);
put_signer($t, 'page.example', status => 302, body => 'elsewhere');

my %ready = (hung => start('hung.example'));

is(end($ready{hung}), 'invalid serverInternal: the signer did not sign in time',
    'hung: until the deadline');
ok(signer_requests($t, 'hung.example'), 'asked');
is(reason('hung'), 'serverInternal: timed out', 'why: hung');

# answers, however long they take, which are none

configure('timeout=1m deadline=1m');
ok(acme_ca_reload($t), 'more time for an answer');

$ready{$_} = start("$_.example") foreach qw/ never big page /;
ok(acme_ca_wait(sub { !grep { !signer_requests($t, "$_.example") }
    qw/ never big page / }), 'asked');
acme_ca_sql($t, 'UPDATE acme_signer_jobs SET deadline_at = 1, run_at = 1');
is(end($ready{$_}), 'invalid serverInternal: the signer did not sign in time',
    "$_: until the deadline") foreach qw/ never big page /;
is(reason('never'), 'serverInternal: it needs more time', 'why: never');
is(reason('big'), 'serverInternal: the answer is too large', 'why: big');
is(reason('page'), 'serverInternal: elsewhere', 'why: page');

# nobody there

configure('timeout=1s deadline=2s', 'http://127.0.0.1:' . port(8099));
ok(acme_ca_reload($t), 'another signer');
is(end(start('absent.example')),
    'invalid serverInternal: the signer did not sign in time', 'absent');
is(reason('absent'), 'serverInternal: status 502', 'why: absent');

configure('timeout=3s deadline=5m');
ok(acme_ca_reload($t), 'the signer is back');

# an answer that comes at last

put_signer($t, 'hang.example', hang => 1);
is(end(start('hang.example')), 'valid', 'hangs once');
cmp_ok(signer_requests($t, 'hang.example'), '>', 1, 'asked again');

# kill -9 while it is asked

put_signer($t, 'kill.example', hold => "$dir/killed");
my $order = start('kill.example');
ok(acme_ca_wait(sub { signer_requests($t, 'kill.example') }), 'it is asked');
kill 'KILL', acme_ca_workers($t);
$t->write_file('killed', '');
is(end($order), 'valid', 'killed workers: resumed');
cmp_ok(signer_requests($t, 'kill.example'), '>', 1, 'asked once more');
is(certificates('kill.example'), 1, 'one certificate');

# the whole nginx, between two questions

put_signer($t, 'later.example', later => 1, retry_after => 200);
$order = start('later.example');
ok(acme_ca_wait(sub { acme_ca_sql_value($t, 'SELECT lease_until = 0'
    . ' AND run_at > created_at + 100 FROM acme_signer_jobs') }),
    'it said later');
$t->stop();
is(jobs(), 1, 'the job is there');
acme_ca_sql($t, 'UPDATE acme_signer_jobs SET run_at = 1');
configure('timeout=1m deadline=5m');
$t->run();
is(end($order), 'valid', 'restarted: resumed');
is(jobs(), 0, 'and done');

# a reload while it is asked

put_signer($t, 'reload.example', hold => "$dir/reloaded");
$order = start('reload.example');
ok(acme_ca_wait(sub { signer_requests($t, 'reload.example') }), 'it is asked');
ok(acme_ca_reload($t), 'reloaded');
$t->write_file('reloaded', '');
is(end($order), 'valid', 'the old worker ends it');
is(signer_requests($t, 'reload.example'), 1, 'asked once');

# an account that goes meanwhile gets nothing

my $gone = $acme->another();
$gone->new_account();
put_signer($t, 'gone.example', hold => "$dir/gone");
$order = start('gone.example', $gone);
ok(acme_ca_wait(sub { signer_requests($t, 'gone.example') }), 'it is asked');
$gone->account({ status => 'deactivated' });
$t->write_file('gone', '');
ok(acme_ca_wait(sub { jobs() == 0 }), 'signed for an account that is gone');
is(certificates('gone.example'), 0, 'nobody gets it');
like(acme_ca_sql_value($t, "SELECT details FROM acme_audit_logs
    WHERE outcome <> 'done' AND action = 'issue' ORDER BY id DESC LIMIT 1"),
    qr/"serial":"[0-9a-f]{8,}.*gone\.example/, 'its serial number is kept');

# several at once, in several workers

my @names = map { "n$_.example" } 1 .. 8;
my @orders = map { start($_) } @names;
is(join(' ', map { end($_) } @orders), join(' ', ('valid') x 8), 'eight');
is(join(' ', map { certificates($_) } @names), join(' ', (1) x 8),
    'one certificate each');

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\](?!.*exited on signal 9$)/), '',
    'no other alerts');
is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_orders'
    . " WHERE status = 'processing'"), 0, 'all orders came to their end');

undef $t;

###############################################################################

sub configure {
    my ($how, $signer) = @_;

    $signer ||= 'http://127.0.0.1:%%PORT_8090%%';

    acme_ca_conf($t, workers => 3, daemons => $t->{_configured}++ ? 0 : 1,
        authority => "signer /sign $how;\n"
            . "        signer_trusted_certificate $dir/signer/root.pem;",
        server => "location = /sign { internal; proxy_pass $signer; }");
}


# finalizes and does not wait

sub start {
    my ($name, $client) = @_;

    $client ||= $acme;

    my $ready = $client->ready_order([ $name ]);
    $client->finalize($ready, acme_csr(key => acme_key('ES256'),
                                       dns => [ $name ]));

    return $ready->location();
}


sub end {
    my ($url) = @_;

    my $order = $acme->poll($url)->json();
    my $error = $order->{error} or return $order->{status};

    return "$order->{status} " . ($error->{type} =~ /([^:]+)$/)[0]
        . ": $error->{detail}";
}


sub reason {
    my ($name) = @_;

    return acme_ca_sql_value($t, 'SELECT reason FROM acme_audit_logs AS l'
        . ' JOIN acme_order_identifiers AS i ON i.order_id = l.order_id'
        . " WHERE i.identifier = '$name.example' AND action = 'issue'");
}


sub certificates {
    my ($name) = @_;

    return acme_ca_sql_value($t, 'SELECT count(*) FROM acme_certificates'
        . " WHERE sans = 'dns:$name'");
}


sub jobs {
    return acme_ca_sql_value($t, 'SELECT count(*) FROM acme_signer_jobs');
}

###############################################################################
