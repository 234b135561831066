#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Challenges of an authorization (RFC 8555, 7.1.4, 7.5.1, 8.3): each has a token
# of its own, a row only once it is answered, and what is offered is what the
# configuration says now.

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

acme_ca_conf($t, challenges => 'http-01 tls-alpn-01 dns-01')
    ->plan(26)->run();

my $acme = acme_client($t);
$acme->new_account();

# what is offered

my $url = authz('a.example');
my @offered = offered($url);

is(types(@offered), 'http-01 tls-alpn-01 dns-01', 'all that fit');
is(scalar(grep { length == 43 } map { $_->{token} } @offered), 3, 'tokens');
is(scalar(keys %{{ map { $_->{token} => 1 } @offered,
        offered(authz('b.example')) }}), 6, 'each has another');
is(scalar(keys %{{ map { $_->{url} => 1 } @offered }}), 3, 'and a URL');
is_deeply([ offered($url) ], \@offered, 'they stay');
is_deeply($acme->post($offered[2]{url})->json(), $offered[2],
    'as the challenge says');
is(types(offered(authz('*.a.example'))), 'dns-01', 'of a wildcard');
is(rows(), 0, 'no rows');

# one that was answered decides

$acme->respond($url);
is($acme->poll($url)->json()->{status}, 'valid', 'valid');

my @listed = offered($url);
is(types(@listed), 'http-01', 'which one was it');
is($listed[0]{token}, $offered[0]{token}, 'its token');
ok($listed[0]{validated}, 'when');
is(rows(), "0 valid $offered[0]{token}", 'its row');

my $other = $acme->post($offered[1]{url});
is($other->json()->{status}, 'pending', 'another can be read');
is($acme->post($offered[1]{url}, {})->type(), 'malformed',
    'but is answered too late');

$url = authz('c.example');
@offered = offered($url);
$acme->respond($url, status => 404);
is($acme->poll($url)->json()->{status}, 'invalid', 'invalid');

@listed = offered($url);
is(types(@listed), 'http-01', 'which one failed');
ok($listed[0]{error}{type}, 'why');

# two orders for one name have nothing in common until it is proven

my ($first, $second) = map { $acme->new_order([ 'two.example' ])->json() }
                           1 .. 2;
my ($one, $two) = map { $_->{authorizations}[0] } $first, $second;

isnt($one, $two, 'an authorization each');
$acme->post($one, { status => 'deactivated' });
is($acme->post($two)->json()->{status}, 'pending', 'one is given up');
$acme->respond($two);
is($acme->poll($two)->json()->{status}, 'valid', 'the other is proven');
is($acme->new_order([ 'two.example' ])->json()->{authorizations}[0], $two,
    'and is used again');

# the configuration decides what can be answered

$url = authz('d.example');
@offered = offered($url);

my $conf = $t->read_file('nginx.conf');
$conf =~ s/challenges http-01 tls-alpn-01 dns-01;/challenges dns-01;/
    or die 'no challenges';
$t->write_file('nginx.conf', $conf);
acme_ca_reload($t);

@listed = offered($url);
is(types(@listed), 'dns-01', 'after a reload');
is_deeply($listed[0], $offered[2], 'it is the same');
is($acme->post($offered[0]{url}, {})->{status}, 404, 'one that is not offered');
is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\]/), '', 'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub authz {
    return $acme->new_order([ $_[0] ])->json()->{authorizations}[0];
}


sub offered {
    return @{$acme->post($_[0])->json()->{challenges}};
}


sub types {
    return join ' ', map { $_->{type} } @_;
}


# of the table: their number, or the lone one

sub rows {
    my @rows = acme_ca_sql($t, 'SELECT type, status, token
        FROM acme_challenges');

    return @rows == 1 ? "$rows[0]{type} $rows[0]{status} $rows[0]{token}"
                      : scalar @rows;
}

###############################################################################
