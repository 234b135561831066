#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The CRLs of a whole chain: in one file, for who checks all of it; and an
# intermediate that is compromised, in the CRL of its root.

###############################################################################

use warnings;
use strict;

use IO::Handle;
use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool qw/ acme_ca_tool tool /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();
acme_ca_tool($t);

acme_ca_conf($t, authority => 'crl_interval 1s;',
    server => 'location /crl/ { acme_ca_crl; }')->plan(33)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# one file

my $good = $acme->issue([ 'good.example' ]);
my $bad = $acme->issue([ 'bad.example' ]);
my $url = 'http://127.0.0.1:' . port(8080) . '/crl/';

my $reply = $acme->get($url . 'all.pem');
is($reply->{status}, 200, 'all of them');
is($reply->header('Content-Type'), 'application/x-pem-file', 'its type');
is(() = $reply->{body} =~ /BEGIN X509 CRL/g, 2, 'of issuer and root');
is($reply->{body}, $t->read_file('ca/crl/all.pem'), 'the file');
is($acme->get($url . 'all.crl')->{status}, 404, 'there is none in DER');

is(verify($good), 'OK', 'the chain is good');
is(verify($bad), 'OK', 'the other one, too');

# it changes with each of them

is($acme->revoke($bad->{chain})->{status}, 200, 'revoked');
like(wait_for($bad, 'revoked'), qr/certificate revoked/, 'and refused');
is(verify($good), 'OK', 'the other one is still good');

# what a web server makes of it

$t->write_file('ca.pem', $t->read_file('ca/root.pem')
                         . $t->read_file('ca/issuer.pem'));
my ($ok, $said) = acme_ca_config_test($t, <<EOF);
%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    server {
        listen 127.0.0.1:8443 ssl;
        ssl_certificate $dir/ca/root.pem;
        ssl_certificate_key $dir/ca/root.key;
        ssl_client_certificate $dir/ca.pem;
        ssl_verify_client on;
        ssl_verify_depth 2;
        ssl_crl $dir/ca/crl/all.pem;
    }
}
EOF
is($ok, 1, 'nginx takes it as ssl_crl') or diag($said);

###############################################################################

# an intermediate in other hands

my $root = openssl($t->read_file('ca/root.pem'), 'x509', '-noout', '-subject');
my $serial = cert_field($t->read_file('ca/issuer.pem'), 'serial');
my ($list) = grep { !/all\.pem$/ && root_crl($_) =~ /verify OK/ }
             glob "$dir/ca/crl/*.pem";

unlike(root_crl($list), qr/Serial Number/, 'nobody is in the CRL of the root');

# it may be in the registry already
my ($text, $status) = tool('certificate', 'import', '--category', 'ca',
                           "$dir/ca/issuer.pem");
is($status, 0, 'imported') or diag($text);

my $id = acme_ca_sql_value($t, "SELECT id FROM issuers WHERE state = 'active'");
($text, $status) = tool('issuer', 'compromised', $id);
is($status, 0, 'compromised') or diag($text);

ok(acme_ca_reload($t), 'reload');
$text = root_crl($list);
like($text, qr/verify OK/, 'CRL of the root');
like($text, qr/Serial Number: \Q$serial\E\n/, 'has the intermediate');
like($text, qr/CA Compromise/, 'and why');
like(verify($good), qr/certificate revoked/, 'its leaves are refused');

# the one that follows

my $new = $acme->issue([ 'new.example' ]);
like(wait_for($new, 'OK'), qr/^OK$/, 'the new one is good');
is(() = $t->read_file('ca/crl/all.pem') =~ /BEGIN X509 CRL/g, 3,
    'and its CRL is with the others');

# it is recorded once

ok(acme_ca_reload($t), 'another reload');
is(() = root_crl($list) =~ /Serial Number:/g, 1, 'one entry');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE action = 'revoke-issuer'"), 1, 'one audit row');
($text, $status) = tool('certificate', 'list', '--status', 'revoked');
like($text, qr/\Q${\lc $serial}\E/i, 'the registry has it');
is(acme_ca_faults($t), '', 'registry');

# links and strangers are not copied

symlink "$dir/ca/root.key", "$dir/ca/crl/abcd.pem";
$t->write_file('ca/crl/abce.pem', "a text\n");
ok(acme_ca_reload($t), 'a link in the folder');
unlike($t->read_file('ca/crl/all.pem'), qr/PRIVATE KEY|a text/,
    'is not followed');
like($t->read_file('ca/crl/all.pem'), qr/BEGIN X509 CRL/, 'the rest is there');

# nobody else writes it while the master does: stopped in the middle of it, which
# takes its time with so many of them, it holds the database

link $list, sprintf("$dir/ca/crl/f%07x.pem", $_) or die "link: $!\n"
    foreach 1 .. 3000;

my ($master) = $t->read_file('nginx.pid') =~ /^(\d+)/;
my $file = "$dir/ca/crl/all.pem.new";
my $half;

for (1 .. 50) {
    my $ends = time() + 10;

    $t->reload();
    1 until -e $file || time() > $ends;
    kill 'STOP', $master;
    acme_ca_wait(sub {
        Test::Nginx::AcmeCa::process_state($master) eq 'T' });
    last if $half = -e $file;
    kill 'CONT', $master;
}

ok($half, 'the master writes all of them');
like(run('sqlite3', '-bail', acme_ca_database($t), 'BEGIN IMMEDIATE; ROLLBACK'),
    qr/database is locked/, 'and nobody else');
kill 'CONT', $master;
unlink glob "$dir/ca/crl/f*.pem";

# the master has no turn among those who write: it waits longer than they do

my @old = acme_ca_workers($t);

open my $holder, '|-', 'sqlite3', '-bail', acme_ca_database($t)
    or die "No sqlite3: $!\n";
$holder->autoflush(1);
print {$holder} ".timeout 60000\nBEGIN IMMEDIATE;\n.shell touch $dir/held\n";
acme_ca_wait(sub { -e "$dir/held" });

$t->reload();
sleep 7;
close $holder;
ok(acme_ca_wait(sub {
    my %now = map { $_ => 1 } acme_ca_workers($t);
    keys %now == 2 && !grep { $now{$_} } @old;
}), 'a reload while another process writes');
is(acme_ca_log($t, qr/a CRL could not be made/), '', 'leaves nothing out');

undef $t;

###############################################################################

sub root_crl {
    my ($file) = @_;
    return run('openssl', 'crl', '-in', $file, '-noout', '-text', '-CAfile',
               "$dir/ca/root.pem");
}


# with the CRLs of all CAs

sub verify {
    my ($got) = @_;

    $t->write_file('chain.pem', $got->{chain});
    my $said = run('openssl', 'verify', '-crl_check_all', '-CAfile',
        "$dir/ca/root.pem", '-untrusted', "$dir/chain.pem", '-CRLfile',
        "$dir/ca/crl/all.pem", "$dir/chain.pem");

    return $? == 0 ? 'OK' : $said;
}


sub wait_for {
    my ($got, $what) = @_;
    my $said;

    acme_ca_wait(sub { ($said = verify($got)) =~ /$what/ }, 60);

    return $said;
}

###############################################################################
