#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# acme.sh: two names with a profile, an address, a
# wildcard by dns-01, an external account, a renewal that the operator asks for,
# revocation, the account's end.

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
    ->has_daemon('acme.sh');
my $dir = $t->testdir();

interop_conf($t, webroot => 1, challenges => 'http-01 dns-01',
    authority => 'external_account_binding optional;
        renewal_info_retry_after 1s;
        profile default { lifetime 90d; }
        profile short { lifetime 6d; }')->plan(29)->run();

my $server = acme_ca_url(tls => 1) . '/directory';
my @webroot = ('--webroot', "$dir/webroot");

# its DNS providers are files of functions
my $hook = interop_dns_hook($t);

mkdir "$dir/acme.sh";
mkdir "$dir/acme.sh/dnsapi";
$t->write_file('acme.sh/dnsapi/dns_test.sh', <<EOF);
dns_test_add() { "$hook" present "\$1" "\$2"; }
dns_test_rm() { "$hook" cleanup "\$1" "\$2"; }
EOF

###############################################################################

my ($kid, $key) = interop_eab($t, '--label', 'acme.sh');

my ($status, $text) = acme_sh('--register-account');
isnt($status, 0, 'no external account');

acme_sh_ok('bound', '--register-account', '--eab-kid', $kid, '--eab-hmac-key',
    $key);
is(acme_ca_sql_value($t, 'SELECT e.label FROM acme_accounts AS a
    JOIN acme_eab_credentials AS e ON e.id = a.eab_id'), 'acme.sh',
    'it is bound');

acme_sh_ok('names', '--issue', @webroot, '-d', 'a.example', '-d', 'b.example',
    '--cert-profile', 'short', '--keylength', 'ec-256');
my $first = chain('a.example_ecc');
interop_issued($t, 'names', $first, 'a.example b.example');

acme_sh_ok('address', '--issue', @webroot, '-d', '127.0.0.1', '--keylength',
    '2048');
interop_issued($t, 'address', chain('127.0.0.1'), '127.0.0.1');

acme_sh_ok('wildcard', '--issue', '--dns', 'dns_test', '--dnssleep', 1, '-d',
    'wild.example', '-d', '*.wild.example', '--keylength', 'ec-384');
interop_issued($t, 'wildcard', chain('wild.example_ecc'),
    '*.wild.example wild.example');

($status, $text) = acme_sh('--issue', @webroot, '-d', 'gone.example');
isnt($status, 0, 'a name that nobody knows');
like($text, qr/gone\.example/, 'which it says');

# renewal

interop_move($t, '--name', '.example', '--profile', 'short');
acme_sh_ok('moved', '--renew', '-d', 'a.example', '--ecc');

my $second = chain('a.example_ecc');
interop_issued($t, 'renewed', $second, 'a.example b.example');
interop_replaces($t, 'renewed', $second, $first);

# revocation

acme_sh_ok('revoke', '--revoke', '-d', 'a.example', '--ecc',
    '--revoke-reason', 4);
is(interop_stored($t, $second), 'revoked (4) serial order valid downloaded',
    'revoked');

acme_sh_ok('deactivate', '--deactivate-account');

undef $t;

###############################################################################

sub acme_sh {
    return interop_client($t, command(@_));
}


sub acme_sh_ok {
    my ($name, @args) = @_;

    return interop_ok($t, $name, command(@args));
}


sub command {
    my ($verb, @args) = @_;

    return ('acme.sh', '--home', "$dir/acme.sh", $verb, '--server', $server,
            '--ca-bundle', interop_root($t), @args);
}


sub chain {
    my ($name) = @_;

    return interop_slurp("$dir/acme.sh/$name/fullchain.cer");
}

###############################################################################
