#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Pre-authorization (RFC 8555, 7.4.1), how authorizations are used again, and
# what becomes of them when they are deactivated.

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

acme_ca_conf($t, authority => 'pre_authorization on;
        allow dns .example; deny dns no.example; allow ip 127.0.0.0/8;',
    http => 'acme_ca_authority once {
        path %%TESTDIR%%/once;
        authorization_reuse off;
        resolver 127.0.0.1:%%PORT_8053_UDP%%;
        http_01_ports %%PORT_8081%%;
    }', server => 'location /once/ { acme_ca once; }')
    ->plan(49)->run();

my $acme = acme_client($t);
$acme->new_account();

my $new_authz = $acme->url('newAuthz');

###############################################################################

# a new one

my $reply = pre('Pre.example');
my $url = $reply->location();
my $json = $reply->json();

is($reply->outcome(), '201', 'created');
like($url, qr!/acme/authz/[\w-]+$!, 'location');
like($reply->header('Replay-Nonce'), qr/./, 'nonce');
is(scalar $reply->links('index'), 1, 'index');
is($json->{status}, 'pending', 'pending');
is_deeply($json->{identifier}, { type => 'dns', value => 'pre.example' },
    'identifier');
ok($json->{expires}, 'expires');
is(scalar @{$json->{challenges}}, 1, 'challenges');
ok(!exists $json->{wildcard}, 'no wildcard');
ok(!exists $json->{subdomainAuthAllowed}, 'no subdomains');
is_deeply($acme->post($url)->json(), $json, 'the same by POST-as-GET');

is($acme->new_order([ 'pre.example' ])->json()->{status}, 'pending',
    'a pending one is of no use to an order');

# proven without an order

$acme->respond($url);
is($acme->poll($url)->json()->{status}, 'valid', 'valid');

my $order = $acme->new_order([ 'pre.example' ]);
is($order->json()->{status}, 'ready', 'an order is ready at once');
is_deeply($order->json()->{authorizations}, [ $url ], 'by that authorization');

like($acme->issue([ 'pre.example' ])->{chain}, qr/BEGIN CERTIFICATE/,
    'certificate without a challenge');

$reply = pre('pre.example');
is($reply->outcome(), '200', 'there is one');
is($reply->location(), $url, 'which is shown');
is($reply->json()->{status}, 'valid', 'and valid');

is(pre('127.0.0.1')->outcome(), '201', 'address');

is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE action = 'new-authz' AND outcome = 'done'
          AND authz_id IS NOT NULL"), 2, 'audit rows');

###############################################################################

# refusals

is(pre('*.w.example')->outcome(), '400 malformed', 'wildcard');
is(pre('no.example')->outcome(), '403 rejectedIdentifier', 'denied name');
is(pre('a.example.org')->outcome(), '403 rejectedIdentifier',
    'name that is not allowed');
is(pre('10.0.0.1')->outcome(), '403 rejectedIdentifier', 'address');
is(pre('a..example')->outcome(), '400 malformed', 'bad name');
is(pre({ type => 'email', value => 'a@a.example' })->outcome(),
    '400 unsupportedIdentifier', 'type');

is($acme->post($new_authz, $_)->outcome(), '400 malformed',
    'payload ' . json_encode($_))
    foreach {}, { identifier => 'a.example' }, { identifier => [] },
            { identifier => { type => 'dns' } },
            { identifier => { type => 'dns', value => 1 } },
            { identifier => { type => 'dns', value => 'a.example',
                              subdomainAuthAllowed => 'yes' } };

is($acme->post($new_authz)->outcome(), '400 malformed', 'POST-as-GET');
is($acme->get($new_authz)->outcome(), '405 malformed', 'GET');
is($acme->another()->post($new_authz, { identifier => { type => 'dns',
    value => 'a.example' } })->outcome(), '400 malformed', 'by a new key');

my $like = qr/^rejectedIdentifier.*no\.example/;
is(scalar(grep { $_->{reason} =~ $like } acme_ca_sql($t,
    "SELECT reason FROM acme_audit_logs WHERE action = 'new-authz'
     AND outcome = 'refused'")), 1, 'refusal in the audit log');

my $other = $acme->another();
$other->new_account();
is($other->post($url)->outcome(), '404 malformed', 'of another account');
is($other->new_order([ 'pre.example' ])->json()->{status}, 'pending',
    'of no use to another account');

###############################################################################

# deactivation

my $both = $acme->new_order([ 'pre.example', 'b.example' ]);
is($both->json()->{status}, 'pending', 'an order waits for a second name');

is($acme->post($url, { status => 'deactivated' })->json()->{status},
    'deactivated', 'deactivated');
is($acme->poll($order->location())->json()->{status}, 'invalid',
    'an order that was ready is invalid');
is($acme->post($both->location())->json()->{status}, 'invalid',
    'so is one that waited for another name');
is($acme->finalize($order, 'x')->type(), 'orderNotReady',
    'nothing is issued');
is($acme->new_order([ 'pre.example' ])->json()->{status}, 'pending',
    'a new order has to be proven');
is(pre('pre.example')->outcome(), '201', 'so has a new authorization');

###############################################################################

# an authority without reuse and pre-authorization

my $once = $acme->another(directory => $acme->{directory}
                          =~ s!/acme/!/once/!r);

ok(!exists $once->directory()->{newAuthz}, 'not in the directory');
$once->new_account();
is($once->post($once->{directory} =~ s/directory/new-authz/r,
    { identifier => { type => 'dns', value => 'a.example' } })->outcome(),
    '404 malformed', 'not there');
$once->issue([ 'a.example' ]);
is($once->new_order([ 'a.example' ])->json()->{status}, 'pending',
    'what was proven is proven again');

###############################################################################

sub pre {
    my ($name) = @_;

    return $acme->post($new_authz, { identifier => ref $name ? $name
        : { type => $name =~ /^[\d.]+$/ ? 'ip' : 'dns', value => $name } });
}

###############################################################################
