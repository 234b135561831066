#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What keeps strangers out of the admin location: client certificates, also
# where the server listens without TLS; auth_request; limit_except; satisfy any.

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

my $t = Test::Nginx->new()->has(qw/ http http_ssl auth_request auth_basic access
                                   rewrite cryptx socket_ssl /)
    ->has_daemon('sqlite3')->has_daemon('openssl');

my $dir = $t->testdir();

foreach my $name ('good', 'bad', 'server') {
    run('openssl', 'req', '-x509', '-newkey',
        'rsa:2048', '-nodes', '-days', '2', '-keyout', "$dir/$name.key",
        '-out', "$dir/$name.crt", '-subj', "/O=Corp/CN=$name");
}

acme_ca_conf($t, daemons => 0, server => <<'EOF', http => <<'EOF')->plan(24);

        location /request/ {
            acme_ca_admin default full;
            auth_request /ask;
        }

        location = /ask {
            if ($http_x_ask = yes) { return 204; }
            return 403;
        }

        location /except/ {
            acme_ca_admin default full;
            allow 127.0.0.1; deny all;
            limit_except GET { deny all; }
        }

        location /if/ {
            acme_ca_admin default full;
            allow 127.0.0.1; deny all;
            if ($http_x_if) { set $a b; }
        }

        location /any/ {
            acme_ca_admin default full;
            satisfy any;
            allow 127.0.0.1; deny all;
            auth_basic a; auth_basic_user_file %%TESTDIR%%/users;
        }

        location /named/ {
            acme_ca_admin default full;
            satisfy any;
            allow 127.0.0.1; deny all;
            auth_basic a; auth_basic_user_file %%TESTDIR%%/users;
            if ($remote_user = nobody) { return 403; }
        }

        location /secret/ {
            acme_ca default;
            auth_basic a; auth_basic_user_file %%TESTDIR%%/users;
        }

        location /admin-basic/ {
            acme_ca_admin default full;
            auth_basic a; auth_basic_user_file %%TESTDIR%%/users;
        }

        location /open/ {
            acme_ca_admin default read open;
        }
EOF
    server {
        listen 127.0.0.1:8444 ssl;
        listen 127.0.0.1:8082;
        ssl_certificate %%TESTDIR%%/server.crt;
        ssl_certificate_key %%TESTDIR%%/server.key;
        ssl_client_certificate %%TESTDIR%%/good.crt;
        ssl_verify_client on;

        location /admin/ { acme_ca_admin default full; }

        location /both/ {
            acme_ca_admin default full;
            allow 127.0.0.1; deny all;
        }
    }
EOF

$t->write_file('users', "alice:{PLAIN}secret\n");
$t->run();

###############################################################################

# client certificates

is(mtls('good')->{status}, 200, 'a good certificate');
is(mtls('bad')->{status}, 400, 'a bad one');
is(mtls()->{status}, 400, 'none');

my $plain = acme_admin($t, port => 8082)->get('');
is($plain->{status}, 403, 'without TLS');
is($plain->{type}, 'application/problem+json', 'a problem');
is(acme_admin($t, port => 8082, path => '/both')->get('')->{status}, 200,
    'where something else guards it, too');

is(mtls('good', 'eab', '{"label":"x"}')->{status}, 201, 'a write');
is(acme_ca_sql_value($t, "SELECT json_extract(details, '\$.user')
    FROM acme_audit_logs WHERE action = 'eab-create'"), 'CN=good,O=Corp',
    'audited with its subject');

###############################################################################

# others

my $request = acme_admin($t, path => '/request');
is($request->get('')->{type}, 'application/problem+json', 'auth_request: no');
is($request->get('', headers => "X-Ask: yes\r\n")->{status}, 200,
    'auth_request: yes');
is($request->post('eab', { label => 'x' })->{status}, 403,
    'auth_request: POST, no');
is($request->post('eab', { label => 'x' }, headers => "X-Ask: yes\r\n")
    ->{status}, 201, 'auth_request: POST, yes');

my $except = acme_admin($t, path => '/except');
is($except->get('eab')->{status}, 200, 'limit_except: GET');
is($except->post('eab', { label => 'x' })->{status}, 403,
    'limit_except: POST');

my $if = acme_admin($t, path => '/if');
is($if->get('eab', headers => "X-If: 1\r\n")->{status}, 200, 'if');
is($if->post('eab', { label => 'x' }, headers => "X-If: 1\r\n")->{status}, 201,
    'if: POST');

# a password is asked for once

foreach my $path ('/admin-basic', '/secret') {
    my $head = Test::Nginx::http("GET $path/ HTTP/1.1\r\nHost: a\r\n"
        . "Connection: close\r\n\r\n");
    is(scalar(() = $head =~ /^WWW-Authenticate:/mg), 1, "$path: asks once");
}

# a name that nobody checked is no name

my $any = acme_admin($t, path => '/any', user => 'mallory:x');
is($any->post('eab', { label => 'any' })->{status}, 201, 'satisfy any');
is(acme_admin($t, path => '/named', user => 'mallory:x')
    ->post('eab', { label => 'any' })->{status}, 201,
    'satisfy any, where another module read the name');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE details LIKE '%mallory%'"), 0, 'no name in the log');

is(acme_admin($t, path => '/open')->get('')->{status}, 200, 'open');
is(acme_admin($t, path => '/open')->post('eab', { label => 'x' })->{status},
    403, 'open: to read');

is(admin_errors(), '', 'all answers are as the document says');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub mtls {
    my ($name, $path, $body) = @_;

    my $socket = IO::Socket::SSL->new(
        PeerAddr => '127.0.0.1:' . port(8444),
        SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_NONE(),
        $name ? (SSL_use_cert => 1, SSL_cert_file => "$dir/$name.crt",
                 SSL_key_file => "$dir/$name.key") : (),
    ) or die "Can't connect\n";

    return acme_admin($t)->request($body ? 'POST' : 'GET',
        defined $path ? $path : '', socket => $socket,
        $body ? (type => 'application/json', body => $body) : ());
}

###############################################################################
