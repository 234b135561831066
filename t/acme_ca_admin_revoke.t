#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What the admin location does to certificates, one or many: revoked, given
# back, described, deleted; and to validations: tried at once, given up.

###############################################################################

use warnings;
use strict;

use Math::BigInt;
use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Admin;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx access /)
    ->has_daemon('sqlite3')->has_daemon('openssl');

acme_ca_conf($t, authority => <<'END', server => <<'END')->plan(94)->run();
    external_account_binding optional;
    validation_attempts 100; validation_timeout 1h;
    profile a { }
    profile b { }
END
    location /admin/ { acme_ca_admin default full; allow 127.0.0.1; deny all; }
    location /read/ { acme_ca_admin default; allow 127.0.0.1; deny all; }
END

my $admin = acme_admin($t);
my $reader = acme_admin($t, path => '/read');
my ($reply, $json);

my $eab = $admin->post('eab', { label => 'team' })->json();
my $one = acme_client($t);
my $two = $one->another();

$one->new_account();
$two->new_account({ externalAccountBinding
    => $two->binding($eab->{kid}, b64u_decode($eab->{hmac_key})) });

my %got = map { $_ => $one->issue([ $_ ]) }
    'a.example', 'b.example', 'x.b.example', 'c.example';
$got{two} = $two->issue([ 'd.example', 'y.b.example' ]);
$got{profile} = $two->issue([ 'e.example' ], more => { profile => 'b' });

###############################################################################

# wrong usage changes nothing

foreach my $bad (
    {}, { dry_run => \1 }, { name => '10.0.0.0/8' }, { name => 'a b' },
    { name => '*', reason => 7 }, { name => '*', reason => 8 },
    { name => '*', reason => 11 }, { name => '*', reason => 'superseded' },
    { serial => 'xyz' }, { name => 7 }, { name => '*', limit => 0 },
    { name => '*', limit => 1001 }, { name => '*', cursor => 'x' },
    { name => '*', invalidity_at => rfc3339(time() + 86400) },
    { name => '*', invalidity_at => 'yesterday' }, { names => 'a.example' },
    { name => '*', dry_run => 'true' }, { name => '*', dry_run => 1 })
{
    is($admin->post('revoke', $bad)->{status}, 400,
        'bad: ' . JSON::PP->new()->canonical()->encode($bad));
}

is($admin->post('revoke', { account => '99' })->{status}, 404, 'no account');
is($admin->post('revoke', { eab => 'none' })->{status}, 404, 'no eab');
is($admin->post('revoke', { issuer => '99' })->{status}, 404, 'no issuer');
is($reader->post('revoke', { name => '*' })->{status}, 403, 'role: read');
is($reader->post('revoke', { name => '*', dry_run => \1 })->{status}, 403,
    'role: read, dry run');
is($admin->post('unrevoke', { name => '*', reason => 6 })->{status}, 400,
    'unrevoke has no reason');

foreach my $none ({ serial => '01' }, { name => 'z.example' },
    { profile => 'c' })
{
    $json = $admin->post('revoke', $none)->json();
    is("$json->{changed} @{$json->{items}}", '0 ', "none: @{[ %$none ]}");
}

is(revoked(), '', 'nothing is revoked');

###############################################################################

# which

my $rows = acme_ca_sql_value($t, 'SELECT count(*) FROM acme_audit_logs');
$json = $admin->post('revoke', { name => '.b.example', dry_run => \1 })
    ->json();
is(names($json), 'dns:x.b.example dns:d.example dns:y.b.example',
    'dry run: those below a name');
is($json->{changed}, 0, 'dry run: nothing');
is(revoked(), '', 'dry run: is one');
is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_audit_logs'), $rows,
    'dry run: no audit row');

$json = $admin->post('revoke', { name => '.b.example', account => '1',
    reason => 4 })->json();
is($json->{changed}, 1, 'changed');
is(revoked(), 'x.b.example=4', 'by name and account');
is($admin->post('revoke', { name => '.b.example', account => '1' })->json()
    ->{changed}, 0, 'not again');

my $serial = cert_serial($got{'a.example'}{chain});
my $since = time() - 2 * 86400;
$admin->post('revoke', { serial => uc($serial) =~ s/(..)(?!$)/$1:/gr,
    reason => 1, invalidity_at => rfc3339($since) });
