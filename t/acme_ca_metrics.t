#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Metrics: what a flow leaves in the counters, in all workers and over a reload,
# as text for Prometheus and as OpenMetrics, each line read by a strict parser
# and, where there is one, by promtool.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /);

my $server = 'location = /metrics { acme_ca_metrics; }
        location = /event { internal; return 204; }
        location /ocsp/ { acme_ca_ocsp; }
        location /limited { limit_except GET { deny all; }
            acme_ca_metrics default; }';

acme_ca_conf($t, authority => 'rate_limit new_accounts 2/1d;
        event_hook /event issued;
        validation_attempts 1;', server => $server)->plan(99)->run();

my $acme = acme_client($t);

###############################################################################

# before anything happened

my $reply = scrape();
is($reply->{status}, 200, 'a scrape');
is($reply->header('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8',
    'for Prometheus');
is($reply->header('Cache-Control'), 'no-store', 'never from a cache');

my %m = samples($reply);
is($m{'acme_ca_nonces_total{event="issued"}'}, 0, 'no nonce');
is(grep({ /^acme_ca_requests_total/ } keys %m), 0, 'no request');

my $fresh = $reply->{body};

# what the workers see to by themselves may have been written already
my %first = %m;

###############################################################################

# a flow

my $cert = $acme->issue([ 'a.example' ]);
is($acme->revoke($cert->{chain})->{status}, 200, 'revoked');

my $nonce = $acme->fresh_nonce();
is($acme->account(undef, nonce => $nonce)->{status}, 200, 'nonce used');
is($acme->account(undef, nonce => $nonce)->outcome(), '400 badNonce',
    'nonce replayed');
is($acme->account(undef, nonce => 'A' x 22)->outcome(), '400 badNonce',
    'nonce foreign');
is($acme->account(undef, nonce => 'AAAA')->outcome(), '400 badNonce',
    'nonce malformed');
is($acme->get(acme_ca_url() . '/nothing')->{status}, 404, 'no such resource');

my $other = $acme->another();
is($other->new_account()->outcome(), '201', 'another account');
is($acme->another()->new_account()->outcome(), '429 rateLimited',
    'one too many');

my $bad = $other->new_order([ 'b.example' ]);
my $challenge = $other->challenge($other->post(
    $bad->json()->{authorizations}[0]));
is($other->post($challenge->{url}, {})->{status}, 200, 'without its token');
acme_ca_wait(sub { $other->post($challenge->{url})->json()->{status}
    eq 'invalid' });

%m = samples(scrape());

is(requests('new-account', 201), 2, 'new accounts');
is(requests('new-account', 429, 'rateLimited'), 1, 'that was refused');
is(requests('new-order', 201), 2, 'orders');
is(requests('issue', 200), 1, 'finalize');
is(requests('download', 200), 1, 'download');
is(requests('revoke', 200), 1, 'revocation');
is(requests('account', 400, 'badNonce'), 3, 'badNonce');
is(requests('none', 404, 'malformed'), 1, 'no resource');
is(requests('directory', 200), 3, 'directory');
is($m{'acme_ca_nonces_total{event="replayed"}'}, 1, 'nonce replayed');
is($m{'acme_ca_nonces_total{event="foreign"}'}, 1, 'foreign');
is($m{'acme_ca_nonces_total{event="malformed"}'}, 1, 'malformed');
cmp_ok($m{'acme_ca_nonces_total{event="used"}'}, '>', 8, 'used');
cmp_ok($m{'acme_ca_nonces_total{event="issued"}'}, '>',
    $m{'acme_ca_nonces_total{event="used"}'}, 'issued');
is($m{'acme_ca_rate_limit_hits_total{limit="new_accounts"}'}, 1, 'limit hit');
is($m{'acme_ca_rate_limit_hits_total{limit="new_orders"}'}, 0, 'and not');
is(validations('_count', 'passed'), 1, 'validation passed');
is(validations('_count', 'failed'), 1, 'validation failed');
is(validations('_count', 'retried'), 0, 'none again');
cmp_ok($m{'acme_ca_store_batch_size_count{}'}, '>=',
    $first{'acme_ca_store_batch_size_count{}'} + 8, 'batches');

# one after the other is added to, and a worker may be about to
ok(acme_ca_wait(sub { %m = samples(scrape());
    $m{'acme_ca_store_batch_size_sum{}'}
        >= $m{'acme_ca_store_batch_size_count{}'} }), 'a write in each');
ok(acme_ca_wait(sub { %m = samples(scrape());
    $m{'acme_ca_store_commit_duration_seconds_count{}'}
        == $m{'acme_ca_store_batch_size_count{}'} }), 'as many commits');
cmp_ok($m{'acme_ca_store_commit_duration_seconds_sum{}'}, '>', 0,
    'which took some time');
is($m{'acme_ca_store_failures_total{}'}, 0, 'none failed');

# the census

ok(acme_ca_wait(sub { %m = samples(scrape());
    ($m{'acme_ca_certificates{status="revoked"}'} || 0) == 1
    && $m{'acme_ca_certificates{status="valid"}'} == 2
    && $m{'acme_ca_jobs{kind="http-01"}'} == 0
    && $m{'acme_ca_orders{status="invalid"}'} == 1 }), 'objects are counted');
is($m{'acme_ca_certificates{status="valid"}'}, 2,
    'the server certificate, the signer of OCSP');
is($m{'acme_ca_certificates{status="expired"}'}, 0, 'none expired');
is($m{'acme_ca_accounts{status="valid"}'}, 2, 'accounts');
is($m{'acme_ca_orders{status="valid"}'}, 1, 'orders');
is($m{'acme_ca_authorizations{status="valid"}'}, 1, 'authorizations');
is($m{'acme_ca_challenges{status="invalid"}'}, 1, 'challenges');
is($m{'acme_ca_jobs{kind="http-01"}'}, 0, 'nothing is waiting');
is($m{'acme_ca_job_overdue_seconds{}'}, 0, 'nothing is late');
cmp_ok($m{'acme_ca_database_size_bytes{}'}, '>', 100000, 'size');
cmp_ok($m{'acme_ca_database_free_bytes{}'}, '>=', 0, 'free');
is($m{'acme_ca_database_rows{table="acme_accounts"}'}, 2, 'rows of a table');
is($m{'acme_ca_database_rows{table="acme_certificates"}'}, 3, 'of another');
cmp_ok($m{'acme_ca_database_rows{table="acme_audit_logs"}'}, '>', 8,
    'of the audit log');
is($m{'acme_ca_external_accounts{status="valid"}'}, 0, 'external accounts');
is($m{'acme_ca_radar_certificates{what="late"}'}, 0, 'no renewal is late');
is($m{'acme_ca_radar_certificates{what="unfetched"}'}, 0, 'all was fetched');

ok(acme_ca_wait(sub { %m = samples(scrape());
    grep { /^acme_ca_crl_remaining_seconds.*Intermediate/ } keys %m }), 'a CRL');
my ($list) = grep { /^acme_ca_crl_remaining_seconds.*Intermediate/ } keys %m;
cmp_ok($m{$list}, '>', 3600, 'it holds');
$list =~ s/remaining/age/;
cmp_ok($m{$list}, '>=', 0, 'and was made before');

my ($issuer) = grep { /^acme_ca_issuer_remaining_seconds.*Intermediate/ }
    keys %m;
like($issuer, qr/issuer="[^"]+",id="\d+",state="active"/, 'the issuer');
cmp_ok(abs($m{$issuer} - 5 * 365 * 86400), '<', 3 * 86400, 'for five years');
cmp_ok($m{'acme_ca_server_certificate_remaining_seconds{}'}, '>',
    80 * 86400, 'the server certificate');

###############################################################################

# responses to OCSP, that nobody has asked for

my ($stock) = $issuer =~ /\{(issuer="[^"]+",id="\d+")/;
$stock = "acme_ca_ocsp_kept_responses\{$stock\}";
ok(acme_ca_wait(sub { %m = samples(scrape()); defined $m{$stock} }),
    'responses that are kept');
is($m{$stock}, 0, 'none');
is(grep({ /^acme_ca_ocsp_(?:old|new)est_age/ } keys %m), 0,
    'which have no age');

###############################################################################

# all workers and the next generation of them tell the same

my %before = samples(scrape());
my @workers = acme_ca_workers($t);
is(@workers, 2, 'two workers');

my %told = map { counters() => 1 } 1 .. 20;
is(keys %told, 1, 'one state in all');

ok(acme_ca_reload($t), 'reloaded');

ok($told{counters()}, 'counters are kept');

$acme->new_order([ 'c.example' ]);
%m = samples(scrape());
is(requests('new-order', 201), 3, 'and go on');

# whoever answers counts for all: connections of their own, before and after

my $directories = requests('directory', 200);

foreach my $half (1, 2) {
    for (1 .. 20) {
        my $client = acme_client($t);
        $client->{keep_alive} = 0;
        $client->get(acme_ca_url() . '/directory');
    }

    acme_ca_reload($t) if $half == 1;
}

%m = samples(scrape());
is(requests('directory', 200), $directories + 40, 'each request once');

###############################################################################

# forms

is($acme->head(url())->{body}, '', 'HEAD');
is($acme->request('POST', url(), body => 'x')->{status}, 405, 'POST');
is($acme->get(url('/limited'))->{status}, 200, 'limit_except');

for my $accept ([ 'text/plain;q=0.5,application/openmetrics-text', 1 ],
                [ 'application/openmetrics-text;q=0.2,text/plain', 0 ],
                [ 'application/openmetrics-text; version=1.0.0', 1 ])
{
    my $reply = scrape($accept->[0]);
    is($reply->header('Content-Type') =~ /openmetrics/ ? 1 : 0, $accept->[1],
        $accept->[0]);
}

$reply = scrape('application/openmetrics-text');
like($reply->{body}, qr/\n# EOF\n\z/, 'OpenMetrics ends');
my %open = samples($reply, 1);
is($open{'acme_ca_rate_limit_hits_total{limit="new_accounts"}'}, 1,
    'and is the same');

SKIP: {
    skip 'no promtool', 6 unless grep { -x "$_/promtool" }
        split /:/, $ENV{PATH};

    foreach my $when ([ 'at first', $fresh ], [ 'now', scrape()->{body} ]) {
        $t->write_file('metrics.txt', $when->[1]);
        is(`promtool check metrics < @{[ $t->testdir() ]}/metrics.txt 2>&1`,
            '', "promtool has no complaint $when->[0]");
        is($?, 0, 'it says so');
    }

    foreach my $how ('check rules', 'test rules') {
        my $file = $how =~ /^test/ ? 'alerts_test.yml' : 'alerts.yml';
        my $said = `promtool $how $FindBin::Bin/../contrib/metrics/$file 2>&1`;
        is($?, 0, "$how") or diag($said);
    }
}

# both forms, as Prometheus's own library reads them

SKIP: {
    my $python = "$FindBin::Bin/../build/clients/python/bin/python";

    skip 'no prometheus_client', 2 unless -x $python
        && system("$python -c 'import prometheus_client' 2> /dev/null") == 0;

    foreach my $form ([ 'parser', undef ],
                      [ 'openmetrics.parser', 'application/openmetrics-text' ])
    {
        $t->write_file('metrics.txt', scrape($form->[1])->{body});
        is(scalar `$python -c 'import sys
from prometheus_client.$form->[0] import text_string_to_metric_families as read
print(int(sum(s.value for f in read(sys.stdin.read()) for s in f.samples
    if s.name == "acme_ca_rate_limit_hits_total"
    and s.labels["limit"] == "new_accounts")))' \\
            < @{[ $t->testdir() ]}/metrics.txt 2>&1`, "1\n",
            "prometheus_client: $form->[0]");
    }
}

# the dashboard and the alerts ask for what there is

# some have no sample before there is what they tell of
my %names = map { $_ => 1 } scrape()->{body} =~ /^# TYPE (\w+)/mg,
    map { /^(\w+)/ } keys %m;

for my $file (qw/ grafana.json alerts.yml alerts_test.yml /) {
    my $text = read_file("$FindBin::Bin/../contrib/metrics/$file");
    my %asked = map { $_ => 1 } $text =~ /\b(acme_ca_[a-z_]+)/g;

    cmp_ok(keys %asked, '>', 8, "$file asks for something");
    is(join(' ', grep { !$names{$_} } sort keys %asked), '',
        "$file: all of it is there");
}

my ($rules, $tests) = map { join ' ', sort @$_ }
    [ read_file("$FindBin::Bin/../contrib/metrics/alerts.yml")
      =~ /- alert: (\w+)/g ],
    [ read_file("$FindBin::Bin/../contrib/metrics/alerts_test.yml")
      =~ /alertname="(\w+)"/g ];
is($tests, $rules, 'alerts_test.yml: every alert');

my $panels = json_decode(read_file("$FindBin::Bin/../contrib/metrics/grafana.json"))
    ->{panels};
my %panels = map { $_->{id} => 1, join(' ', %{$_->{gridPos}}{qw/ x y /}) => 1 }
    @$panels;
is(keys %panels, 2 * @$panels, 'panels, each with a place of its own');

# configurations that cannot be meant

for my $case (
    [ 'acme_ca; acme_ca_metrics;', qr/not the only one of this module/ ],
    [ 'acme_ca_metrics; acme_ca_metrics;', qr/"acme_ca_metrics".* duplicate/ ],
    [ 'acme_ca_metrics "";', qr/needs the name of an authority/ ],
    [ 'acme_ca_metrics nobody;', qr/no authority "nobody" in .*:\d+/ ])
{
    my ($ok, $text) = acme_ca_config_test($t, <<"EOF");
%%TEST_GLOBALS%%
events { }
http {
    acme_ca_authority default { path %%TESTDIR%%/ca; }
    server { location /x/ { $case->[0] } }
}
EOF
    like($text, $case->[1], $case->[0]);
}

$t->stop();

is(acme_ca_log($t, qr/\[(?:emerg|alert|crit)\]/), '',
    'nothing worse in the log');

undef $t;

###############################################################################

sub url {
    my ($path) = @_;

    return 'http://127.0.0.1:' . port(8080) . ($path || '/metrics');
}


sub read_file {
    my ($file) = @_;

    open my $f, '<', $file or die "Can't open $file: $!\n";
    local $/;
    my $text = <$f>;
    close $f;

    return $text;
}


# on a connection of its own: any worker's

sub scrape {
    my ($accept) = @_;
    my $client = acme_client($t);

    $client->{keep_alive} = 0;

    return $client->get(url(), $accept
                        ? (headers => [[ 'Accept', $accept ]]) : ());
}


sub requests {
    my ($resource, $status, $problem) = @_;
    $problem = '' unless defined $problem;

    return $m{"acme_ca_requests_total{resource=\"$resource\","
              . "status=\"$status\",problem=\"$problem\"}"};
}


sub validations {
    my ($suffix, $outcome) = @_;

    return $m{"acme_ca_validation_duration_seconds$suffix"
              . "{type=\"http-01\",outcome=\"$outcome\"}"};
}


# what only grows, as one text

sub counters {
    my %all = samples(scrape());

    return join "\n", map { "$_ $all{$_}" } sort grep {
        !/^acme_ca_(?:census|database|job|store|issuer|server|ocsp_(?:signer|kept|oldest|newest)
            |crl|radar|external|event)/x
    } keys %all;
}


# The samples of a text in one of the two formats, without their label
# "authority".  Dies of whatever the format does not allow: samples outside of
# their family, labels twice, buckets that do not grow ...

sub samples {
    my ($reply, $open) = @_;
    my (%found, %families, $family, $type, $helped, %bucket);
    my @lines = split /\n/, $reply->{body}, -1;

    die "no newline at the end\n" if pop @lines ne '';
    die "no end\n" if $open && pop @lines ne '# EOF';

    for my $line (@lines) {

        if ($line =~ /^# HELP ([a-z_]+) [A-Z][^\\]+\.$/) {
            $helped = $1;
            die "again: $line\n" if $families{$helped};
            next;
        }

        if ($line =~ /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/) {
            ($family, $type) = ($1, $2);
            die "TYPE without HELP: $line\n" unless $family eq $helped;
            $families{$family} = 1;
            die "name of a counter: $line\n" if $type eq 'counter'
                && ($open ? $family =~ /_total$/ : $family !~ /_total$/);
            next;
        }

        $line =~ /^([a-z_]+)\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)+)\} (-?[\d.]+)$/
            or die "odd line: $line\n";
        my ($name, $labels, $value) = ($1, $2, $3);

        my $suffix = $name =~ /^\Q$family\E(.*)$/ ? $1
            : die "outside of its family: $line\n";
        die "suffix: $line\n" unless $suffix =~ ($type eq 'histogram'
            ? qr/^_(?:bucket|sum|count)$/ : $type eq 'counter'
            ? ($open ? qr/^_total$/ : qr/^$/) : qr/^$/);

        my (%label, @rest);
        while ($labels =~ /\G([a-z]+)="((?:[^"\\]|\\.)*)"(?:,(?!$)|$)/gc) {
            die "label twice: $line\n" if exists $label{$1};
            $label{$1} = $2;
            push @rest, "$1=\"$2\"" if $1 ne 'authority' && $1 ne 'le';
        }
        die "labels: $line\n" if (pos $labels || 0) != length $labels;
        die "authority: $line\n" unless $label{authority} eq 'default';

        my $key = "$name\{" . join(',', @rest) . '}';

        if ($suffix eq '_bucket') {
            my $bound = $label{le} eq '+Inf' ? 9**99 : $label{le};
            my $last = $bucket{$key} || [ -1, 0 ];
            die "buckets: $line\n" if $bound <= $last->[0]
                                      || $value < $last->[1];
            $bucket{$key} = [ $bound, $value ];
            $key =~ s/\{/{le=$label{le},/;
        }

        if ($suffix eq '_count') {
            my $of = $key =~ s/_count\{/_bucket{/r;
            die "count: $line\n" if $bucket{$of}[0] < 9**99
                                    || $value != $bucket{$of}[1];
        }

        die "twice: $line\n" if exists $found{$key};
        $found{$key} = $value;
    }

    return %found;
}

###############################################################################
