#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The start: what the master makes in the state folder, that the next start
# keeps it, that "nginx -t" and "nginx -s" change nothing, and what is refused.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Digest::SHA;
use File::Find;
use POSIX qw/ WNOHANG /;
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Time::HiRes qw/ lstat /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3')
    ->has_daemon('openssl');

acme_ca_conf($t, path => '%%TESTDIR%%/deep/ca')->plan(51);

my $dir = $t->testdir();
my $home = "$dir/deep/ca";
my $db = "$home/ca.db";
my $root = $> == 0;

# the master makes what is missing above the state folder as well
chmod 0755, $dir;

###############################################################################

# before the first start

my ($good, $said) = config_test();
ok($good, 'configuration test before the first start') or diag($said);
ok(! -e "$dir/deep", 'configuration test made nothing');

nginx('-s', 'stop');
isnt($?, 0, 'no nginx to be stopped');
ok(! -e "$dir/deep", 'signal made nothing');

###############################################################################

# the first start

$t->run();

my $worker = (acme_ca_wait(\&workers))->[0];
my $uid = (stat "/proc/$worker")[4];

is(rights($home), '0700', 'folder');
is((lstat $home)[4], $uid, 'folder is of the worker user');
is(rights($_), '0600', "mode of $_") for qw/ root.key issuer.key ca.db /;
is((lstat "$home/$_")[4], $>, "owner of $_") for qw/ root.key issuer.key /;
is((lstat $db)[4], $uid, 'database is of the worker user');
like(join(' ', map { rights($_) } 'root.pem', 'issuer.pem'),
    qr/^(0644 ?){2}$/, 'certificates are public');
is(scalar(grep {
    !/^(?:(?:root|issuer|audit)\.(?:pem|key)|ca\.db(?:-wal|-shm)?|crl)$/
} files($home)), 0, 'no other file');

like($t->read_file('error.log'), qr/\[notice\].*made a new CA in "\Q$home/,
    'new CA is told in the log');

my %pem = map { $_ => read_text("$home/$_.pem") } qw/ root issuer /;
my %text = map { $_ => cert_text($pem{$_}) } qw/ root issuer /;

like($text{root}, qr/Version: 3/, 'root: version');
like($text{root}, qr/Basic Constraints: critical\s+CA:TRUE\s/,
    'root: basic constraints');
like($text{root}, qr/Key Usage: critical\s+Certificate Sign, CRL Sign\s/,
    'root: key usage');
like($text{root}, qr/NIST CURVE: P-256/, 'root: key');
is(cert_field($pem{root}, 'subject'), cert_field($pem{root}, 'issuer'),
    'root: self-signed');
like($text{issuer}, qr/Basic Constraints: critical\s+CA:TRUE, pathlen:0\s/,
    'issuer: basic constraints');
like($text{issuer}, qr/Key Usage: critical\s+.*Certificate Sign, CRL Sign\s/,
    'issuer: key usage');
is(key_id('Authority', $text{issuer}), key_id('Subject', $text{root}),
    'issuer: authority key identifier');
cmp_ok(length(key_id('Subject', $text{issuer})), '>=', 20,
    'issuer: subject key identifier');
is(chain_verify("$pem{issuer}$pem{root}"), 'OK', 'issuer: verified');
cmp_ok(abs(years($pem{root}) - 10), '<', 0.1, 'root: ten years');
cmp_ok(abs(years($pem{issuer}) - 5), '<', 0.1, 'issuer: five years');

###############################################################################

# a signal to a running nginx; the shared memory file of SQLite is no state.
# The workers write as well, their first rows of the log at least: once they
# have ended, what the signal wrote would be there each time

my ($before, $after);

for (1 .. 100) {
    $before = state(qr/-shm$/);
    nginx('-s', 'reopen');
    last if $? != 0;
    $after = state(qr/-shm$/);
    last if $after eq $before;
    select undef, undef, undef, 0.5;
}

