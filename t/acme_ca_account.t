#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Accounts: created, found, changed, deactivated, and with another key.

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

acme_ca_conf($t, authority => 'terms_of_service https://ca.example/terms;
        contact optional max=2; contact_domains example;',
    http => <<'END')->plan(76)->run();
acme_ca_authority strict {
        path %%TESTDIR%%/strict;
        base_url http://127.0.0.1:8082/strict;
        contact required;
    }

    server {
        listen 127.0.0.1:8082;
        location /strict/ { acme_ca strict; }
    }
END

my $acme = acme_client($t);
my $url = $acme->url('newAccount');
my $mail = 'mailto:a@example';

###############################################################################

# nobody yet

is($acme->find_account()->outcome(), '400 accountDoesNotExist', 'not there');
is($acme->new_account({ termsOfServiceAgreed => JSON::PP::false })->outcome(),
    '400 malformed', 'terms not agreed');
is($acme->post($url, {}, jwk => 1)->outcome(), '400 malformed',
    'terms not mentioned');
is(accounts(), 0, 'no account was made');

# created and found

my $reply = $acme->new_account({ contact => [ $mail ] });
my $json = $reply->json();

is($reply->{status}, 201, 'created');
like($reply->location(), qr!^\Q@{[acme_ca_url()]}\E/account/[\w-]+$!,
    'location');
is($json->{status}, 'valid', 'status');
is_deeply($json->{contact}, [ $mail ], 'contact');
is($json->{orders}, $acme->{kid} . '/orders', 'orders');
is_deeply([ $reply->links('index') ], [ $acme->{directory} ], 'index');

$reply = $acme->new_account({ contact => [ 'mailto:b@example' ] });
is($reply->{status}, 200, 'again');
is($reply->location(), $acme->{kid}, 'the same');
is_deeply($reply->json()->{contact}, [ $mail ], 'unchanged');

$reply = $acme->find_account();
is($reply->{status}, 200, 'onlyReturnExisting');
is($reply->location(), $acme->{kid}, 'found');
is(accounts(), 1, 'one account');

$reply = $acme->account();
is($reply->{status}, 200, 'POST-as-GET');
is($reply->json()->{status}, 'valid', 'status');

# of another

my $other = $acme->another();
$other->new_account();
isnt($other->{kid}, $acme->{kid}, 'another key, another account');
is($other->post($acme->{kid})->outcome(), '404 malformed',
    'account of another');
is($other->post($acme->{kid}, { contact => [] })->outcome(), '404 malformed',
    'change of another');
is($other->post("$acme->{kid}/orders")->outcome(), '404 malformed',
    'orders of another');

###############################################################################

# contacts

is_deeply($acme->account({ contact => [ $mail, 'mailto:c@example' ] })
    ->json()->{contact}, [ $mail, 'mailto:c@example' ], 'changed');
is_deeply($acme->account({})->json()->{contact},
    [ $mail, 'mailto:c@example' ], 'not mentioned');
is_deeply($acme->account({ foo => 1, status => 'valid' })->json()->{contact},
    [ $mail, 'mailto:c@example' ], 'unknown member');

my @contacts = (
    [ 'many', [ map { "mailto:$_\@example" } 1 .. 3 ], 'invalidContact' ],
    [ 'domain', [ 'mailto:a@example.org' ], 'invalidContact' ],
    [ 'two addresses', [ 'mailto:a@example,b@example' ], 'invalidContact' ],
    [ 'header fields', [ 'mailto:a@example?subject=x' ], 'invalidContact' ],
    [ 'no address', [ 'mailto:' ], 'invalidContact' ],
    [ 'no URL', [ 'a@example' ], 'invalidContact' ],
    [ 'telephone', [ 'tel:+12025551212' ], 'unsupportedContact' ],
    [ 'number', [ 1 ], 'malformed' ],
    [ 'no list', $mail, 'malformed' ],
);

