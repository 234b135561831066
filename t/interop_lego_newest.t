#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What lego 5 can besides: profiles, addresses, dns-persist-01, key change, a
# renewal that the operator asks for (RFC 9773).

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

plan(skip_all => 'no lego 5') unless `lego --version` =~ /version v?[5-9]/;

interop_conf($t, challenges => 'http-01 tls-alpn-01 dns-01 dns-persist-01',
    authority => 'tls_alpn_01_ports %%PORT_8084%%;
        caa_identities ca.example;
        external_account_binding optional;
        renewal_info_retry_after 1s;
        profile default { lifetime 90d; }
        profile short { lifetime 6d; }')->plan(38)->run();

my $server = acme_ca_url(tls => 1) . '/directory';
my $hook = interop_dns_hook($t);
my ($kid, $key) = interop_eab($t, '--label', 'lego');
my @run = ('run', '--accept-tos', '--no-random-sleep');
my @http = ('--http', '--http.address', '127.0.0.1:' . port(8083));

###############################################################################

lego_ok('names', @run, @http, '--profile', 'short', '-d', 'a.example', '-d',
    'b.example');
my $first = chain('a.example');
interop_issued($t, 'names', $first, 'a.example b.example');
is(acme_ca_sql_value($t, 'SELECT e.label FROM acme_accounts AS a
    JOIN acme_eab_credentials AS e ON e.id = a.eab_id'), 'lego',
    'the account is bound');

lego_ok('address', @run, @http, '-d', '127.0.0.1');
interop_issued($t, 'address', chain('127.0.0.1'), '127.0.0.1');

lego_ok('tls-alpn-01', @run, '--tls', '--tls.address',
    '127.0.0.1:' . port(8084), '-d', 'c.example');
interop_issued($t, 'tls-alpn-01', chain('c.example'), 'c.example');

lego_ok('wildcard', @run, '--dns', 'exec', '--dns.resolvers',
    '127.0.0.1:' . port(8053), '--dns.propagation.disable-ans',
    '--dns.propagation.disable-rns', '-d', '*.wild.example');
interop_issued($t, 'wildcard', chain('_.wild.example'), '*.wild.example');

# a record that stays, and is there already

my ($account) = interop_run('find', "$dir/lego/accounts", '-name', '*.json',
    '-exec', 'cat', '{}', ';') =~ m!"(https://[^"]+/acme/account/[^"/]+)"!;
acme_ca_dns($t, '_validation-persist.stay.example' => {
    TXT => "ca.example; accounturi=$account; policy=wildcard" });
lego_ok('dns-persist-01', @run, '--dns-persist', '--dns-persist.resolvers',
    '127.0.0.1:' . port(8053), '--dns-persist.propagation.disable-ans', '-d',
    '*.stay.example');
interop_issued($t, 'dns-persist-01', chain('_.stay.example'),
    '*.stay.example');

# it wants to be told yes
interop_ok($t, 'key change', environment(), 'sh', '-c',
    'echo Y | lego accounts keyrollover');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE action = 'key-change' AND outcome = 'done'"), 1, 'it is changed');

# nothing is due, until the operator wishes it

lego_ok('not due', @run, @http, '--profile', 'short', '-d', 'a.example', '-d',
    'b.example');
is(chain('a.example'), $first, 'the same certificate');

interop_move($t, '--name', '.example', '--profile', 'short');
lego_ok('moved', @run, @http, '--profile', 'short', '-d', 'a.example', '-d',
    'b.example');

my $second = chain('a.example');
interop_issued($t, 'renewed', $second, 'a.example b.example');
interop_replaces($t, 'renewed', $second, $first);

lego_ok('revoke', 'certificates', 'revoke', '--cert.name', 'a.example',
    '--keep', '--reason', 1);
is(interop_stored($t, $second), 'revoked (1) serial order valid downloaded',
    'revoked');

undef $t;

###############################################################################

sub lego_ok {
    my ($name, @args) = @_;

    return interop_ok($t, $name, environment(), 'lego', @args);
}


sub environment {
    return ("EXEC_PATH=$hook", "LEGO_PATH=$dir/lego", "LEGO_SERVER=$server",
            'LEGO_EMAIL=admin@example.com', 'LEGO_EAB=true',
            "LEGO_EAB_KID=$kid", "LEGO_EAB_HMAC=$key");
}


sub chain {
    my ($name) = @_;

    return interop_slurp("$dir/lego/certificates/$name.crt");
}

###############################################################################
