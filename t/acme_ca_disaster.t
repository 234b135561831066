#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The drill of docs/operations.md: a database that is lost and comes back older
# than it was, the key of an issuer that is lost, and a root in other hands.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();
acme_ca_tool($t);

my %conf = (authority => 'crl_interval 1s;',
    server => 'location /crl/ { acme_ca_crl; }
        location /ocsp/ { acme_ca_ocsp; }');

acme_ca_conf($t, %conf)->plan(33)->run();

my $acme = acme_client($t);
my $kept = $acme->issue([ 'kept.example' ]);

###############################################################################

# the database is lost, and the backup older than what was issued and revoked

is((tool('backup', "$dir/backup"))[1], 0, 'backup') or diag($text);

# as if a list had been in the making
run('sqlite3', "$dir/backup/ca.db", "UPDATE acme_crls
    SET lease_until = strftime('%s', 'now') + 9999, due_at = lease_until");

my $late = $acme->issue([ 'late.example' ]);
my $issuer = key_id($t->read_file('ca/issuer.pem'));

is($acme->revoke($kept->{chain})->outcome(), '200', 'revoked after it');
ok(acme_ca_wait(sub { listed($kept) }), 'the list has it');
my $number = number();

$t->stop();
unlink map { "$dir/ca/ca.db$_" } '', '-wal', '-shm';
is((tool('restore', "$dir/backup"))[1], 0, 'restored') or diag($text);
$t->run();

is($acme->find_account()->{status}, 200, 'accounts');
is($acme->post($kept->{certificate_url})->{body}, $kept->{chain},
    'certificates that it has');
is((tool('certificate', 'show', serial($late)))[1], 3,
    'it does not have the later one');
is(chain_verify($late->{chain}, "$dir/ca/root.pem"), 'OK', 'which is good yet');
is(ocsp($late), 'unknown', 'OCSP knows nothing of it');

# the numbers of lists go on, whoever kept the last one takes the next

is((tool('revoke', '--serial', serial($kept)))[1], 0, 'revoked anew')
    or diag($text);
ok(acme_ca_wait(sub { number() > $number && listed($kept) }),
    'a later list has it again');

# the later one is taken up, and can be revoked

$t->write_file('late.pem', $late->{chain});
is((tool('certificate', 'import', "$dir/late.pem"))[1], 0, 'import')
    or diag($text);
is(ocsp($late), 'good', 'OCSP knows it');
is((tool('revoke', '--serial', serial($late)))[1], 0, 'can be revoked')
    or diag($text);
ok(acme_ca_wait(sub { listed($late) }), 'the list has it');
is(ocsp($late), 'revoked', 'OCSP has it');

# no number is given twice, and clients go on

my $next = $acme->issue([ 'late.example' ]);
is(chain_verify($next->{chain}, "$dir/ca/root.pem"), 'OK', 'renewed');
isnt(serial($next), serial($late), 'another serial number');
is(acme_ca_faults($t), '', 'registry');
is((tool('audit', 'verify'))[1], 0, 'the audit log holds') or diag($text);

###############################################################################

# the key of the issuer is lost: another one below the same root

$t->stop();
unlink "$dir/ca/issuer.key";

my ($good, $said) = acme_ca_config_test($t, $t->read_file('nginx.conf'));
is($good, 0, 'nginx -t misses it');
like($said, qr/issuer\.key.*No such file/, 'says so');

is((tool('issuer', 'csr', '--subject', '/CN=Second'))[1], 0, 'csr')
    or diag($text);
$t->write_file('second.csr', (split /(?=-----BEGIN CERTIFICATE REQ)/, $text)[-1]);
$t->write_file('second.ext', "basicConstraints=critical,CA:TRUE,pathlen:0\n"
    . "keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
    . "authorityKeyIdentifier=keyid\n");
run('openssl', 'x509', '-req', '-in', "$dir/second.csr", '-CA',
    "$dir/ca/root.pem", '-CAkey', "$dir/ca/root.key", '-days', 900,
    '-set_serial', '0x4711', '-extfile', "$dir/second.ext", '-out',
    "$dir/second.pem");
is((tool('issuer', 'import', "$dir/second.pem", "$dir/ca/root.pem"))[1], 0,
    'import') or diag($text);

$t->run();

my $second = $acme->issue([ 'second.example' ]);
is(chain_verify($second->{chain}, "$dir/ca/root.pem"), 'OK', 'it issues');
is(states(), 'retired active', 'in place of the one without a key');
ok(-s "$dir/ca/crl/$issuer.crl", 'whose last list is there');

# what it signed ends by the root's list, if nobody can trust it any more

is((tool('issuer', 'compromised', 1))[1], 0, 'compromised') or diag($text);
acme_ca_reload($t);
my $root = key_id($t->read_file('ca/root.pem'));
ok(acme_ca_wait(sub { text($root) =~ /Revoked Certificates/ }),
    'the list of the root has it');

###############################################################################

# the root is in other hands: another one, and clients that begin anew

acme_ca_conf($t, %conf, daemons => 0, path => '%%TESTDIR%%/new');
acme_ca_reload($t);

isnt($t->read_file('new/root.pem'), $t->read_file('ca/root.pem'),
    'another root');

my $anew = acme_client($t)->issue([ 'anew.example' ]);
is(chain_verify($anew->{chain}, "$dir/new/root.pem"), 'OK', 'it issues');
isnt(chain_verify($anew->{chain}, "$dir/ca/root.pem"), 'OK',
    'who trusts the old root does not trust it');
isnt(chain_verify($second->{chain}, "$dir/new/root.pem"), 'OK',
    'who trusts the new one trusts nothing of the old');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub serial { return lc cert_field($_[0]->{chain}, 'serial') }


sub states {
    return acme_ca_sql_value($t, 'SELECT group_concat(state, " ") FROM
        (SELECT state FROM issuers WHERE state IS NOT NULL ORDER BY id)');
}


sub key_id {
    $t->write_file('one.pem', $_[0]);

    my ($id) = run('openssl', 'x509', '-in', "$dir/one.pem", '-noout', '-ext',
        'subjectKeyIdentifier') =~ /((?:[0-9A-F]{2}:)+[0-9A-F]{2})/;

    return lc $id =~ s/://gr;
}


# a list as text, by the key of who signed it

sub text {
    return run('openssl', 'crl', '-inform', 'DER', '-in',
        "$dir/ca/crl/$_[0].crl", '-noout', '-text');
}


sub number {
    my ($hex) = text($issuer) =~ /CRL Number: \s+(0x[0-9A-F]+|\d+)/i;

    return $hex =~ /^0x/ ? hex $hex : $hex;
}


sub listed {
    my $serial = uc serial($_[0]);

    return text($issuer) =~ /Serial Number: 0*\Q$serial\E/;
}


sub ocsp {
    my ($got) = @_;

    $t->write_file('leaf.pem', $got->{chain});

    return run('openssl', 'ocsp', '-issuer', "$dir/ca/issuer.pem", '-cert',
               "$dir/leaf.pem", '-CAfile', "$dir/ca/root.pem", '-url',
               'http://127.0.0.1:' . port(8080) . '/ocsp/')
        =~ /leaf\.pem: (\w+)/ ? $1 : '';
}

###############################################################################
