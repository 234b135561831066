#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# kill -9 of workers, and of the whole nginx, at random moments under load:
# what was acknowledged to a client stays, nothing is issued twice, and every
# validation ends.
#
# TEST_NGINX_CRASH_ROUNDS says how many times something is killed.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Time::HiRes qw/ sleep time /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $rounds = $ENV{TEST_NGINX_CRASH_ROUNDS} || 200;
my $clients = 5;
my $flows = 8;      # open at a time, each client

# what a client may be told later than it was told before
my %rank = (pending => 1, ready => 2, processing => 3, valid => 4);

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3')
    ->has_daemon('openssl');
my $dir = $t->testdir();

# "exited on signal 9" is an alert; what else there is, is looked for below
$t->todo_alerts();

# a job whose worker died is free again after validation_timeout and 3 seconds
acme_ca_conf($t, workers => 3, authority => 'validation_timeout 2s;
    validation_concurrency 1000; validation_deadline 10m;')->plan(17);

# a log of all that debug has to say would be the heaviest load of all
my $conf = $t->read_file('nginx.conf');
$conf =~ s/(error_log \S+) debug;/$1 info;/;
$t->write_file('nginx.conf', $conf);

$t->run();

my $acme = acme_client($t, keep_alive => 0, timeout => 30);
my $urls = $acme->directory();

###############################################################################

$t->run_daemon(\&client, $_) for 1 .. $clients;

my ($killed, $restarted) = (0, 0);

for my $round (1 .. $rounds) {
    sleep(rand(0.7));

    my @workers = acme_ca_workers($t);

    if ($round % 20 == 0) {
        kill 'KILL', $t->read_file('nginx.pid'), @workers;
        acme_ca_wait(sub { !grep { kill 0, $_ } @workers });
        unlink "$dir/nginx.pid";
        $t->run();
        $restarted++;
        next;
    }

    # one of them, or all at once
    @workers = $workers[rand @workers] if $round % 10 && @workers;
    $killed += kill 'KILL', @workers;
}

$t->write_file('stop', '');

my @reports = map { report($_) } 1 .. $clients;
my %sum;

foreach my $report (@reports) {
    $sum{$_} += $report->{$_} for qw/ broken refused busy accounts orders
        certificates revoked unended /;
}

note("killed $killed workers, the whole nginx $restarted times; "
     . join(', ', map { "$_ $sum{$_}" } sort keys %sum));

###############################################################################

cmp_ok($killed + $restarted, '>=', $rounds * 0.9, 'rounds');
is(scalar(grep { $_->{done} } @reports), $clients, 'clients are well');
cmp_ok($sum{broken}, '>', $rounds / 20, 'requests were broken off');
cmp_ok($sum{certificates}, '>', $rounds / 2, 'certificates were issued');

is(told('odd'), '', 'no answer that the protocol does not foresee');
is(told('lost'), '', 'all that was acknowledged is there');
is($sum{unended}, 0, 'every order came to its end');

my %serials;
$serials{$_}++ for map { @{$_->{serials}} } @reports;
is(join(' ', grep { $serials{$_} > 1 } keys %serials), '',
    'no serial twice at the clients');

is(acme_ca_sql_value($t, 'SELECT count(*) - count(DISTINCT serial)
                          FROM acme_certificates'), 0,
    'no serial twice in the registry');
is(join(' ', map { values %$_ } acme_ca_sql($t, 'PRAGMA integrity_check')),
    'ok', 'integrity');
is(scalar(acme_ca_sql($t, 'PRAGMA foreign_key_check')), 0, 'foreign keys');

# what a client gave up or never saw ends as well
ok(acme_ca_wait(\&no_work_left, 60), 'no validation is left over')
    or diag(json_encode([ acme_ca_sql($t, 'SELECT * FROM jobs') ]));
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_orders
                          WHERE status = 'processing'"), 0,
    'no order is left over');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_orders o
        WHERE (o.status = 'valid') <>
        EXISTS (SELECT 1 FROM acme_certificates c WHERE c.order_id = o.id)"),
    0, 'certificates have valid orders and those certificates');

