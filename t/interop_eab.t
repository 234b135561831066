#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# uacme and dehydrated with a CA that wants accounts to be bound to an external
# one; those of certbot and lego are tested beside their other tests.

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
    ->has_daemon('curl');
my $dir = $t->testdir();

# libcurl of uacme trusts the system's roots and no others: http for this one
interop_conf($t, webroot => 1, base_url => 'http://127.0.0.1:8080/acme',
    authority => 'external_account_binding optional;')->plan(12)->run();

my $server = acme_ca_url() . '/directory';

###############################################################################

SKIP: {
    skip 'no uacme', 5 unless has('uacme');

    my ($kid, $key) = interop_eab($t, '--label', 'uacme');
    my @uacme = ('uacme', '--verbose', '--yes', '--confdir', "$dir/uacme",
                 '--acme-url', $server);

    my ($status, $text) = interop_client($t, @uacme, 'new');
    isnt($status, 0, 'uacme: no external account');
    like($text, qr/requires external credentials/, 'uacme: which it says');

    interop_ok($t, 'uacme: bound', @uacme, '--eab', "$kid:$key", 'new');
    interop_ok($t, 'uacme: key change', @uacme, 'newkey');
    is(bound(), 'uacme', 'uacme: bound to it');
}

SKIP: {
    skip 'no dehydrated', 7 unless has('dehydrated');

    my ($kid, $key) = interop_eab($t, '--label', 'dehydrated', '--name',
                                  '.example');
    my $file = "$dir/dehydrated/config";
    my @dehydrated = ('dehydrated', '--config', $file);
    my $conf = <<EOF;
CA="$server"
BASEDIR="$dir/dehydrated"
WELLKNOWN="$dir/webroot/.well-known/acme-challenge"
EOF

    mkdir "$dir/dehydrated";
    $t->write_file('dehydrated/config', $conf);

    my ($status, $text) = interop_client($t, @dehydrated, '--register',
                                         '--accept-terms');
    isnt($status, 0, 'dehydrated: no external account');
    like($text, qr/external\s*account/i, 'dehydrated: which it says');

    $t->write_file('dehydrated/config',
                   $conf . "EAB_KID=$kid\nEAB_HMAC_KEY=$key\n");

    interop_ok($t, 'dehydrated: bound', @dehydrated, '--register',
               '--accept-terms');
    is(bound(), 'dehydrated', 'dehydrated: bound to it');

    interop_ok($t, 'dehydrated: a certificate', @dehydrated, '--cron',
               '--domain', 'a.example', '--algo', 'prime256v1');
    is(interop_names(interop_slurp(
        "$dir/dehydrated/certs/a.example/fullchain.pem")), 'a.example',
        'dehydrated: names');

    ($status, $text) = interop_client($t, @dehydrated, '--cron', '--domain',
                                      'a.other', '--algo', 'prime256v1');
    like($text, qr/external account .?.?.?dehydrated.?.?.? does not allow/,
        'dehydrated: a name that is not for it');
}

undef $t;

###############################################################################

sub has {
    my ($program) = @_;

    return grep { -x "$_/$program" } split /:/, $ENV{PATH};
}


# the label of the newest account's credential

sub bound {
    return acme_ca_sql_value($t, 'SELECT e.label FROM acme_accounts AS a
        JOIN acme_eab_credentials AS e ON e.id = a.eab_id
        ORDER BY a.id DESC LIMIT 1');
}

###############################################################################
