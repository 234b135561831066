#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Two nginx with one folder: the database is what they have in common, so they
# are one authority.  Both issue at once, one knows what the other has done,
# also while that one is gone.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use POSIX ();
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Client;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

acme_ca_conf($t)->plan(9)->run();

# the second one: other ports, other logs, the same folder

my ($port, $another) = (port(8080), port(8085));
my $conf = $t->read_file('nginx.conf');

$conf =~ s/\b127\.0\.0\.1:$port\b/127.0.0.1:$another/g;
$conf =~ s/daemon off/daemon on/;
$conf =~ s/\b(nginx\.pid)/second-$1/g;
$conf =~ s/\b((?:error|access)\.log)/second-$1/g;
$t->write_file('second.conf', $conf);

my @second = ($Test::Nginx::NGINX, '-p', "$dir/", '-c', 'second.conf', '-e',
    'second-error.log');

END { kill 'KILL', second() || () if $dir; }

###############################################################################

my $said = run(@second);
is($?, 0, 'a second one starts') or diag($said);
ok(acme_ca_wait(sub { second() }), 'and runs');

my @pids;

foreach my $n ($port, $another) {
    my $pid = fork();
    die "Can't fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        my $client = client($n);
        my ($wanted, $tries) = (10, 0);

        # on a slow disk the one may be in the other's way: "503", come again
        while ($wanted && $tries++ < 40) {
            $wanted-- if eval {
                $client->new_account() unless $client->{kid};
                $client->issue([ "$wanted.p$n.example" ]);
            };
        }

        POSIX::_exit($wanted);
    }

    push @pids, $pid;
}

is(join(' ', map { waitpid($_, 0); $? } @pids), '0 0', 'both issue at once');
cmp_ok(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_certificates
    WHERE order_id IS NOT NULL'), '>=', 20, 'all of them are known');
is(acme_ca_faults($t), '', 'the database');

# what the one signed, the other revokes

my $first = client($port);
$first->new_account();
my $chain = $first->issue([ 'r.example' ])->{chain};
my $second = client($another, key => $first->{key});
is($second->find_account()->{status}, 200, 'an account of the one, at the other');
is($second->revoke($chain)->{status}, 200, 'it revokes');

# and goes on by itself

$t->stop();
ok($second->issue([ 's.example' ]), 'it goes on');
is(acme_ca_faults($t), '', 'the database, at the end');

kill 'QUIT', second();
acme_ca_wait(sub { !second() });

undef $t;

###############################################################################

sub client {
    my ($n, %opts) = @_;

    return Test::Nginx::AcmeCa::Client->new(tokens => "$dir/tokens",
        directory => "http://127.0.0.1:$n/acme/directory", %opts);
}


# its pid, if it runs

sub second {
    open my $f, '<', "$dir/second-nginx.pid" or return 0;
    my ($pid) = (<$f> || '') =~ /^(\d+)$/;

    return $pid && kill(0, $pid) ? $pid : 0;
}

###############################################################################
