#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The radar: renewals that are late, certificates that end without a successor
# or that nobody fetched, issuers that end: told once each, marked while they
# are, and forgotten when they are no trouble any more.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Receiver;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy cryptx /)
    ->has_daemon('sqlite3');

receiver_start($t, 8090);

acme_ca_conf($t, authority => 'event_hook /event renewal_late expiring expired'
        . ' not_fetched issuer_expiring;',
    server => 'location = /event { internal;'
        . ' proxy_pass http://127.0.0.1:%%PORT_8090%%; }')
    ->plan(11)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# nothing is due, is late, is about to end, is about to end but was replaced, is
# late but has a successor

my %serial = map { $_ => lc cert_field($acme->issue([ "$_.example" ])->{chain},
    'serial') } qw/ unfetched young late ending replaced followed /;

$acme->issue([ 'followed.example' ]);

# the note of a download is written after its reply has left
acme_ca_wait(sub { !acme_ca_sql_value($t, 'SELECT count(*) FROM
    acme_certificates WHERE order_id > 0 AND first_download_at IS NULL') });

# in one piece, as the radar may look at any time
change(aged('young', 50), aged('late', 80), aged('ending', 95),
    aged('replaced', 95), aged('followed', 80),
    of('replaced', 'replaced_by = (SELECT max(id) FROM acme_certificates)'),
    of('unfetched', 'first_download_at = NULL'),
    "UPDATE acme_certificates SET created_at = created_at - 3700
        WHERE id <= (SELECT id FROM acme_certificates
                     WHERE sans = 'dns:unfetched.example')");

my @told;
ok(acme_ca_wait(sub { @told = told(); @told >= 4 }), 'told');
is(join(' ', sort @told), 'expiring:ending not_fetched:unfetched'
    . ' renewal_late:ending renewal_late:late', 'of what is late');
ok(acme_ca_wait(sub { marks() eq 'expiring 1, late 2, not-fetched 1' }),
    'marked') or diag(marks());

# over: renewed, fetched, at its end

$acme->issue([ 'late.example' ]);
change(of('unfetched', 'first_download_at = created_at + 1'),
    aged('ending', 101));

ok(acme_ca_wait(sub { grep { $_ eq 'expired:ending' } told() }), 'expired');
ok(acme_ca_wait(sub { marks() eq 'none' }), 'nothing is left')
    or diag(marks());

# an issuer

acme_ca_sql($t, "UPDATE issuers SET not_before = not_before - 86400 * 1000,
                     not_after = strftime('%s', 'now') + 86400 WHERE state = 'active'");
my ($issuer) = receiver_wait($t, '/event', 1,
    sub { $_[0]{type} eq 'issuer_expiring' });
is($issuer->{data}{details}{name}, acme_ca_sql_value($t,
    "SELECT name FROM issuers WHERE state = 'active'"), 'an issuer');
like($issuer->{data}{details}{not_after}, qr/^\d{4}-.*Z$/, 'its end');
is(marks(), 'issuer 1', 'marked');

is(scalar(told()), 6, 'nothing more');
is(join(' ', grep { my $one = $_; 1 < grep { $_ eq $one } told() } told()), '',
    'each once');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs WHERE actor ="
    . " 'server' AND action IN ('renewal-late', 'expiring', 'expired',"
    . " 'not-fetched', 'issuer-expiring')"), 6, 'a row of the log each');
undef $t;

###############################################################################

# "type:name" of each event

sub told {
    return map { "$_->{type}:" . (($_->{data}{certificate}{names} || [ '' ])->[0]
        =~ s/^dns:(\w+)\..*/$1/r) } receiver_events($t, '/event');
}


# as if it had a life of a day and more, so many hundredths of it over

sub aged {
    my ($name, $over) = @_;
    my $begin = "strftime('%s', 'now') - $over * 1000";

    return of($name, "not_before = $begin, created_at = $begin,
        not_after = $begin + 100000");
}


sub of {
    my ($name, $set) = @_;

    return "UPDATE acme_certificates SET $set
        WHERE lower(hex(serial)) = '$serial{$name}'";
}


sub change {
    acme_ca_sql($t, join ";\n", 'BEGIN IMMEDIATE', @_, 'COMMIT');
}


sub marks {
    return acme_ca_sql_value($t, "SELECT group_concat(kind || ' ' || n, ', ')
        FROM (SELECT kind, count(*) AS n FROM acme_radar GROUP BY kind
              ORDER BY kind)") || 'none';
}

###############################################################################
