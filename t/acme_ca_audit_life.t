#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What the CA does by itself, in the audit log: starts, and what each follows,
# stops, reloads and those that nginx refused, CRLs that were asked for, what the
# sweep removed.  "nginx -t" writes nothing.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use IO::Socket::INET;
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3')
    ->has_daemon('openssl');
my $dir = $t->testdir();

acme_ca_conf($t, workers => 2, authority => <<"END");
    retention 1d;
    audit_log $dir/audit.log;
END

$t->plan(37)->run();
acme_ca_tool($t);

my $acme = acme_client($t);
my $conf = $t->read_file('nginx.conf');
my @rows;

###############################################################################

# the first start, and the first CRL of the issuer

is_deeply([ map { details($_)->{after} } rows('start done') ], [ 'nothing' ],
    'nothing was before the first start');

my $issuer = sql("SELECT name FROM issuers WHERE state = 'active'");
my ($root, $crl) = rows('crl done');
($root, $crl) = ($crl, $root) if details($root)->{issuer} eq $issuer;

is("$root->{actor} $crl->{actor}", 'server server', 'the first CRLs');
isnt(details($root)->{issuer}, $issuer, 'of the root');
is(details($crl)->{issuer}, $issuer, 'and the issuer');
is(details($crl)->{entries}, 0, 'how long it is');
is(details($crl)->{number}, number(), 'its number');

# one that was made for its age alone is not told, one after a revocation is

my $before = number();

sql_do("UPDATE acme_crls SET due_at = 1, this_update = this_update - 86400");
ok(acme_ca_wait(sub { number() > $before }), 'another, for its age');

$before = number();
$acme->revoke($acme->issue([ 'a.example' ])->{chain});
sql_do("UPDATE acme_crls SET this_update = this_update - 86400");
ok(acme_ca_wait(sub { rows('crl done') > 2 }), 'another, after a revocation');

@rows = map { details($_) } rows('crl done');
is(@rows, 3, 'the only one that is told');
cmp_ok($rows[2]{number}, '>', $before, 'with its number');
is($rows[2]{entries}, 1, 'and entries');

###############################################################################

# what ends now is swept soon after a reload

is(rows('sweep done'), 0, 'nothing was swept');

$acme->issue([ $_ ]) for qw/ b.example c.example /;
age();
ok(acme_ca_reload($t), 'workers that sweep soon');

###############################################################################

# reloads that nginx refuses

my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1:0')
    or die "Can't listen: $!\n";
my $port = $taken->sockport();
my $n = 0;

foreach my $case (
    [ 'in a block of http', sub { s/(acme_ca_authority \S+ \{)/$1 nonsense;/ } ],
    [ 'behind it', sub { s/\}\s*\z/} nonsense;/ } ],
    [ 'by the CA', sub { s/retention 1d;/issuer_certificate $dir\/none.pem;
        issuer_key $dir\/none.key;/ } ],
    [ 'a port that is taken', sub {
        s/(server \{)/$1 listen 127.0.0.1:$port;/ } ])
{
    my ($name, $change) = @$case;

    local $_ = $conf;
    $change->();

    # who only looks writes nothing

    my ($good) = acme_ca_config_test($t, $_);
    is(rows('reload failed'), $n, "nginx -t: $name");

    $t->write_file('nginx.conf', $_);
    $t->reload();
    ok(acme_ca_wait(sub { rows('reload failed') > $n }), "refused: $name");
    $n++;
}

is(rows('reload failed'), $n, 'one row each');
$t->write_file('nginx.conf', $conf);
ok(acme_ca_reload($t), 'a good one');

# what the sweep removed, in one row for a day

ok(acme_ca_wait(sub { rows('sweep done') }, 90), 'what was swept');
is_deeply(details(rows('sweep done')), { orders => 2, authorizations => 2,
    external_accounts => 0, server_keys => 0 }, 'how many of what');

###############################################################################

# a stop; what was killed did not stop

$t->stop();
is(rows('stop done'), 1, 'a stop');
is(sql('SELECT count(*) FROM acme_audit_logs WHERE hash IS NULL'), 0,
    'all rows are chained');
is(sql('SELECT max(id) FROM acme_audit_checkpoints'),
    sql('SELECT max(id) FROM acme_audit_logs'), 'and signed');
like($t->read_file('audit.log'),
    qr/"action":"stop".*\n.*"checkpoint":\d+,.*\n\z/, 'and in the log file');

$t->run();
acme_ca_kill($t);
$t->run();
$t->stop();

is(join(', ', map { details($_)->{after} } rows('start done')),
    'nothing, stop, no stop', 'starts say what they follow');

###############################################################################

# an upgrade of the binary: for a while there are two masters, and nobody has
# stopped before the last one.  Without a terminal's hold, as a service

$conf =~ s/daemon off;/daemon on;/ or die "no daemon off\n";
$t->write_file('nginx.conf', $conf);

ok(!system($t->command()), 'a daemon');
ok(acme_ca_wait(sub { -s "$dir/nginx.pid" && acme_ca_workers($t) == 2 }),
    'with workers');
my $old = $t->master();

kill 'USR2', $old;
ok(acme_ca_wait(sub { rows('start done') == 5 && -s "$dir/nginx.pid"
    && $t->master() != $old && acme_ca_workers($t) == 2 }), 'another binary');
kill 'QUIT', $old;
ok(acme_ca_wait(sub { ended($old) }), 'the old one has gone');
my $new = $t->master();
kill 'QUIT', $new;
ok(acme_ca_wait(sub { ended($new) }), 'and the new one');

is(join(', ', map { details($_)->{after} } (rows('start done'))[3, 4]),
    'stop, upgrade', 'what they followed');
is(join(' ', map { details($_)->{last} ? 1 : 0 } rows('stop done')), '1 1 0 1',
    'who was the last');

undef $t;

###############################################################################

# a daemon is nobody's child: it ends with the test, whatever happens to that

END {
    foreach my $file (grep { defined } map { glob "$dir/nginx.pid$_" }
                      '', '.oldbin')
    {
        open my $f, '<', $file or next;
        kill 'TERM', grep { /^\d+$/ } map { s/\s//gr } <$f>;
    }
}


# the rows of an action and outcome, oldest first

sub rows {
    my ($action, $outcome) = split / /, $_[0];

    my @rows = acme_ca_sql($t, "SELECT id, actor, details
        FROM acme_audit_logs WHERE action = '$action' AND outcome = '$outcome'
        ORDER BY id");

    return @rows;
}


sub ended { Test::Nginx::AcmeCa::process_state($_[0]) =~ /[ZX]/ }
sub details { return json_decode($_[0]{details}) }


# of the last CRL of the issuer that is not under way

sub number {
    return sql("SELECT max(c.number) FROM acme_crls AS c
        JOIN issuers AS i ON i.id = c.issuer_id
        WHERE i.state = 'active' AND c.lease_until = 0") || 0;
}


sub sql_do { acme_ca_sql($t, $_[0]) }


# as if all orders but the newest had ended long ago

sub age {
    sql_do(join(';', 'BEGIN IMMEDIATE', (map {
        "UPDATE $_ SET created_at = created_at - 900000,
            updated_at = updated_at - 900000,
            expires_at = expires_at - 9000000
        WHERE id < (SELECT max(id) FROM $_)"
    } qw/ acme_orders acme_authorizations /), 'COMMIT'));
}

###############################################################################
