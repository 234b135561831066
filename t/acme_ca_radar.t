#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The radar: renewals that are late, certificates that end without a successor
# or that nobody fetched, issuers that end: told once each, marked while they
# are, and forgotten when they are no trouble any more.  "acme-ca radar", the
# metrics and the events say the same, and as renewalInfo does.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Receiver;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy cryptx /)
    ->has_daemon('sqlite3');

receiver_start($t, 8090);
acme_ca_tool($t);

acme_ca_conf($t, authority => 'event_hook /event renewal_late expiring expired'
        . ' not_fetched issuer_expiring;',
    server => 'location = /metrics { acme_ca_metrics; }
        location = /event { internal;
            proxy_pass http://127.0.0.1:%%PORT_8090%%; }')
    ->plan(47)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# lives of a hundred thousand seconds, so many hundredths of them over.  What else is set, and
# whether that is late

my $now = time();

my %foreign = (account_id => 'NULL', order_id => 'NULL');

my %cases = (
    unfetched  => [ 1, { first_download_at => 'NULL',
                           created_at => $now - 4000 } ],
    young      => [ 30 ],
    late       => [ 80, {}, 'late' ],
    ending     => [ 95, {}, 'late' ],
    replaced   => [ 95, { replaced_by =>
                            '(SELECT max(id) FROM acme_certificates)' } ],
    followed   => [ 80 ],
    revoked    => [ 80 ],
    expired    => [ 120 ],
    imported   => [ 80, { %foreign, imported_at => $now - 80000 }, 'late' ],
    registered => [ 80, { %foreign, imported_at => $now,
                            created_at => $now }, 'late' ],
    sooner     => [ 15, {}, 'late' ],
    later      => [ 80 ],
    first      => [ 0 ],
    own        => [ 80, \%foreign ],
);

my (%serial, %info, %due);

foreach my $name (sort keys %cases) {
    my $chain = $acme->issue([ "$name.example" ])->{chain};

    $serial{$name} = lc cert_field($chain, 'serial');
    $info{$name} = $acme->url('renewalInfo') . '/' . cert_id($chain);
    $acme->revoke($chain) if $name eq 'revoked';
}

$acme->issue([ 'followed.example' ]);

# the note of a download is written after its reply has left
acme_ca_wait(sub { !acme_ca_sql_value($t, 'SELECT count(*) FROM
    acme_certificates WHERE order_id > 0 AND first_download_at IS NULL') });

# at once: the radar looks whenever it likes.  The windows select more than one
# certificate, each other ones

acme_ca_sql($t, join(";\n", 'BEGIN IMMEDIATE',
    (map { aged($_, $cases{$_}[0], %{$cases{$_}[1] || {}}) } sort keys %cases),
    (map { "INSERT INTO acme_renewal_windows (name, window_start, window_end,"
           . " created_at) VALUES ($_, 1)" }
     "'sooner.example', $now - 1100, $now - 1000",
     "'first.example', $now - 1100, $now - 1000",
     "'later.example', $now + 5000, $now + 15000",
     "NULL, $now - 300000, $now - 200000"), 'COMMIT'));

# as renewalInfo tells

foreach my $name (sort keys %cases) {
    my ($row) = acme_ca_sql($t, "SELECT strftime('%Y-%m-%dT%H:%M:%SZ',
            window_start, 'unixepoch') AS start,
        strftime('%Y-%m-%dT%H:%M:%SZ', window_end, 'unixepoch') AS end,
        not_before <= soonest AND soonest <= window_end
            AND window_start < window_end AND window_end <= not_after AS fits
        FROM acme_suggested_windows WHERE serial = x'$serial{$name}'");
    my $told = $acme->get($info{$name})->json()->{suggestedWindow};

    is(delete $row->{fits}, 1, "$name: a window");
    $due{$name} = $told->{end};

    if ($name eq 'revoked') {
        isnt($told->{end}, $row->{end}, "$name: at once");
        next;
    }

    is_deeply($told, $row, "$name: as renewalInfo tells");
}

# and all three of it

my @late = grep { $cases{$_}[2] } sort keys %cases;

is(list('late'), join(' ', map { "$_:$due{$_}" } @late), 'the list');
is(list('not fetched') =~ s/:.*//r, 'unfetched', 'of what was not fetched');

my @ends = map { $_->{ends} } @{json('radar')};

is("@ends", join(' ', sort @ends), 'soonest first');
cmp_ok($ends[0], 'lt', $ends[-1], 'not all at once');
is(json('radar', '--limit', 1)->[0]{ends}, $ends[0], 'the first one');

ok(acme_ca_wait(sub { metric('late') == @late && metric('unfetched') == 1 }),
    'the metrics');

my @told;
ok(acme_ca_wait(sub { @told = told(); @told >= @late + 2 }), 'told');
is(join(' ', sort @told), join(' ', 'expiring:ending', 'not_fetched:unfetched',
    map { "renewal_late:$_" } @late), 'of what is late');
ok(acme_ca_wait(sub { marks() eq 'expiring 1, late ' . @late
    . ', not-fetched 1' }), 'marked') or diag(marks());

# over: renewed, fetched, moved back, revoked, at its end

$acme->issue([ 'late.example' ]);

acme_ca_sql($t, join(";\n", 'BEGIN IMMEDIATE',
    aged('unfetched', 1, first_download_at => $now),
    aged('imported', 80, status => "'revoked'", revoked_at => $now),
    aged('registered', 40),
    aged('ending', 101),
    "DELETE FROM acme_renewal_windows WHERE name = 'sooner.example'",
    'COMMIT'));

ok(acme_ca_wait(sub { grep { $_ eq 'expired:ending' } told() }), 'expired');
ok(acme_ca_wait(sub { marks() eq 'none' }), 'nothing is left')
    or diag(marks());

# an issuer

acme_ca_sql($t, "UPDATE issuers SET not_before = not_before - 86400 * 1000,
                     not_after = strftime('%s', 'now') + 86400 WHERE state = 'active'");
my ($issuer) = receiver_wait($t, '/event', 1,
    sub { $_[0]{type} eq 'issuer_expiring' });
my $name = acme_ca_sql_value($t,
    "SELECT name FROM issuers WHERE state = 'active'");
is($issuer->{data}{details}{name}, $name, 'an issuer');
like($issuer->{data}{details}{not_after}, qr/^\d{4}-.*Z$/, 'its end');
is(marks(), 'issuer 1', 'marked');
is(join(' ', map { "$_->{what} $_->{names}" } @{json('radar')}),
    "issuer $name", 'in the list');

is(join("\n", receiver_faults($t)), '', 'all as the schema says');

my $n = @late + 4;
is(scalar(told()), $n, 'nothing more');
is(join(' ', grep { my $one = $_; 1 < grep { $_ eq $one } told() } told()), '',
    'each once');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs WHERE actor ="
    . " 'server' AND action IN ('renewal-late', 'expiring', 'expired',"
    . " 'not-fetched', 'issuer-expiring')"), $n, 'a row of the log each');
undef $t;

###############################################################################

# "name:since" of each

sub list {
    my ($what) = @_;

    return join ' ', sort map { name($_->{names}) . ":$_->{since}" }
        grep { $_->{what} eq $what } @{json('radar')};
}


sub metric {
    my ($what) = @_;

    my ($n) = $acme->get('http://127.0.0.1:' . port(8080) . '/metrics')->{body}
        =~ /^acme_ca_radar_certificates\{.*what="$what"\} (\d+)$/m;

    return defined $n ? $n : -1;
}


# "type:name" of each event

sub told {
    return map { "$_->{type}:" . name($_->{data}{certificate}{names}[0] || '') }
        receiver_events($t, '/event');
}


sub name {
    return $_[0] =~ s/^dns:(\w+)\..*/$1/r;
}


# as if it had a life of a hundred thousand seconds, so many hundredths over

sub aged {
    my ($name, $over, %set) = @_;
    my $begun = $now - 1000 * $over;

    %set = (not_before => $begun, created_at => $begun,
        not_after => $begun + 100000, %set);

    return 'UPDATE acme_certificates SET '
        . join(', ', map { "$_ = $set{$_}" } sort keys %set)
        . " WHERE serial = x'$serial{$name}'";
}


sub marks {
    return acme_ca_sql_value($t, "SELECT group_concat(kind || ' ' || n, ', ')
        FROM (SELECT kind, count(*) AS n FROM acme_radar GROUP BY kind
              ORDER BY kind)") || 'none';
}

###############################################################################
