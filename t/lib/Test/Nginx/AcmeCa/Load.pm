package Test::Nginx::AcmeCa::Load;

# Copyright (C) the nginx-acme-ca authors
#
# Concurrent clients that remember: each does whole flows, several at a time,
# keeps in mind all that it was told, and in the end asks for it.
#
#     my $load = acme_load_start($t, clients => 4);
#     ... kill, reload ...
#     my $result = acme_load_end($load);
#     is($result->{lost}, '', 'nothing was lost');
#
# The result:
#
#     done            clients that came to their end
#     lost            what was acknowledged and is not there, or is not so any
#                     more; text, '' is well
#     odd             answers that the protocol does not foresee; text
#     serials         serials that came twice; text
#     unended         orders that did not come to their end
#     refused         connections that nobody accepted
#     broken          requests without an answer
#     busy            answers 503 with Retry-After
#     accounts, orders, certificates, revoked    what was acknowledged

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT = qw/ acme_load_start acme_load_end /;

use Test::Nginx::AcmeCa;
use Time::HiRes qw/ sleep time /;

# what a client may be told later than it was told before
my %rank = (pending => 1, ready => 2, processing => 3, valid => 4);

my @counts = qw/ broken refused busy unended accounts orders certificates
    revoked /;


# clients    processes, each another client
# flows      that a client works on at a time
# others are those of acme_client()

sub acme_load_start {
    my ($t, %opts) = @_;
    my $clients = delete $opts{clients} || 4;
    my $flows = delete $opts{flows} || 8;

    my $acme = acme_client($t, keep_alive => 0, %opts);
    $acme->directory();

    my $load = { dir => $t->testdir(), clients => $clients };

    unlink "$load->{dir}/load-stop", map { "$load->{dir}/load-$_" }
                                     1 .. $clients;

    $t->run_daemon(\&client, "$load->{dir}/load", $_, $acme, $flows)
        for 1 .. $clients;

    return $load;
}


sub acme_load_end {
    my ($load) = @_;
    my $name = "$load->{dir}/load";
    my @clients = 1 .. $load->{clients};

    write_text("$name-stop", '');
    acme_ca_wait(sub { !grep { ! -e "$name-$_" } @clients }, 600);

    my @reports = map { json_decode(read_text("$name-$_")) }
                  grep { -e "$name-$_" } @clients;
    my %result = (done => scalar @reports);
    my %serials;

    foreach my $report (@reports) {
        $result{$_} += $report->{$_} for @counts;
        $serials{$_}++ for @{$report->{serials}};
    }

    foreach my $what (qw/ lost odd /) {
        my @lines = map { @{$_->{$what}} } @reports;
        splice @lines, 10, @lines - 10, '...' if @lines > 10;
        $result{$what} = join "\n", @lines;
    }

    $result{serials} = join ' ', grep { $serials{$_} > 1 } keys %serials;

    return \%result;
}


# works on several orders by turns, so that one that waits for a validation
# does not make the others wait

sub client {
    my ($name, $i, $acme, $flows) = @_;

    srand($$);

    my $c = { name => "c$i", acme => $acme, n => 0, flows => [],
              accounts => [], orders => {}, certificates => {}, revoked => {},
              odd => [], map { $_ => 0 } qw/ broken refused busy / };

    work($c, $flows) until -e "$name-stop";

    my $end = time() + 300;
    work($c, 0) while @{$c->{flows}} && time() < $end;

    my @lost = verify($c);

    write_text("$name-$i.new", json_encode({
        lost => \@lost, unended => scalar @{$c->{flows}},
        serials => [ map { serial($_->{body}) }
                     values %{$c->{certificates}} ],
        accounts => scalar @{$c->{accounts}},
        (map { $_ => scalar keys %{$c->{$_}} }
             qw/ orders certificates revoked /),
        map { $_ => $c->{$_} } qw/ odd broken refused busy /,
    }));
    rename "$name-$i.new", "$name-$i";
}


# One step of one flow: it names the next one, or nothing to be called again.

