#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# lacme with its own web server: account, update, two names, renewal, another
# key, revocation by account and by certificate key, the account's end.

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
    ->has_daemon('lacme')->has_daemon('lacme-accountd')
    ->has_daemon('openssl');
my $dir = $t->testdir();

interop_conf($t)->plan(22)->run();

###############################################################################

interop_run('openssl', 'genpkey', '-quiet', '-algorithm', 'RSA', '-out',
            "$dir/$_.key") foreach qw/ account www other /;

conf('lacme', 'account');
conf('by-key', 'www');

# the account

my $text = ok_('register', 'account', '--register', '--tos-agreed',
               'mailto:a@example.com');
like($text, qr/"contact":\["mailto:a\@example\.com"\]/, 'contact');
$text = ok_('update', 'account', 'mailto:b@example.com');
like($text, qr/"contact":\["mailto:b\@example\.com"\]/, 'contact updated');

# certificates

$t->write_file('certs.conf', <<"EOF");
CAfile = ${\interop_root($t)}

[www]
certificate-key = $dir/www.key
certificate = $dir/www.crt
certificate-chain = $dir/www.chain
subject = /CN=a.lacme.example
subjectAltName = DNS:a.lacme.example,DNS:b.lacme.example
keyUsage = digitalSignature

[other]
certificate-key = $dir/other.key
certificate-chain = $dir/other.chain
subject = /O=Example/CN=c.lacme.example
EOF

ok_('two certificates', 'newOrder', '--config-certs',
    "$dir/certs.conf");

my $www = interop_slurp("$dir/www.chain");
my $other = interop_slurp("$dir/other.chain");

is(interop_names($www), 'a.lacme.example b.lacme.example', 'names');
is(interop_names($other), 'c.lacme.example', 'one name');
is(chain_verify($www, interop_root($t)), 'OK', 'chain');
is(interop_stored($t, $www), 'valid serial order valid downloaded', 'stored');
is(interop_stored($t, $other), 'valid serial order valid downloaded',
    'the other one');
is(interop_validated($t, 'done'), 3, 'three names validated');

ok_('nothing to renew', 'newOrder', '--config-certs', "$dir/certs.conf");
is(interop_slurp("$dir/www.chain"), $www, 'the same certificate');

ok_('renew', 'newOrder', '--force', '--config-certs', "$dir/certs.conf",
    'www');

my $second = interop_slurp("$dir/www.chain");

isnt(cert_field($second, 'serial'), cert_field($www, 'serial'),
    'another serial');
is(chain_verify($second, interop_root($t)), 'OK', 'renewed chain');

# revocation

ok_('revoke', 'revokeCert', "$dir/www.crt");
is(interop_stored($t, $second), 'revoked serial order valid downloaded',
    'revoked');

$t->write_file('first.crt', $www);
interop_ok($t, 'revoke by its key', 'lacme', "--config=$dir/by-key.conf",
           'revokeCert', "$dir/first.crt");
is(interop_stored($t, $www), 'revoked serial order valid downloaded',
    'revoked by its key');

# a name that is not known

$t->write_file('gone.conf', <<"EOF");
[gone]
certificate-key = $dir/other.key
certificate-chain = $dir/gone.chain
subject = /CN=gone.example
EOF

my ($status) = interop_client($t, 'lacme', "--config=$dir/lacme.conf",
                              'newOrder', '--config-certs', "$dir/gone.conf");
isnt($status, 0, 'a name that resolves to nothing');

ok_('deactivate', 'account', '--deactivate');

undef $t;

###############################################################################

sub ok_ {
    my ($name, @args) = @_;

    return interop_ok($t, $name, 'lacme', "--config=$dir/lacme.conf", @args);
}


# with that key as the account's

sub conf {
    my ($name, $key) = @_;
    my $url = acme_ca_url(tls => 1) . '/directory';
    my $port = port(8083);
    my $root = interop_root($t);
    my $client = '/usr/libexec/lacme/client';

    # it clears its environment, and with it what roots to trust
    $t->write_file("$name-accountd.conf", "privkey = file:$dir/$key.key\n");
    $t->write_file("$name.conf", <<"EOF");
[client]
user =
group =
server = $url
command = /usr/bin/env PERL_LWP_SSL_CA_FILE=$root $client

[webserver]
user =
group =
listen = 127.0.0.1:$port

[accountd]
config = $dir/$name-accountd.conf
EOF
}

###############################################################################