is(revoked(), 'a.example=1 x.b.example=4', 'by serial number');
is(acme_ca_sql_value($t, 'SELECT invalidity_at FROM acme_certificates'
    . ' WHERE revocation_reason = 1'), $since, 'since when');
is($admin->get("certificates/$serial")->json()->{invalidity_at},
    rfc3339($since), 'shown');

$admin->post('revoke', { profile => 'b' });
is(revoked(), 'a.example=1 e.example=- x.b.example=4', 'by profile');

$json = $admin->post('revoke', { eab => $eab->{kid}, reason => 9 })->json();
is(revoked(), 'a.example=1 d.example=9 e.example=- x.b.example=4',
    'by external account');
is($json->{items}[0]{account}, 2, 'whose it was');
like(audit('details'), qr/"serial":"$json->{items}[0]{serial}".*"reason":9/,
    'audited');
is(audit('certificate_id'), acme_ca_sql_value($t, 'SELECT id FROM'
    . " acme_certificates WHERE serial = x'$json->{items}[0]{serial}'"),
    'with its number');

# by pages; the CA's own is among them

my $left = acme_ca_sql_value($t, 'SELECT count(*) FROM acme_certificates'
    . " WHERE status = 'valid'");
my $issuer = acme_ca_sql_value($t, 'SELECT issuer_id FROM acme_certificates'
    . ' LIMIT 1');
my ($n, $cursor) = (0);

do {
    $json = $admin->post('revoke', { issuer => "$issuer", reason => 6,
        limit => 1, $cursor ? (cursor => $cursor) : () })->json();
    $n += $json->{changed};
    $cursor = $json->{next};
} while $cursor;

is($n, $left, 'by issuer: the rest is held, one by one');
like(revoked(), qr/\ba\.example=1/, 'what was revoked stays as it was');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs"
    . " WHERE action = 'revoke' AND outcome = 'done' AND certificate_id"
    . " IS NOT NULL"), $n + 4, 'a row for each');

is(list('status=held'), 'b.example c.example', 'list: held');
is($admin->post('revoke', { name => 'c.example', reason => 6 })->json()
    ->{changed}, 0, 'what is held is not held again');
is($admin->post('unrevoke', { name => 'b.example', dry_run => \1 })->json()
    ->{changed}, 0, 'dry run of a release');
is($admin->post('unrevoke', { name => 'b.example' })->json()->{changed}, 1,
    'released');
unlike(revoked(), qr/(?<![.\w])b\.example/, 'it is valid');
is($admin->post('unrevoke', { name => 'a.example' })->json()->{changed}, 0,
    'others are not released');

my $held = cert_serial($got{'c.example'}{chain});
is($admin->post("certificates/$held/revoke", { reason => 6 })->{status}, 409,
    'one: not held twice');
is($admin->post("certificates/$held/revoke", { reason => 5 })->json()
    ->{revocation_reason}, 5, 'one: for good');
is($admin->post("certificates/$held/revoke", { reason => 1 })->{status}, 409,
    'one: once');

is($one->revoke($got{'c.example'}{chain})->outcome(), '400 alreadyRevoked',
    'the client is told');
is($one->revoke($got{'b.example'}{chain})->outcome(), '200',
    'and can revoke what was released');

###############################################################################

# found by serial numbers of both kinds, uuid, account, dates

$json = $reader->get("certificates/$serial")->json();
is($json->{serial}, $serial, 'hexadecimal');
is(Math::BigInt->from_hex($serial)->bstr(), $json->{serial_decimal},
    'decimal');
is($reader->get("certificates/$json->{serial_decimal}")->json()->{id},
    $json->{id}, 'by decimal');
is($reader->get('certificates/' . '9' x 60)->{status}, 404, 'too long');
is(list("uuid=$json->{uuid}"), 'a.example', 'by uuid');
is($reader->get('certificates?uuid=1')->{status}, 400, 'no uuid');
is(list("eab=$eab->{kid}"), 'd.example e.example', 'by external account');
is(list('eab=none'), '', 'by none');
is(list('name=x.b.example'), 'x.b.example', 'by name');
is(list('name=.b.example'), 'd.example x.b.example', 'by names below');
is(list('name=b.exampl'), '', 'not by a part');
is(list('account=1&expires_after=' . rfc3339(time() + 10000 * 86400)), '',
    'by date');
