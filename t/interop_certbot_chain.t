#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# certbot --preferred-chain: the chain whose topmost certificate was issued by
# the root that its operator names.

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
    ->has_daemon('openssl')->has_daemon('certbot');
my $dir = $t->testdir();

make_ca('old-root', 'Old Root');
make_ca('new-root', 'New Root');
make_ca('issuer', 'Issuer', 'issuer', 'old-root');
make_ca('cross', 'Issuer', 'issuer', 'new-root');

interop_conf($t, authority => "issuer $dir/issuer.pem $dir/issuer.key;
    alternate_chain $dir/cross.pem;")->plan(8)->run();

# the CA's own server has a certificate of the first chain
$t->write_file('ca/root.pem', $t->read_file('old-root.pem'));

my $server = acme_ca_url(tls => 1) . '/directory';

###############################################################################

is(chain_verify(issued('plain'), "$dir/old-root.pem"), 'OK', 'no preference');
is(chain_verify(issued('new', '--preferred-chain', 'New Root'),
    "$dir/new-root.pem"), 'OK', 'another root');
is(chain_verify(issued('old', '--preferred-chain', 'Old Root'),
    "$dir/old-root.pem"), 'OK', 'the first one by its name');
is(chain_verify(issued('none', '--preferred-chain', 'Nobody'),
    "$dir/old-root.pem"), 'OK', 'a root that there is not');

undef $t;

###############################################################################

sub issued {
    my ($name, @options) = @_;

    interop_ok($t, $name, 'certbot', 'certonly', '--non-interactive',
        '--agree-tos', '--register-unsafely-without-email',
        '--server', $server, '--config', '/dev/null',
        (map { ("--$_-dir", "$dir/certbot") } qw/ config work logs /),
        '--cert-name', $name, '--standalone', '--http-01-address', '127.0.0.1',
        '--http-01-port', port(8083), '-d', "$name.example", @options);

    return interop_slurp("$dir/certbot/live/$name/fullchain.pem");
}


sub make_ca {
    my ($file, $name, $key, $parent) = @_;
    my $run = \&Test::Nginx::AcmeCa::run_command;

    $key = $file unless defined $key;

    $t->write_file('ca.ext', <<EOF);
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EOF

    my $said = $run->('openssl', 'req', '-new', -e "$dir/$key.key"
        ? ('-key', "$dir/$key.key")
        : (qw/ -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes
               -keyout /, "$dir/$key.key"),
        '-subj', "/CN=$name", '-out', "$dir/$file.csr");

    $said .= $run->('openssl', 'x509', '-req', '-in', "$dir/$file.csr",
        '-days', 30, '-extfile', "$dir/ca.ext", '-out', "$dir/$file.pem",
        '-set_serial', 1 + int(rand(1 << 30)),
        defined $parent ? ('-CA', "$dir/$parent.pem", '-CAkey',
                           "$dir/$parent.key")
                        : ('-signkey', "$dir/$key.key"));

    die "no CA $name: $said\n" unless -s "$dir/$file.pem";
}

###############################################################################
