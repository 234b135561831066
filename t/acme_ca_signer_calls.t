#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# How often the external signer is asked at a time: what is beyond that waits in
# the database, and its clients are told that it does.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Signer;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

signer_start($t, 8090);

acme_ca_conf($t, workers => 1,
    authority => 'signer /sign timeout=60s calls=1;'
        . " signer_trusted_certificate $dir/signer/root.pem;",
    server => 'location = /sign { internal;'
        . ' proxy_pass http://127.0.0.1:%%PORT_8090%%; }')
    ->plan(8)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

put_signer($t, 'one.example', hold => "$dir/go");

my ($one, $two) = map { $acme->ready_order([ "$_.example" ]) } qw/ one two /;

is(finalize($one, 'one.example'), 'processing', 'the first');
ok(acme_ca_wait(sub { signer_requests($t) == 1 }), 'is asked for');
is(finalize($two, 'two.example'), 'processing', 'the second');
is(signer_requests($t), 1, 'is not');

$t->write_file('go', '');

foreach my $order ($one, $two) {
    is($acme->poll($order->location())->json()->{status}, 'valid', 'both end');
}

is(signer_requests($t), 2, 'asked once each');
is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_signer_jobs'), 0,
    'no job is left');

###############################################################################

sub finalize {
    my ($order, $name) = @_;

    return $acme->finalize($order, acme_csr(key => acme_key('ES256'),
        dns => [ $name ]))->json()->{status};
}

###############################################################################
