#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# kill -9 of acme-ca at random moments while it seals the audit log, imports a
# certificate, restores a backup: what is there is whole, done or not done, and
# the same command does it then.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use POSIX qw/ setsid /;
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool;
use Time::HiRes qw/ sleep time /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

acme_ca_tool($t);
acme_ca_conf($t, authority => 'audit_checkpoint 1s;')->plan(17)->run();

my $rounds = 3;

###############################################################################

my $acme = acme_client($t);
$acme->new_account();
$acme->issue([ "$_.example" ]) foreach qw/ a b c /;

make_ca($t, 'foreign-root', name => 'Foreign Root');
make_ca($t, 'foreign', name => 'Foreign', parent => 'foreign-root');
$t->write_file('foreign-chain.pem', join '', map { $t->read_file($_) }
    'foreign.pem', 'foreign-root.pem');

ok(acme_ca_wait(sub { sql('SELECT max(id) FROM acme_audit_checkpoints')
    == sql('SELECT max(id) FROM acme_audit_logs') }), 'all rows are signed');
is((tool('backup', "$dir/backup"))[1], 0, 'a backup') or diag($text);
$t->stop();
sleep(2.1);

my $signed = sql('SELECT max(id) FROM acme_audit_checkpoints');
my $certificates = sql('SELECT count(*) FROM acme_certificates');

# a certificate of another CA: it is there once, or not

is(killed(sub { 'certificate', 'import', "$dir/foreign-chain.pem" }, sub {
    my $n = sql('SELECT count(*) FROM acme_certificates') - $certificates;
    $n == 0 || $n == 1 ? '' : "$n certificates";
}), '', 'import: killed');
tool('certificate', 'import', "$dir/foreign-chain.pem");
is(sql('SELECT count(*) FROM acme_certificates'), $certificates + 1,
    'import: it is there');
well('import');

# rows of the log: each is in the database, or in a file that is whole

my @files;

is(killed(sub { push @files, "$dir/sealed." . @files;
    'audit', 'seal', '--before', '1s', '--to', $files[-1] }, sub { lost() }),
    '', 'seal: killed');
push @files, "$dir/sealed." . @files;
tool('audit', 'seal', '--before', '1s', '--to', $files[-1]);
cmp_ok(sql('SELECT min(id) FROM acme_audit_logs'), '>=', $signed,
    'seal: they have left');
is(lost(), '', 'seal: none is lost');
well('seal');

# the backup: what was there before, or what was in it, and no half

is(killed(sub { 'restore', "$dir/backup" }, sub {
    -s "$dir/ca/ca.db" ? '' : 'no database';
}), '', 'restore: killed');
is((tool('restore', "$dir/backup"))[1], 0, 'restore: again') or diag($text);
is(sql('SELECT count(*) FROM acme_certificates'), $certificates,
    'restore: all that was in it');
well('restore');

$t->run();
ok($acme->issue([ 'd.example' ]), 'it issues');

###############################################################################

# Kills a command at several moments of its time: what is wrong then.  At the
# first one it is not let begin, and at the last one it may be done

sub killed {
    my ($command, $check) = @_;
    my @wrong;

    # as long as one takes that does nothing
    my $begun = time();
    tool('certificate', 'list');
    my $time = 2 * (time() - $begun);

    for my $round (0 .. $rounds) {
        my @arguments = (acme_ca_tool_path(), '--path', "$dir/ca", $command->());

        my $pid = fork();
        die "Can't fork: $!\n" unless defined $pid;

        if ($pid == 0) {
            setsid();
            open STDOUT, '>', '/dev/null';
            open STDERR, '>&', \*STDOUT;
            exec { $arguments[0] } @arguments or POSIX::_exit(127);
        }

        sleep($time * $round / $rounds);
        kill 'KILL', -$pid, $pid;
        waitpid($pid, 0);

        push @wrong, grep { $_ } acme_ca_faults($t), $check->();
    }

    return join "\n", @wrong;
}


# rows that are neither in the database nor in a file that verifies with it

sub lost {
    my $first = sql('SELECT min(id) FROM acme_audit_logs');

    return '' if $first == 1;

    foreach my $file (grep { -s $_ } @files) {
        return '' if (tool('audit', 'verify', '--file', $file))[1] == 0;
    }

    return "rows below $first";
}


sub well {
    my ($what) = @_;

    is((tool('audit', 'verify'))[1], 0, "$what: audit verify") or diag($text);
    is(acme_ca_faults($t), '', "$what: the database");
}

###############################################################################
