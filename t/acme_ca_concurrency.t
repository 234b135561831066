#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Many clients of one account at once, over two workers: nobody is refused.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Piped;

select STDERR; $| = 1;
select STDOUT; $| = 1;

use constant CLIENTS => 8;
use constant ROUNDS => 5;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');

acme_ca_conf($t)->plan(14)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

my @pipes = map { piped(\&flows, $_) } 1 .. CLIENTS;
my (@issued, @failed, %nonces);

foreach my $pipe (@pipes) {
    while (my $line = <$pipe>) {
        chomp $line;
        ++$nonces{$1} and next if $line =~ /^nonce (\S+)$/;
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
is(count("acme_audit_logs WHERE outcome = 'done' AND action = '$_'"),
    CLIENTS * ROUNDS, "audit of $_") foreach qw/ new-order issue /;

# the note of a download is written after its reply has left
my $downloads = "acme_audit_logs WHERE outcome = 'done' AND action = 'download'";
acme_ca_wait(sub { count($downloads) >= CLIENTS * ROUNDS });
is(count($downloads), CLIENTS * ROUNDS, 'audit of download');

is_deeply([ grep { $nonces{$_} > 1 } keys %nonces ], [],
    'no nonce was given twice');
cmp_ok(scalar keys %nonces, '>', CLIENTS * ROUNDS, 'nonces were seen');

# one nonce, sent by all at the same time: it is good once

my $nonce = $acme->fresh_nonce();
my @outcomes = sort map { my $line = <$_>; chomp $line; close $_; $line }
               map { piped(\&spend, $nonce) } 1 .. CLIENTS;
is_deeply(\@outcomes, [ 200, ('400 badNonce') x (CLIENTS - 1) ],
    'one nonce is good once');

is(acme_ca_faults($t), '', 'nothing that may not be');
is(acme_ca_log($t, qr/\[(?:alert|emerg|crit|error)\]/), '', 'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# a process that issues and says the serials

sub flows {
    my ($n) = @_;

    # new connections find both workers
    my $client = $acme->another(key => $acme->{key}, kid => $acme->{kid},
                                keep_alive => 0);

    say_nonces(sub {
        foreach my $round (1 .. ROUNDS) {
            my $got = eval { $client->issue([ "c$n-$round.example" ]) };
            my $serial = $got ? cert_field($got->{chain}, 'serial')
                              : "client $n: $@";
            $serial =~ s/\n/ /g;
            print "$serial\n";
        }
    });
}


# a process that asks for the account with that nonce and says the outcome

sub spend {
    my ($nonce) = @_;

    my $client = $acme->another(key => $acme->{key}, kid => $acme->{kid},
                                keep_alive => 0);
    print $client->account(undef, nonce => $nonce)->outcome() . "\n";
}


sub count {
    my ($what) = @_;
    return acme_ca_sql_value($t, "SELECT count(*) FROM $what");
}

###############################################################################
