#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# An example in the data-driven style of OpenResty's Test::Nginx::Socket, which
# is another library than Test::Nginx in ../lib:
#
#     cpanm Test::Nginx::Socket
#     TEST_NGINX_LOAD_MODULES=/path/ngx_http_acme_ca_module.so \
#         prove t/socket

use warnings;
use strict;

use Test::More;

BEGIN {
    eval { require Test::Nginx::Socket; Test::Nginx::Socket->import(); 1 }
        or plan(skip_all => 'no Test::Nginx::Socket');
}

plan(tests => repeat_each() * (blocks() * 2 + 4));

no_shuffle();
run_tests();

__DATA__

=== TEST 1: directory
--- http_config
    acme_ca_authority default { path $TEST_NGINX_SERVER_ROOT/ca; }
--- config
    location /acme/ { acme_ca; }
--- request
    GET /acme/directory
--- response_headers
Content-Type: application/json
--- response_body_like: "newOrder":"http://[^"]+/acme/new-order"
--- error_code: 200



=== TEST 2: a nonce
--- http_config
    acme_ca_authority default { path $TEST_NGINX_SERVER_ROOT/ca; }
--- config
    location /acme/ { acme_ca; }
--- request
    HEAD /acme/new-nonce
--- response_headers_like
Replay-Nonce: [A-Za-z0-9_-]{22,}
Cache-Control: no-store
--- response_body
--- error_code: 200



=== TEST 3: method
--- http_config
    acme_ca_authority default { path $TEST_NGINX_SERVER_ROOT/ca; }
--- config
    location /acme/ { acme_ca; }
--- request
    GET /acme/new-order
--- response_headers
Allow: POST
--- response_body_like: urn:ietf:params:acme:error:malformed
--- error_code: 405
