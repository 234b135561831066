#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The ACME client, the http-01 and the DNS daemon of our tests, proven on a
# server that is not ours: pebble.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ cryptx socket_ssl /)
    ->has_daemon('pebble')->has_daemon('openssl');

my $dir = $t->testdir();

# no nginx here, but a log that the library reads at the end
$t->write_file('error.log', '');

acme_ca_daemons($t, 'gone.example' => { rcode => 'NXDOMAIN' },
    'fail.example' => { rcode => 'SERVFAIL' });

openssl('', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1',
    '-keyout', "$dir/tls.key", '-out', "$dir/tls.pem");

$t->write_file('pebble.json', json_encode({ pebble => {
    listenAddress => '127.0.0.1:' . port(8443),
    managementListenAddress => '127.0.0.1:' . port(8444),
    certificate => "$dir/tls.pem", privateKey => "$dir/tls.key",
    httpPort => port(8081), tlsPort => port(8082),
    ocspResponderURL => '' } }));

$t->run_daemon(\&pebble);

plan(skip_all => 'pebble does not start')
    unless $t->waitforsocket('127.0.0.1:' . port(8443));

$t->plan(37);

my $acme = Test::Nginx::AcmeCa::Client->new(
    directory => 'https://127.0.0.1:' . port(8443) . '/dir',
    ca => "$dir/tls.pem", tokens => "$dir/tokens");

# directory, nonces

like($acme->url('newOrder'), qr/^https:/, 'directory');
is($acme->get($acme->url('newNonce'))->{status}, 204, 'nonce by GET');
isnt($acme->fresh_nonce(), $acme->fresh_nonce(), 'fresh nonces');

# accounts

my $reply = $acme->new_account({ contact => [ 'mailto:a@example.org' ] });

is($reply->outcome(), 201, 'account');
ok($acme->{kid}, 'account URL');
is($acme->account(undef)->json()->{status}, 'valid', 'account read');
is($acme->find_account()->{status}, 200, 'account found');
is($acme->another(kid => undef)->find_account()->type(),
    'accountDoesNotExist', 'account not found');

foreach my $alg (qw/ ES384 ES512 RS256 /) {
    my $other = $acme->another(key => $alg);
    is($other->new_account()->outcome(), 201, "account $alg");
}

# requests that no client sends

my $url = $acme->url('newOrder');
my $order = { identifiers => [ { type => 'dns', value => 'a.example' } ] };

is($acme->post($url, $order, nonce => 'AAAA')->outcome(), '400 badNonce',
    'wrong nonce');
is($acme->post($url, $order, nonce => undef)->type(), 'badNonce',
    'no nonce');
is($acme->post($url, $order, url => "$url/x")->type(), 'malformed',
    'wrong url');
is($acme->post($url, $order, alg => 'HS256', protected => { alg => 'HS256' })
    ->{status}, 400, 'HMAC');
is($acme->post($url, $order, signature => sub { substr($_[0], 1) })
    ->type(), 'malformed', 'short signature');
is($acme->post($url, $order, content_type => 'text/plain')->type(),
    'malformed', 'content type');
is($acme->post($url, undef, body => '{')->type(), 'malformed', 'no JWS');
is($acme->post($url, '{"identifiers":')->type(), 'malformed', 'no JSON');

# pebble refuses one good nonce of several

my ($nonce, $outcome);

for (1 .. 100) {
    $nonce = $acme->fresh_nonce();
    $outcome = $acme->post($url, $order, nonce => $nonce)->outcome();
    last if $outcome ne '400 badNonce';
}

is($outcome, 201, 'chosen nonce');
is($acme->post($url, $order, nonce => $nonce)->outcome(), '400 badNonce',
    'spent nonce');

# issuance, for keys of all kinds

foreach my $alg (qw/ ES256 ES384 RS256 /) {
    my $got = $acme->issue([ 'a.example', 'b.example' ],
        key => acme_key($alg));
    is($got->{order}->json()->{status}, 'valid', "order, key $alg");
    like(cert_text($got->{chain}), qr/DNS:a.example.*DNS:b.example/,
        "certificate, key $alg");
}

# failures of validation

foreach my $case ([ 'wrong.example', body => 'no' ],
    [ 'redirect.example', redirect => 'http://127.0.0.1:'
        . port(8081) . '/elsewhere' ],
    [ 'gone.example' ], [ 'fail.example' ])
{
    my ($name, %how) = @$case;
    my $url = $acme->new_order([ $name ])->json()->{authorizations}[0];
    $acme->respond($url, %how);
    is($acme->poll($url)->json()->{status}, 'invalid', $name);
}

is(scalar(grep { $_->{path} eq '/elsewhere' } http_01_log($t)) > 0, 1,
    'redirect followed');

# revocation, key change

my $got = $acme->issue([ 'c.example' ]);
is($acme->another()->revoke($got->{chain}, key => acme_key('ES256'))->type(),
    'unauthorized', 'revocation by a stranger');
is($acme->revoke($got->{chain}, key => $got->{key}, reason => 1)->outcome(),
    200, 'revocation by the certificate key');
is($acme->revoke($got->{chain})->type(), 'alreadyRevoked', 'revoked');

is($acme->key_change(acme_key('ES384'))->outcome(), 200, 'key change');
is($acme->account(undef)->outcome(), 200, 'new key');

###############################################################################

sub pebble {
    $ENV{PEBBLE_VA_NOSLEEP} = 1;
    $ENV{PEBBLE_WFE_NONCEREJECT} = 15;
    $ENV{PEBBLE_AUTHZREUSE} = 0;

    open STDOUT, '>', "$dir/pebble.log";
    open STDERR, '>&', \*STDOUT;

    exec { 'pebble' } 'pebble', '-config', "$dir/pebble.json", '-dnsserver',
        '127.0.0.1:' . port(8053);
}

###############################################################################
