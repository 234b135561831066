#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The audit log: a chain of hashes that is signed now and then, lines of JSON
# in a file and to syslog, what "acme-ca audit" finds, exports and seals.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Digest::SHA qw/ sha256_hex /;
use File::Copy qw/ copy /;
use IO::Select;
use IO::Socket::INET;
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool;
use Time::Local qw/ timegm /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
acme_ca_tool($t);

my $dir = $t->testdir();

my $syslog = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die "Can't listen: $!\n";

acme_ca_conf($t, workers => 2, authority => <<"END", http => <<"HTTP",
        audit_log $dir/audit.log;
        audit_checkpoint 1s;
END
    acme_ca_authority second {
        path       $dir/second;
        base_url   http://127.0.0.1:8080/second;
        audit_log  syslog:server=127.0.0.1:@{[ $syslog->sockport() ]},tag=ca;
    }
HTTP
    server => 'location /second/ { acme_ca second; }');


$t->plan(83);

###############################################################################

# the directives

foreach my $case (
    [ 'audit_log off; audit_log off;', qr/"audit_log" directive is duplicate/ ],
    [ 'audit_log syslog:nowhere;', qr/no syslog server|"server="|unknown/ ],
    [ 'audit_checkpoint 0;', qr/invalid time "0"/ ],
    [ 'audit_checkpoint 1h 0;', qr/invalid number of rows "0"/ ],
    [ 'audit_checkpoint 1h; audit_checkpoint 1h;', qr/is duplicate/ ],
) {
    my ($lines, $said) = @$case;

    my ($good, $text) = acme_ca_config_test($t,
        $t->read_file('nginx.conf') =~ s/audit_log[^;]*;\s*audit_checkpoint[^;]*;/$lines/r);

    ok(!$good, "refused: $lines");
    like($text, $said, 'says why');
}

$t->run();

my $acme = acme_client($t);

###############################################################################

# rows are chained and signed, the master's as well

ok(acme_ca_wait(sub { sql('SELECT count(*) FROM acme_audit_checkpoints') }),
    'a checkpoint');
