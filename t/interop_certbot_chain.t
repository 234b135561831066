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

make_ca($t, 'old-root', name => 'Old Root');
make_ca($t, 'new-root', name => 'New Root');
make_ca($t, 'issuer', name => 'Issuer', parent => 'old-root');
make_ca($t, 'cross', name => 'Issuer', key => 'issuer', parent => 'new-root');

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

###############################################################################
