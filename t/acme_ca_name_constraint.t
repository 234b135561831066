#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Name constraints and path length (RFC 5280, 4.2.1.9 and 4.2.1.10): of
# intermediates that are made, and of an operator's own; names outside of them
# are refused when they are ordered.  The intermediate tells where the CRL of
# its root is.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3')
    ->has_daemon('openssl');
my $dir = $t->testdir();

acme_ca_module($t);

# an operator's: the constraints of both CAs hold

make_ca($t, 'top', extensions => 'nameConstraints = critical,'
    . 'permitted;DNS:corp.example,permitted;DNS:.below.example');
make_ca($t, 'own', parent => 'top', constraints => 'CA:TRUE, pathlen:0',
    extensions => 'nameConstraints = critical,'
    . 'excluded;DNS:secret.corp.example,permitted;IP:127.0.0.0/255.255.255.0');
$t->write_file('chain.pem', $t->read_file('own.pem')
                            . $t->read_file('top.pem'));

my $common = 'resolver 127.0.0.1:%%PORT_8053_UDP%%;'
    . ' http_01_ports %%PORT_8081%%;';

acme_ca_conf($t, authority => <<'EOA',
        issuer_name_constraint permitted dns one.example TWO.example;
        issuer_name_constraint excluded dns hidden.one.example;
        issuer_name_constraint permitted ip 127.0.0.0/8;
        issuer_name_constraint excluded ip 127.0.1.0/24 ::/0;
        issuer_path_length 2;
        crl_base_url http://ca.one.example/crl/;
EOA
    http => <<EOH, server => <<'EOS')->plan(64)->run();
    acme_ca_authority own {
        path %%TESTDIR%%/own;
        issuer %%TESTDIR%%/chain.pem %%TESTDIR%%/own.key;
        $common
    }

    acme_ca_authority plain {
        path %%TESTDIR%%/plain;
        $common
    }
EOH
        location /crl/ { acme_ca_crl; }
        location /own/ { acme_ca own; }
        location /plain/ { acme_ca plain; }
EOS

###############################################################################

# of the intermediate that was made

my $root = $t->read_file('ca/root.pem');
my $issuer = $t->read_file('ca/issuer.pem');
my $text = cert_text($issuer);

like($text, qr/Basic Constraints: critical\n\s+CA:TRUE, pathlen:2\n/,
    'path length');
like($text, qr/Name\ Constraints:\ critical\n\s+Permitted:\n
    \s+DNS:one\.example\n\s+DNS:two\.example\n\s+IP:127\.0\.0\.0\/255\.0\.0\.0\n
    \s+Excluded:\n\s+DNS:hidden\.one\.example\n
    \s+IP:127\.0\.1\.0\/255\.255\.255\.0\n\s+IP:0:0:0:0:0:0:0:0\//x,
    'name constraints');

my ($key) = openssl($root, 'x509', '-noout', '-ext', 'subjectKeyIdentifier')
            =~ /^\s+([0-9A-F:]+)$/m;
