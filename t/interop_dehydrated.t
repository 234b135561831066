#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# dehydrated, bash and curl, with a webroot: account, two names, renewal,
# revocation; with a hook a wildcard by dns-01.

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
    ->has_daemon('dehydrated')->has_daemon('curl');
my $dir = $t->testdir();

interop_conf($t, webroot => 1, challenges => 'http-01 dns-01')
    ->plan(30)->run();

my $server = acme_ca_url(tls => 1) . '/directory';
my $certs = "$dir/dehydrated/certs";
my @names = map { ('--domain', $_) } 'a.example b.example';

###############################################################################

mkdir "$dir/dehydrated";

$t->write_file('dehydrated/config', <<EOF);
CA="$server"
BASEDIR="$dir/dehydrated"
WELLKNOWN="$dir/webroot/.well-known/acme-challenge"
CONTACT_EMAIL=admin\@example.com
KEYSIZE=2048
EOF

dehydrated('register', '--register', '--accept-terms');
is(acme_ca_sql_value($t, 'SELECT contact FROM acme_accounts'),
    '["mailto:admin@example.com"]', 'contact');
dehydrated('account', '--account');

foreach my $algo (qw/ prime256v1 rsa /) {
    my $alias = "one-$algo";
    my @args = ('--cron', @names, '--alias', $alias, '--algo', $algo);

    dehydrated("$algo cron", @args);

    my $first = interop_slurp("$certs/$alias/fullchain.pem");
    is(interop_names($first), 'a.example b.example', "$algo names");
    is(chain_verify($first, interop_root($t)), 'OK', "$algo chain");
    is(interop_stored($t, $first), 'valid serial order valid downloaded',
        "$algo stored");

    dehydrated("$algo again", @args, '--force', '--force-validation');

    my $second = interop_slurp("$certs/$alias/fullchain.pem");
    isnt(cert_field($second, 'serial'), cert_field($first, 'serial'),
        "$algo another serial");
    is(chain_verify($second, interop_root($t)), 'OK', "$algo its chain");
    is(interop_audit($t, $second), 'issue done, download done',
        "$algo audited");

    dehydrated("$algo revoke", '--revoke', "$certs/$alias/cert.pem");
    is(interop_stored($t, $second), 'revoked serial order valid downloaded',
        "$algo revoked");
}

# a wildcard and its base

dehydrated('wildcard', '--cron', '--domain', 'wild.example *.wild.example',
    '--alias', 'wild', '--challenge', 'dns-01', '--hook',
    interop_dns_hook($t));

my $wild = interop_slurp("$certs/wild/fullchain.pem");
is(interop_names($wild), '*.wild.example wild.example', 'its names');
is(chain_verify($wild, interop_root($t)), 'OK', 'its chain');
is(interop_stored($t, $wild), 'valid serial order valid downloaded',
    'wildcard stored');

# a name that nobody knows

my ($status, $text) = interop_client($t, command('--cron', '--domain',
                                                 'gone.example'));
isnt($status, 0, 'a name that resolves to nothing');
like($text, qr/acme:error:dns.*gone\.example/s, 'says why');

dehydrated('deactivate', '--deactivate');

undef $t;

###############################################################################

sub dehydrated {
    my ($name, @args) = @_;

    return interop_ok($t, $name, command(@args));
}


sub command {
    return ('dehydrated', @_, '--config', "$dir/dehydrated/config");
}

###############################################################################
