#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What leaves a row in the audit log: every issuance, refusal, act of the
# operator, start and reload, each with who, what and why.  The tables below name
# all actions that the sources do.

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

my $t = Test::Nginx->new()->has(qw/ http cryptx auth_basic /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

acme_ca_conf($t, dns => { 'dead.example' => { A => '127.0.0.77' } },
    authority => <<'END', server => <<'END');
    deny dns .denied.example;
    external_account_binding optional;
    pre_authorization on;
    rate_limit new_accounts 4/1d;
    validation_attempts 100; validation_timeout 1h;
    event_hook /event revoked;
    audit_checkpoint 1s;
END
    location /event { internal; return 204; }
    location /admin/ {
        auth_basic            admin;
        auth_basic_user_file  %%TESTDIR%%/users;
        acme_ca_admin         default full;
    }
    location /read/ {
        auth_basic            admin;
        auth_basic_user_file  %%TESTDIR%%/users;
        acme_ca_admin         default read;
    }
END

$t->write_file('users', "alice:{PLAIN}secret\n");
$t->plan(86)->run();
acme_ca_tool($t);

my $acme = acme_client($t);
my $other = $acme->another();
my $admin = acme_admin($t, user => 'alice:secret');
my ($got, $order, %last);

###############################################################################

# the CA's own

row('start', 'start done', actor => 'server', details => qr/"configuration":/);
row('server certificate', 'issue-server done', actor => 'server',
    certificate_id => 1);

###############################################################################

# accounts

my %client = (actor => 'client', client_address => '127.0.0.1',
    request_id => 1);
my %account = (%client, actor => 'account', account_id => 1);

$acme->new_account();
row('account', 'new-account done', %client, actor => qr/./, account_id => 1);
$other->new_account();
row('another', 'new-account done', account_id => 1);

$acme->post($acme->url('newAccount'), undef, body => '{}');
row('no JWS', 'new-account refused', %client, reason => qr/^malformed: /);
$acme->another()->new_account({ externalAccountBinding => $acme->binding('x',
    'k' x 32) });
row('unknown external account', 'new-account refused', %client,
    reason => qr/^unauthorized: /);
$acme->another()->new_account() for 1 .. 4;
row('too many', 'new-account refused', %client, reason => qr/^rateLimited: /);

$acme->new_order([ 'a.example' ], nonce => 'A' x 22);
row('nonce', 'new-order refused', %client, actor => 'account', reason => qr/^badNonce: /);
$acme->new_order([ 'a.example' ], key => $other->{key});
row('signature', 'new-order refused', %client, reason => qr/^\w+: /);
$acme->new_order([ 'a.example' ], url => 'http://x/');
row('URL', 'new-order refused', %client, reason => qr/^unauthorized: /);
$acme->post(acme_ca_url() . '/nothing', {});
row('no such resource', 'request refused', %client, reason => qr/: /);

$acme->account({ contact => [ 'mailto:a@a.example' ] });
row('contacts', 'update-account done', %account);
$acme->account({ contact => [ 'x' ] });
row('wrong contact', 'update-account refused', %account, reason => qr/: /);
$acme->key_change($other->{key});
row('a key that is taken', 'key-change refused', %account,
    reason => qr/^(?:malformed|conflict)?.*: /);
$acme->key_change(acme_key('ES256'));
row('another key', 'key-change done', %account, details => qr/"/);

# orders and what belongs to them

$acme->new_order([ 'x.denied.example' ]);
row('rule', 'new-order refused', %account,
    reason => qr/^rejectedIdentifier: .*\.denied\.example/,
    details => qr/x\.denied\.example/);
$acme->post($acme->url('newAuthz'),
    { identifier => { type => 'dns', value => 'y.denied.example' } });
row('rule', 'new-authz refused', %account, reason => qr/^rejectedIdentifier: /);
$acme->post($acme->url('newAuthz'),
    { identifier => { type => 'dns', value => 'y.example' } });
row('authorization', 'new-authz done', %account);

$order = $acme->new_order([ 'bad.example' ]);
row('order', 'new-order done', %account, order_id => 1,
    details => qr/bad\.example/);
$acme->finalize($order, 'x');
row('not ready', 'issue refused', %account, reason => qr/^orderNotReady: /);

my ($authz) = @{$order->json()->{authorizations}};
$acme->post($acme->challenge($acme->post($authz))->{url}, {});
row('answer', 'respond done', %account, authz_id => 1, challenge_id => 1);
row('validation', 'validate failed', authz_id => 1, challenge_id => 1,
    reason => qr/^\w+: /, details => qr/127\.0\.0\.1/);

$order = $acme->new_order([ 'gone.example' ]);
$acme->post($order->json()->{authorizations}[0], { status => 'deactivated' });
row('deactivated', 'deactivate-authz done', %account, authz_id => 1);

$other->post($_->[1]) && row('not hers', "$_->[0] refused", actor => 'account',
    account_id => 2, client_address => '127.0.0.1', reason => qr/: no such resource/)
    foreach [ 'account', $acme->{kid} ], [ 'orders', "$acme->{kid}/orders" ],
            [ 'order', $order->location() ],
            [ 'authz', $order->json()->{authorizations}[0] ];

$order = $acme->ready_order([ 'a.example' ]);
row('validation', 'validate done', authz_id => 1, challenge_id => 1);
$acme->finalize($order, 'x');
row('CSR', 'issue refused', %account, reason => qr/^badCSR: /);

$got = $acme->issue([ 'a.example' ]);
row('issuance', 'issue done', %account, order_id => 1, certificate_id => 1);
row('download', 'download done', %account, certificate_id => 1);

$other->revoke($got->{chain});
row('not hers', 'revoke refused', %client, actor => 'account',
    reason => qr/^unauthorized: /);
$acme->revoke($got->{chain}, reason => 7);
row('reason', 'revoke refused', %account, reason => qr/^badRevocationReason: /);
$acme->revoke($got->{chain});
row('revocation', 'revoke done', %account, certificate_id => 1,
    details => qr/"by":/);
$acme->revoke($got->{chain});
row('twice', 'revoke refused', %account, reason => qr/^alreadyRevoked: /);

###############################################################################

# the operator, by the admin location: each act, and each refused

my %operator = (actor => 'operator', client_address => '127.0.0.1',
    request_id => 1, details => qr/"user":"alice"/);

my $serial = serial($acme->issue([ 'b.example' ])->{chain});
my $kid = $admin->post('eab', { label => 'team' })->json()->{kid};
my $issuer = sql("SELECT id FROM issuers WHERE state = 'active'");

my @acts = (
    [ 'eab', 'eab-create', { label => 'x' }, { label => '' } ],
    [ "eab/$kid/revoke", 'eab-revoke', {}, 'eab/none/revoke' ],
    [ 'accounts/2/revoke', 'revoke-account', {}, 'accounts/999/revoke' ],
    [ 'certificates', 'certificate-import',
      { pem => foreign() }, { pem => 'x' } ],
    [ 'certificates/expire', 'certificate-expire', {}, { x => 1 } ],
    [ "certificates/$serial", 'certificate-set', { remarks => 'x' },
      { category => 'x' } ],
    [ "certificates/$serial/revoke", 'certificate-revoke',
      { reason => 6 }, { reason => 7 } ],
    [ 'unrevoke', 'unrevoke', { serial => $serial }, { serial => 'x' } ],
    [ 'revoke', 'revoke', { serial => $serial }, { serial => $serial,
      dry_run => 'x' } ],
    [ "certificates/$serial/delete", 'certificate-delete',
      { force => JSON::PP::true() }, 'certificates/01/delete' ],
    [ sub { 'jobs/' . job() . '/retry' }, 'job-retry', {}, 'jobs/999/retry' ],
    [ sub { 'jobs/' . job() . '/cancel' }, 'job-cancel', {},
      'jobs/999/cancel' ],
    [ 'hooks/1/retry', 'event-retry', {}, 'hooks/999/retry' ],
    [ 'windows', 'renewal-move', { name => 'b.example' }, { name => '' } ],
    [ 'windows/1/drop', 'renewal-drop', {}, 'windows/999/drop' ],
    [ 'issuers/rotate', 'issuer-rotate', {}, { x => 1 }, 'issuer-wanted' ],
    [ "issuers/$issuer/retire", 'issuer-retire',
      { force => JSON::PP::true() }, {}, 'issuer-retired' ],
    [ "issuers/$issuer/compromised", 'issuer-compromise', {},
      'issuers/999/compromised', 'issuer-compromised' ],
    [ 'audit/seal', 'audit-seal', \&sealable, {} ],
);

my $dead = $acme->new_order([ 'dead.example' ]);
$acme->respond($dead->json()->{authorizations}[0]);

foreach my $act (@acts) {
    my ($path, $action, $value, $wrong, $done) = @$act;

    $admin->post(ref $wrong ? ref $path ? $path->() : $path : $wrong,
                 ref $wrong ? $wrong : $value);
    row("$action: refused", "$action refused", %operator, reason => qr/./);

    $admin->post(ref $path ? $path->() : $path,
                 ref $value eq 'CODE' ? $value->() : $value);
    $done ||= $action;
    row($action, "$done done", %operator);
}

# who may only read does not, and leaves a row as well

acme_admin($t, path => '/read', user => 'alice:secret')->post('eab',
    { label => 'y' });
row('by a reader', 'eab-create refused', %operator, reason => qr/to read/);

is(join(' ', sort map { $_->[1] } @acts), join(' ', actions(
    'src/admin/acme_ca_admin.c', qr/ngx_string\("[^"]+"\), "([a-z-]+)"/)),
    'all acts of the admin location');

###############################################################################

# the operator, by the tool: whatever it writes has a row in its transaction

my @bare;

foreach my $file (glob "$FindBin::Bin/../contrib/lib/acme-ca/*.sh") {
    push @bare, map { "$file: $_" } grep { !/\$\((?:audit|end_accounts) |\$1/ }
        read_text($file) =~ /BEGIN IMMEDIATE;(.*?)COMMIT/sg;
}

is(join("\n", @bare), '', 'each transaction of the tool has a row');

foreach my $case (
    [ 'certificate-expire', 'certificate', 'expire' ],
    [ 'backup', 'backup', "$dir/copy" ],
    [ 'issuer-wanted', 'issuer', 'rotate' ])
{
    my ($action, @args) = @$case;

    tool(@args);
    row("tool: $action", "$action done", actor => 'operator',
        user_agent => qr/acme-ca/, details => qr/"user":"/);
}

###############################################################################

# a reload; a restored database says that it is one

ok(acme_ca_reload($t), 'reloaded');
row('reload', 'reload done', actor => 'server', details => qr/"audit_key":/);

$t->stop();
run_tool('--path', "$dir/restored", 'restore', "$dir/copy");
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE action = 'restore' AND actor = 'operator'
          AND json_extract(details, '\$.folder') = '$dir/copy'",
    "$dir/restored/ca.db"), 1, 'restored');
is(after('restored'), 'restore', 'the next start will say so');

$t->write_file('export.jsonl', (tool('export'))[0]);
run_tool('--path', "$dir/imported", 'import', "$dir/export.jsonl");
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE action = 'import' AND actor = 'operator'",
    "$dir/imported/ca.db"), 1, 'imported');
is(after('imported'), 'import', 'as well');

# all that a client can ask for by POST was done above

my %done = map { s/ .*//r => 1 } keys %last;
is(join(' ', grep { !$done{$_} } actions('src/protocol/acme_ca_dispatch.c',
    qr/(?:NULL|"\w+"), "([a-z-]+)", ACME_CA_POST,/)), '', 'all of the protocol');

undef $t;

###############################################################################

# The next row of that action and outcome.  What is expected of its columns: a
# pattern, a text, or 1: anything.

sub row {
    my ($name, $what, %want) = @_;
    my ($action, $outcome) = split / /, $what;
    my $row;

    my $seen = $last{$what} || 0;

    # the note of a download is written after its reply has left
    acme_ca_wait(sub {
        ($row) = acme_ca_sql($t, "SELECT id, actor, reason, details,
                account_id, order_id, authz_id, challenge_id, certificate_id,
                client_address, user_agent, request_id
            FROM acme_audit_logs
            WHERE id > $seen AND action = '$action' AND outcome = '$outcome'
            ORDER BY id LIMIT 1");
        return $row;
    });

    my @faults = $row ? map {
        my ($is, $want) = ($row->{$_}, $want{$_});

        !defined $is ? "no $_" : ref $want ? $is =~ $want ? () : "$_: $is"
            : $want eq '1' || $is eq $want ? () : "$_: $is";
    } sort keys %want : 'no row';

    is(join(', ', @faults), '', "$what: $name");
    $last{$what} = $row->{id} || $seen;
}


# a validation that waits for its next attempt

sub job {
    acme_ca_wait(sub { acme_ca_sql($t, "UPDATE jobs SET run_at = run_at + 3000,
        deadline_at = deadline_at + 6000 WHERE last_error IS NOT NULL
            AND lease_until < strftime('%s', 'now')
            AND run_at < strftime('%s', 'now') + 1000");
        sql("SELECT count(*) FROM jobs
            WHERE run_at > strftime('%s', 'now') + 1000"); });

    return sql("SELECT authz_id * 16 + type FROM jobs
        WHERE run_at > strftime('%s', 'now') + 1000 LIMIT 1");
}


# rows that were signed and that no hook needs

sub sealable {
    my $id;

    acme_ca_wait(sub { $id = sql('SELECT max(c.id)
        FROM acme_audit_checkpoints AS c
        WHERE c.id < (SELECT max(id) FROM acme_audit_logs)
              AND c.id <= (SELECT min(log_id) FROM acme_event_hooks)') });

    return { up_to => 0 + $id, sha256 => 'a' x 64 };
}


sub after {
    return acme_ca_sql_value($t, 'SELECT start_after FROM acme_ca_meta',
        "$dir/$_[0]/ca.db");
}


sub serial { return lc cert_field($_[0], 'serial') }


# a certificate that was signed elsewhere

sub foreign {
    run('openssl', 'req', '-x509', '-newkey', 'ec',
        '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=foreign',
        '-addext', 'subjectAltName=DNS:foreign.example', '-days', '9',
        '-keyout', "$dir/foreign.key", '-out', "$dir/foreign.pem");

    return $t->read_file('foreign.pem');
}


# what a pattern finds in a file of the sources, each once

sub actions {
    my ($file, $pattern) = @_;

    my %found = map { $_ => 1 } grep { defined }
        read_text("$FindBin::Bin/../$file") =~ /$pattern/g;

    return sort keys %found;
}


sub read_text {
    open my $f, '<', $_[0] or die "$_[0]: $!\n";
    local $/;

    return scalar <$f>;
}

###############################################################################
