#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What the workers do by themselves: what ended long ago is forgotten, what
# expired is noted, and pages that nothing uses are given back to the disk.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /);

plan(skip_all => 'no sqlite3 program')
    if system('sqlite3 -version > /dev/null 2>&1') != 0;

acme_ca_conf($t, authority => 'retention 1d;')->plan(11)->run();

my $acme = acme_client($t);
my $path = $t->testdir() . '/ca/ca.db';
$acme->issue([ $_ ]) for qw/ old.example new.example /;

is(sql('PRAGMA auto_vacuum'), 2, 'a new database can shrink');

###############################################################################

# as if the first order had ended long ago and its certificate had expired,
# and as if a thousand pages had been in use until now

my ($pages, $free) = split /\n/, sql(<<'END');
PRAGMA foreign_keys = OFF;
BEGIN IMMEDIATE;
UPDATE acme_orders SET created_at = created_at - 900000,
    updated_at = updated_at - 900000, expires_at = expires_at - 9000000
WHERE id = 1;
UPDATE acme_authorizations SET created_at = created_at - 900000,
    updated_at = updated_at - 900000, expires_at = expires_at - 9000000
WHERE id = 1;
UPDATE acme_certificates SET not_after = unixepoch() - 1 WHERE order_id = 1;
INSERT INTO acme_eab_credentials
    (kid, hmac_key, label, names, profiles, accounts, created_at, expires_at)
VALUES ('a', randomblob(32), 'a', '', '', 0, 1, 2),
       ('b', randomblob(32), 'b', '', '', 0, 1, 2);
CREATE TABLE big (x);
INSERT INTO big SELECT zeroblob(4000000);
DROP TABLE big;
PRAGMA page_count;
PRAGMA freelist_count;
COMMIT;
END

# the workers begin to give them back at once
cmp_ok($pages, '>', 900, 'many pages');
cmp_ok($free, '>', 900, 'for nothing');

ok(acme_ca_wait(sub { sql('PRAGMA page_count') < $pages / 4 }, 60),
    'they are given back');
cmp_ok(sql('PRAGMA freelist_count'), '>', 0, 'but for some');

# workers sweep soon after their start

$t->reload();

ok(acme_ca_wait(sub { sql('SELECT count(*) FROM acme_certificates'
    . ' WHERE expired_at IS NOT NULL') == 1 }, 180), 'one expired');
is(sql('SELECT group_concat(id) FROM acme_orders'), 2, 'its order is forgotten');
is(sql('SELECT group_concat(id) FROM acme_authorizations'), 2,
    'with its authorization');
is(sql('SELECT group_concat(kid) FROM acme_eab_credentials'), 'b',
    'an external account as well, but for the newest');

is(sql('PRAGMA integrity_check'), 'ok', 'all is sound');
ok($acme->issue([ 'more.example' ])->{chain}, 'and goes on');

###############################################################################

sub sql {
    my ($text) = @_;

    $t->write_file('in.sql', ".timeout 10000\n$text;\n");

    my $out = `sqlite3 -batch $path < @{[ $t->testdir() ]}/in.sql 2>&1`;
    chomp $out;

    return $out;
}

###############################################################################