is(sql("SELECT count(*) FROM acme_audit_logs WHERE action = 'start'
    AND actor = 'server' AND hash IS NOT NULL"), 1, 'the start has a row');
is(sql("SELECT json_extract(details, '\$.configuration') FROM acme_audit_logs
    WHERE action = 'start'"), "$dir/nginx.conf", 'with its configuration');

is((stat "$dir/ca/audit.key")[2] & 0777, 0600, 'key');
is((stat "$dir/ca/audit.key")[4], $>, 'of who started nginx');

$acme->issue([ 'a.example' ]);
$acme->new_order([ 'bad..name' ]);
is((tool('eab', 'create', '--label', 'x'))[1], 0, 'the tool adds a row');

# the note of a download is written after its reply has left
acme_ca_wait(sub { sql("SELECT count(*) FROM acme_audit_logs
    WHERE action = 'download'") });

ok(signed(), 'all are signed');
is(sql('SELECT count(*) FROM acme_audit_logs WHERE hash IS NULL'), 0,
    'all are chained');
is((tool('audit', 'verify'))[1], 0, 'verified') or diag($text);
like($text, qr/^rows 1 to (\d+), signed up to \1; 0 not chained yet$/, 'says');
is((tool('audit', 'verify', '--all'))[1], 0, 'all signatures') or diag($text);

###############################################################################

# the file has all rows, once, as they are exported

my @want = map { json_decode($_) } split /\n/, (tool('audit', 'export'))[0];
my $checkpoint = pop @want;
my @log;

# lines are written after the commit, by each worker those of its own

acme_ca_wait(sub {
    @log = sort { $a->{id} <=> $b->{id} } grep { $_->{id} }
        map { json_decode($_) }
        $t->read_file('audit.log') =~ /^(.*)\n/mg;
    return @log >= @want;
});

is_deeply([ map { my %row = %$_; delete $row{authority}; \%row } @log ],
    \@want, 'the file is what was exported');
is($log[0]{authority}, 'default', 'with the name of the authority');
is($checkpoint->{checkpoint}, $want[-1]{id}, 'and the checkpoint');
is((grep { $_->{action} eq 'issue' } @log), 1, 'issuance');
is((grep { $_->{outcome} eq 'refused' } @log), 1, 'refusal');
is((grep { $_->{action} eq 'eab-create' } @log), 1, 'tool');
is((tool('audit', 'verify', '--file', "$dir/audit.log"))[1], 0,
    'the file is verified') or diag($text);

is(scalar @{json('audit', 'list', '--limit', 2)}, 2, 'list');
is(json('audit', 'list', '--action', 'issue')->[0]{action}, 'issue',
    'by action');
is(json('audit', 'list', '--account', 1, '--limit', 1)->[0]{account}, 1,
    'by account');
is_deeply([ map { $_->{id} } @{json('audit', 'tail', '--limit', 3)} ],
    [ reverse map { $_->{id} } @{json('audit', 'list', '--limit', 3)} ],
    'tail');

# syslog

my @lines;

while (!grep { /"action":"start"/ } @lines) {
    last if !IO::Select->new($syslog)->can_read(60);
    $syslog->recv(my $line, 65536);
    push @lines, $line;
}

like(join("\n", @lines), qr/^<190>.* ca: \{"authority":"second","id":1,.*\}$/m,
    'syslog');
like(join('', @lines), qr/"action":"start"/, 'with the start');

# a file that was renamed is opened anew

rename "$dir/audit.log", "$dir/audit.log.1";
kill 'USR1', $t->read_file('nginx.pid');
ok(acme_ca_wait(sub { -e "$dir/audit.log" }), 'opened anew');
ok(acme_ca_wait(sub {
    $acme->new_order([ 'b.example' ]);
    return $t->read_file('audit.log') =~ /new-order/;
}), 'written to');

###############################################################################

# a reload has a row

kill 'HUP', $t->read_file('nginx.pid');
ok(acme_ca_wait(sub {
    sql("SELECT count(*) FROM acme_audit_logs WHERE action = 'reload'") }),
    'reload');
ok(signed(), 'signed');

# what was changed behind the CA's back is found

$t->stop();
is((tool('audit', 'verify'))[1], 0, 'still good') or diag($text);

my $n = sql('SELECT max(id) FROM acme_audit_logs');
my $drop = 'DROP TRIGGER acme_audit_logs_update;
    DROP TRIGGER acme_audit_logs_chained; DROP TRIGGER acme_audit_logs_delete;
    DROP TRIGGER acme_audit_checkpoints_delete;';

broken('a changed row', "UPDATE acme_audit_logs SET client_address = '::2'
    WHERE id = 5", qr/^row 5 or the one before it was changed$/m);
broken('a removed row', 'DELETE FROM acme_audit_logs WHERE id = 5',
    qr/^rows 5 to 5 are missing$/m);
broken('an inserted row', "UPDATE acme_audit_logs SET id = id + 1000
    WHERE id >= 5; UPDATE acme_audit_logs SET id = id - 999 WHERE id >= 1005;
    INSERT INTO acme_audit_logs (id, at, actor, action, outcome, hash)
    VALUES (5, 1, 'x', 'x', 'done', zeroblob(32))", qr/^row [56] /m);
broken('the first rows', 'DELETE FROM acme_audit_logs WHERE id < 3',
    qr/^rows 1 to 2 are missing$/m);
broken('the last row', "DELETE FROM acme_audit_logs WHERE id = $n",
    qr/^rows @{[ $n - 1 ]} to $n are missing: they were signed$/m);
broken('a checkpoint', 'UPDATE acme_audit_checkpoints SET signature = x\'3000\'
    WHERE id = (SELECT max(id) FROM acme_audit_checkpoints)',
    qr/has a wrong signature/, 'DROP TRIGGER acme_audit_checkpoints_update;');
broken('the hashes of a whole tail', "UPDATE acme_audit_logs
    SET hash = NULL, action = 'x' WHERE id >= 5",
    qr/^rows up to \d+ are not those that were signed$/m);
broken('a row, hidden by the view', "CREATE TABLE was AS
    SELECT id, content FROM acme_audit_contents;
    UPDATE acme_audit_logs SET client_address = '::2' WHERE id = 5;
    DROP VIEW acme_audit_contents; CREATE VIEW acme_audit_contents AS
    SELECT id, hash, content FROM acme_audit_logs JOIN was USING (id)",
    qr/^row 5 or the one before it was changed$/m);
broken('rows and checkpoints, against the file',
    'DELETE FROM acme_audit_logs WHERE id > 5;
    DELETE FROM acme_audit_checkpoints WHERE id > 5',
    qr/^row 6 of the file is not in the database$/m, '',
    '--file', "$dir/audit.log.1");

###############################################################################

# sealed rows leave the database, which stays sound

$t->run();
$acme->find_account();
ok(signed(), 'signed');
sleep 2;

my ($said) = tool('audit', 'seal', '--before', '1s', '--to', "$dir/sealed");
is($status, 0, 'sealed') or diag($said);
cmp_ok(sql('SELECT min(id) FROM acme_audit_logs'), '>', $n, 'rows are gone');
is((tool('audit', 'verify'))[1], 0, 'verified') or diag($text);
$acme->new_order([ 'c.example' ]);
ok(signed(), 'signed on');
is((tool('audit', 'verify', '--file', "$dir/sealed"))[1], 0,
    'with the rows that left') or diag($text);
like($text, qr/^"\S+": rows 1 to (\d+), signed up to \1; 0 not chained yet$/m,
    'says so of the file, too');

# hashes can be made anew by anybody, with or without the checkpoints

my $forged = forged($t->read_file('sealed'), qr/"actor":"operator"/);

$t->write_file('forged', $forged);
is((tool('audit', 'verify', '--file', "$dir/forged"))[1], 1,
    'a forged file');
like($text, qr/^rows up to \d+ are not those that were signed$/m,
    'by the checkpoint in it');

$t->write_file('forged', $forged =~ s/^\{"checkpoint".*\n//mr);
is((tool('audit', 'verify', '--file', "$dir/forged"))[1], 1,
    'without its checkpoint');
like($text, qr/^rows up to \d+ of the file are not those that were signed$/m,
    'by that of the database');

$t->write_file('forged', $forged =~ s/^\{"checkpoint".*\n//mr
    =~ s/,"hash":"\w+"\}$/}/gmr);
is((tool('audit', 'verify', '--file', "$dir/forged"))[1], 1,
    'without any hash');
like($text, qr/^row 1 of the file is not chained$/m, 'is told');

is(sql("SELECT json_extract(details, '\$.file') FROM acme_audit_logs
    WHERE action = 'audit-seal'"), "$dir/sealed", 'audited');

# all that is chained is sealed, a row of the tool waits

$t->stop();
sleep 2;
tool('eab', 'create', '--label', 'y');
$n = sql('SELECT max(id) FROM acme_audit_logs');

is((tool('audit', 'seal', '--before', '1s', '--to', "$dir/sealed.2"))[1], 0,
    'sealed') or diag($text);
is(sql('SELECT min(id) FROM acme_audit_logs'), $n, 'but for that row');

$t->run();
ok(signed(), 'signed');
is((tool('audit', 'verify'))[1], 0, 'it goes on with what was sealed')
    or diag($text);

# another key: what the one before signed is still verified, nobody else's is

my @was = keys_in("$dir/ca/audit.pem");
rename "$dir/ca/audit.key", "$dir/was.key" or die "rename: $!\n";
my $reloads = sql("SELECT count(*) FROM acme_audit_logs
    WHERE action = 'reload'");
kill 'HUP', $t->read_file('nginx.pid');
ok(acme_ca_wait(sub { sql("SELECT count(*) FROM acme_audit_logs
    WHERE action = 'reload'") > $reloads }), 'reloaded without the key');

# a worker of before may sign the row of the reload, but not all that follow
ok(acme_ca_wait(sub {
    $acme->new_order([ 'd.example' ]);
    return sql('SELECT count(DISTINCT key_id) FROM acme_audit_checkpoints')
        == 2;
}), 'another one signs');
ok(signed(), 'all that there is');
is((tool('audit', 'verify', '--all'))[1], 0, 'both are verified')
    or diag($text);

my @keys = keys_in("$dir/ca/audit.pem");
is_deeply([ @keys[0 .. $#keys - 1] ], \@was, 'the keys from before are kept');
$t->write_file('newest.pem', $keys[-1]);
is((tool('audit', 'verify', '--all', '--key', "$dir/newest.pem"))[1], 1,
    'the newest alone');
like($text, qr/^checkpoint \d+ was signed by another key: [0-9a-f]{64}$/m,
    'does not do');

$t->stop();
rename "$dir/was.key", "$dir/ca/audit.key" or die "rename: $!\n";
$t->run();
is_deeply([ keys_in("$dir/ca/audit.pem") ], \@keys, 'each stands there once');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# waits until the newest row is signed

sub signed {
    return acme_ca_wait(sub { sql('SELECT (SELECT max(id) FROM acme_audit_logs)
        = (SELECT max(id) FROM acme_audit_checkpoints)') });
}


# another actor, and hashes that fit

sub forged {
    my ($lines, $what) = @_;
    my $before = '0' x 64;

    $lines =~ s/$what/"actor":"nobody"/;

    return join '', map {
        my $line = $_;

        if ($line =~ /^\{"id"/) {
            my ($details) = $line =~ /"details":(\{.*?\})(?=,"\w+_|,"hash")/;
            my %row = (%{json_decode($line)}, details => $details);

            my ($year, $month, @rest) = $row{at} =~ /\d+/g;

            $row{at} = timegm(reverse($year, $month - 1, @rest));
            $before = sha256_hex(join '', $before,
                map { defined && length ? length() . ":$_," : '-,' }
                @row{qw/ id at actor action outcome reason details account_id
                         order_id authz_id challenge_id certificate_id
                         client_address user_agent request_id /});
            $line =~ s/"hash":"\K\w+/$before/;
        }

        $line;
    } $lines =~ /^.*\n/mg;
}


sub keys_in {
    open my $f, '<', $_[0] or die "$_[0]: $!\n";
    local $/;

    return <$f> =~ /(-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----\n)/sg;
}


sub broken {
    my ($name, $sql, $said, $drop_more, @options) = @_;

    my $copy = "$dir/broken";
    mkdir $copy;
    copy("$dir/ca/$_", "$copy/$_") for qw/ ca.db audit.pem /;
    chown((stat "$dir/ca/ca.db")[4, 5], "$copy/ca.db", $copy) if !$>;

    run('sqlite3', "$copy/ca.db",
        $drop . ($drop_more || '') . $sql);
    diag("$name: sqlite3 failed") if $?;

    run_tool('--path', $copy, 'audit', 'verify', @options);
    is($status, 1, "found: $name");
    like($text, $said, 'what it is');

    unlink glob "$copy/*";
}

###############################################################################
