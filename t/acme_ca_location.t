#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What an operator may write around acme_ca in its location.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http rewrite /);

acme_ca_module($t);
chmod 0755, $t->testdir();

$t->write_file_expand('nginx.conf', <<'EOC')->plan(13)->run();

%%TEST_GLOBALS%%

daemon off;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    acme_ca_authority default {
        path %%TESTDIR%%/ca;
    }

    server {
        listen       127.0.0.1:8080;
        server_name  localhost;

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
