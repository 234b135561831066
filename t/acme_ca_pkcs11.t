#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Keys of issuers in a PKCS#11 token: every worker signs certificates, lists
# and OCSP signers with them, also after a reload and a worker's death; what a
# wrong PIN, or a token that the workers cannot reach, looks like.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('openssl')
    ->has_daemon('sqlite3')->has_daemon('softhsm2-util')
    ->has_daemon('pkcs11-tool');
my $dir = $t->testdir();

my ($module) = grep { -e } map { "/usr/lib/$_/libsofthsm2.so" }
    'softhsm', 'x86_64-linux-gnu/softhsm', 'aarch64-linux-gnu/softhsm';

plan(skip_all => 'no SoftHSM2') unless $module;
plan(skip_all => 'no engine for PKCS#11')
    unless run('openssl', 'engine', '-t', 'pkcs11') =~ /\[ available \]/;

$ENV{SOFTHSM2_CONF} = "$dir/softhsm2.conf";
$ENV{PKCS11_MODULE_PATH} = $module;

my $pin = '839201';

mkdir "$dir/tokens";
acme_ca_secret($t, 'pin', "$pin\n");
acme_ca_secret($t, 'wrong', "111111\n$pin\n");
$t->write_file('softhsm2.conf', <<EOF);
directories.tokendir = $dir/tokens
objectstore.backend = file
log.level = ERROR
EOF

run('softhsm2-util', qw/ --init-token --free --label ca --so-pin 12345678
    --pin /, $pin);

make_key('ec', 'EC:prime256v1', '01');
make_key('rsa', 'rsa:2048', '02');

# the workers are somebody else, and need the token as well

my $user = $> == 0 ? 'user nobody nogroup;' : '';
open_token(1);

acme_ca_conf($t, workers => 3, main => <<EOM, authority => <<EOA,
env SOFTHSM2_CONF;
env PKCS11_MODULE_PATH;
$user
EOM
        issuer %%TESTDIR%%/ec.pem "pkcs11:token=ca;object=ec;type=private";
        issuer_password_file pin;
        crl_interval 1s;
EOA
    http => <<EOH, server => <<'EOS')->plan(35)->todo_alerts()->run();
    acme_ca_authority rsa {
        path %%TESTDIR%%/rsa;
        issuer rsa.pem "engine:pkcs11:pkcs11:token=ca;object=rsa;type=private;pin-value=$pin";
        resolver 127.0.0.1:%%PORT_8053_UDP%%;
        http_01_ports %%PORT_8081%%;
    }
EOH
        listen 127.0.0.1:8447 reuseport;
        location = /pid { return 200 $pid; }
        location /ocsp/ { acme_ca_ocsp; }
        location /crl/ { acme_ca_crl; }
        location /rsa/ { acme_ca rsa; }
EOS

###############################################################################

# each worker

is(signers(), 3, 'every worker signs');

my $acme = acme_client($t);
$acme->new_account();
my $got = $acme->issue([ 'one.example' ]);
is(chain_verify($got->{chain}, "$dir/ec.pem"), 'OK', 'verified');

my $rsa = acme_client($t, at => 'rsa');
$rsa->new_account();
my $other = $rsa->issue([ 'rsa.example' ])->{chain};
is(chain_verify($other, "$dir/rsa.pem"), 'OK', 'RSA, by the engine');

# what else it signs

is($acme->revoke($got->{chain})->{status}, 200, 'revoked');
my $serial = cert_field($got->{chain}, 'serial');
my ($list) = grep { !/all\.pem$/ } glob "$dir/ca/crl/*.pem";
my $text;

ok(acme_ca_wait(sub {
    $text = run('openssl', 'crl', '-in', $list, '-noout', '-text', '-CAfile',
                "$dir/ec.pem");
    $text =~ /Serial Number: \Q$serial\E/;
}, 60), 'CRL has it');
like($text, qr/verify OK/, 'and is verified');

$t->write_file('leaf.pem', $got->{chain});
like(ocsp(), qr/Response verify OK.*leaf\.pem: revoked/s, 'OCSP');

# reload

ok(acme_ca_reload($t), 'reload');
is(signers(), 3, 'every new worker signs');
like(ocsp(), qr/Response verify OK.*leaf\.pem: revoked/s, 'OCSP after it');

