#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What replies have in common: the link to the directory, when to ask again,
# and a subproblem for each name that is refused.

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

acme_ca_conf($t, workers => 1,
    authority => 'deny dns no1.example no2.example;
        validation_attempts 1; validation_timeout 1m;',
    dns => {
        'gone.example' => { rcode => 'NXDOMAIN' },
    })->plan(53)->run();

my $acme = acme_client($t);
my $directory = $acme->{directory} || acme_ca_url() . '/directory';

###############################################################################

# Link "index" is on all replies but the directory's, and a nonce on all to POST

$acme->new_account();

my $order = $acme->new_order([ 'a.example' ]);
my ($authz) = @{$order->json()->{authorizations}};
my $challenge = $acme->challenge($acme->post($authz));
my $got = $acme->issue([ 'b.example' ]);
my $kid = $acme->{kid};

my @posts = (
    [ 200, 'find account', $acme->find_account() ],
    [ 200, 'account', $acme->account() ],
    [ 200, 'orders', $acme->post("$kid/orders") ],
    [ 201, 'new order', $order ],
    [ 200, 'order', $acme->post($order->location()) ],
    [ 200, 'authorization', $acme->post($authz) ],
    [ 200, 'challenge', $acme->post($challenge->{url}) ],
    [ 200, 'certificate', $got->{reply} ],
    [ 400, 'malformed', $acme->new_order([]) ],
    [ 400, 'refused', $acme->new_order([ 'no1.example' ]) ],
    [ 403, 'not ready', $acme->finalize($order, acme_csr(
        key => acme_key('ES256'), dns => [ 'a.example' ])) ],
    [ 404, 'nothing there', $acme->post("$kid/nothing") ],
    [ 204, 'new nonce by POST', $acme->post($acme->url('newNonce')) ],
    [ 400, 'bad nonce', $acme->post($kid, undef, nonce => 'x', retry => 0) ],
);

my @gets = (
    [ 204, 'new nonce', $acme->get($acme->url('newNonce')) ],
    [ 200, 'head of new nonce', $acme->head($acme->url('newNonce')) ],
    [ 405, 'GET of an order', $acme->get($order->location()) ],
    [ 404, 'GET of nothing', $acme->get(acme_ca_url() . '/nothing') ],
);

foreach my $case (@posts, @gets) {
    my ($status, $name, $reply) = @$case;

    is("$reply->{status} " . join(' ', $reply->links('index')),
        "$status " . acme_ca_url() . '/directory', "$name: index");
}

foreach my $case (@posts) {
    my ($status, $name, $reply) = @$case;
    like($reply->header('Replay-Nonce'), qr/^[\w-]{16,}$/, "$name: nonce");
}

is_deeply([ $acme->get($directory)->links('index') ], [], 'directory');

###############################################################################

# Retry-After on whatever is being processed

$order = $acme->new_order([ 'slow.example' ]);
($authz) = @{$order->json()->{authorizations}};

my $reply = $acme->respond($authz, hold => $t->testdir() . '/seen');
my $url = $reply->json()->{url};

is($reply->json()->{status}, 'processing', 'under way');
like($reply->header('Retry-After'), qr/^\d+$/, 'challenge: when again');
like($acme->post($url)->header('Retry-After'), qr/^\d+$/, 'asked again');
is_deeply([ $acme->post($url)->links('up') ], [ $authz ], 'up');

$reply = $acme->post($authz);
is($reply->json()->{status}, 'pending', 'its authorization');
like($reply->header('Retry-After'), qr/^\d+$/, 'authorization: when again');

$t->write_file('seen', '');
is($acme->poll($authz)->json()->{status}, 'valid', 'done');
is($acme->post($authz)->header('Retry-After'), undef, 'no more');
is($acme->post($order->location())->header('Retry-After'), undef,
    'an order that is ready');

###############################################################################

# subproblems: of a new order

$reply = $acme->new_order([ 'no1.example', 'ok.example', 'no2.example',
                            { type => 'email', value => 'a@b' } ]);
is($reply->outcome(), '400 compound', 'several reasons');
is(names($reply->json()), 'a@b unsupportedIdentifier, '
    . 'no1.example rejectedIdentifier, no2.example rejectedIdentifier',
    'each name');
$reply = $acme->new_order([ 'no1.example', 'ok.example' ]);
is($reply->outcome(), '400 rejectedIdentifier', 'one reason');
is(names($reply->json()), 'no1.example rejectedIdentifier', 'and its name');

# of an order whose names failed one after another

$order = $acme->new_order([ map { "$_.example" } qw/ gone ok1 bad wrong / ]);

my %authz = map { $acme->post($_)->json()->{identifier}{value} => $_ }
                @{$order->json()->{authorizations}};

answer_badly('gone.example');

my $error = $acme->post($order->location())->json()->{error};
is($error->{type}, 'urn:ietf:params:acme:error:dns', 'the first');
is(names($error), 'gone.example dns', 'names it');

$acme->respond($authz{'ok1.example'});
$acme->poll($authz{'ok1.example'});
answer_badly('bad.example', status => 404);

$error = $acme->post($order->location())->json()->{error};
is($error->{type}, 'urn:ietf:params:acme:error:compound', 'the second');
is(names($error), 'bad.example unauthorized, gone.example dns',
    'names them both');

answer_badly('wrong.example', body => 'x');

$error = $acme->post($order->location())->json()->{error};
is(names($error), 'bad.example unauthorized, gone.example dns, '
    . 'wrong.example incorrectResponse', 'names all');
is($error->{status}, 400, 'status');

# but what the client gives up afterwards is no reason

$acme->post($authz{'ok1.example'}, { status => 'deactivated' });
is_deeply($acme->post($order->location())->json()->{error}, $error,
    'deactivated later');

###############################################################################

sub answer_badly {
    my ($name, %how) = @_;

    $acme->respond($authz{$name}, %how);
    $acme->poll($authz{$name});
}


sub names {
    my ($problem) = @_;

    return join ', ', sort map { $_->{identifier}{value} . ' '
                                 . ($_->{type} =~ s/.*://r) }
                           @{$problem->{subproblems} || []};
}

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################
