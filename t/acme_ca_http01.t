#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Validation of http-01: what passes, what fails, whom it never asks, and that a
# failure says what happened and nothing of what the other side wrote.

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
my $secret = 'SECRET-of-an-inner-server';

my $common = 'validation_attempts 2; deny address 127.0.0.9;';
my $same = "http_01_ports %%PORT_8084%% %%PORT_8081%%;
        allow address 127.0.0.0/8; $common";

acme_ca_conf($t, http_01_ports => '%%PORT_8084%% %%PORT_8081%%',
    authority => "validation_timeout 20s; $common",
    dns => {
        'gone.example'    => { rcode => 'NXDOMAIN' },
        'fail.example'    => { rcode => 'SERVFAIL' },
        'silent.example'  => { silent => 1 },
        'slowdns.example' => { A => '127.0.0.1', delay => 0.3 },
        'denied.example'  => { A => '127.0.0.9' },
        'private.example' => { A => '10.1.2.3' },
        'noaddr.example'  => { TXT => 'x' },
        'half.example'    => { A => '127.0.0.1', silent => 'AAAA' },
        'two.example'     => { A => [ '127.0.0.2', '127.0.0.1' ] },
        'cut.example'     => { A => '127.0.0.1', truncate => 1 },
        'cname.example'   => { CNAME => 'a.example' },
        'v6.example'      => { AAAA => '::1' },
        'port.example'    => { A => '127.0.0.5' },
    },
    others => {
        http  => 'validation_attempts 1;',
        hasty => "validation_timeout 3s; $same",
        half  => "validation_timeout 8s; $same",
    })->plan(149)->run();

my $p = port(8081);

# What only ends when the time is up is done by an authority without patience.
# Names whose AAAA is never answered have an eighth of it for all else.
my %by = (half => 'half', map { $_ => 'hasty' } qw/ trickle delay5 silent /);

# name, type of the error ('': valid), how the http-01 daemon answers
my @cases = (
    [ 'ok', '' ],
    [ 'space', '', after => "  \n" ],
    [ 'chunked', '', chunked => 1 ],
    [ 'delay1', '', delay => 1 ],
    [ 'redirected', '', elsewhere => 1 ],
    [ 'slowdns', '' ], [ 'half', '' ], [ 'two', '' ], [ 'cut', '' ],
    [ 'cname', '' ], [ 'flaky', '', fail => 1 ],
    [ 'wrong', 'incorrectResponse', body => $secret ],
    [ 'empty', 'incorrectResponse', body => '' ],
    [ 'prefix', 'incorrectResponse', before => ' ' ],
    [ 'page404', 'unauthorized', status => 404, body => $secret ],
    [ 'page403', 'unauthorized', status => 403, body => $secret ],
    [ 'big', 'incorrectResponse', big => 300000 ],
    [ 'endless', 'incorrectResponse', endless => 1 ],
    [ 'page500', undef, status => 500, body => $secret ],
    [ 'drop', 'incorrectResponse', drop => 1 ],
    [ 'reset', 'connection', reset => 1 ],
    [ 'trickle', 'connection', trickle => 1 ],
    [ 'delay5', 'connection', delay => 5 ],
    [ 'raw', 'incorrectResponse', raw => "$secret\r\n\r\n" ],
    [ 'loop', undef, redirect => "http://loop.example:$p/loop" ],
    [ 'todenied', undef, redirect => "http://denied.example:$p/x" ],
    [ 'toaddress', undef, redirect => "http://127.0.0.9:$p/" ],
    [ 'tofile', undef, redirect => 'file:///etc/passwd' ],
    [ 'toport', undef, redirect => 'http://a.example:22/' ],
    [ 'tohttps', undef, redirect => 'https://a.example/' ],
    [ 'torelative', undef, redirect => 'relative' ],
    [ 'tonothing', undef, status => 302 ],
    [ 'gone', 'dns' ], [ 'fail', 'dns' ], [ 'silent', 'dns' ],
    [ 'noaddr', 'dns' ], [ 'denied', undef ], [ 'private', undef ],
    [ 'v6', undef ],
);

my $acme = acme_client($t);
my %client = map { $_ => acme_client($t, at => $_) } qw/ hasty half /;
$_->new_account() foreach $acme, values %client;
put_token($t->testdir() . '/tokens', '/loop',
          redirect => "http://loop.example:$p/loop");

###############################################################################

