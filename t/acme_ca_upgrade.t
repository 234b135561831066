#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# A database that an older release made is brought up to date at start: its
# accounts, orders and validations go on.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use MIME::Base64 qw/ encode_base64url /;
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Jose;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');

acme_ca_conf($t)->plan(8);

# the first version's tables, as that release left them

my $db = acme_ca_database($t);
my $token = encode_base64url('an old token of 16');
my $now = time();

mkdir $t->testdir() . '/ca', 0700 or die "ca: $!";
my $acme = acme_client($t);
my $key = $acme->{key};

sqlite(first_schema(), <<"END");
INSERT INTO acme_ca_meta VALUES (1, randomblob(16), $now);
INSERT INTO acme_accounts VALUES
    (41, 'valid', x'@{[ unpack 'H*', thumb() ]}', '@{[ jwk_text() ]}', '[]',
     NULL, $now, $now);
INSERT INTO acme_orders VALUES
    (51, 41, 'pending', NULL, 0, NULL, NULL, NULL, NULL, $now, $now + 9999,
     $now);
INSERT INTO acme_authorizations VALUES
    (61, 41, 'dns', 'old.example', 0, 'pending', $now, $now + 9999, $now);
INSERT INTO acme_order_identifiers VALUES (51, 0, 'dns', 'old.example', 0, 61);
INSERT INTO acme_challenges (authz_id, type, status, token)
    VALUES (61, 0, 'pending', '$token');
END

is(acme_ca_sql_value($t, 'SELECT user_version FROM pragma_user_version'), 1,
    'first version');

my ($good, $said) = acme_ca_config_test($t, $t->read_file('nginx.conf'));
ok($good, 'configuration test') or diag($said);
is(acme_ca_sql_value($t, 'SELECT user_version FROM pragma_user_version'), 1,
    'which changes nothing');
unlink $t->testdir() . '/nginx.pid';

$t->run();

cmp_ok(acme_ca_sql_value($t, 'SELECT user_version FROM pragma_user_version'),
    '>', 1, 'brought up to date');
is($acme->find_account()->{status}, 200, 'account is known');

my $list = $acme->post($acme->account()->json()->{orders})->json()->{orders};
is(scalar(@$list), 1, 'order is there');

my $order = $acme->post($list->[0])->json();
my ($url) = @{$order->{authorizations}};
$acme->respond($url);
is($acme->poll($url)->json()->{status}, 'valid', 'its validation goes on');
is($acme->poll($list->[0])->json()->{status}, 'ready', 'order is ready');

###############################################################################

sub first_schema {
    open my $f, '<', "$FindBin::Bin/../sql/001_init.sql" or die "schema: $!";
    local $/;

    return scalar <$f>;
}


sub sqlite {
    open my $f, '|-', 'sqlite3', '-bail', $db or die "sqlite3: $!";
    print {$f} @_;
    close $f or die "sqlite3 failed";
    chmod 0600, $db;
}


sub thumb {
    return b64u_decode($key->thumbprint());
}


sub jwk_text {
    return json_encode($key->jwk());
}

###############################################################################
