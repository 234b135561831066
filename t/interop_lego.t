#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# lego with its own server, with a webroot and with dns-01: EC and RSA keys, a
# wildcard, renewal, revocation.

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
    ->has_daemon('lego');
my $dir = $t->testdir();

plan(skip_all => 'lego 5 has other options')
    if `lego --version` =~ /version v?[5-9]/;

interop_conf($t, http_01_ports => '%%PORT_8083%% %%PORT_8082%%',
    challenges => 'http-01 dns-01',
    authority => 'external_account_binding optional;')->plan(54)->run();

my @own = ('--http', '--http.port', '127.0.0.1:' . port(8083));
my @webroot = ('--http', '--http.webroot', "$dir/webroot");
my @dns = (qw/ --dns exec --dns.disable-cp --dns.resolvers /,
           '127.0.0.1:' . port(8053));
my $hook = interop_dns_hook($t);

###############################################################################

flow('ec256', qr/ASN1 OID: prime256v1/, @own);
flow('rsa2048', qr/Public-Key: \(2048 bit\)/, @own);
flow('ec384', qr/ASN1 OID: secp384r1/, @webroot);

is(interop_validated($t, 'done'), 6, 'six names validated');

flow('rsa4096', qr/Public-Key: \(4096 bit\)/, @dns);

# a name that nobody knows

my ($status, $text) = lego('ec256', [ 'gone.example' ], @own, 'run');
isnt($status, 0, 'a name that resolves to nothing');
like($text, qr/urn:ietf:params:acme:error:dns :: [^\n]*gone\.example/,
    'says why');

# a CA that wants accounts to be bound to an external one

my ($kid, $hmac) = interop_eab($t, '--label', 'Team', '--name', '.eab.example');

($status, $text) = lego('none', [ 'a.eab.example' ], @own, 'run');
isnt($status, 0, 'no external account');
like($text, qr/[Ee]xternal [Aa]ccount [Bb]inding/, 'which it says');

lego_ok('bound', 'eab', [ 'a.eab.example' ], '--eab', '--kid', $kid, '--hmac',
    $hmac, @own, 'run');
is(interop_names(interop_slurp(
    "$dir/lego-eab/certificates/a.eab.example.crt")), 'a.eab.example', 'names');
is(acme_ca_sql_value($t, "SELECT e.label FROM acme_accounts AS a
    JOIN acme_eab_credentials AS e ON e.id = a.eab_id"), 'Team',
    'the account is bound');
lego_ok('renewed', 'eab', [ 'a.eab.example' ], '--eab', '--kid', $kid, '--hmac',
    $hmac, @own, 'renew', '--days', 9999, '--no-random-sleep');
is(acme_ca_sql_value($t, 'SELECT accounts FROM acme_eab_credentials'), 1,
    'by the same account');

undef $t;

###############################################################################

# an account and a certificate of two names from the beginning to the end

sub flow {
    my ($type, $key, @http) = @_;
    my @names = map { "$_.$type.example" } $type eq 'rsa4096' ? '*' : 'a', 'b';
    my $file = "$dir/lego-$type/certificates/" . ($names[0] =~ tr/*/_/r)
               . '.crt';

    lego_ok("$type run", $type, \@names, @http, 'run');

    my $first = interop_slurp($file);
    is(interop_names($first), "@names", "$type names");
    like(cert_text($first), $key, "$type key");
    is(chain_verify($first, interop_root($t)), 'OK', "$type chain");
    is(interop_stored($t, $first), 'valid serial order valid downloaded',
        "$type stored");

    lego_ok("$type renew", $type, \@names, @http, 'renew', '--days', 9999,
        '--no-random-sleep');

    my $second = interop_slurp($file);
    isnt(cert_field($second, 'serial'), cert_field($first, 'serial'),
        "$type another serial");
    is(chain_verify($second, interop_root($t)), 'OK', "$type renewed chain");

    lego_ok("$type revoke", $type, \@names, 'revoke', '--keep', '--reason', 1);
    is(interop_stored($t, $second),
        'revoked (1) serial order valid downloaded', "$type revoked");
    is(interop_audit($t, $second), 'issue done, download done, revoke done',
        "$type audited");
}


sub lego {
    return interop_client($t, command(@_));
}


sub lego_ok {
    my ($name, @args) = @_;

    return interop_ok($t, $name, command(@args));
}


sub command {
    my ($type, $names, @args) = @_;

    return ("EXEC_PATH=$hook", 'lego', '--server',
        acme_ca_url(tls => 1) . '/directory',
        '--path', "$dir/lego-$type", '--email', "$type\@example.com",
        '--accept-tos', '--key-type', $type =~ /\d/ ? $type : 'ec256',
        (map { ('--domains', $_) } @$names), @args);
}

###############################################################################
