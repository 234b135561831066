#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# 200 orders of 20 accounts at once, step by step in random order, some steps
# twice at the same time, over three workers and reloads; then the database is
# asked whether it is true.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Piped;
use Time::HiRes qw/ time /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

use constant ACCOUNTS => 20;
use constant ORDERS => 200;
use constant PROCESSES => 4;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');
my $dir = $t->testdir();

# every step may meet any worker, old or new
acme_ca_conf($t, workers => 3)->plan(11);

my $conf = $t->read_file('nginx.conf');
$conf =~ s/(error_log \S+) debug;/$1 info;/;
$t->write_file('nginx.conf', $conf);

$t->run();

my $seed = $ENV{ACME_CA_FUZZ_SEED} || time() % 1000000;
note("ACME_CA_FUZZ_SEED=$seed");
srand($seed);

###############################################################################

my @clients = map { acme_client($t, keep_alive => 0) }
                  1 .. ACCOUNTS;

foreach my $acme (@clients) {
    $acme->new_account();
    $acme->{links} = {};
}

# every process has orders of every account; two of them share half of their
# names, so that authorizations are shared, too

my @pipes = map { piped(\&process, $_) } 0 .. PROCESSES - 1;

for (1 .. 3) {
    select undef, undef, undef, 0.3 + rand(0.7);
    kill 'HUP', $t->read_file('nginx.pid') =~ /(\d+)/;
}

my (%nonces, @certificates, @odd, %ended);

foreach my $pipe (@pipes) {
    while (my $line = <$pipe>) {
        chomp $line;
        my ($what, $value) = split / /, $line, 2;

        if ($what eq 'nonce') {
            $nonces{$value}++;

        } elsif ($what eq 'certificate') {
            push @certificates, $value;

        } elsif ($what eq 'end') {
            $ended{$value}++;

        } else {
            push @odd, $line;
        }
    }
    close $pipe;
}

is(join("\n", @odd > 5 ? (@odd[0 .. 4], '...') : @odd), '',
    'no odd answers') or diag("ACME_CA_FUZZ_SEED=$seed");
note(join ', ', map { "$_ $ended{$_}" } sort keys %ended);

is($ended{valid} + $ended{invalid}, ORDERS, 'every order came to its end');
cmp_ok($ended{valid}, '>', ORDERS / 2, 'most are valid');
cmp_ok($ended{invalid}, '>', 0, 'some are not');
is(scalar @certificates, $ended{valid}, 'certificates');

my %distinct = map { $_ => 1 } @certificates;
is(scalar keys %distinct, $ended{valid}, 'all of them different');
is_deeply([ grep { $nonces{$_} > 1 } keys %nonces ], [],
    'no nonce was given twice');

# what the database says

