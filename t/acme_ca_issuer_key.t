#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Root and intermediate with each kind of key: what they sign is verified.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');

my $dir = $t->testdir();

my %kinds = (
    p256    => [ qr/NIST CURVE: P-256/, qr/ecdsa-with-SHA256/ ],
    p384    => [ qr/NIST CURVE: P-384/, qr/ecdsa-with-SHA384/ ],
    rsa2048 => [ qr/Public-Key: \(2048 bit\)/, qr/sha256WithRSAEncryption/ ],
    rsa3072 => [ qr/Public-Key: \(3072 bit\)/, qr/sha256WithRSAEncryption/ ],
    rsa4096 => [ qr/Public-Key: \(4096 bit\)/, qr/sha256WithRSAEncryption/ ],
    ed25519 => [ qr/Algorithm: ED25519/i, qr/ED25519/i ],
);

# one that OpenSSL may lack, where nginx has the same as the command

my $known = run('openssl', 'list',
    '-public-key-algorithms') =~ /ML-DSA-65/i;

if ($known) {
    $kinds{"mldsa$_"} = [ qr/ML-DSA-$_/i, qr/ML-DSA-$_/i ]
        foreach 44, 65, 87;
}

my @kinds = sort keys %kinds;
my $http = join "\n", map { "acme_ca_authority $_ { path $dir/$_;"
    . " issuer_key_type $_; challenges http-01; http_01_ports %%PORT_8081%%;"
    . " resolver 127.0.0.1:%%PORT_8053_UDP%%; }" } @kinds;
my $server = join "\n", map { "location /$_/ { acme_ca $_; }" } @kinds;

acme_ca_conf($t, http => $http, server => $server)->plan(7 * @kinds + 3);

my $conf = $t->read_file('nginx.conf');

ok(!(acme_ca_config_test($t, $conf =~ s/issuer_key_type p256/issuer_key_type rsa1024/r))[0],
    'rsa1024 is refused');

my ($good, $said) = acme_ca_config_test($t,
    $conf =~ s/issuer_key_type p256/issuer_key_type mldsa65/r);

is($good, $known ? 1 : 0, 'mldsa65');
like($said, $known ? qr/successful/
    : qr/"mldsa65": this OpenSSL has no keys of the kind ML-DSA-65 in \S+:\d+/,
    'what is said');

unlink "$dir/nginx.pid";

$t->run();

###############################################################################

foreach my $kind (@kinds) {
    my ($key, $signature) = @{$kinds{$kind}};
    my ($root, $issuer) = map { $t->read_file("$kind/$_.pem") }
        'root', 'issuer';

    like(cert_text($root), $key, "$kind: root's key");
    like(cert_text($issuer), qr/$key/, "$kind: issuer's key");
    like(cert_text($issuer), qr/Signature Algorithm: $signature/,
        "$kind: signature of the root");

    my $acme = acme_client($t, at => $kind);
    $acme->new_account();
    my $chain = $acme->issue([ "$kind.example" ])->{chain};

    like(cert_text($chain), qr/Signature Algorithm: $signature/,
        "$kind: signature of a leaf");
    is(chain_verify($chain, "$dir/$kind/root.pem"), 'OK', "$kind: verified");

    SKIP: {
        skip 'no certtool', 1 unless -x '/usr/bin/certtool';
        skip 'gnutls does not know it', 1 if $kind =~ /^mldsa/
            && run('certtool', '--help')
               !~ /mldsa/i;

        $t->write_file('chain.pem', $chain);
        like(run('certtool', '--verify',
                 '--load-ca-certificate', "$dir/$kind/root.pem", '--infile',
                 "$dir/chain.pem"),
             qr/Chain verification output: Verified/, "$kind: gnutls");
    }

    my ($list) = grep { verified($_, "$dir/$kind/issuer.pem") }
        glob "$dir/$kind/crl/*.pem";
    ok($list, "$kind: CRL is verified");
}

undef $t;

###############################################################################

sub verified {
    my ($list, $issuer) = @_;

    return run('openssl', 'crl', '-in', $list,
        '-noout', '-CAfile', $issuer) =~ /verify OK/;
}

###############################################################################
