#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Authorizations of a domain that hold for the names below it (RFC 9444), from
# the TXT record to the certificate.

###############################################################################

use warnings;
use strict;

use Digest::SHA qw/ sha256 /;
use MIME::Base64 qw/ encode_base64url /;
use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');

acme_ca_conf($t, challenges => 'dns-01 http-01',
    authority => 'pre_authorization on; subdomain_authorization on;
        allow dns org.example; allow dns .org.example; allow dns .com.example;')
    ->plan(28)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

ok($acme->directory()->{meta}{subdomainAuthAllowed}, 'meta');

# before any order

my $reply = pre('org.example');
my $url = $reply->location();
my $json = $reply->json();

is($reply->outcome(), '201', 'newAuthz');
ok($json->{subdomainAuthAllowed}, 'with subdomains');
is_deeply($json->{identifier}, { type => 'dns', value => 'org.example' },
    'identifier');
is(join(' ', map { $_->{type} } @{$json->{challenges}}), 'dns-01',
    'by DNS only');

prove($url);
is($acme->poll($url)->json()->{status}, 'valid', 'valid');
is(pre('org.example')->location(), $url, 'there is one');

my $order = $acme->new_order([ 'a.org.example', 'x.y.org.example' ]);
is($order->json()->{status}, 'ready', 'names below it');
is_deeply($order->json()->{authorizations}, [ $url ], 'by that one');

my $issued = $acme->issue([ 'a.org.example', 'org.example' ]);
like(cert_text($issued->{chain}), qr/DNS:a\.org\.example/, 'certificate');
is(scalar http_01_log($t), 0, 'nothing was asked of the names');

is($acme->new_order([ 'xorg.example' ])->outcome(), '400 rejectedIdentifier',
    'policy is of each name');
is($acme->new_order([ '*.org.example' ])->json()->{status}, 'pending',
    'a wildcard is proven itself');

# RFC 8555, 7.6: who holds authorizations for all names may revoke

my $other = $acme->another();
$other->new_account();
is($other->revoke($issued->{chain})->outcome(), '403 unauthorized',
    'another account may not revoke');

my $theirs = pre('org.example', $other)->location();
prove($theirs, $other);
is($other->poll($theirs)->json()->{status}, 'valid', 'proven by another');
is($other->revoke($issued->{chain})->outcome(), '200', 'now it may');

# deactivated

is($acme->post($url, { status => 'deactivated' })->json()->{status},
    'deactivated', 'deactivated');
is($acme->post($order->location())->json()->{status}, 'invalid',
    'its order is invalid');
is($acme->new_order([ 'a.org.example' ])->json()->{status}, 'pending',
    'names below have to be proven');

###############################################################################

# with an order

$order = $acme->new_order([ under('b.org.example', 'org.example'),
                            under('c.d.org.example', 'org.example') ]);
is(scalar @{$order->json()->{authorizations}}, 1, 'one authorization');
($url) = @{$order->json()->{authorizations}};
$json = $acme->post($url)->json();
is($json->{identifier}{value}, 'org.example', 'of the ancestor');
ok($json->{subdomainAuthAllowed}, 'with subdomains');
is_deeply([ map { $_->{value} } @{$order->json()->{identifiers}} ],
    [ 'b.org.example', 'c.d.org.example' ], 'identifiers of the order');

prove($url);
is($acme->poll($order->location())->json()->{status}, 'ready', 'ready');

# the rules allow what is below, not the domain itself

$order = $acme->new_order([ under('a.com.example', 'com.example') ]);
$json = $acme->post($order->json()->{authorizations}[0])->json();
is($json->{identifier}{value}, 'a.com.example', 'the name itself');
ok(!exists $json->{subdomainAuthAllowed}, 'without subdomains');

is($acme->new_order([ under('a.org.example', 'rg.example') ])->outcome(),
    '400 malformed', 'labels are whole');
is($acme->new_order([ under('org.example', 'org.example') ])->outcome(),
    '400 malformed', 'no domain is its own ancestor');

undef $t;

###############################################################################

sub under {
    my ($name, $domain) = @_;
    return { type => 'dns', value => $name, ancestorDomain => $domain };
}


sub pre {
    my ($name, $by) = @_;
    $by ||= $acme;

    return $by->post($by->url('newAuthz'), { identifier => {
        type => 'dns', value => $name,
        subdomainAuthAllowed => JSON::PP::true } });
}


sub prove {
    my ($url, $by) = @_;
    $by ||= $acme;

    my $authz = $by->post($url);
    my $challenge = $by->challenge($authz, 'dns-01');
    my $name = $authz->json()->{identifier}{value};

    acme_ca_dns($t, "_acme-challenge.$name" => { TXT => encode_base64url(
        sha256($by->key_authorization($challenge->{token}))) });

    return $by->post($challenge->{url}, {});
}

###############################################################################