is($?, 0, 'signal');
is($after, $before, 'signal changed nothing');

$t->stop();

# the second start

$before = state();
($good, $said) = config_test();
ok($good, 'configuration test after the first start') or diag($said);
is(state(), $before, 'configuration test changed nothing');

my $keys = join "\n", grep { m!/(?:root|issuer)\.(?:pem|key) ! } split /\n/, $before;

restart();
is(join("\n", grep { m!/(?:root|issuer)\.(?:pem|key) ! } split /\n/, state()), $keys,
    'second start keeps the CA');
$t->stop();

is(acme_ca_sql_value($t, 'SELECT count(*) FROM issuers', $db), 2,
    'root and issuer in the registry');

###############################################################################

# databases that are not ours, or not any more

my $version = acme_ca_sql_value($t, 'SELECT user_version
                                     FROM pragma_user_version', $db);
sqlite($db, "PRAGMA user_version = 99");
like(refused(), qr/has version 99, this release knows $version\b.*in \S+:\d+/,
    'newer database at -t');
like(nginx_fails(), qr/newer release: its schema has version 99/,
    'newer database at start');
is(acme_ca_sql_value($t, 'SELECT user_version FROM pragma_user_version', $db),
    99, 'newer database left alone');
sqlite($db, "PRAGMA user_version = $version");

rename $db, "$db.saved";

sqlite($db, "PRAGMA application_id = 7; CREATE TABLE x (y)");
like(refused(), qr/another application.*in \S+:\d+/, 'foreign database');
unlink $db;

write_text($db, 'no database at all ' x 1000);
like(refused(), qr/ca\.db": .*not a database.*in \S+:\d+/, 'no database');

write_text($db, substr(read_text("$db.saved"), 0, 100) . 'x' x 8092);
like(refused(), qr/ca\.db": .*in \S+:\d+/, 'damaged database');
unlink $db;

symlink "$db.saved", $db;
like(nginx_fails(), qr/is no regular file/, 'database behind a link');
unlink $db;

# one that is gone

$t->run();
like($t->read_file('error.log'),
    qr/\[crit\].* the database is gone from "\Q$home\E", a new one is made/,
    'no database');
$t->stop();

unlink $db;
rename "$db.saved", $db;

###############################################################################

# keys

chmod 0644, "$home/issuer.key";
like(refused(), qr/issuer\.key" must belong to .* mode 0600.*in \S+:\d+/,
    'key that others can read');
chmod 0600, "$home/issuer.key";

SKIP: {
    skip 'no root', 1 unless $root;

    chown $uid || 65534, -1, "$home/issuer.key";
    like(refused(), qr/issuer\.key" must belong to .*in \S+:\d+/,
        'key of somebody else');
    chown 0, -1, "$home/issuer.key";
}

rename "$home/issuer.key", "$home/saved.key";
like(refused(), qr/issuer\.key.*No such file.*in \S+:\d+/, 'no key');

openssl('', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out',
    "$home/issuer.key");
chmod 0600, "$home/issuer.key";
like(refused(), qr/the key is not that of the certificate.*in \S+:\d+/,
    'key of another certificate');

rename "$home/saved.key", "$home/issuer.key";
rename "$home/root.pem", "$home/saved.pem";
like(refused(), qr/root\.pem.*No such file.*in \S+:\d+/, 'no root');
rename "$home/saved.pem", "$home/root.pem";

rename "$home/issuer.pem", "$home/saved.pem";
like(refused(), qr/"issuer\.pem" is gone from .*put it back in \S+:\d+/,
    'no issuer');
like(nginx_fails(), qr/"issuer\.pem" is gone from/, 'at a start as well');
rename "$home/saved.pem", "$home/issuer.pem";

is(join("\n", grep { m!/(?:root|issuer)\.(?:pem|key) ! } split /\n/, state()),
    $keys, 'no key was written over');

###############################################################################

# a folder that cannot be made

write_text("$dir/file", 'x');
like(nginx_fails(path => '%%TESTDIR%%/file/ca'),
    qr/cannot create a folder above|Not a directory/, 'folder below a file');

###############################################################################

restart();
is(acme_client($t)->new_account()->{status}, 201,
    'same CA serves after all that');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub workers {
    my @pids = acme_ca_workers($t);
    return @pids ? \@pids : undef;
}


sub conf {
    return Test::Nginx::AcmeCa::conf_text(path => '%%TESTDIR%%/deep/ca', @_);
}


sub config_test {
    return acme_ca_config_test($t, conf(@_));
}


# what "nginx -t" says when it refuses

sub refused {
    my ($good, $said) = config_test(@_);

    return $good ? "accepted: $said" : $said;
}


sub nginx {
    return run($Test::Nginx::NGINX, '-p', "$dir/",
        '-c', 'nginx.conf', '-e', 'error.log', @_);
}


# what a start says that must fail; one that does not is ended

sub nginx_fails {
    $t->write_file_expand('fails.conf', conf(@_));

    my $pid = fork();
    die "Can't fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', "$dir/fails.out";
        open STDERR, '>&', \*STDOUT;
        exec { $Test::Nginx::NGINX } $Test::Nginx::NGINX, '-p', "$dir/",
            '-c', 'fails.conf', '-e', 'fails.log' or POSIX::_exit(127);
    }

    my $ended = acme_ca_wait(sub { waitpid($pid, WNOHANG) });
    my $status = $?;

    if (!$ended) {
        kill 'TERM', $pid;
        waitpid($pid, 0);
        return 'it started';
    }

    return $status == 0 ? 'it ended well' : $t->read_file('fails.out');
}


sub restart {
    unlink "$dir/nginx.pid";
    $t->run();
}


# names, rights, owners, times and contents of all that is in the folder

sub state {
    my ($except) = @_;
    my @lines;

    find({ no_chdir => 1, wanted => sub {
        return if $except && /$except/;
        my @stat = lstat $_;
        push @lines, sprintf('%s %o %d:%d %s %s', $_, $stat[2], @stat[4, 5],
            -d _ ? '' : "$stat[7] $stat[9]",
            -f _ ? Digest::SHA->new(256)->addfile($_)->hexdigest() : '');
    } }, $home);

    return join "\n", sort @lines;
}


sub files {
    opendir my $d, $_[0] or die "Can't open $_[0]: $!\n";
    return grep { !/^\.\.?$/ } readdir $d;
}


sub rights {
    my ($name) = @_;

    $name = "$home/$name" unless $name =~ m!^/!;

    return sprintf('%04o', (lstat $name)[2] & 07777);
}


sub read_text {
    open my $f, '<', $_[0] or die "Can't open $_[0]: $!\n";
    binmode $f;
    local $/;
    return scalar <$f>;
}


sub write_text {
    open my $f, '>', $_[0] or die "Can't write $_[0]: $!\n";
    binmode $f;
    print {$f} $_[1];
    close $f;
}


# root leaves no -wal or -shm behind that a worker could not write

sub sqlite {
    my ($file, $sql) = @_;

    system('sqlite3', $file, $sql) == 0 or die "sqlite3 failed: $sql\n";
}


sub key_id {
    my ($whose, $text) = @_;

    return $text =~ /X509v3 $whose Key Identifier:\s+(?:keyid:)?([0-9A-F:]+)/
        ? $1 : '';
}


sub years {
    my ($pem) = @_;
    my ($from, $to) = map {
        my $date = cert_field($pem, $_);
        my %month = map { (qw/ Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov
                               Dec /)[$_] => $_ } 0 .. 11;
        $date =~ /(\w+)\s+(\d+) (\d+):(\d+):(\d+) (\d+)/;
        POSIX::mktime($5, $4, $3, $2, $month{$1}, $6 - 1900);
    } qw/ startdate enddate /;

    return ($to - $from) / (365.25 * 86400);
}

###############################################################################
