#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The audit log and the issuers by the admin location, and by the tool through
# it: rows as they are hashed, checkpoints and key, verified, exported and
# sealed; who signs; If-Match; what a reader may not do.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Digest::SHA qw/ sha256_hex /;
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Admin;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx access /)
    ->has_daemon('sqlite3')->has_daemon('openssl')->has_daemon('curl');
my $dir = $t->testdir();

acme_ca_conf($t, authority => 'audit_checkpoint 1s; issuer_overlap 1h;',
    server => <<'END')->plan(82)->run();
    location /admin/ { acme_ca_admin default full; allow 127.0.0.1; deny all; }
    location /read/ { acme_ca_admin default; allow 127.0.0.1; deny all; }
END

acme_ca_tool($t);

my $url = 'http://127.0.0.1:' . port(8080) . '/admin';
my $admin = acme_admin($t);
my $reader = acme_admin($t, path => '/read');
my $acme = acme_client($t);
my ($json, $reply);

$acme->new_account();
my $chain = $acme->issue([ 'a.example' ])->{chain};

###############################################################################

# what a reader may not do: each POST that there is

my @writes = map { $_->{path} }
    grep { grep { $_ eq 'POST' } @{$_->{methods}} }
    @{$admin->get('')->json()->{resources}};

cmp_ok(scalar @writes, '>', 20, 'resources that write');
is(join(' ', grep { my $path = s/\{\w+\}/1/r;
    $reader->post($path, {})->{status} != 403 } @writes), '',
    'a reader writes none of them');

# how they are refused, all alike

foreach my $case ([ 415, type => 'text/plain', body => '{}' ],
    [ 400, type => 'application/json', body => '[]' ],
    [ 400, type => 'application/json', body => '{"no such member":1}' ])
{
    my ($wanted, %opts) = @$case;

    is(join(' ', grep { my $path = s/\{\w+\}/1/r;
        $admin->request('POST', $path, %opts)->{status} != $wanted } @writes),
        '', "$opts{type} $opts{body}: $wanted");
}

###############################################################################

# rows: those of the database, oldest first

