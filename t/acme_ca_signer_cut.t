#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# An external signer whose answer breaks off: what came is no answer, and it is
# asked again.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Signer;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy rewrite cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

signer_start($t, 8090);

acme_ca_conf($t,
    authority => 'signer /sign timeout=1m deadline=5m revoke=/revoke;'
        . " signer_trusted_certificate $dir/signer/root.pem;",
    server => <<'EOF2')->plan(6)->run();

        location = /sign {
            internal;
            proxy_http_version 1.1;
            proxy_set_header Connection close;
            proxy_pass http://127.0.0.1:%%PORT_8090%%;
        }

        location = /revoke {
            internal;
            return 204;
        }
EOF2

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

put_signer($t, 'cut.example', cut => 1);
is($acme->issue([ 'cut.example' ])->{order}->json()->{status}, 'valid',
    'an answer that broke off');
is(signer_requests($t, 'cut.example'), 2, 'asked again');
is(acme_ca_sql_value($t, "SELECT group_concat(outcome) FROM acme_audit_logs"
    . " WHERE action = 'sign'"), 'failed', 'audited');

put_signer($t, 'whole.example', chunks => 1);
my $chain = $acme->issue([ 'whole.example' ])->{chain};
is(signer_requests($t, 'whole.example'), 1, 'in chunks');

is($acme->revoke($chain)->outcome(), '200', 'revoked');
ok(acme_ca_wait(sub { (acme_ca_sql_value($t, "SELECT outcome"
    . " FROM acme_audit_logs WHERE action = 'revoke-at-signer'") || '')
    eq 'done' }), 'an answer of nginx itself');

###############################################################################
