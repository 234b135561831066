#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Reload: nonces go on, nothing is lost under load, a validation that is under
# way comes to its end, a bad configuration leaves the old one running, a new
# authority is made, and old workers leave.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Load;
use IO::Socket::INET;
use Time::HiRes qw/ sleep /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3')
    ->has_daemon('openssl');
my $dir = $t->testdir();

acme_ca_conf($t)->plan(40)->run();

my $acme = acme_client($t);
my @old;
$acme->new_account();

acme_ca_wait(\&new_workers);

###############################################################################

# nonces

my $nonce = $acme->fresh_nonce();
my $spent = $acme->fresh_nonce();
is($acme->account(undef, nonce => $spent)->{status}, 200, 'nonce is spent');

ok(reload(), 'new workers, old ones left');
is($acme->account(undef, nonce => $nonce)->{status}, 200,
    'nonce goes on after a reload');
is($acme->account(undef, nonce => $nonce)->outcome(), '400 badNonce',
    'once');
is($acme->account(undef, nonce => $spent)->outcome(), '400 badNonce',
    'nonce that was spent before the reload');

# a zone of another size is another zone

$nonce = $acme->fresh_nonce();
configure(authority => 'zone 2m;');
ok(reload(), 'another size of the zone');
is($acme->account(undef, nonce => $nonce)->outcome(), '400 badNonce',
    'nonce of the old zone');
is($acme->account()->{status}, 200, 'next try');

configure(authority => 'validation_timeout 1m;');
ok(reload(), 'size of before');

###############################################################################

# a validation that is under way

my $ready = slow_validation('slow.example', hold => "$dir/reloaded");
@old = workers();

$t->reload();
ok(acme_ca_wait(\&new_workers), 'workers come at once');
$t->write_file('reloaded', '');
is($acme->poll($ready)->json()->{status}, 'valid', 'validation came to its end');
is(scalar(http_01_log($t, 'well-known')), 1, 'was asked once');
ok(acme_ca_wait(\&old_left), 'old workers leave after it');

# and what is finished in an old worker is seen in a new one

is(acme_ca_sql_value($t, 'SELECT count(*) FROM jobs'), 0, 'no job is left');

# more than may run at the same time

configure(authority => 'validation_concurrency 1; validation_timeout 10s;');
ok(reload(), 'one validation at a time');

my @ready = map { slow_validation("queue$_.example", delay => 1) } 1 .. 4;
configure();
$t->reload();
is(join(' ', map { $acme->poll($_)->json()->{status} } @ready),
    'valid valid valid valid', 'those that wait are not forgotten');
ok(acme_ca_wait(\&old_left), 'old workers left');

###############################################################################

# under load

my $load = acme_load_start($t, clients => 3);
my $reloads = 0;
@old = ();

for (1 .. 10) {
    sleep(0.3 + rand(0.5));
    push @old, workers();
    $t->reload();
    $reloads++ if acme_ca_wait(\&new_workers);
}

my $result = acme_load_end($load);
note(join(', ', map { "$_ $result->{$_}" }
                qw/ accounts orders certificates revoked broken refused
                    busy /));

is($reloads, 10, 'reloads')
    or diag($t->read_file('error.log') =~ /^.*\[(?:emerg|alert)\].*$/mg);
is($result->{done}, 3, 'clients are well');
cmp_ok($result->{certificates}, '>', 10, 'certificates');
is("$result->{broken}, $result->{refused}, $result->{busy}", '0, 0, 0',
    'each request was answered');
is($result->{odd}, '', 'no answer that the protocol does not foresee');
is($result->{lost}, '', 'nothing is lost');
is($result->{unended}, 0, 'all orders came to their end');
is($result->{serials}, '', 'no serial twice');
ok(acme_ca_wait(\&old_left), 'all old workers left');

###############################################################################

# errors leave the old configuration running

my $good = $t->read_file('nginx.conf');
@old = workers();