my $got = $acme->issue([ 'after.example' ]);
is(chain_verify($got->{chain}, "$dir/ca/root.pem"), 'OK', 'issues again');

my $log = $t->read_file('error.log');
is(join("\n", grep { !/exited on signal 9$/ } $log =~ /^.*\[alert\].*$/mg),
    '', 'no other alerts');
is(join("\n", $log =~ /^.*\[(?:emerg|crit)\].*$/mg), '', 'no faults');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub no_work_left {
    return !acme_ca_sql_value($t, "SELECT (SELECT count(*) FROM jobs)
        + (SELECT count(*) FROM acme_challenges
           WHERE status = 'processing')");
}


# what a client found, once it is through

sub report {
    my ($i) = @_;

    return {} unless acme_ca_wait(sub { -e "$dir/report-$i" }, 180);

    return json_decode($t->read_file("report-$i"));
}


sub told {
    my ($what) = @_;

    my @lines = map { @{$_->{$what} || []} } @reports;
    my $n = @lines;

    return $n > 10 ? join("\n", @lines[0 .. 9], "($n)") : join "\n", @lines;
}


# A client: works on several orders by turns, so that one that waits for a
# validation does not wait with the others.  It keeps in mind all that it was
# told, and asks for it in the end.

sub client {
    my ($i) = @_;

    srand($$);

    my $c = { name => "c$i", n => 0, flows => [], accounts => [],
              orders => {}, certificates => {}, revoked => {}, odd => [],
              map { $_ => 0 } qw/ broken refused busy / };

    work($c, $flows) until -e "$dir/stop";

    my $end = time() + 90;
    work($c, 0) while @{$c->{flows}} && time() < $end;

    my @lost = verify($c);
    my %report = (done => 1, unended => scalar @{$c->{flows}},
        lost => \@lost, serials => [ map { cert_field($_->{body}, 'serial') }
                                     values %{$c->{certificates}} ],
        accounts => scalar @{$c->{accounts}},
        (map { $_ => scalar keys %{$c->{$_}} }
             qw/ orders certificates revoked /),
        map { $_ => $c->{$_} } qw/ odd broken refused busy /);

    $t->write_file("report-$i.new", json_encode(\%report));
    rename "$dir/report-$i.new", "$dir/report-$i";
}


my %steps;

# one step of one flow

sub work {
    my ($c, $most) = @_;
    my $flows = $c->{flows};

    push @$flows, flow($c) if @$flows < $most;

    my $flow = shift @$flows;
    my $next = $steps{$flow->{step}}->($c, $flow) || $flow->{step};

    if ($next eq $flow->{step}) {
        sleep(0.02);
    }

    $flow->{step} = $next;
    push @$flows, $flow if $next ne 'end';
}


# of an account that there is, or of a new one

sub flow {
    my ($c) = @_;
    my $accounts = $c->{accounts};

    my $known = @$accounts && rand() < 0.7 ? $accounts->[rand @$accounts]
                                           : undef;
    my $client = $known || $acme->another();

    $client->{urls} = $urls;

    return { step => $known ? 'order' : 'account', acme => $client };
}


%steps = (
    account => sub {
        my ($c, $flow) = @_;

        ask($c, $flow->{acme}->new_account(), 200, 201) or return;
        push @{$c->{accounts}}, $flow->{acme};

        return 'order';
    },

    order => sub {
        my ($c, $flow) = @_;
        my @names = map { $c->{name} . '-' . ++$c->{n} . '.example' }
                        1 .. 1 + int(rand(2));

        my $reply = ask($c, $flow->{acme}->new_order(\@names), 201) or return;

        $flow->{url} = $reply->location();
        $flow->{names} = \@names;
        $flow->{authz} = [ @{$reply->json()->{authorizations}} ];
        seen($c, $flow, $reply);

        return 'authz';
    },

    authz => sub {
        my ($c, $flow) = @_;

        my $url = $flow->{authz}[0];
        return 'wait' unless defined $url;

        my $reply = ask($c, $flow->{acme}->post($url), 200) or return;

        $flow->{challenge} = $flow->{acme}->challenge($reply);
        $flow->{acme}->provision($flow->{challenge}{token});

        return 'challenge';
    },

    challenge => sub {
        my ($c, $flow) = @_;

        ask($c, $flow->{acme}->post($flow->{challenge}{url}, {}), 200)
            or return;
        shift @{$flow->{authz}};

        return 'authz';
    },

    wait => sub {
        my ($c, $flow) = @_;

        my $reply = ask($c, $flow->{acme}->post($flow->{url}), 200) or return;
        my $status = seen($c, $flow, $reply);

        return 'finalize' if $status eq 'ready';
        return unless $status eq 'valid';

        $flow->{certificate} = $reply->json()->{certificate};

        return 'download';
    },

    finalize => sub {
        my ($c, $flow) = @_;

        $flow->{key} ||= acme_key('ES256');

        my $csr = acme_csr(key => $flow->{key}, dns => $flow->{names});
        my $reply = ask($c, $flow->{acme}->post($flow->{finalize},
                                                { csr => b64u($csr) }),
                        200, '403 orderNotReady') or return;

        # it was finalized when the answer did not come
        seen($c, $flow, $reply) if $reply->{status} == 200;

        return 'wait';
    },

    download => sub {
        my ($c, $flow) = @_;

        my $reply = ask($c, $flow->{acme}->post($flow->{certificate}), 200)
            or return;

        $c->{certificates}{$flow->{certificate}}
            = { acme => $flow->{acme}, body => $reply->{body} };

        return rand() < 0.2 ? 'revoke' : 'end';
    },

    revoke => sub {
        my ($c, $flow) = @_;
        my $body = $c->{certificates}{$flow->{certificate}}{body};

        ask($c, $flow->{acme}->revoke($body), 200, '400 alreadyRevoked')
            or return;
        $c->{revoked}{$flow->{certificate}} = 1;

        return 'end';
    },
);


# the reply, if it is one of those; what is no reply at all is counted

sub ask {
    my ($c, $reply, @expected) = @_;
    my $outcome = $reply->outcome();

    return $reply if grep { $outcome eq $_ } @expected;

    if ($reply->{status} == 0) {
        $c->{$reply->{reason} =~ /connect/ ? 'refused' : 'broken'}++;
        return undef;
    }

    if ($outcome eq '503 serverInternal' && $reply->header('Retry-After')) {
        $c->{busy}++;
        return undef;
    }

    push @{$c->{odd}}, "$outcome: $reply->{body}";

    return undef;
}


# an order's status that was acknowledged

sub seen {
    my ($c, $flow, $reply) = @_;
    my $status = $reply->json()->{status};

    $flow->{finalize} = $reply->json()->{finalize};

    $c->{orders}{$flow->{url}} = { acme => $flow->{acme}, status => $status };

    push @{$c->{odd}}, "order: $reply->{body}" unless $rank{$status};

    return $status;
}


# what is missing of all that was acknowledged

sub verify {
    my ($c) = @_;
    my @lost;

    foreach my $client (@{$c->{accounts}}) {
        my $reply = $client->post($client->{kid});
        push @lost, "account $client->{kid}: $reply->{body}"
            unless $reply->{status} == 200
                   && $reply->json()->{status} eq 'valid';
    }

    foreach my $url (sort keys %{$c->{orders}}) {
        my $order = $c->{orders}{$url};
        my $reply = $order->{acme}->post($url);
        my $now = $reply->{status} == 200 && $reply->json()->{status};

        push @lost, "order $url, $order->{status}: $reply->{body}"
            unless $now && ($rank{$now} || 0) >= $rank{$order->{status}};
    }

    foreach my $url (sort keys %{$c->{certificates}}) {
        my $certificate = $c->{certificates}{$url};
        my $reply = $certificate->{acme}->post($url);
        my $same = $reply->{status} == 200
                   && $reply->{body} eq $certificate->{body};

        push @lost, "certificate $url: $reply->{body}" unless $same;
    }

    foreach my $url (sort keys %{$c->{revoked}}) {
        my $certificate = $c->{certificates}{$url};
        my $reply = $certificate->{acme}->revoke($certificate->{body});

        push @lost, "revocation of $url: $reply->{body}"
            unless $reply->outcome() eq '400 alreadyRevoked';
    }

    return @lost;
}

###############################################################################
