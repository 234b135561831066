#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What is downloaded (RFC 8555, 7.4.2): the forms that Accept chooses from, the
# issuer behind Link "up", other chains behind Link "alternate", and the
# mistakes in "alternate_chain" that "nginx -t" finds.

###############################################################################

use warnings;
use strict;

use Digest::SHA;
use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('openssl');
my $dir = $t->testdir();

make_ca($t, 'old-root', name => 'Old Root');
make_ca($t, 'new-root', name => 'New Root');
make_ca($t, 'third-root', name => 'Third Root');
make_ca($t, 'issuer', name => 'Issuer', parent => 'old-root');
make_ca($t, 'second', name => 'Second', parent => 'old-root');

# the same name and key, signed by others
make_ca($t, 'cross', name => 'Issuer', key => 'issuer', parent => 'new-root');
make_ca($t, 'third', name => 'Issuer', key => 'issuer',
    parent => 'third-root');

$t->write_file('cross-chain.pem', join '', map { $t->read_file($_) }
    'cross.pem', 'new-root.pem');

acme_ca_conf($t, authority => "issuer $dir/issuer.pem $dir/issuer.key;
    alternate_chain $dir/cross-chain.pem;
    alternate_chain third.pem;")->plan(84)->run();

my $acme = acme_client($t);
my $got = $acme->issue([ 'a.example' ]);
my ($url, $chain) = @$got{qw/ certificate_url chain /};
my $der = Test::Nginx::AcmeCa::Client::pem_to_der($chain);

my $pem_type = 'application/pem-certificate-chain';
my $der_type = 'application/pkix-cert';
my $cms_type = 'application/pkcs7-mime; smime-type=certs-only';

###############################################################################

# forms

foreach my $case (
    [ '', $pem_type ],
    [ '*/*', $pem_type ],
    [ 'application/*', $pem_type ],
    [ 'application/pem-certificate-chain', $pem_type ],
    [ 'Application/PEM-Certificate-Chain', $pem_type ],
    [ 'application/pem-certificate-chain;charset=utf-8', $pem_type ],
    [ 'application/json', $pem_type ],
    [ 'application/json, text/plain, */*', $pem_type ],
    [ 'text/html, application/xml;q=0.9, */*;q=0.8', $pem_type ],
    [ 'application/pkix-cert', $der_type ],
    [ 'text/plain, application/pkix-cert', $der_type ],
    [ 'application/pkix-cert, */*;q=0.1', $der_type ],
    [ '*/*;q=0.1, application/pkix-cert ; q=0.2', $der_type ],
    [ 'application/pem-certificate-chain;q=0.4, application/pkix-cert;q=.5',
      $pem_type ],
    [ 'application/pem-certificate-chain;q=0, */*', $der_type ],
    [ 'application/*;q=0.9, application/pem-certificate-chain;q=0.3',
      $der_type ],
    [ 'application/pkcs7-mime', $cms_type ],
    [ 'application/pkcs7-mime; smime-type=certs-only', $cms_type ],
    [ 'application/pkix-cert;q=0.5, application/pkcs7-mime;q=0.50', $der_type ],
    [ 'application/pkix-cert;q=0.5, application/pkcs7-mime;q=0.51', $cms_type ],
    [ ',, ,', $pem_type ],
    [ 'nothing', $pem_type ])
{
    my ($accept, $type) = @$case;
    my $reply = download($url, $accept);

    is($reply->header('Content-Type'), $type, "Accept: $accept");
    is($reply->{body}, $chain, "Accept: $accept, the same")
        if $type eq $pem_type;
    is($reply->{body}, $der, "Accept: $accept, DER") if $type eq $der_type;
}

foreach my $accept ('text/html', 'image/*, text/plain',
    'application/pkix-cert;q=0', '*/*;q=0.0', 'application/x-x509-ca-cert')
{
    is(download($url, $accept)->outcome(), '406 malformed', "not: $accept");
}

is(($acme->post($url, undef, headers => [ [ 'Accept', 'text/plain' ],
    [ 'accept', 'application/pkix-cert' ] ]))->header('Content-Type'),
    $der_type, 'two fields are a list');

# certs-only CMS: all of the chain

my $cms = $t->testdir() . '/chain.p7c';
$t->write_file('chain.p7c', download($url, 'application/pkcs7-mime')->{body});
my $text = run('openssl', 'pkcs7', '-inform',
    'DER', '-in', $cms, '-print_certs');
is(join(' ', pem_list($text)), join(' ', pem_list($chain)),
    'the same certificates in PKCS #7');
like(run('openssl', 'cms', '-cmsout', '-inform',
    'DER', '-in', $cms, '-print'), qr/version: 1\b/, 'CMS as well');

# links

my $reply = download($url, '');
is(join(' ', $reply->links('alternate')), "$url/1 $url/2", 'alternates');
is(join(' ', $reply->links('up')), '', 'no "up" of a whole chain');
is_deeply([ $reply->links('index') ], [ $acme->{directory} ], 'index');

$reply = download($url, $der_type);
my ($up, @more) = $reply->links('up');
is(scalar(@more), 0, 'DER: one "up"');
is(join(' ', $reply->links('alternate')), "$url/1 $url/2", 'DER: alternates');

$reply = $acme->get($up);
is($reply->{status}, 200, 'issuer');
is($reply->header('Content-Type'), $der_type, 'its type');
is($reply->{body}, Test::Nginx::AcmeCa::Client::pem_to_der(
    $t->read_file('issuer.pem')), 'it is the issuer');
is($acme->post($up)->{body}, $reply->{body}, 'by POST-as-GET as well');
is($acme->head($up)->{status}, 200, 'HEAD');

# chains

is(chain_verify($chain, "$dir/old-root.pem"), 'OK', 'first chain');

$reply = download("$url/1", '');
is($reply->outcome(), '200', 'second chain');
is(chain_verify($reply->{body}, "$dir/new-root.pem"), 'OK', 'verified');
is((pem_list($reply->{body}))[0], (pem_list($chain))[0], 'the same leaf');
is(scalar(pem_list($reply->{body})), 2, 'without its root');
is(join(' ', $reply->links('alternate')), "$url $url/2", 'links to others');

is(chain_verify(download("$url/2", '')->{body}, "$dir/third-root.pem"), 'OK',
    'third chain');

($up) = download("$url/1", $der_type)->links('up');
is($acme->get($up)->{body}, Test::Nginx::AcmeCa::Client::pem_to_der(
    $t->read_file('cross.pem')), 'its issuer');

is($acme->post("$url/$_")->outcome(), '404 malformed', "no chain $_")
    foreach 0, 3, 10, 'x', '1/';
is($acme->get("$up/1")->outcome(), '404 malformed', 'no such issuer');
is($acme->get($up =~ s!/\d$!/9!r)->outcome(), '404 malformed',
    'no chain of the issuer');
is($acme->get($acme->{directory} =~ s!directory!'issuer/' . 'x' x 22!er)
    ->outcome(), '404 malformed', 'no issuer');

my $other = $acme->another();
$other->new_account();
is($other->post("$url/1")->outcome(), '404 malformed', 'by another account');

# mistakes

like(refused("$dir/none.pem"), qr/none\.pem.*No such file.* in \S+:\d+/,
    'no file');
like(refused("$dir/issuer.key"),
    qr/issuer\.key": there is no certificate in PEM form in \S+:\d+/,
    'no certificate');
like(refused("$dir/new-root.pem"),
    qr/does not have the subject and the key of the issuer in \S+:\d+/,
    'another CA');

make_ca($t, 'namesake', name => 'Issuer', parent => 'new-root');
like(refused("$dir/namesake.pem"), qr/subject and the key.* in \S+:\d+/,
    'another key');

make_ca($t, 'renamed', name => 'Issuer 2', key => 'issuer',
    parent => 'new-root');
like(refused("$dir/renamed.pem"), qr/subject and the key.* in \S+:\d+/,
    'another name');

make_ca($t, 'old', name => 'Issuer', key => 'issuer', parent => 'new-root',
    days => -1);
like(refused("$dir/old.pem"),
    qr/^good: .*\[warn\] .*old\.pem" is left out: .* has expired, in \S+:\d+/s,
    'expired: a warning');

make_ca($t, 'older', name => 'Issuer', parent => 'new-root', days => -1);
like(refused("$dir/older.pem"), qr/^good: .*older\.pem" is left out/s,
    'of an issuer that is no more');

$t->write_file('mixed.pem', join '', map { $t->read_file($_) }
    'cross.pem', 'old-root.pem');
like(refused("$dir/mixed.pem"),
    qr/certificate 2 did not sign the one before it in \S+:\d+/,
    'chain of strangers');

undef $t;

###############################################################################

sub download {
    my ($url, $accept) = @_;

    return $acme->post($url, undef, headers => $accept eq '' ? []
                                               : [ [ 'Accept', $accept ] ]);
}


sub pem_list {
    my ($text) = @_;
    return map { Digest::SHA::sha256_hex(
                     Test::Nginx::AcmeCa::Client::pem_to_der($_)) }
               $text =~ /(-----BEGIN CERT.*?-----END CERTIFICATE-----)/sg;
}


# what "nginx -t" says

sub refused {
    my ($file) = @_;

    my ($good, $said) = acme_ca_config_test($t, <<EOF);
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    acme_ca_authority a {
        path %%TESTDIR%%/a;
        issuer $dir/issuer.pem $dir/issuer.key;
        issuer $dir/second.pem $dir/second.key;
        alternate_chain $file;
    }

    server {
        listen 127.0.0.1:8080;
        location / { acme_ca a; }
    }
}
EOF

    return $good ? "good: $said" : $said;
}

###############################################################################
