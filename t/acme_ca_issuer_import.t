#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# An issuer below a corporate root: the request goes out, the certificate comes
# in, and after a reload it is the next one; with a key from elsewhere, behind
# a passphrase or in a token.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool qw/ acme_ca_tool tool /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();
acme_ca_tool($t);

my ($module) = grep { -e } map { "/usr/lib/$_/libsofthsm2.so" }
    'softhsm', 'x86_64-linux-gnu/softhsm', 'aarch64-linux-gnu/softhsm';
my $token = $module && -x '/usr/bin/pkcs11-tool'
    && run('openssl', 'engine', '-t', 'pkcs11') =~ /\[ available \]/;

if ($token) {
    $ENV{SOFTHSM2_CONF} = "$dir/softhsm2.conf";
    $ENV{PKCS11_MODULE_PATH} = $module;
}

acme_ca_secret($t, 'pass', "4711\n");
make_token() if $token;

my $user = $> == 0 ? 'user nobody nogroup;' : '';

acme_ca_conf($t, main => <<EOM, authority => <<'EOA')->plan(55)->run();
env SOFTHSM2_CONF;
env PKCS11_MODULE_PATH;
$user
EOM
        issuer_overlap 1h;
        issuer_password_file pass;
EOA

my $acme = acme_client($t);
$acme->new_account();

make_ca($t, 'corp', name => 'Corporate Root');

###############################################################################

# the request

my ($csr, $status) = tool('issuer', 'csr', '--subject', '/O=Corp/CN=Issuing 1',
                          '--password-file', "$dir/pass");
is($status, 0, 'csr') or diag($csr);
$t->write_file('one.csr', $csr);

my $text = run('openssl', 'req', '-in', "$dir/one.csr", '-noout', '-text',
               '-verify');
like($text, qr/verify OK/, 'it is signed');
like($text, qr/Subject: O = Corp, CN = Issuing 1\n/, 'subject');
like($text, qr/CA:TRUE, pathlen:0/, 'it is for a CA');
like($text, qr/Certificate Sign, CRL Sign/, 'which signs');
like($text, qr/NIST CURVE: P-256/, 'kind of key');

my ($key) = glob "$dir/ca/issuers/*.key";
is((stat $key)[2] & 0777, 0600, 'the key is closed');
like(slurp($key), qr/^-----BEGIN ENCRYPTED PRIVATE KEY/, 'and encrypted');
ok(acme_ca_reload($t), 'reload');
is(states(), 'active', 'it is nothing yet');

# what comes back

sign('one', 'corp');
sign('leaf', 'corp', csr => 'one', extensions => '');
sign('old', 'corp', csr => 'one', days => -1);
make_ca($t, 'stranger');

my @wrong = (
    [ 'no certificate', [ "$dir/one.csr" ], qr/no certificate in PEM form/ ],
    [ 'no file', [ "$dir/none.pem" ], qr/cannot read/ ],
    [ 'a leaf', [ "$dir/leaf.pem", "$dir/corp.pem" ], qr/not one of a CA/ ],
    [ 'an expired one', [ "$dir/old.pem", "$dir/corp.pem" ],
      qr/chain is not good: .*expired/ ],
    [ 'another root', [ "$dir/one.pem", "$dir/stranger.pem" ],
      qr/chain is not good/ ],
    [ 'a certificate of another key', [ "$dir/stranger.pem" ],
      qr/for no key that/ ],
);

foreach my $wrong (@wrong) {
    my ($what, $files, $why) = @$wrong;

    ($text, $status) = tool('issuer', 'import', @$files);
    is($status, 1, "$what is refused");
    like($text, $why, "$what: why");
}

is(join(' ', glob "$dir/ca/issuers/*.pem"), '', 'nothing was taken');

($text, $status) = tool('issuer', 'import', "$dir/one.pem", "$dir/corp.pem");
is($status, 0, 'import') or diag($text);
like($text, qr/CN=Issuing 1/, 'says what it took');

($text, $status) = tool('issuer', 'import', "$dir/one.pem", "$dir/corp.pem");
is($status, 1, 'not twice');

# the next one, and then the active one

is((acme_ca_config_test($t, $t->read_file('nginx.conf')))[0], 1, 'nginx -t');
ok(acme_ca_reload($t), 'reload');
is(states(), 'active next', 'it is the next one');
is(issuer_of('a.example'), 'own', 'it does not sign yet');

($text, $status) = tool('issuer', 'rotate');
is($status, 0, 'rotate') or diag($text);
is(issuer_of('b.example'), 'Issuing 1', 'it signs');
is(verified('c.example'), 'OK', 'below the corporate root');

# its certificate is renewed

sign('again', 'corp', csr => 'one');
($text, $status) = tool('issuer', 'import', "$dir/again.pem", "$dir/corp.pem");
is($status, 0, 'a renewed certificate') or diag($text);
like($text, qr/in place of the one before/, 'is not the next');
ok(acme_ca_reload($t), 'reload');
is(states(), 'retired active', 'is the same issuer');

###############################################################################

# certificate and key from elsewhere

