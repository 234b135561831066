#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Nonces: where they come from, and that each is good once, in whatever worker
# and however many clients try at the same moment.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use POSIX ();
use Time::HiRes qw/ sleep time /;
use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

use constant CLIENTS => 8;

my $t = Test::Nginx->new()->has(qw/ http cryptx /);

acme_ca_conf($t, http => <<'END')->plan(44)->run();
acme_ca_authority brief {
        path %%TESTDIR%%/brief;
        base_url http://127.0.0.1:8082/brief;
        nonce_lifetime 2s;
    }

    server {
        listen 127.0.0.1:8082;
        location /brief/ { acme_ca brief; }
    }
END

my $acme = acme_client($t);
my $url = $acme->url('newNonce');

###############################################################################

# where they come from

my $reply = $acme->head($url);
is($reply->{status}, 200, 'HEAD');
like($reply->header('Replay-Nonce'), qr/^[A-Za-z0-9_-]{22,}$/, 'nonce');
is($reply->header('Cache-Control'), 'no-store', 'no-store');
is($reply->header('Content-Type'), undef, 'no type');
is_deeply([ $reply->links('index') ], [ $acme->{directory} ], 'index');

$reply = $acme->get($url);
is($reply->{status}, 204, 'GET');
like($reply->header('Replay-Nonce'), qr/^[A-Za-z0-9_-]{22,}$/, 'GET: nonce');
is($reply->header('Cache-Control'), 'no-store', 'GET: no-store');
is($reply->header('Content-Type'), undef, 'GET: no type');
is($reply->{body}, '', 'GET: no body');

my %seen;
$seen{$acme->head($url)->header('Replay-Nonce')}++ for 1 .. 200;
is(scalar keys %seen, 200, 'each is another');

###############################################################################

# each POST gives one, refused or not

my %posts = (
    account => sub { $acme->new_account() },
    order   => sub { $acme->new_order([ 'a.example' ]) },
    refused => sub { $acme->new_order([]) },
    forged  => sub { $acme->account(undef, signature => 'x' x 64) },
    'no JWS' => sub { $acme->post($acme->{kid}, undef, body => '{') },
    'unknown path' => sub { $acme->post("$acme->{directory}/x") },
    'POST-as-GET'  => sub { $acme->account() },
);

foreach my $name ('account', grep { $_ ne 'account' } sort keys %posts) {
    my $nonce = $posts{$name}->()->header('Replay-Nonce');

    like($nonce, qr/^[A-Za-z0-9_-]{22,}$/, "$name gives a nonce");
    is(spend($nonce), '200', "$name: which is good");
}

###############################################################################

# once

my $nonce = $acme->fresh_nonce();
is(spend($nonce), '200', 'first use');
is(spend($nonce), '400 badNonce', 'second use');

# a request that is refused for another reason

$nonce = $acme->fresh_nonce();
is($acme->new_order([], nonce => $nonce)->outcome(), '400 malformed',
    'refused');
is(spend($nonce), '400 badNonce', 'spent by the refused');

# those that never were ours

my $other = acme_client($t, directory => 'http://127.0.0.1:' . port(8082)
                                         . '/brief/directory');
is(spend($other->fresh_nonce()), '400 badNonce', 'of another authority');

my $turned = reverse $acme->fresh_nonce();
foreach my $foreign ('A' x length $turned, $turned, 'A', 'x' x 500) {
    like(spend($foreign), qr/^400 (?:badNonce|malformed)$/,
        'foreign ' . substr($foreign, 0, 10));
}

is($acme->account(undef, nonce => undef)->outcome(), '400 badNonce', 'none');
is($acme->account(undef, protected => { nonce => 7 })->outcome(),
    '400 malformed', 'number');

# old ones

$other->new_account();
in_time('in time');
$nonce = $other->fresh_nonce();
sleep(4.2);
$reply = $other->account(undef, nonce => $nonce);
is($reply->outcome(), '400 badNonce', 'too old');
ok($reply->header('Replay-Nonce'), 'too late: with a nonce');
in_time('with the nonce of the error', $reply->header('Replay-Nonce'));

###############################################################################

# many connections, both workers, the same nonces at the same time

my @nonces = map { $acme->head($url)->header('Replay-Nonce') } 1 .. 60;
my $start = time() + 0.5;
my @pipes = map { racer($start, @nonces) } 1 .. CLIENTS;
my (%good, $replies);

foreach my $pipe (@pipes) {
    while (my $line = <$pipe>) {
        $replies++;
        my ($nonce, $outcome) = $line =~ /^(\S+) (.*)$/;
        $good{$nonce}++ if $outcome eq '200';
        push @{$good{other}}, $outcome
            if $outcome ne '200' && $outcome ne '400 badNonce';
    }
    close $pipe;
}

is($replies, CLIENTS * 60, 'all were answered');
is_deeply(delete $good{other} || [], [], 'used or badNonce');
is(scalar keys %good, 60, 'each was taken');
is(scalar(grep { $_ != 1 } values %good), 0, 'by one only');

###############################################################################

sub spend {
    my ($nonce) = @_;
    return $acme->account(undef, nonce => $nonce)->outcome();
}


# spends a nonce that lives for a short time; one that came too late gives a
# newer one

sub in_time {
    my ($name, $nonce) = @_;

    $nonce = $other->fresh_nonce() unless defined $nonce;

    ok(acme_ca_wait(sub {
        my $reply = $other->account(undef, nonce => $nonce);
        $nonce = $reply->header('Replay-Nonce');
        return $reply->outcome() eq '200';
    }), $name);
}


sub racer {
    my ($start, @nonces) = @_;

    my $pid = open my $out, '-|';
    die "Can't fork: $!\n" unless defined $pid;
    return $out if $pid;

    # a connection for each request: the kernel spreads them over the workers
    my $client = $acme->another(key => $acme->{key}, kid => $acme->{kid},
                                keep_alive => 0);
    $client->{key} = $acme->{key};
    $| = 1;
    sleep($start - time()) if $start > time();

    foreach my $nonce (@nonces) {
        print "$nonce ", $client->account(undef, nonce => $nonce)->outcome(),
            "\n";
    }

    POSIX::_exit(0);
}

###############################################################################
