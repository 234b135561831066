#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Validation of dns-persist-01 (draft-ietf-acme-dns-persist): a record that
# stays and names the authority and the account.

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

acme_ca_conf($t, challenges => 'dns-persist-01 dns-01',
    authority => 'validation_attempts 1; authorization_lifetime 1d;
        order_lifetime 2m;
        caa_identities CA.example ca2.example;')->plan(55)->run();

my $acme = acme_client($t);
my $account = $acme->new_account()->location();
my $stranger = acme_client($t)->new_account()->location();

my $mine = "accounturi=$account";
my $later = time() + 3600;
my $before = time() - 60;

###############################################################################

# the challenge

my $authz = begin('a.example');
my $challenge = $authz->{challenge};

is($challenge->{status}, 'pending', 'status');
ok($challenge->{url}, 'url');
ok(!exists $challenge->{token}, 'no token');
is($challenge->{accounturi}, $account, 'accounturi');
is_deeply($challenge->{'issuer-domain-names'}, [ 'ca.example', 'ca2.example' ],
    'issuer-domain-names');

my ($plain) = grep { $_->{type} eq 'dns-01' } @{$authz->{json}{challenges}};
ok($plain->{token} && !exists $plain->{'issuer-domain-names'},
    'not those of dns-01');

# name, records, type of the error; '': valid

my @cases = (
    [ 'ok', [ "ca.example; $mine" ], '' ],
    [ 'second', [ "CA2.Example.;$mine" ], '' ],
    [ 'several', [ 'x', "ca.other; accounturi=x", "ca.example",
                   "ca.example; $mine" ], '' ],
    [ 'strings', [ [ 'ca.example; accoun', "turi=$account" ] ], '' ],
    [ 'until', [ "ca.example; $mine; persistUntil=$later" ], '' ],
    [ 'unknown', [ "ca.example; $mine; policy=x; new=1" ], '' ],
    [ '*.wild', [ "ca.example; $mine; policy=wildcard" ], '' ],
    [ 'base', [ "ca.example; $mine; policy=wildcard" ], '' ],

    [ '*.nowild', [ "ca.example; $mine" ], 'unauthorized' ],
    [ '*.otherwild', [ "ca.example; $mine; policy=all" ], 'unauthorized' ],
    [ 'issuer', [ "ca.other; $mine" ], 'unauthorized' ],
    [ 'account', [ "ca.example; accounturi=$stranger" ], 'unauthorized' ],
    [ 'over', [ "ca.example; $mine; persistUntil=$before" ], 'unauthorized' ],
    [ 'nouri', [ 'ca.example; policy=wildcard' ], 'malformed' ],
    [ 'twice', [ "ca.example; $mine; $mine" ], 'malformed' ],
    [ 'baduntil', [ "ca.example; $mine; persistUntil=soon" ], 'malformed' ],
    [ 'syntax', [ "ca.example; $mine; SECRET" ], 'malformed' ],
    [ 'empty', undef, 'dns' ],
    [ 'sub.parent', undef, 'dns' ],
);

acme_ca_dns($t,
    '_validation-persist.parent.example' => {
        TXT => "ca.example; $mine; policy=wildcard" },
    map { ('_validation-persist.' . ($_->[0] =~ s/^\*\.//r) . '.example'
           => { ttl => 7200, $_->[1] ? (TXT => $_->[1]) : () }) } @cases);

my %authz = map { $_->[0] => begin("$_->[0].example") } @cases;

$acme->post($_->{challenge}{url}, {}) foreach values %authz;

foreach my $case (@cases) {
    my ($name, undef, $type) = @$case;
    my $json = $acme->poll($authz{$name}{url})->json();
    my ($challenge) = grep { $_->{type} eq 'dns-persist-01' }
                           @{$json->{challenges}};

    if ($type eq '') {
        is($json->{status}, 'valid', $name)
            or diag json_encode($challenge);
        next;
    }

    is_deeply([ $json->{status}, $challenge->{error}{type} =~ s/^.*://r ],
        [ 'invalid', $type ], $name) or diag json_encode($challenge);
    like($challenge->{error}{detail}, qr/at _validation-persist\./,
        "$name: says where");
    unlike(json_encode($json), qr/SECRET|$stranger/, "$name: and not what");
}

# a record's TTL is how long a proof is good

my $until = acme_ca_sql_value($t, 'SELECT expires_at - updated_at'
    . " FROM acme_authorizations WHERE identifier = 'ok.example'");
is($until, 7200, 'reuse is bound by the TTL');

# what stays needs nothing new: a second order, another key of the account

is($acme->key_change(acme_key('ES384'))->{status}, 200, 'key-change');
acme_ca_dns($t, '_validation-persist.ok2.example' => {
    TXT => "ca.example; $mine" });
$authz = begin('ok2.example');
$acme->post($authz->{challenge}{url}, {});
is($acme->poll($authz->{url})->json()->{status}, 'valid', 'after key-change');

$until = acme_ca_sql_value($t, 'SELECT expires_at - updated_at'
    . " FROM acme_authorizations WHERE identifier = 'ok2.example'");
is($until, 300, 'a short TTL lets the order be finalized');

my $key = acme_key('ES256');
my $final = $acme->finalize($acme->post($authz->{order}),
                            acme_csr(key => $key, dns => [ 'ok2.example' ]));
is($final->json()->{status}, 'valid', 'certificate');

is($acme->new_order([ 'ok2.example' ])->json()->{status}, 'pending',
    'but no other order leans on it');
is($acme->new_order([ 'ok.example' ])->json()->{status}, 'ready',
    'as it may with a longer TTL');

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\]/), '', 'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub begin {
    my ($name) = @_;

    my $order = $acme->new_order([ $name ]);
    my $url = $order->json()->{authorizations}[0];
    my $authz = $acme->post($url);

    return { url => $url, json => $authz->json(), order => $order->location(),
             challenge => $acme->challenge($authz, 'dns-persist-01') };
}

###############################################################################
