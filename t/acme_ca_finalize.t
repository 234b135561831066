#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# finalize and download: what a CSR may be, and the certificate that comes of a
# good one.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3')
    ->has_daemon('openssl');

acme_ca_conf($t, authority => 'profile default { description "a"; }
        profile mesh { description "b"; lifetime 1d; key_types p256;
                       extended_key_usage server client;
                       common_name first; }')->plan(60)->run();

my $acme = acme_client($t);
$acme->new_account();

my $root = $t->testdir() . '/ca/root.pem';
my $key = acme_key('ES256');
my @dns = (dns => [ 'a.example' ]);

###############################################################################

# not yet

my $pending = $acme->new_order([ 'p.example' ]);
is($acme->finalize($pending, acme_csr(key => $key, dns => [ 'p.example' ]))
    ->outcome(), '403 orderNotReady', 'order is not ready');

# bad requests leave the order as it is

my $order = $acme->ready_order([ 'a.example' ]);
my $finalize = $order->json()->{finalize};

my @bad = (
    [ 'more names', key => $key, dns => [ 'a.example', 'b.example' ] ],
    [ 'other name', key => $key, dns => [ 'b.example' ] ],
    [ 'wildcard', key => $key, dns => [ '*.a.example' ] ],
    [ 'no name', key => $key ],
    [ 'other common name', key => $key, @dns, cn => 'b.example' ],
    [ 'address', key => $key, @dns, ip => [ '127.0.0.1' ] ],
    [ 'mail', key => $key, @dns, email => [ 'a@a.example' ] ],
    [ 'URI', key => $key, @dns, uri => [ 'http://a.example/' ] ],
    [ 'forged', key => $key, @dns, signer => acme_key('ES256') ],
    [ 'SHA-1', key => $key, @dns, hash => 'SHA1' ],
    [ 'RSA 1024', key => acme_key('RS256', bits => 1024), @dns ],
    [ 'secp256k1', key => acme_key('ES256', curve => 'secp256k1'), @dns ],
    [ 'key of the account', key => $acme->{key}, @dns ],
    [ 'CA', key => $key, @dns, extensions => [ [ '2.5.29.19', 1,
        der_sequence(der(0x01, "\xff")) ] ] ],
);

foreach my $case (@bad) {
    my ($name, @csr) = @$case;
    is($acme->finalize($order, acme_csr(@csr))->outcome(), '400 badCSR',
        "CSR: $name");
}

my $good = acme_csr(key => $key, @dns);
like($acme->post($finalize, { csr => $_->[1] })->outcome(),
    qr/^400 (?:malformed|badCSR)$/, "CSR: $_->[0]")
    foreach [ 'no text', 1 ], [ 'empty', '' ], [ 'padded', b64u($good) . '=' ],
            [ 'cut', b64u(substr $good, 0, -1) ],
            [ 'more', b64u("$good\0") ], [ 'PEM', '-----BEGIN' ];
is($acme->post($finalize, {})->outcome(), '400 malformed', 'no CSR');
is($acme->post($order->location())->json()->{status}, 'ready',
    'order is still ready');

# the good one

my $reply = $acme->finalize($order, $good);
is($reply->outcome(), '200', 'finalize');
is($reply->json()->{status}, 'valid', 'valid');
like($reply->json()->{expires}, qr/^\d{4}-\d\d-\d\dT[\d:]+Z$/, 'expires');
my $url = $reply->json()->{certificate};
like($url, qr!/acme/certificate/[\w-]+$!, 'certificate');
is($acme->finalize($order, acme_csr(key => acme_key('ES256'), @dns))
    ->outcome(), '200', 'finalize again shows the order');
is($acme->post($order->location())->json()->{certificate}, $url,
    'the same certificate');
is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_certificates'
    . ' WHERE account_id IS NOT NULL'), 1, 'one certificate');

###############################################################################

# download

$reply = $acme->post($url);
my $chain = $reply->{body};

is($reply->{status}, 200, 'download');
is($reply->header('Content-Type'), 'application/pem-certificate-chain',
    'type');
is_deeply([ $reply->links('index') ], [ $acme->{directory} ], 'index');
like($chain, qr/\A(?:-----BEGIN\ CERTIFICATE-----\n(?:[A-Za-z0-9+\/]{64}\n)*
    [A-Za-z0-9+\/=]{1,64}\n-----END\ CERTIFICATE-----\n\n?)+
    (?<!\n\n)\z/x, 'PEM');
is($acme->post($url)->{body}, $chain, 'again');
is($acme->get($url)->outcome(), '405 malformed', 'GET');

my $other = $acme->another();
$other->new_account();
is($other->post($url)->outcome(), '404 malformed', 'by another account');

# the certificate

is(chain_verify($chain, $root), 'OK', 'verified');

my $text = cert_text($chain);
like($text, qr/Version: 3/, 'version');
like($text, qr/Public-Key: \(256 bit\)/, 'key');
like($text, qr/Digital Signature/, 'key usage');
unlike($text, qr/Key Encipherment|Certificate Sign/, 'no other key usage');
like($text, qr/Extended Key Usage:\s*\n\s*TLS Web Server Authentication\n/,
    'extended key usage');
like($text, qr/Basic Constraints: critical\s+CA:FALSE/, 'no CA');
like($text, qr/Alternative Name: critical\s+DNS:a\.example\n/, 'name');
like($text, qr/Subject: *\n/, 'no subject');
like($text, qr/Authority Key Identifier/, 'authority key');
cmp_ok(length cert_field($chain, 'serial'), '>=', 16, 'serial');

# key types, addresses, profile

foreach my $alg (qw/ ES384 ES512 RS256 EdDSA /) {
    my $got = $acme->issue([ lc "$alg.example", '127.0.0.1' ],
                           key => acme_key($alg));
    is(chain_verify($got->{chain}, $root), 'OK', "$alg verified");
    like(cert_text($got->{chain}),
        qr/DNS:\L$alg\E\.example, IP Address:127\.0\.0\.1/, "$alg names");
}

my $mesh = $acme->issue([ 'm.example' ], more => { profile => 'mesh' });
$text = cert_text($mesh->{chain});
is(chain_verify($mesh->{chain}, $root), 'OK', 'profile verified');
like($text, qr/Server Authentication, TLS Web Client Authentication/,
    'profile: extended key usage');
is(cert_field($mesh->{chain}, 'subject'), 'CN = m.example',
    'profile: common name');
is($acme->finalize($acme->ready_order([ 'm.example' ],
    more => { profile => 'mesh' }), acme_csr(key => acme_key('ES384'),
    dns => [ 'm.example' ]))->outcome(), '400 badCSR', 'profile: key type');

###############################################################################
