#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# acmetool, which asks for an account before it makes one, and insists on https.
# It has its own server, and cannot revoke with ACMEv2.

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

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('acmetool');
my $dir = $t->testdir();

interop_conf($t)->plan(17)->run();

my @command = ('acmetool', '--state', "$dir/acmetool", '--hooks', "$dir/hooks",
    '--batch');
my $live = "$dir/acmetool/live/a.example/fullchain";

###############################################################################

mkdir "$dir/$_" foreach qw! hooks acmetool acmetool/conf !;
$t->write_file('acmetool/conf/responses',
    '"acme-enter-email": "admin@example.com"' . "\n");
target('rsa');

interop_ok($t, 'want', @command, 'want', 'a.example', 'b.example');

my $first = interop_slurp($live);
is(interop_names($first), 'a.example b.example', 'names');
is(chain_verify($first, interop_root($t)), 'OK', 'chain');
is(interop_stored($t, $first), 'valid serial order valid downloaded', 'stored');
is(interop_audit($t, $first), 'issue done, download done', 'audited');
is(interop_validated($t, 'done'), 2, 'both names validated');

# nothing to do is nothing done

interop_ok($t, 'reconcile', @command, 'reconcile');
is(interop_slurp($live), $first, 'still the same');

# it makes another one when the first has become unfit

unlink glob "$dir/acmetool/desired/*";
target('ecdsa', 'a.example');
interop_ok($t, 'again', @command, 'reconcile');

my $second = interop_slurp($live);
isnt($second, $first, 'another certificate');
like(cert_text($second), qr/ASN1 OID: prime256v1/, 'of another key');
is(chain_verify($second, interop_root($t)), 'OK', 'its chain');
is(interop_stored($t, $second), 'valid serial order valid downloaded',
    'stored as well');
is(interop_audit($t, $second), 'issue done, download done', 'audited as well');

is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_accounts'), 1,
    'one account');

# a name that nobody knows

my ($status, $text) = interop_client($t, @command, 'want', 'gone.example');
isnt($status, 0, 'a name that resolves to nothing');
like($text, qr/acme:error:dns.*no address for gone\.example/s, 'says why');

undef $t;

###############################################################################

sub target {
    my ($type, $name) = @_;
    my $file = defined $name ? "desired/$name" : 'conf/target';
    my $server = acme_ca_url(tls => 1) . '/directory';
    my $port = port(8083);
    my $satisfy = defined $name ? <<EOF : '';
satisfy:
  names:
    - a.example
    - b.example
  key:
    type: $type
EOF

    $t->write_file("acmetool/$file", <<EOF);
${satisfy}request:
  provider: $server
  key:
    type: $type
  challenge:
    http-ports:
      - 127.0.0.1:$port
    http-self-test: false
EOF
}

###############################################################################