is(list("account=1&issuer=$issuer&status=valid"), '', 'by issuer');

###############################################################################

# described, deleted

is($admin->post("certificates/$serial", {})->{status}, 400, 'nothing to say');
is($admin->post("certificates/$serial", { category => 'x' })->{status}, 400,
    'category');
is($admin->post("certificates/$serial", { remarks => 'x' x 1025 })->{status},
    400, 'long remarks');
$json = $admin->post("certificates/$serial", { category => 'device',
    remarks => 'in the "cellar"' })->json();
is("$json->{category}, $json->{remarks}", 'device, in the "cellar"', 'set');
$json = $admin->post("certificates/$serial", { category => 'user' })->json();
is("$json->{category}, $json->{remarks}", 'user, in the "cellar"',
    'one is left');

is($reader->post("certificates/$serial/delete", { force => \1 })->{status},
    403, 'delete: role');
is($admin->post("certificates/$serial/delete", {})->{status}, 409,
    'delete: it has not expired');
is($admin->post("certificates/$serial/delete", { force => \1 })->{status},
    204, 'delete: forced');
is($reader->get("certificates/$serial")->{status}, 404, 'it is gone');
is(audit('action'), 'certificate-delete', 'and audited');

###############################################################################

# validations: one whose name has nobody to answer

acme_ca_dns($t, 'dead.example' => { A => '127.0.0.77' });
my $order = $one->new_order([ 'dead.example' ]);
$one->respond($order->json()->{authorizations}[0]);

# from here on it waits for the operator, unless it was taken up once more

ok(acme_ca_wait(sub { acme_ca_sql($t, 'UPDATE jobs SET run_at = run_at + 3000,
    deadline_at = deadline_at + 6000 WHERE last_error IS NOT NULL
    AND lease_until = 0 RETURNING run_at') }), 'a job that failed once');
my ($job) = @{$reader->get('jobs?name=dead.example')->json()->{items}};
is($job->{state}, 'waiting', 'and waits');
like($job->{last_error}, qr/^connection: 127\.0\.0\.77:/, 'its error');
is("$job->{kind} $job->{type} $job->{account}", 'test-challenge http-01 1',
    'what it is');

is($admin->post('jobs/1/retry', {})->{status}, 404, 'retry: no such job');
my $attempts = attempts();
is($admin->post("jobs/$job->{id}/retry", {})->json()->{id}, $job->{id},
    'retry');
ok(acme_ca_wait(sub { attempts() > $attempts }), 'it was tried again');

is($admin->post("jobs/$job->{id}/cancel", {})->{status}, 204, 'cancel');
is($one->post($order->location())->json()->{status}, 'invalid',
    'its order is invalid');
is($reader->get("jobs/$job->{id}")->{status}, 404, 'it is gone');
is(audit('action'), 'job-cancel', 'audited');

$json = $reader->get('audit/state')->json();
cmp_ok($json->{chained}, '>', 0, 'the audit log is chained');
is($json->{sealed}, 0, 'nothing is sealed');

is(admin_errors(), '', 'all answers are as the document says');

undef $t;

###############################################################################

# that were made

sub attempts {
    return acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
        WHERE action = 'validate' AND outcome = 'failed'");
}


sub revoked {
    return join ' ', sort map {
        my ($name) = $_->{sans} =~ /^\w+:(\S+)/;
        "$name=" . (defined $_->{reason} ? $_->{reason} : '-')
    } acme_ca_sql($t, 'SELECT sans, revocation_reason AS reason FROM'
        . " acme_certificates WHERE status = 'revoked'"
        . ' AND account_id IS NOT NULL');
}


sub names {
    return join ' ', map { @{$_->{names}} } reverse @{$_[0]{items}};
}


# the first names of a list, without the CA's own certificates

sub list {
    return join ' ', sort map { $_->{names}[0] =~ s/^dns://r }
        grep { $_->{account} }
        @{$reader->get("certificates?$_[0]")->json()->{items}};
}


sub audit {
    return acme_ca_sql_value($t, "SELECT $_[0] FROM acme_audit_logs"
        . " WHERE actor = 'operator' ORDER BY id DESC LIMIT 1");
}

###############################################################################
