#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# acme_ca_trust: root, issuer and chain in each form as openssl reads them, and
# the page with its fingerprint and its links.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('openssl');

acme_ca_conf($t, server => 'location /trust/ { acme_ca_trust; }')
    ->plan(44)->run();

my $acme = acme_client($t);
my $root = $t->read_file('ca/root.pem');
my $issuer = $t->read_file('ca/issuer.pem');

###############################################################################

# PEM and DER

for my $case (
    [ 'root.pem', 'PEM', $root, 'application/x-pem-file' ],
    [ 'root.der', 'DER', $root, 'application/x-x509-ca-cert' ],
    [ 'root.crt', 'DER', $root, 'application/x-x509-ca-cert' ],
    [ 'issuer.pem', 'PEM', $issuer, 'application/x-pem-file' ],
    [ 'issuer.der', 'DER', $issuer, 'application/x-x509-ca-cert' ])
{
    my ($name, $form, $pem, $type) = @$case;
    my $reply = get($name);

    is($reply->{status}, 200, $name);
    is($reply->header('Content-Type'), $type, "$name: type");
    is(openssl($reply->{body}, 'x509', '-inform', $form, '-noout',
        '-fingerprint', '-sha256'), fingerprint($pem), "$name: the certificate");
}

# the chain

my $chain = get('chain.pem');
is($chain->{status}, 200, 'chain.pem');
is(scalar(() = $chain->{body} =~ /BEGIN CERT/g), 2, 'issuer and root');

my $cert = $acme->issue([ 'a.example' ]);
my ($leaf) = $cert->{chain} =~ /(.*?END CERTIFICATE-----\n)/s;
$t->write_file('root.pem', get('root.pem')->{body});
$t->write_file('chain.pem', $chain->{body});
$t->write_file('leaf.pem', $leaf);

my $dir = $t->testdir();
is(run('openssl', 'verify', '-x509_strict',
    '-CAfile', "$dir/root.pem", '-untrusted', "$dir/chain.pem",
    "$dir/leaf.pem"), "$dir/leaf.pem: OK\n", 'verifies what was issued');

my $reply = get('chain.p7c');
is($reply->header('Content-Type'),
    'application/pkcs7-mime; smime-type=certs-only', 'chain.p7c');
my $text = openssl($reply->{body}, 'pkcs7', '-inform', 'DER', '-print_certs');
is(scalar(() = $text =~ /BEGIN CERT/g), 2, 'issuer and root');

# the page

$reply = get('');
is($reply->{status}, 200, 'the page');
is($reply->header('Content-Type'), 'text/html; charset=utf-8', 'its type');

my ($hex) = fingerprint($root) =~ /=(.*)\n/;
like($reply->{body}, qr!<pre>\Q$hex\E</pre>!, 'fingerprint of the root');
like($reply->{body}, qr!<h2>\Q$_\E!, $_)
    foreach qw/ Debian RHEL Windows macOS Firefox Java /;
like($reply->{body}, qr!ca-certificates/default\.crt!, 'the name');
like($reply->{body}, qr!\A<\!DOCTYPE html>.*</html>\n\z!s, 'is complete');
unlike($reply->{body}, qr!<script|https?://|%V|\0!, 'loads nothing');

my %links = map { $_ => 1 } $reply->{body} =~ /href="([^"]*)"/g;
is(join(' ', sort grep { get($_)->{status} == 200 } keys %links),
    'chain.p7c chain.pem issuer.der issuer.pem root.crt root.pem', 'links');

# what it says works, with stores of our own in place of the system's

my %advice = $reply->{body} =~ m!<h2>(\w+).*?</h2>.*?<pre>(.*?)</pre>!sg;
my ($nss) = $reply->{body} =~ m!<pre>(certutil -d .*?)</pre>!s;
$t->write_file('root.crt', get('root.crt')->{body});
mkdir "$dir/$_" foreach qw/ anchors certs nss /;

SKIP: {
    skip 'no update-ca-certificates', 1
        unless can('update-ca-certificates');
    my ($copy) = $advice{Debian} =~ m!sudo (cp .*)!;
    my $said = advised($copy =~ s!/usr/local/share/ca-certificates!$dir/anchors!r
        . " && update-ca-certificates --certsdir $dir/none --localcertsdir"
        . " $dir/anchors --etccertsdir $dir/certs --hooksdir $dir/none");
    is(run('openssl', 'verify', '-CAfile',
        "$dir/certs/ca-certificates.crt", '-untrusted', "$dir/chain.pem",
        "$dir/leaf.pem"), "$dir/leaf.pem: OK\n", 'Debian') or diag($said);
}

SKIP: {
    skip 'no keytool', 1 unless can('keytool');
    my $said = advised($advice{Java} =~ s!^sudo !!r
        =~ s!-cacerts!-keystore $dir/cacerts!r);
    like(advised("keytool -list -keystore $dir/cacerts -storepass changeit"),
        qr/default,.*trustedCertEntry/, 'Java') or diag($said);
}

SKIP: {
    skip 'no certutil', 1 unless can('certutil');
    my $said = advised("certutil -N -d sql:$dir/nss --empty-password && "
        . $nss =~ s!\$HOME/\.pki/nssdb!$dir/nss!r);
    like(advised("certutil -A -d sql:$dir/nss -t ,, -n i -i chain.pem; "
        . "certutil -A -d sql:$dir/nss -t ,, -n leaf -i leaf.pem; "
        . "certutil -V -d sql:$dir/nss -u V -n leaf"), qr/certificate is valid/,
        'NSS') or diag($said);
}

# caches, methods, what there is not

like($reply->header('Cache-Control'), qr/max-age=3600/, 'for caches');
is($acme->get(url(''), headers => [[ 'If-None-Match',
    $reply->header('ETag') ]])->{status}, 304, 'If-None-Match');
is($acme->head(url('root.pem'))->{body}, '', 'HEAD');
is($acme->request('POST', url('root.pem'), body => 'x')->{status}, 405,
    'POST');
is(get($_)->{status}, 404, $_) foreach 'root.key', 'root.pem/', 'x';

my ($ok, $said) = acme_ca_config_test($t, <<"END");
%%TEST_GLOBALS%%
events { }
http { server { location /trust { acme_ca_trust; } } }
END
like($said, qr/not a prefix location with a slash/, 'needs a slash');

undef $t;

###############################################################################

sub url { return 'http://127.0.0.1:' . port(8080) . "/trust/$_[0]" }

sub get { return $acme->get(url($_[0])) }

sub can {
    my ($program) = @_;

    return grep { -x "$_/$program" } split(/:/, $ENV{PATH}), '/usr/sbin';
}


sub advised {
    my ($command) = @_;

    return scalar `cd $dir && PATH=\$PATH:/usr/sbin && { $command; } 2>&1`;
}


sub fingerprint {
    my ($pem) = @_;

    return openssl($pem, 'x509', '-noout', '-fingerprint', '-sha256');
}

###############################################################################
