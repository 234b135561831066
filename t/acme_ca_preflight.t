#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Preflight: what a validation would find, without an order: names, addresses
# that may not be asked, ports, answers, CAA; it ends with its client.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Admin;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx access /)
    ->has_daemon('sqlite3');

acme_ca_conf($t, workers => 1, challenges =>
        'http-01 tls-alpn-01 dns-01 dns-account-01',
    authority => 'caa permissive; caa_identities ca.example;
        validation_timeout 300s; tls_alpn_01_ports %%PORT_8082%%;',
    dns => {
        'dead.example' => { A => '127.0.0.77' },
        'far.example' => { A => [ '10.0.0.1', '127.0.0.1' ] },
        'denied.example' => { A => '10.0.0.1' },
        'none.example' => { rcode => 'NXDOMAIN' },
        'caa.example' => { A => '127.0.0.1',
            CAA => [ 0, 'issue', 'other.example' ] },
    }, server => <<'END')->plan(49);

        location /admin/ {
            acme_ca_admin default full;
            allow 127.0.0.1; deny all;
        }

        location /read/ {
            acme_ca_admin default;
            allow 127.0.0.1; deny all;
        }
END

$t->run();

my $admin = acme_admin($t);
my $acme = acme_client($t);
my ($json, $check);

$acme->new_account();

###############################################################################

foreach my $bad ({}, { identifier => '' }, { identifier => 7 },
    { identifier => 'a b' }, { identifier => '*.*.a' },
    { identifier => 'a.example', challenges => [] },
    { identifier => 'a.example', challenges => 'http-01' },
    { identifier => 'a.example', challenges => [ 'http-02' ] },
    { identifier => 'a.example', challenges => [ 'dns-persist-01' ] },
    { identifier => '*.a.example', challenges => [ 'http-01' ] },
    { identifier => '127.0.0.1', challenges => [ 'dns-01' ] },
    { identifier => 'a.example', names => [] })
{
    is($admin->post('preflight', $bad)->{status}, 400,
        'bad: ' . JSON::PP->new()->canonical()->encode($bad));
}

is($admin->post('preflight', { identifier => 'a.example', account => '99' })
    ->{status}, 404, 'no such account');
is(acme_admin($t, path => '/read')->post('preflight',
    { identifier => 'a.example' })->{status}, 403, 'role: read');
is($admin->get('preflight')->{status}, 405, 'GET');

###############################################################################

# what is tried

$json = $admin->post('preflight', { identifier => 'a.example' })->json();
is(kinds($json), 'http-01 tls-alpn-01 dns-01', 'without an account');
is($json->{identifier}, 'a.example', 'its name');
ok($json->{ok}, 'one of them works');
is(kinds($admin->post('preflight', { identifier => '*.a.example' })->json()),
    'dns-01', 'a wildcard');
is(kinds($admin->post('preflight', { identifier => '127.0.0.1' })->json()),
    'http-01 tls-alpn-01', 'an address');
is(kinds($admin->post('preflight', { identifier => 'a.example',
    account => '1' })->json()), 'http-01 tls-alpn-01 dns-01 dns-account-01',
    'with an account');

# what is found

$check = check('a.example', 'http-01');
ok($check->{ok}, 'http-01: reached');
like($check->{problem}{type}, qr/:(?:incorrectResponse|unauthorized)$/,
    'http-01: no answer to this token');
is_deeply($check->{tried}[0]{addresses},
    [ { address => '127.0.0.1', allowed => JSON::PP::true() } ],
    'http-01: addresses');
is($check->{tried}[1]{address}, '127.0.0.1:' . port(8081), 'http-01: port');
is($check->{tried}[1]{status}, 404, 'http-01: status');
ok($check->{caa}{ok}, 'http-01: CAA permits');
is($check->{tried}[2]{caa}, 'a.example', 'http-01: who was asked for CAA');
ok(defined $_->{ms}, 'http-01: time') for @{$check->{tried}}[0 .. 2];

is((http_01_log($t))[0]{host} =~ s/:.*//r, 'a.example',
    'http-01: a request was made');

$check = check('a.example', 'tls-alpn-01');
ok(!$check->{ok}, 'tls-alpn-01: nobody listens');
like($check->{problem}{detail}, qr/^127\.0\.0\.1:\d+: connection refused/,
    'tls-alpn-01: where');

ok(check('a.example', 'dns-01')->{ok}, 'dns-01: the zone answers');

$check = check('dead.example', 'http-01');
ok(!$check->{ok}, 'no connection');
like($check->{problem}{detail}, qr/^127\.0\.0\.77:/, 'no connection: where');

$check = check('far.example', 'http-01');
ok($check->{ok}, 'one address may be asked');
is(join(' ', sort map { "$_->{address}=" . ($_->{allowed} ? 1 : 0) }
    @{$check->{tried}[0]{addresses}}), '10.0.0.1=0 127.0.0.1=1',
    'the other may not');

$check = check('denied.example', 'http-01');
like($check->{problem}{detail}, qr/10\.0\.0\.1, which this authority may not/,
    'no address may be asked');

$check = check('none.example', 'http-01');
like($check->{problem}{type}, qr/:dns$/, 'no such name');

$check = check('caa.example', 'http-01');
ok($check->{ok}, 'CAA: the challenge works');
ok(!$check->{caa}{ok}, 'CAA: forbidden');
like($check->{caa}{problem}{type}, qr/:caa$/, 'CAA: why');
ok(!check('caa.example', 'http-01', 1)->{ok}, 'nothing works');

is(acme_ca_sql_value($t, 'SELECT (SELECT count(*) FROM acme_orders)
    + (SELECT count(*) FROM jobs) + (SELECT count(*) FROM acme_audit_logs
    WHERE action LIKE \'%validate%\')'), 0, 'nothing was written');

###############################################################################

# so many at once, and they end with their clients

# a socket that lets itself be connected to, and no more

my $deaf = IO::Socket::INET->new(Proto => 'tcp', Listen => 64,
    ReuseAddr => 1, LocalAddr => '127.0.0.1:' . port(8082)) or die "Can't listen: $!\n";

my @sockets = map { slow() } 1 .. 8;

ok(acme_ca_wait(sub { status() == 503 }), 'as many as there may be');
close $_ foreach @sockets;
ok(acme_ca_wait(sub { status() == 200 }), 'they are gone with the clients');

is(admin_errors(), '', 'all answers are as the document says');

undef $t;

###############################################################################

sub kinds {
    return join ' ', map { $_->{challenge} } @{$_[0]{checks}};
}


sub check {
    my ($name, $kind, $whole) = @_;

    my $json = $admin->post('preflight', { identifier => $name,
        challenges => [ $kind ] })->json();

    return $whole ? $json : $json->{checks}[0];
}


sub status {
    return $admin->post('preflight', { identifier => 'a.example',
        challenges => [ 'dns-01' ] })->{status};
}


# a request that nothing answers for long

sub slow {
    my $socket = IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1:' . port(8080)) or die "Can't connect: $!\n";

    my $body = '{"identifier":"slow.example","challenges":["tls-alpn-01"]}';

    $socket->syswrite("POST /admin/preflight HTTP/1.1\r\nHost: a\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body");

    return $socket;
}

###############################################################################
