#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Certificates in the operator's hand, by the admin location, by the tool
# through it, and by the tool on the database: all that is known of them, found
# by uuid, by what the radar noted, by when they were revoked; soonest end
# first; read, verified, noted as expired, deleted.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Admin;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx access /)
    ->has_daemon('sqlite3')->has_daemon('openssl')->has_daemon('curl');

acme_ca_conf($t, authority => 'profile default { } profile short'
        . ' { lifetime 7d; }',
    server => <<'END')->plan(77)->run();
    location /admin/ { acme_ca_admin default full; allow 127.0.0.1; deny all; }
    location /read/ { acme_ca_admin default; allow 127.0.0.1; deny all; }
END

acme_ca_tool($t);

my $dir = $t->testdir();
my $admin = acme_admin($t);
my $reader = acme_admin($t, path => '/read');
my $acme = acme_client($t);
my ($reply, $json, %serial);

$acme->new_account({ contact => [ 'mailto:a@a.example' ] });

foreach my $name ('a' .. 'd') {
    $serial{$name} = cert_serial($acme->issue([ "$name.example" ],
        $name =~ /[cd]/ ? (more => { profile => 'short' }) : ())->{chain});
}

###############################################################################

# all that is known

my @known = qw/ id serial serial_decimal uuid status category account order
    names common_name profile key_type issuer fingerprint_sha256 not_before
    not_after created imported revoked revocation_reason invalidity
    first_download last_download replaced_by remarks radar /;

