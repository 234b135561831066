#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# ACME over HTTP/3: directory, nonces, accounts, a whole issuance, problem
# documents, bodies that are too large or come in many packets.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Interop;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http http_ssl http_v3 cryptx /)
    ->has_daemon('sqlite3');
my $dir = $t->testdir();
my $python = interop_installed('python/bin/python');

system("$python -c 'import aioquic.h3.connection' 2>/dev/null") == 0
    or plan(skip_all => 'no aioquic');

acme_ca_conf($t, tls => 1, http => <<'EOF', server => <<'EOS');
    log_format version '$server_protocol $request_method $status';
EOF
        listen 127.0.0.1:%%PORT_8980_UDP%% quic;
        access_log %%TESTDIR%%/version.log version;
EOS

$t->plan(39)->run();

$t->run_daemon($python, "$FindBin::Bin/clients/http3.py", port(8086),
    port(8980, udp => 1), "$dir/ca/root.pem");
$t->waitforsocket('127.0.0.1:' . port(8086));

my $acme = acme_client($t, tls => 1, via => '127.0.0.1:' . port(8086));

###############################################################################

# directory and nonces

my $reply = $acme->get($acme->{directory});

is($reply->{status}, 200, 'directory');
is($reply->{reason}, 'h3', 'by HTTP/3');
like($reply->json()->{newOrder}, qr!^https://127\.0\.0\.1:\d+/acme/!,
    'its URLs are of the base_url');
is($acme->head($acme->{directory})->outcome(), 200, 'HEAD of it');

my $head = $acme->head($acme->url('newNonce'));
my $get = $acme->get($acme->url('newNonce'));

is($head->{status}, 200, 'HEAD newNonce');
is($get->{status}, 204, 'GET newNonce');
is($_->header('Content-Type'), undef, 'no type') foreach $head, $get;
like($_->header('Replay-Nonce'), qr/^[A-Za-z0-9_-]{16,}$/, 'a nonce')
    foreach $head, $get;
isnt($head->header('Replay-Nonce'), $get->header('Replay-Nonce'),
    'another one each time');

# account

$reply = $acme->new_account({ contact => [ 'mailto:a@example.com' ] });
is($reply->outcome(), 201, 'newAccount');
is($acme->account()->json()->{status}, 'valid', 'account');

# issuance

my $got = $acme->issue([ 'a.example', 'b.example' ]);
my $pem = $got->{chain};

is(interop_names($pem), 'a.example b.example', 'names');
is(chain_verify($pem, "$dir/ca/root.pem"), 'OK', 'chain');
is(interop_stored($t, $pem), 'valid serial order valid downloaded', 'stored');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE action = 'issue' AND client_address = '127.0.0.1'"), 1,
    'audited with the address');
is($got->{order}{reason}, 'h3', 'all by HTTP/3');

# replies have what those of the other versions have

$reply = $acme->new_order([ 'c.example' ]);
is($reply->outcome(), 201, 'order');
like($reply->location(), qr!^https://!, 'Location');
is_deeply([ $reply->links('index') ], [ acme_ca_url(tls => 1) . '/directory' ],
    'Link');
is($reply->header('Content-Type'), 'application/json', 'Content-Type');
is($reply->header('Connection'), undef, 'no Connection');

# problem documents

$reply = $acme->account(undef, nonce => 'AAAAAAAAAAAAAAAAAAAAAA');
is($reply->outcome(), '400 badNonce', 'badNonce');
is($reply->header('Content-Type'), 'application/problem+json', 'its type');
is($acme->account(undef, nonce => $reply->header('Replay-Nonce'))->outcome(),
    200, 'the nonce of it');
is($acme->new_order([ 'not a name' ])->outcome(), '400 malformed',
    'malformed');
is($acme->post($acme->url('newOrder'), undef, content_type => 'text/plain')
    ->outcome(), '415 malformed', 'another type of body');
is($acme->request('PUT', $acme->{kid})->outcome(), '405 malformed',
    'another method');
is($acme->get(acme_ca_url(tls => 1) . '/nothing')->outcome(), '404 malformed',
    'not found');

# a body of several packets, one that is too large, none at all

$reply = $acme->account({ contact => [ map { "mailto:$_\@" . ('x' x 60)
                                             . '.example' } 1 .. 10 ],
                          padding => 'x' x 20000 });
is($reply->outcome(), 200, 'a body of many packets');
is(scalar @{$reply->json()->{contact}}, 10, 'all of it was read');

is($acme->post($acme->{kid}, undef, body => 'x' x 300000)->outcome(),
    '413 malformed', 'too large a body');
is($acme->account()->outcome(), 200, 'the connection goes on');
is($acme->post($acme->{kid}, undef, body => '')->outcome(), '400 malformed',
    'no body');

# revocation

is($acme->revoke($pem, reason => 4)->{status}, 200, 'revoked');
is($acme->revoke($pem)->outcome(), '400 alreadyRevoked', 'again');

is(join(' ', grep { !m!^HTTP/3\.0 ! } split /\n/,
                  $t->read_file('version.log')), '',
    'the access log knows no other version');
is((grep { / 5\d\d$/ } split /\n/, $t->read_file('version.log')) + 0, 0,
    'nothing ended in 5xx');

undef $t;

###############################################################################
