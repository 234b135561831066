#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Validation by tls-alpn-01 (RFC 8737): what passes, each check that fails with
# its type and reason, whom it never asks, and that it outlives its worker.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

eval { require IO::Socket::SSL; IO::Socket::SSL->can_alpn() or die; };
plan(skip_all => 'no IO::Socket::SSL with ALPN') if $@;

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('sqlite3');

my $common = 'tls_alpn_01_ports %%PORT_8085%% %%PORT_8082%%;
    validation_attempts 2; deny address 127.0.0.9;';

acme_ca_conf($t, workers => 1, challenges => 'http-01 tls-alpn-01',
    authority => "validation_timeout 10s; $common",
    dns => {
        'gone.example'    => { rcode => 'NXDOMAIN' },
        'denied.example'  => { A => '127.0.0.9' },
        'refused.example' => { A => '127.0.0.5' },
        'two.example'     => { A => [ '127.0.0.2', '127.0.0.1' ] },
    },
    others => {
        https => 'validation_attempts 1;',
        hasty => "challenges tls-alpn-01; allow address 127.0.0.0/8;
            validation_timeout 3s; $common",
    });

tls_alpn_start($t, 8082)->plan(100)->todo_alerts()->run();

my $dir = $t->testdir();
my $p = port(8082);

my $sans = sub { [ '2.5.29.17', 0, general_names(@_) ] };

# name, type of the error ('': valid), its detail, how the daemon answers
my @cases = (
    [ 'ok', '', '' ],
    [ 'case', '', '', dns => [ 'CaSe.EXAMPLE' ] ],
    [ 'tls12', '', '', tls => 'TLSv1_2' ],
    [ 'tls13', '', '', tls => 'TLSv1_3' ],
    [ 'rsa', '', '', key => acme_key('RS256') ],
    [ 'p384', '', '', key => acme_key('ES384') ],
    [ 'ed25519', '', '', key => acme_key('EdDSA') ],
    [ 'more', '', '', alpn => [ 'h2', 'acme-tls/1' ] ],
    [ 'two', '', '' ],
    [ 'flaky', '', '', fail => 1 ],

    [ 'noalpn', 'unauthorized', qr!^127\.0\.0\.1:$p did not select the!, alpn => [] ],
    [ 'otheralpn', 'unauthorized', qr/did not select/, alpn => [ 'h2' ] ],
    [ 'other', 'incorrectResponse', qr/^the certificate of 127.0.0.1:$p has another /, dns => [ 'ok.example' ] ],
    [ 'several', 'incorrectResponse', qr/more than one entry/,
        dns => [ 'several.example', 'ok.example' ] ],
    [ 'twice', 'incorrectResponse', qr/more than one entry/,
        dns => [ 'twice.example', 'twice.example' ] ],
    [ 'and-ip', 'incorrectResponse', qr/more than one entry/,
        dns => [ 'and-ip.example' ], ip => [ '127.0.0.1' ] ],
    [ 'ip', 'incorrectResponse', qr/no dNSName/, ip => [ '127.0.0.1' ],
        dns => [] ],
    [ 'wild', 'incorrectResponse', qr/another name/,
        dns => [ '*.wild.example' ] ],
    [ 'nosan', 'incorrectResponse', qr/no subjectAltName/, dns => [] ],
    [ 'noext', 'incorrectResponse', qr/no acmeIdentifier/, times => 0 ],
    [ 'twoext', 'incorrectResponse', qr/more than one acmeIdentifier/,
        times => 2 ],
    [ 'plainext', 'incorrectResponse', qr/not critical/, critical => 0 ],
    [ 'digest', 'incorrectResponse', qr/digest of another key authorization/,
        digest => 'x' x 32 ],
    [ 'short', 'incorrectResponse', qr/no SHA-256 digest/,
        digest => 'x' x 31 ],
    [ 'raw', 'incorrectResponse', qr/no SHA-256 digest/, value => 'x' x 32 ],
    [ 'trailing', 'incorrectResponse', qr/no SHA-256 digest/,
        value => der_octets('x' x 32) . "\0" ],
    [ 'bare', 'incorrectResponse', qr/no subjectAltName/, extensions => [] ],

    [ 'plain', 'tls', qr/^127.0.0.1:$p: connected, but TLS failed/,
        plain => "HTTP/1.0 200 OK\r\n\r\n" ],
    [ 'tls11', 'tls', qr/handshake failed: [\w ]+ the alert/,
        tls => 'TLSv1_1' ],
    [ 'drop', 'tls', qr/TLS failed/, drop => 1 ],
    [ 'reset', 'tls', qr/TLS failed/, reset => 1 ],
    [ 'hang', 'connection', qr/time/, hang => 1 ],
    [ 'refused', 'connection', qr/^127\.0\.0\.5:$p: connection refused/ ],
    [ 'denied', 'connection', qr/may not connect/ ],
    [ 'gone', 'dns', qr/no address for gone/ ],
);

