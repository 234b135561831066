#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# CAA at finalization (RFC 8659, 3; RFC 8657, 5.6): names whose records were
# looked at long ago, or whose parent was proven, are asked for again before
# anything is signed; the order can be finalized once they permit it.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');

my $no = { A => '127.0.0.1', CAA => [ 0, 'issue', ';' ] };
my $yes = { A => '127.0.0.1', CAA => [ 0, 'issue', 'ca.example' ] };
my $fail = { A => '127.0.0.1', rcode => { CAA => 'SERVFAIL' } };
my @names = map { "$_.example" } qw/ fresh a b c d e soft late /;

acme_ca_conf($t, challenges => 'http-01 dns-01', authority => '
        caa_identities ca.example; caa strict;
        caa off zone=lab.example; caa permissive zone=soft.example;
        pre_authorization on; subdomain_authorization on;
        validation_timeout 8s; validation_attempts 1;',
    dns => { map { $_ => $yes } @names, 'x.lab.example' })->plan(37)->run();

my $acme = acme_client($t);
$acme->new_account();

# a second after the start nothing is older than the configuration

my $start = time();
acme_ca_wait(sub { time() > $start + 1 });

###############################################################################

# what was looked at just now stands

$acme->ready_order([ 'fresh.example' ]);
my ($reply) = finalize('fresh.example');
is($reply->json()->{status}, 'valid', 'fresh');
is(asked('fresh.example'), 1, 'fresh: asked once');

# what was not is asked again

proven([ 'a.example' ]);
is(asked('a.example'), 1, 'old: asked once');
($reply) = finalize('a.example');
is($reply->json()->{status}, 'valid', 'old, permitted');
is(asked('a.example'), 2, 'asked again');

($reply) = finalize('a.example');
is($reply->json()->{status}, 'valid', 'the next one');
is(asked('a.example'), 3, 'asked each time');

# forbidden since: the order waits for better records

proven([ 'b.example' ]);
acme_ca_dns($t, 'b.example' => $no);

my ($order, $csr);
($reply, $order, $csr) = finalize('b.example');
is($reply->outcome(), '403 caa', 'old, forbidden');
like($reply->json()->{detail}, qr/^CAA of b.example forbids b.example/, 'why');
is($reply->json()->{subproblems}[0]{identifier}{value}, 'b.example', 'whom');
is($acme->post($order->location())->json()->{status}, 'ready', 'still ready');
is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_certificates'
    . " WHERE sans LIKE '%b.example%'"), 0, 'no certificate');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE outcome = 'refused' AND reason LIKE 'caa: CAA of b.example%'
        AND order_id IS NOT NULL AND account_id IS NOT NULL"), 1, 'audit');

acme_ca_dns($t, 'b.example' => $yes);
is($acme->finalize($order, $csr)->json()->{status}, 'valid', 'then permitted');

# several names: a subproblem for each that is forbidden

proven([ 'b.example', 'c.example', 'd.example', 'e.example' ]);
acme_ca_dns($t, 'c.example' => $no, 'd.example' => $no);

($reply) = finalize('b.example', 'c.example', 'd.example', 'e.example');
is($reply->outcome(), '403 caa', 'two of four');
is_deeply([ sort map { $_->{identifier}{value} }
        @{$reply->json()->{subproblems}} ], [ 'c.example', 'd.example' ],
    'which ones');

acme_ca_dns($t, 'd.example' => $fail);
($reply) = finalize('b.example', 'c.example', 'd.example', 'e.example');
is($reply->outcome(), '400 compound', 'of two types');
is_deeply([ map { $_->{type} =~ s/^.*://r } sort {
        $a->{identifier}{value} cmp $b->{identifier}{value} }
        @{$reply->json()->{subproblems}} ], [ 'caa', 'dns' ], 'which ones');

# a look-up that fails, by mode

($reply) = finalize('d.example');
is($reply->outcome(), '400 dns', 'strict');
like($reply->json()->{detail}, qr/CAA of d.example is unknown/, 'strict: why');