my $name = lc($key =~ s/://gr);
like($text, qr!Full Name:\n\s+URI:\Qhttp://ca.one.example/crl/$name.crl\E\n!,
    'where the CRL of the root is');
ok(-s "$dir/ca/crl/$name.crl", 'and there it is');

$text = cert_text($t->read_file('plain/issuer.pem'));
like($text, qr/CA:TRUE, pathlen:0\n/, 'path length where none is given');
unlike($text, qr/Name Constraints/, 'no name constraints');

# the server's own certificate is for names that are permitted

my $server = acme_ca_sql_value($t, "SELECT sans FROM acme_certificates
    WHERE account_id IS NULL AND sans LIKE '%:%' LIMIT 1", "$dir/own/ca.db");
is($server, 'ip:127.0.0.1', 'certificate of the server');

###############################################################################

my %cases = (
    acme => [
        [ 'one.example', 1 ], [ 'a.one.example', 1 ], [ 'x.two.example', 1 ],
        [ 'deep.a.one.example', 1 ], [ '127.0.0.1', 1 ],
        [ 'hidden.one.example', 0 ], [ 'a.hidden.one.example', 0 ],
        [ 'three.example', 0 ], [ 'xone.example', 0 ], [ '127.0.1.1', 0 ],
        [ '10.0.0.1', 0 ], [ '::1', 0 ],
    ],
    own => [
        [ 'corp.example', 1 ], [ 'a.corp.example', 1 ],
        [ 'a.below.example', 1 ], [ '127.0.0.1', 1 ],
        [ 'below.example', 0 ], [ 'secret.corp.example', 0 ],
        [ 'b.secret.corp.example', 0 ], [ 'one.example', 0 ],
        [ '127.0.1.1', 0 ],
    ],
    plain => [ [ 'three.example', 1 ] ],
);

my %roots = (acme => 'ca/root.pem', own => 'top.pem',
             plain => 'plain/root.pem');
my $certtool = -x '/usr/bin/certtool';

foreach my $where (sort keys %cases) {
    my $acme = acme_client($t, at => $where);
    $acme->new_account();

    foreach my $case (@{$cases{$where}}) {
        my ($name, $good) = @$case;

        if (!$good) {
            my $reply = $acme->new_order([ $name ]);
            is($reply->outcome(), '400 rejectedIdentifier',
                "$where: $name is refused");
            like($reply->{body}, qr/name constraints/, "$where: $name: why");
            next;
        }

        my $chain = $acme->issue([ $name ])->{chain};
        is(chain_verify($chain, "$dir/$roots{$where}"), 'OK',
            "$where: $name");

        SKIP: {
            skip 'no certtool', 1 unless $certtool;
            is(gnutls($chain, "$dir/$roots{$where}"), 'OK',
                "$where: $name, gnutls");
        }
    }
}

# all names that are refused are told

my $acme = acme_client($t);
$acme->new_account();
my $reply = $acme->new_order([ 'one.example', 'three.example', '10.0.0.1' ]);
is(scalar(@{$reply->json()->{subproblems}}), 2, 'each in a subproblem');

# that others would have refused them, and that our test would see it

$t->write_file('leaf.ext', 'subjectAltName = DNS:three.example');
run('openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt',
    'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', "$dir/leaf.key",
    '-subj', '/', '-out', "$dir/leaf.csr");
run('openssl', 'x509', '-req', '-in', "$dir/leaf.csr", '-CA',
    "$dir/ca/issuer.pem", '-CAkey', "$dir/ca/issuer.key", '-set_serial', 77,
    '-extfile', "$dir/leaf.ext", '-out', "$dir/leaf.pem");
my $forged = $t->read_file('leaf.pem') . $issuer;

like(chain_verify($forged, "$dir/ca/root.pem"), qr/permitted subtree viol/,
    'openssl refuses it');

SKIP: {
    skip 'no certtool', 1 unless $certtool;
    isnt(gnutls($forged, "$dir/ca/root.pem"), 'OK', 'gnutls refuses it');
}

###############################################################################

# mistakes

my $conf = $t->read_file('nginx.conf');

my @wrong = (
    [ 'permitted dns one.example', 'allowed dns one.example',
      qr/invalid name constraint "allowed dns"/ ],
    [ 'permitted dns one.example', 'permitted mail one.example',
      qr/invalid name constraint "permitted mail"/ ],
    [ 'permitted dns one.example', 'permitted dns .one.example',
      qr/invalid name constraint ".one.example"/ ],
    [ 'permitted ip 127.0.0.0/8', 'permitted ip 127.0.0.0/33',
      qr/invalid address range "127.0.0.0\/33"/ ],
    [ 'issuer_path_length 2', 'issuer_path_length 9',
      qr/value must be between 0 and 8/ ],
);

foreach my $wrong (@wrong) {
    my ($old, $new, $why) = @$wrong;
    my ($good, $said) = acme_ca_config_test($t, $conf =~ s/\Q$old\E/$new/r);

    is($good, 0, "$new is refused");
    like($said, qr/$why.* in \S+:\d+/s, "$new: why");
}

undef $t;

###############################################################################

sub gnutls {
    my ($chain, $root) = @_;

    $t->write_file('verify.pem', $chain);
    my $said = run('certtool', '--verify', '--load-ca-certificate', $root,
                   '--infile', "$dir/verify.pem");

    return $? == 0 ? 'OK' : $said;
}

###############################################################################
