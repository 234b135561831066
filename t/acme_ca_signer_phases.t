#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The external signer and the rest of nginx: the operator revokes in the admin
# location, requests to the signer are delayed by a limit.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Admin;
use Test::Nginx::AcmeCa::Signer;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy access limit_req cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

signer_start($t, 8090);

acme_ca_conf($t,
    authority => 'signer /sign timeout=1m deadline=5m revoke=/revoke;'
        . " signer_trusted_certificate $dir/signer/root.pem;",
    http => 'limit_req_zone $server_name zone=calls:1m rate=30r/m;',
    server => <<'EOF2')->plan(10)->run();

        location = /sign {
            internal;
            limit_req zone=calls burst=5;
            proxy_pass http://127.0.0.1:%%PORT_8090%%;
        }

        location = /revoke {
            internal;
            proxy_pass http://127.0.0.1:%%PORT_8090%%;
        }

        location /admin/ {
            acme_ca_admin default full;
            allow 127.0.0.1; deny all;
        }
EOF2

my $admin = acme_admin($t);
my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# who signed hears of a revocation, whoever revokes

my $chain = $acme->issue([ 'a.example' ])->{chain};
my $serial = lc cert_field($chain, 'serial');

is($admin->post("certificates/$serial/revoke", { reason => 4 })->{status},
    200, 'revoked by the operator');
ok(acme_ca_wait(sub { signer_requests($t, 'revoke') }), 'the signer hears');

my ($request) = signer_log($t, 'revoke');
is($request->{fields}{'acme-ca-serial'}, $serial, 'which');
is(json_decode($request->{body} || '{}')->{reason}, 4, 'why');
ok(acme_ca_wait(sub { acme_ca_sql_value($t, 'SELECT count(*)'
    . ' FROM acme_signer_jobs') == 0 }), 'it was told');
is(acme_ca_sql_value($t, "SELECT outcome FROM acme_audit_logs"
    . " WHERE action = 'revoke-at-signer'"), 'done', 'audited');
is($admin->post("certificates/$serial/revoke", {})->{status}, 409,
    'only once');

# a request that a limit delays goes on

is($acme->issue([ 'b.example' ])->{order}->json()->{status}, 'valid',
    'delayed at most');
is($acme->issue([ 'c.example' ])->{order}->json()->{status}, 'valid',
    'delayed');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs"
    . " WHERE action = 'sign'"), 0, 'no attempt failed');

###############################################################################