sub work {
    my ($c, $most) = @_;
    my $flows = $c->{flows};

    push @$flows, flow($c) if @$flows < $most;

    my $flow = shift @$flows;
    my $step = __PACKAGE__->can("step_$flow->{step}");
    my $next = $step->($c, $flow) || $flow->{step};

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
    my $client = $known || $c->{acme}->another();

    $client->{urls} = $c->{acme}{urls};

    return { step => $known ? 'order' : 'account', acme => $client };
}


sub step_account {
    my ($c, $flow) = @_;

    ask($c, $flow->{acme}->new_account(), 200, 201) or return;
    push @{$c->{accounts}}, $flow->{acme};

    return 'order';
}


sub step_order {
    my ($c, $flow) = @_;
    my @names = map { $c->{name} . '-' . ++$c->{n} . '.example' }
                    1 .. 1 + int(rand(2));

    my $reply = ask($c, $flow->{acme}->new_order(\@names), 201) or return;

    $flow->{url} = $reply->location();
    $flow->{names} = \@names;
    $flow->{authz} = [ @{$reply->json()->{authorizations}} ];
    seen($c, $flow, $reply);

    return 'authz';
}


sub step_authz {
    my ($c, $flow) = @_;

    my $url = $flow->{authz}[0];
    return 'wait' unless defined $url;

    my $reply = ask($c, $flow->{acme}->post($url), 200) or return;

    $flow->{challenge} = $flow->{acme}->challenge($reply);
    $flow->{acme}->provision($flow->{challenge}{token});

    return 'challenge';
}


sub step_challenge {
    my ($c, $flow) = @_;

    ask($c, $flow->{acme}->post($flow->{challenge}{url}, {}), 200)
        or return;
    shift @{$flow->{authz}};

    return 'authz';
}


sub step_wait {
    my ($c, $flow) = @_;

    my $reply = ask($c, $flow->{acme}->post($flow->{url}), 200) or return;
    my $status = seen($c, $flow, $reply);

    return 'finalize' if $status eq 'ready';
    return unless $status eq 'valid';

    $flow->{certificate} = $reply->json()->{certificate};

    return 'download';
}


sub step_finalize {
    my ($c, $flow) = @_;

    $flow->{key} ||= acme_key('ES256');

    my $csr = acme_csr(key => $flow->{key}, dns => $flow->{names});
    my $reply = ask($c, $flow->{acme}->post($flow->{finalize},
                                            { csr => b64u($csr) }),
                    200, '403 orderNotReady') or return;

    # it was finalized when the answer did not come
    seen($c, $flow, $reply) if $reply->{status} == 200;

    return 'wait';
}


sub step_download {
    my ($c, $flow) = @_;

    my $reply = ask($c, $flow->{acme}->post($flow->{certificate}), 200)
        or return;

    $c->{certificates}{$flow->{certificate}}
        = { acme => $flow->{acme}, body => $reply->{body} };

    return rand() < 0.2 ? 'revoke' : 'end';
}


sub step_revoke {
    my ($c, $flow) = @_;
    my $body = $c->{certificates}{$flow->{certificate}}{body};

    ask($c, $flow->{acme}->revoke($body), 200, '400 alreadyRevoked')
        or return;
    $c->{revoked}{$flow->{certificate}} = 1;

    return 'end';
}


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


# by hand: a program for each of thousands takes longer than all the rest

sub serial {
    my ($pem) = @_;
    my $der = Test::Nginx::AcmeCa::Client::pem_to_der($pem);

    # Certificate, TBSCertificate, version 3, the length of the serial
    $der =~ /\A\x30\x82..\x30\x82..\xa0\x03\x02\x01\x02\x02(.)/gs
        or return "unknown of $pem";

    return unpack('H*', substr($der, pos $der, ord $1));
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


sub read_text {
    my ($name) = @_;

    open my $f, '<', $name or die "Can't open $name: $!\n";
    local $/;
    return scalar <$f>;
}


sub write_text {
    my ($name, $text) = @_;

    open my $f, '>', $name or die "Can't write $name: $!\n";
    print {$f} $text;
    close $f;
}


1;
