#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# acme-ca by the admin location does and shows what it does and shows on the
# database; preflight and doctor.

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

my $t = Test::Nginx->new()->has(qw/ http cryptx access /)
    ->has_daemon('sqlite3')->has_daemon('openssl')->has_daemon('curl');

acme_ca_conf($t, authority => <<'END',
    external_account_binding optional;
    validation_attempts 100; validation_timeout 1h;
    profile a { }
    profile b { }
END
    dns => { 'dead.example' => { A => '127.0.0.77' },
        'none.example' => { rcode => 'NXDOMAIN' } },
    server => <<'END')->plan(91)->run();
    location /admin/ { acme_ca_admin default full; allow 127.0.0.1; deny all; }
END

acme_ca_tool($t);

my $acme = acme_client($t);
my $json;

$acme->new_account();
my %got = map { $_ => $acme->issue([ $_ ]) }
    'a.example', 'b.example', 'x.b.example', 'c.example';
$acme->issue([ 'e.example' ], more => { profile => 'b' });

admin('eab', 'create', '--label', 'team', '--max-accounts', '010');
is(sql('SELECT max_accounts FROM acme_eab_credentials'), 10,
    'zeros in front are no octal numbers');

my $order = $acme->new_order([ 'dead.example' ]);
$acme->respond($order->json()->{authorizations}[0]);

# it waits for the operator then, unless it was taken up once more meanwhile