make_ca($t, 'two', name => 'Issuing 2', parent => 'corp');
run('openssl', 'pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-in', "$dir/two.key",
    '-passout', "file:$dir/pass", '-out', "$dir/two.sealed");

($text, $status) = tool('issuer', 'add', "$dir/two.pem", "$dir/corp.pem",
    '--key', "$dir/corp.key");
is($status, 1, 'another key is refused');
like($text, qr/not that of the certificate/, 'another key: why');

($text, $status) = tool('issuer', 'add', "$dir/two.pem", "$dir/corp.pem",
    '--key', "$dir/two.sealed", '--password-file', "$dir/pass");
is($status, 0, 'add') or diag($text);
ok(acme_ca_reload($t), 'reload');
($text, $status) = tool('issuer', 'rotate');
is($status, 0, 'rotate') or diag($text);
is(issuer_of('d.example'), 'Issuing 2', 'it signs');
is(verified('e.example'), 'OK', 'below the corporate root');

###############################################################################

# a key in a token

SKIP: {
    skip 'no token', 10 unless $token;

    my $uri = 'pkcs11:token=ca;object=issuer;type=private';

    ($csr, $status) = tool('issuer', 'csr', '--subject', '/CN=Issuing 3',
        '--key', $uri, '--password-file', "$dir/pass");
    is($status, 0, 'csr of a token') or diag($csr);
    $t->write_file('three.csr', $csr);
    sign('three', 'corp');

    ($text, $status) = tool('issuer', 'import', "$dir/three.pem",
                            "$dir/corp.pem");
    is($status, 0, 'import') or diag($text);
    is(scalar(grep { slurp($_) eq "$uri\n" } glob "$dir/ca/issuers/*.key"), 1,
        'the key stays where it is');
    ok(acme_ca_reload($t), 'reload');
    ($text, $status) = tool('issuer', 'rotate');
    is($status, 0, 'rotate') or diag($text);
    is(issuer_of('f.example'), 'Issuing 3', 'it signs');
    is(verified('g.example'), 'OK', 'below the corporate root');

    my ($list) = map { "$dir/ca/crl/" . key_id("$dir/three.pem") . '.pem' } 1;
    ok(acme_ca_wait(sub {
        -s $list && run('openssl', 'crl', '-in', $list, '-noout', '-CAfile',
                        "$dir/three.pem") =~ /verify OK/;
    }, 60), 'and its CRL');

    ($text, $status) = tool('issuer', 'csr', '--key', $uri, '--type', 'p384');
    is($status, 2, 'a type for a key that is there');
    ($text, $status) = tool('issuer', 'csr', '--key', "$dir/none.key");
    is($status, 1, 'no such key');
}

is(acme_ca_faults($t), '', 'registry');

undef $t;

###############################################################################

sub slurp {
    my ($file) = @_;

    open my $f, '<', $file or return '';
    local $/;
    return scalar <$f>;
}


# what a corporate root does with a request

sub sign {
    my ($name, $ca, %opts) = @_;
    my $csr = $opts{csr} || $name;

    $t->write_file('sign.ext', defined $opts{extensions} ? $opts{extensions}
        : "basicConstraints = critical, CA:TRUE, pathlen:0\n"
          . "keyUsage = critical, keyCertSign, cRLSign\n"
          . "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n");

    my $said = run('openssl', 'x509', '-req', '-in', "$dir/$csr.csr", '-CA',
        "$dir/$ca.pem", '-CAkey', "$dir/$ca.key", '-set_serial',
        1 + int(rand(1 << 30)), '-extfile', "$dir/sign.ext", '-days',
        $opts{days} || 100, '-out', "$dir/$name.pem");

    -s "$dir/$name.pem" or die "not signed: $said\n";
}


sub make_token {
    mkdir "$dir/tokens";
    $t->write_file('softhsm2.conf', "directories.tokendir = $dir/tokens\n"
        . "objectstore.backend = file\nlog.level = ERROR\n");

    run('softhsm2-util', qw/ --init-token --free --label ca --so-pin 12345678
        --pin 4711 /);
    run('pkcs11-tool', '--module', $module, qw/ --token-label ca --login
        --pin 4711 --keypairgen --key-type EC:secp384r1 --label issuer
        --id 01 /);
    run('chmod', '-R', 'a+rwX', "$dir/tokens");
}


sub states {
    return join ' ', map { $_->{state} } acme_ca_sql($t,
        'SELECT state FROM issuers WHERE state IS NOT NULL ORDER BY id');
}


sub issuer_of {
    my ($name) = @_;
    my $chain = $acme->issue([ $name ])->{chain};
    my ($cn) = cert_field($chain, 'issuer') =~ /CN = (.*)/;

    return $cn =~ /^default Intermediate/ ? 'own' : $cn;
}


sub verified {
    my ($name) = @_;
    return chain_verify($acme->issue([ $name ])->{chain}, "$dir/corp.pem");
}


sub key_id {
    my ($file) = @_;
    my ($id) = run('openssl', 'x509', '-in', $file, '-noout', '-ext',
                   'subjectKeyIdentifier') =~ /^\s+([0-9A-F:]+)$/m;
    return lc($id =~ s/://gr);
}

###############################################################################