ok(acme_ca_wait(sub { sql('SELECT count(*) FROM acme_audit_checkpoints
    WHERE id >= (SELECT max(id) FROM acme_audit_logs
                 WHERE action = \'issue\')') }, 30), 'all of it is signed');

my ($path, @rows) = ('audit/lines?limit=3');

while (defined $path && @rows < 1000) {
    $reply = $reader->get($path);
    push @rows, @{$reply->json()->{items}};
    $path = ($reply->{headers}{link} || '') =~ /^<(\?.*)>/ ? "audit/lines$1"
        : undef;
}

my @ids = map { $_->{id} } @rows;
is("@ids", join(' ', $ids[0] .. $ids[-1]), 'rows, oldest first, each once');
is($ids[0], 1, 'from the first one on');
ok((grep { $_->{action} eq 'issue' } @rows), 'all kinds');
is($reader->get('audit/lines?cursor=0')->{status}, 400, 'no cursor');
is(scalar @{$reader->get('audit/lines?cursor=999999')->json()->{items}}, 0,
    'nothing behind the end');

# signatures

$json = $reader->get('audit/state')->json();
is($json->{keys}, $t->read_file('ca/audit.pem'), 'the public keys');
my ($checkpoint) = @{$reader->get('audit/checkpoints?limit=1')->json()->{items}};
is($checkpoint->{hash}, lc sql("SELECT hex(hash) FROM acme_audit_logs
    WHERE id = $checkpoint->{id}"), 'a checkpoint');

my $at = sql("SELECT at FROM acme_audit_checkpoints WHERE id = $checkpoint->{id}");
$t->write_file('text', "acme-ca audit $checkpoint->{id} $at $checkpoint->{hash}");
$t->write_file('signature', pack 'H*', $checkpoint->{signature});
$t->write_file('key.pem', $json->{keys});
like(run(qw/ openssl dgst -sha256 -verify /,
    "$dir/key.pem", '-signature', "$dir/signature", "$dir/text"),
    qr/Verified OK/, 'its signature');

# rows since then

is(scalar @{$reader->get('audit?since=2100-01-01T00:00:00Z')->json()->{items}},
    0, 'since a day to come');
is($reader->get('audit?since=x')->{status}, 400, 'no date');
is(scalar @{admin_json('audit', 'list', '--action', 'issue', '--since', '1d')},
    1, 'since yesterday');

# verified and exported through nginx, as from the database

$json = admin_json('audit', 'verify');
is($json->{ok}, JSON::PP::true(), 'verify');
is($json->{first}, 1, 'from the first row on');
cmp_ok($json->{checkpoint}, '>', 0, 'with signatures');

# new rows may come in between

my ($there) = admin('audit', 'export');
my ($here) = tool('audit', 'export');
my @there = grep { /^\{"id"/ } split /\n/, $there;
my @here = grep { /^\{"id"/ } split /\n/, $here;
is_deeply([ @here[0 .. $#there] ], \@there, 'export: the same lines');
like($there, qr/^\{"checkpoint":\d+,.*"signature":"[0-9a-f]+"\}$/m,
    'export: a checkpoint');

$t->write_file('export', $there);
is((tool('audit', 'verify', '--file', "$dir/export"))[1], 0,
    'the database has these rows');
is((admin('audit', 'verify', '--file', "$dir/export"))[1], 0, 'nginx, too');

$t->write_file('bad', $there =~ s/"action":"issue"/"action":"revoke"/r);
is((admin('audit', 'verify', '--file', "$dir/bad"))[1], 1, 'a line was changed');

# followed

my $pid = fork();
die "fork: $!" unless defined $pid;

if ($pid == 0) {
    open STDOUT, '>', "$dir/followed";
    { exec acme_ca_tool_path(), '--admin', $url, 'audit', 'tail', '--follow',
        '--action', 'eab-create', '--limit', 1; }
    POSIX::_exit(1);
}

my $n = 0;
ok(acme_ca_wait(sub { $admin->post('eab', { label => 'n' . $n++ });
    -s "$dir/followed" && $t->read_file('followed') =~ /^\{"id":\d+,/m }, 30),
    'tail --follow: a row that came');
kill 'TERM', $pid;
waitpid $pid, 0;
unlike($t->read_file('followed'), qr/^\{.*"action":"issue"/m, 'no other one');

# sealed

foreach my $bad ({}, { up_to => 'x', sha256 => 'a' x 64 }, { up_to => 0,
    sha256 => 'a' x 64 }, { up_to => 1, sha256 => 'a' }, { up_to => 1 })
{
    is($admin->post('audit/seal', $bad)->{status}, 400, 'bad seal: '
        . JSON::PP->new()->canonical()->encode($bad));
}

is($admin->post('audit/seal', { up_to => 999999, sha256 => 'a' x 64 })
    ->{status}, 409, 'no such checkpoint');
is(sql('SELECT audit_sealed FROM acme_ca_meta'), 0, 'nothing is sealed');

ok(acme_ca_wait(sub { sql('SELECT count(*) FROM acme_audit_checkpoints
    WHERE at < unixepoch() - 1
          AND id < (SELECT max(id) FROM acme_audit_logs)') }, 30),
    'rows that are old enough');
$json = admin_json('audit', 'seal', '--before', '1s', '--to', "$dir/sealed");
cmp_ok($json->{rows}, '>', 0, 'sealed');
is($json->{sha256}, sha256_hex($t->read_file('sealed')), 'the sum of the file');
is(sql('SELECT min(id) FROM acme_audit_logs'), $json->{sealed} + 1,
    'its rows are gone');
is(sql("SELECT json_extract(details, '\$.sha256') FROM acme_audit_logs
    WHERE action = 'audit-seal' AND outcome = 'done'"), $json->{sha256},
    'audited');
is((admin('audit', 'verify', '--file', "$dir/sealed"))[1], 0,
    'what is left goes on');
is((tool('audit', 'verify'))[1], 0, 'so says the database');
is((admin('audit', 'seal', '--before', '1s', '--to', "$dir/sealed"))[1], 1,
    'no file is written over');
is((admin('audit', 'seal', '--before', '30d', '--to', "$dir/x"))[1], 3,
    'nothing is so old');
is((admin('audit', 'seal'))[1], 2, 'of what?');

###############################################################################

# issuers: who signs

my ($issuer) = grep { ($_->{state} || '') eq 'active' } issuers();
my ($root) = grep { !$_->{state} } issuers();

is($admin->post("issuers/$issuer->{id}/retire", {})->{status}, 409,
    'nobody follows');
is((admin('issuer', 'retire', $issuer->{name}))[1], 1, 'so says the tool');
is($admin->post('issuers/99/retire', {})->{status}, 404, 'no such issuer');
is($admin->post("issuers/$root->{id}/retire", {})->{status}, 404,
    'a root signs nothing here');
is($admin->post('issuers/x/compromised', {})->{status}, 404, 'no number');

$reply = $admin->post('issuers/rotate', {});
is($reply->{status}, 202, 'rotate: to be made');
is($reply->json()->{wanted}, JSON::PP::true(), 'says so');
is((admin('issuer', 'rotate'))[1], 0, 'the tool asks, too');
like($text, qr/when it is reloaded/, 'and says what is to be done');

acme_ca_reload($t);
ok(acme_ca_wait(sub { grep { ($_->{state} || '') eq 'next'
    && $_->{published_at} } issuers() }, 30), 'the next one is there');
my ($next) = grep { ($_->{state} || '') eq 'next' } issuers();

# If-Match: what it was before is no more

my $tag = $reader->get("issuers/$issuer->{id}")->{headers}{etag};
is($admin->post("issuers/$issuer->{id}/retire", {},
    headers => "If-Match: \"0123\"\r\n")->{status}, 412, 'If-Match: another');
is($admin->post("issuers/$issuer->{id}/retire", {},
    headers => "If-Match: W/$tag\r\n")->{status}, 412, 'If-Match: weak');
is($admin->post('unrevoke', { name => '*' }, headers => "If-Match: *\r\n")
    ->{status}, 412, 'If-Match: of nothing');
is($admin->post('issuers/99/retire', {}, headers => "If-Match: $tag\r\n")
    ->{status}, 404, 'If-Match: no such one');
is((grep { $_->{state} eq 'active' } grep { $_->{state} } issuers())[0]{id},
    $issuer->{id}, 'nothing has changed');

is((admin('issuer', 'rotate'))[1], 0, 'rotate');
my %state = map { $_->{id} => $_->{state} } issuers();
is("$state{$issuer->{id}} $state{$next->{id}}", 'retired active',
    'the next one signs');
ok(acme_ca_wait(sub { $acme->issue([ 'b.example' ])->{chain}
    =~ /\Q@{[ substr $next->{chain}, 0, 200 ]}\E/ }, 30), 'it does');
is($admin->post("issuers/$issuer->{id}/retire", {})->{status}, 409, 'once');
is(join(' ', map { $_->{action} } reverse grep { $_->{action} =~ /^issuer-/
    && $_->{actor} eq 'operator' && $_->{outcome} eq 'done' }
    @{$reader->get('audit')->json()->{items}}),
    'issuer-wanted issuer-wanted issuer-retired issuer-active', 'audited');

$tag = $reader->get("issuers/$issuer->{id}")->{headers}{etag};
$reply = $admin->post("issuers/$issuer->{id}/compromised", {},
    headers => "If-Match: $tag\r\n");
is($reply->{status}, 200, 'compromised, as If-Match says');
is($reply->json()->{state}, 'compromised', 'it is');
is($admin->post("issuers/$issuer->{id}/compromised", {})->{status}, 409, 'once');
is((admin('issuer', 'compromised', $issuer->{id}))[1], 1, 'by the tool');
is((admin('issuer', 'retire', $next->{id}, '--force'))[1], 0, 'forced');
is({ map { $_->{id} => $_->{state} } issuers() }->{$next->{id}}, 'retired',
    'nobody signs now');

# If-Match of a certificate

my $serial = cert_serial($chain);
$tag = $reader->get("certificates/$serial")->{headers}{etag};
is($admin->post("certificates/$serial", { remarks => 'a' },
    headers => "If-Match: \"x\", $tag\r\n")->{status}, 200, 'If-Match');
is($admin->post("certificates/$serial", { remarks => 'b' },
    headers => "If-Match: $tag\r\n")->{status}, 412, 'it was changed');
is($reader->get("certificates/$serial")->json()->{remarks}, 'a', 'and stays');

# the radar; what only the files are good for

acme_ca_sql($t, "UPDATE acme_certificates SET not_before = created_at - 80 *
    86400, not_after = created_at + 20 * 86400, created_at = created_at - 80 *
    86400 WHERE serial = x'$serial'");
ok(acme_ca_wait(sub { $json = admin_json('radar'); @$json }, 30), 'radar');
is("$json->[0]{what} $json->[0]{serial}", "late $serial", 'late');
is((admin(@$_))[1], 2, "needs the files: @$_") foreach [ 'backup', 'x' ],
    [ 'restore', 'x' ], [ 'import', 'x' ], [ 'issuer', 'csr' ],
    [ 'issuer', 'import', 'x' ];
like($text, qr/where nginx runs/, 'says so');

is(admin_errors(), '', 'all answers are as the document says');

undef $t;

###############################################################################

sub issuers {
    return @{$reader->get('issuers')->json()->{items}};
}

###############################################################################