ok(acme_ca_wait(sub { acme_ca_sql($t, 'UPDATE jobs SET run_at = run_at + 3000,
    deadline_at = deadline_at + 6000 WHERE last_error IS NOT NULL
    AND lease_until = 0 RETURNING run_at') }), 'a job that failed');

###############################################################################

# the same is shown

my $serial = lc cert_field($got{'a.example'}{chain}, 'serial') =~ s/^0+//r;

foreach my $case (
    [ 'certificate', 'list', '--name', 'b.example' ],
    [ 'certificate', 'list', '--name', '.example' ],
    [ 'certificate', 'by-name', 'x.b.example' ],
    [ 'certificate', 'expiring', '--within', '1y', '--limit', 2 ],
    [ 'certificate', 'show', $serial ],
    [ 'jobs', 'list' ],
    [ 'jobs', 'attempts', '--name', 'a.example' ],
    [ 'audit', 'list', '--action', 'issue', '--limit', 3 ],
    [ 'audit', 'tail', '--action', 'new-account', '--since', '1d' ],
    [ 'revoke', '--name', '.b.example', '--dry-run' ],
    [ 'revoke', '--serial', $serial, '--dry-run' ],
    [ 'revoke', '--profile', 'b', '--account', 1, '--dry-run' ],
    [ 'account', 'show', 1 ],
) {
    my ($here, $there) = map { plain($_) } json(@$case), admin_json(@$case);

    cmp_ok(scalar(@$here), '>', 0, "some: @$case");
    is_deeply($there, $here, "the same: @$case");
}

is(admin_json('certificate', 'expire')->{expired},
    json('certificate', 'expire')->{expired}, 'expired ones are counted');

is_deeply(admin_json('issuer', 'list'),
    [ map { my %row = %$_; delete @row{qw/ valid revoked /}; \%row }
        @{json('issuer', 'list')} ], 'issuer list, but for counts');

my %here = map { ("$_->{what} $_->{status}" => $_->{n}) }
    @{json('statistics')};
is($here{'certificates valid'}, 6, 'statistics');

my %there = map { ("$_->{what} $_->{status}" => 1) }
    @{acme_ca_wait(sub { my ($text, $bad) = admin('--json',
        'statistics'); !$bad && json_decode($text) }) || []};
ok($there{'database bytes'}, 'statistics, too');

is((admin('certificate', 'inspect', $serial))[1], 0, 'inspect');
like($text, qr/DNS:a\.example/, 'inspect: names');
is(admin_json('certificate', 'verify', $serial)->{ok}, JSON::PP::true(),
    'verify');

# decimal serial numbers and uuids

$json = json('certificate', 'show', $serial);

foreach my $id ($json->{serial_decimal}, $json->{uuid}, uc $json->{uuid}) {
    is(json('certificate', 'show', $id)->{id}, $json->{id}, "by $id");
    is(admin_json('certificate', 'show', $id)->{id}, $json->{id}, 'and there');
}

is((admin('certificate', 'show', '00000000-0000-8000-8000-000000000000'))[1],
    3, 'no such uuid');
is((tool('revoke', '--serial', $json->{serial_decimal}, '--dry-run'))[1], 0,
    'revoke by a decimal number');

###############################################################################

# the same is done

admin('certificate', 'set', $serial, '--remarks', 'it\'s "here"');
is($status, 0, 'set');
is(sql('SELECT remarks FROM acme_certificates WHERE remarks IS NOT NULL'),
    'it\'s "here"', 'it is');

foreach my $case ([ 2 ], [ 2, '--name', '*', '--reason', '7' ],
    [ 3, '--name', 'z.example' ], [ 3, '--eab', 'nobody' ],
    [ 3, '--account', 99 ])
{
    my ($wanted, @args) = @$case;
    is((admin('revoke', @args))[1], $wanted, "revoke @args: $wanted");
}

admin('revoke', '--name', '.b.example', '--reason', 'certificateHold',
    '--since', '2h');
is($status, 0, 'revoke');
is(sql('SELECT group_concat(sans || revocation_reason || \' \' || (revoked_at
    - invalidity_at >= 7200)) FROM acme_certificates WHERE status = \'revoked\''),
    'dns:x.b.example6 1', 'it is');
is((admin('unrevoke', '--name', '*'))[1], 0, 'unrevoke');
is(sql("SELECT count(*) FROM acme_certificates WHERE status = 'revoked'"), 0,
    'it is not');

is((admin('certificate', 'delete', $json->{uuid}))[1], 1, 'delete: live');
is((admin('certificate', 'delete', $json->{uuid}, '--force'))[1], 0,
    'delete: forced');
is((admin('certificate', 'show', $serial))[1], 3, 'it is gone');

my $job = json('jobs', 'list')->[0]{id};
my $tries = sql("SELECT count(*) FROM acme_audit_logs
    WHERE action = 'validate' AND outcome = 'failed'");
is((admin('order', 'list', '--status', 'nonsense'))[1], 2, 'no such status');
is((admin('jobs', 'retry', "0$job"))[1], 0, 'retry');
ok(acme_ca_wait(sub { sql("SELECT count(*) FROM acme_audit_logs
    WHERE action = 'validate' AND outcome = 'failed'") > $tries }),
    'it was tried');
is((tool('jobs', 'retry', "0$job"))[1], 0, 'retry: no octal number');
is((admin('jobs', 'cancel', $job))[1], 0, 'cancel');
is((admin('jobs', 'cancel', $job))[1], 3, 'cancel: once');

is((admin(@$_))[1], 2, "needs the files: @$_")
    foreach [ 'backup', 'x' ], [ 'issuer', 'csr' ];

# what was signed elsewhere is read alike

my $dir = $t->testdir();

openssl_run('req', '-x509', '-newkey', 'ec', '-pkeyopt',
    'ec_paramgen_curve:P-256', '-nodes', '-keyout', "$dir/o.key", '-out',
    "$dir/o.pem", '-subj', '/O=Other/CN=Other CA', '-days', 9);
openssl_run('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout',
    "$dir/l.key", '-out', "$dir/l.csr", '-subj', '/CN=Leaf "x"');
$t->write_file('l.cnf', "subjectAltName = DNS:L.Example, IP:2001:DB8:0:0::1,"
    . " IP:10.0.0.7, email:me\@l.example\n");
openssl_run('x509', '-req', '-in', "$dir/l.csr", '-CA', "$dir/o.pem", '-CAkey',
    "$dir/o.key", '-out', "$dir/l.pem", '-days', 5, '-extfile', "$dir/l.cnf",
    '-set_serial', '0x00ab12');
$t->write_file('chain.pem', $t->read_file('l.pem') . $t->read_file('o.pem'));

foreach my $file ('l.pem', 'chain.pem') {
    my @shown;

    foreach my $run (\&admin_json, \&json) {
        push @shown, plain($run->('certificate', 'import', "$dir/$file",
            '--category', 'device', '--remarks', 'old'))->[0];
        delete @{$shown[-1]}{qw/ id created imported /};
        is((admin('certificate', 'delete', 'ab12', '--force'))[1], 0,
            "$file: deleted");
    }

    is_deeply($shown[0], $shown[1], "$file: the same");
    is($shown[0]{issuer}, 'CN=Other CA,O=Other', "$file: issuer");
}

is((admin('certificate', 'import', "$dir/l.key"))[1], 2, 'no certificate');
$t->write_file('wrong.pem', $t->read_file('l.pem') . $got{'b.example'}{chain});
is((admin('certificate', 'import', "$dir/wrong.pem"))[1], 2, 'wrong issuer');
like($text, qr/did not sign/, 'says so');
$json = admin_json('certificate', 'import', "$dir/l.pem");
is($json->{names}, 'dns:l.example ip:2001:db8::1 ip:10.0.0.7'
    . ' email:me@l.example', 'names');
is((admin('certificate', 'import', "$dir/l.pem"))[1], 1, 'known already');

###############################################################################

# preflight, doctor

is((tool('preflight', 'a.example'))[1], 2, 'preflight needs nginx');
is((admin('preflight', 'a.example'))[1], 0, 'preflight');
like($text, qr/^http-01 +yes .*\n(?s:.*)127\.0\.0\.1:\d+ .* 404 /m,
    'what was found');
is((admin('preflight', 'dead.example', '--challenge', 'http-01'))[1], 1,
    'nothing works');
is(admin_json('preflight', 'a.example')->{ok}, JSON::PP::true(), 'JSON');

is((admin('doctor', '--name', 'a.example'))[1], 0, 'doctor')
    or diag($text);
like($text, qr/^ok +http-01 /m, 'doctor: preflight');
like($text, qr/^ok +issuer \d+ /m, 'doctor: issuers');
is((admin('doctor', '--name', 'none.example'))[1], 1, 'doctor: a fault');
like($text, qr/^fault +http-01 +no address for none\.example/m,
    'doctor: which');

tool('doctor', '--url', acme_ca_url() . '/directory', '--name', 'localhost');
like($text, qr/^ok +url /m, 'doctor of the files: the directory');
like($text, qr/^(?:ok|warning) +clock .* between the server/m,
    'doctor of the files: clocks');
like($text, qr/^ok +resolver +localhost is /m,
    'doctor of the files: the resolver');

undef $t;

###############################################################################

sub openssl_run {
    my $said = run('openssl', @_);
    die "openssl @_: $said" if $?;
}


# what differs by nature: ages; documents as texts; what is shown in one place
# only

sub plain {
    my ($rows) = @_;

    return [ map { my %row = %$_;
        foreach my $name (qw/ details names contact jwk eab orders certificates
            certificate
            age days first_download last_download state /)
        {
            delete $row{$name};
        }

        +{ map { $_ => defined $row{$_} ? "$row{$_}" : undef } keys %row }
    } ref $rows eq 'ARRAY' ? @$rows : $rows ];
}

###############################################################################