# all of them at the same time

my @running = map { begin(@$_) } @cases;
my %tokens;

foreach my $run (@running) {
    my ($name, $type, $authz, $order, $token) = @$run;
    my $client = client($name);
    my $json = $client->poll($authz)->json();
    my ($challenge) = @{$json->{challenges}};
    my $state = $client->post($order)->json();
    my $error = $challenge->{error};

    $tokens{$name} = $token;

    if (defined $type && $type eq '') {
        is_deeply([ $json->{status}, $challenge->{status}, $state->{status},
                    $error ], [ qw/ valid valid ready /, undef ], $name)
            or diag json_encode($challenge);
        like("$challenge->{validated} $json->{expires}",
            qr/^\d{4}-\d\d-\d\dT[\d:]+Z \d{4}-\d\d-\d\dT[\d:]+Z$/,
            "$name: since when, until when");
        next;
    }

    is_deeply([ $json->{status}, $challenge->{status}, $state->{status} ],
        [ qw/ invalid invalid invalid / ], $name);
    like($error->{type} || '', defined $type ? qr/:error:$type$/
         : qr/:error:(?:connection|unauthorized|dns|incorrectResponse
             |rejectedIdentifier)$/x,
        "$name: type") or diag $error->{detail};
    ok(length($error->{detail} || '') > 10
       && json_encode($json) !~ /SECRET|xxxx|root:/, "$name: detail")
        or diag $error->{detail};
    ok($state->{error}, "$name: error of the order");
}

# a verdict is final

my ($bad) = grep { $_->[0] eq 'wrong' } @running;
my $challenge = $acme->challenge($acme->post($bad->[2]));
$acme->provision($bad->[4]);
$acme->post($challenge->{url}, {});
is($acme->poll($bad->[2])->json()->{status}, 'invalid',
    'invalid stays invalid');

# what is no answer of a client

my $waits = $acme->new_order([ 'waits.example' ])->json()->{authorizations}[0];
my $url = $acme->challenge($acme->post($waits))->{url};

is($acme->post($url, $_)->outcome(), '400 malformed', "no answer: $_")
    foreach '[]', '"x"', '{';
is($acme->challenge($acme->post($waits))->{status}, 'pending',
    'which started nothing');

# the port of HTTP, where no other one is named

my $plain = acme_client($t, at => 'http');
$plain->new_account();
my $port = $plain->new_order([ 'port.example' ])->json()->{authorizations}[0];
$plain->respond($port);
like($plain->challenge($plain->poll($port))->{error}{detail},
    qr/127\.0\.0\.5:80\b/, 'port 80');

# who was asked

my @flaky = http_01_log($t, "$tokens{flaky}\$");
is(scalar @flaky, 2, 'asked again');
is(scalar http_01_log($t, "$tokens{wrong}\$"), 1, 'not after an answer');
is(scalar http_01_log($t, "$tokens{denied}\$"), 0, 'denied was not asked');
is(scalar http_01_log($t, '^/x$'), 0, 'nor by a redirect');
is($flaky[0]{line}, "GET /.well-known/acme-challenge/$tokens{flaky} HTTP/1.1",
    'request');
like($flaky[0]{host}, qr/^flaky\.example(?::$p)?$/, 'host');
ok($flaky[0]{agent}, 'user agent');

is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_challenges"
                         . " WHERE status = 'processing'"), 0, 'all ended');
is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\]/), '', 'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# who asks for that name

sub client {
    my ($name) = @_;

    return $by{$name} ? $client{$by{$name}} : $acme;
}


sub begin {
    my ($name, $type, %how) = @_;
    my $client = client($name);

    my $order = $client->new_order([ "$name.example" ]);
    my $authz = $order->json()->{authorizations}[0];
    my $challenge = $client->challenge($client->post($authz));
    my $answer = $client->key_authorization($challenge->{token});

    my ($before, $after) = (delete $how{before}, delete $how{after});
    $how{body} = ($before || '') . $answer . ($after || '')
        if defined $before || defined $after;

    if (delete $how{elsewhere}) {
        put_token($t->testdir() . '/tokens', '/elsewhere', body => $answer);
        $how{redirect} = "http://other.example:$p/elsewhere";
    }

    $client->provision($challenge->{token}, %how);
    $client->post($challenge->{url}, {});

    return [ $name, $type, $authz, $order->location(), $challenge->{token} ];
}

###############################################################################
