#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Validation of dns-account-01 (draft-ietf-acme-dns-account-label): the record
# of one account is not another's.  And dns_require_ad.

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

acme_ca_conf($t, challenges => 'dns-account-01',
    authority => 'validation_attempts 1; dns_require_ad on;')
    ->plan(18)->run();

my $acme = acme_client($t);
my $other = acme_client($t);

###############################################################################

is(account_label('https://example.com/acme/acct/ExampleAccount'),
    '_ujmmovf2vn55tgye', 'example of the draft');

my $account = $acme->new_account()->location();
my $stranger = $other->new_account()->location();
my $label = account_label($account);

isnt($label, account_label($stranger), 'each account has its label');

# a name and its wildcard

my ($order, @authz) = begin($acme, 'a.example', '*.a.example');

is(scalar @authz, 2, 'authorizations');

foreach my $authz (@authz) {
    is_deeply([ map { $_->{type} } @{$authz->{json}{challenges}} ],
        [ 'dns-account-01' ], 'challenges');
}

acme_ca_dns($t, "$label._acme-challenge.a.example" => { ad => 1,
    TXT => [ map { value($acme, $_) } @authz ] });

$acme->post($_->{challenge}{url}, {}) foreach @authz;

is($acme->poll($_->{url})->json()->{status}, 'valid', 'valid') foreach @authz;
is($acme->post($order)->json()->{status}, 'ready', 'order');

my $key = acme_key('ES256');
my $final = $acme->finalize($acme->post($order), acme_csr(key => $key,
                            dns => [ 'a.example', '*.a.example' ]));
is($final->json()->{status}, 'valid', 'certificate');

# the other account has no record, wherever else the right value is

($order, my $authz) = begin($other, 'a.example');

acme_ca_dns($t, map { ("${_}_acme-challenge.a.example" => { ad => 1,
    TXT => value($other, $authz) }) } ('', "$label."));

is_deeply(failed($other, $authz), [ 'invalid', 'dns' ],
    "another account's record");

# nor is a value without its account's key enough

($order, $authz) = begin($other, 'b.example');
acme_ca_dns($t, account_label($stranger) . '._acme-challenge.b.example' => {
    ad => 1, TXT => value($acme, $authz) });

is_deeply(failed($other, $authz), [ 'invalid', 'incorrectResponse' ],
    'a value by another key');

# answers that nobody authenticated

($order, $authz) = begin($acme, 'c.example');
acme_ca_dns($t, "$label._acme-challenge.c.example" => {
    TXT => value($acme, $authz) });

is_deeply(failed($acme, $authz), [ 'invalid', 'dns' ], 'no AD bit');
like($acme->post($authz->{url})->json()->{challenges}[0]{error}{detail},
    qr/DNSSEC/, 'says why');

($order, $authz) = begin($acme, 'd.example');
acme_ca_dns($t, "$label._acme-challenge.d.example" => {
    CNAME => 'd.other', nofollow => 1, ad => 1 },
    'd.other' => { TXT => value($acme, $authz) });

is_deeply(failed($acme, $authz), [ 'invalid', 'dns' ],
    'no AD bit at the end of an alias');

($order, $authz) = begin($acme, 'e.example');
acme_ca_dns($t, "$label._acme-challenge.e.example" => {
    rcode => 'NXDOMAIN' });

is_deeply(failed($acme, $authz), [ 'invalid', 'dns' ],
    'no AD bit and no name');
like($acme->post($authz->{url})->json()->{challenges}[0]{error}{detail},
    qr/DNSSEC/, 'is not believed either');

($order, $authz) = begin($acme, 'f.example');
acme_ca_dns($t, "$label._acme-challenge.f.example" => {
    TXT => value($acme, $authz), truncate => 1, ad => 1 });
$acme->post($authz->{challenge}{url}, {});
is($acme->poll($authz->{url})->json()->{status}, 'valid', 'AD bit by TCP');

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\]/), '', 'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub begin {
    my ($client, @names) = @_;

    my $order = $client->new_order(\@names);

    return ($order->location(), map {
        my $authz = $client->post($_);
        { url => $_, json => $authz->json(),
          challenge => $client->challenge($authz, 'dns-account-01') }
    } @{$order->json()->{authorizations}});
}


sub value {
    my ($client, $authz) = @_;

    return encode_base64url(sha256(
        $client->key_authorization($authz->{challenge}{token})));
}


sub failed {
    my ($client, $authz) = @_;

    $client->post($authz->{challenge}{url}, {});

    my $json = $client->poll($authz->{url})->json();
    my $type = $json->{challenges}[0]{error}{type} || '';

    return [ $json->{status}, $type =~ s/^.*://r ];
}


# base32 (RFC 4648, 6) of ten bytes of the digest

sub account_label {
    my ($url) = @_;
    my @alphabet = ('a' .. 'z', 2 .. 7);

    return '_' . join '', map { $alphabet[oct("0b$_")] }
        unpack('(A5)*', unpack('B80', sha256($url)));
}

###############################################################################