is(count('acme_accounts'), ACCOUNTS, 'accounts');
is(count('acme_orders'), ORDERS, 'orders');
is(acme_ca_faults($t), '', 'nothing that may not be');
is(acme_ca_log($t, qr/\[(?:alert|emerg|crit|error)\]/), '', 'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# works on its part of the orders, always on one by chance

sub process {
    my ($n) = @_;

    srand($seed + $n);

    my @orders = map { { id => $_, acme => $clients[$_ % ACCOUNTS],
                         step => \&step_order } }
                     grep { $_ % PROCESSES == $n } 0 .. ORDERS - 1;
    my $end = time() + 600;

    while (@orders && time() < $end) {
        my $i = int rand @orders;
        my $order = $orders[$i];

        $order->{step} = eval { $order->{step}->($order) };
        print 'odd ', $@ =~ s/\n/ /gr, "\n" if $@;
        splice @orders, $i, 1 unless $order->{step};
    }

    print "odd order $_->{id} has no end\n" foreach @orders;

    POSIX::_exit(0);
}


# One step of an order: the next one, or nothing at the end.

sub step_order {
    my ($o) = @_;
    my @names = map { "n$_.example" } $o->{id}, $o->{id} + ACCOUNTS;

    # one in ten fails
    $o->{fails} = rand() < 0.1;
    @names = ("bad$o->{id}.example", $names[0]) if $o->{fails};

    my $reply = expect($o, 201, $o->{acme}->new_order(\@names));

    $o->{url} = $reply->location();
    $o->{names} = \@names;
    $o->{finalize} = $reply->json()->{finalize};
    $o->{authz} = [ @{$reply->json()->{authorizations}} ];

    return \&step_authz;
}


sub step_authz {
    my ($o) = @_;
    my $authz = $o->{authz};

    return \&step_wait unless @$authz;

    my $reply = $o->{acme}->post(splice @$authz, rand @$authz, 1);
    expect($o, 200, $reply);

    my $challenge = $o->{acme}->challenge($reply);
    return \&step_authz
        if !$challenge || $reply->json()->{status} ne 'pending';

    my $bad = $reply->json()->{identifier}{value} =~ /^bad/;
    $o->{acme}->provision($challenge->{token}, $bad ? (body => 'no') : ());
    $o->{challenge} = $challenge->{url};

    return \&step_challenge;
}


sub step_challenge {
    my ($o) = @_;

    # sometimes both of them at once
    twice($o, $o->{challenge}, {}) if rand() < 0.1;
    expect($o, 200, $o->{acme}->post($o->{challenge}, {}));

    return \&step_early if rand() < 0.1;
    return \&step_authz;
}


# finalizes before it may

sub step_early {
    my ($o) = @_;

    my $reply = $o->{acme}->post($o->{finalize}, { csr => csr($o) });

    print "odd early: $reply->{body}\n"
        if $reply->outcome() !~ /^(?:200|403 orderNotReady)$/;

    return \&step_authz;
}


sub step_wait {
    my ($o) = @_;

    my $reply = expect($o, 200, $o->{acme}->post($o->{url}));
    my $status = $reply->json()->{status};

    return \&step_finalize if $status eq 'ready';
    return \&step_wait if $status =~ /^(?:pending|processing)$/;

    print "odd order $o->{id}: $reply->{body}\n"
        if $status eq 'invalid' && !$o->{fails};
    print "end $status\n";

    return if $status ne 'valid';

    $o->{certificate} = $reply->json()->{certificate};

    return \&step_download;
}


sub step_finalize {
    my ($o) = @_;

    # another key in each of them: still there is one certificate
    twice($o, $o->{finalize}, { csr => csr($o) }) if rand() < 0.3;
    expect($o, 200, $o->{acme}->post($o->{finalize}, { csr => csr($o) }));

    return \&step_wait;
}


sub step_download {
    my ($o) = @_;

    my $reply = expect($o, 200, $o->{acme}->post($o->{certificate}));
    my ($leaf) = split /(?<=-----END CERTIFICATE-----)/, $reply->{body};

    print 'certificate ', $leaf =~ s/\n//gr, "\n";

    return;
}


sub csr {
    my ($o) = @_;
    return b64u(acme_csr(key => acme_key('ES256'), dns => $o->{names}));
}


# sends a request and leaves without its answer

sub twice {
    my ($o, $url, $payload) = @_;
    my $acme = $o->{acme};
    my $body = json_encode($acme->jws($url, $payload));
    my ($authority, $path) = $url =~ m!^http://([^/]+)(/.*)$!;

    my $link = $acme->connect('http', $authority);
    print {$link->{socket}} "POST $path HTTP/1.1\r\nHost: $authority\r\n"
        . "Content-Type: application/jose+json\r\nConnection: close\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";

    # it is read and then forgotten at the end of the process
    push @{$o->{links}}, $link;
}


sub expect {
    my ($o, $status, $reply) = @_;

    die "order $o->{id}: $reply->{status} $reply->{reason}: $reply->{body}\n"
        if $reply->{status} != $status;

    return $reply;
}


sub count {
    my ($what) = @_;
    return acme_ca_sql_value($t, "SELECT count(*) FROM $what");
}

###############################################################################