# a worker that dies amid all that

foreach my $pid (acme_ca_workers($t)) {
    kill 'KILL', $pid;
    ok(acme_ca_wait(sub {
        my @now = acme_ca_workers($t);
        @now == 3 && !grep { $_ == $pid } @now;
    }, 60), 'a worker took its place');
}

is(signers(), 3, 'and each signs');
is(acme_ca_faults($t), '', 'registry');

###############################################################################

# what nginx -t says

my $conf = $t->read_file('nginx.conf');

is((acme_ca_config_test($t, $conf))[0], 1, 'good configuration');

my %wrong = (
    'a wrong PIN, the first line' => [
        $conf =~ s/_file pin;/_file wrong;/r,
        qr/first line of "issuer_password_file" is not the PIN/ ],
    'no PIN' => [
        $conf =~ s/issuer_password_file pin;//r,
        qr/needs a passphrase, in a file that "issuer_password_file"/ ],
    'no such key' => [
        $conf =~ s/object=ec;/object=none;/r, qr/private key in "pkcs11:/ ],
    'another key' => [
        $conf =~ s/object=ec;/object=rsa;/r,
        qr/the key is not that of the certificate/ ],
    'no such key, with a PIN in the URI' => [
        $conf =~ s/object=rsa;/object=none;/r, qr/pin-value=\*{6}"/ ],
);

foreach my $what (sort keys %wrong) {
    my ($good, $said) = acme_ca_config_test($t, $wrong{$what}[0]);

    is($good, 0, "$what is refused");
    like($said, qr/$wrong{$what}[1].* in \S+test\.conf:\d+/s, "$what: why");
    unlike($said, qr/$pin|111111/, "$what: no PIN is told");
}

###############################################################################

# a token that the workers cannot reach

SKIP: {
    skip 'the workers are the same user', 4 unless $> == 0;

    open_token(0);
    acme_ca_reload($t);

    my $order = $acme->ready_order([ 'late.example' ]);
    my $reply = $acme->finalize($order, acme_csr(
        key => acme_key('ES256'), dns => [ 'late.example' ]));
    is($reply->outcome(), '503 serverInternal', 'no key, no certificate');
    ok($reply->header('Retry-After'), 'Retry-After');

    open_token(1);
    ok(acme_ca_reload($t), 'the token is back, and a reload');
    is(signers(), 3, 'every worker signs again');
}

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# a key in the token, and a CA certificate of it

sub make_key {
    my ($name, $kind, $id) = @_;

    run('pkcs11-tool', '--module', $module, '--token-label', 'ca', '--login',
        '--pin', $pin, '--keypairgen', '--key-type', $kind, '--label', $name,
        '--id', $id);

    my $said = run('openssl', 'req', '-new', '-x509', '-engine', 'pkcs11',
        '-keyform', 'engine', '-key',
        "pkcs11:token=ca;object=$name;type=private;pin-value=$pin", '-subj',
        "/CN=$name", '-days', 100, '-addext',
        'keyUsage=critical,keyCertSign,cRLSign', '-out', "$dir/$name.pem");

    -s "$dir/$name.pem" or die "no certificate of $name: $said\n";
}


sub open_token {
    my ($open) = @_;
    run('chmod', '-R', $open ? 'a+rwX' : 'go-rwx', "$dir/tokens");
}


# how many workers gave a good certificate

sub signers {
    my %signed;
    my $base = 'http://127.0.0.1:' . port(8447);

    for my $try (1 .. 60) {
        my $one = acme_client($t, directory => "$base/acme/directory");
        my $pid = $one->get("$base/pid")->{body};

        next if $signed{$pid};

        $one->new_account();
        my $chain = eval { $one->issue([ "n$try.example" ])->{chain} };
        diag($@), next unless $chain;

        $signed{$pid} = 1
            if chain_verify($chain, "$dir/ec.pem") eq 'OK';

        last if keys %signed == 3;
    }

    return scalar keys %signed;
}


sub ocsp {
    return run('openssl', 'ocsp', '-issuer', "$dir/ec.pem", '-cert',
        "$dir/leaf.pem", '-url', 'http://127.0.0.1:' . port(8080) . '/ocsp/',
        '-CAfile', "$dir/ec.pem");
}

###############################################################################