# the note of a download is written after its reply has left
acme_ca_wait(sub { !acme_ca_sql_value($t, 'SELECT count(*) FROM
    acme_certificates WHERE order_id > 0 AND first_download_at IS NULL') });

acme_ca_sql($t, "UPDATE acme_certificates SET category = 'device',
    remarks = 'x \"y\"', replaced_by = id + 1, status = 'revoked',
    revoked_at = unixepoch() - 7200, revocation_reason = 6,
    invalidity_at = 1700000000 WHERE serial = x'$serial{a}';
    UPDATE acme_certificates SET created_at = unixepoch() - 160 * 86400,
    not_before = created_at - 160 * 86400, not_after = created_at + 40 * 86400
    WHERE serial = x'$serial{b}'");

ok(acme_ca_wait(sub { acme_ca_sql_value($t, "SELECT count(*) FROM acme_radar
    WHERE kind = 'late'") }, 30), 'the radar found it late');

foreach my $case ([ 'list', '--limit', 3 ], [ 'by-name', 'b.example' ],
    [ 'expiring', '--within', '8d' ], [ 'show', $serial{a} ],
    [ 'show', $serial{b} ], [ 'list', '--revoked', '3h' ],
    [ 'list', '--radar', 'late' ], [ 'list', '--expires', '8d' ])
{
    my ($here, $there) = map { ref $_ eq 'ARRAY' ? $_ : [ $_ ] }
        json('certificate', @$case), admin_json('certificate', @$case);

    # counted down while we look
    delete $_->{days} foreach @$here, @$there;

    is_deeply($there, $here, "the same: @$case");
    is_deeply([ grep { !exists $here->[0]{$_} } @known ], [],
        "all is there: @$case");
}

is(serials('list', '--revoked', '1h'), '', 'revoked before');
is(serials('list', '--revoked', '3h'), $serial{a}, 'revoked since');
is(serials('list', '--radar', 'late'), $serial{b}, 'late');
is((tool('certificate', 'list', '--radar', 'x'))[1], 2, 'no such word');
is((admin('certificate', 'list', '--radar', 'x'))[1], 2, 'nor there');

my $now = time();
is(names('certificates?radar=late'), 'b', 'radar');
is(names('certificates?radar=late&profile=short'), '', 'radar, profile');
is(names('certificates?radar=expiring'), '', 'radar: nothing');
is($reader->get('certificates?radar=soon')->{status}, 400, 'radar: no word');
is(names('certificates?revoked_after=' . rfc3339($now - 10800)), 'a',
    'revoked since');
is(names('certificates?revoked_after=' . rfc3339($now - 3600)), '',
    'not since');
is(names('certificates?revoked_before=' . rfc3339($now - 3600)), 'a',
    'revoked before');
is($reader->get('certificates?revoked_after=x')->{status}, 400, 'no date');
is_deeply($reader->get("certificates/$serial{b}")->json()->{radar}, [ 'late' ],
    'what was noted');

###############################################################################

# soonest first

is(names('certificates/expiring'), 'c d', 'expiring');
is(names('certificates/expiring?expires_before=' . rfc3339($now + 86400)), '',
    'not so soon');
is(names('certificates/expiring?account=1&profile=default&expires_before='
    . rfc3339($now + 86400 * 1000)), 'b', 'not the revoked one');
is($reader->get('certificates/expiring?account=99')->{status}, 404,
    'no account');
is($reader->get('certificates/expiring?cursor=99')->{status}, 400,
    'no such cursor');

my ($path, @found) = ('certificates/expiring?limit=1&account=1&expires_before='
    . rfc3339($now + 86400 * 1000));

while (defined $path && @found < 9) {
    $reply = $reader->get($path);
    push @found, map { $_->{names}[0] } @{$reply->json()->{items}};
    $path = ($reply->{headers}{link} || '') =~ /^<(\?.*)>/
        ? "certificates/expiring$1" : undef;
}

is("@found", 'dns:c.example dns:d.example dns:b.example', 'in pages');

# what has expired: workers may have noted it first

acme_ca_sql($t, "UPDATE acme_certificates
    SET not_before = not_before - 86400 * 8,
        not_after = not_after - 86400 * 8
    WHERE serial = x'$serial{c}'");
is($reader->post('certificates/expire', {})->{status}, 403, 'not by a reader');
$json = $admin->post('certificates/expire', {})->json();
is($json->{expired}, 1, 'expired');
cmp_ok($json->{updated}, '<=', 1, 'noted');
is_deeply($admin->post('certificates/expire', {})->json(),
    { updated => 0, expired => 1, more => JSON::PP::false() }, 'once');
is_deeply(admin_json('certificate', 'expire'), { updated => 0, expired => 1 },
    'the tool');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE action = 'certificate-expire' AND outcome = 'done'"), 3, 'audited');

###############################################################################

# looked at

is($reader->get("certificates/$serial{b}/text")->{type}, 'text/plain', 'text');
like($reader->get("certificates/$serial{b}/text")->{body}, qr/DNS:b\.example/,
    'all that is in it');
is($reader->get('certificates/99/text')->{status}, 404, 'of none');

run(qw/ openssl req -x509 -newkey ec -pkeyopt
    ec_paramgen_curve:P-256 -nodes -days 5 -keyout /, "$dir/o.key", '-out',
    "$dir/o.pem", '-subj', '/CN=Nobody');
$json = $admin->post('certificates', { pem => $t->read_file('o.pem') })
    ->json();
is_deeply($json->{names}, [], 'no names are none');

run(qw/ openssl req -x509 -newkey ec -pkeyopt
    ec_paramgen_curve:P-256 -nodes -days 5 -CA /, "$dir/o.pem", '-CAkey',
    "$dir/o.key", '-keyout', "$dir/l.key", '-out', "$dir/l.pem", '-subj',
    '/CN=leaf.example');
$serial{leaf} = $admin->post('certificates', { pem => $t->read_file('l.pem')
    . $t->read_file('o.pem') })->json()->{serial};

foreach my $case ([ 'b', 'ok' ], [ 'leaf', 'ok' ],
    [ 'a', 'revoked at \d{4}-\d\d-.*Z' ])
{
    my ($name, $said) = @$case;
    my $bad = $said eq 'ok' ? 0 : 1;

    my $verdict = $reader->get("certificates/$serial{$name}/verify")->json();
    like($verdict->{ok} ? 'ok' : $verdict->{fault}, qr/^$said$/,
        "verify: $name");
    is((tool('certificate', 'verify', $serial{$name}))[1], $bad,
        "verify: $name: database");
    like($text, qr/^$said$/, "verify: $name: says so");
    is((admin('certificate', 'verify', $serial{$name}))[1], $bad,
        "verify: $name: tool");
    like($text, qr/^$said$/, "verify: $name: says so, too");
}

# one whose issuer nobody knows

is($admin->post("certificates/$json->{uuid}/delete", { force => \1 })
    ->{status}, 204, 'deleted by uuid');
acme_ca_sql($t, "UPDATE issuers SET chain_pem = '' WHERE id = (SELECT issuer_id
    FROM acme_certificates WHERE serial = x'$serial{leaf}')");
is($reader->get("certificates/$serial{leaf}/verify")->json()->{fault},
    'its issuer is not known', 'verify: issuer unknown');

###############################################################################

# by uuid

$json = $reader->get("certificates/$serial{d}")->json();
is_deeply($reader->get('certificates/' . uc $json->{uuid})->json(), $json,
    'by uuid');
like($reader->get("certificates/$json->{uuid}/pem")->{body}, qr/^-----BEGIN/,
    'its PEM');
is($reader->get('certificates/00000000-0000-8000-8000-000000000000')->{status},
    404, 'no such uuid');
is($reader->get('certificates/0-0')->{status}, 404, 'no uuid');
is(names("certificates?uuid=$json->{uuid}"), 'd', 'listed');
is($admin->post("certificates/$json->{uuid}/delete", {})->{status}, 409,
    'a live one stays');
is($admin->post("certificates/$json->{uuid}/delete", { force => \1 })
    ->{status}, 204, 'but not if it is forced');
is($reader->get("certificates/$serial{d}")->{status}, 404, 'gone');

# what is held is revoked for good by its own serial number, too

is(json('certificate', 'revoke', $serial{a}, '--reason', 'keyCompromise')
    ->{changed}, 1, 'for good');
is(json('certificate', 'revoke', $serial{a})->{changed}, 0, 'once');
is(admin_json('certificate', 'revoke', $serial{b}, '--reason', '6')
    ->{changed}, 1, 'held, by the tool');
is(admin_json('certificate', 'revoke', $serial{b}, '--reason', 'superseded')
    ->{changed}, 1, 'for good, by the tool');

is(admin_errors(), '', 'all answers are as the document says');

undef $t;

###############################################################################

sub names {
    my ($path) = @_;

    return join ' ', map { map { /^dns:(\w+)\./ } @{$_->{names}} }
        @{$reader->get($path)->json()->{items}};
}


sub serials {
    return join ' ', map { $_->{serial} } @{json('certificate', @_)};
}

###############################################################################
