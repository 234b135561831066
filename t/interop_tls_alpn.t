#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# tls-alpn-01 with real clients: lego's own server, and uacme with ualpn, which
# can also prove addresses.

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

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /);
my $dir = $t->testdir();

my %there = map { my $name = $_;
    $name => (grep { -x "$_/$name" } split /:/, $ENV{PATH}) ? 1 : 0
} qw/ lego uacme ualpn /;

# lego 5 has other options
$there{lego} = 0 if $there{lego} && `lego --version` =~ /version v?[5-9]/;

plan(skip_all => 'neither lego nor uacme with ualpn')
    unless $there{lego} || $there{uacme} && $there{ualpn};

# uacme trusts the system's roots and no others: http for that one
interop_conf($t, base_url => '', challenges => 'tls-alpn-01 http-01',
    authority => 'tls_alpn_01_ports %%PORT_8084%% %%PORT_8085%%;');

if ($there{ualpn}) {
    $t->run_daemon('ualpn', '-b', '127.0.0.1@' . port(8085), '-c',
        '127.0.0.1@' . port(8080), '-n', 1, '-s', "$dir/ualpn.sock", '-p',
        "$dir/ualpn.pid", '-l', "$dir/ualpn.log");
    $t->waitforsocket('127.0.0.1:' . port(8085));
}

$t->plan(21)->run();

###############################################################################

SKIP: {
    skip 'no lego', 9 unless $there{lego};

    my @names = qw/ a.lego.example b.lego.example /;
    my $file = "$dir/lego/certificates/$names[0].crt";

    lego('lego run', \@names, 'run');

    my $first = interop_slurp($file);
    is(interop_names($first), "@names", 'lego names');
    is(chain_verify($first, interop_root($t)), 'OK', 'lego chain');
    is(interop_stored($t, $first), 'valid serial order valid downloaded',
        'lego stored');
    is(proven('%.lego.example'), 'valid 2', 'lego proven');

    lego('lego renew', \@names, 'renew', '--days', 9999, '--no-random-sleep');
    isnt(cert_field(interop_slurp($file), 'serial'),
        cert_field($first, 'serial'), 'lego another serial');

    lego('lego revoke', [ $names[0] ], 'revoke');
    is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_certificates
        WHERE status = 'revoked'"), 1, 'lego revoked');
}

SKIP: {
    skip 'no uacme with ualpn', 12 unless $there{uacme} && $there{ualpn};

    my $hook = interop_script($t, 'hook', <<EOF);
#!/bin/sh
[ "\$2" = tls-alpn-01 ] || exit 1

case \$1 in
    begin) text="auth \$3 \$5" ;;
    *)     text="unauth \$3" ;;
esac

[ "\$(echo "\$text" | ualpn -s $dir/ualpn.sock)" = OK ]
EOF

    uacme('uacme account', 'new');
    uacme('uacme issue', '--hook', $hook, 'issue', 'a.uacme.example',
        'b.uacme.example');

    my $file = "$dir/uacme/a.uacme.example/cert.pem";
    my $pem = interop_slurp($file);

    is(interop_names($pem), 'a.uacme.example b.uacme.example', 'uacme names');
    is(chain_verify($pem, interop_root($t)), 'OK', 'uacme chain');
    is(interop_stored($t, $pem), 'valid serial order valid downloaded',
        'uacme stored');
    is(proven('%.uacme.example'), 'valid 2', 'uacme proven');

    uacme('uacme revoke', 'revoke', $file);

    uacme('uacme address', '--hook', $hook, 'issue', '127.0.0.1');

    $pem = interop_slurp("$dir/uacme/127.0.0.1/cert.pem");
    like(cert_text($pem), qr/IP Address:127\.0\.0\.1\n/, 'uacme its SAN');
    is(chain_verify($pem, interop_root($t)), 'OK', 'uacme its chain');
    is(interop_stored($t, $pem), 'valid serial order valid downloaded',
        'uacme it is stored');
    is(proven('127.0.0.1'), 'valid 1', 'uacme it is proven');
}

undef $t;

###############################################################################

# "status count" of the tls-alpn-01 challenges of these names

sub proven {
    my ($names) = @_;

    return join ', ', map { "$_->{status} $_->{n}" }
        acme_ca_sql($t, "SELECT c.status, count(*) AS n
            FROM acme_challenges c
            JOIN acme_authorizations a ON a.id = c.authz_id
            WHERE c.type = 1 AND a.identifier LIKE '$names'
            GROUP BY c.status");
}


sub lego {
    my ($name, $names, @args) = @_;

    return interop_ok($t, $name, 'lego', '--server',
        acme_ca_url(tls => 1) . '/directory', '--path', "$dir/lego", '--email',
        'lego@example.com', '--accept-tos', '--tls', '--tls.port',
        '127.0.0.1:' . port(8084), (map { ('--domains', $_) } @$names), @args);
}


sub uacme {
    my ($name, @args) = @_;

    return interop_ok($t, $name, 'uacme', '--yes', '--verbose', '--confdir',
        "$dir/uacme", '--acme-url', acme_ca_url() . '/directory', @args);
}

###############################################################################