proven([ 'soft.example' ]);
acme_ca_dns($t, 'soft.example' => $fail, 'example' => $fail);
($reply) = finalize('soft.example');
is($reply->outcome(), '400 dns', 'permissive, a parent that is strict');
acme_ca_dns($t, 'example' => {});
($reply) = finalize('soft.example');
is($reply->json()->{status}, 'valid', 'permissive');

proven([ 'e.example' ]);
acme_ca_dns($t, 'e.example' => { A => '127.0.0.1', silent => 'CAA' });
($reply) = finalize('e.example');
is($reply->outcome(), '400 dns', 'strict, no answer');
like($reply->json()->{detail}, qr/CAA of e.example is unknown/, 'why');

# off

proven([ 'x.lab.example' ]);
acme_ca_dns($t, 'x.lab.example' => $no);
($reply) = finalize('x.lab.example');
is($reply->json()->{status}, 'valid', 'off');
is(asked('x.lab.example'), 0, 'off: not asked');

# a parent was proven: the name's own records decide

$reply = $acme->post($acme->url('newAuthz'), { identifier => { type => 'dns',
    value => 'late.example', subdomainAuthAllowed => JSON::PP::true } });
is($reply->{status}, 201, 'authorization of subdomains');
respond_by_dns($reply->location());
is($acme->poll($reply->location())->json()->{status}, 'valid', 'proven');

acme_ca_dns($t, 'no.late.example' => $no);
($reply) = finalize('no.late.example');
is($reply->outcome(), '403 caa', 'a name below it');
($reply) = finalize('yes.late.example');
is($reply->json()->{status}, 'valid', 'and another');
is(asked('yes.late.example'), 1, 'which was asked for');

# what was proven before the configuration was loaded

my $loaded = time();
acme_ca_wait(sub { time() > $loaded });
acme_ca_reload($t);

my $n = asked('fresh.example');
($reply) = finalize('fresh.example');
is($reply->json()->{status}, 'valid', 'after a reload');
is(asked('fresh.example'), $n + 1, 'asked again');

# refusals of the endpoint come as ever

($reply) = $acme->post($order->json()->{finalize}, { csr => 'x' });
is($reply->json()->{status}, 'valid', 'an order that is valid');
is($acme->finalize($acme->new_order([ 'new.example' ]), $csr)->outcome(),
    '403 orderNotReady', 'one that is not ready');

my $other = acme_client($t);
$other->new_account();
is($other->finalize($order, $csr)->{status}, 404, 'of another account');

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit|error)\]/), '', 'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# as if these had been proven ten hours ago

sub proven {
    my ($names) = @_;

    $acme->ready_order($names);
    acme_ca_sql($t, 'UPDATE acme_challenges SET validated_at = validated_at'
        . ' - 36000 WHERE authz_id IN (SELECT id FROM acme_authorizations'
        . ' WHERE identifier IN ('
        . join(', ', map { "'$_'" } @$names) . '))');
}


# the reply, the order, the request

sub finalize {
    my (@names) = @_;
    my $order = $acme->new_order(\@names);
    my $csr = acme_csr(key => acme_key('ES256'), dns => \@names);

    return ($acme->finalize($order, $csr), $order, $csr);
}


# how often the records of the name were asked for

sub asked {
    my $log = $t->read_file('dns.log');
    my $n = () = $log =~ / CAA \Q$_[0]\E$/mg;

    return $n;
}


sub respond_by_dns {
    my ($url) = @_;
    my $authz = $acme->post($url);
    my $challenge = $acme->challenge($authz, 'dns-01');
    my $name = $authz->json()->{identifier}{value};

    require Digest::SHA;

    acme_ca_dns($t, "_acme-challenge.$name" => { TXT => b64u(
        Digest::SHA::sha256($acme->key_authorization(
            $challenge->{token}))) });
    $acme->post($challenge->{url}, {});
}

###############################################################################
