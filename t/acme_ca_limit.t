#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Rate limits: of what, of whom, in all workers together, what a refusal says,
# and what it does not cost.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http realip cryptx /)
    ->has_daemon('sqlite3');

acme_ca_conf($t, authority => 'rate_limit new_accounts 3/1d;
        rate_limit new_orders 1/1d burst=9;
        rate_limit failed_validations 2/10h;
        rate_limit certificates 2/4h burst=1;
        validation_attempts 1; pre_authorization on;',
    location => 'set_real_ip_from 127.0.0.1;
            real_ip_header X-Real-IP;')->plan(57)->run();

my $acme = acme_client($t);

###############################################################################

# accounts of an address

my @accounts = map { $acme->another() } 1 .. 3;

is(account($_, '10.0.0.1')->outcome(), '201', 'account') foreach @accounts;

my $late = $acme->another();
my $reply = account($late, '10.0.0.1');

is($reply->outcome(), '429 rateLimited', 'one too many');
ok(waits($reply, 28800), 'Retry-After');
is($reply->json()->{detail}, 'the limit "new_accounts" of 3/1d of the address'
    . ' 10.0.0.1 is reached, try again in ' . $reply->header('Retry-After')
    . ' seconds', 'which');
ok($reply->header('Replay-Nonce'), 'with a nonce');

is(account($accounts[0], '10.0.0.1')->outcome(), '200',
    'an account that exists is found');
is($late->find_account(headers => [[ 'X-Real-IP', '10.0.0.1' ]])->outcome(),
    '429 rateLimited', 'one that does not is not');

# before the signature is looked at

my $nonce = $late->fresh_nonce();

is(account($late, '10.0.0.1', signature => 'AAAA', nonce => $nonce)
    ->outcome(), '429 rateLimited', 'no signature is checked');
is(account($late, '10.0.0.2', nonce => $nonce)->outcome(), '201',
    'no nonce is spent, and another address is free');

# a refusal does not count

is(account($acme->another(), '10.0.0.3', payload => { contact => [ 'x' ] })
    ->{status}, 400, 'refused otherwise') foreach 1 .. 4;
is(account($acme->another(), '10.0.0.3')->outcome(), '201', 'not counted');

# IPv6: the /64

is(account($acme->another(), "2001:db8::$_")->outcome(), '201', "::$_")
    foreach 1 .. 3;
is(account($acme->another(), '2001:db8:0:0:ffff::4')->outcome(),
    '429 rateLimited', 'the same /64');
is(account($acme->another(), '2001:db8:0:1::4')->outcome(), '201',
    'the next /64');

is(account($acme->another(), $_)->outcome(), '201', $_)
    foreach '10.0.0.4', '::ffff:10.0.0.4', '10.0.0.4';
is(account($acme->another(), '::ffff:10.0.0.4')->outcome(), '429 rateLimited',
    'mapped into IPv6');

is_deeply([ last_refusal() ], [ 'new-account', 'new_accounts' ], 'audit');

###############################################################################

# orders of an account, in both workers

($acme, my $other, my $third) = @accounts;
$acme->{keep_alive} = 0;
$acme->{links} = {};

is($acme->new_order([ "o$_.example" ])->outcome(), '201', "order $_")
    foreach 1 .. 8;
is($acme->new_order([ '*' ])->{status}, 400, 'refused otherwise');

$reply = $acme->new_order([ 'o10.example' ]);
is($reply->outcome(), '429 rateLimited', 'refused ones count as well');
ok(waits($reply, 86400), 'Retry-After');
like($reply->json()->{detail}, qr!"new_orders" of 1/1d of the account!,
    'which');
is($acme->post($acme->url('newAuthz'), { identifier =>
    { type => 'dns', value => 'o10.example' } })->outcome(),
    '429 rateLimited', 'newAuthz');
is($acme->new_order([ 'o11.example' ], signature => 'AAAA')->outcome(),
    '429 rateLimited', 'no signature is checked');
is($other->new_order([ 'o10.example' ])->outcome(), '201', 'another account');
is_deeply([ last_refusal() ], [ 'new-order', 'new_orders' ], 'audit');

###############################################################################

# failed validations of an account for a name

for my $try (1 .. 2) {
    my $order = $other->new_order([ 'bad.example' ]);
    is($order->outcome(), '201', "order $try");

    my $authz = $order->json()->{authorizations}[0];
    $other->respond($authz, body => 'wrong');
    is($other->poll($authz)->json()->{status}, 'invalid', "fails $try");
}

$reply = $other->new_order([ 'good.example', 'bad.example' ]);
is($reply->outcome(), '429 rateLimited', 'no third one');
ok(waits($reply, 18000), 'Retry-After');
like($reply->json()->{detail},
    qr!"failed_validations" of 2/10h of the account for "bad.example"!,
    'which, and the name');
is($other->post($other->url('newAuthz'), { identifier =>
    { type => 'dns', value => 'bad.example' } })->outcome(), '429 rateLimited',
    'nor by newAuthz');
is($other->new_order([ 'good.example' ])->outcome(), '201', 'another name');
is($third->new_order([ 'bad.example' ])->outcome(), '201', 'another account');

###############################################################################

# certificates of a set of names

$third->issue([ 'a.example', 'b.example' ]);

$reply = $third->new_order([ 'b.example', 'a.example' ]);
is($reply->outcome(), '429 rateLimited', 'the same set');
like($reply->json()->{detail},
    qr!"certificates" of 2/4h for this set of names!, 'which');
is($other->new_order([ 'a.example', 'b.example' ])->outcome(),
    '429 rateLimited', 'whoever asks');
is($third->new_order([ 'a.example' ])->outcome(), '201', 'a part of it');

# an order that was made before

my @ready = map { $third->ready_order([ 'c.example' ]) } 1 .. 2;
my @replies = map { $third->finalize($_, acme_csr(key => acme_key('ES256'),
                                                  dns => [ 'c.example' ])) }
              @ready;
is_deeply([ map { $_->outcome() } @replies ], [ 200, '429 rateLimited' ],
    'at finalize');

undef $t;

###############################################################################

sub account {
    my ($client, $address, %opts) = @_;
    my $payload = delete $opts{payload};

    return $client->new_account($payload,
        headers => [[ 'X-Real-IP', $address ]], %opts);
}


# Retry-After of that many seconds, but for those that went by

sub waits {
    my ($reply, $seconds) = @_;
    my $is = $reply->header('Retry-After') || 0;

    return $is <= $seconds && $is > $seconds - 120;
}


# action and limit of the audit log's last refusal

sub last_refusal {
    my ($row) = acme_ca_sql($t, 'SELECT action, details FROM acme_audit_logs'
        . " WHERE outcome = 'refused' AND reason LIKE 'rateLimited: %'"
        . ' ORDER BY id DESC LIMIT 1');

    return ($row->{action}, json_decode($row->{details})->{limit});
}

###############################################################################