my $acme = acme_client($t);
$acme->new_account();

# what only ends when the time is up is done by an authority without patience
my $hasty = acme_client($t, at => 'hasty');
$hasty->new_account();

###############################################################################

# all of them at the same time

my @running = map { begin(@$_) } @cases;

foreach my $run (@running) {
    my ($name, $type, $detail, $authz) = @$run;
    my $client = $name eq 'hang' ? $hasty : $acme;
    my $json = $client->poll($authz)->json();
    my ($challenge) = grep { $_->{type} eq 'tls-alpn-01' }
                           @{$json->{challenges}};
    my $error = $challenge->{error};

    if ($type eq '') {
        is_deeply([ $json->{status}, $challenge->{status}, $error ],
            [ qw/ valid valid /, undef ], $name)
            or diag json_encode($challenge);
        next;
    }

    is_deeply([ $json->{status}, $challenge->{status} ],
        [ qw/ invalid invalid / ], $name);
    is($error->{type}, "urn:ietf:params:acme:error:$type", "$name: type");
    like($error->{detail}, $detail, "$name: detail");
}

# who was asked, and what

my ($hello) = tls_alpn_log($t, 'ok.example');
is_deeply($hello->{protocols}, [ 'acme-tls/1' ], 'the only protocol offered');
is(scalar tls_alpn_log($t, 'ok.example'), 1, 'asked once');
ok(acme_ca_wait(sub { (eval { $t->read_file('alpn.end') } || '')
                      =~ /^ok\.example 0$/m }), 'closed without a word');
is(scalar tls_alpn_log($t, 'flaky.example'), 2, 'asked again');
is(scalar tls_alpn_log($t, 'digest.example'), 1, 'not after an answer');
is(scalar tls_alpn_log($t, 'denied.example'), 0, 'denied was not asked');

# the port of HTTPS, where no other one is named

my $plain = acme_client($t, at => 'https');
$plain->new_account();
my $port = $plain->new_order([ 'refused.example' ])
    ->json()->{authorizations}[0];
$plain->post($plain->challenge($plain->post($port), 'tls-alpn-01')->{url}, {});
like($plain->challenge($plain->poll($port), 'tls-alpn-01')->{error}{detail},
    qr/127\.0\.0\.5:443\b/, 'port 443');

# a certificate at the end of it

my $order = $acme->poll($running[0][4]);
my $csr = acme_csr(key => acme_key('ES256'), dns => [ 'ok.example' ]);
my $done = $acme->finalize($order, $csr)->json();
is($done->{status}, 'valid', 'order');
like(cert_text($acme->post($done->{certificate})->{body}),
    qr/DNS:ok\.example\n/, 'certificate');

# a worker that is replaced ends what it began

my $drain = begin('drain', '', '', hang => 1);
acme_ca_wait(sub { tls_alpn_log($t, 'drain.example') });
put_alpn("$dir/alpn", 'drain.example', dns => [ 'drain.example' ],
    answer => $drain->[5]);
acme_ca_reload($t);

is($hasty->poll($drain->[3])->json()->{status}, 'valid', 'over a reload');
is(scalar tls_alpn_log($t, 'drain.example'), 2, 'by a second attempt');

# a validation is not lost with its worker

my $late = begin('late', '', '', hang => 1);
acme_ca_wait(sub { tls_alpn_log($t, 'late.example') });
put_alpn("$dir/alpn", 'late.example', dns => [ 'late.example' ],
    answer => $late->[5]);

my ($pid) = acme_ca_workers($t);
kill 'KILL', $pid;
acme_ca_wait(sub { grep { $_ != $pid } acme_ca_workers($t) });

is($hasty->poll($late->[3])->json()->{status}, 'valid', 'after kill -9');

# the audit row tells what was tried

like(acme_ca_sql_value($t, "SELECT group_concat(details) FROM acme_audit_logs
        WHERE details LIKE '%refused.example%'"),
    qr/"address":"127\.0\.0\.5:$p","result":"connection refused/, 'audit');

is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_challenges"
                         . " WHERE status = 'processing'"), 0, 'all ended');

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\](?!.*exited on signal 9)/), '',
    'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub begin {
    my ($name, $type, $detail, %how) = @_;
    my $client = $how{hang} ? $hasty : $acme;

    my $host = "$name.example";
    my $order = $client->new_order([ $host ]);
    my $authz = $order->json()->{authorizations}[0];
    my $challenge = $client->challenge($client->post($authz), 'tls-alpn-01');
    my $answer = $client->key_authorization($challenge->{token});

    put_alpn("$dir/alpn", $host, dns => [ $host ], answer => $answer, %how);
    $client->post($challenge->{url}, {});

    return [ $name, $type, $detail, $authz, $order->location(), $answer ];
}

###############################################################################
