#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# An issuer whose key is in a TPM, by OpenSSL's provider for it: certificates,
# lists and OCSP signers.  The TPM is one of software.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Piped;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('openssl')
    ->has_daemon('sqlite3')->has_daemon('swtpm')
    ->has_daemon('tpm2_createprimary');
my $dir = $t->testdir();

chmod 0755, $dir;
mkdir "$dir/tpm";

$t->run_daemon('swtpm', 'socket', '--tpm2', '--tpmstate', "dir=$dir/tpm",
    '--server', "type=unixio,path=$dir/tpm.sock,mode=0666", '--ctrl',
    "type=unixio,path=$dir/tpm.sock.ctrl,mode=0666", '--flags',
    'not-need-init,startup-clear', '--log', "file=$dir/tpm.log");
acme_ca_wait(sub { -S "$dir/tpm.sock" && -S "$dir/tpm.sock.ctrl" })
    or plan(skip_all => 'no TPM');

$ENV{TPM2TOOLS_TCTI} = $ENV{TPM2OPENSSL_TCTI} = "swtpm:path=$dir/tpm.sock";
$ENV{OPENSSL_CONF} = "$dir/openssl.cnf";

$t->write_file('openssl.cnf', <<'EOF2');
openssl_conf = init

[init]
providers = providers

[providers]
default = active
tpm2 = active

[active]
activate = 1

[req]
distinguished_name = none

[none]
EOF2

# a key that the TPM keeps, and a CA certificate of it

run(qw/ tpm2_createprimary -C o -G ecc -c /, "$dir/primary");
run(qw/ tpm2_create -G ecc256:ecdsa -C /, "$dir/primary", '-u', "$dir/pub",
    '-r', "$dir/priv", '-a',
    'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign');
run(qw/ tpm2_flushcontext -t /);
run('tpm2_load', '-C', "$dir/primary", '-u', "$dir/pub", '-r', "$dir/priv",
    '-c', "$dir/key");
run('tpm2_evictcontrol', '-C', 'o', '-c', "$dir/key", '0x81000001');
run(qw/ tpm2_flushcontext -t /);

run('openssl', 'req', '-propquery', '?provider=tpm2', '-new',
    '-x509', '-key', 'handle:0x81000001', '-subj', '/CN=tpm', '-days', 100,
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext',
    'keyUsage=critical,keyCertSign,cRLSign', '-out', "$dir/tpm.pem");

-s "$dir/tpm.pem" or plan(skip_all => 'no provider for TPMs');

acme_ca_conf($t, workers => 1, main => <<'EOM', authority => <<'EOA',
thread_pool default threads=1;
env TPM2OPENSSL_TCTI;
env OPENSSL_CONF;
EOM
        issuer %%TESTDIR%%/tpm.pem "handle:0x81000001";
        crl_interval 1s;
EOA
    server => 'location /ocsp/ { acme_ca_ocsp; }')->plan(9)->run();

###############################################################################

my $acme = acme_client($t);
$acme->new_account();

my $got = $acme->issue([ 'one.example' ]);
is(chain_verify($got->{chain}, "$dir/tpm.pem"), 'OK', 'verified');

# many at once: they wait for the only thread, as the provider has one connection
# to the TPM

my @clients = map { my $n = $_; piped(sub {
    print chain_verify($acme->another(key => $acme->{key}, kid => $acme->{kid})
        ->issue([ "n$n.example" ])->{chain}, "$dir/tpm.pem");
}) } 1 .. 6;

is(join(' ', map { my $one = <$_>; close $_; defined $one ? $one : '' }
             @clients), join(' ', ('OK') x 6), 'many at once');

# what else it signs

is($acme->revoke($got->{chain})->{status}, 200, 'revoked');

my $serial = cert_field($got->{chain}, 'serial');
my ($list) = grep { !/all\.pem$/ } glob "$dir/ca/crl/*.pem";
my $text;

ok(acme_ca_wait(sub {
    $text = run('openssl', 'crl', '-in', $list, '-noout', '-text', '-CAfile',
                "$dir/tpm.pem");
    $text =~ /Serial Number: \Q$serial\E/;
}), 'CRL has it');
like($text, qr/verify OK/, 'and is verified');

$t->write_file('leaf.pem', $got->{chain});
like(run('openssl', 'ocsp', '-issuer', "$dir/tpm.pem", '-cert',
         "$dir/leaf.pem", '-url', 'http://127.0.0.1:' . port(8080) . '/ocsp/',
         '-CAfile', "$dir/tpm.pem"),
    qr/Response verify OK.*leaf\.pem: revoked/s, 'OCSP');

# a reload would leave the new worker with a connection that the old one ends

$t->stop();
$t->run();
is(chain_verify($acme->issue([ 'two.example' ])->{chain}, "$dir/tpm.pem"),
    'OK', 'after a restart');

# what is not there

my ($good, $why) = acme_ca_config_test($t,
    $t->read_file('nginx.conf') =~ s/handle:0x81000001/handle:0x81000002/r);
is($good, 0, 'no such key');
like($why, qr/handle:0x81000002/, 'why');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################
