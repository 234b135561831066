#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The operator's own CA: "issuer CERTIFICATE KEY" with keys of each kind, and
# the mistakes that "nginx -t" finds.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use MIME::Base64 qw/ decode_base64 encode_base64 /;
use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my %kinds = (
    ec       => [ qw/ -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 / ],
    ec384    => [ qw/ -newkey ec -pkeyopt ec_paramgen_curve:secp384r1 / ],
    rsa      => [ qw/ -newkey rsa:2048 / ],
    ed25519  => [ qw/ -newkey ed25519 / ],
);

my %signed_by = (ec => 'ecdsa-with-SHA256', ec384 => 'ecdsa-with-SHA384',
    rsa => 'sha256WithRSAEncryption', ed25519 => 'ED25519');

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('openssl');
my $dir = $t->testdir();

acme_ca_module($t);

# RFC 7093 has identifiers as long as a digest

my %id = (ec => '5a' x 32, ec384 => '5a' x 40);

foreach my $kind (sort keys %kinds) {
    make_ca($t, "$kind-root", kind => $kinds{$kind});
    make_ca($t, $kind, kind => $kinds{$kind}, parent => "$kind-root",
        $id{$kind} ? (extensions => "subjectKeyIdentifier = $id{$kind}") : ());
}

my $authorities = join '', map { authority($_) } sort keys %kinds;
my $locations = join '', map { "        location /$_/ { acme_ca $_; }\n"
    . "        location /crl-$_/ { acme_ca_crl $_; }\n" } sort keys %kinds;

acme_ca_conf($t, conf => <<EOF)->plan(5 * scalar(keys %kinds) + 19)->run();
%%TEST_GLOBALS%%

daemon off;
worker_processes 2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

$authorities
    server {
        listen 127.0.0.1:8080;
        server_name localhost;

$locations
    }
}
EOF

###############################################################################

foreach my $kind (sort keys %kinds) {
    my $acme = acme_client($t, at => $kind);
    my $chain = $acme->issue([ "$kind.example" ])->{chain};

    is(chain_verify($chain, "$dir/$kind-root.pem"), 'OK', "$kind: verified");
    like(cert_text($chain), qr/Signature Algorithm: \Q$signed_by{$kind}\E/,
        "$kind: signature");
    is(cert_field($chain, 'issuer'), "CN = $kind", "$kind: issuer");
    is(() = $chain =~ /BEGIN CERT/g, 2, "$kind: chain without the root");
    is(join(' ', glob "$dir/$kind/{root,issuer}.*"), '', "$kind: no CA of ours")
        unless -e "$dir/$kind/root.key";
}

my $client = acme_client($t, at => 'ec');

foreach my $kind (sort keys %id) {
    my ($name) = map { m!([^/]+)$! } grep { !/all\.pem$/ }
                 glob "$dir/$kind/crl/*.pem";
    is($client->get('http://127.0.0.1:' . port(8080) . "/crl-$kind/$name")
        ->{status}, 200, "$kind: CRL of a long key identifier");
}

###############################################################################

# a CA without anybody above it

make_ca($t, 'alone');
is(refused(authority('alone')), '', 'root as the issuer');

# a root's own signature may be one that nobody can read any more

my $root = decode_base64($t->read_file('ec-root.pem') =~ s/-----.*//gr);
my ($n) = grep { substr($root, -$_ - 2, 3) eq pack('CCC', 3, $_, 0) } 64 .. 75;
substr($root, 1 - $n, 1) = "\x31";
$t->write_file('bundle.pem', $t->read_file('ec.pem')
    . "-----BEGIN CERTIFICATE-----\n" . encode_base64($root)
    . "-----END CERTIFICATE-----\n");
is(refused(authority('x', "$dir/bundle.pem", "$dir/ec.key")), '', 'an old root');

# mistakes

my ($cert, $key) = ("$dir/ec.pem", "$dir/ec.key");

like(refused(authority('x', $cert, "$dir/ec384.key")),
    qr/the key is not that of the certificate in \S+:\d+/,
    'key of another curve');
like(refused(authority('x', $cert, "$dir/ec-root.key")),
    qr/the key is not that of the certificate in \S+:\d+/, 'another key');
like(refused(authority('x', $cert, "$dir/rsa.key")),
    qr/the key is not that of the certificate in \S+:\d+/,
    'key of another kind');
like(refused(authority('x', "$dir/none.pem", $key)),
    qr/none\.pem.*No such file.* in \S+:\d+/, 'no certificate');
like(refused(authority('x', $cert, "$dir/none.key")),
    qr/none\.key.*No such file.* in \S+:\d+/i, 'no key');
like(refused(authority('x', $key, $key)),
    qr/no certificate in PEM form in \S+:\d+/, 'key as the certificate');
like(refused(authority('x', $cert, $cert)),
    qr/ec\.pem.* in \S+:\d+/, 'certificate as the key');
like(refused(authority('x', $dir, $key)),
    qr/no file of certificates or keys in \S+:\d+/, 'folder');

make_ca($t, 'leaf', parent => 'ec-root', constraints => 'CA:FALSE');
like(refused(authority('leaf')), qr/not one of a CA .* in \S+:\d+/,
    'certificate of no CA');

make_ca($t, 'unusable', usage => 'digitalSignature');
like(refused(authority('unusable')), qr/not one of a CA .* in \S+:\d+/,
    'certificate that may not sign');

make_ca($t, 'expired', parent => 'ec-root', days => -1);
like(refused(authority('expired')), qr/issuer "\S+\/expired\.pem": .*has expired in \S+:\d+/,
    'certificate that ended before it began');

make_ca($t, 'small', kind => [ qw/ -newkey rsa:1024 / ]);
make_ca($t, 'critical', extensions => '1.2.3.4 = critical, ASN1:NULL');
like(refused(authority('critical')), qr/critical extension of an unknown kind/,
    'an extension that no client knows');

make_ca($t, 'long', extensions => 'subjectKeyIdentifier = ' . '5a' x 33);
is(refused(authority('long')), '', 'a long key identifier');

like(refused(authority('small')), qr/key is not supported.* in \S+:\d+/,
    'small RSA key');

$t->write_file('wrong.pem', $t->read_file('ec.pem')
                            . $t->read_file('rsa-root.pem'));
like(refused(authority('x', "$dir/wrong.pem", $key)),
    qr/certificate 2 did not sign the one before it in \S+:\d+/,
    'chain of strangers');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub authority {
    my ($name, $cert, $key) = @_;

    $cert = "$dir/$name.pem" unless defined $cert;
    $key = "$dir/$name.key" unless defined $key;

    return <<EOF;
    acme_ca_authority $name {
        path %%TESTDIR%%/$name;
        issuer $cert $key;
        resolver 127.0.0.1:%%PORT_8053_UDP%%;
        http_01_ports %%PORT_8081%%;
        allow address 127.0.0.0/8;
    }

EOF
}


# what "nginx -t" says, '' if it is content

sub refused {
    my ($authority) = @_;
    my ($name) = $authority =~ /acme_ca_authority (\w+)/;

    my ($good, $said) = acme_ca_config_test($t, <<EOF);
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

$authority
    server {
        listen 127.0.0.1:8080;
        location / { acme_ca $name; }
    }
}
EOF

    return $good ? '' : $said;
}

###############################################################################
