#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Many clients of one account at once, over two workers: nobody is refused.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use POSIX ();
use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

use constant CLIENTS => 8;
use constant ROUNDS => 4;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');

acme_ca_conf($t)->plan(8)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

my @pipes = map { flows($_) } 1 .. CLIENTS;
my (@issued, @failed);

foreach my $pipe (@pipes) {
    while (my $line = <$pipe>) {
        chomp $line;
        push @{$line =~ /^[0-9A-F]+$/ ? \@issued : \@failed}, $line;
    }
    close $pipe;
}

my %serials = map { $_ => 1 } @issued;

is_deeply(\@failed, [], 'nothing failed');
is(scalar @issued, CLIENTS * ROUNDS, 'all were issued');
is(scalar keys %serials, CLIENTS * ROUNDS, 'serials are unique');
is(count('acme_certificates WHERE account_id IS NOT NULL'),
    CLIENTS * ROUNDS, 'certificates stored');
is(count('acme_accounts'), 1, 'one account');
is(count("acme_orders WHERE status = 'valid'"), CLIENTS * ROUNDS,
    'valid orders');
is(acme_ca_sql_value($t, 'SELECT integrity_check FROM '
                         . 'pragma_integrity_check'), 'ok', 'database');
unlike($t->read_file('error.log'), qr/\[(?:alert|emerg|crit|error)\]/, 'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# a process that issues and says the serials

sub flows {
    my ($n) = @_;

    my $pid = open my $out, '-|';
    die "Can't fork: $!\n" unless defined $pid;
    return $out if $pid;

    $| = 1;

    # new connections find both workers
    my $client = $acme->another(key => $acme->{key}, kid => $acme->{kid},
                                keep_alive => 0);

    foreach my $round (1 .. ROUNDS) {
        my $got = eval { $client->issue([ "c$n-$round.example" ]) };
        my $serial = $got ? cert_field($got->{chain}, 'serial')
                          : "client $n: $@";
        $serial =~ s/\n/ /g;
        print "$serial\n";
    }

    POSIX::_exit(0);
}


sub count {
    my ($what) = @_;
    return acme_ca_sql_value($t, "SELECT count(*) FROM $what");
}

###############################################################################
