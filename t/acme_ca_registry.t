#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The registry by the operator's tool: by serial number, uuid and name, what
# expires, what was signed elsewhere, revocation, removal; what will be trouble.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
acme_ca_tool($t);

acme_ca_conf($t, authority => 'profile default { lifetime 90d; }'
    . ' profile short { lifetime 2d; } validation_timeout 1m;')
    ->plan(79)->run();

my $dir = $t->testdir();
my $json;

my $acme = acme_client($t);
my $one = $acme->issue([ 'a.example', 'b.example' ]);
my $two = $acme->issue([ 'b.example' ], more => { profile => 'short' });
my ($serial, $other) = map { cert_serial($_->{chain}) } $one, $two;

###############################################################################

# one certificate

$json = json('certificate', 'show', $serial);
is($json->{status}, 'valid', 'status');
is($json->{category}, 'service', 'category');
is($json->{names}, 'dns:a.example dns:b.example', 'names');
is($json->{account}, 1, 'account');
is($json->{profile}, 'default', 'profile');
like($json->{uuid}, qr/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-/,
    'uuid');
is(dec2hex($json->{serial_decimal}), $serial =~ s/^0//r, 'decimal serial');
like($json->{fingerprint_sha256}, qr/^[0-9a-f]{64}$/, 'fingerprint');
is(json('cert', 'show', uc $json->{uuid})->{serial}, $json->{serial},
    'by its uuid');
like((tool('certificate', 'inspect', $serial))[0], qr/DNS:a\.example/,
    'inspect');
is((tool('certificate', 'chain', $serial))[0] =~ s/\n+/\n/gr,
    $one->{chain} =~ s/\n+/\n/gr, 'chain');
is((tool('certificate', 'verify', $serial))[0], "ok\n", 'verify');
is((tool('certificate', 'show', '1234'))[1], 3, 'absent');
is((tool('certificate', 'show', "x'"))[1], 2, 'no serial number');

# lists

is_deeply([ serials('certificate', 'by-name', 'b.example') ],
    [ $other, $serial ], 'by name, newest first');
is_deeply([ serials('certificate', 'by-name', 'A.EXAMPLE') ], [ $serial ],
    'by another name');
is_deeply([ serials('certificate', 'by-name', 'example') ], [], 'by no name');
is_deeply([ serials('certificate', 'list', '--name', 'a.example') ], [ $serial ],
    'list of a name');
is_deeply([ serials('certificate', 'list', '--name', '.example') ],
    [ $other, $serial ], 'of all below one');
is_deeply([ serials('certificate', 'list', '--name', '.ple') ], [],
    'of labels that are whole');
is_deeply([ serials('certificate', 'list', '--profile', 'short') ], [ $other ],
    'by profile');
is(scalar serials('certificate', 'list', '--issuer', 1), 3, 'by issuer');
is(scalar serials('certificate', 'list', '--category', 'internal'), 1,
    'the own certificate of the CA');
is_deeply([ serials('certificate', 'list', '--category', 'service', '--limit',
    1) ], [ $other ], 'a page');
is_deeply([ serials('certificate', 'list', '--category', 'service', '--before',
    json('certificate', 'show', $other)->{id}) ], [ $serial ], 'the next one');
is_deeply([ serials('certificate', 'expiring', '--within', '3d') ], [ $other ],
    'expiring');
is((serials('certificate', 'expiring', '--within', '1y'))[0], $other,
    'soonest first');

# what the operator says of it

$json = json('certificate', 'set', $serial, '--category', 'device',
    '--remarks', "it's \"x\"");
is($json->{category}, 'device', 'category set');
is($json->{remarks}, "it's \"x\"", 'remarks set');
is((tool('certificate', 'set', $serial, '--category', 'x'))[1], 2,
    'no such category');
is(sql("SELECT count(*) FROM acme_audit_logs WHERE action = 'certificate-set'"),
    1, 'audited');

###############################################################################

# signed elsewhere: the issuer with it, the issuer unknown

foreign('first', 'first.example');
foreign('second', 'second.example');

$t->write_file('bundle.pem', $t->read_file('first.pem')
    . $t->read_file('first-ca.pem'));

$json = json('certificate', 'import', "$dir/bundle.pem", '--category', 'user',
    '--remarks', 'from before');
is($json->{status}, 'valid', 'imported');
is($json->{category}, 'user', 'with its category');
is($json->{names}, 'dns:first.example ip:10.0.0.1', 'with its names');
is($json->{common_name}, 'first.example', 'and its common name');
is($json->{key_type}, 'EC P-256', 'and its key');
is($json->{pem}, $t->read_file('first.pem'), 'as it was');
is((tool('certificate', 'import', "$dir/bundle.pem"))[1], 1, 'once');
is((tool('certificate', 'verify', $json->{serial}))[0], "ok\n", 'verified');

my $unknown = json('certificate', 'import', "$dir/second.pem");
is($unknown->{status}, 'unknown', 'of an unknown issuer');
is((tool('certificate', 'verify', $unknown->{serial}))[1], 1, 'not verified');
is_deeply([ serials('certificate', 'list', '--status', 'unknown') ],
    [ $unknown->{serial} ], 'listed');
is((tool('certificate', 'import', "$dir/nginx.conf"))[1], 1,
    'no certificate');

###############################################################################

# revocation, expiry, removal

is((tool('certificate', 'revoke', $serial, '--reason', 'x'))[1], 2,
    'no such reason');
is((tool('certificate', 'revoke', '99'))[1], 3, 'no such certificate');
is(json('certificate', 'revoke', $serial, '--reason', 'superseded')->{changed},
    1, 'revoked');
is(json('certificate', 'revoke', $serial)->{changed}, 0, 'once');
is(json('certificate', 'show', $serial)->{revocation_reason}, 4, 'reason');
like((tool('certificate', 'verify', $serial))[0], qr/^revoked at /, 'verify');
is_deeply([ serials('certificate', 'list', '--status', 'revoked') ],
    [ $serial ], 'listed');
is_deeply([ serials('certificate', 'by-name', 'a.example') ], [],
    'no valid one');

my $uuid = json('certificate', 'show', $other)->{uuid};

is((tool('certificate', 'delete', $uuid))[1], 1, 'a valid one is not deleted');

my $revoked = json('certificate', 'show', $serial)->{uuid};

is((tool('certificate', 'delete', $revoked))[1], 1, 'nor one of the CRLs');
{
    local $ENV{force} = 'yes';
    is((tool('certificate', 'delete', $revoked))[1], 1, 'nor by a variable');
}

# an external signer has not heard of the revocation yet

acme_ca_sql($t, "INSERT INTO acme_signer_jobs (id, certificate_id, attempts,
        run_at, lease_until, deadline_at, created_at)
    SELECT id * 2 + 1, id, 0, 0, 0, 0, 0 FROM acme_certificates
    WHERE status = 'revoked'; SELECT 1");

is((tool('certificate', 'delete', $revoked, '--force'))[1], 0, 'by force it is');
is((tool('certificate', 'show', $serial))[1], 3, 'gone');
is(sql("SELECT count(*) FROM acme_certificate_names WHERE name = 'a.example'"),
    0, 'with its names');
is(sql("SELECT json_extract(details, '\$.names') FROM acme_audit_logs
    WHERE action = 'certificate-delete'"), 'dns:a.example dns:b.example',
    'audited');

###############################################################################

# trouble: late and not fetched; an issuer that ends

is_deeply(json('radar'), [], 'nothing on the radar');

acme_ca_sql($t, "UPDATE acme_certificates
    SET not_before = not_before - 86400 * 1.8,
        not_after = not_after - 86400 * 1.8,
        created_at = created_at - 86400 * 1.8
    WHERE serial = x'$other'");

is(json('radar')->[0]{what}, 'late', 'late');
is(json('radar')->[0]{serial}, $other, 'which');
is(json('certificate', 'expiring', '--within', '1d')->[0]{days}, 0, 'days');

my $new = $acme->issue([ 'b.example' ], more => { profile => 'short' });
is_deeply(json('radar'), [], 'it has a successor');

acme_ca_sql($t, "UPDATE acme_certificates SET not_after = not_after - 86400
    WHERE serial = x'$other'");
is(json('certificate', 'show', $other)->{status}, 'expired', 'expired');
is_deeply([ map { $_->{serial} } @{json('certificate', 'list', '--status',
    'expired')} ], [ $other ], 'listed before that was noted');

# the workers' timer may have noted it first
my $noted = json('certificate', 'expire');
is($noted->{expired}, 1, 'counted');
cmp_ok($noted->{updated}, '<=', 1, 'noted by whom came first');
isnt(acme_ca_sql_value($t, "SELECT expired_at FROM acme_certificates
    WHERE serial = x'$other'"), undef, 'noted');
is_deeply(json('certificate', 'expire'), { updated => 0, expired => 1 },
    'once');
is_deeply([ map { $_->{serial} } @{json('certificate', 'list', '--status',
    'expired')} ], [ $other ], 'and afterwards');

# its download is noted a moment after it
acme_ca_wait(sub { sql('SELECT first_download_at FROM acme_certificates
    ORDER BY id DESC LIMIT 1') });
acme_ca_sql($t, "UPDATE acme_certificates SET first_download_at = NULL,
    created_at = created_at - 7200 WHERE id = (SELECT max(id)
        FROM acme_certificates)");
is(json('radar')->[0]{what}, 'not fetched', 'not fetched');

acme_ca_sql($t, 'UPDATE issuers SET not_after = unixepoch() + 86400
    WHERE id = 1');
is((grep { $_->{what} eq 'issuer' } @{json('radar', '--within', '2d')}), 1,
    'an issuer that ends');

###############################################################################

# the queue of validations

my $order = $acme->new_order([ 'slow.example' ]);
my ($authz) = @{$order->json()->{authorizations}};
$acme->respond($authz, hold => "$dir/cancelled");

$json = json('jobs', 'list');
is($json->[0]{names}, 'slow.example', 'a validation');
is(json('jobs', 'retry', $json->[0]{id})->{retried}, 1, 'at once');
is(json('jobs', 'cancel', $json->[0]{id})->{cancelled}, 1, 'cancelled');
is($acme->post($authz)->json()->{status}, 'invalid', 'authorization');
is($acme->post($order->location())->json()->{status}, 'invalid', 'order');
is((tool('jobs', 'cancel', $json->[0]{id}))[1], 3, 'no such job');
$t->write_file('cancelled', '');
like(json('jobs', 'attempts', '--name', 'b.example')->[0]{details},
    qr/127\.0\.0\.1/, 'attempts tell addresses');

undef $t;

###############################################################################

# NAME.pem of an authority NAME-ca.pem that is not ours

sub foreign {
    my ($name, $host) = @_;

    run(qw/ openssl req -x509 -newkey ec
        -pkeyopt ec_paramgen_curve:P-256 -nodes -days 400 -keyout /,
        "$dir/$name-ca.key", '-out', "$dir/$name-ca.pem", '-subj',
        "/O=Elsewhere/CN=$name");
    run(qw/ openssl req -x509 -newkey ec
        -pkeyopt ec_paramgen_curve:P-256 -nodes -days 5 -CA /,
        "$dir/$name-ca.pem", '-CAkey', "$dir/$name-ca.key", '-keyout',
        "$dir/$name.key", '-out', "$dir/$name.pem", '-subj', "/CN=$host",
        '-addext', "subjectAltName=DNS:$host,IP:10.0.0.1");
}


sub dec2hex {
    require Math::BigInt;

    return Math::BigInt->new($_[0])->as_hex() =~ s/^0x0*//r;
}


sub serials {
    return map { $_->{serial} } @{json(@_)};
}

###############################################################################
