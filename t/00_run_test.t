#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# contrib/run-test: what a test leaves behind ends with it, and a test that
# hangs is ended.

###############################################################################

use warnings;
use strict;

use Test::More tests => 9;

use File::Temp qw/ tempdir /;
use FindBin;

# these fail on purpose
delete $ENV{TEST_ERRORS};

my $dir = tempdir('run-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $program = "$FindBin::Bin/../contrib/run-test";

###############################################################################

my ($status, $out, $err) = run('print "ok 1\n"; exit 0;');
is($status, 0, 'passed');
is($out, "ok 1\n", 'output');
is($err, '', 'nothing to say');

($status) = run('exit 3;');
is($status, 3, 'failed');

($status) = run('kill "KILL", $$;');
is($status, 128 + 9, 'killed');

# a daemon in a session of its own, without a parent, that holds the output
($status, $out, $err) = run('use POSIX;
    pipe my $r, my $w;
    exit(0 * <$r>) if fork;
    POSIX::setsid();
    exit if fork;
    open my $f, ">", "' . $dir . '/pid"; print $f $$; close $f;
    $SIG{TERM} = "IGNORE";
    print $w "1\n"; close $w;
    sleep 1 while 1;');
is($status, 0, 'passed with a daemon');
like($err, qr/left behind: \d+ /, 'said');

open my $f, '<', "$dir/pid" or die "Can't open pid: $!";
ok(!kill(0, <$f>), 'ended');

$ENV{TEST_LIMIT} = 1;
($status, $out, $err) = run('sleep 1 while 1;');
like("$status $err", qr/^137 .*not done after 1 s/, 'one that hangs');

###############################################################################

# (status, standard output, standard error) of a test

sub run {
    my ($text) = @_;

    open my $test, '>', "$dir/some.t" or die "Can't create some.t: $!";
    print $test $text;
    close $test or die "Can't write some.t: $!";

    my $out = `$program $dir/some.t 2>$dir/err`;
    my $status = $? >> 8;

    open my $f, '<', "$dir/err" or die "Can't open err: $!";
    local $/;

    return ($status, $out, scalar <$f>);
}

###############################################################################