foreach my $case (@contacts) {
    my ($name, $contact, $type) = @$case;

    is($acme->account({ contact => $contact })->outcome(), "400 $type",
        "contact: $name");
    is($acme->another()->new_account({ contact => $contact })->outcome(),
        "400 $type", "new contact: $name");
}

like($acme->account({ contact => [ 'tel:+12025551212' ] })->json()->{detail},
    qr/mailto/, 'says what is supported');
is_deeply($acme->account()->json()->{contact}, [ $mail, 'mailto:c@example' ],
    'refused changes changed nothing');
is_deeply($acme->account({ contact => [] })->json()->{contact} || [], [],
    'none');

my $strict = acme_client($t, directory => 'http://127.0.0.1:' . port(8082)
                                          . '/strict/directory');
is($strict->new_account()->outcome(), '400 invalidContact', 'required');
is($strict->new_account({ contact => [ 'mailto:x@any.example' ] })->outcome(),
    '201', 'given');

###############################################################################

# another key

my $old = $acme->{key};
my $new = acme_key('ES384');

$reply = $acme->key_change($other->{key});
is($reply->outcome(), '409 malformed', 'key of another account');
is($reply->location(), $other->{kid}, 'whose account');
is($acme->key_change($old)->outcome(), '409 malformed', 'the same key');

my @changes = (
    [ 'other account', inner_payload => { account => $other->{kid} } ],
    [ 'no account', inner_payload => { account => undef } ],
    [ 'other old key', inner_payload => { oldKey => $other->{key}->jwk() } ],
    [ 'no old key', inner_payload => { oldKey => undef } ],
    [ 'inner url', inner => { url => $url } ],
    [ 'inner kid', inner => { jwk => 0, kid => $acme->{kid} } ],
    [ 'inner signature', inner => { signature => "\0" x 96 } ],
    [ 'inner by the old key', inner => { key => $old,
        protected => { jwk => $new->jwk() } } ],
);

foreach my $case (@changes) {
    my ($name, %opts) = @$case;
    my $reply = $acme->key_change($new, %opts);

    like($reply->outcome(), qr/^(?:400\ (?:malformed|badSignatureAlgorithm)
                                   |403\ unauthorized)$/x,
        "key change: $name");
    $acme->{key} = $old;
}

is($acme->key_change(acme_key('RS256', bits => 1024))->outcome(),
    '400 badPublicKey', 'weak key');
is($acme->account()->outcome(), '200', 'the old key is still good');

is($acme->key_change($new)->outcome(), '200', 'key changed');
is($acme->account()->outcome(), '200', 'new key');
like($acme->account(undef, key => $old)->outcome(),
    qr/^40[01] (?:malformed|unauthorized|badSignatureAlgorithm)$/, 'old key');
is($acme->find_account()->location(), $acme->{kid}, 'found by the new key');
is($acme->another(key => $old)->find_account()->outcome(),
    '400 accountDoesNotExist', 'not by the old key');

###############################################################################

# the end

my $order = $acme->new_order([ 'a.example' ])->location();
$reply = $acme->account({ status => 'deactivated' });
is($reply->outcome(), '200', 'deactivated');
is($reply->json()->{status}, 'deactivated', 'status');

is($acme->account()->outcome(), '401 unauthorized', 'account');
is($acme->account({ contact => [] })->outcome(), '401 unauthorized',
    'change');
is($acme->new_order([ 'a.example' ])->outcome(), '401 unauthorized',
    'new order');
is($acme->post($order)->outcome(), '401 unauthorized', 'order');
is($acme->key_change(acme_key('ES256'))->outcome(), '401 unauthorized',
    'key change');

is($acme->find_account()->outcome(), '401 unauthorized', 'find');
is($acme->new_account()->outcome(), '401 unauthorized', 'new account');
is($other->account()->outcome(), '200', 'the others are as they were');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub accounts {
    return acme_ca_sql_value($t, 'SELECT count(*) FROM acme_accounts');
}

###############################################################################