configure(authority => 'validation_timeout never;');
ok(failing_reload(qr/\[emerg\].*validation_timeout.*nginx\.conf:\d+/),
    'mistake in a directive');

configure(path => '%%TESTDIR%%/nginx.conf/ca');
ok(failing_reload(qr/\[emerg\].*nginx\.conf\/ca/),
    'folder that cannot be made');

configure(authority => "issuer $dir/ca/root.pem $dir/ca/issuer.key;");
ok(failing_reload(qr/\[emerg\].*key is not that of the certificate/),
    'issuer with the key of another');

# and those that nginx finds when all of ours is good: whoever is to sign by the
# new configuration is nobody yet

make_ca($t, 'other');

my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
    or die "no socket: $!\n";
my $before = database();

configure(authority => "issuer $dir/other.pem $dir/other.key;");
$t->write_file('nginx.conf', $t->read_file('nginx.conf') . "\nno_such;\n");
ok(failing_reload(qr/\[emerg\].*"no_such"/), 'mistake behind all');
is(database(), $before, 'nothing of it in the database');

configure(authority => "issuer $dir/other.pem $dir/other.key;",
    server => 'listen 127.0.0.1:' . $taken->sockport() . ';');
ok(failing_reload(qr/\[emerg\].*still could not bind/),
    'port that is not free');
is(database(), $before, 'nothing of it in the database');

is(join(' ', workers()), join(' ', @old), 'the same workers');
is($acme->account()->{status}, 200, 'old configuration runs on');
is($acme->issue([ 'old.example' ])->{order}->json()->{status}, 'valid',
    'and issues');

###############################################################################

# one authority more

$good =~ s/(?=\n\s+server \{)/
    acme_ca_authority second {
        path $dir\/second;
        resolver 127.0.0.1:@{[ port(8053) ]};
        http_01_ports @{[ port(8081) ]};
        allow address 127.0.0.0\/8;
    }
/;
$good =~ s!(?=\n\s+location /acme/)!\n location /second/ { acme_ca second; }!;
$t->write_file('nginx.conf', $good);

ok(reload(), 'second authority');

my $second = acme_client($t, at => 'second');
is(chain_verify($second->issue([ 'second.example' ])->{chain},
                "$dir/second/root.pem"), 'OK', 'second authority issues');
is($acme->account()->{status}, 200, 'first one knows its accounts');

my $log = $t->read_file('error.log');
is(() = $log =~ /exited on signal/g, 0, 'no worker died');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub configure {
    $t->write_file_expand('nginx.conf', Test::Nginx::AcmeCa::conf_text(@_));
}


sub workers {
    return acme_ca_workers($t);
}


# two workers that are not of those before

sub new_workers {
    my %old = map { $_ => 1 } @old;
    return 2 == grep { !$old{$_} } workers();
}


sub old_left {
    return !grep { kill 0, $_ } @old;
}


# a reload that goes well: the new ones are there and the old ones are not

sub reload {
    @old = workers();
    $t->reload();

    return acme_ca_wait(\&new_workers) && acme_ca_wait(\&old_left);
}


# what the workers go by

sub database {
    return acme_ca_sql_value($t, 'SELECT (SELECT group_concat(state || id)
            FROM issuers)
        || (SELECT max(id) FROM acme_server_certificates)
        || (SELECT count(*) FROM acme_audit_logs WHERE action = "reload"
           AND outcome = "done")');
}


# whether the log says so of a reload that fails

sub failing_reload {
    my ($why) = @_;
    my $before = length $t->read_file('error.log');
    my $said;

    $t->reload();

    acme_ca_wait(sub {
        $said = substr($t->read_file('error.log'), $before);
        $said =~ $why;
    }) or diag($said =~ /^.*\[emerg\].*$/mg), return 0;

    return 1;
}


# an authorization whose server takes its time: its URL

sub slow_validation {
    my ($name, @how) = @_;

    my $order = $acme->new_order([ $name ]);
    my ($url) = @{$order->json()->{authorizations}};

    $acme->respond($url, @how);

    return $url;
}

###############################################################################
