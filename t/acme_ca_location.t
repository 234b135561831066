#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What an operator may write around acme_ca in its location.

###############################################################################

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx qw/ :DEFAULT port /;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx rewrite access auth_basic
    limit_req limit_conn /)->has_daemon('sqlite3');

acme_ca_module($t);
chmod 0755, $t->testdir();
$t->write_file('users', "a:{PLAIN}b\n");

$t->write_file_expand('nginx.conf', <<'EOC')->plan(42)->run();

%%TEST_GLOBALS%%

daemon off;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    acme_ca_authority default {
        path %%TESTDIR%%/ca;
    }

    limit_req_zone  $server_name  zone=req:32k  rate=1r/m;
    limit_req_zone  $server_name  zone=many:32k  rate=1r/m;
    limit_conn_zone  $server_name  zone=conn:32k;

    server {
        listen       127.0.0.1:8080;
        server_name  localhost;

        lingering_timeout  1s;

        location /acme {
            acme_ca;
        }

        location /if/ {
            acme_ca;

            if ($http_x_test) {
                set $seen 1;
            }
        }

        location /except/ {
            acme_ca;

            limit_except GET {
                allow 127.0.0.1;
                deny all;
            }
        }

        location /denied/ {
            acme_ca;
            deny all;
        }

        location /known/ {
            acme_ca;
            auth_basic            known;
            auth_basic_user_file  %%TESTDIR%%/users;
        }

        location /slow/ {
            acme_ca;
            limit_req  zone=req;
        }

        location /many/ {
            acme_ca;
            limit_req         zone=many;
            limit_req_status  429;
        }

        location /conn/ {
            acme_ca;
            limit_conn  conn 1;
        }

        location /shut/ {
            acme_ca;
            return 503;
        }

        location /gone/ {
            acme_ca;
            return 410;
        }

        location /page/ {
            acme_ca;
            error_page 403 = /acme/directory;
            deny all;
        }
    }
}

EOC

###############################################################################

like(http_get('/acme/directory'), qr/"newNonce"/, 'no slash at the end');
like(http_get('/acme'), qr/"newNonce"/, 'the location itself');
like(http_get('/acmedirectory'), qr/404 Not Found.*problem\+json/s,
    'a longer word');

like(http_get('/if/directory'), qr/"newNonce"/, 'if that is false');
like(asked('GET', '/if/directory', 'X-Test: 1'), qr/"newNonce"/,
    'if that is true');
like(asked('POST', '/if/new-order', 'X-Test: 1', 'Content-Length: 2', '{}'),
    qr/415 .*problem\+json/s, 'a refusal inside if');
like(asked('POST', '/if/new-order', 'X-Test: 1', 'Content-Length: 200000'),
    qr/413 .*problem\+json.*"status":413/s, 'a limit inside if');

like(http_get('/except/directory'), qr/"newNonce"/, 'limit_except, GET');
like(asked('POST', '/except/new-order', 'Content-Length: 2', '{}'),
    qr/415 .*problem\+json/s, 'limit_except, POST');

# whom nginx keeps out is told in our words, and nothing is written about it

my $agent = 'User-Agent: kept out';

my $held = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . port(8080))
    or die "Can't connect: $!\n";
$held->syswrite("POST /conn/new-order HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Length: 10\r\n\r\n");
acme_ca_wait(sub { http_get('/conn/directory') =~ / 429 / });

foreach my $case (
    [ 'denied', 403, 'unauthorized' ],
    [ 'known', 401, 'unauthorized', qr/^WWW-Authenticate: Basic realm="known"/m ],
    [ 'conn', 429, 'rateLimited', qr/^Retry-After: \d/m ],
    [ 'shut', 503, 'serverInternal', qr/^Retry-After: \d/m ],
    [ 'slow', 429, 'rateLimited', qr/^Retry-After: \d/m ],
    [ 'many', 429, 'rateLimited', qr/^Retry-After: \d/m ])
{
    my ($name, $status, $type, $field) = @$case;
    my $told = qr/^HTTP\/1.1\ $status\ .*\ application\/problem\+json
        .*error:$type".*"status":$status/sx;

    http_get("/$name/directory") if $name eq 'slow' || $name eq 'many';

    foreach my $reply (asked('GET', "/$name/directory", $agent),
        asked('POST', "/$name/new-order", $agent, 'Content-Length: 2', '{}'))
    {
        like($reply, $told, "$name: told");
        like($reply, $field, "$name: and what else") if $field;
    }
}

like(asked('GET', '/known/directory', 'Authorization: Basic YTpi'),
    qr/"newNonce"/, 'known');
like(asked('HEAD', '/denied/new-nonce', $agent),
    qr/^HTTP\/1.1 403 .*problem\+json.*\r\n\r\n\z/s, 'HEAD');
like(asked('POST', '/denied/new-order', 'Content-Length: 200000'),
    qr/403 .*problem\+json.*"status":403/s, 'refused twice');
like(http_get('/denied/!fault'), qr/403 .*problem\+json/s, 'our own page');
like(http_get('/gone/directory'), qr/^HTTP\/1.1 410 .*<html>/s, 'another status');
like(http_get('/page/directory'), qr/"newNonce"/, 'a page of the operator');
is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_audit_logs'
    . " WHERE user_agent = 'kept out'"), 0, 'not in the audit log');
close $held;

# there is no other version of what is answered to a signed request

like(asked('GET', '/acme/directory', $_), qr/200 OK.*"newNonce"/s, $_)
    foreach 'If-None-Match: *', 'If-Match: "a"',
            'If-Modified-Since: Sat, 21 Nov 2026 00:00:00 GMT';

like(asked('POST', '/acme/new-order', 'Transfer-Encoding: chunked', "zz\r\n"),
    qr/400 .*problem\+json.*"status":400/s, 'bad chunks');

undef $t;

###############################################################################

# the last argument is the body if it is no header field

sub asked {
    my ($method, $uri, @fields) = @_;
    my $body = $fields[-1] =~ /^[\w-]+: / ? '' : pop @fields;

    return http(join("\r\n", "$method $uri HTTP/1.1", 'Host: localhost',
        'Connection: close', @fields, '', $body));
}

###############################################################################
