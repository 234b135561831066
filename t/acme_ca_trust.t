#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Trust: names that a rule gives to those whom it names without a challenge,
# by account, address and client certificate, and how the audit log tells.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http http_ssl http_realip cryptx
                                   socket_ssl /)
    ->has_daemon('sqlite3')->has_daemon('openssl');

my $dir = $t->testdir();

# the client's certificates: one that nginx knows the issuer of, one it does not

foreach my $name ('good', 'bad') {
    run('openssl', 'req', '-x509', '-newkey',
        'rsa:2048', '-nodes', '-days', '2', '-keyout', "$dir/$name.key",
        '-out', "$dir/$name.crt", '-subj', '/O=Corp/OU=ops/CN=machine',
        '-addext', 'subjectAltName=DNS:m1.corp.internal');
}

acme_ca_conf($t, tls => 1, server => 'real_ip_header X-Test;
        set_real_ip_from 127.0.0.1;
        ssl_client_certificate %%TESTDIR%%/good.crt;
        ssl_verify_client optional_no_ca;',
    authority => 'pre_authorization on;
        rule net { address 10.9.0.0/16; names .net.example;
                   ip 127.0.0.0/8; trust; }
        rule machine { client_certificate "OU=ops"; names .m.example;
                       wildcards off; trust; }
        rule san { client_certificate dns:m1.corp.internal;
                   names san.example; trust; }
        rule rest { allow; }')
    ->plan(40)->run();

my $acme = acme_client($t, tls => 1);
$acme->new_account();

my @inside = (headers => [ [ 'X-Test', '10.9.1.2' ] ]);

###############################################################################

# from an address

my $order = $acme->new_order([ 'a.net.example', '*.net.example' ], @inside);
my $json = $order->json();

is($order->outcome(), '201', 'order');
is($json->{status}, 'ready', 'ready at once');
is(scalar @{$json->{authorizations}}, 2, 'authorizations');

my $authz = $acme->post($json->{authorizations}[0])->json();
is($authz->{status}, 'valid', 'authorization valid');
is_deeply($authz->{challenges}, [], 'without a challenge');
ok($authz->{expires}, 'expires');
is($acme->post($json->{authorizations}[1])->json()->{wildcard}, 1, 'wildcard');

my $key = acme_key('ES256');
my $csr = acme_csr(key => $key, dns => [ 'a.net.example', '*.net.example' ]);
my $done = $acme->finalize($order, $csr, @inside);

is($done->json()->{status}, 'valid', 'issued');
like(cert_text($acme->post($done->json()->{certificate})->{body}),
    qr/DNS:\*\.net\.example/, 'certificate');
is(scalar http_01_log($t), 0, 'nothing was asked');

is($acme->new_order([ '127.0.0.7' ], @inside)->json()->{status}, 'ready',
    'an address');

# what the log says

my @rows = acme_ca_sql($t, "SELECT reason, outcome, client_address,
        authz_id, order_id, account_id, details FROM acme_audit_logs
    WHERE action = 'trust' ORDER BY id");
is(scalar @rows, 3, 'a row for each');
is($rows[0]{reason}, 'trusted by rule "net"', 'by which rule');
is($rows[0]{outcome}, 'done', 'outcome');
is($rows[0]{client_address}, '10.9.1.2', 'whom');
ok($rows[0]{authz_id} && $rows[0]{order_id} && $rows[0]{account_id}, 'what');
is_deeply(json_decode($rows[1]{details}),
    { identifier => '*.net.example', rule => 'net' }, 'details');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_authorizations
    WHERE trusted_by = 'net' AND status = 'valid'"), 3, 'authorizations');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_challenges"), 0,
    'no challenges');

# trust is of those who were named, each time

is($acme->new_order([ 'a.net.example' ])->json()->{status}, 'pending',
    'from elsewhere it has to be proven');
is($acme->new_order([ '*.net.example' ])->outcome(),
    '400 rejectedIdentifier', 'or cannot be');

$order = $acme->new_order([ 'a.net.example' ], @inside);
$csr = acme_csr(key => $key, dns => [ 'a.net.example' ]);
my $reply = $acme->finalize($order, $csr);
is($reply->outcome(), '403 unauthorized', 'finalized from elsewhere');
is($reply->json()->{detail},
    'the rule "net" does not trust this client any more', 'detail');
is($acme->finalize($order, $csr, @inside)->json()->{status}, 'valid',
    'finalized from there');

# half of an order

$order = $acme->new_order([ 'b.net.example', 'b.example' ], @inside);
is($order->json()->{status}, 'pending', 'another name has to be proven');
is(join(' ', sort map { $acme->post($_)->json()->{status} }
    @{$order->json()->{authorizations}}), 'pending valid', 'and only that');

$acme->respond($_) foreach grep {
    $acme->post($_)->json()->{status} eq 'pending' }
    @{$order->json()->{authorizations}};
is($acme->poll($order->location())->json()->{status}, 'ready', 'both');

# deactivated

$order = $acme->new_order([ 'c.net.example' ], @inside);
$acme->post($order->json()->{authorizations}[0], { status => 'deactivated' });
is($acme->post($order->location())->json()->{status}, 'invalid',
    'deactivated');

# pre-authorization is proven

$reply = $acme->post($acme->url('newAuthz'), { identifier => {
    type => 'dns', value => 'd.net.example' } }, @inside);
is($reply->outcome(), '201', 'newAuthz');
is($reply->json()->{status}, 'pending', 'is no trust');
is(scalar @{$reply->json()->{challenges}}, 1, 'has a challenge');

###############################################################################

# client certificates

is($acme->new_order([ 'a.m.example' ])->json()->{status}, 'pending',
    'no client certificate');

my $good = with('good');
is($good->new_order([ 'a.m.example' ])->json()->{status}, 'ready',
    'by a part of the subject');
is($good->new_order([ 'san.example' ])->json()->{status}, 'ready',
    'by a name');
is($good->new_order([ 'xsan.example' ])->json()->{status}, 'pending',
    'no other name');
is($good->new_order([ '*.a.m.example' ])->json()->{detail},
    'the rule "machine" allows no wildcards', 'no wildcard');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE action = 'trust' AND reason LIKE '%\"machine\"'"), 1,
    'in the audit log');

my $bad = with('bad');
is($bad->new_order([ 'a.m.example' ])->json()->{status}, 'pending',
    'a certificate of nobody');

# each row of theirs says who they are, beside all else

is(join(' ', map { "$_->{outcome} $_->{names}" } acme_ca_sql($t,
    "SELECT outcome, coalesce(details ->> '\$.identifiers[0]',
        details ->> '\$.subproblems[0].identifier.value') AS names
    FROM acme_audit_logs WHERE action = 'new-order'
        AND details ->> '\$.client_certificate' LIKE '%OU=ops%' ORDER BY id")),
    'done a.m.example done san.example done xsan.example'
    . ' refused *.a.m.example', 'who they are');

is($good->issue([ 'b.m.example' ])->{order}->json()->{status}, 'valid',
    'certificate');

###############################################################################

# the same account, over connections with that certificate

sub with {
    my ($name) = @_;

    my $client = $acme->another(key => 'ES256', kid => $acme->{kid});

    $client->{key} = $acme->{key};
    $client->{cert} = [ SSL_cert_file => "$dir/$name.crt",
                        SSL_key_file => "$dir/$name.key" ];

    return $client;
}

###############################################################################
